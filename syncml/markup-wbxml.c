/* WBXML by lib/wbxml, with the tables of element.h. */
#include "markup-private.h"
#include "wbxml.h"

#include <string.h>

#define CHARSET_ISO_8859_1 0x04

struct wbxml_reader {
	struct markup_gate *gate;
	gboolean latin1;
};

/* Public ids, and their names for those who send these. */
static const struct {
	guint32 id;
	const char *text;
	enum sml_language language;
} languages[] = {
	{0x0FD1, "-//SYNCML//DTD SyncML 1.0//EN", SML_LANGUAGE_SYNCML},
	{0x0FD3, "-//SYNCML//DTD SyncML 1.1//EN", SML_LANGUAGE_SYNCML},
	{0x1201, "-//SYNCML//DTD SyncML 1.2//EN", SML_LANGUAGE_SYNCML},
	{0x0FD2, "-//SYNCML//DTD DevInf 1.0//EN", SML_LANGUAGE_DEVINF},
	{0x0FD4, "-//SYNCML//DTD DevInf 1.1//EN", SML_LANGUAGE_DEVINF},
	{0x1203, "-//SYNCML//DTD DevInf 1.2//EN", SML_LANGUAGE_DEVINF},
};
/* "unknown or missing": the root element will tell. */
#define PUBLIC_ID_UNKNOWN 0x01

static gboolean same_text(const struct wbxml_header *header, const char *text)
{
	return header->public_text_len == strlen(text) &&
	       g_ascii_strncasecmp(header->public_text, text, header->public_text_len) == 0;
}

static bool on_header(const struct wbxml_header *header, void *data)
{
	struct wbxml_reader *reader = data;

	reader->latin1 = header->charset == CHARSET_ISO_8859_1;
	if (header->public_id == PUBLIC_ID_UNKNOWN)
		return true;
	for (guint i = 0; i < G_N_ELEMENTS(languages); i++) {
		if (header->public_id == 0 ? same_text(header, languages[i].text)
					   : header->public_id == languages[i].id) {
			if (languages[i].language == reader->gate->root)
				return true;
			break;
		}
	}
	g_set_error(reader->gate->error, MARKUP_ERROR, MARKUP_ERROR_LANGUAGE,
		    "another language (public id 0x%04X)", header->public_id);
	return false;
}

static bool on_open(unsigned int page, unsigned int tag, void *data)
{
	struct wbxml_reader *reader = data;

	return markup_gate_open(reader->gate,
				sml_element_of_token(reader->gate->language, page, tag));
}

static bool on_literal(const char *name, size_t len, void *data)
{
	struct wbxml_reader *reader = data;

	return markup_gate_open(reader->gate, sml_element_find(reader->gate->language, name, len));
}

static bool on_text(const char *text, size_t len, bool in_charset, void *data)
{
	struct wbxml_reader *reader = data;
	g_autofree char *converted = NULL;
	gsize written;

	if (!reader->latin1 || !in_charset)
		return markup_gate_text(reader->gate, text, len);
	/* Every octet is a character of it, so this cannot fail. */
	converted = g_convert(text, (gssize)len, "UTF-8", "ISO-8859-1", NULL, &written, NULL);
	return markup_gate_text(reader->gate, converted, written);
}

static bool on_close(void *data)
{
	struct wbxml_reader *reader = data;

	return markup_gate_close(reader->gate);
}

gboolean markup_read_wbxml(struct markup_gate *gate, const void *document, gsize len)
{
	static const struct wbxml_handler handler = {
		.start = on_header,
		.open = on_open,
		.open_literal = on_literal,
		.text = on_text,
		.close = on_close,
	};
	struct wbxml_reader reader = {.gate = gate};
	size_t offset = 0;
	enum wbxml_result result = wbxml_read(document, len, &handler, &reader, &offset);
	gboolean limit;

	if (result == WBXML_OK || result == WBXML_STOPPED)
		return result == WBXML_OK;
	limit = result == WBXML_TOO_DEEP || result == WBXML_TOO_MANY || result == WBXML_TOO_LONG;
	g_set_error(gate->error, MARKUP_ERROR, limit ? MARKUP_ERROR_LIMIT : MARKUP_ERROR_SYNTAX,
		    "octet %zu: %s", offset, wbxml_strerror(result));
	return FALSE;
}
