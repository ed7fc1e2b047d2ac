#include "metrics-server.h"
#include "http-listener.h"
#include "limits.h"

#include <string.h>

#define CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
/* As open to local users as a loopback port is. */
#define UNIX_MODE 0666

struct metrics_server {
	char *address;
	metrics_server_page page;
	gpointer data;
	SoupServer *soup;
	struct http_listener *listener;
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

static struct metrics_server *metrics_server_new(const char *address, metrics_server_page page,
						 gpointer data, GError **error)
{
	struct metrics_server *server = g_new0(struct metrics_server, 1);
	const struct http_listener_settings settings = {
		.address = address,
		.fd = -1,
		.mode = UNIX_MODE,
		.connections = &connections,
		.max_connections = LIMIT_METRICS_CONNECTIONS,
		.idle_secs = LIMIT_METRICS_IDLE_SECS,
	};

	server->address = g_strdup(address);
	server->page = page;
	server->data = data;
	server->soup = soup_server_new(NULL, NULL);
	soup_server_add_early_handler(server->soup, NULL, handle_early, NULL, NULL);
	soup_server_add_handler(server->soup, NULL, handle, server, NULL);
	server->listener = http_listener_new(&settings, server->soup, error);
	if (server->listener == NULL) {
		g_prefix_error(error, "cannot serve metrics on %s: ", address);
		metrics_server_free(&server);
		return NULL;
	}
	return server;
}

void metrics_server_free(struct metrics_server **server)
{
	struct metrics_server *self = *server;

	if (self == NULL)
		return;
	*server = NULL;
	http_listener_free(&self->listener);
	soup_server_disconnect(self->soup);
	g_object_unref(self->soup);
	g_free(self->address);
	g_free(self);
}

gboolean metrics_server_move(struct metrics_server **server, const char *address,
			     metrics_server_page page, gpointer data, GError **error)
{
	struct metrics_server *moved = NULL;

	if (*server != NULL && g_strcmp0(address, (*server)->address) == 0)
		return TRUE;
	if (address != NULL) {
		moved = metrics_server_new(address, page, data, error);
		if (moved == NULL)
			return FALSE;
	}
	metrics_server_free(server);
	*server = moved;
	return TRUE;
}
