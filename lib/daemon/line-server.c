#include "line-server.h"
#include "limits.h"
#include "unix-listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib-unix.h>

/* Connections taken per wake-up, and bytes read per peer and wake-up: then the
 * others have their turn. */
#define ACCEPT_SLICE 64
#define READ_SLICE 65536
#define INPUT_START 2048
/* After running out of descriptors, accept() is left alone this long: it would
 * fail in a busy loop. */
#define ACCEPT_PAUSE_MSECS 1000

struct line_peer {
	guint refs; /* one is the server's while `fd` is open */
	struct line_server *server;
	GList link; /* in server->peers */
	GList dirty_link;
	gboolean dirty; /* in server->dirty */
	GSource *source;
	gpointer tag;
	GIOCondition condition;
	int fd; /* -1 = closed */
	uid_t uid;
	guint max_pending;
	gpointer data;

	char *in; /* unread bytes; in_alloc has room for one NUL more */
	gsize in_len, in_alloc;
	gsize scanned; /* of `in`, without an LF */
	GByteArray *out;
	gsize out_sent;
	gint64 active_us;
	gboolean greeted;
	gboolean eof;     /* it sends no more; it may still read */
	gboolean closing; /* no more is read; closes once `out` is written */
	gboolean held;    /* it waits for so many answers that it is not read */
	gboolean cut;     /* it left too much unread: nothing more is written */
};

struct line_server {
	const struct line_server_handler *handler;
	gpointer data;
	char *path; /* to be removed; NULL if it is the service manager's */
	int fd;
	GSource *accept_source;
	guint accept_pause;
	guint idle_tick;
	GSource *flush_source;
	guint max_connections, max_per_uid;
	gint64 idle_us;
	gsize input_bytes; /* of all peers' `in` */
	GQueue peers;
	GQueue dirty;
};

struct peer_source {
	GSource source;
	struct line_peer *peer;
};

static void peer_close(struct line_peer *peer);
static void peer_read(struct line_peer *peer);
static void mark_dirty(struct line_peer *peer);

/* --- references ---------------------------------------------------------- */

struct line_peer *line_peer_ref(struct line_peer *peer)
{
	peer->refs++;
	return peer;
}

static void peer_free(struct line_peer *peer)
{
	g_free(peer->in);
	g_byte_array_unref(peer->out);
	g_free(peer);
}

/* A peer that sends no more and has all its answers has nothing to wait for. (The
 * end of its input is seen after every line before it was handed on.) */
static gboolean peer_finished(const struct line_peer *peer)
{
	return peer->fd >= 0 && (peer->eof || peer->closing) && peer->refs == 1 &&
	       peer->out->len == peer->out_sent;
}

void line_peer_unref(struct line_peer *peer)
{
	if (--peer->refs == 0) {
		peer_free(peer);
	} else if (peer_finished(peer)) {
		peer_close(peer);
	} else if (peer->held && peer->fd >= 0 && peer->refs <= peer->max_pending / 2) {
		peer->held = FALSE;
		mark_dirty(peer);
	}
}

uid_t line_peer_uid(const struct line_peer *peer)
{
	return peer->uid;
}

void line_peer_set_data(struct line_peer *peer, gpointer data)
{
	peer->data = data;
}

gpointer line_peer_data(const struct line_peer *peer)
{
	return peer->data;
}

static void peer_close(struct line_peer *peer)
{
	struct line_server *server = peer->server;
	int fd = peer->fd;

	if (fd < 0)
		return;
	/* First, so that references which the handler drops lead here no more. */
	peer->fd = -1;
	if (server->handler->closed != NULL)
		server->handler->closed(peer, server->data);
	g_source_destroy(peer->source);
	g_source_unref(peer->source);
	peer->source = NULL;
	close(fd);
	g_queue_unlink(&server->peers, &peer->link);
	if (peer->dirty) {
		g_queue_unlink(&server->dirty, &peer->dirty_link);
		peer->dirty = FALSE;
	}
	server->input_bytes -= peer->in_alloc;
	g_clear_pointer(&peer->in, g_free);
	peer->in_len = peer->in_alloc = peer->scanned = 0;
	g_byte_array_set_size(peer->out, 0);
	peer->out_sent = 0;
	line_peer_unref(peer);
}

/* --- writing ------------------------------------------------------------- */

