/*
 * From markup to the tree. 1.2 has Property and PropParam around what belongs together; 1.0
 * and 1.1 have a flat list in which CTType, PropName and ParamName each begin something new, and
 * what follows is of what began last. Both are read by the same rules: a name begins, and
 * where there are wrappers, they end.
 */
#include <string.h>

#include "devinf.h"
#include "limits.h"

struct devinf_reader {
	struct devinf *devinf;
	enum sml_element open[LIMIT_MARKUP_DEPTH];
	guint depth;
	GString *text;
	guint parts; /* so far; LIMIT_DEVINF_PARTS */
	gboolean done;

	/* What is being filled. */
	struct devinf_store *store;
	struct devinf_capability *capability;
	struct devinf_property *property;
	struct devinf_param *param;
	struct devinf_type *type;
	GPtrArray *extension; /* its values; borrowed */
	/* Outside the stores: 1.0 and 1.1. */
	GPtrArray *shared;
};

struct devinf_reader *devinf_reader_new(void)
{
	struct devinf_reader *reader = g_new0(struct devinf_reader, 1);

	reader->devinf = devinf_new(SML_1_1);
	reader->text = g_string_new(NULL);
	reader->shared = devinf_capabilities_new();
	return reader;
}

static enum sml_element around(const struct devinf_reader *reader)
{
	return reader->depth < 2 ? SML_NONE : reader->open[reader->depth - 2];
}

/* --- opening -------------------------------------------------------------------- */

/* Rx, Tx and their kin have CTType and VerCT inside. */
static void open_type(struct devinf_reader *reader, GPtrArray *types, gboolean preferred)
{
	reader->type = devinf_type_new(NULL, NULL);
	g_ptr_array_insert(types, preferred ? 0 : -1, reader->type);
}

static void open_in_store(struct devinf_reader *reader, enum sml_element element)
{
	struct devinf_store *store = reader->store;

	switch ((guint)element) {
	case DEV_RX_PREF:
	case DEV_RX:
		open_type(reader, store->rx, element == DEV_RX_PREF);
		break;
	case DEV_TX_PREF:
	case DEV_TX:
		open_type(reader, store->tx, element == DEV_TX_PREF);
		break;
	case DEV_FILTER_RX:
		open_type(reader, store->filter_rx, FALSE);
		break;
	default:
		break;
	}
}

gboolean devinf_reader_open(struct devinf_reader *reader, enum sml_element element, GError **error)
{
	if (reader->depth == LIMIT_MARKUP_DEPTH || ++reader->parts > LIMIT_DEVINF_PARTS) {
		g_set_error(error, MARKUP_ERROR, MARKUP_ERROR_LIMIT,
			    "a DevInf of more than %d elements", LIMIT_DEVINF_PARTS);
		return FALSE;
	}
	reader->open[reader->depth++] = element;
	g_string_truncate(reader->text, 0);
	if (element == DEV_DATA_STORE) {
		reader->store = devinf_store_new(NULL);
		g_ptr_array_add(reader->devinf->stores, reader->store);
	} else if (element == DEV_CT_CAP) {
		reader->capability = NULL;
		reader->property = NULL;
		reader->param = NULL;
	} else if (reader->store != NULL) {
		open_in_store(reader, element);
	}
	return TRUE;
}

gboolean devinf_reader_text(struct devinf_reader *reader, const char *text, gsize len,
			    GError **error)
{
	if (reader->text->len + len > LIMIT_LOC_URI) {
		g_set_error(error, MARKUP_ERROR, MARKUP_ERROR_LIMIT,
			    "a value of a DevInf has more than %d octets", LIMIT_LOC_URI);
		return FALSE;
	}
	g_string_append_len(reader->text, text, (gssize)len);
	return TRUE;
}

/* --- values --------------------------------------------------------------------- */

static char *text_of(const struct devinf_reader *reader)
{
	return g_strstrip(g_utf8_make_valid(reader->text->str, (gssize)reader->text->len));
}

static void set_text(const struct devinf_reader *reader, char **text)
{
	g_free(*text);
	*text = text_of(reader);
}

