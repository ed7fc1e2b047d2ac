/* RRULE of iCalendar, and following a rule. The predicate for a day has all BY parts at once:
 * what RFC 5545 calls expanding and limiting is the same when the days of a period are looked at
 * one by one. */
#include "recurrence-private.h"

#include <stdlib.h>
#include <string.h>

#include "datetime.h"
#include "limits.h"

/* --- text --------------------------------------------------------------------------------- */

/* RFC 5545 section 3.3.10: UNTIL is a date where DTSTART is, else an instant. */
static void settle_until(struct icalrecurrencetype *rule, struct icaltimetype dtstart)
{
	struct icaltimetype *until = &rule->until;

	if (icaltime_is_null_time(*until))
		return;
	if (dtstart.is_date) {
		*until = datetime_date(datetime_day(*until));
	} else {
		if (until->is_date) {
			until->is_date = 0;
			until->hour = 23;
			until->minute = until->second = 59;
			until->zone = NULL;
		}
		if (until->zone == NULL)
			until->zone = dtstart.zone;
		*until = datetime_in(*until, icaltimezone_get_utc_timezone());
	}
}

gboolean rrule_parse(const char *text, struct icaltimetype dtstart,
		     struct icalrecurrencetype *rule_r)
{
	g_autofree char *upper = g_strstrip(g_ascii_strup(text, -1));
	struct icalrecurrencetype rule;

	/* Calendars of other peoples would take libical's ICU to follow. */
	if (strlen(upper) > LIMIT_RRULE || strstr(upper, "RSCALE") != NULL ||
	    strstr(upper, "SKIP") != NULL)
		return FALSE;
	rule = icalrecurrencetype_from_string(upper);
	if (rule.freq == ICAL_NO_RECURRENCE || rule.interval < 1 || rule.count < 0 ||
	    (!icaltime_is_null_time(rule.until) &&
	     (rule.until.year < 1601 || rule.until.year > 9999)))
		return FALSE;
	settle_until(&rule, dtstart);
	*rule_r = rule;
	return TRUE;
}

/* Those that are counted from the end come last. */
static int in_order(short a, short b)
{
	return (int)(unsigned short)a - (int)(unsigned short)b;
}

static int compare_numbers(const void *a, const void *b)
{
	return in_order(*(const short *)a, *(const short *)b);
}

/* Monday first, as rules mostly say it. */
static int monday_first(short day)
{
	return ((int)icalrecurrencetype_day_day_of_week(day) + 5) % 7;
}

static int compare_days(const void *a, const void *b)
{
	short day_a = *(const short *)a, day_b = *(const short *)b;
	int by_weekday = monday_first(day_a) - monday_first(day_b);

	return by_weekday != 0 ? by_weekday
			       : in_order((short)icalrecurrencetype_day_position(day_a),
					  (short)icalrecurrencetype_day_position(day_b));
}

#define SORT(rule, part, compare) \
	qsort((rule)->part, COUNT(rule, part), sizeof((rule)->part[0]), compare)

char *rrule_write(const struct icalrecurrencetype *rule)
{
	struct icalrecurrencetype copy = *rule;
	char *text, *result;

	/* Sets, whose order says nothing and changes where days are moved to another zone. */
	SORT(&copy, by_day, compare_days);
	SORT(&copy, by_month_day, compare_numbers);
	SORT(&copy, by_year_day, compare_numbers);
	SORT(&copy, by_week_no, compare_numbers);
	SORT(&copy, by_month, compare_numbers);
	SORT(&copy, by_set_pos, compare_numbers);
	SORT(&copy, by_hour, compare_numbers);
	SORT(&copy, by_minute, compare_numbers);
	SORT(&copy, by_second, compare_numbers);
	text = icalrecurrencetype_as_string_r(&copy);
	result = g_strdup(text == NULL ? "" : text);

	free(text);
	return result;
}

/* --- following ---------------------------------------------------------------------------- */

static gboolean has_days(const struct icalrecurrencetype *rule)
{
	return COUNT(rule, by_day) + COUNT(rule, by_month_day) + COUNT(rule, by_year_day) +
		       COUNT(rule, by_week_no) + COUNT(rule, by_month) + COUNT(rule, by_set_pos) >
	       0;
}

