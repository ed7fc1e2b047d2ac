/* Devices, what they sync, maps, sessions and pieces of objects. */
#include <string.h>

#include "store-private.h"

/* --- devices --------------------------------------------------------------------- */

#define PEER_COLUMNS "id, device, last_seen, state, secret_user, secret"

static const char *text_at(sqlite3_stmt *statement, int column)
{
	return (const char *)sqlite3_column_text(statement, column);
}

static void read_peer(sqlite3_stmt *statement, struct pim_peer *peer_r)
{
	peer_r->id = sqlite3_column_int64(statement, 0);
	peer_r->device = text_at(statement, 1);
	peer_r->last_seen = sqlite3_column_int64(statement, 2);
	peer_r->state = sqlite3_column_blob(statement, 3);
	peer_r->state_len = (gsize)sqlite3_column_bytes(statement, 3);
	peer_r->secret_user = text_at(statement, 4);
	peer_r->secret = text_at(statement, 5);
}

gboolean pim_txn_peer(struct pim_txn *txn, const char *device, gint64 now, struct pim_peer *peer_r,
		      GError **error)
{
	sqlite3_stmt *insert = sql_prepare(
		txn->sql,
		"INSERT INTO peer(device, last_seen) VALUES (?, ?) ON CONFLICT DO NOTHING");
	sqlite3_stmt *select;

	sql_bind_text(insert, 1, device);
	sqlite3_bind_int64(insert, 2, now);
	if (!sql_run(txn->sql, insert, error))
		return FALSE;
	select = sql_prepare(txn->sql, "SELECT " PEER_COLUMNS " FROM peer WHERE device = ?");
	sql_bind_text(select, 1, device);
	if (sql_fetch(txn->sql, select, error) != 1)
		return FALSE;
	read_peer(select, peer_r);
	return TRUE;
}

gboolean pim_txn_peers(struct pim_txn *txn, pim_peer_each *each, gpointer data, GError **error)
{
	sqlite3_stmt *select =
		sql_prepare(txn->sql, "SELECT " PEER_COLUMNS " FROM peer ORDER BY device");
	int found;

	while ((found = sql_fetch(txn->sql, select, error)) == 1) {
		struct pim_peer peer;

		read_peer(select, &peer);
		if (!each(&peer, data))
			break;
	}
	sqlite3_reset(select);
	return found >= 0;
}

gboolean pim_txn_set_peer(struct pim_txn *txn, gint64 peer, gint64 now, const void *state,
			  gsize state_len, GError **error)
{
	sqlite3_stmt *update =
		sql_prepare(txn->sql, "UPDATE peer SET last_seen = ?, state = ? WHERE id = ?");

	sqlite3_bind_int64(update, 1, now);
	sql_bind_blob(update, 2, state, state_len);
	sqlite3_bind_int64(update, 3, peer);
	return sql_run(txn->sql, update, error);
}

gboolean pim_txn_set_secret(struct pim_txn *txn, gint64 peer, const char *user, const char *secret,
			    GError **error)
{
	sqlite3_stmt *update =
		sql_prepare(txn->sql, "UPDATE peer SET secret_user = ?, secret = ? WHERE id = ?");

	sql_bind_text(update, 1, user);
	sql_bind_text(update, 2, secret);
	sqlite3_bind_int64(update, 3, peer);
	return sql_run(txn->sql, update, error);
}

/* All of `statements`, which have an id as their only parameter. */
static gboolean run_each(struct pim_txn *txn, const char *const *statements, guint count, gint64 id,
			 GError **error)
{
	for (guint i = 0; i < count; i++) {
		sqlite3_stmt *statement = sql_prepare(txn->sql, statements[i]);

		sqlite3_bind_int64(statement, 1, id);
		if (!sql_run(txn->sql, statement, error))
			return FALSE;
	}
	return TRUE;
}

gboolean pim_txn_forget_peer(struct pim_txn *txn, gint64 peer, GError **error)
{
	static const char *const statements[] = {
		"DELETE FROM map WHERE target IN (SELECT id FROM target WHERE peer = ?)",
		"DELETE FROM map WHERE target IN (SELECT -id FROM target WHERE peer = ?)",
		"DELETE FROM chunk WHERE target IN (SELECT id FROM target WHERE peer = ?)",
		"DELETE FROM chunk_part WHERE target IN (SELECT id FROM target WHERE peer = ?)",
		"DELETE FROM target WHERE peer = ?",
		"DELETE FROM session WHERE peer = ?",
		"DELETE FROM peer WHERE id = ?",
		"DELETE FROM alert WHERE peer = ?",
	};

	return run_each(txn, statements, G_N_ELEMENTS(statements), peer, error);
}

