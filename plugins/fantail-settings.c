#include "lib.h"
#include "hash.h"
#include "str-sanitize.h"
#include "dovecot-compat.h"

#include "fantail-settings.h"
#include "limits.h"
#include "tabline.h"

#include <string.h>
#include <sys/un.h>

/* Messages that were logged already. An lmtp process sees many users with the
 * same mistake. */
static unsigned int reported[8];
static unsigned int reported_count;

static void report(struct mail_user *user, const char *message)
{
	unsigned int hash = str_hash(message);

	for (unsigned int i = 0; i < reported_count; i++) {
		if (reported[i] == hash)
			return;
	}
	/* Full only if settings differ by user in as many ways: then the rest stays unsaid. */
	if (reported_count == N_ELEMENTS(reported))
		return;
	reported[reported_count++] = hash;
	e_error(user->event, "fantail: %s", message);
}

static const char *shown(const char *value)
{
	return str_sanitize(value, 128);
}

static const char *check_path(struct mail_user *user, const char *name, const char *value,
			      const char *fallback, size_t max)
{
	if (value == NULL || *value == '\0')
		return fallback;
	if (*value != '/') {
		report(user, t_strdup_printf("%s = %s is not an absolute path; using %s "
					     "(let it start with / or remove it)",
					     name, shown(value), fallback));
		return fallback;
	}
	if (strlen(value) >= max) {
		report(user, t_strdup_printf("%s = %s is longer than %zu bytes; using %s "
					     "(choose a shorter path)",
					     name, shown(value), max - 1, fallback));
		return fallback;
	}
	return value;
}

/* A setting that is a number, with a unit after it if one likes. */
struct number_rule {
	const char *name;
	const char *what; /* for people */
	const char *units[3];
	unsigned int fallback, least, most;
};

static const struct number_rule deadline_rule = {
	"fantail_deadline",
	"number of milliseconds",
	{"ms", "msecs"},
	LIMIT_HANDOVER_MSECS,
	1,
	LIMIT_HANDOVER_MSECS_MAX,
};
static const struct number_rule filter_rule = {
	"fantail_filter_budget",
	"number of milliseconds",
	{"ms", "msecs"},
	LIMIT_FILTER_BUDGET_MSECS,
	0,
	LIMIT_FILTER_BUDGET_MSECS_MAX,
};
static const struct number_rule window_rule = {
	"fantail_notify_window",
	"number of milliseconds",
	{"ms", "msecs"},
	LIMIT_NOTIFY_WINDOW_MSECS,
	0,
	LIMIT_NOTIFY_WINDOW_MSECS_MAX,
};
static const struct number_rule poll_rule = {
	"fantail_notify_poll",      "number of seconds", {"s", "secs"}, LIMIT_NOTIFY_POLL_SECS, 1,
	LIMIT_NOTIFY_POLL_SECS_MAX,
};
static const struct number_rule mailboxes_rule = {
	"fantail_notify_mailboxes", "number of mailboxes", {NULL}, LIMIT_NOTIFY_MAILBOXES, 1,
	LIMIT_NOTIFY_MAILBOXES_MAX,
};
static const struct number_rule expire_rule = {
	"fantail_pimap_session_expire", "number of days", {"d", "days"}, LIMIT_PIMAP_EXPIRE_DAYS, 1,
	LIMIT_PIMAP_EXPIRE_DAYS_MAX,
};

static const struct number_rule reply_rule = {
	"fantail_submission_timeout",
	"number of seconds",
	{"s", "secs"},
	LIMIT_DELIVER_REPLY_SECS,
	1,
	LIMIT_DELIVER_REPLY_SECS_MAX,
};

static bool is_unit(const struct number_rule *rule, const char *text)
{
	for (unsigned int i = 0; rule->units[i] != NULL; i++) {
		if (strcasecmp(text, rule->units[i]) == 0)
			return TRUE;
	}
	return *text == '\0';
}

static unsigned int check_number(struct mail_user *user, const struct number_rule *rule,
				 const char *value)
{
	size_t digits;
	const char *unit;
	uint32_t number;

	if (value == NULL || *value == '\0')
		return rule->fallback;
	digits = strspn(value, "0123456789");
	for (unit = value + digits; *unit == ' ';)
		unit++;
	if (is_unit(rule, unit) && tabline_parse_u32(t_strndup(value, digits), &number) &&
	    number >= rule->least && number <= rule->most)
		return number;
	report(user, t_strdup_printf("%s = %s is not a %s from %u to %u; using %u "
				     "(set such a number or remove it)",
				     rule->name, shown(value), rule->what, rule->least, rule->most,
				     rule->fallback));
	return rule->fallback;
}

