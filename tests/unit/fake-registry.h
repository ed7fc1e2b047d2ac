/* The registry's contract (registry.h) in memory, for tests of those who use it. */
#ifndef FANTAIL_FAKE_REGISTRY_H
#define FANTAIL_FAKE_REGISTRY_H

#include <string.h>

#include "limits.h"
#include "registry.h"
#include "store.h"

struct fake_registry {
	struct registry base;
	GPtrArray *devices; /* struct device * */
	gint64 last_id;
	gboolean at_once; /* reports before the call returns */
	int error;        /* enum store_error that changes end in; -1 = none */
	guint subscribes, marked_ok, marked_failed, marked_dead;
};

struct fake_change {
	registry_done done;
	gpointer data;
	struct device *device;
	GError *error;
};

static gboolean fake_registry_report(gpointer data)
{
	struct fake_change *change = data;

	change->done(change->error == NULL ? change->device : NULL, change->error, change->data);
	device_free(change->device);
	g_clear_error(&change->error);
	g_free(change);
	return G_SOURCE_REMOVE;
}

static void fake_registry_done(struct fake_registry *fake, const struct device *device, int error,
			       registry_done done, gpointer data)
{
	struct fake_change *change = g_new0(struct fake_change, 1);

	change->done = done;
	change->data = data;
	change->device = device != NULL ? device_copy(device) : NULL;
	if (error >= 0)
		change->error = g_error_new(STORE_ERROR, error, "as the test says");
	if (fake->at_once)
		fake_registry_report(change);
	else
		g_idle_add_full(G_PRIORITY_DEFAULT, fake_registry_report, change, NULL);
}

static struct device *fake_registry_at(struct fake_registry *fake, const char *user,
				       const char *name)
{
	for (guint i = 0; i < fake->devices->len; i++) {
		struct device *device = g_ptr_array_index(fake->devices, i);

		if (strcmp(device->user, user) == 0 && strcmp(device->device, name) == 0)
			return device;
	}
	return NULL;
}

static void fake_registry_free_device(gpointer device)
{
	device_free(device);
}

/* A copy of `device` with an id of its own. */
static struct device *fake_registry_add(struct fake_registry *fake, const struct device *device)
{
	struct device *copy = device_copy(device);

	copy->id = ++fake->last_id;
	g_ptr_array_add(fake->devices, copy);
	return copy;
}

static GPtrArray *fake_registry_active(struct registry *registry, const char *user)
{
	struct fake_registry *fake = (struct fake_registry *)registry;
	GPtrArray *rows = NULL;

	for (guint i = 0; i < fake->devices->len; i++) {
		struct device *device = g_ptr_array_index(fake->devices, i);

		if (device->state != DEVICE_ACTIVE || strcmp(device->user, user) != 0)
			continue;
		if (rows == NULL)
			rows = g_ptr_array_new_with_free_func(fake_registry_free_device);
		g_ptr_array_add(rows, device_copy(device));
	}
	return rows;
}

static void fake_registry_want(struct registry *registry, const char *user, gboolean *any_r,
			       gboolean *content_r)
{
	g_autoptr(GPtrArray) rows = fake_registry_active(registry, user);

	*any_r = rows != NULL;
	*content_r = FALSE;
	for (guint i = 0; rows != NULL && i < rows->len; i++)
		*content_r |= device_looks_at_content(g_ptr_array_index(rows, i));
}

static GPtrArray *fake_registry_list(struct registry *registry, const char *user, gint64 after,
				     guint limit)
{
	struct fake_registry *fake = (struct fake_registry *)registry;
	GPtrArray *rows = g_ptr_array_new_with_free_func(fake_registry_free_device);

	for (guint i = 0; i < fake->devices->len && (limit == 0 || rows->len < limit); i++) {
		struct device *device = g_ptr_array_index(fake->devices, i);

		if (device->id > after && (user == NULL || strcmp(device->user, user) == 0))
			g_ptr_array_add(rows, device_copy(device));
	}
	return rows;
}

