/* Connections go where the URL guard says, at each look-up anew, and TLS is
 * verified. */
#include "http-client.h"
#include "limits.h"
#include "scripted-resolver.h"
#include "tls-connect.h"
#include "tls-peer.h"
#include "url-guard.h"

#include <string.h>

#define NAME "push.example.com"
/* What the tests take for a public address; 127.0.0.1 is what must never be
 * reached. */
#define PUBLIC "127.0.0.2"

struct fixture {
	GResolver *resolver;
	struct url_guard *guard;
	struct url_parts parts;
	GMainLoop *loop;
	guint calls;
	int error; /* enum http_error; -1 = connected */
	char alpn[16];
	char remote[64];
};

static struct tls_peer *peer_new(const char *address, guint16 port)
{
	struct tls_peer_options options = {.address = address, .port = port, .name = NAME};

	return tls_peer_new(&options);
}

static void fixture_init(struct fixture *f, const char *script, guint16 port)
{
	static const char *const allowed[] = {PUBLIC, "127.0.0.3", "127.0.1.0/24", NULL};

	memset(f, 0, sizeof(*f));
	f->resolver = scripted_resolver_new(script);
	g_resolver_set_default(f->resolver);
	f->guard = url_guard_new(allowed, NULL);
	g_assert_true(url_guard_parse(f->guard, "https://" NAME "/", &f->parts, NULL));
	/* Tests cannot listen on 443; the guard's word on ports is tested with it. */
	f->parts.port = port;
	f->loop = g_main_loop_new(NULL, FALSE);
}

static void fixture_clear(struct fixture *f)
{
	g_object_unref(f->resolver);
	url_guard_unref(f->guard);
	url_parts_clear(&f->parts);
	g_main_loop_unref(f->loop);
}

static void connected(SSL *ssl, GSocket *socket, const GError *error, gpointer data)
{
	struct fixture *f = data;
	const unsigned char *alpn;
	unsigned int len;

	f->calls++;
	g_main_loop_quit(f->loop);
	if (error != NULL) {
		g_assert_null(ssl);
		g_assert_null(socket);
		g_test_message("%s", error->message);
		f->error = error->code;
		return;
	}
	f->error = -1;
	SSL_get0_alpn_selected(ssl, &alpn, &len);
	g_snprintf(f->alpn, sizeof(f->alpn), "%.*s", (int)len, (const char *)alpn);
	g_autoptr(GSocketAddress) remote = g_socket_get_remote_address(socket, NULL);
	g_autofree char *text = g_inet_address_to_string(
		g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(remote)));
	g_strlcpy(f->remote, text, sizeof(f->remote));
	SSL_free(ssl);
	g_object_unref(socket);
}

static void run(struct fixture *f, const char *ca)
{
	g_autoptr(GError) error = NULL;
	SSL_CTX *context = tls_context_new(ca, &error);

	g_assert_no_error(error);
	f->calls = 0;
	tls_connect_start(context, f->guard, &f->parts, connected, f);
	SSL_CTX_free(context);
	g_assert_cmpuint(f->calls, ==, 0);
	g_main_loop_run(f->loop);
	g_assert_cmpuint(f->calls, ==, 1);
}