static gsize unread(const struct line_peer *peer)
{
	return peer->out->len - peer->out_sent;
}

/* May its next request be looked at? Not before it has read most of its answers,
 * and got most of those that are due. */
static gboolean peer_has_turn(struct line_peer *peer)
{
	if (peer->refs > peer->max_pending)
		peer->held = TRUE;
	return !peer->held && unread(peer) < LIMIT_PEER_OUTPUT_HIGH;
}

static void peer_watch(struct line_peer *peer)
{
	GIOCondition condition = 0;

	if (peer->fd < 0)
		return;
	if (!peer->eof && !peer->closing && peer_has_turn(peer))
		condition |= G_IO_IN;
	if (unread(peer) > 0)
		condition |= G_IO_OUT;
	if (condition != peer->condition) {
		peer->condition = condition;
		g_source_modify_unix_fd(peer->source, peer->tag, condition);
	}
}

/* FALSE when the peer is gone. */
static gboolean peer_flush(struct line_peer *peer)
{
	while (unread(peer) > 0) {
		ssize_t sent = send(peer->fd, peer->out->data + peer->out_sent, unread(peer),
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (sent < 0) {
			peer_close(peer);
			return FALSE;
		}
		peer->out_sent += (gsize)sent;
		peer->active_us = g_get_monotonic_time();
	}
	if (unread(peer) == 0) {
		/* A long list was an exception; its memory is not kept. */
		if (peer->out->len > LIMIT_PEER_OUTPUT_HIGH) {
			g_byte_array_unref(peer->out);
			peer->out = g_byte_array_new();
		}
		g_byte_array_set_size(peer->out, 0);
		peer->out_sent = 0;
	} else if (peer->out_sent > LIMIT_PEER_OUTPUT_HIGH) {
		g_byte_array_remove_range(peer->out, 0, (guint)peer->out_sent);
		peer->out_sent = 0;
	}
	if (peer_finished(peer)) {
		peer_close(peer);
		return FALSE;
	}
	peer_watch(peer);
	return TRUE;
}

/* Answers that come together, as after a group commit, leave in one write. */
static gboolean flush_dirty(gpointer data)
{
	struct line_server *server = data;
	GList *link;

	g_source_set_ready_time(server->flush_source, -1);
	while ((link = g_queue_pop_head_link(&server->dirty)) != NULL) {
		struct line_peer *peer = link->data;

		peer->dirty = FALSE;
		line_peer_ref(peer);
		peer_flush(peer);
		/* What was held back while its answers were unread. */
		if (peer->fd >= 0 && peer->scanned < peer->in_len)
			peer_read(peer);
		line_peer_unref(peer);
	}
	return G_SOURCE_CONTINUE;
}

static void mark_dirty(struct line_peer *peer)
{
	struct line_server *server = peer->server;

	if (peer->dirty)
		return;
	peer->dirty = TRUE;
	g_queue_push_tail_link(&server->dirty, &peer->dirty_link);
	g_source_set_ready_time(server->flush_source, 0);
}

void line_peer_write(struct line_peer *peer, const struct tabline_buf *lines)
{
	if (peer->fd < 0 || peer->cut || lines->line_start == 0)
		return;
	if (unread(peer) + lines->line_start > LIMIT_PEER_OUTPUT) {
		/* Closed by the flush: its handler may be on the stack. */
		peer->cut = peer->closing = TRUE;
		g_byte_array_set_size(peer->out, (guint)peer->out_sent);
	} else {
		g_byte_array_append(peer->out, (const guint8 *)lines->data,
				    (guint)lines->line_start);
	}
	mark_dirty(peer);
}

void line_peer_no(struct line_peer *peer, const char *id, const char *code, const char *text)
{
	struct tabline_buf buf;

	tabline_buf_init(&buf, LIMIT_LINE);
	tabline_word(&buf, "NO");
	tabline_word(&buf, id);
	tabline_field(&buf, "code", code);
	tabline_field(&buf, "text", text);
	if (tabline_end(&buf))
		line_peer_write(peer, &buf);
	tabline_buf_free(&buf);
}

/* --- reading ------------------------------------------------------------- */

static gboolean greet(struct line_peer *peer, const struct tabline_field *fields, gsize count)
{
	struct tabline_buf buf;
	guint32 major;

	if (count < 4 || strcmp(fields[0].value, "VERSION") != 0 || fields[0].key != NULL ||
	    fields[1].key != NULL || strcmp(fields[1].value, "fantail") != 0 ||
	    fields[2].key != NULL || !tabline_parse_u32(fields[2].value, &major)) {
		line_peer_no(peer, "0", "bad", "expected VERSION fantail 1 0");
		return FALSE;
	}
	if (major != 1) {
		line_peer_no(peer, "0", "version", "this server speaks version 1");
		return FALSE;
	}
	peer->greeted = TRUE;
	tabline_buf_init(&buf, LIMIT_LINE);
	tabline_word(&buf, "VERSION");
	tabline_word(&buf, "fantail");
	tabline_word(&buf, "1");
	tabline_word(&buf, "0");
	if (tabline_end(&buf))
		line_peer_write(peer, &buf);
	tabline_buf_free(&buf);
	return TRUE;
}

static gboolean handle_line(struct line_peer *peer, char *line, gsize len)
{
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	size_t count;
	enum tabline_result result;

	result = tabline_split(line, len, fields, LIMIT_LINE_FIELDS, &count);
	if (result != TABLINE_OK) {
		line_peer_no(peer, "0", "bad", tabline_strerror(result));
		return FALSE;
	}
	if (!peer->greeted)
		return greet(peer, fields, count);
	return peer->server->handler->line(peer, fields, count, peer->server->data);
}

static void input_resize(struct line_peer *peer, gsize alloc)
{
	peer->server->input_bytes += alloc - peer->in_alloc;
	peer->in_alloc = alloc;
	if (alloc == 0)
		g_clear_pointer(&peer->in, g_free);
	else
		peer->in = g_realloc(peer->in, alloc + 1);
}

/* Hands on whole lines until there is none left or the peer leaves too many
 * answers unread. */
static void peer_lines(struct line_peer *peer)
{
	gsize start = 0;
	char *lf;

	while (peer->fd >= 0 && !peer->closing && peer_has_turn(peer)) {
		gsize from = MAX(start, peer->scanned);

		if (from == peer->in_len)
			break;
		lf = memchr(peer->in + from, '\n', peer->in_len - from);
		if (lf == NULL) {
			peer->scanned = peer->in_len;
			break;
		}
		char *line = peer->in + start;
		start = (gsize)(lf + 1 - peer->in);
		peer->scanned = start;
		*lf = '\0';
		if (!handle_line(peer, line, (gsize)(lf - line)))
			peer->closing = TRUE;
	}
	if (peer->fd < 0)
		return;
	if (start > 0) {
		memmove(peer->in, peer->in + start, peer->in_len - start);
		peer->in_len -= start;
		peer->scanned -= start;
	}
	if (!peer->closing && peer->scanned == peer->in_len && peer->in_len >= LIMIT_LINE) {
		line_peer_no(peer, "0", "bad", "line too long");
		peer->closing = TRUE;
	}
	/* Thousands of connections are idle; none of them keeps a buffer. */
	if (peer->closing || peer->in_len == 0) {
		peer->in_len = peer->scanned = 0;
		input_resize(peer, 0);
	}
}

/* Room for more input. FALSE: all peers together hold too much. */
static gboolean peer_make_room(struct line_peer *peer)
{
	if (peer->in_len < peer->in_alloc)
		return TRUE;
	gsize want = peer->in_alloc == 0 ? INPUT_START : peer->in_alloc * 4;
	want = MIN(want, LIMIT_LINE);
	if (peer->in_alloc > 0 &&
	    peer->server->input_bytes + want - peer->in_alloc > LIMIT_PEERS_INPUT)
		return FALSE;
	input_resize(peer, want);
	return TRUE;
}

static void peer_read(struct line_peer *peer)
{
	gsize budget = READ_SLICE;

	line_peer_ref(peer);
	/* Lines that were held back come first. */
	peer_lines(peer);
	while (peer->fd >= 0 && !peer->closing && !peer->eof && budget > 0 && peer_has_turn(peer)) {
		if (!peer_make_room(peer)) {
			line_peer_no(peer, "0", "busy", "too many unfinished lines");
			peer->closing = TRUE;
			break;
		}
		gsize room = MIN(peer->in_alloc - peer->in_len, budget);
		ssize_t got = recv(peer->fd, peer->in + peer->in_len, room, MSG_DONTWAIT);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (got <= 0) {
			peer->eof = TRUE;
			break;
		}
		budget -= (gsize)got;
		peer->in_len += (gsize)got;
		peer->active_us = g_get_monotonic_time();
		peer_lines(peer);
		/* A short read has emptied the socket: saves asking it again. */
		if ((gsize)got < room)
			break;
	}
	if (peer->fd >= 0 && peer->in_len == 0 && peer->in_alloc > 0)
		input_resize(peer, 0);
	/* Lines that are held back have no event of their own to go on with. */
	if (peer->fd >= 0 && peer_flush(peer) && peer->scanned < peer->in_len &&
	    peer_has_turn(peer))
		mark_dirty(peer);
	line_peer_unref(peer);
}

static gboolean peer_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	struct line_peer *peer = ((struct peer_source *)source)->peer;
	GIOCondition condition = g_source_query_unix_fd(source, peer->tag);

	line_peer_ref(peer);
	if ((condition & G_IO_OUT) != 0 && !peer_flush(peer))
		goto out;
	/* What a peer wrote before it left is still to be read. */
	if (!peer->closing && ((condition & (G_IO_IN | G_IO_HUP)) != 0 || peer->in_len > 0))
		peer_read(peer);
	/* Nobody is there to read answers. poll() would say so again and again. */
	if (peer->fd >= 0 && (condition & (G_IO_HUP | G_IO_ERR)) != 0 &&
	    (peer->eof || peer->closing || (peer->condition & G_IO_IN) == 0))
		peer_close(peer);
out:
	line_peer_unref(peer);
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs peer_source_funcs = {.dispatch = peer_dispatch};

/* --- connections --------------------------------------------------------- */

static gboolean peer_uid(int fd, uid_t *uid_r)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || len != sizeof(cred))
		return FALSE;
	*uid_r = cred.uid;
	return TRUE;
}

