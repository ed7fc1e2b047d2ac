/*
 * What the files of the SQLite queue share: queue-sqlite.c (outcomes, reading),
 * queue-sqlite-put.c and queue-sqlite-sweep.c (many rows at a time). Theirs alone.
 */
#ifndef FANTAIL_QUEUE_SQLITE_PRIVATE_H
#define FANTAIL_QUEUE_SQLITE_PRIVATE_H

#include "queue.h"
#include "store.h"

struct sqlite_queue {
	struct queue base;
	struct store *store;
	guint64 max_pending;
	guint refs; /* the owner's and one for each job under way */
};

struct sqlite_queue *queue_sqlite(struct queue *queue);
/* A job under way holds the queue, so that close need not wait for it. */
struct sqlite_queue *queue_sqlite_hold(struct queue *queue);
void queue_sqlite_release(struct sqlite_queue *queue);

/* --- rows */

#define QUEUE_COLUMNS                                                                            \
	"id, revision, device, user, key, lane, kinds, messages, first_us, due_us, expires_us, " \
	"attempts, event"
/* The row under a statement that selects QUEUE_COLUMNS. */
struct notification *queue_sqlite_row(sqlite3_stmt *stmt);
/* An empty array of owned notifications. */
GPtrArray *queue_sqlite_new_rows(void);
/* Borrowed until the statement is prepared again. */
void queue_sqlite_bind_text(sqlite3_stmt *stmt, int parameter, const char *text);

/* --- the one row of queue_state, read and written inside a job */

struct queue_state {
	gint64 pending, generation, generation_ids, generation_us;
};
gboolean queue_sqlite_read_state(struct store *store, struct queue_state *state_r, GError **error);
gboolean queue_sqlite_write_state(struct store *store, const struct queue_state *state,
				  GError **error);
gboolean queue_sqlite_add_pending(struct store *store, gint64 rows, GError **error);
/* Batch ids are kept in two generations, the one that is filled and the one
 * before, so that old ones go in one sweep, without an index on their age. TRUE if
 * `state` changed: a new one was begun since this one is old or full. */
gboolean queue_sqlite_start_generation(struct queue_state *state, gint64 now_us);

/* --- functions of the backend (queue.h) */

gboolean queue_sqlite_put(struct queue *queue, const char *batch, GPtrArray *notifications,
			  queue_done done, gpointer data, GError **error);
void queue_sqlite_drop_device(struct queue *queue, gint64 device, queue_done done, gpointer data);
void queue_sqlite_flush(struct queue *queue, const char *user, queue_done done, gpointer data);
void queue_sqlite_maintain(struct queue *queue, gint64 now_us);

#endif
