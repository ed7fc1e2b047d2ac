/* Each parser takes any row of tokens; what it accepts is within every ceiling, and
 * criteria in their one spelling are one line whose strings can be read again. */
#include "arg-tokens.h"
#include "pimap-args.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOKENS 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The strings of the line are those of the tokens, in their order. */
static void check_line(const char *line, const struct arg_token *tokens, size_t count)
{
	char *out = malloc(strlen(line) + 1);

	assert(strpbrk(line, "\r\n") == NULL);
	for (size_t i = 0; i < count; i++) {
		/* An atom of the fuzzer may be anything; the real ones have no quotes. */
		if (tokens[i].type == ARG_TOKEN_ATOM && strpbrk(tokens[i].text, "\"\\") != NULL)
			break;
		if (tokens[i].type != ARG_TOKEN_STRING)
			continue;
		line = strchr(line, '"');
		assert(line != NULL && pimap_unquote(&line, out));
		assert(strcmp(out, tokens[i].text) == 0);
	}
	free(out);
}

static void check_filter(const struct arg_token *tokens, size_t count)
{
	char criteria[LIMIT_FILTER_CRITERIA + 1];
	struct pimap_filter filter;
	const char *error = NULL;

	if (pimap_filter_parse(tokens, count, &filter, &error) != WEBPUSH_OK) {
		assert(error != NULL);
		return;
	}
	assert(strlen(filter.name) <= LIMIT_FILTER_NAME);
	assert(filter.criteria + filter.criteria_count <= count);
	for (size_t i = filter.criteria; i < filter.criteria + filter.criteria_count; i++) {
		/* Dovecot's atoms have none. */
		if (tokens[i].type == ARG_TOKEN_ATOM && strpbrk(tokens[i].text, "\r\n") != NULL)
			return;
	}
	if (pimap_tokens_format(tokens + filter.criteria, filter.criteria_count, criteria,
				sizeof(criteria), &error) == WEBPUSH_OK)
		check_line(criteria, tokens + filter.criteria, filter.criteria_count);
}

/* Names of metadata entries come here, too. */
static void check_name(const char *text)
{
	char name[LIMIT_FILTER_NAME + 1], again[LIMIT_FILTER_NAME + 1];
	const char *error = NULL;

	if (pimap_filter_name(text, name, &error) != WEBPUSH_OK) {
		assert(error != NULL);
		return;
	}
	assert(*name != '\0' && strpbrk(name, "/ \"\\(){%*\r\n") == NULL);
	assert(pimap_filter_name(name, again, &error) == WEBPUSH_OK && strcmp(name, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arg_token tokens[MAX_TOKENS];
	enum pimap_pref prefs[PIMAP_PREF_COUNT];
	char *text = malloc(size + 1), device[PIMAP_DEVICE_SIZE];
	const char *error = NULL, *name, *id;
	struct pimap_set set;
	size_t count, found;

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (pimap_device_from_login(text, device))
		assert(pimap_device_valid(device));
	check_name(text);
	count = tokenise(text, tokens, MAX_TOKENS);
	if (pimap_set_parse(tokens, count, &set, &error) == WEBPUSH_OK)
		assert(set.pref < PIMAP_PREF_COUNT && strlen(set.value) <= LIMIT_PIMAP_NEW_FORMAT);
	else
		assert(error != NULL);
	if (pimap_get_parse(tokens, count, prefs, &found, &error) == WEBPUSH_OK)
		assert(found > 0 && found <= PIMAP_PREF_COUNT);
	if (pimap_provision_parse(tokens, count, &name, &id, &error) == WEBPUSH_OK) {
		assert(name == NULL || pimap_device_valid(name));
		assert(id == NULL || (name != NULL && strlen(id) <= LIMIT_NOTIFICATION_ID));
	}
	check_filter(tokens, count);
	free(text);
	return 0;
}
