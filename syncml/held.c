#include "held.h"

#include "limits.h"

struct entry {
	char *key;
	enum held_why why;
	enum sml_encoding encoding;
	GBytes *body;
	gint64 since;
	GList link; /* the newest comes first */
};

struct held {
	GMutex lock;
	GHashTable *entries; /* key -> struct entry * */
	GQueue order;
};

static void drop(struct held *held, struct entry *entry)
{
	g_queue_unlink(&held->order, &entry->link);
	g_hash_table_remove(held->entries, entry->key);
	g_bytes_unref(entry->body);
	g_free(entry->key);
	g_free(entry);
}

static void drop_key(struct held *held, const char *key)
{
	struct entry *entry = g_hash_table_lookup(held->entries, key);

	if (entry != NULL)
		drop(held, entry);
}

static void expire(struct held *held, gint64 now)
{
	while (held->order.tail != NULL) {
		struct entry *entry = held->order.tail->data;

		if (entry->since + LIMIT_SYNCML_HELD_SECS > now &&
		    held->order.length <= LIMIT_SYNCML_HELD)
			return;
		drop(held, entry);
	}
}

struct held *held_new(void)
{
	struct held *held = g_new0(struct held, 1);

	g_mutex_init(&held->lock);
	held->entries = g_hash_table_new(g_str_hash, g_str_equal);
	g_queue_init(&held->order);
	return held;
}

void held_free(struct held **held)
{
	struct held *self = *held;

	if (self == NULL)
		return;
	*held = NULL;
	while (self->order.tail != NULL)
		drop(self, self->order.tail->data);
	g_hash_table_unref(self->entries);
	g_mutex_clear(&self->lock);
	g_free(self);
}

gboolean held_put(struct held *held, const char *key, enum held_why why, enum sml_encoding encoding,
		  GBytes *body, gint64 now)
{
	struct entry *entry;

	if (g_bytes_get_size(body) > LIMIT_SYNCML_HELD_BYTES)
		return FALSE;
	entry = g_new0(struct entry, 1);
	entry->key = g_strdup(key);
	entry->why = why;
	entry->encoding = encoding;
	/* Not the caller's, which may be part of something larger. */
	entry->body = g_bytes_new(g_bytes_get_data(body, NULL), g_bytes_get_size(body));
	entry->since = now;
	entry->link.data = entry;
	g_mutex_lock(&held->lock);
	drop_key(held, key);
	g_hash_table_insert(held->entries, entry->key, entry);
	g_queue_push_head_link(&held->order, &entry->link);
	expire(held, now);
	g_mutex_unlock(&held->lock);
	return TRUE;
}

GBytes *held_find(struct held *held, const char *key, gint64 now, enum held_why *why_r,
		  enum sml_encoding *encoding_r)
{
	const struct entry *entry;
	GBytes *body = NULL;

	g_mutex_lock(&held->lock);
	expire(held, now);
	entry = g_hash_table_lookup(held->entries, key);
	if (entry != NULL) {
		*why_r = entry->why;
		*encoding_r = entry->encoding;
		body = g_bytes_ref(entry->body);
	}
	g_mutex_unlock(&held->lock);
	return body;
}

void held_drop(struct held *held, const char *key)
{
	g_mutex_lock(&held->lock);
	drop_key(held, key);
	g_mutex_unlock(&held->lock);
}
