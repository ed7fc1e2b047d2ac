/* Items, the log of their changes, what matches, and the history. */
#include <string.h>

#include "store-private.h"

#define ROW_COLUMNS "id, revision, collection, component, deleted, created, modified, hash, content"

static void read_row(sqlite3_stmt *statement, struct pim_row *row_r)
{
	memset(row_r, 0, sizeof(*row_r));
	row_r->id = sqlite3_column_int64(statement, 0);
	row_r->revision = (guint64)sqlite3_column_int64(statement, 1);
	row_r->collection = (enum pim_collection)sqlite3_column_int(statement, 2);
	row_r->component = (enum pim_component)sqlite3_column_int(statement, 3);
	row_r->deleted = sqlite3_column_int(statement, 4) != 0;
	row_r->created = sqlite3_column_int64(statement, 5);
	row_r->modified = sqlite3_column_int64(statement, 6);
	if (sqlite3_column_bytes(statement, 7) == sizeof(row_r->hash))
		memcpy(row_r->hash, sqlite3_column_blob(statement, 7), sizeof(row_r->hash));
	row_r->content = sqlite3_column_blob(statement, 8);
	row_r->content_len = (gsize)sqlite3_column_bytes(statement, 8);
}

/* --- looking up -------------------------------------------------------------------- */

gboolean pim_txn_heads(struct pim_txn *txn, enum pim_collection collection,
		       struct pim_heads *heads_r, GError **error)
{
	sqlite3_stmt *select =
		sql_prepare(txn->sql, "SELECT head, oldest FROM collection WHERE id = ?");

	sqlite3_bind_int(select, 1, (int)collection);
	if (sql_fetch(txn->sql, select, error) != 1)
		return FALSE;
	heads_r->head = (guint64)sqlite3_column_int64(select, 0);
	heads_r->oldest = (guint64)sqlite3_column_int64(select, 1);
	sqlite3_reset(select);
	return TRUE;
}

gboolean pim_txn_count(struct pim_txn *txn, enum pim_collection collection,
		       pim_components components, guint64 *count_r, GError **error)
{
	sqlite3_stmt *select =
		sql_prepare(txn->sql, "SELECT count(*) FROM item WHERE collection = ?"
				      " AND deleted = 0 AND (?2 >> component) & 1");

	sqlite3_bind_int(select, 1, (int)collection);
	sqlite3_bind_int(select, 2, (int)components);
	if (sql_fetch(txn->sql, select, error) != 1)
		return FALSE;
	*count_r = (guint64)sqlite3_column_int64(select, 0);
	sqlite3_reset(select);
	return TRUE;
}

gboolean pim_txn_get(struct pim_txn *txn, gint64 id, gboolean *found_r, struct pim_row *row_r,
		     GError **error)
{
	sqlite3_stmt *select =
		sql_prepare(txn->sql, "SELECT " ROW_COLUMNS " FROM item WHERE id = ?");
	int found;

	sqlite3_bind_int64(select, 1, id);
	found = sql_fetch(txn->sql, select, error);
	if (found < 0)
		return FALSE;
	*found_r = found == 1;
	if (found == 1)
		read_row(select, row_r); /* stays until the statement is used again */
	return TRUE;
}

gboolean pim_txn_changes(struct pim_txn *txn, enum pim_collection collection,
			 pim_components components, guint64 after, guint64 upto, guint limit,
			 pim_row_each *each, gpointer data, GError **error)
{
	sqlite3_stmt *select =
		sql_prepare(txn->sql, "SELECT " ROW_COLUMNS " FROM item WHERE collection = ?1"
				      " AND revision > ?2 AND revision <= ?3"
				      " AND (?4 >> component) & 1 ORDER BY revision LIMIT ?5");
	int found;

	sqlite3_bind_int(select, 1, (int)collection);
	sqlite3_bind_int64(select, 2, (gint64)after);
	sqlite3_bind_int64(select, 3, (gint64)upto);
	sqlite3_bind_int(select, 4, (int)components);
	sqlite3_bind_int64(select, 5, limit);
	while ((found = sql_fetch(txn->sql, select, error)) == 1) {
		struct pim_row row;

		read_row(select, &row);
		if (!each(&row, data))
			break;
	}
	sqlite3_reset(select);
	return found >= 0;
}

