#include "lib.h"
#include "ioloop.h"

#include "hub-link.h"
#include "limits.h"
#include "monotonic.h"
#include "trouble.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GREETING "VERSION\tfantail-hub\t1\t0\n"
/* A RULE line with more items, or more bytes of items, is said as several: a line has
 * LIMIT_LINE_FIELDS fields, and beside the items there is room for verb, kinds and owner. */
#define RULE_ITEMS (LIMIT_LINE_FIELDS - 8)
#define RULE_BYTES (LIMIT_LINE - 4096)
/* Packets read in one go: a flood must not keep the session from its client. */
#define READ_BURST 64

/* Pauses between attempts, in ms. The first one is drawn from PAUSE_MIN to PAUSE_FIRST, so
 * that the sessions of a restarted hub, which all look at what they watch, do not come at
 * once; each further one from its upper half. */
#define PAUSE_MIN 1000
#define PAUSE_FIRST 10000
#define PAUSE_MAX 30000

struct hub_link {
	struct event *event;
	char *path, *user, *session;
	struct hub_link_callbacks callbacks;
	void *context;

	int fd; /* -1: not connected */
	struct io *io_read, *io_write;
	struct timeout *to_connect;
	unsigned int pause; /* the next one's upper end */

	/* WATCH, its RULEs and READY, as they are said after each connect; empty: there
	 * is nothing to watch. */
	struct tabline_buf script;
	size_t said;          /* bytes of it */
	unsigned int unready; /* READYs without their echo */
	bool greeted;
	bool looked;  /* since it is connected */
	bool skipped; /* a rule, says the last READY */
};

static struct trouble trouble_hub;

static void link_connect(struct hub_link *link);

/* --- losing it --------------------------------------------------------------- */

static void link_close(struct hub_link *link)
{
	io_remove(&link->io_read);
	io_remove(&link->io_write);
	i_close_fd(&link->fd);
	link->said = 0;
	link->unready = 0;
	link->greeted = link->looked = FALSE;
}

/* Closes it, and comes back later. */
static void link_retry(struct hub_link *link)
{
	bool was_there = link->looked;
	unsigned int least = link->pause == PAUSE_FIRST ? PAUSE_MIN : link->pause / 2;

	link_close(link);
	timeout_remove(&link->to_connect);
	link->to_connect = timeout_add_short(least + i_rand_limit(link->pause - least + 1),
					     link_connect, link);
	link->pause = I_MIN(link->pause * 2, PAUSE_MAX);
	if (was_there)
		link->callbacks.lost(link->context);
}

static void report(struct hub_link *link, const char *error)
{
	unsigned int times;

	if (trouble_note(&trouble_hub, monotonic_us(), &times))
		e_error(link->event, "hub %s: %s (%u time(s)); changes are found by looking",
			link->path, error, times);
}

static void link_failed(struct hub_link *link, const char *error)
{
	report(link, error);
	link_retry(link);
}

/* A hub that is away is not news: its own service manager tells that. */
static void link_lost(struct hub_link *link, const char *reason)
{
	e_debug(link->event, "hub %s: %s", link->path, reason);
	link_retry(link);
}

/* --- saying ------------------------------------------------------------------ */

