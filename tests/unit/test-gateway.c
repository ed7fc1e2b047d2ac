#include "gateway.h"

#include "gateway-doubles.h"
#include "limits.h"

#include <string.h>

#define NOW_SECS 1760000000
#define NOW_US ((gint64)NOW_SECS * G_USEC_PER_SEC)
#define DAY 86400

static void test_table(void)
{
	g_assert_true(gateway_find("webpush") == &gateway_webpush);
	g_assert_true(gateway_find("webhook") == &gateway_webhook);
	g_assert_null(gateway_find("pigeon"));
	g_assert_null(gateway_find(""));
	for (guint i = 0; gateways[i] != NULL; i++) {
		g_assert_true(gateway_find(gateways[i]->name) == gateways[i]);
		g_assert_nonnull(gateways[i]->lane);
		g_assert_nonnull(gateways[i]->prepare);
		g_assert_true(gateways[i]->held_back || gateways[i]->classify != NULL);
	}
}

static void test_names(void)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < OUTCOME_COUNT; i++) {
		const char *name = outcome_name((enum outcome_kind)i);

		g_assert_nonnull(name);
		/* a metrics label */
		g_assert_cmpuint(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), ==, strlen(name));
		g_assert_true(g_hash_table_add(seen, (gpointer)name));
	}
	g_assert_cmpstr(outcome_name(OUTCOME_ACCEPTED), ==, "accepted");
	g_assert_cmpstr(outcome_name(OUTCOME_DEVICE_GONE), ==, "device-gone");
}

enum which {
	BOTH,
	WEBPUSH,
	WEBHOOK,
};

