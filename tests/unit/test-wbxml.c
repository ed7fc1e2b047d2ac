#include "limits.h"
#include "wbxml.h"

#include <glib.h>
#include <string.h>

/* What a document says, as text: "(page:tag", "'text'", "[octets]", ")". */
static bool on_start(const struct wbxml_header *header, void *data)
{
	g_autofree char *text = header->public_text == NULL
					? NULL
					: g_strndup(header->public_text, header->public_text_len);

	g_string_append_printf(data, "%u %x%s%s cs%u ", header->version, header->public_id,
			       text == NULL ? "" : "=", text == NULL ? "" : text, header->charset);
	return true;
}

static bool on_open(unsigned int page, unsigned int tag, void *data)
{
	g_string_append_printf(data, "(%u:%02x", page, tag);
	return true;
}

static bool on_literal(const char *name, size_t len, void *data)
{
	g_string_append_printf(data, "(%.*s", (int)len, name);
	return true;
}

static bool on_text(const char *text, size_t len, bool in_charset, void *data)
{
	g_string_append(data, in_charset ? "'" : "[");
	g_string_append_len(data, text, (gssize)len);
	g_string_append(data, in_charset ? "'" : "]");
	return true;
}

static bool on_close(void *data)
{
	g_string_append(data, ")");
	return true;
}

static const struct wbxml_handler handler = {
	.start = on_start,
	.open = on_open,
	.open_literal = on_literal,
	.text = on_text,
	.close = on_close,
};

static GBytes *from_hex(const char *hex)
{
	GByteArray *octets = g_byte_array_new();

	for (; *hex != '\0'; hex++) {
		guint8 octet;

		if (*hex == ' ')
			continue;
		octet = (guint8)(g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1]));
		g_byte_array_append(octets, &octet, 1);
		hex++;
	}
	return g_byte_array_free_to_bytes(octets);
}

