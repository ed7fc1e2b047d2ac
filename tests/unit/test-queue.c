#include "limits.h"
#include "queue.h"
#include "store-fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIND(kind) PUSH_EVENT_KIND_BIT(PUSH_EVENT_##kind)
#define LANE "webpush https://a:443"
/* The microseconds of a day, and of the moment the tests take for now. */
#define DAY (LIMIT_BATCH_MEMORY_SECS * (gint64)G_USEC_PER_SEC)
#define NOW G_GINT64_CONSTANT(1700000000000000)

struct bench {
	struct fixture fixture;
	struct queue *queue;
};

static void set_up(struct bench *bench, guint64 max_pending)
{
	g_autoptr(GError) error = NULL;

	fixture_open(&bench->fixture, 0);
	bench->queue = queue_sqlite_open(bench->fixture.store, max_pending, &error);
	g_assert_no_error(error);
}

static void shut_down(struct bench *bench)
{
	if (bench->queue != NULL)
		bench->queue->backend->close(&bench->queue);
	g_assert_null(bench->queue);
	store_close(&bench->fixture.store);
}

static void tear_down(struct bench *bench)
{
	shut_down(bench);
	fixture_check_integrity(&bench->fixture);
	fixture_clear(&bench->fixture);
}

/* --- shorthands ------------------------------------------------------------- */

static struct notification make(gint64 device, const char *key, const char *event)
{
	return (struct notification){
		.device = device,
		.user = (char *)"alice",
		.key = (char *)key,
		.lane = (char *)LANE,
		.kinds = g_str_has_prefix(key, "mail:") ? KIND(MESSAGE_NEW) : KIND(FLAGS_SET),
		.messages = 1,
		.first_us = NOW - 1000,
		.due_us = NOW,
		.expires_us = NOW + 1000000,
		.event = (char *)event,
	};
}

static void put_batch(struct bench *bench, const char *batch,
		      const struct notification *const *notifications, struct answer *answer)
{
	g_autoptr(GPtrArray) array = g_ptr_array_new();
	g_autoptr(GError) error = NULL;

	for (; *notifications != NULL; notifications++)
		g_ptr_array_add(array, (gpointer)*notifications);
	g_assert_true(bench->queue->backend->put(bench->queue, batch, array, answer_done, answer,
						 &error));
	g_assert_no_error(error);
}

static void put_one(struct bench *bench, const char *batch, const struct notification *notification)
{
	struct answer answer = {0};

	put_batch(bench, batch, (const struct notification *const[]){notification, NULL}, &answer);
	answer_expect_ok(&answer);
}

static GPtrArray *claim(struct bench *bench, gint64 now_us, guint limit, GHashTable *busy)
{
	return bench->queue->backend->claim(bench->queue, LANE, now_us, limit, busy);
}

static const struct notification *row(GPtrArray *rows, guint i)
{
	g_assert_cmpuint(i, <, rows->len);
	return g_ptr_array_index(rows, i);
}

static guint64 pending(struct bench *bench)
{
	struct queue_stats stats;
	g_autoptr(GPtrArray) rows = bench->queue->backend->list(bench->queue, NULL, 1000000);

	bench->queue->backend->stats(bench->queue, &stats);
	/* The number that is kept is the number there is. */
	g_assert_cmpuint(stats.pending, ==, rows->len);
	return stats.pending;
}

static void finish(struct bench *bench, gint64 id, guint32 revision)
{
	struct answer answer = {0};

	bench->queue->backend->finish(bench->queue, id, revision, answer_done, &answer);
	answer_expect_ok(&answer);
}

/* --- put -------------------------------------------------------------------- */

