#include "limits.h"
#include "metrics.h"
#include "openmetrics-check.h"
#include "spin.h"

#include <string.h>
#include <sys/stat.h>

#include <glib/gstdio.h>
#include <gio/gunixsocketaddress.h>
#include <json-glib/json-glib.h>

/* ---------------------------------------------------------------------------- */

static void collect(struct metrics_gauges *gauges, gpointer data)
{
	*gauges = (struct metrics_gauges){
		.queue_depth = 12,
		.queue_oldest_us = 1500000,
		.queue_bytes = 4096,
		.devices_active = 3,
		.devices_inactive = 2,
		.devices_dead = 1,
		.devices_locked = 9,
		.in_flight = 4,
		.connections = 5,
		.lanes = 6,
		.intake_connections = 7,
		.spool_files = 8,
		.tls_ca_expiry = 2000000000,
		.vapid_key_created = 1700000000,
	};
}

static void fill(struct metrics *metrics)
{
	metrics_event_in(metrics, PUSH_EVENT_MESSAGE_NEW, "socket");
	metrics_event_in(metrics, PUSH_EVENT_MESSAGE_NEW, "socket");
	metrics_event_in(metrics, PUSH_EVENT_MAILBOX_RENAME, "spool");
	metrics_batch(metrics, "socket", "ok");
	metrics_batch(metrics, "socket", "ok");
	metrics_batch(metrics, "spool", "denied");
	metrics_batch(metrics, "socket", "bad");
	metrics_send(metrics, "webpush", OUTCOME_ACCEPTED);
	metrics_send(metrics, "webpush", OUTCOME_GATEWAY_DOWN);
	metrics_send(metrics, "webhook", OUTCOME_ACCEPTED);
	metrics_dropped(metrics, "expired");
	metrics_dropped(metrics, "so \"odd\"\n\\");
	metrics_latency(metrics, "webpush", 3000, 900);
	metrics_latency(metrics, "webpush", 2500, -1);
	metrics_latency(metrics, "webpush", G_GINT64_CONSTANT(7200) * G_USEC_PER_SEC, 1001);
	metrics_latency(metrics, "webpush", -5, -5);
	metrics_latency(metrics, "webhook", 0, 0);
}

static void test_golden(void)
{
	struct metrics *metrics = metrics_new();

	fill(metrics);
	metrics_set_collect(metrics, collect, NULL);
	g_autoptr(GString) text = metrics_text(metrics);
	check_golden(text, "metrics.golden");
	metrics_free(&metrics);
	g_assert_null(metrics);
	metrics_free(&metrics);
}

static void test_empty(void)
{
	struct metrics *metrics = metrics_new();
	g_autoptr(GString) text = metrics_text(metrics);

	check_openmetrics(text->str, text->len);
	g_assert_null(strstr(text->str, "queue"));
	metrics_free(&metrics);
}

/* A label that a stranger could choose does not grow without end. */
static void test_ceiling(void)
{
	struct metrics *metrics = metrics_new();

	for (int i = 0; i < 1000; i++) {
		g_autofree char *reason = g_strdup_printf("r%d", i);
		metrics_dropped(metrics, reason);
		metrics_batch(metrics, reason, "ok");
	}
	metrics_dropped(metrics, "r0");
	g_autoptr(GString) text = metrics_text(metrics);
	check_openmetrics(text->str, text->len);
	g_assert_nonnull(strstr(text->str, "{reason=\"r0\"} 2\n"));
	g_assert_nonnull(strstr(text->str, "{reason=\"r63\"} 1\n"));
	g_assert_null(strstr(text->str, "{reason=\"r64\"}"));
	g_assert_nonnull(strstr(text->str, "{reason=\"other\"} 936\n"));
	g_assert_nonnull(strstr(text->str, "{source=\"other\",result=\"other\"} 936\n"));
	metrics_free(&metrics);
}

