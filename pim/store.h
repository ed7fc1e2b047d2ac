/*
 * Where contacts, calendars and notes live, with the log of their changes, and what each of a
 * user's devices knows of them (peers, maps). All of a user's data is one unit: one
 * transaction, one writer. Who uses this does not know that it is SQLite: another backend
 * stands behind the same functions.
 *
 * Threads: a store may be used by any thread; a transaction by the one that began it. Two
 * transactions of one user wait for each other; those of different users do not.
 *
 * Revisions: each change of an item gets the next number of its collection, in the
 * transaction that makes it. Nothing is ever found by time stamps.
 */
#ifndef FANTAIL_PIM_STORE_H
#define FANTAIL_PIM_STORE_H

#include <gio/gio.h>

#include "item.h"

struct pim_store;
struct pim_txn;
typedef struct pim_store pim_store_t;
typedef struct pim_txn pim_txn_t;

#define PIM_STORE_ERROR (pim_store_error_quark())
GQuark pim_store_error_quark(void);
enum pim_store_error {
	PIM_STORE_ERROR_FULL,    /* disk or quota: status 420 */
	PIM_STORE_ERROR_BUSY,    /* locked for too long: try again */
	PIM_STORE_ERROR_CORRUPT, /* the text names the file and the remedy */
	PIM_STORE_ERROR_FAILED,
};

/* --- the store -------------------------------------------------------- */

struct pim_row;
struct pim_map;
struct pim_peer;
struct pim_target;
struct pim_version;

typedef gboolean pim_row_each(const struct pim_row *row, gpointer data);
typedef gboolean pim_map_each(const struct pim_map *map, gpointer data);

/* A file for each user below `dir`, which is made if it is not there: data of one user are
 * copied, moved and deleted by themselves, and users do not wait for each other. */
struct pim_store *pim_store_open(const char *dir, GError **error);
void pim_store_close(struct pim_store **store);
/* Names of users that have data. New. */
char **pim_store_users(struct pim_store *store, GError **error);
/* Those of one of PIM_STORE_PARTS parts of about the same size, for who goes through all of
 * them and does not want a hundred thousand names at once. */
#define PIM_STORE_PARTS 256
char **pim_store_users_of(struct pim_store *store, guint part);

/* NULL on error. `create` FALSE and there is no such user: NULL without *error. */
struct pim_txn *pim_txn_begin(struct pim_store *store, const char *user, gboolean create,
			      GError **error);
/* On disk when it returns TRUE. Frees it either way. */
gboolean pim_txn_commit(struct pim_txn *txn, GError **error);
void pim_txn_abort(struct pim_txn *txn);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(pim_txn_t, pim_txn_abort)

/* For Atomic; they nest. */
gboolean pim_txn_savepoint(struct pim_txn *txn, GError **error);
gboolean pim_txn_release(struct pim_txn *txn, GError **error);
gboolean pim_txn_roll_back(struct pim_txn *txn, GError **error);

/* All functions below: FALSE with *error set means that the transaction is to be aborted. Rows
 * handed out are valid until the next call. */

/* --- items -------------------------------------------------------------- */

struct pim_row {
	gint64 id; /* never used again */
	guint64 revision;
	enum pim_collection collection;
	enum pim_component component;
	gboolean deleted;         /* a tombstone: content is NULL */
	gint64 created, modified; /* unix seconds, for people */
	guint8 hash[16];
	const void *content; /* pim_item_stored() */
	gsize content_len;
};

struct pim_heads {
	guint64 head;   /* the highest revision given */
	guint64 oldest; /* tombstones of this and lower revisions may be gone */
};
gboolean pim_txn_heads(struct pim_txn *txn, enum pim_collection collection,
		       struct pim_heads *heads_r, GError **error);
/* How many that are not deleted. */
gboolean pim_txn_count(struct pim_txn *txn, enum pim_collection collection,
		       pim_components components, guint64 *count_r, GError **error);

/* found_r FALSE: there is none, not even a tombstone. */
gboolean pim_txn_get(struct pim_txn *txn, gint64 id, gboolean *found_r, struct pim_row *row_r,
		     GError **error);
/* The item's hashes and keys are worked out here. `origin` says who (a device's id, "import",
 * ...) for the history. */
gboolean pim_txn_add(struct pim_txn *txn, const struct pim_item *item, const char *origin,
		     gint64 now, gint64 *id_r, guint64 *revision_r, GError **error);
/* What it was goes to the history. An item that was deleted comes back. */
gboolean pim_txn_replace(struct pim_txn *txn, gint64 id, const struct pim_item *item,
			 const char *origin, gint64 now, guint64 *revision_r, GError **error);
