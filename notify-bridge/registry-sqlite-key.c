/* Devices of Push-IMAP: keys and numbers of notifications that have a message in them, locks. */
#include "registry-sqlite-private.h"

#include "extended.h"

#include <string.h>

static void take_key(sqlite3_stmt *stmt, int column, struct device *device)
{
	if (sqlite3_column_bytes(stmt, column) == EXTENDED_KEY)
		memcpy(device->key, sqlite3_column_blob(stmt, column), EXTENDED_KEY);
}

/* Runs `sql` with the device as ?1 and, if it has a second one, `key` as ?2. */
static gboolean run(struct store *store, const struct change_job *job, const char *sql,
		    const guint8 *key, GError **error)
{
	sqlite3_stmt *stmt = store_prepare(store, sql);

	sqlite3_bind_int64(stmt, 1, job->result->id);
	if (sqlite3_bind_parameter_count(stmt) > 1)
		sqlite3_bind_blob(stmt, 2, key, EXTENDED_KEY, SQLITE_STATIC);
	return store_step(store, stmt, error);
}

/* job->result with what is stored of its key and number. */
static gboolean read_back(struct store *store, struct change_job *job, GError **error)
{
	sqlite3_stmt *stmt =
		store_prepare(store, "SELECT key, sequence FROM pimap_key WHERE device = ?1");
	int row;

	sqlite3_bind_int64(stmt, 1, job->result->id);
	row = store_fetch(store, stmt, error);
	if (row > 0) {
		take_key(stmt, 0, job->result);
		job->result->sequence = (guint64)sqlite3_column_int64(stmt, 1);
	}
	sqlite3_reset(stmt);
	return row >= 0;
}

/* 1, 0 = there is no such device of Push-IMAP, -1 = failed. */
static int fetch(struct store *store, struct change_job *job, GError **error)
{
	int row = registry_sqlite_job_fetch(store, job, error);

	return row > 0 && device_face(job->result->dialect) != FACE_PIMAP ? 0 : row;
}

static gboolean not_found(GError **error)
{
	g_set_error(error, STORE_ERROR, STORE_ERROR_NOT_FOUND, "no such device of Push-IMAP");
	return FALSE;
}

/* --- provision ---------------------------------------------------------------- */

static gboolean keep_notification_id(struct store *store, struct change_job *job, GError **error)
{
	sqlite3_stmt *stmt;

	if (job->name == NULL)
		return TRUE;
	stmt = store_prepare(store, "UPDATE pimap_key SET notification_id = ?2 WHERE device = ?1");
	sqlite3_bind_int64(stmt, 1, job->result->id);
	registry_sqlite_bind_text(stmt, 2, job->name);
	return store_step(store, stmt, error);
}

static gboolean provision_work(struct store *store, gpointer data, GError **error)
{
	struct change_job *job = data;
	int row = registry_sqlite_job_fetch(store, job, error);

	if (row < 0 || !registry_sqlite_job_check_face(job, error) ||
	    (row == 0 && !registry_sqlite_job_make_device(store, job, NULL, error)) ||
	    !run(store, job, "INSERT OR IGNORE INTO pimap_key (device) VALUES (?1)", NULL, error) ||
	    !keep_notification_id(store, job, error))
		return FALSE;
	if (job->token == NULL)
		return TRUE;
	return run(store, job,
		   "UPDATE pimap_key SET key = coalesce(next_key, key, ?2), next_key = NULL "
		   "WHERE device = ?1",
		   job->wanted->key, error) &&
	       read_back(store, job, error);
}

void registry_sqlite_provision(struct registry *registry, const char *user, const char *device,
			       const char *notification_id, const guint8 *fresh, gint64 now,
			       registry_done done, gpointer data)
{
	struct change_job *job = registry_sqlite_pimap_job(registry, user, device, now, done, data);

	job->name = g_strdup(notification_id);
	if (fresh != NULL) {
		memcpy(job->wanted->key, fresh, EXTENDED_KEY);
		job->token = g_strdup("key");
	}
	registry_sqlite_job_start(job, provision_work, registry_sqlite_job_done);
}

/* --- a new key ------------------------------------------------------------------ */

