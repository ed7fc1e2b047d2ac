/*
 * Our changes for the client (SyncML Sync Protocol 1.1 sections 5 and 6). What is to be sent is
 * never remembered: it follows from what we have and what the map says the device has. So a
 * message that got lost, a session that was cut off and a change in the middle of one need
 * nothing of their own.
 */
#include <string.h>

#include "answer.h"
#include "limits.h"

/* Refused so often, an item is left out for this device until it changes. */
#define TRIES 3
/* Temporary ids looked at before an item waits for the next session. */
#define TMPIDS_TRIED 100
/* Rows looked at in one go. */
#define PAGE 200

enum operation {
	NOTHING,
	SEND_ADD,
	SEND_REPLACE,
	SEND_DELETE,
};

/* What a device should be told of one item. */
struct change {
	enum operation operation;
	struct pim_map map; /* id 0: it has none yet */
	char *luid, *tmpid, *part;
	gint64 item;
	guint64 revision;
	enum pim_map_state state_after; /* of a Delete */
	struct pim_item *content;       /* Add and Replace */
};

static void change_clear(struct change *change)
{
	g_free(change->luid);
	g_free(change->tmpid);
	g_free(change->part);
	pim_item_unref(change->content);
	memset(change, 0, sizeof(*change));
}

static void change_free(gpointer change)
{
	change_clear(change);
	g_free(change);
}

/* --- filters ------------------------------------------------------------------------------ */

struct subject {
	const struct pim_item *item;
	const char *luid;
	gboolean luid_counts; /* the filter asked for it */
	char **values;
};

static const char *const *subject_values(const char *property, gpointer data)
{
	struct subject *subject = data;

	g_clear_pointer(&subject->values, g_strfreev);
	if (strcmp(property, "LUID") == 0) {
		subject->luid_counts = TRUE;
		subject->values = g_new0(char *, 2);
		subject->values[0] = g_strdup(subject->luid);
	} else {
		subject->values = pim_item_values(subject->item, property);
	}
	return (const char *const *)subject->values;
}

static gboolean subject_overlaps(gint64 since, gint64 before, gpointer data)
{
	const struct subject *subject = data;

	return pim_item_overlaps(subject->item, since, before);
}

/* *all_r: as any part of the item, whatever its LUID. */
static gboolean is_inside(struct sync *sync, const struct pim_item *item, const char *luid,
			  gboolean *all_r)
{
	struct subject subject = {.item = item, .luid = luid};
	struct filter_subject filtered = {subject_values, subject_overlaps, &subject};
	gboolean inside;

	*all_r = TRUE;
	if ((sync->since != G_MININT64 || sync->before != G_MAXINT64) &&
	    !pim_item_overlaps(item, sync->since, sync->before))
		return FALSE;
	if (sync->filter == NULL)
		return TRUE;
	/* It was good when it was alerted. */
	if (sync->parsed == NULL)
		sync->parsed = filter_parse(sync->filter, NULL);
	inside = sync->parsed == NULL || filter_match(sync->parsed, &filtered);
	g_strfreev(subject.values);
	*all_r = !subject.luid_counts;
	return inside;
}

/* --- what there is to say -------------------------------------------------------------------- */

/* We have more of it than the device, or nobody knows what that has. */
static gboolean is_news(const struct change *change)
{
	return change->revision > change->map.seen || change->map.pending != PIM_PENDING_NONE;
}

static enum operation operation_outside(const struct sync *sync, struct change *change,
					gboolean known)
{
	if (!known)
		return NOTHING;
	if (sync->filter_inclusive)
		return is_news(change) ? SEND_REPLACE : NOTHING;
	change->state_after = PIM_MAP_FILTERED;
	return SEND_DELETE;
}

static enum operation operation_inside(const struct change *change, gboolean mapped, gboolean known)
{
	const struct pim_map *map = &change->map;

	if (!mapped || map->state == PIM_MAP_FILTERED)
		return SEND_ADD;
	switch (map->state) {
	case PIM_MAP_LIVE:
	case PIM_MAP_FILTERED:
		break;
	case PIM_MAP_SOFT_DELETED:
		return change->revision > map->seen ? SEND_ADD : NOTHING;
	case PIM_MAP_POISONED:
		if (change->revision <= map->sent)
			return NOTHING;
		break;
	}
	if (!known)
		return SEND_ADD;
	return is_news(change) ? SEND_REPLACE : NOTHING;
}

