/*
 * Alerts the devices of one user that are due: reads what is noted, makes a package #0 for each and
 * hands it to the bridge, then notes what became of it. What is noted stays in the store until
 * the bridge has taken it. Blocks on the disk and on the bridge: for a worker.
 */
#ifndef FANTAIL_SYNCML_ALERT_SEND_H
#define FANTAIL_SYNCML_ALERT_SEND_H

#include "alert-plan.h"
#include "service.h"

/* One device, for people. */
struct alert_told {
	char *device;
	char *databases;     /* "contacts calendar" */
	gboolean sent;       /* the bridge took it */
	gboolean registered; /* and will notify somebody of it */
	char *why;           /* not sent; NULL = it was */
};
void alert_told_free(gpointer told);

struct alert_send {
	const char *user;
	const struct alert_schedule *schedule;
	const char *socket;      /* the bridge's */
	const char *const *busy; /* devices that are in a session, NULL-terminated; NULL = none */
	gint64 now;
	/* At once and of all that it syncs, without repeats: `device`, NULL = all. */
	gboolean force;
	const char *device;

	/* The result */
	gint64 next;     /* when to come again; 0 = nothing is left */
	GPtrArray *told; /* struct alert_told *; owned by the caller */
	char *trouble;   /* the bridge took none, or the store does not work; NULL = neither */
};
void alert_send_run(const struct sml_service *service, struct alert_send *send);

#endif
