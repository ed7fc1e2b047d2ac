#include "ctl-pim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include <gio/gio.h>

#include "ctl-store.h"
#include "ctl-table.h"
#include "transfer.h"

static int fail(const struct ctl_pim *pim, const GError *error)
{
	pim->complain(error->message);
	if (error->domain == PIM_STORE_ERROR)
		return error->code == PIM_STORE_ERROR_BUSY ? EX_TEMPFAIL : EX_IOERR;
	return EX_NOINPUT;
}

static struct pim_store *open_store(const struct ctl_pim *pim, int *code_r)
{
	g_autoptr(GError) error = NULL;
	struct pim_store *store = ctl_store_open(pim->dir, &error);

	if (store == NULL)
		*code_r = fail(pim, error);
	return store;
}

static gint64 now(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

static char *when(gint64 time)
{
	g_autoptr(GDateTime) local = g_date_time_new_from_unix_local(time);

	return time == 0 || local == NULL ? NULL : g_date_time_format(local, "%Y-%m-%d %H:%M");
}

/* --- import ------------------------------------------------------------------------------ */

struct importing {
	const struct ctl_pim *pim;
	const char *path, *text;
	guint percent;
};

static void show_progress(gsize done, gsize total, gpointer data)
{
	struct importing *importing = data;
	guint percent = (guint)(done * 100 / MAX(total, 1));

	if (!importing->pim->progress || percent == importing->percent)
		return;
	importing->percent = percent;
	fprintf(stderr, "\r[%-50.*s] %3u %%%s", (int)(percent / 2),
		"##################################################", percent,
		percent == 100 ? "\n" : "");
}

static void say_failed(gsize offset, const char *why, gpointer data)
{
	const struct importing *importing = data;
	g_autofree char *text = NULL;
	guint line = 1;

	for (gsize i = 0; i < offset; i++)
		line += importing->text[i] == '\n';
	text = g_strdup_printf("%s:%u: left out: %s", importing->path, line, why);
	importing->pim->complain(text);
}

static gboolean read_all(const char *path, char **text_r, gsize *len_r, GError **error)
{
	if (path == NULL || strcmp(path, "-") == 0)
		return g_file_get_contents("/dev/stdin", text_r, len_r, error);
	return g_file_get_contents(path, text_r, len_r, error);
}

int ctl_pim_import(const struct ctl_pim *pim, const char *user, const char *path)
{
	struct importing importing = {
		.pim = pim, .path = path == NULL ? "-" : path, .percent = 200};
	struct pim_import import = {
		.user = user,
		.zone = pim->zone,
		.now = now(),
		.progress = show_progress,
		.failed = say_failed,
		.data = &importing,
	};
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	struct pim_imported imported;
	int code = EX_OK;
	gsize len;

	if (!read_all(path, &text, &len, &error))
		return fail(pim, error);
	import.store = open_store(pim, &code);
	if (import.store == NULL)
		return code;
	importing.text = text;
	if (!pim_import_text(&import, text, len, &imported, &error))
		code = fail(pim, error);
	ctl_store_close(&import.store);
	if (code != EX_OK)
		return code;
	printf("%u added, %u replaced, %u there already, %u left out.\n", imported.added,
	       imported.replaced, imported.unchanged, imported.failed);
	return imported.failed > 0 ? EX_DATAERR : EX_OK;
}

/* --- export ------------------------------------------------------------------------------- */

static gboolean add_piece(const char *text, gsize len, gpointer data, GError **error)
{
	g_string_append_len(data, text, (gssize)len);
	return TRUE;
}

/* Exit code. */
static int write_all(const struct ctl_pim *pim, const GString *text, const char *path)
{
	gboolean to_stdout = path == NULL || strcmp(path, "-") == 0;
	FILE *out = to_stdout ? stdout : fopen(path, "we");
	g_autofree char *trouble = NULL;
	gboolean whole;

	if (out != NULL) {
		whole = fwrite(text->str, 1, text->len, out) == text->len;
		if ((to_stdout ? fflush(out) : fclose(out)) == 0 && whole)
			return EX_OK;
	}
	trouble = g_strdup_printf("%s: %s", to_stdout ? "-" : path, g_strerror(errno));
	pim->complain(trouble);
	return out == NULL ? EX_CANTCREAT : EX_IOERR;
}

static gboolean find_collection(const char *name, enum pim_collection *collection_r)
{
	for (enum pim_collection i = 0; i < PIM_COLLECTIONS; i++) {
		if (strcmp(name, pim_collection_name(i)) == 0) {
			*collection_r = i;
			return TRUE;
		}
	}
	return FALSE;
}

int ctl_pim_export(const struct ctl_pim *pim, const char *user, const char *name, const char *path)
{
	g_autoptr(GString) text = g_string_new(NULL);
	enum pim_collection collection;
	g_autoptr(GError) error = NULL;
	struct pim_store *store;
	int code = EX_OK;
	guint count;

	if (!find_collection(name, &collection)) {
		pim->complain("the collection is contacts, calendar or notes");
		return EX_USAGE;
	}
	store = open_store(pim, &code);
	if (store == NULL)
		return code;
	if (!pim_export_text(store, user, collection, add_piece, text, &count, &error))
		code = fail(pim, error);
	ctl_store_close(&store);
	/* What was in the file stays there unless all is well, and it is ours, not the store's. */
	return code == EX_OK ? write_all(pim, text, path) : code;
}

/* --- looking ---------------------------------------------------------------------------------- */

/* NULL with *code_r set: there is no such user, or an error. */
static struct pim_txn *begin(const struct ctl_pim *pim, struct pim_store *store, const char *user,
			     int *code_r)
{
	g_autoptr(GError) error = NULL;
	struct pim_txn *txn = pim_txn_begin(store, user, FALSE, &error);

	if (txn == NULL && error != NULL) {
		*code_r = fail(pim, error);
	} else if (txn == NULL) {
		g_autofree char *text = g_strdup_printf("nothing is known of the user '%s'", user);

		pim->complain(text);
		*code_r = EX_NOUSER;
	}
	return txn;
}

typedef gboolean look(struct pim_txn *txn, gpointer data, GString *out, GError **error);

/* `commit`: it changes something. */
static int with_user(const struct ctl_pim *pim, const char *user, gboolean commit, look *function,
		     gpointer data, GString *out)
{
	g_autoptr(GError) error = NULL;
	int code = EX_OK;
	struct pim_store *store = open_store(pim, &code);
	struct pim_txn *txn = store == NULL ? NULL : begin(pim, store, user, &code);
	gboolean ok;

	if (txn != NULL) {
		ok = function(txn, data, out, &error);
		if (ok && commit)
			ok = pim_txn_commit(txn, &error);
		else
			pim_txn_abort(txn);
		if (!ok)
			code = fail(pim, error);
	}
	ctl_store_close(&store);
	return code;
}

static gboolean add_version(const struct pim_version *version, gpointer data)
{
	struct ctl_table *table = data;
	g_autoptr(pim_item_t) item =
		pim_item_load(version->component, version->content, version->content_len, NULL);

	ctl_table_add_take(table, g_strdup_printf("%" G_GINT64_FORMAT, version->version));
	ctl_table_add_take(table, when(version->when));
	ctl_table_add(table, version->why);
	ctl_table_add(table, version->origin);
	ctl_table_add(table, pim_component_name(version->component));
	ctl_table_add_take(table, item == NULL ? NULL : pim_item_title(item));
	return TRUE;
}

static gboolean show_history(struct pim_txn *txn, gpointer data, GString *out, GError **error)
{
	static const struct ctl_column columns[] = {
		{"VERSION", TRUE, 0}, {"WHEN", FALSE, 0},  {"WHY", FALSE, 0}, {"BY", FALSE, 8},
		{"WHAT", FALSE, 0},   {"TITLE", FALSE, 8}, {NULL, FALSE, 0},
	};
	struct ctl_table *table = ctl_table_new(columns);
	gboolean ok = pim_txn_history(txn, 0, GPOINTER_TO_UINT(data), add_version, table, error);

	ctl_table_print(table, out, 0, FALSE);
	return ok;
}

int ctl_pim_history(const struct ctl_pim *pim, const char *user, guint limit, GString *out)
{
	return with_user(pim, user, FALSE, show_history, GUINT_TO_POINTER(limit), out);
}

static gboolean restore(struct pim_txn *txn, gpointer data, GString *out, GError **error)
{
	gint64 version = *(const gint64 *)data;
	gboolean found;

	if (!pim_txn_restore(txn, version, "fantailctl", now(), &found, error))
		return FALSE;
	if (found) {
		g_string_append(out, "Restored; devices get it with their next sync.\n");
		return TRUE;
	}
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
		    "there is no version %" G_GINT64_FORMAT "; fantailctl pim history lists them",
		    version);
	return FALSE;
}