static const struct reply_row {
	const char *name;
	enum which which;
	guint status;
	const char *retry_after, *body;
	enum outcome_kind kind;
	gint64 secs; /* -1 = not given */
} reply_rows[] = {
	{"200", BOTH, 200, NULL, NULL, OUTCOME_ACCEPTED, -1},
	{"200 with JSON, as ntfy", BOTH, 200, NULL, "{\"id\":\"x\"}", OUTCOME_ACCEPTED, -1},
	{"201", BOTH, 201, NULL, NULL, OUTCOME_ACCEPTED, -1},
	{"202", BOTH, 202, NULL, NULL, OUTCOME_ACCEPTED, -1},
	{"204", BOTH, 204, NULL, NULL, OUTCOME_ACCEPTED, -1},
	{"299", BOTH, 299, NULL, NULL, OUTCOME_ACCEPTED, -1},
	{"Retry-After means nothing with 201", BOTH, 201, "5", NULL, OUTCOME_ACCEPTED, -1},
	{"300", BOTH, 300, NULL, NULL, OUTCOME_CONFIG_ERROR, -1},
	{"301 is not followed", BOTH, 301, NULL, NULL, OUTCOME_CONFIG_ERROR, -1},
	{"307 is not followed", BOTH, 307, "5", NULL, OUTCOME_CONFIG_ERROR, -1},
	{"308 is not followed", BOTH, 308, NULL, NULL, OUTCOME_CONFIG_ERROR, -1},
	{"400", BOTH, 400, NULL, "bad", OUTCOME_REJECT_MESSAGE, -1},
	{"400 VapidPkHashMismatch", WEBPUSH, 400, NULL, "{\"reason\":\"VapidPkHashMismatch\"}",
	 OUTCOME_CONFIG_ERROR, -1},
	{"400 BadJwtToken", WEBPUSH, 400, NULL, "{\"reason\":\"BadJwtToken\"}",
	 OUTCOME_CONFIG_ERROR, -1},
	{"400 BadJwtToken of a webhook", WEBHOOK, 400, NULL, "BadJwtToken", OUTCOME_REJECT_MESSAGE,
	 -1},
	{"401", BOTH, 401, NULL, NULL, OUTCOME_CONFIG_ERROR, -1},
	{"403", BOTH, 403, NULL, NULL, OUTCOME_CONFIG_ERROR, -1},
	{"404", WEBPUSH, 404, NULL, NULL, OUTCOME_DEVICE_GONE, -1},
	{"404 of a webhook", WEBHOOK, 404, NULL, NULL, OUTCOME_CONFIG_ERROR, -1},
	{"405", WEBPUSH, 405, NULL, NULL, OUTCOME_REJECT_MESSAGE, -1},
	{"405 of a webhook", WEBHOOK, 405, NULL, NULL, OUTCOME_CONFIG_ERROR, -1},
	{"406", WEBPUSH, 406, NULL, NULL, OUTCOME_THROTTLE, -1},
	{"406 with a pause", WEBPUSH, 406, "90", NULL, OUTCOME_THROTTLE, 90},
	{"406 of a webhook", WEBHOOK, 406, "90", NULL, OUTCOME_REJECT_MESSAGE, -1},
	{"408", BOTH, 408, NULL, NULL, OUTCOME_RETRY, -1},
	{"410", BOTH, 410, NULL, NULL, OUTCOME_DEVICE_GONE, -1},
	{"410 with Retry-After is gone all the same", BOTH, 410, "5", NULL, OUTCOME_DEVICE_GONE,
	 -1},
	{"413", BOTH, 413, NULL, NULL, OUTCOME_REJECT_MESSAGE, -1},
	{"415", BOTH, 415, NULL, NULL, OUTCOME_REJECT_MESSAGE, -1},
	{"418", BOTH, 418, NULL, NULL, OUTCOME_REJECT_MESSAGE, -1},
	{"421", BOTH, 421, NULL, NULL, OUTCOME_RETRY, -1},
	{"422", BOTH, 422, NULL, NULL, OUTCOME_REJECT_MESSAGE, -1},
	{"425", BOTH, 425, NULL, NULL, OUTCOME_RETRY, -1},
	{"429", BOTH, 429, NULL, NULL, OUTCOME_THROTTLE, -1},
	{"429 with seconds", BOTH, 429, "30", NULL, OUTCOME_THROTTLE, 30},
	{"429 with a date", BOTH, 429, "Thu, 09 Oct 2025 08:54:20 GMT", NULL, OUTCOME_THROTTLE, 60},
	{"429 with a past date", BOTH, 429, "Thu, 09 Oct 2025 08:00:00 GMT", NULL, OUTCOME_THROTTLE,
	 0},
	{"429 with garbage", BOTH, 429, "later", NULL, OUTCOME_THROTTLE, -1},
	{"429 with a negative number", BOTH, 429, "-30", NULL, OUTCOME_THROTTLE, -1},
	{"429 with a huge number", BOTH, 429, "99999999999999999999", NULL, OUTCOME_THROTTLE,
	 LIMIT_RETRY_AFTER_SECS},
	{"500", BOTH, 500, NULL, NULL, OUTCOME_RETRY, -1},
	{"500 with a pause", BOTH, 500, "7", NULL, OUTCOME_RETRY, 7},
	{"501", BOTH, 501, NULL, NULL, OUTCOME_RETRY, -1},
	{"502", BOTH, 502, NULL, NULL, OUTCOME_GATEWAY_DOWN, -1},
	{"503", BOTH, 503, NULL, NULL, OUTCOME_GATEWAY_DOWN, -1},
	{"503 with a pause", BOTH, 503, "120", NULL, OUTCOME_GATEWAY_DOWN, 120},
	{"504", BOTH, 504, NULL, NULL, OUTCOME_GATEWAY_DOWN, -1},
	{"507 of a webhook", WEBHOOK, 507, NULL, NULL, OUTCOME_RETRY, -1},
	{"599", BOTH, 599, NULL, NULL, OUTCOME_RETRY, -1},
	{"100 is no final answer", BOTH, 100, NULL, NULL, OUTCOME_GATEWAY_DOWN, -1},
	{"101", BOTH, 101, NULL, NULL, OUTCOME_GATEWAY_DOWN, -1},
	{"0", BOTH, 0, NULL, NULL, OUTCOME_GATEWAY_DOWN, -1},
	{"600", BOTH, 600, NULL, NULL, OUTCOME_GATEWAY_DOWN, -1},
	{"999", BOTH, 999, NULL, NULL, OUTCOME_GATEWAY_DOWN, -1},
};

static struct outcome classify(const struct gateway *gateway, const struct device *device,
			       guint status, const char *retry_after, const char *body)
{
	struct http_header header = {(char *)"retry-after", (char *)retry_after};
	struct http_reply reply = {.status = status, .headers = g_ptr_array_new()};
	/* What was in the struct before must not shine through. */
	struct outcome outcome = {OUTCOME_COUNT, 4711, 4711, (char *)"x"};

	if (retry_after != NULL)
		g_ptr_array_add(reply.headers, &header);
	if (body != NULL)
		reply.body = g_bytes_new_static(body, strlen(body));
	gateway->classify(device, &reply, NULL, NOW_US, &outcome);
	g_ptr_array_unref(reply.headers);
	g_bytes_unref(reply.body);
	g_assert_cmpuint(outcome.status, ==, status);
	return outcome;
}

