/* What payload.c tells the dialects; and webhooks, which say the same in their own
 * words. */
#ifndef FANTAIL_PAYLOAD_PRIVATE_H
#define FANTAIL_PAYLOAD_PRIVATE_H

#include "device.h"
#include "notification.h"
#include "push-event.h"

/* A notification taken apart. Strings borrow from `line`. */
struct payload_facts {
	char *line;
	const char *token;       /* of a confirmation; then there is no event */
	const char *command;     /* an operator's (notification.h); likewise */
	gboolean has_event;      /* the notification's event could be read */
	gboolean data_change;    /* and is one: there is no mailbox */
	struct push_event event; /* the newest */
	push_event_kinds kinds;  /* all that happened */
	guint32 highest_uid;     /* of event.uids; 0 = not known */
	gboolean arrival;        /* new mail, maybe among other things */
};

void payload_facts_init(struct payload_facts *facts, const struct notification *notification);
void payload_facts_clear(struct payload_facts *facts);

/* The dialects; text without a ceiling of its own must not come of them. */
GString *payload_gougeon(const struct device *device, const struct payload_facts *facts,
			 gboolean content, gboolean minimal);
GString *payload_coi(const struct payload_facts *facts, gboolean content, gboolean minimal);

#endif
