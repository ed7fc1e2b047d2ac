#include "spool.h"
#include "limits.h"
#include "bucket.h"
#include "spool-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib-unix.h>

/* Everybody may add a file, only its owner and the folder's may remove it, and
 * it belongs to the folder's group. */
#define SPOOL_MODE 03733
#define BAD "bad"
/* What inotify might have missed: it is not told of files put there before. */
#define SCAN_SECS 30
/* Without inotify the scan has to do. */
#define SCAN_SECS_BLIND 2
/* After a file came: its siblings are about to. */
#define SETTLE_MSECS 5
/* A writer takes milliseconds from creating its file to renaming it. */
#define STALE_SECS 86400
/* Work per turn of the main loop. */
#define ENTRIES_SLICE 256
#define FILES_SLICE 8
/* The largest batches for many devices take longer to route than others should wait. */
#define FILES_SLICE_USECS 20000
/* While the queue is busy or full. */
#define PAUSE_MSECS 250
/* Warnings a minute. */
#define WARNINGS_RATE 6
#define WARNINGS_BURST 20
#define PAUSE_MSECS_MAX 30000

struct entry {
	char *name;
	gint64 mtime_ns;
};

struct spool {
	guint refs; /* one is the owner's; the others are files handed in */
	char *path;
	struct intake *intake;
	int dir;
	int inotify;
	guint inotify_source;
	guint scan_timer;
	guint later;           /* timer that begins a scan */
	guint slice;           /* idle source that goes on with the work */
	DIR *scan;             /* is being read */
	gboolean came;         /* a file, since the scan began */
	gboolean more;         /* files than one scan takes */
	gboolean progress;     /* since the scan began: some of them went */
	GArray *found;         /* struct entry, the latest first once sorted */
	GHashTable *handed_in; /* names */
	GHashTable *said;      /* names that were complained about and are still there */
	struct bucket warnings;
	guint pause_msecs;
	gint64 paused_until_us; /* monotonic */
	gboolean stopped;
};

struct handed {
	struct spool *spool;
	char *name;
};

static void scan_begin(struct spool *spool);
static void work(struct spool *spool);

static void clear_entry(gpointer data)
{
	g_free(((struct entry *)data)->name);
}

static void spool_unref(struct spool *spool)
{
	if (--spool->refs > 0)
		return;
	g_array_unref(spool->found);
	g_hash_table_unref(spool->handed_in);
	g_hash_table_unref(spool->said);
	close(spool->dir);
	g_free(spool->path);
	g_free(spool);
}

guint spool_files(const struct spool *spool)
{
	return spool->found->len + g_hash_table_size(spool->handed_in);
}

/* --- what becomes of a file ------------------------------------------------ */

/* A stranger who fills the folder does not fill the log too. */
static GLogLevelFlags warning_level(struct spool *spool)
{
	return bucket_take(&spool->warnings, WARNINGS_RATE, WARNINGS_BURST, g_get_real_time()) == 0
		       ? G_LOG_LEVEL_WARNING
		       : G_LOG_LEVEL_DEBUG;
}

/* Complains once about a file that has to stay. */
static void complain(struct spool *spool, const char *name, const char *reason,
		     const char *consequence)
{
	if (g_hash_table_contains(spool->said, name))
		return;
	if (g_hash_table_size(spool->said) >= LIMIT_SPOOL_SCAN)
		g_hash_table_remove_all(spool->said);
	g_hash_table_add(spool->said, g_strdup(name));
	g_log(G_LOG_DOMAIN, warning_level(spool), "spool file %s/%s %s; %s", spool->path, name,
	      reason, consequence);
}

