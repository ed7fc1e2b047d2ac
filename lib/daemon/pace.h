/*
 * A bounded table of token buckets, by key: what keeps one device from being
 * flooded and one user from registering without end. Past its size the bucket
 * that was used longest ago is forgotten, which means it is full again. Pure.
 */
#ifndef FANTAIL_PACE_H
#define FANTAIL_PACE_H

#include "bucket.h"

struct pace;

struct pace *pace_new(guint max);
/* NULL is fine; clears the pointer. */
void pace_free(struct pace **pace);
/* As bucket_take; besides not before the time given to pace_hold. */
gint64 pace_take(struct pace *pace, const char *key, guint rate, guint burst, gint64 now_us);
/* Gives back what pace_take took: it turned out to be none of those that are counted. */
void pace_give_back(struct pace *pace, const char *key);
/* For `id`, which pace_take has just refused: a time of its own to come again, from
 * earliest_us on and one step of `rate` (0 = no bound) after the last that was
 * handed out for the key. So each of many that wait comes again once, and not all
 * of them for every single token. The same one if it asks again before its time. 0
 * = there is none before before_us; then none is taken. */
gint64 pace_slot(struct pace *pace, const char *key, gint64 id, guint rate, gint64 earliest_us,
		 gint64 before_us);
/* Nothing for this key before until_us, which is no more than LIMIT_RETRY_AFTER_SECS
 * from now. */
void pace_hold(struct pace *pace, const char *key, gint64 until_us);
guint pace_size(const struct pace *pace);

#endif
