/* What goes with time, and what must not be. */
#include "limits.h"
#include "store-private.h"

/* Between two transactions: another process that waits for the file looks again that often. */
#define PAUSE_US (30 * G_TIME_SPAN_MILLISECOND)

/* A statement that deletes what is older than its first parameter, as many rows as its second. */
static gboolean drop_old(struct pim_txn *txn, const char *text, gint64 before, guint limit,
			 guint *dropped, gboolean *more_r, GError **error)
{
	sqlite3_stmt *delete = sql_prepare(txn->sql, text);
	guint count;

	sqlite3_bind_int64(delete, 1, before);
	sqlite3_bind_int64(delete, 2, limit);
	if (!sql_run(txn->sql, delete, error))
		return FALSE;
	count = (guint)sqlite3_changes(txn->sql->db);
	*dropped += count;
	*more_r = *more_r || count == limit;
	return TRUE;
}

/* One: it may have a map of thousands. */
static gboolean forget_lost_peer(struct pim_txn *txn, gint64 before, guint *dropped,
				 gboolean *more_r, GError **error)
{
	sqlite3_stmt *select = sql_prepare(
		txn->sql, "SELECT id FROM peer WHERE last_seen < ? AND secret IS NULL LIMIT 1");
	gint64 peer;
	int found;

	sqlite3_bind_int64(select, 1, before);
	found = sql_fetch(txn->sql, select, error);
	if (found != 1)
		return found == 0;
	peer = sqlite3_column_int64(select, 0);
	sqlite3_reset(select);
	++*dropped;
	*more_r = TRUE;
	return pim_txn_forget_peer(txn, peer, error);
}

/* --- tombstones ------------------------------------------------------------------------- */

/* The revision up to which all devices have heard of everything, whichever of their two
 * generations they go on from. One that has no anchor begins anew anyway. */
static gboolean all_have(struct pim_txn *txn, int collection, gint64 *revision_r, GError **error)
{
	sqlite3_stmt *select = sql_prepare(
		txn->sql, "SELECT coalesce(min(CASE WHEN former_client_anchor IS NULL THEN cursor"
			  " ELSE min(cursor, former_cursor) END), 9223372036854775807)"
			  " FROM target WHERE collection = ? AND client_anchor IS NOT NULL");

	sqlite3_bind_int(select, 1, collection);
	if (sql_fetch(txn->sql, select, error) != 1)
		return FALSE;
	*revision_r = sqlite3_column_int64(select, 0);
	sqlite3_reset(select);
	return TRUE;
}

static gboolean find_tombstones(struct pim_txn *txn, int collection, gint64 before, guint limit,
				GArray *ids, gint64 *highest_r, GError **error)
{
	sqlite3_stmt *select;
	gint64 heard;
	int found;

	if (!all_have(txn, collection, &heard, error))
		return FALSE;
	select = sql_prepare(
		txn->sql, "SELECT id, revision FROM item i WHERE collection = ?1 AND deleted = 1"
			  " AND (modified < ?2 OR (revision <= ?3 AND NOT EXISTS"
			  " (SELECT 1 FROM target t JOIN map m ON m.target = t.id AND m.item = i.id"
			  " WHERE t.collection = ?1))) ORDER BY revision LIMIT ?4");
	sqlite3_bind_int(select, 1, collection);
	sqlite3_bind_int64(select, 2, before);
	sqlite3_bind_int64(select, 3, heard);
	sqlite3_bind_int64(select, 4, limit);
	while ((found = sql_fetch(txn->sql, select, error)) == 1) {
		gint64 id = sqlite3_column_int64(select, 0);

		g_array_append_val(ids, id);
		*highest_r = sqlite3_column_int64(select, 1);
	}
	return found == 0;
}

