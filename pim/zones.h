/*
 * Time zones of a calendar: by name from the system's database, or as the calendar itself
 * defines them. A name from outside never becomes the name of a file: only names of the database's
 * list are looked up.
 */
#ifndef FANTAIL_PIM_ZONES_H
#define FANTAIL_PIM_ZONES_H

#include <glib.h>
#include <libical/ical.h>

#include "vobject.h"

struct zones;
typedef struct zones zones_t;

/* `user` is a setting, not from outside; NULL = UTC. The calendar must outlive the zones. */
struct zones *zones_new(const struct vobject *calendar, const char *user);
void zones_free(struct zones *zones);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(zones_t, zones_free)

const icaltimezone *zones_user(const struct zones *zones);
/* "Europe/Berlin", also at the end of a longer name, else what the calendar defines by that name;
 * NULL = neither. */
const icaltimezone *zones_find(struct zones *zones, const char *tzid);
/* Is it a name of the system's database, as zones_find writes it? */
gboolean zones_is_known(const char *tzid);
/* NULL for UTC. */
const char *zones_name(const struct zones *zones, const icaltimezone *zone);
/* VTIMEZONE of what one of the first two gave, from a year on; NULL for UTC. New. */
struct vobject *zones_define(const struct zones *zones, const icaltimezone *zone, int year);

/* vCalendar 1.0's TZ: how far from UTC it is when it is not summer. New. */
char *zones_offset(const icaltimezone *zone, int year);
/* vCalendar 1.0: TZ and a DAYLIGHT for each of some years, for devices that know when summer
 * begins from nowhere else. */
void zones_add_daylight(struct vobject *calendar, const icaltimezone *zone, int year);

#endif
