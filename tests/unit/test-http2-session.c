/*
 * The HTTP/2 session against a server session of nghttp2 in the same process: bytes
 * are carried by hand, the clock is a number.
 */
#include "http2-session.h"
#include "limits.h"

#include <string.h>

#include <glib.h>
#include <nghttp2/nghttp2.h>

#define SECOND G_USEC_PER_SEC

/* --- the other side ------------------------------------------------------- */

enum server_mode {
	SERVER_ANSWER,
	SERVER_SILENT,
	SERVER_REFUSE
};

struct peer {
	struct http2_session *client;
	nghttp2_session *server;
	gint64 now_us;
	enum server_mode mode;
	gsize body_size; /* of answers */
	gsize header_size;
	gboolean deaf;  /* the server's bytes do not arrive */
	GString *seen;  /* "method path|authorization|bytes" per request, LF */
	guint requests; /* whole ones */
	guint refused_pushes, resets;
	gsize received; /* bytes of request bodies */
	guint path_indexed;
};

static ssize_t server_read(nghttp2_session *server, int32_t id, uint8_t *buf, size_t max,
			   uint32_t *flags, nghttp2_data_source *source, void *data)
{
	gsize left = GPOINTER_TO_SIZE(nghttp2_session_get_stream_user_data(server, id));
	gsize len = MIN(left, max);

	memset(buf, 'b', len);
	nghttp2_session_set_stream_user_data(server, id, GSIZE_TO_POINTER(left - len));
	if (len == left)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)len;
}

#define NV(n, v)                                                                           \
	(nghttp2_nv)                                                                       \
	{                                                                                  \
		(uint8_t *)(n), (uint8_t *)(v), strlen(n), strlen(v), NGHTTP2_NV_FLAG_NONE \
	}

static void server_answer(struct peer *peer, gint32 id, const char *status)
{
	g_autofree char *big = g_strnfill(peer->header_size, 'h');
	nghttp2_nv fields[] = {NV(":status", status), NV("location", "https://x/m/1"),
			       NV("x-big", big)};
	nghttp2_data_provider provider = {.read_callback = server_read};

	nghttp2_session_set_stream_user_data(peer->server, id, GSIZE_TO_POINTER(peer->body_size));
	g_assert_cmpint(nghttp2_submit_response(peer->server, id, fields,
						peer->header_size > 0 ? 3 : 2,
						peer->body_size > 0 ? &provider : NULL),
			==, 0);
}

static int server_header(nghttp2_session *server, const nghttp2_frame *frame, const uint8_t *name,
			 size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
			 void *data)
{
	struct peer *peer = data;

	if (g_strcmp0((const char *)name, ":path") == 0) {
		g_string_append_printf(peer->seen, "%s ", (const char *)value);
		if ((flags & NGHTTP2_NV_FLAG_NO_INDEX) == 0)
			peer->path_indexed++;
	} else if (g_strcmp0((const char *)name, ":authority") == 0 ||
		   g_strcmp0((const char *)name, "user-agent") == 0 ||
		   g_strcmp0((const char *)name, "content-length") == 0 ||
		   g_strcmp0((const char *)name, "ttl") == 0) {
		g_string_append_printf(peer->seen, "%s=%s ", (const char *)name,
				       (const char *)value);
	}
	return 0;
}

static int server_data(nghttp2_session *server, uint8_t flags, int32_t id, const uint8_t *bytes,
		       size_t len, void *data)
{
	struct peer *peer = data;

	peer->received += len;
	return 0;
}

static int server_frame(nghttp2_session *server, const nghttp2_frame *frame, void *data)
{
	struct peer *peer = data;

	if (frame->hd.type == NGHTTP2_RST_STREAM)
		peer->resets++;
	if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
		return 0;
	peer->requests++;
	g_string_append_c(peer->seen, '\n');
	if (peer->mode == SERVER_ANSWER)
		server_answer(peer, frame->hd.stream_id, "201");
	else if (peer->mode == SERVER_REFUSE)
		nghttp2_submit_rst_stream(server, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
					  NGHTTP2_REFUSED_STREAM);
	return 0;
}

static void server_settings(struct peer *peer, guint32 id, guint32 value)
{
	nghttp2_settings_entry entry = {(gint32)id, value};

	nghttp2_submit_settings(peer->server, NGHTTP2_FLAG_NONE, &entry, 1);
}

