/* From a message to markup, in the order of the DTD: phones have parsers made by hand. */
#include "message.h"

static const char *const dtds[] = {"1.0", "1.1", "1.2"};
static const char *const protocols[] = {"SyncML/1.0", "SyncML/1.1", "SyncML/1.2"};

static const enum sml_element elements[] = {
	[SML_CMD_ADD] = SML_ADD,         [SML_CMD_ALERT] = SML_ALERT,
	[SML_CMD_ATOMIC] = SML_ATOMIC,   [SML_CMD_COPY] = SML_COPY,
	[SML_CMD_DELETE] = SML_DELETE,   [SML_CMD_EXEC] = SML_EXEC,
	[SML_CMD_GET] = SML_GET,         [SML_CMD_MAP] = SML_MAP,
	[SML_CMD_MOVE] = SML_MOVE,       [SML_CMD_PUT] = SML_PUT,
	[SML_CMD_REPLACE] = SML_REPLACE, [SML_CMD_RESULTS] = SML_RESULTS,
	[SML_CMD_SEARCH] = SML_SEARCH,   [SML_CMD_SEQUENCE] = SML_SEQUENCE,
	[SML_CMD_STATUS] = SML_STATUS,   [SML_CMD_SYNC] = SML_SYNC,
};

static void leaf_if(struct markup_writer *writer, enum sml_element element, guint64 value)
{
	if (value != 0)
		markup_leaf_uint(writer, element, value);
}

static void write_anchor(struct markup_writer *writer, const char *last, const char *next)
{
	if (last == NULL && next == NULL)
		return;
	markup_open(writer, MET_ANCHOR);
	markup_leaf(writer, MET_LAST, last);
	markup_leaf(writer, MET_NEXT, next);
	markup_close(writer);
}

static gboolean meta_is_empty(const struct sml_meta *meta)
{
	return meta->type == NULL && meta->format == NULL && meta->anchor_last == NULL &&
	       meta->anchor_next == NULL && meta->next_nonce == NULL && meta->mark == NULL &&
	       meta->version == NULL && meta->max_msg_size == 0 && meta->max_obj_size == 0 &&
	       !meta->has_free && !meta->has_size && !meta->field_level;
}

static void write_meta(struct markup_writer *writer, const struct sml_meta *meta)
{
	if (meta_is_empty(meta))
		return;
	markup_open(writer, SML_META);
	markup_leaf(writer, MET_FORMAT, meta->format);
	markup_leaf(writer, MET_TYPE, meta->type);
	markup_leaf(writer, MET_MARK, meta->mark);
	if (meta->has_size)
		markup_leaf_uint(writer, MET_SIZE, meta->size);
	write_anchor(writer, meta->anchor_last, meta->anchor_next);
	markup_leaf(writer, MET_VERSION, meta->version);
	markup_leaf(writer, MET_NEXT_NONCE, meta->next_nonce);
	leaf_if(writer, MET_MAX_MSG_SIZE, meta->max_msg_size);
	leaf_if(writer, MET_MAX_OBJ_SIZE, meta->max_obj_size);
	if (meta->has_free) {
		markup_open(writer, MET_MEM);
		markup_leaf_uint(writer, MET_FREE_MEM, meta->free_mem);
		markup_leaf_uint(writer, MET_FREE_ID, meta->free_id);
		markup_close(writer);
	}
	if (meta->field_level)
		markup_empty(writer, MET_FIELD_LEVEL);
	markup_close(writer);
}

static void write_cred(struct markup_writer *writer, const struct sml_cred *cred)
{
	struct sml_meta meta = {.type = NULL};

	if (cred == NULL)
		return;
	meta.type = cred->type;
	meta.format = cred->format;
	markup_open(writer, SML_CRED);
	write_meta(writer, &meta);
	markup_leaf(writer, SML_DATA, cred->data);
	markup_close(writer);
}

static void write_location(struct markup_writer *writer, enum sml_element element, const char *uri,
			   const char *name)
{
	if (uri == NULL)
		return;
	markup_open(writer, element);
	markup_leaf(writer, SML_LOC_URI, uri);
	markup_leaf(writer, SML_LOC_NAME, name);
	markup_close(writer);
}

static void write_data(struct markup_writer *writer, const struct sml_item *item)
{
	gsize len;
	const void *data;

	if (item->data == NULL && item->devinf == NULL && item->data_anchor_next == NULL)
		return;
	markup_open(writer, SML_DATA);
	if (item->devinf != NULL) {
		devinf_write(writer, item->devinf);
	} else if (item->data != NULL) {
		data = g_bytes_get_data(item->data, &len);
		if (len > 0)
			markup_data(writer, data, len);
	} else {
		write_anchor(writer, item->data_anchor_last, item->data_anchor_next);
	}
	markup_close(writer);
}

