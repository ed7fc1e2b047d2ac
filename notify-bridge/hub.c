#include "hub.h"
#include "bridge-config.h"
#include "config-keys.h"
#include "daemon-loop.h"
#include "hub-kept.h"
#include "hub-watch.h"
#include "limits.h"
#include "log-writer.h"
#include "pace.h"
#include "peer-rule.h"
#include "unix-listener.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define GREETING "VERSION\tfantail-hub\t1\t0\n"
#define LOST "LOST\n"
/* What a session cannot find by looking. */
#define KEPT_KINDS (WAKE_KIND_BIT(WAKE_MAILBOX_METADATA) | WAKE_KIND_BIT(WAKE_SERVER_METADATA))
#define READY "READY\n"
#define READY_SKIPPED "READY\tskipped=1\n"
/* Events taken from the kernel at a time. */
#define EVENTS 256
/* Descriptors that are not connections: log, epoll, listener and what libraries open. */
#define OTHER_DESCRIPTORS 32
/* When the kernel has no descriptor left, it gets this long before it is asked again. */
#define ACCEPT_PAUSE_US (100 * 1000)
/* The same trouble is logged so often. */
#define LOG_PAUSE_US (60 * G_USEC_PER_SEC)

struct trouble {
	gint64 logged_us; /* 0 = never */
	guint count;      /* since then */
};

struct uid_use {
	guint peers; /* connections */
	gsize bytes; /* of their rules */
};

struct peer {
	struct hub *hub;
	struct peer *previous, *next;
	struct hub_watcher *watcher; /* NULL until WATCH */
	int fd;
	guint ready; /* READYs without their answer: the socket is full */
	uid_t uid;
	struct uid_use *use;
	gboolean counted : 1;  /* among those of its uid: `use` */
	gboolean greeted : 1;  /* its VERSION has come */
	gboolean lost : 1;     /* it missed something and has not been told */
	gboolean skipped : 1;  /* WATCH, or a RULE since then: it is not told of everything */
	gboolean sleeping : 1; /* SLEEP: is told once more */
	gboolean told : 1;     /* and has been */
	gboolean back : 1;     /* it has what was kept for it */
	gboolean gone : 1;     /* nothing can be said to it; freed once it was heard out */
};

struct hub {
	char *config_path;
	struct config *config;
	struct hub_table *table;
	struct hub_kept *kept;
	struct peer *peers;
	guint peer_count;
	GHashTable *uses; /* uid -> struct uid_use, of those who speak for one account */
	int epoll;
	int listener;
	gint64 accept_us; /* nobody is let in before; 0 = anybody is */
	guint visits;     /* rules looked at for the peer whose turn it is */
	struct tabline_buf out;
	struct pace *guests; /* uid -> wake-ups about mailboxes of others */
	GHashTable *denied;  /* uid -> struct trouble */
	struct trouble denied_more, refused, bad, full, fast, crowded;
	char packet[LIMIT_LINE + 1];
};

/* --- log -------------------------------------------------------------------- */

/* One line a minute for each kind of trouble; who may connect must not fill the log. */
G_GNUC_PRINTF(2, 3)
static void complain(struct trouble *trouble, const char *format, ...)
{
	gint64 now_us = g_get_monotonic_time();
	va_list args;

	trouble->count++;
	if (trouble->logged_us != 0 && now_us - trouble->logged_us < LOG_PAUSE_US)
		return;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	if (trouble->count > 1)
		g_warning("%s (and %u more since the last line about it)", text,
			  trouble->count - 1);
	else
		g_warning("%s", text);
	trouble->logged_us = now_us;
	trouble->count = 0;
}

/* --- sending ---------------------------------------------------------------- */

/* Something has to be sent once there is room. */
static gboolean owes(const struct peer *peer)
{
	return peer->lost || peer->ready > 0;
}

/* Only EPOLL_CTL_ADD can fail, for want of memory or of watches. */
static gboolean poll_peer(struct peer *peer, int operation)
{
	struct epoll_event event = {
		.events = owes(peer) ? EPOLLIN | EPOLLOUT : EPOLLIN,
		.data.ptr = peer,
	};

	return epoll_ctl(peer->hub->epoll, operation, peer->fd, &event) == 0;
}