static void test_round_trip(void)
{
	struct bench bench = {0};
	struct notification notification = {
		.device = G_GINT64_CONSTANT(5000000000),
		.user = (char *)"al\xffice",
		.key = (char *)"mail:Entw\xc3\xbcrfe\x01\x80",
		.lane = (char *)LANE,
		.kinds = KIND(MESSAGE_NEW) | KIND(MESSAGE_TRASH),
		.messages = G_MAXUINT32,
		.first_us = NOW - 77,
		.due_us = NOW - 5,
		.expires_us = NOW + 99,
		.attempts = 3,
		.event = (char *)"EVENT\tname=MessageNew\ttime=5",
	};
	g_autoptr(GPtrArray) rows = NULL;
	struct queue_stats stats;

	set_up(&bench, 0);
	bench.queue->backend->stats(bench.queue, &stats);
	g_assert_cmpuint(stats.pending, ==, 0);
	g_assert_cmpint(stats.oldest_us, ==, 0);
	put_one(&bench, NULL, &notification);
	/* And again after the file was opened anew. */
	shut_down(&bench);
	set_up(&bench, 0);
	rows = claim(&bench, NOW, 10, NULL);
	g_assert_cmpuint(rows->len, ==, 1);
	g_assert_cmpint(row(rows, 0)->id, >, 0);
	g_assert_cmpuint(row(rows, 0)->revision, ==, 0);
	g_assert_cmpint(row(rows, 0)->device, ==, notification.device);
	g_assert_cmpstr(row(rows, 0)->user, ==, notification.user);
	g_assert_cmpstr(row(rows, 0)->key, ==, notification.key);
	g_assert_cmpstr(row(rows, 0)->lane, ==, notification.lane);
	g_assert_cmpuint(row(rows, 0)->kinds, ==, notification.kinds);
	g_assert_cmpuint(row(rows, 0)->messages, ==, notification.messages);
	g_assert_cmpint(row(rows, 0)->first_us, ==, notification.first_us);
	g_assert_cmpint(row(rows, 0)->due_us, ==, notification.due_us);
	g_assert_cmpint(row(rows, 0)->expires_us, ==, notification.expires_us);
	g_assert_cmpuint(row(rows, 0)->attempts, ==, notification.attempts);
	g_assert_cmpstr(row(rows, 0)->event, ==, notification.event);
	bench.queue->backend->stats(bench.queue, &stats);
	g_assert_cmpuint(stats.pending, ==, 1);
	g_assert_cmpint(stats.oldest_us, ==, notification.first_us);
	g_assert_cmpuint(stats.bytes, >, 0);
	tear_down(&bench);
}

/* One pending notification per device, user and key; one batch may do both. */
static void test_folds(void)
{
	struct bench bench = {0};
	struct notification first = make(1, "mail:INBOX", "one");
	struct notification second = make(1, "mail:INBOX", "two");
	struct notification other_device = make(2, "mail:INBOX", "x");
	struct notification other_key = make(1, "state:INBOX", "x");
	struct notification other_user = make(1, "mail:INBOX", "x");
	struct answer answer = {0};
	g_autoptr(GPtrArray) rows = NULL;

	second.first_us = NOW + 500;
	second.due_us = NOW - 1;
	other_user.user = (char *)"bob";
	set_up(&bench, 0);
	put_batch(&bench, NULL,
		  (const struct notification *const[]){&first, &other_device, &second, &other_key,
						       &other_user, NULL},
		  &answer);
	answer_expect_ok(&answer);
	g_assert_cmpuint(pending(&bench), ==, 4);
	rows = claim(&bench, NOW, 1, NULL);
	g_assert_cmpint(row(rows, 0)->device, ==, 1);
	g_assert_cmpstr(row(rows, 0)->event, ==, "two");
	g_assert_cmpuint(row(rows, 0)->messages, ==, 2);
	g_assert_cmpuint(row(rows, 0)->revision, ==, 1);
	g_assert_cmpint(row(rows, 0)->first_us, ==, first.first_us);
	g_assert_cmpint(row(rows, 0)->due_us, ==, second.due_us);
	tear_down(&bench);
}

#define BATCH_A "0123456789abcdef0123456789abcdef"

static const struct batch_row {
	const char *name;
	const char *first, *second;
	gboolean same;
} batch_rows[] = {
	{"same", BATCH_A, BATCH_A, TRUE},
	{"another", BATCH_A, "0123456789abcdef0123456789abcdee", FALSE},
	{"none", NULL, NULL, FALSE},
	{"upper case is another", BATCH_A, "0123456789ABCDEF0123456789ABCDEF", FALSE},
	{"odd ones", "x", "x", TRUE},
	{"odd and empty", "x", "", FALSE},
};

static void test_batch(gconstpointer data)
{
	const struct batch_row *batch = data;
	struct bench bench = {0};
	struct notification notification = make(1, "mail:INBOX", "one");
	g_autoptr(GPtrArray) rows = NULL;

	set_up(&bench, 0);
	put_one(&bench, batch->first, &notification);
	shut_down(&bench);
	set_up(&bench, 0);
	put_one(&bench, batch->second, &notification);
	rows = claim(&bench, NOW, 10, NULL);
	g_assert_cmpuint(rows->len, ==, 1);
	g_assert_cmpuint(row(rows, 0)->messages, ==, batch->same ? 1 : 2);
	tear_down(&bench);
}

