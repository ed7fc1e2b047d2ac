#include "bridge-client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define GREETING "VERSION\tfantail\t1\t0\n"
#define MAJOR "1"

/* One line of an answer: a verb, an id and a few words, or a filter, each octet escaped. */
#define ANSWER_BYTES (2 * LIMIT_FILTER_CRITERIA + 4096)
/* Pause before knocking again at a full backlog; there is no event for "room". */
#define BACKLOG_PAUSE_US 1000
/* Pieces of a request: greeting, request line, its further lines, and room. */
#define REQUEST_PIECES 8

struct bridge_client {
	struct sockaddr_un address;
	bool address_ok;
	int fd;
	bool greeted; /* the server's VERSION has come */
	uint64_t last_id;
	uint64_t left_us;
	uint64_t deadline_us; /* of the exchange under way */
	bridge_client_item *item;
	void *item_context;
	char input[ANSWER_BYTES + 1];
	size_t input_len;
	char line[ANSWER_BYTES + 1]; /* what the answer borrows from */
	char error[256];
};

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static enum bridge_result fail(struct bridge_client *client, enum bridge_result result,
			       const char *format, ...) __attribute__((format(printf, 3, 4)));

static enum bridge_result fail(struct bridge_client *client, enum bridge_result result,
			       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(client->error, sizeof(client->error), format, args);
	va_end(args);
	return result;
}

struct bridge_client *bridge_client_new(const char *socket_path, unsigned msecs)
{
	struct bridge_client *client = calloc(1, sizeof(*client));
	size_t len = strlen(socket_path);

	if (client == NULL)
		return NULL;
	client->fd = -1;
	client->left_us = (uint64_t)msecs * 1000;
	client->address.sun_family = AF_UNIX;
	if (len < sizeof(client->address.sun_path)) {
		memcpy(client->address.sun_path, socket_path, len + 1);
		client->address_ok = true;
	}
	return client;
}

static void disconnect(struct bridge_client *client)
{
	if (client->fd != -1)
		close(client->fd);
	client->fd = -1;
	client->greeted = false;
	client->input_len = 0;
}

void bridge_client_free(struct bridge_client **_client)
{
	struct bridge_client *client = *_client;

	*_client = NULL;
	if (client == NULL)
		return;
	disconnect(client);
	free(client);
}

uint64_t bridge_client_next_id(struct bridge_client *client)
{
	return ++client->last_id;
}

const char *bridge_client_error(const struct bridge_client *client)
{
	return client->error;
}

uint64_t bridge_client_time_left(const struct bridge_client *client)
{
	return client->left_us;
}

void bridge_client_spend(struct bridge_client *client, uint64_t usecs)
{
	client->left_us -= usecs < client->left_us ? usecs : client->left_us;
}

void bridge_client_set_item(struct bridge_client *client, bridge_client_item *item, void *context)
{
	client->item = item;
	client->item_context = context;
}

static enum bridge_result timed_out(struct bridge_client *client, const char *doing)
{
	return fail(client, BRIDGE_TIMEOUT, "%s: no answer in time", doing);
}

static enum bridge_result connect_bridge(struct bridge_client *client)
{
	if (!client->address_ok)
		return fail(client, BRIDGE_BROKEN, "connect: the socket's path is too long");
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd == -1)
		return fail(client, BRIDGE_BROKEN, "socket: %s", strerror(errno));
	while (connect(client->fd, (const struct sockaddr *)&client->address,
		       sizeof(client->address)) != 0) {
		uint64_t now;

		switch (errno) {
		case EINTR:
			continue;
		case ENOENT:
		case ECONNREFUSED:
			return fail(client, BRIDGE_ABSENT, "connect: %s", strerror(errno));
		case EAGAIN:
			/* The backlog is full: a burst, or a bridge that hangs. */
			now = now_us();
			if (now >= client->deadline_us)
				return timed_out(client, "connect");
			struct timespec pause = {.tv_nsec = BACKLOG_PAUSE_US * 1000};
			if (client->deadline_us - now < BACKLOG_PAUSE_US)
				pause.tv_nsec = (long)(client->deadline_us - now) * 1000;
			nanosleep(&pause, NULL);
			continue;
		default:
			return fail(client, BRIDGE_BROKEN, "connect: %s", strerror(errno));
		}
	}
	return BRIDGE_OK;
}

