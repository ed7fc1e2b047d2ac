#include "imap-common.h"
#include "imap-client.h"
#include "imap-fetch.h"
#include "imap-msgpart.h"
#include "iostream-temp.h"
#include "istream.h"
#include "mail-storage-private.h"
#include "mail-user.h"
#include "ostream.h"
#include "str.h"

#include "fetch-literal.h"
#include "fetch-xzip.h"
#include "limits.h"
#include "pushimap-plugin.h"

#include <zlib.h>

/* A literal is announced with its size, so a part is compressed before anything of it goes
 * out: in memory, or beyond this in a temporary file. */
#define MEMORY_OCTETS (128 * 1024)
/* Without zlib's or gzip's wrapping. */
#define RAW_WINDOW (-15)
#define DEFAULT_MEMORY_LEVEL 8

struct xzip_item {
	struct imap_msgpart *part;
	const char *name; /* as in the response */
};

/* --- compressing ------------------------------------------------------------ */

/* Deflates what `stream` was given. */
static void deflate_some(z_stream *stream, int flush, struct ostream *output)
{
	unsigned char out[16384];

	do {
		stream->next_out = out;
		stream->avail_out = sizeof(out);
		(void)deflate(stream, flush);
		o_stream_nsend(output, out, sizeof(out) - stream->avail_out);
	} while (stream->avail_out == 0);
}

/* What comes from now on is stored as it is, which costs nothing. */
static void deflate_no_more(z_stream *stream, struct ostream *output)
{
	unsigned char out[16384];
	int ret;

	do {
		stream->next_out = out;
		stream->avail_out = sizeof(out);
		ret = deflateParams(stream, Z_NO_COMPRESSION, Z_DEFAULT_STRATEGY);
		o_stream_nsend(output, out, sizeof(out) - stream->avail_out);
	} while (ret == Z_BUF_ERROR);
}

/* -1: the mail's storage has the error. */
static int deflate_all(struct mail *mail, struct istream *input, struct ostream *output)
{
	z_stream stream = {.zalloc = NULL};
	const unsigned char *data;
	bool enough = FALSE;
	size_t size;

	if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW_WINDOW,
			 DEFAULT_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		i_fatal_status(FATAL_OUTOFMEM, "deflateInit2(): out of memory");
	while (i_stream_read_more(input, &data, &size) > 0) {
		if (!enough && input->v_offset >= LIMIT_XZIP_OCTETS) {
			deflate_no_more(&stream, output);
			enough = TRUE;
		}
		size = I_MIN(size, UINT_MAX);
		stream.next_in = (unsigned char *)data;
		stream.avail_in = (unsigned int)size;
		deflate_some(&stream, Z_NO_FLUSH, output);
		i_stream_skip(input, size);
	}
	deflate_some(&stream, Z_FINISH, output);
	(void)deflateEnd(&stream);

	if (input->stream_errno != 0) {
		mail_set_critical(mail, "read(%s) failed: %s (FETCH XZIP)",
				  i_stream_get_name(input), i_stream_get_error(input));
		return -1;
	}
	return 0;
}

/* The compressed part as a stream of `size_r` octets; -1: the mail's storage has the error. */
static int xzip_open(struct mail *mail, struct xzip_item *item, struct istream **zipped_r,
		     uoff_t *size_r)
{
	struct mail_user *user = mail->box->storage->user;
	struct imap_msgpart_open_result part;
	string_t *prefix = t_str_new(128);
	struct ostream *output;
	struct istream *zipped;
	int ret;

	if (imap_msgpart_open(mail, item->part, &part) < 0)
		return -1;
	mail_user_set_get_temp_prefix(prefix, user->set);
	output = iostream_temp_create_sized(str_c(prefix), 0, "(XZIP)", MEMORY_OCTETS);
	ret = deflate_all(mail, part.input, output);
	i_stream_unref(&part.input);
	if (ret < 0) {
		o_stream_abort(output);
		o_stream_destroy(&output);
		return -1;
	}
	if (o_stream_finish(output) < 0) {
		mail_set_critical(mail, "write(%s) failed: %s (FETCH XZIP)",
				  o_stream_get_name(output), o_stream_get_error(output));
		o_stream_destroy(&output);
		return -1;
	}
	zipped = iostream_temp_finish(&output, IO_BLOCK_SIZE);
	if (i_stream_get_size(zipped, TRUE, size_r) <= 0) {
		mail_set_critical(mail, "write(%s) failed: %s (FETCH XZIP)",
				  i_stream_get_name(zipped), i_stream_get_error(zipped));
		i_stream_unref(&zipped);
		return -1;
	}
	*zipped_r = zipped;
	return 0;
}

