#include "lib.h"
#include "hex-binary.h"
#include "randgen.h"
#include "str-sanitize.h"

#include "bridge-client.h"
#include "event-sink.h"
#include "fantail-settings.h"
#include "limits.h"
#include "monotonic.h"
#include "spool-file.h"
#include "trouble.h"
#include "wait-budget.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Room in a batch for its first and last line. */
#define FRAME_BYTES 4096

struct event_sink {
	struct event *parent;
	const char *user;
	const struct fantail_settings *settings;
	struct bridge_client *client;
	struct tabline_buf events; /* EVENT lines of the batch under way */
	unsigned int event_count;
};

/* Until when this process does not ask the bridge: it let one deadline pass, or has
 * kept us waiting for too long in all, and the next delivery should not wait for the
 * same thing. */
static uint64_t holdoff_until_us;
static struct wait_budget wait_budget;
static struct trouble trouble_bridge, trouble_slow, trouble_spool;

struct event_sink *event_sink_new(struct event *parent, const char *user,
				  const struct fantail_settings *settings)
{
	struct event_sink *sink = i_new(struct event_sink, 1);

	sink->parent = parent;
	sink->user = user;
	sink->settings = settings;
	tabline_buf_init(&sink->events, LIMIT_BATCH_BYTES - FRAME_BYTES);
	return sink;
}

/* It answers, and slowly: nothing is lost, and each hand-over was within its deadline. */
static void report_slow(struct event_sink *sink)
{
	unsigned int count;

	if (trouble_note(&trouble_slow, monotonic_us(), &count))
		e_warning(sink->parent,
			  "%s answers slowly: waited for it %d ms in all, went straight to the "
			  "spool for a while (%u time(s))",
			  sink->settings->socket_path, LIMIT_WAIT_BUDGET_MSECS, count);
}

/* One request within what is left of the deadline. *error_r is set unless OK. */
static enum bridge_result exchange(struct event_sink *sink, uint64_t id,
				   const struct iovec *request, size_t count,
				   struct bridge_answer *answer_r, const char **error_r)
{
	uint64_t started = monotonic_us(), now;
	enum bridge_result result;
	bool may_wait;

	result = bridge_client_exchange(sink->client, id, request, count, answer_r);
	*error_r = bridge_client_error(sink->client);
	now = monotonic_us();
	may_wait = wait_budget_spend(&wait_budget, now, now - started);
	if (result == BRIDGE_TIMEOUT || !may_wait)
		holdoff_until_us = now + LIMIT_HANDOVER_HOLDOFF_MSECS * 1000ULL;
	if (result != BRIDGE_TIMEOUT && !may_wait)
		report_slow(sink);
	return result;
}

/* False if there is no point in asking; *error_r says why. */
static bool may_exchange(struct event_sink *sink, const char **error_r)
{
	if (holdoff_until_us > monotonic_us()) {
		*error_r = "the bridge was too slow just now";
		return FALSE;
	}
	if (sink->client == NULL)
		sink->client = bridge_client_new(sink->settings->socket_path,
						 sink->settings->deadline_msecs);
	if (sink->client == NULL) {
		*error_r = "out of memory";
		return FALSE;
	}
	if (bridge_client_time_left(sink->client) == 0) {
		*error_r = "the deadline has passed";
		return FALSE;
	}
	return TRUE;
}

/* How a batch ended, for the log and for statistics. */
enum handed {
	HANDED,
	SPOOLED,
	LOST
};

static void log_finished(struct event_sink *sink, struct event *event, enum handed handed,
			 size_t bytes, const char *error)
{
	static const char *const names[] = {"handed", "spooled", "lost"};

	event_set_name(event, "fantail_batch_finished");
	event_add_str(event, "result", names[handed]);
	event_add_int(event, "events", sink->event_count);
	event_add_int(event, "bytes", (intmax_t)bytes);
	if (error != NULL)
		event_add_str(event, "error", error);
	e_debug(event, "Batch of %u events %s%s%s", sink->event_count, names[handed],
		error != NULL ? ": " : "", error != NULL ? error : "");
}

static void report_lost(struct event_sink *sink, const char *reason)
{
	unsigned int batches;

	if (trouble_note(&trouble_spool, monotonic_us(), &batches))
		e_error(sink->parent,
			"Lost %u batch(es) of events, mail itself is not affected: %s", batches,
			reason);
}

