#include "hub-watch.h"
#include "limits.h"

#include <string.h>

#define GUID "0123456789abcdef0123456789abcdef"

static enum hub_rule_result add_rule(struct hub_watcher *watcher, const char *text)
{
	g_autofree char *line = g_strdup(text);
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	size_t count;

	g_assert_cmpint(tabline_split(line, strlen(line), fields, LIMIT_LINE_FIELDS, &count), ==,
			TABLINE_OK);
	return hub_watcher_add(watcher, fields, count);
}

static void count_up(void *data, void *context)
{
	++*(guint *)data;
	++*(guint *)context;
}

#define NEW "RULE\tkinds=MessageNew"

static const struct match_row {
	const char *name;
	const char *rules[3];
	struct wake wake;
	gboolean matches;
} match_rows[] = {
#define MAIL .kinds = WAKE_KIND_BIT(WAKE_MESSAGE_NEW), .user = "x"
	{"all of an owner's", {NEW "\towner=a"}, {MAIL, .owner = "a", .mailbox = "INBOX"}, TRUE},
	{"another owner", {NEW "\towner=a"}, {MAIL, .owner = "b", .mailbox = "INBOX"}, FALSE},
	{"public", {NEW "\towner="}, {MAIL, .owner = "", .mailbox = "News"}, TRUE},
	{"public is not one's own",
	 {NEW "\towner=a"},
	 {MAIL, .owner = "", .mailbox = "News"},
	 FALSE},
	{"another kind",
	 {"RULE\tkinds=FlagChange\towner=a"},
	 {MAIL, .owner = "a", .mailbox = "INBOX"},
	 FALSE},
	{"one of the kinds",
	 {"RULE\tkinds=FlagChange MessageNew\towner=a"},
	 {MAIL, .owner = "a", .mailbox = "INBOX"},
	 TRUE},
	{"one of the wake-up's kinds",
	 {"RULE\tkinds=FlagChange\towner=a"},
	 {.kinds = WAKE_KINDS_MESSAGE, .user = "x", .owner = "a", .mailbox = "INBOX"},
	 TRUE},
	{"by name",
	 {NEW "\towner=a\tmailbox=X\tmailbox=INBOX"},
	 {MAIL, .owner = "a", .mailbox = "INBOX"},
	 TRUE},
	{"by another name",
	 {NEW "\towner=a\tmailbox=INBOX/x\tmailbox=INBO"},
	 {MAIL, .owner = "a", .mailbox = "INBOX"},
	 FALSE},
	{"by the name of another owner's",
	 {NEW "\towner=a\tmailbox=INBOX"},
	 {MAIL, .owner = "b", .mailbox = "INBOX"},
	 FALSE},
	{"where owner and name end",
	 {NEW "\towner=a\tmailbox=bc"},
	 {MAIL, .owner = "ab", .mailbox = "c"},
	 FALSE},
	{"an owner that looks like a topic",
	 {NEW "\towner=a\tmailbox=b"},
	 {MAIL, .owner = "1:ab", .mailbox = ""},
	 FALSE},
	{"by GUID",
	 {NEW "\tmailboxid=" GUID},
	 {MAIL, .owner = "b", .mailbox = "x", .mailbox_id = GUID},
	 TRUE},
	{"by another GUID",
	 {NEW "\tmailboxid=f123456789abcdef0123456789abcdef"},
	 {MAIL, .owner = "b", .mailbox = "x", .mailbox_id = GUID},
	 FALSE},
	{"GUID of a wake-up without one",
	 {NEW "\tmailboxid=" GUID},
	 {MAIL, .owner = "b", .mailbox = "x"},
	 FALSE},
	{"an owner and GUIDs are not all of the owner's",
	 {NEW "\towner=a\tmailboxid=" GUID},
	 {MAIL, .owner = "a", .mailbox = "INBOX"},
	 FALSE},
	{"an owner and GUIDs, by GUID",
	 {NEW "\towner=a\tmailbox=X\tmailboxid=" GUID},
	 {MAIL, .owner = "a", .mailbox = "INBOX", .mailbox_id = GUID},
	 TRUE},
	{"several ways at once",
	 {NEW "\towner=a", NEW "\towner=a\tmailbox=INBOX\tmailbox=INBOX", NEW "\tmailboxid=" GUID},
	 {MAIL, .owner = "a", .mailbox = "INBOX", .mailbox_id = GUID},
	 TRUE},
	{"kinds belong to their rule",
	 {"RULE\tkinds=FlagChange\towner=a", NEW "\towner=a\tmailbox=X"},
	 {MAIL, .owner = "a", .mailbox = "INBOX"},
	 FALSE},
#define RENAME .kinds = WAKE_KIND_BIT(WAKE_MAILBOX_RENAME), .user = "x", .owner = "a"
	{"renamed to",
	 {"RULE\tkinds=MailboxRename\towner=a\tmailbox=New"},
	 {RENAME, .mailbox = "New", .old_mailbox = "Old"},
	 TRUE},
	{"renamed from",
	 {"RULE\tkinds=MailboxRename\towner=a\tmailbox=Old"},
	 {RENAME, .mailbox = "New", .old_mailbox = "Old"},
	 TRUE},
	{"renamed past",
	 {"RULE\tkinds=MailboxRename\towner=a\tmailbox=Other"},
	 {RENAME, .mailbox = "New", .old_mailbox = "Old"},
	 FALSE},
#define BELOW(owner_, name, ...) \
	MAIL, .owner = (owner_), .mailbox = (name), .separator = "/", ##__VA_ARGS__
	{"a subtree's own name", {NEW "\towner=a\tsubtree=W"}, {BELOW("a", "W")}, TRUE},
	{"a child", {NEW "\towner=a\tsubtree=W"}, {BELOW("a", "W/x")}, TRUE},
	{"a child's child", {NEW "\towner=a\tsubtree=W"}, {BELOW("a", "W/x/y")}, TRUE},
	{"a child of a child", {NEW "\towner=a\tsubtree=W/x"}, {BELOW("a", "W/x/y")}, TRUE},
	{"a parent", {NEW "\towner=a\tsubtree=W/x"}, {BELOW("a", "W")}, FALSE},
	{"a sibling", {NEW "\towner=a\tsubtree=W/x"}, {BELOW("a", "W/y")}, FALSE},
	{"begins alike", {NEW "\towner=a\tsubtree=W"}, {BELOW("a", "Wx/y")}, FALSE},
	{"begins with no child", {NEW "\towner=a\tsubtree=W"}, {BELOW("a", "Wx")}, FALSE},
	{"somewhere below others", {NEW "\towner=a\tsubtree=x"}, {BELOW("a", "W/x")}, FALSE},
	{"another owner's subtree", {NEW "\towner=a\tsubtree=W"}, {BELOW("b", "W/x")}, FALSE},
	{"a public subtree", {NEW "\towner=\tsubtree=W"}, {BELOW("", "W/x")}, TRUE},
	{"a mailbox is no subtree", {NEW "\towner=a\tmailbox=W"}, {BELOW("a", "W/x")}, FALSE},
	{"another kind in a subtree",
	 {"RULE\tkinds=FlagChange\towner=a\tsubtree=W"},
	 {BELOW("a", "W/x")},
	 FALSE},
	{"another separator",
	 {NEW "\towner=a\tsubtree=W"},
	 {MAIL, .owner = "a", .mailbox = "W/x", .separator = "."},
	 FALSE},
	{"no separator",
	 {NEW "\towner=a\tsubtree=W"},
	 {MAIL, .owner = "a", .mailbox = "W/x"},
	 FALSE},
	{"a subtree without one",
	 {NEW "\towner=a\tsubtree=W"},
	 {MAIL, .owner = "a", .mailbox = "W"},
	 TRUE},
	{"names of INBOX are capitals",
	 {NEW "\towner=a\tsubtree=INBOX"},
	 {BELOW("a", "INBOX/x")},
	 TRUE},
	{"the empty name has no children", {NEW "\towner=a\tsubtree="}, {BELOW("a", "/x")}, FALSE},
	{"one that ends in the separator",
	 {NEW "\towner=a\tsubtree=W/"},
	 {BELOW("a", "W/x")},
	 FALSE},
	{"subtrees in one another",
	 {NEW "\towner=a\tsubtree=W\tsubtree=W/x\tmailbox=W/x/y", NEW "\towner=a"},
	 {BELOW("a", "W/x/y")},
	 TRUE},
	{"renamed into a subtree",
	 {"RULE\tkinds=MailboxRename\towner=a\tsubtree=W"},
	 {RENAME, .mailbox = "W/x", .old_mailbox = "Old", .separator = "/"},
	 TRUE},
	{"renamed out of a subtree",
	 {"RULE\tkinds=MailboxRename\towner=a\tsubtree=W"},
	 {RENAME, .mailbox = "New", .old_mailbox = "W/x", .separator = "/"},
	 TRUE},
	{"own session",
	 {NEW "\towner=a"},
	 {MAIL, .owner = "a", .mailbox = "INBOX", .session = "s1"},
	 FALSE},
	{"another session",
	 {NEW "\towner=a"},
	 {MAIL, .owner = "a", .mailbox = "INBOX", .session = "s12"},
	 TRUE},
	{"for us only",
	 {NEW "\towner=a"},
	 {MAIL, .owner = "a", .mailbox = "INBOX", .only = "watcher"},
	 TRUE},
	{"for somebody else only",
	 {NEW "\towner=a"},
	 {MAIL, .owner = "a", .mailbox = "INBOX", .only = "a"},
	 FALSE},
	{"no rules", {NULL}, {MAIL, .owner = "a", .mailbox = "INBOX"}, FALSE},
};

