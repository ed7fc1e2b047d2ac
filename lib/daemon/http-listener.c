#include "http-listener.h"
#include "unix-listener.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>

#define UNIX_PREFIX "unix:"
#define SOCKET "fantail-socket"

struct http_listener {
	struct http_listener_settings settings;
	SoupServer *soup;
	GSocketService *service;
	char *path; /* of the Unix socket that it made, or NULL */
	gboolean is_unix;
};

/* A connection that is to go. */
struct drop {
	SoupServerMessage *message;
	gboolean ended; /* libsoup saw it first */
};

static void connection_gone(gpointer data, GObject *where)
{
	guint *connections = data;

	(*connections)--;
}

static gboolean incoming(GSocketService *service, GSocketConnection *connection, GObject *source,
			 gpointer data)
{
	struct http_listener *listener = data;
	const struct http_listener_settings *settings = &listener->settings;
	GSocket *socket = g_socket_connection_get_socket(connection);
	g_autoptr(GSocketAddress) local = NULL, remote = NULL;
	g_autoptr(GError) error = NULL;

	if (*settings->connections >= settings->max_connections)
		return TRUE; /* closed with its last reference */
	++*settings->connections;
	g_object_weak_ref(G_OBJECT(connection), connection_gone, settings->connections);
	g_socket_set_timeout(socket, settings->idle_secs);
	/* libsoup takes every address for an IP address when a request names no host,
	 * and those of Unix sockets are none. */
	if (listener->is_unix) {
		local = g_inet_socket_address_new_from_string("127.0.0.1", 80);
		remote = g_inet_socket_address_new_from_string("127.0.0.1", 80);
	} else {
		local = g_socket_connection_get_local_address(connection, NULL);
		remote = g_socket_connection_get_remote_address(connection, NULL);
	}
	if (local == NULL || remote == NULL)
		return TRUE; /* it is gone already */
	/* A message has this very address, but no way to its socket. */
	g_object_set_data_full(G_OBJECT(remote), SOCKET, g_object_ref(socket), g_object_unref);
	if (!soup_server_accept_iostream(listener->soup, G_IO_STREAM(connection), local, remote,
					 &error))
		g_debug("HTTP connection: %s", error->message);
	return TRUE;
}

/* Takes `fd`. */
static gboolean add_fd(struct http_listener *listener, int fd, GError **error)
{
	g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, error);

	if (socket == NULL) {
		close(fd);
		return FALSE;
	}
	listener->is_unix = g_socket_get_family(socket) == G_SOCKET_FAMILY_UNIX;
	return g_socket_listener_add_socket(G_SOCKET_LISTENER(listener->service), socket, NULL,
					    error);
}

static gboolean listen_unix(struct http_listener *listener, const char *path, GError **error)
{
	int fd = unix_listener_bind(path, SOCK_STREAM, listener->settings.mode, error);

	if (fd < 0)
		return FALSE;
	listener->path = g_strdup(path);
	return add_fd(listener, fd, error);
}

static gboolean listen_tcp(struct http_listener *listener, const char *address, GError **error)
{
	const char *colon = strrchr(address, ':');
	g_autofree char *host = g_strndup(address, (gsize)(colon - address));
	guint port = (guint)g_ascii_strtoull(colon + 1, NULL, 10);

	if (*host == '[') {
		gsize len = strlen(host);

		memmove(host, host + 1, len - 2);
		host[len - 2] = '\0';
	}
	g_autoptr(GSocketAddress) socket_address =
		g_inet_socket_address_new_from_string(host, port);
	g_return_val_if_fail(socket_address != NULL, FALSE);
	return g_socket_listener_add_address(G_SOCKET_LISTENER(listener->service), socket_address,
					     G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL,
					     NULL, error);
}

struct http_listener *http_listener_new(const struct http_listener_settings *settings,
					SoupServer *soup, GError **error)
{
	struct http_listener *listener = g_new0(struct http_listener, 1);
	const char *address = settings->address;
	gboolean ok;

	listener->settings = *settings;
	listener->settings.address = NULL; /* the caller's */
	listener->soup = g_object_ref(soup);
	listener->service = g_socket_service_new();
	g_socket_listener_set_backlog(G_SOCKET_LISTENER(listener->service),
				      (int)settings->max_connections);
	g_signal_connect(listener->service, "incoming", G_CALLBACK(incoming), listener);

	if (settings->fd >= 0)
		ok = unix_listener_adopt(settings->fd, SOCK_STREAM, error) &&
		     add_fd(listener, settings->fd, error);
	else if (g_str_has_prefix(address, UNIX_PREFIX))
		ok = listen_unix(listener, address + strlen(UNIX_PREFIX), error);
	else
		ok = listen_tcp(listener, address, error);
	if (!ok) {
		http_listener_free(&listener);
		return NULL;
	}
	g_socket_service_start(listener->service);
	return listener;
}

gboolean http_listener_is_unix(const struct http_listener *listener)
{
	return listener->is_unix;
}

void http_listener_stop(struct http_listener *listener)
{
	g_signal_handlers_disconnect_by_data(listener->service, listener);
	g_socket_service_stop(listener->service);
	g_socket_listener_close(G_SOCKET_LISTENER(listener->service));
}

static void drop_free(gpointer data)
{
	struct drop *drop = data;

	g_signal_handlers_disconnect_by_data(drop->message, drop);
	g_object_unref(drop->message);
	g_free(drop);
}

static gboolean on_drop(gpointer data)
{
	const struct drop *drop = data;
	g_autoptr(GIOStream) stream = NULL;

	/* Of a message that has ended libsoup 3.2 would free what it has freed. */
	if (!drop->ended)
		stream = soup_server_message_steal_connection(drop->message);
	if (stream != NULL)
		g_io_stream_close(stream, NULL, NULL);
	return G_SOURCE_REMOVE;
}

static void on_ended(SoupServerMessage *message, gpointer data)
{
	struct drop *drop = data;

	drop->ended = TRUE;
}

void http_listener_drop(SoupServerMessage *message)
{
	GSocketAddress *remote = soup_server_message_get_remote_address(message);
	GSocket *socket = remote == NULL ? NULL : g_object_get_data(G_OBJECT(remote), SOCKET);
	struct drop *drop = g_new0(struct drop, 1);

	drop->message = g_object_ref(message);
	g_signal_connect(message, "finished", G_CALLBACK(on_ended), drop);
	g_signal_connect(message, "disconnected", G_CALLBACK(on_ended), drop);
	/* libsoup reads on as long as there is something, and the main loop waits. */
	if (socket != NULL)
		g_socket_close(socket, NULL);
	g_idle_add_full(G_PRIORITY_HIGH, on_drop, drop, drop_free);
}

void http_listener_free(struct http_listener **listener)
{
	struct http_listener *self = *listener;

	if (self == NULL)
		return;
	*listener = NULL;
	http_listener_stop(self);
	g_object_unref(self->service);
	g_object_unref(self->soup);
	if (self->path != NULL)
		g_unlink(self->path);
	g_free(self->path);
	g_free(self);
}
