/* Events and tasks as devices can hold them. */
#include "calendar-private.h"

#include <string.h>

#include "limits.h"
#include "recurrence.h"

/* How many occurrences two rules have in common before they count as the same; and how far
 * apart: where a device knows one zone only, summer begins elsewhere on another day. */
#define SAME_OCCURRENCES 500
#define SAME_SECONDS (2 * DATETIME_HOUR)

struct writer {
	const struct pim_style *style;
	struct zones *zones;
	struct vobject *component;
};

static void set_text(struct vobject *component, const char *name, const char *value)
{
	struct vproperty *property = vobject_find(component, name);

	if (property == NULL) {
		vobject_add(component, name, value);
		return;
	}
	g_ptr_array_set_size(property->components, 0);
	vproperty_add_value(property, 0, value);
	vproperty_remove_params(property, "TZID");
	vproperty_remove_params(property, "VALUE");
}

/* --- vCalendar 1.0: a rule that it can say ---------------------------------------------------- */

static enum rrule10_end end_style(const struct writer *writer)
{
	return writer->style->rule_ends_by_count ? RRULE10_END_COUNT : RRULE10_END_DATE;
}

static struct icaltimetype local(const struct writer *writer, struct icaltimetype time)
{
	return datetime_in(time, zones_user(writer->zones));
}

/* What the event leads to, exceptions and all. */
static gboolean is_same(const GArray *times, const struct icalrecurrencetype *rule,
			struct icaltimetype start, gint64 tolerance)
{
	struct icaltimetype time;
	struct rule_walk walk;

	rule_walk_init(&walk, rule, start);
	for (guint i = 0; i < MIN(times->len, SAME_OCCURRENCES); i++) {
		gint64 wanted = datetime_instant(g_array_index(times, struct icaltimetype, i));

		if (!rule_walk_next(&walk, &time) ||
		    ABS(datetime_instant(time) - wanted) > tolerance)
			return FALSE;
	}
	return times->len >= SAME_OCCURRENCES || !rule_walk_next(&walk, &time);
}

/* The weekdays of the first occurrences. */
static void append_weekdays(GString *text, const struct writer *writer, const GArray *times)
{
	static const char *const names[] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};
	guint seen = 0;

	for (guint i = 0; i < MIN(times->len, 14); i++) {
		guint day = datetime_weekday(
			datetime_day(local(writer, g_array_index(times, struct icaltimetype, i))));

		if ((seen & 1u << day) == 0)
			g_string_append_printf(text, " %s", names[day]);
		seen |= 1u << day;
	}
}

/* Rules that look like the first occurrences. */
static char *guess(const struct writer *writer, const GArray *times, guint n)
{
	struct icaltimetype first = local(writer, g_array_index(times, struct icaltimetype, 0));
	struct icaltimetype next = local(writer, g_array_index(times, struct icaltimetype, 1));
	gint64 days = datetime_day(next) - datetime_day(first);
	int months = (next.year - first.year) * 12 + next.month - first.month;
	guint weekday = datetime_weekday(datetime_day(first));
	static const char *const names[] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};
	GString *text = g_string_new(NULL);

	switch (n) {
	case 0:
		if (days % 7 == 0)
			g_string_append_printf(text, "W%d %s", (int)days / 7, names[weekday]);
		else
			g_string_append_printf(text, "D%d", (int)days);
		break;
	case 1:
	case 2:
		g_string_append_printf(text, "W%u", n);
		append_weekdays(text, writer, times);
		break;
	case 3:
		g_string_append_printf(text, "MD%d %d", months, first.day);
		break;
	case 4:
		g_string_append_printf(text, "MD%d LD", months);
		break;
	case 5:
		g_string_append_printf(text, "MP%d %d+ %s", months, (first.day - 1) / 7 + 1,
				       names[weekday]);
		break;
	case 6:
		g_string_append_printf(text, "MP%d 1- %s", months, names[weekday]);
		break;
	default:
		return g_string_free(text, TRUE);
	}
	return g_string_free(text, FALSE);
}

