/*
 * Who has yet to be told that something has changed. Each commit that changes items notes it, in
 * the same transaction, for the devices that sync such items, but for the one whose changes
 * they are; so no way of changing items can forget it. Which users have such notes is said by
 * a small file of each in the folder "alerts" beside the users' folders: who is to tell
 * devices finds them without opening what all users have. Without that folder nobody tells.
 */
#include <errno.h>
#include <string.h>

#include <glib/gstdio.h>

#include "store-private.h"

void pim_txn_set_author(struct pim_txn *txn, gint64 peer)
{
	txn->author = peer;
}

/* --- the folder ------------------------------------------------------------------------ */

static char *folder_of(const char *dir)
{
	return g_build_filename(dir, "alerts", NULL);
}

/* A name of a user may be too long for a file's, and have anything in it. */
static char *file_of(const char *dir, const char *user)
{
	g_autofree char *hex = g_compute_checksum_for_string(G_CHECKSUM_SHA256, user, -1);

	return g_build_filename(dir, "alerts", hex, NULL);
}

static gboolean is_own(const char *name)
{
	return strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64;
}

gboolean pim_alerts_enable(const char *dir, gboolean on, GError **error)
{
	g_autofree char *folder = folder_of(dir);
	g_autoptr(GDir) open = NULL;
	const char *name;

	if (on) {
		if (g_mkdir(folder, 0700) == 0 || errno == EEXIST)
			return TRUE;
		g_set_error(error, PIM_STORE_ERROR, PIM_STORE_ERROR_FAILED, "cannot make %s: %s",
			    folder, g_strerror(errno));
		return FALSE;
	}
	/* What is left would be told when they are on again, much later. */
	open = g_dir_open(folder, 0, NULL);
	while (open != NULL && (name = g_dir_read_name(open)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL);

		if (is_own(name))
			g_unlink(path);
	}
	g_rmdir(folder);
	return TRUE;
}

char **pim_alerts_users(const char *dir)
{
	g_autofree char *folder = folder_of(dir);
	g_autoptr(GDir) open = g_dir_open(folder, 0, NULL);
	g_autoptr(GPtrArray) users = g_ptr_array_new();
	const char *name;

	while (open != NULL && (name = g_dir_read_name(open)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		char *user;

		if (is_own(name) && g_file_get_contents(path, &user, NULL, NULL))
			g_ptr_array_add(users, user);
	}
	g_ptr_array_add(users, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&users), FALSE);
}

/* Before the commit: one too many is found empty, one too few would never be found. Not synced: an
 * alert is a hint, which a power failure may take. */
static void mark_user(struct pim_txn *txn)
{
	const char *user = pim_txn_user(txn);
	g_autofree char *folder = folder_of(pim_txn_dir(txn));
	g_autofree char *path = file_of(pim_txn_dir(txn), user);

	if (g_file_test(folder, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_EXISTS))
		g_file_set_contents_full(path, user, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600,
					 NULL);
}

/* --- notes ------------------------------------------------------------------------------ */

/* A series that the device has answered by a sync, or none: it begins. One that is under way goes
 * on, and ends with the newest revision. */
static gboolean note(struct pim_txn *txn, enum pim_collection collection, GError **error)
{
	sqlite3_stmt *insert = sql_prepare(
		txn->sql,
		"INSERT INTO alert(peer, collection, revision, first, last, session, tries, due)"
		" SELECT DISTINCT t.peer, c.id, c.head, ?3, ?3, 0, 0, 0"
		" FROM target t JOIN collection c ON c.id = t.collection"
		" WHERE c.id = ?1 AND t.peer != ?2 AND t.last_sync != 0 AND t.components & ?4"
		" ON CONFLICT(peer, collection) DO UPDATE SET revision = excluded.revision,"
		" last = excluded.last,"
		" first = iif(" PIM_ALERT_ANSWERED ", excluded.first, first),"
		" session = iif(" PIM_ALERT_ANSWERED ", 0, session),"
		" due = iif(" PIM_ALERT_ANSWERED ", 0, due),"
		" tries = iif(" PIM_ALERT_ANSWERED ", 0, tries)");

	sqlite3_bind_int(insert, 1, (int)collection);
	sqlite3_bind_int64(insert, 2, txn->author);
	sqlite3_bind_int64(insert, 3, txn->changed_at);
	sqlite3_bind_int(insert, 4, (int)txn->changed);
	return sql_run(txn->sql, insert, error);
}

