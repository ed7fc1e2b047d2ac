#include "lib.h"
#include "ioloop.h"
#include "mail-search-build.h"
#include "mail-search-parser.h"
#include "utc-mktime.h"

#include "search-days.h"

#include <time.h>

static struct mail_search_arg *search_days_build(struct mail_search_build_context *ctx)
{
	struct mail_search_arg *arg;
	const char *value;
	struct tm day;
	uint32_t days;
	time_t today;

	if (mail_search_parse_string(ctx->parser, &value) < 0)
		return NULL;
	if (str_to_uint32(value, &days) < 0) {
		ctx->_error = "Invalid number of days";
		return NULL;
	}
	/* The date's midnight as if it were in UTC: that is how SINCE has it. */
	day = *localtime(&ioloop_time);
	day.tm_hour = day.tm_min = day.tm_sec = 0;
	today = utc_mktime(&day);
	arg = mail_search_build_new(ctx, SEARCH_SINCE);
	arg->value.time = days < today / 86400 ? today - (time_t)days * 86400 : 0;
	arg->value.date_type = MAIL_SEARCH_DATE_TYPE_RECEIVED;
	return arg;
}

void search_days_register(void)
{
	static const struct mail_search_register_arg key = {"DAYSBEFORETODAY", search_days_build};

	struct mail_search_register *imap = mail_search_register_get_imap();

	if (mail_search_register_find(imap, key.key) == NULL)
		mail_search_register_add(imap, &key, 1);
}
