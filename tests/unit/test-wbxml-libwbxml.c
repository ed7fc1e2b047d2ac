/*
 * Our WBXML beside that of libwbxml, which is not ours and which phones' makers tested with: the
 * same documents go both ways, and have to say the same.
 *
 *	made    --octets as phones may write them--> ours, theirs
 *	made    --our writer, WBXML--> theirs (XML) --> ours
 *	made    --our writer, XML--> theirs (WBXML) --> ours
 *
 * What is compared is canonical: names with their namespaces, and text. What was made is the third
 * party, so that it is known which of the two is wrong. Where theirs is, differ[] says so.
 *
 * FANTAIL_WBXML_DOCUMENTS: how many; FANTAIL_WBXML_SEED: from which on.
 */
#include <stdlib.h>
#include <string.h>

#include <gio/gio.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <wbxml/wbxml.h>

#include "sml-documents.h"

#define DOCUMENTS 10000

/* --- canonical -------------------------------------------------------------------------------- */

static const char *name_in(enum sml_element element, enum sml_version version)
{
	if (element == DEV_SIZE && version == SML_1_2)
		return "MaxSize";
	return sml_element_name(element);
}

static const char *namespace_of(enum sml_element element, enum sml_version version)
{
	static const char *const messages[] = {"SYNCML:SYNCML1.0", "SYNCML:SYNCML1.1",
					       "SYNCML:SYNCML1.2"};

	if (SML_ELEMENT_LANGUAGE(element) == SML_LANGUAGE_DEVINF)
		return "syncml:devinf";
	return SML_ELEMENT_PAGE(element) == 0 ? messages[version] : "syncml:metinf";
}

static void open_in(GString *out, enum sml_element element, enum sml_version version)
{
	g_string_append_printf(out, "<%s|%s>", namespace_of(element, version),
			       name_in(element, version));
}

static void say_node(GString *out, const struct node *node, enum sml_version version)
{
	open_in(out, node->element, version);
	if (node->text != NULL)
		g_string_append(out, node->text);
	for (guint i = 0; i < node->children->len; i++)
		say_node(out, node->children->pdata[i], version);
	g_string_append(out, "</>");
}

static char *canonical_node(const struct node *node, enum sml_version version)
{
	GString *out = g_string_new(NULL);

	say_node(out, node, version);
	return g_string_free(out, FALSE);
}

/* What our reader hears. A nested document is text to it, and is read like the one around. */
struct listener {
	GString *out, *text;
	enum sml_version version;
};

static char *canonical_ours(enum sml_encoding encoding, enum sml_language language,
			    enum sml_version version, const void *document, gsize len);

static void flush_text(struct listener *listener)
{
	gboolean nested = listener->text->len > 0 && (guint8)listener->text->str[0] <= 0x03;
	g_autofree char *inner = NULL;

	if (nested)
		inner = canonical_ours(SML_WBXML, SML_LANGUAGE_DEVINF, listener->version,
				       listener->text->str, listener->text->len);
	if (inner != NULL)
		g_string_append(listener->out, inner);
	else
		g_string_append_len(listener->out, listener->text->str,
				    (gssize)listener->text->len);
	g_string_truncate(listener->text, 0);
}

static gboolean hear_open(enum sml_element element, gpointer data, GError **error)
{
	struct listener *listener = data;

	(void)error;
	flush_text(listener);
	open_in(listener->out, element, listener->version);
	return TRUE;
}

static gboolean hear_text(const char *text, gsize len, gpointer data, GError **error)
{
	struct listener *listener = data;

	(void)error;
	g_string_append_len(listener->text, text, (gssize)len);
	return TRUE;
}

static gboolean hear_close(enum sml_element element, gpointer data, GError **error)
{
	struct listener *listener = data;

	(void)element;
	(void)error;
	flush_text(listener);
	g_string_append(listener->out, "</>");
	return TRUE;
}

static char *canonical_ours(enum sml_encoding encoding, enum sml_language language,
			    enum sml_version version, const void *document, gsize len)
{
	static const struct markup_handler handler = {hear_open, hear_text, hear_close};
	g_autoptr(GString) text = g_string_new(NULL);
	GString *out = g_string_new(NULL);
	struct listener listener = {.out = out, .text = text, .version = version};
	g_autoptr(GError) error = NULL;

