/*
 * The registry: users' devices and what each wants to hear. A backend struct, so
 * that other engines stand beside SQLite. Main thread only; changes call back
 * there once they are on disk; look-ups answer at once.
 */
#ifndef FANTAIL_REGISTRY_H
#define FANTAIL_REGISTRY_H

#include "device.h"

struct registry;

/* `device` is the stored state after the change (borrowed), NULL on error. */
typedef void (*registry_done)(const struct device *device, const GError *error, gpointer data);

struct registry_limits {
	guint devices_per_user;
	guint confirm_secs;
};

struct registry_stats {
	guint64 active, inactive, dead;
};

struct registry_backend {
	const char *name;
	/* Active devices of a user: what the router asks for each event. NULL if
	 * there is none. Array of struct device *, owned. p99 well under 1 ms. */
	GPtrArray *(*active)(struct registry *registry, const char *user);
	/* Is there any active device that wants content? (WANT) */
	void (*want)(struct registry *registry, const char *user, gboolean *any_r,
		     gboolean *content_r);
	/* All of a user's devices, or a page of everybody's (user NULL; ids above
	 * `after`). */
	GPtrArray *(*list)(struct registry *registry, const char *user, gint64 after, guint limit);
	/* NULL = no such device. */
	struct device *(*get)(struct registry *registry, gint64 id);
	struct device *(*find)(struct registry *registry, const char *user, const char *device);
	/* Creates or updates by (user, device). Equal in every field that the client
	 * may set (endpoint, keys, filters, content, dialect, labels) and under the
	 * same vapid_key: nothing changes and an active one stays active. Else it is
	 * inactive with the new `token` and `confirm_by` given in `device`.
	 * STORE_ERROR_LIMIT past devices_per_user (dead ones do not count). */
	void (*subscribe)(struct registry *registry, const struct device *device, gint64 now,
			  registry_done done, gpointer data);
	/* STORE_ERROR_NOT_FOUND; STORE_ERROR_TOKEN when it is wrong, late, or the
	 * device was confirmed before with another token. Right again on an active
	 * device: fine. After LIMIT_CONFIRM_TRIES wrong ones it is removed. */
	void (*confirm)(struct registry *registry, const char *user, const char *device,
			const char *token, gint64 now, registry_done done, gpointer data);
	/* STORE_ERROR_NOT_FOUND is for the caller to forgive. */
	void (*remove)(struct registry *registry, const char *user, const char *device,
		       registry_done done, gpointer data);
	/* Gateway's verdicts. mark_dead only if it has not been confirmed after
	 * `dead_at` (unix seconds). `outcome` is one line for people. */
	void (*mark_ok)(struct registry *registry, gint64 id, gint64 now, const char *outcome);
	void (*mark_failed)(struct registry *registry, gint64 id, const char *outcome);
	void (*mark_dead)(struct registry *registry, gint64 id, gint64 dead_at, gint64 now,
			  const char *outcome);
	/* Discards inactive ones past confirm_by, dead ones after `dead_keep_secs`.*/
	void (*maintain)(struct registry *registry, gint64 now, gint64 dead_keep_secs);
	void (*stats)(struct registry *registry, struct registry_stats *stats_r);
	void (*set_limits)(struct registry *registry, const struct registry_limits *limits);
	void (*close)(struct registry **registry);
};

struct registry {
	const struct registry_backend *backend;
};

struct store;
struct registry *registry_sqlite_open(struct store *store, const struct registry_limits *limits,
				      GError **error);

#endif