static gboolean has_share(const struct line_server *server, uid_t uid)
{
	return server->handler->shared != NULL && server->handler->shared(uid, server->data);
}

/* Is there room for one more of that uid? Counted anew: those who hold many
 * connections, and are no strangers, are not counted. */
static gboolean has_room(const struct line_server *server, uid_t uid, gboolean shared)
{
	guint count = 0;

	if (server->peers.length >= server->max_connections)
		return FALSE;
	for (const GList *link = server->peers.head; shared && link != NULL; link = link->next)
		count += ((const struct line_peer *)link->data)->uid == uid;
	return !shared || count < server->max_per_uid;
}

static void peer_new(struct line_server *server, int fd, uid_t uid, gboolean shared)
{
	struct line_peer *peer;

	peer = g_new0(struct line_peer, 1);
	peer->refs = 1;
	peer->server = server;
	peer->link.data = peer;
	peer->dirty_link.data = peer;
	peer->fd = fd;
	peer->uid = uid;
	peer->max_pending = shared ? LIMIT_PEER_PENDING_SHARED : LIMIT_PEER_PENDING;
	peer->out = g_byte_array_new();
	peer->active_us = g_get_monotonic_time();
	g_queue_push_tail_link(&server->peers, &peer->link);

	peer->source = g_source_new(&peer_source_funcs, sizeof(struct peer_source));
	((struct peer_source *)peer->source)->peer = peer;
	peer->condition = G_IO_IN;
	peer->tag = g_source_add_unix_fd(peer->source, fd, G_IO_IN);
	g_source_attach(peer->source, g_main_context_get_thread_default());
}

