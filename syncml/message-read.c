/*
 * From markup to a message. A stack of what is open, each with the struct that it fills; text is
 * gathered and given to its element's parent when the element ends.
 */
#include "limits.h"
#include "message.h"

#include <string.h>

/* What an open element stands for; its type goes with the element. */
struct frame {
	enum sml_element element;
	gpointer object;
};

/* LocURI and LocName of a Target, Source, SourceParent or TargetParent. */
struct location {
	const char *uri, *name;
	struct sml_filter *filter;
};

struct reader {
	struct sml_message *message;
	struct frame frames[LIMIT_MARKUP_DEPTH];
	guint depth;
	GString *text;                /* of the innermost element */
	struct devinf_reader *devinf; /* NULL: not inside a DevInf */
	gboolean seen_header;
};

#define COMMAND(element, kind) [SML_ELEMENT_TAG(element)] = {element, kind}
/* By their tags: it is asked again and again of each element. */
static const struct {
	enum sml_element element;
	enum sml_command_kind kind;
} commands[] = {
	COMMAND(SML_ADD, SML_CMD_ADD),         COMMAND(SML_ALERT, SML_CMD_ALERT),
	COMMAND(SML_ATOMIC, SML_CMD_ATOMIC),   COMMAND(SML_COPY, SML_CMD_COPY),
	COMMAND(SML_DELETE, SML_CMD_DELETE),   COMMAND(SML_EXEC, SML_CMD_EXEC),
	COMMAND(SML_GET, SML_CMD_GET),         COMMAND(SML_MAP, SML_CMD_MAP),
	COMMAND(SML_MOVE, SML_CMD_MOVE),       COMMAND(SML_PUT, SML_CMD_PUT),
	COMMAND(SML_REPLACE, SML_CMD_REPLACE), COMMAND(SML_RESULTS, SML_CMD_RESULTS),
	COMMAND(SML_SEARCH, SML_CMD_SEARCH),   COMMAND(SML_SEQUENCE, SML_CMD_SEQUENCE),
	COMMAND(SML_STATUS, SML_CMD_STATUS),   COMMAND(SML_SYNC, SML_CMD_SYNC),
};
#undef COMMAND

static gboolean is_command(enum sml_element element, enum sml_command_kind *kind_r)
{
	guint tag = SML_ELEMENT_TAG(element);

	if (element == SML_NONE || tag >= G_N_ELEMENTS(commands) ||
	    commands[tag].element != element)
		return FALSE;
	*kind_r = commands[tag].kind;
	return TRUE;
}

static struct frame *parent_of(struct reader *reader)
{
	static struct frame none;

	return reader->depth < 2 ? &none : &reader->frames[reader->depth - 2];
}

/* The innermost command of the frames up to `depth`; NULL = none. */
static struct sml_command *command_below(const struct reader *reader, guint depth)
{
	enum sml_command_kind kind;

	for (guint i = depth; i > 0; i--) {
		if (is_command(reader->frames[i - 1].element, &kind))
			return reader->frames[i - 1].object;
	}
	return NULL;
}

static gpointer own(struct reader *reader, gsize size)
{
	sml_message_count(reader->message, size);
	return sml_message_own(reader->message, g_malloc0(size), g_free);
}

static struct sml_command *command_of(const struct reader *reader)
{
	return command_below(reader, reader->depth);
}

/* --- values ------------------------------------------------------------------ */

/* UTF-8 without NUL; what is neither is taken as ISO-8859-1, so that different octets stay
 * different. */
static const char *string_of(struct reader *reader)
{
	const GString *text = reader->text;
	g_autofree char *converted = NULL;

	if (g_utf8_validate_len(text->str, text->len, NULL))
		return sml_message_string(reader->message, text->str, (gssize)text->len);
	converted = g_convert(text->str, (gssize)strlen(text->str), "UTF-8", "ISO-8859-1", NULL,
			      NULL, NULL);
	return sml_message_string(reader->message, converted, -1);
}

