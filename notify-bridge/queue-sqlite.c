#include "queue-sqlite-private.h"

#include <string.h>

struct sqlite_queue *queue_sqlite(struct queue *queue)
{
	return (struct sqlite_queue *)(void *)queue;
}

struct sqlite_queue *queue_sqlite_hold(struct queue *queue)
{
	queue_sqlite(queue)->refs++;
	return queue_sqlite(queue);
}

void queue_sqlite_release(struct sqlite_queue *queue)
{
	if (--queue->refs == 0)
		g_free(queue);
}

void queue_lane_free(struct queue_lane *lane)
{
	if (lane == NULL)
		return;
	g_free(lane->lane);
	g_free(lane);
}

/* --- rows ------------------------------------------------------------------ */

static char *column_text(sqlite3_stmt *stmt, int column)
{
	return g_strdup((const char *)sqlite3_column_text(stmt, column));
}

struct notification *queue_sqlite_row(sqlite3_stmt *stmt)
{
	struct notification *notification = g_new0(struct notification, 1);

	notification->id = sqlite3_column_int64(stmt, 0);
	notification->revision = (guint32)sqlite3_column_int64(stmt, 1);
	notification->device = sqlite3_column_int64(stmt, 2);
	notification->user = column_text(stmt, 3);
	notification->key = column_text(stmt, 4);
	notification->lane = column_text(stmt, 5);
	notification->kinds = (push_event_kinds)sqlite3_column_int64(stmt, 6);
	notification->messages = (guint32)sqlite3_column_int64(stmt, 7);
	notification->first_us = sqlite3_column_int64(stmt, 8);
	notification->due_us = sqlite3_column_int64(stmt, 9);
	notification->expires_us = sqlite3_column_int64(stmt, 10);
	notification->attempts = (guint)sqlite3_column_int64(stmt, 11);
	notification->event = column_text(stmt, 12);
	return notification;
}

void queue_sqlite_bind_text(sqlite3_stmt *stmt, int parameter, const char *text)
{
	sqlite3_bind_text(stmt, parameter, text, -1, SQLITE_STATIC);
}

static void free_notification(gpointer notification)
{
	notification_free(notification);
}

GPtrArray *queue_sqlite_new_rows(void)
{
	return g_ptr_array_new_with_free_func(free_notification);
}

gboolean queue_sqlite_add_pending(struct store *store, gint64 rows, GError **error)
{
	sqlite3_stmt *stmt;

	if (rows == 0)
		return TRUE;
	stmt = store_prepare(store, "UPDATE queue_state SET pending = pending + ?1");
	sqlite3_bind_int64(stmt, 1, rows);
	return store_step(store, stmt, error);
}

/* --- outcomes -------------------------------------------------------------- */

struct row_job {
	struct sqlite_queue *queue;
	gint64 id;
	guint32 revision;
	gint64 due_us;
	guint attempts;
	queue_done done;
	gpointer data;
};

static gboolean delete_row(struct store *store, gint64 id, gint64 revision, GError **error)
{
	sqlite3_stmt *stmt = store_prepare(store, "DELETE FROM notification WHERE id = ?1 AND "
						  "(?2 < 0 OR revision = ?2)");

	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, revision);
	return store_step(store, stmt, error);
}

/* What was sent is done with: the age of what came meanwhile counts from now on. */
static gboolean finish_work(struct store *store, gpointer data, GError **error)
{
	struct row_job *job = data;
	sqlite3_stmt *stmt;

	if (!delete_row(store, job->id, job->revision, error))
		return FALSE;
	if (store_changes(store) > 0)
		return queue_sqlite_add_pending(store, -1, error);
	stmt = store_prepare(store, "UPDATE notification SET due_us = min(due_us, ?2), "
				    "attempts = 0, first_us = newest_us WHERE id = ?1");
	sqlite3_bind_int64(stmt, 1, job->id);
	sqlite3_bind_int64(stmt, 2, job->due_us);
	return store_step(store, stmt, error);
}

