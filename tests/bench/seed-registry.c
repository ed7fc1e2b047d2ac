/*
 * Fills a registry with active Web Push devices, through the registry's own
 * interface, for benchmarks that need many: users "<PREFIX>1".."<PREFIX>COUNT", one
 * device each, endpoint ENDPOINT/<number>.
 *
 * usage: seed-registry DATABASE COUNT PREFIX ENDPOINT P256DH AUTH VAPID-KEY
 */
#include <stdio.h>
#include <stdlib.h>

#include "registry.h"
#include "store.h"
#include "webpush-crypto.h"

#define TOKEN "seed"
/* Jobs under way: well under LIMIT_INTAKE_PENDING. */
#define WINDOW 2000

static guint pending;

static void done(const struct device *device, const GError *error, gpointer data)
{
	if (error != NULL) {
		fprintf(stderr, "seed-registry: %s\n", error->message);
		exit(1);
	}
	pending--;
}

static void drain(guint most)
{
	while (pending > most)
		g_main_context_iteration(NULL, TRUE);
}

int main(int argc, char **argv)
{
	if (argc != 8) {
		fprintf(stderr, "usage: seed-registry DATABASE COUNT PREFIX ENDPOINT P256DH AUTH "
				"VAPID-KEY\n");
		return 64;
	}
	struct registry_limits limits = {.devices_per_user = 20, .confirm_secs = 300};
	g_autoptr(GError) error = NULL;
	struct store *store = store_open(argv[1], 0, &error);
	struct registry *registry =
		store != NULL ? registry_sqlite_open(store, &limits, &error) : NULL;
	guint count = (guint)strtoul(argv[2], NULL, 10);
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;
	struct device device = {
		.device = (char *)"bench-device",
		.gateway = (char *)"webpush",
		.dialect = DIALECT_GOUGEON,
		.vapid_key = argv[7],
		.events = PUSH_EVENT_KINDS_ARRIVAL,
		.token = (char *)TOKEN,
		.created = now,
		.confirm_by = now + 300,
	};

	if (registry == NULL ||
	    !webpush_parse_keys(argv[5], argv[6], device.p256dh, device.auth, &error)) {
		fprintf(stderr, "seed-registry: %s\n", error->message);
		return 1;
	}
	for (guint i = 1; i <= count; i++) {
		g_autofree char *user = g_strdup_printf("%s%u", argv[3], i);
		g_autofree char *endpoint = g_strdup_printf("%s/%u", argv[4], i);

		device.user = user;
		device.endpoint = endpoint;
		pending += 2;
		registry->backend->subscribe(registry, &device, now, done, NULL);
		registry->backend->confirm(registry, user, device.device, TOKEN, now, done, NULL);
		drain(WINDOW);
	}
	drain(0);
	registry->backend->close(&registry);
	store_close(&store);
	return 0;
}