static char *end_of(const struct writer *writer, const GArray *times, struct icaltimetype start)
{
	struct icaltimetype last;
	g_autofree char *date = NULL;

	if (times->len >= SAME_OCCURRENCES)
		return g_strdup(" #0");
	last = g_array_index(times, struct icaltimetype, times->len - 1);
	last = start.is_date ? last : datetime_in(last, icaltimezone_get_utc_timezone());
	date = datetime_format(last);
	return g_strdup_printf(" %s%s", date, last.is_date ? "T235959" : "");
}

static char *find_equivalent(const struct writer *writer, struct icaltimetype start)
{
	g_autoptr(GArray) times =
		calendar_occurrences(writer->component, writer->zones, G_MAXINT64, TRUE);
	g_autofree char *end = NULL;

	if (times->len < 2)
		return NULL;
	start = local(writer, start);
	end = end_of(writer, times, start);
	for (guint n = 0;; n++) {
		g_autofree char *days = guess(writer, times, n);
		g_autofree char *text = NULL;
		struct icalrecurrencetype rule;

		if (days == NULL)
			return NULL;
		text = g_strconcat(days, end, NULL);
		if (rrule10_parse(text, start, &rule) &&
		    is_same(times, &rule, start, start.is_date ? 0 : SAME_SECONDS))
			return g_steal_pointer(&text);
	}
}

/* The only rule, said as it is. */
static char *write_only_rule(const struct writer *writer, struct icaltimetype start)
{
	const struct vproperty *only = NULL;
	gint64 duration = calendar_duration(writer->component, writer->zones);
	struct icaltimetype here = local(writer, start);
	struct icalrecurrencetype rule;
	g_autoptr(GArray) times = NULL;

	for (guint i = 0; i < writer->component->properties->len; i++) {
		const struct vproperty *property = writer->component->properties->pdata[i];

		if (strcmp(property->name, "RDATE") == 0 || strcmp(property->name, "EXRULE") == 0 ||
		    (strcmp(property->name, "RRULE") == 0 && only != NULL))
			return NULL;
		if (strcmp(property->name, "RRULE") == 0)
			only = property;
	}
	if (only == NULL || !rrule_parse(vproperty_value(only, 0), start, &rule))
		return NULL;
	if (start.is_date || start.zone == zones_user(writer->zones))
		return rrule10_write(&rule, start, duration, end_style(writer));
	times = calendar_occurrences(writer->component, writer->zones, G_MAXINT64, TRUE);
	return is_same(times, &rule, here, SAME_SECONDS)
		       ? rrule10_write(&rule, here, duration, end_style(writer))
		       : NULL;
}

/* --- vCalendar 1.0: times ------------------------------------------------- */

/* The whole event, to another start. */
static void move_to(const struct writer *writer, struct icaltimetype start)
{
	const char *end_name = calendar_end_name(writer->component);
	struct icaltimetype old, end;

	if (!calendar_time(writer->component, "DTSTART", writer->zones, &old))
		return;
	if (calendar_time(writer->component, end_name, writer->zones, &end)) {
		gint64 duration = datetime_instant(end) - datetime_instant(old);

		end = end.is_date ? datetime_date(datetime_day(start) + duration / DATETIME_DAY)
				  : datetime_at(datetime_instant(start) + duration, end.zone);
		calendar_set_time(writer->component, end_name, writer->zones, end);
	}
	calendar_set_time(writer->component, "DTSTART", writer->zones, start);
}

/* The first occurrence from an instant on, else the last. */
static void move_to_next(const struct writer *writer, gint64 from)
{
	g_autoptr(GArray) times =
		calendar_occurrences(writer->component, writer->zones, G_MAXINT64, FALSE);
	guint i = 0;

	if (times->len == 0)
		return;
	while (i + 1 < times->len &&
	       datetime_instant(g_array_index(times, struct icaltimetype, i)) < from)
		i++;
	move_to(writer, g_array_index(times, struct icaltimetype, i));
}

