/* What a message is made of, and its life. Reading and writing have files of their own. */
#include "message.h"

static const char *const names[] = {
	[SML_CMD_ADD] = "Add",       [SML_CMD_ALERT] = "Alert",       [SML_CMD_ATOMIC] = "Atomic",
	[SML_CMD_COPY] = "Copy",     [SML_CMD_DELETE] = "Delete",     [SML_CMD_EXEC] = "Exec",
	[SML_CMD_GET] = "Get",       [SML_CMD_MAP] = "Map",           [SML_CMD_MOVE] = "Move",
	[SML_CMD_PUT] = "Put",       [SML_CMD_REPLACE] = "Replace",   [SML_CMD_RESULTS] = "Results",
	[SML_CMD_SEARCH] = "Search", [SML_CMD_SEQUENCE] = "Sequence", [SML_CMD_STATUS] = "Status",
	[SML_CMD_SYNC] = "Sync",
};

GQuark message_error_quark(void)
{
	return g_quark_from_static_string("fantail-syncml-message-error");
}

const char *sml_command_name(enum sml_command_kind kind)
{
	return names[kind];
}

static void item_free(gpointer data)
{
	struct sml_item *item = data;

	g_clear_pointer(&item->data, g_bytes_unref);
	devinf_unref(item->devinf);
	g_free(item);
}

static void command_free(gpointer data)
{
	struct sml_command *command = data;

	g_ptr_array_unref(command->items);
	g_clear_pointer(&command->children, g_ptr_array_unref);
	g_clear_pointer(&command->map_items, g_ptr_array_unref);
	g_clear_pointer(&command->target_refs, g_ptr_array_unref);
	g_clear_pointer(&command->source_refs, g_ptr_array_unref);
	g_free(command);
}

/* One of message->owned, with the way to free it. */
struct owned {
	gpointer object;
	GDestroyNotify destroy;
};

static void owned_free(gpointer data)
{
	struct owned *owned = data;

	owned->destroy(owned->object);
}

gpointer sml_message_own(struct sml_message *message, gpointer object, GDestroyNotify destroy)
{
	struct owned owned = {object, destroy};

	g_array_append_val(message->owned, owned);
	return object;
}

/* With what malloc and the lists take for it. */
#define PART_OVERHEAD 64

void sml_message_count(struct sml_message *message, gsize size)
{
	message->parts += size + PART_OVERHEAD;
}

struct sml_message *sml_message_new(void)
{
	struct sml_message *message = g_new0(struct sml_message, 1);

	message->chunk = g_string_chunk_new(1024);
	message->owned = g_array_new(FALSE, FALSE, sizeof(struct owned));
	g_array_set_clear_func(message->owned, owned_free);
	message->commands = g_ptr_array_new();
	return message;
}

void sml_message_free(struct sml_message *message)
{
	if (message == NULL)
		return;
	g_ptr_array_unref(message->commands);
	g_array_unref(message->owned);
	g_string_chunk_free(message->chunk);
	g_free(message);
}

struct sml_command *sml_command_new(struct sml_message *message, enum sml_command_kind kind)
{
	struct sml_command *command = g_new0(struct sml_command, 1);

	command->kind = kind;
	command->number_of_changes = -1;
	command->items = g_ptr_array_new();
	if (kind == SML_CMD_SYNC || kind == SML_CMD_ATOMIC || kind == SML_CMD_SEQUENCE)
		command->children = g_ptr_array_new();
	if (kind == SML_CMD_MAP)
		command->map_items = g_ptr_array_new();
	sml_message_count(message, sizeof(*command) + sizeof(GPtrArray));
	return sml_message_own(message, command, command_free);
}

struct sml_item *sml_item_new(struct sml_message *message, struct sml_command *command)
{
	struct sml_item *item = sml_message_own(message, g_new0(struct sml_item, 1), item_free);

	sml_message_count(message, sizeof(*item));
	if (command != NULL)
		g_ptr_array_add(command->items, item);
	return item;
}

const char *sml_message_string(struct sml_message *message, const char *text, gssize len)
{
	return g_string_chunk_insert_len(message->chunk, text, len);
}
