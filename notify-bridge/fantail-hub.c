/* fantail-hub: options, signals, readiness. What it does is in hub.c. */
#include "bridge-config.h"
#include "daemon-main.h"
#include "hub.h"

#include <signal.h>
#include <sys/resource.h>
#include <sysexits.h>

#include <gio/gio.h>
#include <systemd/sd-daemon.h>

static volatile sig_atomic_t terminated, reload;
/* What the service manager expects to hear from us, 0 = nothing; and when it did. */
static guint64 watchdog_us, alive_us;

static void on_signal(int number)
{
	if (number == SIGHUP)
		reload = 1;
	else
		terminated = 1;
}

/* They come while the hub waits and at no other time. `mask_r` is what holds then. */
static void catch_signals(sigset_t *mask_r)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t ours;

	sigemptyset(&action.sa_mask);
	sigemptyset(&ours);
	for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
		sigaddset(&ours, numbers[i]);
		sigaction(numbers[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &ours, mask_r);
	for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
		sigdelset(mask_r, numbers[i]);
}

/* The socket that the service manager made; -1: none. */
static gboolean take_socket(int *fd_r, GError **error)
{
	int count = sd_listen_fds(1);

	if (count > 1) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
			    "the service manager passes %d sockets; the .socket unit has to have "
			    "one",
			    count);
		return FALSE;
	}
	*fd_r = count == 1 ? SD_LISTEN_FDS_START : -1;
	return TRUE;
}

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		g_warning("cannot raise the limit of open files");
}

static void do_reload(struct hub *hub, const char *config_path)
{
	g_autoptr(GError) error = NULL;

	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time());
	if (hub_reload(hub, &error))
		g_message("configuration %s is in force", config_path);
	else
		g_warning("%s; keeping the old configuration", error->message);
	sd_notify(0, "READY=1");
}

static void alive(void)
{
	guint64 now_us = (guint64)g_get_monotonic_time();

	if (watchdog_us == 0 || now_us - alive_us < watchdog_us / 4)
		return;
	sd_notify(0, "WATCHDOG=1");
	alive_us = now_us;
}

/* Serves until a signal ends it. */
static void serve(struct hub *hub, const char *config_path, const sigset_t *mask)
{
	int msecs = -1;

	if (sd_watchdog_enabled(0, &watchdog_us) > 0)
		msecs = (int)MAX(watchdog_us / 4000, 1);
	while (!terminated) {
		if (reload) {
			reload = 0;
			do_reload(hub, config_path);
		}
		alive();
		hub_turn(hub, msecs, mask, alive);
	}
}

static int run(const char *config_path)
{
	g_autoptr(GError) error = NULL;
	struct hub *hub = NULL;
	sigset_t mask;
	int fd;

	raise_descriptors();
	catch_signals(&mask);
	if (!take_socket(&fd, &error) || (hub = hub_start(config_path, fd, &error)) == NULL) {
		g_critical("%s", error->message);
		return error->domain == CONFIG_ERROR ? EX_CONFIG : EX_UNAVAILABLE;
	}
	g_message("fantail-hub " FANTAIL_VERSION " is ready, configuration %s", config_path);
	sd_notify(0, "READY=1");
	serve(hub, config_path, &mask);
	sd_notify(0, "STOPPING=1");
	g_message("stopping");
	hub_stop(&hub);
	return EX_OK;
}

static gboolean check(const char *config_path, GError **error)
{
	g_autoptr(config_t) config = config_load(config_path, error);

	return config != NULL;
}

int main(int argc, char **argv)
{
	static const struct daemon_program program = {
		.name = "fantail-hub",
		.summary = "- wakes IMAP sessions when mail changes",
		.config = FANTAIL_BRIDGE_CONF,
		.check = check,
		.run = run,
	};

	return daemon_main(argc, argv, &program);
}
