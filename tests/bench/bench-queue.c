/*
 * bench-queue [--quick] [--folder DIR]: durable events per second that the queue
 * takes, by group commit and one by one, in the same run on the same disk; and
 * that claim() and next_due() do not care how much waits.
 *
 * Prints "figure<TAB>name<TAB>value<TAB>unit", and "goal" lines as bench-registry
 * does.
 */
#include "limits.h"
#include "queue.h"
#include "store.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdlib.h>

/* Origins that the events go to. */
#define LANES 3
/* Events a second whose answers are timed. */
#define PACE 500
#define BACKLOG 1000000
/* In flight in one lane. */
#define CLAIM_LIMIT LIMIT_ORIGIN_PARALLEL

static gboolean quick;
static char *folder;
static const GOptionEntry options[] = {
	{"quick", 0, 0, G_OPTION_ARG_NONE, &quick, "fewer events", NULL},
	{"folder", 0, 0, G_OPTION_ARG_FILENAME, &folder, "where the database goes", "DIR"},
	G_OPTION_ENTRY_NULL,
};

static struct store *store;
static struct queue *queue;
static guint answers;

static void answered(const GError *error, gpointer data)
{
	if (error != NULL)
		g_error("%s", error->message);
	answers++;
}

static void wait_for(guint count)
{
	while (answers < count)
		g_main_context_iteration(NULL, TRUE);
}

/* One event for one device, as the router makes it. */
static struct notification event(guint number, char *user, char *line, char *lane)
{
	return (struct notification){
		.device = number,
		.user = user,
		.key = (char *)"mail:INBOX",
		.lane = lane,
		.kinds = PUSH_EVENT_KINDS_ARRIVAL,
		.messages = 1,
		.first_us = g_get_real_time(),
		.due_us = g_get_real_time(),
		.expires_us = g_get_real_time() + 86400 * (gint64)G_USEC_PER_SEC,
		.event = line,
	};
}

static void put(guint number, queue_done done, gpointer data)
{
	char user[40], line[300], lane[60], batch[33];
	struct notification notification;
	g_autoptr(GPtrArray) array = g_ptr_array_new();
	g_autoptr(GError) error = NULL;

	g_snprintf(user, sizeof(user), "user%u@example.org", number);
	g_snprintf(lane, sizeof(lane), "webpush https://push%u.example.com:443", number % LANES);
	g_snprintf(batch, sizeof(batch), "%08x%08x%08x%08x", g_random_int(), g_random_int(),
		   g_random_int(), number);
	g_snprintf(line, sizeof(line),
		   "EVENT\tname=MessageNew\ttime=1700000000000000\tseq=%u\tuidvalidity=1700000000"
		   "\tmessages=1\tmodseq=%u\tuser=%s\tmailbox=INBOX\tmailboxid="
		   "0123456789abcdef0123456789abcdef\tuids=%u\tsession=abcdefgh\tservice=lmtp",
		   number, number, user, number);
	notification = event(number, user, line, lane);
	g_ptr_array_add(array, &notification);
	if (!queue->backend->put(queue, batch, array, done, data, &error))
		g_error("%s", error->message);
}

/* `together` batches under way at a time; returns how many a second. */
static double measure_put(guint first, guint count, guint together)
{
	gint64 start_us = g_get_monotonic_time();

	answers = 0;
	for (guint i = 0; i < count; i++) {
		put(first + i, answered, NULL);
		if (i + 1 >= together)
			wait_for(i + 2 - together);
	}
	wait_for(count);
	return count / ((double)(g_get_monotonic_time() - start_us) / G_USEC_PER_SEC);
}

struct timed {
	gint64 start_us;
	double *msecs_r;
};

static void timed_answer(const GError *error, gpointer data)
{
	struct timed *timed = data;

	*timed->msecs_r = (double)(g_get_monotonic_time() - timed->start_us) / 1000;
	g_free(timed);
	answered(error, NULL);
}

