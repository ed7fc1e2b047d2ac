/* The bounded table of token buckets. */
#include "limits.h"
#include "pace.h"

#define SEC ((gint64)G_USEC_PER_SEC)
#define NOW (1700000000 * SEC)

static void test_keys_are_apart(void)
{
	struct pace *pace = pace_new(10);

	g_assert_cmpint(pace_take(pace, "a", 60, 1, NOW), ==, 0);
	g_assert_cmpint(pace_take(pace, "a", 60, 1, NOW), >, 0);
	g_assert_cmpint(pace_take(pace, "b", 60, 1, NOW), ==, 0);
	g_assert_cmpuint(pace_size(pace), ==, 2);
	pace_free(&pace);
	g_assert_null(pace);
	pace_free(&pace);
}

static void test_give_back(void)
{
	struct pace *pace = pace_new(10);

	for (guint i = 0; i < 5; i++) {
		g_assert_cmpint(pace_take(pace, "a", 60, 2, NOW), ==, 0);
		pace_give_back(pace, "a");
	}
	g_assert_cmpint(pace_take(pace, "a", 60, 2, NOW), ==, 0);
	g_assert_cmpint(pace_take(pace, "a", 60, 2, NOW), ==, 0);
	g_assert_cmpint(pace_take(pace, "a", 60, 2, NOW), >, 0);
	/* More than there is room for is not kept. */
	for (guint i = 0; i < 5; i++)
		pace_give_back(pace, "a");
	g_assert_cmpint(pace_take(pace, "a", 60, 2, NOW + 1), ==, 0);
	g_assert_cmpint(pace_take(pace, "a", 60, 2, NOW + 1), ==, 0);
	g_assert_cmpint(pace_take(pace, "a", 60, 2, NOW + 1), >, 0);
	pace_give_back(pace, "nobody");
	pace_free(&pace);
}

static void test_hold(void)
{
	struct pace *pace = pace_new(10);

	pace_hold(pace, "a", NOW + 30 * SEC);
	pace_hold(pace, "a", NOW + 10 * SEC); /* the longer one stands */
	g_assert_cmpint(pace_take(pace, "a", 60, 5, NOW), ==, 30 * SEC);
	g_assert_cmpint(pace_take(pace, "a", 0, 5, NOW), ==, 30 * SEC);
	g_assert_cmpint(pace_take(pace, "a", 60, 5, NOW + 30 * SEC), ==, 0);
	pace_free(&pace);
}

static void test_hold_after_clock_was_set_back(void)
{
	const gint64 back = NOW - 86400 * SEC, longest = LIMIT_RETRY_AFTER_SECS * SEC;
	struct pace *pace = pace_new(10);

	pace_hold(pace, "a", NOW + longest);
	g_assert_cmpint(pace_take(pace, "a", 60, 5, NOW), ==, longest);
	g_assert_cmpint(pace_take(pace, "a", 60, 5, back), ==, longest);
	g_assert_cmpint(pace_take(pace, "a", 60, 5, back + longest - SEC), ==, SEC);
	g_assert_cmpint(pace_take(pace, "a", 60, 5, back + longest), ==, 0);
	pace_free(&pace);
}

static void test_size_is_bounded(void)
{
	struct pace *pace = pace_new(3);

	pace_take(pace, "a", 60, 1, NOW);
	pace_take(pace, "b", 60, 1, NOW);
	pace_take(pace, "c", 60, 1, NOW);
	/* Used, if in vain: "b" is now the one that was used longest ago. */
	g_assert_cmpint(pace_take(pace, "a", 60, 1, NOW), >, 0);
	pace_take(pace, "d", 60, 1, NOW);
	g_assert_cmpuint(pace_size(pace), ==, 3);
	g_assert_cmpint(pace_take(pace, "a", 60, 1, NOW), >, 0);
	g_assert_cmpint(pace_take(pace, "c", 60, 1, NOW), >, 0);
	g_assert_cmpint(pace_take(pace, "b", 60, 1, NOW), ==, 0);
	for (guint i = 0; i < 1000; i++) {
		char key[16];

		g_snprintf(key, sizeof(key), "%u", i);
		pace_take(pace, key, 60, 1, NOW);
		g_assert_cmpuint(pace_size(pace), ==, 3);
	}
	pace_free(&pace);
}

static void test_slots(void)
{
	struct pace *pace = pace_new(10);
	const gint64 step = 10 * SEC + 1, end = NOW + 100 * SEC;
	const gint64 first = NOW + 10 * SEC;

	g_assert_cmpint(pace_slot(pace, "a", 1, 6, first, end), ==, first);
	g_assert_cmpint(pace_slot(pace, "a", 2, 6, first, end), ==, first + step);
	g_assert_cmpint(pace_slot(pace, "a", 3, 6, first, end), ==, first + 2 * step);
	g_assert_cmpint(pace_slot(pace, "b", 4, 6, first, end), ==, first);
	/* Whoever asks again has its own, unless that is too early by now. */
	for (guint i = 0; i < 100; i++)
		g_assert_cmpint(pace_slot(pace, "a", 2, 6, first, end), ==, first + step);
	g_assert_cmpint(pace_slot(pace, "a", 1, 6, first + 1, end), ==, first + 3 * step);
	/* None is taken by those that expire before. */
	g_assert_cmpint(pace_slot(pace, "a", 5, 6, first, first + 4 * step), ==, 0);
	g_assert_cmpint(pace_slot(pace, "a", 6, 6, first, end), ==, first + 4 * step);
	/* No rate, no line. */
	g_assert_cmpint(pace_slot(pace, "c", 7, 0, first, end), ==, first);
	g_assert_cmpint(pace_slot(pace, "c", 8, 0, first, end), ==, first);
	g_assert_cmpint(pace_slot(pace, "c", 9, 0, first, first), ==, 0);
	pace_free(&pace);
}

static void test_slots_after_clock_was_set_back(void)
{
	struct pace *pace = pace_new(10);
	const gint64 before = NOW - 86400 * SEC;

	pace_take(pace, "a", 60, 1, NOW);
	for (gint64 id = 1; id <= 5; id++)
		pace_slot(pace, "a", id, 60, NOW + SEC, NOW + 100 * SEC);
	g_assert_cmpint(pace_take(pace, "a", 60, 1, before), >, 0);
	g_assert_cmpint(pace_slot(pace, "a", 5, 60, before + SEC, NOW + 100 * SEC), ==,
			before + SEC);
	pace_free(&pace);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/pace/keys-are-apart", test_keys_are_apart);
	g_test_add_func("/pace/give-back", test_give_back);
	g_test_add_func("/pace/hold", test_hold);
	g_test_add_func("/pace/hold-after-clock-was-set-back", test_hold_after_clock_was_set_back);
	g_test_add_func("/pace/slots", test_slots);
	g_test_add_func("/pace/slots-after-clock-was-set-back",
			test_slots_after_clock_was_set_back);
	g_test_add_func("/pace/size-is-bounded", test_size_is_bounded);
	return g_test_run();
}
