/* A token bucket. Pure; time is an argument. */
#ifndef FANTAIL_BUCKET_H
#define FANTAIL_BUCKET_H

#include <glib.h>

/* `rate` a minute, up to `burst` at once; rate 0 = no bound. */
struct bucket {
	double tokens;
	gint64 updated_us;
};
/* Takes one token: 0, or how many microseconds until there is one (nothing is
 * taken then). A zeroed bucket is a full one. A clock that was set back costs
 * nothing but the time until it has caught up. */
gint64 bucket_take(struct bucket *bucket, guint rate, guint burst, gint64 now_us);
/* One that was taken. */
void bucket_give_back(struct bucket *bucket);

#endif
