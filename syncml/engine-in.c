/*
 * What the client changed, made ours (SyncML Sync Protocol 1.1 sections 5 and 6).
 *
 * What a device has of an item is known by its map: the revision it has seen, and a hash of each
 * group of properties, once as the device has it (less what it cannot hold) and once as we
 * had it then. So a group that the device sends as it was is not a change of it, however
 * poor the device; and a group that is no more as it was with us was changed by somebody else.
 */
#include <string.h>

#include "session.h"

/* Who it was, for the history. */
static const char *origin(const struct session *session)
{
	return session->device->id;
}

static struct pim_item *load(const struct pim_row *row, GError **error)
{
	return pim_item_load(row->component, row->content, row->content_len, error);
}

/* As the device would have it. */
static void projected_groups(const struct session *session, struct sync *sync,
			     const struct pim_item *item, struct pim_groups *groups_r)
{
	const struct content *content = sync_content(session, sync);
	g_autoptr(pim_item_t) projected =
		pim_item_project(item, content->format, &content->style, content->capability);

	pim_item_groups(projected, groups_r);
}

static struct pim_item *merge(const struct session *session, struct sync *sync,
			      const struct pim_item *ours, const struct pim_item *theirs,
			      pim_group_mask groups)
{
	const struct content *content = sync_content(session, sync);

	return pim_item_merge(ours, theirs, groups, content->format, &content->style,
			      content->capability);
}

/* --- the map after it --------------------------------------------------------------------- */

/* The device has `theirs`; we have `ours`, at that revision. If ours is more than theirs, it is
 * sent. */
static gboolean put_map(struct session *session, struct sync *sync, struct pim_map *map, gint64 id,
			const char *luid, const struct pim_item *theirs,
			const struct pim_item *ours, guint64 revision, GError **error)
{
	struct pim_groups projected;

	map->target = sync->target;
	map->item = id;
	map->part = "";
	map->luid = luid;
	map->tmpid = NULL;
	map->state = PIM_MAP_LIVE;
	map->pending = PIM_PENDING_NONE;
	map->sent_session = 0;
	map->tries = 0;
	pim_item_groups(theirs, &map->device_groups);
	pim_item_groups(ours, &map->item_groups);
	projected_groups(session, sync, ours, &projected);
	if (pim_groups_differ(&projected, &map->device_groups) == 0) {
		map->seen = revision;
	} else if (sync_sends(sync) &&
		   !(sync->mode == SYNC_SLOW && session->device->rules.no_replace_in_slow_sync)) {
		map->seen = 0;
		map->pending = PIM_PENDING_REPLACE;
	} else {
		map->seen = revision;
	}
	return pim_txn_put_map(session->txn, map, error);
}

static gboolean add_new(struct session *session, struct sync *sync, struct pim_map *map,
			const char *luid, const struct pim_item *item, guint *status_r,
			GError **error)
{
	guint64 revision;
	gint64 id;

	if (!pim_txn_add(session->txn, item, origin(session), session->now, &id, &revision, error))
		return FALSE;
	sync->in_added++;
	*status_r = 201;
	return put_map(session, sync, map, id, luid, item, item, revision, error);
}

/* Makes `item` ours unless it is already. */
static gboolean store(struct session *session, struct sync *sync, const struct pim_row *row,
		      const struct pim_item *item, guint64 *revision_r, GError **error)
{
	guint8 hash[16];

	pim_item_hash(item, hash);
	*revision_r = row->revision;
	if (!row->deleted && memcmp(hash, row->hash, sizeof(hash)) == 0)
		return TRUE;
	sync->in_replaced++;
	return pim_txn_replace(session->txn, row->id, item, origin(session), session->now,
			       revision_r, error);
}

/* --- a first meeting: slow sync ----------------------------------------------------------------
 */

static gboolean find_match(struct session *session, struct sync *sync, const struct pim_item *item,
			   gint64 *id_r, GError **error)
{
	g_autoptr(GArray) keys = NULL;
	const char *uid = pim_item_uid(item);
	guint8 hash[16];

	pim_item_hash(item, hash);
	if (!pim_txn_match_hash(session->txn, sync->target, hash, id_r, error))
		return FALSE;
	if (*id_r == 0 && uid != NULL &&
	    !pim_txn_match_uid(session->txn, sync->target, uid, id_r, error))
		return FALSE;
	if (*id_r != 0)
		return TRUE;
	keys = g_array_new(FALSE, FALSE, sizeof(guint64));
	pim_item_keys(item, keys);
	return pim_txn_match_keys(session->txn, sync->target, pim_item_component(item),
				  (const guint64 *)(void *)keys->data, keys->len, id_r, error);
}

/* Groups to be taken over when nobody knows what they were before: what we do not have; and in
 * a refresh, or where the client wins, what differs. */
