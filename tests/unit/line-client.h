/*
 * The other end of a line server, for tests that run it in their own main loop:
 * nothing here blocks, the loop turns while one waits.
 */
#ifndef FANTAIL_LINE_CLIENT_H
#define FANTAIL_LINE_CLIENT_H

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "spin.h"

#define HELLO "VERSION\tfantail\t1\t0\n"

G_GNUC_UNUSED static int dial(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	return fd;
}

/* Writes all, running the server whenever the socket is full; FALSE if it closed. */
G_GNUC_UNUSED static gboolean say_n(int fd, const char *text, gsize len)
{
	while (len > 0) {
		ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN) {
			g_main_context_iteration(NULL, TRUE);
			continue;
		}
		if (sent < 0)
			return FALSE;
		text += sent;
		len -= (gsize)sent;
	}
	return TRUE;
}

G_GNUC_UNUSED static void say(int fd, const char *text)
{
	g_assert_true(say_n(fd, text, strlen(text)));
}

/* Reads until `until` is a part of what came, or the server closed (*closed_r). */
G_GNUC_UNUSED static char *hear(int fd, const char *until, gboolean *closed_r)
{
	GString *text = g_string_new(NULL);
	gint64 deadline = g_get_monotonic_time() + PATIENCE_US;
	char buffer[65536];

	*closed_r = FALSE;
	while (until == NULL || strstr(text->str, until) == NULL) {
		ssize_t got = recv(fd, buffer, sizeof(buffer), 0);

		if (got > 0) {
			g_string_append_len(text, buffer, got);
		} else if (got == 0 || errno != EAGAIN) {
			*closed_r = TRUE;
			break;
		} else {
			g_assert_cmpint(g_get_monotonic_time(), <, deadline);
			spin(1);
		}
	}
	return g_string_free(text, FALSE);
}

G_GNUC_UNUSED static void expect(int fd, const char *expected)
{
	gboolean closed;
	g_autofree char *text = hear(fd, expected, &closed);

	g_assert_cmpstr(text, ==, expected);
	g_assert_false(closed);
}

G_GNUC_UNUSED static void expect_closed(int fd, const char *expected)
{
	gboolean closed;
	g_autofree char *text = hear(fd, NULL, &closed);

	g_assert_cmpstr(text, ==, expected);
	g_assert_true(closed);
}

#endif
