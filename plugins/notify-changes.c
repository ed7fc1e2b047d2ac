#include "notify-changes.h"
#include "array.h"
#include "str.h"
#include "imap-list.h"
#include "mail-namespace.h"
#include "dovecot-compat.h"

#include "limits.h"
#include "notify-acl.h"
#include "notify-list.h"
#include "notify-watch.h"

/* Of two that say LIST about one name the first of these is kept. */
enum change_kind {
	CHANGE_LIST_NOACCESS,
	CHANGE_LIST_DELETED,
	CHANGE_LIST,
	CHANGE_LIST_IF_VISIBLE,
	CHANGE_RENAME,
	CHANGE_METADATA,
};

struct change {
	enum change_kind kind;
	char *vname;
	char *old_vname; /* RENAME */
	char **entries;  /* METADATA; NULL-terminated */
};

struct notify_changes {
	struct notify_session *session;
	ARRAY(struct change) waiting;
	unsigned int next; /* those before it were sent */
};

struct notify_changes *notify_changes_new(struct notify_session *session)
{
	struct notify_changes *changes = i_new(struct notify_changes, 1);

	changes->session = session;
	i_array_init(&changes->waiting, 4);
	return changes;
}

static void change_free(struct change *change)
{
	i_free(change->vname);
	i_free(change->old_vname);
	if (change->entries != NULL)
		p_strsplit_free(default_pool, change->entries);
}

void notify_changes_free(struct notify_changes **changes_p)
{
	struct notify_changes *changes = *changes_p;
	struct change *change;

	if (changes == NULL)
		return;
	*changes_p = NULL;
	array_foreach_modifiable (&changes->waiting, change)
		change_free(change);
	array_free(&changes->waiting);
	i_free(changes);
}

bool notify_changes_empty(const struct notify_changes *changes)
{
	return changes->next == array_count(&changes->waiting);
}

/* --- what waits -------------------------------------------------------------- */

/* NULL: too much waits already. */
static struct change *change_add(struct notify_changes *changes, enum change_kind kind,
				 const char *vname)
{
	struct change *change;

	if (array_count(&changes->waiting) - changes->next >= LIMIT_NOTIFY_CHANGES)
		return NULL;
	change = array_append_space(&changes->waiting);
	change->kind = kind;
	change->vname = i_strdup(vname);
	return change;
}

static bool add_list(struct notify_changes *changes, enum change_kind kind, const char *vname)
{
	struct change *change;

	for (unsigned int i = array_count(&changes->waiting); i > changes->next; i--) {
		change = array_idx_modifiable(&changes->waiting, i - 1);
		/* What is told after a rename is not told by what comes before it. */
		if (change->kind == CHANGE_RENAME)
			break;
		if (change->kind <= CHANGE_LIST_IF_VISIBLE && strcmp(change->vname, vname) == 0) {
			change->kind = I_MIN(change->kind, kind);
			return TRUE;
		}
	}
	return change_add(changes, kind, vname) != NULL;
}

bool notify_changes_list(struct notify_changes *changes, const char *vname)
{
	return add_list(changes, CHANGE_LIST, vname);
}

bool notify_changes_deleted(struct notify_changes *changes, const char *vname)
{
	return add_list(changes, CHANGE_LIST_DELETED, vname);
}

bool notify_changes_list_if_visible(struct notify_changes *changes, const char *vname)
{
	return add_list(changes, CHANGE_LIST_IF_VISIBLE, vname);
}

bool notify_changes_noaccess(struct notify_changes *changes, const char *vname)
{
	return add_list(changes, CHANGE_LIST_NOACCESS, vname);
}

bool notify_changes_parent(struct notify_changes *changes, const char *vname)
{
	struct mail_namespace *ns = notify_session_namespace(changes->session, vname);
	const char *sep = strrchr(vname, mail_namespace_get_sep(ns));

	if (sep == NULL || (size_t)(sep - vname) < ns->prefix_len)
		return TRUE;
	/* "Existing or not", but nobody learns of what they may not see. */
	return add_list(changes,
			ns->type == MAIL_NAMESPACE_TYPE_PRIVATE ? CHANGE_LIST
								: CHANGE_LIST_IF_VISIBLE,
			t_strdup_until(vname, sep));
}

