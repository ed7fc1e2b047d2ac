#include "notify-session.h"
#include "notify-inband.h"

#include "imap-notify-plugin.h"
#include "notify-cmd.h"
#include "notify-selected.h"

extern FANTAIL_EXPORT const struct fantail_notify_inband fantail_notify_inband;

static bool inband_available(struct client *client)
{
	return notify_session_get(client) != NULL;
}

static int inband_set(struct client *client, bool push, const char *items, const char **error_r)
{
	struct notify_session *session = notify_session_get(client);
	const char *groups;

	if (session == NULL || session->said)
		return 0;
	if (!push && items == NULL) {
		notify_session_unset(session);
		return 0;
	}
	groups = t_strdup_printf("SET (selected-delayed (MessageNew %s MessageExpunge FlagChange))",
				 items == NULL ? "" : items);
	if (notify_cmd_restore(session, groups, error_r) < 0)
		return -1;
	session->quiet = !push;
	notify_session_watch(session);
	/* What has come before. */
	if (client->mailbox != NULL)
		notify_selected_mark(session);
	notify_session_flush_soon(session);
	return 0;
}

static bool inband_tells(struct client *client)
{
	const struct notify_session *session = notify_session_get(client);

	return session != NULL && notify_selected_tells(session);
}

const struct fantail_notify_inband fantail_notify_inband = {
	.available = inband_available,
	.set = inband_set,
	.tells = inband_tells,
};
