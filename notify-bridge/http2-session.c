#include "http2-session.h"

#include "http-reply.h"
#include "limits.h"

#include <string.h>

#include <nghttp2/nghttp2.h>

/* A PING goes out beside the first request after so long a silence: a NAT or a
 * load balancer may have forgotten the connection without a word. */
#define QUIET_US (30 * G_USEC_PER_SEC)
#define PING_ANSWER_US (5 * G_USEC_PER_SEC)
/* Time-outs in a row that put the peer in doubt. */
#define DOUBT_TIMEOUTS 2

/* What a peer may send without getting anything done (SETTINGS, PING, WINDOW_UPDATE,
 * RST_STREAM, CONTINUATION, interim answers, empty DATA): a bucket of frames
 * that fills with time, with each answer and with what we send. Honest peers stay far below;
 * floods of the rapid-reset kind end here. */
#define IDLE_FRAMES_BURST 1000
#define IDLE_FRAMES_PER_SEC 100
#define IDLE_FRAMES_PER_ANSWER 10
#define IDLE_FRAMES_PER_DATA 2 /* of ours: WINDOW_UPDATE for stream and connection */

/* The same in bytes, for what nghttp2 drops without telling us (frames of unknown
 * types, DATA of streams that are closed). */
#define IDLE_BYTES_BURST (1024 * 1024)
#define IDLE_BYTES_PER_SEC (64 * 1024)
#define IDLE_BYTES_PER_ANSWER (LIMIT_RESPONSE_HEADERS + STREAM_WINDOW)

/* Acknowledgements that we hold for a peer that does not read. */
#define OUTBOUND_ACKS 100
/* Bytes of one request's headers: an endpoint, a VAPID token and some. */
#define SEND_HEADERS 32768
/* What the peer may send on one stream, on all, before it must wait: a little
 * more than is kept of a body, so that a large one stops at once. */
#define STREAM_WINDOW (2 * LIMIT_RESPONSE_BODY)
#define CONNECTION_WINDOW (LIMIT_ORIGIN_PARALLEL * STREAM_WINDOW)

struct http2_stream {
	struct http2_session *session;
	GList link; /* in session->streams or session->ended */
	gint32 id;
	GBytes *body;
	gsize body_sent;
	gint64 first_byte_us;
	struct http_reply_builder reply;
	gboolean trailers; /* the headers that come now are */
	GError *error;
	gboolean ended;
	http_done done;
	gpointer data;
};

struct http2_session {
	nghttp2_session *nghttp2;
	char *scheme, *authority;
	GQueue streams; /* under way */
	GQueue ended;   /* `done` due */
	guint open;     /* streams as nghttp2 sees them, also those we have let go */
	gint64 now_us;  /* during receive and send */

	gboolean settled; /* the peer's SETTINGS came */
	gboolean goaway;
	GError *error;
	char *reason; /* nghttp2's last complaint */

	guint timeouts; /* in a row */
	gboolean doubt; /* no new streams until the PING is answered */
	gint64 ping_deadline_us;
	gint64 received_us;

	gint64 idle_frames, idle_bytes; /* tokens, in millionths */
	gint64 refilled_us;
};

/* Fresh for each message, so of no use in the compressor's table where they would
 * push out what repeats (authorization, crypto-key); and the path of a push
 * endpoint is a secret, which RFC 7541 7.1.3 advises to keep out of tables. */
static const char *const never_indexed[] = {
	"apns-id", "topic", "webhook-id", "webhook-signature", "webhook-timestamp", NULL,
};

/* --- ends of streams ----------------------------------------------------- */

static void stream_free(struct http2_stream *stream)
{
	g_bytes_unref(stream->body);
	http_reply_clear(&stream->reply);
	g_clear_error(&stream->error);
	g_free(stream);
}

static GError *stream_error(const struct http2_session *session, enum http_error code,
			    const char *text)
{
	return g_error_new(HTTP_ERROR, (gint)code, "%s://%s: %s", session->scheme,
			   session->authority, text);
}

/* nghttp2 may keep the stream for longer; it loses sight of ours. Takes `error`;
 * NULL = answered. */
static void stream_end(struct http2_stream *stream, GError *error)
{
	struct http2_session *session = stream->session;

	nghttp2_session_set_stream_user_data(session->nghttp2, stream->id, NULL);
	g_queue_unlink(&session->streams, &stream->link);
	g_queue_push_tail_link(&session->ended, &stream->link);
	stream->ended = TRUE;
	stream->error = error;
}

