/*
 * RRULE of vCalendar 1.0:
 *
 *   rule := ( D i | W i weekday* | MP i (occ+ weekday*)* | MD i (day[+|-] | LD)* | YM i month*
 *           | YD i yearday* | M minutes ) rule? [ '#'count ] [ enddate ]
 *   occ  := 1..5 ('+'|'-')
 *
 * with a blank between words, and '$' after any word, which says nothing here. #0 is for ever; with
 * neither count nor end date it is #2.
 */
#include "recurrence-private.h"

#include <string.h>

#include "datetime.h"
#include "limits.h"

static const char *const weekdays[] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};

#define POSITIONS 5
/* Room for one digit more in an int. */
#define MAX_COUNT (G_MAXINT32 / 10)

/* --- lists in libical's struct ------------------------------------------------------------ */

#define ADD(rule, part, value) add_value((rule)->part, G_N_ELEMENTS((rule)->part), value)

/* Room is kept for the end mark. */
static gboolean add_value(short *values, guint max, int value)
{
	guint count = rule_count(values, max);

	for (guint i = 0; i < count; i++) {
		if (values[i] == value)
			return TRUE;
	}
	if (count + 1 >= max)
		return FALSE;
	values[count] = (short)value;
	values[count + 1] = RULE_UNSET;
	return TRUE;
}

/* --- reading ------------------------------------------------------------------------------ */

struct reader {
	char **words;
	guint next;
	struct icaltimetype dtstart;
	struct icalrecurrencetype rule;
};

/* `text` is a number, up to an end that is one of `ends` or nothing; `end_r` is that. */
static gboolean read_number(const char *text, int max, const char *ends, int *number_r, char *end_r)
{
	int number = 0;

	if (!g_ascii_isdigit(*text))
		return FALSE;
	for (; g_ascii_isdigit(*text); text++) {
		number = number * 10 + g_ascii_digit_value(*text);
		if (number > max)
			return FALSE;
	}
	*end_r = *text;
	*number_r = number;
	return *text == '\0' || (strchr(ends, *text) != NULL && text[1] == '\0');
}

static const char *peek(const struct reader *reader)
{
	return reader->words[reader->next];
}

static int find_weekday(const char *word)
{
	for (guint i = 0; word != NULL && i < G_N_ELEMENTS(weekdays); i++) {
		if (strcmp(weekdays[i], word) == 0)
			return (int)i;
	}
	return -1;
}

/* As libical has it: Sunday is 1, and 8 more for each position. */
static int by_day(int position, int weekday)
{
	return position < 0 ? -(-position * 8 + weekday + 1) : position * 8 + weekday + 1;
}

static gboolean read_weekdays(struct reader *reader)
{
	for (int weekday; (weekday = find_weekday(peek(reader))) >= 0; reader->next++) {
		if (!ADD(&reader->rule, by_day, by_day(0, weekday)))
			return FALSE;
	}
	return TRUE;
}

static guint start_weekday(const struct reader *reader)
{
	return datetime_weekday(datetime_day(reader->dtstart));
}

static gboolean read_positions(struct reader *reader)
{
	int positions[2 * POSITIONS], number;
	gboolean any = FALSE;
	char sign;

	while (peek(reader) != NULL && read_number(peek(reader), POSITIONS, "+-", &number, &sign)) {
		guint count = 0;
		int weekday;
		gboolean day = FALSE;

		do {
			if (number == 0 || count == G_N_ELEMENTS(positions))
				return FALSE;
			positions[count++] = sign == '-' ? -number : number;
			reader->next++;
		} while (peek(reader) != NULL &&
			 read_number(peek(reader), POSITIONS, "+-", &number, &sign));
		while ((weekday = find_weekday(peek(reader))) >= 0 || !day) {
			if (weekday < 0)
				weekday = (int)start_weekday(reader);
			else
				reader->next++;
			for (guint i = 0; i < count; i++) {
				if (!ADD(&reader->rule, by_day, by_day(positions[i], weekday)))
					return FALSE;
			}
			day = TRUE;
		}
		any = TRUE;
	}
	/* No position: that of the first day. */
	return any || ADD(&reader->rule, by_day,
			  by_day((reader->dtstart.day - 1) / 7 + 1, (int)start_weekday(reader)));
}

