/* XGETPIMAPPREFS (name ...): what the session's device has set, or what counts instead. */
#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "array.h"
#include "str.h"
#include "dovecot-compat.h"

#include "pimap-cmd.h"

struct attachment {
	const char *mailbox; /* NULL = all */
	const char *filter;
};

struct getprefs {
	struct client_command_context *cmd;
	enum pimap_pref prefs[PIMAP_PREF_COUNT];
	size_t count;
	ARRAY(struct attachment) attachments;
};

static bool getprefs_item(const struct tabline_field *fields, size_t count,
			  string_t *untagged ATTR_UNUSED, void *context)
{
	const char *filter = tabline_get(fields, count, "filter");
	struct getprefs *get = context;
	struct attachment *attachment;

	if (filter == NULL)
		return FALSE;
	attachment = array_append_space(&get->attachments);
	attachment->filter = p_strdup(get->cmd->pool, filter);
	attachment->mailbox = p_strdup(get->cmd->pool, tabline_get(fields, count, "mailbox"));
	return TRUE;
}

/* A pair for each that is attached; what every device has if nothing is. */
static void append_filters(string_t *dest, struct getprefs *get, const struct pimap_family *family)
{
	const struct attachment *attachments;
	unsigned int count;
	bool all = FALSE;

	str_printfa(dest, "%s (ALL V ALL)", family->attach);
	attachments = array_get(&get->attachments, &count);
	for (unsigned int i = 0; i < count; i++) {
		all = all || attachments[i].mailbox == NULL;
		str_printfa(dest, " %s (", family->attach);
		pimap_append_mailbox(dest, get->cmd->client, attachments[i].mailbox);
		str_append(dest, " N ");
		fantail_imap_append_astring(dest, attachments[i].filter);
		str_append_c(dest, ')');
	}
	if (!all)
		str_printfa(dest, " %s (ALL N NONE)", family->attach);
}

static bool getprefs_reply(const struct tabline_field *fields, size_t count, string_t *untagged,
			   void *context)
{
	struct getprefs *get = context;
	const struct pimap_family *family = pimap_cmd_family(get->cmd);

	str_printfa(untagged, "* %s (", family->get);
	for (size_t i = 0; i < get->count; i++) {
		if (i > 0)
			str_append_c(untagged, ' ');
		if (get->prefs[i] == PIMAP_XFILTER)
			append_filters(untagged, get, family);
		else
			pimap_append_pref(untagged, family, get->prefs[i], fields, count);
	}
	str_append(untagged, ")\r\n");
	return TRUE;
}

bool cmd_xgetpimapprefs(struct client_command_context *cmd)
{
	struct arg_token *tokens;
	struct tabline_buf request;
	struct getprefs *get;
	enum webpush_error error;
	const char *device, *text;
	size_t count;
	bool ret;

	if (!pimap_cmd_read(cmd, &tokens, &count, &ret))
		return ret;
	get = p_new(cmd->pool, struct getprefs, 1);
	get->cmd = cmd;
	p_array_init(&get->attachments, cmd->pool, 8);
	error = pimap_get_parse(tokens, count, get->prefs, &get->count, &text);
	if (error != WEBPUSH_OK) {
		pushimap_cmd_fail(cmd, error, text);
		return TRUE;
	}
	device = pushimap_cmd_device(cmd);
	if (device == NULL)
		return TRUE;
	registrar_begin(&request, "PROFILE", cmd->client->user->username);
	tabline_field(&request, "device", device);
	return pushimap_cmd_start(cmd, &request, getprefs_item, getprefs_reply, get);
}
