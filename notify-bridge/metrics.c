#include "metrics.h"
#include "metrics-server.h"
#include "openmetrics.h"

#include <string.h>

#include <json-glib/json-glib.h>

struct metrics {
	/* In order of kind, then source: no search for the busiest counter. */
	guint64 events[PUSH_EVENT_KIND_COUNT][2];
	GArray *batches; /* struct openmetrics_series: source, result */
	GArray *sends;   /* gateway, outcome */
	GArray *dropped; /* reason */
	GArray *latency; /* by gateway */
	GArray *first_byte;
	metrics_collect collect;
	gpointer collect_data;
	gint64 started_us;
	struct metrics_server *server;
};

static const char *const event_sources[] = {"socket", "spool"};

struct metrics *metrics_new(void)
{
	struct metrics *metrics = g_new0(struct metrics, 1);

	metrics->batches = openmetrics_family_new();
	metrics->sends = openmetrics_family_new();
	metrics->dropped = openmetrics_family_new();
	metrics->latency = openmetrics_histograms_new();
	metrics->first_byte = openmetrics_histograms_new();
	metrics->started_us = g_get_real_time();
	return metrics;
}

void metrics_free(struct metrics **metrics)
{
	struct metrics *self = *metrics;

	if (self == NULL)
		return;
	*metrics = NULL;
	metrics_server_free(&self->server);
	g_array_unref(self->batches);
	g_array_unref(self->sends);
	g_array_unref(self->dropped);
	g_array_unref(self->latency);
	g_array_unref(self->first_byte);
	g_free(self);
}

void metrics_event_in(struct metrics *metrics, enum push_event_kind kind, const char *source)
{
	metrics->events[kind][strcmp(source, "spool") == 0 ? 1 : 0]++;
}

void metrics_batch(struct metrics *metrics, const char *source, const char *result)
{
	openmetrics_count(metrics->batches, source, result, 1);
}

void metrics_send(struct metrics *metrics, const char *gateway, enum outcome_kind outcome)
{
	openmetrics_count(metrics->sends, gateway, outcome_name(outcome), 1);
}

void metrics_dropped(struct metrics *metrics, const char *reason)
{
	openmetrics_count(metrics->dropped, reason, NULL, 1);
}

void metrics_latency(struct metrics *metrics, const char *gateway, gint64 answer_us,
		     gint64 first_byte_us)
{
	/* A clock that was set back makes commits of the future. */
	if (answer_us >= 0)
		openmetrics_observe(metrics->latency, gateway, answer_us);
	if (first_byte_us >= 0)
		openmetrics_observe(metrics->first_byte, gateway, first_byte_us);
}

void metrics_set_collect(struct metrics *metrics, metrics_collect collect, gpointer data)
{
	metrics->collect = collect;
	metrics->collect_data = data;
}

/* --- OpenMetrics 1.0 text -------------------------------------------------- */

static void write_counters(GString *text, const struct metrics *metrics)
{
	openmetrics_head(
		text, "fantail_events", "counter", NULL,
		"Events taken in, by name (RFC 5423's and DataChange) and by the road they came.");
	for (int kind = 0; kind < PUSH_EVENT_KIND_COUNT; kind++) {
		for (guint source = 0; source < G_N_ELEMENTS(event_sources); source++) {
			g_string_append_printf(
				text,
				"fantail_events_total{kind=\"%s\",source=\"%s\"} %" G_GUINT64_FORMAT
				"\n",
				push_event_kind_name((enum push_event_kind)kind),
				event_sources[source], metrics->events[kind][source]);
		}
	}
	openmetrics_family(text, "fantail_batches", "Batches of events, by what was answered.",
			   "source", "result", metrics->batches);
	openmetrics_family(text, "fantail_sends", "Requests to gateways, by what came of them.",
			   "gateway", "outcome", metrics->sends);
	openmetrics_family(text, "fantail_dropped", "Notifications that were given up, by reason.",
			   "reason", NULL, metrics->dropped);
	openmetrics_histograms(text, "fantail_push_latency_seconds",
			       "From the commit in the mailbox to the gateway's answer.", "gateway",
			       metrics->latency);
	openmetrics_histograms(text, "fantail_first_byte_seconds",
			       "From the commit in the mailbox to the request's first byte.",
			       "gateway", metrics->first_byte);
}

