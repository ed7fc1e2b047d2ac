#include "ctl-client.h"
#include "limits.h"
#include "tabline.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

G_DEFINE_QUARK(fantail_ctl_error, ctl_error)

#define PROTOCOL "fantail"
#define GREETING_SECS 10

const struct ctl_daemon ctl_bridge = {"fantail-bridge", CTL_BRIDGE_SOCKET};
const struct ctl_daemon ctl_syncml = {"fantail-syncml", CTL_SYNCML_SOCKET};

struct ctl_client {
	const struct ctl_daemon *daemon;
	char *path;
	int fd;
	GByteArray *in;
	gsize in_start; /* of the next line */
	guint64 id;
	gint64 deadline_us; /* monotonic */
};

static const struct {
	const char *code;
	enum ctl_error error;
} codes[] = {
	{"version", CTL_ERROR_VERSION},
	{"bad", CTL_ERROR_BAD},
	{"denied", CTL_ERROR_DENIED},
	{"busy", CTL_ERROR_BUSY},
	{"full", CTL_ERROR_FULL},
	{"limit", CTL_ERROR_LIMIT},
	{"refused", CTL_ERROR_REFUSED},
	{"notfound", CTL_ERROR_NOTFOUND},
	{"unavailable", CTL_ERROR_UNAVAILABLE},
	{"config", CTL_ERROR_CONFIG},
};

static void set_deadline(struct ctl_client *client, guint secs)
{
	client->deadline_us = g_get_monotonic_time() + secs * (gint64)G_USEC_PER_SEC;
}

/* Waits for `events`; FALSE past the deadline. */
static gboolean wait_for(struct ctl_client *client, short events, GError **error)
{
	for (;;) {
		gint64 left_ms = (client->deadline_us - g_get_monotonic_time()) / 1000;
		struct pollfd pollfd = {.fd = client->fd, .events = events};
		int ready = left_ms > 0 ? poll(&pollfd, 1, (int)MIN(left_ms, G_MAXINT)) : 0;

		if (ready > 0)
			return TRUE;
		if (ready == 0) {
			g_set_error(error, CTL_ERROR, CTL_ERROR_LOST,
				    "%s did not answer in time; see its log", client->daemon->name);
			return FALSE;
		}
		if (errno != EINTR) {
			g_set_error(error, CTL_ERROR, CTL_ERROR_LOST, "%s: %s", client->path,
				    g_strerror(errno));
			return FALSE;
		}
	}
}

static gboolean lost(struct ctl_client *client, GError **error)
{
	g_set_error(error, CTL_ERROR, CTL_ERROR_LOST, "%s closed the connection; see its log",
		    client->daemon->name);
	return FALSE;
}

static gboolean send_all(struct ctl_client *client, const struct tabline_buf *buf, GError **error)
{
	gsize sent = 0;

	while (sent < buf->len) {
		if (!wait_for(client, POLLOUT, error))
			return FALSE;
		ssize_t wrote = send(client->fd, buf->data + sent, buf->len - sent,
				     MSG_NOSIGNAL | MSG_DONTWAIT);
		if (wrote >= 0)
			sent += (gsize)wrote;
		else if (errno != EINTR && errno != EAGAIN)
			return lost(client, error);
	}
	return TRUE;
}

