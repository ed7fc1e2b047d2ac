/*
 * What devices make of properties whatever the kind of the item: some are not there, others have
 * another name, or must have a value although there is none.
 */
#include <string.h>

#include "item-private.h"

static gboolean is_calendar_entry(const struct vobject *object)
{
	return strcmp(object->name, "VEVENT") == 0 || strcmp(object->name, "VTODO") == 0;
}

/* "NAME=value" of a list: the value; NULL: it has none of that name. */
static const char *find_pair(char **pairs, const char *name)
{
	gsize len = strlen(name);

	for (; pairs != NULL && *pairs != NULL; pairs++) {
		if (g_ascii_strncasecmp(*pairs, name, len) == 0 && (*pairs)[len] == '=')
			return *pairs + len + 1;
	}
	return NULL;
}

static gboolean is_in(char **list, const char *name)
{
	for (; list != NULL && *list != NULL; list++) {
		if (g_ascii_strcasecmp(*list, name) == 0)
			return TRUE;
	}
	return FALSE;
}

/* It has the value that stands for none. */
static gboolean is_dummy(const struct vproperty *property, const struct pim_style *style)
{
	const char *dummy = find_pair(style->empty_values, property->name);
	g_autofree char *value = NULL;

	if (dummy == NULL || property->binary != NULL || property->components->len > 1)
		return FALSE;
	value = g_strstrip(g_strdup(vproperty_value(property, 0)));
	return strcmp(value, dummy) == 0;
}

gboolean pim_style_lacks(const struct pim_style *style, const struct vproperty *property)
{
	return style != NULL &&
	       (is_in(style->without, property->name) || is_dummy(property, style));
}

const char *pim_style_name(const struct pim_style *style, const char *name)
{
	return style == NULL ? NULL : find_pair(style->names, name);
}

/* --- the normal form ------------------------------------------------------------------------- */

static void change_categories(const struct vobject *card, const char *prefix, gboolean add)
{
	const struct vproperty *property = vobject_find(card, "CATEGORIES");
	GPtrArray *values = property == NULL || property->components->len == 0
				    ? NULL
				    : property->components->pdata[0];

	for (guint i = 0; values != NULL && i < values->len; i++) {
		char *value = values->pdata[i];

		if (add && *value != '\0')
			values->pdata[i] = g_strconcat(prefix, value, NULL);
		else if (!add && g_str_has_prefix(value, prefix))
			values->pdata[i] = g_strdup(value + strlen(prefix));
		else
			continue;
		g_free(value);
	}
}

static gboolean is_memo(const struct vobject *event)
{
	const struct vproperty *start = vobject_find(event, "DTSTART");
	const char *value = start == NULL ? NULL : vproperty_param(start, "VALUE");

	return strcmp(event->name, "VEVENT") == 0 && g_strcmp0(value, "DATE") == 0;
}

static gboolean find_category(const struct vproperty *property, const char *category, guint *at_r)
{
	GPtrArray *values = property == NULL || property->components->len == 0
				    ? NULL
				    : property->components->pdata[0];

	for (guint i = 0; values != NULL && i < values->len; i++) {
		if (g_ascii_strcasecmp(values->pdata[i], category) == 0) {
			*at_r = i;
			return TRUE;
		}
	}
	return FALSE;
}

static void add_category(struct vobject *event, const char *category)
{
	struct vproperty *property = vobject_find(event, "CATEGORIES");
	guint at;

	if (property == NULL)
		vobject_add(event, "CATEGORIES", category);
	else if (!find_category(property, category, &at))
		vproperty_add_value(property, 0, category);
}

static void remove_category(struct vobject *event, const char *category)
{
	struct vproperty *property = vobject_find(event, "CATEGORIES");
	guint at;

	if (!find_category(property, category, &at))
		return;
	g_ptr_array_remove_index(property->components->pdata[0], at);
	if (vproperty_is_empty(property))
		g_ptr_array_remove(event->properties, property);
}

static gboolean may_have(const struct pim_capability *capability, const char *name)
{
	return capability == NULL || g_hash_table_contains(capability->properties, name);
}

/* `capability`: of whom it is not to be one that it does not know; NULL = of nobody. */
static void rename_all(struct vobject *card, char **pairs, gboolean to_theirs,
		       const struct pim_capability *capability)
{
	for (guint i = 0; pairs != NULL && i < card->properties->len; i++) {
		struct vproperty *property = card->properties->pdata[i];

		for (char **pair = pairs; *pair != NULL; pair++) {
			g_auto(GStrv) both = g_strsplit(*pair, "=", 2);

			if (g_ascii_strcasecmp(property->name, both[to_theirs ? 0 : 1]) == 0 &&
			    may_have(capability, both[1])) {
				g_free(property->name);
				property->name = g_ascii_strup(both[to_theirs ? 1 : 0], -1);
				break;
			}
		}
	}
}

void pim_style_to(const struct pim_style *style, struct vobject *normal,
		  const struct pim_capability *capability)
{
	if (style == NULL)
		return;
	if (strcmp(normal->name, "VCARD") == 0) {
		if (style->category_prefix != NULL)
			change_categories(normal, style->category_prefix, TRUE);
		rename_all(normal, style->names, TRUE, capability);
	}
	for (guint i = 0; style->memo_category != NULL && i < normal->children->len; i++) {
		struct vobject *child = normal->children->pdata[i];

		if (is_memo(child))
			add_category(child, style->memo_category);
	}
}