static void peer_init(struct peer *peer)
{
	nghttp2_session_callbacks *callbacks;

	*peer = (struct peer){.now_us = 1000 * SECOND, .seen = g_string_new(NULL)};
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, server_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, server_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, server_frame);
	nghttp2_session_server_new(&peer->server, callbacks, peer);
	nghttp2_session_callbacks_del(callbacks);
	peer->client = http2_session_new("https", "push.example.com", peer->now_us);
}

static void peer_clear(struct peer *peer)
{
	http2_session_free(&peer->client);
	nghttp2_session_del(peer->server);
	g_string_free(peer->seen, TRUE);
}

/* Carries bytes, `chunk` at a time to the client, until nobody says anything. */
static void peer_run(struct peer *peer, gsize chunk)
{
	gboolean moved = TRUE;

	while (moved) {
		g_autoptr(GByteArray) out = g_byte_array_new();
		const uint8_t *data;
		ssize_t len;

		moved = FALSE;
		http2_session_send(peer->client, out, 65536, peer->now_us);
		if (out->len > 0) {
			g_assert_cmpint(nghttp2_session_mem_recv(peer->server, out->data, out->len),
					==, out->len);
			moved = TRUE;
		}
		while (!peer->deaf && (len = nghttp2_session_mem_send(peer->server, &data)) > 0) {
			for (gsize i = 0; i < (gsize)len; i += chunk)
				http2_session_receive(peer->client, data + i,
						      MIN(chunk, (gsize)len - i), peer->now_us);
			moved = TRUE;
		}
		http2_session_deliver(peer->client);
	}
}

/* --- requests ------------------------------------------------------------ */

struct outcome {
	guint calls;
	guint status;
	gsize body_size;
	int error; /* enum http_error; -1 = none */
	gint64 first_byte_us;
	char *location;
};

static void outcome_clear_all(struct outcome *outcomes, guint count)
{
	for (guint i = 0; i < count; i++)
		g_free(outcomes[i].location);
}

static void on_done(const struct http_reply *reply, const GError *error, gint64 first_byte_us,
		    gpointer data)
{
	struct outcome *outcome = data;

	g_assert_true((reply == NULL) != (error == NULL));
	outcome->calls++;
	outcome->first_byte_us = first_byte_us;
	outcome->error = -1;
	if (error != NULL) {
		g_assert_true(error->domain == HTTP_ERROR);
		g_test_message("%s", error->message);
		outcome->error = error->code;
		return;
	}
	g_assert_true(reply->http2);
	outcome->status = reply->status;
	outcome->body_size = g_bytes_get_size(reply->body);
	outcome->location = g_strdup(http_reply_header(reply, "location"));
}

static struct http2_stream *open_request(struct peer *peer, const char *target, gsize size,
					 struct outcome *outcome)
{
	g_autofree char *text = g_strnfill(size, 'x');
	g_autoptr(GBytes) body = g_bytes_new(text, size);
	struct http_request *request = http_request_new("https://unused/", body);

	http_request_add_header(request, "ttl", "60");
	http_request_add_header(request, "authorization", "vapid t=abc, k=def");
	struct http2_stream *stream =
		http2_session_open(peer->client, target, request, peer->now_us, on_done, outcome);
	/* What it needs it has copied. */
	http_request_free(request);
	return stream;
}

#define assert_answered(outcome, code)                          \
	do {                                                    \
		g_assert_cmpuint((outcome).calls, ==, 1);       \
		g_assert_cmpint((outcome).error, ==, -1);       \
		g_assert_cmpuint((outcome).status, ==, (code)); \
	} while (0)
#define assert_failed(outcome, code)                               \
	do {                                                       \
		g_assert_cmpuint((outcome).calls, ==, 1);          \
		g_assert_cmpint((outcome).error, ==, (int)(code)); \
	} while (0)

/* --- tests --------------------------------------------------------------- */

static void test_request(gconstpointer data)
{
	gsize chunk = GPOINTER_TO_SIZE(data);
	struct peer peer;
	struct outcome outcome = {0};

	peer_init(&peer);
	peer.body_size = 10;
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	/* Nothing is opened blindly. */
	g_assert_cmpuint(http2_session_room(peer.client), ==, 0);
	peer_run(&peer, chunk);
	g_assert_cmpuint(http2_session_room(peer.client), >, 100);

	g_assert_nonnull(open_request(&peer, "/a?b", 4096, &outcome));
	peer.now_us += 5;
	peer_run(&peer, chunk);
	assert_answered(outcome, 201);
	g_assert_cmpuint(outcome.body_size, ==, 10);
	g_assert_cmpstr(outcome.location, ==, "https://x/m/1");
	g_assert_cmpint(outcome.first_byte_us, ==, peer.now_us);
	g_assert_cmpuint(peer.received, ==, 4096);
	g_assert_cmpstr(peer.seen->str, ==,
			":authority=push.example.com /a?b user-agent=" HTTP_USER_AGENT
			" content-length=4096 ttl=60 \n");
	g_assert_cmpuint(peer.path_indexed, ==, 0);
	g_assert_cmpuint(http2_session_streams(peer.client), ==, 0);
	outcome_clear_all(&outcome, 1);
	peer_clear(&peer);
}

