/*
 * XML by libxml2's SAX parser. The parser is given no callback that would declare or look up an
 * entity, load a DTD or open anything, so that there is none to expand or to fetch: a
 * reference to anything but the five of XML is an error.
 */
#include "markup-private.h"

#include <string.h>

#include <libxml/parser.h>

struct xml_reader {
	struct markup_gate *gate;
	xmlParserCtxtPtr parser;
	gboolean failed; /* *gate->error is set */
};

static void stop(struct xml_reader *reader)
{
	reader->failed = TRUE;
	xmlStopParser(reader->parser);
}

static void on_start(void *data, const xmlChar *name, const xmlChar *prefix G_GNUC_UNUSED,
		     const xmlChar *uri G_GNUC_UNUSED, int namespaces G_GNUC_UNUSED,
		     const xmlChar **namespace_list G_GNUC_UNUSED, int attributes G_GNUC_UNUSED,
		     int defaulted G_GNUC_UNUSED, const xmlChar **attribute_list G_GNUC_UNUSED)
{
	struct xml_reader *reader = data;
	const char *text = (const char *)name;
	enum sml_element element;

	if (reader->failed)
		return;
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

	if (!reader->failed && !markup_gate_close(reader->gate))
		stop(reader);
}

static void on_text(void *data, const xmlChar *text, int len)
{
	struct xml_reader *reader = data;

	if (!reader->failed && !markup_gate_text(reader->gate, (const char *)text, (gsize)len))
		stop(reader);
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
