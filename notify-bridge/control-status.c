#include "control-status.h"
#include "control-json.h"
#include "limits.h"
#include "queue.h"
#include "registry.h"

#include <sys/stat.h>

/* Lanes that STATUS tells of; the rest is a number. */
#define STATUS_LANES 20
/* Bad spool files that STATUS counts one by one. */
#define STATUS_BAD_FILES LIMIT_SPOOL_SCAN
/* An hour's wait for the oldest notification is worth a word. */
#define WARN_OLDEST_SECS 3600
#define WARN_EXPIRY_SECS (21 * 86400)

/* Files that were moved aside: they speak for nobody, but somebody should look. */
static guint count_bad_files(const char *spool_dir)
{
	g_autofree char *path = g_build_filename(spool_dir, "bad", NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	guint count = 0;

	while (dir != NULL && count < STATUS_BAD_FILES && g_dir_read_name(dir) != NULL)
		count++;
	return count;
}

G_GNUC_PRINTF(2, 3)
static void warn(JsonBuilder *builder, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	json_builder_add_string_value(builder, text);
}

static void add_warnings(const struct control_parts *parts, JsonBuilder *builder,
			 gint64 oldest_secs, guint bad_files, gint64 now)
{
	const struct config *config = parts->context->config;

	json_builder_set_member_name(builder, "warnings");
	json_builder_begin_array(builder);
	if (!config->webpush_enabled && config->webhooks->len == 0)
		warn(builder,
		     "no gateway is on: set [webpush] enabled = yes or add a [webhook NAME]");
	if (config->webpush_enabled && config->contact == NULL)
		warn(builder,
		     "[webpush] contact is not set; some push services refuse such pushes");
	if (oldest_secs > WARN_OLDEST_SECS)
		warn(builder,
		     "the oldest notification waits for %" G_GINT64_FORMAT
		     " minutes; fantailctl queue shows it",
		     oldest_secs / 60);
	if (bad_files > 0)
		warn(builder, "%u spool files in %s/bad could not be read; the log says why",
		     bad_files, config->spool_dir);
	if (config->ca_expiry != 0 && config->ca_expiry < now)
		warn(builder, "a certificate of %s has expired; renew it", config->ca_file);
	else if (config->ca_expiry != 0 && config->ca_expiry - now < WARN_EXPIRY_SECS)
		warn(builder, "a certificate of %s ends in %" G_GINT64_FORMAT " days; renew it",
		     config->ca_file, (config->ca_expiry - now) / 86400);
	json_builder_end_array(builder);
}

static void add_lanes(const struct control_parts *parts, JsonBuilder *builder)
{
	g_autoptr(GArray) lanes = g_array_new(FALSE, FALSE, sizeof(struct dispatcher_lane_info));

	dispatcher_lanes(parts->dispatcher, lanes, LIMIT_LANES);
	control_json_int(builder, "lanes_with_work", lanes->len);
	json_builder_set_member_name(builder, "lanes");
	json_builder_begin_array(builder);
	for (guint i = 0; i < lanes->len && i < STATUS_LANES; i++) {
		const struct dispatcher_lane_info *lane =
			&g_array_index(lanes, struct dispatcher_lane_info, i);

		json_builder_begin_object(builder);
		control_json_text(builder, "lane", lane->lane);
		control_json_int(builder, "in_flight", lane->in_flight);
		control_json_time(builder, "held_until", lane->held_until_us / G_USEC_PER_SEC);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

static void add_gateways(const struct control_parts *parts, JsonBuilder *builder)
{
	const struct gateway_context *context = parts->context;
	const struct config *config = context->config;
	struct stat st;

	json_builder_set_member_name(builder, "webpush");
	json_builder_begin_object(builder);
	control_json_bool(builder, "enabled", config->webpush_enabled);
	control_json_text(builder, "contact", config->contact);
	control_json_text(builder, "vapid_public_key",
			  context->vapid != NULL ? vapid_public_key(context->vapid) : NULL);
	control_json_time(builder, "vapid_key_created",
			  stat(config->vapid_key_file, &st) == 0 ? st.st_mtime : 0);
	json_builder_end_object(builder);
	json_builder_set_member_name(builder, "webhooks");
	json_builder_begin_array(builder);
	for (guint i = 0; i < config->webhooks->len; i++) {
		const struct config_webhook *webhook = g_ptr_array_index(config->webhooks, i);

		json_builder_add_string_value(builder, webhook->name);
	}
	json_builder_end_array(builder);
}

char *control_status(const struct control_parts *parts, gint64 started, gint64 now)
{
	const struct config *config = parts->context->config;
	guint bad_files = count_bad_files(config->spool_dir);
	struct registry_stats devices = {0};
	struct queue_stats queue = {0};
	gint64 oldest_secs = 0;
	JsonBuilder *builder = json_builder_new();

	parts->queue->backend->stats(parts->queue, &queue);
	parts->registry->backend->stats(parts->registry, &devices);
	if (queue.oldest_us > 0)
		oldest_secs = MAX(now - queue.oldest_us / G_USEC_PER_SEC, 0);

	json_builder_begin_object(builder);
	control_json_text(builder, "version", FANTAIL_VERSION);
	control_json_text(builder, "config", config->path);
	control_json_time(builder, "started", started);
	control_json_int(builder, "uptime_seconds", MAX(now - started, 0));
	json_builder_set_member_name(builder, "queue");
	json_builder_begin_object(builder);
	control_json_int(builder, "pending", (gint64)queue.pending);
	control_json_int(builder, "oldest_seconds", oldest_secs);
	control_json_int(builder, "bytes", (gint64)queue.bytes);
	json_builder_end_object(builder);
	json_builder_set_member_name(builder, "devices");
	json_builder_begin_object(builder);
	control_json_int(builder, "active", (gint64)devices.active);
	control_json_int(builder, "inactive", (gint64)devices.inactive);
	control_json_int(builder, "dead", (gint64)devices.dead);
	control_json_int(builder, "locked", (gint64)devices.locked);
	json_builder_end_object(builder);
	json_builder_set_member_name(builder, "intake");
	json_builder_begin_object(builder);
	control_json_int(builder, "connections", intake_connections(parts->intake));
	control_json_int(builder, "spool_files", spool_files(parts->spool));
	control_json_int(builder, "spool_bad_files", bad_files);
	json_builder_end_object(builder);
	control_json_int(builder, "in_flight", dispatcher_in_flight(parts->dispatcher));
	add_lanes(parts, builder);
	add_gateways(parts, builder);
	json_builder_set_member_name(builder, "counters");
	json_builder_begin_object(builder);
	metrics_json(parts->metrics, builder);
	json_builder_end_object(builder);
	add_warnings(parts, builder, oldest_secs, bad_files, now);
	json_builder_end_object(builder);
	return control_json_finish(builder);
}
