/* One HTTP/2 connection on the main loop: when it closes, and who is told. */
#include "http2-client.h"
#include "http2-peer.h"
#include "scripted-resolver.h"
#include "spin.h"
#include "tls-connect.h"
#include "tls-peer.h"
#include "url-guard.h"

#include <signal.h>
#include <string.h>

#define NAME "push.example.com"

struct fixture {
	struct http2_peer server;
	struct tls_peer *peer;
	GMainLoop *loop;
	struct http2_connection *connection;
	guint idle_secs;
	guint changed, closed, done;
	guint status;
	int error;
	gint64 opened_us, closed_us;
	gboolean free_when_done;
};

static void on_changed(struct http2_connection *connection, gpointer data)
{
	((struct fixture *)data)->changed++;
}

static void on_closed(struct http2_connection *connection, gpointer data)
{
	struct fixture *f = data;

	g_assert_true(connection == f->connection);
	g_assert_true(http2_connection_draining(connection));
	g_assert_cmpuint(http2_connection_room(connection), ==, 0);
	f->closed++;
	f->closed_us = g_get_monotonic_time();
	http2_connection_free(&f->connection);
	g_main_loop_quit(f->loop);
}

static const struct http2_callbacks callbacks = {.changed = on_changed, .closed = on_closed};

static void connected(SSL *ssl, GSocket *socket, const GError *error, gpointer data)
{
	struct fixture *f = data;

	g_assert_no_error(error);
	f->opened_us = g_get_monotonic_time();
	f->connection = http2_connection_new(ssl, socket, NAME, f->idle_secs, &callbacks, f);
}

static void fixture_init(struct fixture *f, guint idle_secs)
{
	static const char *const allowed[] = {"127.0.0.1", NULL};
	struct url_guard *guard = url_guard_new(allowed, NULL);
	g_autoptr(GResolver) resolver = scripted_resolver_new("127.0.0.1");
	struct url_parts parts = {0};

	memset(f, 0, sizeof(*f));
	f->idle_secs = idle_secs;
	f->loop = g_main_loop_new(NULL, FALSE);
	f->peer = tls_peer_new(&(struct tls_peer_options){
		.address = "127.0.0.1",
		.name = NAME,
		.alpn = "h2",
		.serve = http2_peer_serve,
		.data = &f->server,
	});
	g_resolver_set_default(resolver);
	g_assert_true(url_guard_parse(guard, "https://" NAME "/", &parts, NULL));
	parts.port = tls_peer_port(f->peer);
	SSL_CTX *context = tls_context_new(tls_peer_ca(f->peer), NULL);
	tls_connect_start(context, guard, &parts, connected, f);
	while (f->connection == NULL || http2_connection_room(f->connection) == 0)
		g_main_context_iteration(NULL, TRUE);
	SSL_CTX_free(context);
	url_parts_clear(&parts);
	url_guard_unref(guard);
}

static void fixture_clear(struct fixture *f)
{
	http2_connection_free(&f->connection);
	tls_peer_free(f->peer);
	g_main_loop_unref(f->loop);
}

static void on_done(const struct http_reply *reply, const GError *error, gint64 first_byte_us,
		    gpointer data)
{
	struct fixture *f = data;

	f->done++;
	f->status = reply != NULL ? reply->status : 0;
	f->error = error != NULL ? error->code : -1;
	if (f->free_when_done)
		http2_connection_free(&f->connection);
	g_main_loop_quit(f->loop);
}

static struct http2_stream *open_request(struct fixture *f, const char *path, gsize size)
{
	g_autofree char *text = g_strnfill(size, 'x');
	g_autoptr(GBytes) body = g_bytes_new(text, size);
	struct http_request *request = http_request_new("https://unused/", body);
	struct http2_stream *stream =
		http2_connection_open(f->connection, path, request, on_done, f);

	http_request_free(request);
	g_assert_nonnull(stream);
	return stream;
}