static void keep_map(struct change *change, const struct pim_map *map)
{
	change->map = *map;
	/* As long as it has not said that it has dropped it, it may have it. */
	if (map->state == PIM_MAP_FILTERED && map->luid != NULL)
		change->map.state = PIM_MAP_LIVE;
	change->luid = g_strdup(map->luid);
	change->tmpid = g_strdup(map->tmpid);
	change->part = g_strdup(map->part);
}

static gboolean add_mapped(const struct pim_map *map, gpointer data)
{
	struct change *change = g_new0(struct change, 1);

	keep_map(change, map);
	change->item = map->item;
	g_ptr_array_add(data, change);
	return TRUE;
}

/* An item, as far as is decided. */
struct decision {
	const struct pim_item *whole;
	GPtrArray *changes;
	GHashTable *by_part;    /* of these */
	gboolean known, inside; /* all of it is, or is not */
};

/* That of the part, which may have no map yet. */
static struct change *change_of(struct decision *decision, gint64 item, const char *part)
{
	struct change *change = g_hash_table_lookup(decision->by_part, part);

	if (change != NULL)
		return change;
	change = g_new0(struct change, 1);
	change->part = g_strdup(part);
	change->item = item;
	g_ptr_array_add(decision->changes, change);
	g_hash_table_insert(decision->by_part, change->part, change);
	return change;
}

/* Another part of the item was changed, not this one. */
static gboolean is_as_sent(const struct change *change)
{
	struct pim_groups groups;

	if (change->map.pending != PIM_PENDING_NONE)
		return FALSE;
	pim_item_groups(change->content, &groups);
	return pim_groups_differ(&groups, &change->map.item_groups) == 0;
}

/* `change->content` is what of the item the device has or gets as one. */
static void decide(struct sync *sync, const struct content *content, struct decision *decision,
		   struct change *change)
{
	gboolean mapped = change->map.id != 0;
	gboolean known = mapped && change->luid != NULL && change->map.state != PIM_MAP_FILTERED;

	/* Tasks for a calendar that has events only. */
	if (!mapped && content->capability != NULL &&
	    (content->capability->components &
	     PIM_COMPONENT_BIT(pim_item_component(decision->whole))) == 0)
		return;
	/* What is not asked of a part is asked once of the item. */
	if (!decision->known)
		decision->inside = is_inside(sync, decision->whole, change->luid, &decision->known);
	change->operation = decision->inside ? operation_inside(change, mapped, known)
					     : operation_outside(sync, change, known);
	if (change->operation == SEND_REPLACE && is_as_sent(change))
		change->operation = NOTHING;
}

static gboolean decide_all(const struct session *session, struct sync *sync,
			   const struct pim_row *row, GPtrArray *changes, GError **error)
{
	const struct content *content = sync_content(session, sync);
	gboolean apart = pim_exceptions_apart(content->format, content->capability);
	g_autoptr(pim_item_t) whole =
		pim_item_load(row->component, row->content, row->content_len, error);
	g_autoptr(GHashTable) by_part = g_hash_table_new(g_str_hash, g_str_equal);
	struct decision decision = {.whole = whole, .changes = changes, .by_part = by_part};
	struct change *change;

	if (whole == NULL)
		return FALSE;
	for (guint i = changes->len; i > 0; i--) {
		change = changes->pdata[i - 1];
		g_hash_table_insert(by_part, change->part, change);
	}
	if (apart) {
		g_autoptr(GPtrArray) parts = pim_item_split(whole);

		for (guint i = 0; i < parts->len; i++) {
			const struct pim_part *part = parts->pdata[i];

			change = change_of(&decision, row->id, part->name);
			change->content = pim_item_ref(part->item);
		}
	} else {
		change = change_of(&decision, row->id, "");
		change->content = pim_item_ref(whole);
	}
	for (guint i = 0; i < changes->len; i++) {
		change = changes->pdata[i];
		change->revision = row->revision;
		if (change->content != NULL)
			decide(sync, content, &decision, change);
		else if (change->luid != NULL && change->map.state != PIM_MAP_FILTERED)
			change->operation = SEND_DELETE;
	}
	return TRUE;
}

/* What the device should be told of an item, and of exceptions that it has apart. */
static gboolean look_at_item(struct session *session, struct sync *sync, gint64 id,
			     GPtrArray *changes, GError **error)
{
	struct pim_row row;
	gboolean found;

	if (!pim_txn_item_maps(session->txn, sync->target, id, add_mapped, changes, error) ||
	    !pim_txn_get(session->txn, id, &found, &row, error))
		return FALSE;
	if (found && !row.deleted)
		return decide_all(session, sync, &row, changes, error);
	for (guint i = 0; i < changes->len; i++) {
		struct change *change = changes->pdata[i];

		change->revision = found ? row.revision : 0;
		/* An Add of which nobody knows whether it arrived is asked for by its Map; then it
		 * is deleted. */
		if (change->luid != NULL && (!found || change->map.state != PIM_MAP_FILTERED))
			change->operation = SEND_DELETE;
	}
	return TRUE;
}