static void refuse(int fd)
{
	static const char answer[] = "NO\t0\tcode=busy\ttext=too many connections\n";

	/* As far as it goes: the socket's buffer is empty. */
	if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		g_debug("cannot tell a peer that there are too many: %s", g_strerror(errno));
	close(fd);
}

static void welcome(struct line_server *server, int fd)
{
	uid_t uid;
	gboolean shared;

	if (!peer_uid(fd, &uid)) {
		close(fd);
		return;
	}
	shared = has_share(server, uid);
	if (has_room(server, uid, shared))
		peer_new(server, fd, uid, shared);
	else
		refuse(fd);
}

static void accept_watch(struct line_server *server);

static gboolean accept_again(gpointer data)
{
	struct line_server *server = data;

	server->accept_pause = 0;
	accept_watch(server);
	return G_SOURCE_REMOVE;
}

static gboolean accept_ready(int listen_fd, GIOCondition condition, gpointer data)
{
	struct line_server *server = data;

	for (guint i = 0; i < ACCEPT_SLICE; i++) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			welcome(server, fd);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			break;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			g_warning("cannot accept a connection: %s, trying again in %d ms",
				  g_strerror(errno), ACCEPT_PAUSE_MSECS);
			server->accept_pause =
				g_timeout_add(ACCEPT_PAUSE_MSECS, accept_again, server);
			g_clear_pointer(&server->accept_source, g_source_unref);
			return G_SOURCE_REMOVE;
		}
	}
	return G_SOURCE_CONTINUE;
}

