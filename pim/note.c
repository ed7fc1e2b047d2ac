/* Notes: plain text, or vNote 1.1. In the normal form a vNote with its BODY. */
#include <string.h>

#include "item-private.h"

enum {
	GROUP_BODY,
	GROUP_CATEGORIES,
	GROUP_OTHER,
};
static const char *const group_names[] = {"text", "categories", "other", NULL};

static guint group_of(const char *component, const char *property)
{
	static const struct pim_property_group groups[] = {
		{"BODY", GROUP_BODY},
		{"SUMMARY", PIM_GROUP_IGNORED},
		{"CATEGORIES", GROUP_CATEGORIES},
		{"DCREATED", PIM_GROUP_IGNORED},
		{"LAST-MODIFIED", PIM_GROUP_IGNORED},
		{"X-IRMC-LUID", PIM_GROUP_IGNORED},
	};

	(void)component;
	return pim_find_group(groups, G_N_ELEMENTS(groups), property, GROUP_OTHER);
}

/* Devices add or drop the last line's end. */
static struct vobject *normalize(struct vobject *parsed, enum vdialect dialect,
				 const struct pim_style *style, enum pim_component *component_r,
				 GError **error)
{
	const struct vproperty *body = vobject_find(parsed, "BODY");
	g_autofree char *text = g_strdup(body == NULL ? "" : vproperty_value(body, 0));
	g_auto(GStrv) lines = NULL;
	g_autofree char *joined = NULL;

	(void)dialect;
	(void)style;
	(void)error;
	lines = g_strsplit(text, "\r\n", -1);
	joined = g_strjoinv("\n", lines);
	vobject_remove(parsed, "BODY");
	vobject_add(parsed, "BODY", g_strchomp(joined));
	*component_r = PIM_NOTE;
	return parsed;
}

static struct vobject *denormalize(const struct vobject *normal, enum vdialect dialect,
				   const struct pim_style *style)
{
	(void)dialect;
	(void)style;
	return vobject_copy(normal);
}

static const char *device_name(const struct vproperty *property)
{
	return property->name;
}

static const char *body_of(const struct vobject *normal)
{
	const struct vproperty *body = vobject_find(normal, "BODY");

	return body == NULL ? "" : vproperty_value(body, 0);
}

static char *first_line(const struct vobject *normal)
{
	const char *body = body_of(normal);

	return g_strndup(body, strcspn(body, "\n"));
}

/* The text; and the title with some of what comes then, for devices that cut it short. */
static void keys(const struct vobject *normal, GArray *keys_r)
{
	const char *body = body_of(normal);
	g_autofree char *folded = pim_fold(body);
	g_autofree char *start = g_utf8_substring(folded, 0, MIN(g_utf8_strlen(folded, -1), 100));
	guint64 whole = pim_key("note", folded, NULL), some = pim_key("note-start", start, NULL);

	if (*folded == '\0')
		return;
	g_array_append_val(keys_r, whole);
	g_array_append_val(keys_r, some);
}

const struct pim_kind pim_note_kind = {
	.normalize = normalize,
	.denormalize = denormalize,
	.group_of = group_of,
	.group_names = group_names,
	.device_name = device_name,
	.keys = keys,
	.title = first_line,
	.stored = VNOTE_1_1,
};
