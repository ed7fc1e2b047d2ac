#include "http.h"

#include <string.h>
#include <sys/socket.h>

#include <libsoup/soup.h>

#include "http-gzip.h"
#include "http-listener.h"
#include "limits.h"

struct http_server {
	struct syncml_config *config;
	SoupServer *soup;
	struct http_listener *listener;
	http_handle *handle;
	gpointer data;
	gsize body_bytes; /* of all bodies in the making */
	struct http_counts counts;
};

/* Connections of all servers: one that was closed still has its. */
static guint connections;

struct http_exchange {
	struct http_server *server;
	SoupServerMessage *message;
	struct http_request request;
	gboolean paused;
	gboolean gone; /* so is its connection */
};

/* A request in the making, and its body; the message has it. */
struct incoming {
	struct http_server *server;
	SoupServerMessage *message;
	GByteArray *body;
	gsize seen;     /* octets, kept or not */
	guint deadline; /* source */
};

#define INCOMING "fantail-incoming"

/* --- answers without a message --------------------------------------------------------------- */

static const char help_page[] =
	"<!DOCTYPE html>\n<html><head><title>SyncML</title></head><body>\n"
	"<p>This is the address of a SyncML server. Give it to your phone, with the name and "
	"password of your mail account; the databases are called <b>contacts</b>, "
	"<b>calendar</b>, <b>tasks</b> and <b>notes</b>.</p>\n</body></html>\n";

static void set_headers(SoupServerMessage *message)
{
	SoupMessageHeaders *headers = soup_server_message_get_response_headers(message);

	soup_message_headers_replace(headers, "Cache-Control", "private, no-store");
	/* A connection is closed after its answer. libsoup 3.2 keeps one only for who has listeners
	 * of libsoup's own, and then never notices that the peer of a kept one goes, or says
	 * nothing for too long: its descriptor would stay open for ever. */
	soup_message_headers_replace(headers, "Connection", "close");
	soup_message_headers_set_encoding(headers, SOUP_ENCODING_CONTENT_LENGTH);
}

static void say(SoupServerMessage *message, guint status, const char *why)
{
	SoupMessageHeaders *headers = soup_server_message_get_response_headers(message);
	g_autofree char *text = g_strconcat(why, "\n", NULL);

	set_headers(message);
	if (status == SOUP_STATUS_SERVICE_UNAVAILABLE) {
		g_autofree char *secs = g_strdup_printf("%d", LIMIT_SYNCML_RETRY_SECS);

		soup_message_headers_replace(headers, "Retry-After", secs);
	}
	if (status == SOUP_STATUS_METHOD_NOT_ALLOWED)
		soup_message_headers_replace(headers, "Allow", "GET, HEAD, POST");
	/* What is still to come of the request nobody reads. */
	if (status == SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE)
		soup_message_headers_replace(headers, "Connection", "close");
	soup_server_message_set_status(message, status, NULL);
	soup_server_message_set_response(message, "text/plain; charset=utf-8", SOUP_MEMORY_COPY,
					 text, strlen(text));
}

static void show_help(SoupServerMessage *message)
{
	set_headers(message);
	soup_server_message_set_status(message, SOUP_STATUS_OK, NULL);
	soup_server_message_set_response(message, "text/html; charset=utf-8", SOUP_MEMORY_STATIC,
					 help_page, strlen(help_page));
}

/* --- what the headers say -------------------------------------------------------------------- */

static const char *header(SoupServerMessage *message, const char *name)
{
	return soup_message_headers_get_list(soup_server_message_get_request_headers(message),
					     name);
}

/* As many as it likes, in an order of preference that does not matter: we have one thing. */
static gboolean takes(const char *list, const char *wanted, const char *any)
{
	GSList *bad = NULL, *good;
	gboolean found = FALSE;

	if (list == NULL)
		return FALSE;
	good = soup_header_parse_quality_list(list, &bad);
	for (GSList *item = good; item != NULL; item = item->next)
		found = found || g_ascii_strcasecmp(item->data, wanted) == 0 ||
			strcmp(item->data, any) == 0;
	soup_header_free_list(good);
	/* With q=0. */
	for (GSList *item = bad; item != NULL; item = item->next)
		found = found && g_ascii_strcasecmp(item->data, wanted) != 0;
	soup_header_free_list(bad);
	return found;
}