/* --- answering -------------------------------------------------------------- */

static int fetch_xzip(struct imap_fetch_context *ctx, struct mail *mail, struct xzip_item *item)
{
	struct istream *zipped;
	uoff_t size;

	if (mail == NULL) {
		imap_msgpart_free(&item->part);
		return 1;
	}
	if (xzip_open(mail, item, &zipped, &size) < 0)
		return -1;
	return fetch_literal_send(ctx, t_strdup_printf("%s ~{%" PRIuUOFF_T "}", item->name, size),
				  zipped, size, item->name);
}

static int fetch_xzip_size(struct imap_fetch_context *ctx, struct mail *mail,
			   struct xzip_item *item)
{
	struct istream *zipped;
	uoff_t size;

	if (mail == NULL) {
		imap_msgpart_free(&item->part);
		return 1;
	}
	/* Nobody knows it before it was done. */
	if (xzip_open(mail, item, &zipped, &size) < 0)
		return -1;
	i_stream_unref(&zipped);
	return fetch_item_send(ctx, t_strdup_printf("%s %" PRIuUOFF_T, item->name, size));
}

/* --- the request ------------------------------------------------------------ */

static bool starts_with(const char **text, const char *start)
{
	size_t len = strlen(start);

	if (strncmp(*text, start, len) != 0)
		return FALSE;
	*text += len;
	return TRUE;
}

/* The length of RFC 3516's section-binary in `text`: nothing, or numbers with dots between. */
static size_t section_length(const char *text)
{
	const char *p = text;

	while (*p >= '1' && *p <= '9') {
		p += strspn(p, "0123456789");
		if (*p != '.')
			return (size_t)(p - text);
		p++;
	}
	/* After a dot there is nothing. */
	return 0;
}

static bool fetch_xzip_init(struct imap_fetch_init_context *ctx)
{
	struct xzip_item *item;
	const char *p = ctx->name, *section;
	bool size, peek;
	size_t len;

	if (pushimap_user_get(ctx->fetch_ctx->client->user) == NULL) {
		/* As if it were not there. */
		ctx->error = p_strdup_printf(ctx->pool, "Unknown parameter: %s", ctx->name);
		return FALSE;
	}
	(void)starts_with(&p, "XZIP");
	size = starts_with(&p, ".SIZE");
	peek = size || starts_with(&p, ".PEEK");
	if (*p != '[') {
		ctx->error = "Invalid XZIP[..] parameter: Missing '['";
		return FALSE;
	}
	len = section_length(++p);
	section = p_strndup(ctx->pool, p, len);
	if (strcmp(p + len, "]") != 0) {
		ctx->error = "Invalid XZIP[..] parameter: only numbers of parts";
		return FALSE;
	}
	item = p_new(ctx->pool, struct xzip_item, 1);
	if (imap_msgpart_parse(section, &item->part) < 0) {
		ctx->error = "Invalid XZIP[..] section";
		return FALSE;
	}
	imap_msgpart_set_decode_to_binary(item->part);
	item->name = p_strdup_printf(ctx->pool, "XZIP%s[%s]", size ? ".SIZE" : "", section);
	ctx->name = item->name;
	ctx->fetch_ctx->fetch_data |= imap_msgpart_get_fetch_data(item->part);
	if (!peek)
		ctx->fetch_ctx->flags_update_seen = TRUE;
	if (size)
		imap_fetch_add_handler(ctx, IMAP_FETCH_HANDLER_FLAG_WANT_DEINIT, "0",
				       fetch_xzip_size, item);
	else
		imap_fetch_add_handler(ctx, IMAP_FETCH_HANDLER_FLAG_WANT_DEINIT, "NIL", fetch_xzip,
				       item);
	return TRUE;
}

static const struct imap_fetch_handler handler = {"XZIP", fetch_xzip_init};

void fetch_xzip_register(void)
{
	imap_fetch_handlers_register(&handler, 1);
}

void fetch_xzip_unregister(void)
{
	imap_fetch_handler_unregister(handler.name);
}
