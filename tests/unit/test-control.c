/* The control socket from end to end: fantailctl's client on one side, fakes of what
 * the bridge is made of on the other. */
#include "control.h"
#include "control-json.h"
#include "ctl-client.h"
#include "gateway-context.h"
#include "limits.h"
#include "queue.h"
#include "registry.h"
#include "store.h"
#include "url-guard.h"

#include <string.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

/* --- fakes -------------------------------------------------------------------- */

static struct {
	GPtrArray *devices; /* struct device * */
	GPtrArray *rows;    /* struct notification * */
	int store_error;    /* what changes fail with; -1 = they do not */
	int drops;          /* of the queue, by device */
	gint64 dropped;
	char *flushed; /* "*" = everybody */
	int wakes;
	int reloads;
	gboolean reload_fails;
	enum outcome_kind outcome;
	gboolean never; /* no outcome comes, or only when it is too late */
	gboolean hold;  /* changes are done when the test says so */
	GSList *held;
	dispatcher_test_done late_done;
	gpointer late_data;
	struct held_pushes *held_back;
	GPtrArray *tests; /* what dispatcher_test was given: char * */
} fake;

struct later {
	registry_done done;
	queue_done queue_done;
	gpointer data;
	struct device *device;
	GError *error;
};

static gboolean call_later(gpointer data)
{
	struct later *later = data;

	if (later->done != NULL)
		later->done(later->error == NULL ? later->device : NULL, later->error, later->data);
	else
		later->queue_done(later->error, later->data);
	device_free(later->device);
	g_clear_error(&later->error);
	g_free(later);
	return G_SOURCE_REMOVE;
}

static struct later *later_new(gpointer data)
{
	struct later *later = g_new0(struct later, 1);

	later->data = data;
	if (fake.store_error >= 0)
		later->error = g_error_new(STORE_ERROR, fake.store_error, "the store says no");
	if (fake.hold)
		fake.held = g_slist_prepend(fake.held, later);
	else
		g_idle_add(call_later, later);
	return later;
}

static GPtrArray *fake_active(struct registry *registry, const char *user)
{
	GPtrArray *found = g_ptr_array_new_with_free_func((GDestroyNotify)device_free);

	for (guint i = 0; i < fake.devices->len; i++) {
		struct device *device = g_ptr_array_index(fake.devices, i);
		if (device->state == DEVICE_ACTIVE && strcmp(device->user, user) == 0)
			g_ptr_array_add(found, device_copy(device));
	}
	if (found->len == 0)
		g_clear_pointer(&found, g_ptr_array_unref);
	return found;
}

static GPtrArray *fake_list(struct registry *registry, const char *user, gint64 after, guint limit)
{
	GPtrArray *found = g_ptr_array_new_with_free_func((GDestroyNotify)device_free);

	for (guint i = 0; i < fake.devices->len && (limit == 0 || found->len < limit); i++) {
		struct device *device = g_ptr_array_index(fake.devices, i);
		if (device->id > after && (user == NULL || strcmp(device->user, user) == 0))
			g_ptr_array_add(found, device_copy(device));
	}
	return found;
}

static struct device *fake_get(struct registry *registry, gint64 id)
{
	for (guint i = 0; i < fake.devices->len; i++) {
		struct device *device = g_ptr_array_index(fake.devices, i);
		if (device->id == id)
			return device_copy(device);
	}
	return NULL;
}

static struct device *fake_find(struct registry *registry, const char *user, const char *name)
{
	for (guint i = 0; i < fake.devices->len; i++) {
		struct device *device = g_ptr_array_index(fake.devices, i);
		if (strcmp(device->user, user) == 0 && strcmp(device->device, name) == 0)
			return device_copy(device);
	}
	return NULL;
}

static void fake_remove(struct registry *registry, const char *user, const char *name,
			registry_done done, gpointer data)
{
	struct later *later = later_new(data);

	later->done = done;
	later->device = fake_find(registry, user, name);
}

static void fake_enrol(struct registry *registry, const struct device *device, gint64 now,
		       registry_done done, gpointer data)
{
	struct later *later = later_new(data);

	later->done = done;
	later->device = device_copy(device);
	g_ptr_array_add(fake.devices, device_copy(device));
}

static gint64 fake_webhook_id(struct registry *registry, const char *name)
{
	return 50;
}

static void fake_registry_stats(struct registry *registry, struct registry_stats *stats)
{
	*stats = (struct registry_stats){.active = 3, .inactive = 2, .dead = 1, .locked = 9};
}

static GPtrArray *fake_attachments(struct registry *registry, gint64 id)
{
	static struct registry_attachment rows[] = {{(char *)"", (char *)"today"},
						    {(char *)"IN\xff", (char *)"JOHN"}};
	GPtrArray *list = g_ptr_array_new();

	g_assert_cmpint(id, ==, 4);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		g_ptr_array_add(list, &rows[i]);
	return list;
}

static const struct registry_backend registry_backend = {
	.name = "fake",
	.active = fake_active,
	.list = fake_list,
	.attachments = fake_attachments,
	.get = fake_get,
	.find = fake_find,
	.enrol = fake_enrol,
	.remove = fake_remove,
	.webhook_id = fake_webhook_id,
	.stats = fake_registry_stats,
};

static GPtrArray *fake_queue_list(struct queue *queue, const char *user, guint limit)
{
	GPtrArray *found = g_ptr_array_new_with_free_func((GDestroyNotify)notification_free);

	for (guint i = 0; i < fake.rows->len && found->len < limit; i++) {
		struct notification *row = g_ptr_array_index(fake.rows, i);
		if (user == NULL || strcmp(row->user, user) == 0)
			g_ptr_array_add(found, notification_copy(row));
	}
	return found;
}

