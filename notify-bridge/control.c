#include "control.h"
#include "control-json.h"
#include "control-status.h"
#include "control-test.h"
#include "extended.h"
#include "gateway-context.h"
#include "limits.h"
#include "pimap-command.h"
#include "queue.h"
#include "registry.h"
#include "store.h"
#include "webhook-device.h"

#include <string.h>
#include <sys/random.h>

/* Beyond the gateway's own time-out, for what happens around the request. */
#define TEST_GRACE_SECS 5

struct control {
	struct control_parts parts; /* its context is ours: a reference */
	struct line_server *server;
	gint64 started;  /* unix seconds */
	GList *requests; /* struct request *: those that wait for an answer */
};

/* A request whose answer comes later. */
struct request {
	struct control *control; /* NULL once that is gone */
	struct line_peer *peer;
	char *id;
	char *user;
	struct control_test *test;
	const char *command; /* what a device is to be told; NULL = nothing */
};

/* --- answers ---------------------------------------------------------------- */

static void answer_error(struct line_peer *peer, const char *id, const GError *error)
{
	const char *code = "unavailable";

	if (g_error_matches(error, STORE_ERROR, STORE_ERROR_NOT_FOUND))
		code = "notfound";
	else if (g_error_matches(error, STORE_ERROR, STORE_ERROR_BUSY))
		code = "busy";
	else if (g_error_matches(error, STORE_ERROR, STORE_ERROR_REFUSED))
		code = "refused";
	else if (g_error_matches(error, STORE_ERROR, STORE_ERROR_LIMIT))
		code = "limit";
	else if (error->domain == STORE_ERROR)
		code = "full";
	line_peer_no(peer, id, code, error->message);
}

/* `limit` of a request, LIMIT_CONTROL_ROWS at most; FALSE if it is no number. */
static gboolean get_limit(const struct control_call *call, guint *limit_r)
{
	const char *text = control_call_get(call, "limit");
	guint32 limit = LIMIT_CONTROL_ROWS;

	if (text != NULL && (!tabline_parse_u32(text, &limit) || limit == 0))
		return FALSE;
	*limit_r = MIN(limit, LIMIT_CONTROL_ROWS);
	return TRUE;
}

/* --- requests that wait ----------------------------------------------------- */

static struct request *request_new(struct control *control, const struct control_call *call)
{
	struct request *request = g_new0(struct request, 1);

	request->control = control;
	request->peer = line_peer_ref(call->peer);
	request->id = g_strdup(call->id);
	request->user = g_strdup(control_call_get(call, "user"));
	control->requests = g_list_prepend(control->requests, request);
	return request;
}

static void request_free(struct request *request)
{
	if (request->control != NULL)
		request->control->requests = g_list_remove(request->control->requests, request);
	control_test_cancel(&request->test);
	line_peer_unref(request->peer);
	g_free(request->id);
	g_free(request->user);
	g_free(request);
}

/* --- STATUS ------------------------------------------------------------------ */

static gboolean do_status(gpointer data, const struct control_call *call)
{
	struct control *control = data;

	control_answer(call->peer, "OK", call->id,
		       control_status(&control->parts, control->started,
				      g_get_real_time() / G_USEC_PER_SEC));
	return TRUE;
}

/* --- QUEUE, DEVICES, DEVICE -------------------------------------------------- */

static gboolean do_queue(gpointer data, const struct control_call *call)
{
	struct control *control = data;
	struct registry *registry = control->parts.registry;
	struct queue *queue = control->parts.queue;
	JsonBuilder *builder;
	gsize written = 0;
	guint limit, i;

	if (!get_limit(call, &limit))
		return control_call_bad(call, "limit is no number");
	g_autoptr(GPtrArray) rows =
		queue->backend->list(queue, control_call_get(call, "user"), limit);
	for (i = 0; rows != NULL && i < rows->len && written < LIMIT_CONTROL_PAGE; i++) {
		const struct notification *row = g_ptr_array_index(rows, i);
		g_autoptr(device_t) device = registry->backend->get(registry, row->device);

		builder = json_builder_new();
		control_json_notification(builder, row, device);
		written +=
			control_answer(call->peer, "ITEM", call->id, control_json_finish(builder));
	}
	builder = control_json_begin();
	control_json_int(builder, "shown", i);
	control_answer(call->peer, "OK", call->id, control_json_end(builder));
	return TRUE;
}

