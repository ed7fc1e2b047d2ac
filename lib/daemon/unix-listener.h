/*
 * A listening Unix socket of type SOCK_STREAM or SOCK_SEQPACKET: made at a path, or taken over from
 * the service manager. Non-blocking and close-on-exec either way.
 */
#ifndef FANTAIL_UNIX_LISTENER_H
#define FANTAIL_UNIX_LISTENER_H

#include <gio/gio.h>
#include <sys/types.h>

/* Binds `path` with file mode `mode`, which is in force before the first peer can
 * connect. A socket file that nobody listens on is replaced; anything else at `path`,
 * or a live listener, is an error. -1 on error (GIOErrorEnum). */
int unix_listener_bind(const char *path, int type, mode_t mode, GError **error);

/* Checks that `fd`, from socket activation, is what it should be. */
gboolean unix_listener_adopt(int fd, int type, GError **error);

#endif
