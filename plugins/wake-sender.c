#include "wake-sender.h"
#include "limits.h"
#include "monotonic.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GREETING "VERSION\tfantail-hub\t1\t0\n"
/* What the hub's greeting has to begin with: another major is another language. */
#define GREETING_START "VERSION\tfantail-hub\t1\t"
/* One attempt to connect in this time: a hub that is away, or that closes the door on
 * us, costs no more than that. */
#define PAUSE_US 1000000
/* A hub that has made no socket for this long is not being restarted. */
#define ABSENT_US (5 * 60 * 1000000ULL)

static struct {
	int fd; /* -1: none */
	pid_t pid;
	struct sockaddr_un address;
	uint64_t tried_us;  /* when it was last connected to, or in vain; 0 = never */
	bool greeted;       /* the hub's VERSION has come */
	int error;          /* errno of the last connect(); 0 = it succeeded */
	uint64_t absent_us; /* since when there is no socket; 0 = there is one */
} hub = {.fd = -1};

static void disconnect(void)
{
	if (hub.fd != -1)
		close(hub.fd);
	hub.fd = -1;
}

/* Leaves the former hub, or our parent's connection: two processes that write to one
 * socket would be one peer, and the parent may close it. */
static void turn_to(const char *path)
{
	if (hub.pid == getpid() && strcmp(hub.address.sun_path, path) == 0)
		return;
	disconnect();
	hub.pid = getpid();
	hub.tried_us = 0;
	hub.error = 0;
	hub.absent_us = 0;
	hub.address.sun_family = AF_UNIX;
	strcpy(hub.address.sun_path, path);
}

static ssize_t send_packet(const char *data, size_t len)
{
	ssize_t sent;

	do {
		sent = send(hub.fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent == -1 && errno == EINTR);
	return sent;
}

static void note_connect(int error, uint64_t now_us)
{
	hub.error = error;
	if (error != ENOENT)
		hub.absent_us = 0;
	else if (hub.absent_us == 0)
		hub.absent_us = now_us;
}

static bool connect_hub(void)
{
	uint64_t now_us = monotonic_us();

	if (hub.tried_us != 0 && now_us - hub.tried_us < PAUSE_US)
		return false;
	hub.tried_us = now_us;
	hub.greeted = false;
	hub.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (hub.fd == -1)
		return false;
	if (connect(hub.fd, (const struct sockaddr *)&hub.address, sizeof(hub.address)) == 0)
		note_connect(0, now_us);
	else
		note_connect(errno, now_us);
	if (hub.error == 0 && send_packet(GREETING, strlen(GREETING)) != -1)
		return true;
	disconnect();
	return false;
}

/* Takes the greeting out of the socket once it has come; it is all that a hub says to
 * us. False: this is no hub of our language. */
static bool look_at_greeting(void)
{
	char packet[64];
	ssize_t got;

	if (hub.greeted)
		return true;
	do {
		got = recv(hub.fd, packet, sizeof(packet), MSG_DONTWAIT);
	} while (got == -1 && errno == EINTR);
	if (got == -1 && errno == EAGAIN)
		return true;
	if (got <= 0)
		return true; /* closed: send() finds out, and connects again */
	hub.greeted = true;
	return (size_t)got >= strlen(GREETING_START) &&
	       memcmp(packet, GREETING_START, strlen(GREETING_START)) == 0;
}

static bool send_line(const char *line, size_t len)
{
	if (hub.fd != -1 && !look_at_greeting())
		disconnect();
	if (hub.fd != -1) {
		if (send_packet(line, len) != -1)
			return true;
		if (errno == EAGAIN || errno == EMSGSIZE || errno == ENOBUFS)
			return false;
		/* The hub was restarted: the new one may be there already. */
		disconnect();
	}
	return connect_hub() && send_packet(line, len) != -1;
}

bool wake_send(const char *hub_path, const struct wake *wake)
{
	struct tabline_buf line;
	bool sent = false;

	if (strlen(hub_path) >= sizeof(hub.address.sun_path))
		return false;
	turn_to(hub_path);
	tabline_buf_init(&line, LIMIT_LINE);
	if (wake_encode(&line, wake))
		sent = send_line(line.data, line.len);
	tabline_buf_free(&line);
	return sent;
}

int wake_sender_error(void)
{
	switch (hub.error) {
	case ECONNREFUSED:
	case EAGAIN:
		return 0;
	case ENOENT:
		return hub.tried_us - hub.absent_us >= ABSENT_US ? ENOENT : 0;
	default:
		return hub.error;
	}
}

void wake_sender_close(void)
{
	disconnect();
}
