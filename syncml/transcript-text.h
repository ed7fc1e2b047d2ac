/*
 * One message in a transcript, for people: its octets, and what they say as indented XML,
 * whichever of the two it was. Credentials and keys of sessions are blanked in both. Whatever the
 * octets are, the text is UTF-8 that a terminal may be shown. Pure.
 */
#ifndef FANTAIL_SYNCML_TRANSCRIPT_TEXT_H
#define FANTAIL_SYNCML_TRANSCRIPT_TEXT_H

#include "markup.h"

/* `title`: a line, whose control characters are blanked, too. */
void transcript_text_add(GString *text, const char *title, const void *body, gsize len);

#endif
