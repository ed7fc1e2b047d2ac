#include "notify-session.h"
#include "array.h"
#include "hostpid.h"
#include "imap-keepalive.h"
#include "ioloop.h"
#include "ostream.h"
#include "str.h"
#include "unichar.h"
#include "mail-namespace.h"
#include "mail-user.h"
#include "mailbox-list-private.h"
#include "module-context.h"
#include "dovecot-compat.h"

#include "fantail-settings.h"
#include "limits.h"
#include "monotonic.h"
#include "notify-acl.h"
#include "notify-changes.h"
#include "notify-cmd.h"
#include "notify-hibernate.h"
#include "notify-idle.h"
#include "notify-list.h"
#include "notify-rules.h"
#include "notify-selected.h"
#include "notify-watch.h"
#include "view-backing.h"

#define NOTIFY_SESSION_CONTEXT(client) MODULE_CONTEXT(client, notify_client_module)

static MODULE_CONTEXT_DEFINE_INIT(notify_client_module, &imap_module_register);

/* Dovecot's own figure in imap-client.c's client_send_line_next, which is not in a
 * header: more than this in the buffer, and the client does not read as fast as we
 * write. */
#define OUTPUT_FULL CLIENT_OUTPUT_OPTIMAL_SIZE

/* Where something has changed more will, and to read Dovecot's list again for each is 5 ms
 * if it has a thousand names. */
#define REST_MSECS 30000
/* NOTIFY listed all, and what that found is to be sent first; then nothing like it will
 * come again soon. */
#define LISTED_MSECS 100

/* For the log; the client hears a sentence. */
#define TOO_MUCH "too many mailboxes, or changes of them that wait to be sent"

struct notify_session *notify_session_get(struct client *client)
{
	return NOTIFY_SESSION_CONTEXT(client);
}

/* --- output ------------------------------------------------------------------ */

bool notify_session_may_write(const struct notify_session *session)
{
	const struct client *client = session->client;

	return !client->disconnected && !client->destroyed && client->output_cmd_lock == NULL &&
	       !client->output->closed && !notify_selected_fetching(session) &&
	       o_stream_get_buffer_used_size(client->output) < OUTPUT_FULL;
}

bool notify_session_send(struct notify_session *session, const char *line)
{
	return client_send_line_next(session->client, line) > 0;
}

/* There is room again. First what core would have done, since it was in our place. */
static int output_flushed(struct notify_session *session)
{
	struct client *client = session->client;

	session->blocked = FALSE;
	o_stream_set_flush_callback(client->output, client_output, client);
	/* Before client_output: it may destroy the client, and the timeout with it. */
	notify_session_flush_soon(session);
	return client_output(client);
}

/* Lets the output tell us when the client has read. Each time anew: APPEND and
 * SETMETADATA put back core's own callback when they end. */
static void wait_for_output(struct notify_session *session)
{
	struct ostream *output = session->client->output;

	/* A command that reads a literal has taken the callback away, and brings us back
	 * at its end. */
	if (output->closed || session->client->input_lock != NULL)
		return;
	session->blocked = TRUE;
	o_stream_set_flush_callback(output, output_flushed, session);
	o_stream_set_flush_pending(output, TRUE);
}

void notify_session_append_name(struct notify_session *session, string_t *line, const char *vname)
{
	string_t *name = t_str_new(128);

	/* One that cannot be written is not UTF-8, so no LIST has it either. */
	if (fantail_client_mailbox_from_utf8(session->client, vname, name) < 0) {
		str_truncate(name, 0);
		str_append(name, vname);
	}
	fantail_imap_append_astring(line, str_c(name));
}

/* --- flushing ---------------------------------------------------------------- */

static void rest_in(struct notify_session *session, unsigned int msecs);

