/*
 * The elements of SyncML, MetInf and DevInf, one enumeration for XML and WBXML: page and
 * token as WBXML has them (OMA SyncML Representation Protocol 1.2.2, Meta Information
 * 1.2.2, Device Information 1.2), and the language above these.
 */
#ifndef FANTAIL_SYNCML_ELEMENT_H
#define FANTAIL_SYNCML_ELEMENT_H

#include <glib.h>

enum sml_language {
	SML_LANGUAGE_SYNCML = 0, /* page 0; MetInf is its page 1 */
	SML_LANGUAGE_DEVINF = 1,
};

#define SML_ELEMENT(language, page, tag) ((language) << 16 | (page) << 8 | (tag))
#define SML_ELEMENT_LANGUAGE(element) ((unsigned int)(element) >> 16)
#define SML_ELEMENT_PAGE(element) ((unsigned int)(element) >> 8 & 0xff)
#define SML_ELEMENT_TAG(element) ((unsigned int)(element)&0xff)

enum sml_element {
	SML_NONE = 0, /* no element, or one that is not known */
#define X(id, language, page, tag, name) id = SML_ELEMENT(language, page, tag),
#include "element-table.h"
#undef X
};

/* "Anchor"; a static string. */
const char *sml_element_name(enum sml_element element);
/* SML_NONE: no such element; "MaxSize" is DEV_SIZE. Names are case sensitive. In
 * SML_LANGUAGE_SYNCML those of MetInf are found, too: no name is in both pages. */
enum sml_element sml_element_find(enum sml_language language, const char *name, gsize len);
/* By WBXML page and token. */
enum sml_element sml_element_of_token(enum sml_language language, unsigned int page,
				      unsigned int tag);

#endif
