#include "http-client-private.h"
#include "http1-client.h"
#include "http2-client.h"
#include "limits.h"
#include "tls-connect.h"

#include <signal.h>

struct client_source {
	GSource source;
	struct http_client *client;
};

/* --- the client's source ------------------------------------------------- */

/* Only ever earlier: most deadlines are never reached, and setting the source
 * anew for each call would cost more than the call. */
static void client_wake(struct http_client *client, gint64 when_us)
{
	if (client->wake_us >= 0 && client->wake_us <= when_us)
		return;
	client->wake_us = when_us;
	g_source_set_ready_time(client->source, when_us);
}

static void deadline_set(struct call *call)
{
	struct http_client *client = call->client;

	call->deadline_us = g_get_monotonic_time() + client->timeout_us;
	g_queue_push_tail_link(&client->deadlines, &call->deadline_link);
	client_wake(client, call->deadline_us);
}

/* --- ends of calls ------------------------------------------------------- */

static void call_free(struct call *call)
{
	if (call->cancellable != NULL && call->cancelled_id != 0)
		g_signal_handler_disconnect(call->cancellable, call->cancelled_id);
	g_clear_object(&call->cancellable);
	http_request_free(call->request);
	g_free(call->target);
	g_clear_error(&call->error);
	g_free(call);
}

/* Out of all queues and counts; what was sent is left to itself. */
static void call_detach(struct call *call)
{
	struct http_client *client = call->client;
	struct origin *origin = call->origin;

	g_queue_unlink(&client->deadlines, &call->deadline_link);
	if (call->state == CALL_WAITING) {
		g_queue_unlink(&origin->waiting, &call->queue_link);
		return;
	}
	if (call->state == CALL_PENDING)
		g_queue_unlink(&origin->pending, &call->queue_link);
	origin->active--;
	client->active--;
}

void http_call_finish(struct call *call, const struct http_reply *reply, const GError *error)
{
	struct http_client *client = call->client;

	call_detach(call);
	http_origin_settle(call->origin);
	call->state = CALL_ENDED;
	http_client_pump(client);
	call->done(reply, error, call->first_byte_us, call->data);
	call_free(call);
}

void http_call_fail(struct call *call, GError *error)
{
	struct http_client *client = call->client;
	gboolean timed_out = g_error_matches(error, HTTP_ERROR, HTTP_ERROR_TIMEOUT);

	call_detach(call);
	if (call->state == CALL_HTTP1)
		call->first_byte_us = http1_call_cancel(call->http1);
	else if (call->state == CALL_HTTP2)
		call->first_byte_us =
			http2_connection_cancel(call->connection, call->stream, timed_out);
	call->state = CALL_ENDED;
	call->error = error;
	g_queue_push_tail_link(&client->failed, &call->queue_link);
	client_wake(client, 0);
}

void http_call_fail_as(struct call *call, enum http_error code, const char *text)
{
	http_call_fail(call, g_error_new(HTTP_ERROR, (gint)code, "%s: %s",
					 call->origin->parts.origin, text));
}

static void call_timed_out(struct call *call)
{
	struct origin *origin = call->origin;
	enum call_state state = call->state;

	http_call_fail_as(call, HTTP_ERROR_TIMEOUT,
			  state == CALL_WAITING ? "no turn in time" : "no answer in time");
	http_origin_timed_out(origin, state);
}

static void on_cancelled(GCancellable *cancellable, gpointer data)
{
	struct call *call = data;

	if (call->state == CALL_ENDED)
		return;
	struct origin *origin = call->origin;
	http_call_fail_as(call, HTTP_ERROR_CANCELLED, "cancelled");
	http_origin_settle(origin);
}

/* --- turns --------------------------------------------------------------- */

void http_client_pump(struct http_client *client)
{
	while (client->active < client->parallel && client->ready.length > 0) {
		struct origin *origin = client->ready.head->data;
		struct call *call = g_queue_peek_head(&origin->waiting);

		/* Its time starts. */
		g_queue_unlink(&client->deadlines, &call->deadline_link);
		deadline_set(call);
		http_origin_start(origin);
		http_origin_settle(origin);
	}
}

static gboolean client_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
	struct http_client *client = ((struct client_source *)source)->client;
	gint64 now_us = g_get_monotonic_time();
	GList *link;

	client->dispatching = TRUE;
	client->wake_us = -1;
	g_source_set_ready_time(source, -1);
	while ((link = client->deadlines.head) != NULL &&
	       ((struct call *)link->data)->deadline_us <= now_us) {
		struct origin *origin = ((struct call *)link->data)->origin;

		call_timed_out(link->data);
		http_origin_settle(origin);
	}
	http_client_pump(client);
	while (!client->freed && (link = g_queue_pop_head_link(&client->failed)) != NULL) {
		struct call *call = link->data;

		call->done(NULL, call->error, call->first_byte_us, call->data);
		call_free(call);
	}
	client->dispatching = FALSE;
	if (client->freed)
		g_free(client);
	else if (client->deadlines.head != NULL)
		client_wake(client, ((struct call *)client->deadlines.head->data)->deadline_us);
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs client_source_funcs = {.dispatch = client_dispatch};

