/* With libdovecot and its test library, as test-hub-link.c. */
#include "lib.h"
#include "array.h"
#include "str.h"
#include "test-common.h"

#include "notify-table.h"

#define THOUSANDS 5000

static struct notify_table *table_of(const char *const *names)
{
	struct notify_table *table = notify_table_new();

	for (; *names != NULL; names++)
		(void)notify_table_insert(table, *names);
	return table;
}

static const char *names_after(const struct notify_table *table, const char *vname)
{
	string_t *names = t_str_new(64);
	const struct watched *box = notify_table_after(table, vname);

	for (; box != NULL; box = notify_table_after(table, box->vname))
		str_printfa(names, "%s;", box->vname);
	return str_c(names);
}

static void test_order(void)
{
	static const char *const names[] = {"b", "a/x", "INBOX", "a", "a.x", "ab", "a/y/z", NULL};
	static const struct {
		const char *after, *rest;
	} rows[] = {
		{NULL, "INBOX;a;a.x;a/x;a/y/z;ab;b;"},
		{"", "INBOX;a;a.x;a/x;a/y/z;ab;b;"},
		{"a", "a.x;a/x;a/y/z;ab;b;"},
		{"a/", "a/x;a/y/z;ab;b;"}, /* where its children begin */
		{"a/y/z", "ab;b;"},
		{"b", ""},
		{"zz", ""},
	};
	struct notify_table *table = table_of(names);

	test_begin("notify table: sorted by name");
	test_assert(notify_table_count(table) == N_ELEMENTS(names) - 1);
	for (unsigned int i = 0; i < N_ELEMENTS(rows); i++)
		test_assert_strcmp_idx(names_after(table, rows[i].after), rows[i].rest, i);
	test_end();
	notify_table_free(&table);
	test_assert(table == NULL);
	notify_table_free(&table);
}

static void test_find(void)
{
	static const char *const names[] = {"b", "a", "c", NULL};
	struct notify_table *table = table_of(names);
	struct watched *box = notify_table_find(table, "a");

	test_begin("notify table: found by name, zero at first");
	test_assert(box != NULL && strcmp(box->vname, "a") == 0);
	test_assert(box->fingerprint == 0 && box->more == NULL && box->events == 0 &&
		    box->access == NOTIFY_ACCESS_NONE && !box->listed);
	test_assert(notify_table_find(table, "") == NULL);
	test_assert(notify_table_find(table, "A") == NULL);
	test_assert(notify_table_find(table, "ab") == NULL);
	test_end();
	notify_table_free(&table);
}

/* All bits of what is kept in few. */
static void test_fields(void)
{
	static const char *const names[] = {"a", NULL};
	struct notify_table *table = table_of(names);
	struct watched *box = notify_table_find(table, "a");

	test_begin("notify table: room for each event and right");
	box->events = NOTIFY_SERVER_METADATA_CHANGE | NOTIFY_MESSAGE_NEW;
	box->access = NOTIFY_ACCESS_READ;
	box->subscribed = TRUE;
	test_assert(box->events == (NOTIFY_SERVER_METADATA_CHANGE | NOTIFY_MESSAGE_NEW));
	test_assert(box->access == NOTIFY_ACCESS_READ);
	test_assert(box->subscribed && !box->listed && !box->told_noaccess && !box->imported);
	test_end();
	notify_table_free(&table);
}

static void test_more(void)
{
	static const char *const names[] = {"a", NULL};
	struct notify_table *table = table_of(names);
	struct watched *box = notify_table_find(table, "a");

	test_begin("notify table: a snapshot comes with the first news");
	test_assert(notify_watched_last(box)->uidvalidity == 0);
	test_assert(box->more == NULL);
	notify_watched_more(box)->last.uidvalidity = 7;
	test_assert(notify_watched_more(box)->last.uidvalidity == 7);
	test_assert(notify_watched_last(box)->uidvalidity == 7);
	test_assert(box->more->box == box);
	test_end();
	notify_table_free(&table);
}

static void test_rename(void)
{
	static const char *const names[] = {"m", "a", "z", NULL};
	const char *long_name = "b/a name that does not fit where the former one did";
	struct notify_table *table = table_of(names);
	struct watched *box = notify_table_find(table, "m");
	struct watched_more *more = notify_watched_more(box);

	test_begin("notify table: what is known goes along when it is renamed");
	box->fingerprint = 5;
	more->last.messages = 3;
	box = notify_table_rename(table, box, long_name);
	test_assert_strcmp(box->vname, long_name);
	test_assert(box->fingerprint == 5 && box->more == more && more->box == box);
	test_assert(notify_watched_last(box)->messages == 3);
	test_assert(notify_table_find(table, "m") == NULL);
	test_assert(notify_table_find(table, long_name) == box);
	test_assert_strcmp(names_after(table, "b"), t_strconcat(long_name, ";z;", NULL));
	box = notify_table_rename(table, box, long_name);
	test_assert(notify_table_find(table, long_name) == box);
	test_end();
	notify_table_free(&table);
}

