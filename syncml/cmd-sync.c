/* Sync and what is in it: Add, Replace, Delete, Copy, Move, Atomic, Sequence, and objects in
 * pieces (SyncML Sync Protocol 1.1 sections 5.7 and 2.10, Representation Protocol 5.5). */
#include <string.h>

#include "database-uri.h"
#include "limits.h"
#include "session.h"

/* --- an object's text ------------------------------------------------------------------- */

/* What is said nearest to the item holds. */
static const char *type_of(const struct session *session, struct sync *sync,
			   const struct sml_item *item, const struct sml_command *command,
			   const struct sml_meta *around)
{
	if (item->meta.type != NULL)
		return item->meta.type;
	if (command->meta.type != NULL)
		return command->meta.type;
	if (around != NULL && around->type != NULL)
		return around->type;
	return pim_format_type(sync_content(session, sync)->format);
}

static gboolean is_base64(const struct sml_item *item, const struct sml_command *command)
{
	const char *format = item->meta.format != NULL ? item->meta.format : command->meta.format;

	return format != NULL && strcmp(format, "b64") == 0;
}

static GBytes *decoded(const struct sml_item *item, const struct sml_command *command, GBytes *data)
{
	g_autofree char *text = NULL;
	guchar *octets;
	gsize len;

	if (!is_base64(item, command))
		return g_bytes_ref(data);
	text = g_strndup(g_bytes_get_data(data, NULL), g_bytes_get_size(data));
	octets = g_base64_decode(text, &len);
	return g_bytes_new_take(octets, len);
}

/* --- one item, whole ---------------------------------------------------------------------- */

/* *status_r is set unless the item is returned. */
static struct pim_item *parse(struct session *session, struct sync *sync,
			      const struct sml_command *command, const struct sml_item *item,
			      const struct sml_meta *around, GBytes *data, guint *status_r)
{
	const struct content *content = sync_content(session, sync);
	g_autoptr(GBytes) text = decoded(item, command, data);
	g_autoptr(pim_item_t) parsed = NULL;
	g_autoptr(GError) error = NULL;
	enum pim_format format;
	gsize len;
	const char *start = g_bytes_get_data(text, &len);

	if (!pim_format_find(type_of(session, sync, item, command, around), NULL, &format)) {
		*status_r = 415;
		return NULL;
	}
	parsed = pim_item_parse(format, start == NULL ? "" : start, len, &content->style, &error);
	if (parsed == NULL) {
		*status_r =
			g_error_matches(error, PIM_ITEM_ERROR, PIM_ITEM_ERROR_LIMIT) ? 413 : 415;
		return NULL;
	}
	if ((PIM_COMPONENT_BIT(pim_item_component(parsed)) & sync->components) == 0) {
		*status_r = 415;
		return NULL;
	}
	return g_steal_pointer(&parsed);
}

static gboolean put_whole(struct session *session, struct sync *sync,
			  const struct sml_command *command, const struct sml_item *item,
			  const struct sml_meta *around, GBytes *data, guint *status_r,
			  GError **error)
{
	g_autoptr(pim_item_t) parsed = NULL;

	if (item->source == NULL || *item->source == '\0') {
		*status_r = 400;
		return TRUE;
	}
	if (data == NULL) {
		*status_r = 412;
		return TRUE;
	}
	if (g_bytes_get_size(data) > session->service->settings->max_obj_size) {
		*status_r = 413;
		return TRUE;
	}
	parsed = parse(session, sync, command, item, around, data, status_r);
	return parsed == NULL || engine_put(session, sync, item->source, parsed, status_r, error);
}

/* --- pieces --------------------------------------------------------------------------------- */

static void report_cut(struct session *session, const struct sync *sync, const char *luid)
{
	struct cut_object *cut = g_new0(struct cut_object, 1);

	cut->sync = sync;
	cut->luid = g_strdup(luid);
	g_ptr_array_add(session->cut, cut);
}

/* Something else comes while an object is not complete: it never will be. */
gboolean session_drop_cut(struct session *session, struct sync *sync, GError **error)
{
	struct pim_chunk chunk;
	gboolean found;

	if (!pim_txn_chunk(session->txn, sync->target, &found, &chunk, error))
		return FALSE;
	if (!found)
		return TRUE;
	report_cut(session, sync, chunk.luid);
	return pim_txn_drop_chunk(session->txn, sync->target, error);
}

static gboolean begin_object(struct session *session, struct sync *sync,
			     const struct sml_item *item, const struct sml_command *command,
			     guint *status_r, GError **error)
{
	const struct sml_meta *meta = item->meta.has_size ? &item->meta : &command->meta;
	gsize len;
	const void *data = item->data == NULL ? "" : g_bytes_get_data(item->data, &len);

	if (!meta->has_size) {
		*status_r = 411;
		return TRUE;
	}
	if (meta->size > session->service->settings->max_obj_size) {
		*status_r = 416;
		return TRUE;
	}
	*status_r = 213;
	return pim_txn_begin_chunk(session->txn, sync->target, item->source, meta->size, error) &&
	       pim_txn_append_chunk(session->txn, sync->target, data, item->data == NULL ? 0 : len,
				    error);
}