static void fake_drop_device(struct queue *queue, gint64 device, queue_done done, gpointer data)
{
	fake.drops++;
	fake.dropped = device;
	later_new(data)->queue_done = done;
}

static void fake_flush(struct queue *queue, const char *user, queue_done done, gpointer data)
{
	g_free(fake.flushed);
	fake.flushed = g_strdup(user != NULL ? user : "*");
	later_new(data)->queue_done = done;
}

static void fake_queue_stats(struct queue *queue, struct queue_stats *stats)
{
	*stats = (struct queue_stats){
		.pending = fake.rows->len,
		.oldest_us = g_get_real_time() - 7200 * (gint64)G_USEC_PER_SEC,
		.bytes = 4096,
	};
}

static const struct queue_backend queue_backend = {
	.name = "fake",
	.list = fake_queue_list,
	.drop_device = fake_drop_device,
	.flush = fake_flush,
	.stats = fake_queue_stats,
};

/* These take the places of the real ones when the test is linked. */
void dispatcher_wake_all(struct dispatcher *dispatcher)
{
	fake.wakes++;
}

void dispatcher_lanes(const struct dispatcher *dispatcher, GArray *rows, guint limit)
{
	for (guint i = 0; i < 25 && i < limit; i++) {
		struct dispatcher_lane_info lane = {"webpush https://push.example:443", i, 0};

		if (i == 1)
			lane.held_until_us = G_GINT64_CONSTANT(2000000000) * G_USEC_PER_SEC;
		g_array_append_val(rows, lane);
	}
}

guint dispatcher_in_flight(const struct dispatcher *dispatcher)
{
	return 9;
}

struct held_pushes *dispatcher_held(struct dispatcher *dispatcher)
{
	return fake.held_back;
}

void dispatcher_test(struct dispatcher *dispatcher, const struct device *device,
		     const struct notification *notification, dispatcher_test_done done,
		     gpointer data)
{
	struct outcome outcome = {.kind = fake.outcome, .status = 201, .retry_after_us = -1};
	g_autofree char *detail = g_strdup("it \xff said \x1f so\nwell");

	g_ptr_array_add(fake.tests, g_strdup_printf("%s %s %s", notification->user, device->device,
						    notification->event));
	outcome.detail = detail;
	if (!fake.never)
		done(device, &outcome, data);
	fake.late_done = done;
	fake.late_data = data;
}

guint intake_connections(const struct intake *intake)
{
	return 4;
}

guint spool_files(const struct spool *spool)
{
	return 5;
}

static gboolean fake_reload(gpointer data, GError **error)
{
	fake.reloads++;
	if (fake.reload_fails) {
		g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_VALUE,
			    "x.conf:7: [http] timeout: bad");
		return FALSE;
	}
	return TRUE;
}

/* --- set-up ------------------------------------------------------------------- */

static struct device *add_device(gint64 id, const char *user, const char *name,
				 enum device_state state)
{
	struct device *device = g_new0(struct device, 1);

	device->id = id;
	device->user = g_strdup(user);
	device->device = g_strdup(name);
	device->gateway = g_strdup("webpush");
	device->state = state;
	device->endpoint = g_strdup("https://push.example/send/SECRETSECRET");
	device->vapid_key = g_strdup("K");
	device->events = PUSH_EVENT_KINDS_ARRIVAL;
	device->token = g_strdup("TOKENTOKEN");
	device->confirm_by = 1900000000;
	device->created = 1700000000;
	memset(device->p256dh, 'P', sizeof(device->p256dh));
	memset(device->auth, 'A', sizeof(device->auth));
	g_ptr_array_add(fake.devices, device);
	return device;
}

struct fixture {
	char *dir;
	char *socket;
	struct registry registry;
	struct queue queue;
	struct metrics *metrics;
	struct gateway_context *context;
	struct control *control;
};

static void set_up(struct fixture *f, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	memset(&fake, 0, sizeof(fake));
	fake.store_error = -1;
	fake.devices = g_ptr_array_new_with_free_func((GDestroyNotify)device_free);
	fake.rows = g_ptr_array_new_with_free_func((GDestroyNotify)notification_free);
	fake.tests = g_ptr_array_new_with_free_func(g_free);
	f->dir = g_dir_make_tmp("fantail-control-XXXXXX", NULL);
	f->socket = g_build_filename(f->dir, "c.sock", NULL);
	f->registry.backend = &registry_backend;
	f->queue.backend = &queue_backend;
	f->metrics = metrics_new();

	g_autofree char *text = g_strdup_printf("[bridge]\ncontrol-socket = %s\nspool-dir = %s\n"
						"[http]\ntimeout = 1s\n"
						"[webhook hook]\nurl = https://hook.example/\n"
						"users = hooked*\n",
						f->socket, f->dir);
	f->context = g_new0(struct gateway_context, 1);
	g_atomic_ref_count_init(&f->context->refs);
	f->context->config = config_parse(text, strlen(text), "t.conf", &error);
	g_assert_no_error(error);
	f->context->url_guard = url_guard_new(NULL, NULL);
	struct control_parts parts = {
		.queue = &f->queue,
		.registry = &f->registry,
		.metrics = f->metrics,
		.context = f->context,
		.reload = fake_reload,
	};
	f->control = control_new(&parts);
	control_listen(f->control, -1, &error);
	g_assert_no_error(error);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
	control_free(&f->control);
	g_assert_null(f->control);
	control_free(&f->control);
	gateway_context_unref(f->context);
	metrics_free(&f->metrics);
	g_ptr_array_unref(fake.devices);
	g_ptr_array_unref(fake.rows);
	g_ptr_array_unref(fake.tests);
	g_free(fake.flushed);
	g_rmdir(f->dir);
	g_free(f->dir);
	g_free(f->socket);
}

