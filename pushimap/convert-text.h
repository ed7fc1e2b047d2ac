/*
 * Text in another charset, and octets in a transfer encoding. Every octet is hostile, and so are
 * names of charsets. Pure.
 */
#ifndef CONVERT_TEXT_H
#define CONVERT_TEXT_H

#include "convert-buf.h"

enum convert_encoding {
	CONVERT_7BIT,
	CONVERT_8BIT,
	CONVERT_BINARY,
	CONVERT_QUOTED_PRINTABLE,
	CONVERT_BASE64,
};

/* Whether there is such a charset, which is one that text can be recoded to. */
bool convert_charset_known(const char *charset);

/* Adds `data` in another charset. *lost_r: set if not everything could be said in it, or was
 * valid in the first place. False: `to` is not known; `from` that is not known is taken for
 * UTF-8. */
bool convert_text_recode(const char *from, const char *to, const char *data, size_t len,
			 struct convert_buf *out, bool *lost_r);

/* The name, in any case. */
bool convert_encoding_parse(const char *name, enum convert_encoding *encoding_r);
const char *convert_encoding_name(enum convert_encoding encoding);

/* Whether `data` can go without being changed (RFC 2045 2.7, 2.8). */
bool convert_encoding_fits(enum convert_encoding encoding, const char *data, size_t len);

/* What changes text the least. */
enum convert_encoding convert_encoding_choose(const char *data, size_t len);

/* Adds `data` in the encoding; for those that change nothing as it is. */
void convert_encode(enum convert_encoding encoding, const char *data, size_t len,
		    struct convert_buf *out);

#endif
