#include "lib.h"
#include "array.h"
#include "module-context.h"
#include "time-util.h"
#include "mail-storage-private.h"
#include "mail-storage-hooks.h"
#include "dovecot-compat.h"

#include "event-acl.h"
#include "event-box.h"
#include "event-content.h"
#include "event-filter.h"
#include "event-fold.h"
#include "event-metadata.h"
#include "event-plugin.h"
#include "event-sink.h"
#include "event-wake.h"
#include "fantail-settings.h"
#include "limits.h"
#include "notify-acl.h"
#include "search-criteria.h"
#include "view-storage.h"
#include "wake-sender.h"

#define EVENT_USER_CONTEXT(user) MODULE_CONTEXT(user, event_user_module)

static MODULE_CONTEXT_DEFINE_INIT(event_user_module, &mail_user_module_register);

static struct event_category event_category_push = {.name = "push"};

/* A user who has the plugin. Others in the same process have no such context,
 * and nothing below touches them. */
struct event_user {
	union mail_user_module_context module_ctx;
	struct mail_user *user;
	struct event *event;
	const struct fantail_settings *settings;
};

/* One mailbox transaction. Most only read: what costs something is made when the
 * first change comes. */
struct event_txn {
	struct event_user *euser;
	struct mailbox *box;
	struct event_wake wake;
	struct event_fold *fold;
	struct event_sink *sink;
	struct event_filters *filters;
	enum event_want want;
	bool asked;
	uint64_t filter_usecs; /* what is left for judging */

	pool_t content_pool;
	struct event_content content; /* of the newest saved message */
};

/* A mailbox being deleted: at the end it is closed and has no GUID any more. */
struct event_delete_txn {
	struct mailbox *box;
	char *mailbox_id; /* NULL: not known */
};

static uint64_t last_sequence;

/* --- what every event of a mailbox has --------------------------------------- */

static uint64_t now_us(void)
{
	struct timeval tv;

	i_gettimeofday(&tv);
	return timeval_to_usecs(&tv);
}

/* The user's context, or NULL if the mailbox is none of ours. */
static struct event_user *box_user(struct mailbox *box)
{
	/* A delivery's copy of the message is a mailbox too; a virtual mailbox
	 * shows messages of others, which report their own changes. */
	if (strcmp(box->storage->name, "raw") == 0 || box->virtual_vfuncs != NULL)
		return NULL;
	return EVENT_USER_CONTEXT(box->storage->user);
}

static void event_fill(struct push_event *event, struct event_user *euser, struct mailbox *box)
{
	const struct mail_user *user = euser->user;

	event->time_us = now_us();
	event->sequence = ++last_sequence;
	event->user = user->username;
	event->owner = event_box_owner(box);
	event->mailbox = mailbox_get_vname(box);
	if (event->owner != NULL && *event->owner != '\0')
		event->owner_mailbox = event_box_owner_name(box);
	event->service = fantail_user_protocol(user);
	event->session = event_user_session(user);
}

static void sink_add(struct event_sink *sink, const struct push_event *event)
{
	if (strlen(event->mailbox) > LIMIT_MAILBOX ||
	    (event->old_mailbox != NULL && strlen(event->old_mailbox) > LIMIT_MAILBOX))
		event_sink_lost(sink, "the name of a mailbox is too long");
	else
		event_sink_add(sink, event);
}

static struct event_sink *sink_new(struct event_user *euser)
{
	return event_sink_new(euser->event, euser->user->username, euser->settings);
}

/* --- messages ---------------------------------------------------------------- */

static void *event_transaction_begin(struct mailbox_transaction_context *t)
{
	struct event_user *euser = box_user(t->box);
	struct event_txn *txn;

	/* What happens to messages in a view happens in its backing mailbox. */
	if (euser == NULL || view_storage_is_view(t->box))
		return NULL;
	txn = i_new(struct event_txn, 1);
	txn->euser = euser;
	txn->box = t->box;
	return txn;
}

static void txn_free(struct event_txn *txn)
{
	event_fold_free(&txn->fold);
	event_filters_free(&txn->filters);
	event_sink_finish(&txn->sink);
	pool_unref(&txn->content_pool);
	i_free(txn);
}

static struct event_fold *txn_fold(struct event_txn *txn)
{
	if (txn->fold == NULL) {
		txn->fold = event_fold_new();
		/* As Dovecot's own allocations do. */
		if (txn->fold == NULL)
			i_fatal_status(FATAL_OUTOFMEM, "fantail: out of memory");
	}
	return txn->fold;
}

