#include "lib.h"
#include "ioloop.h"
#include "mkdir-parents.h"
#include "randgen.h"
#include "write-full.h"

#include "monotonic.h"
#include "pimap-store.h"
#include "trouble.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX ".fantail-pimap."
/* Not a letter that a device may have. */
#define TEMPORARY "~"
/* By so much, and as much again as it has, it grows before it is written anew. */
#define MIN_GROWTH 8192

struct pimap_store {
	struct event *event;
	const char *home; /* NULL: there is none, and nothing is kept */
	const char *path;
	struct stat written; /* the file as we have left it */
	off_t whole_size;    /* when it was written anew */
	bool lost;           /* another connection has the session, or it could not be written */
};

/* Of this process. */
static struct trouble trouble_write;

static uint64_t random_u64(void)
{
	uint64_t value;

	random_fill(&value, sizeof(value));
	return value;
}

static void report(const struct pimap_store *store, const char *what)
{
	unsigned int count;

	if (trouble_note(&trouble_write, monotonic_us(), &count))
		e_error(store->event,
			"fantail: P-IMAP sessions: %s failed: %m (devices have to compare all "
			"folders until this is repaired)",
			what);
}

/* Reading and writing by turns. A file system that cannot lock costs no more than that two
 * connections of one device at the same moment may both think that they have its session. */
static int lock(const struct pimap_store *store)
{
	int fd = open(store->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void)flock(fd, LOCK_EX);
	return fd;
}

static void unlock(int fd)
{
	if (fd >= 0)
		i_close_fd(&fd);
}

/* False: there is none that could be read. */
static bool load(const struct pimap_store *store, struct pimap_session *session_r)
{
	/* Whatever has that name, opening it does not wait. */
	int fd = open(store->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	char *text;
	ssize_t len;
	bool ok = FALSE;

	i_zero(session_r);
	if (fd < 0)
		return FALSE;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= LIMIT_PIMAP_SESSION_FILE) {
		text = i_malloc(st.st_size + 1);
		len = read(fd, text, st.st_size);
		ok = len == st.st_size && pimap_session_decode(text, len, session_r);
		i_free(text);
	}
	i_close_fd(&fd);
	return ok;
}

static bool save(struct pimap_store *store, struct pimap_session *session)
{
	const char *temporary = t_strconcat(store->path, TEMPORARY, NULL);
	struct tabline_buf buf;
	bool ok = FALSE;
	int fd;

	tabline_buf_init(&buf, LIMIT_PIMAP_SESSION_FILE);
	if (!pimap_session_encode(session, &buf)) {
		errno = ENOMEM;
		report(store, "encoding");
		tabline_buf_free(&buf);
		return FALSE;
	}
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		  0600);
	if (fd < 0) {
		report(store, t_strdup_printf("open(%s)", temporary));
	} else if (write_full(fd, buf.data, buf.len) < 0) {
		report(store, t_strdup_printf("write(%s)", temporary));
		i_close_fd(&fd);
	} else if (fstat(fd, &store->written) < 0) {
		report(store, t_strdup_printf("fstat(%s)", temporary));
		i_close_fd(&fd);
	} else if (close(fd) < 0) {
		report(store, t_strdup_printf("close(%s)", temporary));
	} else if (rename(temporary, store->path) < 0) {
		report(store, t_strdup_printf("rename(%s)", temporary));
	} else {
		store->whole_size = store->written.st_size;
		pimap_session_written(session);
		ok = TRUE;
	}
	if (!ok) {
		(void)unlink(temporary);
		(void)unlink(store->path);
	}
	tabline_buf_free(&buf);
	return ok;
}

/* Nobody has written to it since. A name that was given to another file may have the same
 * inode. */
static bool as_written(const struct pimap_store *store, const struct stat *st)
{
	const struct stat *written = &store->written;

	return st->st_ino == written->st_ino && CMP_DEV_T(st->st_dev, written->st_dev) &&
	       st->st_size == written->st_size && CMP_ST_MTIME(st, written);
}

/* Adds what has changed. To make a file anew for each folder that is selected costs more than
 * all else that is done for it. False: it is not as we have left it, or there is no room for more,
 * or it could not be written and is gone. */
