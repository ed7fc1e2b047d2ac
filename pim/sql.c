#include "sql.h"

#include <errno.h>
#include <unistd.h>

/* How long another process (fantailctl's import, a backup) may keep the file. */
#define BUSY_MSECS 10000
#define SCHEMA_VERSION 3

static const char schema[] =
	"CREATE TABLE collection(id INTEGER PRIMARY KEY, head INTEGER NOT NULL DEFAULT 0,"
	" oldest INTEGER NOT NULL DEFAULT 0);"
	"INSERT INTO collection(id) VALUES (0), (1), (2);"
	/* Ids are never used again: a device may still ask for an old one. */
	"CREATE TABLE item(id INTEGER PRIMARY KEY AUTOINCREMENT, collection INTEGER NOT NULL,"
	" component INTEGER NOT NULL, revision INTEGER NOT NULL, deleted INTEGER NOT NULL,"
	" created INTEGER NOT NULL, modified INTEGER NOT NULL, hash BLOB NOT NULL, uid TEXT,"
	" content BLOB);"
	"CREATE UNIQUE INDEX item_revision ON item(collection, revision);"
	"CREATE INDEX item_hash ON item(hash) WHERE deleted = 0;"
	"CREATE INDEX item_uid ON item(uid) WHERE deleted = 0 AND uid IS NOT NULL;"
	"CREATE TABLE item_key(key INTEGER NOT NULL, item INTEGER NOT NULL, part TEXT NOT NULL,"
	" PRIMARY KEY(key, item, part)) WITHOUT ROWID;"
	"CREATE INDEX item_key_item ON item_key(item);"
	"CREATE TABLE history(version INTEGER PRIMARY KEY AUTOINCREMENT, item INTEGER NOT NULL,"
	" component INTEGER NOT NULL, at INTEGER NOT NULL, origin TEXT NOT NULL,"
	" why TEXT NOT NULL, content BLOB NOT NULL);"
	"CREATE INDEX history_item ON history(item);"
	"CREATE INDEX history_at ON history(at);"
	"CREATE TABLE peer(id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL UNIQUE,"
	" last_seen INTEGER NOT NULL, state BLOB, secret_user TEXT, secret TEXT);"
	"CREATE TABLE target(id INTEGER PRIMARY KEY AUTOINCREMENT, peer INTEGER NOT NULL,"
	" name TEXT NOT NULL, collection INTEGER NOT NULL, components INTEGER NOT NULL,"
	" client_anchor TEXT, server_anchor TEXT, former_client_anchor TEXT,"
	" former_server_anchor TEXT, cursor INTEGER NOT NULL DEFAULT 0,"
	" former_cursor INTEGER NOT NULL DEFAULT 0, last_sync INTEGER NOT NULL DEFAULT 0,"
	" next_tmpid INTEGER NOT NULL DEFAULT 1, state BLOB, UNIQUE(peer, name));"
	"CREATE TABLE map(id INTEGER PRIMARY KEY AUTOINCREMENT, target INTEGER NOT NULL,"
	" item INTEGER NOT NULL, part TEXT NOT NULL, luid TEXT, tmpid TEXT, seen INTEGER NOT NULL,"
	" device_groups BLOB NOT NULL, item_groups BLOB NOT NULL, state INTEGER NOT NULL,"
	" lossy INTEGER NOT NULL, pending INTEGER NOT NULL, sent INTEGER NOT NULL,"
	" sent_session INTEGER NOT NULL, sent_msg INTEGER NOT NULL, sent_cmd INTEGER NOT NULL,"
	" tries INTEGER NOT NULL, sent_device_groups BLOB, sent_item_groups BLOB);"
	"CREATE UNIQUE INDEX map_item ON map(target, item, part);"
	"CREATE UNIQUE INDEX map_luid ON map(target, luid) WHERE luid IS NOT NULL;"
	"CREATE UNIQUE INDEX map_tmpid ON map(target, tmpid) WHERE tmpid IS NOT NULL;"
	"CREATE INDEX map_pending ON map(target, id) WHERE pending != 0;"
	"CREATE INDEX map_sent ON map(sent_session, sent_msg, sent_cmd) WHERE sent_session != 0;"
	"CREATE TABLE session(id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL,"
	" peer INTEGER NOT NULL UNIQUE, session TEXT NOT NULL, expires INTEGER NOT NULL,"
	" last_msg INTEGER NOT NULL, last_hash BLOB NOT NULL, answer BLOB, state BLOB);"
	"CREATE TABLE chunk(target INTEGER PRIMARY KEY, luid TEXT NOT NULL,"
	" total INTEGER NOT NULL);"
	"CREATE TABLE chunk_part(id INTEGER PRIMARY KEY, target INTEGER NOT NULL,"
	" data BLOB NOT NULL);"
	"CREATE INDEX chunk_part_target ON chunk_part(target);";

