/* From the tree to markup: the order of 1.2's DTD, and the flat list of 1.0 and 1.1. */
#include "devinf.h"

static void write_type(struct markup_writer *writer, enum sml_element element,
		       const struct devinf_type *type)
{
	markup_open(writer, element);
	markup_leaf(writer, DEV_CT_TYPE, type->type);
	markup_leaf(writer, DEV_VER_CT, type->version);
	markup_close(writer);
}

/* The first is the preferred one. */
static void write_types(struct markup_writer *writer, enum sml_element preferred,
			enum sml_element other, const GPtrArray *types)
{
	for (guint i = 0; i < types->len; i++)
		write_type(writer, i == 0 ? preferred : other, types->pdata[i]);
}

static void write_strings(struct markup_writer *writer, enum sml_element element,
			  const GPtrArray *strings)
{
	for (guint i = 0; i < strings->len; i++)
		markup_leaf(writer, element, strings->pdata[i]);
}

static void write_values(struct markup_writer *writer, const struct devinf *devinf,
			 const struct devinf_property *property)
{
	/* Some phones of 1.0 do not survive these two. */
	if (devinf->version != SML_1_0) {
		markup_leaf(writer, DEV_DATA_TYPE, property->data_type);
		if (devinf->version == SML_1_2 && property->max_occur > 0)
			markup_leaf_uint(writer, DEV_MAX_OCCUR, property->max_occur);
		if (property->has_max_size)
			markup_leaf_uint(writer, DEV_SIZE, property->max_size);
		if (devinf->version == SML_1_2 && property->no_truncate)
			markup_empty(writer, DEV_NO_TRUNCATE);
	}
	write_strings(writer, DEV_VAL_ENUM, property->values);
}

static void write_property(struct markup_writer *writer, const struct devinf *devinf,
			   const struct devinf_property *property)
{
	gboolean wrapped = devinf->version == SML_1_2;

	if (wrapped)
		markup_open(writer, DEV_PROPERTY);
	markup_leaf(writer, DEV_PROP_NAME, property->name);
	write_values(writer, devinf, property);
	for (guint i = 0; i < property->params->len; i++) {
		const struct devinf_param *param = property->params->pdata[i];

		if (wrapped)
			markup_open(writer, DEV_PROP_PARAM);
		markup_leaf(writer, DEV_PARAM_NAME, param->name);
		write_strings(writer, DEV_VAL_ENUM, param->values);
		if (wrapped)
			markup_close(writer);
	}
	if (wrapped)
		markup_close(writer);
}

/* 1.2: a CTCap for each content type; before, all in one. */
static void write_capabilities(struct markup_writer *writer, const struct devinf *devinf,
			       const GPtrArray *capabilities)
{
	gboolean wrapped = devinf->version == SML_1_2;

	for (guint i = 0; i < capabilities->len; i++) {
		const struct devinf_capability *capability = capabilities->pdata[i];

		if (wrapped)
			markup_open(writer, DEV_CT_CAP);
		markup_leaf(writer, DEV_CT_TYPE, capability->type.type);
		if (wrapped) {
			markup_leaf(writer, DEV_VER_CT, capability->type.version);
			if (capability->field_level)
				markup_empty(writer, DEV_FIELD_LEVEL);
		}
		for (guint j = 0; j < capability->properties->len; j++)
			write_property(writer, devinf, capability->properties->pdata[j]);
		if (wrapped)
			markup_close(writer);
	}
}

static void write_memory(struct markup_writer *writer, const struct devinf_store *store)
{
	if (store->max_mem == 0 && store->max_id == 0)
		return;
	markup_open(writer, DEV_DS_MEM);
	if (store->shared_mem)
		markup_empty(writer, DEV_SHARED_MEM);
	if (store->max_mem > 0)
		markup_leaf_uint(writer, DEV_MAX_MEM, store->max_mem);
	if (store->max_id > 0)
		markup_leaf_uint(writer, DEV_MAX_ID, store->max_id);
	markup_close(writer);
}

static void write_filters(struct markup_writer *writer, const struct devinf_store *store)
{
	write_types(writer, DEV_FILTER_RX, DEV_FILTER_RX, store->filter_rx);
	for (guint i = 0; i < store->filter_rx->len; i++) {
		const struct devinf_type *type = store->filter_rx->pdata[i];

		markup_open(writer, DEV_FILTER_CAP);
		markup_leaf(writer, DEV_CT_TYPE, type->type);
		markup_leaf(writer, DEV_VER_CT, type->version);
		write_strings(writer, DEV_FILTER_KEYWORD, store->filter_keywords);
		write_strings(writer, DEV_PROP_NAME, store->filter_properties);
		markup_close(writer);
	}
}

