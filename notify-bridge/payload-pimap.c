#include "payload-pimap.h"

#include "emn.h"
#include "extended.h"
#include "payload-private.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/random.h>

#define KIND(name) PUSH_EVENT_KIND_BIT(PUSH_EVENT_##name)
#define KINDS_ADDED (KIND(MESSAGE_NEW) | KIND(MESSAGE_APPEND))
#define KINDS_FLAGS (KIND(MESSAGE_READ) | KIND(MESSAGE_TRASH) | KIND(FLAGS_SET) | KIND(FLAGS_CLEAR))

char *payload_pimap_account(const struct device *device)
{
	return g_uri_escape_string(device->user, "@+=", FALSE);
}

gint64 payload_pimap_time(const struct notification *notification)
{
	struct payload_facts facts;
	gint64 seconds;

	payload_facts_init(&facts, notification);
	seconds = facts.has_event ? (gint64)(facts.event.time_us / G_USEC_PER_SEC) : 0;
	payload_facts_clear(&facts);
	return seconds;
}

static gboolean only(push_event_kinds kinds, push_event_kinds of)
{
	return kinds != 0 && (kinds & ~of) == 0;
}

/* A UID without a folder is taken for one of INBOX, so it must be one. */
static const char *event_of(const struct payload_facts *facts, guint32 messages)
{
	if (facts->command != NULL)
		return facts->command;
	if (!facts->has_event || messages != 1 || facts->highest_uid == 0 ||
	    g_ascii_strcasecmp(facts->event.mailbox, "INBOX") != 0)
		return "SYNC";
	if (only(facts->kinds, KINDS_ADDED))
		return "NEW_MESSAGE";
	if (only(facts->kinds, KIND(MESSAGE_EXPUNGE)))
		return "DELETED_MESSAGE";
	return only(facts->kinds, KINDS_FLAGS) ? "CHANGED_MESSAGE" : "SYNC";
}

static GBytes *extended(const struct device *device, const struct notification *notification,
			gboolean minimal, GError **error)
{
	struct extended said = {.sequence = device->sequence, .account = device->user};
	g_autofree char *text = NULL;
	struct payload_facts facts;
	guint8 iv[EXTENDED_IV];
	char *sealed;

	/* As few octets as these come whole or not at all. */
	if (device->sequence == 0 || getrandom(iv, sizeof(iv), 0) != (ssize_t)sizeof(iv)) {
		g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_FAILED,
				    "there is no number, of its own or at random, for it");
		return NULL;
	}
	payload_facts_init(&facts, notification);
	said.event = event_of(&facts, notification->messages);
	if (strcmp(said.event, "SYNC") != 0 && facts.command == NULL) {
		said.uid = facts.highest_uid;
		if (device->content && !minimal) {
			said.sender = facts.event.from_address;
			said.date = facts.event.date;
			said.subject = facts.event.subject;
		}
	}
	text = extended_text(&said);
	payload_facts_clear(&facts);
	sealed = extended_seal(device->key, iv, text, error);
	return sealed == NULL ? NULL : g_bytes_new_take(sealed, strlen(sealed));
}

GBytes *payload_pimap(const struct device *device, const struct notification *notification,
		      gboolean minimal, GError **error)
{
	g_autofree char *account = NULL;
	char *text;

	if (device->dialect == DIALECT_EXTENDED)
		return extended(device, notification, minimal, error);
	account = payload_pimap_account(device);
	text = emn_text(account, payload_pimap_time(notification));

	/* As GLib does. */
	if (text == NULL)
		g_error("out of memory");
	return g_bytes_new_with_free_func(text, strlen(text), free, text);
}

const char *payload_pimap_type(const struct device *device)
{
	return device->dialect == DIALECT_EXTENDED ? "text/plain; charset=us-ascii"
						   : "text/vnd.wap.emn+xml";
}
