/*
 * What the dispatcher does with each outcome, and that no lane can harm another.
 * Queue and registry in memory, gateways and HTTP client made up: an endpoint
 * says itself what will be answered.
 */
#include "bridge-config.h"
#include "dispatcher.h"
#include "fake-queue.h"
#include "fake-registry.h"
#include "gateway-context.h"
#include "limits.h"
#include "spin.h"
#include "url-guard.h"
#include "vapid.h"
#include "webhook-device.h"

#include <stdlib.h>

#define SEC ((gint64)G_USEC_PER_SEC)

/* --- gateways and HTTP client ---------------------------------------------- */

/* Endpoints: "<status>", "<status>:<Retry-After>", "error", "stall", "unsendable",
 * "refused", "lost-key", "off" (a fault of the configuration), "full-400" (rejects what is not
 * minimal), "next" (takes from `script`), "next-3" (the same, three requests in a row). */
struct sent {
	char *url;
	gboolean minimal;
	http_done done;
	gpointer data;
};

static GPtrArray *stalled;  /* struct sent *: no answer yet */
static GPtrArray *log_sent; /* "<url>" or "<url> minimal" of everything sent */
static int script[64];
static guint script_at;
static guint most_in_flight;
static gint64 last_sent_us; /* real time */

static char *fake_lane(const struct gateway_context *context, const struct device *device)
{
	return g_strconcat(device->gateway, " ", device->endpoint, NULL);
}

static struct http_request *fake_prepare(const struct gateway_context *context,
					 const struct device *device,
					 const struct notification *notification, gboolean minimal,
					 gint64 now_us, GError **error)
{
	if (strcmp(device->endpoint, "unsendable") == 0) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot be written down");
		return NULL;
	}
	if (strcmp(device->endpoint, "refused") == 0) {
		g_set_error(error, URL_GUARD_ERROR, URL_GUARD_ERROR_HOST, "not allowed");
		return NULL;
	}
	if (strcmp(device->endpoint, "lost-key") == 0) {
		g_set_error(error, VAPID_ERROR, VAPID_ERROR_UNKNOWN, "no such key");
		return NULL;
	}
	if (strcmp(device->endpoint, "off") == 0) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "switched off");
		return NULL;
	}
	g_autoptr(GBytes) body = g_bytes_new_static(minimal ? "minimal" : "full!!!", 7);
	struct http_request *request = http_request_new(device->endpoint, body);

	if (strcmp(device->endpoint, "next-3") == 0) {
		request->next = http_request_new("next, 2nd", body);
		request->next->next = http_request_new("next, 3rd", body);
	}
	return request;
}

static void fake_classify(const struct device *device, const struct http_reply *reply,
			  const GError *error, gint64 now_us, struct outcome *outcome_r)
{
	guint status = reply != NULL ? reply->status : 0;

	outcome_r->retry_after_us = -1;
	outcome_r->status = status;
	outcome_r->detail = g_strdup_printf("%u", status);
	outcome_r->kind = status == 0     ? OUTCOME_GATEWAY_DOWN
			  : status < 300  ? OUTCOME_ACCEPTED
			  : status == 400 ? OUTCOME_REJECT_MESSAGE
			  : status == 401 ? OUTCOME_CONFIG_ERROR
			  : status == 410 ? OUTCOME_DEVICE_GONE
			  : status == 429 ? OUTCOME_THROTTLE
			  : status == 503 ? OUTCOME_GATEWAY_DOWN
					  : OUTCOME_RETRY;
	if (reply != NULL && http_reply_header(reply, "retry-after") != NULL)
		outcome_r->retry_after_us = atoi(http_reply_header(reply, "retry-after")) * SEC;
}

static const struct gateway fakes[] = {
	{.name = "webpush", .lane = fake_lane, .prepare = fake_prepare, .classify = fake_classify},
	{.name = "webhook", .lane = fake_lane, .prepare = fake_prepare, .classify = fake_classify},
	{.name = "held", .lane = fake_lane, .prepare = fake_prepare, .held_back = TRUE},
};
const struct gateway *const gateways[] = {&fakes[0], &fakes[1], &fakes[2], NULL};

const struct gateway *gateway_find(const char *name)
{
	for (gsize i = 0; gateways[i] != NULL; i++) {
		if (strcmp(gateways[i]->name, name) == 0)
			return gateways[i];
	}
	return NULL;
}

const char *outcome_name(enum outcome_kind kind)
{
	static const char *const names[OUTCOME_COUNT] = {"accepted", "retry",  "throttle", "down",
							 "config",   "reject", "gone"};
	return names[kind];
}

void outcome_clear(struct outcome *outcome)
{
	g_clear_pointer(&outcome->detail, g_free);
}

static void sent_free(gpointer data)
{
	struct sent *sent = data;

	g_free(sent->url);
	g_free(sent);
}

static void answer_with(struct sent *sent, int status, const char *retry_after)
{
	struct http_header header = {(char *)"retry-after", (char *)retry_after};
	struct http_reply reply = {.status = (guint)status, .headers = g_ptr_array_new()};
	g_autoptr(GError) error = g_error_new(G_IO_ERROR, G_IO_ERROR_FAILED, "connection lost");

	if (retry_after != NULL)
		g_ptr_array_add(reply.headers, &header);
	sent->done(status > 0 ? &reply : NULL, status > 0 ? NULL : error, g_get_monotonic_time(),
		   sent->data);
	g_ptr_array_unref(reply.headers);
	sent_free(sent);
}

static gboolean answer(gpointer data)
{
	struct sent *sent = data;
	const char *colon = strchr(sent->url, ':');

	if (strcmp(sent->url, "error") == 0)
		answer_with(sent, 0, NULL);
	else if (strcmp(sent->url, "full-400") == 0)
		answer_with(sent, sent->minimal ? 201 : 400, NULL);
	else if (g_str_has_prefix(sent->url, "next"))
		answer_with(sent, script[script_at++], NULL);
	else
		answer_with(sent, atoi(sent->url), colon != NULL ? colon + 1 : NULL);
	return G_SOURCE_REMOVE;
}

void http_client_send(struct http_client *client, struct http_request *request,
		      GCancellable *cancellable, http_done done, gpointer data)
{
	struct sent *sent = g_new0(struct sent, 1);

	g_assert_null(request->next);
	sent->url = g_strdup(request->url);
	sent->minimal = memcmp(g_bytes_get_data(request->body, NULL), "minimal", 7) == 0;
	sent->done = done;
	sent->data = data;
	http_request_free(request);
	last_sent_us = g_get_real_time();
	g_ptr_array_add(log_sent, g_strconcat(sent->url, sent->minimal ? " minimal" : "", NULL));
	if (g_str_has_prefix(sent->url, "stall")) {
		g_ptr_array_add(stalled, sent);
		most_in_flight = MAX(most_in_flight, stalled->len);
	} else {
		g_idle_add_full(G_PRIORITY_DEFAULT, answer, sent, NULL);
	}
}

