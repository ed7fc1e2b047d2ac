#include "ctl-render.h"
#include "ctl-table.h"

#include <string.h>

#define LABEL_WIDTH 16
/* RFC 5423's, of which most devices of Apple's want to hear all. */
#define ALL_EVENTS 12

#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define RED "\033[31m"
#define RESET "\033[0m"

/* --- members, whatever they turn out to be ----------------------------------- */

static JsonNode *value_of(JsonObject *object, const char *name, GType type)
{
	JsonNode *node = object != NULL ? json_object_get_member(object, name) : NULL;

	if (node == NULL || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != type)
		return NULL;
	return node;
}

static const char *text_of(JsonObject *object, const char *name)
{
	JsonNode *node = value_of(object, name, G_TYPE_STRING);

	return node != NULL ? json_node_get_string(node) : NULL;
}

static gint64 int_of(JsonObject *object, const char *name)
{
	JsonNode *node = value_of(object, name, G_TYPE_INT64);

	return node != NULL ? json_node_get_int(node) : 0;
}

static gboolean bool_of(JsonObject *object, const char *name)
{
	JsonNode *node = value_of(object, name, G_TYPE_BOOLEAN);

	return node != NULL && json_node_get_boolean(node);
}

static JsonObject *object_of(JsonObject *object, const char *name)
{
	JsonNode *node = object != NULL ? json_object_get_member(object, name) : NULL;

	return node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static JsonArray *array_of(JsonObject *object, const char *name)
{
	JsonNode *node = object != NULL ? json_object_get_member(object, name) : NULL;

	return node != NULL && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

/* Texts of an array with `between`; NULL if there are none. */
static char *join_of(JsonObject *object, const char *name, const char *between)
{
	JsonArray *array = array_of(object, name);
	GString *joined = NULL;

	for (guint i = 0; array != NULL && i < json_array_get_length(array); i++) {
		JsonNode *node = json_array_get_element(array, i);

		if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING)
			continue;
		if (joined == NULL)
			joined = g_string_new(NULL);
		else
			g_string_append(joined, between);
		g_string_append(joined, json_node_get_string(node));
	}
	return joined != NULL ? g_string_free(joined, FALSE) : NULL;
}

/* --- numbers as people say them ------------------------------------------------ */

char *ctl_duration(gint64 seconds)
{
	static const struct {
		gint64 seconds;
		const char *name;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}};

	for (gsize i = 0; i < G_N_ELEMENTS(units); i++) {
		/* From two of a unit on: "90 min" says more than "1 h". */
		if (seconds >= 2 * units[i].seconds)
			return g_strdup_printf("%" G_GINT64_FORMAT " %s",
					       seconds / units[i].seconds, units[i].name);
	}
	return g_strdup_printf("%" G_GINT64_FORMAT " s", MAX(seconds, 0));
}

char *ctl_relative_time(gint64 now, gint64 then)
{
	g_autofree char *duration = ctl_duration(ABS(now - then));

	if (then <= 0)
		return g_strdup("-");
	if (now == then)
		return g_strdup("now");
	return then < now ? g_strconcat(duration, " ago", NULL)
			  : g_strconcat("in ", duration, NULL);
}

char *ctl_bytes(gint64 bytes)
{
	return g_format_size((guint64)MAX(bytes, 0));
}

/* "2026-11-22 12:30:00", the reader's time zone. */
static char *local_time(gint64 seconds)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(seconds);

	return time != NULL && seconds > 0 ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S")
					   : g_strdup("-");
}

/* --- lines of "label  text" ----------------------------------------------------- */

G_GNUC_PRINTF(3, 4)
static void say(GString *out, const char *label, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_autofree char *printable = ctl_printable(text);
	g_string_append_printf(out, "%-*s%s\n", LABEL_WIDTH, label, printable);
}

static void say_time(GString *out, const char *label, gint64 then, const struct ctl_style *style)
{
	g_autofree char *clock = local_time(then);
	g_autofree char *relative = ctl_relative_time(style->now, then);

	if (then > 0)
		say(out, label, "%s (%s)", clock, relative);
	else
		say(out, label, "-");
}

static void colored(GString *out, const struct ctl_style *style, const char *color,
		    const char *text)
{
	g_autofree char *printable = ctl_printable(text);

	if (style->color)
		g_string_append_printf(out, "%s%s%s", color, printable, RESET);
	else
		g_string_append(out, printable);
}

