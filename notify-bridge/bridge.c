#include "bridge.h"
#include "bridge-config.h"
#include "config-keys.h"
#include "control.h"
#include "daemon-loop.h"
#include "dispatcher.h"
#include "gateway-context.h"
#include "intake.h"
#include "log-writer.h"
#include "metrics.h"
#include "spool.h"
#include "store.h"
#include "webhook-device.h"

#include <errno.h>
#include <sys/stat.h>

#define DATABASE "bridge.db"
#define MAINTAIN_SECS 60
#define STOP_USECS (5 * G_USEC_PER_SEC)
/* Turns of the main loop in which the last answers are written. */
#define LAST_TURNS 100

struct bridge {
	char *config_path;
	struct gateway_context *context;
	struct store *store;
	struct queue *queue;
	struct registry *registry;
	struct metrics *metrics;
	struct dispatcher *dispatcher;
	struct intake *intake;
	struct spool *spool;
	struct control *control;
	guint maintain;
	guint reloads; /* counts them: an older one that is still waiting gives way */
};

/* --- what runs now and then ------------------------------------------------ */

static gboolean maintain(gpointer data)
{
	struct bridge *bridge = data;
	gint64 now_us = g_get_real_time();

	bridge->queue->backend->maintain(bridge->queue, now_us);
	bridge->registry->backend->maintain(bridge->registry, now_us / G_USEC_PER_SEC,
					    bridge->context->config->dead_keep_secs);
	return G_SOURCE_CONTINUE;
}

static gint64 key_created(const struct config *config)
{
	struct stat st;

	return config->webpush_enabled && stat(config->vapid_key_file, &st) == 0 ? st.st_mtime : 0;
}

static void collect(struct metrics_gauges *gauges, gpointer data)
{
	struct bridge *bridge = data;
	g_autoptr(GArray) lanes = g_array_new(FALSE, FALSE, sizeof(struct dispatcher_lane_info));
	struct queue_stats queue;
	struct registry_stats registry;

	bridge->queue->backend->stats(bridge->queue, &queue);
	bridge->registry->backend->stats(bridge->registry, &registry);
	dispatcher_lanes(bridge->dispatcher, lanes, G_MAXUINT);
	gauges->queue_depth = queue.pending;
	if (queue.oldest_us != 0)
		gauges->queue_oldest_us = MAX(g_get_real_time() - queue.oldest_us, 0);
	gauges->queue_bytes = queue.bytes;
	gauges->devices_active = registry.active;
	gauges->devices_inactive = registry.inactive;
	gauges->devices_dead = registry.dead;
	gauges->devices_locked = registry.locked;
	gauges->in_flight = dispatcher_in_flight(bridge->dispatcher);
	gauges->connections = http_client_connections(bridge->context->http);
	gauges->lanes = lanes->len;
	gauges->intake_connections = intake_connections(bridge->intake);
	gauges->spool_files = spool_files(bridge->spool);
	gauges->tls_ca_expiry = bridge->context->config->ca_expiry;
	gauges->vapid_key_created = key_created(bridge->context->config);
}

/* --- reload ---------------------------------------------------------------- */

static void set_limits(struct bridge *bridge)
{
	const struct config *config = bridge->context->config;
	struct registry_limits limits = {
		.devices_per_user = config->devices_per_user,
		.confirm_secs = config->confirm_secs,
	};

	bridge->registry->backend->set_limits(bridge->registry, &limits);
	log_writer_set_level(config->log_level);
}

static void set_context(struct bridge *bridge, struct gateway_context *context)
{
	g_autoptr(gateway_context_t) old = bridge->context;

	bridge->context = gateway_context_ref(context);
	set_limits(bridge);
	dispatcher_set_context(bridge->dispatcher, context);
	intake_set_context(bridge->intake, context);
	control_set_context(bridge->control, context);
}

struct reload {
	struct bridge *bridge; /* outlives the store, which calls back */
	struct gateway_context *context;
	guint number;
};

static void listen_for_metrics(struct bridge *bridge, const struct config *config)
{
	g_autoptr(GError) error = NULL;

	if (!metrics_listen(bridge->metrics, config->metrics, &error))
		g_warning("metrics are off: %s", error->message);
}

