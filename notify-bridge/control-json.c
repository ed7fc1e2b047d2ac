#include "control-json.h"
#include "registry.h"
#include "vapid.h"

#include <string.h>

/* Octets shown of what follows the origin. */
#define ENDPOINT_SHOWN 8
/* A gateway's text can be as long as its answer; a terminal's line is not. */
#define DETAIL_MAX 500

char *control_json_endpoint(const char *endpoint)
{
	const char *path, *end;

	path = strstr(endpoint, "://");
	if (path == NULL)
		return g_strdup(endpoint);
	path = strchr(path + strlen("://"), '/');
	if (path == NULL)
		return g_strdup(endpoint);
	path++;
	end = memchr(path, '\0', ENDPOINT_SHOWN + 1);
	if (end != NULL)
		return g_strdup(endpoint);
	return g_strdup_printf("%.*s…", (int)(path + ENDPOINT_SHOWN - endpoint), endpoint);
}

static void add_kinds(JsonBuilder *builder, const char *name, push_event_kinds kinds)
{
	json_builder_set_member_name(builder, name);
	json_builder_begin_array(builder);
	for (int kind = 0; kind < PUSH_EVENT_KIND_COUNT; kind++) {
		if ((kinds & PUSH_EVENT_KIND_BIT(kind)) != 0)
			json_builder_add_string_value(
				builder, push_event_kind_name((enum push_event_kind)kind));
	}
	json_builder_end_array(builder);
}

static void add_detail(JsonBuilder *builder, const char *name, const char *detail)
{
	g_autofree char *cut = detail != NULL ? g_strndup(detail, DETAIL_MAX) : NULL;

	control_json_text(builder, name, cut);
}

/* Which of our keys a Web Push device was subscribed under. */
static const char *key_state(const struct device *device, const struct vapid *vapid)
{
	if (device->vapid_key == NULL || vapid == NULL)
		return NULL;
	if (strcmp(device->vapid_key, vapid_public_key(vapid)) == 0)
		return "current";
	return vapid_has_key(vapid, device->vapid_key) ? "former" : "lost";
}

/* Tokens are as good as addresses, to whoever has the certificate. */
static char *shorten(const struct device *device)
{
	enum device_face face = device_face(device->dialect);

	if ((face == FACE_APPLE || face == FACE_DELTAPUSH) &&
	    strlen(device->endpoint) > ENDPOINT_SHOWN)
		return g_strdup_printf("%.*s…", ENDPOINT_SHOWN, device->endpoint);
	return control_json_endpoint(device->endpoint);
}

void control_json_device(JsonBuilder *builder, const struct device *device,
			 const struct vapid *vapid, gboolean full)
{
	gboolean spoken = strcmp(device->gateway, "webpush") == 0 ||
			  device_face(device->dialect) != FACE_WEBPUSH;
	g_autofree char *shortened = shorten(device);

	json_builder_begin_object(builder);
	control_json_text(builder, "user", device->user);
	control_json_text(builder, "device", device->device);
	control_json_text(builder, "kind", device_kind(device));
	control_json_text(builder, "gateway", device->gateway);
	control_json_text(builder, "state", device_state_name(device->state));
	control_json_text(builder, "dialect", spoken ? device_dialect_name(device->dialect) : NULL);
	control_json_text(builder, "endpoint", full ? device->endpoint : shortened);
	add_kinds(builder, "events", device->events);
	json_builder_set_member_name(builder, "mailboxes");
	if (device->mailboxes == NULL) {
		json_builder_add_null_value(builder);
	} else {
		json_builder_begin_array(builder);
		for (char **mailbox = device->mailboxes; *mailbox != NULL; mailbox++) {
			g_autofree char *valid = g_utf8_make_valid(*mailbox, -1);

			g_strdelimit(valid, "\x1f", '?');
			json_builder_add_string_value(builder, valid);
		}
		json_builder_end_array(builder);
	}
	control_json_bool(builder, "content", device->content);
	control_json_text(builder, "msgtype", device_msgtype_name(device->msgtype));
	control_json_text(builder, "client", device->client);
	control_json_text(builder, "label", device->label);
	control_json_text(builder, "vapid_key", key_state(device, vapid));
	control_json_time(builder, "created", device->created);
	control_json_time(builder, "confirm_by",
			  device->state == DEVICE_INACTIVE ? device->confirm_by : 0);
	control_json_time(builder, "confirmed", device->confirmed);
	control_json_time(builder, "last_ok", device->last_ok);
	control_json_time(builder, "dead_at", device->dead_at);
	control_json_time(builder, "seen", device->seen);
	control_json_time(builder, "expires", device_expires(device));
	add_detail(builder, "last_outcome", device->last_outcome);
}

