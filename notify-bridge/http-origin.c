#include "http-client-private.h"
#include "http1-client.h"
#include "http2-client.h"
#include "limits.h"
#include "tls-connect.h"

#include <string.h>

/* --- origins ------------------------------------------------------------- */

static gboolean origin_uses_http1(const struct origin *origin)
{
	return !origin->parts.secure || origin->protocol == PROTOCOL_HTTP1;
}

/* Two bounds: what the protocol can carry side by side (an unknown one might be
 * HTTP/1.1), and a window that falls to one call when one timed out and doubles
 * with each answer: origins that do not answer must not fill the client. */
static gboolean origin_has_room(const struct origin *origin)
{
	guint limit = MIN(origin->window, origin->client->parallel_per_origin);

	if (origin->protocol != PROTOCOL_HTTP2)
		limit = MIN(limit, LIMIT_ORIGIN_CONNECTIONS);
	return origin->active < limit;
}

static void membership(GQueue *queue, GList *link, gboolean *is, gboolean want)
{
	if (want == *is)
		return;
	if (want)
		g_queue_push_tail_link(queue, link);
	else
		g_queue_unlink(queue, link);
	*is = want;
}

static void connection_drop(struct origin *origin, struct http2_connection *connection)
{
	origin->client->connections--;
	http2_connection_free(&connection);
}

static void connection_drop_draining(gpointer data, gpointer user_data)
{
	connection_drop(user_data, data);
}

void http_origin_free(gpointer data)
{
	struct origin *origin = data;
	struct http_client *client = origin->client;

	membership(&client->ready, &origin->ready_link, &origin->is_ready, FALSE);
	membership(&client->resting, &origin->rest_link, &origin->is_resting, FALSE);
	membership(&client->idle, &origin->idle_link, &origin->is_idle, FALSE);
	tls_connect_cancel(&origin->connect);
	if (origin->connection != NULL)
		connection_drop(origin, origin->connection);
	g_slist_foreach(origin->draining, connection_drop_draining, origin);
	g_slist_free(origin->draining);
	url_parts_clear(&origin->parts);
	g_free(origin->authority);
	g_free(origin);
}

void http_origin_settle(struct origin *origin)
{
	struct http_client *client = origin->client;
	gboolean resting = origin->active == 0 && origin->waiting.length == 0;

	/* For nobody any more. */
	if (origin->pending.length == 0)
		tls_connect_cancel(&origin->connect);
	membership(&client->ready, &origin->ready_link, &origin->is_ready,
		   origin->waiting.length > 0 && origin_has_room(origin));
	membership(&client->resting, &origin->rest_link, &origin->is_resting, resting);
	membership(&client->idle, &origin->idle_link, &origin->is_idle,
		   resting && origin->connection != NULL);
	if (client->idle.length > LIMIT_IDLE_ORIGINS) {
		struct origin *longest = client->idle.head->data;

		/* Comes back through connection_closed. */
		http2_connection_shutdown(longest->connection);
		membership(&client->idle, &longest->idle_link, &longest->is_idle, FALSE);
	}
	if (client->resting.length > LIMIT_LANES) {
		struct origin *longest = client->resting.head->data;

		g_hash_table_remove(client->origins, longest->parts.origin);
	}
}

static char *authority_new(const struct url_parts *parts)
{
	gboolean ipv6 = strchr(parts->host, ':') != NULL;
	guint16 usual = parts->secure ? 443 : 80;
	g_autofree char *port =
		parts->port != usual ? g_strdup_printf(":%u", parts->port) : g_strdup("");

	return g_strconcat(ipv6 ? "[" : "", parts->host, ipv6 ? "]" : "", port, NULL);
}

struct origin *http_origin_get(struct http_client *client, const struct url_parts *parts)
{
	struct origin *origin = g_hash_table_lookup(client->origins, parts->origin);

	if (origin != NULL)
		return origin;
	origin = g_new0(struct origin, 1);
	origin->client = client;
	url_parts_copy(&origin->parts, parts);
	origin->authority = authority_new(parts);
	origin->window = client->parallel_per_origin;
	g_queue_init(&origin->waiting);
	g_queue_init(&origin->pending);
	origin->ready_link.data = origin->rest_link.data = origin->idle_link.data = origin;
	g_hash_table_insert(client->origins, origin->parts.origin, origin);
	return origin;
}

static void window_grow(struct origin *origin)
{
	origin->window = MIN(origin->window * 2, origin->client->parallel_per_origin);
}

/* --- HTTP/1.1 ------------------------------------------------------------ */

static void http1_done(const struct http_reply *reply, const GError *error, gint64 first_byte_us,
		       gpointer data)
{
	struct call *call = data;

	call->http1 = NULL;
	call->first_byte_us = first_byte_us;
	if (reply != NULL)
		window_grow(call->origin);
	http_call_finish(call, reply, error);
}

static void send_http1(struct call *call)
{
	struct url_parts parts = call->origin->parts;

	parts.target = call->target;
	call->state = CALL_HTTP1;
	call->http1 =
		http1_client_send(call->client->http1, &parts, call->request, http1_done, call);
}

/* --- HTTP/2 -------------------------------------------------------------- */

static void origin_advance(struct origin *origin);

/* The connection takes no more streams, or is gone. Those that were waiting for
 * it try one other: a peer that hangs up on each connection must not keep
 * us connecting. */
static void charge_pending(struct origin *origin)
{
	for (GList *l = origin->pending.head, *next; l != NULL; l = next) {
		struct call *call = l->data;

		next = l->next;
		if (call->retried)
			http_call_fail_as(call, HTTP_ERROR_NOT_SENT, "the peer takes no requests");
		call->retried = TRUE;
	}
}

