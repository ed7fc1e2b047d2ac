#include "config-table.h"
#include "config-value.h"

#include <string.h>
#include <sys/types.h>

/* --- what is said of a bad one ------------------------------------------- */

gboolean config_table_unknown_key(const struct config_table *table, GError **error,
				  const struct config_place *place, const char *const *known)
{
	const char *near = keyfile_suggest(place->key, known);

	if (near != NULL)
		return config_fail(error, place, CONFIG_ERROR_KEY,
				   "no such key; did you mean '%s'?", near);
	return config_fail(error, place, CONFIG_ERROR_KEY, "no such key; remove it, or see %s",
			   table->manual);
}

gboolean config_table_unknown_section(const struct config_table *table, GError **error,
				      const struct keyfile_section *section, const char *path)
{
	const char *near = keyfile_suggest(section->name, table->sections);
	struct config_place place = {path, section->name, NULL, section->line};

	if (near != NULL)
		return config_fail(error, &place, CONFIG_ERROR_KEY,
				   "no such section; did you mean [%s]?", near);
	return config_fail(error, &place, CONFIG_ERROR_KEY, "no such section; remove it, or see %s",
			   table->manual);
}

/* --- reading -------------------------------------------------------------- */

static gboolean is_of(const struct config_key *key, const char *section)
{
	return key->section == NULL || strcmp(key->section, section) == 0;
}

static const struct config_key *find(const struct config_table *table, const char *section,
				     const char *name)
{
	for (gsize i = 0; i < table->count; i++) {
		const struct config_key *key = &table->keys[i];

		if (is_of(key, section) && strcmp(key->name, name) == 0)
			return key;
	}
	return NULL;
}

char **config_table_names(const struct config_table *table, const char *section)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

	for (gsize i = 0; i < table->count; i++) {
		if (is_of(&table->keys[i], section))
			g_ptr_array_add(names, g_strdup(table->keys[i].name));
	}
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

static gboolean set(const struct config_key *key, void *config, const char *value, GError **error)
{
	if (*value == '\0' && key->set != config_key_list && key->set != config_key_uids)
		return config_value_fail(
			error, "has no value; write one, or remove the line for the default");
	return key->set((char *)config + key->offset, key, value, error);
}

gboolean config_table_read(const struct config_table *table, void *config,
			   const struct keyfile_section *section, const char *path, GError **error)
{
	for (guint i = 0; i < section->entries->len; i++) {
		const struct keyfile_entry *entry = g_ptr_array_index(section->entries, i);
		struct config_place place = {path, section->name, entry->key, entry->line};
		const struct config_key *key = find(table, section->name, entry->key);
		g_autoptr(GError) reason = NULL;

		if (key == NULL) {
			g_auto(GStrv) known = config_table_names(table, section->name);

			return config_table_unknown_key(table, error, &place,
							(const char *const *)known);
		}
		if (!set(key, config, entry->value, &reason))
			return config_fail(error, &place, CONFIG_ERROR_VALUE, "%s",
					   reason->message);
	}
	return TRUE;
}

/* --- what stays as it is ---------------------------------------------------- */

/* TRUE: it was to change. */
static gboolean keep_text(char *const *was, char **is)
{
	if (g_strcmp0(*was, *is) == 0)
		return FALSE;
	config_key_take(is, g_strdup(*was));
	return TRUE;
}

static gboolean keep_bytes(const void *was, void *is, gsize size)
{
	if (memcmp(was, is, size) == 0)
		return FALSE;
	memcpy(is, was, size);
	return TRUE;
}

char **config_table_keep(const struct config_table *table, const struct config_fixed *fixed,
			 const void *was, void *is)
{
	g_autoptr(GPtrArray) kept = g_ptr_array_new();

	for (; fixed->section != NULL; fixed++) {
		gsize offset = find(table, fixed->section, fixed->name)->offset;
		const void *from = (const char *)was + offset;
		void *to = (char *)is + offset;

		if (fixed->size == 0 ? keep_text(from, to) : keep_bytes(from, to, fixed->size))
			g_ptr_array_add(kept,
					g_strdup_printf("[%s] %s", fixed->section, fixed->name));
	}
	g_ptr_array_add(kept, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&kept), FALSE);
}