static pim_group_mask first_groups(const struct session *session, const struct sync *sync,
				   const struct pim_groups *theirs, const struct pim_groups *ours)
{
	gboolean client_wins = sync->mode == SYNC_REFRESH_FROM_CLIENT ||
			       sync->mode == SYNC_FROM_CLIENT ||
			       session->service->settings->conflict == SML_CONFLICT_CLIENT;
	pim_group_mask differ = pim_groups_differ(theirs, ours), groups = 0;

	for (guint i = 0; i < PIM_GROUPS; i++) {
		if ((differ & 1u << i) != 0 && theirs->hash[i] != 0 &&
		    (ours->hash[i] == 0 || client_wins))
			groups |= 1u << i;
	}
	return groups;
}

static gboolean meet(struct session *session, struct sync *sync, struct pim_map *map,
		     const struct pim_row *row, const char *luid, const struct pim_item *theirs,
		     guint *status_r, GError **error)
{
	g_autoptr(pim_item_t) ours = load(row, error);
	g_autoptr(pim_item_t) merged = NULL;
	struct pim_groups their_groups, our_groups;
	pim_group_mask groups, lost;
	guint64 revision;

	if (ours == NULL)
		return FALSE;
	pim_item_groups(theirs, &their_groups);
	projected_groups(session, sync, ours, &our_groups);
	groups = first_groups(session, sync, &their_groups, &our_groups);
	merged = merge(session, sync, ours, theirs, groups);
	/* What the client had and does not keep: somebody may look for it. */
	lost = pim_groups_differ(&their_groups, &our_groups) & ~groups;
	for (guint i = 0; i < PIM_GROUPS; i++) {
		if (their_groups.hash[i] == 0)
			lost &= ~(1u << i);
	}
	if (lost != 0) {
		sync->conflicts++;
		if (!pim_txn_keep_loser(session->txn, row->id, theirs, origin(session),
					session->now, error))
			return FALSE;
	}
	*status_r = lost != 0 || groups != 0 ? 207 : 200;
	return store(session, sync, row, merged, &revision, error) &&
	       put_map(session, sync, map, row->id, luid, theirs, merged, revision, error);
}

static gboolean first_meeting(struct session *session, struct sync *sync, struct pim_map *map,
			      const char *luid, const struct pim_item *item, guint *status_r,
			      GError **error)
{
	struct pim_row row;
	gboolean found;
	gint64 id = 0;

	if ((sync->mode == SYNC_SLOW || sync->mode == SYNC_REFRESH_FROM_CLIENT) &&
	    !find_match(session, sync, item, &id, error))
		return FALSE;
	if (id == 0)
		return add_new(session, sync, map, luid, item, status_r, error);
	return pim_txn_get(session->txn, id, &found, &row, error) &&
	       meet(session, sync, map, &row, luid, item, status_r, error);
}

/* --- a known item --------------------------------------------------------------------------------
 */

enum winner {
	CLIENT_WINS,
	SERVER_WINS,
};

static enum winner winner_of(const struct session *session, const struct sync *sync)
{
	if (sync->mode == SYNC_FROM_CLIENT || sync->mode == SYNC_REFRESH_FROM_CLIENT)
		return CLIENT_WINS;
	return session->service->settings->conflict == SML_CONFLICT_CLIENT ? CLIENT_WINS
									   : SERVER_WINS;
}

/* Both have changed it: by groups; where both changed the same, one wins and the other is
 * kept. */
static gboolean resolve(struct session *session, struct sync *sync, struct pim_map *map,
			const struct pim_row *row, const char *luid, const struct pim_item *ours,
			const struct pim_item *theirs, pim_group_mask their_changes,
			guint *status_r, GError **error)
{
	struct pim_groups our_groups, projected, their_groups;
	g_autoptr(pim_item_t) merged = NULL;
	pim_group_mask our_changes, both;
	guint64 revision;

	pim_item_groups(ours, &our_groups);
	projected_groups(session, sync, ours, &projected);
	pim_item_groups(theirs, &their_groups);
	our_changes = pim_groups_differ(&our_groups, &map->item_groups);
	/* The same change on both sides is none to argue about. */
	both = our_changes & their_changes & pim_groups_differ(&projected, &their_groups);
	*status_r = 207;
	if (both != 0) {
		sync->conflicts++;
		if (winner_of(session, sync) == CLIENT_WINS) {
			*status_r = 208;
		} else {
			their_changes &= ~both;
			*status_r = their_changes == 0 ? 419 : 207;
			if (!pim_txn_keep_loser(session->txn, row->id, theirs, origin(session),
						session->now, error))
				return FALSE;
		}
	}
	merged = merge(session, sync, ours, theirs, their_changes);
	return store(session, sync, row, merged, &revision, error) &&
	       put_map(session, sync, map, row->id, luid, theirs, merged, revision, error);
}

