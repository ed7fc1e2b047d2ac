#include "notify-watch.h"
#include "array.h"
#include "hash.h"
#include "ioloop.h"
#include "llist.h"
#include "numpack.h"
#include "mail-namespace.h"
#include "mail-storage.h"
#include "mailbox-list-iter.h"

#include "fantail-settings.h"
#include "notify-acl.h"
#include "notify-changes.h"
#include "notify-fingerprint.h"
#include "notify-list.h"
#include "notify-status.h"
#include "notify-table.h"

struct notify_watch {
	struct notify_session *session;
	const struct notify_spec *spec;
	struct notify_table *table;
	struct watched_more *dirty, *dirty_tail; /* the oldest first */
	struct timeout *to_later;
};

/* How often, and how far apart, a mailbox is looked at for an expunge that was told of and
 * does not show yet. */
#define LATER_LOOKS 3
#define LATER_MSECS 50
/* Mailboxes looked at in one turn of the ioloop. */
#define FLUSH_BOXES 100

/* --- files ------------------------------------------------------------------- */

static uint64_t fingerprint(struct mail_namespace *ns, const char *vname)
{
	return notify_fingerprint(ns->list, mailbox_list_get_storage_name(ns->list, vname));
}

static struct mail_namespace *namespace_of(const struct notify_watch *watch, const char *vname)
{
	return notify_session_namespace(watch->session, vname);
}

/* --- the table --------------------------------------------------------------- */

static struct watched *find(const struct notify_watch *watch, const char *vname)
{
	return notify_table_find(watch->table, vname);
}

static void set_clean(struct notify_watch *watch, struct watched *box)
{
	struct watched_more *more = box->more;

	if (more == NULL)
		return;
	if (more->is_dirty)
		DLLIST2_REMOVE(&watch->dirty, &watch->dirty_tail, more);
	more->is_dirty = more->own = FALSE;
	more->dirty = 0;
}

static void set_dirty(struct notify_watch *watch, struct watched *box)
{
	struct watched_more *more = notify_watched_more(box);

	if (!more->is_dirty)
		DLLIST2_APPEND(&watch->dirty, &watch->dirty_tail, more);
	more->is_dirty = TRUE;
}

static void set_last(struct watched *box, const struct notify_snapshot *now)
{
	notify_watched_more(box)->last = *now;
}

static void later_timeout(struct notify_watch *watch)
{
	struct watched *box;

	timeout_remove(&watch->to_later);
	notify_table_foreach (watch->table, box) {
		if (box->more != NULL && box->more->again > 0)
			set_dirty(watch, box);
	}
	notify_session_flush_soon(watch->session);
}

static void forget(struct notify_watch *watch, struct watched *box)
{
	set_clean(watch, box);
	notify_table_remove(watch->table, box);
}

/* Mailboxes of others are known by GUID: their owner's name for one need not be ours. */
static void read_id(struct notify_watch *watch, struct watched *box, struct mail_namespace *ns)
{
	struct mailbox_metadata metadata;
	struct mailbox *mailbox;

	if (ns->type == MAIL_NAMESPACE_TYPE_PRIVATE)
		return;
	mailbox = mailbox_alloc(ns->list, box->vname, MAILBOX_FLAG_READONLY);
	if (mailbox_get_metadata(mailbox, MAILBOX_METADATA_GUID, &metadata) == 0)
		notify_table_set_id(watch->table, box, metadata.guid);
	mailbox_free(&mailbox);
}

/* NULL: none of the groups wants it. */
static struct watched *remember(struct notify_watch *watch, const struct mailbox_info *info)
{
	struct mail_namespace *ns = info->ns;
	struct notify_box seen = {
		.name = info->vname,
		.separator = mail_namespace_get_sep(ns),
		.personal = ns->type == MAIL_NAMESPACE_TYPE_PRIVATE,
		/* Which mailboxes a delivery agent chooses is not known here (6.3). */
		.inbox = ns->type == MAIL_NAMESPACE_TYPE_PRIVATE,
		.subscribed = (info->flags & MAILBOX_SUBSCRIBED) != 0,
	};
	notify_events events = notify_spec_match(watch->spec, &seen);
	struct watched *box = find(watch, info->vname);

