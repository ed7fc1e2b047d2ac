#include "gateway.h"

#include "base64url.h"
#include "gateway-doubles.h"
#include "limits.h"
#include "payload.h"
#include "vapid.h"
#include "webpush-crypto.h"

#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#define NOW_SECS 1760000000
#define NOW_US ((gint64)NOW_SECS * G_USEC_PER_SEC)
#define DAY_US ((gint64)86400 * G_USEC_PER_SEC)

#define ENDPOINT "https://push.example.net/wpush/v2/abc?x=1"
#define ARRIVAL "EVENT\tname=MessageNew\ttime=1\tuser=alice\tmailbox=INBOX\tuids=42\tuidvalidity=7"
#define STATE "EVENT\tname=MessageRead\ttime=1\tuser=alice\tmailbox=INBOX\tuids=42\tuidvalidity=7"
#define CONFIRM "CONFIRM\ttoken=abc"

static struct config config = {.webpush_enabled = TRUE, .pad_to = 1};
static struct gateway_context context = {.config = &config};

static struct device make_device(const char *endpoint)
{
	struct device device = {
		.user = (char *)"alice",
		.device = (char *)"phone-1",
		.gateway = (char *)"webpush",
		.endpoint = (char *)endpoint,
	};
	g_autoptr(GError) error = NULL;

	webpush_parse_keys(
		"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SR"
		"pkNtoIAiw4",
		"BTBZMqHH6r4Tts7J_aSIgg", device.p256dh, device.auth, &error);
	g_assert_no_error(error);
	return device;
}

static struct notification make_notification(const char *event)
{
	return (struct notification){
		.id = 5,
		.key = (char *)"mail:INBOX",
		.user = (char *)"alice",
		.kinds = g_str_has_prefix(event, "EVENT\tname=MessageRead")
				 ? PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_READ)
				 : PUSH_EVENT_KINDS_ARRIVAL,
		.messages = 1,
		.expires_us = NOW_US + DAY_US,
		.event = (char *)event,
	};
}

static struct http_request *prepare(const struct device *device,
				    const struct notification *notification, gboolean minimal)
{
	g_autoptr(GError) error = NULL;
	struct http_request *request =
		gateway_webpush.prepare(&context, device, notification, minimal, NOW_US, &error);

	g_assert_no_error(error);
	g_assert_nonnull(request);
	return request;
}

/* Exactly one, or NULL if there is none. */
static const char *header(const struct http_request *request, const char *name)
{
	const char *value = NULL;

	for (guint i = 0; i < request->headers->len; i++) {
		const struct http_header *h = g_ptr_array_index(request->headers, i);

		if (strcmp(h->name, name) == 0) {
			g_assert_null(value);
			value = h->value;
		}
	}
	return value;
}

static void test_lane(void)
{
	static const struct {
		const char *endpoint, *lane;
	} rows[] = {
		{ENDPOINT, "webpush https://push.example.net:443"},
		{"https://push.example.net:8443/x", "webpush https://push.example.net:8443"},
		{"https://inner.refused/x", NULL},
		{"http://push.example.net/x", NULL},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct device device = make_device(rows[i].endpoint);
		g_autofree char *lane = gateway_webpush.lane(&context, &device);

		g_assert_cmpstr(lane, ==, rows[i].lane);
	}
}

static void test_switched_off(void)
{
	struct device device = make_device(ENDPOINT);
	struct notification notification = make_notification(ARRIVAL);
	struct gateway_context off = context;
	g_autoptr(GError) error = NULL;

	/* Rows that were queued before it was switched off reach prepare as well. */
	config.webpush_enabled = FALSE;
	off.vapid = NULL;
	g_assert_null(gateway_webpush.lane(&off, &device));
	g_assert_null(gateway_webpush.prepare(&off, &device, &notification, FALSE, NOW_US, &error));
	g_assert_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
	config.webpush_enabled = TRUE;
}

