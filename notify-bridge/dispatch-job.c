#include "dispatcher-private.h"
#include "bridge-config.h"
#include "limits.h"
#include "pimap-command.h"
#include "pimap-profile.h"
#include "pimap-reach.h"
#include "retry.h"
#include "router.h"
#include "store.h"
#include "url-guard.h"
#include "vapid.h"
#include "webhook-device.h"

#include <openssl/crypto.h>
#include <string.h>

/* Pause before the disk is asked again to take an outcome. */
#define REWRITE_SECS 5
/* A lane's config errors are said this often at most: while some of its devices are
 * refused and others are not, each push would be another line. */
#define ALARM_US (600 * G_USEC_PER_SEC)

static void job_done(const struct http_reply *reply, const GError *error, gint64 first_byte_us,
		     gpointer data);

/* What is not needed to write the outcome down. */
static void job_lighten(struct job *job)
{
	g_clear_pointer(&job->request, http_request_free);
	g_clear_error(&job->error);
	g_clear_pointer(&job->notification, notification_free);
	g_clear_pointer(&job->device, device_free);
	g_clear_pointer(&job->context, gateway_context_unref);
}

static void job_free(struct job *job)
{
	if (job->dispatcher != NULL)
		g_queue_unlink(&job->dispatcher->jobs, &job->link);
	job_lighten(job);
	g_free(job->endpoint);
	g_free(job->detail);
	g_free(job);
}

static struct job *job_new(struct dispatcher *dispatcher, struct notification *notification)
{
	struct job *job = g_new0(struct job, 1);

	job->dispatcher = dispatcher;
	job->link.data = job;
	g_queue_push_tail_link(&dispatcher->jobs, &job->link);
	job->notification = notification;
	job->id = notification->id;
	job->revision = notification->revision;
	job->context = gateway_context_ref(dispatcher->context);
	return job;
}

static gboolean is_confirmation(const struct notification *notification)
{
	return g_str_has_prefix(notification->event, "CONFIRM\t");
}

/* --- writing it down ----------------------------------------------------- */

static void recorded(const GError *error, gpointer data);
static void buried(gboolean died, const GError *error, gpointer data);

static void job_write(struct job *job)
{
	struct queue *queue = job->dispatcher->queue;
	struct registry *registry = job->dispatcher->registry;

	switch (job->record) {
	case RECORD_FINISH:
		queue->backend->finish(queue, job->id, job->revision, recorded, job);
		break;
	case RECORD_RESCHEDULE:
		queue->backend->reschedule(queue, job->id, job->revision, job->due_us,
					   job->attempts, recorded, job);
		break;
	case RECORD_DROP:
		queue->backend->drop(queue, job->id, recorded, job);
		break;
	case RECORD_DEVICE_GONE:
		registry->backend->mark_dead(
			registry, job->device_id, job->endpoint, job->started_us / G_USEC_PER_SEC,
			g_get_real_time() / G_USEC_PER_SEC, job->detail, buried, job);
		break;
	case RECORD_DROP_DEVICE:
		queue->backend->drop_device(queue, job->device_id, recorded, job);
		break;
	}
}

static void job_record(struct job *job, enum record record)
{
	job->record = record;
	if (record != RECORD_RESCHEDULE && record != RECORD_DEVICE_GONE)
		job->due_us = 0;
	job->dispatcher->unrecorded++;
	job_lighten(job);
	job_write(job);
}

static gboolean write_again(gpointer data)
{
	struct dispatcher *dispatcher = data;
	guint count = dispatcher->unwritten.length;

	dispatcher->rewrite = 0;
	while (count-- > 0)
		job_write(g_queue_pop_head(&dispatcher->unwritten));
	return G_SOURCE_REMOVE;
}

