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
/* Does a series of alerts begin, with a session id of its own? */
gboolean alert_plan_is_new(const struct pim_alert *alerts, guint len);
/* It was alerted of all of these. FALSE: that was the last time. */
gboolean alert_plan_sent(const struct alert_schedule *schedule, struct pim_alert *alerts, guint len,
			 guint16 session, gint64 now);

#endif
