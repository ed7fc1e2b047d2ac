/*
 * SELECT that no client has asked for, when a session is resumed: it does what Dovecot's command
 * does, and what that says goes to whoever called.
 */
#ifndef PIMAP_SELECT_H
#define PIMAP_SELECT_H

#include "str.h"

struct client;

/* False: it cannot be selected, and none is. `said`, which is not in the data stack, gets the
 * untagged lines, and one tagged "*". */
bool pimap_select(struct client *client, const char *vname, string_t *said);

#endif