	if (!markup_read(encoding, language, document, len, &handler, &listener, &error)) {
		g_string_free(out, TRUE);
		return g_strdup_printf("ours refuses it: %s", error->message);
	}
	return g_string_free(out, FALSE);
}

static void say_xml(GString *out, const xmlNode *node)
{
	for (; node != NULL; node = node->next) {
		if (node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE)
			g_string_append(out, (const char *)node->content);
		if (node->type != XML_ELEMENT_NODE)
			continue;
		g_string_append_printf(out, "<%s|%s>",
				       node->ns == NULL ? "" : (const char *)node->ns->href,
				       (const char *)node->name);
		say_xml(out, node->children);
		g_string_append(out, "</>");
	}
}

/* By libxml2's tree, not by our reader. */
static char *canonical_xml(const char *xml, gsize len)
{
	xmlDoc *document = xmlReadMemory(xml, (int)len, NULL, NULL,
					 XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
						 XML_PARSE_HUGE);
	GString *out;

	if (document == NULL)
		return g_strdup("not well formed");
	out = g_string_new(NULL);
	say_xml(out, xmlDocGetRootElement(document));
	xmlFreeDoc(document);
	return g_string_free(out, FALSE);
}

/* --- our writer ----------------------------------------------------------- */

static GBytes *written(const struct node *node, enum sml_version version,
		       enum sml_encoding encoding);

static void write_node(struct markup_writer *writer, const struct node *node,
		       enum sml_version version)
{
	enum sml_encoding encoding = markup_writer_encoding(writer);

	if (node->element == DEV_DEVINF && encoding == SML_WBXML) {
		g_autoptr(GBytes) nested = written(node, version, encoding);

		markup_data(writer, g_bytes_get_data(nested, NULL), g_bytes_get_size(nested));
		return;
	}
	if (node->text == NULL && node->children->len == 0) {
		markup_empty(writer, node->element);
		return;
	}
	markup_open(writer, node->element);
	if (node->text != NULL && node->element == SML_DATA)
		markup_data(writer, node->text, strlen(node->text));
	else if (node->text != NULL)
		markup_text(writer, node->text);
	for (guint i = 0; i < node->children->len; i++)
		write_node(writer, node->children->pdata[i], version);
	markup_close(writer);
}

static GBytes *written(const struct node *node, enum sml_version version,
		       enum sml_encoding encoding)
{
	struct markup_style style = {
		.encoding = encoding,
		.version = version,
		.language = SML_ELEMENT_LANGUAGE(node->element),
	};
	g_autoptr(markup_writer_t) writer = markup_writer_new(&style);

	markup_open(writer, node->element);
	for (guint i = 0; i < node->children->len; i++)
		write_node(writer, node->children->pdata[i], version);
	markup_close(writer);
	return markup_writer_finish(writer);
}

/* --- as phones may write it ----------------------------------------------- */

/* All that the format allows: references into a string table, text in pieces of any kind,
 * characters by number, pages switched where they need not be, END for what is empty, the public
 * id by number or by name, with its NUL or without. */
struct encoder {
	GRand *rand;
	GByteArray *body, *table;
	guint page;
	gboolean for_theirs; /* nothing of what differ[] says */
};

static guint octet(struct encoder *encoder, guint most)
{
	return (guint)g_rand_int_range(encoder->rand, 0, (gint32)most + 1);
}

static void put_octet(GByteArray *out, guint value)
{
	guint8 c = (guint8)value;

	g_byte_array_append(out, &c, 1);
}

static void put_number(GByteArray *out, guint32 value)
{
	for (int shift = 28; shift > 0; shift -= 7) {
		if (value >> shift != 0)
			put_octet(out, 0x80 | (value >> shift & 0x7F));
	}
	put_octet(out, value & 0x7F);
}

/* Where the string is in the table, perhaps as the end of another. */
static guint32 in_table(GByteArray *table, const char *text, gsize len)
{
	for (gsize at = 0; at + len < table->len; at++) {
		if (memcmp(table->data + at, text, len) == 0 && table->data[at + len] == '\0')
			return (guint32)at;
	}
	g_byte_array_append(table, (const guint8 *)text, (guint)len);
	put_octet(table, 0);
	return (guint32)(table->len - len - 1);
}