/* A webhook's row has an id and what became of pushes; the rest is in the config. FALSE
 * if the config has it no more. */
static gboolean complete_webhook(const GPtrArray *hooks, struct device *device)
{
	const struct device *hook;

	if (!device_is_webhook(device))
		return TRUE;
	hook = webhook_devices_find(hooks, device->id);
	if (hook == NULL)
		return FALSE;
	device->events = hook->events;
	device->content = hook->content;
	g_strfreev(device->mailboxes);
	device->mailboxes = g_strdupv(hook->mailboxes);
	return TRUE;
}

/* A device of Push-IMAP: which filters it has attached. */
static void add_filters(const struct control *control, JsonBuilder *builder,
			const struct device *device)
{
	struct registry *registry = control->parts.registry;
	g_autoptr(GPtrArray) attachments = NULL;

	if (device_face(device->dialect) != FACE_PIMAP)
		return;
	attachments = registry->backend->attachments(registry, device->id);
	control_json_filters(builder, attachments);
	if (device->dialect == DIALECT_EXTENDED) {
		struct registry_key key;

		registry->backend->key(registry, device->id, &key);
		control_json_text(builder, "key",
				  key.waits     ? "a new one waits to be fetched"
				  : key.fetched ? "fetched"
						: "none");
	}
}

static gboolean do_devices(gpointer data, const struct control_call *call)
{
	struct control *control = data;
	struct registry *registry = control->parts.registry;
	const char *after_text = control_call_get(call, "after");
	JsonBuilder *builder;
	guint64 after = 0;
	gsize written = 0;
	guint limit, i;

	if (!get_limit(call, &limit))
		return control_call_bad(call, "limit is no number");
	if (after_text != NULL && (!tabline_parse_u64(after_text, &after) || after > G_MAXINT64))
		return control_call_bad(call, "after is no number");
	g_autoptr(GPtrArray) rows = registry->backend->list(
		registry, control_call_get(call, "user"), (gint64)after, limit);
	g_autoptr(GPtrArray) hooks = webhook_devices_new(control->parts.context, registry);
	for (i = 0; i < rows->len && written < LIMIT_CONTROL_PAGE; i++) {
		struct device *row = g_ptr_array_index(rows, i);

		after = (guint64)row->id;
		if (!complete_webhook(hooks, row))
			continue;
		builder = json_builder_new();
		control_json_device(builder, row, control->parts.context->vapid, FALSE);
		add_filters(control, builder, row);
		written += control_answer(call->peer, "ITEM", call->id, control_json_end(builder));
	}
	builder = control_json_begin();
	/* Where the next page begins; none if this one was not full. */
	if (i > 0 && (i < rows->len || rows->len == limit))
		control_json_int(builder, "after", (gint64)after);
	control_answer(call->peer, "OK", call->id, control_json_end(builder));
	return TRUE;
}

/* The device that a request names, or NULL with the answer given. */
static struct device *find_device(struct control *control, const struct control_call *call)
{
	struct registry *registry = control->parts.registry;
	struct device *device = registry->backend->find(registry, control_call_get(call, "user"),
							control_call_get(call, "device"));

	if (device == NULL)
		line_peer_no(call->peer, call->id, "notfound",
			     "no such device; fantailctl devices USER lists them");
	return device;
}

