#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "imap-quote.h"
#include "imap-resp-code.h"
#include "ostream.h"
#include "str.h"
#include "str-sanitize.h"
#include "dovecot-compat.h"

#include "limits.h"
#include "monotonic.h"
#include "pushimap-cmd.h"
#include "pushimap-plugin.h"
#include "trouble.h"

struct pushimap_cmd {
	struct client_command_context *cmd;
	struct registrar *registrar; /* NULL once the answer is here */
	struct timeout *to_write;    /* the answer waits for the output */
	pushimap_cmd_reply_t *item;
	pushimap_cmd_reply_t *reply;
	void *context;
	string_t *untagged;
	bool incomplete; /* an ITEM lacked something */
	const char *tagline;
};

bool pushimap_cmd_allowed(struct client_command_context *cmd)
{
	const struct pushimap_user *user = pushimap_user_get(cmd->client->user);

	if (user != NULL && user->dialect == PUSHIMAP_DIALECT_GOUGEON)
		return TRUE;
	client_send_command_error(cmd, "Unknown command.");
	return FALSE;
}

const char *pushimap_cmd_device(struct client_command_context *cmd)
{
	const struct pushimap_user *user = pushimap_user_get(cmd->client->user);

	if (user == NULL)
		client_send_command_error(cmd, "Unknown command.");
	else if (user->device == NULL)
		client_send_tagline(cmd, "NO [" IMAP_RESP_CODE_CANNOT
					 "] This needs a P-IMAP session: log in as "
					 "user#device.");
	else
		return user->device;
	return NULL;
}

bool pushimap_cmd_read_astrings(struct client_command_context *cmd, unsigned int count,
				const char *strings_r[], bool *ret_r)
{
	const struct imap_arg *args;

	/* FALSE both for "more input" and for "answered": core looks at the state. */
	*ret_r = FALSE;
	if (!client_read_args(cmd, 0, 0, &args))
		return FALSE;
	for (unsigned int i = 0; i < count; i++) {
		if (!imap_arg_get_astring(&args[i], &strings_r[i])) {
			client_send_command_error(cmd, IMAP_ARG_IS_EOL(&args[i])
							       ? "Missing arguments."
							       : "Invalid arguments.");
			*ret_r = TRUE;
			return FALSE;
		}
	}
	if (!IMAP_ARG_IS_EOL(&args[count])) {
		client_send_command_error(cmd, "Too many arguments.");
		*ret_r = TRUE;
		return FALSE;
	}
	return TRUE;
}

void pushimap_cmd_fail(struct client_command_context *cmd, enum webpush_error error,
		       const char *text)
{
	char events[WEBPUSH_KINDS_SIZE];

	switch (error) {
	case WEBPUSH_OK:
		i_unreached();
	case WEBPUSH_SYNTAX:
		client_send_command_error(cmd, text);
		break;
	case WEBPUSH_CANNOT:
		client_send_tagline(cmd,
				    t_strconcat("NO [" IMAP_RESP_CODE_CANNOT "] ", text, NULL));
		break;
	case WEBPUSH_LIMIT:
		client_send_tagline(cmd, t_strconcat("NO [" IMAP_RESP_CODE_LIMIT "] ", text, NULL));
		break;
	case WEBPUSH_BADCHARSET:
		client_send_tagline(cmd, t_strconcat("NO [BADCHARSET] ", text, NULL));
		break;
	case WEBPUSH_BADEVENT:
		/* RFC 5465 section 8: the code lists what would have been right. */
		webpush_kinds_format(PUSH_EVENT_KINDS_ALL, events);
		client_send_tagline(cmd, t_strdup_printf("NO [BADEVENT (%s)] %s", events, text));
		break;
	}
}

/* --- refusals -------------------------------------------------------------- */

static const struct refusal_row {
	const char *code;
	const char *resp_code;
	enum mail_error error;
	const char *text;
	bool for_people; /* the bridge's own text may replace ours */
	bool operators;  /* somebody has to set something right */
} refusal_rows[] = {
	{"limit", IMAP_RESP_CODE_LIMIT, MAIL_ERROR_LIMIT, "Too many registrations.", TRUE, FALSE},
	{"refused", IMAP_RESP_CODE_CANNOT, MAIL_ERROR_NOTPOSSIBLE,
	 "This push endpoint is not allowed.", TRUE, FALSE},
	{"notfound", IMAP_RESP_CODE_NONEXISTENT, MAIL_ERROR_NOTFOUND, "No such subscription.", TRUE,
	 FALSE},
	{"token", IMAP_RESP_CODE_CANNOT, MAIL_ERROR_NOTPOSSIBLE, "Wrong or expired token.", TRUE,
	 FALSE},
	{"unavailable", IMAP_RESP_CODE_UNAVAILABLE, MAIL_ERROR_UNAVAILABLE,
	 "Push notifications are not available.", TRUE, FALSE},
	{"busy", IMAP_RESP_CODE_UNAVAILABLE, MAIL_ERROR_UNAVAILABLE,
	 "Push notifications are not available now, try again later.", FALSE, FALSE},
	{"full", IMAP_RESP_CODE_UNAVAILABLE, MAIL_ERROR_UNAVAILABLE,
	 "Push notifications are not available now, try again later.", FALSE, TRUE},
	{"denied", IMAP_RESP_CODE_NOPERM, MAIL_ERROR_PERM,
	 "This server may not register devices for this user.", FALSE, TRUE},
	{"version", IMAP_RESP_CODE_UNAVAILABLE, MAIL_ERROR_UNAVAILABLE,
	 "Push notifications are not available.", FALSE, TRUE},
	{"bad", IMAP_RESP_CODE_SERVERBUG, MAIL_ERROR_TEMP, "Internal error.", FALSE, TRUE},
	/* codes of a later minor version */
	{NULL, IMAP_RESP_CODE_UNAVAILABLE, MAIL_ERROR_UNAVAILABLE,
	 "Push notifications are not available.", FALSE, TRUE},
};

