/*
 * NOTIFY in one IMAP session (RFC 5465): what the client asked for, what has changed
 * since, and when that may be said. Shared by the notify-*.c files; theirs alone.
 *
 * Nothing is written when a wake-up comes. A wake-up marks what is dirty and asks for a
 * flush; the flush runs from the ioloop when no command owns the output and the client
 * reads, looks up what the mailboxes say now, and sends that. So any number of wake-ups
 * costs one bit per mailbox, and nothing is said twice.
 *
 *   imap-notify-plugin.c  loads, replaces commands, makes sessions
 *   notify-cmd.c       the NOTIFY command
 *   notify-session.c   wake-ups in, flushes out, timers
 *   notify-watch.c     other mailboxes: who is watched, what they said last
 *   notify-table.c     these, by name
 *   notify-status.c    what one of them says, and which of that is news
 *   notify-rules.c     these, as the hub is told of them
 *   notify-changes.c   LIST and METADATA lines that wait to be sent
 *   notify-fingerprint.c  what tells that its files have changed
 *   notify-list.c      one mailbox as LIST has it
 *   notify-acl.c       rights
 *   notify-selected.c  the selected mailbox
 *   notify-idle.c      IDLE
 *   notify-inband.c    the same without the command, for module fantail_imap
 *   notify-hibernate.c, notify-state.c  sleep, and what is known after it
 */
#ifndef FANTAIL_NOTIFY_SESSION_H
#define FANTAIL_NOTIFY_SESSION_H

#include "imap-common.h"
#include "imap-client.h"

#include "hub-link.h"
#include "notify-spec.h"

struct fantail_settings;

ARRAY_DEFINE_TYPE(notify_hub_rules, struct hub_rule);

struct notify_session {
	union imap_module_context module_ctx; /* .super: the client's former vfuncs */
	struct client *client;
	struct event *event;
	const struct fantail_settings *settings;
	struct hub_link *hub; /* NULL until something is watched */

	/* NOTIFY was said. Before that the session behaves as stock Dovecot does; after an
	 * overflow as after NOTIFY NONE (RFC 5465 section 5.8). */
	bool active;
	struct notify_spec spec; /* names are UTF-8 here */
	pool_t spec_pool;        /* owns its strings */
	const char *command;     /* what it was parsed from; likewise */
	bool said;               /* by the client itself, not by notify-inband.h */
	bool quiet;              /* nothing of it but in IDLE and with commands (notify-inband.h) */

	struct notify_watch *watch;         /* notify-watch.c; NULL unless active */
	struct notify_changes *changes;     /* notify-changes.c; likewise */
	struct notify_selected *selected;   /* notify-selected.c; always there */
	struct notify_idle *idle;           /* notify-idle.c; NULL before the first IDLE */
	struct notify_hibernate *hibernate; /* notify-hibernate.c; NULL before it is needed */
	struct notify_state *state;         /* notify-state.c; NULL but while one is imported */

	/* The NOTIFY that waits for the hub (notify-cmd.c); NULL = none. */
	struct client_command_context *waiting;
	bool waited; /* long enough, or the hub is ready */
	struct timeout *to_ready;

	struct timeout *to_flush, *to_poll, *to_rest, *to_keepalive;
	uint64_t flushed_usecs; /* when the last flush began, monotonic */
	/* Likewise: since when somebody else than the hub may have changed what is watched,
	 * and the selected mailbox (0: none is watched). */
	uint64_t looked_usecs, peeked_usecs;
	bool told;       /* the hub told of all that it was asked for, when it last said so */
	bool overflowed; /* the line that says so has yet to be sent */
	bool blocked;    /* the flush callback of the output will go on */
};

/* NULL: this client's user does not have the plugin. */
struct notify_session *notify_session_get(struct client *client);

/* From the client's created hook, and from v.destroy (removes every io and timeout). */
void notify_session_create(struct client *client, const struct fantail_settings *settings);
void notify_session_destroy(struct notify_session *session);

/* After output or an end of IDLE: the next "Still here" comes an interval from now. */
void notify_session_keep_alive(struct notify_session *session);

/* Something is dirty: a flush at once, or when the coalescing window of the last one is
 * over. Cheap; may be called any number of times. Never writes itself. */
void notify_session_flush_soon(struct notify_session *session);
/* No command owns the output, nor does a FETCH of new messages, the client is there and
 * reads. */
bool notify_session_may_write(const struct notify_session *session);
/* Sends one line if there is room. False: come again (notify_session_flush_soon is
 * arranged for when there is). The line is without CRLF. */
bool notify_session_send(struct notify_session *session, const char *line);

/* The namespace that a name belongs to, existing or not; never NULL. */
struct mail_namespace *notify_session_namespace(const struct notify_session *session,
						const char *vname);
/* Appends the name as an astring, in the encoding that the client speaks. */
void notify_session_append_name(struct notify_session *session, string_t *line, const char *vname);

/* Says to the hub what is watched now: after NOTIFY, SELECT, a change of rights. */
void notify_session_watch(struct notify_session *session);

/* Makes `spec` the one in force, with what depends on it; takes spec, pool and watch (from
 * notify_watch_new). `command` lives in the pool. The selected mailbox is
 * notify_selected_apply's. */
void notify_session_set(struct notify_session *session, struct notify_spec *spec, pool_t pool,
			struct notify_watch *watch, const char *command);

/* As if NOTIFY had never been said. */
void notify_session_unset(struct notify_session *session);

/* Mailboxes were listed, and that is over for now: gives back what Dovecot keeps of it, as
 * soon as the session is at rest. */
void notify_session_rest(struct notify_session *session);
/* Nothing waits to be sent or to be looked at, and no command but IDLE is under way. */
bool notify_session_at_rest(const struct notify_session *session);
/* While the session slept the mailbox came or went, or with `subscription` was
 * (un)subscribed: to be called when the watch knows what is there now. */
void notify_session_missed(struct notify_session *session, const char *vname, bool subscription);
/* What could change while nobody was told: looks at all that is watched. */
void notify_session_look(struct notify_session *session);

/* This session itself renamed it. */
void notify_session_renamed(struct notify_session *session, const char *old, const char *vname);

/* RFC 5465 section 5.8: says "* OK [NOTIFICATIONOVERFLOW]" and goes on as after NOTIFY
 * NONE. */
void notify_session_overflow(struct notify_session *session, const char *reason);

/* The name as `wake` gives it, as this session's user sees it; NULL: not in any of their
 * namespaces. Data stack. */
const char *notify_session_vname(struct notify_session *session, const struct wake *wake,
				 const char *name);

#endif
