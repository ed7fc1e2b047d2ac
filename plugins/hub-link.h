/*
 * A session's connection to the hub: says what the session watches, and hears the
 * wake-ups. Comes back by itself when the hub was away; a session without a hub still
 * works, by its slow poll. Needs Dovecot's ioloop; knows nothing of IMAP.
 */
#ifndef FANTAIL_HUB_LINK_H
#define FANTAIL_HUB_LINK_H

#include "wake.h"

struct event;
struct hub_link;

struct hub_link_callbacks {
	/* Called from the ioloop. `wake` is borrowed. Must not free the link. */
	void (*woken)(const struct wake *wake, void *context);
	/* The hub knows all rules: what changes from now on is woken for. `missed`: after a
	 * (re)connect, or it had to drop wake-ups: look at everything that is watched;
	 * else at what the new rules add. Likewise. */
	void (*look)(bool missed, void *context);
	/* The hub is away, which knew all rules: what changes from now on is not woken for
	 * until the next look(). It may be hub_link_watch() that finds that out. Likewise. */
	void (*lost)(void *context);
};

/* Not connected yet: the first hub_link_watch does that. `parent` gets the log lines;
 * strings are copied. `session` may be NULL: then own changes come back as wake-ups. */
struct hub_link *hub_link_new(struct event *parent, const char *path, const char *user,
			      const char *session, const struct hub_link_callbacks *callbacks,
			      void *context);
void hub_link_free(struct hub_link **link);

/* One rule of what is watched. */
struct hub_rule {
	const char *owner; /* NULL: not by owner but by `mailbox_ids` alone */
	wake_kinds kinds;
	/* Exactly these, by name as `owner` sees them, with all below it, or by GUID; all
	 * empty = all of the owner's. */
	const char *const *mailboxes;
	size_t mailbox_count;
	const char *const *subtrees;
	size_t subtree_count;
	const char *const *mailbox_ids;
	size_t mailbox_id_count;
};
/* Replaces all rules; they are copied, and said again after a reconnect. Without rules
 * the connection is closed. If they are what they were, nothing happens: no look
 * either. Rules of more than LIMIT_HUB_SCRIPT bytes are none. May be called by the
 * callbacks. */
void hub_link_watch(struct hub_link *link, const struct hub_rule *rules, size_t count);

/* The hub is there and has heard all rules. */
bool hub_link_connected(const struct hub_link *link);
/* And it tells of all that was asked for. Some rules may be skipped: too many, or about
 * mailboxes of owners for whom this process may not speak. */
bool hub_link_complete(const struct hub_link *link);
/* It is being told the rules, and look() is about to be called: soon, unless it hangs. */
bool hub_link_pending(const struct hub_link *link);

/* For hibernation: asks the hub to send one wake-up at most, and gives up the
 * connection. The descriptor, now the caller's, becomes readable with the first event
 * that the rules match. -1: not hub_link_complete() now; the link stays. */
int hub_link_sleep(struct hub_link **link);

#endif