/* NULL is for tombstones. */
static void bind_content(sqlite3_stmt *statement, int index, GBytes *content)
{
	gsize len;
	const void *data = g_bytes_get_data(content, &len);

	sql_bind_blob(statement, index, len == 0 ? "" : data, len);
}

/* --- changing ------------------------------------------------------------------------ */

static enum pim_collection collection_of(enum pim_component component)
{
	switch (component) {
	case PIM_CONTACT:
		return PIM_CONTACTS;
	case PIM_EVENT:
	case PIM_TASK:
		return PIM_CALENDAR;
	case PIM_NOTE:
		return PIM_NOTES;
	}
	g_assert_not_reached();
}

/* For a change of an item. */
static gboolean next_revision(struct pim_txn *txn, enum pim_component component, gint64 now,
			      guint64 *revision_r, GError **error)
{
	sqlite3_stmt *update = sql_prepare(
		txn->sql, "UPDATE collection SET head = head + 1 WHERE id = ? RETURNING head");
	int found;

	txn->changed |= PIM_COMPONENT_BIT(component);
	txn->changed_at = now;
	sqlite3_bind_int(update, 1, (int)collection_of(component));
	found = sql_fetch(txn->sql, update, error);
	if (found != 1)
		return FALSE;
	*revision_r = (guint64)sqlite3_column_int64(update, 0);
	sqlite3_reset(update);
	return TRUE;
}

static gboolean forget_keys(struct pim_txn *txn, gint64 id, GError **error)
{
	sqlite3_stmt *delete = sql_prepare(txn->sql, "DELETE FROM item_key WHERE item = ?");

	sqlite3_bind_int64(delete, 1, id);
	return sql_run(txn->sql, delete, error);
}

static gboolean add_part_keys(struct pim_txn *txn, gint64 id, const struct pim_item *item,
			      const char *part, GError **error)
{
	g_autoptr(GArray) keys = g_array_new(FALSE, FALSE, sizeof(guint64));
	guint64 series = pim_item_recurs(item) ? pim_item_series_key(item) : 0;

	pim_item_keys(item, keys);
	if (series != 0)
		g_array_append_val(keys, series);
	for (guint i = 0; i < keys->len; i++) {
		sqlite3_stmt *insert = sql_prepare(
			txn->sql,
			"INSERT OR IGNORE INTO item_key(key, item, part) VALUES (?, ?, ?)");

		sqlite3_bind_int64(insert, 1, (gint64)g_array_index(keys, guint64, i));
		sqlite3_bind_int64(insert, 2, id);
		sql_bind_text(insert, 3, part);
		if (!sql_run(txn->sql, insert, error))
			return FALSE;
	}
	return TRUE;
}

/* Of its exceptions, too: some devices have them as items of their own. */
static gboolean add_keys(struct pim_txn *txn, gint64 id, const struct pim_item *item,
			 GError **error)
{
	g_autoptr(GPtrArray) parts = pim_item_split(item);

	for (guint i = 0; i < parts->len; i++) {
		const struct pim_part *part = parts->pdata[i];

		if (!add_part_keys(txn, id, part->item, part->name, error))
			return FALSE;
	}
	return TRUE;
}

