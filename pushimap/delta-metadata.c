#include "lib.h"
#include "array.h"
#include "mail-storage-private.h"
#include "mailbox-attribute.h"
#include "str.h"

#include "delta-metadata.h"
#include "entry-request.h"
#include "pushimap-plugin.h"

#define DELTA_KEY "devicetoken"

struct delta_list {
	struct entry_request entry;
	string_t *tokens;
};

static bool registered;

static bool has_entry(struct mailbox *box)
{
	const struct pushimap_user *user = pushimap_user_get(box->storage->user);

	return user != NULL && user->deltapush && box->inbox_user;
}

/* Whatever one can read and that has no blank, which stands between tokens. */
static bool token_is_valid(const char *token)
{
	size_t len = 0;

	while (token[len] > ' ' && token[len] < 0x7f)
		len++;
	return token[len] == '\0' && len > 0 && len <= LIMIT_DELTA_TOKEN;
}

static void delta_item(const struct tabline_field *fields, size_t count, void *context)
{
	const char *token = tabline_get(fields, count, "token");
	struct delta_list *list = context;

	if (token == NULL || !token_is_valid(token))
		return;
	if (str_len(list->tokens) > 0)
		str_append_c(list->tokens, ' ');
	str_append(list->tokens, token);
}

static int delta_get(struct mailbox *box, const char *key ATTR_UNUSED,
		     struct mail_attribute_value *value_r)
{
	struct delta_list list = {
		.entry = {.box = box,
			  .what = "GETMETADATA " DELTA_KEY,
			  .reads = TRUE,
			  .item = delta_item},
	};
	struct tabline_buf line;

	if (!has_entry(box))
		return 0;
	list.tokens = str_new(box->pool, 256);
	registrar_begin(&line, "LIST", box->storage->user->username);
	tabline_field(&line, "dialect", "deltapush");
	if (!entry_request_send(&list.entry, &line))
		return -1;
	if (str_len(list.tokens) == 0)
		return 0;
	value_r->value = str_c(list.tokens);
	return 1;
}

static int delta_set(struct mailbox_transaction_context *t, const char *key ATTR_UNUSED,
		     const struct mail_attribute_value *value)
{
	struct entry_request request = {.box = t->box, .what = "SETMETADATA " DELTA_KEY};
	struct mailbox *box = t->box;
	struct tabline_buf line;
	const char *token;

	if (!has_entry(box)) {
		entry_set_error(box, WEBPUSH_CANNOT, "Only INBOX takes device tokens.");
		return -1;
	}
	if (entry_value_read(box, value, LIMIT_DELTA_TOKEN, &token) < 0)
		return -1;
	if (token == NULL) {
		/* One device must not silence the others, and cannot name only itself. */
		entry_set_error(box, WEBPUSH_CANNOT, "Device tokens expire by themselves.");
		return -1;
	}
	if (strlen(token) > LIMIT_DELTA_TOKEN) {
		entry_set_error(box, WEBPUSH_LIMIT, "Value is too long.");
		return -1;
	}
	if (!token_is_valid(token)) {
		entry_set_error(box, WEBPUSH_CANNOT, "Not a device token.");
		return -1;
	}
	registrar_begin(&line, "REGISTER", box->storage->user->username);
	tabline_field(&line, "dialect", "deltapush");
	tabline_field(&line, "token", token);
	return entry_request_send(&request, &line) ? 0 : -1;
}

/* Nothing: who lists all entries, or deletes a mailbox with them, does not mean ours. */
static int delta_iter(struct mailbox *box ATTR_UNUSED, const char *key_prefix ATTR_UNUSED,
		      pool_t pool ATTR_UNUSED, ARRAY_TYPE(const_string) *keys ATTR_UNUSED)
{
	return 0;
}

static const struct mailbox_attribute_internal delta_attribute = {
	.type = MAIL_ATTRIBUTE_TYPE_PRIVATE,
	.key = DELTA_KEY,
	.rank = MAIL_ATTRIBUTE_INTERNAL_RANK_AUTHORITY,
	.flags = MAIL_ATTRIBUTE_INTERNAL_FLAG_VALIDATED,
	.get = delta_get,
	.set = delta_set,
	.iter = delta_iter,
};

void delta_metadata_register(void)
{
	if (!registered)
		mailbox_attribute_register_internal(&delta_attribute);
	registered = TRUE;
}

void delta_metadata_unregister(void)
{
	if (registered)
		mailbox_attribute_unregister_internal(&delta_attribute);
	registered = FALSE;
}
