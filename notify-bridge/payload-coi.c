/*
 * COI IMAP WebPush v1.0: one JSON object. Clients must skip members they do not
 * know; ours are `events`, `uids` and `preview`.
 */
#include "limits.h"
#include "payload-private.h"
#include "utf8-text.h"

#include <string.h>

#include <json-glib/json-glib.h>

/* COI's ceilings, bytes before the ellipsis. */
#define COI_TEXT 100
#define COI_FOLDER 200

static void add_text(JsonBuilder *builder, const char *name, const char *text, gsize max)
{
	g_autofree char *cut = utf8_text_cut(text, max, "…");

	if (cut == NULL || cut[0] == '\0')
		return;
	json_builder_set_member_name(builder, name);
	json_builder_add_string_value(builder, cut);
}

static void add_number(JsonBuilder *builder, const char *name, gint64 number)
{
	if (number == 0)
		return;
	json_builder_set_member_name(builder, name);
	json_builder_add_int_value(builder, number);
}

/* A name that is cut would be another folder's. */
static void add_folder(JsonBuilder *builder, const char *name)
{
	if (strlen(name) <= COI_FOLDER && g_utf8_validate(name, -1, NULL))
		add_text(builder, "folder", name, COI_FOLDER);
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

static void add_content(JsonBuilder *builder, const struct push_event *event, gboolean preview)
{
	g_autofree char *address = utf8_text_clean(event->from_address);
	g_autofree char *lower = address == NULL ? NULL : g_utf8_strdown(address, -1);

	add_text(builder, "from-email", lower, COI_TEXT);
	add_text(builder, "from-name", event->from_name, COI_TEXT);
	add_text(builder, "subject", event->subject, COI_TEXT);
	add_text(builder, "date", event->date, COI_TEXT);
	add_text(builder, "msg-id", event->message_id, COI_TEXT);
	if (preview)
		add_text(builder, "preview", event->preview, LIMIT_PREVIEW);
}

static void add_event(JsonBuilder *builder, const struct payload_facts *facts, gboolean content,
		      gboolean lists)
{
	const struct push_event *event = &facts->event;

	add_folder(builder, event->mailbox);
	add_number(builder, "uid", facts->highest_uid);
	add_number(builder, "uidvalidity", event->uidvalidity);
	/* COI knows of new mail only, so a push without `events` is that. */
	if (facts->kinds != PUSH_EVENT_KINDS_ARRIVAL)
		add_events(builder, facts->kinds);
	if (lists && !facts->arrival)
		add_text(builder, "uids", event->uids, LIMIT_PUSH_PLAINTEXT);
	if (content && facts->arrival)
		add_content(builder, event, lists);
}

static void add_data_change(JsonBuilder *builder, const struct push_event *event, gboolean lists)
{
	add_events(builder, PUSH_EVENT_KIND_BIT(PUSH_EVENT_DATA_CHANGE));
	if (lists || strlen(event->databases) <= COI_FOLDER)
		add_text(builder, "databases", event->databases, LIMIT_SYNC_DATABASES);
	if (!lists)
		return;
	add_text(builder, "package-type", event->package_type, COI_TEXT);
	add_text(builder, "package", event->package, LIMIT_SYNC_PACKAGE_BASE64);
}

/* `lists`: with the members that have no small ceiling. */
static GString *build(const struct payload_facts *facts, gboolean content, gboolean lists)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonGenerator) generator = json_generator_new();
	g_autoptr(JsonNode) root = NULL;
	GString *out = g_string_new(NULL);

	json_builder_begin_object(builder);
	if (facts->token != NULL)
		add_text(builder, "validation", facts->token, LIMIT_PUSH_PLAINTEXT / 4);
	else if (facts->data_change)
		add_data_change(builder, &facts->event, lists);
	else if (facts->has_event)
		add_event(builder, facts, content, lists);
	json_builder_end_object(builder);
	root = json_builder_get_root(builder);
	json_generator_set_root(generator, root);
	json_generator_to_gstring(generator, out);
	return out;
}

GString *payload_coi(const struct payload_facts *facts, gboolean content, gboolean minimal)
{
	GString *out = build(facts, content, !minimal);

	/* Without the lists even strings that are all escapes fit: five of 103
	 * octets and a folder of 200, six octets for one at the most. */
	if (out->len > LIMIT_PUSH_PLAINTEXT) {
		g_string_free(out, TRUE);
		out = build(facts, content, FALSE);
	}
	return out;
}
