#include "dovecot-auth.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib-unix.h>

#include "dovecot-auth-line.h"
#include "limits.h"
#include "tabline.h"

/* From one attempt to connect to the next (ms): at once after a reload, and then in less and
 * less of a hurry. */
#define BACKOFF_MIN 100
#define BACKOFF_MAX 5000

struct request {
	struct dovecot_auth *auth;
	guint32 id;
	dovecot_auth_done *done;
	gpointer data;
	char *line; /* to be sent, else NULL */
	gsize len;
	gboolean sent;
	guint deadline; /* source */
};

struct dovecot_auth {
	char *path, *service;
	int fd;                         /* -1 = not connected */
	guint in, out, retry;           /* sources; 0 = none */
	gboolean version, plain, ready; /* what of its greeting has come */
	gboolean away;                  /* has been said */
	guint backoff;
	guint32 last_id;
	GHashTable *requests; /* id -> struct request * */
	GQueue unsent;        /* struct request *, of these */
	GString *input, *output;
};

static void connect_to(struct dovecot_auth *auth);

/* --- requests --------------------------------------------------------------------------- */

static void wipe(struct request *request)
{
	if (request->line == NULL)
		return;
	explicit_bzero(request->line, request->len);
	g_clear_pointer(&request->line, g_free);
	g_queue_remove(&request->auth->unsent, request);
}

static void finish(struct request *request, enum dovecot_auth_result result, const char *user)
{
	dovecot_auth_done *done = request->done;
	gpointer data = request->data;

	wipe(request);
	if (request->deadline != 0)
		g_source_remove(request->deadline);
	g_hash_table_remove(request->auth->requests, GUINT_TO_POINTER(request->id));
	g_free(request);
	done(result, user, data);
}

static gboolean on_deadline(gpointer data)
{
	struct request *request = data;

	request->deadline = 0;
	finish(request, DOVECOT_AUTH_TEMPORARY, NULL);
	return G_SOURCE_REMOVE;
}

/* What was sent and has no answer gets none any more. */
static void fail_sent(struct dovecot_auth *auth)
{
	g_autoptr(GPtrArray) sent = g_ptr_array_new();
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, auth->requests);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct request *request = value;

		if (request->sent)
			g_ptr_array_add(sent, value);
	}
	for (guint i = 0; i < sent->len; i++)
		finish(sent->pdata[i], DOVECOT_AUTH_TEMPORARY, NULL);
}

/* --- connection --------------------------------------------------------------------------- */

static gboolean on_retry(gpointer data)
{
	struct dovecot_auth *auth = data;

	auth->retry = 0;
	if (!g_queue_is_empty(&auth->unsent))
		connect_to(auth);
	return G_SOURCE_REMOVE;
}

static void close_connection(struct dovecot_auth *auth)
{
	if (auth->in != 0)
		g_source_remove(auth->in);
	if (auth->out != 0)
		g_source_remove(auth->out);
	auth->in = auth->out = 0;
	if (auth->fd >= 0)
		close(auth->fd);
	auth->fd = -1;
	auth->version = auth->plain = auth->ready = FALSE;
	g_string_truncate(auth->input, 0);
	explicit_bzero(auth->output->str, auth->output->len);
	g_string_truncate(auth->output, 0);
}

/* Gone, or never there. Who waits to be sent goes on waiting, up to the deadline. */
static void lost(struct dovecot_auth *auth, const char *why)
{
	gboolean was_ready = auth->ready;

	if (!was_ready && !auth->away) {
		g_warning("Dovecot's auth socket %s: %s; nobody can log in meanwhile, trying again",
			  auth->path, why);
		auth->away = TRUE;
	}
	close_connection(auth);
	auth->backoff = was_ready ? BACKOFF_MIN : MIN(auth->backoff * 2, BACKOFF_MAX);
	if (auth->retry == 0)
		auth->retry = g_timeout_add(auth->backoff, on_retry, auth);
	fail_sent(auth);
}

static gboolean on_writable(int fd, GIOCondition condition, gpointer data);