/* Both at once, so that they share a commit. */
static void test_batch_twice_at_once(void)
{
	struct bench bench = {0};
	struct notification notification = make(1, "mail:INBOX", "one");
	const struct notification *const both[] = {&notification, NULL};
	struct answer first = {0}, second = {0};
	g_autoptr(GPtrArray) rows = NULL;

	set_up(&bench, 0);
	put_batch(&bench, BATCH_A, both, &first);
	put_batch(&bench, BATCH_A, both, &second);
	answer_expect_ok(&first);
	answer_expect_ok(&second);
	rows = claim(&bench, NOW, 10, NULL);
	g_assert_cmpuint(row(rows, 0)->messages, ==, 1);
	tear_down(&bench);
}

static gint64 count_batches(struct bench *bench)
{
	sqlite3_stmt *stmt = store_prepare(bench->fixture.store, "SELECT count(*) FROM batch");
	gint64 count;

	g_assert_true(store_read(bench->fixture.store, stmt));
	count = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return count;
}

static void settle_down(struct bench *bench)
{
	while (store_pending(bench->fixture.store) > 0)
		g_main_context_iteration(NULL, TRUE);
}

/* Remembered for a day at least; forgotten in the end, also on disk. */
static void test_batch_memory(void)
{
	struct bench bench = {0};
	struct notification notification = make(1, "mail:INBOX", "one");
	g_autoptr(GPtrArray) rows = NULL;
	gint64 now_us = g_get_real_time();

	set_up(&bench, 0);
	put_one(&bench, BATCH_A, &notification);
	bench.queue->backend->maintain(bench.queue, now_us + DAY - G_USEC_PER_SEC);
	put_one(&bench, BATCH_A, &notification);
	bench.queue->backend->maintain(bench.queue, now_us + DAY + G_USEC_PER_SEC);
	put_one(&bench, BATCH_A, &notification);
	g_assert_cmpint(count_batches(&bench), ==, 1);
	bench.queue->backend->maintain(bench.queue, now_us + 2 * DAY + 2 * G_USEC_PER_SEC);
	settle_down(&bench);
	g_assert_cmpint(count_batches(&bench), ==, 0);
	rows = claim(&bench, NOW, 10, NULL);
	g_assert_cmpuint(row(rows, 0)->messages, ==, 1);
	put_one(&bench, BATCH_A, &notification);
	g_ptr_array_unref(g_steal_pointer(&rows));
	rows = claim(&bench, NOW, 10, NULL);
	g_assert_cmpuint(row(rows, 0)->messages, ==, 2);
	tear_down(&bench);
}

static void count_answer(const GError *error, gpointer data)
{
	g_assert_no_error(error);
	(*(guint *)data)++;
}

/* Many ids to forget go in several steps. */
static void test_batch_memory_of_many(void)
{
	struct bench bench = {0};
	g_autoptr(GPtrArray) none = g_ptr_array_new();
	gint64 now_us = g_get_real_time();
	guint done = 0;

	set_up(&bench, 0);
	for (guint i = 0; i < 12000; i++) {
		g_autofree char *batch = g_strdup_printf("%032x", i);

		while (!bench.queue->backend->put(bench.queue, batch, none, count_answer, &done,
						  NULL))
			g_main_context_iteration(NULL, TRUE);
	}
	while (done < 12000)
		g_main_context_iteration(NULL, TRUE);
	g_assert_cmpint(count_batches(&bench), ==, 12000);
	bench.queue->backend->maintain(bench.queue, now_us + 2 * DAY);
	settle_down(&bench);
	g_assert_cmpint(count_batches(&bench), ==, 12000);
	bench.queue->backend->maintain(bench.queue, now_us + 4 * DAY);
	settle_down(&bench);
	g_assert_cmpint(count_batches(&bench), ==, 0);
	tear_down(&bench);
}

