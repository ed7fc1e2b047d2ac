#include "bridge-client.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A server that takes one connection, reads `expect_bytes`, and says `script`;
 * one byte at a time if `drip`. It then waits for the client to leave, unless
 * `leave`. */
struct server {
	char *path;
	int listener;
	const char *script;
	size_t expect_bytes;
	bool drip, leave;
	GString *got;
	GThread *thread;
};

static char *folder;

static void server_listen(struct server *server, int backlog)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	server->path = g_build_filename(folder, "socket", NULL);
	g_unlink(server->path);
	g_strlcpy(address.sun_path, server->path, sizeof(address.sun_path));
	server->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	g_assert_cmpint(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), ==,
			0);
	g_assert_cmpint(listen(server->listener, backlog), ==, 0);
}

static void *server_run(void *data)
{
	struct server *server = data;
	int fd = accept(server->listener, NULL, NULL);
	char buf[4096];
	ssize_t got;

	while (server->got->len < server->expect_bytes && (got = read(fd, buf, sizeof(buf))) > 0)
		g_string_append_len(server->got, buf, got);
	for (const char *p = server->script; *p != '\0';) {
		size_t len = server->drip ? 1 : strlen(p);

		if (send(fd, p, len, MSG_NOSIGNAL) != (ssize_t)len)
			break;
		p += len;
		if (server->drip)
			g_usleep(100);
	}
	if (!server->leave) {
		while ((got = read(fd, buf, sizeof(buf))) > 0)
			g_string_append_len(server->got, buf, got);
	}
	close(fd);
	return NULL;
}

static void server_start(struct server *server)
{
	server_listen(server, 5);
	server->got = g_string_new(NULL);
	server->thread = g_thread_new("server", server_run, server);
}

/* Until the client has left: then `got` is all there is. */
static void server_wait(struct server *server)
{
	if (server->thread != NULL)
		g_thread_join(server->thread);
	server->thread = NULL;
}

static void server_end(struct server *server)
{
	server_wait(server);
	close(server->listener);
	g_unlink(server->path);
	g_free(server->path);
	g_string_free(server->got, TRUE);
}

#define GREETING "VERSION\tfantail\t1\t0\n"
#define REQUEST "WANT\t1\tuser=alice\n"

static enum bridge_result ask(struct bridge_client *client, const char *text,
			      struct bridge_answer *answer)
{
	struct iovec request = {.iov_base = (char *)text, .iov_len = strlen(text)};

	return bridge_client_exchange(client, bridge_client_next_id(client), &request, 1, answer);
}