static gboolean number_of(const struct devinf_reader *reader, guint64 *number_r)
{
	g_autofree char *text = text_of(reader);

	return g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, number_r, NULL);
}

/* --- closing: capabilities --------------------------------------------------------- */

static void begin_capability(struct devinf_reader *reader)
{
	g_autofree char *type = text_of(reader);

	reader->capability = devinf_capability_new(type, NULL);
	reader->property = NULL;
	reader->param = NULL;
	g_ptr_array_add(reader->store != NULL ? reader->store->capabilities : reader->shared,
			reader->capability);
}

static void begin_property(struct devinf_reader *reader)
{
	g_autofree char *name = text_of(reader);

	reader->param = NULL;
	reader->property = NULL;
	if (reader->capability == NULL)
		return;
	reader->property = devinf_property_new(name);
	g_ptr_array_add(reader->capability->properties, reader->property);
}

static void begin_param(struct devinf_reader *reader)
{
	g_autofree char *name = text_of(reader);

	reader->param = NULL;
	if (reader->property == NULL)
		return;
	reader->param = devinf_param_new(name);
	g_ptr_array_add(reader->property->params, reader->param);
}

static void set_size(struct devinf_reader *reader)
{
	struct devinf_property *property = reader->property;

	/* That of a parameter is of no use. */
	if (property != NULL && reader->param == NULL)
		property->has_max_size = number_of(reader, &property->max_size);
}

static void close_in_capability(struct devinf_reader *reader, enum sml_element element)
{
	struct devinf_property *property = reader->property;
	guint64 number;

	switch ((guint)element) {
	case DEV_CT_TYPE:
		begin_capability(reader);
		break;
	case DEV_VER_CT:
		if (reader->capability != NULL)
			set_text(reader, &reader->capability->type.version);
		break;
	case DEV_FIELD_LEVEL:
		if (reader->capability != NULL)
			reader->capability->field_level = TRUE;
		break;
	case DEV_PROP_NAME:
		begin_property(reader);
		break;
	case DEV_PARAM_NAME:
		begin_param(reader);
		break;
	case DEV_VAL_ENUM:
		if (reader->param != NULL)
			g_ptr_array_add(reader->param->values, text_of(reader));
		else if (property != NULL)
			g_ptr_array_add(property->values, text_of(reader));
		break;
	case DEV_DATA_TYPE:
		if (property != NULL && reader->param == NULL)
			set_text(reader, &property->data_type);
		break;
	case DEV_SIZE:
		set_size(reader);
		break;
	case DEV_MAX_OCCUR:
		if (property != NULL && number_of(reader, &number))
			property->max_occur = number;
		break;
	case DEV_NO_TRUNCATE:
		if (property != NULL)
			property->no_truncate = TRUE;
		break;
	case DEV_PROPERTY:
		reader->property = NULL;
		reader->param = NULL;
		break;
	case DEV_PROP_PARAM:
		reader->param = NULL;
		break;
	default:
		break;
	}
}

/* --- closing: stores and the device --------------------------------------------------- */

static void close_in_type(struct devinf_reader *reader, enum sml_element element)
{
	if (element == DEV_CT_TYPE)
		set_text(reader, &reader->type->type);
	else if (element == DEV_VER_CT)
		set_text(reader, &reader->type->version);
}

/* Each kind of filter has them, and they are the store's. Takes the text. */
static void add_once(GPtrArray *texts, char *text)
{
	if (g_ptr_array_find_with_equal_func(texts, text, g_str_equal, NULL))
		g_free(text);
	else
		g_ptr_array_add(texts, text);
}

