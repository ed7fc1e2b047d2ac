/* Arguments of CREATE and XPSEARCH take any row of tokens, the missing blank any line, and a
 * view's file any text; a file that is taken can be written again, and reads the same. */
#include "arg-tokens.h"
#include "view-args.h"
#include "view-file.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOKENS 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_args(enum webpush_error result, const struct view_args *args, size_t count,
		       const char *error)
{
	if (result == WEBPUSH_OK)
		assert(args->program_count > 0 && args->program + args->program_count <= count);
	else
		assert(result == WEBPUSH_SYNTAX && error != NULL);
}

static void check_file(char *text)
{
	char *copy = strdup(text), out[VIEW_FILE_MAX];
	struct view_file file;

	if (view_file_parse(text, &file))
		assert(view_file_format(&file, out) == strlen(copy) && strcmp(out, copy) == 0);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arg_token tokens[MAX_TOKENS];
	char *text = malloc(size + 1);
	const char *error = NULL;
	struct view_args args;
	size_t count;

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	view_create_split((unsigned char *)text, size);
	if (size > 0)
		memcpy(text, data, size);
	check_file(text);
	if (size > 0)
		memcpy(text, data, size);
	count = tokenise(text, tokens, MAX_TOKENS);
	check_args(view_create_parse(tokens, count, &args, &error), &args, count, error);
	check_args(view_xpsearch_parse(tokens, count, &args, &error), &args, count, error);
	free(text);
	return 0;
}
