/* Rows of tokens for the harnesses of argument parsers, made of text: separated by LF, the
 * first octet of each is its type. */
#ifndef FUZZ_ARG_TOKENS_H
#define FUZZ_ARG_TOKENS_H

#include <stddef.h>
#include <string.h>

#include "arg-token.h"

/* Cuts `text`, which the tokens borrow. */
static inline size_t tokenise(char *text, struct arg_token *tokens, size_t max)
{
	size_t count = 0;

	for (char *next = text; next != NULL && count < max; count++) {
		char *token = strsep(&next, "\n");

		tokens[count].text = NULL;
		switch (*token) {
		case '(':
			tokens[count].type = ARG_TOKEN_OPEN;
			break;
		case ')':
			tokens[count].type = ARG_TOKEN_CLOSE;
			break;
		case '!':
			tokens[count].type = ARG_TOKEN_NIL;
			break;
		case '"':
			tokens[count].type = ARG_TOKEN_STRING;
			tokens[count].text = token + 1;
			break;
		default:
			tokens[count].type = ARG_TOKEN_ATOM;
			tokens[count].text = token;
			break;
		}
	}
	return count;
}

#endif
