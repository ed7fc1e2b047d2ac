#include "webhook.h"

#include "limits.h"
#include "payload-private.h"
#include "template.h"
#include "utf8-text.h"

#include <string.h>

#include <json-glib/json-glib.h>

#define ID_OCTETS 16

static const char *event_type(const struct payload_facts *facts)
{
	if (facts->data_change)
		return "data.changed";
	if (facts->arrival)
		return "mail.new";
	return (facts->kinds & PUSH_EVENT_KINDS_MESSAGE) != 0 ? "mail.changed" : "mailbox.changed";
}

/* UTC, seconds: when the oldest of the events was committed. */
static char *event_time(const struct notification *notification)
{
	g_autoptr(GDateTime) time =
		g_date_time_new_from_unix_utc(notification->first_us / G_USEC_PER_SEC);

	return time == NULL ? NULL : g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ");
}

/* --- the standard body ------------------------------------------------------ */

static void add_text(JsonBuilder *builder, const char *name, const char *text)
{
	g_autofree char *clean = utf8_text_clean(text);

	if (clean == NULL)
		return;
	json_builder_set_member_name(builder, name);
	json_builder_add_string_value(builder, clean);
}

/* JSON numbers are doubles to many readers: exact up to 2^53, as is a modseq in
 * practice (RFC 7162 allows 63 bits). */
static void add_number(JsonBuilder *builder, const char *name, guint64 number)
{
	if (number == 0)
		return;
	json_builder_set_member_name(builder, name);
	json_builder_add_int_value(builder, (gint64)MIN(number, G_MAXINT64));
}

static void add_events(JsonBuilder *builder, push_event_kinds kinds)
{
	json_builder_set_member_name(builder, "events");
	json_builder_begin_array(builder);
	for (guint i = 0; i < PUSH_EVENT_KIND_COUNT; i++) {
		if ((kinds & PUSH_EVENT_KIND_BIT(i)) != 0)
			json_builder_add_string_value(
				builder, push_event_kind_name((enum push_event_kind)i));
	}
	json_builder_end_array(builder);
}

static void add_content(JsonBuilder *builder, const struct push_event *event)
{
	if (event->from_name == NULL && event->from_address == NULL && event->subject == NULL &&
	    event->date == NULL && event->message_id == NULL && event->preview == NULL)
		return;
	json_builder_set_member_name(builder, "message");
	json_builder_begin_object(builder);
	add_text(builder, "from-name", event->from_name);
	add_text(builder, "from-address", event->from_address);
	add_text(builder, "subject", event->subject);
	add_text(builder, "date", event->date);
	add_text(builder, "message-id", event->message_id);
	add_text(builder, "preview", event->preview);
	json_builder_end_object(builder);
}

static GBytes *standard_body(const struct config_webhook *hook,
			     const struct notification *notification,
			     const struct payload_facts *facts, gboolean minimal)
{
	const struct push_event *event = &facts->event;
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonNode) root = NULL;
	g_autofree char *time = event_time(notification);
	char *text;

	json_builder_begin_object(builder);
	add_text(builder, "type", event_type(facts));
	add_text(builder, "time", time);
	add_text(builder, "webhook", hook->name);
	add_text(builder, "user", notification->user);
	json_builder_set_member_name(builder, "data");
	json_builder_begin_object(builder);
	add_events(builder, facts->kinds);
	add_text(builder, "mailbox", event->mailbox);
	add_text(builder, "mailbox-id", event->mailbox_id);
	add_text(builder, "old-mailbox", event->old_mailbox);
	add_number(builder, "uidvalidity", event->uidvalidity);
	if (!minimal)
		add_text(builder, "uids", event->uids);
	add_number(builder, "count", notification->messages);
	add_number(builder, "modseq", event->modseq);
	if (facts->data_change) {
		add_text(builder, "device", event->device);
		add_text(builder, "databases", event->databases);
		add_text(builder, "package-type", event->package_type);
		add_text(builder, "package", event->package);
	}
	if (hook->content && !minimal && facts->arrival)
		add_content(builder, event);
	json_builder_end_object(builder);
	json_builder_end_object(builder);
	root = json_builder_get_root(builder);
	text = json_to_string(root, FALSE);
	return g_bytes_new_take(text, strlen(text));
}

/* --- a template ------------------------------------------------------------- */

static char *event_names(push_event_kinds kinds)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < PUSH_EVENT_KIND_COUNT; i++) {
		if ((kinds & PUSH_EVENT_KIND_BIT(i)) != 0)
			g_string_append_printf(out, "%s%s", out->len == 0 ? "" : " ",
					       push_event_kind_name((enum push_event_kind)i));
	}
	return g_string_free(out, FALSE);
}

