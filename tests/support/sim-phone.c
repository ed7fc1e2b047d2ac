#include "sim-phone.h"

#include <string.h>

#include "sml-written.h"
#include "sync-world.h"

#define PASSWORD_CRED "cGF0OnNlY3JldA==" /* pat:secret */

struct talk {
	struct sim_phone *phone;
	struct sml_message *out; /* being made */
	struct sml_message *in;
	guint code; /* it began with */
	char *session, *url;
	guint32 msg, cmd;
	guint64 server_max; /* MaxMsgSize */
	char *chunk_id;     /* of an object that comes in pieces */
	GString *chunk;
};

void sim_phone_init(struct sim_phone *phone, const struct sml_service *service, const char *user,
		    const char *device)
{
	memset(phone, 0, sizeof(*phone));
	phone->service = service;
	phone->user = g_strdup(user);
	phone->device = g_strdup(device);
	phone->database = g_strdup("contacts");
	phone->type = "text/vcard";
	phone->version = "3.0";
	phone->items = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	phone->changed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	phone->tried = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	phone->maps = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	phone->now = 1000000000;
	phone->lose = phone->die = -1;
	phone->large = TRUE;
}

void sim_phone_clear(struct sim_phone *phone)
{
	g_free(phone->user);
	g_free(phone->device);
	g_free(phone->database);
	g_free(phone->last);
	g_free(phone->next);
	g_hash_table_unref(phone->items);
	g_hash_table_unref(phone->changed);
	g_hash_table_unref(phone->tried);
	g_hash_table_unref(phone->maps);
}

const char *sim_phone_add(struct sim_phone *phone, const char *text)
{
	char *luid = g_strdup_printf("%u", ++phone->next_luid);

	g_hash_table_insert(phone->items, luid, g_strdup(text));
	g_hash_table_insert(phone->changed, g_strdup(luid), (gpointer) "Add");
	return luid;
}

void sim_phone_replace(struct sim_phone *phone, const char *luid, const char *text)
{
	g_hash_table_insert(phone->items, g_strdup(luid), g_strdup(text));
	if (g_hash_table_lookup(phone->changed, luid) == NULL)
		g_hash_table_insert(phone->changed, g_strdup(luid), (gpointer) "Replace");
}

void sim_phone_delete(struct sim_phone *phone, const char *luid)
{
	const char *before = g_hash_table_lookup(phone->changed, luid);
	g_autofree char *copy = g_strdup(luid);

	g_hash_table_remove(phone->items, copy);
	if (before != NULL && strcmp(before, "Add") == 0 &&
	    !g_hash_table_contains(phone->tried, copy))
		g_hash_table_remove(phone->changed, copy);
	else
		g_hash_table_insert(phone->changed, g_strdup(copy), (gpointer) "Delete");
}

char *sim_phone_words(const struct sim_phone *phone, sync_word_of *word_of)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
	enum pim_format format;
	GHashTableIter iter;
	gpointer text;

	g_assert_true(pim_format_find(phone->type, phone->version, &format));
	g_hash_table_iter_init(&iter, phone->items);
	while (g_hash_table_iter_next(&iter, NULL, &text)) {
		g_autoptr(GError) error = NULL;
		g_autoptr(pim_item_t) item =
			pim_item_parse(format, text, strlen(text), NULL, &error);

		g_assert_no_error(error);
		g_ptr_array_add(words, word_of(item));
	}
	return sync_joined(words);
}

char *sim_phone_contacts(const struct sim_phone *phone)
{
	return sim_phone_words(phone, sync_contact_word);
}

/* --- messages -------------------------------------------------------------------------- */

static void begin(struct talk *talk)
{
	struct sml_message *out = sml_message_new();

	out->version = SML_1_2;
	out->session_id = sml_message_string(out, talk->session, -1);
	out->msg_id = ++talk->msg;
	out->target =
		talk->url == NULL ? "http://server/sync" : sml_message_string(out, talk->url, -1);
	out->source = talk->phone->device;
	if (talk->msg == 1) {
		struct sml_cred *cred = sml_message_own(out, g_new0(struct sml_cred, 1), g_free);

		cred->type = "syncml:auth-basic";
		cred->format = "b64";
		cred->data = PASSWORD_CRED;
		cred->data_len = strlen(PASSWORD_CRED);
		out->cred = cred;
		out->meta.max_msg_size = talk->phone->max_msg_size;
		out->meta.max_obj_size = 4000000;
	}
	talk->cmd = 0;
	talk->out = out;
}