static void test_json(void)
{
	struct metrics *metrics = metrics_new();
	g_autoptr(JsonBuilder) builder = json_builder_new();

	fill(metrics);
	json_builder_begin_object(builder);
	metrics_json(metrics, builder);
	json_builder_end_object(builder);
	g_autoptr(JsonNode) root = json_builder_get_root(builder);
	g_autofree char *text = json_to_string(root, FALSE);
	g_assert_cmpstr(text, ==,
			"{\"events\":{\"FlagsClear\":0,\"FlagsSet\":0,\"MailboxCreate\":0,"
			"\"MailboxDelete\":0,\"MailboxRename\":1,\"MailboxSubscribe\":0,"
			"\"MailboxUnsubscribe\":0,\"MessageAppend\":0,\"MessageExpunge\":0,"
			"\"MessageNew\":2,\"MessageRead\":0,\"MessageTrash\":0,"
			"\"DataChange\":0},"
			"\"batches\":{\"socket\":{\"ok\":2,\"bad\":1},\"spool\":{\"denied\":1}},"
			"\"sends\":{\"webpush\":{\"accepted\":1,\"gateway-down\":1},"
			"\"webhook\":{\"accepted\":1}},"
			"\"dropped\":{\"expired\":1,\"so \\\"odd\\\"\\n\\\\\":1}}");
	metrics_free(&metrics);
}

/* --- over HTTP -------------------------------------------------------------- */

struct exchange {
	GSocketConnectable *where;
	const char *request;
	char *reply;
	GMainLoop *loop;
};

static gpointer talk(gpointer data)
{
	struct exchange *exchange = data;
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_autoptr(GString) reply = g_string_new(NULL);
	char buffer[4096];
	gssize got;

	g_socket_client_set_timeout(client, 10);
	g_autoptr(GSocketConnection) connection =
		g_socket_client_connect(client, exchange->where, NULL, NULL);
	if (connection != NULL) {
		GIOStream *stream = G_IO_STREAM(connection);

		g_output_stream_write_all(g_io_stream_get_output_stream(stream), exchange->request,
					  strlen(exchange->request), NULL, NULL, NULL);
		while ((got = g_input_stream_read(g_io_stream_get_input_stream(stream), buffer,
						  sizeof(buffer), NULL, NULL)) > 0)
			g_string_append_len(reply, buffer, got);
	}
	exchange->reply = g_strdup(reply->str);
	g_main_loop_quit(exchange->loop);
	return NULL;
}

static char *ask(GSocketConnectable *where, const char *request)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	struct exchange exchange = {where, request, NULL, loop};
	GThread *thread = g_thread_new("client", talk, &exchange);

	g_main_loop_run(loop);
	g_thread_join(thread);
	/* cppcheck-suppress memleak ; g_thread_join() takes it */
	return exchange.reply;
}