void control_json_filters(JsonBuilder *builder, const GPtrArray *attachments)
{
	json_builder_set_member_name(builder, "filters");
	json_builder_begin_array(builder);
	for (guint i = 0; i < attachments->len; i++) {
		const struct registry_attachment *attachment = g_ptr_array_index(attachments, i);
		g_autofree char *text = *attachment->mailbox == '\0'
						? g_strdup(attachment->filter)
						: g_strdup_printf("%s in %s", attachment->filter,
								  attachment->mailbox);
		g_autofree char *valid = g_utf8_make_valid(text, -1);

		g_strdelimit(valid, "\x1f", '?');
		json_builder_add_string_value(builder, valid);
	}
	json_builder_end_array(builder);
}

/* "mail:INBOX" is the arrivals in INBOX. */
static const char *key_mailbox(const char *key)
{
	const char *colon = g_str_has_prefix(key, "sync:") ? NULL : strchr(key, ':');

	return colon != NULL ? colon + 1 : NULL;
}

void control_json_notification(JsonBuilder *builder, const struct notification *notification,
			       const struct device *device)
{
	json_builder_begin_object(builder);
	control_json_int(builder, "id", notification->id);
	control_json_text(builder, "user", notification->user);
	control_json_text(builder, "device", device != NULL ? device->device : NULL);
	control_json_text(builder, "lane", notification->lane);
	control_json_text(builder, "class",
			  notification_is_arrival(notification) ? "arrival" : "state");
	control_json_text(builder, "mailbox", key_mailbox(notification->key));
	add_kinds(builder, "events", notification->kinds);
	control_json_int(builder, "messages", notification->messages);
	control_json_int(builder, "attempts", notification->attempts);
	control_json_time(builder, "first", notification->first_us / G_USEC_PER_SEC);
	control_json_time(builder, "due", notification->due_us / G_USEC_PER_SEC);
	control_json_time(builder, "expires", notification->expires_us / G_USEC_PER_SEC);
	json_builder_end_object(builder);
}

/* What the gateways' sockets would get: "apns-topic" and so on. */
static void add_headers(JsonBuilder *builder, const GPtrArray *headers)
{
	json_builder_set_member_name(builder, "headers");
	json_builder_begin_object(builder);
	for (guint i = 0; i < headers->len; i++) {
		const struct http_header *header = g_ptr_array_index(headers, i);

		control_json_text(builder, header->name, header->value);
	}
	json_builder_end_object(builder);
}

/* The token ends the URL. */
static char *held_url(const char *url, gboolean full)
{
	const char *slash = strrchr(url, '/');

	if (full || slash == NULL || strlen(slash + 1) <= ENDPOINT_SHOWN)
		return g_strdup(url);
	return g_strdup_printf("%.*s…", (int)(slash + 1 + ENDPOINT_SHOWN - url), url);
}

void control_json_held(JsonBuilder *builder, const struct held_push *push, gboolean full)
{
	g_autofree char *url = held_url(push->request->url, full);
	gsize len = 0;
	const char *data = g_bytes_get_data(push->request->body, &len);
	g_autofree char *body = g_strndup(data, len);

	json_builder_begin_object(builder);
	control_json_time(builder, "time", push->time_us / G_USEC_PER_SEC);
	control_json_text(builder, "user", push->user);
	control_json_text(builder, "device", push->device_name);
	control_json_text(builder, "gateway", push->gateway);
	control_json_text(builder, "url", url);
	add_headers(builder, push->request->headers);
	control_json_text(builder, "payload", body);
	control_json_text(builder, "mailbox", push->mailbox);
	add_kinds(builder, "events", push->kinds);
	control_json_int(builder, "messages", push->messages);
	control_json_time(builder, "first", push->first_us / G_USEC_PER_SEC);
	json_builder_end_object(builder);
}

void control_json_outcome(JsonBuilder *builder, const char *user, const struct device *device,
			  const struct outcome *outcome, gint64 took_us)
{
	g_autofree char *shortened = control_json_endpoint(device->endpoint);

	json_builder_begin_object(builder);
	control_json_text(builder, "user", user);
	control_json_text(builder, "device", device->device);
	control_json_text(builder, "gateway", device->gateway);
	control_json_text(builder, "state", device_state_name(device->state));
	control_json_text(builder, "endpoint", shortened);
	control_json_text(builder, "outcome",
			  outcome != NULL ? outcome_name(outcome->kind) : "timeout");
	control_json_bool(builder, "accepted",
			  outcome != NULL && outcome->kind == OUTCOME_ACCEPTED);
	control_json_int(builder, "status", outcome != NULL ? outcome->status : 0);
	add_detail(builder, "detail",
		   outcome != NULL ? outcome->detail : "the gateway did not answer in time");
	control_json_int(builder, "milliseconds", took_us / 1000);
	json_builder_end_object(builder);
}
