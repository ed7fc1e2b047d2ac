#include "store-private.h"
#include "limits.h"

/* Pages in the log (4 KiB each) after which they go to the database; the next
 * commit starts the log from its beginning then. Fewer means more syncs. */
#define CHECKPOINT_PAGES 1000
/* Pages after which a checkpoint waits for readers, so that the log surely starts
 * anew: a main loop that always reads would let it grow without end. */
#define RESTART_PAGES (4 * CHECKPOINT_PAGES)
/* How long such a checkpoint waits; our own reads take less. */
#define CHECKPOINT_BUSY_MSECS 20
/* Quiet time after which the log is emptied and free pages are given back. */
#define IDLE_USECS (2 * G_USEC_PER_SEC)
/* A quiet moment may end at any time: pages given back in one go. */
#define VACUUM_STEP 256
/* Free pages that are kept, so that the file does not breathe with each mail. */
#define VACUUM_KEEP 1024
/* Pages below max_bytes that only store_settle may take. Deletes need next to
 * none: a tree that shrinks may split one page on each level on its way. */
#define SETTLE_PAGES 64
/* How long jobs of store_settle wait for more of their kind, unless one of
 * store_write comes, which takes them along: nobody waits for them, and a commit
 * costs as much as some dozens of them. */
#define SETTLE_WAIT_USECS (25 * G_USEC_PER_SEC / 1000)
/* How often it is tried to set the reserve aside again. */
#define RESERVE_RETRY_USECS (G_USEC_PER_SEC / 2)
/* Steps of VACUUM_STEP pages that may take: 16 MiB, some hundred milliseconds. */
#define RESERVE_VACUUM_STEPS 16

/* --- one group, one commit (writer thread) --------------------------------- */

enum group_result {
	GROUP_COMMITTED,
	GROUP_AGAIN,  /* a job failed: all again, each apart */
	GROUP_LOST,   /* one job took the transaction with it and has its error */
	GROUP_FAILED, /* nobody's fault: *error */
};

static gboolean run(struct store *store, const char *sql, GError **error)
{
	return store_step(store, store_prepare(store, sql), error);
}

static gboolean in_transaction(const struct store *store)
{
	return !sqlite3_get_autocommit(store->file.writer);
}

static gboolean is_full(const GError *error)
{
	return g_error_matches(error, STORE_ERROR, STORE_ERROR_FULL);
}

static void roll_back(struct store *store)
{
	if (in_transaction(store))
		(void)run(store, "ROLLBACK", NULL);
}

/* What max_bytes leaves for this kind of job. Free of cost while it is unbounded,
 * and next to that while the kinds alternate. */
static void limit_pages(struct store *store, gboolean settle)
{
	const char *sql = settle ? store->settle_limit : store->write_limit;
	sqlite3_stmt *stmt;

	if (sql == store->limit)
		return;
	stmt = store_prepare(store, sql);
	if (store_fetch(store, stmt, NULL) < 0)
		return;
	sqlite3_reset(stmt);
	store->limit = sql;
}

/* On its own in a savepoint: a failure takes back this job alone. */
static void run_apart(struct store *store, struct store_job *job)
{
	if (!run(store, "SAVEPOINT job", &job->error))
		return;
	if (job->work(store, job->data, &job->error)) {
		(void)run(store, "RELEASE job", &job->error);
		return;
	}
	g_assert(job->error != NULL);
	if (in_transaction(store) &&
	    (!run(store, "ROLLBACK TO job", NULL) || !run(store, "RELEASE job", NULL)))
		roll_back(store);
}

/* One go at all jobs that have no error yet. Savepoints cost as much as the work
 * itself (SQLite copies each page that a job touches), and jobs hardly ever fail:
 * so the first go does without, and the next one has them. */
static enum group_result try_group(struct store *store, GPtrArray *jobs, gboolean apart,
				   GError **error)
{
	if (!run(store, "BEGIN IMMEDIATE", error))
		return GROUP_FAILED;
	for (guint i = 0; i < jobs->len; i++) {
		struct store_job *job = g_ptr_array_index(jobs, i);

		if (job->error != NULL)
			continue;
		limit_pages(store, job->settle);
		if (apart) {
			run_apart(store, job);
		} else if (!job->work(store, job->data, &job->error)) {
			g_clear_error(&job->error);
			roll_back(store);
			return GROUP_AGAIN;
		}
		if (job->settle && store->file.reserve_held && is_full(job->error)) {
			g_propagate_error(error, g_steal_pointer(&job->error));
			roll_back(store);
			return GROUP_FAILED;
		}
		if (!in_transaction(store))
			return GROUP_LOST;
	}
	if (run(store, "COMMIT", error))
		return GROUP_COMMITTED;
	roll_back(store);
	return GROUP_FAILED;
}

