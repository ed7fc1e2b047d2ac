/* fantail-bridge: options, signals, readiness. What it does is in bridge.c. */
#include "bridge.h"
#include "bridge-config.h"
#include "daemon-loop.h"
#include "daemon-main.h"

#include <string.h>
#include <sysexits.h>

#include <gio/gio.h>
#include <systemd/sd-daemon.h>

/* Connections, requests, databases and room to spare (limits.h). */
#define DESCRIPTORS 8192

static gboolean reload(gpointer data, GError **error)
{
	return bridge_reload(data, error);
}

/* The sockets that the service manager made, by their names. */
static gboolean take_sockets(struct bridge_sockets *sockets_r, GError **error)
{
	struct bridge_sockets sockets = {-1, -1};
	g_auto(GStrv) names = NULL;
	int count = sd_listen_fds_with_names(1, &names);

	for (int i = 0; i < count; i++) {
		if (strcmp(names[i], "bridge") == 0 && sockets.mail < 0) {
			sockets.mail = SD_LISTEN_FDS_START + i;
		} else if (strcmp(names[i], "control") == 0 && sockets.control < 0) {
			sockets.control = SD_LISTEN_FDS_START + i;
		} else {
			g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
				    "the service manager passes a socket named '%s'; "
				    "FileDescriptorName= has to be bridge or control, one each",
				    names[i]);
			return FALSE;
		}
	}
	*sockets_r = sockets;
	return TRUE;
}

static int run(const char *config_path)
{
	struct bridge_sockets sockets;
	struct bridge *bridge = NULL;
	g_autoptr(GError) error = NULL;

	daemon_raise_descriptors(DESCRIPTORS);
	if (!take_sockets(&sockets, &error) ||
	    (bridge = bridge_start(config_path, &sockets, &error)) == NULL) {
		g_critical("%s", error->message);
		return error->domain == CONFIG_ERROR ? EX_CONFIG : EX_UNAVAILABLE;
	}
	daemon_loop_run("fantail-bridge", config_path, reload, bridge);
	bridge_stop(&bridge);
	return EX_OK;
}

int main(int argc, char **argv)
{
	static const struct daemon_program program = {
		.name = "fantail-bridge",
		.summary = "- turns mail events into pushes",
		.config = FANTAIL_BRIDGE_CONF,
		.check = bridge_check,
		.run = run,
	};

	return daemon_main(argc, argv, &program);
}