/* Nothing before what the device knows as the beginning of time: a rule goes on from there. */
static void keep_in_time(const struct writer *writer)
{
	static const char *const names[] = {"DTSTART",   "DTEND",   "DUE",
					    "COMPLETED", "CREATED", "LAST-MODIFIED"};
	gint64 min = writer->style->min_time;
	struct icaltimetype time;

	if (min == 0)
		return;
	if (calendar_recurs(writer->component) &&
	    calendar_time(writer->component, "DTSTART", writer->zones, &time) &&
	    datetime_instant(time) < min)
		move_to_next(writer, min);
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		if (!calendar_time(writer->component, names[i], writer->zones, &time) ||
		    datetime_instant(time) >= min)
			continue;
		if (time.is_date)
			calendar_set_time(writer->component, names[i], writer->zones,
					  datetime_date((min + DATETIME_DAY - 1) / DATETIME_DAY));
		else
			calendar_set_time(writer->component, names[i], writer->zones,
					  datetime_at(min, time.zone));
	}
}

/* NULL: it does not recur, or now no more. */
static char *settle_rule(const struct writer *writer)
{
	static const char *const names[] = {"RRULE", "RDATE", "EXRULE", CALENDAR_UNREAD_RULE};
	const struct vproperty *unread = vobject_find(writer->component, CALENDAR_UNREAD_RULE);
	struct icaltimetype start;
	char *text = NULL;

	if (!calendar_recurs(writer->component) ||
	    (!calendar_time(writer->component, "DTSTART", writer->zones, &start) &&
	     !calendar_time(writer->component, calendar_end_name(writer->component), writer->zones,
			    &start)))
		return NULL;
	text = write_only_rule(writer, start);
	if (text == NULL && unread != NULL)
		text = g_strdup(vproperty_value(unread, 0));
	if (text == NULL)
		text = find_equivalent(writer, start);
	if (text == NULL)
		move_to_next(writer, writer->style->now);
	for (guint i = 0; i < G_N_ELEMENTS(names); i++)
		vobject_remove(writer->component, names[i]);
	if (text == NULL)
		vobject_remove(writer->component, "EXDATE");
	return text;
}

static char *format_time(const struct writer *writer, struct icaltimetype time)
{
	if (time.is_date) {
		g_autofree char *date = datetime_format(time);

		return writer->style->all_day == PIM_ALL_DAY_DATE
			       ? g_steal_pointer(&date)
			       : g_strconcat(date, "T000000", NULL);
	}
	if (writer->style->times == PIM_TIMES_UTC)
		return datetime_format(datetime_in(time, icaltimezone_get_utc_timezone()));
	time = local(writer, time);
	time.zone = NULL;
	return datetime_format(time);
}

static void write_days(const struct writer *writer, struct icaltimetype start)
{
	struct icaltimetype end = start;
	gint64 first = datetime_day(start), last = first;
	g_autofree char *start_text = NULL, *end_text = NULL;

	if (calendar_time(writer->component, "DTEND", writer->zones, &end))
		last = MAX(first, datetime_day(end) - 1);
	all_day_write(writer->style, first, last, &start_text, &end_text);
	set_text(writer->component, "DTSTART", start_text);
	set_text(writer->component, "DTEND", end_text);
}

static gboolean is_midnight(const struct writer *writer, struct icaltimetype time)
{
	return datetime_clock(local(writer, time)) == 0 || datetime_clock(time) == 0;
}

static void write_times(const struct writer *writer)
{
	static const char *const names[] = {"DTSTART",   "DTEND",   "DUE",
					    "COMPLETED", "CREATED", "LAST-MODIFIED"};
	gboolean is_event = strcmp(writer->component->name, "VEVENT") == 0;
	struct icaltimetype time;

	if (is_event && calendar_time(writer->component, "DTSTART", writer->zones, &time)) {
		if (time.is_date) {
			write_days(writer, time);
		} else if (vobject_find(writer->component, "DTEND") == NULL &&
			   !is_midnight(writer, time)) {
			/* Many want an end; at midnight it would read as a day. */
			calendar_set_time(writer->component, "DTEND", writer->zones, time);
		}
	}
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		const struct vproperty *property = vobject_find(writer->component, names[i]);

		/* Days are written already: without VALUE. */
		if (property != NULL &&
		    (vproperty_param(property, "VALUE") != NULL ||
		     vproperty_param(property, "TZID") != NULL ||
		     g_str_has_suffix(vproperty_value(property, 0), "Z")) &&
		    calendar_time(writer->component, names[i], writer->zones, &time)) {
			g_autofree char *text = format_time(writer, time);

			set_text(writer->component, names[i], text);
		}
	}
}

