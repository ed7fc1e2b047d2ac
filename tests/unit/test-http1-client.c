/* Requests through libsoup: they go where the URL guard says, TLS is verified,
 * and what is cancelled stays quiet. */
#include "http1-client.h"
#include "limits.h"
#include "scripted-resolver.h"
#include "spin.h"
#include "tls-peer.h"
#include "url-guard.h"

#include <stdio.h>
#include <string.h>

#define NAME "push.example.com"
#define PUBLIC "127.0.0.2"

static const char answer_ok[] =
	"HTTP/1.1 201 Created\r\nLocation: /m/1\r\nContent-Length: 2\r\n\r\nok";

/* Reads requests without looking at them; each read that ends a head is one. */
static void serve(SSL *ssl, gpointer data)
{
	const char *answer = data;
	char buf[16384];
	int len;

	while ((len = SSL_read(ssl, buf, sizeof(buf) - 1)) > 0) {
		buf[len] = '\0';
		if (answer != NULL && strstr(buf, "\r\n\r\n") != NULL &&
		    SSL_write(ssl, answer, (int)strlen(answer)) <= 0)
			return;
		if (answer != NULL && strcmp(answer, answer_ok) != 0)
			return;
	}
}

struct fixture {
	GResolver *resolver;
	struct url_guard *guard;
	struct url_parts parts;
	struct http1_client *client;
	GMainLoop *loop;
	guint calls, status;
	int error; /* enum http_error, -1 = none */
	gint64 first_byte_us;
	gsize body_size;
};

static struct tls_peer *peer_new(const char *address, guint16 port, const char *answer)
{
	return tls_peer_new(&(struct tls_peer_options){
		.address = address,
		.port = port,
		.name = NAME,
		.alpn = "http/1.1",
		.serve = serve,
		.data = (gpointer)answer,
	});
}

static void fixture_init(struct fixture *f, const char *script, guint16 port, const char *ca)
{
	static const char *const allowed[] = {PUBLIC, NULL};
	g_autoptr(GError) error = NULL;

	memset(f, 0, sizeof(*f));
	f->resolver = scripted_resolver_new(script);
	g_resolver_set_default(f->resolver);
	f->guard = url_guard_new(allowed, NULL);
	g_assert_true(url_guard_parse(f->guard, "https://" NAME "/x", &f->parts, NULL));
	/* Tests cannot listen on 443. */
	f->parts.port = port;
	f->client = http1_client_new(f->guard, ca, &error);
	g_assert_no_error(error);
	f->loop = g_main_loop_new(NULL, FALSE);
}

static gboolean quit(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_REMOVE;
}

static void run_ms(struct fixture *f, guint ms)
{
	g_timeout_add(ms, quit, f->loop);
	g_main_loop_run(f->loop);
}

static void fixture_clear(struct fixture *f)
{
	http1_client_free(&f->client);
	run_ms(f, 20);
	g_object_unref(f->resolver);
	url_guard_unref(f->guard);
	url_parts_clear(&f->parts);
	g_main_loop_unref(f->loop);
}

static void on_done(const struct http_reply *reply, const GError *error, gint64 first_byte_us,
		    gpointer data)
{
	struct fixture *f = data;

	f->calls++;
	f->status = reply != NULL ? reply->status : 0;
	f->body_size = reply != NULL ? g_bytes_get_size(reply->body) : 0;
	f->error = error != NULL ? error->code : -1;
	f->first_byte_us = first_byte_us;
	if (error != NULL)
		g_test_message("%s", error->message);
	else
		g_assert_false(reply->http2);
	g_main_loop_quit(f->loop);
}

static struct http1_call *send_request(struct fixture *f)
{
	g_autoptr(GBytes) body = g_bytes_new_static("hello", 5);
	struct http_request *request = http_request_new("https://unused/", body);
	struct http1_call *call;

	http_request_add_header(request, "ttl", "60");
	call = http1_client_send(f->client, &f->parts, request, on_done, f);
	http_request_free(request);
	return call;
}

static void run(struct fixture *f)
{
	guint calls = f->calls;

	send_request(f);
	g_assert_cmpuint(f->calls, ==, calls);
	g_main_loop_run(f->loop);
	g_assert_cmpuint(f->calls, ==, calls + 1);
}

