/* What item.c asks of each kind of item. Theirs alone. */
#ifndef FANTAIL_PIM_ITEM_PRIVATE_H
#define FANTAIL_PIM_ITEM_PRIVATE_H

#include "item.h"
#include "vobject.h"

/* Group 0 is of properties that are none of the device's business, and in no hash: UID, REV ... */
#define PIM_GROUP_IGNORED G_MAXUINT

/* A row of a kind's table of properties. */
struct pim_property_group {
	const char *name;
	guint group;
};
/* `other` if the table does not have it. */
guint pim_find_group(const struct pim_property_group *groups, guint count, const char *property,
		     guint other);

#define PIM_NO_PLACE -1
struct pim_kind {
	/* From any dialect to the normal form, which is never looked at in any other. Takes
	 * `parsed`. */
	struct vobject *(*normalize)(struct vobject *parsed, enum vdialect dialect,
				     const struct pim_style *style, enum pim_component *component_r,
				     GError **error);
	/* To what vobject_write can write in that dialect. New. */
	struct vobject *(*denormalize)(const struct vobject *normal, enum vdialect dialect,
				       const struct pim_style *style);
	/* 0 .. PIM_GROUPS - 1, or PIM_GROUP_IGNORED. `component` is "VCARD", "VEVENT", "VALARM"
	 * ... */
	guint (*group_of)(const char *component, const char *property);
	const char *const *group_names; /* ends with NULL */
	/* The name under which devices say whether they hold a property of the normal form. */
	const char *(*device_name)(const struct vproperty *property);
	/* Where a device has each property of the object, among those of its name; PIM_NO_PLACE:
	 * nowhere. New. NULL: there are no places. */
	gint *(*places)(const struct vobject *normal, const struct pim_style *style);
	/* As it is there. */
	void (*fit)(struct vproperty *property, gint place, const struct pim_style *style);
	void (*keys)(const struct vobject *normal, GArray *keys);
	char *(*title)(const struct vobject *normal);
	/* NULL from here on: it has no such thing. */
	const char *(*uid)(const struct vobject *normal);
	gboolean (*overlaps)(const struct vobject *normal, gint64 since, gint64 before);
	gboolean (*recurs)(const struct vobject *normal);
	gboolean (*occurs)(const struct vobject *series, const struct vobject *normal);
	guint64 (*series_key)(const struct vobject *normal);
	pim_group_mask schedule; /* groups of when and how often */
	char **(*parts)(const struct vobject *normal);
	struct vobject *(*part)(const struct vobject *normal, const char *part);
	/* Which part each child is; "" = the master, or none. New. */
	char **(*part_names)(const struct vobject *normal);
	/* All parts at once: names, "" first, which are new, and what they are by themselves. */
	char **(*split)(const struct vobject *normal, GPtrArray *objects);
	struct vobject *(*with_part)(const struct vobject *normal, const char *part,
				     const struct vobject *changed);
	/* The same for many exceptions, by names that end with NULL. */
	struct vobject *(*with_parts)(const struct vobject *normal, const char *const *names,
				      const struct vobject *const *changed);
	gboolean (*is_lossy)(const struct vobject *normal, enum vdialect dialect);
	enum vdialect stored; /* the dialect of the normal form */
};

extern const struct pim_kind pim_contact_kind, pim_calendar_kind, pim_note_kind;

/* --- contact-slots.c ---------------------------------------------------------------------- */

gint *contact_places(const struct vobject *card, const struct pim_style *style);
void contact_fit(struct vproperty *property, gint place, const struct pim_style *style);
/* Of the normal form, before all else that is done for a device; as it came, likewise. */
void contact_slots_write(struct vobject *card, const struct pim_style *style);
void contact_slots_read(struct vobject *card, const struct pim_style *style);

/* --- item-style.c; `style` may be NULL ---------------------------------------------------- */

/* It has no such property, or this value stands for none. */
gboolean pim_style_lacks(const struct pim_style *style, const struct vproperty *property);
/* What it calls a property; NULL: as others do. */
const char *pim_style_name(const struct pim_style *style, const char *name);
/* The normal form, before it is one of a dialect, and after. */
void pim_style_to(const struct pim_style *style, struct vobject *normal,
		  const struct pim_capability *capability);
void pim_style_from(const struct pim_style *style, struct vobject *normal);
/* What is written in a dialect, and what was read. */
void pim_style_write(const struct pim_style *style, struct vobject *object, enum vdialect dialect,
		     const struct pim_capability *capability);
void pim_style_read(const struct pim_style *style, struct vobject *parsed);

/* Without case, marks, punctuation and blanks: what people take for the same. New. */
char *pim_fold(const char *text);
/* A key of those parts, which end with NULL; never 0. */
guint64 pim_key(const char *part, ...) G_GNUC_NULL_TERMINATED;

#endif
