/* Framing, handshake, ceilings and closing of the line server, over real sockets. */
#include "limits.h"
#include "line-client.h"
#include "line-server.h"
#include "unix-listener.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

/* --- a server that echoes -------------------------------------------------- */

struct fixture {
	char *dir, *path;
	struct line_server *server;
	guint lines, closed;
	gsize longest;
	GPtrArray *later; /* peers that wait */
	gboolean shared;
};

static void answer(struct line_peer *peer, const char *word, const char *id, const char *value)
{
	struct tabline_buf buf;

	tabline_buf_init(&buf, LIMIT_PEER_OUTPUT);
	tabline_word(&buf, word);
	tabline_word(&buf, id);
	tabline_field(&buf, "v", value);
	g_assert_true(tabline_end(&buf));
	line_peer_write(peer, &buf);
	tabline_buf_free(&buf);
}

/* ECHO id v=…; BIG id n: n answers of 1 KiB; LATER id: no answer yet; QUIT id: closes */
static gboolean on_line(struct line_peer *peer, const struct tabline_field *fields, gsize count,
			gpointer data)
{
	struct fixture *fixture = data;
	const char *verb = fields[0].value, *id = count > 1 ? fields[1].value : "0";

	fixture->lines++;
	g_assert_cmpuint(line_peer_uid(peer), ==, getuid());
	if (strcmp(verb, "ECHO") == 0) {
		const char *value = tabline_get(fields, count, "v");

		if (value != NULL)
			fixture->longest = MAX(fixture->longest, strlen(value));
		answer(peer, "OK", id, value != NULL && strlen(value) < 1000 ? value : NULL);
	} else if (strcmp(verb, "BIG") == 0) {
		g_autofree char *kib = g_strnfill(1024, 'x');

		for (guint64 i = g_ascii_strtoull(fields[2].value, NULL, 10); i > 0; i--)
			answer(peer, "ITEM", id, kib);
		answer(peer, "OK", id, NULL);
	} else if (strcmp(verb, "LATER") == 0) {
		g_ptr_array_add(fixture->later, line_peer_ref(peer));
	} else {
		line_peer_no(peer, id, "bad", "no");
		return FALSE;
	}
	return TRUE;
}

static void on_closed(struct line_peer *peer, gpointer data)
{
	((struct fixture *)data)->closed++;
}

static gboolean is_shared(uid_t uid, gpointer data)
{
	g_assert_cmpuint(uid, ==, getuid());
	return ((struct fixture *)data)->shared;
}

static const struct line_server_handler handler = {on_line, on_closed, is_shared};

static void set_up(struct fixture *fixture, guint max_connections, guint idle_secs)
{
	g_autoptr(GError) error = NULL;

	memset(fixture, 0, sizeof(*fixture));
	fixture->dir = g_dir_make_tmp("line-server-XXXXXX", NULL);
	fixture->path = g_build_filename(fixture->dir, "s", NULL);
	fixture->later = g_ptr_array_new();
	struct line_server_settings settings = {
		.path = fixture->path,
		.mode = 0620,
		.fd = -1,
		.max_connections = max_connections,
		.max_per_uid = 3,
		.idle_secs = idle_secs,
	};
	fixture->server = line_server_new(&settings, &handler, fixture, &error);
	g_assert_no_error(error);
}

static void tear_down(struct fixture *fixture)
{
	line_server_free(&fixture->server);
	g_assert_null(fixture->server);
	for (guint i = 0; i < fixture->later->len; i++)
		line_peer_unref(g_ptr_array_index(fixture->later, i));
	g_ptr_array_unref(fixture->later);
	g_assert_cmpint(g_access(fixture->path, F_OK), ==, -1);
	g_assert_cmpint(g_rmdir(fixture->dir), ==, 0);
	g_free(fixture->dir);
	g_free(fixture->path);
}

/* --- framing --------------------------------------------------------------- */