static void reload_hooks_ready(const GError *error, gpointer data)
{
	struct reload *reload = data;
	struct bridge *bridge = reload->bridge;

	if (reload->number == bridge->reloads && bridge->dispatcher != NULL) {
		if (error != NULL) {
			g_warning("cannot note new webhooks: %s; keeping the old configuration",
				  error->message);
			listen_for_metrics(bridge, bridge->context->config);
		} else {
			set_context(bridge, reload->context);
			g_message("configuration %s is in force", bridge->config_path);
		}
	}
	gateway_context_unref(reload->context);
	g_free(reload);
}

static const struct config_fixed fixed[] = {
	{"bridge", "state-dir", 0},
	{"bridge", "socket", 0},
	{"bridge", "socket-mode", sizeof(mode_t)},
	{"bridge", "control-socket", 0},
	{"bridge", "control-mode", sizeof(mode_t)},
	{"bridge", "spool-dir", 0},
	{"queue", "max-pending", sizeof(guint64)},
	{"queue", "max-bytes", sizeof(guint64)},
	{NULL, NULL, 0},
};

gboolean bridge_reload(struct bridge *bridge, GError **error)
{
	g_autoptr(config_t) config = config_load(bridge->config_path, error);
	g_autoptr(gateway_context_t) context = NULL;
	g_auto(GStrv) kept = NULL;
	struct reload *reload;

	if (config == NULL)
		return FALSE;
	kept = config_table_keep(&config_keys, fixed, bridge->context->config, config);
	context = gateway_context_new(config, bridge->context, error);
	if (context == NULL)
		return FALSE;
	if (g_strcmp0(bridge->context->config->metrics, config->metrics) != 0 &&
	    !metrics_listen(bridge->metrics, config->metrics, error))
		return FALSE;
	daemon_log_restart((const char *const *)kept);
	reload = g_new0(struct reload, 1);
	reload->bridge = bridge;
	reload->context = g_steal_pointer(&context);
	reload->number = ++bridge->reloads;
	webhook_devices_ensure(config, bridge->registry, reload_hooks_ready, reload);
	return TRUE;
}

static gboolean reload_for_control(gpointer data, GError **error)
{
	return bridge_reload(data, error);
}

gboolean bridge_check(const char *config_path, GError **error)
{
	g_autoptr(config_t) config = config_load(config_path, error);

	return config != NULL && gateway_context_check(config, error);
}

/* --- start ---------------------------------------------------------------- */

static gboolean open_database(struct bridge *bridge, const struct config *config, GError **error)
{
	g_autofree char *path = g_build_filename(config->state_dir, DATABASE, NULL);
	struct registry_limits limits = {
		.devices_per_user = config->devices_per_user,
		.confirm_secs = config->confirm_secs,
	};

	bridge->store = store_open(path, config->max_bytes, error);
	if (bridge->store == NULL)
		return FALSE;
	bridge->queue = queue_sqlite_open(bridge->store, config->max_pending, error);
	if (bridge->queue == NULL)
		return FALSE;
	bridge->registry = registry_sqlite_open(bridge->store, &limits, error);
	return bridge->registry != NULL;
}

struct waiting {
	gboolean over;
	GError *error;
};

static void start_hooks_ready(const GError *error, gpointer data)
{
	struct waiting *waiting = data;

	waiting->over = TRUE;
	if (error != NULL)
		waiting->error = g_error_copy(error);
}

static gboolean ensure_hooks(struct bridge *bridge, const struct config *config, GError **error)
{
	struct waiting waiting = {0};

	webhook_devices_ensure(config, bridge->registry, start_hooks_ready, &waiting);
	while (!waiting.over)
		g_main_context_iteration(NULL, TRUE);
	if (waiting.error == NULL)
		return TRUE;
	g_propagate_prefixed_error(error, waiting.error, "cannot note webhooks: ");
	return FALSE;
}