/* Gives `error` to all that have none; `ordinary`: only to those of store_write.
 * TRUE if there were any. */
static gboolean fail_jobs(GPtrArray *jobs, gboolean ordinary, const GError *error)
{
	gboolean any = FALSE;

	for (guint i = 0; i < jobs->len; i++) {
		struct store_job *job = g_ptr_array_index(jobs, i);

		if (job->error == NULL && !(ordinary && job->settle)) {
			job->error = g_error_copy(error);
			any = TRUE;
		}
	}
	return any;
}

/* After a job found no room and took the transaction with it: those that came
 * after it would each do the same. Those before it fit and run again. */
static void fail_followers(GPtrArray *jobs)
{
	const GError *full = NULL;

	for (guint i = 0; i < jobs->len; i++) {
		struct store_job *job = g_ptr_array_index(jobs, i);

		if (is_full(job->error))
			full = job->error;
		else if (full != NULL && job->error == NULL && !job->settle)
			job->error = g_error_copy(full);
	}
}

static void checkpoint(struct store *store, int mode)
{
	int log = -1, moved = -1;

	/* SQLITE_BUSY: somebody reads; FULL: the database cannot grow. The log
	 * keeps what it has, and the next try comes soon. An operator's backup may
	 * read for minutes, and jobs do not wait for that. */
	sqlite3_busy_timeout(store->file.writer, CHECKPOINT_BUSY_MSECS);
	if (sqlite3_wal_checkpoint_v2(store->file.writer, NULL, mode, &log, &moved) == SQLITE_OK &&
	    log == moved)
		store->log_pages = 0;
	sqlite3_busy_timeout(store->file.writer, STORE_BUSY_MSECS);
}

/* Room for what must get through: the reserve goes, the log goes to the database
 * and starts anew. FALSE if that was done before. */
static gboolean give_up_reserve(struct store *store)
{
	if (!store->file.reserve_held)
		return FALSE;
	store_file_release_reserve(&store->file);
	store->reserve_tried_us = g_get_monotonic_time();
	checkpoint(store, SQLITE_CHECKPOINT_PASSIVE);
	return !store->file.reserve_held;
}

