/* Events and tasks in their normal form: what item.c asks of them. Reading and writing have files
 * of their own. */
#include "calendar-private.h"

#include <string.h>

#include "limits.h"
#include "recurrence.h"

/* All day is a day of some zone or other. */
#define ZONES_SPAN (14 * DATETIME_HOUR)

gboolean calendar_is_component(const struct vobject *object)
{
	return strcmp(object->name, "VEVENT") == 0 || strcmp(object->name, "VTODO") == 0;
}

struct vobject *calendar_master(const struct vobject *normal)
{
	for (guint i = 0; i < normal->children->len; i++) {
		if (calendar_is_component(normal->children->pdata[i]))
			return normal->children->pdata[i];
	}
	return NULL;
}

gboolean calendar_has_zone(const struct vobject *calendar, const char *tzid)
{
	for (guint i = 0; i < calendar->children->len; i++) {
		const struct vobject *child = calendar->children->pdata[i];
		const struct vproperty *name =
			strcmp(child->name, "VTIMEZONE") == 0 ? vobject_find(child, "TZID") : NULL;

		if (name != NULL && strcmp(vproperty_value(name, 0), tzid) == 0)
			return TRUE;
	}
	return FALSE;
}

/* --- times -------------------------------------------------------------------------------- */

gboolean calendar_value_time(const struct vproperty *property, const char *value,
			     struct zones *zones, struct icaltimetype *time_r)
{
	const char *tzid = vproperty_param(property, "TZID");
	struct icaltimetype time;

	if (!datetime_parse(value, &time, NULL))
		return FALSE;
	if (!time.is_date && time.zone == NULL && tzid != NULL)
		time.zone = zones_find(zones, tzid);
	if (!time.is_date && time.zone == NULL)
		time.zone = zones_user(zones);
	*time_r = time;
	return TRUE;
}

gboolean calendar_time(const struct vobject *component, const char *name, struct zones *zones,
		       struct icaltimetype *time_r)
{
	const struct vproperty *property = vobject_find(component, name);

	return property != NULL &&
	       calendar_value_time(property, vproperty_value(property, 0), zones, time_r);
}

void calendar_set_time(struct vobject *component, const char *name, const struct zones *zones,
		       struct icaltimetype time)
{
	struct vproperty *property = vobject_find(component, name);
	const char *tzid = time.is_date ? NULL : zones_name(zones, time.zone);
	g_autofree char *value = datetime_format(time);

	for (guint i = component->properties->len; i > 0; i--) {
		struct vproperty *other = component->properties->pdata[i - 1];

		if (other != property && strcmp(other->name, name) == 0)
			g_ptr_array_remove_index(component->properties, i - 1);
	}
	if (property == NULL)
		property = vobject_add(component, name, value);
	g_ptr_array_set_size(property->components, 0);
	vproperty_add_value(property, 0, value);
	vproperty_remove_params(property, "TZID");
	vproperty_remove_params(property, "VALUE");
	if (tzid != NULL)
		vproperty_add_param(property, "TZID", tzid);
	if (time.is_date)
		vproperty_add_param(property, "VALUE", "DATE");
}

const char *calendar_end_name(const struct vobject *component)
{
	return strcmp(component->name, "VTODO") == 0 ? "DUE" : "DTEND";
}

gint64 calendar_duration(const struct vobject *component, struct zones *zones)
{
	struct icaltimetype start, end;

	if (!calendar_time(component, "DTSTART", zones, &start))
		return 0;
	if (calendar_time(component, calendar_end_name(component), zones, &end))
		return MAX(datetime_instant(end) - datetime_instant(start), 0);
	return start.is_date ? DATETIME_DAY : 0;
}

gboolean calendar_recurs(const struct vobject *component)
{
	static const char *const names[] = {"RRULE", "RDATE", CALENDAR_UNREAD_RULE};

	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		const struct vproperty *property = vobject_find(component, names[i]);

		if (property != NULL && !vproperty_is_empty(property))
			return TRUE;
	}
	return FALSE;
}

/* --- occurrences -------------------------------------------------------------------------- */

