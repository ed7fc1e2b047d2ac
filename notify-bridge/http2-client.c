#include "http2-client.h"

#include <openssl/err.h>

#include <glib-unix.h>

/* Bytes prepared at a time. Large enough for a batch of pushes to share a write,
 * small enough that a peer who does not read costs little. */
#define OUT_MAX 65536
/* One TLS record. */
#define READ_SIZE 16384
/* Records read in one turn of the loop, so that a peer who sends without pause
 * does not keep the others waiting. */
#define READS_PER_TURN 16

struct http2_connection {
	GSource *source;
	gpointer fd_tag;
	SSL *ssl;
	GSocket *socket;
	struct http2_session *session;
	const struct http2_callbacks *callbacks;
	gpointer data;

	GByteArray *out; /* NULL when there is nothing */
	gsize out_sent;
	GIOCondition condition;
	gboolean more_to_read; /* in OpenSSL's buffer, where poll does not see it */
	gboolean ssl_broken;   /* after a fatal error OpenSSL wants no more calls */
	GError *lost;

	gint64 idle_us;    /* how long without a stream */
	gint64 idle_since; /* 0 = has streams */
	gboolean closed;
	gboolean in_callback;
	gboolean freed; /* while in_callback */
};

struct connection_source {
	GSource source;
	struct http2_connection *connection;
};

/* --- bytes --------------------------------------------------------------- */

static void connection_lost(struct http2_connection *connection, const char *text)
{
	if (connection->lost == NULL)
		connection->lost =
			g_error_new(HTTP_ERROR, HTTP_ERROR_LOST, "connection lost: %s", text);
}

