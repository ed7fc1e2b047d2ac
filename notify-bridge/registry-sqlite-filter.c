/* Named filters of Push-IMAP. */
#include "registry-sqlite-private.h"
#include "limits.h"

#include <string.h>

void registry_filter_free(struct registry_filter *filter)
{
	g_free(filter->name);
	g_free(filter->criteria);
	g_free(filter->charset);
	g_free(filter->description);
	g_free(filter);
}

static void free_filter(gpointer data)
{
	registry_filter_free(data);
}

/* --- look-ups --------------------------------------------------------------- */

static char *column_text(sqlite3_stmt *stmt, int column)
{
	return g_strdup((const char *)sqlite3_column_text(stmt, column));
}

static GPtrArray *read_filters(struct sqlite_registry *registry, sqlite3_stmt *stmt)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(free_filter);

	while (store_read(registry->store, stmt)) {
		struct registry_filter *filter = g_new0(struct registry_filter, 1);

		filter->name = column_text(stmt, 0);
		filter->criteria = column_text(stmt, 1);
		filter->charset = column_text(stmt, 2);
		filter->description = column_text(stmt, 3);
		g_ptr_array_add(list, filter);
	}
	return list;
}

#define COLUMNS "name, criteria, charset, description"

GPtrArray *registry_sqlite_filters(struct registry *base, const char *user, const char *name)
{
	struct sqlite_registry *registry = registry_sqlite(base);
	sqlite3_stmt *stmt =
		store_prepare(registry->store,
			      name == NULL ? "SELECT " COLUMNS " FROM filter WHERE user = ?1"
					   : "SELECT " COLUMNS " FROM filter WHERE user = ?1 AND "
					     "name = ?2");

	registry_sqlite_bind_text(stmt, 1, user);
	if (name != NULL)
		registry_sqlite_bind_text(stmt, 2, name);
	return read_filters(registry, stmt);
}

GPtrArray *registry_sqlite_wanted_filters(struct registry *base, const char *user,
					  const char *mailbox)
{
	struct sqlite_registry *registry = registry_sqlite(base);
	sqlite3_stmt *stmt = store_prepare(
		registry->store,
		"SELECT " COLUMNS " FROM filter WHERE user = ?1 AND name IN ("
		"SELECT filter FROM device AS d JOIN attachment AS a ON a.device = d.id WHERE "
		"d.user = ?1 AND +d.state = 1 AND d.events & ?3 AND (a.mailbox = ?2 OR "
		"(a.mailbox = '' AND NOT EXISTS (SELECT 1 FROM attachment AS own WHERE "
		"own.device = d.id AND own.mailbox = ?2))))");

	registry_sqlite_bind_text(stmt, 1, user);
	registry_sqlite_bind_text(stmt, 2,
				  g_ascii_strcasecmp(mailbox, "INBOX") == 0 ? "INBOX" : mailbox);
	sqlite3_bind_int64(stmt, 3, PUSH_EVENT_KINDS_MAIL);
	return read_filters(registry, stmt);
}

/* --- changes ------------------------------------------------------------------ */

struct filter_job {
	struct sqlite_registry *registry;
	char *user;
	struct registry_filter *filter;
	registry_stored done;
	gpointer data;
	GError *refused; /* before there was any work */
};

static struct filter_job *job_new(struct registry *registry, const char *user,
				  const struct registry_filter *filter, registry_stored done,
				  gpointer data)
{
	struct filter_job *job = g_new0(struct filter_job, 1);

	job->registry = registry_sqlite_hold(registry);
	job->user = g_strdup(user);
	job->filter = g_new0(struct registry_filter, 1);
	job->filter->name = g_strdup(filter->name);
	job->filter->criteria = g_strdup(filter->criteria);
	job->filter->charset = g_strdup(filter->charset);
	job->filter->description = g_strdup(filter->description);
	job->done = done;
	job->data = data;
	return job;
}

static void job_done(const GError *error, gpointer data)
{
	struct filter_job *job = data;

	job->done(error != NULL ? error : job->refused, job->data);
	registry_sqlite_release(job->registry);
	registry_filter_free(job->filter);
	g_clear_error(&job->refused);
	g_free(job->user);
	g_free(job);
}

static gboolean no_work(struct store *store, gpointer data, GError **error)
{
	return TRUE;
}

static gboolean within_limit(struct store *store, const struct filter_job *job, GError **error)
{
	sqlite3_stmt *stmt =
		store_prepare(store, "SELECT count(*) FROM filter WHERE user = ?1 AND name <> ?2");
	gint64 others;

	registry_sqlite_bind_text(stmt, 1, job->user);
	registry_sqlite_bind_text(stmt, 2, job->filter->name);
	if (store_fetch(store, stmt, error) < 0)
		return FALSE;
	others = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	if (others < LIMIT_FILTERS_PER_USER)
		return TRUE;
	g_set_error(error, STORE_ERROR, STORE_ERROR_LIMIT,
		    "at most %d filters a user; remove one that is no longer used",
		    LIMIT_FILTERS_PER_USER);
	return FALSE;
}

static gboolean set_work(struct store *store, gpointer data, GError **error)
{
	const struct filter_job *job = data;
	sqlite3_stmt *stmt;

	if (!within_limit(store, job, error))
		return FALSE;
	stmt = store_prepare(store, "INSERT OR REPLACE INTO filter "
				    "(user, name, criteria, charset, description) VALUES "
				    "(?1, ?2, ?3, ?4, ?5)");
	registry_sqlite_bind_text(stmt, 1, job->user);
	registry_sqlite_bind_text(stmt, 2, job->filter->name);
	registry_sqlite_bind_text(stmt, 3, job->filter->criteria);
	registry_sqlite_bind_text(stmt, 4, job->filter->charset);
	registry_sqlite_bind_text(stmt, 5, job->filter->description);
	return store_step(store, stmt, error);
}

void registry_sqlite_set_filter(struct registry *registry, const char *user,
				const struct registry_filter *filter, registry_stored done,
				gpointer data)
{
	struct filter_job *job = job_new(registry, user, filter, done, data);

	if (!store_write(job->registry->store, set_work, job_done, job, &job->refused))
		store_settle(job->registry->store, no_work, job_done, job);
}

static gboolean drop_work(struct store *store, gpointer data, GError **error)
{
	const struct filter_job *job = data;
	sqlite3_stmt *stmt =
		store_prepare(store, "DELETE FROM filter WHERE user = ?1 AND name = ?2");

	registry_sqlite_bind_text(stmt, 1, job->user);
	registry_sqlite_bind_text(stmt, 2, job->filter->name);
	if (!store_step(store, stmt, error))
		return FALSE;
	if (store_changes(store) == 0) {
		g_set_error_literal(error, STORE_ERROR, STORE_ERROR_NOT_FOUND, "no such filter");
		return FALSE;
	}
	stmt = store_prepare(store, "DELETE FROM attachment WHERE filter = ?2 AND device IN "
				    "(SELECT id FROM device WHERE user = ?1)");
	registry_sqlite_bind_text(stmt, 1, job->user);
	registry_sqlite_bind_text(stmt, 2, job->filter->name);
	return store_step(store, stmt, error);
}

/* Settles: makes room. */
void registry_sqlite_drop_filter(struct registry *registry, const char *user, const char *name,
				 registry_stored done, gpointer data)
{
	const struct registry_filter like = {.name = (char *)name};
	struct filter_job *job = job_new(registry, user, &like, done, data);

	store_settle(job->registry->store, drop_work, job_done, job);
}