static struct sml_command *add_command(struct talk *talk, enum sml_command_kind kind)
{
	struct sml_command *command = sml_command_new(talk->out, kind);

	command->cmd_id = ++talk->cmd;
	g_ptr_array_add(talk->out->commands, command);
	return command;
}

static GBytes *post(struct talk *talk, GBytes *body)
{
	struct sim_phone *phone = talk->phone;
	GBytes *answer;
	guint http;

	/* 503: later, the same. */
	do
		answer = sync_post(phone->service, body, phone->encoding, talk->url, NULL,
				   phone->now++, &http);
	while (http == 503);
	if (answer == NULL)
		g_error("HTTP %u", http);
	return answer;
}

/* Sends it, as often as it takes. FALSE: the phone died. */
static gboolean exchange_messages(struct talk *talk)
{
	struct sim_phone *phone = talk->phone;
	g_autoptr(GBytes) body = sml_written(talk->out, talk->phone->encoding), answer = NULL;
	g_autoptr(GError) error = NULL;
	gsize len;
	const void *data;

	g_clear_pointer(&talk->out, sml_message_free);
	g_clear_pointer(&talk->in, sml_message_free);
	phone->messages++;
	if (phone->max_msg_size > 0 && g_bytes_get_size(body) > 1000000)
		g_error("a message of %zu octets", g_bytes_get_size(body));
	answer = post(talk, body);
	if (phone->lose == 0) {
		g_autoptr(GBytes) again = post(talk, body);

		if (!g_bytes_equal(answer, again))
			g_error("the same message has another answer");
	}
	phone->lose -= phone->lose >= 0;
	if (phone->die == 0) {
		phone->died = TRUE;
		phone->die = -1;
		return FALSE;
	}
	phone->die -= phone->die > 0;
	data = g_bytes_get_data(answer, &len);
	if (phone->max_msg_size > 0 && len > phone->max_msg_size)
		g_error("the answer has %zu octets, more than %u", len, phone->max_msg_size);
	talk->in = sml_message_read(phone->encoding, data, len, &error);
	if (talk->in == NULL)
		g_error("the answer cannot be read: %s", error->message);
	if (phone->heard != NULL)
		phone->heard(phone, answer, talk->in);
	if (talk->in->resp_uri != NULL) {
		g_free(talk->url);
		talk->url = g_strdup(talk->in->resp_uri);
	}
	if (talk->in->meta.max_msg_size > 0)
		talk->server_max = talk->in->meta.max_msg_size;
	return TRUE;
}

/* --- what the server says ------------------------------------------------------------------ */

static void status(struct talk *talk, guint32 cmd_ref, const char *cmd, guint code,
		   const struct sml_item *item)
{
	struct sml_command *command = add_command(talk, SML_CMD_STATUS);

	command->msg_ref = talk->in->msg_id;
	command->cmd_ref = cmd_ref;
	command->cmd = cmd;
	command->code = code;
	if (item != NULL && item->target != NULL) {
		command->target_refs = g_ptr_array_new();
		g_ptr_array_add(command->target_refs,
				(gpointer)sml_message_string(talk->out, item->target, -1));
	}
	if (item != NULL && item->source != NULL) {
		command->source_refs = g_ptr_array_new();
		g_ptr_array_add(command->source_refs,
				(gpointer)sml_message_string(talk->out, item->source, -1));
	}
}

