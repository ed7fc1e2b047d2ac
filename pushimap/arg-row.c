#include "lib.h"
#include "array.h"
#include "imap-arg.h"

#include "arg-row.h"

struct arg_row {
	ARRAY(struct arg_token) tokens;
	size_t max;
	const char *error;
};

static enum webpush_error row_fail(struct arg_row *row, enum webpush_error error, const char *text)
{
	row->error = text;
	return error;
}

static enum webpush_error row_add(struct arg_row *row, enum arg_token_type type, const char *text)
{
	struct arg_token token = {.type = type, .text = text};

	if (array_count(&row->tokens) == row->max)
		return row_fail(row, WEBPUSH_LIMIT, "Too many arguments.");
	array_push_back(&row->tokens, &token);
	return WEBPUSH_OK;
}

static enum webpush_error row_add_args(struct arg_row *row, const struct imap_arg *args,
				       unsigned int depth_left)
{
	enum webpush_error error = WEBPUSH_OK;
	const struct imap_arg *list;
	const char *text;

	for (; error == WEBPUSH_OK && !IMAP_ARG_IS_EOL(args); args++) {
		if (args->type == IMAP_ARG_NIL) {
			error = row_add(row, ARG_TOKEN_NIL, NULL);
		} else if (imap_arg_get_astring(args, &text)) {
			/* A literal may have NULs, and what is behind one would be lost. */
			if (strlen(text) != args->str_len)
				error = row_fail(row, WEBPUSH_SYNTAX, "Argument has NULs.");
			else
				error = row_add(row,
						args->type == IMAP_ARG_ATOM ? ARG_TOKEN_ATOM
									    : ARG_TOKEN_STRING,
						text);
		} else if (!imap_arg_get_list(args, &list) || depth_left == 0) {
			error = row_fail(row, WEBPUSH_SYNTAX, "Invalid arguments.");
		} else {
			error = row_add(row, ARG_TOKEN_OPEN, NULL);
			if (error == WEBPUSH_OK)
				error = row_add_args(row, list, depth_left - 1);
			if (error == WEBPUSH_OK)
				error = row_add(row, ARG_TOKEN_CLOSE, NULL);
		}
	}
	return error;
}

enum webpush_error arg_row_read(pool_t pool, const struct imap_arg *args, size_t max_tokens,
				unsigned int max_depth, struct arg_token **tokens_r,
				size_t *count_r, const char **error_r)
{
	struct arg_row row = {.max = max_tokens};
	enum webpush_error error;
	unsigned int count;

	p_array_init(&row.tokens, pool, 32);
	error = row_add_args(&row, args, max_depth);
	if (error != WEBPUSH_OK) {
		*error_r = row.error;
		return error;
	}
	*tokens_r = array_get_modifiable(&row.tokens, &count);
	*count_r = count;
	return WEBPUSH_OK;
}
