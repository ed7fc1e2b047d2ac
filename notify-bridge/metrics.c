#include "metrics.h"
#include "metrics-server.h"

#include <math.h>
#include <string.h>

#include <json-glib/json-glib.h>

/* Distinct label values that one family keeps; what is over is counted as "other".
 * The callers have a dozen; this is for the day one of them passes on a text that
 * a stranger chose. */
#define SERIES_MAX 64

/* One counter of a family, told apart by up to two labels. */
struct series {
	char *labels[2];
	guint64 value;
};

/* Seconds. From a hint that finds its connection open to one that waited for a
 * phone company's bad evening. */
static const double bucket_bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
				       1,     2.5,    5,     10,   30,    60,   300, 900,  3600};
#define BUCKETS (G_N_ELEMENTS(bucket_bounds) + 1)

struct histogram {
	char *gateway;
	guint64 buckets[BUCKETS]; /* not cumulated; the last is +Inf */
	double sum;
};

struct metrics {
	/* In order of kind, then source: no search for the busiest counter. */
	guint64 events[PUSH_EVENT_KIND_COUNT][2];
	GArray *batches; /* struct series: source, result */
	GArray *sends;   /* gateway, outcome */
	GArray *dropped; /* reason */
	GArray *latency; /* struct histogram */
	GArray *first_byte;
	metrics_collect collect;
	gpointer collect_data;
	gint64 started_us;
	struct metrics_server *server;
};

static const char *const event_sources[] = {"socket", "spool"};

static void series_clear(gpointer data)
{
	struct series *series = data;

	g_free(series->labels[0]);
	g_free(series->labels[1]);
}

static void histogram_clear(gpointer data)
{
	struct histogram *histogram = data;

	g_free(histogram->gateway);
}

static GArray *array_new(gsize size, GDestroyNotify clear)
{
	GArray *array = g_array_new(FALSE, TRUE, (guint)size);

	g_array_set_clear_func(array, clear);
	return array;
}

struct metrics *metrics_new(void)
{
	struct metrics *metrics = g_new0(struct metrics, 1);

