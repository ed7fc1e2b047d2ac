#include "notification.h"
#include "limits.h"
#include "uid-set.h"

#include <string.h>

/* What the queue may hold besides events: confirmation pushes and operators' commands. */
#define CONFIRM_PREFIX "CONFIRM\t"
#define COMMAND_PREFIX "COMMAND\t"

gboolean notification_is_command(const struct notification *notification)
{
	return notification->event != NULL && g_str_has_prefix(notification->event, COMMAND_PREFIX);
}

gboolean notification_is_arrival(const struct notification *notification)
{
	return (notification->kinds & PUSH_EVENT_KINDS_ARRIVAL) != 0 ||
	       notification_is_command(notification) ||
	       (notification->event != NULL &&
		g_str_has_prefix(notification->event, CONFIRM_PREFIX));
}

struct notification *notification_copy(const struct notification *notification)
{
	struct notification *copy = g_memdup2(notification, sizeof(*notification));

	copy->user = g_strdup(notification->user);
	copy->key = g_strdup(notification->key);
	copy->lane = g_strdup(notification->lane);
	copy->event = g_strdup(notification->event);
	return copy;
}

void notification_free(struct notification *notification)
{
	if (notification == NULL)
		return;
	g_free(notification->user);
	g_free(notification->key);
	g_free(notification->lane);
	g_free(notification->event);
	g_free(notification);
}

/* Decodes a copy of `line`, which the event's strings borrow from; the caller
 * frees it. NULL if it is not an event. */
static char *decode(const char *line, struct push_event *event_r)
{
	char *copy = g_strdup(line);

	if (copy != NULL && push_event_decode(copy, strlen(copy), event_r) == PUSH_EVENT_OK)
		return copy;
	g_free(copy);
	return NULL;
}

/* UIDs of both, into *event, which is a copy of the newer one. FALSE if the newer
 * one's stand as they are. Where a side changed messages and does not say which,
 * a set would claim to be complete and not be: it is left out. */
static gboolean join_uids(const struct push_event *older, guint32 older_messages,
			  struct push_event *event, guint32 newer_messages, char **storage_r)
{
	gboolean older_unknown = older->uids == NULL && older_messages > 0;
	gboolean newer_unknown = event->uids == NULL && newer_messages > 0;

	if (older->uidvalidity != 0 && event->uidvalidity != 0 &&
	    older->uidvalidity != event->uidvalidity)
		return FALSE; /* another mailbox of that name: older UIDs mean nothing */
	if (older->uids == NULL && !older_unknown)
		return FALSE;
	if (older_unknown || newer_unknown) {
		event->uids = NULL;
		return TRUE;
	}
	if (event->uids == NULL) {
		if (event->uidvalidity == 0)
			event->uidvalidity = older->uidvalidity;
		event->uids = *storage_r = g_strdup(older->uids);
		return TRUE;
	}
	if (older->uidvalidity == event->uidvalidity)
		*storage_r = uid_set_join(older->uids, event->uids, LIMIT_LINE / 4);
	event->uids = *storage_r;
	return TRUE;
}

/* The newer event with the UIDs of both; NULL if the newer line stands as it is. */
static char *join_events(const struct notification *older_n, const struct notification *newer_n)
{
	struct push_event older, newer;
	g_autofree char *older_copy = decode(older_n->event, &older);
	g_autofree char *newer_copy = decode(newer_n->event, &newer);
	g_autofree char *uids = NULL;
	struct tabline_buf buf;
	char *line = NULL;

	if (older_copy == NULL || newer_copy == NULL ||
	    !join_uids(&older, older_n->messages, &newer, newer_n->messages, &uids))
		return NULL;
	tabline_buf_init(&buf, LIMIT_LINE);
	if (!push_event_encode(&buf, &newer)) {
		newer.uids = NULL; /* the newer line was nearly full */
		tabline_buf_clear(&buf);
	}
	if (buf.len > 0 || push_event_encode(&buf, &newer))
		line = g_strndup(buf.data, buf.len - 1);
	tabline_buf_free(&buf);
	return line;
}

void notification_merge(struct notification *older, const struct notification *newer)
{
	char *event = join_events(older, newer);

	if (event == NULL)
		event = g_strdup(newer->event);
	g_free(older->event);
	older->event = event;
	if (g_strcmp0(older->lane, newer->lane) != 0) {
		g_free(older->lane);
		older->lane = g_strdup(newer->lane);
	}
	older->kinds |= newer->kinds;
	if (G_MAXUINT32 - older->messages < newer->messages)
		older->messages = G_MAXUINT32;
	else
		older->messages += newer->messages;
	older->due_us = MIN(older->due_us, newer->due_us);
	older->expires_us = MAX(older->expires_us, newer->expires_us);
	older->revision++;
}
