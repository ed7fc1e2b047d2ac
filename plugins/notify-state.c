#include "notify-state.h"
#include "imap-state.h"
#include "mail-index-modseq.h"
#include "mail-storage-private.h"
#include "numpack.h"
#include "ostream.h"
#include "str.h"
#include "dovecot-compat.h"

#include "limits.h"
#include "notify-cmd.h"
#include "notify-hibernate.h"
#include "notify-idle.h"
#include "notify-selected.h"
#include "notify-watch.h"

#define BLOCK "fantail-notify\n"
#define BASE_BLOCK "base\n"
#define BLOCK_VERSION 1

enum state_flag {
	STATE_IDLE = 1 << 0, /* the client is in IDLE */
	/* These are in Dovecot's block, too, but behind the mailbox, for which they matter. */
	STATE_CONDSTORE = 1 << 1,
	STATE_QRESYNC = 1 << 2,
};

/* A block of ours that has been read, until Dovecot's own has been. */
struct notify_state {
	unsigned int flags;
	uint32_t uidnext;
	const char *command;
	const unsigned char *watch, *end;
};

/* --- export ------------------------------------------------------------------ */

static unsigned int export_flags(struct notify_session *session)
{
	struct client *client = session->client;
	unsigned int flags = 0;

	if (notify_idle_command(session) != NULL)
		flags |= STATE_IDLE;
	if (client_has_enabled(client, imap_feature_condstore))
		flags |= STATE_CONDSTORE;
	if (client_has_enabled(client, imap_feature_qresync))
		flags |= STATE_QRESYNC;
	return flags;
}

static void export_data(struct notify_session *session, buffer_t *dest)
{
	struct mailbox *box = session->client->mailbox;
	struct mailbox_status status = {.uidnext = 0};
	size_t command_len = strlen(session->command);

	if (box != NULL)
		mailbox_get_open_status(box, STATUS_UIDNEXT, &status);
	buffer_append_c(dest, (unsigned char)export_flags(session));
	numpack_encode(dest, status.uidnext);
	numpack_encode(dest, command_len);
	buffer_append(dest, session->command, command_len);
	notify_watch_export(session->watch, dest);
}

static int export_block(struct notify_session *session, buffer_t *dest, const char **error_r)
{
	buffer_t *data = buffer_create_dynamic(default_pool, 1024);
	int ret = 0;

	export_data(session, data);
	if (data->used > LIMIT_NOTIFY_STATE) {
		*error_r = "The state of NOTIFY is too large";
	} else {
		buffer_append(dest, BLOCK, strlen(BLOCK));
		buffer_append_c(dest, BLOCK_VERSION);
		numpack_encode(dest, data->used);
		buffer_append_buf(dest, data, 0, SIZE_MAX);
		ret = 1;
	}
	buffer_free(&data);
	return ret;
}

int notify_state_export(struct client *client, bool internal, buffer_t *dest, const char **error_r)
{
	struct notify_session *session = notify_session_get(client);
	struct imap_notify_context *ctx = client->notify_ctx;
	int ret;

	if (!internal || !session->active || session->watch == NULL)
		return session->module_ctx.super.state_export(client, internal, dest, error_r);
	/* Or all messages would seem to have changed since. */
	if (client->mailbox != NULL &&
	    mailbox_enable(client->mailbox, MAILBOX_FEATURE_CONDSTORE) < 0) {
		*error_r = mailbox_get_last_internal_error(client->mailbox, NULL);
		return -1;
	}
	ret = export_block(session, dest, error_r);
	if (ret <= 0)
		return ret;
	/* With it, Dovecot says that there is no way. */
	client->notify_ctx = NULL;
	ret = session->module_ctx.super.state_export(client, internal, dest, error_r);
	client->notify_ctx = ctx;
	return ret;
}

/* --- what Dovecot says of the selected mailbox ------------------------------- */

/* RFC 5465 section 5.1 wants the UID in a FETCH, RFC 7162 section 3.2 MODSEQ. Both are there
 * already after ENABLE QRESYNC. */
static void forward_fetch(struct client *client, uint32_t seq, const char *items, string_t *dest)
{
	uint32_t uid;

	str_printfa(dest, "* %u FETCH (", seq);
	if (!client_has_enabled(client, imap_feature_qresync)) {
		mail_index_lookup_uid(client->mailbox->view, seq, &uid);
		str_printfa(dest, "UID %u ", uid);
		if (client_has_enabled(client, imap_feature_condstore))
			str_printfa(dest, "MODSEQ (%" PRIu64 ") ",
				    mail_index_modseq_lookup(client->mailbox->view, seq));
	}
	str_append(dest, items);
}