static int compare_times(gconstpointer a, gconstpointer b)
{
	gint64 x = datetime_instant(*(const struct icaltimetype *)a);
	gint64 y = datetime_instant(*(const struct icaltimetype *)b);

	return (x > y) - (x < y);
}

static void add_rule(GArray *times, const struct vproperty *property, struct icaltimetype start,
		     gint64 before)
{
	struct icalrecurrencetype rule;
	struct icaltimetype time;
	struct rule_walk walk;

	if (!rrule_parse(vproperty_value(property, 0), start, &rule))
		return;
	rule_walk_init(&walk, &rule, start);
	while (times->len < LIMIT_OCCURRENCES && rule_walk_next(&walk, &time) &&
	       datetime_instant(time) < before)
		g_array_append_val(times, time);
}

static void add_dates(GArray *times, const struct vobject *component, const char *name,
		      struct zones *zones, gint64 before)
{
	const struct vproperty *property = vobject_find(component, name);
	const GPtrArray *values;

	if (property == NULL || property->components->len == 0)
		return;
	values = property->components->pdata[0];
	for (guint i = 0; i < values->len && times->len < LIMIT_OCCURRENCES; i++) {
		struct icaltimetype time;

		if (calendar_value_time(property, values->pdata[i], zones, &time) &&
		    datetime_instant(time) < before)
			g_array_append_val(times, time);
	}
}

/* Sorted, each once, less those of `excepted`, which is sorted too. */
static void settle(GArray *times, const GArray *excepted)
{
	guint kept = 0;

	g_array_sort(times, compare_times);
	for (guint i = 0, j = 0; i < times->len; i++) {
		const struct icaltimetype *time = &g_array_index(times, struct icaltimetype, i);

		while (j < excepted->len &&
		       compare_times(&g_array_index(excepted, struct icaltimetype, j), time) < 0)
			j++;
		if ((kept > 0 && compare_times(&g_array_index(times, struct icaltimetype, kept - 1),
					       time) == 0) ||
		    (j < excepted->len &&
		     compare_times(&g_array_index(excepted, struct icaltimetype, j), time) == 0))
			continue;
		g_array_index(times, struct icaltimetype, kept++) = *time;
	}
	g_array_set_size(times, kept);
}

GArray *calendar_occurrences(const struct vobject *component, struct zones *zones, gint64 before,
			     gboolean with_exdates)
{
	GArray *times = g_array_new(FALSE, FALSE, sizeof(struct icaltimetype));
	g_autoptr(GArray) excepted = g_array_new(FALSE, FALSE, sizeof(struct icaltimetype));
	gboolean has_rule = FALSE;
	struct icaltimetype start;

	if (!calendar_time(component, "DTSTART", zones, &start) &&
	    !calendar_time(component, calendar_end_name(component), zones, &start))
		return times;
	for (guint i = 0; i < component->properties->len; i++) {
		const struct vproperty *property = component->properties->pdata[i];

		if (strcmp(property->name, "RRULE") == 0) {
			has_rule = TRUE;
			add_rule(times, property, start, before);
		} else if (strcmp(property->name, "EXRULE") == 0 && !with_exdates) {
			add_rule(excepted, property, start, before);
		}
	}
	if (!has_rule && datetime_instant(start) < before)
		g_array_append_val(times, start);
	add_dates(times, component, "RDATE", zones, before);
	if (!with_exdates)
		add_dates(excepted, component, "EXDATE", zones, before);
	g_array_sort(excepted, compare_times);
	settle(times, excepted);
	return times;
}

/* --- parts -------------------------------------------------------------------------------- */

/* One event may have as many exceptions as there is room for: what looks at them looks at each
 * once, and not at all of them for each. */

/* "20100301T080000Z", "20100301". NULL: no recurrence-id. */
static char *part_of(const struct vobject *component, struct zones *zones)
{
	struct icaltimetype time;

	if (!calendar_is_component(component) ||
	    !calendar_time(component, "RECURRENCE-ID", zones, &time))
		return NULL;
	return datetime_format(datetime_in(time, icaltimezone_get_utc_timezone()));
}