static bool flush_others(struct notify_session *session)
{
	if (session->overflowed) {
		session->overflowed = FALSE;
		if (!notify_session_send(session,
					 "* OK [NOTIFICATIONOVERFLOW] Too much has changed; "
					 "notifications are off."))
			return FALSE;
	}
	/* A name before its message counts. */
	if (session->changes != NULL && !notify_changes_flush(session->changes))
		return FALSE;
	return session->watch == NULL || notify_watch_flush(session->watch);
}

static bool others_wait(const struct notify_session *session)
{
	return session->overflowed ||
	       (session->changes != NULL && !notify_changes_empty(session->changes)) ||
	       (session->watch != NULL && notify_watch_dirty(session->watch));
}

static void rest_timeout(struct notify_session *session)
{
	timeout_remove(&session->to_rest);
	if (!notify_session_at_rest(session))
		rest_in(session, REST_MSECS);
	else
		notify_list_forget(session);
}

static void rest_in(struct notify_session *session, unsigned int msecs)
{
	timeout_remove(&session->to_rest);
	session->to_rest = timeout_add_short(msecs, rest_timeout, session);
}

void notify_session_rest(struct notify_session *session)
{
	rest_in(session, LISTED_MSECS);
}

/* FALSE: the client may be gone. */
static bool flush(struct notify_session *session)
{
	struct ostream *output = session->client->output;

	timeout_remove(&session->to_flush);
	if (session->client->output_cmd_lock != NULL)
		return TRUE; /* the end of that command brings us back */
	if (!notify_session_may_write(session)) {
		wait_for_output(session);
		return TRUE;
	}
	if (!notify_cmd_continue(session))
		return FALSE;
	session->flushed_usecs = monotonic_us();
	if (others_wait(session)) {
		rest_in(session, REST_MSECS);
		notify_hibernate_postpone(session);
		o_stream_ref(output);
		o_stream_cork(output);
		if (!flush_others(session))
			wait_for_output(session);
		else if (others_wait(session))
			notify_session_flush_soon(session);
		o_stream_uncork(output);
		o_stream_unref(&output);
	}
	if (!session->client->disconnected)
		(void)notify_selected_flush(session);
	return TRUE;
}

static void flush_timeout(struct notify_session *session)
{
	struct client *client = session->client;
	bool there;

	T_BEGIN
	{
		there = flush(session);
	}
	T_END;
	if (there && client->disconnected)
		client_destroy(client, NULL);
}

void notify_session_flush_soon(struct notify_session *session)
{
	uint64_t now = monotonic_us();
	uint64_t due = session->flushed_usecs + session->settings->notify_window_msecs * 1000ULL;
	unsigned int msecs = due <= now ? 0 : (unsigned int)((due - now + 999) / 1000);

	if (session->to_flush == NULL && !session->client->disconnected)
		session->to_flush = timeout_add_short(msecs, flush_timeout, session);
}

static void poll_plan(struct notify_session *session);

/* --- wake-ups ---------------------------------------------------------------- */

struct mail_namespace *notify_session_namespace(const struct notify_session *session,
						const char *vname)
{
	return mail_namespace_find(session->client->user->namespaces, vname);
}

/* How the owner's name of a mailbox reads in a shared namespace of ours. */
static const char *name_in_namespace(struct notify_session *session,
				     const struct mail_namespace *ns, const char *name)
{
	const char *vname = t_strconcat(ns->prefix, name, NULL);
	const char *prefix;

	/* The owner's INBOX may be the prefix itself, without its separator. */
	if (strcmp(name, "INBOX") == 0 && ns->prefix_len > 0 && session->watch != NULL) {
		prefix = t_strndup(ns->prefix, ns->prefix_len - 1);
		if (notify_watch_has(session->watch, prefix))
			return prefix;
	}
	return vname;
}

