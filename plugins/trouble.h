/*
 * The same trouble is logged once a minute, with a count: a bridge that is away
 * must not fill the mail log. Pure; libc only.
 */
#ifndef FANTAIL_TROUBLE_H
#define FANTAIL_TROUBLE_H

#include <stdbool.h>
#include <stdint.h>

/* Trouble of one sort in this process; zeros at the start. */
struct trouble {
	uint64_t logged_us; /* 0 = never */
	unsigned int count; /* since then */
};

/* True if it is time to log; *count_r counts this time too. `now_us` is a
 * monotonic clock's. */
bool trouble_note(struct trouble *trouble, uint64_t now_us, unsigned int *count_r);

#endif
