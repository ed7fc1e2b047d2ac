/*
 * How much of its time a mail process gives to the bridge in all. Each hand-over
 * has its deadline; but a bridge that takes half of it every time would slow a
 * delivery to many recipients down by the sum. A leaky bucket: waiting fills it,
 * time empties it (LIMIT_WAIT_BUDGET_MSECS, LIMIT_WAIT_BUDGET_MSECS_PER_SEC).
 * Pure; the monotonic clock is an argument.
 */
#ifndef FANTAIL_WAIT_BUDGET_H
#define FANTAIL_WAIT_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* Zeros at the start: nothing was spent. */
struct wait_budget {
	uint64_t spent_us;
	uint64_t updated_us;
};

/* False if nothing is left after this. */
bool wait_budget_spend(struct wait_budget *budget, uint64_t now_us, uint64_t waited_us);

#endif
