/*
 * What one message has done, for people: by comparing a session before it with what it is after.
 */
#ifndef FANTAIL_SYNCML_TALLY_H
#define FANTAIL_SYNCML_TALLY_H

#include "service.h"

struct session;

/* The session as it was loaded. */
struct tally_mark;
typedef struct tally_mark tally_mark_t;
struct tally_mark *tally_mark_new(const struct session *session);
void tally_mark_free(struct tally_mark *mark);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tally_mark_t, tally_mark_free)

/* All of it but `begun`. */
void tally_session(const struct tally_mark *before, const struct session *session,
		   struct sml_tally *tally_r);

#endif
