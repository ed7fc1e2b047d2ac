/*
 * The dispatcher: takes due notifications from the queue and gives them to their
 * gateways, lane by lane, and acts on the outcomes. Lanes are origins: what is
 * in flight per lane and in all is bounded, so that a stalled origin holds
 * nobody but itself.
 */
#ifndef FANTAIL_DISPATCHER_H
#define FANTAIL_DISPATCHER_H

#include "gateway.h"
#include "held-pushes.h"
#include "metrics.h"
#include "queue.h"
#include "registry.h"

struct dispatcher;

/* All but `context`, which is referred to, are borrowed and outlive the dispatcher. */
struct dispatcher *dispatcher_new(struct queue *queue, struct registry *registry,
				  struct gateway_context *context, struct metrics *metrics);
/* Loads the waiting lanes and begins. */
void dispatcher_start(struct dispatcher *dispatcher);
/* New work in a lane, due at due_us. */
void dispatcher_wake(struct dispatcher *dispatcher, const char *lane, gint64 due_us);
/* After flush: looks at all lanes again, also at those that are left alone. */
void dispatcher_wake_all(struct dispatcher *dispatcher);
/* New config: requests under way finish with the old one. */
void dispatcher_set_context(struct dispatcher *dispatcher, struct gateway_context *context);
/* Sends one push outside the queue and reports, also if the dispatcher is freed
 * before the answer came. `outcome` is borrowed. */
typedef void (*dispatcher_test_done)(const struct device *device, const struct outcome *outcome,
				     gpointer data);
void dispatcher_test(struct dispatcher *dispatcher, const struct device *device,
		     const struct notification *notification, dispatcher_test_done done,
		     gpointer data);

/* Pushes of gateways that have no sender. Borrowed. */
struct held_pushes *dispatcher_held(struct dispatcher *dispatcher);

struct dispatcher_lane_info {
	const char *lane; /* borrowed until the main loop runs */
	guint in_flight;
	gint64 held_until_us; /* 0 = not held */
};
/* For status: lanes with work, at most `limit` rows. */
void dispatcher_lanes(const struct dispatcher *dispatcher, GArray *rows, guint limit);
guint dispatcher_in_flight(const struct dispatcher *dispatcher);
/* Outcomes that are not on disk yet. */
guint dispatcher_unrecorded(const struct dispatcher *dispatcher);

/* Nothing more is sent; outcomes of what is in flight are still written down. */
void dispatcher_stop(struct dispatcher *dispatcher);
/* Waits for nothing: what is in flight stays queued. Clears the pointer. */
void dispatcher_free(struct dispatcher **dispatcher);

#endif