static void check_reply(const struct gateway *gateway, const struct reply_row *row)
{
	struct device device = {.created = NOW_SECS - DAY};
	struct outcome outcome =
		classify(gateway, &device, row->status, row->retry_after, row->body);
	g_autofree char *number = g_strdup_printf("%u ", row->status);

	g_assert_cmpstr(outcome_name(outcome.kind), ==, outcome_name(row->kind));
	g_assert_cmpint(outcome.retry_after_us, ==,
			row->secs == -1 ? -1 : row->secs * G_USEC_PER_SEC);
	g_assert_true(g_str_has_prefix(outcome.detail, number));
	outcome_clear(&outcome);
	g_assert_null(outcome.detail);
	outcome_clear(&outcome);
}

static void test_reply(gconstpointer data)
{
	const struct reply_row *row = data;

	if (row->which != WEBHOOK)
		check_reply(&gateway_webpush, row);
	if (row->which != WEBPUSH)
		check_reply(&gateway_webhook, row);
}

/* 507: ntfy has no subscriber for this endpoint at the moment. */
static const struct listener_row {
	const char *name;
	gint64 created_ago, confirmed_ago, ok_ago; /* seconds; 0 = never */
	const char *retry_after;
	enum outcome_kind kind;
	gint64 secs;
} listener_rows[] = {
	{"new device", 10, 0, 0, NULL, OUTCOME_RETRY, 3600},
	{"a pause of theirs", 10, 0, 0, "60", OUTCOME_RETRY, 60},
	{"old, but was there yesterday", 300 * DAY, 200 * DAY, DAY, NULL, OUTCOME_RETRY, 3600},
	{"old, but confirmed yesterday", 300 * DAY, DAY, 100 * DAY, NULL, OUTCOME_RETRY, 3600},
	{"fourteen days", 300 * DAY, 200 * DAY, 14 * DAY, NULL, OUTCOME_RETRY, 3600},
	{"more than fourteen days", 300 * DAY, 200 * DAY, 14 * DAY + 1, NULL, OUTCOME_DEVICE_GONE,
	 3600},
	{"never heard of", 0, 0, 0, NULL, OUTCOME_RETRY, 3600},
};

static void test_listener(gconstpointer data)
{
	const struct listener_row *row = data;
	struct device device = {
		.created = row->created_ago == 0 ? 0 : NOW_SECS - row->created_ago,
		.confirmed = row->confirmed_ago == 0 ? 0 : NOW_SECS - row->confirmed_ago,
		.last_ok = row->ok_ago == 0 ? 0 : NOW_SECS - row->ok_ago,
	};
	struct outcome outcome = classify(&gateway_webpush, &device, 507, row->retry_after, NULL);

	g_assert_cmpstr(outcome_name(outcome.kind), ==, outcome_name(row->kind));
	g_assert_cmpint(outcome.retry_after_us, ==, row->secs * G_USEC_PER_SEC);
	outcome_clear(&outcome);
}

static const struct error_row {
	const char *name;
	int code; /* -1 = an error of somebody else's */
	enum outcome_kind kind;
} error_rows[] = {
	{"refused by the URL guard", HTTP_ERROR_REFUSED, OUTCOME_CONFIG_ERROR},
	{"no such name", HTTP_ERROR_RESOLVE, OUTCOME_GATEWAY_DOWN},
	{"connect", HTTP_ERROR_CONNECT, OUTCOME_GATEWAY_DOWN},
	{"certificate", HTTP_ERROR_TLS, OUTCOME_GATEWAY_DOWN},
	{"stall", HTTP_ERROR_TIMEOUT, OUTCOME_GATEWAY_DOWN},
	{"reset", HTTP_ERROR_LOST, OUTCOME_RETRY},
	{"not sent", HTTP_ERROR_NOT_SENT, OUTCOME_RETRY},
	{"garbage", HTTP_ERROR_PROTOCOL, OUTCOME_GATEWAY_DOWN},
	{"cancelled", HTTP_ERROR_CANCELLED, OUTCOME_RETRY},
	{"of another kind", -1, OUTCOME_GATEWAY_DOWN},
};

