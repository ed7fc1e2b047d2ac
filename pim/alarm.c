/* Alarms: at a time of the day in vCalendar 1.0, so long before in iCalendar. Sounds and programs
 * are names of files on somebody's device, and go no further. */
#include "calendar-private.h"

#include <string.h>

#include "limits.h"

/* An alarm further away than that stands for itself. */
#define RELATIVE_MAX ((gint64)400 * DATETIME_DAY)

static const struct {
	const char *property, *action;
} kinds[] = {
	{"AALARM", "AUDIO"},
	{"DALARM", "DISPLAY"},
	{"MALARM", "EMAIL"},
	{"PALARM", "DISPLAY"},
};

static gboolean is_mail(const struct vobject *alarm)
{
	const struct vproperty *action = vobject_find(alarm, "ACTION");

	return action != NULL && g_ascii_strcasecmp(vproperty_value(action, 0), "EMAIL") == 0;
}

static const char *value_of(const struct vobject *object, const char *name)
{
	const struct vproperty *property = vobject_find(object, name);

	return property == NULL ? "" : vproperty_value(property, 0);
}

/* What alarms are relative to. Days begin at midnight of the user. */
static gboolean anchor_of(const struct vobject *component, const char *name, struct zones *zones,
			  gint64 *instant_r)
{
	struct icaltimetype time;

	if (!calendar_time(component, name, zones, &time))
		return FALSE;
	if (time.is_date) {
		time.is_date = 0;
		time.zone = zones_user(zones);
	}
	*instant_r = datetime_instant(time);
	return TRUE;
}

static gboolean is_relative_to_end(const struct vobject *component)
{
	return strcmp(component->name, "VTODO") == 0 && vobject_find(component, "DUE") != NULL;
}

/* --- reading ------------------------------------------------------------------------------ */

static gboolean read_when(const char *text, struct zones *zones, const struct pim_style *style,
			  gint64 *instant_r)
{
	struct icaltimetype time;

	if (!datetime_parse(text, &time, NULL) || time.is_date)
		return FALSE;
	if (time.zone == NULL ? !style->times_as_utc : style->times_as_local)
		time.zone = zones_user(zones);
	*instant_r = datetime_instant(time);
	return TRUE;
}

static gboolean add_trigger(struct vobject *alarm, const struct vobject *component,
			    const char *text, struct zones *zones, const struct pim_style *style)
{
	gboolean at_end = is_relative_to_end(component);
	struct vproperty *trigger;
	gint64 instant, anchor, before;
	g_autofree char *value = NULL;

	if (datetime_parse_duration(text, &before)) {
		value = datetime_format_duration(before);
		vobject_add(alarm, "TRIGGER", value);
		return TRUE;
	}
	if (!read_when(text, zones, style, &instant))
		return FALSE;
	if (anchor_of(component, at_end ? "DUE" : "DTSTART", zones, &anchor) &&
	    ABS(instant - anchor) <= RELATIVE_MAX) {
		value = datetime_format_duration(instant - anchor);
		trigger = vobject_add(alarm, "TRIGGER", value);
		if (at_end)
			vproperty_add_param(trigger, "RELATED", "END");
		return TRUE;
	}
	value = datetime_format(datetime_at(instant, icaltimezone_get_utc_timezone()));
	trigger = vobject_add(alarm, "TRIGGER", value);
	vproperty_add_param(trigger, "VALUE", "DATE-TIME");
	return TRUE;
}

static void add_repeat(struct vobject *alarm, const char *snooze, const char *repeat)
{
	gint64 seconds, count = g_ascii_strtoll(repeat, NULL, 10);
	g_autofree char *number = g_strdup_printf("%d", (int)CLAMP(count, 0, 999));
	g_autofree char *duration = NULL;

	if (count <= 0 || !datetime_parse_duration(snooze, &seconds) || seconds <= 0)
		return;
	duration = datetime_format_duration(seconds);
	vobject_add(alarm, "REPEAT", number);
	vobject_add(alarm, "DURATION", duration);
}

