#include "daemon-loop.h"

#include <signal.h>
#include <sys/resource.h>

#include <glib-unix.h>
#include <systemd/sd-daemon.h>

struct daemon_loop {
	GMainLoop *loop;
	gboolean (*reload)(gpointer data, GError **error);
	gpointer data;
};

static gboolean on_terminate(gpointer data)
{
	struct daemon_loop *self = data;

	g_main_loop_quit(self->loop);
	return G_SOURCE_CONTINUE;
}

static gboolean on_reload(gpointer data)
{
	struct daemon_loop *self = data;
	g_autoptr(GError) error = NULL;

	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time());
	if (!self->reload(self->data, &error))
		g_warning("%s; keeping the old configuration", error->message);
	sd_notify(0, "READY=1");
	return G_SOURCE_CONTINUE;
}

static gboolean on_watchdog(gpointer data)
{
	sd_notify(0, "WATCHDOG=1");
	return G_SOURCE_CONTINUE;
}

/* 0 = nobody asked. */
static guint start_watchdog(void)
{
	uint64_t usec;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return 0;
	return g_timeout_add((guint)MAX(usec / 2000, 1), on_watchdog, NULL);
}

void daemon_raise_descriptors(guint most)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= most)
		return;
	limit.rlim_cur = MIN(limit.rlim_max, most);
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		g_warning("cannot raise the limit of open files");
}

void daemon_log_restart(const char *const *settings)
{
	for (const char *const *setting = settings; *setting != NULL; setting++)
		g_warning("%s has changed, which needs a restart; it stays as it was until then",
			  *setting);
}

void daemon_loop_run(const char *name, const char *config_path,
		     gboolean (*reload)(gpointer data, GError **error), gpointer data)
{
	struct daemon_loop self = {g_main_loop_new(NULL, FALSE), reload, data};
	guint sources[4];

	sources[0] = g_unix_signal_add(SIGTERM, on_terminate, &self);
	sources[1] = g_unix_signal_add(SIGINT, on_terminate, &self);
	sources[2] = g_unix_signal_add(SIGHUP, on_reload, &self);
	sources[3] = start_watchdog();
	g_message("%s " FANTAIL_VERSION " is ready, configuration %s", name, config_path);
	sd_notify(0, "READY=1");
	g_main_loop_run(self.loop);

	sd_notify(0, "STOPPING=1");
	g_message("stopping");
	for (guint i = 0; i < G_N_ELEMENTS(sources); i++) {
		if (sources[i] != 0)
			g_source_remove(sources[i]);
	}
	g_main_loop_unref(self.loop);
}
