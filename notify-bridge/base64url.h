/* base64url without padding (RFC 4648 section 5), as JOSE and Web Push use it. Pure. */
#ifndef FANTAIL_BASE64URL_H
#define FANTAIL_BASE64URL_H

#include <glib.h>

char *base64url_encode(const void *data, gsize len);
/* NULL if `text` has any octet outside the alphabet (trailing '=' is taken) or
 * left-over bits that are not zero. Not NUL-terminated. */
guint8 *base64url_decode(const char *text, gsize *len_r);

#endif
