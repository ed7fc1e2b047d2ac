/*
 * Users' files: where each is, who has it open, and transactions. A file is open in one
 * transaction at a time; some stay open for the next message of the same phone.
 */
#include "limits.h"
#include "store-private.h"

#include <errno.h>
#include <string.h>

#include <glib/gstdio.h>

#define SUFFIX ".db"
/* A name longer than this does not fit into a file's, escaped. */
#define NAME_MAX_ESCAPED 200

struct pim_user {
	char *name;
	struct sql *sql; /* NULL: not open */
	gboolean taken;
	guint waiting;
	GList link; /* in store->idle while it is open and nobody has it */
};

struct pim_store {
	char *dir;
	GMutex mutex;
	GCond released;
	GHashTable *users; /* name -> struct pim_user: open, or somebody has or wants it */
	GQueue idle;       /* the one that was used last at the end */
	pim_store_alerted *alerted;
	gpointer alerted_data;
};

/* --- files --------------------------------------------------------------------- */

static char *hex_of(const char *name)
{
	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, name, -1);
}

/* As the user's name where that makes a good file name; else as its hash, and the file says whose
 * it is. */
static char *file_of(const struct pim_store *store, const char *name)
{
	g_autofree char *hex = hex_of(name);
	g_autofree char *escaped = g_uri_escape_string(name, "@+", TRUE);
	g_autofree char *file = NULL;

	/* A leading dot is hidden, or "..". No escaped name has a '='. */
	if (strlen(escaped) > NAME_MAX_ESCAPED || *escaped == '.' || *escaped == '\0')
		file = g_strdup_printf("=%s" SUFFIX, hex);
	else
		file = g_strconcat(escaped, SUFFIX, NULL);
	/* 256 folders: a folder of 100,000 files is slow to list. */
	return g_strdup_printf("%s/%.2s/%s", store->dir, hex, file);
}

static gboolean is_hashed(const char *file)
{
	return *file == '=';
}

static gboolean make_dir(const char *dir, GError **error)
{
	if (g_mkdir_with_parents(dir, 0700) == 0)
		return TRUE;
	g_set_error(error, PIM_STORE_ERROR, PIM_STORE_ERROR_FAILED, "cannot make %s: %s", dir,
		    g_strerror(errno));
	return FALSE;
}

struct pim_store *pim_store_open(const char *dir, GError **error)
{
	struct pim_store *store;

	if (!make_dir(dir, error))
		return NULL;
	store = g_new0(struct pim_store, 1);
	store->dir = g_strdup(dir);
	store->users = g_hash_table_new(g_str_hash, g_str_equal);
	g_mutex_init(&store->mutex);
	g_cond_init(&store->released);
	return store;
}

static void user_free(struct pim_user *user)
{
	sql_close(user->sql);
	g_free(user->name);
	g_free(user);
}

void pim_store_close(struct pim_store **store_p)
{
	struct pim_store *store = *store_p;
	GHashTableIter iter;
	gpointer user;

	if (store == NULL)
		return;
	*store_p = NULL;
	g_hash_table_iter_init(&iter, store->users);
	while (g_hash_table_iter_next(&iter, NULL, &user))
		user_free(user);
	g_hash_table_unref(store->users);
	g_mutex_clear(&store->mutex);
	g_cond_clear(&store->released);
	g_free(store->dir);
	g_free(store);
}

void pim_store_watch_alerts(struct pim_store *store, pim_store_alerted *alerted, gpointer data)
{
	store->alerted = alerted;
	store->alerted_data = data;
}

static gboolean note_owner(struct sql *sql, const char *name, GError **error)
{
	sqlite3_stmt *insert =
		sql_prepare(sql, "INSERT INTO owner(id, name) VALUES (1, ?)"
				 " ON CONFLICT(id) DO UPDATE SET name = excluded.name");

	sql_bind_text(insert, 1, name);
	return sql_run(sql, insert, error);
}

