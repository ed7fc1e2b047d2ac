/* Between the files that read and write events and tasks. */
#ifndef FANTAIL_PIM_CALENDAR_PRIVATE_H
#define FANTAIL_PIM_CALENDAR_PRIVATE_H

#include "datetime.h"
#include "item-private.h"
#include "zones.h"

/* A rule that nobody understood, as it came: back to the device with it. */
#define CALENDAR_UNREAD_RULE "X-FANTAIL-RULE"

struct vobject *calendar_normalize(struct vobject *parsed, enum vdialect dialect,
				   const struct pim_style *style, enum pim_component *component_r,
				   GError **error);
struct vobject *calendar_denormalize(const struct vobject *normal, enum vdialect dialect,
				     const struct pim_style *style);

/* --- calendar.c: the normal form --------------------------------------------------------- */

/* The master, or what there is. */
struct vobject *calendar_master(const struct vobject *normal);
gboolean calendar_is_component(const struct vobject *object);
gboolean calendar_has_zone(const struct vobject *calendar, const char *tzid);
/* The same for many names: what is defined, by its name. It borrows both. */
GHashTable *calendar_zones(const struct vobject *calendar);
/* One more; what is no zone is left out. */
void calendar_note_zone(GHashTable *defined, struct vobject *child);
/* That part as a calendar of its own, without RECURRENCE-ID; "" = the master with exceptions as
 * EXDATE. NULL: there is none. New. */
struct vobject *calendar_part(const struct vobject *normal, const char *part);

/* A time of the normal form. FALSE: there is none, or none that is one. */
gboolean calendar_time(const struct vobject *component, const char *name, struct zones *zones,
		       struct icaltimetype *time_r);
/* The same of one of several values. */
gboolean calendar_value_time(const struct vproperty *property, const char *value,
			     struct zones *zones, struct icaltimetype *time_r);
/* In place of all of that name. */
void calendar_set_time(struct vobject *component, const char *name, const struct zones *zones,
		       struct icaltimetype time);
/* "DTEND" or "DUE". */
const char *calendar_end_name(const struct vobject *component);
/* Seconds from DTSTART to the end; 0 if it has none. Of a day: a day. */
gint64 calendar_duration(const struct vobject *component, struct zones *zones);
gboolean calendar_recurs(const struct vobject *component);

/* Starts of the occurrences of a component by itself, before an instant: sorted struct
 * icaltimetype. */
GArray *calendar_occurrences(const struct vobject *component, struct zones *zones, gint64 before,
			     gboolean with_exdates);

/* --- all-day.c -------------------------------------------------------------------------- */

/* A time as it came. */
struct moment {
	struct icaltimetype written; /* without what its zone is taken for */
	struct icaltimetype time;
	gboolean is_24, is_named; /* T240000; its zone was named, and is kept */
	gboolean is_bare;         /* no zone at all, not even Z */
};

/* Is it meant to be all day? Then the times become dates, the end of an event the day after the
 * last. `start` and `end` may be NULL, of a task. */
gboolean all_day_read(const struct vobject *component, enum vdialect dialect,
		      const struct pim_style *style, const icaltimezone *user, struct moment *start,
		      struct moment *end);
/* Values for a device: new. `last` is the last day. */
void all_day_write(const struct pim_style *style, gint64 first, gint64 last, char **start_r,
		   char **end_r);

/* --- alarm.c ----------------------------------------------------------------------------- */

/* AALARM and so on become VALARM. `user` is the zone of what names none. */
void alarms_read(struct vobject *component, struct zones *zones, const struct pim_style *style);
/* The earliest VALARM becomes AALARM and DALARM, one that sends mail MALARM; the rest goes. */
void alarms_write(struct vobject *component, struct zones *zones, const struct pim_style *style);

/* --- calendar-words.c --------------------------------------------------------------------- */

/* What vCalendar 1.0 says with other words: CLASS, STATUS, PRIORITY, TRANSP, ATTENDEE. */
void words_read(struct vobject *component);
void words_write(struct vobject *component);
/* Of STATUS, what iCalendar has not for that component. */
void words_check_status(struct vobject *component);

#endif
