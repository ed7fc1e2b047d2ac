/*
 * Apple Mail's wake-ups, as requests to Apple's push service (APNs): which account is to be
 * looked at, and nothing else. What would send them needs the operator's certificate and is
 * not here: requests are made, and held back.
 */
#include "gateway.h"

#include "bridge-config.h"
#include "limits.h"

#include <string.h>

#include <json-glib/json-glib.h>

#define ORIGIN "https://api.push.apple.com:443"
/* A phone that was off for longer looks by itself when it is on again. */
#define KEEP_SECS 86400

static char *apple_lane(const struct gateway_context *context, const struct device *device)
{
	return context->config->apple_topic != NULL ? g_strdup("apns " ORIGIN) : NULL;
}

/* {"aps":{"account-id":"..."}} */
static GBytes *make_body(const char *account)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonNode) root = NULL;
	char *text;

	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "aps");
	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "account-id");
	json_builder_add_string_value(builder, account);
	json_builder_end_object(builder);
	json_builder_end_object(builder);
	root = json_builder_get_root(builder);
	text = json_to_string(root, FALSE);
	return g_bytes_new_take(text, strlen(text));
}

/* There is no form of it that is shorter: `minimal` is the same again. */
static struct http_request *apple_prepare(const struct gateway_context *context,
					  const struct device *device,
					  const struct notification *notification, gboolean minimal,
					  gint64 now_us, GError **error)
{
	const char *topic = context->config->apple_topic;
	g_autoptr(GBytes) body = NULL;
	g_autofree char *url = NULL, *expiration = NULL;
	struct http_request *request;

	if (topic == NULL) {
		g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
				    "there is no certificate of Apple's; set topic in section "
				    "[apple] of the bridge's configuration, and reload");
		return NULL;
	}
	if (device->client == NULL) {
		g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_FAILED,
				    "the registration has no account id");
		return NULL;
	}
	url = g_strdup_printf(ORIGIN "/3/device/%s", device->endpoint);
	expiration = g_strdup_printf("%" G_GINT64_FORMAT, now_us / G_USEC_PER_SEC + KEEP_SECS);
	body = make_body(device->client);
	request = http_request_new(url, body);
	http_request_add_header(request, "apns-topic", topic);
	http_request_add_header(request, "apns-push-type", "background");
	http_request_add_header(request, "apns-expiration", expiration);
	return request;
}

const struct gateway gateway_apple = {
	.name = "apns",
	.lane = apple_lane,
	.prepare = apple_prepare,
	.held_back = TRUE,
};