static gboolean new_key_work(struct store *store, gpointer data, GError **error)
{
	struct change_job *job = data;
	int row = fetch(store, job, error);

	if (row <= 0)
		return row == 0 ? not_found(error) : FALSE;
	if (job->result->state == DEVICE_LOCKED) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_REFUSED,
			    "the device is locked; unlock it first");
		return FALSE;
	}
	if (!run(store, job,
		 "UPDATE pimap_key SET next_key = ?2 WHERE device = ?1 AND key IS NOT NULL",
		 job->wanted->key, error))
		return FALSE;
	if (store_changes(store) > 0)
		return TRUE;
	g_set_error(error, STORE_ERROR, STORE_ERROR_REFUSED,
		    "the device has no key yet; it gets one by XPROVISION, over TLS");
	return FALSE;
}

void registry_sqlite_new_key(struct registry *registry, const char *user, const char *device,
			     const guint8 *fresh, registry_done done, gpointer data)
{
	struct change_job *job = registry_sqlite_pimap_job(registry, user, device, 0, done, data);

	memcpy(job->wanted->key, fresh, EXTENDED_KEY);
	registry_sqlite_job_start(job, new_key_work, registry_sqlite_job_done);
}

/* --- numbers --------------------------------------------------------------------- */

static gboolean number_work(struct store *store, gpointer data, GError **error)
{
	struct change_job *job = data;
	int row = fetch(store, job, error);

	if (row <= 0)
		return row == 0 ? not_found(error) : FALSE;
	if (!run(store, job,
		 "UPDATE pimap_key SET sequence = sequence + 1 WHERE device = ?1 AND "
		 "key IS NOT NULL",
		 NULL, error))
		return FALSE;
	return store_changes(store) > 0 ? read_back(store, job, error) : not_found(error);
}

/* Settles: what is being sent was accepted. */
void registry_sqlite_number(struct registry *registry, const struct device *device,
			    registry_done done, gpointer data)
{
	struct change_job *job =
		registry_sqlite_pimap_job(registry, device->user, device->device, 0, done, data);

	store_settle(job->registry->store, number_work, registry_sqlite_job_done, job);
}

void registry_sqlite_key(struct registry *base, gint64 id, struct registry_key *key_r)
{
	struct sqlite_registry *registry = registry_sqlite(base);
	sqlite3_stmt *stmt =
		store_prepare(registry->store, "SELECT key IS NOT NULL, next_key IS NOT NULL, "
					       "sequence FROM pimap_key WHERE device = ?1");

	*key_r = (struct registry_key){.fetched = FALSE};
	sqlite3_bind_int64(stmt, 1, id);
	if (store_read(registry->store, stmt)) {
		key_r->fetched = sqlite3_column_int(stmt, 0) != 0;
		key_r->waits = sqlite3_column_int(stmt, 1) != 0;
		key_r->sequence = (guint64)sqlite3_column_int64(stmt, 2);
	}
	sqlite3_reset(stmt);
}

/* --- locks ------------------------------------------------------------------------ */

static gboolean lock_work(struct store *store, gpointer data, GError **error)
{
	struct change_job *job = data;
	int row = fetch(store, job, error);

	if (row <= 0) {
		if (row == 0 && job->result != NULL)
			g_set_error(error, STORE_ERROR, STORE_ERROR_REFUSED,
				    "only devices of Push-IMAP can be locked; revoke it");
		else if (row == 0)
			not_found(error);
		return FALSE;
	}
	return run(store, job,
		   job->wanted->state == DEVICE_LOCKED
			   ? "UPDATE device SET state = 3 WHERE id = ?1"
			   : "UPDATE device SET state = 1 WHERE id = ?1 AND state = 3",
		   NULL, error) &&
	       registry_sqlite_job_fetch(store, job, error) > 0;
}

/* Settles: a disk that is nearly full must not keep a lost device open. */
void registry_sqlite_lock(struct registry *registry, const char *user, const char *device,
			  gboolean locked, registry_done done, gpointer data)
{
	struct change_job *job = registry_sqlite_pimap_job(registry, user, device, 0, done, data);

	job->wanted->state = locked ? DEVICE_LOCKED : DEVICE_ACTIVE;
	store_settle(job->registry->store, lock_work, registry_sqlite_job_done, job);
}
