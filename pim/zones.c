#include "zones.h"

#include <stdlib.h>
#include <string.h>

#include "datetime.h"
#include "limits.h"
#include "recurrence-private.h"

/* Years for which zones that somebody sent are looked at. */
#define ONSETS_FROM 1990
#define ONSETS_TO 2060

/* What a definition says; not changed any more. */
struct built {
	gatomicrefcount refs;
	icaltimezone *zone; /* NULL: the definition is none */
};

struct named {
	char *tzid;
	icaltimezone *zone; /* NULL: there is none of that name */
	const struct vobject *definition;
	struct built *built; /* from the definition; NULL: it is not ours */
};

struct zones {
	const struct vobject *calendar;
	const icaltimezone *user;
	char *user_name;
	GPtrArray *named; /* struct named * */
};

/* --- the database --------------------------------------------------------------------------- */

/* libical looks for a name in its list and then for a file of that name, wherever it leads. */
static GMutex database_lock;
/* Names are copies: libical frees its own when it first needs the zone. */
static GHashTable *database, *database_names; /* name -> icaltimezone *, and back */

static void read_database(void)
{
	icalarray *zones = icaltimezone_get_builtin_timezones();

	database = g_hash_table_new(g_str_hash, g_str_equal);
	database_names = g_hash_table_new(NULL, NULL);
	for (size_t i = 0; i < zones->num_elements; i++) {
		icaltimezone *zone = icalarray_element_at(zones, i);

		char *name = g_strdup(icaltimezone_get_location(zone));

		g_hash_table_insert(database, name, zone);
		g_hash_table_insert(database_names, zone, name);
	}
}

static icaltimezone *find_in_database(const char *name)
{
	icaltimezone *zone;

	g_mutex_lock(&database_lock);
	if (database == NULL)
		read_database();
	zone = g_hash_table_lookup(database, name);
	g_mutex_unlock(&database_lock);
	return zone;
}

static const char *name_in_database(const icaltimezone *zone)
{
	const char *name;

	g_mutex_lock(&database_lock);
	name = database_names == NULL ? NULL : g_hash_table_lookup(database_names, zone);
	g_mutex_unlock(&database_lock);
	return name;
}

gboolean zones_is_known(const char *tzid)
{
	return find_in_database(tzid) != NULL;
}

static const icaltimezone *find_user_zone(const char *name)
{
	icaltimezone *zone = name == NULL ? NULL : find_in_database(name);

	if (zone == NULL && name != NULL) {
		g_mutex_lock(&database_lock);
		zone = icaltimezone_get_builtin_timezone(name);
		g_mutex_unlock(&database_lock);
	}
	return zone == NULL ? icaltimezone_get_utc_timezone() : zone;
}

/* /citadel.org/20210210_1/Europe/Berlin and the like. */
static icaltimezone *find_at_end(const char *tzid)
{
	for (const char *name = tzid; name != NULL; name = strchr(name, '/')) {
		icaltimezone *zone;

		if (*name == '/')
			name++;
		zone = find_in_database(name);
		if (zone != NULL)
			return zone;
	}
	return NULL;
}

static gboolean is_utc(const char *tzid)
{
	static const char *const names[] = {"UTC", "GMT", "Etc/UTC", "Etc/GMT", "Z"};

	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		if (g_ascii_strcasecmp(names[i], tzid) == 0)
			return TRUE;
	}
	return FALSE;
}

/* --- definitions ---------------------------------------------------------------------------- */

static gboolean offset_of(const struct vobject *part, const char *name, int *offset_r)
{
	const struct vproperty *property = vobject_find(part, name);
	const char *text = property == NULL ? "" : vproperty_value(property, 0);
	gsize len = strlen(text);
	int number;

	if ((*text != '+' && *text != '-') || (len != 5 && len != 7) ||
	    strspn(text + 1, "0123456789") != len - 1)
		return FALSE;
	number = atoi(text + 1) * (len == 5 ? 100 : 1);
	*offset_r = number / 10000 * DATETIME_HOUR + number / 100 % 100 * DATETIME_MINUTE +
		    number % 100;
	if (*text == '-')
		*offset_r = -*offset_r;
	return number < 240000;
}

