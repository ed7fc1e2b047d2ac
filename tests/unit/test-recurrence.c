#include "recurrence.h"

#include <string.h>

#include "datetime.h"
#include "limits.h"

/* Within the days that are looked at, whatever the rule. */
#define LAST_YEAR 2100

static struct icaltimetype at(const char *text, const char *zone)
{
	struct icaltimetype time;

	g_assert_true(datetime_parse(text, &time, NULL));
	if (!time.is_date && time.zone == NULL)
		time.zone = zone == NULL ? icaltimezone_get_utc_timezone()
					 : icaltimezone_get_builtin_timezone(zone);
	return time;
}

/* The first of them, as "20100104T0800 ..." of the dates alone. */
static char *occurrences(const struct icalrecurrencetype *rule, struct icaltimetype dtstart,
			 guint max)
{
	GString *text = g_string_new(NULL);
	struct icaltimetype start;
	struct rule_walk walk;

	rule_walk_init(&walk, rule, dtstart);
	for (guint i = 0; i < max && rule_walk_next(&walk, &start); i++) {
		g_autofree char *one = datetime_format(start);

		if (start.year > LAST_YEAR)
			break;
		g_string_append_printf(text, "%s%s", i == 0 ? "" : " ", one);
	}
	return g_string_free(text, FALSE);
}

/* --- vCalendar 1.0 and back ---------------------------------------------------------------- */

