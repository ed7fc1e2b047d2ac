#include "transfer.h"

#include <string.h>

#include "vobject.h"

/* Items in one transaction: a commit waits for the disk. */
#define BATCH 500

struct importing {
	const struct pim_import *import;
	struct pim_imported *imported;
	struct pim_txn *txn;
	guint batch;
	gsize offset;
	GError **error;
};

/* --- one item -------------------------------------------------------------------------- */

static gboolean commit(struct importing *importing)
{
	struct pim_txn *txn = g_steal_pointer(&importing->txn);

	importing->batch = 0;
	return txn == NULL || pim_txn_commit(txn, importing->error);
}

static gboolean begin(struct importing *importing)
{
	if (importing->txn == NULL)
		importing->txn = pim_txn_begin(importing->import->store, importing->import->user,
					       TRUE, importing->error);
	return importing->txn != NULL;
}

static gboolean put(struct importing *importing, const struct pim_item *item)
{
	const char *uid = pim_item_uid(item);
	guint8 hash[16];
	guint64 revision;
	gint64 id;

	if (!begin(importing))
		return FALSE;
	pim_item_hash(item, hash);
	if (!pim_txn_find_hash(importing->txn, hash, &id, importing->error))
		return FALSE;
	if (id != 0) {
		importing->imported->unchanged++;
		return TRUE;
	}
	if (uid != NULL && !pim_txn_find_uid(importing->txn, uid, &id, importing->error))
		return FALSE;
	if (id != 0) {
		importing->imported->replaced++;
		return pim_txn_replace(importing->txn, id, item, "import", importing->import->now,
				       &revision, importing->error);
	}
	importing->imported->added++;
	return pim_txn_add(importing->txn, item, "import", importing->import->now, &id, &revision,
			   importing->error);
}

static void report(struct importing *importing, const char *why)
{
	importing->imported->failed++;
	if (importing->import->failed != NULL)
		importing->import->failed(importing->offset, why, importing->import->data);
}

/* One that makes no sense is left out. */
static gboolean put_object(struct importing *importing, const struct vobject *object,
			   enum vdialect dialect)
{
	static const enum pim_format formats[] = {
		[VCARD_2_1] = PIM_VCARD_2_1,         [VCARD_3_0] = PIM_VCARD_3_0,
		[VCARD_4_0] = PIM_VCARD_4_0,         [VCALENDAR_1_0] = PIM_VCALENDAR_1_0,
		[ICALENDAR_2_0] = PIM_ICALENDAR_2_0, [VNOTE_1_1] = PIM_VNOTE_1_1,
	};
	struct pim_style style = {.zone = importing->import->zone};
	g_autoptr(GError) wrong = NULL;
	g_autoptr(pim_item_t) item = NULL;
	GString *text = vobject_write(object, dialect, NULL);

	item = pim_item_parse(formats[dialect], text->str, text->len, &style, &wrong);
	g_string_free(text, TRUE);
	if (item == NULL) {
		report(importing, wrong->message);
		return TRUE;
	}
	return put(importing, item) && (++importing->batch < BATCH || commit(importing));
}

/* --- calendars of many --------------------------------------------------------------------- */

static gboolean is_component(const struct vobject *object)
{
	return strcmp(object->name, "VEVENT") == 0 || strcmp(object->name, "VTODO") == 0;
}

static const char *uid_of(const struct vobject *object)
{
	const struct vproperty *uid = vobject_find(object, "UID");

	return uid == NULL ? NULL : vproperty_value(uid, 0);
}

/* The calendar with no components but time zones. */
static struct vobject *frame_of(const struct vobject *calendar)
{
	struct vobject *frame = vobject_new(calendar->name);

	for (guint i = 0; i < calendar->properties->len; i++)
		g_ptr_array_add(frame->properties, vproperty_copy(calendar->properties->pdata[i]));
	for (guint i = 0; i < calendar->children->len; i++) {
		const struct vobject *child = calendar->children->pdata[i];

		if (!is_component(child))
			g_ptr_array_add(frame->children, vobject_copy(child));
	}
	return frame;
}

/* Those of one UID together; one without is by itself. */
static GPtrArray *split(const struct vobject *calendar)
{
	GPtrArray *items = g_ptr_array_new_with_free_func((GDestroyNotify)vobject_free);
	g_autoptr(GHashTable) by_uid = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < calendar->children->len; i++) {
		const struct vobject *child = calendar->children->pdata[i];
		const char *uid;
		struct vobject *item;

		if (!is_component(child))
			continue;
		uid = uid_of(child);
		item = uid == NULL ? NULL : g_hash_table_lookup(by_uid, uid);
		if (item == NULL) {
			item = frame_of(calendar);
			g_ptr_array_add(items, item);
			if (uid != NULL)
				g_hash_table_insert(by_uid, (gpointer)uid, item);
		}
		g_ptr_array_add(item->children, vobject_copy(child));
	}
	return items;
}

