/*
 * [webhook NAME] of the key file: its keys and what they may say. Errors are
 * CONFIG_VALUE_ERROR (config-value.h); the caller knows file and line.
 */
#ifndef FANTAIL_CONFIG_WEBHOOK_H
#define FANTAIL_CONFIG_WEBHOOK_H

#include "bridge-config.h"

typedef struct config_webhook config_webhook_t;

/* Every key but header.NAME; ends with NULL. */
extern const char *const config_webhook_key_names[];

struct config_webhook *config_webhook_new(const char *name);
/* NULL is fine. */
void config_webhook_free(struct config_webhook *webhook);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(config_webhook_t, config_webhook_free)

gboolean config_webhook_has_key(const char *key);
/* Its value must not be in a file that everybody can read. */
gboolean config_webhook_is_secret(const char *key);
gboolean config_webhook_set(struct config_webhook *webhook, const char *key, const char *value,
			    GError **error);
/* The key that was not set and must be, or NULL. */
const char *config_webhook_missing(const struct config_webhook *webhook);

#endif
