/*
 * Which sessions are under way, as far as limits go: so many of one user, so many from one
 * address. What a session has to remember is in the store. Pure; time is an argument.
 */
#ifndef FANTAIL_SYNCML_SESSION_TABLE_H
#define FANTAIL_SYNCML_SESSION_TABLE_H

#include <glib.h>

struct session_table;

/* Past `max` the session that was heard of longest ago is forgotten. */
struct session_table *session_table_new(guint max);
/* NULL is fine; clears the pointer. */
void session_table_free(struct session_table **table);

struct session_limits {
	guint per_user, per_address;
	gint64 secs; /* after its last message a session is over */
};
/* May this device begin one? One that it has already is no further one. `user`, `address` NULL =
 * not known, no limit. */
gboolean session_table_admits(struct session_table *table, const struct session_limits *limits,
			      const char *user, const char *device, const char *address,
			      gint64 now);
/* A message was answered. */
void session_table_note(struct session_table *table, const char *user, const char *device,
			const char *address, gboolean finished, gint64 now);

/* Sessions under way, and of how many users they are. */
guint session_table_count(struct session_table *table, const struct session_limits *limits,
			  gint64 now, guint *users_r);

/* Devices of a user that said something since. NULL-terminated, new. */
char **session_table_devices(const struct session_table *table, const char *user, gint64 since);

#endif
