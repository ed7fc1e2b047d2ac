#include "lib.h"
#include "ioloop.h"
#include "istream.h"
#include "net.h"
#include "ostream.h"

#include "limits.h"
#include "registrar.h"

#include <unistd.h>

#define PROTOCOL_NAME "fantail"
#define PROTOCOL_MAJOR "1"
#define PROTOCOL_MINOR "0"
/* One request a connection, so one id. */
#define REQUEST_ID "1"

struct registrar {
	int fd;
	struct istream *input;
	struct ostream *output;
	struct io *io;
	struct timeout *to;
	bool greeted;

	registrar_item_callback_t *item;
	registrar_callback_t *done;
	void *context;

	int connect_errno;
	char *socket_path;
};

void registrar_begin(struct tabline_buf *request, const char *verb, const char *user)
{
	/* Two lines: the handshake needs no answer first. */
	tabline_buf_init(request, 2 * LIMIT_LINE);
	tabline_word(request, "VERSION");
	tabline_word(request, PROTOCOL_NAME);
	tabline_word(request, PROTOCOL_MAJOR);
	tabline_word(request, PROTOCOL_MINOR);
	(void)tabline_end(request);
	tabline_word(request, verb);
	tabline_word(request, REQUEST_ID);
	tabline_field(request, "user", user);
}

void registrar_abort(struct registrar **_registrar)
{
	struct registrar *registrar = *_registrar;

	if (registrar == NULL)
		return;
	*_registrar = NULL;
	io_remove(&registrar->io);
	timeout_remove(&registrar->to);
	if (registrar->fd != -1) {
		i_stream_destroy(&registrar->input);
		o_stream_abort(registrar->output);
		o_stream_destroy(&registrar->output);
		i_close_fd(&registrar->fd);
	}
	i_free(registrar->socket_path);
	i_free(registrar);
}

/* Nothing of the registrar is touched after this. */
static void finish(struct registrar *registrar, const struct registrar_answer *answer)
{
	registrar_callback_t *done = registrar->done;
	void *context = registrar->context;

	registrar_abort(&registrar);
	done(answer, context);
}

static void fail(struct registrar *registrar, enum registrar_result result, const char *text)
{
	struct registrar_answer answer = {
		.result = result,
		.text = t_strdup_printf("%s: %s", registrar->socket_path, text),
	};

	finish(registrar, &answer);
}

static bool is_word(const struct tabline_field *field, const char *word)
{
	return field->key == NULL && strcmp(field->value, word) == 0;
}

/* Handles one line. True if the request is over and the registrar gone. */
static bool handle_line(struct registrar *registrar, char *line, size_t len)
{
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	struct registrar_answer answer = {.fields = fields + 2};
	size_t count;

	if (tabline_split(line, len, fields, LIMIT_LINE_FIELDS, &count) != TABLINE_OK) {
		fail(registrar, REGISTRAR_BROKEN, "answered with a line that is none of ours");
		return TRUE;
	}
	answer.count = count < 2 ? 0 : count - 2;
	/* It refuses id 0 if it made nothing of the handshake or of the request. */
	if (count >= 2 && is_word(&fields[0], "NO") &&
	    (is_word(&fields[1], "0") || (registrar->greeted && is_word(&fields[1], REQUEST_ID)))) {
		answer.result = REGISTRAR_NO;
		answer.code = tabline_get(fields, count, "code");
		answer.text = tabline_get(fields, count, "text");
		if (answer.code != NULL) {
			finish(registrar, &answer);
			return TRUE;
		}
	} else if (!registrar->greeted) {
		registrar->greeted = count >= 4 && is_word(&fields[0], "VERSION") &&
				     is_word(&fields[1], PROTOCOL_NAME) &&
				     is_word(&fields[2], PROTOCOL_MAJOR);
		if (registrar->greeted)
			return FALSE;
	} else if (count >= 2 && is_word(&fields[1], REQUEST_ID)) {
		if (is_word(&fields[0], "OK")) {
			answer.result = REGISTRAR_OK;
			finish(registrar, &answer);
			return TRUE;
		}
		if (is_word(&fields[0], "ITEM") && registrar->item != NULL) {
			registrar->item(answer.fields, answer.count, registrar->context);
			return FALSE;
		}
	}
	fail(registrar, REGISTRAR_BROKEN, "answered out of protocol");
	return TRUE;
}

