#include "dispatcher-private.h"
#include "bridge-config.h"
#include "limits.h"
#include "webhook-device.h"

#include <string.h>

/* Rows one lane claims before the next has its turn. */
#define QUANTUM 16
/* Rows per turn of the main loop, so that intake is not kept waiting. */
#define SERVE_SLICE 128
/* A lane without work is remembered this long: its health, as long as the
 * mass-deletion guard looks back. */
#define IDLE_US (600 * G_USEC_PER_SEC)
/* The longest sleep: after the clock was set, due times are looked at again. */
#define SLEEP_MAX_US (60 * G_USEC_PER_SEC)
/* After a claim that found nothing although something is due. */
#define NUDGE_US (10 * G_USEC_PER_SEC / 1000)
/* Sleepers looked at for one that can go. */
#define EVICT_TRIES 16
/* A lane that has not answered for this long may be about to stall. */
#define SLOW_US (2 * G_USEC_PER_SEC)
/* While there is no slot for it, a lane asks again after this long. */
#define STARVED_US (50 * G_USEC_PER_SEC / 1000)
/* Lanes that did not fit into memory are looked for this often. */
#define RELOAD_US G_USEC_PER_SEC

/* --- lanes: ready, asleep, idle ------------------------------------------ */

static gint compare_wake(gconstpointer a, gconstpointer b, gpointer data)
{
	const struct lane *one = a, *other = b;

	return one->wake_us < other->wake_us ? -1 : one->wake_us > other->wake_us;
}

static void lane_disarm(struct lane *lane)
{
	if (lane->timer != NULL)
		g_sequence_remove(lane->timer);
	lane->timer = NULL;
}

static void lane_sleep(struct dispatcher *dispatcher, struct lane *lane, gint64 until_us)
{
	if (lane->timer != NULL && lane->wake_us == until_us)
		return;
	lane_disarm(lane);
	lane->wake_us = until_us;
	lane->timer = g_sequence_insert_sorted(dispatcher->timers, lane, compare_wake, NULL);
}

static void lane_ready(struct dispatcher *dispatcher, struct lane *lane)
{
	lane->more = TRUE;
	if (!lane->in_ready) {
		lane->in_ready = TRUE;
		g_queue_push_tail_link(&dispatcher->ready, &lane->ready_link);
	}
	dispatcher_serve(dispatcher);
}

/* Rows fall due at due_us. */
static void lane_due(struct dispatcher *dispatcher, struct lane *lane, gint64 due_us)
{
	lane->more = TRUE;
	if (due_us <= g_get_real_time())
		lane_ready(dispatcher, lane);
	else if (lane->timer == NULL || due_us < lane->wake_us) {
		lane_sleep(dispatcher, lane, due_us);
		dispatcher_serve(dispatcher);
	}
}

static void lane_free(struct dispatcher *dispatcher, struct lane *lane)
{
	lane_disarm(lane);
	if (lane->in_ready)
		g_queue_unlink(&dispatcher->ready, &lane->ready_link);
	g_hash_table_unref(lane->busy);
	g_free(lane->name);
	g_free(lane);
}

static gboolean lane_is_quiet(const struct lane *lane)
{
	return g_hash_table_size(lane->busy) == 0 && !lane->in_ready;
}

static void lane_remove(struct dispatcher *dispatcher, struct lane *lane)
{
	g_hash_table_remove(dispatcher->lanes, lane->name);
	lane_free(dispatcher, lane);
}

/* Makes room for a lane that is due at due_us: one that sleeps longer goes. What
 * it has in the queue is found again by reload. */
static gboolean evict(struct dispatcher *dispatcher, gint64 due_us)
{
	GSequenceIter *iter = g_sequence_get_end_iter(dispatcher->timers);

	for (guint i = 0; i < EVICT_TRIES && !g_sequence_iter_is_begin(iter); i++) {
		struct lane *lane;

		iter = g_sequence_iter_prev(iter);
		lane = g_sequence_get(iter);
		if (lane->wake_us <= due_us)
			return FALSE;
		if (!lane_is_quiet(lane))
			continue;
		if (lane->more)
			dispatcher->overflow = TRUE;
		lane_remove(dispatcher, lane);
		return TRUE;
	}
	return FALSE;
}

/* NULL: there is no room. */
static struct lane *lane_get(struct dispatcher *dispatcher, const char *name, gint64 due_us)
{
	struct lane *lane = g_hash_table_lookup(dispatcher->lanes, name);

