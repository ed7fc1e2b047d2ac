/*
 * A reply under construction, for both HTTP versions: holds what limits.h
 * allows of it and says when it is too much.
 */
#ifndef FANTAIL_HTTP_REPLY_H
#define FANTAIL_HTTP_REPLY_H

#include "http-client.h"

struct http_reply_builder {
	struct http_reply reply; /* body set by http_reply_finish */
	GByteArray *body;
	gsize header_bytes;
};

void http_reply_init(struct http_reply_builder *builder, gboolean http2);
void http_reply_clear(struct http_reply_builder *builder);

/* FALSE: over LIMIT_RESPONSE_HEADERS, of no further use. Lengths of names and
 * values are counted as RFC 9113 6.5.2 does, with 32 more for each. */
gboolean http_reply_add_header(struct http_reply_builder *builder, const char *name, gsize name_len,
			       const char *value, gsize value_len);
/* What came before was an interim answer (1xx). */
void http_reply_restart(struct http_reply_builder *builder);
/* FALSE: the body is full, more need not be read. */
gboolean http_reply_add_body(struct http_reply_builder *builder, const void *data, gsize len);
/* Borrowed from the builder. */
const struct http_reply *http_reply_finish(struct http_reply_builder *builder);

#endif