/* gateway-context.c refers to these; no context here has a client. */
struct http_client *http_client_new(struct url_guard *guard,
				    const struct http_client_settings *settings, GError **error)
{
	return NULL;
}

void http_client_free(struct http_client **client)
{
}

/* --- fixture --------------------------------------------------------------- */

struct fixture {
	struct fake_queue queue;
	struct fake_registry registry;
	struct metrics *metrics;
	struct gateway_context *context;
	struct dispatcher *dispatcher;
};

static struct gateway_context *make_context(const char *text)
{
	struct gateway_context *context = g_new0(struct gateway_context, 1);
	g_autoptr(GError) error = NULL;

	g_atomic_ref_count_init(&context->refs);
	context->config = config_parse(text, strlen(text), "test", &error);
	g_assert_no_error(error);
	return context;
}

static void set_up(struct fixture *fixture, const char *config)
{
	memset(fixture, 0, sizeof(*fixture));
	stalled = g_ptr_array_new();
	log_sent = g_ptr_array_new_with_free_func(g_free);
	script_at = most_in_flight = 0;
	fake_queue_init(&fixture->queue);
	fake_registry_init(&fixture->registry);
	fixture->metrics = metrics_new();
	fixture->context = make_context(config);
	fixture->dispatcher = dispatcher_new(&fixture->queue.base, &fixture->registry.base,
					     fixture->context, fixture->metrics);
}

static void tear_down(struct fixture *fixture)
{
	dispatcher_free(&fixture->dispatcher);
	g_assert_null(fixture->dispatcher);
	for (guint i = 0; i < stalled->len; i++)
		answer_with(g_ptr_array_index(stalled, i), 0, NULL);
	spin(5);
	g_ptr_array_unref(stalled);
	g_ptr_array_unref(log_sent);
	gateway_context_unref(fixture->context);
	gateway_context_flush();
	metrics_free(&fixture->metrics);
	fake_queue_clear(&fixture->queue);
	fake_registry_clear(&fixture->registry);
}

static struct device *add_device(struct fixture *fixture, const char *name, const char *endpoint)
{
	struct device like = {
		.user = (char *)"alice",
		.device = (char *)name,
		.gateway = (char *)"webpush",
		.endpoint = (char *)endpoint,
		.state = DEVICE_ACTIVE,
	};

	return fake_registry_add(&fixture->registry, &like);
}

/* One row for the device; NULL lane: that of its endpoint. */
static gint64 add_row(struct fixture *fixture, const struct device *device, const char *key,
		      const char *lane)
{
	g_autofree char *own = fake_lane(NULL, device);
	gint64 now = g_get_real_time();
	struct notification like = {
		.device = device->id,
		.user = device->user,
		.key = (char *)key,
		.lane = lane != NULL ? (char *)lane : own,
		.kinds = PUSH_EVENT_KINDS_ARRIVAL,
		.messages = 1,
		.first_us = now,
		.due_us = now,
		.expires_us = now + 3600 * SEC,
		.event = (char *)"EVENT\tname=MessageNew\ttime=1\tuser=alice\tmailbox=INBOX",
	};

	return fake_queue_add(&fixture->queue, &like);
}

static struct notification *row(struct fixture *fixture, gint64 id)
{
	guint at;

	return fake_queue_find(&fixture->queue, id, &at);
}

/* TRUE: so many were sent in all, and no more. */
static gboolean until(guint sent)
{
	spin_until(log_sent->len >= sent);
	spin(20);
	return log_sent->len == sent;
}

static gboolean dropped(struct fixture *fixture, const char *reason, guint count)
{
	GString *text = metrics_text(fixture->metrics);
	g_autofree char *sample = g_strdup_printf("reason=\"%s\"} %u", reason, count);
	gboolean found = strstr(text->str, sample) != NULL;

	g_string_free(text, TRUE);
	return found;
}

/* --- outcomes -------------------------------------------------------------- */

static void test_accepted(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	add_row(&fixture, add_device(&fixture, "d", "201"), "mail:INBOX", NULL);
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(1));
	g_assert_cmpuint(fixture.queue.rows->len, ==, 0);
	g_assert_cmpuint(fixture.registry.marked_ok, ==, 1);
	g_assert_cmpuint(dispatcher_in_flight(fixture.dispatcher), ==, 0);
	g_assert_cmpuint(dispatcher_unrecorded(fixture.dispatcher), ==, 0);
	tear_down(&fixture);
}

/* A message that is several requests: one after the other, as far as they are accepted;
 * again from the first. */
static void test_row_of_requests(void)
{
	static const char *const all[] = {"next-3", "next, 2nd", "next-3", "next, 2nd",
					  "next, 3rd"};
	struct fixture fixture;

	set_up(&fixture, "");
	script[0] = script[2] = script[3] = script[4] = 201;
	script[1] = 500;
	gint64 id = add_row(&fixture, add_device(&fixture, "d", "next-3"), "sync:d", NULL);
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(2));
	g_assert_cmpuint(row(&fixture, id)->attempts, ==, 1);
	g_assert_cmpuint(fixture.registry.marked_ok, ==, 0);
	row(&fixture, id)->due_us = g_get_real_time();
	dispatcher_wake(fixture.dispatcher, "webpush next-3", g_get_real_time());
	g_assert_true(until(5));
	for (guint i = 0; i < G_N_ELEMENTS(all); i++)
		g_assert_cmpstr(g_ptr_array_index(log_sent, i), ==, all[i]);
	g_assert_cmpuint(fixture.queue.rows->len, ==, 0);
	g_assert_cmpuint(fixture.registry.marked_ok, ==, 1);
	g_assert_cmpuint(dispatcher_in_flight(fixture.dispatcher), ==, 0);
	tear_down(&fixture);
}

static void test_wake(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	dispatcher_start(fixture.dispatcher);
	spin(10);
	struct device *device = add_device(&fixture, "d", "201");
	add_row(&fixture, device, "mail:INBOX", NULL);
	dispatcher_wake(fixture.dispatcher, "webpush 201", g_get_real_time());
	g_assert_true(until(1));
	/* Not before it is due. */
	gint64 id = add_row(&fixture, device, "mail:INBOX", NULL);
	gint64 due_us = g_get_real_time() + 300000;
	row(&fixture, id)->due_us = due_us;
	dispatcher_wake(fixture.dispatcher, "webpush 201", due_us);
	g_assert_true(until(2));
	g_assert_cmpint(last_sent_us, >=, due_us);
	g_assert_cmpuint(fixture.queue.rows->len, ==, 0);
	tear_down(&fixture);
}