/* Whether it is whole now; `text_r` is new then. */
static gboolean take_text(struct talk *talk, const struct sml_item *item, char **text_r)
{
	const char *id = item->source != NULL ? item->source : item->target;
	gsize len = 0;
	const char *data = item->data == NULL ? "" : g_bytes_get_data(item->data, &len);

	if (talk->chunk_id == NULL && !item->more_data) {
		*text_r = g_strndup(data, len);
		return TRUE;
	}
	if (talk->chunk_id == NULL) {
		talk->chunk_id = g_strdup(id);
		talk->chunk = g_string_new(NULL);
	}
	g_assert_cmpstr(talk->chunk_id, ==, id);
	g_string_append_len(talk->chunk, data, (gssize)len);
	if (item->more_data)
		return FALSE;
	*text_r = g_string_free(talk->chunk, FALSE);
	g_clear_pointer(&talk->chunk_id, g_free);
	return TRUE;
}

static guint apply(struct talk *talk, const struct sml_command *command,
		   const struct sml_item *item)
{
	struct sim_phone *phone = talk->phone;
	char *text, *luid;

	phone->received++;
	g_test_message("told %s %s", sml_command_name(command->kind),
		       item->target != NULL ? item->target : item->source);
	if (command->kind == SML_CMD_DELETE) {
		if (!g_hash_table_remove(phone->items, item->target))
			return 211;
		g_hash_table_remove(phone->changed, item->target);
		return 200;
	}
	if (!take_text(talk, item, &text))
		return 213;
	if (command->kind == SML_CMD_REPLACE) {
		if (!g_hash_table_contains(phone->items, item->target)) {
			g_free(text);
			return 404;
		}
		g_hash_table_insert(phone->items, g_strdup(item->target), text);
		return 200;
	}
	if (phone->max_guid_size > 0 && strlen(item->source) > phone->max_guid_size)
		g_error("the temporary id '%s' is too long", item->source);
	/* The same again, of which the map was not sent yet. */
	luid = g_hash_table_lookup(phone->maps, item->source);
	if (luid != NULL) {
		g_hash_table_insert(phone->items, g_strdup(luid), text);
		return 418;
	}
	luid = g_strdup_printf("%u", ++phone->next_luid);
	g_hash_table_insert(phone->items, g_strdup(luid), text);
	g_hash_table_insert(phone->maps, g_strdup(item->source), luid);
	return 201;
}

static const struct sml_command *find_sync(const struct talk *talk)
{
	for (guint i = 0; i < talk->in->commands->len; i++) {
		const struct sml_command *command = talk->in->commands->pdata[i];

		if (command->kind == SML_CMD_SYNC)
			return command;
	}
	return NULL;
}

static void answer_all(struct talk *talk)
{
	status(talk, 0, "SyncHdr", 200, NULL);
	for (guint i = 0; i < talk->in->commands->len; i++) {
		const struct sml_command *command = talk->in->commands->pdata[i];

		if (command->kind == SML_CMD_ALERT && command->code < 222)
			status(talk, command->cmd_id, "Alert", 200, NULL);
		if (command->kind != SML_CMD_SYNC)
			continue;
		status(talk, command->cmd_id, "Sync", 200, NULL);
		for (guint j = 0; j < command->children->len; j++) {
			const struct sml_command *child = command->children->pdata[j];
			const struct sml_item *item = child->items->pdata[0];

			status(talk, child->cmd_id, sml_command_name(child->kind),
			       apply(talk, child, item), item);
		}
	}
}

static void next_message(struct talk *talk)
{
	struct sml_command *alert = add_command(talk, SML_CMD_ALERT);
	struct sml_item *item = sml_item_new(talk->out, alert);

	alert->code = 222;
	item->target = talk->out->target;
	item->source = talk->phone->device;
}

/* --- a session ------------------------------------------------------------ */

static struct devinf_capability *capability_of(const struct sim_phone *phone)
{
	struct devinf_capability *capability = devinf_capability_new(phone->type, phone->version);
	g_auto(GStrv) words = g_strsplit(phone->holds, " ", -1);

	for (guint i = 0; words[i] != NULL; i++) {
		char *value = strchr(words[i], '=');
		struct devinf_property *property;

		if (value != NULL)
			*value++ = '\0';
		property = devinf_property_new(words[i]);
		if (value != NULL)
			g_ptr_array_add(property->values, g_strdup(value));
		g_ptr_array_add(capability->properties, property);
	}
	return capability;
}

