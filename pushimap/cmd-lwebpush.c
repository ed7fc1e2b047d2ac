/* LWEBPUSH: the account's subscriptions, in the words by which they can be made again. */
#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "str.h"
#include "dovecot-compat.h"

#include "pushimap-cmd.h"

/* Names of RFC 5423 and the blank between them. */
#define EVENT_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz "

/* Options are separated by blanks, inside the brackets. */
static void append_option(string_t *dest, const char *name)
{
	if (str_data(dest)[str_len(dest) - 1] != '(')
		str_append_c(dest, ' ');
	str_append(dest, name);
}

static void append_mailboxes(string_t *dest, struct client *client,
			     const struct tabline_field *fields, size_t count)
{
	bool any = FALSE;

	for (size_t i = 0; i < count; i++) {
		string_t *name;

		if (fields[i].key == NULL || strcmp(fields[i].key, "mailbox") != 0)
			continue;
		name = t_str_new(64);
		if (fantail_client_mailbox_from_utf8(client, fields[i].value, name) < 0)
			continue;
		if (any)
			str_append_c(dest, ' ');
		else
			append_option(dest, "MAILBOXES (");
		fantail_imap_append_string(dest, str_c(name));
		any = TRUE;
	}
	if (any)
		str_append_c(dest, ')');
}

static void append_name(string_t *dest, const char *option, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	append_option(dest, option);
	str_append_c(dest, ' ');
	fantail_imap_append_string(dest, value);
}

static void append_options(string_t *dest, struct client *client,
			   const struct tabline_field *fields, size_t count)
{
	const char *events = tabline_get(fields, count, "events");
	const char *content = tabline_get(fields, count, "content");

	str_append(dest, " (");
	if (events != NULL && *events != '\0' && events[strspn(events, EVENT_CHARS)] == '\0') {
		append_option(dest, "EVENTS (");
		str_append(dest, events);
		str_append_c(dest, ')');
	}
	append_mailboxes(dest, client, fields, count);
	if (content != NULL && strcmp(content, "yes") == 0)
		append_option(dest, "CONTENT");
	append_name(dest, "CLIENT", tabline_get(fields, count, "client"));
	append_name(dest, "DEVICE", tabline_get(fields, count, "label"));
	str_append_c(dest, ')');
}

static bool lwebpush_item(const struct tabline_field *fields, size_t count, string_t *untagged,
			  void *context)
{
	const char *device = tabline_get(fields, count, "device");
	const char *state = tabline_get(fields, count, "state");
	const char *endpoint = tabline_get(fields, count, "endpoint");

	if (device == NULL || state == NULL || endpoint == NULL)
		return FALSE;
	str_append(untagged, "* LWEBPUSH ");
	fantail_imap_append_astring(untagged, device);
	str_append(untagged, strcmp(state, "active") == 0 ? " ACTIVE " : " INACTIVE ");
	fantail_imap_append_string(untagged, endpoint);
	append_options(untagged, context, fields, count);
	str_append(untagged, "\r\n");
	return TRUE;
}

bool cmd_lwebpush(struct client_command_context *cmd)
{
	struct tabline_buf request;
	bool ret;

	if (!pushimap_cmd_allowed(cmd))
		return TRUE;
	if (!pushimap_cmd_read_astrings(cmd, 0, NULL, &ret))
		return ret;
	registrar_begin(&request, "LIST", cmd->client->user->username);
	tabline_field(&request, "gateway", "webpush");
	return pushimap_cmd_start(cmd, &request, lwebpush_item, NULL, cmd->client);
}
