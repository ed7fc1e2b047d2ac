/*
 * One HTTP/2 connection on the main loop: a TLS socket around http2-session.h.
 * Gathers what was asked for within one turn of the loop into one write.
 *
 * Knows one connection only: which origin gets how many of them, who waits and
 * who is tried again is http-client.c's business. Default main context, main
 * thread; nothing here blocks.
 */
#ifndef FANTAIL_HTTP2_CLIENT_H
#define FANTAIL_HTTP2_CLIENT_H

#include "http2-session.h"

#include <openssl/ssl.h>

struct http2_connection;

/* Called from the main loop, never from inside a function below. Both may open
 * and cancel streams and free the connection. */
struct http2_callbacks {
	/* Something came or ended: look at room and draining again. */
	void (*changed)(struct http2_connection *connection, gpointer data);
	/* Closed, by whomever; all streams have ended. Free it. */
	void (*closed)(struct http2_connection *connection, gpointer data);
};

/* Takes `ssl` (handshake done, ALPN h2, non-blocking) and `socket`. Closes
 * itself when it has had no stream for `idle_secs`. */
struct http2_connection *http2_connection_new(SSL *ssl, GSocket *socket, const char *authority,
					      guint idle_secs,
					      const struct http2_callbacks *callbacks,
					      gpointer data);
/* Drops the connection; callbacks of its streams do not come any more. NULL is
 * fine; clears the pointer. */
void http2_connection_free(struct http2_connection **connection);

/* As their namesakes in http2-session.h. */
guint http2_connection_room(const struct http2_connection *connection);
gboolean http2_connection_draining(const struct http2_connection *connection);
guint http2_connection_streams(const struct http2_connection *connection);
struct http2_stream *http2_connection_open(struct http2_connection *connection, const char *target,
					   const struct http_request *request, http_done done,
					   gpointer data);
gint64 http2_connection_cancel(struct http2_connection *connection, struct http2_stream *stream,
			       gboolean timed_out);

/* No new streams; closes when those under way have ended. */
void http2_connection_shutdown(struct http2_connection *connection);

#endif
