/* XSETPIMAPPREF name value: how the session's device wants to be told. */
#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "imap-fetch.h"
#include "dovecot-compat.h"

#include "imap-line.h"
#include "pimap-cmd.h"
#include "pimap-inband.h"
#include "pimap-session.h"

/* Is it something that FETCH knows? */
static bool check_format(struct client_command_context *cmd, const char *value)
{
	const struct imap_arg *args, *list;
	struct imap_line *line = imap_line_parse(value, &args);
	const char *error = "Invalid FETCH attributes";
	struct imap_fetch_context *fetch;
	bool ok = FALSE;

	if (line != NULL && imap_arg_get_list(args, &list) && !IMAP_ARG_IS_EOL(list) &&
	    imap_fetch_att_list_parse(cmd->client, cmd->pool, list, &fetch, &error) == 0) {
		imap_fetch_free(&fetch);
		ok = TRUE;
	}
	imap_line_free(&line);
	/* In both of the forms that FETCH has for it. */
	if (!ok)
		pushimap_cmd_fail(cmd,
				  strstr(error, "Unknown parameter") != NULL ? WEBPUSH_CANNOT
									     : WEBPUSH_SYNTAX,
				  error);
	return ok;
}

static bool attach(struct client_command_context *cmd, const struct pimap_set *set,
		   const char *device)
{
	struct tabline_buf request;
	const char *mailbox;

	/* What every view shows, here and by default. */
	if (set->attach.type == 'V' && strcmp(set->value, "ALL") == 0) {
		pimap_cmd_ok(cmd);
		return TRUE;
	}
	if (!pimap_cmd_check_type(cmd, set->attach.type) ||
	    !pimap_cmd_mailbox(cmd, set->attach.mailbox, &mailbox))
		return TRUE;
	registrar_begin(&request, "ATTACH", cmd->client->user->username);
	tabline_field(&request, "device", device);
	tabline_field(&request, "filter", set->value);
	tabline_field(&request, "mailbox", mailbox);
	return pushimap_cmd_start(cmd, &request, NULL, NULL, NULL);
}

static bool is_inband(enum pimap_pref pref)
{
	return pref == PIMAP_INBAND_NEW_FORMAT || pref == PIMAP_INBAND_PUSH;
}

struct preference {
	struct client *client;
	enum pimap_pref pref;
	const char *value;
};

static bool preferred(const struct tabline_field *fields ATTR_UNUSED, size_t count ATTR_UNUSED,
		      string_t *untagged ATTR_UNUSED, void *context)
{
	const struct preference *preference = context;

	pimap_session_prefer(preference->client, preference->pref, preference->value);
	return TRUE;
}

bool cmd_xsetpimappref(struct client_command_context *cmd)
{
	struct arg_token *tokens;
	struct tabline_buf request;
	enum webpush_error error;
	const char *device, *text;
	struct preference *preference = NULL;
	struct pimap_set set;
	size_t count;
	bool ret;

	if (!pimap_cmd_read(cmd, &tokens, &count, &ret))
		return ret;
	error = pimap_set_parse(tokens, count, &set, &text);
	if (error != WEBPUSH_OK) {
		pushimap_cmd_fail(cmd, error, text);
		return TRUE;
	}
	device = pushimap_cmd_device(cmd);
	if (device == NULL)
		return TRUE;
	if (set.pref == PIMAP_XFILTER)
		return attach(cmd, &set, device);
	if (set.pref == PIMAP_INBAND_NEW_FORMAT && *set.value == '(' &&
	    !check_format(cmd, set.value))
		return TRUE;
	if (is_inband(set.pref) && !pimap_inband_available(cmd->client) &&
	    strcmp(set.value, pimap_pref_info(set.pref)->fallback) != 0) {
		pushimap_cmd_fail(cmd, WEBPUSH_CANNOT, "Value is not supported.");
		return TRUE;
	}
	registrar_begin(&request, "PREFER", cmd->client->user->username);
	tabline_field(&request, "device", device);
	tabline_field(&request, "name",
		      t_strconcat("PIMAP_", pimap_pref_info(set.pref)->name, NULL));
	tabline_field(&request, "value", set.value);
	if (is_inband(set.pref)) {
		preference = p_new(cmd->pool, struct preference, 1);
		preference->client = cmd->client;
		preference->pref = set.pref;
		preference->value = p_strdup(cmd->pool, set.value);
	}
	return pushimap_cmd_start(cmd, &request, NULL, preference == NULL ? NULL : preferred,
				  preference);
}
