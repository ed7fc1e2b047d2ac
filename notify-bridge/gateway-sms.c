/*
 * SyncML's package #0 by WAP push, and wake-ups of Push-IMAP (EMN) by WAP push or as they
 * are, in short messages that an SMS gateway sends: Kannel, or
 * what speaks like its sendsms page ("Kannel User's Guide", "Using the HTTP interface to
 * send SMS messages", the POST form). One request for each message.
 */
#include "gateway.h"

#include "bridge-config.h"
#include "emn.h"
#include "limits.h"
#include "payload-pimap.h"
#include "payload-private.h"
#include "url-guard.h"
#include "wap-push.h"

#include <string.h>

#define SCHEME "sms:"
/* E.164: at most 15 digits. There are countries where a number has four, and three for
 * the country. */
#define NUMBER_MIN 7
#define NUMBER_MAX 15
/* Where the draft would have the bare notification (B.3). */
#define EMN_PORT 143

/* Octets of the number that `text` begins with; 0 = it does not. */
static gsize number_len(const char *text)
{
	gsize digits = text[0] == '+' ? strspn(text + 1, "0123456789") : 0;

	if (digits < NUMBER_MIN || digits > NUMBER_MAX || text[1] == '0')
		return 0;
	return digits + 1;
}

/* Behind the number of a device of Push-IMAP, see pimap-profile.c. */
#define PORT_143 ";port=143"
#define WDP_143 ";wdp=143"

static gboolean is_raw(const struct device *device)
{
	return g_str_has_suffix(device->endpoint, PORT_143);
}

static gboolean is_wdp(const struct device *device)
{
	return g_str_has_suffix(device->endpoint, WDP_143);
}

static gboolean is_number(const char *text)
{
	gsize len = number_len(text);

	return len > 0 && text[len] == '\0';
}

static gboolean check_gateway(const struct gateway_context *context, GError **error)
{
	if (context->config->sms_url != NULL)
		return TRUE;
	g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
			    "there is no SMS gateway; set url in section [sms] of the "
			    "bridge's configuration, and reload");
	return FALSE;
}

static gboolean sms_check(const struct gateway_context *context, const char *endpoint,
			  GError **error)
{
	if (!g_str_has_prefix(endpoint, SCHEME) || !is_number(endpoint + strlen(SCHEME))) {
		g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
				    "not a telephone number; write " SCHEME
				    "+491701234567, with the code of the country");
		return FALSE;
	}
	return check_gateway(context, error);
}

static char *sms_lane(const struct gateway_context *context, const struct device *device)
{
	const char *url = context->config->sms_url;
	struct url_parts parts;
	char *lane;

	if (url == NULL || !url_guard_parse(context->url_guard, url, &parts, NULL))
		return NULL;
	lane = g_strdup_printf("sms %s", parts.origin);
	url_parts_clear(&parts);
	return lane;
}

/* --- the push ------------------------------------------------------------------ */

static enum wap_content_type content_type(const char *package_type)
{
	if (strcmp(package_type, PUSH_EVENT_PACKAGE_WBXML) == 0)
		return WAP_SYNCML_WBXML;
	return strcmp(package_type, PUSH_EVENT_PACKAGE_XML) == 0 ? WAP_SYNCML_XML
								 : WAP_SYNCML_DS_NOTIFICATION;
}

/* Its number for the phone: parts that are sent again are parts of the same message, and
 * a package that has taken the place of another is another. Ids count up, and so do their
 * revisions: the factor keeps the next ones of either apart. */
static guint8 reference(const struct notification *notification)
{
	return (guint8)(notification->id * 97 + notification->revision);
}

/* Minutes until nobody wants it any more, which the network is to know, too. */
static char *validity(const struct device *device, const struct notification *notification,
		      gint64 now_us)
{
	gint64 left = (notification->expires_us - now_us) / G_USEC_PER_SEC / 60;
	gint64 most =
		device->dialect == DIALECT_EXTENDED ? LIMIT_PUSH_TTL_SECS : LIMIT_SYNC_ALERT_SECS;

	return g_strdup_printf("%d", (int)CLAMP(left, 1, most / 60));
}

static char *number_of(const struct device *device)
{
	const char *number = device->endpoint + strlen(SCHEME);

	return g_strndup(number, number_len(number));
}

