/*
 * Dovecot's tree of arguments as a row of tokens (arg-token.h).
 */
#ifndef ARG_ROW_H
#define ARG_ROW_H

#include "arg-token.h"
#include "webpush-args.h"

struct imap_arg;

/* At most `max_tokens` tokens and lists `max_depth` deep; strings are borrowed from the
 * arguments, the row is the pool's. */
enum webpush_error arg_row_read(pool_t pool, const struct imap_arg *args, size_t max_tokens,
				unsigned int max_depth, struct arg_token **tokens_r,
				size_t *count_r, const char **error_r);

#endif