/* Rules that change an offset once a year. */
static gboolean is_yearly(const struct icalrecurrencetype *rule)
{
	return rule->freq == ICAL_YEARLY_RECURRENCE && rule->by_month[0] != RULE_UNSET &&
	       rule->by_month[1] == RULE_UNSET &&
	       (rule->by_day[0] == RULE_UNSET || rule->by_day[1] == RULE_UNSET) &&
	       rule->by_year_day[0] == RULE_UNSET && rule->by_week_no[0] == RULE_UNSET &&
	       rule->by_set_pos[0] == RULE_UNSET && rule->by_hour[0] == RULE_UNSET &&
	       rule->by_minute[0] == RULE_UNSET && rule->by_second[0] == RULE_UNSET;
}

/* libical would follow the rule for centuries, at its pace: what it gets are the dates. */
static void add_onsets(icalcomponent *offset, const struct icalrecurrencetype *rule,
		       struct icaltimetype start)
{
	struct icaldatetimeperiodtype onset = {.period = icalperiodtype_null_period()};
	struct rule_walk walk;

	start.year = MAX(start.year, ONSETS_FROM);
	start.day = MIN(start.day, 28);
	rule_walk_init(&walk, rule, start);
	while (rule_walk_next(&walk, &onset.time) && onset.time.year <= ONSETS_TO)
		icalcomponent_add_property(offset, icalproperty_new_rdate(onset));
}

static void add_offset(icalcomponent *zone, const struct vobject *part)
{
	const struct vproperty *dtstart = vobject_find(part, "DTSTART");
	const struct vproperty *rrule = vobject_find(part, "RRULE");
	gboolean daylight = strcmp(part->name, "DAYLIGHT") == 0;
	struct icalrecurrencetype rule;
	struct icaltimetype start;
	icalcomponent *offset;
	int from, to;

	if ((!daylight && strcmp(part->name, "STANDARD") != 0) || dtstart == NULL ||
	    !datetime_parse(vproperty_value(dtstart, 0), &start, NULL) || start.is_date ||
	    !offset_of(part, "TZOFFSETFROM", &from) || !offset_of(part, "TZOFFSETTO", &to))
		return;
	start.zone = NULL;
	offset = icalcomponent_new(daylight ? ICAL_XDAYLIGHT_COMPONENT : ICAL_XSTANDARD_COMPONENT);
	icalcomponent_add_property(offset, icalproperty_new_dtstart(start));
	icalcomponent_add_property(offset, icalproperty_new_tzoffsetfrom(from));
	icalcomponent_add_property(offset, icalproperty_new_tzoffsetto(to));
	if (rrule != NULL && rrule_parse(vproperty_value(rrule, 0), start, &rule) &&
	    is_yearly(&rule))
		add_onsets(offset, &rule, start);
	icalcomponent_add_component(zone, offset);
}

static icaltimezone *zone_from(const struct vobject *definition, const char *tzid)
{
	icalcomponent *component = icalcomponent_new(ICAL_VTIMEZONE_COMPONENT);
	icaltimezone *zone = icaltimezone_new();

	icalcomponent_add_property(component, icalproperty_new_tzid(tzid));
	for (guint i = 0; i < MIN(definition->children->len, LIMIT_ZONE_OFFSETS); i++)
		add_offset(component, definition->children->pdata[i]);
	if (icalcomponent_get_first_component(component, ICAL_ANY_COMPONENT) == NULL ||
	    !icaltimezone_set_component(zone, component)) {
		icalcomponent_free(component);
		icaltimezone_free(zone, 1);
		return NULL;
	}
	return zone;
}

static void built_unref(gpointer data)
{
	struct built *built = data;

	if (!g_atomic_ref_count_dec(&built->refs))
		return;
	if (built->zone != NULL)
		icaltimezone_free(built->zone, 1);
	g_free(built);
}

static struct built *built_ref(struct built *built)
{
	g_atomic_ref_count_inc(&built->refs);
	return built;
}

/* A phone sends the same definitions with each event, and each is read several times on its way:
 * they are kept by their text. */
static GMutex kept_lock;
static GHashTable *kept; /* text -> struct built */

static struct built *find_kept(const char *text)
{
	struct built *built;

	g_mutex_lock(&kept_lock);
	built = kept == NULL ? NULL : g_hash_table_lookup(kept, text);
	if (built != NULL)
		built_ref(built);
	g_mutex_unlock(&kept_lock);
	return built;
}

static void keep(const char *text, struct built *built)
{
	g_mutex_lock(&kept_lock);
	if (kept == NULL)
		kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, built_unref);
	/* What is in use comes back by itself. */
	if (g_hash_table_size(kept) >= LIMIT_ZONES_KEPT)
		g_hash_table_remove_all(kept);
	g_hash_table_replace(kept, g_strdup(text), built_ref(built));
	g_mutex_unlock(&kept_lock);
}

