#include "registry-sqlite-private.h"
#include "limits.h"

/*
 * Outcomes come with every push. Written each, they would be half of all writes,
 * for a line that people look at now and then. So they wait in memory, one a
 * device, and all that changed go to disk every MARKS_SECS, in small jobs one
 * after the other so that batches get in between. A crash loses minutes of them.
 */
#define MARKS_SECS 300
#define MARKS_ROWS 256
/* Registrations of either kind that one maintain() discards; the rest goes with
 * the next one. */
#define MAINTAIN_ROWS 5000

struct mark {
	gint64 id;
	gint64 last_ok; /* 0 = as it was */
	char *outcome;  /* NULL = as it was */
	gint64 seen;    /* likewise */
	guint wakes;    /* since then; else on top of what is stored */
};

static void mark_free(gpointer data)
{
	struct mark *mark = data;

	g_free(mark->outcome);
	g_free(mark);
}

GHashTable *registry_sqlite_new_marks(void)
{
	return g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, mark_free);
}

static void apply(const struct mark *mark, struct device *device)
{
	device->last_ok = MAX(device->last_ok, mark->last_ok);
	if (mark->outcome != NULL) {
		g_free(device->last_outcome);
		device->last_outcome = g_strdup(mark->outcome);
	}
	if (mark->seen != 0) {
		device->seen = MAX(device->seen, mark->seen);
		device->wakes = 0;
	}
}

void registry_sqlite_apply_mark(struct sqlite_registry *registry, struct device *device)
{
	const struct mark *mark = g_hash_table_lookup(registry->writing, &device->id);

	if (mark != NULL) {
		apply(mark, device);
		/* The row may have them already: not twice. */
		device->wakes = mark->seen != 0 ? mark->wakes : MAX(device->wakes, mark->wakes);
	}
	mark = g_hash_table_lookup(registry->marks, &device->id);
	if (mark != NULL) {
		apply(mark, device);
		device->wakes += mark->wakes;
	}
}

void registry_sqlite_forget_mark(struct sqlite_registry *registry, gint64 id)
{
	g_hash_table_remove(registry->marks, &id);
	g_hash_table_remove(registry->writing, &id);
}

static struct mark *set_mark(struct registry *registry, gint64 id, const char *outcome)
{
	GHashTable *marks = registry_sqlite(registry)->marks;
	struct mark *mark = g_hash_table_lookup(marks, &id);

	if (mark == NULL) {
		mark = g_new0(struct mark, 1);
		mark->id = id;
		g_hash_table_insert(marks, &mark->id, mark);
	}
	if (outcome != NULL && g_strcmp0(mark->outcome, outcome) != 0) {
		g_free(mark->outcome);
		mark->outcome = g_strdup(outcome);
	}
	return mark;
}

void registry_sqlite_mark_ok(struct registry *registry, gint64 id, gint64 now, const char *outcome)
{
	struct mark *mark = set_mark(registry, id, outcome);

	mark->last_ok = now;
	mark->wakes++;
}

void registry_sqlite_mark_failed(struct registry *registry, gint64 id, const char *outcome)
{
	set_mark(registry, id, outcome);
}

/* --- writing them -------------------------------------------------------------- */

struct marks_job {
	struct sqlite_registry *registry;
	GPtrArray *marks;
	guint next; /* first that is not written */
	guint rows; /* at a time */
};

static gboolean marks_work(struct store *store, gpointer data, GError **error)
{
	struct marks_job *job = data;

	for (guint i = job->next; i < job->marks->len && i - job->next < job->rows; i++) {
		const struct mark *mark = g_ptr_array_index(job->marks, i);
		sqlite3_stmt *stmt =
			store_prepare(store, "UPDATE device SET last_ok = max(last_ok, ?2), "
					     "last_outcome = coalesce(?3, last_outcome), "
					     "wakes = CASE ?4 WHEN 0 THEN wakes ELSE 0 END + ?5, "
					     "seen = max(seen, ?4) WHERE id = ?1");

		sqlite3_bind_int64(stmt, 1, mark->id);
		sqlite3_bind_int64(stmt, 2, mark->last_ok);
		registry_sqlite_bind_text(stmt, 3, mark->outcome);
		sqlite3_bind_int64(stmt, 4, mark->seen);
		sqlite3_bind_int64(stmt, 5, mark->wakes);
		if (!store_step(store, stmt, error))
			return FALSE;
	}
	return TRUE;
}

