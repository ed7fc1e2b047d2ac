#include "lib.h"
#include "array.h"
#include "mail-search-build.h"
#include "mail-search-register.h"

#include "search-criteria.h"
#include "view-criteria.h"

/* Set in an argument's search_flags between its making and the check; Dovecot has no such. */
#define FLAG_COUNTS_BACK 0x40000000

static const char *const immutable_keys[] = {
	"ALL",     "BCC",        "BEFORE",     "BODY",   "CC",        "FROM",
	"HEADER",  "LARGER",     "NOT",        "ON",     "OR",        "SAVEDBEFORE",
	"SAVEDON", "SAVEDSINCE", "SENTBEFORE", "SENTON", "SENTSINCE", "SINCE",
	"SMALLER", "SUBJECT",    "TEXT",       "TO",     "UID",
};

static struct mail_search_register *view_register;
static struct {
	const char *key;
	struct mail_search_arg *(*build)(struct mail_search_build_context *ctx);
} counting_back[] = {{"DAYSBEFORETODAY", NULL}, {"YOUNGER", NULL}};

static struct mail_search_arg *build_counting_back(struct mail_search_build_context *ctx,
						   unsigned int idx)
{
	struct mail_search_arg *arg = counting_back[idx].build(ctx);

	if (arg != NULL)
		arg->value.search_flags |= FLAG_COUNTS_BACK;
	return arg;
}

static struct mail_search_arg *build_days(struct mail_search_build_context *ctx)
{
	return build_counting_back(ctx, 0);
}

static struct mail_search_arg *build_younger(struct mail_search_build_context *ctx)
{
	return build_counting_back(ctx, 1);
}

static struct mail_search_arg *refuse(struct mail_search_build_context *ctx)
{
	ctx->_error = "A view cannot depend on what changes";
	return NULL;
}

static struct mail_search_arg *refuse_set(struct mail_search_build_context *ctx,
					  const char *key ATTR_UNUSED)
{
	ctx->_error = "Unknown search key, or a set of message numbers";
	return NULL;
}

static bool is_immutable(const char *key)
{
	for (unsigned int i = 0; i < N_ELEMENTS(immutable_keys); i++) {
		if (strcmp(immutable_keys[i], key) == 0)
			return TRUE;
	}
	return FALSE;
}

static void add_key(const struct mail_search_register_arg *key)
{
	struct mail_search_register_arg own = *key;

	if (strcmp(key->key, counting_back[0].key) == 0) {
		counting_back[0].build = key->build;
		own.build = build_days;
	} else if (strcmp(key->key, counting_back[1].key) == 0) {
		counting_back[1].build = key->build;
		own.build = build_younger;
	} else if (!is_immutable(key->key)) {
		own.build = refuse;
	}
	mail_search_register_add(view_register, &own, 1);
}

static struct mail_search_register *get_register(void)
{
	const struct mail_search_register_arg *keys;
	unsigned int count;

	if (view_register != NULL)
		return view_register;
	view_register = mail_search_register_init();
	keys = mail_search_register_get(mail_search_register_get_imap(), &count);
	for (unsigned int i = 0; i < count; i++)
		add_key(&keys[i]);
	mail_search_register_fallback(view_register, refuse_set);
	return view_register;
}

void view_criteria_deinit(void)
{
	if (view_register != NULL)
		mail_search_register_deinit(&view_register);
}

struct criteria_check {
	bool leaving;
	const char *error;
};

static void check_args(struct criteria_check *check, struct mail_search_arg *arg, bool negated)
{
	for (; arg != NULL && check->error == NULL; arg = arg->next) {
		bool not = negated != arg->match_not;

		switch (arg->type) {
		case SEARCH_SUB:
		case SEARCH_OR:
			check_args(check, arg->value.subargs, not );
			break;
		case SEARCH_UIDSET:
			if (arg->value.str != NULL && strchr(arg->value.str, '*') != NULL)
				check->error = "The highest UID changes: a view cannot use \"*\"";
			break;
		default:
			if ((arg->value.search_flags & FLAG_COUNTS_BACK) == 0)
				break;
			arg->value.search_flags &= ~FLAG_COUNTS_BACK;
			check->leaving = TRUE;
			if (not )
				check->error = "Messages cannot enter a view by growing old";
			break;
		}
	}
}

int view_criteria_parse(const char *criteria, struct mail_search_args **args_r, bool *leaving_r,
			const char **error_r)
{
	struct criteria_check check = {.leaving = FALSE};

	if (search_criteria_parse_keys(get_register(), criteria, NULL, args_r, error_r) < 0)
		return -1;
	check_args(&check, (*args_r)->args, FALSE);
	if (check.error != NULL) {
		mail_search_args_unref(args_r);
		*error_r = check.error;
		return -1;
	}
	*leaving_r = check.leaving;
	return 0;
}
