/*
 * What the files of the dispatcher share: dispatcher.c decides which lane may
 * send how much and when, dispatch-job.c takes one notification from its row to
 * its end. Nobody else includes it.
 */
#ifndef FANTAIL_DISPATCHER_PRIVATE_H
#define FANTAIL_DISPATCHER_PRIVATE_H

#include "dispatcher.h"
#include "gateway-context.h"
#include "held-pushes.h"
#include "lane-health.h"
#include "pace.h"

struct lane {
	char *name;
	GHashTable *busy;   /* gint64 *id of each job: claimed, and not written down yet */
	guint in_flight;    /* of these: no outcome yet */
	gint64 answered_us; /* when the last outcome came */
	gboolean more;      /* the queue may have rows that are due */
	guint wakes;        /* counts dispatcher_wake: rows may have been merged into */
	gboolean in_ready;  /* in dispatcher->ready */
	GList ready_link;
	GSequenceIter *timer; /* in dispatcher->timers, or NULL */
	gint64 wake_us;
	struct lane_health health;
	gint64 alarmed_us; /* monotonic: a CONFIG_ERROR was said; 0 = never */
};

struct dispatcher {
	struct queue *queue;
	struct registry *registry;
	struct gateway_context *context;
	struct metrics *metrics;
	GPtrArray *hooks; /* struct webhook_device * of the context */
	struct pace *paces;
	struct held_pushes *held;

	GHashTable *lanes; /* lane->name to lane, owned */
	GQueue ready;      /* lanes that may send, in turn */
	GSequence *timers; /* sleeping lanes by wake_us */
	GSource *work;     /* serves the lanes */
	gboolean overflow; /* the queue has lanes for which there was no room */
	gint64 reload_us;  /* when these were looked for last */
	gboolean stopped;

	GQueue jobs; /* all of them, by job->link */
	guint in_flight;
	guint unrecorded;     /* outcomes that wait for the disk */
	gboolean disk_failed; /* it refused the last outcome */
	GQueue unwritten;     /* jobs whose outcome the disk refused */
	guint rewrite;        /* timer to try these again */
	GThreadPool *pool;
	guint threads;
	GPtrArray *to_prepare; /* jobs that go to the workers with dispatch_flush */
	GAsyncQueue *prepared;
	GSource *prepared_source;
	gint woken; /* atomic: prepared_source is going to run */
	gint quit;  /* atomic: workers do nothing more */
};

/* What is to be written down about a row. */
enum record {
	RECORD_FINISH, /* deleted, unless it was merged into */
	RECORD_RESCHEDULE,
	RECORD_DROP,
	RECORD_DEVICE_GONE, /* becomes RECORD_DROP_DEVICE if the device dies of it */
	RECORD_DROP_DEVICE,
};

struct job {
	struct dispatcher *dispatcher; /* NULL: it was freed, only the job is left */
	GList link;
	struct lane *lane; /* NULL: a test push */
	gint64 id;         /* row; key of lane->busy */
	guint32 revision;
	guint wakes; /* of the lane when it was claimed */
	struct notification *notification;
	struct device *device;
	const struct gateway *gateway;
	struct gateway_context *context;
	gboolean minimal;
	gint64 started_us;
	struct http_request *request; /* the next to go out */
	GError *error;
	struct job *next; /* to be prepared by the same worker */

	enum record record;
	gint64 device_id;
	char *endpoint, *detail; /* RECORD_DEVICE_GONE: what is gone, and who says so */
	gint64 due_us;
	guint attempts;

	dispatcher_test_done test_done;
	gpointer test_data;
};

/* --- dispatch-job.c -------------------------------------------------------- */

void dispatch_begin(struct dispatcher *dispatcher);
void dispatch_end(struct dispatcher *dispatcher);
/* Takes a claimed notification. dispatch_flush is to follow. */
void dispatch_start(struct dispatcher *dispatcher, struct lane *lane,
		    struct notification *notification, gint64 now_us);
/* Hands what was started to the workers, each its share: waking one costs as much as
 * a part of the work. */
void dispatch_flush(struct dispatcher *dispatcher);

/* --- dispatcher.c ---------------------------------------------------------- */

/* One of the lane's requests has its outcome; there is room for another. */
void lane_answered(struct dispatcher *dispatcher, struct lane *lane);
/* One of the lane's rows is not busy any more; due_us: when it falls due again, 0 if
 * it is gone. */
void lane_released(struct dispatcher *dispatcher, struct lane *lane, gint64 due_us);
/* The disk has caught up, or a request in flight has ended: serve whoever waits. */
void dispatcher_serve(struct dispatcher *dispatcher);

#endif
