#include "http-client.h"
#include "limits.h"

#include <string.h>

static void test_request(void)
{
	g_autoptr(GBytes) body = g_bytes_new_static("body", 4);
	struct http_request *request = http_request_new("https://push.example/x", body);
	const struct http_header *header;

	g_assert_cmpstr(request->url, ==, "https://push.example/x");
	g_assert_cmpuint(request->headers->len, ==, 0);
	g_assert_true(request->body == body);
	http_request_add_header(request, "Content-Type", "text/Plain");
	http_request_add_header(request, "webpush-validation", "");
	g_assert_cmpuint(request->headers->len, ==, 2);
	header = g_ptr_array_index(request->headers, 0);
	g_assert_cmpstr(header->name, ==, "content-type");
	g_assert_cmpstr(header->value, ==, "text/Plain");
	header = g_ptr_array_index(request->headers, 1);
	g_assert_cmpstr(header->value, ==, "");
	http_request_free(request);
	http_request_free(NULL);
}

static void test_reply_header(void)
{
	struct http_header headers[] = {{(char *)"retry-after", (char *)"1"},
					{(char *)"location", (char *)"/x"},
					{(char *)"retry-after", (char *)"2"}};
	struct http_reply reply = {.status = 200}, none = {.status = 200};

	reply.headers = g_ptr_array_new();
	for (guint i = 0; i < G_N_ELEMENTS(headers); i++)
		g_ptr_array_add(reply.headers, &headers[i]);
	g_assert_cmpstr(http_reply_header(&reply, "retry-after"), ==, "1");
	g_assert_cmpstr(http_reply_header(&reply, "location"), ==, "/x");
	g_assert_null(http_reply_header(&reply, "ttl"));
	g_assert_null(http_reply_header(&none, "ttl"));
	g_ptr_array_unref(reply.headers);
}

/* Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110's examples, less a minute */
#define NOW 784111717
#define MOST LIMIT_RETRY_AFTER_SECS

static const struct retry_row {
	const char *name, *value;
	gint64 secs; /* -1 = malformed */
} retry_rows[] = {
	{"absent", NULL, -1},
	{"empty", "", -1},
	{"blanks", "  ", -1},
	{"zero", "0", 0},
	{"seconds", "120", 120},
	{"seconds with blanks around", " 120\t", 120},
	{"leading zeros", "0000000120", 120},
	{"the cap", "3600", 3600},
	{"over the cap", "3601", MOST},
	{"a year", "31536000", MOST},
	{"over 64 bits", "99999999999999999999999999", MOST},
	{"negative", "-1", -1},
	{"plus", "+5", -1},
	{"fraction", "1.5", -1},
	{"exponent", "1e3", -1},
	{"hexadecimal", "0x10", -1},
	{"unit", "5s", -1},
	{"two values", "5, 6", -1},
	{"garbage", "soon", -1},
	{"octets", "\xff\xfe\x01", -1},
	{"fixed date", "Sun, 06 Nov 1994 08:49:37 GMT", 60},
	{"RFC 850 date", "Sunday, 06-Nov-94 08:49:37 GMT", 60},
	{"asctime date", "Sun Nov  6 08:49:37 1994", 60},
	{"now", "Sun, 06 Nov 1994 08:48:37 GMT", 0},
	{"past", "Sun, 06 Nov 1994 08:48:36 GMT", 0},
	{"long past", "Thu, 01 Jan 1970 00:00:00 GMT", 0},
	{"date over the cap", "Sun, 06 Nov 1994 09:48:38 GMT", MOST},
	{"far future", "Thu, 31 Dec 2099 23:59:59 GMT", MOST},
	{"no such day", "Sun, 99 Nov 1994 08:49:37 GMT", -1},
	{"no such month", "Sun, 06 Nox 1994 08:49:37 GMT", -1},
	{"cut off", "Sun, 06 Nov", -1},
	{"ISO 8601 is none of HTTP's", "1994-11-06T08:49:37Z", -1},
};

static void test_retry_after(gconstpointer data)
{
	const struct retry_row *row = data;
	gint64 us = http_retry_after_us(row->value, (gint64)NOW * G_USEC_PER_SEC);

	g_assert_cmpint(us, ==, row->secs == -1 ? -1 : row->secs * G_USEC_PER_SEC);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/http-message/request", test_request);
	g_test_add_func("/http-message/reply header", test_reply_header);
	for (gsize i = 0; i < G_N_ELEMENTS(retry_rows); i++) {
		g_autofree char *path =
			g_strdup_printf("/http-message/retry-after/%s", retry_rows[i].name);

		g_test_add_data_func(path, &retry_rows[i], test_retry_after);
	}
	return g_test_run();
}
