#include "trouble.h"

#include <glib.h>

#define MINUTE (60 * 1000000ULL)
#define START 1234567890ULL

static const struct {
	guint64 at_us;
	gboolean told;
	unsigned count;
} rows[] = {
	{START, TRUE, 1},
	{START, FALSE, 0},
	{START + 1, FALSE, 0},
	{START + MINUTE - 1, FALSE, 0},
	{START + MINUTE, TRUE, 4},
	{START + 2 * MINUTE - 1, FALSE, 0},
	{START + 9 * MINUTE, TRUE, 2},
	{START + 99 * MINUTE, TRUE, 1},
};

static void test_pause(void)
{
	struct trouble trouble = {.logged_us = 0};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		unsigned count = 0;

		g_test_message("row %zu", i);
		g_assert_cmpint(trouble_note(&trouble, rows[i].at_us, &count), ==, rows[i].told);
		g_assert_cmpuint(count, ==, rows[i].count);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/trouble/pause", test_pause);
	return g_test_run();
}
