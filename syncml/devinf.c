/* The tree, and looking things up in it. Reading and writing have files of their own. */
#include "devinf.h"

#include <string.h>

#include "database-uri.h"

static void type_free(gpointer data)
{
	struct devinf_type *type = data;

	g_free(type->type);
	g_free(type->version);
	g_free(type);
}

static void param_free(gpointer data)
{
	struct devinf_param *param = data;

	g_free(param->name);
	g_ptr_array_unref(param->values);
	g_free(param);
}

static void property_free(gpointer data)
{
	struct devinf_property *property = data;

	g_free(property->name);
	g_free(property->data_type);
	g_ptr_array_unref(property->values);
	g_ptr_array_unref(property->params);
	g_free(property);
}

static void capability_free(gpointer data)
{
	struct devinf_capability *capability = data;

	g_free(capability->type.type);
	g_free(capability->type.version);
	g_ptr_array_unref(capability->properties);
	g_free(capability);
}

static void store_free(gpointer data)
{
	struct devinf_store *store = data;

	g_free(store->source_ref);
	g_free(store->display_name);
	g_ptr_array_unref(store->rx);
	g_ptr_array_unref(store->tx);
	g_ptr_array_unref(store->capabilities);
	g_ptr_array_unref(store->filter_rx);
	g_ptr_array_unref(store->filter_keywords);
	g_ptr_array_unref(store->filter_properties);
	g_free(store);
}

struct devinf *devinf_new(enum sml_version version)
{
	struct devinf *devinf = g_new0(struct devinf, 1);

	g_atomic_ref_count_init(&devinf->refs);
	devinf->version = version;
	devinf->stores = g_ptr_array_new_with_free_func(store_free);
	devinf->extensions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
						   (GDestroyNotify)g_ptr_array_unref);
	return devinf;
}

struct devinf *devinf_ref(struct devinf *devinf)
{
	g_atomic_ref_count_inc(&devinf->refs);
	return devinf;
}

void devinf_unref(struct devinf *devinf)
{
	if (devinf == NULL || !g_atomic_ref_count_dec(&devinf->refs))
		return;
	g_free(devinf->man);
	g_free(devinf->mod);
	g_free(devinf->oem);
	g_free(devinf->fw_version);
	g_free(devinf->sw_version);
	g_free(devinf->hw_version);
	g_free(devinf->dev_id);
	g_free(devinf->dev_type);
	g_ptr_array_unref(devinf->stores);
	g_hash_table_unref(devinf->extensions);
	g_free(devinf);
}

struct devinf_type *devinf_type_new(const char *type, const char *version)
{
	struct devinf_type *result = g_new0(struct devinf_type, 1);

	result->type = g_strdup(type);
	result->version = g_strdup(version);
	return result;
}

struct devinf_param *devinf_param_new(const char *name)
{
	struct devinf_param *param = g_new0(struct devinf_param, 1);

	param->name = g_strdup(name);
	param->values = g_ptr_array_new_with_free_func(g_free);
	return param;
}

struct devinf_property *devinf_property_new(const char *name)
{
	struct devinf_property *property = g_new0(struct devinf_property, 1);

	property->name = g_strdup(name);
	property->values = g_ptr_array_new_with_free_func(g_free);
	property->params = g_ptr_array_new_with_free_func(param_free);
	return property;
}

GPtrArray *devinf_properties_new(void)
{
	return g_ptr_array_new_with_free_func(property_free);
}

struct devinf_capability *devinf_capability_new(const char *type, const char *version)
{
	struct devinf_capability *capability = g_new0(struct devinf_capability, 1);

	capability->type.type = g_strdup(type);
	capability->type.version = g_strdup(version);
	capability->properties = devinf_properties_new();
	return capability;
}

GPtrArray *devinf_capabilities_new(void)
{
	return g_ptr_array_new_with_free_func(capability_free);
}

struct devinf_store *devinf_store_new(const char *source_ref)
{
	struct devinf_store *store = g_new0(struct devinf_store, 1);

	store->source_ref = g_strdup(source_ref);
	store->rx = g_ptr_array_new_with_free_func(type_free);
	store->tx = g_ptr_array_new_with_free_func(type_free);
	store->capabilities = devinf_capabilities_new();
	store->filter_rx = g_ptr_array_new_with_free_func(type_free);
	store->filter_keywords = g_ptr_array_new_with_free_func(g_free);
	store->filter_properties = g_ptr_array_new_with_free_func(g_free);
	return store;
}

/* --- looking up ---------------------------------------------------------------- */

const struct devinf_store *devinf_find_store(const struct devinf *devinf, const char *uri)
{
	for (guint i = 0; i < devinf->stores->len; i++) {
		const struct devinf_store *store = devinf->stores->pdata[i];

		if (store->source_ref != NULL && database_uri_equal(store->source_ref, uri, NULL))
			return store;
	}
	return NULL;
}

/* Without parameters and whatever their case: "text/x-vcard; charset=utf-8". */
static gboolean same_type(const char *a, const char *b)
{
	gsize len = strcspn(a, "; \t");

	return strcspn(b, "; \t") == len && g_ascii_strncasecmp(a, b, len) == 0;
}

const struct devinf_capability *devinf_find_capability(const struct devinf_store *store,
						       const char *type, const char *version)
{
	for (guint i = 0; i < store->capabilities->len; i++) {
		const struct devinf_capability *capability = store->capabilities->pdata[i];

		if (capability->type.type == NULL || !same_type(capability->type.type, type))
			continue;
		/* 1.0 and 1.1 do not say the version here. */
		if (capability->type.version == NULL || version == NULL ||
		    strcmp(capability->type.version, version) == 0)
			return capability;
	}
	return NULL;
}

const struct devinf_property *devinf_find_property(const struct devinf_capability *capability,
						   const char *name)
{
	for (guint i = 0; i < capability->properties->len; i++) {
		const struct devinf_property *property = capability->properties->pdata[i];

		if (property->name != NULL && g_ascii_strcasecmp(property->name, name) == 0)
			return property;
	}
	return NULL;
}
