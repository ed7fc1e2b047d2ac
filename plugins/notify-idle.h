/*
 * IDLE for users who have the plugin. Before the first NOTIFY it is Dovecot's own, woken
 * by the hub besides by what Dovecot watches itself, so that it does not wait 500 ms.
 * After it IDLE is ours: what is sent are exactly the events asked for (RFC 5465
 * section 4).
 */
#ifndef FANTAIL_NOTIFY_IDLE_H
#define FANTAIL_NOTIFY_IDLE_H

#include "notify-session.h"

/* Replaces the command's function; `stock` is what it was. */
bool notify_cmd_idle(struct client_command_context *cmd, command_func_t *stock);

/* Is any IDLE running in this session? */
bool notify_idle_runs(const struct notify_session *session);
/* Brings the selected mailbox up to date in a running IDLE of either kind; expunges
 * included. FALSE: it is still sending the last changes, and flushes again after them. */
bool notify_idle_sync(struct notify_session *session);
/* Dovecot's IDLE does not run, and ours, if it does, has nothing under way. */
bool notify_idle_at_rest(const struct notify_session *session);
/* The IDLE of ours that runs; NULL = none. */
struct client_command_context *notify_idle_command(const struct notify_session *session);
/* v.destroy, before super, which then cancels the command. */
void notify_idle_deinit(struct notify_session *session);

#endif
