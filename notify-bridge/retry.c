#include "retry.h"
#include "limits.h"

#define BASE_US (2 * G_USEC_PER_SEC)
#define LEAST_US G_USEC_PER_SEC
#define CAP_US ((gint64)LIMIT_BACKOFF_SECS * G_USEC_PER_SEC)

gint64 retry_pause_us(guint attempts, gint64 retry_after_us, double chance)
{
	/* 2 s * 2^9 is past the cap; the shift must not run out of bits. */
	gint64 ceiling = attempts > 20 ? CAP_US : MIN(CAP_US, (gint64)BASE_US << attempts);
	gint64 pause = (gint64)(CLAMP(chance, 0.0, 1.0) * (double)ceiling);

	pause = MAX(pause, LEAST_US);
	retry_after_us = MIN(retry_after_us, (gint64)LIMIT_RETRY_AFTER_SECS * G_USEC_PER_SEC);
	return MAX(pause, retry_after_us);
}

void retry_decide(const struct outcome *outcome, guint attempts, gboolean was_minimal,
		  gint64 hold_us, gint64 now_us, gint64 expires_us, double chance,
		  struct retry_decision *decision_r)
{
	struct retry_decision decision = {.verdict = RETRY_LATER};

	switch (outcome->kind) {
	case OUTCOME_ACCEPTED:
		decision.verdict = RETRY_FINISH;
		break;
	case OUTCOME_RETRY:
		decision.pause_us = retry_pause_us(attempts, outcome->retry_after_us, chance);
		decision.counts = TRUE;
		break;
	case OUTCOME_THROTTLE:
		/* Whoever asks for less without saying when gets the back-off of its
		 * failures so far; being busy is none. */
		decision.pause_us = retry_pause_us(attempts, outcome->retry_after_us, chance);
		decision.pause_us = MAX(decision.pause_us, hold_us);
		decision.holds_device = TRUE;
		break;
	case OUTCOME_GATEWAY_DOWN:
		/* While the lane is left alone its messages are not to blame: after
		 * an outage they shall not wait out long back-offs of their own. */
		decision.pause_us =
			retry_pause_us(hold_us > 0 ? 0 : attempts, outcome->retry_after_us, chance);
		decision.pause_us = MAX(decision.pause_us, hold_us);
		decision.counts = hold_us == 0;
		break;
	case OUTCOME_CONFIG_ERROR:
		/* Nothing gets better before an operator acts. */
		decision.pause_us =
			CAP_US / 2 + (gint64)(CLAMP(chance, 0.0, 1.0) * (double)CAP_US / 2);
		break;
	case OUTCOME_REJECT_MESSAGE:
		decision.verdict = was_minimal ? RETRY_DROP : RETRY_MINIMAL;
		break;
	case OUTCOME_DEVICE_GONE:
		decision.verdict = RETRY_DEVICE_GONE;
		break;
	}
	if (decision.verdict == RETRY_LATER && decision.pause_us >= expires_us - now_us)
		decision.verdict = RETRY_DROP;
	*decision_r = decision;
}