	if ((info->flags & (MAILBOX_NOSELECT | MAILBOX_NONEXISTENT)) != 0)
		events &= ~(notify_events)NOTIFY_EVENTS_MESSAGE;
	if (events == 0) {
		if (box != NULL)
			forget(watch, box);
		return NULL;
	}
	if (box == NULL) {
		box = notify_table_insert(watch->table, info->vname);
		if ((events & NOTIFY_EVENTS_MESSAGE) != 0)
			box->fingerprint = fingerprint(ns, box->vname);
		read_id(watch, box, ns);
		box->access = notify_acl_access(ns, box->vname, notify_acl_guards(ns));
	}
	box->events = events;
	box->listed = TRUE;
	box->subscribed = seen.subscribed;
	return box;
}

const struct notify_table *notify_watch_table(const struct notify_watch *watch)
{
	return watch->table;
}

bool notify_watch_full(const struct notify_watch *watch)
{
	return notify_table_count(watch->table) > watch->session->settings->notify_max_mailboxes;
}

/* All of one namespace that match the pattern. FALSE: cannot be listed, or too many. */
static bool list(struct notify_watch *watch, struct mail_namespace *ns, const char *pattern)
{
	enum mailbox_list_iter_flags flags = MAILBOX_LIST_ITER_RETURN_SUBSCRIBED;
	struct mailbox_list_iterate_context *iter;
	const struct mailbox_info *info;

	iter = mailbox_list_iter_init(ns->list, pattern, flags);
	while (!notify_watch_full(watch) && (info = mailbox_list_iter_next(iter)) != NULL) {
		T_BEGIN
		{
			(void)remember(watch, info);
		}
		T_END;
	}
	return mailbox_list_iter_deinit(&iter) == 0 && !notify_watch_full(watch);
}

/* Namespaces of other users come to be when one of their mailboxes is named. */
static bool list_named(struct notify_watch *watch)
{
	const struct notify_spec *spec = watch->spec;
	bool ok = TRUE;

	for (size_t i = 0; ok && i < spec->name_count; i++) {
		struct mail_namespace *ns = namespace_of(watch, spec->names[i]);
		struct mailbox *box;
		char sep[2] = {mail_namespace_get_sep(ns), '\0'};

		if (ns->type != MAIL_NAMESPACE_TYPE_SHARED)
			continue;
		/* As a side effect it finds the owner. */
		box = mailbox_alloc(ns->list, spec->names[i], MAILBOX_FLAG_READONLY);
		ns = mailbox_get_namespace(box);
		ok = list(watch, ns, spec->names[i]) &&
		     list(watch, ns, t_strconcat(spec->names[i], sep, "*", NULL));
		mailbox_free(&box);
	}
	return ok;
}

static bool list_all(struct notify_watch *watch)
{
	struct mail_namespace *ns = watch->session->client->user->namespaces;
	bool ok = TRUE;

	if (watch->spec->group_count == 0)
		return TRUE;
	T_BEGIN
	{
		for (; ok && ns != NULL; ns = ns->next) {
			if (ns->alias_for == NULL && !mail_namespace_is_removable(ns))
				ok = list(watch, ns, "*");
		}
		ok = ok && list_named(watch);
	}
	T_END;
	return ok;
}

struct notify_watch *notify_watch_new(struct notify_session *session,
				      const struct notify_spec *spec)
{
	struct notify_watch *watch = i_new(struct notify_watch, 1);

	watch->session = session;
	watch->spec = spec;
	watch->table = notify_table_new();
	if (!list_all(watch))
		notify_watch_free(&watch);
	else
		watch->spec = &session->spec;
	return watch;
}

void notify_watch_free(struct notify_watch **watch_p)
{
	struct notify_watch *watch = *watch_p;

	if (watch == NULL)
		return;
	*watch_p = NULL;
	timeout_remove(&watch->to_later);
	notify_table_free(&watch->table);
	i_free(watch);
}

bool notify_watch_has(struct notify_watch *watch, const char *vname)
{
	const struct watched *box = find(watch, vname);

	return box != NULL && box->access != NOTIFY_ACCESS_NONE;
}

bool notify_watch_may_read(struct notify_watch *watch, const char *vname)
{
	const struct watched *box = find(watch, vname);

	return box != NULL && box->access == NOTIFY_ACCESS_READ;
}