/* Each answer ends the connection, so that each request looks the name up. */
static void test_names_that_change(void)
{
	static const char answer[] =
		"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	struct tls_peer *public = peer_new(PUBLIC, 0, answer);
	struct tls_peer *private = peer_new("127.0.0.1", tls_peer_port(public), answer);
	struct fixture f;

	fixture_init(&f, PUBLIC "/127.0.0.1/127.0.0.1 " PUBLIC "/::ffff:127.0.0.1",
		     tls_peer_port(public), tls_peer_ca(public));
	run(&f);
	g_assert_cmpint(f.error, ==, -1);
	g_assert_cmpuint(f.status, ==, 201);
	run(&f);
	g_assert_cmpint(f.error, ==, HTTP_ERROR_REFUSED);
	g_assert_cmpint(f.first_byte_us, ==, 0);
	run(&f);
	g_assert_cmpint(f.error, ==, -1);
	run(&f);
	g_assert_cmpint(f.error, ==, HTTP_ERROR_REFUSED);
	g_assert_cmpuint(scripted_resolver_count(f.resolver), ==, 4);
	g_assert_cmpuint(tls_peer_accepted(public), ==, 2);
	g_assert_cmpuint(tls_peer_accepted(private), ==, 0);
	fixture_clear(&f);
	tls_peer_free(public);
	tls_peer_free(private);
}

static const struct tls_row {
	const char *name;
	const char *certificate;
	int max_version;
	gboolean trusted;
	int error;
} tls_rows[] = {
	{"trusted", NAME, 0, TRUE, -1},
	{"TLS 1.2", NAME, TLS1_2_VERSION, TRUE, -1},
	{"TLS 1.1", NAME, TLS1_1_VERSION, TRUE, HTTP_ERROR_TLS},
	{"unknown CA", NAME, 0, FALSE, HTTP_ERROR_TLS},
	{"another name", "other.example.com", 0, TRUE, HTTP_ERROR_TLS},
};

static void test_tls(gconstpointer data)
{
	const struct tls_row *row = data;
	struct tls_peer *peer = tls_peer_new(&(struct tls_peer_options){
		.address = PUBLIC,
		.name = row->certificate,
		.max_version = row->max_version,
		.serve = serve,
		.data = (gpointer)answer_ok,
	});
	struct fixture f;

	fixture_init(&f, PUBLIC, tls_peer_port(peer), row->trusted ? tls_peer_ca(peer) : NULL);
	run(&f);
	g_assert_cmpint(f.error, ==, row->error);
	if (row->error == -1)
		g_assert_cmpuint(f.status, ==, 201);
	else
		g_assert_cmpint(f.first_byte_us, ==, 0);
	g_assert_cmpuint(tls_peer_accepted(peer), ==, 1);
	fixture_clear(&f);
	tls_peer_free(peer);
}

static const struct answer_row {
	const char *name;
	const char *answer;
	int error;
	guint status;
	gsize body_size;
} answer_rows[] = {
	{"whole", answer_ok, -1, 201, 2},
	{"body cut short", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello", HTTP_ERROR_LOST,
	 0, 0},
	{"head cut short", "HTTP/1.1 200 OK\r\nContent-", HTTP_ERROR_PROTOCOL, 0, 0},
	{"nothing", "", HTTP_ERROR_LOST, 0, 0},
	{"no HTTP", "220 mail.example.com ESMTP\r\n\r\n", HTTP_ERROR_PROTOCOL, 0, 0},
	{"interim first",
	 "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", -1, 201,
	 0},
	{"compressed, left as it is",
	 "HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: 6\r\n\r\n"
	 "\x78\x9c\x4b\x4c\x4c\x4c",
	 -1, 200, 6},
	{"asks for a password",
	 "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n", -1, 401,
	 0},
	{"redirect",
	 "HTTP/1.1 302 Found\r\nLocation: https://10.0.0.1/\r\nContent-Length: 0\r\n\r\n", -1, 302,
	 0},
	{"switching protocols", "HTTP/1.1 101 No\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
	 HTTP_ERROR_LOST, 0, 0},
};