static void test_empty_body(void)
{
	struct peer peer;
	struct outcome outcome = {0};

	peer_init(&peer);
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	open_request(&peer, "/", 0, &outcome);
	peer_run(&peer, 1000);
	assert_answered(outcome, 201);
	g_assert_cmpuint(outcome.body_size, ==, 0);
	outcome_clear_all(&outcome, 1);
	peer_clear(&peer);
}

/* Also 0, also changed while streams are open. */
static void test_max_streams(void)
{
	struct peer peer;
	struct outcome outcomes[3] = {0};

	peer_init(&peer);
	peer.mode = SERVER_SILENT;
	server_settings(&peer, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0);
	peer_run(&peer, 1000);
	g_assert_cmpuint(http2_session_room(peer.client), ==, 0);

	server_settings(&peer, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2);
	peer_run(&peer, 1000);
	g_assert_cmpuint(http2_session_room(peer.client), ==, 2);
	open_request(&peer, "/0", 10, &outcomes[0]);
	open_request(&peer, "/1", 10, &outcomes[1]);
	g_assert_cmpuint(http2_session_room(peer.client), ==, 0);
	peer_run(&peer, 1000);

	server_settings(&peer, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1);
	peer_run(&peer, 1000);
	g_assert_cmpuint(http2_session_room(peer.client), ==, 0);
	server_answer(&peer, 1, "200");
	peer_run(&peer, 1000);
	assert_answered(outcomes[0], 200);
	g_assert_cmpuint(http2_session_room(peer.client), ==, 0);
	server_answer(&peer, 3, "200");
	peer_run(&peer, 1000);
	assert_answered(outcomes[1], 200);
	g_assert_cmpuint(http2_session_room(peer.client), ==, 1);
	outcome_clear_all(outcomes, 3);
	peer_clear(&peer);
}

/* A body larger than the peer's window waits for updates and arrives whole. */
static void test_flow_control(void)
{
	struct peer peer;
	struct outcome outcome = {0};

	peer_init(&peer);
	server_settings(&peer, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 100);
	peer_run(&peer, 1000);
	open_request(&peer, "/", 200000, &outcome);
	peer_run(&peer, 1000);
	assert_answered(outcome, 201);
	g_assert_cmpuint(peer.received, ==, 200000);
	outcome_clear_all(&outcome, 1);
	peer_clear(&peer);
}

static void test_goaway(void)
{
	struct peer peer;
	struct outcome outcomes[3] = {0};

	peer_init(&peer);
	peer.mode = SERVER_SILENT;
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	for (guint i = 0; i < 3; i++)
		open_request(&peer, "/", 10, &outcomes[i]);
	peer_run(&peer, 1000);
	g_assert_false(http2_session_draining(peer.client));

	/* Streams 1 and 3 will be seen to, 5 was not. */
	nghttp2_submit_goaway(peer.server, NGHTTP2_FLAG_NONE, 3, NGHTTP2_NO_ERROR, NULL, 0);
	peer_run(&peer, 1000);
	g_assert_true(http2_session_draining(peer.client));
	g_assert_cmpuint(http2_session_room(peer.client), ==, 0);
	g_assert_cmpuint(outcomes[0].calls + outcomes[1].calls, ==, 0);
	assert_failed(outcomes[2], HTTP_ERROR_NOT_SENT);

	server_answer(&peer, 1, "201");
	peer_run(&peer, 1000);
	assert_answered(outcomes[0], 201);
	g_assert_false(http2_session_finished(peer.client));
	server_answer(&peer, 3, "201");
	peer_run(&peer, 1000);
	assert_answered(outcomes[1], 201);
	g_assert_true(http2_session_finished(peer.client));
	g_assert_null(http2_session_error(peer.client));
	outcome_clear_all(outcomes, 3);
	peer_clear(&peer);
}