static char **names_of(const struct vobject *normal, struct zones *zones)
{
	const struct vobject *master = calendar_master(normal);
	char **names = g_new0(char *, normal->children->len + 1);

	for (guint i = 0; i < normal->children->len; i++) {
		const struct vobject *child = normal->children->pdata[i];
		char *name = child == master ? NULL : part_of(child, zones);

		names[i] = name == NULL ? g_strdup("") : name;
	}
	return names;
}

static char **part_names(const struct vobject *normal)
{
	g_autoptr(zones_t) zones = zones_new(normal, NULL);

	return names_of(normal, zones);
}

static char **parts(const struct vobject *normal)
{
	g_auto(GStrv) names = part_names(normal);
	g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
	GPtrArray *found = g_ptr_array_new();

	for (guint i = 0; names[i] != NULL; i++) {
		if (*names[i] != '\0' && g_hash_table_add(known, names[i]))
			g_ptr_array_add(found, g_strdup(names[i]));
	}
	g_ptr_array_add(found, NULL);
	return (char **)g_ptr_array_free(found, FALSE);
}

static int compare_values(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_values(GPtrArray *values)
{
	g_ptr_array_sort(values, compare_values);
	for (guint i = values->len; i > 1; i--) {
		if (strcmp(values->pdata[i - 1], values->pdata[i - 2]) == 0)
			g_ptr_array_remove_index(values, i - 1);
	}
}

/* More values, in the form of the start and in their places: they are in order. `times` are
 * struct icaltimetype. */
static void add_exdates(struct vobject *master, struct zones *zones, const GArray *times)
{
	struct vproperty *exdate = vobject_find(master, "EXDATE");
	struct icaltimetype start;
	gboolean has_start = calendar_time(master, "DTSTART", zones, &start);

	for (guint i = 0; i < times->len; i++) {
		struct icaltimetype time = g_array_index(times, struct icaltimetype, i);

		if (has_start && !time.is_date)
			time = datetime_in(time, start.zone);
		if (exdate == NULL || exdate->components->len == 0) {
			calendar_set_time(master, "EXDATE", zones, time);
			exdate = vobject_find(master, "EXDATE");
		} else {
			g_ptr_array_add(exdate->components->pdata[0], datetime_format(time));
		}
	}
	if (times->len > 0)
		sort_values(exdate->components->pdata[0]);
}

static void forget_recurrence(struct vobject *component)
{
	static const char *const names[] = {"RECURRENCE-ID", "RRULE",  "RDATE",
					    "EXDATE",        "EXRULE", CALENDAR_UNREAD_RULE};

	for (guint i = 0; i < G_N_ELEMENTS(names); i++)
		vobject_remove(component, names[i]);
}

/* Two items may not have the same. */
static void set_own_uid(struct vobject *component, const char *part)
{
	struct vproperty *uid = vobject_find(component, "UID");
	g_autofree char *own = NULL;

	if (uid == NULL)
		return;
	own = g_strdup_printf("%s/%s", vproperty_value(uid, 0), part);
	vobject_remove(component, "UID");
	vobject_add(component, "UID", own);
}

GHashTable *calendar_zones(const struct vobject *calendar)
{
	GHashTable *defined = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < calendar->children->len; i++)
		calendar_note_zone(defined, calendar->children->pdata[i]);
	return defined;
}

void calendar_note_zone(GHashTable *defined, struct vobject *child)
{
	const struct vproperty *tzid =
		strcmp(child->name, "VTIMEZONE") == 0 ? vobject_find(child, "TZID") : NULL;

	if (tzid != NULL && !g_hash_table_contains(defined, vproperty_value(tzid, 0)))
		g_hash_table_insert(defined, (char *)vproperty_value(tzid, 0), child);
}

/* Of those that are defined. */
static void copy_used_zones(struct vobject *to, const struct vobject *component,
			    GHashTable *defined)
{
	for (guint i = 0; i < component->properties->len; i++) {
		const char *tzid = vproperty_param(component->properties->pdata[i], "TZID");
		const struct vobject *definition =
			tzid == NULL ? NULL : g_hash_table_lookup(defined, tzid);

		if (definition != NULL && !calendar_has_zone(to, tzid))
			g_ptr_array_add(to->children, vobject_copy(definition));
	}
	for (guint i = 0; i < component->children->len; i++)
		copy_used_zones(to, component->children->pdata[i], defined);
}