/* They are in the rows now, or let go. Of two that are on their way the later one counts. */
static void end_writing(const struct marks_job *job, guint from, guint to)
{
	GHashTable *writing = job->registry->writing;

	for (guint i = from; i < to; i++) {
		const struct mark *mark = g_ptr_array_index(job->marks, i);

		if (g_hash_table_lookup(writing, &mark->id) == mark)
			g_hash_table_remove(writing, &mark->id);
	}
}

static void marks_done(const GError *error, gpointer data);

/* FALSE: done with, and freed. After a failure the rest is let go: outcomes are
 * not worth a full disk's time. */
static gboolean write_next(struct marks_job *job, const GError *error)
{
	if (error == NULL && job->next < job->marks->len &&
	    store_write(job->registry->store, marks_work, marks_done, job, NULL))
		return TRUE;
	end_writing(job, MIN(job->next, job->marks->len), job->marks->len);
	g_ptr_array_unref(job->marks);
	registry_sqlite_release(job->registry);
	g_free(job);
	return FALSE;
}

static void marks_done(const GError *error, gpointer data)
{
	struct marks_job *job = data;
	guint from = job->next;

	job->next += MIN(job->rows, job->marks->len - from);
	end_writing(job, from, job->next);
	write_next(job, error);
}

static void write_marks(struct sqlite_registry *registry, guint rows)
{
	struct marks_job *job = g_new0(struct marks_job, 1);
	GHashTableIter iter;
	gpointer mark;

	job->registry = registry_sqlite_hold(&registry->base);
	job->marks = g_ptr_array_new_with_free_func(mark_free);
	job->rows = rows;
	g_hash_table_iter_init(&iter, registry->marks);
	while (g_hash_table_iter_next(&iter, NULL, &mark)) {
		g_hash_table_iter_steal(&iter);
		g_ptr_array_add(job->marks, mark);
		g_hash_table_replace(registry->writing, &((struct mark *)mark)->id, mark);
	}
	write_next(job, NULL);
}

void registry_sqlite_write_marks(struct sqlite_registry *registry)
{
	write_marks(registry, G_MAXUINT);
}

/* --- verdicts and age: what ends a registration -------------------------------- */

struct end_job {
	struct sqlite_registry *registry;
	gint64 id, dead_at, now, dead_before;
	char *endpoint, *outcome;
	gboolean died;
	registry_dead_done done;
	gpointer data;
};

static struct end_job *end_job_new(struct registry *registry)
{
	struct end_job *job = g_new0(struct end_job, 1);

	job->registry = registry_sqlite_hold(registry);
	return job;
}

static void end_done(const GError *error, gpointer data)
{
	struct end_job *job = data;

	job->registry->stats_valid = FALSE;
	if (job->done != NULL)
		job->done(error == NULL && job->died, error, job->data);
	registry_sqlite_release(job->registry);
	g_free(job->endpoint);
	g_free(job->outcome);
	g_free(job);
}

static gboolean dead_work(struct store *store, gpointer data, GError **error)
{
	struct end_job *job = data;
	sqlite3_stmt *stmt = store_prepare(
		store, "UPDATE device SET state = 2, dead_at = ?3, last_outcome = ?4, token = NULL "
		       "WHERE id = ?1 AND user <> '' AND state < 2 AND confirmed <= ?2 AND "
		       "changed <= ?2 AND endpoint = ?5");

	sqlite3_bind_int64(stmt, 1, job->id);
	sqlite3_bind_int64(stmt, 2, job->dead_at);
	sqlite3_bind_int64(stmt, 3, job->now);
	registry_sqlite_bind_text(stmt, 4, job->outcome);
	registry_sqlite_bind_text(stmt, 5, job->endpoint);
	if (!store_step(store, stmt, error))
		return FALSE;
	job->died = store_changes(store) > 0;
	return TRUE;
}