/* Two of them from now on. */
static gboolean duplicate(struct session *session, struct sync *sync, struct pim_map *known,
			  const char *luid, const struct pim_item *theirs, guint *status_r,
			  GError **error)
{
	struct pim_map map = {.id = 0};

	sync->conflicts++;
	if (!engine_send_as_new(session, known, error) ||
	    !add_new(session, sync, &map, luid, theirs, status_r, error))
		return FALSE;
	*status_r = 209;
	return TRUE;
}

/* It was deleted with us and changed with them: what somebody still works on is kept. */
static gboolean revive(struct session *session, struct sync *sync, struct pim_map *map,
		       const struct pim_row *row, const char *luid, const struct pim_item *theirs,
		       guint *status_r, GError **error)
{
	guint64 revision;

	sync->conflicts++;
	*status_r = 208;
	return store(session, sync, row, theirs, &revision, error) &&
	       put_map(session, sync, map, row->id, luid, theirs, theirs, revision, error);
}

static gboolean update(struct session *session, struct sync *sync, struct pim_map *map,
		       const struct pim_row *row, const char *luid, const struct pim_item *theirs,
		       guint *status_r, GError **error)
{
	g_autoptr(pim_item_t) ours = load(row, error);
	g_autoptr(pim_item_t) merged = NULL;
	struct pim_groups their_groups;
	pim_group_mask changes;
	guint64 revision;

	if (ours == NULL)
		return FALSE;
	pim_item_groups(theirs, &their_groups);
	changes = pim_groups_differ(&their_groups, &map->device_groups);
	if (row->revision > map->seen && changes != 0) {
		if (session->service->settings->conflict == SML_CONFLICT_DUPLICATE &&
		    sync->mode != SYNC_FROM_CLIENT)
			return duplicate(session, sync, map, luid, theirs, status_r, error);
		return resolve(session, sync, map, row, luid, ours, theirs, changes, status_r,
			       error);
	}
	merged = merge(session, sync, ours, theirs, changes);
	*status_r = 200;
	return store(session, sync, row, merged, &revision, error) &&
	       put_map(session, sync, map, row->id, luid, theirs, merged, revision, error);
}

gboolean engine_put(struct session *session, struct sync *sync, const char *luid,
		    const struct pim_item *item, guint *status_r, GError **error)
{
	struct pim_map map;
	struct pim_row row;
	gboolean found;

	if (!pim_txn_map_by_luid(session->txn, sync->target, luid, &found, &map, error))
		return FALSE;
	if (!found) {
		memset(&map, 0, sizeof(map));
		return first_meeting(session, sync, &map, luid, item, status_r, error);
	}
	if (!pim_txn_get(session->txn, map.item, &found, &row, error))
		return FALSE;
	/* Its tombstone is gone, too: as if it had never been. The map's row is used again. */
	if (!found)
		return add_new(session, sync, &map, luid, item, status_r, error);
	if (row.deleted)
		return revive(session, sync, &map, &row, luid, item, status_r, error);
	return update(session, sync, &map, &row, luid, item, status_r, error);
}

/* --- Delete
 * ------------------------------------------------------------------------------------------ */

/* How many there were when it began, as far as its own changes tell. Counting takes as long as
 * there are items: only when it matters. */
static gboolean count_had(const struct session *session, struct sync *sync, GError **error)
{
	guint64 count;

	if (sync->had > 0)
		return TRUE;
	if (!pim_txn_count(session->txn, sync->collection, sync->components, &count, error))
		return FALSE;
	count += sync->in_deleted;
	sync->had = count > sync->in_added ? count - sync->in_added : 1;
	return TRUE;
}

/* A phone that was wiped says that all is deleted. So many at once are not believed. */
static gboolean is_guarded(const struct session *session, struct sync *sync, guint deletions,
			   gboolean *guarded_r, GError **error)
{
	const struct sml_settings *settings = session->service->settings;

	*guarded_r = FALSE;
	if (settings->guard_percent == 0 || deletions < settings->guard_items)
		return TRUE;
	if (!count_had(session, sync, error))
		return FALSE;
	*guarded_r = (guint64)deletions * 100 >= sync->had * settings->guard_percent;
	return TRUE;
}

