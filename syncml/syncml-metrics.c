#include "syncml-metrics.h"

#include "metrics-server.h"
#include "openmetrics.h"

struct syncml_metrics {
	GArray *messages; /* by HTTP status */
	GArray *logins;   /* by scheme, result */
	GArray *duration; /* by encoding */
	guint64 bytes_in, bytes_out;
	guint64 begun, ended[SML_END_SUSPENDED + 1];
	guint64 in[PIM_COLLECTIONS][SML_KINDS], out[PIM_COLLECTIONS][SML_KINDS];
	guint64 conflicts, guarded;
	guint64 refused[SYNCML_REFUSALS];
	guint64 store_errors[PIM_STORE_ERROR_FAILED + 1];
	guint64 sweeps, failed_sweeps;
	guint64 swept[4];
	syncml_metrics_collect *collect;
	gpointer collect_data;
	gint64 started_us;
	struct metrics_server *server;
};

/* Names of numbers: what there is is written, at 0 as well, so that a rate can be taken of it. */
static const char *const ends[] = {NULL, "ok", "failed", "suspended"};
static const char *const kinds[] = {"added", "replaced", "deleted"};
static const char *const refusals[] = {"messages", "logins", "sessions", "plain"};
static const char *const store_errors[] = {
	[PIM_STORE_ERROR_FULL] = "full",
	[PIM_STORE_ERROR_BUSY] = "busy",
	[PIM_STORE_ERROR_CORRUPT] = "corrupt",
	[PIM_STORE_ERROR_FAILED] = "failed",
};
static const char *const swept_kinds[] = {"versions", "deletions", "devices", "sessions"};

G_STATIC_ASSERT(G_N_ELEMENTS(kinds) == SML_KINDS);
G_STATIC_ASSERT(G_N_ELEMENTS(refusals) == SYNCML_REFUSALS);

struct syncml_metrics *syncml_metrics_new(void)
{
	struct syncml_metrics *metrics = g_new0(struct syncml_metrics, 1);

	metrics->messages = openmetrics_family_new();
	metrics->logins = openmetrics_family_new();
	metrics->duration = openmetrics_histograms_new();
	metrics->started_us = g_get_real_time();
	return metrics;
}

void syncml_metrics_free(struct syncml_metrics **metrics)
{
	struct syncml_metrics *self = *metrics;

	if (self == NULL)
		return;
	*metrics = NULL;
	metrics_server_free(&self->server);
	g_array_unref(self->messages);
	g_array_unref(self->logins);
	g_array_unref(self->duration);
	g_free(self);
}

/* --- counting ---------------------------------------------------------------------------- */

static void add_tally(struct syncml_metrics *metrics, const struct sml_tally *tally)
{
	metrics->begun += tally->begun;
	metrics->ended[tally->end]++;
	for (guint collection = 0; collection < PIM_COLLECTIONS; collection++) {
		for (guint kind = 0; kind < SML_KINDS; kind++) {
			metrics->in[collection][kind] += tally->in[collection][kind];
			metrics->out[collection][kind] += tally->out[collection][kind];
		}
	}
	metrics->conflicts += tally->conflicts;
	metrics->guarded += tally->guarded;
}

void syncml_metrics_message(struct syncml_metrics *metrics, guint http_status, gsize bytes_in,
			    gint64 us, const struct sml_answer *answer)
{
	char status[16];

	g_snprintf(status, sizeof(status), "%u", http_status);
	openmetrics_count(metrics->messages, status, NULL, 1);
	metrics->bytes_in += bytes_in;
	if (answer == NULL)
		return;
	openmetrics_observe(metrics->duration, answer->encoding == SML_WBXML ? "wbxml" : "xml", us);
	if (answer->body != NULL)
		metrics->bytes_out += g_bytes_get_size(answer->body);
	if (answer->store_error >= 0)
		metrics->store_errors[answer->store_error]++;
	/* One that comes with every message is looked at once. */
	if (answer->digest && (answer->tally.logged_in || answer->login_failed))
		openmetrics_count(metrics->logins, "digest",
				  answer->tally.logged_in ? "ok" : "wrong", 1);
	add_tally(metrics, &answer->tally);
}

void syncml_metrics_login(struct syncml_metrics *metrics, enum sml_verdict verdict)
{
	static const char *const results[] = {
		[SML_VERDICT_NONE] = "none",           [SML_VERDICT_OK] = "ok",
		[SML_VERDICT_WRONG] = "wrong",         [SML_VERDICT_FORBIDDEN] = "forbidden",
		[SML_VERDICT_TEMPORARY] = "temporary",
	};

	openmetrics_count(metrics->logins, "basic", results[verdict], 1);
}

void syncml_metrics_refused(struct syncml_metrics *metrics, enum syncml_refusal why)
{
	metrics->refused[why]++;
}

void syncml_metrics_swept(struct syncml_metrics *metrics, const struct pim_swept *swept)
{
	metrics->sweeps += swept != NULL;
	metrics->failed_sweeps += swept == NULL;
	if (swept == NULL)
		return;
	metrics->swept[0] += swept->versions;
	metrics->swept[1] += swept->deletions;
	metrics->swept[2] += swept->devices;
	metrics->swept[3] += swept->sessions;
}

