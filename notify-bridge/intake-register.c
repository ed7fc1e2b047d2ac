/*
 * Registration on the mail socket but for SUBSCRIBE (intake-subscribe.c): VAPID,
 * CONFIRM, UNSUBSCRIBE, LIST, and what all of these ask of a request.
 */
#include "base64url.h"
#include "intake-private.h"
#include "limits.h"
#include "store.h"
#include "vapid.h"

#include <string.h>

/* --- common -------------------------------------------------------------- */

void request_no(const struct request *request, const char *code, const char *text)
{
	line_peer_no(request->peer, request->id, code, text);
}

const char *request_get(const struct request *request, const char *key)
{
	return tabline_get(request->fields, request->count, key);
}

gboolean request_webpush_ready(const struct request *request)
{
	if (request->intake->context->vapid != NULL)
		return TRUE;
	request_no(request, "unavailable", "push registration is switched off on this server");
	return FALSE;
}

gboolean request_may_change(const struct request *request)
{
	gint64 wait = pace_take(request->intake->changes, request->user,
				LIMIT_PIMAP_CHANGES_PER_HOUR / 60, LIMIT_PIMAP_CHANGES_PER_HOUR,
				g_get_real_time());
	g_autofree char *text = NULL;

	if (wait == 0)
		return TRUE;
	text = g_strdup_printf("too many changes, try again in %d seconds",
			       (int)(wait / G_USEC_PER_SEC) + 1);
	request_no(request, "limit", text);
	return FALSE;
}

/* --- VAPID --------------------------------------------------------------- */

void intake_vapid(const struct request *request)
{
	if (request_webpush_ready(request))
		intake_ok(request->peer, request->id, "key",
			  vapid_public_key(request->intake->context->vapid), NULL, NULL);
}

/* --- CONFIRM, UNSUBSCRIBE ------------------------------------------------- */

struct change *intake_change_new(const struct request *request)
{
	struct change *change = g_new0(struct change, 1);

	change->intake = intake_begin(request->intake);
	change->peer = line_peer_ref(request->peer);
	change->id = g_strdup(request->id);
	return change;
}

void intake_change_free(struct change *change)
{
	g_free(change->id);
	line_peer_unref(change->peer);
	intake_end(change->intake);
	g_free(change);
}

void intake_change_end(struct change *change, const GError *error)
{
	if (error != NULL)
		line_peer_no(change->peer, change->id, intake_store_code(error), error->message);
	else
		intake_ok(change->peer, change->id, NULL, NULL, NULL, NULL);
	intake_change_free(change);
}

static void confirmed(const struct device *device, const GError *error, gpointer data)
{
	struct change *change = data;

	if (error != NULL)
		line_peer_no(change->peer, change->id, intake_store_code(error), error->message);
	else
		intake_ok(change->peer, change->id, "state", "active", NULL, NULL);
	intake_change_free(change);
}

void intake_confirm(const struct request *request)
{
	struct registry *registry = request->intake->registry;
	const char *device = request_get(request, "device"), *token = request_get(request, "token");

	if (!request_webpush_ready(request))
		return;
	if (!device_id_valid(device)) {
		request_no(request, "notfound", "no such subscription");
		return;
	}
	if (token == NULL || *token == '\0') {
		request_no(request, "token", "the confirmation token is missing");
		return;
	}
	registry->backend->confirm(registry, request->user, device, token,
				   g_get_real_time() / G_USEC_PER_SEC, confirmed,
				   intake_change_new(request));
}

static void removed(const struct device *device, const GError *error, gpointer data)
{
	struct change *change = data;
	struct intake *intake = change->intake;

	if (error != NULL && !g_error_matches(error, STORE_ERROR, STORE_ERROR_NOT_FOUND)) {
		line_peer_no(change->peer, change->id, intake_store_code(error), error->message);
	} else {
		/* Should this be lost, the dispatcher drops them for want of a device. */
		if (change->device != 0 && !intake->closed)
			intake->queue->backend->drop_device(intake->queue, change->device, NULL,
							    NULL);
		intake_ok(change->peer, change->id, NULL, NULL, NULL, NULL);
	}
	intake_change_free(change);
}

