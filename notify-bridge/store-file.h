/*
 * The database file: made, locked, checked, brought to the current schema; and
 * what is set aside for a full disk. The lower half of store.c, no one else's.
 */
#ifndef FANTAIL_STORE_FILE_H
#define FANTAIL_STORE_FILE_H

#include <glib.h>
#include <sqlite3.h>

/* Waits of one connection for the other are those of a checkpoint that restarts
 * the log: microseconds. More means that somebody else has the file open. */
#define STORE_BUSY_MSECS 2000

struct store_file {
	char *path;
	sqlite3 *writer;
	sqlite3 *reader;
	int reserve_fd; /* -1 = not open; locked while it is */
	gboolean reserve_held;
};

/* Sets *file_r on success only. */
gboolean store_file_open(const char *path, struct store_file *file_r, GError **error);
/* Copes with half-opened ones. */
void store_file_close(struct store_file *file);

/* Sets STORE_RESERVE_BYTES aside; TRUE if they are. */
gboolean store_file_hold_reserve(struct store_file *file);
/* Gives them up to the database. */
void store_file_release_reserve(struct store_file *file);

/* Bytes of the database and its log. */
guint64 store_file_bytes(const struct store_file *file);

/* *error from SQLite's result `rc` on `db` (may be NULL), as an enum store_error. */
void store_file_set_error(GError **error, const char *path, sqlite3 *db, int rc);

/* --- store-schema.c */

/* Is it ours, and of a version we know? Writes nothing. Version 0 = empty. */
gboolean store_schema_check(sqlite3 *db, const char *path, gint64 *version_r, GError **error);
/* From `version` to the current one, one transaction a step. */
gboolean store_schema_migrate(sqlite3 *db, const char *path, gint64 version, GError **error);
/* The one number that `sql` selects. */
gboolean store_schema_number(sqlite3 *db, const char *path, const char *sql, gint64 *value_r,
			     GError **error);

#endif
