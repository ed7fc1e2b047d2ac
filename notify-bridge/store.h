/*
 * The embedded database: one SQLite file, one writer thread, group commit.
 *
 * Writes are jobs. The writer takes all jobs that wait (up to
 * LIMIT_GROUP_COMMIT), runs each in a savepoint of one transaction, commits with
 * a full sync, then reports each on the main context. So a job's `done` means
 * that it is on disk. Reads happen on the main thread on a connection of their
 * own and see what was committed. WAL mode, synchronous=FULL.
 *
 * The sqlite backends of queue.h and registry.h share one store.
 */
#ifndef FANTAIL_STORE_H
#define FANTAIL_STORE_H

#include <glib.h>
#include <sqlite3.h>

struct store;

#define STORE_ERROR (store_error_quark())
GQuark store_error_quark(void);
enum store_error {
	STORE_ERROR_FULL,  /* disk full or max_bytes reached: nothing was written */
	STORE_ERROR_BUSY,  /* too many jobs wait (LIMIT_INTAKE_PENDING) */
	STORE_ERROR_LIMIT, /* a ceiling of the caller's own (devices per user) */
	STORE_ERROR_NOT_FOUND,
	STORE_ERROR_TOKEN,
	STORE_ERROR_CORRUPT,
	STORE_ERROR_FAILED, /* anything else SQLite says */
};

/* Opens or creates <path>; the schema is migrated by `PRAGMA user_version`.
 * max_bytes bounds the database file (0 = no bound). A damaged file is an error
 * that names the remedy; it is never replaced silently. */
struct store *store_open(const char *path, guint64 max_bytes, GError **error);
/* Runs what waits, checkpoints, closes; clears the pointer. NULL is fine. */
void store_close(struct store **store);

/* Runs on the writer thread inside the savepoint. FALSE with *error rolls back
 * this job alone. Prepared statements: store_prepare. */
typedef gboolean (*store_work)(struct store *store, gpointer data, GError **error);
/* Runs on the main context once the commit is on disk (error NULL) or has
 * failed. Frees `data` if it is owned. */
typedef void (*store_done)(const GError *error, gpointer data);

/* FALSE with STORE_ERROR_BUSY when too many jobs wait; then neither is called. */
gboolean store_write(struct store *store, store_work work, store_done done, gpointer data,
		     GError **error);

/* A cached prepared statement of the calling side's connection (writer thread:
 * the writing one, main thread: the reading one), reset and with bindings
 * cleared. `sql` is a string literal: its address is the key. Never fails: a
 * statement that does not compile is a bug and aborts. */
sqlite3_stmt *store_prepare(struct store *store, const char *sql);
/* Steps a statement that returns no row. */
gboolean store_step(struct store *store, sqlite3_stmt *stmt, GError **error);

/* Jobs that wait; file size in bytes. */
guint store_pending(const struct store *store);
guint64 store_bytes(const struct store *store);

#endif
