/*
 * A mailbox's STATUS: what it says now, which of that is news (RFC 5465 sections 3.1 and
 * 5.1 to 5.3), and the line. Remembers nothing.
 */
#ifndef FANTAIL_NOTIFY_STATUS_H
#define FANTAIL_NOTIFY_STATUS_H

#include "notify-session.h"

struct notify_snapshot;

enum notify_look {
	NOTIFY_LOOK_OK,
	NOTIFY_LOOK_GONE,   /* or not visible */
	NOTIFY_LOOK_DENIED, /* may be listed, not read */
	NOTIFY_LOOK_FAILED,
};
/* May make the mailbox (auto=create), and so have others called. */
enum notify_look notify_status_look(struct notify_session *session, const char *vname,
				    struct notify_snapshot *snapshot_r);

/* A set of STATUS items; 0: nothing is to be said. */
typedef unsigned int notify_items;

/* Those of the STATUS indicator. */
notify_items notify_status_indicator(notify_events events);
/* What is to be said, given what was asked for, what we were told has happened (0: nothing;
 * it was found by looking), what it said last and what it says now. */
notify_items notify_status_news(struct client *client, notify_events events, wake_kinds dirty,
				const struct notify_snapshot *last,
				const struct notify_snapshot *now);

/* Returns whether there is room for more. */
bool notify_status_send(struct notify_session *session, const char *vname, notify_items what,
			const struct notify_snapshot *snapshot);

#endif
