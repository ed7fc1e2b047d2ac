/*
 * A Unix stream socket on which peers send tab-escaped lines with the handshake
 * of docs/wire-protocols.md: what the mail socket and the control socket share.
 * Frames lines, checks the handshake, keeps ceilings and idle time-outs, writes
 * answers without ever blocking. Knows nothing of any verb.
 */
#ifndef FANTAIL_LINE_SERVER_H
#define FANTAIL_LINE_SERVER_H

#include <gio/gio.h>
#include <sys/types.h>

#include "tabline.h"

struct line_server;
struct line_peer;

struct line_server_handler {
	/* One line, split; fields may be kept only during the call. FALSE closes the
	 * connection after what was answered so far is written. */
	gboolean (*line)(struct line_peer *peer, const struct tabline_field *fields, gsize count,
			 gpointer data);
	/* The peer is gone or being closed; answers to it are ignored from now on. */
	void (*closed)(struct line_peer *peer, gpointer data);
	/* Has this uid no more than its share (max_per_uid)? NULL: none has. */
	gboolean (*shared)(uid_t uid, gpointer data);
};

struct line_server_settings {
	const char *path;
	mode_t mode;
	int fd; /* from socket activation, else -1 */
	guint max_connections;
	guint max_per_uid; /* of these, where the handler says so */
	guint idle_secs;   /* without a line and without an answer outstanding */
};

/* Errors are GIOErrorEnum's; the text names the socket and the remedy. A socket
 * file that nobody listens on is replaced, anything else at `path` is an error. Takes
 * `fd` on success. */
struct line_server *line_server_new(const struct line_server_settings *settings,
				    const struct line_server_handler *handler, gpointer data,
				    GError **error);
guint line_server_connections(const struct line_server *server);
void line_server_stop_accepting(struct line_server *server);
/* Writes what is buffered as far as it goes, closes all, removes the socket file
 * that it made; clears the pointer. Not to be called from a handler. */
void line_server_free(struct line_server **server);

uid_t line_peer_uid(const struct line_peer *peer);
/* The handler's own, per connection. */
void line_peer_set_data(struct line_peer *peer, gpointer data);
gpointer line_peer_data(const struct line_peer *peer);
/* Answers may come later than the call to `line`: hold a reference meanwhile. A
 * peer with references held is not idle. */
struct line_peer *line_peer_ref(struct line_peer *peer);
void line_peer_unref(struct line_peer *peer);
/* Appends whole lines (with LF) to the peer's output; ignored once it is closed. A
 * peer that leaves more than LIMIT_PEER_OUTPUT unread is closed. */
void line_peer_write(struct line_peer *peer, const struct tabline_buf *lines);
/* The common answers. `id` as the request gave it. */
void line_peer_no(struct line_peer *peer, const char *id, const char *code, const char *text);

#endif
