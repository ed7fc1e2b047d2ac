/*
 * Dates and times of calendars: as text, as instants, as days. libical's struct icaltimetype
 * carries them: with a zone it is an instant, without one it floats, or it is a date. Pure.
 */
#ifndef FANTAIL_PIM_DATETIME_H
#define FANTAIL_PIM_DATETIME_H

#include <glib.h>
#include <libical/ical.h>

#define DATETIME_MINUTE 60
#define DATETIME_HOUR 3600
#define DATETIME_DAY 86400

/* 20100131, 20100131T0800, 20100131T080000, with Z or +01:00, and all of that with '-' and
 * ':'. The zone is UTC or none. T240000 is 00:00 of the day after; `is_24_r` says so and may be
 * NULL. */
gboolean datetime_parse(const char *text, struct icaltimetype *time_r, gboolean *is_24_r);
/* "20100131", "20100131T080000", with Z when its zone is UTC. New. */
char *datetime_format(struct icaltimetype time);

/* Unix seconds. What floats, and dates, are taken as UTC. */
gint64 datetime_instant(struct icaltimetype time);
/* The other way; `zone` NULL = floating, in UTC. */
struct icaltimetype datetime_at(gint64 instant, const icaltimezone *zone);
/* The same instant elsewhere. Dates and what floats are not moved. */
struct icaltimetype datetime_in(struct icaltimetype time, const icaltimezone *zone);
gboolean datetime_is_utc(struct icaltimetype time);

/* Days since 1970-01-01, by its own calendar day. */
gint64 datetime_day(struct icaltimetype time);
/* The same time of day on another day. */
struct icaltimetype datetime_on_day(struct icaltimetype time, gint64 day);
struct icaltimetype datetime_date(gint64 day);
/* 0 = Sunday. */
guint datetime_weekday(gint64 day);
/* How many there are. libical's are of the Julian calendar before 1752, these never. */
int datetime_year_days(int year);
int datetime_month_days(int month, int year);
/* Seconds after its midnight. */
guint datetime_clock(struct icaltimetype time);

/* P1W, -PT15M, P1DT2H ... in seconds. */
gboolean datetime_parse_duration(const char *text, gint64 *seconds_r);
/* New. */
char *datetime_format_duration(gint64 seconds);

#endif