/* A calendar of nothing else. Takes the component. */
static struct vobject *alone(const struct vobject *normal, struct vobject *component,
			     GHashTable *defined)
{
	struct vobject *calendar = vobject_new(normal->name);

	g_ptr_array_add(calendar->children, component);
	copy_used_zones(calendar, component, defined);
	return calendar;
}

/* Exceptions become EXDATE. */
static struct vobject *master_alone(const struct vobject *normal, struct zones *zones,
				    GHashTable *defined)
{
	const struct vobject *master = calendar_master(normal);
	struct vobject *copy = vobject_copy(master);
	g_autoptr(GArray) times = g_array_new(FALSE, FALSE, sizeof(struct icaltimetype));

	for (guint i = normal->children->len; i > 0; i--) {
		const struct vobject *child = normal->children->pdata[i - 1];
		struct icaltimetype time;

		if (child != master && calendar_is_component(child) &&
		    calendar_time(child, "RECURRENCE-ID", zones, &time))
			g_array_append_val(times, time);
	}
	add_exdates(copy, zones, times);
	return alone(normal, copy, defined);
}

static struct vobject *exception_alone(const struct vobject *normal,
				       const struct vobject *exception, const char *part,
				       GHashTable *defined)
{
	struct vobject *copy = vobject_copy(exception);

	forget_recurrence(copy);
	set_own_uid(copy, part);
	return alone(normal, copy, defined);
}

struct vobject *calendar_part(const struct vobject *normal, const char *part)
{
	g_autoptr(zones_t) zones = zones_new(normal, NULL);
	g_autoptr(GHashTable) defined = calendar_zones(normal);
	g_auto(GStrv) names = NULL;

	if (*part == '\0')
		return master_alone(normal, zones, defined);
	names = names_of(normal, zones);
	for (guint i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], part) == 0)
			return exception_alone(normal, normal->children->pdata[i], part, defined);
	}
	return NULL;
}

static char **split(const struct vobject *normal, GPtrArray *objects)
{
	g_autoptr(zones_t) zones = zones_new(normal, NULL);
	g_autoptr(GHashTable) defined = calendar_zones(normal);
	g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
	g_auto(GStrv) names = names_of(normal, zones);
	GPtrArray *found = g_ptr_array_new();

	g_ptr_array_add(found, g_strdup(""));
	g_ptr_array_add(objects, master_alone(normal, zones, defined));
	for (guint i = 0; names[i] != NULL; i++) {
		if (*names[i] == '\0' || !g_hash_table_add(known, names[i]))
			continue;
		g_ptr_array_add(found, g_strdup(names[i]));
		g_ptr_array_add(objects, exception_alone(normal, normal->children->pdata[i],
							 names[i], defined));
	}
	g_ptr_array_add(found, NULL);
	return (char **)g_ptr_array_free(found, FALSE);
}

static void copy_uid(struct vobject *to, const struct vobject *from)
{
	const struct vproperty *uid = vobject_find(from, "UID");

	vobject_remove(to, "UID");
	if (uid != NULL)
		g_ptr_array_add(to->properties, vproperty_copy(uid));
}

/* `defined` is what is in the one. */
static void copy_zones(struct vobject *to, GHashTable *defined, const struct vobject *from)
{
	for (guint i = 0; i < from->children->len; i++) {
		const struct vobject *child = from->children->pdata[i];
		const struct vproperty *tzid = vobject_find(child, "TZID");
		struct vobject *copy;

		if (strcmp(child->name, "VTIMEZONE") != 0 || tzid == NULL ||
		    g_hash_table_contains(defined, vproperty_value(tzid, 0)))
			continue;
		copy = vobject_copy(child);
		g_ptr_array_add(to->children, copy);
		calendar_note_zone(defined, copy);
	}
}

