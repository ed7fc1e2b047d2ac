/* Parsing takes any item, row of tokens and rest; what it accepts is within every ceiling and was
 * recognised. The first two lines are the item's name and what is behind its list. */
#include "arg-tokens.h"
#include "convert-args.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *name, const struct convert_request *request)
{
	assert(convert_args_match(name));
	assert(*request->section >= '1' && *request->section <= '9');
	assert(strspn(request->section, "0123456789.") == strlen(request->section));
	assert(strlen(request->section) <= LIMIT_CONVERT_SECTION);
	assert(strlen(request->type) <= LIMIT_CONVERT_WORD && strchr(request->type, '/') != NULL);
	assert(request->param_count <= LIMIT_CONVERT_PARAMS);
	assert(!(request->size && (request->partial || !request->binary)));
	for (size_t i = 0; i < request->param_count; i++) {
		assert(strlen(request->params[i].value) <= LIMIT_CONVERT_WORD);
		assert(convert_request_get(request, request->params[i].name) ==
		       request->params[i].value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arg_token tokens[32] = {{0}};
	struct convert_request request;
	char *text = malloc(size + 1), *next = text, *name, *rest;

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	name = strsep(&next, "\n");
	rest = strsep(&next, "\n");
	(void)convert_args_match(name);
	if (rest != NULL) {
		size_t count = next == NULL ? 0 : tokenise(next, tokens, 32);

		if (convert_args_parse(name, tokens, count, rest, &request) == NULL)
			check(name, &request);
	}
	free(text);
	return 0;
}