/* A step of giving free pages back, but `keep` of them; TRUE if there are more. */
static gboolean vacuum(struct store *store, gint64 keep)
{
	sqlite3_stmt *stmt = store_prepare(store, "PRAGMA freelist_count");
	gint64 pages = 0;
	int row;

	if (store_fetch(store, stmt, NULL) == 1) {
		pages = sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	if (pages <= keep)
		return FALSE;
	limit_pages(store, TRUE);
	stmt = store_prepare(store, "PRAGMA incremental_vacuum(" G_STRINGIFY(VACUUM_STEP) ")");
	do {
		row = store_fetch(store, stmt, NULL);
	} while (row > 0);
	return row == 0;
}

/* Whether store_write may go on. If not, it is tried twice a second to set the
 * reserve aside again, after what we can do for it: giving back what is free. */
static gboolean reserve_is_there(struct store *store)
{
	gint64 now_us = g_get_monotonic_time();

	if (store->file.reserve_held)
		return TRUE;
	if (now_us - store->reserve_tried_us < RESERVE_RETRY_USECS)
		return FALSE;
	for (guint step = 0; step < RESERVE_VACUUM_STEPS && vacuum(store, 0); step++)
		;
	checkpoint(store, SQLITE_CHECKPOINT_TRUNCATE);
	store->reserve_tried_us = g_get_monotonic_time();
	return store_file_hold_reserve(&store->file);
}

static gboolean any_left(const GPtrArray *jobs)
{
	for (guint i = 0; i < jobs->len; i++) {
		const struct store_job *job = g_ptr_array_index(jobs, i);

		if (job->error == NULL)
			return TRUE;
	}
	return FALSE;
}

/* Every job ends on disk or with an error. Each round but the last fails a job or
 * gives up the reserve. */
static void run_group(struct store *store, GPtrArray *jobs)
{
	gboolean apart = FALSE;

	if (!reserve_is_there(store)) {
		g_autoptr(GError) full = g_error_new(
			STORE_ERROR, STORE_ERROR_FULL,
			"%s: the disk is full (%d MiB cannot be set aside in %s-reserve)",
			store->file.path, STORE_RESERVE_BYTES >> 20, store->file.path);

		fail_jobs(jobs, TRUE, full);
	}
	while (any_left(jobs)) {
		g_autoptr(GError) error = NULL;

		switch (try_group(store, jobs, apart, &error)) {
		case GROUP_COMMITTED:
			store->housekeeping = TRUE;
			return;
		case GROUP_AGAIN:
			apart = TRUE;
			break;
		case GROUP_LOST:
			apart = TRUE;
			fail_followers(jobs);
			break;
		case GROUP_FAILED:
			/* Those that settle alone may fit; else with the reserve. */
			if (fail_jobs(jobs, TRUE, error) ||
			    (is_full(error) && give_up_reserve(store)))
				break;
			fail_jobs(jobs, FALSE, error);
			break;
		}
	}
}

/* --- housekeeping (writer thread) -------------------------------------------- */

static int log_grew(gpointer data, sqlite3 *db, const char *name, int pages)
{
	struct store *store = data;

	store->log_pages = (guint)pages;
	return SQLITE_OK;
}

static void keep_log_short(struct store *store)
{
	if (store->log_pages >= RESTART_PAGES)
		checkpoint(store, SQLITE_CHECKPOINT_RESTART);
	else if (store->log_pages >= CHECKPOINT_PAGES)
		checkpoint(store, SQLITE_CHECKPOINT_PASSIVE);
}

/* In a quiet moment, outside the mutex. TRUE: to be called again at once. */
static gboolean keep_house(struct store *store)
{
	if (vacuum(store, VACUUM_KEEP)) {
		keep_log_short(store);
		return TRUE;
	}
	checkpoint(store, SQLITE_CHECKPOINT_TRUNCATE);
	store->housekeeping = store->log_pages > 0;
	return FALSE;
}

/* --- the writer thread ------------------------------------------------------ */

/* With the mutex held. The first settling job has come: others may follow. */
static void wait_for_more(struct store *store)
{
	gint64 until_us = g_get_monotonic_time() + SETTLE_WAIT_USECS;

	while (store->urgent == 0 && store->jobs.length < LIMIT_GROUP_COMMIT && !store->closing) {
		if (!g_cond_wait_until(&store->wakeup, &store->mutex, until_us))
			return;
	}
}

/* Waits for jobs and moves them to `jobs`: none if it was quiet for `wait_us`
 * (-1 = waits for ever). FALSE when closing and all is done. */
static gboolean take_jobs(struct store *store, GPtrArray *jobs, gint64 wait_us)
{
	gint64 until_us = g_get_monotonic_time() + wait_us;
	gboolean open;

	g_mutex_lock(&store->mutex);
	while (g_queue_is_empty(&store->jobs) && !store->closing) {
		if (wait_us < 0)
			g_cond_wait(&store->wakeup, &store->mutex);
		else if (!g_cond_wait_until(&store->wakeup, &store->mutex, until_us))
			break;
	}
	if (!g_queue_is_empty(&store->jobs))
		wait_for_more(store);
	while (jobs->len < LIMIT_GROUP_COMMIT && !g_queue_is_empty(&store->jobs)) {
		struct store_job *job = g_queue_pop_head(&store->jobs);

		if (!job->settle)
			store->urgent--;
		g_ptr_array_add(jobs, job);
	}
	open = !store->closing || jobs->len > 0;
	g_mutex_unlock(&store->mutex);
	return open;
}

gpointer store_writer_main(gpointer data)
{
	struct store *store = data;
	g_autoptr(GPtrArray) jobs = g_ptr_array_new();
	gint64 wait_us = IDLE_USECS;

	while (take_jobs(store, jobs, wait_us)) {
		if (jobs->len == 0) {
			wait_us = keep_house(store) ? 0 : IDLE_USECS;
		} else {
			run_group(store, jobs);
			store_hand_over(store, jobs);
			keep_log_short(store); /* after the report: nobody waits for this */
			wait_us = IDLE_USECS;
		}
		if (!store->housekeeping)
			wait_us = -1;
	}
	return NULL;
}

void store_writer_init(struct store *store, guint64 max_bytes)
{
	guint64 pages = MAX(max_bytes / STORE_PAGE_BYTES, 1);

	if (max_bytes > 0) {
		store->settle_limit =
			g_strdup_printf("PRAGMA max_page_count = %" G_GUINT64_FORMAT, pages);
		store->write_limit = g_strdup_printf("PRAGMA max_page_count = %" G_GUINT64_FORMAT,
						     pages - MIN(SETTLE_PAGES, pages / 8));
	}
	store->reserve_tried_us = g_get_monotonic_time();
	store->housekeeping = TRUE; /* what the last process left in the log */
	sqlite3_wal_hook(store->file.writer, log_grew, store);
}