static struct device *fake_registry_get(struct registry *registry, gint64 id)
{
	struct fake_registry *fake = (struct fake_registry *)registry;

	for (guint i = 0; i < fake->devices->len; i++) {
		struct device *device = g_ptr_array_index(fake->devices, i);

		if (device->id == id)
			return device_copy(device);
	}
	return NULL;
}

static struct device *fake_registry_find(struct registry *registry, const char *user,
					 const char *name)
{
	struct device *device = fake_registry_at((struct fake_registry *)registry, user, name);

	return device != NULL ? device_copy(device) : NULL;
}

static void fake_registry_subscribe(struct registry *registry, const struct device *device,
				    gint64 now, registry_done done, gpointer data)
{
	struct fake_registry *fake = (struct fake_registry *)registry;
	struct device *known = fake_registry_at(fake, device->user, device->device);
	struct device *stored;

	fake->subscribes++;
	if (fake->error >= 0) {
		fake_registry_done(fake, NULL, fake->error, done, data);
		return;
	}
	/* Whoever asks has seen that it is not active and equal. */
	stored = fake_registry_add(fake, device);
	if (known != NULL) {
		stored->id = known->id;
		g_ptr_array_remove(fake->devices, known);
	}
	fake_registry_done(fake, stored, -1, done, data);
}

static void fake_registry_confirm(struct registry *registry, const char *user, const char *name,
				  const char *token, gint64 now, registry_done done, gpointer data)
{
	struct fake_registry *fake = (struct fake_registry *)registry;
	struct device *device = fake_registry_at(fake, user, name);
	int error = fake->error;

	if (device == NULL)
		error = STORE_ERROR_NOT_FOUND;
	else if (g_strcmp0(device->token, token) != 0)
		error = STORE_ERROR_TOKEN;
	else if (error < 0)
		device->state = DEVICE_ACTIVE;
	fake_registry_done(fake, device, error, done, data);
}

static void fake_registry_remove(struct registry *registry, const char *user, const char *name,
				 registry_done done, gpointer data)
{
	struct fake_registry *fake = (struct fake_registry *)registry;
	struct device *device = fake_registry_at(fake, user, name);
	int error = device == NULL ? STORE_ERROR_NOT_FOUND : fake->error;

	fake_registry_done(fake, device, error, done, data);
	if (error < 0)
		g_ptr_array_remove(fake->devices, device);
}

static gint64 fake_registry_webhook_id(struct registry *registry, const char *name)
{
	struct device *device = fake_registry_at((struct fake_registry *)registry, "", name);

	return device != NULL ? device->id : 0;
}

static void fake_registry_ensure_webhook(struct registry *registry, const char *name, gint64 now,
					 registry_done done, gpointer data)
{
	struct fake_registry *fake = (struct fake_registry *)registry;
	struct device like = {
		.user = (char *)"",
		.device = (char *)name,
		.gateway = (char *)"webhook",
		.endpoint = (char *)name,
		.state = DEVICE_ACTIVE,
	};

	fake_registry_done(fake, fake_registry_add(fake, &like), fake->error, done, data);
}

static void fake_registry_mark_ok(struct registry *registry, gint64 id, gint64 now,
				  const char *outcome)
{
	struct fake_registry *fake = (struct fake_registry *)registry;

	fake->marked_ok++;
	for (guint i = 0; i < fake->devices->len; i++) {
		struct device *device = g_ptr_array_index(fake->devices, i);

		if (device->id == id)
			device->wakes++;
	}
}

static void fake_registry_mark_failed(struct registry *registry, gint64 id, const char *outcome)
{
	((struct fake_registry *)registry)->marked_failed++;
}

