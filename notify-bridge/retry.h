/*
 * When to try again, and how fast: back-off, Retry-After. Pure;
 * time and chance are arguments.
 */
#ifndef FANTAIL_RETRY_H
#define FANTAIL_RETRY_H

#include <glib.h>

#include "gateway.h"

/* Full jitter: chance (0..1) of min(cap, base * 2^attempts), at least 1 s, not
 * before retry_after_us (-1 = none; believed up to LIMIT_RETRY_AFTER_SECS).
 * Returns the pause in microseconds. */
gint64 retry_pause_us(guint attempts, gint64 retry_after_us, double chance);

/* What the dispatcher does with a notification after an outcome. */
enum retry_verdict {
	RETRY_FINISH,
	RETRY_LATER,   /* at now + pause */
	RETRY_MINIMAL, /* at once, without content */
	RETRY_DROP,    /* expired, or rejected in minimal form too */
	RETRY_DEVICE_GONE,
};
struct retry_decision {
	enum retry_verdict verdict;
	gint64 pause_us;
	gboolean counts;       /* raises the notification's attempts */
	gboolean holds_device; /* whatever else waits for the device waits as long */
};
/* `hold_us`: how much longer the whole lane is left alone after this outcome
 * (lane-health.h), 0 = it is not: then a failure is the device's own and counts. */
void retry_decide(const struct outcome *outcome, guint attempts, gboolean was_minimal,
		  gint64 hold_us, gint64 now_us, gint64 expires_us, double chance,
		  struct retry_decision *decision_r);

#endif
