#include "router.h"
#include "limits.h"
#include "wake-state.h"

#include <string.h>

const char *router_target(const struct push_event *event)
{
	if (event->owner == NULL)
		return event->user;
	return *event->owner != '\0' ? event->owner : NULL;
}

/* The event with the mailbox's names as those see them whom it concerns. Where
 * the sender does not tell, a guest's name is better than none. */
static struct push_event as_seen_by_target(const struct push_event *event)
{
	const char *target = router_target(event);
	struct push_event seen = *event;

	if (event->owner_mailbox != NULL && target != NULL && strcmp(target, event->user) != 0) {
		seen.mailbox = event->owner_mailbox;
		seen.old_mailbox = event->old_owner_mailbox;
	}
	seen.owner_mailbox = seen.old_owner_mailbox = NULL;
	return seen;
}

const char *router_mailbox(const struct push_event *event)
{
	return as_seen_by_target(event).mailbox;
}

/* --- filters ------------------------------------------------------------- */

/* INBOX is one name in any case (RFC 3501 5.1), also as the root of others. */
static gboolean begins_with_inbox(const char *name)
{
	return g_ascii_strncasecmp(name, "INBOX", 5) == 0 && strchr("/.*", name[5]) != NULL;
}

static gboolean name_matches(const char *pattern, const char *name)
{
	gsize len = strlen(pattern);
	gboolean prefix = len > 0 && pattern[len - 1] == '*';

	if (prefix)
		len--;
	else if (strlen(name) != len)
		return FALSE;
	if (strncmp(pattern, name, len) == 0)
		return TRUE;
	return begins_with_inbox(pattern) && begins_with_inbox(name) && strlen(name) >= len &&
	       strncmp(pattern + 5, name + 5, len - 5) == 0;
}

static gboolean any_matches(char **patterns, const char *name)
{
	for (; name != NULL && *patterns != NULL; patterns++) {
		if (name_matches(*patterns, name))
			return TRUE;
	}
	return FALSE;
}

static gboolean mailbox_wanted(const struct device *device, const struct push_event *event)
{
	if (device->mailboxes == NULL || device->mailboxes[0] == NULL)
		return TRUE;
	if (any_matches(device->mailboxes, event->mailbox))
		return TRUE;
	return event->kind == PUSH_EVENT_MAILBOX_RENAME &&
	       any_matches(device->mailboxes, event->old_mailbox);
}

/* Is that word among those, which have blanks between, in any case? */
static gboolean has_word(const char *keywords, const char *wanted)
{
	gsize len = strlen(wanted);

	while (*keywords != '\0') {
		gsize word = strcspn(keywords, " ");

		if (word == len && g_ascii_strncasecmp(keywords, wanted, len) == 0)
			return TRUE;
		keywords += word;
		keywords += strspn(keywords, " ");
	}
	return FALSE;
}

static gboolean has_content(const struct push_event *event)
{
	return event->from_name != NULL || event->from_address != NULL || event->subject != NULL ||
	       event->date != NULL || event->message_id != NULL || event->keywords != NULL ||
	       event->preview != NULL;
}

static gboolean msgtype_wanted(const struct device *device, const struct push_event *event)
{
	gboolean chat;

	if (device->msgtype == MSGTYPE_ALL)
		return TRUE;
	/* Keywords come with new mail's content only. Without it nobody can tell,
	 * and a push too many is better than a chat message that makes no sound. */
	if (event->kind != PUSH_EVENT_MESSAGE_NEW || !has_content(event))
		return TRUE;
	chat = event->keywords != NULL && has_word(event->keywords, "$Chat");
	return chat == (device->msgtype == MSGTYPE_CHAT);
}

/* Chat apps send themselves what their other devices are to show, which is nothing to wake
 * them for. Where user names are not addresses nobody can tell. */