static void test_max_pending(void)
{
	struct bench bench = {0};
	struct notification one = make(1, "mail:INBOX", "one"), two = make(2, "mail:INBOX", "two"),
			    three = make(3, "mail:INBOX", "three"),
			    four = make(4, "mail:INBOX", "four");
	struct answer answer = {0};

	set_up(&bench, 3);
	put_one(&bench, NULL, &one);
	put_one(&bench, NULL, &two);
	/* A batch is all or nothing, and one that was refused may come again. */
	put_batch(&bench, BATCH_A, (const struct notification *const[]){&three, &four, NULL},
		  &answer);
	answer_expect_error(&answer, STORE_ERROR_FULL);
	g_assert_cmpuint(pending(&bench), ==, 2);
	put_one(&bench, BATCH_A, &three);
	g_assert_cmpuint(pending(&bench), ==, 3);
	put_batch(&bench, NULL, (const struct notification *const[]){&four, NULL}, &answer);
	answer_expect_error(&answer, STORE_ERROR_FULL);
	/* Folding in takes no room. */
	put_one(&bench, NULL, &one);
	bench.queue->backend->drop_device(bench.queue, 1, answer_done, &answer);
	answer_expect_ok(&answer);
	put_one(&bench, NULL, &four);
	g_assert_cmpuint(pending(&bench), ==, 3);
	tear_down(&bench);
}

/* --- claim, next_due, lanes ------------------------------------------------------ */

static GHashTable *new_busy(void)
{
	return g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
}

static void set_busy(GHashTable *busy, gint64 id)
{
	g_hash_table_add(busy, g_memdup2(&id, sizeof(id)));
}

/* device tells them apart; `place` is where the row comes in a claim of all. */
static const struct {
	gint64 device;
	const char *key;
	gint64 due_us;
	const char *lane;
	int place;
} claim_rows[] = {
	{1, "state:A", NOW - 90, LANE, 3},     {2, "mail:A", NOW - 10, LANE, 1},
	{3, "mail:A", NOW - 50, LANE, 0},      {4, "mail:A", NOW, LANE, 2},
	{5, "mail:A", NOW + 1, LANE, -1},      {6, "state:A", NOW - 20, LANE, 4},
	{7, "state:A", NOW + 50, LANE, -1},    {8, "mail:A", NOW - 99, "webpush x", -1},
	{9, "mail:A", NOW - 99, LANE "4", -1}, {10, "state:A", NOW - 20, LANE, 5},
};

static void test_claim(void)
{
	struct bench bench = {0};
	g_autoptr(GHashTable) busy = new_busy();
	g_autoptr(GPtrArray) rows = NULL, rest = NULL, lanes = NULL;
	const struct queue_backend *backend;

	set_up(&bench, 0);
	backend = bench.queue->backend;
	g_assert_cmpint(backend->next_due(bench.queue, LANE, NULL), ==, 0);
	for (gsize i = 0; i < G_N_ELEMENTS(claim_rows); i++) {
		struct notification notification =
			make(claim_rows[i].device, claim_rows[i].key, "x");

		notification.due_us = claim_rows[i].due_us;
		notification.lane = (char *)claim_rows[i].lane;
		put_one(&bench, NULL, &notification);
	}
	rows = claim(&bench, NOW, 100, NULL);
	g_assert_cmpuint(rows->len, ==, 6);
	for (gsize i = 0; i < G_N_ELEMENTS(claim_rows); i++) {
		if (claim_rows[i].place >= 0)
			g_assert_cmpint(row(rows, (guint)claim_rows[i].place)->device, ==,
					claim_rows[i].device);
	}
	/* With some in flight: the next ones, as many as asked for. */
	set_busy(busy, row(rows, 0)->id);
	set_busy(busy, row(rows, 3)->id);
	set_busy(busy, 999999);
	for (guint limit = 0; limit <= 5; limit++) {
		static const guint left[] = {1, 2, 4, 5};
		g_autoptr(GPtrArray) some = claim(&bench, NOW, limit, busy);

		g_assert_cmpuint(some->len, ==, MIN(limit, G_N_ELEMENTS(left)));
		for (guint i = 0; i < some->len; i++)
			g_assert_cmpint(row(some, i)->id, ==, row(rows, left[i])->id);
	}
	/* The earliest of either class. */
	g_assert_cmpint(backend->next_due(bench.queue, LANE, NULL), ==, NOW - 90);
	g_assert_cmpint(backend->next_due(bench.queue, LANE, busy), ==, NOW - 20);
	for (guint i = 0; i < rows->len; i++)
		set_busy(busy, row(rows, i)->id);
	g_assert_cmpint(backend->next_due(bench.queue, LANE, busy), ==, NOW + 1);
	g_assert_cmpint(backend->next_due(bench.queue, "nobody's", NULL), ==, 0);
	rest = claim(&bench, NOW, 100, busy);
	g_assert_cmpuint(rest->len, ==, 0);

	lanes = backend->lanes(bench.queue);
	g_assert_cmpuint(lanes->len, ==, 3);
	for (guint i = 0; i < lanes->len; i++) {
		const struct queue_lane *lane = g_ptr_array_index(lanes, i);
		gboolean ours = strcmp(lane->lane, LANE) == 0;

		g_assert_cmpuint(lane->pending, ==, ours ? 8 : 1);
		g_assert_cmpint(lane->due_us, ==, ours ? NOW - 90 : NOW - 99);
	}
	tear_down(&bench);
}