static gboolean read_month_days(struct reader *reader)
{
	for (const char *word; (word = peek(reader)) != NULL; reader->next++) {
		int number;
		char sign;

		if (strcmp(word, "LD") == 0) {
			number = -1;
		} else if (read_number(word, 31, "+-", &number, &sign) && number > 0) {
			number = sign == '-' ? -number : number;
		} else {
			break;
		}
		if (!ADD(&reader->rule, by_month_day, number))
			return FALSE;
	}
	return TRUE;
}

static gboolean read_numbers(struct reader *reader, short *values, guint max, int highest)
{
	int number;
	char sign;

	while (peek(reader) != NULL && read_number(peek(reader), highest, "", &number, &sign)) {
		if (number == 0 || !add_value(values, max, number))
			return FALSE;
		reader->next++;
	}
	return TRUE;
}

enum kind {
	KIND_DAILY,
	KIND_WEEKLY,
	KIND_BY_POSITION,
	KIND_BY_DAY,
	KIND_BY_MONTH,
	KIND_BY_YEAR_DAY,
	KIND_MINUTES,
};

static const struct {
	const char *letters;
	icalrecurrencetype_frequency frequency;
} kinds[] = {
	[KIND_DAILY] = {"D", ICAL_DAILY_RECURRENCE},
	[KIND_WEEKLY] = {"W", ICAL_WEEKLY_RECURRENCE},
	[KIND_BY_POSITION] = {"MP", ICAL_MONTHLY_RECURRENCE},
	[KIND_BY_DAY] = {"MD", ICAL_MONTHLY_RECURRENCE},
	[KIND_BY_MONTH] = {"YM", ICAL_YEARLY_RECURRENCE},
	[KIND_BY_YEAR_DAY] = {"YD", ICAL_YEARLY_RECURRENCE},
	[KIND_MINUTES] = {"M", ICAL_MINUTELY_RECURRENCE},
};

/* "MP2": what, and the interval. */
static gboolean read_kind(const char *word, enum kind *kind_r, int *interval_r)
{
	gsize len = 0;
	char end;

	if (word == NULL)
		return FALSE;
	while (g_ascii_isalpha(word[len]))
		len++;
	for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
		if (strlen(kinds[i].letters) == len && strncmp(kinds[i].letters, word, len) == 0) {
			*kind_r = i;
			return read_number(word + len, G_MAXINT16, "", interval_r, &end) &&
			       *interval_r > 0;
		}
	}
	return FALSE;
}

static gboolean read_days(struct reader *reader, enum kind kind)
{
	struct icalrecurrencetype *rule = &reader->rule;

	switch (kind) {
	case KIND_WEEKLY:
		return read_weekdays(reader);
	case KIND_BY_POSITION:
		return read_positions(reader);
	case KIND_BY_DAY:
		return read_month_days(reader);
	case KIND_BY_MONTH:
		return read_numbers(reader, rule->by_month, 13, 12);
	case KIND_BY_YEAR_DAY:
		return read_numbers(reader, rule->by_year_day, G_N_ELEMENTS(rule->by_year_day),
				    366);
	case KIND_DAILY:
	case KIND_MINUTES:
		break;
	}
	return TRUE;
}

/* The rule inside says which days there are in the months of the one outside. iCalendar says
 * that with one FREQ=YEARLY, if the inner one leaves out nothing. */
