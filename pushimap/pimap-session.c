#include "imap-common.h"
#include "array.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "imap-util.h"
#include "istream.h"
#include "mail-index-modseq.h"
#include "mail-storage-private.h"
#include "module-context.h"
#include "ostream.h"
#include "seq-range-array.h"
#include "str.h"
#include "dovecot-compat.h"

#include "limits.h"
#include "pimap-inband.h"
#include "pimap-presence.h"
#include "pimap-select.h"
#include "pimap-session.h"
#include "pimap-state.h"
#include "pimap-store.h"
#include "pushimap-plugin.h"

#define DAY_SECS (24 * 60 * 60)
/* What Dovecot says first of all in SELECT, of the mailbox before. */
#define CLOSED "* OK [CLOSED]"

#define PIMAP_CONTEXT(client) MODULE_CONTEXT(client, pimap_client_module)

struct pimap_context {
	union imap_module_context module_ctx; /* .super: the client's former vfuncs */
	struct client *client;
	struct pimap_store *store;
	struct pimap_session session; /* that of the selected mailbox is what is confirmed */
	bool resumed;
	bool given_up; /* it ends with the connection, and nothing of it is kept */
	bool ended;

	/* The mailbox that is watched; NULL between two of them. */
	struct mailbox *box;
	struct pimap_folder said; /* as of the last tagged reply */
	bool said_all;            /* with it the client had an answer to all that it sent */

	struct pimap_presence *presence;
	struct timeout *to_listen; /* whether it listens is to be looked at */
	bool started;              /* there are namespaces: the first command has come */
	bool preferred;            /* in-band preferences were set in this connection */

	bool resuming; /* LOGIN's tagged reply waits for the mailbox that was selected */

	/* While SELECT is at work: what it says, and where that goes. */
	string_t *held;
	struct ostream *output;
};

static MODULE_CONTEXT_DEFINE_INIT(pimap_client_module, &imap_module_register);

/* --- what the client has been told ------------------------------------------- */

static uint64_t hash_uids(struct mailbox *box, uint32_t messages)
{
	uint64_t uids = PIMAP_UIDS_NONE;
	uint32_t uid;

	for (uint32_t seq = 1; seq <= messages; seq++) {
		mail_index_lookup_uid(box->view, seq, &uid);
		uids = pimap_uids_add(uids, uid);
	}
	return uids;
}

/* The session's view of the mailbox is what it has told the client, no more. */
static void look(struct pimap_context *ctx, struct pimap_folder *folder)
{
	struct mailbox *box = ctx->client->mailbox;
	struct mailbox_status status;

	mailbox_get_open_status(
		box, STATUS_MESSAGES | STATUS_UIDNEXT | STATUS_UIDVALIDITY | STATUS_HIGHESTMODSEQ,
		&status);
	/* Nothing in it can have changed without one of these. */
	if (folder->messages == status.messages && folder->uidnext == status.uidnext &&
	    folder->modseq == status.highest_modseq)
		return;
	folder->index = mail_index_get_header(box->view)->indexid;
	folder->uidvalidity = status.uidvalidity;
	folder->uidnext = status.uidnext;
	folder->messages = status.messages;
	folder->modseq = status.highest_modseq;
	folder->uids = hash_uids(box, status.messages);
}

/* Nothing of it is on its way to us, as far as we know. */
static bool input_is_empty(struct client *client)
{
	size_t size;
	const unsigned char *data = i_stream_get_data(client->input, &size);

	/* The end of the command's own line may be left. */
	while (size > 0 && (*data == '\r' || *data == '\n')) {
		data++;
		size--;
	}
	return size == 0;
}

/* The client says something after a tagged reply: so it has read that. Not if it did not wait for
 * it. */
static void confirm(struct pimap_context *ctx)
{
	if (!ctx->said_all)
		return;
	ctx->said_all = FALSE;
	if (ctx->box == NULL || ctx->box != ctx->client->mailbox)
		return;
	ctx->said.unsure = TRUE; /* should this process end without saying goodbye */
	if (!pimap_session_put(&ctx->session, &ctx->said))
		pimap_session_drop(&ctx->session, ctx->said.guid);
}

/* May the client have been told more of its messages than what is confirmed? CLOSE is about to take
 * some. UIDs only grow: if UIDNEXT is the same and all are there, then none came, and none went. */