	metrics->batches = array_new(sizeof(struct series), series_clear);
	metrics->sends = array_new(sizeof(struct series), series_clear);
	metrics->dropped = array_new(sizeof(struct series), series_clear);
	metrics->latency = array_new(sizeof(struct histogram), histogram_clear);
	metrics->first_byte = array_new(sizeof(struct histogram), histogram_clear);
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

static struct series *find_series(GArray *family, const char *first, const char *second)
{
	for (guint i = 0; i < family->len; i++) {
		struct series *series = &g_array_index(family, struct series, i);

		if (strcmp(series->labels[0], first) == 0 &&
		    g_strcmp0(series->labels[1], second) == 0)
			return series;
	}
	return NULL;
}

static void count(GArray *family, const char *first, const char *second)
{
	struct series *series = find_series(family, first, second);

	if (series == NULL && family->len >= SERIES_MAX) {
		first = "other";
		second = second != NULL ? "other" : NULL;
		series = find_series(family, first, second);
	}
	if (series == NULL) {
		struct series added = {{g_strdup(first), g_strdup(second)}, 0};

		g_array_append_val(family, added);
		series = &g_array_index(family, struct series, family->len - 1);
	}
	series->value++;
}

void metrics_event_in(struct metrics *metrics, enum push_event_kind kind, const char *source)
{
	metrics->events[kind][strcmp(source, "spool") == 0 ? 1 : 0]++;
}

void metrics_batch(struct metrics *metrics, const char *source, const char *result)
{
	count(metrics->batches, source, result);
}

void metrics_send(struct metrics *metrics, const char *gateway, enum outcome_kind outcome)
{
	count(metrics->sends, gateway, outcome_name(outcome));
}

void metrics_dropped(struct metrics *metrics, const char *reason)
{
	count(metrics->dropped, reason, NULL);
}

static struct histogram *find_histogram(GArray *family, const char *gateway)
{
	for (guint i = 0; i < family->len; i++) {
		struct histogram *histogram = &g_array_index(family, struct histogram, i);

		if (strcmp(histogram->gateway, gateway) == 0)
			return histogram;
	}
	/* Names of gateways: rows of the table in gateway.c. */
	g_array_set_size(family, family->len + 1);
	struct histogram *added = &g_array_index(family, struct histogram, family->len - 1);
	added->gateway = g_strdup(gateway);
	return added;
}

static void observe(GArray *family, const char *gateway, gint64 us)
{
	struct histogram *histogram = find_histogram(family, gateway);
	double seconds = (double)us / G_USEC_PER_SEC;
	guint bucket = 0;

	while (bucket < G_N_ELEMENTS(bucket_bounds) && seconds > bucket_bounds[bucket])
		bucket++;
	histogram->buckets[bucket]++;
	histogram->sum += seconds;
}

void metrics_latency(struct metrics *metrics, const char *gateway, gint64 answer_us,
		     gint64 first_byte_us)
{
	/* A clock that was set back makes commits of the future. */
	if (answer_us >= 0)
		observe(metrics->latency, gateway, answer_us);
	if (first_byte_us >= 0)
		observe(metrics->first_byte, gateway, first_byte_us);
}

void metrics_set_collect(struct metrics *metrics, metrics_collect collect, gpointer data)
{
	metrics->collect = collect;
	metrics->collect_data = data;
}

/* --- OpenMetrics 1.0 text -------------------------------------------------- */

static void write_head(GString *text, const char *name, const char *type, const char *unit,
		       const char *help)
{
	g_string_append_printf(text, "# TYPE %s %s\n", name, type);
	if (unit != NULL)
		g_string_append_printf(text, "# UNIT %s %s\n", name, unit);
	g_string_append_printf(text, "# HELP %s %s\n", name, help);
}

/* Of numbers with the same value the spec wants one spelling: "1.0", "0.005". */
static void write_number(GString *text, double number)
{
	char digits[G_ASCII_DTOSTR_BUF_SIZE];

	if (isinf(number)) {
		g_string_append(text, "+Inf");
		return;
	}
	g_ascii_formatd(digits, sizeof(digits), "%.15g", number);
	g_string_append(text, digits);
	if (strpbrk(digits, ".e") == NULL)
		g_string_append(text, ".0");
}

/* Escapes a label's value: backslash, quote, line feed. */
static void write_label(GString *text, const char *name, const char *value)
{
	g_autofree char *valid = g_utf8_make_valid(value, -1);

	g_string_append_printf(text, "%s=\"", name);
	for (const char *p = valid; *p != '\0'; p++) {
		if (*p == '\\' || *p == '"')
			g_string_append_c(text, '\\');
		if (*p == '\n')
			g_string_append(text, "\\n");
		else
			g_string_append_c(text, *p);
	}
	g_string_append_c(text, '"');
}

static void write_family(GString *text, const char *name, const char *help, const char *first,
			 const char *second, const GArray *family)
{
	write_head(text, name, "counter", NULL, help);
	for (guint i = 0; i < family->len; i++) {
		const struct series *series = &g_array_index(family, struct series, i);

		g_string_append_printf(text, "%s_total{", name);
		write_label(text, first, series->labels[0]);
		if (second != NULL) {
			g_string_append_c(text, ',');
			write_label(text, second, series->labels[1]);
		}
		g_string_append_printf(text, "} %" G_GUINT64_FORMAT "\n", series->value);
	}
}

static void write_histograms(GString *text, const char *name, const char *help,
			     const GArray *family)
{
	write_head(text, name, "histogram", "seconds", help);
	for (guint i = 0; i < family->len; i++) {
		const struct histogram *histogram = &g_array_index(family, struct histogram, i);
		guint64 below = 0;

		for (guint bucket = 0; bucket < BUCKETS; bucket++) {
			below += histogram->buckets[bucket];
			g_string_append_printf(text, "%s_bucket{", name);
			write_label(text, "gateway", histogram->gateway);
			g_string_append(text, ",le=\"");
			write_number(text, bucket < G_N_ELEMENTS(bucket_bounds)
						   ? bucket_bounds[bucket]
						   : INFINITY);
			g_string_append_printf(text, "\"} %" G_GUINT64_FORMAT "\n", below);
		}
		g_string_append_printf(text, "%s_sum{", name);
		write_label(text, "gateway", histogram->gateway);
		g_string_append(text, "} ");
		write_number(text, histogram->sum);
		g_string_append_printf(text, "\n%s_count{", name);
		write_label(text, "gateway", histogram->gateway);
		g_string_append_printf(text, "} %" G_GUINT64_FORMAT "\n", below);
	}
}

static void write_gauge(GString *text, const char *name, const char *unit, const char *help,
			double value)
{
	write_head(text, name, "gauge", unit, help);
	g_string_append_printf(text, "%s ", name);
	write_number(text, value);
	g_string_append_c(text, '\n');
}

static void write_counters(GString *text, const struct metrics *metrics)
{
	write_head(text, "fantail_events", "counter", NULL,
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
	write_family(text, "fantail_batches", "Batches of events, by what was answered.", "source",
		     "result", metrics->batches);
	write_family(text, "fantail_sends", "Requests to gateways, by what came of them.",
		     "gateway", "outcome", metrics->sends);
	write_family(text, "fantail_dropped", "Notifications that were given up, by reason.",
		     "reason", NULL, metrics->dropped);
	write_histograms(text, "fantail_push_latency_seconds",
			 "From the commit in the mailbox to the gateway's answer.",
			 metrics->latency);
	write_histograms(text, "fantail_first_byte_seconds",
			 "From the commit in the mailbox to the request's first byte.",
			 metrics->first_byte);
}

static void write_gauges(GString *text, const struct metrics_gauges *gauges)
{
	write_gauge(text, "fantail_queue_depth", NULL, "Notifications that wait.",
		    (double)gauges->queue_depth);
	write_gauge(text, "fantail_queue_oldest_age_seconds", "seconds",
		    "Age of the oldest notification that waits.",
		    (double)gauges->queue_oldest_us / G_USEC_PER_SEC);
	write_gauge(text, "fantail_queue_size_bytes", "bytes", "Size of the database file.",
		    (double)gauges->queue_bytes);
	write_head(text, "fantail_devices", "gauge", NULL, "Registered devices, by state.");
	g_string_append_printf(text,
			       "fantail_devices{state=\"active\"} %" G_GUINT64_FORMAT "\n"
			       "fantail_devices{state=\"inactive\"} %" G_GUINT64_FORMAT "\n"
			       "fantail_devices{state=\"dead\"} %" G_GUINT64_FORMAT "\n",
			       gauges->devices_active, gauges->devices_inactive,
			       gauges->devices_dead);
	write_gauge(text, "fantail_in_flight", NULL, "Requests under way to gateways.",
		    gauges->in_flight);
	write_gauge(text, "fantail_connections", NULL, "Open connections to gateways.",
		    gauges->connections);
	write_gauge(text, "fantail_lanes", NULL, "Origins with notifications to send.",
		    gauges->lanes);
	write_gauge(text, "fantail_intake_connections", NULL, "Connections on the mail socket.",
		    gauges->intake_connections);
	write_gauge(text, "fantail_spool_files", NULL, "Spool files seen and not yet taken in.",
		    gauges->spool_files);
	if (gauges->tls_ca_expiry != 0)
		write_gauge(text, "fantail_tls_ca_expiry_timestamp_seconds", "seconds",
			    "When the first certificate of ca-file ends.",
			    (double)gauges->tls_ca_expiry);
	if (gauges->vapid_key_created != 0)
		write_gauge(text, "fantail_vapid_key_created_timestamp_seconds", "seconds",
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
	write_gauge(text, "process_start_time_seconds", "seconds", "When the bridge was started.",
		    (double)metrics->started_us / G_USEC_PER_SEC);
	write_head(text, "fantail_build", "info", NULL, "The version that runs.");
	g_string_append(text, "fantail_build_info{version=\"" FANTAIL_VERSION "\"} 1\n");
	g_string_append(text, "# EOF\n");
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
		const struct series *row = &g_array_index(family, struct series, i);

		if (row->labels[1] == NULL) {
			add_count(builder, row->labels[0], row->value);
			continue;
		}
		if (!g_hash_table_add(done, row->labels[0]))
			continue;
		json_builder_set_member_name(builder, row->labels[0]);
		json_builder_begin_object(builder);
		for (guint j = i; j < family->len; j++) {
			const struct series *same = &g_array_index(family, struct series, j);

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
	struct metrics_server *server = NULL;

	if (metrics->server != NULL &&
	    g_strcmp0(address, metrics_server_address(metrics->server)) == 0)
		return TRUE;
	if (address != NULL) {
		server = metrics_server_new(address, page, metrics, error);
		if (server == NULL)
			return FALSE;
	}
	metrics_server_free(&metrics->server);
	metrics->server = server;
	return TRUE;
}
