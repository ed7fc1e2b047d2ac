#include "alert-plan.h"

/* Somebody who changes something every other second does not put it off for ever. */
#define PATIENCE 10

static gint64 due_of(const struct alert_schedule *schedule, const struct pim_alert *alert)
{
	gint64 due;

	if (alert->tries > 0)
		return alert->due;
	due = MIN(alert->last + schedule->delay, alert->first + PATIENCE * schedule->delay);
	/* The bridge was away. */
	return MAX(due, alert->due);
}

gint64 alert_plan_due(const struct alert_schedule *schedule, const struct pim_alert *alerts,
		      guint len)
{
	gint64 due = G_MAXINT64;

	for (guint i = 0; i < len; i++)
		due = MIN(due, due_of(schedule, &alerts[i]));
	return due;
}

static gboolean is_new(const struct pim_alert *alerts, guint len)
{
	for (guint i = 0; i < len; i++) {
		if (alerts[i].tries == 0)
			return TRUE;
	}
	return FALSE;
}

guint16 alert_plan_session(const struct pim_alert *alerts, guint len)
{
	gboolean begins = is_new(alerts, len);

	for (guint i = 0; i < len; i++) {
		if ((alerts[i].tries == 0) == begins && alerts[i].session != 0)
			return alerts[i].session;
	}
	return 0;
}

gboolean alert_plan_sent(const struct alert_schedule *schedule, struct pim_alert *alerts, guint len,
			 guint16 session, gint64 now)
{
	guint tries = 0;

	if (!is_new(alerts, len)) {
		for (guint i = 0; i < len; i++)
			tries = MAX(tries, alerts[i].tries);
	}
	if (tries >= schedule->repeats_len)
		return FALSE;
	for (guint i = 0; i < len; i++) {
		alerts[i].session = session;
		alerts[i].tries = tries + 1;
		alerts[i].due = now + schedule->repeats[tries];
	}
	return TRUE;
}
