/*
 * What a session watches, in the hub's words: whose mailboxes, or which of them, and what
 * may happen there. Reads the session and its table; changes neither.
 */
#ifndef FANTAIL_NOTIFY_RULES_H
#define FANTAIL_NOTIFY_RULES_H

#include "notify-session.h"

struct notify_table;

/* Appends to `rules` (struct hub_rule), whose strings live as long as the table is not
 * changed: all that happens, by owner, and what others share by GUID. */
void notify_rules_all(const struct notify_session *session, const struct notify_table *table,
		      wake_kinds kinds, ARRAY_TYPE(notify_hub_rules) *rules);

/* For a session that sleeps: kinds and mailboxes that were asked for, and no others. False:
 * they are more than the hub takes, and `rules` is as it was. */
bool notify_rules_exact(const struct notify_session *session, const struct notify_table *table,
			ARRAY_TYPE(notify_hub_rules) *rules);

#endif
