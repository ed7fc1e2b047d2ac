#include "presence.h"
#include "limits.h"

#include <string.h>

#define LEASE_US (LIMIT_PRESENCE_SECS * (gint64)G_USEC_PER_SEC)

struct lease {
	gint64 device;
	char *session;
	gint64 since_us;
};

struct presence {
	GHashTable *leases; /* device, in the lease -> struct lease * */
	gint64 swept_us;
};

static void lease_free(gpointer data)
{
	struct lease *lease = data;

	g_free(lease->session);
	g_free(lease);
}

struct presence *presence_new(void)
{
	struct presence *presence = g_new0(struct presence, 1);

	presence->leases = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, lease_free);
	return presence;
}

void presence_free(struct presence **presence_p)
{
	struct presence *presence = g_steal_pointer(presence_p);

	if (presence == NULL)
		return;
	g_hash_table_unref(presence->leases);
	g_free(presence);
}

/* A clock that was set back ends a lease, too: it comes again within a minute. */
static gboolean is_over(const struct lease *lease, gint64 now_us)
{
	return now_us < lease->since_us || now_us - lease->since_us >= LEASE_US;
}

static gboolean lease_is_over(gpointer key, gpointer lease, gpointer now_us)
{
	return is_over(lease, *(gint64 *)now_us);
}

static void sweep(struct presence *presence, gint64 now_us)
{
	if (now_us >= presence->swept_us && now_us - presence->swept_us < LEASE_US)
		return;
	presence->swept_us = now_us;
	g_hash_table_foreach_remove(presence->leases, lease_is_over, &now_us);
}

void presence_say(struct presence *presence, gint64 device, const char *session, gboolean listening,
		  gint64 now_us)
{
	struct lease *lease = g_hash_table_lookup(presence->leases, &device);

	if (!listening) {
		if (lease != NULL && strcmp(lease->session, session) == 0)
			g_hash_table_remove(presence->leases, &device);
		return;
	}
	sweep(presence, now_us);
	lease = g_new0(struct lease, 1);
	lease->device = device;
	lease->session = g_strdup(session);
	lease->since_us = now_us;
	g_hash_table_replace(presence->leases, &lease->device, lease);
}

gboolean presence_listens(struct presence *presence, gint64 device, gint64 now_us)
{
	const struct lease *lease = g_hash_table_lookup(presence->leases, &device);

	return lease != NULL && !is_over(lease, now_us);
}

guint presence_count(const struct presence *presence)
{
	return g_hash_table_size(presence->leases);
}
