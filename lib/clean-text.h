/* What text from strangers must be before it is stored, shown or handed on: UTF-8, no
 * controls. Pure. */
#ifndef CLEAN_TEXT_H
#define CLEAN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the well-formed UTF-8 sequence (RFC 3629) that text begins with; 0 if it is
 * not one or `left`, which must not be 0, is too short for it. */
size_t utf8_sequence(const char *text, size_t left);

/* Well-formed UTF-8 without C0, DEL and C1 controls. */
bool text_is_clean(const char *text);

#endif
