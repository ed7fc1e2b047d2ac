#include "lib.h"
#include "hostpid.h"
#include "ioloop.h"
#include "istream.h"
#include "mail-user.h"
#include "smtp-client.h"
#include "smtp-client-command.h"
#include "smtp-client-connection.h"
#include "smtp-reply.h"
#include "str.h"
#include "str-sanitize.h"

#include "deliver-run.h"
#include "deliver-server.h"
#include "fantail-settings.h"
#include "limits.h"
#include "monotonic.h"
#include "trouble.h"

/* What the server is asked, besides what the step says. */
enum wait {
	WAIT_NOTHING,
	WAIT_REPLY,
	WAIT_RESET, /* of a message that was given up, so that the next can begin */
	WAIT_TEXT,  /* the reply to the message itself */
};

struct deliver_run {
	const struct deliver_server *server;
	struct mail_user *user;
	struct event *event;
	const struct deliver_batch *batch;
	deliver_run_callback_t *callback;
	void *context;

	struct smtp_client *client;
	struct smtp_client_connection *conn;
	enum wait wait;
	struct timeout *to_step, *to_deadline;
	struct deliver_result result;
	unsigned int next; /* step */

	const struct deliver_step *mail; /* that the server has accepted, else NULL */
	bool open;                       /* the server is within a message */
	unsigned int recipients;         /* that it has accepted */
	bool complete;                   /* it has all of the message, and the last dot */
};

/* Of this process. */
static struct trouble trouble_unreachable;

static void run_step(struct deliver_run *run);

/* --- the end ---------------------------------------------------------------- */

static void run_free(struct deliver_run *run)
{
	timeout_remove(&run->to_step);
	timeout_remove(&run->to_deadline);
	/* Whatever is under way is forgotten, with its callback. */
	if (run->conn != NULL)
		smtp_client_connection_close(&run->conn);
	if (run->client != NULL)
		smtp_client_deinit(&run->client);
	str_free(&run->result.dialogue);
	event_unref(&run->event);
	i_free(run);
}

void deliver_run_abort(struct deliver_run **_run)
{
	struct deliver_run *run = *_run;

	*_run = NULL;
	if (run != NULL)
		run_free(run);
}

static void run_finish(struct deliver_run *run)
{
	T_BEGIN
	{
		if (run->result.connected && run->batch == NULL)
			run->result.capabilities = deliver_server_capabilities(run->conn);
		run->callback(&run->result, run->context);
	}
	T_END;
	run_free(run);
}

/* From within lib-smtp's callbacks no connection can be closed: what comes of them is done from
 * the ioloop. */
static void run_later(struct deliver_run *run)
{
	if (run->to_step == NULL)
		run->to_step = timeout_add_short(0, run_step, run);
}

/* --- replies ---------------------------------------------------------------- */

