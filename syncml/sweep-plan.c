#include "sweep-plan.h"

#include "store.h"

void sweep_plan_init(struct sweep_plan *plan, gint64 period_us, gint64 first_us)
{
	gint64 slot = period_us / PIM_STORE_PARTS;
	gint64 number = (first_us + slot - 1) / slot;

	*plan = (struct sweep_plan){
		.slot_us = slot,
		.begins_us = number * slot,
		.part = (guint)(number % PIM_STORE_PARTS),
	};
}

gint64 sweep_plan_wait(const struct sweep_plan *plan, gint64 now_us)
{
	gint64 due = plan->begins_us;

	if (plan->listed && plan->users > 0)
		due += plan->slot_us / plan->users * plan->done;
	/* A clock that was set back does not stop it. */
	return CLAMP(due - now_us, 0, plan->slot_us);
}

static void next_part(struct sweep_plan *plan, gint64 now_us)
{
	gint64 period = plan->slot_us * PIM_STORE_PARTS;

	plan->part = (plan->part + 1) % PIM_STORE_PARTS;
	plan->begins_us += plan->slot_us;
	/* After a night in suspend there is one round to catch up with, not one for each day; and
	 * the clock may be another one by now. */
	plan->begins_us += (now_us - plan->begins_us) / period * period;
	plan->listed = FALSE;
	plan->users = plan->done = 0;
}

gboolean sweep_plan_listed(struct sweep_plan *plan, guint users, gint64 now_us)
{
	plan->listed = TRUE;
	plan->users = users;
	if (users > 0)
		return FALSE;
	next_part(plan, now_us);
	return TRUE;
}

gboolean sweep_plan_done(struct sweep_plan *plan, gint64 now_us)
{
	if (++plan->done < plan->users)
		return FALSE;
	next_part(plan, now_us);
	return TRUE;
}