/* --- targets ----------------------------------------------------------------------- */

#define TARGET_COLUMNS                                                                   \
	"id, peer, name, collection, components, client_anchor, server_anchor,"          \
	" former_client_anchor, former_server_anchor, cursor, former_cursor, last_sync," \
	" state"

static void read_target(sqlite3_stmt *statement, struct pim_target *target_r)
{
	target_r->id = sqlite3_column_int64(statement, 0);
	target_r->peer = sqlite3_column_int64(statement, 1);
	target_r->name = text_at(statement, 2);
	target_r->collection = (enum pim_collection)sqlite3_column_int(statement, 3);
	target_r->components = (pim_components)sqlite3_column_int(statement, 4);
	target_r->client_anchor = text_at(statement, 5);
	target_r->server_anchor = text_at(statement, 6);
	target_r->former_client_anchor = text_at(statement, 7);
	target_r->former_server_anchor = text_at(statement, 8);
	target_r->cursor = (guint64)sqlite3_column_int64(statement, 9);
	target_r->former_cursor = (guint64)sqlite3_column_int64(statement, 10);
	target_r->last_sync = sqlite3_column_int64(statement, 11);
	target_r->state = sqlite3_column_blob(statement, 12);
	target_r->state_len = (gsize)sqlite3_column_bytes(statement, 12);
}

gboolean pim_txn_target(struct pim_txn *txn, gint64 peer, const char *name,
			enum pim_collection collection, pim_components components,
			struct pim_target *target_r, GError **error)
{
	sqlite3_stmt *insert =
		sql_prepare(txn->sql, "INSERT INTO target(peer, name, collection, components)"
				      " VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
	sqlite3_stmt *select;

	sqlite3_bind_int64(insert, 1, peer);
	sql_bind_text(insert, 2, name);
	sqlite3_bind_int(insert, 3, (int)collection);
	sqlite3_bind_int(insert, 4, (int)components);
	if (!sql_run(txn->sql, insert, error))
		return FALSE;
	select = sql_prepare(txn->sql,
			     "SELECT " TARGET_COLUMNS " FROM target WHERE peer = ? AND name = ?");
	sqlite3_bind_int64(select, 1, peer);
	sql_bind_text(select, 2, name);
	if (sql_fetch(txn->sql, select, error) != 1)
		return FALSE;
	read_target(select, target_r);
	return TRUE;
}

gboolean pim_txn_targets(struct pim_txn *txn, gint64 peer, pim_target_each *each, gpointer data,
			 GError **error)
{
	sqlite3_stmt *select = sql_prepare(txn->sql, "SELECT " TARGET_COLUMNS
						     " FROM target WHERE peer = ? ORDER BY name");
	int found;

	sqlite3_bind_int64(select, 1, peer);
	while ((found = sql_fetch(txn->sql, select, error)) == 1) {
		struct pim_target target;

		read_target(select, &target);
		if (!each(&target, data))
			break;
	}
	sqlite3_reset(select);
	return found >= 0;
}

gboolean pim_txn_next_tmpid(struct pim_txn *txn, gint64 target, guint64 *number_r, GError **error)
{
	sqlite3_stmt *update =
		sql_prepare(txn->sql, "UPDATE target SET next_tmpid = next_tmpid + 1 WHERE id = ?"
				      " RETURNING next_tmpid - 1");

	sqlite3_bind_int64(update, 1, target);
	if (sql_fetch(txn->sql, update, error) != 1)
		return FALSE;
	*number_r = (guint64)sqlite3_column_int64(update, 0);
	sqlite3_reset(update);
	return TRUE;
}

gboolean pim_txn_set_target(struct pim_txn *txn, const struct pim_target *target, GError **error)
{
	sqlite3_stmt *update = sql_prepare(
		txn->sql, "UPDATE target SET client_anchor = ?2, server_anchor = ?3,"
			  " former_client_anchor = ?4, former_server_anchor = ?5, cursor = ?6,"
			  " former_cursor = ?7, last_sync = ?8, state = ?9"
			  " WHERE id = ?1");

	sqlite3_bind_int64(update, 1, target->id);
	sql_bind_text(update, 2, target->client_anchor);
	sql_bind_text(update, 3, target->server_anchor);
	sql_bind_text(update, 4, target->former_client_anchor);
	sql_bind_text(update, 5, target->former_server_anchor);
	sqlite3_bind_int64(update, 6, (gint64)target->cursor);
	sqlite3_bind_int64(update, 7, (gint64)target->former_cursor);
	sqlite3_bind_int64(update, 8, target->last_sync);
	sql_bind_blob(update, 9, target->state, target->state_len);
	return sql_run(txn->sql, update, error);
}

/* --- maps ---------------------------------------------------------------------------- */

#define MAP_COLUMNS                                                                     \
	"id, target, item, part, luid, tmpid, seen, device_groups, item_groups, state," \
	" lossy, pending, sent, sent_session, sent_msg, sent_cmd, tries,"               \
	" sent_device_groups, sent_item_groups"

static void read_groups(sqlite3_stmt *statement, int column, struct pim_groups *groups_r)
{
	memset(groups_r, 0, sizeof(*groups_r));
	if (sqlite3_column_bytes(statement, column) == sizeof(*groups_r))
		memcpy(groups_r, sqlite3_column_blob(statement, column), sizeof(*groups_r));
}

static void read_map(sqlite3_stmt *statement, struct pim_map *map_r)
{
	map_r->id = sqlite3_column_int64(statement, 0);
	map_r->target = sqlite3_column_int64(statement, 1);
	map_r->item = sqlite3_column_int64(statement, 2);
	map_r->part = text_at(statement, 3);
	map_r->luid = text_at(statement, 4);
	map_r->tmpid = text_at(statement, 5);
	map_r->seen = (guint64)sqlite3_column_int64(statement, 6);
	read_groups(statement, 7, &map_r->device_groups);
	read_groups(statement, 8, &map_r->item_groups);
	map_r->state = (enum pim_map_state)sqlite3_column_int(statement, 9);
	map_r->lossy = sqlite3_column_int(statement, 10) != 0;
	map_r->pending = (enum pim_pending)sqlite3_column_int(statement, 11);
	map_r->sent = (guint64)sqlite3_column_int64(statement, 12);
	map_r->sent_session = sqlite3_column_int64(statement, 13);
	map_r->sent_msg = (guint32)sqlite3_column_int64(statement, 14);
	map_r->sent_cmd = (guint32)sqlite3_column_int64(statement, 15);
	map_r->tries = (guint)sqlite3_column_int(statement, 16);
	read_groups(statement, 17, &map_r->sent_device_groups);
	read_groups(statement, 18, &map_r->sent_item_groups);
}

static gboolean first_map(struct pim_txn *txn, sqlite3_stmt *select, gboolean *found_r,
			  struct pim_map *map_r, GError **error)
{
	int found = sql_fetch(txn->sql, select, error);