/* One request of a client in a thread of its own, while the loop runs here. */
struct asking {
	const char *socket, *verb;
	const char *const *fields;
	guint fields_len;
	GPtrArray *items;
	JsonObject *result;
	GError *error;
	gint done;
};

static gpointer ask_thread(gpointer data)
{
	struct asking *asking = data;
	struct ctl_client *client = ctl_client_open(&ctl_bridge, asking->socket, &asking->error);

	if (client != NULL)
		ctl_client_ask(client, asking->verb, asking->fields, asking->fields_len, 20,
			       asking->items, &asking->result, &asking->error);
	ctl_client_close(&client);
	g_atomic_int_set(&asking->done, 1);
	g_main_context_wakeup(NULL);
	return NULL;
}

static JsonObject *ask(struct fixture *f, GPtrArray *items, GError **error, const char *verb,
		       const char *const *fields, guint fields_len)
{
	struct asking asking = {f->socket, verb, fields, fields_len, items, NULL, NULL, 0};
	GThread *thread = g_thread_new("client", ask_thread, &asking);

	while (!g_atomic_int_get(&asking.done))
		g_main_context_iteration(NULL, TRUE);
	g_thread_join(thread);
	if (asking.error != NULL)
		g_propagate_error(error, asking.error);
	return asking.result;
}

#define ASK(f, items, error, verb, ...)                                \
	ask(f, items, error, verb, (const char *const[]){__VA_ARGS__}, \
	    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static GPtrArray *items_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)json_object_unref);
}

static const char *text_of(JsonObject *object, const char *name)
{
	return json_object_get_string_member_with_default(object, name, NULL);
}

static char *whole(JsonObject *object)
{
	g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), object);

	return json_to_string(node, FALSE);
}

/* --- tests -------------------------------------------------------------------- */

static void test_status(struct fixture *f, gconstpointer data)
{
	g_autofree char *bad = g_build_filename(f->dir, "bad", NULL);
	g_autofree char *bad_file = g_build_filename(bad, "x", NULL);
	g_autoptr(GError) error = NULL;

	g_mkdir(bad, 0700);
	g_file_set_contents(bad_file, "x", 1, NULL);
	g_autoptr(JsonObject) status = ask(f, NULL, &error, "STATUS", NULL, 0);
	g_assert_no_error(error);
	g_assert_cmpstr(text_of(status, "version"), ==, FANTAIL_VERSION);
	g_assert_cmpint(json_object_get_int_member(status, "in_flight"), ==, 9);
	g_assert_cmpint(json_object_get_int_member(status, "lanes_with_work"), ==, 25);
	g_assert_cmpuint(json_array_get_length(json_object_get_array_member(status, "lanes")), ==,
			 20);
	JsonObject *intake = json_object_get_object_member(status, "intake");
	g_assert_cmpint(json_object_get_int_member(intake, "connections"), ==, 4);
	g_assert_cmpint(json_object_get_int_member(intake, "spool_files"), ==, 5);
	g_assert_cmpint(json_object_get_int_member(intake, "spool_bad_files"), ==, 1);
	JsonArray *warnings = json_object_get_array_member(status, "warnings");
	g_assert_cmpuint(json_array_get_length(warnings), ==, 3);
	g_assert_cmpstr(json_array_get_string_element(warnings, 1), ==,
			"the oldest notification waits for 120 minutes; fantailctl queue shows it");
	g_unlink(bad_file);
	g_rmdir(bad);
}

static void test_devices(struct fixture *f, gconstpointer data)
{
	g_autoptr(GPtrArray) items = items_new();
	g_autoptr(GError) error = NULL;

	add_device(3, "alice", "phone", DEVICE_ACTIVE);
	add_device(5, "alice\xff\x1f", "tab\tlet", DEVICE_INACTIVE);
	add_device(9, "bob", "old", DEVICE_DEAD)->dead_at = 1800000000;

	g_autoptr(JsonObject) all = ask(f, items, &error, "DEVICES", NULL, 0);
	g_assert_no_error(error);
	g_assert_cmpuint(items->len, ==, 3);
	g_assert_false(json_object_has_member(all, "after"));
	g_autofree char *first = whole(g_ptr_array_index(items, 0));
	g_assert_cmpstr(first, ==,
			"{\"user\":\"alice\",\"device\":\"phone\",\"kind\":\"webpush\","
			"\"gateway\":\"webpush\","
			"\"state\":\"active\",\"dialect\":\"gougeon\","
			"\"endpoint\":\"https://push.example/send/SEC…\","
			"\"events\":[\"MessageNew\"],\"mailboxes\":null,\"content\":false,"
			"\"msgtype\":\"all\",\"client\":null,\"label\":null,\"vapid_key\":null,"
			"\"created\":1700000000,\"confirm_by\":null,\"confirmed\":null,"
			"\"last_ok\":null,\"dead_at\":null,\"seen\":null,\"expires\":null,"
			"\"last_outcome\":null}");
	g_assert_cmpstr(text_of(g_ptr_array_index(items, 1), "user"), ==, "alice\xef\xbf\xbd?");
	g_assert_cmpstr(text_of(g_ptr_array_index(items, 1), "device"), ==, "tab\tlet");

	/* Page by page. */
	g_ptr_array_set_size(items, 0);
	g_autoptr(JsonObject) page = ASK(f, items, &error, "DEVICES", "limit", "2");
	g_assert_cmpuint(items->len, ==, 2);
	g_assert_cmpint(json_object_get_int_member(page, "after"), ==, 5);
	g_autoptr(JsonObject) rest = ASK(f, items, &error, "DEVICES", "limit", "2", "after", "5");
	g_assert_cmpuint(items->len, ==, 3);
	g_assert_false(json_object_has_member(rest, "after"));

	g_ptr_array_set_size(items, 0);
	g_autoptr(JsonObject) bobs = ASK(f, items, &error, "DEVICES", "user", "bob");
	g_assert_cmpuint(items->len, ==, 1);
	g_assert_nonnull(bobs);
}