static void fake_registry_mark_dead(struct registry *registry, gint64 id, const char *endpoint,
				    gint64 dead_at, gint64 now, const char *outcome,
				    registry_dead_done done, gpointer data)
{
	struct fake_registry *fake = (struct fake_registry *)registry;
	gboolean died = FALSE;

	for (guint i = 0; i < fake->devices->len; i++) {
		struct device *device = g_ptr_array_index(fake->devices, i);

		if (device->id == id && device->state != DEVICE_DEAD &&
		    strcmp(device->endpoint, endpoint) == 0) {
			device->state = DEVICE_DEAD;
			died = TRUE;
		}
	}
	fake->marked_dead += died;
	if (done != NULL)
		done(died, NULL, data);
}

/* Push-IMAP's share: what is stored is forgotten (test-intake-pimap.c has a real one). */

static void fake_registry_enrol(struct registry *registry, const struct device *device, gint64 now,
				registry_done done, gpointer data)
{
	struct fake_registry *fake = (struct fake_registry *)registry;

	fake_registry_done(fake, device, fake->error, done, data);
}

static void fake_registry_present(struct registry *registry, const struct device *device,
				  gint64 now)
{
	struct fake_registry *fake = (struct fake_registry *)registry;
	struct device *there = fake_registry_at(fake, device->user, device->device);

	if (there != NULL) {
		there->seen = now;
		there->wakes = 0;
	}
}

static void fake_registry_prefer(struct registry *registry, const char *user, const char *device,
				 enum pimap_pref pref, const char *value, gint64 now,
				 registry_done done, gpointer data)
{
	const struct device like = {.user = (char *)user, .device = (char *)device};

	fake_registry_enrol(registry, &like, now, done, data);
}

static struct pimap_profile *fake_registry_profile(struct registry *registry, gint64 id)
{
	return g_new0(struct pimap_profile, 1);
}

static void fake_registry_attach(struct registry *registry, const char *user, const char *device,
				 const char *mailbox, const char *filter, gint64 now,
				 registry_done done, gpointer data)
{
	fake_registry_prefer(registry, user, device, 0, filter, now, done, data);
}

static char *fake_registry_attached(struct registry *registry, gint64 id, const char *mailbox)
{
	return NULL;
}

static GPtrArray *fake_registry_attachments(struct registry *registry, gint64 id)
{
	return g_ptr_array_new();
}

static void fake_registry_set_filter(struct registry *registry, const char *user,
				     const struct registry_filter *filter, registry_stored done,
				     gpointer data)
{
	done(NULL, data);
}

static void fake_registry_drop_filter(struct registry *registry, const char *user, const char *name,
				      registry_stored done, gpointer data)
{
	done(NULL, data);
}

static GPtrArray *fake_registry_filters(struct registry *registry, const char *user,
					const char *name)
{
	return g_ptr_array_new();
}

static const struct registry_backend fake_registry_backend = {
	.name = "fake",
	.active = fake_registry_active,
	.want = fake_registry_want,
	.list = fake_registry_list,
	.get = fake_registry_get,
	.find = fake_registry_find,
	.subscribe = fake_registry_subscribe,
	.confirm = fake_registry_confirm,
	.remove = fake_registry_remove,
	.ensure_webhook = fake_registry_ensure_webhook,
	.webhook_id = fake_registry_webhook_id,
	.mark_ok = fake_registry_mark_ok,
	.mark_failed = fake_registry_mark_failed,
	.mark_dead = fake_registry_mark_dead,
	.enrol = fake_registry_enrol,
	.present = fake_registry_present,
	.prefer = fake_registry_prefer,
	.profile = fake_registry_profile,
	.attach = fake_registry_attach,
	.attached = fake_registry_attached,
	.attachments = fake_registry_attachments,
	.set_filter = fake_registry_set_filter,
	.drop_filter = fake_registry_drop_filter,
	.filters = fake_registry_filters,
	.wanted_filters = fake_registry_filters,
};

static void fake_registry_init(struct fake_registry *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->base.backend = &fake_registry_backend;
	fake->devices = g_ptr_array_new_with_free_func(fake_registry_free_device);
	fake->error = -1;
}

static void fake_registry_clear(struct fake_registry *fake)
{
	g_ptr_array_unref(fake->devices);
}

#endif