static gboolean read_nested(struct reader *reader, enum kind outer)
{
	struct icalrecurrencetype *rule = &reader->rule;
	int interval;
	enum kind kind;

	if (!read_kind(peek(reader), &kind, &interval))
		return TRUE;
	reader->next++;
	if (interval != 1 || (outer != KIND_BY_MONTH && outer != KIND_BY_DAY))
		return FALSE;
	if (outer == KIND_BY_DAY && (kind != KIND_WEEKLY || COUNT(rule, by_month_day) == 0))
		return FALSE;
	if (outer == KIND_BY_MONTH && COUNT(rule, by_month) == 0)
		ADD(rule, by_month, reader->dtstart.month);
	switch (kind) {
	case KIND_DAILY:
		for (int day = 1; day <= 31; day++)
			ADD(rule, by_month_day, day);
		return TRUE;
	case KIND_WEEKLY:
		if (!read_weekdays(reader))
			return FALSE;
		return COUNT(rule, by_day) > 0 ||
		       ADD(rule, by_day, by_day(0, (int)start_weekday(reader)));
	case KIND_BY_POSITION:
	case KIND_BY_DAY:
		return read_days(reader, kind);
	case KIND_BY_MONTH:
	case KIND_BY_YEAR_DAY:
	case KIND_MINUTES:
		break;
	}
	return FALSE;
}

/* Of days, an end is the day that it names. Devices write that in their own time, in UTC, or put
 * a Z after their own time; which of these is seen from the time of day. */
static struct icaltimetype until_day(const struct reader *reader, struct icaltimetype until,
				     gboolean is_24)
{
	guint clock = datetime_clock(until);

	if (is_24)
		return datetime_date(datetime_day(until) - 1);
	if (clock != 0 && clock < 23 * DATETIME_HOUR + 59 * DATETIME_MINUTE &&
	    reader->dtstart.zone != NULL)
		until = datetime_in(until, reader->dtstart.zone);
	return datetime_date(datetime_day(until));
}

static gboolean read_until(struct reader *reader, const char *word)
{
	struct icaltimetype until, dtstart = reader->dtstart;
	gboolean is_24;

	if (!datetime_parse(word, &until, &is_24))
		return FALSE;
	if (dtstart.is_date) {
		until = until_day(reader, until, is_24);
	} else {
		if (until.is_date) {
			until.is_date = 0;
			until.hour = 23;
			until.minute = until.second = 59;
		}
		if (until.zone == NULL)
			until.zone = dtstart.zone;
		until = datetime_in(until, icaltimezone_get_utc_timezone());
	}
	reader->rule.until = until;
	return TRUE;
}

/* 1.0 may have both, and ends with what comes first. */
static void settle_end(struct reader *reader)
{
	struct icalrecurrencetype *rule = &reader->rule, by_count = *rule;
	struct icaltimetype until = rule->until, start, last = until;
	struct rule_walk walk;

	if (icaltime_is_null_time(until) || rule->count == 0)
		return;
	rule->count = 0;
	if (by_count.count > LIMIT_OCCURRENCES)
		return;
	by_count.until = icaltime_null_time();
	rule_walk_init(&walk, &by_count, reader->dtstart);
	while (rule_walk_next(&walk, &start))
		last = start;
	if (walk.occurrences > 0 && datetime_instant(last) <= datetime_instant(until)) {
		rule->count = by_count.count;
		rule->until = icaltime_null_time();
	}
}

static gboolean read_end(struct reader *reader)
{
	gboolean counted = FALSE;
	int count;
	char end;

	reader->rule.count = 2;
	if (peek(reader) != NULL && *peek(reader) == '#') {
		if (!read_number(peek(reader) + 1, MAX_COUNT, "", &count, &end))
			return FALSE;
		reader->rule.count = count;
		reader->next++;
		counted = TRUE;
	}
	if (peek(reader) != NULL) {
		if (!read_until(reader, peek(reader)))
			return FALSE;
		if (!counted)
			reader->rule.count = 0;
		reader->next++;
	}
	settle_end(reader);
	return peek(reader) == NULL;
}

static gboolean read_rule(struct reader *reader)
{
	enum kind kind;
	int interval;

	if (!read_kind(peek(reader), &kind, &interval))
		return FALSE;
	reader->next++;
	reader->rule.freq = kinds[kind].frequency;
	reader->rule.interval = (short)interval;
	return read_days(reader, kind) && read_nested(reader, kind) && read_end(reader);
}