/* Every kind in one list: what it has of its own is there. */
static void test_device_kinds(struct fixture *f, gconstpointer data)
{
	g_autoptr(GPtrArray) items = items_new();
	g_autoptr(GError) error = NULL;
	struct device *device = add_device(4, "alice", "P1", DEVICE_ACTIVE);

	device->dialect = DIALECT_EMN;
	device->seen = 1700000000;
	device = add_device(6, "alice", "delta:0123456789abcdef", DEVICE_ACTIVE);
	device->dialect = DIALECT_DELTAPUSH;
	device->seen = 1700000000;
	g_free(device->endpoint);
	device->endpoint = g_strdup("openpgp:a-token-that-is-secret");
	g_autoptr(JsonObject) all = ask(f, items, &error, "DEVICES", NULL, 0);
	g_assert_no_error(error);
	g_assert_nonnull(all);
	JsonObject *first = g_ptr_array_index(items, 0), *second = g_ptr_array_index(items, 1);
	JsonArray *filters = json_object_get_array_member(first, "filters");
	g_assert_cmpstr(text_of(first, "kind"), ==, "pimap");
	g_assert_cmpstr(text_of(first, "dialect"), ==, "emn");
	g_assert_cmpint(json_object_get_int_member(first, "expires"), ==,
			1700000000 + LIMIT_DEVICE_UNSEEN_SECS);
	g_assert_cmpint(json_object_get_int_member(second, "expires"), ==,
			1700000000 + LIMIT_DELTA_UNSEEN_SECS);
	g_assert_cmpuint(json_array_get_length(filters), ==, 2);
	g_assert_cmpstr(json_array_get_string_element(filters, 0), ==, "today");
	g_assert_cmpstr(json_array_get_string_element(filters, 1), ==, "JOHN in IN\xef\xbf\xbd");
	g_assert_cmpstr(text_of(second, "kind"), ==, "deltapush");
	g_assert_cmpstr(text_of(second, "endpoint"), ==, "openpgp:…");
	g_assert_false(json_object_has_member(second, "filters"));
}

static void hold(gint64 device, const char *user, gint64 now_us)
{
	g_autoptr(GBytes) body = g_bytes_new_static("{\"a\":1}", 7);
	struct device like = {.id = device,
			      .user = (char *)user,
			      .device = (char *)"apple:a:b",
			      .gateway = (char *)"apns"};
	struct notification notification = {
		.kinds = PUSH_EVENT_KINDS_ARRIVAL,
		.messages = 1,
		.first_us = now_us,
		.event = (char *)"EVENT\tname=MessageNew\ttime=1\tuser=alice\tmailbox=Work",
	};
	struct http_request *request =
		http_request_new("https://a.example/3/device/0123456789abcdef", body);

	http_request_add_header(request, "apns-topic", "t");
	held_pushes_add(fake.held_back, &like, &notification, request, now_us);
}

/* Whose token it is is shortened, and who is forgotten is not shown. */
static void test_held(struct fixture *f, gconstpointer data)
{
	g_autoptr(GPtrArray) items = items_new();
	g_autoptr(GError) error = NULL;
	gint64 now_us = g_get_real_time();

	fake.held_back = held_pushes_new();
	add_device(4, "alice", "apple:a:b", DEVICE_ACTIVE);
	add_device(5, "bob", "apple:a:b", DEVICE_ACTIVE);
	hold(4, "alice", now_us);
	hold(5, "bob", now_us);
	hold(99, "alice", now_us);
	g_autoptr(JsonObject) all = ask(f, items, &error, "HELD", NULL, 0);
	g_assert_no_error(error);
	g_assert_cmpint(json_object_get_int_member(all, "shown"), ==, 2);
	g_ptr_array_set_size(items, 0);
	g_autoptr(JsonObject) some = ASK(f, items, &error, "HELD", "user", "alice");
	g_assert_cmpint(json_object_get_int_member(some, "shown"), ==, 1);
	JsonObject *row = g_ptr_array_index(items, 0);
	g_assert_cmpstr(text_of(row, "url"), ==, "https://a.example/3/device/01234567…");
	g_assert_cmpstr(text_of(row, "payload"), ==, "{\"a\":1}");
	g_assert_cmpstr(text_of(row, "mailbox"), ==, "Work");
	g_assert_cmpstr(text_of(row, "device"), ==, "apple:a:b");
	g_assert_cmpstr(text_of(json_object_get_object_member(row, "headers"), "apns-topic"), ==,
			"t");
	g_ptr_array_set_size(items, 0);
	g_autoptr(JsonObject) full = ASK(f, items, &error, "HELD", "full", "yes", "limit", "1");
	g_assert_cmpint(json_object_get_int_member(full, "shown"), ==, 1);
	row = g_ptr_array_index(items, 0);
	g_assert_cmpstr(text_of(row, "url"), ==, "https://a.example/3/device/0123456789abcdef");
	held_pushes_free(&fake.held_back);
}