/* --- outcomes --------------------------------------------------------------------- */

static void test_finish(void)
{
	struct bench bench = {0};
	struct notification one = make(1, "mail:INBOX", "one");
	g_autoptr(GPtrArray) rows = NULL;

	set_up(&bench, 0);
	put_one(&bench, NULL, &one);
	rows = claim(&bench, NOW, 1, NULL);
	finish(&bench, row(rows, 0)->id, row(rows, 0)->revision);
	g_assert_cmpuint(pending(&bench), ==, 0);
	/* Again, or one that never was: fine. */
	finish(&bench, row(rows, 0)->id, row(rows, 0)->revision);
	finish(&bench, 424242, 0);
	g_assert_cmpuint(pending(&bench), ==, 0);
	/* Its id does not come back. */
	put_one(&bench, NULL, &one);
	{
		g_autoptr(GPtrArray) again = claim(&bench, NOW, 1, NULL);

		g_assert_cmpint(row(again, 0)->id, >, row(rows, 0)->id);
	}
	tear_down(&bench);
}

/* Two more generations while the first is in flight: it stays for them, once. */
static void test_merge_in_flight(void)
{
	struct bench bench = {0};
	struct notification one = make(1, "mail:INBOX", "one"), two = make(1, "mail:INBOX", "two"),
			    three = make(1, "mail:INBOX", "three");
	struct answer answer = {0};
	g_autoptr(GPtrArray) first = NULL, second = NULL, third = NULL;
	gint64 later_us = g_get_real_time() + 3600 * (gint64)G_USEC_PER_SEC;

	two.first_us = NOW + 10;
	three.first_us = NOW + 20;
	set_up(&bench, 0);
	put_one(&bench, NULL, &one);
	first = claim(&bench, NOW, 1, NULL);
	put_one(&bench, NULL, &two);
	put_one(&bench, NULL, &three);
	/* A failure meanwhile put it off. */
	bench.queue->backend->reschedule(bench.queue, row(first, 0)->id, row(first, 0)->revision,
					 later_us, 4, answer_done, &answer);
	answer_expect_ok(&answer);
	finish(&bench, row(first, 0)->id, row(first, 0)->revision);

	second = claim(&bench, g_get_real_time(), 1, NULL);
	g_assert_cmpint(row(second, 0)->id, ==, row(first, 0)->id);
	g_assert_cmpuint(row(second, 0)->revision, ==, 2);
	g_assert_cmpuint(row(second, 0)->attempts, ==, 0);
	g_assert_cmpstr(row(second, 0)->event, ==, "three");
	g_assert_cmpint(row(second, 0)->first_us, ==, three.first_us);
	g_assert_cmpuint(pending(&bench), ==, 1);
	/* The revision in between is as wrong as the first. */
	finish(&bench, row(first, 0)->id, 1);
	g_assert_cmpuint(pending(&bench), ==, 1);
	finish(&bench, row(second, 0)->id, row(second, 0)->revision);
	g_assert_cmpuint(pending(&bench), ==, 0);
	third = claim(&bench, later_us, 1, NULL);
	g_assert_cmpuint(third->len, ==, 0);
	tear_down(&bench);
}

