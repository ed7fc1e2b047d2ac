/* What goes with time, and what must not be. */
#include "store-private.h"

static gboolean run_with(struct pim_txn *txn, const char *text, gint64 value, GError **error)
{
	sqlite3_stmt *statement = sql_prepare(txn->sql, text);

	sqlite3_bind_int64(statement, 1, value);
	return sql_run(txn->sql, statement, error);
}

static gboolean forget_lost_peers(struct pim_txn *txn, gint64 before, GError **error)
{
	sqlite3_stmt *select =
		sql_prepare(txn->sql, "SELECT id FROM peer WHERE last_seen < ? AND secret IS NULL");
	g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint64));
	int found;

	sqlite3_bind_int64(select, 1, before);
	while ((found = sql_fetch(txn->sql, select, error)) == 1) {
		gint64 id = sqlite3_column_int64(select, 0);

		g_array_append_val(ids, id);
	}
	for (guint i = 0; found == 0 && i < ids->len; i++) {
		if (!pim_txn_forget_peer(txn, g_array_index(ids, gint64, i), error))
			return FALSE;
	}
	return found == 0;
}

/* A tombstone is needed as long as a device may have the item: until all that know of it have
 * heard, or for so long. */
static gboolean drop_tombstones(struct pim_txn *txn, gint64 before, GError **error)
{
	static const char oldest[] =
		"UPDATE collection SET oldest = max(oldest, coalesce((SELECT max(revision) FROM "
		"item"
		" WHERE item.collection = collection.id AND deleted = 1 AND modified < ?), 0))";
	static const char maps[] = "DELETE FROM map WHERE item IN"
				   " (SELECT id FROM item WHERE deleted = 1 AND modified < ?)";
	static const char items[] = "DELETE FROM item WHERE deleted = 1 AND modified < ?";

	return run_with(txn, oldest, before, error) && run_with(txn, maps, before, error) &&
	       run_with(txn, items, before, error);
}

gboolean pim_txn_sweep(struct pim_txn *txn, const struct pim_sweep *sweep, GError **error)
{
	return run_with(txn, "DELETE FROM session WHERE expires < ?", sweep->now, error) &&
	       run_with(txn, "DELETE FROM history WHERE at < ?", sweep->now - sweep->history_secs,
			error) &&
	       forget_lost_peers(txn, sweep->now - sweep->peer_secs, error) &&
	       drop_tombstones(txn, sweep->now - sweep->tombstone_secs, error);
}

/* --- integrity ------------------------------------------------------------------------ */

static const struct {
	const char *query;
	const char *problem; /* '#' stands for the row's number */
} checks[] = {
	{"SELECT m.id FROM map m LEFT JOIN item i ON i.id = m.item WHERE i.id IS NULL",
	 "map # is of an item that does not exist"},
	{"SELECT m.id FROM map m LEFT JOIN target t ON t.id = m.target WHERE t.id IS NULL",
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
