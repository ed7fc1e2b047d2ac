#include "spool-file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The bridge reads through the folder's group, nobody else. */
#define SPOOL_FILE_MODE 0640

static const char *failed(const char *call)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s: %s", call, strerror(errno));
	return text;
}

static bool write_all(int fd, const struct iovec *pieces, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *data = pieces[i].iov_base;
		size_t left = pieces[i].iov_len;

		while (left > 0) {
			ssize_t done = write(fd, data, left);

			if (done == -1) {
				if (errno == EINTR)
					continue;
				return false;
			}
			data += done;
			left -= (size_t)done;
		}
	}
	return true;
}

/* NULL, or what failed. */
static const char *fill(int fd, const struct iovec *pieces, size_t count)
{
	/* Not by open(): the umask of a mail process is its own affair. */
	if (fchmod(fd, SPOOL_FILE_MODE) != 0)
		return failed("fchmod");
	if (!write_all(fd, pieces, count))
		return failed("write");
	if (fsync(fd) != 0)
		return failed("fsync");
	return NULL;
}

/* Makes the rename last. A mail user may be able to write to the folder but not
 * to read it; then syncing the renamed file once more has to do, which commits
 * the rename as well on the journalling file systems of Linux. */
static const char *sync_rename(int dir, int fd)
{
	int readable = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *error = NULL;

	if (readable == -1)
		return fsync(fd) != 0 ? failed("fsync") : NULL;
	if (fsync(readable) != 0)
		error = failed("fsync of the folder");
	close(readable);
	return error;
}

static const char *write_at(int dir, const char *batch, const struct iovec *pieces, size_t count)
{
	char temporary[NAME_MAX + 1];
	const char *error;
	int fd;

	if ((size_t)snprintf(temporary, sizeof(temporary), ".%s.%ld", batch, (long)getpid()) >=
	    sizeof(temporary))
		return "the batch's id is too long";
	fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return failed("create");
	error = fill(fd, pieces, count);
	if (error == NULL && renameat(dir, temporary, dir, batch) != 0)
		error = failed("rename");
	if (error != NULL) {
		(void)unlinkat(dir, temporary, 0);
	} else {
		error = sync_rename(dir, fd);
		/* Not certain to last is not handed over: it must not count twice. */
		if (error != NULL)
			(void)unlinkat(dir, batch, 0);
	}
	close(fd);
	return error;
}

bool spool_file_write(const char *directory, const char *batch, const struct iovec *pieces,
		      size_t count, const char **error_r)
{
	int dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *error;

	if (dir == -1) {
		*error_r = failed("open");
		return false;
	}
	error = write_at(dir, batch, pieces, count);
	close(dir);
	if (error != NULL)
		*error_r = error;
	return error == NULL;
}