/* when;snooze;repeat;text, or of MALARM: when;snooze;repeat;address;text. */
static struct vobject *read_alarm(const struct vproperty *property, const char *action,
				  const struct vobject *component, struct zones *zones,
				  const struct pim_style *style)
{
	g_auto(GStrv) parts = g_strsplit(vproperty_value(property, 0), ";", 4);
	guint count = g_strv_length(parts);
	g_autoptr(vobject_t) alarm = vobject_new("VALARM");
	const char *text = count > 3 ? g_strstrip(parts[3]) : "";

	vobject_add(alarm, "ACTION", action);
	if (count == 0 || !add_trigger(alarm, component, g_strstrip(parts[0]), zones, style))
		return NULL;
	if (count > 2)
		add_repeat(alarm, g_strstrip(parts[1]), parts[2]);
	if (strcmp(property->name, "MALARM") == 0) {
		gsize len = strcspn(text, ";");
		g_autofree char *address = g_strndup(text, len);
		g_autofree char *uri = g_strconcat("mailto:", address, NULL);

		if (*address != '\0')
			vobject_add(alarm, "ATTENDEE", uri);
		text += len + (text[len] == ';');
	}
	if (*text != '\0' && strcmp(property->name, "AALARM") != 0 &&
	    strcmp(property->name, "PALARM") != 0)
		vobject_add(alarm, "DESCRIPTION", text);
	return g_steal_pointer(&alarm);
}

/* Devices send one alarm as AALARM and as DALARM; what is shown has the text. */
static void add_alarm(struct vobject *component, struct vobject *alarm)
{
	const char *trigger = value_of(alarm, "TRIGGER");

	for (guint i = 0; !is_mail(alarm) && i < component->children->len; i++) {
		const struct vobject *other = component->children->pdata[i];

		if (strcmp(other->name, "VALARM") != 0 || is_mail(other) ||
		    strcmp(value_of(other, "TRIGGER"), trigger) != 0)
			continue;
		if (strcmp(value_of(alarm, "ACTION"), "DISPLAY") == 0) {
			vobject_free(component->children->pdata[i]);
			component->children->pdata[i] = alarm;
		} else {
			vobject_free(alarm);
		}
		return;
	}
	g_ptr_array_add(component->children, alarm);
}

static gboolean has_trigger(const struct vobject *alarm)
{
	const char *trigger = value_of(alarm, "TRIGGER");
	struct icaltimetype time;
	gint64 seconds;

	return datetime_parse_duration(trigger, &seconds) || datetime_parse(trigger, &time, NULL);
}

void alarms_read(struct vobject *component, struct zones *zones, const struct pim_style *style)
{
	for (guint i = component->children->len; i > 0; i--) {
		const struct vobject *child = component->children->pdata[i - 1];

		if (strcmp(child->name, "VALARM") == 0 && !has_trigger(child))
			g_ptr_array_remove_index(component->children, i - 1);
	}
	for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
		guint count = 0;

		for (guint j = 0; j < component->properties->len && count < LIMIT_ALARMS; j++) {
			const struct vproperty *property = component->properties->pdata[j];
			struct vobject *alarm;

			if (strcmp(property->name, kinds[i].property) != 0)
				continue;
			count++;
			alarm = read_alarm(property, kinds[i].action, component, zones, style);
			if (alarm != NULL)
				add_alarm(component, alarm);
		}
		vobject_remove(component, kinds[i].property);
	}
	vobject_remove(component, "X-EPOCALARM");
}

/* --- writing ------------------------------------------------------------------------------ */

static gboolean instant_of(const struct vobject *alarm, const struct vobject *component,
			   struct zones *zones, gint64 *instant_r)
{
	const struct vproperty *trigger = vobject_find(alarm, "TRIGGER");
	const char *related = trigger == NULL ? NULL : vproperty_param(trigger, "RELATED");
	gboolean at_end = related != NULL && g_ascii_strcasecmp(related, "END") == 0;
	struct icaltimetype time;
	gint64 before, anchor;