static void put_aside(struct spool *spool, const char *name, const char *reason)
{
	g_autofree char *aside = g_strconcat(BAD "/", name, NULL);
	struct stat st;

	/* Nobody's evidence is overwritten. */
	if (fstatat(spool->dir, aside, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		g_free(aside);
		/* A name may be as long as names can be. */
		aside = g_strdup_printf(BAD "/%.200s.%" G_GINT64_FORMAT, name, g_get_real_time());
	}
	if (renameat(spool->dir, name, spool->dir, aside) == 0) {
		g_log(G_LOG_DOMAIN, warning_level(spool), "spool file %s/%s %s; moved to " BAD "/",
		      spool->path, name, reason);
		g_hash_table_remove(spool->said, name);
		spool->progress = TRUE;
	} else if (errno != ENOENT) {
		complain(spool, name, reason, "it cannot be moved to " BAD "/ either");
	}
}

static void slow_down(struct spool *spool)
{
	/* What was handed in together is refused together: once is enough. */
	if (g_get_monotonic_time() < spool->paused_until_us)
		return;
	spool->pause_msecs = spool->pause_msecs == 0 ? PAUSE_MSECS
						     : MIN(spool->pause_msecs * 2, PAUSE_MSECS_MAX);
	spool->paused_until_us = g_get_monotonic_time() + (gint64)spool->pause_msecs * 1000;
}

static void batch_done(enum intake_verdict verdict, const char *text, guint queued, gpointer data)
{
	struct handed *handed = data;
	struct spool *spool = handed->spool;

	g_hash_table_remove(spool->handed_in, handed->name);
	switch (verdict) {
	case INTAKE_OK:
		spool->pause_msecs = 0;
		if (unlinkat(spool->dir, handed->name, 0) == 0) {
			g_hash_table_remove(spool->said, handed->name);
			spool->progress = TRUE;
		} else if (errno != ENOENT) {
			complain(spool, handed->name, "is done but cannot be removed",
				 g_strerror(errno));
		}
		break;
	case INTAKE_BAD:
	case INTAKE_DENIED:
		put_aside(spool, handed->name, text);
		break;
	case INTAKE_LATER:
		if (spool->pause_msecs == 0)
			g_message("the queue does not take spool files at the moment (%s), trying "
				  "again",
				  text);
		slow_down(spool);
		spool->came = TRUE;
		break;
	}
	g_free(handed->name);
	g_free(handed);
	work(spool);
	spool_unref(spool);
}

static void take(struct spool *spool, const char *name)
{
	g_autofree char *lines = NULL;
	struct handed *handed;
	const char *reason = NULL;
	uid_t owner;
	gsize len;

	switch (spool_file_read(spool->dir, name, &lines, &len, &owner, &reason)) {
	case SPOOL_FILE_GONE:
		return;
	case SPOOL_FILE_UNREADABLE:
		complain(spool, name, reason, "left where it is");
		return;
	case SPOOL_FILE_BAD:
		put_aside(spool, name, reason);
		return;
	case SPOOL_FILE_OK:
		break;
	}
	handed = g_new0(struct handed, 1);
	handed->spool = spool;
	handed->name = g_strdup(name);
	spool->refs++;
	g_hash_table_add(spool->handed_in, g_strdup(name));
	intake_batch(spool->intake, lines, len, owner, "spool", batch_done, handed);
}

/* --- scanning -------------------------------------------------------------- */

static gint latest_first(gconstpointer a, gconstpointer b)
{
	const struct entry *one = a, *other = b;

	return one->mtime_ns > other->mtime_ns ? -1 : one->mtime_ns < other->mtime_ns;
}

/* ".<batch>.<pid>", as writers name what they have not finished. */
static gboolean is_writers(const char *name)
{
	const char *pid = name + 1 + LIMIT_BATCH_ID + 1;

	return strspn(name + 1, "0123456789abcdef") == LIMIT_BATCH_ID &&
	       name[1 + LIMIT_BATCH_ID] == '.' && *pid != '\0' &&
	       pid[strspn(pid, "0123456789")] == '\0';
}

/* A writer that was killed before the rename does not come back for its file. Nothing
 * else that begins with a dot is ours to judge. */
static void sweep(struct spool *spool, const char *name)
{
	struct stat st;

	if (!is_writers(name) || fstatat(spool->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode) ||
	    st.st_mtim.tv_sec > g_get_real_time() / G_USEC_PER_SEC - STALE_SECS)
		return;
	if (unlinkat(spool->dir, name, 0) == 0)
		g_log(G_LOG_DOMAIN, warning_level(spool),
		      "spool file %s/%s was never finished; removed", spool->path, name);
}

/* The operator's to mend (as a folder that lost its set-gid bit), or somebody's mischief.
 * Not taken into the scan, where thousands of these would leave no room for others. */
static const char *misfit(struct spool *spool, const char *name, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "is not a plain file";
	if (faccessat(spool->dir, name, R_OK, AT_EACCESS) < 0)
		return "cannot be read";
	return NULL;
}

static void look_at(struct spool *spool, const char *name)
{
	const char *reason;
	struct entry entry;
	struct stat st;

	if (*name == '.') {
		sweep(spool, name);
		return;
	}
	if (strcmp(name, BAD) == 0 || g_hash_table_contains(spool->handed_in, name) ||
	    fstatat(spool->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	reason = misfit(spool, name, &st);
	if (reason != NULL) {
		complain(spool, name, reason, "left where it is");
		return;
	}
	entry = (struct entry){
		.name = g_strdup(name),
		.mtime_ns = (gint64)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
	};
	g_array_append_val(spool->found, entry);
	/* cppcheck-suppress memleak ; it is the array's now */
}

static void scan_end(struct spool *spool)
{
	closedir(spool->scan);
	spool->scan = NULL;
	g_array_sort(spool->found, latest_first);
}

static void scan_slice(struct spool *spool)
{
	for (guint i = 0; i < ENTRIES_SLICE; i++) {
		struct dirent *dirent = readdir(spool->scan);

		if (dirent == NULL) {
			scan_end(spool);
			return;
		}
		if (spool->found->len >= LIMIT_SPOOL_SCAN) {
			/* The rest has its turn once these are gone. */
			spool->more = TRUE;
			scan_end(spool);
			return;
		}
		look_at(spool, dirent->d_name);
	}
}

static void files_slice(struct spool *spool)
{
	gint64 now_us = g_get_monotonic_time(), until_us = now_us + FILES_SLICE_USECS;

	for (guint i = 0; i < FILES_SLICE && spool->found->len > 0 &&
			  g_hash_table_size(spool->handed_in) < LIMIT_SPOOL_PENDING &&
			  now_us >= spool->paused_until_us && now_us < until_us;
	     i++, now_us = g_get_monotonic_time()) {
		guint last = spool->found->len - 1;
		g_autofree char *name =
			g_steal_pointer(&g_array_index(spool->found, struct entry, last).name);

		g_array_set_size(spool->found, last);
		take(spool, name);
	}
}

static gboolean slice(gpointer data)
{
	struct spool *spool = data;

	spool->slice = 0;
	if (spool->scan != NULL)
		scan_slice(spool);
	else
		files_slice(spool);
	work(spool);
	return G_SOURCE_REMOVE;
}

static gboolean begin_later(gpointer data)
{
	struct spool *spool = data;

	spool->later = 0;
	if (spool->found->len == 0)
		scan_begin(spool);
	else
		work(spool);
	return G_SOURCE_REMOVE;
}

static void scan_later(struct spool *spool, guint msecs)
{
	if (spool->later == 0 && !spool->stopped)
		spool->later = g_timeout_add(msecs, begin_later, spool);
}

/* Decides what happens next: the next slice, nothing until an answer comes, or
 * another scan. */
static void work(struct spool *spool)
{
	gint64 pause_us = spool->paused_until_us - g_get_monotonic_time();

	if (spool->stopped || spool->slice != 0)
		return;
	if (spool->scan != NULL) {
		/* Not idle priority: a busy bridge has no idle time. */
		spool->slice = g_idle_add_full(G_PRIORITY_DEFAULT, slice, spool, NULL);
	} else if (pause_us > 0 && (spool->found->len > 0 || spool->came || spool->more)) {
		scan_later(spool, (guint)(pause_us / 1000) + 1);
	} else if (spool->found->len > 0) {
		if (g_hash_table_size(spool->handed_in) < LIMIT_SPOOL_PENDING)
			spool->slice = g_idle_add_full(G_PRIORITY_DEFAULT, slice, spool, NULL);
	} else if (g_hash_table_size(spool->handed_in) == 0 &&
		   (spool->came || (spool->more && spool->progress))) {
		/* A folder full of files that will not go is left to the slow scan. */
		scan_later(spool, SETTLE_MSECS);
	}
}

static void scan_begin(struct spool *spool)
{
	int fd;

	if (spool->scan != NULL || spool->found->len > 0) {
		spool->came = TRUE;
		return;
	}
	spool->came = spool->more = spool->progress = FALSE;
	fd = openat(spool->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	spool->scan = fd >= 0 ? fdopendir(fd) : NULL;
	if (spool->scan == NULL) {
		complain(spool, "", "cannot be read as a folder", g_strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	work(spool);
}

static gboolean scan_now_and_then(gpointer data)
{
	scan_begin(data);
	return G_SOURCE_CONTINUE;
}

/* --- watching -------------------------------------------------------------- */

static gboolean something_came(int fd, GIOCondition condition, gpointer data)
{
	struct spool *spool = data;
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	/* Which files does not matter: the scan puts them in order. */
	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	if (spool->scan != NULL || spool->found->len > 0) {
		spool->came = TRUE;
		work(spool);
	} else {
		scan_later(spool, SETTLE_MSECS);
	}
	return G_SOURCE_CONTINUE;
}

static void watch(struct spool *spool)
{
	spool->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (spool->inotify >= 0 &&
	    inotify_add_watch(spool->inotify, spool->path, IN_MOVED_TO | IN_ONLYDIR) >= 0) {
		spool->inotify_source =
			g_unix_fd_add(spool->inotify, G_IO_IN, something_came, spool);
		spool->scan_timer = g_timeout_add_seconds(SCAN_SECS, scan_now_and_then, spool);
		return;
	}
	g_warning("cannot watch spool folder %s: %s; looking into it every %d s", spool->path,
		  g_strerror(errno), SCAN_SECS_BLIND);
	spool->scan_timer = g_timeout_add_seconds(SCAN_SECS_BLIND, scan_now_and_then, spool);
}

/* --- life ---------------------------------------------------------------- */

static int open_folder(const char *path, GError **error)
{
	int code, dir;

	if (mkdir(path, 0700) == 0) {
		/* mkdir() is subject to the umask and drops the sticky bit. */
		if (chmod(path, SPOOL_MODE) < 0)
			goto failed;
	} else if (errno != EEXIST) {
		goto failed;
	}
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		goto failed;
	if (mkdirat(dir, BAD, 0700) < 0 && errno != EEXIST) {
		code = errno;
		close(dir);
		errno = code;
		goto failed;
	}
	return dir;
failed:
	code = errno;
	g_set_error(
		error, G_IO_ERROR, g_io_error_from_errno(code),
		"cannot use spool folder %s: %s; it has to belong to the bridge's user, mode %o",
		path, g_strerror(code), SPOOL_MODE);
	return -1;
}

struct spool *spool_open(const char *path, struct intake *intake, GError **error)
{
	struct spool *spool;
	int dir = open_folder(path, error);

	if (dir < 0)
		return NULL;
	spool = g_new0(struct spool, 1);
	spool->refs = 1;
	spool->path = g_strdup(path);
	spool->intake = intake;
	spool->dir = dir;
	spool->found = g_array_new(FALSE, FALSE, sizeof(struct entry));
	g_array_set_clear_func(spool->found, clear_entry);
	spool->handed_in = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	spool->said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	/* Watch first: what comes in between is seen by one of the two. */
	watch(spool);
	scan_begin(spool);
	return spool;
}

void spool_stop(struct spool *spool)
{
	if (spool->stopped)
		return;
	spool->stopped = TRUE;
	g_clear_handle_id(&spool->inotify_source, g_source_remove);
	g_clear_handle_id(&spool->scan_timer, g_source_remove);
	g_clear_handle_id(&spool->later, g_source_remove);
	g_clear_handle_id(&spool->slice, g_source_remove);
	if (spool->inotify >= 0)
		close(spool->inotify);
	spool->inotify = -1;
	if (spool->scan != NULL)
		closedir(spool->scan);
	spool->scan = NULL;
	g_array_set_size(spool->found, 0);
}

void spool_free(struct spool **spool)
{
	if (*spool == NULL)
		return;
	spool_stop(*spool);
	spool_unref(*spool);
	*spool = NULL;
}
