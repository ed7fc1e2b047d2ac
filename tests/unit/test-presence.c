/* Who listens, and for how long that is believed. */
#include "limits.h"
#include "presence.h"

#define SEC ((gint64)G_USEC_PER_SEC)
#define NOW (1700000000 * SEC)
#define LEASE (LIMIT_PRESENCE_SECS * SEC)

static const struct row {
	const char *name;
	const char *session; /* that says a second word ... */
	int listening;       /* -1 = none does */
	gint64 after;        /* asked so much later than the first */
	gboolean listens;
} rows[] = {
	{"at once", NULL, -1, 0, TRUE},
	{"until the lease ends", NULL, -1, LEASE - 1, TRUE},
	{"no longer", NULL, -1, LEASE, FALSE},
	{"said again", "a", TRUE, LEASE, TRUE},
	{"another session does", "b", TRUE, LEASE, TRUE},
	{"does not any more", "a", FALSE, 2, FALSE},
	{"another one does not", "b", FALSE, 2, TRUE},
	{"a clock that was set back", NULL, -1, -1, FALSE},
};

static void test_rows(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct presence *presence = presence_new();

		g_test_message("%s", rows[i].name);
		presence_say(presence, 7, "a", TRUE, NOW);
		if (rows[i].listening >= 0)
			presence_say(presence, 7, rows[i].session, rows[i].listening, NOW + 1);
		g_assert_cmpint(presence_listens(presence, 7, NOW + rows[i].after), ==,
				rows[i].listens);
		g_assert_false(presence_listens(presence, 8, NOW));
		presence_free(&presence);
		g_assert_null(presence);
	}
}

/* Those that went without a word are not kept. */
static void test_sweep(void)
{
	struct presence *presence = presence_new();

	for (gint64 device = 1; device <= 1000; device++)
		presence_say(presence, device, "s", TRUE, NOW + device);
	g_assert_cmpuint(presence_count(presence), ==, 1000);
	presence_say(presence, 5000, "s", TRUE, NOW + 2 * LEASE);
	g_assert_cmpuint(presence_count(presence), ==, 1);
	presence_free(&presence);
	presence_free(&presence);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/presence/rows", test_rows);
	g_test_add_func("/presence/sweep", test_sweep);
	return g_test_run();
}