static gboolean is_syncml(const char *type)
{
	gsize len = type == NULL ? 0 : strcspn(type, "; \t");
	static const char *const types[] = {"application/vnd.syncml+xml",
					    "application/vnd.syncml+wbxml"};

	for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
		if (len == strlen(types[i]) && g_ascii_strncasecmp(type, types[i], len) == 0)
			return TRUE;
	}
	return FALSE;
}

static gboolean has_coding(SoupServerMessage *message, gboolean *gzip_r)
{
	const char *coding = header(message, "Content-Encoding");

	*gzip_r = coding != NULL && (g_ascii_strcasecmp(coding, "gzip") == 0 ||
				     g_ascii_strcasecmp(coding, "x-gzip") == 0);
	return coding == NULL || *gzip_r || g_ascii_strcasecmp(coding, "identity") == 0;
}

/* Answers what is no SyncML. */
static void check_headers(struct http_server *server, SoupServerMessage *message, const char *path)
{
	const char *method = soup_server_message_get_method(message);
	const char *charsets = header(message, "Accept-Charset");
	goffset length = soup_message_headers_get_content_length(
		soup_server_message_get_request_headers(message));
	gboolean gzip;

	if (strcmp(path, server->config->path) != 0) {
		say(message, SOUP_STATUS_NOT_FOUND, "There is nothing here.");
	} else if (method == SOUP_METHOD_GET || method == SOUP_METHOD_HEAD) {
		show_help(message);
	} else if (method != SOUP_METHOD_POST) {
		say(message, SOUP_STATUS_METHOD_NOT_ALLOWED, "SyncML is posted.");
	} else if (!is_syncml(header(message, "Content-Type"))) {
		say(message, SOUP_STATUS_UNSUPPORTED_MEDIA_TYPE,
		    "application/vnd.syncml+xml or application/vnd.syncml+wbxml is wanted.");
	} else if (!has_coding(message, &gzip)) {
		say(message, SOUP_STATUS_UNSUPPORTED_MEDIA_TYPE, "The only coding is gzip.");
	} else if (charsets != NULL && !takes(charsets, "utf-8", "*")) {
		say(message, SOUP_STATUS_NOT_ACCEPTABLE, "Answers are in UTF-8.");
	} else if (length > LIMIT_SYNCML_BODY) {
		server->counts.large++;
		say(message, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, "That is too large.");
	}
}

/* --- bodies ------------------------------------------------------------------------------ */

static void drop_body(struct incoming *incoming)
{
	incoming->server->body_bytes -= incoming->body->len;
	g_byte_array_set_size(incoming->body, 0);
}

static void on_chunk(SoupServerMessage *message, GBytes *chunk, gpointer data)
{
	struct incoming *incoming = data;
	struct http_server *server = incoming->server;
	gsize len = g_bytes_get_size(chunk);

	/* libsoup answers when all of the body has come: some of it, for who means no harm. */
	incoming->seen += len;
	if (incoming->seen > 2 * LIMIT_SYNCML_BODY) {
		if (incoming->seen - len <= 2 * LIMIT_SYNCML_BODY)
			http_listener_drop(message);
		return;
	}
	if (soup_server_message_get_status(message) != 0)
		return;
	if (incoming->body->len + len > LIMIT_SYNCML_BODY) {
		server->counts.large++;
		drop_body(incoming);
		say(message, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, "That is too large.");
	} else if (server->body_bytes + len > LIMIT_SYNCML_BODIES) {
		server->counts.large++;
		drop_body(incoming);
		say(message, SOUP_STATUS_SERVICE_UNAVAILABLE, "Too much to do.");
	} else {
		server->body_bytes += len;
		g_byte_array_append(incoming->body, g_bytes_get_data(chunk, NULL), (guint)len);
	}
}

static gboolean on_slow(gpointer data)
{
	struct incoming *incoming = data;

	incoming->deadline = 0;
	incoming->server->counts.slow++;
	drop_body(incoming);
	http_listener_drop(incoming->message);
	return G_SOURCE_REMOVE;
}

static void incoming_free(gpointer data)
{
	struct incoming *incoming = data;

	drop_body(incoming);
	if (incoming->deadline != 0)
		g_source_remove(incoming->deadline);
	g_byte_array_unref(incoming->body);
	g_free(incoming);
}

static void set_deadline(struct incoming *incoming)
{
	if (incoming->deadline != 0)
		g_source_remove(incoming->deadline);
	incoming->deadline = g_timeout_add_seconds((guint)incoming->server->config->request_secs,
						   on_slow, incoming);
}

