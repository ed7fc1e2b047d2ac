#include "limits.h"
#include "wait-budget.h"

#include <glib.h>

#define MS 1000
#define ALL (LIMIT_WAIT_BUDGET_MSECS * MS)
#define START 1234567890

static void test_all_at_once(void)
{
	struct wait_budget budget = {.spent_us = 0};

	g_assert_true(wait_budget_spend(&budget, START, ALL - 1));
	g_assert_false(wait_budget_spend(&budget, START, 1));
	/* No debts: a second later there is a second's worth. */
	g_assert_false(wait_budget_spend(&budget, START, 10 * ALL));
	g_assert_true(wait_budget_spend(&budget, START + 1000 * MS,
					LIMIT_WAIT_BUDGET_MSECS_PER_SEC * MS - 1));
	g_assert_false(wait_budget_spend(&budget, START + 1000 * MS, 1));
}

static const struct {
	const char *name;
	unsigned every_us, waits_us;
	unsigned seconds; /* that it lasts at least; it need not last longer than twice that */
	gboolean for_ever;
} rows[] = {
	/* A bridge on a good disk, a hundred times a second. */
	{"0.1 ms", 10 * MS, 100, 60, TRUE},
	{"as much as comes back", 100 * MS, 100 * LIMIT_WAIT_BUDGET_MSECS_PER_SEC, 60, TRUE},
	{"shorter than the clock's grain", 500, 25, 60, TRUE},
	{"20 ms, ten times a second", 100 * MS, 20 * MS, 60, TRUE},
	{"40 ms, ten times a second", 100 * MS, 40 * MS, 3, FALSE},
	{"25 ms, one after the other", 25 * MS, 25 * MS, 0, FALSE},
};

static void test_rates(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct wait_budget budget = {.spent_us = 0};
		guint64 at = 0, end = (rows[i].seconds + 1) * 2 * G_TIME_SPAN_SECOND;

		while (at < end && wait_budget_spend(&budget, START + at, rows[i].waits_us))
			at += rows[i].every_us;
		g_test_message("%s: %" G_GUINT64_FORMAT " us", rows[i].name, at);
		g_assert_cmpuint(at, >=, rows[i].seconds * G_TIME_SPAN_SECOND);
		g_assert_cmpint(at >= end, ==, rows[i].for_ever);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/wait-budget/all-at-once", test_all_at_once);
	g_test_add_func("/wait-budget/rates", test_rates);
	return g_test_run();
}