/* From each version to the next; the last one leads to SCHEMA_VERSION. */
static const char *const steps[] = {
	schema,
	/* Devices that have to be told of changes, by collection; session and tries of the
	 * notifications that were sent. */
	"CREATE TABLE alert(peer INTEGER NOT NULL, collection INTEGER NOT NULL,"
	" revision INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,"
	" session INTEGER NOT NULL, tries INTEGER NOT NULL, due INTEGER NOT NULL,"
	" PRIMARY KEY(peer, collection)) WITHOUT ROWID;",
	/* Whose it is, if the file's name does not say so. */
	"CREATE TABLE owner(id INTEGER PRIMARY KEY, name TEXT NOT NULL);",
};
G_STATIC_ASSERT(G_N_ELEMENTS(steps) == SCHEMA_VERSION);

GQuark pim_store_error_quark(void)
{
	return g_quark_from_static_string("fantail-pim-store-error");
}

static gboolean is_denied(const char *path, int what)
{
	return euidaccess(path, what) < 0 && errno == EACCES;
}

/* FALSE: it is not that. */
static gboolean fail_denied(const char *path, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(path);

	if (!is_denied(path, R_OK | W_OK) && !is_denied(folder, R_OK | W_OK | X_OK))
		return FALSE;
	g_set_error(error, PIM_STORE_ERROR, PIM_STORE_ERROR_FAILED,
		    "%s: %s, as uid %u; file and folder have to belong to the user of "
		    "fantail-syncml (chown), and this to be run as that or as root",
		    path, g_strerror(EACCES), geteuid());
	return TRUE;
}

static gboolean fail(struct sql *sql, GError **error)
{
	int result = sqlite3_extended_errcode(sql->db);
	const char *text = sqlite3_errmsg(sql->db);

	switch (result & 0xff) {
	case SQLITE_FULL:
		g_set_error(error, PIM_STORE_ERROR, PIM_STORE_ERROR_FULL, "%s: the disk is full",
			    sql->path);
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		g_set_error(error, PIM_STORE_ERROR, PIM_STORE_ERROR_BUSY,
			    "%s: another process has kept it for %d s", sql->path,
			    BUSY_MSECS / 1000);
		break;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		g_set_error(error, PIM_STORE_ERROR, PIM_STORE_ERROR_CORRUPT,
			    "%s: %s; put a backup in its place, or see what can be saved: "
			    "sqlite3 '%s' .recover",
			    sql->path, text, sql->path);
		break;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_READONLY:
		if (fail_denied(sql->path, error))
			break;
		/* fall through */
	default:
		g_set_error(error, PIM_STORE_ERROR, PIM_STORE_ERROR_FAILED, "%s: %s", sql->path,
			    text);
	}
	return FALSE;
}

gboolean sql_exec(struct sql *sql, const char *text, GError **error)
{
	return sqlite3_exec(sql->db, text, NULL, NULL, NULL) == SQLITE_OK || fail(sql, error);
}

