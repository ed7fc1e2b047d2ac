#include "bucket.h"

#define SECOND ((gint64)G_USEC_PER_SEC)

/* What happens at which second: "t" takes a token and says whether it got one, or how long (in
 * tenths of a second, rounded up) it has to wait. */
static void test_rows(void)
{
	static const struct {
		const char *name;
		guint rate, burst;
		struct {
			double at;  /* seconds */
			guint wait; /* tenths of a second; 0 = it gets one */
		} takes[8];
		guint count;
	} rows[] = {
		{"no rate is no bound", 0, 0, {{1, 0}, {1, 0}, {1, 0}}, 3},
		{"a burst, and no more", 60, 3, {{1, 0}, {1, 0}, {1, 0}, {1, 11}}, 4},
		{"no burst is one", 60, 0, {{1, 0}, {1, 11}}, 2},
		{"one comes each second", 60, 2, {{1, 0}, {1, 0}, {2, 0}, {2, 11}, {3, 0}}, 5},
		{"half of one is not one", 60, 1, {{1, 0}, {1.5, 6}, {2, 0}}, 3},
		{"30 a minute are one each two seconds", 30, 1, {{1, 0}, {2, 11}, {3, 0}}, 3},
		{"an hour brings a burst, not more",
		 60,
		 2,
		 {{1, 0}, {1, 0}, {3601, 0}, {3601, 0}, {3601, 6}},
		 5},
		{"who comes late does not make all late that follow",
		 60,
		 1,
		 {{1, 0}, {2.4, 0}, {3.05, 0}, {4.05, 0}},
		 4},
		{"a clock that is set back costs what it takes to catch up",
		 60,
		 1,
		 {{100, 0}, {50, 11}, {51, 0}},
		 3},
		{"a clock that stands still gives nothing", 60, 1, {{1, 0}, {1, 11}, {1, 11}}, 3},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct bucket bucket = {0};

		g_test_message("%s", rows[i].name);
		for (guint j = 0; j < rows[i].count; j++) {
			gint64 wait = bucket_take(&bucket, rows[i].rate, rows[i].burst,
						  (gint64)(rows[i].takes[j].at * SECOND));

			g_assert_cmpint((wait + SECOND / 10 - 1) / (SECOND / 10), ==,
					rows[i].takes[j].wait);
		}
	}
}

/* Who comes when it was told to gets one. */
static void test_promise(void)
{
	static const guint rates[] = {1, 7, 59, 60, 61, 600, 59999};

	for (guint i = 0; i < G_N_ELEMENTS(rates); i++) {
		struct bucket bucket = {0};
		gint64 now = SECOND, wait;

		g_assert_cmpint(bucket_take(&bucket, rates[i], 1, now), ==, 0);
		for (guint j = 0; j < 100; j++) {
			wait = bucket_take(&bucket, rates[i], 1, now);
			g_assert_cmpint(wait, >, 0);
			now += wait;
			g_assert_cmpint(bucket_take(&bucket, rates[i], 1, now), ==, 0);
		}
		/* And no more than the rate: 100 tokens took 100 of its intervals. */
		g_assert_cmpint(now - SECOND, >=, (gint64)(99.0 * 60 * SECOND / rates[i]));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_set_nonfatal_assertions();
	g_test_add_func("/bucket/rows", test_rows);
	g_test_add_func("/bucket/promise", test_promise);
	return g_test_run();
}