/* Of this process. */
static struct trouble trouble_refused[N_ELEMENTS(refusal_rows)];
static struct trouble trouble_away, trouble_broken;

static const struct refusal_row *find_row(const char *code)
{
	const struct refusal_row *row = refusal_rows;

	while (row->code != NULL && strcmp(row->code, code) != 0)
		row++;
	return row;
}

/* The bridge's text may quote what a client sent: visible ASCII, one line, not a
 * response code. NULL if nothing is left. */
static const char *clean_line(const char *text)
{
	char *line;

	if (text == NULL || *text == '\0' || *text == '[')
		return NULL;
	line = t_strdup_noconst(t_strndup(text, LIMIT_REGISTRAR_TEXT));
	for (char *p = line; *p != '\0'; p++) {
		if (*p < ' ' || *p >= 0x7f)
			*p = '?';
	}
	return line;
}

/* A user may ask as often as the user likes: one line a minute for each kind. */
static void report(struct event *event, enum log_type type, struct trouble *trouble,
		   const char *text)
{
	unsigned int count;

	if (!trouble_note(trouble, monotonic_us(), &count))
		type = LOG_TYPE_DEBUG;
	else if (count > 1)
		text = t_strdup_printf("%s (%u times since this was last said)", text, count);
	if (type == LOG_TYPE_ERROR)
		e_error(event, "fantail: %s", text);
	else if (type == LOG_TYPE_WARNING)
		e_warning(event, "fantail: %s", text);
	else
		e_debug(event, "fantail: %s", text);
}

void pushimap_refusal_get(const struct registrar_answer *answer, struct event *event,
			  const char *what, struct pushimap_refusal *refusal_r)
{
	const struct refusal_row *row = find_row("unavailable");
	const char *text = NULL;

	switch (answer->result) {
	case REGISTRAR_OK:
		i_unreached();
	case REGISTRAR_NO:
		row = find_row(answer->code);
		text = clean_line(answer->text);
		if (row->operators) {
			report(event, LOG_TYPE_ERROR, &trouble_refused[row - refusal_rows],
			       t_strdup_printf("%s: the bridge refused: %s: %s", what,
					       str_sanitize(answer->code, 32),
					       text != NULL ? text : "(no reason given)"));
		}
		break;
	case REGISTRAR_AWAY:
	case REGISTRAR_TIMEOUT:
		report(event, LOG_TYPE_WARNING, &trouble_away,
		       t_strdup_printf("%s: the bridge is away: %s", what, answer->text));
		break;
	case REGISTRAR_BROKEN:
		report(event, LOG_TYPE_ERROR, &trouble_broken,
		       t_strdup_printf("%s: %s", what, answer->text));
		break;
	}
	refusal_r->resp_code = row->resp_code;
	refusal_r->error = row->error;
	refusal_r->text = row->for_people && text != NULL ? text : row->text;
}

/* --- untagged lines -------------------------------------------------------- */

bool pushimap_append_vapid(string_t *dest, const struct tabline_field *fields, size_t count)
{
	const char *key = tabline_get(fields, count, "key");
	char spelt[WEBPUSH_P256DH_SIZE];

	if (key == NULL || !webpush_p256dh_parse(key, spelt))
		return FALSE;
	str_printfa(dest, "* VAPID \"%s\"\r\n", spelt);
	return TRUE;
}

bool pushimap_append_webpush(string_t *dest, const char *device, const struct tabline_field *fields,
			     size_t count)
{
	const char *state = tabline_get(fields, count, "state");

	if (state == NULL)
		return FALSE;
	str_append(dest, "* WEBPUSH ");
	fantail_imap_append_astring(dest, device);
	str_append(dest, strcmp(state, "active") == 0 ? " ACTIVE\r\n" : " INACTIVE\r\n");
	return TRUE;
}

/* --- waiting --------------------------------------------------------------- */

bool pushimap_cmd_end(struct client_command_context *cmd, const string_t *untagged,
		      const char *tagline)
{
	struct client *client = cmd->client;
	struct ostream *output = client->output;

	/* Nobody tells when a command lets go of the output; it holds it for one literal. */
	if (client->output_cmd_lock != NULL)
		return FALSE;
	o_stream_ref(output);
	o_stream_cork(output);
	o_stream_nsend(output, str_data(untagged), str_len(untagged));
	client_send_tagline(cmd, tagline);
	client_command_free(&cmd);
	(void)cmd_sync_delayed(client);
	o_stream_uncork(output);
	o_stream_unref(&output);
	client_continue_pending_input(client);
	return TRUE;
}

