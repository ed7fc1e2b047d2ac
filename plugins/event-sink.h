/*
 * The road of one transaction's events: to the bridge within the deadline, else
 * into the spool. Whatever happens, the caller's work has succeeded already and
 * goes on; nothing here returns an error.
 */
#ifndef FANTAIL_EVENT_SINK_H
#define FANTAIL_EVENT_SINK_H

#include "push-event.h"

struct event;
struct fantail_settings;

enum event_want {
	EVENT_WANT_NONE,    /* nobody is registered for the user */
	EVENT_WANT_HINT,    /* events without content; also if nobody answered */
	EVENT_WANT_CONTENT, /* with content */
};

struct event_sink;

/* Cheap: nothing is opened yet. `parent` gets the log lines; user and settings
 * are borrowed. */
struct event_sink *event_sink_new(struct event *parent, const char *user,
				  const struct fantail_settings *settings);

/* Asks the bridge what would be of use in `mailbox`. Once per sink; counts against the
 * deadline. `filter` is called for each filter that devices attached there; once more with
 * NULLs if they were not all. */
typedef void event_sink_filter(const char *name, const char *criteria, const char *charset,
			       void *context);
enum event_want event_sink_ask(struct event_sink *sink, const char *mailbox,
			       event_sink_filter *filter, void *context);
/* What is left of the deadline, in microseconds; and takes from it what was spent on
 * something else. */
uint64_t event_sink_time_left(struct event_sink *sink);
void event_sink_spend(struct event_sink *sink, uint64_t usecs);

/* Takes one event. When a batch is full (LIMIT_BATCH_EVENTS, LIMIT_BATCH_BYTES)
 * it is handed over there and then. */
void event_sink_add(struct event_sink *sink, const struct push_event *event);

/* An event that could not even be put together: counted, and said once a minute. */
void event_sink_lost(struct event_sink *sink, const char *reason);

/* Hands over what was added since, if anything, and frees the sink. */
void event_sink_finish(struct event_sink **sink);

#endif
