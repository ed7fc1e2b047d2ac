#include "notify-list.h"
#include "data-stack.h"
#include "mail-index-private.h"
#include "mail-namespace.h"
#include "mail-storage.h"
#include "mailbox-list-index.h"
#include "mailbox-list-index-storage.h"
#include "mailbox-list-private.h"
#include "str.h"

#include "notify-acl.h"

#include <malloc.h>

static bool list(struct mail_namespace *ns, const char *vname, enum mailbox_list_iter_flags flags,
		 struct mailbox_info *info_r)
{
	struct mailbox_list_iterate_context *iter;
	const struct mailbox_info *info;
	bool found = FALSE;

	/* As a pattern it finds itself, and more if it has wildcards in it. */
	iter = mailbox_list_iter_init(ns->list, vname,
				      flags | MAILBOX_LIST_ITER_RETURN_CHILDREN |
					      MAILBOX_LIST_ITER_RETURN_SUBSCRIBED);
	while (!found && (info = mailbox_list_iter_next(iter)) != NULL) {
		found = strcmp(info->vname, vname) == 0;
		if (found) {
			*info_r = *info;
			info_r->vname = vname;
			info_r->special_use = NULL;
		}
	}
	(void)mailbox_list_iter_deinit(&iter);
	return found;
}

/* As the storage sees it, past the list index and past rights. */
static int storage_exists(struct mailbox *box, enum mailbox_existence *existence_r)
{
	struct index_list_mailbox *indexed = MODULE_CONTEXT(box, index_list_storage_module);

	if (indexed == NULL || mailbox_verify_name(box) < 0)
		return -1;
	return indexed->module_ctx.super.exists(box, TRUE, existence_r);
}

/* FALSE also if that cannot be known. mailbox_exists() believes the index, if the index
 * has the name: it is for the others, since it knows whether this user may see them. */
static bool exists(struct mail_namespace *ns, const char *vname, bool listed)
{
	struct mailbox *box = mailbox_alloc(ns->list, vname, MAILBOX_FLAG_READONLY);
	enum mailbox_existence existence;
	int ret;

	ret = listed ? storage_exists(box, &existence) : mailbox_exists(box, TRUE, &existence);
	mailbox_free(&box);
	return ret == 0 && existence == MAILBOX_EXISTENCE_SELECT;
}

/* FALSE: there is none, or the index is all there is (LAYOUT=index). */
static bool index_may_be_wrong(struct mailbox_list *list)
{
	const struct mailbox_list_index *index = INDEX_LIST_CONTEXT(list);

	return index != NULL && index->has_backing_store;
}

static bool selectable(const struct mailbox_info *info)
{
	return (info->flags & (MAILBOX_NOSELECT | MAILBOX_NONEXISTENT)) == 0;
}

/* Is there a child that this user may see? */
static bool has_visible_child(struct mail_namespace *ns, const char *vname)
{
	string_t *pattern = t_str_new(128);
	struct mailbox_list_iterate_context *iter;
	const struct mailbox_info *info;
	size_t prefix_len;
	bool found = FALSE;

	/* A star in the name matches at least itself that way. */
	for (const char *p = vname; *p != '\0'; p++)
		str_append_c(pattern, *p == '*' ? '%' : *p);
	str_append_c(pattern, mail_namespace_get_sep(ns));
	prefix_len = str_len(pattern);
	str_append_c(pattern, '*');
	iter = mailbox_list_iter_init(ns->list, str_c(pattern),
				      MAILBOX_LIST_ITER_RAW_LIST |
					      MAILBOX_LIST_ITER_RETURN_NO_FLAGS);
	while (!found && (info = mailbox_list_iter_next(iter)) != NULL) {
		if (strncmp(info->vname, vname, prefix_len - 1) == 0 &&
		    strlen(info->vname) > prefix_len)
			found = notify_acl_access(ns, info->vname, FALSE) != NOTIFY_ACCESS_NONE;
	}
	(void)mailbox_list_iter_deinit(&iter);
	return found;
}

/* Where rights matter: what there is, less what may not be seen. LIST itself goes by the
 * acl plugin's list of what others may see, which it looks at once in half a minute, and
 * takes for unchanged if it changed twice in a second. */
static bool list_permitted(struct mail_namespace *ns, const char *vname,
			   struct mailbox_info *info_r)
{
	enum notify_access access = notify_acl_access(ns, vname, TRUE);

	if (!list(ns, vname, MAILBOX_LIST_ITER_RAW_LIST, info_r))
		return FALSE;
	if ((info_r->flags & MAILBOX_CHILDREN) != 0 && !has_visible_child(ns, vname)) {
		info_r->flags &= ~(enum mailbox_info_flags)MAILBOX_CHILDREN;
		info_r->flags |= MAILBOX_NOCHILDREN;
	}
	if (access != NOTIFY_ACCESS_NONE)
		return TRUE;
	if ((info_r->flags & MAILBOX_CHILDREN) == 0)
		return FALSE;
	/* As LIST has it: a name that leads to others. */
	info_r->flags &= MAILBOX_CHILDREN | MAILBOX_SUBSCRIBED | MAILBOX_CHILD_SUBSCRIBED;
	info_r->flags |= MAILBOX_NONEXISTENT;
	return TRUE;
}

bool notify_list_find(struct notify_session *session, const char *vname,
		      struct mailbox_info *info_r)
{
	struct mail_namespace *ns = notify_session_namespace(session, vname);
	bool found, there;

	/* Others may have subscribed it meanwhile. */
	(void)mailbox_list_iter_subscriptions_refresh(ns->list);
	if (notify_acl_active(ns))
		return list_permitted(ns, vname, info_r);
	found = list(ns, vname, 0, info_r);
	if (!index_may_be_wrong(ns->list))
		return found;
	there = exists(ns, vname, found);
	if (there == (found && selectable(info_r)))
		return found;
	/* A process that creates a mailbox marks the index as out of date, unless it
	 * thinks that it is marked already, because of its last change, and others have
	 * rebuilt the index since. */
	mailbox_list_index_refresh_later(ns->list);
	found = list(ns, vname, 0, info_r);
	/* One that was deleted and has children: where the storage lists only these (as
	 * Maildir++ does), a rebuild adopts the parent as it was, selectable. */
	if (found && !there && selectable(info_r))
		info_r->flags |= MAILBOX_NONEXISTENT;
	return found;
}

void notify_list_forget(struct notify_session *session)
{
	struct mail_namespace *ns = session->client->user->namespaces;

	for (; ns != NULL; ns = ns->next) {
		struct mailbox_list_index *index = INDEX_LIST_CONTEXT(ns->list);

		if (index == NULL || index->syncing)
			continue;
		mailbox_list_index_reset(index);
		/* It holds all of its records in memory as well. One that has fallen back to
		 * memory, where there is no file, has nowhere else to be. */
		if (index->opened && index->index->views == NULL &&
		    !mail_index_is_in_memory(index->index)) {
			mail_index_close(index->index);
			index->opened = FALSE;
		}
		/* Or it would not be read again before the next turn of the ioloop. */
		i_zero(&index->last_refresh_timeval);
	}
	data_stack_free_unused();
	(void)malloc_trim(0);
}
