#include "control.h"

#include <string.h>

#include <openssl/crypto.h>

#include "control-call.h"
#include "device.h"
#include "limits.h"

struct control {
	struct server *server;
	struct alerts *alerts;
	struct line_server *socket; /* NULL: none is configured */
};

static const char *store_code(const GError *error)
{
	if (g_error_matches(error, PIM_STORE_ERROR, PIM_STORE_ERROR_BUSY))
		return "busy";
	if (g_error_matches(error, PIM_STORE_ERROR, PIM_STORE_ERROR_FULL))
		return "full";
	return "unavailable";
}

/* --- STATUS ------------------------------------------------------------------------------ */

static gboolean do_status(gpointer data, const struct control_call *call)
{
	const struct control *control = data;
	struct server_status status;
	JsonBuilder *builder = control_json_begin();

	server_get_status(control->server, &status);
	control_json_text(builder, "version", FANTAIL_VERSION);
	control_json_text(builder, "config", status.config_path);
	control_json_time(builder, "started", status.started);
	control_json_int(builder, "uptime_seconds", status.uptime_secs);
	control_json_int(builder, "sessions", status.sessions);
	control_json_int(builder, "users", status.users);
	control_json_int(builder, "messages", status.messages);
	control_answer(call->peer, "OK", call->id, control_json_end(builder));
	return TRUE;
}

/* --- LOOK, SYNC ----------------------------------------------------------------------------- */

/* fantailctl has changed something in the user's file, and noted it. */
static gboolean do_look(gpointer data, const struct control_call *call)
{
	const struct control *control = data;

	alerts_look(control->alerts, control_call_get(call, "user"));
	control_answer_empty(call->peer, call->id);
	return TRUE;
}

struct sync_request {
	struct line_peer *peer;
	char *id;
};

static void synced(const struct alert_send *send, gpointer data)
{
	struct sync_request *request = data;
	JsonBuilder *builder;
	guint sent = 0;

	for (guint i = 0; i < send->told->len; i++) {
		const struct alert_told *told = send->told->pdata[i];

		sent += told->sent;
		builder = control_json_begin();
		control_json_text(builder, "device", told->device);
		control_json_text(builder, "databases", told->databases);
		control_json_bool(builder, "alerted", told->sent);
		control_json_bool(builder, "registered", told->registered);
		control_json_text(builder, "why", told->why);
		control_answer(request->peer, "ITEM", request->id, control_json_end(builder));
	}
	if (send->told->len == 0 && send->trouble != NULL) {
		line_peer_no(request->peer, request->id, "unavailable", send->trouble);
	} else if (send->told->len == 0) {
		line_peer_no(request->peer, request->id, "notfound",
			     send->device != NULL ? "no such device; fantailctl pim devices USER "
						    "lists them"
						  : "no device of that user has ever synchronised");
	} else {
		builder = control_json_begin();
		control_json_int(builder, "alerted", sent);
		control_answer(request->peer, "OK", request->id, control_json_end(builder));
	}
	line_peer_unref(request->peer);
	g_free(request->id);
	g_free(request);
}

static gboolean do_sync(gpointer data, const struct control_call *call)
{
	const struct control *control = data;
	struct sync_request *request = g_new0(struct sync_request, 1);

	request->peer = line_peer_ref(call->peer);
	request->id = g_strdup(call->id);
	if (alerts_send_now(control->alerts, control_call_get(call, "user"),
			    control_call_get(call, "device"), synced, request))
		return TRUE;
	line_peer_no(call->peer, call->id, "config",
		     "no bridge is configured: bridge-socket in fantail-syncml.conf(5)");
	line_peer_unref(request->peer);
	g_free(request->id);
	g_free(request);
	return TRUE;
}

/* --- PASSWORD ------------------------------------------------------------------------------ */

struct password_request {
	struct line_peer *peer;
	char *id, *user, *device;
	gboolean remove;
	/* The answer */
	char *password;
	gboolean known; /* there was such a device, or when one is removed, such a password */
	GError *error;
};

static gboolean find_peer(const struct pim_peer *peer, gpointer data)
{
	struct password_request *request = data;

	if (strcmp(peer->device, request->device) == 0)
		request->known = !request->remove || peer->secret != NULL;
	return TRUE;
}

