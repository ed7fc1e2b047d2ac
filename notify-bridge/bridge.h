/*
 * The daemon's parts and how they hang together: built in order, given a new
 * config on reload, taken down in reverse. main.c adds the process around it.
 */
#ifndef FANTAIL_BRIDGE_H
#define FANTAIL_BRIDGE_H

#include <glib.h>

struct bridge;

/* Listening sockets from the service manager; -1 = bind the config's path. */
struct bridge_sockets {
	int mail;
	int control;
};

/* Ready when it returns. Runs the main loop meanwhile, until the database knows the
 * config's webhooks. NULL on error, with everything taken down again. */
struct bridge *bridge_start(const char *config_path, const struct bridge_sockets *sockets,
			    GError **error);

/* Reads the config again. FALSE: it is bad, and nothing has changed. TRUE: the new
 * one is in force, or will be as soon as the database knows its new webhooks.
 * Paths and sizes of sockets, spool and database need a restart; that is said in
 * the log. */
gboolean bridge_reload(struct bridge *bridge, GError **error);

/* Would bridge_start find this config good? Opens no socket and no database. */
gboolean bridge_check(const char *config_path, GError **error);

/* Takes no new work, answers what is pending, waits for the gateways' answers to
 * what is in flight (together 5 s at most), closes. Clears the pointer; NULL and
 * half-built ones are fine. */
void bridge_stop(struct bridge **bridge);

#endif
