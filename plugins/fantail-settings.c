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

/* Digits, and "ms" after them if one likes. */
static bool parse_msecs(const char *value, unsigned int *msecs_r)
{
	size_t digits = strspn(value, "0123456789");
	const char *unit = value + digits;
	uint32_t msecs;

	while (*unit == ' ')
		unit++;
	if (*unit != '\0' && strcasecmp(unit, "ms") != 0 && strcasecmp(unit, "msecs") != 0)
		return FALSE;
	if (!tabline_parse_u32(t_strndup(value, digits), &msecs))
		return FALSE;
	*msecs_r = msecs;
	return TRUE;
}

static unsigned int check_deadline(struct mail_user *user, const char *value)
{
	unsigned int msecs;

	if (value == NULL || *value == '\0')
		return LIMIT_HANDOVER_MSECS;
	if (!parse_msecs(value, &msecs) || msecs == 0 || msecs > LIMIT_HANDOVER_MSECS_MAX) {
		report(user, t_strdup_printf("fantail_deadline = %s is not a number of "
					     "milliseconds from 1 to %u; using %u "
					     "(set such a number or remove it)",
					     shown(value), LIMIT_HANDOVER_MSECS_MAX,
					     LIMIT_HANDOVER_MSECS));
		return LIMIT_HANDOVER_MSECS;
	}
	return msecs;
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
		settings->spool_path = check_path(user, "fantail_spool", text.spool,
						  FANTAIL_SPOOL_DEFAULT, PATH_MAX);
		settings->deadline_msecs = check_deadline(user, text.deadline);
		settings->webpush_dialect = text.webpush_dialect;
	}
	T_END;
	return settings;
}
