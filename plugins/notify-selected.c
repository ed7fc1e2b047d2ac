#include "notify-selected.h"
#include "array.h"
#include "ioloop.h"
#include "ostream.h"
#include "seq-range-array.h"
#include "module-context.h"
#include "imap-arg.h"
#include "imap-fetch.h"
#include "imap-notify.h"
#include "imap-sync.h"
#include "imap-sync-private.h"
#include "mail-storage-private.h"
#include "mail-storage-hooks.h"
#include "dovecot-compat.h"

#include "notify-acl.h"
#include "notify-fingerprint.h"
#include "view-backing.h"
#include "notify-idle.h"
#include "notify-watch.h"

#define NOTIFY_MAILBOX_CONTEXT(box) MODULE_CONTEXT(box, notify_mailbox_module)

static MODULE_CONTEXT_DEFINE_INIT(notify_mailbox_module, &mail_storage_module_register);

/* An IMAP EXPUNGE commits its request, for which we are woken, and expunges when it
 * syncs, a moment later. So we look again, after pauses that double. */
#define AGAIN_FIRST_MSECS 20
#define AGAIN_TIMES 6

/* A command that is in the way may end without the hook after it: one that waits for
 * something besides the client, or that turns out to be none. */
#define RETRY_FIRST_MSECS 100
#define RETRY_MAX_MSECS 1000

/* Every mailbox of a user who has the plugin. */
struct notify_mailbox {
	union mailbox_module_context module_ctx;
	unsigned int serial; /* memory is used again, numbers are not */
};
static unsigned int last_serial;

enum selected_mode {
	SELECTED_STOCK, /* NOTIFY has not been said */
	SELECTED_NONE,
	SELECTED_IMMEDIATE,
	SELECTED_DELAYED,
};

struct notify_selected {
	struct notify_session *session;
	struct client *client;

	enum selected_mode mode;
	notify_events events;
	/* Core's context changes hands when a sync begins: before, a FETCH may be using
	 * the former one. */
	struct imap_notify_context *next_ctx;
	bool ctx_changed;
	/* Of the context in force; lent to it while there is something to FETCH. */
	struct imap_fetch_context *fetch_ctx;

	/* Of the selected mailbox; all zero for another one. */
	struct selected_box {
		unsigned int serial;
		char guid[GUID_128_SIZE * 2 + 1]; /* empty: not asked for yet */
		bool dirty;
		/* What this connection did since the last sync. */
		bool own_save, own_flags;
		/* Of messages saved by this connection; the client does not want to
		 * hear of them (RFC 5465 section 5). */
		ARRAY_TYPE(seq_range) own_uids;
		/* The last sync found messages and did not say so: the client knows of
		 * so many, and of so many that are recent. */
		bool silent;
		uint32_t told, told_recent;
		/* Flags of known messages were changed and that was not said: never again
		 * does the client hear of them, so HIGHESTMODSEQ must not pass them. */
		bool withheld;
		unsigned int again;       /* how often to look again for an expunge */
		unsigned int retry_msecs; /* the last pause; 0: nothing was in the way */
		bool marked;
		uint64_t fingerprint; /* if marked: when the last sync began */
	} box;
	struct timeout *to_again;

	/* The mailbox that the hub's rules are about, whoever has asked for box.serial. */
	struct {
		unsigned int serial;
		char *vname; /* NULL: none */
	} ruled;
};

/* --- which mailbox ----------------------------------------------------------- */

static void selected_forget(struct notify_selected *selected)
{
	if (array_is_created(&selected->box.own_uids))
		array_free(&selected->box.own_uids);
	i_zero(&selected->box);
	timeout_remove(&selected->to_again);
}

static void selected_follow(struct notify_selected *selected)
{
	struct mailbox *box = selected->client->mailbox;
	const struct notify_mailbox *mailbox = box == NULL ? NULL : NOTIFY_MAILBOX_CONTEXT(box);
	unsigned int serial = mailbox == NULL ? 0 : mailbox->serial;

	if (serial == selected->box.serial)
		return;
	selected_forget(selected);
	selected->box.serial = serial;
}

