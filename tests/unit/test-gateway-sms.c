/* The SMS gateway: its requests, and what it makes of Kannel's answers. */
#include "bridge-config.h"
#include "gateway.h"
#include "limits.h"
#include "url-guard.h"

#include <string.h>

#include <glib/gstdio.h>

#define NOW_US G_GINT64_CONSTANT(1792636200000000)
#define CONFIG                                                                                    \
	"[http]\nallowed-endpoints = http://127.0.0.1:13013\n"                                    \
	"[sms]\nurl = http://127.0.0.1:13013/cgi-bin/sendsms\nusername = fantail\npassword-file " \
	"= %s\n"

static struct gateway_context context;
static char *password_file;

static const struct config *load(const char *rest)
{
	g_autofree char *head = g_strdup_printf(CONFIG, password_file);
	g_autofree char *text = g_strconcat(head, rest, NULL);
	g_autoptr(GError) error = NULL;
	struct config *config = config_parse(text, strlen(text), "t.conf", &error);

	g_assert_no_error(error);
	return config;
}

static struct device make_device(const char *endpoint)
{
	return (struct device){
		.user = (char *)"alice",
		.device = (char *)"IMEI:1",
		.gateway = (char *)"sms",
		.endpoint = (char *)endpoint,
		.state = DEVICE_ACTIVE,
		.events = PUSH_EVENT_KIND_BIT(PUSH_EVENT_DATA_CHANGE),
	};
}

static char *make_event(const char *package, const char *type)
{
	return g_strdup_printf("EVENT\tname=DataChange\ttime=1\tuser=alice\tdevice=IMEI:1"
			       "\tdatabases=contacts\tpackage=%s\tpackage-type=%s",
			       package, type);
}

static struct http_request *prepare(const char *endpoint, const char *event, GError **error)
{
	struct device device = make_device(endpoint);
	struct notification notification = {
		.id = 5,
		.revision = 2,
		.user = (char *)"alice",
		.key = (char *)"sync:IMEI:1",
		.kinds = PUSH_EVENT_KIND_BIT(PUSH_EVENT_DATA_CHANGE),
		.expires_us = NOW_US + 600 * (gint64)G_USEC_PER_SEC,
		.event = (char *)event,
	};

	return gateway_sms.prepare(&context, &device, &notification, FALSE, NOW_US, error);
}

static const char *header(const struct http_request *request, const char *name)
{
	for (guint i = 0; i < request->headers->len; i++) {
		const struct http_header *row = g_ptr_array_index(request->headers, i);

		if (strcmp(row->name, name) == 0)
			return row->value;
	}
	return NULL;
}

static void expect_body(const struct http_request *request, const void *data, gsize len)
{
	g_autoptr(GBytes) expected = g_bytes_new(data, len);

	g_assert_true(g_bytes_equal(request->body, expected));
}

static void test_request(void)
{
	static const guint8 san[] = {0xe7, 6, 3, 0xce, 0xaf, 0x85, 'a', 'b', 'c'};
	static const guint8 wbxml[] = {0xe7, 6, 6, 3, 2, 3, 3, 0xaf, 0x85, 'a', 'b', 'c'};
	static const guint8 xml[] = {0xe7, 6, 6, 3, 2, 3, 2, 0xaf, 0x85, 'a', 'b', 'c'};
	g_autofree char *as_san = make_event("YWJj", PUSH_EVENT_PACKAGE_SAN);
	g_autofree char *as_wbxml = make_event("YWJj", PUSH_EVENT_PACKAGE_WBXML);
	g_autofree char *as_xml = make_event("YWJj", PUSH_EVENT_PACKAGE_XML);
	g_autoptr(GError) error = NULL;
	struct http_request *request = prepare("sms:+491701234567", as_san, &error);

	g_assert_no_error(error);
	g_assert_cmpstr(request->url, ==, "http://127.0.0.1:13013/cgi-bin/sendsms");
	g_assert_cmpstr(header(request, "content-type"), ==, "application/octet-stream");
	g_assert_cmpstr(header(request, "x-kannel-username"), ==, "fantail");
	g_assert_cmpstr(header(request, "x-kannel-password"), ==, "s3cret");
	g_assert_null(header(request, "x-kannel-from"));
	g_assert_cmpstr(header(request, "x-kannel-to"), ==, "+491701234567");
	g_assert_cmpstr(header(request, "x-kannel-udh"), ==, "0605040b8423f0");
	g_assert_cmpstr(header(request, "x-kannel-coding"), ==, "1");
	g_assert_cmpstr(header(request, "x-kannel-validity"), ==, "10");
	g_assert_null(request->next);
	expect_body(request, san, sizeof(san));
	http_request_free(request);

	request = prepare("sms:+491701234567", as_wbxml, &error);
	g_assert_no_error(error);
	expect_body(request, wbxml, sizeof(wbxml));
	http_request_free(request);
	request = prepare("sms:+491701234567", as_xml, &error);
	g_assert_no_error(error);
	expect_body(request, xml, sizeof(xml));
	http_request_free(request);
}