static void test_match(gconstpointer data)
{
	const struct match_row *row = data;
	struct hub_table *table = hub_table_new();
	guint told = 0, calls = 0;
	struct hub_watcher *watcher = hub_watcher_new(table, "watcher", "s1", &told);

	for (gsize i = 0; i < G_N_ELEMENTS(row->rules) && row->rules[i] != NULL; i++)
		(void)add_rule(watcher, row->rules[i]);
	hub_table_each(table, &row->wake, count_up, &calls);
	g_assert_cmpuint(told, ==, row->matches ? 1 : 0);
	g_assert_cmpuint(calls, ==, told);
	hub_watcher_free(watcher);
	hub_table_each(table, &row->wake, count_up, &calls);
	g_assert_cmpuint(calls, ==, told); /* nobody is left */
	g_assert_cmpuint(hub_table_size(table), ==, 0);
	hub_table_free(table);
}

/* A session without a name hears of all changes. */
static void test_nameless(void)
{
	static const struct wake wake = {MAIL, .owner = "a", .mailbox = "INBOX", .session = "s1"};
	struct hub_table *table = hub_table_new();
	guint told = 0, calls = 0;
	struct hub_watcher *watcher = hub_watcher_new(table, "watcher", NULL, &told);

	g_assert_cmpstr(hub_watcher_user(watcher), ==, "watcher");
	g_assert_cmpint(add_rule(watcher, NEW "\towner=a"), ==, HUB_RULE_OK);
	hub_table_each(table, &wake, count_up, &calls);
	g_assert_cmpuint(told, ==, 1);
	hub_watcher_free(watcher);
	hub_table_free(table);
}

