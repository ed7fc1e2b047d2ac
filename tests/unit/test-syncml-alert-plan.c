/* When a device is alerted, told by a clock of the test's. */
#include "alert-plan.h"

static const struct alert_schedule schedule = {
	.delay = 5, .repeats = {60, 300, 1800}, .repeats_len = 3};

static const struct {
	const char *name;
	struct pim_alert alerts[2];
	guint len;
	gint64 due;
	guint16 session;
} rows[] = {
	{"one change", {{.first = 100, .last = 100}}, 1, 105, 0},
	{"another one later", {{.first = 100, .last = 104}}, 1, 109, 0},
	{"changes without end", {{.first = 100, .last = 1000}}, 1, 150, 0},
	{"the bridge was away", {{.first = 100, .last = 100, .due = 200}}, 1, 200, 0},
	{"alerted once",
	 {{.first = 100, .last = 300, .session = 7, .tries = 1, .due = 165}},
	 1,
	 165,
	 7},
	{"two collections", {{.first = 100, .last = 100}, {.first = 90, .last = 90}}, 2, 95, 0},
	{"a second collection while the first repeats",
	 {{.first = 100, .last = 100, .session = 7, .tries = 2, .due = 400},
	  {.first = 200, .last = 200}},
	 2,
	 205,
	 0},
	{"it began, and nobody noted that it was sent",
	 {{.first = 100, .last = 100, .session = 7, .tries = 2, .due = 400},
	  {.first = 200, .last = 200, .session = 8}},
	 2,
	 205,
	 8},
};

static void test_due(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_test_message("%s", rows[i].name);
		g_assert_cmpint(alert_plan_due(&schedule, rows[i].alerts, rows[i].len), ==,
				rows[i].due);
		g_assert_cmpuint(alert_plan_session(rows[i].alerts, rows[i].len), ==,
				 rows[i].session);
	}
}

/* A whole series: at once, after 1, 5 and 30 minutes, then no more. */
static void test_series(void)
{
	static const gint64 times[] = {105, 165, 465, 2265};
	struct pim_alert alert = {.first = 100, .last = 100};

	for (guint i = 0; i < G_N_ELEMENTS(times); i++) {
		gboolean again;

		g_assert_cmpint(alert_plan_due(&schedule, &alert, 1), ==, times[i]);
		g_assert_cmpuint(alert_plan_session(&alert, 1), ==, i == 0 ? 0 : 7);
		again = alert_plan_sent(&schedule, &alert, 1, 7, times[i]);
		g_assert_cmpint(again, ==, i + 1 < G_N_ELEMENTS(times));
		g_assert_cmpuint(alert.session, ==, 7);
		/* A change meanwhile is in the series that goes on. */
		alert.last = times[i] + 1;
	}
}

/* What is new begins a series of all. */
static void test_joined(void)
{
	struct pim_alert alerts[] = {
		{.first = 100, .last = 100, .session = 7, .tries = 3, .due = 2000},
		{.first = 500, .last = 500},
	};

	g_assert_true(alert_plan_sent(&schedule, alerts, 2, 8, 505));
	for (guint i = 0; i < 2; i++) {
		g_assert_cmpuint(alerts[i].session, ==, 8);
		g_assert_cmpuint(alerts[i].tries, ==, 1);
		g_assert_cmpint(alerts[i].due, ==, 565);
	}
}

static void test_once(void)
{
	static const struct alert_schedule once = {.delay = 5};
	struct pim_alert alert = {.first = 100, .last = 100};

	g_assert_false(alert_plan_sent(&once, &alert, 1, 7, 105));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/syncml-alert-plan/due", test_due);
	g_test_add_func("/syncml-alert-plan/series", test_series);
	g_test_add_func("/syncml-alert-plan/joined", test_joined);
	g_test_add_func("/syncml-alert-plan/once", test_once);
	return g_test_run();
}