/* --- interface ----------------------------------------------------------- */

struct http_client *http_client_new(struct url_guard *guard,
				    const struct http_client_settings *settings, GError **error)
{
	g_autoptr(GError) http1_error = NULL;
	SSL_CTX *tls = tls_context_new(settings->ca_file, error);

	if (tls == NULL)
		return NULL;
	struct http1_client *http1 = http1_client_new(guard, settings->ca_file, &http1_error);
	if (http1 == NULL) {
		g_set_error(error, HTTP_ERROR, HTTP_ERROR_TLS, "cannot set up TLS with %s: %s",
			    settings->ca_file, http1_error->message);
		SSL_CTX_free(tls);
		return NULL;
	}
	/* OpenSSL writes with write(2): a peer that hangs up must not end us. GIO
	 * does the same as soon as it opens a socket. */
	signal(SIGPIPE, SIG_IGN);

	struct http_client *client = g_new0(struct http_client, 1);
	client->guard = url_guard_ref(guard);
	client->tls = tls;
	client->http1 = http1;
	client->timeout_us = (gint64)settings->timeout_secs * G_USEC_PER_SEC;
	client->parallel_per_origin = MAX(settings->parallel_per_origin, 1);
	client->parallel = MAX(settings->parallel, 1);
	client->origins = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, http_origin_free);
	client->wake_us = -1;
	client->source = g_source_new(&client_source_funcs, sizeof(struct client_source));
	((struct client_source *)client->source)->client = client;
	g_source_set_name(client->source, "http-client");
	g_source_attach(client->source, NULL);
	return client;
}

void http_client_send(struct http_client *client, struct http_request *request,
		      GCancellable *cancellable, http_done done, gpointer data)
{
	struct call *call = g_new0(struct call, 1);
	struct url_parts parts = {0};

	call->client = client;
	call->queue_link.data = call->deadline_link.data = call;
	call->request = request;
	call->done = done;
	call->data = data;
	if (!url_guard_parse(client->guard, request->url, &parts, &call->error)) {
		call->error->domain = HTTP_ERROR;
		call->error->code = HTTP_ERROR_REFUSED;
	} else if (g_cancellable_is_cancelled(cancellable)) {
		call->error = g_error_new_literal(HTTP_ERROR, HTTP_ERROR_CANCELLED, "cancelled");
	}
	if (call->error != NULL) {
		url_parts_clear(&parts);
		call->state = CALL_ENDED;
		g_queue_push_tail_link(&client->failed, &call->queue_link);
		client_wake(client, 0);
		return;
	}
	if (cancellable != NULL) {
		/* Not g_cancellable_connect: its disconnect waits for a handler
		 * that runs, and ours may be what runs. */
		call->cancellable = g_object_ref(cancellable);
		call->cancelled_id =
			g_signal_connect(cancellable, "cancelled", G_CALLBACK(on_cancelled), call);
	}
	call->origin = http_origin_get(client, &parts);
	call->target = g_steal_pointer(&parts.target);
	url_parts_clear(&parts);
	call->state = CALL_WAITING;
	g_queue_push_tail_link(&call->origin->waiting, &call->queue_link);
	deadline_set(call);
	http_origin_settle(call->origin);
	http_client_pump(client);
}

void http_client_free(struct http_client **client_p)
{
	struct http_client *client = *client_p;
	GList *link;

	*client_p = NULL;
	if (client == NULL)
		return;
	client->freed = TRUE;
	while ((link = client->deadlines.head) != NULL)
		http_call_fail_as(link->data, HTTP_ERROR_CANCELLED, "shutting down");
	while ((link = g_queue_pop_head_link(&client->failed)) != NULL) {
		struct call *call = link->data;

		call->done(NULL, call->error, call->first_byte_us, call->data);
		call_free(call);
	}
	g_hash_table_unref(client->origins);
	http1_client_free(&client->http1);
	SSL_CTX_free(client->tls);
	url_guard_unref(client->guard);
	g_source_destroy(client->source);
	g_source_unref(client->source);
	if (!client->dispatching)
		g_free(client);
}

guint http_client_connections(const struct http_client *client)
{
	return client->connections + http1_client_connections(client->http1);
}