static guint64 number_of(const struct reader *reader, guint64 max)
{
	g_autofree char *text = g_strstrip(g_strdup(reader->text->str));
	guint64 number;

	return g_ascii_string_to_unsigned(text, 10, 0, max, &number, NULL) ? number : 0;
}

static guint32 number32_of(const struct reader *reader)
{
	return (guint32)number_of(reader, G_MAXUINT32);
}

/* --- opening ----------------------------------------------------------------- */

static gpointer open_command(struct reader *reader, enum sml_command_kind kind)
{
	struct sml_command *outer, *command;
	const struct frame *parent = parent_of(reader);

	/* The last frame is that of this one. */
	outer = command_below(reader, reader->depth - 1);
	command = sml_command_new(reader->message, kind);
	if (parent->element == SML_SYNC_BODY)
		g_ptr_array_add(reader->message->commands, command);
	else if (outer != NULL && outer->children != NULL)
		g_ptr_array_add(outer->children, command);
	/* Elsewhere it means nothing. */
	return command;
}

static struct sml_meta *open_meta(struct reader *reader, const struct frame *parent)
{
	enum sml_command_kind kind;

	switch ((guint)parent->element) {
	case SML_SYNC_HDR:
		return &reader->message->meta;
	case SML_ITEM:
		return &((struct sml_item *)parent->object)->meta;
	case SML_CHAL:
		return parent->object;
	default:
		if (is_command(parent->element, &kind))
			return &((struct sml_command *)parent->object)->meta;
		/* Of a Cred or a Filter, which take type and format from it. */
		return own(reader, sizeof(struct sml_meta));
	}
}

static gpointer open_chal(struct reader *reader)
{
	struct sml_command *command = command_of(reader);
	struct sml_meta *chal = own(reader, sizeof(*chal));

	if (command != NULL)
		command->chal = chal;
	return chal;
}

static gpointer open_cred(struct reader *reader)
{
	struct sml_cred *cred = own(reader, sizeof(*cred));

	cred->type = "syncml:auth-basic";
	cred->data = "";
	return cred;
}

static gpointer open_map_item(struct reader *reader)
{
	struct sml_command *command = command_of(reader);
	struct sml_map_item *map = own(reader, sizeof(*map));

	if (command != NULL && command->map_items != NULL)
		g_ptr_array_add(command->map_items, map);
	return map;
}

static gpointer open_item(struct reader *reader, const struct frame *parent)
{
	enum sml_command_kind kind;

	return sml_item_new(reader->message,
			    is_command(parent->element, &kind) ? parent->object : NULL);
}

static gpointer object_for(struct reader *reader, enum sml_element element)
{
	const struct frame *parent = parent_of(reader);
	enum sml_command_kind kind;

	/* "Sync" in an Atomic, "Map" ...: all that are commands are so everywhere. */
	if (is_command(element, &kind))
		return open_command(reader, kind);
	switch ((guint)element) {
	case SML_ITEM:
		return open_item(reader, parent);
	case SML_META:
		return open_meta(reader, parent);
	case SML_CRED:
		return open_cred(reader);
	case SML_CHAL:
		return open_chal(reader);
	case SML_MAP_ITEM:
		return open_map_item(reader);
	case SML_FILTER:
		return own(reader, sizeof(struct sml_filter));
	case SML_RECORD:
	case SML_FIELD:
		/* Elsewhere they mean nothing, and what they are in is something else. */
		return parent->element == SML_FILTER ? parent->object : NULL;
	case SML_TARGET:
	case SML_SOURCE:
	case SML_SOURCE_PARENT:
	case SML_TARGET_PARENT:
		return own(reader, sizeof(struct location));
	default:
		/* Anchor, Mem, Data ...: what they are in. */
		return parent->object;
	}
}

