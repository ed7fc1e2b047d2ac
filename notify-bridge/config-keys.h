/*
 * The keys of the config's fixed sections: one row each, how its value is read, its
 * range, and where it goes. Errors are CONFIG_VALUE_ERROR (config-value.h); the
 * caller knows file and line.
 */
#ifndef FANTAIL_CONFIG_KEYS_H
#define FANTAIL_CONFIG_KEYS_H

#include "bridge-config.h"

gboolean config_key_known(const char *section, const char *key);
/* `key` is a known one. */
gboolean config_key_set(struct config *config, const char *section, const char *key,
			const char *value, GError **error);
/* All keys of a section. NULL-terminated, new. */
char **config_key_names(const char *section);

#endif
