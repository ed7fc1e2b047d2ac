#include "intake-batch.h"
#include "intake-private.h"
#include "limits.h"
#include "peer-rule.h"
#include "pimap-profile.h"
#include "pimap-reach.h"
#include "router.h"
#include "store.h"
#include "webhook-device.h"

#include <string.h>

/* Where the events of one user's mailboxes go. */
struct target {
	char *user;
	gboolean public;
	gboolean denied; /* somebody else's mailbox, whom this peer may not speak for */
	GPtrArray *devices;
	GPtrArray *routes; /* struct route * */
};

struct route {
	const struct device *device; /* borrowed of target->devices or intake->hooks */
	char *lane;
};

struct batch {
	struct intake *intake; /* a reference */
	struct gateway_context *context;
	GPtrArray *hooks;
	char *user;
	char *key; /* for the queue's memory of batches */
	uid_t peer;
	const char *source;
	gboolean denied;  /* whatever else it says */
	const char *busy; /* why it is to come again; NULL = it is not */
	gint64 now_us;
	guint count, seen;
	gsize bytes;
	guint kinds[PUSH_EVENT_KIND_COUNT];
	guint owner_denied;
	GPtrArray *targets; /* struct target *; hardly ever more than one or two */

	struct router_out *out;
	gsize held; /* of intake->bytes */
	batch_done done;
	gpointer done_data;
};

static void route_free(gpointer data)
{
	struct route *route = data;

	g_free(route->lane);
	g_free(route);
}

static void target_free(gpointer data)
{
	struct target *target = data;

	g_free(target->user);
	if (target->devices != NULL)
		g_ptr_array_unref(target->devices);
	g_ptr_array_unref(target->routes);
	g_free(target);
}

void batch_free(struct batch *batch)
{
	if (batch == NULL)
		return;
	batch->intake->bytes -= batch->held;
	g_ptr_array_unref(batch->targets);
	router_out_free(batch->out);
	g_ptr_array_unref(batch->hooks);
	gateway_context_unref(batch->context);
	g_free(batch->user);
	g_free(batch->key);
	intake_unref(batch->intake);
	g_free(batch);
}

static gboolean batch_id_valid(const char *id)
{
	return id != NULL && strlen(id) == LIMIT_BATCH_ID &&
	       strspn(id, "0123456789abcdef") == LIMIT_BATCH_ID;
}

/* What the queue remembers. Not the id alone: file names in the spool can be
 * read, and nobody shall get another user's batch forgotten by sending one of
 * their own under its id first. */
static char *batch_key(const char *user, const char *id)
{
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);

	g_checksum_update(checksum, (const guchar *)id, LIMIT_BATCH_ID);
	g_checksum_update(checksum, (const guchar *)user, (gssize)strlen(user));
	return g_strndup(g_checksum_get_string(checksum), LIMIT_BATCH_ID);
}

/* Its events are read to the last all the same, since the answer comes after. */
static void be_busy(struct batch *batch, const char *why)
{
	batch->busy = why;
	router_out_free(batch->out);
	batch->out = router_out_new();
}

/* May the peer speak for that user? If nobody can tell, the batch is to come again. */
static gboolean may_speak_for(struct batch *batch, const char *user)
{
	enum peer_verdict verdict =
		peer_may_speak_for(batch->context->config->mail_uids, batch->peer, user);

	if (verdict == PEER_UNKNOWN)
		be_busy(batch, PEER_UNKNOWN_TEXT);
	return verdict != PEER_MAY_NOT;
}

struct batch *batch_new(struct intake *intake, const struct tabline_field *fields, gsize count,
			uid_t peer, const char *source, const char **error_r)
{
	const char *id = tabline_get(fields, count, "batch");
	const char *user = tabline_get(fields, count, "user");
	guint32 events;
	struct batch *batch;

	if (!batch_id_valid(id)) {
		*error_r = "batch is not 32 hexadecimal digits";
		return NULL;
	}
	if (user == NULL || *user == '\0' || strlen(user) > LIMIT_USER) {
		*error_r = "user is missing or too long";
		return NULL;
	}
	if (!tabline_parse_u32(tabline_get(fields, count, "count"), &events) || events == 0 ||
	    events > LIMIT_BATCH_EVENTS) {
		*error_r = "count is not a number from 1 to 1024";
		return NULL;
	}
	batch = g_new0(struct batch, 1);
	batch->intake = intake_ref(intake);
	batch->context = gateway_context_ref(intake->context);
	batch->hooks = g_ptr_array_ref(intake->hooks);
	batch->user = g_strdup(user);
	batch->key = batch_key(user, id);
	batch->peer = peer;
	batch->source = source;
	batch->now_us = g_get_real_time();
	batch->count = events;
	batch->targets = g_ptr_array_new_with_free_func(target_free);
	batch->out = router_out_new();
	batch->denied = !may_speak_for(batch, user);
	return batch;
}