gboolean pim_txn_add(struct pim_txn *txn, const struct pim_item *item, const char *origin,
		     gint64 now, gint64 *id_r, guint64 *revision_r, GError **error)
{
	enum pim_component component = pim_item_component(item);
	enum pim_collection collection = collection_of(component);
	g_autoptr(GBytes) content = pim_item_stored(item);
	sqlite3_stmt *insert;
	guint8 hash[16];

	(void)origin; /* there is no former version to go to the history */
	if (!next_revision(txn, component, now, revision_r, error))
		return FALSE;
	pim_item_hash(item, hash);
	insert = sql_prepare(txn->sql,
			     "INSERT INTO item(collection, component, revision, deleted, created,"
			     " modified, hash, uid, content) VALUES (?, ?, ?, 0, ?4, ?4, ?, ?, ?)");
	sqlite3_bind_int(insert, 1, (int)collection);
	sqlite3_bind_int(insert, 2, (int)component);
	sqlite3_bind_int64(insert, 3, (gint64)*revision_r);
	sqlite3_bind_int64(insert, 4, now);
	sql_bind_blob(insert, 5, hash, sizeof(hash));
	sql_bind_text(insert, 6, pim_item_uid(item));
	bind_content(insert, 7, content);
	if (!sql_run(txn->sql, insert, error))
		return FALSE;
	*id_r = sqlite3_last_insert_rowid(txn->sql->db);
	return add_keys(txn, *id_r, item, error);
}

static gboolean remember(struct pim_txn *txn, gint64 id, const char *origin, const char *why,
			 gint64 now, GError **error)
{
	sqlite3_stmt *insert = sql_prepare(
		txn->sql, "INSERT INTO history(item, component, at, origin, why, content)"
			  " SELECT id, component, ?2, ?3, ?4, content FROM item"
			  " WHERE id = ?1 AND content IS NOT NULL");

	sqlite3_bind_int64(insert, 1, id);
	sqlite3_bind_int64(insert, 2, now);
	sql_bind_text(insert, 3, origin);
	sql_bind_text(insert, 4, why);
	return sql_run(txn->sql, insert, error);
}

gboolean pim_txn_replace(struct pim_txn *txn, gint64 id, const struct pim_item *item,
			 const char *origin, gint64 now, guint64 *revision_r, GError **error)
{
	enum pim_component component = pim_item_component(item);
	g_autoptr(GBytes) content = pim_item_stored(item);
	sqlite3_stmt *update;
	guint8 hash[16];

	if (!next_revision(txn, component, now, revision_r, error) ||
	    !remember(txn, id, origin, "replaced", now, error) || !forget_keys(txn, id, error))
		return FALSE;
	pim_item_hash(item, hash);
	update =
		sql_prepare(txn->sql, "UPDATE item SET component = ?, revision = ?, deleted = 0,"
				      " modified = ?, hash = ?, uid = ?, content = ? WHERE id = ?");
	sqlite3_bind_int(update, 1, (int)component);
	sqlite3_bind_int64(update, 2, (gint64)*revision_r);
	sqlite3_bind_int64(update, 3, now);
	sql_bind_blob(update, 4, hash, sizeof(hash));
	sql_bind_text(update, 5, pim_item_uid(item));
	bind_content(update, 6, content);
	sqlite3_bind_int64(update, 7, id);
	return sql_run(txn->sql, update, error) && add_keys(txn, id, item, error);
}

gboolean pim_txn_delete(struct pim_txn *txn, gint64 id, const char *origin, gint64 now,
			guint64 *revision_r, GError **error)
{
	struct pim_row row;
	sqlite3_stmt *update;
	gboolean found;

	if (!pim_txn_get(txn, id, &found, &row, error))
		return FALSE;
	if (!found || row.deleted) {
		*revision_r = found ? row.revision : 0;
		return TRUE;
	}
	if (!next_revision(txn, row.component, now, revision_r, error) ||
	    !remember(txn, id, origin, "deleted", now, error) || !forget_keys(txn, id, error))
		return FALSE;
	update = sql_prepare(txn->sql, "UPDATE item SET revision = ?, deleted = 1, modified = ?,"
				       " uid = NULL, content = NULL WHERE id = ?");
	sqlite3_bind_int64(update, 1, (gint64)*revision_r);
	sqlite3_bind_int64(update, 2, now);
	sqlite3_bind_int64(update, 3, id);
	return sql_run(txn->sql, update, error);
}