/* --- rows ----------------------------------------------------------------- */

void config_key_take(void *place, char *value)
{
	char **string = place;

	g_free(*string);
	*string = value;
}

gboolean config_key_bool(void *place, const struct config_key *key, const char *value,
			 GError **error)
{
	return config_value_bool(value, place, error);
}

gboolean config_key_uint(void *place, const struct config_key *key, const char *value,
			 GError **error)
{
	guint64 number;

	if (!config_value_uint(value, key->min, key->max, &number, error))
		return FALSE;
	*(guint *)place = (guint)number;
	return TRUE;
}

gboolean config_key_uint64(void *place, const struct config_key *key, const char *value,
			   GError **error)
{
	return config_value_uint(value, key->min, key->max, place, error);
}

gboolean config_key_duration_us(void *place, const struct config_key *key, const char *value,
				GError **error)
{
	return config_value_duration(value, (gint64)key->min, (gint64)key->max, place, error);
}

/* Whole seconds, since min and max are and milliseconds are below min. */
static gboolean duration_secs(const struct config_key *key, const char *value, gint64 *secs_r,
			      GError **error)
{
	gint64 us;

	if (!config_value_duration(value, (gint64)key->min, (gint64)key->max, &us, error))
		return FALSE;
	if (us % G_USEC_PER_SEC != 0) {
		g_set_error(error, CONFIG_VALUE_ERROR, CONFIG_VALUE_ERROR_BAD,
			    "%s is no whole number of seconds; write one", value);
		return FALSE;
	}
	*secs_r = us / G_USEC_PER_SEC;
	return TRUE;
}

gboolean config_key_secs(void *place, const struct config_key *key, const char *value,
			 GError **error)
{
	gint64 secs;

	if (!duration_secs(key, value, &secs, error))
		return FALSE;
	*(guint *)place = (guint)secs;
	return TRUE;
}

gboolean config_key_secs64(void *place, const struct config_key *key, const char *value,
			   GError **error)
{
	return duration_secs(key, value, place, error);
}

gboolean config_key_mode(void *place, const struct config_key *key, const char *value,
			 GError **error)
{
	return config_value_mode(value, place, error);
}

gboolean config_key_path(void *place, const struct config_key *key, const char *value,
			 GError **error)
{
	char *path;

	if (!config_value_path(value, &path, error))
		return FALSE;
	config_key_take(place, path);
	return TRUE;
}

gboolean config_key_socket(void *place, const struct config_key *key, const char *value,
			   GError **error)
{
	char *path;

	if (!config_value_socket_path(value, &path, error))
		return FALSE;
	config_key_take(place, path);
	return TRUE;
}

gboolean config_key_uids(void *place, const struct config_key *key, const char *value,
			 GError **error)
{
	return config_value_uids(value, *(GArray **)place, error);
}

gboolean config_key_address(void *place, const struct config_key *key, const char *value,
			    GError **error)
{
	char *address = NULL;

	if (strcmp(value, "none") != 0 && !config_value_local_address(value, &address, error))
		return FALSE;
	config_key_take(place, address);
	return TRUE;
}

gboolean config_key_log_level(void *place, const struct config_key *key, const char *value,
			      GError **error)
{
	static const char *const levels[] = {"error", "warning", "info", "debug", NULL};

	if (!g_strv_contains(levels, value)) {
		g_set_error(error, CONFIG_VALUE_ERROR, CONFIG_VALUE_ERROR_BAD,
			    "no level '%s'; write error, warning, info or debug", value);
		return FALSE;
	}
	config_key_take(place, g_strdup(value));
	return TRUE;
}

gboolean config_key_list(void *place, const struct config_key *key, const char *value,
			 GError **error)
{
	char ***list = place;

	g_strfreev(*list);
	*list = config_value_list(value);
	return TRUE;
}