static void filter_add(const char *name, const char *criteria, const char *charset, void *_txn)
{
	struct event_txn *txn = _txn;

	event_filters_add(txn->filters, name, criteria, charset);
}

/* Asked at the first message and not before: a delivery that is refused (quota,
 * a broken disk) costs the bridge nothing. The answer is for this transaction
 * only: a process that remembered `none` for a while would keep from a device
 * the first events after its registration, to save a tenth of a millisecond. */
static enum event_want txn_want(struct event_txn *txn)
{
	if (!txn->asked) {
		txn->asked = TRUE;
		if (event_box_owner(txn->box) != NULL) {
			/* The answer would be about our user, and it is the owner's
			 * devices that are told. */
			txn->want = EVENT_WANT_HINT;
		} else {
			if (txn->sink == NULL)
				txn->sink = sink_new(txn->euser);
			txn->filters = event_filters_new(txn->euser->event);
			txn->want = event_sink_ask(txn->sink, mailbox_get_vname(txn->box),
						   filter_add, txn);
			txn->filter_usecs = txn->euser->settings->filter_budget_msecs * 1000ULL;
		}
	}
	return txn->want;
}

static void saved(struct event_txn *txn, struct mail *mail)
{
	bool delivery = (txn->box->flags & MAILBOX_FLAG_POST_SESSION) != 0;

	txn->wake.kinds |= WAKE_KIND_BIT(WAKE_MESSAGE_NEW);
	if (delivery && txn_want(txn) == EVENT_WANT_NONE)
		return;
	event_fold_saved(txn_fold(txn),
			 delivery ? PUSH_EVENT_MESSAGE_NEW : PUSH_EVENT_MESSAGE_APPEND);
	if (delivery && txn->want == EVENT_WANT_CONTENT) {
		if (txn->content_pool == NULL)
			txn->content_pool = pool_alloconly_create("fantail content", 2048);
		else
			p_clear(txn->content_pool);
		event_content_read(mail, txn->content_pool, &txn->content);
	}
}

static void event_mail_save(void *_txn, struct mail *mail)
{
	if (_txn != NULL)
		saved(_txn, mail);
}

static void event_mail_copy(void *_txn, struct mail *src ATTR_UNUSED, struct mail *dst)
{
	/* lmtp copies what it saved for the first recipient to the others. */
	if (_txn != NULL)
		saved(_txn, dst);
}

static void event_mail_expunge(void *_txn, struct mail *mail)
{
	struct event_txn *txn = _txn;

	if (txn == NULL || mail->uid == 0)
		return;
	txn->wake.kinds |= WAKE_KIND_BIT(WAKE_MESSAGE_EXPUNGE);
	event_fold_expunged(txn_fold(txn), mail->uid);
}

static void event_mail_update_flags(void *_txn, struct mail *mail, enum mail_flags old_flags)
{
	static const struct {
		enum mail_flags flag;
		const char *name;
	} names[] = {
		{MAIL_ANSWERED, "\\Answered"}, {MAIL_FLAGGED, "\\Flagged"},
		{MAIL_DELETED, "\\Deleted"},   {MAIL_SEEN, "\\Seen"},
		{MAIL_DRAFT, "\\Draft"},
	};
	struct event_txn *txn = _txn;
	enum mail_flags new_flags, changed;

	if (txn == NULL || mail->uid == 0)
		return;
	new_flags = mail_get_flags(mail);
	changed = old_flags ^ new_flags;
	if (changed != 0)
		txn->wake.own |= WAKE_KIND_BIT(WAKE_FLAG_CHANGE);
	/* What a guest has read (INDEXPVT) is nothing that the owner sees. */
	if (event_box_owner(txn->box) != NULL)
		changed &= ~mailbox_get_private_flags_mask(txn->box);
	if (changed != 0)
		txn->wake.kinds |= WAKE_KIND_BIT(WAKE_FLAG_CHANGE);
	for (unsigned int i = 0; i < N_ELEMENTS(names); i++) {
		if ((changed & names[i].flag) != 0)
			event_fold_flag(txn_fold(txn), mail->uid, names[i].name,
					(new_flags & names[i].flag) != 0);
	}
}