static char *number_text(guint64 number)
{
	return g_strdup_printf("%" G_GUINT64_FORMAT, number);
}

static void set_content(const char *values[TEMPLATE_NAME_COUNT], const struct push_event *event)
{
	values[TEMPLATE_FROM] = event->from_name != NULL && event->from_name[0] != '\0'
					? event->from_name
					: event->from_address;
	values[TEMPLATE_FROM_NAME] = event->from_name;
	values[TEMPLATE_FROM_ADDRESS] = event->from_address;
	values[TEMPLATE_SUBJECT] = event->subject;
	values[TEMPLATE_DATE] = event->date;
	values[TEMPLATE_MESSAGE_ID] = event->message_id;
	values[TEMPLATE_PREVIEW] = event->preview;
}

static GBytes *template_body(const struct config_webhook *hook,
			     const struct notification *notification,
			     const struct payload_facts *facts, gboolean minimal, GError **error)
{
	const struct push_event *event = &facts->event;
	const char *values[TEMPLATE_NAME_COUNT] = {NULL};
	g_autofree char *events = event_names(facts->kinds);
	g_autofree char *count = number_text(notification->messages);
	g_autofree char *uidvalidity = number_text(event->uidvalidity);
	g_autofree char *modseq = number_text(event->modseq);
	g_autofree char *time = event_time(notification);
	char *text;

	values[TEMPLATE_USER] = notification->user;
	values[TEMPLATE_MAILBOX] = event->mailbox;
	values[TEMPLATE_EVENT] = event_type(facts);
	values[TEMPLATE_EVENTS] = events;
	values[TEMPLATE_COUNT] = count;
	values[TEMPLATE_UIDS] = minimal ? NULL : event->uids;
	values[TEMPLATE_UIDVALIDITY] = uidvalidity;
	values[TEMPLATE_MODSEQ] = modseq;
	values[TEMPLATE_TIME] = time;
	values[TEMPLATE_WEBHOOK] = hook->name;
	if (facts->data_change) {
		values[TEMPLATE_DEVICE] = event->device;
		values[TEMPLATE_DATABASES] = event->databases;
		values[TEMPLATE_PACKAGE_TYPE] = event->package_type;
		values[TEMPLATE_PACKAGE] = event->package;
	}
	if (hook->content && !minimal && facts->arrival)
		set_content(values, event);
	text = template_expand(hook->template, values, error);
	return text == NULL ? NULL : g_bytes_new_take(text, strlen(text));
}

GBytes *webhook_body(const struct config_webhook *hook, const struct notification *notification,
		     gboolean minimal, GError **error)
{
	struct payload_facts facts;
	GBytes *body;

	payload_facts_init(&facts, notification);
	if (hook->template != NULL)
		body = template_body(hook, notification, &facts, minimal, error);
	else
		body = standard_body(hook, notification, &facts, minimal);
	payload_facts_clear(&facts);
	return body;
}

/* --- who says it -------------------------------------------------------------- */

char *webhook_id(const struct config_webhook *hook, const struct notification *notification)
{
	g_autofree char *facts = g_strdup_printf(
		"%" G_GINT64_FORMAT " %u %" G_GINT64_FORMAT " %s %s", notification->id,
		notification->revision, notification->first_us, hook->name, notification->user);
	g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, facts, -1);

	return g_strdup_printf("msg_%.*s", 2 * ID_OCTETS, hash);
}

static char *sign(GBytes *secret, const char *id, gint64 timestamp, GBytes *body)
{
	gsize key_len, body_len, len = 32;
	const guchar *key = g_bytes_get_data(secret, &key_len);
	const guchar *data = g_bytes_get_data(body, &body_len);
	g_autoptr(GHmac) hmac = g_hmac_new(G_CHECKSUM_SHA256, key, key_len);
	g_autofree char *prefix = g_strdup_printf("%s.%" G_GINT64_FORMAT ".", id, timestamp);
	guint8 digest[32];

	g_hmac_update(hmac, (const guchar *)prefix, (gssize)strlen(prefix));
	/* Length -1 would mean a string, 0 is fine. */
	if (body_len > 0)
		g_hmac_update(hmac, data, (gssize)body_len);
	g_hmac_get_digest(hmac, digest, &len);
	return g_base64_encode(digest, len);
}

char *webhook_signature(const struct config_webhook *hook, const char *id, gint64 timestamp,
			GBytes *body)
{
	g_autofree char *signature = NULL, *old = NULL;

	if (hook->secret == NULL)
		return NULL;
	signature = sign(hook->secret, id, timestamp, body);
	if (hook->old_secret == NULL)
		return g_strconcat("v1,", signature, NULL);
	old = sign(hook->old_secret, id, timestamp, body);
	return g_strconcat("v1,", signature, " v1,", old, NULL);
}
