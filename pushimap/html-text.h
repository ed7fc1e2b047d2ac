/*
 * What a person reads of an HTML page, as plain text in UTF-8 with CRLFs. Every octet is hostile:
 * nothing is fetched, no entity but HTML's own is known, elements nest up to a ceiling.
 */
#ifndef HTML_TEXT_H
#define HTML_TEXT_H

#include "convert-buf.h"

/* `html` is UTF-8, whatever it says of itself. False: part of it is not in `out`, which has
 * what came before. */
bool html_to_text(const char *html, size_t len, struct convert_buf *out);

#endif
