#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "imap-arg.h"
#include "istream.h"
#include "dovecot-compat.h"

#include "cmd-create.h"
#include "pimap-cmd.h"
#include "view-args.h"
#include "view-create.h"

/* A line that is longer than this has no place for the form that view_create_split() is for. */
#define SPLIT_MAX 4096

static struct command stock;
static int was_split; /* its address says so in cmd->context */

/* False: wait for the rest of the line. */
static bool split_line(struct client_command_context *cmd)
{
	struct istream *input = cmd->client->input;
	const unsigned char *line, *end;
	unsigned char *text;
	size_t size;

	line = i_stream_get_data(input, &size);
	end = memchr(line, '\n', size);
	if (end == NULL && size < SPLIT_MAX && !input->closed && !input->eof)
		return FALSE;
	text = end == NULL ? NULL : i_stream_get_modifiable_data(input, &size);
	if (text != NULL)
		view_create_split(text, (size_t)(end - line));
	return TRUE;
}

static bool create_stock(struct client_command_context *cmd)
{
	/* It reads its arguments itself, and notes them. */
	cmd->context = NULL;
	cmd->args = NULL;
	cmd->human_args = NULL;
	return stock.func(cmd);
}

static bool is_view(const struct imap_arg *args)
{
	const struct imap_arg *list;
	const char *name, *word;

	return imap_arg_get_astring(&args[0], &name) && imap_arg_get_list(&args[1], &list) &&
	       imap_arg_get_atom(&list[0], &word) && view_create_is_word(word);
}

static bool cmd_create_view(struct client_command_context *cmd)
{
	struct arg_token *tokens;
	struct view_args args;
	const struct imap_arg *imap_args;
	enum webpush_error error;
	const char *text;
	size_t count;

	if (cmd->context != &was_split) {
		if (!split_line(cmd))
			return FALSE;
		cmd->context = &was_split;
	}
	if (!client_read_args(cmd, 0, 0, &imap_args))
		return FALSE;
	/* There may be other parameters, which are not to be judged here. */
	if (!is_view(imap_args))
		return create_stock(cmd);
	/* Dovecot's own would make a mailbox of that name and say nothing of the rest. */
	if (!view_create_enabled(cmd)) {
		client_send_command_error(cmd, "Unknown parameter.");
		return TRUE;
	}
	error = pimap_criteria_read(cmd->pool, imap_args, &tokens, &count, &text);
	if (error == WEBPUSH_OK)
		error = view_create_parse(tokens, count, &args, &text);
	if (error != WEBPUSH_OK)
		pushimap_cmd_fail(cmd, error, text);
	else if (pushimap_cmd_device(cmd) != NULL)
		view_create(cmd, &args, tokens, "OK Create completed.");
	return TRUE;
}

void cmd_create_replace(void)
{
	stock = *command_find("CREATE");
	command_unregister("CREATE");
	command_register("CREATE", cmd_create_view, stock.flags);
}

void cmd_create_restore(void)
{
	command_unregister("CREATE");
	command_register(stock.name, stock.func, stock.flags);
}
