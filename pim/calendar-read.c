/*
 * Events and tasks to the normal form, which is iCalendar 2.0:
 *
 *   - one VCALENDAR, the master first, then its exceptions, or one VTODO;
 *   - a single event is in UTC, a recurring one in the zone in which it recurs: that of the user,
 *     unless the device named another. Days are dates;
 *   - an end is DTEND or DUE, never DURATION, and later than the start;
 *   - zones of the system's database have its names and no VTIMEZONE.
 *
 * A time that is none is left out. Without a start an event is nowhere in a calendar, and is
 * refused: the device still has it. A rule that nobody understands is kept as it came.
 */
#include "calendar-private.h"

#include <string.h>

#include "limits.h"
#include "recurrence.h"

struct reader {
	enum vdialect dialect;
	const struct pim_style *style;
	struct zones *zones;
	GError **error;
};

/* --- times -------------------------------------------------------------------------------- */

static gboolean read_moment(const struct reader *reader, const struct vproperty *property,
			    const char *text, struct moment *moment_r)
{
	const char *tzid = vproperty_param(property, "TZID");
	const icaltimezone *named = NULL;
	struct moment moment = {.is_24 = FALSE};

	if (!datetime_parse(text, &moment.time, &moment.is_24))
		return FALSE;
	moment.written = moment.time;
	moment.written.zone = NULL;
	moment.is_bare = moment.time.zone == NULL && tzid == NULL;
	if (!moment.time.is_date) {
		if (moment.time.zone == NULL && tzid != NULL)
			named = zones_find(reader->zones, tzid);
		if (named != NULL)
			moment.time.zone = named;
		else if (moment.time.zone == NULL)
			moment.time.zone = reader->style->times_as_utc
						   ? icaltimezone_get_utc_timezone()
						   : zones_user(reader->zones);
		else if (reader->style->times_as_local)
			moment.time.zone = zones_user(reader->zones);
		else
			/* In iCalendar, an event that recurs in UTC is meant to. */
			named = reader->dialect == ICALENDAR_2_0 ? moment.time.zone : NULL;
	}
	moment.is_named = named != NULL;
	*moment_r = moment;
	return TRUE;
}

static gboolean find_moment(const struct reader *reader, const struct vobject *component,
			    const char *name, struct moment *moment_r)
{
	const struct vproperty *property = vobject_find(component, name);

	return property != NULL &&
	       read_moment(reader, property, vproperty_value(property, 0), moment_r);
}

static void settle_zone(const struct reader *reader, struct moment *moment, gboolean recurs)
{
	if (moment->time.is_date || moment->is_named)
		return;
	moment->time = datetime_in(moment->time, recurs ? zones_user(reader->zones)
							: icaltimezone_get_utc_timezone());
}

/* From DURATION, if that is there. */
static gboolean find_end(const struct reader *reader, const struct vobject *component,
			 const struct moment *start, struct moment *end_r)
{
	const struct vproperty *duration = vobject_find(component, "DURATION");
	gint64 seconds;

	if (find_moment(reader, component, calendar_end_name(component), end_r))
		return TRUE;
	if (start == NULL || duration == NULL ||
	    !datetime_parse_duration(vproperty_value(duration, 0), &seconds) || seconds <= 0)
		return FALSE;
	*end_r = *start;
	if (start->time.is_date) {
		end_r->time = datetime_date(datetime_day(start->time) +
					    (seconds + DATETIME_DAY - 1) / DATETIME_DAY);
	} else {
		end_r->time =
			datetime_at(datetime_instant(start->time) + seconds, start->time.zone);
		end_r->written = end_r->time;
	}
	end_r->written.zone = NULL;
	return TRUE;
}

static void set_or_remove(const struct reader *reader, struct vobject *component, const char *name,
			  const struct moment *moment)
{
	if (moment == NULL)
		vobject_remove(component, name);
	else
		calendar_set_time(component, name, reader->zones, moment->time);
}

static gboolean is_later(const struct vobject *component, const struct moment *start,
			 const struct moment *end)
{
	/* A task may be due on the day it starts. */
	if (strcmp(component->name, "VTODO") == 0)
		return start->time.is_date == end->time.is_date &&
		       datetime_instant(end->time) >= datetime_instant(start->time);
	return start->time.is_date == end->time.is_date &&
	       datetime_instant(end->time) > datetime_instant(start->time);
}