/* After a command: is it another one than before? */
static void rules_follow(struct notify_selected *selected)
{
	struct mailbox *box = selected->client->mailbox;

	selected_follow(selected);
	if (selected->ruled.serial == selected->box.serial)
		return;
	/* As of now it is told like any other, but not what this session did there. */
	if (selected->ruled.vname != NULL && selected->session->watch != NULL)
		notify_watch_own(selected->session->watch, selected->ruled.vname);
	selected->ruled.serial = selected->box.serial;
	i_free(selected->ruled.vname);
	selected->ruled.vname = box == NULL ? NULL : i_strdup(mailbox_get_vname(box));
	notify_session_watch(selected->session);
}

/* NULL: the mailbox is nobody's selected one. */
static struct notify_selected *selected_of(const struct mailbox *box)
{
	struct client *client = imap_clients;
	struct notify_session *session;

	while (client != NULL && client->mailbox != box)
		client = client->next;
	session = client == NULL ? NULL : notify_session_get(client);
	if (session == NULL || session->selected == NULL)
		return NULL;
	selected_follow(session->selected);
	return session->selected;
}

static const char *selected_guid(struct notify_selected *selected)
{
	struct mailbox *box = view_backing(selected->client->mailbox);
	struct mailbox_metadata metadata;

	if (selected->box.guid[0] == '\0') {
		mail_storage_last_error_push(box->storage);
		if (mailbox_get_metadata(box, MAILBOX_METADATA_GUID, &metadata) == 0)
			i_strocpy(selected->box.guid, guid_128_to_string(metadata.guid),
				  sizeof(selected->box.guid));
		mail_storage_last_error_pop(box->storage);
	}
	return selected->box.guid;
}

static bool is_selected(struct notify_selected *selected, const struct wake *wake)
{
	const char *name;

	if (wake->mailbox_id != NULL && *selected_guid(selected) != '\0')
		return strcmp(wake->mailbox_id, selected_guid(selected)) == 0;
	name = notify_session_vname(selected->session, wake, wake->mailbox);
	return name != NULL &&
	       strcmp(name, mailbox_get_vname(view_backing(selected->client->mailbox))) == 0;
}

/* --- changes on disk --------------------------------------------------------- */

bool notify_selected_changed(struct notify_session *session)
{
	struct notify_selected *selected = session->selected;
	struct mailbox *box = view_backing(session->client->mailbox);

	if (box == NULL)
		return FALSE;
	selected_follow(selected);
	return !selected->box.marked ||
	       notify_fingerprint(box->list, box->name) != selected->box.fingerprint;
}

/* --- core's context ---------------------------------------------------------- */

/* `selected_set` stays FALSE, so that core does not watch by itself. */
static struct imap_notify_context *context_new(struct client *client)
{
	pool_t pool = pool_alloconly_create("fantail notify context", 1024);
	struct imap_notify_context *ctx = p_new(pool, struct imap_notify_context, 1);

	ctx->pool = pool;
	ctx->client = client;
	p_array_init(&ctx->namespaces, pool, 1);
	return ctx;
}

/* Gives back what was lent to it, before it is freed. */
static void context_complete(struct notify_selected *selected)
{
	if (selected->client->notify_ctx != NULL)
		selected->client->notify_ctx->fetch_ctx = selected->fetch_ctx;
}

/* Core takes the end of any FETCH for the end of the one that keeps the output for itself,
 * which may be a command's. */
static void context_free(struct client *client, struct imap_notify_context **ctx)
{
	struct client_command_context *lock = client->output_cmd_lock;

	imap_notify_deinit(ctx);
	client->output_cmd_lock = lock;
}

/* The first UID that the client has not been told of. */
static uint32_t first_untold_uid(struct client *client)
{
	struct mailbox_status status;
	uint32_t uid;

	mailbox_get_open_status(client->mailbox, STATUS_MESSAGES | STATUS_UIDNEXT, &status);
	if (client->messages_count >= status.messages)
		return status.uidnext;
	mail_index_lookup_uid(client->mailbox->view, client->messages_count + 1, &uid);
	return uid;
}

static void context_change(struct notify_selected *selected)
{
	struct client *client = selected->client;

	if (client->notify_ctx != NULL) {
		context_complete(selected);
		context_free(client, &client->notify_ctx);
	}
	client->notify_ctx = selected->next_ctx;
	selected->next_ctx = NULL;
	selected->ctx_changed = FALSE;
	selected->fetch_ctx = client->notify_ctx == NULL ? NULL : client->notify_ctx->fetch_ctx;
	if (array_is_created(&selected->box.own_uids))
		array_clear(&selected->box.own_uids);
	client->notify_uidnext = first_untold_uid(client);
}

