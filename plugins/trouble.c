#include "trouble.h"

#define LOG_PAUSE_US (60 * 1000000ULL)

bool trouble_note(struct trouble *trouble, uint64_t now_us, unsigned int *count_r)
{
	trouble->count++;
	if (trouble->logged_us != 0 && now_us - trouble->logged_us < LOG_PAUSE_US)
		return false;
	*count_r = trouble->count;
	trouble->logged_us = now_us;
	trouble->count = 0;
	return true;
}