/* Waits for nothing more than what it has said, after which recv() tells of the end.
 * Frees nobody, so hub_table_each may go on. */
static void peer_gone(struct peer *peer)
{
	peer->gone = TRUE;
	peer->lost = FALSE;
	peer->ready = 0;
	shutdown(peer->fd, SHUT_RDWR);
	(void)poll_peer(peer, EPOLL_CTL_MOD);
}

/* FALSE: there is no room for it, or nobody who would read it (peer->gone). */
static gboolean send_packet(struct peer *peer, const char *data, gsize len)
{
	ssize_t sent;

	do {
		sent = send(peer->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return TRUE;
	if (errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM)
		peer_gone(peer);
	return FALSE;
}

/* FALSE: it cannot be told apart from others. */
static gboolean sleeper_of(const struct peer *peer, struct hub_sleeper *sleeper_r)
{
	if (peer->watcher == NULL || hub_watcher_session(peer->watcher) == NULL)
		return FALSE;
	sleeper_r->uid = (guint)peer->uid;
	sleeper_r->user = hub_watcher_user(peer->watcher);
	sleeper_r->session = hub_watcher_session(peer->watcher);
	return TRUE;
}

/* Who wakes it does not read what is said here, only that there is something. */
static void keep(const struct peer *peer, const struct tabline_buf *line)
{
	struct hub_sleeper sleeper;

	if (sleeper_of(peer, &sleeper))
		hub_kept_add(peer->hub->kept, &sleeper, line->data, line->len,
			     g_get_monotonic_time());
}

static void say(struct peer *peer, const char *line, gsize len)
{
	if (send_packet(peer, line, len)) {
		peer->told = TRUE;
	} else if (!peer->gone) {
		peer->lost = TRUE;
		(void)poll_peer(peer, EPOLL_CTL_MOD);
	}
}

struct waking {
	const struct wake *wake;
	const struct tabline_buf *line;
};

/* For hub_table_each. */
static void wake_peer(void *data, void *context)
{
	struct peer *peer = data;
	const struct waking *waking = context;

	if (peer->sleeping && (waking->wake->kinds & KEPT_KINDS) != 0)
		keep(peer, waking->line);
	/* LOST will say it as well. */
	if (!peer->gone && !peer->lost && (!peer->sleeping || !peer->told))
		say(peer, waking->line->data, waking->line->len);
}

static GString *take_kept(struct peer *peer, gboolean *lost_r)
{
	struct hub_sleeper sleeper;

	if (!sleeper_of(peer, &sleeper))
		return NULL;
	return hub_kept_take(peer->hub->kept, &sleeper, lost_r);
}

/* What came while it slept. */
static void say_kept(struct peer *peer)
{
	gboolean lost = FALSE;
	GString *lines = take_kept(peer, &lost);

	peer->back = TRUE;
	if (lines == NULL)
		return;
	for (const char *line = lines->str, *end; !owes(peer) && *line != '\0'; line = end) {
		end = strchr(line, '\n') + 1;
		say(peer, line, (gsize)(end - line));
	}
	if (lost && !owes(peer))
		say(peer, LOST, strlen(LOST));
	g_string_free(lines, TRUE);
}

/* Its former connection may have lived a little longer than its sleep. */
static void forget_kept(struct peer *peer)
{
	gboolean lost;
	GString *lines = take_kept(peer, &lost);

	if (lines != NULL)
		g_string_free(lines, TRUE);
}

static gboolean say_ready(struct peer *peer)
{
	const char *line = peer->skipped ? READY_SKIPPED : READY;

	return send_packet(peer, line, strlen(line));
}

static void say_owed(struct peer *peer)
{
	if (peer->lost && send_packet(peer, LOST, strlen(LOST))) {
		peer->lost = FALSE;
		peer->told = TRUE;
	}
	while (peer->ready > 0 && say_ready(peer))
		peer->ready--;
	(void)poll_peer(peer, EPOLL_CTL_MOD);
}

/* --- what a uid takes -------------------------------------------------------- */

static void watcher_free(struct peer *peer)
{
	if (peer->counted && peer->watcher != NULL)
		peer->use->bytes -= hub_watcher_size(peer->watcher);
	hub_watcher_free(peer->watcher);
	peer->watcher = NULL;
}

/* Of one who speaks for one account alone. */
static struct uid_use *use_of(struct hub *hub, uid_t uid)
{
	struct uid_use *use = g_hash_table_lookup(hub->uses, GUINT_TO_POINTER(uid));

	if (use == NULL) {
		use = g_new0(struct uid_use, 1);
		g_hash_table_insert(hub->uses, GUINT_TO_POINTER(uid), use);
	}
	return use;
}

/* --- who may say what --------------------------------------------------------- */

/* `owner` is empty for public mailboxes, which are everybody's or nobody's. */
static enum peer_verdict may_speak_for(const struct peer *peer, const char *owner)
{
	const GArray *mail_uids = peer->hub->config->mail_uids;

	if (*owner == '\0')
		return peer_speaks_for_all(mail_uids, peer->uid) ? PEER_MAY : PEER_MAY_NOT;
	return peer_may_speak_for(mail_uids, peer->uid, owner);
}

static gboolean is_old(gpointer key, gpointer value, gpointer now_us)
{
	const struct trouble *trouble = value;

	return *(const gint64 *)now_us - trouble->logged_us >= LOG_PAUSE_US;
}

/* Each uid has a line a minute of its own, so that a stranger's does not hide the one
 * about the mail system; those that are too many share one. */
static struct trouble *trouble_of(struct hub *hub, uid_t uid)
{
	struct trouble *trouble = g_hash_table_lookup(hub->denied, GUINT_TO_POINTER(uid));
	gint64 now_us = g_get_monotonic_time();

	if (trouble != NULL)
		return trouble;
	if (g_hash_table_size(hub->denied) >= LIMIT_HUB_LOGGED_UIDS)
		g_hash_table_foreach_remove(hub->denied, is_old, &now_us);
	if (g_hash_table_size(hub->denied) >= LIMIT_HUB_LOGGED_UIDS)
		return &hub->denied_more;
	trouble = g_new0(struct trouble, 1);
	g_hash_table_insert(hub->denied, GUINT_TO_POINTER(uid), trouble);
	return trouble;
}

static void complain_denied(struct peer *peer, const char *user, const char *verb)
{
	complain(trouble_of(peer->hub, peer->uid),
		 "skipped %s for '%s' by uid %u, which may not speak for that user; add it to "
		 "[bridge] mail-uids only if it is the uid of Dovecot's mail processes (doveconf "
		 "-h mail_uid)",
		 verb, user, (guint)peer->uid);
}

static void complain_unknown(struct peer *peer, const char *user, const char *verb)
{
	complain(&peer->hub->refused,
		 "skipped %s for '%s' by uid %u: the account of that uid cannot be looked up at "
		 "the moment",
		 verb, user, (guint)peer->uid);
}

/* Whoever works in another one's mailbox may say that there is something to look for, but
 * not what: a session shows its client the names and entries that it is told. FALSE:
 * nothing is left, or it is too often. */
static gboolean take_from_guest(struct peer *peer, struct wake *wake)
{
	g_autofree char *uid = g_strdup_printf("%u", (guint)peer->uid);

	wake->kinds &= WAKE_KINDS_MESSAGE;
	wake->old_mailbox = NULL;
	wake->entry_count = 0;
	if (wake->kinds == 0)
		return FALSE;
	if (pace_take(peer->hub->guests, uid, LIMIT_HUB_GUEST_WAKES_PER_MINUTE,
		      LIMIT_HUB_GUEST_WAKES_BURST, g_get_monotonic_time()) == 0)
		return TRUE;
	complain(&peer->hub->fast,
		 "dropped a WAKE by uid %u: more than %d at once or %d a minute about mailboxes of "
		 "others",
		 (guint)peer->uid, LIMIT_HUB_GUEST_WAKES_BURST, LIMIT_HUB_GUEST_WAKES_PER_MINUTE);
	return FALSE;
}

/* --- what peers say ----------------------------------------------------------- */

static gboolean is_word(const struct tabline_field *field, const char *word)
{
	return field->key == NULL && strcmp(field->value, word) == 0;
}

static void on_wake(struct peer *peer, const struct tabline_field *fields, size_t count)
{
	struct hub *hub = peer->hub;
	struct wake wake;

	/* Of a kind that a later version knows, say. */
	if (!wake_decode(fields, count, &wake))
		return;
	switch (may_speak_for(peer, wake.user)) {
	case PEER_MAY:
		break;
	case PEER_MAY_NOT:
		complain_denied(peer, wake.user, "WAKE");
		return;
	case PEER_UNKNOWN:
		complain_unknown(peer, wake.user, "WAKE");
		return;
	}
	if (may_speak_for(peer, wake.owner) != PEER_MAY && !take_from_guest(peer, &wake))
		return;
	/* Said anew: what a stranger adds goes no further. */
	tabline_buf_clear(&hub->out);
	if (wake_encode(&hub->out, &wake))
		hub->visits += hub_table_each(hub->table, &wake, wake_peer,
					      &(struct waking){&wake, &hub->out});
}

static void on_watch(struct peer *peer, const struct tabline_field *fields, size_t count)
{
	const char *user = tabline_get(fields, count, "user");
	const char *session = tabline_get(fields, count, "session");

	watcher_free(peer);
	peer->sleeping = FALSE;
	peer->skipped = TRUE;
	if (user == NULL || *user == '\0' || strlen(user) > LIMIT_USER ||
	    (session != NULL && strlen(session) > LIMIT_SESSION_ID)) {
		complain(&peer->hub->bad, "skipped WATCH by uid %u: user or session is no such",
			 (guint)peer->uid);
		return;
	}
	switch (may_speak_for(peer, user)) {
	case PEER_MAY:
		peer->skipped = FALSE;
		peer->watcher = hub_watcher_new(peer->hub->table, user, session, peer);
		break;
	case PEER_MAY_NOT:
		complain_denied(peer, user, "WATCH");
		break;
	case PEER_UNKNOWN:
		/* It comes again, and by then we may know. */
		complain_unknown(peer, user, "WATCH");
		peer_gone(peer);
		break;
	}
}

/* Owners that are none of a rule's business; of public mailboxes, too. */
static gboolean may_watch(struct peer *peer, const char *owner)
{
	switch (may_speak_for(peer, owner)) {
	case PEER_MAY:
		return TRUE;
	case PEER_MAY_NOT:
		/* A session cannot know who may: it asks for all that its user can see. */
		g_debug("skipped RULE of '%s' by uid %u: mailboxes of '%s'",
			hub_watcher_user(peer->watcher), (guint)peer->uid, owner);
		return FALSE;
	case PEER_UNKNOWN:
		complain_unknown(peer, owner, "RULE");
		peer_gone(peer);
		break;
	}
	return FALSE;
}

static enum hub_rule_result watcher_add(struct peer *peer, const struct tabline_field *fields,
					size_t count)
{
	gsize before = hub_watcher_size(peer->watcher);
	enum hub_rule_result result;

	if (!peer->counted)
		return hub_watcher_add(peer->watcher, fields, count);
	/* It may go past that by one line. */
	if (peer->use->bytes >= LIMIT_HUB_UID_BYTES)
		return HUB_RULE_FULL;
	result = hub_watcher_add(peer->watcher, fields, count);
	peer->use->bytes += hub_watcher_size(peer->watcher) - before;
	return result;
}

static gboolean add_rule(struct peer *peer, const struct tabline_field *fields, size_t count)
{
	const char *owner = hub_rule_owner(fields, count);

	/* After a WATCH that was skipped. */
	if (peer->watcher == NULL)
		return FALSE;
	if (owner != NULL && strlen(owner) <= LIMIT_USER && !may_watch(peer, owner))
		return FALSE;
	switch (watcher_add(peer, fields, count)) {
	case HUB_RULE_OK:
		return TRUE;
	case HUB_RULE_BAD:
		complain(&peer->hub->bad, "skipped RULE of '%s' by uid %u: it is none",
			 hub_watcher_user(peer->watcher), (guint)peer->uid);
		break;
	case HUB_RULE_FULL:
		complain(&peer->hub->full,
			 "skipped RULE of '%s' by uid %u: more than %d rules, %d names or %d bytes "
			 "of them in one session, or %d bytes of this uid",
			 hub_watcher_user(peer->watcher), (guint)peer->uid, LIMIT_HUB_RULES,
			 LIMIT_HUB_NAMES, LIMIT_HUB_NAME_BYTES, LIMIT_HUB_UID_BYTES);
		break;
	}
	return FALSE;
}

static void on_rule(struct peer *peer, const struct tabline_field *fields, size_t count)
{
	if (!add_rule(peer, fields, count))
		peer->skipped = TRUE;
}

static void on_sleep(struct peer *peer)
{
	forget_kept(peer);
	peer->sleeping = TRUE;
	peer->told = FALSE;
}

static void on_ready(struct peer *peer)
{
	if (!peer->back)
		say_kept(peer);
	if ((!owes(peer) && say_ready(peer)) || peer->gone)
		return;
	if (peer->ready == LIMIT_HUB_READYS) {
		complain(&peer->hub->bad,
			 "uid %u asks for more than %d READYs and reads none; closed",
			 (guint)peer->uid, LIMIT_HUB_READYS);
		peer_gone(peer);
		return;
	}
	peer->ready++;
	(void)poll_peer(peer, EPOLL_CTL_MOD);
}

/* FALSE: the connection is to be closed. */
static gboolean on_line(struct peer *peer, char *line, gsize len)
{
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	size_t count;

	if (tabline_split(line, len, fields, LIMIT_LINE_FIELDS, &count) != TABLINE_OK)
		return FALSE;
	if (!peer->greeted) {
		peer->greeted = count >= 4 && is_word(&fields[0], "VERSION") &&
				is_word(&fields[1], "fantail-hub") && is_word(&fields[2], "1");
		return peer->greeted;
	}
	if (is_word(&fields[0], "WAKE"))
		on_wake(peer, fields, count);
	else if (is_word(&fields[0], "WATCH"))
		on_watch(peer, fields, count);
	else if (is_word(&fields[0], "RULE"))
		on_rule(peer, fields, count);
	else if (is_word(&fields[0], "READY"))
		on_ready(peer);
	else if (is_word(&fields[0], "SLEEP"))
		on_sleep(peer);
	else
		return FALSE;
	return TRUE;
}

/* FALSE: the connection is to be closed. */
static gboolean on_readable(struct peer *peer)
{
	char *packet = peer->hub->packet;

	peer->hub->visits = 0;
	for (guint i = 0; i < LIMIT_HUB_PACKETS && peer->hub->visits < LIMIT_HUB_VISITS; i++) {
		ssize_t got = recv(peer->fd, packet, LIMIT_LINE + 1, MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return TRUE;
		/* It has ended without reading our greeting; what it said is still there. */
		if (got < 0 && errno == ECONNRESET)
			continue;
		if (got <= 0)
			return FALSE;
		if (got > LIMIT_LINE || packet[got - 1] != '\n' ||
		    memchr(packet, '\n', (gsize)got - 1) != NULL) {
			complain(&peer->hub->bad, "a packet by uid %u is no line; closed",
				 (guint)peer->uid);
			return FALSE;
		}
		packet[got - 1] = '\0';
		if (!on_line(peer, packet, (gsize)got - 1)) {
			complain(&peer->hub->bad,
				 "uid %u does not speak our protocol or version; closed",
				 (guint)peer->uid);
			return FALSE;
		}
	}
	return TRUE;
}

/* --- connections -------------------------------------------------------------- */

/* Its connection is closed. */
static void peer_free(gpointer data)
{
	struct peer *peer = data;

	watcher_free(peer);
	if (peer->counted && --peer->use->peers == 0)
		g_hash_table_remove(peer->hub->uses, GUINT_TO_POINTER(peer->uid));
	g_free(peer);
}

/* Who is about to wake it closes this connection first, and only then starts the process
 * that opens another: its rules stay until that has said its own. */
static void peer_close(struct peer *peer)
{
	struct hub *hub = peer->hub;
	struct hub_sleeper sleeper;

	close(peer->fd); /* which takes it out of the epoll set */
	peer->fd = -1;
	if (peer->next != NULL)
		peer->next->previous = peer->previous;
	if (peer->previous != NULL)
		peer->previous->next = peer->next;
	else
		hub->peers = peer->next;
	hub->peer_count--;
	peer->gone = TRUE;
	if (peer->sleeping && sleeper_of(peer, &sleeper) &&
	    (hub_watcher_kinds(peer->watcher) & KEPT_KINDS) != 0)
		hub_kept_hold(hub->kept, &sleeper, peer, peer_free, g_get_monotonic_time());
	else
		peer_free(peer);
}

/* What the configuration wants and the system gives. */
static guint most_peers(const struct hub *hub)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
	    limit.rlim_cur >= (rlim_t)hub->config->hub_connections + OTHER_DESCRIPTORS)
		return hub->config->hub_connections;
	return limit.rlim_cur > OTHER_DESCRIPTORS ? (guint)limit.rlim_cur - OTHER_DESCRIPTORS : 1;
}

static gboolean room_for(struct hub *hub, uid_t uid, gboolean counted)
{
	const struct uid_use *use;

	if (hub->peer_count >= most_peers(hub)) {
		complain(&hub->crowded,
			 "refused a connection of uid %u: there are %u; raise [hub] connections or "
			 "the limit of open files",
			 (guint)uid, hub->peer_count);
		return FALSE;
	}
	use = counted ? g_hash_table_lookup(hub->uses, GUINT_TO_POINTER(uid)) : NULL;
	if (use != NULL && use->peers >= hub->config->hub_connections_per_uid) {
		complain(&hub->crowded,
			 "refused a connection of uid %u, which has %u; raise [hub] "
			 "connections-per-uid if it needs more",
			 (guint)uid, use->peers);
		return FALSE;
	}
	return TRUE;
}

static void peer_new(struct hub *hub, int fd)
{
	struct ucred credentials;
	socklen_t len = sizeof(credentials);
	/* The kernel doubles it. */
	int unread = LIMIT_HUB_UNREAD / 2;
	gboolean counted;
	struct peer *peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) < 0) {
		close(fd);
		return;
	}
	counted = !peer_speaks_for_all(hub->config->mail_uids, credentials.uid);
	if (!room_for(hub, credentials.uid, counted)) {
		close(fd);
		return;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &unread, sizeof(unread));
	peer = g_new0(struct peer, 1);
	peer->hub = hub;
	peer->fd = fd;
	peer->uid = credentials.uid;
	peer->counted = counted;
	if (counted) {
		peer->use = use_of(hub, peer->uid);
		peer->use->peers++;
	}
	peer->next = hub->peers;
	if (hub->peers != NULL)
		hub->peers->previous = peer;
	hub->peers = peer;
	hub->peer_count++;
	if (!poll_peer(peer, EPOLL_CTL_ADD)) {
		complain(&hub->crowded, "cannot take a connection: epoll_ctl: %s",
			 g_strerror(errno));
		peer_close(peer);
		return;
	}
	(void)send_packet(peer, GREETING, strlen(GREETING));
}