/* Those of `keywords` that are not among `others`. */
static void keywords_differ(struct event_txn *txn, uint32_t uid, const char *const *keywords,
			    const char *const *others, bool set)
{
	for (; *keywords != NULL; keywords++) {
		if (!str_array_icase_find(others, *keywords))
			event_fold_flag(txn_fold(txn), uid, *keywords, set);
	}
}

static void event_mail_update_keywords(void *_txn, struct mail *mail,
				       const char *const *old_keywords)
{
	struct event_txn *txn = _txn;
	const char *const *new_keywords;

	if (txn == NULL || mail->uid == 0)
		return;
	txn->wake.kinds |= WAKE_KIND_BIT(WAKE_FLAG_CHANGE);
	new_keywords = mail_get_keywords(mail);
	keywords_differ(txn, mail->uid, new_keywords, old_keywords, TRUE);
	keywords_differ(txn, mail->uid, old_keywords, new_keywords, FALSE);
}

struct emit_context {
	struct event_txn *txn;
	const char *mailbox_id;
	uint32_t uidvalidity;
	uint32_t exists;
	bool content_told;
	bool hidden;
};

/* What remains after an expunge cannot be judged, nor what has no UID (yet). */
static bool can_judge(const struct push_event *event)
{
	const push_event_kinds kinds =
		PUSH_EVENT_KINDS_MESSAGE & ~PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_EXPUNGE);

	return (kinds & PUSH_EVENT_KIND_BIT(event->kind)) != 0 && event->uids != NULL;
}

static const char *judge(struct event_txn *txn, const struct push_event *event)
{
	uint64_t left, usecs;
	const char *names;

	if (txn->filters == NULL || !event_filters_exist(txn->filters))
		return NULL;
	left = I_MIN(txn->filter_usecs, event_sink_time_left(txn->sink));
	usecs = left;
	names = event_filters_judge(txn->filters, txn->box, event->uids, &usecs);
	txn->filter_usecs -= left - usecs;
	event_sink_spend(txn->sink, left - usecs);
	return names;
}

static void emit(struct push_event *event, void *_context)
{
	struct emit_context *context = _context;
	struct event_txn *txn = context->txn;

	if (can_judge(event)) {
		/* A delivery has asked before. */
		if (txn_want(txn) == EVENT_WANT_NONE)
			return;
		event->filters = judge(txn, event);
	}
	event_fill(event, txn->euser, txn->box);
	event->mailbox_id = context->mailbox_id;
	event->uidvalidity = context->uidvalidity;
	event->hidden = context->hidden;
	if (event->kind == PUSH_EVENT_MESSAGE_NEW || event->kind == PUSH_EVENT_MESSAGE_APPEND)
		event->exists = context->exists;
	if (event->kind == PUSH_EVENT_MESSAGE_NEW && txn->content_pool != NULL &&
	    !context->content_told) {
		event_content_apply(&txn->content, event);
		context->content_told = TRUE;
	}
	sink_add(txn->sink, event);
}

static uint32_t txn_uidvalidity(struct event_txn *txn,
				const struct mail_transaction_commit_changes *changes)
{
	struct mailbox_status status;

	/* A user who may post but not read is not told where the message went. */
	if (changes->no_read_perm)
		return 0;
	if (changes->uid_validity != 0)
		return changes->uid_validity;
	if (!txn->box->opened)
		return 0;
	mailbox_get_open_status(txn->box, STATUS_UIDVALIDITY, &status);
	return status.uidvalidity;
}

/* What the mailbox holds now, what this transaction and others added included.
 * Reads the end of the transaction log; the view that the client sees is another
 * and stays as it is. 0: not known. */
static uint32_t box_exists(struct mailbox *box)
{
	struct mail_index_view *view;
	uint32_t count;

	if (!box->opened || mail_index_refresh(box->index) < 0)
		return 0;
	view = mail_index_view_open(box->index);
	count = mail_index_view_get_messages_count(view);
	mail_index_view_close(&view);
	return count;
}

/* A registration may be older than the rights that its user has now, and only here is it known
 * which these are. It costs nothing: to save the message they were looked up. Of another's
 * mailbox it is the owner who is told, and of whose rights this process knows nothing. */
static bool is_hidden(struct event_txn *txn, const struct mail_transaction_commit_changes *changes)
{
	struct mailbox *box = txn->box;

	return event_box_owner(box) == NULL &&
	       (changes->no_read_perm ||
		notify_acl_access(mailbox_get_namespace(box), mailbox_get_vname(box), FALSE) !=
			NOTIFY_ACCESS_READ);
}