/* The command whose sync it is that goes on; NULL: none, but IDLE. */
static struct client_command_context *syncing_command(struct client *client)
{
	struct client_command_context *cmd = client->syncing ? client->command_queue : NULL;

	/* Those that wait for the end of it have no function meanwhile. */
	while (cmd != NULL && (cmd->sync == NULL || cmd->func == NULL))
		cmd = cmd->next;
	return cmd;
}

/* One of the handlers of a FETCH of new messages. The rest of what does not fit is sent
 * before any other command is answered, which would be in the middle of a literal. The end
 * of the FETCH unlocks. */
static int lock_output(struct imap_fetch_context *ctx, struct mail *mail ATTR_UNUSED,
		       void *context ATTR_UNUSED)
{
	ctx->client->output_cmd_lock = syncing_command(ctx->client);
	return 1;
}

static void fetch_with_lock(struct imap_notify_context *ctx)
{
	struct imap_fetch_init_context init = {
		.fetch_ctx = ctx->fetch_ctx,
		.pool = ctx->pool,
		.name = "",
	};

	/* Those that only fill the buffer come before those that send. */
	imap_fetch_add_handler(&init, IMAP_FETCH_HANDLER_FLAG_BUFFERED, "", lock_output, NULL);
}

static int fetch_att_parse(struct imap_notify_context *ctx, const struct imap_arg *list,
			   const char **error_r)
{
	const struct imap_arg *inner;
	const char *error = NULL;
	int ret = -1;

	if (imap_arg_get_list(list, &inner))
		list = inner;
	if (!IMAP_ARG_IS_EOL(list))
		ret = imap_fetch_att_list_parse(ctx->client, ctx->pool, list, &ctx->fetch_ctx,
						&error);
	/* The text may be in the pool, which goes. */
	if (ret == 0)
		fetch_with_lock(ctx);
	else
		*error_r = error == NULL ? "Nothing to fetch." : t_strdup(error);
	return ret;
}

int notify_selected_apply(struct notify_session *session, const struct notify_spec *spec,
			  const struct imap_arg *fetch_att, const char **error_r)
{
	struct notify_selected *selected = session->selected;
	struct imap_notify_context *ctx = NULL;
	enum selected_mode mode = SELECTED_NONE;

	if (!spec->none && (spec->selected_events & NOTIFY_MESSAGE_NEW) != 0) {
		if (spec->selected == NOTIFY_SELECTED_IMMEDIATE)
			mode = SELECTED_IMMEDIATE;
		else if (spec->selected == NOTIFY_SELECTED_DELAYED)
			mode = SELECTED_DELAYED;
	}
	if (mode != SELECTED_NONE) {
		ctx = context_new(session->client);
		if (fetch_att != NULL && fetch_att_parse(ctx, fetch_att, error_r) < 0) {
			pool_unref(&ctx->pool);
			return -1;
		}
	}
	if (selected->next_ctx != NULL)
		context_free(session->client, &selected->next_ctx);
	selected->next_ctx = ctx;
	selected->ctx_changed = TRUE;
	selected->mode = mode;
	selected->events = mode == SELECTED_NONE ? 0 : spec->selected_events;
	/* The others of core's flags are set when a sync begins: they must not change
	 * while one is under way. */
	session->client->notify_immediate_expunges = mode == SELECTED_IMMEDIATE;
	return 0;
}

void notify_selected_revert(struct notify_session *session)
{
	struct notify_selected *selected = session->selected;

	if (selected->next_ctx != NULL)
		context_free(session->client, &selected->next_ctx);
	selected->next_ctx = NULL;
	selected->ctx_changed = TRUE;
	selected->mode = SELECTED_STOCK;
	selected->events = 0;
	session->client->notify_immediate_expunges = FALSE;
}

bool notify_selected_applied(const struct notify_session *session)
{
	return session->selected->mode != SELECTED_STOCK;
}

bool notify_selected_wanted(const struct notify_session *session)
{
	return session->selected->events != 0;
}

bool notify_selected_fetching(const struct notify_session *session)
{
	const struct imap_notify_context *ctx = session->client->notify_ctx;

	return ctx != NULL && ctx->notifying;
}

/* --- syncs of the selected mailbox ------------------------------------------- */