static void stream_answered(struct http2_stream *stream)
{
	struct http2_session *session = stream->session;

	session->timeouts = 0;
	session->idle_frames += (gint64)IDLE_FRAMES_PER_ANSWER * G_USEC_PER_SEC;
	session->idle_bytes += (gint64)IDLE_BYTES_PER_ANSWER * G_USEC_PER_SEC;
	stream_end(stream, NULL);
}

void http2_session_deliver(struct http2_session *session)
{
	GList *link;

	while ((link = g_queue_pop_head_link(&session->ended)) != NULL) {
		struct http2_stream *stream = link->data;

		stream->done(stream->error == NULL ? http_reply_finish(&stream->reply) : NULL,
			     stream->error, stream->first_byte_us, stream->data);
		stream_free(stream);
	}
}

gint64 http2_stream_cancel(struct http2_stream *stream, gboolean timed_out, gint64 now_us)
{
	struct http2_session *session = stream->session;
	gint64 first_byte_us = stream->first_byte_us;

	if (stream->ended) {
		g_queue_unlink(&session->ended, &stream->link);
		stream_free(stream);
		return first_byte_us;
	}
	nghttp2_session_set_stream_user_data(session->nghttp2, stream->id, NULL);
	nghttp2_submit_rst_stream(session->nghttp2, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
	g_queue_unlink(&session->streams, &stream->link);
	stream_free(stream);
	if (timed_out && ++session->timeouts >= DOUBT_TIMEOUTS && session->ping_deadline_us < 0) {
		nghttp2_submit_ping(session->nghttp2, NGHTTP2_FLAG_NONE, NULL);
		session->ping_deadline_us = now_us + PING_ANSWER_US;
		session->doubt = TRUE;
	}
	return first_byte_us;
}

void http2_session_abort(struct http2_session *session, const GError *error)
{
	session->goaway = TRUE;
	if (session->error != NULL)
		error = session->error;
	while (session->streams.head != NULL) {
		struct http2_stream *stream = session->streams.head->data;

		stream_end(stream,
			   stream_error(session,
					stream->first_byte_us != 0 ? (enum http_error)error->code
								   : HTTP_ERROR_NOT_SENT,
					error->message));
	}
}

/* --- nghttp2's callbacks -------------------------------------------------- */

static struct http2_stream *stream_find(struct http2_session *session, gint32 id)
{
	return nghttp2_session_get_stream_user_data(session->nghttp2, id);
}

static int session_fail(struct http2_session *session, const char *text)
{
	if (session->error == NULL)
		session->error = g_error_new_literal(HTTP_ERROR, HTTP_ERROR_PROTOCOL, text);
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_begin_frame(nghttp2_session *nghttp2, const nghttp2_frame_hd *hd, void *data)
{
	struct http2_session *session = data;

	if (hd->type == NGHTTP2_DATA && stream_find(session, hd->stream_id) != NULL &&
	    (hd->length > 0 || (hd->flags & NGHTTP2_FLAG_END_STREAM) != 0))
		return 0;
	session->idle_frames -= G_USEC_PER_SEC;
	if (session->idle_frames < 0)
		return session_fail(session, "the peer floods us with frames");
	return 0;
}

static int on_begin_headers(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *data)
{
	/* We said that we take no pushes. */
	if (frame->hd.type != NGHTTP2_HEADERS)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	struct http2_stream *stream = stream_find(data, frame->hd.stream_id);
	if (stream == NULL)
		return 0;
	stream->trailers = stream->reply.reply.status >= 200;
	if (!stream->trailers)
		http_reply_restart(&stream->reply);
	return 0;
}

static int on_header(nghttp2_session *nghttp2, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *data)
{
	struct http2_stream *stream = stream_find(data, frame->hd.stream_id);

	/* Trailers say nothing that concerns us. */
	if (stream == NULL || stream->trailers)
		return 0;
	if (name_len > 0 && name[0] == ':') {
		guint status;

		if (name_len != 7 || memcmp(name, ":status", 7) != 0)
			return 0;
		/* nghttp2 has seen to it that it is three digits, once, and first. */
		status = (guint)g_ascii_strtoull((const char *)value, NULL, 10);
		if (status >= 100) {
			stream->reply.reply.status = status;
			return 0;
		}
		stream_end(stream, stream_error(stream->session, HTTP_ERROR_PROTOCOL,
						"the answer's status is none"));
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	if (http_reply_add_header(&stream->reply, (const char *)name, name_len, (const char *)value,
				  value_len))
		return 0;
	stream_end(stream, stream_error(stream->session, HTTP_ERROR_PROTOCOL,
					"the answer's headers are too long"));
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_data_chunk(nghttp2_session *nghttp2, uint8_t flags, int32_t id, const uint8_t *bytes,
			 size_t len, void *data)
{
	struct http2_stream *stream = stream_find(data, id);

	if (stream == NULL || http_reply_add_body(&stream->reply, bytes, len))
		return 0;
	stream_answered(stream);
	nghttp2_submit_rst_stream(nghttp2, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
	return 0;
}

static int on_frame_recv(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *data)
{
	struct http2_session *session = data;
	struct http2_stream *stream;

	switch (frame->hd.type) {
	case NGHTTP2_SETTINGS:
		if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
			session->settled = TRUE;
		break;
	case NGHTTP2_PING:
		if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 && session->ping_deadline_us >= 0) {
			session->ping_deadline_us = -1;
			session->doubt = FALSE;
			session->timeouts = 0;
		}
		break;
	case NGHTTP2_GOAWAY:
		session->goaway = TRUE;
		break;
	case NGHTTP2_HEADERS:
	case NGHTTP2_DATA:
		stream = stream_find(session, frame->hd.stream_id);
		if (stream == NULL || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
			break;
		/* An answer before the request was all sent: the rest is not wanted. */
		if (nghttp2_session_get_stream_local_close(nghttp2, stream->id) == 0)
			nghttp2_submit_rst_stream(nghttp2, NGHTTP2_FLAG_NONE, stream->id,
						  NGHTTP2_NO_ERROR);
		stream_answered(stream);
		break;
	default:
		break;
	}
	return 0;
}

static int on_frame_send(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *data)
{
	struct http2_session *session = data;

	if (frame->hd.type == NGHTTP2_HEADERS) {
		struct http2_stream *stream = stream_find(session, frame->hd.stream_id);

		if (stream != NULL)
			stream->first_byte_us = session->now_us;
	} else if (frame->hd.type == NGHTTP2_GOAWAY &&
		   frame->goaway.error_code != NGHTTP2_NO_ERROR && session->error == NULL) {
		session->error = g_error_new(
			HTTP_ERROR, HTTP_ERROR_PROTOCOL, "the peer broke HTTP/2: %s",
			session->reason != NULL ? session->reason
						: nghttp2_http2_strerror(frame->goaway.error_code));
	}
	return 0;
}

static int on_stream_close(nghttp2_session *nghttp2, int32_t id, uint32_t code, void *data)
{
	struct http2_session *session = data;
	struct http2_stream *stream = stream_find(session, id);
	enum http_error error = HTTP_ERROR_LOST;

	g_assert(session->open > 0);
	session->open--;
	if (stream == NULL)
		return 0;
	if (stream->first_byte_us == 0 || code == NGHTTP2_REFUSED_STREAM)
		error = HTTP_ERROR_NOT_SENT;
	else if (code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_NO_ERROR)
		error = HTTP_ERROR_PROTOCOL;
	g_autofree char *text =
		g_strdup_printf("stream ended without an answer: %s", nghttp2_http2_strerror(code));
	stream_end(stream, stream_error(session, error, text));
	return 0;
}

static int on_error(nghttp2_session *nghttp2, int code, const char *text, size_t len, void *data)
{
	struct http2_session *session = data;

	g_free(session->reason);
	session->reason = g_strndup(text, len);
	return 0;
}

static ssize_t read_body(nghttp2_session *nghttp2, int32_t id, uint8_t *buf, size_t max,
			 uint32_t *flags, nghttp2_data_source *source, void *data)
{
	struct http2_stream *stream = stream_find(data, id);
	gsize size;

	if (stream == NULL) /* cancelled */
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	const guint8 *bytes = g_bytes_get_data(stream->body, &size);
	gsize len = MIN(size - stream->body_sent, max);
	memcpy(buf, bytes + stream->body_sent, len);
	stream->body_sent += len;
	stream->session->idle_frames += (gint64)IDLE_FRAMES_PER_DATA * G_USEC_PER_SEC;
	if (stream->body_sent == size)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)len;
}

/* --- session ------------------------------------------------------------- */

static nghttp2_session *nghttp2_new(struct http2_session *session)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	nghttp2_session *nghttp2;

	/* These fail for want of memory only, and then GLib would abort as well. */
	if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
		g_error("out of memory");
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_error_callback2(callbacks, on_error);
	nghttp2_option_set_max_outbound_ack(option, OUTBOUND_ACKS);
	nghttp2_option_set_max_send_header_block_length(option, SEND_HEADERS);
	if (nghttp2_session_client_new2(&nghttp2, callbacks, session, option) != 0)
		g_error("out of memory");
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return nghttp2;
}

struct http2_session *http2_session_new(const char *scheme, const char *authority, gint64 now_us)
{
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0}, /* opened by the peer */
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, LIMIT_RESPONSE_HEADERS},
	};
	struct http2_session *session = g_new0(struct http2_session, 1);

	session->scheme = g_strdup(scheme);
	session->authority = g_strdup(authority);
	session->ping_deadline_us = -1;
	session->received_us = session->refilled_us = session->now_us = now_us;
	session->idle_frames = (gint64)IDLE_FRAMES_BURST * G_USEC_PER_SEC;
	session->idle_bytes = (gint64)IDLE_BYTES_BURST * G_USEC_PER_SEC;
	g_queue_init(&session->streams);
	g_queue_init(&session->ended);
	session->nghttp2 = nghttp2_new(session);
	nghttp2_submit_settings(session->nghttp2, NGHTTP2_FLAG_NONE, settings,
				G_N_ELEMENTS(settings));
	nghttp2_session_set_local_window_size(session->nghttp2, NGHTTP2_FLAG_NONE, 0,
					      CONNECTION_WINDOW);
	return session;
}