static void encode_piece(struct encoder *encoder, const char *text, gsize len, gboolean opaque)
{
	switch (octet(encoder, opaque ? 2 : 1)) {
	case 0:
		put_octet(encoder->body, 0x03);
		g_byte_array_append(encoder->body, (const guint8 *)text, (guint)len);
		put_octet(encoder->body, 0);
		break;
	case 1:
		put_octet(encoder->body, 0x83);
		put_number(encoder->body, in_table(encoder->table, text, len));
		break;
	default:
		put_octet(encoder->body, 0xC3);
		put_number(encoder->body, (guint32)len);
		g_byte_array_append(encoder->body, (const guint8 *)text, (guint)len);
	}
}

static void encode_text(struct encoder *encoder, const struct node *node)
{
	const char *text = node->text, *end = text + strlen(text);
	gboolean whole = node->element == SML_DATA && encoder->for_theirs;

	while (text < end) {
		const char *next = whole ? end : g_utf8_next_char(text);

		if (!whole && octet(encoder, 9) == 0 &&
		    (!encoder->for_theirs || g_utf8_get_char(text) < 0x10000)) {
			put_octet(encoder->body, 0x02);
			put_number(encoder->body, g_utf8_get_char(text));
			text = next;
			continue;
		}
		while (next < end && octet(encoder, 15) != 0)
			next = g_utf8_next_char(next);
		encode_piece(encoder, text, (gsize)(next - text),
			     !encoder->for_theirs || node->element != MET_NEXT_NONCE);
		text = next;
	}
}

static GBytes *encoded(const struct node *node, enum sml_version version, guint32 seed,
		       gboolean for_theirs);

static void encode_nested(struct encoder *encoder, const struct node *node,
			  enum sml_version version)
{
	g_autoptr(GBytes) nested =
		encoded(node, version, g_rand_int(encoder->rand), encoder->for_theirs);

	put_octet(encoder->body, 0xC3);
	put_number(encoder->body, (guint32)g_bytes_get_size(nested));
	g_byte_array_append(encoder->body, g_bytes_get_data(nested, NULL),
			    (guint)g_bytes_get_size(nested));
}

static void encode_node(struct encoder *encoder, const struct node *node, enum sml_version version,
			gboolean root)
{
	guint page = SML_ELEMENT_PAGE(node->element);
	gboolean content = node->text != NULL || node->children->len > 0 || octet(encoder, 3) == 0;

	if (node->element == DEV_DEVINF && !root) {
		encode_nested(encoder, node, version);
		return;
	}
	if (page != encoder->page || octet(encoder, 29) == 0) {
		put_octet(encoder->body, 0x00);
		put_octet(encoder->body, page);
		encoder->page = page;
	}
	put_octet(encoder->body, SML_ELEMENT_TAG(node->element) | (content ? 0x40 : 0));
	if (!content)
		return;
	if (node->text != NULL)
		encode_text(encoder, node);
	for (guint i = 0; i < node->children->len; i++)
		encode_node(encoder, node->children->pdata[i], version, FALSE);
	put_octet(encoder->body, 0x01);
}

static void put_public_id(struct encoder *encoder, GByteArray *out, const struct node *root,
			  enum sml_version version)
{
	static const guint32 ids[2][3] = {{0x0FD1, 0x0FD3, 0x1201}, {0x0FD2, 0x0FD4, 0x1203}};
	guint language = SML_ELEMENT_LANGUAGE(root->element);
	g_autofree char *name = NULL;

	if (octet(encoder, 1) == 0) {
		put_number(out, ids[language][version]);
		return;
	}
	name = g_strdup_printf("-//SYNCML//DTD %s %s//EN",
			       language == SML_LANGUAGE_SYNCML ? "SyncML" : "DevInf",
			       sml_version_name(version));
	put_octet(out, 0);
	put_number(out, in_table(encoder->table, name, strlen(name)));
}