static void test_idle(void)
{
	struct fixture f;

	fixture_init(&f, 1);
	g_main_loop_run(f.loop);
	g_assert_cmpuint(f.closed, ==, 1);
	g_assert_cmpint(f.closed_us - f.opened_us, >=, 900000);
	/* The peer was told. */
	spin_until(g_atomic_int_get(&f.server.goaways) > 0);
	g_assert_cmpint(g_atomic_int_get(&f.server.goaways), ==, 1);
	fixture_clear(&f);
}

static gboolean quit(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_REMOVE;
}

/* A stream under way keeps the connection, and the time counts from its end. */
static void test_not_idle(void)
{
	struct fixture f;

	fixture_init(&f, 1);
	struct http2_stream *stream = open_request(&f, "/stall", 5);
	g_timeout_add(1500, quit, f.loop);
	g_main_loop_run(f.loop);
	g_assert_cmpuint(f.closed + f.done, ==, 0);
	gint64 start_us = g_get_monotonic_time();
	g_assert_cmpint(http2_connection_cancel(f.connection, stream, FALSE), >, 0);
	g_main_loop_run(f.loop);
	g_assert_cmpuint(f.closed, ==, 1);
	g_assert_cmpuint(f.done, ==, 0);
	g_assert_cmpint(f.closed_us - start_us, >=, 900000);
	spin_until(g_atomic_int_get(&f.server.resets) > 0);
	g_assert_cmpint(g_atomic_int_get(&f.server.resets), ==, 1);
	fixture_clear(&f);
}

static void test_peer_goes(void)
{
	struct fixture f;

	fixture_init(&f, 60);
	open_request(&f, "/stall", 5);
	spin_until(g_atomic_int_get(&f.server.requests) > 0);
	g_assert_cmpint(g_atomic_int_get(&f.server.requests), ==, 1);
	tls_peer_free(f.peer);
	f.peer = NULL;
	while (f.closed == 0)
		g_main_context_iteration(NULL, TRUE);
	g_assert_cmpuint(f.done, ==, 1);
	g_assert_cmpint(f.error, ==, HTTP_ERROR_LOST);
	fixture_clear(&f);
}

/* More than the socket and the windows take at once. */
static void test_large_request(void)
{
	struct fixture f;

	fixture_init(&f, 60);
	open_request(&f, "/ok", 20 << 20);
	g_main_loop_run(f.loop);
	g_assert_cmpuint(f.status, ==, 201);
	g_assert_cmpuint(f.changed, >, 0);
	fixture_clear(&f);
}

static void test_shutdown(void)
{
	struct fixture f;

	fixture_init(&f, 60);
	open_request(&f, "/slow", 5);
	http2_connection_shutdown(f.connection);
	while (f.closed == 0)
		g_main_context_iteration(NULL, TRUE);
	/* Opened before, so it was seen to. */
	g_assert_cmpuint(f.status, ==, 201);
	g_assert_cmpint(f.error, ==, -1);
	fixture_clear(&f);
}

static void test_free_in_callback(void)
{
	struct fixture f;

	fixture_init(&f, 60);
	f.free_when_done = TRUE;
	open_request(&f, "/ok", 5);
	open_request(&f, "/ok", 5);
	g_main_loop_run(f.loop);
	g_assert_null(f.connection);
	g_timeout_add(100, quit, f.loop);
	g_main_loop_run(f.loop);
	g_assert_cmpuint(f.done, ==, 1);
	g_assert_cmpuint(f.closed, ==, 0);
	fixture_clear(&f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	/* Nobody else here sees to it; http-client.c does in the bridge. */
	signal(SIGPIPE, SIG_IGN);
	g_test_add_func("/http2-client/idle", test_idle);
	g_test_add_func("/http2-client/not-idle", test_not_idle);
	g_test_add_func("/http2-client/peer-goes", test_peer_goes);
	g_test_add_func("/http2-client/large-request", test_large_request);
	g_test_add_func("/http2-client/shutdown", test_shutdown);
	g_test_add_func("/http2-client/free-in-callback", test_free_in_callback);
	return g_test_run();
}
