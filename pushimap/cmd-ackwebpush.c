/* ACKWEBPUSH id token: the client has received the push that held the token. */
#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"

#include "pushimap-cmd.h"

static bool ackwebpush_reply(const struct tabline_field *fields, size_t count, string_t *untagged,
			     void *context)
{
	return pushimap_append_webpush(untagged, context, fields, count);
}

bool cmd_ackwebpush(struct client_command_context *cmd)
{
	const char *args[2], *text;
	struct tabline_buf request;
	enum webpush_error error;
	bool ret;

	if (!pushimap_cmd_allowed(cmd))
		return TRUE;
	if (!pushimap_cmd_read_astrings(cmd, N_ELEMENTS(args), args, &ret))
		return ret;
	error = webpush_check_device(args[0], &text);
	if (error == WEBPUSH_OK)
		error = webpush_check_token(args[1], &text);
	if (error != WEBPUSH_OK) {
		pushimap_cmd_fail(cmd, error, text);
		return TRUE;
	}
	registrar_begin(&request, "CONFIRM", cmd->client->user->username);
	tabline_field(&request, "device", args[0]);
	tabline_field(&request, "token", args[1]);
	return pushimap_cmd_start(cmd, &request, NULL, ackwebpush_reply,
				  p_strdup(cmd->pool, args[0]));
}
