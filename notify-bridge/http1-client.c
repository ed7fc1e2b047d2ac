#include "http1-client.h"

#include "guarded-address.h"
#include "http-reply.h"
#include "limits.h"
#include "url-guard.h"

#include <string.h>

#include <libsoup/soup.h>

#define READ_SIZE 4096

/* One origin's session. */
struct site {
	struct http1_client *client;
	struct url_parts parts; /* target is of no meaning */
	SoupSession *session;
	guint calls;
	GList idle_link; /* in client->idle while calls == 0 */
	gint64 idle_since_us;
};

struct http1_client {
	struct url_guard *guard;
	GTlsDatabase *database; /* of ca_file, or NULL */
	GHashTable *sites;      /* origin -> struct site */
	GQueue idle;            /* longest idle first */
	guint sweep;
	GQueue calls;
	guint *connections; /* GRcBox: sockets may outlive us */
};

struct http1_call {
	GList link;        /* in client->calls while `site` is set */
	struct site *site; /* NULL: cancelled, nobody is interested any more */
	SoupMessage *message;
	GCancellable *cancellable;
	GInputStream *stream;
	struct http_reply_builder reply;
	GError *error; /* what libsoup's own error would not tell */
	gint64 first_byte_us;
	http_done done;
	gpointer data;
};

/* libsoup looks for this in the environment with each message; there is no other
 * way in 3.2 to keep it from HTTP/2. Before main, since the environment must
 * not change once there are threads. */
__attribute__((constructor)) static void force_http1(void)
{
	g_setenv("SOUP_FORCE_HTTP1", "1", TRUE);
}

/* --- sites --------------------------------------------------------------- */

static void site_free(gpointer data)
{
	struct site *site = data;

	if (site->calls == 0)
		g_queue_unlink(&site->client->idle, &site->idle_link);
	soup_session_abort(site->session);
	g_object_unref(site->session);
	url_parts_clear(&site->parts);
	g_free(site);
}

static gboolean sweep_idle(gpointer data)
{
	struct http1_client *client = data;
	gint64 limit = g_get_monotonic_time() - (gint64)LIMIT_IDLE_CONNECTION_SECS * G_USEC_PER_SEC;

	while (client->idle.head != NULL) {
		struct site *site = client->idle.head->data;

		if (site->idle_since_us > limit && client->idle.length <= LIMIT_IDLE_ORIGINS)
			return G_SOURCE_CONTINUE;
		g_hash_table_remove(client->sites, site->parts.origin);
	}
	client->sweep = 0;
	return G_SOURCE_REMOVE;
}

static void site_release(struct site *site)
{
	struct http1_client *client = site->client;

	if (--site->calls > 0)
		return;
	site->idle_since_us = g_get_monotonic_time();
	g_queue_push_tail_link(&client->idle, &site->idle_link);
	if (client->sweep == 0)
		client->sweep =
			g_timeout_add_seconds(LIMIT_IDLE_CONNECTION_SECS, sweep_idle, client);
	if (client->idle.length > LIMIT_IDLE_ORIGINS) {
		site = client->idle.head->data;
		g_hash_table_remove(client->sites, site->parts.origin);
	}
}

static struct site *site_get(struct http1_client *client, const struct url_parts *parts)
{
	struct site *site = g_hash_table_lookup(client->sites, parts->origin);

	if (site != NULL) {
		if (site->calls++ == 0)
			g_queue_unlink(&client->idle, &site->idle_link);
		return site;
	}
	g_autoptr(GSocketConnectable) address = guarded_address_new(client->guard, parts);
	site = g_new0(struct site, 1);
	site->client = client;
	site->idle_link.data = site;
	site->calls = 1;
	url_parts_copy(&site->parts, parts);
	site->session = soup_session_new_with_options(
		"remote-connectable", address, "proxy-resolver", NULL, "user-agent",
		HTTP_USER_AGENT, "timeout", 0, "idle-timeout", LIMIT_IDLE_CONNECTION_SECS,
		"max-conns", LIMIT_ORIGIN_CONNECTIONS, "max-conns-per-host",
		LIMIT_ORIGIN_CONNECTIONS, NULL);
	/* There by default; a compressed answer could be a bomb. */
	soup_session_remove_feature_by_type(site->session, SOUP_TYPE_CONTENT_DECODER);
	soup_session_remove_feature_by_type(site->session, SOUP_TYPE_AUTH_MANAGER);
	g_hash_table_insert(client->sites, site->parts.origin, site);
	return site;
}