gboolean pim_txn_delete(struct pim_txn *txn, gint64 id, const char *origin, gint64 now,
			guint64 *revision_r, GError **error);
/* Puts a version into the history that never became the item's: the loser of a conflict. */
gboolean pim_txn_keep_loser(struct pim_txn *txn, gint64 id, const struct pim_item *item,
			    const char *origin, gint64 now, GError **error);
/* Those of a revision above `after` up to `upto`, tombstones too, in the order of revisions,
 * `limit` at most. `each` returns FALSE to stop; it may not write. */
gboolean pim_txn_changes(struct pim_txn *txn, enum pim_collection collection,
			 pim_components components, guint64 after, guint64 upto, guint limit,
			 pim_row_each *each, gpointer data, GError **error);
/* Any item with these contents, or that UID: 0 = none. */
gboolean pim_txn_find_hash(struct pim_txn *txn, const guint8 hash[16], gint64 *id_r,
			   GError **error);
gboolean pim_txn_find_uid(struct pim_txn *txn, const char *uid, gint64 *id_r, GError **error);
/* An item without a map entry of that target: 0 = none. By contents, by UID, by any key in
 * common. */
gboolean pim_txn_match_hash(struct pim_txn *txn, gint64 target, const guint8 hash[16], gint64 *id_r,
			    GError **error);
gboolean pim_txn_match_uid(struct pim_txn *txn, gint64 target, const char *uid, gint64 *id_r,
			   GError **error);
/* `apart`: also an exception of an item by itself. `part_r` is set if `id_r` is: new. */
gboolean pim_txn_match_keys(struct pim_txn *txn, gint64 target, enum pim_component component,
			    gboolean apart, const guint64 *keys, guint count, gint64 *id_r,
			    char **part_r, GError **error);

/* --- history ------------------------------------------------------------ */

struct pim_version {
	gint64 version; /* of this user */
	gint64 item;
	enum pim_component component;
	gint64 when;
	const char *origin; /* who replaced, deleted or lost it */
	const char *why;    /* "replaced", "deleted", "conflict" */
	const void *content;
	gsize content_len;
};
typedef gboolean pim_version_each(const struct pim_version *version, gpointer data);
/* The newest first; item 0 = of all. */
gboolean pim_txn_history(struct pim_txn *txn, gint64 item, guint limit, pim_version_each *each,
			 gpointer data, GError **error);
/* Makes it the item's again, or the item be again. found_r FALSE: no such version. */
gboolean pim_txn_restore(struct pim_txn *txn, gint64 version, const char *origin, gint64 now,
			 gboolean *found_r, GError **error);

/* --- devices ------------------------------------------------------------ */

/* A device of the user, by the id it gives itself. */
struct pim_peer {
	gint64 id;
	const char *device;
	gint64 last_seen;
	/* What a protocol keeps of it: device information, nonces, rules ... */
	const void *state;
	gsize state_len;
	/* The sync password's secret (syncml/auth.h) and its user name; NULL = none. */
	const char *secret_user, *secret;
};
typedef gboolean pim_peer_each(const struct pim_peer *peer, gpointer data);
/* Makes it if it is not there. */
gboolean pim_txn_peer(struct pim_txn *txn, const char *device, gint64 now, struct pim_peer *peer_r,
		      GError **error);
gboolean pim_txn_peers(struct pim_txn *txn, pim_peer_each *each, gpointer data, GError **error);
gboolean pim_txn_set_peer(struct pim_txn *txn, gint64 peer, gint64 now, const void *state,
			  gsize state_len, GError **error);
gboolean pim_txn_set_secret(struct pim_txn *txn, gint64 peer, const char *user, const char *secret,
			    GError **error);
/* With all that is known of it. */
gboolean pim_txn_forget_peer(struct pim_txn *txn, gint64 peer, GError **error);

/* A view of a collection that a device syncs: one of its databases. */
struct pim_target {
	gint64 id;
	gint64 peer;
	const char *name; /* the database's */
	enum pim_collection collection;
	pim_components components;
	/* Two generations: a device that died before it stored its anchor goes on from the
	 * former. NULL = none. */
	const char *client_anchor, *server_anchor, *former_client_anchor, *former_server_anchor;
	guint64 cursor, former_cursor; /* revisions up to which the device has all */
	gint64 last_sync;
	const void *state; /* the protocol's: resume, filter ... */
	gsize state_len;
};
typedef gboolean pim_target_each(const struct pim_target *target, gpointer data);
gboolean pim_txn_target(struct pim_txn *txn, gint64 peer, const char *name,
			enum pim_collection collection, pim_components components,
			struct pim_target *target_r, GError **error);
