#include "convert-table.h"

#include <glib.h>

#define ROW "image/png,IMAGE/gif image/jpeg width,height /usr/bin/x jpeg -q\n"

/* What a table says of image/png to image/jpeg; or its error. */
static const struct row {
	const char *name, *text, *found, *error;
} rows[] = {
	{"nothing", "", NULL, NULL},
	{"remarks", "# x\n\n \t# y\n", NULL, NULL},
	{"a row", ROW, "/usr/bin/x jpeg -q (width height)", NULL},
	{"with CRs and blanks", "  image/png\timage/jpeg  - \t/x\r\n", "/x ()", NULL},
	{"the first counts", "image/png image/jpeg - /a\nimage/png image/jpeg - /b", "/a ()", NULL},
	{"another", "image/png image/gif - /a\n", NULL, NULL},
	{"no command", "image/png image/jpeg -\n", NULL, "t line 1: not all is there"},
	{"blanks for one", "image/png image/jpeg - \n", NULL, "t line 1: no command"},
	{"one word", "\nx", NULL, "t line 2: not all is there"},
	{"a relative path", "# \nimage/png image/jpeg - x\n", NULL,
	 "t line 2: the command has no absolute path"},
	{"no type", "png image/jpeg - /x\n", NULL, "t line 1: not a type"},
	{"no type to", "image/png jpeg - /x\n", NULL, "t line 1: not a type"},
	{"any type", "image/* image/jpeg - /x\n", NULL, "t line 1: not a type"},
	{"an empty one", "image/png, image/jpeg - /x\n", NULL, "t line 1: not a type"},
	{"a parameter's name", "image/png image/jpeg Width /x\n", NULL,
	 "t line 1: a parameter's name"},
	{"LD_PRELOAD", "image/png image/jpeg ld_preload /x\n", NULL,
	 "t line 1: a parameter's name"},
	{"too many parameters", "image/png image/jpeg a,b,c,d,e,f,g,h,i /x\n", NULL,
	 "t line 1: too many parameters"},
	{"too many arguments", "image/png image/jpeg - /x 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6\n", NULL,
	 "t line 1: too many arguments"},
};

static char *show(const struct convert_row *row)
{
	g_autofree char *argv = g_strjoinv(" ", (char **)row->argv);
	GString *text = g_string_new(argv);

	g_string_append(text, " (");
	for (size_t i = 0; i < row->param_count; i++)
		g_string_append_printf(text, "%s%s", i == 0 ? "" : " ", row->params[i]);
	g_string_append_c(text, ')');
	return g_string_free(text, FALSE);
}

static void test_rows(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		char *error = NULL;
		struct convert_table *table = convert_table_parse("t", rows[i].text, &error);
		g_autofree char *found = NULL;
		const struct convert_row *row;

		row = table == NULL ? NULL : convert_table_find(table, "image/png", "image/jpeg");
		if (row != NULL)
			found = show(row);
		if (g_strcmp0(found, rows[i].found) != 0 || (error == NULL) != (table != NULL) ||
		    (error == NULL) != (rows[i].error == NULL) ||
		    (error != NULL && !g_str_has_prefix(error, rows[i].error)))
			g_error("%s: %s, %s", rows[i].name, found, error);
		free(error);
		convert_table_free(&table);
		g_assert_null(table);
	}
}

static void test_find(void)
{
	char *error = NULL;
	struct convert_table *table = convert_table_parse("t", ROW, &error);
	const struct convert_row *row;

	g_assert_nonnull(table);
	g_assert_null(convert_table_find(table, "image/gif", "image/jp"));
	g_assert_null(convert_table_find(table, "image/gif", "image/jpeg2"));
	g_assert_null(convert_table_nearest(table, "image/gif", "imag/x"));
	row = convert_table_nearest(table, "image/gif", "image/tiff");
	g_assert_nonnull(row);
	g_assert_cmpstr(row->to, ==, "image/jpeg");
	g_assert_true(convert_row_takes(row, "height"));
	g_assert_false(convert_row_takes(row, "depth"));
	g_assert_null(convert_table_nearest(table, "image/jpeg", "image/gif"));
	convert_table_free(&table);
}

static void test_ceiling(void)
{
	for (int over = 0; over <= 1; over++) {
		GString *text = g_string_new(NULL);
		char *error = NULL;
		struct convert_table *table;

		for (int i = 0; i < LIMIT_CONVERT_ROWS + over; i++)
			g_string_append(text, "a/b c/d - /x\n");
		table = convert_table_parse("t", text->str, &error);
		g_assert_cmpint(table != NULL, ==, !over);
		free(error);
		convert_table_free(&table);
		g_string_free(text, TRUE);
	}
}

static void test_numbers(void)
{
	static const char *const good[] = {"1", "320", "99999"};
	static const char *const bad[] = {"", "0", "01", "100000", "-1", "1.5", "0x10", "1;", " 1"};

	for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
		g_assert_true(convert_number_valid(good[i]));
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(convert_number_valid(bad[i]));
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/convert-table/rows", test_rows);
	g_test_add_func("/convert-table/find", test_find);
	g_test_add_func("/convert-table/ceiling", test_ceiling);
	g_test_add_func("/convert-table/numbers", test_numbers);
	return g_test_run();
}
