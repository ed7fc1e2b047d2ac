/* What the client promises its caller, against peers that keep to nothing. */
#include "http-client.h"
#include "http2-peer.h"
#include "limits.h"
#include "scripted-resolver.h"
#include "spin.h"
#include "tls-peer.h"
#include "url-guard.h"

#include <string.h>

#define NAME "push.example.com"
#define MAX_CALLS 64

struct fixture {
	struct http2_peer server;
	struct tls_peer *peer;
	GResolver *resolver;
	struct http_client *client;
	char *origin;
	guint done, expected;
	GMainLoop *loop;
	gboolean sending;
	struct outcome {
		guint calls, status;
		int error; /* enum http_error, -1 = none */
		gint64 first_byte_us;
		void (*hook)(struct fixture *f, guint number);
	} outcomes[MAX_CALLS];
};

static void fixture_init(struct fixture *f, const struct http2_peer *server, guint timeout_secs,
			 guint parallel)
{
	g_autoptr(GError) error = NULL;

	memset(f, 0, sizeof(*f));
	if (server != NULL)
		f->server = *server;
	f->peer = tls_peer_new(&(struct tls_peer_options){
		.address = "127.0.0.1",
		.name = NAME,
		.alpn = "h2",
		.serve = http2_peer_serve,
		.data = &f->server,
	});
	f->resolver = scripted_resolver_new("127.0.0.1");
	g_resolver_set_default(f->resolver);
	f->origin = g_strdup_printf("https://" NAME ":%u", tls_peer_port(f->peer));
	const char *allowed[] = {f->origin, NULL};
	struct url_guard *guard = url_guard_new(allowed, &error);
	g_assert_no_error(error);
	struct http_client_settings settings = {tls_peer_ca(f->peer), timeout_secs, 32, parallel};
	f->client = http_client_new(guard, &settings, &error);
	g_assert_no_error(error);
	url_guard_unref(guard);
	f->loop = g_main_loop_new(NULL, FALSE);
}

static void fixture_clear(struct fixture *f)
{
	http_client_free(&f->client);
	while (g_main_context_iteration(NULL, FALSE))
		;
	tls_peer_free(f->peer);
	g_object_unref(f->resolver);
	g_main_loop_unref(f->loop);
	g_free(f->origin);
	for (guint i = 0; i < MAX_CALLS; i++)
		g_assert_cmpuint(f->outcomes[i].calls, <=, 1);
}

struct job {
	struct fixture *f;
	guint number;
};

static void on_done(const struct http_reply *reply, const GError *error, gint64 first_byte_us,
		    gpointer data)
{
	struct job *job = data;
	struct fixture *f = job->f;
	struct outcome *outcome = &f->outcomes[job->number];

	g_assert_false(f->sending);
	g_assert_true((reply == NULL) != (error == NULL));
	outcome->calls++;
	outcome->status = reply != NULL ? reply->status : 0;
	outcome->error = error != NULL ? error->code : -1;
	outcome->first_byte_us = first_byte_us;
	if (error != NULL) {
		g_assert_true(error->domain == HTTP_ERROR);
		g_test_message("%u: %s", job->number, error->message);
	}
	if (++f->done >= f->expected)
		g_main_loop_quit(f->loop);
	if (outcome->hook != NULL)
		outcome->hook(f, job->number);
	g_free(job);
}

static void send_request(struct fixture *f, guint number, const char *path,
			 GCancellable *cancellable)
{
	g_autofree char *url = g_strconcat(f->origin, path, NULL);
	g_autoptr(GBytes) body = g_bytes_new_static("hello", 5);
	struct http_request *request = http_request_new(url, body);
	struct job *job = g_new(struct job, 1);

	*job = (struct job){f, number};
	f->sending = TRUE;
	http_client_send(f->client, request, cancellable, on_done, job);
	f->sending = FALSE;
}

/* Until so many are done in all. */
static void run(struct fixture *f, guint expected)
{
	f->expected = expected;
	if (f->done < expected)
		g_main_loop_run(f->loop);
	g_assert_cmpuint(f->done, ==, expected);
}

static gboolean quit(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_REMOVE;
}

static void run_ms(struct fixture *f, guint ms)
{
	f->expected = G_MAXUINT;
	g_timeout_add(ms, quit, f->loop);
	g_main_loop_run(f->loop);
}

/* --- retries ------------------------------------------------------------- */

static void test_refused_twice(void)
{
	struct fixture f;

	fixture_init(&f, NULL, 5, 512);
	send_request(&f, 0, "/refuse", NULL);
	run(&f, 1);
	g_assert_cmpint(f.outcomes[0].error, ==, HTTP_ERROR_NOT_SENT);
	g_assert_cmpint(g_atomic_int_get(&f.server.requests), ==, 2);
	g_assert_cmpuint(tls_peer_accepted(f.peer), ==, 1);
	fixture_clear(&f);
}