static void pushimap_cmd_write(struct pushimap_cmd *pcmd)
{
	string_t *untagged = pcmd->untagged;

	timeout_remove(&pcmd->to_write);
	/* pcmd is gone after it. */
	if (pushimap_cmd_end(pcmd->cmd, untagged, pcmd->tagline))
		str_free(&untagged);
	else
		pcmd->to_write =
			timeout_add_short(PUSHIMAP_CMD_RETRY_MSECS, pushimap_cmd_write, pcmd);
}

static void pushimap_cmd_item(const struct tabline_field *fields, size_t count, void *context)
{
	struct pushimap_cmd *pcmd = context;

	if (!pcmd->item(fields, count, pcmd->untagged, pcmd->context))
		pcmd->incomplete = TRUE;
}

static void pushimap_cmd_answered(const struct registrar_answer *answer, void *context)
{
	static const struct registrar_answer incomplete = {
		.result = REGISTRAR_BROKEN,
		.text = "the bridge's answer lacks a field that belongs there",
	};
	struct pushimap_cmd *pcmd = context;
	struct client_command_context *cmd = pcmd->cmd;
	const char *name = t_str_ucase(cmd->name);
	struct pushimap_refusal refusal;

	pcmd->registrar = NULL;
	if (answer->result == REGISTRAR_OK && pcmd->reply != NULL &&
	    !pcmd->reply(answer->fields, answer->count, pcmd->untagged, pcmd->context))
		pcmd->incomplete = TRUE;
	if (pcmd->registrar != NULL) {
		/* The reply has asked for more. */
		if (!pcmd->incomplete)
			return;
		registrar_abort(&pcmd->registrar);
	}
	if (answer->result == REGISTRAR_OK && pcmd->incomplete)
		answer = &incomplete;
	if (answer->result == REGISTRAR_OK) {
		if (pcmd->tagline == NULL)
			pcmd->tagline = p_strdup_printf(cmd->pool, "OK %s completed.", name);
	} else {
		pushimap_refusal_get(answer, cmd->client->event, name, &refusal);
		str_truncate(pcmd->untagged, 0);
		pcmd->tagline =
			p_strdup_printf(cmd->pool, "NO [%s] %s", refusal.resp_code, refusal.text);
	}
	pushimap_cmd_write(pcmd);
}

static bool pushimap_cmd_continue(struct client_command_context *cmd)
{
	struct pushimap_cmd *pcmd = cmd->context;

	/* Only the answer goes on with it; or the end of the session, or X-CANCEL. */
	if (!cmd->cancel)
		return FALSE;
	registrar_abort(&pcmd->registrar);
	timeout_remove(&pcmd->to_write);
	str_free(&pcmd->untagged);
	return TRUE;
}

bool pushimap_cmd_start(struct client_command_context *cmd, struct tabline_buf *request,
			pushimap_cmd_reply_t *item, pushimap_cmd_reply_t *reply, void *context)
{
	const struct pushimap_user *user = pushimap_user_get(cmd->client->user);
	struct pushimap_cmd *pcmd;

	if (!tabline_end(request)) {
		tabline_buf_free(request);
		pushimap_cmd_fail(cmd, WEBPUSH_LIMIT, "Arguments are too long.");
		return TRUE;
	}
	pcmd = p_new(cmd->pool, struct pushimap_cmd, 1);
	pcmd->cmd = cmd;
	pcmd->reply = reply;
	pcmd->item = item;
	pcmd->context = context;
	/* A listing may be long, and cmd->pool only grows. */
	pcmd->untagged = str_new(default_pool, 256);
	pcmd->registrar =
		registrar_start(user->socket_path, request, item == NULL ? NULL : pushimap_cmd_item,
				pushimap_cmd_answered, pcmd);
	cmd->context = pcmd;
	cmd->func = pushimap_cmd_continue;
	cmd->state = CLIENT_COMMAND_STATE_WAIT_EXTERNAL;
	return FALSE;
}

bool pushimap_cmd_again(struct client_command_context *cmd, struct tabline_buf *request,
			pushimap_cmd_reply_t *item, pushimap_cmd_reply_t *reply)
{
	const struct pushimap_user *user = pushimap_user_get(cmd->client->user);
	struct pushimap_cmd *pcmd = cmd->context;

	if (!tabline_end(request)) {
		tabline_buf_free(request);
		return FALSE;
	}
	pcmd->item = item;
	pcmd->reply = reply;
	pcmd->registrar =
		registrar_start(user->socket_path, request, item == NULL ? NULL : pushimap_cmd_item,
				pushimap_cmd_answered, pcmd);
	return TRUE;
}

void pushimap_cmd_finish(struct client_command_context *cmd, const char *tagline)
{
	struct pushimap_cmd *pcmd = cmd->context;

	pcmd->tagline = p_strdup(cmd->pool, tagline);
}
