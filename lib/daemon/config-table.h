/*
 * Sections whose keys are one row each: how the value is read, its range, and where in the
 * daemon's struct it goes. Unknown sections and keys are errors: a misspelt setting must not
 * be silently ignored.
 */
#ifndef FANTAIL_CONFIG_TABLE_H
#define FANTAIL_CONFIG_TABLE_H

#include "config-file.h"

struct config_key;
/* `place`: the member. Errors are CONFIG_VALUE_ERROR (config-value.h). */
typedef gboolean config_key_set(void *place, const struct config_key *key, const char *value,
				GError **error);

struct config_key {
	const char *section; /* NULL = any */
	const char *name;
	config_key_set *set;
	gsize offset; /* of the member */
	guint64 min, max;
};

struct config_table {
	const struct config_key *keys;
	gsize count;
	const char *const *sections; /* those that messages suggest; NULL-terminated */
	const char *manual;          /* "fantail-bridge.conf(5)" */
};

/* Reads a section into `config`. */
gboolean config_table_read(const struct config_table *table, void *config,
			   const struct keyfile_section *section, const char *path, GError **error);

/* A setting that only a restart changes. */
struct config_fixed {
	const char *section, *name;
	gsize size; /* of the member; 0: it is a char * */
};
/* After a reload: `is`, which nobody else has yet, keeps the values that `was` has of such
 * settings, and says what is in force. `fixed` ends with a section of NULL. New: "[section] name"
 * of those that were to change, NULL-terminated. */
char **config_table_keep(const struct config_table *table, const struct config_fixed *fixed,
			 const void *was, void *is);
/* All keys of a section. NULL-terminated, new. */
char **config_table_names(const struct config_table *table, const char *section);

/* Always FALSE, for `return`. */
gboolean config_table_unknown_key(const struct config_table *table, GError **error,
				  const struct config_place *place, const char *const *known);
gboolean config_table_unknown_section(const struct config_table *table, GError **error,
				      const struct keyfile_section *section, const char *path);

/* --- rows: the type of the member is in the comment ------------------------- */

config_key_set config_key_bool;        /* gboolean */
config_key_set config_key_uint;        /* guint */
config_key_set config_key_uint64;      /* guint64 */
config_key_set config_key_duration_us; /* gint64; min and max in microseconds, as below */
config_key_set config_key_secs;        /* guint, whole seconds */
config_key_set config_key_secs64;      /* gint64, whole seconds */
config_key_set config_key_mode;        /* mode_t */
config_key_set config_key_path;        /* char * */
config_key_set config_key_socket;      /* char *, a path that fits a socket address */
config_key_set config_key_uids;        /* GArray * of uid_t; added to; may be empty */
config_key_set config_key_address;     /* char *, config_value_local_address(); "none" is NULL */
config_key_set config_key_log_level;   /* char * */
config_key_set config_key_list;        /* char **; may be empty */
/* For rows of one's own: frees what was there. */
void config_key_take(void *place, char *value);

#endif