static void flush(struct dovecot_auth *auth)
{
	GString *output = auth->output;
	ssize_t sent;

	while (output->len > 0) {
		sent = send(auth->fd, output->str, output->len, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			break; /* if it is gone, reading says so */
		memmove(output->str, output->str + sent, output->len - (gsize)sent);
		explicit_bzero(output->str + output->len - (gsize)sent, (gsize)sent);
		g_string_truncate(output, output->len - (gsize)sent);
	}
	if (output->len > 0 && auth->out == 0)
		auth->out = g_unix_fd_add(auth->fd, G_IO_OUT, on_writable, auth);
}

static gboolean on_writable(int fd, GIOCondition condition, gpointer data)
{
	struct dovecot_auth *auth = data;

	auth->out = 0;
	flush(auth);
	return G_SOURCE_REMOVE;
}

static void send_waiting(struct dovecot_auth *auth)
{
	struct request *request;

	while ((request = g_queue_peek_head(&auth->unsent)) != NULL) {
		g_string_append_len(auth->output, request->line, (gssize)request->len);
		request->sent = TRUE;
		wipe(request);
	}
	flush(auth);
}

static gboolean on_greeting_done(struct dovecot_auth *auth, GError **error)
{
	if (!auth->version || !auth->plain) {
		g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
				    auth->version ? "it does not offer the mechanism PLAIN; see "
						    "auth_mechanisms"
						  : "no version in its greeting");
		return FALSE;
	}
	if (auth->away)
		g_message("Dovecot's auth socket %s is there", auth->path);
	auth->away = FALSE;
	auth->ready = TRUE;
	auth->backoff = BACKOFF_MIN;
	send_waiting(auth);
	return TRUE;
}

static gboolean take_line(struct dovecot_auth *auth, char *text, gsize len, GError **error)
{
	struct dovecot_auth_line line;
	struct request *request;

	if (!dovecot_auth_line_parse(text, len, &line, error))
		return FALSE;
	switch (line.kind) {
	case DOVECOT_AUTH_LINE_VERSION:
		auth->version = TRUE;
		break;
	case DOVECOT_AUTH_LINE_PLAIN:
		auth->plain = TRUE;
		break;
	case DOVECOT_AUTH_LINE_DONE:
		if (!auth->ready)
			return on_greeting_done(auth, error);
		break;
	case DOVECOT_AUTH_LINE_ANSWER:
		/* None any more: it was too late. */
		request = g_hash_table_lookup(auth->requests, GUINT_TO_POINTER(line.id));
		if (request != NULL && request->sent)
			finish(request, line.result, line.user);
		break;
	case DOVECOT_AUTH_LINE_OTHER:
		break;
	}
	return TRUE;
}

/* Whole lines of the input. */
static gboolean take_input(struct dovecot_auth *auth, GError **error)
{
	GString *input = auth->input;
	gsize at = 0;
	char *end;

	while ((end = memchr(input->str + at, '\n', input->len - at)) != NULL) {
		gsize len = (gsize)(end - input->str) - at;

		*end = '\0';
		if (!take_line(auth, input->str + at, len, error))
			return FALSE;
		at += len + 1;
	}
	g_string_erase(input, 0, (gssize)at);
	if (input->len <= LIMIT_AUTH_LINE)
		return TRUE;
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "a line of more than %d bytes",
		    LIMIT_AUTH_LINE);
	return FALSE;
}

