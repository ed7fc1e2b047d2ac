/*
 * SyncML messages and DevInf documents of any version, made at random, the same for the same
 * number: in the shape of the DTDs, with now and then an element where no DTD has it, which a
 * reader of tokens does not know. Between them they have every element.
 */
#ifndef FANTAIL_TEST_SML_DOCUMENTS_H
#define FANTAIL_TEST_SML_DOCUMENTS_H

#include "markup.h"

/* Has text or children, or neither. */
struct node {
	enum sml_element element;
	char *text;
	GPtrArray *children; /* struct node * */
};
typedef struct node node_t;
void node_free(struct node *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(node_t, node_free)

/* `encoding`: of a DevInf in it, whose Type says it. Some 1 in 4 is a DevInf of its own. */
struct node *sml_document_make(guint32 number, enum sml_encoding encoding,
			       enum sml_version *version_r);

/* "1.2" */
const char *sml_version_name(enum sml_version version);
/* Does the version have it? */
gboolean sml_element_exists(enum sml_element element, enum sml_version version);

#endif
