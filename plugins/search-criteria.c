#include "lib.h"
#include "array.h"
#include "mail-search-build.h"
#include "mail-search-parser.h"
#include "dovecot-compat.h"

#include "filter-criteria.h"
#include "imap-line.h"
#include "search-criteria.h"

static struct mail_search_register *criteria_register;

/* IMAP's, but for FILTER (RFC 5466): a filter that names filters might name itself. */
static struct mail_search_register *get_register(void)
{
	struct mail_search_register *imap = mail_search_register_get_imap();
	const struct mail_search_register_arg *keys;
	mail_search_register_fallback_t *fallback;
	unsigned int count;

	if (criteria_register != NULL)
		return criteria_register;
	criteria_register = mail_search_register_init();
	keys = mail_search_register_get(imap, &count);
	for (unsigned int i = 0; i < count; i++) {
		if (strcmp(keys[i].key, "FILTER") != 0)
			mail_search_register_add(criteria_register, &keys[i], 1);
	}
	/* Sets of messages. */
	if (mail_search_register_get_fallback(imap, &fallback))
		mail_search_register_fallback(criteria_register, fallback);
	return criteria_register;
}

void search_criteria_deinit(void)
{
	if (criteria_register != NULL)
		mail_search_register_deinit(&criteria_register);
}

static bool has_saved_result(const struct mail_search_arg *arg)
{
	for (; arg != NULL; arg = arg->next) {
		switch (arg->type) {
		case SEARCH_UIDSET:
			if (arg->value.str != NULL && strcmp(arg->value.str, "$") == 0)
				return TRUE;
			break;
		case SEARCH_SUB:
		case SEARCH_OR:
		case SEARCH_INTHREAD:
			if (has_saved_result(arg->value.subargs))
				return TRUE;
			break;
		default:
			break;
		}
	}
	return FALSE;
}

static int parse_args(struct mail_search_register *keys, const struct imap_arg *imap_args,
		      const char *charset, struct mail_search_args **args_r, const char **error_r)
{
	struct mail_search_parser *parser = mail_search_parser_init_imap(imap_args);
	struct mail_search_args *args;
	int ret;

	if (charset == NULL)
		charset = "UTF-8";
	ret = mail_search_build(keys, parser, &charset, &args, error_r);
	mail_search_parser_deinit(&parser);
	if (ret < 0)
		return -1;
	if (args->args == NULL || has_saved_result(args->args)) {
		*error_r = args->args == NULL ? "Missing search parameters"
					      : "$ cannot be in a filter";
		mail_search_args_unref(&args);
		return -1;
	}
	*args_r = args;
	return 0;
}

int search_criteria_parse_keys(struct mail_search_register *keys, const char *criteria,
			       const char *charset, struct mail_search_args **args_r,
			       const char **error_r)
{
	const struct imap_arg *args;
	struct imap_line *line;
	int ret = -1;

	*error_r = filter_criteria_check(criteria);
	if (*error_r != NULL)
		return -1;
	*error_r = "Invalid search parameters";
	line = imap_line_parse(criteria, &args);
	if (line != NULL)
		ret = parse_args(keys, args, charset, args_r, error_r);
	imap_line_free(&line);
	return ret;
}

int search_criteria_parse(const char *criteria, const char *charset,
			  struct mail_search_args **args_r, const char **error_r)
{
	return search_criteria_parse_keys(get_register(), criteria, charset, args_r, error_r);
}

const char *const *search_criteria_keys(void)
{
	ARRAY_TYPE(const_string) names;
	const struct mail_search_register_arg *keys;
	unsigned int count;

	keys = mail_search_register_get(get_register(), &count);
	t_array_init(&names, count + 1);
	for (unsigned int i = 0; i < count; i++) {
		if (strcmp(keys[i].key, "$") != 0)
			array_push_back(&names, &keys[i].key);
	}
	array_append_zero(&names);
	return array_front(&names);
}
