/*
 * A contact, event, task or note: read from what a device sends, written as a device can hold
 * it, compared and merged. No sync protocol is known here: SyncML is one that stands on it.
 *
 * An item is immutable. Inside it is a vobject tree in one normal form (vCard 4.0's and
 * iCalendar's property names), whatever dialect it came from. What a device knows nothing of
 * stays in it.
 *
 *   vobject.c    content lines
 *   item.c       the table of kinds, hashes, groups, merge
 *   item-style.c what is there, and under which name, on devices of some kinds
 *   contact.c    contacts: dialects to normal form and back, keys
 *   contact-slots.c  the places that a device has for numbers and addresses
 *   calendar.c   events and tasks
 *   recurrence.c RRULE of vCalendar 1.0 and of iCalendar
 *   note.c       notes
 */
#ifndef FANTAIL_PIM_ITEM_H
#define FANTAIL_PIM_ITEM_H

#include <glib.h>

enum pim_collection {
	PIM_CONTACTS,
	PIM_CALENDAR, /* events and tasks */
	PIM_NOTES,
};
#define PIM_COLLECTIONS 3

enum pim_component {
	PIM_CONTACT,
	PIM_EVENT,
	PIM_TASK,
	PIM_NOTE,
};
typedef guint pim_components;
#define PIM_COMPONENT_BIT(component) (1u << (component))

const char *pim_collection_name(enum pim_collection collection); /* "contacts" ... */
const char *pim_component_name(enum pim_component component);    /* "contact" ... */

/* Content types as devices name them. */
enum pim_format {
	PIM_VCARD_2_1,     /* text/x-vcard 2.1 */
	PIM_VCARD_3_0,     /* text/vcard, text/directory 3.0 */
	PIM_VCARD_4_0,     /* text/vcard 4.0 */
	PIM_VCALENDAR_1_0, /* text/x-vcalendar 1.0 */
	PIM_ICALENDAR_2_0, /* text/calendar 2.0 */
	PIM_PLAIN_TEXT,    /* text/plain */
	PIM_VNOTE_1_1,     /* text/x-vnote 1.1 */
};
const char *pim_format_type(enum pim_format format);
const char *pim_format_version(enum pim_format format); /* "" for plain text */
/* By content type (parameters are ignored) and version (NULL or "" = the usual one). FALSE: not
 * one of ours. */
gboolean pim_format_find(const char *type, const char *version, enum pim_format *format_r);

enum pim_all_day {
	PIM_ALL_DAY_NEXT_MIDNIGHT, /* T000000 to T000000 of the next day */
	PIM_ALL_DAY_2359,
	PIM_ALL_DAY_2400,
	PIM_ALL_DAY_DATE, /* VALUE=DATE */
	PIM_ALL_DAY_8_TO_18,
};
enum pim_times {
	PIM_TIMES_UTC,   /* with Z */
	PIM_TIMES_LOCAL, /* of the user's zone, without Z */
};

enum pim_alarms {
	PIM_ALARMS_BOTH, /* AALARM and DALARM */
	PIM_ALARMS_AUDIO,
	PIM_ALARMS_DISPLAY,
};

/* How a device reads and writes. All zero, with a zone, is a good device. */
struct pim_style {
	const char *zone; /* IANA name of the user's zone; NULL = UTC */
	enum pim_times times;
	gboolean times_as_utc;   /* what it sends without Z is UTC */
	gboolean times_as_local; /* what it sends with Z is local */
	gboolean alarms_utc;     /* even where times are local */
	/* Unix seconds. Where a device can hold one occurrence of a rule only, it is the next
	 * from then on; when summer begins is told from then on. 0 = the first. */
	gint64 now;
	gint64 min_time; /* nothing earlier is sent (Symbian: 1980); 0 = no limit */
	enum pim_all_day all_day;
	enum pim_alarms alarms;   /* of vCalendar 1.0 */
	gboolean zone_in_event;   /* TZ stands in each event, too */
	gboolean epoc_entry_type; /* X-EPOCAGENDAENTRYTYPE decides, and is written */
	gboolean rule_ends_by_count;
	gboolean email_internet; /* EMAIL;INTERNET */
	gboolean basic_dates;    /* BDAY:19700131 */
	gboolean send_empty;     /* properties of its capabilities that have no value */
	gboolean fax_is_work;    /* TEL;FAX without a place; else home */
	gboolean street_second;  /* the second and the third component of ADR change places */
	gboolean digits_only;    /* of numbers: digits, '+', '*', '#', and 'p' and 'w' for pauses */
	const char *charset;     /* vobject.h */
	const char *fallback_charset;
	gboolean no_fold, quote_8bit;