static gboolean put_calendar(struct importing *importing, const struct vobject *calendar,
			     enum vdialect dialect)
{
	g_autoptr(GPtrArray) items = split(calendar);

	for (guint i = 0; i < items->len; i++) {
		if (!put_object(importing, items->pdata[i], dialect))
			return FALSE;
	}
	return TRUE;
}

/* --- the file --------------------------------------------------------------------------------- */

/* Where the next object begins after one that cannot be read, or the end. */
static gsize next_begin(const char *text, gsize len, gsize from)
{
	static const char *const begins[] = {"\nBEGIN:VCARD", "\nBEGIN:VCALENDAR", "\nBEGIN:VNOTE"};
	gsize next = len;

	for (guint i = 0; i < G_N_ELEMENTS(begins); i++) {
		const char *found = g_strstr_len(text + from, (gssize)(len - from), begins[i]);

		if (found != NULL)
			next = MIN(next, (gsize)(found + 1 - text));
	}
	return next;
}

static gboolean import_one(struct importing *importing, const char *text, gsize len, gsize *used_r)
{
	g_autoptr(GError) wrong = NULL;
	enum vdialect dialect;
	g_autoptr(vobject_t) object = vobject_parse(text, len, NULL, &dialect, used_r, &wrong);

	if (object == NULL) {
		report(importing, wrong->message);
		*used_r = next_begin(text, len, 0);
		return TRUE;
	}
	if (strcmp(object->name, "VCALENDAR") == 0)
		return put_calendar(importing, object, dialect);
	return put_object(importing, object, dialect);
}

gboolean pim_import_text(const struct pim_import *import, const char *text, gsize len,
			 struct pim_imported *imported_r, GError **error)
{
	struct importing importing = {.import = import, .imported = imported_r, .error = error};

	memset(imported_r, 0, sizeof(*imported_r));
	while (importing.offset < len) {
		gsize used;

		if (!import_one(&importing, text + importing.offset, len - importing.offset,
				&used)) {
			pim_txn_abort(importing.txn);
			return FALSE;
		}
		importing.offset += used;
		if (import->progress != NULL)
			import->progress(importing.offset, len, import->data);
	}
	return commit(&importing);
}

/* --- writing -------------------------------------------------------------- */

struct exporting {
	pim_export_write *write;
	gpointer data;
	guint count;
	guint64 position;
	guint rows;
	gboolean failed;
	GError **error;
};

static enum pim_format format_of(enum pim_component component)
{
	switch (component) {
	case PIM_CONTACT:
		return PIM_VCARD_3_0;
	case PIM_EVENT:
	case PIM_TASK:
		return PIM_ICALENDAR_2_0;
	case PIM_NOTE:
		return PIM_VNOTE_1_1;
	}
	g_assert_not_reached();
}

static gboolean export_row(const struct pim_row *row, gpointer data)
{
	struct exporting *exporting = data;
	g_autoptr(pim_item_t) item = NULL;
	GString *text;

	exporting->rows++;
	exporting->position = row->revision;
	if (row->deleted)
		return TRUE;
	item = pim_item_load(row->component, row->content, row->content_len, exporting->error);
	exporting->failed = item == NULL;
	if (item == NULL)
		return FALSE;
	text = pim_item_write(item, format_of(row->component), NULL, NULL);
	exporting->failed =
		!exporting->write(text->str, text->len, exporting->data, exporting->error);
	exporting->count++;
	g_string_free(text, TRUE);
	return !exporting->failed;
}

gboolean pim_export_text(struct pim_store *store, const char *user, enum pim_collection collection,
			 pim_export_write *write, gpointer data, guint *count_r, GError **error)
{
	struct exporting exporting = {.write = write, .data = data, .error = error};
	g_autoptr(GError) failure = NULL;
	struct pim_txn *txn = pim_txn_begin(store, user, FALSE, &failure);

	*count_r = 0;
	if (txn == NULL) {
		if (failure == NULL)
			return TRUE; /* who has nothing has an empty file */
		g_propagate_error(error, g_steal_pointer(&failure));
		return FALSE;
	}
	do {
		exporting.rows = 0;
		if (!pim_txn_changes(txn, collection, ~0u, exporting.position, G_MAXINT64, BATCH,
				     export_row, &exporting, error)) {
			pim_txn_abort(txn);
			return FALSE;
		}
	} while (exporting.rows == BATCH && !exporting.failed);
	pim_txn_abort(txn);
	*count_r = exporting.count;
	return !exporting.failed;
}