/* Comparisons of names, as the code under test makes them (tests/meson.build). */
static guint compared;

int __real_strcmp(const char *a, const char *b);
int __wrap_strcmp(const char *a, const char *b);
int __wrap_strcmp(const char *a, const char *b)
{
	compared++;
	return __real_strcmp(a, b);
}

gboolean __real_g_str_equal(gconstpointer a, gconstpointer b);
gboolean __wrap_g_str_equal(gconstpointer a, gconstpointer b);
gboolean __wrap_g_str_equal(gconstpointer a, gconstpointer b)
{
	compared++;
	return __real_g_str_equal(a, b);
}

/* Names are their peers' choice: 4,096 that are one to g_str_hash() cost no more than
 * others, a walk down a tree each. */
static void test_chosen_names(void)
{
	struct hub_table *table = hub_table_new();
	struct hub_watcher *watcher = hub_watcher_new(table, "watcher", NULL, NULL);
	guint hash = 0;

	compared = 0;
	for (guint i = 0; i < 4096; i += 64) {
		g_autoptr(GString) line = g_string_new(NEW "\towner=a");

		for (guint j = i; j < i + 64; j++) {
			char name[25] = {0};

			for (guint bit = 0; bit < 12; bit++)
				memcpy(name + 2 * bit, (j >> bit & 1) != 0 ? "ab" : "bA", 2);
			if (i + j == 0)
				hash = g_str_hash(name);
			g_assert_cmpuint(g_str_hash(name), ==, hash);
			g_string_append_printf(line, "\tmailbox=%s", name);
		}
		g_assert_cmpint(add_rule(watcher, line->str), ==, HUB_RULE_OK);
	}
	g_assert_cmpuint(hub_table_size(table), ==, 4096);
	hub_watcher_free(watcher);
	/* Fields of the lines besides: 70 and some kinds for each. */
	g_test_message("%u comparisons", compared);
	g_assert_cmpuint(compared, <, 4096 * 200);
	hub_table_free(table);
}

