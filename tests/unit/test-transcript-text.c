#include "transcript-text.h"

#include <string.h>

#define KEY "0123456789abcdef0123456789ABCDEF"

static const char *after_dump(const char *text)
{
	const char *at = strstr(text, "\n<SyncML>");

	g_assert_nonnull(at);
	return at + 1;
}

static void test_xml(void)
{
	static const struct {
		const char *name, *body;
		const char *shown; /* what comes after the octets */
	} rows[] = {
		{"elements",
		 "<SyncML><SyncHdr><MsgID>1</MsgID></SyncHdr><SyncBody><Final/></SyncBody></"
		 "SyncML>",
		 "<SyncML>\n  <SyncHdr>\n    <MsgID>1</MsgID>\n  </SyncHdr>\n  <SyncBody>\n"
		 "    <Final></Final>\n  </SyncBody>\n</SyncML>\n"},
		{"white space between them", "<SyncML>\n  <SyncHdr>\r\n</SyncHdr>\n</SyncML>\n",
		 "<SyncML>\n  <SyncHdr></SyncHdr>\n</SyncML>\n"},
		{"a card", "<SyncML><Data>BEGIN:VCARD\r\nFN:A &amp; B\r\n</Data></SyncML>",
		 "<SyncML>\n  <Data>\nBEGIN:VCARD\nFN:A &amp; B\n\n  </Data>\n</SyncML>\n"},
		{"what a terminal would obey",
		 "<SyncML><Data>a\xc2\x9b"
		 "2J\xe2\x80\xae</Data></SyncML>",
		 "<SyncML>\n  <Data>a&#x9b;2J&#x202e;</Data>\n</SyncML>\n"},
		{"credentials",
		 "<SyncML><Cred><Meta><Type>syncml:auth-basic</Type></Meta><Data>YTpzZWNyZXQ=</"
		 "Data>"
		 "</Cred><Data>kept</Data></SyncML>",
		 "<SyncML>\n  <Cred>\n    <Meta>\n      <Type>syncml:auth-basic</Type>\n"
		 "    </Meta>\n    <Data>(blanked)</Data>\n  </Cred>\n  <Data>kept</Data>\n"
		 "</SyncML>\n"},
		{"a session's key",
		 "<SyncML><RespURI>https://x/sync?s=" KEY ".pat</RespURI></SyncML>",
		 "<SyncML>\n  <RespURI>https://x/sync?s=********************************.pat"
		 "</RespURI>\n</SyncML>\n"},
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GString) text = g_string_new(NULL);

		g_test_message("%s", rows[i].name);
		transcript_text_add(text, "title", rows[i].body, strlen(rows[i].body));
		g_assert_true(g_str_has_prefix(text->str, "\n=== title\n000000  "));
		g_assert_cmpstr(after_dump(text->str), ==, rows[i].shown);
	}
}

/* The dump's right column, put together. */
static char *dumped(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	GString *octets = g_string_new(NULL);

	for (char **line = lines; *line != NULL; line++) {
		if (strlen(*line) > 57 && g_ascii_isxdigit((*line)[0]) && (*line)[6] == ' ')
			g_string_append(octets, *line + 57);
	}
	return g_string_free(octets, FALSE);
}