static void recorded(const GError *error, gpointer data)
{
	struct job *job = data;
	struct dispatcher *dispatcher = job->dispatcher;
	struct lane *lane = job->lane;
	gint64 due_us = job->due_us;

	if (dispatcher == NULL) {
		job_free(job);
		return;
	}
	if (error != NULL) {
		/* Its row is still there and stays busy: to send it again, and again
		 * fail to note that, would be a push every few milliseconds. */
		if (!dispatcher->disk_failed)
			g_warning("cannot write down what became of a push: %s; sending nothing "
				  "more until that works again",
				  error->message);
		dispatcher->disk_failed = TRUE;
		g_queue_push_tail(&dispatcher->unwritten, job);
		if (dispatcher->rewrite == 0)
			dispatcher->rewrite =
				g_timeout_add_seconds(REWRITE_SECS, write_again, dispatcher);
		return;
	}
	if (dispatcher->disk_failed)
		g_message("outcomes of pushes can be written down again");
	dispatcher->disk_failed = FALSE;
	dispatcher->unrecorded--;
	g_hash_table_remove(lane->busy, &job->id);
	/* Rows may have come or have been merged into this one meanwhile, which then is
	 * not put off: the queue knows. */
	if (job->wakes != lane->wakes) {
		lane->more = TRUE;
		due_us = 0;
	}
	job_free(job);
	lane_released(dispatcher, lane, due_us);
}

/* If it is the address of a former registration that is gone, the present one gets
 * what waits. */
static void buried(gboolean died, const GError *error, gpointer data)
{
	struct job *job = data;

	if (job->dispatcher == NULL || error != NULL) {
		recorded(error, job);
		return;
	}
	job->record = died ? RECORD_DROP_DEVICE : RECORD_RESCHEDULE;
	if (died) {
		job->due_us = 0;
		metrics_dropped(job->dispatcher->metrics, "device-gone");
	}
	job_write(job);
}

/* --- outcomes ------------------------------------------------------------ */

static const char *outcome_text(const struct outcome *outcome)
{
	return outcome->detail != NULL ? outcome->detail : outcome_name(outcome->kind);
}

static void mark_failed(struct job *job, const char *text)
{
	struct registry *registry = job->dispatcher->registry;

	registry->backend->mark_failed(registry, job->device->id, text);
}

static void count_latency(struct job *job, gint64 first_byte_us, gint64 now_us)
{
	gint64 answer_us = now_us - job->notification->first_us;
	gint64 since_first_byte = first_byte_us > 0 ? g_get_monotonic_time() - first_byte_us : 0;

	/* The event's clock is that of another process: the same machine's, but it may
	 * have been set. */
	answer_us = MAX(answer_us, 0);
	metrics_latency(job->dispatcher->metrics, job->gateway->name, answer_us,
			MAX(answer_us - since_first_byte, 0));
}

static void say_config_error(struct job *job, const char *what, const char *text)
{
	struct lane *lane = job->lane;
	gint64 now_us = g_get_monotonic_time();

	if (lane->alarmed_us != 0 && now_us - lane->alarmed_us < ALARM_US)
		return;
	lane->alarmed_us = now_us;
	g_warning("%s: %s: %s; its notifications are kept and tried rarely", lane->name, what,
		  text);
}

/* "Gone" as an answer that may be acted on: not from a webhook, which only the
 * operator can take away, and not when it says so of everybody. */
static void judge_gone(struct job *job, struct outcome *outcome)
{
	gboolean warn = FALSE;

	if (outcome->kind != OUTCOME_DEVICE_GONE)
		return;
	if (device_is_webhook(job->device)) {
		outcome->kind = OUTCOME_CONFIG_ERROR;
	} else if (!lane_health_believe_gone(&job->lane->health, &warn)) {
		outcome->kind = OUTCOME_CONFIG_ERROR;
		if (!warn)
			return;
		job->lane->alarmed_us = g_get_monotonic_time();
		g_warning("%s says of more devices that they are gone than can be true "
			  "(%u of %u in ten minutes): %s; keeping them",
			  job->lane->name, job->lane->health.gone, job->lane->health.sends,
			  outcome_text(outcome));
	}
}

