#include "control.h"

#include "control-call.h"
#include "limits.h"

struct control {
	struct server *server;
	struct line_server *socket; /* NULL: none is configured */
};

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

/* ------------------------------------------------------------------------------------------- */

static const struct control_verb verbs[] = {
	{"STATUS", FALSE, FALSE, do_status},
};

static gboolean take_line(struct line_peer *peer, const struct tabline_field *fields, gsize count,
			  gpointer data)
{
	return control_call_run(verbs, G_N_ELEMENTS(verbs), peer, fields, count, data);
}

static const struct line_server_handler handler = {.line = take_line};

struct control *control_new(struct server *server, GError **error)
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
