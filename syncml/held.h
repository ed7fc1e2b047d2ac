/*
 * Messages that were heard and not done: of a phone that had not shown a password yet and will not
 * say it again, and of one that was told that we are busy. In memory, since nothing was promised;
 * found by the key of the address that went out with the answer, which nobody else knows. So
 * what a stranger says under a phone's name is never done with that phone's password. Any
 * thread.
 */
#ifndef FANTAIL_SYNCML_HELD_H
#define FANTAIL_SYNCML_HELD_H

#include "markup.h"

enum held_why {
	HELD_UNPROVED,
	HELD_BUSY,
};

struct held;

struct held *held_new(void);
/* NULL is fine; clears the pointer. */
void held_free(struct held **held);
/* One for each key; the oldest go when there are too many, and one that is too large is not
 * taken (limits.h). FALSE: it was not. */
gboolean held_put(struct held *held, const char *key, enum held_why why, enum sml_encoding encoding,
		  GBytes *body, gint64 now);
/* NULL = none. New. */
GBytes *held_find(struct held *held, const char *key, gint64 now, enum held_why *why_r,
		  enum sml_encoding *encoding_r);
void held_drop(struct held *held, const char *key);

#endif