	if (lane != NULL)
		return lane;
	if (g_hash_table_size(dispatcher->lanes) >= LIMIT_LANES && !evict(dispatcher, due_us)) {
		dispatcher->overflow = TRUE;
		return NULL;
	}
	lane = g_new0(struct lane, 1);
	lane->name = g_strdup(name);
	lane->busy = g_hash_table_new(g_int64_hash, g_int64_equal);
	lane->ready_link.data = lane;
	g_hash_table_insert(dispatcher->lanes, lane->name, lane);
	return lane;
}

static gint by_due(gconstpointer a, gconstpointer b)
{
	const struct queue_lane *one = *(struct queue_lane *const *)a;
	const struct queue_lane *other = *(struct queue_lane *const *)b;

	return one->due_us < other->due_us ? -1 : one->due_us > other->due_us;
}

/* Looks in the queue for lanes that have rows, the longest due first. */
static void reload(struct dispatcher *dispatcher)
{
	g_autoptr(GPtrArray) rows = dispatcher->queue->backend->lanes(dispatcher->queue);

	dispatcher->overflow = FALSE;
	dispatcher->reload_us = g_get_real_time();
	if (rows == NULL)
		return;
	g_ptr_array_sort(rows, by_due);
	for (guint i = 0; i < rows->len; i++) {
		const struct queue_lane *row = g_ptr_array_index(rows, i);
		struct lane *lane = lane_get(dispatcher, row->lane, row->due_us);

		if (lane == NULL)
			break;
		lane_due(dispatcher, lane, row->due_us);
	}
}

/* --- serving -------------------------------------------------------------- */

static gboolean may_start(const struct dispatcher *dispatcher)
{
	return !dispatcher->stopped && !dispatcher->disk_failed &&
	       dispatcher->unrecorded < LIMIT_UNRECORDED &&
	       dispatcher->in_flight < dispatcher->context->config->parallel;
}

/* A lane that answers, and did so lately if it owes any answers. */
static gboolean lane_is_trusted(const struct lane *lane, gint64 now_us)
{
	return lane_health_proven(&lane->health) &&
	       (lane->in_flight == 0 || now_us - lane->answered_us < SLOW_US);
}

/* How many requests the lane may have in flight. The fewer slots are left, the
 * less each lane gets, and the last are for those that give them back soon: so
 * however many origins stall, the others go on. 0 = none for now. */
static guint lane_window(const struct dispatcher *dispatcher, const struct lane *lane,
			 gint64 now_us)
{
	static const struct {
		guint eighths; /* of all slots are taken */
		guint trusted, others;
	} scarce[] = {{7, 2, 0}, {6, 4, 1}, {4, 8, 2}};
	const struct config *config = dispatcher->context->config;
	guint window = lane_health_window(&lane->health, config->parallel_per_origin);

	for (gsize i = 0; i < G_N_ELEMENTS(scarce); i++) {
		if (dispatcher->in_flight * 8 >= config->parallel * scarce[i].eighths)
			return MIN(window, lane_is_trusted(lane, now_us) ? scarce[i].trusted
									 : scarce[i].others);
	}
	return window;
}

/* Claims what the lane may send. Returns the number of rows. */
static guint lane_serve(struct dispatcher *dispatcher, struct lane *lane, gint64 now_us)
{
	struct queue *queue = dispatcher->queue;
	gint64 hold_us = lane_health_hold_us(&lane->health, now_us);
	guint window, room, limit;
	g_autoptr(GPtrArray) rows = NULL;
	gint64 next_us;

	if (hold_us > 0) {
		lane_sleep(dispatcher, lane, now_us + hold_us);
		return 0;
	}
	window = lane_window(dispatcher, lane, now_us);
	if (window == 0) {
		lane_sleep(dispatcher, lane, now_us + STARVED_US);
		return 0;
	}
	/* Many rows at a time: a claim costs as much as sending some. */
	if (lane->in_flight > window / 2)
		return 0; /* lane_answered comes back */
	room = MIN(window - lane->in_flight,
		   dispatcher->context->config->parallel - dispatcher->in_flight);
	limit = MIN(room, QUANTUM);
	rows = queue->backend->claim(queue, lane->name, now_us, limit, lane->busy);
	for (guint i = 0; rows != NULL && i < rows->len; i++)
		dispatch_start(dispatcher, lane, g_steal_pointer(&rows->pdata[i]), now_us);
	dispatch_flush(dispatcher);
	if (rows != NULL && rows->len == limit) {
		lane_ready(dispatcher, lane);
		return limit;
	}
	next_us = queue->backend->next_due(queue, lane->name, lane->busy);
	lane->more = next_us != 0;
	if (next_us != 0)
		lane_sleep(dispatcher, lane, MAX(next_us, now_us + NUDGE_US));
	else if (lane_is_quiet(lane))
		lane_sleep(dispatcher, lane, now_us + IDLE_US);
	else
		lane_disarm(lane);
	return rows != NULL ? rows->len : 0;
}