static gboolean on_open(enum sml_element element, gpointer data, GError **error)
{
	struct reader *reader = data;
	struct frame *frame = &reader->frames[reader->depth++];

	frame->element = element;
	frame->object = NULL;
	g_string_truncate(reader->text, 0);
	if (element == DEV_DEVINF)
		reader->devinf = devinf_reader_new();
	if (reader->devinf != NULL)
		return devinf_reader_open(reader->devinf, element, error);
	frame->object = object_for(reader, element);
	if (reader->message->parts > LIMIT_MESSAGE_PARTS) {
		g_set_error(error, MESSAGE_ERROR, MESSAGE_ERROR_LIMIT,
			    "more commands and items than %d octets", LIMIT_MESSAGE_PARTS);
		return FALSE;
	}
	return TRUE;
}

static gboolean on_text(const char *text, gsize len, gpointer data, GError **error)
{
	struct reader *reader = data;
	enum sml_element element = reader->frames[reader->depth - 1].element;

	if (reader->devinf != NULL)
		return devinf_reader_text(reader->devinf, text, len, error);
	if (element != SML_DATA && reader->text->len + len > LIMIT_LOC_URI) {
		g_set_error(error, MESSAGE_ERROR, MESSAGE_ERROR_LIMIT, "%s has more than %d octets",
			    sml_element_name(element), LIMIT_LOC_URI);
		return FALSE;
	}
	g_string_append_len(reader->text, text, (gssize)len);
	return TRUE;
}

/* --- closing: MetInf --------------------------------------------------------- */

static void close_mem(struct reader *reader, struct sml_meta *meta, enum sml_element element)
{
	meta->has_free = TRUE;
	if (element == MET_FREE_MEM)
		meta->free_mem = number_of(reader, G_MAXUINT64);
	else
		meta->free_id = number_of(reader, G_MAXUINT64);
}

static void close_meta_value(struct reader *reader, struct sml_meta *meta, enum sml_element element)
{
	switch ((guint)element) {
	case MET_TYPE:
		meta->type = string_of(reader);
		break;
	case MET_FORMAT:
		meta->format = string_of(reader);
		break;
	case MET_LAST:
		meta->anchor_last = string_of(reader);
		break;
	case MET_NEXT:
		meta->anchor_next = string_of(reader);
		break;
	case MET_NEXT_NONCE:
		meta->next_nonce = string_of(reader);
		break;
	case MET_MARK:
		meta->mark = string_of(reader);
		break;
	case MET_VERSION:
		meta->version = string_of(reader);
		break;
	case MET_MAX_MSG_SIZE:
		meta->max_msg_size = number_of(reader, G_MAXUINT64);
		break;
	case MET_MAX_OBJ_SIZE:
		meta->max_obj_size = number_of(reader, G_MAXUINT64);
		break;
	case MET_FREE_MEM:
	case MET_FREE_ID:
		close_mem(reader, meta, element);
		break;
	case MET_SIZE:
		meta->size = number_of(reader, G_MAXUINT64);
		meta->has_size = TRUE;
		break;
	case MET_FIELD_LEVEL:
		meta->field_level = TRUE;
		break;
	default:
		break;
	}
}

/* An Anchor is MetInf also where it stands in the Data of a Status. */
static void close_metinf(struct reader *reader, enum sml_element element)
{
	struct frame *parent = parent_of(reader);
	guint i = reader->depth;

	while (i > 0 && SML_ELEMENT_PAGE(reader->frames[i - 1].element) == 1)
		i--;
	if (i == 0)
		return;
	if (reader->frames[i - 1].element == SML_META) {
		close_meta_value(reader, reader->frames[i - 1].object, element);
	} else if (parent->element == MET_ANCHOR && i > 1 &&
		   reader->frames[i - 2].element == SML_ITEM) {
		struct sml_item *item = reader->frames[i - 2].object;

		if (element == MET_LAST)
			item->data_anchor_last = string_of(reader);
		else if (element == MET_NEXT)
			item->data_anchor_next = string_of(reader);
	}
}

/* --- closing: the header ------------------------------------------------------ */