static gboolean read_span(const struct reader *reader, struct vobject *component)
{
	gboolean is_task = strcmp(component->name, "VTODO") == 0;
	gboolean recurs = calendar_recurs(component);
	struct moment starts, ends, *start = NULL, *end = NULL;

	if (find_moment(reader, component, "DTSTART", &starts))
		start = &starts;
	if (find_end(reader, component, start, &ends))
		end = &ends;
	if (start == NULL && !is_task) {
		if (end == NULL) {
			g_set_error_literal(reader->error, PIM_ITEM_ERROR, PIM_ITEM_ERROR_SYNTAX,
					    "an event without a time");
			return FALSE;
		}
		starts = ends;
		start = &starts;
		end = NULL;
	}
	if ((start != NULL || end != NULL) &&
	    !all_day_read(component, reader->dialect, reader->style, zones_user(reader->zones),
			  start, end)) {
		if (start != NULL)
			settle_zone(reader, start, recurs);
		if (end != NULL && !end->is_named && start != NULL && start->is_named)
			end->time = datetime_in(end->time, start->time.zone);
		else if (end != NULL)
			settle_zone(reader, end, recurs);
	}
	if (start != NULL && end != NULL && !is_later(component, start, end)) {
		/* Of a task, when it is due is what matters. */
		if (is_task)
			start = NULL;
		else
			end = NULL;
	}
	/* A day is as long as a day. */
	if (!is_task && end != NULL && start->time.is_date &&
	    datetime_day(end->time) == datetime_day(start->time) + 1)
		end = NULL;
	set_or_remove(reader, component, "DTSTART", start);
	set_or_remove(reader, component, calendar_end_name(component), end);
	vobject_remove(component, "DURATION");
	return TRUE;
}

static void read_stamps(const struct reader *reader, struct vobject *component)
{
	static const char *const names[] = {"COMPLETED", "CREATED", "LAST-MODIFIED", "DTSTAMP"};

	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		struct moment moment;

		if (vobject_find(component, names[i]) == NULL)
			continue;
		if (!find_moment(reader, component, names[i], &moment)) {
			vobject_remove(component, names[i]);
			continue;
		}
		if (moment.time.is_date) {
			moment.time.is_date = 0;
			moment.time.zone = zones_user(reader->zones);
		}
		moment.time = datetime_in(moment.time, icaltimezone_get_utc_timezone());
		calendar_set_time(component, names[i], reader->zones, moment.time);
	}
}

/* --- recurrence --------------------------------------------------------------------------- */

/* As the start: a day, or an instant in its zone. Devices name the day of an occurrence at
 * midnight, too. */
static struct icaltimetype as_start(const struct moment *moment, struct icaltimetype start,
				    const icaltimezone *user)
{
	struct icaltimetype time = moment->time;

	if (start.is_date) {
		if (!time.is_date && datetime_clock(moment->written) != 0 && !moment->is_named)
			time = datetime_in(time, user);
		else
			time = moment->is_named ? time : moment->written;
		return datetime_date(datetime_day(time));
	}
	if (time.is_date ||
	    (datetime_clock(moment->written) == 0 && !moment->is_named &&
	     datetime_clock(datetime_in(time, start.zone)) != datetime_clock(start)))
		return datetime_on_day(start, datetime_day(moment->written));
	return datetime_in(time, start.zone);
}

static int compare_times(gconstpointer a, gconstpointer b)
{
	gint64 x = datetime_instant(*(const struct icaltimetype *)a);
	gint64 y = datetime_instant(*(const struct icaltimetype *)b);

	return (x > y) - (x < y);
}

/* EXDATE and RDATE: all values in one property, in order. */
static void read_dates(const struct reader *reader, struct vobject *component, const char *name,
		       struct icaltimetype start)
{
	g_autoptr(GArray) times = g_array_new(FALSE, FALSE, sizeof(struct icaltimetype));
	struct vproperty *merged = NULL;

	for (guint i = 0; i < component->properties->len; i++) {
		const struct vproperty *property = component->properties->pdata[i];

		if (strcmp(property->name, name) != 0 || property->components->len == 0)
			continue;
		for (guint j = 0; j < ((GPtrArray *)property->components->pdata[0])->len; j++) {
			const char *value = ((GPtrArray *)property->components->pdata[0])->pdata[j];
			/* Of a period, its start. */
			g_autofree char *first = g_strndup(value, strcspn(value, "/"));
			struct moment moment;
			struct icaltimetype time;

			if (times->len < LIMIT_OCCURRENCES &&
			    read_moment(reader, property, first, &moment)) {
				time = as_start(&moment, start, zones_user(reader->zones));
				g_array_append_val(times, time);
			}
		}
	}
	vobject_remove(component, name);
	g_array_sort(times, compare_times);
	for (guint i = 0; i < times->len; i++) {
		const struct icaltimetype *time = &g_array_index(times, struct icaltimetype, i);
		g_autofree char *value = datetime_format(*time);

		if (i > 0 && compare_times(time - 1, time) == 0)
			continue;
		if (merged == NULL) {
			calendar_set_time(component, name, reader->zones, *time);
			merged = vobject_find(component, name);
		} else {
			vproperty_add_value(merged, 0, value);
		}
	}
}