const char *notify_session_vname(struct notify_session *session, const struct wake *wake,
				 const char *name)
{
	const struct mail_user *user = session->client->user;
	const struct mail_namespace *ns;
	const char *known;

	/* Dovecot asserts as much, and not everybody who sends wake-ups is Dovecot. */
	if (!uni_utf8_str_is_valid(name))
		return NULL;
	if (strcmp(wake->owner, user->username) == 0) {
		/* An alias prefix is another way to the same mailbox. */
		ns = mail_namespace_find_unalias(user->namespaces, &name);
		return ns->type == MAIL_NAMESPACE_TYPE_PRIVATE ? name : NULL;
	}
	if (session->watch != NULL && wake->mailbox_id != NULL && name == wake->mailbox) {
		known = notify_watch_find_id(session->watch, wake->mailbox_id);
		if (known != NULL)
			return known;
	}
	for (ns = user->namespaces; ns != NULL; ns = ns->next) {
		/* A public mailbox has the same name for everybody. */
		if (ns->type == MAIL_NAMESPACE_TYPE_PUBLIC && *wake->owner == '\0' &&
		    strncmp(name, ns->prefix, ns->prefix_len) == 0)
			return name;
		if (ns->type == MAIL_NAMESPACE_TYPE_SHARED && ns->owner != NULL &&
		    strcmp(ns->owner->username, wake->owner) == 0)
			return name_in_namespace(session, ns, name);
	}
	return NULL;
}

/* The groups' events for a mailbox of that name, whether or not it exists (any more). */
static notify_events events_of_name(struct notify_session *session, const char *vname)
{
	struct mail_namespace *ns = notify_session_namespace(session, vname);
	struct notify_box box = {
		.name = vname,
		.separator = mail_namespace_get_sep(ns),
		.personal = ns->type == MAIL_NAMESPACE_TYPE_PRIVATE,
		.inbox = ns->type == MAIL_NAMESPACE_TYPE_PRIVATE,
	};
	struct mailbox *mailbox;

	/* Reads a file, so only for who asks. A namespace that was never listed has no
	 * subscriptions to ask for. */
	if (session->spec.by_filter[NOTIFY_FILTER_SUBSCRIBED] != 0 &&
	    mailbox_list_iter_subscriptions_refresh(ns->list) == 0) {
		mailbox = mailbox_alloc(ns->list, vname, 0);
		box.subscribed = mailbox_is_subscribed(mailbox);
		mailbox_free(&mailbox);
	}
	return notify_spec_match(&session->spec, &box);
}

/* May the user know that there is something of that name? */
static bool may_see(struct notify_session *session, const char *vname)
{
	struct mail_namespace *ns = notify_session_namespace(session, vname);

	return ns->type == MAIL_NAMESPACE_TYPE_PRIVATE ||
	       notify_acl_access(ns, vname, FALSE) != NOTIFY_ACCESS_NONE;
}

/* Whom others let look: what they let is asked before anything is told. */
static bool is_guarded(struct notify_session *session, const char *vname)
{
	return notify_acl_guards(notify_session_namespace(session, vname));
}

/* RFC 5465 section 5.4: the mailbox and its direct parent. */
static bool list_with_parent(struct notify_session *session, const char *vname)
{
	return notify_changes_list(session->changes, vname) &&
	       notify_changes_parent(session->changes, vname);
}

static bool name_changed(struct notify_session *session, const char *vname)
{
	return (events_of_name(session, vname) & NOTIFY_MAILBOX_NAME) == 0 ||
	       list_with_parent(session, vname);
}