static void test_answer(gconstpointer data)
{
	const struct answer_row *row = data;
	struct tls_peer *peer = peer_new(PUBLIC, 0, row->answer);
	struct fixture f;

	fixture_init(&f, PUBLIC, tls_peer_port(peer), tls_peer_ca(peer));
	run(&f);
	g_assert_cmpint(f.error, ==, row->error);
	g_assert_cmpuint(f.status, ==, row->status);
	g_assert_cmpuint(f.body_size, ==, row->body_size);
	g_assert_cmpint(f.first_byte_us, >, 0);
	fixture_clear(&f);
	tls_peer_free(peer);
}

static void test_connections_are_counted(void)
{
	struct tls_peer *peer = peer_new(PUBLIC, 0, answer_ok);
	struct fixture f;

	fixture_init(&f, PUBLIC, tls_peer_port(peer), tls_peer_ca(peer));
	for (guint i = 0; i < 10; i++)
		run(&f);
	g_assert_cmpuint(http1_client_connections(f.client), ==, 1);
	g_assert_cmpuint(tls_peer_accepted(peer), ==, 1);
	tls_peer_free(peer);
	spin_until(http1_client_connections(f.client) == 0);
	g_assert_cmpuint(http1_client_connections(f.client), ==, 0);
	fixture_clear(&f);
}

/* At each turn of the loop that a request takes. */
static void test_cancel(void)
{
	struct tls_peer *peer = peer_new(PUBLIC, 0, answer_ok);
	struct fixture f;
	guint turns;

	for (turns = 0; turns < 200; turns++) {
		fixture_init(&f, PUBLIC, tls_peer_port(peer), tls_peer_ca(peer));
		struct http1_call *call = send_request(&f);
		for (guint i = 0; i < turns && f.calls == 0; i++)
			g_main_context_iteration(NULL, TRUE);
		if (f.calls > 0)
			break;
		http1_call_cancel(call);
		run_ms(&f, 10);
		g_assert_cmpuint(f.calls, ==, 0);
		/* The client is as good as before. */
		run(&f);
		g_assert_cmpuint(f.status, ==, 201);
		fixture_clear(&f);
	}
	g_assert_cmpuint(turns, >, 3);
	g_assert_cmpuint(f.status, ==, 201);
	fixture_clear(&f);
	tls_peer_free(peer);
}

static void test_free_under_way(void)
{
	struct tls_peer *peer = peer_new(PUBLIC, 0, NULL);
	struct fixture f;

	fixture_init(&f, PUBLIC, tls_peer_port(peer), tls_peer_ca(peer));
	for (guint i = 0; i < LIMIT_ORIGIN_CONNECTIONS + 2; i++)
		send_request(&f);
	run_ms(&f, 200);
	http1_client_free(&f.client);
	g_assert_null(f.client);
	run_ms(&f, 100);
	g_assert_cmpuint(f.calls, ==, 0);
	fixture_clear(&f);
	tls_peer_free(peer);
}

static void test_bad_ca_file(void)
{
	struct url_guard *guard = url_guard_new(NULL, NULL);
	g_autoptr(GError) error = NULL;

	g_assert_null(http1_client_new(guard, "/nonexistent/ca.pem", &error));
	g_assert_nonnull(error);
	url_guard_unref(guard);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/http1-client/names-that-change", test_names_that_change);
	for (gsize i = 0; i < G_N_ELEMENTS(tls_rows); i++) {
		g_autofree char *path = g_strdup_printf("/http1-client/tls/%s", tls_rows[i].name);
		g_test_add_data_func(path, &tls_rows[i], test_tls);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(answer_rows); i++) {
		g_autofree char *path =
			g_strdup_printf("/http1-client/answer/%s", answer_rows[i].name);
		g_test_add_data_func(path, &answer_rows[i], test_answer);
	}
	g_test_add_func("/http1-client/connections-are-counted", test_connections_are_counted);
	g_test_add_func("/http1-client/cancel", test_cancel);
	g_test_add_func("/http1-client/free-under-way", test_free_under_way);
	g_test_add_func("/http1-client/bad-ca-file", test_bad_ca_file);
	return g_test_run();
}