static void test_pipelined(void)
{
	struct fixture fixture;

	set_up(&fixture, 10, 60);
	int fd = dial(fixture.path);
	say(fd, HELLO "ECHO\t1\tv=a\nECHO\t2\tv=b\001tc\n");
	expect(fd, HELLO "OK\t1\tv=a\nOK\t2\tv=b\001tc\n");
	g_assert_cmpuint(line_server_connections(fixture.server), ==, 1);
	close(fd);
	spin(10);
	g_assert_cmpuint(line_server_connections(fixture.server), ==, 0);
	g_assert_cmpuint(fixture.closed, ==, 1);
	tear_down(&fixture);
}

static void test_octet_by_octet(void)
{
	static const char text[] = HELLO "ECHO\t1\tv=a\nECHO\t2\tv=b\n";
	struct fixture fixture;

	set_up(&fixture, 10, 60);
	int fd = dial(fixture.path);
	for (const char *p = text; *p != '\0'; p++) {
		g_assert_true(say_n(fd, p, 1));
		while (g_main_context_iteration(NULL, FALSE))
			;
	}
	expect(fd, HELLO "OK\t1\tv=a\nOK\t2\tv=b\n");
	close(fd);
	tear_down(&fixture);
}

/* "ECHO\t1\tv=xxx…\n" of `len` bytes. */
static char *line_of(gsize len)
{
	static const char head[] = "ECHO\t1\tv=";
	g_autofree char *fill = g_strnfill(len - strlen(head) - 1, 'x');

	return g_strconcat(head, fill, "\n", NULL);
}

static void test_longest_line(void)
{
	g_autofree char *line = line_of(LIMIT_LINE);
	struct fixture fixture;

	set_up(&fixture, 10, 60);
	int fd = dial(fixture.path);
	say(fd, HELLO);
	say(fd, line);
	expect(fd, HELLO "OK\t1\n");
	g_assert_cmpuint(fixture.longest, ==, LIMIT_LINE - strlen("ECHO\t1\tv=\n"));
	/* In the same breath as others. */
	say(fd, "ECHO\t2\tv=a\n");
	say(fd, line);
	say(fd, "ECHO\t3\tv=a\n");
	expect(fd, "OK\t2\tv=a\nOK\t1\nOK\t3\tv=a\n");
	close(fd);
	tear_down(&fixture);
}

static void test_line_too_long(void)
{
	g_autofree char *line = line_of(LIMIT_LINE + 1);
	struct fixture fixture;

	set_up(&fixture, 10, 60);
	int fd = dial(fixture.path);
	say(fd, HELLO);
	say_n(fd, line, LIMIT_LINE + 1);
	expect_closed(fd, HELLO "NO\t0\tcode=bad\ttext=line too long\n");
	g_assert_cmpuint(fixture.lines, ==, 0);
	close(fd);
	tear_down(&fixture);
}