static bool rename_woken(struct notify_session *session, const char *old, const char *vname)
{
	bool wanted = (events_of_name(session, vname) & NOTIFY_MAILBOX_NAME) != 0 ||
		      (old != NULL && (events_of_name(session, old) & NOTIFY_MAILBOX_NAME) != 0);
	bool known = old != NULL && may_see(session, old);
	bool room = TRUE;

	if (old != NULL && notify_watch_has(session->watch, old))
		known = TRUE; /* the rights on it went with it */
	/* What one end of it is called may be a secret. */
	if (wanted && !may_see(session, vname))
		room = !known || list_with_parent(session, old);
	else if (wanted)
		room = known ? notify_changes_rename(session->changes, vname, old)
			     : list_with_parent(session, vname);
	if (old == NULL) {
		(void)notify_watch_update(session->watch, vname, FALSE);
		return room;
	}
	/* Children after the line about the parent, by which the client moves what it
	 * knows. */
	return notify_watch_rename(session->watch, old, vname, FALSE, name_changed) && room;
}

void notify_session_renamed(struct notify_session *session, const char *old, const char *vname)
{
	if (!notify_changes_renamed(session->changes, vname, old) ||
	    !notify_watch_rename(session->watch, old, vname, TRUE, name_changed))
		notify_session_overflow(session, TOO_MUCH);
}

/* FALSE: too much waits. */
static bool name_woken(struct notify_session *session, const struct wake *wake, const char *vname)
{
	bool wanted, known = notify_watch_has(session->watch, vname);
	bool created = (wake->kinds & WAKE_KIND_BIT(WAKE_MAILBOX_CREATE)) != 0;
	bool deleted = (wake->kinds & WAKE_KIND_BIT(WAKE_MAILBOX_DELETE)) != 0;

	if ((wake->kinds & WAKE_KIND_BIT(WAKE_MAILBOX_RENAME)) != 0 && wake->old_mailbox != NULL)
		return rename_woken(session, notify_session_vname(session, wake, wake->old_mailbox),
				    vname);
	wanted = (events_of_name(session, vname) & NOTIFY_MAILBOX_NAME) != 0;
	/* What there is of that name is another one. */
	if (deleted)
		notify_watch_forget(session->watch, vname);
	/* What is created and gone will be told to be deleted, or renamed. */
	(void)notify_watch_update(session->watch, vname, created || deleted);
	if (!wanted)
		return TRUE;
	/* Not the end of what this user was never shown, where that is a secret; elsewhere a
	 * client may know of it by a rename that was told late. */
	if (deleted)
		return (!known && is_guarded(session, vname)) ||
		       (notify_changes_deleted(session->changes, vname) &&
			notify_changes_parent(session->changes, vname));
	if (known || notify_watch_has(session->watch, vname))
		return list_with_parent(session, vname);
	/* A new one gets its rights a moment later, and a wake-up comes of that. */
	return is_guarded(session, vname) ||
	       notify_changes_list_if_visible(session->changes, vname);
}

/* RFC 5465 sections 5.4, where l is what makes a mailbox be there, and 5.9, which holds
 * without MailboxName, too. FALSE: too much waits. */
static bool look_at_rights(struct notify_session *session, const char *vname, bool anew)
{
	enum notify_rights_news news = notify_watch_rights(session->watch, vname, anew);
	bool told;

	if (news == NOTIFY_RIGHTS_SAME)
		return TRUE;
	told = (events_of_name(session, vname) & NOTIFY_MAILBOX_NAME) != 0;
	if (!told && news == NOTIFY_RIGHTS_GAINED)
		return TRUE;
	return (news == NOTIFY_RIGHTS_LOST ? notify_changes_noaccess
					   : notify_changes_list)(session->changes, vname) &&
	       (!told || notify_changes_parent(session->changes, vname));
}

/* Rights that were edited by hand, or whose wake-up got lost. FALSE: too much waits. */
static bool poll_rights(struct notify_session *session)
{
	ARRAY_TYPE(const_string) names;
	const char *name;
	bool room = TRUE;

	t_array_init(&names, 16);
	notify_watch_guarded(session->watch, &names);
	array_foreach_elem (&names, name)
		room = room && look_at_rights(session, name, FALSE);
	return room;
}

