/*
 * The durable outbox: notifications that wait, are being sent, or are to be
 * tried again. A backend struct, so that other engines stand beside SQLite.
 *
 * Contract: what put() reported done survives kill -9 and power loss; it stays
 * until finish() or drop() was reported done. Which rows are in flight is known
 * to the caller only: after a crash they are sent once more.
 *
 * All functions are called on the main thread and call back there.
 */
#ifndef FANTAIL_QUEUE_H
#define FANTAIL_QUEUE_H

#include "notification.h"

struct queue;

/* `error` NULL: it is on disk. `data` is the caller's. */
typedef void (*queue_done)(const GError *error, gpointer data);

struct queue_lane {
	char *lane;
	guint pending;
	gint64 due_us; /* earliest */
};

struct queue_stats {
	guint64 pending;
	gint64 oldest_us; /* first_us of the oldest; 0 = empty */
	guint64 bytes;    /* on disk */
};

struct queue_backend {
	const char *name;
	/* Stores the notifications of one batch, folding each into a waiting one
	 * with the same device, user and key (notification_merge). A batch id that
	 * was seen within LIMIT_BATCH_MEMORY_SECS (or is one of the last
	 * LIMIT_BATCH_MEMORY_IDS) does nothing and is done all the same. `batch`
	 * NULL: no such check. Copies what it needs. FALSE with STORE_ERROR_BUSY if
	 * too much waits: then `done` is not called. */
	gboolean (*put)(struct queue *queue, const char *batch, GPtrArray *notifications,
			queue_done done, gpointer data, GError **error);
	/* Due rows of one lane, arrivals first, then oldest due first, at most
	 * `limit`, without those whose ids are in `busy` (a set of gint64*, may be
	 * NULL). Array of struct notification *, owned. */
	GPtrArray *(*claim)(struct queue *queue, const char *lane, gint64 now_us, guint limit,
			    GHashTable *busy);
	/* When the lane's next row (not in `busy`) falls due; 0 = none. */
	gint64 (*next_due)(struct queue *queue, const char *lane, GHashTable *busy);
	/* All lanes with waiting rows, for start-up. Array of struct queue_lane *. */
	GPtrArray *(*lanes)(struct queue *queue);
	/* The gateway has it: deletes the row if its revision is still this one;
	 * a row that was merged into meanwhile stays, due at once, attempts 0,
	 * first_us that of what came last. A row that is gone is fine. */
	void (*finish)(struct queue *queue, gint64 id, guint32 revision, queue_done done,
		       gpointer data);
	/* To be tried again at due_us with that many attempts behind it; a row that was
	 * merged into since this revision at the earlier of due_us and its own time,
	 * attempts 0: its failures are not those of what is new. */
	void (*reschedule)(struct queue *queue, gint64 id, guint32 revision, gint64 due_us,
			   guint attempts, queue_done done, gpointer data);
	/* Not to be sent: expired, rejected, device gone. */
	void (*drop)(struct queue *queue, gint64 id, queue_done done, gpointer data);
	/* All of a device, when it goes. */
	void (*drop_device)(struct queue *queue, gint64 device, queue_done done, gpointer data);
	/* Makes waiting rows (of one user, or all if NULL) due now. */
	void (*flush)(struct queue *queue, const char *user, queue_done done, gpointer data);
	/* Oldest first, for operators. Array of struct notification *. */
	GPtrArray *(*list)(struct queue *queue, const char *user, guint limit);
	void (*stats)(struct queue *queue, struct queue_stats *stats_r);
	/* Forgets old batch ids; called now and then (a minute is fine). */
	void (*maintain)(struct queue *queue, gint64 now_us);
	/* Work under way still runs and reports. Clears the pointer; NULL is fine. */
	void (*close)(struct queue **queue);
};

struct queue {
	const struct queue_backend *backend;
};

void queue_lane_free(struct queue_lane *lane);

/* The embedded default; `store` is borrowed and outlives the queue. max_pending:
 * rows past which put() reports STORE_ERROR_FULL (what folds in still does); 0 = no
 * bound. */
struct store;
struct queue *queue_sqlite_open(struct store *store, guint64 max_pending, GError **error);

#endif