/* What one session says twice is one entry, whoever else is in between: a wake-up looks
 * at it once, and the kinds of both are in it. */
static void test_said_twice(void)
{
	static const struct wake wake = {MAIL, .owner = "a", .mailbox = "X", .mailbox_id = GUID};
	struct wake flags = wake;
	struct hub_table *table = hub_table_new();
	struct hub_watcher *watchers[3];
	guint told[3] = {0}, calls = 0;

	flags.kinds = WAKE_KIND_BIT(WAKE_FLAG_CHANGE);
	for (gsize i = 0; i < 3; i++)
		watchers[i] = hub_watcher_new(table, "watcher", NULL, &told[i]);
	for (gsize round = 0; round < 5; round++) {
		for (gsize i = 0; i < 3; i++) {
			add_rule(watchers[i], NEW "\towner=a\tmailbox=X\tmailbox=X");
			add_rule(watchers[i], NEW "\tmailboxid=" GUID "\tmailboxid=" GUID);
			add_rule(watchers[i], NEW "\towner=a");
		}
	}
	g_assert_cmpuint(hub_table_each(table, &wake, count_up, &calls), ==, 3 * 3);
	g_assert_cmpuint(calls, ==, 3);
	g_assert_cmpuint(hub_table_each(table, &flags, count_up, &calls), ==, 3 * 3);
	g_assert_cmpuint(calls, ==, 3);
	add_rule(watchers[1], "RULE\tkinds=FlagChange\towner=a\tmailbox=X");
	g_assert_cmpuint(hub_table_each(table, &flags, count_up, &calls), ==, 3 * 3);
	g_assert_cmpuint(hub_table_each(table, &wake, count_up, &calls), ==, 3 * 3);
	g_assert_cmpuint(told[0], ==, 2);
	g_assert_cmpuint(told[1], ==, 3);
	g_assert_cmpuint(told[2], ==, 2);
	/* One that has left and come again is not taken for the former. */
	hub_watcher_free(watchers[1]);
	g_assert_cmpuint(hub_table_each(table, &wake, count_up, &calls), ==, 2 * 3);
	watchers[1] = hub_watcher_new(table, "watcher", NULL, &told[1]);
	add_rule(watchers[1], NEW "\towner=a\tmailbox=X");
	g_assert_cmpuint(hub_table_each(table, &wake, count_up, &calls), ==, 2 * 3 + 1);
	for (gsize i = 0; i < 3; i++)
		hub_watcher_free(watchers[i]);
	g_assert_cmpuint(hub_table_size(table), ==, 0);
	hub_table_free(table);
}

/* What a wake-up costs grows with the depth of its name, not with who watches elsewhere. */
static void test_subtrees_cost(void)
{
	static const struct wake wake = {BELOW("a", "W/17/x/y")};
	struct hub_table *table = hub_table_new();
	struct hub_watcher *watchers[10000];
	g_autofree char *deep = g_strnfill(LIMIT_MAILBOX, '/');
	struct wake deepest = {BELOW("a", deep)};
	guint told[10000] = {0}, calls = 0;

	for (guint i = 0; i < 10000; i++) {
		g_autofree char *line = g_strdup_printf(NEW "\towner=a\tsubtree=W/%u", i);

		watchers[i] = hub_watcher_new(table, "watcher", NULL, &told[i]);
		g_assert_cmpint(add_rule(watchers[i], line), ==, HUB_RULE_OK);
	}
	compared = 0;
	/* One rule, and three names above. */
	g_assert_cmpuint(hub_table_each(table, &wake, count_up, &calls), ==, 1 + 3);
	g_assert_cmpuint(calls, ==, 1);
	g_assert_cmpuint(told[17], ==, 1);
	g_assert_cmpuint(compared, <, 8 * 20);
	/* Many levels are much work, and counted as such. */
	g_assert_cmpuint(hub_table_each(table, &deepest, count_up, &calls), ==, LIMIT_MAILBOX - 1);
	for (guint i = 0; i < 10000; i++)
		hub_watcher_free(watchers[i]);
	hub_table_free(table);
}

