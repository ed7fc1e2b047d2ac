/*
 * SUBSCRIBE on the mail socket: what it says, and its road into the registry. What
 * the person at the other end may have got wrong is answered `refused` or `limit`
 * with words for them; `bad` is for what only a bug in our client sends.
 */
#include "base64url.h"
#include "intake-private.h"
#include "limits.h"
#include "url-guard.h"
#include "vapid.h"
#include "webpush-crypto.h"

#include <string.h>
#include <sys/random.h>

/* A SUBSCRIBE under way: its endpoint is being looked up, or it is being stored. */
struct registration {
	struct intake *intake;
	struct gateway_context *context;
	struct line_peer *peer;
	char *id;
	struct device *device;
	struct url_parts parts;
	GCancellable *cancellable;
	guint timeout;
};

static void registration_free(struct registration *registration)
{
	g_clear_handle_id(&registration->timeout, g_source_remove);
	g_clear_object(&registration->cancellable);
	url_parts_clear(&registration->parts);
	device_free(registration->device);
	g_free(registration->id);
	line_peer_unref(registration->peer);
	gateway_context_unref(registration->context);
	intake_end(registration->intake);
	g_free(registration);
}

/* --- what it says --------------------------------------------- */

static gboolean label_valid(const char *label)
{
	return label == NULL ||
	       (strlen(label) <= LIMIT_DEVICE_LABEL && g_utf8_validate(label, -1, NULL));
}

static gboolean parse_events(const char *text, push_event_kinds *kinds_r)
{
	g_auto(GStrv) names = NULL;
	push_event_kinds kinds = 0;

	if (text == NULL) {
		*kinds_r = PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_NEW);
		return TRUE;
	}
	names = g_strsplit(text, " ", PUSH_EVENT_KIND_COUNT * 2);
	for (char **name = names; *name != NULL; name++) {
		enum push_event_kind kind;

		if (**name == '\0')
			continue;
		if (!push_event_kind_parse(*name, &kind))
			return FALSE;
		kinds |= PUSH_EVENT_KIND_BIT(kind);
	}
	if (kinds == 0)
		return FALSE;
	*kinds_r = kinds;
	return TRUE;
}

/* NULL and no text: every mailbox. */
static char **parse_mailboxes(const struct request *request, const char **error_r)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	gsize bytes = 0;

	for (gsize i = 0; i < request->count; i++) {
		const char *name = request->fields[i].value;

		if (request->fields[i].key == NULL ||
		    strcmp(request->fields[i].key, "mailbox") != 0)
			continue;
		bytes += strlen(name);
		if (*name == '\0' || strlen(name) > LIMIT_MAILBOX ||
		    !g_utf8_validate(name, -1, NULL)) {
			*error_r = "a mailbox name is empty, too long or not UTF-8";
			return NULL;
		}
		if (names->len == LIMIT_FILTER_MAILBOXES || bytes > LIMIT_FILTER_BYTES) {
			*error_r =
				"too many mailboxes in one subscription; use names that end in *";
			return NULL;
		}
		g_ptr_array_add(names, g_strdup(name));
	}
	if (names->len == 0)
		return NULL;
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

/* The device that the request describes. NULL and the answer's code and text. */
static struct device *parse_device(const struct request *request, const char **code_r,
				   char **text_r)
{
	g_autoptr(device_t) device = g_new0(struct device, 1);
	g_autoptr(GError) error = NULL;
	const char *endpoint = request_get(request, "endpoint"),
		   *dialect = request_get(request, "dialect");
	const char *content = request_get(request, "content"),
		   *msgtype = request_get(request, "msgtype");
	const char *text = NULL;

	*code_r = "refused";
	device->user = g_strdup(request->user);
	device->device = g_strdup(request_get(request, "device"));
	device->gateway = g_strdup("webpush");
	device->endpoint = g_strdup(endpoint);
	device->client = g_strdup(request_get(request, "client"));
	device->label = g_strdup(request_get(request, "label"));
	device->vapid_key = g_strdup(vapid_public_key(request->intake->context->vapid));
	device->content = g_strcmp0(content, "yes") == 0;

	if (g_strcmp0(request_get(request, "gateway"), "webpush") != 0) {
		*code_r = "unavailable";
		text = "this server has no such push gateway";
	} else if (!device_id_valid(device->device)) {
		text = "the subscription's name has to be 1 to 64 printable ASCII characters";
	} else if (dialect == NULL || !device_dialect_parse(dialect, &device->dialect) ||
		   device_face(device->dialect) != FACE_WEBPUSH) {
		text = "dialect is neither gougeon nor coi";
	} else if (content != NULL && !device->content && strcmp(content, "no") != 0) {
		text = "content is neither yes nor no";
	} else if (msgtype != NULL && !device_msgtype_parse(msgtype, &device->msgtype)) {
		text = "msgtype is none of all, chat and mail";
	} else if (!label_valid(device->client) || !label_valid(device->label)) {
		text = "a label is longer than 128 octets or not UTF-8";
	} else if (!parse_events(request_get(request, "events"), &device->events)) {
		text = "events names none, or one that is not in RFC 5423";
	} else if (endpoint == NULL || strlen(endpoint) > LIMIT_ENDPOINT) {
		text = "the endpoint is missing or longer than 1,000 octets";
	} else {
		device->mailboxes = parse_mailboxes(request, &text);
	}
	if (text != NULL) {
		*text_r = g_strdup(text);
		return NULL;
	}
	if (request_get(request, "p256dh") == NULL || request_get(request, "auth") == NULL) {
		*text_r = g_strdup("the keys p256dh and auth are missing");
		return NULL;
	}
	if (!webpush_parse_keys(request_get(request, "p256dh"), request_get(request, "auth"),
				device->p256dh, device->auth, &error)) {
		*text_r = g_strdup(error->message);
		return NULL;
	}
	return g_steal_pointer(&device);
}