void http2_session_forget(struct http2_session *session)
{
	GList *link;

	while ((link = g_queue_pop_head_link(&session->streams)) != NULL) {
		struct http2_stream *stream = link->data;

		nghttp2_session_set_stream_user_data(session->nghttp2, stream->id, NULL);
		stream_free(stream);
	}
	while ((link = g_queue_pop_head_link(&session->ended)) != NULL)
		stream_free(link->data);
}

void http2_session_free(struct http2_session **session_p)
{
	struct http2_session *session = *session_p;

	*session_p = NULL;
	if (session == NULL)
		return;
	http2_session_forget(session);
	nghttp2_session_del(session->nghttp2);
	g_clear_error(&session->error);
	g_free(session->reason);
	g_free(session->scheme);
	g_free(session->authority);
	g_free(session);
}

gboolean http2_session_draining(const struct http2_session *session)
{
	return session->goaway || session->error != NULL ||
	       !nghttp2_session_check_request_allowed(session->nghttp2);
}

guint http2_session_room(const struct http2_session *session)
{
	if (!session->settled || session->doubt || http2_session_draining(session))
		return 0;
	guint32 max = nghttp2_session_get_remote_settings(session->nghttp2,
							  NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	return max > session->open ? max - session->open : 0;
}

guint http2_session_streams(const struct http2_session *session)
{
	return session->open;
}

static nghttp2_nv header_field(const char *name, const char *value, gsize value_len, uint8_t flags)
{
	return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), value_len, flags};
}

