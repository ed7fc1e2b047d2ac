/*
 * Push-IMAP's channel HTTP: wake-ups by POST to a URL of the device's own, or to a webhook of
 * the operator's that takes them ([webhook NAME], pimap = yes), which gets to know whose they are
 * and is the only one who could check a signature.
 */
#include "gateway.h"

#include "bridge-config.h"
#include "payload-pimap.h"
#include "pimap-profile.h"
#include "url-guard.h"
#include "webhook.h"

#include <string.h>

/* NULL: the config does not have it any more. *url_r is where it goes otherwise. */
static const struct config_webhook *find_hook(const struct gateway_context *context,
					      const struct device *device, const char **url_r)
{
	const struct config_webhook *hook;

	*url_r = NULL;
	if (pimap_is_url(device->endpoint)) {
		*url_r = device->endpoint;
		return NULL;
	}
	hook = config_find_webhook(context->config, device->endpoint);
	if (hook == NULL || !hook->pimap)
		return NULL;
	*url_r = hook->url;
	return hook;
}

static char *http_lane(const struct gateway_context *context, const struct device *device)
{
	struct url_parts parts;
	const char *url;
	char *lane;

	find_hook(context, device, &url);
	if (url == NULL || !url_guard_parse(context->url_guard, url, &parts, NULL))
		return NULL;
	lane = g_strdup_printf("http %s", parts.origin);
	url_parts_clear(&parts);
	return lane;
}

static void add_escaped(struct http_request *request, const char *name, const char *value)
{
	g_autofree char *escaped = g_uri_escape_string(value, "@+=", FALSE);

	http_request_add_header(request, name, escaped);
}

/* What only the operator's receiver is told. A signature with its secret goes nowhere else: to
 * a user's own URL it would be one to show to that receiver. */
static void add_hook_headers(struct http_request *request, const struct config_webhook *hook,
			     const struct device *device, const char *id, gint64 now, GBytes *body)
{
	g_autofree char *signature = webhook_signature(hook, id, now, body);

	if (signature != NULL)
		http_request_add_header(request, "webhook-signature", signature);
	add_escaped(request, "fantail-user", device->user);
	add_escaped(request, "fantail-device", device->device);
	for (guint i = 0; hook->headers != NULL && i < hook->headers->len; i++) {
		const struct http_header *header = g_ptr_array_index(hook->headers, i);

		http_request_add_header(request, header->name, header->value);
	}
}

static struct http_request *http_prepare(const struct gateway_context *context,
					 const struct device *device,
					 const struct notification *notification, gboolean minimal,
					 gint64 now_us, GError **error)
{
	const struct config_webhook named = {.name = device->device};
	gint64 now = now_us / G_USEC_PER_SEC;
	g_autofree char *id = NULL, *timestamp = NULL;
	const struct config_webhook *hook;
	g_autoptr(GBytes) body = NULL;
	struct http_request *request;
	struct url_parts parts;
	const char *url;

	hook = find_hook(context, device, &url);
	if (url == NULL) {
		g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_VALUE,
			    "there is no [webhook %s] with pimap = yes any more", device->endpoint);
		return NULL;
	}
	if (!url_guard_parse(context->url_guard, url, &parts, error))
		return NULL;
	url_parts_clear(&parts);
	body = payload_pimap(device, notification, minimal, error);
	if (body == NULL)
		return NULL;
	request = http_request_new(url, body);
	id = webhook_id(hook != NULL ? hook : &named, notification);
	timestamp = g_strdup_printf("%" G_GINT64_FORMAT, now);
	http_request_add_header(request, "content-type", payload_pimap_type(device));
	http_request_add_header(request, "user-agent", HTTP_USER_AGENT);
	http_request_add_header(request, "webhook-id", id);
	http_request_add_header(request, "webhook-timestamp", timestamp);
	if (hook != NULL)
		add_hook_headers(request, hook, device, id, now, body);
	return request;
}

/* Nothing there: the operator's to mend, or the user's. Either way the device, which has more
 * than its address, stays; what was for a user's URL does not wait for it to appear. */
static void http_classify(const struct device *device, const struct http_reply *reply,
			  const GError *error, gint64 now_us, struct outcome *outcome_r)
{
	gateway_classify_http(reply, error, now_us, outcome_r);
	if (reply == NULL)
		return;
	if (!pimap_is_url(device->endpoint)) {
		if (outcome_r->kind == OUTCOME_DEVICE_GONE || reply->status == 405)
			outcome_r->kind = OUTCOME_CONFIG_ERROR;
	} else if (outcome_r->kind == OUTCOME_DEVICE_GONE ||
		   outcome_r->kind == OUTCOME_CONFIG_ERROR) {
		outcome_r->kind = OUTCOME_REJECT_MESSAGE;
	}
}

const struct gateway gateway_http = {
	.name = "http",
	.lane = http_lane,
	.prepare = http_prepare,
	.classify = http_classify,
};