static bool more_said(struct pimap_context *ctx, const struct pimap_folder *known, bool close)
{
	struct mailbox *box = ctx->client->mailbox;
	uint32_t messages = mail_index_view_get_messages_count(box->view), left = 0;

	if (mail_index_get_header(box->view)->next_uid != known->uidnext)
		return TRUE;
	for (uint32_t seq = 1; seq <= messages; seq++) {
		const struct mail_index_record *rec = mail_index_lookup(box->view, seq);

		if (!(close && (rec->flags & MAIL_DELETED) != 0))
			left++;
	}
	return left != known->messages;
}

/* The mailbox is about to be closed, or the connection to end. Until this is written the file has
 * an older state, which is marked as unsure. */
static void leave(struct pimap_context *ctx, bool close)
{
	const struct pimap_folder *known;

	if (ctx->box == NULL)
		return;
	known = pimap_session_find(&ctx->session, ctx->said.guid);
	if (known != NULL && ctx->box == ctx->client->mailbox) {
		pimap_session_mark(&ctx->session, ctx->said.guid,
				   more_said(ctx, known, close && !ctx->client->mailbox_examined));
	}
	ctx->box = NULL;
}

/* --- what the device has missed ---------------------------------------------- */

struct missed {
	ARRAY_TYPE(uint32_t) uids, gone_uids;
	uint32_t *gone; /* the device's numbers */
	size_t gone_count;
	ARRAY_TYPE(uint32_t) changed; /* our numbers */
};

static bool find_gone_uids(struct pimap_context *ctx, const struct pimap_folder *known,
			   ARRAY_TYPE(uint32_t) *uids)
{
	ARRAY_TYPE(seq_range) filter, gone;
	struct seq_range_iter iter;
	unsigned int n = 0;
	uint32_t uid;

	if (ctx->said.uidnext <= 1)
		return TRUE;
	t_array_init(&filter, 1);
	t_array_init(&gone, 64);
	seq_range_array_add_range(&filter, 1, ctx->said.uidnext - 1);
	if (!mailbox_get_expunged_uids(ctx->client->mailbox, known->modseq, &filter, &gone))
		return FALSE;
	if (seq_range_count(&gone) > known->messages + LIMIT_PIMAP_EVENTS)
		return FALSE;
	seq_range_array_iter_init(&iter, &gone);
	while (seq_range_array_iter_nth(&iter, n++, &uid))
		array_push_back(uids, &uid);
	return TRUE;
}

static enum pimap_resume prove(struct pimap_context *ctx, const struct pimap_folder *known,
			       struct missed *missed)
{
	struct mailbox *box = ctx->client->mailbox;
	struct pimap_now now = {
		.index = ctx->said.index,
		.uidvalidity = ctx->said.uidvalidity,
		.uidnext = ctx->said.uidnext,
		.modseq = ctx->said.modseq,
		.permanent = !ctx->client->nonpermanent_modseqs,
	};
	unsigned int count;
	uint32_t uid;

	for (uint32_t seq = 1; seq <= ctx->said.messages; seq++) {
		mail_index_lookup_uid(box->view, seq, &uid);
		array_push_back(&missed->uids, &uid);
		if (uid >= known->uidnext ||
		    mail_index_modseq_lookup(box->view, seq) > known->modseq)
			array_push_back(&missed->changed, &seq);
	}
	now.logged = find_gone_uids(ctx, known, &missed->gone_uids);
	now.uids = array_get(&missed->uids, &count);
	now.count = count;
	now.expunged = array_get(&missed->gone_uids, &count);
	now.expunged_count = count;
	missed->gone = i_new(uint32_t, known->messages + 1);
	return pimap_resume_prove(known, &now, missed->gone, &missed->gone_count);
}

static void append_fetch(struct client *client, struct mail *mail, string_t *dest)
{
	str_printfa(dest, "* %u FETCH (UID %u FLAGS (", mail->seq, mail->uid);
	imap_write_flags(dest, mail_get_flags(mail), mail_get_keywords(mail));
	str_append_c(dest, ')');
	/* RFC 7162 section 3.2 */
	if (client_has_enabled(client, imap_feature_condstore))
		str_printfa(dest, " MODSEQ (%" PRIu64 ")", mail_get_modseq(mail));
	str_append(dest, ")\r\n");
}