static void test_sender(void)
{
	const struct config *former = context.config;
	g_autofree char *event = make_event("YWJj", PUSH_EVENT_PACKAGE_SAN);
	struct http_request *request;

	context.config = load("sender = Fantail\n");
	request = prepare("sms:+491701234567", event, NULL);
	g_assert_cmpstr(header(request, "x-kannel-from"), ==, "Fantail");
	http_request_free(request);
	config_unref((struct config *)context.config);
	context.config = former;
}

/* As many as are allowed, each its own request; and one octet more. */
static void test_parts(void)
{
	gsize most = LIMIT_SMS_PARTS * 128 - 6; /* content of a PDU with a short content type */

	for (gsize over = 0; over <= 1; over++) {
		g_autofree guint8 *package = g_malloc(most + over);
		g_autofree char *base64 = NULL, *event = NULL;
		g_autoptr(GError) error = NULL;
		struct http_request *first;
		guint count = 0;

		memset(package, 'x', most + over);
		base64 = g_base64_encode(package, most + over);
		event = make_event(base64, PUSH_EVENT_PACKAGE_SAN);
		first = prepare("sms:+491701234567", event, &error);
		if (over) {
			g_assert_null(first);
			g_assert_error(error, G_IO_ERROR, G_IO_ERROR_FAILED);
			continue;
		}
		g_assert_no_error(error);
		for (struct http_request *part = first; part != NULL; part = part->next) {
			g_autofree char *udh = g_strdup_printf("0b05040b8423f00003e7%02x%02x",
							       LIMIT_SMS_PARTS, ++count);

			g_assert_cmpstr(header(part, "x-kannel-udh"), ==, udh);
			g_assert_cmpuint(g_bytes_get_size(part->body), ==, 128);
		}
		g_assert_cmpuint(count, ==, LIMIT_SMS_PARTS);
		http_request_free(first);
	}
}

static void test_unsendable(void)
{
	static const char *const events[] = {
		"EVENT\tname=MessageNew\ttime=1\tuser=alice\tmailbox=INBOX",
		"CONFIRM\ttoken=x",
		"nonsense",
	};
	const struct config *former = context.config;
	g_autofree char *event = make_event("YWJj", PUSH_EVENT_PACKAGE_SAN);
	g_autoptr(GError) error = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(events); i++) {
		g_assert_null(prepare("sms:+491701234567", events[i], &error));
		g_assert_error(error, G_IO_ERROR, G_IO_ERROR_FAILED);
		g_clear_error(&error);
	}
	/* What is the configuration's fault, and to be mended there. */
	context.config = config_defaults();
	g_assert_null(prepare("sms:+491701234567", event, &error));
	g_assert_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
	config_unref((struct config *)context.config);
	context.config = former;
}

static const struct {
	const char *endpoint;
	gboolean good;
} number_rows[] = {
	{"sms:+491701234567", TRUE},
	{"sms:+2902345", TRUE},
	{"sms:+123456789012345", TRUE},
	{"sms:+1234567890123456", FALSE},
	{"sms:+123456", FALSE},
	{"sms:491701234567", FALSE},
	{"sms:0049170123456", FALSE},
	{"sms:+049170123456", FALSE},
	{"sms:+49 170 1234567", FALSE},
	{"sms:+49170123456a", FALSE},
	{"sms:+491701234567\r\nX-Kannel-To: 1", FALSE},
	{"sms:", FALSE},
	{"SMS:+491701234567", FALSE},
	{"tel:+491701234567", FALSE},
};

