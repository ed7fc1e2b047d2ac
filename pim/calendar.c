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

/* "20100301T080000Z", "20100301". NULL: no recurrence-id. */
static char *part_of(const struct vobject *component, struct zones *zones)
{
	struct icaltimetype time;

	if (!calendar_is_component(component) ||
	    !calendar_time(component, "RECURRENCE-ID", zones, &time))
		return NULL;
	return datetime_format(datetime_in(time, icaltimezone_get_utc_timezone()));
}

static gboolean is_part(const struct vobject *normal, const struct vobject *component,
			const char *part, struct zones *zones)
{
	g_autofree char *own =
		component == calendar_master(normal) ? NULL : part_of(component, zones);

	return own != NULL && strcmp(own, part) == 0;
}

static char **parts(const struct vobject *normal)
{
	g_autoptr(zones_t) zones = zones_new(normal, NULL);
	GPtrArray *found = g_ptr_array_new();

	for (guint i = 0; i < normal->children->len; i++) {
		const struct vobject *component = normal->children->pdata[i];
		char *part =
			component == calendar_master(normal) ? NULL : part_of(component, zones);

		if (part != NULL)
			g_ptr_array_add(found, part);
	}
	g_ptr_array_add(found, NULL);
	return (char **)g_ptr_array_free(found, FALSE);
}

/* One value more, in the form of the start and in its place: they are in order. */
static void add_exdate(struct vobject *master, struct zones *zones, struct icaltimetype time)
{
	struct vproperty *exdate = vobject_find(master, "EXDATE");
	g_autofree char *value = NULL;
	struct icaltimetype start;
	GPtrArray *values;
	guint i = 0;

	if (calendar_time(master, "DTSTART", zones, &start) && !time.is_date)
		time = datetime_in(time, start.zone);
	if (exdate == NULL || exdate->components->len == 0) {
		calendar_set_time(master, "EXDATE", zones, time);
		return;
	}
	value = datetime_format(time);
	values = exdate->components->pdata[0];
	while (i < values->len && strcmp(values->pdata[i], value) < 0)
		i++;
	if (i == values->len || strcmp(values->pdata[i], value) != 0)
		g_ptr_array_insert(values, (int)i, g_steal_pointer(&value));
}

/* Exceptions become EXDATE of the master. */
static void fold_exceptions(struct vobject *calendar, struct zones *zones)
{
	struct vobject *master = calendar_master(calendar);

	for (guint i = calendar->children->len; i > 0; i--) {
		const struct vobject *component = calendar->children->pdata[i - 1];
		struct icaltimetype time;

		if (component == master || !calendar_is_component(component))
			continue;
		if (calendar_time(component, "RECURRENCE-ID", zones, &time))
			add_exdate(master, zones, time);
		g_ptr_array_remove_index(calendar->children, i - 1);
	}
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

struct vobject *calendar_part(const struct vobject *normal, const char *part)
{
	g_autoptr(vobject_t) copy = vobject_copy(normal);
	g_autoptr(zones_t) zones = zones_new(normal, NULL);

	if (*part == '\0') {
		fold_exceptions(copy, zones);
		return g_steal_pointer(&copy);
	}
	for (guint i = copy->children->len; i > 0; i--) {
		const struct vobject *component = normal->children->pdata[i - 1];

		if (!calendar_is_component(component))
			continue;
		if (is_part(normal, component, part, zones)) {
			forget_recurrence(copy->children->pdata[i - 1]);
			set_own_uid(copy->children->pdata[i - 1], part);
		} else {
			g_ptr_array_remove_index(copy->children, i - 1);
		}
	}
	return calendar_master(copy) == NULL ? NULL : g_steal_pointer(&copy);
}

static char *part_name(const struct vobject *normal, const struct vobject *component)
{
	g_autoptr(zones_t) zones = NULL;
	char *part;

	if (component == calendar_master(normal))
		return g_strdup("");
	zones = zones_new(normal, NULL);
	part = part_of(component, zones);
	return part == NULL ? g_strdup("") : part;
}

static void copy_uid(struct vobject *to, const struct vobject *from)
{
	const struct vproperty *uid = vobject_find(from, "UID");

	vobject_remove(to, "UID");
	if (uid != NULL)
		g_ptr_array_add(to->properties, vproperty_copy(uid));
}

static void copy_zones(struct vobject *to, const struct vobject *from)
{
	for (guint i = 0; i < from->children->len; i++) {
		const struct vobject *child = from->children->pdata[i];
		const struct vproperty *tzid = vobject_find(child, "TZID");

		if (strcmp(child->name, "VTIMEZONE") == 0 && tzid != NULL &&
		    !calendar_has_zone(to, vproperty_value(tzid, 0)))
			g_ptr_array_add(to->children, vobject_copy(child));
	}
}

static void remove_exdate(struct vobject *master, struct zones *zones, struct icaltimetype time)
{
	struct vproperty *exdate = vobject_find(master, "EXDATE");
	GPtrArray *values;

	if (exdate == NULL || exdate->components->len == 0)
		return;
	values = exdate->components->pdata[0];
	for (guint i = values->len; i > 0; i--) {
		struct icaltimetype other;

		if (calendar_value_time(exdate, values->pdata[i - 1], zones, &other) &&
		    compare_times(&other, &time) == 0)
			g_ptr_array_remove_index(values, i - 1);
	}
	if (values->len == 0)
		vobject_remove(master, "EXDATE");
}

/* The device saw exceptions as EXDATE; here they are themselves. */
static struct vobject *with_master(const struct vobject *normal, const struct vobject *changed)
{
	struct vobject *result = vobject_new(normal->name);
	g_autoptr(zones_t) zones = zones_new(normal, NULL);
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
			remove_exdate(master, zones, time);
	}
	copy_zones(result, changed);
	copy_zones(result, normal);
	return result;
}

static void add_exception(struct vobject *result, const struct vobject *changed,
			  struct zones *zones, struct icaltimetype time)
{
	struct vobject *exception = vobject_copy(calendar_master(changed));

	forget_recurrence(exception);
	copy_uid(exception, calendar_master(result));
	calendar_set_time(exception, "RECURRENCE-ID", zones, time);
	g_ptr_array_add(result->children, exception);
	copy_zones(result, changed);
}

static struct vobject *with_part(const struct vobject *normal, const char *part,
				 const struct vobject *changed)
{
	struct vobject *result = vobject_copy(normal), *master = calendar_master(result);
	g_autoptr(zones_t) zones = zones_new(normal, NULL);
	struct icaltimetype time, start;

	if (*part == '\0') {
		vobject_free(result);
		return with_master(normal, changed);
	}
	for (guint i = normal->children->len; i > 0; i--) {
		if (is_part(normal, normal->children->pdata[i - 1], part, zones))
			g_ptr_array_remove_index(result->children, i - 1);
	}
	if (!datetime_parse(part, &time, NULL))
		return result;
	if (!time.is_date && calendar_time(master, "DTSTART", zones, &start))
		time = datetime_in(time, start.zone);
	if (changed == NULL) {
		add_exdate(master, zones, time);
	} else {
		remove_exdate(master, zones, time);
		add_exception(result, changed, zones, time);
	}
	return result;
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
	.part_of = part_name,
	.with_part = with_part,
	.is_lossy = is_lossy,
	.stored = ICALENDAR_2_0,
};