static gboolean strv_equal0(char **a, char **b)
{
	static char *none[] = {NULL};

	return g_strv_equal((const char *const *)(a != NULL ? a : none),
			    (const char *const *)(b != NULL ? b : none));
}

/* Does the registry have it like that already, active? Phones say SUBSCRIBE each
 * time they connect, which then costs nobody anything. */
static gboolean already_active(struct intake *intake, const struct device *device)
{
	g_autoptr(device_t) known =
		intake->registry->backend->find(intake->registry, device->user, device->device);

	return known != NULL && known->state == DEVICE_ACTIVE &&
	       known->dialect == device->dialect && known->events == device->events &&
	       known->content == device->content && known->msgtype == device->msgtype &&
	       strcmp(known->gateway, device->gateway) == 0 &&
	       strcmp(known->endpoint, device->endpoint) == 0 &&
	       memcmp(known->p256dh, device->p256dh, sizeof(known->p256dh)) == 0 &&
	       memcmp(known->auth, device->auth, sizeof(known->auth)) == 0 &&
	       g_strcmp0(known->vapid_key, device->vapid_key) == 0 &&
	       g_strcmp0(known->client, device->client) == 0 &&
	       g_strcmp0(known->label, device->label) == 0 &&
	       strv_equal0(known->mailboxes, device->mailboxes);
}

/* --- its road into the registry -------------------------------- */

static void subscribed(struct registration *registration, enum device_state state)
{
	intake_ok(registration->peer, registration->id, "state", device_state_name(state), "key",
		  vapid_public_key(registration->context->vapid));
	registration_free(registration);
}

static void refuse(struct registration *registration, const char *code, const char *text)
{
	line_peer_no(registration->peer, registration->id, code, text);
	registration_free(registration);
}

static char *lane_of(const struct gateway_context *context, const struct device *device)
{
	const struct gateway *gateway = gateway_find(device->gateway);

	return gateway != NULL ? gateway->lane(context, device) : NULL;
}

static void token_queued(const GError *error, gpointer data)
{
	struct registration *registration = data;
	struct intake *intake = registration->intake;

	if (error != NULL) {
		refuse(registration, intake_store_code(error), error->message);
		return;
	}
	if (!intake->closed) {
		g_autofree char *lane = lane_of(registration->context, registration->device);

		dispatcher_wake(intake->dispatcher, lane, g_get_real_time());
	}
	subscribed(registration, DEVICE_INACTIVE);
}

/* The push that carries the token, so that only the device can confirm. */
static struct notification *confirmation(const struct gateway_context *context,
					 const struct device *device, gint64 now_us)
{
	struct notification *notification;
	struct tabline_buf buf;
	char *lane = lane_of(context, device);

	if (lane == NULL)
		return NULL;
	tabline_buf_init(&buf, LIMIT_LINE);
	tabline_word(&buf, "CONFIRM");
	tabline_field(&buf, "token", device->token);
	tabline_end(&buf);

	notification = g_new0(struct notification, 1);
	notification->device = device->id;
	notification->user = g_strdup(device->user);
	notification->key = g_strdup("confirm");
	notification->lane = lane;
	notification->first_us = notification->due_us = now_us;
	notification->expires_us = device->confirm_by * G_USEC_PER_SEC;
	notification->event = g_strndup(buf.data, buf.len - 1);
	tabline_buf_free(&buf);
	return notification;
}

static void stored(const struct device *device, const GError *error, gpointer data)
{
	struct registration *registration = data;
	struct intake *intake = registration->intake;
	g_autoptr(GPtrArray) out = NULL;
	g_autoptr(GError) put_error = NULL;
	struct notification *notification;

	if (error != NULL) {
		refuse(registration, intake_store_code(error), error->message);
		return;
	}
	if (device->state == DEVICE_ACTIVE) {
		subscribed(registration, DEVICE_ACTIVE);
		return;
	}
	if (intake->closed) {
		registration_free(registration);
		return;
	}
	notification = confirmation(registration->context, device, g_get_real_time());
	if (notification == NULL) {
		refuse(registration, "refused", "this endpoint cannot be served");
		return;
	}
	out = g_ptr_array_new_with_free_func((GDestroyNotify)notification_free);
	g_ptr_array_add(out, notification);
	if (!intake->queue->backend->put(intake->queue, NULL, out, token_queued, registration,
					 &put_error))
		refuse(registration, intake_store_code(put_error), put_error->message);
}