sqlite3_stmt *sql_prepare(struct sql *sql, const char *text)
{
	sqlite3_stmt *statement = g_hash_table_lookup(sql->statements, text);

	if (statement == NULL) {
		if (sqlite3_prepare_v3(sql->db, text, -1, SQLITE_PREPARE_PERSISTENT, &statement,
				       NULL) != SQLITE_OK)
			g_error("%s: %s", text, sqlite3_errmsg(sql->db));
		g_hash_table_insert(sql->statements, (gpointer)text, statement);
	}
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return statement;
}

int sql_fetch(struct sql *sql, sqlite3_stmt *statement, GError **error)
{
	int result = sqlite3_step(statement);

	if (result == SQLITE_ROW)
		return 1;
	if (result != SQLITE_DONE)
		fail(sql, error);
	sqlite3_reset(statement);
	return result == SQLITE_DONE ? 0 : -1;
}

gboolean sql_run(struct sql *sql, sqlite3_stmt *statement, GError **error)
{
	return sql_fetch(sql, statement, error) == 0;
}

void sql_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
	sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

/* sqlite3_bind_blob() takes an empty one that is NULL for NULL. */
void sql_bind_blob(sqlite3_stmt *statement, int index, const void *data, gsize len)
{
	if (data != NULL)
		sqlite3_bind_blob64(statement, index, data, len, SQLITE_STATIC);
}

static int user_version(struct sql *sql, GError **error)
{
	sqlite3_stmt *statement;
	int version = -1;

	if (sqlite3_prepare_v2(sql->db, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		version = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	if (version < 0)
		fail(sql, error);
	return version;
}

static gboolean make_schema(struct sql *sql, GError **error)
{
	g_autofree char *set = g_strdup_printf("PRAGMA user_version = %d", SCHEMA_VERSION);
	int version;

	/* Again, now that nobody else can be making it. */
	if (!sql_exec(sql, "BEGIN IMMEDIATE", error))
		return FALSE;
	version = user_version(sql, error);
	while (version >= 0 && version < SCHEMA_VERSION && sql_exec(sql, steps[version], error))
		version++;
	if (version == SCHEMA_VERSION && sql_exec(sql, set, error))
		return sql_exec(sql, "COMMIT", error);
	sqlite3_exec(sql->db, "ROLLBACK", NULL, NULL, NULL);
	return FALSE;
}

static gboolean set_up(struct sql *sql, GError **error)
{
	int version;

	sqlite3_busy_timeout(sql->db, BUSY_MSECS);
	sqlite3_extended_result_codes(sql->db, 1);
	/* FULL: what was answered is on disk. */
	if (!sql_exec(sql, "PRAGMA journal_mode = WAL", error) ||
	    !sql_exec(sql, "PRAGMA synchronous = FULL", error))
		return FALSE;
	version = user_version(sql, error);
	if (version > SCHEMA_VERSION) {
		g_set_error(error, PIM_STORE_ERROR, PIM_STORE_ERROR_FAILED,
			    "%s: a newer version of Fantail wrote it (schema %d); use that",
			    sql->path, version);
		return FALSE;
	}
	return version == SCHEMA_VERSION || (version >= 0 && make_schema(sql, error));
}

static void finalize(gpointer statement)
{
	sqlite3_finalize(statement);
}

struct sql *sql_open(const char *path, gboolean create, GError **error)
{
	struct sql *sql;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

	if (!create && euidaccess(path, F_OK) < 0) {
		fail_denied(path, error);
		return NULL;
	}
	sql = g_new0(struct sql, 1);
	sql->path = g_strdup(path);
	sql->statements = g_hash_table_new_full(NULL, NULL, NULL, finalize);
	if (create)
		flags |= SQLITE_OPEN_CREATE;
	if (sqlite3_open_v2(path, &sql->db, flags, NULL) != SQLITE_OK) {
		fail(sql, error);
	} else if (set_up(sql, error)) {
		return sql;
	}
	sql_close(sql);
	return NULL;
}

void sql_close(struct sql *sql)
{
	if (sql == NULL)
		return;
	g_hash_table_unref(sql->statements);
	sqlite3_close(sql->db);
	g_free(sql->path);
	g_free(sql);
}