static gboolean reschedule_work(struct store *store, gpointer data, GError **error)
{
	struct row_job *job = data;
	sqlite3_stmt *stmt = store_prepare(
		store, "UPDATE notification SET due_us = iif(revision = ?4, ?2, min(due_us, ?2)), "
		       "attempts = iif(revision = ?4, ?3, 0) WHERE id = ?1");

	sqlite3_bind_int64(stmt, 1, job->id);
	sqlite3_bind_int64(stmt, 2, job->due_us);
	sqlite3_bind_int64(stmt, 3, job->attempts);
	sqlite3_bind_int64(stmt, 4, job->revision);
	return store_step(store, stmt, error);
}

static gboolean drop_work(struct store *store, gpointer data, GError **error)
{
	struct row_job *job = data;

	return delete_row(store, job->id, -1, error) &&
	       queue_sqlite_add_pending(store, -(gint64)store_changes(store), error);
}

static void row_done(const GError *error, gpointer data)
{
	struct row_job *job = data;

	if (job->done != NULL)
		job->done(error, job->data);
	queue_sqlite_release(job->queue);
	g_free(job);
}

static void settle_row(struct queue *queue, store_work work, const struct row_job *like)
{
	struct row_job *job = g_memdup2(like, sizeof(*like));

	job->queue = queue_sqlite_hold(queue);
	store_settle(job->queue->store, work, row_done, job);
}

static void finish(struct queue *queue, gint64 id, guint32 revision, queue_done done, gpointer data)
{
	settle_row(queue, finish_work,
		   &(struct row_job){
			   .id = id,
			   .revision = revision,
			   .due_us = g_get_real_time(),
			   .done = done,
			   .data = data,
		   });
}

static void reschedule(struct queue *queue, gint64 id, guint32 revision, gint64 due_us,
		       guint attempts, queue_done done, gpointer data)
{
	settle_row(queue, reschedule_work,
		   &(struct row_job){
			   .id = id,
			   .revision = revision,
			   .due_us = due_us,
			   .attempts = attempts,
			   .done = done,
			   .data = data,
		   });
}

static void drop(struct queue *queue, gint64 id, queue_done done, gpointer data)
{
	settle_row(queue, drop_work, &(struct row_job){.id = id, .done = done, .data = data});
}

/* --- reading --------------------------------------------------------------- */

static gboolean is_busy(GHashTable *busy, gint64 id)
{
	return busy != NULL && g_hash_table_contains(busy, &id);
}

/* Due order is the index's; rows in flight are stepped over, and these are the
 * oldest, at most LIMIT_ORIGIN_PARALLEL of them. */
static void claim_class(struct sqlite_queue *queue, const char *lane, gboolean arrival,
			gint64 now_us, guint limit, GHashTable *busy, GPtrArray *rows)
{
	sqlite3_stmt *stmt = store_prepare(
		queue->store, "SELECT " QUEUE_COLUMNS " FROM notification WHERE lane = ?1 AND "
			      "arrival = ?2 AND due_us <= ?3 ORDER BY due_us, id");

	queue_sqlite_bind_text(stmt, 1, lane);
	sqlite3_bind_int(stmt, 2, arrival);
	sqlite3_bind_int64(stmt, 3, now_us);
	while (rows->len < limit && store_read(queue->store, stmt)) {
		if (!is_busy(busy, sqlite3_column_int64(stmt, 0)))
			g_ptr_array_add(rows, queue_sqlite_row(stmt));
	}
	sqlite3_reset(stmt);
}

static GPtrArray *claim(struct queue *queue, const char *lane, gint64 now_us, guint limit,
			GHashTable *busy)
{
	GPtrArray *rows = queue_sqlite_new_rows();

	claim_class(queue_sqlite(queue), lane, TRUE, now_us, limit, busy, rows);
	claim_class(queue_sqlite(queue), lane, FALSE, now_us, limit, busy, rows);
	return rows;
}

/* 0 = none. */
static gint64 next_due_of(struct sqlite_queue *queue, const char *lane, gboolean arrival,
			  GHashTable *busy)
{
	sqlite3_stmt *stmt =
		store_prepare(queue->store, "SELECT id, due_us FROM notification WHERE lane = ?1 "
					    "AND arrival = ?2 ORDER BY due_us, id");
	gint64 due_us = 0;

	queue_sqlite_bind_text(stmt, 1, lane);
	sqlite3_bind_int(stmt, 2, arrival);
	while (due_us == 0 && store_read(queue->store, stmt)) {
		if (!is_busy(busy, sqlite3_column_int64(stmt, 0)))
			due_us = MAX(sqlite3_column_int64(stmt, 1), 1);
	}
	sqlite3_reset(stmt);
	return due_us;
}

