#include "notify-cmd.h"
#include "array.h"
#include "imap-arg.h"
#include "imap-sync.h"
#include "imap-util.h"
#include "ioloop.h"
#include "ostream.h"
#include "str.h"
#include "dovecot-compat.h"

#include "fantail-settings.h"
#include "imap-line.h"
#include "limits.h"
#include "notify-changes.h"
#include "notify-selected.h"
#include "notify-watch.h"

/* The arguments as notify_spec_parse wants them, and where each came from. */
struct token_row {
	ARRAY(struct notify_token) tokens;
	ARRAY(const struct imap_arg *) args;
};

static void add_token(struct token_row *row, const struct imap_arg *arg,
		      enum notify_token_type type, const char *text)
{
	struct notify_token *token = array_append_space(&row->tokens);

	token->type = type;
	token->text = text;
	array_push_back(&row->args, &arg);
}

static enum notify_result add_tokens(struct token_row *row, const struct imap_arg *args,
				     unsigned int depth)
{
	enum notify_result result;
	const struct imap_arg *list;
	const char *text;

	for (; !IMAP_ARG_IS_EOL(args); args++) {
		if (array_count(&row->tokens) >= LIMIT_NOTIFY_TOKENS)
			return NOTIFY_OVERFLOW;
		if (imap_arg_get_list(args, &list)) {
			if (depth == 0)
				return NOTIFY_SYNTAX;
			add_token(row, args, NOTIFY_TOKEN_OPEN, NULL);
			result = add_tokens(row, list, depth - 1);
			if (result != NOTIFY_OK)
				return result;
			add_token(row, args, NOTIFY_TOKEN_CLOSE, NULL);
		} else if (args->type == IMAP_ARG_NIL) {
			add_token(row, args, NOTIFY_TOKEN_NIL, "NIL");
		} else if (imap_arg_get_atom(args, &text)) {
			add_token(row, args, NOTIFY_TOKEN_ATOM, text);
		} else if (imap_arg_get_astring(args, &text)) {
			add_token(row, args, NOTIFY_TOKEN_STRING, text);
		} else {
			return NOTIFY_SYNTAX;
		}
	}
	return NOTIFY_OK;
}

/* RFC 5465 sections 5.6, 5.7: both exactly if METADATA is offered. */
static notify_events supported_events(struct client *client)
{
	notify_events events = NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE | NOTIFY_FLAG_CHANGE |
			       NOTIFY_MAILBOX_NAME | NOTIFY_SUBSCRIPTION_CHANGE;
	const char *const *offered = t_strsplit_spaces(str_c(client->capability_string), " ");

	if (str_array_icase_find(offered, "METADATA"))
		events |= NOTIFY_MAILBOX_METADATA_CHANGE | NOTIFY_SERVER_METADATA_CHANGE;
	return events;
}

static void fail(struct client_command_context *cmd, enum notify_result result, const char *error)
{
	char names[NOTIFY_EVENTS_SIZE];

	switch (result) {
	case NOTIFY_BAD_EVENT:
		notify_events_format(supported_events(cmd->client), names);
		client_send_tagline(cmd, t_strdup_printf("NO [BADEVENT (%s)] %s", names, error));
		break;
	case NOTIFY_OVERFLOW:
		client_send_tagline(cmd, t_strdup_printf("NO [NOTIFICATIONOVERFLOW] %s", error));
		break;
	case NOTIFY_NO_MEMORY:
		client_send_tagline(cmd, "NO [SERVERBUG] Out of memory.");
		break;
	case NOTIFY_SYNTAX:
	case NOTIFY_OK:
		client_send_command_error(cmd, error);
		break;
	}
}

/* Names live as long as the spec, and are compared with what LIST gives: UTF-8. One that
 * is not valid names nothing, which is no error (3.1). */
static void own_names(struct client *client, struct notify_spec *spec, pool_t pool)
{
	string_t *name = t_str_new(128);

	for (size_t i = 0; i < spec->name_count; i++) {
		str_truncate(name, 0);
		if (fantail_client_mailbox_to_utf8(client, spec->names[i], name) < 0)
			str_truncate(name, 0);
		spec->names[i] = p_strdup(pool, str_c(name));
	}
	notify_spec_reindex(spec);
}

/* TRUE: the tagged answer was sent. */
static bool finish(struct client_command_context *cmd, struct notify_session *session)
{
	/* NULL: it has overflowed meanwhile. */
	if (session->watch != NULL)
		notify_watch_send_noaccess(session->watch);
	if (session->watch != NULL && session->spec.status)
		notify_watch_send_status(session->watch);
	notify_session_rest(session);
	/* What has accumulated in the selected mailbox, as NOOP would (3.1). */
	return cmd_sync(cmd, 0, IMAP_SYNC_FLAG_SAFE, "OK NOTIFY completed.");
}

/* --- waiting for the hub ----------------------------------------------------- */