/* --- ends of calls ------------------------------------------------------- */

static void call_free(struct http1_call *call)
{
	g_clear_object(&call->stream);
	/* libsoup may keep the message for a while. */
	g_signal_handlers_disconnect_by_data(call->message, call);
	g_object_unref(call->message);
	g_object_unref(call->cancellable);
	http_reply_clear(&call->reply);
	g_clear_error(&call->error);
	g_free(call);
}

static struct site *call_detach(struct http1_call *call)
{
	struct site *site = g_steal_pointer(&call->site);

	g_queue_unlink(&site->client->calls, &call->link);
	return site;
}

static void stream_closed(GObject *source, GAsyncResult *result, gpointer data)
{
	/* Nothing depends on how it went. */
	g_input_stream_close_finish(G_INPUT_STREAM(source), result, NULL);
}

/* libsoup reads no more of an answer whose stream is closed early, and does not
 * use that connection again. Merely dropping the stream would close it too,
 * but with blocking reads. */
static void call_close_stream(struct http1_call *call)
{
	if (call->stream == NULL)
		return;
	g_input_stream_close_async(call->stream, G_PRIORITY_DEFAULT, NULL, stream_closed, NULL);
	g_clear_object(&call->stream);
}

/* `error` NULL = answered. */
static void call_finish(struct http1_call *call, const GError *error)
{
	struct site *site = call_detach(call);

	call_close_stream(call);
	if (call->error != NULL)
		error = call->error;
	site_release(site);
	call->done(error == NULL ? http_reply_finish(&call->reply) : NULL, error,
		   call->first_byte_us, call->data);
	call_free(call);
}

static enum http_error error_code(const struct http1_call *call, const GError *error)
{
	if (error->domain == URL_GUARD_ERROR)
		return error->code == URL_GUARD_ERROR_RESOLVE ? HTTP_ERROR_RESOLVE
							      : HTTP_ERROR_REFUSED;
	if (error->domain == G_RESOLVER_ERROR)
		return HTTP_ERROR_RESOLVE;
	if (error->domain == G_TLS_ERROR && call->first_byte_us == 0)
		return HTTP_ERROR_TLS;
	if (call->first_byte_us == 0)
		return HTTP_ERROR_CONNECT;
	if (error->domain == SOUP_SESSION_ERROR)
		return HTTP_ERROR_PROTOCOL;
	return HTTP_ERROR_LOST;
}

static void call_failed(struct http1_call *call, const GError *error)
{
	g_autoptr(GError) ours = g_error_new(HTTP_ERROR, (gint)error_code(call, error), "%s: %s",
					     call->site->parts.origin, error->message);

	call_finish(call, ours);
}

/* Our own reasons to stop; they win over what libsoup makes of it. */
static void call_stop(struct http1_call *call, enum http_error code, const char *text)
{
	if (call->error == NULL)
		call->error = g_error_new(HTTP_ERROR, (gint)code, "%s: %s",
					  call->site->parts.origin, text);
	g_cancellable_cancel(call->cancellable);
}

gint64 http1_call_cancel(struct http1_call *call)
{
	gint64 first_byte_us = call->first_byte_us;

	/* libsoup calls back, in a later turn; see `site` there. */
	site_release(call_detach(call));
	g_cancellable_cancel(call->cancellable);
	return first_byte_us;
}

/* --- libsoup's callbacks -------------------------------------------------- */

static void body_read(GObject *source, GAsyncResult *result, gpointer data);

static void call_read(struct http1_call *call)
{
	g_input_stream_read_bytes_async(call->stream, READ_SIZE, G_PRIORITY_DEFAULT,
					call->cancellable, body_read, call);
}

