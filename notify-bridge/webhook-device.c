#include "webhook-device.h"

#include <string.h>

/* --- ids ------------------------------------------------------------------ */

struct ensuring {
	guint waiting;
	GError *error; /* the first */
	webhook_devices_done done;
	gpointer data;
};

static void ensured_one(struct ensuring *ensuring)
{
	if (--ensuring->waiting > 0)
		return;
	ensuring->done(ensuring->error, ensuring->data);
	g_clear_error(&ensuring->error);
	g_free(ensuring);
}

static void ensured(const struct device *device, const GError *error, gpointer data)
{
	struct ensuring *ensuring = data;

	if (error != NULL && ensuring->error == NULL)
		ensuring->error = g_error_copy(error);
	ensured_one(ensuring);
}

void webhook_devices_ensure(const struct config *config, struct registry *registry,
			    webhook_devices_done done, gpointer data)
{
	struct ensuring *ensuring = g_new0(struct ensuring, 1);
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;

	ensuring->done = done;
	ensuring->data = data;
	/* One more than there are, so that it ends here if all had theirs. */
	ensuring->waiting = 1;
	for (guint i = 0; config->webhooks != NULL && i < config->webhooks->len; i++) {
		const struct config_webhook *webhook = g_ptr_array_index(config->webhooks, i);

		if (webhook->pimap || registry->backend->webhook_id(registry, webhook->name) != 0)
			continue;
		ensuring->waiting++;
		registry->backend->ensure_webhook(registry, webhook->name, now, ensured, ensuring);
	}
	ensured_one(ensuring);
}

/* --- devices -------------------------------------------------------------- */

static void webhook_device_free(gpointer data)
{
	struct webhook_device *hook = data;

	device_free(hook->device);
	g_free(hook->lane);
	if (hook->users != NULL)
		g_ptr_array_unref(hook->users);
	g_free(hook);
}

static struct webhook_device *webhook_device_new(const struct gateway_context *context,
						 const struct config_webhook *webhook, gint64 id)
{
	const struct gateway *gateway = gateway_find("webhook");
	struct webhook_device *hook = g_new0(struct webhook_device, 1);
	struct device *device = g_new0(struct device, 1);

	device->id = id;
	device->user = g_strdup("");
	device->device = g_strdup(webhook->name);
	device->gateway = g_strdup("webhook");
	device->state = DEVICE_ACTIVE;
	device->endpoint = g_strdup(webhook->name);
	device->events = webhook->events;
	device->mailboxes = g_strdupv(webhook->mailboxes);
	device->content = webhook->content;
	hook->device = device;
	if (gateway != NULL)
		hook->lane = gateway->lane(context, device);
	if (webhook->users != NULL) {
		hook->users = g_ptr_array_new_with_free_func((GDestroyNotify)g_pattern_spec_free);
		for (char **glob = webhook->users; *glob != NULL; glob++)
			g_ptr_array_add(hook->users, g_pattern_spec_new(*glob));
	}
	return hook;
}

GPtrArray *webhook_devices_new(const struct gateway_context *context, struct registry *registry)
{
	GPtrArray *hooks = g_ptr_array_new_with_free_func(webhook_device_free);
	const GPtrArray *webhooks = context->config->webhooks;

	for (guint i = 0; webhooks != NULL && i < webhooks->len; i++) {
		const struct config_webhook *webhook = g_ptr_array_index(webhooks, i);
		gint64 id = registry->backend->webhook_id(registry, webhook->name);

		if (id != 0 && !webhook->pimap)
			g_ptr_array_add(hooks, webhook_device_new(context, webhook, id));
	}
	return hooks;
}

gboolean webhook_device_concerns(const struct webhook_device *hook, const char *user)
{
	if (hook->users == NULL)
		return TRUE;
	for (guint i = 0; i < hook->users->len; i++) {
		if (g_pattern_spec_match_string(g_ptr_array_index(hook->users, i), user))
			return TRUE;
	}
	return FALSE;
}

const struct device *webhook_devices_find(const GPtrArray *hooks, gint64 id)
{
	for (guint i = 0; i < hooks->len; i++) {
		const struct webhook_device *hook = g_ptr_array_index(hooks, i);

		if (hook->device->id == id)
			return hook->device;
	}
	return NULL;
}
