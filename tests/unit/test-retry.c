/* Back-off, token buckets and what is done after each outcome. */
#include "limits.h"
#include "bucket.h"
#include "retry.h"

#define SEC ((gint64)G_USEC_PER_SEC)
#define NOW (1700000000 * SEC)

static void test_pause(void)
{
	static const struct {
		const char *name;
		guint attempts;
		gint64 retry_after_us;
		double chance;
		gint64 expected;
	} rows[] = {
		{"least chance is one second", 0, -1, 0.0, SEC},
		{"least chance, late", 30, -1, 0.0, SEC},
		{"first, most", 0, -1, 1.0, 2 * SEC},
		{"first, half", 0, -1, 0.5, SEC},
		{"second, most", 1, -1, 1.0, 4 * SEC},
		{"fifth, half", 4, -1, 0.5, 16 * SEC},
		{"ninth is below the cap", 8, -1, 1.0, 512 * SEC},
		{"tenth is the cap", 9, -1, 1.0, LIMIT_BACKOFF_SECS * SEC},
		{"far past the cap", 4000000000u, -1, 1.0, LIMIT_BACKOFF_SECS * SEC},
		{"Retry-After wins if larger", 0, 60 * SEC, 1.0, 60 * SEC},
		{"Retry-After of now", 3, 0, 0.5, 8 * SEC},
		{"Retry-After is lost if smaller", 5, 5 * SEC, 1.0, 64 * SEC},
		{"Retry-After is believed for an hour", 0, 90000 * SEC, 0.5,
		 LIMIT_RETRY_AFTER_SECS * SEC},
		{"chance below 0", 3, -1, -7.0, SEC},
		{"chance above 1", 3, -1, 7.0, 16 * SEC},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		gint64 pause =
			retry_pause_us(rows[i].attempts, rows[i].retry_after_us, rows[i].chance);

		g_test_message("%s", rows[i].name);
		g_assert_cmpint(pause, ==, rows[i].expected);
	}
}

static void test_bucket_burst_then_rate(void)
{
	struct bucket bucket = {0};

	for (guint i = 0; i < 10; i++)
		g_assert_cmpint(bucket_take(&bucket, 60, 10, NOW), ==, 0);
	gint64 wait = bucket_take(&bucket, 60, 10, NOW);
	g_assert_cmpint(wait, >=, SEC);
	g_assert_cmpint(wait, <=, SEC + 1);
	/* Asking costs nothing. */
	g_assert_cmpint(bucket_take(&bucket, 60, 10, NOW), ==, wait);
	g_assert_cmpint(bucket_take(&bucket, 60, 10, NOW + wait - 10), >, 0);
	g_assert_cmpint(bucket_take(&bucket, 60, 10, NOW + wait), ==, 0);
	g_assert_cmpint(bucket_take(&bucket, 60, 10, NOW + wait), >, 0);
}

static void test_bucket_fills_to_burst(void)
{
	struct bucket bucket = {0};

	for (guint i = 0; i < 3; i++)
		bucket_take(&bucket, 6, 3, NOW);
	for (guint i = 0; i < 3; i++)
		g_assert_cmpint(bucket_take(&bucket, 6, 3, NOW + 86400 * SEC), ==, 0);
	g_assert_cmpint(bucket_take(&bucket, 6, 3, NOW + 86400 * SEC), >, 0);
}

static void test_bucket_clock_set_back(void)
{
	struct bucket bucket = {0};

	g_assert_cmpint(bucket_take(&bucket, 60, 1, NOW), ==, 0);
	g_assert_cmpint(bucket_take(&bucket, 60, 1, NOW - 3600 * SEC), >, 0);
	/* A second later by the new clock there is one again. */
	g_assert_cmpint(bucket_take(&bucket, 60, 1, NOW - 3599 * SEC + 1), ==, 0);
}

static void test_bucket_odd_settings(void)
{
	struct bucket none = {0}, zero = {0};

	for (guint i = 0; i < 1000; i++)
		g_assert_cmpint(bucket_take(&none, 0, 5, NOW), ==, 0);
	/* A burst of 0 would never let anything through. */
	g_assert_cmpint(bucket_take(&zero, 60, 0, NOW), ==, 0);
	g_assert_cmpint(bucket_take(&zero, 60, 0, NOW), >, 0);
}