void intake_unsubscribe(const struct request *request)
{
	struct registry *registry = request->intake->registry;
	const char *name = request_get(request, "device");
	g_autoptr(device_t) known = NULL;
	struct change *change;

	if (!device_id_valid(name)) {
		intake_ok(request->peer, request->id, NULL, NULL, NULL, NULL);
		return;
	}
	known = registry->backend->find(registry, request->user, name);
	if (known != NULL && known->state == DEVICE_LOCKED) {
		request_no(request, "refused", "the device is locked");
		return;
	}
	change = intake_change_new(request);
	if (known != NULL)
		change->device = known->id;
	registry->backend->remove(registry, request->user, name, removed, change);
}

/* --- LIST ---------------------------------------------------------------- */

static void item(struct line_peer *peer, const char *id, const struct device *device)
{
	g_autofree char *p256dh = base64url_encode(device->p256dh, sizeof(device->p256dh));
	g_autofree char *auth = base64url_encode(device->auth, sizeof(device->auth));
	g_autoptr(GString) events = g_string_new(NULL);
	struct tabline_buf buf;

	for (unsigned kind = 0; kind < PUSH_EVENT_KIND_COUNT; kind++) {
		if ((device->events & PUSH_EVENT_KIND_BIT(kind)) == 0)
			continue;
		if (events->len > 0)
			g_string_append_c(events, ' ');
		g_string_append(events, push_event_kind_name((enum push_event_kind)kind));
	}
	tabline_buf_init(&buf, LIMIT_LINE);
	tabline_word(&buf, "ITEM");
	tabline_word(&buf, id);
	tabline_field(&buf, "device", device->device);
	tabline_field(&buf, "state", device_state_name(device->state));
	tabline_field(&buf, "dialect", device_dialect_name(device->dialect));
	tabline_field(&buf, "endpoint", device->endpoint);
	tabline_field(&buf, "p256dh", p256dh);
	tabline_field(&buf, "auth", auth);
	tabline_field(&buf, "events", events->str);
	for (char **name = device->mailboxes; name != NULL && *name != NULL; name++)
		tabline_field(&buf, "mailbox", *name);
	tabline_field(&buf, "content", device->content ? "yes" : "no");
	tabline_field(&buf, "msgtype", device_msgtype_name(device->msgtype));
	if (device_face(device->dialect) == FACE_DELTAPUSH)
		tabline_field(&buf, "token", device->endpoint);
	tabline_field(&buf, "client", device->client);
	tabline_field(&buf, "label", device->label);
	tabline_field_u64(&buf, "created", (guint64)MAX(device->created, 0));
	if (tabline_end(&buf))
		line_peer_write(peer, &buf);
	tabline_buf_free(&buf);
}

void intake_list(const struct request *request)
{
	struct registry *registry = request->intake->registry;
	const char *gateway = request_get(request, "gateway");
	const char *dialect = request_get(request, "dialect");
	g_autoptr(GPtrArray) devices =
		registry->backend->list(registry, request->user, 0, LIMIT_DEVICES_PER_USER_MAX);

	for (guint i = 0; devices != NULL && i < devices->len; i++) {
		const struct device *device = g_ptr_array_index(devices, i);

		/* The dead are kept for operators; to a client they are gone. */
		if (device->state == DEVICE_DEAD ||
		    (gateway != NULL && (strcmp(device->gateway, gateway) != 0 ||
					 device_face(device->dialect) == FACE_PIMAP)) ||
		    (dialect != NULL &&
		     g_strcmp0(device_dialect_name(device->dialect), dialect) != 0))
			continue;
		item(request->peer, request->id, device);
	}
	intake_ok(request->peer, request->id, NULL, NULL, NULL, NULL);
}
