/* libical's own conversions end in 1902 or 2037 in places, and go by way of strings; these do
 * not. */
#include "datetime.h"

#include <string.h>

/* Years outside are slips of the pen, and a loop for whoever counts days. */
#define YEAR_MIN 1601
#define YEAR_MAX 2499
#define LAST_KNOWN_YEAR 2037

/* --- days ------------------------------------------------------------------------------- */

/* Of the proleptic Gregorian calendar; March begins the year, so that leap days end it. */
static gint64 day_of(int year, int month, int day)
{
	gint64 y = month <= 2 ? year - 1 : year, era = (y >= 0 ? y : y - 399) / 400;
	gint64 of_era = y - era * 400;
	gint64 of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void set_day(struct icaltimetype *time, gint64 day)
{
	gint64 z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	gint64 of_era = z - era * 146097;
	gint64 y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	gint64 of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;

	time->day = (int)(of_year - (153 * m + 2) / 5 + 1);
	time->month = (int)(m < 10 ? m + 3 : m - 9);
	time->year = (int)(y + era * 400 + (time->month <= 2));
}

gint64 datetime_day(struct icaltimetype time)
{
	return day_of(time.year, time.month, time.day);
}

struct icaltimetype datetime_on_day(struct icaltimetype time, gint64 day)
{
	set_day(&time, day);
	return time;
}

struct icaltimetype datetime_date(gint64 day)
{
	struct icaltimetype date = {.is_date = 1};

	set_day(&date, day);
	return date;
}

int datetime_year_days(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 366 : 365;
}

int datetime_month_days(int month, int year)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 ? datetime_year_days(year) - 365 : 0);
}

guint datetime_weekday(gint64 day)
{
	return (guint)(((day + 4) % 7 + 7) % 7);
}

guint datetime_clock(struct icaltimetype time)
{
	return time.is_date ? 0
			    : (guint)(time.hour * DATETIME_HOUR + time.minute * DATETIME_MINUTE +
				      time.second);
}

/* --- instants --------------------------------------------------------------------------- */

gboolean datetime_is_utc(struct icaltimetype time)
{
	return time.zone != NULL && time.zone == icaltimezone_get_utc_timezone();
}

/* What will be decided about summers by then nobody knows; libical takes a second to work it out
 * all the same. A year that begins on the same day stands for it: they come round in 28. */
static struct icaltimetype in_known_years(struct icaltimetype time)
{
	if (time.year > LAST_KNOWN_YEAR)
		time.year = LAST_KNOWN_YEAR - 27 + (time.year - LAST_KNOWN_YEAR - 1) % 28;
	return time;
}

gint64 datetime_instant(struct icaltimetype time)
{
	struct icaltimetype known = in_known_years(time);
	gint64 local = datetime_day(time) * DATETIME_DAY + datetime_clock(time);

	if (time.is_date || time.zone == NULL || datetime_is_utc(time))
		return local;
	return local - icaltimezone_get_utc_offset((icaltimezone *)time.zone, &known, NULL);
}

struct icaltimetype datetime_at(gint64 instant, const icaltimezone *zone)
{
	struct icaltimetype time = icaltime_null_time();
	struct icaltimetype known;
	gint64 day, clock;

	for (guint pass = 0; pass < 2; pass++) {
		day = instant >= 0 ? instant / DATETIME_DAY
				   : -((DATETIME_DAY - 1 - instant) / DATETIME_DAY);
		clock = instant - day * DATETIME_DAY;
		set_day(&time, day);
		time.hour = (int)(clock / DATETIME_HOUR);
		time.minute = (int)(clock % DATETIME_HOUR / DATETIME_MINUTE);
		time.second = (int)(clock % DATETIME_MINUTE);
		if (pass == 1 || zone == NULL || zone == icaltimezone_get_utc_timezone())
			break;
		known = in_known_years(time);
		instant +=
			icaltimezone_get_utc_offset_of_utc_time((icaltimezone *)zone, &known, NULL);
	}
	time.zone = zone;
	return time;
}

struct icaltimetype datetime_in(struct icaltimetype time, const icaltimezone *zone)
{
	if (time.is_date || time.zone == NULL || time.zone == zone)
		return time;
	return datetime_at(datetime_instant(time), zone);
}

/* --- text ------------------------------------------------------------------------------- */

/* `count` digits; `separator`, if there, before them ('\0' = none). */
static gboolean take_digits(const char **pos, char separator, guint count, int *number_r)
{
	const char *c = *pos;
	int number = 0;

	if (separator != '\0' && *c == separator)
		c++;
	for (guint i = 0; i < count; i++, c++) {
		if (!g_ascii_isdigit(*c))
			return FALSE;
		number = number * 10 + g_ascii_digit_value(*c);
	}
	*pos = c;
	*number_r = number;
	return TRUE;
}

/* +01, +0100, +01:00: seconds. */
static gboolean take_offset(const char **pos, gint64 *offset_r)
{
	int sign = **pos == '-' ? -1 : 1, hours, minutes = 0;

	(*pos)++;
	if (!take_digits(pos, '\0', 2, &hours))
		return FALSE;
	if (g_ascii_isdigit(**pos) || **pos == ':') {
		if (!take_digits(pos, ':', 2, &minutes))
			return FALSE;
	}
	*offset_r = sign * (hours * DATETIME_HOUR + minutes * DATETIME_MINUTE);
	return hours < 24 && minutes < 60;
}