/* Nothing is asked for, so nothing is said but what the client did itself; and then its
 * message numbers must not be used up by what others expunged. At the mailbox's level,
 * since core wants all commands that sync together to agree on the flag. */
static enum mailbox_sync_flags sync_as_none(struct notify_selected *selected,
					    enum mailbox_sync_flags flags)
{
	struct client *client = selected->client;
	bool expunge = (flags & MAILBOX_SYNC_FLAG_EXPUNGE) != 0;

	client->notify_flag_changes = selected->box.own_flags;
	client->notify_count_changes = expunge || selected->box.own_save;
	if (!client->notify_count_changes) {
		selected->box.silent = TRUE;
		selected->box.told = client->messages_count;
		selected->box.told_recent = client->recent_count;
	}
	if (expunge)
		return flags;
	/* CLOSE and COPY would have the view repaired as well, which takes the expunges in,
	 * and the index does not let them be left out then. */
	flags &= ~(enum mailbox_sync_flags)MAILBOX_SYNC_FLAG_FIX_INCONSISTENT;
	return flags | MAILBOX_SYNC_FLAG_NO_EXPUNGES;
}

static enum mailbox_sync_flags sync_as_applied(struct notify_selected *selected,
					       enum mailbox_sync_flags flags)
{
	struct client *client = selected->client;

	/* Core's idea of how many messages the client knows of. */
	if (selected->box.silent) {
		client->messages_count = selected->box.told;
		client->recent_count = selected->box.told_recent;
	}
	selected->box.silent = FALSE;
	if (selected->ctx_changed)
		context_change(selected);
	if (selected->mode == SELECTED_STOCK) {
		client->notify_count_changes = client->notify_flag_changes = TRUE;
	} else if (selected->mode == SELECTED_NONE) {
		flags = sync_as_none(selected, flags);
	} else {
		client->notify_count_changes = TRUE;
		/* STORE's own answer comes of its sync. */
		client->notify_flag_changes =
			selected->box.own_flags || (selected->events & NOTIFY_FLAG_CHANGE) != 0;
	}
	return flags;
}

static enum mailbox_sync_flags sync_begins(struct notify_selected *selected, struct mailbox *box,
					   enum mailbox_sync_flags flags)
{
	/* CLOSE's: it tells nothing to anybody, and must not keep expunges back. */
	if ((flags & MAILBOX_SYNC_FLAG_FIX_INCONSISTENT) != 0)
		return flags;
	if (notify_selected_kinds(selected->session) != 0) {
		const struct mailbox *files = view_backing(box);

		selected->box.fingerprint = notify_fingerprint(files->list, files->name);
		selected->box.marked = TRUE;
	}
	/* Core has no settings of its own to go back to: the first sync does it. */
	if (selected->mode != SELECTED_STOCK || selected->ctx_changed)
		flags = sync_as_applied(selected, flags);
	selected->box.own_flags = selected->box.own_save = FALSE;
	return flags;
}

/* Moves the point from which core will FETCH past messages of our own, as far as no
 * others lie before them. FALSE: nothing is left from there on. */
static bool skip_own_messages(struct notify_selected *selected, struct mailbox *box)
{
	struct client *client = selected->client;
	ARRAY_TYPE(seq_range) *own = &selected->box.own_uids;
	struct mailbox_status status;
	uint32_t seq, last, uid;

	mailbox_get_open_status(box, STATUS_UIDNEXT, &status);
	while (client->notify_uidnext < status.uidnext) {
		mailbox_get_seq_range(box, client->notify_uidnext, status.uidnext - 1, &seq, &last);
		if (seq == 0)
			break;
		mail_index_lookup_uid(box->view, seq, &uid);
		if (!array_is_created(own) || !seq_range_exists(own, uid))
			return TRUE;
		client->notify_uidnext = uid + 1;
	}
	client->notify_uidnext = I_MAX(client->notify_uidnext, status.uidnext);
	if (array_is_created(own))
		array_clear(own);
	return FALSE;
}

/* Now the view shows what is new; core's FETCH of it comes next. */
static void sync_ended(struct notify_selected *selected, struct mailbox *box)
{
	if (selected->fetch_ctx == NULL)
		return;
	/* Core would FETCH an empty range. */
	selected->client->notify_ctx->fetch_ctx =
		skip_own_messages(selected, box) ? selected->fetch_ctx : NULL;
}