static bool subscription_woken(struct notify_session *session, const char *vname)
{
	/* Both as it was and as it is: unsubscribed, it is no member of `subscribed`. */
	bool wanted = notify_watch_has(session->watch, vname) &&
		      (notify_spec_events(&session->spec) & NOTIFY_SUBSCRIPTION_CHANGE) != 0;

	(void)notify_watch_update(session->watch, vname, FALSE);
	wanted = wanted || (events_of_name(session, vname) & NOTIFY_SUBSCRIPTION_CHANGE) != 0;
	return !wanted || notify_changes_list(session->changes, vname);
}

static bool metadata_woken(struct notify_session *session, const struct wake *wake,
			   const char *vname)
{
	if ((wake->kinds & WAKE_KIND_BIT(WAKE_SERVER_METADATA)) != 0) {
		/* Of no mailbox: one group with it is enough (5.7). */
		if ((notify_spec_events(&session->spec) & NOTIFY_SERVER_METADATA_CHANGE) == 0)
			return TRUE;
		return notify_changes_metadata(session->changes, "", wake->entries,
					       wake->entry_count);
	}
	if ((events_of_name(session, vname) & NOTIFY_MAILBOX_METADATA_CHANGE) == 0)
		return TRUE;
	/* Of others' mailboxes only those that this user may see. */
	if (strcmp(wake->owner, session->client->user->username) != 0 &&
	    !notify_watch_may_read(session->watch, vname))
		return TRUE;
	return notify_changes_metadata(session->changes, vname, wake->entries, wake->entry_count);
}

#define NAME_KINDS                                                                 \
	(WAKE_KIND_BIT(WAKE_MAILBOX_CREATE) | WAKE_KIND_BIT(WAKE_MAILBOX_DELETE) | \
	 WAKE_KIND_BIT(WAKE_MAILBOX_RENAME))
#define METADATA_KINDS (WAKE_KIND_BIT(WAKE_MAILBOX_METADATA) | WAKE_KIND_BIT(WAKE_SERVER_METADATA))

static void others_woken(struct notify_session *session, const struct wake *wake, bool selected)
{
	const char *vname = notify_session_vname(session, wake, wake->mailbox);
	bool room = TRUE;

	if (vname == NULL)
		return;
	if ((wake->kinds & NAME_KINDS) != 0)
		room = name_woken(session, wake, vname);
	else if ((wake->kinds & WAKE_KIND_BIT(WAKE_ACL)) != 0 || is_guarded(session, vname))
		room = look_at_rights(session, vname, TRUE);
	if (room && (wake->kinds & WAKE_KIND_BIT(WAKE_SUBSCRIPTION)) != 0)
		room = subscription_woken(session, vname);
	if (room && (wake->kinds & METADATA_KINDS) != 0)
		room = metadata_woken(session, wake, vname);
	if (!selected && (wake->kinds & WAKE_KINDS_MESSAGE) != 0) {
		/* An INBOX comes to be with its first message, and nobody says so. Others'
		 * were looked at above. */
		if (!notify_watch_has(session->watch, vname) && !is_guarded(session, vname) &&
		    (events_of_name(session, vname) & NOTIFY_EVENTS_MESSAGE) != 0)
			(void)notify_watch_update(session->watch, vname, FALSE);
		notify_watch_woken(session->watch, vname, wake->kinds & WAKE_KINDS_MESSAGE);
	}
	if (!room || notify_watch_full(session->watch))
		notify_session_overflow(session, TOO_MUCH);
}

static void woken(const struct wake *wake, void *context)
{
	struct notify_session *session = context;

	T_BEGIN
	{
		bool selected = notify_selected_woken(session, wake);

		if (session->watch != NULL) {
			rest_in(session, REST_MSECS);
			/* What is behind a view is told of as well. */
			others_woken(session, wake,
				     selected && view_backing(session->client->mailbox) ==
							 session->client->mailbox);
		}
		if (selected || others_wait(session))
			notify_session_flush_soon(session);
	}
	T_END;
}

