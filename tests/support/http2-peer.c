#include "http2-peer.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <nghttp2/nghttp2.h>

#define SLOW_US 100000

struct serving {
	struct http2_peer *peer;
	nghttp2_session *session;
	gint open;
	GQueue slow; /* stream ids that wait, all for the same time */
	gint64 slow_due_us;
};

enum behaviour {
	ANSWER,
	STALL,
	REFUSE,
	SLOW
};

static const struct behaviour_row {
	const char *path;
	enum behaviour behaviour;
} behaviours[] = {
	{"/ok", ANSWER},
	{"/stall", STALL},
	{"/refuse", REFUSE},
	{"/slow", SLOW},
};

static const struct behaviour_row *behaviour_find(const char *path)
{
	for (gsize i = 0; i < G_N_ELEMENTS(behaviours); i++) {
		if (strcmp(behaviours[i].path, path) == 0)
			return &behaviours[i];
	}
	return &behaviours[0];
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct serving *serving = data;

	serving->open++;
	/* Connections are served by threads of their own; the most of any counts. */
	if (serving->open > g_atomic_int_get(&serving->peer->most))
		g_atomic_int_set(&serving->peer->most, serving->open);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *data)
{
	if (strcmp((const char *)name, ":path") == 0)
		nghttp2_session_set_stream_user_data(session, frame->hd.stream_id,
						     (gpointer)behaviour_find((const char *)value));
	return 0;
}

static void answer(nghttp2_session *session, gint32 id)
{
	nghttp2_nv field = {(uint8_t *)":status", (uint8_t *)"201", 7, 3, NGHTTP2_NV_FLAG_NONE};

	nghttp2_submit_response(session, id, &field, 1, NULL);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct serving *serving = data;
	gint32 id = frame->hd.stream_id;

	if (frame->hd.type == NGHTTP2_GOAWAY)
		g_atomic_int_inc(&serving->peer->goaways);
	if (frame->hd.type == NGHTTP2_PING)
		g_atomic_int_inc(&serving->peer->pings);
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		g_atomic_int_inc(&serving->peer->resets);
	if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
		return 0;
	g_atomic_int_inc(&serving->peer->requests);
	const struct behaviour_row *row = nghttp2_session_get_stream_user_data(session, id);
	switch (row->behaviour) {
	case ANSWER:
		answer(session, id);
		break;
	case STALL:
		break;
	case REFUSE:
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
		break;
	case SLOW:
		g_queue_push_tail(&serving->slow, GINT_TO_POINTER(id));
		break;
	}
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *data)
{
	struct serving *serving = data;

	serving->open--;
	g_queue_remove(&serving->slow, GINT_TO_POINTER(id));
	return 0;
}

/* In records as large as they may be: what is said at once arrives at once. */
static gboolean write_all(struct serving *serving, SSL *ssl)
{
	g_autoptr(GByteArray) record = g_byte_array_new();
	const uint8_t *data;
	ssize_t len;

	do {
		len = nghttp2_session_mem_send(serving->session, &data);
		if (len > 0)
			g_byte_array_append(record, data, (guint)len);
		if (record->len > 0 && (len <= 0 || record->len >= SSL3_RT_MAX_PLAIN_LENGTH)) {
			if (SSL_write(ssl, record->data, (int)record->len) <= 0)
				return FALSE;
			g_byte_array_set_size(record, 0);
		}
	} while (len > 0);
	return len == 0;
}

/* FALSE: the client has gone. */
static gboolean read_some(struct serving *serving, SSL *ssl)
{
	struct pollfd poll_fd = {.fd = SSL_get_fd(ssl), .events = POLLIN};
	guint8 buf[16384];

	if (!SSL_has_pending(ssl) && poll(&poll_fd, 1, 10) == 0)
		return TRUE;
	int len = SSL_read(ssl, buf, sizeof(buf));
	return len > 0 && nghttp2_session_mem_recv(serving->session, buf, (size_t)len) == len;
}

static void answer_slow(struct serving *serving)
{
	gint64 now_us = g_get_monotonic_time();

	if (serving->slow.length == 0) {
		serving->slow_due_us = 0;
	} else if (serving->slow_due_us == 0) {
		serving->slow_due_us = now_us + SLOW_US;
	} else if (now_us >= serving->slow_due_us) {
		while (serving->slow.length > 0)
			answer(serving->session, GPOINTER_TO_INT(g_queue_pop_head(&serving->slow)));
		serving->slow_due_us = 0;
	}
}

static void wait_for_the_end(SSL *ssl)
{
	char octet;

	while (recv(SSL_get_fd(ssl), &octet, 1, 0) > 0)
		;
}

void http2_peer_serve(SSL *ssl, gpointer data)
{
	struct http2_peer *peer = data;
	struct serving serving = {.peer = peer};
	nghttp2_settings_entry max = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, peer->max_streams};
	nghttp2_session_callbacks *callbacks;

	if (peer->hang_up)
		return;
	if (peer->no_settings) {
		wait_for_the_end(ssl);
		return;
	}
	g_queue_init(&serving.slow);
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_server_new(&serving.session, callbacks, &serving);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(serving.session, NGHTTP2_FLAG_NONE, &max,
				peer->max_streams > 0 ? 1 : 0);
	if (peer->goaway_at_once)
		nghttp2_submit_goaway(serving.session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL,
				      0);
	if (peer->deaf) {
		write_all(&serving, ssl);
		wait_for_the_end(ssl);
	} else {
		while (write_all(&serving, ssl) && read_some(&serving, ssl))
			answer_slow(&serving);
	}
	nghttp2_session_del(serving.session);
	g_queue_clear(&serving.slow);
}