static void wake_lanes(struct dispatcher *dispatcher, gint64 now_us)
{
	for (;;) {
		GSequenceIter *first = g_sequence_get_begin_iter(dispatcher->timers);
		struct lane *lane;

		if (g_sequence_iter_is_end(first))
			return;
		lane = g_sequence_get(first);
		if (lane->wake_us > now_us)
			return;
		lane_disarm(lane);
		if (lane->more || !lane_is_quiet(lane))
			lane_ready(dispatcher, lane);
		else
			lane_remove(dispatcher, lane);
	}
}

static gint64 next_wake_us(const struct dispatcher *dispatcher, gint64 now_us)
{
	GSequenceIter *first = g_sequence_get_begin_iter(dispatcher->timers);
	gint64 wake_us = now_us + SLEEP_MAX_US;

	if (!g_sequence_iter_is_end(first))
		wake_us = MIN(wake_us, ((struct lane *)g_sequence_get(first))->wake_us);
	if (dispatcher->overflow)
		wake_us = MIN(wake_us, dispatcher->reload_us + RELOAD_US);
	return MAX(wake_us, now_us);
}

static gboolean serve(gpointer data)
{
	struct dispatcher *dispatcher = data;
	gint64 now_us = g_get_real_time();
	guint started = 0, lanes;

	g_source_set_ready_time(dispatcher->work, -1);
	if (dispatcher->stopped)
		return G_SOURCE_CONTINUE;
	wake_lanes(dispatcher, now_us);
	if (dispatcher->overflow &&
	    (dispatcher->reload_us > now_us || dispatcher->reload_us + RELOAD_US <= now_us))
		reload(dispatcher);
	/* Each lane once, then again those that had more. */
	while (may_start(dispatcher) && started < SERVE_SLICE &&
	       (lanes = dispatcher->ready.length) > 0) {
		guint before = started;

		while (lanes-- > 0 && may_start(dispatcher) && started < SERVE_SLICE) {
			GList *link = g_queue_pop_head_link(&dispatcher->ready);
			struct lane *lane = link->data;

			lane->in_ready = FALSE;
			started += lane_serve(dispatcher, lane, now_us);
		}
		if (started == before)
			break;
	}
	/* What made them stop comes back with dispatcher_serve; a full slice does not. */
	if (may_start(dispatcher) && dispatcher->ready.length > 0)
		g_source_set_ready_time(dispatcher->work, 0);
	else
		g_source_set_ready_time(dispatcher->work, g_get_monotonic_time() +
								  next_wake_us(dispatcher, now_us) -
								  now_us);
	return G_SOURCE_CONTINUE;
}

void dispatcher_serve(struct dispatcher *dispatcher)
{
	g_source_set_ready_time(dispatcher->work, 0);
}

void lane_answered(struct dispatcher *dispatcher, struct lane *lane)
{
	lane->in_flight--;
	lane->answered_us = g_get_real_time();
	dispatcher->in_flight--;
	if (lane->more)
		lane_ready(dispatcher, lane);
	else
		dispatcher_serve(dispatcher);
}

void lane_released(struct dispatcher *dispatcher, struct lane *lane, gint64 due_us)
{
	if (due_us > 0)
		lane_due(dispatcher, lane, due_us);
	else if (lane->more)
		lane_ready(dispatcher, lane);
	else if (lane_is_quiet(lane))
		lane_sleep(dispatcher, lane, g_get_real_time() + IDLE_US);
	/* It may have been the disk that the others waited for. */
	if (dispatcher->ready.length > 0)
		dispatcher_serve(dispatcher);
}

/* --- what others ask for --------------------------------------------------- */

