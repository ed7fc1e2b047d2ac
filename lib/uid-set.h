/*
 * A set of message UIDs, and its text as an IMAP sequence-set.
 *
 * Sorted ranges in one array. UIDs come ascending in nearly every transaction,
 * so adding at the end is the fast path; elsewhere it is a binary search and a
 * memmove. Pure.
 */
#ifndef FANTAIL_UID_SET_H
#define FANTAIL_UID_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uid_range {
	uint32_t first, last; /* both belong to it; first <= last */
};

/* All zero is the empty set. */
struct uid_set {
	struct uid_range *ranges; /* ascending, never touching one another */
	size_t count, alloc;
};

void uid_set_free(struct uid_set *set);

/* 0 is no UID and is left out, as is first > last. False: out of memory, and
 * the set is as it was. */
bool uid_set_add(struct uid_set *set, uint32_t first, uint32_t last);
/* One that is not in the set is no error. False: out of memory (taking a UID out
 * of the middle of a range makes two), and the set is as it was. */
bool uid_set_remove(struct uid_set *set, uint32_t uid);

bool uid_set_contains(const struct uid_set *set, uint32_t uid);
bool uid_set_equal(const struct uid_set *a, const struct uid_set *b);
/* How many UIDs there are; UINT32_MAX if they do not fit. */
uint32_t uid_set_messages(const struct uid_set *set);

/* Writes ranges from number `start` on as "1:3,7" until there are no more or
 * the next would not fit `size` bytes with its NUL (22 hold any one range).
 * Returns the number of the range to go on with, and how many UIDs were
 * written. */
size_t uid_set_format(const struct uid_set *set, size_t start, char *text, size_t size,
		      uint32_t *messages_r);
#define UID_SET_RANGE_TEXT 22

/* Adds what `text` names, which must be valid (push_event_uids_valid); ranges may be
 * written either way round (RFC 3501). False: out of memory. */
bool uid_set_add_text(struct uid_set *set, const char *text);
/* 0 of the empty set. */
uint32_t uid_set_highest(const struct uid_set *set);

/* What is in either of two valid texts, in the shortest form ("8,1:3" and "4" give
 * "1:4,8"); to be freed. NULL if one of them or the result is longer than `max`
 * bytes, or memory ran out. */
char *uid_set_join(const char *a, const char *b, size_t max);

#endif