int ctl_pim_restore(const struct ctl_pim *pim, const char *user, const char *text, GString *out)
{
	gint64 version;

	if (!g_ascii_string_to_signed(text, 10, 1, G_MAXINT64, &version, NULL)) {
		pim->complain("a version is a number of `fantailctl pim history`");
		return EX_USAGE;
	}
	return with_user(pim, user, TRUE, restore, &version, out);
}

struct device_rows {
	struct pim_txn *txn;
	struct ctl_table *table;
	const char *device;
	gboolean any;
};

static gboolean add_target(const struct pim_target *target, gpointer data)
{
	struct device_rows *rows = data;

	rows->any = TRUE;
	ctl_table_add(rows->table, rows->device);
	ctl_table_add(rows->table, target->name);
	ctl_table_add_take(rows->table, when(target->last_sync));
	ctl_table_add(rows->table, target->state_len > 0 ? "not finished" : "done");
	return TRUE;
}

static gboolean collect_peer(const struct pim_peer *peer, gpointer data)
{
	GPtrArray *peers = data;
	struct pim_peer *copy = g_memdup2(peer, sizeof(*peer));

	copy->device = g_strdup(peer->device);
	g_ptr_array_add(peers, copy);
	return TRUE;
}

static void peer_free(gpointer data)
{
	struct pim_peer *peer = data;

	g_free((char *)peer->device);
	g_free(peer);
}