/* `times` are struct icaltimetype, and put in order. */
static void remove_exdates(struct vobject *master, struct zones *zones, GArray *times)
{
	struct vproperty *exdate = vobject_find(master, "EXDATE");
	g_autoptr(GPtrArray) left = NULL;
	GPtrArray *values;

	if (exdate == NULL || exdate->components->len == 0)
		return;
	g_array_sort(times, compare_times);
	values = exdate->components->pdata[0];
	left = g_ptr_array_new_full(values->len, g_free);
	for (guint i = 0; i < values->len; i++) {
		struct icaltimetype time;

		if (!calendar_value_time(exdate, values->pdata[i], zones, &time) ||
		    !g_array_binary_search(times, &time, compare_times, NULL))
			g_ptr_array_add(left, g_strdup(values->pdata[i]));
	}
	if (left->len == 0) {
		vobject_remove(master, "EXDATE");
	} else if (left->len < values->len) {
		g_ptr_array_unref(values);
		exdate->components->pdata[0] = g_steal_pointer(&left);
	}
}

/* The device saw exceptions as EXDATE; here they are themselves. */
static struct vobject *with_master(const struct vobject *normal, const struct vobject *changed)
{
	struct vobject *result = vobject_new(normal->name);
	g_autoptr(zones_t) zones = zones_new(normal, NULL);
	g_autoptr(GHashTable) defined = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GArray) times = g_array_new(FALSE, FALSE, sizeof(struct icaltimetype));
	struct vobject *master = vobject_copy(calendar_master(changed));

	copy_uid(master, calendar_master(normal));
	g_ptr_array_add(result->children, master);
	for (guint i = 0; i < normal->children->len; i++) {
		const struct vobject *component = normal->children->pdata[i];
		struct icaltimetype time;

		if (component == calendar_master(normal) || !calendar_is_component(component))
			continue;
		g_ptr_array_add(result->children, vobject_copy(component));
		if (calendar_time(component, "RECURRENCE-ID", zones, &time))
			g_array_append_val(times, time);
	}
	remove_exdates(master, zones, times);
	copy_zones(result, defined, changed);
	copy_zones(result, defined, normal);
	return result;
}

static void add_exception(struct vobject *result, GHashTable *defined,
			  const struct vobject *changed, struct zones *zones,
			  struct icaltimetype time)
{
	struct vobject *exception = vobject_copy(calendar_master(changed));

	forget_recurrence(exception);
	copy_uid(exception, calendar_master(result));
	calendar_set_time(exception, "RECURRENCE-ID", zones, time);
	g_ptr_array_add(result->children, exception);
	copy_zones(result, defined, changed);
}

/* Less the exceptions of these names. */
static struct vobject *copy_without(const struct vobject *normal, struct zones *zones,
				    const char *const *names)
{
	g_autoptr(GHashTable) gone = g_hash_table_new(g_str_hash, g_str_equal);
	g_auto(GStrv) own = names_of(normal, zones);
	struct vobject *result = vobject_new(normal->name);

	for (guint i = 0; names[i] != NULL; i++)
		g_hash_table_add(gone, (char *)names[i]);
	for (guint i = 0; own[i] != NULL; i++) {
		if (*own[i] == '\0' || !g_hash_table_contains(gone, own[i]))
			g_ptr_array_add(result->children, vobject_copy(normal->children->pdata[i]));
	}
	return result;
}

/* When the parts of these names begin, as the start says it. What is no name of one has no zone,
 * day or time: 0. */
static GArray *times_of(const struct vobject *master, struct zones *zones, const char *const *names)
{
	GArray *times = g_array_new(FALSE, FALSE, sizeof(struct icaltimetype));
	struct icaltimetype start;
	gboolean has_start = calendar_time(master, "DTSTART", zones, &start);

	for (guint i = 0; names[i] != NULL; i++) {
		struct icaltimetype time;

		if (!datetime_parse(names[i], &time, NULL))
			time = icaltime_null_time();
		else if (!time.is_date && has_start)
			time = datetime_in(time, start.zone);
		g_array_append_val(times, time);
	}
	return times;
}

