/* Messages that wait in memory. */
#include "held.h"
#include "limits.h"

static gboolean put(struct held *held, const char *key, gsize size, gint64 now)
{
	g_autofree char *text = g_strnfill(size, 'x');
	g_autoptr(GBytes) body = g_bytes_new(text, size);

	return held_put(held, key, HELD_BUSY, SML_WBXML, body, now);
}

/* Its size; 0 = none. */
static gsize find(struct held *held, const char *key, gint64 now)
{
	enum held_why why = HELD_UNPROVED;
	enum sml_encoding encoding = SML_XML;
	g_autoptr(GBytes) body = held_find(held, key, now, &why, &encoding);

	if (body == NULL)
		return 0;
	g_assert_cmpint(why, ==, HELD_BUSY);
	g_assert_cmpint(encoding, ==, SML_WBXML);
	return g_bytes_get_size(body);
}

static void test_one_for_each_key(void)
{
	struct held *held = held_new();

	g_assert_true(put(held, "a", 10, 1));
	g_assert_true(put(held, "b", 20, 1));
	g_assert_true(put(held, "a", 30, 2));
	g_assert_cmpuint(find(held, "a", 2), ==, 30);
	g_assert_cmpuint(find(held, "b", 2), ==, 20);
	held_drop(held, "a");
	held_drop(held, "a");
	g_assert_cmpuint(find(held, "a", 2), ==, 0);
	held_free(&held);
	g_assert_null(held);
	held_free(&held);
}

static void test_size(void)
{
	struct held *held = held_new();

	g_assert_true(put(held, "a", LIMIT_SYNCML_HELD_BYTES, 1));
	g_assert_false(put(held, "a", LIMIT_SYNCML_HELD_BYTES + 1, 1));
	g_assert_cmpuint(find(held, "a", 1), ==, LIMIT_SYNCML_HELD_BYTES);
	held_free(&held);
}

static void test_time(void)
{
	struct held *held = held_new();

	put(held, "a", 10, 1000);
	g_assert_cmpuint(find(held, "a", 1000 + LIMIT_SYNCML_HELD_SECS - 1), ==, 10);
	g_assert_cmpuint(find(held, "a", 1000 + LIMIT_SYNCML_HELD_SECS), ==, 0);
	held_free(&held);
}

static void test_count(void)
{
	struct held *held = held_new();

	for (guint i = 0; i <= LIMIT_SYNCML_HELD; i++) {
		g_autofree char *key = g_strdup_printf("%u", i);

		put(held, key, 10, 1);
	}
	g_assert_cmpuint(find(held, "0", 1), ==, 0);
	g_assert_cmpuint(find(held, "1", 1), ==, 10);
	held_free(&held);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/held/one-for-each-key", test_one_for_each_key);
	g_test_add_func("/held/size", test_size);
	g_test_add_func("/held/time", test_time);
	g_test_add_func("/held/count", test_count);
	return g_test_run();
}
