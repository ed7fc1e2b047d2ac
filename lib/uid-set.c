#include "uid-set.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void uid_set_free(struct uid_set *set)
{
	free(set->ranges);
	memset(set, 0, sizeof(*set));
}

/* The first range that ends at `uid` or later; set->count if there is none. */
static size_t find(const struct uid_set *set, uint32_t uid)
{
	size_t low = 0, high = set->count;

	if (high > 0 && set->ranges[high - 1].last < uid)
		return high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->ranges[middle].last < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool insert(struct uid_set *set, size_t at, uint32_t first, uint32_t last)
{
	if (set->count == set->alloc) {
		size_t alloc = set->alloc == 0 ? 8 : set->alloc * 2;
		struct uid_range *ranges = reallocarray(set->ranges, alloc, sizeof(*ranges));

		if (ranges == NULL)
			return false;
		set->ranges = ranges;
		set->alloc = alloc;
	}
	memmove(set->ranges + at + 1, set->ranges + at, (set->count - at) * sizeof(set->ranges[0]));
	set->ranges[at] = (struct uid_range){.first = first, .last = last};
	set->count++;
	return true;
}

static void remove_at(struct uid_set *set, size_t at, size_t count)
{
	memmove(set->ranges + at, set->ranges + at + count,
		(set->count - at - count) * sizeof(set->ranges[0]));
	set->count -= count;
}

bool uid_set_add(struct uid_set *set, uint32_t first, uint32_t last)
{
	if (first == 0 || first > last)
		return true;

	/* From the range that touches or follows first - 1 ... */
	size_t from = find(set, first - 1);
	size_t to = from;

	/* ... to the last one that touches last + 1: they become one. */
	while (to < set->count && (last == UINT32_MAX || set->ranges[to].first <= last + 1)) {
		if (set->ranges[to].first < first)
			first = set->ranges[to].first;
		if (set->ranges[to].last > last)
			last = set->ranges[to].last;
		to++;
	}
	if (to == from)
		return insert(set, from, first, last);
	set->ranges[from] = (struct uid_range){.first = first, .last = last};
	remove_at(set, from + 1, to - from - 1);
	return true;
}

bool uid_set_remove(struct uid_set *set, uint32_t uid)
{
	size_t at = find(set, uid);

	if (at == set->count || set->ranges[at].first > uid)
		return true;

	struct uid_range *range = &set->ranges[at];
	if (range->first == range->last) {
		remove_at(set, at, 1);
	} else if (range->first == uid) {
		range->first++;
	} else if (range->last == uid) {
		range->last--;
	} else {
		if (!insert(set, at, range->first, uid - 1))
			return false;
		set->ranges[at + 1].first = uid + 1;
	}
	return true;
}

bool uid_set_contains(const struct uid_set *set, uint32_t uid)
{
	size_t at = find(set, uid);

	return at < set->count && set->ranges[at].first <= uid;
}

bool uid_set_equal(const struct uid_set *a, const struct uid_set *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (a->ranges[i].first != b->ranges[i].first ||
		    a->ranges[i].last != b->ranges[i].last)
			return false;
	}
	return true;
}

static uint32_t add_saturated(uint32_t count, const struct uid_range *range)
{
	uint64_t sum = (uint64_t)count + (range->last - range->first) + 1;

	return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

uint32_t uid_set_messages(const struct uid_set *set)
{
	uint32_t count = 0;

	for (size_t i = 0; i < set->count; i++)
		count = add_saturated(count, &set->ranges[i]);
	return count;
}

size_t uid_set_format(const struct uid_set *set, size_t start, char *text, size_t size,
		      uint32_t *messages_r)
{
	uint32_t messages = 0;
	size_t used = 0, at;

	text[0] = '\0';
	for (at = start; at < set->count; at++) {
		const struct uid_range *range = &set->ranges[at];
		char piece[UID_SET_RANGE_TEXT];
		int len;

		if (range->first == range->last)
			len = snprintf(piece, sizeof(piece), "%" PRIu32, range->first);
		else
			len = snprintf(piece, sizeof(piece), "%" PRIu32 ":%" PRIu32, range->first,
				       range->last);
		if (used + (used > 0) + (size_t)len + 1 > size)
			break;
		if (used > 0)
			text[used++] = ',';
		memcpy(text + used, piece, (size_t)len + 1);
		used += (size_t)len;
		messages = add_saturated(messages, range);
	}
	*messages_r = messages;
	return at;
}

bool uid_set_add_text(struct uid_set *set, const char *text)
{
	for (const char *p = text;;) {
		char *end;
		uint32_t first = (uint32_t)strtoul(p, &end, 10), last = first;

		if (*end == ':')
			last = (uint32_t)strtoul(end + 1, &end, 10);
		if (!uid_set_add(set, first < last ? first : last, first < last ? last : first))
			return false;
		if (*end != ',')
			return true;
		p = end + 1;
	}
}

uint32_t uid_set_highest(const struct uid_set *set)
{
	return set->count == 0 ? 0 : set->ranges[set->count - 1].last;
}

char *uid_set_join(const char *a, const char *b, size_t max)
{
	struct uid_set set = {0};
	uint32_t messages;
	char *text = NULL;

	if (strlen(a) <= max && strlen(b) <= max && uid_set_add_text(&set, a) &&
	    uid_set_add_text(&set, b) && (text = malloc(max + 1)) != NULL &&
	    uid_set_format(&set, 0, text, max + 1, &messages) < set.count) {
		free(text);
		text = NULL;
	}
	uid_set_free(&set);
	return text;
}