static void append_text(string_t *dest, const char *text)
{
	for (; *text != '\0'; text++)
		str_append_c(dest, (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
}

static void append_reply(struct deliver_run *run, const struct smtp_reply *reply)
{
	string_t *dest = run->result.dialogue;
	const char *const *line = reply->text_lines;
	const char *code = smtp_reply_get_enh_code(reply);

	if (line == NULL || *line == NULL || str_len(dest) > LIMIT_DELIVER_DIALOGUE) {
		str_printfa(dest, "%03u %s\r\n", reply->status, code == NULL ? "" : code);
		return;
	}
	for (; *line != NULL; line++) {
		str_printfa(dest, "%03u%c", reply->status, line[1] == NULL ? ' ' : '-');
		if (code != NULL)
			str_printfa(dest, "%s ", code);
		append_text(dest, *line);
		str_append(dest, "\r\n");
	}
}

/* Ours, in the server's place. */
static void append_own(struct deliver_run *run, const char *reply)
{
	str_append(run->result.dialogue, reply);
	str_append(run->result.dialogue, "\r\n");
}

static void run_lost(struct deliver_run *run, const char *reply)
{
	run->result.lost = TRUE;
	if (run->wait == WAIT_TEXT && run->complete)
		reply = t_strconcat(reply, " It may have the message.", NULL);
	append_own(run, reply);
	run_later(run);
}

/* False: it is not the server's, or its last. */
static bool run_goes_on(struct deliver_run *run, const struct smtp_reply *reply)
{
	if (smtp_reply_is_remote(reply) && reply->status != 421)
		return TRUE;
	if (smtp_reply_is_remote(reply)) {
		append_reply(run, reply);
		run->result.lost = TRUE;
		run_later(run);
	} else if (reply->status == SMTP_CLIENT_COMMAND_ERROR_TIMED_OUT) {
		run_lost(run, "421 4.4.2 The submission server did not answer in time.");
	} else if (reply->status == SMTP_CLIENT_COMMAND_ERROR_BAD_REPLY) {
		run_lost(run, "421 4.5.0 The submission server's answer cannot be understood.");
	} else {
		run_lost(run, "421 4.4.2 The submission server went away.");
	}
	return FALSE;
}

static void log_message(struct deliver_run *run, const struct deliver_step *step,
			const struct smtp_reply *reply)
{
	e_info(run->event, "fantail: XDELIVER: from=<%s> recipients=%u size=%" PRIuUOFF_T ": %s",
	       str_sanitize(run->mail->address, 256), run->recipients, step->size,
	       str_sanitize(smtp_reply_log(reply), 256));
}

static void run_sent(const struct smtp_reply *reply, void *context);

static void text_sent(void *context)
{
	struct deliver_run *run = context;

	run->complete = TRUE;
}

/* The server has agreed to take the message: lib-smtp doubles dots and adds the last. */
static void send_text(struct deliver_run *run, const struct deliver_step *step)
{
	struct istream *input = i_stream_create_range(run->batch->text, step->offset, step->size);
	struct smtp_client_command *command;

	run->wait = WAIT_TEXT;
	run->complete = FALSE;
	command = smtp_client_command_new(run->conn, 0, run_sent, (void *)run);
	smtp_client_command_set_stream(command, input, TRUE);
	smtp_client_command_set_sent_callback(command, text_sent, run);
	i_stream_unref(&input);
	smtp_client_command_submit(command);
}

static void run_replied(struct deliver_run *run, const struct deliver_step *step,
			const struct smtp_reply *reply)
{
	bool ok = smtp_reply_is_success(reply);

	append_reply(run, reply);
	switch (step->verb) {
	case DELIVER_MAIL:
		run->open = ok;
		run->mail = ok ? step : NULL;
		run->recipients = 0;
		break;
	case DELIVER_RCPT:
		if (ok)
			run->recipients++;
		break;
	case DELIVER_DATA:
		if (run->wait == WAIT_TEXT) {
			log_message(run, step, reply);
			if (ok)
				run->result.accepted++;
			run->open = FALSE;
		} else if (reply->status == 354) {
			send_text(run, step);
			return;
		} else {
			log_message(run, step, reply);
		}
		run->mail = NULL;
		break;
	case DELIVER_RSET:
		run->open = run->open && !ok;
		run->mail = NULL;
		break;
	case DELIVER_EHLO:
	case DELIVER_HELO:
	case DELIVER_NOOP:
	case DELIVER_QUIT:
	case DELIVER_VRFY:
	case DELIVER_EXPN:
	case DELIVER_HELP:
		break;
	}
	run->wait = WAIT_NOTHING;
	run->next++;
	run_later(run);
}

static void run_sent(const struct smtp_reply *reply, void *context)
{
	struct deliver_run *run = context;

	if (run->result.lost || !run_goes_on(run, reply))
		return;
	if (run->wait != WAIT_RESET) {
		run_replied(run, &run->batch->steps[run->next], reply);
		return;
	}
	/* The step itself comes now. */
	run->open = FALSE;
	run->wait = WAIT_NOTHING;
	run_later(run);
}

/* --- commands --------------------------------------------------------------- */

static void send_line(struct deliver_run *run, enum wait wait, const char *line)
{
	struct smtp_client_command *command;

	run->wait = wait;
	command = smtp_client_command_new(run->conn, 0, run_sent, (void *)run);
	smtp_client_command_write(command, line);
	smtp_client_command_submit(command);
}

static void answer_ehlo(struct deliver_run *run)
{
	const char *const *names = deliver_server_capabilities(run->conn);
	string_t *dest = run->result.dialogue;

	str_printfa(dest, "250%c%s\r\n", *names == NULL ? ' ' : '-', my_hostdomain());
	for (; *names != NULL; names++)
		str_printfa(dest, "250%c%s\r\n", names[1] == NULL ? ' ' : '-', *names);
}

static bool server_has(struct deliver_run *run, const char *name)
{
	return str_array_find(deliver_server_capabilities(run->conn), name);
}

/* True: it is answered without the server. */
static bool answer_step(struct deliver_run *run, const struct deliver_step *step)
{
	const char *rule = deliver_server_settings(run->server)->sender;

	switch (step->verb) {
	case DELIVER_EHLO:
		/* What it has said to us. */
		answer_ehlo(run);
		return TRUE;
	case DELIVER_HELO:
		append_own(run, t_strdup_printf("250 %s", my_hostdomain()));
		return TRUE;
	case DELIVER_MAIL:
		if (deliver_sender_allowed(rule, step->address))
			return FALSE;
		append_own(run, "553 5.7.1 This sender is not yours.");
		return TRUE;
	case DELIVER_RCPT:
		if (run->mail != NULL)
			return FALSE;
		append_own(run, "503 5.5.1 The sender was not accepted.");
		return TRUE;
	case DELIVER_DATA:
		if (run->recipients > 0 && run->mail != NULL)
			return FALSE;
		append_own(run, "554 5.5.1 No recipient was accepted.");
		run->mail = NULL;
		return TRUE;
	case DELIVER_VRFY:
	case DELIVER_EXPN:
	case DELIVER_HELP:
		if (server_has(run, step->verb == DELIVER_VRFY   ? "VRFY"
				    : step->verb == DELIVER_EXPN ? "EXPN"
								 : "HELP"))
			return FALSE;
		append_own(run, "502 5.5.1 The submission server does not have this command.");
		return TRUE;
	case DELIVER_QUIT:
		append_own(run, "221 2.0.0 Bye.");
		return TRUE;
	case DELIVER_RSET:
	case DELIVER_NOOP:
		break;
	}
	return FALSE;
}

static void send_step(struct deliver_run *run, const struct deliver_step *step)
{
	const char *line = step->line;

	if (step->verb == DELIVER_MAIL && run->open) {
		send_line(run, WAIT_RESET, "RSET");
		return;
	}
	/* Before all of it is sent the server can say that it is too much. */
	if (step->verb == DELIVER_MAIL && step->size > 0 &&
	    (smtp_client_connection_get_capabilities(run->conn) & SMTP_CAPABILITY_SIZE) != 0)
		line = t_strdup_printf("%s SIZE=%" PRIuUOFF_T, line, step->size);
	send_line(run, WAIT_REPLY, line);
}

static void run_step(struct deliver_run *run)
{
	timeout_remove(&run->to_step);
	if (run->wait != WAIT_NOTHING && !run->result.lost)
		return;
	while (!run->result.lost && run->batch != NULL && run->result.connected &&
	       run->next < run->batch->count) {
		const struct deliver_step *step = &run->batch->steps[run->next];
		bool answered;

		T_BEGIN
		{
			answered = answer_step(run, step);
			if (!answered)
				send_step(run, step);
		}
		T_END;
		if (!answered)
			return;
		run->next++;
	}
	run_finish(run);
}

/* --- connecting ------------------------------------------------------------- */

static void run_connected(const struct smtp_reply *reply, void *context)
{
	struct deliver_run *run = context;
	unsigned int count;

	if (run->result.lost)
		return;
	run->result.connected = smtp_reply_is_success(reply);
	/* What it says then may be about how we log in, and is not the client's. */
	if (!run->result.connected && trouble_note(&trouble_unreachable, monotonic_us(), &count))
		e_error(run->event,
			"fantail: XDELIVER: cannot use the submission server %s: %s (%u times "
			"since "
			"this was last said)",
			deliver_server_settings(run->server)->host,
			str_sanitize(smtp_reply_log(reply), 256), count);
	run_later(run);
}

static void run_deadline(struct deliver_run *run)
{
	timeout_remove(&run->to_deadline);
	if (!run->result.connected)
		e_error(run->event, "fantail: XDELIVER: no answer of the submission server %s",
			deliver_server_settings(run->server)->host);
	run_lost(run, "421 4.4.2 This took too long.");
}

struct deliver_run *deliver_run_start(const struct deliver_server *server, struct mail_user *user,
				      struct event *event, const struct deliver_batch *batch,
				      deliver_run_callback_t *callback, void *context)
{
	struct deliver_run *run = i_new(struct deliver_run, 1);

	run->server = server;
	run->user = user;
	run->event = event;
	event_ref(event);
	run->batch = batch;
	run->callback = callback;
	run->context = context;
	run->result.dialogue = str_new(default_pool, 1024);
	for (unsigned int i = 0; batch != NULL && i < batch->count; i++) {
		if (batch->steps[i].verb == DELIVER_DATA)
			run->result.messages++;
	}
	run->to_deadline = timeout_add(LIMIT_DELIVER_SECS * 1000, run_deadline, run);
	run->conn = deliver_server_connection(server, user, event, &run->client);
	smtp_client_connection_connect(run->conn, run_connected, (void *)run);
	return run;
}
