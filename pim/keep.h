/*
 * How long things are kept, as a configuration file says it: the keys of its section [keep], for
 * whoever sweeps.
 */
#ifndef FANTAIL_PIM_KEEP_H
#define FANTAIL_PIM_KEEP_H

#include "config-table.h"
#include "store.h"

#define PIM_KEEP_SECTION "keep"
#define PIM_KEEP_DAY 86400
/* What is usual: a quarter to find out what was lost, two for a phone in a drawer. */
#define PIM_KEEP_DEFAULTS                                                               \
	{                                                                               \
		.history_secs = 90 * PIM_KEEP_DAY, .deletion_secs = 180 * PIM_KEEP_DAY, \
		.device_secs = (gint64)365 * PIM_KEEP_DAY,                              \
	}

/* Rows of a struct config_key table; `at` is the offset of the struct pim_keep. Deletions are
 * kept for longer than a suspended sync may wait to be resumed (resume-time, 30 days), which goes
 * on without looking. */
#define PIM_KEEP_KEY(key, at, member, days)                              \
	{                                                                \
		PIM_KEEP_SECTION, key, config_key_secs64,                \
			(at) + G_STRUCT_OFFSET(struct pim_keep, member), \
			(guint64)(days)*PIM_KEEP_DAY *G_USEC_PER_SEC,    \
			(guint64)3650 * PIM_KEEP_DAY *G_USEC_PER_SEC     \
	}
#define PIM_KEEP_KEYS(at)                                         \
	PIM_KEEP_KEY("history", at, history_secs, 1),             \
		PIM_KEEP_KEY("deletions", at, deletion_secs, 31), \
		PIM_KEEP_KEY("devices", at, device_secs, 31)

#endif
