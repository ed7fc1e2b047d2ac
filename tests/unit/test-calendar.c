#include "item-private.h"

#include <libical/ical.h>
#include <string.h>

#include "limits.h"

static const struct pim_style utc_phone = {.zone = "Europe/Berlin"};
static const struct pim_style berlin = {
	.zone = "Europe/Berlin", .times = PIM_TIMES_LOCAL, .alarms_utc = TRUE};
static const struct pim_style new_york = {.zone = "America/New_York", .times = PIM_TIMES_LOCAL};
static const struct pim_style symbian = {.zone = "Europe/Berlin",
					 .times = PIM_TIMES_LOCAL,
					 .alarms_utc = TRUE,
					 .epoc_entry_type = TRUE,
					 .min_time = 315532800};
static const struct pim_style uiq = {.zone = "Europe/Berlin",
				     .times = PIM_TIMES_LOCAL,
				     .times_as_local = TRUE,
				     .all_day = PIM_ALL_DAY_2400};
static const struct pim_style communicator = {.zone = "Europe/Berlin", .times_as_utc = TRUE};
static const struct pim_style palm = {
	.zone = "America/New_York", .times = PIM_TIMES_LOCAL, .all_day = PIM_ALL_DAY_8_TO_18};
static const struct pim_style minutes = {.zone = "Europe/Berlin",
					 .times = PIM_TIMES_LOCAL,
					 .all_day = PIM_ALL_DAY_2359,
					 .rule_ends_by_count = TRUE};
static const struct pim_style siemens = {
	.zone = "Europe/Berlin", .times = PIM_TIMES_LOCAL, .alarms = PIM_ALARMS_DISPLAY};
static const struct pim_style s40 = {
	.zone = "Europe/Berlin", .times = PIM_TIMES_LOCAL, .alarms = PIM_ALARMS_AUDIO};
static const struct pim_style in_event = {.zone = "Europe/Berlin", .zone_in_event = TRUE};
static const struct pim_style dates = {.zone = "Europe/Berlin", .all_day = PIM_ALL_DAY_DATE};
static const struct pim_style *const all_styles[] = {
	&utc_phone, &berlin, &new_york, &symbian, &uiq, &communicator, &palm, &minutes, &dates};

/* Lines of a VEVENT, or with "VTODO|" in front of a VTODO, separated by '|'. */
static struct vobject *parse(const char *lines, enum vdialect dialect,
			     const struct pim_style *style, enum pim_component *component_r,
			     GError **error)
{
	gboolean is_task = g_str_has_prefix(lines, "VTODO|");
	const char *name = is_task ? "VTODO" : "VEVENT";
	g_auto(GStrv) split = g_strsplit(lines + (is_task ? 6 : 0), "|", -1);
	g_autofree char *body = g_strjoinv("\r\n", split);
	g_autofree char *text = g_strdup_printf(
		"BEGIN:VCALENDAR\r\nVERSION:%s\r\nBEGIN:%s\r\n%s\r\nEND:%s\r\nEND:VCALENDAR\r\n",
		dialect == VCALENDAR_1_0 ? "1.0" : "2.0", name, body, name);
	struct vobject *parsed = vobject_parse(text, strlen(text), NULL, NULL, NULL, NULL);
	enum pim_component component;

	g_assert_nonnull(parsed);
	return pim_calendar_kind.normalize(parsed, dialect, style,
					   component_r == NULL ? &component : component_r, error);
}

static struct vobject *parse_one(const char *lines, enum vdialect dialect,
				 const struct pim_style *style)
{
	g_autoptr(GError) error = NULL;
	struct vobject *normal = parse(lines, dialect, style, NULL, &error);

	g_assert_no_error(error);
	return normal;
}

/* Back to lines with '|', without BEGIN and END of the outer two, VERSION and PRODID. */
static char *lines_of(const struct vobject *calendar, enum vdialect dialect)
{
	const struct vobject *component = NULL;
	GString *text = g_string_new(NULL);
	g_autoptr(GString) written = NULL;
	g_auto(GStrv) lines = NULL;

	for (guint i = 0; i < calendar->properties->len; i++) {
		const struct vproperty *property = calendar->properties->pdata[i];

		if (strcmp(property->name, "PRODID") != 0)
			g_string_append_printf(text, "%s:%s|", property->name,
					       vproperty_value(property, 0));
	}
	for (guint i = 0; i < calendar->children->len; i++) {
		const struct vobject *child = calendar->children->pdata[i];

		if (strcmp(child->name, "VTIMEZONE") == 0)
			continue;
		component = child;
		g_clear_pointer(&lines, g_strfreev);
		if (written != NULL)
			g_string_free(g_steal_pointer(&written), TRUE);
		written = vobject_write(component, dialect, &(struct vobject_style){.no_fold = 1});
		lines = g_strsplit(written->str, "\r\n", -1);
		for (guint j = 2; lines[j] != NULL && lines[j + 1] != NULL && lines[j + 2] != NULL;
		     j++)
			g_string_append_printf(text, "%s|", lines[j]);
	}
	if (text->len > 0)
		g_string_truncate(text, text->len - 1);
	return g_string_free(text, FALSE);
}

/* --- reading ------------------------------------------------------------------------------ */

