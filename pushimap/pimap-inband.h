/*
 * What a P-IMAP device is told over its connection: PIMAP_INBAND_PUSH and
 * PIMAP_INBAND_NEW_FORMAT, which module fantail_notify carries out (notify-inband.h).
 */
#ifndef PIMAP_INBAND_H
#define PIMAP_INBAND_H

#include <stdbool.h>

struct client;

/* Module fantail_notify is loaded, for this user, too: there is more than OFF and NONE. */
bool pimap_inband_available(struct client *client);

/* In force from now on. `format` is as pimap_set_parse() gives it; NONE is empty. */
void pimap_inband_apply(struct client *client, bool push, const char *format);

/* Is the device told at once what happens in its mailbox? */
bool pimap_inband_listens(struct client *client);

#endif