const char *notify_watch_find_id(struct notify_watch *watch, const char *mailbox_id)
{
	const struct watched *box;
	guid_128_t guid = {0};

	if (guid_128_from_string(mailbox_id, guid) < 0)
		return NULL;
	box = notify_table_find_id(watch->table, guid);
	return box == NULL ? NULL : box->vname;
}

static bool is_selected(const struct notify_watch *watch, const char *vname)
{
	struct mailbox *selected = watch->session->client->mailbox;

	return selected != NULL && mailbox_equals(selected, namespace_of(watch, vname), vname);
}

void notify_watch_send_noaccess(struct notify_watch *watch)
{
	struct watched *box;

	notify_table_foreach (watch->table, box) {
		if (box->access != NOTIFY_ACCESS_LIST)
			continue;
		T_BEGIN
		{
			notify_changes_send_noaccess(watch->session, box->vname);
		}
		T_END;
		box->told_noaccess = TRUE;
	}
}

void notify_watch_send_status(struct notify_watch *watch)
{
	const char *vname = NULL;
	struct watched *box;

	/* Looking may come back to the table. */
	while ((box = notify_table_after(watch->table, vname)) != NULL) {
		notify_items what = notify_status_indicator(box->events);
		struct notify_snapshot now;

		vname = t_strdup(box->vname);
		if (what == 0 || box->access != NOTIFY_ACCESS_READ || is_selected(watch, vname))
			continue;
		T_BEGIN
		{
			/* Else silently, 3.1; a fault was logged. */
			if (notify_status_look(watch->session, vname, &now) == NOTIFY_LOOK_OK) {
				(void)notify_status_send(watch->session, vname, what, &now);
				box = find(watch, vname);
				if (box != NULL)
					set_last(box, &now);
			}
		}
		T_END;
	}
}

/* --- what changed ------------------------------------------------------------ */

void notify_watch_woken(struct notify_watch *watch, const char *vname, wake_kinds kinds)
{
	struct watched *box = find(watch, vname);

	if (box == NULL || (box->events & NOTIFY_EVENTS_MESSAGE) == 0 ||
	    box->access != NOTIFY_ACCESS_READ)
		return;
	if ((box->events & NOTIFY_FLAG_CHANGE) == 0)
		kinds &= ~WAKE_KIND_BIT(WAKE_FLAG_CHANGE);
	if (kinds == 0)
		return;
	notify_watched_more(box)->dirty |= kinds;
	set_dirty(watch, box);
}

void notify_watch_own(struct notify_watch *watch, const char *vname)
{
	struct watched *box = find(watch, vname);

	if (box == NULL || (box->events & NOTIFY_EVENTS_MESSAGE) == 0)
		return;
	notify_watched_more(box)->own = TRUE;
	set_dirty(watch, box);
}

/* Something may have changed that nobody will tell of, or has told of by another name. */
static void suspect(struct notify_watch *watch, struct watched *box)
{
	if ((box->events & NOTIFY_EVENTS_MESSAGE) == 0)
		return;
	if (notify_watched_last(box)->uidnext == 0 &&
	    fingerprint(namespace_of(watch, box->vname), box->vname) == box->fingerprint)
		return;
	set_dirty(watch, box);
}

/* The client believes it to be empty. */
static void appeared(struct notify_watch *watch, struct watched *box)
{
	notify_watched_more(box)->last.uidnext = 1;
	suspect(watch, box);
}

bool notify_watch_update(struct notify_watch *watch, const char *vname, bool created)
{
	bool known = find(watch, vname) != NULL;
	struct mailbox_info info;
	struct notify_snapshot now;
	struct watched *box;

	if (!notify_list_find(watch->session, vname, &info))
		return FALSE;
	box = remember(watch, &info);
	if (box == NULL)
		return TRUE;
	if (known && created)
		suspect(watch, box); /* another one of that name */
	else if (created)
		appeared(watch, box);
	/* What it says now is where we begin, so that the first event is the first change. */
	else if (!known && (box->events & NOTIFY_EVENTS_MESSAGE) != 0 &&
		 box->access == NOTIFY_ACCESS_READ &&
		 notify_status_look(watch->session, vname, &now) == NOTIFY_LOOK_OK &&
		 (box = find(watch, vname)) != NULL)
		set_last(box, &now);
	return TRUE;
}