static char **split(const char *text)
{
	g_autofree char *upper = g_ascii_strup(text, -1);
	g_auto(GStrv) all = g_strsplit_set(upper, " \t\n", -1);
	GPtrArray *words = g_ptr_array_new();

	for (guint i = 0; all[i] != NULL; i++) {
		gsize len = strlen(all[i]);

		if (len > 1 && all[i][len - 1] == '$')
			all[i][len - 1] = '\0';
		if (*all[i] != '\0' && strcmp(all[i], "$") != 0)
			g_ptr_array_add(words, g_strdup(all[i]));
	}
	g_ptr_array_add(words, NULL);
	return (char **)g_ptr_array_free(words, FALSE);
}

gboolean rrule10_parse(const char *text, struct icaltimetype dtstart,
		       struct icalrecurrencetype *rule_r)
{
	struct reader reader = {.dtstart = dtstart};
	gboolean ok;

	if (strlen(text) > LIMIT_RRULE)
		return FALSE;
	icalrecurrencetype_clear(&reader.rule);
	reader.words = split(text);
	ok = read_rule(&reader);
	g_strfreev(reader.words);
	if (ok)
		*rule_r = reader.rule;
	return ok;
}

/* --- writing ------------------------------------------------------------------------------ */

static void append_position(GString *text, int position, guint weekday)
{
	g_string_append_printf(text, " %d%c %s", ABS(position), position < 0 ? '-' : '+',
			       weekdays[weekday]);
}

static guint weekday_of(short value)
{
	return (guint)icalrecurrencetype_day_day_of_week(value) - ICAL_SUNDAY_WEEKDAY;
}

/* All the n-th, or all of the month: each of its five. */
static gboolean append_positions(GString *text, const struct icalrecurrencetype *rule)
{
	guint set_pos = COUNT(rule, by_set_pos);

	for (guint i = 0; i < COUNT(rule, by_day); i++) {
		guint weekday = weekday_of(rule->by_day[i]);
		int position = icalrecurrencetype_day_position(rule->by_day[i]);

		if (set_pos == 1 && COUNT(rule, by_day) == 1 && position == 0)
			position = rule->by_set_pos[0];
		else if (set_pos > 0)
			return FALSE;
		if (ABS(position) > POSITIONS)
			return FALSE;
		if (position != 0)
			append_position(text, position, weekday);
		for (int each = 1; position == 0 && each <= POSITIONS; each++)
			append_position(text, each, weekday);
	}
	return TRUE;
}

static void append_month_days(GString *text, const struct icalrecurrencetype *rule)
{
	for (guint i = 0; i < COUNT(rule, by_month_day); i++) {
		int day = rule->by_month_day[i];

		if (day == -1)
			g_string_append(text, " LD");
		else
			g_string_append_printf(text, " %d%s", ABS(day), day < 0 ? "-" : "");
	}
}

static void append_numbers(GString *text, const short *values, guint count)
{
	for (guint i = 0; i < count; i++)
		g_string_append_printf(text, " %d", values[i]);
}

static gboolean has_position(const struct icalrecurrencetype *rule)
{
	for (guint i = 0; i < COUNT(rule, by_day); i++) {
		if (icalrecurrencetype_day_position(rule->by_day[i]) != 0)
			return TRUE;
	}
	return FALSE;
}

/* What D and W have no words for. */
static gboolean has_other_days(const struct icalrecurrencetype *rule)
{
	return COUNT(rule, by_month_day) + COUNT(rule, by_month) + COUNT(rule, by_set_pos) +
		       COUNT(rule, by_year_day) + COUNT(rule, by_week_no) >
	       0;
}

/* Where weeks begin tells nothing unless some are left out and two days lie in one. */
static gboolean append_weekly(GString *text, const struct icalrecurrencetype *rule,
			      struct icaltimetype dtstart)
{
	guint days = COUNT(rule, by_day);

	if (has_other_days(rule) || has_position(rule) ||
	    (rule->interval > 1 && days > 1 && rule->week_start != ICAL_MONDAY_WEEKDAY))
		return FALSE;
	g_string_append_printf(text, "W%d", rule->interval);
	for (guint i = 0; i < days; i++)
		g_string_append_printf(text, " %s", weekdays[weekday_of(rule->by_day[i])]);
	if (days == 0)
		g_string_append_printf(text, " %s",
				       weekdays[datetime_weekday(datetime_day(dtstart))]);
	return TRUE;
}