static gboolean say_alert(struct talk *talk, guint code)
{
	struct sim_phone *phone = talk->phone;
	struct sml_command *alert;
	struct sml_item *item;

	begin(talk);
	alert = add_command(talk, SML_CMD_ALERT);
	item = sml_item_new(talk->out, alert);
	alert->code = code;
	item->target = phone->database;
	item->source = "./phone";
	item->meta.anchor_last = phone->last;
	item->meta.anchor_next = phone->next;
	if (phone->large) {
		struct sml_command *put = add_command(talk, SML_CMD_PUT);
		struct sml_item *info = sml_item_new(talk->out, put);
		struct devinf_store *store = devinf_store_new("./phone");

		put->meta.type = "application/vnd.syncml-devinf+xml";
		info->source = "./devinf12";
		info->devinf = devinf_new(SML_1_2);
		info->devinf->large_objects = info->devinf->number_of_changes = TRUE;
		info->devinf->utc = TRUE;
		store->max_guid_size = phone->max_guid_size;
		g_ptr_array_add(store->rx, devinf_type_new(phone->type, phone->version));
		g_ptr_array_add(store->tx, devinf_type_new(phone->type, phone->version));
		if (phone->holds != NULL)
			g_ptr_array_add(store->capabilities, capability_of(phone));
		g_ptr_array_add(info->devinf->stores, store);
	}
	talk->out->final = TRUE;
	return exchange_messages(talk);
}

/* The mode the server has chosen, and what it says of ours. */
static void read_alert(struct talk *talk)
{
	struct sim_phone *phone = talk->phone;

	for (guint i = 0; i < talk->in->commands->len; i++) {
		const struct sml_command *command = talk->in->commands->pdata[i];

		if (command->kind == SML_CMD_ALERT && command->code < 222)
			phone->mode = command->code;
		if (command->kind == SML_CMD_STATUS && command->msg_ref == 1 &&
		    g_strcmp0(command->cmd, "Alert") == 0)
			phone->status = command->code;
	}
}

/* What is left of the server's package. any_r: changes were in it. */
static gboolean take_package(struct talk *talk, gboolean *any_r)
{
	*any_r = find_sync(talk) != NULL;
	while (!talk->in->final) {
		begin(talk);
		answer_all(talk);
		next_message(talk);
		if (!exchange_messages(talk))
			return FALSE;
		read_alert(talk);
		*any_r = *any_r || find_sync(talk) != NULL;
	}
	return TRUE;
}

static gboolean sends(guint mode)
{
	return mode != 204 && mode != 205;
}

static int by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* LUIDs of what is to be sent. */
static GPtrArray *to_send(const struct talk *talk)
{
	const struct sim_phone *phone = talk->phone;
	gboolean all = phone->mode == 201 || phone->mode == 203;
	GHashTable *table = all ? phone->items : phone->changed;
	GPtrArray *luids = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer luid;

	g_hash_table_iter_init(&iter, table);
	while (sends(phone->mode) && g_hash_table_iter_next(&iter, &luid, NULL))
		g_ptr_array_add(luids, g_strdup(luid));
	/* The server keeps what it knew before a slow sync was cut off: what has gone since has to
	 * be said. */
	g_hash_table_iter_init(&iter, phone->changed);
	while (all && talk->code == 225 && g_hash_table_iter_next(&iter, &luid, NULL)) {
		if (!g_hash_table_contains(phone->items, luid))
			g_ptr_array_add(luids, g_strdup(luid));
	}
	g_ptr_array_sort(luids, by_text);
	return luids;
}

static struct sml_command *open_sync(struct talk *talk)
{
	struct sml_command *sync = add_command(talk, SML_CMD_SYNC);

	sync->target = talk->phone->database;
	sync->source = "./phone";
	return sync;
}