void dispatcher_wake(struct dispatcher *dispatcher, const char *name, gint64 due_us)
{
	struct lane *lane = lane_get(dispatcher, name, due_us);

	if (lane == NULL) {
		dispatcher_serve(dispatcher);
		return;
	}
	lane->wakes++;
	lane_due(dispatcher, lane, due_us);
}

void dispatcher_wake_all(struct dispatcher *dispatcher)
{
	gint64 now_us = g_get_real_time();
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, dispatcher->lanes);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct lane *lane = value;

		/* Over, not forgotten: the next push is a probe. */
		lane->health.held_until_us = MIN(lane->health.held_until_us, now_us);
		lane->wakes++;
	}
	reload(dispatcher);
}

void dispatcher_set_context(struct dispatcher *dispatcher, struct gateway_context *context)
{
	gateway_context_ref(context);
	gateway_context_unref(dispatcher->context);
	dispatcher->context = context;
	g_ptr_array_unref(dispatcher->hooks);
	dispatcher->hooks = webhook_devices_new(context, dispatcher->registry);
	dispatcher_serve(dispatcher);
}

void dispatcher_lanes(const struct dispatcher *dispatcher, GArray *rows, guint limit)
{
	gint64 now_us = g_get_real_time();
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, dispatcher->lanes);
	while (rows->len < limit && g_hash_table_iter_next(&iter, NULL, &value)) {
		struct lane *lane = value;
		struct dispatcher_lane_info info = {
			.lane = lane->name,
			.in_flight = lane->in_flight,
		};

		if (lane_health_hold_us(&lane->health, now_us) > 0)
			info.held_until_us = lane->health.held_until_us;
		if (lane->more || info.in_flight > 0 || info.held_until_us > 0)
			g_array_append_val(rows, info);
	}
}

guint dispatcher_in_flight(const struct dispatcher *dispatcher)
{
	return dispatcher->in_flight;
}

guint dispatcher_unrecorded(const struct dispatcher *dispatcher)
{
	return dispatcher->unrecorded;
}

struct held_pushes *dispatcher_held(struct dispatcher *dispatcher)
{
	return dispatcher->held;
}

/* --- life ---------------------------------------------------------------- */

static gboolean work_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	return callback(data);
}

static GSourceFuncs work_funcs = {.dispatch = work_dispatch};

struct dispatcher *dispatcher_new(struct queue *queue, struct registry *registry,
				  struct gateway_context *context, struct metrics *metrics)
{
	struct dispatcher *dispatcher = g_new0(struct dispatcher, 1);

	dispatcher->queue = queue;
	dispatcher->registry = registry;
	dispatcher->metrics = metrics;
	dispatcher->context = gateway_context_ref(context);
	dispatcher->hooks = webhook_devices_new(context, dispatcher->registry);
	dispatcher->paces = pace_new(LIMIT_DEVICE_PACES);
	dispatcher->held = held_pushes_new();
	dispatcher->lanes = g_hash_table_new(g_str_hash, g_str_equal);
	g_queue_init(&dispatcher->ready);
	dispatcher->timers = g_sequence_new(NULL);
	dispatcher->work = g_source_new(&work_funcs, sizeof(GSource));
	g_source_set_callback(dispatcher->work, serve, dispatcher, NULL);
	g_source_attach(dispatcher->work, g_main_context_get_thread_default());
	dispatch_begin(dispatcher);
	return dispatcher;
}

void dispatcher_start(struct dispatcher *dispatcher)
{
	reload(dispatcher);
	dispatcher_serve(dispatcher);
}

void dispatcher_stop(struct dispatcher *dispatcher)
{
	dispatcher->stopped = TRUE;
}

void dispatcher_free(struct dispatcher **dispatcher_p)
{
	struct dispatcher *dispatcher = *dispatcher_p;
	GHashTableIter iter;
	gpointer value;

	if (dispatcher == NULL)
		return;
	*dispatcher_p = NULL;
	dispatcher->stopped = TRUE;
	dispatch_end(dispatcher);
	g_hash_table_iter_init(&iter, dispatcher->lanes);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		lane_free(dispatcher, value);
	g_hash_table_unref(dispatcher->lanes);
	g_sequence_free(dispatcher->timers);
	g_source_destroy(dispatcher->work);
	g_source_unref(dispatcher->work);
	pace_free(&dispatcher->paces);
	held_pushes_free(&dispatcher->held);
	g_ptr_array_unref(dispatcher->hooks);
	gateway_context_unref(dispatcher->context);
	g_free(dispatcher);
}