static gint32 submit(struct http2_stream *stream, const char *target,
		     const struct http_request *request)
{
	struct http2_session *session = stream->session;
	const nghttp2_data_provider provider = {.read_callback = read_body};
	guint count = 0, extra = request->headers->len;
	gsize size = g_bytes_get_size(request->body);
	char length[24];

	if (extra > LIMIT_REQUEST_HEADERS)
		return NGHTTP2_ERR_INVALID_ARGUMENT;
	nghttp2_nv fields[6 + LIMIT_REQUEST_HEADERS];
	g_snprintf(length, sizeof(length), "%" G_GSIZE_FORMAT, size);
	fields[count++] = header_field(":method", "POST", 4, NGHTTP2_NV_FLAG_NONE);
	fields[count++] = header_field(":scheme", session->scheme, strlen(session->scheme),
				       NGHTTP2_NV_FLAG_NONE);
	fields[count++] = header_field(":authority", session->authority, strlen(session->authority),
				       NGHTTP2_NV_FLAG_NONE);
	fields[count++] = header_field(":path", target, strlen(target), NGHTTP2_NV_FLAG_NO_INDEX);
	fields[count++] = header_field("user-agent", HTTP_USER_AGENT, strlen(HTTP_USER_AGENT),
				       NGHTTP2_NV_FLAG_NONE);
	fields[count++] =
		header_field("content-length", length, strlen(length), NGHTTP2_NV_FLAG_NONE);
	for (guint i = 0; i < extra; i++) {
		const struct http_header *header = request->headers->pdata[i];

		fields[count++] = header_field(header->name, header->value, strlen(header->value),
					       g_strv_contains(never_indexed, header->name)
						       ? NGHTTP2_NV_FLAG_NO_INDEX
						       : NGHTTP2_NV_FLAG_NONE);
	}
	return nghttp2_submit_request(session->nghttp2, NULL, fields, count,
				      size > 0 ? &provider : NULL, stream);
}