	/* Lists end with NULL, and are NULL where there is nothing to say. Places that it has for
	 * numbers and addresses, in its order, each for one value: types with '+' between
	 * ("WORK+FAX"), "-" for any; "*" at the end: and more. NULL: as they come. */
	char **phone_slots, **email_slots, **address_slots;
	char **spoiled_phones;       /* types likewise, of which it makes others */
	gboolean emails_by_position; /* it says no types: the n-th is in the n-th place */
	gboolean empty_addresses;    /* places without an address are written, too */
	gboolean preferred_twice;    /* TEL;PREF is one that stands there again */
	gboolean phone_is_voice;     /* TEL without types */
	gboolean address_is_home;    /* ADR without a place */
	guint name_parts;            /* of N, that it has; 0 = all */
	gboolean photo_without_type; /* of vCard 2.1 */
	const char *category_prefix; /* of categories of contacts; NULL = none */
	const char *memo_category;   /* of events of whole days; NULL = none */
	gboolean description_needed; /* events have one, if only their title again */
	char **names;                /* of vCard, as it has them: "NICKNAME=X-MOT-NICKNAME" */
	char **empty_values;         /* what stands for none: "EMAIL=-" */
	char **without;              /* properties that it has not, whatever it says */
};

/* What a device can hold, by its own names of properties. NULL = everything. */
struct pim_property_limit {
	char *name;
	guint64 max_size; /* characters; G_MAXUINT64 = no limit */
	gboolean no_truncate;
	guint max_occur; /* 0 = no limit */
};
struct pim_capability {
	GHashTable *properties; /* name -> struct pim_property_limit *; "X-*" = any X- */
	pim_components components;
};

struct pim_item;
typedef struct pim_item pim_item_t;

#define PIM_ITEM_ERROR (pim_item_error_quark())
GQuark pim_item_error_quark(void);
enum pim_item_error {
	PIM_ITEM_ERROR_SYNTAX,
	PIM_ITEM_ERROR_LIMIT,
	PIM_ITEM_ERROR_COMPONENT, /* no contact, event, task or note in it */
};

/* The format says where to begin; the text's own VERSION decides. `style` NULL = a good
 * device. */
struct pim_item *pim_item_parse(enum pim_format format, const char *text, gsize len,
				const struct pim_style *style, GError **error);
/* As the device can hold it. New. */
GString *pim_item_write(const struct pim_item *item, enum pim_format format,
			const struct pim_style *style, const struct pim_capability *capability);
/* The form that the store keeps, which pim_item_load takes back unchanged: vCard 4.0,
 * iCalendar 2.0 or plain text. */
GBytes *pim_item_stored(const struct pim_item *item);
struct pim_item *pim_item_load(enum pim_component component, const void *stored, gsize len,
			       GError **error);
struct pim_item *pim_item_ref(const struct pim_item *item);
void pim_item_unref(struct pim_item *item);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(pim_item_t, pim_item_unref)

enum pim_component pim_item_component(const struct pim_item *item);
/* The UID of events and tasks; NULL = none. */
const char *pim_item_uid(const struct pim_item *item);
/* A line for people: "Pat Example", "Lunch (2026-11-22 12:00)". New. */
char *pim_item_title(const struct pim_item *item);
/* Values of a property by its name in the device's dialect, for filters. NULL-terminated, new. */
char **pim_item_values(const struct pim_item *item, const char *property);
/* Does any occurrence lie at or after `since` and before `before` (unix seconds)? TRUE for
 * contacts and notes. */