static void test_answers(void)
{
	static const struct {
		const char *name, *script;
		bool leave;
		enum bridge_result result;
		const char *value; /* of want= or code= */
	} rows[] = {
		{"ok", GREETING "OK\t1\twant=content\n", false, BRIDGE_OK, "content"},
		{"no keys", GREETING "OK\t1\n", false, BRIDGE_OK, NULL},
		{"minor version", "VERSION\tfantail\t1\t9\nOK\t1\twant=hint\n", false, BRIDGE_OK,
		 "hint"},
		{"future greeting", "VERSION\tfantail\t1\t9\tx=y\nOK\t1\twant=hint\n", false,
		 BRIDGE_OK, "hint"},
		{"escaped", GREETING "OK\t1\twant=a\001tb\n", false, BRIDGE_OK, "a\tb"},
		{"items first", GREETING "ITEM\t1\twant=x\nITEM\t1\nOK\t1\twant=y\n", false,
		 BRIDGE_OK, "y"},
		{"another's answer first",
		 GREETING "OK\t7\twant=x\nNO\t8\tcode=bad\nOK\t1\twant=y\n", false, BRIDGE_OK, "y"},
		{"no", GREETING "NO\t1\tcode=busy\ttext=later\n", false, BRIDGE_NO, "busy"},
		{"no, and closed", GREETING "NO\t1\tcode=bad\n", true, BRIDGE_NO, "bad"},
		{"version refused", "NO\t0\tcode=version\ttext=I speak 2\n", true, BRIDGE_NO,
		 "version"},
		{"no without code", GREETING "NO\t1\ttext=x\n", false, BRIDGE_BROKEN, NULL},
		{"other protocol", "VERSION\tauth\t1\t0\nOK\t1\n", false, BRIDGE_BROKEN, NULL},
		{"other major", "VERSION\tfantail\t2\t0\nOK\t1\n", false, BRIDGE_BROKEN, NULL},
		{"no greeting", "OK\t1\twant=hint\n", false, BRIDGE_BROKEN, NULL},
		{"HTTP", "HTTP/1.1 400 Bad Request\n", false, BRIDGE_BROKEN, NULL},
		{"empty line", GREETING "\n", false, BRIDGE_BROKEN, NULL},
		{"bad escape", GREETING "OK\t1\twant=\001x\n", false, BRIDGE_BROKEN, NULL},
		{"unknown verb", GREETING "MAYBE\t1\n", false, BRIDGE_BROKEN, NULL},
		{"id is no number", GREETING "OK\tone\n", false, BRIDGE_BROKEN, NULL},
		{"closed at once", "", true, BRIDGE_BROKEN, NULL},
		{"closed after the greeting", GREETING, true, BRIDGE_BROKEN, NULL},
		{"closed in the line", GREETING "OK\t1\twan", true, BRIDGE_BROKEN, NULL},
		{"silence", "", false, BRIDGE_TIMEOUT, NULL},
		{"silence after the greeting", GREETING, false, BRIDGE_TIMEOUT, NULL},
		{"half a line", GREETING "OK\t1", false, BRIDGE_TIMEOUT, NULL},
	};

	for (guint i = 0; i < 2 * G_N_ELEMENTS(rows); i++) {
		guint row = i / 2;
		struct server server = {
			.script = rows[row].script,
			.expect_bytes = strlen(GREETING REQUEST),
			.leave = rows[row].leave,
			.drip = i % 2 == 1,
		};
		struct bridge_answer answer = {.count = 99};
		struct bridge_client *client;
		const char *value = NULL;

		g_test_message("%s%s", rows[row].name, server.drip ? ", byte by byte" : "");
		server_start(&server);
		client = bridge_client_new(server.path,
					   rows[row].result == BRIDGE_TIMEOUT ? 200 : 5000);
		g_assert_cmpint(ask(client, REQUEST, &answer), ==, rows[row].result);
		if (rows[row].result == BRIDGE_OK) {
			g_assert_cmpstr(bridge_client_error(client), ==, "");
			value = tabline_get(answer.fields, answer.count, "want");
		} else {
			g_assert_cmpstr(bridge_client_error(client), !=, "");
		}
		if (rows[row].result == BRIDGE_NO)
			value = answer.code;
		else if (rows[row].result != BRIDGE_OK)
			g_assert_cmpuint(answer.count, ==, 99);
		g_assert_cmpstr(value, ==, rows[row].value);
		if (rows[row].result == BRIDGE_TIMEOUT)
			g_assert_cmpuint(bridge_client_time_left(client), ==, 0);
		else
			g_assert_cmpuint(bridge_client_time_left(client), >, 0);
		bridge_client_free(&client);
		g_assert_null(client);
		server_wait(&server);
		g_assert_cmpstr(server.got->str, ==, GREETING REQUEST);
		server_end(&server);
	}
}

static void note_item(const struct tabline_field *fields, size_t count, void *context)
{
	g_string_append_printf(context, "%s=%s;", count > 0 ? fields[0].key : "none",
			       count > 0 ? fields[0].value : "");
}

/* Items of this answer, in their order; the longest that a filter makes. */
static void test_items(void)
{
	g_autofree char *filler = g_strnfill(LIMIT_FILTER_CRITERIA, 'x');
	g_autofree char *script = g_strconcat(GREETING "ITEM\t1\ta=1\nITEM\t2\tb=2\nITEM\t1\n"
						       "ITEM\t1\tc=",
					      filler, "\nOK\t1\n", NULL);
	g_autofree char *expected = g_strconcat("a=1;none=;c=", filler, ";", NULL);
	g_autoptr(GString) got = g_string_new(NULL);
	struct server server = {.script = script, .expect_bytes = strlen(GREETING REQUEST)};
	struct bridge_answer answer;
	struct bridge_client *client;

	server_start(&server);
	client = bridge_client_new(server.path, 5000);
	bridge_client_set_item(client, note_item, got);
	g_assert_cmpint(ask(client, REQUEST, &answer), ==, BRIDGE_OK);
	g_assert_cmpstr(got->str, ==, expected);
	bridge_client_spend(client, 1);
	g_assert_cmpuint(bridge_client_time_left(client), >, 0);
	bridge_client_spend(client, UINT64_MAX);
	g_assert_cmpuint(bridge_client_time_left(client), ==, 0);
	bridge_client_free(&client);
	server_end(&server);
}

/* An answer line without end. */
static void test_endless_line(void)
{
	g_autofree char *filler = g_strnfill(30000, 'x');
	g_autofree char *script = g_strconcat(GREETING, filler, NULL);
	struct server server = {.script = script, .expect_bytes = 1};
	struct bridge_answer answer;
	struct bridge_client *client;

	server_start(&server);
	client = bridge_client_new(server.path, 5000);
	g_assert_cmpint(ask(client, REQUEST, &answer), ==, BRIDGE_BROKEN);
	bridge_client_free(&client);
	server_end(&server);
}