static void test_later(void)
{
	static const struct {
		const char *endpoint;
		guint attempts;
		gint64 least_us, most_us;
	} rows[] = {
		{"500", 1, 1 * SEC, 2 * SEC},         {"500:100", 1, 100 * SEC, 100 * SEC},
		{"429:100", 0, 100 * SEC, 100 * SEC}, {"503", 1, 1 * SEC, 2 * SEC},
		{"error", 1, 1 * SEC, 2 * SEC},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fixture fixture;

		g_test_message("%s", rows[i].endpoint);
		set_up(&fixture, "");
		gint64 before = g_get_real_time();
		gint64 id = add_row(&fixture, add_device(&fixture, "d", rows[i].endpoint), "mail:x",
				    NULL);
		dispatcher_start(fixture.dispatcher);
		g_assert_true(until(1));
		g_assert_nonnull(row(&fixture, id));
		g_assert_cmpuint(row(&fixture, id)->attempts, ==, rows[i].attempts);
		g_assert_cmpint(row(&fixture, id)->due_us, >=, before + rows[i].least_us);
		g_assert_cmpint(row(&fixture, id)->due_us, <=, g_get_real_time() + rows[i].most_us);
		g_assert_cmpuint(fixture.registry.marked_failed, ==, 1);
		g_assert_cmpuint(dispatcher_in_flight(fixture.dispatcher), ==, 0);
		tear_down(&fixture);
	}
}

static void test_tried_again(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	script[0] = 500;
	script[1] = 201;
	add_row(&fixture, add_device(&fixture, "d", "next"), "mail:x", NULL);
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(2));
	g_assert_cmpuint(fixture.queue.rows->len, ==, 0);
	tear_down(&fixture);
}

static void test_config_error(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "webpush 401: refuses us: 401; *");
	struct device *device = add_device(&fixture, "d", "401");
	gint64 one = add_row(&fixture, device, "mail:a", NULL);
	gint64 two = add_row(&fixture, device, "mail:b", NULL);
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(2));
	g_test_assert_expected_messages(); /* one line for both */
	g_assert_cmpint(row(&fixture, one)->due_us, >, g_get_real_time() + 400 * SEC);
	g_assert_cmpuint(row(&fixture, two)->attempts, ==, 0);
	tear_down(&fixture);
}

/* A push service that refuses every other push is one line, not one a push. */
static void test_config_error_now_and_then(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "webpush next: refuses us: 401; *");
	struct device *device = add_device(&fixture, "d", "next");
	for (guint i = 0; i < 6; i++) {
		g_autofree char *key = g_strdup_printf("mail:%u", i);

		script[i] = i % 2 == 0 ? 401 : 201;
		add_row(&fixture, device, key, NULL);
		if (i == 0)
			dispatcher_start(fixture.dispatcher);
		else
			dispatcher_wake(fixture.dispatcher, "webpush next", g_get_real_time());
		g_assert_true(until(i + 1));
	}
	g_test_assert_expected_messages();
	g_assert_cmpuint(fixture.queue.rows->len, ==, 3);
	tear_down(&fixture);
}

static void test_rejected(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	add_row(&fixture, add_device(&fixture, "d1", "full-400"), "mail:x", NULL);
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(2));
	g_assert_cmpstr(log_sent->pdata[0], ==, "full-400");
	g_assert_cmpstr(log_sent->pdata[1], ==, "full-400 minimal");
	g_assert_cmpuint(fixture.queue.rows->len, ==, 0);
	g_assert_cmpuint(fixture.registry.marked_ok, ==, 1);
	/* Never, in any form. */
	add_row(&fixture, add_device(&fixture, "d2", "400"), "mail:x", NULL);
	dispatcher_wake(fixture.dispatcher, "webpush 400", g_get_real_time());
	g_assert_true(until(4));
	g_assert_cmpuint(fixture.queue.rows->len, ==, 0);
	g_assert_cmpuint(fixture.registry.marked_failed, ==, 1);
	g_assert_true(dropped(&fixture, "rejected", 1));
	g_assert_cmpuint(dispatcher_in_flight(fixture.dispatcher), ==, 0);
	tear_down(&fixture);
}

static void test_unsendable(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	/* For those who look for it: there may be very many. */
	g_test_expect_message(NULL, G_LOG_LEVEL_DEBUG, "webpush unsendable: dropped a *");
	add_row(&fixture, add_device(&fixture, "d1", "unsendable"), "mail:x", NULL);
	dispatcher_start(fixture.dispatcher);
	spin_until(fixture.queue.rows->len == 0);
	spin(20);
	g_assert_cmpuint(fixture.queue.rows->len, ==, 0);
	g_test_assert_expected_messages();
	g_assert_cmpuint(log_sent->len, ==, 0);
	g_assert_true(dropped(&fixture, "unsendable", 1));
	g_assert_cmpuint(dispatcher_in_flight(fixture.dispatcher), ==, 0);
	tear_down(&fixture);
}

/* Its gateway has no sender: nothing goes out, nothing waits, and what it would have been can
 * be seen. */
static void test_held_back(void)
{
	struct fixture fixture;
	struct device *device;

	set_up(&fixture, "");
	device = add_device(&fixture, "d1", "201");
	g_free(device->gateway);
	device->gateway = g_strdup("held");
	add_row(&fixture, device, "wake", NULL);
	dispatcher_start(fixture.dispatcher);
	spin_until(fixture.queue.rows->len == 0);
	spin(20);
	g_assert_cmpuint(log_sent->len, ==, 0);
	g_assert_true(dropped(&fixture, "held-back", 1));
	g_assert_cmpuint(fixture.registry.marked_ok, ==, 0);
	g_assert_cmpuint(fixture.registry.marked_failed, ==, 1);
	g_assert_cmpuint(dispatcher_in_flight(fixture.dispatcher), ==, 0);
	g_assert_cmpuint(dispatcher_unrecorded(fixture.dispatcher), ==, 0);
	g_autoptr(GPtrArray) held =
		held_pushes_list(dispatcher_held(fixture.dispatcher), "alice", g_get_real_time());
	g_assert_cmpuint(held->len, ==, 1);
	const struct held_push *push = g_ptr_array_index(held, 0);
	g_assert_cmpstr(push->device_name, ==, "d1");
	g_assert_cmpstr(push->request->url, ==, "201");
	g_assert_cmpstr(push->mailbox, ==, "INBOX");
	tear_down(&fixture);
}

