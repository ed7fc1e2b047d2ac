#include "queue-sqlite-private.h"
#include "limits.h"

#include <string.h>

/* --- queue_state ------------------------------------------------------------ */

gboolean queue_sqlite_read_state(struct store *store, struct queue_state *state_r, GError **error)
{
	sqlite3_stmt *stmt = store_prepare(
		store,
		"SELECT pending, generation, generation_ids, generation_us FROM queue_state");
	int row = store_fetch(store, stmt, error);

	if (row <= 0) {
		if (row == 0)
			g_set_error(error, STORE_ERROR, STORE_ERROR_CORRUPT,
				    "the database has lost its queue_state");
		return FALSE;
	}
	state_r->pending = sqlite3_column_int64(stmt, 0);
	state_r->generation = sqlite3_column_int64(stmt, 1);
	state_r->generation_ids = sqlite3_column_int64(stmt, 2);
	state_r->generation_us = sqlite3_column_int64(stmt, 3);
	sqlite3_reset(stmt);
	return TRUE;
}

gboolean queue_sqlite_write_state(struct store *store, const struct queue_state *state,
				  GError **error)
{
	sqlite3_stmt *stmt = store_prepare(
		store, "UPDATE queue_state SET pending = ?1, generation = ?2, generation_ids = ?3, "
		       "generation_us = ?4");

	sqlite3_bind_int64(stmt, 1, state->pending);
	sqlite3_bind_int64(stmt, 2, state->generation);
	sqlite3_bind_int64(stmt, 3, state->generation_ids);
	sqlite3_bind_int64(stmt, 4, state->generation_us);
	return store_step(store, stmt, error);
}

gboolean queue_sqlite_start_generation(struct queue_state *state, gint64 now_us)
{
	gboolean old =
		state->generation_us != 0 &&
		now_us - state->generation_us >= LIMIT_BATCH_MEMORY_SECS * (gint64)G_USEC_PER_SEC;

	if (old || state->generation_ids >= LIMIT_BATCH_MEMORY_IDS) {
		state->generation++;
		state->generation_ids = 0;
		state->generation_us = 0;
	}
	if (state->generation_us == 0) {
		state->generation_us = now_us;
		return TRUE;
	}
	return FALSE;
}

/* --- a batch ------------------------------------------------------------------ */

struct put_job {
	struct sqlite_queue *queue;
	char *batch;
	GPtrArray *notifications;
	gint64 now_us;
	queue_done done;
	gpointer data;
};

/* Ids are 32 hexadecimal digits: half as many octets. Any other text stands as
 * it is. */
static void bind_batch(sqlite3_stmt *stmt, int parameter, const char *batch)
{
	gsize len = strlen(batch);
	guint8 octets[LIMIT_BATCH_ID / 2];

	if (len != LIMIT_BATCH_ID || strspn(batch, "0123456789abcdef") != len) {
		sqlite3_bind_blob(stmt, parameter, batch, (int)len, SQLITE_TRANSIENT);
		return;
	}
	for (guint i = 0; i < sizeof(octets); i++)
		octets[i] = (guint8)(g_ascii_xdigit_value(batch[2 * i]) << 4 |
				     g_ascii_xdigit_value(batch[2 * i + 1]));
	sqlite3_bind_blob(stmt, parameter, octets, sizeof(octets), SQLITE_TRANSIENT);
}

/* 1 = seen before, 0 = new and remembered from now on, -1 = failed. */
static int remember_batch(struct store *store, struct queue_state *state, const char *batch,
			  gint64 now_us, GError **error)
{
	sqlite3_stmt *stmt;
	int seen;

	queue_sqlite_start_generation(state, now_us);
	stmt = store_prepare(store,
			     "SELECT 1 FROM batch WHERE generation IN (?1, ?1 - 1) AND id = ?2");
	sqlite3_bind_int64(stmt, 1, state->generation);
	bind_batch(stmt, 2, batch);
	seen = store_fetch(store, stmt, error);
	sqlite3_reset(stmt);
	if (seen != 0)
		return seen;
	stmt = store_prepare(store, "INSERT INTO batch (generation, id) VALUES (?1, ?2)");
	sqlite3_bind_int64(stmt, 1, state->generation);
	bind_batch(stmt, 2, batch);
	if (!store_step(store, stmt, error))
		return -1;
	state->generation_ids++;
	return 0;
}