static void test_numbers(void)
{
	g_autofree char *event = make_event("YWJj", PUSH_EVENT_PACKAGE_SAN);

	for (gsize i = 0; i < G_N_ELEMENTS(number_rows); i++) {
		const char *endpoint = number_rows[i].endpoint;
		g_autoptr(GError) error = NULL;
		struct http_request *request;

		g_test_message("%s", endpoint);
		g_assert_cmpint(gateway_sms.check(&context, endpoint, &error), ==,
				number_rows[i].good);
		g_assert_cmpint(error == NULL, ==, number_rows[i].good);
		/* Whatever the registry has. */
		request = prepare(endpoint, event, NULL);
		g_assert_cmpint(request != NULL, ==, number_rows[i].good);
		http_request_free(request);
	}
}

static void test_lane(void)
{
	const struct config *former = context.config;
	struct device device = make_device("sms:+491701234567");
	g_autofree char *lane = gateway_sms.lane(&context, &device);

	g_assert_cmpstr(lane, ==, "sms http://127.0.0.1:13013");
	g_assert_true(gateway_find("sms") == &gateway_sms);
	g_assert_true(gateway_find_scheme("sms:+49") == &gateway_sms);
	g_assert_null(gateway_find_scheme("https://push.example/"));
	context.config = config_defaults();
	g_assert_null(gateway_sms.lane(&context, &device));
	g_assert_false(gateway_sms.check(&context, device.endpoint, NULL));
	config_unref((struct config *)context.config);
	context.config = former;
}

/* Bodies as Kannel 1.4.5 writes them. */
static const struct {
	guint status;
	const char *body;
	enum outcome_kind kind;
} answer_rows[] = {
	{202, "0: Accepted for delivery", OUTCOME_ACCEPTED},
	{202, "3: Queued for later delivery", OUTCOME_ACCEPTED},
	{202, "Sent.", OUTCOME_ACCEPTED},
	{403, "Authorization failed for sendsms", OUTCOME_CONFIG_ERROR},
	{400, "Number(s) has/have been denied by white- and/or black-lists.",
	 OUTCOME_REJECT_MESSAGE},
	{400, "Sender missing and no global set, rejected", OUTCOME_REJECT_MESSAGE},
	{404, "Not routable. Do not try again.", OUTCOME_REJECT_MESSAGE},
	{404, "Unknown request.", OUTCOME_CONFIG_ERROR},
	{410, "Gone", OUTCOME_CONFIG_ERROR},
	{503, "Temporal failure, try again later.", OUTCOME_GATEWAY_DOWN},
	{500, "", OUTCOME_RETRY},
	{429, "", OUTCOME_THROTTLE},
	{200, "<html>It works!</html>", OUTCOME_CONFIG_ERROR},
	{302, "", OUTCOME_CONFIG_ERROR},
};

static void test_answers(void)
{
	struct device device = make_device("sms:+491701234567");
	g_autoptr(GError) error = g_error_new(HTTP_ERROR, HTTP_ERROR_CONNECT, "refused");
	struct outcome outcome;

	for (gsize i = 0; i < G_N_ELEMENTS(answer_rows); i++) {
		g_autoptr(GBytes) body =
			g_bytes_new_static(answer_rows[i].body, strlen(answer_rows[i].body));
		struct http_reply reply = {
			.status = answer_rows[i].status,
			.headers = g_ptr_array_new(),
			.body = body,
		};

		g_test_message("%u %s", answer_rows[i].status, answer_rows[i].body);
		gateway_sms.classify(&device, &reply, NULL, NOW_US, &outcome);
		g_assert_cmpstr(outcome_name(outcome.kind), ==, outcome_name(answer_rows[i].kind));
		g_assert_nonnull(outcome.detail);
		outcome_clear(&outcome);
		g_ptr_array_unref(reply.headers);
	}
	gateway_sms.classify(&device, NULL, error, NOW_US, &outcome);
	g_assert_cmpint(outcome.kind, ==, OUTCOME_GATEWAY_DOWN);
	outcome_clear(&outcome);
}

/* --- Push-IMAP -------------------------------------------------------------------- */

static struct http_request *prepare_emn(const char *endpoint, const char *event, GError **error)
{
	struct device device = make_device(endpoint);
	struct notification notification = {
		.id = 5,
		.revision = 2,
		.key = (char *)"wake",
		.kinds = PUSH_EVENT_KINDS_ARRIVAL,
		.expires_us = NOW_US + 600 * (gint64)G_USEC_PER_SEC,
		.event = (char *)event,
	};

