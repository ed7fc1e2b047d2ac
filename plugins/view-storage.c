#include "lib.h"
#include "array.h"
#include "guid.h"
#include "index-storage.h"
#include "llist.h"
#include "mail-index-private.h"
#include "mail-index-transaction-private.h"
#include "mail-namespace.h"
#include "mail-storage-private.h"
#include "mail-storage-hooks.h"
#include "mailbox-list-private.h"
#include "module-context.h"
#include "write-full.h"
#include "dovecot-compat.h"

#include "search-days.h"
#include "view-criteria.h"
#include "view-private.h"
#include "view-storage.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BAD_BACKING "[BADBACKING] The mailbox behind this view is not there."

#define VIEW_LIST_CONTEXT(list) MODULE_CONTEXT(list, view_list_module)

struct view_list {
	union mailbox_list_module_context module_ctx;
};

static MODULE_CONTEXT_DEFINE_INIT(view_list_module, &mailbox_list_module_register);

/* What view_storage_alloc_new() is making. */
static const char *new_vname;
static bool own_class;

/* --- the file ------------------------------------------------------------------- */

/* Where a view's file would be, or NULL if this list's mailboxes have none. */
static const char *file_path(struct mailbox_list *list, const char *name)
{
	const char *path;

	if ((list->flags & MAILBOX_LIST_FLAG_MAILBOX_FILES) != 0 ||
	    mailbox_list_get_path(list, name, MAILBOX_LIST_PATH_TYPE_MAILBOX, &path) <= 0)
		return NULL;
	return t_strconcat(path, "/" VIEW_FILE_NAME, NULL);
}

static int file_read(struct view_mailbox *view)
{
	struct mailbox *box = &view->box;
	const char *path = file_path(box->list, box->name);
	char text[VIEW_FILE_MAX + 1];
	struct view_file file;
	ssize_t len;
	int fd;

	if (view->file.backing != NULL)
		return 0;
	fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		if (path == NULL || ENOTFOUND(errno))
			mail_storage_set_error(box->storage, MAIL_ERROR_NOTFOUND,
					       T_MAIL_ERR_MAILBOX_NOT_FOUND(box->vname));
		else
			mailbox_set_critical(box, "open(%s) failed: %m", path);
		return -1;
	}
	len = read(fd, text, VIEW_FILE_MAX);
	i_close_fd(&fd);
	if (len < 0) {
		mailbox_set_critical(box, "read(%s) failed: %m", path);
		return -1;
	}
	text[len] = '\0';
	if (!view_file_parse(text, &file)) {
		mailbox_set_critical(box, "%s is not a view's file (delete the mailbox)", path);
		/* Else it could not be. */
		if (box->deleting)
			mail_storage_set_error(box->storage, MAIL_ERROR_NOTFOUND,
					       T_MAIL_ERR_MAILBOX_NOT_FOUND(box->vname));
		return -1;
	}
	view->file.guid = p_strdup(box->pool, file.guid);
	view->file.criteria = p_strdup(box->pool, file.criteria);
	view->file.backing = p_strdup(box->pool, file.backing);
	return 0;
}

/* Whole and on disk, or not there. */
static int file_write(struct view_mailbox *view)
{
	struct mailbox *box = &view->box;
	const char *path = file_path(box->list, box->name);
	const char *temp = t_strconcat(path, ".tmp", NULL);
	char text[VIEW_FILE_MAX];
	size_t len = view_file_format(&view->file, text);
	int fd;

	i_assert(path != NULL);
	if (len == 0) {
		mail_storage_set_error(box->storage, MAIL_ERROR_PARAMS, "Not a view.");
		return -1;
	}
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		  mailbox_get_permissions(box)->file_create_mode);
	if (fd < 0 || write_full(fd, text, len) < 0 || fdatasync(fd) < 0 ||
	    rename(temp, path) < 0) {
		mailbox_set_critical(box, "write(%s) failed: %m", temp);
		i_close_fd(&fd);
		i_unlink_if_exists(temp);
		return -1;
	}
	i_close_fd(&fd);
	return 0;
}

/* --- the backing mailbox ---------------------------------------------------------- */

/* One that is not there and one that is not to be seen read the same. */
static void set_bad_backing(struct mailbox *box)
{
	/* "Not found" is what IMAP's APPEND takes for a mailbox that should be created, but also
	 * what lets a mailbox that cannot be opened be deleted. */
	mail_storage_set_error(box->storage,
			       box->deleting ? MAIL_ERROR_NOTFOUND : MAIL_ERROR_NOTPOSSIBLE,
			       BAD_BACKING);
}

