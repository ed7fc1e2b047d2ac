/* Rows of tokens for tests of argument parsers: a command line in the simplest form, with
 * blanks between tokens and "x" quoted. */
#ifndef UNIT_ARG_TOKENS_H
#define UNIT_ARG_TOKENS_H

#include <glib.h>
#include <string.h>

#include "arg-token.h"

/* Cuts the words, which the tokens borrow. */
static inline size_t tokenise(char **words, struct arg_token *tokens, size_t max)
{
	size_t count = 0;

	for (; *words != NULL; words++) {
		char *word = *words;
		struct arg_token *token = &tokens[count];

		if (*word == '\0')
			continue; /* between two blanks */
		count++;
		g_assert_cmpuint(count, <=, max);
		token->text = NULL;
		if (strcmp(word, "(") == 0) {
			token->type = ARG_TOKEN_OPEN;
		} else if (strcmp(word, ")") == 0) {
			token->type = ARG_TOKEN_CLOSE;
		} else if (strcmp(word, "NIL") == 0) {
			token->type = ARG_TOKEN_NIL;
		} else if (word[0] == '"') {
			word[strlen(word) - 1] = '\0';
			token->type = ARG_TOKEN_STRING;
			token->text = word + 1;
		} else {
			token->type = ARG_TOKEN_ATOM;
			token->text = word;
		}
	}
	return count;
}

#endif
