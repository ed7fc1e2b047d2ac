/*
 * Sends what it is told to through the bridge's HTTP client and prints what came
 * of it, one JSON object per line; the last one sums up. For
 * http_client_test.py and for measurements.
 *
 *   http-client-driver [OPTION...] [COUNT*]URL...
 */
#include "http-client.h"
#include "scripted-resolver.h"
#include "url-guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static char *ca_file, *resolve;
static char **allow, **urls;
static int timeout_secs = 5, per_origin = 32, parallel = 512, in_flight = 100000, body_size = 300;
static int linger_ms;
static gboolean quiet;

static const GOptionEntry options[] = {
	{"ca", 0, 0, G_OPTION_ARG_FILENAME, &ca_file, "trust this CA too", "FILE"},
	{"allow", 0, 0, G_OPTION_ARG_STRING_ARRAY, &allow, "as allowed-endpoints", "ENTRY"},
	{"resolve", 0, 0, G_OPTION_ARG_STRING, &resolve, "answers of the DNS", "A B/C"},
	{"timeout", 0, 0, G_OPTION_ARG_INT, &timeout_secs, "per request", "SECONDS"},
	{"per-origin", 0, 0, G_OPTION_ARG_INT, &per_origin, "parallel per origin", "N"},
	{"parallel", 0, 0, G_OPTION_ARG_INT, &parallel, "parallel in all", "N"},
	{"in-flight", 0, 0, G_OPTION_ARG_INT, &in_flight, "handed to the client at a time", "N"},
	{"body-size", 0, 0, G_OPTION_ARG_INT, &body_size, "of requests", "BYTES"},
	{"linger", 0, 0, G_OPTION_ARG_INT, &linger_ms, "wait before the end", "MS"},
	{"quiet", 0, 0, G_OPTION_ARG_NONE, &quiet, "the summary only", NULL},
	{G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &urls, NULL, "URL"},
	G_OPTION_ENTRY_NULL,
};

static const char *const error_names[] = {
	"refused", "resolve",  "connect",  "tls",       "timeout",
	"lost",    "not-sent", "protocol", "cancelled",
};

struct run {
	GMainLoop *loop;
	struct http_client *client;
	GBytes *body;
	GPtrArray *queue; /* URLs, in order */
	guint next, done, answered;
	gboolean sending;
	gint64 latest_us;
};

struct job {
	struct run *run;
	guint number;
	gint64 start_us;
};

static void start_some(struct run *run);

static void on_done(const struct http_reply *reply, const GError *error, gint64 first_byte_us,
		    gpointer data)
{
	struct job *job = data;
	struct run *run = job->run;

	/* The contract: never from inside http_client_send. */
	if (run->sending)
		g_error("called back from inside http_client_send");
	run->latest_us = g_get_monotonic_time();
	run->answered += reply != NULL;
	if (!quiet) {
		const char *location = reply != NULL ? http_reply_header(reply, "location") : NULL;
		const char *retry = reply != NULL ? http_reply_header(reply, "retry-after") : NULL;

		g_autofree char *text = g_strescape(error != NULL ? error->message : "", NULL);

		printf("{\"n\": %u, \"url\": \"%s\", \"status\": %u, \"error\": \"%s\", "
		       "\"http2\": %s, \"body\": %zu, \"location\": \"%s\", \"retry_after\": "
		       "\"%s\", \"ms\": %.1f, \"sent\": %s, \"text\": \"%s\"}\n",
		       job->number, (char *)run->queue->pdata[job->number],
		       reply != NULL ? reply->status : 0,
		       error != NULL ? error_names[error->code] : "",
		       reply != NULL && reply->http2 ? "true" : "false",
		       reply != NULL ? g_bytes_get_size(reply->body) : 0,
		       location != NULL ? location : "", retry != NULL ? retry : "",
		       (double)(run->latest_us - job->start_us) / 1000,
		       first_byte_us != 0 ? "true" : "false", text);
	}
	g_free(job);
	if (++run->done == run->queue->len)
		g_main_loop_quit(run->loop);
	else
		start_some(run);
}

static void start_some(struct run *run)
{
	while (run->next < run->queue->len && run->next - run->done < (guint)in_flight) {
		struct http_request *request =
			http_request_new(run->queue->pdata[run->next], run->body);
		struct job *job = g_new(struct job, 1);

		*job = (struct job){run, run->next++, g_get_monotonic_time()};
		http_request_add_header(request, "ttl", "60");
		http_request_add_header(request, "content-encoding", "aes128gcm");
		http_request_add_header(request, "content-type", "application/octet-stream");
		run->sending = TRUE;
		http_client_send(run->client, request, NULL, on_done, job);
		run->sending = FALSE;
	}
}

static void queue_url(struct run *run, const char *text)
{
	char *end;
	guint64 count = g_ascii_strtoull(text, &end, 10);

	if (end == text || *end != '*') {
		g_ptr_array_add(run->queue, g_strdup(text));
		return;
	}
	while (count-- > 0)
		g_ptr_array_add(run->queue, g_strdup(end + 1));
}

static gboolean stop(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_REMOVE;
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	struct run run = {.loop = g_main_loop_new(NULL, FALSE)};

	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) || urls == NULL) {
		fprintf(stderr, "%s\n", error != NULL ? error->message : "no URL");
		return EXIT_FAILURE;
	}
	struct url_guard *guard = url_guard_new((const char *const *)allow, &error);
	if (guard == NULL) {
		fprintf(stderr, "%s\n", error->message);
		return EXIT_FAILURE;
	}
	g_autoptr(GResolver) resolver = NULL;
	if (resolve != NULL) {
		resolver = scripted_resolver_new(resolve);
		g_resolver_set_default(resolver);
	}
	struct http_client_settings settings = {ca_file, (guint)timeout_secs, (guint)per_origin,
						(guint)parallel};
	run.client = http_client_new(guard, &settings, &error);
	if (run.client == NULL) {
		fprintf(stderr, "%s\n", error->message);
		return EXIT_FAILURE;
	}
	url_guard_unref(guard);
	run.body = g_bytes_new_take(g_strnfill((gsize)body_size, 'x'), (gsize)body_size);
	run.queue = g_ptr_array_new_with_free_func(g_free);
	for (char **url = urls; *url != NULL; url++)
		queue_url(&run, *url);

	gint64 start_us = g_get_monotonic_time();
	double cpu = cpu_seconds();
	start_some(&run);
	g_main_loop_run(run.loop);
	cpu = cpu_seconds() - cpu;
	guint connections = http_client_connections(run.client);
	double seconds = (double)(run.latest_us - start_us) / 1e6;
	if (linger_ms > 0) {
		g_timeout_add((guint)linger_ms, stop, run.loop);
		g_main_loop_run(run.loop);
	}
	printf("{\"summary\": true, \"requests\": %u, \"answered\": %u, \"connections\": %u, "
	       "\"connections_later\": %u, \"seconds\": %.3f, \"per_second\": %.0f, "
	       "\"cpu_us_per_request\": %.1f}\n",
	       run.queue->len, run.answered, connections, http_client_connections(run.client),
	       seconds, run.queue->len / seconds, cpu * 1e6 / run.queue->len);

	http_client_free(&run.client);
	/* libsoup lets go of its own in later turns, GIO in threads. */
	g_timeout_add(100, stop, run.loop);
	g_main_loop_run(run.loop);
	g_bytes_unref(run.body);
	g_ptr_array_unref(run.queue);
	g_main_loop_unref(run.loop);
	g_strfreev(allow);
	g_strfreev(urls);
	g_free(ca_file);
	g_free(resolve);
	return EXIT_SUCCESS;
}