static void check_http(GSocketConnectable *where)
{
	static const struct {
		const char *request;
		const char *status;
		gboolean page;
	} rows[] = {
		{"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 ",
		 TRUE},
		{"GET /metrics?x=y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		 "HTTP/1.1 200 ", TRUE},
		{"HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 ",
		 FALSE},
		{"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 404 ", FALSE},
		{"GET /metrics/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 404 ",
		 FALSE},
		{"POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n"
		 "\r\nabc",
		 "HTTP/1.1 405 ", FALSE},
		{"DELETE /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		 "HTTP/1.1 405 ", FALSE},
		{"nonsense\r\n\r\n", "HTTP/1.", FALSE},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *reply = ask(where, rows[i].request);
		const char *body = strstr(reply, "\r\n\r\n");

		g_test_message("%s", rows[i].request);
		g_assert_true(g_str_has_prefix(reply, rows[i].status));
		g_assert_nonnull(body);
		body += 4;
		if (rows[i].page) {
			g_assert_nonnull(strstr(reply,
						"Content-Type: application/openmetrics-text; "
						"version=1.0.0; charset=utf-8\r\n"));
			g_assert_cmpuint(check_openmetrics(body, strlen(body)), >, 20);
		} else {
			g_assert_null(strstr(body, "fantail"));
		}
	}
}

static void test_unix(void)
{
	g_autofree char *dir = g_dir_make_tmp("fantail-metrics-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "m.sock", NULL);
	g_autofree char *address = g_strconcat("unix:", path, NULL);
	g_autoptr(GSocketAddress) where = g_unix_socket_address_new(path);
	g_autoptr(GError) error = NULL;
	struct metrics *metrics = metrics_new();
	GStatBuf st;

	metrics_listen(metrics, address, &error);
	g_assert_no_error(error);
	g_assert_cmpint(g_stat(path, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 07777, ==, 0666);
	check_http(G_SOCKET_CONNECTABLE(where));

	/* The same address again changes nothing; a bad one keeps the good one. */
	g_assert_true(metrics_listen(metrics, address, NULL));
	g_assert_false(metrics_listen(metrics, "unix:/nonexistent/x", &error));
	g_assert_true(
		g_str_has_prefix(error->message, "cannot serve metrics on unix:/nonexistent/x: "));
	g_autofree char *reply = ask(G_SOCKET_CONNECTABLE(where), "GET /metrics HTTP/1.0\r\n\r\n");
	g_assert_nonnull(strstr(reply, "# EOF\n"));

	g_assert_true(metrics_listen(metrics, NULL, NULL));
	g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
	metrics_free(&metrics);
	g_rmdir(dir);
}

/* A port that is free now; the race with others is this test's only one. */
static guint16 free_port(void)
{
	g_autoptr(GSocketListener) listener = g_socket_listener_new();

	return g_socket_listener_add_any_inet_port(listener, NULL, NULL);
}

static void test_tcp(void)
{
	guint16 port = free_port();
	g_autofree char *address = g_strdup_printf("127.0.0.1:%u", port);
	g_autoptr(GSocketConnectable) where = g_network_address_parse(address, port, NULL);
	g_autoptr(GError) error = NULL;
	struct metrics *metrics = metrics_new();

	metrics_listen(metrics, address, &error);
	g_assert_no_error(error);
	check_http(where);
	metrics_free(&metrics);
}

/* Those over the ceiling are turned away; when one goes another has room. */
static void test_connections(void)
{
	guint16 port = free_port();
	g_autofree char *address = g_strdup_printf("127.0.0.1:%u", port);
	g_autoptr(GSocketConnectable) where = g_network_address_parse(address, port, NULL);
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_autoptr(GPtrArray) held = g_ptr_array_new_with_free_func(g_object_unref);
	struct metrics *metrics = metrics_new();

	g_assert_true(metrics_listen(metrics, address, NULL));
	for (int i = 0; i < LIMIT_METRICS_CONNECTIONS; i++) {
		GSocketConnection *connection = g_socket_client_connect(client, where, NULL, NULL);

		g_assert_nonnull(connection);
		g_ptr_array_add(held, connection);
		spin(50); /* the server sees it */
	}
	g_autofree char *refused = ask(where, "GET /metrics HTTP/1.0\r\n\r\n");
	g_assert_cmpstr(refused, ==, "");

	g_ptr_array_remove_index(held, 0);
	spin(50);
	g_autofree char *served = ask(where, "GET /metrics HTTP/1.0\r\n\r\n");
	g_assert_nonnull(strstr(served, "# EOF\n"));
	g_ptr_array_set_size(held, 0);
	metrics_free(&metrics);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/metrics/golden", test_golden);
	g_test_add_func("/metrics/empty", test_empty);
	g_test_add_func("/metrics/ceiling", test_ceiling);
	g_test_add_func("/metrics/json", test_json);
	g_test_add_func("/metrics/unix", test_unix);
	g_test_add_func("/metrics/tcp", test_tcp);
	g_test_add_func("/metrics/connections", test_connections);
	return g_test_run();
}