gboolean rule_can_be_followed(const struct icalrecurrencetype *rule)
{
	guint clock_parts = COUNT(rule, by_hour) + COUNT(rule, by_minute) + COUNT(rule, by_second);

	if (rule->freq < ICAL_DAILY_RECURRENCE)
		return clock_parts == 0 && !has_days(rule);
	return COUNT(rule, by_hour) <= 1 && COUNT(rule, by_minute) <= 1 &&
	       COUNT(rule, by_second) <= 1;
}

static void set_month(struct rule_day *day)
{
	day->month_days = datetime_month_days(day->month, day->year);
	day->year_days = datetime_year_days(day->year);
}

static void set_day(struct rule_day *day, gint64 number)
{
	struct icaltimetype date = datetime_date(number), first = date;

	first.month = first.day = 1;
	*day = (struct rule_day){
		.number = number,
		.year = date.year,
		.month = date.month,
		.day = date.day,
		.year_day = (int)(number - datetime_day(first)) + 1,
		.weekday = datetime_weekday(number),
	};
	set_month(day);
}

/* So many days on, at most to the first of the next month. */
static void add_days(struct rule_day *day, int days)
{
	day->number += days;
	day->year_day += days;
	day->day += days;
	day->weekday = (day->weekday + (guint)days) % 7;
	if (day->day <= day->month_days)
		return;
	day->day = 1;
	if (++day->month > 12) {
		day->month = day->year_day = 1;
		day->year++;
	}
	set_month(day);
}

/* Is one of the values that, counted from the start or, below 0, from the end? */
static gboolean has_number(const short *values, guint max, int from_start, int total)
{
	for (guint i = 0; i < max && values[i] != RULE_UNSET; i++) {
		if (values[i] == from_start || values[i] == from_start - total - 1)
			return TRUE;
	}
	return FALSE;
}

#define HAS_NUMBER(rule, part, from_start, total) \
	has_number((rule)->part, G_N_ELEMENTS((rule)->part), from_start, total)

/* RFC 5545: the first week of a year has at least four days in it. */
static gint64 first_week(int year, guint week_start)
{
	struct icaltimetype date = {.year = year, .month = 1, .day = 1, .is_date = 1};
	gint64 day = datetime_day(date);
	gint64 into_week = (7 + (gint64)datetime_weekday(day) - week_start) % 7;

	return into_week <= 3 ? day - into_week : day + 7 - into_week;
}

static void count_weeks(struct rule_walk *walk, int year)
{
	guint week_start = (guint)walk->rule->week_start - ICAL_SUNDAY_WEEKDAY;

	walk->weeks = first_week(year, week_start);
	walk->weeks_end = first_week(year + 1, week_start);
}

static gboolean in_week_no(const struct rule_walk *walk)
{
	gint64 day = walk->day.number;

	/* Days of the week that belong to another year take no part in this one. */
	if (day < walk->weeks || day >= walk->weeks_end)
		return FALSE;
	return HAS_NUMBER(walk->rule, by_week_no, (int)((day - walk->weeks) / 7) + 1,
			  (int)((walk->weeks_end - walk->weeks) / 7));
}

static gboolean has_weekday(const struct icalrecurrencetype *rule, const struct rule_day *day)
{
	gboolean in_month = rule->freq == ICAL_MONTHLY_RECURRENCE || HAS(rule, by_month);
	guint days = COUNT(rule, by_day);
	int from = in_month ? day->day : day->year_day;
	int total = in_month ? day->month_days : day->year_days;

	for (guint i = 0; i < days; i++) {
		short value = rule->by_day[i];
		int position = icalrecurrencetype_day_position(value);

		if ((guint)icalrecurrencetype_day_day_of_week(value) - ICAL_SUNDAY_WEEKDAY !=
		    day->weekday)
			continue;
		if (position == 0 || rule->freq == ICAL_WEEKLY_RECURRENCE ||
		    rule->freq == ICAL_DAILY_RECURRENCE || position == (from - 1) / 7 + 1 ||
		    position == -((total - from) / 7 + 1))
			return TRUE;
	}
	return FALSE;
}

