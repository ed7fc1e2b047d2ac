/*
 * When which user is swept: each part of the users (pim/store.h) has its slot of the period, at the
 * same time each day however often the daemon is restarted, and within it its users come one
 * after the other at even distances. Pure: time is an argument, microseconds.
 */
#ifndef FANTAIL_SYNCML_SWEEP_PLAN_H
#define FANTAIL_SYNCML_SWEEP_PLAN_H

#include <glib.h>

struct sweep_plan {
	gint64 slot_us;
	gint64 begins_us; /* the slot of this part */
	guint part;
	gboolean listed; /* it is known how many users it has */
	guint users, done;
};

/* The first slot is one that begins at first_us or later. */
void sweep_plan_init(struct sweep_plan *plan, gint64 period_us, gint64 first_us);
/* How long until the next step: the part's users are listed, or the next of them is swept. */
gint64 sweep_plan_wait(const struct sweep_plan *plan, gint64 now_us);
/* TRUE: there are none, and the plan is at the next part. */
gboolean sweep_plan_listed(struct sweep_plan *plan, guint users, gint64 now_us);
/* One was swept. TRUE: it was the last, as above. */
gboolean sweep_plan_done(struct sweep_plan *plan, gint64 now_us);

#endif
