/* The lists of numbers in libical's rules, for the files that read and write them. */
#ifndef FANTAIL_PIM_RECURRENCE_PRIVATE_H
#define FANTAIL_PIM_RECURRENCE_PRIVATE_H

#include "recurrence.h"

/* What ends a list that is not full. */
#define RULE_UNSET ICAL_RECURRENCE_ARRAY_MAX

static inline guint rule_count(const short *values, guint max)
{
	guint count = 0;

	while (count < max && values[count] != RULE_UNSET)
		count++;
	return count;
}

/* COUNT(rule, by_day) */
#define COUNT(rule, part) rule_count((rule)->part, G_N_ELEMENTS((rule)->part))

/* Has it any? Asked for each day of a rule that is followed, counting is most of the work. */
#define HAS(rule, part) ((rule)->part[0] != RULE_UNSET)

#endif
