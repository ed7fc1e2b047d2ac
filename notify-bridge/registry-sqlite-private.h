/*
 * What the files of the SQLite registry share: registry-sqlite.c (reading),
 * registry-sqlite-change.c (what clients do) and registry-sqlite-marks.c (what
 * gateways say, and age). Theirs alone.
 */
#ifndef FANTAIL_REGISTRY_SQLITE_PRIVATE_H
#define FANTAIL_REGISTRY_SQLITE_PRIVATE_H

#include "registry.h"
#include "store.h"

/* user of the rows that stand for the config's webhooks: no mail user has it. */
#define REGISTRY_WEBHOOK_USER ""

struct sqlite_registry {
	struct registry base;
	struct store *store;
	struct registry_limits limits;
	GHashTable *webhooks; /* name -> gint64 * */
	GHashTable *marks;    /* id, in the mark -> struct mark, not written yet */
	gint64 marks_written; /* unix seconds */
	struct registry_stats stats;
	gboolean stats_valid;
	guint refs; /* the owner's and one for each job under way */
};

struct sqlite_registry *registry_sqlite(struct registry *registry);
struct sqlite_registry *registry_sqlite_hold(struct registry *registry);
void registry_sqlite_release(struct sqlite_registry *registry);

#define REGISTRY_COLUMNS                                                                         \
	"id, user, device, gateway, dialect, state, endpoint, p256dh, auth, vapid_key, events, " \
	"mailboxes, content, msgtype, client, label, token, token_tries, created, confirm_by, "  \
	"confirmed, last_ok, dead_at, last_outcome"
/* The row under a statement that selects REGISTRY_COLUMNS. */
struct device *registry_sqlite_row(sqlite3_stmt *stmt);
/* Borrowed until the statement is prepared again. */
void registry_sqlite_bind_text(sqlite3_stmt *stmt, int parameter, const char *text);
void registry_sqlite_remember_webhook(struct sqlite_registry *registry, const char *name,
				      gint64 id);

/* --- registry-sqlite-marks.c */

GHashTable *registry_sqlite_new_marks(void);
/* Lays what is not written yet over what was read. */
void registry_sqlite_apply_mark(struct sqlite_registry *registry, struct device *device);
void registry_sqlite_forget_mark(struct sqlite_registry *registry, gint64 id);
/* All at once: for close(). */
void registry_sqlite_write_marks(struct sqlite_registry *registry);

/* --- functions of the backend (registry.h) */

void registry_sqlite_subscribe(struct registry *registry, const struct device *device, gint64 now,
			       registry_done done, gpointer data);
void registry_sqlite_enrol(struct registry *registry, const struct device *device, gint64 now,
			   registry_done done, gpointer data);
void registry_sqlite_confirm(struct registry *registry, const char *user, const char *device,
			     const char *token, gint64 now, registry_done done, gpointer data);
void registry_sqlite_remove(struct registry *registry, const char *user, const char *device,
			    registry_done done, gpointer data);
void registry_sqlite_ensure_webhook(struct registry *registry, const char *name, gint64 now,
				    registry_done done, gpointer data);
void registry_sqlite_mark_ok(struct registry *registry, gint64 id, gint64 now, const char *outcome);
void registry_sqlite_mark_failed(struct registry *registry, gint64 id, const char *outcome);
void registry_sqlite_mark_dead(struct registry *registry, gint64 id, const char *endpoint,
			       gint64 dead_at, gint64 now, const char *outcome,
			       registry_dead_done done, gpointer data);
void registry_sqlite_maintain(struct registry *registry, gint64 now, gint64 dead_keep_secs);

#endif
