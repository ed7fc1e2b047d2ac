#include "utf8-text.h"

#include <string.h>

static const struct row {
	const char *name, *text;
	gsize max;
	const char *ellipsis, *result;
} rows[] = {
	{"nothing", NULL, 5, "…", NULL},
	{"empty", "", 5, "…", ""},
	{"fits", "abcde", 5, "…", "abcde"},
	{"one too many", "abcdef", 5, "…", "abcde…"},
	{"no ellipsis", "abcdef", 5, "", "abcde"},
	{"nothing fits", "abc", 0, "…", "…"},
	{"two octets, whole", "\xc3\xa9\xc3\xa9", 4, "", "\xc3\xa9\xc3\xa9"},
	{"two octets, cut between", "\xc3\xa9\xc3\xa9", 2, "", "\xc3\xa9"},
	{"two octets, cut inside", "\xc3\xa9\xc3\xa9", 3, "", "\xc3\xa9"},
	{"four octets, one short", "a\xf0\x9f\x95\x8a", 4, "", "a"},
	{"control characters", "a\r\n\tb\001\177c", 50, "", "a   b  c"},
	{"C1 controls",
	 "a\xc2\x9b"
	 "31m",
	 50, "", "a 31m"},
	{"separators", "a\xe2\x80\xa8\xe2\x80\xa9z", 50, "", "a  z"},
	{"not UTF-8", "a\xffz", 50, "", "a\xef\xbf\xbdz"},
	{"cut off", "a\xe2\x82", 50, "", "a\xef\xbf\xbd\xef\xbf\xbd"},
	{"surrogate", "\xed\xa0\x80", 50, "", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	{"overlong", "\xc0\xaf", 50, "", "\xef\xbf\xbd\xef\xbf\xbd"},
	{"longer once it is mended", "\xff\xff", 5, "", "\xef\xbf\xbd"},
};

static void test_row(gconstpointer data)
{
	const struct row *row = data;
	g_autofree char *cut = utf8_text_cut(row->text, row->max, row->ellipsis);

	g_assert_cmpstr(cut, ==, row->result);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strdup_printf("/utf8-text/%s", rows[i].name);

		g_test_add_data_func(path, &rows[i], test_row);
	}
	return g_test_run();
}