static void test_bad_lines(void)
{
	static const struct {
		const char *name, *line, *text;
	} rows[] = {
		{"bad escape", "ECHO\t1\tv=\001x\n", "bad escape"},
		{"NUL", "ECHO\t1\tv=\0010\n", "NUL octet in a field"},
		{"escape at the end", "ECHO\t1\tv=\001\n", "bad escape"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *expected =
			g_strdup_printf(HELLO "NO\t0\tcode=bad\ttext=%s\n", rows[i].text);
		struct fixture fixture;

		g_test_message("%s", rows[i].name);
		set_up(&fixture, 10, 60);
		int fd = dial(fixture.path);
		say(fd, HELLO);
		say(fd, rows[i].line);
		say_n(fd, "ECHO\t9\tv=a\n", 11); /* is not looked at */
		expect_closed(fd, expected);
		g_assert_cmpuint(fixture.lines, ==, 0);
		close(fd);
		tear_down(&fixture);
	}
}

static void test_many_fields(void)
{
	g_autoptr(GString) line = g_string_new("ECHO\t1");
	struct fixture fixture;

	for (guint i = 2; i < LIMIT_LINE_FIELDS; i++)
		g_string_append(line, "\tk=");
	set_up(&fixture, 10, 60);
	int fd = dial(fixture.path);
	say(fd, HELLO);
	say(fd, line->str);
	say(fd, "\n");
	expect(fd, HELLO "OK\t1\n");
	say(fd, line->str);
	say(fd, "\tk=\n");
	expect_closed(fd, "NO\t0\tcode=bad\ttext=too many fields\n");
	close(fd);
	tear_down(&fixture);
}

/* --- handshake ------------------------------------------------------------- */

static void test_handshake(void)
{
	static const struct {
		const char *name, *says, *expected;
		gboolean closes;
	} rows[] = {
		{"ours", HELLO, HELLO, FALSE},
		{"a later minor", "VERSION\tfantail\t1\t7\n", HELLO, FALSE},
		{"more fields", "VERSION\tfantail\t1\t0\tx=y\n", HELLO, FALSE},
		{"another major", "VERSION\tfantail\t2\t0\n",
		 "NO\t0\tcode=version\ttext=this server speaks version 1\n", TRUE},
		{"another protocol", "VERSION\tdict\t1\t0\n",
		 "NO\t0\tcode=bad\ttext=expected VERSION fantail 1 0\n", TRUE},
		{"none", "ECHO\t1\tv=a\n", "NO\t0\tcode=bad\ttext=expected VERSION fantail 1 0\n",
		 TRUE},
		{"empty line", "\n", "NO\t0\tcode=bad\ttext=expected VERSION fantail 1 0\n", TRUE},
		{"cut", "VERSION\tfantail\t1\n",
		 "NO\t0\tcode=bad\ttext=expected VERSION fantail 1 0\n", TRUE},
		{"no number", "VERSION\tfantail\tone\t0\n",
		 "NO\t0\tcode=bad\ttext=expected VERSION fantail 1 0\n", TRUE},
		{"keys", "VERSION\tx=fantail\t1\t0\n",
		 "NO\t0\tcode=bad\ttext=expected VERSION fantail 1 0\n", TRUE},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fixture fixture;

		g_test_message("%s", rows[i].name);
		set_up(&fixture, 10, 60);
		int fd = dial(fixture.path);
		say(fd, rows[i].says);
		if (rows[i].closes)
			expect_closed(fd, rows[i].expected);
		else
			expect(fd, rows[i].expected);
		g_assert_cmpuint(fixture.lines, ==, 0);
		close(fd);
		tear_down(&fixture);
	}
}

/* --- closing --------------------------------------------------------------- */

static void test_handler_closes(void)
{
	struct fixture fixture;

	set_up(&fixture, 10, 60);
	int fd = dial(fixture.path);
	say(fd, HELLO "ECHO\t1\nQUIT\t2\nECHO\t3\n");
	expect_closed(fd, HELLO "OK\t1\nNO\t2\tcode=bad\ttext=no\n");
	g_assert_cmpuint(fixture.lines, ==, 2);
	g_assert_cmpuint(fixture.closed, ==, 1);
	close(fd);
	tear_down(&fixture);
}

static void test_later_answer(void)
{
	struct fixture fixture;

	set_up(&fixture, 10, 60);
	int fd = dial(fixture.path);
	say(fd, HELLO "LATER\t1\nECHO\t2\n");
	expect(fd, HELLO "OK\t2\n");
	struct line_peer *peer = g_ptr_array_remove_index(fixture.later, 0);
	answer(peer, "OK", "1", NULL);
	line_peer_unref(peer);
	expect(fd, "OK\t1\n");
	close(fd);
	tear_down(&fixture);
}

/* Says all it has to say, closes its side, and still gets every answer. */
static void test_half_closed(void)
{
	struct fixture fixture;

	set_up(&fixture, 10, 60);
	int fd = dial(fixture.path);
	say(fd, HELLO "LATER\t1\nECHO\t2\n");
	shutdown(fd, SHUT_WR);
	expect(fd, HELLO "OK\t2\n");
	spin(20);
	g_assert_cmpuint(line_server_connections(fixture.server), ==, 1);
	struct line_peer *peer = g_ptr_array_remove_index(fixture.later, 0);
	answer(peer, "OK", "1", NULL);
	line_peer_unref(peer);
	expect_closed(fd, "OK\t1\n");
	close(fd);
	tear_down(&fixture);
}

/* What it said before it left is heard; the answer is thrown away. */
static void test_gone_before_answer(void)
{
	struct fixture fixture;

	set_up(&fixture, 10, 60);
	int fd = dial(fixture.path);
	say(fd, HELLO "ECHO\t1\nLATER\t2\nECHO\t3\n");
	close(fd);
	spin(20);
	g_assert_cmpuint(fixture.lines, ==, 3);
	g_assert_cmpuint(fixture.closed, ==, 1);
	g_assert_cmpuint(line_server_connections(fixture.server), ==, 0);
	struct line_peer *peer = g_ptr_array_remove_index(fixture.later, 0);
	answer(peer, "OK", "2", NULL);
	line_peer_unref(peer);
	tear_down(&fixture);
}

/* An answer that is due when the server itself is gone. */
static void test_server_gone_before_answer(void)
{
	struct fixture fixture;

	set_up(&fixture, 10, 60);
	int fd = dial(fixture.path);
	say(fd, HELLO "LATER\t1\n");
	expect(fd, HELLO);
	line_server_free(&fixture.server);
	g_assert_cmpuint(fixture.closed, ==, 1);
	answer(g_ptr_array_index(fixture.later, 0), "OK", "1", NULL);
	expect_closed(fd, "");
	close(fd);
	tear_down(&fixture);
}

/* --- ceilings -------------------------------------------------------------- */

static void test_idle(void)
{
	struct fixture fixture;

	set_up(&fixture, 10, 2);
	int silent = dial(fixture.path), waiting = dial(fixture.path), busy = dial(fixture.path);
	say(silent, HELLO);
	say(waiting, HELLO "LATER\t1\n");
	say(busy, HELLO);
	gint64 end_us = g_get_monotonic_time() + PATIENCE_US;
	do {
		spin(50);
		say(busy, "ECHO\t1\n");
	} while (fixture.closed == 0 && g_get_monotonic_time() < end_us);
	/* For as long as the server takes to look at the others, too. */
	for (guint i = 0; i < 12; i++) {
		spin(50);
		say(busy, "ECHO\t1\n");
	}
	expect_closed(silent, HELLO);
	g_assert_cmpuint(line_server_connections(fixture.server), ==, 2);
	close(silent);
	close(waiting);
	close(busy);
	tear_down(&fixture);
}

static void test_max_connections(void)
{
	struct fixture fixture;

	set_up(&fixture, 2, 60);
	int one = dial(fixture.path), two = dial(fixture.path);
	say(one, HELLO);
	expect(one, HELLO);
	say(two, HELLO);
	expect(two, HELLO);
	int three = dial(fixture.path);
	expect_closed(three, "NO\t0\tcode=busy\ttext=too many connections\n");
	close(three);
	close(one);
	spin(10);
	three = dial(fixture.path);
	say(three, HELLO);
	expect(three, HELLO);
	close(two);
	close(three);
	tear_down(&fixture);
}

/* One uid's share ends before all connections are taken. */
static void test_max_per_uid(void)
{
	struct fixture fixture;
	int fds[3], more;

	set_up(&fixture, 10, 60);
	fixture.shared = TRUE;
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = dial(fixture.path);
		say(fds[i], HELLO);
		expect(fds[i], HELLO);
	}
	more = dial(fixture.path);
	expect_closed(more, "NO\t0\tcode=busy\ttext=too many connections\n");
	close(more);
	/* Who has no share is let in. */
	fixture.shared = FALSE;
	more = dial(fixture.path);
	say(more, HELLO);
	expect(more, HELLO);
	close(more);
	/* As is the next one once there is room. */
	close(fds[0]);
	spin(10);
	fixture.shared = TRUE;
	fds[0] = dial(fixture.path);
	say(fds[0], HELLO);
	expect(fds[0], HELLO);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		close(fds[i]);
	tear_down(&fixture);
}

