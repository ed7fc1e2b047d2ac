/*
 * XDELIVER: mail is sent by way of the IMAP server, which hands it to a submission server.
 *
 *     XDELIVER CAPABILITY
 *     XDELIVER TEXT literal
 *
 * The literal may be large, so it is read as it comes, as APPEND does; the session waits for it.
 * Then the script is run, and the session goes on meanwhile.
 */
#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "imap-parser.h"
#include "imap-quote.h"
#include "imap-resp-code.h"
#include "istream.h"
#include "mail-user.h"
#include "ostream.h"
#include "str.h"

#include "deliver-content.h"
#include "deliver-run.h"
#include "deliver-server.h"
#include "limits.h"
#include "pushimap-cmd.h"
#include "pushimap-plugin.h"

#define PARSE_FLAGS (IMAP_PARSE_FLAG_LITERAL_SIZE | IMAP_PARSE_FLAG_LITERAL8)

struct deliver_command {
	struct client_command_context *cmd;
	struct deliver_content *content; /* NULL: CAPABILITY, or it is answered */
	uoff_t literal;                  /* octets that are still to come */
	bool reading;                    /* the command itself */
	bool bad;                        /* `failure` is of its syntax */
	const char *failure;             /* the first; what else comes is read past */
	struct deliver_run *run;
	struct timeout *to_write;
	string_t *untagged;
	const char *tagline;
};

static void deliver_free(struct deliver_command *deliver)
{
	deliver_run_abort(&deliver->run);
	deliver_content_free(&deliver->content);
	timeout_remove(&deliver->to_write);
	str_free(&deliver->untagged);
}

/* --- the answer ------------------------------------------------------------- */

static void deliver_write(struct deliver_command *deliver)
{
	string_t *untagged = deliver->untagged;

	timeout_remove(&deliver->to_write);
	deliver_content_free(&deliver->content);
	/* `deliver` is gone after it. */
	if (pushimap_cmd_end(deliver->cmd, untagged, deliver->tagline))
		str_free(&untagged);
	else
		deliver->to_write =
			timeout_add_short(PUSHIMAP_CMD_RETRY_MSECS, deliver_write, deliver);
}

static void append_capabilities(string_t *dest, const char *const *names)
{
	str_append(dest, "* XDELIVER CAPABILITY (");
	for (; *names != NULL; names++)
		str_printfa(dest, "\"%s\"%s", *names, names[1] == NULL ? "" : " ");
	str_append(dest, ")\r\n");
}

static const char *tagline(const struct deliver_result *result)
{
	if (result->lost)
		return t_strdup_printf("NO [" IMAP_RESP_CODE_UNAVAILABLE
				       "] The dialogue with the submission server broke off; %u of "
				       "%u messages were accepted.",
				       result->accepted, result->messages);
	if (result->accepted < result->messages)
		return t_strdup_printf("NO %u of %u messages were accepted; the dialogue says why.",
				       result->accepted, result->messages);
	return "OK XDELIVER completed.";
}

static void deliver_done(const struct deliver_result *result, void *context)
{
	struct deliver_command *deliver = context;

	deliver->run = NULL;
	if (!result->connected) {
		deliver->tagline = "NO [" IMAP_RESP_CODE_UNAVAILABLE
				   "] The submission server cannot be used now.";
	} else if (deliver->content == NULL) {
		append_capabilities(deliver->untagged, result->capabilities);
		deliver->tagline = "OK XDELIVER completed.";
	} else {
		str_printfa(deliver->untagged, "* XDELIVER {%zu}\r\n", str_len(result->dialogue));
		str_append_str(deliver->untagged, result->dialogue);
		str_append(deliver->untagged, "\r\n");
		deliver->tagline = p_strdup(deliver->cmd->pool, tagline(result));
	}
	deliver->to_write = timeout_add_short(0, deliver_write, deliver);
}

static bool deliver_start(struct deliver_command *deliver, const struct deliver_batch *batch)
{
	struct client_command_context *cmd = deliver->cmd;
	struct mail_user *user = cmd->client->user;

	deliver->reading = FALSE;
	/* A dialogue may be long, and cmd->pool only grows. */
	deliver->untagged = str_new(default_pool, 256);
	cmd->client->input_lock = NULL;
	cmd->state = CLIENT_COMMAND_STATE_WAIT_EXTERNAL;
	deliver->run = deliver_run_start(pushimap_user_get(user)->submission, user, user->event,
					 batch, deliver_done, deliver);
	return FALSE;
}

/* --- the arguments ---------------------------------------------------------- */

static void deliver_fail(struct deliver_command *deliver, bool bad, const char *text)
{
	if (deliver->failure != NULL)
		return;
	deliver->failure = text;
	deliver->bad = bad;
}

static bool deliver_answer(struct deliver_command *deliver)
{
	struct client_command_context *cmd = deliver->cmd;

	deliver_free(deliver);
	if (deliver->bad)
		client_send_command_error(cmd, deliver->failure);
	else
		client_send_tagline(cmd, deliver->failure);
	return TRUE;
}

/* The last argument, within lists, too: only there a literal can be. */
static const struct imap_arg *last_arg(const struct imap_arg *args)
{
	const struct imap_arg *last = NULL;

	while (!IMAP_ARG_IS_EOL(args)) {
		last = args++;
		if (last->type == IMAP_ARG_LIST && IMAP_ARG_IS_EOL(args)) {
			args = imap_arg_as_list(last);
			last = NULL;
		}
	}
	return last;
}

/* What comes after the arguments that were read: a literal's octets, the rest of the line, or
 * nothing. TRUE: the command is over. */