static void add_change(struct talk *talk, struct sml_command *sync, const char *luid)
{
	struct sim_phone *phone = talk->phone;
	const char *text = g_hash_table_lookup(phone->items, luid);
	const char *what = g_hash_table_lookup(phone->changed, luid);
	enum sml_command_kind kind = SML_CMD_REPLACE;
	struct sml_command *command;
	struct sml_item *item;

	if (text == NULL)
		kind = SML_CMD_DELETE;
	else if (what != NULL && strcmp(what, "Add") == 0)
		kind = SML_CMD_ADD;
	command = sml_command_new(talk->out, kind);
	command->cmd_id = ++talk->cmd;
	g_ptr_array_add(sync->children, command);
	item = sml_item_new(talk->out, command);
	item->source = luid;
	g_hash_table_add(phone->tried, g_strdup(luid));
	if (text != NULL) {
		command->meta.type = phone->type;
		item->data = g_bytes_new(text, strlen(text));
	}
}

static void add_maps(struct talk *talk)
{
	GHashTableIter iter;
	gpointer tmpid, luid;
	struct sml_command *map;

	if (g_hash_table_size(talk->phone->maps) == 0)
		return;
	map = add_command(talk, SML_CMD_MAP);
	map->target = talk->phone->database;
	map->source = "./phone";
	g_hash_table_iter_init(&iter, talk->phone->maps);
	while (g_hash_table_iter_next(&iter, &tmpid, &luid)) {
		struct sml_map_item *pair =
			sml_message_own(talk->out, g_new0(struct sml_map_item, 1), g_free);

		pair->target = sml_message_string(talk->out, tmpid, -1);
		pair->source = sml_message_string(talk->out, luid, -1);
		g_ptr_array_add(map->map_items, pair);
	}
}

/* #3, in messages of ten changes each when small ones are asked for. */
static gboolean say_changes(struct talk *talk)
{
	g_autoptr(GPtrArray) luids = to_send(talk);
	guint per_message = talk->phone->max_msg_size > 0 ? 10 : 1000000, at = 0;
	gboolean maps = g_hash_table_size(talk->phone->maps) > 0;

	do {
		struct sml_command *sync;

		begin(talk);
		answer_all(talk);
		if (maps)
			add_maps(talk);
		sync = open_sync(talk);
		for (guint i = 0; at < luids->len && i < per_message; i++, at++)
			add_change(talk, sync, luids->pdata[at]);
		talk->out->final = at == luids->len;
		if (!exchange_messages(talk))
			return FALSE;
		/* The server has them now. */
		if (maps)
			g_hash_table_remove_all(talk->phone->maps);
		maps = FALSE;
	} while (at < luids->len);
	return TRUE;
}

/* #4 and #5. */
static gboolean take_changes(struct talk *talk)
{
	struct sim_phone *phone = talk->phone;
	gboolean any;

	if (!take_package(talk, &any))
		return FALSE;
	if (!any)
		return TRUE;
	begin(talk);
	answer_all(talk);
	add_maps(talk);
	talk->out->final = TRUE;
	if (!exchange_messages(talk))
		return FALSE;
	g_hash_table_remove_all(phone->maps);
	return TRUE;
}

static gboolean run(struct talk *talk, guint code)
{
	struct sim_phone *phone = talk->phone;
	gboolean any;

	if (!say_alert(talk, code))
		return FALSE;
	read_alert(talk);
	if (!take_package(talk, &any))
		return FALSE;
	if (phone->mode == 205)
		g_hash_table_remove_all(phone->items);
	return say_changes(talk) && take_changes(talk);
}

gboolean sim_phone_sync(struct sim_phone *phone, guint code)
{
	struct talk talk = {
		.phone = phone, .code = code, .session = g_strdup_printf("%u", ++phone->session)};
	gboolean ok;

	phone->messages = phone->received = phone->mode = phone->status = 0;
	phone->died = FALSE;
	g_free(phone->next);
	phone->next = g_strdup_printf("%u", phone->session);
	ok = run(&talk, code);
	if (ok) {
		g_free(phone->last);
		phone->last = g_strdup(phone->next);
		g_hash_table_remove_all(phone->changed);
	}
	sml_message_free(talk.in);
	sml_message_free(talk.out);
	g_free(talk.session);
	g_free(talk.url);
	g_free(talk.chunk_id);
	return ok;
}