/* Asks for far more than it reads: nothing is lost, and no request is looked at
 * while too much is unread. */
static void test_slow_reader(void)
{
	struct fixture fixture;
	gboolean closed;

	set_up(&fixture, 10, 60);
	int fd = dial(fixture.path);
	say(fd, HELLO);
	for (guint i = 0; i < 100; i++)
		say(fd, "BIG\t7\t100\n"); /* 100 KiB each */
	say(fd, "ECHO\t8\tv=end\n");
	spin(100);
	/* The socket's own buffer and one answer more than the high-water mark. */
	g_assert_cmpuint(fixture.lines, <, 20);
	g_autofree char *text = hear(fd, "OK\t8\tv=end\n", &closed);
	g_assert_false(closed);
	g_assert_cmpuint(fixture.lines, ==, 101);
	g_assert_cmpuint(strlen(text), >, 100u * 100 * 1024);
	close(fd);
	tear_down(&fixture);
}

/* The same for one that has closed its side already. */
static void test_slow_reader_half_closed(void)
{
	struct fixture fixture;
	gboolean closed;

	set_up(&fixture, 10, 60);
	int fd = dial(fixture.path);
	say(fd, HELLO);
	for (guint i = 0; i < 50; i++)
		say(fd, "BIG\t7\t100\n");
	say(fd, "ECHO\t8\tv=end\n");
	shutdown(fd, SHUT_WR);
	spin(50);
	g_autofree char *text = hear(fd, NULL, &closed);
	g_assert_true(closed);
	g_assert_true(g_str_has_suffix(text, "OK\t8\tv=end\n"));
	g_assert_cmpuint(fixture.lines, ==, 51);
	close(fd);
	tear_down(&fixture);
}

