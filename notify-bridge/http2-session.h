/*
 * The client's side of one HTTP/2 connection (RFC 9113) over libnghttp2, as a
 * pure core: the peer's bytes and the time go in, bytes to write and outcomes
 * come out. No sockets, no clock, no main loop; http2-client.c has those.
 *
 * What it sees to: the peer's SETTINGS_MAX_CONCURRENT_STREAMS as it changes (no
 * stream is opened before the peer's first SETTINGS), flow control, GOAWAY,
 * refused streams, the ceilings on replies, a ceiling on frames that carry
 * nothing, PING when the peer is in doubt.
 *
 * Times are monotonic microseconds.
 */
#ifndef FANTAIL_HTTP2_SESSION_H
#define FANTAIL_HTTP2_SESSION_H

#include "http-client.h"

struct http2_session;
struct http2_stream;

/* `authority`: host, and port where it is not the scheme's. */
struct http2_session *http2_session_new(const char *scheme, const char *authority, gint64 now_us);
/* Forgets first. NULL is fine; clears the pointer. */
void http2_session_free(struct http2_session **session);
/* No callback comes any more, also not from a http2_session_deliver that is
 * under way. For the time until the session can be freed. */
void http2_session_forget(struct http2_session *session);

/* How many streams may be opened now. */
guint http2_session_room(const struct http2_session *session);
/* TRUE: takes no new streams any more (GOAWAY, or broken). */
gboolean http2_session_draining(const struct http2_session *session);
/* Streams opened that have not ended, also those cancelled that the peer has
 * not been told of. */
guint http2_session_streams(const struct http2_session *session);

/* POSTs to `target`; only with room. The request's body is referenced, the rest copied.
 * `done` comes from http2_session_deliver, once, unless cancelled; errors are
 * LOST, NOT_SENT and PROTOCOL. NULL if nghttp2 will not have it (headers over
 * its limit); `done` does not come then. */
struct http2_stream *http2_session_open(struct http2_session *session, const char *target,
					const struct http_request *request, gint64 now_us,
					http_done done, gpointer data);
/* Resets the stream; no callback. `timed_out`: two in a row without any answer
 * in between put the peer in doubt. Returns first_byte_us. */
gint64 http2_stream_cancel(struct http2_stream *stream, gboolean timed_out, gint64 now_us);

/* The peer's bytes. FALSE: the connection is broken, write what there is and
 * close it; http2_session_error says why. */
gboolean http2_session_receive(struct http2_session *session, const guint8 *data, gsize len,
			       gint64 now_us);
/* Appends what is to be written, until `out` has `max` bytes or there is no
 * more. FALSE as above. */
gboolean http2_session_send(struct http2_session *session, GByteArray *out, gsize max,
			    gint64 now_us);
/* Anything that http2_session_send would append? */
gboolean http2_session_wants_send(const struct http2_session *session);
/* Nothing to read or write any more: close. */
gboolean http2_session_finished(const struct http2_session *session);

/* Runs the callbacks of streams that have ended. They may open and cancel
 * streams, but not free the session. */
void http2_session_deliver(struct http2_session *session);
/* The connection is gone: ends all streams, NOT_SENT where no header of theirs
 * was sent, else with `error` or what http2_session_error says. */
void http2_session_abort(struct http2_session *session, const GError *error);
/* Says GOAWAY and takes no new streams. */
void http2_session_shutdown(struct http2_session *session);

/* When http2_session_tick is due; -1 = never. */
gint64 http2_session_deadline(const struct http2_session *session);
/* FALSE: the PING was not answered; abort. */
gboolean http2_session_tick(struct http2_session *session, gint64 now_us);

/* Borrowed; NULL while all is well. */
const GError *http2_session_error(const struct http2_session *session);

#endif
