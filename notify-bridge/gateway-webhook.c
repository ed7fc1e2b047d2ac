/* Webhooks: the operator's own receivers, named in the config. */
#include "gateway.h"

#include "bridge-config.h"
#include "url-guard.h"
#include "webhook.h"

#include <string.h>

static char *webhook_lane(const struct gateway_context *context, const struct device *device)
{
	const struct config_webhook *hook = config_find_webhook(context->config, device->endpoint);
	struct url_parts parts;
	char *lane;

	if (hook == NULL || !url_guard_parse(context->url_guard, hook->url, &parts, NULL))
		return NULL;
	lane = g_strdup_printf("webhook %s", parts.origin);
	url_parts_clear(&parts);
	return lane;
}

static void add_headers(struct http_request *request, const struct config_webhook *hook,
			const struct notification *notification, GBytes *body, gint64 now_us)
{
	gint64 now = now_us / G_USEC_PER_SEC;
	g_autofree char *id = webhook_id(hook, notification);
	g_autofree char *timestamp = g_strdup_printf("%" G_GINT64_FORMAT, now);
	g_autofree char *signature = webhook_signature(hook, id, now, body);

	http_request_add_header(request, "content-type",
				hook->content_type != NULL ? hook->content_type
							   : "application/json");
	http_request_add_header(request, "user-agent", "fantail/" FANTAIL_VERSION);
	http_request_add_header(request, "webhook-id", id);
	http_request_add_header(request, "webhook-timestamp", timestamp);
	if (signature != NULL)
		http_request_add_header(request, "webhook-signature", signature);
	for (guint i = 0; hook->headers != NULL && i < hook->headers->len; i++) {
		const struct http_header *header = g_ptr_array_index(hook->headers, i);

		http_request_add_header(request, header->name, header->value);
	}
}

static struct http_request *webhook_prepare(const struct gateway_context *context,
					    const struct device *device,
					    const struct notification *notification,
					    gboolean minimal, gint64 now_us, GError **error)
{
	const struct config_webhook *hook = config_find_webhook(context->config, device->endpoint);
	g_autoptr(GBytes) body = NULL;
	struct http_request *request;
	struct url_parts parts;

	if (hook == NULL) {
		g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_VALUE,
			    "there is no [webhook %s] any more", device->endpoint);
		return NULL;
	}
	if (!url_guard_parse(context->url_guard, hook->url, &parts, error))
		return NULL;
	url_parts_clear(&parts);
	body = webhook_body(hook, notification, minimal, error);
	if (body == NULL)
		return NULL;
	request = http_request_new(hook->url, body);
	add_headers(request, hook, notification, body, now_us);
	return request;
}

/* The address is the operator's: when nothing is there, that is for them to mend,
 * and what waits must not be thrown away. 410 is the receiver's own wish to hear
 * no more (Standard Webhooks). */
static void webhook_classify(const struct device *device, const struct http_reply *reply,
			     const GError *error, gint64 now_us, struct outcome *outcome_r)
{
	gateway_classify_http(reply, error, now_us, outcome_r);
	if (reply != NULL && (reply->status == 404 || reply->status == 405))
		outcome_r->kind = OUTCOME_CONFIG_ERROR;
}

const struct gateway gateway_webhook = {
	.name = "webhook",
	.lane = webhook_lane,
	.prepare = webhook_prepare,
	.classify = webhook_classify,
};