/* Takes `done` bytes off the front of what is to be sent. */
static void advance(struct iovec **pieces, size_t *count, size_t done)
{
	while (*count > 0 && done >= (*pieces)->iov_len) {
		done -= (*pieces)->iov_len;
		(*pieces)++;
		(*count)--;
	}
	if (*count > 0) {
		(*pieces)->iov_base = (char *)(*pieces)->iov_base + done;
		(*pieces)->iov_len -= done;
	}
}

/* True if there is more to send and the server might still read it. */
static bool send_some(struct bridge_client *client, struct iovec **pieces, size_t *count)
{
	while (*count > 0) {
		struct msghdr message = {.msg_iov = *pieces, .msg_iovlen = *count};
		ssize_t sent = sendmsg(client->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent >= 0) {
			advance(pieces, count, (size_t)sent);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == ENOBUFS)
			return true;
		/* Closed: what it said before (NO ...) explains more than EPIPE. */
		*count = 0;
	}
	return false;
}

/* Reads what is there, if anything. */
static enum bridge_result receive_some(struct bridge_client *client)
{
	ssize_t got;

	if (client->input_len == ANSWER_BYTES)
		return fail(client, BRIDGE_BROKEN, "the answer is longer than any of ours");
	do {
		got = recv(client->fd, client->input + client->input_len,
			   ANSWER_BYTES - client->input_len, MSG_DONTWAIT);
	} while (got == -1 && errno == EINTR);
	if (got == 0)
		return fail(client, BRIDGE_BROKEN, "closed without an answer");
	if (got == -1) {
		if (errno == EAGAIN)
			return BRIDGE_OK;
		return fail(client, BRIDGE_BROKEN, "read: %s", strerror(errno));
	}
	client->input_len += (size_t)got;
	return BRIDGE_OK;
}

/* Moves the first whole line of the input to client->line. */
static bool next_line(struct bridge_client *client, size_t *len_r)
{
	char *lf = memchr(client->input, '\n', client->input_len);

	if (lf == NULL)
		return false;
	*len_r = (size_t)(lf - client->input);
	memcpy(client->line, client->input, *len_r);
	client->input_len -= *len_r + 1;
	memmove(client->input, lf + 1, client->input_len);
	return true;
}

static bool is_word(const struct tabline_field *field, const char *word)
{
	return field->key == NULL && strcmp(field->value, word) == 0;
}

static enum bridge_result refused(struct bridge_client *client, struct bridge_answer *answer)
{
	answer->code = tabline_get(answer->fields, answer->count, "code");
	answer->text = tabline_get(answer->fields, answer->count, "text");
	if (answer->code == NULL)
		return fail(client, BRIDGE_BROKEN, "a NO without a code");
	return fail(client, BRIDGE_NO, "%s%s%s", answer->code, answer->text != NULL ? ": " : "",
		    answer->text != NULL ? answer->text : "");
}

/* Judges client->line. *done_r: it was the greeting refused or the final line
 * for `id`, and the result stands. */
static enum bridge_result judge_line(struct bridge_client *client, size_t len, uint64_t id,
				     struct bridge_answer *answer, bool *done_r)
{
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	uint64_t line_id;
	size_t count;

	*done_r = true;
	if (tabline_split(client->line, len, fields, LIMIT_LINE_FIELDS, &count) != TABLINE_OK)
		return fail(client, BRIDGE_BROKEN, "not a line of our protocol");
	if (!client->greeted && count >= 4 && is_word(&fields[0], "VERSION")) {
		if (!is_word(&fields[1], "fantail") || !is_word(&fields[2], MAJOR))
			return fail(client, BRIDGE_BROKEN, "speaks another protocol or version");
		client->greeted = true;
		*done_r = false;
		return BRIDGE_OK;
	}
	if (count < 2 || fields[1].key != NULL || !tabline_parse_u64(fields[1].value, &line_id))
		return fail(client, BRIDGE_BROKEN, "not a line of our protocol");

