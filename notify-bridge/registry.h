/*
 * The registry: users' devices and what each wants to hear. A backend struct, so
 * that other engines stand beside SQLite. Main thread only; changes call back
 * there once they are on disk; look-ups answer at once.
 */
#ifndef FANTAIL_REGISTRY_H
#define FANTAIL_REGISTRY_H

#include "device.h"
#include "pimap-profile.h"

struct registry;

/* `device` is the stored state after the change (borrowed), NULL on error. After
 * remove() it is what was stored before: the queue's rows of it are to go too. */
typedef void (*registry_done)(const struct device *device, const GError *error, gpointer data);

/* FALSE: the device is not dead for that, or was dead before. */
typedef void (*registry_dead_done)(gboolean died, const GError *error, gpointer data);

/* A named filter of Push-IMAP. */
struct registry_filter {
	char *name;
	char *criteria;    /* what follows SEARCH, one line */
	char *charset;     /* NULL = not said */
	char *description; /* likewise */
};
void registry_filter_free(struct registry_filter *filter);

/* What a device hears of a mailbox. */
struct registry_attachment {
	char *mailbox; /* "" = all others */
	char *filter;
};
void registry_attachment_free(struct registry_attachment *attachment);

/* A device of Push-IMAP, as far as format EXTENDED goes. */
struct registry_key {
	gboolean fetched; /* the device has its key */
	gboolean waits;   /* and there is another for it to fetch */
	guint64 sequence; /* of the last notification */
};

/* How a change ended that is of no one device. */
typedef void (*registry_stored)(const GError *error, gpointer data);

struct registry_limits {
	guint devices_per_user;
	guint confirm_secs; /* for a `device` that comes without confirm_by */
};

/* Users' devices, without webhooks. */
struct registry_stats {
	guint64 active, inactive, dead, locked;
};

struct registry_backend {
	const char *name;
	/* Active devices of a user: what the router asks for each event. NULL if
	 * there is none. Array of struct device *, owned. p99 well under 1 ms. */
	GPtrArray *(*active)(struct registry *registry, const char *user);
	/* Is there any active device that wants to hear of mail, and any that wants
	 * content (device_looks_at_content)? The first question of WANT. */
	void (*want)(struct registry *registry, const char *user, gboolean *any_r,
		     gboolean *content_r);
	/* All of a user's devices, or a page of everybody's with the webhooks (user
	 * NULL); by id, those above `after`, at most `limit` (0 = all). Never NULL. */
	GPtrArray *(*list)(struct registry *registry, const char *user, gint64 after, guint limit);
	/* NULL = no such device. */
	struct device *(*get)(struct registry *registry, gint64 id);
	struct device *(*find)(struct registry *registry, const char *user, const char *device);
	/* Creates or updates by (user, device). Equal in every field that the client
	 * may set (endpoint, keys, filters, content, dialect, labels) and under the
	 * same vapid_key: nothing changes and an active one stays active; one that
	 * waits for its confirmation keeps its token (the push may be under way) and
	 * gets the new `confirm_by`. Else it is inactive with the `token` and
	 * `confirm_by` given in `device`; also one that was dead or too late.
	 * STORE_ERROR_LIMIT past devices_per_user (dead ones do not count; only as
	 * many of them are kept). STORE_ERROR_FULL, _BUSY and so on as store.h says:
	 * true of all changes. */
	void (*subscribe)(struct registry *registry, const struct device *device, gint64 now,
			  registry_done done, gpointer data);
	/* The same for what an operator registers, who need not prove that the device is
	 * theirs: active at once, whatever it was before. */
	void (*enrol)(struct registry *registry, const struct device *device, gint64 now,
		      registry_done done, gpointer data);
	/* STORE_ERROR_NOT_FOUND; STORE_ERROR_TOKEN when it is wrong, late, or the
	 * device was confirmed before with another token. Right again on an active
	 * device: fine. After LIMIT_CONFIRM_TRIES wrong ones an inactive one is
	 * removed. */
	void (*confirm)(struct registry *registry, const char *user, const char *device,
			const char *token, gint64 now, registry_done done, gpointer data);
	/* STORE_ERROR_NOT_FOUND is for the caller to forgive. */
	void (*remove)(struct registry *registry, const char *user, const char *device,
		       registry_done done, gpointer data);
	/* A [webhook NAME] of the config as a device, so that the queue has an id
	 * for it: gateway "webhook", `device` and endpoint are `name`, user is "".
	 * The id stays the same as long as the database lives. */
	void (*ensure_webhook)(struct registry *registry, const char *name, gint64 now,
			       registry_done done, gpointer data);
	/* Its id, from memory; 0 = ensure_webhook was never done for it. */
	gint64 (*webhook_id)(struct registry *registry, const char *name);
	/* Gateway's verdicts; `outcome` is one line for people. mark_ok and
	 * mark_failed cost no write: they are kept in memory, where get, find and
	 * list see them, and written by maintain() every five minutes, and by
	 * close(). mark_dead only if the device still has the endpoint that was found
	 * to be dead and has not been confirmed or changed after `dead_at` (unix
	 * seconds, 0 = now); never a webhook. `done` may be NULL. */
	void (*mark_ok)(struct registry *registry, gint64 id, gint64 now, const char *outcome);
	void (*mark_failed)(struct registry *registry, gint64 id, const char *outcome);
	void (*mark_dead)(struct registry *registry, gint64 id, const char *endpoint,
			  gint64 dead_at, gint64 now, const char *outcome, registry_dead_done done,
			  gpointer data);
	/* The device, which is not of FACE_WEBPUSH, says that it is there: none of the pushes
	 * it got are outstanding any more. In memory at once. */
	void (*present)(struct registry *registry, const struct device *device, gint64 now);

