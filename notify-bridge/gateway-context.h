/* Builds what the gateways are given (gateway.h) from a config. Main thread only. */
#ifndef FANTAIL_GATEWAY_CONTEXT_H
#define FANTAIL_GATEWAY_CONTEXT_H

#include "bridge-config.h"
#include "gateway.h"

/* Keys, URL guard and HTTP client of `config`, which it refers to. A new HTTP
 * client every time: a CA file that was renewed in place is read again. Makes a
 * VAPID key if there is none, and logs that; but not if `former` (what it is to
 * replace, or NULL) had one: that was lost, VAPID_ERROR_FILE. NULL on error, with
 * everything that was built let go. */
struct gateway_context *gateway_context_new(const struct config *config,
					    const struct gateway_context *former, GError **error);

/* What gateway_context_new would say, without making a VAPID key. */
gboolean gateway_context_check(const struct config *config, GError **error);

/* The last reference may be dropped from a callback of the HTTP client: it is then
 * freed from the main loop. NULL is fine. */
struct gateway_context *gateway_context_ref(struct gateway_context *context);
void gateway_context_unref(struct gateway_context *context);

/* Frees what gateway_context_unref left to the main loop; at shutdown, after it. */
void gateway_context_flush(void);

typedef struct gateway_context gateway_context_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(gateway_context_t, gateway_context_unref)

#endif
