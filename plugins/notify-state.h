/*
 * What NOTIFY has to know across sleep (notify-hibernate.h), as a block of Dovecot's client
 * state. Blocks begin with a name and LF; Dovecot's own, "base", takes all that follows it,
 * so that this one stands before:
 *
 *   "fantail-notify" LF, version (one octet), length of the rest (packed), and
 *   flags (one octet), UIDNEXT of the selected mailbox (packed; 0 = none selected),
 *   the NOTIFY command's arguments (packed length, text), the watched mailboxes
 *   (notify_watch_export)
 *
 * "packed" is Dovecot's numpack. The names of mailboxes are UTF-8.
 */
#ifndef FANTAIL_NOTIFY_STATE_H
#define FANTAIL_NOTIFY_STATE_H

#include "notify-session.h"

/* v.state_export and v.state_import. Without NOTIFY in force they are Dovecot's own. A block
 * of another version is an error: the client gets BYE and has to log in again. */
int notify_state_export(struct client *client, bool internal, buffer_t *dest, const char **error_r);
ssize_t notify_state_import(struct client *client, bool internal, const unsigned char *data,
			    size_t size, const char **error_r);

#endif
