/* XPSEARCH name [CHARSET charset] program: a view of the selected mailbox. */
#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "dovecot-compat.h"

#include "pimap-cmd.h"
#include "view-args.h"
#include "view-create.h"

bool cmd_xpsearch(struct client_command_context *cmd)
{
	struct arg_token *tokens;
	struct view_args args;
	enum webpush_error error;
	const char *text;
	size_t count;
	bool ret;

	if (!view_create_enabled(cmd)) {
		client_send_command_error(cmd, "Unknown command.");
		return TRUE;
	}
	if (!client_verify_open_mailbox(cmd))
		return TRUE;
	if (!pimap_cmd_read(cmd, &tokens, &count, &ret))
		return ret;
	error = view_xpsearch_parse(tokens, count, &args, &text);
	if (error != WEBPUSH_OK)
		pushimap_cmd_fail(cmd, error, text);
	else if (pushimap_cmd_device(cmd) != NULL)
		view_create(cmd, &args, tokens, "OK XPSEARCH completed.");
	return TRUE;
}