/* Its pieces so far and this one; NULL: that is not what was announced. */
static GBytes *joined(const struct pim_chunk *chunk, const struct sml_item *item)
{
	gsize len = item->data == NULL ? 0 : g_bytes_get_size(item->data);
	GByteArray *all;

	if (chunk->len + len != chunk->total)
		return NULL;
	all = g_byte_array_sized_new((guint)chunk->total);
	g_byte_array_append(all, chunk->data, (guint)chunk->len);
	if (len > 0)
		g_byte_array_append(all, g_bytes_get_data(item->data, NULL), (guint)len);
	return g_byte_array_free_to_bytes(all);
}

static gboolean continue_object(struct session *session, struct sync *sync,
				const struct sml_command *command, const struct sml_item *item,
				const struct sml_meta *around, const struct pim_chunk *chunk,
				guint *status_r, GError **error)
{
	gsize len = item->data == NULL ? 0 : g_bytes_get_size(item->data);
	g_autoptr(GBytes) whole = NULL;

	if (item->more_data && chunk->len + len <= chunk->total) {
		*status_r = 213;
		return pim_txn_append_chunk(session->txn, sync->target,
					    len == 0 ? "" : g_bytes_get_data(item->data, NULL), len,
					    error);
	}
	whole = item->more_data ? NULL : joined(chunk, item);
	if (!pim_txn_drop_chunk(session->txn, sync->target, error))
		return FALSE;
	/* After an interruption a piece may have come twice, or not at all: all of it again. */
	*status_r = sync->resumed ? 426 : 424;
	return whole == NULL ||
	       put_whole(session, sync, command, item, around, whole, status_r, error);
}

/* --- Add, Replace, Copy --------------------------------------------------- */

static gboolean put_item(struct session *session, struct sync *sync,
			 const struct sml_command *command, const struct sml_item *item,
			 const struct sml_meta *around, guint *status_r, GError **error)
{
	struct pim_chunk chunk;
	gboolean found;

	if (item->more_data && ++session->pieces > LIMIT_SYNCML_PIECES) {
		*status_r = 413;
		return session_drop_cut(session, sync, error);
	}
	if (!pim_txn_chunk(session->txn, sync->target, &found, &chunk, error))
		return FALSE;
	if (found && g_strcmp0(chunk.luid, item->source) == 0 && !item->meta.has_size)
		return continue_object(session, sync, command, item, around, &chunk, status_r,
				       error);
	if (found && !session_drop_cut(session, sync, error))
		return FALSE;
	if (item->more_data) {
		if (item->source == NULL) {
			*status_r = 400;
			return TRUE;
		}
		return begin_object(session, sync, item, command, status_r, error);
	}
	return put_whole(session, sync, command, item, around, item->data, status_r, error);
}

static gboolean delete_item(struct session *session, struct sync *sync,
			    const struct sml_command *command, const struct sml_item *item,
			    guint *status_r, GError **error)
{
	if (!session_drop_cut(session, sync, error))
		return FALSE;
	if (item->source == NULL || *item->source == '\0') {
		*status_r = 400;
		return TRUE;
	}
	return engine_delete(session, sync, item->source, command->soft_delete, status_r, error);
}

/* With data it is an Add by another name; without, of what is there (Representation Protocol
 * 5.5.4). */
static gboolean copy_item(struct session *session, struct sync *sync,
			  const struct sml_command *command, const struct sml_item *item,
			  const struct sml_meta *around, guint *status_r, GError **error)
{
	if (item->data != NULL)
		return put_item(session, sync, command, item, around, status_r, error);
	if (!session_drop_cut(session, sync, error))
		return FALSE;
	*status_r = 400;
	return item->source == NULL || item->target == NULL || *item->target == '\0' ||
	       engine_copy(session, sync, item->source, item->target, status_r, error);
}

/* There are no folders but the one. */
static guint move_status(const struct sml_item *item)
{
	if (item->source == NULL)
		return 400;
	return item->target_parent == NULL || strcmp(item->target_parent, "/") == 0 ? 200 : 428;
}

static gboolean run_item(struct session *session, struct sync *sync,
			 const struct sml_command *command, const struct sml_item *item,
			 const struct sml_meta *around, guint *status_r, GError **error)
{
	switch (command->kind) {
	case SML_CMD_DELETE:
		return delete_item(session, sync, command, item, status_r, error);
	case SML_CMD_COPY:
		return copy_item(session, sync, command, item, around, status_r, error);
	case SML_CMD_MOVE:
		*status_r = move_status(item);
		return session_drop_cut(session, sync, error);
	default:
		return put_item(session, sync, command, item, around, status_r, error);
	}
}