/* NULL: it does not say, or something else, as one does that was put in the place of another. */
static char *owner_of(const struct pim_store *store, const char *path)
{
	struct sql *sql = sql_open(path, FALSE, NULL);
	g_autofree char *name = NULL, *own = NULL, *file = NULL, *own_file = NULL;
	sqlite3_stmt *select;

	if (sql == NULL)
		return NULL;
	select = sql_prepare(sql, "SELECT name FROM owner");
	if (sql_fetch(sql, select, NULL) == 1)
		name = g_strdup((const char *)sqlite3_column_text(select, 0));
	sql_close(sql);
	if (name == NULL)
		return NULL;
	own = file_of(store, name);
	own_file = g_path_get_basename(own);
	file = g_path_get_basename(path);
	return strcmp(file, own_file) == 0 ? g_steal_pointer(&name) : NULL;
}

static void add_users(const struct pim_store *store, GPtrArray *users, const char *folder)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *file;

	while (dir != NULL && (file = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, file, NULL);
		g_autofree char *escaped = NULL;
		char *name;

		if (!g_str_has_suffix(file, SUFFIX))
			continue;
		escaped = g_strndup(file, strlen(file) - strlen(SUFFIX));
		name = is_hashed(file) ? owner_of(store, path)
				       : g_uri_unescape_string(escaped, NULL);
		if (name != NULL)
			g_ptr_array_add(users, name);
	}
}

static gint by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **pim_store_users_of(struct pim_store *store, guint part)
{
	g_autoptr(GPtrArray) users = g_ptr_array_new();
	g_autofree char *folder = g_strdup_printf("%s/%02x", store->dir, part);

	add_users(store, users, folder);
	g_ptr_array_sort(users, by_name);
	g_ptr_array_add(users, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&users), FALSE);
}

char **pim_store_users(struct pim_store *store, GError **error)
{
	g_autoptr(GPtrArray) users = g_ptr_array_new();
	g_autoptr(GDir) dir = g_dir_open(store->dir, 0, error);
	const char *name;

	if (dir == NULL)
		return NULL;
	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *folder = g_build_filename(store->dir, name, NULL);

		add_users(store, users, folder);
	}
	g_ptr_array_sort(users, by_name);
	g_ptr_array_add(users, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&users), FALSE);
}

/* --- who has it ------------------------------------------------------------------- */

/* Waits until nobody else has it. */
static struct pim_user *take(struct pim_store *store, const char *name)
{
	struct pim_user *user;

	g_mutex_lock(&store->mutex);
	user = g_hash_table_lookup(store->users, name);
	if (user == NULL) {
		user = g_new0(struct pim_user, 1);
		user->name = g_strdup(name);
		user->link.data = user;
		g_hash_table_insert(store->users, user->name, user);
	}
	user->waiting++;
	while (user->taken)
		g_cond_wait(&store->released, &store->mutex);
	user->waiting--;
	user->taken = TRUE;
	if (user->sql != NULL)
		g_queue_unlink(&store->idle, &user->link);
	g_mutex_unlock(&store->mutex);
	return user;
}

/* The one that was idle for longest, if there are too many. */
static struct pim_user *surplus(struct pim_store *store)
{
	struct pim_user *user;

	if (store->idle.length <= LIMIT_PIM_OPEN_FILES)
		return NULL;
	user = g_queue_peek_head(&store->idle);
	g_queue_unlink(&store->idle, &user->link);
	g_hash_table_remove(store->users, user->name);
	return user;
}

static void give_back(struct pim_store *store, struct pim_user *user)
{
	struct pim_user *old = NULL;

	g_mutex_lock(&store->mutex);
	user->taken = FALSE;
	if (user->sql != NULL) {
		g_queue_push_tail_link(&store->idle, &user->link);
		/* Somebody who waits for the oldest has it in a moment. */
		if (((struct pim_user *)g_queue_peek_head(&store->idle))->waiting == 0)
			old = surplus(store);
	} else if (user->waiting == 0) {
		g_hash_table_remove(store->users, user->name);
		old = user;
	}
	g_cond_broadcast(&store->released);
	g_mutex_unlock(&store->mutex);
	if (old != NULL)
		user_free(old);
}

