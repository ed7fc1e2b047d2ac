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
	GHashTable *writing;  /* likewise, borrowed: handed to the writer */
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
	"confirmed, last_ok, dead_at, last_outcome, seen, wakes"
/* The row under a statement that selects REGISTRY_COLUMNS. */
struct device *registry_sqlite_row(sqlite3_stmt *stmt);
/* Borrowed until the statement is prepared again. */
void registry_sqlite_bind_text(sqlite3_stmt *stmt, int parameter, const char *text);
void registry_sqlite_remember_webhook(struct sqlite_registry *registry, const char *name,
				      gint64 id);

/* --- registry-sqlite-change.c: what changes one device */

struct change_job {
	struct sqlite_registry *registry;
	struct device *wanted; /* subscribe; else its user and device alone count */
	char *token;           /* confirm: as echoed */
	char *name, *value;    /* prefer: of the preference; attach: mailbox and filter */
	gint64 now;
	guint devices_per_user;
	registry_done done;
	gpointer data;
	/* Set by the work. */
	struct device *result;
	GError *verdict; /* what the caller is told although something was written */
};

struct change_job *registry_sqlite_job_new(struct registry *registry, const struct device *wanted,
					   gint64 now, registry_done done, gpointer data);
void registry_sqlite_job_start(struct change_job *job, store_work work, store_done done);
/* Reports and frees it: a store_done. */
void registry_sqlite_job_done(const GError *error, gpointer data);
/* The row of job->wanted into job->result: 1, 0 = no such device, -1 = failed. */
int registry_sqlite_job_fetch(struct store *store, struct change_job *job, GError **error);
/* May it become what is wanted? */
gboolean registry_sqlite_job_check_face(struct change_job *job, GError **error);
/* Writes job->wanted, and fetches it; after a fetch. */
gboolean registry_sqlite_job_write(struct store *store, struct change_job *job, GError **error);

/* --- registry-sqlite-pimap.c, registry-sqlite-filter.c: see registry.h */

/* What a job of a device of Push-IMAP begins with. */
struct change_job *registry_sqlite_pimap_job(struct registry *registry, const char *user,
					     const char *device, gint64 now, registry_done done,
					     gpointer data);
/* The device into job->result, made if it is not there. `profile`: what it is to be. */
gboolean registry_sqlite_job_make_device(struct store *store, struct change_job *job,
					 const struct pimap_profile *profile, GError **error);

struct pimap_profile *registry_sqlite_profile(struct registry *registry, gint64 id);
void registry_sqlite_prefer(struct registry *registry, const char *user, const char *device,
			    enum pimap_pref pref, const char *value, gint64 now, registry_done done,
			    gpointer data);
void registry_sqlite_attach(struct registry *registry, const char *user, const char *device,
			    const char *mailbox, const char *filter, gint64 now, registry_done done,
			    gpointer data);
char *registry_sqlite_attached(struct registry *registry, gint64 id, const char *mailbox);
GPtrArray *registry_sqlite_attachments(struct registry *registry, gint64 id);
void registry_sqlite_set_filter(struct registry *registry, const char *user,
				const struct registry_filter *filter, registry_stored done,
				gpointer data);
void registry_sqlite_drop_filter(struct registry *registry, const char *user, const char *name,
				 registry_stored done, gpointer data);
GPtrArray *registry_sqlite_filters(struct registry *registry, const char *user, const char *name);
GPtrArray *registry_sqlite_wanted_filters(struct registry *registry, const char *user,
					  const char *mailbox);

/* --- registry-sqlite-key.c: see registry.h */

void registry_sqlite_provision(struct registry *registry, const char *user, const char *device,
			       const char *notification_id, const guint8 *fresh, gint64 now,
			       registry_done done, gpointer data);
void registry_sqlite_new_key(struct registry *registry, const char *user, const char *device,
			     const guint8 *fresh, registry_done done, gpointer data);
void registry_sqlite_number(struct registry *registry, const struct device *device,
			    registry_done done, gpointer data);
void registry_sqlite_key(struct registry *registry, gint64 id, struct registry_key *key_r);
void registry_sqlite_lock(struct registry *registry, const char *user, const char *device,
			  gboolean locked, registry_done done, gpointer data);

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
void registry_sqlite_present(struct registry *registry, const struct device *device, gint64 now);
void registry_sqlite_maintain(struct registry *registry, gint64 now, gint64 dead_keep_secs);

#endif