static void body_read(GObject *source, GAsyncResult *result, gpointer data)
{
	struct http1_call *call = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes =
		g_input_stream_read_bytes_finish(G_INPUT_STREAM(source), result, &error);

	if (call->site == NULL) {
		call_close_stream(call);
		call_free(call);
	} else if (bytes == NULL) {
		call_failed(call, error);
	} else if (g_bytes_get_size(bytes) == 0 ||
		   !http_reply_add_body(&call->reply, g_bytes_get_data(bytes, NULL),
					g_bytes_get_size(bytes))) {
		call_finish(call, NULL);
	} else {
		call_read(call);
	}
}

static gboolean take_headers(struct http1_call *call)
{
	SoupMessageHeadersIter iter;
	const char *name, *value;

	call->reply.reply.status = soup_message_get_status(call->message);
	soup_message_headers_iter_init(&iter, soup_message_get_response_headers(call->message));
	while (soup_message_headers_iter_next(&iter, &name, &value)) {
		if (!http_reply_add_header(&call->reply, name, strlen(name), value, strlen(value)))
			return FALSE;
	}
	return TRUE;
}

static void headers_read(GObject *source, GAsyncResult *result, gpointer data)
{
	struct http1_call *call = data;
	g_autoptr(GError) error = NULL;

	call->stream = soup_session_send_finish(SOUP_SESSION(source), result, &error);
	if (call->site == NULL) {
		call_close_stream(call);
		call_free(call);
	} else if (call->stream == NULL) {
		call_failed(call, error);
	} else if (!take_headers(call)) {
		error = g_error_new(HTTP_ERROR, HTTP_ERROR_PROTOCOL,
				    "%s: the answer's headers are too long",
				    call->site->parts.origin);
		call_finish(call, error);
	} else {
		call_read(call);
	}
}

static void connection_gone(gpointer data, GObject *connection)
{
	guint *connections = data;

	(*connections)--;
	g_rc_box_release(connections);
}

/* The addresses come from the guard already; this is the fence behind it, in
 * case libsoup or GIO should one day find another way to an address. */
static void check_address(struct http1_call *call, GIOStream *connection)
{
	struct site *site = call->site;
	g_autoptr(GSocketAddress) remote =
		g_socket_connection_get_remote_address(G_SOCKET_CONNECTION(connection), NULL);

	if (!G_IS_INET_SOCKET_ADDRESS(remote) ||
	    !url_guard_address_allowed(
		    site->client->guard, &site->parts,
		    g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(remote))))
		call_stop(call, HTTP_ERROR_REFUSED, "the address may not be connected to");
}

static void on_network_event(SoupMessage *message, GSocketClientEvent event, GIOStream *connection,
			     gpointer data)
{
	struct http1_call *call = data;

	if (call->site == NULL)
		return;
	if (event == G_SOCKET_CLIENT_CONNECTING && G_IS_SOCKET_CONNECTION(connection)) {
		check_address(call, connection);
	} else if (event == G_SOCKET_CLIENT_CONNECTED && connection != NULL) {
		guint *connections = call->site->client->connections;

		(*connections)++;
		g_object_weak_ref(G_OBJECT(connection), connection_gone,
				  g_rc_box_acquire(connections));
	} else if (event == G_SOCKET_CLIENT_TLS_HANDSHAKED && G_IS_TLS_CONNECTION(connection) &&
		   g_tls_connection_get_protocol_version(G_TLS_CONNECTION(connection)) <
			   G_TLS_PROTOCOL_VERSION_TLS_1_2) {
		call_stop(call, HTTP_ERROR_TLS, "TLS is older than 1.2");
	}
}

static void on_wrote_headers(SoupMessage *message, gpointer data)
{
	struct http1_call *call = data;

	call->first_byte_us = g_get_monotonic_time();
}

/* The system's trust store said no; ours may know better. It checks name and
 * dates as well. */