void view_copy_error(struct mailbox *box, struct mailbox *backing)
{
	enum mail_error error;
	const char *text = mailbox_get_last_error(backing, &error);

	mail_storage_set_error(box->storage, error, t_strdup(text));
}

static void backing_close(struct view_mailbox *view)
{
	if (view->backing != NULL)
		mailbox_free(&view->backing);
	i_zero(&view->same);
}

/* As this user, with the rights of now: what opens for nobody else opens for no view. */
static int backing_open(struct view_mailbox *view)
{
	static unsigned int depth; /* of views over views */
	struct mailbox *box = &view->box;
	struct mail_namespace *ns = box->list->ns;
	int ret;

	/* A view is its owner's: names of mailboxes mean something else to others. */
	if (ns->owner == NULL || ns->owner != ns->user || depth >= LIMIT_VIEW_DEPTH) {
		set_bad_backing(box);
		return -1;
	}
	ns = mail_namespace_find(ns->user->namespaces, view->file.backing);
	view->backing =
		mailbox_alloc(ns->list, view->file.backing, box->flags & MAILBOX_FLAG_READONLY);
	depth++;
	ret = mailbox_open(view->backing);
	depth--;
	if (ret < 0) {
		enum mail_error error = mailbox_get_last_mail_error(view->backing);

		if (error == MAIL_ERROR_TEMP || error == MAIL_ERROR_INUSE)
			view_copy_error(box, view->backing);
		else
			set_bad_backing(box);
		backing_close(view);
	}
	return ret;
}

/* --- mailboxes --------------------------------------------------------------------- */

static struct mailbox view_mailbox_class;

static struct mailbox *view_mailbox_alloc(struct mail_storage *storage, struct mailbox_list *list,
					  const char *vname, enum mailbox_flags flags)
{
	pool_t pool = pool_alloconly_create("fantail view", 4096);
	struct view_mailbox *view = p_new(pool, struct view_mailbox, 1);

	view->box = view_mailbox_class;
	view->box.pool = pool;
	view->box.storage = storage;
	view->box.list = list;
	view->box.mail_vfuncs = &view_mail_vfuncs;
	index_storage_mailbox_alloc(&view->box, vname, flags, MAIL_INDEX_PREFIX);
	return &view->box;
}

static int view_mailbox_exists(struct mailbox *box, bool auto_boxes ATTR_UNUSED,
			       enum mailbox_existence *existence_r)
{
	return index_storage_mailbox_exists_full(box, VIEW_FILE_NAME, existence_r);
}

static int view_mailbox_open(struct mailbox *box)
{
	struct view_mailbox *view = view_of(box);

	if (file_read(view) < 0 || backing_open(view) < 0)
		return -1;
	if (index_storage_mailbox_open(box, FALSE) < 0) {
		backing_close(view);
		return -1;
	}
	return 0;
}

static void view_mailbox_close(struct mailbox *box)
{
	backing_close(view_of(box));
	index_storage_mailbox_close(box);
}

static int view_mailbox_create(struct mailbox *box, const struct mailbox_update *update,
			       bool directory ATTR_UNUSED)
{
	struct view_mailbox *view = view_of(box);
	int ret;

	if (!view->is_new) {
		mail_storage_set_error(box->storage, MAIL_ERROR_EXISTS, "Mailbox already exists");
		return -1;
	}
	/* With LAYOUT=index the folder is named after it. */
	if (update != NULL && !guid_128_is_empty(update->mailbox_guid))
		view->file.guid = p_strdup(box->pool, guid_128_to_string(update->mailbox_guid));
	ret = index_storage_mailbox_create(box, FALSE);
	if (ret <= 0)
		return ret;
	if (file_write(view) < 0)
		return -1;
	view->is_new = FALSE;
	return 0;
}

static int view_mailbox_update(struct mailbox *box, const struct mailbox_update *update ATTR_UNUSED)
{
	mail_storage_set_error(box->storage, MAIL_ERROR_NOTPOSSIBLE, "A view cannot be changed.");
	return -1;
}

/* Not as others do it, who expunge all mail first. */
static int view_mailbox_delete(struct mailbox *box)
{
	if (box->opened && mailbox_mark_index_deleted(box, TRUE) < 0)
		return -1;
	return index_storage_mailbox_delete_post(box);
}

static bool view_is_readonly(struct mailbox *box)
{
	struct view_mailbox *view = view_of(box);

	return index_storage_is_readonly(box) ||
	       (view->backing != NULL && mailbox_is_readonly(view->backing));
}