gboolean pim_alerts_note(struct pim_txn *txn, GError **error)
{
	static const struct {
		enum pim_collection collection;
		pim_components components;
	} rows[] = {
		{PIM_CONTACTS, PIM_COMPONENT_BIT(PIM_CONTACT)},
		{PIM_CALENDAR, PIM_COMPONENT_BIT(PIM_EVENT) | PIM_COMPONENT_BIT(PIM_TASK)},
		{PIM_NOTES, PIM_COMPONENT_BIT(PIM_NOTE)},
	};
	int before = sqlite3_total_changes(txn->sql->db);

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		if ((txn->changed & rows[i].components) != 0 &&
		    !note(txn, rows[i].collection, error))
			return FALSE;
	}
	txn->noted = sqlite3_total_changes(txn->sql->db) != before;
	if (txn->noted)
		mark_user(txn);
	return TRUE;
}

gboolean pim_txn_alerts(struct pim_txn *txn, pim_alert_each *each, gpointer data, GError **error)
{
	sqlite3_stmt *select = sql_prepare(
		txn->sql, "SELECT peer, collection, revision, first, last, session, tries, "
			  "due, " PIM_ALERT_ANSWERED " FROM alert ORDER BY peer, collection");
	int found;

	while ((found = sql_fetch(txn->sql, select, error)) == 1) {
		const struct pim_alert alert = {
			.peer = sqlite3_column_int64(select, 0),
			.collection = (enum pim_collection)sqlite3_column_int(select, 1),
			.revision = (guint64)sqlite3_column_int64(select, 2),
			.first = sqlite3_column_int64(select, 3),
			.last = sqlite3_column_int64(select, 4),
			.session = (guint16)sqlite3_column_int(select, 5),
			.tries = (guint)sqlite3_column_int(select, 6),
			.due = sqlite3_column_int64(select, 7),
			.answered = sqlite3_column_int(select, 8) != 0,
		};

		if (!each(&alert, data))
			break;
	}
	sqlite3_reset(select);
	return found >= 0;
}

gboolean pim_txn_set_alert(struct pim_txn *txn, const struct pim_alert *alert, GError **error)
{
	sqlite3_stmt *update =
		sql_prepare(txn->sql, "UPDATE alert SET session = ?, tries = ?, due = ?"
				      " WHERE peer = ? AND collection = ?");

	sqlite3_bind_int(update, 1, alert->session);
	sqlite3_bind_int64(update, 2, alert->tries);
	sqlite3_bind_int64(update, 3, alert->due);
	sqlite3_bind_int64(update, 4, alert->peer);
	sqlite3_bind_int(update, 5, (int)alert->collection);
	return sql_run(txn->sql, update, error);
}

gboolean pim_txn_drop_alert(struct pim_txn *txn, const struct pim_alert *alert, GError **error)
{
	sqlite3_stmt *delete =
		sql_prepare(txn->sql, "DELETE FROM alert WHERE peer = ? AND collection = ?"
				      " AND revision = ?");

	sqlite3_bind_int64(delete, 1, alert->peer);
	sqlite3_bind_int(delete, 2, (int)alert->collection);
	sqlite3_bind_int64(delete, 3, (gint64)alert->revision);
	return sql_run(txn->sql, delete, error);
}

gboolean pim_txn_settle_alerts(struct pim_txn *txn, GError **error)
{
	sqlite3_stmt *select = sql_prepare(txn->sql, "SELECT 1 FROM alert LIMIT 1");
	int found = sql_fetch(txn->sql, select, error);
	g_autofree char *path = file_of(pim_txn_dir(txn), pim_txn_user(txn));

	sqlite3_reset(select);
	/* Nobody else can note one meanwhile: they wait for this transaction. */
	if (found == 0)
		g_unlink(path);
	return found >= 0;
}
