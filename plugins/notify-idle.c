#include "notify-idle.h"
#include "imap-commands.h"
#include "imap-keepalive.h"
#include "imap-sync.h"
#include "ioloop.h"
#include "istream.h"
#include "ostream.h"
#include "mail-storage-private.h"

#include "notify-hibernate.h"
#include "notify-selected.h"

/* From the session's first IDLE to its end. */
struct notify_idle {
	struct notify_session *session; /* NULL: it is being destroyed */
	struct client *client;

	/* An IDLE of Dovecot's is to look. */
	struct timeout *to_stock;

	/* An IDLE of ours; NULL: none runs. */
	struct client_command_context *cmd;
	struct imap_sync_context *sync;
	struct timeout *to_keepalive;
};

/* What Dovecot's IDLE goes on with, by which a running one is known. */
static command_func_t *stock_continue;

static bool idle_continue(struct client_command_context *cmd);

/* --- Dovecot's IDLE ---------------------------------------------------------- */

static bool stock_runs(const struct client *client)
{
	const struct client_command_context *cmd;

	for (cmd = client->command_queue; cmd != NULL; cmd = cmd->next) {
		if (stock_continue != NULL && cmd->func == stock_continue)
			return TRUE;
	}
	return FALSE;
}

/* As if the mailbox had called. It may destroy the client, so nobody of ours may be
 * among the callers. */
static void stock_look(struct notify_idle *idle)
{
	struct mailbox *box = idle->client->mailbox;

	timeout_remove(&idle->to_stock);
	if (stock_runs(idle->client) && box != NULL && box->notify_callback != NULL)
		box->notify_callback(box, box->notify_context);
}

static bool stock_start(struct client_command_context *cmd, command_func_t *stock)
{
	command_func_t *former = cmd->func;

	if (stock(cmd))
		return TRUE;
	if (cmd->func != former)
		stock_continue = cmd->func;
	return FALSE;
}

/* --- "Still here" ------------------------------------------------------------ */

static void keepalive_start(struct notify_idle *idle);

static void keepalive_timeout(struct notify_idle *idle)
{
	struct client *client = idle->client;

	/* Not while something else is on its way, which serves as well. */
	if (idle->sync == NULL && client->output_cmd_lock == NULL &&
	    o_stream_get_buffer_used_size(client->output) == 0) {
		o_stream_cork(client->output);
		client_send_line(client, "* OK Still here");
		o_stream_uncork(client->output);
	}
	/* Clients may stay in IDLE for as long as they like. */
	timeout_reset(client->to_idle);
	/* The interval is set so that all of a user's connections speak at one time. */
	keepalive_start(idle);
}

static void keepalive_start(struct notify_idle *idle)
{
	const struct client *client = idle->client;
	unsigned int interval = client->set->imap_idle_notify_interval;

	timeout_remove(&idle->to_keepalive);
	if (interval == 0)
		return;
	interval = imap_keepalive_interval_msecs(client->user->username,
						 client->user->conn.remote_ip, interval);
	idle->to_keepalive = timeout_add_short(interval, keepalive_timeout, idle);
}

/* --- the end of ours --------------------------------------------------------- */

/* The command itself is freed by the caller. */
static void idle_finish(struct notify_idle *idle, bool done)
{
	struct client_command_context *cmd = idle->cmd;
	struct client *client = idle->client;

	timeout_remove(&idle->to_keepalive);
	if (idle->sync != NULL) /* the client is being destroyed */
		(void)imap_sync_deinit(idle->sync, cmd);
	idle->sync = NULL;
	idle->cmd = NULL;
	o_stream_cork(client->output);
	io_remove(&client->io);
	client_send_tagline(cmd, done ? "OK Idle completed." : "BAD Expected DONE.");
	o_stream_uncork(client->output);
	if (idle->session == NULL)
		return;
	notify_session_keep_alive(idle->session);
	notify_session_flush_soon(idle->session);
}

/* TRUE: the command has ended. */
static bool idle_read_line(struct notify_idle *idle)
{
	struct client *client = idle->client;
	const char *line;

	while ((line = i_stream_next_line(client->input)) != NULL) {
		if (client->input_skip_line) { /* the rest of the command's own */
			client->input_skip_line = FALSE;
			continue;
		}
		idle_finish(idle, strcasecmp(line, "DONE") == 0);
		return TRUE;
	}
	return FALSE;
}

static void idle_input(struct notify_idle *idle)
{
	struct client *client = idle->client;
	struct client_command_context *cmd = idle->cmd;
	bool ended, full = FALSE;

	client->last_input = ioloop_time;
	timeout_reset(client->to_idle);
	switch (i_stream_read(client->input)) {
	case -1:
		client_disconnect(client, NULL);
		client_continue_pending_input(client);
		return;
	case -2:
		full = TRUE;
		break;
	default:
		break;
	}
	if (idle->sync != NULL) {
		/* What is being sent comes first; idle_wait() takes the input up again. */
		io_remove(&client->io);
		return;
	}
	ended = idle_read_line(idle);
	if (!ended && full) { /* a line that long is no DONE */
		client->input_skip_line = TRUE;
		idle_finish(idle, FALSE);
		ended = TRUE;
	}
	if (ended) {
		client_command_free(&cmd);
		client_continue_pending_input(client);
	}
}