static void replace_value(struct vproperty *property, const char *name, const char *value)
{
	g_autofree char *old = property->name;

	property->name = g_strdup(name);
	g_ptr_array_set_size(property->components, 0);
	vproperty_add_value(property, 0, value);
}

/* Either grammar, whatever the dialect: devices mix them. */
static void read_rules(struct vobject *component, struct icaltimetype start)
{
	guint count = 0;

	for (guint i = component->properties->len; i > 0; i--) {
		struct vproperty *property = component->properties->pdata[i - 1];
		gboolean is_rule = strcmp(property->name, "RRULE") == 0;
		struct icalrecurrencetype rule;

		if (!is_rule && strcmp(property->name, "EXRULE") != 0)
			continue;
		if (++count > LIMIT_RULES) {
			g_ptr_array_remove_index(component->properties, i - 1);
		} else if (rrule_parse(vproperty_value(property, 0), start, &rule) ||
			   rrule10_parse(vproperty_value(property, 0), start, &rule)) {
			g_autofree char *text = rrule_write(&rule);

			replace_value(property, property->name, text);
		} else if (is_rule && !vproperty_is_empty(property)) {
			g_autofree char *text = g_strdup(vproperty_value(property, 0));

			replace_value(property, CALENDAR_UNREAD_RULE, text);
		} else {
			g_ptr_array_remove_index(component->properties, i - 1);
		}
	}
}

static void read_recurrence(const struct reader *reader, struct vobject *component)
{
	struct icaltimetype start;

	if (!calendar_time(component, "DTSTART", reader->zones, &start) &&
	    !calendar_time(component, calendar_end_name(component), reader->zones, &start)) {
		/* Nothing that they could be occurrences of, or be read as. */
		vobject_remove(component, "EXDATE");
		vobject_remove(component, "RDATE");
		return;
	}
	read_rules(component, start);
	read_dates(reader, component, "EXDATE", start);
	read_dates(reader, component, "RDATE", start);
}

static void read_recurrence_id(const struct reader *reader, struct vobject *component,
			       struct icaltimetype start)
{
	struct moment moment;

	if (find_moment(reader, component, "RECURRENCE-ID", &moment))
		calendar_set_time(component, "RECURRENCE-ID", reader->zones,
				  as_start(&moment, start, zones_user(reader->zones)));
}

/* --- the rest ------------------------------------------------------------------------------- */

static void rename_property(struct vobject *component, const char *from, const char *to)
{
	struct vproperty *property = vobject_find(component, from);

	if (property != NULL && vobject_find(component, to) == NULL) {
		g_free(property->name);
		property->name = g_strdup(to);
	}
	vobject_remove(component, from);
}

/* What kind of entry it is follows from its times; but for these, it is kept only where it
 * does not. */
static void read_entry_type(struct vobject *component)
{
	struct vproperty *property = vobject_find(component, "X-EPOCAGENDAENTRYTYPE");

	if (property != NULL && g_ascii_strcasecmp(vproperty_value(property, 0), "REMINDER") != 0 &&
	    (g_ascii_strcasecmp(vproperty_value(property, 0), "ANNIVERSARY") != 0 ||
	     vobject_find(component, "RRULE") != NULL))
		vobject_remove(component, "X-EPOCAGENDAENTRYTYPE");
}

static void remove_encodings(struct vobject *component)
{
	for (guint i = 0; i < component->properties->len; i++) {
		struct vproperty *property = component->properties->pdata[i];

		vproperty_remove_params(property, "CHARSET");
		vproperty_remove_params(property, "ENCODING");
	}
}

static gboolean read_component(const struct reader *reader, struct vobject *component)
{
	static const char *const said[] = {"RNUM", "X-FUNAMBOL-ALLDAY",
					   "X-MICROSOFT-CDO-ALLDAYEVENT", "TZ", "DAYLIGHT"};

	/* Devices make theirs up, anew each time. */
	if (reader->dialect == VCALENDAR_1_0)
		vobject_remove(component, "UID");
	if (!read_span(reader, component))
		return FALSE;
	rename_property(component, "DCREATED", "CREATED");
	read_stamps(reader, component);
	read_recurrence(reader, component);
	alarms_read(component, reader->zones, reader->style);
	if (reader->dialect == VCALENDAR_1_0) {
		words_read(component);
		remove_encodings(component);
	}
	read_entry_type(component);
	for (guint i = 0; i < G_N_ELEMENTS(said); i++)
		vobject_remove(component, said[i]);
	return TRUE;
}

/* --- the calendar --------------------------------------------------------------------------- */

static const char *uid_of(const struct vobject *component)
{
	const struct vproperty *uid = vobject_find(component, "UID");

	return uid == NULL ? "" : vproperty_value(uid, 0);
}