void notify_watch_told(struct notify_watch *watch, const struct mailbox_info *info)
{
	struct watched *box;

	if (find(watch, info->vname) != NULL)
		return;
	box = remember(watch, info);
	if (box != NULL)
		appeared(watch, box);
}

void notify_watch_forget(struct notify_watch *watch, const char *vname)
{
	struct watched *box = find(watch, vname);

	if (box != NULL)
		forget(watch, box);
}

static enum notify_rights_news lose(struct notify_watch *watch, struct watched *box)
{
	set_clean(watch, box);
	box->access = NOTIFY_ACCESS_NONE;
	box->told_noaccess = TRUE;
	return NOTIFY_RIGHTS_LOST;
}

/* `box`: before; NULL: never seen. */
static enum notify_rights_news gain(struct notify_watch *watch, struct watched *box,
				    const char *vname, enum notify_access access)
{
	bool told = box != NULL && box->told_noaccess;
	uint64_t before = box != NULL ? box->fingerprint : 0;
	uint64_t now = fingerprint(namespace_of(watch, vname), vname);
	struct notify_snapshot snapshot;

	if (!notify_watch_update(watch, vname, FALSE))
		notify_watch_forget(watch, vname);
	box = find(watch, vname);
	if (box == NULL)
		return NOTIFY_RIGHTS_SAME; /* there is no such mailbox, or nobody asked for it */
	box->access = access;
	box->told_noaccess = access == NOTIFY_ACCESS_LIST;
	if (access == NOTIFY_ACCESS_READ && (box->events & NOTIFY_EVENTS_MESSAGE) != 0) {
		/* What has happened meanwhile is news if it was watched before. */
		if (before != 0 && before != now)
			set_dirty(watch, box);
		else if (before == 0 &&
			 notify_status_look(watch->session, vname, &snapshot) == NOTIFY_LOOK_OK &&
			 (box = find(watch, vname)) != NULL)
			set_last(box, &snapshot);
	}
	return told ? NOTIFY_RIGHTS_REGAINED : NOTIFY_RIGHTS_GAINED;
}

enum notify_rights_news notify_watch_rights(struct notify_watch *watch, const char *vname,
					    bool anew)
{
	enum notify_access now = notify_acl_access(namespace_of(watch, vname), vname, anew);
	struct watched *box = find(watch, vname);
	enum notify_access before = box == NULL ? NOTIFY_ACCESS_NONE : box->access;

	if (now == before)
		return NOTIFY_RIGHTS_SAME;
	if (now == NOTIFY_ACCESS_NONE)
		return lose(watch, box);
	if (now == NOTIFY_ACCESS_LIST && before == NOTIFY_ACCESS_READ) {
		set_clean(watch, box);
		box->access = now;
		return NOTIFY_RIGHTS_SAME; /* "silently", 5.9 */
	}
	if (before == NOTIFY_ACCESS_NONE)
		return gain(watch, box, vname, now);
	/* From l to l and r: of interest to who was told that r lacks. */
	return gain(watch, box, vname, now) == NOTIFY_RIGHTS_REGAINED ? NOTIFY_RIGHTS_REGAINED
								      : NOTIFY_RIGHTS_SAME;
}

void notify_watch_guarded(struct notify_watch *watch, ARRAY_TYPE(const_string) *names)
{
	struct watched *box;
	const char *copy;

	notify_table_foreach (watch->table, box) {
		if (!notify_acl_guards(namespace_of(watch, box->vname)))
			continue;
		copy = t_strdup(box->vname);
		array_push_back(names, &copy);
	}
}

/* Names of the watched mailboxes that begin so; data stack. */
static ARRAY_TYPE(const_string) names_below(struct notify_watch *watch, const char *prefix)
{
	struct watched *box = notify_table_after(watch->table, prefix);
	ARRAY_TYPE(const_string) names;
	const char *name;

	t_array_init(&names, 8);
	while (box != NULL && strncmp(box->vname, prefix, strlen(prefix)) == 0) {
		name = t_strdup(box->vname);
		array_push_back(&names, &name);
		box = notify_table_after(watch->table, name);
	}
	return names;
}