static void test_read(void)
{
	static const struct {
		const char *name, *hex;
		enum wbxml_result result;
		const char *says; /* NULL: not looked at */
	} rows[] = {
		{"empty element", "02 a401 6a 00 2d", WBXML_OK, "2 1201 cs106 (0:2d)"},
		{"inline string", "02 a401 6a 00 6d 03 616200 01", WBXML_OK,
		 "2 1201 cs106 (0:2d'ab')"},
		{"opaque with NUL is whole", "02 a401 6a 00 6d c3 02 6100 01", WBXML_OK, NULL},
		{"page switch lasts across END", "02 a401 6a 00 6d 00 01 45 01 05 01", WBXML_OK,
		 "2 1201 cs106 (0:2d(1:05)(1:05))"},
		{"entity of four octets", "02 a401 6a 00 6d 02 87 be 00 01", WBXML_OK,
		 "2 1201 cs106 (0:2d[\xf0\x9d\xbc\x80])"},
		{"entity of two octets", "02 a401 6a 00 6d 02 81 69 01", WBXML_OK,
		 "2 1201 cs106 (0:2d[\xc3\xa9])"},
		{"string table reference", "02 01 6a 03 616200 6d 83 00 01", WBXML_OK,
		 "2 1 cs106 (0:2d'ab')"},
		{"reference to the last without NUL", "02 01 6a 02 6162 6d 83 01 01", WBXML_OK,
		 "2 1 cs106 (0:2d'b')"},
		{"public id by text without NUL", "02 00 00 6a 02 2d2f 6d 01", WBXML_OK,
		 "2 0=-/ cs106 (0:2d)"},
		{"public id by text with NUL", "02 00 00 6a 03 2d2f00 6d 01", WBXML_OK,
		 "2 0=-/ cs106 (0:2d)"},
		{"literal element", "02 01 6a 03 616200 44 00 01", WBXML_OK, "2 1 cs106 (ab)"},
		{"attributes are read over", "02 01 6a 00 ed 05 03 7800 01 01", WBXML_OK,
		 "2 1 cs106 (0:2d)"},
		{"literal attribute without a table", "02 01 6a 00 ed 04 00 03 7800 01 01",
		 WBXML_OK, "2 1 cs106 (0:2d)"},
		{"processing instruction", "02 01 6a 00 43 05 01 2d", WBXML_OK, "2 1 cs106 (0:2d)"},
		{"padding after the root", "02 a401 6a 00 2d 00 20", WBXML_OK,
		 "2 1201 cs106 (0:2d)"},
		{"latin1", "01 a401 04 00 2d", WBXML_OK, "1 1201 cs4 (0:2d)"},
		{"nothing", "", WBXML_TRUNCATED, NULL},
		{"header alone", "02 a401 6a 00", WBXML_TRUNCATED, NULL},
		{"XML", "3c 3f 78 6d 6c", WBXML_BAD_HEADER, NULL},
		{"version 0", "00 a401 6a 00 2d", WBXML_BAD_HEADER, NULL},
		{"version 4", "04 a401 6a 00 2d", WBXML_BAD_HEADER, NULL},
		{"public id outside the table", "02 00 05 6a 02 2d2f 6d 01", WBXML_BAD_HEADER,
		 NULL},
		{"string table longer than the document", "02 a401 6a 7f 2d", WBXML_TRUNCATED,
		 NULL},
		{"string table of 4 GB", "02 a401 6a 8f ff ff ff 7f 2d", WBXML_TRUNCATED, NULL},
		{"number of six octets", "02 81 80 80 80 80 00 6a 00 2d", WBXML_BAD_NUMBER, NULL},
		{"number of 33 bits", "02 9f ff ff ff 7f 6a 00 2d", WBXML_BAD_NUMBER, NULL},
		{"number of 32 bits", "02 8f ff ff ff 7f 6a 00 2d", WBXML_OK,
		 "2 ffffffff cs106 (0:2d)"},
		{"open at the end", "02 a401 6a 00 6d", WBXML_TRUNCATED, NULL},
		{"string without its NUL", "02 a401 6a 00 6d 03 6162", WBXML_TRUNCATED, NULL},
		{"opaque of 4 GB", "02 a401 6a 00 6d c3 8f ff ff ff 7f 61", WBXML_TRUNCATED, NULL},
		{"opaque one too long", "02 a401 6a 00 6d c3 02 61", WBXML_TRUNCATED, NULL},
		{"reference outside the table", "02 01 6a 03 616200 6d 83 03 01",
		 WBXML_BAD_REFERENCE, NULL},
		{"literal without a table", "02 01 6a 00 44 00 01", WBXML_BAD_REFERENCE, NULL},
		{"surrogate entity", "02 a401 6a 00 6d 02 83 b0 00 01", WBXML_BAD_CHARACTER, NULL},
		{"entity beyond Unicode", "02 a401 6a 00 6d 02 c4 80 00 01", WBXML_BAD_CHARACTER,
		 NULL},
		{"entity 0", "02 a401 6a 00 6d 02 00 01", WBXML_BAD_CHARACTER, NULL},
		{"EXT_I_0", "02 a401 6a 00 6d 40 6100 01", WBXML_BAD_TOKEN, NULL},
		{"EXT_T_2", "02 a401 6a 00 6d 82 00 01", WBXML_BAD_TOKEN, NULL},
		{"EXT_1", "02 a401 6a 00 6d c1 01", WBXML_BAD_TOKEN, NULL},
		{"END first", "02 a401 6a 00 01", WBXML_BAD_TOKEN, NULL},
		{"text before the root", "02 a401 6a 00 03 6100 2d", WBXML_BAD_TOKEN, NULL},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) bytes = from_hex(rows[i].hex);
		g_autoptr(GString) says = g_string_new(NULL);
		gsize len;
		const void *document = g_bytes_get_data(bytes, &len);
		size_t offset = 0;

		g_test_message("%s", rows[i].name);
		g_assert_cmpint(wbxml_read(document, len, &handler, says, &offset), ==,
				rows[i].result);
		g_assert_cmpuint(offset, <=, len);
		if (rows[i].says != NULL)
			g_assert_cmpstr(says->str, ==, rows[i].says);
	}
}

/* A document of so many elements, one in the other or beside each other. */
static enum wbxml_result read_many(guint count, gboolean nested)
{
	static const guint8 header[] = {0x02, 0x01, 0x6A, 0x00, 0x6D};
	g_autoptr(GByteArray) document = g_byte_array_new();
	g_autoptr(GString) says = g_string_new(NULL);

	g_byte_array_append(document, header, sizeof(header));
	for (guint i = 1; i < count; i++)
		g_byte_array_append(document, (const guint8 *)(nested ? "\x45" : "\x05"), 1);
	for (guint i = 0; i < (nested ? count : 1); i++)
		g_byte_array_append(document, (const guint8 *)"\x01", 1);
	return wbxml_read(document->data, document->len, &handler, says, NULL);
}

