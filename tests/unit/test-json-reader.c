#include "json-reader.h"
#include "limits.h"

#include <glib.h>
#include <string.h>

static const struct skip_row {
	const char *name;
	const char *text;
	int len; /* -1 = strlen */
	bool ok;
} skip_rows[] = {
	{"object", "{}", -1, true},
	{"object with everything",
	 " { \"a\" : 1 , \"b\":[ ], \"c\":[1,\"x\",{\"d\":null}],\"e\":true,\"f\":false } ", -1,
	 true},
	{"string", "\"x\"", -1, true},
	{"zero", "0", -1, true},
	{"number", "-12.5e+3", -1, true},
	{"number with E", "1E3", -1, true},
	{"nothing", "", -1, false},
	{"blanks", "  \n", -1, false},
	{"object not closed", "{", -1, false},
	{"member without value", "{\"a\"}", -1, false},
	{"member without colon", "{\"a\" 1}", -1, false},
	{"name is no string", "{1:2}", -1, false},
	{"comma at the end", "{\"a\":1,}", -1, false},
	{"comma at the start", "{,\"a\":1}", -1, false},
	{"no comma", "{\"a\":1 \"b\":2}", -1, false},
	{"second object in place of a comma", "{\"a\":1{\"b\":2}", -1, false},
	{"two values", "{} {}", -1, false},
	{"array with a comma at the end", "[1,]", -1, false},
	{"array not closed", "[1", -1, false},
	{"array without commas", "[1 2]", -1, false},
	{"brackets crossed", "[{]}", -1, false},
	{"leading zero", "01", -1, false},
	{"plus", "+1", -1, false},
	{"only a sign", "-", -1, false},
	{"point at the end", "1.", -1, false},
	{"point at the start", ".5", -1, false},
	{"exponent without digits", "1e", -1, false},
	{"hexadecimal", "0x1", -1, false},
	{"not a number", "NaN", -1, false},
	{"half a word", "tru", -1, false},
	{"word in capitals", "TRUE", -1, false},
	{"string not closed", "\"x", -1, false},
	{"string ends in a backslash", "\"x\\", -1, false},
	{"raw control", "\"a\nb\"", -1, false},
	{"single quotes", "'x'", -1, false},
	{"comment", "{}//", -1, false},
	{"NUL in the text", "{}\0", 3, false},
	{"NUL in a string", "\"a\0b\"", 5, false},
	{"byte order mark", "\xef\xbb\xbf{}", -1, false},
	{"eight levels", "[[[[[[[[]]]]]]]]", -1, true},
	{"nine levels", "[[[[[[[[[]]]]]]]]]", -1, false},
	{"nine levels of objects",
	 "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}", -1, false},
};

static void test_skip(gconstpointer data)
{
	const struct skip_row *row = data;
	size_t len = row->len < 0 ? strlen(row->text) : (size_t)row->len;
	/* No NUL behind it: reading past the end is seen. */
	g_autofree char *text = g_memdup2(row->text, MAX(len, 1));
	g_autofree char *arena = g_malloc(len + 1);
	struct json_reader reader;
	bool ok;

	json_reader_init(&reader, text, len, arena);
	ok = json_reader_skip(&reader);
	g_assert_cmpint(ok && json_reader_end(&reader), ==, row->ok);
}

static const struct string_row {
	const char *json;
	const char *text; /* NULL: refused */
} string_rows[] = {
	{"\"\"", ""},
	{"\"plain\"", "plain"},
	{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
	{"\"\\u0041\\u00fc\\u20ac\"", "A\xc3\xbc\xe2\x82\xac"},
	{"\"\\u20AC\"", "\xe2\x82\xac"},
	{"\"\\ud83d\\udceb\"", "\xf0\x9f\x93\xab"},
	{"\"\xf0\x9f\x93\xab\"", "\xf0\x9f\x93\xab"},
	{"\"\\u0000\"", NULL},
	{"\"\\ud83d\"", NULL},
	{"\"\\ud83d\\u0041\"", NULL},
	{"\"\\ud83dx\"", NULL},
	{"\"\\udceb\"", NULL},
	{"\"\\u12\"", NULL},
	{"\"\\u12g4\"", NULL},
	{"\"\\x41\"", NULL},
	{"\"\\\"", NULL},
	{"\"\xff\"", NULL},
	{"\"\xc0\xaf\"", NULL},
	{"\"\xe2\x82\"", NULL},
	{"\"\xed\xa0\x80\"", NULL},
};

static void test_strings(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(string_rows); i++) {
		const struct string_row *row = &string_rows[i];
		size_t len = strlen(row->json);
		g_autofree char *json = g_memdup2(row->json, len);
		g_autofree char *arena = g_malloc(len + 1);
		struct json_reader reader;
		const char *text = NULL;

		g_autofree char *shown = g_strescape(row->json, NULL);

		g_test_message("%s", shown);
		json_reader_init(&reader, json, len, arena);
		g_assert_cmpint(json_reader_string(&reader, &text), ==, row->text != NULL);
		g_assert_cmpstr(text, ==, row->text);
		g_assert_cmpint(json_reader_end(&reader), ==, row->text != NULL);
	}
}

static void test_members(void)
{
	static const char json[] = "{\"a\":\"1\",\"b\":{\"c\":\"2\"},\"d\":\"3\"}";
	char arena[sizeof(json)];
	struct json_reader reader;
	const char *name, *text;

	json_reader_init(&reader, json, sizeof(json) - 1, arena);
	g_assert_true(json_reader_object(&reader));
	g_assert_true(json_reader_member(&reader, &name));
	g_assert_cmpstr(name, ==, "a");
	g_assert_cmpint(json_reader_peek(&reader), ==, '"');
	g_assert_true(json_reader_string(&reader, &text));
	g_assert_true(json_reader_member(&reader, &name));
	g_assert_cmpstr(name, ==, "b");
	g_assert_true(json_reader_object(&reader));
	g_assert_true(json_reader_member(&reader, &name));
	g_assert_true(json_reader_skip(&reader));
	g_assert_false(json_reader_member(&reader, &name));
	g_assert_true(json_reader_member(&reader, &name));
	g_assert_cmpstr(name, ==, "d");
	g_assert_false(json_reader_end(&reader));
	g_assert_true(json_reader_string(&reader, &text));
	g_assert_false(json_reader_member(&reader, &name));
	g_assert_true(json_reader_end(&reader));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(skip_rows); i++) {
		g_autofree char *path = g_strdup_printf("/json-reader/skip/%s", skip_rows[i].name);
		g_test_add_data_func(path, &skip_rows[i], test_skip);
	}
	g_test_add_func("/json-reader/strings", test_strings);
	g_test_add_func("/json-reader/members", test_members);
	return g_test_run();
}