static gboolean do_device(gpointer data, const struct control_call *call)
{
	struct control *control = data;
	const struct control_parts *parts = &control->parts;
	g_autofree char *lane = NULL;
	JsonBuilder *builder;

	g_autoptr(device_t) device = find_device(control, call);
	if (device == NULL)
		return TRUE;
	g_autoptr(GPtrArray) hooks = webhook_devices_new(parts->context, parts->registry);
	if (!complete_webhook(hooks, device)) {
		line_peer_no(call->peer, call->id, "notfound",
			     "the configuration has this webhook no more");
		return TRUE;
	}
	builder = json_builder_new();
	control_json_device(builder, device, parts->context->vapid,
			    g_strcmp0(control_call_get(call, "full"), "yes") == 0);
	add_filters(control, builder, device);
	const struct gateway *gateway = gateway_find(device->gateway);
	if (gateway != NULL)
		lane = gateway->lane(parts->context, device);
	control_json_text(builder, "lane", lane);
	control_answer(call->peer, "OK", call->id, control_json_end(builder));
	return TRUE;
}

/* --- HELD ---------------------------------------------------------------------- */

static gboolean do_held(gpointer data, const struct control_call *call)
{
	struct control *control = data;
	struct registry *registry = control->parts.registry;
	gboolean full = g_strcmp0(control_call_get(call, "full"), "yes") == 0;
	gsize written = 0;
	guint limit, shown = 0;

	if (!get_limit(call, &limit))
		return control_call_bad(call, "limit is no number");
	g_autoptr(GPtrArray) pushes =
		held_pushes_list(dispatcher_held(control->parts.dispatcher),
				 control_call_get(call, "user"), g_get_real_time());
	for (guint i = 0; i < pushes->len && shown < limit && written < LIMIT_CONTROL_PAGE; i++) {
		const struct held_push *push = g_ptr_array_index(pushes, i);
		g_autoptr(device_t) device = registry->backend->get(registry, push->device);
		JsonBuilder *builder;

		if (device == NULL)
			continue; /* what is forgotten is not to be seen again */
		builder = json_builder_new();
		control_json_held(builder, push, full);
		written +=
			control_answer(call->peer, "ITEM", call->id, control_json_finish(builder));
		shown++;
	}
	JsonBuilder *end = control_json_begin();
	control_json_int(end, "shown", shown);
	control_answer(call->peer, "OK", call->id, control_json_end(end));
	return TRUE;
}

/* --- SUBSCRIBE --------------------------------------------------------------- */

static void enrolled(const struct device *device, const GError *error, gpointer data)
{
	struct request *request = data;

	if (error != NULL) {
		answer_error(request->peer, request->id, error);
	} else {
		g_message("operator (uid %u) registered device %s of %s",
			  (guint)line_peer_uid(request->peer), device->device, device->user);
		control_answer_empty(request->peer, request->id);
	}
	request_free(request);
}

/* Why this cannot be registered; NULL = it can. */
static char *not_to_be_enrolled(struct control *control, const struct control_call *call,
				const struct gateway *gateway)
{
	struct registry *registry = control->parts.registry;
	const char *user = control_call_get(call, "user"),
		   *endpoint = control_call_get(call, "endpoint");
	g_autoptr(device_t) known = NULL;
	g_autoptr(GError) error = NULL;

	if (*user == '\0' || strlen(user) > LIMIT_USER)
		return g_strdup_printf("a user's name has 1 to %d octets", LIMIT_USER);
	if (!device_id_valid(control_call_get(call, "device")))
		return g_strdup("a device's name is 1 to 64 printable ASCII characters");
	if (gateway == NULL)
		return g_strdup("not an address that a gateway of operators' devices knows; write "
				"sms:+491701234567");
	if (!gateway->check(control->parts.context, endpoint, &error))
		return g_strdup(error->message);
	/* Somebody's app, which would go deaf. */
	known = registry->backend->find(registry, user, control_call_get(call, "device"));
	if (known != NULL && known->state != DEVICE_DEAD &&
	    strcmp(known->gateway, gateway->name) != 0)
		return g_strdup_printf("there is such a device already, by %s; fantailctl devices "
				       "revoke it first",
				       known->gateway);
	return NULL;
}

/* What users' devices do over IMAP an operator does for those that cannot: phones that
 * speak SyncML and nothing else of ours. */
