#include "session-table.h"

static const struct session_limits limits = {.per_user = 2, .per_address = 3, .secs = 100};

struct row {
	const char *user, *device, *address;
	gint64 now;
	gboolean admitted;
};

static void check(struct session_table *table, const struct row *rows, guint count)
{
	for (guint i = 0; i < count; i++) {
		const struct row *row = &rows[i];

		g_test_message("row %u", i);
		g_assert_cmpint(session_table_admits(table, &limits, row->user, row->device,
						     row->address, row->now),
				==, row->admitted);
		if (row->admitted && row->user != NULL)
			session_table_note(table, row->user, row->device, row->address, FALSE,
					   row->now);
	}
}

static void test_limits(void)
{
	static const struct row rows[] = {
		{"alice", "1", "a", 0, TRUE},    {"alice", "2", "a", 0, TRUE},
		{"alice", "3", "b", 0, FALSE}, /* a user's third */
		{"alice", "1", "b", 10, TRUE}, /* one that it has, now from elsewhere */
		{"bob", "1", "b", 10, TRUE},     {"carol", "1", "b", 10, TRUE},
		{"dave", "1", "b", 10, FALSE},   /* an address' fourth */
		{NULL, "1", "b", 10, FALSE},     /* nobody knows who it is yet */
		{"dave", "1", NULL, 10, TRUE},   /* nobody knows from where */
		{"alice", "3", "c", 100, FALSE}, /* the last second of alice's second one */
		{"alice", "3", "c", 101, TRUE},
	};
	struct session_table *table = session_table_new(100);

	check(table, rows, G_N_ELEMENTS(rows));
	session_table_free(&table);
}

static void test_finished(void)
{
	static const struct row rows[] = {
		{"alice", "1", "a", 0, TRUE},
		{"alice", "2", "a", 0, TRUE},
		{"alice", "3", "a", 0, FALSE},
	};
	static const struct row after = {"alice", "3", "a", 0, TRUE};
	struct session_table *table = session_table_new(100);

	check(table, rows, G_N_ELEMENTS(rows));
	session_table_note(table, "alice", "2", "a", TRUE, 0);
	session_table_note(table, "alice", "2", "a", TRUE, 0);
	check(table, &after, 1);
	session_table_free(&table);
}

/* Past its size who was heard of longest ago is forgotten. */
static void test_size(void)
{
	static const struct row rows[] = {
		{"alice", "1", "a", 0, TRUE}, {"alice", "2", "b", 0, TRUE},
		{"bob", "1", "c", 0, TRUE},   {"alice", "3", "d", 0, FALSE},
		{"carol", "1", "d", 0, TRUE}, {"alice", "3", "d", 0, TRUE},
	};
	struct session_table *table = session_table_new(3);

	check(table, rows, G_N_ELEMENTS(rows));
	session_table_free(&table);
	g_assert_null(table);
}

static void test_count(void)
{
	struct session_table *table = session_table_new(100);
	guint users;

	session_table_note(table, "alice", "1", "a", FALSE, 0);
	session_table_note(table, "alice", "2", "a", FALSE, 10);
	session_table_note(table, "bob", "1", "a", FALSE, 10);
	g_assert_cmpuint(session_table_count(table, &limits, 10, &users), ==, 3);
	g_assert_cmpuint(users, ==, 2);
	session_table_note(table, "bob", "1", "a", TRUE, 20);
	g_assert_cmpuint(session_table_count(table, &limits, 101, &users), ==, 1);
	g_assert_cmpuint(users, ==, 1);
	session_table_free(&table);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/session-table/limits", test_limits);
	g_test_add_func("/session-table/finished", test_finished);
	g_test_add_func("/session-table/size", test_size);
	g_test_add_func("/session-table/count", test_count);
	return g_test_run();
}