static struct http_request *part_request(const struct config *config, const struct device *device,
					 const struct wap_sms *part, const char *minutes)
{
	g_autoptr(GBytes) body = g_bytes_new(part->data, part->len);
	g_autofree char *number = number_of(device);
	struct http_request *request = http_request_new(config->sms_url, body);
	char udh[2 * WAP_SMS_UDH + 1];

	udh[0] = '\0';
	for (gsize i = 0; i < part->udh_len; i++)
		g_snprintf(udh + 2 * i, 3, "%02x", part->udh[i]);
	http_request_add_header(request, "content-type", "application/octet-stream");
	http_request_add_header(request, "user-agent", HTTP_USER_AGENT);
	http_request_add_header(request, "x-kannel-username", config->sms_username);
	http_request_add_header(request, "x-kannel-password", config->sms_password);
	if (config->sms_sender != NULL)
		http_request_add_header(request, "x-kannel-from", config->sms_sender);
	http_request_add_header(request, "x-kannel-to", number);
	if (udh[0] != '\0')
		http_request_add_header(request, "x-kannel-udh", udh);
	if (is_wdp(device))
		http_request_add_header(request, "x-kannel-smsc", config->sms_cdma_smsc);
	http_request_add_header(request, "x-kannel-coding", "1"); /* octets */
	http_request_add_header(request, "x-kannel-validity", minutes);
	return request;
}

/* What goes to the phone, and in how many messages; NULL with error. */
static guint8 *encode_package(const struct notification *notification,
			      const struct push_event *event, struct wap_sms *parts, gsize *count_r)
{
	g_autofree guint8 *package = NULL;
	guint8 *pdu;
	gsize len;

	package = g_base64_decode(event->package, &len);
	pdu = g_malloc(WAP_PUSH_HEADER + len);
	len = wap_push_encode(reference(notification), content_type(event->package_type), package,
			      len, pdu);
	*count_r = wap_sms_split(pdu, len, reference(notification), parts, LIMIT_SMS_PARTS);
	return pdu;
}

/* In one message, or not at all. */
static gsize put_wdp(const guint8 *data, gsize len, guint8 *out, struct wap_sms *part)
{
	len = wap_wdp_cdma(data, len, EMN_PORT, out);
	*part = (struct wap_sms){.data = out, .len = len};
	return len > 0 ? 1 : 0;
}

/* Into messages, as the channel has it. */
static guint8 *carry(const struct device *device, const struct notification *notification,
		     enum wap_content_type type, const guint8 *data, gsize len,
		     struct wap_sms *parts, gsize *count_r)
{
	guint8 *pdu = g_malloc(MAX(WAP_PUSH_HEADER + len, WAP_SMS_OCTETS));

	if (is_wdp(device)) {
		*count_r = put_wdp(data, len, pdu, parts);
	} else if (is_raw(device)) {
		memcpy(pdu, data, len);
		*count_r = wap_sms_split_port(pdu, len, EMN_PORT, reference(notification), parts,
					      LIMIT_SMS_PARTS);
	} else {
		len = wap_push_encode(reference(notification), type, data, len, pdu);
		*count_r = wap_sms_split(pdu, len, reference(notification), parts, LIMIT_SMS_PARTS);
	}
	return pdu;
}

/* "There is mail", and nothing else: not in which folder, nor whose. */
static guint8 *encode_emn(const struct device *device, const struct notification *notification,
			  struct wap_sms *parts, gsize *count_r)
{
	g_autofree char *account = payload_pimap_account(device);
	gint64 seconds = payload_pimap_time(notification);
	guint8 *document, *pdu;
	gsize len = 0;

	*count_r = 0;
	document = emn_encode(account, seconds, &len);
	if (document == NULL)
		return NULL;
	pdu = carry(device, notification, WAP_EMN_WBXML, document, len, parts, count_r);
	free(document);
	return pdu;
}

static guint8 *encode_extended(const struct device *device, const struct notification *notification,
			       gboolean minimal, struct wap_sms *parts, gsize *count_r,
			       GError **error)
{
	g_autoptr(GBytes) payload = payload_pimap(device, notification, minimal, error);
	const guint8 *data;
	gsize len;

	*count_r = 0;
	if (payload == NULL)
		return NULL;
	data = g_bytes_get_data(payload, &len);
	return carry(device, notification, WAP_TEXT_PLAIN, data, len, parts, count_r);
}

static guint8 *encode_pimap(const struct device *device, const struct notification *notification,
			    gboolean minimal, struct wap_sms *parts, gsize *count_r, GError **error)
{
	guint8 *pdu;

	if (device->dialect != DIALECT_EXTENDED)
		return encode_emn(device, notification, parts, count_r);
	pdu = encode_extended(device, notification, minimal, parts, count_r, error);
	if (pdu == NULL || *count_r > 0 || minimal)
		return pdu;
	g_free(pdu);
	return encode_extended(device, notification, TRUE, parts, count_r, error);
}