/* --- slow sync ------------------------------------------------------------------------ */

static gboolean first_id(struct pim_txn *txn, sqlite3_stmt *select, gint64 *id_r, GError **error)
{
	int found = sql_fetch(txn->sql, select, error);

	if (found < 0)
		return FALSE;
	*id_r = found == 1 ? sqlite3_column_int64(select, 0) : 0;
	sqlite3_reset(select);
	return TRUE;
}

gboolean pim_txn_find_hash(struct pim_txn *txn, const guint8 hash[16], gint64 *id_r, GError **error)
{
	sqlite3_stmt *select =
		sql_prepare(txn->sql, "SELECT id FROM item WHERE hash = ? AND deleted = 0 LIMIT 1");

	sql_bind_blob(select, 1, hash, 16);
	return first_id(txn, select, id_r, error);
}

gboolean pim_txn_find_uid(struct pim_txn *txn, const char *uid, gint64 *id_r, GError **error)
{
	sqlite3_stmt *select =
		sql_prepare(txn->sql, "SELECT id FROM item WHERE uid = ? AND deleted = 0 LIMIT 1");

	sql_bind_text(select, 1, uid);
	return first_id(txn, select, id_r, error);
}

#define OF_TARGET                                       \
	"i.deleted = 0 AND i.collection = t.collection" \
	" AND (t.components >> i.component) & 1"
#define UNMAPPED                                                                               \
	" AND " OF_TARGET " AND NOT EXISTS (SELECT 1 FROM map WHERE target = t.id AND item = " \
	"i.id)"

gboolean pim_txn_match_hash(struct pim_txn *txn, gint64 target, const guint8 hash[16], gint64 *id_r,
			    GError **error)
{
	sqlite3_stmt *select =
		sql_prepare(txn->sql, "SELECT i.id FROM target t CROSS JOIN item i"
				      " WHERE t.id = ?1 AND i.hash = ?2" UNMAPPED " LIMIT 1");

	sqlite3_bind_int64(select, 1, target);
	sql_bind_blob(select, 2, hash, 16);
	return first_id(txn, select, id_r, error);
}

gboolean pim_txn_match_uid(struct pim_txn *txn, gint64 target, const char *uid, gint64 *id_r,
			   GError **error)
{
	sqlite3_stmt *select =
		sql_prepare(txn->sql, "SELECT i.id FROM target t CROSS JOIN item i"
				      " WHERE t.id = ?1 AND i.uid = ?2" UNMAPPED " LIMIT 1");

	sqlite3_bind_int64(select, 1, target);
	sql_bind_text(select, 2, uid);
	return first_id(txn, select, id_r, error);
}

gboolean pim_txn_match_keys(struct pim_txn *txn, gint64 target, enum pim_component component,
			    gboolean apart, const guint64 *keys, guint count, gint64 *id_r,
			    char **part_r, GError **error)
{
	*id_r = 0;
	for (guint k = 0; k < count && *id_r == 0; k++) {
		sqlite3_stmt *select = sql_prepare(
			txn->sql,
			"SELECT i.id, k.part FROM target t CROSS JOIN item_key k"
			" CROSS JOIN item i ON i.id = k.item"
			" WHERE t.id = ?1 AND k.key = ?2 AND i.component = ?3"
			" AND (?4 OR k.part = '') AND " OF_TARGET
			" AND NOT EXISTS (SELECT 1 FROM map WHERE target = t.id AND item = i.id"
			" AND part = k.part) LIMIT 1");
		int found;

		sqlite3_bind_int64(select, 1, target);
		sqlite3_bind_int64(select, 2, (gint64)keys[k]);
		sqlite3_bind_int(select, 3, (int)component);
		sqlite3_bind_int(select, 4, apart);
		found = sql_fetch(txn->sql, select, error);
		if (found < 0)
			return FALSE;
		if (found == 0)
			continue;
		*id_r = sqlite3_column_int64(select, 0);
		*part_r = g_strdup((const char *)sqlite3_column_text(select, 1));
		sqlite3_reset(select);
	}
	return TRUE;
}

