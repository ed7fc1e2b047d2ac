/* Text from mail made fit to be shown or sent: valid UTF-8, no control characters,
 * not too long. Pure. */
#ifndef FANTAIL_UTF8_TEXT_H
#define FANTAIL_UTF8_TEXT_H

#include <glib.h>

/* A copy in which octets that are no UTF-8 are U+FFFD and each control character
 * (C0, DEL, C1, line and paragraph separator) is a blank. NULL yields NULL. */
char *utf8_text_clean(const char *text);

/* Cleaned, and if that is longer than `max` bytes cut there at a character; then
 * `ellipsis` ("" = none) follows. NULL yields NULL. */
char *utf8_text_cut(const char *text, gsize max, const char *ellipsis);

#endif
