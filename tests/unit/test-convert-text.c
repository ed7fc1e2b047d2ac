#include "convert-text.h"
#include "limits.h"

#include <glib.h>

static const struct recode_row {
	const char *name, *from, *to, *text, *expected;
	bool lost;
} recode_rows[] = {
	{"nothing", "utf-8", "utf-8", "", "", false},
	{"the same", "utf-8", "UTF-8", "F\xc3\xb6n", "F\xc3\xb6n", false},
	{"Latin 1", "iso-8859-1", "utf-8", "F\xf6n", "F\xc3\xb6n", false},
	{"to Latin 1", "utf-8", "iso-8859-1", "F\xc3\xb6n", "F\xf6n", false},
	{"to ASCII", "utf-8", "us-ascii", "F\xc3\xb6n", "F?n", true},
	{"two in a row", "utf-8", "us-ascii", "\xe2\x82\xac\xe2\x82\xac", "??", true},
	{"not valid", "utf-8", "utf-8",
	 "a\xff"
	 "b",
	 "a\xef\xbf\xbd"
	 "b",
	 true},
	{"cut off", "utf-8", "utf-8", "a\xc3", "a\xef\xbf\xbd", true},
	{"one that nobody knows", "x-unknown", "utf-8", "F\xc3\xb6n", "F\xc3\xb6n", false},
	{"one that ends somewhere", "utf-8", "iso-2022-jp", "\xe3\x81\x82", "\x1b$B$\"\x1b(B",
	 false},
	{"to one that nobody knows", "utf-8", "x-unknown", "a", NULL, false},
	{"iconv's own words", "utf-8", "us-ascii//TRANSLIT", "a", NULL, false},
	{"no name", "utf-8", "", "a", NULL, false},
};

static void test_recode(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(recode_rows); i++) {
		const struct recode_row *row = &recode_rows[i];
		struct convert_buf out = {.max = 100};
		g_autofree char *got = NULL;
		bool lost = false;
		bool done = convert_text_recode(row->from, row->to, row->text, strlen(row->text),
						&out, &lost);

		if (done)
			got = g_strndup(out.data == NULL ? "" : out.data, out.len);
		if (g_strcmp0(got, row->expected) != 0 || lost != row->lost)
			g_error("%s: \"%s\", lost: %d", row->name, got, lost);
		g_assert_cmpint(convert_charset_known(row->to), ==, row->expected != NULL);
		convert_buf_free(&out);
	}
}

static const struct encode_row {
	const char *name;
	enum convert_encoding encoding;
	const char *data, *expected;
} encode_rows[] = {
	{"as it is", CONVERT_8BIT, "a\r\n", "a\r\n"},
	{"Base64 of nothing", CONVERT_BASE64, "", ""},
	{"Base64, two left", CONVERT_BASE64, "a", "YQ==\r\n"},
	{"Base64, one left", CONVERT_BASE64, "ab", "YWI=\r\n"},
	{"Base64", CONVERT_BASE64, "abc", "YWJj\r\n"},
	{"Base64, a whole line", CONVERT_BASE64,
	 "012345678901234567890123456789012345678901234567890123456",
	 "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2\r\n"},
	{"quoted", CONVERT_QUOTED_PRINTABLE, "F\xc3\xb6n = x\r\n", "F=C3=B6n =3D x\r\n"},
	{"a blank at the end", CONVERT_QUOTED_PRINTABLE, "a \r\nb\t", "a=20\r\nb=09"},
	{"a CR alone", CONVERT_QUOTED_PRINTABLE, "a\rb\n", "a=0Db=0A"},
	{"a long line", CONVERT_QUOTED_PRINTABLE,
	 "01234567890123456789012345678901234567890123456789012345678901234567890123456789",
	 "012345678901234567890123456789012345678901234567890123456789012345678901234=\r\n56789"},
};

static void test_encode(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(encode_rows); i++) {
		const struct encode_row *row = &encode_rows[i];
		struct convert_buf out = {.max = 1000};
		g_autofree char *got = NULL;

		convert_encode(row->encoding, row->data, strlen(row->data), &out);
		got = g_strndup(out.data == NULL ? "" : out.data, out.len);
		if (strcmp(got, row->expected) != 0)
			g_error("%s: \"%s\"", row->name, got);
		convert_buf_free(&out);
	}
}

static void test_choose(void)
{
	g_autofree char *line = g_strnfill(998, 'a'), *longer = g_strnfill(999, 'a');

	g_assert_cmpint(convert_encoding_choose("", 0), ==, CONVERT_7BIT);
	g_assert_cmpint(convert_encoding_choose("a\r\nb\r\n", 6), ==, CONVERT_7BIT);
	g_assert_cmpint(convert_encoding_choose("\xc3\xb6", 2), ==, CONVERT_8BIT);
	g_assert_cmpint(convert_encoding_choose(line, 998), ==, CONVERT_7BIT);
	g_assert_cmpint(convert_encoding_choose(longer, 999), ==, CONVERT_QUOTED_PRINTABLE);
	g_assert_cmpint(convert_encoding_choose("a\nb", 3), ==, CONVERT_QUOTED_PRINTABLE);
	g_assert_cmpint(convert_encoding_choose("a\0b", 3), ==, CONVERT_BASE64);
}

static void test_names(void)
{
	enum convert_encoding encoding;

	for (enum convert_encoding e = CONVERT_7BIT; e <= CONVERT_BASE64; e++) {
		g_autofree char *name = g_ascii_strup(convert_encoding_name(e), -1);

		g_assert_true(convert_encoding_parse(name, &encoding));
		g_assert_cmpint(encoding, ==, e);
	}
	g_assert_false(convert_encoding_parse("x-uuencode", &encoding));
}

static void test_full(void)
{
	struct convert_buf out = {.max = 10};
	bool lost;

	g_assert_true(convert_text_recode("utf-8", "utf-8", "01234567890", 11, &out, &lost));
	g_assert_true(lost);
	g_assert_cmpuint(out.len, <=, 10);
	convert_buf_free(&out);
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/convert-text/recode", test_recode);
	g_test_add_func("/convert-text/encode", test_encode);
	g_test_add_func("/convert-text/choose", test_choose);
	g_test_add_func("/convert-text/names", test_names);
	g_test_add_func("/convert-text/full", test_full);
	return g_test_run();
}
