/*
 * Where P-IMAP sessions are kept: one file for each device in the user's home,
 * .fantail-pimap.DEVICE, in the form of pimap-state.h. A file and no folder of them, since the
 * home may be the root of a Maildir++ at the same time.
 */
#ifndef PIMAP_STORE_H
#define PIMAP_STORE_H

#include "pimap-state.h"

struct event;
struct pimap_store;

/* `home` may be NULL; it and `event` live as long as the store, which is allocated from `pool`. */
struct pimap_store *pimap_store_create(pool_t pool, struct event *event, const char *home,
				       const char *device);

/* Takes the device's session from the connection that had it, or makes a new one, of which *new_r
 * tells. Sessions that were not used for `expire_secs` are gone. It is written by then, if it can
 * be: what is said to the device holds. */
void pimap_store_take(struct pimap_store *store, unsigned int expire_secs,
		      struct pimap_session *session_r, bool *new_r);

/* Writes what has changed in it, unless a newer connection has it. If that is impossible it is
 * removed: an old state would have events told twice. */
void pimap_store_write(struct pimap_store *store, struct pimap_session *session);
/* Likewise all of it, for the last time in this connection. */
void pimap_store_finish(struct pimap_store *store, struct pimap_session *session);
void pimap_store_remove(struct pimap_store *store, const struct pimap_session *session);

#endif