static gboolean build_parts(struct bridge *bridge, const struct config *config, GError **error)
{
	struct control_parts parts;

	bridge->metrics = metrics_new();
	bridge->dispatcher =
		dispatcher_new(bridge->queue, bridge->registry, bridge->context, bridge->metrics);
	bridge->intake = intake_new(bridge->queue, bridge->registry, bridge->dispatcher,
				    bridge->context, bridge->metrics);
	bridge->spool = spool_open(config->spool_dir, bridge->intake, error);
	if (bridge->spool == NULL)
		return FALSE;
	parts = (struct control_parts){
		.queue = bridge->queue,
		.registry = bridge->registry,
		.dispatcher = bridge->dispatcher,
		.intake = bridge->intake,
		.spool = bridge->spool,
		.metrics = bridge->metrics,
		.context = bridge->context,
		.reload = reload_for_control,
		.reload_data = bridge,
	};
	bridge->control = control_new(&parts);
	metrics_set_collect(bridge->metrics, collect, bridge);
	return TRUE;
}

static gboolean build(struct bridge *bridge, const struct bridge_sockets *sockets, GError **error)
{
	g_autoptr(config_t) config = config_load(bridge->config_path, error);

	if (config == NULL)
		return FALSE;
	log_writer_set_level(config->log_level);
	if (g_mkdir_with_parents(config->state_dir, 0700) < 0) {
		int code = errno;

		g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code),
			    "cannot make [bridge] state-dir %s: %s", config->state_dir,
			    g_strerror(code));
		return FALSE;
	}
	bridge->context = gateway_context_new(config, NULL, error);
	if (bridge->context == NULL || !open_database(bridge, config, error) ||
	    !ensure_hooks(bridge, config, error) || !build_parts(bridge, config, error))
		return FALSE;
	if (!intake_listen(bridge->intake, sockets->mail, error) ||
	    !control_listen(bridge->control, sockets->control, error) ||
	    !metrics_listen(bridge->metrics, config->metrics, error))
		return FALSE;
	dispatcher_start(bridge->dispatcher);
	bridge->maintain = g_timeout_add_seconds(MAINTAIN_SECS, maintain, bridge);
	return TRUE;
}

struct bridge *bridge_start(const char *config_path, const struct bridge_sockets *sockets,
			    GError **error)
{
	struct bridge *bridge = g_new0(struct bridge, 1);

	bridge->config_path = g_strdup(config_path);
	if (!build(bridge, sockets, error))
		bridge_stop(&bridge);
	return bridge;
}

/* --- stop ---------------------------------------------------------------- */

static gboolean too_late(gpointer data)
{
	*(gboolean *)data = TRUE;
	return G_SOURCE_REMOVE;
}

static gboolean busy(const struct bridge *bridge)
{
	return intake_pending(bridge->intake) > 0 || dispatcher_in_flight(bridge->dispatcher) > 0 ||
	       dispatcher_unrecorded(bridge->dispatcher) > 0;
}

static void wind_down(struct bridge *bridge)
{
	gboolean late = FALSE;
	guint timer;

	intake_stop(bridge->intake);
	if (bridge->spool != NULL)
		spool_stop(bridge->spool);
	dispatcher_stop(bridge->dispatcher);
	timer = g_timeout_add(STOP_USECS / 1000, too_late, &late);
	while (busy(bridge) && !late)
		g_main_context_iteration(NULL, TRUE);
	/* Answers that were written in the last turn. Who keeps talking is not heard out. */
	for (guint i = 0; i < LAST_TURNS && !late && g_main_context_iteration(NULL, FALSE); i++)
		;
	if (!late)
		g_source_remove(timer);
}

void bridge_stop(struct bridge **bridge_p)
{
	struct bridge *bridge = *bridge_p;

	if (bridge == NULL)
		return;
	*bridge_p = NULL;
	g_clear_handle_id(&bridge->maintain, g_source_remove);
	if (bridge->intake != NULL)
		wind_down(bridge);
	/* Tests under way report to the control socket, so it goes after. */
	dispatcher_free(&bridge->dispatcher);
	control_free(&bridge->control);
	spool_free(&bridge->spool);
	intake_free(&bridge->intake);
	if (bridge->registry != NULL)
		bridge->registry->backend->close(&bridge->registry);
	if (bridge->queue != NULL)
		bridge->queue->backend->close(&bridge->queue);
	/* Runs what waits, and calls back once more. */
	store_close(&bridge->store);
	metrics_free(&bridge->metrics);
	gateway_context_unref(bridge->context);
	gateway_context_flush();
	g_free(bridge->config_path);
	g_free(bridge);
}
