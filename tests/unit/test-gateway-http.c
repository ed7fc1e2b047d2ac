/* Push-IMAP's channel HTTP: what is sent to whom, and what answers do to a device. */
#include "gateway.h"

#include "gateway-doubles.h"

#include <string.h>

#define NOW_US G_GINT64_CONSTANT(1760000000000000)
#define URL "https://user.example/hook?x=1"
#define EMN "<emn mailbox=\"mailat:joe@foo.com\" timestamp=\"2004-02-20T06:40:00Z\"></emn>"

static struct config config;
static struct gateway_context context = {.config = &config};

static struct device make_device(const char *endpoint)
{
	return (struct device){
		.user = (char *)"joe@foo.com",
		.device = (char *)"P 42",
		.gateway = (char *)"http",
		.dialect = DIALECT_EMN,
		.endpoint = (char *)endpoint,
	};
}

static struct http_request *prepare(const char *endpoint, GError **error)
{
	const struct device device = make_device(endpoint);
	const struct notification notification = {
		.id = 5,
		.key = (char *)"wake",
		.user = (char *)"joe@foo.com",
		.kinds = PUSH_EVENT_KINDS_ARRIVAL,
		.event = (char *)"EVENT\tname=MessageNew\ttime=1077259200000000\tuser=joe@foo.com"
				 "\tmailbox=INBOX\tsubject=secret",
	};

	return gateway_http.prepare(&context, &device, &notification, FALSE, NOW_US, error);
}

static const char *header(const struct http_request *request, const char *name)
{
	for (guint i = 0; i < request->headers->len; i++) {
		const struct http_header *h = g_ptr_array_index(request->headers, i);

		if (strcmp(h->name, name) == 0)
			return h->value;
	}
	return NULL;
}

/* A user's URL gets nothing that is the operator's. */
static const struct {
	const char *name, *endpoint;
	const char *url; /* NULL: cannot be sent */
	gboolean relayed;
} request_rows[] = {
	{"a URL", URL, URL, FALSE},
	{"a webhook", "relay", "https://relay.example/wake", TRUE},
	{"one for other things", "events", NULL, FALSE},
	{"one that is gone", "gone", NULL, FALSE},
	{"an address that is refused", "https://x.refused/", NULL, FALSE},
};

static void test_request(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(request_rows); i++) {
		const struct device device = make_device(request_rows[i].endpoint);
		g_autofree char *lane = gateway_http.lane(&context, &device);
		g_autoptr(GError) error = NULL;
		struct http_request *request = prepare(request_rows[i].endpoint, &error);
		gsize len;
		const char *body;

		g_test_message("%s", request_rows[i].name);
		g_assert_true((request != NULL) == (request_rows[i].url != NULL));
		g_assert_true((lane != NULL) == (request_rows[i].url != NULL));
		if (request == NULL) {
			g_assert_nonnull(error);
			continue;
		}
		g_assert_cmpstr(request->url, ==, request_rows[i].url);
		body = g_bytes_get_data(request->body, &len);
		g_assert_cmpmem(body, len, EMN, strlen(EMN));
		g_assert_cmpstr(header(request, "content-type"), ==, "text/vnd.wap.emn+xml");
		g_assert_nonnull(header(request, "webhook-id"));
		g_assert_cmpstr(header(request, "webhook-timestamp"), ==, "1760000000");
		g_assert_cmpstr(header(request, "fantail-user"), ==,
				request_rows[i].relayed ? "joe@foo.com" : NULL);
		g_assert_cmpstr(header(request, "fantail-device"), ==,
				request_rows[i].relayed ? "P%2042" : NULL);
		g_assert_true((header(request, "webhook-signature") != NULL) ==
			      request_rows[i].relayed);
		http_request_free(request);
	}
}

/* What a device has is more than its address: no answer removes it. */
static const struct {
	guint status;
	enum outcome_kind of_url, of_webhook;
} answer_rows[] = {
	{200, OUTCOME_ACCEPTED, OUTCOME_ACCEPTED},
	{302, OUTCOME_REJECT_MESSAGE, OUTCOME_CONFIG_ERROR},
	{401, OUTCOME_REJECT_MESSAGE, OUTCOME_CONFIG_ERROR},
	{404, OUTCOME_REJECT_MESSAGE, OUTCOME_CONFIG_ERROR},
	{405, OUTCOME_REJECT_MESSAGE, OUTCOME_CONFIG_ERROR},
	{410, OUTCOME_REJECT_MESSAGE, OUTCOME_CONFIG_ERROR},
	{413, OUTCOME_REJECT_MESSAGE, OUTCOME_REJECT_MESSAGE},
	{429, OUTCOME_THROTTLE, OUTCOME_THROTTLE},
	{500, OUTCOME_RETRY, OUTCOME_RETRY},
	{503, OUTCOME_GATEWAY_DOWN, OUTCOME_GATEWAY_DOWN},
};

static void expect(const char *endpoint, guint status, enum outcome_kind kind)
{
	const struct device device = make_device(endpoint);
	struct http_reply reply = {.status = status, .headers = g_ptr_array_new()};
	struct outcome outcome;

	gateway_http.classify(&device, &reply, NULL, NOW_US, &outcome);
	g_test_message("%s: %u", endpoint, status);
	g_assert_cmpint(outcome.kind, ==, kind);
	outcome_clear(&outcome);
	g_ptr_array_unref(reply.headers);
}

static void test_answers(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(answer_rows); i++) {
		expect(URL, answer_rows[i].status, answer_rows[i].of_url);
		expect("relay", answer_rows[i].status, answer_rows[i].of_webhook);
	}
}

int main(int argc, char **argv)
{
	struct config_webhook relay = {.name = (char *)"relay",
				       .url = (char *)"https://relay.example/wake",
				       .secret = g_bytes_new_static("secret", 6),
				       .pimap = TRUE},
			      events = {.name = (char *)"events",
					.url = (char *)"https://relay.example/events"};
	int status;

	g_test_init(&argc, &argv, NULL);
	config.webhooks = g_ptr_array_new();
	g_ptr_array_add(config.webhooks, &relay);
	g_ptr_array_add(config.webhooks, &events);
	g_test_add_func("/gateway-http/request", test_request);
	g_test_add_func("/gateway-http/answers", test_answers);
	status = g_test_run();
	g_ptr_array_unref(config.webhooks);
	g_bytes_unref(relay.secret);
	return status;
}