/* Sends requests and sends them, long before the first is answered. */
static void many_pending(gboolean shared, guint most)
{
	const guint count = 3 * most;
	struct fixture fixture;

	set_up(&fixture, 10, 60);
	fixture.shared = shared;
	int fd = dial(fixture.path);
	say(fd, HELLO);
	g_autoptr(GString) requests = g_string_new(NULL);
	for (guint i = 0; i < count; i++)
		g_string_append(requests, "LATER\t1\n");
	say(fd, requests->str);
	expect(fd, HELLO);
	spin(20);
	g_assert_cmpuint(fixture.lines, >=, most - 8);
	g_assert_cmpuint(fixture.lines, <=, most);
	/* Another has its turn. */
	int other = dial(fixture.path);
	say(other, HELLO "ECHO\t1\n");
	expect(other, HELLO "OK\t1\n");
	/* As they are answered, more are taken, to the last. */
	for (guint rounds = 0; fixture.later->len > 0 && rounds < 100; rounds++) {
		while (fixture.later->len > 0)
			line_peer_unref(g_ptr_array_remove_index(fixture.later, 0));
		spin(5);
		g_assert_cmpuint(fixture.later->len, <=, most);
	}
	g_assert_cmpuint(fixture.lines, ==, count + 1);
	close(fd);
	close(other);
	tear_down(&fixture);
}

static void test_many_pending(void)
{
	many_pending(FALSE, LIMIT_PEER_PENDING);
	many_pending(TRUE, LIMIT_PEER_PENDING_SHARED);
}