/* The rename that came last, if it waits. One before it is no place for another: what they
 * name may be the same. */
static struct change *last_rename(struct notify_changes *changes)
{
	for (unsigned int i = array_count(&changes->waiting); i > changes->next; i--) {
		struct change *change = array_idx_modifiable(&changes->waiting, i - 1);

		if (change->kind == CHANGE_RENAME)
			return change;
	}
	return NULL;
}

static bool is_below(const char *vname, const char *parent, char sep)
{
	size_t len = strlen(parent);

	return strncmp(vname, parent, len) == 0 && (vname[len] == sep || vname[len] == '\0');
}

bool notify_changes_renamed(struct notify_changes *changes, const char *vname,
			    const char *old_vname)
{
	char sep = mail_namespace_get_sep(notify_session_namespace(changes->session, old_vname));
	unsigned int end = array_count(&changes->waiting);
	struct change *change, moved;
	const char *name;

	/* INBOX stays, and so do its children. */
	if (strcasecmp(old_vname, "INBOX") == 0)
		return TRUE;
	for (unsigned int i = changes->next; i < end;) {
		change = array_idx_modifiable(&changes->waiting, i);
		if (!is_below(change->vname, old_vname, sep)) {
			i++;
			continue;
		}
		name = t_strconcat(vname, change->vname + strlen(old_vname), NULL);
		if (change->kind == CHANGE_RENAME) {
			/* Its line comes too late to tell the attributes. */
			if (change_add(changes, CHANGE_LIST, name) == NULL)
				return FALSE;
			i++;
			continue;
		}
		moved = *change;
		array_delete(&changes->waiting, i, 1);
		end--;
		i_free(moved.vname);
		moved.vname = i_strdup(name);
		array_push_back(&changes->waiting, &moved);
	}
	return TRUE;
}

bool notify_changes_rename(struct notify_changes *changes, const char *vname, const char *old_vname)
{
	struct change *change = last_rename(changes);

	/* A to B, and B to C: the client has never heard of B. */
	if (change != NULL && strcmp(change->vname, old_vname) == 0) {
		i_free(change->vname);
		change->vname = i_strdup(vname);
	} else {
		change = change_add(changes, CHANGE_RENAME, vname);
		if (change == NULL)
			return FALSE;
		change->old_vname = i_strdup(old_vname);
	}
	return notify_changes_renamed(changes, vname, old_vname);
}

bool notify_changes_metadata(struct notify_changes *changes, const char *vname,
			     const char *const *entries, size_t entry_count)
{
	struct change *change;

	/* More than a wake-up can name: nothing can be said about them one by one. */
	if (entry_count == 0)
		return TRUE;
	change = change_add(changes, CHANGE_METADATA, vname);
	if (change == NULL)
		return FALSE;
	change->entries = p_new(default_pool, char *, entry_count + 1);
	for (size_t i = 0; i < entry_count; i++)
		change->entries[i] = i_strdup(entries[i]);
	return TRUE;
}

/* --- what LIST says ---------------------------------------------------------- */

static void append_separator(struct notify_session *session, string_t *line, const char *vname)
{
	char sep = mail_namespace_get_sep(notify_session_namespace(session, vname));

	str_append(line, ") \"");
	if (sep == '\\')
		str_append_c(line, '\\');
	str_append_c(line, sep);
	str_append(line, "\" ");
}

/* RFC 5465 section 3.1: l is there, r is not. */
static bool is_readable(struct notify_session *session, const char *vname,
			const struct mailbox_info *info)
{
	struct mail_namespace *ns = notify_session_namespace(session, vname);

	return (info->flags & (MAILBOX_NOSELECT | MAILBOX_NONEXISTENT)) != 0 ||
	       notify_acl_access(ns, vname, FALSE) != NOTIFY_ACCESS_LIST;
}