/* Without a part that says which day of the period, it is dtstart's. */
static gboolean is_default_day(const struct rule_walk *walk, const struct rule_day *day)
{
	const struct icalrecurrencetype *rule = walk->rule;
	gboolean says_day = HAS(rule, by_day) || HAS(rule, by_month_day);

	switch (rule->freq) {
	case ICAL_YEARLY_RECURRENCE:
		if (says_day || HAS(rule, by_year_day))
			return TRUE;
		if (HAS(rule, by_week_no))
			return day->weekday == datetime_weekday(walk->first);
		return day->day == walk->dtstart.day &&
		       (HAS(rule, by_month) || day->month == walk->dtstart.month);
	case ICAL_MONTHLY_RECURRENCE:
		return says_day || HAS(rule, by_year_day) || day->day == walk->dtstart.day;
	case ICAL_WEEKLY_RECURRENCE:
		return HAS(rule, by_day) || day->weekday == datetime_weekday(walk->first);
	default:
		return TRUE;
	}
}

/* Of a day of one of the months in which it may. */
static gboolean takes_place(const struct rule_walk *walk)
{
	const struct icalrecurrencetype *rule = walk->rule;
	const struct rule_day *day = &walk->day;

	return (walk->weekdays & 1u << day->weekday) != 0 && is_default_day(walk, day) &&
	       (!HAS(rule, by_month_day) ||
		HAS_NUMBER(rule, by_month_day, day->day, day->month_days)) &&
	       (!HAS(rule, by_year_day) ||
		HAS_NUMBER(rule, by_year_day, day->year_day, day->year_days)) &&
	       (!HAS(rule, by_week_no) || in_week_no(walk)) &&
	       (!HAS(rule, by_day) || has_weekday(rule, day));
}

/* The days of the period after so many: from, how many, and its year. */
static void period_bounds(const struct rule_walk *walk, gint64 *first_r, guint *days_r, int *year_r)
{
	const struct icalrecurrencetype *rule = walk->rule;
	struct icaltimetype date = walk->dtstart;
	gint64 periods = walk->period * rule->interval, months, day = walk->first;
	guint week_start = (guint)rule->week_start - ICAL_SUNDAY_WEEKDAY;

	date.is_date = 1;
	date.day = 1;
	*year_r = date.year;
	switch (rule->freq) {
	case ICAL_YEARLY_RECURRENCE:
		date.month = 1;
		date.year = *year_r = (int)(date.year + periods);
		*first_r = datetime_day(date);
		*days_r = (guint)datetime_year_days(date.year);
		return;
	case ICAL_MONTHLY_RECURRENCE:
		months = date.year * 12 + date.month - 1 + periods;
		date.year = *year_r = (int)(months / 12);
		date.month = (int)(months % 12) + 1;
		*first_r = datetime_day(date);
		*days_r = (guint)datetime_month_days(date.month, date.year);
		return;
	case ICAL_WEEKLY_RECURRENCE:
		*first_r = day - (7 + (gint64)datetime_weekday(day) - week_start) % 7 + periods * 7;
		*days_r = 7;
		return;
	default:
		*first_r = day + periods;
		*days_r = 1;
		return;
	}
}

/* RFC 5545: the n-th of what takes place in a period. */
static void pick_positions(struct rule_walk *walk)
{
	guint positions = COUNT(walk->rule, by_set_pos), kept = 0;

	if (positions == 0)
		return;
	for (guint i = 0; i < walk->count; i++) {
		if (has_number(walk->rule->by_set_pos, positions, (int)i + 1, (int)walk->count))
			walk->days[kept++] = walk->days[i];
	}
	walk->count = kept;
}

static gboolean next_period(struct rule_walk *walk)
{
	struct rule_day *day = &walk->day;
	guint days;
	gint64 first, end;
	int year;

	period_bounds(walk, &first, &days, &year);
	end = first + days;
	walk->period++;
	walk->looked_at += days;
	if (day->number != first || day->month == 0)
		set_day(day, first);
	walk->gave_up = walk->looked_at > LIMIT_OCCURRENCE_DAYS || day->year > 2499;
	if (walk->gave_up)
		return FALSE;
	if (HAS(walk->rule, by_week_no))
		count_weeks(walk, year);
	walk->count = walk->next = 0;
	while (day->number < end) {
		int left = 0;

		if ((walk->months & 1u << day->month) == 0)
			left = (int)MIN(day->month_days - day->day, end - day->number - 1);
		else if (takes_place(walk))
			walk->days[walk->count++] = day->number;
		add_days(day, left + 1);
	}
	pick_positions(walk);
	return TRUE;
}

