/*
 * Who watches what: the hub's table of rules, and who is to hear of a wake-up.
 *
 * A wake-up costs what it matches and not how many watch: rules are found by whose
 * mailbox it is, its name and those above it, or by its GUID. Pure; nobody here knows of sockets or
 * of who may watch what (peer-rule.h).
 */
#ifndef FANTAIL_HUB_WATCH_H
#define FANTAIL_HUB_WATCH_H

#include <glib.h>

#include "wake.h"

struct hub_table;
/* One session's rules. */
struct hub_watcher;

struct hub_table *hub_table_new(void);
/* All watchers are freed before. NULL is fine. */
void hub_table_free(struct hub_table *table);

/* `data` comes back from hub_table_each. `session` may be NULL: then its own changes
 * are its business too. Strings are copied. */
struct hub_watcher *hub_watcher_new(struct hub_table *table, const char *user, const char *session,
				    void *data);
/* Takes the rules out of the table. NULL is fine. */
void hub_watcher_free(struct hub_watcher *watcher);

const char *hub_watcher_user(const struct hub_watcher *watcher);
/* NULL if it has none. */
const char *hub_watcher_session(const struct hub_watcher *watcher);

enum hub_rule_result {
	HUB_RULE_OK,
	HUB_RULE_BAD,  /* no known kind, or neither an owner nor a GUID, or overlong */
	HUB_RULE_FULL, /* over LIMIT_HUB_RULES, LIMIT_HUB_NAMES or LIMIT_HUB_NAME_BYTES */
};
/* The owner that a RULE line names; NULL if it matches by GUID alone. */
const char *hub_rule_owner(const struct tabline_field *fields, size_t count);
/* Adds the rule of that line, all of it or nothing. What is watched already is watched
 * for the kinds of both. */
enum hub_rule_result hub_watcher_add(struct hub_watcher *watcher,
				     const struct tabline_field *fields, size_t count);

/* Of all its rules. */
wake_kinds hub_watcher_kinds(const struct hub_watcher *watcher);
/* Bytes that its rules take, about. */
gsize hub_watcher_size(const struct hub_watcher *watcher);

typedef void hub_table_callback(void *watcher_data, void *context);
/* Calls `callback` once for each watcher whom the wake-up concerns; it must not change
 * the table. Returns how many rules and levels of the name were looked at, which is what
 * it has cost. */
guint hub_table_each(struct hub_table *table, const struct wake *wake, hub_table_callback *callback,
		     void *context);

/* How many different names, subtrees and GUIDs are watched. */
guint hub_table_size(const struct hub_table *table);

#endif
