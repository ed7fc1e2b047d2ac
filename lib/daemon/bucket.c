#include "bucket.h"

#define MINUTE_US ((double)60 * G_USEC_PER_SEC)

gint64 bucket_take(struct bucket *bucket, guint rate, guint burst, gint64 now_us)
{
	double most = MAX(burst, 1);

	if (rate == 0)
		return 0;
	if (bucket->updated_us == 0) {
		bucket->tokens = most;
		bucket->updated_us = now_us;
	} else if (now_us > bucket->updated_us) {
		bucket->tokens += (double)(now_us - bucket->updated_us) * rate / MINUTE_US;
		/* Half of one more: who comes a little late for its token does not make all
		 * late that follow at its pace. */
		bucket->tokens = MIN(bucket->tokens, most + 0.5);
		bucket->updated_us = now_us;
	} else {
		bucket->updated_us = now_us;
	}
	if (bucket->tokens >= 1.0) {
		bucket->tokens -= 1.0;
		return 0;
	}
	/* One more than the quotient, so that a token is really there by then. */
	return (gint64)((1.0 - bucket->tokens) * MINUTE_US / rate) + 1;
}

void bucket_give_back(struct bucket *bucket)
{
	bucket->tokens += 1.0;
}