/* Whoever leaves, first, last or in between, the others are told, each time. */
static void test_many(void)
{
	static const struct wake wake = {MAIL, .owner = "a", .mailbox = "INBOX"};
	struct hub_table *table = hub_table_new();
	struct hub_watcher *watchers[5];
	guint told[5] = {0}, calls = 0;

	for (gsize i = 0; i < 5; i++) {
		watchers[i] = hub_watcher_new(table, "watcher", NULL, &told[i]);
		g_assert_cmpint(add_rule(watchers[i], NEW "\towner=a"), ==, HUB_RULE_OK);
		g_assert_cmpint(add_rule(watchers[i], NEW "\towner=a\tmailbox=INBOX"), ==,
				HUB_RULE_OK);
	}
	g_assert_cmpuint(hub_table_size(table), ==, 2);
	static const gsize leave[] = {2, 0, 4, 1};
	for (gsize round = 0; round < 5; round++) {
		hub_table_each(table, &wake, count_up, &calls);
		if (round < 4) {
			hub_watcher_free(watchers[leave[round]]);
			g_assert_cmpuint(told[leave[round]], ==, round + 1);
		}
	}
	g_assert_cmpuint(told[3], ==, 5);
	g_assert_cmpuint(calls, ==, 5 + 4 + 3 + 2 + 1);
	hub_watcher_free(watchers[3]);
	g_assert_cmpuint(hub_table_size(table), ==, 0);
	hub_table_free(table);
}

static const struct {
	const char *name;
	const char *line;
	enum hub_rule_result result;
} add_rows[] = {
	{"owner", NEW "\towner=a", HUB_RULE_OK},
	{"unknown keys are ignored", NEW "\towner=a\tnew=1\tword", HUB_RULE_OK},
	{"unknown kinds are skipped", "RULE\tkinds=Login MessageNew\towner=a", HUB_RULE_OK},
	{"GUID", NEW "\tmailboxid=" GUID, HUB_RULE_OK},
	{"subtree", NEW "\towner=a\tsubtree=W", HUB_RULE_OK},
	{"subtree without an owner", NEW "\tsubtree=W", HUB_RULE_BAD},
	{"nothing", "RULE", HUB_RULE_BAD},
	{"no kinds", "RULE\towner=a", HUB_RULE_BAD},
	{"unknown kinds", "RULE\tkinds=Login\towner=a", HUB_RULE_BAD},
	{"neither owner nor GUID", NEW, HUB_RULE_BAD},
	{"name without an owner", NEW "\tmailbox=INBOX", HUB_RULE_BAD},
	{"name and GUID without an owner", NEW "\tmailbox=INBOX\tmailboxid=" GUID, HUB_RULE_BAD},
	{"GUID too long", NEW "\tmailboxid=" GUID "0", HUB_RULE_BAD},
	{"GUID too short", NEW "\tmailboxid=0123456789abcdef0123456789abcde", HUB_RULE_BAD},
	{"GUID of other digits", NEW "\tmailboxid=g123456789abcdef0123456789abcdef", HUB_RULE_BAD},
	{"no GUID", NEW "\tmailboxid=", HUB_RULE_BAD},
};

static void test_add(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(add_rows); i++) {
		struct hub_table *table = hub_table_new();
		struct hub_watcher *watcher = hub_watcher_new(table, "watcher", NULL, NULL);

		g_test_message("%s", add_rows[i].name);
		g_assert_cmpint(add_rule(watcher, add_rows[i].line), ==, add_rows[i].result);
		g_assert_cmpuint(hub_table_size(table), ==,
				 add_rows[i].result == HUB_RULE_OK ? 1 : 0);
		g_assert_cmphex(hub_watcher_kinds(watcher), ==,
				add_rows[i].result == HUB_RULE_OK ? WAKE_KIND_BIT(WAKE_MESSAGE_NEW)
								  : 0);
		hub_watcher_free(watcher);
		hub_table_free(table);
	}
}

