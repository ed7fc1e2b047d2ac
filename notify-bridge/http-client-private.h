/*
 * What http-client.c (calls, turns, time) and http-origin.c (one origin's
 * connections) share.
 *
 * A call waits in its origin's queue until origin and client have room; then it
 * is under way. Over HTTP/1.1 it goes to libsoup at once; over HTTP/2 it is
 * pending until there is a connection with room for a stream. Origins that have
 * work and room take turns, one call at a time.
 *
 * Calls that end for a reason of ours (time, cancellation, no connection) are
 * put aside and told from our own source, so that nobody is called back
 * from inside http_client_send.
 */
#ifndef FANTAIL_HTTP_CLIENT_PRIVATE_H
#define FANTAIL_HTTP_CLIENT_PRIVATE_H

#include "http-client.h"
#include "url-guard.h"

#include <openssl/ssl.h>

struct http1_call;
struct http1_client;
struct http2_connection;
struct http2_stream;
struct tls_connect;

enum protocol {
	PROTOCOL_UNKNOWN, /* connect and see */
	PROTOCOL_HTTP1,
	PROTOCOL_HTTP2,
};

struct origin {
	struct http_client *client;
	struct url_parts parts; /* target is of no meaning */
	char *authority;
	enum protocol protocol;
	gint64 http1_until_us; /* then HTTP/2 is tried again */

	GQueue waiting; /* struct call */
	GQueue pending; /* under way, no stream yet */
	guint active;   /* under way */
	guint window;   /* how many may be, see origin_has_room */

	struct tls_connect *connect;
	struct http2_connection *connection; /* takes new streams */
	GSList *draining;                    /* finish what they have */

	GList ready_link; /* in client->ready */
	GList rest_link;  /* in client->resting */
	GList idle_link;  /* in client->idle */
	gboolean is_ready, is_resting, is_idle;
};

enum call_state {
	CALL_WAITING, /* in origin->waiting */
	CALL_PENDING, /* in origin->pending */
	CALL_HTTP1,
	CALL_HTTP2,
	CALL_ENDED, /* in client->failed or being told: out of everything else */
};

struct call {
	struct http_client *client;
	struct origin *origin;
	enum call_state state;
	GList queue_link;
	GList deadline_link; /* in client->deadlines unless ended */
	gint64 deadline_us;
	char *target;
	struct http_request *request;
	GCancellable *cancellable;
	gulong cancelled_id;
	gboolean retried;
	struct http1_call *http1;
	struct http2_connection *connection; /* of `stream` */
	struct http2_stream *stream;
	gint64 first_byte_us;
	GError *error;
	http_done done;
	gpointer data;
};

struct http_client {
	struct url_guard *guard;
	SSL_CTX *tls;
	struct http1_client *http1;
	gint64 timeout_us;
	guint parallel_per_origin, parallel;

	GHashTable *origins; /* origin -> struct origin */
	GQueue ready;        /* have waiting calls and room, in turns */
	GQueue resting;      /* have no calls; longest first */
	GQueue idle;         /* those of them that have a connection */
	guint active;
	guint connections; /* HTTP/2 */

	GQueue deadlines; /* earliest first: all calls get the same time */
	GQueue failed;
	GSource *source;
	gint64 wake_us; /* what `source` is set to; -1 = not */
	gboolean dispatching, freed;
};

/* --- http-client.c ------------------------------------------------------- */

/* Tells the caller. Nothing of ours may be touched after this: the callback
 * may free the client. */
void http_call_finish(struct call *call, const struct http_reply *reply, const GError *error);
/* Ends the call, from any state but ENDED; the caller is told in a later turn of
 * the loop. The first takes `error`. */
void http_call_fail(struct call *call, GError *error);
void http_call_fail_as(struct call *call, enum http_error code, const char *text);
/* Puts waiting calls under way while there is room. */
void http_client_pump(struct http_client *client);

/* --- http-origin.c ------------------------------------------------------- */

struct origin *http_origin_get(struct http_client *client, const struct url_parts *parts);
/* For the hash table; the origin has no calls left. */
void http_origin_free(gpointer origin);
/* The first waiting call gets under way; there is one, and room. */
void http_origin_start(struct origin *origin);
/* To be called when anything about the origin's calls or connections changed. */
void http_origin_settle(struct origin *origin);
/* One of its calls, which was in `state`, timed out. */
void http_origin_timed_out(struct origin *origin, enum call_state state);

#endif