/* "a 1, b 2" of an object of numbers, those that are not 0; NULL if all are. */
static char *join_counts(JsonObject *counts)
{
	g_autoptr(GList) names = counts != NULL ? json_object_get_members(counts) : NULL;
	GString *joined = NULL;

	for (GList *name = names; name != NULL; name = name->next) {
		gint64 count = int_of(counts, name->data);

		if (count == 0)
			continue;
		if (joined == NULL)
			joined = g_string_new(NULL);
		else
			g_string_append(joined, ", ");
		g_string_append_printf(joined, "%s %" G_GINT64_FORMAT, (char *)name->data, count);
	}
	return joined != NULL ? g_string_free(joined, FALSE) : NULL;
}

/* The same one level deeper, one line each: "socket: ok 3, bad 1". */
static void say_counts(GString *out, const char *label, JsonObject *families)
{
	g_autoptr(GList) names = families != NULL ? json_object_get_members(families) : NULL;

	if (names == NULL)
		say(out, label, "none");
	for (GList *name = names; name != NULL; name = name->next) {
		g_autofree char *counts = join_counts(object_of(families, name->data));

		say(out, name == names ? label : "", "%s: %s", (char *)name->data,
		    counts != NULL ? counts : "none");
	}
}

/* --- status ---------------------------------------------------------------------- */

static void render_lanes(GString *out, JsonObject *status, const struct ctl_style *style)
{
	static const struct ctl_column columns[] = {{"LANE", FALSE, 24},
						    {"IN FLIGHT", TRUE, 0},
						    {"TRIED AGAIN", FALSE, 0},
						    {NULL, FALSE, 0}};
	JsonArray *lanes = array_of(status, "lanes");
	guint len = lanes != NULL ? json_array_get_length(lanes) : 0;
	gint64 all = int_of(status, "lanes_with_work");
	struct ctl_table *table;

	if (len == 0)
		return;
	table = ctl_table_new(columns);
	for (guint i = 0; i < len; i++) {
		JsonNode *node = json_array_get_element(lanes, i);
		JsonObject *lane = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;

		ctl_table_add(table, text_of(lane, "lane"));
		ctl_table_add_take(table,
				   g_strdup_printf("%" G_GINT64_FORMAT, int_of(lane, "in_flight")));
		ctl_table_add_take(table,
				   ctl_relative_time(style->now, int_of(lane, "held_until")));
	}
	g_string_append_c(out, '\n');
	ctl_table_print(table, out, style->width, style->color);
	if (all > len)
		g_string_append_printf(out, "and %" G_GINT64_FORMAT " more\n", all - len);
}

