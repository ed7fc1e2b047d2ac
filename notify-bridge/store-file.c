#include "store-file.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

GQuark store_error_quark(void)
{
	return g_quark_from_static_string("fantail-store-error-quark");
}

/* --- errors --------------------------------------------------------------- */

static void set_corrupt(GError **error, const char *path, const char *what)
{
	g_set_error(error, STORE_ERROR, STORE_ERROR_CORRUPT,
		    "%s: the database is damaged (%s); stop the bridge, then restore the file from "
		    "a backup, or move it and its -wal and -shm files away and start again: "
		    "registrations and waiting notifications in it are lost then, and clients "
		    "register anew",
		    path, what);
}

void store_file_set_error(GError **error, const char *path, sqlite3 *db, int rc)
{
	int system_error = db != NULL ? sqlite3_system_errno(db) : 0;
	const char *what = sqlite3_errstr(rc);
	enum store_error code = STORE_ERROR_FAILED;

	switch (rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		set_corrupt(error, path, what);
		return;
	case SQLITE_FULL:
		code = STORE_ERROR_FULL;
		what = "the disk is full, or the database has reached max-bytes";
		break;
	case SQLITE_IOERR:
	case SQLITE_READONLY: /* what a failed disk is remounted as */
		code = STORE_ERROR_FULL;
		break;
	default:
		if (db != NULL && sqlite3_extended_errcode(db) == rc)
			what = sqlite3_errmsg(db);
		break;
	}
	if (system_error != 0 && ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN))
		g_set_error(error, STORE_ERROR, code, "%s: %s: %s", path, what,
			    g_strerror(system_error));
	else
		g_set_error(error, STORE_ERROR, code, "%s: %s", path, what);
}

static void set_errno(GError **error, const char *path, const char *what)
{
	int saved = errno;

	g_set_error(error, STORE_ERROR,
		    saved == ENOSPC || saved == EDQUOT || saved == EIO || saved == EROFS
			    ? STORE_ERROR_FULL
			    : STORE_ERROR_FAILED,
		    "%s: cannot %s: %s", path, what, g_strerror(saved));
}

/* --- the reserve ----------------------------------------------------------- */

gboolean store_file_hold_reserve(struct store_file *file)
{
	if (!file->reserve_held)
		file->reserve_held = posix_fallocate(file->reserve_fd, 0, STORE_RESERVE_BYTES) == 0;
	/* Half a reserve would only make the disk fuller. */
	if (!file->reserve_held)
		store_file_release_reserve(file);
	return file->reserve_held;
}

void store_file_release_reserve(struct store_file *file)
{
	/* Nothing to do about a failure: the space stays taken, writes fail on. */
	if (ftruncate(file->reserve_fd, 0) < 0)
		return;
	file->reserve_held = FALSE;
}

static gboolean open_reserve(struct store_file *file, GError **error)
{
	g_autofree char *path = g_strconcat(file->path, "-reserve", NULL);

	file->reserve_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file->reserve_fd < 0) {
		set_errno(error, path, "open");
		return FALSE;
	}
	if (flock(file->reserve_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			g_set_error(error, STORE_ERROR, STORE_ERROR_FAILED,
				    "%s: in use by another process; is a second bridge running "
				    "with the same state folder?",
				    file->path);
		else
			set_errno(error, path, "lock");
		return FALSE;
	}
	/* Without it we start all the same: what waits can be sent and goes. */
	store_file_hold_reserve(file);
	return TRUE;
}

/* --- opening --------------------------------------------------------------- */

static void sync_folder(const char *path)
{
	g_autofree char *folder = g_path_get_dirname(path);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)fsync(fd); /* some file systems cannot; SQLite does not insist either */
	close(fd);
}

/* SQLite would make it with the umask's mode; its -wal and -shm files take the
 * mode of this one. */
static gboolean create_file(const char *path, GError **error)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0) {
		set_errno(error, path, "open");
		return FALSE;
	}
	if (fstat(fd, &st) < 0 || ((st.st_mode & 0777) != 0600 && fchmod(fd, 0600) < 0)) {
		set_errno(error, path, "set mode 0600");
		close(fd);
		return FALSE;
	}
	close(fd);
	sync_folder(path);
	return TRUE;
}

/* `sql` may hold several statements; rows are thrown away. */
static gboolean run(struct store_file *file, sqlite3 *db, const char *sql, GError **error)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		return TRUE;
	store_file_set_error(error, file->path, db, rc);
	return FALSE;
}