static void test_octets(void)
{
	static const struct {
		const char *name, *body;
		const char *octets; /* NULL: withheld */
	} rows[] = {
		{"as they are", "<SyncML><Data>abc\x7f</Data></SyncML>",
		 "<SyncML><Data>abc.</Data></SyncML>"},
		{"credentials, wherever they are again",
		 "<SyncML><Cred><Data>YTpzZQ==</Data></Cred><Data>xYTpzZQ==</Data></SyncML>",
		 "<SyncML><Cred><Data>********</Data></Cred><Data>x********</Data></SyncML>"},
		{"a key", "<SyncML><RespURI>s=" KEY ".pat</RespURI></SyncML>",
		 "<SyncML><RespURI>s=********************************.pat</RespURI></SyncML>"},
		{"no key", "<SyncML><RespURI>s=0123.pat</RespURI></SyncML>",
		 "<SyncML><RespURI>s=0123.pat</RespURI></SyncML>"},
		{"credentials that are written otherwise",
		 "<SyncML><Cred><Data>YTpz&#90;Q==</Data></Cred></SyncML>", NULL},
		{"credentials with something in them",
		 "<SyncML><Cred><Data>YTpz<Meta/>ZQ==</Data></Cred></SyncML>",
		 "<SyncML><Cred><Data>****<Meta/>****</Data></Cred></SyncML>"},
		{"not read to the end", "<SyncML><Cred><Data>YTpzZQ==", NULL},
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GString) text = g_string_new(NULL);
		g_autofree char *octets = NULL;

		g_test_message("%s", rows[i].name);
		transcript_text_add(text, "title", rows[i].body, strlen(rows[i].body));
		octets = dumped(text->str);
		g_assert_cmpstr(octets, ==, rows[i].octets == NULL ? "" : rows[i].octets);
		g_assert_cmpint(strstr(text->str, "(withheld: ") != NULL, ==,
				rows[i].octets == NULL);
		g_assert_null(strstr(text->str, "YTpz"));
		g_assert_null(strstr(text->str, "ZQ=="));
	}
}

/* The same document in WBXML, with device information inside it. */
static void test_wbxml(void)
{
	const struct markup_style style = {.encoding = SML_WBXML};
	const struct markup_style inner = {.encoding = SML_WBXML, .language = SML_LANGUAGE_DEVINF};
	g_autoptr(markup_writer_t) writer = markup_writer_new(&style);
	g_autoptr(markup_writer_t) devinf_writer = markup_writer_new(&inner);
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GBytes) devinf = NULL, body = NULL;

	markup_open(devinf_writer, DEV_DEVINF);
	markup_leaf(devinf_writer, DEV_MAN, "Example");
	markup_close(devinf_writer);
	devinf = markup_writer_finish(devinf_writer);
	markup_open(writer, SML_SYNCML);
	markup_open(writer, SML_CRED);
	markup_leaf(writer, SML_DATA, "YTpzZQ==");
	markup_close(writer);
	markup_open(writer, SML_DATA);
	markup_data(writer, g_bytes_get_data(devinf, NULL), g_bytes_get_size(devinf));
	markup_close(writer);
	markup_close(writer);
	body = markup_writer_finish(writer);

	transcript_text_add(text, "a\033[2J s=" KEY ".pat", g_bytes_get_data(body, NULL),
			    g_bytes_get_size(body));
	g_assert_true(g_str_has_prefix(
		text->str, "\n=== a&#x1b;[2J s=********************************.pat\n000000  "));
	g_assert_cmpstr(after_dump(text->str), ==,
			"<SyncML>\n  <Cred>\n    <Data>(blanked)</Data>\n  </Cred>\n  <Data>\n"
			"    <DevInf>\n      <Man>Example</Man>\n    </DevInf>\n  </Data>\n"
			"</SyncML>\n");
	g_assert_null(strstr(text->str, "YTpz"));
}

/* Credentials of one octet, which is part of a character elsewhere. */
static void test_half_a_character(void)
{
	const struct markup_style style = {.encoding = SML_WBXML};
	g_autoptr(markup_writer_t) writer = markup_writer_new(&style);
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GBytes) body = NULL;

	markup_open(writer, SML_SYNCML);
	markup_open(writer, SML_CRED);
	markup_open(writer, SML_DATA);
	markup_data(writer, "\x83", 1);
	markup_close(writer);
	markup_close(writer);
	markup_leaf(writer, SML_DATA, "\xc4\x83");
	markup_close(writer);
	body = markup_writer_finish(writer);
	transcript_text_add(text, "title", g_bytes_get_data(body, NULL), g_bytes_get_size(body));
	g_assert_true(g_utf8_validate(text->str, (gssize)text->len, NULL));
	g_assert_nonnull(strstr(after_dump(text->str), "<Data>\xc4\x83</Data>"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/transcript-text/xml", test_xml);
	g_test_add_func("/transcript-text/octets", test_octets);
	g_test_add_func("/transcript-text/wbxml", test_wbxml);
	g_test_add_func("/transcript-text/half-a-character", test_half_a_character);
	return g_test_run();
}