gboolean pim_item_overlaps(const struct pim_item *item, gint64 since, gint64 before);

/* --- exceptions of recurring events ------------------------------------- */

/* Does such a device know no RECURRENCE-ID? Then it gets each exception as an item of its own, and
 * the master without them. */
gboolean pim_exceptions_apart(enum pim_format format, const struct pim_capability *capability);
/* Recurrence-ids of exceptions. NULL-terminated, new; no exceptions: empty. */
char **pim_item_parts(const struct pim_item *item);
/* One of these by itself; "" = the master, for which these occurrences are excepted. NULL: there
 * is no such part. New. */
struct pim_item *pim_item_part(const struct pim_item *item, const char *part);
/* All of them at once, the master first, in a time that grows with the item and not with its
 * square: struct pim_part. New. */
struct pim_part {
	char *name;
	struct pim_item *item;
};
GPtrArray *pim_item_split(const struct pim_item *item);
/* The item with that part replaced (a device changed it), or, if it is not the master, taken out
 * with `changed` NULL: then the occurrence is excepted. New. */
struct pim_item *pim_item_with_part(const struct pim_item *item, const char *part,
				    const struct pim_item *changed);
/* The item without these exceptions, whose occurrences are excepted then. `parts` ends with NULL.
 * New. */
struct pim_item *pim_item_without_parts(const struct pim_item *item, const char *const *parts);
/* Cannot be said in that format without loss: what the device says of when and how often is not
 * believed when it comes back. */
gboolean pim_item_is_lossy(const struct pim_item *item, enum pim_format format);
gboolean pim_item_recurs(const struct pim_item *item);
/* Does the one begin when an occurrence of the other does? */
gboolean pim_item_occurs(const struct pim_item *series, const struct pim_item *item);

/* --- comparing ---------------------------------------------------------- */

/* Equal contents, however they are ordered or written: not UID, REV, PRODID, DTSTAMP, nor when it
 * was created. */
void pim_item_hash(const struct pim_item *item, guint8 hash_r[16]);
/* What makes two items likely the same (key hashes of slow sync): any in common. Adds guint64
 * to `keys`, which may have none. */
void pim_item_keys(const struct pim_item *item, GArray *keys);
/* The same for all events, or tasks, of that name; 0: it has none. */
guint64 pim_item_series_key(const struct pim_item *item);

/* Properties in groups that change together: name, phones, addresses ...; when, alarm, where.
 * Fixed numbers for a component. A group that is empty has the value 0. */
#define PIM_GROUPS 16
struct pim_groups {
	guint64 hash[PIM_GROUPS];
};
typedef guint pim_group_mask;
void pim_item_groups(const struct pim_item *item, struct pim_groups *groups_r);
/* Where they differ. */
pim_group_mask pim_groups_differ(const struct pim_groups *a, const struct pim_groups *b);
/* Those of when it is and how often. */
pim_group_mask pim_schedule_groups(enum pim_component component);
/* "phones"; NULL = no such group. */
const char *pim_group_name(enum pim_component component, guint group);
/* What the device has after it got the item: less what it cannot hold, cut to its sizes. New. */
struct pim_item *pim_item_project(const struct pim_item *item, enum pim_format format,
				  const struct pim_style *style,
				  const struct pim_capability *capability);

/* Ours, with the groups of `theirs` taken over from what the device sent. Within a group,
 * properties that the device cannot hold stay ours, and a value that is ours cut to the
 * device's size is ours. New. */
struct pim_item *pim_item_merge(const struct pim_item *ours, const struct pim_item *theirs,
				pim_group_mask groups, enum pim_format format,
				const struct pim_style *style,
				const struct pim_capability *capability);

#endif