static gboolean append_daily(GString *text, const struct icalrecurrencetype *rule,
			     struct icaltimetype dtstart)
{
	if (has_other_days(rule))
		return FALSE;
	if (COUNT(rule, by_day) > 0)
		return rule->interval == 1 && append_weekly(text, rule, dtstart);
	g_string_append_printf(text, "D%d", rule->interval);
	return TRUE;
}

static gboolean append_in_month(GString *text, const struct icalrecurrencetype *rule, int interval,
				struct icaltimetype dtstart)
{
	guint days = COUNT(rule, by_day), month_days = COUNT(rule, by_month_day);

	if (days > 0 && month_days > 0)
		return FALSE;
	if (days > 0) {
		g_string_append_printf(text, "MP%d", interval);
		return append_positions(text, rule);
	}
	if (COUNT(rule, by_set_pos) > 0)
		return FALSE;
	g_string_append_printf(text, "MD%d", interval);
	if (month_days == 0)
		g_string_append_printf(text, " %d", dtstart.day);
	append_month_days(text, rule);
	return TRUE;
}

static gboolean append_months(GString *text, const struct icalrecurrencetype *rule, int interval)
{
	g_string_append_printf(text, "YM%d", interval);
	append_numbers(text, rule->by_month, COUNT(rule, by_month));
	return TRUE;
}

static gboolean append_monthly(GString *text, const struct icalrecurrencetype *rule,
			       struct icaltimetype dtstart)
{
	if (COUNT(rule, by_year_day) + COUNT(rule, by_week_no) > 0)
		return FALSE;
	if (COUNT(rule, by_month) == 0)
		return append_in_month(text, rule, rule->interval, dtstart);
	if (rule->interval != 1)
		return FALSE;
	append_months(text, rule, 1);
	g_string_append_c(text, ' ');
	return append_in_month(text, rule, 1, dtstart);
}

static gboolean append_yearly(GString *text, const struct icalrecurrencetype *rule,
			      struct icaltimetype dtstart)
{
	guint months = COUNT(rule, by_month), year_days = COUNT(rule, by_year_day);
	guint days = COUNT(rule, by_day) + COUNT(rule, by_month_day);
	gboolean own_month = months == 0 || (months == 1 && rule->by_month[0] == dtstart.month);

	if (COUNT(rule, by_week_no) > 0)
		return FALSE;
	if (year_days > 0) {
		if (months + days + COUNT(rule, by_set_pos) > 0)
			return FALSE;
		g_string_append_printf(text, "YD%d", rule->interval);
		for (guint i = 0; i < year_days; i++) {
			if (rule->by_year_day[i] < 0)
				return FALSE;
		}
		append_numbers(text, rule->by_year_day, year_days);
		return TRUE;
	}
	if (days == 0 || (days == 1 && months > 0 && COUNT(rule, by_month_day) == 1 &&
			  rule->by_month_day[0] == dtstart.day)) {
		append_months(text, rule, rule->interval);
		if (months == 0)
			g_string_append_printf(text, " %d", dtstart.month);
		return COUNT(rule, by_set_pos) == 0;
	}
	if (months == 0)
		return FALSE;
	/* Every twelve months: devices that know no nested rules know that. */
	if (own_month && rule->interval <= G_MAXINT16 / 12)
		return append_in_month(text, rule, rule->interval * 12, dtstart);
	append_months(text, rule, rule->interval);
	g_string_append_c(text, ' ');
	return append_in_month(text, rule, 1, dtstart);
}

/* The time of day is dtstart's, or the rule says something else. */
static gboolean is_at_start(const struct icalrecurrencetype *rule, struct icaltimetype dtstart)
{
	return rule_can_be_followed(rule) &&
	       (dtstart.is_date ||
		((COUNT(rule, by_hour) == 0 || rule->by_hour[0] == dtstart.hour) &&
		 (COUNT(rule, by_minute) == 0 || rule->by_minute[0] == dtstart.minute) &&
		 (COUNT(rule, by_second) == 0 || rule->by_second[0] == dtstart.second)));
}