static void note_health(struct job *job, const struct outcome *outcome, gint64 now_us)
{
	struct lane *lane = job->lane;
	guint opened = lane->health.opened;

	lane_health_note(&lane->health, outcome, now_us, g_random_double());
	if (lane->health.opened > 0 && opened == 0)
		g_info("%s: %s; sending one probe at a time until it answers", lane->name,
		       outcome_text(outcome));
	else if (lane->health.opened == 0 && opened > 0)
		g_info("%s answers again", lane->name);
}

/* An operator's command waits for a device that may be away for long: as long as it is of use
 * it is tried again, whatever the answer. FALSE: it is none. */
static gboolean keep_command(struct job *job, gint64 now_us)
{
	guint attempts = job->notification->attempts;

	if (!notification_is_command(job->notification))
		return FALSE;
	job->due_us = now_us + retry_pause_us(attempts, -1, g_random_double());
	job->attempts = attempts + 1;
	job_record(job, RECORD_RESCHEDULE);
	return TRUE;
}

/* The device may have come while the wake-up was under way: then it has nothing to answer any
 * more, and the next one is not held back for this one's sake. */
static void note_accepted(struct job *job, const char *text, gint64 now)
{
	struct registry *registry = job->dispatcher->registry;
	g_autoptr(device_t) device = NULL;

	if (device_face(job->device->dialect) == FACE_PIMAP)
		device = registry->backend->get(registry, job->device->id);
	registry->backend->mark_ok(registry, job->device->id, now, text);
	if (device != NULL && device->seen > job->device->seen)
		registry->backend->present(registry, device, device->seen);
}

static void begin(struct job *job);

static void act(struct job *job, const struct outcome *outcome, gint64 first_byte_us, gint64 now_us)
{
	struct dispatcher *dispatcher = job->dispatcher;
	struct registry *registry = dispatcher->registry;
	struct retry_decision decision;
	gint64 now = now_us / G_USEC_PER_SEC;

	retry_decide(outcome, job->notification->attempts, job->minimal,
		     lane_health_hold_us(&job->lane->health, now_us), now_us,
		     job->notification->expires_us, g_random_double(), &decision);
	if (decision.verdict == RETRY_MINIMAL) {
		job->minimal = TRUE;
		g_clear_pointer(&job->request, http_request_free);
		begin(job);
		dispatch_flush(dispatcher);
		return;
	}
	lane_answered(dispatcher, job->lane);
	switch (decision.verdict) {
	case RETRY_FINISH:
		if (!is_confirmation(job->notification))
			count_latency(job, first_byte_us, now_us);
		note_accepted(job, outcome_text(outcome), now);
		job_record(job, RECORD_FINISH);
		break;
	case RETRY_LATER:
		if (outcome->kind == OUTCOME_CONFIG_ERROR)
			say_config_error(job, job->error != NULL ? "cannot send" : "refuses us",
					 outcome_text(outcome));
		if (decision.holds_device && !device_is_webhook(job->device)) {
			char key[24];

			g_snprintf(key, sizeof(key), "%" G_GINT64_FORMAT, job->device->id);
			pace_hold(dispatcher->paces, key, now_us + decision.pause_us);
		}
		mark_failed(job, outcome_text(outcome));
		job->due_us = now_us + decision.pause_us;
		job->attempts = job->notification->attempts + (decision.counts ? 1 : 0);
		job_record(job, RECORD_RESCHEDULE);
		break;
	case RETRY_DROP:
		mark_failed(job, outcome_text(outcome));
		if (outcome->kind == OUTCOME_REJECT_MESSAGE && keep_command(job, now_us))
			break;
		metrics_dropped(dispatcher->metrics,
				outcome->kind == OUTCOME_REJECT_MESSAGE ? "rejected" : "expired");
		/* Not dropped: if a newer event was folded into it, that one is not
		 * rejected and has not expired. */
		job_record(job, RECORD_FINISH);
		break;
	case RETRY_DEVICE_GONE:
		/* Not the device, but the subscription that it lends. */
		if (job->device->via != 0) {
			registry->backend->mark_dead(registry, job->device->via,
						     job->device->endpoint,
						     job->started_us / G_USEC_PER_SEC, now,
						     outcome_text(outcome), NULL, NULL);
			mark_failed(job, outcome_text(outcome));
			if (keep_command(job, now_us))
				break;
			metrics_dropped(dispatcher->metrics, "device-gone");
			job_record(job, RECORD_DROP);
			break;
		}
		job->device_id = job->device->id;
		job->endpoint = g_strdup(job->device->endpoint);
		job->detail = g_strdup(outcome_text(outcome));
		/* Should the device live on. Not at once: it may have been confirmed by
		 * a clock that was ahead, and then each answer would be the same. */
		job->due_us =
			now_us + retry_pause_us(job->notification->attempts, -1, g_random_double());
		job->attempts = job->notification->attempts + 1;
		job_record(job, RECORD_DEVICE_GONE);
		break;
	case RETRY_MINIMAL:
		break;
	}
}