static void test_arrival(void)
{
	struct device device = make_device(ENDPOINT);
	struct notification notification = make_notification(ARRIVAL);
	struct http_request *request = prepare(&device, &notification, FALSE);
	g_autofree char *authorization = vapid_authorization(
		context.vapid, NULL, "https://push.example.net", NOW_SECS, NULL);
	g_autofree guint8 *topic = NULL;
	gsize len;

	g_assert_cmpstr(request->url, ==, ENDPOINT);
	g_assert_cmpstr(header(request, "authorization"), ==, authorization);
	g_assert_cmpstr(header(request, "content-encoding"), ==, "aes128gcm");
	g_assert_cmpstr(header(request, "content-type"), ==, "application/octet-stream");
	g_assert_cmpstr(header(request, "ttl"), ==, "86400");
	g_assert_cmpstr(header(request, "urgency"), ==, "high");
	g_assert_null(header(request, "webpush-validation"));
	g_assert_null(header(request, "x-wns-cache-policy"));
	g_assert_null(header(request, "host"));
	g_assert_null(header(request, "content-length"));
	topic = base64url_decode(header(request, "topic"), &len);
	g_assert_cmpuint(len, ==, 24);
	g_assert_cmpuint(strlen(header(request, "topic")), ==, 32);
	/* padded to the smallest class */
	g_assert_cmpuint(g_bytes_get_size(request->body), ==, 86 + 128 + 17);
	http_request_free(request);
}

static void test_state(void)
{
	struct device device = make_device(ENDPOINT);
	struct notification notification = make_notification(STATE);
	struct http_request *request = prepare(&device, &notification, FALSE);

	g_assert_cmpstr(header(request, "urgency"), ==, "low");
	g_assert_nonnull(header(request, "topic"));
	http_request_free(request);

	notification.kinds = PUSH_EVENT_KIND_BIT(PUSH_EVENT_DATA_CHANGE);
	request = prepare(&device, &notification, FALSE);
	g_assert_cmpstr(header(request, "urgency"), ==, "normal");
	http_request_free(request);
}

static void test_confirmation(void)
{
	struct device device = make_device(ENDPOINT);
	struct notification notification = make_notification(CONFIRM);
	struct http_request *request;

	for (guint coi = 0; coi < 2; coi++) {
		device.dialect = coi ? DIALECT_COI : DIALECT_GOUGEON;
		request = prepare(&device, &notification, FALSE);
		g_assert_cmpstr(header(request, "ttl"), ==, "60");
		g_assert_cmpstr(header(request, "urgency"), ==, "high");
		g_assert_null(header(request, "topic"));
		g_assert_cmpstr(header(request, "webpush-validation"), ==, coi ? "" : NULL);
		http_request_free(request);
	}
}

static void test_ttl(void)
{
	static const struct {
		gint64 left_us;
		const char *ttl, *wns;
	} rows[] = {
		{DAY_US, "86400", "cache"},         {1999999, "1", "cache"},
		{999999, "0", "no-cache"},          {0, "0", "no-cache"},
		{-DAY_US, "0", "no-cache"},         {28 * DAY_US, "2419200", "cache"},
		{400 * DAY_US, "2419200", "cache"}, {G_MAXINT64 - NOW_US, "2419200", "cache"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct device device =
			make_device("https://wns2-pn1p.notify.windows.com/w/?token=x");
		struct notification notification = make_notification(ARRIVAL);
		struct http_request *request;

		notification.expires_us = NOW_US + rows[i].left_us;
		request = prepare(&device, &notification, FALSE);
		g_assert_cmpstr(header(request, "ttl"), ==, rows[i].ttl);
		g_assert_cmpstr(header(request, "x-wns-cache-policy"), ==, rows[i].wns);
		http_request_free(request);
	}
}

static char *topic_of(const char *id, guint8 auth, const char *key)
{
	struct device device = make_device(ENDPOINT);
	struct notification notification = make_notification(ARRIVAL);
	struct http_request *request;
	char *topic;

	device.device = (char *)id;
	device.auth[0] = auth;
	notification.key = (char *)key;
	request = prepare(&device, &notification, FALSE);
	topic = g_strdup(header(request, "topic"));
	http_request_free(request);
	return topic;
}

/* One mailbox of one device is one topic, and nothing else is. */
static void test_topic(void)
{
	g_autofree char *first = topic_of("phone-1", 1, "mail:INBOX");
	g_autofree char *again = topic_of("phone-1", 1, "mail:INBOX");
	g_autofree char *state = topic_of("phone-1", 1, "state:INBOX");
	g_autofree char *other_device = topic_of("phone-2", 1, "mail:INBOX");
	g_autofree char *other_secret = topic_of("phone-1", 2, "mail:INBOX");
	g_autofree char *shifted = topic_of("phone-1m", 1, "ail:INBOX");

	g_assert_cmpstr(first, ==, again);
	g_assert_cmpstr(first, !=, state);
	g_assert_cmpstr(first, !=, other_device);
	g_assert_cmpstr(first, !=, other_secret);
	g_assert_cmpstr(first, !=, shifted);
}

static void test_padding(void)
{
	static const struct {
		gsize pad_to;
		gboolean minimal;
		gsize padded; /* 0 = as long as it is */
	} rows[] = {{0, FALSE, 0},
		    {1, FALSE, 128},
		    {129, FALSE, 512},
		    {4000, FALSE, LIMIT_PUSH_PLAINTEXT},
		    {4000, TRUE, 0}};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct device device = make_device(ENDPOINT);
		struct notification notification = make_notification(ARRIVAL);
		g_autoptr(GBytes) payload = payload_build(&device, &notification, rows[i].minimal);
		struct http_request *request;

		config.pad_to = rows[i].pad_to;
		request = prepare(&device, &notification, rows[i].minimal);
		g_assert_cmpuint(
			g_bytes_get_size(request->body), ==,
			86 + 17 +
				(rows[i].padded != 0 ? rows[i].padded : g_bytes_get_size(payload)));
		http_request_free(request);
	}
	config.pad_to = 1;
}