static bool deliver_literal(struct deliver_command *deliver, const struct imap_arg *args)
{
	const struct imap_arg *arg = last_arg(args);
	struct client *client = deliver->cmd->client;

	if (arg == NULL || !imap_arg_get_literal_size(arg, &deliver->literal)) {
		deliver->literal = 0;
		return FALSE;
	}
	if (arg->type == IMAP_ARG_LITERAL_SIZE_NONSYNC)
		return FALSE;
	if (deliver->failure != NULL) {
		/* The client hears this instead of "+", and sends nothing more. */
		client->input_skip_line = FALSE;
		return TRUE;
	}
	o_stream_nsend(client->output, "+ OK\r\n", 6);
	o_stream_uncork(client->output);
	o_stream_cork(client->output);
	return FALSE;
}

/* FALSE: there is more to come. */
static bool deliver_read_literal(struct deliver_command *deliver)
{
	struct istream *input = deliver->cmd->client->input;
	const unsigned char *data;
	size_t size;

	while (deliver->literal > 0) {
		if (i_stream_read_more(input, &data, &size) <= 0)
			return FALSE;
		size = I_MIN(size, deliver->literal);
		if (deliver->content != NULL && deliver->failure == NULL)
			T_BEGIN
			{
				deliver_content_feed(deliver->content, data, size);
			}
		T_END;
		i_stream_skip(input, size);
		deliver->literal -= size;
	}
	return TRUE;
}

static bool deliver_complete(struct deliver_command *deliver)
{
	struct client_command_context *cmd = deliver->cmd;
	const struct deliver_batch *batch;

	if (deliver->failure != NULL)
		return deliver_answer(deliver);
	if (deliver->content == NULL)
		return deliver_start(deliver, NULL);
	batch = deliver_content_finish(deliver->content, cmd);
	if (batch == NULL) {
		deliver_free(deliver);
		return TRUE;
	}
	return deliver_start(deliver, batch);
}

static bool deliver_read(struct deliver_command *deliver)
{
	struct client_command_context *cmd = deliver->cmd;
	const struct imap_arg *args;
	int ret;

	for (;;) {
		if (!deliver_read_literal(deliver))
			return FALSE;
		imap_parser_reset(cmd->parser);
		ret = imap_parser_read_args(cmd->parser, 1, PARSE_FLAGS, &args);
		if (ret == -2)
			return FALSE;
		if (ret == -1) {
			if (deliver->failure != NULL)
				return deliver_answer(deliver);
			deliver_free(deliver);
			client_send_command_error(cmd, NULL);
			return TRUE;
		}
		if (ret == 0)
			return deliver_complete(deliver);
		deliver_fail(deliver, TRUE, "Too many arguments.");
		if (deliver_literal(deliver, args))
			return deliver_answer(deliver);
	}
}

static bool deliver_continue(struct client_command_context *cmd)
{
	struct deliver_command *deliver = cmd->context;

	/* The end of the session, or X-CANCEL. */
	if (cmd->cancel) {
		deliver_free(deliver);
		return TRUE;
	}
	return deliver->reading ? deliver_read(deliver) : FALSE;
}

/* The forms of drafts up to -07: what to send was a message of a folder, told by numbers. */
static bool is_old_form(const struct imap_arg *arg)
{
	return imap_arg_atom_equals(arg, "N") || imap_arg_atom_equals(arg, "R") ||
	       imap_arg_atom_equals(arg, "F");
}

static void deliver_judge(struct deliver_command *deliver, const struct imap_arg *args)
{
	uoff_t size;

	if (IMAP_ARG_IS_EOL(&args[0])) {
		deliver_fail(deliver, TRUE, "Missing arguments.");
	} else if (imap_arg_atom_equals(&args[0], "CAPABILITY")) {
		if (!IMAP_ARG_IS_EOL(&args[1]))
			deliver_fail(deliver, TRUE, "Too many arguments.");
	} else if (imap_arg_atom_equals(&args[0], "TEXT")) {
		if (!imap_arg_get_literal_size(&args[1], &size))
			deliver_fail(deliver, TRUE, "TEXT needs a literal.");
		else if (size > LIMIT_DELIVER_SCRIPT)
			deliver_fail(deliver, FALSE, "NO [TOOBIG] The script is too large.");
		else
			deliver->content = deliver_content_new(deliver->cmd->client);
	} else if (is_old_form(&args[0])) {
		deliver_fail(deliver, TRUE,
			     "This form of XDELIVER was given up: use XDELIVER "
			     "TEXT with a script.");
	} else {
		deliver_fail(deliver, TRUE, "XDELIVER has to go on with CAPABILITY or TEXT.");
	}
}

bool cmd_xdeliver(struct client_command_context *cmd)
{
	const struct pushimap_user *user = pushimap_user_get(cmd->client->user);
	struct deliver_command *deliver;
	const struct imap_arg *args;
	int ret;

	ret = imap_parser_read_args(cmd->parser, 2, PARSE_FLAGS, &args);
	if (ret == -2)
		return FALSE;
	if (ret == -1) {
		client_send_command_error(cmd, NULL);
		return TRUE;
	}
	client_args_finished(cmd, args);
	deliver = p_new(cmd->pool, struct deliver_command, 1);
	deliver->cmd = cmd;
	deliver->reading = TRUE;
	/* Not at once: its script would be taken for commands. */
	if (user == NULL || user->submission == NULL)
		deliver_fail(deliver, TRUE, "Unknown command.");
	else
		deliver_judge(deliver, args);
	if (deliver_literal(deliver, args))
		return deliver_answer(deliver);
	cmd->client->input_lock = cmd;
	cmd->context = deliver;
	cmd->func = deliver_continue;
	return deliver_read(deliver);
}