/* The parameters that an insert and an update of a row have in common. */
static void bind_notification(sqlite3_stmt *stmt, const struct notification *notification,
			      gint64 newest_us)
{
	sqlite3_bind_int64(stmt, 2, notification->revision);
	queue_sqlite_bind_text(stmt, 3, notification->lane);
	sqlite3_bind_int(stmt, 4, notification_is_arrival(notification));
	sqlite3_bind_int64(stmt, 5, notification->kinds);
	sqlite3_bind_int64(stmt, 6, notification->messages);
	sqlite3_bind_int64(stmt, 7, newest_us);
	sqlite3_bind_int64(stmt, 8, notification->due_us);
	sqlite3_bind_int64(stmt, 9, notification->expires_us);
	queue_sqlite_bind_text(stmt, 10, notification->event);
}

static gboolean insert(struct store *store, const struct notification *notification, GError **error)
{
	sqlite3_stmt *stmt = store_prepare(
		store, "INSERT INTO notification (device, user, key, revision, lane, arrival, "
		       "kinds, messages, newest_us, due_us, expires_us, event, first_us, attempts) "
		       "VALUES (?1, ?12, ?13, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?7, ?11)");

	bind_notification(stmt, notification, notification->first_us);
	sqlite3_bind_int64(stmt, 1, notification->device);
	sqlite3_bind_int64(stmt, 11, notification->attempts);
	queue_sqlite_bind_text(stmt, 12, notification->user);
	queue_sqlite_bind_text(stmt, 13, notification->key);
	return store_step(store, stmt, error);
}

static gboolean update(struct store *store, const struct notification *notification,
		       gint64 newest_us, GError **error)
{
	sqlite3_stmt *stmt = store_prepare(
		store,
		"UPDATE notification SET revision = ?2, lane = ?3, arrival = ?4, kinds = ?5, "
		"messages = ?6, newest_us = ?7, due_us = ?8, expires_us = ?9, event = ?10 "
		"WHERE id = ?1");

	bind_notification(stmt, notification, newest_us);
	sqlite3_bind_int64(stmt, 1, notification->id);
	return store_step(store, stmt, error);
}

static gboolean put_one(struct put_job *job, const struct notification *notification,
			struct queue_state *state, GError **error)
{
	struct store *store = job->queue->store;
	g_autoptr(notification_t) waiting = NULL;
	sqlite3_stmt *stmt =
		store_prepare(store, "SELECT " QUEUE_COLUMNS " FROM notification WHERE "
				     "device = ?1 AND user = ?2 AND key = ?3");
	int row;

	sqlite3_bind_int64(stmt, 1, notification->device);
	queue_sqlite_bind_text(stmt, 2, notification->user);
	queue_sqlite_bind_text(stmt, 3, notification->key);
	row = store_fetch(store, stmt, error);
	if (row < 0)
		return FALSE;
	if (row > 0) {
		waiting = queue_sqlite_row(stmt);
		sqlite3_reset(stmt);
		notification_merge(waiting, notification);
		return update(store, waiting, notification->first_us, error);
	}
	if (job->queue->max_pending > 0 && (guint64)state->pending >= job->queue->max_pending) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_FULL,
			    "%" G_GUINT64_FORMAT
			    " notifications wait, as many as max-pending allows",
			    job->queue->max_pending);
		return FALSE;
	}
	state->pending++;
	return insert(store, notification, error);
}

static gboolean put_work(struct store *store, gpointer data, GError **error)
{
	struct put_job *job = data;
	struct queue_state state;

	if (!queue_sqlite_read_state(store, &state, error))
		return FALSE;
	if (job->batch != NULL) {
		int seen = remember_batch(store, &state, job->batch, job->now_us, error);

		if (seen != 0)
			return seen > 0;
	}
	for (guint i = 0; i < job->notifications->len; i++) {
		if (!put_one(job, g_ptr_array_index(job->notifications, i), &state, error))
			return FALSE;
	}
	return queue_sqlite_write_state(store, &state, error);
}

static void put_job_free(struct put_job *job)
{
	queue_sqlite_release(job->queue);
	g_free(job->batch);
	g_ptr_array_unref(job->notifications);
	g_free(job);
}

static void put_done(const GError *error, gpointer data)
{
	struct put_job *job = data;

	if (job->done != NULL)
		job->done(error, job->data);
	put_job_free(job);
}

static gpointer copy_notification(gconstpointer notification, gpointer data)
{
	return notification_copy(notification);
}

gboolean queue_sqlite_put(struct queue *queue, const char *batch, GPtrArray *notifications,
			  queue_done done, gpointer data, GError **error)
{
	struct put_job *job = g_new0(struct put_job, 1);

	job->queue = queue_sqlite_hold(queue);
	job->batch = g_strdup(batch);
	job->notifications = queue_sqlite_new_rows();
	g_ptr_array_extend(job->notifications, notifications, copy_notification, NULL);
	job->now_us = g_get_real_time();
	job->done = done;
	job->data = data;
	if (store_write(job->queue->store, put_work, put_done, job, error))
		return TRUE;
	put_job_free(job);
	return FALSE;
}