static void poll_listener(struct hub *hub, int operation)
{
	struct epoll_event event = {.events = hub->accept_us == 0 ? EPOLLIN : 0};

	if (epoll_ctl(hub->epoll, operation, hub->listener, &event) < 0)
		g_critical("epoll_ctl: %s", g_strerror(errno));
}

static void accept_peers(struct hub *hub)
{
	/* The others have their turn as well. */
	for (guint i = 0; i < EVENTS; i++) {
		int fd = accept4(hub->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			peer_new(hub, fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			complain(&hub->crowded, "cannot take a connection: %s", g_strerror(errno));
			hub->accept_us = g_get_monotonic_time() + ACCEPT_PAUSE_US;
			poll_listener(hub, EPOLL_CTL_MOD);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

/* --- the loop ------------------------------------------------------------------ */

static void on_event(struct hub *hub, const struct epoll_event *event)
{
	struct peer *peer = event->data.ptr;

	if (peer == NULL) {
		accept_peers(hub);
		return;
	}
	if ((event->events & EPOLLOUT) != 0)
		say_owed(peer);
	/* What it said before it went is heard, then recv() tells of the end. */
	if ((event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !on_readable(peer))
		peer_close(peer);
}

void hub_turn(struct hub *hub, int msecs, const sigset_t *mask, void (*alive)(void))
{
	struct epoll_event events[EVENTS];
	int count;

	if (hub->accept_us != 0) {
		gint64 left_us = hub->accept_us - g_get_monotonic_time();

		if (left_us <= 0) {
			hub->accept_us = 0;
			poll_listener(hub, EPOLL_CTL_MOD);
		} else if (msecs < 0 || left_us / 1000 < msecs) {
			msecs = (int)(left_us / 1000) + 1;
		}
	}
	count = epoll_pwait(hub->epoll, events, EVENTS, msecs, mask);
	hub_kept_forget_old(hub->kept, g_get_monotonic_time());
	/* A peer is in there once, and nobody frees another one's. */
	for (int i = 0; i < count; i++) {
		alive();
		on_event(hub, &events[i]);
	}
}

/* --- start, reload, stop ---------------------------------------------------------- */

static const struct config_fixed fixed[] = {
	{"hub", "socket", 0},
	{"hub", "socket-mode", sizeof(mode_t)},
	{NULL, NULL, 0},
};

gboolean hub_reload(struct hub *hub, GError **error)
{
	struct config *config = config_load(hub->config_path, error);
	g_auto(GStrv) kept = NULL;

	if (config == NULL)
		return FALSE;
	kept = config_table_keep(&config_keys, fixed, hub->config, config);
	daemon_log_restart((const char *const *)kept);
	config_unref(hub->config);
	hub->config = config;
	log_writer_set_level(config->log_level);
	return TRUE;
}

static gboolean listen_at(struct hub *hub, int fd, GError **error)
{
	if (fd >= 0) {
		if (!unix_listener_adopt(fd, SOCK_SEQPACKET, error))
			return FALSE;
		hub->listener = fd;
	} else {
		hub->listener = unix_listener_bind(hub->config->hub_socket, SOCK_SEQPACKET,
						   hub->config->hub_socket_mode, error);
	}
	if (hub->listener < 0)
		return FALSE;
	poll_listener(hub, EPOLL_CTL_ADD);
	return TRUE;
}

struct hub *hub_start(const char *config_path, int fd, GError **error)
{
	struct hub *hub = g_new0(struct hub, 1);

	hub->epoll = -1;
	hub->listener = -1;
	hub->config_path = g_strdup(config_path);
	hub->config = config_load(config_path, error);
	hub->table = hub_table_new();
	hub->kept = hub_kept_new();
	hub->uses = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	hub->guests = pace_new(LIMIT_HUB_GUESTS);
	hub->denied = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	tabline_buf_init(&hub->out, LIMIT_LINE);
	if (hub->config == NULL) {
		hub_stop(&hub);
		return NULL;
	}
	log_writer_set_level(hub->config->log_level);
	hub->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (hub->epoll < 0) {
		int code = errno;

		g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "epoll_create1: %s",
			    g_strerror(code));
		hub_stop(&hub);
		return NULL;
	}
	if (!listen_at(hub, fd, error))
		hub_stop(&hub);
	return hub;
}

void hub_stop(struct hub **_hub)
{
	struct hub *hub = *_hub;

	*_hub = NULL;
	if (hub == NULL)
		return;
	while (hub->peers != NULL)
		peer_close(hub->peers);
	hub_kept_free(hub->kept);
	hub_table_free(hub->table);
	g_hash_table_unref(hub->uses);
	g_hash_table_unref(hub->denied);
	pace_free(&hub->guests);
	tabline_buf_free(&hub->out);
	if (hub->listener >= 0)
		close(hub->listener);
	if (hub->epoll >= 0)
		close(hub->epoll);
	config_unref(hub->config);
	g_free(hub->config_path);
	g_free(hub);
}