	if (found < 0)
		return FALSE;
	*found_r = found == 1;
	if (found == 1)
		read_map(select, map_r);
	return TRUE;
}

gboolean pim_txn_map_by_luid(struct pim_txn *txn, gint64 target, const char *luid,
			     gboolean *found_r, struct pim_map *map_r, GError **error)
{
	sqlite3_stmt *select = sql_prepare(txn->sql, "SELECT " MAP_COLUMNS
						     " FROM map WHERE target = ? AND luid = ?");

	sqlite3_bind_int64(select, 1, target);
	sql_bind_text(select, 2, luid);
	return first_map(txn, select, found_r, map_r, error);
}

gboolean pim_txn_map_by_item(struct pim_txn *txn, gint64 target, gint64 item, const char *part,
			     gboolean *found_r, struct pim_map *map_r, GError **error)
{
	sqlite3_stmt *select = sql_prepare(txn->sql, "SELECT " MAP_COLUMNS " FROM map"
						     " WHERE target = ? AND item = ? AND part = ?");

	sqlite3_bind_int64(select, 1, target);
	sqlite3_bind_int64(select, 2, item);
	sql_bind_text(select, 3, part);
	return first_map(txn, select, found_r, map_r, error);
}

gboolean pim_txn_map_by_tmpid(struct pim_txn *txn, gint64 target, const char *tmpid,
			      gboolean *found_r, struct pim_map *map_r, GError **error)
{
	sqlite3_stmt *select = sql_prepare(txn->sql, "SELECT " MAP_COLUMNS
						     " FROM map WHERE target = ? AND tmpid = ?");

	sqlite3_bind_int64(select, 1, target);
	sql_bind_text(select, 2, tmpid);
	return first_map(txn, select, found_r, map_r, error);
}

gboolean pim_txn_map_by_command(struct pim_txn *txn, gint64 session, guint32 msg, guint32 cmd,
				gboolean *found_r, struct pim_map *map_r, GError **error)
{
	sqlite3_stmt *select =
		sql_prepare(txn->sql, "SELECT " MAP_COLUMNS " FROM map WHERE sent_session = ?"
				      " AND sent_session != 0 AND sent_msg = ? AND sent_cmd = ?");

	sqlite3_bind_int64(select, 1, session);
	sqlite3_bind_int64(select, 2, msg);
	sqlite3_bind_int64(select, 3, cmd);
	return first_map(txn, select, found_r, map_r, error);
}

/* Another row that has what is this one's now. */
static gboolean make_room(struct pim_txn *txn, const struct pim_map *map, GError **error)
{
	sqlite3_stmt *delete =
		sql_prepare(txn->sql, "DELETE FROM map WHERE target = ?1 AND id != ?2"
				      " AND (luid = ?3 OR (item = ?4 AND part = ?5))");

	sqlite3_bind_int64(delete, 1, map->target);
	sqlite3_bind_int64(delete, 2, map->id);
	sql_bind_text(delete, 3, map->luid);
	sqlite3_bind_int64(delete, 4, map->item);
	sql_bind_text(delete, 5, map->part == NULL ? "" : map->part);
	return sql_run(txn->sql, delete, error);
}

gboolean pim_txn_put_map(struct pim_txn *txn, struct pim_map *map, GError **error)
{
	sqlite3_stmt *put;

	if (!make_room(txn, map, error))
		return FALSE;
	put = sql_prepare(txn->sql,
			  "INSERT INTO map(" MAP_COLUMNS ") VALUES (nullif(?1, 0), ?2, ?3, ?4, ?5,"
			  " ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
			  " ?18, ?19)"
			  " ON CONFLICT(id) DO UPDATE SET item = ?3, part = ?4, luid = ?5,"
			  " tmpid = ?6, seen = ?7, device_groups = ?8, item_groups = ?9,"
			  " state = ?10, lossy = ?11, pending = ?12, sent = ?13,"
			  " sent_session = ?14, sent_msg = ?15, sent_cmd = ?16, tries = ?17,"
			  " sent_device_groups = ?18, sent_item_groups = ?19");
	sqlite3_bind_int64(put, 1, map->id);
	sqlite3_bind_int64(put, 2, map->target);
	sqlite3_bind_int64(put, 3, map->item);
	sql_bind_text(put, 4, map->part == NULL ? "" : map->part);
	sql_bind_text(put, 5, map->luid);
	sql_bind_text(put, 6, map->tmpid);
	sqlite3_bind_int64(put, 7, (gint64)map->seen);
	sql_bind_blob(put, 8, &map->device_groups, sizeof(map->device_groups));
	sql_bind_blob(put, 9, &map->item_groups, sizeof(map->item_groups));
	sqlite3_bind_int(put, 10, (int)map->state);
	sqlite3_bind_int(put, 11, map->lossy);
	sqlite3_bind_int(put, 12, (int)map->pending);
	sqlite3_bind_int64(put, 13, (gint64)map->sent);
	sqlite3_bind_int64(put, 14, map->sent_session);
	sqlite3_bind_int64(put, 15, map->sent_msg);
	sqlite3_bind_int64(put, 16, map->sent_cmd);
	sqlite3_bind_int(put, 17, (int)map->tries);
	if (map->pending != PIM_PENDING_NONE) {
		sql_bind_blob(put, 18, &map->sent_device_groups, sizeof(map->sent_device_groups));
		sql_bind_blob(put, 19, &map->sent_item_groups, sizeof(map->sent_item_groups));
	}
	if (!sql_run(txn->sql, put, error))
		return FALSE;
	if (map->id == 0)
		map->id = sqlite3_last_insert_rowid(txn->sql->db);
	return TRUE;
}

gboolean pim_txn_drop_map(struct pim_txn *txn, gint64 map, GError **error)
{
	static const char *const statements[] = {"DELETE FROM map WHERE id = ?"};

	return run_each(txn, statements, G_N_ELEMENTS(statements), map, error);
}

gboolean pim_txn_clear_maps(struct pim_txn *txn, gint64 target, GError **error)
{
	/* Those of before stay under a number that is nobody's, each for one id and one item. */
	static const char *const statements[] = {
		"DELETE FROM map WHERE target = -?1 AND (luid IN (SELECT luid FROM map"
		" WHERE target = ?1) OR item IN (SELECT item FROM map WHERE target = ?1))",
		"UPDATE map SET target = -?1, tmpid = NULL, pending = 0, sent_session = 0"
		" WHERE target = ?1 AND luid IS NOT NULL",
		"DELETE FROM map WHERE target = ?1",
	};

	return run_each(txn, statements, G_N_ELEMENTS(statements), target, error);
}

gboolean pim_txn_former_map(struct pim_txn *txn, gint64 target, const char *luid, gboolean *found_r,
			    struct pim_map *map_r, GError **error)
{
	if (!pim_txn_map_by_luid(txn, -target, luid, found_r, map_r, error))
		return FALSE;
	if (*found_r) {
		map_r->id = 0;
		map_r->target = target;
	}
	return TRUE;
}

gboolean pim_txn_drop_former_maps(struct pim_txn *txn, gint64 target, GError **error)
{
	static const char *const statements[] = {"DELETE FROM map WHERE target = -?1"};

	return run_each(txn, statements, G_N_ELEMENTS(statements), target, error);
}

static gboolean each_map(struct pim_txn *txn, sqlite3_stmt *select, pim_map_each *each,
			 gpointer data, GError **error)
{
	int found;

	while ((found = sql_fetch(txn->sql, select, error)) == 1) {
		struct pim_map map;

		read_map(select, &map);
		if (!each(&map, data))
			break;
	}
	sqlite3_reset(select);
	return found >= 0;
}

gboolean pim_txn_item_maps(struct pim_txn *txn, gint64 target, gint64 item, pim_map_each *each,
			   gpointer data, GError **error)
{
	sqlite3_stmt *select = sql_prepare(txn->sql, "SELECT " MAP_COLUMNS
						     " FROM map WHERE target = ? AND item = ?"
						     " ORDER BY part");

	sqlite3_bind_int64(select, 1, target);
	sqlite3_bind_int64(select, 2, item);
	return each_map(txn, select, each, data, error);
}

gboolean pim_txn_maps(struct pim_txn *txn, gint64 target, gint64 after, gboolean pending,
		      guint limit, pim_map_each *each, gpointer data, GError **error)
{
	static const char all[] = "SELECT " MAP_COLUMNS " FROM map WHERE target = ? AND id > ?"
				  " ORDER BY id LIMIT ?";
	static const char only_pending[] =
		"SELECT " MAP_COLUMNS " FROM map WHERE target = ? AND id > ?"
		" AND pending != 0 ORDER BY id LIMIT ?";
	sqlite3_stmt *select = sql_prepare(txn->sql, pending ? only_pending : all);

	sqlite3_bind_int64(select, 1, target);
	sqlite3_bind_int64(select, 2, after);
	sqlite3_bind_int64(select, 3, limit);
	return each_map(txn, select, each, data, error);
}

/* --- sessions ---------------------------------------------------------------------------- */

gboolean pim_txn_session(struct pim_txn *txn, gint64 peer, const char *session, gboolean *found_r,
			 struct pim_session *session_r, GError **error)
{
	sqlite3_stmt *select =
		sql_prepare(txn->sql, "SELECT id, key, peer, session, expires, last_msg, last_hash,"
				      " answer, state FROM session WHERE peer = ? AND session = ?");
	int found;