static GBytes *encoded(const struct node *node, enum sml_version version, guint32 seed,
		       gboolean for_theirs)
{
	struct encoder encoder = {
		.rand = g_rand_new_with_seed(seed),
		.body = g_byte_array_new(),
		.table = g_byte_array_new(),
		.for_theirs = for_theirs,
	};
	GByteArray *out = g_byte_array_new();
	gboolean unended;

	put_octet(out, 1 + octet(&encoder, 2));
	encode_node(&encoder, node, version, TRUE);
	put_public_id(&encoder, out, node, version);
	put_octet(out, 0x6A);
	/* The last string may go without its NUL. */
	unended = encoder.table->len > 0 && octet(&encoder, 3) == 0;
	put_number(out, encoder.table->len - (unended ? 1 : 0));
	g_byte_array_append(out, encoder.table->data, encoder.table->len - (unended ? 1 : 0));
	g_byte_array_append(out, encoder.body->data, encoder.body->len);
	g_rand_free(encoder.rand);
	g_byte_array_unref(encoder.body);
	g_byte_array_unref(encoder.table);
	return g_byte_array_free_to_bytes(out);
}

/* Theirs writes CR as it is, which a parser of XML takes for a part of the line's end (XML 1.0
 * section 2.11). */
static char *without_cr(const char *text)
{
	GString *out = g_string_new(text);

	g_string_replace(out, "\r", "", 0);
	return g_string_free(out, FALSE);
}

/* A nested document changes its form, and its type says so. */
static char *type_of_wbxml(const char *text)
{
	GString *out = g_string_new(text);

	g_string_replace(out, "vnd.syncml-devinf+xml", "vnd.syncml-devinf+wbxml", 0);
	return g_string_free(out, FALSE);
}

/* --- theirs --------------------------------------------------------------- */

/* NULL: they refuse it, and *why_r says what they say. Theirs to free. */
static char *their_xml(GBytes *wbxml, gsize *len_r, const char **why_r)
{
	WBXMLConvWBXML2XML *conversion = NULL;
	WB_UTINY *xml = NULL;
	WB_ULONG xml_len = 0;
	WBXMLError result;

	g_assert_cmpint(wbxml_conv_wbxml2xml_create(&conversion), ==, WBXML_OK);
	wbxml_conv_wbxml2xml_set_gen_type(conversion, WBXML_GEN_XML_COMPACT);
	wbxml_conv_wbxml2xml_enable_preserve_whitespaces(conversion);
	result = wbxml_conv_wbxml2xml_run(conversion, (WB_UTINY *)g_bytes_get_data(wbxml, NULL),
					  (WB_ULONG)g_bytes_get_size(wbxml), &xml, &xml_len);
	wbxml_conv_wbxml2xml_destroy(conversion);
	*len_r = xml_len;
	*why_r = (const char *)wbxml_errors_string(result);
	return result == WBXML_OK ? (char *)xml : NULL;
}

static GBytes *their_wbxml(GBytes *xml, gboolean string_table, const char **why_r)
{
	WBXMLConvXML2WBXML *conversion = NULL;
	WB_UTINY *wbxml = NULL;
	WB_ULONG len = 0;
	WBXMLError result;

	g_assert_cmpint(wbxml_conv_xml2wbxml_create(&conversion), ==, WBXML_OK);
	wbxml_conv_xml2wbxml_enable_preserve_whitespaces(conversion);
	if (!string_table)
		wbxml_conv_xml2wbxml_disable_string_table(conversion);
	result = wbxml_conv_xml2wbxml_run(conversion, (WB_UTINY *)g_bytes_get_data(xml, NULL),
					  (WB_ULONG)g_bytes_get_size(xml), &wbxml, &len);
	wbxml_conv_xml2wbxml_destroy(conversion);
	*why_r = (const char *)wbxml_errors_string(result);
	return result == WBXML_OK ? g_bytes_new_with_free_func(wbxml, len, free, wbxml) : NULL;
}

static char *canonical_theirs(GBytes *wbxml)
{
	g_autofree char *canonical = NULL;
	const char *why;
	gsize len;
	char *xml = their_xml(wbxml, &len, &why);

	if (xml == NULL)
		return g_strdup_printf("theirs refuses it: %s", why);
	canonical = canonical_xml(xml, len);
	free(xml);
	return type_of_wbxml(canonical);
}

/* --- the comparison ------------------------------------------------------- */

static guint failures;

static void same(guint number, const char *way, const char *got, const char *want)
{
	guint at = 0, from;

	if (strcmp(got, want) == 0)
		return;
	while (got[at] != '\0' && got[at] == want[at])
		at++;
	from = at < 60 ? 0 : at - 60;
	g_test_message("document %u, %s, from character %u:\n  got  %.160s\n  want %.160s", number,
		       way, from, got + from, want + from);
	g_test_fail();
	failures++;
}

