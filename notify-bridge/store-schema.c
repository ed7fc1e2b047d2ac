#include "store-file.h"
#include "store.h"

/* "FANT": tells our files from those of other programs. */
#define APPLICATION_ID 0x46414e54

/*
 * Row N takes a database from user_version N to N + 1. Rows are never changed
 * once they were released, only added.
 *
 * Names of users, mailboxes and the like are octets: SQLite compares TEXT with
 * memcmp and does not mind. device.state is enum device_state, and so on.
 *
 * notification: notification_claim serves claim() and next_due(), _user list()
 * and flush() of one user, _first the age of the oldest. AUTOINCREMENT, since
 * ids leave the house (a webhook's idempotency key) and must not come back.
 *
 * queue_state has one row: the number of notifications, kept in the transactions
 * that change it since counting a million rows takes too long; and which
 * generation of batch ids is filled, how many it has, and since when.
 *
 * device: `changed` is when the client last changed it, in seconds, and `token`
 * stays after the confirmation so that a repeated one can be told from a wrong
 * one. mailboxes is NULL or names, each with a NUL behind it. Webhooks of the
 * config are rows with user ''.
 *
 * filter, attachment, preference: Push-IMAP's. Names of filters are METADATA's too,
 * which are compared without case. An attachment's mailbox is '' for all folders.
 * device.seen, .wakes: see device.h.
 *
 * pimap_key: devices of Push-IMAP that asked to be provisioned. `key` is the one that the device
 * has, `next_key` the one that it is to fetch, `sequence` the number of the last notification.
 */
static const char *const steps[] = {
	"CREATE TABLE notification ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  revision INTEGER NOT NULL,"
	"  device INTEGER NOT NULL,"
	"  user TEXT NOT NULL,"
	"  key TEXT NOT NULL,"
	"  lane TEXT NOT NULL,"
	"  arrival INTEGER NOT NULL,"
	"  kinds INTEGER NOT NULL,"
	"  messages INTEGER NOT NULL,"
	"  first_us INTEGER NOT NULL,"
	"  newest_us INTEGER NOT NULL,"
	"  due_us INTEGER NOT NULL,"
	"  expires_us INTEGER NOT NULL,"
	"  attempts INTEGER NOT NULL,"
	"  event TEXT NOT NULL"
	") STRICT;"
	"CREATE UNIQUE INDEX notification_key ON notification (device, user, key);"
	"CREATE INDEX notification_claim ON notification (lane, arrival, due_us);"
	"CREATE INDEX notification_user ON notification (user);"
	"CREATE INDEX notification_first ON notification (first_us);"
	"CREATE TABLE batch ("
	"  generation INTEGER NOT NULL,"
	"  id BLOB NOT NULL,"
	"  PRIMARY KEY (generation, id)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE queue_state ("
	"  id INTEGER PRIMARY KEY CHECK (id = 1),"
	"  pending INTEGER NOT NULL,"
	"  generation INTEGER NOT NULL,"
	"  generation_ids INTEGER NOT NULL,"
	"  generation_us INTEGER NOT NULL"
	") STRICT;"
	"INSERT INTO queue_state VALUES (1, 0, 1, 0, 0);"
	"CREATE TABLE device ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  user TEXT NOT NULL,"
	"  device TEXT NOT NULL,"
	"  gateway TEXT NOT NULL,"
	"  dialect INTEGER NOT NULL,"
	"  state INTEGER NOT NULL,"
	"  endpoint TEXT NOT NULL,"
	"  p256dh BLOB,"
	"  auth BLOB,"
	"  vapid_key TEXT,"
	"  events INTEGER NOT NULL,"
	"  mailboxes BLOB,"
	"  content INTEGER NOT NULL,"
	"  msgtype INTEGER NOT NULL,"
	"  client TEXT,"
	"  label TEXT,"
	"  token TEXT,"
	"  token_tries INTEGER NOT NULL,"
	"  created INTEGER NOT NULL,"
	"  changed INTEGER NOT NULL,"
	"  confirm_by INTEGER NOT NULL,"
	"  confirmed INTEGER NOT NULL,"
	"  last_ok INTEGER NOT NULL,"
	"  dead_at INTEGER NOT NULL,"
	"  last_outcome TEXT"
	") STRICT;"
	"CREATE UNIQUE INDEX device_name ON device (user, device);"
	"CREATE INDEX device_inactive ON device (confirm_by) WHERE state = 0;"
	"CREATE INDEX device_dead ON device (dead_at) WHERE state = 2;",

	"ALTER TABLE device ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE device ADD COLUMN wakes INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX device_seen ON device (seen) WHERE dialect >= 2;"
	"CREATE TABLE filter ("
	"  user TEXT NOT NULL,"
	"  name TEXT NOT NULL COLLATE NOCASE,"
	"  criteria TEXT NOT NULL,"
	"  charset TEXT,"
	"  description TEXT,"
	"  PRIMARY KEY (user, name)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE attachment ("
	"  device INTEGER NOT NULL,"
	"  mailbox TEXT NOT NULL,"
	"  filter TEXT NOT NULL COLLATE NOCASE,"
	"  PRIMARY KEY (device, mailbox)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE preference ("
	"  device INTEGER NOT NULL,"
	"  name TEXT NOT NULL,"
	"  value TEXT NOT NULL,"
	"  PRIMARY KEY (device, name)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TRIGGER device_removed AFTER DELETE ON device BEGIN"
	"  DELETE FROM attachment WHERE device = old.id;"
	"  DELETE FROM preference WHERE device = old.id;"
	"END;",

	"CREATE TABLE pimap_key ("
	"  device INTEGER PRIMARY KEY,"
	"  key BLOB,"
	"  next_key BLOB,"
	"  sequence INTEGER NOT NULL DEFAULT 0,"
	"  notification_id TEXT"
	") STRICT;"
	"CREATE TRIGGER device_key_removed AFTER DELETE ON device BEGIN"
	"  DELETE FROM pimap_key WHERE device = old.id;"
	"END;",
};