static void test_read(void)
{
	static const struct {
		const char *text, *dtstart, *rule; /* NULL = none */
	} rows[] = {
		{"D2 #10", "20100104T080000Z", "FREQ=DAILY;COUNT=10;INTERVAL=2"},
		{"D1 #0", "20100104T080000Z", "FREQ=DAILY"},
		{"D1", "20100104T080000Z", "FREQ=DAILY;COUNT=2"},
		{"d1 #0", "20100104T080000Z", "FREQ=DAILY"},
		{"W1 MO WE 20061231T000000Z", "20061201T080000Z",
		 "FREQ=WEEKLY;UNTIL=20061231T000000Z;BYDAY=MO,WE"},
		{"W1 #0", "20100104T080000Z", "FREQ=WEEKLY"},
		{"W2 TU$ TH$ #4", "20100105T080000Z", "FREQ=WEEKLY;COUNT=4;INTERVAL=2;BYDAY=TU,TH"},
		{"MP1 1+ SU #0", "20100103T080000Z", "FREQ=MONTHLY;BYDAY=1SU"},
		{"MP1 1- FR #5", "20100129T080000Z", "FREQ=MONTHLY;COUNT=5;BYDAY=-1FR"},
		{"MP2 1+ SU 1- SU #10", "20100103T080000Z",
		 "FREQ=MONTHLY;COUNT=10;INTERVAL=2;BYDAY=1SU,-1SU"},
		{"MP1 1+ 3+ MO TU #0", "20100104T080000Z", "FREQ=MONTHLY;BYDAY=1MO,3MO,1TU,3TU"},
		/* Whatever the order they are named in. */
		{"W1 SU WE MO #0", "20100104T080000Z", "FREQ=WEEKLY;BYDAY=MO,WE,SU"},
		{"MP1 1- 1+ FR #0", "20100104T080000Z", "FREQ=MONTHLY;BYDAY=1FR,-1FR"},
		{"YM1 8 6 7 #0", "20100604T080000Z", "FREQ=YEARLY;BYMONTH=6,7,8"},
		{"MP1 #0", "20100111T080000Z", "FREQ=MONTHLY;BYDAY=2MO"},
		{"MP1 2+ #0", "20100111T080000Z", "FREQ=MONTHLY;BYDAY=2MO"},
		{"MD1 15 #0", "20100115T080000Z", "FREQ=MONTHLY;BYMONTHDAY=15"},
		{"MD1 15+ #0", "20100115T080000Z", "FREQ=MONTHLY;BYMONTHDAY=15"},
		{"MD1 LD #0", "20100131T080000Z", "FREQ=MONTHLY;BYMONTHDAY=-1"},
		{"MD1 2- #0", "20100130T080000Z", "FREQ=MONTHLY;BYMONTHDAY=-2"},
		{"MD3 #0", "20100130T080000Z", "FREQ=MONTHLY;INTERVAL=3"},
		{"YM1 4 #0", "20100404T080000Z", "FREQ=YEARLY;BYMONTH=4"},
		{"YM1 #0", "20100404T080000Z", "FREQ=YEARLY"},
		{"YM2 6 7 8 #3", "20100604T080000Z",
		 "FREQ=YEARLY;COUNT=3;INTERVAL=2;BYMONTH=6,7,8"},
		{"YD1 100 #3", "20100410T080000Z", "FREQ=YEARLY;COUNT=3;BYYEARDAY=100"},
		{"YD1 #0", "20100410T080000Z", "FREQ=YEARLY"},
		{"M30 #5", "20100410T080000Z", "FREQ=MINUTELY;COUNT=5;INTERVAL=30"},
		/* Nested. */
		{"YM1 5 MP1 2+ SU #0", "20100509T080000Z", "FREQ=YEARLY;BYDAY=2SU;BYMONTH=5"},
		{"YM1 6 MP1 1+ SU #4", "20100606T080000Z",
		 "FREQ=YEARLY;COUNT=4;BYDAY=1SU;BYMONTH=6"},
		{"YM1 1 MD1 7 #0", "20100107T080000Z", "FREQ=YEARLY;BYMONTHDAY=7;BYMONTH=1"},
		{"YM1 6 W1 TU TH #0", "20100601T080000Z", "FREQ=YEARLY;BYDAY=TU,TH;BYMONTH=6"},
		{"MD1 13 W1 FR #0", "20100813T080000Z", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13"},
		/* Ends. */
		{"D1 20100110", "20100104T080000Z", "FREQ=DAILY;UNTIL=20100110T235959Z"},
		{"D1 #0 20100110T080000Z", "20100104T080000Z", "FREQ=DAILY;UNTIL=20100110T080000Z"},
		{"D1 #3 20100110T080000Z", "20100104T080000Z", "FREQ=DAILY;COUNT=3"},
		{"D1 #30 20100110T080000Z", "20100104T080000Z",
		 "FREQ=DAILY;UNTIL=20100110T080000Z"},
		{"D1 20100110T235959", "20100104", "FREQ=DAILY;UNTIL=20100110"},
		{"D1 20100110T000000Z", "20100104", "FREQ=DAILY;UNTIL=20100110"},
		{"D1 20100110T240000", "20100104", "FREQ=DAILY;UNTIL=20100110"},
		/* Not rules. */
		{"", "20100104T080000Z", NULL},
		{"D", "20100104T080000Z", NULL},
		{"D0 #0", "20100104T080000Z", NULL},
		{"D99999 #0", "20100104T080000Z", NULL},
		{"Q1 #0", "20100104T080000Z", NULL},
		{"W1 XX #0", "20100104T080000Z", NULL},
		{"MP1 6+ SU #0", "20100104T080000Z", NULL},
		{"MD1 32 #0", "20100104T080000Z", NULL},
		{"YM1 13 #0", "20100104T080000Z", NULL},
		{"YD1 367 #0", "20100104T080000Z", NULL},
		{"D1 #", "20100104T080000Z", NULL},
		{"D1 #0 20101301T000000Z", "20100104T080000Z", NULL},
		{"D1 #0 20100110 x", "20100104T080000Z", NULL},
		{"D2 W2 MO #0", "20100104T080000Z", NULL},
		{"YM1 6 MP2 1+ SU #0", "20100104T080000Z", NULL},
		{"FREQ=DAILY", "20100104T080000Z", NULL},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct icalrecurrencetype rule;
		gboolean ok = rrule10_parse(rows[i].text, at(rows[i].dtstart, NULL), &rule);
		g_autofree char *text = ok ? rrule_write(&rule) : NULL;

		g_test_message("%s", rows[i].text);
		g_assert_cmpstr(text, ==, rows[i].rule);
	}
}

static void test_write(void)
{
	static const struct {
		const char *rule, *dtstart, *text; /* NULL = cannot be said */
		enum rrule10_end end;
	} rows[] = {
		{"FREQ=DAILY;INTERVAL=2;COUNT=10", "20100104T080000Z", "D2 #10", RRULE10_END_COUNT},
		/* The end of the last: it takes an hour. */
		{"FREQ=DAILY;INTERVAL=2;COUNT=10", "20100104T080000Z", "D2 20100122T090000Z",
		 RRULE10_END_DATE},
		{"FREQ=DAILY", "20100104T080000Z", "D1 #0", RRULE10_END_DATE},
		{"FREQ=DAILY;COUNT=214748364", "20100104T080000Z", "D1 #214748364",
		 RRULE10_END_COUNT},
		{"FREQ=DAILY;COUNT=214748365", "20100104T080000Z", NULL, RRULE10_END_COUNT},
		{"FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "20100104T080000Z", "W1 MO TU WE TH FR #0",
		 RRULE10_END_DATE},
		{"FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20061231T000000Z", "20061201T080000Z",
		 "W1 MO WE 20061231T000000Z", RRULE10_END_DATE},
		{"FREQ=WEEKLY", "20100104T080000Z", "W1 MO #0", RRULE10_END_DATE},
		{"FREQ=WEEKLY;WKST=SU", "20100104T080000Z", "W1 MO #0", RRULE10_END_DATE},
		{"FREQ=WEEKLY;COUNT=4;BYDAY=TU,TH", "20100105T080000Z", "W1 TU TH 20100114T090000Z",
		 RRULE10_END_COUNT},
		{"FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU", "20100104T080000Z", NULL,
		 RRULE10_END_DATE},
		{"FREQ=MONTHLY;BYDAY=1SU", "20100103T080000Z", "MP1 1+ SU #0", RRULE10_END_DATE},
		{"FREQ=MONTHLY;BYDAY=-1FR;COUNT=5", "20100129T080000Z", "MP1 1- FR #5",
		 RRULE10_END_COUNT},
		{"FREQ=MONTHLY;BYDAY=TU;BYSETPOS=2", "20100112T080000Z", "MP1 2+ TU #0",
		 RRULE10_END_DATE},
		{"FREQ=MONTHLY;BYDAY=TU", "20100105T080000Z",
		 "MP1 1+ TU 2+ TU 3+ TU 4+ TU 5+ TU #0", RRULE10_END_DATE},
		{"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "20100129T080000Z", NULL,
		 RRULE10_END_DATE},
		{"FREQ=MONTHLY;BYMONTHDAY=15", "20100115T080000Z", "MD1 15 #0", RRULE10_END_DATE},
		{"FREQ=MONTHLY", "20100115T080000Z", "MD1 15 #0", RRULE10_END_DATE},
		{"FREQ=MONTHLY;BYMONTHDAY=-1", "20100131T080000Z", "MD1 LD #0", RRULE10_END_DATE},
		{"FREQ=MONTHLY;BYMONTHDAY=-2", "20100130T080000Z", "MD1 2- #0", RRULE10_END_DATE},
		{"FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "20100813T080000Z", NULL, RRULE10_END_DATE},
		{"FREQ=YEARLY;BYMONTH=4", "20100404T080000Z", "YM1 4 #0", RRULE10_END_DATE},
		{"FREQ=YEARLY", "20100404T080000Z", "YM1 4 #0", RRULE10_END_DATE},
		{"FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=4", "20100404T080000Z", "YM1 4 #0",
		 RRULE10_END_DATE},
		{"FREQ=YEARLY;BYYEARDAY=100;COUNT=3", "20100410T080000Z", "YD1 100 #3",
		 RRULE10_END_COUNT},
		{"FREQ=YEARLY;BYYEARDAY=-1", "20101231T080000Z", NULL, RRULE10_END_DATE},
		{"FREQ=YEARLY;BYMONTH=5;BYDAY=2SU", "20100509T080000Z", "MP12 2+ SU #0",
		 RRULE10_END_DATE},
		{"FREQ=YEARLY;BYMONTH=5,6;BYDAY=2SU", "20100509T080000Z", "YM1 5 6 MP1 2+ SU #0",
		 RRULE10_END_DATE},
		{"FREQ=YEARLY;BYWEEKNO=20", "20100517T080000Z", NULL, RRULE10_END_DATE},
		{"FREQ=WEEKLY;BYYEARDAY=4;BYDAY=MO", "20100104T080000Z", NULL, RRULE10_END_DATE},
		{"FREQ=DAILY;BYWEEKNO=20", "20100517T080000Z", NULL, RRULE10_END_DATE},
		{"FREQ=YEARLY;BYDAY=20MO", "20100517T080000Z", NULL, RRULE10_END_DATE},
		{"FREQ=HOURLY;INTERVAL=2", "20100517T080000Z", "M120 #0", RRULE10_END_DATE},
		{"FREQ=MINUTELY;INTERVAL=30", "20100517T080000Z", "M30 #0", RRULE10_END_DATE},
		{"FREQ=DAILY;BYHOUR=8", "20100517T080000Z", "D1 #0", RRULE10_END_DATE},
		{"FREQ=DAILY;BYHOUR=9", "20100517T080000Z", NULL, RRULE10_END_DATE},
		{"FREQ=DAILY;BYHOUR=8,9", "20100517T080000Z", NULL, RRULE10_END_DATE},
		{"FREQ=DAILY;COUNT=3", "20100104", "D1 20100106T235959", RRULE10_END_DATE},
		{"FREQ=DAILY;UNTIL=20100106", "20100104", "D1 20100106T235959", RRULE10_END_DATE},
		/* Once more would begin by its end. */
		{"FREQ=MINUTELY;INTERVAL=30;COUNT=2", "20100517T080000Z", "M30 20100517T083000Z",
		 RRULE10_END_DATE},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct icaltimetype dtstart = at(rows[i].dtstart, NULL);
		struct icalrecurrencetype rule;
		g_autofree char *text = NULL;

		g_test_message("%s", rows[i].rule);
		g_assert_true(rrule_parse(rows[i].rule, dtstart, &rule));
		text = rrule10_write(&rule, dtstart, DATETIME_HOUR, rows[i].end);
		g_assert_cmpstr(text, ==, rows[i].text);
	}
}

/* --- properties --------------------------------------------------------------------------- */

static char *random_rule(GRand *rand, struct icaltimetype start)
{
	static const char *const days[] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};
	GString *rule = g_string_new(NULL);
	gint kind = g_rand_int_range(rand, 0, 8), n = g_rand_int_range(rand, 0, 4);
	gint interval = g_rand_int_range(rand, 1, 5);

	switch (kind) {
	case 0:
		g_string_append_printf(rule, "D%d", interval);
		break;
	case 1:
		g_string_append_printf(rule, "W%d", interval);
		for (gint i = 0; i < n; i++)
			g_string_append_printf(rule, " %s", days[g_rand_int_range(rand, 0, 7)]);
		break;
	case 2:
	case 3:
		if (kind == 3)
			g_string_append_printf(rule, "YM%d %d ", interval,
					       g_rand_int_range(rand, 1, 13));
		g_string_append_printf(rule, "MP%d", kind == 3 ? 1 : interval);
		for (gint i = 0; i <= n; i++)
			g_string_append_printf(rule, " %d%c %s", g_rand_int_range(rand, 1, 6),
					       g_rand_boolean(rand) ? '+' : '-',
					       days[g_rand_int_range(rand, 0, 7)]);
		break;
	case 4:
	case 5:
		if (kind == 5)
			g_string_append_printf(rule, "YM%d %d ", interval, start.month);
		g_string_append_printf(rule, "MD%d", kind == 5 ? 1 : interval);
		for (gint i = 0; i <= n; i++)
			g_string_append_printf(rule, " %d%s", g_rand_int_range(rand, 1, 29),
					       g_rand_boolean(rand) ? "-" : "");
		break;
	case 6:
		g_string_append_printf(rule, "YM%d", interval);
		for (gint i = 0; i < n; i++)
			g_string_append_printf(rule, " %d", g_rand_int_range(rand, 1, 13));
		break;
	default:
		g_string_append_printf(rule, "YD%d", interval);
		for (gint i = 0; i < n; i++)
			g_string_append_printf(rule, " %d", g_rand_int_range(rand, 1, 366));
		break;
	}
	switch (g_rand_int_range(rand, 0, 4)) {
	case 0:
		g_string_append(rule, " #0");
		break;
	case 1:
		g_string_append_printf(rule, " #%d", g_rand_int_range(rand, 1, 40));
		break;
	case 2:
		g_string_append_printf(rule, " %d0%d15T101500Z", start.year + 1,
				       g_rand_int_range(rand, 1, 10));
		break;
	default:
		break;
	}
	return g_string_free(rule, FALSE);
}

static struct icaltimetype random_start(GRand *rand)
{
	static const char *const zones[] = {NULL, "Europe/Berlin", "America/New_York",
					    "Australia/Lord_Howe"};
	struct icaltimetype start =
		at("20100101T063000", zones[g_rand_int_range(rand, 0, G_N_ELEMENTS(zones))]);

	start = datetime_on_day(start, datetime_day(start) + g_rand_int_range(rand, 0, 3000));
	if (g_rand_int_range(rand, 0, 4) == 0)
		start = datetime_date(datetime_day(start));
	else
		start.hour = g_rand_int_range(rand, 4, 23);
	return start;
}

static char *by_libical(const struct icalrecurrencetype *rule, struct icaltimetype dtstart,
			guint max)
{
	GString *text = g_string_new(NULL);
	g_autofree char *sorted = rrule_write(rule);
	icalrecur_iterator *iterator =
		icalrecur_iterator_new(icalrecurrencetype_from_string(sorted), dtstart);

	for (guint i = 0; iterator != NULL && i < max; i++) {
		struct icaltimetype start = icalrecur_iterator_next(iterator);
		g_autofree char *one = NULL;

		if (icaltime_is_null_time(start) || start.year > LAST_YEAR)
			break;
		one = datetime_format(start);
		g_string_append_printf(text, "%s%s", i == 0 ? "" : " ", one);
	}
	if (iterator != NULL)
		icalrecur_iterator_free(iterator);
	return g_string_free(text, FALSE);
}

#define ROUNDS 5000
#define SOME 40

/* The same days before and after, and libical finds the same. */
static void test_random_rules(void)
{
	GRand *rand = g_rand_new_with_seed(20100104);

	for (guint i = 0; i < ROUNDS; i++) {
		struct icaltimetype start = random_start(rand);
		enum rrule10_end end = g_rand_boolean(rand) ? RRULE10_END_DATE : RRULE10_END_COUNT;
		g_autofree char *text = random_rule(rand, start);
		g_autofree char *written = NULL, *before = NULL, *after = NULL, *ours = NULL,
				*theirs = NULL;
		struct icalrecurrencetype rule, again;
		struct rule_walk walk;

		g_test_message("%s from %s", text, icaltime_as_ical_string(start));
		g_assert_true(rrule10_parse(text, start, &rule));
		written = rrule10_write(&rule, start, DATETIME_HOUR, end);
		g_assert_nonnull(written);
		g_assert_true(rrule10_parse(written, start, &again));
		before = occurrences(&rule, start, SOME);
		after = occurrences(&again, start, SOME);
		g_assert_cmpstr(before, ==, after);
		/* RFC 5545 leaves open what a rule means that its start does not follow. */
		rule_walk_init(&walk, &rule, start);
		if (!rule_walk_next(&walk, &start))
			continue;
		ours = occurrences(&rule, start, SOME);
		theirs = by_libical(&rule, start, SOME);
		g_assert_cmpstr(ours, ==, theirs);
	}
	g_rand_free(rand);
}

static void test_follow(void)
{
	static const struct {
		const char *rule, *dtstart, *zone, *starts;
	} rows[] = {
		{"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "20100129", NULL,
		 "20100129 20100226 20100331 20100430"},
		{"FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO", "20091228", NULL,
		 "20091228 20151228 20201228"},
		{"FREQ=YEARLY;BYDAY=20MO", "20100517", NULL, "20100517 20110516 20120514 20130520"},
		{"FREQ=YEARLY;BYYEARDAY=-1", "20101231", NULL, "20101231 20111231 20121231"},
		{"FREQ=YEARLY", "20120229", NULL, "20120229 20160229 20200229"},
		{"FREQ=MONTHLY", "20100131", NULL, "20100131 20100331 20100531 20100731"},
		{"FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=MO;COUNT=4", "19970805", NULL,
		 "19970805 19970810 19970819 19970824"},
		{"FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU;COUNT=4", "19970805", NULL,
		 "19970805 19970817 19970819 19970831"},
		{"FREQ=DAILY;BYMONTH=1;COUNT=3", "20100130", NULL, "20100130 20100131 20110101"},
		/* UNTIL is an instant: the last is at 07:00Z in winter. */
		{"FREQ=WEEKLY;UNTIL=20101107T070000Z", "20101024T080000", "Europe/Berlin",
		 "20101024T080000 20101031T080000 20101107T080000"},
		/* No leap year. */
		{"FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3", "17000131", NULL,
		 "17000131 17000228 17000331"},
		/* Never. */
		{"FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "20100101", NULL, ""},
		{"FREQ=MONTHLY;BYDAY=MO;BYSETPOS=-7", "20100101", NULL, ""},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct icaltimetype start = at(rows[i].dtstart, rows[i].zone);
		struct icalrecurrencetype rule;
		g_autofree char *starts = NULL;
		guint max = *rows[i].starts == '\0'
				    ? 1
				    : (guint)1 + (guint)strlen(rows[i].starts) /
							 ((guint)strcspn(rows[i].starts, " ") + 1);

		g_test_message("%s", rows[i].rule);
		g_assert_true(rrule_parse(rows[i].rule, start, &rule));
		starts = occurrences(&rule, start, MIN(max, 4));
		if (rule.count == 0 && icaltime_is_null_time(rule.until))
			g_assert_true(g_str_has_prefix(starts, rows[i].starts));
		else
			g_assert_cmpstr(starts, ==, rows[i].starts);
		if (*rows[i].starts == '\0')
			g_assert_cmpstr(starts, ==, "");
	}
}

static void test_not_followed(void)
{
	static const char *const rows[] = {"FREQ=DAILY;BYHOUR=1,2", "FREQ=SECONDLY;BYMONTH=2",
					   "FREQ=HOURLY;BYDAY=MO"};
	static const char *const refused[] = {"FREQ=WEEKLY;RSCALE=CHINESE", "FREQ=NEVER", "",
					      "D1 #0", "FREQ=DAILY;COUNT=2;UNTIL=20100101T000000Z"};
	struct icaltimetype start = at("20100101T080000Z", NULL), next;
	struct icalrecurrencetype rule;
	struct rule_walk walk;

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_assert_true(rrule_parse(rows[i], start, &rule));
		rule_walk_init(&walk, &rule, start);
		g_assert_false(rule_walk_next(&walk, &next));
	}
	for (guint i = 0; i < G_N_ELEMENTS(refused); i++)
		g_assert_false(rrule_parse(refused[i], start, &rule));
	g_assert_true(rrule_parse("FREQ=DAILY", start, &rule));
	rule_walk_init(&walk, &rule, start);
	for (guint i = 0; i < LIMIT_OCCURRENCES; i++)
		g_assert_true(rule_walk_next(&walk, &next));
	g_assert_false(rule_walk_next(&walk, &next));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/recurrence/read", test_read);
	g_test_add_func("/recurrence/write", test_write);
	g_test_add_func("/recurrence/follow", test_follow);
	g_test_add_func("/recurrence/not-followed", test_not_followed);
	g_test_add_func("/recurrence/random", test_random_rules);
	return g_test_run();
}