static bool append(struct pimap_store *store, struct pimap_session *session)
{
	off_t room = I_MIN(2 * store->whole_size + MIN_GROWTH, LIMIT_PIMAP_SESSION_FILE);
	struct tabline_buf buf;
	struct stat st;
	bool ok = FALSE;
	int fd = -1;

	if (session->whole || store->written.st_size >= room)
		return FALSE;
	tabline_buf_init(&buf, (size_t)(room - store->written.st_size));
	if (pimap_session_encode_changes(session, &buf))
		fd = open(store->path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !as_written(store, &st))) {
		i_close_fd(&fd);
	} else if (fd >= 0) {
		ok = write_full(fd, buf.data, buf.len) == 0 && fstat(fd, &store->written) == 0;
		if (close(fd) < 0)
			ok = FALSE;
		if (!ok) {
			report(store, t_strdup_printf("write(%s)", store->path));
			(void)unlink(store->path);
		}
	}
	tabline_buf_free(&buf);
	if (ok)
		pimap_session_written(session);
	return ok;
}

/* Those of other devices: the expired ones go, and if there are too many the oldest. */
static void make_room(const struct pimap_store *store, time_t expired)
{
	DIR *dir = opendir(store->home);
	const char *path, *oldest = NULL;
	time_t oldest_time = 0;
	unsigned int count = 0;
	struct dirent *entry;
	struct stat st;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		path = t_strconcat(store->home, "/", entry->d_name, NULL);
		if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (st.st_mtime < expired) {
			(void)unlink(path);
			continue;
		}
		count++;
		if (oldest == NULL || st.st_mtime < oldest_time) {
			oldest = path;
			oldest_time = st.st_mtime;
		}
	}
	if (count >= LIMIT_PIMAP_SESSIONS)
		(void)unlink(oldest);
	(void)closedir(dir);
}

struct pimap_store *pimap_store_create(pool_t pool, struct event *event, const char *home,
				       const char *device)
{
	struct pimap_store *store = p_new(pool, struct pimap_store, 1);

	store->event = event;
	store->home = home;
	if (home != NULL)
		store->path = p_strconcat(pool, home, "/" PREFIX, device, NULL);
	return store;
}

void pimap_store_take(struct pimap_store *store, unsigned int expire_secs,
		      struct pimap_session *session_r, bool *new_r)
{
	uint64_t now = (uint64_t)ioloop_time;
	int fd;

	i_zero(session_r);
	*new_r = TRUE;
	if (store->home == NULL) {
		session_r->id = random_u64();
		store->lost = TRUE;
		return;
	}
	/* It is not there before the first mail is. */
	(void)mkdir_parents(store->home, 0700);
	fd = lock(store);
	if (load(store, session_r)) {
		/* Also if the clock was wrong then. */
		*new_r = session_r->used > now || now - session_r->used > expire_secs;
		if (*new_r)
			pimap_session_free(session_r);
	}
	if (*new_r) {
		make_room(store, ioloop_time - (time_t)expire_secs);
		session_r->id = random_u64();
		session_r->created = now;
	}
	session_r->owner = random_u64();
	session_r->used = now;
	store->lost = !save(store, session_r);
	unlock(fd);
}

static bool is_ours(struct pimap_store *store, const struct pimap_session *session)
{
	struct pimap_session there;

	if (!store->lost) {
		store->lost = !load(store, &there) || there.owner != session->owner;
		pimap_session_free(&there);
	}
	return !store->lost;
}

void pimap_store_write(struct pimap_store *store, struct pimap_session *session)
{
	int fd;

	if (store->lost || !pimap_session_has_news(session))
		return;
	session->used = (uint64_t)ioloop_time;
	fd = lock(store);
	if (!append(store, session) && is_ours(store, session))
		store->lost = !save(store, session);
	unlock(fd);
}

void pimap_store_finish(struct pimap_store *store, struct pimap_session *session)
{
	session->whole = TRUE;
	pimap_store_write(store, session);
}

void pimap_store_remove(struct pimap_store *store, const struct pimap_session *session)
{
	int fd;

	if (store->lost)
		return;
	fd = lock(store);
	if (is_ours(store, session))
		(void)unlink(store->path);
	unlock(fd);
	store->lost = TRUE;
}
