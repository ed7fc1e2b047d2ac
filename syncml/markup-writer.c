#include "limits.h"
#include "markup.h"
#include "wbxml.h"

#include <string.h>

struct markup_writer {
	struct markup_style style;
	GString *xml;              /* or */
	struct wbxml_writer wbxml; /* .. */
	enum sml_element open[LIMIT_MARKUP_DEPTH];
	guint depth;
};

/* By language and version. The prefix of the public text is in the XML namespace, too. */
static const guint32 public_ids[2][3] = {
	[SML_LANGUAGE_SYNCML] = {0x0FD1, 0x0FD3, 0x1201},
	[SML_LANGUAGE_DEVINF] = {0x0FD2, 0x0FD4, 0x1203},
};
static const char *const syncml_namespaces[] = {
	"SYNCML:SYNCML1.0",
	"SYNCML:SYNCML1.1",
	"SYNCML:SYNCML1.2",
};

struct markup_writer *markup_writer_new(const struct markup_style *style)
{
	struct markup_writer *writer = g_new0(struct markup_writer, 1);

	writer->style = *style;
	if (style->encoding == SML_XML)
		writer->xml = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	else
		wbxml_writer_init(&writer->wbxml, public_ids[style->language][style->version]);
	return writer;
}

void markup_writer_free(struct markup_writer *writer)
{
	if (writer == NULL)
		return;
	if (writer->xml != NULL)
		g_string_free(writer->xml, TRUE);
	wbxml_writer_free(&writer->wbxml);
	g_free(writer);
}

enum sml_encoding markup_writer_encoding(const struct markup_writer *writer)
{
	return writer->style.encoding;
}

/* Of the element's vocabulary, if it is another than that around it. */
static const char *new_namespace(const struct markup_writer *writer, enum sml_element element)
{
	enum sml_element around = writer->depth == 0 ? SML_NONE : writer->open[writer->depth - 1];

	if (around != SML_NONE && SML_ELEMENT_LANGUAGE(around) == SML_ELEMENT_LANGUAGE(element) &&
	    SML_ELEMENT_PAGE(around) == SML_ELEMENT_PAGE(element))
		return NULL;
	if (SML_ELEMENT_LANGUAGE(element) == SML_LANGUAGE_DEVINF)
		return "syncml:devinf";
	return SML_ELEMENT_PAGE(element) == 0 ? syncml_namespaces[writer->style.version]
					      : "syncml:metinf";
}

/* 1.2 has given one of DevInf's another name. */
static const char *name_of(const struct markup_writer *writer, enum sml_element element)
{
	if (element == DEV_SIZE && writer->style.version == SML_1_2)
		return "MaxSize";
	return sml_element_name(element);
}

static void start(struct markup_writer *writer, enum sml_element element, gboolean content)
{
	if (writer->xml != NULL) {
		const char *namespace = new_namespace(writer, element);

		g_string_append_c(writer->xml, '<');
		g_string_append(writer->xml, name_of(writer, element));
		if (namespace != NULL)
			g_string_append_printf(writer->xml, " xmlns=\"%s\"", namespace);
		g_string_append(writer->xml, content ? ">" : "/>");
	} else {
		wbxml_write_open(&writer->wbxml, SML_ELEMENT_PAGE(element),
				 SML_ELEMENT_TAG(element), content);
	}
}

void markup_open(struct markup_writer *writer, enum sml_element element)
{
	g_assert(writer->depth < LIMIT_MARKUP_DEPTH);
	start(writer, element, TRUE);
	writer->open[writer->depth++] = element;
}

void markup_close(struct markup_writer *writer)
{
	enum sml_element element = writer->open[--writer->depth];

	if (writer->xml != NULL) {
		g_string_append(writer->xml, "</");
		g_string_append(writer->xml, name_of(writer, element));
		g_string_append_c(writer->xml, '>');
	} else {
		wbxml_write_close(&writer->wbxml);
	}
}

void markup_empty(struct markup_writer *writer, enum sml_element element)
{
	start(writer, element, FALSE);
}

/* Characters that XML 1.0 cannot have, and what is no UTF-8, become U+FFFD: a document that
 * cannot be read would be worse. */