void registry_sqlite_mark_dead(struct registry *registry, gint64 id, const char *endpoint,
			       gint64 dead_at, gint64 now, const char *outcome,
			       registry_dead_done done, gpointer data)
{
	struct end_job *job = end_job_new(registry);

	job->id = id;
	job->dead_at = dead_at != 0 ? dead_at : now;
	job->now = now;
	job->endpoint = g_strdup(endpoint);
	job->outcome = g_strdup(outcome);
	job->done = done;
	job->data = data;
	/* It would lie over the outcome that is written now. */
	registry_sqlite_forget_mark(job->registry, id);
	store_settle(job->registry->store, dead_work, end_done, job);
}

static gboolean maintain_work(struct store *store, gpointer data, GError **error)
{
	struct end_job *job = data;
	sqlite3_stmt *stmt =
		store_prepare(store, "DELETE FROM device WHERE id IN (SELECT id FROM device WHERE "
				     "state = 0 AND confirm_by < ?1 LIMIT ?2)");

	sqlite3_bind_int64(stmt, 1, job->now);
	sqlite3_bind_int(stmt, 2, MAINTAIN_ROWS);
	if (!store_step(store, stmt, error))
		return FALSE;
	stmt = store_prepare(store, "DELETE FROM device WHERE id IN (SELECT id FROM device WHERE "
				    "state = 2 AND dead_at < ?1 LIMIT ?2)");
	sqlite3_bind_int64(stmt, 1, job->dead_before);
	sqlite3_bind_int(stmt, 2, MAINTAIN_ROWS);
	if (!store_step(store, stmt, error))
		return FALSE;
	for (enum device_dialect dialect = DIALECT_EMN; dialect <= DIALECT_DELTAPUSH; dialect++) {
		/* The second condition is what there is an index for. */
		stmt = store_prepare(
			store,
			"DELETE FROM device WHERE id IN (SELECT id FROM device WHERE "
			"dialect = ?3 AND dialect >= 2 AND seen < ?1 AND +state <> 3 LIMIT ?2)");
		sqlite3_bind_int64(stmt, 1, job->now - device_unseen_secs(dialect));
		sqlite3_bind_int(stmt, 2, MAINTAIN_ROWS);
		sqlite3_bind_int(stmt, 3, (int)dialect);
		if (!store_step(store, stmt, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean present_work(struct store *store, gpointer data, GError **error)
{
	struct end_job *job = data;
	sqlite3_stmt *stmt = store_prepare(
		store, "UPDATE device SET wakes = 0, seen = max(seen, ?2) WHERE id = ?1");

	sqlite3_bind_int64(stmt, 1, job->id);
	sqlite3_bind_int64(stmt, 2, job->now);
	return store_step(store, stmt, error);
}

/* What was outstanding is written at once, or a crash would keep a device that was there
 * without pushes for as long as its back-off says. */
void registry_sqlite_present(struct registry *registry, const struct device *device, gint64 now)
{
	struct mark *mark = set_mark(registry, device->id, NULL);
	struct end_job *job;

	mark->seen = now;
	mark->wakes = 0;
	if (device->wakes == 0)
		return;
	job = end_job_new(registry);
	job->id = device->id;
	job->now = now;
	store_settle(job->registry->store, present_work, end_done, job);
}

void registry_sqlite_maintain(struct registry *registry, gint64 now, gint64 dead_keep_secs)
{
	struct end_job *job = end_job_new(registry);
	struct sqlite_registry *self = job->registry;

	job->now = now;
	job->dead_before = now - dead_keep_secs;
	store_settle(self->store, maintain_work, end_done, job);
	/* A clock that was set back must not stop it for ever. */
	if (now - self->marks_written >= MARKS_SECS || now < self->marks_written) {
		self->marks_written = now;
		write_marks(self, MARKS_ROWS);
	}
}
