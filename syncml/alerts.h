/*
 * Whose devices are alerted when: users with something noted (pim/store-alerts.c), a timer, and
 * the work itself in a worker (alert-send.c). What is in memory is found again after a restart. On
 * the main loop.
 */
#ifndef FANTAIL_SYNCML_ALERTS_H
#define FANTAIL_SYNCML_ALERTS_H

#include "alert-send.h"
#include "server.h"

struct alerts;

/* Those that were noted before it started are seen to at once. `server` is borrowed. */
struct alerts *alerts_new(struct server *server);
/* Begins nothing more. Before server_stop(), which waits for what is under way. */
void alerts_stop(struct alerts *alerts);
/* After it. NULL is fine; clears the pointer. */
void alerts_free(struct alerts **alerts);

/* Somebody else has changed what this user has. */
void alerts_look(struct alerts *alerts, const char *user);
/* Alerts a device at once, NULL = all of the user's. `done` is called by the main loop; what it is
 * given ends with the call. FALSE: no bridge is configured. */
typedef void alerts_done(const struct alert_send *send, gpointer data);
gboolean alerts_send_now(struct alerts *alerts, const char *user, const char *device,
			 alerts_done *done, gpointer data);

#endif
