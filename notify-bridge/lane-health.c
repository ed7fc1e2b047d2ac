#include "lane-health.h"
#include "limits.h"

/* One failure is weather, five in a row without any answer are the place. */
#define OPEN_AFTER 5
#define HOLD_BASE_US (5 * G_USEC_PER_SEC)
#define HOLD_CAP_US (60 * G_USEC_PER_SEC)
/* A lane that never answered holds so few requests that even hundreds of them
 * leave the others room; one that answers has its full share after some thirty. */
#define WINDOW_START 4
#define GUARD_SPAN_US ((gint64)600 * G_USEC_PER_SEC)
#define GUARD_LEAST 20
#define GUARD_SHARE 20 /* one in */

static void hold(struct lane_health *health, const struct outcome *outcome, gint64 now_us,
		 double chance)
{
	gint64 pause = MIN(HOLD_CAP_US, (gint64)HOLD_BASE_US << MIN(health->opened, 10));

	/* Between half and all of it: lanes that fell together rise apart. */
	pause = pause / 2 + (gint64)(CLAMP(chance, 0.0, 1.0) * (double)pause / 2);
	/* The notification that was told so waits out Retry-After in full, and with
	 * THROTTLE whatever else waits for its device (retry.h). The lane sends one
	 * probe a minute: what one device is told may be meant for
	 * that device alone, and must not park everybody's for an hour. */
	pause = MAX(pause, MIN(outcome->retry_after_us, HOLD_CAP_US));
	health->held_until_us = now_us + pause;
	health->opened++;
}

static void count_for_guard(struct lane_health *health, const struct outcome *outcome,
			    gint64 now_us)
{
	if (health->since_us == 0 || now_us - health->since_us >= GUARD_SPAN_US ||
	    now_us < health->since_us) {
		health->since_us = now_us;
		health->sends = health->gone = 0;
		health->warned = FALSE;
	}
	health->sends++;
	if (outcome->kind == OUTCOME_DEVICE_GONE)
		health->gone++;
}

void lane_health_note(struct lane_health *health, const struct outcome *outcome, gint64 now_us,
		      double chance)
{
	gboolean held = lane_health_hold_us(health, now_us) > 0;
	gboolean probe = health->held_until_us != 0 && !held;

	if (health->window == 0)
		health->window = WINDOW_START;
	count_for_guard(health, outcome, now_us);

	switch (outcome->kind) {
	case OUTCOME_GATEWAY_DOWN:
	case OUTCOME_THROTTLE:
		health->window = MAX(1, health->window / 2);
		/* Requests that were under way when the lane was held tell nothing new. */
		if (held)
			break;
		health->failures++;
		if (probe || health->failures >= OPEN_AFTER)
			hold(health, outcome, now_us, chance);
		break;
	case OUTCOME_RETRY:
	case OUTCOME_CONFIG_ERROR:
		/* It answers, if not to our liking: enough to end a hold. */
		if (probe)
			health->held_until_us = 0;
		break;
	case OUTCOME_ACCEPTED:
	case OUTCOME_REJECT_MESSAGE:
	case OUTCOME_DEVICE_GONE:
		health->failures = health->opened = 0;
		health->held_until_us = 0;
		health->window = MIN(health->window + 1, LIMIT_ORIGIN_PARALLEL);
		break;
	}
}

gint64 lane_health_hold_us(struct lane_health *health, gint64 now_us)
{
	/* No hold is longer: the clock was set back. */
	health->held_until_us = MIN(health->held_until_us, now_us + HOLD_CAP_US);
	return MAX(0, health->held_until_us - now_us);
}

guint lane_health_window(const struct lane_health *health, guint most)
{
	if (health->held_until_us != 0)
		return 1;
	return CLAMP(health->window == 0 ? WINDOW_START : health->window, 1, MAX(most, 1));
}

gboolean lane_health_proven(const struct lane_health *health)
{
	return health->window > WINDOW_START && health->failures == 0;
}

gboolean lane_health_believe_gone(struct lane_health *health, gboolean *warn_r)
{
	if (health->gone <= MAX(GUARD_LEAST, health->sends / GUARD_SHARE)) {
		*warn_r = FALSE;
		return TRUE;
	}
	*warn_r = !health->warned;
	health->warned = TRUE;
	return FALSE;
}