static sqlite3 *open_connection(struct store_file *file, GError **error)
{
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(
		file->path, &db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	if (rc != SQLITE_OK) {
		store_file_set_error(error, file->path, db, rc);
		sqlite3_close(db);
		return NULL;
	}
	sqlite3_busy_timeout(db, STORE_BUSY_MSECS);
	return db;
}

/* Damage shows here, not in the middle of a night. Structure only, without
 * comparing indexes to tables: some 100 MB take a fraction of a second. */
static gboolean check(struct store_file *file, GError **error)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(file->writer, "PRAGMA quick_check(1)", -1, &stmt, NULL);
	gboolean ok = FALSE;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);

		ok = g_strcmp0(text, "ok") == 0;
		if (!ok) {
			g_autofree char *line = g_strdelimit(g_strdup(text), "\n", ' ');

			set_corrupt(error, file->path, line);
		}
	} else {
		store_file_set_error(error, file->path, file->writer, rc);
	}
	sqlite3_finalize(stmt);
	return ok;
}

/* secure_delete=FAST: registrations hold secrets, but Debian's default writes each
 * freed page once more. Sorting in memory: temporary files need a disk with room. */
static const char common_settings[] = "PRAGMA synchronous = FULL;"
				      "PRAGMA secure_delete = FAST;"
				      "PRAGMA trusted_schema = OFF;"
				      "PRAGMA cell_size_check = ON;"
				      "PRAGMA temp_store = MEMORY;";

/* Nothing is written before the checks: a damaged file is evidence, and one of
 * another program not ours to touch. auto_vacuum is chosen before the first table
 * or never: after a gateway's long outage the file gives back what it grew by. */
static gboolean open_writer(struct store_file *file, GError **error)
{
	gint64 version;

	file->writer = open_connection(file, error);
	if (file->writer == NULL || !run(file, file->writer, common_settings, error) ||
	    !run(file, file->writer, "PRAGMA cache_size = -8192", error) || !check(file, error) ||
	    !store_schema_check(file->writer, file->path, &version, error))
		return FALSE;
	if (version == 0 && !run(file, file->writer, "PRAGMA auto_vacuum = INCREMENTAL", error))
		return FALSE;
	return run(file, file->writer, "PRAGMA journal_mode = WAL", error) &&
	       store_schema_migrate(file->writer, file->path, version, error);
}

static gboolean open_reader(struct store_file *file, GError **error)
{
	file->reader = open_connection(file, error);
	return file->reader != NULL && run(file, file->reader, common_settings, error) &&
	       run(file, file->reader, "PRAGMA cache_size = -4096; PRAGMA query_only = ON", error);
}

static void close_connections(struct store_file *file)
{
	/* The reader first: the last one to close checkpoints and removes the log. */
	sqlite3_close(g_steal_pointer(&file->reader));
	sqlite3_close(g_steal_pointer(&file->writer));
}

gboolean store_file_open(const char *path, struct store_file *file_r, GError **error)
{
	struct store_file file = {.path = g_strdup(path), .reserve_fd = -1};
	GError *failure = NULL;
	gboolean ok;

	ok = open_reserve(&file, &failure) && create_file(path, &failure);
	if (ok) {
		ok = open_writer(&file, &failure) && open_reader(&file, &failure);
		if (!ok && g_error_matches(failure, STORE_ERROR, STORE_ERROR_FULL) &&
		    file.reserve_held) {
			/* A start on a full disk: the log's index needs a little. */
			close_connections(&file);
			store_file_release_reserve(&file);
			g_clear_error(&failure);
			ok = open_writer(&file, &failure) && open_reader(&file, &failure);
		}
	}
	if (!ok) {
		g_propagate_error(error, failure);
		store_file_close(&file);
		return FALSE;
	}
	*file_r = file;
	return TRUE;
}

void store_file_close(struct store_file *file)
{
	close_connections(file);
	if (file->reserve_fd >= 0)
		close(file->reserve_fd);
	file->reserve_fd = -1;
	g_clear_pointer(&file->path, g_free);
}

guint64 store_file_bytes(const struct store_file *file)
{
	g_autofree char *log = g_strconcat(file->path, "-wal", NULL);
	guint64 bytes = 0;
	struct stat st;

	if (stat(file->path, &st) == 0)
		bytes += (guint64)st.st_size;
	if (stat(log, &st) == 0)
		bytes += (guint64)st.st_size;
	return bytes;
}
