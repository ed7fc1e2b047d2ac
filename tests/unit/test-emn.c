/* EMN, octet by octet, and read again by libwbxml where there is one. */
#include "emn.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LIBWBXML
#include <wbxml/wbxml.h>
#endif

#define HEAD "030d6a00"
#define STAMP G_GINT64_CONSTANT(1077259200) /* 2004-02-20T06:40:00Z */

/* Written by hand from the tables of OMA's EMN 1.0: emn with attributes 85, mailbox="mailat:
 * 07, timestamp 05, string 03 ... 00, .com 85, octets C3. */
static const struct row {
	const char *name, *account;
	gint64 timestamp;
	const char *hex, *xml_account, *xml_time;
} rows[] = {
	{"the draft's example", "joe@foo.com", STAMP,
	 HEAD "8507036a6f6540666f6f00"
	      "8505c306200402200640"
	      "01",
	 "mailat:joe@foo.com", "2004-02-20T06:40:00Z"},
	{"seconds", "a@b.org", STAMP + 59,
	 HEAD "85070361406200"
	      "8805c30720040220064059"
	      "01",
	 "mailat:a@b.org", "2004-02-20T06:40:59Z"},
	{"no suffix that has a token", "joe@x.com.au", STAMP,
	 HEAD "8507036a6f6540782e636f6d2e617500"
	      "05c306200402200640"
	      "01",
	 "mailat:joe@x.com.au", "2004-02-20T06:40:00Z"},
	{"midnight", "j@b.net", G_GINT64_CONSTANT(1077235200),
	 HEAD "8507036a406200"
	      "8705c30420040220"
	      "01",
	 "mailat:j@b.net", "2004-02-20T00:00:00Z"},
	{"no time", "j", 0,
	 HEAD "8507036a00"
	      "01",
	 "mailat:j", NULL},
};

static char *hex_of(const unsigned char *data, size_t len)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < len; i++)
		g_string_append_printf(out, "%02x", data[i]);
	return g_string_free(out, FALSE);
}

#ifdef HAVE_LIBWBXML
static void read_again(const struct row *row, uint8_t *document, size_t size)
{
	WBXMLConvWBXML2XML *converter = NULL;
	WB_UTINY *xml = NULL;
	WB_ULONG len = 0;

	g_assert_cmpint(wbxml_conv_wbxml2xml_create(&converter), ==, WBXML_OK);
	g_assert_cmpint(wbxml_conv_wbxml2xml_run(converter, document, (WB_ULONG)size, &xml, &len),
			==, WBXML_OK);
	g_assert_nonnull(strstr((char *)xml, row->xml_account));
	if (row->xml_time != NULL)
		g_assert_nonnull(strstr((char *)xml, row->xml_time));
	else
		g_assert_null(strstr((char *)xml, "timestamp"));
	free(xml);
	wbxml_conv_wbxml2xml_destroy(converter);
}
#endif

static void test_row(gconstpointer data)
{
	const struct row *row = data;
	size_t len;
	uint8_t *document = emn_encode(row->account, row->timestamp, &len);
	g_autofree char *hex = hex_of(document, len);

	g_assert_cmpstr(hex, ==, row->hex);
#ifdef HAVE_LIBWBXML
	read_again(row, document, len);
#endif
	free(document);
}

/* The draft's own words, and what must not end an attribute. */
static void test_text(void)
{
	static const struct {
		const char *account;
		gint64 timestamp;
		const char *text;
	} texts[] = {
		{"joe@foo.com", STAMP,
		 "<emn mailbox=\"mailat:joe@foo.com\" timestamp=\"2004-02-20T06:40:00Z\"></emn>"},
		{"j", 0, "<emn mailbox=\"mailat:j\"></emn>"},
		{"a\"><b&", STAMP + 59,
		 "<emn mailbox=\"mailat:a&quot;&gt;&lt;b&amp;\" "
		 "timestamp=\"2004-02-20T06:40:59Z\"></emn>"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		char *text = emn_text(texts[i].account, texts[i].timestamp);

		g_assert_cmpstr(text, ==, texts[i].text);
		free(text);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strdup_printf("/emn/%s", rows[i].name);

		g_test_add_data_func(path, &rows[i], test_row);
	}
	g_test_add_func("/emn/text", test_text);
	return g_test_run();
}
