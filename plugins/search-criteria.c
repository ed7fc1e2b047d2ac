#include "lib.h"
#include "array.h"
#include "imap-parser.h"
#include "ioloop.h"
#include "istream.h"
#include "mail-search-build.h"
#include "mail-search-parser.h"
#include "utc-mktime.h"
#include "dovecot-compat.h"

#include "search-criteria.h"

#include <time.h>

/* A century: dates before it are as good as none, and nothing overflows. */
#define MAX_DAYS 36500

static struct mail_search_register *criteria_register;

static struct mail_search_arg *build_days(struct mail_search_build_context *ctx)
{
	struct mail_search_arg *arg = mail_search_build_new(ctx, SEARCH_SINCE);
	const char *value;
	unsigned int days;
	struct tm tm;

	if (mail_search_parse_string(ctx->parser, &value) < 0)
		return NULL;
	if (str_to_uint(value, &days) < 0 || days > MAX_DAYS) {
		ctx->_error = "Invalid number of days";
		return NULL;
	}
	/* At noon no change of the clock makes it another day. */
	tm = *localtime(&ioloop_time);
	tm.tm_mday -= days;
	tm.tm_hour = 12;
	tm.tm_isdst = -1;
	(void)mktime(&tm);
	/* As core has the dates that clients give: midnight, whatever the time zone. */
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	arg->value.time = utc_mktime(&tm);
	arg->value.date_type = MAIL_SEARCH_DATE_TYPE_RECEIVED;
	return arg;
}

static const struct mail_search_register_arg own_keys[] = {
	{"DAYSBEFORETODAY", build_days},
};

static struct mail_search_register *get_register(void)
{
	const struct mail_search_register_arg *keys;
	mail_search_register_fallback_t *fallback;
	struct mail_search_register *imap;
	unsigned int count;

	if (criteria_register != NULL)
		return criteria_register;
	imap = mail_search_register_get_imap();
	criteria_register = mail_search_register_init();
	keys = mail_search_register_get(imap, &count);
	mail_search_register_add(criteria_register, keys, count);
	mail_search_register_add(criteria_register, own_keys, N_ELEMENTS(own_keys));
	/* Sets of messages. */
	if (mail_search_register_get_fallback(imap, &fallback))
		mail_search_register_fallback(criteria_register, fallback);
	return criteria_register;
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

static int parse_args(const struct imap_arg *imap_args, const char *charset,
		      struct mail_search_args **args_r, const char **error_r)
{
	struct mail_search_parser *parser = mail_search_parser_init_imap(imap_args);
	struct mail_search_args *args;
	int ret;

	if (charset == NULL)
		charset = "UTF-8";
	ret = mail_search_build(get_register(), parser, &charset, &args, error_r);
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

int search_criteria_parse(const char *criteria, const char *charset,
			  struct mail_search_args **args_r, const char **error_r)
{
	const char *line = t_strconcat(criteria, "\r\n", NULL);
	struct istream *input = i_stream_create_from_data(line, strlen(line));
	struct imap_parser *parser = fantail_imap_parser_create(input, NULL, strlen(line));
	const struct imap_arg *args;
	int ret = -1;

	*error_r = "Invalid search parameters";
	(void)i_stream_read(input);
	if (imap_parser_finish_line(parser, 0, 0, &args) >= 0)
		ret = parse_args(args, charset, args_r, error_r);
	imap_parser_unref(&parser);
	i_stream_unref(&input);
	return ret;
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

void search_criteria_deinit(void)
{
	if (criteria_register != NULL)
		mail_search_register_deinit(&criteria_register);
}
