/*
 * The preferences of a device of Push-IMAP (draft-maes-lemonade-p-imap-12, 5.3.2), and
 * what they make of it for the router and the gateways. Pure.
 */
#ifndef FANTAIL_PIMAP_PROFILE_H
#define FANTAIL_PIMAP_PROFILE_H

#include "bridge-config.h"
#include "device.h"

enum pimap_pref {
	PIMAP_PREF_ADDRESS,
	PIMAP_PREF_CHANNEL,
	PIMAP_PREF_FORMAT,
	PIMAP_PREF_EVENT_FILTER,
	PIMAP_PREF_INBAND_PUSH,
	PIMAP_PREF_INBAND_NEW_FORMAT,
};
#define PIMAP_PREF_COUNT 6

/* NULL = never set. */
struct pimap_profile {
	char *values[PIMAP_PREF_COUNT];
};

void pimap_profile_free(struct pimap_profile *profile);
typedef struct pimap_profile pimap_profile_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(pimap_profile_t, pimap_profile_free)

/* "PIMAP_OUTBAND_ADDRESS", ...; in any case. */
gboolean pimap_pref_parse(const char *name, enum pimap_pref *pref_r);
const char *pimap_pref_name(enum pimap_pref pref);
/* Its key in the answer to PROFILE, "address", ... */
const char *pimap_pref_key(enum pimap_pref pref);
/* Never NULL: what was set, or else the default. */
const char *pimap_profile_get(const struct pimap_profile *profile, enum pimap_pref pref);

/* What the operator has to configure before that channel carries anything, for the message;
 * NULL = nothing. */
const char *pimap_channel_lacks(const struct config *config, const char *name);
/* Is it something that the channel can reach? "" always is. NULL: yes; else why not, for
 * people. A subscription's name, a URL's host are not looked at closer. */
const char *pimap_address_check(const struct config *config, const char *channel,
				const char *address);
/* Of a device on channel HTTP: is the endpoint a URL, or a webhook's name? */
gboolean pimap_is_url(const char *endpoint);
/* "SMS", "WAP_PUSH", ... Not NONE. */
gboolean pimap_channel_known(const char *name);
/* Separated by blanks: what this bridge can and its operator allows. */
char *pimap_channels(const struct config *config);
const char *pimap_formats(const struct config *config);

/* Can `value` become that preference of a device with that profile? NULL: yes, and
 * *canonical_r is how it is stored; else why not, for people. */
const char *pimap_pref_check(const struct config *config, const struct pimap_profile *profile,
			     enum pimap_pref pref, const char *value, char **canonical_r);

/* Fills in gateway, endpoint, dialect, events and the label. A device that cannot be
 * reached has a gateway that there is not and wants no events. */
void pimap_profile_apply(const struct pimap_profile *profile, struct device *device);

/* Does the operator still allow the channel, and the format, that this device was put on? */
gboolean pimap_device_allowed(const struct config *config, const struct device *device);

/* A device's name as it comes with a login: 1 to LIMIT_DEVICE_ID letters, digits, "-",
 * "_" and "." NULL is none. */
gboolean pimap_device_id_valid(const char *id);

#endif