/* --- which items ---------------------------------------------------------- */

struct page {
	gint64 ids[PAGE];
	guint64 positions[PAGE]; /* where to go on after each */
	guint count;
};

static gboolean add_pending(const struct pim_map *map, gpointer data)
{
	struct page *page = data;

	page->positions[page->count] = (guint64)map->id;
	page->ids[page->count++] = map->item;
	return TRUE;
}

static gboolean add_changed(const struct pim_row *row, gpointer data)
{
	struct page *page = data;

	page->positions[page->count] = row->revision;
	page->ids[page->count++] = row->id;
	return TRUE;
}

/* A walk over all that may have to be sent: first what was left pending, then what changed. */
struct walk {
	gboolean pending; /* in the first part */
	guint64 position;
	struct page page;
	guint next;
};

static gboolean fill(struct session *session, struct sync *sync, guint64 cursor, struct walk *walk,
		     GError **error)
{
	walk->page.count = walk->next = 0;
	if (walk->pending)
		return pim_txn_maps(session->txn, sync->target, (gint64)walk->position, TRUE, PAGE,
				    add_pending, &walk->page, error);
	return pim_txn_changes(session->txn, sync->collection, sync->components,
			       MAX(walk->position, cursor), sync->snapshot, PAGE, add_changed,
			       &walk->page, error);
}

/* *id_r 0: that was all. */
static gboolean walk_next(struct session *session, struct sync *sync, guint64 cursor,
			  struct walk *walk, gint64 *id_r, GError **error)
{
	while (walk->next == walk->page.count) {
		gboolean was_full = walk->page.count == PAGE || walk->page.count == 0;

		if (!was_full && !walk->pending) {
			*id_r = 0;
			return TRUE;
		}
		if (!fill(session, sync, cursor, walk, error))
			return FALSE;
		if (walk->page.count == 0) {
			if (!walk->pending) {
				*id_r = 0;
				return TRUE;
			}
			walk->pending = FALSE;
			walk->position = sync->position;
		}
	}
	walk->position = walk->page.positions[walk->next];
	*id_r = walk->page.ids[walk->next++];
	return TRUE;
}

static gboolean cursor_of(struct session *session, const struct sync *sync, guint64 *cursor_r,
			  GError **error)
{
	struct pim_target target;

	if (!pim_txn_target(session->txn, session->device->peer, sync->name, sync->collection,
			    sync->components, &target, error))
		return FALSE;
	/* A refresh and a slow sync are about all of them. */
	*cursor_r =
		(sync->mode == SYNC_TWO_WAY || sync->mode == SYNC_FROM_SERVER) && !sync->look_at_all
			? target.cursor
			: 0;
	return TRUE;
}

/* Sent in this session, and not answered yet: not again. */
static gboolean is_under_way(const struct session *session, const struct change *change)
{
	return change->map.pending != PIM_PENDING_NONE && change->map.sent_session == session->id &&
	       change->map.sent >= change->revision;
}

/* It is for the next session: some devices cannot take it in a slow sync. */
static gboolean has_to_wait(const struct session *session, const struct sync *sync,
			    const struct change *change)
{
	return change->operation == SEND_REPLACE && sync->mode == SYNC_SLOW &&
	       session->device->rules.no_replace_in_slow_sync;
}

gboolean engine_count(struct session *session, struct sync *sync, guint64 *count_r, GError **error)
{
	struct walk walk = {.pending = TRUE};
	g_autoptr(GHashTable) seen =
		g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	guint64 cursor, adds = 0, deletes = 0, room;
	gint64 id;

	*count_r = 0;
	if (!cursor_of(session, sync, &cursor, error))
		return FALSE;
	for (;;) {
		g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func(change_free);
		gboolean pending = walk.pending;

		if (!walk_next(session, sync, cursor, &walk, &id, error))
			return FALSE;
		if (id == 0)
			break;
		if (!look_at_item(session, sync, id, changes, error))
			return FALSE;
		/* One that is pending may have changed, too. */
		if (pending ? !g_hash_table_add(seen, g_memdup2(&id, sizeof(id)))
			    : g_hash_table_contains(seen, &id))
			continue;
		for (guint i = 0; i < changes->len; i++) {
			const struct change *change = changes->pdata[i];

			*count_r +=
				change->operation != NOTHING && !has_to_wait(session, sync, change);
			adds += change->operation == SEND_ADD;
			deletes += change->operation == SEND_DELETE;
		}
	}
	/* As has_room() has it. */
	if (sync->free_id != G_MAXUINT64) {
		room = sync->free_id == 0 ? 0 : sync->free_id + deletes;
		*count_r -= adds - MIN(adds, room);
	}
	return TRUE;
}

