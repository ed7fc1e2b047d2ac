/*
 * bench-registry [--quick] [--folder DIR]: 100,000 registrations. What the process
 * weighs, how long the file takes to open, how long the router's look-up takes.
 *
 * Prints "goal<TAB>name<TAB>measured<TAB>wanted<TAB>met|missed"; always exits 0 if
 * it could measure.
 */
#include "limits.h"
#include "registry.h"
#include "store.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define REGISTRATIONS 100000
/* Phone, tablet and two browsers. */
#define DEVICES_PER_USER 4
#define USERS (REGISTRATIONS / DEVICES_PER_USER)

static gboolean quick;
static char *folder;
static const GOptionEntry options[] = {
	{"quick", 0, 0, G_OPTION_ARG_NONE, &quick, "fewer look-ups (not fewer registrations)",
	 NULL},
	{"folder", 0, 0, G_OPTION_ARG_FILENAME, &folder, "where the database goes", "DIR"},
	G_OPTION_ENTRY_NULL,
};

static struct store *store;
static struct registry *registry;
static guint answers;

static void open_all(const char *path)
{
	const struct registry_limits limits = {.devices_per_user = LIMIT_DEVICES_PER_USER,
					       .confirm_secs = LIMIT_CONFIRM_SECS};
	g_autoptr(GError) error = NULL;

	store = store_open(path, 0, &error);
	if (store == NULL)
		g_error("%s", error->message);
	registry = registry_sqlite_open(store, &limits, &error);
}

static void close_all(void)
{
	registry->backend->close(&registry);
	store_close(&store);
}

/* --- filling (a process of its own, so that its memory does not count) ------- */

static void answered(const struct device *device, const GError *error, gpointer data)
{
	if (error != NULL)
		g_error("%s", error->message);
	answers++;
}

static void user_name(char *buffer, gsize size, guint user)
{
	g_snprintf(buffer, size, "firstname.lastname%u@mail.example.org", user);
}

static void add(guint number, gint64 now)
{
	char user[64], name[48], endpoint[256];
	struct device device = {
		.user = user,
		.device = name,
		.gateway = (char *)"webpush",
		.dialect = DIALECT_COI,
		.endpoint = endpoint,
		.vapid_key = (char *)"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-"
				     "AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
		.events = PUSH_EVENT_KINDS_ARRIVAL,
		.client = (char *)"Some Mail Client 1.2",
		.label = (char *)"Somebody's telephone",
		.token = (char *)"AAAAAAAAAAAAAAAAAAAAAAAA",
	};

	user_name(user, sizeof(user), number / DEVICES_PER_USER);
	g_snprintf(name, sizeof(name), "%08x-0000-4000-8000-%012x", g_random_int(), number);
	/* As long as those of the large services. */
	g_snprintf(endpoint, sizeof(endpoint), "https://push.example.com/wpush/v2/%08x%0160u",
		   g_random_int(), number);
	for (guint i = 0; i < sizeof(device.p256dh); i++)
		device.p256dh[i] = (guint8)g_random_int();
	for (guint i = 0; i < sizeof(device.auth); i++)
		device.auth[i] = (guint8)g_random_int();
	registry->backend->subscribe(registry, &device, now, answered, NULL);
	registry->backend->confirm(registry, user, name, device.token, now, answered, NULL);
}

static void fill(const char *path)
{
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;

	open_all(path);
	for (guint i = 0; i < REGISTRATIONS; i++) {
		add(i, now);
		while (store_pending(store) > LIMIT_INTAKE_PENDING / 2)
			g_main_context_iteration(NULL, TRUE);
	}
	while (answers < 2 * REGISTRATIONS)
		g_main_context_iteration(NULL, TRUE);
	close_all();
}

static gboolean fill_in_child(const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fill(path);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

/* --- measuring ------------------------------------------------------------------ */

static int compare_double(gconstpointer a, gconstpointer b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

static double rss_mebibytes(void)
{
	g_autofree char *text = NULL;
	const char *line;

	if (!g_file_get_contents("/proc/self/status", &text, NULL, NULL) ||
	    (line = strstr(text, "VmRSS:")) == NULL)
		g_error("/proc/self/status has no VmRSS");
	return g_ascii_strtod(line + strlen("VmRSS:"), NULL) / 1024;
}

static void goal(const char *name, double measured, double wanted, const char *unit)
{
	g_print("goal\t%s\t%.3f %s\t<= %g %s\t%s\n", name, measured, unit, wanted, unit,
		measured <= wanted ? "met" : "missed");
}

/* Look-ups of users in no order, some of whom have no devices. */
static void measure_lookup(guint calls)
{
	g_autofree double *msecs = g_new(double, calls);
	guint found = 0;

	for (guint i = 0; i < calls; i++) {
		char user[64];
		gint64 start_us;
		g_autoptr(GPtrArray) devices = NULL;

		user_name(user, sizeof(user), (guint)g_random_int_range(0, USERS * 5 / 4));
		start_us = g_get_monotonic_time();
		devices = registry->backend->active(registry, user);
		msecs[i] = (double)(g_get_monotonic_time() - start_us) / 1000;
		if (devices != NULL && devices->len != DEVICES_PER_USER)
			g_error("%s has %u devices", user, devices->len);
		found += devices != NULL;
	}
	if (found < calls / 2)
		g_error("%u of %u look-ups found devices", found, calls);
	qsort(msecs, calls, sizeof(double), compare_double);
	g_print("figure\tlook-up p50 with 100,000 registrations\t%.3f\tms\n", msecs[calls / 2]);
	goal("look-up p99 with 100,000 registrations", msecs[calls * 99 / 100], 1, "ms");
}

int main(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *path = NULL, *reserve = NULL, *scratch = NULL;
	struct registry_stats stats;
	gint64 start_us;
	double open_secs;

	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		g_printerr("%s\n", error->message);
		return 2;
	}
	scratch = g_build_filename(folder != NULL ? folder : "/var/tmp", "fantail-bench-XXXXXX",
				   NULL);
	if (g_mkdtemp(scratch) == NULL) {
		g_printerr("%s: %s\n", scratch, g_strerror(errno));
		return 1;
	}
	path = g_build_filename(scratch, "bridge.db", NULL);
	reserve = g_strconcat(path, "-reserve", NULL);
	if (!fill_in_child(path)) {
		g_printerr("cannot fill %s\n", path);
		return 1;
	}

	start_us = g_get_monotonic_time();
	open_all(path);
	registry->backend->stats(registry, &stats);
	open_secs = (double)(g_get_monotonic_time() - start_us) / G_USEC_PER_SEC;
	if (stats.active != REGISTRATIONS)
		g_error("%" G_GUINT64_FORMAT " of them are active", stats.active);
	g_print("figure\tdatabase with 100,000 registrations\t%.1f\tMiB\n",
		(double)store_bytes(store) / (1024 * 1024));
	goal("open with 100,000 registrations, checked", open_secs, 2, "s");
	measure_lookup(quick ? 20000 : 200000);
	/* At its fullest: an outcome of each device waits to be written. */
	for (gint64 id = 1; id <= REGISTRATIONS; id++)
		registry->backend->mark_ok(registry, id, 1700000000, "accepted (201)");
	goal("RSS with 100,000 registrations", rss_mebibytes(), 150, "MB");
	close_all();

	(void)g_unlink(path);
	(void)g_unlink(reserve);
	(void)g_rmdir(scratch);
	return 0;
}