static void append_escaped(GString *xml, const char *text, gsize len)
{
	static const char replacement[] = "\xEF\xBF\xBD";
	const char *end = text + len;

	while (text < end) {
		gunichar c = g_utf8_get_char_validated(text, end - text);

		if ((gint32)c < 0) {
			g_string_append(xml, replacement);
			text++;
			continue;
		}
		if (c == '&')
			g_string_append(xml, "&amp;");
		else if (c == '<')
			g_string_append(xml, "&lt;");
		else if (c == '>')
			g_string_append(xml, "&gt;");
		else if (c == '\r')
			g_string_append(xml, "&#13;"); /* else parsers make it LF */
		else if ((c < 0x20 && c != '\t' && c != '\n') || c == 0xFFFE || c == 0xFFFF)
			g_string_append(xml, replacement);
		else
			g_string_append_len(xml, text, g_utf8_next_char(text) - text);
		text = g_utf8_next_char(text);
	}
}

void markup_text(struct markup_writer *writer, const char *text)
{
	if (writer->xml != NULL)
		append_escaped(writer->xml, text, strlen(text));
	else
		wbxml_write_string(&writer->wbxml, text);
}

static gboolean fits_cdata(const char *text, gsize len)
{
	return g_utf8_validate_len(text, len, NULL) && memchr(text, '\0', len) == NULL &&
	       g_strstr_len(text, (gssize)len, "]]>") == NULL;
}

void markup_data(struct markup_writer *writer, const void *data, gsize len)
{
	if (writer->xml == NULL) {
		wbxml_write_opaque(&writer->wbxml, data, len);
	} else if (writer->style.cdata && fits_cdata(data, len)) {
		g_string_append(writer->xml, "<![CDATA[");
		g_string_append_len(writer->xml, data, (gssize)len);
		g_string_append(writer->xml, "]]>");
	} else {
		append_escaped(writer->xml, data, len);
	}
}

void markup_leaf(struct markup_writer *writer, enum sml_element element, const char *text)
{
	if (text == NULL)
		return;
	markup_open(writer, element);
	if (*text != '\0')
		markup_text(writer, text);
	markup_close(writer);
}

void markup_leaf_uint(struct markup_writer *writer, enum sml_element element, guint64 value)
{
	char text[24];

	g_snprintf(text, sizeof(text), "%" G_GUINT64_FORMAT, value);
	markup_leaf(writer, element, text);
}

static gsize length(const struct markup_writer *writer)
{
	return writer->xml != NULL ? writer->xml->len : writer->wbxml.len;
}

gsize markup_writer_size(const struct markup_writer *writer)
{
	gsize size = length(writer);

	for (guint i = 0; i < writer->depth; i++)
		size += writer->xml == NULL
				? 1
				: strlen("</>") + strlen(name_of(writer, writer->open[i]));
	return size;
}

gsize markup_data_size(struct markup_writer *writer, const void *data, gsize len)
{
	struct markup_mark mark = markup_writer_mark(writer);
	gsize size;

	markup_data(writer, data, len);
	size = length(writer) - mark.len;
	markup_writer_rewind(writer, mark);
	return size;
}

struct markup_mark markup_writer_mark(const struct markup_writer *writer)
{
	return (struct markup_mark){
		.len = length(writer),
		.depth = writer->depth,
		.page = writer->wbxml.page,
	};
}

void markup_writer_rewind(struct markup_writer *writer, struct markup_mark mark)
{
	struct wbxml_mark wbxml = {.len = mark.len, .page = mark.page};

	writer->depth = mark.depth;
	if (writer->xml != NULL)
		g_string_truncate(writer->xml, mark.len);
	else
		wbxml_writer_rewind(&writer->wbxml, wbxml);
}

GBytes *markup_writer_finish(struct markup_writer *writer)
{
	GBytes *document;

	while (writer->depth > 0)
		markup_close(writer);
	if (writer->xml != NULL) {
		document = g_string_free_to_bytes(g_steal_pointer(&writer->xml));
		writer->xml = g_string_new(NULL);
		return document;
	}
	if (writer->wbxml.failed)
		g_error("out of memory");
	document = g_bytes_new(writer->wbxml.data, writer->wbxml.len);
	writer->wbxml.len = 0;
	return document;
}