static gboolean is_own_mail(const struct device *device, const struct push_event *event)
{
	return device->dialect == DIALECT_DELTAPUSH && event->from_address != NULL &&
	       g_ascii_strcasecmp(event->from_address, device->user) == 0;
}

static gboolean wants(const struct device *device, const struct push_event *event)
{
	if ((device->events & PUSH_EVENT_KIND_BIT(event->kind)) == 0)
		return FALSE;
	if (event->kind == PUSH_EVENT_DATA_CHANGE)
		return device_is_webhook(device) || strcmp(device->device, event->device) == 0;
	/* A webhook is the operator's, who can read everything. */
	if (event->hidden && !device_is_webhook(device))
		return FALSE;
	return mailbox_wanted(device, event) && msgtype_wanted(device, event) &&
	       !is_own_mail(device, event);
}

/* Wake-ups that count. A notification that has the message in it is no mere "connect": the next
 * one says something new, until there are so many that nobody seems to listen. */
static guint unanswered(const struct device *device)
{
	if (device->dialect != DIALECT_EXTENDED)
		return device->wakes;
	return device->wakes - MIN(device->wakes, LIMIT_EXTENDED_UNANSWERED - 1);
}

gint64 router_hold_secs(const struct device *device, gint64 now_us)
{
	return wake_state_hold_secs(unanswered(device), device->last_ok, now_us / G_USEC_PER_SEC);
}

gboolean router_wakes(const struct device *device, const struct router_standing *standing,
		      const struct push_event *event, gint64 now_us)
{
	if (standing->filter == NULL || standing->listening)
		return FALSE;
	if (event->filters != NULL && g_ascii_strcasecmp(standing->filter, "ALL") != 0 &&
	    !has_word(event->filters, standing->filter))
		return FALSE;
	return router_hold_secs(device, now_us) == 0;
}

gboolean router_wants(const struct device *device, const struct push_event *event)
{
	struct push_event seen = as_seen_by_target(event);

	return wants(device, &seen);
}

gboolean router_watches(const struct device *device, const char *mailbox)
{
	return (device->events & PUSH_EVENT_KINDS_MESSAGE) != 0 &&
	       (device->mailboxes == NULL || device->mailboxes[0] == NULL ||
		any_matches(device->mailboxes, mailbox));
}

/* --- events to notifications ---------------------------------------------- */

static void leave_out_content(struct push_event *event)
{
	event->from_name = event->from_address = event->subject = event->date = NULL;
	event->message_id = event->keywords = event->preview = NULL;
}

/* One EVENT line without LF. An event that came in one line may be longer in
 * ours (a sequence number that was not there, escapes that need not be); what it
 * can do without goes then. The names alone always fit. */
static char *encode(const struct push_event *event, gboolean content)
{
	struct push_event copy = *event;
	struct tabline_buf buf;
	char *line;

	copy.filters = NULL;
	if (!content)
		leave_out_content(&copy);
	tabline_buf_init(&buf, LIMIT_LINE);
	if (!push_event_encode(&buf, &copy)) {
		leave_out_content(&copy);
		copy.uids = copy.flags = NULL;
		tabline_buf_clear(&buf);
		if (!push_event_encode(&buf, &copy)) {
			tabline_buf_free(&buf);
			return NULL;
		}
	}
	line = g_strndup(buf.data, buf.len - 1);
	tabline_buf_free(&buf);
	return line;
}

static guint fold_hash(gconstpointer data)
{
	const struct notification *notification = data;

	return (g_str_hash(notification->key) * 33 + g_str_hash(notification->user)) * 33 +
	       (guint)notification->device;
}

static gboolean fold_equal(gconstpointer a, gconstpointer b)
{
	const struct notification *one = a, *other = b;

	return one->device == other->device && strcmp(one->key, other->key) == 0 &&
	       strcmp(one->user, other->user) == 0;
}

struct router_out *router_out_new(void)
{
	struct router_out *out = g_new0(struct router_out, 1);

