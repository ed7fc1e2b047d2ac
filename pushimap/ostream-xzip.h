/*
 * An output stream that hands what is written to its parent as IMAP responses of compressed data:
 *
 *     * XZIP ~{n} CRLF n octets CRLF
 *
 * The octets of all responses together are one stream of raw DEFLATE (RFC 1951), which never ends.
 * It outlives the output stream, so that what was sent before helps with what comes next.
 *
 * Between xzip_begin() and xzip_end() nobody else may write to the parent; afterwards the parent
 * has whole responses, all that was written is in them, and a client can inflate it.
 */
#ifndef OSTREAM_XZIP_H
#define OSTREAM_XZIP_H

struct ostream;
struct xzip;

/* Takes a quarter of a megabyte, and is the caller's. */
struct xzip *xzip_create(void);
void xzip_free(struct xzip **xzip);

/* `parent` is referred to until xzip_end(). One at a time. With a buffer size the stream takes
 * nothing while the parent has more than that; without one it takes everything, as the parent. */
struct ostream *xzip_begin(struct xzip *xzip, struct ostream *parent);
/* Writes the rest to the parent, whose buffer size is unlimited from then on. */
void xzip_end(struct ostream **output);

#endif
