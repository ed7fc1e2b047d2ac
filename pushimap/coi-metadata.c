#include "lib.h"
#include "array.h"
#include "mail-storage-private.h"
#include "mailbox-attribute.h"
#include "module-context.h"

#include "coi-metadata.h"
#include "coi-subscription.h"
#include "entry-request.h"
#include "pushimap-plugin.h"

/* Server entries live on INBOX, behind a prefix that no client can name. */
#define COI_PREFIX \
	MAILBOX_ATTRIBUTE_PREFIX_DOVECOT_PVT_SERVER MAILBOX_ATTRIBUTE_PREFIX_DOVECOT "webpush/"

#define COI_BOX_CONTEXT(box) MODULE_CONTEXT(box, coi_box_module)

struct coi_row {
	const char *id, *json;
};

/* What the bridge listed. Core asks for the names first and then for each value, all on
 * one mailbox object that it made for this one command. */
struct coi_box {
	union mailbox_module_context module_ctx;
	ARRAY(struct coi_row) rows;
};

/* One exchange with the bridge. */
struct coi_request {
	struct entry_request entry;
	const char *key;      /* VAPID */
	struct coi_box *list; /* LIST: gathers the rows */
};

static MODULE_CONTEXT_DEFINE_INIT(coi_box_module, &mail_storage_module_register);
static bool registered;

static const struct pushimap_user *coi_user(struct mailbox *box)
{
	const struct pushimap_user *user = pushimap_user_get(box->storage->user);

	return user != NULL && user->dialect == PUSHIMAP_DIALECT_COI ? user : NULL;
}

/* --- asking the bridge ------------------------------------------------------ */

static void coi_item(const struct tabline_field *fields, size_t count, void *context)
{
	struct coi_request *request = context;
	const char *state = tabline_get(fields, count, "state");
	const char *created = tabline_get(fields, count, "created");
	struct coi_listing listing = {
		.validated = state != NULL && strcmp(state, "active") == 0,
		.client = tabline_get(fields, count, "client"),
		.label = tabline_get(fields, count, "label"),
		.msgtype = tabline_get(fields, count, "msgtype"),
		.endpoint = tabline_get(fields, count, "endpoint"),
		.p256dh = tabline_get(fields, count, "p256dh"),
		.auth = tabline_get(fields, count, "auth"),
	};
	const char *id = tabline_get(fields, count, "device");
	struct coi_row *row;
	size_t len;
	char *json;

	/* Made in the other dialect, and not nameable in this one: not to be had here. */
	if (id == NULL || !coi_id_has_valid_chars(id) || strcmp(id, t_str_lcase(id)) != 0)
		return;
	(void)tabline_parse_u64(created, &listing.created);
	len = coi_listing_format(&listing, NULL, 0);
	json = p_malloc(request->entry.box->pool, len + 1);
	(void)coi_listing_format(&listing, json, len + 1);
	row = array_append_space(&request->list->rows);
	row->id = p_strdup(request->entry.box->pool, id);
	row->json = json;
}

static void coi_answered(const struct tabline_field *fields, size_t count, void *context)
{
	struct coi_request *request = context;

	request->key = p_strdup(request->entry.box->pool, tabline_get(fields, count, "key"));
}

static int coi_list(struct mailbox *box, struct coi_box **list_r)
{
	struct coi_box *list = COI_BOX_CONTEXT(box);
	struct coi_request request = {
		.entry = {.box = box,
			  .what = "GETMETADATA subscriptions",
			  .reads = TRUE,
			  .item = coi_item},
	};
	struct tabline_buf line;

	if (list == NULL) {
		list = p_new(box->pool, struct coi_box, 1);
		p_array_init(&list->rows, box->pool, 8);
		request.list = list;
		registrar_begin(&line, "LIST", box->storage->user->username);
		tabline_field(&line, "gateway", "webpush");
		if (!entry_request_send(&request.entry, &line))
			return -1;
		MODULE_CONTEXT_SET(box, coi_box_module, list);
	}
	*list_r = list;
	return 0;
}

/* --- GETMETADATA ------------------------------------------------------------ */

static int coi_get_vapid(struct mailbox *box, struct mail_attribute_value *value_r)
{
	struct coi_request request = {
		.entry = {.box = box,
			  .what = "GETMETADATA vapid",
			  .reads = TRUE,
			  .answered = coi_answered},
	};
	struct tabline_buf line;
	char pem[WEBPUSH_PEM_SIZE];

	registrar_begin(&line, "VAPID", box->storage->user->username);
	if (!entry_request_send(&request.entry, &line))
		return -1;
	if (request.key == NULL || !webpush_vapid_pem(request.key, pem)) {
		mail_storage_set_critical(box->storage,
					  "fantail: %s: the bridge's answer has no proper key",
					  request.entry.what);
		return -1;
	}
	value_r->value = p_strdup(box->pool, pem);
	return 1;
}

static int coi_get_subscription(struct mailbox *box, const char *id,
				struct mail_attribute_value *value_r)
{
	const struct coi_row *rows;
	struct coi_box *list;
	unsigned int count;

	if (coi_list(box, &list) < 0)
		return -1;
	rows = array_get(&list->rows, &count);
	for (unsigned int i = 0; i < count; i++) {
		if (strcmp(rows[i].id, id) == 0) {
			value_r->value = rows[i].json;
			return 1;
		}
	}
	return 0;
}

