/* Bodies in gzip, in both directions. Pure. */
#ifndef FANTAIL_SYNCML_HTTP_GZIP_H
#define FANTAIL_SYNCML_HTTP_GZIP_H

#include <gio/gio.h>

/* Errors: G_IO_ERROR_MESSAGE_TOO_LARGE for what is larger than LIMIT_SYNCML_BODY, or much
 * larger than it came; else it is no gzip. */
GBytes *gzip_unpack(GBytes *packed, GError **error);
/* NULL: not worth it. */
GBytes *gzip_pack(GBytes *body);

#endif