static struct vobject *with_parts(const struct vobject *normal, const char *const *names,
				  const struct vobject *const *changed)
{
	g_autoptr(zones_t) zones = zones_new(normal, NULL);
	struct vobject *result = copy_without(normal, zones, names);
	struct vobject *master = calendar_master(result);
	g_autoptr(GHashTable) defined = calendar_zones(result);
	g_autoptr(GArray) times = times_of(master, zones, names);
	g_autoptr(GArray) there = g_array_new(FALSE, FALSE, sizeof(struct icaltimetype));
	g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(struct icaltimetype));

	for (guint i = 0; names[i] != NULL; i++) {
		struct icaltimetype time = g_array_index(times, struct icaltimetype, i);

		if (!icaltime_is_null_time(time))
			g_array_append_val(changed[i] == NULL ? gone : there, time);
	}
	remove_exdates(master, zones, there);
	add_exdates(master, zones, gone);
	for (guint i = 0; names[i] != NULL; i++) {
		struct icaltimetype time = g_array_index(times, struct icaltimetype, i);

		if (!icaltime_is_null_time(time) && changed[i] != NULL)
			add_exception(result, defined, changed[i], zones, time);
	}
	return result;
}

static struct vobject *with_part(const struct vobject *normal, const char *part,
				 const struct vobject *changed)
{
	const char *const names[] = {part, NULL};

	return *part == '\0' ? with_master(normal, changed) : with_parts(normal, names, &changed);
}

/* --- what item.c asks --------------------------------------------------------------------- */

static const char *text_of(const struct vobject *component, const char *name)
{
	const struct vproperty *property = vobject_find(component, name);

	return property == NULL ? "" : vproperty_value(property, 0);
}

static const char *uid(const struct vobject *normal)
{
	const char *text = text_of(calendar_master(normal), "UID");

	return *text == '\0' ? NULL : text;
}

static gboolean has_time(const struct vobject *component, struct zones *zones,
			 struct icaltimetype *time_r)
{
	gboolean is_task = strcmp(component->name, "VTODO") == 0;

	return calendar_time(component, is_task ? "DUE" : "DTSTART", zones, time_r) ||
	       calendar_time(component, is_task ? "DTSTART" : "DTEND", zones, time_r);
}

static char *title(const struct vobject *normal)
{
	g_autoptr(zones_t) zones = zones_new(normal, NULL);
	const struct vobject *master = calendar_master(normal);
	const char *summary = text_of(master, "SUMMARY");
	struct icaltimetype time;

	if (*summary == '\0')
		summary = text_of(master, "DESCRIPTION");
	if (!has_time(master, zones, &time))
		return g_strdup(summary);
	if (time.is_date)
		return g_strdup_printf("%s (%04d-%02d-%02d)", summary, time.year, time.month,
				       time.day);
	return g_strdup_printf("%s (%04d-%02d-%02d %02d:%02d)", summary, time.year, time.month,
			       time.day, time.hour, time.minute);
}

static void keys(const struct vobject *normal, GArray *found)
{
	g_autoptr(zones_t) zones = zones_new(normal, NULL);
	const struct vobject *master = calendar_master(normal);
	g_autofree char *summary = pim_fold(text_of(master, "SUMMARY"));
	g_autofree char *when = NULL;
	struct icaltimetype time;
	guint64 key;

	if (has_time(master, zones, &time))
		when = datetime_format(datetime_in(time, icaltimezone_get_utc_timezone()));
	if (*summary == '\0' && when == NULL)
		return;
	key = pim_key(master->name, summary, when == NULL ? "" : when, NULL);
	g_array_append_val(found, key);
}

static guint64 series_key(const struct vobject *normal)
{
	const struct vobject *master = calendar_master(normal);
	g_autofree char *summary = pim_fold(text_of(master, "SUMMARY"));

	return *summary == '\0' ? 0 : pim_key("series", master->name, summary, NULL);
}

