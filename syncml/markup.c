#include "markup-private.h"

GQuark markup_error_quark(void)
{
	return g_quark_from_static_string("fantail-markup-error");
}

static gboolean too_much(struct markup_gate *gate, const char *what, guint limit)
{
	g_set_error(gate->error, MARKUP_ERROR, MARKUP_ERROR_LIMIT, "more than %u %s", limit, what);
	return FALSE;
}

/* The root says which language it is; DevInf may stand inside SyncML. */
static gboolean enter(struct markup_gate *gate, enum sml_element element)
{
	enum sml_element root = gate->root == SML_LANGUAGE_SYNCML ? SML_SYNCML : DEV_DEVINF;

	if (gate->depth == 0 && element != root) {
		g_set_error(gate->error, MARKUP_ERROR, MARKUP_ERROR_LANGUAGE,
			    "the root element is not %s", sml_element_name(root));
		return FALSE;
	}
	if (element == DEV_DEVINF)
		gate->language = SML_LANGUAGE_DEVINF;
	return TRUE;
}

gboolean markup_gate_open(struct markup_gate *gate, enum sml_element element)
{
	if (++gate->elements > LIMIT_MARKUP_ELEMENTS)
		return too_much(gate, "elements", LIMIT_MARKUP_ELEMENTS);
	if (gate->depth + gate->skipped >= LIMIT_MARKUP_DEPTH)
		return too_much(gate, "levels of elements", LIMIT_MARKUP_DEPTH);
	if (gate->skipped > 0 || (element == SML_NONE && gate->depth > 0)) {
		gate->skipped++;
		return TRUE;
	}
	if (!enter(gate, element))
		return FALSE;
	gate->open[gate->depth++] = element;
	return gate->handler->open(element, gate->data, gate->error);
}

gboolean markup_gate_text(struct markup_gate *gate, const char *text, gsize len)
{
	if (gate->skipped > 0 || gate->depth == 0 || len == 0)
		return TRUE;
	return gate->handler->text(text, len, gate->data, gate->error);
}

gboolean markup_gate_close(struct markup_gate *gate)
{
	enum sml_element element;

	if (gate->skipped > 0) {
		gate->skipped--;
		return TRUE;
	}
	element = gate->open[--gate->depth];
	if (element == DEV_DEVINF)
		gate->language = gate->root;
	return gate->handler->close(element, gate->data, gate->error);
}

gboolean markup_read(enum sml_encoding encoding, enum sml_language language, const void *document,
		     gsize len, const struct markup_handler *handler, gpointer data, GError **error)
{
	g_autoptr(GError) failure = NULL;
	struct markup_gate gate = {
		.handler = handler,
		.data = data,
		.error = &failure,
		.language = language,
		.root = language,
	};
	gboolean ok = encoding == SML_XML ? markup_read_xml(&gate, document, len)
					  : markup_read_wbxml(&gate, document, len);

	if (!ok)
		g_propagate_error(error, g_steal_pointer(&failure));
	return ok;
}

enum sml_encoding markup_guess(const void *document, gsize len)
{
	const guint8 *octets = document;

	return len > 0 && octets[0] >= 0x01 && octets[0] <= 0x03 ? SML_WBXML : SML_XML;
}
