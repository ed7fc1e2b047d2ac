#include "pimap-reach.h"

#include <string.h>

static gboolean is_subscription(const struct device *device)
{
	return device != NULL && device_face(device->dialect) == FACE_WEBPUSH &&
	       strcmp(device->gateway, "webpush") == 0;
}

static const char *judge(const struct device *subscription)
{
	if (!is_subscription(subscription))
		return "there is no such Web Push subscription; register it with WEBPUSH first";
	if (subscription->state != DEVICE_ACTIVE)
		return "the Web Push subscription is not active; confirm it, or register it anew";
	return NULL;
}

const char *pimap_reach_check(struct registry *registry, const char *user, const char *name)
{
	g_autoptr(device_t) subscription = registry->backend->find(registry, user, name);

	return judge(subscription);
}

const char *pimap_reach(struct registry *registry, struct device *device)
{
	g_autoptr(device_t) subscription = NULL;
	const char *text;

	if (device_face(device->dialect) != FACE_PIMAP || device->via != 0 ||
	    strcmp(device->gateway, "webpush") != 0)
		return NULL;
	subscription = registry->backend->find(registry, device->user, device->endpoint);
	text = judge(subscription);
	if (text != NULL)
		return text;
	device->via = subscription->id;
	g_free(device->endpoint);
	device->endpoint = g_strdup(subscription->endpoint);
	g_free(device->vapid_key);
	device->vapid_key = g_strdup(subscription->vapid_key);
	memcpy(device->p256dh, subscription->p256dh, sizeof(device->p256dh));
	memcpy(device->auth, subscription->auth, sizeof(device->auth));
	return NULL;
}