static void set_password(const struct sml_service *service, gpointer data)
{
	struct password_request *request = data;
	g_autoptr(pim_txn_t) txn =
		pim_txn_begin(service->store, request->user, !request->remove, &request->error);

	if (txn == NULL || !pim_txn_peers(txn, find_peer, request, &request->error))
		return;
	if (request->remove && !request->known)
		return;
	if (!request->remove)
		request->password = auth_password_new();
	if (device_set_password(txn, service->rules, request->user, request->device,
				service->settings->server_id, request->password,
				g_get_real_time() / G_USEC_PER_SEC, &request->error))
		pim_txn_commit(g_steal_pointer(&txn), &request->error);
}

static void password_set(gpointer data)
{
	struct password_request *request = data;

	if (request->error != NULL) {
		line_peer_no(request->peer, request->id, store_code(request->error),
			     request->error->message);
	} else if (request->remove && !request->known) {
		line_peer_no(request->peer, request->id, "notfound",
			     "that device of that user has no sync password");
	} else {
		JsonBuilder *builder = control_json_begin();

		g_message(
			"operator (uid %u) %s device %s of %s", (guint)line_peer_uid(request->peer),
			request->remove ? "took the sync password from" : "gave a sync password to",
			request->device, request->user);
		control_json_text(builder, "password", request->password);
		control_json_bool(builder, "known", request->known);
		control_answer(request->peer, "OK", request->id, control_json_end(builder));
	}
	line_peer_unref(request->peer);
	g_clear_error(&request->error);
	if (request->password != NULL)
		OPENSSL_cleanse(request->password, strlen(request->password));
	g_free(request->password);
	g_free(request->id);
	g_free(request->user);
	g_free(request->device);
	g_free(request);
}

static gboolean do_password(gpointer data, const struct control_call *call)
{
	const struct control *control = data;
	const char *user = control_call_get(call, "user"),
		   *device = control_call_get(call, "device");
	struct password_request *request;

	if (*user == '\0' || strlen(user) > LIMIT_USER || !g_utf8_validate(user, -1, NULL))
		return control_call_bad(call, "a user's name is missing, too long, or not UTF-8");
	if (*device == '\0' || strlen(device) > LIMIT_LOC_URI || !g_utf8_validate(device, -1, NULL))
		return control_call_bad(call, "the name of a device is what the phone shows, "
					      "as IMEI:1234");
	request = g_new0(struct password_request, 1);
	request->peer = line_peer_ref(call->peer);
	request->id = g_strdup(call->id);
	request->user = g_strdup(user);
	request->device = g_strdup(device);
	request->remove = g_strcmp0(control_call_get(call, "remove"), "yes") == 0;
	server_run(control->server, set_password, password_set, request);
	return TRUE;
}

/* ------------------------------------------------------------------------------------------- */

static const struct control_verb verbs[] = {
	{"LOOK", TRUE, FALSE, do_look},
	{"PASSWORD", TRUE, TRUE, do_password},
	{"STATUS", FALSE, FALSE, do_status},
	{"SYNC", TRUE, FALSE, do_sync},
};

static gboolean take_line(struct line_peer *peer, const struct tabline_field *fields, gsize count,
			  gpointer data)
{
	return control_call_run(verbs, G_N_ELEMENTS(verbs), peer, fields, count, data);
}

static const struct line_server_handler handler = {.line = take_line};

struct control *control_new(struct server *server, struct alerts *alerts, GError **error)
{
	const struct syncml_config *config = server_config(server);
	const struct line_server_settings settings = {
		.path = config->control_socket,
		.mode = config->control_mode,
		.fd = -1,
		.max_connections = LIMIT_CONTROL_CONNECTIONS,
		.idle_secs = LIMIT_INTAKE_IDLE_SECS,
	};
	struct control *control = g_new0(struct control, 1);

	control->server = server;
	control->alerts = alerts;
	if (settings.path != NULL) {
		control->socket = line_server_new(&settings, &handler, control, error);
		if (control->socket == NULL)
			control_free(&control);
	}
	return control;
}

void control_free(struct control **control)
{
	struct control *self = *control;

	if (self == NULL)
		return;
	*control = NULL;
	line_server_free(&self->socket);
	g_free(self);
}
