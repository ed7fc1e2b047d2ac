#include "convert-args.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool skip(const char **text, const char *start)
{
	size_t len = strlen(start);

	if (strncmp(*text, start, len) != 0)
		return false;
	*text += len;
	return true;
}

bool convert_args_match(const char *name)
{
	const char *p = name;

	if (!skip(&p, "BODY") && !skip(&p, "BINARY"))
		return false;
	p = strchr(p, '[');
	while (p != NULL) {
		p++;
		if (skip(&p, "XCONVERT") && strchr(".]", *p) != NULL)
			return true;
		p = strchr(p, '.');
	}
	return false;
}

/* Numbers of parts with dots between; the dot after the last is behind it, too. */
static const char *take_section(const char *p, char section_r[LIMIT_CONVERT_SECTION + 1])
{
	const char *start = p;
	size_t len;

	do {
		if (*p < '1' || *p > '9')
			return NULL;
		p += strspn(p, "0123456789");
		if (*p++ != '.')
			return NULL;
	} while (isdigit((unsigned char)*p));
	len = (size_t)(p - start) - 1;
	if (len > LIMIT_CONVERT_SECTION)
		return NULL;
	memcpy(section_r, start, len);
	section_r[len] = '\0';
	return p;
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || (c != '\0' && strchr("!#$&-^_.+", c) != NULL);
}

/* Visible ASCII in lower case; at most LIMIT_CONVERT_WORD octets. */
static bool copy_word(const char *text, char *word_r)
{
	size_t len = strlen(text);

	if (len == 0 || len > LIMIT_CONVERT_WORD)
		return false;
	for (size_t i = 0; i <= len; i++)
		word_r[i] = (char)tolower((unsigned char)text[i]);
	return true;
}

bool convert_type_parse(const char *text, char *type_r)
{
	const char *slash = strchr(text, '/');
	char word[LIMIT_CONVERT_WORD + 1];

	if (slash == NULL || slash == text || slash[1] == '\0' || !copy_word(text, word))
		return false;
	for (const char *p = text; *p != '\0'; p++) {
		if (p != slash && !is_name_char(*p))
			return false;
	}
	strcpy(type_r, word);
	return true;
}

const char *convert_request_get(const struct convert_request *request, const char *name)
{
	for (size_t i = 0; i < request->param_count; i++) {
		if (strcmp(request->params[i].name, name) == 0)
			return request->params[i].value;
	}
	return NULL;
}

static const char *take_param(const struct arg_token *name, const struct arg_token *value,
			      struct convert_request *request)
{
	struct convert_param *param = &request->params[request->param_count];

	if (request->param_count == LIMIT_CONVERT_PARAMS)
		return "Too many parameters.";
	if (!arg_token_is_astring(name) || !arg_token_is_astring(value))
		return "Parameters are pairs of strings.";
	for (const char *p = name->text; *p != '\0'; p++) {
		if (!is_name_char(*p))
			return "Invalid name of a parameter.";
	}
	if (!copy_word(name->text, param->name))
		return "Invalid name of a parameter.";
	if (strlen(value->text) > LIMIT_CONVERT_WORD)
		return "Value of a parameter is too long.";
	for (const char *p = value->text; *p != '\0'; p++) {
		if (*p < ' ' || *p > '~')
			return "Invalid value of a parameter.";
	}
	if (convert_request_get(request, param->name) != NULL)
		return "A parameter is there twice.";
	param->value = value->text;
	request->param_count++;
	return NULL;
}

static const char *take_list(const struct arg_token *next, size_t count,
			     struct convert_request *request)
{
	const struct arg_token *end = next + count;
	const char *error;

	if (next == end || !arg_token_is_astring(next))
		return "Missing type.";
	if (!convert_type_parse(next->text, request->type))
		return "Invalid type.";
	next++;
	if (next == end)
		return NULL;
	if (!arg_token_take(&next, end, ARG_TOKEN_OPEN))
		return "Parameters are not in a list.";
	while (!arg_token_take(&next, end, ARG_TOKEN_CLOSE)) {
		if (end - next < 2)
			return "A parameter without its value.";
		error = take_param(next, next + 1, request);
		if (error != NULL)
			return error;
		next += 2;
	}
	return next == end ? NULL : "Unexpected data after the parameters.";
}

static bool take_number(const char **text, uint64_t *number_r)
{
	/* RFC 3501's are of 32 bits; Dovecot takes those of 63. */
	char *end;

	if (!isdigit((unsigned char)**text) || strspn(*text, "0123456789") > 18)
		return false;
	*number_r = strtoull(*text, &end, 10);
	*text = end;
	return true;
}

static const char *take_partial(const char *p, struct convert_request *request)
{
	request->length = UINT64_MAX;
	if (*p == '\0')
		return NULL;
	if (request->size || !skip(&p, "<"))
		return "Unexpected data after ']'.";
	request->partial = true;
	if (!take_number(&p, &request->offset))
		return "Invalid partial.";
	if (skip(&p, ".") && (!take_number(&p, &request->length) || request->length == 0))
		return "Invalid partial.";
	return strcmp(p, ">") == 0 ? NULL : "Invalid partial.";
}

const char *convert_args_parse(const char *name, const struct arg_token *tokens, size_t count,
			       const char *rest, struct convert_request *request_r)
{
	struct convert_request request = {.binary = false};
	const char *p = name, *error;

	request.binary = skip(&p, "BINARY");
	if (!request.binary && !skip(&p, "BODY"))
		return "Unknown item.";
	request.size = request.binary && skip(&p, ".SIZE");
	request.peek = request.size || skip(&p, ".PEEK");
	if (!skip(&p, "["))
		return "Missing '['.";
	p = take_section(p, request.section);
	if (p == NULL || !skip(&p, "XCONVERT"))
		return "XCONVERT needs the number of a part before it.";
	request.strict = skip(&p, ".STRICT");
	if (*p != '\0')
		return "Missing parameters.";
	if (!skip(&rest, "]"))
		return "Missing ']'.";
	error = take_list(tokens, count, &request);
	if (error == NULL)
		error = take_partial(rest, &request);
	if (error == NULL)
		*request_r = request;
	return error;
}