static void txn_send(struct event_txn *txn, const struct mail_transaction_commit_changes *changes)
{
	struct emit_context context = {
		.txn = txn,
		.mailbox_id = event_box_guid(txn->box),
		.uidvalidity = txn_uidvalidity(txn, changes),
		.hidden = is_hidden(txn, changes),
	};
	const struct seq_range *ranges;
	unsigned int count;

	if (!changes->no_read_perm && array_is_created(&changes->saved_uids)) {
		ranges = array_get(&changes->saved_uids, &count);
		for (unsigned int i = 0; i < count; i++)
			event_fold_saved_uids(txn->fold, ranges[i].seq1, ranges[i].seq2);
		if (count > 0)
			context.exists = box_exists(txn->box);
	}
	if (txn->sink == NULL)
		txn->sink = sink_new(txn->euser);
	event_fold_each(txn->fold, emit, &context);
	if (event_fold_failed(txn->fold))
		event_sink_lost(txn->sink, "out of memory, or the name of a flag is too long");
}

static void event_transaction_commit(void *_txn, struct mail_transaction_commit_changes *changes)
{
	struct event_txn *txn = _txn;

	if (txn == NULL)
		return;
	/* First, since it waits for nobody. What is being deleted is emptied first: whoever
	 * looked at it now would see its files go, and log errors. */
	if (!txn->box->deleting) {
		T_BEGIN
		{
			event_wake_committed(txn->box, txn->euser->settings->hub_path, &txn->wake);
		}
		T_END;
	}
	/* `none` was said of the user, so it is true of flag changes as well. */
	if (txn->fold != NULL && !event_fold_empty(txn->fold) &&
	    !(txn->asked && txn->want == EVENT_WANT_NONE)) {
		T_BEGIN
		{
			txn_send(txn, changes);
		}
		T_END;
	}
	txn_free(txn);
}

static void event_transaction_rollback(void *_txn)
{
	if (_txn != NULL)
		txn_free(_txn);
}

/* --- mailboxes --------------------------------------------------------------- */

/* `src` is the mailbox before a rename, else NULL. */
static void mailbox_event(struct mailbox *box, enum push_event_kind kind, enum wake_kind wake,
			  struct mailbox *src, const char *mailbox_id)
{
	struct push_event event = {.kind = kind};
	struct event_user *euser = box_user(box);
	struct event_sink *sink;

	if (euser == NULL)
		return;
	event_wake_mailbox(box, euser->settings->hub_path, wake, src, mailbox_id);
	event_fill(&event, euser, box);
	event.mailbox_id = mailbox_id;
	if (src != NULL) {
		event.old_mailbox = mailbox_get_vname(src);
		if (event.owner_mailbox != NULL)
			event.old_owner_mailbox = event_box_owner_name(src);
	}
	sink = sink_new(euser);
	sink_add(sink, &event);
	event_sink_finish(&sink);
}

static void event_mailbox_create(struct mailbox *box)
{
	struct event_user *euser = box_user(box);

	mailbox_event(box, PUSH_EVENT_MAILBOX_CREATE, WAKE_MAILBOX_CREATE, NULL,
		      event_box_guid(box));
	if (euser != NULL)
		event_acl_created(box, euser->settings->hub_path);
}

/* Another UIDVALIDITY, for one: no event of RFC 5423, but sessions have to know. */
static void event_mailbox_update(struct mailbox *box)
{
	struct event_user *euser = box_user(box);
	const struct event_wake all = {.kinds = WAKE_KINDS_MESSAGE};

	if (euser != NULL)
		event_wake_committed(box, euser->settings->hub_path, &all);
}

static void *event_mailbox_delete_begin(struct mailbox *box)
{
	struct event_delete_txn *txn;

	if (box_user(box) == NULL)
		return NULL;
	txn = i_new(struct event_delete_txn, 1);
	txn->box = box;
	txn->mailbox_id = i_strdup(event_box_guid(box));
	return txn;
}

static void delete_txn_free(struct event_delete_txn *txn)
{
	i_free(txn->mailbox_id);
	i_free(txn);
}

static void event_mailbox_delete_commit(void *_txn, struct mailbox *box)
{
	struct event_delete_txn *txn = _txn;

	if (txn == NULL)
		return;
	mailbox_event(box, PUSH_EVENT_MAILBOX_DELETE, WAKE_MAILBOX_DELETE, NULL, txn->mailbox_id);
	delete_txn_free(txn);
}