static void test_decide(void)
{
	const gint64 far = NOW + 86400 * SEC;
	static const gint64 none = -1;
	const struct {
		const char *name;
		enum outcome_kind kind;
		gint64 retry_after_us;
		guint attempts;
		gboolean minimal;
		gint64 hold_us;
		gint64 expires_us;
		double chance;
		struct retry_decision expected;
	} rows[] = {
		{"accepted",
		 OUTCOME_ACCEPTED,
		 none,
		 3,
		 FALSE,
		 0,
		 far,
		 0.5,
		 {RETRY_FINISH, 0, FALSE, FALSE}},
		{"accepted after its time",
		 OUTCOME_ACCEPTED,
		 none,
		 0,
		 FALSE,
		 0,
		 NOW,
		 0.5,
		 {RETRY_FINISH, 0, FALSE, FALSE}},
		{"retry",
		 OUTCOME_RETRY,
		 none,
		 2,
		 FALSE,
		 0,
		 far,
		 1.0,
		 {RETRY_LATER, 8 * SEC, TRUE, FALSE}},
		{"retry, least",
		 OUTCOME_RETRY,
		 none,
		 2,
		 FALSE,
		 0,
		 far,
		 0.0,
		 {RETRY_LATER, SEC, TRUE, FALSE}},
		{"retry with Retry-After",
		 OUTCOME_RETRY,
		 30 * SEC,
		 2,
		 FALSE,
		 0,
		 far,
		 1.0,
		 {RETRY_LATER, 30 * SEC, TRUE, FALSE}},
		{"retry would be too late",
		 OUTCOME_RETRY,
		 30 * SEC,
		 2,
		 FALSE,
		 0,
		 NOW + 30 * SEC,
		 1.0,
		 {RETRY_DROP, 30 * SEC, TRUE, FALSE}},
		{"retry just in time",
		 OUTCOME_RETRY,
		 30 * SEC,
		 2,
		 FALSE,
		 0,
		 NOW + 30 * SEC + 1,
		 1.0,
		 {RETRY_LATER, 30 * SEC, TRUE, FALSE}},
		{"throttle says when",
		 OUTCOME_THROTTLE,
		 120 * SEC,
		 0,
		 FALSE,
		 0,
		 far,
		 0.5,
		 {RETRY_LATER, 120 * SEC, FALSE, TRUE}},
		{"throttle does not say when",
		 OUTCOME_THROTTLE,
		 none,
		 1,
		 FALSE,
		 0,
		 far,
		 1.0,
		 {RETRY_LATER, 4 * SEC, FALSE, TRUE}},
		{"throttle while the lane is held",
		 OUTCOME_THROTTLE,
		 2 * SEC,
		 0,
		 FALSE,
		 50 * SEC,
		 far,
		 0.5,
		 {RETRY_LATER, 50 * SEC, FALSE, TRUE}},
		{"down, the others are fine",
		 OUTCOME_GATEWAY_DOWN,
		 none,
		 4,
		 FALSE,
		 0,
		 far,
		 1.0,
		 {RETRY_LATER, 32 * SEC, TRUE, FALSE}},
		{"down with its lane",
		 OUTCOME_GATEWAY_DOWN,
		 none,
		 4,
		 FALSE,
		 9 * SEC,
		 far,
		 1.0,
		 {RETRY_LATER, 9 * SEC, FALSE, FALSE}},
		{"down with its lane, Retry-After",
		 OUTCOME_GATEWAY_DOWN,
		 100 * SEC,
		 4,
		 FALSE,
		 9 * SEC,
		 far,
		 1.0,
		 {RETRY_LATER, 100 * SEC, FALSE, FALSE}},
		{"config, soonest",
		 OUTCOME_CONFIG_ERROR,
		 none,
		 0,
		 FALSE,
		 0,
		 far,
		 0.0,
		 {RETRY_LATER, LIMIT_BACKOFF_SECS * SEC / 2, FALSE, FALSE}},
		{"config, latest",
		 OUTCOME_CONFIG_ERROR,
		 none,
		 9,
		 FALSE,
		 0,
		 far,
		 1.0,
		 {RETRY_LATER, LIMIT_BACKOFF_SECS * SEC, FALSE, FALSE}},
		{"config, about to expire",
		 OUTCOME_CONFIG_ERROR,
		 none,
		 9,
		 FALSE,
		 0,
		 NOW + 60 * SEC,
		 1.0,
		 {RETRY_DROP, LIMIT_BACKOFF_SECS * SEC, FALSE, FALSE}},
		{"rejected in full",
		 OUTCOME_REJECT_MESSAGE,
		 none,
		 0,
		 FALSE,
		 0,
		 far,
		 0.5,
		 {RETRY_MINIMAL, 0, FALSE, FALSE}},
		{"rejected in minimal form",
		 OUTCOME_REJECT_MESSAGE,
		 none,
		 0,
		 TRUE,
		 0,
		 far,
		 0.5,
		 {RETRY_DROP, 0, FALSE, FALSE}},
		{"gone",
		 OUTCOME_DEVICE_GONE,
		 none,
		 0,
		 FALSE,
		 0,
		 far,
		 0.5,
		 {RETRY_DEVICE_GONE, 0, FALSE, FALSE}},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct outcome outcome = {rows[i].kind, rows[i].retry_after_us, 0, NULL};
		struct retry_decision got;

		g_test_message("%s", rows[i].name);
		retry_decide(&outcome, rows[i].attempts, rows[i].minimal, rows[i].hold_us, NOW,
			     rows[i].expires_us, rows[i].chance, &got);
		g_assert_cmpint(got.verdict, ==, rows[i].expected.verdict);
		g_assert_cmpint(got.pause_us, ==, rows[i].expected.pause_us);
		g_assert_cmpint(got.counts, ==, rows[i].expected.counts);
		g_assert_cmpint(got.holds_device, ==, rows[i].expected.holds_device);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/retry/pause", test_pause);
	g_test_add_func("/retry/bucket/burst-then-rate", test_bucket_burst_then_rate);
	g_test_add_func("/retry/bucket/fills-to-burst", test_bucket_fills_to_burst);
	g_test_add_func("/retry/bucket/clock-set-back", test_bucket_clock_set_back);
	g_test_add_func("/retry/bucket/odd-settings", test_bucket_odd_settings);
	g_test_add_func("/retry/decide", test_decide);
	return g_test_run();
}