static gboolean do_subscribe(gpointer data, const struct control_call *call)
{
	struct control *control = data;
	struct registry *registry = control->parts.registry;
	const char *endpoint = control_call_get(call, "endpoint");
	struct device like = {
		.user = (char *)control_call_get(call, "user"),
		.device = (char *)control_call_get(call, "device"),
		.endpoint = (char *)endpoint,
		.events = PUSH_EVENT_KIND_BIT(PUSH_EVENT_DATA_CHANGE),
	};

	if (endpoint == NULL)
		return control_call_bad(call, "endpoint= is missing");
	const struct gateway *gateway = gateway_find_scheme(endpoint);
	g_autofree char *why = not_to_be_enrolled(control, call, gateway);
	if (why != NULL) {
		line_peer_no(call->peer, call->id, "refused", why);
		return TRUE;
	}
	like.gateway = (char *)gateway->name;
	registry->backend->enrol(registry, &like, g_get_real_time() / G_USEC_PER_SEC, enrolled,
				 request_new(control, call));
	return TRUE;
}

/* --- REVOKE, FLUSH ----------------------------------------------------------- */

static void rows_dropped(const GError *error, gpointer data)
{
	struct request *request = data;

	/* The device is gone all the same; its rows are dropped when they fall due. */
	if (error != NULL)
		g_warning("cannot drop what waits for a device of %s: %s, it goes when it is due",
			  request->user, error->message);
	control_answer_empty(request->peer, request->id);
	request_free(request);
}

static void revoked(const struct device *device, const GError *error, gpointer data)
{
	struct request *request = data;

	if (error != NULL) {
		answer_error(request->peer, request->id, error);
		request_free(request);
		return;
	}
	g_message("operator (uid %u) revoked device %s of %s", (guint)line_peer_uid(request->peer),
		  device->device, device->user);
	if (request->control == NULL) {
		request_free(request);
		return;
	}
	struct queue *queue = request->control->parts.queue;
	queue->backend->drop_device(queue, device->id, rows_dropped, request);
}

static gboolean do_revoke(gpointer data, const struct control_call *call)
{
	struct control *control = data;
	struct registry *registry = control->parts.registry;

	g_autoptr(device_t) device = find_device(control, call);
	if (device == NULL)
		return TRUE;
	if (device_is_webhook(device)) {
		line_peer_no(call->peer, call->id, "refused",
			     "a webhook is removed from the configuration, then reload");
		return TRUE;
	}
	registry->backend->remove(registry, device->user, device->device, revoked,
				  request_new(control, call));
	return TRUE;
}

/* --- LOCK, UNLOCK, NEWKEY ------------------------------------------------------ */

/* What was asked for is done; `why`: but the device is not told. */
static void commanded(struct request *request, const char *why)
{
	JsonBuilder *builder = control_json_begin();

	control_json_bool(builder, "told", request->command != NULL && why == NULL);
	control_json_text(builder, "why", why);
	control_answer(request->peer, "OK", request->id, control_json_end(builder));
	request_free(request);
}

static void command_queued(const GError *error, gpointer data)
{
	struct request *request = data;

	if (error == NULL && request->control != NULL)
		dispatcher_wake_all(request->control->parts.dispatcher);
	commanded(request, error != NULL ? error->message : NULL);
}

static void tell(struct request *request, const struct device *device)
{
	const struct control_parts *parts = &request->control->parts;
	g_autoptr(GPtrArray) out =
		g_ptr_array_new_with_free_func((GDestroyNotify)notification_free);
	g_autoptr(GError) error = NULL;
	struct notification *notification;
	const char *why = NULL;

	notification = pimap_command(parts->context, parts->registry, device, request->command,
				     g_get_real_time(), &why);
	if (notification == NULL) {
		commanded(request, why);
		return;
	}
	g_ptr_array_add(out, notification);
	if (!parts->queue->backend->put(parts->queue, NULL, out, command_queued, request, &error))
		commanded(request, error->message);
}

static void lock_changed(const struct device *device, const GError *error, gpointer data)
{
	struct request *request = data;

	if (error != NULL) {
		answer_error(request->peer, request->id, error);
		request_free(request);
		return;
	}
	g_message("operator (uid %u): %s, device %s of %s", (guint)line_peer_uid(request->peer),
		  request->command != NULL ? request->command : "unlocked", device->device,
		  device->user);
	if (request->control != NULL && request->command != NULL)
		tell(request, device);
	else
		commanded(request, NULL);
}