static bool view_is_inconsistent(struct mailbox *box)
{
	struct view_mailbox *view = view_of(box);

	return index_storage_is_inconsistent(box) ||
	       (view->backing != NULL && mailbox_is_inconsistent(view->backing));
}

static int view_get_status(struct mailbox *box, enum mailbox_status_items items,
			   struct mailbox_status *status_r)
{
	struct mailbox_status backing;

	if (index_storage_get_status(box, items, status_r) < 0)
		return -1;
	if (view_of(box)->backing == NULL)
		return 0;
	mailbox_get_open_status(view_of(box)->backing, items & STATUS_PERMANENT_FLAGS, &backing);
	if ((items & STATUS_PERMANENT_FLAGS) != 0) {
		status_r->permanent_flags = backing.permanent_flags;
		status_r->flags = backing.flags;
		status_r->permanent_keywords = backing.permanent_keywords;
		status_r->allow_new_keywords = backing.allow_new_keywords;
	}
	status_r->have_guids = backing.have_guids;
	status_r->have_save_guids = backing.have_save_guids;
	status_r->have_only_guid128 = backing.have_only_guid128;
	return 0;
}

static int view_get_metadata(struct mailbox *box, enum mailbox_metadata_items items,
			     struct mailbox_metadata *metadata_r)
{
	if ((items & MAILBOX_METADATA_GUID) != 0) {
		if (file_read(view_of(box)) < 0 ||
		    guid_128_from_string(view_of(box)->file.guid, metadata_r->guid) < 0)
			return -1;
		items &= ENUM_NEGATE(MAILBOX_METADATA_GUID);
	}
	return items == 0 ? 0 : index_mailbox_get_metadata(box, items, metadata_r);
}

static int view_list_index_has_changed(struct mailbox *box ATTR_UNUSED,
				       struct mail_index_view *list_view ATTR_UNUSED,
				       uint32_t seq ATTR_UNUSED, bool quick ATTR_UNUSED,
				       const char **reason_r)
{
	*reason_r = "What is in a view is up to another mailbox";
	return 1;
}

static void view_list_index_update_sync(struct mailbox *box ATTR_UNUSED,
					struct mail_index_transaction *trans ATTR_UNUSED,
					uint32_t seq ATTR_UNUSED)
{
}

static void backing_changed(struct mailbox *backing ATTR_UNUSED, struct mailbox *box)
{
	if (box->notify_callback != NULL)
		box->notify_callback(box, box->notify_context);
}

static void view_notify_changes(struct mailbox *box)
{
	struct view_mailbox *view = view_of(box);

	if (view->backing == NULL)
		return;
	if (box->notify_callback == NULL)
		mailbox_notify_changes_stop(view->backing);
	else
		mailbox_notify_changes(view->backing, backing_changed, box);
}

/* --- transactions -------------------------------------------------------------------- */

static struct view_transaction *transaction_of(struct mailbox_transaction_context *t)
{
	return container_of(t, struct view_transaction, t);
}

struct mailbox_transaction_context *view_transaction_backing(struct mailbox_transaction_context *t)
{
	struct view_transaction *vt = transaction_of(t);

	if (vt->backing == NULL)
		vt->backing = mailbox_transaction_begin(view_of(t->box)->backing, t->flags, "view");
	return vt->backing;
}

static struct mailbox_transaction_context *view_transaction_begin(
	struct mailbox *box, enum mailbox_transaction_flags flags, const char *reason)
{
	struct view_transaction *vt = i_new(struct view_transaction, 1);

	index_transaction_init(&vt->t, box, flags, reason);
	return &vt->t;
}

bool view_is_outdated(struct mailbox *box)
{
	struct mail_index_view *latest;
	bool outdated;

	(void)mail_index_refresh(box->index);
	latest = mail_index_view_open(box->index);
	outdated = mail_index_get_header(latest)->uid_validity !=
		   mail_index_get_header(box->view)->uid_validity;
	mail_index_view_close(&latest);
	return outdated;
}

static void view_transaction_rollback(struct mailbox_transaction_context *t);

static int view_transaction_commit(struct mailbox_transaction_context *t,
				   struct mail_transaction_commit_changes *changes_r)
{
	struct view_transaction *vt = transaction_of(t);
	struct mail_transaction_commit_changes changes = {.pool = NULL};
	struct mailbox *box = t->box;
	int ret = 0;

