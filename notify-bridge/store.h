/*
 * The embedded database: one SQLite file, one writer thread, group commit.
 *
 * Writes are jobs. The writer takes all jobs that wait (up to
 * LIMIT_GROUP_COMMIT), runs them in one transaction, commits with a full sync,
 * then reports each on the main context. So a job's `done` means that it is on
 * disk. Should one fail, all are run again, each in a savepoint: a job fails
 * alone. Reads happen on the main thread on a connection of their
 * own and see what was committed. WAL mode, synchronous=FULL.
 *
 * A full disk must not keep rows from going, so two things are set aside: pages
 * below max_bytes, and a file <path>-reserve of STORE_RESERVE_BYTES. Only
 * store_settle() may use them. Once the file had to be given up, store_write()
 * fails with STORE_ERROR_FULL until it could be set aside again. The lock on
 * that file also keeps a second process out.
 *
 * Jobs of store_settle that have no job of store_write with them wait some
 * milliseconds for more: their commits come in larger groups.
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
	STORE_ERROR_FULL,  /* disk full or failed, or max_bytes reached: nothing was written */
	STORE_ERROR_BUSY,  /* too many jobs wait (LIMIT_INTAKE_PENDING) */
	STORE_ERROR_LIMIT, /* a ceiling of the caller's own (devices per user) */
	STORE_ERROR_NOT_FOUND,
	STORE_ERROR_TOKEN,
	STORE_ERROR_REFUSED, /* it contradicts what is there */
	STORE_ERROR_CORRUPT,
	STORE_ERROR_FAILED, /* anything else SQLite says */
};

/* What is set aside on disk: the write-ahead log grows to some 4 MiB before its
 * pages go to the database, which may then have to grow by as much. */
#define STORE_RESERVE_BYTES (8 * 1024 * 1024)

/* Opens or creates <path> (mode 0600); the schema is migrated by `PRAGMA
 * user_version`. max_bytes bounds the database file (0 = no bound; the
 * write-ahead log comes on top of it, some 4 MiB). A damaged file is an error
 * that names the remedy; it is never replaced silently. Errors: CORRUPT, FULL,
 * FAILED (another process has it open, a newer version wrote it, ...). */
struct store *store_open(const char *path, guint64 max_bytes, GError **error);
/* Runs what waits and reports it, checkpoints, closes; clears the pointer. NULL
 * is fine. Jobs given to it from a `done` meanwhile fail. */
void store_close(struct store **store);

/* Runs on the writer thread inside the transaction. FALSE with *error takes back
 * this job alone. May run more than once, after a roll-back that took the whole
 * group: results kept in `data` are to be set, not added up. Prepared
 * statements: store_prepare. */
typedef gboolean (*store_work)(struct store *store, gpointer data, GError **error);
/* Runs on the main context (the thread-default one of store_open's caller) once
 * the commit is on disk (error NULL) or has failed. Frees `data` if it is
 * owned. */
typedef void (*store_done)(const GError *error, gpointer data);

/* FALSE with STORE_ERROR_BUSY when too many jobs wait; then neither is called.
 * Jobs run in the order they came in, those of store_settle included. */
gboolean store_write(struct store *store, store_work work, store_done done, gpointer data,
		     GError **error);
/* The same for work that settles what is there already (deletes, outcomes): never
 * refused as busy, since what was accepted bounds it, and may use the reserve.
 * `done` is always called. */
void store_settle(struct store *store, store_work work, store_done done, gpointer data);

/* A cached prepared statement of the calling side's connection (writer thread:
 * the writing one, main thread: the reading one), reset and with bindings
 * cleared. `sql` is a string literal: its address is the key. Never fails: a
 * statement that does not compile is a bug and aborts. */
sqlite3_stmt *store_prepare(struct store *store, const char *sql);
/* Writer: steps a statement that returns no row, and resets it. */
gboolean store_step(struct store *store, sqlite3_stmt *stmt, GError **error);
/* Writer: 1 = a row is there (sqlite3_reset when done with it), 0 = none, -1 =
 * failed; reset in both cases. */
int store_fetch(struct store *store, sqlite3_stmt *stmt, GError **error);
/* Main thread: TRUE = a row is there; FALSE = no more, reset. Whoever stops
 * earlier calls sqlite3_reset, since an open statement holds back checkpoints.
 * A file that cannot be read aborts the process with one line: to take "cannot
 * read" for "nobody has registered" would lose events, while a bridge that is
 * away loses none. */
gboolean store_read(struct store *store, sqlite3_stmt *stmt);

/* Rows that the last writing statement changed. Writer only. */
guint store_changes(const struct store *store);

/* Jobs that wait; size in bytes of the database and its log. */
guint store_pending(const struct store *store);
guint64 store_bytes(const struct store *store);

#endif
