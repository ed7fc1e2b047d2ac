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

/* What a device has one of: an item, or one of its parts. */
struct ours {
	struct pim_row row; /* less the content */
	gboolean apart;     /* the device has exceptions as items of their own */
	char *part;
	struct pim_item *whole;
	struct pim_item *item; /* that part; NULL: there is none any more */
};

static void ours_clear(struct ours *ours)
{
	g_free(ours->part);
	pim_item_unref(ours->whole);
	pim_item_unref(ours->item);
}
typedef struct ours ours_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ours_t, ours_clear)

/* A tombstone has neither whole nor item. */
static gboolean load_ours(struct session *session, struct sync *sync, const struct pim_row *row,
			  const char *part, struct ours *ours_r, GError **error)
{
	const struct content *content = sync_content(session, sync);

	ours_r->row = *row;
	ours_r->row.content = NULL;
	ours_r->part = g_strdup(part);
	ours_r->apart = *part != '\0' || pim_exceptions_apart(content->format, content->capability);
	if (row->deleted)
		return TRUE;
	ours_r->whole = pim_item_load(row->component, row->content, row->content_len, error);
	if (ours_r->whole == NULL)
		return FALSE;
	ours_r->item =
		ours_r->apart ? pim_item_part(ours_r->whole, part) : pim_item_ref(ours_r->whole);
	return TRUE;
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

/* The device has `theirs`; we have `item`, at that revision. If ours is more than theirs, it is
 * sent: in this session, or in the next one that sends anything. */
static gboolean put_map(struct session *session, struct sync *sync, struct pim_map *map, gint64 id,
			const char *part, const char *luid, const struct pim_item *theirs,
			const struct pim_item *item, guint64 revision, GError **error)
{
	struct pim_groups projected;

	map->target = sync->target;
	map->item = id;
	map->part = part;
	map->luid = luid;
	map->tmpid = NULL;
	map->state = PIM_MAP_LIVE;
	map->pending = PIM_PENDING_NONE;
	map->sent_session = 0;
	map->tries = 0;
	map->lossy = pim_item_is_lossy(item, sync_content(session, sync)->format);
	pim_item_groups(theirs, &map->device_groups);
	pim_item_groups(item, &map->item_groups);
	projected_groups(session, sync, item, &projected);
	map->seen = revision;
	if (pim_groups_differ(&projected, &map->device_groups) != 0) {
		map->pending = PIM_PENDING_REPLACE;
		/* After a refresh from it the device may delete what it has not heard of: nobody
		 * else has worked on that since. */
		if (sync->mode != SYNC_REFRESH_FROM_CLIENT)
			map->seen = 0;
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
	return put_map(session, sync, map, id, "", luid, item, item, revision, error);
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

/* `merged` is now that part of ours; the device has `theirs`. */
static gboolean keep(struct session *session, struct sync *sync, struct pim_map *map,
		     const struct ours *ours, const char *luid, const struct pim_item *theirs,
		     const struct pim_item *merged, GError **error)
{
	g_autoptr(pim_item_t) whole = ours->apart
					      ? pim_item_with_part(ours->whole, ours->part, merged)
					      : pim_item_ref(merged);
	/* Exceptions that the device left out of the master's are there again. */
	g_autoptr(pim_item_t) item =
		ours->apart ? pim_item_part(whole, ours->part) : pim_item_ref(whole);
	guint64 revision;

	return store(session, sync, &ours->row, whole, &revision, error) &&
	       put_map(session, sync, map, ours->row.id, ours->part, luid, theirs,
		       item == NULL ? merged : item, revision, error);
}

/* What the device says of when and how often is not believed where it could not be told. */
static pim_group_mask believed(const struct session *session, struct sync *sync,
			       const struct pim_item *item)
{
	return pim_item_is_lossy(item, sync_content(session, sync)->format)
		       ? ~pim_schedule_groups(pim_item_component(item))
		       : ~0u;
}

/* --- a known item --------------------------------------------------------- */

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

/* Was it changed by somebody else since the device heard of it? Not so if only another part of it
 * was. */
static gboolean has_changed(const struct pim_map *map, const struct ours *ours)
{
	struct pim_groups groups;

	if (ours->row.revision <= map->seen)
		return FALSE;
	if (map->pending != PIM_PENDING_NONE || ours->item == NULL)
		return TRUE;
	pim_item_groups(ours->item, &groups);
	return pim_groups_differ(&groups, &map->item_groups) != 0;
}

/* Both have changed it: by groups; where both changed the same, one wins and the other is
 * kept. */
static gboolean resolve(struct session *session, struct sync *sync, struct pim_map *map,
			const struct ours *ours, const char *luid, const struct pim_item *theirs,
			pim_group_mask their_changes, guint *status_r, GError **error)
{
	struct pim_groups our_groups, projected, their_groups;
	g_autoptr(pim_item_t) merged = NULL;
	pim_group_mask our_changes, both;

	pim_item_groups(ours->item, &our_groups);
	projected_groups(session, sync, ours->item, &projected);
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
			if (!pim_txn_keep_loser(session->txn, ours->row.id, theirs, origin(session),
						session->now, error))
				return FALSE;
		}
	}
	merged = merge(session, sync, ours->item, theirs, their_changes);
	return keep(session, sync, map, ours, luid, theirs, merged, error);
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
		       const struct ours *ours, const char *luid, const struct pim_item *theirs,
		       guint *status_r, GError **error)
{
	guint64 revision;
	gboolean ok;

	sync->conflicts++;
	/* An exception of a series goes back to it; if that has gone, it is all there is. */
	if (ours->whole != NULL && pim_item_recurs(ours->whole))
		ok = keep(session, sync, map, ours, luid, theirs, theirs, error);
	else if (ours->whole != NULL)
		ok = add_new(session, sync, map, luid, theirs, status_r, error);
	else
		ok = store(session, sync, &ours->row, theirs, &revision, error) &&
		     put_map(session, sync, map, ours->row.id, "", luid, theirs, theirs, revision,
			     error);
	*status_r = 208;
	return ok;
}

/* An exception that recurs is none: it is an item now, and its occurrence is excepted. */
static gboolean detach(struct session *session, struct sync *sync, struct pim_map *map,
		       const struct ours *ours, const char *luid, const struct pim_item *theirs,
		       guint *status_r, GError **error)
{
	g_autoptr(pim_item_t) rest = pim_item_with_part(ours->whole, ours->part, NULL);
	guint64 revision;

	if (!store(session, sync, &ours->row, rest, &revision, error) ||
	    !add_new(session, sync, map, luid, theirs, status_r, error))
		return FALSE;
	*status_r = 200;
	return TRUE;
}

static gboolean update(struct session *session, struct sync *sync, struct pim_map *map,
		       const struct ours *ours, const char *luid, const struct pim_item *theirs,
		       guint *status_r, GError **error)
{
	g_autoptr(pim_item_t) merged = NULL;
	struct pim_groups their_groups;
	pim_group_mask changes;

	pim_item_groups(theirs, &their_groups);
	changes = pim_groups_differ(&their_groups, &map->device_groups) &
		  believed(session, sync, ours->item);
	if (has_changed(map, ours) && changes != 0) {
		if (session->service->settings->conflict == SML_CONFLICT_DUPLICATE &&
		    sync->mode != SYNC_FROM_CLIENT)
			return duplicate(session, sync, map, luid, theirs, status_r, error);
		return resolve(session, sync, map, ours, luid, theirs, changes, status_r, error);
	}
	merged = merge(session, sync, ours->item, theirs, changes);
	*status_r = 200;
	return keep(session, sync, map, ours, luid, theirs, merged, error);
}

static gboolean put_known(struct session *session, struct sync *sync, struct pim_map *map,
			  const struct pim_row *row, const char *luid, const struct pim_item *item,
			  guint *status_r, GError **error)
{
	g_auto(ours_t) ours = {.part = NULL};

	if (!load_ours(session, sync, row, map->part, &ours, error))
		return FALSE;
	map->part = ours.part;
	if (ours.item == NULL)
		return revive(session, sync, map, &ours, luid, item, status_r, error);
	if (*ours.part != '\0' && pim_item_recurs(item))
		return detach(session, sync, map, &ours, luid, item, status_r, error);
	return update(session, sync, map, &ours, luid, item, status_r, error);
}

/* --- a first meeting: slow sync ------------------------------------------- */

/* Of what a device can have but one of many, at any: the series with that name of which it is
 * one. */
static gboolean find_series(struct session *session, struct sync *sync, const struct pim_item *item,
			    gint64 *id_r, char **part_r, GError **error)
{
	guint64 key = pim_item_series_key(item);
	g_autoptr(pim_item_t) series = NULL;
	struct pim_row row;
	gboolean found;

	if (key == 0 || pim_item_recurs(item))
		return TRUE;
	if (!pim_txn_match_keys(session->txn, sync->target, pim_item_component(item), FALSE, &key,
				1, id_r, part_r, error))
		return FALSE;
	if (*id_r == 0)
		return TRUE;
	if (!pim_txn_get(session->txn, *id_r, &found, &row, error))
		return FALSE;
	series = pim_item_load(row.component, row.content, row.content_len, error);
	if (series == NULL)
		return FALSE;
	if (pim_item_is_lossy(series, sync_content(session, sync)->format) &&
	    pim_item_occurs(series, item))
		return TRUE;
	*id_r = 0;
	g_clear_pointer(part_r, g_free);
	return TRUE;
}

static gboolean find_same(struct session *session, struct sync *sync, const struct pim_item *item,
			  gint64 *id_r, GError **error)
{
	const char *uid = pim_item_uid(item);
	guint8 hash[16];

	pim_item_hash(item, hash);
	if (!pim_txn_match_hash(session->txn, sync->target, hash, id_r, error))
		return FALSE;
	return *id_r != 0 || uid == NULL ||
	       pim_txn_match_uid(session->txn, sync->target, uid, id_r, error);
}

/* *id_r 0: none. `part_r` is new. */
static gboolean find_alike(struct session *session, struct sync *sync, const struct pim_item *item,
			   gint64 *id_r, char **part_r, GError **error)
{
	const struct content *content = sync_content(session, sync);
	g_autoptr(GArray) keys = g_array_new(FALSE, FALSE, sizeof(guint64));

	pim_item_keys(item, keys);
	return pim_txn_match_keys(session->txn, sync->target, pim_item_component(item),
				  pim_exceptions_apart(content->format, content->capability),
				  (const guint64 *)(void *)keys->data, keys->len, id_r, part_r,
				  error) &&
	       (*id_r != 0 || find_series(session, sync, item, id_r, part_r, error));
}

/* Groups to be taken over when nobody knows what they were before: what we do not have; and in
 * a refresh, or where the client wins, what differs. */
static pim_group_mask first_groups(const struct session *session, const struct sync *sync,
				   const struct pim_groups *theirs, const struct pim_groups *ours)
{
	gboolean client_wins = winner_of(session, sync) == CLIENT_WINS;
	pim_group_mask differ = pim_groups_differ(theirs, ours), groups = 0;

	for (guint i = 0; i < PIM_GROUPS; i++) {
		if ((differ & 1u << i) != 0 && theirs->hash[i] != 0 &&
		    (ours->hash[i] == 0 || client_wins))
			groups |= 1u << i;
	}
	return groups;
}

static gboolean meet(struct session *session, struct sync *sync, struct pim_map *map,
		     const struct ours *ours, const char *luid, const struct pim_item *theirs,
		     guint *status_r, GError **error)
{
	g_autoptr(pim_item_t) merged = NULL;
	struct pim_groups their_groups, our_groups;
	pim_group_mask groups, lost, belief = believed(session, sync, ours->item);

	pim_item_groups(theirs, &their_groups);
	projected_groups(session, sync, ours->item, &our_groups);
	groups = first_groups(session, sync, &their_groups, &our_groups) & belief;
	merged = merge(session, sync, ours->item, theirs, groups);
	/* What the client had and does not keep: somebody may look for it. */
	lost = pim_groups_differ(&their_groups, &our_groups) & ~groups & belief;
	for (guint i = 0; i < PIM_GROUPS; i++) {
		if (their_groups.hash[i] == 0)
			lost &= ~(1u << i);
	}
	if (lost != 0) {
		sync->conflicts++;
		if (!pim_txn_keep_loser(session->txn, ours->row.id, theirs, origin(session),
					session->now, error))
			return FALSE;
	}
	*status_r = lost != 0 || groups != 0 ? 207 : 200;
	return keep(session, sync, map, ours, luid, theirs, merged, error);
}

/* Does the device still have much of what it had under that id? Ids are given anew after a device
 * was wiped. The first group is what an item is called. */
static gboolean is_the_same(const struct pim_groups *then, const struct pim_groups *now)
{
	guint equal = 0, all = 0;

	for (guint i = 0; i < PIM_GROUPS; i++) {
		all += now->hash[i] != 0;
		equal += now->hash[i] != 0 && now->hash[i] == then->hash[i];
	}
	return (now->hash[0] != 0 && now->hash[0] == then->hash[0]) ||
	       (equal >= 2 && equal * 2 >= all);
}

/* An item that neither its contents nor its keys find, since both sides have changed it: the maps
 * from before the slow sync say what it was. *found_r: map_r is of an item that is there and has
 * no other map. `part_r` is new; map_r has it, too. */
static gboolean find_former(struct session *session, struct sync *sync, const char *luid,
			    const struct pim_item *item, char **part_r, struct pim_map *map_r,
			    struct pim_row *row_r, gboolean *found_r, GError **error)
{
	struct pim_groups groups;
	struct pim_map other;
	gboolean mapped;

	if (!pim_txn_former_map(session->txn, sync->target, luid, found_r, map_r, error))
		return FALSE;
	if (!*found_r)
		return TRUE;
	pim_item_groups(item, &groups);
	*found_r = map_r->state == PIM_MAP_LIVE && is_the_same(&map_r->device_groups, &groups);
	if (!*found_r)
		return TRUE;
	/* What it points to is gone with the next look at the store. */
	map_r->luid = luid;
	map_r->part = *part_r = g_strdup(map_r->part);
	map_r->tmpid = NULL;
	if (!pim_txn_map_by_item(session->txn, sync->target, map_r->item, *part_r, &mapped, &other,
				 error) ||
	    !pim_txn_get(session->txn, map_r->item, found_r, row_r, error))
		return FALSE;
	*found_r = *found_r && !mapped && !row_r->deleted &&
		   row_r->component == pim_item_component(item);
	return TRUE;
}

static gboolean first_meeting(struct session *session, struct sync *sync, struct pim_map *map,
			      const char *luid, const struct pim_item *item, guint *status_r,
			      GError **error)
{
	gboolean compared = sync->mode == SYNC_SLOW || sync->mode == SYNC_REFRESH_FROM_CLIENT;
	struct pim_map former;
	g_autofree char *part = NULL;
	g_auto(ours_t) ours = {.part = NULL};
	struct pim_row row;
	gboolean found = FALSE;
	gint64 id = 0;

	if (compared && !find_same(session, sync, item, &id, error))
		return FALSE;
	if (compared && id == 0 &&
	    !find_former(session, sync, luid, item, &part, &former, &row, &found, error))
		return FALSE;
	if (found && sync->mode == SYNC_SLOW)
		return put_known(session, sync, &former, &row, luid, item, status_r, error);
	/* In a refresh it is as the phone has it. */
	if (found)
		id = row.id;
	else
		g_clear_pointer(&part, g_free);
	if (compared && id == 0 && !find_alike(session, sync, item, &id, &part, error))
		return FALSE;
	if (id == 0)
		return add_new(session, sync, map, luid, item, status_r, error);
	if (!pim_txn_get(session->txn, id, &found, &row, error) ||
	    !load_ours(session, sync, &row, part == NULL ? "" : part, &ours, error))
		return FALSE;
	/* An exception that it was, and which is none any more. */
	if (ours.item == NULL)
		return revive(session, sync, map, &ours, luid, item, status_r, error);
	return meet(session, sync, map, &ours, luid, item, status_r, error);
}

/* --- Add, Replace ---------------------------------------------------------------------------- */

enum knowledge {
	UNKNOWN,
	FORGOTTEN, /* its item has gone, and the tombstone with it */
	KNOWN,     /* its item is there, or deleted */
};

/* What the device calls by that id: the map unless it is unknown, the row if it is known. */
static gboolean find_known(struct session *session, const struct sync *sync, const char *luid,
			   enum knowledge *known_r, struct pim_map *map_r, struct pim_row *row_r,
			   GError **error)
{
	gboolean found;

	*known_r = UNKNOWN;
	if (!pim_txn_map_by_luid(session->txn, sync->target, luid, &found, map_r, error))
		return FALSE;
	if (!found)
		return TRUE;
	if (!pim_txn_get(session->txn, map_r->item, &found, row_r, error))
		return FALSE;
	*known_r = found ? KNOWN : FORGOTTEN;
	return TRUE;
}

gboolean engine_put(struct session *session, struct sync *sync, const char *luid,
		    const struct pim_item *item, guint *status_r, GError **error)
{
	enum knowledge known;
	struct pim_map map;
	struct pim_row row;

	if (!find_known(session, sync, luid, &known, &map, &row, error))
		return FALSE;
	switch (known) {
	case UNKNOWN:
		memset(&map, 0, sizeof(map));
		return first_meeting(session, sync, &map, luid, item, status_r, error);
	case FORGOTTEN:
		/* As if it had never been. The map's row is used again. */
		return add_new(session, sync, &map, luid, item, status_r, error);
	case KNOWN:
		return put_known(session, sync, &map, &row, luid, item, status_r, error);
	}
	return TRUE;
}

/* --- Copy ------------------------------------------------------------------------------------ */

gboolean engine_copy(struct session *session, struct sync *sync, const char *from, const char *to,
		     guint *status_r, GError **error)
{
	g_auto(ours_t) ours = {0};
	enum knowledge known;
	struct pim_map map;
	struct pim_row row;

	if (!find_known(session, sync, to, &known, &map, &row, error))
		return FALSE;
	/* It is there. */
	*status_r = 200;
	if (known != UNKNOWN)
		return TRUE;
	*status_r = 404;
	if (!find_known(session, sync, from, &known, &map, &row, error))
		return FALSE;
	if (known != KNOWN || row.deleted)
		return TRUE;
	if (!load_ours(session, sync, &row, map.part, &ours, error))
		return FALSE;
	if (ours.item == NULL)
		return TRUE;
	memset(&map, 0, sizeof(map));
	return add_new(session, sync, &map, to, ours.item, status_r, error);
}

/* --- Delete --------------------------------------------------------------- */

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

/* The device deleted exceptions: then there is nothing on those days. `parts` ends with NULL. */
static gboolean except(struct session *session, struct sync *sync, const struct ours *ours,
		       const char *const *parts, GError **error)
{
	g_autoptr(pim_item_t) rest = NULL;
	guint64 revision;

	if (ours->item == NULL)
		return TRUE;
	rest = pim_item_without_parts(ours->whole, parts);
	return store(session, sync, &ours->row, rest, &revision, error);
}

/* The series goes; exceptions that the client has by themselves are items now. */
static gboolean free_exceptions(struct session *session, struct sync *sync, const struct ours *ours,
				GError **error)
{
	g_autoptr(GPtrArray) parts = pim_item_split(ours->whole);

	/* The first is the master. */
	for (guint i = 1; i < parts->len; i++) {
		const struct pim_part *part = parts->pdata[i];
		struct pim_map map;
		guint64 revision;
		gboolean found;

		if (!pim_txn_map_by_item(session->txn, sync->target, ours->row.id, part->name,
					 &found, &map, error))
			return FALSE;
		if (!found || map.luid == NULL)
			continue;
		if (!pim_txn_add(session->txn, part->item, origin(session), session->now, &map.item,
				 &revision, error))
			return FALSE;
		/* What it has of it is known by the groups. */
		map.part = "";
		map.seen = 0;
		if (!pim_txn_put_map(session->txn, &map, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean delete_ours(struct session *session, struct sync *sync, struct pim_map *map,
			    const struct ours *ours, guint *status_r, GError **error)
{
	const char *const part[] = {ours->part, NULL};
	gboolean guarded, changed = has_changed(map, ours);
	guint64 revision;

	if (changed && ours->item != NULL && winner_of(session, sync) == SERVER_WINS) {
		sync->conflicts++;
		*status_r = 419;
		return engine_send_as_new(session, map, error);
	}
	*status_r = changed && ours->item != NULL ? 208 : 200;
	if (*ours->part != '\0')
		return except(session, sync, ours, part, error) &&
		       pim_txn_drop_map(session->txn, map->id, error);
	if (!is_guarded(session, sync, sync->in_deleted, &guarded, error))
		return FALSE;
	if (guarded) {
		*status_r = 403;
		sync->failed = SYNC_GUARDED;
		return TRUE;
	}
	sync->in_deleted++;
	return free_exceptions(session, sync, ours, error) &&
	       pim_txn_delete(session->txn, ours->row.id, origin(session), session->now, &revision,
			      error) &&
	       pim_txn_drop_map(session->txn, map->id, error);
}

static gboolean delete_known(struct session *session, struct sync *sync, struct pim_map *map,
			     const struct pim_row *row, guint *status_r, GError **error)
{
	g_auto(ours_t) ours = {.part = NULL};

	if (row->deleted) {
		*status_r = 200;
		return pim_txn_drop_map(session->txn, map->id, error);
	}
	if (!load_ours(session, sync, row, map->part, &ours, error))
		return FALSE;
	map->part = ours.part;
	return delete_ours(session, sync, map, &ours, status_r, error);
}

gboolean engine_delete(struct session *session, struct sync *sync, const char *luid, gboolean soft,
		       guint *status_r, GError **error)
{
	enum knowledge known;
	struct pim_map map;
	struct pim_row row;

	if (!find_known(session, sync, luid, &known, &map, &row, error))
		return FALSE;
	switch (known) {
	case UNKNOWN:
		*status_r = session->device->rules.lenient_delete ? 200 : 211;
		return TRUE;
	case FORGOTTEN:
		*status_r = 211;
		return pim_txn_drop_map(session->txn, map.id, error);
	case KNOWN:
		break;
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

/* --- the end of the client's changes -------------------------------------- */

/* An item, or an exception of one, that the client did not send. */
struct unsent {
	gint64 id;
	char *part;
};

static void unsent_clear(gpointer data)
{
	g_free(((struct unsent *)data)->part);
}

struct unmapped {
	struct session *session;
	struct sync *sync;
	GArray *unsent; /* struct unsent */
	guint items;    /* of these, how many are not only exceptions */
	GError **error;
	gboolean failed;
};

/* FALSE: that failed. */
static gboolean collect_part(struct unmapped *unmapped, gint64 id, const char *part,
			     gboolean *sent_r)
{
	GArray *all = unmapped->unsent;
	struct unsent *unsent;
	struct pim_map map;

	if (!pim_txn_map_by_item(unmapped->session->txn, unmapped->sync->target, id, part, sent_r,
				 &map, unmapped->error))
		return FALSE;
	if (*sent_r)
		return TRUE;
	g_array_set_size(all, all->len + 1);
	unsent = &g_array_index(all, struct unsent, all->len - 1);
	unsent->id = id;
	unsent->part = g_strdup(part);
	unmapped->items += *part == '\0';
	return TRUE;
}

static gboolean collect_exceptions(struct unmapped *unmapped, const struct pim_row *row)
{
	g_autoptr(pim_item_t) item =
		pim_item_load(row->component, row->content, row->content_len, unmapped->error);
	g_auto(GStrv) parts = item == NULL ? NULL : pim_item_parts(item);
	gboolean sent;

	for (guint i = 0; item != NULL && parts[i] != NULL; i++) {
		if (!collect_part(unmapped, row->id, parts[i], &sent))
			return FALSE;
	}
	return item != NULL;
}

static gboolean collect(const struct pim_row *row, gpointer data)
{
	struct unmapped *unmapped = data;
	const struct content *content = sync_content(unmapped->session, unmapped->sync);
	gboolean sent;

	if (row->deleted)
		return TRUE;
	/* With an item that is to go its exceptions go, too. */
	if (!collect_part(unmapped, row->id, "", &sent) ||
	    (sent && pim_exceptions_apart(content->format, content->capability) &&
	     !collect_exceptions(unmapped, row)))
		unmapped->failed = TRUE;
	return !unmapped->failed;
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

/* An item, or exceptions of one. */
static gboolean drop(struct session *session, struct sync *sync, const struct unsent *unsent,
		     guint count, GError **error)
{
	g_autofree const char **parts = g_new0(const char *, count + 1);
	g_auto(ours_t) ours = {.part = NULL};
	struct pim_row row;
	guint64 revision;
	gboolean found;

	for (guint i = 0; i < count; i++)
		parts[i] = unsent[i].part;
	if (!pim_txn_get(session->txn, unsent->id, &found, &row, error) ||
	    !load_ours(session, sync, &row, unsent->part, &ours, error))
		return FALSE;
	if (*unsent->part != '\0')
		return except(session, sync, &ours, parts, error);
	sync->in_deleted++;
	return free_exceptions(session, sync, &ours, error) &&
	       pim_txn_delete(session->txn, unsent->id, origin(session), session->now, &revision,
			      error);
}

/* Refresh from the client: what it has not sent is to go. */
static gboolean drop_unmapped(struct session *session, struct sync *sync, GError **error)
{
	g_autoptr(GArray) unsent = g_array_new(FALSE, FALSE, sizeof(struct unsent));
	struct unmapped unmapped = {session, sync, unsent, 0, error, FALSE};
	gboolean guarded;

	g_array_set_clear_func(unsent, unsent_clear);
	if (!pim_txn_changes(session->txn, sync->collection, sync->components, 0, G_MAXINT64,
			     G_MAXINT, collect, &unmapped, error) ||
	    unmapped.failed)
		return FALSE;
	if (!is_guarded(session, sync, unmapped.items, &guarded, error))
		return FALSE;
	if (guarded) {
		sync->failed = SYNC_GUARDED;
		say_failed(session, sync);
		return TRUE;
	}
	for (guint i = 0, count; i < unsent->len; i += count) {
		const struct unsent *first = &g_array_index(unsent, struct unsent, i);

		/* Those of an item follow each other. */
		for (count = 1; i + count < unsent->len && first[count].id == first->id; count++)
			;
		if (!drop(session, sync, first, count, error))
			return FALSE;
	}
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