static void origin_retire_connection(struct origin *origin)
{
	if (origin->connection == NULL || !http2_connection_draining(origin->connection))
		return;
	origin->draining = g_slist_prepend(origin->draining, g_steal_pointer(&origin->connection));
	charge_pending(origin);
}

static void stream_done(const struct http_reply *reply, const GError *error, gint64 first_byte_us,
			gpointer data)
{
	struct call *call = data;
	struct origin *origin = call->origin;

	call->stream = NULL;
	call->connection = NULL;
	call->first_byte_us = first_byte_us;
	if (reply != NULL)
		window_grow(origin);
	if (!g_error_matches(error, HTTP_ERROR, HTTP_ERROR_NOT_SENT) || call->retried) {
		http_call_finish(call, reply, error);
		return;
	}
	/* Before it joins those who are charged for the connection. */
	origin_retire_connection(origin);
	call->retried = TRUE;
	call->state = CALL_PENDING;
	g_queue_push_head_link(&origin->pending, &call->queue_link);
	origin_advance(origin);
}

static void connection_changed(struct http2_connection *connection, gpointer data)
{
	struct origin *origin = data;

	if (origin->connection != connection)
		return;
	origin_advance(origin);
	http_origin_settle(origin);
}

static void connection_closed(struct http2_connection *connection, gpointer data)
{
	struct origin *origin = data;

	if (origin->connection == connection) {
		origin->connection = NULL;
		charge_pending(origin);
	} else {
		origin->draining = g_slist_remove(origin->draining, connection);
	}
	connection_drop(origin, connection);
	origin_advance(origin);
	http_origin_settle(origin);
}

static const struct http2_callbacks http2_callbacks = {
	.changed = connection_changed,
	.closed = connection_closed,
};

static void connected(SSL *ssl, GSocket *socket, const GError *error, gpointer data)
{
	struct origin *origin = data;
	struct http_client *client = origin->client;
	GList *link;

	origin->connect = NULL;
	if (ssl == NULL) {
		while ((link = origin->pending.head) != NULL)
			http_call_fail(link->data, g_error_copy(error));
		http_origin_settle(origin);
		return;
	}
	const unsigned char *alpn;
	unsigned int len;
	SSL_get0_alpn_selected(ssl, &alpn, &len);
	if (len == 2 && memcmp(alpn, "h2", 2) == 0) {
		origin->protocol = PROTOCOL_HTTP2;
		origin->connection =
			http2_connection_new(ssl, socket, origin->authority,
					     LIMIT_IDLE_CONNECTION_SECS, &http2_callbacks, origin);
		client->connections++;
	} else {
		SSL_shutdown(ssl);
		SSL_free(ssl);
		g_object_unref(socket);
		origin->protocol = PROTOCOL_HTTP1;
		origin->http1_until_us =
			g_get_monotonic_time() + (gint64)LIMIT_ORIGIN_MEMORY_SECS * G_USEC_PER_SEC;
		while ((link = g_queue_pop_head_link(&origin->pending)) != NULL)
			send_http1(link->data);
	}
	http_origin_settle(origin);
	http_client_pump(client);
}

/* Brings pending calls as far as they get. */
static void origin_advance(struct origin *origin)
{
	struct http_client *client = origin->client;

	origin_retire_connection(origin);
	if (origin->pending.length == 0)
		return;
	if (origin->connection == NULL) {
		if (origin->connect == NULL)
			origin->connect = tls_connect_start(client->tls, client->guard,
							    &origin->parts, connected, origin);
		return;
	}
	while (origin->pending.length > 0 && http2_connection_room(origin->connection) > 0) {
		struct call *call = g_queue_peek_head(&origin->pending);

		call->stream = http2_connection_open(origin->connection, call->target,
						     call->request, stream_done, call);
		if (call->stream == NULL) {
			http_call_fail_as(call, HTTP_ERROR_PROTOCOL, "the request cannot be sent");
			continue;
		}
		g_queue_unlink(&origin->pending, &call->queue_link);
		call->connection = origin->connection;
		call->state = CALL_HTTP2;
	}
}

/* --- calls --------------------------------------------------------------- */

void http_origin_start(struct origin *origin)
{
	struct http_client *client = origin->client;
	struct call *call = g_queue_pop_head_link(&origin->waiting)->data;

	/* Back at the end of the line, if there is more: see http_origin_settle. */
	membership(&client->ready, &origin->ready_link, &origin->is_ready, FALSE);
	origin->active++;
	client->active++;
	if (origin->protocol == PROTOCOL_HTTP1 && g_get_monotonic_time() > origin->http1_until_us)
		origin->protocol = PROTOCOL_UNKNOWN;
	if (origin_uses_http1(origin)) {
		send_http1(call);
		return;
	}
	call->state = CALL_PENDING;
	g_queue_push_tail_link(&origin->pending, &call->queue_link);
	origin_advance(origin);
}

void http_origin_timed_out(struct origin *origin, enum call_state state)
{
	if (state == CALL_WAITING)
		return;
	origin->window = 1;
	if (state != CALL_PENDING)
		return;
	/* Whoever kept this one waiting has had its time: a handshake that hangs,
	 * or a peer that lets nobody open a stream. Others get a fresh start. */
	tls_connect_cancel(&origin->connect);
	if (origin->connection != NULL && http2_connection_streams(origin->connection) == 0)
		connection_drop(origin, g_steal_pointer(&origin->connection));
	origin_advance(origin);
}