static gboolean delete_known(struct session *session, struct sync *sync, struct pim_map *map,
			     const struct pim_row *row, guint *status_r, GError **error)
{
	guint64 revision;
	gboolean guarded;

	if (row->deleted) {
		*status_r = 200;
		return pim_txn_drop_map(session->txn, map->id, error);
	}
	if (row->revision > map->seen && winner_of(session, sync) == SERVER_WINS) {
		sync->conflicts++;
		*status_r = 419;
		return engine_send_as_new(session, map, error);
	}
	if (!is_guarded(session, sync, sync->in_deleted, &guarded, error))
		return FALSE;
	if (guarded) {
		*status_r = 403;
		sync->failed = SYNC_GUARDED;
		return TRUE;
	}
	*status_r = row->revision > map->seen ? 208 : 200;
	sync->in_deleted++;
	return pim_txn_delete(session->txn, row->id, origin(session), session->now, &revision,
			      error) &&
	       pim_txn_drop_map(session->txn, map->id, error);
}

gboolean engine_delete(struct session *session, struct sync *sync, const char *luid, gboolean soft,
		       guint *status_r, GError **error)
{
	struct pim_map map;
	struct pim_row row;
	gboolean found;

	if (!pim_txn_map_by_luid(session->txn, sync->target, luid, &found, &map, error))
		return FALSE;
	if (!found) {
		*status_r = session->device->rules.lenient_delete ? 200 : 211;
		return TRUE;
	}
	if (!pim_txn_get(session->txn, map.item, &found, &row, error))
		return FALSE;
	if (!found) {
		*status_r = 211;
		return pim_txn_drop_map(session->txn, map.id, error);
	}
	if (!soft)
		return delete_known(session, sync, &map, &row, status_r, error);
	*status_r = row.deleted ? 423 : 200;
	if (row.deleted)
		return pim_txn_drop_map(session->txn, map.id, error);
	/* Its copy has gone, not the item. */
	map.state = PIM_MAP_SOFT_DELETED;
	map.luid = NULL;
	map.pending = PIM_PENDING_NONE;
	return pim_txn_put_map(session->txn, &map, error);
}

/* --- the end of the client's changes
 * -------------------------------------------------------------------- */

struct unmapped {
	struct session *session;
	struct sync *sync;
	GArray *ids;
	guint64 position;
	guint rows;
	GError **error;
	gboolean failed;
};

static gboolean collect(const struct pim_row *row, gpointer data)
{
	struct unmapped *unmapped = data;
	struct pim_map map;
	gboolean found = TRUE;

	unmapped->rows++;
	unmapped->position = row->revision;
	if (row->deleted)
		return TRUE;
	if (!pim_txn_map_by_item(unmapped->session->txn, unmapped->sync->target, row->id, "",
				 &found, &map, unmapped->error)) {
		unmapped->failed = TRUE;
		return FALSE;
	}
	if (!found)
		g_array_append_val(unmapped->ids, row->id);
	return TRUE;
}

/* Its Sync was accepted before all of it was known. */
static void say_failed(struct session *session, const struct sync *sync)
{
	for (guint i = 0; i < session->statuses->len; i++) {
		struct status *status = session->statuses->pdata[i];

		if (strcmp(status->name, "Sync") == 0 &&
		    session_find_sync(session, status->target_ref, status->source_ref) == sync)
			status->code = sync->failed;
	}
}

/* Refresh from the client: what it has not sent is to go. */
static gboolean drop_unmapped(struct session *session, struct sync *sync, GError **error)
{
	g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint64));
	struct unmapped unmapped = {session, sync, ids, 0, 0, error, FALSE};
	guint64 revision;
	gboolean guarded;

	if (!pim_txn_changes(session->txn, sync->collection, sync->components, 0, G_MAXINT64,
			     G_MAXINT, collect, &unmapped, error) ||
	    unmapped.failed)
		return FALSE;
	if (!is_guarded(session, sync, ids->len, &guarded, error))
		return FALSE;
	if (guarded) {
		sync->failed = SYNC_GUARDED;
		say_failed(session, sync);
		return TRUE;
	}
	for (guint i = 0; i < ids->len; i++) {
		if (!pim_txn_delete(session->txn, g_array_index(ids, gint64, i), origin(session),
				    session->now, &revision, error))
			return FALSE;
	}
	sync->in_deleted += ids->len;
	return TRUE;
}

gboolean engine_client_done(struct session *session, struct sync *sync, GError **error)
{
	if (sync->mode != SYNC_REFRESH_FROM_CLIENT || sync->keeps || !sync->seen ||
	    sync->failed != 0)
		return TRUE;
	return drop_unmapped(session, sync, error);
}

gboolean engine_forget(struct session *session, struct sync *sync, GError **error)
{
	struct pim_target target;

	if (!pim_txn_clear_maps(session->txn, sync->target, error) ||
	    !pim_txn_drop_chunk(session->txn, sync->target, error) ||
	    !pim_txn_target(session->txn, session->device->peer, sync->name, sync->collection,
			    sync->components, &target, error))
		return FALSE;
	target.client_anchor = target.former_client_anchor = target.former_server_anchor = NULL;
	target.cursor = target.former_cursor = 0;
	return pim_txn_set_target(session->txn, &target, error);
}