static void write_exdates(const struct writer *writer)
{
	struct vproperty *property = vobject_find(writer->component, "EXDATE");
	GPtrArray *values;

	if (property == NULL || property->components->len == 0)
		return;
	values = property->components->pdata[0];
	for (guint i = 0; i < values->len; i++) {
		struct icaltimetype time;
		char *text;

		if (!calendar_value_time(property, values->pdata[i], writer->zones, &time))
			continue;
		text = format_time(writer, time);
		g_free(values->pdata[i]);
		values->pdata[i] = text;
	}
	vproperty_remove_params(property, "TZID");
	vproperty_remove_params(property, "VALUE");
}

/* What Symbian's calendars call an entry. */
static void write_entry_type(const struct writer *writer, gboolean is_day, const char *rule)
{
	const struct vproperty *kept = vobject_find(writer->component, "X-EPOCAGENDAENTRYTYPE");
	gboolean anniversary = is_day && (kept != NULL || (rule != NULL && *rule == 'Y'));
	gboolean reminder = !is_day && kept != NULL &&
			    g_ascii_strcasecmp(vproperty_value(kept, 0), "REMINDER") == 0;

	vobject_remove(writer->component, "X-EPOCAGENDAENTRYTYPE");
	if (!writer->style->epoc_entry_type && !reminder && kept == NULL)
		return;
	vobject_add(writer->component, "X-EPOCAGENDAENTRYTYPE",
		    strcmp(writer->component->name, "VTODO") == 0 ? "TODO"
		    : anniversary                                 ? "ANNIVERSARY"
		    : is_day                                      ? "EVENT"
		    : reminder                                    ? "REMINDER"
								  : "APPOINTMENT");
}

static gboolean starts_on_day(const struct writer *writer)
{
	struct icaltimetype time;

	return calendar_time(writer->component, "DTSTART", writer->zones, &time) && time.is_date;
}

static void rename_created(struct vobject *component)
{
	struct vproperty *created = vobject_find(component, "CREATED");

	if (created != NULL) {
		g_free(created->name);
		created->name = g_strdup("DCREATED");
	}
}

/* TRUE: it recurs. */
static gboolean write_old_component(const struct writer *writer)
{
	g_autofree char *rule = NULL;
	gboolean is_day;

	keep_in_time(writer);
	rule = settle_rule(writer);
	is_day = starts_on_day(writer);
	alarms_write(writer->component, writer->zones, writer->style);
	write_times(writer);
	write_exdates(writer);
	if (rule != NULL)
		vobject_add(writer->component, "RRULE", rule);
	vobject_remove(writer->component, "RECURRENCE-ID");
	vobject_remove(writer->component, "DTSTAMP");
	write_entry_type(writer, is_day, rule);
	rename_created(writer->component);
	words_write(writer->component);
	return rule != NULL && !is_day;
}

static void remove_zones(struct vobject *calendar)
{
	for (guint i = calendar->children->len; i > 0; i--) {
		if (!calendar_is_component(calendar->children->pdata[i - 1]))
			g_ptr_array_remove_index(calendar->children, i - 1);
	}
}

static int year_of(const struct writer *writer)
{
	struct icaltimetype start, now = datetime_at(writer->style->now, NULL);

	return calendar_time(writer->component, "DTSTART", writer->zones, &start)
		       ? MAX(start.year, now.year)
		       : now.year;
}

/* 1.0 has no exceptions: the master leaves them out, and each follows by itself. */
static struct vobject *write_old(const struct vobject *normal, const struct pim_style *style,
				 struct zones *zones)
{
	struct vobject *calendar = calendar_part(normal, "");
	struct writer writer = {style, zones, calendar_master(calendar)};

	for (guint i = 0; i < normal->children->len; i++) {
		const struct vobject *child = normal->children->pdata[i];

		if (calendar_is_component(child) && child != calendar_master(normal))
			g_ptr_array_add(calendar->children, vobject_copy(child));
	}
	remove_zones(calendar);
	for (guint i = 0; i < calendar->children->len; i++) {
		int year;

		writer.component = calendar->children->pdata[i];
		year = year_of(&writer);
		if (style->zone_in_event) {
			g_autofree char *offset = zones_offset(zones_user(zones), year);

			vobject_add(writer.component, "TZ", offset);
		}
		if (write_old_component(&writer) && i == 0 && style->times == PIM_TIMES_UTC &&
		    zones_user(zones) != icaltimezone_get_utc_timezone())
			zones_add_daylight(calendar, zones_user(zones), year);
	}
	return calendar;
}