/* A family moves, one by one, to where the loop has yet to go. */
static void test_rename_range(void)
{
	static const char *const names[] = {"a", "a/1", "a/2", "a/2/3", "ab", "c/1", NULL};
	struct notify_table *table = table_of(names);
	struct watched *box = notify_table_after(table, "a/");
	unsigned int moved = 0;

	test_begin("notify table: children are renamed");
	while (box != NULL && strncmp(box->vname, "a/", 2) == 0) {
		const char *name = t_strdup(box->vname);

		(void)notify_table_rename(table, box, t_strconcat("c/x", name + 1, NULL));
		box = notify_table_after(table, name);
		moved++;
	}
	test_assert(moved == 3);
	test_assert_strcmp(names_after(table, NULL), "a;ab;c/1;c/x/1;c/x/2;c/x/2/3;");
	test_end();
	notify_table_free(&table);
}

static void test_change_while_iterating(void)
{
	static const char *const names[] = {"b", "d", "f", "h", NULL};
	struct notify_table *table = table_of(names);
	string_t *seen = t_str_new(32);
	const char *name = NULL;
	struct watched *box;

	test_begin("notify table: a loop goes on whatever comes and goes");
	while ((box = notify_table_after(table, name)) != NULL) {
		name = t_strdup(box->vname);
		str_printfa(seen, "%s;", name);
		if (strcmp(name, "b") == 0) {
			(void)notify_table_insert(table, "a"); /* behind it */
			(void)notify_table_insert(table, "c"); /* before it */
		} else if (strcmp(name, "d") == 0) {
			notify_table_remove(table, box);
			notify_table_remove(table, notify_table_find(table, "f"));
		}
	}
	test_assert_strcmp(str_c(seen), "b;c;d;h;");
	test_assert_strcmp(names_after(table, NULL), "a;b;c;h;");
	test_end();
	notify_table_free(&table);
}

static void test_ids(void)
{
	static const char *const names[] = {"a", "b", "c", NULL};
	static const guid_128_t one = {1}, two = {2}, none = {0};
	struct notify_table *table = table_of(names);
	struct watched *a = notify_table_find(table, "a"), *b = notify_table_find(table, "b");

	test_begin("notify table: found by GUID");
	test_assert(notify_table_find_id(table, one) == NULL);
	notify_table_set_id(table, a, one);
	notify_table_set_id(table, b, two);
	test_assert(notify_table_find_id(table, one) == a);
	test_assert(notify_table_find_id(table, two) == b);
	test_assert(notify_table_find_id(table, none) == NULL);
	a = notify_table_rename(table, a, "a/under another name");
	test_assert(notify_table_find_id(table, one) == a);
	notify_table_remove(table, b);
	test_assert(notify_table_find_id(table, two) == NULL);
	test_end();
	notify_table_free(&table);
}

/* The record of the first must not be what the second is found by. */
static void test_same_id(void)
{
	static const char *const names[] = {"a", "b", NULL};
	static const guid_128_t id = {1};
	struct notify_table *table = table_of(names);
	struct watched *a = notify_table_find(table, "a"), *b = notify_table_find(table, "b");

	test_begin("notify table: two with one GUID");
	notify_table_set_id(table, a, id);
	notify_table_set_id(table, b, id);
	test_assert(notify_table_find_id(table, id) == b);
	memset(a->more->id, 9, sizeof(a->more->id));
	test_assert(notify_table_find_id(table, id) == b);
	guid_128_copy(a->more->id, id);
	notify_table_remove(table, a);
	test_assert(notify_table_find_id(table, id) == b);
	notify_table_remove(table, b);
	test_assert(notify_table_find_id(table, id) == NULL);
	test_end();
	notify_table_free(&table);
}

static void test_thousands(void)
{
	struct notify_table *table = notify_table_new();
	const struct watched *box;
	const char *last = "";
	unsigned int seen = 0;

	test_begin("notify table: thousands of names, in any order");
	/* 7 and 5000 have no divisor in common: each once. */
	for (unsigned int i = 0; i < THOUSANDS; i++)
		(void)notify_table_insert(table, t_strdup_printf("m%u", i * 7 % THOUSANDS));
	for (unsigned int i = 0; i < THOUSANDS; i += 2)
		notify_table_remove(table, notify_table_find(table, t_strdup_printf("m%u", i)));
	notify_table_foreach (table, box) {
		test_assert_idx(strcmp(last, box->vname) < 0, seen);
		last = box->vname;
		seen++;
	}
	test_assert(seen == THOUSANDS / 2 && notify_table_count(table) == seen);
	for (unsigned int i = 0; i < THOUSANDS; i++) {
		box = notify_table_find(table, t_strdup_printf("m%u", i));
		test_assert_idx((box != NULL) == (i % 2 == 1), i);
	}
	test_end();
	notify_table_free(&table);
}

int main(void)
{
	static void (*const tests[])(void) = {
		test_order,
		test_find,
		test_fields,
		test_more,
		test_rename,
		test_rename_range,
		test_change_while_iterating,
		test_ids,
		test_same_id,
		test_thousands,
		NULL,
	};

	return test_run(tests);
}