static void test_reschedule(void)
{
	struct bench bench = {0};
	struct notification one = make(1, "mail:INBOX", "one");
	struct answer answer = {0};
	g_autoptr(GPtrArray) rows = NULL, early = NULL, late = NULL;

	set_up(&bench, 0);
	put_one(&bench, NULL, &one);
	rows = claim(&bench, NOW, 1, NULL);
	bench.queue->backend->reschedule(bench.queue, row(rows, 0)->id, row(rows, 0)->revision,
					 NOW + 5000, 2, answer_done, &answer);
	answer_expect_ok(&answer);
	early = claim(&bench, NOW + 4999, 1, NULL);
	g_assert_cmpuint(early->len, ==, 0);
	g_assert_cmpint(bench.queue->backend->next_due(bench.queue, LANE, NULL), ==, NOW + 5000);
	late = claim(&bench, NOW + 5000, 1, NULL);
	g_assert_cmpuint(row(late, 0)->attempts, ==, 2);
	/* No new revision: it is the same thing to tell. */
	g_assert_cmpuint(row(late, 0)->revision, ==, row(rows, 0)->revision);
	tear_down(&bench);
}

/* What came while a push failed has not failed and does not wait for it. */
static void test_reschedule_merged(void)
{
	static const struct {
		const char *name;
		gint64 new_us, given_us, expected_us;
	} cases[] = {
		{"due now", NOW, NOW + 5000, NOW},
		{"due later", NOW + 9000, NOW + 5000, NOW + 5000},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct bench bench = {0};
		struct notification one = make(1, "mail:INBOX", "one");
		struct notification two = make(1, "mail:INBOX", "two");
		struct answer answer = {0};
		g_autoptr(GPtrArray) rows = NULL, again = NULL;

		g_test_message("%s", cases[i].name);
		one.due_us = two.due_us = cases[i].new_us;
		one.attempts = 1;
		set_up(&bench, 0);
		put_one(&bench, NULL, &one);
		rows = claim(&bench, cases[i].new_us, 1, NULL);
		put_one(&bench, NULL, &two);
		bench.queue->backend->reschedule(bench.queue, row(rows, 0)->id,
						 row(rows, 0)->revision, cases[i].given_us, 2,
						 answer_done, &answer);
		answer_expect_ok(&answer);
		g_assert_cmpint(bench.queue->backend->next_due(bench.queue, LANE, NULL), ==,
				cases[i].expected_us);
		again = claim(&bench, cases[i].expected_us, 1, NULL);
		g_assert_cmpuint(row(again, 0)->attempts, ==, 0);
		g_assert_cmpstr(row(again, 0)->event, ==, "two");
		tear_down(&bench);
	}
}

static void test_drop(void)
{
	struct bench bench = {0};
	struct notification one = make(1, "mail:A", "x"), two = make(1, "mail:B", "x"),
			    three = make(2, "mail:A", "x");
	struct answer answer = {0};
	g_autoptr(GPtrArray) rows = NULL, left = NULL;

	set_up(&bench, 0);
	put_one(&bench, NULL, &one);
	put_one(&bench, NULL, &two);
	put_one(&bench, NULL, &three);
	rows = claim(&bench, NOW, 10, NULL);
	/* Whatever was merged into it meanwhile goes too. */
	put_one(&bench, NULL, &one);
	bench.queue->backend->drop(bench.queue, row(rows, 0)->id, answer_done, &answer);
	answer_expect_ok(&answer);
	g_assert_cmpuint(pending(&bench), ==, 2);
	bench.queue->backend->drop(bench.queue, row(rows, 0)->id, answer_done, &answer);
	answer_expect_ok(&answer);
	g_assert_cmpuint(pending(&bench), ==, 2);
	bench.queue->backend->drop_device(bench.queue, 1, answer_done, &answer);
	answer_expect_ok(&answer);
	left = claim(&bench, NOW, 10, NULL);
	g_assert_cmpuint(left->len, ==, 1);
	g_assert_cmpint(row(left, 0)->device, ==, 2);
	g_assert_cmpuint(pending(&bench), ==, 1);
	tear_down(&bench);
}

/* --- many rows ----------------------------------------------------------------------- */

#define MANY 12000

/* MANY rows in one batch, due far in the future, every third one bob's. */
static void put_many(struct bench *bench)
{
	g_autoptr(GPtrArray) many =
		g_ptr_array_new_with_free_func((GDestroyNotify)notification_free);
	struct answer answer = {0};

	for (guint i = 0; i < MANY; i++) {
		g_autofree char *key = g_strdup_printf("state:%u", i);
		struct notification notification = make(1, key, "x");

		notification.due_us = G_MAXINT64;
		notification.first_us = NOW + (i * 7919) % MANY;
		if (i % 3 == 0)
			notification.user = (char *)"bob";
		g_ptr_array_add(many, notification_copy(&notification));
	}
	g_assert_true(
		bench->queue->backend->put(bench->queue, NULL, many, answer_done, &answer, NULL));
	answer_expect_ok(&answer);
}