/* FALSE: some of what Dovecot does has to be found by looking. */
static bool told_of_all(const struct notify_session *session)
{
	/* That it is told of a new selected mailbox is no reason to look at all. */
	return session->hub != NULL && session->told &&
	       (hub_link_complete(session->hub) || hub_link_pending(session->hub));
}

static void look_at_selected(struct notify_session *session)
{
	session->peeked_usecs = monotonic_us();
	if (notify_selected_kinds(session) != 0 && notify_selected_changed(session))
		notify_selected_mark(session);
}

/* Everything, since nobody may have told us. Names are listed again only while that is
 * likely; files are cheap to look at. */
static void look_at_all(struct notify_session *session, bool names)
{
	session->looked_usecs = monotonic_us();
	look_at_selected(session);
	if (session->watch == NULL)
		return;
	if (names)
		rest_in(session, 0);
	if ((names && !notify_watch_relist(session->watch, name_changed)) ||
	    !poll_rights(session)) {
		notify_session_overflow(session, TOO_MUCH);
		return;
	}
	notify_watch_poll(session->watch);
}

bool notify_session_at_rest(const struct notify_session *session)
{
	const struct client *client = session->client;
	const struct client_command_context *idle = notify_idle_command(session);

	return client->command_queue == idle &&
	       client->command_queue_size == (idle == NULL ? 0 : 1) && session->waiting == NULL &&
	       session->to_flush == NULL && !session->blocked && !others_wait(session);
}

void notify_session_missed(struct notify_session *session, const char *vname, bool subscription)
{
	notify_events event = subscription ? NOTIFY_SUBSCRIPTION_CHANGE : NOTIFY_MAILBOX_NAME;

	/* What was unsubscribed is no member of `subscribed` any more. */
	if ((events_of_name(session, vname) & event) == 0 &&
	    (!subscription || (notify_spec_events(&session->spec) & event) == 0))
		return;
	if (!(subscription ? notify_changes_list(session->changes, vname)
			   : list_with_parent(session, vname)))
		notify_session_overflow(session, "too many changes while the session slept");
}

void notify_session_look(struct notify_session *session)
{
	T_BEGIN
	{
		look_at_all(session, FALSE);
	}
	T_END;
	notify_session_flush_soon(session);
}

static void look(bool missed, void *context)
{
	struct notify_session *session = context;

	session->told = hub_link_complete(session->hub);
	T_BEGIN
	{
		if (missed)
			look_at_all(session, TRUE);
		else
			look_at_selected(session);
	}
	T_END;
	poll_plan(session);
	notify_cmd_ready(session);
	notify_hibernate_ready(session);
	notify_session_flush_soon(session);
}

static void lost(void *context)
{
	struct notify_session *session = context;

	session->told = FALSE;
	/* Up to now we were. */
	session->looked_usecs = monotonic_us();
	poll_plan(session);
}

static const struct hub_link_callbacks hub_callbacks = {
	.woken = woken,
	.look = look,
	.lost = lost,
};

static wake_kinds kinds_of_events(notify_events events)
{
	static const struct {
		notify_events event;
		enum wake_kind kind;
	} kinds[] = {
		{NOTIFY_MESSAGE_NEW, WAKE_MESSAGE_NEW},
		{NOTIFY_MESSAGE_EXPUNGE, WAKE_MESSAGE_EXPUNGE},
		{NOTIFY_FLAG_CHANGE, WAKE_FLAG_CHANGE},
		{NOTIFY_MAILBOX_METADATA_CHANGE, WAKE_MAILBOX_METADATA},
		{NOTIFY_SERVER_METADATA_CHANGE, WAKE_SERVER_METADATA},
	};
	wake_kinds result = 0;

	for (unsigned int i = 0; i < N_ELEMENTS(kinds); i++) {
		if ((events & kinds[i].event) != 0)
			result |= WAKE_KIND_BIT(kinds[i].kind);
	}
	/* Also without MailboxName and SubscriptionChange: what is watched follows them. */
	if (events != 0)
		result |= NAME_KINDS | WAKE_KIND_BIT(WAKE_ACL) | WAKE_KIND_BIT(WAKE_SUBSCRIPTION);
	return result;
}

