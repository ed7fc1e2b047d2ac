/*
 * A bounded conversation with the bridge: connect, greet, one request and its
 * answer at a time, never longer in all than the time given at the start.
 *
 * It blocks its caller, who is a mail delivery (or a thread of a daemon); so each wait is a poll()
 * with what is left of the time on the monotonic clock, and nothing here needs or touches an
 * ioloop. libc and lib/ only.
 */
#ifndef FANTAIL_BRIDGE_CLIENT_H
#define FANTAIL_BRIDGE_CLIENT_H

#include "tabline.h"
#include "limits.h"

#include <sys/uio.h>

enum bridge_result {
	BRIDGE_OK = 0,
	BRIDGE_NO,      /* it answered NO: `code` says why */
	BRIDGE_ABSENT,  /* nobody listens there; this cost no time */
	BRIDGE_TIMEOUT, /* the time is up */
	BRIDGE_BROKEN,  /* no access, closed, or not our protocol */
};

/* The final line of an answer. Valid until the next exchange. */
struct bridge_answer {
	const char *code; /* BRIDGE_NO: the word of docs/wire-protocols.md, else NULL */
	const char *text; /* BRIDGE_NO: for people, may be NULL */
	struct tabline_field fields[LIMIT_LINE_FIELDS]; /* those after the id */
	size_t count;
};

struct bridge_client;

/* Connects to nothing yet. `msecs` is for all exchanges together, and only time
 * spent inside them counts. NULL: out of memory. */
struct bridge_client *bridge_client_new(const char *socket_path, unsigned msecs);
void bridge_client_free(struct bridge_client **client);

/* The id to put into the next request. */
uint64_t bridge_client_next_id(struct bridge_client *client);

/* Who is told of ITEM lines of the exchanges that follow: their fields after the id, valid
 * for the call. NULL: nobody, they are skipped. */
typedef void bridge_client_item(const struct tabline_field *fields, size_t count, void *context);
void bridge_client_set_item(struct bridge_client *client, bridge_client_item *item, void *context);

/* Sends a request, complete with LF and whatever lines follow it, and waits for
 * the final line that repeats `id`; answers to other ids are
 * skipped. Connects first if there is no connection. After anything but OK and
 * NO the connection is gone, and after NO with `code` bad or version too. */
enum bridge_result bridge_client_exchange(struct bridge_client *client, uint64_t id,
					  const struct iovec *request, size_t request_count,
					  struct bridge_answer *answer_r);

/* Why the last exchange did not end in OK, one line for a log. Never NULL. */
const char *bridge_client_error(const struct bridge_client *client);
/* Microseconds that exchanges may still take. */
uint64_t bridge_client_time_left(const struct bridge_client *client);
/* Takes off what the caller spent on something else within the same deadline. */
void bridge_client_spend(struct bridge_client *client, uint64_t usecs);

#endif