static void test_over(struct job *job, const struct outcome *outcome)
{
	job->test_done(job->device, outcome, job->test_data);
	job_free(job);
}

static void send_next(struct job *job)
{
	struct http_request *request = job->request;

	job->request = g_steal_pointer(&request->next);
	http_client_send(job->context->http, request, NULL, job_done, job);
}

static void job_done(const struct http_reply *reply, const GError *error, gint64 first_byte_us,
		     gpointer data)
{
	struct job *job = data;
	struct outcome outcome = {.retry_after_us = -1};
	gint64 now_us = g_get_real_time();

	if (job->dispatcher == NULL) {
		job_free(job);
		return;
	}
	job->gateway->classify(job->device, reply, error, now_us, &outcome);
	if (job->lane != NULL) {
		metrics_send(job->dispatcher->metrics, job->gateway->name, outcome.kind);
		note_health(job, &outcome, now_us);
	}
	if (outcome.kind == OUTCOME_ACCEPTED && job->request != NULL) {
		send_next(job);
	} else if (job->lane == NULL) {
		test_over(job, &outcome);
	} else {
		judge_gone(job, &outcome);
		act(job, &outcome, first_byte_us, now_us);
	}
	outcome_clear(&outcome);
}

/* --- preparing: on worker threads ----------------------------------------- */

static void prepare_one(struct dispatcher *dispatcher, struct job *job)
{
	if (!g_atomic_int_get(&dispatcher->quit))
		job->request = job->gateway->prepare(job->context, job->device, job->notification,
						     job->minimal, g_get_real_time(), &job->error);
	g_async_queue_push(dispatcher->prepared, job);
	/* One wake-up for all that are ready by the time the main loop looks. */
	if (g_atomic_int_compare_and_exchange(&dispatcher->woken, 0, 1))
		g_source_set_ready_time(dispatcher->prepared_source, 0);
}

static void prepare_work(gpointer data, gpointer user_data)
{
	struct job *job = data;

	while (job != NULL) {
		/* Once handed back it is the main thread's. */
		struct job *next = job->next;

		prepare_one(user_data, job);
		job = next;
	}
	/* What OpenSSL keeps for a thread is given back now: nobody waits for threads to end. */
	OPENSSL_thread_stop();
}

static void prepare(struct job *job)
{
	g_ptr_array_add(job->dispatcher->to_prepare, job);
}

void dispatch_flush(struct dispatcher *dispatcher)
{
	GPtrArray *jobs = dispatcher->to_prepare;
	guint share = (jobs->len + dispatcher->threads - 1) / dispatcher->threads;

	for (guint i = 0; i < jobs->len; i++) {
		struct job *job = g_ptr_array_index(jobs, i);
		gboolean last = i + 1 == jobs->len || (i + 1) % share == 0;

		job->next = last ? NULL : g_ptr_array_index(jobs, i + 1);
	}
	for (guint i = 0; i < jobs->len; i += share)
		g_thread_pool_push(dispatcher->pool, g_ptr_array_index(jobs, i), NULL);
	g_ptr_array_set_size(jobs, 0);
}

