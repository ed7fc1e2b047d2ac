/*
 * Which devices of Push-IMAP are connected and listen, so that nobody wakes them. Leases,
 * in memory: a process that dies does not say so. Time is an argument.
 */
#ifndef FANTAIL_PRESENCE_H
#define FANTAIL_PRESENCE_H

#include <glib.h>

struct presence;

struct presence *presence_new(void);
/* Clears the pointer; NULL is fine. */
void presence_free(struct presence **presence);

/* A session of that device says whether it listens. Of several the newest that does holds
 * the lease; another one that does not leaves it alone. */
void presence_say(struct presence *presence, gint64 device, const char *session, gboolean listening,
		  gint64 now_us);
gboolean presence_listens(struct presence *presence, gint64 device, gint64 now_us);
/* Leases, of which some may be over. */
guint presence_count(const struct presence *presence);

#endif
