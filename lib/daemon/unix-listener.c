#include "unix-listener.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The kernel cuts it to net.core.somaxconn, which is the operator's to raise. */
#define BACKLOG 4096

static void set_error(GError **error, const char *what, const char *path)
{
	int code = errno;

	g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "%s %s: %s", what, path,
		    g_strerror(code));
}

/* Makes room at `path`: removes a socket that nobody listens on. */
static gboolean clear_path(const struct sockaddr_un *address, int type, GError **error)
{
	const char *path = address->sun_path;
	struct stat st;
	int fd, result, code;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return TRUE;
		set_error(error, "cannot look at socket", path);
		return FALSE;
	}
	if (!S_ISSOCK(st.st_mode)) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_EXISTS,
			    "%s exists and is not a socket; remove it or choose another path",
			    path);
		return FALSE;
	}
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		set_error(error, "cannot make a socket for", path);
		return FALSE;
	}
	result = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	code = errno;
	close(fd);
	/* EAGAIN: somebody listens, with a full backlog; EPROTOTYPE: of another type. */
	if (result == 0 || code == EAGAIN || code == EPROTOTYPE) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE,
			    "somebody listens on %s already; stop the other %s first", path,
			    g_get_prgname());
		return FALSE;
	}
	/* Not after EACCES and the like: somebody may listen there. */
	if (code != ECONNREFUSED && code != ENOENT) {
		errno = code;
		set_error(error, "cannot find out whether somebody listens on", path);
		return FALSE;
	}
	if (unlink(path) < 0 && errno != ENOENT) {
		set_error(error, "cannot replace stale socket", path);
		return FALSE;
	}
	return TRUE;
}

int unix_listener_bind(const char *path, int type, mode_t mode, GError **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG,
			    "socket path %s is longer than %zu bytes", path,
			    sizeof(address.sun_path) - 1);
		return -1;
	}
	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	if (!clear_path(&address, type, error))
		return -1;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		set_error(error, "cannot make a socket for", path);
		return -1;
	}
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		set_error(error, "cannot bind socket", path);
		close(fd);
		return -1;
	}
	/* Nobody can connect before listen(), so the mode is right from the start. */
	if (chmod(path, mode) < 0 || listen(fd, BACKLOG) < 0) {
		set_error(error, "cannot listen on socket", path);
		unlink(path);
		close(fd);
		return -1;
	}
	return fd;
}

gboolean unix_listener_adopt(int fd, int type, GError **error)
{
	int domain = 0, found = 0, accepting = 0, flags;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || domain != AF_UNIX ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &found, &len) < 0 || found != type ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &len) < 0 || !accepting) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
			    "descriptor %d from the service manager is not a listening Unix "
			    "%s socket; check %s= of the .socket unit",
			    fd, type == SOCK_STREAM ? "stream" : "packet",
			    type == SOCK_STREAM ? "ListenStream" : "ListenSequentialPacket");
		return FALSE;
	}
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		set_error(error, "cannot prepare", "the descriptor from the service manager");
		return FALSE;
	}
	return TRUE;
}