static gboolean component_overlaps(const struct vobject *component, struct zones *zones,
				   gint64 since, gint64 before)
{
	gint64 duration = calendar_duration(component, zones);
	g_autoptr(GArray) times = NULL;

	times = calendar_occurrences(
		component, zones, before > G_MAXINT64 - ZONES_SPAN ? before : before + ZONES_SPAN,
		FALSE);
	for (guint i = 0; i < times->len; i++) {
		struct icaltimetype time = g_array_index(times, struct icaltimetype, i);
		gint64 start = datetime_instant(time), end = start + duration;
		gint64 slack = time.is_date ? ZONES_SPAN : 0;

		/* What takes no time takes place at its start. */
		if (start - slack < before && (end + slack > since || start >= since))
			return TRUE;
	}
	/* Where we stopped to follow a rule it may well go on. */
	return times->len >= LIMIT_OCCURRENCES;
}

static gboolean overlaps(const struct vobject *normal, gint64 since, gint64 before)
{
	g_autoptr(zones_t) zones = zones_new(normal, NULL);
	const struct vobject *master = calendar_master(normal);
	struct icaltimetype time;
	g_autoptr(vobject_t) folded = NULL;

	/* A task without a date is for any day. */
	if (!has_time(master, zones, &time))
		return TRUE;
	for (guint i = 0; i < normal->children->len; i++) {
		const struct vobject *component = normal->children->pdata[i];

		if (component != master && calendar_is_component(component) &&
		    component_overlaps(component, zones, since, before))
			return TRUE;
	}
	folded = calendar_part(normal, "");
	return component_overlaps(calendar_master(folded), zones, since, before);
}

static gboolean recurs(const struct vobject *normal)
{
	return calendar_recurs(calendar_master(normal));
}

static gboolean occurs(const struct vobject *series, const struct vobject *normal)
{
	g_autoptr(zones_t) zones = zones_new(series, NULL), its_zones = zones_new(normal, NULL);
	struct icaltimetype start;
	g_autoptr(GArray) times = NULL;

	if (!has_time(calendar_master(normal), its_zones, &start))
		return FALSE;
	times = calendar_occurrences(calendar_master(series), zones, datetime_instant(start) + 1,
				     FALSE);
	/* They are sorted. */
	return times->len > 0 &&
	       compare_times(&g_array_index(times, struct icaltimetype, times->len - 1), &start) ==
		       0;
}

static gboolean is_lossy(const struct vobject *normal, enum vdialect dialect)
{
	g_autoptr(zones_t) zones = zones_new(normal, NULL);
	const struct vobject *master = calendar_master(normal);
	struct icalrecurrencetype rule;
	struct icaltimetype start;
	guint rules = 0;

	if (dialect != VCALENDAR_1_0 || !calendar_recurs(master))
		return FALSE;
	for (guint i = 0; i < master->properties->len; i++) {
		const struct vproperty *property = master->properties->pdata[i];
		g_autofree char *text = NULL;

		if (strcmp(property->name, "RDATE") == 0 || strcmp(property->name, "EXRULE") == 0)
			return TRUE;
		if (strcmp(property->name, "RRULE") != 0)
			continue;
		if (++rules > 1 || !has_time(master, zones, &start) ||
		    !rrule_parse(vproperty_value(property, 0), start, &rule))
			return TRUE;
		text = rrule10_write(&rule, start, 0, RRULE10_END_COUNT);
		if (text == NULL)
			return TRUE;
	}
	return FALSE;
}

/* --- groups ------------------------------------------------------------------------------- */

static const char *const group_names[] = {
	"what",   "when",        "recurrence", "alarm",      "where", "people", "categories",
	"status", "description", "url",        "attachment", "other", NULL,
};

enum group {
	GROUP_WHAT,
	GROUP_WHEN,
	GROUP_RECURRENCE,
	GROUP_ALARM,
	GROUP_WHERE,
	GROUP_PEOPLE,
	GROUP_CATEGORIES,
	GROUP_STATUS,
	GROUP_DESCRIPTION,
	GROUP_URL,
	GROUP_ATTACHMENT,
	GROUP_OTHER,
};