	answer->count = count - 2;
	memcpy(answer->fields, fields + 2, answer->count * sizeof(fields[0]));
	if (!client->greeted) {
		if (is_word(&fields[0], "NO") && line_id == 0)
			return refused(client, answer);
		return fail(client, BRIDGE_BROKEN, "answers without a greeting");
	}
	if (line_id == id && is_word(&fields[0], "OK"))
		return BRIDGE_OK;
	if (line_id == id && is_word(&fields[0], "NO"))
		return refused(client, answer);
	*done_r = false;
	if (line_id == id && is_word(&fields[0], "ITEM") && client->item != NULL)
		client->item(fields + 2, count - 2, client->item_context);
	if (is_word(&fields[0], "ITEM") || is_word(&fields[0], "OK") || is_word(&fields[0], "NO"))
		return BRIDGE_OK;
	*done_r = true;
	return fail(client, BRIDGE_BROKEN, "not a line of our protocol");
}

static enum bridge_result converse(struct bridge_client *client, uint64_t id, struct iovec *pieces,
				   size_t count, struct bridge_answer *answer)
{
	bool sending = send_some(client, &pieces, &count);

	for (;;) {
		struct pollfd pollfd = {
			.fd = client->fd,
			.events = (short)(sending ? POLLIN | POLLOUT : POLLIN),
		};
		enum bridge_result result;
		uint64_t now;
		bool done;
		size_t len;

		while (next_line(client, &len)) {
			result = judge_line(client, len, id, answer, &done);
			if (done)
				return result;
		}
		now = now_us();
		if (now >= client->deadline_us)
			return timed_out(client, sending ? "write" : "read");
		/* Rounded up: rounded down it would spin through the last one. */
		int msecs = (int)((client->deadline_us - now + 999) / 1000);
		if (poll(&pollfd, 1, msecs) == -1 && errno != EINTR)
			return fail(client, BRIDGE_BROKEN, "poll: %s", strerror(errno));
		if (pollfd.revents == 0)
			continue;
		result = receive_some(client);
		if (result != BRIDGE_OK)
			return result;
		if (sending)
			sending = send_some(client, &pieces, &count);
	}
}

static bool ends_connection(enum bridge_result result, const struct bridge_answer *answer)
{
	if (result == BRIDGE_NO)
		return strcmp(answer->code, "bad") == 0 || strcmp(answer->code, "version") == 0;
	return result != BRIDGE_OK;
}

enum bridge_result bridge_client_exchange(struct bridge_client *client, uint64_t id,
					  const struct iovec *request, size_t request_count,
					  struct bridge_answer *answer_r)
{
	struct iovec pieces[REQUEST_PIECES];
	struct bridge_answer answer = {.code = NULL};
	enum bridge_result result = BRIDGE_OK;
	uint64_t start = now_us(), spent;
	size_t count = 0;

	if (request_count >= REQUEST_PIECES)
		return fail(client, BRIDGE_BROKEN, "a request of too many pieces");
	client->error[0] = '\0';
	client->deadline_us = start + client->left_us;
	if (client->fd == -1) {
		result = connect_bridge(client);
		pieces[count++] = (struct iovec){.iov_base = GREETING, .iov_len = strlen(GREETING)};
	}
	memcpy(pieces + count, request, request_count * sizeof(*request));
	if (result == BRIDGE_OK)
		result = converse(client, id, pieces, count + request_count, &answer);
	if (ends_connection(result, &answer))
		disconnect(client);

	spent = now_us() - start;
	bridge_client_spend(client, spent);
	if (result == BRIDGE_OK || result == BRIDGE_NO)
		*answer_r = answer;
	return result;
}
