/*
 * Pushes that would have been sent if their gateway had a sender: the last ones of each
 * device, so that an operator sees what a registration causes. In memory and bounded: the
 * newest LIMIT_HELD_PER_DEVICE of a device, of the LIMIT_HELD_DEVICES devices that had one
 * last, none older than LIMIT_HELD_SECS. Time is an argument. Main thread only.
 */
#ifndef FANTAIL_HELD_PUSHES_H
#define FANTAIL_HELD_PUSHES_H

#include "device.h"
#include "http-client.h"
#include "notification.h"

struct held_push {
	gint64 time_us; /* when it would have been sent */
	gint64 device;  /* struct device, id */
	char *user, *device_name, *gateway;
	struct http_request *request; /* its URL may hold a secret of the device's */
	/* Why: */
	push_event_kinds kinds;
	guint32 messages;
	gint64 first_us; /* when the oldest event was */
	char *mailbox;   /* of the newest; NULL = of none, a test */
};

struct held_pushes;

struct held_pushes *held_pushes_new(void);
/* Clears the pointer; NULL is fine. */
void held_pushes_free(struct held_pushes **held);

/* Takes the request. */
void held_pushes_add(struct held_pushes *held, const struct device *device,
		     const struct notification *notification, struct http_request *request,
		     gint64 now_us);
/* Those of a user (NULL = of all), the newest first. Array of const struct held_push *,
 * borrowed until the next call of held_pushes_add; never NULL. */
GPtrArray *held_pushes_list(struct held_pushes *held, const char *user, gint64 now_us);

#endif
