/*
 * Device rules: what phones need that their DevInf does not say. A data file
 * (data/device-rules.conf, and the operator's own after it), one section for each family; all
 * that match a device apply, later ones over earlier.
 *
 *	[Nokia S40]
 *	manufacturer = Nokia
 *	model = 3220;6230*;7200
 *	local-time = yes
 *	no-item-in-status = yes
 */
#ifndef FANTAIL_SYNCML_RULES_H
#define FANTAIL_SYNCML_RULES_H

#include "devinf.h"
#include "item.h"

struct rules; /* the files, read once; immutable, any thread */
typedef struct rules rules_t;

/* Of one device. */
struct device_rules {
	struct pim_style style; /* its zone is not set here */
	gboolean cdata;
	gboolean limited_lengths; /* sizes of DevInf hold even where others would not be believed */
	gboolean ignore_max_size, ignore_capabilities;
	gboolean one_status_per_command; /* and not one for each item */
	gboolean no_replace_in_slow_sync;
	gboolean database_as_alerted; /* DevInf names our stores as the device does */
	gboolean merge_tasks_into_calendar;
	gboolean lenient_anchor, lenient_delete, legacy_nonce, reuse_msg_id;
	gboolean no_item_in_status;
	gboolean no_size;       /* it does not know Meta/Size, so nothing goes in pieces */
	gboolean soft_delete;   /* it knows SftDel: what leaves a filter is not gone */
	gboolean hold_commands; /* it does not repeat them with its credentials */
	gboolean no_alerts;     /* it is never asked to synchronise */
	struct devinf *device_information; /* instead of what it says; NULL = that */
	guint msg_size_percent;            /* of MaxMsgSize is used; 0 = 90 */
	guint reject;                      /* a status for every session; 0 = none */
	char *names;                       /* of the sections that apply: for people */
};

/* `paths` NULL: only what is built in. Errors name file, line and remedy. */
struct rules *rules_load(const char *const *paths, GError **error);
struct rules *rules_ref(const struct rules *rules);
void rules_unref(struct rules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rules_t, rules_unref)

/* `devinf`, `user_agent`: NULL = not known yet. Strings and lists of `rules_r`, but for the names,
 * live as long as `rules`. */
void rules_find(const struct rules *rules, const struct devinf *devinf, const char *device_id,
		const char *user_agent, struct device_rules *rules_r);
void device_rules_clear(struct device_rules *rules);

#endif