static void write_gauges(GString *text, const struct metrics_gauges *gauges)
{
	openmetrics_gauge(text, "fantail_queue_depth", NULL, "Notifications that wait.",
			  (double)gauges->queue_depth);
	openmetrics_gauge(text, "fantail_queue_oldest_age_seconds", "seconds",
			  "Age of the oldest notification that waits.",
			  (double)gauges->queue_oldest_us / G_USEC_PER_SEC);
	openmetrics_gauge(text, "fantail_queue_size_bytes", "bytes", "Size of the database file.",
			  (double)gauges->queue_bytes);
	openmetrics_head(text, "fantail_devices", "gauge", NULL, "Registered devices, by state.");
	g_string_append_printf(text,
			       "fantail_devices{state=\"active\"} %" G_GUINT64_FORMAT "\n"
			       "fantail_devices{state=\"inactive\"} %" G_GUINT64_FORMAT "\n"
			       "fantail_devices{state=\"dead\"} %" G_GUINT64_FORMAT "\n"
			       "fantail_devices{state=\"locked\"} %" G_GUINT64_FORMAT "\n",
			       gauges->devices_active, gauges->devices_inactive,
			       gauges->devices_dead, gauges->devices_locked);
	openmetrics_gauge(text, "fantail_in_flight", NULL, "Requests under way to gateways.",
			  gauges->in_flight);
	openmetrics_gauge(text, "fantail_connections", NULL, "Open connections to gateways.",
			  gauges->connections);
	openmetrics_gauge(text, "fantail_lanes", NULL, "Origins with notifications to send.",
			  gauges->lanes);
	openmetrics_gauge(text, "fantail_intake_connections", NULL,
			  "Connections on the mail socket.", gauges->intake_connections);
	openmetrics_gauge(text, "fantail_spool_files", NULL,
			  "Spool files seen and not yet taken in.", gauges->spool_files);
	if (gauges->tls_ca_expiry != 0)
		openmetrics_gauge(text, "fantail_tls_ca_expiry_timestamp_seconds", "seconds",
				  "When the first certificate of ca-file ends.",
				  (double)gauges->tls_ca_expiry);
	if (gauges->vapid_key_created != 0)
		openmetrics_gauge(
			text, "fantail_vapid_key_created_timestamp_seconds", "seconds",
			"When the VAPID key file was written; the key itself does not end.",
			(double)gauges->vapid_key_created);
}

GString *metrics_text(struct metrics *metrics)
{
	GString *text = g_string_sized_new(8192);
	struct metrics_gauges gauges = {0};

	write_counters(text, metrics);
	if (metrics->collect != NULL) {
		metrics->collect(&gauges, metrics->collect_data);
		write_gauges(text, &gauges);
	}
	openmetrics_end(text, metrics->started_us, "bridge", "fantail_build");
	return text;
}

/* --- for fantailctl -------------------------------------------------------- */

static void add_count(JsonBuilder *builder, const char *name, guint64 value)
{
	json_builder_set_member_name(builder, name);
	json_builder_add_int_value(builder, (gint64)value);
}

/* {"first": {"second": n}}; rows of one `first` need not be neighbours. */
static void add_family(JsonBuilder *builder, const char *name, const GArray *family)
{
	g_autoptr(GHashTable) done = g_hash_table_new(g_str_hash, g_str_equal);

	json_builder_set_member_name(builder, name);
	json_builder_begin_object(builder);
	for (guint i = 0; i < family->len; i++) {
		const struct openmetrics_series *row =
			&g_array_index(family, struct openmetrics_series, i);

		if (row->labels[1] == NULL) {
			add_count(builder, row->labels[0], row->value);
			continue;
		}
		if (!g_hash_table_add(done, row->labels[0]))
			continue;
		json_builder_set_member_name(builder, row->labels[0]);
		json_builder_begin_object(builder);
		for (guint j = i; j < family->len; j++) {
			const struct openmetrics_series *same =
				&g_array_index(family, struct openmetrics_series, j);

			if (strcmp(same->labels[0], row->labels[0]) == 0)
				add_count(builder, same->labels[1], same->value);
		}
		json_builder_end_object(builder);
	}
	json_builder_end_object(builder);
}

void metrics_json(struct metrics *metrics, JsonBuilder *builder)
{
	json_builder_set_member_name(builder, "events");
	json_builder_begin_object(builder);
	for (int kind = 0; kind < PUSH_EVENT_KIND_COUNT; kind++)
		add_count(builder, push_event_kind_name((enum push_event_kind)kind),
			  metrics->events[kind][0] + metrics->events[kind][1]);
	json_builder_end_object(builder);
	add_family(builder, "batches", metrics->batches);
	add_family(builder, "sends", metrics->sends);
	add_family(builder, "dropped", metrics->dropped);
}

/* --- HTTP ------------------------------------------------------------------ */

static GString *page(gpointer data)
{
	return metrics_text(data);
}

gboolean metrics_listen(struct metrics *metrics, const char *address, GError **error)
{
	return metrics_server_move(&metrics->server, address, page, metrics, error);
}