static gboolean drop_tombstone(struct pim_txn *txn, int collection, gint64 id, GError **error)
{
	sqlite3_stmt *maps =
		/* Those of before a slow sync are under the negative number. */
		sql_prepare(txn->sql, "DELETE FROM map WHERE abs(target) IN (SELECT id FROM target"
				      " WHERE collection = ?) AND item = ?");
	sqlite3_stmt *item = sql_prepare(txn->sql, "DELETE FROM item WHERE id = ?");

	sqlite3_bind_int(maps, 1, collection);
	sqlite3_bind_int64(maps, 2, id);
	sqlite3_bind_int64(item, 1, id);
	return sql_run(txn->sql, maps, error) && sql_run(txn->sql, item, error);
}

/* One is needed as long as a device may have the item: until all have heard of it, or for so
 * long. */
static gboolean drop_tombstones(struct pim_txn *txn, int collection, gint64 before, guint limit,
				guint *dropped, gboolean *more_r, GError **error)
{
	g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint64));
	gint64 highest = 0;
	sqlite3_stmt *update;

	if (!find_tombstones(txn, collection, before, limit, ids, &highest, error))
		return FALSE;
	for (guint i = 0; i < ids->len; i++) {
		if (!drop_tombstone(txn, collection, g_array_index(ids, gint64, i), error))
			return FALSE;
	}
	*dropped += ids->len;
	*more_r = *more_r || ids->len == limit;
	if (ids->len == 0)
		return TRUE;
	update = sql_prepare(txn->sql,
			     "UPDATE collection SET oldest = max(oldest, ?2) WHERE id = ?1");
	sqlite3_bind_int(update, 1, collection);
	sqlite3_bind_int64(update, 2, highest);
	return sql_run(txn->sql, update, error);
}

/* --- all of it ---------------------------------------------------------------------------- */

gboolean pim_txn_sweep(struct pim_txn *txn, const struct pim_keep *keep, gint64 now, guint limit,
		       struct pim_swept *swept, gboolean *more_r, GError **error)
{
	static const char sessions[] = "DELETE FROM session WHERE id IN"
				       " (SELECT id FROM session WHERE expires < ? LIMIT ?)";
	static const char versions[] = "DELETE FROM history WHERE version IN"
				       " (SELECT version FROM history WHERE at < ? LIMIT ?)";
	gboolean more = FALSE;

	if (!drop_old(txn, sessions, now, limit, &swept->sessions, &more, error) ||
	    !drop_old(txn, versions, now - keep->history_secs, limit, &swept->versions, &more,
		      error) ||
	    !forget_lost_peer(txn, now - keep->device_secs, &swept->devices, &more, error))
		return FALSE;
	for (int collection = 0; collection < PIM_COLLECTIONS; collection++) {
		if (!drop_tombstones(txn, collection, now - keep->deletion_secs, limit,
				     &swept->deletions, &more, error))
			return FALSE;
	}
	*more_r = more;
	return TRUE;
}

gboolean pim_sweep_user(struct pim_store *store, const char *user, const struct pim_keep *keep,
			gint64 now, GCancellable *cancellable, struct pim_swept *swept,
			GError **error)
{
	gboolean more = TRUE;

	while (more && !g_cancellable_is_cancelled(cancellable)) {
		g_autoptr(GError) failed = NULL;
		g_autoptr(pim_txn_t) txn = pim_txn_begin(store, user, FALSE, &failed);
		struct pim_swept went = *swept;

		if (txn == NULL && failed == NULL)
			return TRUE; /* it has gone meanwhile */
		if (txn == NULL ||
		    !pim_txn_sweep(txn, keep, now, LIMIT_PIM_SWEEP, &went, &more, &failed) ||
		    !pim_txn_commit(g_steal_pointer(&txn), &failed)) {
			g_propagate_error(error, g_steal_pointer(&failed));
			return FALSE;
		}
		*swept = went;
		if (more)
			g_usleep(PAUSE_US);
	}
	return TRUE;
}

/* --- integrity ------------------------------------------------------------------------ */