/* --- sending -------------------------------------------------------------- */

static char *in_base_36(guint64 number)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	char text[16];
	guint i = sizeof(text) - 1;

	text[i] = '\0';
	do
		text[--i] = digits[number % 36];
	while ((number /= 36) > 0);
	return g_strdup(text + i);
}

/* How many ids a phone has room for. */
static guint64 count_of_tmpids(guint64 max_guid_size)
{
	guint64 count = 1;

	if (max_guid_size == 0)
		return G_MAXUINT64;
	for (guint i = 0; i < MIN(max_guid_size, 12); i++)
		count *= 36;
	return count;
}

/* Nobody asks for it any more: its item was mapped, or has gone. */
static gboolean free_tmpid(struct session *session, const struct sync *sync, const char *tmpid,
			   gboolean *free_r, GError **error)
{
	struct pim_map map;
	gboolean found;

	if (!pim_txn_map_by_tmpid(session->txn, sync->target, tmpid, &found, &map, error))
		return FALSE;
	*free_r = !found || map.pending != PIM_PENDING_ADD;
	if (!found || !*free_r)
		return TRUE;
	map.tmpid = NULL;
	return pim_txn_put_map(session->txn, &map, error);
}

/* Short, since some phones take but four characters; not used again before all others were, and
 * never while the phone may have yet to map it. NULL: all of them are in use. */
static gboolean new_tmpid(struct session *session, struct sync *sync, char **tmpid_r,
			  GError **error)
{
	guint64 count = count_of_tmpids(sync_content(session, sync)->max_guid_size);

	*tmpid_r = NULL;
	for (guint64 tried = 0; tried < MIN(count, TMPIDS_TRIED); tried++) {
		g_autofree char *tmpid = NULL;
		gboolean is_free = TRUE;
		guint64 number;

		if (!pim_txn_next_tmpid(session->txn, sync->target, &number, error))
			return FALSE;
		tmpid = in_base_36(number % count);
		/* Numbers do not come again, but for what they leave of the division. */
		if (number >= count && !free_tmpid(session, sync, tmpid, &is_free, error))
			return FALSE;
		if (is_free) {
			*tmpid_r = g_steal_pointer(&tmpid);
			return TRUE;
		}
	}
	return TRUE;
}

static struct sml_command *command_for(struct answer *answer, const struct change *change,
				       const struct content *content, GBytes *data)
{
	static const enum sml_command_kind kinds[] = {
		[SEND_ADD] = SML_CMD_ADD,
		[SEND_REPLACE] = SML_CMD_REPLACE,
		[SEND_DELETE] = SML_CMD_DELETE,
	};
	struct sml_command *command = sml_command_new(answer->message, kinds[change->operation]);
	struct sml_item *item = sml_item_new(answer->message, command);

	if (change->operation == SEND_ADD)
		item->source = sml_message_string(answer->message, change->tmpid, -1);
	else
		item->target = sml_message_string(answer->message, change->luid, -1);
	command->soft_delete = change->operation == SEND_DELETE &&
			       change->state_after == PIM_MAP_FILTERED &&
			       answer->session->device->rules.soft_delete;
	if (data != NULL) {
		command->meta.type = pim_format_type(content->format);
		item->data = g_bytes_ref(data);
	}
	return command;
}

/* What of it is under way, or waits. */
static struct pim_map *map_of(struct change *change, const struct sync *sync)
{
	static const enum pim_pending pending[] = {
		[SEND_ADD] = PIM_PENDING_ADD,
		[SEND_REPLACE] = PIM_PENDING_REPLACE,
		[SEND_DELETE] = PIM_PENDING_DELETE,
	};
	struct pim_map *map = &change->map;

	map->target = sync->target;
	map->item = change->item;
	map->part = change->part == NULL ? "" : change->part;
	map->luid = change->operation == SEND_ADD ? NULL : change->luid;
	map->tmpid = change->tmpid;
	map->pending = pending[change->operation];
	map->state = change->operation == SEND_DELETE ? change->state_after : PIM_MAP_LIVE;
	return map;
}