static void test_read(void)
{
	static const struct {
		const char *name;
		const struct pim_style *style;
		enum vdialect dialect;
		const char *text, *normal;
	} rows[] = {
		{"a single event is in UTC", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100701T090000|DTEND:20100701T100000",
		 "DTSTART:20100701T070000Z|DTEND:20100701T080000Z"},
		{"in winter, too", &berlin, VCALENDAR_1_0, "DTSTART:20100104T090000",
		 "DTSTART:20100104T080000Z"},
		{"in New York", &new_york, VCALENDAR_1_0, "DTSTART:20100314T033000",
		 "DTSTART:20100314T073000Z"},
		{"the last hour of summer", &berlin, VCALENDAR_1_0, "DTSTART:20101031T013000",
		 "DTSTART:20101030T233000Z"},
		{"a recurring one in its zone", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100104T090000|DTEND:20100104T100000|RRULE:W1 MO #0",
		 "DTSTART;TZID=Europe/Berlin:20100104T090000|"
		 "DTEND;TZID=Europe/Berlin:20100104T100000|RRULE:FREQ=WEEKLY;BYDAY=MO"},
		{"also if it came in UTC", &utc_phone, VCALENDAR_1_0,
		 "DTSTART:20100103T233000Z|RRULE:W1 MO #0",
		 "DTSTART;TZID=Europe/Berlin:20100104T003000|RRULE:FREQ=WEEKLY;BYDAY=MO"},
		{"iCalendar recurs in UTC if it says so", &utc_phone, ICALENDAR_2_0,
		 "DTSTART:20100104T080000Z|RRULE:FREQ=WEEKLY",
		 "DTSTART:20100104T080000Z|RRULE:FREQ=WEEKLY"},
		{"a named zone stays", &berlin, ICALENDAR_2_0,
		 "DTSTART;TZID=America/New_York:20100701T090000|DURATION:PT90M",
		 "DTSTART;TZID=America/New_York:20100701T090000|"
		 "DTEND;TZID=America/New_York:20100701T103000"},
		{"by its name in the database", &berlin, ICALENDAR_2_0,
		 "DTSTART;TZID=/citadel.org/20210210_1/America/New_York:20100701T090000",
		 "DTSTART;TZID=America/New_York:20100701T090000"},
		{"a flight", &berlin, ICALENDAR_2_0,
		 "DTSTART;TZID=America/New_York:20100701T180000|"
		 "DTEND;TZID=Europe/Berlin:20100702T080000",
		 "DTSTART;TZID=America/New_York:20100701T180000|"
		 "DTEND;TZID=Europe/Berlin:20100702T080000"},
		{"a zone that nobody knows is the user's", &berlin, ICALENDAR_2_0,
		 "DTSTART;TZID=../../etc/passwd:20100701T090000", "DTSTART:20100701T070000Z"},
		{"UIQ's Z means nothing", &uiq, VCALENDAR_1_0, "DTSTART:20100701T090000Z",
		 "DTSTART:20100701T070000Z"},
		{"the Communicator's local is UTC", &communicator, VCALENDAR_1_0,
		 "DTSTART:20100701T090000", "DTSTART:20100701T090000Z"},
		{"an end before the start is none", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100701T090000|DTEND:20100701T080000", "DTSTART:20100701T070000Z"},
		{"a time that is none is left out", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100701T090000|DTEND:tomorrow|COMPLETED:x", "DTSTART:20100701T070000Z"},
		{"an end alone is a start", &berlin, VCALENDAR_1_0, "DTEND:20100701T090000",
		 "DTSTART:20100701T070000Z"},
		/* All day. */
		{"midnight to midnight", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100131T000000|DTEND:20100201T000000", "DTSTART;VALUE=DATE:20100131"},
		{"of three days", &new_york, VCALENDAR_1_0,
		 "DTSTART:20100131T000000|DTEND:20100203T000000",
		 "DTSTART;VALUE=DATE:20100131|DTEND;VALUE=DATE:20100203"},
		{"to 23:59", &new_york, VCALENDAR_1_0,
		 "DTSTART:20100131T000000|DTEND:20100131T235900", "DTSTART;VALUE=DATE:20100131"},
		{"to 23:59:59", &new_york, VCALENDAR_1_0,
		 "DTSTART:20100131T000000|DTEND:20100201T235959",
		 "DTSTART;VALUE=DATE:20100131|DTEND;VALUE=DATE:20100202"},
		{"to 24:00 with Z", &uiq, VCALENDAR_1_0,
		 "DTSTART:20100131T000000Z|DTEND:20100131T240000Z", "DTSTART;VALUE=DATE:20100131"},
		{"local midnights in UTC", &utc_phone, VCALENDAR_1_0,
		 "DTSTART:20100130T230000Z|DTEND:20100131T230000Z", "DTSTART;VALUE=DATE:20100131"},
		{"an hour less in March", &utc_phone, VCALENDAR_1_0,
		 "DTSTART:20100327T230000Z|DTEND:20100328T220000Z", "DTSTART;VALUE=DATE:20100328"},
		{"start and end at midnight", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100131T000000|DTEND:20100131T000000", "DTSTART;VALUE=DATE:20100131"},
		{"a memo of Symbian", &symbian, VCALENDAR_1_0,
		 "DTSTART:20100131T090000|X-EPOCAGENDAENTRYTYPE:EVENT",
		 "DTSTART;VALUE=DATE:20100131"},
		{"an anniversary with times", &symbian, VCALENDAR_1_0,
		 "DTSTART:20100131T090000|DTEND:20100131T100000|"
		 "X-EPOCAGENDAENTRYTYPE:ANNIVERSARY|RRULE:YM1 #0",
		 "DTSTART;VALUE=DATE:20100131|RRULE:FREQ=YEARLY"},
		{"an appointment of Symbian at midnight", &symbian, VCALENDAR_1_0,
		 "DTSTART:20100131T000000|DTEND:20100201T000000|"
		 "X-EPOCAGENDAENTRYTYPE:APPOINTMENT",
		 "DTSTART:20100130T230000Z|DTEND:20100131T230000Z"},
		{"Palm", &palm, VCALENDAR_1_0, "DTSTART:20100131T080000|DTEND:20100131T180000",
		 "DTSTART;VALUE=DATE:20100131"},
		{"eight to six elsewhere", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100131T080000|DTEND:20100131T180000",
		 "DTSTART:20100131T070000Z|DTEND:20100131T170000Z"},
		{"Funambol", &utc_phone, VCALENDAR_1_0,
		 "DTSTART:20100131T000000Z|DTEND:20100131T235900Z|X-FUNAMBOL-ALLDAY:1",
		 "DTSTART;VALUE=DATE:20100131"},
		{"a date", &new_york, ICALENDAR_2_0, "DTSTART;VALUE=DATE:20100131|DURATION:P2D",
		 "DTSTART;VALUE=DATE:20100131|DTEND;VALUE=DATE:20100202"},
		/* Recurrence. */
		{"exceptions", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100104T090000|RRULE:D1 #0|EXDATE:20100113T090000;20100111T080000Z",
		 "DTSTART;TZID=Europe/Berlin:20100104T090000|RRULE:FREQ=DAILY|"
		 "EXDATE;TZID=Europe/Berlin:20100111T090000,20100113T090000"},
		{"exceptions by day", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100104T090000|RRULE:D1 #0|EXDATE:20100113T000000;20100111",
		 "DTSTART;TZID=Europe/Berlin:20100104T090000|RRULE:FREQ=DAILY|"
		 "EXDATE;TZID=Europe/Berlin:20100111T090000,20100113T090000"},
		{"exceptions of days", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100104T000000|DTEND:20100105T000000|RRULE:D1 20100131T235959|"
		 "EXDATE:20100111T000000",
		 "DTSTART;VALUE=DATE:20100104|RRULE:FREQ=DAILY;UNTIL=20100131|"
		 "EXDATE;VALUE=DATE:20100111"},
		{"occurrences of nothing", &berlin, VCALENDAR_1_0,
		 "VTODO|SUMMARY:Milk|EXDATE:20100111T080000Z;20100118|RDATE:20100118T090000|"
		 "RECURRENCE-ID:20100118",
		 "SUMMARY:Milk"},
		{"a rule that nobody understands", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100104T090000|RRULE:Q1 #0",
		 "DTSTART;TZID=Europe/Berlin:20100104T090000|X-FANTAIL-RULE:Q1 #0"},
		/* Words. */
		{"words", &utc_phone, VCALENDAR_1_0,
		 "DTSTART:20100104T080000Z|DCREATED:20100101T080000Z|TRANSP:1|STATUS:ACCEPTED|"
		 "PRIORITY:2|CLASS:private|CATEGORIES:MEETING;PHONE CALL|UID:x|RNUM:3",
		 "DTSTART:20100104T080000Z|CREATED:20100101T080000Z|TRANSP:TRANSPARENT|"
		 "STATUS:CONFIRMED|PRIORITY:5|CLASS:PRIVATE|CATEGORIES:MEETING,PHONE CALL"},
		{"people", &utc_phone, VCALENDAR_1_0,
		 "DTSTART:20100104T080000Z|"
		 "ATTENDEE;ROLE=ORGANIZER:Pat Example <pat@example.org>|"
		 "ATTENDEE;ROLE=ATTENDEE;STATUS=NEEDS ACTION;RSVP=YES:kim@example.org|ATTENDEE:Lee",
		 "DTSTART:20100104T080000Z|ORGANIZER;CN=Pat Example:mailto:pat@example.org|"
		 "ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:"
		 "mailto:kim@example.org|ATTENDEE;CN=Lee:invalid:nomail"},
		/* Alarms. */
		{"S40's alarm", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100104T090000|AALARM:20100104T074500Z",
		 "DTSTART:20100104T080000Z|BEGIN:VALARM|ACTION:AUDIO|TRIGGER:-PT15M|END:VALARM"},
		{"two that are one", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100104T090000|AALARM:20100104T084500;PT5M;2;C:\\\\x.wav|"
		 "DALARM:20100104T084500;;;Up",
		 "DTSTART:20100104T080000Z|BEGIN:VALARM|ACTION:DISPLAY|TRIGGER:-PT15M|"
		 "DESCRIPTION:Up|END:VALARM"},
		{"an alarm that is none", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100104T090000|AALARM:;;;", "DTSTART:20100104T080000Z"},
		{"of a day", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100131T000000|DTEND:20100201T000000|DALARM:20100130T180000",
		 "DTSTART;VALUE=DATE:20100131|BEGIN:VALARM|ACTION:DISPLAY|TRIGGER:-PT6H|"
		 "END:VALARM"},
		/* Tasks. */
		{"a task", &berlin, VCALENDAR_1_0,
		 "VTODO|SUMMARY:Milk|DUE:20100131T000000|STATUS:NEEDS ACTION|PRIORITY:1|"
		 "DALARM:20100130T180000",
		 "SUMMARY:Milk|DUE;VALUE=DATE:20100131|STATUS:NEEDS-ACTION|PRIORITY:1|"
		 "BEGIN:VALARM|ACTION:DISPLAY|TRIGGER;RELATED=END:-PT6H|END:VALARM"},
		{"due at a time", &berlin, VCALENDAR_1_0, "VTODO|DUE:20100131T170000",
		 "DUE:20100131T160000Z"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(vobject_t) normal = NULL;
		g_autofree char *text = NULL;

		g_test_message("%s", rows[i].name);
		normal = parse_one(rows[i].text, rows[i].dialect, rows[i].style);
		text = lines_of(normal, ICALENDAR_2_0);
		g_assert_cmpstr(text, ==, rows[i].normal);
	}
}

static void test_refused(void)
{
	static const struct {
		const char *text;
		enum pim_item_error error;
	} rows[] = {
		{"SUMMARY:Some day", PIM_ITEM_ERROR_SYNTAX},
		{"SUMMARY:Some day|DTSTART:soon", PIM_ITEM_ERROR_SYNTAX},
	};
	static const char empty[] = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n";
	g_autoptr(GError) none = NULL;
	enum pim_component component;

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(parse(rows[i].text, VCALENDAR_1_0, NULL, NULL, &error));
		g_assert_error(error, PIM_ITEM_ERROR, (int)rows[i].error);
	}
	g_assert_null(pim_calendar_kind.normalize(
		vobject_parse(empty, strlen(empty), NULL, NULL, NULL, NULL), ICALENDAR_2_0, NULL,
		&component, &none));
	g_assert_error(none, PIM_ITEM_ERROR, PIM_ITEM_ERROR_COMPONENT);
}

/* --- writing ------------------------------------------------------------------------------ */

static void test_write(void)
{
	static const struct pim_style in_2012 = {.zone = "Europe/Berlin", .now = 1330560000};
	static const struct {
		const char *name;
		const struct pim_style *style;
		enum vdialect dialect;
		const char *normal, *text;
	} rows[] = {
		{"in UTC", &utc_phone, VCALENDAR_1_0,
		 "DTSTART;TZID=Europe/Berlin:20100701T090000|"
		 "DTEND;TZID=Europe/Berlin:20100701T100000",
		 "DTSTART:20100701T070000Z|DTEND:20100701T080000Z"},
		{"in local time", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100701T070000Z|DTEND:20100701T080000Z",
		 "DTSTART:20100701T090000|DTEND:20100701T100000"},
		{"without an end", &berlin, VCALENDAR_1_0, "DTSTART:20100701T070000Z",
		 "DTSTART:20100701T090000|DTEND:20100701T090000"},
		{"a day in UTC is not moved", &utc_phone, VCALENDAR_1_0,
		 "DTSTART;VALUE=DATE:20100131", "DTSTART:20100131T000000|DTEND:20100201T000000"},
		{"a day to 23:59", &minutes, VCALENDAR_1_0,
		 "DTSTART;VALUE=DATE:20100131|DTEND;VALUE=DATE:20100202",
		 "DTSTART:20100131T000000|DTEND:20100201T235900"},
		{"a day to 24:00", &uiq, VCALENDAR_1_0, "DTSTART;VALUE=DATE:20100131",
		 "DTSTART:20100131T000000|DTEND:20100131T240000"},
		{"a day as a date", &dates, VCALENDAR_1_0, "DTSTART;VALUE=DATE:20100131",
		 "DTSTART:20100131|DTEND:20100201"},
		{"a day of Symbian", &symbian, VCALENDAR_1_0, "DTSTART;VALUE=DATE:20100131",
		 "DTSTART:20100131T000000|DTEND:20100201T000000|X-EPOCAGENDAENTRYTYPE:EVENT"},
		{"a birthday before time began", &symbian, VCALENDAR_1_0,
		 "DTSTART;VALUE=DATE:19650131|RRULE:FREQ=YEARLY",
		 "DTSTART:19800131T000000|DTEND:19800201T000000|RRULE:YM1 1 #0|"
		 "X-EPOCAGENDAENTRYTYPE:ANNIVERSARY"},
		{"alarm in UTC, the earliest", &berlin, VCALENDAR_1_0,
		 "DTSTART:20100104T080000Z|DTEND:20100104T090000Z|BEGIN:VALARM|ACTION:DISPLAY|"
		 "TRIGGER:-PT15M|END:VALARM|BEGIN:VALARM|ACTION:DISPLAY|TRIGGER:-PT1H|END:VALARM",
		 "DTSTART:20100104T090000|DTEND:20100104T100000|AALARM:20100104T070000Z|"
		 "DALARM:20100104T070000Z"},
		{"an alarm that is shown", &siemens, VCALENDAR_1_0,
		 "DTSTART:20100701T070000Z|DTEND:20100701T080000Z|BEGIN:VALARM|ACTION:AUDIO|"
		 "TRIGGER:-PT10M|END:VALARM",
		 "DTSTART:20100701T090000|DTEND:20100701T100000|DALARM:20100701T085000"},
		{"an alarm that is heard", &s40, VCALENDAR_1_0,
		 "DTSTART:20100701T070000Z|DTEND:20100701T080000Z|BEGIN:VALARM|ACTION:DISPLAY|"
		 "DESCRIPTION:x|TRIGGER:-PT10M|END:VALARM",
		 "DTSTART:20100701T090000|DTEND:20100701T100000|AALARM:20100701T085000"},
		{"the zone in the event", &in_event, VCALENDAR_1_0,
		 "DTSTART:20100701T070000Z|DTEND:20100701T080000Z",
		 "DTSTART:20100701T070000Z|DTEND:20100701T080000Z|TZ:+01"},
		{"a rule with a count", &berlin, VCALENDAR_1_0,
		 "DTSTART;TZID=Europe/Berlin:20100104T090000|"
		 "DTEND;TZID=Europe/Berlin:20100104T100000|RRULE:FREQ=DAILY;COUNT=3|"
		 "EXDATE;TZID=Europe/Berlin:20100105T090000",
		 "DTSTART:20100104T090000|DTEND:20100104T100000|EXDATE:20100105T090000|"
		 "RRULE:D1 20100106T090000Z"},
		{"when summer begins", &in_2012, VCALENDAR_1_0,
		 "DTSTART;TZID=Europe/Berlin:20100104T090000|"
		 "DTEND;TZID=Europe/Berlin:20100104T100000|RRULE:FREQ=DAILY",
		 "TZ:+01|DAYLIGHT:TRUE;+02;20120325T010000Z;20121028T010000Z;CET;CEST|"
		 "DAYLIGHT:TRUE;+02;20130331T010000Z;20131027T010000Z;CET;CEST|"
		 "DAYLIGHT:TRUE;+02;20140330T010000Z;20141026T010000Z;CET;CEST|"
		 "DAYLIGHT:TRUE;+02;20150329T010000Z;20151025T010000Z;CET;CEST|"
		 "DAYLIGHT:TRUE;+02;20160327T010000Z;20161030T010000Z;CET;CEST|"
		 "DTSTART:20100104T080000Z|DTEND:20100104T090000Z|RRULE:D1 #0"},
		{"a rule of another zone", &berlin, VCALENDAR_1_0,
		 "DTSTART;TZID=America/New_York:20100104T090000|"
		 "DTEND;TZID=America/New_York:20100104T100000|RRULE:FREQ=WEEKLY;BYDAY=MO",
		 "DTSTART:20100104T150000|DTEND:20100104T160000|RRULE:W1 MO #0"},
		{"a weekday later there", &berlin, VCALENDAR_1_0,
		 "DTSTART;TZID=America/New_York:20100104T230000|"
		 "DTEND;TZID=America/New_York:20100104T233000|RRULE:FREQ=WEEKLY;BYDAY=MO",
		 "DTSTART:20100105T050000|DTEND:20100105T053000|RRULE:W1 TU #0"},
		{"dates that are a rule", &berlin, VCALENDAR_1_0,
		 "DTSTART;VALUE=DATE:20100104|RDATE;VALUE=DATE:20100106,20100108",
		 "DTSTART:20100104T000000|DTEND:20100105T000000|RRULE:D2 20100108T235959"},
		{"the next of what cannot be said", &in_2012, VCALENDAR_1_0,
		 "DTSTART;VALUE=DATE:20100129|RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
		 "DTSTART:20120330T000000|DTEND:20120331T000000"},
		{"a rule that nobody understood", &berlin, VCALENDAR_1_0,
		 "DTSTART;VALUE=DATE:20100104|X-FANTAIL-RULE:Q1 #0",
		 "DTSTART:20100104T000000|DTEND:20100105T000000|RRULE:Q1 #0"},
		{"words", &berlin, VCALENDAR_1_0,
		 "DTSTART;VALUE=DATE:20100104|CREATED:20100101T080000Z|TRANSP:TRANSPARENT|"
		 "STATUS:CANCELLED|PRIORITY:9|ORGANIZER;CN=Pat:mailto:pat@example.org",
		 "DTSTART:20100104T000000|DCREATED:20100101T090000|TRANSP:1|STATUS:DECLINED|"
		 "PRIORITY:3|ATTENDEE;ROLE=ORGANIZER:Pat <pat@example.org>|"
		 "DTEND:20100105T000000"},
		{"local iCalendar", &berlin, ICALENDAR_2_0,
		 "DTSTART;TZID=Europe/Berlin:20100104T090000|DTSTAMP:20100101T080000Z",
		 "DTSTART:20100104T090000|DTSTAMP:20100101T080000Z"},
		{"iCalendar has no such status", &utc_phone, ICALENDAR_2_0,
		 "DTSTART:20100104T090000Z|DTSTAMP:20100101T080000Z|STATUS:SENT",
		 "DTSTART:20100104T090000Z|DTSTAMP:20100101T080000Z"},
		{"a task", &berlin, VCALENDAR_1_0,
		 "VTODO|DUE;VALUE=DATE:20100131|STATUS:IN-PROCESS",
		 "DUE:20100131T000000|STATUS:ACCEPTED"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(vobject_t) normal = NULL, device = NULL;
		g_autofree char *text = NULL;

		g_test_message("%s", rows[i].name);
		normal = parse_one(rows[i].normal, ICALENDAR_2_0, &utc_phone);
		device = pim_calendar_kind.denormalize(normal, rows[i].dialect, rows[i].style);
		text = lines_of(device, rows[i].dialect);
		g_assert_cmpstr(text, ==, rows[i].text);
	}
}

/* --- round trips -------------------------------------------------------------------------- */

static char *there_and_back(const struct vobject *normal, enum vdialect dialect,
			    const struct pim_style *style)
{
	g_autoptr(vobject_t) device = pim_calendar_kind.denormalize(normal, dialect, style);
	g_autoptr(GString) text = vobject_write(device, dialect, NULL);
	struct vobject *parsed = vobject_parse(text->str, text->len, NULL, NULL, NULL, NULL);
	g_autoptr(vobject_t) back = NULL;
	enum pim_component component;

	back = pim_calendar_kind.normalize(parsed, dialect, style, &component, NULL);
	g_assert_nonnull(back);
	return lines_of(back, ICALENDAR_2_0);
}

/* What each device can hold comes back from it as it was. */
static void test_round_trips(void)
{
	static const char *const rows[] = {
		"SUMMARY:Lunch|DTSTART:20100701T103000Z|DTEND:20100701T113000Z",
		"SUMMARY:M\xc3\xbcnchen|DTSTART:20100104T103000Z|DTEND:20100104T113000Z",
		"DTSTART;VALUE=DATE:20100328|SUMMARY:Summer",
		"DTSTART;VALUE=DATE:20100313|DTEND;VALUE=DATE:20100316|SUMMARY:Days",
		"DTSTART;VALUE=DATE:20100131|RRULE:FREQ=YEARLY;BYMONTH=1",
		"SUMMARY:Alarm|DTSTART:20100704T103000Z|DTEND:20100704T113000Z|BEGIN:VALARM|"
		"ACTION:DISPLAY|TRIGGER:-PT15M|END:VALARM",
		"DTSTART;VALUE=DATE:20101224|DESCRIPTION:One\\nTwo\\, and three\\; four|"
		"LOCATION:Home|CLASS:PRIVATE|CATEGORIES:A,B",
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(vobject_t) normal = parse_one(rows[i], ICALENDAR_2_0, NULL);

		for (guint j = 0; j < G_N_ELEMENTS(all_styles); j++) {
			g_autofree char *text =
				there_and_back(normal, VCALENDAR_1_0, all_styles[j]);
			g_auto(GStrv) wanted = g_strsplit(rows[i], "|", -1);

			g_test_message("%s, style %u: %s", rows[i], j, text);
			for (guint k = 0; wanted[k] != NULL; k++)
				g_assert_nonnull(strstr(text, wanted[k]));
		}
	}
}

/* --- parts -------------------------------------------------------------------------------- */

static const char weekly[] =
	"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:w\r\nSUMMARY:Weekly\r\n"
	"DTSTART;TZID=Europe/Berlin:20100104T090000\r\nDTEND;TZID=Europe/Berlin:20100104T100000\r\n"
	"RRULE:FREQ=WEEKLY;COUNT=4\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:w\r\nSUMMARY:Later\r\n"
	"RECURRENCE-ID;TZID=Europe/Berlin:20100111T090000\r\n"
	"DTSTART;TZID=Europe/Berlin:20100112T090000\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

static struct vobject *parse_weekly(void)
{
	enum pim_component component;

	return pim_calendar_kind.normalize(
		vobject_parse(weekly, strlen(weekly), NULL, NULL, NULL, NULL), ICALENDAR_2_0,
		&utc_phone, &component, NULL);
}

static struct vobject *write_part(const struct vobject *normal, const char *name)
{
	g_autoptr(vobject_t) part = pim_calendar_kind.part(normal, name);

	return pim_calendar_kind.denormalize(part, VCALENDAR_1_0, &berlin);
}

static void test_parts(void)
{
	g_autoptr(vobject_t) normal = parse_weekly(), master = NULL, exception = NULL;
	g_autoptr(vobject_t) changed = NULL, with = NULL, without = NULL, whole = NULL;
	g_auto(GStrv) parts = pim_calendar_kind.parts(normal), left = NULL;
	g_autofree char *master_text = NULL, *exception_text = NULL, *with_text = NULL;
	g_autofree char *without_text = NULL, *whole_text = NULL;

	g_assert_cmpuint(g_strv_length(parts), ==, 1);
	g_assert_cmpstr(parts[0], ==, "20100111T080000Z");
	master = write_part(normal, "");
	master_text = lines_of(master, VCALENDAR_1_0);
	g_assert_nonnull(strstr(master_text, "EXDATE:20100111T090000"));
	g_assert_null(strstr(master_text, "Later"));
	g_assert_null(pim_calendar_kind.part(normal, "20100118T080000Z"));
	exception = write_part(normal, parts[0]);
	exception_text = lines_of(exception, VCALENDAR_1_0);
	g_assert_cmpstr(exception_text, ==,
			"SUMMARY:Later|DTSTART:20100112T090000|UID:w/20100111T080000Z|"
			"DTEND:20100112T090000");
	/* The device moves the exception. */
	changed = parse_one("SUMMARY:Much later|DTSTART:20100113T090000", VCALENDAR_1_0, &berlin);
	with = pim_calendar_kind.with_part(normal, parts[0], changed);
	with_text = lines_of(with, ICALENDAR_2_0);
	g_assert_nonnull(strstr(with_text, "SUMMARY:Much later|DTSTART:20100113T080000Z|UID:w|"
					   "RECURRENCE-ID;TZID=Europe/Berlin:20100111T090000"));
	g_assert_null(strstr(with_text, "SUMMARY:Later"));
	/* It deletes it. */
	without = pim_calendar_kind.with_part(normal, parts[0], NULL);
	left = pim_calendar_kind.parts(without);
	without_text = lines_of(without, ICALENDAR_2_0);
	g_assert_null(left[0]);
	g_assert_nonnull(strstr(without_text, "EXDATE;TZID=Europe/Berlin:20100111T090000"));
	/* It changes the rest, which came with an EXDATE for the exception. */
	g_clear_pointer(&changed, vobject_free);
	changed = parse_one("SUMMARY:Every week|DTSTART:20100104T090000|RRULE:W1 MO #4|"
			    "EXDATE:20100111T090000",
			    VCALENDAR_1_0, &berlin);
	whole = pim_calendar_kind.with_part(normal, "", changed);
	whole_text = lines_of(whole, ICALENDAR_2_0);
	g_assert_nonnull(strstr(whole_text, "SUMMARY:Every week"));
	g_assert_nonnull(strstr(whole_text, "SUMMARY:Later"));
	g_assert_null(strstr(whole_text, "EXDATE"));
}

/* Of a device that knows exceptions: one changed, one more, none any more. */
static void test_merge_exceptions(void)
{
#define SERIES(summary, more)                                                                     \
	"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:w\r\nDTSTART:20100104T080000Z\r\n" \
	"SUMMARY:" summary "\r\nRRULE:FREQ=WEEKLY\r\nEND:VEVENT\r\n" more "END:VCALENDAR\r\n"
#define ON(day, summary)                                                                     \
	"BEGIN:VEVENT\r\nUID:w\r\nRECURRENCE-ID:201001" day "T080000Z\r\nDTSTART:201001" day \
	"T100000Z\r\nSUMMARY:" summary "\r\nEND:VEVENT\r\n"
	static const struct {
		const char *ours, *theirs, *merged;
		pim_group_mask groups;
	} rows[] = {
		{SERIES("A", ON("11", "B")), SERIES("A", ON("11", "C")), SERIES("A", ON("11", "C")),
		 ~0u},
		{SERIES("A", ON("11", "B")), SERIES("A", ON("11", "B") ON("18", "C")),
		 SERIES("A", ON("11", "B") ON("18", "C")), ~0u},
		{SERIES("A", ON("11", "B") ON("18", "C")), SERIES("A", ON("18", "C")),
		 SERIES("A", ON("18", "C")), ~0u},
		/* Which there are is a matter of when, not of what. */
		{SERIES("A", ON("11", "B")), SERIES("D", ON("18", "C")), SERIES("D", ON("11", "B")),
		 1u << 0},
		{SERIES("A", ON("11", "B")), SERIES("D", ON("11", "C")), SERIES("D", ON("11", "C")),
		 1u << 0},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(pim_item_t) ours = pim_item_parse(PIM_ICALENDAR_2_0, rows[i].ours,
							    strlen(rows[i].ours), NULL, NULL);
		g_autoptr(pim_item_t) theirs = pim_item_parse(PIM_ICALENDAR_2_0, rows[i].theirs,
							      strlen(rows[i].theirs), NULL, NULL);
		g_autoptr(pim_item_t) expected = pim_item_parse(PIM_ICALENDAR_2_0, rows[i].merged,
								strlen(rows[i].merged), NULL, NULL);
		g_autoptr(pim_item_t) merged =
			pim_item_merge(ours, theirs, rows[i].groups, PIM_ICALENDAR_2_0, NULL, NULL);
		struct pim_groups a, b;

		g_test_message("row %u", i);
		pim_item_groups(merged, &a);
		pim_item_groups(expected, &b);
		g_assert_cmpuint(pim_groups_differ(&a, &b), ==, 0);
	}
}

/* What a device is expected to have, exceptions and all, where it has them apart. */
static void test_project_exceptions(void)
{
	static const char *const names[] = {"SUMMARY", "DTSTART", "RRULE", "EXDATE", NULL};
	static const enum pim_format formats[] = {PIM_VCALENDAR_1_0, PIM_ICALENDAR_2_0};
	g_autoptr(GHashTable) properties = g_hash_table_new(g_str_hash, g_str_equal);
	struct pim_capability capability = {properties, PIM_COMPONENT_BIT(PIM_EVENT)};
	struct pim_property_limit limits[G_N_ELEMENTS(names) - 1];

	for (guint i = 0; names[i] != NULL; i++) {
		limits[i] = (struct pim_property_limit){.name = (char *)names[i],
							.max_size = G_MAXUINT64};
		g_hash_table_insert(properties, limits[i].name, &limits[i]);
	}
	for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
		g_autoptr(pim_item_t) item =
			pim_item_parse(PIM_ICALENDAR_2_0, weekly, strlen(weekly), NULL, NULL);
		g_autoptr(pim_item_t) projected =
			pim_item_project(item, formats[i], &berlin, &capability);
		g_auto(GStrv) parts = pim_item_parts(projected);
		g_auto(GStrv) summaries = pim_item_values(projected, "SUMMARY");

		g_assert_true(pim_exceptions_apart(formats[i], &capability));
		g_assert_cmpuint(g_strv_length(parts), ==, 1);
		g_assert_cmpstr(parts[0], ==, "20100111T080000Z");
		g_assert_true(g_strv_contains((const char *const *)summaries, "Later"));
	}
}

/* What is copied and compared. */
static guint64 work;

void __real_g_ptr_array_add(GPtrArray *array, gpointer data);
void __wrap_g_ptr_array_add(GPtrArray *array, gpointer data);
void __wrap_g_ptr_array_add(GPtrArray *array, gpointer data)
{
	work++;
	__real_g_ptr_array_add(array, data);
}

int __real_strcmp(const char *a, const char *b);
int __wrap_strcmp(const char *a, const char *b);
int __wrap_strcmp(const char *a, const char *b)
{
	work++;
	return __real_strcmp(a, b);
}

/* A series with as many exceptions. */
static struct pim_item *new_series(guint count, const char *summary)
{
	GString *text = g_string_new("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:s\r\n"
				     "SUMMARY:Series\r\nDTSTART:20100101T080000Z\r\n"
				     "RRULE:FREQ=DAILY\r\nEND:VEVENT\r\n");
	struct pim_item *item;

	for (guint i = 0; i < count; i++) {
		GDate day;

		g_date_set_dmy(&day, 2, G_DATE_JANUARY, 2010);
		g_date_add_days(&day, i);
		g_string_append_printf(text,
				       "BEGIN:VEVENT\r\nUID:s\r\nSUMMARY:%s\r\n"
				       "RECURRENCE-ID:%04u%02u%02uT080000Z\r\n"
				       "DTSTART;TZID=Europe/Berlin:20100101T100000\r\n"
				       "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\n"
				       "END:VALARM\r\nEND:VEVENT\r\n",
				       summary, g_date_get_year(&day),
				       (guint)g_date_get_month(&day), g_date_get_day(&day));
	}
	g_string_append(text, "END:VCALENDAR\r\n");
	item = pim_item_parse(PIM_ICALENDAR_2_0, text->str, text->len, NULL, NULL);
	g_assert_nonnull(item);
	g_string_free(text, TRUE);
	return item;
}

static struct pim_item *work_split(const struct pim_item *item)
{
	g_autoptr(GPtrArray) parts = pim_item_split(item);
	const struct pim_part *last = parts->pdata[parts->len - 1];

	return pim_item_ref(last->item);
}

static struct pim_item *work_project(const struct pim_item *item)
{
	return pim_item_project(item, PIM_VCALENDAR_1_0, &berlin, NULL);
}

static struct pim_item *work_merge(const struct pim_item *item)
{
	g_auto(GStrv) parts = pim_item_parts(item);
	g_autoptr(pim_item_t) theirs = new_series(g_strv_length(parts), "Theirs");

	return pim_item_merge(item, theirs, ~0u, PIM_ICALENDAR_2_0, NULL, NULL);
}

static struct pim_item *work_master(const struct pim_item *item)
{
	g_autoptr(pim_item_t) master = pim_item_part(item, "");

	return pim_item_with_part(item, "", master);
}

static struct pim_item *work_except(const struct pim_item *item)
{
	g_auto(GStrv) parts = pim_item_parts(item);
	struct pim_item *rest = pim_item_without_parts(item, (const char *const *)parts);
	g_auto(GStrv) left = pim_item_parts(rest), exdates = pim_item_values(rest, "EXDATE");

	g_assert_null(left[0]);
	g_assert_cmpuint(g_strv_length(exdates), ==, g_strv_length(parts));
	return rest;
}

static struct pim_item *work_write(const struct pim_item *item)
{
	g_string_free(pim_item_write(item, PIM_VCALENDAR_1_0, &berlin, NULL), TRUE);
	g_string_free(pim_item_write(item, PIM_ICALENDAR_2_0, NULL, NULL), TRUE);
	return pim_item_ref(item);
}

/* Twice as many exceptions are twice the work, not four times. */
static void test_exceptions_work(void)
{
	static const struct {
		const char *name;
		struct pim_item *(*run)(const struct pim_item *item);
	} rows[] = {
		{"split", work_split},   {"project", work_project}, {"merge", work_merge},
		{"master", work_master}, {"except", work_except},   {"write", work_write},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		guint64 counts[2];

		for (guint n = 0; n < 2; n++) {
			g_autoptr(pim_item_t) item = new_series(100 << n, "Ours");
			g_autoptr(pim_item_t) result = NULL;

			work = 0;
			result = rows[i].run(item);
			counts[n] = work;
			g_assert_nonnull(result);
		}
		g_test_message("%s: %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT, rows[i].name,
			       counts[0], counts[1]);
		g_assert_cmpuint(counts[0], >, 100);
		g_assert_cmpuint(counts[1] * 10, <, counts[0] * 23);
	}
}

/* One more than there may be. */
static void test_exceptions_limit(void)
{
	g_autoptr(pim_item_t) most = new_series(LIMIT_EVENT_EXCEPTIONS, "x");
	g_autoptr(GString) text = pim_item_write(most, PIM_ICALENDAR_2_0, NULL, NULL);
	g_autoptr(GError) error = NULL;

	g_string_replace(text, "END:VCALENDAR",
			 "BEGIN:VEVENT\r\nUID:s\r\nRECURRENCE-ID:20200101T080000Z\r\n"
			 "DTSTART:20200101T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR",
			 1);
	g_assert_null(pim_item_parse(PIM_ICALENDAR_2_0, text->str, text->len, NULL, &error));
	g_assert_error(error, PIM_ITEM_ERROR, PIM_ITEM_ERROR_LIMIT);
}

static void test_overlaps(void)
{
	enum {
		JAN_4 = 1262563200,
		DAY = 86400
	};
	static const struct {
		const char *text;
		gint64 since, before;
		gboolean overlaps;
	} rows[] = {
		{"DTSTART:20100104T080000Z|DTEND:20100104T090000Z", JAN_4, JAN_4 + DAY, TRUE},
		{"DTSTART:20100104T080000Z|DTEND:20100104T090000Z", JAN_4 + DAY, G_MAXINT64, FALSE},
		{"DTSTART:20100104T080000Z|DTEND:20100104T090000Z", G_MININT64, JAN_4, FALSE},
		{"DTSTART:20100104T080000Z|DTEND:20100107T090000Z", JAN_4 + DAY, JAN_4 + 2 * DAY,
		 TRUE},
		{"DTSTART:20100104T080000Z|RRULE:FREQ=WEEKLY", JAN_4 + 70 * DAY, JAN_4 + 71 * DAY,
		 TRUE},
		{"DTSTART:20100104T080000Z|RRULE:FREQ=WEEKLY", JAN_4 + 71 * DAY, JAN_4 + 72 * DAY,
		 FALSE},
		{"DTSTART:20100104T080000Z|RRULE:FREQ=WEEKLY;COUNT=2", JAN_4 + 70 * DAY,
		 JAN_4 + 71 * DAY, FALSE},
		{"DTSTART:20100104T080000Z|RRULE:FREQ=WEEKLY|EXDATE:20100111T080000Z",
		 JAN_4 + 7 * DAY, JAN_4 + 8 * DAY, FALSE},
		{"DTSTART;VALUE=DATE:20100104", JAN_4 + DAY + 3600, JAN_4 + 2 * DAY, TRUE},
		{"DTSTART;VALUE=DATE:20100104", JAN_4 + 2 * DAY, JAN_4 + 3 * DAY, FALSE},
		{"VTODO|SUMMARY:Some day", JAN_4, JAN_4 + DAY, TRUE},
		{"VTODO|DUE:20100104T080000Z", JAN_4, JAN_4 + DAY, TRUE},
		{"VTODO|DUE:20100104T080000Z", JAN_4 + DAY, JAN_4 + 2 * DAY, FALSE},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(vobject_t) normal = parse_one(rows[i].text, ICALENDAR_2_0, NULL);

		g_test_message("%u: %s", i, rows[i].text);
		g_assert_cmpint(pim_calendar_kind.overlaps(normal, rows[i].since, rows[i].before),
				==, rows[i].overlaps);
	}
}

static void test_lossy(void)
{
	static const struct {
		const char *text;
		gboolean lossy;
	} rows[] = {
		{"DTSTART:20100104T080000Z", FALSE},
		{"DTSTART:20100104T080000Z|RRULE:FREQ=WEEKLY;COUNT=5", FALSE},
		{"DTSTART:20100104T080000Z|RDATE:20100108T080000Z", TRUE},
		{"DTSTART:20100104T080000Z|RRULE:FREQ=DAILY|RRULE:FREQ=WEEKLY", TRUE},
		{"DTSTART:20100104T080000Z|RRULE:FREQ=DAILY;BYHOUR=8,9", TRUE},
		{"DTSTART:20100104T080000Z|RRULE:FREQ=MONTHLY;BYDAY=MO,FR;BYSETPOS=1", TRUE},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(vobject_t) normal = parse_one(rows[i].text, ICALENDAR_2_0, NULL);

		g_assert_cmpint(pim_calendar_kind.is_lossy(normal, VCALENDAR_1_0), ==,
				rows[i].lossy);
		g_assert_false(pim_calendar_kind.is_lossy(normal, ICALENDAR_2_0));
	}
}

static guint64 key_of(const char *text, enum vdialect dialect)
{
	g_autoptr(vobject_t) normal = parse_one(text, dialect, &berlin);
	g_autoptr(GArray) keys = g_array_new(FALSE, FALSE, sizeof(guint64));

	pim_calendar_kind.keys(normal, keys);
	g_assert_cmpuint(keys->len, ==, 1);
	return g_array_index(keys, guint64, 0);
}

static void test_keys_and_titles(void)
{
	guint64 lunch = key_of("SUMMARY:Lunch!|DTSTART:20100701T123000", VCALENDAR_1_0);
	g_autoptr(vobject_t) event = parse_one(
		"SUMMARY:Lunch|DTSTART;TZID=Europe/Berlin:20100701T123000", ICALENDAR_2_0, NULL);
	g_autoptr(vobject_t) task =
		parse_one("VTODO|SUMMARY:Milk|DUE;VALUE=DATE:20100131", ICALENDAR_2_0, NULL);
	g_autofree char *event_title = pim_calendar_kind.title(event);
	g_autofree char *task_title = pim_calendar_kind.title(task);

	g_assert_true(lunch == key_of("SUMMARY:lunch|DTSTART;TZID=America/New_York:20100701T063000",
				      ICALENDAR_2_0));
	g_assert_false(lunch == key_of("SUMMARY:lunch|DTSTART:20100702T123000", VCALENDAR_1_0));
	g_assert_false(lunch == key_of("VTODO|SUMMARY:lunch|DUE:20100701T123000", VCALENDAR_1_0));
	g_assert_cmpstr(event_title, ==, "Lunch (2010-07-01 12:30)");
	g_assert_cmpstr(task_title, ==, "Milk (2010-01-31)");
}

static char *write_for(const char *lines, const char *const *names)
{
	g_autofree char *text = g_strconcat(
		"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nDTSTART:20100104T080000Z\r\n",
		lines, "END:VEVENT\r\nEND:VCALENDAR\r\n", NULL);
	g_autoptr(pim_item_t) item =
		pim_item_parse(PIM_ICALENDAR_2_0, text, strlen(text), &berlin, NULL);
	struct pim_capability capability = {.properties =
						    g_hash_table_new(g_str_hash, g_str_equal)};
	struct pim_property_limit any = {.max_size = G_MAXUINT64};
	GString *written;

	for (guint i = 0; names[i] != NULL; i++)
		g_hash_table_insert(capability.properties, (gpointer)names[i], &any);
	any.name = (char *)names[0];
	written = pim_item_write(item, PIM_VCALENDAR_1_0, &berlin, &capability);
	g_hash_table_unref(capability.properties);
	return g_string_free(written, FALSE);
}

/* An alarm is held by whatever name the device has for it, or not at all. */
static void test_alarms_held(void)
{
	static const char alarm[] =
		"BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\n";
	static const char *const with[] = {"DTSTART", "DTEND", "DALARM", NULL};
	static const char *const without[] = {"DTSTART", "DTEND", NULL};
	g_autofree char *held = write_for(alarm, with), *left_out = write_for(alarm, without);

	g_assert_nonnull(strstr(held, "DALARM:20100104T074500Z"));
	g_assert_null(strstr(left_out, "ALARM"));
}

/* Lines end as they like, and some are empty. */
static void test_line_ends(void)
{
	static const char *const rows[] = {
		"BEGIN:VCALENDAR\nVERSION:1.0\n\nBEGIN:VEVENT\n\n\nDTSTART:20100104T080000Z\n"
		"END:VEVENT\nEND:VCALENDAR",
		"BEGIN:VCALENDAR\rVERSION:1.0\r\r\nBEGIN:VEVENT\rDTSTART:20100104T080000Z\r\r"
		"END:VEVENT\rEND:VCALENDAR\r",
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		enum pim_component component;
		g_autoptr(vobject_t) normal = pim_calendar_kind.normalize(
			vobject_parse(rows[i], strlen(rows[i]), NULL, NULL, NULL, NULL),
			VCALENDAR_1_0, NULL, &component, NULL);
		g_autofree char *text = lines_of(normal, ICALENDAR_2_0);

		g_assert_cmpstr(text, ==, "DTSTART:20100104T080000Z");
	}
}

/* A zone that only the event defines goes with it. */
static void test_own_zone(void)
{
	static const char text[] =
		"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTIMEZONE\r\nTZID:Office\r\n"
		"BEGIN:STANDARD\r\nDTSTART:16010101T000000\r\nTZOFFSETFROM:+0530\r\n"
		"TZOFFSETTO:+0530\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:o\r\n"
		"DTSTART;TZID=Office:20100104T090000\r\nDTEND;TZID=Office:20100104T100000\r\n"
		"END:VEVENT\r\nEND:VCALENDAR\r\n";
	enum pim_component component;
	g_autoptr(vobject_t) normal = pim_calendar_kind.normalize(
		vobject_parse(text, strlen(text), NULL, NULL, NULL, NULL), ICALENDAR_2_0,
		&utc_phone, &component, NULL);
	g_autoptr(vobject_t) old = pim_calendar_kind.denormalize(normal, VCALENDAR_1_0, &utc_phone);
	g_autoptr(vobject_t) new = pim_calendar_kind.denormalize(normal, ICALENDAR_2_0, &utc_phone);
	g_autofree char *lines = lines_of(old, VCALENDAR_1_0);

	g_assert_nonnull(strstr(lines, "DTSTART:20100104T033000Z|DTEND:20100104T043000Z"));
	g_assert_cmpuint(new->children->len, ==, 2);
	g_assert_cmpstr(((struct vobject *)new->children->pdata[0])->name, ==, "VTIMEZONE");
}

static guint zones_built;

icaltimezone *__real_icaltimezone_new(void);
icaltimezone *__wrap_icaltimezone_new(void);
icaltimezone *__wrap_icaltimezone_new(void)
{
	zones_built++;
	return __real_icaltimezone_new();
}

/* 09:00 in a zone of that name and offset, in UTC. */
static char *start_in_zone(const char *tzid, const char *offset)
{
	g_autofree char *text = g_strdup_printf(
		"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTIMEZONE\r\nTZID:%s\r\n"
		"BEGIN:STANDARD\r\nDTSTART:16010101T000000\r\nTZOFFSETFROM:%s\r\n"
		"TZOFFSETTO:%s\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n"
		"DTSTART;TZID=%s:20100104T090000\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
		tzid, offset, offset, tzid);
	g_autoptr(pim_item_t) item =
		pim_item_parse(PIM_ICALENDAR_2_0, text, strlen(text), &utc_phone, NULL);
	GString *sent = pim_item_write(item, PIM_VCALENDAR_1_0, &utc_phone, NULL);
	const char *start = strstr(sent->str, "DTSTART:");
	char *time = start == NULL ? NULL : g_strndup(start + strlen("DTSTART:"), 16);

	g_string_free(sent, TRUE);
	return time;
}

/* A zone is built once for all events that define it like that; by its name it is not known. */
static void test_zones_kept(void)
{
	static const struct {
		const char *tzid, *offset, *start;
		guint built;
	} rows[] = {
		{"Kept", "+0530", "20100104T033000Z", 1}, {"Kept", "+0530", "20100104T033000Z", 0},
		{"Kept", "+0600", "20100104T030000Z", 1}, {"Kept", "+0530", "20100104T033000Z", 0},
		{"Held", "+0530", "20100104T033000Z", 1}, {"Kept", "none", "20100104T080000Z", 1},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *start = NULL;

		zones_built = 0;
		start = start_in_zone(rows[i].tzid, rows[i].offset);
		g_assert_cmpstr(start, ==, rows[i].start);
		g_assert_cmpuint(zones_built, ==, rows[i].built);
	}
	/* Others take their places. */
	for (guint i = 0; i < LIMIT_ZONES_KEPT; i++) {
		g_autofree char *tzid = g_strdup_printf("Other %u", i);
		g_autofree char *start = start_in_zone(tzid, "+0530");

		g_assert_cmpstr(start, ==, "20100104T033000Z");
	}
	zones_built = 0;
	g_free(start_in_zone("Kept", "+0530"));
	g_assert_cmpuint(zones_built, ==, 1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/calendar/read", test_read);
	g_test_add_func("/calendar/refused", test_refused);
	g_test_add_func("/calendar/write", test_write);
	g_test_add_func("/calendar/round-trips", test_round_trips);
	g_test_add_func("/calendar/parts", test_parts);
	g_test_add_func("/calendar/merge-exceptions", test_merge_exceptions);
	g_test_add_func("/calendar/project-exceptions", test_project_exceptions);
	g_test_add_func("/calendar/exceptions-work", test_exceptions_work);
	g_test_add_func("/calendar/exceptions-limit", test_exceptions_limit);
	g_test_add_func("/calendar/overlaps", test_overlaps);
	g_test_add_func("/calendar/lossy", test_lossy);
	g_test_add_func("/calendar/keys-and-titles", test_keys_and_titles);
	g_test_add_func("/calendar/alarms-held", test_alarms_held);
	g_test_add_func("/calendar/line-ends", test_line_ends);
	g_test_add_func("/calendar/own-zone", test_own_zone);
	g_test_add_func("/calendar/zones-kept", test_zones_kept);
	return g_test_run();
}