void syncml_metrics_set_collect(struct syncml_metrics *metrics, syncml_metrics_collect *collect,
				gpointer data)
{
	metrics->collect = collect;
	metrics->collect_data = data;
}

/* --- text --------------------------------------------------------------------------------- */

/* Names that are NULL have no counter. */
static void write_table(GString *text, const char *name, const char *help, const char *label,
			const char *const *names, const guint64 *values, guint count)
{
	openmetrics_head(text, name, "counter", NULL, help);
	for (guint i = 0; i < count; i++) {
		if (names[i] != NULL)
			g_string_append_printf(text, "%s_total{%s=\"%s\"} %" G_GUINT64_FORMAT "\n",
					       name, label, names[i], values[i]);
	}
}

static void write_changes(GString *text, const char *name, const char *help,
			  const guint64 changes[PIM_COLLECTIONS][SML_KINDS])
{
	openmetrics_head(text, name, "counter", NULL, help);
	for (guint collection = 0; collection < PIM_COLLECTIONS; collection++) {
		for (guint kind = 0; kind < SML_KINDS; kind++)
			g_string_append_printf(
				text,
				"%s_total{collection=\"%s\",kind=\"%s\"} %" G_GUINT64_FORMAT "\n",
				name, pim_collection_name(collection), kinds[kind],
				changes[collection][kind]);
	}
}

static void write_counters(GString *text, const struct syncml_metrics *metrics)
{
	openmetrics_family(text, "fantail_syncml_messages",
			   "Messages of phones, by the HTTP status that answered them.", "status",
			   NULL, metrics->messages);
	openmetrics_histograms(text, "fantail_syncml_message_seconds",
			       "From a whole request to its answer.", "encoding",
			       metrics->duration);
	openmetrics_counter(text, "fantail_syncml_received_bytes", "bytes",
			    "Messages of phones, unpacked.", metrics->bytes_in);
	openmetrics_counter(text, "fantail_syncml_sent_bytes", "bytes",
			    "Answers, before they are packed.", metrics->bytes_out);
	openmetrics_counter(text, "fantail_syncml_sessions_begun", NULL,
			    "Sessions of phones that have logged in.", metrics->begun);
	write_table(text, "fantail_syncml_sessions_ended", "Sessions that came to an end, by how.",
		    "result", ends, metrics->ended, G_N_ELEMENTS(ends));
	write_changes(text, "fantail_syncml_changes_received",
		      "Changes of items that phones have made.", metrics->in);
	write_changes(text, "fantail_syncml_changes_sent", "Changes of items sent to phones.",
		      metrics->out);
	openmetrics_counter(text, "fantail_syncml_conflicts", NULL,
			    "Items that both sides had changed.", metrics->conflicts);
	openmetrics_counter(text, "fantail_syncml_guarded", NULL,
			    "Databases of which a phone wanted too much deleted.",
			    metrics->guarded);
	openmetrics_family(text, "fantail_syncml_logins", "Passwords and digests, by the verdict.",
			   "scheme", "result", metrics->logins);
	write_table(text, "fantail_syncml_refused", "What was turned away by a limit.", "limit",
		    refusals, metrics->refused, G_N_ELEMENTS(refusals));
	write_table(text, "fantail_syncml_store_errors",
		    "Messages that failed on the user's file, by why.", "error", store_errors,
		    metrics->store_errors, G_N_ELEMENTS(store_errors));
	openmetrics_counter(text, "fantail_syncml_sweeps", NULL, "Users who were swept.",
			    metrics->sweeps);
	openmetrics_counter(text, "fantail_syncml_sweeps_failed", NULL,
			    "Users who could not be swept.", metrics->failed_sweeps);
	write_table(text, "fantail_syncml_swept", "What was swept as old.", "kind", swept_kinds,
		    metrics->swept, G_N_ELEMENTS(swept_kinds));
}

GString *syncml_metrics_text(const struct syncml_metrics *metrics)
{
	GString *text = g_string_sized_new(8192);
	struct syncml_gauges gauges = {0};

	write_counters(text, metrics);
	if (metrics->collect != NULL) {
		metrics->collect(&gauges, metrics->collect_data);
		openmetrics_counter(text, "fantail_syncml_requests_too_large", NULL,
				    "Requests whose body was too large, or one too many.",
				    gauges.too_large);
		openmetrics_counter(text, "fantail_syncml_requests_too_slow", NULL,
				    "Requests that did not come to an end.", gauges.too_slow);
		openmetrics_gauge(text, "fantail_syncml_messages_pending", NULL,
				  "Messages that are worked on or wait for it.", gauges.messages);
		openmetrics_gauge(text, "fantail_syncml_connections", NULL,
				  "Connections of phones, or of the proxy for them.",
				  gauges.connections);
	}
	openmetrics_end(text, metrics->started_us, "daemon", "fantail_syncml_build");
	return text;
}

static GString *page(gpointer data)
{
	return syncml_metrics_text(data);
}

gboolean syncml_metrics_listen(struct syncml_metrics *metrics, const char *address, GError **error)
{
	return metrics_server_move(&metrics->server, address, page, metrics, error);
}