guint batch_missing(const struct batch *batch)
{
	return batch->count - batch->seen;
}

/* --- routing ------------------------------------------------------------- */

static void add_route(struct target *target, const struct device *device, char *lane)
{
	struct route *route;

	if (lane == NULL)
		return;
	route = g_new0(struct route, 1);
	route->device = device;
	route->lane = lane;
	g_ptr_array_add(target->routes, route);
}

static struct target *target_new(struct batch *batch, const char *user, gboolean public)
{
	struct intake *intake = batch->intake;
	struct target *target = g_new0(struct target, 1);

	target->user = g_strdup(user);
	target->public = public;
	target->routes = g_ptr_array_new_with_free_func(route_free);
	target->denied = strcmp(user, batch->user) != 0 && !may_speak_for(batch, user);
	if (target->denied)
		return target;
	/* A public mailbox is nobody's: only webhooks hear of it. */
	if (!public)
		target->devices = intake->registry->backend->active(intake->registry, user);
	for (guint i = 0; target->devices != NULL && i < target->devices->len; i++) {
		struct device *device = g_ptr_array_index(target->devices, i);
		const struct gateway *gateway = gateway_find(device->gateway);
		const char *lost;

		if (device_face(device->dialect) == FACE_PIMAP &&
		    !pimap_device_allowed(batch->context->config, device))
			continue;
		lost = pimap_reach(intake->registry, device);
		if (lost != NULL) {
			intake->registry->backend->mark_failed(intake->registry, device->id, lost);
			continue;
		}
		if (gateway != NULL)
			add_route(target, device, gateway->lane(batch->context, device));
	}
	for (guint i = 0; i < batch->hooks->len; i++) {
		const struct webhook_device *hook = g_ptr_array_index(batch->hooks, i);

		if (webhook_device_concerns(hook, user))
			add_route(target, hook->device, g_strdup(hook->lane));
	}
	return target;
}

static struct target *find_target(struct batch *batch, const struct push_event *event)
{
	const char *user = router_target(event);
	gboolean public = user == NULL;
	struct target *target;

	if (public)
		user = event->user;
	for (guint i = 0; i < batch->targets->len; i++) {
		target = g_ptr_array_index(batch->targets, i);
		if (strcmp(target->user, user) == 0 && target->public == public)
			return target;
	}
	target = target_new(batch, user, public);
	g_ptr_array_add(batch->targets, target);
	return target;
}

static void account(struct batch *batch)
{
	struct intake *intake = batch->intake;

	/* One by itself is taken whatever its size: no later time would suit it better. */
	if (intake->bytes - batch->held + batch->out->bytes > LIMIT_INTAKE_BYTES &&
	    intake->bytes > batch->held)
		be_busy(batch, "too many events are being taken");
	intake->bytes += batch->out->bytes - batch->held;
	batch->held = batch->out->bytes;
}

static gboolean may_wake(const struct batch *batch, const struct device *device,
			 const struct push_event *event)
{
	struct intake *intake = batch->intake;
	const char *mailbox = router_mailbox(event);
	g_autofree char *filter = NULL;
	struct router_standing standing = {0};

	if (device_face(device->dialect) != FACE_PIMAP)
		return TRUE;
	if (mailbox == NULL || !router_wants(device, event))
		return FALSE;
	filter = intake->registry->backend->attached(intake->registry, device->id, mailbox);
	standing.filter = filter;
	standing.listening = presence_listens(intake->presence, device->id, batch->now_us);
	return router_wakes(device, &standing, event, batch->now_us);
}