static const struct peer_row {
	const char *name;
	struct http2_peer server;
	int error;
} peer_rows[] = {
	{"goaway at once", {.goaway_at_once = TRUE}, HTTP_ERROR_NOT_SENT},
	{"hangs up", {.hang_up = TRUE}, HTTP_ERROR_NOT_SENT},
};

/* A peer that takes no request on any connection is asked twice, not for ever. */
static void test_takes_nothing(gconstpointer data)
{
	const struct peer_row *row = data;
	struct fixture f;

	fixture_init(&f, &row->server, 5, 512);
	for (guint i = 0; i < 4; i++)
		send_request(&f, i, "/ok", NULL);
	run(&f, 4);
	for (guint i = 0; i < 4; i++) {
		g_assert_cmpint(f.outcomes[i].error, ==, row->error);
		g_assert_cmpint(f.outcomes[i].first_byte_us, ==, 0);
	}
	g_assert_cmpuint(tls_peer_accepted(f.peer), ==, 2);
	fixture_clear(&f);
}

/* --- time ---------------------------------------------------------------- */

/* The calls time out, and the next one gets a new connection. */
static void test_no_settings(void)
{
	const struct http2_peer server = {.no_settings = TRUE};
	struct fixture f;

	fixture_init(&f, &server, 3, 512);
	send_request(&f, 0, "/ok", NULL);
	send_request(&f, 1, "/ok", NULL);
	run(&f, 2);
	g_assert_cmpint(f.outcomes[0].error, ==, HTTP_ERROR_TIMEOUT);
	g_assert_cmpint(f.outcomes[0].first_byte_us, ==, 0);
	f.server.no_settings = FALSE;
	send_request(&f, 2, "/ok", NULL);
	run(&f, 3);
	g_assert_cmpuint(f.outcomes[2].status, ==, 201);
	g_assert_cmpuint(tls_peer_accepted(f.peer), ==, 2);
	fixture_clear(&f);
}

/* After a time-out one call at a time; with an answer the window opens again. */
static void test_window(void)
{
	struct fixture f;

	fixture_init(&f, NULL, 3, 512);
	send_request(&f, 0, "/stall", NULL);
	run(&f, 1);
	g_assert_cmpint(f.outcomes[0].error, ==, HTTP_ERROR_TIMEOUT);
	g_atomic_int_set(&f.server.most, 0);
	for (guint i = 1; i < 4; i++)
		send_request(&f, i, "/stall", NULL);
	run(&f, 4);
	send_request(&f, 4, "/ok", NULL);
	run(&f, 5);
	/* Two had no turn while the first of them waited. By this answer the peer has
	 * seen all that was sent before. */
	g_assert_cmpint(g_atomic_int_get(&f.server.requests), ==, 3);
	g_assert_cmpint(g_atomic_int_get(&f.server.most), ==, 1);
	g_atomic_int_set(&f.server.most, 0);
	for (guint i = 5; i < 15; i++)
		send_request(&f, i, "/slow", NULL);
	run(&f, 15);
	for (guint i = 4; i < 15; i++)
		g_assert_cmpuint(f.outcomes[i].status, ==, 201);
	g_assert_cmpint(g_atomic_int_get(&f.server.most), >=, 4);
	g_assert_cmpuint(tls_peer_accepted(f.peer), ==, 1);
	fixture_clear(&f);
}

/* Two time-outs put a peer in doubt that does not answer a PING: 5 s later the
 * connection is replaced. */
static void test_dead_peer_is_replaced(void)
{
	const struct http2_peer server = {.deaf = TRUE};
	struct fixture f;

	fixture_init(&f, &server, 3, 512);
	for (guint i = 0; i < 2; i++)
		send_request(&f, i, "/ok", NULL);
	run(&f, 2);
	g_assert_cmpint(f.outcomes[0].error, ==, HTTP_ERROR_TIMEOUT);
	g_assert_cmpint(f.outcomes[0].first_byte_us, >, 0);
	f.server.deaf = FALSE;
	spin_until(http_client_connections(f.client) == 0);
	g_assert_cmpuint(http_client_connections(f.client), ==, 0);
	send_request(&f, 2, "/ok", NULL);
	run(&f, 3);
	g_assert_cmpuint(f.outcomes[2].status, ==, 201);
	g_assert_cmpuint(tls_peer_accepted(f.peer), ==, 2);
	fixture_clear(&f);
}

/* --- parallelism --------------------------------------------------------- */

