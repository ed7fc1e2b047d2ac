/* WEBPUSH id ...: creates, changes or, with NIL, removes a subscription of the account. */
#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "imap-utf7.h"
#include "str.h"
#include "dovecot-compat.h"

#include "arg-row.h"
#include "pushimap-cmd.h"

/* Options may hold lists of names; nothing is nested deeper. */
#define MAX_LIST_DEPTH 2

/* Names as events have them: UTF-8, and INBOX in one spelling (RFC 9051 5.1). */
static enum webpush_error decode_mailboxes(struct client *client, struct webpush_subscription *sub,
					   const char **error_r)
{
	for (size_t i = 0; i < sub->mailbox_count; i++) {
		string_t *utf8 = t_str_new(64);

		if (fantail_client_mailbox_to_utf8(client, sub->mailboxes[i], utf8) < 0) {
			*error_r = "Mailbox name is not valid.";
			return WEBPUSH_CANNOT;
		}
		sub->mailboxes[i] = strcasecmp(str_c(utf8), "INBOX") == 0 ? "INBOX" : str_c(utf8);
	}
	return webpush_check_mailboxes(sub, error_r);
}

static bool webpush_reply(const struct tabline_field *fields, size_t count, string_t *untagged,
			  void *context)
{
	/* Both always, though an active subscription would need neither. */
	return pushimap_append_webpush(untagged, context, fields, count) &&
	       pushimap_append_vapid(untagged, fields, count);
}

bool cmd_webpush(struct client_command_context *cmd)
{
	const char *user = cmd->client->user->username, *text;
	struct webpush_subscription sub;
	const struct imap_arg *args;
	struct tabline_buf request;
	enum webpush_error error;
	struct arg_token *tokens;
	size_t count;
	bool remove;

	if (!pushimap_cmd_allowed(cmd))
		return TRUE;
	if (!client_read_args(cmd, 0, 0, &args))
		return FALSE;

	error = arg_row_read(cmd->pool, args, WEBPUSH_MAX_TOKENS, MAX_LIST_DEPTH, &tokens, &count,
			     &text);
	if (error == WEBPUSH_OK)
		error = webpush_args_parse(tokens, count, &sub, &remove, &text);
	if (error == WEBPUSH_OK && !remove)
		error = decode_mailboxes(cmd->client, &sub, &text);
	if (error != WEBPUSH_OK) {
		pushimap_cmd_fail(cmd, error, text);
		return TRUE;
	}

	if (remove) {
		registrar_begin(&request, "UNSUBSCRIBE", user);
		tabline_field(&request, "device", sub.device);
		return pushimap_cmd_start(cmd, &request, NULL, NULL, NULL);
	}
	registrar_begin(&request, "SUBSCRIBE", user);
	webpush_subscription_encode(&request, &sub, "gougeon");
	return pushimap_cmd_start(cmd, &request, NULL, webpush_reply,
				  p_strdup(cmd->pool, sub.device));
}
