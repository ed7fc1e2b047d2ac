/*
 * Sweeps the users of a store (pim_sweep_user()), one at a time in a thread of its own, as
 * sweep-plan.h has it. Main loop.
 */
#ifndef FANTAIL_SYNCML_SWEEPER_H
#define FANTAIL_SYNCML_SWEEPER_H

#include "store.h"

struct sweeper;

struct sweeper_settings {
	struct pim_store *store;
	struct pim_keep keep;
	gint64 first_us;  /* not before so long after the start, which has enough to do */
	gint64 period_us; /* once in so long, each */
	/* Of each user, in the main loop. `error` NULL: it went well. */
	void (*swept)(const char *user, const struct pim_swept *swept, const GError *error,
		      gpointer data);
	gpointer data;
};

struct sweeper *sweeper_new(const struct sweeper_settings *settings);
void sweeper_set_keep(struct sweeper *sweeper, const struct pim_keep *keep);
/* Waits for a transaction that is under way. NULL is fine; clears the pointer. */
void sweeper_free(struct sweeper **sweeper);

#endif
