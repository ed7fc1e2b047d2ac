/*
 * What a lane's outcomes say about the lane itself: when to leave it alone, how
 * much of it to trust with requests in flight, and when "device gone" is the
 * gateway's fault and not the devices'. Pure; time and chance are arguments.
 */
#ifndef FANTAIL_LANE_HEALTH_H
#define FANTAIL_LANE_HEALTH_H

#include <glib.h>

#include "gateway.h"

/* A zeroed one is that of a lane nothing is known of. */
struct lane_health {
	/* the circuit */
	guint failures;       /* GATEWAY_DOWN and THROTTLE in a row */
	guint opened;         /* how often in a row the lane was held */
	gint64 held_until_us; /* 0 = not held; past = one probe decides */
	/* slow start */
	guint window;
	/* the mass-deletion guard's ten minutes */
	gint64 since_us;
	guint sends;
	guint gone;
	gboolean warned;
};

/* An outcome is in. */
void lane_health_note(struct lane_health *health, const struct outcome *outcome, gint64 now_us,
		      double chance);

/* How long no request goes out; 0 = it may. A clock that was set back does not make it
 * longer than a minute. */
gint64 lane_health_hold_us(struct lane_health *health, gint64 now_us);

/* How many requests may be in flight: 1 for the probe after a hold, few for a lane
 * that has not shown yet that it answers, at most `most`. */
guint lane_health_window(const struct lane_health *health, guint most);

/* It has answered before and nothing has failed since. */
gboolean lane_health_proven(const struct lane_health *health);

/* To be asked after lane_health_note of a DEVICE_GONE. FALSE: more than
 * max(20, 5 % of the sends) within ten minutes were "gone", which no
 * set of healthy devices does; then nothing is to be deleted. *warn_r: first time
 * in these ten minutes. */
gboolean lane_health_believe_gone(struct lane_health *health, gboolean *warn_r);

#endif