static void write_item(struct markup_writer *writer, const struct sml_item *item)
{
	markup_open(writer, SML_ITEM);
	write_location(writer, SML_TARGET, item->target, item->target_name);
	write_location(writer, SML_SOURCE, item->source, item->source_name);
	write_location(writer, SML_SOURCE_PARENT, item->source_parent, NULL);
	write_location(writer, SML_TARGET_PARENT, item->target_parent, NULL);
	write_meta(writer, &item->meta);
	write_data(writer, item);
	if (item->more_data)
		markup_empty(writer, SML_MORE_DATA);
	markup_close(writer);
}

static void write_refs(struct markup_writer *writer, enum sml_element element,
		       const GPtrArray *refs)
{
	for (guint i = 0; refs != NULL && i < refs->len; i++)
		markup_leaf(writer, element, refs->pdata[i]);
}

static void write_reference(struct markup_writer *writer, const struct sml_command *command)
{
	if (command->kind == SML_CMD_STATUS || command->msg_ref != 0)
		markup_leaf_uint(writer, SML_MSG_REF, command->msg_ref);
	markup_leaf_uint(writer, SML_CMD_REF, command->cmd_ref);
	if (command->kind == SML_CMD_STATUS)
		markup_leaf(writer, SML_CMD, command->cmd);
	else
		write_meta(writer, &command->meta);
	write_refs(writer, SML_TARGET_REF, command->target_refs);
	write_refs(writer, SML_SOURCE_REF, command->source_refs);
}

/* What stands before the items. */
static void write_head(struct markup_writer *writer, const struct sml_command *command)
{
	markup_leaf_uint(writer, SML_CMD_ID, command->cmd_id);
	if (command->kind == SML_CMD_STATUS || command->kind == SML_CMD_RESULTS) {
		write_reference(writer, command);
	} else {
		if (command->no_resp)
			markup_empty(writer, SML_NO_RESP);
		if (command->archive)
			markup_empty(writer, SML_ARCHIVE);
		if (command->soft_delete)
			markup_empty(writer, SML_SFT_DEL);
	}
	write_cred(writer, command->cred);
	if (command->chal != NULL) {
		markup_open(writer, SML_CHAL);
		write_meta(writer, command->chal);
		markup_close(writer);
	}
	if (command->kind == SML_CMD_ALERT || command->kind == SML_CMD_STATUS) {
		markup_leaf_uint(writer, SML_DATA, command->code);
		return;
	}
	write_location(writer, SML_TARGET, command->target, NULL);
	write_location(writer, SML_SOURCE, command->source, NULL);
	if (command->kind != SML_CMD_RESULTS)
		write_meta(writer, &command->meta);
	if (command->number_of_changes >= 0)
		markup_leaf_uint(writer, SML_NUMBER_OF_CHANGES,
				 (guint64)command->number_of_changes);
}

static void write_map_items(struct markup_writer *writer, const GPtrArray *map_items)
{
	for (guint i = 0; map_items != NULL && i < map_items->len; i++) {
		const struct sml_map_item *map = map_items->pdata[i];

		markup_open(writer, SML_MAP_ITEM);
		write_location(writer, SML_TARGET, map->target, NULL);
		write_location(writer, SML_SOURCE, map->source, NULL);
		markup_close(writer);
	}
}

void sml_write_open_command(struct markup_writer *writer, const struct sml_command *command)
{
	markup_open(writer, elements[command->kind]);
	write_head(writer, command);
	for (guint i = 0; i < command->items->len; i++)
		write_item(writer, command->items->pdata[i]);
	write_map_items(writer, command->map_items);
}

void sml_write_command(struct markup_writer *writer, const struct sml_command *command)
{
	sml_write_open_command(writer, command);
	for (guint i = 0; command->children != NULL && i < command->children->len; i++)
		sml_write_command(writer, command->children->pdata[i]);
	markup_close(writer);
}

void sml_write_begin(struct markup_writer *writer, const struct sml_message *header)
{
	markup_open(writer, SML_SYNCML);
	markup_open(writer, SML_SYNC_HDR);
	markup_leaf(writer, SML_VER_DTD, dtds[header->version]);
	markup_leaf(writer, SML_VER_PROTO, protocols[header->version]);
	markup_leaf(writer, SML_SESSION_ID, header->session_id);
	markup_leaf_uint(writer, SML_MSG_ID, header->msg_id);
	write_location(writer, SML_TARGET, header->target, header->target_name);
	write_location(writer, SML_SOURCE, header->source, header->source_name);
	markup_leaf(writer, SML_RESP_URI, header->resp_uri);
	if (header->no_resp)
		markup_empty(writer, SML_NO_RESP);
	write_cred(writer, header->cred);
	write_meta(writer, &header->meta);
	markup_close(writer);
	markup_open(writer, SML_SYNC_BODY);
}

GBytes *sml_write_end(struct markup_writer *writer, gboolean final)
{
	if (final)
		markup_empty(writer, SML_FINAL);
	return markup_writer_finish(writer);
}
