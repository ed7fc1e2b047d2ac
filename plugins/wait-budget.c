#include "wait-budget.h"
#include "limits.h"

bool wait_budget_spend(struct wait_budget *budget, uint64_t now_us, uint64_t waited_us)
{
	const uint64_t all_us = LIMIT_WAIT_BUDGET_MSECS * 1000ULL;
	uint64_t back_us = (now_us - budget->updated_us) * LIMIT_WAIT_BUDGET_MSECS_PER_SEC / 1000;

	budget->updated_us = now_us;
	budget->spent_us -= back_us < budget->spent_us ? back_us : budget->spent_us;
	/* No debts: one long wait is punished by the hold-off alone. */
	budget->spent_us += waited_us;
	if (budget->spent_us < all_us)
		return true;
	budget->spent_us = all_us;
	return false;
}