static void route_event(struct batch *batch, const struct push_event *event)
{
	const struct config *config = batch->context->config;
	struct router_settings settings = {
		.arrival_delay_us = config->arrival_delay_us,
		.state_delay_us = config->state_delay_us,
		.apple_delay_us = config->apple_delay_us,
		.arrival_ttl_us = config->arrival_ttl_us,
		.state_ttl_us = config->state_ttl_us,
	};
	struct target *target = find_target(batch, event);

	if (target->denied)
		batch->owner_denied++;
	for (guint i = 0; i < target->routes->len && batch->busy == NULL; i++) {
		struct route *route = g_ptr_array_index(target->routes, i);

		if (!may_wake(batch, route->device, event))
			continue;
		router_route(&settings, route->device, route->lane, target->user, event,
			     batch->now_us, batch->out);
		account(batch);
	}
}

static gsize fields_bytes(const struct tabline_field *fields, gsize count)
{
	gsize bytes = 0;

	for (gsize i = 0; i < count; i++) {
		bytes += strlen(fields[i].value) + 1;
		if (fields[i].key != NULL)
			bytes += strlen(fields[i].key) + 1;
	}
	return bytes;
}

gboolean batch_add(struct batch *batch, const struct tabline_field *fields, gsize count,
		   const char **error_r)
{
	struct push_event event;
	enum push_event_result result;

	batch->bytes += fields_bytes(fields, count);
	if (batch->bytes > LIMIT_BATCH_BYTES) {
		*error_r = "batch is larger than 1 MiB";
		return FALSE;
	}
	result = push_event_from_fields(fields, count, &event);
	if (result != PUSH_EVENT_OK) {
		*error_r = push_event_strerror(result);
		return FALSE;
	}
	if (strcmp(event.user, batch->user) != 0) {
		*error_r = "an event has another user than its batch";
		return FALSE;
	}
	batch->seen++;
	batch->kinds[event.kind]++;
	if (!batch->denied && batch->busy == NULL)
		route_event(batch, &event);
	return TRUE;
}

/* --- into the queue ------------------------------------------------------ */

static void finish(struct batch *batch, const char *code, const char *text, guint queued)
{
	struct intake *intake = batch->intake;

	if (!intake->closed) {
		metrics_batch(intake->metrics, batch->source, code != NULL ? code : "ok");
		for (guint kind = 0; code == NULL && kind < PUSH_EVENT_KIND_COUNT; kind++) {
			for (guint i = 0; i < batch->kinds[kind]; i++)
				metrics_event_in(intake->metrics, (enum push_event_kind)kind,
						 batch->source);
		}
		for (guint i = 0; code == NULL && i < batch->owner_denied; i++)
			metrics_dropped(intake->metrics, "owner-denied");
	}
	batch->done(code, text, queued, batch->done_data);
	intake_end(intake);
	batch_free(batch);
}

static void on_disk(const GError *error, gpointer data)
{
	struct batch *batch = data;
	struct intake *intake = batch->intake;

	if (error != NULL) {
		finish(batch, intake_store_code(error), error->message, 0);
		return;
	}
	for (guint i = 0; !intake->closed && i < batch->out->list->len; i++) {
		const struct notification *notification = g_ptr_array_index(batch->out->list, i);

		dispatcher_wake(intake->dispatcher, notification->lane, notification->due_us);
	}
	finish(batch, NULL, NULL, batch->out->list->len);
}

void batch_put(struct batch *batch, batch_done done, gpointer data)
{
	struct intake *intake = batch->intake;
	g_autoptr(GError) error = NULL;

	intake_begin(intake);
	batch->done = done;
	batch->done_data = data;
	if (batch->denied) {
		g_autofree char *text = g_strdup_printf(
			"uid %u may not speak for user %s; see mail-uids= in the bridge's "
			"configuration",
			(guint)batch->peer, batch->user);

		finish(batch, "denied", text, 0);
		return;
	}
	if (batch->busy != NULL) {
		finish(batch, "busy", batch->busy, 0);
		return;
	}
	if (batch->out->list->len == 0) {
		finish(batch, NULL, NULL, 0);
		return;
	}
	if (!intake->queue->backend->put(intake->queue, batch->key, batch->out->list, on_disk,
					 batch, &error))
		finish(batch, intake_store_code(error), error->message, 0);
}
