/* Web Push (RFC 8030, 8291, 8292), which also serves UnifiedPush. */
#include "gateway.h"

#include "base64url.h"
#include "bridge-config.h"
#include "limits.h"
#include "payload-pimap.h"
#include "payload.h"
#include "url-guard.h"
#include "vapid.h"
#include "webpush-crypto.h"

#include <string.h>

/* A confirmation that comes late only confuses: the client has asked anew. */
#define CONFIRM_TTL_SECS 60
/* 24 octets are 32 characters, all that RFC 8030 5.4 allows. */
#define TOPIC_OCTETS 24
/* ntfy answers 507 while nobody listens at an endpoint: asked again hourly, and
 * after so long without a success taken for gone. */
#define NO_LISTENER_PAUSE_SECS 3600
#define NO_LISTENER_GONE_SECS (14 * 86400)

static void crypto_destroy(gpointer crypto)
{
	webpush_crypto_free(crypto);
}

/* The pool's threads come and go; each has its own contexts. */
static GPrivate thread_crypto = G_PRIVATE_INIT(crypto_destroy);

static struct webpush_crypto *get_crypto(GError **error)
{
	struct webpush_crypto *crypto = g_private_get(&thread_crypto);

	if (crypto == NULL) {
		crypto = webpush_crypto_new(error);
		g_private_set(&thread_crypto, crypto);
	}
	return crypto;
}

static char *webpush_lane(const struct gateway_context *context, const struct device *device)
{
	struct url_parts parts;
	char *lane;

	if (!context->config->webpush_enabled ||
	    !url_guard_parse(context->url_guard, device->endpoint, &parts, NULL))
		return NULL;
	lane = g_strdup_printf("webpush %s", parts.origin);
	url_parts_clear(&parts);
	return lane;
}

/* Keyed with the secret that only the device shares, so that a push service
 * cannot tell which of its users' topics name the same mailbox. */
static char *make_topic(const struct device *device, const struct notification *notification)
{
	g_autoptr(GHmac) hmac = g_hmac_new(G_CHECKSUM_SHA256, device->auth, sizeof(device->auth));
	guint8 digest[32];
	gsize len = sizeof(digest);

	g_hmac_update(hmac, (const guchar *)device->device, (gssize)strlen(device->device) + 1);
	g_hmac_update(hmac, (const guchar *)notification->key, (gssize)strlen(notification->key));
	g_hmac_get_digest(hmac, digest, &len);
	return base64url_encode(digest, TOPIC_OCTETS);
}

static gint64 ttl_secs(const struct notification *notification, gint64 now_us)
{
	gint64 left;

	if (payload_is_confirmation(notification))
		return CONFIRM_TTL_SECS;
	left = (notification->expires_us - now_us) / G_USEC_PER_SEC;
	return CLAMP(left, 0, LIMIT_PUSH_TTL_SECS);
}

/* RFC 8030 5.3. New mail is high, since "normal" waits until a sleeping phone
 * wakes by itself. Changes of state are low: they take notices away that are no
 * longer true; "very-low" would wait for a charger, longer than they last. Normal is
 * for "calendar message", says the RFC. */
static const char *urgency(const struct notification *notification)
{
	if (notification->kinds == PUSH_EVENT_KIND_BIT(PUSH_EVENT_DATA_CHANGE))
		return "normal";
	return payload_is_confirmation(notification) || notification_is_command(notification) ||
			       (notification->kinds & PUSH_EVENT_KINDS_ARRIVAL) != 0
		       ? "high"
		       : "low";
}

static gboolean is_wns(const char *host)
{
	return g_str_has_suffix(host, ".notify.windows.com");
}

static void add_headers(struct http_request *request, const struct device *device,
			const struct notification *notification, const char *authorization,
			const char *host, gint64 now_us)
{
	gint64 ttl = ttl_secs(notification, now_us);
	g_autofree char *ttl_text = g_strdup_printf("%" G_GINT64_FORMAT, ttl);

	http_request_add_header(request, "authorization", authorization);
	http_request_add_header(request, "content-encoding", "aes128gcm");
	http_request_add_header(request, "content-type", "application/octet-stream");
	http_request_add_header(request, "ttl", ttl_text);
	http_request_add_header(request, "urgency", urgency(notification));
	if (payload_is_confirmation(notification)) {
		if (device->dialect == DIALECT_COI)
			http_request_add_header(request, "webpush-validation", "");
	} else if (device->dialect != DIALECT_EXTENDED) {
		/* One with a message in it takes the place of no other. */
		g_autofree char *topic = make_topic(device, notification);

		http_request_add_header(request, "topic", topic);
	}
	/* Without it WNS answers 400 to anything that has a TTL. */
	if (is_wns(host))
		http_request_add_header(request, "x-wns-cache-policy",
					ttl > 0 ? "cache" : "no-cache");
}

