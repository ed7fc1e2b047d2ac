/*
 * XML by libxml2's SAX parser. The parser is given no callback that would declare or look up an
 * entity, load a DTD or open anything, so that there is none to expand or to fetch: a
 * reference to anything but the five of XML is an error. A look at the tags goes before it: a
 * DTD in the document is refused, and tags on which a parser would work for seconds.
 */
#include "markup-private.h"

#include <string.h>

#include <libxml/parser.h>

struct xml_reader {
	struct markup_gate *gate;
	xmlParserCtxtPtr parser;
	gboolean failed; /* *gate->error is set */
	/* Text that is not handed on yet: the parser has a call for each character that is
	 * referred to by number or by name. */
	gsize held;
	char text[4096];
};

static void stop(struct xml_reader *reader)
{
	reader->failed = TRUE;
	xmlStopParser(reader->parser);
}

static void hand_text(struct xml_reader *reader, const char *text, gsize len)
{
	if (!reader->failed && !markup_gate_text(reader->gate, text, len))
		stop(reader);
}

static void hand_held(struct xml_reader *reader)
{
	hand_text(reader, reader->text, reader->held);
	reader->held = 0;
}

static void on_start(void *data, const xmlChar *name, const xmlChar *prefix G_GNUC_UNUSED,
		     const xmlChar *uri G_GNUC_UNUSED, int namespaces,
		     const xmlChar **namespace_list G_GNUC_UNUSED, int attributes,
		     int defaulted G_GNUC_UNUSED, const xmlChar **attribute_list G_GNUC_UNUSED)
{
	struct xml_reader *reader = data;
	const char *text = (const char *)name;
	enum sml_element element;

	hand_held(reader);
	if (reader->failed)
		return;
	if (namespaces + attributes > LIMIT_MARKUP_ATTRIBUTES) {
		g_set_error(reader->gate->error, MARKUP_ERROR, MARKUP_ERROR_LIMIT,
			    "more than %d attributes", LIMIT_MARKUP_ATTRIBUTES);
		stop(reader);
		return;
	}
	if (reader->gate->language == SML_LANGUAGE_SYNCML && strcmp(text, "DevInf") == 0)
		element = DEV_DEVINF;
	else
		element = sml_element_find(reader->gate->language, text, strlen(text));
	if (!markup_gate_open(reader->gate, element))
		stop(reader);
}

static void on_end(void *data, const xmlChar *name G_GNUC_UNUSED,
		   const xmlChar *prefix G_GNUC_UNUSED, const xmlChar *uri G_GNUC_UNUSED)
{
	struct xml_reader *reader = data;

	hand_held(reader);
	if (!reader->failed && !markup_gate_close(reader->gate))
		stop(reader);
}

static void on_text(void *data, const xmlChar *text, int len)
{
	struct xml_reader *reader = data;
	gsize size = (gsize)len;

	if (size > sizeof(reader->text) - reader->held)
		hand_held(reader);
	if (size > sizeof(reader->text)) {
		hand_text(reader, (const char *)text, size);
		return;
	}
	memcpy(reader->text + reader->held, text, size);
	reader->held += size;
}

static void on_reference(void *data, const xmlChar *name)
{
	struct xml_reader *reader = data;

	if (reader->failed)
		return;
	g_set_error(reader->gate->error, MARKUP_ERROR, MARKUP_ERROR_SYNTAX,
		    "a reference to the entity '%.40s'", (const char *)name);
	stop(reader);
}

static void on_error(void *data, xmlErrorPtr error)
{
	struct xml_reader *reader = data;
	g_autofree char *message = NULL;

	if (reader->failed || error->level < XML_ERR_ERROR || error->domain == XML_FROM_NAMESPACE)
		return;
	message = g_strdup(error->message == NULL ? "not XML" : error->message);
	g_set_error(reader->gate->error, MARKUP_ERROR, MARKUP_ERROR_SYNTAX, "line %d: %s",
		    error->line, g_strchomp(message));
	stop(reader);
}

/* --- before the parser ------------------------------------------------------------------------ */

/* Those in which what looks like a tag is one, octet by octet. */
static const char *const encodings[] = {
	"UTF-8",      "UTF8",       "US-ASCII",     "ASCII",        "ISO-8859-1",
	"ISO-8859-2", "ISO-8859-5", "ISO-8859-7",   "ISO-8859-9",   "ISO-8859-15",
	"ISO8859-1",  "LATIN1",     "WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252",
};

/* What the XML declaration says; what has none is UTF-8. */
static gboolean check_encoding(struct markup_gate *gate, const char *text, const char *end)
{
	const char *stop, *name;
	gsize len;

	if (end - text < 5 || memcmp(text, "<?xml", strlen("<?xml")) != 0)
		return TRUE;
	stop = memmem(text, (gsize)(end - text), "?>", strlen("?>"));
	name = stop == NULL ? NULL : g_strstr_len(text, stop - text, "encoding");
	if (name == NULL)
		return TRUE;
	name += strlen("encoding");
	name += strspn(name, " \t\r\n=\"'");
	len = strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_.:");
	for (guint i = 0; i < G_N_ELEMENTS(encodings); i++) {
		if (strlen(encodings[i]) == len &&
		    g_ascii_strncasecmp(name, encodings[i], len) == 0)
			return TRUE;
	}
	g_set_error(gate->error, MARKUP_ERROR, MARKUP_ERROR_SYNTAX,
		    "the encoding '%.*s' is not taken", (int)MIN(len, 40), name);
	return FALSE;
}