struct http2_stream *http2_session_open(struct http2_session *session, const char *target,
					const struct http_request *request, gint64 now_us,
					http_done done, gpointer data)
{
	struct http2_stream *stream = g_new0(struct http2_stream, 1);

	stream->session = session;
	stream->link.data = stream;
	stream->body = g_bytes_ref(request->body);
	stream->done = done;
	stream->data = data;
	http_reply_init(&stream->reply, TRUE);
	stream->id = submit(stream, target, request);
	if (stream->id < 0) {
		stream_free(stream);
		return NULL;
	}
	session->open++;
	g_queue_push_tail_link(&session->streams, &stream->link);
	if (session->ping_deadline_us < 0 && now_us - session->received_us > QUIET_US) {
		nghttp2_submit_ping(session->nghttp2, NGHTTP2_FLAG_NONE, NULL);
		session->ping_deadline_us = now_us + PING_ANSWER_US;
	}
	return stream;
}

static void refill(gint64 *tokens, gint64 elapsed_us, gint64 per_sec, gint64 burst)
{
	*tokens = MIN(*tokens + elapsed_us * per_sec, burst * G_USEC_PER_SEC);
}

gboolean http2_session_receive(struct http2_session *session, const guint8 *data, gsize len,
			       gint64 now_us)
{
	gint64 elapsed_us = CLAMP(now_us - session->refilled_us, 0, G_USEC_PER_SEC * 60);

	session->now_us = session->received_us = session->refilled_us = now_us;
	refill(&session->idle_frames, elapsed_us, IDLE_FRAMES_PER_SEC, IDLE_FRAMES_BURST);
	refill(&session->idle_bytes, elapsed_us, IDLE_BYTES_PER_SEC, IDLE_BYTES_BURST);
	session->idle_bytes -= (gint64)len * G_USEC_PER_SEC;
	if (session->idle_bytes < 0) {
		session_fail(session, "the peer floods us with bytes");
		return FALSE;
	}
	ssize_t used = nghttp2_session_mem_recv(session->nghttp2, data, len);
	if (used < 0)
		session_fail(session, nghttp2_strerror((int)used));
	return session->error == NULL;
}

gboolean http2_session_send(struct http2_session *session, GByteArray *out, gsize max,
			    gint64 now_us)
{
	session->now_us = now_us;
	while (out->len < max) {
		const uint8_t *data;
		ssize_t len = nghttp2_session_mem_send(session->nghttp2, &data);

		if (len < 0)
			session_fail(session, nghttp2_strerror((int)len));
		if (len <= 0)
			break;
		g_byte_array_append(out, data, (guint)len);
	}
	return session->error == NULL;
}

gboolean http2_session_wants_send(const struct http2_session *session)
{
	return nghttp2_session_want_write(session->nghttp2) != 0;
}

gboolean http2_session_finished(const struct http2_session *session)
{
	return nghttp2_session_want_read(session->nghttp2) == 0 &&
	       nghttp2_session_want_write(session->nghttp2) == 0;
}

void http2_session_shutdown(struct http2_session *session)
{
	session->goaway = TRUE;
	nghttp2_submit_goaway(session->nghttp2, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
}

gint64 http2_session_deadline(const struct http2_session *session)
{
	return session->ping_deadline_us;
}

gboolean http2_session_tick(struct http2_session *session, gint64 now_us)
{
	if (session->ping_deadline_us < 0 || now_us < session->ping_deadline_us)
		return TRUE;
	if (session->error == NULL)
		session->error = g_error_new_literal(HTTP_ERROR, HTTP_ERROR_LOST,
						     "the peer does not answer a PING");
	return FALSE;
}

const GError *http2_session_error(const struct http2_session *session)
{
	return session->error;
}