/* After a read or write that did not succeed. */
static void ssl_failed(struct http2_connection *connection, int result)
{
	int saved_errno = errno;

	switch (SSL_get_error(connection->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		break;
	case SSL_ERROR_WANT_WRITE:
		connection->condition |= G_IO_OUT;
		break;
	case SSL_ERROR_ZERO_RETURN:
		connection_lost(connection, "closed by the peer");
		break;
	case SSL_ERROR_SYSCALL:
		connection->ssl_broken = TRUE;
		connection_lost(connection,
				saved_errno != 0 ? g_strerror(saved_errno) : "closed by the peer");
		break;
	default:
		connection->ssl_broken = TRUE;
		connection_lost(connection, "TLS error");
		break;
	}
	ERR_clear_error();
}

static void connection_read(struct http2_connection *connection, gint64 now_us)
{
	guint8 buf[READ_SIZE];

	connection->more_to_read = FALSE;
	for (guint i = 0; i < READS_PER_TURN; i++) {
		ERR_clear_error();
		errno = 0;
		int len = SSL_read(connection->ssl, buf, sizeof(buf));
		if (len <= 0) {
			ssl_failed(connection, len);
			return;
		}
		if (!http2_session_receive(connection->session, buf, (gsize)len, now_us))
			return;
	}
	connection->more_to_read = SSL_has_pending(connection->ssl) != 0;
}

static void connection_write(struct http2_connection *connection, gint64 now_us)
{
	while (connection->lost == NULL) {
		if (connection->out == NULL)
			connection->out = g_byte_array_sized_new(1024);
		GByteArray *out = connection->out;
		if (connection->out_sent == out->len) {
			connection->out_sent = 0;
			g_byte_array_set_size(out, 0);
			http2_session_send(connection->session, out, OUT_MAX, now_us);
		}
		if (out->len == 0) {
			/* Idle connections are many; buffers for them would add up. */
			g_clear_pointer(&connection->out, g_byte_array_unref);
			return;
		}
		ERR_clear_error();
		errno = 0;
		int len = SSL_write(connection->ssl, out->data + connection->out_sent,
				    (int)(out->len - connection->out_sent));
		if (len <= 0) {
			ssl_failed(connection, len);
			return;
		}
		connection->out_sent += (gsize)len;
	}
}

/* --- the source ---------------------------------------------------------- */

static void connection_schedule(struct http2_connection *connection, gint64 now_us)
{
	gint64 due = http2_session_deadline(connection->session);

	if (http2_session_streams(connection->session) > 0)
		connection->idle_since = 0;
	else if (connection->idle_since == 0)
		connection->idle_since = now_us;
	if (connection->idle_since != 0 &&
	    (due < 0 || due > connection->idle_since + connection->idle_us))
		due = connection->idle_since + connection->idle_us;
	/* What the last callbacks asked for, unless the socket is full. */
	gboolean unsent = (connection->condition & G_IO_OUT) == 0 &&
			  http2_session_wants_send(connection->session);
	if (connection->more_to_read || unsent)
		due = 0;
	g_source_modify_unix_fd(connection->source, connection->fd_tag, connection->condition);
	g_source_set_ready_time(connection->source, due);
}

/* In the next turn of the loop, with whatever else is asked for in this one. */
static void connection_wake(struct http2_connection *connection)
{
	if (!connection->closed)
		g_source_set_ready_time(connection->source, 0);
}

static void connection_close(struct http2_connection *connection)
{
	if (connection->lost == NULL)
		connection_lost(connection, "closed");
	connection->closed = TRUE;
	http2_session_abort(connection->session, connection->lost);
	http2_session_deliver(connection->session);
	if (!connection->freed)
		connection->callbacks->closed(connection, connection->data);
}

static void connection_destroy(struct http2_connection *connection)
{
	g_source_destroy(connection->source);
	g_source_unref(connection->source);
	if (!connection->ssl_broken) {
		ERR_clear_error();
		SSL_shutdown(connection->ssl);
		ERR_clear_error();
	}
	SSL_free(connection->ssl);
	g_object_unref(connection->socket);
	g_clear_pointer(&connection->out, g_byte_array_unref);
	g_clear_error(&connection->lost);
	http2_session_free(&connection->session);
	g_free(connection);
}

static gboolean connection_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
	struct http2_connection *connection = ((struct connection_source *)source)->connection;
	GIOCondition ready = g_source_query_unix_fd(source, connection->fd_tag);
	gint64 now_us = g_get_monotonic_time();

	connection->in_callback = TRUE;
	connection->condition = G_IO_IN;
	if ((ready & (G_IO_IN | G_IO_HUP | G_IO_ERR)) != 0 || connection->more_to_read)
		connection_read(connection, now_us);
	gboolean alive = http2_session_tick(connection->session, now_us);
	if (connection->idle_since != 0 && http2_session_streams(connection->session) == 0 &&
	    now_us >= connection->idle_since + connection->idle_us)
		http2_session_shutdown(connection->session);

	http2_session_deliver(connection->session);
	if (!connection->freed)
		connection->callbacks->changed(connection, connection->data);
	if (!connection->freed) {
		connection_write(connection, now_us);
		/* Streams that could not be opened after all end while writing. */
		http2_session_deliver(connection->session);
	}
	if (!connection->freed) {
		if (!alive || connection->lost != NULL ||
		    http2_session_error(connection->session) != NULL ||
		    http2_session_finished(connection->session))
			connection_close(connection);
		else
			connection_schedule(connection, now_us);
	}
	connection->in_callback = FALSE;
	if (connection->freed)
		connection_destroy(connection);
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs connection_source_funcs = {.dispatch = connection_dispatch};

/* --- interface ----------------------------------------------------------- */

struct http2_connection *http2_connection_new(SSL *ssl, GSocket *socket, const char *authority,
					      guint idle_secs,
					      const struct http2_callbacks *callbacks,
					      gpointer data)
{
	struct http2_connection *connection = g_new0(struct http2_connection, 1);

	connection->ssl = ssl;
	connection->socket = socket;
	connection->session = http2_session_new("https", authority, g_get_monotonic_time());
	connection->callbacks = callbacks;
	connection->data = data;
	connection->condition = G_IO_IN;
	connection->idle_us = (gint64)idle_secs * G_USEC_PER_SEC;
	connection->source =
		g_source_new(&connection_source_funcs, sizeof(struct connection_source));
	((struct connection_source *)connection->source)->connection = connection;
	g_source_set_name(connection->source, "http2");
	connection->fd_tag =
		g_source_add_unix_fd(connection->source, g_socket_get_fd(socket), G_IO_IN);
	/* At once: our SETTINGS are waiting, and OpenSSL may have read what
	 * came with the handshake's last flight. */
	connection->more_to_read = TRUE;
	g_source_set_ready_time(connection->source, 0);
	g_source_attach(connection->source, NULL);
	return connection;
}

void http2_connection_free(struct http2_connection **connection_p)
{
	struct http2_connection *connection = *connection_p;

	*connection_p = NULL;
	if (connection == NULL)
		return;
	if (!connection->in_callback) {
		connection_destroy(connection);
		return;
	}
	http2_session_forget(connection->session);
	connection->freed = TRUE;
}

guint http2_connection_room(const struct http2_connection *connection)
{
	return connection->closed ? 0 : http2_session_room(connection->session);
}

gboolean http2_connection_draining(const struct http2_connection *connection)
{
	return connection->closed || connection->lost != NULL ||
	       http2_session_draining(connection->session);
}

guint http2_connection_streams(const struct http2_connection *connection)
{
	return http2_session_streams(connection->session);
}

struct http2_stream *http2_connection_open(struct http2_connection *connection, const char *target,
					   const struct http_request *request, http_done done,
					   gpointer data)
{
	connection_wake(connection);
	return http2_session_open(connection->session, target, request, g_get_monotonic_time(),
				  done, data);
}

gint64 http2_connection_cancel(struct http2_connection *connection, struct http2_stream *stream,
			       gboolean timed_out)
{
	connection_wake(connection);
	return http2_stream_cancel(stream, timed_out, g_get_monotonic_time());
}

void http2_connection_shutdown(struct http2_connection *connection)
{
	http2_session_shutdown(connection->session);
	connection_wake(connection);
}