	if (trigger == NULL)
		return FALSE;
	if (!datetime_parse_duration(vproperty_value(trigger, 0), &before)) {
		if (!calendar_value_time(trigger, vproperty_value(trigger, 0), zones, &time))
			return FALSE;
		*instant_r = datetime_instant(time);
		return TRUE;
	}
	if (!anchor_of(component, at_end ? calendar_end_name(component) : "DTSTART", zones,
		       &anchor) &&
	    !anchor_of(component, at_end ? "DTSTART" : calendar_end_name(component), zones,
		       &anchor))
		return FALSE;
	*instant_r = anchor + before;
	return TRUE;
}

static const struct vobject *find_earliest(const struct vobject *component, struct zones *zones,
					   gboolean mail, gint64 *instant_r)
{
	const struct vobject *earliest = NULL;

	for (guint i = 0; i < component->children->len; i++) {
		const struct vobject *alarm = component->children->pdata[i];
		gint64 instant;

		if (strcmp(alarm->name, "VALARM") == 0 && is_mail(alarm) == mail &&
		    instant_of(alarm, component, zones, &instant) &&
		    (earliest == NULL || instant < *instant_r)) {
			earliest = alarm;
			*instant_r = instant;
		}
	}
	return earliest;
}

static void write_alarm(struct vobject *component, const char *name, const struct vobject *alarm,
			const char *when)
{
	const char *snooze = value_of(alarm, "DURATION"), *repeat = value_of(alarm, "REPEAT");
	const char *text = value_of(alarm, "DESCRIPTION"), *address = value_of(alarm, "ATTENDEE");
	g_autofree char *value = NULL;

	if (g_ascii_strncasecmp(address, "mailto:", 7) == 0)
		address += 7;
	/* Some read AALARM only if it is a time and nothing else. */
	if (strcmp(name, "AALARM") == 0)
		value = g_strdup(when);
	else if (strcmp(name, "MALARM") == 0)
		value = g_strdup_printf("%s;%s;%s;%s;%s", when, snooze, repeat, address, text);
	else if (*snooze == '\0' && *text == '\0')
		value = g_strdup(when);
	else
		value = g_strdup_printf("%s;%s;%s;%s", when, snooze, repeat, text);
	vobject_add(component, name, value);
}

static char *format_when(gint64 instant, const struct zones *zones, const struct pim_style *style)
{
	struct icaltimetype time;

	if (style->alarms_utc || style->times == PIM_TIMES_UTC)
		return datetime_format(datetime_at(instant, icaltimezone_get_utc_timezone()));
	time = datetime_at(instant, zones_user(zones));
	time.zone = NULL;
	return datetime_format(time);
}

static gboolean is_in_time(gint64 instant, const struct pim_style *style)
{
	return style->min_time == 0 || instant >= style->min_time;
}

void alarms_write(struct vobject *component, struct zones *zones, const struct pim_style *style)
{
	gint64 instant, mail_instant;
	const struct vobject *alarm = find_earliest(component, zones, FALSE, &instant);
	const struct vobject *mail = find_earliest(component, zones, TRUE, &mail_instant);

	if (alarm != NULL && is_in_time(instant, style)) {
		g_autofree char *when = format_when(instant, zones, style);

		if (style->alarms != PIM_ALARMS_DISPLAY)
			write_alarm(component, "AALARM", alarm, when);
		if (style->alarms != PIM_ALARMS_AUDIO)
			write_alarm(component, "DALARM", alarm, when);
	}
	if (mail != NULL && is_in_time(mail_instant, style)) {
		g_autofree char *when = format_when(mail_instant, zones, style);

		write_alarm(component, "MALARM", mail, when);
	}
	for (guint i = component->children->len; i > 0; i--) {
		const struct vobject *child = component->children->pdata[i - 1];

		if (strcmp(child->name, "VALARM") == 0)
			g_ptr_array_remove_index(component->children, i - 1);
	}
}