static const struct {
	const char *query;
	const char *problem; /* '#' stands for the row's number */
} checks[] = {
	{"SELECT m.id FROM map m LEFT JOIN item i ON i.id = m.item WHERE i.id IS NULL",
	 "map # is of an item that does not exist"},
	{"SELECT m.id FROM map m LEFT JOIN target t ON t.id = abs(m.target) WHERE t.id IS NULL",
	 "map # is of no device's database"},
	{"SELECT m.id FROM map m JOIN item i ON i.id = m.item WHERE m.seen > i.revision",
	 "map # has seen a revision that its item never had"},
	{"SELECT i.id FROM item i JOIN collection c ON c.id = i.collection WHERE i.revision > "
	 "c.head",
	 "item # has a revision that was never given"},
	{"SELECT id FROM item WHERE (deleted = 1) != (content IS NULL)", "item # is half deleted"},
	{"SELECT t.id FROM target t JOIN collection c ON c.id = t.collection"
	 " WHERE t.cursor > c.head",
	 "database # of a device has seen revisions that were never given"},
	{"SELECT a.peer FROM alert a LEFT JOIN peer p ON p.id = a.peer WHERE p.id IS NULL",
	 "an alert is of device #, which does not exist"},
	{"SELECT t.id FROM target t LEFT JOIN peer p ON p.id = t.peer WHERE p.id IS NULL",
	 "database # is of no device"},
	{"SELECT k.item FROM item_key k LEFT JOIN item i ON i.id = k.item AND i.deleted = 0"
	 " WHERE i.id IS NULL",
	 "a key is of item #, which does not exist"},
};

/* Those whose text cannot be read. */
static int check_contents(struct pim_txn *txn, pim_check_found *found_problem, gpointer data,
			  GError **error)
{
	sqlite3_stmt *select =
		sql_prepare(txn->sql, "SELECT id, component, content FROM item WHERE deleted = 0");
	int found, count = 0;

	while ((found = sql_fetch(txn->sql, select, error)) == 1) {
		g_autoptr(GError) wrong = NULL;
		g_autoptr(pim_item_t) item =
			pim_item_load((enum pim_component)sqlite3_column_int(select, 1),
				      sqlite3_column_blob(select, 2),
				      (gsize)sqlite3_column_bytes(select, 2), &wrong);

		if (item == NULL) {
			g_autofree char *problem =
				g_strdup_printf("item %lld cannot be read: %s",
						sqlite3_column_int64(select, 0), wrong->message);

			found_problem(problem, data);
			count++;
		}
	}
	return found < 0 ? -1 : count;
}

static int check_file(struct pim_txn *txn, pim_check_found *found_problem, gpointer data,
		      GError **error)
{
	sqlite3_stmt *select = sql_prepare(txn->sql, "PRAGMA integrity_check");
	int found, count = 0;

	while ((found = sql_fetch(txn->sql, select, error)) == 1) {
		const char *text = (const char *)sqlite3_column_text(select, 0);

		if (g_strcmp0(text, "ok") == 0)
			continue;
		found_problem(text, data);
		count++;
	}
	return found < 0 ? -1 : count;
}

int pim_txn_check(struct pim_txn *txn, pim_check_found *found_problem, gpointer data,
		  GError **error)
{
	int count = check_file(txn, found_problem, data, error), contents, found = 0;

	for (guint i = 0; count >= 0 && found >= 0 && i < G_N_ELEMENTS(checks); i++) {
		sqlite3_stmt *select = sql_prepare(txn->sql, checks[i].query);

		while ((found = sql_fetch(txn->sql, select, error)) == 1) {
			g_autofree char *number =
				g_strdup_printf("%lld", sqlite3_column_int64(select, 0));
			g_auto(GStrv) around = g_strsplit(checks[i].problem, "#", 2);
			g_autofree char *problem = g_strconcat(around[0], number, around[1], NULL);

			found_problem(problem, data);
			count++;
		}
	}
	if (count < 0 || found < 0)
		return -1;
	contents = check_contents(txn, found_problem, data, error);
	return contents < 0 ? -1 : count + contents;
}
