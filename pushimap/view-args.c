#include "view-args.h"

#include <string.h>
#include <strings.h>

static const char *const words[] = {"XPSEARCH", "LPSEARCH", "VFOLDER"};

#define WORDS (sizeof(words) / sizeof(words[0]))

bool view_create_is_word(const char *text)
{
	for (size_t i = 0; i < WORDS; i++) {
		size_t len = strlen(words[i]);

		/* Without its last letter: see view_create_split(). */
		if (strcasecmp(text, words[i]) == 0 ||
		    (strlen(text) == len - 1 && strncasecmp(text, words[i], len - 1) == 0))
			return true;
	}
	return false;
}

static enum webpush_error fail(const char *text, const char **error_r)
{
	*error_r = text;
	return WEBPUSH_SYNTAX;
}

/* [CHARSET charset] program, between `next` and `end`. */
static enum webpush_error parse_program(const struct arg_token *start, const struct arg_token *next,
					const struct arg_token *end, struct view_args *args,
					const char **error_r)
{
	if (next < end && next->type == ARG_TOKEN_ATOM && strcasecmp(next->text, "CHARSET") == 0) {
		if (end - next < 2 || !arg_token_is_astring(&next[1]))
			return fail("Missing charset.", error_r);
		args->charset = next[1].text;
		next += 2;
	}
	if (next == end)
		return fail("Missing search program.", error_r);
	args->program = (size_t)(next - start);
	args->program_count = (size_t)(end - next);
	return WEBPUSH_OK;
}

enum webpush_error view_create_parse(const struct arg_token *tokens, size_t count,
				     struct view_args *args_r, const char **error_r)
{
	const struct arg_token *next = tokens + 3, *end = tokens + count;
	struct view_args args = {.name = NULL};
	enum webpush_error error;
	size_t depth = 1;

	if (count < 3 || !arg_token_is_astring(&tokens[0]) || tokens[1].type != ARG_TOKEN_OPEN ||
	    tokens[2].type != ARG_TOKEN_ATOM || !view_create_is_word(tokens[2].text))
		return fail("Invalid arguments.", error_r);
	args.name = tokens[0].text;
	if (!arg_token_take(&next, end, ARG_TOKEN_OPEN))
		return fail("Missing list after the parameter's name.", error_r);
	if (next == end || !arg_token_is_astring(next))
		return fail("Missing name of the mailbox behind the view.", error_r);
	args.backing = next->text;
	next++;
	/* The row has both lists closed; nothing may come after either. */
	for (const struct arg_token *token = next; token < end; token++) {
		if (token->type == ARG_TOKEN_OPEN)
			depth++;
		else if (token->type == ARG_TOKEN_CLOSE && --depth == 0 && token != end - 2)
			return fail("Only one parameter is known.", error_r);
	}
	if (end - next < 2)
		return fail("Missing search program.", error_r);
	error = parse_program(tokens, next, end - 2, &args, error_r);
	if (error == WEBPUSH_OK)
		*args_r = args;
	return error;
}

enum webpush_error view_xpsearch_parse(const struct arg_token *tokens, size_t count,
				       struct view_args *args_r, const char **error_r)
{
	struct view_args args = {.name = NULL};
	enum webpush_error error;

	if (count == 0 || !arg_token_is_astring(tokens))
		return fail("Missing name of the view.", error_r);
	args.name = tokens->text;
	error = parse_program(tokens, tokens + 1, tokens + count, &args, error_r);
	if (error == WEBPUSH_OK)
		*args_r = args;
	return error;
}

/* --- the form without a blank ---------------------------------------------------- */

static size_t skip_name(const unsigned char *line, size_t len, size_t pos)
{
	if (pos == len || line[pos] != '"') {
		while (pos < len && memchr(" (\"{\r\n", line[pos], 6) == NULL)
			pos++;
		return pos;
	}
	for (pos++; pos < len && line[pos] != '"'; pos++) {
		if (line[pos] == '\\')
			pos++;
	}
	return pos < len ? pos + 1 : len;
}

void view_create_split(unsigned char *line, size_t len)
{
	size_t pos = 0;

	while (pos < len && line[pos] == ' ')
		pos++;
	pos = skip_name(line, len, pos);
	if (len - pos < 2 || line[pos] != ' ' || line[pos + 1] != '(')
		return;
	pos += 2;
	for (size_t i = 0; i < WORDS; i++) {
		size_t size = strlen(words[i]);

		if (len - pos > size && line[pos + size] == '(' &&
		    strncasecmp((const char *)line + pos, words[i], size) == 0)
			line[pos + size - 1] = ' ';
	}
}
