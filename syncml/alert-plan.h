/*
 * When a device is alerted of changes, and how often: some seconds after the last of many, then
 * again after each interval until it syncs, then no more. Pure; time is an argument.
 */
#ifndef FANTAIL_SYNCML_ALERT_PLAN_H
#define FANTAIL_SYNCML_ALERT_PLAN_H

#include "store.h"

#define ALERT_REPEATS_MAX 8

struct alert_schedule {
	gint64 delay;                      /* seconds without a change, ten times that at most */
	gint64 repeats[ALERT_REPEATS_MAX]; /* after each alert the time to the next */
	guint repeats_len;
};

/* When the device that has these notes, at least one, is to be alerted next. */
gint64 alert_plan_due(const struct alert_schedule *schedule, const struct pim_alert *alerts,
		      guint len);
/* The session id of the series that these are alerted in: of one that goes on, or begins and was
 * not noted as sent yet. 0 = one begins, and needs an id of its own. */
guint16 alert_plan_session(const struct pim_alert *alerts, guint len);
/* It was alerted of all of these. FALSE: that was the last time. */
gboolean alert_plan_sent(const struct alert_schedule *schedule, struct pim_alert *alerts, guint len,
			 guint16 session, gint64 now);

#endif