/* The end of a tag, or NULL: there is none, or it is too far. */
static const char *end_of_tag(const char *tag, const char *end)
{
	const char *limit = end - tag > LIMIT_MARKUP_TAG ? tag + LIMIT_MARKUP_TAG : end;
	const char *first = memchr(tag, '>', (gsize)(limit - tag));
	char quote = '\0';

	/* Most have nothing in quotes. */
	if (first == NULL || (memchr(tag, '"', (gsize)(first - tag)) == NULL &&
			      memchr(tag, '\'', (gsize)(first - tag)) == NULL))
		return first == NULL ? NULL : first + 1;
	for (; tag < limit; tag++) {
		if (quote != '\0')
			quote = *tag == quote ? '\0' : quote;
		else if (*tag == '"' || *tag == '\'')
			quote = *tag;
		else if (*tag == '>')
			return tag + 1;
	}
	return NULL;
}

/* After what begins here; NULL: it is refused, and why. What does not end is the parser's to
 * say. */
static const char *skip_markup(struct markup_gate *gate, const char *text, const char *end)
{
	static const struct {
		const char *begin, *end;
	} spans[] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};
	const char *next;

	for (guint i = 0; i < G_N_ELEMENTS(spans); i++) {
		gsize len = strlen(spans[i].begin);

		if ((gsize)(end - text) < len || memcmp(text, spans[i].begin, len) != 0)
			continue;
		next = memmem(text + len, (gsize)(end - text) - len, spans[i].end,
			      strlen(spans[i].end));
		return next == NULL ? end : next + strlen(spans[i].end);
	}
	next = end_of_tag(text, end);
	if (next == NULL && end - text <= LIMIT_MARKUP_TAG)
		return end;
	if (next == NULL) {
		g_set_error(gate->error, MARKUP_ERROR, MARKUP_ERROR_LIMIT,
			    "a tag of more than %d octets", LIMIT_MARKUP_TAG);
	} else if (text[1] == '!' && memchr(text, '[', (gsize)(next - text)) != NULL) {
		g_set_error(gate->error, MARKUP_ERROR, MARKUP_ERROR_SYNTAX,
			    "declarations in the document");
		next = NULL;
	}
	return next;
}

static gboolean check_tags(struct markup_gate *gate, const char *text, gsize len)
{
	const char *end = text + len;

	if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		text += 3;
	/* UTF-16 and the like, of which no phone sends anything. */
	if (text == NULL || text == end || (*text != '<' && !g_ascii_isspace(*text))) {
		g_set_error(gate->error, MARKUP_ERROR, MARKUP_ERROR_SYNTAX, "not XML");
		return FALSE;
	}
	if (!check_encoding(gate, text, end))
		return FALSE;
	while (text != NULL && text < end) {
		text = memchr(text, '<', (gsize)(end - text));
		if (text != NULL)
			text = skip_markup(gate, text, end);
		if (text == NULL && *gate->error != NULL)
			return FALSE;
	}
	return TRUE;
}

/* For a document that ends with padding (blanks, NULs). */
static gsize trimmed(const char *document, gsize len)
{
	while (len > 0 && (document[len - 1] == '\0' || g_ascii_isspace(document[len - 1])))
		len--;
	return len;
}

gboolean markup_read_xml(struct markup_gate *gate, const void *document, gsize len)
{
	xmlSAXHandler sax = {
		.initialized = XML_SAX2_MAGIC,
		.startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_text,
		.cdataBlock = on_text,
		.reference = on_reference,
		.serror = on_error,
	};
	struct xml_reader reader = {.gate = gate};

	len = trimmed(document, len);
	if (len == 0 || len > G_MAXINT) {
		g_set_error(gate->error, MARKUP_ERROR, MARKUP_ERROR_SYNTAX, "an empty document");
		return FALSE;
	}
	if (!check_tags(gate, document, len))
		return FALSE;
	reader.parser = xmlCreatePushParserCtxt(&sax, &reader, NULL, 0, NULL);
	if (reader.parser == NULL)
		g_error("out of memory");
	xmlCtxtUseOptions(reader.parser, XML_PARSE_NONET);
	xmlParseChunk(reader.parser, document, (int)len, 1);
	if (!reader.failed && !reader.parser->wellFormed && *gate->error == NULL) {
		g_set_error(gate->error, MARKUP_ERROR, MARKUP_ERROR_SYNTAX, "not well formed");
		reader.failed = TRUE;
	}
	if (reader.parser->myDoc != NULL)
		xmlFreeDoc(reader.parser->myDoc);
	xmlFreeParserCtxt(reader.parser);
	return !reader.failed;
}