	sqlite3_bind_int64(select, 1, peer);
	sql_bind_text(select, 2, session);
	found = sql_fetch(txn->sql, select, error);
	*found_r = found == 1;
	if (found != 1)
		return found == 0;
	memset(session_r, 0, sizeof(*session_r));
	session_r->id = sqlite3_column_int64(select, 0);
	session_r->key = text_at(select, 1);
	session_r->peer = sqlite3_column_int64(select, 2);
	session_r->session = text_at(select, 3);
	session_r->expires = sqlite3_column_int64(select, 4);
	session_r->last_msg = (guint32)sqlite3_column_int64(select, 5);
	if (sqlite3_column_bytes(select, 6) == sizeof(session_r->last_hash))
		memcpy(session_r->last_hash, sqlite3_column_blob(select, 6),
		       sizeof(session_r->last_hash));
	session_r->answer = sqlite3_column_blob(select, 7);
	session_r->answer_len = (gsize)sqlite3_column_bytes(select, 7);
	session_r->state = sqlite3_column_blob(select, 8);
	session_r->state_len = (gsize)sqlite3_column_bytes(select, 8);
	return TRUE;
}

gboolean pim_txn_put_session(struct pim_txn *txn, struct pim_session *session, GError **error)
{
	static const char *const others[] = {"DELETE FROM session WHERE peer = ?"};
	sqlite3_stmt *put;

	if (session->id == 0 && !run_each(txn, others, G_N_ELEMENTS(others), session->peer, error))
		return FALSE;
	put = sql_prepare(
		txn->sql,
		"INSERT INTO session(id, key, peer, session, expires, last_msg, last_hash,"
		" answer, state) VALUES (nullif(?1, 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
		" ON CONFLICT(id) DO UPDATE SET expires = ?5, last_msg = ?6,"
		" last_hash = ?7, answer = ?8, state = ?9");
	sqlite3_bind_int64(put, 1, session->id);
	sql_bind_text(put, 2, session->key);
	sqlite3_bind_int64(put, 3, session->peer);
	sql_bind_text(put, 4, session->session);
	sqlite3_bind_int64(put, 5, session->expires);
	sqlite3_bind_int64(put, 6, session->last_msg);
	sql_bind_blob(put, 7, session->last_hash, sizeof(session->last_hash));
	sql_bind_blob(put, 8, session->answer, session->answer_len);
	sql_bind_blob(put, 9, session->state, session->state_len);
	if (!sql_run(txn->sql, put, error))
		return FALSE;
	if (session->id == 0)
		session->id = sqlite3_last_insert_rowid(txn->sql->db);
	return TRUE;
}

gboolean pim_txn_end_session(struct pim_txn *txn, gint64 session, GError **error)
{
	static const char *const statements[] = {"DELETE FROM session WHERE id = ?"};

	return run_each(txn, statements, G_N_ELEMENTS(statements), session, error);
}

/* --- pieces of objects ---------------------------------------------------------------------- */

gboolean pim_txn_chunk(struct pim_txn *txn, gint64 target, gboolean *found_r,
		       struct pim_chunk *chunk_r, GError **error)
{
	sqlite3_stmt *select =
		sql_prepare(txn->sql, "SELECT luid, total FROM chunk WHERE target = ?");
	sqlite3_stmt *parts;
	int found;

