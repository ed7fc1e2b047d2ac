/*
 * A notification: one thing to tell one device, as the queue keeps it.
 *
 * Several events become one notification while it waits: the key names what
 * may be folded together (one pending notification per device and mailbox and
 * class). Pure.
 */
#ifndef FANTAIL_NOTIFICATION_H
#define FANTAIL_NOTIFICATION_H

#include <glib.h>

#include "push-event.h"

struct notification {
	gint64 id;              /* row of the queue; 0 = not queued (a test push) */
	guint32 revision;       /* goes up with each merge; see queue.h, finish */
	gint64 device;          /* struct device, id */
	char *user;             /* whose device; for a webhook: whose mail */
	char *key;              /* coalescing key, "mail:<mailbox>", "state:<mailbox>"
				 * or "sync:<DevID>" */
	char *lane;             /* "<gateway> <origin>": what is sent side by side, bounded */
	push_event_kinds kinds; /* all that happened since `first_us` */
	guint32 messages;       /* how many messages that concerns */
	gint64 first_us;        /* commit time of the oldest event, microseconds (wall clock) */
	gint64 due_us;          /* not to be sent before */
	gint64 expires_us;      /* not worth sending after */
	guint attempts;         /* failed tries so far */
	char *event;            /* newest event, one EVENT line without LF (push-event.h); for a
				 * confirmation push: "CONFIRM\ttoken=…"; for what an operator
				 * tells a device of Push-IMAP: "COMMAND\tevent=LOCK_DOWN" */
};

/* Lanes of arrivals are served first; confirmations and commands are arrivals too. */
gboolean notification_is_arrival(const struct notification *notification);
/* Is it what an operator tells a device, whatever else there is? */
gboolean notification_is_command(const struct notification *notification);

struct notification *notification_copy(const struct notification *notification);
/* NULL is fine. */
void notification_free(struct notification *notification);
typedef struct notification notification_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(notification_t, notification_free)

/* Folds `newer` into `older` (same device, user and key), which keeps its id,
 * `first_us` and `attempts`: kinds are joined, messages added, UID sets of one
 * UIDVALIDITY joined up to LIMIT_LINE / 4 bytes (past that the set is left out:
 * the device looks for itself), due is the earlier, expiry the later, all else
 * is the newer one's. Raises `revision`. */
void notification_merge(struct notification *older, const struct notification *newer);

#endif