/* --- iCalendar ------------------------------------------------------------------------------ */

static void add_stamp(struct vobject *component)
{
	const struct vproperty *from = vobject_find(component, "LAST-MODIFIED");

	if (vobject_find(component, "DTSTAMP") != NULL)
		return;
	if (from == NULL)
		from = vobject_find(component, "CREATED");
	vobject_add(component, "DTSTAMP",
		    from == NULL ? "19700101T000000Z" : vproperty_value(from, 0));
}

/* Each in local time, without its zone. */
static void write_local(const struct writer *writer)
{
	static const char *const names[] = {"DTSTART", "DTEND",  "DUE",
					    "RDATE",   "EXDATE", "RECURRENCE-ID"};

	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		struct vproperty *property = vobject_find(writer->component, names[i]);
		GPtrArray *values;

		if (property == NULL || property->components->len == 0)
			continue;
		values = property->components->pdata[0];
		for (guint j = 0; j < values->len; j++) {
			struct icaltimetype time;

			if (!calendar_value_time(property, values->pdata[j], writer->zones,
						 &time) ||
			    time.is_date)
				continue;
			g_free(values->pdata[j]);
			values->pdata[j] = format_time(writer, time);
		}
		vproperty_remove_params(property, "TZID");
	}
}

/* `defined` is what is in the calendar. */
static void define_zones(struct vobject *calendar, GHashTable *defined, const struct writer *writer)
{
	for (guint i = 0; i < writer->component->properties->len; i++) {
		const char *tzid = vproperty_param(writer->component->properties->pdata[i], "TZID");
		struct vobject *definition;

		if (tzid == NULL || g_hash_table_contains(defined, tzid))
			continue;
		definition = zones_define(writer->zones, zones_find(writer->zones, tzid),
					  year_of(&(struct writer){writer->style, writer->zones,
								   calendar_master(calendar)}) -
						  1);
		if (definition == NULL)
			continue;
		g_ptr_array_add(calendar->children, definition);
		calendar_note_zone(defined, definition);
	}
}

static int definitions_first(gconstpointer a, gconstpointer b)
{
	const struct vobject *x = *(const struct vobject *const *)a;
	const struct vobject *y = *(const struct vobject *const *)b;

	return calendar_is_component(x) - calendar_is_component(y);
}

static struct vobject *write_new(const struct vobject *normal, const struct pim_style *style,
				 struct zones *zones)
{
	struct vobject *calendar = vobject_copy(normal);
	g_autoptr(GHashTable) defined = calendar_zones(calendar);
	struct writer writer = {.style = style, .zones = zones};

	vobject_remove(calendar, "PRODID");
	vobject_add(calendar, "PRODID", "-//Fantail//EN");
	for (guint i = 0, count = calendar->children->len; i < count; i++) {
		writer.component = calendar->children->pdata[i];
		if (!calendar_is_component(writer.component))
			continue;
		keep_in_time(&writer);
		words_check_status(writer.component);
		add_stamp(writer.component);
		if (style->times == PIM_TIMES_LOCAL)
			write_local(&writer);
		else
			define_zones(calendar, defined, &writer);
	}
	if (style->times == PIM_TIMES_LOCAL)
		remove_zones(calendar);
	/* GLib's sort keeps the order of equals. */
	g_ptr_array_sort(calendar->children, definitions_first);
	return calendar;
}

struct vobject *calendar_denormalize(const struct vobject *normal, enum vdialect dialect,
				     const struct pim_style *style)
{
	static const struct pim_style good;
	g_autoptr(zones_t) zones = zones_new(normal, style == NULL ? NULL : style->zone);

	if (style == NULL)
		style = &good;
	return vdialect_is_old(dialect) ? write_old(normal, style, zones)
					: write_new(normal, style, zones);
}
