/*
 * A command's arguments as a flat row of tokens, for parsers that know neither Dovecot
 * nor its parser and can be fuzzed alone. arg-row.h makes the row.
 */
#ifndef ARG_TOKEN_H
#define ARG_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

enum arg_token_type {
	ARG_TOKEN_ATOM,
	ARG_TOKEN_STRING, /* quoted or literal */
	ARG_TOKEN_NIL,
	ARG_TOKEN_OPEN,
	ARG_TOKEN_CLOSE,
};

struct arg_token {
	enum arg_token_type type;
	const char *text; /* ATOM and STRING; never NULL there */
};

static inline bool arg_token_is_astring(const struct arg_token *token)
{
	return token->type == ARG_TOKEN_ATOM || token->type == ARG_TOKEN_STRING;
}

/* Goes past *next if it is of that type. */
static inline bool arg_token_take(const struct arg_token **next, const struct arg_token *end,
				  enum arg_token_type type)
{
	if (*next == end || (*next)->type != type)
		return false;
	++*next;
	return true;
}

#endif