static void append_changed(struct pimap_context *ctx, const struct missed *missed, string_t *dest)
{
	struct mailbox_transaction_context *trans;
	struct mail *mail;
	uint32_t seq;

	trans = mailbox_transaction_begin(ctx->client->mailbox, 0, __func__);
	mail = mail_alloc(trans, MAIL_FETCH_FLAGS, NULL);
	array_foreach_elem (&missed->changed, seq)
		T_BEGIN
		{
			mail_set_seq(mail, seq);
			append_fetch(ctx->client, mail, dest);
		}
	T_END;
	mail_free(&mail);
	/* Nothing was changed in it. */
	mailbox_transaction_rollback(&trans);
}

static void append_missed(struct pimap_context *ctx, const struct pimap_folder *known,
			  string_t *before, string_t *after)
{
	struct missed missed = {.gone = NULL};
	enum pimap_resume resume;

	i_array_init(&missed.uids, ctx->said.messages + 1);
	i_array_init(&missed.gone_uids, 64);
	i_array_init(&missed.changed, 64);
	/* With QRESYNC there are no EXPUNGEs: it has a better way, and asks for it itself. */
	if (client_has_enabled(ctx->client, imap_feature_qresync))
		resume = PIMAP_RESUME_NO_LOG;
	else
		resume = prove(ctx, known, &missed);
	if (resume != PIMAP_RESUME_PROVEN) {
		e_debug(ctx->client->event, "fantail: P-IMAP: RESYNC: %s",
			pimap_resume_reason(resume));
		str_append(after, "* RESYNC\r\n");
	} else if (missed.gone_count + array_count(&missed.changed) > LIMIT_PIMAP_EVENTS) {
		e_debug(ctx->client->event, "fantail: P-IMAP: RESYNC: too many changes");
		str_append(after, "* RESYNC\r\n");
		resume = PIMAP_RESUME_DIFFERS;
	} else {
		/* From the highest down: none moves another's number. */
		for (size_t i = missed.gone_count; i > 0; i--)
			str_printfa(before, "* %u EXPUNGE\r\n", missed.gone[i - 1]);
		append_changed(ctx, &missed, after);
	}
	if (resume != PIMAP_RESUME_PROVEN)
		pimap_session_drop(&ctx->session, ctx->said.guid);
	array_free(&missed.uids);
	array_free(&missed.gone_uids);
	array_free(&missed.changed);
	i_free(missed.gone);
}

/* A mailbox is selected, and nothing of it is confirmed to this connection. False: what happens in
 * it cannot be kept, and the session ends with the connection, since its file would be wrong. */
static bool enter(struct pimap_context *ctx)
{
	struct mailbox *box = ctx->client->mailbox;
	struct mailbox_metadata metadata;

	if (ctx->given_up)
		return FALSE;
	/* So that changes from now on can be told from those before. */
	if (mailbox_enable(box, MAILBOX_FEATURE_CONDSTORE) < 0 ||
	    mailbox_get_metadata(box, MAILBOX_METADATA_GUID, &metadata) < 0) {
		e_error(ctx->client->event, "fantail: P-IMAP: %s: %s", mailbox_get_vname(box),
			mailbox_get_last_internal_error(box, NULL));
		pimap_store_remove(ctx->store, &ctx->session);
		ctx->given_up = TRUE;
		return FALSE;
	}
	ctx->box = box;
	i_zero(&ctx->said);
	memcpy(ctx->said.guid, metadata.guid, sizeof(ctx->said.guid));
	look(ctx, &ctx->said);
	return TRUE;
}

/* Can the next connection begin with it? What was ENABLEd ends with this one, and can be had again
 * only before a mailbox is selected (RFC 5161). */
static bool is_lasting(struct client *client)
{
	return client->mailbox != NULL && !client->logged_out &&
	       !mailbox_is_readonly(client->mailbox) && *client_enabled_features(client) == NULL &&
	       strlen(mailbox_get_vname(client->mailbox)) <= LIMIT_MAILBOX;
}

static void note_selected(struct pimap_context *ctx)
{
	pimap_session_select(&ctx->session, is_lasting(ctx->client)
						    ? mailbox_get_vname(ctx->client->mailbox)
						    : "");
}

static void write_session(struct pimap_context *ctx)
{
	note_selected(ctx);
	pimap_store_write(ctx->store, &ctx->session);
}

/* From here on the device may see more than what is confirmed. */
static void mark_unsure(struct pimap_context *ctx)
{
	pimap_session_mark(&ctx->session, ctx->said.guid, TRUE);
	write_session(ctx);
}