/* What only the configuration keeps from being sent waits for the operator. */
static void test_config_keeps_from_sending(void)
{
	static const char *const endpoints[] = {"refused", "lost-key", "off"};

	for (gsize i = 0; i < G_N_ELEMENTS(endpoints); i++) {
		g_autofree char *warning = g_strdup_printf(
			"webpush %s: cannot send: *kept and tried rarely", endpoints[i]);
		struct fixture fixture;

		g_test_message("%s", endpoints[i]);
		set_up(&fixture, "");
		g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, warning);
		struct device *device = add_device(&fixture, "d", endpoints[i]);
		gint64 id = add_row(&fixture, device, "mail:a", NULL);
		add_row(&fixture, device, "mail:b", NULL);
		dispatcher_start(fixture.dispatcher);
		spin_until(fixture.queue.rescheduled == 2);
		spin(20);
		g_test_assert_expected_messages(); /* one line for both */
		g_assert_cmpuint(fixture.queue.rescheduled, ==, 2);
		g_assert_cmpuint(fixture.queue.rows->len, ==, 2);
		g_assert_cmpint(row(&fixture, id)->due_us, >, g_get_real_time() + 400 * SEC);
		g_assert_cmpuint(row(&fixture, id)->attempts, ==, 0);
		g_assert_cmpuint(dispatcher_in_flight(fixture.dispatcher), ==, 0);
		tear_down(&fixture);
	}
}

static void test_gone(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	struct device *device = add_device(&fixture, "d", "410");
	add_row(&fixture, device, "mail:a", NULL);
	gint64 later = add_row(&fixture, device, "state:a", NULL);
	row(&fixture, later)->due_us += 60 * SEC;
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(1));
	g_assert_cmpuint(fixture.registry.marked_dead, ==, 1);
	g_assert_cmpint(device->state, ==, DEVICE_DEAD);
	/* What else waited for it went with it. */
	g_assert_cmpuint(fixture.queue.rows->len, ==, 0);
	g_assert_true(dropped(&fixture, "device-gone", 1));
	tear_down(&fixture);
}

/* The old address is gone by the time that the client has given a new one. */
static void test_gone_after_change(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	struct device *device = add_device(&fixture, "d", "stall");
	add_row(&fixture, device, "mail:a", NULL);
	gint64 other = add_row(&fixture, device, "mail:b", NULL);
	row(&fixture, other)->due_us += 60 * SEC;
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(1));
	g_free(device->endpoint);
	device->endpoint = g_strdup("201");
	answer_with(g_ptr_array_remove_index(stalled, 0), 410, NULL);
	g_assert_true(until(2));
	g_assert_cmpstr(log_sent->pdata[1], ==, "201");
	g_assert_cmpint(device->state, ==, DEVICE_ACTIVE);
	g_assert_nonnull(row(&fixture, other));
	g_assert_cmpuint(fixture.queue.rows->len, ==, 1);
	g_assert_false(dropped(&fixture, "device-gone", 1));
	tear_down(&fixture);
}

/* A push service's bad morning: "gone" for everybody. */
static void test_gone_guard(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	for (guint i = 0; i < 50; i++) {
		g_autofree char *name = g_strdup_printf("d%u", i);

		add_row(&fixture, add_device(&fixture, name, "410"), "mail:a", NULL);
	}
	g_test_expect_message(NULL, G_LOG_LEVEL_WARNING,
			      "webpush 410 says of more devices that they are gone than can be "
			      "true (21 of 21 in ten minutes)*keeping them");
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(50));
	g_test_assert_expected_messages();
	g_assert_cmpuint(fixture.registry.marked_dead, ==, 20);
	g_assert_cmpuint(fixture.queue.rows->len, ==, 30);
	const struct notification *kept = g_ptr_array_index(fixture.queue.rows, 0);
	g_assert_cmpint(kept->due_us, >, g_get_real_time() + 400 * SEC);
	tear_down(&fixture);
}

static void hooks_ready(const GError *error, gpointer data)
{
	g_assert_no_error(error);
}

static void test_webhook(void)
{
	static const char config[] = "[devices]\nrate-per-minute = 1\nrate-burst = 1\n"
				     "[webhook 410]\nurl = https://x.example.org/\n"
				     "[webhook 200]\nurl = https://x.example.org/\n";
	struct fixture fixture;

	set_up(&fixture, config);
	fixture.registry.at_once = TRUE;
	webhook_devices_ensure(fixture.context->config, &fixture.registry.base, hooks_ready, NULL);
	dispatcher_set_context(fixture.dispatcher, fixture.context);
	struct device *gone = fake_registry_at(&fixture.registry, "", "410");
	struct device *fine = fake_registry_at(&fixture.registry, "", "200");
	struct device *past = add_device(&fixture, "former", "200");
	g_free(past->gateway);
	past->gateway = g_strdup("webhook");

	/* Only the operator takes a webhook away. */
	gint64 kept = add_row(&fixture, gone, "mail:a", NULL);
	g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "webhook 410: refuses us: 410; *");
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(1));
	g_test_assert_expected_messages();
	g_assert_nonnull(row(&fixture, kept));
	g_assert_cmpuint(fixture.registry.marked_dead, ==, 0);
	/* The pace is that of users' devices; a webhook serves many. */
	for (guint i = 0; i < 10; i++) {
		g_autofree char *key = g_strdup_printf("mail:%u", i);

		add_row(&fixture, fine, key, NULL);
	}
	/* One that the config has no more. */
	gint64 orphan = add_row(&fixture, past, "mail:a", NULL);
	dispatcher_wake(fixture.dispatcher, "webhook 200", g_get_real_time());
	g_assert_true(until(11));
	g_assert_null(row(&fixture, orphan));
	g_assert_true(dropped(&fixture, "no-device", 1));
	tear_down(&fixture);
}

/* --- what is not sent ------------------------------------------------------ */