static void test_flush(void)
{
	struct bench bench = {0};
	struct answer answer = {0};
	g_autoptr(GPtrArray) none = NULL, bobs = NULL, all = NULL;

	set_up(&bench, 0);
	put_many(&bench);
	none = claim(&bench, g_get_real_time(), G_MAXUINT, NULL);
	g_assert_cmpuint(none->len, ==, 0);
	bench.queue->backend->flush(bench.queue, "bob", answer_done, &answer);
	answer_expect_ok(&answer);
	bobs = claim(&bench, g_get_real_time(), G_MAXUINT, NULL);
	g_assert_cmpuint(bobs->len, ==, MANY / 3);
	for (guint i = 0; i < bobs->len; i++)
		g_assert_cmpstr(row(bobs, i)->user, ==, "bob");
	bench.queue->backend->flush(bench.queue, "nobody", answer_done, &answer);
	answer_expect_ok(&answer);
	bench.queue->backend->flush(bench.queue, NULL, answer_done, &answer);
	answer_expect_ok(&answer);
	all = claim(&bench, g_get_real_time(), G_MAXUINT, NULL);
	g_assert_cmpuint(all->len, ==, MANY);
	bench.queue->backend->drop_device(bench.queue, 1, answer_done, &answer);
	answer_expect_ok(&answer);
	g_assert_cmpuint(pending(&bench), ==, 0);
	tear_down(&bench);
}

static void test_list(void)
{
	static const char *const users[] = {NULL, "bob"};
	struct bench bench = {0};
	struct queue_stats stats;

	set_up(&bench, 0);
	put_many(&bench);
	for (gsize i = 0; i < G_N_ELEMENTS(users); i++) {
		g_autoptr(GPtrArray) rows = bench.queue->backend->list(bench.queue, users[i], 1000);

		g_assert_cmpuint(rows->len, ==, 1000);
		for (guint place = 0; place < rows->len; place++) {
			if (place > 0)
				g_assert_cmpint(row(rows, place)->first_us, >,
						row(rows, place - 1)->first_us);
			if (users[i] != NULL)
				g_assert_cmpstr(row(rows, place)->user, ==, users[i]);
		}
	}
	bench.queue->backend->stats(bench.queue, &stats);
	g_assert_cmpint(stats.oldest_us, ==, NOW);
	tear_down(&bench);
}

/* --- closing, SIGKILL ------------------------------------------------------------------ */

/* Closed with work under way: it is done and reported all the same. */
static void test_close(void)
{
	struct bench bench = {0};
	struct notification one = make(1, "mail:INBOX", "one");
	struct answer put = {0}, flush = {0};

	set_up(&bench, 0);
	put_batch(&bench, NULL, (const struct notification *const[]){&one, NULL}, &put);
	bench.queue->backend->flush(bench.queue, NULL, answer_done, &flush);
	shut_down(&bench);
	g_assert_true(put.done);
	g_assert_true(flush.done);
	g_assert_no_error(put.error);
	set_up(&bench, 0);
	g_assert_cmpuint(pending(&bench), ==, 1);
	tear_down(&bench);
}

static int report_fd;

static void tell(const GError *error, gpointer data)
{
	guint32 number = GPOINTER_TO_UINT(data);

	if (error != NULL || write(report_fd, &number, sizeof(number)) != sizeof(number))
		_exit(2);
}

/* Batch N tells device N of mail; every third one is finished again as soon as it
 * is there, which is told as N + 2^31. */
static void finish_told(const GError *error, gpointer data)
{
	tell(error, GUINT_TO_POINTER(GPOINTER_TO_UINT(data) + 0x80000000u));
}

static void child(const char *path, guint32 first)
{
	struct bench bench = {0};
	guint32 number = first;

	bench.fixture.store = store_open(path, 0, NULL);
	if (bench.fixture.store == NULL)
		_exit(3);
	bench.queue = queue_sqlite_open(bench.fixture.store, 0, NULL);
	for (;;) {
		while (store_pending(bench.fixture.store) < 40) {
			g_autofree char *batch = g_strdup_printf("%032x", number);
			g_autoptr(GPtrArray) array = g_ptr_array_new();
			struct notification notification = make(number, "mail:INBOX", "x");

			g_ptr_array_add(array, &notification);
			if (!bench.queue->backend->put(bench.queue, batch, array, tell,
						       GUINT_TO_POINTER(number), NULL))
				_exit(4);
			if (number % 3 == 0)
				bench.queue->backend->drop_device(bench.queue, number, finish_told,
								  GUINT_TO_POINTER(number));
			number++;
		}
		g_main_context_iteration(NULL, TRUE);
	}
}

