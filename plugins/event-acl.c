#include "lib.h"
#include "array.h"
#include "buffer.h"
#include "ioloop.h"
#include "llist.h"
#include "module-dir.h"
#include "acl-api.h"
#include "mail-index-transaction-private.h"
#include "mail-storage-private.h"
#include "mail-storage-service.h"
#include "mailbox-attribute.h"
#include "module-context.h"

#include "event-acl.h"
#include "event-box.h"
#include "event-wake.h"
#include "wake-sender.h"

#define ACL_BOX_CONTEXT_REQUIRE(obj) MODULE_CONTEXT_REQUIRE(obj, event_acl_module)

static MODULE_CONTEXT_DEFINE_INIT(event_acl_module, &mail_storage_module_register);

struct acl_box {
	union mailbox_module_context module_ctx;
	const char *hub_path;
};

/* The transaction's attributes are texts of the form [+-][ps]key\0. */
static bool changes_rights(const struct mail_index_transaction *t)
{
	static const char prefix[] = MAILBOX_ATTRIBUTE_PREFIX_ACL;
	const char *key, *end;

	if (t == NULL || t->attribute_updates == NULL)
		return FALSE;
	key = t->attribute_updates->data;
	end = key + t->attribute_updates->used;
	for (; key < end; key += strlen(key) + 1) {
		if (strncmp(key + 2, prefix, sizeof(prefix) - 1) == 0)
			return TRUE;
	}
	return FALSE;
}

static int acl_transaction_commit(struct mailbox_transaction_context *t,
				  struct mail_transaction_commit_changes *changes_r)
{
	struct mailbox *box = t->box;
	struct acl_box *abox = ACL_BOX_CONTEXT_REQUIRE(box);
	bool changed = changes_rights(t->itrans);
	int ret = abox->module_ctx.super.transaction_commit(t, changes_r);

	if (ret == 0 && changed) {
		T_BEGIN
		{
			event_wake_mailbox(box, abox->hub_path, WAKE_ACL, NULL,
					   event_box_guid(box));
		}
		T_END;
	}
	return ret;
}

void event_acl_follow(struct mailbox *box, const char *hub_path)
{
	struct mailbox_vfuncs *v = box->vlast;
	struct acl_box *abox = p_new(box->pool, struct acl_box, 1);

	abox->hub_path = hub_path;
	abox->module_ctx.super = *v;
	box->vlast = &abox->module_ctx.super;
	v->transaction_commit = acl_transaction_commit;
	MODULE_CONTEXT_SET(box, event_acl_module, abox);
}

/* --- mailboxes that were created --------------------------------------------- */

struct acl_created {
	struct acl_created *prev, *next;
	pool_t pool;
	struct timeout *to;
	const char *hub_path;
	struct wake wake;
};

static struct acl_created *created_head;

static void created_send(struct acl_created *created)
{
	DLLIST_REMOVE(&created_head, created);
	timeout_remove(&created->to);
	(void)wake_send(created->hub_path, &created->wake);
	pool_unref(&created->pool);
}

void event_acl_created(struct mailbox *box, const char *hub_path)
{
	struct acl_created *created;
	struct wake *wake;
	pool_t pool;

	if (module_dir_find(mail_storage_service_modules, "acl") == NULL)
		return;
	pool = pool_alloconly_create("fantail created", 512);
	created = p_new(pool, struct acl_created, 1);
	created->pool = pool;
	created->hub_path = p_strdup(pool, hub_path);
	wake = &created->wake;
	event_wake_init(wake, box);
	wake->kinds = WAKE_KIND_BIT(WAKE_ACL);
	wake->user = p_strdup(pool, wake->user);
	wake->owner = p_strdup(pool, wake->owner);
	wake->mailbox = p_strdup(pool, wake->mailbox);
	wake->session = p_strdup(pool, wake->session);
	wake->separator = p_strdup(pool, wake->separator);
	wake->mailbox_id = p_strdup(pool, event_box_guid(box));
	/* By then the function that creates it has returned, whoever calls it in whatever
	 * ioloop. */
	created->to = timeout_add_to(io_loop_get_root(), 0, created_send, created);
	DLLIST_PREPEND(&created_head, created);
}

void event_acl_finish(void)
{
	while (created_head != NULL)
		created_send(created_head);
}