static void test_output_ceiling(void)
{
	struct fixture fixture;
	gboolean closed;

	set_up(&fixture, 10, 60);
	int fd = dial(fixture.path);
	say(fd, HELLO "BIG\t7\t5000\n"); /* 5 MiB in one go */
	g_autofree char *text = hear(fd, NULL, &closed);
	g_assert_true(closed);
	g_assert_cmpuint(strlen(text), <, LIMIT_PEER_OUTPUT + 65536);
	g_assert_null(strstr(text, "OK\t7"));
	close(fd);
	tear_down(&fixture);
}

/* Many peers that begin long lines and do not end them. */
static void test_input_ceiling(void)
{
	static int fds[LIMIT_PEERS_INPUT / LIMIT_LINE + 64];
	g_autofree char *part = g_strnfill(LIMIT_LINE - 1000, 'x');
	struct fixture fixture;
	guint refused = 0;

	set_up(&fixture, G_N_ELEMENTS(fds), 60);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = dial(fixture.path);
		say_n(fds[i], HELLO "ECHO\t1\tv=", strlen(HELLO "ECHO\t1\tv="));
		say_n(fds[i], part, strlen(part));
		while (g_main_context_iteration(NULL, FALSE))
			;
	}
	refused = G_N_ELEMENTS(fds) - line_server_connections(fixture.server);
	g_assert_cmpuint(refused, >, 0);
	g_assert_cmpuint(refused, <, 100);
	/* The others are served. */
	say(fds[0], "\n");
	expect(fds[0], HELLO "OK\t1\n");
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		close(fds[i]);
	tear_down(&fixture);
}

/* --- the socket ------------------------------------------------------------ */