/* The map says what was sent, where the answer to it will be found, and what holds then. */
static gboolean note_sent(struct session *session, struct sync *sync, struct change *change,
			  guint32 cmd, GError **error)
{
	struct pim_map *map = map_of(change, sync);

	map->sent = change->revision;
	map->sent_session = session->id;
	map->sent_msg = session->msg_id;
	map->sent_cmd = cmd;
	if (change->content != NULL) {
		const struct content *content = sync_content(session, sync);
		g_autoptr(pim_item_t) projected = pim_item_project(
			change->content, content->format, &content->style, content->capability);

		pim_item_groups(projected, &map->sent_device_groups);
		pim_item_groups(change->content, &map->sent_item_groups);
		map->lossy = pim_item_is_lossy(change->content, content->format);
	}
	return pim_txn_put_map(session->txn, map, error);
}

/* Not in this session. The next one finds it, though the cursor has gone past it by then. Of Adds
 * and Replaces: there is room for a Delete in any message. */
static gboolean leave_out(struct session *session, struct sync *sync, struct change *change,
			  GError **error)
{
	struct pim_map *map = map_of(change, sync);

	map->sent_session = 0;
	return pim_txn_put_map(session->txn, map, error);
}

static void count_sent(struct sync *sync, enum operation operation)
{
	sync->out_added += operation == SEND_ADD;
	sync->out_replaced += operation == SEND_REPLACE;
	sync->out_deleted += operation == SEND_DELETE;
}

/* --- sending in pieces ---------------------------------------------------- */

/* Where the object waits while it goes out: the store's pieces are by target, and numbers below
 * 0 are nobody's. */
static gint64 outgoing(const struct sync *sync)
{
	return -sync->target;
}

/* The end of a piece that does not cut a character. */
static gsize piece_end(const char *data, gsize len, gsize from, gsize room)
{
	gsize end = MIN(len, from + room);

	while (end < len && end > from && ((guchar)data[end] & 0xC0) == 0x80)
		end--;
	return end;
}

static void set_piece(struct sml_item *item, const struct pim_chunk *chunk, gsize from, gsize end)
{
	g_clear_pointer(&item->data, g_bytes_unref);
	item->data = g_bytes_new((const char *)chunk->data + from, end - from);
	item->more_data = end < chunk->len;
}

/* Gives the command's item as much as the message has room for; in XML escapes make it larger.
 * Its end; `from` = there is no room. */
static gsize largest_piece(struct answer *answer, struct sml_command *command,
			   const struct pim_chunk *chunk, gsize from)
{
	struct sml_item *item = command->items->pdata[0];
	gsize fits = from, too_large = chunk->len;

	set_piece(item, chunk, from, chunk->len);
	if (answer_fits(answer, command, FALSE))
		return chunk->len;
	while (fits + 1 < too_large) {
		gsize end = piece_end(chunk->data, chunk->len, from, (fits + too_large) / 2 - from);

		/* All of it is one character. */
		if (end <= fits) {
			too_large = (fits + too_large) / 2;
			continue;
		}
		set_piece(item, chunk, from, end);
		if (answer_fits(answer, command, FALSE))
			fits = end;
		else
			too_large = end;
	}
	set_piece(item, chunk, from, fits);
	return fits;
}

/* The next piece of the object whose map is sync->chunk_map. sent_r FALSE: no room. */
static gboolean send_piece(struct session *session, struct sync *sync, struct answer *answer,
			   struct change *change, gboolean *sent_r, GError **error)
{
	const struct content *content = sync_content(session, sync);
	struct sml_command *command;
	struct sml_item *item;
	struct pim_chunk chunk;
	gboolean found, last;
	gsize end;

	*sent_r = FALSE;
	if (!pim_txn_chunk(session->txn, outgoing(sync), &found, &chunk, error))
		return FALSE;
	if (!found) {
		sync->chunk_map = 0;
		return TRUE;
	}
	command = command_for(answer, change, content, NULL);
	command->meta.type = pim_format_type(content->format);
	item = command->items->pdata[0];
	if (sync->chunk_offset == 0) {
		item->meta.size = chunk.total;
		item->meta.has_size = TRUE;
	}
	end = largest_piece(answer, command, &chunk, sync->chunk_offset);
	last = end == chunk.len;
	if (end == sync->chunk_offset || !answer_add(answer, command, FALSE)) {
		answer->full = TRUE;
		return TRUE;
	}
	*sent_r = TRUE;
	sync->chunk_offset = end;
	if (last) {
		sync->chunk_map = 0;
		if (!pim_txn_drop_chunk(session->txn, outgoing(sync), error))
			return FALSE;
	} else {
		/* The next one only after this was taken. */
		answer->full = TRUE;
	}
	return note_sent(session, sync, change, command->cmd_id, error);
}

