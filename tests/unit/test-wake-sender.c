#include "wake-sender.h"
#include "limits.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The clock of the code under test. */
static guint64 now_us = 5000000;

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	(void)clock;
	ts->tv_sec = (time_t)(now_us / 1000000);
	ts->tv_nsec = (long)(now_us % 1000000) * 1000;
	return 0;
}

#define SECOND 1000000

static const struct wake mail = {
	.kinds = WAKE_KIND_BIT(WAKE_MESSAGE_NEW),
	.user = "alice",
	.owner = "alice",
	.mailbox = "INBOX",
};
#define GREETING "VERSION\tfantail-hub\t1\t0\n"
#define MAIL_LINE "WAKE\tkinds=MessageNew\tuser=alice\towner=alice\tmailbox=INBOX\n"

/* A hub that listens in a folder of its own. */
struct hub {
	char *folder, *path;
	int listener;
};

static void hub_listen(struct hub *hub)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	g_strlcpy(address.sun_path, hub->path, sizeof(address.sun_path));
	g_unlink(hub->path);
	hub->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	g_assert_cmpint(bind(hub->listener, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	g_assert_cmpint(listen(hub->listener, 5), ==, 0);
}

static void setup(struct hub *hub, gconstpointer data)
{
	hub->folder = g_dir_make_tmp("wake-XXXXXX", NULL);
	hub->path = g_build_filename(hub->folder, "hub.sock", NULL);
	hub->listener = -1;
	now_us += 100 * SECOND;
}

static void teardown(struct hub *hub, gconstpointer data)
{
	wake_sender_close();
	if (hub->listener != -1)
		close(hub->listener);
	g_unlink(hub->path);
	g_rmdir(hub->folder);
	g_free(hub->path);
	g_free(hub->folder);
}

static int hub_accept(struct hub *hub)
{
	return accept4(hub->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void expect(int fd, const char *line)
{
	char packet[LIMIT_LINE + 1];
	ssize_t got = recv(fd, packet, sizeof(packet) - 1, MSG_DONTWAIT);

	g_assert_cmpint(got, >, 0);
	packet[got] = '\0';
	g_assert_cmpstr(packet, ==, line);
}

static void expect_nothing(int fd)
{
	char byte;

	g_assert_cmpint(recv(fd, &byte, 1, MSG_DONTWAIT), ==, -1);
	g_assert_cmpint(errno, ==, EAGAIN);
}

static void test_packets(struct hub *hub, gconstpointer data)
{
	hub_listen(hub);
	g_assert_true(wake_send(hub->path, &mail));
	g_assert_true(wake_send(hub->path, &mail));

	int peer = hub_accept(hub);
	expect(peer, GREETING);
	expect(peer, MAIL_LINE);
	expect(peer, MAIL_LINE);
	expect_nothing(peer);
	g_assert_cmpint(hub_accept(hub), ==, -1); /* one connection */
	g_assert_cmpint(send(peer, GREETING, strlen(GREETING), 0), >, 0);
	g_assert_true(wake_send(hub->path, &mail));
	expect(peer, MAIL_LINE);
	close(peer);
}

static void test_away(struct hub *hub, gconstpointer data)
{
	g_assert_false(wake_send(hub->path, &mail));
	hub_listen(hub);
	now_us += SECOND - 1;
	g_assert_false(wake_send(hub->path, &mail)); /* not tried again within the second */
	now_us += 1;
	g_assert_true(wake_send(hub->path, &mail));

	int peer = hub_accept(hub);
	expect(peer, GREETING);
	expect(peer, MAIL_LINE);
	close(peer);
}

/* The wake-up that finds the connection dead goes to the new hub. */
static void test_restart(struct hub *hub, gconstpointer data)
{
	hub_listen(hub);
	g_assert_true(wake_send(hub->path, &mail));
	close(hub_accept(hub));
	close(hub->listener);
	hub_listen(hub);
	now_us += SECOND;
	g_assert_true(wake_send(hub->path, &mail));

	int peer = hub_accept(hub);
	expect(peer, GREETING);
	expect(peer, MAIL_LINE);
	close(peer);
}

/* A hub that closes each connection is knocked at once a second, and does not kill us
 * with SIGPIPE. */
static void test_closes(struct hub *hub, gconstpointer data)
{
	hub_listen(hub);
	g_assert_true(wake_send(hub->path, &mail));
	close(hub_accept(hub));
	for (guint i = 0; i < 5; i++)
		g_assert_false(wake_send(hub->path, &mail));
	g_assert_cmpint(hub_accept(hub), ==, -1);
}

static void test_full(struct hub *hub, gconstpointer data)
{
	guint sent = 0;

	hub_listen(hub);
	for (; wake_send(hub->path, &mail); sent++)
		g_assert_cmpuint(sent, <, 100000);
	g_assert_cmpuint(sent, >, 10);

	int peer = hub_accept(hub);
	expect(peer, GREETING);
	for (guint i = 0; i < sent; i++)
		expect(peer, MAIL_LINE);
	expect_nothing(peer);
	/* Still the same connection. */
	g_assert_true(wake_send(hub->path, &mail));
	expect(peer, MAIL_LINE);
	close(peer);
}

static const struct version_row {
	const char *name;
	const char *greeting;
	gboolean ok;
} version_rows[] = {
	{"ours", GREETING, TRUE},
	{"a later minor", "VERSION\tfantail-hub\t1\t7\n", TRUE},
	{"another major", "VERSION\tfantail-hub\t2\t0\n", FALSE},
	{"a major that begins alike", "VERSION\tfantail-hub\t11\t0\n", FALSE},
	{"another protocol", "VERSION\tfantail\t1\t0\n", FALSE},
	{"no greeting", "LOST\n", FALSE},
};

static void test_version(struct hub *hub, gconstpointer data)
{
	const struct version_row *row = data;

	hub_listen(hub);
	g_assert_true(wake_send(hub->path, &mail));
	int peer = hub_accept(hub);
	g_assert_cmpint(send(peer, row->greeting, strlen(row->greeting), 0), >, 0);
	g_assert_cmpint(wake_send(hub->path, &mail), ==, row->ok);
	expect(peer, GREETING);
	expect(peer, MAIL_LINE);
	if (row->ok)
		expect(peer, MAIL_LINE);
	else
		g_assert_cmpint(recv(peer, &(char){0}, 1, MSG_DONTWAIT), ==, 0);
	close(peer);
}

/* One who has another hub is not kept waiting by the first one's absence. */
static void test_other_path(struct hub *hub, gconstpointer data)
{
	g_autofree char *elsewhere = g_strconcat(hub->path, "2", NULL);

	hub_listen(hub);
	g_assert_false(wake_send(elsewhere, &mail));
	g_assert_true(wake_send(hub->path, &mail));
	int peer = hub_accept(hub);
	expect(peer, GREETING);
	expect(peer, MAIL_LINE);
	g_assert_false(wake_send(elsewhere, &mail));
	g_assert_cmpint(recv(peer, &(char){0}, 1, MSG_DONTWAIT), ==, 0);
	close(peer);
}

static void test_error(struct hub *hub, gconstpointer data)
{
	g_autofree char *inside = g_build_filename(hub->path, "inside", NULL);

	/* Nothing is there: for a while that is a restart. */
	for (guint minute = 0; minute < 5; minute++) {
		g_assert_false(wake_send(hub->path, &mail));
		g_assert_cmpint(wake_sender_error(), ==, 0);
		now_us += 60 * (guint64)SECOND;
	}
	g_assert_false(wake_send(hub->path, &mail));
	g_assert_cmpint(wake_sender_error(), ==, ENOENT);
	hub_listen(hub);
	now_us += SECOND;
	g_assert_true(wake_send(hub->path, &mail));
	g_assert_cmpint(wake_sender_error(), ==, 0);
	/* Nobody listens any more. */
	close(hub->listener);
	hub->listener = -1;
	now_us += SECOND;
	g_assert_false(wake_send(hub->path, &mail));
	g_assert_cmpint(wake_sender_error(), ==, 0);
	/* A path through what is no folder. */
	g_assert_false(wake_send(inside, &mail));
	g_assert_cmpint(wake_sender_error(), ==, ENOTDIR);
}

static void test_fork(struct hub *hub, gconstpointer data)
{
	int status;
	pid_t pid;

	hub_listen(hub);
	g_assert_true(wake_send(hub->path, &mail));
	pid = fork();
	if (pid == 0)
		_exit(wake_send(hub->path, &mail) ? 0 : 1);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);

	int parent = hub_accept(hub), child = hub_accept(hub);
	expect(parent, GREETING);
	expect(parent, MAIL_LINE);
	expect_nothing(parent); /* neither the child's nor an end */
	expect(child, GREETING);
	expect(child, MAIL_LINE);
	g_assert_true(wake_send(hub->path, &mail));
	expect(parent, MAIL_LINE);
	close(parent);
	close(child);
}

/* Whatever a delivery agent executes does not get it. */
static void test_close_on_exec(struct hub *hub, gconstpointer data)
{
	g_autoptr(GDir) before = NULL;
	const char *name;
	guint found = 0;

	hub_listen(hub);
	g_assert_true(wake_send(hub->path, &mail));
	before = g_dir_open("/proc/self/fd", 0, NULL);
	while ((name = g_dir_read_name(before)) != NULL) {
		int fd = atoi(name), type = 0;
		socklen_t len = sizeof(type);

		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || type != SOCK_SEQPACKET)
			continue;
		found++;
		g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, !=, 0);
		g_assert_cmpint(fcntl(fd, F_GETFL) & O_NONBLOCK, !=, 0);
	}
	g_assert_cmpuint(found, ==, 2); /* listener and ours */
}