static const struct {
	const char *dtd;
	enum sml_version version;
} versions[] = {
	{"1.0", SML_1_0},
	{"1.1", SML_1_1},
	{"1.2", SML_1_2},
};

static void close_version(struct reader *reader)
{
	struct sml_message *message = reader->message;

	message->ver_dtd = string_of(reader);
	message->version = SML_1_2;
	for (guint i = 0; i < G_N_ELEMENTS(versions); i++) {
		if (strcmp(message->ver_dtd, versions[i].dtd) == 0) {
			message->version = versions[i].version;
			message->version_known = TRUE;
		}
	}
}

static void close_header_value(struct reader *reader, enum sml_element element, gpointer object)
{
	struct sml_message *message = reader->message;
	const struct location *location = object;

	switch ((guint)element) {
	case SML_VER_DTD:
		close_version(reader);
		break;
	case SML_VER_PROTO:
		message->ver_proto = string_of(reader);
		break;
	case SML_SESSION_ID:
		message->session_id = string_of(reader);
		break;
	case SML_MSG_ID:
		message->msg_id = number32_of(reader);
		break;
	case SML_TARGET:
		message->target = location->uri;
		message->target_name = location->name;
		break;
	case SML_SOURCE:
		message->source = location->uri;
		message->source_name = location->name;
		break;
	case SML_RESP_URI:
		message->resp_uri = string_of(reader);
		break;
	case SML_NO_RESP:
		message->no_resp = TRUE;
		break;
	case SML_CRED:
		message->cred = object;
		break;
	default:
		break;
	}
}

/* --- closing: commands --------------------------------------------------------- */

static void add_ref(struct reader *reader, GPtrArray **refs)
{
	if (*refs == NULL)
		*refs = g_ptr_array_new();
	g_ptr_array_add(*refs, (gpointer)string_of(reader));
}

static void close_command_value(struct reader *reader, struct sml_command *command,
				enum sml_element element, gpointer object)
{
	const struct location *location = object;

	switch ((guint)element) {
	case SML_CMD_ID:
		command->cmd_id = number32_of(reader);
		break;
	case SML_NO_RESP:
		command->no_resp = TRUE;
		break;
	case SML_CRED:
		command->cred = object;
		break;
	case SML_TARGET:
		command->target = location->uri;
		command->filter = location->filter;
		break;
	case SML_SOURCE:
		command->source = location->uri;
		break;
	case SML_NUMBER_OF_CHANGES:
		command->number_of_changes = (gint64)number_of(reader, G_MAXINT64);
		break;
	case SML_ARCHIVE:
		command->archive = TRUE;
		break;
	case SML_SFT_DEL:
		command->soft_delete = TRUE;
		break;
	case SML_CORRELATOR:
		command->correlator = string_of(reader);
		break;
	case SML_DATA:
		command->code = number32_of(reader);
		break;
	case SML_MSG_REF:
		command->msg_ref = number32_of(reader);
		break;
	case SML_CMD_REF:
		command->cmd_ref = number32_of(reader);
		break;
	case SML_CMD:
		command->cmd = string_of(reader);
		break;
	case SML_TARGET_REF:
		add_ref(reader, &command->target_refs);
		break;
	case SML_SOURCE_REF:
		add_ref(reader, &command->source_refs);
		break;
	default:
		break;
	}
}

/* As text, WBXML of its own, or that in base64: what Meta says of it is often wrong. One that
 * cannot be read is none. */
static struct devinf *read_devinf(const GString *text, const char *format)
{
	struct devinf *devinf = devinf_parse(text->str, text->len, NULL);
	g_autofree guchar *octets = NULL;
	gsize len;

	if (devinf != NULL || format == NULL || strcmp(format, "b64") != 0)
		return devinf;
	octets = g_base64_decode(text->str, &len);
	return devinf_parse((const char *)octets, len, NULL);
}