static void test_ceilings(void)
{
	g_assert_cmpint(read_many(LIMIT_MARKUP_DEPTH, TRUE), ==, WBXML_OK);
	g_assert_cmpint(read_many(LIMIT_MARKUP_DEPTH + 1, TRUE), ==, WBXML_TOO_DEEP);
	g_assert_cmpint(read_many(LIMIT_MARKUP_ELEMENTS, FALSE), ==, WBXML_OK);
	g_assert_cmpint(read_many(LIMIT_MARKUP_ELEMENTS + 1, FALSE), ==, WBXML_TOO_MANY);
}

/* Two octets are as long as the string that they refer to. */
static void test_referred(void)
{
	static const guint8 header[] = {0x02, 0x01, 0x6A, 0x88, 0x00}; /* a table of 1,024 */
	g_autoptr(GByteArray) document = g_byte_array_new();
	g_autoptr(GString) says = g_string_new(NULL);
	guint most = LIMIT_MARKUP_REFERRED / 1024;
	guint8 text[1024];

	memset(text, 'a', sizeof(text));
	g_byte_array_append(document, header, sizeof(header));
	g_byte_array_append(document, text, sizeof(text));
	g_byte_array_append(document, (const guint8 *)"\x6D", 1);
	for (guint i = 0; i < most; i++)
		g_byte_array_append(document, (const guint8 *)"\x83\x00", 2);
	g_byte_array_append(document, (const guint8 *)"\x01", 1);
	g_assert_cmpint(wbxml_read(document->data, document->len, &handler, says, NULL), ==,
			WBXML_OK);
	g_byte_array_set_size(document, document->len - 1);
	g_byte_array_append(document, (const guint8 *)"\x83\x00\x01", 3);
	g_assert_cmpint(wbxml_read(document->data, document->len, &handler, says, NULL), ==,
			WBXML_TOO_LONG);
}

/* Whatever is cut off, nothing after the end is read (the sanitizers would see it). */
static void test_truncated(void)
{
	g_autoptr(GBytes) bytes = from_hex("02 00 00 6a 05 2d2f006162 6d 00 01 45 03 616200 01 "
					   "c3 02 6100 02 81 69 83 03 ed 05 01 01 01");
	gsize len;
	const guint8 *document = g_bytes_get_data(bytes, &len);

	for (gsize cut = 0; cut < len; cut++) {
		g_autofree guint8 *copy = g_memdup2(document, MAX(cut, 1));
		g_autoptr(GString) says = g_string_new(NULL);

		g_assert_cmpint(wbxml_read(copy, cut, &handler, says, NULL), !=, WBXML_OK);
	}
}

/* Pages switch when needed; what was taken back leaves no trace. */
static void test_write(void)
{
	static const char expected[] = "02a4016a00 6d6c7103312e32000101 0001450378790001"
				       "0000 05 c3026100 01";
	struct wbxml_writer writer;
	struct wbxml_mark mark;
	g_autoptr(GString) hex = g_string_new(NULL);
	g_auto(GStrv) words = g_strsplit(expected, " ", -1);
	g_autofree char *without_blanks = g_strjoinv("", words);

	wbxml_writer_init(&writer, 0x1201);
	wbxml_write_open(&writer, 0, 0x2D, true);
	wbxml_write_open(&writer, 0, 0x2C, true);
	wbxml_write_open(&writer, 0, 0x31, true);
	wbxml_write_string(&writer, "1.2");
	wbxml_write_close(&writer);
	wbxml_write_close(&writer);
	mark = wbxml_writer_mark(&writer);
	wbxml_write_open(&writer, 1, 0x13, true);
	wbxml_write_string(&writer, "taken back, and the page with it");
	wbxml_writer_rewind(&writer, mark);
	wbxml_write_open(&writer, 1, 0x05, true);
	wbxml_write_string(&writer, "xy");
	wbxml_write_close(&writer);
	wbxml_write_open(&writer, 0, 0x05, false);
	wbxml_write_opaque(&writer, "a", 2);
	wbxml_write_close(&writer);
	g_assert_false(writer.failed);
	for (size_t i = 0; i < writer.len; i++)
		g_string_append_printf(hex, "%02x", writer.data[i]);
	g_assert_cmpstr(hex->str, ==, without_blanks);
	wbxml_writer_free(&writer);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/wbxml/read", test_read);
	g_test_add_func("/wbxml/ceilings", test_ceilings);
	g_test_add_func("/wbxml/referred", test_referred);
	g_test_add_func("/wbxml/truncated", test_truncated);
	g_test_add_func("/wbxml/write", test_write);
	return g_test_run();
}