static struct watched *move(struct notify_watch *watch, struct watched *box, const char *vname)
{
	notify_watch_forget(watch, vname);
	return notify_table_rename(watch->table, box, vname);
}

/* To rename it touches its files, so they do not show whether mail had come, and one too
 * many is better than none. */
static void moved(struct notify_watch *watch, struct watched *box, bool own)
{
	if (own && notify_watched_last(box)->uidnext == 0)
		box->fingerprint = fingerprint(namespace_of(watch, box->vname), box->vname);
	suspect(watch, box);
}

/* What the client knows of it goes with it, whether or not it is there by now: if not,
 * somebody will tell of that as well. */
static void rename_one(struct notify_watch *watch, const char *old_vname, const char *vname,
		       bool own)
{
	struct mailbox_info info = {.vname = vname, .ns = namespace_of(watch, vname)};
	struct watched *box = find(watch, old_vname);
	bool known = box != NULL, found;

	if (known)
		box = move(watch, box, vname);
	found = notify_list_find(watch->session, vname, &info);
	/* The client is told of it in any case where there are no secrets. */
	if (found || (!known && info.ns->type == MAIL_NAMESPACE_TYPE_PRIVATE))
		box = remember(watch, &info);
	if (box == NULL)
		return;
	if (known)
		moved(watch, box, own);
	else if (found)
		appeared(watch, box);
}

/* Is what the client believes about the children of `vname`, now that it has moved some,
 * what LIST has? New to it are those that were created just before, or in the old place
 * just after; gone may be those that somebody else deleted meanwhile. */
static bool compare_children(struct notify_watch *watch, const char *vname, bool own,
			     notify_watch_name *changed)
{
	struct mail_namespace *ns = namespace_of(watch, vname);
	const char *prefix = t_strdup_printf("%s%c", vname, mail_namespace_get_sep(ns));
	ARRAY_TYPE(const_string) names = names_below(watch, prefix);
	struct mailbox_list_iterate_context *iter;
	const struct mailbox_info *info;
	struct watched *box;
	const char *name;
	bool ok = TRUE;

	array_foreach_elem (&names, name)
		find(watch, name)->listed = FALSE;
	iter = mailbox_list_iter_init(ns->list, t_strconcat(prefix, "*", NULL),
				      MAILBOX_LIST_ITER_RETURN_SUBSCRIBED);
	while ((info = mailbox_list_iter_next(iter)) != NULL) {
		bool known = find(watch, info->vname) != NULL;

		if (strncmp(info->vname, prefix, strlen(prefix)) != 0)
			continue;
		box = remember(watch, info);
		if (box == NULL)
			continue;
		if (known) {
			moved(watch, box, own);
		} else {
			appeared(watch, box);
			ok = changed(watch->session, box->vname) && ok;
		}
	}
	(void)mailbox_list_iter_deinit(&iter);
	array_foreach_elem (&names, name) {
		box = find(watch, name);
		if (box == NULL || box->listed)
			continue;
		box->listed = TRUE;
		ok = changed(watch->session, name) && ok;
	}
	return ok;
}

/* A name that is no mailbox goes with its last child, and nobody says so. */
static bool parent_left(struct notify_watch *watch, const char *vname, notify_watch_name *changed)
{
	const char *sep = strrchr(vname, mail_namespace_get_sep(namespace_of(watch, vname)));
	const char *parent = sep == NULL ? "" : t_strdup_until(vname, sep);
	struct mailbox_info info;

	return find(watch, parent) == NULL || notify_list_find(watch->session, parent, &info) ||
	       changed(watch->session, parent);
}

