/*
 * Wake-ups for what has happened in a mailbox (wake.h): the other sessions learn of
 * it whether or not anybody has registered for pushes.
 */
#ifndef FANTAIL_EVENT_WAKE_H
#define FANTAIL_EVENT_WAKE_H

#include "wake.h"

struct mailbox;

/* Who and where of a wake-up about `box`; *wake_r is otherwise empty. Strings live as long
 * as the mailbox, or in the data stack. */
void event_wake_init(struct wake *wake_r, struct mailbox *box);

/* What one transaction did. */
struct event_wake {
	wake_kinds kinds;
	wake_kinds own; /* what only the acting user can see (read marks of a guest) */
};

/* One wake-up for all of it; none if it did nothing. After the commit. */
void event_wake_committed(struct mailbox *box, const char *hub_path, const struct event_wake *done);

/* A mailbox was created and so on. `src`: before a rename, else NULL. `mailbox_id` may
 * be NULL. */
void event_wake_mailbox(struct mailbox *box, const char *hub_path, enum wake_kind kind,
			struct mailbox *src, const char *mailbox_id);

/* Entries of METADATA were set or removed; `kind` is WAKE_MAILBOX_METADATA or, `box`
 * being the INBOX where these are kept, WAKE_SERVER_METADATA. */
void event_wake_metadata(struct mailbox *box, const char *hub_path, enum wake_kind kind,
			 bool private, const char *const *entries, size_t count);

#endif
