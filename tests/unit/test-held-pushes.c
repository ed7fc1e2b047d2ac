/* What is kept of pushes that nobody sends: enough, and never more. */
#include "held-pushes.h"
#include "limits.h"

#define SEC ((gint64)G_USEC_PER_SEC)
#define NOW (1700000000 * SEC)

static void add(struct held_pushes *held, gint64 id, const char *user, guint number, gint64 now_us)
{
	g_autofree char *url = g_strdup_printf("https://a.example/%u", number);
	g_autoptr(GBytes) body = g_bytes_new_static("{}", 2);
	struct device device = {
		.id = id, .user = (char *)user, .device = (char *)"d", .gateway = (char *)"apns"};
	struct notification notification = {
		.device = id,
		.kinds = PUSH_EVENT_KINDS_ARRIVAL,
		.messages = 2,
		.first_us = now_us - SEC,
		.event = (char *)"EVENT\tname=MessageNew\ttime=1\tuser=alice\tmailbox=Work",
	};

	held_pushes_add(held, &device, &notification, http_request_new(url, body), now_us);
}

static void expect(struct held_pushes *held, const char *user, gint64 now_us, const char *numbers)
{
	g_autoptr(GPtrArray) list = held_pushes_list(held, user, now_us);
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < list->len; i++) {
		const struct held_push *push = g_ptr_array_index(list, i);

		g_string_append_printf(text, "%s%s", i > 0 ? " " : "",
				       push->request->url + sizeof("https://a.example/") - 1);
	}
	g_assert_cmpstr(text->str, ==, numbers);
}

static void test_fields(void)
{
	struct held_pushes *held = held_pushes_new();
	const struct held_push *push;

	expect(held, NULL, NOW, "");
	add(held, 7, "alice", 1, NOW);
	g_autoptr(GPtrArray) list = held_pushes_list(held, "alice", NOW);
	g_assert_cmpuint(list->len, ==, 1);
	push = g_ptr_array_index(list, 0);
	g_assert_cmpint(push->time_us, ==, NOW);
	g_assert_cmpint(push->device, ==, 7);
	g_assert_cmpstr(push->user, ==, "alice");
	g_assert_cmpstr(push->device_name, ==, "d");
	g_assert_cmpstr(push->gateway, ==, "apns");
	g_assert_cmpstr(push->mailbox, ==, "Work");
	g_assert_cmpuint(push->kinds, ==, PUSH_EVENT_KINDS_ARRIVAL);
	g_assert_cmpuint(push->messages, ==, 2);
	g_assert_cmpint(push->first_us, ==, NOW - SEC);
	held_pushes_free(&held);
	g_assert_null(held);
	held_pushes_free(&held);
}

static void test_order_and_user(void)
{
	struct held_pushes *held = held_pushes_new();

	add(held, 1, "alice", 1, NOW);
	add(held, 2, "alice", 2, NOW + 1);
	add(held, 3, "bob", 3, NOW + 2);
	add(held, 1, "alice", 4, NOW + 3);
	expect(held, NULL, NOW + 4, "4 3 2 1");
	expect(held, "alice", NOW + 4, "4 2 1");
	expect(held, "carol", NOW + 4, "");
	held_pushes_free(&held);
}

static void test_per_device(void)
{
	struct held_pushes *held = held_pushes_new();

	add(held, 2, "bob", 999, NOW);
	for (guint i = 0; i < LIMIT_HELD_PER_DEVICE + 3; i++)
		add(held, 1, "alice", i, NOW + i);
	expect(held, "alice", NOW + 20, "12 11 10 9 8 7 6 5 4 3");
	expect(held, "bob", NOW + 20, "999");
	held_pushes_free(&held);
}

/* Who had a push last stays. */
static void test_devices(void)
{
	struct held_pushes *held = held_pushes_new();

	for (guint i = 0; i < LIMIT_HELD_DEVICES; i++)
		add(held, i + 1, i == 0 ? "first" : i == 1 ? "second" : "x", i, NOW + i);
	expect(held, "first", NOW, "0");
	add(held, 1, "first", 7777, NOW + SEC);
	add(held, LIMIT_HELD_DEVICES + 1, "last", 8888, NOW + SEC);
	expect(held, "first", NOW, "7777 0");
	expect(held, "second", NOW, "");
	expect(held, "last", NOW, "8888");
	held_pushes_free(&held);
}

static void test_age(void)
{
	struct held_pushes *held = held_pushes_new();

	add(held, 1, "alice", 1, NOW);
	add(held, 1, "alice", 2, NOW + 10 * SEC);
	add(held, 2, "bob", 3, NOW + SEC);
	expect(held, NULL, NOW + LIMIT_HELD_SECS * SEC, "2 3 1");
	expect(held, NULL, NOW + LIMIT_HELD_SECS * SEC + 1, "2 3");
	expect(held, NULL, NOW + (LIMIT_HELD_SECS + 5) * SEC, "2");
	expect(held, NULL, NOW + (LIMIT_HELD_SECS + 11) * SEC, "");
	add(held, 1, "alice", 4, NOW + (LIMIT_HELD_SECS + 11) * SEC);
	expect(held, NULL, NOW + (LIMIT_HELD_SECS + 11) * SEC, "4");
	held_pushes_free(&held);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/held-pushes/fields", test_fields);
	g_test_add_func("/held-pushes/order-and-user", test_order_and_user);
	g_test_add_func("/held-pushes/per-device", test_per_device);
	g_test_add_func("/held-pushes/devices", test_devices);
	g_test_add_func("/held-pushes/age", test_age);
	return g_test_run();
}