	sqlite3_bind_int64(select, 1, target);
	found = sql_fetch(txn->sql, select, error);
	*found_r = found == 1;
	if (found != 1)
		return found == 0;
	chunk_r->luid = text_at(select, 0);
	chunk_r->total = (guint64)sqlite3_column_int64(select, 1);
	g_string_truncate(txn->scratch, 0);
	parts = sql_prepare(txn->sql, "SELECT data FROM chunk_part WHERE target = ? ORDER BY id");
	sqlite3_bind_int64(parts, 1, target);
	while ((found = sql_fetch(txn->sql, parts, error)) == 1)
		g_string_append_len(txn->scratch, sqlite3_column_blob(parts, 0),
				    sqlite3_column_bytes(parts, 0));
	chunk_r->data = txn->scratch->str;
	chunk_r->len = txn->scratch->len;
	return found == 0;
}

gboolean pim_txn_begin_chunk(struct pim_txn *txn, gint64 target, const char *luid, guint64 total,
			     GError **error)
{
	sqlite3_stmt *insert;

	if (!pim_txn_drop_chunk(txn, target, error))
		return FALSE;
	insert = sql_prepare(txn->sql, "INSERT INTO chunk(target, luid, total) VALUES (?, ?, ?)");
	sqlite3_bind_int64(insert, 1, target);
	sql_bind_text(insert, 2, luid);
	sqlite3_bind_int64(insert, 3, (gint64)total);
	return sql_run(txn->sql, insert, error);
}

gboolean pim_txn_append_chunk(struct pim_txn *txn, gint64 target, const void *data, gsize len,
			      GError **error)
{
	sqlite3_stmt *insert =
		sql_prepare(txn->sql, "INSERT INTO chunk_part(target, data) VALUES (?, ?)");

	sqlite3_bind_int64(insert, 1, target);
	sql_bind_blob(insert, 2, len == 0 ? "" : data, len);
	return sql_run(txn->sql, insert, error);
}

gboolean pim_txn_drop_chunk(struct pim_txn *txn, gint64 target, GError **error)
{
	static const char *const statements[] = {
		"DELETE FROM chunk WHERE target = ?",
		"DELETE FROM chunk_part WHERE target = ?",
	};

	return run_each(txn, statements, G_N_ELEMENTS(statements), target, error);
}