static gboolean run_items(struct session *session, struct sync *sync,
			  const struct sml_command *command, const struct sml_meta *around,
			  GError **error)
{
	gboolean together = session->device->rules.one_status_per_command;
	guint worst = 0;

	if (command->items->len == 0) {
		session_status(session, command, 400);
		return TRUE;
	}
	for (guint i = 0; i < command->items->len; i++) {
		const struct sml_item *item = command->items->pdata[i];
		guint code = 500;

		if (!run_item(session, sync, command, item, around, &code, error))
			return FALSE;
		worst = MAX(worst, code);
		if (!together)
			session_item_status(session, command, item, code);
	}
	if (together)
		session_status(session, command, worst);
	return TRUE;
}

/* --- containers ----------------------------------------------------------- */

static gboolean run_children(struct session *session, struct sync *sync,
			     const struct sml_command *container, const struct sml_meta *around,
			     GError **error)
{
	for (guint i = 0; i < container->children->len; i++) {
		const struct sml_command *child = container->children->pdata[i];

		/* One in the other cannot be undone by itself. */
		if (container->kind == SML_CMD_ATOMIC && child->kind == SML_CMD_ATOMIC) {
			session_status(session, child, 500);
			continue;
		}
		if (!cmd_change(session, sync, child, around, error))
			return FALSE;
	}
	return TRUE;
}

/* All or nothing: what was done is undone and says so, what failed says why. */
static gboolean run_atomic(struct session *session, struct sync *sync,
			   const struct sml_command *command, const struct sml_meta *around,
			   GError **error)
{
	struct status *own = session_status(session, command, 200);
	guint first = session->statuses->len, refused = session->refused;

	if (!pim_txn_savepoint(session->txn, error) ||
	    !run_children(session, sync, command, around, error))
		return FALSE;
	if (session->refused == refused)
		return pim_txn_release(session->txn, error);
	for (guint i = first; i < session->statuses->len; i++) {
		struct status *status = session->statuses->pdata[i];

		if (status->code < 300)
			status->code = 216;
	}
	if (own != NULL)
		own->code = 507;
	session->refused++;
	return pim_txn_roll_back(session->txn, error);
}

static gboolean refuse_children(struct session *session, const struct sml_command *command,
				guint code)
{
	for (guint i = 0; i < command->children->len; i++) {
		const struct sml_command *child = command->children->pdata[i];

		session_status_items(session, child, code);
		if (child->children != NULL)
			refuse_children(session, child, code);
	}
	return TRUE;
}

gboolean cmd_change(struct session *session, struct sync *sync, const struct sml_command *command,
		    const struct sml_meta *around, GError **error)
{
	switch (command->kind) {
	case SML_CMD_ATOMIC:
		return run_atomic(session, sync, command, around, error);
	case SML_CMD_SEQUENCE:
		session_status(session, command, 200);
		return run_children(session, sync, command, around, error);
	case SML_CMD_ADD:
	case SML_CMD_REPLACE:
	case SML_CMD_DELETE:
	case SML_CMD_COPY:
	case SML_CMD_MOVE:
		break;
	default:
		return session_command(session, command, error);
	}
	if (sync == NULL) {
		session_status_items(session, command, 405);
		return TRUE;
	}
	return run_items(session, sync, command, around, error);
}

/* --- Sync ----------------------------------------------------------------- */

/* Of one that was not alerted. */
static guint unalerted(const struct session *session, const struct sml_command *command)
{
	struct database_uri uri;
	gboolean known = FALSE;

	if (command->target == NULL)
		return 404;
	database_uri_parse(command->target, session->service->settings->service_path, &uri);
	known = uri.known;
	database_uri_clear(&uri);
	return known ? 403 : 404;
}

/* Why nothing in it is done; 0 = it is. */
static guint refusal(const struct session *session, const struct sync *sync,
		     const struct sml_command *command)
{
	if (sync == NULL)
		return unalerted(session, command);
	if (sync->failed != 0)
		return sync->failed;
	/* Without initialisation, and with anchors that do not match: all is to be sent. */
	if (sync->forced)
		return 508;
	if (session->phase != SESSION_INIT && session->phase != SESSION_CLIENT)
		return 403;
	return 0;
}

gboolean cmd_sync(struct session *session, const struct sml_command *command, GError **error)
{
	struct sync *sync = session_find_sync(session, command->target, command->source);
	guint code = refusal(session, sync, command);
	struct status *status = session_status(session, command, code == 0 ? 200 : code);

	if (status != NULL) {
		status->target_ref = g_strdup(command->target);
		status->source_ref = g_strdup(command->source);
	}
	if (code != 0)
		return refuse_children(session, command, code);
	if (!cmd_map_early(session, error))
		return FALSE;
	sync->seen = TRUE;
	if (command->meta.has_free)
		sync->free_id = command->meta.free_id;
	if (command->children->len > 0 && !sync_receives(sync))
		return refuse_children(session, command, 405);
	return run_children(session, sync, command, &command->meta, error);
}