static void tell_missed(struct pimap_context *ctx, string_t *before, string_t *after)
{
	const struct pimap_folder *known = pimap_session_find(&ctx->session, ctx->said.guid);

	if (known != NULL) {
		append_missed(ctx, known, before, after);
	} else if (ctx->resumed) {
		/* Of a new session the device knows that it has to compare all. */
		str_append(after, "* RESYNC\r\n");
	}
	mark_unsure(ctx);
}

/* What has to be said before SELECT's own data, and after it. */
static void catch_up(struct pimap_context *ctx, string_t *before, string_t *after)
{
	if (!enter(ctx)) {
		str_append(after, "* RESYNC\r\n");
		return;
	}
	tell_missed(ctx, before, after);
}

/* --- SELECT ------------------------------------------------------------------ */

static void hold(struct pimap_context *ctx)
{
	ctx->held = str_new(default_pool, 512);
	ctx->output = ctx->client->output;
	ctx->client->output = o_stream_create_buffer(ctx->held);
	o_stream_set_no_error_handling(ctx->client->output, TRUE);
}

/* What is held is still there. */
static void unhold(struct pimap_context *ctx)
{
	o_stream_destroy(&ctx->client->output);
	ctx->client->output = ctx->output;
}

static void let_go(struct pimap_context *ctx)
{
	if (ctx->held == NULL)
		return;
	unhold(ctx);
	o_stream_nsend(ctx->client->output, str_data(ctx->held), str_len(ctx->held));
	str_free(&ctx->held);
}

static void selected(struct pimap_context *ctx)
{
	string_t *before = str_new(default_pool, 256), *after = str_new(default_pool, 256);
	const char *end;
	size_t closed = 0;

	catch_up(ctx, before, after);
	if (strncmp(str_c(ctx->held), CLOSED, strlen(CLOSED)) == 0 &&
	    (end = strchr(str_c(ctx->held), '\n')) != NULL)
		closed = end + 1 - str_c(ctx->held);
	str_insert(ctx->held, closed, str_c(before));
	str_append_str(ctx->held, after);
	str_free(&before);
	str_free(&after);
}

/* --- in-band preferences ------------------------------------------------------ */

static void look_whether_it_listens(struct pimap_context *ctx)
{
	timeout_remove(&ctx->to_listen);
	pimap_presence_set(ctx->presence, pimap_inband_listens(ctx->client));
}

/* When the command has ended, and those that wait for it. */
static void plan_to_listen(struct pimap_context *ctx)
{
	if (ctx->to_listen == NULL && !ctx->ended)
		ctx->to_listen = timeout_add_short(0, look_whether_it_listens, ctx);
}

static void apply_preferences(struct pimap_context *ctx)
{
	if (!ctx->started)
		return;
	pimap_inband_apply(ctx->client, ctx->session.push, ctx->session.format);
	plan_to_listen(ctx);
}

/* TRUE: that is another one than before. */
static bool set_preference(struct pimap_session *session, enum pimap_pref pref, const char *value)
{
	if (pref == PIMAP_INBAND_PUSH) {
		bool push = strcmp(value, "ON") == 0;

		if (session->push == push)
			return FALSE;
		session->push = push;
	} else {
		if (strcmp(value, "NONE") == 0)
			value = "";
		if (strcmp(session->format, value) == 0 || strlen(value) >= sizeof(session->format))
			return FALSE;
		strcpy(session->format, value);
	}
	session->whole = TRUE;
	return TRUE;
}

void pimap_session_prefer(struct client *client, enum pimap_pref pref, const char *value)
{
	struct pimap_context *ctx = PIMAP_CONTEXT(client);

	if (ctx == NULL || ctx->ended)
		return;
	ctx->preferred = TRUE;
	if (!set_preference(&ctx->session, pref, value))
		return;
	write_session(ctx);
	apply_preferences(ctx);
}

/* Another session of the device may have set them. */
static void preferences_known(const struct tabline_field *fields, size_t count, void *context)
{
	static const enum pimap_pref prefs[] = {PIMAP_INBAND_PUSH, PIMAP_INBAND_NEW_FORMAT};
	struct pimap_context *ctx = context;
	bool changed = FALSE;

	for (unsigned int i = 0; i < N_ELEMENTS(prefs); i++) {
		const char *value = tabline_get(fields, count, pimap_pref_info(prefs[i])->field);

		/* A bridge that does not say leaves it at what was known. */
		if (value != NULL && !ctx->preferred &&
		    set_preference(&ctx->session, prefs[i], value))
			changed = TRUE;
	}
	if (!changed)
		return;
	write_session(ctx);
	apply_preferences(ctx);
}