static struct mailbox_sync_context *notify_mailbox_sync_init(struct mailbox *box,
							     enum mailbox_sync_flags flags)
{
	struct notify_mailbox *mailbox = NOTIFY_MAILBOX_CONTEXT(box);
	struct notify_selected *selected = selected_of(box);

	if (selected != NULL)
		flags = sync_begins(selected, box, flags);
	return mailbox->module_ctx.super.sync_init(box, flags);
}

static bool notify_mailbox_sync_next(struct mailbox_sync_context *ctx,
				     struct mailbox_sync_rec *rec_r)
{
	struct notify_mailbox *mailbox = NOTIFY_MAILBOX_CONTEXT(ctx->box);
	struct notify_selected *selected;

	if (!mailbox->module_ctx.super.sync_next(ctx, rec_r))
		return FALSE;
	selected = selected_of(ctx->box);
	if (selected == NULL)
		return TRUE;
	if (rec_r->type == MAILBOX_SYNC_TYPE_EXPUNGE)
		selected->box.again = 0;
	else if (!selected->client->notify_flag_changes &&
		 rec_r->seq1 <= selected->client->messages_count)
		selected->box.withheld = TRUE;
	return TRUE;
}

/* The client, which believes HIGHESTMODSEQ (RFC 7162 section 3.2.5.1), would miss something. */
static bool is_behind(const struct notify_selected *selected, struct mailbox *box)
{
	return selected->box.withheld ||
	       (selected->box.silent &&
		mail_index_view_get_messages_count(box->view) > selected->box.told);
}

static int notify_mailbox_sync_deinit(struct mailbox_sync_context *ctx,
				      struct mailbox_sync_status *status_r)
{
	struct mailbox *box = ctx->box;
	struct notify_mailbox *mailbox = NOTIFY_MAILBOX_CONTEXT(box);
	struct notify_selected *selected = selected_of(box);
	int ret = mailbox->module_ctx.super.sync_deinit(ctx, status_r);

	if (ret < 0 || selected == NULL)
		return ret;
	sync_ended(selected, box);
	/* What core does about expunges that it keeps back for later is right here as well:
	 * it stays at, or goes back to, the HIGHESTMODSEQ of before. */
	if (is_behind(selected, box))
		status_r->sync_delayed_expunges = TRUE;
	return ret;
}

static void notify_mailbox_allocated(struct mailbox *box)
{
	struct mailbox_vfuncs *v = box->vlast;
	struct notify_mailbox *mailbox = p_new(box->pool, struct notify_mailbox, 1);

	mailbox->module_ctx.super = *v;
	mailbox->serial = ++last_serial;
	box->vlast = &mailbox->module_ctx.super;
	v->sync_init = notify_mailbox_sync_init;
	v->sync_next = notify_mailbox_sync_next;
	v->sync_deinit = notify_mailbox_sync_deinit;
	MODULE_CONTEXT_SET(box, notify_mailbox_module, mailbox);
}

/* --- what this connection does itself ---------------------------------------- */

/* The mailbox itself stands for the transaction, since all that it does is to mark. */
static void *own_transaction_begin(struct mailbox_transaction_context *t)
{
	return selected_of(t->box) == NULL ? NULL : t->box;
}

static void own_update(struct mailbox *box)
{
	struct notify_selected *selected = box == NULL ? NULL : selected_of(box);

	if (selected != NULL)
		selected->box.own_flags = TRUE;
}

static void own_update_flags(void *txn, struct mail *mail ATTR_UNUSED,
			     enum mail_flags old_flags ATTR_UNUSED)
{
	own_update(txn);
}

static void own_update_keywords(void *txn, struct mail *mail ATTR_UNUSED,
				const char *const *old_keywords ATTR_UNUSED)
{
	own_update(txn);
}

static void own_commit(void *txn, struct mail_transaction_commit_changes *changes)
{
	struct notify_selected *selected = txn == NULL ? NULL : selected_of(txn);

	if (selected == NULL || !array_is_created(&changes->saved_uids) ||
	    array_is_empty(&changes->saved_uids))
		return;
	selected->box.own_save = TRUE;
	/* Others' context may still be in force: a change of it clears these. */
	if (selected->fetch_ctx == NULL)
		return;
	if (!array_is_created(&selected->box.own_uids))
		i_array_init(&selected->box.own_uids, 4);
	seq_range_array_merge(&selected->box.own_uids, &changes->saved_uids);
}

