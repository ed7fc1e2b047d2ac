#include "keyfile.h"

#include <string.h>

static const struct bad_row {
	const char *name;
	const char *text;
	int len; /* -1 = strlen */
	const char *message;
} bad_rows[] = {
	{"no equals sign", "[a]\nkey value\n", -1,
	 "f:2: neither [section], nor key = value, nor a comment; comments begin with '#'"},
	{"semicolon is no comment", "; text\n", -1,
	 "f:1: neither [section], nor key = value, nor a comment; comments begin with '#'"},
	{"key before a section", "\n# x\nkey = 1\n", -1,
	 "f:3: key: comes before any section; put its [section] above it"},
	{"section is not closed", "[a\n", -1, "f:1: section without ']'; write [section]"},
	{"text after a section", "[a] # why\n", -1,
	 "f:1: text after ']'; a section has its line to itself, so has a comment"},
	{"empty section", "[ ]\n", -1,
	 "f:1: bad section name; use letters, digits, '-', '_', '.' and blanks"},
	{"odd section", "[a/b]\n", -1,
	 "f:1: bad section name; use letters, digits, '-', '_', '.' and blanks"},
	{"empty key", "[a]\n = 1\n", -1,
	 "f:2: bad key before '='; use letters, digits, '-', '_' and '.'"},
	{"odd key", "[a]\nb c = 1\n", -1,
	 "f:2: bad key before '='; use letters, digits, '-', '_' and '.'"},
	{"section twice", "[a]\n\n[b]\n[ a ]\n", -1,
	 "f:4: [a] is here a second time, first in line 1; join the two"},
	{"key twice", "[a]\nk = 1\nl = 2\nk=3\n", -1,
	 "f:4: [a] k: is here a second time, first in line 2; remove one"},
	{"NUL", "[a]\nk = \0\n", 9, "f:2: NUL octet; write plain text"},
	{"Latin-1", "[a]\r\n\r\nk = caf\xe9\r\n", -1,
	 "f:3: not UTF-8; save the file in that encoding"},
	{"Latin-1 in a comment, no LF", "# \xfc", -1,
	 "f:1: not UTF-8; save the file in that encoding"},
};

static void test_bad(gconstpointer data)
{
	const struct bad_row *row = data;
	gsize len = row->len < 0 ? strlen(row->text) : (gsize)row->len;
	g_autoptr(GError) error = NULL;
	struct keyfile *keyfile = keyfile_parse(row->text, len, "f", &error);

	g_assert_null(keyfile);
	g_assert_error(error, KEYFILE_ERROR, KEYFILE_ERROR_SYNTAX);
	g_assert_cmpstr(error->message, ==, row->message);
}

static void test_good(void)
{
	static const char text[] = "\xef\xbb\xbf# first\r\n"
				   "[a]\r\n"
				   "  key=value # no comment \r\n"
				   "\n"
				   "[ hook \xef ]\n";
	static const char good[] = "\xef\xbb\xbf# first\r\n"
				   "[a]\r\n"
				   "  key=value # no comment \r\n"
				   "\n"
				   "[ hook one ]\n"
				   "\tk.x\t=\ta = b = \xc3\xa9";
	g_autoptr(GError) error = NULL;

	g_assert_null(keyfile_parse(text, strlen(text), "f", &error));
	g_assert_cmpstr(error->message, ==, "f:5: not UTF-8; save the file in that encoding");

	g_autoptr(keyfile_t) keyfile = keyfile_parse(good, strlen(good), "f", NULL);
	g_assert_nonnull(keyfile);
	g_assert_cmpuint(keyfile->sections->len, ==, 2);
	const struct keyfile_section *section = keyfile_find(keyfile, "a");
	g_assert_cmpuint(section->line, ==, 2);
	const struct keyfile_entry *entry = keyfile_section_find(section, "key");
	g_assert_cmpstr(entry->value, ==, "value # no comment");
	g_assert_cmpuint(entry->line, ==, 3);
	section = keyfile_find(keyfile, "hook one");
	g_assert_cmpuint(section->line, ==, 5);
	entry = keyfile_section_find(section, "k.x");
	g_assert_cmpstr(entry->value, ==, "a = b = \xc3\xa9");
	g_assert_cmpuint(entry->line, ==, 6);
	g_assert_null(keyfile_section_find(section, "key"));
	g_assert_null(keyfile_find(keyfile, "hook"));
}

static void test_suggest(void)
{
	static const char *const words[] = {"socket", "socket-mode", "spool-dir", "url", NULL};

	g_assert_cmpstr(keyfile_suggest("sokcet", words), ==, "socket");
	g_assert_cmpstr(keyfile_suggest("Socket_Mode", words), ==, "socket-mode");
	g_assert_cmpstr(keyfile_suggest("spooldir", words), ==, "spool-dir");
	g_assert_cmpstr(keyfile_suggest("ur", words), ==, "url");
	g_assert_cmpstr(keyfile_suggest("u", words), ==, NULL);
	g_assert_cmpstr(keyfile_suggest("mail-uids", words), ==, NULL);
	g_autofree char *longest = g_strnfill(5000, 'x');
	g_assert_cmpstr(keyfile_suggest(longest, words), ==, NULL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(bad_rows); i++) {
		g_autofree char *path = g_strdup_printf("/keyfile/bad/%s", bad_rows[i].name);
		g_test_add_data_func(path, &bad_rows[i], test_bad);
	}
	g_test_add_func("/keyfile/good", test_good);
	g_test_add_func("/keyfile/suggest", test_suggest);
	return g_test_run();
}