/* What was told must be true: there, or (for every third) there or gone, and gone
 * for sure once that was told; and a repeated batch does nothing. */
static void test_kill(void)
{
	struct bench bench = {0};
	guint32 next = 1;

	set_up(&bench, 0);
	shut_down(&bench);
	for (guint round = 0; round < 12; round++) {
		g_autoptr(GHashTable) told = g_hash_table_new(NULL, NULL);
		g_autoptr(GHashTable) there = g_hash_table_new(NULL, NULL);
		g_autoptr(GPtrArray) rows = NULL;
		GHashTableIter iter;
		gpointer key;
		guint32 number;
		int ends[2];
		pid_t pid;

		g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
		pid = fork();
		if (pid == 0) {
			report_fd = ends[1];
			child(bench.fixture.path, next);
		}
		close(ends[1]);
		g_assert_cmpint(read(ends[0], &number, sizeof(number)), ==, sizeof(number));
		g_hash_table_add(told, GUINT_TO_POINTER(number));
		g_usleep((gulong)g_test_rand_int_range(0, 30000));
		g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
		g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
		while (read(ends[0], &number, sizeof(number)) == sizeof(number))
			g_hash_table_add(told, GUINT_TO_POINTER(number));
		close(ends[0]);

		set_up(&bench, 0);
		rows = bench.queue->backend->list(bench.queue, NULL, G_MAXUINT);
		g_assert_cmpuint(pending(&bench), ==, rows->len);
		for (guint i = 0; i < rows->len; i++) {
			next = MAX(next, (guint32)row(rows, i)->device);
			g_hash_table_add(there, GUINT_TO_POINTER((guint)row(rows, i)->device));
		}
		g_hash_table_iter_init(&iter, told);
		while (g_hash_table_iter_next(&iter, &key, NULL)) {
			gboolean gone, found;

			number = GPOINTER_TO_UINT(key);
			if (number >= 0x80000000u)
				continue;
			next = MAX(next, number);
			gone = g_hash_table_contains(told, GUINT_TO_POINTER(number + 0x80000000u));
			found = g_hash_table_contains(there, key);
			if (number % 3 != 0)
				g_assert_true(found);
			else if (gone)
				g_assert_false(found);
			if (number % 500 == 1) {
				g_autofree char *batch = g_strdup_printf("%032x", number);
				struct notification again = make(number, "mail:INBOX", "again");
				guint64 before = pending(&bench);

				put_one(&bench, batch, &again);
				g_assert_cmpuint(pending(&bench), ==, before);
			}
		}
		shut_down(&bench);
		fixture_check_integrity(&bench.fixture);
		next += 100; /* past what was on its way */
	}
	fixture_clear(&bench.fixture);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/queue/round-trip", test_round_trip);
	g_test_add_func("/queue/folds", test_folds);
	for (gsize i = 0; i < G_N_ELEMENTS(batch_rows); i++) {
		g_autofree char *path = g_strdup_printf("/queue/batch/%s", batch_rows[i].name);

		g_test_add_data_func(path, &batch_rows[i], test_batch);
	}
	g_test_add_func("/queue/batch-twice-at-once", test_batch_twice_at_once);
	g_test_add_func("/queue/batch-memory", test_batch_memory);
	g_test_add_func("/queue/batch-memory-of-many", test_batch_memory_of_many);
	g_test_add_func("/queue/max-pending", test_max_pending);
	g_test_add_func("/queue/claim", test_claim);
	g_test_add_func("/queue/finish", test_finish);
	g_test_add_func("/queue/merge-in-flight", test_merge_in_flight);
	g_test_add_func("/queue/reschedule", test_reschedule);
	g_test_add_func("/queue/reschedule-merged", test_reschedule_merged);
	g_test_add_func("/queue/drop", test_drop);
	g_test_add_func("/queue/flush", test_flush);
	g_test_add_func("/queue/list", test_list);
	g_test_add_func("/queue/close", test_close);
	g_test_add_func("/queue/kill", test_kill);
	return g_test_run();
}