/* It is there, if it ever was, and may be empty. */
static void event_mailbox_delete_rollback(void *_txn)
{
	struct event_delete_txn *txn = _txn;

	if (txn == NULL)
		return;
	if (txn->mailbox_id != NULL)
		event_mailbox_update(txn->box);
	delete_txn_free(txn);
}

static void event_mailbox_rename(struct mailbox *src, struct mailbox *dest)
{
	mailbox_event(dest, PUSH_EVENT_MAILBOX_RENAME, WAKE_MAILBOX_RENAME, src,
		      event_box_guid(dest));
}

static void event_mailbox_set_subscribed(struct mailbox *box, bool subscribed)
{
	mailbox_event(box,
		      subscribed ? PUSH_EVENT_MAILBOX_SUBSCRIBE : PUSH_EVENT_MAILBOX_UNSUBSCRIBE,
		      WAKE_SUBSCRIPTION, NULL, event_box_guid(box));
}

/* --- users and the module ---------------------------------------------------- */

static void event_user_deinit(struct mail_user *user)
{
	struct event_user *euser = EVENT_USER_CONTEXT(user);

	event_acl_finish();
	/* Namespaces go first, and with them the last one who could log there. */
	euser->module_ctx.super.deinit(user);
	event_unref(&euser->event);
}

static void event_user_created(struct mail_user *user)
{
	struct mail_user_vfuncs *v = user->vlast;
	struct event_user *euser;

	/* Made up for a shared namespace or a delivery's temporary mailbox. */
	if (user->autocreated)
		return;
	if (strlen(user->username) > LIMIT_USER) {
		e_error(user->event,
			"fantail: the user's name is longer than %d bytes: no events for it",
			LIMIT_USER);
		return;
	}
	euser = p_new(user->pool, struct event_user, 1);
	euser->module_ctx.super = *v;
	user->vlast = &euser->module_ctx.super;
	v->deinit = event_user_deinit;

	euser->user = user;
	euser->event = event_create(user->event);
	event_add_category(euser->event, &event_category_push);
	event_set_append_log_prefix(euser->event, "fantail: ");
	euser->settings = fantail_settings_get(user);
	MODULE_CONTEXT_SET(user, event_user_module, euser);
}

static void event_mailbox_allocated(struct mailbox *box)
{
	struct event_user *euser = box_user(box);

	if (euser == NULL)
		return;
	event_metadata_follow(box, euser->settings->hub_path);
	event_acl_follow(box, euser->settings->hub_path);
}

static struct mail_storage_hooks event_storage_hooks = {
	.mailbox_allocated = event_mailbox_allocated,
	.mail_user_created = event_user_created,
};

static const struct notify_vfuncs event_vfuncs = {
	.mail_transaction_begin = event_transaction_begin,
	.mail_save = event_mail_save,
	.mail_copy = event_mail_copy,
	.mail_expunge = event_mail_expunge,
	.mail_update_flags = event_mail_update_flags,
	.mail_update_keywords = event_mail_update_keywords,
	.mail_transaction_commit = event_transaction_commit,
	.mail_transaction_rollback = event_transaction_rollback,
	.mailbox_create = event_mailbox_create,
	.mailbox_update = event_mailbox_update,
	.mailbox_delete_begin = event_mailbox_delete_begin,
	.mailbox_delete_commit = event_mailbox_delete_commit,
	.mailbox_delete_rollback = event_mailbox_delete_rollback,
	.mailbox_rename = event_mailbox_rename,
	.mailbox_set_subscribed = event_mailbox_set_subscribed,
};

static struct notify_context *event_notify;

const char *fantail_event_plugin_version = DOVECOT_ABI_VERSION;
const char *fantail_event_plugin_dependencies[] = {"notify", NULL};

void fantail_event_plugin_init(struct module *module)
{
	mail_storage_hooks_add(module, &event_storage_hooks);
	view_storage_init(module);
	/* Only here: one that registers while a transaction is open panics at
	 * the transaction's end. */
	event_notify = notify_register(&event_vfuncs);
}

void fantail_event_plugin_deinit(void)
{
	fantail_notify_unregister(&event_notify);
	wake_sender_close();
	mail_storage_hooks_remove(&event_storage_hooks);
	view_storage_deinit();
	search_criteria_deinit();
}
