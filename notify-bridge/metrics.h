/*
 * Counters, gauges and one histogram, as OpenMetrics text over HTTP on a
 * loopback port or a Unix socket. Main thread only.
 */
#ifndef FANTAIL_METRICS_H
#define FANTAIL_METRICS_H

#include <gio/gio.h>

#include "gateway.h"
#include "push-event.h"

struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics **metrics);

/* Counters. `source`: "socket" or "spool". */
void metrics_event_in(struct metrics *metrics, enum push_event_kind kind, const char *source);
void metrics_batch(struct metrics *metrics, const char *source, const char *result);
void metrics_send(struct metrics *metrics, const char *gateway, enum outcome_kind outcome);
void metrics_dropped(struct metrics *metrics, const char *reason);
/* Event commit to gateway's answer, and to the request's first byte, microseconds. */
void metrics_latency(struct metrics *metrics, const char *gateway, gint64 answer_us,
		     gint64 first_byte_us);

/* Gauges are asked for when somebody scrapes. */
struct metrics_gauges {
	guint64 queue_depth;
	gint64 queue_oldest_us; /* age */
	guint64 queue_bytes;
	guint64 devices_active, devices_inactive, devices_dead, devices_locked;
	guint in_flight, connections, lanes, intake_connections, spool_files;
	gint64 tls_ca_expiry; /* unix seconds; 0 = not known */
	gint64 vapid_key_created;
};
typedef void (*metrics_collect)(struct metrics_gauges *gauges_r, gpointer data);
void metrics_set_collect(struct metrics *metrics, metrics_collect collect, gpointer data);

/* The exposition, ends with "# EOF\n". */
GString *metrics_text(struct metrics *metrics);
/* Adds the counters' values as members of a JSON object for `fantailctl status`. */
struct _JsonBuilder;
void metrics_json(struct metrics *metrics, struct _JsonBuilder *builder);

/* Serves /metrics at `address` (bridge-config.h, metrics); NULL stops. */
gboolean metrics_listen(struct metrics *metrics, const char *address, GError **error);

#endif
