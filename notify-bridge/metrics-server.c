#include "metrics-server.h"
#include "limits.h"
#include "unix-listener.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <libsoup/soup.h>

#define CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define UNIX_PREFIX "unix:"
/* As open to local users as a loopback port is. */
#define UNIX_MODE 0666

struct metrics_server {
	char *address;
	metrics_server_page page;
	gpointer data;
	SoupServer *soup;
	GSocketService *service;
	char *path; /* of the Unix socket, or NULL */
};

/* Connections of all servers: one that was closed by a reload still has its. */
static guint connections;

static void handle_early(SoupServer *soup, SoupServerMessage *message, const char *path,
			 GHashTable *query, gpointer data)
{
	/* Nobody here wants a body, and keeping one would be memory for a stranger. */
	soup_message_body_set_accumulate(soup_server_message_get_request_body(message), FALSE);
}

static void handle(SoupServer *soup, SoupServerMessage *message, const char *path,
		   GHashTable *query, gpointer data)
{
	struct metrics_server *server = data;
	const char *method = soup_server_message_get_method(message);
	SoupMessageHeaders *headers = soup_server_message_get_response_headers(message);

	if (strcmp(path, "/metrics") != 0) {
		soup_server_message_set_status(message, SOUP_STATUS_NOT_FOUND, NULL);
		return;
	}
	if (method != SOUP_METHOD_GET && method != SOUP_METHOD_HEAD) {
		soup_message_headers_append(headers, "Allow", "GET, HEAD");
		soup_server_message_set_status(message, SOUP_STATUS_METHOD_NOT_ALLOWED, NULL);
		return;
	}

	GString *page = server->page(server->data);
	gsize len = page->len;
	soup_message_headers_append(headers, "Cache-Control", "no-store");
	soup_server_message_set_status(message, SOUP_STATUS_OK, NULL);
	soup_server_message_set_response(message, CONTENT_TYPE, SOUP_MEMORY_TAKE,
					 g_string_free(page, FALSE), len);
}

static void connection_gone(gpointer data, GObject *where)
{
	connections--;
}

static gboolean incoming(GSocketService *service, GSocketConnection *connection, GObject *source,
			 gpointer data)
{
	struct metrics_server *server = data;
	GSocket *socket = g_socket_connection_get_socket(connection);
	g_autoptr(GError) error = NULL;

	if (connections >= LIMIT_METRICS_CONNECTIONS)
		return TRUE; /* closed with its last reference */
	connections++;
	g_object_weak_ref(G_OBJECT(connection), connection_gone, NULL);
	g_socket_set_timeout(socket, LIMIT_METRICS_IDLE_SECS);
	/* libsoup takes every address for an IP address when a request names no host,
	 * and those of Unix sockets are none; nothing here looks at them. */
	g_autoptr(GSocketAddress) loopback = g_inet_socket_address_new_from_string("127.0.0.1", 80);
	if (!soup_server_accept_iostream(server->soup, G_IO_STREAM(connection), loopback, loopback,
					 &error))
		g_debug("metrics: %s", error->message);
	return TRUE;
}

static gboolean listen_unix(struct metrics_server *server, const char *path, GError **error)
{
	int fd = unix_listener_bind(path, SOCK_STREAM, UNIX_MODE, error);

	if (fd < 0)
		return FALSE;
	server->path = g_strdup(path);
	g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, error);
	if (socket == NULL) {
		close(fd);
		return FALSE;
	}
	return g_socket_listener_add_socket(G_SOCKET_LISTENER(server->service), socket, NULL,
					    error);
}

static gboolean listen_tcp(struct metrics_server *server, const char *address, GError **error)
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
	return g_socket_listener_add_address(G_SOCKET_LISTENER(server->service), socket_address,
					     G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL,
					     NULL, error);
}

struct metrics_server *metrics_server_new(const char *address, metrics_server_page page,
					  gpointer data, GError **error)
{
	struct metrics_server *server = g_new0(struct metrics_server, 1);
	gboolean ok;

	server->address = g_strdup(address);
	server->page = page;
	server->data = data;
	server->soup = soup_server_new(NULL, NULL);
	soup_server_add_early_handler(server->soup, NULL, handle_early, NULL, NULL);
	soup_server_add_handler(server->soup, NULL, handle, server, NULL);
	server->service = g_socket_service_new();
	g_signal_connect(server->service, "incoming", G_CALLBACK(incoming), server);

	if (g_str_has_prefix(address, UNIX_PREFIX))
		ok = listen_unix(server, address + strlen(UNIX_PREFIX), error);
	else
		ok = listen_tcp(server, address, error);
	if (!ok) {
		g_prefix_error(error, "cannot serve metrics on %s: ", address);
		metrics_server_free(&server);
		return NULL;
	}
	g_socket_service_start(server->service);
	return server;
}

const char *metrics_server_address(const struct metrics_server *server)
{
	return server->address;
}

void metrics_server_free(struct metrics_server **server)
{
	struct metrics_server *self = *server;

	if (self == NULL)
		return;
	*server = NULL;
	g_signal_handlers_disconnect_by_data(self->service, self);
	g_socket_service_stop(self->service);
	g_socket_listener_close(G_SOCKET_LISTENER(self->service));
	g_object_unref(self->service);
	soup_server_disconnect(self->soup);
	g_object_unref(self->soup);
	if (self->path != NULL)
		g_unlink(self->path);
	g_free(self->path);
	g_free(self->address);
	g_free(self);
}