static void write_store(struct markup_writer *writer, const struct devinf *devinf,
			const struct devinf_store *store)
{
	markup_open(writer, DEV_DATA_STORE);
	markup_leaf(writer, DEV_SOURCE_REF, store->source_ref);
	markup_leaf(writer, DEV_DISPLAY_NAME, store->display_name);
	if (store->max_guid_size > 0)
		markup_leaf_uint(writer, DEV_MAX_GUID_SIZE, store->max_guid_size);
	write_types(writer, DEV_RX_PREF, DEV_RX, store->rx);
	write_types(writer, DEV_TX_PREF, DEV_TX, store->tx);
	if (devinf->version == SML_1_2)
		write_capabilities(writer, devinf, store->capabilities);
	write_memory(writer, store);
	if (devinf->version == SML_1_2 && store->hierarchical)
		markup_empty(writer, DEV_SUPPORT_HIERARCHICAL_SYNC);
	markup_open(writer, DEV_SYNC_CAP);
	for (guint type = 0; type < 32; type++) {
		if ((store->sync_types & 1u << type) != 0)
			markup_leaf_uint(writer, DEV_SYNC_TYPE, type);
	}
	markup_close(writer);
	if (devinf->version == SML_1_2)
		write_filters(writer, store);
	markup_close(writer);
}

/* A type that several stores have is said once. */
static void write_flat_capabilities(struct markup_writer *writer, const struct devinf *devinf)
{
	g_autoptr(GHashTable) said = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GPtrArray) all = g_ptr_array_new();

	for (guint i = 0; i < devinf->stores->len; i++) {
		const struct devinf_store *store = devinf->stores->pdata[i];

		for (guint j = 0; j < store->capabilities->len; j++) {
			struct devinf_capability *capability = store->capabilities->pdata[j];

			if (capability->type.type != NULL &&
			    g_hash_table_add(said, capability->type.type))
				g_ptr_array_add(all, capability);
		}
	}
	if (all->len == 0)
		return;
	markup_open(writer, DEV_CT_CAP);
	write_capabilities(writer, devinf, all);
	markup_close(writer);
}

static void write_extensions(struct markup_writer *writer, GHashTable *extensions)
{
	g_autoptr(GList) names =
		g_list_sort(g_hash_table_get_keys(extensions), (GCompareFunc)g_strcmp0);

	for (GList *name = names; name != NULL; name = name->next) {
		markup_open(writer, DEV_EXT);
		markup_leaf(writer, DEV_X_NAM, name->data);
		write_strings(writer, DEV_X_VAL, g_hash_table_lookup(extensions, name->data));
		markup_close(writer);
	}
}

static void write_root(struct markup_writer *writer, const struct devinf *devinf)
{
	static const char *const versions[] = {"1.0", "1.1", "1.2"};

	markup_open(writer, DEV_DEVINF);
	markup_leaf(writer, DEV_VER_DTD, versions[devinf->version]);
	markup_leaf(writer, DEV_MAN, devinf->man);
	markup_leaf(writer, DEV_MOD, devinf->mod);
	markup_leaf(writer, DEV_OEM, devinf->oem);
	markup_leaf(writer, DEV_FW_V, devinf->fw_version);
	markup_leaf(writer, DEV_SW_V, devinf->sw_version);
	markup_leaf(writer, DEV_HW_V, devinf->hw_version);
	markup_leaf(writer, DEV_DEV_ID, devinf->dev_id);
	markup_leaf(writer, DEV_DEV_TYP, devinf->dev_type);
	if (devinf->version != SML_1_0) {
		if (devinf->utc)
			markup_empty(writer, DEV_UTC);
		if (devinf->large_objects)
			markup_empty(writer, DEV_SUPPORT_LARGE_OBJS);
		if (devinf->number_of_changes)
			markup_empty(writer, DEV_SUPPORT_NUMBER_OF_CHANGES);
	}
	for (guint i = 0; i < devinf->stores->len; i++)
		write_store(writer, devinf, devinf->stores->pdata[i]);
	if (devinf->version != SML_1_2)
		write_flat_capabilities(writer, devinf);
	write_extensions(writer, devinf->extensions);
	markup_close(writer);
}

GBytes *devinf_document(const struct devinf *devinf, enum sml_encoding encoding)
{
	struct markup_style style = {
		.encoding = encoding,
		.version = devinf->version,
		.language = SML_LANGUAGE_DEVINF,
	};
	g_autoptr(markup_writer_t) writer = markup_writer_new(&style);

	write_root(writer, devinf);
	return markup_writer_finish(writer);
}

void devinf_write(struct markup_writer *writer, const struct devinf *devinf)
{
	g_autoptr(GBytes) document = NULL;

	if (markup_writer_encoding(writer) == SML_XML) {
		write_root(writer, devinf);
		return;
	}
	document = devinf_document(devinf, SML_WBXML);
	markup_data(writer, g_bytes_get_data(document, NULL), g_bytes_get_size(document));
}