/* The first that is no exception, or the first. */
static const struct vobject *find_master(const struct vobject *parsed)
{
	const struct vobject *first = NULL;

	for (guint i = 0; i < parsed->children->len; i++) {
		const struct vobject *child = parsed->children->pdata[i];

		if (!calendar_is_component(child))
			continue;
		if (vobject_find(child, "RECURRENCE-ID") == NULL)
			return child;
		if (first == NULL)
			first = child;
	}
	return first;
}

static gboolean is_exception_of(const struct vobject *child, const struct vobject *master)
{
	return child != master && strcmp(child->name, master->name) == 0 &&
	       vobject_find(child, "RECURRENCE-ID") != NULL &&
	       strcmp(uid_of(child), uid_of(master)) == 0;
}

/* What is not in the system's database goes with the event. */
static void add_zones(const struct reader *reader, struct vobject *normal)
{
	g_autoptr(GHashTable) defined = calendar_zones(normal);

	for (guint i = 0, count = normal->children->len; i < count; i++) {
		const struct vobject *component = normal->children->pdata[i];

		for (guint j = 0; j < component->properties->len; j++) {
			const char *tzid = vproperty_param(component->properties->pdata[j], "TZID");
			struct vobject *definition;

			if (tzid == NULL || g_hash_table_contains(defined, tzid) ||
			    zones_is_known(tzid))
				continue;
			definition =
				zones_define(reader->zones, zones_find(reader->zones, tzid), 1970);
			if (definition == NULL)
				continue;
			g_ptr_array_add(normal->children, definition);
			calendar_note_zone(defined, definition);
		}
	}
}

/* An exception is once. */
static void remove_rules(struct vobject *component)
{
	static const char *const names[] = {"RRULE", "RDATE", "EXRULE", "EXDATE"};

	for (guint i = 0; i < G_N_ELEMENTS(names); i++)
		vobject_remove(component, names[i]);
}

static gboolean add_component(const struct reader *reader, struct vobject *normal,
			      const struct vobject *component)
{
	g_autoptr(vobject_t) copy = vobject_copy(component);

	if (vobject_find(copy, "RECURRENCE-ID") != NULL)
		remove_rules(copy);
	if (!read_component(reader, copy))
		return FALSE;
	g_ptr_array_add(normal->children, g_steal_pointer(&copy));
	return TRUE;
}

static gboolean add_exceptions(const struct reader *reader, struct vobject *normal,
			       const struct vobject *parsed, const struct vobject *master)
{
	struct icaltimetype start;
	guint count = 0;

	if (!calendar_time(calendar_master(normal), "DTSTART", reader->zones, &start)) {
		vobject_remove(calendar_master(normal), "RECURRENCE-ID");
		return TRUE;
	}
	if (vobject_find(master, "RECURRENCE-ID") != NULL)
		read_recurrence_id(reader, calendar_master(normal), start);
	for (guint i = 0; i < parsed->children->len; i++) {
		const struct vobject *child = parsed->children->pdata[i];

		if (!is_exception_of(child, master))
			continue;
		if (++count > LIMIT_EVENT_EXCEPTIONS) {
			g_set_error(reader->error, PIM_ITEM_ERROR, PIM_ITEM_ERROR_LIMIT,
				    "more than %d occurrences that differ", LIMIT_EVENT_EXCEPTIONS);
			return FALSE;
		}
		if (!add_component(reader, normal, child))
			return FALSE;
		read_recurrence_id(reader, normal->children->pdata[normal->children->len - 1],
				   start);
	}
	return TRUE;
}

static struct vobject *normalize(struct reader *reader, const struct vobject *parsed,
				 enum pim_component *component_r)
{
	const struct vobject *master = find_master(parsed);
	g_autoptr(vobject_t) normal = vobject_new("VCALENDAR");

	if (master == NULL) {
		g_set_error_literal(reader->error, PIM_ITEM_ERROR, PIM_ITEM_ERROR_COMPONENT,
				    "neither an event nor a task");
		return NULL;
	}
	if (!add_component(reader, normal, master) ||
	    !add_exceptions(reader, normal, parsed, master))
		return NULL;
	add_zones(reader, normal);
	*component_r = strcmp(master->name, "VTODO") == 0 ? PIM_TASK : PIM_EVENT;
	return g_steal_pointer(&normal);
}

struct vobject *calendar_normalize(struct vobject *parsed, enum vdialect dialect,
				   const struct pim_style *style, enum pim_component *component_r,
				   GError **error)
{
	static const struct pim_style good;
	g_autoptr(vobject_t) mine = parsed;
	g_autoptr(zones_t) zones = zones_new(parsed, style == NULL ? NULL : style->zone);
	struct reader reader = {
		.dialect = dialect,
		.style = style == NULL ? &good : style,
		.zones = zones,
		.error = error,
	};

	return normalize(&reader, mine, component_r);
}
