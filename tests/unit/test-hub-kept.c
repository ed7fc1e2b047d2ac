/* What is kept for sessions that sleep. */
#include "hub-kept.h"
#include "limits.h"

#include <string.h>

#define SEC ((gint64)G_USEC_PER_SEC)
#define NOW (1000 * SEC)

static const struct hub_sleeper alice = {1000, "alice", "s1"};

static void add(struct hub_kept *kept, const struct hub_sleeper *sleeper, const char *line,
		gint64 now_us)
{
	hub_kept_add(kept, sleeper, line, strlen(line), now_us);
}

/* NULL: nothing. */
static void expect(struct hub_kept *kept, const struct hub_sleeper *sleeper, const char *lines)
{
	gboolean lost = TRUE;
	GString *got = hub_kept_take(kept, sleeper, &lost);

	if (lines == NULL) {
		g_assert_null(got);
		return;
	}
	g_assert_nonnull(got);
	g_assert_cmpstr(got->str, ==, lines);
	g_assert_false(lost);
	g_string_free(got, TRUE);
}

static void test_in_order_and_once(void)
{
	struct hub_kept *kept = hub_kept_new();

	expect(kept, &alice, NULL);
	add(kept, &alice, "a\n", NOW);
	add(kept, &alice, "b\n", NOW + 1);
	g_assert_cmpuint(hub_kept_size(kept), ==, 1);
	expect(kept, &alice, "a\nb\n");
	expect(kept, &alice, NULL);
	add(kept, &alice, "c\n", NOW + 3);
	expect(kept, &alice, "c\n");
	g_assert_cmpuint(hub_kept_size(kept), ==, 0);
	hub_kept_free(kept);
	hub_kept_free(NULL);
}

static void test_for_nobody_else(void)
{
	static const struct hub_sleeper others[] = {
		{1001, "alice", "s1"}, {1000, "bob", "s1"},    {1000, "alice", "s2"},
		{1000, "alices", "1"}, {1000, "alice", "s1 "}, {100, "0 alice", "s1"},
	};
	struct hub_kept *kept = hub_kept_new();

	add(kept, &alice, "a\n", NOW);
	for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
		expect(kept, &others[i], NULL);
		add(kept, &others[i], "b\n", NOW);
	}
	g_assert_cmpuint(hub_kept_size(kept), ==, G_N_ELEMENTS(others) + 1);
	expect(kept, &alice, "a\n");
	hub_kept_free(kept);
}

/* From the first line on: who does not come for that one does not come. */
static void test_for_a_while(void)
{
	static const struct hub_sleeper bob = {1000, "bob", "s2"};
	const gint64 end = NOW + LIMIT_HUB_KEPT_SECS * SEC;
	struct hub_kept *kept = hub_kept_new();

	add(kept, &alice, "a\n", NOW);
	add(kept, &bob, "b\n", NOW + 1);
	add(kept, &alice, "c\n", end - 1);
	hub_kept_forget_old(kept, end - 1);
	g_assert_cmpuint(hub_kept_size(kept), ==, 2);
	hub_kept_forget_old(kept, end);
	expect(kept, &alice, NULL);
	expect(kept, &bob, "b\n");
	hub_kept_free(kept);
}

static void count_up(gpointer held)
{
	++*(guint *)held;
}

/* Freed once, whatever ends it. */
static void test_held(void)
{
	static const struct hub_sleeper bob = {1000, "bob", "s2"}, carol = {1000, "carol", "s3"};
	struct hub_kept *kept = hub_kept_new();
	guint freed[4] = {0};

	hub_kept_hold(kept, &alice, &freed[0], count_up, NOW);
	hub_kept_hold(kept, &alice, &freed[1], count_up, NOW); /* it has one */
	add(kept, &bob, "b\n", NOW + 1);
	hub_kept_hold(kept, &bob, &freed[2], count_up, NOW + 1);
	hub_kept_hold(kept, &carol, &freed[3], count_up, NOW + 2);
	g_assert_cmpuint(hub_kept_size(kept), ==, 3);
	g_assert_cmpuint(freed[0] + freed[2] + freed[3], ==, 0);
	g_assert_cmpuint(freed[1], ==, 1);
	expect(kept, &alice, NULL);
	g_assert_cmpuint(freed[0], ==, 1);
	hub_kept_forget_old(kept, NOW + 1 + LIMIT_HUB_KEPT_SECS * SEC);
	g_assert_cmpuint(freed[2], ==, 1);
	g_assert_cmpuint(freed[3], ==, 0);
	hub_kept_free(kept);
	for (gsize i = 0; i < G_N_ELEMENTS(freed); i++)
		g_assert_cmpuint(freed[i], ==, 1);
}

/* A line that does not fit is lost, and that is known; shorter ones may come after it. */
static void test_too_much_for_one(void)
{
	g_autofree char *most = g_strnfill(LIMIT_HUB_KEPT_BYTES, 'x');
	struct hub_kept *kept = hub_kept_new();

	add(kept, &alice, most, NOW);
	expect(kept, &alice, most);
	for (gsize over = 0; over <= 1; over++) {
		gboolean lost = over == 0;
		GString *got;

		most[LIMIT_HUB_KEPT_BYTES - 2 + over] = '\0';
		add(kept, &alice, most, NOW);
		add(kept, &alice, "yy", NOW);
		add(kept, &alice, "z", NOW);
		got = hub_kept_take(kept, &alice, &lost);
		g_assert_cmpint(lost, ==, TRUE);
		g_assert_cmpuint(got->len, ==, LIMIT_HUB_KEPT_BYTES);
		g_assert_cmpint(got->str[got->len - 1], ==, over == 0 ? 'y' : 'z');
		g_string_free(got, TRUE);
		most[LIMIT_HUB_KEPT_BYTES - 2 + over] = 'x';
	}
	hub_kept_free(kept);
}

static void test_too_many(void)
{
	const struct hub_sleeper first = {0, "alice", "s1"}, over = {LIMIT_HUB_KEPT, "alice", "s1"};
	struct hub_kept *kept = hub_kept_new();
	guint freed = 0;

	for (guint i = 0; i <= LIMIT_HUB_KEPT; i++)
		add(kept, &(struct hub_sleeper){i, "alice", "s1"}, "a\n", NOW);
	hub_kept_hold(kept, &over, &freed, count_up, NOW);
	g_assert_cmpuint(freed, ==, 1);
	g_assert_cmpuint(hub_kept_size(kept), ==, LIMIT_HUB_KEPT);
	expect(kept, &over, NULL);
	add(kept, &first, "b\n", NOW);
	expect(kept, &first, "a\nb\n");
	add(kept, &over, "c\n", NOW);
	expect(kept, &over, "c\n");
	hub_kept_free(kept);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/hub-kept/in-order-and-once", test_in_order_and_once);
	g_test_add_func("/hub-kept/for-nobody-else", test_for_nobody_else);
	g_test_add_func("/hub-kept/for-a-while", test_for_a_while);
	g_test_add_func("/hub-kept/held", test_held);
	g_test_add_func("/hub-kept/too-much-for-one", test_too_much_for_one);
	g_test_add_func("/hub-kept/too-many", test_too_many);
	return g_test_run();
}