void notify_session_watch(struct notify_session *session)
{
	const struct mail_user *user = session->client->user;
	wake_kinds selected = notify_selected_kinds(session), kinds = 0;
	ARRAY_TYPE(notify_hub_rules) rules;
	struct hub_rule *rule;

	if (session->active)
		kinds = kinds_of_events(notify_spec_events(&session->spec));
	if (session->hub == NULL && (kinds | selected) == 0)
		return;
	if (session->hub == NULL)
		session->hub =
			hub_link_new(session->event, session->settings->hub_path, user->username,
				     user->session_id, &hub_callbacks, session);
	t_array_init(&rules, 8);
	if (kinds != 0) {
		const struct notify_table *table = notify_watch_table(session->watch);

		if (!notify_hibernate_drowsy(session) ||
		    !notify_rules_exact(session, table, &rules))
			notify_rules_all(session, table, kinds, &rules);
	}
	if (selected != 0) {
		struct mailbox *box = view_backing(session->client->mailbox);
		const struct mail_user *owner = mailbox_get_namespace(box)->owner;
		struct mailbox_metadata metadata;
		const char **name = t_new(const char *, 1);

		rule = array_append_space(&rules);
		rule->kinds = selected;
		if (owner != NULL && strcmp(owner->username, user->username) == 0) {
			*name = mailbox_get_vname(box);
			rule->owner = user->username;
			rule->mailboxes = name;
			rule->mailbox_count = 1;
		} else if (mailbox_get_metadata(box, MAILBOX_METADATA_GUID, &metadata) == 0) {
			*name = guid_128_to_string(metadata.guid);
			rule->mailbox_ids = name;
			rule->mailbox_id_count = 1;
		} else {
			array_pop_back(&rules);
		}
	}
	hub_link_watch(session->hub, array_is_empty(&rules) ? NULL : array_front(&rules),
		       array_count(&rules));
	poll_plan(session);
}

/* --- timers ------------------------------------------------------------------ */

/* The hub tells of all that Dovecot does. What other programs do can wait. */
static uint64_t look_interval(const struct notify_session *session)
{
	uint64_t interval = session->settings->notify_poll_secs * 1000000ULL;

	return told_of_all(session) ? interval * LIMIT_NOTIFY_POLL_PATIENCE : interval;
}

static void poll_timeout(struct notify_session *session)
{
	T_BEGIN
	{
		if (monotonic_us() >= session->looked_usecs + look_interval(session))
			look_at_all(session, !told_of_all(session));
		else
			look_at_selected(session);
	}
	T_END;
	if (notify_selected_kinds(session) != 0 || others_wait(session))
		notify_session_flush_soon(session);
	poll_plan(session);
}

static void poll_plan(struct notify_session *session)
{
	uint64_t due = session->looked_usecs + look_interval(session), now = monotonic_us();

	timeout_remove(&session->to_poll);
	if (!session->active || session->spec.none)
		return;
	if (notify_selected_kinds(session) == 0) {
		session->peeked_usecs = 0;
	} else {
		if (session->peeked_usecs == 0)
			session->peeked_usecs = now;
		due = I_MIN(due, session->peeked_usecs +
					 session->settings->notify_poll_secs * 1000000ULL);
	}
	session->to_poll = timeout_add_short(
		due <= now ? 0 : (unsigned int)((due - now + 999) / 1000), poll_timeout, session);
}

/* A client that only waits for notifications: its connection is kept open by both ends,
 * and by what is between them. IDLE does this for itself. */