	/* Push-IMAP. prefer() and attach() make the device if it is not there (as subscribe
	 * does, but active), STORE_ERROR_REFUSED if the name is one of another face. */
	void (*prefer)(struct registry *registry, const char *user, const char *device,
		       enum pimap_pref pref, const char *value, gint64 now, registry_done done,
		       gpointer data);
	struct pimap_profile *(*profile)(struct registry *registry, gint64 id);
	/* Attaches a filter in the place of what is attached to that mailbox ("" = all others).
	 * NOT_FOUND unless it is "ALL", "NONE" or one that the user has. */
	void (*attach)(struct registry *registry, const char *user, const char *device,
		       const char *mailbox, const char *filter, gint64 now, registry_done done,
		       gpointer data);
	/* The filter that counts for a mailbox; NULL = none. Owned. */
	char *(*attached)(struct registry *registry, gint64 id, const char *mailbox);
	/* struct registry_attachment *, owned; never NULL. */
	GPtrArray *(*attachments)(struct registry *registry, gint64 id);
	/* STORE_ERROR_LIMIT past LIMIT_FILTERS_PER_USER. */
	void (*set_filter)(struct registry *registry, const char *user,
			   const struct registry_filter *filter, registry_stored done,
			   gpointer data);
	/* And what was attached of it. NOT_FOUND. */
	void (*drop_filter)(struct registry *registry, const char *user, const char *name,
			    registry_stored done, gpointer data);
	/* A user's filters, or the one of that name. struct registry_filter *, owned; never
	 * NULL. */
	GPtrArray *(*filters)(struct registry *registry, const char *user, const char *name);
	/* Those that count for a mailbox with some device that can be reached. */
	GPtrArray *(*wanted_filters)(struct registry *registry, const char *user,
				     const char *mailbox);

	/* Push-IMAP's EXTENDED. provision(): the device is told what there is. Made if it is not
	 * there, as by prefer(). `notification_id`, if not NULL, is kept. `fresh`, if not NULL: its
	 * key goes with the answer (device->key): the one that waits, which is the device's from
	 * now on, the one that it has, or else `fresh`. */
	void (*provision)(struct registry *registry, const char *user, const char *device,
			  const char *notification_id, const guint8 *fresh, gint64 now,
			  registry_done done, gpointer data);
	/* `fresh` waits to be fetched. NOT_FOUND; REFUSED if the device has no key. */
	void (*new_key)(struct registry *registry, const char *user, const char *device,
			const guint8 *fresh, registry_done done, gpointer data);
	/* A number that the device never had, and its key: device->sequence, ->key. NOT_FOUND if
	 * it has no key. */
	void (*number)(struct registry *registry, const struct device *device, registry_done done,
		       gpointer data);
	void (*key)(struct registry *registry, gint64 id, struct registry_key *key_r);
	/* A device of Push-IMAP that is locked hears nothing, cannot be changed (REFUSED) and is
	 * not forgotten; or it is active again. NOT_FOUND; REFUSED for other faces. */
	void (*lock)(struct registry *registry, const char *user, const char *device,
		     gboolean locked, registry_done done, gpointer data);

	/* Discards inactive ones past confirm_by, dead ones after `dead_keep_secs`, and those
	 * of other faces than FACE_WEBPUSH that were not seen for LIMIT_DEVICE_UNSEEN_SECS;
	 * called now and then (a minute is fine). */
	void (*maintain)(struct registry *registry, gint64 now, gint64 dead_keep_secs);
	void (*stats)(struct registry *registry, struct registry_stats *stats_r);
	void (*set_limits)(struct registry *registry, const struct registry_limits *limits);
	/* Work under way still runs and reports. Clears the pointer; NULL is fine. */
	void (*close)(struct registry **registry);
};

struct registry {
	const struct registry_backend *backend;
};

/* The embedded default; `store` is borrowed and outlives the registry. */
struct store;
struct registry *registry_sqlite_open(struct store *store, const struct registry_limits *limits,
				      GError **error);

#endif
