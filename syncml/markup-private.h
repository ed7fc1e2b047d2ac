/* What markup.c and the readers share. Theirs alone. */
#ifndef FANTAIL_SYNCML_MARKUP_PRIVATE_H
#define FANTAIL_SYNCML_MARKUP_PRIVATE_H

#include "limits.h"
#include "markup.h"

/* The elements that are open, and what is left out. Between a reader of a syntax and its
 * handler; the same rules for both. */
struct markup_gate {
	const struct markup_handler *handler;
	gpointer data;
	GError **error;
	enum sml_language language; /* of what opens next */
	enum sml_language root;
	enum sml_element open[LIMIT_MARKUP_DEPTH];
	guint depth;
	guint skipped; /* depth below an element that is not known; 0 = nothing is left out */
	guint elements;
};

/* FALSE with *error set: stop. SML_NONE: not known. */
gboolean markup_gate_open(struct markup_gate *gate, enum sml_element element);
gboolean markup_gate_text(struct markup_gate *gate, const char *text, gsize len);
gboolean markup_gate_close(struct markup_gate *gate);

gboolean markup_read_xml(struct markup_gate *gate, const void *document, gsize len);
gboolean markup_read_wbxml(struct markup_gate *gate, const void *document, gsize len);

#endif