/* --- numbers of notifications that have one (EXTENDED) --------------------- */

static void unsendable(struct job *job);

/* Nothing is encrypted before its number is on disk: no other ever has it. */
static void numbered(const struct device *device, const GError *error, gpointer data)
{
	struct job *job = data;
	struct outcome outcome = {.kind = OUTCOME_RETRY, .retry_after_us = -1};

	if (job->dispatcher == NULL) {
		job_free(job);
	} else if (error == NULL) {
		job->device->sequence = device->sequence;
		memcpy(job->device->key, device->key, sizeof(job->device->key));
		prepare(job);
		dispatch_flush(job->dispatcher);
	} else if (g_error_matches(error, STORE_ERROR, STORE_ERROR_NOT_FOUND)) {
		g_set_error_literal(&job->error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
				    "the device has no key; it gets one by XPROVISION, over TLS");
		unsendable(job);
	} else {
		outcome.detail = g_strdup(error->message);
		if (job->lane == NULL)
			test_over(job, &outcome);
		else
			act(job, &outcome, 0, g_get_real_time());
		outcome_clear(&outcome);
	}
}

static void begin(struct job *job)
{
	struct registry *registry = job->dispatcher->registry;

	if (job->device->dialect == DIALECT_EXTENDED)
		registry->backend->number(registry, job->device, numbered, job);
	else
		prepare(job);
}

/* What an operator may yet mend: keys, allowed endpoints, what is switched on. */
static gboolean is_config_error(const GError *error)
{
	return error != NULL && (error->domain == URL_GUARD_ERROR || error->domain == VAPID_ERROR ||
				 g_error_matches(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED));
}

/* The gateway cannot make a request of it. */
static void unsendable(struct job *job)
{
	struct outcome outcome = {.kind = OUTCOME_REJECT_MESSAGE, .retry_after_us = -1};

	outcome.detail = g_strdup(job->error != NULL ? job->error->message : "cannot be sent");
	if (is_config_error(job->error))
		outcome.kind = OUTCOME_CONFIG_ERROR;
	if (job->lane == NULL) {
		test_over(job, &outcome);
	} else if (outcome.kind == OUTCOME_CONFIG_ERROR) {
		act(job, &outcome, 0, g_get_real_time());
	} else {
		g_debug("%s: dropped a notification: %s", job->lane->name, outcome.detail);
		metrics_dropped(job->dispatcher->metrics, "unsendable");
		mark_failed(job, outcome.detail);
		lane_answered(job->dispatcher, job->lane);
		job_record(job, RECORD_FINISH);
	}
	outcome_clear(&outcome);
}

/* Its gateway has no sender: here its road ends, and the queue is rid of it. */
static void hold_back(struct job *job)
{
	static const char detail[] = "held back: there is no sender for it yet; fantailctl "
				     "notifications shows what it would have said";
	const struct outcome outcome = {
		.kind = OUTCOME_CONFIG_ERROR, .retry_after_us = -1, .detail = (char *)detail};
	struct dispatcher *dispatcher = job->dispatcher;

	held_pushes_add(dispatcher->held, job->device, job->notification,
			g_steal_pointer(&job->request), g_get_real_time());
	if (job->lane == NULL) {
		test_over(job, &outcome);
		return;
	}
	metrics_dropped(dispatcher->metrics, "held-back");
	mark_failed(job, detail);
	lane_answered(dispatcher, job->lane);
	job_record(job, RECORD_FINISH);
}