static gboolean begin_pieces(struct session *session, struct sync *sync, struct answer *answer,
			     struct change *change, GBytes *data, GError **error)
{
	gboolean sent;
	gsize len;
	const void *octets = g_bytes_get_data(data, &len);

	if (!pim_txn_begin_chunk(session->txn, outgoing(sync), "", len, error) ||
	    !pim_txn_append_chunk(session->txn, outgoing(sync), octets, len, error) ||
	    !note_sent(session, sync, change, 0, error))
		return FALSE;
	sync->chunk_map = change->map.id;
	sync->chunk_offset = 0;
	return send_piece(session, sync, answer, change, &sent, error);
}

struct found_map {
	gint64 id;
	struct change *change;
	gboolean found;
};

static gboolean take_map(const struct pim_map *map, gpointer data)
{
	struct found_map *found = data;

	if (map->id == found->id) {
		keep_map(found->change, map);
		found->found = TRUE;
	}
	return FALSE;
}

static gboolean continue_pieces(struct session *session, struct sync *sync, struct answer *answer,
				GError **error)
{
	struct change change = {.operation = NOTHING};
	struct found_map found = {.id = sync->chunk_map, .change = &change};
	gboolean ok, sent;

	ok = pim_txn_maps(session->txn, sync->target, sync->chunk_map - 1, FALSE, 1, take_map,
			  &found, error);
	if (ok && found.found) {
		change.operation = change.luid == NULL ? SEND_ADD : SEND_REPLACE;
		change.item = change.map.item;
		change.revision = change.map.sent;
		ok = send_piece(session, sync, answer, &change, &sent, error);
	} else {
		sync->chunk_map = 0;
	}
	change_clear(&change);
	return ok;
}

/* --- one change ----------------------------------------------------------- */

/* What the device is to have of it; NULL: too large for it at all. */
static GBytes *data_of(const struct session *session, struct sync *sync,
		       const struct change *change)
{
	const struct content *content = sync_content(session, sync);
	guint64 max = MIN(sync->max_obj_size,
			  session->max_obj_size == 0 ? G_MAXUINT64 : session->max_obj_size);
	GString *text = pim_item_write(change->content, content->format, &content->style,
				       content->capability);

	if (text->len > max) {
		g_string_free(text, TRUE);
		return NULL;
	}
	return g_string_free_to_bytes(text);
}

/* What was deleted before it makes room. */
static gboolean has_room(const struct sync *sync)
{
	return sync->free_id == G_MAXUINT64 ||
	       (sync->free_id > 0 && sync->out_added < sync->free_id + sync->out_deleted);
}

/* sent_r FALSE: there is no room for it in this message. One that never fits is left out, and
 * stays pending. */
static gboolean send_change(struct session *session, struct sync *sync, struct answer *answer,
			    struct change *change, gboolean *sent_r, GError **error)
{
	const struct content *content = sync_content(session, sync);
	g_autoptr(GBytes) data = NULL;
	struct sml_command *command;
	gboolean waits;

	*sent_r = TRUE;
	if (has_to_wait(session, sync, change) ||
	    (change->operation == SEND_ADD && !has_room(sync)))
		return leave_out(session, sync, change, error);
	if (change->operation != SEND_DELETE) {
		data = data_of(session, sync, change);
		if (data == NULL)
			return leave_out(session, sync, change, error);
	}
	if (change->operation == SEND_ADD && change->tmpid == NULL &&
	    !new_tmpid(session, sync, &change->tmpid, error))
		return FALSE;
	if (change->operation == SEND_ADD && change->tmpid == NULL)
		return leave_out(session, sync, change, error);
	command = command_for(answer, change, content, data);
	waits = !sync->waited && !answer_fits(answer, command, FALSE) &&
		answer_fits(answer, command, TRUE);
	if (answer_add(answer, command,
		       change->operation == SEND_DELETE && answer->commands == 1)) {
		count_sent(sync, change->operation);
		sync->waited = FALSE;
		return note_sent(session, sync, change, command->cmd_id, error);
	}
	/* The Sync is one command. What is in the message besides it and the header's status may
	 * not be in the next one; once, since phones may say something with each. */
	if (answer->commands > 1 || session->statuses->len > 0 || waits) {
		sync->waited = waits;
		*sent_r = FALSE;
		return TRUE;
	}
	if (!content->large_objects || session->version == SML_1_0) {
		answer->full = FALSE;
		return leave_out(session, sync, change, error);
	}
	count_sent(sync, change->operation);
	return begin_pieces(session, sync, answer, change, data, error);
}