static char *make_token(void)
{
	guint8 random[LIMIT_CONFIRM_TOKEN];

	/* As few bytes as these come whole or not at all. */
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return NULL;
	return base64url_encode(random, sizeof(random));
}

static void store_device(struct registration *registration)
{
	struct intake *intake = registration->intake;
	struct device *device = registration->device;
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;

	device->token = make_token();
	if (device->token == NULL) {
		refuse(registration, "unavailable", "no random numbers");
		return;
	}
	device->state = DEVICE_INACTIVE;
	device->created = now;
	device->confirm_by = now + registration->context->config->confirm_secs;
	intake->registry->backend->subscribe(intake->registry, device, now, stored, registration);
}

static void refuse_endpoint(const struct request *request, struct registration *registration,
			    const GError *error)
{
	g_autofree char *text = NULL;

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		text = g_strdup("the push server's name was not resolved in time; try again later");
	else if (g_error_matches(error, URL_GUARD_ERROR, URL_GUARD_ERROR_RESOLVE))
		text = g_strdup(error->message);
	else
		text = g_strdup_printf("%s (the operator can allow it with allowed-endpoints= in "
				       "section [http] of the bridge's configuration)",
				       error->message);
	if (registration != NULL)
		refuse(registration, "refused", text);
	else
		request_no(request, "refused", text);
}

static void resolved(GObject *source, GAsyncResult *result, gpointer data)
{
	struct registration *registration = data;
	struct intake *intake = registration->intake;
	g_autoptr(GError) error = NULL;
	GList *addresses = url_guard_resolve_finish(result, &error);

	g_clear_handle_id(&registration->timeout, g_source_remove);
	intake->lookups--;
	if (addresses == NULL) {
		refuse_endpoint(NULL, registration, error);
		return;
	}
	/* The connection is made to what is resolved then; this was the question
	 * whether it makes sense to register at all. */
	g_resolver_free_addresses(addresses);
	if (intake->closed)
		registration_free(registration);
	else
		store_device(registration);
}

static gboolean lookup_took_long(gpointer data)
{
	struct registration *registration = data;

	registration->timeout = 0;
	g_cancellable_cancel(registration->cancellable);
	return G_SOURCE_REMOVE;
}

/* TRUE: it may register now. */
static gboolean within_pace(const struct request *request)
{
	gint64 wait = pace_take(request->intake->registrations, request->user,
				LIMIT_REGISTRATIONS_PER_HOUR / 60, LIMIT_REGISTRATIONS_PER_HOUR,
				g_get_real_time());
	g_autofree char *text = NULL;

	if (wait == 0)
		return TRUE;
	text = g_strdup_printf("too many registrations, try again in %d seconds",
			       (int)(wait / G_USEC_PER_SEC) + 1);
	request_no(request, "limit", text);
	return FALSE;
}

void intake_subscribe(const struct request *request)
{
	struct intake *intake = request->intake;
	g_autoptr(device_t) device = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	const char *code;
	struct url_parts parts = {0};
	struct registration *registration;

	if (!request_webpush_ready(request))
		return;
	device = parse_device(request, &code, &text);
	if (device == NULL) {
		request_no(request, code, text);
		return;
	}
	if (!url_guard_parse(intake->context->url_guard, device->endpoint, &parts, &error)) {
		refuse_endpoint(request, NULL, error);
		return;
	}
	if (already_active(intake, device)) {
		url_parts_clear(&parts);
		intake_ok(request->peer, request->id, "state", "active", "key", device->vapid_key);
		return;
	}
	if (!within_pace(request)) {
		url_parts_clear(&parts);
		return;
	}
	if (intake->lookups >= LIMIT_REGISTRATIONS_PENDING) {
		url_parts_clear(&parts);
		request_no(request, "busy", "too many registrations at the moment");
		return;
	}
	registration = g_new0(struct registration, 1);
	registration->intake = intake_begin(intake);
	registration->context = gateway_context_ref(intake->context);
	registration->peer = line_peer_ref(request->peer);
	registration->id = g_strdup(request->id);
	registration->device = g_steal_pointer(&device);
	registration->parts = parts;
	registration->cancellable = g_cancellable_new();
	registration->timeout =
		g_timeout_add(LIMIT_REGISTRATION_LOOKUP_MSECS, lookup_took_long, registration);
	intake->lookups++;
	url_guard_resolve_async(intake->context->url_guard, &registration->parts, NULL,
				registration->cancellable, resolved, registration);
}
