#include "queue-sqlite-private.h"

/* Rows that one job of a sweep (flush, drop_device, maintain) touches: a few
 * milliseconds, so that batches get in between. */
#define SWEEP_ROWS 5000

/* A sweep is a chain of jobs, each for the next rows. */
struct sweep {
	struct sqlite_queue *queue;
	store_work work;
	gint64 device;
	char *user;
	gint64 now_us;
	gint64 after, last; /* flush of all: the window of ids */
	gboolean more;      /* set by work */
	queue_done done;
	gpointer data;
};

static void sweep_done(const GError *error, gpointer data)
{
	struct sweep *sweep = data;

	if (error == NULL && sweep->more) {
		sweep->after = sweep->last;
		store_settle(sweep->queue->store, sweep->work, sweep_done, sweep);
		return;
	}
	if (sweep->done != NULL)
		sweep->done(error, sweep->data);
	queue_sqlite_release(sweep->queue);
	g_free(sweep->user);
	g_free(sweep);
}

static void start_sweep(struct queue *queue, const struct sweep *like)
{
	struct sweep *sweep = g_memdup2(like, sizeof(*like));

	sweep->queue = queue_sqlite_hold(queue);
	store_settle(sweep->queue->store, sweep->work, sweep_done, sweep);
}

static gboolean drop_device_work(struct store *store, gpointer data, GError **error)
{
	struct sweep *sweep = data;
	sqlite3_stmt *stmt =
		store_prepare(store, "DELETE FROM notification WHERE id IN (SELECT id FROM "
				     "notification WHERE device = ?1 LIMIT ?2)");
	guint rows;

	sqlite3_bind_int64(stmt, 1, sweep->device);
	sqlite3_bind_int(stmt, 2, SWEEP_ROWS);
	if (!store_step(store, stmt, error))
		return FALSE;
	rows = store_changes(store);
	sweep->more = rows == SWEEP_ROWS;
	return queue_sqlite_add_pending(store, -(gint64)rows, error);
}

void queue_sqlite_drop_device(struct queue *queue, gint64 device, queue_done done, gpointer data)
{
	start_sweep(queue, &(struct sweep){
				   .work = drop_device_work,
				   .device = device,
				   .done = done,
				   .data = data,
			   });
}

static gboolean flush_user_work(struct store *store, gpointer data, GError **error)
{
	struct sweep *sweep = data;
	sqlite3_stmt *stmt = store_prepare(
		store, "UPDATE notification SET due_us = ?2 WHERE id IN (SELECT id FROM "
		       "notification WHERE user = ?1 AND due_us > ?2 LIMIT ?3)");

	queue_sqlite_bind_text(stmt, 1, sweep->user);
	sqlite3_bind_int64(stmt, 2, sweep->now_us);
	sqlite3_bind_int(stmt, 3, SWEEP_ROWS);
	if (!store_step(store, stmt, error))
		return FALSE;
	sweep->more = store_changes(store) == SWEEP_ROWS;
	return TRUE;
}

/* The next window of ids; its end is the last id there is if it is the last one. */
static gboolean next_window(struct store *store, struct sweep *sweep, GError **error)
{
	sqlite3_stmt *stmt = store_prepare(
		store, "SELECT max(id), count(*) FROM (SELECT id FROM notification WHERE id > ?1 "
		       "ORDER BY id LIMIT ?2)");

	sqlite3_bind_int64(stmt, 1, sweep->after);
	sqlite3_bind_int(stmt, 2, SWEEP_ROWS);
	if (store_fetch(store, stmt, error) < 0)
		return FALSE;
	sweep->last = sqlite3_column_int64(stmt, 0);
	sweep->more = sqlite3_column_int(stmt, 1) == SWEEP_ROWS;
	sqlite3_reset(stmt);
	return TRUE;
}

static gboolean flush_all_work(struct store *store, gpointer data, GError **error)
{
	struct sweep *sweep = data;
	sqlite3_stmt *stmt;

	if (!next_window(store, sweep, error))
		return FALSE;
	stmt = store_prepare(store, "UPDATE notification SET due_us = ?3 WHERE id > ?1 AND "
				    "id <= ?2 AND due_us > ?3");
	sqlite3_bind_int64(stmt, 1, sweep->after);
	sqlite3_bind_int64(stmt, 2, sweep->last);
	sqlite3_bind_int64(stmt, 3, sweep->now_us);
	return store_step(store, stmt, error);
}

void queue_sqlite_flush(struct queue *queue, const char *user, queue_done done, gpointer data)
{
	start_sweep(queue, &(struct sweep){
				   .work = user != NULL ? flush_user_work : flush_all_work,
				   .user = g_strdup(user),
				   .now_us = g_get_real_time(),
				   .done = done,
				   .data = data,
			   });
}

/* The oldest generation there is; -1 if none is older than `keep`. */
static gboolean oldest_generation(struct store *store, gint64 keep, gint64 *generation_r,
				  GError **error)
{
	sqlite3_stmt *stmt = store_prepare(
		store, "SELECT coalesce(min(generation), ?1) FROM batch WHERE generation < ?1");

	sqlite3_bind_int64(stmt, 1, keep);
	if (store_fetch(store, stmt, error) < 0)
		return FALSE;
	*generation_r = sqlite3_column_int64(stmt, 0);
	if (*generation_r >= keep)
		*generation_r = -1;
	sqlite3_reset(stmt);
	return TRUE;
}

/* By ranges of the primary key: each step costs as much as what it deletes. */
static gboolean maintain_work(struct store *store, gpointer data, GError **error)
{
	struct sweep *sweep = data;
	struct queue_state state;
	sqlite3_stmt *stmt;
	gint64 generation;

	if (!queue_sqlite_read_state(store, &state, error))
		return FALSE;
	if (queue_sqlite_start_generation(&state, sweep->now_us) &&
	    !queue_sqlite_write_state(store, &state, error))
		return FALSE;
	if (!oldest_generation(store, state.generation - 1, &generation, error))
		return FALSE;
	sweep->more = generation >= 0;
	if (generation < 0)
		return TRUE;
	stmt = store_prepare(store, "DELETE FROM batch WHERE generation = ?1 AND id <= (SELECT "
				    "max(id) FROM (SELECT id FROM batch WHERE generation = ?1 "
				    "ORDER BY id LIMIT ?2))");
	sqlite3_bind_int64(stmt, 1, generation);
	sqlite3_bind_int(stmt, 2, SWEEP_ROWS);
	return store_step(store, stmt, error);
}

void queue_sqlite_maintain(struct queue *queue, gint64 now_us)
{
	start_sweep(queue, &(struct sweep){.work = maintain_work, .now_us = now_us});
}
