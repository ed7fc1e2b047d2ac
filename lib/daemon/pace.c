#include "pace.h"
#include "limits.h"

#include <string.h>

/* Nobody is held for longer (retry.h). */
#define HOLD_CAP_US ((gint64)LIMIT_RETRY_AFTER_SECS * G_USEC_PER_SEC)

struct entry {
	GList link; /* in `used`; data points back here */
	struct bucket bucket;
	gint64 held_until_us;
	gint64 next_slot_us; /* the first that was not handed out */
	char key[];
};

/* Who was refused may come again before its time, with something new to say: its
 * slot is still its own, or the line would grow with each time that it comes. */
struct slot {
	gint64 id;
	gint64 at_us;
};

struct pace {
	guint max;
	GHashTable *entries; /* entry->key to entry, owned */
	GQueue used;         /* of entries, the most recent first */
	GHashTable *slots;   /* slot->id to slot, owned */
};

struct pace *pace_new(guint max)
{
	struct pace *pace = g_new0(struct pace, 1);

	pace->max = MAX(max, 1);
	pace->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
	g_queue_init(&pace->used);
	pace->slots = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
	return pace;
}

void pace_free(struct pace **pace)
{
	if (*pace == NULL)
		return;
	g_hash_table_unref((*pace)->entries);
	g_hash_table_unref((*pace)->slots);
	g_free(*pace);
	*pace = NULL;
}

static struct entry *touch(struct pace *pace, const char *key)
{
	struct entry *entry = g_hash_table_lookup(pace->entries, key);

	if (entry != NULL) {
		g_queue_unlink(&pace->used, &entry->link);
		g_queue_push_head_link(&pace->used, &entry->link);
		return entry;
	}
	if (g_hash_table_size(pace->entries) >= pace->max) {
		entry = g_queue_peek_tail(&pace->used);
		g_queue_unlink(&pace->used, &entry->link);
		g_hash_table_remove(pace->entries, entry->key);
	}
	gsize len = strlen(key) + 1;
	entry = g_malloc0(sizeof(*entry) + len);
	memcpy(entry->key, key, len);
	entry->link.data = entry;
	g_hash_table_insert(pace->entries, entry->key, entry);
	g_queue_push_head_link(&pace->used, &entry->link);
	return entry;
}

gint64 pace_take(struct pace *pace, const char *key, guint rate, guint burst, gint64 now_us)
{
	struct entry *entry = touch(pace, key);

	/* What a clock that was set back has left is too far away. */
	if (now_us < entry->bucket.updated_us)
		entry->next_slot_us = 0;
	entry->held_until_us = MIN(entry->held_until_us, now_us + HOLD_CAP_US);
	if (entry->held_until_us > now_us)
		return entry->held_until_us - now_us;
	return bucket_take(&entry->bucket, rate, burst, now_us);
}

void pace_give_back(struct pace *pace, const char *key)
{
	struct entry *entry = g_hash_table_lookup(pace->entries, key);

	/* One that was forgotten is a full one. */
	if (entry != NULL)
		bucket_give_back(&entry->bucket);
}

void pace_hold(struct pace *pace, const char *key, gint64 until_us)
{
	struct entry *entry = touch(pace, key);

	entry->held_until_us = MAX(entry->held_until_us, until_us);
}

static void remember_slot(struct pace *pace, gint64 id, gint64 at_us)
{
	struct slot *slot = g_new(struct slot, 1);

	/* All are asked for anew then, once each. */
	if (g_hash_table_size(pace->slots) >= LIMIT_PACE_SLOTS)
		g_hash_table_remove_all(pace->slots);
	slot->id = id;
	slot->at_us = at_us;
	g_hash_table_replace(pace->slots, &slot->id, slot);
}

gint64 pace_slot(struct pace *pace, const char *key, gint64 id, guint rate, gint64 earliest_us,
		 gint64 before_us)
{
	struct entry *entry = touch(pace, key);
	const struct slot *slot = g_hash_table_lookup(pace->slots, &id);
	gint64 at_us = MAX(entry->next_slot_us, earliest_us);

	if (rate == 0)
		return earliest_us < before_us ? earliest_us : 0;
	if (slot != NULL && slot->at_us >= earliest_us && slot->at_us < entry->next_slot_us)
		at_us = slot->at_us;
	if (at_us >= before_us)
		return 0;
	if (at_us >= entry->next_slot_us) {
		entry->next_slot_us = at_us + 60 * G_USEC_PER_SEC / rate + 1;
		remember_slot(pace, id, at_us);
	}
	return at_us;
}

guint pace_size(const struct pace *pace)
{
	return g_hash_table_size(pace->entries);
}