	out->list = g_ptr_array_new_with_free_func((GDestroyNotify)notification_free);
	out->same = g_hash_table_new(fold_hash, fold_equal);
	return out;
}

void router_out_free(struct router_out *out)
{
	if (out == NULL)
		return;
	g_hash_table_unref(out->same);
	g_ptr_array_unref(out->list);
	g_free(out);
}

static gsize held_bytes(const struct notification *notification)
{
	return sizeof(*notification) + strlen(notification->user) + strlen(notification->key) +
	       strlen(notification->lane) + strlen(notification->event);
}

/* Says it "look", and little else? */
static gboolean is_wake_up(enum device_dialect dialect)
{
	return device_face(dialect) == FACE_PIMAP || dialect == DIALECT_APPLE ||
	       dialect == DIALECT_DELTAPUSH;
}

static char *fold_key(const struct device *device, const struct push_event *event, gboolean arrival)
{
	if (is_wake_up(device->dialect))
		return g_strdup("wake");
	if (event->kind == PUSH_EVENT_DATA_CHANGE)
		return g_strconcat("sync:", event->device, NULL);
	return g_strconcat(arrival ? "mail:" : "state:", event->mailbox, NULL);
}

static void set_times(const struct router_settings *settings, enum device_dialect dialect,
		      const struct push_event *event, gboolean arrival, gint64 now_us,
		      struct notification *notification)
{
	gint64 delay = arrival ? settings->arrival_delay_us : settings->state_delay_us;
	gint64 ttl = arrival ? settings->arrival_ttl_us : settings->state_ttl_us;

	if (dialect == DIALECT_APPLE && !arrival)
		delay = settings->apple_delay_us;
	if (dialect == DIALECT_DELTAPUSH)
		ttl = MIN(ttl, LIMIT_DELTA_PUSH_SECS * (gint64)G_USEC_PER_SEC);
	if (event->kind == PUSH_EVENT_DATA_CHANGE) {
		ttl = MIN(ttl, LIMIT_SYNC_ALERT_SECS * (gint64)G_USEC_PER_SEC);
		delay = MIN(delay, ttl / 2);
	}
	/* A peer's clock cannot keep a row for ever. */
	notification->first_us = (gint64)MIN(event->time_us, (guint64)now_us);
	notification->due_us = now_us + delay;
	/* Counted from the event: mail that lay in the spool for two days has been
	 * seen on some screen. */
	notification->expires_us = notification->first_us + ttl;
}

void router_route(const struct router_settings *settings, const struct device *device,
		  const char *lane, const char *user, const struct push_event *event, gint64 now_us,
		  struct router_out *out)
{
	g_autoptr(notification_t) notification = NULL;
	struct push_event seen = as_seen_by_target(event);
	struct notification *same;
	gboolean arrival = (PUSH_EVENT_KIND_BIT(event->kind) & PUSH_EVENT_KINDS_ARRIVAL) != 0;

	if (!wants(device, &seen))
		return;
	notification = g_new0(struct notification, 1);
	notification->event = encode(&seen, device->content);
	if (notification->event == NULL)
		return; /* names over their limits: no decoded event has such */
	notification->device = device->id;
	notification->user = g_strdup(user);
	notification->key = fold_key(device, &seen, arrival);
	notification->lane = g_strdup(lane);
	notification->kinds = PUSH_EVENT_KIND_BIT(event->kind);
	notification->messages = event->messages;
	set_times(settings, device->dialect, &seen, arrival, now_us, notification);
	same = g_hash_table_lookup(out->same, notification);
	if (same != NULL) {
		out->bytes -= held_bytes(same);
		notification_merge(same, notification);
		out->bytes += held_bytes(same);
	} else {
		out->bytes += held_bytes(notification);
		g_hash_table_add(out->same, notification);
		g_ptr_array_add(out->list, g_steal_pointer(&notification));
	}
}