static gboolean lock_or_not(gpointer data, const struct control_call *call, gboolean locked)
{
	struct control *control = data;
	struct registry *registry = control->parts.registry;
	struct request *request = request_new(control, call);

	request->command = locked ? PIMAP_LOCK_DOWN : NULL;
	registry->backend->lock(registry, request->user, control_call_get(call, "device"), locked,
				lock_changed, request);
	return TRUE;
}

static gboolean do_lock(gpointer data, const struct control_call *call)
{
	return lock_or_not(data, call, TRUE);
}

static gboolean do_unlock(gpointer data, const struct control_call *call)
{
	return lock_or_not(data, call, FALSE);
}

static gboolean do_newkey(gpointer data, const struct control_call *call)
{
	struct control *control = data;
	struct registry *registry = control->parts.registry;
	guint8 fresh[EXTENDED_KEY];
	struct request *request;

	if (getrandom(fresh, sizeof(fresh), 0) != (ssize_t)sizeof(fresh)) {
		line_peer_no(call->peer, call->id, "unavailable", "no random numbers");
		return TRUE;
	}
	request = request_new(control, call);
	request->command = PIMAP_NEW_ENC_KEY;
	registry->backend->new_key(registry, request->user, control_call_get(call, "device"), fresh,
				   lock_changed, request);
	return TRUE;
}

static void flushed(const GError *error, gpointer data)
{
	struct request *request = data;

	if (error != NULL) {
		answer_error(request->peer, request->id, error);
	} else {
		if (request->control != NULL)
			dispatcher_wake_all(request->control->parts.dispatcher);
		control_answer_empty(request->peer, request->id);
	}
	request_free(request);
}

static gboolean do_flush(gpointer data, const struct control_call *call)
{
	struct control *control = data;
	struct queue *queue = control->parts.queue;

	queue->backend->flush(queue, control_call_get(call, "user"), flushed,
			      request_new(control, call));
	return TRUE;
}

/* --- TEST -------------------------------------------------------------------- */

static void tested_one(const struct device *device, const struct outcome *outcome, gint64 took_us,
		       gpointer data)
{
	struct request *request = data;
	JsonBuilder *builder = json_builder_new();

	control_json_outcome(builder, request->user, device, outcome, took_us);
	control_answer(request->peer, "ITEM", request->id, control_json_finish(builder));
}

static void tested_all(gpointer data)
{
	struct request *request = data;

	request->test = NULL;
	control_answer_empty(request->peer, request->id);
	request_free(request);
}

static const struct control_test_handler test_handler = {
	.one = tested_one,
	.all = tested_all,
};

/* Devices to test: the named one in whatever state, else the user's active ones;
 * and the webhooks that concern the user, likewise. Owned. */
static GPtrArray *devices_to_test(struct control *control, const char *user, const char *name)
{
	struct registry *registry = control->parts.registry;
	GPtrArray *chosen = g_ptr_array_new_with_free_func((GDestroyNotify)device_free);
	g_autoptr(GPtrArray) hooks = webhook_devices_new(control->parts.context, registry);

	if (name != NULL) {
		struct device *device = registry->backend->find(registry, user, name);
		if (device != NULL)
			g_ptr_array_add(chosen, device);
	} else {
		g_autoptr(GPtrArray) active = registry->backend->active(registry, user);

		for (guint i = 0; active != NULL && i < active->len; i++)
			g_ptr_array_add(chosen, device_copy(g_ptr_array_index(active, i)));
	}
	for (guint i = 0; i < hooks->len; i++) {
		const struct webhook_device *hook = g_ptr_array_index(hooks, i);

		if ((name == NULL || strcmp(name, hook->device->device) == 0) &&
		    webhook_device_concerns(hook, user))
			g_ptr_array_add(chosen, device_copy(hook->device));
	}
	if (chosen->len > LIMIT_CONTROL_TEST)
		g_ptr_array_set_size(chosen, LIMIT_CONTROL_TEST);
	return chosen;
}