static struct incoming *incoming_new(struct http_server *server, SoupServerMessage *message)
{
	struct incoming *incoming = g_new0(struct incoming, 1);

	incoming->server = server;
	incoming->message = message;
	incoming->body = g_byte_array_new();
	g_object_set_data_full(G_OBJECT(message), INCOMING, incoming, incoming_free);
	return incoming;
}

/* The first of the headers is here. Who says nothing at all runs into the socket's own deadline;
 * who says a little now and then, into this one. */
static void on_started(SoupServer *soup, SoupServerMessage *message, gpointer data)
{
	set_deadline(incoming_new(data, message));
}

/* The headers are here. */
static void on_early(SoupServer *soup, SoupServerMessage *message, const char *path,
		     GHashTable *query, gpointer data)
{
	struct http_server *server = data;
	struct incoming *incoming = g_object_get_data(G_OBJECT(message), INCOMING);

	if (incoming == NULL)
		incoming = incoming_new(server, message);
	/* libsoup would keep whatever comes. */
	soup_message_body_set_accumulate(soup_server_message_get_request_body(message), FALSE);
	set_deadline(incoming);
	check_headers(server, message, path);
	g_signal_connect(message, "got-chunk", G_CALLBACK(on_chunk), incoming);
}

/* --- requests -------------------------------------------------------------------------- */

static void on_disconnected(SoupServerMessage *message, gpointer data)
{
	struct http_exchange *exchange = data;

	exchange->gone = TRUE;
}

static void exchange_free(struct http_exchange *exchange)
{
	g_signal_handlers_disconnect_by_data(exchange->message, exchange);
	g_bytes_unref(exchange->request.body);
	g_free(exchange->request.session_key);
	g_free(exchange->request.public_url);
	g_free(exchange->request.local_address);
	http_peer_clear(&exchange->request.peer);
	g_object_unref(exchange->message);
	g_free(exchange);
}

/* Where a proxy stands in between, only that knows. */
static char *local_address_of(SoupServerMessage *message, GInetAddress *remote,
			      const struct http_peer *peer)
{
	GSocketAddress *local = soup_server_message_get_local_address(message);
	g_autofree char *text = remote == NULL ? NULL : g_inet_address_to_string(remote);

	if (text == NULL || g_strcmp0(text, peer->address) != 0 || !G_IS_INET_SOCKET_ADDRESS(local))
		return NULL;
	return g_inet_address_to_string(
		g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(local)));
}

static void find_peer(struct http_exchange *exchange)
{
	struct http_server *server = exchange->server;
	SoupServerMessage *message = exchange->message;
	const struct http_peer_headers headers = {
		.host = header(message, "Host"),
		.forwarded_for = header(message, "X-Forwarded-For"),
		.forwarded_proto = header(message, "X-Forwarded-Proto"),
		.forwarded_host = header(message, "X-Forwarded-Host"),
		.forwarded = header(message, "Forwarded"),
	};
	GSocketAddress *address = soup_server_message_get_remote_address(message);
	GInetAddress *remote = NULL;

	if (!http_listener_is_unix(server->listener) && G_IS_INET_SOCKET_ADDRESS(address))
		remote = g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(address));
	http_peer_find(server->config->proxies, remote, &headers, &exchange->request.peer);
	exchange->request.local_address =
		local_address_of(message, remote, &exchange->request.peer);
}

static char *public_url_of(const struct syncml_config *config, const struct http_peer *peer)
{
	if (config->public_url != NULL)
		return g_strconcat(config->public_url, config->path, NULL);
	/* Without a host a phone takes it as an address on the same server. */
	if (peer->host == NULL || strpbrk(peer->host, "/?#@<>\"' ") != NULL)
		return g_strdup(config->path);
	return g_strconcat(peer->tls ? "https://" : "http://", peer->host, config->path, NULL);
}

