#include "view-file.h"

#include <glib.h>
#include <string.h>

#define GUID "0123456789abcdef0123456789abcdef"
#define HEAD "fantail-view 1\nguid " GUID "\n"

static const struct {
	const char *name, *text;
	const char *backing, *criteria; /* NULL: refused */
} rows[] = {
	{"whole", HEAD "backing INBOX\ncriteria FROM \"x\"\n", "INBOX", "FROM \"x\""},
	{"blanks", HEAD "backing a  b \ncriteria  ALL\n", "a  b ", " ALL"},
	{"UTF-8",
	 HEAD "backing B\xc3\xbc"
	      "cher\ncriteria ALL\n",
	 "B\xc3\xbc"
	 "cher",
	 "ALL"},
	{"empty", "", NULL, NULL},
	{"another file", "# configuration\n", NULL, NULL},
	{"another version", "fantail-view 2\nguid " GUID "\nbacking INBOX\ncriteria ALL\n", NULL,
	 NULL},
	{"version only", "fantail-view 1\n", NULL, NULL},
	{"no criteria", HEAD "backing INBOX\n", NULL, NULL},
	{"empty criteria", HEAD "backing INBOX\ncriteria \n", NULL, NULL},
	{"empty backing", HEAD "backing \ncriteria ALL\n", NULL, NULL},
	{"cut off", HEAD "backing INBOX\ncriteria ALL", NULL, NULL},
	{"more", HEAD "backing INBOX\ncriteria ALL\nx", NULL, NULL},
	{"another order", HEAD "criteria ALL\nbacking INBOX\n", NULL, NULL},
	{"short GUID", "fantail-view 1\nguid 0123\nbacking INBOX\ncriteria ALL\n", NULL, NULL},
	{"no GUID",
	 "fantail-view 1\nguid ../../../../../../../../../../..\nbacking a\ncriteria b\n", NULL,
	 NULL},
	{"CR", HEAD "backing INBOX\r\ncriteria ALL\n", NULL, NULL},
};

static void test_parse(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = g_strdup(rows[i].text);
		struct view_file file = {.guid = NULL};
		bool ok = view_file_parse(text, &file);

		g_test_message("%s", rows[i].name);
		g_assert_cmpint(ok, ==, rows[i].backing != NULL);
		g_assert_cmpstr(file.backing, ==, rows[i].backing);
		g_assert_cmpstr(file.criteria, ==, rows[i].criteria);
		g_assert_cmpstr(file.guid, ==, ok ? GUID : NULL);
	}
}

/* What is written can be read, up to each ceiling; what cannot is not written. */
static void test_format(void)
{
	g_autofree char *name = g_strnfill(LIMIT_MAILBOX + 1, 'n');
	g_autofree char *criteria = g_strnfill(LIMIT_FILTER_CRITERIA + 1, 'c');
	struct view_file file = {GUID, name, criteria}, read;
	char text[VIEW_FILE_MAX];
	size_t len;

	g_assert_cmpuint(view_file_format(&file, text), ==, 0);
	name[LIMIT_MAILBOX] = '\0';
	g_assert_cmpuint(view_file_format(&file, text), ==, 0);
	criteria[LIMIT_FILTER_CRITERIA] = '\0';
	len = view_file_format(&file, text);
	g_assert_cmpuint(len, ==, strlen(text));
	g_assert_true(view_file_parse(text, &read));
	g_assert_cmpstr(read.backing, ==, name);
	g_assert_cmpstr(read.criteria, ==, criteria);
	file.backing = "two\nlines";
	g_assert_cmpuint(view_file_format(&file, text), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/view-file/parse", test_parse);
	g_test_add_func("/view-file/format", test_format);
	return g_test_run();
}