bool notify_watch_rename(struct notify_watch *watch, const char *old_vname, const char *vname,
			 bool own, notify_watch_name *changed)
{
	char sep = mail_namespace_get_sep(namespace_of(watch, old_vname));
	ARRAY_TYPE(const_string) names;
	struct mailbox_info info;
	const char *name;
	bool ok;

	rename_one(watch, old_vname, vname, own);
	/* An INBOX stays, with its children. */
	if (strcasecmp(old_vname, "INBOX") == 0) {
		(void)notify_watch_update(watch, old_vname, TRUE);
		return compare_children(watch, vname, own, changed);
	}
	names = names_below(watch, t_strdup_printf("%s%c", old_vname, sep));
	array_foreach_elem (&names, name)
		(void)move(watch, find(watch, name),
			   t_strconcat(vname, name + strlen(old_vname), NULL));
	ok = compare_children(watch, vname, own, changed);
	/* Others may have been created in their place, and told of before. */
	if (notify_list_find(watch->session, old_vname, &info) &&
	    (info.flags & (MAILBOX_NOSELECT | MAILBOX_NONEXISTENT)) == 0 &&
	    notify_watch_update(watch, old_vname, TRUE))
		ok = changed(watch->session, old_vname) && ok;
	ok = parent_left(watch, old_vname, changed) && ok;
	return compare_children(watch, old_vname, own, changed) && ok;
}

/* Names of the watched mailboxes; data stack. */
static ARRAY_TYPE(const_string) names_of(struct notify_watch *watch, bool listed)
{
	ARRAY_TYPE(const_string) names;
	struct watched *box;
	const char *name;

	t_array_init(&names, 16);
	notify_table_foreach (watch->table, box) {
		if (box->listed != listed)
			continue;
		name = t_strdup(box->vname);
		array_push_back(&names, &name);
	}
	return names;
}

/* Left out of a LIST though it is there: by its rights, which notify_watch_rights sees to,
 * or because the acl plugin believes its former ones. */
static bool is_hidden(struct notify_watch *watch, const char *vname)
{
	struct mail_namespace *ns = namespace_of(watch, vname);
	struct mailbox_info info;

	return notify_acl_guards(ns) && (notify_acl_access(ns, vname, TRUE) == NOTIFY_ACCESS_NONE ||
					 notify_list_find(watch->session, vname, &info));
}

bool notify_watch_relist(struct notify_watch *watch, notify_watch_name *changed)
{
	ARRAY_TYPE(const_string) names = names_of(watch, TRUE);
	HASH_TABLE(const char *, const char *) before;
	const char *name;
	bool ok = TRUE;

	hash_table_create(&before, default_pool, 0, str_hash, strcmp);
	array_foreach_elem (&names, name) {
		find(watch, name)->listed = FALSE;
		hash_table_insert(before, name, name);
	}
	if (!list_all(watch)) {
		/* Those that were not reached are as they were. */
		array_foreach_elem (&names, name) {
			struct watched *box = find(watch, name);

			if (box != NULL)
				box->listed = TRUE;
		}
		hash_table_destroy(&before);
		return !notify_watch_full(watch);
	}
	names = names_of(watch, TRUE);
	array_foreach_elem (&names, name) {
		if (hash_table_lookup(before, name) != NULL || !notify_watch_has(watch, name))
			continue;
		appeared(watch, find(watch, name));
		ok = changed(watch->session, name) && ok;
	}
	hash_table_destroy(&before);
	names = names_of(watch, FALSE);
	array_foreach_elem (&names, name) {
		struct watched *box = find(watch, name);

		if (is_hidden(watch, name)) {
			box->listed = TRUE;
			continue;
		}
		forget(watch, box);
		ok = changed(watch->session, name) && ok;
	}
	return ok;
}

void notify_watch_poll(struct notify_watch *watch)
{
	struct notify_root root = {.list = NULL};
	struct watched *box;

	notify_table_foreach (watch->table, box) {
		if ((box->events & NOTIFY_EVENTS_MESSAGE) == 0 || box->access != NOTIFY_ACCESS_READ)
			continue;
		T_BEGIN
		{
			struct mailbox_list *list = namespace_of(watch, box->vname)->list;
			const char *name = mailbox_list_get_storage_name(list, box->vname);

			if (notify_fingerprint_next(&root, list, name) != box->fingerprint)
				set_dirty(watch, box);
		}
		T_END;
	}
	notify_root_close(&root);
}

bool notify_watch_dirty(const struct notify_watch *watch)
{
	return watch->dirty != NULL;
}

/* An expunge is told when it is asked for, and done a moment later: a count that has not
 * fallen is looked at again. */