/* The request is here in whole. */
static void on_request(SoupServer *soup, SoupServerMessage *message, const char *path,
		       GHashTable *query, gpointer data)
{
	struct http_server *server = data;
	struct incoming *incoming = g_object_get_data(G_OBJECT(message), INCOMING);
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) body = NULL;
	struct http_exchange *exchange;
	gboolean gzip;

	if (incoming == NULL || soup_server_message_get_status(message) != 0)
		return;
	body = g_bytes_new(incoming->body->data, incoming->body->len);
	g_object_set_data(G_OBJECT(message), INCOMING, NULL);
	if (has_coding(message, &gzip) && gzip) {
		GBytes *unpacked = gzip_unpack(body, &error);

		if (unpacked == NULL) {
			gboolean large =
				g_error_matches(error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);

			say(message,
			    large ? SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE : SOUP_STATUS_BAD_REQUEST,
			    large ? "That is too large." : "That is no gzip.");
			return;
		}
		g_bytes_unref(body);
		body = unpacked;
	}

	exchange = g_new0(struct http_exchange, 1);
	exchange->server = server;
	exchange->message = g_object_ref(message);
	find_peer(exchange);
	exchange->request.body = g_steal_pointer(&body);
	exchange->request.content_type = header(message, "Content-Type");
	exchange->request.mac = header(message, "x-syncml-hmac");
	exchange->request.user_agent = header(message, "User-Agent");
	/* libsoup frees the query before the answer is there. */
	exchange->request.session_key =
		query == NULL ? NULL : g_strdup(g_hash_table_lookup(query, "s"));
	exchange->request.public_url = public_url_of(server->config, &exchange->request.peer);
	g_signal_connect(message, "disconnected", G_CALLBACK(on_disconnected), exchange);
	soup_server_message_pause(message);
	exchange->paused = TRUE;
	server->handle(exchange, &exchange->request, server->data);
}

gboolean http_takes_gzip(const struct http_exchange *exchange)
{
	return takes(header(exchange->message, "Accept-Encoding"), "gzip", "*");
}

static void put_body(struct http_exchange *exchange, const char *content_type, GBytes *body,
		     GBytes *packed)
{
	SoupMessageHeaders *headers = soup_server_message_get_response_headers(exchange->message);

	set_headers(exchange->message);
	if (packed != NULL)
		soup_message_headers_replace(headers, "Content-Encoding", "gzip");
	soup_message_headers_replace(headers, "Vary", "Accept-Encoding");
	soup_message_headers_set_content_type(headers, content_type, NULL);
	soup_message_body_append_bytes(soup_server_message_get_response_body(exchange->message),
				       packed != NULL ? packed : body);
	soup_server_message_set_status(exchange->message, SOUP_STATUS_OK, NULL);
}

void http_answer(struct http_exchange *exchange, guint status, const char *content_type,
		 GBytes *body, GBytes *packed)
{
	if (!exchange->gone) {
		if (body != NULL)
			put_body(exchange, content_type, body, packed);
		else
			say(exchange->message, status, soup_status_get_phrase(status));
		soup_server_message_unpause(exchange->message);
	}
	exchange_free(exchange);
}

/* --- the server --------------------------------------------------------------------------- */

struct http_server *http_server_new(const struct syncml_config *config, int fd, http_handle *handle,
				    gpointer data, GError **error)
{
	struct http_server *server = g_new0(struct http_server, 1);
	const struct http_listener_settings settings = {
		.address = config->listen,
		.fd = fd,
		.mode = config->socket_mode,
		.connections = &connections,
		.max_connections = LIMIT_SYNCML_CONNECTIONS,
		.idle_secs = LIMIT_SYNCML_IDLE_SECS,
	};

	server->config = syncml_config_ref(config);
	server->handle = handle;
	server->data = data;
	server->soup = soup_server_new("server-header", "Fantail", NULL);
	g_signal_connect(server->soup, "request-started", G_CALLBACK(on_started), server);
	soup_server_add_early_handler(server->soup, NULL, on_early, server, NULL);
	soup_server_add_handler(server->soup, NULL, on_request, server, NULL);
	server->listener = http_listener_new(&settings, server->soup, error);
	if (server->listener == NULL) {
		g_prefix_error(error, "cannot listen on %s: ", config->listen);
		http_server_free(&server);
		return NULL;
	}
	return server;
}

void http_server_set_config(struct http_server *server, const struct syncml_config *config)
{
	syncml_config_unref(server->config);
	server->config = syncml_config_ref(config);
}

void http_server_counts(const struct http_server *server, struct http_counts *counts_r)
{
	*counts_r = server->counts;
	counts_r->connections = connections;
}

void http_server_stop_accepting(struct http_server *server)
{
	http_listener_stop(server->listener);
}

void http_server_free(struct http_server **server)
{
	struct http_server *self = *server;

	if (self == NULL)
		return;
	*server = NULL;
	soup_server_disconnect(self->soup);
	g_object_unref(self->soup);
	http_listener_free(&self->listener);
	syncml_config_unref(self->config);
	g_free(self);
}
