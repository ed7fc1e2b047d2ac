#include "session-table.h"

#include <string.h>

struct entry {
	char *key; /* user LF device: names have no control characters */
	char *user, *address;
	gint64 heard;
	GList link; /* the one heard of last comes first */
};

struct session_table {
	guint max;
	GHashTable *entries;           /* key -> struct entry * */
	GHashTable *users, *addresses; /* name -> how many */
	GQueue order;
};

static void count(GHashTable *counts, const char *name, int change)
{
	guint now;

	if (name == NULL)
		return;
	now = GPOINTER_TO_UINT(g_hash_table_lookup(counts, name)) + (guint)change;
	if (now == 0)
		g_hash_table_remove(counts, name);
	else
		g_hash_table_replace(counts, g_strdup(name), GUINT_TO_POINTER(now));
}

static void drop(struct session_table *table, struct entry *entry)
{
	g_queue_unlink(&table->order, &entry->link);
	g_hash_table_remove(table->entries, entry->key);
	count(table->users, entry->user, -1);
	count(table->addresses, entry->address, -1);
	g_free(entry->address);
	g_free(entry->user);
	g_free(entry->key);
	g_free(entry);
}

static void expire(struct session_table *table, gint64 before)
{
	while (table->order.tail != NULL) {
		struct entry *entry = table->order.tail->data;

		if (entry->heard >= before && table->order.length <= table->max)
			return;
		drop(table, entry);
	}
}

static char *key_of(const char *user, const char *device)
{
	return g_strconcat(user, "\n", device, NULL);
}

struct session_table *session_table_new(guint max)
{
	struct session_table *table = g_new0(struct session_table, 1);

	table->max = max;
	table->entries = g_hash_table_new(g_str_hash, g_str_equal);
	table->users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	table->addresses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_queue_init(&table->order);
	return table;
}

void session_table_free(struct session_table **table)
{
	struct session_table *self = *table;

	if (self == NULL)
		return;
	*table = NULL;
	while (self->order.tail != NULL)
		drop(self, self->order.tail->data);
	g_hash_table_unref(self->entries);
	g_hash_table_unref(self->users);
	g_hash_table_unref(self->addresses);
	g_free(self);
}

gboolean session_table_admits(struct session_table *table, const struct session_limits *limits,
			      const char *user, const char *device, const char *address, gint64 now)
{
	guint of_user, of_address;

	expire(table, now - limits->secs);
	if (user != NULL && device != NULL) {
		g_autofree char *key = key_of(user, device);

		if (g_hash_table_contains(table->entries, key))
			return TRUE;
	}
	of_user = user == NULL ? 0 : GPOINTER_TO_UINT(g_hash_table_lookup(table->users, user));
	of_address = address == NULL
			     ? 0
			     : GPOINTER_TO_UINT(g_hash_table_lookup(table->addresses, address));
	return of_user < limits->per_user && of_address < limits->per_address;
}

void session_table_note(struct session_table *table, const char *user, const char *device,
			const char *address, gboolean finished, gint64 now)
{
	g_autofree char *key = key_of(user, device);
	struct entry *entry = g_hash_table_lookup(table->entries, key);

	if (entry != NULL)
		drop(table, entry);
	if (finished)
		return;
	entry = g_new0(struct entry, 1);
	entry->key = g_steal_pointer(&key);
	entry->user = g_strdup(user);
	entry->address = g_strdup(address);
	entry->heard = now;
	entry->link.data = entry;
	g_hash_table_insert(table->entries, entry->key, entry);
	g_queue_push_head_link(&table->order, &entry->link);
	count(table->users, user, 1);
	count(table->addresses, address, 1);
	expire(table, G_MININT64);
}

guint session_table_count(struct session_table *table, const struct session_limits *limits,
			  gint64 now, guint *users_r)
{
	expire(table, now - limits->secs);
	*users_r = g_hash_table_size(table->users);
	return table->order.length;
}

char **session_table_devices(const struct session_table *table, const char *user, gint64 since)
{
	g_autoptr(GPtrArray) devices = g_ptr_array_new();

	/* In the order of when they were heard of. */
	for (const GList *link = table->order.head; link != NULL; link = link->next) {
		const struct entry *entry = link->data;

		if (entry->heard < since)
			break;
		if (strcmp(entry->user, user) == 0)
			g_ptr_array_add(devices, g_strdup(entry->key + strlen(user) + 1));
	}
	g_ptr_array_add(devices, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&devices), FALSE);
}