static struct built *build(const struct vobject *definition, const char *tzid)
{
	g_autoptr(GString) text = vobject_write(definition, ICALENDAR_2_0, NULL);
	struct built *built = find_kept(text->str);

	if (built != NULL)
		return built;
	built = g_new(struct built, 1);
	g_atomic_ref_count_init(&built->refs);
	built->zone = zone_from(definition, tzid);
	if (text->len <= LIMIT_ZONE_KEPT_SIZE)
		keep(text->str, built);
	return built;
}

static const struct vobject *find_definition(const struct vobject *calendar, const char *tzid)
{
	for (guint i = 0; i < calendar->children->len; i++) {
		const struct vobject *child = calendar->children->pdata[i];
		const struct vproperty *name;

		if (strcmp(child->name, "VTIMEZONE") != 0)
			continue;
		name = vobject_find(child, "TZID");
		if (name != NULL && strcmp(vproperty_value(name, 0), tzid) == 0)
			return child;
	}
	return NULL;
}

/* --- zones of a calendar -------------------------------------------------------------------- */

static void named_free(gpointer data)
{
	struct named *named = data;

	g_clear_pointer(&named->built, built_unref);
	g_free(named->tzid);
	g_free(named);
}

struct zones *zones_new(const struct vobject *calendar, const char *user)
{
	struct zones *zones = g_new0(struct zones, 1);

	zones->calendar = calendar;
	zones->user = find_user_zone(user);
	zones->user_name = g_strdup(user);
	zones->named = g_ptr_array_new_with_free_func(named_free);
	return zones;
}

void zones_free(struct zones *zones)
{
	if (zones == NULL)
		return;
	g_ptr_array_unref(zones->named);
	g_free(zones->user_name);
	g_free(zones);
}

const icaltimezone *zones_user(const struct zones *zones)
{
	return zones->user;
}

static struct named *name_zone(struct zones *zones, const char *tzid)
{
	struct named *named = g_new0(struct named, 1);

	named->tzid = g_strdup(tzid);
	if (is_utc(tzid))
		named->zone = icaltimezone_get_utc_timezone();
	else if (zones->user_name != NULL && strcmp(zones->user_name, tzid) == 0)
		named->zone = (icaltimezone *)zones->user;
	else
		named->zone = find_at_end(tzid);
	if (named->zone == NULL)
		named->definition = find_definition(zones->calendar, tzid);
	if (named->definition != NULL) {
		named->built = build(named->definition, tzid);
		named->zone = named->built->zone;
	}
	g_ptr_array_add(zones->named, named);
	return named;
}

const icaltimezone *zones_find(struct zones *zones, const char *tzid)
{
	for (guint i = 0; i < zones->named->len; i++) {
		const struct named *named = zones->named->pdata[i];

		if (strcmp(named->tzid, tzid) == 0)
			return named->zone;
	}
	/* Names of zones are as many as a stranger cares to make up. */
	if (zones->named->len >= LIMIT_ZONE_OFFSETS)
		return NULL;
	return name_zone(zones, tzid)->zone;
}

static const struct named *find_mine(const struct zones *zones, const icaltimezone *zone)
{
	for (guint i = 0; i < zones->named->len; i++) {
		const struct named *named = zones->named->pdata[i];

		if (named->built != NULL && named->zone == zone)
			return named;
	}
	return NULL;
}

const char *zones_name(const struct zones *zones, const icaltimezone *zone)
{
	const struct named *mine = find_mine(zones, zone);

	if (zone == NULL || zone == icaltimezone_get_utc_timezone())
		return NULL;
	if (mine != NULL)
		return mine->tzid;
	return zone == zones->user ? zones->user_name : name_in_database(zone);
}

/* libical's definitions begin in the nineteenth century. */
static char *definition_text(const icaltimezone *zone, int year)
{
	struct icaltimetype start = {.year = year, .month = 1, .day = 1, .is_date = 1};
	icalcomponent *whole = icaltimezone_get_component((icaltimezone *)zone), *part;
	char *text, *result;

	if (whole == NULL)
		return NULL;
	part = icalcomponent_new_clone(whole);
	start.is_date = 0;
	start.zone = icaltimezone_get_utc_timezone();
	icaltimezone_truncate_vtimezone(part, start, icaltime_null_time(), 0);
	text = icalcomponent_as_ical_string_r(part);
	result = g_strdup_printf("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n%sEND:VCALENDAR\r\n", text);
	icalcomponent_free(part);
	free(text);
	return result;
}