static void close_item_data(struct reader *reader, struct sml_item *item)
{
	const struct sml_command *command = command_of(reader);

	/* What was in it were elements. */
	if (item->devinf != NULL || item->data_anchor_next != NULL)
		return;
	g_clear_pointer(&item->data, g_bytes_unref);
	item->data = g_bytes_new(reader->text->str, reader->text->len);
	if (command != NULL && (command->kind == SML_CMD_PUT || command->kind == SML_CMD_RESULTS))
		item->devinf =
			read_devinf(reader->text, item->meta.format != NULL ? item->meta.format
									    : command->meta.format);
}

static void close_item_value(struct reader *reader, struct sml_item *item, enum sml_element element,
			     gpointer object)
{
	const struct location *location = object;

	switch ((guint)element) {
	case SML_TARGET:
		item->target = location->uri;
		item->target_name = location->name;
		item->filter = location->filter;
		break;
	case SML_SOURCE:
		item->source = location->uri;
		item->source_name = location->name;
		break;
	case SML_SOURCE_PARENT:
		item->source_parent = location->uri;
		break;
	case SML_TARGET_PARENT:
		item->target_parent = location->uri;
		break;
	case SML_DATA:
		close_item_data(reader, item);
		break;
	case SML_MORE_DATA:
		item->more_data = TRUE;
		break;
	default:
		break;
	}
}

/* --- closing: the rest ---------------------------------------------------------- */

static void close_location_value(struct reader *reader, struct location *location,
				 enum sml_element element, gpointer object)
{
	if (element == SML_LOC_URI)
		location->uri = string_of(reader);
	else if (element == SML_LOC_NAME)
		location->name = string_of(reader);
	else if (element == SML_FILTER)
		location->filter = object;
}

static void close_cred_value(struct reader *reader, struct sml_cred *cred, enum sml_element element,
			     gpointer object)
{
	const struct sml_meta *meta = object;

	if (element == SML_META) {
		if (meta->type != NULL)
			cred->type = meta->type;
		cred->format = meta->format;
	} else if (element == SML_DATA) {
		cred->data = sml_message_string(reader->message, reader->text->str,
						(gssize)reader->text->len);
		cred->data_len = reader->text->len;
	}
}

static void close_filter_value(struct reader *reader, struct sml_filter *filter,
			       enum sml_element element, gpointer object)
{
	const struct sml_meta *meta = object;

	if (element == SML_META)
		filter->type = meta->type;
	else if (element == SML_FILTER_TYPE)
		filter->filter_type = string_of(reader);
}

/* Item(Meta, Data) of Record and Field. */
static void close_filter_item(struct reader *reader, enum sml_element parent,
			      struct sml_filter *filter, const struct sml_item *item)
{
	gsize len = 0;
	const char *text = item->data == NULL ? "" : g_bytes_get_data(item->data, &len);

	if (filter == NULL)
		return;
	if (parent == SML_RECORD) {
		filter->record_type = item->meta.type;
		filter->record = sml_message_string(reader->message, text, (gssize)len);
	} else if (item->data != NULL) {
		filter->fields = devinf_parse_properties(text, len, NULL);
		filter->field_text = sml_message_string(reader->message, text, (gssize)len);
		if (filter->fields != NULL)
			sml_message_own(reader->message, filter->fields,
					(GDestroyNotify)g_ptr_array_unref);
	}
}

static void close_map_value(struct sml_map_item *map, enum sml_element element, gpointer object)
{
	const struct location *location = object;

	if (element == SML_TARGET)
		map->target = location->uri;
	else if (element == SML_SOURCE)
		map->source = location->uri;
}