static void test_max_streams(void)
{
	const struct http2_peer server = {.max_streams = 3};
	struct fixture f;

	fixture_init(&f, &server, 10, 512);
	for (guint i = 0; i < 20; i++)
		send_request(&f, i, "/slow", NULL);
	run(&f, 20);
	for (guint i = 0; i < 20; i++)
		g_assert_cmpuint(f.outcomes[i].status, ==, 201);
	g_assert_cmpint(g_atomic_int_get(&f.server.most), ==, 3);
	fixture_clear(&f);
}

static void test_parallel_per_origin(void)
{
	struct fixture f;

	fixture_init(&f, NULL, 10, 512);
	for (guint i = 0; i < 60; i++)
		send_request(&f, i, "/slow", NULL);
	run(&f, 60);
	for (guint i = 0; i < 60; i++)
		g_assert_cmpuint(f.outcomes[i].status, ==, 201);
	g_assert_cmpint(g_atomic_int_get(&f.server.most), ==, 32);
	fixture_clear(&f);
}

static void test_parallel(void)
{
	struct fixture f;

	fixture_init(&f, NULL, 10, 2);
	for (guint i = 0; i < 8; i++)
		send_request(&f, i, "/slow", NULL);
	run(&f, 8);
	g_assert_cmpint(g_atomic_int_get(&f.server.most), ==, 2);
	fixture_clear(&f);
}

/* --- cancellation -------------------------------------------------------- */

static void test_cancelled_before(void)
{
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	struct fixture f;

	fixture_init(&f, NULL, 5, 512);
	g_cancellable_cancel(cancellable);
	send_request(&f, 0, "/ok", cancellable);
	run(&f, 1);
	g_assert_cmpint(f.outcomes[0].error, ==, HTTP_ERROR_CANCELLED);
	g_assert_cmpuint(scripted_resolver_count(f.resolver), ==, 0);
	fixture_clear(&f);
}

/* At each turn of the loop that a request takes; a second one goes through. */
static void test_cancelled_at_any_time(void)
{
	guint answered = 0;

	for (guint turns = 0; answered == 0; turns++) {
		g_autoptr(GCancellable) cancellable = g_cancellable_new();
		struct fixture f;

		g_assert_cmpuint(turns, <, 200);
		fixture_init(&f, NULL, 5, 512);
		send_request(&f, 0, "/ok", cancellable);
		send_request(&f, 1, "/ok", NULL);
		for (guint i = 0; i < turns && f.outcomes[0].calls == 0; i++)
			g_main_context_iteration(NULL, TRUE);
		g_cancellable_cancel(cancellable);
		run(&f, 2);
		if (f.outcomes[0].error == -1)
			answered++;
		else
			g_assert_cmpint(f.outcomes[0].error, ==, HTTP_ERROR_CANCELLED);
		g_assert_cmpuint(f.outcomes[1].status, ==, 201);
		fixture_clear(&f);
	}
}

static GCancellable *own_cancellable;

static void cancel_own(struct fixture *f, guint number)
{
	g_cancellable_cancel(own_cancellable);
}

/* When it is too late: from its own callback. */
static void test_cancelled_when_done(void)
{
	struct fixture f;

	fixture_init(&f, NULL, 1, 512);
	for (guint i = 0; i < 2; i++) {
		own_cancellable = g_cancellable_new();
		f.outcomes[i].hook = cancel_own;
		send_request(&f, i, i == 0 ? "/ok" : "/stall", own_cancellable);
		run(&f, i + 1);
		g_object_unref(own_cancellable);
	}
	g_assert_cmpint(f.outcomes[0].error, ==, -1);
	g_assert_cmpint(f.outcomes[1].error, ==, HTTP_ERROR_TIMEOUT);
	fixture_clear(&f);
}

/* While it waits for its turn. */
static void test_cancelled_in_the_queue(void)
{
	g_autoptr(GCancellable) first = g_cancellable_new();
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	struct fixture f;

	fixture_init(&f, NULL, 15, 1);
	send_request(&f, 0, "/stall", first);
	send_request(&f, 1, "/ok", cancellable);
	send_request(&f, 2, "/ok", NULL);
	f.expected = G_MAXUINT;
	spin_until(g_atomic_int_get(&f.server.requests) == 1);
	g_cancellable_cancel(cancellable);
	g_assert_cmpuint(f.outcomes[1].calls, ==, 0);
	g_cancellable_cancel(first);
	run(&f, 3);
	g_assert_cmpint(f.outcomes[1].error, ==, HTTP_ERROR_CANCELLED);
	g_assert_cmpuint(f.outcomes[2].status, ==, 201);
	g_assert_cmpint(g_atomic_int_get(&f.server.requests), ==, 2);
	fixture_clear(&f);
}

