#include "base64url.h"

#include <string.h>

static const struct row {
	const char *name;
	const char *text;
	const char *data; /* NULL = refused */
	gsize len;
	gboolean canonical; /* is what the encoder makes of it */
} rows[] = {
	{"empty", "", "", 0, TRUE},
	{"one octet", "Zg", "f", 1, TRUE},
	{"two octets", "Zm8", "fo", 2, TRUE},
	{"three octets", "Zm9v", "foo", 3, TRUE},
	{"six octets", "Zm9vYmFy", "foobar", 6, TRUE},
	{"62 and 63 are - and _", "-_-_", "\xfb\xff\xbf", 3, TRUE},
	{"NUL octets", "AAAA", "\0\0\0", 3, TRUE},
	{"padding, two", "Zg==", "f", 1, FALSE},
	{"padding, one", "Zm8=", "fo", 2, FALSE},
	{"padding that is not needed", "Zm9v=", "foo", 3, FALSE},
	{"padding alone", "==", "", 0, FALSE},
	{"three of padding", "Zg===", NULL, 0, FALSE},
	{"padding inside", "Zg==Zg", NULL, 0, FALSE},
	{"one character", "Z", NULL, 0, FALSE},
	{"five characters", "Zm9vY", NULL, 0, FALSE},
	{"left-over bits of one octet", "Zh", NULL, 0, FALSE},
	{"left-over bits of two octets", "Zm9", NULL, 0, FALSE},
	{"plus of plain base64", "+_-_", NULL, 0, FALSE},
	{"slash of plain base64", "-/-_", NULL, 0, FALSE},
	{"blank", "Zm 9v", NULL, 0, FALSE},
	{"line feed at the end", "Zm9v\n", NULL, 0, FALSE},
	{"octet over 127", "Zm9\xc3", NULL, 0, FALSE},
};

static void test_row(gconstpointer data)
{
	const struct row *row = data;
	gsize len = 4711;
	g_autofree guint8 *decoded = base64url_decode(row->text, &len);
	g_autofree char *encoded = NULL;

	if (row->data == NULL) {
		g_assert_null(decoded);
		g_assert_cmpuint(len, ==, 4711);
		return;
	}
	g_assert_nonnull(decoded);
	g_assert_cmpmem(decoded, len, row->data, row->len);
	encoded = base64url_encode(row->data, row->len);
	if (row->canonical)
		g_assert_cmpstr(encoded, ==, row->text);
}

static void test_all_lengths(void)
{
	guint8 data[256];

	for (guint i = 0; i < sizeof(data); i++)
		data[i] = (guint8)(255 - i);
	for (gsize n = 0; n <= sizeof(data); n++) {
		g_autofree char *text = base64url_encode(data, n);
		gsize len = 0;
		g_autofree guint8 *back = base64url_decode(text, &len);

		g_assert_null(strpbrk(text, "+/="));
		g_assert_nonnull(back);
		g_assert_cmpmem(back, len, data, n);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strdup_printf("/base64url/%s", rows[i].name);

		g_test_add_data_func(path, &rows[i], test_row);
	}
	g_test_add_func("/base64url/all lengths", test_all_lengths);
	return g_test_run();
}