static gboolean append_frequency(GString *text, const struct icalrecurrencetype *rule,
				 struct icaltimetype dtstart)
{
	if (!is_at_start(rule, dtstart))
		return FALSE;
	switch (rule->freq) {
	case ICAL_MINUTELY_RECURRENCE:
		g_string_append_printf(text, "M%d", rule->interval);
		return !dtstart.is_date;
	case ICAL_HOURLY_RECURRENCE:
		if (rule->interval % 24 == 0)
			g_string_append_printf(text, "D%d", rule->interval / 24);
		else
			g_string_append_printf(text, "M%d", rule->interval * 60);
		return !dtstart.is_date && rule->interval <= G_MAXINT16 / 60;
	case ICAL_DAILY_RECURRENCE:
		return append_daily(text, rule, dtstart);
	case ICAL_WEEKLY_RECURRENCE:
		return append_weekly(text, rule, dtstart);
	case ICAL_MONTHLY_RECURRENCE:
		return append_monthly(text, rule, dtstart);
	case ICAL_YEARLY_RECURRENCE:
		return append_yearly(text, rule, dtstart);
	case ICAL_SECONDLY_RECURRENCE:
	case ICAL_NO_RECURRENCE:
		break;
	}
	return FALSE;
}

static void append_until(GString *text, struct icaltimetype until)
{
	g_autofree char *date = datetime_format(until);

	/* Of days, without Z, at the end of the day: whoever reads an instant or a day, and
	 * whether or not it is among them, reads the same. */
	g_string_append_printf(text, " %s%s", date, until.is_date ? "T235959" : "");
}

/* The end of the last occurrence, unless one more would begin by then. FALSE: it never takes
 * place, or longer than we follow it. */
static gboolean find_end(const struct icalrecurrencetype *rule, struct icaltimetype dtstart,
			 gint64 duration, struct icaltimetype *until_r)
{
	struct icalrecurrencetype endless = *rule;
	struct icaltimetype start = dtstart, last;
	struct rule_walk walk;
	gint64 end;

	endless.count = 0;
	rule_walk_init(&walk, &endless, dtstart);
	for (int i = 0; i < rule->count; i++) {
		if (!rule_walk_next(&walk, &start))
			return FALSE;
	}
	last = start;
	if (dtstart.is_date) {
		*until_r = last;
		return TRUE;
	}
	end = datetime_instant(last) + MAX(duration, 0);
	if (rule_walk_next(&walk, &start) && datetime_instant(start) <= end)
		end = datetime_instant(last);
	*until_r = datetime_at(end, icaltimezone_get_utc_timezone());
	return TRUE;
}

/* Does #n mean n occurrences, and not n weeks or months of several? Devices differ. */
static gboolean has_one_each(const struct icalrecurrencetype *rule)
{
	return COUNT(rule, by_day) + COUNT(rule, by_month_day) <= 1 && COUNT(rule, by_month) <= 1 &&
	       COUNT(rule, by_year_day) <= 1;
}

static gboolean append_end(GString *text, const struct icalrecurrencetype *rule,
			   struct icaltimetype dtstart, gint64 duration, enum rrule10_end end)
{
	struct icaltimetype until;

	if (!icaltime_is_null_time(rule->until)) {
		append_until(text, rule->until);
		return TRUE;
	}
	if (rule->count == 0) {
		g_string_append(text, " #0");
		return TRUE;
	}
	if ((end == RRULE10_END_DATE || !has_one_each(rule)) &&
	    find_end(rule, dtstart, duration, &until)) {
		append_until(text, until);
		return TRUE;
	}
	g_string_append_printf(text, " #%d", rule->count);
	return rule->count <= MAX_COUNT;
}

char *rrule10_write(const struct icalrecurrencetype *rule, struct icaltimetype dtstart,
		    gint64 duration, enum rrule10_end end)
{
	g_autoptr(GString) text = g_string_new(NULL);

	if (!append_frequency(text, rule, dtstart) ||
	    !append_end(text, rule, dtstart, duration, end))
		return NULL;
	return g_strdup(text->str);
}
