/* Days that devices write as times, each in its way. What is all day is never moved by a zone. */
#include "calendar-private.h"

#include <string.h>

#define LAST_MINUTE (23 * DATETIME_HOUR + 59 * DATETIME_MINUTE)

static const char *value_of(const struct vobject *component, const char *name)
{
	const struct vproperty *property = vobject_find(component, name);

	return property == NULL ? "" : vproperty_value(property, 0);
}

/* Somebody says so in words. */
static gboolean is_said(const struct vobject *component)
{
	static const char *const entries[] = {"EVENT", "ANNIVERSARY", "DAY", "MEMO"};
	const char *entry = value_of(component, "X-EPOCAGENDAENTRYTYPE");

	for (guint i = 0; i < G_N_ELEMENTS(entries); i++) {
		if (g_ascii_strcasecmp(entries[i], entry) == 0)
			return TRUE;
	}
	return strcmp(value_of(component, "X-FUNAMBOL-ALLDAY"), "1") == 0 ||
	       g_ascii_strcasecmp(value_of(component, "X-MICROSOFT-CDO-ALLDAYEVENT"), "TRUE") == 0;
}

static gboolean is_appointment(const struct vobject *component, const struct pim_style *style)
{
	const char *entry = value_of(component, "X-EPOCAGENDAENTRYTYPE");

	return style->epoc_entry_type && *entry != '\0' && !is_said(component);
}

/* In its own zone, if that was named, else in the user's; days as they are written, even by
 * a device whose times are meant in UTC. */
static struct icaltimetype local_of(const struct moment *moment, const icaltimezone *user)
{
	if (moment->is_bare)
		return moment->written;
	return moment->is_named ? moment->time : datetime_in(moment->time, user);
}

/* The last day of [start, end): an end at midnight is the end of the day before. */
static gint64 last_day(gint64 first, struct icaltimetype end)
{
	gint64 day = datetime_day(end) - (datetime_clock(end) == 0 ? 1 : 0);

	return MAX(first, day);
}

/* T000000 to the last minute, or to T240000: nothing else looks like that, in whatever zone. */
static gboolean fills_days(struct icaltimetype start, struct icaltimetype end, gboolean is_24)
{
	return datetime_clock(start) == 0 && (is_24 || datetime_clock(end) >= LAST_MINUTE) &&
	       datetime_day(end) >= datetime_day(start);
}

static gboolean is_midnights(struct icaltimetype start, struct icaltimetype end)
{
	return datetime_clock(start) == 0 && datetime_clock(end) == 0 &&
	       datetime_day(end) >= datetime_day(start);
}

static gboolean is_working_day(struct icaltimetype start, struct icaltimetype end)
{
	return datetime_clock(start) == 8 * DATETIME_HOUR &&
	       datetime_clock(end) == 18 * DATETIME_HOUR &&
	       datetime_day(end) >= datetime_day(start);
}

static gboolean find_days(const struct vobject *component, enum vdialect dialect,
			  const struct pim_style *style, const icaltimezone *user,
			  const struct moment *start, const struct moment *end, gint64 *first_r,
			  gint64 *last_r)
{
	struct icaltimetype local = local_of(start, user), local_end;
	gboolean said = is_said(component);

	if (end == NULL) {
		/* A Z after midnight that is no midnight here is a slip. */
		*first_r = *last_r =
			datetime_day(datetime_clock(start->written) == 0 ? start->written : local);
		return said;
	}
	local_end = local_of(end, user);
	if (fills_days(start->written, end->written, end->is_24)) {
		*first_r = datetime_day(start->written);
		*last_r = last_day(*first_r, end->written);
		return TRUE;
	}
	if (fills_days(local, local_end, end->is_24) ||
	    ((dialect == VCALENDAR_1_0 || said) && is_midnights(local, local_end)) ||
	    (style->all_day == PIM_ALL_DAY_8_TO_18 && is_working_day(local, local_end))) {
		*first_r = datetime_day(local);
		*last_r = last_day(*first_r, local_end);
		return TRUE;
	}
	if (said && datetime_clock(start->written) == 0) {
		*first_r = datetime_day(start->written);
		*last_r = last_day(*first_r, end->written);
	} else {
		*first_r = datetime_day(local);
		*last_r = last_day(*first_r, local_end);
	}
	return said;
}

/* A task has days if all its times are at the beginning or end of one. */
static gboolean read_task(struct moment *start, struct moment *end, const icaltimezone *user)
{
	struct moment *const both[] = {start, end};
	struct icaltimetype days[2] = {{0}};

	for (guint i = 0; i < G_N_ELEMENTS(both); i++) {
		guint clock;

		if (both[i] == NULL)
			continue;
		days[i] = both[i]->time.is_date ? both[i]->time : local_of(both[i], user);
		clock = datetime_clock(days[i]);
		if (clock != 0 && clock < LAST_MINUTE)
			return FALSE;
		days[i] = datetime_date(datetime_day(days[i]) - (both[i]->is_24 ? 1 : 0));
	}
	for (guint i = 0; i < G_N_ELEMENTS(both); i++) {
		if (both[i] != NULL)
			both[i]->time = days[i];
	}
	return start != NULL || end != NULL;
}

static gboolean has_date(const struct moment *moment)
{
	return moment != NULL && moment->time.is_date;
}

gboolean all_day_read(const struct vobject *component, enum vdialect dialect,
		      const struct pim_style *style, const icaltimezone *user, struct moment *start,
		      struct moment *end)
{
	gint64 first, last;

	if (strcmp(component->name, "VTODO") == 0)
		return (dialect == VCALENDAR_1_0 || has_date(start) || has_date(end)) &&
		       read_task(start, end, user);
	if (start->time.is_date) {
		first = datetime_day(start->time);
		last = end == NULL ? first
				   : last_day(first,
					      end->time.is_date ? end->time : local_of(end, user));
	} else if (is_appointment(component, style) ||
		   !find_days(component, dialect, style, user, start, has_date(end) ? NULL : end,
			      &first, &last)) {
		return FALSE;
	}
	start->time = datetime_date(first);
	if (end != NULL)
		end->time = datetime_date(last + 1);
	return TRUE;
}

static char *at_clock(gint64 day, const char *clock)
{
	g_autofree char *date = datetime_format(datetime_date(day));

	return g_strconcat(date, clock, NULL);
}

void all_day_write(const struct pim_style *style, gint64 first, gint64 last, char **start_r,
		   char **end_r)
{
	switch (style->all_day) {
	case PIM_ALL_DAY_NEXT_MIDNIGHT:
		*start_r = at_clock(first, "T000000");
		*end_r = at_clock(last + 1, "T000000");
		return;
	case PIM_ALL_DAY_2359:
		*start_r = at_clock(first, "T000000");
		*end_r = at_clock(last, "T235900");
		return;
	case PIM_ALL_DAY_2400:
		*start_r = at_clock(first, "T000000");
		*end_r = at_clock(last, "T240000");
		return;
	case PIM_ALL_DAY_DATE:
		*start_r = at_clock(first, "");
		*end_r = at_clock(last + 1, "");
		return;
	case PIM_ALL_DAY_8_TO_18:
		*start_r = at_clock(first, "T080000");
		*end_r = at_clock(last, "T180000");
		return;
	}
}