static gboolean on_accept_certificate(SoupMessage *message, GTlsCertificate *certificate,
				      GTlsCertificateFlags flags, gpointer data)
{
	struct http1_call *call = data;

	if (call->site == NULL || call->site->client->database == NULL)
		return FALSE;
	g_autoptr(GSocketConnectable) identity =
		g_network_address_new(call->site->parts.host, call->site->parts.port);
	g_autoptr(GError) error = NULL;
	GTlsCertificateFlags left =
		g_tls_database_verify_chain(call->site->client->database, certificate,
					    G_TLS_DATABASE_PURPOSE_AUTHENTICATE_SERVER, identity,
					    NULL, G_TLS_DATABASE_VERIFY_NONE, NULL, &error);
	return error == NULL && left == 0;
}

/* --- interface ----------------------------------------------------------- */

static SoupMessage *message_new(const struct url_parts *parts, const struct http_request *request)
{
	/* From the parts the guard has judged, not from the URL: two readers of
	 * one URL can differ. */
	const char *query = strchr(parts->target, '?');
	g_autofree char *path = query != NULL
					? g_strndup(parts->target, (gsize)(query - parts->target))
					: g_strdup(parts->target);
	g_autoptr(GUri) uri =
		g_uri_build(SOUP_HTTP_URI_FLAGS, parts->secure ? "https" : "http", NULL,
			    parts->host, parts->port, path, query != NULL ? query + 1 : NULL, NULL);
	SoupMessage *message = soup_message_new_from_uri(SOUP_METHOD_POST, uri);

	/* Without IDEMPOTENT libsoup opens a connection for each POST. */
	soup_message_set_flags(message, SOUP_MESSAGE_NO_REDIRECT | SOUP_MESSAGE_IDEMPOTENT |
						SOUP_MESSAGE_DO_NOT_USE_AUTH_CACHE);
	soup_message_set_request_body_from_bytes(message, NULL, request->body);
	SoupMessageHeaders *headers = soup_message_get_request_headers(message);
	for (guint i = 0; i < request->headers->len; i++) {
		const struct http_header *header = request->headers->pdata[i];

		soup_message_headers_append(headers, header->name, header->value);
	}
	return message;
}

struct http1_call *http1_client_send(struct http1_client *client, const struct url_parts *parts,
				     const struct http_request *request, http_done done,
				     gpointer data)
{
	struct http1_call *call = g_new0(struct http1_call, 1);

	call->link.data = call;
	call->site = site_get(client, parts);
	call->message = message_new(parts, request);
	call->cancellable = g_cancellable_new();
	call->done = done;
	call->data = data;
	http_reply_init(&call->reply, FALSE);
	g_queue_push_tail_link(&client->calls, &call->link);
	g_signal_connect(call->message, "network-event", G_CALLBACK(on_network_event), call);
	g_signal_connect(call->message, "wrote-headers", G_CALLBACK(on_wrote_headers), call);
	g_signal_connect(call->message, "accept-certificate", G_CALLBACK(on_accept_certificate),
			 call);
	soup_session_send_async(call->site->session, call->message, G_PRIORITY_DEFAULT,
				call->cancellable, headers_read, call);
	return call;
}

struct http1_client *http1_client_new(struct url_guard *guard, const char *ca_file, GError **error)
{
	GTlsDatabase *database = NULL;

	if (ca_file != NULL) {
		/* glib-networking takes absolute paths only. */
		g_autofree char *path = g_canonicalize_filename(ca_file, NULL);

		database = g_tls_file_database_new(path, error);
		if (database == NULL)
			return NULL;
	}
	struct http1_client *client = g_new0(struct http1_client, 1);
	client->guard = url_guard_ref(guard);
	client->database = database;
	client->sites = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, site_free);
	g_queue_init(&client->idle);
	g_queue_init(&client->calls);
	client->connections = g_rc_box_new0(guint);
	return client;
}

void http1_client_free(struct http1_client **client_p)
{
	struct http1_client *client = *client_p;

	*client_p = NULL;
	if (client == NULL)
		return;
	while (client->calls.head != NULL)
		http1_call_cancel(client->calls.head->data);
	g_hash_table_unref(client->sites);
	g_clear_handle_id(&client->sweep, g_source_remove);
	g_clear_object(&client->database);
	url_guard_unref(client->guard);
	g_rc_box_release(client->connections);
	g_free(client);
}

guint http1_client_connections(const struct http1_client *client)
{
	return *client->connections;
}