static void test_long_names(void)
{
	for (gsize over = 0; over <= 1; over++) {
		g_autofree char *user = g_strnfill(LIMIT_USER + over, 'u');
		g_autofree char *mailbox = g_strnfill(LIMIT_MAILBOX + over, 'm');
		g_autofree char *by_user = g_strconcat(NEW "\towner=", user, NULL);
		g_autofree char *by_name = g_strconcat(NEW "\towner=a\tmailbox=", mailbox, NULL);
		g_autofree char *by_tree = g_strconcat(NEW "\towner=a\tsubtree=", mailbox, NULL);
		struct hub_table *table = hub_table_new();
		struct hub_watcher *watcher = hub_watcher_new(table, "watcher", NULL, NULL);
		enum hub_rule_result result = over == 0 ? HUB_RULE_OK : HUB_RULE_BAD;

		g_assert_cmpint(add_rule(watcher, by_user), ==, result);
		g_assert_cmpint(add_rule(watcher, by_name), ==, result);
		g_assert_cmpint(add_rule(watcher, by_tree), ==, result);
		hub_watcher_free(watcher);
		hub_table_free(table);
	}
}

/* `count` mailboxes in one rule, numbered from `first`, each `len` bytes. */
static char *rule_of_names(guint first, guint count, guint len)
{
	GString *line = g_string_new(NEW "\towner=a");

	for (guint i = first; i < first + count; i++)
		g_string_append_printf(line, "\tmailbox=%0*u", (int)len, i);
	return g_string_free(line, FALSE);
}

static void test_ceilings(void)
{
	struct hub_table *table = hub_table_new();
	struct hub_watcher *watcher = hub_watcher_new(table, "rules", NULL, NULL);

	for (guint i = 0; i < LIMIT_HUB_RULES; i++)
		g_assert_cmpint(add_rule(watcher, NEW "\towner=a"), ==, HUB_RULE_OK);
	g_assert_cmpint(add_rule(watcher, NEW "\towner=a"), ==, HUB_RULE_FULL);
	hub_watcher_free(watcher);

	watcher = hub_watcher_new(table, "names", NULL, NULL);
	guint names = 0;
	for (; names + 100 < LIMIT_HUB_NAMES; names += 100) {
		g_autofree char *line = rule_of_names(names, 100, 8);

		g_assert_cmpint(add_rule(watcher, line), ==, HUB_RULE_OK);
	}
	/* One more than fits: none of them is taken. */
	g_autofree char *over = rule_of_names(names, LIMIT_HUB_NAMES - names + 1, 8);
	g_autofree char *rest = rule_of_names(names, LIMIT_HUB_NAMES - names, 8);
	g_assert_cmpint(add_rule(watcher, over), ==, HUB_RULE_FULL);
	g_assert_cmpuint(hub_table_size(table), ==, names);
	g_assert_cmpint(add_rule(watcher, rest), ==, HUB_RULE_OK);
	g_assert_cmpint(add_rule(watcher, NEW "\tmailboxid=" GUID), ==, HUB_RULE_FULL);
	g_assert_cmpint(add_rule(watcher, NEW "\towner=a\tsubtree=x"), ==, HUB_RULE_FULL);
	hub_watcher_free(watcher);

	watcher = hub_watcher_new(table, "bytes", NULL, NULL);
	for (guint bytes = 0; bytes < LIMIT_HUB_NAME_BYTES; bytes += LIMIT_MAILBOX) {
		g_autofree char *line = rule_of_names(bytes, 1, LIMIT_MAILBOX);

		g_assert_cmpint(add_rule(watcher, line), ==, HUB_RULE_OK);
	}
	g_assert_cmpint(add_rule(watcher, NEW "\towner=a\tmailbox=x"), ==, HUB_RULE_FULL);
	g_assert_cmpint(add_rule(watcher, NEW "\towner=a"), ==, HUB_RULE_OK);
	hub_watcher_free(watcher);
	g_assert_cmpuint(hub_table_size(table), ==, 0);
	hub_table_free(table);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(match_rows); i++) {
		g_autofree char *path = g_strdup_printf("/hub-watch/match/%s", match_rows[i].name);

		g_test_add_data_func(path, &match_rows[i], test_match);
	}
	g_test_add_func("/hub-watch/nameless", test_nameless);
	g_test_add_func("/hub-watch/many", test_many);
	g_test_add_func("/hub-watch/chosen-names", test_chosen_names);
	g_test_add_func("/hub-watch/said-twice", test_said_twice);
	g_test_add_func("/hub-watch/subtrees-cost", test_subtrees_cost);
	g_test_add_func("/hub-watch/add", test_add);
	g_test_add_func("/hub-watch/long-names", test_long_names);
	g_test_add_func("/hub-watch/ceilings", test_ceilings);
	return g_test_run();
}