/* The next line, split; borrowed until the next call. */
static gboolean read_line(struct ctl_client *client, struct tabline_field *fields, gsize *count_r,
			  GError **error)
{
	char buffer[65536];

	g_byte_array_remove_range(client->in, 0, (guint)client->in_start);
	client->in_start = 0;
	for (;;) {
		char *start = (char *)client->in->data;
		char *end = client->in->len > 0 ? memchr(start, '\n', client->in->len) : NULL;

		if (end != NULL) {
			gsize len = (gsize)(end - start);

			*end = '\0';
			client->in_start = len + 1;
			if (tabline_split(start, len, fields, LIMIT_LINE_FIELDS, count_r) ==
			    TABLINE_OK)
				return TRUE;
		}
		if (end != NULL || client->in->len > LIMIT_LINE) {
			g_set_error(error, CTL_ERROR, CTL_ERROR_PROTOCOL,
				    "%s does not speak as %s does", client->path,
				    client->daemon->name);
			return FALSE;
		}
		if (!wait_for(client, POLLIN, error))
			return FALSE;
		ssize_t got = recv(client->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
			return lost(client, error);
		if (got > 0)
			g_byte_array_append(client->in, (const guint8 *)buffer, (guint)got);
	}
}

static gboolean refused(const struct tabline_field *fields, gsize count, GError **error)
{
	const char *code = tabline_get(fields, count, "code");
	const char *text = tabline_get(fields, count, "text");
	enum ctl_error kind = CTL_ERROR_OTHER;

	for (gsize i = 0; i < G_N_ELEMENTS(codes); i++) {
		if (g_strcmp0(codes[i].code, code) == 0)
			kind = codes[i].error;
	}
	g_set_error_literal(error, CTL_ERROR, (gint)kind,
			    text != NULL ? text : "refused without a reason");
	return FALSE;
}

static gboolean greet(struct ctl_client *client, GError **error)
{
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	struct tabline_buf buf;
	gsize count;
	gboolean ok;

	tabline_buf_init(&buf, LIMIT_LINE);
	tabline_word(&buf, "VERSION");
	tabline_word(&buf, PROTOCOL);
	tabline_word(&buf, "1");
	tabline_word(&buf, "0");
	ok = tabline_end(&buf) && send_all(client, &buf, error) &&
	     read_line(client, fields, &count, error);
	tabline_buf_free(&buf);
	if (!ok)
		return FALSE;
	if (strcmp(fields[0].value, "NO") == 0)
		return refused(fields, count, error);
	if (count < 4 || strcmp(fields[0].value, "VERSION") != 0 ||
	    strcmp(fields[1].value, PROTOCOL) != 0 || strcmp(fields[2].value, "1") != 0) {
		g_set_error(error, CTL_ERROR, CTL_ERROR_VERSION,
			    "%s speaks another protocol than this fantailctl; use the one of the "
			    "same version",
			    client->path);
		return FALSE;
	}
	return TRUE;
}

struct ctl_client *ctl_client_open(const struct ctl_daemon *daemon, const char *path,
				   GError **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ctl_client *client;

	if (path == NULL)
		path = daemon->socket;
	if (strlen(path) >= sizeof(address.sun_path)) {
		g_set_error(error, CTL_ERROR, CTL_ERROR_NOT_RUNNING, "%s is too long for a socket",
			    path);
		return NULL;
	}
	strcpy(address.sun_path, path);
	client = g_new0(struct ctl_client, 1);
	client->daemon = daemon;
	client->path = g_strdup(path);
	client->in = g_byte_array_new();
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0 ||
	    connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		if (errno == EACCES || errno == EPERM) {
			g_set_error(error, CTL_ERROR, CTL_ERROR_PERMISSION,
				    "no permission to open %s; be root, or a member of its group",
				    path);
		} else {
			g_set_error(error, CTL_ERROR, CTL_ERROR_NOT_RUNNING,
				    "%s is not running (%s: %s); start it with: systemctl start %s",
				    daemon->name, path, g_strerror(errno), daemon->name);
		}
		ctl_client_close(&client);
		return NULL;
	}
	set_deadline(client, GREETING_SECS);
	if (!greet(client, error)) {
		ctl_client_close(&client);
		return NULL;
	}
	return client;
}

void ctl_client_close(struct ctl_client **client)
{
	struct ctl_client *self = *client;

	if (self == NULL)
		return;
	*client = NULL;
	if (self->fd >= 0)
		close(self->fd);
	g_byte_array_unref(self->in);
	g_free(self->path);
	g_free(self);
}

/* The object in the line's json field. */
static JsonObject *parse_json(struct ctl_client *client, const struct tabline_field *fields,
			      gsize count, GError **error)
{
	const char *text = tabline_get(fields, count, "json");
	g_autoptr(JsonNode) node = text != NULL ? json_from_string(text, NULL) : NULL;

	if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node)) {
		g_set_error(error, CTL_ERROR, CTL_ERROR_PROTOCOL, "%s does not speak as %s does",
			    client->path, client->daemon->name);
		return NULL;
	}
	return json_node_dup_object(node);
}

gboolean ctl_client_ask(struct ctl_client *client, const char *verb, const char *const *fields,
			guint fields_len, guint timeout_secs, GPtrArray *items,
			JsonObject **result_r, GError **error)
{
	g_autofree char *id = g_strdup_printf("%" G_GUINT64_FORMAT, ++client->id);
	struct tabline_field answer[LIMIT_LINE_FIELDS];
	struct tabline_buf buf;
	JsonObject *object;
	gsize count;
	gboolean ok;

	set_deadline(client, timeout_secs);
	tabline_buf_init(&buf, LIMIT_LINE);
	tabline_word(&buf, verb);
	tabline_word(&buf, id);
	for (guint i = 0; i + 1 < fields_len; i += 2)
		tabline_field(&buf, fields[i], fields[i + 1]);
	if (tabline_end(&buf)) {
		ok = send_all(client, &buf, error);
	} else {
		g_set_error(error, CTL_ERROR, CTL_ERROR_BAD, "an argument is too long");
		ok = FALSE;
	}
	tabline_buf_free(&buf);

	while (ok && (ok = read_line(client, answer, &count, error))) {
		const char *word = answer[0].value;

		/* "NO 0 ...": it could not even read the id. */
		if (strcmp(word, "NO") == 0)
			return refused(answer, count, error);
		if (count < 2 || strcmp(answer[1].value, id) != 0)
			continue;
		object = parse_json(client, answer, count, error);
		if (object == NULL)
			return FALSE;
		if (strcmp(word, "OK") == 0) {
			*result_r = object;
			return TRUE;
		}
		if (items != NULL && strcmp(word, "ITEM") == 0)
			g_ptr_array_add(items, object);
		else
			json_object_unref(object);
	}
	return FALSE;
}