static void append_list(struct notify_session *session, string_t *line, const char *vname,
			const struct mailbox_info *info, bool noaccess)
{
	str_append(line, "* LIST (");
	if (imap_mailbox_flags2str(line, info->flags) && noaccess)
		str_append_c(line, ' ');
	if (noaccess)
		str_append(line, "\\NoAccess");
	append_separator(session, line, vname);
	notify_session_append_name(session, line, vname);
}

static bool is_personal(struct notify_session *session, const char *vname)
{
	return notify_session_namespace(session, vname)->type == MAIL_NAMESPACE_TYPE_PRIVATE;
}

/* Deleted, and there again: the client has to forget what it knew of it. */
static void send_deleted(struct notify_session *session, const char *vname)
{
	const struct mailbox_info info = {.flags = MAILBOX_NONEXISTENT};
	string_t *line = t_str_new(128);

	append_list(session, line, vname, &info, FALSE);
	(void)notify_session_send(session, str_c(line));
}

static bool send_list(struct notify_session *session, const struct change *change)
{
	struct mailbox_info info = {.flags = MAILBOX_NONEXISTENT};
	string_t *line = t_str_new(256);
	const char *vname = change->vname;
	bool found = notify_list_find(session, vname, &info), noaccess = FALSE;

	if (found) {
		noaccess = !is_readable(session, vname, &info);
		if (change->kind == CHANGE_LIST_DELETED &&
		    (info.flags & (MAILBOX_NOSELECT | MAILBOX_NONEXISTENT)) == 0)
			send_deleted(session, vname);
		notify_watch_told(session->watch, &info);
	} else {
		/* Not a word of what this user may not see. */
		if (change->kind == CHANGE_LIST_IF_VISIBLE ||
		    (change->kind == CHANGE_RENAME && !is_personal(session, vname)))
			return TRUE;
		/* One that got a name and lost it since: what became of it is told next,
		 * by that name. */
		info.flags = change->kind == CHANGE_RENAME ? 0 : MAILBOX_NONEXISTENT;
		noaccess = change->kind == CHANGE_LIST_NOACCESS;
		if (change->kind == CHANGE_LIST || change->kind == CHANGE_LIST_DELETED)
			notify_watch_forget(session->watch, vname);
	}
	append_list(session, line, vname, &info, noaccess);
	if (change->old_vname != NULL) {
		str_append(line, " (\"OLDNAME\" (");
		notify_session_append_name(session, line, change->old_vname);
		str_append(line, "))");
	}
	return notify_session_send(session, str_c(line));
}

void notify_changes_send_noaccess(struct notify_session *session, const char *vname)
{
	struct mailbox_info info;
	string_t *line = t_str_new(128);

	if (!notify_list_find(session, vname, &info))
		return;
	append_list(session, line, vname, &info, TRUE);
	client_send_line(session->client, str_c(line));
}

/* RFC 5464 section 4.4.2: names only. */
static bool send_metadata(struct notify_session *session, const struct change *change)
{
	string_t *line = t_str_new(256);

	str_append(line, "* METADATA ");
	if (*change->vname == '\0')
		str_append(line, "\"\"");
	else
		notify_session_append_name(session, line, change->vname);
	for (char **entry = change->entries; *entry != NULL; entry++) {
		str_append_c(line, ' ');
		fantail_imap_append_astring(line, *entry);
	}
	return notify_session_send(session, str_c(line));
}

/* --- sending ----------------------------------------------------------------- */

bool notify_changes_flush(struct notify_changes *changes)
{
	bool room = TRUE;

	while (room && !notify_changes_empty(changes)) {
		struct change *change = array_idx_modifiable(&changes->waiting, changes->next);

		T_BEGIN
		{
			room = change->kind == CHANGE_METADATA
				       ? send_metadata(changes->session, change)
				       : send_list(changes->session, change);
		}
		T_END;
		change_free(change);
		changes->next++;
	}
	if (notify_changes_empty(changes)) {
		array_clear(&changes->waiting);
		changes->next = 0;
	}
	return room;
}