static gboolean send_prepared(gpointer data)
{
	struct dispatcher *dispatcher = data;
	struct job *job;

	g_source_set_ready_time(dispatcher->prepared_source, -1);
	g_atomic_int_set(&dispatcher->woken, 0);
	while ((job = g_async_queue_try_pop(dispatcher->prepared)) != NULL) {
		if (job->request == NULL) {
			unsendable(job);
			continue;
		}
		if (job->gateway->held_back) {
			hold_back(job);
			continue;
		}
		job->started_us = g_get_real_time();
		send_next(job);
	}
	return G_SOURCE_CONTINUE;
}

/* --- from the row --------------------------------------------------------- */

/* NULL: it is gone. */
static struct device *find_device(struct dispatcher *dispatcher, gint64 id)
{
	const struct device *hook = webhook_devices_find(dispatcher->hooks, id);
	struct device *device;

	if (hook != NULL)
		return device_copy(hook);
	device = dispatcher->registry->backend->get(dispatcher->registry, id);
	/* A webhook that the config has no more. */
	if (device != NULL && device_is_webhook(device))
		g_clear_pointer(&device, device_free);
	return device;
}

/* Why this notification is not to be sent at all; NULL = it is. */
static const char *not_to_be_sent(const struct job *job, gint64 now_us)
{
	if (job->device == NULL)
		return "no-device";
	if (job->device->state == DEVICE_DEAD)
		return "device-gone";
	if (job->device->state == DEVICE_INACTIVE && !is_confirmation(job->notification))
		return "inactive";
	if (notification_is_command(job->notification)) {
		if (pimap_command_is_over(job->device, job->notification))
			return "unlocked";
	} else if (job->device->state == DEVICE_LOCKED) {
		return "locked";
	} else if (device_face(job->device->dialect) == FACE_PIMAP &&
		   router_hold_secs(job->device, now_us) > 0) {
		return "outstanding";
	}
	if (job->gateway == NULL)
		return "no-gateway";
	return NULL;
}

/* TRUE: the device may have another. Else *due_us_r is when to come again, 0 = the
 * notification expires before its turn comes. */
static gboolean device_may(struct job *job, gint64 now_us, gint64 *due_us_r)
{
	const struct config *config = job->context->config;
	char key[24];
	gint64 wait_us;

	/* A webhook is the operator's, and serves many users; so are commands. Confirmations have a
	 * pace of their own (LIMIT_REGISTRATIONS_PER_HOUR). */
	if (device_is_webhook(job->device) || is_confirmation(job->notification) ||
	    notification_is_command(job->notification))
		return TRUE;
	g_snprintf(key, sizeof(key), "%" G_GINT64_FORMAT, job->device->id);
	wait_us = pace_take(job->dispatcher->paces, key, config->rate_per_minute,
			    config->rate_burst, now_us);
	if (wait_us == 0)
		return TRUE;
	*due_us_r = pace_slot(job->dispatcher->paces, key, job->id, config->rate_per_minute,
			      now_us + wait_us, job->notification->expires_us);
	return FALSE;
}

static void job_expired(struct job *job)
{
	metrics_dropped(job->dispatcher->metrics, "expired");
	job_record(job, RECORD_FINISH);
}

void dispatch_start(struct dispatcher *dispatcher, struct lane *lane,
		    struct notification *notification, gint64 now_us)
{
	struct job *job = job_new(dispatcher, notification);
	const char *reason, *lost = NULL;

	job->lane = lane;
	job->wakes = lane->wakes;
	g_hash_table_add(lane->busy, &job->id);
	if (notification->expires_us <= now_us) {
		job_expired(job);
		return;
	}
	job->device = find_device(dispatcher, notification->device);
	if (job->device != NULL) {
		job->gateway = gateway_find(job->device->gateway);
		lost = pimap_reach(dispatcher->registry, job->device);
	}
	reason = not_to_be_sent(job, now_us);
	if (reason == NULL && lost != NULL) {
		mark_failed(job, lost);
		if (keep_command(job, now_us))
			return;
		reason = "unreachable";
	}
	if (reason != NULL) {
		metrics_dropped(dispatcher->metrics, reason);
		job_record(job, RECORD_DROP);
		return;
	}
	if (is_confirmation(notification) && job->device->state == DEVICE_ACTIVE) {
		/* It came by another road. */
		job_record(job, RECORD_FINISH);
		return;
	}
	if (!device_may(job, now_us, &job->due_us)) {
		job->attempts = notification->attempts;
		if (job->due_us > 0)
			job_record(job, RECORD_RESCHEDULE);
		else
			job_expired(job);
		return;
	}
	lane->in_flight++;
	dispatcher->in_flight++;
	begin(job);
}