static void test_error(gconstpointer data)
{
	const struct error_row *row = data;

	for (guint i = 0; gateways[i] != NULL; i++) {
		if (gateways[i]->held_back)
			continue;
		g_autoptr(GError) error =
			g_error_new(row->code == -1 ? G_IO_ERROR : HTTP_ERROR,
				    row->code == -1 ? G_IO_ERROR_FAILED : row->code, "it\nbroke");
		struct device device = {.created = NOW_SECS};
		struct outcome outcome;

		gateways[i]->classify(&device, NULL, error, NOW_US, &outcome);
		g_assert_cmpstr(outcome_name(outcome.kind), ==, outcome_name(row->kind));
		g_assert_cmpint(outcome.retry_after_us, ==, -1);
		g_assert_cmpuint(outcome.status, ==, 0);
		g_assert_cmpstr(outcome.detail, ==, "it broke");
		outcome_clear(&outcome);
	}
}

#define LONG_TEXT                                                                             \
	"one two three four five six seven eight nine ten one two three four five six seven " \
	"eight nine ten one two three four five six seven eight nine ten one two three four"

static const struct detail_row {
	const char *name, *body;
	const char *detail;
} detail_rows[] = {
	{"no body", NULL, "410 Gone"},
	{"empty body", "", "410 Gone"},
	{"blanks", " \r\n\t", "410 Gone"},
	{"a line", "no such subscription\r\n", "410 Gone: no such subscription"},
	{"lines become one", "no\nsuch\r\nline", "410 Gone: no such  line"},
	{"escape sequences are made harmless", "\033[31mred\007", "410 Gone: [31mred"},
	{"not UTF-8", "caf\xe9!", "410 Gone: caf\xef\xbf\xbd!"},
	{"an endpoint", "https://push.example/wpush/v2/gAAAAABnq1Z5v3Qk9_xy unknown",
	 "410 Gone: https://push.example/wpush/v2/gAAAAABn… unknown"},
	{"a token in JSON", "{\"token\":\"abcdefgh0123456789-_ABC\"}",
	 "410 Gone: {\"token\":\"abcdefgh…\"}"},
	{"a token of letters", "x/AbcdefghijklmnopqrstuvwxyzAbc", "410 Gone: x/Abcdefgh…"},
	{"a reason", "{\"reason\":\"BadAuthorizationHeader\"}",
	 "410 Gone: {\"reason\":\"BadAuthorizationHeader\"}"},
	{"long", LONG_TEXT,
	 "410 Gone: one two three four five six seven eight nine ten one two three four five six "
	 "seven eight nine ten one two three four five six seven eight nine ten one two three…"},
};

static void test_detail(gconstpointer data)
{
	const struct detail_row *row = data;
	struct device device = {.created = NOW_SECS};
	struct outcome outcome = classify(&gateway_webpush, &device, 410, NULL, row->body);

	g_assert_cmpstr(outcome.detail, ==, row->detail);
	g_assert_true(g_utf8_validate(outcome.detail, -1, NULL));
	outcome_clear(&outcome);
}

static void test_binary_body(void)
{
	struct http_reply reply = {.status = 500, .body = g_bytes_new_static("a\0b", 3)};
	struct outcome outcome;

	gateway_classify_http(&reply, NULL, NOW_US, &outcome);
	g_assert_cmpstr(outcome.detail, ==, "500 Internal Server Error");
	outcome_clear(&outcome);
	g_bytes_unref(reply.body);
	gateway_classify_http(NULL, NULL, NOW_US, &outcome);
	g_assert_cmpint(outcome.kind, ==, OUTCOME_GATEWAY_DOWN);
	outcome_clear(&outcome);
}

#define ADD_ROWS(prefix, rows, function)                                                         \
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {                                         \
		g_autofree char *path = g_strdup_printf("/gateway/" prefix "/%s", rows[i].name); \
                                                                                                 \
		g_test_add_data_func(path, &rows[i], function);                                  \
	}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/gateway/table", test_table);
	g_test_add_func("/gateway/outcome names", test_names);
	g_test_add_func("/gateway/binary body", test_binary_body);
	ADD_ROWS("reply", reply_rows, test_reply);
	ADD_ROWS("no listener", listener_rows, test_listener);
	ADD_ROWS("error", error_rows, test_error);
	ADD_ROWS("detail", detail_rows, test_detail);
	return g_test_run();
}