void ctl_render_status(GString *out, JsonObject *status, const struct ctl_style *style)
{
	JsonObject *queue = object_of(status, "queue");
	JsonObject *devices = object_of(status, "devices");
	JsonObject *intake = object_of(status, "intake");
	JsonObject *webpush = object_of(status, "webpush");
	JsonObject *counters = object_of(status, "counters");
	JsonArray *warnings = array_of(status, "warnings");
	const char *text;

	g_autofree char *started = local_time(int_of(status, "started"));
	g_autofree char *uptime = ctl_duration(int_of(status, "uptime_seconds"));
	text = text_of(status, "version");
	say(out, "fantail-bridge", "%s, up %s, since %s", text != NULL ? text : "-", uptime,
	    started);
	text = text_of(status, "config");
	say(out, "configuration", "%s", text != NULL ? text : "defaults");
	g_string_append_c(out, '\n');

	g_autofree char *oldest = ctl_duration(int_of(queue, "oldest_seconds"));
	g_autofree char *size = ctl_bytes(int_of(queue, "bytes"));
	if (int_of(queue, "pending") > 0)
		say(out, "queue", "%" G_GINT64_FORMAT " waiting, the oldest for %s; %s on disk",
		    int_of(queue, "pending"), oldest, size);
	else
		say(out, "queue", "empty; %s on disk", size);
	say(out, "in flight", "%" G_GINT64_FORMAT, int_of(status, "in_flight"));
	say(out, "devices",
	    "%" G_GINT64_FORMAT " active, %" G_GINT64_FORMAT " inactive, %" G_GINT64_FORMAT
	    " dead, %" G_GINT64_FORMAT " locked",
	    int_of(devices, "active"), int_of(devices, "inactive"), int_of(devices, "dead"),
	    int_of(devices, "locked"));
	say(out, "mail socket", "%" G_GINT64_FORMAT " connections", int_of(intake, "connections"));
	say(out, "spool", "%" G_GINT64_FORMAT " files, %" G_GINT64_FORMAT " bad",
	    int_of(intake, "spool_files"), int_of(intake, "spool_bad_files"));

	if (bool_of(webpush, "enabled")) {
		g_autofree char *made =
			ctl_relative_time(style->now, int_of(webpush, "vapid_key_created"));

		text = text_of(webpush, "vapid_public_key");
		say(out, "web push", "on, VAPID key %.8s… made %s", text != NULL ? text : "-",
		    made);
	} else {
		say(out, "web push", "off");
	}
	g_autofree char *webhooks = join_of(status, "webhooks", ", ");
	say(out, "webhooks", "%s", webhooks != NULL ? webhooks : "none");
	g_string_append_c(out, '\n');

	g_autofree char *events = join_counts(object_of(counters, "events"));
	g_autofree char *dropped = join_counts(object_of(counters, "dropped"));
	say(out, "events in", "%s", events != NULL ? events : "none");
	say_counts(out, "batches", object_of(counters, "batches"));
	say_counts(out, "pushes", object_of(counters, "sends"));
	say(out, "dropped", "%s", dropped != NULL ? dropped : "none");
	render_lanes(out, status, style);

	for (guint i = 0; warnings != NULL && i < json_array_get_length(warnings); i++) {
		JsonNode *node = json_array_get_element(warnings, i);

		if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING)
			continue;
		g_string_append(out, i == 0 ? "\n" : "");
		colored(out, style, YELLOW, "warning: ");
		g_autofree char *printable = ctl_printable(json_node_get_string(node));
		g_string_append_printf(out, "%s\n", printable);
	}
}

void ctl_render_sync_status(GString *out, JsonObject *status)
{
	g_autofree char *started = local_time(int_of(status, "started"));
	g_autofree char *uptime = ctl_duration(int_of(status, "uptime_seconds"));
	const char *text = text_of(status, "version");

	say(out, "fantail-syncml", "%s, up %s, since %s", text != NULL ? text : "-", uptime,
	    started);
	text = text_of(status, "config");
	say(out, "configuration", "%s", text != NULL ? text : "-");
	say(out, "sessions", "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " users",
	    int_of(status, "sessions"), int_of(status, "users"));
	say(out, "in work", "%" G_GINT64_FORMAT " messages", int_of(status, "messages"));
}

void ctl_render_alerted(GString *out, GPtrArray *rows, const struct ctl_style *style)
{
	static const struct ctl_column columns[] = {
		{"DEVICE", FALSE, 12},
		{"DATABASES", FALSE, 8},
		{"ALERTED", FALSE, 12},
		{NULL, FALSE, 0},
	};
	struct ctl_table *table = ctl_table_new(columns);

	for (guint i = 0; i < rows->len; i++) {
		JsonObject *row = rows->pdata[i];
		const char *why = text_of(row, "why");

		ctl_table_add(table, text_of(row, "device"));
		ctl_table_add(table, text_of(row, "databases"));
		if (!bool_of(row, "alerted"))
			ctl_table_add_take(table,
					   g_strdup_printf("no: %s", why != NULL ? why : "-"));
		else if (!bool_of(row, "registered"))
			ctl_table_add(table, "the bridge has it, and knows no way to the device");
		else
			ctl_table_add(table, "yes, by the bridge");
	}
	ctl_table_print(table, out, style->width, style->color);
}

/* --- queue, devices ---------------------------------------------------------------- */