static void test_not_sendable(struct hub *hub, gconstpointer data)
{
	g_autofree char *path = g_strnfill(sizeof(((struct sockaddr_un *)NULL)->sun_path), '/');
	struct wake wake = mail;

	g_assert_false(wake_send(path, &mail));
	hub_listen(hub);
	wake.user = "";
	g_assert_false(wake_send(hub->path, &wake));
	g_assert_cmpint(hub_accept(hub), ==, -1);
}

static void add(const char *name, gconstpointer data, void (*test)(struct hub *, gconstpointer))
{
	g_autofree char *path = g_strconcat("/wake-sender/", name, NULL);

	g_test_add(path, struct hub, data, setup, test, teardown);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	add("packets", NULL, test_packets);
	add("away", NULL, test_away);
	add("restart", NULL, test_restart);
	add("closes", NULL, test_closes);
	add("full", NULL, test_full);
	for (gsize i = 0; i < G_N_ELEMENTS(version_rows); i++) {
		g_autofree char *name = g_strconcat("version/", version_rows[i].name, NULL);

		add(name, &version_rows[i], test_version);
	}
	add("other-path", NULL, test_other_path);
	add("error", NULL, test_error);
	add("fork", NULL, test_fork);
	add("close-on-exec", NULL, test_close_on_exec);
	add("not-sendable", NULL, test_not_sendable);
	return g_test_run();
}