void dispatcher_test(struct dispatcher *dispatcher, const struct device *device,
		     const struct notification *notification, dispatcher_test_done done,
		     gpointer data)
{
	struct job *job = job_new(dispatcher, notification_copy(notification));
	const char *lost;

	job->device = device_copy(device);
	job->gateway = gateway_find(device->gateway);
	job->test_done = done;
	job->test_data = data;
	lost = pimap_reach(dispatcher->registry, job->device);
	if (lost != NULL)
		g_set_error_literal(&job->error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, lost);
	else if (job->gateway == NULL)
		g_set_error_literal(&job->error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
				    "the device has not set both a channel and an address");
	else if (device_face(device->dialect) == FACE_PIMAP &&
		 !pimap_device_allowed(job->context->config, device))
		g_set_error_literal(&job->error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
				    "the device's channel or format is not in section [pimap]");
	if (job->error != NULL) {
		unsendable(job);
		return;
	}
	begin(job);
	dispatch_flush(dispatcher);
}

/* --- life ---------------------------------------------------------------- */

static gboolean prepared_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	return callback(data);
}

static GSourceFuncs prepared_funcs = {.dispatch = prepared_dispatch};

void dispatch_begin(struct dispatcher *dispatcher)
{
	dispatcher->threads = MAX(g_get_num_processors(), 2);
	dispatcher->to_prepare = g_ptr_array_new();
	g_queue_init(&dispatcher->jobs);
	g_queue_init(&dispatcher->unwritten);
	dispatcher->prepared = g_async_queue_new();
	dispatcher->prepared_source = g_source_new(&prepared_funcs, sizeof(GSource));
	g_source_set_callback(dispatcher->prepared_source, send_prepared, dispatcher, NULL);
	g_source_attach(dispatcher->prepared_source, g_main_context_get_thread_default());
	dispatcher->pool =
		g_thread_pool_new(prepare_work, dispatcher, (gint)dispatcher->threads, TRUE, NULL);
}

void dispatch_end(struct dispatcher *dispatcher)
{
	struct outcome outcome = {.kind = OUTCOME_RETRY, .retry_after_us = -1};
	struct job *job;
	GList *link;

	g_atomic_int_set(&dispatcher->quit, 1);
	g_thread_pool_free(dispatcher->pool, FALSE, TRUE);
	g_ptr_array_unref(dispatcher->to_prepare);
	g_clear_handle_id(&dispatcher->rewrite, g_source_remove);
	g_source_destroy(dispatcher->prepared_source);
	g_source_unref(dispatcher->prepared_source);
	outcome.detail = (char *)"the bridge is being stopped";
	for (GList *next, *l = dispatcher->jobs.head; l != NULL; l = next) {
		next = l->next;
		job = l->data;
		if (job->test_done != NULL) {
			job->test_done(job->device, &outcome, job->test_data);
			job->test_done = NULL;
		}
	}
	while ((job = g_async_queue_try_pop(dispatcher->prepared)) != NULL)
		job_free(job);
	g_async_queue_unref(dispatcher->prepared);
	while ((job = g_queue_pop_head(&dispatcher->unwritten)) != NULL)
		job_free(job);
	/* The others have a callback to come, from the HTTP client or the queue. */
	while ((link = g_queue_pop_head_link(&dispatcher->jobs)) != NULL) {
		job = link->data;
		job_lighten(job); /* or it would keep the HTTP client that it waits for */
		job->dispatcher = NULL;
		job->lane = NULL;
	}
}