static void own_rollback(void *txn ATTR_UNUSED)
{
}

static const struct notify_vfuncs own_vfuncs = {
	.mail_transaction_begin = own_transaction_begin,
	.mail_update_flags = own_update_flags,
	.mail_update_keywords = own_update_keywords,
	.mail_transaction_commit = own_commit,
	.mail_transaction_rollback = own_rollback,
};

static const struct mail_storage_hooks selected_hooks = {
	.mailbox_allocated = notify_mailbox_allocated,
};

static struct notify_context *own_context;

void notify_selected_register(struct module *module)
{
	mail_storage_hooks_add(module, &selected_hooks);
	own_context = notify_register(&own_vfuncs);
}

void notify_selected_unregister(void)
{
	fantail_notify_unregister(&own_context);
	mail_storage_hooks_remove(&selected_hooks);
}

/* --- wake-ups ---------------------------------------------------------------- */

wake_kinds notify_selected_kinds(const struct notify_session *session)
{
	static const struct {
		notify_events event;
		enum wake_kind kind;
	} map[] = {
		{NOTIFY_MESSAGE_NEW, WAKE_MESSAGE_NEW},
		{NOTIFY_MESSAGE_EXPUNGE, WAKE_MESSAGE_EXPUNGE},
		{NOTIFY_FLAG_CHANGE, WAKE_FLAG_CHANGE},
	};
	const struct notify_selected *selected = session->selected;
	/* Nobody is woken when it is emptied, before; and whoever has it selected has to know. */
	const wake_kinds deleted = WAKE_KIND_BIT(WAKE_MAILBOX_DELETE);
	wake_kinds kinds = 0;

	if (session->client->mailbox == NULL)
		return 0;
	if (selected->mode == SELECTED_STOCK)
		return session->idle == NULL ? 0 : WAKE_KINDS_MESSAGE | deleted;
	if (session->quiet && session->idle == NULL)
		return 0;
	for (unsigned int i = 0; i < N_ELEMENTS(map); i++) {
		if ((selected->events & map[i].event) != 0)
			kinds |= WAKE_KIND_BIT(map[i].kind);
	}
	return kinds == 0 ? 0 : kinds | deleted;
}

bool notify_selected_tells(const struct notify_session *session)
{
	if (session->client->mailbox == NULL)
		return FALSE;
	if (notify_selected_wanted(session))
		return !session->quiet || notify_idle_runs(session);
	return !notify_selected_applied(session) && notify_idle_runs(session);
}

/* Expunges are shown at once, or IDLE is there to show them (RFC 5465 section 6.1.2). */
static bool may_expunge(const struct notify_session *session)
{
	return session->selected->mode == SELECTED_IMMEDIATE || notify_idle_runs(session);
}

bool notify_selected_may_sleep(const struct notify_session *session)
{
	const struct notify_selected *selected = session->selected;

	if (session->client->mailbox == NULL)
		return TRUE;
	return notify_selected_wanted(session) && may_expunge(session) && !selected->box.dirty &&
	       !selected->box.silent && selected->to_again == NULL;
}

void notify_selected_restore(struct notify_session *session, uint32_t uidnext)
{
	struct notify_selected *selected = session->selected;
	struct client *client = session->client;
	uint32_t seq, last = 0;

	(void)selected_follow(selected);
	if (uidnext > 1)
		mailbox_get_seq_range(client->mailbox, 1, uidnext - 1, &seq, &last);
	selected->box.silent = TRUE;
	selected->box.told = last;
	selected->box.dirty = TRUE;
	/* With new ones core says how many there are. */
	selected->box.told_recent = client->messages_count > last ? 0 : client->recent_count;
}

/* RFC 5465 section 5 wants the right r for each event, also if it was there at SELECT. */
static bool may_hear(const struct notify_session *session)
{
	struct mailbox *box = session->client->mailbox;
	struct mail_namespace *ns = mailbox_get_namespace(box);

	return !notify_acl_guards(ns) ||
	       notify_acl_access(ns, mailbox_get_vname(box), TRUE) == NOTIFY_ACCESS_READ;
}

void notify_selected_mark(struct notify_session *session)
{
	selected_follow(session->selected);
	if (notify_selected_tells(session) && may_hear(session))
		session->selected->box.dirty = TRUE;
}

