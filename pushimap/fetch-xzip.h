/*
 * FETCH items of P-IMAP (draft-maes-lemonade-p-imap-12, 5.3.3): XZIP[part], XZIP.PEEK[part] and
 * XZIP.SIZE[part] are BINARY's of the same names (RFC 3516), compressed with DEFLATE (RFC 1951).
 */
#ifndef FETCH_XZIP_H
#define FETCH_XZIP_H

void fetch_xzip_register(void);
void fetch_xzip_unregister(void);

#endif
