/* An HTTP/2 server's bytes, in pieces: the first octet of each piece is what we do
 * before it arrives. Whatever comes, each request ends once and nothing is
 * kept beyond the limits. */
#include "http2-session.h"
#include "limits.h"

#include <stdint.h>
#include <string.h>

#define REQUESTS 8
#define PIECE 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct ending {
	struct http2_stream *stream; /* under way */
	unsigned int calls;
};

static void on_done(const struct http_reply *reply, const GError *error, gint64 first_byte_us,
		    gpointer data)
{
	struct ending *ending = data;

	g_assert((reply == NULL) != (error == NULL));
	g_assert(ending->stream != NULL && ending->calls == 0);
	if (reply != NULL) {
		g_assert(reply->status >= 200 && reply->status <= 999);
		g_assert(g_bytes_get_size(reply->body) <= LIMIT_RESPONSE_BODY);
		g_assert(first_byte_us > 0);
	}
	ending->stream = NULL;
	ending->calls++;
}

static void flush(struct http2_session *session, gint64 now_us)
{
	GByteArray *out = g_byte_array_new();

	http2_session_send(session, out, 65536, now_us);
	g_byte_array_unref(out);
	http2_session_deliver(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char text[5000];
	GBytes *body = g_bytes_new_static(text, sizeof(text));
	struct http_request *request = http_request_new("https://unused/", body);
	struct ending endings[REQUESTS] = {0};
	struct http2_session *session = http2_session_new("https", "push.example.com", 1);
	gint64 now_us = 1;
	guint next = 0;
	gboolean alive = TRUE;

	while (size > 0 && alive) {
		guint8 what = *data;
		gsize len = MIN(size - 1, PIECE);

		now_us += (gint64)what * 10000;
		if ((what & 1) != 0 && next < REQUESTS && http2_session_room(session) > 0) {
			endings[next].stream = http2_session_open(session, "/x", request, now_us,
								  on_done, &endings[next]);
			g_assert(endings[next].stream != NULL);
			next++;
		}
		if ((what & 2) != 0)
			flush(session, now_us);
		if ((what & 12) == 12 && endings[what >> 5].stream != NULL) {
			http2_stream_cancel(endings[what >> 5].stream, (what & 16) != 0, now_us);
			endings[what >> 5].stream = NULL;
			endings[what >> 5].calls++;
		}
		alive = http2_session_receive(session, data + 1, len, now_us) &&
			http2_session_tick(session, now_us);
		http2_session_deliver(session);
		data += 1 + len;
		size -= 1 + len;
	}
	if (alive)
		flush(session, now_us);
	GError *error = g_error_new_literal(HTTP_ERROR, HTTP_ERROR_LOST, "the end");
	http2_session_abort(session, error);
	http2_session_deliver(session);
	g_error_free(error);
	for (guint i = 0; i < next; i++)
		g_assert(endings[i].calls == 1);
	http2_session_free(&session);
	http_request_free(request);
	g_bytes_unref(body);
	return 0;
}
