/*
 * A P-IMAP device's lease at the bridge (docs/wire-protocols.md, PRESENT): that it has come, that
 * it listens, each minute as long as it does, and that it listens no longer.
 */
#ifndef PIMAP_PRESENCE_H
#define PIMAP_PRESENCE_H

#include "tabline.h"

#include <stdbool.h>

struct client;
struct pimap_presence;

/* What the bridge says of the device when it is told that it has come; not if it is away. */
typedef void pimap_presence_known(const struct tabline_field *fields, size_t count, void *context);

/* Says that it has come and does not listen yet. The client does not wait for that. */
struct pimap_presence *pimap_presence_new(struct client *client, const char *device,
					  pimap_presence_known *known, void *context);
void pimap_presence_set(struct pimap_presence *presence, bool listens);
/* The connection ends. If it has listened the bridge is told so before this returns, or is given
 * up after a moment (LIMIT_HANDOVER_MSECS): then the lease ends by itself. */
void pimap_presence_end(struct pimap_presence **presence);

#endif