struct vobject *zones_define(const struct zones *zones, const icaltimezone *zone, int year)
{
	const struct named *mine = find_mine(zones, zone);
	const char *name = zones_name(zones, zone);
	g_autofree char *text = NULL;
	g_autoptr(vobject_t) parsed = NULL;
	struct vobject *definition;

	if (name == NULL)
		return NULL;
	if (mine != NULL)
		return vobject_copy(mine->definition);
	text = definition_text(zone, year);
	if (text == NULL)
		return NULL;
	parsed = vobject_parse(text, strlen(text), NULL, NULL, NULL, NULL);
	if (parsed == NULL || parsed->children->len == 0)
		return NULL;
	definition = vobject_copy(parsed->children->pdata[0]);
	vobject_remove(definition, "TZID");
	vobject_add(definition, "TZID", name);
	return definition;
}

/* --- TZ and DAYLIGHT -------------------------------------------------------------------------- */

static int offset_at(const icaltimezone *zone, gint64 instant)
{
	struct icaltimetype time = datetime_at(instant, icaltimezone_get_utc_timezone());

	return icaltimezone_get_utc_offset_of_utc_time((icaltimezone *)zone, &time, NULL);
}

/* Between two instants at which the offset differs: the first second of the later. */
static gint64 find_change(const icaltimezone *zone, gint64 before, gint64 after)
{
	int offset = offset_at(zone, before);

	while (after - before > 1) {
		gint64 middle = before + (after - before) / 2;

		if (offset_at(zone, middle) == offset)
			before = middle;
		else
			after = middle;
	}
	return after;
}

static char *format_offset(int offset)
{
	guint minutes = (guint)ABS(offset) / DATETIME_MINUTE;

	return minutes % 60 == 0 ? g_strdup_printf("%c%02u", offset < 0 ? '-' : '+', minutes / 60)
				 : g_strdup_printf("%c%02u:%02u", offset < 0 ? '-' : '+',
						   minutes / 60, minutes % 60);
}

struct year {
	int standard, daylight; /* offsets; the same if there is no summer */
	gint64 begins, ends;
};

static struct year year_of(const icaltimezone *zone, int number)
{
	struct icaltimetype date = {.year = number, .month = 1, .day = 1, .is_date = 1};
	gint64 day = datetime_day(date) * DATETIME_DAY;
	int offset = offset_at(zone, day);
	struct year year = {.standard = offset, .daylight = offset};

	for (guint i = 1; i <= 366; i++, day += DATETIME_DAY) {
		int next = offset_at(zone, day + DATETIME_DAY);
		gint64 change;

		if (next == offset)
			continue;
		change = find_change(zone, day, day + DATETIME_DAY);
		if (next > offset) {
			year.begins = change;
		} else {
			year.ends = change;
		}
		year.standard = MIN(offset, next);
		year.daylight = MAX(offset, next);
		offset = next;
	}
	return year;
}

static void add_year(struct vobject *calendar, const icaltimezone *zone, const struct year *year)
{
	g_autofree char *offset = format_offset(year->daylight);
	g_autofree char *begins =
		datetime_format(datetime_at(year->begins, icaltimezone_get_utc_timezone()));
	g_autofree char *ends =
		datetime_format(datetime_at(year->ends, icaltimezone_get_utc_timezone()));
	const char *names = icaltimezone_get_tznames((icaltimezone *)zone);
	g_auto(GStrv) name = g_strsplit(names == NULL ? "" : names, "/", 2);
	g_autofree char *value = g_strdup_printf("TRUE;%s;%s;%s;%s;%s", offset, begins, ends,
						 name[0] == NULL ? "" : name[0],
						 name[0] == NULL || name[1] == NULL ? "" : name[1]);

	vobject_add(calendar, "DAYLIGHT", value);
}

char *zones_offset(const icaltimezone *zone, int number)
{
	return format_offset(year_of(zone, number).standard);
}

void zones_add_daylight(struct vobject *calendar, const icaltimezone *zone, int number)
{
	struct year year = year_of(zone, number);
	g_autofree char *offset = format_offset(year.standard);

	vobject_add(calendar, "TZ", offset);
	if (year.standard == year.daylight || year.begins == 0 || year.ends == 0) {
		vobject_add(calendar, "DAYLIGHT", "FALSE");
		return;
	}
	for (int i = 0; i < LIMIT_DAYLIGHT_YEARS; i++) {
		year = year_of(zone, number + i);
		if (year.begins != 0 && year.ends != 0)
			add_year(calendar, zone, &year);
	}
}