static int coi_get(struct mailbox *box, const char *key, struct mail_attribute_value *value_r)
{
	char id[LIMIT_DEVICE_ID + 1];

	if (coi_user(box) == NULL)
		return 0;
	switch (coi_entry_parse(key + strlen(COI_PREFIX), id)) {
	case COI_ENTRY_VAPID:
		return coi_get_vapid(box, value_r);
	case COI_ENTRY_SUBSCRIPTION:
		return coi_get_subscription(box, id, value_r);
	case COI_ENTRY_NONE:
	case COI_ENTRY_SUBSCRIPTIONS:
	case COI_ENTRY_VALIDATE:
		break;
	}
	return 0;
}

static int coi_iter(struct mailbox *box, const char *key_prefix, pool_t pool,
		    ARRAY_TYPE(const_string) *keys)
{
	bool all = *key_prefix == '\0';
	const struct coi_row *row;
	struct coi_box *list;

	/* Core lists the attributes of each mailbox that it deletes, with the list of
	 * mailboxes locked; only INBOX can have ours. */
	if (!box->inbox_user || box->deleting)
		return 0;
	if (coi_user(box) == NULL || (!all && strcmp(key_prefix, "subscriptions") != 0))
		return 0;
	if (coi_list(box, &list) < 0) {
		/* A client that lists everything did not ask for us: no reason to fail. */
		return all ? 0 : -1;
	}
	if (all) {
		const char *key = p_strdup(pool, "vapid");

		array_push_back(keys, &key);
	}
	array_foreach (&list->rows, row) {
		const char *key = p_strconcat(pool, all ? "subscriptions/" : "", row->id, NULL);

		array_push_back(keys, &key);
	}
	return 0;
}

/* --- SETMETADATA ------------------------------------------------------------ */

static int coi_subscribe(struct mailbox *box, const char *id, const char *json)
{
	struct entry_request request = {.box = box, .what = "SETMETADATA subscription"};
	size_t len = strlen(json);
	struct webpush_subscription sub;
	enum webpush_error error;
	struct tabline_buf line;
	const char *text;

	error = coi_id_check(id, &text);
	if (error == WEBPUSH_OK)
		error = coi_subscription_parse(json, len, t_malloc_no0(len + 1), &sub, &text);
	if (error != WEBPUSH_OK) {
		entry_set_error(box, error, text);
		return -1;
	}
	sub.device = id;
	registrar_begin(&line, "SUBSCRIBE", box->storage->user->username);
	webpush_subscription_encode(&line, &sub, "coi");
	return entry_request_send(&request, &line) ? 0 : -1;
}

static int coi_unsubscribe(struct mailbox *box, const char *id)
{
	struct entry_request request = {.box = box, .what = "SETMETADATA subscription NIL"};
	struct tabline_buf line;

	registrar_begin(&line, "UNSUBSCRIBE", box->storage->user->username);
	tabline_field(&line, "device", id);
	return entry_request_send(&request, &line) ? 0 : -1;
}

static int coi_validate(struct mailbox *box, const char *id, const char *token)
{
	struct entry_request request = {.box = box, .what = "SETMETADATA validate"};
	enum webpush_error error;
	struct tabline_buf line;
	const char *text;

	error = webpush_check_token(token, &text);
	if (error != WEBPUSH_OK) {
		entry_set_error(box, error, text);
		return -1;
	}
	registrar_begin(&line, "CONFIRM", box->storage->user->username);
	tabline_field(&line, "device", id);
	tabline_field(&line, "token", token);
	return entry_request_send(&request, &line) ? 0 : -1;
}

static int coi_set(struct mailbox_transaction_context *t, const char *key,
		   const struct mail_attribute_value *value)
{
	struct mailbox *box = t->box;
	char id[LIMIT_DEVICE_ID + 1];
	const char *text;
	enum coi_entry entry;

	if (coi_user(box) == NULL) {
		entry_set_error(box, WEBPUSH_CANNOT, "Push notifications are not enabled.");
		return -1;
	}
	entry = coi_entry_parse(key + strlen(COI_PREFIX), id);
	if (entry != COI_ENTRY_SUBSCRIPTION && entry != COI_ENTRY_VALIDATE) {
		entry_set_error(box, WEBPUSH_CANNOT, "This entry cannot be changed.");
		return -1;
	}
	if (entry_value_read(box, value, LIMIT_COI_SUBSCRIPTION, &text) < 0)
		return -1;
	if (entry == COI_ENTRY_VALIDATE)
		return coi_validate(box, id, text == NULL ? "" : text);
	return text == NULL ? coi_unsubscribe(box, id) : coi_subscribe(box, id, text);
}

/* --- registration ----------------------------------------------------------- */

static const struct mailbox_attribute_internal coi_attribute = {
	.type = MAIL_ATTRIBUTE_TYPE_PRIVATE,
	.key = COI_PREFIX,
	.rank = MAIL_ATTRIBUTE_INTERNAL_RANK_AUTHORITY,
	.flags = MAIL_ATTRIBUTE_INTERNAL_FLAG_CHILDREN | MAIL_ATTRIBUTE_INTERNAL_FLAG_VALIDATED,
	.get = coi_get,
	.set = coi_set,
	.iter = coi_iter,
};

void coi_metadata_register(void)
{
	if (!registered)
		mailbox_attribute_register_internal(&coi_attribute);
	registered = TRUE;
}

void coi_metadata_unregister(void)
{
	if (registered)
		mailbox_attribute_unregister_internal(&coi_attribute);
	registered = FALSE;
}
