#include "lib.h"
#include "array.h"
#include "bsearch-insert-pos.h"
#include "hash.h"

#include "notify-table.h"

struct notify_table {
	ARRAY(struct watched *) boxes;
	HASH_TABLE(uint8_t *, struct watched_more *) ids; /* those that have one */
};

struct notify_table *notify_table_new(void)
{
	struct notify_table *table = i_new(struct notify_table, 1);

	i_array_init(&table->boxes, 16);
	hash_table_create(&table->ids, default_pool, 0, guid_128_hash, guid_128_cmp);
	return table;
}

static void free_box(struct watched *box)
{
	i_free(box->more);
	i_free(box);
}

void notify_table_free(struct notify_table **table_p)
{
	struct notify_table *table = *table_p;
	struct watched *box;

	if (table == NULL)
		return;
	*table_p = NULL;
	array_foreach_elem (&table->boxes, box)
		free_box(box);
	array_free(&table->boxes);
	hash_table_destroy(&table->ids);
	i_free(table);
}

/* --- by name ----------------------------------------------------------------- */

static int compare(const char *const *vname, struct watched *const *box)
{
	return strcmp(*vname, (*box)->vname);
}

/* FALSE: *idx_r is where it would be. */
static bool position(const struct notify_table *table, const char *vname, unsigned int *idx_r)
{
	return array_bsearch_insert_pos(&table->boxes, &vname, compare, idx_r);
}

unsigned int notify_table_count(const struct notify_table *table)
{
	return array_count(&table->boxes);
}

struct watched *notify_table_find(const struct notify_table *table, const char *vname)
{
	unsigned int idx;

	return position(table, vname, &idx) ? array_idx_elem(&table->boxes, idx) : NULL;
}

struct watched *notify_table_after(const struct notify_table *table, const char *vname)
{
	unsigned int idx = 0;

	if (vname != NULL && position(table, vname, &idx))
		idx++;
	return idx < array_count(&table->boxes) ? array_idx_elem(&table->boxes, idx) : NULL;
}

/* --- coming and going -------------------------------------------------------- */

static struct watched *insert(struct notify_table *table, const struct watched *from,
			      const char *vname)
{
	size_t size = strlen(vname) + 1;
	struct watched *box = i_malloc(MALLOC_ADD(offsetof(struct watched, vname), size));
	unsigned int idx;

	memcpy(box, from, offsetof(struct watched, vname));
	memcpy(box->vname, vname, size);
	if (position(table, vname, &idx))
		i_unreached();
	array_insert(&table->boxes, idx, &box, 1);
	return box;
}

static void take_out(struct notify_table *table, const struct watched *box)
{
	unsigned int idx;

	if (!position(table, box->vname, &idx))
		i_unreached();
	array_delete(&table->boxes, idx, 1);
}

struct watched *notify_table_insert(struct notify_table *table, const char *vname)
{
	const struct watched nothing = {.more = NULL};

	return insert(table, &nothing, vname);
}

struct watched *notify_table_rename(struct notify_table *table, struct watched *box,
				    const char *vname)
{
	struct watched *renamed;

	take_out(table, box);
	renamed = insert(table, box, vname);
	if (renamed->more != NULL)
		renamed->more->box = renamed;
	i_free(box);
	return renamed;
}

void notify_table_remove(struct notify_table *table, struct watched *box)
{
	if (box->more != NULL && !guid_128_is_empty(box->more->id)) {
		uint8_t *id = box->more->id;

		if (hash_table_lookup(table->ids, id) == box->more)
			hash_table_remove(table->ids, id);
	}
	take_out(table, box);
	free_box(box);
}

/* --- what only some have ----------------------------------------------------- */

struct watched_more *notify_watched_more(struct watched *box)
{
	if (box->more == NULL) {
		box->more = i_new(struct watched_more, 1);
		box->more->box = box;
	}
	return box->more;
}

const struct notify_snapshot *notify_watched_last(const struct watched *box)
{
	static const struct notify_snapshot unknown;

	return box->more == NULL ? &unknown : &box->more->last;
}

void notify_table_set_id(struct notify_table *table, struct watched *box, const guid_128_t id)
{
	struct watched_more *more = notify_watched_more(box);
	uint8_t *key = more->id;

	guid_128_copy(more->id, id);
	/* The key is the record's own, and the former record may go first. */
	if (hash_table_lookup(table->ids, key) != NULL)
		hash_table_remove(table->ids, key);
	hash_table_insert(table->ids, key, more);
}

struct watched *notify_table_find_id(const struct notify_table *table, const guid_128_t id)
{
	const struct watched_more *more = hash_table_lookup(table->ids, id);

	return more == NULL ? NULL : more->box;
}