/* 1 = sent, 0 = no room, -1 = the link is lost */
static int link_send(struct hub_link *link, const char *line, size_t len)
{
	ssize_t sent;

	do {
		sent = send(link->fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent == -1 && errno == EINTR);
	if (sent != -1)
		return 1;
	if (errno == EAGAIN || errno == ENOBUFS)
		return 0;
	if (errno == EPIPE || errno == ECONNRESET)
		link_lost(link, "closed the connection");
	else
		link_failed(link, t_strdup_printf("send() failed: %m"));
	return -1;
}

/* As much of the script as there is room for. */
static void link_say(struct hub_link *link)
{
	while (link->said < link->script.len) {
		const char *line = link->script.data + link->said;
		const char *end = memchr(line, '\n', link->script.len - link->said);
		size_t len = (size_t)(end - line) + 1;
		int ret = link_send(link, line, len);

		if (ret < 0)
			return;
		if (ret == 0) {
			if (link->io_write == NULL)
				link->io_write = io_add(link->fd, IO_WRITE, link_say, link);
			return;
		}
		link->said += len;
	}
	link->unready++;
	io_remove(&link->io_write);
}

/* --- hearing ----------------------------------------------------------------- */

static bool is_hub_version(const struct tabline_field *fields, size_t count)
{
	return count >= 3 && strcmp(fields[1].value, "fantail-hub") == 0 &&
	       strcmp(fields[2].value, "1") == 0;
}

/* The link may be closed, or have other rules, when this returns. FALSE: that was no
 * hub of our language. */
static bool link_heard(struct hub_link *link, const struct tabline_field *fields, size_t count)
{
	const char *verb = fields[0].key == NULL ? fields[0].value : "";
	struct wake wake;
	bool missed;

	if (!link->greeted) {
		link->greeted = strcmp(verb, "VERSION") == 0 && is_hub_version(fields, count);
		return link->greeted;
	}
	if (strcmp(verb, "WAKE") == 0) {
		if (wake_decode(fields, count, &wake))
			link->callbacks.woken(&wake, link->context);
	} else if (strcmp(verb, "LOST") == 0) {
		link->callbacks.look(TRUE, link->context);
	} else if (strcmp(verb, "READY") == 0 && link->unready > 0) {
		/* Only the last one stands for the rules in force. */
		if (--link->unready == 0 && link->said == link->script.len) {
			link->skipped = tabline_get(fields, count, "skipped") != NULL;
			link->pause = PAUSE_FIRST;
			missed = !link->looked;
			link->looked = TRUE;
			link->callbacks.look(missed, link->context);
		}
	}
	return TRUE;
}

/* FALSE: nothing is left to read. */
static bool link_read_packet(struct hub_link *link)
{
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	char *packet = t_malloc_no0(LIMIT_LINE + 1);
	size_t count;
	ssize_t len;

	do {
		/* Says how long the packet was, even if it was longer. */
		len = recv(link->fd, packet, LIMIT_LINE, MSG_DONTWAIT | MSG_TRUNC);
	} while (len == -1 && errno == EINTR);
	if (len == -1 && errno == EAGAIN)
		return FALSE;
	if (len == -1 || len == 0) {
		link_lost(link, "closed the connection");
		return FALSE;
	}
	if (len > LIMIT_LINE || packet[len - 1] != '\n' ||
	    tabline_split(packet, (size_t)len - 1, fields, N_ELEMENTS(fields), &count) !=
		    TABLINE_OK ||
	    count == 0 || !link_heard(link, fields, count)) {
		link_failed(link, "does not speak version 1 of the hub's protocol");
		return FALSE;
	}
	return TRUE;
}

static void link_read(struct hub_link *link)
{
	bool more = TRUE;

	for (unsigned int i = 0; more && link->fd != -1 && i < READ_BURST; i++) {
		T_BEGIN
		{
			more = link_read_packet(link);
		}
		T_END;
	}
}

/* --- connecting -------------------------------------------------------------- */

/* connect() to a local socket succeeds or fails at once. */
static int connect_path(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;

		i_close_fd(&fd);
		errno = error;
	}
	return fd;
}

static void link_connect(struct hub_link *link)
{
	timeout_remove(&link->to_connect);
	link->fd = connect_path(link->path);
	if (link->fd == -1) {
		/* EAGAIN: so many wait that there is no room for one more. */
		bool away = errno == ENOENT || errno == ECONNREFUSED || errno == EAGAIN;
		const char *error = t_strdup_printf("connect() failed: %m");

		if (away)
			link_lost(link, error);
		else
			link_failed(link, error);
		return;
	}
	link->io_read = io_add(link->fd, IO_READ, link_read, link);
	/* The first packet of a connection has room. */
	if (link_send(link, GREETING, strlen(GREETING)) > 0)
		link_say(link);
}

/* --- rules ------------------------------------------------------------------- */

static void rule_begin(struct tabline_buf *buf, const struct hub_rule *rule, const char *owner)
{
	char kinds[WAKE_KINDS_SIZE];

	wake_kinds_format(rule->kinds, kinds);
	tabline_word(buf, "RULE");
	tabline_field(buf, "kinds", kinds);
	tabline_field(buf, "owner", owner);
}

static bool rule_items(struct tabline_buf *buf, const struct hub_rule *rule, const char *owner,
		       const char *key, const char *const *items, size_t count)
{
	size_t bytes = 0, on_line = 0;

	for (size_t i = 0; i < count; i++) {
		/* Each octet may have to be escaped. */
		size_t most = strlen(key) + 2 * strlen(items[i]) + 2;

		if (on_line > 0 && (on_line == RULE_ITEMS || bytes + most > RULE_BYTES)) {
			if (!tabline_end(buf))
				return FALSE;
			on_line = 0;
		}
		if (on_line++ == 0) {
			rule_begin(buf, rule, owner);
			bytes = 0;
		}
		tabline_field(buf, key, items[i]);
		bytes += most;
	}
	return on_line == 0 || tabline_end(buf);
}