/* Opened in the same turn in which a GOAWAY is read: never left the house. */
static void test_goaway_before_send(void)
{
	struct peer peer;
	struct outcome outcome = {0};
	const uint8_t *data;

	peer_init(&peer);
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	open_request(&peer, "/", 10, &outcome);
	nghttp2_submit_goaway(peer.server, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
	ssize_t len = nghttp2_session_mem_send(peer.server, &data);
	http2_session_receive(peer.client, data, (gsize)len, peer.now_us);
	peer_run(&peer, 1000);
	assert_failed(outcome, HTTP_ERROR_NOT_SENT);
	g_assert_cmpint(outcome.first_byte_us, ==, 0);
	g_assert_cmpuint(peer.requests, ==, 0);
	g_assert_cmpuint(http2_session_streams(peer.client), ==, 0);
	peer_clear(&peer);
}

static void test_refused_stream(void)
{
	struct peer peer;
	struct outcome outcome = {0};

	peer_init(&peer);
	peer.mode = SERVER_REFUSE;
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	open_request(&peer, "/", 10, &outcome);
	peer_run(&peer, 1000);
	assert_failed(outcome, HTTP_ERROR_NOT_SENT);
	g_assert_false(http2_session_draining(peer.client));
	peer_clear(&peer);
}

static const struct reset_row {
	const char *name;
	guint32 code;
	enum http_error error;
} reset_rows[] = {
	{"internal error", NGHTTP2_INTERNAL_ERROR, HTTP_ERROR_LOST},
	{"cancel", NGHTTP2_CANCEL, HTTP_ERROR_LOST},
	{"protocol error", NGHTTP2_PROTOCOL_ERROR, HTTP_ERROR_PROTOCOL},
	{"no error, no answer", NGHTTP2_NO_ERROR, HTTP_ERROR_PROTOCOL},
};

static void test_reset(gconstpointer data)
{
	const struct reset_row *row = data;
	struct peer peer;
	struct outcome outcome = {0};

	peer_init(&peer);
	peer.mode = SERVER_SILENT;
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	open_request(&peer, "/", 10, &outcome);
	peer_run(&peer, 1000);
	nghttp2_submit_rst_stream(peer.server, NGHTTP2_FLAG_NONE, 1, row->code);
	peer_run(&peer, 1000);
	assert_failed(outcome, row->error);
	peer_clear(&peer);
}

static void test_abort(void)
{
	struct peer peer;
	struct outcome sent = {0}, unsent = {0};
	g_autoptr(GError) error = g_error_new_literal(HTTP_ERROR, HTTP_ERROR_LOST, "gone");

	peer_init(&peer);
	peer.mode = SERVER_SILENT;
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	open_request(&peer, "/", 10, &sent);
	peer_run(&peer, 1000);
	open_request(&peer, "/", 10, &unsent);
	http2_session_abort(peer.client, error);
	g_assert_cmpuint(sent.calls + unsent.calls, ==, 0);
	http2_session_deliver(peer.client);
	assert_failed(sent, HTTP_ERROR_LOST);
	assert_failed(unsent, HTTP_ERROR_NOT_SENT);
	peer_clear(&peer);
}

/* The stream is reset once there is enough; the answer counts all the same. */
static void test_large_body(gconstpointer data)
{
	gsize size = GPOINTER_TO_SIZE(data);
	struct peer peer;
	struct outcome outcome = {0}, next = {0};

	peer_init(&peer);
	peer.body_size = size;
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	open_request(&peer, "/", 10, &outcome);
	peer_run(&peer, 1000);
	assert_answered(outcome, 201);
	g_assert_cmpuint(outcome.body_size, ==, MIN(size, LIMIT_RESPONSE_BODY));
	g_assert_cmpuint(peer.resets, ==, size > LIMIT_RESPONSE_BODY ? 1 : 0);
	/* The connection is as good as before. */
	peer.body_size = 0;
	open_request(&peer, "/", 10, &next);
	peer_run(&peer, 1000);
	assert_answered(next, 201);
	outcome_clear_all(&outcome, 1);
	outcome_clear_all(&next, 1);
	peer_clear(&peer);
}

static void test_large_headers(void)
{
	struct peer peer;
	struct outcome fits = {0}, over = {0}, next = {0};

	peer_init(&peer);
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	peer.header_size = LIMIT_RESPONSE_HEADERS - 200;
	open_request(&peer, "/", 10, &fits);
	peer_run(&peer, 1000);
	assert_answered(fits, 201);
	peer.header_size = LIMIT_RESPONSE_HEADERS;
	open_request(&peer, "/", 10, &over);
	peer_run(&peer, 1000);
	assert_failed(over, HTTP_ERROR_PROTOCOL);
	peer.header_size = 0;
	open_request(&peer, "/", 10, &next);
	peer_run(&peer, 1000);
	assert_answered(next, 201);
	outcome_clear_all(&fits, 1);
	outcome_clear_all(&next, 1);
	peer_clear(&peer);
}

/* 103 and then 201; the interim answer's headers are not the answer's. */
static void test_interim(void)
{
	struct peer peer;
	struct outcome outcome = {0};
	nghttp2_nv interim[] = {NV(":status", "103"), NV("location", "https://wrong/")};
	nghttp2_nv trailer[] = {NV("location", "https://also-wrong/")};

	peer_init(&peer);
	peer.mode = SERVER_SILENT;
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	open_request(&peer, "/", 10, &outcome);
	peer_run(&peer, 1000);
	nghttp2_submit_headers(peer.server, NGHTTP2_FLAG_NONE, 1, NULL, interim, 2, NULL);
	peer_run(&peer, 1000);
	g_assert_cmpuint(outcome.calls, ==, 0);
	nghttp2_nv final[] = {NV(":status", "201"), NV("location", "https://x/m/1")};
	nghttp2_submit_headers(peer.server, NGHTTP2_FLAG_NONE, 1, NULL, final, 2, NULL);
	peer_run(&peer, 1000);
	g_assert_cmpuint(outcome.calls, ==, 0);
	nghttp2_submit_trailer(peer.server, 1, trailer, 1);
	peer_run(&peer, 1000);
	assert_answered(outcome, 201);
	g_assert_cmpstr(outcome.location, ==, "https://x/m/1");
	outcome_clear_all(&outcome, 1);
	peer_clear(&peer);
}

/* --- suspicion ----------------------------------------------------------- */

static void test_doubt_answered(void)
{
	struct peer peer;
	struct outcome outcomes[3] = {0};

	peer_init(&peer);
	peer.mode = SERVER_SILENT;
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	struct http2_stream *first = open_request(&peer, "/", 10, &outcomes[0]);
	struct http2_stream *second = open_request(&peer, "/", 10, &outcomes[1]);
	peer_run(&peer, 1000);
	peer.now_us += 20 * SECOND;
	g_assert_cmpint(http2_stream_cancel(first, TRUE, peer.now_us), >, 0);
	g_assert_cmpint(http2_session_deadline(peer.client), ==, -1);
	http2_stream_cancel(second, TRUE, peer.now_us);
	g_assert_cmpint(http2_session_deadline(peer.client), ==, peer.now_us + 5 * SECOND);
	g_assert_cmpuint(http2_session_room(peer.client), ==, 0);
	/* The server is slow, not dead. */
	peer_run(&peer, 1000);
	g_assert_cmpint(http2_session_deadline(peer.client), ==, -1);
	g_assert_cmpuint(http2_session_room(peer.client), >, 0);
	g_assert_cmpuint(peer.resets, ==, 2);
	g_assert_cmpuint(outcomes[0].calls + outcomes[1].calls, ==, 0);
	g_assert_cmpuint(http2_session_streams(peer.client), ==, 0);
	peer_clear(&peer);
}

static void test_doubt_not_answered(void)
{
	struct peer peer;
	struct outcome outcomes[3] = {0};

	peer_init(&peer);
	peer.mode = SERVER_SILENT;
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	struct http2_stream *first = open_request(&peer, "/", 10, &outcomes[0]);
	struct http2_stream *second = open_request(&peer, "/", 10, &outcomes[1]);
	open_request(&peer, "/", 10, &outcomes[2]);
	peer_run(&peer, 1000);
	peer.deaf = TRUE;
	http2_stream_cancel(first, TRUE, peer.now_us);
	http2_stream_cancel(second, TRUE, peer.now_us);
	peer_run(&peer, 1000);
	peer.now_us += 4 * SECOND;
	g_assert_true(http2_session_tick(peer.client, peer.now_us));
	peer.now_us += SECOND;
	g_assert_false(http2_session_tick(peer.client, peer.now_us));
	g_assert_error(http2_session_error(peer.client), HTTP_ERROR, HTTP_ERROR_LOST);
	http2_session_abort(peer.client, http2_session_error(peer.client));
	http2_session_deliver(peer.client);
	assert_failed(outcomes[2], HTTP_ERROR_LOST);
	peer_clear(&peer);
}

/* An answer in between says that the peer lives. */
static void test_no_doubt(void)
{
	struct peer peer;
	struct outcome outcomes[3] = {0};

	peer_init(&peer);
	peer.mode = SERVER_SILENT;
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	struct http2_stream *first = open_request(&peer, "/", 10, &outcomes[0]);
	struct http2_stream *second = open_request(&peer, "/", 10, &outcomes[1]);
	open_request(&peer, "/", 10, &outcomes[2]);
	peer_run(&peer, 1000);
	http2_stream_cancel(first, TRUE, peer.now_us);
	server_answer(&peer, 5, "201");
	peer_run(&peer, 1000);
	assert_answered(outcomes[2], 201);
	http2_stream_cancel(second, TRUE, peer.now_us);
	g_assert_cmpint(http2_session_deadline(peer.client), ==, -1);
	outcome_clear_all(outcomes, 3);
	peer_clear(&peer);
}

static void test_quiet(void)
{
	struct peer peer;
	struct outcome outcome = {0};

	peer_init(&peer);
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	peer.now_us += 31 * SECOND;
	open_request(&peer, "/", 10, &outcome);
	g_assert_cmpint(http2_session_deadline(peer.client), ==, peer.now_us + 5 * SECOND);
	/* It goes beside the request, which does not wait for it. */
	g_assert_cmpuint(http2_session_room(peer.client), >, 0);
	peer_run(&peer, 1000);
	assert_answered(outcome, 201);
	g_assert_cmpint(http2_session_deadline(peer.client), ==, -1);
	outcome_clear_all(&outcome, 1);
	peer_clear(&peer);
}

/* --- hostile peers -------------------------------------------------------- */

static void test_garbage(void)
{
	static const guint8 garbage[] = "HTTP/1.1 400 Bad Request\r\n\r\nthis is not HTTP/2 at all";
	struct peer peer;
	struct outcome outcome = {0};

	peer_init(&peer);
	peer.mode = SERVER_SILENT;
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	open_request(&peer, "/", 10, &outcome);
	peer_run(&peer, 1000);
	http2_session_receive(peer.client, garbage, sizeof(garbage), peer.now_us);
	g_autoptr(GByteArray) out = g_byte_array_new();
	http2_session_send(peer.client, out, 65536, peer.now_us);
	g_assert_error(http2_session_error(peer.client), HTTP_ERROR, HTTP_ERROR_PROTOCOL);
	g_assert_true(http2_session_draining(peer.client));
	http2_session_abort(peer.client, http2_session_error(peer.client));
	http2_session_deliver(peer.client);
	assert_failed(outcome, HTTP_ERROR_PROTOCOL);
	peer_clear(&peer);
}

static const struct flood_row {
	const char *name;
	guint8 frame[512];
	gsize len;
} flood_rows[] = {
	{"ping", {0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, 17},
	{"ping answers", {0, 0, 8, 6, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, 17},
	{"settings", {0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 9}, 15},
	{"window update", {0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 13},
	{"empty data", {0, 0, 0, 0, 0, 0, 0, 0, 1}, 9},
	{"priority", {0, 0, 5, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, 14},
	{"unknown type", {0, 1, 247, 99, 0, 0, 0, 0, 0, 1}, 512},
};

/* A burst of any of them is borne, a flood is not. */
static void test_flood(gconstpointer data)
{
	const struct flood_row *row = data;
	struct peer peer;
	struct outcome outcome = {0};
	guint frames = 0;

	peer_init(&peer);
	peer.mode = SERVER_SILENT;
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	open_request(&peer, "/", 10, &outcome);
	peer_run(&peer, 1000);
	while (frames < 100000 && http2_session_error(peer.client) == NULL) {
		g_autoptr(GByteArray) out = g_byte_array_new();

		frames++;
		if (strcmp(row->name, "empty data") == 0 && frames == 1) {
			/* DATA is legal only after HEADERS. */
			static const guint8 headers[] = {0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88};

			http2_session_receive(peer.client, headers, sizeof(headers), peer.now_us);
		}
		http2_session_receive(peer.client, row->frame, row->len, peer.now_us);
		http2_session_send(peer.client, out, 65536, peer.now_us);
	}
	g_test_message("stopped after %u frames", frames);
	g_assert_cmpuint(frames, >, 500);
	g_assert_cmpuint(frames, <, 3000);
	http2_session_abort(peer.client, http2_session_error(peer.client));
	http2_session_deliver(peer.client);
	assert_failed(outcome, HTTP_ERROR_PROTOCOL);
	peer_clear(&peer);
}

/* The peer does not read, and asks for acknowledgements. */
static void test_acks_pile_up(void)
{
	struct peer peer;
	guint frames = 0;

	peer_init(&peer);
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	while (frames < 100000 && http2_session_receive(peer.client, flood_rows[0].frame,
							flood_rows[0].len, peer.now_us))
		frames++;
	g_assert_cmpuint(frames, <=, 100);
	peer_clear(&peer);
}

static void test_continuation_flood(void)
{
	static const guint8 headers[] = {0, 0, 1, 1, 0, 0, 0, 0, 1, 0x88};
	static const guint8 more[] = {0, 0, 4, 9, 0, 0, 0, 0, 1, 0x00, 0x01, 'a', 0x00};
	struct peer peer;
	struct outcome outcome = {0};
	guint frames = 0;

	peer_init(&peer);
	peer.mode = SERVER_SILENT;
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	open_request(&peer, "/", 10, &outcome);
	peer_run(&peer, 1000);
	http2_session_receive(peer.client, headers, sizeof(headers), peer.now_us);
	while (frames < 100000 &&
	       http2_session_receive(peer.client, more, sizeof(more), peer.now_us)) {
		g_autoptr(GByteArray) out = g_byte_array_new();

		http2_session_send(peer.client, out, 65536, peer.now_us);
		frames++;
	}
	g_assert_cmpuint(frames, <, 2000);
	http2_session_abort(peer.client, http2_session_error(peer.client));
	http2_session_deliver(peer.client);
	g_assert_cmpuint(outcome.calls, ==, 1);
	g_assert_cmpint(outcome.error, !=, -1);
	peer_clear(&peer);
}

/* Thousands of pushes a second with everything that honest servers add. */
static void test_no_flood(void)
{
	struct peer peer;

	peer_init(&peer);
	peer.body_size = 100;
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	for (guint i = 0; i < 20000; i++) {
		struct outcome outcome = {0};

		open_request(&peer, "/", 3000, &outcome);
		nghttp2_submit_ping(peer.server, NGHTTP2_FLAG_NONE, NULL);
		peer_run(&peer, 100000);
		assert_answered(outcome, 201);
		outcome_clear_all(&outcome, 1);
	}
	peer_clear(&peer);
}

static void test_push_promise(void)
{
	struct peer peer;
	struct outcome outcome = {0};
	/* A PUSH_PROMISE on stream 1 that promises stream 2. */
	static const guint8 promise[] = {0, 0, 5, 5, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0x82};

	peer_init(&peer);
	peer.mode = SERVER_SILENT;
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	open_request(&peer, "/", 10, &outcome);
	peer_run(&peer, 1000);
	http2_session_receive(peer.client, promise, sizeof(promise), peer.now_us);
	g_autoptr(GByteArray) out = g_byte_array_new();
	http2_session_send(peer.client, out, 65536, peer.now_us);
	g_assert_error(http2_session_error(peer.client), HTTP_ERROR, HTTP_ERROR_PROTOCOL);
	peer_clear(&peer);
}

/* --- ours ---------------------------------------------------------------- */

static void test_cancel_unsent(void)
{
	struct peer peer;
	struct outcome outcome = {0};

	peer_init(&peer);
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	struct http2_stream *stream = open_request(&peer, "/", 10, &outcome);
	g_assert_cmpint(http2_stream_cancel(stream, FALSE, peer.now_us), ==, 0);
	peer_run(&peer, 1000);
	g_assert_cmpuint(peer.requests, ==, 0);
	g_assert_cmpuint(outcome.calls, ==, 0);
	g_assert_cmpuint(http2_session_streams(peer.client), ==, 0);
	peer_clear(&peer);
}

/* Answered, but not yet told. */
static void test_cancel_ended(void)
{
	struct peer peer;
	struct outcome outcome = {0};
	g_autoptr(GError) error = g_error_new_literal(HTTP_ERROR, HTTP_ERROR_LOST, "gone");

	peer_init(&peer);
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	struct http2_stream *stream = open_request(&peer, "/", 10, &outcome);
	http2_session_abort(peer.client, error);
	http2_stream_cancel(stream, FALSE, peer.now_us);
	http2_session_deliver(peer.client);
	g_assert_cmpuint(outcome.calls, ==, 0);
	peer_clear(&peer);
}

static void test_shutdown(void)
{
	struct peer peer;
	struct outcome outcome = {0};

	peer_init(&peer);
	peer.mode = SERVER_SILENT;
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	open_request(&peer, "/", 10, &outcome);
	peer_run(&peer, 1000);
	http2_session_shutdown(peer.client);
	peer_run(&peer, 1000);
	g_assert_true(http2_session_draining(peer.client));
	g_assert_false(http2_session_finished(peer.client));
	server_answer(&peer, 1, "201");
	peer_run(&peer, 1000);
	assert_answered(outcome, 201);
	g_assert_true(http2_session_finished(peer.client));
	outcome_clear_all(&outcome, 1);
	peer_clear(&peer);
}

static void test_too_many_headers(void)
{
	struct peer peer;
	struct outcome outcome = {0};
	g_autoptr(GBytes) body = g_bytes_new_static("", 0);
	struct http_request *request = http_request_new("https://unused/", body);

	peer_init(&peer);
	nghttp2_submit_settings(peer.server, NGHTTP2_FLAG_NONE, NULL, 0);
	peer_run(&peer, 1000);
	for (guint i = 0; i <= LIMIT_REQUEST_HEADERS; i++)
		http_request_add_header(request, "x-a", "b");
	g_assert_null(
		http2_session_open(peer.client, "/", request, peer.now_us, on_done, &outcome));
	http_request_free(request);
	g_assert_cmpuint(outcome.calls, ==, 0);
	g_assert_cmpuint(http2_session_streams(peer.client), ==, 0);
	peer_clear(&peer);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/http2-session/request", GSIZE_TO_POINTER(100000), test_request);
	g_test_add_data_func("/http2-session/request-octet-by-octet", GSIZE_TO_POINTER(1),
			     test_request);
	g_test_add_func("/http2-session/empty-body", test_empty_body);
	g_test_add_func("/http2-session/max-streams", test_max_streams);
	g_test_add_func("/http2-session/flow-control", test_flow_control);
	g_test_add_func("/http2-session/goaway", test_goaway);
	g_test_add_func("/http2-session/goaway-before-send", test_goaway_before_send);
	g_test_add_func("/http2-session/refused-stream", test_refused_stream);
	for (gsize i = 0; i < G_N_ELEMENTS(reset_rows); i++) {
		g_autofree char *path =
			g_strdup_printf("/http2-session/reset/%s", reset_rows[i].name);
		g_test_add_data_func(path, &reset_rows[i], test_reset);
	}
	g_test_add_func("/http2-session/abort", test_abort);
	g_test_add_data_func("/http2-session/body-at-the-limit",
			     GSIZE_TO_POINTER(LIMIT_RESPONSE_BODY), test_large_body);
	g_test_add_data_func("/http2-session/body-over-the-limit",
			     GSIZE_TO_POINTER(LIMIT_RESPONSE_BODY + 1), test_large_body);
	g_test_add_data_func("/http2-session/body-of-10-mb", GSIZE_TO_POINTER(10 << 20),
			     test_large_body);
	g_test_add_func("/http2-session/large-headers", test_large_headers);
	g_test_add_func("/http2-session/interim", test_interim);
	g_test_add_func("/http2-session/doubt-answered", test_doubt_answered);
	g_test_add_func("/http2-session/doubt-not-answered", test_doubt_not_answered);
	g_test_add_func("/http2-session/no-doubt", test_no_doubt);
	g_test_add_func("/http2-session/quiet", test_quiet);
	g_test_add_func("/http2-session/garbage", test_garbage);
	for (gsize i = 0; i < G_N_ELEMENTS(flood_rows); i++) {
		g_autofree char *path =
			g_strdup_printf("/http2-session/flood/%s", flood_rows[i].name);
		g_test_add_data_func(path, &flood_rows[i], test_flood);
	}
	g_test_add_func("/http2-session/acks-pile-up", test_acks_pile_up);
	g_test_add_func("/http2-session/continuation-flood", test_continuation_flood);
	g_test_add_func("/http2-session/no-flood", test_no_flood);
	g_test_add_func("/http2-session/push-promise", test_push_promise);
	g_test_add_func("/http2-session/cancel-unsent", test_cancel_unsent);
	g_test_add_func("/http2-session/cancel-ended", test_cancel_ended);
	g_test_add_func("/http2-session/shutdown", test_shutdown);
	g_test_add_func("/http2-session/too-many-headers", test_too_many_headers);
	return g_test_run();
}