static void look_later(struct notify_watch *watch, struct watched_more *more,
		       uint32_t messages_before)
{
	bool asked = (more->dirty & WAKE_KIND_BIT(WAKE_MESSAGE_EXPUNGE)) != 0;

	if (asked && messages_before <= more->last.messages)
		more->again = LATER_LOOKS;
	else if (more->again > 0 && messages_before == more->last.messages)
		more->again--;
	else
		more->again = 0;
	if (more->again > 0 && watch->to_later == NULL)
		watch->to_later = timeout_add_short(LATER_MSECS, later_timeout, watch);
}

/* Returns whether there is room for more. */
static bool flush_box(struct notify_watch *watch, struct watched *box)
{
	/* Looking may make the mailbox (auto=create), and so come back to this table. */
	const char *vname = t_strdup(box->vname);
	struct watched_more *more;
	struct notify_snapshot now;
	enum notify_look result;
	bool own;
	notify_items what = 0;
	uint64_t before = fingerprint(namespace_of(watch, vname), vname);

	result = notify_status_look(watch->session, vname, &now);
	box = find(watch, vname);
	if (box == NULL)
		return TRUE;
	more = notify_watched_more(box);
	own = more->own && more->dirty == 0;
	/* The selected group speaks for it, and once it is not selected any more it is
	 * news what has changed since. */
	if (is_selected(watch, vname))
		own = TRUE;
	switch (result) {
	case NOTIFY_LOOK_OK: {
		uint32_t messages_before = more->last.messages;

		if (!own)
			what = notify_status_news(watch->session->client, box->events, more->dirty,
						  &more->last, &now);
		now.told = what != 0;
		more->last = now;
		box->fingerprint = before;
		look_later(watch, more, messages_before);
		break;
	}
	case NOTIFY_LOOK_GONE:
		/* Somebody will tell of that, and of its new name; then what it is now is
		 * news. */
		if (more->last.uidnext == 0)
			more->last.uidnext = 1;
		break;
	case NOTIFY_LOOK_DENIED:
		box->access = NOTIFY_ACCESS_LIST;
		box->fingerprint = before;
		break;
	case NOTIFY_LOOK_FAILED:
		break; /* the next poll tries again */
	}
	set_clean(watch, box);
	return what == 0 || notify_status_send(watch->session, vname, what, &now);
}

bool notify_watch_flush(struct notify_watch *watch)
{
	bool room = TRUE;

	/* So many at a time that others in this process have their turn. */
	for (unsigned int i = 0; i < FLUSH_BOXES && room && watch->dirty != NULL; i++) {
		T_BEGIN
		{
			room = flush_box(watch, watch->dirty->box);
		}
		T_END;
	}
	return room;
}

/* --- sleep ------------------------------------------------------------------- */

enum state_flag {
	STATE_FINGERPRINT = 1 << 0,
	STATE_SNAPSHOT = 1 << 1,
	STATE_SUBSCRIBED = 1 << 2,
};

static void export_box(const struct watched *box, buffer_t *dest)
{
	const struct notify_snapshot *last = notify_watched_last(box);
	unsigned char flags = box->subscribed ? STATE_SUBSCRIBED : 0;

	if ((box->events & NOTIFY_EVENTS_MESSAGE) != 0)
		flags |= STATE_FINGERPRINT;
	if (last->uidvalidity != 0)
		flags |= STATE_SNAPSHOT;
	buffer_append_c(dest, flags);
	buffer_append(dest, box->vname, strlen(box->vname) + 1);
	if ((flags & STATE_FINGERPRINT) != 0)
		buffer_append(dest, &box->fingerprint, sizeof(box->fingerprint));
	if ((flags & STATE_SNAPSHOT) != 0) {
		numpack_encode(dest, last->uidvalidity);
		numpack_encode(dest, last->uidnext);
		numpack_encode(dest, last->messages);
		numpack_encode(dest, last->unseen);
		numpack_encode(dest, last->modseq);
	}
}

void notify_watch_export(const struct notify_watch *watch, buffer_t *dest)
{
	struct watched *box;

	numpack_encode(dest, notify_table_count(watch->table));
	notify_table_foreach (watch->table, box)
		export_box(box, dest);
}

/* A mailbox as it was; strings are borrowed. */
struct exported {
	const char *vname;
	unsigned char flags;
	uint64_t fingerprint;
	struct notify_snapshot last;
};