static void close_value(struct reader *reader, enum sml_element element, gpointer object)
{
	struct frame *parent = parent_of(reader);
	enum sml_command_kind kind;

	if (is_command(parent->element, &kind)) {
		close_command_value(reader, parent->object, element, object);
		return;
	}
	switch ((guint)parent->element) {
	case SML_SYNC_HDR:
		close_header_value(reader, element, object);
		break;
	case SML_ITEM:
		close_item_value(reader, parent->object, element, object);
		break;
	case SML_TARGET:
	case SML_SOURCE:
	case SML_SOURCE_PARENT:
	case SML_TARGET_PARENT:
		close_location_value(reader, parent->object, element, object);
		break;
	case SML_CRED:
		close_cred_value(reader, parent->object, element, object);
		break;
	case SML_FILTER:
		close_filter_value(reader, parent->object, element, object);
		break;
	case SML_RECORD:
	case SML_FIELD:
		if (element == SML_ITEM)
			close_filter_item(reader, parent->element, parent->object, object);
		break;
	case SML_MAP_ITEM:
		close_map_value(parent->object, element, object);
		break;
	case SML_SYNC_BODY:
		if (element == SML_FINAL)
			reader->message->final = TRUE;
		break;
	default:
		break;
	}
}

static gboolean close_devinf(struct reader *reader, enum sml_element element, GError **error)
{
	const struct frame *item;
	struct devinf *devinf;

	if (!devinf_reader_close(reader->devinf, element, error))
		return FALSE;
	if (element != DEV_DEVINF)
		return TRUE;
	devinf = devinf_reader_finish(g_steal_pointer(&reader->devinf));
	/* Data, and the Item around it. */
	item = reader->depth < 3 ? NULL : &reader->frames[reader->depth - 3];
	if (item != NULL && item->element == SML_ITEM &&
	    ((struct sml_item *)item->object)->devinf == NULL)
		((struct sml_item *)item->object)->devinf = devinf;
	else
		devinf_unref(devinf);
	return TRUE;
}

static gboolean on_close(enum sml_element element, gpointer data, GError **error)
{
	struct reader *reader = data;
	gpointer object = reader->frames[reader->depth - 1].object;

	if (reader->devinf != NULL) {
		if (!close_devinf(reader, element, error))
			return FALSE;
	} else if (SML_ELEMENT_PAGE(element) == 1) {
		close_metinf(reader, element);
	} else {
		close_value(reader, element, object);
	}
	reader->seen_header = reader->seen_header || element == SML_SYNC_HDR;
	reader->depth--;
	g_string_truncate(reader->text, 0);
	return TRUE;
}

/* --- the whole ------------------------------------------------------------------ */

static gboolean check_header(const struct reader *reader, GError **error)
{
	const struct sml_message *message = reader->message;
	const char *missing = NULL;

	if (!reader->seen_header)
		missing = "SyncHdr";
	else if (message->session_id == NULL)
		missing = "SessionID";
	else if (message->msg_id == 0)
		missing = "MsgID";
	else if (message->source == NULL || *message->source == '\0')
		missing = "Source";
	if (missing != NULL) {
		g_set_error(error, MESSAGE_ERROR, MESSAGE_ERROR_HEADER, "the message has no %s",
			    missing);
		return FALSE;
	}
	if (strlen(message->session_id) > LIMIT_SYNCML_SESSION_ID) {
		g_set_error(error, MESSAGE_ERROR, MESSAGE_ERROR_LIMIT,
			    "SessionID has more than %d octets", LIMIT_SYNCML_SESSION_ID);
		return FALSE;
	}
	return TRUE;
}

struct sml_message *sml_message_read(enum sml_encoding encoding, const void *body, gsize len,
				     GError **error)
{
	static const struct markup_handler handler = {
		.open = on_open,
		.text = on_text,
		.close = on_close,
	};
	g_autoptr(sml_message_t) message = sml_message_new();
	struct reader reader = {.message = message, .text = g_string_new(NULL)};
	gboolean ok =
		markup_read(encoding, SML_LANGUAGE_SYNCML, body, len, &handler, &reader, error) &&
		check_header(&reader, error);

	if (reader.devinf != NULL)
		devinf_unref(devinf_reader_finish(reader.devinf));
	g_string_free(reader.text, TRUE);
	return ok ? g_steal_pointer(&message) : NULL;
}