void ctl_render_queue(GString *out, GPtrArray *rows, const struct ctl_style *style)
{
	static const struct ctl_column columns[] = {{"AGE", TRUE, 0},      {"DUE", TRUE, 0},
						    {"TRIES", TRUE, 0},    {"USER", FALSE, 8},
						    {"DEVICE", FALSE, 6},  {"MAILBOX", FALSE, 7},
						    {"EVENTS", FALSE, 10}, {NULL, FALSE, 0}};

	if (rows->len == 0) {
		g_string_append(out, "Nothing is waiting.\n");
		return;
	}
	struct ctl_table *table = ctl_table_new(columns);
	for (guint i = 0; i < rows->len; i++) {
		JsonObject *row = g_ptr_array_index(rows, i);
		gint64 due = int_of(row, "due");

		ctl_table_add_take(table, ctl_duration(style->now - int_of(row, "first")));
		ctl_table_add_take(table, due <= style->now ? g_strdup("now")
							    : ctl_duration(due - style->now));
		ctl_table_add_take(table,
				   g_strdup_printf("%" G_GINT64_FORMAT, int_of(row, "attempts")));
		ctl_table_add(table, text_of(row, "user"));
		ctl_table_add(table, text_of(row, "device"));
		ctl_table_add(table, text_of(row, "mailbox"));
		ctl_table_add_take(table, join_of(row, "events", " "));
	}
	ctl_table_print(table, out, style->width, style->color);
}

void ctl_render_held(GString *out, GPtrArray *rows, const struct ctl_style *style)
{
	static const struct ctl_column columns[] = {{"TIME", FALSE, 0},    {"USER", FALSE, 0},
						    {"DEVICE", FALSE, 0},  {"MAILBOX", FALSE, 7},
						    {"EVENTS", FALSE, 10}, {"TOPIC", FALSE, 8},
						    {"PAYLOAD", FALSE, 8}, {NULL, FALSE, 0}};

	if (rows->len == 0) {
		g_string_append(out, "No push was held back.\n");
		return;
	}
	struct ctl_table *table = ctl_table_new(columns);
	for (guint i = 0; i < rows->len; i++) {
		JsonObject *row = g_ptr_array_index(rows, i);

		ctl_table_add_take(table, local_time(int_of(row, "time")));
		ctl_table_add(table, text_of(row, "user"));
		ctl_table_add(table, text_of(row, "device"));
		ctl_table_add(table, text_of(row, "mailbox"));
		ctl_table_add_take(table, join_of(row, "events", " "));
		ctl_table_add(table, text_of(object_of(row, "headers"), "apns-topic"));
		ctl_table_add(table, text_of(row, "payload"));
	}
	ctl_table_print(table, out, style->width, style->color);
}

/* What it hears of: a device of Push-IMAP has filters for that, others say events, mailboxes
 * and whether it is chat. */
static char *filters_of(JsonObject *row)
{
	g_autofree char *attached = join_of(row, "filters", ", ");
	g_autofree char *mailboxes = join_of(row, "mailboxes", ", ");
	g_autofree char *events = join_of(row, "events", " ");
	const char *msgtype = text_of(row, "msgtype");
	GString *text;

	if (g_strcmp0(text_of(row, "kind"), "pimap") == 0)
		return g_steal_pointer(&attached);
	if (array_of(row, "events") == NULL)
		return NULL;
	text = g_string_new(events != NULL ? events : "nothing");
	if (json_array_get_length(array_of(row, "events")) >= ALL_EVENTS)
		g_string_assign(text, "all");
	if (mailboxes != NULL)
		g_string_append_printf(text, " in %s", mailboxes);
	if (msgtype != NULL && strcmp(msgtype, "all") != 0)
		g_string_append_printf(text, ", %s only", msgtype);
	return g_string_free(text, FALSE);
}

/* "webpush push.example": what takes the pushes, and where. */
static char *kind_and_host(JsonObject *row)
{
	const char *kind = text_of(row, "kind"), *endpoint = text_of(row, "endpoint");
	const char *host = endpoint != NULL ? strstr(endpoint, "://") : NULL;

	if (kind == NULL)
		kind = text_of(row, "gateway"); /* of an older bridge */
	if (kind == NULL || host == NULL)
		return g_strdup(kind);
	host += strlen("://");
	return g_strdup_printf("%s %.*s", kind, (int)strcspn(host, "/"), host);
}