static int compare_double(gconstpointer a, gconstpointer b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

static void figure(const char *name, double value, const char *unit)
{
	g_print("figure\t%s\t%.*f\t%s\n", name, value < 100 ? 3 : 0, value, unit);
}

/* Events at an even pace: from put() to its answer. */
static void measure_latency(guint first, guint secs)
{
	guint count = secs * PACE;
	g_autofree double *msecs = g_new0(double, count);
	gint64 start_us = g_get_monotonic_time();

	answers = 0;
	for (guint i = 0; i < count; i++) {
		struct timed *timed = g_new(struct timed, 1);
		gint64 due_us = start_us + (gint64)i * G_USEC_PER_SEC / PACE;

		while (g_get_monotonic_time() < due_us) {
			if (!g_main_context_iteration(NULL, FALSE))
				g_usleep(50);
		}
		timed->start_us = g_get_monotonic_time();
		timed->msecs_r = &msecs[i];
		put(first + i, timed_answer, timed);
	}
	wait_for(count);
	qsort(msecs, count, sizeof(double), compare_double);
	figure("put to answer at 500 events/s, p50", msecs[count / 2], "ms");
	figure("put to answer at 500 events/s, p99", msecs[count * 99 / 100], "ms");
	figure("put to answer at 500 events/s, longest", msecs[count - 1], "ms");
}

/* Claims and finishes as the dispatcher does, CLAIM_LIMIT in flight. */
static double measure_drain(guint count)
{
	gint64 start_us = g_get_monotonic_time();
	guint taken = 0;

	answers = 0;
	while (taken < count) {
		g_autoptr(GPtrArray) rows = queue->backend->claim(
			queue, "webpush https://push0.example.com:443", G_MAXINT64, 512, NULL);

		for (guint i = 0; i < rows->len && taken < count; i++, taken++) {
			const struct notification *row = g_ptr_array_index(rows, i);

			queue->backend->finish(queue, row->id, row->revision, answered, NULL);
		}
		wait_for(taken);
	}
	return count / ((double)(g_get_monotonic_time() - start_us) / G_USEC_PER_SEC);
}

/* p99 of claims with CLAIM_LIMIT rows in flight, in milliseconds. */
static void measure_claim(guint calls)
{
	static const char lane[] = "webpush https://push1.example.com:443";
	g_autoptr(GHashTable) busy =
		g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g_autoptr(GPtrArray) first =
		queue->backend->claim(queue, lane, G_MAXINT64, CLAIM_LIMIT, NULL);
	g_autofree double *msecs = g_new(double, calls);
	gboolean met;

	for (guint i = 0; i < first->len; i++) {
		const struct notification *row = g_ptr_array_index(first, i);

		g_hash_table_add(busy, g_memdup2(&row->id, sizeof(row->id)));
	}
	for (guint i = 0; i < calls; i++) {
		gint64 start_us = g_get_monotonic_time();
		g_autoptr(GPtrArray) rows = queue->backend->claim(queue, lane, G_MAXINT64, 1, busy);

		if (rows->len != 1 || queue->backend->next_due(queue, lane, busy) == 0)
			g_error("claim found nothing");
		msecs[i] = (double)(g_get_monotonic_time() - start_us) / 1000;
	}
	qsort(msecs, calls, sizeof(double), compare_double);
	figure("claim and next due with the backlog, p50", msecs[calls / 2], "ms");
	met = msecs[calls * 99 / 100] <= 1;
	g_print("goal\tclaim and next due with the backlog, p99\t%.3f ms\t<= 1 ms\t%s\n",
		msecs[calls * 99 / 100], met ? "met" : "missed");
}

static void open_all(const char *path)
{
	g_autoptr(GError) error = NULL;

	store = store_open(path, 0, &error);
	if (store == NULL)
		g_error("%s", error->message);
	queue = queue_sqlite_open(store, 0, &error);
}

static void close_all(void)
{
	queue->backend->close(&queue);
	store_close(&store);
}

int main(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *path = NULL, *reserve = NULL, *scratch = NULL;
	guint singles, group, backlog;
	double single_rate, group_rate;
	gint64 start_us;

	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		g_printerr("%s\n", error->message);
		return 2;
	}
	singles = quick ? 300 : 3000;
	group = quick ? 20000 : 200000;
	backlog = quick ? 100000 : BACKLOG;
	/* Not /tmp: that may be memory, which knows nothing of syncs. */
	scratch = g_build_filename(folder != NULL ? folder : "/var/tmp", "fantail-bench-XXXXXX",
				   NULL);
	if (g_mkdtemp(scratch) == NULL) {
		g_printerr("%s: %s\n", scratch, g_strerror(errno));
		return 1;
	}
	path = g_build_filename(scratch, "bridge.db", NULL);
	reserve = g_strconcat(path, "-reserve", NULL);

	open_all(path);
	single_rate = measure_put(0, singles, 1);
	figure("durable events, one commit each", single_rate, "events/s");
	measure_latency(singles, quick ? 4 : 20);
	singles += 20 * PACE;
	group_rate = measure_put(singles, group, 4096);
	figure("durable events, group commit", group_rate, "events/s");
	figure("group commit against one by one", group_rate / single_rate, "times");
	figure("claimed and finished", measure_drain(quick ? 5000 : 50000), "rows/s");
	measure_put(singles + group, backlog, 4096);
	measure_claim(quick ? 2000 : 20000);
	close_all();
	start_us = g_get_monotonic_time();
	open_all(path);
	figure("open with the backlog, checked",
	       (double)(g_get_monotonic_time() - start_us) / G_USEC_PER_SEC, "s");
	close_all();

	(void)g_unlink(path);
	(void)g_unlink(reserve);
	(void)g_rmdir(scratch);
	return 0;
}