/* Takes the next whole line out of the input. True if the registrar is gone. */
static bool handle_lines(struct registrar *registrar)
{
	const unsigned char *data, *lf;
	bool over = FALSE;
	size_t size;

	while (!over && (data = i_stream_get_data(registrar->input, &size)) != NULL &&
	       (lf = memchr(data, '\n', size)) != NULL) {
		size_t len = lf - data;

		T_BEGIN
		{
			char *line = t_malloc_no0(len + 1);

			memcpy(line, data, len);
			line[len] = '\0';
			i_stream_skip(registrar->input, len + 1);
			over = handle_line(registrar, line, len);
		}
		T_END;
	}
	return over;
}

/* Reads what is here. True if the registrar is gone. */
static bool registrar_read(struct registrar *registrar)
{
	ssize_t ret;

	do {
		ret = i_stream_read(registrar->input);
		if (handle_lines(registrar))
			return TRUE;
		if (registrar->input->v_offset > LIMIT_REGISTRAR_ANSWER) {
			fail(registrar, REGISTRAR_BROKEN, "answers without end");
			return TRUE;
		}
	} while (ret > 0);
	if (ret == 0)
		return FALSE;
	if (ret == -2)
		fail(registrar, REGISTRAR_BROKEN, "answered with too long a line");
	else
		fail(registrar, REGISTRAR_AWAY, "closed the connection without an answer");
	return TRUE;
}

static void registrar_input(struct registrar *registrar)
{
	(void)registrar_read(registrar);
}

static void registrar_timeout(struct registrar *registrar)
{
	/* After a pause of the process the ioloop runs timeouts first, and the answer
	 * may have come in time. */
	if (registrar_read(registrar))
		return;
	fail(registrar, REGISTRAR_TIMEOUT,
	     t_strdup_printf("no answer in %u ms", LIMIT_REGISTRAR_MSECS));
}

static void registrar_not_connected(struct registrar *registrar)
{
	errno = registrar->connect_errno;
	fail(registrar, REGISTRAR_AWAY, t_strdup_printf("cannot connect: %m"));
}

struct registrar *registrar_start(const char *socket_path, struct tabline_buf *request,
				  registrar_item_callback_t *item, registrar_callback_t *done,
				  void *context)
{
	struct registrar *registrar = i_new(struct registrar, 1);

	registrar->socket_path = i_strdup(socket_path);
	registrar->item = item;
	registrar->done = done;
	registrar->context = context;
	/* Does not wait: a full backlog is EAGAIN, which is as good as away. */
	registrar->fd = net_connect_unix(socket_path);
	if (registrar->fd == -1) {
		registrar->connect_errno = errno;
		registrar->to = timeout_add_short(0, registrar_not_connected, registrar);
	} else {
		registrar->input = i_stream_create_fd(registrar->fd, LIMIT_LINE);
		registrar->output = o_stream_create_fd(registrar->fd, SIZE_MAX);
		/* A bridge that does not read also does not answer: the reader sees it. */
		o_stream_set_no_error_handling(registrar->output, TRUE);
		registrar->io = io_add_istream(registrar->input, registrar_input, registrar);
		registrar->to =
			timeout_add_short(LIMIT_REGISTRAR_MSECS, registrar_timeout, registrar);
		o_stream_nsend(registrar->output, request->data, request->len);
	}
	tabline_buf_free(request);
	return registrar;
}

struct registrar_waiter {
	struct ioloop *ioloop;
	registrar_item_callback_t *item;
	registrar_callback_t *done;
	void *context;
};

static void waiter_item(const struct tabline_field *fields, size_t count, void *context)
{
	struct registrar_waiter *waiter = context;

	waiter->item(fields, count, waiter->context);
}

static void waiter_done(const struct registrar_answer *answer, void *context)
{
	struct registrar_waiter *waiter = context;

	waiter->done(answer, waiter->context);
	io_loop_stop(waiter->ioloop);
}

void registrar_wait(const char *socket_path, struct tabline_buf *request,
		    registrar_item_callback_t *item, registrar_callback_t *done, void *context)
{
	struct registrar_waiter waiter = {
		.ioloop = io_loop_create(),
		.item = item,
		.done = done,
		.context = context,
	};

	(void)registrar_start(socket_path, request, item == NULL ? NULL : waiter_item, waiter_done,
			      &waiter);
	io_loop_run(waiter.ioloop);
	io_loop_destroy(&waiter.ioloop);
}