/* By the names of both dialects; `old` is the one of vCalendar 1.0, if it differs. */
static const struct {
	const char *name, *old;
	guint group;
} properties[] = {
	{"SUMMARY", NULL, GROUP_WHAT},
	{"DTSTART", NULL, GROUP_WHEN},
	{"DTEND", NULL, GROUP_WHEN},
	{"DUE", NULL, GROUP_WHEN},
	{"RECURRENCE-ID", NULL, GROUP_WHEN},
	{"RRULE", NULL, GROUP_RECURRENCE},
	{"RDATE", NULL, GROUP_RECURRENCE},
	{"EXDATE", NULL, GROUP_RECURRENCE},
	{"EXRULE", NULL, GROUP_RECURRENCE},
	{CALENDAR_UNREAD_RULE, "RRULE", GROUP_RECURRENCE},
	{"AALARM", NULL, GROUP_ALARM},
	{"DALARM", NULL, GROUP_ALARM},
	{"MALARM", NULL, GROUP_ALARM},
	{"PALARM", NULL, GROUP_ALARM},
	{"VALARM", NULL, GROUP_ALARM},
	{"LOCATION", NULL, GROUP_WHERE},
	{"GEO", NULL, GROUP_WHERE},
	{"ATTENDEE", NULL, GROUP_PEOPLE},
	{"ORGANIZER", "ATTENDEE", GROUP_PEOPLE},
	{"CONTACT", NULL, GROUP_PEOPLE},
	{"CATEGORIES", NULL, GROUP_CATEGORIES},
	{"STATUS", NULL, GROUP_STATUS},
	{"COMPLETED", NULL, GROUP_STATUS},
	{"PERCENT-COMPLETE", NULL, GROUP_STATUS},
	{"PRIORITY", NULL, GROUP_STATUS},
	{"CLASS", NULL, GROUP_STATUS},
	{"TRANSP", NULL, GROUP_STATUS},
	{"DESCRIPTION", NULL, GROUP_DESCRIPTION},
	{"COMMENT", NULL, GROUP_DESCRIPTION},
	{"URL", NULL, GROUP_URL},
	{"ATTACH", NULL, GROUP_ATTACHMENT},
	/* In no group: whose they are is not a matter of content. */
	{"UID", NULL, PIM_GROUP_IGNORED},
	{"CREATED", "DCREATED", PIM_GROUP_IGNORED},
	{"DCREATED", NULL, PIM_GROUP_IGNORED},
	{"LAST-MODIFIED", NULL, PIM_GROUP_IGNORED},
	{"DTSTAMP", NULL, PIM_GROUP_IGNORED},
	{"SEQUENCE", NULL, PIM_GROUP_IGNORED},
	{"PRODID", NULL, PIM_GROUP_IGNORED},
};

static guint group_of(const char *component, const char *property)
{
	if (strcmp(component, "VALARM") == 0)
		return GROUP_ALARM;
	if (strcmp(component, "VTIMEZONE") == 0 && *property == '\0')
		return GROUP_WHEN;
	/* A zone is what its name says. */
	if (strcmp(component, "VTIMEZONE") == 0 || strcmp(component, "STANDARD") == 0 ||
	    strcmp(component, "DAYLIGHT") == 0 || *property == '\0')
		return PIM_GROUP_IGNORED;
	for (guint i = 0; i < G_N_ELEMENTS(properties); i++) {
		if (g_ascii_strcasecmp(properties[i].name, property) == 0)
			return properties[i].group;
	}
	return GROUP_OTHER;
}

static const char *device_name(const struct vproperty *property)
{
	for (guint i = 0; i < G_N_ELEMENTS(properties); i++) {
		if (strcmp(properties[i].name, property->name) == 0)
			return properties[i].old == NULL ? property->name : properties[i].old;
	}
	return property->name;
}

const struct pim_kind pim_calendar_kind = {
	.normalize = calendar_normalize,
	.denormalize = calendar_denormalize,
	.group_of = group_of,
	.group_names = group_names,
	.device_name = device_name,
	.keys = keys,
	.title = title,
	.uid = uid,
	.overlaps = overlaps,
	.recurs = recurs,
	.occurs = occurs,
	.series_key = series_key,
	.schedule = 1u << GROUP_WHEN | 1u << GROUP_RECURRENCE,
	.parts = parts,
	.part = calendar_part,
	.part_names = part_names,
	.split = split,
	.with_part = with_part,
	.with_parts = with_parts,
	.is_lossy = is_lossy,
	.stored = ICALENDAR_2_0,
};
