/* The clock of deadlines and pauses: nobody sets it. */
#ifndef FANTAIL_MONOTONIC_H
#define FANTAIL_MONOTONIC_H

#include <stdint.h>
#include <time.h>

static inline uint64_t monotonic_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

#endif