/* A page stops at its bytes, too, and goes on where it stopped. */
static void test_device_pages(struct fixture *f, gconstpointer data)
{
	g_autoptr(GPtrArray) items = items_new();
	g_autofree char *name = g_strnfill(8000, '\x02'); /* six octets each in JSON */
	g_autofree char *after = NULL;
	int pages = 0;

	for (int i = 1; i <= 100; i++) {
		struct device *device = add_device(i, "alice", "phone", DEVICE_ACTIVE);

		device->mailboxes = g_new0(char *, 2);
		device->mailboxes[0] = g_strdup(name);
	}
	do {
		g_autoptr(GError) error = NULL;
		g_autoptr(JsonObject) page = ASK(f, items, &error, "DEVICES", "after", after);

		g_assert_no_error(error);
		g_clear_pointer(&after, g_free);
		if (json_object_has_member(page, "after"))
			after = g_strdup_printf("%" G_GINT64_FORMAT,
						json_object_get_int_member(page, "after"));
		pages++;
	} while (after != NULL);
	g_assert_cmpuint(items->len, ==, 100);
	g_assert_cmpint(pages, ==, 5);
}

static void test_device(struct fixture *f, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	add_device(3, "alice", "phone", DEVICE_INACTIVE);
	g_autoptr(JsonObject) shown =
		ASK(f, NULL, &error, "DEVICE", "user", "alice", "device", "phone");
	g_assert_no_error(error);
	g_assert_cmpstr(text_of(shown, "endpoint"), ==, "https://push.example/send/SEC…");
	g_assert_cmpint(json_object_get_int_member(shown, "confirm_by"), ==, 1900000000);
	g_assert_cmpstr(text_of(shown, "lane"), ==, "webpush https://push.example:443");
	g_autoptr(JsonObject) full =
		ASK(f, NULL, &error, "DEVICE", "user", "alice", "device", "phone", "full", "yes");
	g_assert_cmpstr(text_of(full, "endpoint"), ==, "https://push.example/send/SECRETSECRET");
	g_autofree char *text = whole(full);
	g_assert_null(strstr(text, "TOKEN"));
	g_assert_null(strstr(text, "PPP"));
	g_assert_null(strstr(text, "AAA"));

	g_assert_null(ASK(f, NULL, &error, "DEVICE", "user", "alice", "device", "none"));
	g_assert_error(error, CTL_ERROR, CTL_ERROR_NOTFOUND);
	g_clear_error(&error);
	g_assert_null(ASK(f, NULL, &error, "DEVICE", "user", "alice"));
	g_assert_error(error, CTL_ERROR, CTL_ERROR_BAD);
	g_assert_cmpstr(error->message, ==, "device= is missing");
}

/* What the config says of a webhook is shown, not what its row says; one that the
 * config does not have is not shown. */
static void test_webhooks(struct fixture *f, gconstpointer data)
{
	g_autoptr(GPtrArray) items = items_new();
	g_autoptr(GError) error = NULL;
	struct device *known = add_device(50, "", "hook", DEVICE_ACTIVE);
	struct device *gone = add_device(51, "", "former", DEVICE_ACTIVE);

	known->events = gone->events = PUSH_EVENT_KINDS_ALL;
	for (int i = 0; i < 2; i++) {
		struct device *device = i == 0 ? known : gone;

		g_free(device->gateway);
		device->gateway = g_strdup("webhook");
		g_free(device->endpoint);
		device->endpoint = g_strdup(device->device);
	}
	g_autoptr(JsonObject) all = ask(f, items, &error, "DEVICES", NULL, 0);
	g_assert_nonnull(all);
	g_assert_cmpuint(items->len, ==, 1);
	JsonObject *hook = g_ptr_array_index(items, 0);
	g_assert_cmpstr(text_of(hook, "device"), ==, "hook");
	g_assert_cmpstr(text_of(hook, "endpoint"), ==, "hook");
	g_assert_true(json_object_get_null_member(hook, "dialect"));
	g_assert_cmpuint(json_array_get_length(json_object_get_array_member(hook, "events")), ==,
			 1);

	g_assert_null(ASK(f, NULL, &error, "DEVICE", "user", "", "device", "former"));
	g_assert_error(error, CTL_ERROR, CTL_ERROR_NOTFOUND);
	g_clear_error(&error);
	g_assert_null(ASK(f, NULL, &error, "REVOKE", "user", "", "device", "hook"));
	g_assert_error(error, CTL_ERROR, CTL_ERROR_REFUSED);
}

static const struct {
	const char *name, *user, *device, *endpoint;
	int error; /* enum ctl_error; -1 = none */
} subscribe_rows[] = {
	{"number", "alice", "IMEI:350000123456789", "sms:+491701234567", -1},
	{"DevID with a blank", "alice", "my phone", "sms:+491701234567", CTL_ERROR_REFUSED},
	{"no DevID", "alice", "", "sms:+491701234567", CTL_ERROR_REFUSED},
	{"nobody", "", "IMEI:1", "sms:+491701234567", CTL_ERROR_REFUSED},
	{"no number", "alice", "IMEI:1", "sms:+49x", CTL_ERROR_REFUSED},
	{"address of an app", "alice", "IMEI:1", "https://push.example/x", CTL_ERROR_REFUSED},
	{"no address", "alice", "IMEI:1", NULL, CTL_ERROR_BAD},
	{"id of an app", "alice", "app", "sms:+491701234567", CTL_ERROR_REFUSED},
	{"id of an app that is gone", "alice", "gone", "sms:+491701234567", -1},
};