static void expect_refused(const struct device *device, GQuark domain, int code)
{
	struct notification notification = make_notification(ARRIVAL);
	g_autoptr(GError) error = NULL;

	g_assert_null(
		gateway_webpush.prepare(&context, device, &notification, FALSE, NOW_US, &error));
	g_assert_error(error, domain, code);
}

static void test_refused(void)
{
	struct device inner = make_device("https://inner.refused/x"), bad = make_device(ENDPOINT),
		      former = make_device(ENDPOINT), current = make_device(ENDPOINT);
	struct notification notification = make_notification(ARRIVAL);

	expect_refused(&inner, URL_GUARD_ERROR, URL_GUARD_ERROR_HOST);
	bad.p256dh[64] ^= 1;
	expect_refused(&bad, WEBPUSH_CRYPTO_ERROR, WEBPUSH_CRYPTO_ERROR_KEY);
	former.vapid_key = (char *)"BAAA";
	expect_refused(&former, VAPID_ERROR, VAPID_ERROR_UNKNOWN);
	current.vapid_key = (char *)vapid_public_key(context.vapid);
	http_request_free(prepare(&current, &notification, FALSE));
}

static gpointer prepare_thread(gpointer data)
{
	struct device device = make_device(ENDPOINT);
	struct notification notification = make_notification(ARRIVAL);

	for (guint i = 0; i < 200; i++)
		http_request_free(prepare(&device, &notification, FALSE));
	return NULL;
}

/* Threads that come and go leave nothing behind (leak and address sanitizer). */
static void test_threads(void)
{
	for (guint round = 0; round < 3; round++) {
		GThread *threads[4];

		for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
			threads[i] = g_thread_new("prepare", prepare_thread, NULL);
		for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
			g_thread_join(threads[i]);
	}
}

int main(int argc, char **argv)
{
	g_autofree char *folder = g_dir_make_tmp("test-webpush-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "vapid.pem", NULL);
	int status;

	g_test_init(&argc, &argv, NULL);
	context.vapid = vapid_open(path, "mailto:postmaster@example.org", NULL);
	g_assert_nonnull(context.vapid);
	g_test_add_func("/gateway-webpush/lane", test_lane);
	g_test_add_func("/gateway-webpush/switched off", test_switched_off);
	g_test_add_func("/gateway-webpush/arrival", test_arrival);
	g_test_add_func("/gateway-webpush/change of state", test_state);
	g_test_add_func("/gateway-webpush/confirmation", test_confirmation);
	g_test_add_func("/gateway-webpush/TTL", test_ttl);
	g_test_add_func("/gateway-webpush/topic", test_topic);
	g_test_add_func("/gateway-webpush/padding", test_padding);
	g_test_add_func("/gateway-webpush/refused", test_refused);
	g_test_add_func("/gateway-webpush/threads", test_threads);
	status = g_test_run();
	vapid_unref(context.vapid);
	g_unlink(path);
	g_rmdir(folder);
	return status;
}
