/* When a lane is left alone, how much of it is trusted, and the mass-deletion guard. */
#include "lane-health.h"
#include "limits.h"

#define SEC ((gint64)G_USEC_PER_SEC)
#define NOW (1700000000 * SEC)

static void note(struct lane_health *health, enum outcome_kind kind, gint64 retry_after_us,
		 gint64 now_us, double chance)
{
	struct outcome outcome = {.kind = kind, .retry_after_us = retry_after_us};

	lane_health_note(health, &outcome, now_us, chance);
}

static void test_opens_after_five(void)
{
	struct lane_health health = {0};

	for (guint i = 0; i < 4; i++)
		note(&health, OUTCOME_GATEWAY_DOWN, -1, NOW, 1.0);
	g_assert_cmpint(lane_health_hold_us(&health, NOW), ==, 0);
	note(&health, OUTCOME_GATEWAY_DOWN, -1, NOW, 1.0);
	g_assert_cmpint(lane_health_hold_us(&health, NOW), ==, 5 * SEC);
	g_assert_cmpint(lane_health_hold_us(&health, NOW + 5 * SEC), ==, 0);
}

static void test_any_answer_counts_anew(void)
{
	struct lane_health health = {0};

	for (guint round = 0; round < 10; round++) {
		for (guint i = 0; i < 4; i++)
			note(&health, OUTCOME_GATEWAY_DOWN, -1, NOW, 1.0);
		note(&health, round % 2 == 0 ? OUTCOME_ACCEPTED : OUTCOME_REJECT_MESSAGE, -1, NOW,
		     1.0);
		g_assert_cmpint(lane_health_hold_us(&health, NOW), ==, 0);
	}
}

static void test_probe_decides(void)
{
	static const gint64 holds[] = {5, 10, 20, 40, 60, 60};
	struct lane_health health = {0};
	gint64 now = NOW;

	for (guint i = 0; i < 4; i++)
		note(&health, OUTCOME_GATEWAY_DOWN, -1, now, 1.0);
	for (gsize i = 0; i < G_N_ELEMENTS(holds); i++) {
		note(&health, OUTCOME_GATEWAY_DOWN, -1, now, 1.0);
		g_assert_cmpint(lane_health_hold_us(&health, now), ==, holds[i] * SEC);
		/* Those that were under way when it was held. */
		for (guint j = 0; j < 20; j++)
			note(&health, OUTCOME_GATEWAY_DOWN, -1, now + SEC, 1.0);
		g_assert_cmpint(lane_health_hold_us(&health, now), ==, holds[i] * SEC);
		now += holds[i] * SEC;
		g_assert_cmpint(lane_health_hold_us(&health, now), ==, 0);
		g_assert_cmpuint(lane_health_window(&health, 32), ==, 1);
	}
	note(&health, OUTCOME_ACCEPTED, -1, now, 1.0);
	g_assert_cmpint(lane_health_hold_us(&health, now), ==, 0);
	g_assert_cmpuint(lane_health_window(&health, 32), >, 1);
	/* And it takes five again. */
	for (guint i = 0; i < 4; i++)
		note(&health, OUTCOME_GATEWAY_DOWN, -1, now, 1.0);
	g_assert_cmpint(lane_health_hold_us(&health, now), ==, 0);
}

static void test_hold_length(void)
{
	static const struct {
		const char *name;
		enum outcome_kind kind;
		gint64 retry_after_us;
		double chance;
		gint64 expected;
	} rows[] = {
		{"shortest", OUTCOME_GATEWAY_DOWN, -1, 0.0, 5 * SEC / 2},
		{"longest", OUTCOME_GATEWAY_DOWN, -1, 1.0, 5 * SEC},
		{"Retry-After", OUTCOME_GATEWAY_DOWN, 30 * SEC, 0.5, 30 * SEC},
		{"throttled without a time", OUTCOME_THROTTLE, -1, 1.0, 5 * SEC},
		{"throttled for long: one probe a minute", OUTCOME_THROTTLE, 3600 * SEC, 1.0,
		 60 * SEC},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct lane_health health = {0};

		g_test_message("%s", rows[i].name);
		for (guint j = 0; j < 5; j++)
			note(&health, rows[i].kind, rows[i].retry_after_us, NOW, rows[i].chance);
		g_assert_cmpint(lane_health_hold_us(&health, NOW), ==, rows[i].expected);
	}
}