static void test_subscribe(struct fixture *f, gconstpointer data)
{
	struct config *config = (struct config *)f->context->config;

	add_device(3, "alice", "app", DEVICE_ACTIVE);
	add_device(4, "alice", "gone", DEVICE_DEAD);
	for (gsize i = 0; i < G_N_ELEMENTS(subscribe_rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(JsonObject) result = NULL;
		guint before = fake.devices->len;

		g_test_message("%s", subscribe_rows[i].name);
		if (config->sms_url == NULL) {
			/* Before there is a gateway. */
			g_assert_null(ASK(f, NULL, &error, "SUBSCRIBE", "user", "alice", "device",
					  "IMEI:1", "endpoint", "sms:+491701234567"));
			g_assert_error(error, CTL_ERROR, CTL_ERROR_REFUSED);
			g_clear_error(&error);
			config->sms_url = g_strdup("https://sms.example/");
		}
		result = ASK(f, NULL, &error, "SUBSCRIBE", "user", subscribe_rows[i].user, "device",
			     subscribe_rows[i].device, "endpoint", subscribe_rows[i].endpoint);
		if (subscribe_rows[i].error >= 0) {
			g_assert_error(error, CTL_ERROR, subscribe_rows[i].error);
			g_assert_cmpuint(fake.devices->len, ==, before);
			continue;
		}
		g_assert_no_error(error);
		g_assert_cmpuint(fake.devices->len, ==, before + 1);
		const struct device *device = g_ptr_array_index(fake.devices, before);
		g_assert_cmpstr(device->gateway, ==, "sms");
		g_assert_cmpstr(device->endpoint, ==, subscribe_rows[i].endpoint);
		g_assert_cmpuint(device->events, ==, PUSH_EVENT_KIND_BIT(PUSH_EVENT_DATA_CHANGE));
	}
	g_autoptr(GError) error = NULL;
	fake.store_error = STORE_ERROR_LIMIT;
	g_assert_null(ASK(f, NULL, &error, "SUBSCRIBE", "user", "alice", "device", "IMEI:2",
			  "endpoint", "sms:+491701234567"));
	g_assert_error(error, CTL_ERROR, CTL_ERROR_LIMIT);
}

static void test_queue(struct fixture *f, gconstpointer data)
{
	g_autoptr(GPtrArray) items = items_new();
	g_autoptr(GError) error = NULL;

	add_device(3, "alice", "phone", DEVICE_ACTIVE);
	for (int i = 0; i < 3; i++) {
		struct notification *row = g_new0(struct notification, 1);

		row->id = i + 1;
		row->device = 3 + i;
		row->user = g_strdup(i < 2 ? "alice" : "bob");
		row->key = g_strdup("mail:IN:BOX");
		row->lane = g_strdup("webpush https://push.example:443");
		row->kinds = PUSH_EVENT_KINDS_ARRIVAL;
		row->messages = 2;
		row->first_us = G_GINT64_CONSTANT(1700000000999999);
		row->due_us = G_GINT64_CONSTANT(1700000001000000);
		row->expires_us = G_GINT64_CONSTANT(1700003600000000);
		row->attempts = 7;
		row->event = g_strdup("EVENT");
		g_ptr_array_add(fake.rows, row);
	}
	g_autoptr(JsonObject) all = ask(f, items, &error, "QUEUE", NULL, 0);
	g_assert_cmpint(json_object_get_int_member(all, "shown"), ==, 3);
	g_autofree char *first = whole(g_ptr_array_index(items, 0));
	g_assert_cmpstr(first, ==,
			"{\"id\":1,\"user\":\"alice\",\"device\":\"phone\","
			"\"lane\":\"webpush https://push.example:443\",\"class\":\"arrival\","
			"\"mailbox\":\"IN:BOX\",\"events\":[\"MessageNew\"],\"messages\":2,"
			"\"attempts\":7,\"first\":1700000000,\"due\":1700000001,"
			"\"expires\":1700003600}");
	g_assert_null(text_of(g_ptr_array_index(items, 1), "device"));

	g_ptr_array_set_size(items, 0);
	/* A DevID is no mailbox. */
	struct notification *row = g_ptr_array_index(fake.rows, 0);
	g_free(row->key);
	row->key = g_strdup("sync:IMEI:1");
	g_autoptr(JsonObject) some = ASK(f, items, &error, "QUEUE", "user", "alice", "limit", "1");
	g_assert_null(text_of(g_ptr_array_index(items, 0), "mailbox"));
	g_assert_nonnull(some);
	g_assert_cmpuint(items->len, ==, 1);
	g_assert_null(ASK(f, items, &error, "QUEUE", "limit", "0"));
	g_assert_error(error, CTL_ERROR, CTL_ERROR_BAD);
}

static void test_revoke(struct fixture *f, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	add_device(7, "alice", "phone", DEVICE_ACTIVE);
	g_test_expect_message(NULL, G_LOG_LEVEL_MESSAGE,
			      "operator (uid *) revoked device phone of alice");
	g_autoptr(JsonObject) done =
		ASK(f, NULL, &error, "REVOKE", "user", "alice", "device", "phone");
	g_assert_no_error(error);
	g_test_assert_expected_messages();
	g_assert_cmpint(fake.drops, ==, 1);
	g_assert_cmpint(fake.dropped, ==, 7);

	static const struct {
		int store;
		int ctl;
	} rows[] = {
		{STORE_ERROR_NOT_FOUND, CTL_ERROR_NOTFOUND},
		{STORE_ERROR_BUSY, CTL_ERROR_BUSY},
		{STORE_ERROR_FULL, CTL_ERROR_FULL},
		{STORE_ERROR_FAILED, CTL_ERROR_FULL},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		fake.store_error = rows[i].store;
		g_assert_null(ASK(f, NULL, &error, "REVOKE", "user", "alice", "device", "phone"));
		g_assert_error(error, CTL_ERROR, rows[i].ctl);
		g_assert_cmpstr(error->message, ==, "the store says no");
		g_clear_error(&error);
	}
	g_assert_cmpint(fake.drops, ==, 1);
}

static void test_flush(struct fixture *f, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	g_autoptr(JsonObject) all = ask(f, NULL, &error, "FLUSH", NULL, 0);
	g_assert_no_error(error);
	g_assert_cmpstr(fake.flushed, ==, "*");
	g_assert_cmpint(fake.wakes, ==, 1);
	g_autoptr(JsonObject) one = ASK(f, NULL, &error, "FLUSH", "user", "bob");
	g_assert_cmpstr(fake.flushed, ==, "bob");
	g_assert_cmpint(fake.wakes, ==, 2);
	fake.store_error = STORE_ERROR_BUSY;
	g_assert_null(ask(f, NULL, &error, "FLUSH", NULL, 0));
	g_assert_error(error, CTL_ERROR, CTL_ERROR_BUSY);
	g_assert_cmpint(fake.wakes, ==, 2);
}

static void test_reload(struct fixture *f, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	g_autoptr(JsonObject) done = ask(f, NULL, &error, "RELOAD", NULL, 0);
	g_assert_no_error(error);
	g_assert_cmpint(fake.reloads, ==, 1);
	fake.reload_fails = TRUE;
	g_assert_null(ask(f, NULL, &error, "RELOAD", NULL, 0));
	g_assert_error(error, CTL_ERROR, CTL_ERROR_CONFIG);
	g_assert_cmpstr(error->message, ==, "x.conf:7: [http] timeout: bad");
}

static void test_test(struct fixture *f, gconstpointer data)
{
	g_autoptr(GPtrArray) items = items_new();
	g_autoptr(GError) error = NULL;

	add_device(1, "alice", "phone", DEVICE_ACTIVE);
	add_device(2, "alice", "tablet", DEVICE_ACTIVE)->content = TRUE;
	add_device(3, "alice", "new", DEVICE_INACTIVE);
	fake.outcome = OUTCOME_ACCEPTED;
	g_autoptr(JsonObject) all = ASK(f, items, &error, "TEST", "user", "alice");
	g_assert_no_error(error);
	g_assert_cmpuint(items->len, ==, 2);
	JsonObject *first = g_ptr_array_index(items, 0);
	g_assert_cmpstr(text_of(first, "outcome"), ==, "accepted");
	g_assert_true(json_object_get_boolean_member(first, "accepted"));
	g_assert_cmpint(json_object_get_int_member(first, "status"), ==, 201);
	g_assert_cmpstr(text_of(first, "detail"), ==, "it \xef\xbf\xbd said ? so\nwell");
	g_assert_true(g_str_has_prefix(g_ptr_array_index(fake.tests, 0),
				       "alice phone EVENT\tname=MessageNew\ttime="));
	/* Content only for who asked for it. */
	g_assert_null(strstr(g_ptr_array_index(fake.tests, 0), "subject="));
	g_assert_nonnull(strstr(g_ptr_array_index(fake.tests, 1), "\tsubject=Test push\t"));
	g_assert_null(strchr(g_ptr_array_index(fake.tests, 1), '\n'));

	/* The named one in whatever state. */
	g_ptr_array_set_size(items, 0);
	fake.outcome = OUTCOME_DEVICE_GONE;
	g_autoptr(JsonObject) one = ASK(f, items, &error, "TEST", "user", "alice", "device", "new");
	g_assert_cmpuint(items->len, ==, 1);
	g_assert_cmpstr(text_of(g_ptr_array_index(items, 0), "outcome"), ==, "device-gone");
	g_assert_cmpstr(text_of(g_ptr_array_index(items, 0), "state"), ==, "inactive");

	/* Webhooks that concern the user are devices, too. */
	g_ptr_array_set_size(items, 0);
	g_autoptr(JsonObject) hooked = ASK(f, items, &error, "TEST", "user", "hooked.user");
	g_assert_cmpuint(items->len, ==, 1);
	g_assert_cmpstr(text_of(g_ptr_array_index(items, 0), "gateway"), ==, "webhook");
	g_assert_cmpstr(text_of(g_ptr_array_index(items, 0), "user"), ==, "hooked.user");

	g_assert_null(ASK(f, items, &error, "TEST", "user", "nobody"));
	g_assert_error(error, CTL_ERROR, CTL_ERROR_NOTFOUND);
	g_clear_error(&error);
	g_assert_null(ASK(f, items, &error, "TEST", "user", "alice", "device", "none"));
	g_assert_error(error, CTL_ERROR, CTL_ERROR_NOTFOUND);
	g_assert_nonnull(all);
	g_assert_nonnull(one);
	g_assert_nonnull(hooked);
}

static void test_test_ceiling(struct fixture *f, gconstpointer data)
{
	g_autoptr(GPtrArray) items = items_new();
	g_autoptr(GError) error = NULL;

	for (int i = 0; i < LIMIT_CONTROL_TEST + 1; i++)
		add_device(i + 1, "alice", "phone", DEVICE_ACTIVE);
	g_autoptr(JsonObject) all = ASK(f, items, &error, "TEST", "user", "alice");
	g_assert_nonnull(all);
	g_assert_cmpuint(items->len, ==, LIMIT_CONTROL_TEST);
}

/* An outcome that does not come is said to be missing, after the gateway's time-out. */
static void test_test_timeout(struct fixture *f, gconstpointer data)
{
	g_autoptr(GPtrArray) items = items_new();
	g_autoptr(GError) error = NULL;

	add_device(1, "alice", "phone", DEVICE_ACTIVE);
	fake.never = TRUE;
	g_autoptr(JsonObject) all = ASK(f, items, &error, "TEST", "user", "alice");
	g_assert_no_error(error);
	g_assert_nonnull(all);
	g_assert_cmpuint(items->len, ==, 1);
	g_assert_cmpstr(text_of(g_ptr_array_index(items, 0), "outcome"), ==, "timeout");
	g_assert_false(json_object_get_boolean_member(g_ptr_array_index(items, 0), "accepted"));

	/* When it comes after all nobody is told, and nothing is told twice. */
	struct outcome outcome = {.kind = OUTCOME_ACCEPTED};
	fake.late_done(g_ptr_array_index(fake.devices, 0), &outcome, fake.late_data);
}

/* The bridge stops while requests wait: nobody is called who is gone. */
static void test_free(struct fixture *f, gconstpointer data)
{
	static const char *const verbs[] = {"TEST", "FLUSH", "REVOKE"};
	static const char *const fields[] = {"user", "alice", "device", "phone"};
	struct device *device = add_device(1, "alice", "phone", DEVICE_ACTIVE);
	struct asking asking[G_N_ELEMENTS(verbs)] = {{NULL}};
	GThread *threads[G_N_ELEMENTS(verbs)];

	fake.never = TRUE;
	fake.hold = TRUE;
	for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++) {
		asking[i].socket = f->socket;
		asking[i].verb = verbs[i];
		asking[i].fields = fields;
		asking[i].fields_len = G_N_ELEMENTS(fields);
		threads[i] = g_thread_new("client", ask_thread, &asking[i]);
	}
	while (g_slist_length(fake.held) < 2 || fake.late_done == NULL)
		g_main_context_iteration(NULL, TRUE);
	control_free(&f->control);

	struct outcome outcome = {.kind = OUTCOME_ACCEPTED};
	fake.late_done(device, &outcome, fake.late_data);
	g_test_expect_message(NULL, G_LOG_LEVEL_MESSAGE, "operator *");
	for (GSList *held = fake.held; held != NULL; held = held->next)
		call_later(held->data);
	g_slist_free(fake.held);
	g_test_assert_expected_messages();
	g_assert_cmpint(fake.drops, ==, 0);
	g_assert_cmpint(fake.wakes, ==, 0);
	for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++) {
		g_thread_join(threads[i]);
		g_assert_error(asking[i].error, CTL_ERROR, CTL_ERROR_LOST);
		g_error_free(asking[i].error);
	}
}