static bool check_bool(struct mail_user *user, const char *name, const char *value, bool fallback)
{
	if (value == NULL || *value == '\0')
		return fallback;
	if (strcasecmp(value, "yes") == 0 || strcasecmp(value, "no") == 0)
		return strcasecmp(value, "yes") == 0;
	report(user, t_strdup_printf("%s = %s is neither yes nor no; using %s (set one of them or "
				     "remove it)",
				     name, shown(value), fallback ? "yes" : "no"));
	return fallback;
}

static enum fantail_ssl check_ssl(struct mail_user *user, const char *value)
{
	if (value == NULL || *value == '\0' || strcasecmp(value, "starttls") == 0)
		return FANTAIL_SSL_STARTTLS;
	if (strcasecmp(value, "smtps") == 0)
		return FANTAIL_SSL_SMTPS;
	if (strcasecmp(value, "no") == 0)
		return FANTAIL_SSL_NO;
	report(user,
	       t_strdup_printf("fantail_submission_ssl = %s is none of starttls, smtps and no; "
			       "using starttls (set one of them or remove it)",
			       shown(value)));
	return FANTAIL_SSL_STARTTLS;
}

static const char *text_or(const char *value, const char *fallback)
{
	return value == NULL || *value == '\0' ? fallback : value;
}

static void check_submission(struct mail_user *user, const struct fantail_settings_text *text,
			     struct fantail_submission *submission)
{
	submission->host = text_or(text->submission_host, "");
	submission->ssl = check_ssl(user, text->submission_ssl);
	submission->ssl_verify = check_bool(user, "fantail_submission_ssl_verify",
					    text->submission_ssl_verify, TRUE);
	submission->user = text_or(text->submission_user, "");
	submission->master_user = text_or(text->submission_master_user, "");
	submission->password = text_or(text->submission_password, "");
	submission->trusted =
		check_bool(user, "fantail_submission_trusted", text->submission_trusted, FALSE);
	submission->sender = text_or(text->submission_sender, FANTAIL_SUBMISSION_SENDER_DEFAULT);
	submission->timeout_secs = check_number(user, &reply_rule, text->submission_timeout);
}

const struct fantail_settings *fantail_settings_get(struct mail_user *user)
{
	struct fantail_settings *settings = p_new(user->pool, struct fantail_settings, 1);
	struct fantail_settings_text text = {.pool = NULL};
	const char *error;

	T_BEGIN
	{
		if (fantail_settings_read(user, &text, &error) < 0) {
			report(user, t_strdup_printf("cannot read the fantail_* settings: %s; "
						     "using the defaults",
						     error));
			i_zero(&text);
		}
		settings->socket_path =
			check_path(user, "fantail_socket", text.socket, FANTAIL_SOCKET_DEFAULT,
				   sizeof(((struct sockaddr_un *)NULL)->sun_path));
		settings->hub_path = check_path(user, "fantail_hub", text.hub, FANTAIL_HUB_DEFAULT,
						sizeof(((struct sockaddr_un *)NULL)->sun_path));
		settings->spool_path = check_path(user, "fantail_spool", text.spool,
						  FANTAIL_SPOOL_DEFAULT, PATH_MAX);
		settings->converters = check_path(user, "fantail_converters", text.converters,
						  FANTAIL_CONVERTERS_DEFAULT, PATH_MAX);
		settings->deadline_msecs = check_number(user, &deadline_rule, text.deadline);
		settings->filter_budget_msecs =
			check_number(user, &filter_rule, text.filter_budget);
		settings->notify_window_msecs =
			check_number(user, &window_rule, text.notify_window);
		settings->notify_poll_secs = check_number(user, &poll_rule, text.notify_poll);
		settings->notify_max_mailboxes =
			check_number(user, &mailboxes_rule, text.notify_mailboxes);
		settings->pimap = check_bool(user, "fantail_pimap", text.pimap, TRUE);
		settings->webpush_dialect = text.webpush_dialect;
		settings->apple = check_bool(user, "fantail_apple", text.apple, FALSE);
		settings->pimap_expire_days =
			check_number(user, &expire_rule, text.pimap_session_expire);
		settings->views = check_bool(user, "fantail_views", text.views, TRUE);
		settings->deltapush = check_bool(user, "fantail_deltapush", text.deltapush, FALSE);
		check_submission(user, &text, &settings->submission);
	}
	T_END;
	return settings;
}