static gboolean take_clock(const char **pos, struct icaltimetype *time)
{
	if (!take_digits(pos, 'T', 2, &time->hour) || !take_digits(pos, ':', 2, &time->minute))
		return FALSE;
	if ((g_ascii_isdigit(**pos) || **pos == ':') && !take_digits(pos, ':', 2, &time->second))
		return FALSE;
	/* Parts of a second, as XML's dates have them. */
	if (**pos == '.') {
		for ((*pos)++; g_ascii_isdigit(**pos); (*pos)++)
			;
	}
	return TRUE;
}

static gboolean is_valid(const struct icaltimetype *time)
{
	return time->year >= YEAR_MIN && time->year <= YEAR_MAX && time->month >= 1 &&
	       time->month <= 12 && time->day >= 1 &&
	       time->day <= datetime_month_days(time->month, time->year) &&
	       (time->hour < 24 || (time->hour == 24 && time->minute + time->second == 0)) &&
	       time->minute < 60 && time->second <= 60;
}

gboolean datetime_parse(const char *text, struct icaltimetype *time_r, gboolean *is_24_r)
{
	g_autofree char *upper = g_strstrip(g_ascii_strup(text, -1));
	const char *pos = upper;
	struct icaltimetype time = icaltime_null_time();
	gboolean has_offset = FALSE;
	gint64 offset = 0;

	if (!take_digits(&pos, '\0', 4, &time.year) || !take_digits(&pos, '-', 2, &time.month) ||
	    !take_digits(&pos, '-', 2, &time.day))
		return FALSE;
	time.is_date = *pos != 'T';
	if (!time.is_date && !take_clock(&pos, &time))
		return FALSE;
	if (*pos == 'Z') {
		pos++;
		if (!time.is_date)
			time.zone = icaltimezone_get_utc_timezone();
	} else if (!time.is_date && (*pos == '+' || *pos == '-')) {
		has_offset = TRUE;
		if (!take_offset(&pos, &offset))
			return FALSE;
	}
	if (*pos != '\0' || !is_valid(&time))
		return FALSE;
	if (is_24_r != NULL)
		*is_24_r = time.hour == 24;
	if (time.second == 60)
		time.second = 59;
	if (time.hour == 24) {
		time.hour = 0;
		set_day(&time, datetime_day(time) + 1);
	}
	if (has_offset)
		time = datetime_at(datetime_instant(time) - offset,
				   icaltimezone_get_utc_timezone());
	*time_r = time;
	return TRUE;
}

char *datetime_format(struct icaltimetype time)
{
	if (time.is_date)
		return g_strdup_printf("%04d%02d%02d", time.year, time.month, time.day);
	return g_strdup_printf("%04d%02d%02dT%02d%02d%02d%s", time.year, time.month, time.day,
			       time.hour, time.minute, time.second,
			       datetime_is_utc(time) ? "Z" : "");
}

/* --- durations -------------------------------------------------------------------------- */

gboolean datetime_parse_duration(const char *text, gint64 *seconds_r)
{
	static const struct {
		char letter;
		gboolean of_time;
		gint64 seconds;
	} units[] = {
		{'W', FALSE, 7 * DATETIME_DAY},
		{'D', FALSE, DATETIME_DAY},
		{'H', TRUE, DATETIME_HOUR},
		{'M', TRUE, DATETIME_MINUTE},
		{'S', TRUE, 1},
	};
	gboolean negative = *text == '-', in_time = FALSE, any = FALSE;
	gint64 seconds = 0;

	if (*text == '-' || *text == '+')
		text++;
	if (g_ascii_toupper(*text++) != 'P')
		return FALSE;
	while (*text != '\0') {
		gint64 number = 0;
		guint unit;

		if (g_ascii_toupper(*text) == 'T') {
			in_time = TRUE;
			text++;
		}
		if (!g_ascii_isdigit(*text))
			return FALSE;
		for (; g_ascii_isdigit(*text); text++) {
			/* A century is no duration of anything. */
			number = MIN(number * 10 + g_ascii_digit_value(*text), G_MAXINT32);
		}
		for (unit = 0; unit < G_N_ELEMENTS(units); unit++) {
			if (units[unit].letter == g_ascii_toupper(*text) &&
			    units[unit].of_time == in_time)
				break;
		}
		if (unit == G_N_ELEMENTS(units))
			return FALSE;
		seconds += number * units[unit].seconds;
		any = TRUE;
		text++;
	}
	if (!any || seconds > (gint64)100 * 366 * DATETIME_DAY)
		return FALSE;
	*seconds_r = negative ? -seconds : seconds;
	return TRUE;
}

char *datetime_format_duration(gint64 seconds)
{
	GString *text = g_string_new(seconds < 0 ? "-P" : "P");
	gint64 rest = ABS(seconds);

	if (rest != 0 && rest % (7 * DATETIME_DAY) == 0) {
		g_string_append_printf(text, "%" G_GINT64_FORMAT "W", rest / (7 * DATETIME_DAY));
		return g_string_free(text, FALSE);
	}
	if (rest >= DATETIME_DAY)
		g_string_append_printf(text, "%" G_GINT64_FORMAT "D", rest / DATETIME_DAY);
	rest %= DATETIME_DAY;
	if (rest == 0 && seconds != 0)
		return g_string_free(text, FALSE);
	g_string_append_c(text, 'T');
	if (rest >= DATETIME_HOUR)
		g_string_append_printf(text, "%dH", (int)(rest / DATETIME_HOUR));
	if (rest % DATETIME_HOUR >= DATETIME_MINUTE)
		g_string_append_printf(text, "%dM", (int)(rest % DATETIME_HOUR / DATETIME_MINUTE));
	if (rest % DATETIME_MINUTE != 0 || rest == 0)
		g_string_append_printf(text, "%dS", (int)(rest % DATETIME_MINUTE));
	return g_string_free(text, FALSE);
}