static gboolean show_devices(struct pim_txn *txn, gpointer data, GString *out, GError **error)
{
	static const struct ctl_column columns[] = {
		{"DEVICE", FALSE, 12}, {"DATABASE", FALSE, 0}, {"LAST SYNC", FALSE, 0},
		{"STATE", FALSE, 0},   {NULL, FALSE, 0},
	};
	g_autoptr(GPtrArray) peers = g_ptr_array_new_with_free_func(peer_free);
	struct ctl_table *table = ctl_table_new(columns);
	gboolean ok = pim_txn_peers(txn, collect_peer, peers, error);

	(void)data;
	for (guint i = 0; ok && i < peers->len; i++) {
		const struct pim_peer *peer = peers->pdata[i];
		struct device_rows rows = {txn, table, peer->device, FALSE};

		ok = pim_txn_targets(txn, peer->id, add_target, &rows, error);
		if (ok && !rows.any) {
			ctl_table_add(table, peer->device);
			ctl_table_add(table, NULL);
			ctl_table_add_take(table, when(peer->last_seen));
			ctl_table_add(table, "seen");
		}
	}
	ctl_table_print(table, out, 0, FALSE);
	return ok;
}

int ctl_pim_devices(const struct ctl_pim *pim, const char *user, GString *out)
{
	return with_user(pim, user, FALSE, show_devices, NULL, out);
}

static void add_problem(const char *problem, gpointer data)
{
	g_string_append_printf(data, "%s\n", problem);
}

static gboolean check(struct pim_txn *txn, gpointer data, GString *out, GError **error)
{
	int *problems = data;

	*problems = pim_txn_check(txn, add_problem, out, error);
	if (*problems == 0)
		g_string_append(out, "No problems.\n");
	return *problems >= 0;
}

int ctl_pim_check(const struct ctl_pim *pim, const char *user, GString *out)
{
	int problems = 0, code = with_user(pim, user, FALSE, check, &problems, out);

	return code == EX_OK && problems > 0 ? EX_DATAERR : code;
}