	if (MAIL_INDEX_TRANSACTION_HAS_CHANGES(t->itrans) && view_is_outdated(box)) {
		view_transaction_rollback(t);
		mailbox_set_deleted(box);
		return -1;
	}
	view_save_free(&t->save_ctx);
	if (vt->backing != NULL &&
	    mailbox_transaction_commit_get_changes(&vt->backing, &changes) < 0) {
		view_copy_error(box, view_of(box)->backing);
		ret = -1;
	}
	if (index_transaction_commit(t, changes_r) < 0)
		ret = -1;
	if (changes.pool == NULL || ret < 0) {
		pool_unref(&changes.pool);
		return ret;
	}
	/* Saved messages have the UIDs of the backing mailbox, seen here or not. */
	changes_r->uid_validity = changes.uid_validity;
	changes_r->no_read_perm = changes.no_read_perm;
	array_append_array(&changes_r->saved_uids, &changes.saved_uids);
	pool_unref(&changes.pool);
	return 0;
}

static void view_transaction_rollback(struct mailbox_transaction_context *t)
{
	struct view_transaction *vt = transaction_of(t);

	view_save_free(&t->save_ctx);
	if (vt->backing != NULL)
		mailbox_transaction_rollback(&vt->backing);
	index_transaction_rollback(t);
}

/* --- the class ------------------------------------------------------------------------ */

static struct mail_storage view_storage_class;

static struct mail_storage *view_storage_alloc(void)
{
	pool_t pool = pool_alloconly_create("fantail view storage", 512);
	struct mail_storage *storage = p_new(pool, struct mail_storage, 1);

	*storage = view_storage_class;
	storage->pool = pool;
	return storage;
}

static struct mail_storage view_storage_class = {
	.name = VIEW_STORAGE_NAME,
	/* Octets are counted where they lie. */
	.class_flags = MAIL_STORAGE_CLASS_FLAG_NOQUOTA | MAIL_STORAGE_CLASS_FLAG_SECONDARY_INDEX,
	.v =
		{
			.alloc = view_storage_alloc,
			.destroy = index_storage_destroy,
			.mailbox_alloc = view_mailbox_alloc,
		},
};

static struct mailbox view_mailbox_class = {
	.v =
		{
			.is_readonly = view_is_readonly,
			.enable = index_storage_mailbox_enable,
			.exists = view_mailbox_exists,
			.open = view_mailbox_open,
			.close = view_mailbox_close,
			.free = index_storage_mailbox_free,
			.create_box = view_mailbox_create,
			.update_box = view_mailbox_update,
			.delete_box = view_mailbox_delete,
			.rename_box = index_storage_mailbox_rename,
			.get_status = view_get_status,
			.get_metadata = view_get_metadata,
			.set_subscribed = index_storage_set_subscribed,
			.attribute_set = index_storage_attribute_set,
			.attribute_get = index_storage_attribute_get,
			.attribute_iter_init = index_storage_attribute_iter_init,
			.attribute_iter_next = index_storage_attribute_iter_next,
			.attribute_iter_deinit = index_storage_attribute_iter_deinit,
			.list_index_has_changed = view_list_index_has_changed,
			.list_index_update_sync = view_list_index_update_sync,
			.sync_init = view_sync_init,
			.sync_next = index_mailbox_sync_next,
			.sync_deinit = index_mailbox_sync_deinit,
			.notify_changes = view_notify_changes,
			.transaction_begin = view_transaction_begin,
			.transaction_commit = view_transaction_commit,
			.transaction_rollback = view_transaction_rollback,
			.mail_alloc = view_mail_alloc,
			.search_init = index_storage_search_init,
			.search_deinit = index_storage_search_deinit,
			.search_next_nonblock = index_storage_search_next_nonblock,
			.search_next_update_seq = index_storage_search_next_update_seq,
			.search_next_match_mail = index_storage_search_next_match_mail,
			.save_alloc = view_save_alloc,
			.save_begin = view_save_begin,
			.save_continue = view_save_continue,
			.save_finish = view_save_finish,
			.save_cancel = view_save_cancel,
			.copy = view_copy,
			.is_inconsistent = view_is_inconsistent,
		},
};

bool view_storage_is_view(const struct mailbox *box)
{
	return strcmp(box->storage->name, VIEW_STORAGE_NAME) == 0;
}

/* --- which mailboxes are views ------------------------------------------------------------ */

/* One for each namespace, beside its own. */
static struct mail_storage *view_storage_get(struct mailbox_list *list)
{
	struct mail_namespace *ns = list->ns;
	struct mail_storage *storage, *class;