/* FREQ=MINUTELY and so on, which have no BY parts here. */
static gboolean next_clock(struct rule_walk *walk, struct icaltimetype *start_r)
{
	gint64 unit = walk->rule->freq == ICAL_HOURLY_RECURRENCE     ? DATETIME_HOUR
		      : walk->rule->freq == ICAL_MINUTELY_RECURRENCE ? DATETIME_MINUTE
								     : 1;

	if (walk->dtstart.is_date)
		return FALSE;
	*start_r = datetime_at(datetime_instant(walk->dtstart) +
				       walk->period++ * unit * walk->rule->interval,
			       walk->dtstart.zone);
	return TRUE;
}

static gboolean next_day(struct rule_walk *walk, struct icaltimetype *start_r)
{
	struct icaltimetype time = walk->dtstart;

	if (!time.is_date) {
		if (COUNT(walk->rule, by_hour) == 1)
			time.hour = walk->rule->by_hour[0];
		if (COUNT(walk->rule, by_minute) == 1)
			time.minute = walk->rule->by_minute[0];
		if (COUNT(walk->rule, by_second) == 1)
			time.second = MIN(walk->rule->by_second[0], 59);
	}
	for (;;) {
		gint64 day;

		while (walk->next == walk->count) {
			if (!next_period(walk))
				return FALSE;
		}
		day = walk->days[walk->next++];
		if (day < walk->first ||
		    (day == walk->first && datetime_clock(time) < datetime_clock(walk->dtstart)))
			continue;
		*start_r = datetime_on_day(time, day);
		return TRUE;
	}
}

/* Months and days of the week that the rule names, or, if it leaves the month to dtstart, that. */
static void find_months(struct rule_walk *walk)
{
	const struct icalrecurrencetype *rule = walk->rule;
	gboolean of_start = rule->freq == ICAL_YEARLY_RECURRENCE && !HAS(rule, by_day) &&
			    !HAS(rule, by_month_day) && !HAS(rule, by_year_day) &&
			    !HAS(rule, by_week_no);

	for (int month = 1; month <= 12; month++) {
		if (HAS(rule, by_month) ? HAS_NUMBER(rule, by_month, month, 12)
					: !of_start || month == walk->dtstart.month)
			walk->months |= 1u << month;
	}
	for (guint i = 0; i < COUNT(rule, by_day); i++) {
		guint weekday = (guint)icalrecurrencetype_day_day_of_week(rule->by_day[i]) -
				ICAL_SUNDAY_WEEKDAY;

		if (weekday < 7)
			walk->weekdays |= 1u << weekday;
	}
	if (!HAS(rule, by_day))
		walk->weekdays = (1u << 7) - 1;
}

void rule_walk_init(struct rule_walk *walk, const struct icalrecurrencetype *rule,
		    struct icaltimetype dtstart)
{
	memset(walk, 0, sizeof(*walk));
	walk->rule = rule;
	walk->dtstart = dtstart;
	walk->first = datetime_day(dtstart);
	find_months(walk);
}

gboolean rule_walk_next(struct rule_walk *walk, struct icaltimetype *start_r)
{
	const struct icalrecurrencetype *rule = walk->rule;
	struct icaltimetype start;

	if (!rule_can_be_followed(rule) || walk->occurrences >= LIMIT_OCCURRENCES ||
	    (rule->count > 0 && walk->occurrences >= (guint)rule->count))
		return FALSE;
	if (rule->freq < ICAL_DAILY_RECURRENCE ? !next_clock(walk, &start)
					       : !next_day(walk, &start))
		return FALSE;
	if (!icaltime_is_null_time(rule->until) &&
	    datetime_instant(start) > datetime_instant(rule->until))
		return FALSE;
	walk->occurrences++;
	*start_r = start;
	return TRUE;
}
