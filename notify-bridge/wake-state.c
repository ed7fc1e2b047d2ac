#include "wake-state.h"
#include "limits.h"

gint64 wake_state_hold_secs(guint wakes, gint64 last, gint64 now)
{
	static const gint64 again[] = {LIMIT_WAKE_AGAIN_SECS, LIMIT_WAKE_AGAIN_2_SECS,
				       LIMIT_WAKE_AGAIN_3_SECS};
	gint64 wait;

	if (wakes == 0)
		return 0;
	wait = again[MIN(wakes, G_N_ELEMENTS(again)) - 1];
	return CLAMP(last + wait - now, 0, wait);
}
