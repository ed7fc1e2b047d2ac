/* The first line is where it starts, the rest a rule of either kind. A rule that was read can be
 * written, in its own kind without loss, and followed. */
#include "datetime.h"
#include "recurrence.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SOME 20

static void assert_same(const struct icalrecurrencetype *a, const struct icalrecurrencetype *b,
			struct icaltimetype dtstart)
{
	struct rule_walk x, y;

	rule_walk_init(&x, a, dtstart);
	rule_walk_init(&y, b, dtstart);
	for (guint i = 0; i < SOME; i++) {
		struct icaltimetype s, t;
		gboolean more = rule_walk_next(&x, &s), other = rule_walk_next(&y, &t);

		/* One looks at more days than the other to find the same. */
		if (x.gave_up || y.gave_up)
			return;
		assert(other == more);
		if (!more)
			return;
		assert(datetime_instant(s) == datetime_instant(t));
	}
}

static void check_new(const struct icalrecurrencetype *rule, struct icaltimetype dtstart)
{
	g_autofree char *text = rrule_write(rule);
	struct icalrecurrencetype again;

	assert(rrule_parse(text, dtstart, &again));
	assert_same(rule, &again, dtstart);
}

static void check_old(const struct icalrecurrencetype *rule, struct icaltimetype dtstart)
{
	for (guint end = RRULE10_END_DATE; end <= RRULE10_END_COUNT; end++) {
		g_autofree char *text = rrule10_write(rule, dtstart, DATETIME_HOUR, end);
		struct icalrecurrencetype again;

		if (text == NULL)
			continue;
		assert(rrule10_parse(text, dtstart, &again));
		assert_same(rule, &again, dtstart);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	struct icaltimetype dtstart;
	struct icalrecurrencetype rule;
	char *rest = text, *line = strsep(&rest, "\n");

	if (rest == NULL || !datetime_parse(line, &dtstart, NULL))
		return 0;
	if (!dtstart.is_date && dtstart.zone == NULL)
		dtstart.zone = icaltimezone_get_builtin_timezone("Europe/Berlin");
	if (rrule10_parse(rest, dtstart, &rule)) {
		check_new(&rule, dtstart);
		check_old(&rule, dtstart);
	}
	if (rrule_parse(rest, dtstart, &rule)) {
		check_new(&rule, dtstart);
		check_old(&rule, dtstart);
	}
	return 0;
}
