/* The gateways of devices that hand out a token of their vendor's: Apple Mail's requests to
 * APNs, and Delta Chat's tokens on their way to chatmail's notification service. */
#include "bridge-config.h"
#include "gateway.h"
#include "limits.h"
#include "url-guard.h"

#include <string.h>

#define NOW_US G_GINT64_CONSTANT(1792636200000000)
#define TOPIC "com.apple.mail.XServer.1b2f0d41-7b6a-4a52-9d0f-0c4f0e6a9d11"
#define URL "https://notifications.example/notify"
#define CONFIG "[apple]\ntopic = " TOPIC "\n[deltapush]\nurl = " URL "\n"

static struct gateway_context context;

static const struct config *load(const char *text)
{
	g_autoptr(GError) error = NULL;
	struct config *config = config_parse(text, strlen(text), "t.conf", &error);

	g_assert_no_error(error);
	return config;
}

static struct device apple_device(const char *account)
{
	return (struct device){
		.user = (char *)"alice",
		.device = (char *)"apple:0715:0123456789abcdef",
		.gateway = (char *)"apns",
		.dialect = DIALECT_APPLE,
		.endpoint = (char *)"0123456789abcdef0123456789abcdef",
		.client = (char *)account,
		.state = DEVICE_ACTIVE,
	};
}

static struct device delta_device(const char *token)
{
	return (struct device){
		.user = (char *)"alice",
		.device = (char *)"delta:0123456789abcdef",
		.gateway = (char *)"deltapush",
		.dialect = DIALECT_DELTAPUSH,
		.endpoint = (char *)token,
		.state = DEVICE_ACTIVE,
	};
}

static const struct notification notification = {
	.id = 5,
	.user = (char *)"alice",
	.key = (char *)"wake",
	.kinds = PUSH_EVENT_KINDS_ARRIVAL,
	.expires_us = NOW_US + 600 * (gint64)G_USEC_PER_SEC,
	.event = (char *)"EVENT\tname=MessageNew\ttime=1\tuser=alice\tmailbox=Work\tsubject=hi",
};

static struct http_request *prepare(const struct device *device, gboolean minimal, GError **error)
{
	return gateway_find(device->gateway)
		->prepare(&context, device, &notification, minimal, NOW_US, error);
}

/* All headers, "name: value" and a line end each. */
static char *headers_of(const struct http_request *request)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < request->headers->len; i++) {
		const struct http_header *row = g_ptr_array_index(request->headers, i);

		g_string_append_printf(text, "%s: %s\n", row->name, row->value);
	}
	return g_string_free(text, FALSE);
}

static void expect_body(const struct http_request *request, const char *text)
{
	g_autoptr(GBytes) expected = g_bytes_new(text, strlen(text));

	g_assert_true(g_bytes_equal(request->body, expected));
}

/* --- Apple ------------------------------------------------------------------------ */

static const struct {
	const char *account, *body;
} account_rows[] = {
	{"0715A26B-CA09-4730-A419-793000CA982E",
	 "{\"aps\":{\"account-id\":\"0715A26B-CA09-4730-A419-793000CA982E\"}}"},
	/* What no session sends, and the registry might have. */
	{"a\"},\"x\":{\"\\", "{\"aps\":{\"account-id\":\"a\\\"},\\\"x\\\":{\\\"\\\\\"}}"},
};

static void test_apple_request(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(account_rows); i++) {
		struct device device = apple_device(account_rows[i].account);

		for (gboolean minimal = FALSE; minimal <= TRUE; minimal++) {
			g_autoptr(GError) error = NULL;
			struct http_request *request = prepare(&device, minimal, &error);
			g_autofree char *headers = NULL;

			g_assert_no_error(error);
			headers = headers_of(request);
			g_assert_cmpstr(request->url, ==,
					"https://api.push.apple.com:443/3/device/"
					"0123456789abcdef0123456789abcdef");
			g_assert_cmpstr(headers, ==,
					"apns-topic: " TOPIC "\napns-push-type: background\n"
					"apns-expiration: 1792722600\n");
			expect_body(request, account_rows[i].body);
			g_assert_null(request->next);
			http_request_free(request);
		}
	}
}

