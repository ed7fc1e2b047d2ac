#include "limits.h"
#include "tabline.h"

#include <glib.h>
#include <string.h>

static const struct split_row {
	const char *name;
	const char *line;
	int len; /* -1 = strlen */
	enum tabline_result result;
	size_t count;
	const char *first; /* "key|value" or "|value" of the first and the last field */
	const char *last;
} split_rows[] = {
	{"empty line is one empty word", "", -1, TABLINE_OK, 1, "|", "|"},
	{"one word", "DONE", -1, TABLINE_OK, 1, "|DONE", "|DONE"},
	{"word and fields", "OK\t7\tuser=a", -1, TABLINE_OK, 3, "|OK", "user|a"},
	{"empty value", "x=", -1, TABLINE_OK, 1, "x|", "x|"},
	{"empty key", "=x", -1, TABLINE_OK, 1, "|x", "|x"},
	{"first equals ends the key", "a=b=c", -1, TABLINE_OK, 1, "a|b=c", "a|b=c"},
	{"empty fields count", "\t\t", -1, TABLINE_OK, 3, "|", "|"},
	{"all escapes", "k=\001t\001n\001r\0011", -1, TABLINE_OK, 1, "k|\t\n\r\001",
	 "k|\t\n\r\001"},
	{"escape in a key", "a\001tb=c", -1, TABLINE_OK, 1, "a\tb|c", "a\tb|c"},
	{"escaped NUL", "k=\0010", -1, TABLINE_NUL, 0, NULL, NULL},
	{"raw NUL", "k=a\0b", 5, TABLINE_NUL, 0, NULL, NULL},
	{"unknown escape", "k=\001x", -1, TABLINE_BAD_ESCAPE, 0, NULL, NULL},
	{"escape at the end", "k=\001", -1, TABLINE_BAD_ESCAPE, 0, NULL, NULL},
	{"escape before a TAB", "k=\001\tb", -1, TABLINE_BAD_ESCAPE, 0, NULL, NULL},
	{"eight fields fit", "1\t2\t3\t4\t5\t6\t7\t8", -1, TABLINE_OK, 8, "|1", "|8"},
	{"nine do not", "1\t2\t3\t4\t5\t6\t7\t8\t9", -1, TABLINE_TOO_MANY_FIELDS, 0, NULL, NULL},
};

static char *show(const struct tabline_field *field)
{
	return g_strdup_printf("%s|%s", field->key != NULL ? field->key : "", field->value);
}

static void test_split(gconstpointer data)
{
	const struct split_row *row = data;
	size_t len = row->len < 0 ? strlen(row->line) : (size_t)row->len;
	g_autofree char *line = g_malloc(len + 1);
	struct tabline_field fields[8];
	size_t count = 99;

	memcpy(line, row->line, len);
	line[len] = '\0';
	g_assert_cmpint(tabline_split(line, len, fields, 8, &count), ==, row->result);
	if (row->result != TABLINE_OK) {
		g_assert_cmpuint(count, ==, 99);
		return;
	}
	g_assert_cmpuint(count, ==, row->count);
	g_autofree char *first = show(&fields[0]);
	g_autofree char *last = show(&fields[count - 1]);
	g_assert_cmpstr(first, ==, row->first);
	g_assert_cmpstr(last, ==, row->last);
}

static void test_write(void)
{
	struct tabline_buf buf;

	tabline_buf_init(&buf, 4096);
	tabline_word(&buf, "OK");
	tabline_field_u64(&buf, "id", UINT64_MAX);
	tabline_field(&buf, "absent", NULL);
	tabline_field_n(&buf, "raw", "\0\001\t\r\n", 5);
	g_assert_true(tabline_end(&buf));
	g_assert_cmpmem(buf.data, buf.len,
			"OK\tid=18446744073709551615\traw=\0010\0011\001t\001r\001n\n", 42);
	tabline_buf_free(&buf);
}

/* A line that does not fit goes as a whole; what was there stays; the next one fits. */
static void test_ceiling(void)
{
	struct tabline_buf buf;
	g_autofree char *big = g_strnfill(60, 'x');

	tabline_buf_init(&buf, 64);
	tabline_word(&buf, "one");
	g_assert_true(tabline_end(&buf));
	tabline_word(&buf, "two");
	tabline_field(&buf, "big", big);
	g_assert_true(buf.failed);
	g_assert_false(tabline_end(&buf));
	g_assert_cmpmem(buf.data, buf.len, "one\n", 4);
	tabline_word(&buf, "three");
	g_assert_true(tabline_end(&buf));
	g_assert_cmpmem(buf.data, buf.len, "one\nthree\n", 10);
	tabline_buf_free(&buf);
}

static void test_line_limit(void)
{
	struct tabline_buf buf;
	g_autofree char *fits = g_strnfill(LIMIT_LINE - 1, 'x');
	g_autofree char *over = g_strnfill(LIMIT_LINE, 'x');

	tabline_buf_init(&buf, 4 * LIMIT_LINE);
	tabline_word(&buf, fits);
	g_assert_true(tabline_end(&buf));
	tabline_word(&buf, over);
	g_assert_false(tabline_end(&buf));
	g_assert_cmpuint(buf.len, ==, LIMIT_LINE);
	tabline_buf_free(&buf);
}

static const struct number_row {
	const char *text;
	bool ok64;
	uint64_t value;
	bool ok32;
} number_rows[] = {
	{"0", true, 0, true},
	{"007", true, 7, true},
	{"4294967295", true, UINT32_MAX, true},
	{"4294967296", true, 4294967296u, false},
	{"18446744073709551615", true, UINT64_MAX, false},
	{"18446744073709551616", false, 0, false},
	{"99999999999999999999", false, 0, false},
	{"", false, 0, false},
	{"-1", false, 0, false},
	{"+1", false, 0, false},
	{" 1", false, 0, false},
	{"1 ", false, 0, false},
	{"0x1", false, 0, false},
	{NULL, false, 0, false},
};

static void test_numbers(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(number_rows); i++) {
		const struct number_row *row = &number_rows[i];
		uint64_t value = 12345;
		uint32_t small = 12345;

		g_test_message("number '%s'", row->text);
		g_assert_cmpint(tabline_parse_u64(row->text, &value), ==, row->ok64);
		g_assert_cmpuint(value, ==, row->ok64 ? row->value : 12345);
		g_assert_cmpint(tabline_parse_u32(row->text, &small), ==, row->ok32);
		g_assert_cmpuint(small, ==, row->ok32 ? row->value : 12345);
	}
}

static void test_get(void)
{
	char line[] = "V\ta=1\tb=2\ta=3";
	struct tabline_field fields[8];
	size_t count;

	g_assert_cmpint(tabline_split(line, strlen(line), fields, 8, &count), ==, TABLINE_OK);
	g_assert_cmpstr(tabline_get(fields, count, "a"), ==, "1");
	g_assert_cmpstr(tabline_get(fields, count, "b"), ==, "2");
	g_assert_null(tabline_get(fields, count, "V"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(split_rows); i++) {
		g_autofree char *path = g_strdup_printf("/tabline/split/%s", split_rows[i].name);
		g_test_add_data_func(path, &split_rows[i], test_split);
	}
	g_test_add_func("/tabline/write", test_write);
	g_test_add_func("/tabline/ceiling", test_ceiling);
	g_test_add_func("/tabline/line-limit", test_line_limit);
	g_test_add_func("/tabline/numbers", test_numbers);
	g_test_add_func("/tabline/get", test_get);
	return g_test_run();
}
