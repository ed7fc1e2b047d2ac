/* fantail-bridge: options, signals, readiness. What it does is in bridge.c. */
#include "bridge.h"
#include "bridge-config.h"
#include "daemon-main.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

#include <gio/gio.h>
#include <glib-unix.h>
#include <systemd/sd-daemon.h>

/* Connections, requests, databases and room to spare (limits.h). */
#define DESCRIPTORS 8192

struct process {
	GMainLoop *loop;
	struct bridge *bridge;
};

static gboolean on_terminate(gpointer data)
{
	struct process *process = data;

	g_main_loop_quit(process->loop);
	return G_SOURCE_CONTINUE;
}

static gboolean on_reload(gpointer data)
{
	struct process *process = data;
	g_autoptr(GError) error = NULL;

	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time());
	if (!bridge_reload(process->bridge, &error))
		g_warning("%s; keeping the old configuration", error->message);
	sd_notify(0, "READY=1");
	return G_SOURCE_CONTINUE;
}

static gboolean on_watchdog(gpointer data)
{
	sd_notify(0, "WATCHDOG=1");
	return G_SOURCE_CONTINUE;
}

static void start_watchdog(void)
{
	uint64_t usec;

	if (sd_watchdog_enabled(0, &usec) > 0)
		g_timeout_add((guint)MAX(usec / 2000, 1), on_watchdog, NULL);
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

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= DESCRIPTORS)
		return;
	limit.rlim_cur = MIN(limit.rlim_max, DESCRIPTORS);
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		g_warning("cannot raise the limit of open files");
}

static int run(const char *config_path)
{
	struct process process = {0};
	struct bridge_sockets sockets;
	g_autoptr(GError) error = NULL;
	guint sources[3];

	raise_descriptors();
	if (!take_sockets(&sockets, &error) ||
	    (process.bridge = bridge_start(config_path, &sockets, &error)) == NULL) {
		g_critical("%s", error->message);
		return error->domain == CONFIG_ERROR ? EX_CONFIG : EX_UNAVAILABLE;
	}
	process.loop = g_main_loop_new(NULL, FALSE);
	sources[0] = g_unix_signal_add(SIGTERM, on_terminate, &process);
	sources[1] = g_unix_signal_add(SIGINT, on_terminate, &process);
	sources[2] = g_unix_signal_add(SIGHUP, on_reload, &process);
	start_watchdog();
	g_message("fantail-bridge " FANTAIL_VERSION " is ready, configuration %s", config_path);
	sd_notify(0, "READY=1");
	g_main_loop_run(process.loop);

	sd_notify(0, "STOPPING=1");
	g_message("stopping");
	for (guint i = 0; i < G_N_ELEMENTS(sources); i++)
		g_source_remove(sources[i]);
	bridge_stop(&process.bridge);
	g_main_loop_unref(process.loop);
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