static GBytes *encrypt_payload(const struct gateway_context *context, const struct device *device,
			       const struct notification *notification, gboolean minimal,
			       GError **error)
{
	struct webpush_crypto *crypto = get_crypto(error);
	g_autoptr(GBytes) payload = NULL;
	gsize len, pad_to;
	const void *data;

	if (crypto == NULL)
		return NULL;
	payload = device_face(device->dialect) == FACE_PIMAP
			  ? payload_pimap(device, notification, minimal, error)
			  : payload_build(device, notification, minimal);
	if (payload == NULL)
		return NULL;
	data = g_bytes_get_data(payload, &len);
	/* The minimal form is for services that found the full one too large. */
	pad_to = minimal ? 0 : context->config->pad_to;
	return webpush_encrypt(crypto, device->p256dh, device->auth, data, len, pad_to, error);
}

static struct http_request *webpush_prepare(const struct gateway_context *context,
					    const struct device *device,
					    const struct notification *notification,
					    gboolean minimal, gint64 now_us, GError **error)
{
	struct http_request *request = NULL;
	g_autofree char *authorization = NULL;
	g_autoptr(GBytes) body = NULL;
	struct url_parts parts;

	/* Registered before Web Push was switched off. */
	if (context->vapid == NULL) {
		g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
				    "Web Push is switched off ([webpush] enabled)");
		return NULL;
	}
	if (!url_guard_parse(context->url_guard, device->endpoint, &parts, error))
		return NULL;
	authorization = vapid_authorization(context->vapid, device->vapid_key, parts.origin,
					    now_us / G_USEC_PER_SEC, error);
	if (authorization != NULL)
		body = encrypt_payload(context, device, notification, minimal, error);
	if (body != NULL) {
		request = http_request_new(device->endpoint, body);
		add_headers(request, device, notification, authorization, parts.host, now_us);
	}
	url_parts_clear(&parts);
	return request;
}

/* Apple says so with 400, where others say 401 or 403. */
static gboolean blames_our_key(const struct http_reply *reply)
{
	static const char *const reasons[] = {"VapidPkHashMismatch", "BadJwtToken"};
	gsize len = 0;
	const char *body = reply->body == NULL ? NULL : g_bytes_get_data(reply->body, &len);

	for (guint i = 0; body != NULL && i < G_N_ELEMENTS(reasons); i++) {
		if (memmem(body, len, reasons[i], strlen(reasons[i])) != NULL)
			return TRUE;
	}
	return FALSE;
}

static gboolean silent_for_long(const struct device *device, gint64 now_us)
{
	gint64 heard = MAX(device->last_ok, MAX(device->confirmed, device->created));

	return heard != 0 && now_us / G_USEC_PER_SEC - heard > NO_LISTENER_GONE_SECS;
}

static void webpush_classify(const struct device *device, const struct http_reply *reply,
			     const GError *error, gint64 now_us, struct outcome *outcome_r)
{
	const char *wait;

	gateway_classify_http(reply, error, now_us, outcome_r);
	if (reply == NULL)
		return;
	wait = http_reply_header(reply, "retry-after");
	switch (reply->status) {
	case 400:
		if (blames_our_key(reply))
			outcome_r->kind = OUTCOME_CONFIG_ERROR;
		break;
	case 406: /* how WNS says 429 */
		outcome_r->kind = OUTCOME_THROTTLE;
		outcome_r->retry_after_us = http_retry_after_us(wait, now_us);
		break;
	case 507:
		outcome_r->kind =
			silent_for_long(device, now_us) ? OUTCOME_DEVICE_GONE : OUTCOME_RETRY;
		if (outcome_r->retry_after_us < 0)
			outcome_r->retry_after_us = (gint64)NO_LISTENER_PAUSE_SECS * G_USEC_PER_SEC;
		break;
	}
}

const struct gateway gateway_webpush = {
	.name = "webpush",
	.lane = webpush_lane,
	.prepare = webpush_prepare,
	.classify = webpush_classify,
};
