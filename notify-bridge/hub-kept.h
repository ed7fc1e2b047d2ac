/*
 * What came for sessions that sleep and that no look at a mailbox will find, and who still
 * watches for them: kept for a while, until they are back. Bounded; what is too old or too
 * much is forgotten, as wake-ups may be. Pure.
 */
#ifndef FANTAIL_HUB_KEPT_H
#define FANTAIL_HUB_KEPT_H

#include <glib.h>

struct hub_kept;

/* Who comes back is who says the same as who went to sleep. */
struct hub_sleeper {
	guint uid;
	const char *user, *session;
};

struct hub_kept *hub_kept_new(void);
/* Frees all that is held. NULL is fine. */
void hub_kept_free(struct hub_kept *kept);

/* A line with its LF. Forgets nothing: others may be at what is held. */
void hub_kept_add(struct hub_kept *kept, const struct hub_sleeper *sleeper, const char *line,
		  gsize len, gint64 now_us);
/* `held` is freed with what is kept for that one, which may be at once. */
void hub_kept_hold(struct hub_kept *kept, const struct hub_sleeper *sleeper, gpointer held,
		   GDestroyNotify free_held, gint64 now_us);
/* Forgets what is kept for that one and returns the lines, in order; NULL: there were none.
 * *lost_r: there were more than LIMIT_HUB_KEPT_BYTES. */
GString *hub_kept_take(struct hub_kept *kept, const struct hub_sleeper *sleeper, gboolean *lost_r);
/* Forgets what has been kept for LIMIT_HUB_KEPT_SECS. */
void hub_kept_forget_old(struct hub_kept *kept, gint64 now_us);

/* For how many sessions something is kept. */
guint hub_kept_size(const struct hub_kept *kept);

#endif
