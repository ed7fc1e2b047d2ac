/*
 * Judges messages by the notification filters that devices attached to their mailbox: after
 * the commit, in the process that made it, with Dovecot's own search, so that a filter means
 * what SEARCH means and the bridge sees no mail.
 *
 * Nothing here fails a delivery. What cannot be judged counts as a match: a push too many is
 * better than one too few.
 */
#ifndef FANTAIL_EVENT_FILTER_H
#define FANTAIL_EVENT_FILTER_H

#include <stdint.h>

struct event;
struct mailbox;
struct event_filters;

/* None yet. `parent` gets the log lines. */
struct event_filters *event_filters_new(struct event *parent);
void event_filters_free(struct event_filters **filters);

/* One that the bridge named; `charset` may be NULL. What is over a limit makes that nothing
 * is judged. */
void event_filters_add(struct event_filters *filters, const char *name, const char *criteria,
		       const char *charset);
/* Are there any? */
bool event_filters_exist(const struct event_filters *filters);

/* The names of those that one of the messages `uids` of `box` (a sequence-set) matches, a
 * blank between, from the data stack; "" if none does. A filter that is no valid one is
 * among them, with an error in the log. NULL: could not be judged, or not within *usecs,
 * from which is taken what it took. */
const char *event_filters_judge(struct event_filters *filters, struct mailbox *box,
				const char *uids, uint64_t *usecs);

#endif