gboolean pim_txn_targets(struct pim_txn *txn, gint64 peer, pim_target_each *each, gpointer data,
			 GError **error);
/* The next number of the target's temporary ids, never given twice. */
gboolean pim_txn_next_tmpid(struct pim_txn *txn, gint64 target, guint64 *number_r, GError **error);
/* All but id, peer, name, collection and components. */
gboolean pim_txn_set_target(struct pim_txn *txn, const struct pim_target *target, GError **error);

/* --- maps --------------------------------------------------------------- */

enum pim_pending {
	PIM_PENDING_NONE,
	PIM_PENDING_ADD, /* the device may or may not have it: sent again with the same tmpid */
	PIM_PENDING_REPLACE,
	PIM_PENDING_DELETE,
};
enum pim_map_state {
	PIM_MAP_LIVE,
	PIM_MAP_SOFT_DELETED, /* the device dropped its copy */
	PIM_MAP_FILTERED,     /* we had it drop its copy */
	PIM_MAP_POISONED,     /* refused too often */
};

/* What a device's item is to us. */
struct pim_map {
	gint64 id;
	gint64 target;
	gint64 item;
	const char *part;  /* recurrence-id of an exception sent by itself; "" = the item */
	const char *luid;  /* NULL = not known (yet) */
	const char *tmpid; /* NULL = none */
	guint64 seen;      /* the item's revision that the device has */
	struct pim_groups device_groups; /* of what it has, as it has it */
	struct pim_groups item_groups;   /* of ours as it was then */
	enum pim_map_state state;
	gboolean lossy;
	/* What was sent and has no status yet. */
	enum pim_pending pending;
	guint64 sent;        /* revision */
	gint64 sent_session; /* 0 = not in this one */
	guint32 sent_msg, sent_cmd;
	/* What the groups are once the device has it. */
	struct pim_groups sent_device_groups, sent_item_groups;
	guint tries;
};
/* found_r FALSE: there is none. */
gboolean pim_txn_map_by_luid(struct pim_txn *txn, gint64 target, const char *luid,
			     gboolean *found_r, struct pim_map *map_r, GError **error);
gboolean pim_txn_map_by_item(struct pim_txn *txn, gint64 target, gint64 item, const char *part,
			     gboolean *found_r, struct pim_map *map_r, GError **error);
gboolean pim_txn_map_by_tmpid(struct pim_txn *txn, gint64 target, const char *tmpid,
			      gboolean *found_r, struct pim_map *map_r, GError **error);
gboolean pim_txn_map_by_command(struct pim_txn *txn, gint64 session, guint32 msg, guint32 cmd,
				gboolean *found_r, struct pim_map *map_r, GError **error);
/* All of one item: itself and exceptions sent by themselves. `each` may not write. */
gboolean pim_txn_item_maps(struct pim_txn *txn, gint64 target, gint64 item, pim_map_each *each,
			   gpointer data, GError **error);
/* id 0: new, and the id is set. Else all but target is written. A LUID or item of another row
 * of the target: that row goes. */
gboolean pim_txn_put_map(struct pim_txn *txn, struct pim_map *map, GError **error);
gboolean pim_txn_drop_map(struct pim_txn *txn, gint64 map, GError **error);
/* All of a target: a slow sync begins. What they said is kept as a hint of what an item was: the
 * last for each LUID, until they are dropped. */
gboolean pim_txn_clear_maps(struct pim_txn *txn, gint64 target, GError **error);
/* Of an item that may be gone, or another's by now. With id 0: it may be put as a new one. */
gboolean pim_txn_former_map(struct pim_txn *txn, gint64 target, const char *luid, gboolean *found_r,
			    struct pim_map *map_r, GError **error);
gboolean pim_txn_drop_former_maps(struct pim_txn *txn, gint64 target, GError **error);
/* In the order of ids, from `after`; `pending` only those that have something pending. `each`
 * may not write. */
gboolean pim_txn_maps(struct pim_txn *txn, gint64 target, gint64 after, gboolean pending,
		      guint limit, pim_map_each *each, gpointer data, GError **error);

/* --- sessions and chunks ------------------------------------------------ */

/* What a session has to remember, and the last answer; opaque here. `key` is what the address
 * of the session has; `session` is unique among the device's. */