/* --- transactions ------------------------------------------------------------------ */

static gboolean open_file(struct pim_store *store, struct pim_user *user, gboolean create,
			  GError **error)
{
	g_autofree char *path = file_of(store, user->name);
	g_autofree char *folder = g_path_get_dirname(path);
	g_autofree char *file = g_path_get_basename(path);

	if (user->sql != NULL)
		return TRUE;
	if (create && !make_dir(folder, error))
		return FALSE;
	user->sql = sql_open(path, create, error);
	if (user->sql == NULL)
		return FALSE;
	if (!is_hashed(file) || note_owner(user->sql, user->name, error))
		return TRUE;
	sql_close(g_steal_pointer(&user->sql));
	return FALSE;
}

struct pim_txn *pim_txn_begin(struct pim_store *store, const char *name, gboolean create,
			      GError **error)
{
	struct pim_user *user = take(store, name);
	struct pim_txn *txn;

	/* IMMEDIATE: who reads first and writes then would otherwise fail when another process
	 * has written meanwhile. */
	if (!open_file(store, user, create, error) ||
	    !sql_exec(user->sql, "BEGIN IMMEDIATE", error)) {
		give_back(store, user);
		return NULL;
	}
	txn = g_new0(struct pim_txn, 1);
	txn->store = store;
	txn->user = user;
	txn->sql = user->sql;
	txn->scratch = g_string_new(NULL);
	return txn;
}

const char *pim_txn_user(const struct pim_txn *txn)
{
	return txn->user->name;
}

const char *pim_txn_dir(const struct pim_txn *txn)
{
	return txn->store->dir;
}

static void end(struct pim_txn *txn)
{
	give_back(txn->store, txn->user);
	g_string_free(txn->scratch, TRUE);
	g_free(txn);
}

/* A statement that is under way would keep the transaction open. */
static void reset_all(struct sql *sql)
{
	GHashTableIter iter;
	gpointer statement;

	g_hash_table_iter_init(&iter, sql->statements);
	while (g_hash_table_iter_next(&iter, NULL, &statement))
		sqlite3_reset(statement);
}

gboolean pim_txn_commit(struct pim_txn *txn, GError **error)
{
	struct pim_store *store = txn->store;
	g_autofree char *user = NULL;

	reset_all(txn->sql);
	if (!pim_alerts_note(txn, error) || !sql_exec(txn->sql, "COMMIT", error)) {
		pim_txn_abort(txn);
		return FALSE;
	}
	if (txn->noted && store->alerted != NULL)
		user = g_strdup(txn->user->name);
	end(txn);
	if (user != NULL)
		store->alerted(user, store->alerted_data);
	return TRUE;
}

void pim_txn_abort(struct pim_txn *txn)
{
	if (txn == NULL)
		return;
	reset_all(txn->sql);
	/* After some errors SQLite has rolled back by itself. */
	if (sqlite3_get_autocommit(txn->sql->db) == 0 && !sql_exec(txn->sql, "ROLLBACK", NULL)) {
		sql_close(txn->sql);
		txn->user->sql = NULL;
	}
	end(txn);
}

gboolean pim_txn_savepoint(struct pim_txn *txn, GError **error)
{
	g_autofree char *text = g_strdup_printf("SAVEPOINT s%u", txn->savepoints);

	if (!sql_exec(txn->sql, text, error))
		return FALSE;
	txn->savepoints++;
	return TRUE;
}

gboolean pim_txn_release(struct pim_txn *txn, GError **error)
{
	g_autofree char *text = g_strdup_printf("RELEASE s%u", txn->savepoints - 1);

	reset_all(txn->sql);
	txn->savepoints--;
	return sql_exec(txn->sql, text, error);
}

gboolean pim_txn_roll_back(struct pim_txn *txn, GError **error)
{
	g_autofree char *text = g_strdup_printf("ROLLBACK TO s%u", txn->savepoints - 1);

	reset_all(txn->sql);
	return sql_exec(txn->sql, text, error) && pim_txn_release(txn, error);
}
