/*
 * Delta Chat's tokens to the notification service that wakes its phones, in the words of
 * chatmail relays: a POST whose body is the token, as the client gave it. Nothing of the
 * mail, the mailbox or the user goes along.
 */
#include "gateway.h"

#include "bridge-config.h"
#include "url-guard.h"

#include <string.h>

static char *chatmail_lane(const struct gateway_context *context, const struct device *device)
{
	const char *url = context->config->deltapush_url;
	struct url_parts parts;
	char *lane;

	if (url == NULL || !url_guard_parse(context->url_guard, url, &parts, NULL))
		return NULL;
	lane = g_strdup_printf("deltapush %s", parts.origin);
	url_parts_clear(&parts);
	return lane;
}

/* There is no form of it that is shorter: `minimal` is the same again. */
static struct http_request *chatmail_prepare(const struct gateway_context *context,
					     const struct device *device,
					     const struct notification *notification,
					     gboolean minimal, gint64 now_us, GError **error)
{
	const char *url = context->config->deltapush_url;
	g_autoptr(GBytes) body = NULL;
	struct http_request *request;
	struct url_parts parts;

	if (url == NULL) {
		g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
				    "there is no notification service; set url in section "
				    "[deltapush] of the bridge's configuration, and reload");
		return NULL;
	}
	if (!url_guard_parse(context->url_guard, url, &parts, error))
		return NULL;
	url_parts_clear(&parts);
	body = g_bytes_new(device->endpoint, strlen(device->endpoint));
	request = http_request_new(url, body);
	http_request_add_header(request, "user-agent", HTTP_USER_AGENT);
	return request;
}

/* The service says 200 to what a phone's own push service took, 410 to a token that this one
 * has forgotten, 500 to all else. Of the others a page of another kind is at that address
 * (404, 405), or what stands before the service has something against this one request,
 * which relays try again. */
static void chatmail_classify(const struct device *device, const struct http_reply *reply,
			      const GError *error, gint64 now_us, struct outcome *outcome_r)
{
	gateway_classify_http(reply, error, now_us, outcome_r);
	if (reply == NULL)
		return;
	if (reply->status == 404 || reply->status == 405)
		outcome_r->kind = OUTCOME_CONFIG_ERROR;
	else if (outcome_r->kind == OUTCOME_REJECT_MESSAGE)
		outcome_r->kind = OUTCOME_RETRY;
}

const struct gateway gateway_chatmail = {
	.name = "deltapush",
	.lane = chatmail_lane,
	.prepare = chatmail_prepare,
	.classify = chatmail_classify,
};