static void test_names_that_change(void)
{
	struct tls_peer *public = peer_new(PUBLIC, 0);
	struct tls_peer *private = peer_new("127.0.0.1", tls_peer_port(public));
	struct fixture f;

	fixture_init(&f, PUBLIC "/127.0.0.1/127.0.0.1 " PUBLIC "/::ffff:127.0.0.1",
		     tls_peer_port(public));
	run(&f, tls_peer_ca(public));
	g_assert_cmpint(f.error, ==, -1);
	g_assert_cmpstr(f.remote, ==, PUBLIC);
	run(&f, tls_peer_ca(public));
	g_assert_cmpint(f.error, ==, HTTP_ERROR_REFUSED);
	run(&f, tls_peer_ca(public));
	g_assert_cmpint(f.error, ==, -1);
	g_assert_cmpstr(f.remote, ==, PUBLIC);
	run(&f, tls_peer_ca(public));
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
	struct tls_peer_options options;
	gboolean trusted;
	int error;
	const char *alpn;
} tls_rows[] = {
	{"h2", {.alpn = "h2"}, TRUE, -1, "h2"},
	{"http/1.1", {.alpn = "http/1.1"}, TRUE, -1, "http/1.1"},
	{"no ALPN", {.alpn = NULL}, TRUE, -1, ""},
	{"TLS 1.2", {.alpn = "h2", .max_version = TLS1_2_VERSION}, TRUE, -1, "h2"},
	{"TLS 1.1", {.alpn = "h2", .max_version = TLS1_1_VERSION}, TRUE, HTTP_ERROR_TLS, NULL},
	{"unknown CA", {.alpn = "h2"}, FALSE, HTTP_ERROR_TLS, NULL},
	{"another name", {.name = "other.example.com"}, TRUE, HTTP_ERROR_TLS, NULL},
	{"a name below", {.name = "x.push.example.com"}, TRUE, HTTP_ERROR_TLS, NULL},
	{"wildcard", {.name = "*.example.com"}, TRUE, -1, ""},
	{"wildcard too high", {.name = "*.com"}, TRUE, HTTP_ERROR_TLS, NULL},
	{"part of a label", {.name = "p*.example.com"}, TRUE, HTTP_ERROR_TLS, NULL},
};

static void test_tls(gconstpointer data)
{
	const struct tls_row *row = data;
	struct tls_peer_options options = row->options;
	struct fixture f;

	options.address = PUBLIC;
	if (options.name == NULL)
		options.name = NAME;
	struct tls_peer *peer = tls_peer_new(&options);
	fixture_init(&f, PUBLIC, tls_peer_port(peer));
	run(&f, row->trusted ? tls_peer_ca(peer) : NULL);
	g_assert_cmpint(f.error, ==, row->error);
	if (row->error == -1)
		g_assert_cmpstr(f.alpn, ==, row->alpn);
	else
		g_assert_cmpuint(tls_peer_accepted(peer), ==, 1);
	fixture_clear(&f);
	tls_peer_free(peer);
}

static void test_next_address_after_failure(void)
{
	struct tls_peer *peer = peer_new(PUBLIC, 0);
	gint64 start_us = g_get_monotonic_time();
	struct fixture f;

	fixture_init(&f, "127.0.0.3 " PUBLIC, tls_peer_port(peer));
	run(&f, tls_peer_ca(peer));
	g_assert_cmpint(f.error, ==, -1);
	g_assert_cmpstr(f.remote, ==, PUBLIC);
	g_assert_cmpint(g_get_monotonic_time() - start_us, <, 2 * G_USEC_PER_SEC);
	fixture_clear(&f);
	tls_peer_free(peer);
}

static void test_next_address_after_silence(void)
{
	struct tls_peer *peer = peer_new(PUBLIC, 0);
	struct tls_peer *mute = tls_peer_new(&(struct tls_peer_options){
		.address = "127.0.0.3", .port = tls_peer_port(peer), .name = NAME, .silent = TRUE});
	gint64 start_us = g_get_monotonic_time();
	struct fixture f;

	fixture_init(&f, "127.0.0.3 " PUBLIC, tls_peer_port(peer));
	run(&f, tls_peer_ca(peer));
	g_assert_cmpint(f.error, ==, -1);
	g_assert_cmpstr(f.remote, ==, PUBLIC);
	g_assert_cmpint(g_get_monotonic_time() - start_us, >=, G_USEC_PER_SEC);
	fixture_clear(&f);
	tls_peer_free(peer);
	tls_peer_free(mute);
}

static void test_nobody_there(void)
{
	/* Bound and freed: nobody listens there now. */
	struct tls_peer *peer = peer_new(PUBLIC, 0);
	guint16 port = tls_peer_port(peer);
	struct fixture f;

	tls_peer_free(peer);
	fixture_init(&f, "127.0.0.3 " PUBLIC, port);
	run(&f, NULL);
	g_assert_cmpint(f.error, ==, HTTP_ERROR_CONNECT);
	fixture_clear(&f);
}