void ctl_render_devices(GString *out, GPtrArray *rows, const struct ctl_style *style)
{
	/* User and device are what the other commands ask for: never cut. */
	static const struct ctl_column columns[] = {
		{"USER", FALSE, 0},        {"DEVICE", FALSE, 0},  {"STATE", FALSE, 0},
		{"KIND", FALSE, 8},        {"FILTERS", FALSE, 7}, {"LAST PUSH", FALSE, 0},
		{"LAST ANSWER", FALSE, 8}, {"EXPIRES", FALSE, 0}, {NULL, FALSE, 0}};

	if (rows->len == 0) {
		g_string_append(out, "No devices.\n");
		return;
	}
	struct ctl_table *table = ctl_table_new(columns);
	for (guint i = 0; i < rows->len; i++) {
		JsonObject *row = g_ptr_array_index(rows, i);

		ctl_table_add(table, text_of(row, "user"));
		ctl_table_add(table, text_of(row, "device"));
		ctl_table_add(table, text_of(row, "state"));
		ctl_table_add_take(table, kind_and_host(row));
		ctl_table_add_take(table, filters_of(row));
		ctl_table_add_take(table, ctl_relative_time(style->now, int_of(row, "last_ok")));
		ctl_table_add(table, text_of(row, "last_outcome"));
		ctl_table_add_take(table, ctl_relative_time(style->now, int_of(row, "expires")));
	}
	ctl_table_print(table, out, style->width, style->color);
}

void ctl_render_device(GString *out, JsonObject *device, const struct ctl_style *style)
{
	static const struct {
		const char *label;
		const char *member;
	} texts[] = {{"user", "user"},          {"device", "device"}, {"label", "label"},
		     {"client", "client"},      {"state", "state"},   {"gateway", "gateway"},
		     {"dialect", "dialect"},    {"lane", "lane"},     {"endpoint", "endpoint"},
		     {"VAPID key", "vapid_key"}};
	g_autofree char *events = join_of(device, "events", " ");
	g_autofree char *mailboxes = join_of(device, "mailboxes", ", ");
	g_autofree char *filters = join_of(device, "filters", ", ");
	const char *text;

	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		text = text_of(device, texts[i].member);
		if (text != NULL && *text != '\0')
			say(out, texts[i].label, "%s", text);
	}
	say(out, "events", "%s", events != NULL ? events : "none");
	say(out, "mailboxes", "%s", mailboxes != NULL ? mailboxes : "all");
	if (g_strcmp0(text_of(device, "kind"), "pimap") == 0)
		say(out, "filters", "%s", filters != NULL ? filters : "none");
	if (text_of(device, "key") != NULL)
		say(out, "key", "%s", text_of(device, "key"));
	text = text_of(device, "msgtype");
	say(out, "messages", "%s", text != NULL ? text : "-");
	say(out, "content", "%s", bool_of(device, "content") ? "yes" : "no");
	say_time(out, "created", int_of(device, "created"), style);
	say_time(out, "confirmed", int_of(device, "confirmed"), style);
	if (int_of(device, "confirm_by") > 0)
		say_time(out, "confirm by", int_of(device, "confirm_by"), style);
	if (int_of(device, "dead_at") > 0)
		say_time(out, "dead since", int_of(device, "dead_at"), style);
	if (int_of(device, "seen") > 0) {
		say_time(out, "last seen", int_of(device, "seen"), style);
		say_time(out, "expires", int_of(device, "expires"), style);
	}
	say_time(out, "last push", int_of(device, "last_ok"), style);
	text = text_of(device, "last_outcome");
	say(out, "last outcome", "%s", text != NULL ? text : "-");
}

/* --- test --------------------------------------------------------------------------- */

void ctl_render_test(GString *out, GPtrArray *rows, const struct ctl_style *style)
{
	for (guint i = 0; i < rows->len; i++) {
		JsonObject *row = g_ptr_array_index(rows, i);
		const char *outcome = text_of(row, "outcome"), *detail = text_of(row, "detail");
		gboolean accepted = bool_of(row, "accepted");
		g_autofree char *device = ctl_printable(
			text_of(row, "device") != NULL ? text_of(row, "device") : "-");
		const char *where = text_of(row, "endpoint");
		g_autofree char *endpoint =
			ctl_printable(where != NULL && *where != '\0' ? where : "-");

		colored(out, style, accepted ? GREEN : RED, outcome != NULL ? outcome : "-");
		g_string_append_printf(out, ": %s (%s), %" G_GINT64_FORMAT " ms", device, endpoint,
				       int_of(row, "milliseconds"));
		if (g_strcmp0(text_of(row, "state"), "active") != 0)
			g_string_append(out, ", not active");
		g_string_append_c(out, '\n');
		if (detail != NULL) {
			g_autofree char *printable = ctl_printable(detail);
			g_string_append_printf(out, "  %s\n", printable);
		}
	}
}