static gboolean open_sync(struct session *session, struct sync *sync, struct answer *answer,
			  gboolean *opened_r, GError **error)
{
	struct sml_command *command = sml_command_new(answer->message, SML_CMD_SYNC);
	guint64 count;

	command->target = sync->client_uri;
	command->source = sync->server_uri;
	/* In the first Sync of the package, if the phone knows it. */
	if (!sync->opened && session->version != SML_1_0 && session->device->devinf != NULL &&
	    session->device->devinf->number_of_changes) {
		if (!engine_count(session, sync, &count, error))
			return FALSE;
		command->number_of_changes = (gint64)count;
	}
	*opened_r = answer_open(answer, command);
	sync->opened = sync->opened || *opened_r;
	return TRUE;
}

/* For a phone with room for some more only: first what makes room, then what takes it. */
static gboolean is_turn(const struct sync *sync, const struct change *change)
{
	return sync->free_id == G_MAXUINT64 || sync->adds == (change->operation == SEND_ADD);
}

static gboolean begin_adds(struct sync *sync, struct walk *walk)
{
	if (sync->free_id == G_MAXUINT64 || sync->adds)
		return FALSE;
	sync->adds = TRUE;
	sync->map_position = 0;
	sync->position = 0;
	*walk = (struct walk){.pending = TRUE};
	return TRUE;
}