static gint64 next_due(struct queue *queue, const char *lane, GHashTable *busy)
{
	gint64 arrival_us = next_due_of(queue_sqlite(queue), lane, TRUE, busy);
	gint64 state_us = next_due_of(queue_sqlite(queue), lane, FALSE, busy);

	if (arrival_us == 0 || state_us == 0)
		return MAX(arrival_us, state_us);
	return MIN(arrival_us, state_us);
}

static void free_lane(gpointer lane)
{
	queue_lane_free(lane);
}

static GPtrArray *lanes(struct queue *queue)
{
	struct store *store = queue_sqlite(queue)->store;
	GPtrArray *rows = g_ptr_array_new_with_free_func(free_lane);
	sqlite3_stmt *stmt = store_prepare(
		store, "SELECT lane, count(*), min(due_us) FROM notification GROUP BY lane");

	while (store_read(store, stmt)) {
		struct queue_lane *lane = g_new0(struct queue_lane, 1);

		lane->lane = column_text(stmt, 0);
		lane->pending = (guint)sqlite3_column_int64(stmt, 1);
		lane->due_us = sqlite3_column_int64(stmt, 2);
		g_ptr_array_add(rows, lane);
	}
	return rows;
}

static GPtrArray *list(struct queue *queue, const char *user, guint limit)
{
	struct store *store = queue_sqlite(queue)->store;
	GPtrArray *rows = queue_sqlite_new_rows();
	sqlite3_stmt *stmt;

	/* One user's rows are few, so these are sorted; all rows come by the index. */
	if (user != NULL) {
		stmt = store_prepare(store,
				     "SELECT " QUEUE_COLUMNS " FROM notification WHERE user = ?1 "
				     "ORDER BY +first_us, id LIMIT ?2");
		queue_sqlite_bind_text(stmt, 1, user);
	} else {
		stmt = store_prepare(store, "SELECT " QUEUE_COLUMNS " FROM notification "
					    "ORDER BY first_us, id LIMIT ?2");
	}
	sqlite3_bind_int64(stmt, 2, limit);
	while (store_read(store, stmt))
		g_ptr_array_add(rows, queue_sqlite_row(stmt));
	return rows;
}

static void stats(struct queue *queue, struct queue_stats *stats_r)
{
	struct store *store = queue_sqlite(queue)->store;
	sqlite3_stmt *stmt = store_prepare(store, "SELECT (SELECT pending FROM queue_state), "
						  "(SELECT min(first_us) FROM notification)");

	memset(stats_r, 0, sizeof(*stats_r));
	if (store_read(store, stmt)) {
		stats_r->pending = (guint64)sqlite3_column_int64(stmt, 0);
		stats_r->oldest_us = sqlite3_column_int64(stmt, 1);
	}
	sqlite3_reset(stmt);
	stats_r->bytes = store_bytes(store);
}

/* --- opening --------------------------------------------------------------- */

static void close_queue(struct queue **queue_p)
{
	struct queue *queue = g_steal_pointer(queue_p);

	if (queue != NULL)
		queue_sqlite_release(queue_sqlite(queue));
}

static const struct queue_backend backend = {
	.name = "sqlite",
	.put = queue_sqlite_put,
	.claim = claim,
	.next_due = next_due,
	.lanes = lanes,
	.finish = finish,
	.reschedule = reschedule,
	.drop = drop,
	.drop_device = queue_sqlite_drop_device,
	.flush = queue_sqlite_flush,
	.list = list,
	.stats = stats,
	.maintain = queue_sqlite_maintain,
	.close = close_queue,
};

struct queue *queue_sqlite_open(struct store *store, guint64 max_pending, GError **error)
{
	struct sqlite_queue *queue = g_new0(struct sqlite_queue, 1);

	queue->base.backend = &backend;
	queue->store = store;
	queue->max_pending = max_pending;
	queue->refs = 1;
	return &queue->base;
}
