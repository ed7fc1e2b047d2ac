/* The NOTIFY command, RFC 5465 section 3. */
#ifndef FANTAIL_NOTIFY_CMD_H
#define FANTAIL_NOTIFY_CMD_H

#include "notify-session.h"

/* Replaces the command's function; `stock` is what it was. */
bool notify_cmd_notify(struct client_command_context *cmd, command_func_t *stock);
/* After sleep, and for notify-inband.h: makes what such a command asked for the one in force,
 * and says nothing. `arguments` as notify_session.command has them. -1: it would be refused
 * now. */
int notify_cmd_restore(struct notify_session *session, const char *arguments, const char **error_r);
/* The rules of the NOTIFY that waits for that are in force, or will not be soon. */
void notify_cmd_ready(struct notify_session *session);
/* From the flush: ends it, if it is time. May end the client's input and with it the
 * client; FALSE: look at nothing of the session any more. */
bool notify_cmd_continue(struct notify_session *session);

#endif