static void close_in_store(struct devinf_reader *reader, enum sml_element element)
{
	struct devinf_store *store = reader->store;
	guint64 number;

	switch ((guint)element) {
	case DEV_SOURCE_REF:
		set_text(reader, &store->source_ref);
		break;
	case DEV_DISPLAY_NAME:
		set_text(reader, &store->display_name);
		break;
	case DEV_MAX_GUID_SIZE:
		if (number_of(reader, &number))
			store->max_guid_size = number;
		break;
	case DEV_MAX_MEM:
		if (number_of(reader, &number))
			store->max_mem = number;
		break;
	case DEV_MAX_ID:
		if (number_of(reader, &number))
			store->max_id = number;
		break;
	case DEV_SHARED_MEM:
		store->shared_mem = TRUE;
		break;
	case DEV_SUPPORT_HIERARCHICAL_SYNC:
		store->hierarchical = TRUE;
		break;
	case DEV_SYNC_TYPE:
		if (number_of(reader, &number) && number < 32)
			store->sync_types |= 1u << number;
		break;
	case DEV_FILTER_KEYWORD:
		add_once(store->filter_keywords, text_of(reader));
		break;
	case DEV_PROP_NAME:
		add_once(store->filter_properties, text_of(reader));
		break;
	default:
		break;
	}
}

static void close_version(struct devinf_reader *reader)
{
	g_autofree char *text = text_of(reader);

	reader->devinf->version = strcmp(text, "1.0") == 0   ? SML_1_0
				  : strcmp(text, "1.2") == 0 ? SML_1_2
							     : SML_1_1;
}

static void close_extension(struct devinf_reader *reader, enum sml_element element)
{
	GHashTable *extensions = reader->devinf->extensions;
	g_autofree char *name = NULL;

	if (element == DEV_X_VAL) {
		if (reader->extension != NULL)
			g_ptr_array_add(reader->extension, text_of(reader));
		return;
	}
	name = text_of(reader);
	reader->extension = g_hash_table_lookup(extensions, name);
	if (reader->extension == NULL) {
		reader->extension = g_ptr_array_new_with_free_func(g_free);
		g_hash_table_insert(extensions, g_steal_pointer(&name), reader->extension);
	}
}

static void close_in_device(struct devinf_reader *reader, enum sml_element element)
{
	struct devinf *devinf = reader->devinf;

	switch ((guint)element) {
	case DEV_VER_DTD:
		close_version(reader);
		break;
	case DEV_MAN:
		set_text(reader, &devinf->man);
		break;
	case DEV_MOD:
		set_text(reader, &devinf->mod);
		break;
	case DEV_OEM:
		set_text(reader, &devinf->oem);
		break;
	case DEV_FW_V:
		set_text(reader, &devinf->fw_version);
		break;
	case DEV_SW_V:
		set_text(reader, &devinf->sw_version);
		break;
	case DEV_HW_V:
		set_text(reader, &devinf->hw_version);
		break;
	case DEV_DEV_ID:
		set_text(reader, &devinf->dev_id);
		break;
	case DEV_DEV_TYP:
		set_text(reader, &devinf->dev_type);
		break;
	case DEV_UTC:
		devinf->utc = TRUE;
		break;
	case DEV_SUPPORT_LARGE_OBJS:
		devinf->large_objects = TRUE;
		break;
	case DEV_SUPPORT_NUMBER_OF_CHANGES:
		devinf->number_of_changes = TRUE;
		break;
	default:
		break;
	}
}

static gboolean is_inside(const struct devinf_reader *reader, enum sml_element element)
{
	for (guint i = reader->depth; i > 1; i--) {
		if (reader->open[i - 2] == element)
			return TRUE;
	}
	return FALSE;
}

static void close_value(struct devinf_reader *reader, enum sml_element element)
{
	if (is_inside(reader, DEV_CT_CAP))
		close_in_capability(reader, element);
	else if (reader->type != NULL && around(reader) != DEV_FILTER_CAP)
		close_in_type(reader, element);
	else if (is_inside(reader, DEV_EXT))
		close_extension(reader, element);
	else if (reader->store != NULL)
		close_in_store(reader, element);
	else
		close_in_device(reader, element);
}

gboolean devinf_reader_close(struct devinf_reader *reader, enum sml_element element, GError **error)
{
	(void)error;
	switch ((guint)element) {
	case DEV_RX_PREF:
	case DEV_RX:
	case DEV_TX_PREF:
	case DEV_TX:
	case DEV_FILTER_RX:
		reader->type = NULL;
		break;
	case DEV_DATA_STORE:
		reader->store = NULL;
		break;
	case DEV_DEVINF:
		reader->done = TRUE;
		break;
	default:
		close_value(reader, element);
		break;
	}
	reader->depth--;
	g_string_truncate(reader->text, 0);
	return TRUE;
}