struct pim_session {
	gint64 id;
	const char *key; /* 32 hexadecimal digits */
	gint64 peer;
	const char *session;
	gint64 expires; /* unix seconds */
	guint32 last_msg;
	guint8 last_hash[32];
	const void *answer; /* to last_msg; NULL = none */
	gsize answer_len;
	const void *state;
	gsize state_len;
};
gboolean pim_txn_session(struct pim_txn *txn, gint64 peer, const char *session, gboolean *found_r,
			 struct pim_session *session_r, GError **error);
/* id 0: new; the device's other sessions end. */
gboolean pim_txn_put_session(struct pim_txn *txn, struct pim_session *session, GError **error);
gboolean pim_txn_end_session(struct pim_txn *txn, gint64 session, GError **error);

/* An object that comes in pieces; one for each target. */
struct pim_chunk {
	const char *luid;
	guint64 total;
	const void *data;
	gsize len;
};
gboolean pim_txn_chunk(struct pim_txn *txn, gint64 target, gboolean *found_r,
		       struct pim_chunk *chunk_r, GError **error);
gboolean pim_txn_begin_chunk(struct pim_txn *txn, gint64 target, const char *luid, guint64 total,
			     GError **error);
gboolean pim_txn_append_chunk(struct pim_txn *txn, gint64 target, const void *data, gsize len,
			      GError **error);
gboolean pim_txn_drop_chunk(struct pim_txn *txn, gint64 target, GError **error);

/* --- telling devices of changes ------------------------------------------------------ */

/* A commit that changed items notes, for each other device that syncs such items, that it has to be
 * told: store-alerts.c. Whose changes they are, as a peer; 0, the default = no device's. */
void pim_txn_set_author(struct pim_txn *txn, gint64 peer);

/* Notes are kept until somebody drops them, and users who have any are found again. On or off is
 * for the store at `dir`, whoever has it open; off forgets all that is noted. */
gboolean pim_alerts_enable(const char *dir, gboolean on, GError **error);
/* Those with notes, perhaps of late. New. */
char **pim_alerts_users(const char *dir);
/* Is called after a commit that noted something, by whichever thread. Before there are
 * transactions. */
typedef void pim_store_alerted(const char *user, gpointer data);
void pim_store_watch_alerts(struct pim_store *store, pim_store_alerted *alerted, gpointer data);

struct pim_alert {
	gint64 peer;
	enum pim_collection collection;
	guint64 revision;   /* that it has to have */
	gint64 first, last; /* changes */
	/* Whoever tells keeps these. */
	guint16 session;
	guint tries;
	gint64 due;
	gboolean answered; /* it has that revision: nothing is to be told */
};
typedef gboolean pim_alert_each(const struct pim_alert *alert, gpointer data);
/* In the order of peers. `each` may not write. */
gboolean pim_txn_alerts(struct pim_txn *txn, pim_alert_each *each, gpointer data, GError **error);
/* session, tries, due. */
gboolean pim_txn_set_alert(struct pim_txn *txn, const struct pim_alert *alert, GError **error);
/* Stays if there has been another change since it was read. */
gboolean pim_txn_drop_alert(struct pim_txn *txn, const struct pim_alert *alert, GError **error);
/* If the user has no notes any more nobody needs to look. */
gboolean pim_txn_settle_alerts(struct pim_txn *txn, GError **error);

/* --- housekeeping ------------------------------------------------------- */

/* How long what nobody may want again is kept (keep.h has what is usual). */
struct pim_keep {
	gint64 history_secs;  /* versions of the history */
	gint64 deletion_secs; /* tombstones: devices whose cursor is older sync slowly */
	gint64 device_secs;   /* devices that are not seen; those with a secret stay */
};
struct pim_swept {
	guint sessions, versions, deletions, devices;
};
/* Sessions that are over go, too, and tombstones that no device needs any more. `limit` of each
 * kind at most, and one device, so that nobody waits for long; more_r: there is more to do, in
 * another transaction. What went is added to `swept`. */
gboolean pim_txn_sweep(struct pim_txn *txn, const struct pim_keep *keep, gint64 now, guint limit,
		       struct pim_swept *swept, gboolean *more_r, GError **error);
/* As many transactions as it takes, with pauses for those who wait for the user. What was done
 * before an error stays done. */
gboolean pim_sweep_user(struct pim_store *store, const char *user, const struct pim_keep *keep,
			gint64 now, GCancellable *cancellable, struct pim_swept *swept,
			GError **error);
/* Calls `found` for each thing that cannot be, with a sentence; the count is returned, -1 on
 * error. */
typedef void pim_check_found(const char *problem, gpointer data);
int pim_txn_check(struct pim_txn *txn, pim_check_found *found, gpointer data, GError **error);

#endif
