#include "filter-criteria.h"
#include "limits.h"

#include <glib.h>
#include <stdbool.h>

static const struct {
	const char *criteria;
	bool good;
} rows[] = {
	{"ALL", true},
	{"", true}, /* for Dovecot to refuse */
	{"(OR FROM a (NOT TO \"b\"))", true},
	{"SUBJECT \"a \\\" ( b\"", true},
	{"SUBJECT \"\"", true},
	{"SUBJECT \"a", false},
	{"SUBJECT \"a\\", false},
	{"SUBJECT \"a\\\"", false},
	{"(ALL", false},
	{"ALL)", false},
	{")(", false},
	{"FROM \")\"", true},
	{"ALL\rALL", false},
	{"ALL\nALL", false},
};

static void test_rows(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_test_message("%s", rows[i].criteria);
		g_assert_cmpint(filter_criteria_check(rows[i].criteria) == NULL, ==, rows[i].good);
	}
}

/* `count` times `text` around or before ALL. */
static bool repeated(const char *before, const char *after, guint count)
{
	g_autoptr(GString) criteria = g_string_new(NULL);

	for (guint i = 0; i < count; i++)
		g_string_append(criteria, before);
	g_string_append(criteria, "ALL");
	for (guint i = 0; i < count; i++)
		g_string_append(criteria, after);
	return filter_criteria_check(criteria->str) == NULL;
}

static void test_limits(void)
{
	g_autofree char *longest = g_strnfill(LIMIT_FILTER_CRITERIA, 'x');
	g_autofree char *longer = g_strnfill(LIMIT_FILTER_CRITERIA + 1, 'x');

	g_assert_true(repeated("(", ")", LIMIT_FILTER_LISTS));
	g_assert_false(repeated("(", ")", LIMIT_FILTER_LISTS + 1));
	/* One after the other they are no deeper. */
	g_assert_true(repeated("(ALL) ", "", LIMIT_FILTER_LISTS + 1));
	g_assert_true(repeated("NOT ", "", LIMIT_FILTER_OPERATORS));
	g_assert_false(repeated("not ", "", LIMIT_FILTER_OPERATORS + 1));
	g_assert_false(repeated("Or ALL ", "", LIMIT_FILTER_OPERATORS + 1));
	g_assert_true(repeated("\"or\" ", "", LIMIT_FILTER_OPERATORS + 1));
	g_assert_true(repeated("nota ", "", LIMIT_FILTER_OPERATORS + 1));
	g_assert_null(filter_criteria_check(longest));
	g_assert_nonnull(filter_criteria_check(longer));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/filter-criteria/rows", test_rows);
	g_test_add_func("/filter-criteria/limits", test_limits);
	return g_test_run();
}
