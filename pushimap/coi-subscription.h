/*
 * COI IMAP WebPush v1.0, section 3: a subscription as JSON text, both directions, and the
 * names of the metadata entries below /private/vendor/vendor.dovecot/webpush. Pure.
 */
#ifndef COI_SUBSCRIPTION_H
#define COI_SUBSCRIPTION_H

#include "webpush-args.h"

enum coi_entry {
	COI_ENTRY_NONE, /* nothing of ours */
	COI_ENTRY_VAPID,
	COI_ENTRY_SUBSCRIPTIONS,
	COI_ENTRY_SUBSCRIPTION,
	COI_ENTRY_VALIDATE,
};

/* `path` is what follows ".../webpush/". For the last two kinds the id is written to
 * `id_r`; it has only COI's characters and fits, but may be too short for a new one. */
enum coi_entry coi_entry_parse(const char *path, char id_r[LIMIT_DEVICE_ID + 1]);

/* COI's characters: [0-9A-Za-z_-]. */
bool coi_id_has_valid_chars(const char *id);
/* For new subscriptions: COI's length, too. */
enum webpush_error coi_id_check(const char *id, const char **error_r);

/* Reads the JSON text of a new or changed subscription. `arena` needs len + 1 octets
 * and holds the strings of `sub_r`; `device` is left for the caller. Members that are not
 * known are dropped (section 3.1). Never returns WEBPUSH_SYNTAX or _BADEVENT. */
enum webpush_error coi_subscription_parse(const char *json, size_t len, char *arena,
					  struct webpush_subscription *sub_r, const char **error_r);

/* A row of a listing. Strings may be NULL where the registry has none. */
struct coi_listing {
	uint64_t created; /* unix seconds */
	bool validated;
	const char *client, *label, *msgtype, *endpoint, *p256dh, *auth;
};

/* Writes JSON text like snprintf: returns the length it has or would have. */
size_t coi_listing_format(const struct coi_listing *listing, char *out, size_t size);

#endif