/* all_r FALSE: there is no room for the rest in this message. */
static gboolean send_item(struct session *session, struct sync *sync, struct answer *answer,
			  gint64 id, gboolean *all_r, GError **error)
{
	g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func(change_free);

	*all_r = TRUE;
	if (!look_at_item(session, sync, id, changes, error))
		return FALSE;
	for (guint i = 0; i < changes->len && *all_r; i++) {
		struct change *change = changes->pdata[i];

		if (change->operation == NOTHING || is_under_way(session, change) ||
		    !is_turn(sync, change))
			continue;
		/* One before it in the item took what there was. */
		if (answer->full)
			*all_r = FALSE;
		else if (!send_change(session, sync, answer, change, all_r, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean send_all(struct session *session, struct sync *sync, struct answer *answer,
			 gboolean *done_r, GError **error)
{
	struct walk walk = {
		.pending = sync->position == 0,
		.position = sync->position == 0 ? (guint64)sync->map_position : sync->position,
	};
	guint64 cursor;

	if (!cursor_of(session, sync, &cursor, error))
		return FALSE;
	while (!answer->full) {
		gboolean all;
		gint64 id;

		if (!walk_next(session, sync, cursor, &walk, &id, error))
			return FALSE;
		if (id == 0 && begin_adds(sync, &walk))
			continue;
		*done_r = id == 0;
		if (id == 0)
			return TRUE;
		if (!send_item(session, sync, answer, id, &all, error))
			return FALSE;
		if (!all)
			return TRUE;
		if (walk.pending)
			sync->map_position = (gint64)walk.position;
		else
			sync->position = walk.position;
	}
	return TRUE;
}

gboolean engine_send(struct session *session, struct sync *sync, struct answer *answer,
		     gboolean *done_r, GError **error)
{
	gboolean opened, ok = TRUE;

	*done_r = FALSE;
	if (!open_sync(session, sync, answer, &opened, error))
		return FALSE;
	if (!opened)
		return TRUE;
	if (sync->chunk_map != 0)
		ok = continue_pieces(session, sync, answer, error);
	if (ok && sync->chunk_map == 0)
		ok = send_all(session, sync, answer, done_r, error);
	answer_close(answer);
	return ok;
}

/* --- answers -------------------------------------------------------------- */

static struct sync *sync_of_target(const struct session *session, gint64 target)
{
	for (guint i = 0; i < session->syncs->len; i++) {
		struct sync *sync = session->syncs->pdata[i];

		if (sync->target == target)
			return sync;
	}
	return NULL;
}

/* The device has what was sent. */
static void settle(struct pim_map *map)
{
	map->seen = map->sent;
	map->device_groups = map->sent_device_groups;
	map->item_groups = map->sent_item_groups;
	map->pending = PIM_PENDING_NONE;
	map->tries = 0;
}

static gboolean accepted(struct session *session, struct pim_map *map, GError **error)
{
	switch (map->pending) {
	case PIM_PENDING_NONE:
		return TRUE;
	case PIM_PENDING_ADD:
		/* Its own id for it comes in a Map; until then it may have it or not. */
		return TRUE;
	case PIM_PENDING_REPLACE:
		settle(map);
		return pim_txn_put_map(session->txn, map, error);
	case PIM_PENDING_DELETE:
		if (map->state != PIM_MAP_FILTERED)
			return pim_txn_drop_map(session->txn, map->id, error);
		map->luid = NULL;
		map->pending = PIM_PENDING_NONE;
		return pim_txn_put_map(session->txn, map, error);
	}
	return TRUE;
}

/* It stays pending for the next session, unless it is refused again and again. */
static gboolean refused(struct session *session, struct pim_map *map, GError **error)
{
	map->sent_session = 0;
	if (++map->tries >= TRIES) {
		map->state = PIM_MAP_POISONED;
		map->pending = PIM_PENDING_NONE;
		map->tries = 0;
	}
	return pim_txn_put_map(session->txn, map, error);
}

gboolean engine_send_as_new(struct session *session, struct pim_map *map, GError **error)
{
	map->luid = map->tmpid = NULL;
	map->seen = 0;
	map->state = PIM_MAP_LIVE;
	map->pending = PIM_PENDING_ADD;
	map->sent_session = 0;
	map->tries = 0;
	return pim_txn_put_map(session->txn, map, error);
}

static gboolean is_done(guint code, enum pim_pending pending)
{
	if (code == 418)
		return pending == PIM_PENDING_ADD;
	if (pending == PIM_PENDING_DELETE && (code == 404 || code == 410))
		return TRUE;
	return code >= 200 && code < 300 && code != 213;
}

gboolean engine_answered(struct session *session, guint32 msg, guint32 cmd, guint code,
			 GError **error)
{
	struct pim_map map;
	struct sync *sync;
	gboolean found;

	if (!pim_txn_map_by_command(session->txn, session->id, msg, cmd, &found, &map, error))
		return FALSE;
	if (!found || code == 213)
		return TRUE;
	sync = sync_of_target(session, map.target);
	/* The rest of what it does not want is not sent. */
	if (sync != NULL && sync->chunk_map == map.id && code >= 300)
		sync->chunk_map = 0;
	if (is_done(code, map.pending))
		return accepted(session, &map, error);
	/* The device is full: no more of these, and none is to blame. */
	if (code == 420 && sync != NULL) {
		sync->free_id = 0;
		map.sent_session = 0;
		return pim_txn_put_map(session->txn, &map, error);
	}
	if (code == 514)
		return TRUE;
	/* It has lost it. */
	if (map.pending == PIM_PENDING_REPLACE && (code == 404 || code == 410))
		return engine_send_as_new(session, &map, error);
	return refused(session, &map, error);
}

gboolean engine_mapped(struct session *session, struct sync *sync, const char *tmpid,
		       const char *luid, guint *status_r, GError **error)
{
	struct pim_map map;
	gboolean found;

	if (!pim_txn_map_by_tmpid(session->txn, sync->target, tmpid, &found, &map, error))
		return FALSE;
	if (!found) {
		*status_r = 404;
		return TRUE;
	}
	*status_r = 200;
	if (map.pending != PIM_PENDING_ADD)
		return TRUE;
	map.luid = luid;
	settle(&map);
	return pim_txn_put_map(session->txn, &map, error);
}

gboolean engine_commit(struct session *session, struct sync *sync, GError **error)
{
	struct pim_target target;

	if (!pim_txn_target(session->txn, session->device->peer, sync->name, sync->collection,
			    sync->components, &target, error))
		return FALSE;
	/* A second time, when the phone says something after what was the end for us. */
	if (g_strcmp0(target.server_anchor, sync->server_next) == 0)
		return TRUE;
	target.former_client_anchor = target.client_anchor;
	target.former_server_anchor = target.server_anchor;
	target.former_cursor = target.cursor;
	target.client_anchor = sync->client_next;
	target.server_anchor = sync->server_next;
	/* What goes to the device was not asked for in these. */
	if (sync_sends(sync))
		target.cursor = sync->snapshot;
	target.last_sync = session->now;
	return pim_txn_drop_former_maps(session->txn, sync->target, error) &&
	       sync_mark_set(session, sync, SYNC_ENDED, &target, error);
}