void pim_style_from(const struct pim_style *style, struct vobject *normal)
{
	if (style == NULL)
		return;
	if (strcmp(normal->name, "VCARD") == 0 && style->category_prefix != NULL)
		change_categories(normal, style->category_prefix, FALSE);
	for (guint i = 0; style->memo_category != NULL && i < normal->children->len; i++) {
		struct vobject *child = normal->children->pdata[i];

		if (is_memo(child))
			remove_category(child, style->memo_category);
	}
}

/* --- what is written ------------------------------------------------------ */

/* Times and rules are there or not; what has no value is text. */
static gboolean is_text_of(const struct vobject *object, const char *name)
{
	static const char *const texts[] = {"SUMMARY", "DESCRIPTION", "LOCATION", NULL};
	static const char *const never[] = {"BEGIN", "END", "VERSION", "X-*", "PHOTO", "UID", NULL};
	gboolean of_calendar = g_strv_contains(texts, name);

	if (is_calendar_entry(object))
		return of_calendar || strcmp(name, "CATEGORIES") == 0;
	return !of_calendar && !g_strv_contains(never, name);
}

/* The device's name of each property in its capabilities that has no value in the item. */
static void add_empty(struct vobject *object, const struct pim_capability *capability)
{
	GHashTableIter iter;
	gpointer name;

	g_hash_table_iter_init(&iter, capability->properties);
	while (g_hash_table_iter_next(&iter, &name, NULL)) {
		if (is_text_of(object, name) && vobject_find(object, name) == NULL)
			vobject_add(object, name, "");
	}
}

static void add_dummies(struct vobject *object, const struct pim_style *style,
			const struct pim_capability *capability)
{
	for (char **pair = style->empty_values; pair != NULL && *pair != NULL; pair++) {
		g_auto(GStrv) both = g_strsplit(*pair, "=", 2);
		struct vproperty *added;

		if (!is_text_of(object, both[0]) || !may_have(capability, both[0]) ||
		    vobject_find(object, both[0]) != NULL)
			continue;
		added = vobject_add(object, both[0], both[1]);
		if (strcmp(both[0], "EMAIL") == 0)
			vproperty_add_param(added, "TYPE", "INTERNET");
	}
}

static void add_description(struct vobject *entry, const struct pim_capability *capability)
{
	const struct vproperty *summary = vobject_find(entry, "SUMMARY");

	if (summary != NULL && vobject_find(entry, "DESCRIPTION") == NULL &&
	    may_have(capability, "DESCRIPTION"))
		vobject_add(entry, "DESCRIPTION", vproperty_value(summary, 0));
}

void pim_style_write(const struct pim_style *style, struct vobject *object, enum vdialect dialect,
		     const struct pim_capability *capability)
{
	gboolean is_entry = is_calendar_entry(object);

	if (style == NULL)
		return;
	for (guint i = 0; i < object->children->len; i++)
		pim_style_write(style, object->children->pdata[i], dialect, capability);
	if (!is_entry && strcmp(object->name, "VCARD") != 0)
		return;
	if (is_entry && style->description_needed)
		add_description(object, capability);
	add_dummies(object, style, capability);
	if (style->send_empty && capability != NULL)
		add_empty(object, capability);
	for (guint i = 0;
	     style->photo_without_type && dialect == VCARD_2_1 && i < object->properties->len;
	     i++) {
		struct vproperty *property = object->properties->pdata[i];

		if (strcmp(property->name, "PHOTO") == 0)
			vproperty_remove_params(property, "TYPE");
	}
}

/* --- what is read --------------------------------------------------------- */

/* One that has no description has its title there. */
static void read_description(struct vobject *entry)
{
	const struct vproperty *summary = vobject_find(entry, "SUMMARY");
	struct vproperty *description = vobject_find(entry, "DESCRIPTION");

	if (description == NULL)
		return;
	if (summary == NULL || vproperty_is_empty(summary)) {
		g_free(description->name);
		description->name = g_strdup("SUMMARY");
		if (summary != NULL)
			g_ptr_array_remove(entry->properties, (gpointer)summary);
	} else if (strcmp(vproperty_value(summary, 0), vproperty_value(description, 0)) == 0) {
		vobject_remove(entry, "DESCRIPTION");
	}
}

void pim_style_read(const struct pim_style *style, struct vobject *parsed)
{
	if (style == NULL)
		return;
	for (guint i = parsed->properties->len; i > 0; i--) {
		if (pim_style_lacks(style, parsed->properties->pdata[i - 1]))
			g_ptr_array_remove_index(parsed->properties, i - 1);
	}
	if (strcmp(parsed->name, "VCARD") == 0)
		rename_all(parsed, style->names, FALSE, NULL);
	if (is_calendar_entry(parsed) && style->description_needed)
		read_description(parsed);
	for (guint i = 0; i < parsed->children->len; i++)
		pim_style_read(style, parsed->children->pdata[i]);
}