void event_sink_lost(struct event_sink *sink, const char *reason)
{
	struct event *event = event_create(sink->parent);

	report_lost(sink, reason);
	log_finished(sink, event, LOST, 0, reason);
	event_unref(&event);
}

/* The bridge is there and does not do its part. A bridge that is away is not
 * news: its own service manager tells that. */
static void report_bridge(struct event_sink *sink, enum bridge_result result, const char *code,
			  const char *error)
{
	const char *path = sink->settings->socket_path;
	unsigned int batches;

	if (result == BRIDGE_ABSENT ||
	    (result == BRIDGE_NO && (strcmp(code, "busy") == 0 || strcmp(code, "full") == 0)))
		return;
	if (!trouble_note(&trouble_bridge, monotonic_us(), &batches))
		return;
	error = str_sanitize(error, 256);
	if (result == BRIDGE_TIMEOUT)
		e_warning(sink->parent,
			  "%s did not answer within %u ms, %u batch(es) went to the spool: %s",
			  path, sink->settings->deadline_msecs, batches, error);
	else if (result == BRIDGE_NO && strcmp(code, "denied") == 0)
		e_error(sink->parent,
			"%s: this process (uid %s) may not speak for the user, %u batch(es) lost "
			"(add the uid to mail-uids of the bridge): %s",
			path, dec2str(geteuid()), batches, error);
	else
		e_error(sink->parent, "%s: %s; %u batch(es) went to the spool", path, error,
			batches);
}

/* Who is told of filters. */
struct filter_context {
	event_sink_filter *filter;
	void *context;
};

static void take_filter(const struct tabline_field *fields, size_t count, void *_context)
{
	const struct filter_context *context = _context;
	const char *name = tabline_get(fields, count, "filter");

	if (name != NULL)
		context->filter(name, tabline_get(fields, count, "criteria"),
				tabline_get(fields, count, "charset"), context->context);
}

uint64_t event_sink_time_left(struct event_sink *sink)
{
	return sink->client == NULL ? 0 : bridge_client_time_left(sink->client);
}

void event_sink_spend(struct event_sink *sink, uint64_t usecs)
{
	if (sink->client != NULL)
		bridge_client_spend(sink->client, usecs);
}

enum event_want event_sink_ask(struct event_sink *sink, const char *mailbox,
			       event_sink_filter *filter, void *context)
{
	struct filter_context filters = {.filter = filter, .context = context};
	enum event_want want = EVENT_WANT_HINT;
	struct bridge_answer answer = {.code = NULL};
	enum bridge_result result = BRIDGE_BROKEN;
	struct tabline_buf line;
	const char *error, *text;

	if (!may_exchange(sink, &error)) {
		filter(NULL, NULL, NULL, context);
		return want;
	}

	uint64_t id = bridge_client_next_id(sink->client);
	tabline_buf_init(&line, LIMIT_LINE);
	tabline_word(&line, "WANT");
	tabline_word(&line, dec2str(id));
	tabline_field(&line, "user", sink->user);
	tabline_field(&line, "mailbox", mailbox);
	if (tabline_end(&line)) {
		struct iovec request = {.iov_base = line.data, .iov_len = line.len};

		bridge_client_set_item(sink->client, take_filter, &filters);
		result = exchange(sink, id, &request, 1, &answer, &error);
		bridge_client_set_item(sink->client, NULL, NULL);
		if (result == BRIDGE_OK) {
			text = tabline_get(answer.fields, answer.count, "want");
			if (text != NULL && strcmp(text, "none") == 0)
				want = EVENT_WANT_NONE;
			else if (text != NULL && strcmp(text, "content") == 0)
				want = EVENT_WANT_CONTENT;
		} else if (result == BRIDGE_TIMEOUT) {
			report_bridge(sink, result, NULL, error);
		} else {
			/* The batch will meet the same trouble, and tell. */
			e_debug(sink->parent, "WANT: %s", error);
		}
	}
	if (result != BRIDGE_OK)
		filter(NULL, NULL, NULL, context);
	tabline_buf_free(&line);
	return want;
}

/* `line` is to be freed in any case. False: out of memory. */
static bool encode_batch_line(struct event_sink *sink, struct tabline_buf *line, uint64_t id,
			      const char *batch)
{
	tabline_buf_init(line, FRAME_BYTES);
	tabline_word(line, "BATCH");
	tabline_word(line, dec2str(id));
	tabline_field(line, "batch", batch);
	tabline_field(line, "user", sink->user);
	tabline_field_u64(line, "count", sink->event_count);
	return tabline_end(line);
}