static void test_bad(struct fixture *f, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(ask(f, NULL, &error, "STATUS2", NULL, 0));
	g_assert_error(error, CTL_ERROR, CTL_ERROR_BAD);
	g_clear_error(&error);
	g_assert_null(ASK(f, NULL, &error, "DEVICES", "after", "-1"));
	g_assert_error(error, CTL_ERROR, CTL_ERROR_BAD);
	g_clear_error(&error);
	g_assert_null(ASK(f, NULL, &error, "DEVICES", "after", "9223372036854775808"));
	g_assert_error(error, CTL_ERROR, CTL_ERROR_BAD);
}

static void test_endpoint(void)
{
	static const struct {
		const char *endpoint, *shown;
	} rows[] = {
		{"https://a.example/12345678", "https://a.example/12345678"},
		{"https://a.example/123456789", "https://a.example/12345678…"},
		{"https://a.example:8443/x/y?z", "https://a.example:8443/x/y?z"},
		{"https://a.example", "https://a.example"},
		{"https://a.example/", "https://a.example/"},
		{"hook", "hook"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *shown = control_json_endpoint(rows[i].endpoint);

		g_assert_cmpstr(shown, ==, rows[i].shown);
	}
}

static void test_client_errors(void)
{
	g_autofree char *dir = g_dir_make_tmp("fantail-control-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "none.sock", NULL);
	g_autofree char *long_path = g_strnfill(200, 'x');
	g_autoptr(GError) error = NULL;

	g_assert_null(ctl_client_open(&ctl_bridge, path, &error));
	g_assert_error(error, CTL_ERROR, CTL_ERROR_NOT_RUNNING);
	g_assert_nonnull(strstr(error->message, "systemctl start fantail-bridge"));
	g_clear_error(&error);
	g_assert_null(ctl_client_open(&ctl_bridge, long_path, &error));
	g_assert_error(error, CTL_ERROR, CTL_ERROR_NOT_RUNNING);
	g_rmdir(dir);

	/* fantailctl and the bridge agree on where the socket is. */
	g_autoptr(config_t) defaults = config_defaults();
	g_assert_cmpstr(defaults->control_socket, ==, CTL_BRIDGE_SOCKET);
}

#define ADD(path, test) g_test_add(path, struct fixture, NULL, set_up, test, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/control/status", test_status);
	ADD("/control/devices", test_devices);
	ADD("/control/device-kinds", test_device_kinds);
	ADD("/control/held", test_held);
	ADD("/control/device-pages", test_device_pages);
	ADD("/control/device", test_device);
	ADD("/control/webhooks", test_webhooks);
	ADD("/control/subscribe", test_subscribe);
	ADD("/control/queue", test_queue);
	ADD("/control/revoke", test_revoke);
	ADD("/control/flush", test_flush);
	ADD("/control/reload", test_reload);
	ADD("/control/test", test_test);
	ADD("/control/test-ceiling", test_test_ceiling);
	ADD("/control/test-timeout", test_test_timeout);
	ADD("/control/free", test_free);
	ADD("/control/bad", test_bad);
	g_test_add_func("/control/endpoint", test_endpoint);
	g_test_add_func("/control/client-errors", test_client_errors);
	return g_test_run();
}
