#include "control-test.h"
#include "limits.h"

#include <string.h>

struct control_test {
	guint refs; /* ours and one for each outcome that is still to come */
	const struct control_test_handler *handler; /* NULL = cancelled, or over */
	gpointer data;
	struct dispatcher *dispatcher;
	char *user;
	GPtrArray *devices; /* struct device *; NULL once its outcome came */
	gint64 *started_us;
	guint waiting;
	guint start; /* sources */
	guint timeout;
};

/* What is given to the dispatcher for one device. */
struct push {
	struct control_test *test;
	guint index;
};

static void test_unref(struct control_test *test)
{
	if (--test->refs > 0)
		return;
	g_free(test->user);
	g_ptr_array_unref(test->devices);
	g_free(test->started_us);
	g_free(test);
}

static void stop(struct control_test *test)
{
	g_clear_handle_id(&test->start, g_source_remove);
	g_clear_handle_id(&test->timeout, g_source_remove);
	test->handler = NULL;
	test_unref(test);
}

void control_test_cancel(struct control_test **test)
{
	struct control_test *self = *test;

	if (self == NULL)
		return;
	*test = NULL;
	stop(self);
}

static void report(struct control_test *test, guint index, const struct outcome *outcome)
{
	struct device *device = g_ptr_array_index(test->devices, index);
	const struct control_test_handler *handler = test->handler;

	test->waiting--;
	handler->one(device, outcome, g_get_monotonic_time() - test->started_us[index], test->data);
	device_free(device);
	g_ptr_array_index(test->devices, index) = NULL;
	if (test->waiting == 0) {
		gpointer data = test->data;

		stop(test);
		handler->all(data);
	}
}

static void pushed(const struct device *device, const struct outcome *outcome, gpointer data)
{
	struct push *push = data;
	struct control_test *test = push->test;

	if (test->handler != NULL)
		report(test, push->index, outcome);
	g_free(push);
	test_unref(test);
}

static gboolean give_up(gpointer data)
{
	struct control_test *test = data;

	test->timeout = 0;
	test->refs++;
	for (guint i = 0; test->handler != NULL && i < test->devices->len; i++) {
		if (g_ptr_array_index(test->devices, i) != NULL)
			report(test, i, NULL);
	}
	test_unref(test);
	return G_SOURCE_REMOVE;
}

/* The event that the push is about, one line without LF. */
static char *test_event(const char *user, gboolean content, gint64 now_us)
{
	struct push_event event = {
		.kind = PUSH_EVENT_MESSAGE_NEW,
		.time_us = (guint64)now_us,
		.user = user,
		.mailbox = "INBOX",
		.messages = 1,
		.service = "fantailctl",
	};
	struct tabline_buf buf;

	if (content) {
		event.from_name = "Fantail";
		event.subject = "Test push";
		event.preview = "If you can read this, pushes arrive.";
	}
	tabline_buf_init(&buf, LIMIT_LINE);
	if (!push_event_encode(&buf, &event) || buf.len == 0) {
		tabline_buf_free(&buf);
		return g_strdup("");
	}
	char *line = g_strndup(buf.data, buf.len - 1);
	tabline_buf_free(&buf);
	return line;
}

static gboolean start(gpointer data)
{
	struct control_test *test = data;
	gint64 now_us = g_get_real_time();

	test->start = 0;
	test->refs++;
	for (guint i = 0; i < test->devices->len && test->handler != NULL; i++) {
		const struct device *device = g_ptr_array_index(test->devices, i);
		struct push *push = g_new(struct push, 1);
		struct notification notification = {
			.device = device->id,
			.user = test->user,
			.key = (char *)"mail:INBOX",
			.kinds = PUSH_EVENT_KINDS_ARRIVAL,
			.messages = 1,
			.first_us = now_us,
			.due_us = now_us,
			/* A test is about now. */
			.expires_us = now_us + 60 * (gint64)G_USEC_PER_SEC,
		};
		g_autofree char *event = test_event(test->user, device->content, now_us);

		notification.event = event;
		*push = (struct push){test, i};
		test->refs++;
		test->started_us[i] = g_get_monotonic_time();
		dispatcher_test(test->dispatcher, device, &notification, pushed, push);
	}
	test_unref(test);
	return G_SOURCE_REMOVE;
}

static gpointer copy_device(gconstpointer device, gpointer unused)
{
	return device_copy(device);
}

struct control_test *control_test_new(struct dispatcher *dispatcher, const char *user,
				      const GPtrArray *devices, guint timeout_secs,
				      const struct control_test_handler *handler, gpointer data)
{
	struct control_test *test = g_new0(struct control_test, 1);

	test->refs = 1;
	test->handler = handler;
	test->data = data;
	test->dispatcher = dispatcher;
	test->user = g_strdup(user);
	test->devices = g_ptr_array_copy((GPtrArray *)devices, copy_device, NULL);
	g_ptr_array_set_free_func(test->devices, (GDestroyNotify)device_free);
	test->started_us = g_new0(gint64, devices->len);
	test->waiting = devices->len;
	test->start = g_idle_add(start, test);
	test->timeout = g_timeout_add_seconds(timeout_secs, give_up, test);
	return test;
}