/* A second request goes over the same connection, without a second greeting. */
static void test_two_requests(void)
{
	struct server server = {
		.script = GREETING "OK\t1\twant=hint\nOK\t2\tqueued=3\n",
		.expect_bytes = strlen(GREETING REQUEST),
	};
	struct bridge_answer answer;
	struct bridge_client *client;

	server_start(&server);
	client = bridge_client_new(server.path, 5000);
	g_assert_cmpint(ask(client, REQUEST, &answer), ==, BRIDGE_OK);
	g_assert_cmpint(ask(client, "BATCH\t2\n", &answer), ==, BRIDGE_OK);
	g_assert_cmpstr(tabline_get(answer.fields, answer.count, "queued"), ==, "3");
	bridge_client_free(&client);
	server_wait(&server);
	g_assert_cmpstr(server.got->str, ==, GREETING REQUEST "BATCH\t2\n");
	server_end(&server);
}

/* More than the socket's buffer holds, to a reader who takes it in pieces. */
static void test_large_request(void)
{
	g_autofree char *events = g_strnfill(LIMIT_BATCH_BYTES, 'e');
	struct iovec request[] = {
		{.iov_base = (char *)"BATCH\t1\n", .iov_len = 8},
		{.iov_base = events, .iov_len = LIMIT_BATCH_BYTES},
	};
	struct server server = {
		.script = GREETING "OK\t1\n",
		.expect_bytes = strlen(GREETING) + 8 + LIMIT_BATCH_BYTES,
	};
	struct bridge_answer answer;
	struct bridge_client *client;

	server_start(&server);
	client = bridge_client_new(server.path, 5000);
	g_assert_cmpint(bridge_client_exchange(client, bridge_client_next_id(client), request,
					       G_N_ELEMENTS(request), &answer),
			==, BRIDGE_OK);
	bridge_client_free(&client);
	server_end(&server);

	/* One who reads nothing must not hold us: the write waits, and ends. */
	struct server deaf = {.got = g_string_new(NULL)};
	server_listen(&deaf, 5);
	client = bridge_client_new(deaf.path, 30);
	g_assert_cmpint(bridge_client_exchange(client, bridge_client_next_id(client), request,
					       G_N_ELEMENTS(request), &answer),
			==, BRIDGE_TIMEOUT);
	bridge_client_free(&client);
	server_end(&deaf);
}

static void test_absent(void)
{
	g_autofree char *path = g_build_filename(folder, "nobody", NULL);
	g_autofree char *long_path = g_strnfill(200, 'x');
	struct bridge_client *client = bridge_client_new(path, 5000);
	struct bridge_answer answer;
	struct server server = {.got = g_string_new(NULL)};

	/* No socket; then one that nobody listens on. */
	g_assert_cmpint(ask(client, REQUEST, &answer), ==, BRIDGE_ABSENT);
	bridge_client_free(&client);
	server_listen(&server, 5);
	close(server.listener);
	client = bridge_client_new(server.path, 5000);
	g_assert_cmpint(ask(client, REQUEST, &answer), ==, BRIDGE_ABSENT);
	g_assert_cmpuint(bridge_client_time_left(client), >, 4000000);
	bridge_client_free(&client);
	g_unlink(server.path);
	g_free(server.path);
	g_string_free(server.got, TRUE);

	client = bridge_client_new(long_path, 5000);
	g_assert_cmpint(ask(client, REQUEST, &answer), ==, BRIDGE_BROKEN);
	bridge_client_free(&client);
	bridge_client_free(&client);
}

/* A bridge that hangs: its backlog fills up, then connect() says EAGAIN. */
static void test_full_backlog(void)
{
	struct server server = {.got = g_string_new(NULL)};
	struct bridge_client *clients[8];
	struct bridge_answer answer;

	server_listen(&server, 1);
	for (guint i = 0; i < G_N_ELEMENTS(clients); i++) {
		gint64 start = g_get_monotonic_time();

		clients[i] = bridge_client_new(server.path, 20);
		g_assert_cmpint(ask(clients[i], REQUEST, &answer), ==, BRIDGE_TIMEOUT);
		g_assert_cmpuint(bridge_client_time_left(clients[i]), ==, 0);
		/* Far off either bound is a hang or a wait that was none. */
		g_assert_cmpint(g_get_monotonic_time() - start, >=, 19000);
		g_assert_cmpint(g_get_monotonic_time() - start, <, 5000000);
	}
	for (guint i = 0; i < G_N_ELEMENTS(clients); i++)
		bridge_client_free(&clients[i]);
	server_end(&server);
}

int main(int argc, char **argv)
{
	int status;

	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("bridge-client-XXXXXX", NULL);
	g_test_add_func("/bridge-client/answers", test_answers);
	g_test_add_func("/bridge-client/items", test_items);
	g_test_add_func("/bridge-client/endless-line", test_endless_line);
	g_test_add_func("/bridge-client/two-requests", test_two_requests);
	g_test_add_func("/bridge-client/large-request", test_large_request);
	g_test_add_func("/bridge-client/absent", test_absent);
	g_test_add_func("/bridge-client/full-backlog", test_full_backlog);
	status = g_test_run();
	g_rmdir(folder);
	g_free(folder);
	return status;
}
