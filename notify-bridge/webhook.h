/*
 * What a webhook's request says: the body, the identifier, the signature
 * (Standard Webhooks). Pure. docs/webhooks.md is the operator's side of it.
 */
#ifndef FANTAIL_WEBHOOK_H
#define FANTAIL_WEBHOOK_H

#include "bridge-config.h"
#include "notification.h"

/* The standard JSON body, or the section's template filled in. `minimal`: without
 * content and UIDs. NULL with TEMPLATE_ERROR if the template makes too much. */
GBytes *webhook_body(const struct config_webhook *hook, const struct notification *notification,
		     gboolean minimal, GError **error);

/* The value of webhook-id: the same for each try of the same content. A
 * notification that was merged into is another one to the receiver, which may have
 * taken the former already, so the revision is part of it. */
char *webhook_id(const struct config_webhook *hook, const struct notification *notification);

/* The value of webhook-signature: "v1,<base64>", and a second one after a blank
 * while an old secret is still set. NULL if the section has no secret. */
char *webhook_signature(const struct config_webhook *hook, const char *id, gint64 timestamp,
			GBytes *body);

#endif