/* --- syncs of ours ----------------------------------------------------------- */

static void idle_wait(struct notify_idle *idle)
{
	struct client *client = idle->client;

	idle->cmd->state = CLIENT_COMMAND_STATE_WAIT_INPUT;
	if (client->io == NULL && !client->disconnected) {
		client->io = io_add_istream(client->input, idle_input, idle);
		i_stream_set_input_pending(client->input, TRUE);
	}
}

/* FALSE: the client has to read first. */
static bool idle_sync_more(struct notify_idle *idle)
{
	struct client *client = idle->client;
	uoff_t offset = client->output->offset;
	int ret = imap_sync_more(idle->sync);

	if (ret == 0) {
		idle->cmd->state = CLIENT_COMMAND_STATE_WAIT_OUTPUT;
		o_stream_set_flush_pending(client->output, TRUE);
		return FALSE;
	}
	if (imap_sync_deinit(idle->sync, idle->cmd) < 0)
		client_send_untagged_storage_error(client, mailbox_get_storage(client->mailbox));
	idle->sync = NULL;
	if (client->output->offset != offset)
		keepalive_start(idle);
	idle_wait(idle);
	return TRUE;
}

static bool idle_sync_start(struct notify_idle *idle)
{
	idle->sync =
		imap_sync_init(idle->client, idle->client->mailbox, IMAP_SYNC_FLAG_SEND_UID, 0);
	return idle_sync_more(idle);
}

/* The client has read, or it is gone. */
static bool idle_continue(struct client_command_context *cmd)
{
	struct notify_idle *idle = cmd->context;

	if (cmd->cancel) {
		idle_finish(idle, FALSE);
		return TRUE;
	}
	if (idle->sync != NULL && idle_sync_more(idle) && idle->session != NULL)
		notify_session_flush_soon(idle->session);
	return FALSE;
}

/* --- commands ---------------------------------------------------------------- */

static bool idle_start(struct notify_idle *idle, struct client_command_context *cmd)
{
	struct client *client = cmd->client;

	idle->cmd = cmd;
	cmd->func = idle_continue;
	cmd->context = idle;
	keepalive_start(idle);
	notify_hibernate_postpone(idle->session);
	if (!client->state_import_idle_continue)
		client_send_line(client, "+ idling");
	client->state_import_idle_continue = FALSE;
	io_remove(&client->io);
	client->io = io_add_istream(client->input, idle_input, idle);
	/* What has come before is for the next flush, not for here: core takes a command
	 * that waits for output for one that others may follow, and has no pause then. */
	notify_selected_mark(idle->session);
	notify_session_flush_soon(idle->session);
	return idle_read_line(idle);
}

bool notify_cmd_idle(struct client_command_context *cmd, command_func_t *stock)
{
	struct notify_session *session = notify_session_get(cmd->client);
	struct notify_idle *idle;

	if (session == NULL)
		return stock(cmd);
	if (notify_hibernate_is_made_up(session))
		return TRUE;
	if (session->idle == NULL) {
		idle = p_new(cmd->client->pool, struct notify_idle, 1);
		idle->session = session;
		idle->client = cmd->client;
		session->idle = idle;
	}
	/* Now the wake-ups matter for which there was no reason before. */
	notify_session_watch(session);
	if (!notify_selected_applied(session))
		return stock_start(cmd, stock);
	return idle_start(session->idle, cmd);
}

bool notify_idle_runs(const struct notify_session *session)
{
	const struct notify_idle *idle = session->idle;

	return idle != NULL && (idle->cmd != NULL || stock_runs(idle->client));
}

bool notify_idle_at_rest(const struct notify_session *session)
{
	const struct notify_idle *idle = session->idle;

	return idle == NULL || (!stock_runs(idle->client) && idle->sync == NULL);
}

struct client_command_context *notify_idle_command(const struct notify_session *session)
{
	return session->idle == NULL ? NULL : session->idle->cmd;
}

bool notify_idle_sync(struct notify_session *session)
{
	struct notify_idle *idle = session->idle;
	struct client *client = idle->client;
	bool corked;

	if (idle->cmd == NULL) {
		/* Its callback copes with a sync that is still sending. */
		if (idle->to_stock == NULL)
			idle->to_stock = timeout_add_short(0, stock_look, idle);
		return TRUE;
	}
	if (idle->sync != NULL || !notify_session_may_write(session))
		return FALSE;
	corked = o_stream_is_corked(client->output);
	o_stream_cork(client->output);
	/* What does not fit is the end of this change: nothing is left to look for. */
	(void)idle_sync_start(idle);
	if (!corked)
		o_stream_uncork(client->output);
	return TRUE;
}

void notify_idle_deinit(struct notify_session *session)
{
	struct notify_idle *idle = session->idle;

	session->idle = NULL;
	if (idle == NULL)
		return;
	timeout_remove(&idle->to_stock);
	timeout_remove(&idle->to_keepalive);
	idle->session = NULL;
}