static enum sml_language language_of(const struct node *node)
{
	return (enum sml_language)SML_ELEMENT_LANGUAGE(node->element);
}

/* Our WBXML, as XML of theirs, read by libxml2 and by us: DOCTYPE and CDATA are no matter. */
static void compare_our_wbxml(guint number, const struct node *document, enum sml_version version,
			      const char *want)
{
	g_autoptr(GBytes) wbxml = written(document, version, SML_WBXML);
	g_autofree char *theirs = NULL, *theirs_read = NULL;
	g_autofree char *ours = NULL, *ours_typed = NULL, *ours_read = NULL;
	const char *why;
	gsize len;
	char *xml = their_xml(wbxml, &len, &why);

	if (xml == NULL) {
		same(number, "our WBXML read by them", why, want);
		return;
	}
	theirs = canonical_xml(xml, len);
	theirs_read = type_of_wbxml(theirs);
	same(number, "our WBXML read by them", theirs_read, want);
	ours = canonical_ours(SML_XML, language_of(document), version, xml, len);
	ours_typed = type_of_wbxml(ours);
	ours_read = without_cr(ours_typed);
	same(number, "our WBXML made XML by them, read by us", ours_read, want);
	free(xml);
}

static void compare_wbxml(guint number)
{
	enum sml_version version;
	g_autoptr(node_t) document = sml_document_make(number, SML_WBXML, &version);
	g_autofree char *want = canonical_node(document, version);
	g_autoptr(GBytes) phone = encoded(document, version, number, TRUE);
	g_autoptr(GBytes) free_phone = encoded(document, version, number, FALSE);
	g_autofree char *ours_of_phone =
		canonical_ours(SML_WBXML, language_of(document), version,
			       g_bytes_get_data(phone, NULL), g_bytes_get_size(phone));
	g_autofree char *ours_of_free =
		canonical_ours(SML_WBXML, language_of(document), version,
			       g_bytes_get_data(free_phone, NULL), g_bytes_get_size(free_phone));
	g_autofree char *theirs_of_phone = canonical_theirs(phone);
	g_autofree char *want_of_xml = without_cr(want);

	same(number, "a phone's WBXML read by us", ours_of_phone, want);
	same(number, "a freer phone's WBXML read by us", ours_of_free, want);
	same(number, "a phone's WBXML read by them", theirs_of_phone, want_of_xml);
	compare_our_wbxml(number, document, version, want_of_xml);
}

/* The namespace of DevInf does not tell its version. */
static GBytes *with_doctype(GBytes *xml, const struct node *root, enum sml_version version)
{
	GString *out;

	if (root->element != DEV_DEVINF)
		return g_bytes_ref(xml);
	out = g_string_new(NULL);
	g_string_printf(out, "<!DOCTYPE DevInf PUBLIC \"-//SYNCML//DTD DevInf %s//EN\" \"x\">",
			sml_version_name(version));
	g_string_append(out, strchr(g_bytes_get_data(xml, NULL), '\n'));
	return g_string_free_to_bytes(out);
}

static void compare_xml(guint number)
{
	enum sml_version version;
	g_autoptr(node_t) document = sml_document_make(number, SML_XML, &version);
	g_autofree char *said = canonical_node(document, version);
	g_autofree char *typed = type_of_wbxml(said);
	g_autofree char *want = without_cr(typed);
	g_autoptr(GBytes) body = written(document, version, SML_XML);
	g_autoptr(GBytes) xml = with_doctype(body, document, version);
	g_autofree char *heard = NULL;
	g_autofree char *got = NULL;
	const char *why;
	g_autoptr(GBytes) wbxml = their_wbxml(xml, number % 2 == 0, &why);

	if (wbxml == NULL)
		got = g_strdup_printf("theirs refuses it: %s", why);
	else
		heard = canonical_ours(SML_WBXML, language_of(document), version,
				       g_bytes_get_data(wbxml, NULL), g_bytes_get_size(wbxml));
	if (heard != NULL)
		got = without_cr(heard);
	same(number, "our XML made WBXML by them, read by us", got, want);
}