static gboolean on_readable(int fd, GIOCondition condition, gpointer data)
{
	struct dovecot_auth *auth = data;
	g_autoptr(GError) error = NULL;
	char buffer[LIMIT_AUTH_LINE];
	ssize_t got = recv(fd, buffer, sizeof(buffer), 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (got <= 0) {
		auth->in = 0;
		lost(auth, got < 0       ? g_strerror(errno)
			   : auth->ready ? "closed"
					 : "it closed the connection before its greeting was "
					   "complete; is it a listener of type auth?");
		return G_SOURCE_REMOVE;
	}
	g_string_append_len(auth->input, buffer, got);
	if (take_input(auth, &error))
		return G_SOURCE_CONTINUE;
	auth->in = 0;
	auth->ready = FALSE;
	lost(auth, error->message);
	return G_SOURCE_REMOVE;
}

static void connect_to(struct dovecot_auth *auth)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	g_strlcpy(address.sun_path, auth->path, sizeof(address.sun_path));
	auth->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (auth->fd < 0 ||
	    connect(auth->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		lost(auth, g_strerror(errno));
		return;
	}
	auth->in = g_unix_fd_add(auth->fd, G_IO_IN | G_IO_HUP, on_readable, auth);
	/* 2.4 waits for ours, 2.3 does not care. */
	g_string_append_printf(auth->output, "VERSION\t1\t2\nCPID\t%d\n", (int)getpid());
	flush(auth);
}

/* --- the outside ---------------------------------------------------------------------- */

struct dovecot_auth *dovecot_auth_new(const char *socket_path, const char *service)
{
	struct dovecot_auth *auth = g_new0(struct dovecot_auth, 1);

	auth->path = g_strdup(socket_path);
	auth->service = g_strdup(service);
	auth->fd = -1;
	auth->backoff = BACKOFF_MIN;
	auth->requests = g_hash_table_new(NULL, NULL);
	g_queue_init(&auth->unsent);
	auth->input = g_string_new(NULL);
	auth->output = g_string_new(NULL);
	return auth;
}

void dovecot_auth_free(struct dovecot_auth **auth)
{
	struct dovecot_auth *self = *auth;
	GHashTableIter iter;
	gpointer value;

	if (self == NULL)
		return;
	*auth = NULL;
	close_connection(self);
	if (self->retry != 0)
		g_source_remove(self->retry);
	g_hash_table_iter_init(&iter, self->requests);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		finish(value, DOVECOT_AUTH_TEMPORARY, NULL);
		g_hash_table_iter_init(&iter, self->requests);
	}
	g_hash_table_unref(self->requests);
	g_string_free(self->input, TRUE);
	g_string_free(self->output, TRUE);
	g_free(self->path);
	g_free(self->service);
	g_free(self);
}

static guint32 new_id(struct dovecot_auth *auth)
{
	do {
		auth->last_id++;
	} while (auth->last_id == 0 ||
		 g_hash_table_contains(auth->requests, GUINT_TO_POINTER(auth->last_id)));
	return auth->last_id;
}

static gboolean on_refused(gpointer data)
{
	struct request *request = data;

	request->deadline = 0;
	finish(request, DOVECOT_AUTH_WRONG, NULL);
	return G_SOURCE_REMOVE;
}

void dovecot_auth_verify(struct dovecot_auth *auth, const struct dovecot_auth_request *request,
			 dovecot_auth_done *done, gpointer data)
{
	struct request *self = g_new0(struct request, 1);
	gboolean many = g_hash_table_size(auth->requests) >= LIMIT_AUTH_PENDING;
	struct tabline_buf buf;

	self->auth = auth;
	self->id = new_id(auth);
	self->done = done;
	self->data = data;
	g_hash_table_insert(auth->requests, GUINT_TO_POINTER(self->id), self);
	tabline_buf_init(&buf, LIMIT_AUTH_LINE);
	if (many) {
		self->deadline = g_idle_add(on_deadline, self);
	} else if (!dovecot_auth_line_write(&buf, self->id, auth->service, request)) {
		/* Nobody has a password that long. */
		self->deadline = g_idle_add(on_refused, self);
	} else {
		self->deadline = g_timeout_add_seconds(LIMIT_AUTH_SECS, on_deadline, self);
		self->line = g_memdup2(buf.data, buf.len);
		self->len = buf.len;
		g_queue_push_tail(&auth->unsent, self);
	}
	if (buf.data != NULL)
		explicit_bzero(buf.data, buf.alloc);
	tabline_buf_free(&buf);

	if (self->line == NULL)
		return;
	if (auth->ready)
		send_waiting(auth);
	else if (auth->fd < 0 && auth->retry == 0)
		connect_to(auth);
}
