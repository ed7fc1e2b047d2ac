/*
 * METADATA (RFC 5464): which entries a transaction sets, for wake-ups at its commit.
 *
 * The notify plugin does not report these, and what it gives its listeners cannot be
 * found from the transaction that an attribute is set in. So this takes the mailbox's
 * own functions.
 */
#ifndef FANTAIL_EVENT_METADATA_H
#define FANTAIL_EVENT_METADATA_H

struct mailbox;

/* In mailbox_allocated. `hub_path` lives as long as the mailbox. */
void event_metadata_follow(struct mailbox *box, const char *hub_path);

#endif