gboolean store_schema_number(sqlite3 *db, const char *path, const char *sql, gint64 *value_r,
			     GError **error)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*value_r = sqlite3_column_int64(stmt, 0);
	else
		store_file_set_error(error, path, db, rc);
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW;
}

static gboolean run_step(sqlite3 *db, const char *path, guint version, GError **error)
{
	g_autofree char *sql = g_strdup_printf(
		"BEGIN IMMEDIATE; %s PRAGMA application_id = %d; PRAGMA user_version = %u; COMMIT;",
		steps[version], APPLICATION_ID, version + 1);
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		return TRUE;
	store_file_set_error(error, path, db, rc);
	if (!sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return FALSE;
}

gboolean store_schema_check(sqlite3 *db, const char *path, gint64 *version_r, GError **error)
{
	gint64 version, application, objects;

	if (!store_schema_number(db, path, "PRAGMA user_version", &version, error) ||
	    !store_schema_number(db, path, "PRAGMA application_id", &application, error) ||
	    !store_schema_number(db, path, "SELECT count(*) FROM sqlite_schema", &objects, error))
		return FALSE;
	if (application != APPLICATION_ID && (objects > 0 || version != 0)) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_FAILED,
			    "%s: is a database of another program; name another state folder, or "
			    "move the file away",
			    path);
		return FALSE;
	}
	if (version < 0 || version > (gint64)G_N_ELEMENTS(steps)) {
		g_set_error(
			error, STORE_ERROR, STORE_ERROR_FAILED,
			"%s: was written by a newer version of Fantail (schema %" G_GINT64_FORMAT
			", this one knows up to %u); install that version, or restore a "
			"backup from before the upgrade",
			path, version, (guint)G_N_ELEMENTS(steps));
		return FALSE;
	}
	*version_r = version;
	return TRUE;
}

gboolean store_schema_migrate(sqlite3 *db, const char *path, gint64 version, GError **error)
{
	for (; version < (gint64)G_N_ELEMENTS(steps); version++) {
		if (!run_step(db, path, (guint)version, error))
			return FALSE;
	}
	return TRUE;
}