static void accept_watch(struct line_server *server)
{
	server->accept_source = g_unix_fd_source_new(server->fd, G_IO_IN);
	g_source_set_callback(server->accept_source, G_SOURCE_FUNC(accept_ready), server, NULL);
	g_source_attach(server->accept_source, g_main_context_get_thread_default());
}

static gboolean close_idle(gpointer data)
{
	struct line_server *server = data;
	gint64 now = g_get_monotonic_time();
	GList *next;

	for (GList *link = server->peers.head; link != NULL; link = next) {
		struct line_peer *peer = link->data;

		next = link->next;
		/* Who leaves its answers unread is idle too. */
		if (now - peer->active_us > server->idle_us &&
		    (peer->refs == 1 || unread(peer) > 0))
			peer_close(peer);
	}
	return G_SOURCE_CONTINUE;
}

/* --- the server ---------------------------------------------------------- */

static gboolean flush_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	return callback(data);
}

static GSourceFuncs flush_source_funcs = {.dispatch = flush_dispatch};

struct line_server *line_server_new(const struct line_server_settings *settings,
				    const struct line_server_handler *handler, gpointer data,
				    GError **error)
{
	struct line_server *server;
	int fd = settings->fd;

	if (fd >= 0) {
		if (!unix_listener_adopt(fd, SOCK_STREAM, error))
			return NULL;
	} else {
		fd = unix_listener_bind(settings->path, SOCK_STREAM, settings->mode, error);
		if (fd < 0)
			return NULL;
	}
	server = g_new0(struct line_server, 1);
	server->fd = fd;
	server->path = settings->fd >= 0 ? NULL : g_strdup(settings->path);
	server->handler = handler;
	server->data = data;
	server->max_connections = settings->max_connections;
	server->max_per_uid = settings->max_per_uid;
	server->idle_us = (gint64)settings->idle_secs * G_USEC_PER_SEC;
	g_queue_init(&server->peers);
	g_queue_init(&server->dirty);

	server->flush_source = g_source_new(&flush_source_funcs, sizeof(GSource));
	g_source_set_callback(server->flush_source, flush_dirty, server, NULL);
	g_source_attach(server->flush_source, g_main_context_get_thread_default());
	server->idle_tick =
		g_timeout_add(MAX(settings->idle_secs, 1) * 1000 / 4, close_idle, server);
	accept_watch(server);
	return server;
}

guint line_server_connections(const struct line_server *server)
{
	return server->peers.length;
}

void line_server_stop_accepting(struct line_server *server)
{
	if (server->accept_source != NULL) {
		g_source_destroy(server->accept_source);
		g_clear_pointer(&server->accept_source, g_source_unref);
	}
	g_clear_handle_id(&server->accept_pause, g_source_remove);
	if (server->fd >= 0) {
		close(server->fd);
		server->fd = -1;
	}
	/* So that clients see at once that nobody is here, and spool. */
	if (server->path != NULL) {
		unlink(server->path);
		g_clear_pointer(&server->path, g_free);
	}
}

void line_server_free(struct line_server **server_p)
{
	struct line_server *server = *server_p;

	if (server == NULL)
		return;
	*server_p = NULL;
	line_server_stop_accepting(server);
	while (server->peers.head != NULL) {
		struct line_peer *peer = server->peers.head->data;

		if (peer_flush(peer))
			peer_close(peer);
	}
	g_source_remove(server->idle_tick);
	g_source_destroy(server->flush_source);
	g_source_unref(server->flush_source);
	g_free(server);
}
