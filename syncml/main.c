/* fantail-syncml: options, signals, readiness. What it does is in server.c. */
#include "config-file.h"
#include "alerts.h"
#include "control.h"
#include "daemon-loop.h"
#include "daemon-main.h"
#include "limits.h"
#include "server.h"

#include <sysexits.h>

#include <gio/gio.h>
#include <systemd/sd-daemon.h>

/* Connections, files of users, and room to spare (limits.h). */
#define DESCRIPTORS (2 * LIMIT_SYNCML_CONNECTIONS)

static gboolean reload(gpointer data, GError **error)
{
	return server_reload(data, error);
}

static int run(const char *config_path)
{
	int sockets = sd_listen_fds(1);
	g_autoptr(GError) error = NULL;
	struct control *control;
	struct alerts *alerts;
	struct server *server;

	daemon_raise_descriptors(DESCRIPTORS);
	if (sockets > 1) {
		g_critical(
			"the service manager passes %d sockets; the .socket unit has to have one",
			sockets);
		return EX_UNAVAILABLE;
	}
	server = server_start(config_path, sockets == 1 ? SD_LISTEN_FDS_START : -1, &error);
	if (server == NULL) {
		g_critical("%s", error->message);
		return error->domain == CONFIG_ERROR ? EX_CONFIG : EX_UNAVAILABLE;
	}
	alerts = alerts_new(server);
	control = control_new(server, alerts, &error);
	if (control == NULL) {
		g_critical("%s", error->message);
		alerts_stop(alerts);
		server_stop(&server);
		alerts_free(&alerts);
		return EX_UNAVAILABLE;
	}
	daemon_loop_run("fantail-syncml", config_path, reload, server);
	control_free(&control);
	alerts_stop(alerts);
	server_stop(&server);
	alerts_free(&alerts);
	return EX_OK;
}

int main(int argc, char **argv)
{
	static const struct daemon_program program = {
		.name = "fantail-syncml",
		.summary = "- synchronises phones by SyncML",
		.config = FANTAIL_SYNCML_CONF,
		.check = server_check,
		.run = run,
	};

	return daemon_main(argc, argv, &program);
}