static void test_not_sent(void)
{
	struct fixture fixture;
	gint64 now = g_get_real_time();

	set_up(&fixture, "");
	struct device *device = add_device(&fixture, "d", "201");
	gint64 expired = add_row(&fixture, device, "mail:a", NULL);
	row(&fixture, expired)->expires_us = now;
	struct device *waiting = add_device(&fixture, "w", "201");
	waiting->state = DEVICE_INACTIVE;
	add_row(&fixture, waiting, "mail:a", NULL);
	struct device *dead = add_device(&fixture, "x", "201");
	dead->state = DEVICE_DEAD;
	add_row(&fixture, dead, "mail:a", NULL);
	gint64 lost = add_row(&fixture, device, "mail:b", NULL);
	row(&fixture, lost)->device = 4711;
	struct device *odd = add_device(&fixture, "o", "201");
	g_free(odd->gateway);
	odd->gateway = g_strdup("pigeon");
	add_row(&fixture, odd, "mail:a", "webpush 201");
	/* Of Push-IMAP: one that was locked, one that was woken meanwhile, and a command that was
	 * taken back. */
	struct device *locked = add_device(&fixture, "l", "201");
	locked->dialect = DIALECT_EXTENDED;
	locked->state = DEVICE_LOCKED;
	add_row(&fixture, locked, "wake", NULL);
	struct device *woken = add_device(&fixture, "e", "201");
	woken->dialect = DIALECT_EMN;
	woken->wakes = 1;
	woken->last_ok = now / G_USEC_PER_SEC;
	add_row(&fixture, woken, "wake", NULL);
	gint64 command = add_row(&fixture, woken, "LOCK_DOWN", NULL);
	g_free(row(&fixture, command)->event);
	row(&fixture, command)->event = g_strdup("COMMAND\tevent=LOCK_DOWN");
	/* A confirmation of what is confirmed already. */
	gint64 confirm = add_row(&fixture, device, "confirm", NULL);
	g_free(row(&fixture, confirm)->event);
	row(&fixture, confirm)->event = g_strdup("CONFIRM\ttoken=x");

	dispatcher_start(fixture.dispatcher);
	spin_until(fixture.queue.rows->len == 0);
	spin(20);
	g_assert_cmpuint(log_sent->len, ==, 0);
	g_assert_cmpuint(fixture.queue.rows->len, ==, 0);
	g_assert_true(dropped(&fixture, "expired", 1));
	g_assert_true(dropped(&fixture, "inactive", 1));
	g_assert_true(dropped(&fixture, "device-gone", 1));
	g_assert_true(dropped(&fixture, "no-device", 1));
	g_assert_true(dropped(&fixture, "no-gateway", 1));
	g_assert_true(dropped(&fixture, "locked", 1));
	g_assert_true(dropped(&fixture, "outstanding", 1));
	g_assert_true(dropped(&fixture, "unlocked", 1));
	tear_down(&fixture);
}

/* A wake-up that was under way when the device came is none that it has yet to answer. */
static void test_answered_after_the_device_came(void)
{
	static const struct {
		const char *name;
		enum device_dialect dialect;
		gboolean came;
		guint wakes;
	} rows[] = {
		{"EMN, it came", DIALECT_EMN, TRUE, 0},
		{"EMN, it did not", DIALECT_EMN, FALSE, 1},
		{"of another face", DIALECT_DELTAPUSH, TRUE, 1},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct registry_backend *backend;
		struct fixture fixture;

		g_test_message("%s", rows[i].name);
		set_up(&fixture, "");
		struct device *device = add_device(&fixture, "d", "stall");
		device->dialect = rows[i].dialect;
		device->via = 1; /* its subscription was looked up */
		device->seen = 1000;
		add_row(&fixture, device, "wake", NULL);
		dispatcher_start(fixture.dispatcher);
		spin_until(stalled->len == 1);
		backend = fixture.registry.base.backend;
		if (rows[i].came)
			backend->present(&fixture.registry.base, device, 1001);
		answer_with(g_ptr_array_remove_index(stalled, 0), 201, NULL);
		g_assert_cmpuint(fixture.registry.marked_ok, ==, 1);
		g_assert_cmpuint(device->wakes, ==, rows[i].wakes);
		g_assert_cmpint(device->seen, ==, rows[i].came ? 1001 : 1000);
		tear_down(&fixture);
	}
}

/* An operator's command is for one who is not there: no single answer ends it. */
static void test_commands_are_kept(void)
{
	static const struct {
		const char *name, *endpoint;
		gint64 via;
		gboolean kept;
	} rows[] = {
		{"accepted", "201", 1, FALSE},
		{"rejected", "400", 1, TRUE},
		{"the subscription is gone", "410", 1, TRUE},
		{"there is no such subscription", "201", 0, TRUE},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fixture fixture;

		g_test_message("%s", rows[i].name);
		set_up(&fixture, "");
		struct device *device = add_device(&fixture, "d", rows[i].endpoint);
		device->dialect = DIALECT_EMN; /* numbers are not what this is about */
		device->state = DEVICE_LOCKED;
		device->via = rows[i].via;
		gint64 id = add_row(&fixture, device, "LOCK_DOWN", NULL);
		g_free(row(&fixture, id)->event);
		row(&fixture, id)->event = g_strdup("COMMAND\tevent=LOCK_DOWN");
		dispatcher_start(fixture.dispatcher);
		spin_until(row(&fixture, id) == NULL || row(&fixture, id)->attempts > 0);
		spin(20);
		g_assert_cmpint(row(&fixture, id) != NULL, ==, rows[i].kept);
		if (rows[i].kept) {
			g_assert_cmpuint(row(&fixture, id)->attempts, ==, 1);
			g_assert_cmpint(row(&fixture, id)->due_us, >, g_get_real_time() - SEC);
		}
		g_assert_cmpuint(dispatcher_in_flight(fixture.dispatcher), ==, 0);
		tear_down(&fixture);
	}
}

static void test_confirmation_is_sent(void)
{
	struct fixture fixture;

	set_up(&fixture, "[devices]\nrate-per-minute = 1\nrate-burst = 1\n");
	struct device *device = add_device(&fixture, "d", "201");
	device->state = DEVICE_INACTIVE;
	for (guint i = 0; i < 3; i++) {
		gint64 id = add_row(&fixture, device, "confirm", NULL);

		g_free(row(&fixture, id)->event);
		row(&fixture, id)->event = g_strdup("CONFIRM\ttoken=x");
		dispatcher_wake(fixture.dispatcher, "webpush 201", g_get_real_time());
		g_assert_true(until(i + 1));
	}
	g_assert_cmpuint(fixture.queue.rows->len, ==, 0);
	tear_down(&fixture);
}

static void test_pace(void)
{
	struct fixture fixture;

	set_up(&fixture, "[devices]\nrate-per-minute = 6\nrate-burst = 3\n");
	struct device *device = add_device(&fixture, "d", "201");
	struct device *other = add_device(&fixture, "e", "201");
	for (guint i = 0; i < 5; i++) {
		g_autofree char *key = g_strdup_printf("mail:%u", i);

		add_row(&fixture, device, key, NULL);
	}
	add_row(&fixture, other, "mail:a", NULL);
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(4));
	g_assert_cmpuint(fixture.queue.rows->len, ==, 2);
	const struct notification *kept = g_ptr_array_index(fixture.queue.rows, 0);
	g_assert_cmpint(kept->device, ==, device->id);
	g_assert_cmpuint(kept->attempts, ==, 0);
	g_assert_cmpint(kept->due_us, >, g_get_real_time() + 5 * SEC);
	g_assert_cmpint(kept->due_us, <=, g_get_real_time() + 10 * SEC);
	tear_down(&fixture);
}

