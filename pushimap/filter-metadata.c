#include "lib.h"
#include "array.h"
#include "imap-arg.h"
#include "mail-storage-private.h"
#include "mailbox-attribute.h"
#include "str.h"
#include "dovecot-compat.h"

#include "clean-text.h"
#include "entry-request.h"
#include "filter-metadata.h"
#include "imap-line.h"
#include "pimap-cmd.h"
#include "pushimap-plugin.h"

/* Server entries live on INBOX, behind a prefix that no client can name. */
#define FILTER_PREFIX MAILBOX_ATTRIBUTE_PREFIX_DOVECOT_PVT_SERVER "filters/"
#define VALUES "values/"
#define DESCRIPTIONS "descriptions/"

struct filter_row {
	const char *name, *criteria, *description;
};

struct filter_list {
	struct entry_request entry;
	ARRAY(struct filter_row) rows;
};

static bool registered;

static const struct pushimap_user *filter_user(struct mailbox *box)
{
	const struct pushimap_user *user = pushimap_user_get(box->storage->user);

	return user != NULL && user->pimap ? user : NULL;
}

/* --- asking the bridge ------------------------------------------------------ */

static void filter_item(const struct tabline_field *fields, size_t count, void *context)
{
	struct filter_list *list = context;
	pool_t pool = list->entry.box->pool;
	const char *name = tabline_get(fields, count, "name");
	const char *criteria = tabline_get(fields, count, "criteria");
	struct filter_row *row;

	if (name == NULL || criteria == NULL)
		return;
	row = array_append_space(&list->rows);
	row->name = p_strdup(pool, name);
	row->criteria = p_strdup(pool, criteria);
	row->description = p_strdup(pool, tabline_get(fields, count, "description"));
}

/* The filter of that name, or NULL in *row_r; name NULL: all in list->rows. */
static int filter_list(struct mailbox *box, const char *what, bool reads, const char *name,
		       struct filter_list *list, const struct filter_row **row_r)
{
	struct tabline_buf line;

	list->entry = (struct entry_request){
		.box = box,
		.what = what,
		.reads = reads,
		.lacks_is_ok = TRUE,
		.item = filter_item,
	};
	p_array_init(&list->rows, box->pool, 8);
	registrar_begin(&line, "FILTERLIST", box->storage->user->username);
	tabline_field(&line, "name", name);
	if (!entry_request_send(&list->entry, &line))
		return -1;
	*row_r = array_is_empty(&list->rows) ? NULL : array_front(&list->rows);
	return 0;
}

/* --- names ------------------------------------------------------------------ */

/* False: it is neither a value's nor a description's. */
static bool parse_key(const char *key, bool *description_r, char name_r[LIMIT_FILTER_NAME + 1])
{
	const char *error;

	key += strlen(FILTER_PREFIX);
	*description_r = strncmp(key, DESCRIPTIONS, strlen(DESCRIPTIONS)) == 0;
	if (!*description_r && strncmp(key, VALUES, strlen(VALUES)) != 0)
		return FALSE;
	key = strchr(key, '/') + 1;
	return pimap_filter_name(key, name_r, &error) == WEBPUSH_OK &&
	       !pimap_filter_is_predefined(name_r);
}

/* --- GETMETADATA ------------------------------------------------------------ */

static int filter_get(struct mailbox *box, const char *key, struct mail_attribute_value *value_r)
{
	struct filter_list list;
	char name[LIMIT_FILTER_NAME + 1];
	const struct filter_row *row;
	bool description;

	if (filter_user(box) == NULL || !parse_key(key, &description, name))
		return 0;
	if (filter_list(box, "GETMETADATA filters", TRUE, name, &list, &row) < 0)
		return -1;
	if (row == NULL || (description && row->description == NULL))
		return 0;
	if (description)
		value_r->value = row->description;
	else if (pimap_is_ascii(row->criteria))
		value_r->value = row->criteria;
	else
		value_r->value = p_strconcat(box->pool, "CHARSET UTF-8 ", row->criteria, NULL);
	return 1;
}

static void add_key(ARRAY_TYPE(const_string) *keys, pool_t pool, const char *prefix,
		    const struct filter_row *row)
{
	const char *key = p_strconcat(pool, prefix, t_str_lcase(row->name), NULL);

	array_push_back(keys, &key);
}

static int filter_iter(struct mailbox *box, const char *key_prefix, pool_t pool,
		       ARRAY_TYPE(const_string) *keys)
{
	struct filter_list list;
	bool all = *key_prefix == '\0', values = strcmp(key_prefix, "values") == 0;
	bool descriptions = strcmp(key_prefix, "descriptions") == 0;
	const struct filter_row *rows;
	unsigned int count;

	/* As coi_iter(): only INBOX has them, and who deletes a mailbox does not want them. */
	if (!box->inbox_user || box->deleting || filter_user(box) == NULL ||
	    (!all && !values && !descriptions))
		return 0;
	if (filter_list(box, "GETMETADATA filters", TRUE, NULL, &list, &rows) < 0)
		return all ? 0 : -1;
	rows = array_get(&list.rows, &count);
	for (unsigned int i = 0; i < count; i++) {
		if (all || values)
			add_key(keys, pool, all ? VALUES : "", &rows[i]);
		if ((all || descriptions) && rows[i].description != NULL)
			add_key(keys, pool, all ? DESCRIPTIONS : "", &rows[i]);
	}
	return 0;
}