/* --- the mailbox that was selected --------------------------------------------- */

/* False: it is another one by that name, or cannot be used as it was. */
static bool select_again(struct pimap_context *ctx, string_t *said)
{
	struct client *client = ctx->client;
	const char *name = t_strdup(ctx->session.selected);
	const struct pimap_folder *known;
	bool same;

	if (!pimap_select(client, name, said))
		return FALSE;
	same = !mailbox_is_readonly(client->mailbox) && enter(ctx) &&
	       (known = pimap_session_find(&ctx->session, ctx->said.guid)) != NULL &&
	       known->uidvalidity == ctx->said.uidvalidity;
	if (!same) {
		ctx->box = NULL;
		imap_client_close_mailbox(client);
	}
	return same;
}

/* Of what SELECT says that what is news to a device that had it selected. */
static void append_news(string_t *dest, string_t *said)
{
	for (const char *const *line = t_strsplit(str_c(said), "\r\n"); *line != NULL; line++) {
		size_t len = strlen(*line);

		if (strncmp(*line, "* FLAGS ", 8) == 0 ||
		    (len > 7 && (strcmp(*line + len - 7, " EXISTS") == 0 ||
				 strcmp(*line + len - 7, " RECENT") == 0)))
			str_printfa(dest, "%s\r\n", *line);
	}
}

static void append_selected(struct pimap_context *ctx, string_t *dest)
{
	/* Not in the data stack: it grows while others have frames there. */
	string_t *said = str_new(default_pool, 512), *name = t_str_new(128);
	string_t *before = str_new(default_pool, 256), *after = str_new(default_pool, 256);

	if (select_again(ctx, said) &&
	    fantail_client_mailbox_from_utf8(ctx->client, ctx->session.selected, name) == 0) {
		str_append(dest, "* SESSION SELECTED\r\n* FOLDER ");
		fantail_imap_append_astring(dest, str_c(name));
		str_append(dest, "\r\n");
		tell_missed(ctx, before, after);
		str_append_str(dest, before);
		append_news(dest, said);
		str_append_str(dest, after);
	} else {
		str_append(dest, "* SESSION AUTHENTICATED\r\n");
	}
	str_free(&said);
	str_free(&before);
	str_free(&after);
}

static void append_id(struct pimap_context *ctx, string_t *dest)
{
	str_printfa(dest, "* SESSIONID %016" PRIx64 "\r\n", ctx->session.id);
}

/* There are namespaces now: what was to come before the tagged reply can be said. */
static void pimap_init(struct client *client)
{
	struct pimap_context *ctx = PIMAP_CONTEXT(client);
	string_t *dest = str_new(default_pool, 256);

	ctx->module_ctx.super.init(client);
	unhold(ctx);
	T_BEGIN
	{
		append_selected(ctx, dest);
	}
	T_END;
	append_id(ctx, dest);
	str_append_str(dest, ctx->held);
	o_stream_nsend(client->output, str_data(dest), str_len(dest));
	str_free(&dest);
	str_free(&ctx->held);
	ctx->resuming = FALSE;
	ctx->started = TRUE;
	ctx->said_all = input_is_empty(client);
	apply_preferences(ctx);
}

/* --- hooks ------------------------------------------------------------------- */

static bool is_select(const struct client_command_context *cmd)
{
	return strcasecmp(cmd->name, "SELECT") == 0 || strcasecmp(cmd->name, "EXAMINE") == 0;
}

static void command_pre(struct client_command_context *cmd)
{
	struct pimap_context *ctx = PIMAP_CONTEXT(cmd->client);

	if (ctx == NULL || ctx->ended || cmd->name == NULL)
		return;
	if (!ctx->started) {
		ctx->started = TRUE;
		if (ctx->session.push || *ctx->session.format != '\0')
			apply_preferences(ctx);
	}
	confirm(ctx);
	if (is_select(cmd)) {
		leave(ctx, FALSE);
		hold(ctx);
	} else if (strcasecmp(cmd->name, "CLOSE") == 0) {
		leave(ctx, TRUE);
	} else if (strcasecmp(cmd->name, "UNSELECT") == 0) {
		leave(ctx, FALSE);
	}
}

