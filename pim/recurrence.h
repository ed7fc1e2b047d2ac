/*
 * How often something takes place: the rules of vCalendar 1.0 and of iCalendar, both read to
 * libical's struct and written from it, and what days a rule leads to.
 *
 * libical reads the rules of iCalendar. It does not follow them here: there are rules of thirty
 * letters that keep its iterator busy for seconds (FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30), and a
 * stranger writes the rule. Pure.
 */
#ifndef FANTAIL_PIM_RECURRENCE_H
#define FANTAIL_PIM_RECURRENCE_H

#include <glib.h>
#include <libical/ical.h>

/* --- iCalendar --------------------------------------------------------------------------- */

/* RRULE for something that starts at `dtstart`, of whose kind UNTIL becomes: a date or an
 * instant. FALSE: not a rule. */
gboolean rrule_parse(const char *text, struct icaltimetype dtstart,
		     struct icalrecurrencetype *rule_r);
/* In one order of its parts, and of the numbers in each. New. */
char *rrule_write(const struct icalrecurrencetype *rule);

/* --- vCalendar 1.0 ----------------------------------------------------------------------- */

/* Nested rules are one rule of iCalendar, where there is one. An end date is a date for days.
 * FALSE: not a rule, or none that iCalendar can say. */
gboolean rrule10_parse(const char *text, struct icaltimetype dtstart,
		       struct icalrecurrencetype *rule_r);

enum rrule10_end {
	RRULE10_END_DATE,  /* COUNT becomes the end of the last occurrence */
	RRULE10_END_COUNT, /* as it is, where it means the same */
};
/* `duration` is that of an occurrence, in seconds. NULL: 1.0 cannot say it. New. */
char *rrule10_write(const struct icalrecurrencetype *rule, struct icaltimetype dtstart,
		    gint64 duration, enum rrule10_end end);

/* --- following a rule --------------------------------------------------------------------- */

/* Can its occurrences be told in bounded time? Not those of several a day by BYHOUR and so
 * on. */
gboolean rule_can_be_followed(const struct icalrecurrencetype *rule);

/* A day, and what the BY parts ask of it. */
struct rule_day {
	gint64 number; /* as in datetime.h */
	int year, month, day, month_days, year_day, year_days;
	guint weekday;
};

struct rule_walk {
	const struct icalrecurrencetype *rule;
	struct icaltimetype dtstart;
	gint64 first;            /* the day of dtstart */
	guint months, weekdays;  /* a bit for each in which it may take place */
	struct rule_day day;     /* the next to look at, mostly */
	gint64 weeks, weeks_end; /* of the year that is looked at, where weeks are counted */
	gint64 period;           /* the next to look at, counted from that of dtstart */
	gint64 days[366];        /* what takes place in the last */
	guint count, next;
	guint occurrences, looked_at;
	gboolean gave_up; /* at a limit of ours: the rule may go on */
};
/* From the first occurrence at or after dtstart. The rule must outlive the walk. */
void rule_walk_init(struct rule_walk *walk, const struct icalrecurrencetype *rule,
		    struct icaltimetype dtstart);
/* FALSE: the last one was. Ends at LIMIT_OCCURRENCES, too, and after LIMIT_OCCURRENCE_DAYS
 * that were looked at. */
gboolean rule_walk_next(struct rule_walk *walk, struct icaltimetype *start_r);

#endif
