#include "store-private.h"
#include "limits.h"

/* --- statements ------------------------------------------------------------ */

static gboolean on_writer(const struct store *store)
{
	return g_thread_self() == store->thread;
}

sqlite3_stmt *store_prepare(struct store *store, const char *sql)
{
	gboolean writer = on_writer(store);
	GHashTable *cache = writer ? store->write_statements : store->read_statements;
	sqlite3 *db = writer ? store->file.writer : store->file.reader;
	sqlite3_stmt *stmt = g_hash_table_lookup(cache, sql);

	if (stmt != NULL) {
		sqlite3_reset(stmt);
		sqlite3_clear_bindings(stmt);
		return stmt;
	}
	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
		g_error("%s: cannot prepare '%s': %s", store->file.path, sql, sqlite3_errmsg(db));
	g_hash_table_insert(cache, (gpointer)sql, stmt);
	return stmt;
}

static void finalize(gpointer stmt)
{
	sqlite3_finalize(stmt);
}

int store_fetch(struct store *store, sqlite3_stmt *stmt, GError **error)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		store_file_set_error(error, store->file.path, store->file.writer, rc);
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : -1;
}

gboolean store_step(struct store *store, sqlite3_stmt *stmt, GError **error)
{
	int row = store_fetch(store, stmt, error);

	g_assert(row <= 0);
	return row == 0;
}

gboolean store_read(struct store *store, sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return TRUE;
	if (rc != SQLITE_DONE) {
		g_autoptr(GError) error = NULL;

		store_file_set_error(&error, store->file.path, store->file.reader, rc);
		g_error("cannot read, so stopping: %s", error->message);
	}
	sqlite3_reset(stmt);
	return FALSE;
}

guint store_changes(const struct store *store)
{
	return (guint)sqlite3_changes(store->file.writer);
}

/* --- reporting --------------------------------------------------------------- */

static void job_free(struct store_job *job)
{
	g_clear_error(&job->error);
	g_free(job);
}

/* Main thread: calls `done` of all that is finished. FALSE if there was nothing. */
static gboolean report_finished(struct store *store)
{
	g_autoptr(GPtrArray) jobs = NULL;

	g_mutex_lock(&store->mutex);
	jobs = g_steal_pointer(&store->finished);
	store->finished = g_ptr_array_new();
	g_clear_pointer(&store->report_source, g_source_unref);
	g_mutex_unlock(&store->mutex);
	for (guint i = 0; i < jobs->len; i++) {
		struct store_job *job = g_ptr_array_index(jobs, i);

		g_atomic_int_add(&store->waiting, -1);
		if (job->done != NULL)
			job->done(job->error, job->data);
		job_free(job);
	}
	return jobs->len > 0;
}

static gboolean on_report(gpointer data)
{
	report_finished(data);
	return G_SOURCE_REMOVE;
}

/* With the mutex held. */
static void report_soon(struct store *store)
{
	if (store->report_source != NULL)
		return;
	store->report_source = g_idle_source_new();
	g_source_set_priority(store->report_source, G_PRIORITY_DEFAULT);
	g_source_set_callback(store->report_source, on_report, store, NULL);
	g_source_attach(store->report_source, store->context);
}

void store_hand_over(struct store *store, GPtrArray *jobs)
{
	g_mutex_lock(&store->mutex);
	g_ptr_array_extend_and_steal(store->finished, g_ptr_array_ref(jobs));
	report_soon(store);
	g_mutex_unlock(&store->mutex);
}

/* --- from the main thread ----------------------------------------------------- */

static gboolean submit(struct store *store, store_work work, store_done done, gpointer data,
		       gboolean settle, GError **error)
{
	struct store_job *job;

	if (!settle && store_pending(store) >= LIMIT_INTAKE_PENDING) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_BUSY, "too much waits for the disk");
		return FALSE;
	}
	job = g_new0(struct store_job, 1);
	job->work = work;
	job->done = done;
	job->data = data;
	job->settle = settle;
	g_atomic_int_inc(&store->waiting);
	g_mutex_lock(&store->mutex);
	if (store->closing) {
		job->error = g_error_new(STORE_ERROR, STORE_ERROR_FAILED, "%s: is being closed",
					 store->file.path);
		g_ptr_array_add(store->finished, job);
	} else {
		g_queue_push_tail(&store->jobs, job);
		if (!settle)
			store->urgent++;
		/* Between its first job and a full group the writer waits by the clock. */
		if (!settle || store->jobs.length == 1 || store->jobs.length == LIMIT_GROUP_COMMIT)
			g_cond_signal(&store->wakeup);
	}
	g_mutex_unlock(&store->mutex);
	return TRUE;
}

gboolean store_write(struct store *store, store_work work, store_done done, gpointer data,
		     GError **error)
{
	return submit(store, work, done, data, FALSE, error);
}

void store_settle(struct store *store, store_work work, store_done done, gpointer data)
{
	(void)submit(store, work, done, data, TRUE, NULL);
}

guint store_pending(const struct store *store)
{
	return (guint)g_atomic_int_get(&store->waiting);
}

guint64 store_bytes(const struct store *store)
{
	return store_file_bytes(&store->file);
}

struct store *store_open(const char *path, guint64 max_bytes, GError **error)
{
	struct store_file file;
	struct store *store;

	if (!store_file_open(path, &file, error))
		return NULL;
	store = g_new0(struct store, 1);
	store->file = file;
	store->context = g_main_context_ref_thread_default();
	g_mutex_init(&store->mutex);
	g_cond_init(&store->wakeup);
	g_queue_init(&store->jobs);
	store->finished = g_ptr_array_new();
	store->read_statements = g_hash_table_new_full(NULL, NULL, NULL, finalize);
	store->write_statements = g_hash_table_new_full(NULL, NULL, NULL, finalize);
	store_writer_init(store, max_bytes);
	/* The thread asks who it is: it starts with taking the mutex. */
	g_mutex_lock(&store->mutex);
	store->thread = g_thread_new("store", store_writer_main, store);
	g_mutex_unlock(&store->mutex);
	return store;
}

void store_close(struct store **store_p)
{
	struct store *store = g_steal_pointer(store_p);

	if (store == NULL)
		return;
	g_mutex_lock(&store->mutex);
	store->closing = TRUE;
	g_cond_signal(&store->wakeup);
	g_mutex_unlock(&store->mutex);
	g_thread_join(store->thread);
	if (store->report_source != NULL)
		g_source_destroy(store->report_source);
	while (report_finished(store))
		;
	g_hash_table_unref(store->read_statements);
	g_hash_table_unref(store->write_statements);
	store_file_close(&store->file);
	g_free(store->write_limit);
	g_free(store->settle_limit);
	g_ptr_array_unref(store->finished);
	g_main_context_unref(store->context);
	g_mutex_clear(&store->mutex);
	g_cond_clear(&store->wakeup);
	g_free(store);
}