/* Many rows over a device's pace: each is put off once, not once for every other. */
static void test_pace_line(void)
{
	struct fixture fixture;

	set_up(&fixture, "[devices]\nrate-per-minute = 300\nrate-burst = 1\n");
	struct device *device = add_device(&fixture, "d", "201");
	for (guint i = 0; i < 10; i++) {
		g_autofree char *key = g_strdup_printf("mail:%u", i);

		add_row(&fixture, device, key, NULL);
	}
	/* Its turn comes after its end. */
	gint64 late = add_row(&fixture, device, "mail:late", NULL);
	row(&fixture, late)->expires_us = g_get_real_time() + SEC / 2;
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(10));
	g_assert_cmpuint(fixture.queue.rows->len, ==, 0);
	g_assert_true(dropped(&fixture, "expired", 1));
	/* 9 (not 45), and a few for a machine that was busy elsewhere. */
	g_assert_cmpuint(fixture.queue.rescheduled, <=, 15);
	tear_down(&fixture);
}

/* "Too many requests" for one device holds that device, all of it, and no other. */
static void test_throttled_device(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	struct device *device = add_device(&fixture, "d", "429:100");
	add_row(&fixture, device, "mail:a", "webpush one");
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(1));
	gint64 second = add_row(&fixture, device, "mail:b", "webpush one");
	add_row(&fixture, add_device(&fixture, "e", "201"), "mail:a", "webpush one");
	dispatcher_wake(fixture.dispatcher, "webpush one", g_get_real_time());
	g_assert_true(until(2));
	g_assert_cmpstr(log_sent->pdata[1], ==, "201");
	g_assert_cmpint(row(&fixture, second)->due_us, >, g_get_real_time() + 90 * SEC);
	tear_down(&fixture);
}

/* --- lanes ----------------------------------------------------------------- */

/* Due rows of many devices in one lane. */
static void add_rows(struct fixture *fixture, const char *endpoint, const char *lane, guint count)
{
	for (guint i = 0; i < count; i++) {
		g_autofree char *name = g_strdup_printf("%s-%u", lane, i);

		add_row(fixture, add_device(fixture, name, endpoint), "mail:a", lane);
	}
}

static guint count_sent(const char *url)
{
	guint count = 0;

	for (guint i = 0; i < log_sent->len; i++)
		count += strcmp(log_sent->pdata[i], url) == 0;
	return count;
}

static void test_stalled_lane(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	add_rows(&fixture, "stall", "webpush stall", 300);
	add_rows(&fixture, "201", "webpush fine", 500);
	dispatcher_start(fixture.dispatcher);
	/* What is sent is still in flight until it is answered. */
	spin_until(count_sent("201") == 500 && stalled->len >= 4 &&
		   dispatcher_in_flight(fixture.dispatcher) <= 4);
	g_assert_cmpuint(count_sent("201"), ==, 500);
	/* It never answered, so it is given little. */
	g_assert_cmpuint(most_in_flight, ==, 4);
	g_assert_cmpuint(dispatcher_in_flight(fixture.dispatcher), ==, 4);
	tear_down(&fixture);
}

static void test_window_grows(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	add_rows(&fixture, "201", "webpush x", 100);
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(100));
	/* Now that it is known to answer, it has its full share. */
	add_rows(&fixture, "stall", "webpush x", 100);
	dispatcher_wake(fixture.dispatcher, "webpush x", g_get_real_time());
	spin_until(most_in_flight >= LIMIT_ORIGIN_PARALLEL);
	spin(20);
	g_assert_cmpuint(most_in_flight, ==, LIMIT_ORIGIN_PARALLEL);
	tear_down(&fixture);
}

/* However many origins stall, one that answers is served. */
static void test_many_stalled_lanes(void)
{
	struct fixture fixture;

	set_up(&fixture, "[http]\nparallel = 64\n");
	add_rows(&fixture, "201", "webpush fine", 40);
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(40));
	for (guint i = 0; i < 200; i++) {
		g_autofree char *lane = g_strdup_printf("webpush stall%u", i);

		add_rows(&fixture, "stall", lane, 5);
		dispatcher_wake(fixture.dispatcher, lane, g_get_real_time());
	}
	spin_until(most_in_flight >= 64 / 2);
	spin(300);
	g_assert_cmpuint(most_in_flight, >=, 64 / 2);
	g_assert_cmpuint(most_in_flight, <=, 64 / 8 * 7);
	add_rows(&fixture, "201", "webpush fine", 200);
	dispatcher_wake(fixture.dispatcher, "webpush fine", g_get_real_time());
	spin_until(count_sent("201") == 240);
	g_assert_cmpuint(count_sent("201"), ==, 240);
	tear_down(&fixture);
}

/* Five failures in a row and the lane is left alone; then one probe at a time. */
static void test_circuit(void)
{
	struct dispatcher_lane_info info;
	g_autoptr(GArray) lanes = g_array_new(FALSE, FALSE, sizeof(info));
	struct fixture fixture;

	set_up(&fixture, "");
	add_rows(&fixture, "503", "webpush x", 50);
	dispatcher_start(fixture.dispatcher);
	spin_until(log_sent->len >= 5 && dispatcher_in_flight(fixture.dispatcher) == 0);
	spin(20);
	/* The five, and what was in flight beside the fifth. */
	guint sent = log_sent->len;
	g_assert_cmpuint(sent, >=, 5);
	g_assert_cmpuint(sent, <=, 8);
	g_assert_cmpuint(fixture.queue.rows->len, ==, 50);
	dispatcher_lanes(fixture.dispatcher, lanes, 10);
	g_assert_cmpuint(lanes->len, ==, 1);
	info = g_array_index(lanes, struct dispatcher_lane_info, 0);
	g_assert_cmpstr(info.lane, ==, "webpush x");
	g_assert_cmpint(info.held_until_us, >, g_get_real_time());
	/* An operator's flush ends the hold: exactly one goes out. */
	dispatcher_wake_all(fixture.dispatcher);
	g_assert_true(until(sent + 1));
	spin(200);
	g_assert_cmpuint(log_sent->len, ==, sent + 1);
	/* When it answers again, all is as before. */
	for (guint i = 0; i < fixture.registry.devices->len; i++) {
		struct device *device = g_ptr_array_index(fixture.registry.devices, i);

		g_free(device->endpoint);
		device->endpoint = g_strdup("201");
	}
	for (guint i = 0; i < fixture.queue.rows->len; i++)
		((struct notification *)g_ptr_array_index(fixture.queue.rows, i))->due_us = 1;
	dispatcher_wake_all(fixture.dispatcher);
	spin_until(fixture.queue.rows->len == 0);
	g_assert_cmpuint(fixture.queue.rows->len, ==, 0);
	tear_down(&fixture);
}