/* A hold ends in its time, not when the clock has caught up. */
static void test_clock_set_back(void)
{
	const gint64 back = NOW - 86400 * SEC;
	struct lane_health health = {0};

	for (guint i = 0; i < 5; i++)
		note(&health, OUTCOME_GATEWAY_DOWN, -1, NOW, 1.0);
	g_assert_cmpint(lane_health_hold_us(&health, back), ==, 60 * SEC);
	g_assert_cmpint(lane_health_hold_us(&health, back + 59 * SEC), ==, SEC);
	g_assert_cmpint(lane_health_hold_us(&health, back + 60 * SEC), ==, 0);
	/* Nor do answers take it for held until then. */
	note(&health, OUTCOME_GATEWAY_DOWN, -1, back + 60 * SEC, 1.0);
	g_assert_cmpint(lane_health_hold_us(&health, back + 60 * SEC), ==, 10 * SEC);
}

static void test_window(void)
{
	struct lane_health health = {0};

	g_assert_cmpuint(lane_health_window(&health, 32), ==, 4);
	g_assert_cmpuint(lane_health_window(&health, 2), ==, 2);
	g_assert_cmpuint(lane_health_window(&health, 0), ==, 1);
	g_assert_false(lane_health_proven(&health));
	for (guint i = 0; i < 100; i++)
		note(&health, OUTCOME_ACCEPTED, -1, NOW, 0.5);
	g_assert_cmpuint(lane_health_window(&health, 32), ==, 32);
	g_assert_cmpuint(lane_health_window(&health, 20), ==, 20);
	g_assert_true(lane_health_proven(&health));
	note(&health, OUTCOME_GATEWAY_DOWN, -1, NOW, 0.5);
	g_assert_cmpuint(lane_health_window(&health, 32), ==, 16);
	g_assert_false(lane_health_proven(&health));
	for (guint i = 0; i < 3; i++)
		note(&health, OUTCOME_GATEWAY_DOWN, -1, NOW, 0.5);
	g_assert_cmpuint(lane_health_window(&health, 32), ==, 2);
}

/* gone of sends, and whether one more "gone" is believed */
static void test_guard_threshold(void)
{
	static const struct {
		const char *name;
		guint accepted, gone;
		gboolean believed;
	} rows[] = {
		{"a first", 0, 1, TRUE},
		{"twenty, nothing else", 0, 20, TRUE},
		{"twenty-one, nothing else", 0, 21, FALSE},
		{"five per cent of a thousand", 950, 50, TRUE},
		{"more than five per cent of a thousand", 949, 51, FALSE},
		{"many, of very many", 19000, 1000, TRUE},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct lane_health health = {0};
		gboolean warn;

		g_test_message("%s", rows[i].name);
		for (guint j = 0; j < rows[i].accepted; j++)
			note(&health, OUTCOME_ACCEPTED, -1, NOW, 0.5);
		for (guint j = 0; j < rows[i].gone; j++)
			note(&health, OUTCOME_DEVICE_GONE, -1, NOW, 0.5);
		g_assert_cmpint(lane_health_believe_gone(&health, &warn), ==, rows[i].believed);
		g_assert_cmpint(warn, ==, !rows[i].believed);
	}
}

static void test_guard_span(void)
{
	struct lane_health health = {0};
	gboolean warn;

	for (guint i = 0; i < 21; i++)
		note(&health, OUTCOME_DEVICE_GONE, -1, NOW, 0.5);
	g_assert_false(lane_health_believe_gone(&health, &warn));
	g_assert_true(warn);
	note(&health, OUTCOME_DEVICE_GONE, -1, NOW + 599 * SEC, 0.5);
	g_assert_false(lane_health_believe_gone(&health, &warn));
	g_assert_false(warn); /* once in ten minutes */
	note(&health, OUTCOME_DEVICE_GONE, -1, NOW + 600 * SEC, 0.5);
	g_assert_true(lane_health_believe_gone(&health, &warn));
	/* A clock that was set back does not keep the old count for ever. */
	for (guint i = 0; i < 21; i++)
		note(&health, OUTCOME_DEVICE_GONE, -1, NOW + 600 * SEC, 0.5);
	note(&health, OUTCOME_DEVICE_GONE, -1, NOW - 86400 * SEC, 0.5);
	g_assert_true(lane_health_believe_gone(&health, &warn));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/lane-health/opens-after-five", test_opens_after_five);
	g_test_add_func("/lane-health/any-answer-counts-anew", test_any_answer_counts_anew);
	g_test_add_func("/lane-health/probe-decides", test_probe_decides);
	g_test_add_func("/lane-health/hold-length", test_hold_length);
	g_test_add_func("/lane-health/clock-set-back", test_clock_set_back);
	g_test_add_func("/lane-health/window", test_window);
	g_test_add_func("/lane-health/guard-threshold", test_guard_threshold);
	g_test_add_func("/lane-health/guard-span", test_guard_span);
	return g_test_run();
}