static void stop_waiting(struct notify_session *session)
{
	session->waiting = NULL;
	timeout_remove(&session->to_ready);
}

static bool cmd_waits(struct client_command_context *cmd)
{
	if (!cmd->cancel)
		return FALSE;
	stop_waiting(notify_session_get(cmd->client));
	return TRUE;
}

void notify_cmd_ready(struct notify_session *session)
{
	timeout_remove(&session->to_ready);
	if (session->waiting == NULL)
		return;
	session->waited = TRUE;
	notify_session_flush_soon(session);
}

/* A second NOTIFY came right behind the first, which then waits no longer. */
static void answer_waiting(struct notify_session *session)
{
	struct client_command_context *cmd = session->waiting;

	if (cmd == NULL)
		return;
	stop_waiting(session);
	if (finish(cmd, session))
		client_command_free(&cmd);
}

bool notify_cmd_continue(struct notify_session *session)
{
	struct client_command_context *cmd = session->waiting;
	struct client *client = session->client;
	struct ostream *output = client->output;

	if (cmd == NULL || !session->waited)
		return TRUE;
	stop_waiting(session);
	o_stream_ref(output);
	o_stream_cork(output);
	if (finish(cmd, session))
		client_command_free(&cmd);
	(void)cmd_sync_delayed(client);
	o_stream_uncork(output);
	o_stream_unref(&output);
	notify_session_flush_soon(session);
	client_continue_pending_input(client);
	return FALSE;
}

/* OK says that from now on changes are told. So the hub has to know first; if it does not
 * answer, the slow poll keeps that promise. */
static bool finish_when_ready(struct client_command_context *cmd, struct notify_session *session)
{
	notify_session_watch(session);
	if (session->hub == NULL || !hub_link_pending(session->hub))
		return finish(cmd, session);
	session->waiting = cmd;
	session->waited = FALSE;
	session->to_ready = timeout_add_short(LIMIT_NOTIFY_READY_MSECS, notify_cmd_ready, session);
	cmd->func = cmd_waits;
	cmd->state = CLIENT_COMMAND_STATE_WAIT_EXTERNAL;
	return FALSE;
}

/* --- the command ------------------------------------------------------------- */

static enum notify_result apply(struct notify_session *session, const struct imap_arg *args,
				const char **error_r)
{
	struct token_row row;
	struct notify_spec spec;
	struct notify_watch *watch;
	const struct imap_arg *fetch_att = NULL;
	enum notify_result result;
	pool_t pool;

	*error_r = "Too many or too deeply nested arguments.";
	t_array_init(&row.tokens, 32);
	t_array_init(&row.args, 32);
	result = add_tokens(&row, args, LIMIT_NOTIFY_NESTING);
	if (result != NOTIFY_OK)
		return result;
	array_append_zero(&row.tokens); /* one there, also without arguments */
	result = notify_spec_parse(array_front(&row.tokens), array_count(&row.tokens) - 1,
				   supported_events(session->client),
				   session->settings->notify_max_mailboxes, &spec, error_r);
	if (result != NOTIFY_OK)
		return result;
	pool = pool_alloconly_create("fantail notify", 512);
	own_names(session->client, &spec, pool);
	if (spec.fetch_count > 0)
		fetch_att = array_idx_elem(&row.args, spec.fetch_first);
	watch = notify_watch_new(session, &spec);
	if (watch == NULL) {
		*error_r = "Too many mailboxes, or they cannot be listed.";
		result = NOTIFY_OVERFLOW;
	} else if (notify_selected_apply(session, &spec, fetch_att, error_r) < 0) {
		notify_watch_free(&watch);
		result = NOTIFY_SYNTAX;
	} else {
		notify_session_set(session, &spec, pool, watch,
				   p_strdup(pool, imap_args_to_str(args)));
		return NOTIFY_OK;
	}
	notify_spec_free(&spec);
	pool_unref(&pool);
	return result;
}

int notify_cmd_restore(struct notify_session *session, const char *arguments, const char **error_r)
{
	const struct imap_arg *args;
	struct imap_line *line = imap_line_parse(arguments, &args);
	int ret = -1;

	*error_r = "The arguments of NOTIFY are incomplete.";
	if (line != NULL && apply(session, args, error_r) == NOTIFY_OK)
		ret = 0;
	imap_line_free(&line);
	return ret;
}

bool notify_cmd_notify(struct client_command_context *cmd, command_func_t *stock)
{
	struct notify_session *session = notify_session_get(cmd->client);
	const struct imap_arg *args;
	enum notify_result result;
	const char *error;

	if (session == NULL)
		return stock(cmd);
	if (!client_read_args(cmd, 0, 0, &args))
		return FALSE;
	answer_waiting(session);
	result = apply(session, args, &error);
	if (result == NOTIFY_OK) {
		session->said = TRUE;
		session->quiet = FALSE;
		return finish_when_ready(cmd, session);
	}
	fail(cmd, result, error);
	return TRUE;
}
