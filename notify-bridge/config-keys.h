/* The keys of the config's fixed sections. Of webhooks, config-webhook.h. */
#ifndef FANTAIL_CONFIG_KEYS_H
#define FANTAIL_CONFIG_KEYS_H

#include "bridge-config.h"
#include "config-table.h"

extern const struct config_table config_keys;

#endif