	device.user = (char *)"joe@foo.com";
	device.device = (char *)"P1";
	device.dialect = DIALECT_EMN;
	device.events = PUSH_EVENT_KINDS_MAIL;
	return gateway_sms.prepare(&context, &device, &notification, FALSE, NOW_US, error);
}

static void test_emn(void)
{
	static const guint8 emn[] = {0x03, 0x0d, 0x6a, 0x00, 0x85, 0x07, 0x03, 'j',  'o',
				     'e',  '@',  'f',  'o',  'o',  0x00, 0x85, 0x05, 0xc3,
				     0x06, 0x20, 0x04, 0x02, 0x20, 0x06, 0x40, 0x01};
	static const guint8 head[] = {0xe7, 0x06, 0x06, 0x03, 0x02, 0x03, 0x0a, 0xaf, 0x89};
	static const char event[] = "EVENT\tname=MessageNew\ttime=1077259200000000\tuser="
				    "joe@foo.com\tmailbox=INBOX\tsubject=secret";
	guint8 push[sizeof(head) + sizeof(emn)];
	g_autoptr(GError) error = NULL;
	struct http_request *request = prepare_emn("sms:+13335559999", event, &error);

	memcpy(push, head, sizeof(head));
	memcpy(push + sizeof(head), emn, sizeof(emn));
	g_assert_no_error(error);
	g_assert_cmpstr(header(request, "x-kannel-to"), ==, "+13335559999");
	g_assert_cmpstr(header(request, "x-kannel-udh"), ==, "0605040b8423f0");
	expect_body(request, push, sizeof(push));
	g_assert_null(request->next);
	http_request_free(request);

	/* The bare notification, to the port of its own. */
	request = prepare_emn("sms:+13335559999;port=143", event, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(header(request, "x-kannel-to"), ==, "+13335559999");
	g_assert_cmpstr(header(request, "x-kannel-udh"), ==, "060504008f008f");
	expect_body(request, emn, sizeof(emn));
	http_request_free(request);

	g_assert_null(prepare_emn("sms:+1333;port=143", event, &error));
	g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
	g_clear_error(&error);
	/* Where there are no such headers: the header is in the body, the network another. */
	g_assert_null(prepare_emn("sms:+13335559999;wdp=143", event, &error));
	g_assert_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
	g_clear_error(&error);
	config_unref((struct config *)context.config);
	context.config = load("cdma-smsc = cdma1\n");
	request = prepare_emn("sms:+13335559999;wdp=143", event, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(header(request, "x-kannel-smsc"), ==, "cdma1");
	g_assert_null(header(request, "x-kannel-udh"));
	memcpy(push, "\0\1\0\0\x8f\0\x8f", 7);
	memcpy(push + 7, emn, sizeof(emn));
	expect_body(request, push, 7 + sizeof(emn));
	http_request_free(request);

	/* Operators' devices have no port. */
	g_assert_false(gateway_sms.check(&context, "sms:+13335559999;port=143", &error));
}

int main(int argc, char **argv)
{
	g_autofree char *dir = NULL;
	int status;

	g_test_init(&argc, &argv, NULL);
	dir = g_dir_make_tmp("fantail-sms-XXXXXX", NULL);
	password_file = g_build_filename(dir, "password", NULL);
	g_assert_true(g_file_set_contents_full(password_file, "s3cret\n", -1,
					       G_FILE_SET_CONTENTS_NONE, 0600, NULL));
	context.config = load("");
	context.url_guard =
		url_guard_new((const char *const *)context.config->allowed_endpoints, NULL);
	g_test_add_func("/gateway-sms/request", test_request);
	g_test_add_func("/gateway-sms/sender", test_sender);
	g_test_add_func("/gateway-sms/parts", test_parts);
	g_test_add_func("/gateway-sms/unsendable", test_unsendable);
	g_test_add_func("/gateway-sms/numbers", test_numbers);
	g_test_add_func("/gateway-sms/emn", test_emn);
	g_test_add_func("/gateway-sms/lane", test_lane);
	g_test_add_func("/gateway-sms/answers", test_answers);
	status = g_test_run();
	url_guard_unref(context.url_guard);
	config_unref((struct config *)context.config);
	g_unlink(password_file);
	g_rmdir(dir);
	g_free(password_file);
	return status;
}