static guint setting(const char *name, guint otherwise)
{
	const char *text = g_getenv(name);

	return text == NULL ? otherwise : (guint)strtoul(text, NULL, 10);
}

static void test_generated(void)
{
	guint first = setting("FANTAIL_WBXML_SEED", 1);
	guint count = setting("FANTAIL_WBXML_DOCUMENTS", DOCUMENTS);

	for (guint i = 0; i < count && failures < 5; i++) {
		compare_wbxml(first + i);
		compare_xml(first + i);
	}
}

/* Each token of each version is in some document. */
static const enum sml_element all_elements[] = {
#define X(id, language, page, tag, name) id,
#include "element-table.h"
#undef X
};

static gpointer seen_key(enum sml_element element, enum sml_version version)
{
	return GUINT_TO_POINTER((guint)version << 24 | (guint)element);
}

static void see(GHashTable *seen, const struct node *node, enum sml_version version)
{
	g_hash_table_add(seen, seen_key(node->element, version));
	for (guint i = 0; i < node->children->len; i++)
		see(seen, node->children->pdata[i], version);
}

static void test_all_tokens(void)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

	for (guint number = 1; number <= 1000; number++) {
		enum sml_version version;
		g_autoptr(node_t) document = sml_document_make(number, SML_WBXML, &version);

		see(seen, document, version);
	}
	for (enum sml_version version = SML_1_0; version <= SML_1_2; version++) {
		for (guint i = 0; i < G_N_ELEMENTS(all_elements); i++) {
			enum sml_element element = all_elements[i];

			g_test_message("%s of %s", sml_element_name(element),
				       sml_version_name(version));
			g_assert_true(g_hash_table_contains(seen, seen_key(element, version)) ==
				      sml_element_exists(element, version));
		}
	}
}

/* --- where they differ ---------------------------------------------------- */

/* What ours makes of it, and why theirs is wrong when it makes something else. */
static const struct {
	const char *name, *hex, *ours, *reason;
} differ[] = {
	{"a character beyond U+FFFF by its number", "02a4016a00 6d 0287a21e 01",
	 "<SYNCML:SYNCML1.2|SyncML>\xF0\x9D\x84\x9E</>",
	 "WAP-192 5.8.4.3: an entity is a UCS-4 code; theirs writes octets that are no UTF-8"},
	{"Data in two strings", "02a4016a00 6d6b45544f 036100 036200 0101010101",
	 "<SYNCML:SYNCML1.2|SyncML><SYNCML:SYNCML1.2|SyncBody><SYNCML:SYNCML1.2|Add>"
	 "<SYNCML:SYNCML1.2|Item><SYNCML:SYNCML1.2|Data>ab</></></></></>",
	 "WAP-192 5.3: content is any number of strings; theirs opens a CDATA section for each and "
	 "ends one"},
	{"Data with the end of a CDATA section", "02a4016a00 6d6b45544f 035d5d3e00 0101010101",
	 "<SYNCML:SYNCML1.2|SyncML><SYNCML:SYNCML1.2|SyncBody><SYNCML:SYNCML1.2|Add>"
	 "<SYNCML:SYNCML1.2|Item><SYNCML:SYNCML1.2|Data>]]></></></></></>",
	 "XML 1.0 2.7: it ends the section; theirs does not divide it"},
	{"NextNonce as octets", "02a4016a00 6d 000150 c30161 01 01",
	 "<SYNCML:SYNCML1.2|SyncML><syncml:metinf|NextNonce>a</></>",
	 "WAP-192 5.8.4.6: what opaque data mean is the application's; theirs makes base64 of "
	 "them"},
};

static GBytes *from_hex(const char *hex)
{
	GByteArray *octets = g_byte_array_new();

	for (; *hex != '\0'; hex++) {
		if (*hex == ' ')
			continue;
		put_octet(octets, (guint)(g_ascii_xdigit_value(hex[0]) << 4 |
					  g_ascii_xdigit_value(hex[1])));
		hex++;
	}
	return g_byte_array_free_to_bytes(octets);
}

