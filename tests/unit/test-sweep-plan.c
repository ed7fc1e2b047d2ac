#include "sweep-plan.h"

#include "store.h"

#define SLOT 100
#define PERIOD (SLOT * (gint64)PIM_STORE_PARTS)

/* Where a plan begins: at the same part at the same time of each day. */
static void test_first(void)
{
	static const struct {
		gint64 first;
		guint part;
		gint64 begins;
	} rows[] = {
		{0, 0, 0},
		{1, 1, SLOT},
		{SLOT, 1, SLOT},
		{PERIOD - SLOT, 255, PERIOD - SLOT},
		{PERIOD - 1, 0, PERIOD},
		{7 * PERIOD + SLOT + 50, 2, 7 * PERIOD + 2 * SLOT},
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct sweep_plan plan;

		g_test_message("row %u", i);
		sweep_plan_init(&plan, PERIOD, rows[i].first);
		g_assert_cmpuint(plan.part, ==, rows[i].part);
		g_assert_cmpint(sweep_plan_wait(&plan, rows[i].first), ==,
				rows[i].begins - rows[i].first);
	}
}

/* What happens when; part 0 begins at PERIOD. */
static void test_steps(void)
{
	static const struct {
		const char *name;
		gint64 now;
		gint64 wait; /* until the next step, which is taken, however long that is */
		int users;   /* of the part that is listed then; -1: one is swept */
		guint part;  /* after that */
	} rows[] = {
		{"the first part", PERIOD, 0, 0, 1},
		{"nobody in it; the next has its own time", PERIOD, SLOT, 2, 1},
		{"its first user", PERIOD + SLOT, 0, -1, 1},
		{"half a slot later", PERIOD + SLOT + 10, 40, -1, 2},
		{"the rest of the slot is free", PERIOD + SLOT + 50, 50, 4, 2},
		{"the first of four", PERIOD + 2 * SLOT, 0, -1, 2},
		{"took long: no wait", PERIOD + 2 * SLOT + 70, 0, -1, 2},
		{"nor now", PERIOD + 2 * SLOT + 120, 0, -1, 2},
		{"longer than the slot", PERIOD + 3 * SLOT + 10, 0, -1, 3},
		{"so the next part comes at once", PERIOD + 3 * SLOT + 20, 0, 1, 3},
		{"and its user", PERIOD + 3 * SLOT + 30, 0, -1, 4},
		{"in time again", PERIOD + 3 * SLOT + 40, 60, 0, 5},
		{"days later: not one round for each", 4 * PERIOD + 50, 0, 0, 6},
		{"but at the time of this part", 4 * PERIOD + 50, 0, 0, 7},
		{"the clock was set back: a slot at most", 10, SLOT, 0, 8},
	};
	struct sweep_plan plan;

	sweep_plan_init(&plan, PERIOD, PERIOD);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		gint64 now = rows[i].now + rows[i].wait;

		g_test_message("%s", rows[i].name);
		g_assert_cmpint(sweep_plan_wait(&plan, rows[i].now), ==, rows[i].wait);
		g_assert_cmpint(plan.listed, ==, rows[i].users < 0);
		if (rows[i].users < 0)
			sweep_plan_done(&plan, now);
		else
			sweep_plan_listed(&plan, (guint)rows[i].users, now);
		g_assert_cmpuint(plan.part, ==, rows[i].part);
	}
}

/* Everybody once a period, whoever they are. */
static void test_all(void)
{
	struct sweep_plan plan;
	guint seen[PIM_STORE_PARTS] = {0};
	gint64 now = 12345678;
	gint64 end = now + 3 * PERIOD;

	sweep_plan_init(&plan, PERIOD, now);
	while (now < end) {
		now += sweep_plan_wait(&plan, now);
		if (!plan.listed) {
			seen[plan.part]++;
			sweep_plan_listed(&plan, plan.part % 5, now);
		} else {
			sweep_plan_done(&plan, now);
		}
	}
	for (guint part = 0; part < PIM_STORE_PARTS; part++) {
		g_assert_cmpuint(seen[part], >=, 3);
		g_assert_cmpuint(seen[part], <=, 4);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sweep-plan/first", test_first);
	g_test_add_func("/sweep-plan/steps", test_steps);
	g_test_add_func("/sweep-plan/all", test_all);
	return g_test_run();
}