static struct http_request *make_requests(const struct config *config, const struct device *device,
					  const struct notification *notification,
					  const struct payload_facts *facts, gboolean minimal,
					  gint64 now_us, GError **error)
{
	g_autofree char *minutes = validity(device, notification, now_us);
	g_autofree guint8 *pdu = NULL;
	struct wap_sms parts[LIMIT_SMS_PARTS];
	struct http_request *first = NULL;
	gsize count;

	if (device_face(device->dialect) == FACE_PIMAP) {
		pdu = encode_pimap(device, notification, minimal, parts, &count, error);
		if (pdu == NULL && *error != NULL)
			return NULL;
	} else {
		pdu = encode_package(notification, &facts->event, parts, &count);
	}
	if (count == 0) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
			    "what is to be said would take more than %d short messages",
			    is_wdp(device) ? 1 : LIMIT_SMS_PARTS);
		return NULL;
	}
	for (gsize i = count; i-- > 0;) {
		struct http_request *request = part_request(config, device, &parts[i], minutes);

		request->next = first;
		first = request;
	}
	return first;
}

/* As sms_check, with the port that a device of Push-IMAP may have chosen. */
static gboolean check_device(const struct gateway_context *context, const struct device *device,
			     GError **error)
{
	const char *suffix = is_raw(device) ? PORT_143 : is_wdp(device) ? WDP_143 : "";
	g_autofree char *number = NULL;

	if (is_wdp(device) && context->config->sms_cdma_smsc == NULL) {
		g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
				    "there is no network of CDMA; set cdma-smsc in section [sms]");
		return FALSE;
	}
	if (device_face(device->dialect) != FACE_PIMAP)
		return sms_check(context, device->endpoint, error);
	number = g_strndup(device->endpoint, strlen(device->endpoint) - strlen(suffix));
	return sms_check(context, number, error);
}

/* Of packages and EMN there is no form that is shorter: `minimal` is the same again. */
static struct http_request *sms_prepare(const struct gateway_context *context,
					const struct device *device,
					const struct notification *notification, gboolean minimal,
					gint64 now_us, GError **error)
{
	const struct config *config = context->config;
	struct http_request *request = NULL;
	struct payload_facts facts;
	struct url_parts parts;

	if (!check_device(context, device, error) ||
	    !url_guard_parse(context->url_guard, config->sms_url, &parts, error))
		return NULL;
	url_parts_clear(&parts);
	payload_facts_init(&facts, notification);
	if (device_face(device->dialect) == FACE_PIMAP || facts.data_change)
		request =
			make_requests(config, device, notification, &facts, minimal, now_us, error);
	else
		g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_FAILED,
				    "by SMS goes nothing but DataChange, EMN and EXTENDED");
	payload_facts_clear(&facts);
	return request;
}

/* --- the answer ------------------------------------------------------------------ */

static gboolean says(const struct http_reply *reply, const char *text)
{
	gsize len = 0;
	const char *body = reply->body == NULL ? NULL : g_bytes_get_data(reply->body, &len);

	return body != NULL && memmem(body, len, text, strlen(text)) != NULL;
}

/* Kannel says 202 to what it took or will see to later ("0: Accepted for delivery", "3:
 * Queued for later delivery"), 403 to a wrong password, 400 to a number on a black list and
 * to fields it does not like, 404 to a number that no SMSC of its takes ("Not routable. Do
 * not try again."), 503 while it cannot ("Temporal failure, try again later."). None of
 * these means that the phone is gone, which only its operator's network knows. */
static void sms_classify(const struct device *device, const struct http_reply *reply,
			 const GError *error, gint64 now_us, struct outcome *outcome_r)
{
	gateway_classify_http(reply, error, now_us, outcome_r);
	if (reply == NULL)
		return;
	if (reply->status == 404 && says(reply, "Not routable"))
		outcome_r->kind = OUTCOME_REJECT_MESSAGE;
	else if (outcome_r->kind == OUTCOME_DEVICE_GONE)
		outcome_r->kind = OUTCOME_CONFIG_ERROR;
	/* A page of another kind is at that address. */
	if (outcome_r->kind == OUTCOME_ACCEPTED && reply->status != 202) {
		outcome_r->kind = OUTCOME_CONFIG_ERROR;
		g_free(outcome_r->detail);
		outcome_r->detail = g_strdup_printf(
			"%u is not what a sendsms page answers, see url in section [sms]",
			reply->status);
	}
}

const struct gateway gateway_sms = {
	.name = "sms",
	.lane = sms_lane,
	.prepare = sms_prepare,
	.classify = sms_classify,
	.scheme = SCHEME,
	.check = sms_check,
};