static int import_box(const unsigned char **data, const unsigned char *end, struct exported *was_r)
{
	const unsigned char *name;

	i_zero(was_r);
	if (*data == end)
		return -1;
	was_r->flags = *(*data)++;
	name = *data;
	*data = memchr(name, '\0', (size_t)(end - name));
	if (*data == NULL)
		return -1;
	(*data)++;
	was_r->vname = (const char *)name;
	if ((was_r->flags & STATE_FINGERPRINT) != 0) {
		if ((size_t)(end - *data) < sizeof(was_r->fingerprint))
			return -1;
		memcpy(&was_r->fingerprint, *data, sizeof(was_r->fingerprint));
		*data += sizeof(was_r->fingerprint);
	}
	if ((was_r->flags & STATE_SNAPSHOT) != 0 &&
	    (numpack_decode32(data, end, &was_r->last.uidvalidity) < 0 ||
	     numpack_decode32(data, end, &was_r->last.uidnext) < 0 ||
	     numpack_decode32(data, end, &was_r->last.messages) < 0 ||
	     numpack_decode32(data, end, &was_r->last.unseen) < 0 ||
	     numpack_decode(data, end, &was_r->last.modseq) < 0))
		return -1;
	return 0;
}

static void restore_box(struct notify_watch *watch, const struct exported *was)
{
	bool subscribed = (was->flags & STATE_SUBSCRIBED) != 0;
	struct watched *box = find(watch, was->vname);
	struct mailbox_info info;

	if (box == NULL) {
		if (!notify_list_find(watch->session, was->vname, &info))
			notify_session_missed(watch->session, was->vname, FALSE);
		else if (((info.flags & MAILBOX_SUBSCRIBED) != 0) != subscribed)
			notify_session_missed(watch->session, was->vname, TRUE);
		return;
	}
	box->imported = TRUE;
	if ((was->flags & STATE_FINGERPRINT) != 0)
		box->fingerprint = was->fingerprint;
	if ((was->flags & STATE_SNAPSHOT) != 0)
		set_last(box, &was->last);
	/* Last, since it may be too much, and the end of the watch. */
	if (box->subscribed != subscribed)
		notify_session_missed(watch->session, was->vname, TRUE);
}

/* It was not there when the session fell asleep, or was in none of the groups. */
static void found_new(struct notify_watch *watch, const char *vname)
{
	struct notify_session *session = watch->session;
	struct notify_snapshot now;
	struct watched *box;

	notify_session_missed(session, vname, FALSE);
	box = session->watch == watch ? find(watch, vname) : NULL;
	if (box == NULL || (box->events & NOTIFY_EVENTS_MESSAGE) == 0 ||
	    notify_status_look(watch->session, vname, &now) != NOTIFY_LOOK_OK ||
	    (box = find(watch, vname)) == NULL)
		return;
	/* As notify_watch_update(), but it has had the time to get messages. */
	if (now.messages > 0)
		set_dirty(watch, box);
	else
		set_last(box, &now);
}

static void find_new(struct notify_watch *watch)
{
	struct notify_session *session = watch->session;
	ARRAY_TYPE(const_string) found;
	const struct watched *box;
	const char *name;

	t_array_init(&found, 8);
	notify_table_foreach (watch->table, box) {
		if (box->imported)
			continue;
		name = t_strdup(box->vname);
		array_push_back(&found, &name);
	}
	array_foreach_elem (&found, name) {
		if (session->watch == watch)
			found_new(watch, name);
	}
}

int notify_watch_import(struct notify_watch *watch, const unsigned char **data,
			const unsigned char *end)
{
	struct notify_session *session = watch->session;
	struct exported was;
	unsigned int count;
	int ret = 0;

	if (numpack_decode32(data, end, &count) < 0)
		return -1;
	/* It may become too much to tell, and then there is no watch any more. */
	for (unsigned int i = 0; ret == 0 && i < count && session->watch == watch; i++) {
		T_BEGIN
		{
			ret = import_box(data, end, &was);
			if (ret == 0)
				restore_box(watch, &was);
		}
		T_END;
	}
	if (ret == 0 && session->watch == watch)
		find_new(watch);
	return ret;
}