	array_foreach_elem (&ns->all_storages, storage) {
		if (strcmp(storage->name, VIEW_STORAGE_NAME) == 0)
			return storage;
	}
	class = mail_storage_find_class(VIEW_STORAGE_NAME);
	storage = class->v.alloc();
	storage->refcount = 1;
	storage->storage_class = class;
	storage->user = ns->user;
	fantail_storage_begin(storage, ns);
	storage->event = event_create(ns->user->event);
	p_array_init(&storage->module_contexts, storage->pool, 5);
	T_BEGIN
	{
		hook_mail_storage_created(storage);
	}
	T_END;
	DLLIST_PREPEND(&ns->user->storages, storage);
	mail_namespace_add_storage(ns, storage);
	return storage;
}

static bool is_view(struct mailbox_list *list, const char *vname)
{
	const char *name, *path, *error;
	struct stat st;

	/* mailbox_alloc() writes INBOX in capitals, also before a separator. */
	if (new_vname != NULL)
		return strcasecmp(vname, new_vname) == 0;
	if (strcmp(vname, "INBOX") == 0)
		return FALSE;
	name = mailbox_list_get_storage_name(list, vname);
	if (!mailbox_list_is_valid_name(list, name, &error))
		return FALSE;
	path = file_path(list, name);
	return path != NULL && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool view_storage_possible(const struct mailbox_list *list)
{
	return (list->flags & MAILBOX_LIST_FLAG_MAILBOX_FILES) == 0;
}

unsigned int view_storage_count(struct mailbox_list *list)
{
	struct mailbox_list_iterate_context *iter;
	const struct mailbox_info *info;
	unsigned int count = 0;

	iter = mailbox_list_iter_init(list, t_strconcat(list->ns->prefix, "*", NULL),
				      MAILBOX_LIST_ITER_RETURN_NO_FLAGS);
	while ((info = mailbox_list_iter_next(iter)) != NULL) {
		T_BEGIN
		{
			if (is_view(list, info->vname))
				count++;
		}
		T_END;
	}
	(void)mailbox_list_iter_deinit(&iter);
	return count;
}

unsigned int view_storage_depth(struct mailbox *box)
{
	unsigned int depth = 0;

	for (; view_storage_is_view(box); box = view_of(box)->backing)
		depth++;
	return depth;
}

static int view_get_storage(FANTAIL_GET_STORAGE_PARAMS)
{
	struct mailbox_list *hooked = *list;
	struct view_list *vlist = VIEW_LIST_CONTEXT(hooked);
	int ret;

	if (vlist->module_ctx.super.get_storage != NULL) {
		ret = vlist->module_ctx.super.get_storage(FANTAIL_GET_STORAGE_PASS);
	} else {
		/* What core does where a list has no such function is in none of its own. */
		hooked->v.get_storage = NULL;
		ret = mailbox_list_get_storage(FANTAIL_GET_STORAGE_PASS);
		hooked->v.get_storage = view_get_storage;
	}
	if (ret < 0)
		return -1;
	T_BEGIN
	{
		if (is_view(*list, FANTAIL_GET_STORAGE_VNAME))
			*storage_r = view_storage_get(*list);
	}
	T_END;
	return 0;
}

static void view_list_created(struct mailbox_list *list)
{
	struct mailbox_list_vfuncs *v = list->vlast;
	struct view_list *vlist = p_new(list->pool, struct view_list, 1);

	vlist->module_ctx.super = *v;
	list->vlast = &vlist->module_ctx.super;
	v->get_storage = view_get_storage;
	MODULE_CONTEXT_SET(list, view_list_module, vlist);
}

static struct mail_storage_hooks view_hooks = {
	.mailbox_list_created = view_list_created,
};

struct mailbox *view_storage_alloc_new(struct mailbox_list *list, const char *vname,
				       const struct view_file *file)
{
	struct view_mailbox *view;
	struct mailbox *box;
	guid_128_t guid;

	new_vname = vname;
	box = mailbox_alloc(list, vname, 0);
	new_vname = NULL;
	i_assert(view_storage_is_view(box));
	view = view_of(box);
	guid_128_generate(guid);
	view->file.guid = p_strdup(box->pool, guid_128_to_string(guid));
	view->file.backing = p_strdup(box->pool, file->backing);
	view->file.criteria = p_strdup(box->pool, file->criteria);
	view->is_new = TRUE;
	return box;
}

void view_storage_init(struct module *module)
{
	search_days_register();
	own_class = mail_storage_find_class(VIEW_STORAGE_NAME) == NULL;
	if (own_class)
		mail_storage_class_register(&view_storage_class);
	mail_storage_hooks_add(module, &view_hooks);
}

void view_storage_deinit(void)
{
	mail_storage_hooks_remove(&view_hooks);
	if (own_class)
		mail_storage_class_unregister(&view_storage_class);
	view_criteria_deinit();
}
