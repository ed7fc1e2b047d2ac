#include "lib.h"
#include "ostream-private.h"

#include "limits.h"
#include "ostream-xzip.h"

#include <zlib.h>

/* Without zlib's or gzip's wrapping. */
#define RAW_WINDOW (-15)
#define DEFAULT_MEMORY_LEVEL 8
#define HEADER_SIZE 32

struct xzip {
	z_stream stream;
	/* Room for the header, which cannot be written before the data, the data, CRLF. */
	unsigned char block[HEADER_SIZE + LIMIT_XZIP_BLOCK + 2];
	size_t sent, end; /* of `block`; only if it is whole */
	bool whole;
	bool dirty; /* zlib has data that was not flushed */
	bool in_use;
};

struct xzip_ostream {
	struct ostream_private ostream;
	struct xzip *xzip;
};

struct xzip *xzip_create(void)
{
	struct xzip *xzip = i_new(struct xzip, 1);

	if (deflateInit2(&xzip->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW_WINDOW,
			 DEFAULT_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		i_fatal_status(FATAL_OUTOFMEM, "deflateInit2(): out of memory");
	xzip->stream.next_out = xzip->block + HEADER_SIZE;
	xzip->stream.avail_out = LIMIT_XZIP_BLOCK;
	return xzip;
}

void xzip_free(struct xzip **_xzip)
{
	struct xzip *xzip = *_xzip;

	if (xzip == NULL)
		return;
	*_xzip = NULL;
	(void)deflateEnd(&xzip->stream);
	i_free(xzip);
}

/* --- blocks ----------------------------------------------------------------- */

static void block_finish(struct xzip *xzip)
{
	size_t size = LIMIT_XZIP_BLOCK - xzip->stream.avail_out;
	char header[HEADER_SIZE];
	size_t len;

	if (size == 0)
		return;
	if (i_snprintf(header, sizeof(header), "* XZIP ~{%zu}\r\n", size) < 0)
		i_unreached();
	len = strlen(header);
	xzip->sent = HEADER_SIZE - len;
	memcpy(xzip->block + xzip->sent, header, len);
	xzip->end = HEADER_SIZE + size;
	memcpy(xzip->block + xzip->end, "\r\n", 2);
	xzip->end += 2;
	xzip->whole = TRUE;
}

/* 1: gone, there is room for the next one. 0: the parent does not take it. */
static int block_send(struct xzip_ostream *stream)
{
	struct xzip *xzip = stream->xzip;
	ssize_t ret;

	ret = o_stream_send(stream->ostream.parent, xzip->block + xzip->sent,
			    xzip->end - xzip->sent);
	if (ret < 0) {
		o_stream_copy_error_from_parent(&stream->ostream);
		return -1;
	}
	xzip->sent += (size_t)ret;
	if (xzip->sent < xzip->end)
		return 0;
	xzip->whole = FALSE;
	xzip->stream.next_out = xzip->block + HEADER_SIZE;
	xzip->stream.avail_out = LIMIT_XZIP_BLOCK;
	return 1;
}

/* Gives the parent all there is, as block_send(). */
static int send_rest(struct xzip_ostream *stream)
{
	struct xzip *xzip = stream->xzip;
	int ret;

	for (;;) {
		if (xzip->whole && (ret = block_send(stream)) <= 0)
			return ret;
		if (xzip->dirty) {
			xzip->stream.avail_in = 0;
			(void)deflate(&xzip->stream, Z_SYNC_FLUSH);
			/* With no room left there may be more. */
			xzip->dirty = xzip->stream.avail_out == 0;
		}
		block_finish(xzip);
		if (!xzip->whole)
			return 1;
	}
}

/* --- the stream ------------------------------------------------------------- */

/* Whether the parent is so full that a writer who has set a limit has to wait: what of it has been
 * compressed is held here and would go there at the end in any case. */
static int parent_is_full(struct xzip_ostream *stream)
{
	struct ostream *parent = stream->ostream.parent;
	size_t limit = stream->ostream.max_buffer_size;

	if (limit == SIZE_MAX || o_stream_get_buffer_used_size(parent) <= limit)
		return 0;
	if (o_stream_flush(parent) < 0) {
		o_stream_copy_error_from_parent(&stream->ostream);
		return -1;
	}
	return o_stream_get_buffer_used_size(parent) > limit ? 1 : 0;
}

static ssize_t xzip_sendv(struct ostream_private *_stream, const struct const_iovec *iov,
			  unsigned int iov_count)
{
	struct xzip_ostream *stream = container_of(_stream, struct xzip_ostream, ostream);
	struct xzip *xzip = stream->xzip;
	z_stream *zs = &xzip->stream;
	ssize_t bytes = 0;
	int ret;

	if ((ret = parent_is_full(stream)) != 0)
		return ret < 0 ? -1 : 0;
	for (unsigned int i = 0; i < iov_count; i++) {
		size_t size = I_MIN(iov[i].iov_len, INT_MAX);

		zs->next_in = (unsigned char *)iov[i].iov_base;
		zs->avail_in = (unsigned int)size;
		while (zs->avail_in > 0) {
			if (zs->avail_out == 0 && !xzip->whole)
				block_finish(xzip);
			if (xzip->whole && (ret = block_send(stream)) <= 0)
				break;
			(void)deflate(zs, Z_NO_FLUSH);
			xzip->dirty = TRUE;
		}
		size -= zs->avail_in;
		bytes += (ssize_t)size;
		zs->avail_in = 0;
		if (_stream->ostream.stream_errno != 0)
			return -1;
		if (size < iov[i].iov_len)
			break;
	}
	_stream->ostream.offset += (uoff_t)bytes;
	return bytes;
}

static int xzip_flush(struct ostream_private *_stream)
{
	struct xzip_ostream *stream = container_of(_stream, struct xzip_ostream, ostream);
	int ret = parent_is_full(stream);

	if (ret != 0)
		return ret < 0 ? -1 : 0;
	if ((ret = send_rest(stream)) <= 0)
		return ret;
	return o_stream_flush_parent(_stream);
}

/* What is being compressed is not much, and nobody has to wait for it. */
static size_t xzip_get_buffer_used_size(const struct ostream_private *_stream)
{
	const struct xzip_ostream *stream =
		container_of(_stream, const struct xzip_ostream, ostream);
	const struct xzip *xzip = stream->xzip;

	return (xzip->whole ? xzip->end - xzip->sent : 0) +
	       o_stream_get_buffer_used_size(_stream->parent);
}

struct ostream *xzip_begin(struct xzip *xzip, struct ostream *parent)
{
	struct xzip_ostream *stream = i_new(struct xzip_ostream, 1);
	struct ostream *output;

	i_assert(!xzip->in_use);
	xzip->in_use = TRUE;
	stream->xzip = xzip;
	stream->ostream.sendv = xzip_sendv;
	stream->ostream.flush = xzip_flush;
	stream->ostream.get_buffer_used_size = xzip_get_buffer_used_size;
	output = o_stream_create(&stream->ostream, parent, o_stream_get_fd(parent));
	o_stream_set_no_error_handling(output, TRUE);
	/* There are commands that uncork in between and cork again. */
	stream->ostream.corked = o_stream_is_corked(parent);
	/* Command statistics count octets from one call to the next. */
	output->offset = parent->offset;
	return output;
}

void xzip_end(struct ostream **_output)
{
	struct ostream *output = *_output;
	struct xzip_ostream *stream =
		container_of(output->real_stream, struct xzip_ostream, ostream);
	struct ostream *parent = output->real_stream->parent;

	*_output = NULL;
	/* Half a block would be the end of the conversation. It is not much, and a writer with a
	 * limit adds nothing before it is gone. */
	o_stream_set_max_buffer_size(parent, SIZE_MAX);
	if (!output->closed && output->stream_errno == 0 && send_rest(stream) == 0)
		i_unreached();
	stream->xzip->in_use = FALSE;
	o_stream_unref(&output);
}