static void keepalive_timeout(struct notify_session *session)
{
	struct client *client = session->client;

	if (!session->quiet)
		timeout_reset(client->to_idle);
	if (!session->quiet && client->command_queue == NULL && notify_session_may_write(session) &&
	    o_stream_get_buffer_used_size(client->output) == 0) {
		o_stream_cork(client->output);
		client_send_line(client, "* OK Still here");
		o_stream_uncork(client->output);
	}
	/* The interval is set so that all of a user's connections speak at one time. */
	notify_session_keep_alive(session);
}

void notify_session_keep_alive(struct notify_session *session)
{
	const struct client *client = session->client;
	unsigned int interval = client->set->imap_idle_notify_interval;

	timeout_remove(&session->to_keepalive);
	if (!session->active || session->spec.none || interval == 0)
		return;
	interval = imap_keepalive_interval_msecs(client->user->username,
						 client->user->conn.remote_ip, interval);
	session->to_keepalive = timeout_add_short(interval, keepalive_timeout, session);
}

/* --- what is asked for ------------------------------------------------------- */

static void session_reset(struct notify_session *session)
{
	notify_watch_free(&session->watch);
	notify_changes_free(&session->changes);
	notify_spec_free(&session->spec);
	pool_unref(&session->spec_pool);
	i_zero(&session->spec);
	session->command = NULL;
	session->overflowed = FALSE;
}

void notify_session_set(struct notify_session *session, struct notify_spec *spec, pool_t pool,
			struct notify_watch *watch, const char *command)
{
	session_reset(session);
	session->spec = *spec;
	session->spec_pool = pool;
	session->command = command;
	session->watch = watch;
	session->changes = notify_changes_new(session);
	session->active = TRUE;
	i_zero(spec);
	session->looked_usecs = monotonic_us();
	poll_plan(session);
	notify_session_keep_alive(session);
	notify_hibernate_postpone(session);
}

void notify_session_unset(struct notify_session *session)
{
	if (!session->active)
		return;
	notify_selected_revert(session);
	session_reset(session);
	session->active = session->quiet = FALSE;
	timeout_remove(&session->to_poll);
	timeout_remove(&session->to_keepalive);
	notify_session_watch(session);
}

void notify_session_overflow(struct notify_session *session, const char *reason)
{
	struct notify_spec none = {.none = TRUE};
	const char *error;

	e_debug(session->event, "notifications given up: %s", reason);
	if (notify_selected_apply(session, &none, NULL, &error) < 0)
		i_unreached(); /* only a fetch-att list can be wrong */
	session_reset(session);
	session->spec.none = TRUE;
	session->overflowed = TRUE;
	timeout_remove(&session->to_poll);
	timeout_remove(&session->to_keepalive);
	notify_session_watch(session);
	notify_session_flush_soon(session);
}

/* --- life -------------------------------------------------------------------- */

void notify_session_create(struct client *client, const struct fantail_settings *settings)
{
	struct notify_session *session = p_new(client->pool, struct notify_session, 1);

	session->client = client;
	session->settings = settings;
	session->event = event_create(client->event);
	event_set_append_log_prefix(session->event, "fantail: ");
	session->module_ctx.super = client->v;
	notify_selected_init(session);
	MODULE_CONTEXT_SET(client, notify_client_module, session);
}

void notify_session_destroy(struct notify_session *session)
{
	timeout_remove(&session->to_ready);
	timeout_remove(&session->to_flush);
	timeout_remove(&session->to_poll);
	timeout_remove(&session->to_rest);
	timeout_remove(&session->to_keepalive);
	/* The client goes on writing while it is destroyed. */
	if (session->blocked)
		o_stream_set_flush_callback(session->client->output, client_output,
					    session->client);
	notify_hibernate_deinit(session);
	notify_idle_deinit(session);
	notify_selected_deinit(session);
	session_reset(session);
	hub_link_free(&session->hub);
	event_unref(&session->event);
}