/* One path that stalls or fails does not hold the lane it shares with others. */
static void test_one_bad_device_in_a_lane(void)
{
	struct fixture fixture;

	/* Few at a time, else there may be five answers in a row that are all bad ones'. */
	set_up(&fixture, "[http]\nparallel-per-origin = 4\n");
	for (guint i = 0; i < 20; i++) {
		g_autofree char *bad = g_strdup_printf("bad%u", i);
		g_autofree char *good = g_strdup_printf("good%u", i);

		add_row(&fixture, add_device(&fixture, bad, "503"), "mail:a", "webpush x");
		add_row(&fixture, add_device(&fixture, good, "201"), "mail:a", "webpush x");
	}
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(40));
	g_assert_cmpuint(fixture.queue.rows->len, ==, 20);
	for (guint i = 0; i < 20; i++) {
		const struct notification *kept = g_ptr_array_index(fixture.queue.rows, i);

		g_assert_cmpuint(kept->attempts, ==, 1);
	}
	tear_down(&fixture);
}

static void test_more_lanes_than_fit(void)
{
	const guint count = LIMIT_LANES + 500;
	struct fixture fixture;

	set_up(&fixture, "");
	struct device *device = add_device(&fixture, "d", "201");
	for (guint i = 0; i < count; i++) {
		g_autofree char *lane = g_strdup_printf("webpush %u", i);
		g_autofree char *key = g_strdup_printf("mail:%u", i);
		gint64 now = g_get_real_time();
		struct notification like = {
			.device = device->id,
			.user = device->user,
			.key = key,
			.lane = lane,
			.due_us = now,
			.first_us = now,
			.expires_us = now + 3600 * SEC,
			.event = (char *)"CONFIRM\ttoken=x", /* these have no pace */
		};
		struct notification *copy = notification_copy(&like);

		copy->id = ++fixture.queue.last_id;
		g_ptr_array_add(fixture.queue.rows, copy);
	}
	device->state = DEVICE_INACTIVE;
	dispatcher_start(fixture.dispatcher);
	spin_until(fixture.queue.rows->len == 0);
	g_assert_cmpuint(log_sent->len, ==, count);
	g_assert_cmpuint(fixture.queue.rows->len, ==, 0);
	/* And one more, for which an idle lane has to make room. */
	add_row(&fixture, add_device(&fixture, "e", "204"), "mail:a", NULL);
	dispatcher_wake(fixture.dispatcher, "webpush 204", g_get_real_time());
	g_assert_true(until(count + 1));
	tear_down(&fixture);
}

/* --- the disk -------------------------------------------------------------- */

/* A row that was merged into while its push was under way is sent again. */
static void test_merged_meanwhile(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	struct device *device = add_device(&fixture, "d", "stall");
	gint64 id = add_row(&fixture, device, "mail:a", NULL);
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(1));
	add_row(&fixture, device, "mail:a", NULL);
	dispatcher_wake(fixture.dispatcher, "webpush stall", g_get_real_time());
	spin(50);
	g_assert_cmpuint(log_sent->len, ==, 1); /* not twice at the same time */
	g_assert_cmpuint(row(&fixture, id)->messages, ==, 2);
	answer_with(g_ptr_array_remove_index(stalled, 0), 201, NULL);
	g_assert_true(until(2));
	answer_with(g_ptr_array_remove_index(stalled, 0), 201, NULL);
	spin(50);
	g_assert_cmpuint(fixture.queue.rows->len, ==, 0);
	tear_down(&fixture);
}

/* What came meanwhile does not wait for the failure of what was sent. */
static void test_merged_and_failed(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	struct device *device = add_device(&fixture, "d", "stall");
	gint64 id = add_row(&fixture, device, "mail:a", NULL);
	row(&fixture, id)->attempts = 3;
	dispatcher_start(fixture.dispatcher);
	g_assert_true(until(1));
	add_row(&fixture, device, "mail:a", NULL);
	dispatcher_wake(fixture.dispatcher, "webpush stall", g_get_real_time());
	spin(50);
	answer_with(g_ptr_array_remove_index(stalled, 0), 500, "60");
	g_assert_true(until(2));
	g_assert_cmpuint(row(&fixture, id)->attempts, ==, 0);
	tear_down(&fixture);
}

static void test_disk_fails(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	add_rows(&fixture, "201", "webpush x", 100);
	fixture.queue.disk_fails = TRUE;
	g_test_expect_message(NULL, G_LOG_LEVEL_WARNING,
			      "cannot write down what became of a push*");
	dispatcher_start(fixture.dispatcher);
	spin_until(fixture.queue.failed > 0 && dispatcher_in_flight(fixture.dispatcher) == 0);
	spin(100);
	g_test_assert_expected_messages();
	guint sent = log_sent->len;
	/* What was under way when it began, and none of these a second time. */
	g_assert_cmpuint(sent, <=, 40);
	g_assert_cmpuint(fixture.queue.failed, ==, sent);
	g_assert_cmpuint(dispatcher_unrecorded(fixture.dispatcher), ==, sent);
	fixture.queue.disk_fails = FALSE;
	g_test_expect_message(NULL, G_LOG_LEVEL_MESSAGE, "*can be written down again");
	spin_until(fixture.queue.rows->len == 0);
	g_test_assert_expected_messages();
	g_assert_cmpuint(fixture.queue.rows->len, ==, 0);
	g_assert_cmpuint(log_sent->len, ==, 100);
	tear_down(&fixture);
}

/* --- test pushes, life ----------------------------------------------------- */

struct reported {
	guint calls;
	enum outcome_kind kind;
	char *detail;
};

static void on_test(const struct device *device, const struct outcome *outcome, gpointer data)
{
	struct reported *reported = data;

	reported->calls++;
	reported->kind = outcome->kind;
	g_free(reported->detail);
	reported->detail = g_strdup(outcome->detail);
	g_assert_cmpstr(device->device, ==, "d");
}