/* A long list of addresses is not worked through. */
static void test_many_addresses(void)
{
	struct tls_peer *peer = peer_new(PUBLIC, 0);
	g_autoptr(GString) few = g_string_new(NULL);
	struct fixture f;

	for (guint i = 1; i < LIMIT_CONNECT_ADDRESSES; i++)
		g_string_append_printf(few, "127.0.1.%u ", i);
	g_autofree char *many = g_strconcat(few->str, "127.0.0.3 " PUBLIC, NULL);
	g_string_append(few, PUBLIC);
	fixture_init(&f, few->str, tls_peer_port(peer));
	run(&f, tls_peer_ca(peer));
	g_assert_cmpint(f.error, ==, -1);
	fixture_clear(&f);
	fixture_init(&f, many, tls_peer_port(peer));
	run(&f, tls_peer_ca(peer));
	g_assert_cmpint(f.error, ==, HTTP_ERROR_CONNECT);
	fixture_clear(&f);
	tls_peer_free(peer);
}

static void test_no_such_name(void)
{
	struct fixture f;

	fixture_init(&f, "", 443);
	run(&f, NULL);
	g_assert_cmpint(f.error, ==, HTTP_ERROR_RESOLVE);
	fixture_clear(&f);
}

static gboolean quit(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_REMOVE;
}

/* At every turn of the loop that a connection takes. */
static void test_cancel(void)
{
	struct tls_peer *peer = peer_new(PUBLIC, 0);
	SSL_CTX *context = tls_context_new(tls_peer_ca(peer), NULL);
	struct tls_connect *none = NULL;
	struct fixture f;

	fixture_init(&f, PUBLIC, tls_peer_port(peer));
	for (guint turns = 0; f.calls == 0; turns++) {
		struct tls_connect *connect =
			tls_connect_start(context, f.guard, &f.parts, connected, &f);

		for (guint i = 0; i < turns && f.calls == 0; i++)
			g_main_context_iteration(NULL, TRUE);
		if (f.calls > 0)
			break;
		tls_connect_cancel(&connect);
		g_assert_null(connect);
		g_timeout_add(20, quit, f.loop);
		g_main_loop_run(f.loop);
		g_assert_cmpuint(f.calls, ==, 0);
		g_assert_cmpuint(turns, <, 100);
	}
	g_assert_cmpint(f.error, ==, -1);
	tls_connect_cancel(&none);
	SSL_CTX_free(context);
	fixture_clear(&f);
	tls_peer_free(peer);
}

static void test_bad_ca_file(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(tls_context_new("/nonexistent/ca.pem", &error));
	g_assert_error(error, HTTP_ERROR, HTTP_ERROR_TLS);
	g_assert_nonnull(strstr(error->message, "/nonexistent/ca.pem"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/tls-connect/names-that-change", test_names_that_change);
	for (gsize i = 0; i < G_N_ELEMENTS(tls_rows); i++) {
		g_autofree char *name = g_strdelimit(g_strdup(tls_rows[i].name), "/", '|');
		g_autofree char *path = g_strdup_printf("/tls-connect/tls/%s", name);

		g_test_add_data_func(path, &tls_rows[i], test_tls);
	}
	g_test_add_func("/tls-connect/next-address/after-failure", test_next_address_after_failure);
	g_test_add_func("/tls-connect/next-address/after-silence", test_next_address_after_silence);
	g_test_add_func("/tls-connect/nobody-there", test_nobody_there);
	g_test_add_func("/tls-connect/many-addresses", test_many_addresses);
	g_test_add_func("/tls-connect/no-such-name", test_no_such_name);
	g_test_add_func("/tls-connect/cancel", test_cancel);
	g_test_add_func("/tls-connect/bad-ca-file", test_bad_ca_file);
	return g_test_run();
}
