/*
 * Content lines: vCard 2.1, 3.0 and 4.0, vCalendar 1.0, iCalendar 2.0 and vNote 1.1 as a tree of
 * components and properties, and back. Knows the grammar of each dialect – encodings,
 * charsets, folding, escapes, bare parameters – and no property's meaning, but for which values
 * are lists.
 *
 * The tree does not depend on the dialect it came from: values are unescaped UTF-8 with LF for
 * line ends, parameters are name=value ("TYPE" for the bare ones of 2.1), encodings and
 * charsets are gone, binary is octets. Pure. For hostile input: sizes and depth end at
 * limits.h; what is unknown is kept.
 */
#ifndef FANTAIL_PIM_VOBJECT_H
#define FANTAIL_PIM_VOBJECT_H

#include <glib.h>

enum vdialect {
	VCARD_2_1,
	VCARD_3_0,
	VCARD_4_0,
	VCALENDAR_1_0,
	ICALENDAR_2_0,
	VNOTE_1_1,
};

struct vparam {
	char *name; /* upper case */
	char *value;
};

struct vproperty {
	char *group;       /* "item1"; NULL = none */
	char *name;        /* upper case */
	GPtrArray *params; /* struct vparam * */
	/* Structured values (N, ADR, ORG ...) have components, each a list of values; all others
	 * have one component. components[i] is a GPtrArray of char *. */
	GPtrArray *components;
	GBytes *binary; /* PHOTO ...: then there are no components; NULL = text */
};

struct vobject {
	char *name;            /* "VCARD", "VEVENT" ...; upper case */
	GPtrArray *properties; /* struct vproperty *, in their order; VERSION is left out */
	GPtrArray *children;   /* struct vobject * */
};
typedef struct vobject vobject_t;

#define VOBJECT_ERROR (vobject_error_quark())
GQuark vobject_error_quark(void);
enum vobject_error {
	VOBJECT_ERROR_SYNTAX, /* the text names the line */
	VOBJECT_ERROR_LIMIT,
};

/* What some devices write and what they cannot read; NULL = none of it. */
struct vobject_style {
	/* Of input that is not valid UTF-8 and does not name one; NULL = windows-1252. */
	const char *fallback_charset;
	const char *charset; /* of output in 2.1 and 1.0; NULL = UTF-8 */
	gboolean no_fold;
	gboolean quote_8bit; /* QUOTED-PRINTABLE for all that is not ASCII, else only when needed */
};

/* The first object of the text. The dialect is what VERSION and BEGIN say, whatever the
 * content type was; `dialect_r` may be NULL. `rest_r`, if not NULL, is where the next object
 * begins (white space read over), or the end. */
struct vobject *vobject_parse(const char *text, gsize len, const struct vobject_style *style,
			      enum vdialect *dialect_r, gsize *rest_r, GError **error);
/* CR LF line ends. */
GString *vobject_write(const struct vobject *object, enum vdialect dialect,
		       const struct vobject_style *style);

/* In place: no controls but TAB and LF; CR LF and CR are LF. What values of a tree have to be. */
void vobject_clean(char *text);
struct vobject *vobject_new(const char *name);
struct vobject *vobject_copy(const struct vobject *object);
/* NULL is fine. */
void vobject_free(struct vobject *object);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(vobject_t, vobject_free)

/* How the value of a property is made up. */
enum vshape {
	VSHAPE_TEXT,
	VSHAPE_LIST,       /* one component of several values */
	VSHAPE_STRUCTURED, /* several components, each of several values */
	VSHAPE_RAW,        /* no escapes, in no dialect: one component of one value */
	VSHAPE_BINARY,     /* octets, unless it is a URI */
};
enum vshape vshape_of(const char *name);
/* vCard 2.1, vCalendar 1.0, vNote 1.1: they have encodings and charsets. */
gboolean vdialect_is_old(enum vdialect dialect);

/* The first of that name, or NULL. */
struct vproperty *vobject_find(const struct vobject *object, const char *name);
struct vproperty *vobject_add(struct vobject *object, const char *name, const char *value);
/* All of that name. */
void vobject_remove(struct vobject *object, const char *name);
struct vproperty *vproperty_new(const char *name);
void vproperty_add_value(struct vproperty *property, guint component, const char *value);
gboolean vproperty_is_empty(const struct vproperty *property);
void vproperty_remove_params(struct vproperty *property, const char *name);
struct vproperty *vproperty_copy(const struct vproperty *property);
void vproperty_free(struct vproperty *property);
/* The first value of a component; "" if there is none. */
const char *vproperty_value(const struct vproperty *property, guint component);
/* The first parameter of that name, or NULL. */
const char *vproperty_param(const struct vproperty *property, const char *name);
/* Has it that value among its TYPEs (in any case)? */
gboolean vproperty_has_type(const struct vproperty *property, const char *type);
/* "image/png", as its TYPE says; "image/jpeg" if that says none that we know. */
const char *vproperty_media_type(const struct vproperty *property);
/* The other way, of what stands before a ';'. What is usual is not said. */
void vproperty_add_media_type(struct vproperty *property, const char *media);
/* Past LIMIT_VOBJECT_PARAMS it is left out. */
void vproperty_add_param(struct vproperty *property, const char *name, const char *value);

#endif