/* NULL if the bridge took the batch or never will (*handed_r), else why the
 * spool has to. */
static const char *try_bridge(struct event_sink *sink, const char *batch, enum handed *handed_r)
{
	struct bridge_answer answer = {.code = NULL};
	enum bridge_result result;
	struct tabline_buf line;
	const char *error;

	if (!may_exchange(sink, &error))
		return error;

	uint64_t id = bridge_client_next_id(sink->client);
	if (!encode_batch_line(sink, &line, id, batch)) {
		tabline_buf_free(&line);
		return "out of memory";
	}
	struct iovec request[] = {
		{.iov_base = line.data, .iov_len = line.len},
		{.iov_base = sink->events.data, .iov_len = sink->events.len},
	};
	result = exchange(sink, id, request, N_ELEMENTS(request), &answer, &error);
	tabline_buf_free(&line);
	if (result == BRIDGE_OK) {
		*handed_r = HANDED;
		return NULL;
	}
	report_bridge(sink, result, answer.code, error);
	if (result == BRIDGE_NO && strcmp(answer.code, "denied") == 0) {
		/* As a spool file it would be denied again: the file has our uid. */
		*handed_r = LOST;
		return NULL;
	}
	return error;
}

static bool try_spool(struct event_sink *sink, const char *batch, const char **error_r)
{
	struct tabline_buf first, last;
	bool ok;

	tabline_buf_init(&last, FRAME_BYTES);
	tabline_word(&last, "END");
	*error_r = "out of memory";
	ok = encode_batch_line(sink, &first, 1, batch) && tabline_end(&last);
	if (ok) {
		struct iovec pieces[] = {
			{.iov_base = first.data, .iov_len = first.len},
			{.iov_base = sink->events.data, .iov_len = sink->events.len},
			{.iov_base = last.data, .iov_len = last.len},
		};

		ok = spool_file_write(sink->settings->spool_path, batch, pieces, N_ELEMENTS(pieces),
				      error_r);
	}
	tabline_buf_free(&first);
	tabline_buf_free(&last);
	return ok;
}

static void hand_over(struct event_sink *sink)
{
	unsigned char random[LIMIT_BATCH_ID / 2];
	enum handed handed = LOST;
	const char *batch, *error, *spool_error;
	struct event *event;

	/* Its statistics get the duration from when it was created. */
	event = event_create(sink->parent);
	/* The id is the same on both roads: a batch whose answer came too late
	 * arrives twice and counts once. */
	random_fill(random, sizeof(random));
	batch = binary_to_hex(random, sizeof(random));
	error = try_bridge(sink, batch, &handed);
	if (error != NULL) {
		if (try_spool(sink, batch, &spool_error)) {
			handed = SPOOLED;
		} else {
			handed = LOST;
			error = t_strdup_printf("spool %s: %s (bridge: %s)",
						sink->settings->spool_path, spool_error,
						str_sanitize(error, 256));
			report_lost(sink, error);
		}
	}
	log_finished(sink, event, handed, sink->events.len, error);
	event_unref(&event);
}

static void flush_batch(struct event_sink *sink)
{
	if (sink->event_count == 0)
		return;
	T_BEGIN
	{
		hand_over(sink);
	}
	T_END;
	tabline_buf_clear(&sink->events);
	sink->event_count = 0;
}

void event_sink_add(struct event_sink *sink, const struct push_event *event)
{
	if (sink->event_count == LIMIT_BATCH_EVENTS)
		flush_batch(sink);
	if (push_event_encode(&sink->events, event)) {
		sink->event_count++;
		return;
	}
	/* Did not fit: into the next batch. */
	flush_batch(sink);
	if (push_event_encode(&sink->events, event))
		sink->event_count++;
	else
		event_sink_lost(sink, "an event is too long, or memory ran out");
}

void event_sink_finish(struct event_sink **_sink)
{
	struct event_sink *sink = *_sink;

	*_sink = NULL;
	if (sink == NULL)
		return;
	flush_batch(sink);
	tabline_buf_free(&sink->events);
	bridge_client_free(&sink->client);
	i_free(sink);
}
