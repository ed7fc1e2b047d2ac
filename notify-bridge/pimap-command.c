#include "pimap-command.h"

#include "bridge-config.h"
#include "limits.h"
#include "pimap-profile.h"
#include "pimap-reach.h"

#include <string.h>

#define PREFIX "COMMAND\tevent="

/* NULL and why. */
static char *lane_of(const struct gateway_context *context, struct registry *registry,
		     const struct device *device, const char **why_r)
{
	const struct gateway *gateway = gateway_find(device->gateway);
	g_autoptr(device_t) reached = device_copy(device);
	struct registry_key key;
	char *lane = NULL;

	registry->backend->key(registry, device->id, &key);
	if (device->dialect != DIALECT_EXTENDED)
		*why_r = "its format is EMN, which cannot say it";
	else if (!key.fetched)
		*why_r = "it has no key";
	else if (gateway == NULL)
		*why_r = "it has no channel, or no address";
	else if (!pimap_device_allowed(context->config, device))
		*why_r = "its channel or format is switched off";
	else
		*why_r = pimap_reach(registry, reached);
	if (*why_r != NULL)
		return NULL;
	lane = gateway->lane(context, reached);
	if (lane == NULL)
		*why_r = "its address cannot be served";
	return lane;
}

struct notification *pimap_command(const struct gateway_context *context, struct registry *registry,
				   const struct device *device, const char *event, gint64 now_us,
				   const char **why_r)
{
	char *lane = lane_of(context, registry, device, why_r);
	struct notification *notification;

	if (lane == NULL)
		return NULL;
	notification = g_new0(struct notification, 1);
	notification->device = device->id;
	notification->user = g_strdup(device->user);
	notification->key = g_strdup(event);
	notification->lane = lane;
	notification->first_us = notification->due_us = now_us;
	/* A device that was lost may be off for long. */
	notification->expires_us = now_us + LIMIT_PUSH_TTL_SECS * (gint64)G_USEC_PER_SEC;
	notification->event = g_strconcat(PREFIX, event, NULL);
	return notification;
}

gboolean pimap_command_is_over(const struct device *device, const struct notification *notification)
{
	return strcmp(notification->event, PREFIX PIMAP_LOCK_DOWN) == 0 &&
	       device->state != DEVICE_LOCKED;
}
