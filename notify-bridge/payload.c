#include "payload.h"

#include "limits.h"
#include "payload-private.h"
#include "tabline.h"
#include "uid-set.h"

#include <string.h>

static guint32 highest_uid(const char *uids)
{
	struct uid_set set = {0};
	guint32 highest = 0;

	if (uids != NULL && uid_set_add_text(&set, uids))
		highest = uid_set_highest(&set);
	uid_set_free(&set);
	return highest;
}

void payload_facts_init(struct payload_facts *facts, const struct notification *notification)
{
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	size_t count;

	memset(facts, 0, sizeof(*facts));
	facts->kinds = notification->kinds;
	facts->arrival = (notification->kinds & PUSH_EVENT_KINDS_ARRIVAL) != 0;
	facts->line = g_strdup(notification->event != NULL ? notification->event : "");
	if (tabline_split(facts->line, strlen(facts->line), fields, G_N_ELEMENTS(fields), &count) !=
	    TABLINE_OK)
		return;
	if (fields[0].key == NULL && strcmp(fields[0].value, "CONFIRM") == 0) {
		facts->token = tabline_get(fields, count, "token");
		return;
	}
	if (fields[0].key == NULL && strcmp(fields[0].value, "COMMAND") == 0) {
		facts->command = tabline_get(fields, count, "event");
		return;
	}
	facts->has_event = push_event_from_fields(fields, count, &facts->event) == PUSH_EVENT_OK;
	facts->data_change = facts->has_event && facts->event.kind == PUSH_EVENT_DATA_CHANGE;
	if (facts->has_event)
		facts->highest_uid = highest_uid(facts->event.uids);
}

void payload_facts_clear(struct payload_facts *facts)
{
	g_clear_pointer(&facts->line, g_free);
}

gboolean payload_is_confirmation(const struct notification *notification)
{
	return notification->event != NULL && g_str_has_prefix(notification->event, "CONFIRM\t");
}

GBytes *payload_build(const struct device *device, const struct notification *notification,
		      gboolean minimal)
{
	gboolean content = device->content && !minimal;
	struct payload_facts facts;
	GString *text;

	payload_facts_init(&facts, notification);
	if (device->dialect == DIALECT_COI)
		text = payload_coi(&facts, content, minimal);
	else
		text = payload_gougeon(device, &facts, content, minimal);
	payload_facts_clear(&facts);
	g_assert(text->len <= LIMIT_PUSH_PLAINTEXT);
	return g_string_free_to_bytes(text);
}
