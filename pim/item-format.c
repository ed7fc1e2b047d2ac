/* The names of collections, components and content types. */
#include "item.h"

#include <string.h>

static const char *const collections[PIM_COLLECTIONS] = {
	[PIM_CONTACTS] = "contacts",
	[PIM_CALENDAR] = "calendar",
	[PIM_NOTES] = "notes",
};

static const char *const components[] = {
	[PIM_CONTACT] = "contact",
	[PIM_EVENT] = "event",
	[PIM_TASK] = "task",
	[PIM_NOTE] = "note",
};

/* What we write first, then other names of the same. The first row of a type is its usual
 * version. */
static const struct {
	enum pim_format format;
	const char *type, *version;
} formats[] = {
	{PIM_VCARD_2_1, "text/x-vcard", "2.1"},      {PIM_VCARD_3_0, "text/vcard", "3.0"},
	{PIM_VCARD_4_0, "text/vcard", "4.0"},        {PIM_VCALENDAR_1_0, "text/x-vcalendar", "1.0"},
	{PIM_ICALENDAR_2_0, "text/calendar", "2.0"}, {PIM_PLAIN_TEXT, "text/plain", ""},
	{PIM_VNOTE_1_1, "text/x-vnote", "1.1"},      {PIM_VCARD_2_1, "text/vcard", "2.1"},
	{PIM_VCARD_3_0, "text/x-vcard", "3.0"},      {PIM_VCARD_3_0, "text/directory", "3.0"},
	{PIM_VCALENDAR_1_0, "text/calendar", "1.0"}, {PIM_ICALENDAR_2_0, "text/x-vcalendar", "2.0"},
	{PIM_PLAIN_TEXT, "text/plain", "1.0"},
};

const char *pim_collection_name(enum pim_collection collection)
{
	return collections[collection];
}

const char *pim_component_name(enum pim_component component)
{
	return components[component];
}

const char *pim_format_type(enum pim_format format)
{
	return formats[format].type;
}

const char *pim_format_version(enum pim_format format)
{
	return formats[format].version;
}

gboolean pim_format_find(const char *type, const char *version, enum pim_format *format_r)
{
	gsize len = strcspn(type, "; \t");

	for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
		if (strlen(formats[i].type) != len ||
		    g_ascii_strncasecmp(formats[i].type, type, len) != 0)
			continue;
		if (version == NULL || *version == '\0' ||
		    strcmp(formats[i].version, version) == 0) {
			*format_r = formats[i].format;
			return TRUE;
		}
	}
	return FALSE;
}