/* --- the whole --------------------------------------------------------------------- */

static gpointer copy_string(gconstpointer text, gpointer data)
{
	(void)data;
	return g_strdup(text);
}

static void add_strings(GPtrArray *to, GPtrArray *from)
{
	g_autoptr(GPtrArray) copies = g_ptr_array_copy(from, copy_string, NULL);

	g_ptr_array_set_free_func(copies, NULL);
	g_ptr_array_extend(to, copies, NULL, NULL);
}

static struct devinf_property *property_copy(const struct devinf_property *from)
{
	struct devinf_property *to = devinf_property_new(from->name);

	to->data_type = g_strdup(from->data_type);
	to->max_occur = from->max_occur;
	to->max_size = from->max_size;
	to->has_max_size = from->has_max_size;
	to->no_truncate = from->no_truncate;
	add_strings(to->values, from->values);
	for (guint i = 0; i < from->params->len; i++) {
		const struct devinf_param *param = from->params->pdata[i];
		struct devinf_param *copy = devinf_param_new(param->name);

		add_strings(copy->values, param->values);
		g_ptr_array_add(to->params, copy);
	}
	return to;
}

/* What 1.0 and 1.1 say of the device holds for each of its stores. */
static void share(struct devinf_reader *reader)
{
	GPtrArray *stores = reader->devinf->stores;

	for (guint i = 0; i < stores->len; i++) {
		struct devinf_store *store = stores->pdata[i];

		for (guint j = 0; j < reader->shared->len; j++) {
			const struct devinf_capability *from = reader->shared->pdata[j];
			struct devinf_capability *to =
				devinf_capability_new(from->type.type, from->type.version);

			for (guint k = 0; k < from->properties->len; k++)
				g_ptr_array_add(to->properties,
						property_copy(from->properties->pdata[k]));
			g_ptr_array_add(store->capabilities, to);
		}
	}
}

struct devinf *devinf_reader_finish(struct devinf_reader *reader)
{
	struct devinf *devinf = reader->devinf;

	if (reader->done) {
		share(reader);
	} else {
		devinf_unref(devinf);
		devinf = NULL;
	}
	g_ptr_array_unref(reader->shared);
	g_string_free(reader->text, TRUE);
	g_free(reader);
	return devinf;
}

static gboolean on_open(enum sml_element element, gpointer data, GError **error)
{
	return devinf_reader_open(data, element, error);
}

static gboolean on_text(const char *text, gsize len, gpointer data, GError **error)
{
	return devinf_reader_text(data, text, len, error);
}

static gboolean on_close(enum sml_element element, gpointer data, GError **error)
{
	return devinf_reader_close(data, element, error);
}

struct devinf *devinf_parse(const void *document, gsize len, GError **error)
{
	static const struct markup_handler handler = {
		.open = on_open,
		.text = on_text,
		.close = on_close,
	};
	struct devinf_reader *reader = devinf_reader_new();
	gboolean ok = markup_read(markup_guess(document, len), SML_LANGUAGE_DEVINF, document, len,
				  &handler, reader, error);

	reader->done = reader->done && ok;
	return devinf_reader_finish(reader);
}

/* A root of our own around them makes it a DevInf. */
GPtrArray *devinf_parse_properties(const char *text, gsize len, GError **error)
{
	g_autoptr(GString) document = g_string_new("<DevInf><DataStore><CTCap><CTType>-</CTType>");
	g_autoptr(devinf_t) devinf = NULL;
	const struct devinf_store *store;
	struct devinf_capability *capability;

	g_string_append_len(document, text, (gssize)len);
	g_string_append(document, "</CTCap></DataStore></DevInf>");
	devinf = devinf_parse(document->str, document->len, error);
	if (devinf == NULL)
		return NULL;
	/* There is one of each, unless the text closed what it did not open. */
	store = devinf->stores->pdata[0];
	capability = store->capabilities->pdata[0];
	return g_ptr_array_ref(capability->properties);
}