static void forward_line(struct notify_session *session, const char *line, string_t *dest)
{
	bool flags = (session->spec.selected_events & NOTIFY_FLAG_CHANGE) != 0;
	const char *rest;
	uint32_t seq;

	if (strncmp(line, "* ", 2) == 0 && str_parse_uint32(line + 2, &seq, &rest) == 0) {
		/* The next sync says how many there are, so that it knows which are new. */
		if (strcmp(rest, " EXISTS") == 0 || strcmp(rest, " RECENT") == 0)
			return;
		if (strncmp(rest, " FETCH (", 8) == 0) {
			if (!flags)
				return;
			forward_fetch(session->client, seq, rest + 8, dest);
			str_append(dest, "\r\n");
			return;
		}
	}
	str_append(dest, line);
	str_append(dest, "\r\n");
}

/* Tells what has been expunged and which flags were changed, as NOTIFY wants it said. There
 * are no literals in it. */
static void forward(struct notify_session *session, string_t *said)
{
	string_t *dest = str_new(default_pool, str_len(said) + 128);
	char *line = str_c_modifiable(said), *end;

	for (; (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
		*end = '\0';
		forward_line(session, line, dest);
	}
	o_stream_nsend(session->client->output, str_data(dest), str_len(dest));
	str_free(&dest);
}

/* --- import ------------------------------------------------------------------ */

static bool read_data(struct notify_state *state, const unsigned char *data,
		      const unsigned char *end, pool_t pool)
{
	uint32_t command_len;

	if (data == end)
		return FALSE;
	state->flags = *data++;
	if (numpack_decode32(&data, end, &state->uidnext) < 0 ||
	    numpack_decode32(&data, end, &command_len) < 0 || (size_t)(end - data) < command_len)
		return FALSE;
	state->command = p_strndup(pool, data, command_len);
	state->watch = data + command_len;
	state->end = end;
	return TRUE;
}

/* The data stay where they are while Dovecot goes from block to block. */
static ssize_t read_block(struct notify_session *session, const unsigned char *data, size_t size,
			  const char **error_r)
{
	const unsigned char *p = data + strlen(BLOCK), *end = data + size;
	struct notify_state *state = p_new(session->client->pool, struct notify_state, 1);
	uint32_t len;

	if (p == end || *p != BLOCK_VERSION) {
		*error_r = "The state of NOTIFY is of another version";
		return 0;
	}
	p++;
	if (session->state != NULL || numpack_decode32(&p, end, &len) < 0 ||
	    (size_t)(end - p) < len || !read_data(state, p, p + len, session->client->pool)) {
		*error_r = "The state of NOTIFY is damaged";
		return 0;
	}
	session->state = state;
	return p + len - data;
}

/* Dovecot's block has been read, and the mailbox is selected. */
static bool restore(struct notify_session *session, string_t *said, const char **error_r)
{
	struct notify_state *state = session->state;
	struct client *client = session->client;
	const char *error;

	session->state = NULL;
	if (notify_cmd_restore(session, state->command, &error) < 0) {
		*error_r = t_strdup_printf("The NOTIFY of the state is refused: %s", error);
		return FALSE;
	}
	if (client->mailbox != NULL) {
		forward(session, said);
		if (state->uidnext > 0)
			notify_selected_restore(session, state->uidnext);
	}
	if (notify_watch_import(session->watch, &state->watch, state->end) < 0) {
		*error_r = "The state of NOTIFY's mailboxes is damaged";
		return FALSE;
	}
	if ((state->flags & STATE_IDLE) == 0)
		notify_hibernate_expect_made_up(session);
	notify_session_watch(session);
	notify_session_look(session);
	return TRUE;
}

static ssize_t import_base(struct notify_session *session, const unsigned char *data, size_t size,
			   const char **error_r)
{
	struct client *client = session->client;
	struct ostream *output = client->output;
	string_t *said = str_new(default_pool, 256);
	ssize_t ret;

	if ((session->state->flags & STATE_CONDSTORE) != 0)
		client_enable(client, imap_feature_condstore);
	if ((session->state->flags & STATE_QRESYNC) != 0)
		client_enable(client, imap_feature_qresync);
	client->output = o_stream_create_buffer(said);
	ret = session->module_ctx.super.state_import(client, TRUE, data, size, error_r);
	o_stream_destroy(&client->output);
	client->output = output;
	if (ret > 0 && !restore(session, said, error_r))
		ret = 0;
	str_free(&said);
	return ret;
}

static bool is_block(const unsigned char *data, size_t size, const char *name)
{
	return size >= strlen(name) && memcmp(data, name, strlen(name)) == 0;
}

ssize_t notify_state_import(struct client *client, bool internal, const unsigned char *data,
			    size_t size, const char **error_r)
{
	struct notify_session *session = notify_session_get(client);
	ssize_t ret;

	if (internal && is_block(data, size, BLOCK))
		ret = read_block(session, data, size, error_r);
	else if (session->state != NULL && is_block(data, size, BASE_BLOCK))
		ret = import_base(session, data, size, error_r);
	else
		return session->module_ctx.super.state_import(client, internal, data, size,
							      error_r);
	/* Dovecot closes the connection and says nothing. */
	if (ret <= 0)
		client_send_line(client, "* BYE [UNAVAILABLE] The session cannot be woken; "
					 "please log in again.");
	return ret;
}
