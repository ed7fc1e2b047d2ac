#include "spool-file.h"
#include "limits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define END_LINE "END\n"

static enum spool_file_result open_failed(const char **reason_r)
{
	switch (errno) {
	case ENOENT:
		return SPOOL_FILE_GONE;
	case ELOOP:
		*reason_r = "is a symbolic link";
		return SPOOL_FILE_BAD;
	case ENXIO: /* a socket */
	case ENODEV:
		*reason_r = "is not a plain file";
		return SPOOL_FILE_BAD;
	default:
		*reason_r = g_strerror(errno);
		return SPOOL_FILE_UNREADABLE;
	}
}

/* What a stranger may have put there instead of a batch; NULL = looks like one. `folder`:
 * the spool's. */
static const char *objection(const struct stat *st, const struct stat *folder)
{
	if (!S_ISREG(st->st_mode))
		return "is not a plain file";
	/* A second name may be somebody's attempt to have another's file read as a
	 * batch of theirs. */
	if (st->st_nlink != 1)
		return "has more than one name";
	/* The owner is believed to be the author. Somebody else may have written to it, or
	 * have moved here what the owner left lying about: what was made here has the
	 * group that a set-gid folder gives. */
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "is writable by others than its owner";
	if ((folder->st_mode & S_ISGID) != 0 && st->st_gid != folder->st_gid)
		return "was not made in this folder";
	if (st->st_size > LIMIT_BATCH_BYTES)
		return "is larger than a batch";
	return NULL;
}

enum spool_file_result spool_file_read(int dir, const char *name, char **lines_r, gsize *len_r,
				       uid_t *owner_r, const char **reason_r)
{
	g_autofree char *lines = NULL;
	const gsize end_len = strlen(END_LINE);
	struct stat st, folder;
	gsize len = 0;
	/* Not blocking: it may be a pipe that nobody writes to. */
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return open_failed(reason_r);
	if (fstat(fd, &st) < 0 || fstat(dir, &folder) < 0) {
		*reason_r = g_strerror(errno);
		close(fd);
		return SPOOL_FILE_UNREADABLE;
	}
	*reason_r = objection(&st, &folder);
	if (*reason_r != NULL) {
		close(fd);
		return SPOOL_FILE_BAD;
	}
	lines = g_malloc((gsize)st.st_size + 1);
	while (len < (gsize)st.st_size) {
		ssize_t got = read(fd, lines + len, (gsize)st.st_size - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			*reason_r = g_strerror(errno);
			close(fd);
			return SPOOL_FILE_UNREADABLE;
		}
		if (got == 0)
			break;
		len += (gsize)got;
	}
	close(fd);
	if (len < end_len || memcmp(lines + len - end_len, END_LINE, end_len) != 0 ||
	    (len > end_len && lines[len - end_len - 1] != '\n')) {
		*reason_r = "does not end with END";
		return SPOOL_FILE_BAD;
	}
	len -= end_len;
	lines[len] = '\0';
	*lines_r = g_steal_pointer(&lines);
	*len_r = len;
	*owner_r = st.st_uid;
	return SPOOL_FILE_OK;
}