static gboolean do_test(gpointer data, const struct control_call *call)
{
	struct control *control = data;
	const char *user = control_call_get(call, "user"), *name = control_call_get(call, "device");
	g_autoptr(GPtrArray) devices = devices_to_test(control, user, name);

	if (devices->len == 0) {
		line_peer_no(call->peer, call->id, "notfound",
			     name != NULL ? "no such device; fantailctl devices USER lists them"
					  : "no active device and no webhook for this user");
		return TRUE;
	}
	struct request *request = request_new(control, call);
	request->test =
		control_test_new(control->parts.dispatcher, user, devices,
				 control->parts.context->config->timeout_secs + TEST_GRACE_SECS,
				 &test_handler, request);
	return TRUE;
}

/* --- RELOAD ------------------------------------------------------------------ */

static gboolean do_reload(gpointer data, const struct control_call *call)
{
	struct control *control = data;
	g_autoptr(GError) error = NULL;

	if (control->parts.reload(control->parts.reload_data, &error))
		control_answer_empty(call->peer, call->id);
	else
		line_peer_no(call->peer, call->id, "config", error->message);
	return TRUE;
}

/* ------------------------------------------------------------------------------ */

static const struct control_verb verbs[] = {
	{"DEVICE", TRUE, TRUE, do_device},       {"DEVICES", FALSE, FALSE, do_devices},
	{"FLUSH", FALSE, FALSE, do_flush},       {"HELD", FALSE, FALSE, do_held},
	{"QUEUE", FALSE, FALSE, do_queue},       {"RELOAD", FALSE, FALSE, do_reload},
	{"REVOKE", TRUE, TRUE, do_revoke},       {"STATUS", FALSE, FALSE, do_status},
	{"SUBSCRIBE", TRUE, TRUE, do_subscribe}, {"TEST", TRUE, FALSE, do_test},
	{"LOCK", TRUE, TRUE, do_lock},           {"UNLOCK", TRUE, TRUE, do_unlock},
	{"NEWKEY", TRUE, TRUE, do_newkey},
};

static gboolean take_line(struct line_peer *peer, const struct tabline_field *fields, gsize count,
			  gpointer data)
{
	return control_call_run(verbs, G_N_ELEMENTS(verbs), peer, fields, count, data);
}

static void peer_closed(struct line_peer *peer, gpointer data)
{
	/* Whatever it asked for is done all the same; only its answer goes nowhere. */
}

static const struct line_server_handler line_handler = {
	.line = take_line,
	.closed = peer_closed,
};

struct control *control_new(const struct control_parts *parts)
{
	struct control *control = g_new0(struct control, 1);

	control->parts = *parts;
	gateway_context_ref(control->parts.context);
	control->started = g_get_real_time() / G_USEC_PER_SEC;
	return control;
}

gboolean control_listen(struct control *control, int fd, GError **error)
{
	const struct config *config = control->parts.context->config;
	const struct line_server_settings settings = {
		.path = config->control_socket,
		.mode = config->control_mode,
		.fd = fd,
		.max_connections = LIMIT_CONTROL_CONNECTIONS,
		.idle_secs = LIMIT_INTAKE_IDLE_SECS,
	};

	control->server = line_server_new(&settings, &line_handler, control, error);
	return control->server != NULL;
}

void control_set_context(struct control *control, struct gateway_context *context)
{
	gateway_context_ref(context);
	gateway_context_unref(control->parts.context);
	control->parts.context = context;
}

void control_free(struct control **control)
{
	struct control *self = *control;

	if (self == NULL)
		return;
	*control = NULL;
	for (GList *link = self->requests; link != NULL;) {
		struct request *request = link->data;

		link = link->next;
		/* A test ends here; what waits for the disk frees itself when it is done. */
		if (request->test != NULL)
			request_free(request);
		else
			request->control = NULL;
	}
	g_list_free(self->requests);
	line_server_free(&self->server);
	gateway_context_unref(self->parts.context);
	g_free(self);
}
