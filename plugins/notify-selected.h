/*
 * The selected mailbox under NOTIFY: RFC 5465 sections 5.1-5.3 and 6.1. Core does the
 * syncing and, after EXISTS, the FETCH of new messages (client->notify_ctx); this file
 * decides when, and with which flags.
 *
 * While its events are not asked for ("selected NONE", RFC 5465 section 3.1), the client
 * keeps the mailbox as it was told of it: numbers do not shift, and what others change
 * is not said, until a command of its own expunges, saves or stores there.
 */
#ifndef FANTAIL_NOTIFY_SELECTED_H
#define FANTAIL_NOTIFY_SELECTED_H

#include "notify-session.h"

struct imap_arg;
struct module;

/* From the plugin's init and deinit: hooks into the mailboxes of users who have the
 * plugin, and into their transactions. */
void notify_selected_register(struct module *module);
void notify_selected_unregister(void);

void notify_selected_init(struct notify_session *session);
/* v.destroy, before super. */
void notify_selected_deinit(struct notify_session *session);

/* Makes spec->selected effective, from the next sync on. `fetch_att`: the list after
 * MessageNew, or its first element; NULL = none. -1: that list is no good; *error_r is
 * for the client (BAD), and nothing was changed. Called with the former state still in
 * force, from anywhere. */
int notify_selected_apply(struct notify_session *session, const struct notify_spec *spec,
			  const struct imap_arg *fetch_att, const char **error_r);

/* As if NOTIFY had never been said, from the next sync on. Likewise from anywhere. */
void notify_selected_revert(struct notify_session *session);

/* NOTIFY has been said, or notify-inband.h stands for it: until then all is Dovecot's. */
bool notify_selected_applied(const struct notify_session *session);
/* Likewise, and it asked for the events of the selected mailbox. */
bool notify_selected_wanted(const struct notify_session *session);
/* What happens in it is told at once, as far as it may be: by NOTIFY, or by the IDLE that
 * runs. */
bool notify_selected_tells(const struct notify_session *session);
/* A FETCH of new messages is under way: nothing may be written between its parts. */
bool notify_selected_fetching(const struct notify_session *session);

/* TRUE: the wake-up is about the selected mailbox (by GUID, else by name), which is dirty
 * now if its kinds are wanted. Message events of it concern nobody else. */
bool notify_selected_woken(struct notify_session *session, const struct wake *wake);
/* Look at it at the next flush, whatever was said. */
void notify_selected_mark(struct notify_session *session);

/* Nothing of it waits to be told, and what happens while the session sleeps can be told when
 * it wakes, expunges included (RFC 5465 section 6.1). */
bool notify_selected_may_sleep(const struct notify_session *session);
/* After sleep: the client knows of the messages below this UID; what is gone of them and
 * their flags have been told. The rest is told at the next flush. */
void notify_selected_restore(struct notify_session *session, uint32_t uidnext);

/* Sends what there is: an internal command that syncs, while no command runs; by way of
 * IDLE while that runs. TRUE: nothing is left to do; FALSE: a command or the client is in
 * the way, and a flush is asked for again, after pauses of up to a second if nothing else
 * asks before. */
bool notify_selected_flush(struct notify_session *session);

/* From the command post hook: UIDs in FETCH (5.1), rules for the hub that follow the
 * selected mailbox. What the session did in the one it left is no news (notify-watch.h). */
void notify_selected_command(struct notify_session *session, struct client_command_context *cmd);

/* The kinds of wake-ups that matter for the selected mailbox now; 0 = none. Before the
 * first NOTIFY: all message kinds once the client has said IDLE, so that the connection
 * to the hub outlives the moments between two IDLEs. */
wake_kinds notify_selected_kinds(const struct notify_session *session);
/* Has it changed on disk since the last sync began (files dropped in by other programs)?
 * For the slow poll; stat() calls only. */
bool notify_selected_changed(struct notify_session *session);

#endif