/* --- the end ------------------------------------------------------------- */

static void test_free_under_way(void)
{
	struct fixture f;

	fixture_init(&f, NULL, 15, 3);
	for (guint i = 0; i < 6; i++)
		send_request(&f, i, "/stall", NULL);
	f.expected = G_MAXUINT;
	spin_until(g_atomic_int_get(&f.server.requests) == 3);
	g_assert_cmpint(g_atomic_int_get(&f.server.requests), ==, 3);
	send_request(&f, 6, "/stall", NULL);
	g_assert_cmpuint(f.done, ==, 0);
	http_client_free(&f.client);
	g_assert_null(f.client);
	g_assert_cmpuint(f.done, ==, 7);
	for (guint i = 0; i < 7; i++)
		g_assert_cmpint(f.outcomes[i].error, ==, HTTP_ERROR_CANCELLED);
	fixture_clear(&f);
}

static void free_client(struct fixture *f, guint number)
{
	http_client_free(&f->client);
}

static const struct free_row {
	const char *name;
	const char *path;
} free_rows[] = {
	{"answer", "/ok"},
	{"time-out", "/stall"},
	{"error", "/refuse"},
};

static void test_free_in_callback(gconstpointer data)
{
	const struct free_row *row = data;
	struct fixture f;

	fixture_init(&f, NULL, 1, 512);
	f.outcomes[0].hook = free_client;
	for (guint i = 0; i < 5; i++)
		send_request(&f, i, i == 0 ? row->path : "/stall", NULL);
	run(&f, 5);
	g_assert_null(f.client);
	run_ms(&f, 50);
	for (guint i = 0; i < 5; i++)
		g_assert_cmpuint(f.outcomes[i].calls, ==, 1);
	fixture_clear(&f);
}

static void send_another(struct fixture *f, guint number)
{
	if (number + 1 < MAX_CALLS)
		send_request(f, number + 1, "/ok", NULL);
	if (number + 1 < MAX_CALLS - 1)
		f->outcomes[number + 1].hook = send_another;
}

static void test_send_in_callback(void)
{
	struct fixture f;

	fixture_init(&f, NULL, 5, 512);
	f.outcomes[0].hook = send_another;
	send_request(&f, 0, "/ok", NULL);
	run(&f, MAX_CALLS);
	for (guint i = 0; i < MAX_CALLS; i++)
		g_assert_cmpuint(f.outcomes[i].status, ==, 201);
	g_assert_cmpuint(tls_peer_accepted(f.peer), ==, 1);
	fixture_clear(&f);
}

static void test_bad_settings(void)
{
	struct url_guard *guard = url_guard_new(NULL, NULL);
	struct http_client_settings settings = {"/nonexistent/ca.pem", 5, 32, 512};
	g_autoptr(GError) error = NULL;

	g_assert_null(http_client_new(guard, &settings, &error));
	g_assert_error(error, HTTP_ERROR, HTTP_ERROR_TLS);
	url_guard_unref(guard);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/http-client/refused-twice", test_refused_twice);
	for (gsize i = 0; i < G_N_ELEMENTS(peer_rows); i++) {
		g_autofree char *path =
			g_strdup_printf("/http-client/takes-nothing/%s", peer_rows[i].name);
		g_test_add_data_func(path, &peer_rows[i], test_takes_nothing);
	}
	g_test_add_func("/http-client/no-settings", test_no_settings);
	g_test_add_func("/http-client/window", test_window);
	g_test_add_func("/http-client/dead-peer-is-replaced", test_dead_peer_is_replaced);
	g_test_add_func("/http-client/max-streams", test_max_streams);
	g_test_add_func("/http-client/parallel-per-origin", test_parallel_per_origin);
	g_test_add_func("/http-client/parallel", test_parallel);
	g_test_add_func("/http-client/cancelled/before", test_cancelled_before);
	g_test_add_func("/http-client/cancelled/at-any-time", test_cancelled_at_any_time);
	g_test_add_func("/http-client/cancelled/when-done", test_cancelled_when_done);
	g_test_add_func("/http-client/cancelled/in-the-queue", test_cancelled_in_the_queue);
	g_test_add_func("/http-client/free/under-way", test_free_under_way);
	for (gsize i = 0; i < G_N_ELEMENTS(free_rows); i++) {
		g_autofree char *path =
			g_strdup_printf("/http-client/free/in-callback/%s", free_rows[i].name);
		g_test_add_data_func(path, &free_rows[i], test_free_in_callback);
	}
	g_test_add_func("/http-client/send-in-callback", test_send_in_callback);
	g_test_add_func("/http-client/bad-settings", test_bad_settings);
	return g_test_run();
}