/* --- history ---------------------------------------------------------------------------- */

gboolean pim_txn_keep_loser(struct pim_txn *txn, gint64 id, const struct pim_item *item,
			    const char *origin, gint64 now, GError **error)
{
	g_autoptr(GBytes) content = pim_item_stored(item);
	sqlite3_stmt *insert =
		sql_prepare(txn->sql, "INSERT INTO history(item, component, at, origin, why,"
				      " content) VALUES (?, ?, ?, ?, 'conflict', ?)");

	sqlite3_bind_int64(insert, 1, id);
	sqlite3_bind_int(insert, 2, (int)pim_item_component(item));
	sqlite3_bind_int64(insert, 3, now);
	sql_bind_text(insert, 4, origin);
	bind_content(insert, 5, content);
	return sql_run(txn->sql, insert, error);
}

#define VERSION_COLUMNS "version, item, component, at, origin, why, content"

static void read_version(sqlite3_stmt *statement, struct pim_version *version_r)
{
	version_r->version = sqlite3_column_int64(statement, 0);
	version_r->item = sqlite3_column_int64(statement, 1);
	version_r->component = (enum pim_component)sqlite3_column_int(statement, 2);
	version_r->when = sqlite3_column_int64(statement, 3);
	version_r->origin = (const char *)sqlite3_column_text(statement, 4);
	version_r->why = (const char *)sqlite3_column_text(statement, 5);
	version_r->content = sqlite3_column_blob(statement, 6);
	version_r->content_len = (gsize)sqlite3_column_bytes(statement, 6);
}

gboolean pim_txn_history(struct pim_txn *txn, gint64 item, guint limit, pim_version_each *each,
			 gpointer data, GError **error)
{
	sqlite3_stmt *select =
		sql_prepare(txn->sql, "SELECT " VERSION_COLUMNS " FROM history"
				      " WHERE ?1 = 0 OR item = ?1 ORDER BY version DESC LIMIT ?2");
	int found;

	sqlite3_bind_int64(select, 1, item);
	sqlite3_bind_int64(select, 2, limit);
	while ((found = sql_fetch(txn->sql, select, error)) == 1) {
		struct pim_version version;

		read_version(select, &version);
		if (!each(&version, data))
			break;
	}
	sqlite3_reset(select);
	return found >= 0;
}

gboolean pim_txn_restore(struct pim_txn *txn, gint64 version_id, const char *origin, gint64 now,
			 gboolean *found_r, GError **error)
{
	sqlite3_stmt *select =
		sql_prepare(txn->sql, "SELECT " VERSION_COLUMNS " FROM history WHERE version = ?");
	g_autoptr(pim_item_t) item = NULL;
	struct pim_version version;
	guint64 revision;
	gboolean there;
	struct pim_row row;
	gint64 id;
	int found;

	sqlite3_bind_int64(select, 1, version_id);
	found = sql_fetch(txn->sql, select, error);
	*found_r = found == 1;
	if (found != 1)
		return found == 0;
	read_version(select, &version);
	item = pim_item_load(version.component, version.content, version.content_len, error);
	sqlite3_reset(select);
	if (item == NULL || !pim_txn_get(txn, version.item, &there, &row, error))
		return FALSE;
	/* Of one whose tombstone was swept no device has anything any more: it is a new one. */
	if (!there)
		return pim_txn_add(txn, item, origin, now, &id, &revision, error);
	return pim_txn_replace(txn, version.item, item, origin, now, &revision, error);
}
