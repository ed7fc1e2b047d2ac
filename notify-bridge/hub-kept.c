#include "hub-kept.h"
#include "limits.h"

#include <string.h>

struct entry {
	GList link; /* in hub_kept.queue */
	gint64 until_us;
	GString *lines;
	gboolean lost;
	gpointer held; /* or NULL */
	GDestroyNotify free_held;
	char key[];
};

struct hub_kept {
	GTree *entries; /* key -> struct entry; as in hub-watch.c, no hash table */
	GQueue queue;   /* the oldest first */
};

static gint compare_keys(gconstpointer a, gconstpointer b, gpointer context)
{
	return strcmp(a, b);
}

static void entry_free(gpointer data)
{
	struct entry *entry = data;

	if (entry->held != NULL)
		entry->free_held(entry->held);
	if (entry->lines != NULL)
		g_string_free(entry->lines, TRUE);
	g_free(entry);
}

struct hub_kept *hub_kept_new(void)
{
	struct hub_kept *kept = g_new0(struct hub_kept, 1);

	kept->entries = g_tree_new_full(compare_keys, NULL, NULL, entry_free);
	g_queue_init(&kept->queue);
	return kept;
}

void hub_kept_free(struct hub_kept *kept)
{
	if (kept == NULL)
		return;
	g_tree_unref(kept->entries);
	g_free(kept);
}

guint hub_kept_size(const struct hub_kept *kept)
{
	return (guint)g_tree_nnodes(kept->entries);
}

static void forget(struct hub_kept *kept, struct entry *entry)
{
	g_queue_unlink(&kept->queue, &entry->link);
	g_tree_remove(kept->entries, entry->key);
}

void hub_kept_forget_old(struct hub_kept *kept, gint64 now_us)
{
	struct entry *oldest;

	while ((oldest = g_queue_peek_head(&kept->queue)) != NULL && oldest->until_us <= now_us)
		forget(kept, oldest);
}

/* The length keeps a user's name and a session apart whatever octets they hold. */
static char *key_of(const struct hub_sleeper *sleeper)
{
	return g_strdup_printf("%u %zu:%s%s", sleeper->uid, strlen(sleeper->user), sleeper->user,
			       sleeper->session);
}

/* NULL: there is no room. */
static struct entry *find(struct hub_kept *kept, const struct hub_sleeper *sleeper, gint64 now_us)
{
	g_autofree char *key = key_of(sleeper);
	struct entry *entry = g_tree_lookup(kept->entries, key);
	gsize size = strlen(key) + 1;

	if (entry != NULL || hub_kept_size(kept) >= LIMIT_HUB_KEPT)
		return entry;
	entry = g_malloc0(sizeof(*entry) + size);
	memcpy(entry->key, key, size);
	entry->link.data = entry;
	entry->until_us = now_us + LIMIT_HUB_KEPT_SECS * G_USEC_PER_SEC;
	entry->lines = g_string_new(NULL);
	g_tree_insert(kept->entries, entry->key, entry);
	g_queue_push_tail_link(&kept->queue, &entry->link);
	return entry;
}

void hub_kept_add(struct hub_kept *kept, const struct hub_sleeper *sleeper, const char *line,
		  gsize len, gint64 now_us)
{
	struct entry *entry = find(kept, sleeper, now_us);

	if (entry == NULL)
		return;
	if (len <= LIMIT_HUB_KEPT_BYTES - entry->lines->len)
		g_string_append_len(entry->lines, line, (gssize)len);
	else
		entry->lost = TRUE;
}

void hub_kept_hold(struct hub_kept *kept, const struct hub_sleeper *sleeper, gpointer held,
		   GDestroyNotify free_held, gint64 now_us)
{
	struct entry *entry = find(kept, sleeper, now_us);

	if (entry == NULL || entry->held != NULL) {
		free_held(held);
		return;
	}
	entry->held = held;
	entry->free_held = free_held;
}

GString *hub_kept_take(struct hub_kept *kept, const struct hub_sleeper *sleeper, gboolean *lost_r)
{
	g_autofree char *key = key_of(sleeper);
	struct entry *entry = g_tree_lookup(kept->entries, key);
	GString *lines = NULL;

	if (entry == NULL)
		return NULL;
	if (entry->lines->len > 0 || entry->lost) {
		lines = g_steal_pointer(&entry->lines);
		*lost_r = entry->lost;
	}
	forget(kept, entry);
	return lines;
}