static void test_differ(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(differ); i++) {
		g_autoptr(GBytes) wbxml = from_hex(differ[i].hex);
		g_autofree char *ours =
			canonical_ours(SML_WBXML, SML_LANGUAGE_SYNCML, SML_1_2,
				       g_bytes_get_data(wbxml, NULL), g_bytes_get_size(wbxml));
		g_autofree char *theirs = canonical_theirs(wbxml);

		g_assert_cmpstr(ours, ==, differ[i].ours);
		if (strcmp(theirs, ours) == 0)
			g_test_message("%s: this libwbxml agrees", differ[i].name);
		else
			g_test_message("%s: %s", differ[i].name, differ[i].reason);
	}
}

/* In XML it is the line's ends: a CR that was written as a character (XML 1.0 section 4.1) comes
 * out of theirs twice, for it adds one to each LF of an item's Data. */
static void test_differ_in_xml(void)
{
	static const char text[] =
		"<SyncML "
		"xmlns='SYNCML:SYNCML1.2'><SyncBody><Add><Item><Data>a&#13;\nb</Data></Item>"
		"</Add></SyncBody></SyncML>";
	g_autoptr(GBytes) xml = g_bytes_new_static(text, strlen(text));
	const char *why;
	g_autoptr(GBytes) wbxml = their_wbxml(xml, TRUE, &why);
	g_autofree char *theirs = NULL, *ours = NULL;

	g_assert_nonnull(wbxml);
	theirs = canonical_ours(SML_WBXML, SML_LANGUAGE_SYNCML, SML_1_2,
				g_bytes_get_data(wbxml, NULL), g_bytes_get_size(wbxml));
	ours = canonical_ours(SML_XML, SML_LANGUAGE_SYNCML, SML_1_2, text, strlen(text));
	g_assert_nonnull(strstr(ours, "Data>a\r\nb</>"));
	if (strcmp(theirs, ours) == 0)
		g_test_message("this libwbxml agrees");
}

/* --- through the tools ---------------------------------------------------- */

/* What a tool makes of it; NULL: it failed. */
static GBytes *through(char **command, GBytes *input)
{
	g_autoptr(GSubprocess) process =
		g_subprocess_newv((const char *const *)command,
				  G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE |
					  G_SUBPROCESS_FLAGS_STDERR_SILENCE,
				  NULL);
	GBytes *output = NULL;

	if (process == NULL || !g_subprocess_communicate(process, input, NULL, &output, NULL, NULL))
		return NULL;
	if (!g_subprocess_get_successful(process))
		g_clear_pointer(&output, g_bytes_unref);
	return output;
}

/* They are the library; a few documents show that they were called as people call them. */
static void test_tools(void)
{
	static char *to_xml[] = {"wbxml2xml", "-k", "-m", "0", "-o", "-", "-", NULL};
	static char *to_wbxml[] = {"xml2wbxml", "-k", "-o", "-", "-", NULL};
	g_autofree char *installed = g_find_program_in_path(to_xml[0]);

	if (installed == NULL) {
		g_test_skip("libwbxml's tools are not installed");
		return;
	}
	for (guint number = 1; number <= 8; number++) {
		enum sml_version version;
		g_autoptr(node_t) document = sml_document_make(number, SML_WBXML, &version);
		g_autofree char *said = canonical_node(document, version);
		g_autofree char *want = without_cr(said);
		g_autoptr(GBytes) ours = written(document, version, SML_WBXML);
		g_autoptr(GBytes) xml = through(to_xml, ours);
		g_autoptr(GBytes) again = xml == NULL ? NULL : through(to_wbxml, xml);
		g_autofree char *got = NULL, *heard = NULL;

		g_assert_nonnull(again);
		if (again == NULL)
			return;
		heard = canonical_ours(SML_WBXML, language_of(document), version,
				       g_bytes_get_data(again, NULL), g_bytes_get_size(again));
		got = without_cr(heard);
		same(number, "our WBXML through both tools", got, want);
	}
}

int main(int argc, char **argv)
{
	int result;

	g_test_init(&argc, &argv, NULL);
	g_test_set_nonfatal_assertions();
	g_test_add_func("/wbxml-libwbxml/generated", test_generated);
	g_test_add_func("/wbxml-libwbxml/all-tokens", test_all_tokens);
	g_test_add_func("/wbxml-libwbxml/differ", test_differ);
	g_test_add_func("/wbxml-libwbxml/differ-in-xml", test_differ_in_xml);
	g_test_add_func("/wbxml-libwbxml/tools", test_tools);
	result = g_test_run();
	xmlCleanupParser();
	return result;
}
