/* The client against a server that says what the row says. */
#include "dovecot-auth-line.h"
#include "limits.h"
#include "tabline.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>

static void test_lines(void)
{
	static const struct {
		const char *line;
		gboolean bad;
		enum dovecot_auth_line_kind kind;
		enum dovecot_auth_result result;
		const char *user;
	} rows[] = {
		{"VERSION\t1\t2", FALSE, DOVECOT_AUTH_LINE_VERSION, 0, NULL},
		{"VERSION\t1\t99", FALSE, DOVECOT_AUTH_LINE_VERSION, 0, NULL},
		{"VERSION\t2\t0", TRUE, 0, 0, NULL},
		{"VERSION", TRUE, 0, 0, NULL},
		{"MECH\tPLAIN\tplaintext", FALSE, DOVECOT_AUTH_LINE_PLAIN, 0, NULL},
		{"MECH\tLOGIN\tplaintext", FALSE, DOVECOT_AUTH_LINE_OTHER, 0, NULL},
		{"DONE", FALSE, DOVECOT_AUTH_LINE_DONE, 0, NULL},
		{"SPID\t1", FALSE, DOVECOT_AUTH_LINE_OTHER, 0, NULL},
		{"", FALSE, DOVECOT_AUTH_LINE_OTHER, 0, NULL},
		{"OK\t7\tuser=alice@example.org\tx=y", FALSE, DOVECOT_AUTH_LINE_ANSWER,
		 DOVECOT_AUTH_OK, "alice@example.org"},
		{"OK\t7\tuser=a\001tb", FALSE, DOVECOT_AUTH_LINE_ANSWER, DOVECOT_AUTH_OK, "a\tb"},
		{"OK\t7", FALSE, DOVECOT_AUTH_LINE_ANSWER, DOVECOT_AUTH_TEMPORARY, NULL},
		{"OK\t7\tuser=", FALSE, DOVECOT_AUTH_LINE_ANSWER, DOVECOT_AUTH_TEMPORARY, NULL},
		{"OK\tx\tuser=alice", TRUE, 0, 0, NULL},
		{"OK\t7\tuser=a\0010b", TRUE, 0, 0, NULL},
		{"FAIL\t7\tuser=alice", FALSE, DOVECOT_AUTH_LINE_ANSWER, DOVECOT_AUTH_WRONG, NULL},
		{"FAIL\t7\tuser=alice\treason=no", FALSE, DOVECOT_AUTH_LINE_ANSWER,
		 DOVECOT_AUTH_WRONG, NULL},
		{"FAIL\t7\tcode=temp_fail", FALSE, DOVECOT_AUTH_LINE_ANSWER, DOVECOT_AUTH_TEMPORARY,
		 NULL},
		{"FAIL\t7\tuser=alice\ttemp", FALSE, DOVECOT_AUTH_LINE_ANSWER,
		 DOVECOT_AUTH_TEMPORARY, NULL},
		{"FAIL\t7\tcode=user_disabled", FALSE, DOVECOT_AUTH_LINE_ANSWER,
		 DOVECOT_AUTH_FORBIDDEN, NULL},
		{"FAIL\t7\tcode=pass_expired", FALSE, DOVECOT_AUTH_LINE_ANSWER,
		 DOVECOT_AUTH_FORBIDDEN, NULL},
		{"FAIL\t7\tcode=authz_fail", FALSE, DOVECOT_AUTH_LINE_ANSWER,
		 DOVECOT_AUTH_FORBIDDEN, NULL},
		{"FAIL", TRUE, 0, 0, NULL},
		{"CONT\t7\tabcd", FALSE, DOVECOT_AUTH_LINE_ANSWER, DOVECOT_AUTH_TEMPORARY, NULL},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = g_strdup(rows[i].line);
		g_autoptr(GError) error = NULL;
		struct dovecot_auth_line line;
		gboolean ok = dovecot_auth_line_parse(text, strlen(text), &line, &error);

		g_test_message("%s", rows[i].line);
		g_assert_cmpint(ok, ==, !rows[i].bad);
		if (!ok)
			continue;
		g_assert_cmpint(line.kind, ==, rows[i].kind);
		if (line.kind != DOVECOT_AUTH_LINE_ANSWER)
			continue;
		g_assert_cmpuint(line.id, ==, 7);
		g_assert_cmpint(line.result, ==, rows[i].result);
		g_assert_cmpstr(line.user, ==, rows[i].user);
	}
}