static void test_mode_and_stop(void)
{
	struct fixture fixture;
	struct stat st;

	set_up(&fixture, 10, 60);
	g_assert_cmpint(stat(fixture.path, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 07777, ==, 0620);
	int fd = dial(fixture.path);
	say(fd, HELLO "LATER\t1\n");
	expect(fd, HELLO);
	line_server_stop_accepting(fixture.server);
	g_assert_cmpint(stat(fixture.path, &st), ==, -1);
	/* The one that is here is still served. */
	say(fd, "ECHO\t2\n");
	expect(fd, "OK\t2\n");
	close(fd);
	tear_down(&fixture);
}

static void test_path_taken(void)
{
	struct fixture fixture;
	g_autoptr(GError) error = NULL;

	set_up(&fixture, 10, 60);
	struct line_server_settings settings = {.path = fixture.path, .mode = 0600, .fd = -1};
	g_assert_null(line_server_new(&settings, &handler, &fixture, &error));
	g_assert_error(error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
	g_clear_error(&error);

	g_autofree char *file = g_build_filename(fixture.dir, "file", NULL);
	g_assert_true(g_file_set_contents(file, "x", 1, NULL));
	settings.path = file;
	g_assert_null(line_server_new(&settings, &handler, &fixture, &error));
	g_assert_error(error, G_IO_ERROR, G_IO_ERROR_EXISTS);
	g_clear_error(&error);
	g_unlink(file);

	g_autofree char *deep = g_strnfill(200, 'x');
	settings.path = deep;
	g_assert_null(line_server_new(&settings, &handler, &fixture, &error));
	g_assert_error(error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG);
	tear_down(&fixture);
}

/* What connect() says, instead of the kernel; 0 = ask that. */
static int connect_errno;

int __real_connect(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len)
{
	if (connect_errno == 0)
		return __real_connect(fd, address, len);
	errno = connect_errno;
	return -1;
}

/* A socket file is removed only if it is sure that nobody listens. */
static void test_doubtful_socket(void)
{
	static const struct {
		int code;
		gboolean replaced;
	} rows[] = {
		{ECONNREFUSED, TRUE}, {EACCES, FALSE},     {EPERM, FALSE},
		{EAGAIN, FALSE},      {EPROTOTYPE, FALSE}, {ENOMEM, FALSE},
	};
	g_autofree char *dir = g_dir_make_tmp("listener-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "s", NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		int first = unix_listener_bind(path, SOCK_STREAM, 0600, &error), second;
		GStatBuf before, after;

		g_assert_no_error(error);
		g_assert_cmpint(g_stat(path, &before), ==, 0);
		connect_errno = rows[i].code;
		second = unix_listener_bind(path, SOCK_STREAM, 0600, &error);
		connect_errno = 0;
		g_test_message("connect: %s", g_strerror(rows[i].code));
		g_assert_cmpint(second != -1, ==, rows[i].replaced);
		g_assert_cmpint(error == NULL, ==, rows[i].replaced);
		g_assert_cmpint(g_stat(path, &after), ==, 0);
		g_assert_cmpint(before.st_ino == after.st_ino, ==, !rows[i].replaced);
		close(first);
		if (second != -1)
			close(second);
		g_unlink(path);
	}
	g_rmdir(dir);
}

static void test_stale_socket_and_activation(void)
{
	struct fixture fixture;
	g_autoptr(GError) error = NULL;

	set_up(&fixture, 10, 60);
	/* As a killed bridge leaves it. */
	g_autofree char *path = g_build_filename(fixture.dir, "stale", NULL);
	int fd = unix_listener_bind(path, SOCK_STREAM, 0600, &error);
	g_assert_no_error(error);
	close(fd);
	fd = unix_listener_bind(path, SOCK_STREAM, 0600, &error);
	g_assert_no_error(error);

	/* As the service manager hands it over: ours to use, not to remove. */
	struct line_server_settings settings = {
		.path = "/nowhere", .fd = fd, .max_connections = 5, .idle_secs = 60};
	struct line_server *server = line_server_new(&settings, &handler, &fixture, &error);
	g_assert_no_error(error);
	line_server_free(&server);
	g_assert_cmpint(g_access(path, F_OK), ==, 0);
	g_unlink(path);

	int pair[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	settings.fd = pair[0];
	g_assert_null(line_server_new(&settings, &handler, &fixture, &error));
	g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
	close(pair[0]);
	close(pair[1]);
	tear_down(&fixture);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/line-server/pipelined", test_pipelined);
	g_test_add_func("/line-server/octet-by-octet", test_octet_by_octet);
	g_test_add_func("/line-server/longest-line", test_longest_line);
	g_test_add_func("/line-server/line-too-long", test_line_too_long);
	g_test_add_func("/line-server/bad-lines", test_bad_lines);
	g_test_add_func("/line-server/many-fields", test_many_fields);
	g_test_add_func("/line-server/handshake", test_handshake);
	g_test_add_func("/line-server/handler-closes", test_handler_closes);
	g_test_add_func("/line-server/later-answer", test_later_answer);
	g_test_add_func("/line-server/half-closed", test_half_closed);
	g_test_add_func("/line-server/gone-before-answer", test_gone_before_answer);
	g_test_add_func("/line-server/server-gone-before-answer", test_server_gone_before_answer);
	g_test_add_func("/line-server/idle", test_idle);
	g_test_add_func("/line-server/max-connections", test_max_connections);
	g_test_add_func("/line-server/max-per-uid", test_max_per_uid);
	g_test_add_func("/line-server/slow-reader", test_slow_reader);
	g_test_add_func("/line-server/slow-reader-half-closed", test_slow_reader_half_closed);
	g_test_add_func("/line-server/many-pending", test_many_pending);
	g_test_add_func("/line-server/output-ceiling", test_output_ceiling);
	g_test_add_func("/line-server/input-ceiling", test_input_ceiling);
	g_test_add_func("/line-server/mode-and-stop", test_mode_and_stop);
	g_test_add_func("/line-server/path-taken", test_path_taken);
	g_test_add_func("/line-server/doubtful-socket", test_doubtful_socket);
	g_test_add_func("/line-server/stale-socket-and-activation",
			test_stale_socket_and_activation);
	return g_test_run();
}