static void test_test(void)
{
	static const struct {
		const char *endpoint;
		enum outcome_kind kind;
		const char *detail;
		const char *channel; /* of Push-IMAP */
	} rows[] = {
		{"201", OUTCOME_ACCEPTED, "201", NULL},
		{"410", OUTCOME_DEVICE_GONE, "410", NULL},
		{"unsendable", OUTCOME_REJECT_MESSAGE, "cannot be written down", NULL},
		{"lost-key", OUTCOME_CONFIG_ERROR, "no such key", NULL},
		{"", OUTCOME_REJECT_MESSAGE, "the device has not set both a channel and an address",
		 NULL},
		{"201", OUTCOME_CONFIG_ERROR,
		 "the device's channel or format is not in section [pimap]", "HTTP"},
	};
	struct notification notification = {
		.user = (char *)"alice",
		.key = (char *)"test",
		.lane = (char *)"x",
		.event = (char *)"EVENT",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct reported reported = {0};
		struct fixture fixture;
		struct device *device;

		set_up(&fixture, "");
		device = add_device(&fixture, "d", rows[i].endpoint);
		if (*rows[i].endpoint == '\0') {
			g_free(device->gateway);
			device->gateway = g_strdup("none");
		}
		if (rows[i].channel != NULL) {
			device->dialect = DIALECT_EMN;
			g_free(device->gateway);
			device->gateway = g_strdup("webhook");
			device->label = g_strdup(rows[i].channel);
		}
		dispatcher_test(fixture.dispatcher, device, &notification, on_test, &reported);
		spin_until(reported.calls > 0);
		spin(20);
		g_assert_cmpuint(reported.calls, ==, 1);
		g_assert_cmpint(reported.kind, ==, rows[i].kind);
		g_assert_cmpstr(reported.detail, ==, rows[i].detail);
		/* It is outside of all books. */
		g_assert_cmpuint(fixture.registry.marked_dead, ==, 0);
		g_free(reported.detail);
		tear_down(&fixture);
	}
}

static void test_stop_and_free(void)
{
	struct reported reported = {0};
	struct notification notification = {
		.user = (char *)"alice",
		.key = (char *)"test",
		.lane = (char *)"x",
		.event = (char *)"EVENT",
	};
	struct fixture fixture;

	set_up(&fixture, "");
	add_rows(&fixture, "stall", "webpush a", 10);
	add_rows(&fixture, "201", "webpush b", 10);
	dispatcher_start(fixture.dispatcher);
	/* The lane that answers is through, the other has what it may have. */
	spin_until(fixture.queue.rows->len == 10 && stalled->len >= 4);
	g_assert_cmpuint(stalled->len, ==, dispatcher_in_flight(fixture.dispatcher));
	dispatcher_stop(fixture.dispatcher);
	guint sent = log_sent->len;
	add_rows(&fixture, "201", "webpush c", 10);
	dispatcher_wake(fixture.dispatcher, "webpush c", g_get_real_time());
	answer_with(g_ptr_array_remove_index(stalled, 0), 201, NULL);
	spin(50);
	g_assert_cmpuint(log_sent->len, ==, sent);
	/* The one that was answered was still written down. */
	g_assert_cmpuint(fixture.queue.rows->len, ==, 19);
	dispatcher_test(fixture.dispatcher, add_device(&fixture, "d", "stall"), &notification,
			on_test, &reported);
	tear_down(&fixture);
	g_assert_cmpuint(reported.calls, ==, 1);
	g_assert_cmpint(reported.kind, ==, OUTCOME_RETRY);
	g_free(reported.detail);
}

static void test_freed_at_once(void)
{
	struct fixture fixture;

	set_up(&fixture, "");
	add_rows(&fixture, "201", "webpush a", 50);
	dispatcher_start(fixture.dispatcher);
	/* Some are with the workers, some sent, some being written down. */
	for (guint i = 0; i < 5; i++)
		g_main_context_iteration(NULL, FALSE);
	tear_down(&fixture);
}

static void test_new_context(void)
{
	struct fixture fixture;

	set_up(&fixture, "[http]\nparallel = 2\nparallel-per-origin = 2\n");
	add_rows(&fixture, "stall", "webpush a", 10);
	dispatcher_start(fixture.dispatcher);
	spin_until(most_in_flight >= 2);
	spin(50);
	g_assert_cmpuint(most_in_flight, ==, 2);
	struct gateway_context *context = make_context("");
	dispatcher_set_context(fixture.dispatcher, context);
	gateway_context_unref(context);
	add_rows(&fixture, "201", "webpush b", 10);
	dispatcher_wake(fixture.dispatcher, "webpush b", g_get_real_time());
	spin_until(count_sent("201") == 10);
	g_assert_cmpuint(count_sent("201"), ==, 10);
	tear_down(&fixture);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/dispatcher/accepted", test_accepted);
	g_test_add_func("/dispatcher/row-of-requests", test_row_of_requests);
	g_test_add_func("/dispatcher/wake", test_wake);
	g_test_add_func("/dispatcher/later", test_later);
	g_test_add_func("/dispatcher/tried-again", test_tried_again);
	g_test_add_func("/dispatcher/config-error", test_config_error);
	g_test_add_func("/dispatcher/config-error-now-and-then", test_config_error_now_and_then);
	g_test_add_func("/dispatcher/rejected", test_rejected);
	g_test_add_func("/dispatcher/unsendable", test_unsendable);
	g_test_add_func("/dispatcher/held-back", test_held_back);
	g_test_add_func("/dispatcher/config-keeps-from-sending", test_config_keeps_from_sending);
	g_test_add_func("/dispatcher/gone", test_gone);
	g_test_add_func("/dispatcher/gone-after-change", test_gone_after_change);
	g_test_add_func("/dispatcher/gone-guard", test_gone_guard);
	g_test_add_func("/dispatcher/webhook", test_webhook);
	g_test_add_func("/dispatcher/not-sent", test_not_sent);
	g_test_add_func("/dispatcher/confirmation-is-sent", test_confirmation_is_sent);
	g_test_add_func("/dispatcher/pace", test_pace);
	g_test_add_func("/dispatcher/pace-line", test_pace_line);
	g_test_add_func("/dispatcher/throttled-device", test_throttled_device);
	g_test_add_func("/dispatcher/answered-after-the-device-came",
			test_answered_after_the_device_came);
	g_test_add_func("/dispatcher/commands-are-kept", test_commands_are_kept);
	g_test_add_func("/dispatcher/stalled-lane", test_stalled_lane);
	g_test_add_func("/dispatcher/window-grows", test_window_grows);
	g_test_add_func("/dispatcher/many-stalled-lanes", test_many_stalled_lanes);
	g_test_add_func("/dispatcher/circuit", test_circuit);
	g_test_add_func("/dispatcher/one-bad-device-in-a-lane", test_one_bad_device_in_a_lane);
	g_test_add_func("/dispatcher/more-lanes-than-fit", test_more_lanes_than_fit);
	g_test_add_func("/dispatcher/merged-meanwhile", test_merged_meanwhile);
	g_test_add_func("/dispatcher/merged-and-failed", test_merged_and_failed);
	g_test_add_func("/dispatcher/disk-fails", test_disk_fails);
	g_test_add_func("/dispatcher/test", test_test);
	g_test_add_func("/dispatcher/stop-and-free", test_stop_and_free);
	g_test_add_func("/dispatcher/freed-at-once", test_freed_at_once);
	g_test_add_func("/dispatcher/new-context", test_new_context);
	return g_test_run();
}