static bool rule_encode(struct tabline_buf *buf, const struct hub_rule *rule)
{
	if (rule->mailbox_count + rule->subtree_count + rule->mailbox_id_count == 0) {
		rule_begin(buf, rule, rule->owner);
		return tabline_end(buf);
	}
	/* Ids without the owner: with it and no name, it would be a rule about all of
	 * the owner's. */
	return rule_items(buf, rule, rule->owner, "mailbox", rule->mailboxes,
			  rule->mailbox_count) &&
	       rule_items(buf, rule, rule->owner, "subtree", rule->subtrees, rule->subtree_count) &&
	       rule_items(buf, rule, NULL, "mailboxid", rule->mailbox_ids, rule->mailbox_id_count);
}

/* False: there is no room for all of it. */
static bool script_encode(struct tabline_buf *buf, const struct hub_link *link,
			  const struct hub_rule *rules, size_t count)
{
	tabline_word(buf, "WATCH");
	tabline_field(buf, "user", link->user);
	tabline_field(buf, "session", link->session);
	if (!tabline_end(buf))
		return FALSE;
	for (size_t i = 0; i < count; i++) {
		if (!rule_encode(buf, &rules[i]))
			return FALSE;
	}
	tabline_word(buf, "READY");
	return tabline_end(buf);
}

/* --- the outside ------------------------------------------------------------- */

struct hub_link *hub_link_new(struct event *parent, const char *path, const char *user,
			      const char *session, const struct hub_link_callbacks *callbacks,
			      void *context)
{
	struct hub_link *link = i_new(struct hub_link, 1);

	link->event = event_create(parent);
	link->path = i_strdup(path);
	link->user = i_strdup(user);
	link->session = i_strdup(session);
	link->callbacks = *callbacks;
	link->context = context;
	link->fd = -1;
	link->pause = PAUSE_FIRST;
	tabline_buf_init(&link->script, LIMIT_HUB_SCRIPT);
	return link;
}

void hub_link_free(struct hub_link **_link)
{
	struct hub_link *link = *_link;

	*_link = NULL;
	if (link == NULL)
		return;
	timeout_remove(&link->to_connect);
	link_close(link);
	tabline_buf_free(&link->script);
	event_unref(&link->event);
	i_free(link->path);
	i_free(link->user);
	i_free(link->session);
	i_free(link);
}

void hub_link_watch(struct hub_link *link, const struct hub_rule *rules, size_t count)
{
	struct tabline_buf script;

	tabline_buf_init(&script, LIMIT_HUB_SCRIPT);
	if (count > 0 && !script_encode(&script, link, rules, count)) {
		/* Half of the rules would look like all of them. */
		report(link, "there is no room to say all that is watched");
		tabline_buf_clear(&script);
	}
	if (script.len == link->script.len &&
	    (script.len == 0 || memcmp(script.data, link->script.data, script.len) == 0)) {
		tabline_buf_free(&script);
		return;
	}
	tabline_buf_free(&link->script);
	link->script = script;
	link->said = 0;
	if (script.len == 0) {
		timeout_remove(&link->to_connect);
		link_close(link);
	} else if (link->fd != -1) {
		link_say(link);
	} else if (link->to_connect == NULL) {
		link_connect(link);
	}
}

bool hub_link_connected(const struct hub_link *link)
{
	return link->fd != -1 && link->said == link->script.len && link->unready == 0;
}

bool hub_link_complete(const struct hub_link *link)
{
	return hub_link_connected(link) && !link->skipped;
}

bool hub_link_pending(const struct hub_link *link)
{
	return link->fd != -1 && !hub_link_connected(link);
}

int hub_link_sleep(struct hub_link **_link)
{
	struct hub_link *link = *_link;
	int fd;

	if (!hub_link_complete(link) || link_send(link, "SLEEP\n", strlen("SLEEP\n")) <= 0)
		return -1;
	fd = link->fd;
	io_remove(&link->io_read);
	link->fd = -1;
	hub_link_free(_link);
	return fd;
}