static void command_post(struct client_command_context *cmd)
{
	struct pimap_context *ctx = PIMAP_CONTEXT(cmd->client);

	if (ctx == NULL)
		return;
	let_go(ctx);
	plan_to_listen(ctx);
}

static void pimap_send_tagline(struct client_command_context *cmd, const char *data)
{
	struct client *client = cmd->client;
	struct pimap_context *ctx = PIMAP_CONTEXT(client);

	if (ctx->ended || ctx->resuming) {
		/* Of a command that is cancelled, or of SELECT that nobody asked for. */
		ctx->module_ctx.super.send_tagline(cmd, data);
		return;
	}
	if (ctx->held != NULL) {
		if (client->mailbox != NULL && strncmp(data, "OK ", 3) == 0)
			selected(ctx);
		let_go(ctx);
	}
	if (client->logged_out) {
		/* Before the client knows: its next login is a new session. */
		pimap_store_remove(ctx->store, &ctx->session);
	}
	ctx->module_ctx.super.send_tagline(cmd, data);
	plan_to_listen(ctx);
	if (client->mailbox == NULL || client->logged_out) {
		ctx->box = NULL;
		if (!client->logged_out && *ctx->session.selected != '\0')
			write_session(ctx);
	} else if (ctx->box == client->mailbox) {
		look(ctx, &ctx->said);
	} else if (enter(ctx)) {
		/* It was to be closed and is not. */
		mark_unsure(ctx);
	}
	ctx->said_all = client->command_queue == cmd && cmd->next == NULL && input_is_empty(client);
}

static void pimap_destroy(struct client *client, const char *reason)
{
	struct pimap_context *ctx = PIMAP_CONTEXT(client);

	timeout_remove(&ctx->to_listen);
	if (ctx->resuming) {
		/* There were no namespaces, and Dovecot has said BYE. */
		unhold(ctx);
		str_free(&ctx->held);
	}
	leave(ctx, FALSE);
	note_selected(ctx);
	pimap_store_finish(ctx->store, &ctx->session);
	pimap_session_free(&ctx->session);
	ctx->ended = TRUE;
	pimap_presence_end(&ctx->presence);
	ctx->module_ctx.super.destroy(client, reason);
}

/* A connection that wakes up in another process would be one more login. */
static int pimap_state_export(struct client *client ATTR_UNUSED, bool internal ATTR_UNUSED,
			      buffer_t *dest ATTR_UNUSED, const char **error_r)
{
	*error_r = "P-IMAP sessions do not hibernate";
	return 0;
}

void pimap_session_begin(struct client *client, const char *device, unsigned int expire_days)
{
	struct pimap_context *ctx = p_new(client->pool, struct pimap_context, 1);
	string_t *lines = t_str_new(64);
	const char *home;
	bool is_new;

	if (mail_user_get_home(client->user, &home) <= 0)
		home = NULL;
	ctx->client = client;
	ctx->store = pimap_store_create(client->pool, client->event, home, device);
	pimap_store_take(ctx->store, expire_days * DAY_SECS, &ctx->session, &is_new);
	ctx->resumed = !is_new;
	ctx->module_ctx.super = client->v;
	client->v.send_tagline = pimap_send_tagline;
	client->v.destroy = pimap_destroy;
	client->v.state_export = pimap_state_export;
	MODULE_CONTEXT_SET(client, pimap_client_module, ctx);

	/* A mailbox can be selected when there are namespaces. That is after Dovecot's tagged
	 * reply, which comes next; rawlog would take over the output before. */
	if (*ctx->session.selected != '\0' && *client->set->rawlog_dir == '\0') {
		ctx->resuming = TRUE;
		hold(ctx);
		client->v.init = pimap_init;
	} else {
		if (ctx->resumed)
			str_append(lines, "* SESSION AUTHENTICATED\r\n");
		append_id(ctx, lines);
		o_stream_nsend(client->output, str_data(lines), str_len(lines));
	}
	ctx->presence = pimap_presence_new(client, device, preferences_known, ctx);
}

void pimap_session_init(void)
{
	command_hook_register(command_pre, command_post);
}

void pimap_session_deinit(void)
{
	command_hook_unregister(command_pre, command_post);
}