bool notify_selected_woken(struct notify_session *session, const struct wake *wake)
{
	struct notify_selected *selected = session->selected;
	wake_kinds kinds = wake->kinds & notify_selected_kinds(session);

	if (session->client->mailbox == NULL)
		return FALSE;
	selected_follow(selected);
	if (!is_selected(selected, wake))
		return FALSE;
	if (kinds != 0)
		notify_selected_mark(session);
	if ((kinds & WAKE_KIND_BIT(WAKE_MESSAGE_EXPUNGE)) != 0 && may_expunge(session))
		selected->box.again = AGAIN_TIMES;
	return TRUE;
}

static void look_again(struct notify_selected *selected)
{
	timeout_remove(&selected->to_again);
	if (selected->box.again == 0)
		return; /* the expunge has been seen */
	selected->box.again--;
	notify_selected_mark(selected->session);
	notify_session_flush_soon(selected->session);
}

static void plan_look_again(struct notify_selected *selected)
{
	unsigned int done = AGAIN_TIMES - selected->box.again;

	timeout_remove(&selected->to_again);
	if (selected->box.again > 0)
		selected->to_again =
			timeout_add_short(AGAIN_FIRST_MSECS << done, look_again, selected);
}

/* --- pushes between commands ------------------------------------------------- */

static void push(struct notify_selected *selected)
{
	struct client *client = selected->client;
	struct client_command_context *cmd = client_command_alloc(client);

	cmd->tag = "*";
	cmd->name = "NOTIFY-PUSH";
	fantail_command_set_internal(cmd);
	client_command_init_finished(cmd);
	if (cmd_sync(cmd, selected->mode == SELECTED_DELAYED ? MAILBOX_SYNC_FLAG_NO_EXPUNGES : 0,
		     IMAP_SYNC_FLAG_SEND_UID, NULL))
		i_unreached(); /* there is a mailbox */
	(void)cmd_sync_delayed(client);
}

/* FALSE: something is in the way. */
static bool push_or_idle(struct notify_selected *selected)
{
	struct notify_session *session = selected->session;
	struct client *client = selected->client;

	if (notify_idle_runs(session))
		return notify_idle_sync(session);
	if (client->command_queue_size > 0 || !notify_session_may_write(session) ||
	    !imap_sync_is_allowed(client))
		return FALSE;
	o_stream_cork(client->output);
	push(selected);
	o_stream_uncork(client->output);
	return TRUE;
}

static void retry(struct notify_selected *selected)
{
	timeout_remove(&selected->to_again);
	notify_session_flush_soon(selected->session);
}

static void plan_retry(struct notify_selected *selected)
{
	unsigned int msecs = selected->box.retry_msecs * 2;

	selected->box.retry_msecs = I_MIN(I_MAX(msecs, RETRY_FIRST_MSECS), RETRY_MAX_MSECS);
	timeout_remove(&selected->to_again);
	selected->to_again = timeout_add_short(selected->box.retry_msecs, retry, selected);
}

bool notify_selected_flush(struct notify_session *session)
{
	struct notify_selected *selected = session->selected;

	selected_follow(selected);
	if (selected->box.dirty && !notify_selected_tells(session))
		selected->box.dirty = FALSE;
	if (!selected->box.dirty)
		return TRUE;
	if (!push_or_idle(selected)) {
		plan_retry(selected);
		return FALSE;
	}
	selected->box.dirty = FALSE;
	selected->box.retry_msecs = 0;
	plan_look_again(selected);
	return TRUE;
}

void notify_selected_command(struct notify_session *session, struct client_command_context *cmd)
{
	/* Commands are cancelled after v.destroy has let go of the session. */
	if (session->selected == NULL)
		return;
	rules_follow(session->selected);
	if (cmd->sync != NULL && notify_selected_wanted(session))
		cmd->sync->imap_flags |= IMAP_SYNC_FLAG_SEND_UID;
}

/* --- life -------------------------------------------------------------------- */

void notify_selected_init(struct notify_session *session)
{
	struct notify_selected *selected = p_new(session->client->pool, struct notify_selected, 1);

	selected->session = session;
	selected->client = session->client;
	session->selected = selected;
}

void notify_selected_deinit(struct notify_session *session)
{
	struct notify_selected *selected = session->selected;

	session->selected = NULL;
	selected_forget(selected);
	i_free(selected->ruled.vname);
	context_complete(selected);
	if (selected->next_ctx != NULL)
		context_free(session->client, &selected->next_ctx);
}
