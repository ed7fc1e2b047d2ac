#include "lib.h"
#include "imap-metadata.h"
#include "mail-storage-private.h"
#include "mailbox-attribute.h"
#include "module-context.h"

#include "event-metadata.h"
#include "event-wake.h"
#include "limits.h"

#define METADATA_CONTEXT(obj) MODULE_CONTEXT(obj, event_metadata_module)
#define METADATA_CONTEXT_REQUIRE(obj) MODULE_CONTEXT_REQUIRE(obj, event_metadata_module)

static MODULE_CONTEXT_DEFINE_INIT(event_metadata_module, &mail_storage_module_register);

struct metadata_box {
	union mailbox_module_context module_ctx;
	const char *hub_path;
};

/* Entries of one sort. */
struct metadata_set {
	const char *entries[WAKE_MAX_ENTRIES];
	size_t count;
	bool any;
	bool unnamed; /* too many, or one whose name is too long: then none is said */
};

/* A transaction that has set some. */
struct metadata_txn {
	union mailbox_transaction_module_context module_ctx;
	pool_t pool;
	struct metadata_set sets[2][2]; /* [of the server][private] */
};

static void set_add(struct metadata_set *set, pool_t pool, const char *entry)
{
	set->any = TRUE;
	for (size_t i = 0; i < set->count; i++) {
		if (strcmp(set->entries[i], entry) == 0)
			return;
	}
	if (set->count == WAKE_MAX_ENTRIES || strlen(entry) > LIMIT_METADATA_ENTRY)
		set->unnamed = TRUE;
	else
		set->entries[set->count++] = p_strdup(pool, entry);
}

static struct metadata_txn *txn_get(struct mailbox_transaction_context *t)
{
	struct metadata_txn *txn = METADATA_CONTEXT(t);
	pool_t pool;

	if (txn == NULL) {
		pool = pool_alloconly_create("fantail metadata", 1024);
		txn = p_new(pool, struct metadata_txn, 1);
		txn->pool = pool;
		MODULE_CONTEXT_SET(t, event_metadata_module, txn);
	}
	return txn;
}

static void note(struct mailbox_transaction_context *t, enum mail_attribute_type type_flags,
		 const char *key)
{
	static const char server_prefix[] = MAILBOX_ATTRIBUTE_PREFIX_DOVECOT_PVT_SERVER;
	const size_t prefix_len = sizeof(server_prefix) - 1;
	bool private = (type_flags & MAIL_ATTRIBUTE_TYPE_MASK) == MAIL_ATTRIBUTE_TYPE_PRIVATE;
	bool server = strncmp(key, server_prefix, prefix_len) == 0;
	struct metadata_txn *txn;

	/* Sieve scripts and the like. */
	if (!MAILBOX_ATTRIBUTE_KEY_IS_USER_ACCESSIBLE(key))
		return;
	/* A mailbox that is deleted loses its entries one by one before. */
	if (t->box->deleting || (t->flags & MAILBOX_TRANSACTION_FLAG_NO_NOTIFY) != 0)
		return;
	txn = txn_get(t);
	set_add(&txn->sets[server ? 1 : 0][private ? 1 : 0], txn->pool,
		t_strconcat(private ? IMAP_METADATA_PRIVATE_PREFIX : IMAP_METADATA_SHARED_PREFIX,
			    "/", server ? key + prefix_len : key, NULL));
}

static int metadata_attribute_set(struct mailbox_transaction_context *t,
				  enum mail_attribute_type type_flags, const char *key,
				  const struct mail_attribute_value *value)
{
	struct metadata_box *mbox = METADATA_CONTEXT_REQUIRE(t->box);

	if (mbox->module_ctx.super.attribute_set(t, type_flags, key, value) < 0)
		return -1;
	T_BEGIN
	{
		note(t, type_flags, key);
	}
	T_END;
	return 0;
}

static void txn_send(const struct metadata_txn *txn, struct mailbox *box, const char *hub_path)
{
	for (unsigned int server = 0; server < 2; server++) {
		for (unsigned int private = 0; private < 2; private ++) {
			const struct metadata_set *set = &txn->sets[server][private];

			if (!set->any)
				continue;
			event_wake_metadata(
				box, hub_path,
				server != 0 ? WAKE_SERVER_METADATA : WAKE_MAILBOX_METADATA,
				private != 0, set->entries, set->unnamed ? 0 : set->count);
		}
	}
}

static int metadata_transaction_commit(struct mailbox_transaction_context *t,
				       struct mail_transaction_commit_changes *changes_r)
{
	struct mailbox *box = t->box;
	struct metadata_box *mbox = METADATA_CONTEXT_REQUIRE(box);
	struct metadata_txn *txn = METADATA_CONTEXT(t);
	int ret = mbox->module_ctx.super.transaction_commit(t, changes_r);

	if (txn == NULL)
		return ret;
	if (ret == 0) {
		T_BEGIN
		{
			txn_send(txn, box, mbox->hub_path);
		}
		T_END;
	}
	pool_unref(&txn->pool);
	return ret;
}

static void metadata_transaction_rollback(struct mailbox_transaction_context *t)
{
	struct metadata_box *mbox = METADATA_CONTEXT_REQUIRE(t->box);
	struct metadata_txn *txn = METADATA_CONTEXT(t);

	mbox->module_ctx.super.transaction_rollback(t);
	if (txn != NULL)
		pool_unref(&txn->pool);
}

void event_metadata_follow(struct mailbox *box, const char *hub_path)
{
	struct mailbox_vfuncs *v = box->vlast;
	struct metadata_box *mbox = p_new(box->pool, struct metadata_box, 1);

	mbox->hub_path = hub_path;
	mbox->module_ctx.super = *v;
	box->vlast = &mbox->module_ctx.super;
	v->attribute_set = metadata_attribute_set;
	v->transaction_commit = metadata_transaction_commit;
	v->transaction_rollback = metadata_transaction_rollback;
	MODULE_CONTEXT_SET(box, event_metadata_module, mbox);
}
