/*
 * Webhooks seen as devices: what the config's [webhook NAME] sections are to the
 * router, the queue and the gateways, which know devices only. The registry
 * gives each name an id for good; all else is as the config says now.
 */
#ifndef FANTAIL_WEBHOOK_DEVICE_H
#define FANTAIL_WEBHOOK_DEVICE_H

#include "bridge-config.h"
#include "gateway.h"
#include "registry.h"

struct webhook_device {
	struct device *device; /* endpoint: the section's name; active */
	char *lane;            /* NULL = cannot be served */
	GPtrArray *users;      /* GPatternSpec *; NULL = everybody */
};

/* Sees to it that the registry has an id for each webhook of the config; `done` is
 * called once, also at once. To be waited for before webhook_devices_new: a
 * webhook without an id hears nothing. */
typedef void (*webhook_devices_done)(const GError *error, gpointer data);
void webhook_devices_ensure(const struct config *config, struct registry *registry,
			    webhook_devices_done done, gpointer data);

/* One for each webhook of the config that has an id. Owned array. */
GPtrArray *webhook_devices_new(const struct gateway_context *context, struct registry *registry);
gboolean webhook_device_concerns(const struct webhook_device *hook, const char *user);
/* NULL if the config has it no more. Borrowed. */
const struct device *webhook_devices_find(const GPtrArray *hooks, gint64 id);

#endif
