#include "transcript.h"

#include "limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "transcripts"
#define SUFFIX ".txt"
/* Of fixed length: the time is written again when it is switched off. */
#define HEAD_FORMAT                                                                        \
	"fantail transcript 1, until %020" G_GINT64_FORMAT ", up to %020" G_GUINT64_FORMAT \
	" bytes\n"
#define HEAD_LEN 83
#define CUT "\n=== the end: it has as many bytes as it may have\n"

static gboolean fail(GError **error, const char *what, const char *path)
{
	int saved = errno;

	g_set_error(error, G_IO_ERROR, g_io_error_from_errno(saved), "%s %s: %s", what, path,
		    g_strerror(saved));
	return FALSE;
}

/* Names of users and devices are whatever strangers say. */
static char *name_of(const char *user, const char *device)
{
	g_autofree char *both = g_strconcat(user, "\n", device, NULL);
	g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, both, -1);

	return g_strdup_printf("%.32s" SUFFIX, hash);
}

char *transcript_path(const char *state_dir, const char *user, const char *device)
{
	g_autofree char *name = name_of(user, device);

	return g_build_filename(state_dir, FOLDER, name, NULL);
}

/* The folder, and nothing that somebody put in its place; -1 with errno. */
static int open_folder(const char *state_dir)
{
	g_autofree char *path = g_build_filename(state_dir, FOLDER, NULL);

	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static gboolean give_to_owner(int fd, const struct stat *owner)
{
	return geteuid() != 0 || fchown(fd, owner->st_uid, owner->st_gid) == 0;
}

static int make_folder(const char *state_dir, const struct stat *owner, GError **error)
{
	g_autofree char *path = g_build_filename(state_dir, FOLDER, NULL);
	int fd;

	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		fail(error, "cannot make", path);
		return -1;
	}
	fd = open_folder(state_dir);
	if (fd < 0) {
		fail(error, "cannot open", path);
	} else if (!give_to_owner(fd, owner)) {
		fail(error, "cannot give to the daemon", path);
		close(fd);
		fd = -1;
	}
	return fd;
}

static gboolean write_all(int fd, const char *text, gsize len)
{
	while (len > 0) {
		ssize_t written = write(fd, text, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return FALSE;
		text += written;
		len -= (gsize)written;
	}
	return TRUE;
}

static gboolean write_new(int folder, const char *name, const struct stat *owner, const char *head)
{
	int fd;
	gboolean ok;

	if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
		return FALSE;
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return FALSE;
	ok = give_to_owner(fd, owner) && write_all(fd, head, strlen(head));
	close(fd);
	return ok;
}

gboolean transcript_switch_on(const char *state_dir, const char *user, const char *device,
			      gint64 until, guint64 max_bytes, GError **error)
{
	g_autofree char *name = name_of(user, device);
	g_autofree char *head = g_strdup_printf(HEAD_FORMAT, until, max_bytes);
	struct stat owner;
	gboolean ok;
	int folder;

	g_assert(strlen(head) == HEAD_LEN);
	if (stat(state_dir, &owner) < 0)
		return fail(error, "cannot look at", state_dir);
	folder = make_folder(state_dir, &owner, error);
	if (folder < 0)
		return FALSE;
	ok = write_new(folder, name, &owner, head);
	if (!ok)
		fail(error, "cannot write a transcript into", state_dir);
	close(folder);
	return ok;
}

/* -1 with errno. */
static int open_file(const char *state_dir, const char *name, int flags)
{
	int folder = open_folder(state_dir), fd, saved;

	if (folder < 0)
		return -1;
	fd = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC);
	saved = errno;
	close(folder);
	errno = saved;
	return fd;
}

static gboolean read_head(int fd, gint64 *until_r, guint64 *max_r)
{
	char head[HEAD_LEN + 1] = "";

	return pread(fd, head, HEAD_LEN, 0) == HEAD_LEN &&
	       sscanf(head, "fantail transcript 1, until %" SCNd64 ", up to %" SCNu64 " bytes",
		      until_r, max_r) == 2;
}

gboolean transcript_switch_off(const char *state_dir, const char *user, const char *device,
			       gint64 now, gboolean *found_r, GError **error)
{
	g_autofree char *path = transcript_path(state_dir, user, device);
	g_autofree char *name = name_of(user, device);
	int fd = open_file(state_dir, name, O_RDWR);
	guint64 max_bytes;
	gint64 until;
	gboolean ok = TRUE;

	if (fd < 0 && errno != ENOENT)
		return fail(error, "cannot open", path);
	*found_r = fd >= 0 && read_head(fd, &until, &max_bytes);
	if (*found_r && until > now) {
		g_autofree char *head = g_strdup_printf(HEAD_FORMAT, now, max_bytes);

		ok = pwrite(fd, head, HEAD_LEN, 0) == HEAD_LEN || fail(error, "cannot write", path);
	}
	if (fd >= 0)
		close(fd);
	return ok;
}

int transcript_open(const char *state_dir, const char *user, const char *device, gint64 now,
		    guint64 *room_r)
{
	g_autofree char *name = name_of(user, device);
	int fd = open_file(state_dir, name, O_RDWR | O_APPEND | O_NONBLOCK);
	struct stat st;
	guint64 max_bytes;
	gint64 until;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !read_head(fd, &until, &max_bytes) ||
	    now >= until || (guint64)st.st_size >= max_bytes) {
		close(fd);
		return -1;
	}
	*room_r = max_bytes - (guint64)st.st_size;
	return fd;
}

gboolean transcript_write(int fd, guint64 room, const char *text, gsize len, GError **error)
{
	gsize part = (gsize)MIN(room, len);
	g_autoptr(GString) piece = g_string_new_len(text, (gssize)part);
	gboolean ok;

	if (part < len)
		g_string_append(piece, CUT);
	ok = write_all(fd, piece->str, piece->len) ||
	     fail(error, "cannot write to", "the transcript");
	close(fd);
	return ok;
}

void transcript_prune(const char *state_dir, gint64 now)
{
	g_autofree char *path = g_build_filename(state_dir, FOLDER, NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *file = g_build_filename(path, name, NULL);
		int fd = g_str_has_suffix(name, SUFFIX) ? open_file(state_dir, name, O_RDONLY) : -1;
		guint64 max_bytes;
		gint64 until;

		if (fd < 0)
			continue;
		if (read_head(fd, &until, &max_bytes) && until < now - LIMIT_TRANSCRIPT_KEEP_SECS)
			unlink(file);
		close(fd);
	}
}
