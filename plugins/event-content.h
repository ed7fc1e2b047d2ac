/*
 * What a device that asked for content is shown of a new message: who, what
 * about, when, and how it begins. Read from the message just saved, through
 * lib-storage's own parsers.
 */
#ifndef FANTAIL_EVENT_CONTENT_H
#define FANTAIL_EVENT_CONTENT_H

#include "push-event.h"

struct mail;

/* All optional, clean UTF-8 without control characters, cut to the limits of
 * lib/limits.h at a character. */
struct event_content {
	const char *from_name;
	const char *from_address;
	const char *subject;
	const char *date; /* RFC 3339, in the sender's time zone */
	const char *message_id;
	const char *keywords;
	const char *preview;
};

/* Reads what can be read of `mail`; what cannot is left NULL, and the storage's
 * last error is as it was: a saved mail must not fail over its preview. */
void event_content_read(struct mail *mail, pool_t pool, struct event_content *content_r);

/* Lends the strings to `event`. */
void event_content_apply(const struct event_content *content, struct push_event *event);

#endif