static void test_apple_lane(void)
{
	const struct config *former = context.config;
	struct device device = apple_device("a");
	g_autofree char *lane = gateway_apple.lane(&context, &device);
	g_autoptr(GError) error = NULL;

	g_assert_cmpstr(lane, ==, "apns https://api.push.apple.com:443");
	g_assert_true(gateway_find("apns") == &gateway_apple);
	g_assert_true(gateway_apple.held_back);
	context.config = config_defaults();
	g_assert_null(gateway_apple.lane(&context, &device));
	g_assert_null(prepare(&device, FALSE, &error));
	g_assert_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
	config_unref((struct config *)context.config);
	context.config = former;
	g_clear_error(&error);
	device = apple_device(NULL);
	g_assert_null(prepare(&device, FALSE, &error));
	g_assert_error(error, G_IO_ERROR, G_IO_ERROR_FAILED);
}

/* --- Delta Chat --------------------------------------------------------------------- */

static void test_delta_request(void)
{
	static const char *const tokens[] = {"fcm-chat.delta:eLwL", "openpgp:wcBMA+/==", "x"};

	for (gsize i = 0; i < G_N_ELEMENTS(tokens); i++) {
		struct device device = delta_device(tokens[i]);
		g_autoptr(GError) error = NULL;
		struct http_request *request = prepare(&device, i > 0, &error);
		g_autofree char *headers = NULL;

		g_assert_no_error(error);
		headers = headers_of(request);
		g_assert_cmpstr(request->url, ==, URL);
		g_assert_cmpstr(headers, ==, "user-agent: " HTTP_USER_AGENT "\n");
		expect_body(request, tokens[i]);
		http_request_free(request);
	}
}

static void test_delta_lane(void)
{
	const struct config *former = context.config;
	struct device device = delta_device("t");
	g_autofree char *lane = gateway_chatmail.lane(&context, &device);
	g_autoptr(GError) error = NULL;

	g_assert_cmpstr(lane, ==, "deltapush https://notifications.example:443");
	g_assert_true(gateway_find("deltapush") == &gateway_chatmail);
	g_assert_false(gateway_chatmail.held_back);
	context.config = config_defaults();
	g_assert_null(gateway_chatmail.lane(&context, &device));
	g_assert_null(prepare(&device, FALSE, &error));
	g_assert_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
	config_unref((struct config *)context.config);
	context.config = former;
}

static const struct {
	guint status;
	enum outcome_kind kind;
} answer_rows[] = {
	{200, OUTCOME_ACCEPTED},     {410, OUTCOME_DEVICE_GONE},  {404, OUTCOME_CONFIG_ERROR},
	{405, OUTCOME_CONFIG_ERROR}, {400, OUTCOME_RETRY},        {413, OUTCOME_RETRY},
	{422, OUTCOME_RETRY},        {403, OUTCOME_CONFIG_ERROR}, {302, OUTCOME_CONFIG_ERROR},
	{429, OUTCOME_THROTTLE},     {500, OUTCOME_RETRY},        {502, OUTCOME_GATEWAY_DOWN},
	{503, OUTCOME_GATEWAY_DOWN},
};

static void test_delta_answers(void)
{
	struct device device = delta_device("t");
	g_autoptr(GError) error = g_error_new(HTTP_ERROR, HTTP_ERROR_CONNECT, "refused");
	struct outcome outcome;

	for (gsize i = 0; i < G_N_ELEMENTS(answer_rows); i++) {
		struct http_reply reply = {.status = answer_rows[i].status,
					   .headers = g_ptr_array_new()};

		g_test_message("%u", answer_rows[i].status);
		gateway_chatmail.classify(&device, &reply, NULL, NOW_US, &outcome);
		g_assert_cmpstr(outcome_name(outcome.kind), ==, outcome_name(answer_rows[i].kind));
		g_assert_nonnull(outcome.detail);
		outcome_clear(&outcome);
		g_ptr_array_unref(reply.headers);
	}
	gateway_chatmail.classify(&device, NULL, error, NOW_US, &outcome);
	g_assert_cmpint(outcome.kind, ==, OUTCOME_GATEWAY_DOWN);
	outcome_clear(&outcome);
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	int result;

	g_test_init(&argc, &argv, NULL);
	context.config = load(CONFIG);
	context.url_guard = url_guard_new(NULL, &error);
	g_assert_no_error(error);
	g_test_add_func("/gateway-tokens/apple/request", test_apple_request);
	g_test_add_func("/gateway-tokens/apple/lane", test_apple_lane);
	g_test_add_func("/gateway-tokens/delta/request", test_delta_request);
	g_test_add_func("/gateway-tokens/delta/lane", test_delta_lane);
	g_test_add_func("/gateway-tokens/delta/answers", test_delta_answers);
	result = g_test_run();
	url_guard_unref(context.url_guard);
	config_unref((struct config *)context.config);
	return result;
}