/* --- SETMETADATA ------------------------------------------------------------ */

/* [CHARSET charset] keys, with strings in every form. */
static enum webpush_error parse_value(pool_t pool, const char *text, const char **criteria_r,
				      const char **error_r)
{
	const struct imap_arg *args;
	struct imap_line *line = imap_line_parse(text, &args);
	enum webpush_error error = WEBPUSH_SYNTAX;
	const char *charset = NULL;
	struct arg_token *tokens;
	size_t count;

	*error_r = "Invalid search parameters.";
	if (line != NULL) {
		if (imap_arg_atom_equals(args, "CHARSET") &&
		    imap_arg_get_astring(&args[1], &charset))
			args += 2;
		error = pimap_criteria_read(pool, args, &tokens, &count, error_r);
		if (error == WEBPUSH_OK)
			error = pimap_criteria_format(pool, tokens, count, charset, criteria_r,
						      error_r);
	}
	imap_line_free(&line);
	return error;
}

static int filter_store(struct mailbox *box, const char *name, const char *criteria,
			const char *description)
{
	struct entry_request request = {.box = box, .what = "SETMETADATA filters"};
	struct tabline_buf line;

	registrar_begin(&line, "FILTERSET", box->storage->user->username);
	tabline_field(&line, "name", name);
	pimap_add_criteria(&line, criteria);
	tabline_field(&line, "description", description);
	return entry_request_send(&request, &line) ? 0 : -1;
}

static int filter_drop(struct mailbox *box, const char *name)
{
	struct entry_request request = {
		.box = box,
		.what = "SETMETADATA filters NIL",
		.lacks_is_ok = TRUE,
	};
	struct tabline_buf line;

	registrar_begin(&line, "FILTERDROP", box->storage->user->username);
	tabline_field(&line, "name", name);
	return entry_request_send(&request, &line) ? 0 : -1;
}

static int set_value(struct mailbox *box, const char *name, const char *text)
{
	struct filter_list list;
	const struct filter_row *row;
	const char *criteria, *message;
	enum webpush_error error;

	if (text == NULL)
		return filter_drop(box, name);
	error = parse_value(box->pool, text, &criteria, &message);
	if (error != WEBPUSH_OK) {
		entry_set_error(box, error, message);
		return -1;
	}
	/* Its description stays. */
	if (filter_list(box, "SETMETADATA filters", FALSE, name, &list, &row) < 0)
		return -1;
	return filter_store(box, name, criteria, row == NULL ? NULL : row->description);
}

static int set_description(struct mailbox *box, const char *name, const char *text)
{
	struct filter_list list;
	const struct filter_row *row;

	if (text != NULL && !text_is_clean(text)) {
		entry_set_error(box, WEBPUSH_CANNOT, "Description is not plain UTF-8 text.");
		return -1;
	}
	if (filter_list(box, "SETMETADATA filters", FALSE, name, &list, &row) < 0)
		return -1;
	if (row == NULL && text == NULL)
		return 0;
	if (row == NULL) {
		entry_set_error(box, WEBPUSH_CANNOT, "There is no such filter to describe.");
		return -1;
	}
	return filter_store(box, name, row->criteria, text);
}

static int filter_set(struct mailbox_transaction_context *t, const char *key,
		      const struct mail_attribute_value *value)
{
	char name[LIMIT_FILTER_NAME + 1];
	const char *text;
	bool description;

	if (filter_user(t->box) == NULL || !parse_key(key, &description, name)) {
		entry_set_error(t->box, WEBPUSH_CANNOT, "This is no filter that can be set.");
		return -1;
	}
	if (entry_value_read(t->box, value,
			     description ? LIMIT_FILTER_DESCRIPTION : LIMIT_FILTER_CRITERIA,
			     &text) < 0)
		return -1;
	return description ? set_description(t->box, name, text) : set_value(t->box, name, text);
}

/* --- registration ----------------------------------------------------------- */

static const struct mailbox_attribute_internal filter_attribute = {
	.type = MAIL_ATTRIBUTE_TYPE_PRIVATE,
	.key = FILTER_PREFIX,
	.rank = MAIL_ATTRIBUTE_INTERNAL_RANK_AUTHORITY,
	.flags = MAIL_ATTRIBUTE_INTERNAL_FLAG_CHILDREN | MAIL_ATTRIBUTE_INTERNAL_FLAG_VALIDATED,
	.get = filter_get,
	.set = filter_set,
	.iter = filter_iter,
};

void filter_metadata_register(void)
{
	if (!registered)
		mailbox_attribute_register_internal(&filter_attribute);
	registered = TRUE;
}

void filter_metadata_unregister(void)
{
	if (registered)
		mailbox_attribute_unregister_internal(&filter_attribute);
	registered = FALSE;
}