/* resp= is last, whatever else there is. */
static void test_request(void)
{
	static const struct {
		struct dovecot_auth_request request;
		const char *line;
	} rows[] = {
		{{.user = "alice", .password = "secret"},
		 "AUTH\t3\tPLAIN\tservice=syncml\tresp=AGFsaWNlAHNlY3JldA==\n"},
		{{.user = "alice",
		  .password = "secret",
		  .remote_address = "192.0.2.7",
		  .local_address = "192.0.2.1",
		  .secured = TRUE,
		  .session = "a\tb"},
		 "AUTH\t3\tPLAIN\tservice=syncml\tsecured\tsession=a\001tb\trip=192.0.2.7\t"
		 "lip=192.0.2.1\tresp=AGFsaWNlAHNlY3JldA==\n"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct tabline_buf buf;

		tabline_buf_init(&buf, LIMIT_AUTH_LINE);
		g_assert_true(dovecot_auth_line_write(&buf, 3, "syncml", &rows[i].request));
		g_autofree char *line = g_strndup(buf.data, buf.len);
		g_assert_cmpstr(line, ==, rows[i].line);
		tabline_buf_free(&buf);
	}
}

/* --- the client ----------------------------------------------------------------------------- */

#define GREETING "MECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n"

struct fixture {
	char *folder, *path;
	int listener, peer;
	struct dovecot_auth *auth;
	GString *heard;
	GString *results; /* "ok alice, wrong" */
	guint count;
};

static void on_done(enum dovecot_auth_result result, const char *user, gpointer data)
{
	static const char *const names[] = {"ok", "wrong", "forbidden", "temporary"};
	struct fixture *f = data;

	g_string_append_printf(f->results, "%s%s%s%s", f->count++ > 0 ? ", " : "", names[result],
			       user != NULL ? " " : "", user != NULL ? user : "");
}

static void listen_again(struct fixture *f)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	g_strlcpy(address.sun_path, f->path, sizeof(address.sun_path));
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	g_assert_cmpint(bind(f->listener, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	g_assert_cmpint(listen(f->listener, 8), ==, 0);
}

static void fixture_init(struct fixture *f)
{
	*f = (struct fixture){.folder = g_dir_make_tmp("fantail-auth-XXXXXX", NULL), .peer = -1};
	f->path = g_build_filename(f->folder, "auth", NULL);
	f->heard = g_string_new(NULL);
	f->results = g_string_new(NULL);
	listen_again(f);
	f->auth = dovecot_auth_new(f->path, "syncml");
}

static void fixture_clear(struct fixture *f)
{
	dovecot_auth_free(&f->auth);
	g_assert_null(f->auth);
	if (f->peer >= 0)
		close(f->peer);
	close(f->listener);
	g_unlink(f->path);
	g_rmdir(f->folder);
	g_string_free(f->heard, TRUE);
	g_string_free(f->results, TRUE);
	g_free(f->path);
	g_free(f->folder);
}

static void ask(struct fixture *f, const char *user)
{
	const struct dovecot_auth_request request = {.user = user, .password = "x"};
	guint before = f->count;

	dovecot_auth_verify(f->auth, &request, on_done, f);
	g_assert_cmpuint(f->count, ==, before);
}

static void turn(void)
{
	if (!g_main_context_iteration(NULL, FALSE))
		g_usleep(1000);
}

static void accept_peer(struct fixture *f)
{
	g_string_truncate(f->heard, 0);
	while ((f->peer = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK)) < 0)
		turn();
}

static void say(struct fixture *f, const char *text)
{
	g_assert_cmpint(send(f->peer, text, strlen(text), MSG_NOSIGNAL), ==, (int)strlen(text));
}

static void expect_heard(struct fixture *f, const char *text)
{
	char buffer[4096];

	while (strstr(f->heard->str, text) == NULL) {
		ssize_t got = recv(f->peer, buffer, sizeof(buffer), 0);

		if (got > 0)
			g_string_append_len(f->heard, buffer, got);
		else
			turn();
	}
}

static void expect(struct fixture *f, guint count, const char *results)
{
	while (f->count < count)
		turn();
	g_assert_cmpstr(f->results->str, ==, results);
}

/* 2.3 says all at once, 2.4 waits for ours. */
static void test_greetings(void)
{
	static const struct {
		const char *first, *then;
	} rows[] = {
		{"VERSION\t1\t2\n" GREETING, ""},
		{"VERSION\t1\t4\n", GREETING},
		{"", "VERSION\t1\t2\n" GREETING},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fixture f;

		fixture_init(&f);
		ask(&f, "alice");
		accept_peer(&f);
		say(&f, rows[i].first);
		expect_heard(&f, "VERSION\t1\t2\nCPID\t");
		if (*rows[i].then != '\0') {
			g_assert_null(strstr(f.heard->str, "AUTH"));
			say(&f, rows[i].then);
		}
		expect_heard(&f, "AUTH\t1\tPLAIN\tservice=syncml\tresp=");
		say(&f, "OK\t1\tuser=alice@example.org\n");
		expect(&f, 1, "ok alice@example.org");
		fixture_clear(&f);
	}
}

/* Failures are held back while successes overtake; an answer to nobody is nobody's. */
static void test_order(void)
{
	struct fixture f;

	fixture_init(&f);
	for (guint i = 0; i < 3; i++)
		ask(&f, "alice");
	accept_peer(&f);
	say(&f, "VERSION\t1\t2\n" GREETING);
	expect_heard(&f, "AUTH\t3\t");
	say(&f, "OK\t9\tuser=x\nOK\t3\tuser=c\nFA");
	say(&f, "IL\t1\tcode=temp_fail\nFAIL\t2\tuser=alice\nOK\t3\tuser=late\n");
	expect(&f, 3, "ok c, temporary, wrong");
	fixture_clear(&f);
}

static void test_lost_connection(void)
{
	struct fixture f;

	fixture_init(&f);
	ask(&f, "alice");
	accept_peer(&f);
	say(&f, "VERSION\t1\t2\n" GREETING);
	expect_heard(&f, "AUTH\t1\t");
	close(f.peer);
	expect(&f, 1, "temporary");
	/* What is asked from now on goes over the next one. */
	ask(&f, "bob");
	accept_peer(&f);
	say(&f, "VERSION\t1\t2\n" GREETING);
	expect_heard(&f, "AUTH\t2\t");
	say(&f, "OK\t2\tuser=bob\n");
	expect(&f, 2, "temporary, ok bob");
	fixture_clear(&f);
}

/* It comes back while somebody waits. */
static void test_away(void)
{
	struct fixture f;

	fixture_init(&f);
	close(f.listener);
	g_unlink(f.path);
	g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*nobody can log in*");
	ask(&f, "alice");
	g_test_assert_expected_messages();
	listen_again(&f);
	accept_peer(&f);
	say(&f, "VERSION\t1\t2\n" GREETING);
	expect_heard(&f, "AUTH\t1\t");
	say(&f, "OK\t1\tuser=alice\n");
	expect(&f, 1, "ok alice");
	fixture_clear(&f);
}

static void test_no_auth_socket(void)
{
	static const struct {
		const char *greeting, *warning;
	} rows[] = {
		{"VERSION\t2\t0\n", "*another version*"},
		{"VERSION\t1\t2\nMECH\tLOGIN\nDONE\n", "*auth_mechanisms*"},
		{"DONE\n", "*no version*"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fixture f;

		fixture_init(&f);
		ask(&f, "alice");
		g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, rows[i].warning);
		accept_peer(&f);
		say(&f, rows[i].greeting);
		close(f.peer);
		accept_peer(&f); /* it tries again */
		g_test_assert_expected_messages();
		g_assert_cmpuint(f.count, ==, 0);
		dovecot_auth_free(&f.auth);
		expect(&f, 1, "temporary");
		fixture_clear(&f);
	}
}

static void test_long_password(void)
{
	g_autofree char *password = g_strnfill(LIMIT_AUTH_LINE, 'x');
	const struct dovecot_auth_request request = {.user = "alice", .password = password};
	struct fixture f;

	fixture_init(&f);
	dovecot_auth_verify(f.auth, &request, on_done, &f);
	g_assert_cmpuint(f.count, ==, 0);
	expect(&f, 1, "wrong");
	fixture_clear(&f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/dovecot-auth/lines", test_lines);
	g_test_add_func("/dovecot-auth/request", test_request);
	g_test_add_func("/dovecot-auth/greetings", test_greetings);
	g_test_add_func("/dovecot-auth/order", test_order);
	g_test_add_func("/dovecot-auth/lost-connection", test_lost_connection);
	g_test_add_func("/dovecot-auth/away", test_away);
	g_test_add_func("/dovecot-auth/no-auth-socket", test_no_auth_socket);
	g_test_add_func("/dovecot-auth/long-password", test_long_password);
	return g_test_run();
}
