/* XFILTER: named filters, which are the user's, and the direct form, which makes a filter and
 * attaches it to a mailbox for the session's device in one go. */
#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "imap-resp-code.h"
#include "md5.h"
#include "hex-binary.h"
#include "str.h"
#include "dovecot-compat.h"

#include "pimap-cmd.h"

struct filter_cmd {
	struct client_command_context *cmd;
	struct pimap_filter args;
	const char *device;
	const char *mailbox; /* of an attachment, as the bridge has it; NULL = all */
	const char *attached;
	bool attached_here; /* and not to all */
	bool found;
};

static bool fail(struct client_command_context *cmd, enum webpush_error error, const char *text)
{
	pushimap_cmd_fail(cmd, error, text);
	return TRUE;
}

/* --- named ----------------------------------------------------------------- */

static void append_description(string_t *dest, const char *text)
{
	str_append(dest, "DESC ");
	fantail_imap_append_string(dest, text);
}

static bool append_filter(string_t *dest, struct filter_cmd *filter, const char *criteria,
			  const char *description)
{
	str_printfa(dest, "* %s ", pimap_cmd_family(filter->cmd)->filter);
	fantail_imap_append_astring(dest, filter->args.name);
	str_append(dest, " (");
	if (filter->args.want_description)
		append_description(dest, description == NULL ? "" : description);
	if (filter->args.want_description && filter->args.want_criteria)
		str_append_c(dest, ' ');
	if (filter->args.want_criteria) {
		str_append(dest, "CRITERIA (");
		if (!pimap_append_criteria(dest, criteria))
			return FALSE;
		str_append_c(dest, ')');
	}
	str_append(dest, ")\r\n");
	return TRUE;
}

static bool get_item(const struct tabline_field *fields, size_t count, string_t *untagged,
		     void *context)
{
	const char *criteria = tabline_get(fields, count, "criteria");
	struct filter_cmd *filter = context;

	filter->found = TRUE;
	return criteria != NULL &&
	       append_filter(untagged, filter, criteria, tabline_get(fields, count, "description"));
}

static bool get_reply(const struct tabline_field *fields ATTR_UNUSED, size_t count ATTR_UNUSED,
		      string_t *untagged ATTR_UNUSED, void *context)
{
	struct filter_cmd *filter = context;

	if (!filter->found)
		pushimap_cmd_finish(filter->cmd,
				    "NO [" IMAP_RESP_CODE_NONEXISTENT "] No such filter.");
	return TRUE;
}

static void begin(struct tabline_buf *request, struct filter_cmd *filter, const char *verb,
		  const char *name)
{
	registrar_begin(request, verb, filter->cmd->client->user->username);
	tabline_field(request, "name", name);
}

static bool get_named(struct filter_cmd *filter)
{
	struct client_command_context *cmd = filter->cmd;
	struct tabline_buf request;

	/* What is asked for, for a name that is a word of ours. */
	if (pimap_filter_is_predefined(filter->args.name)) {
		string_t *line = t_str_new(128);

		(void)append_filter(line, filter,
				    strcmp(filter->args.name, "ALL") == 0 ? "ALL" : "NOT ALL", "");
		client_send_line(cmd->client,
				 t_strdup_until(str_c(line), str_c(line) + str_len(line) - 2));
		pimap_cmd_ok(cmd);
		return TRUE;
	}
	begin(&request, filter, "FILTERLIST", filter->args.name);
	return pushimap_cmd_start(cmd, &request, get_item, get_reply, filter);
}

static bool set_named(struct filter_cmd *filter, const char *criteria)
{
	struct tabline_buf request;

	begin(&request, filter, "FILTERSET", filter->args.name);
	pimap_add_criteria(&request, criteria);
	if (*filter->args.description != '\0')
		tabline_field(&request, "description", filter->args.description);
	return pushimap_cmd_start(filter->cmd, &request, NULL, NULL, NULL);
}

static bool drop_named(struct filter_cmd *filter)
{
	struct tabline_buf request;

	begin(&request, filter, "FILTERDROP", filter->args.name);
	return pushimap_cmd_start(filter->cmd, &request, NULL, NULL, NULL);
}

/* --- direct ---------------------------------------------------------------- */

/* The filter that holds a device's direct one for a mailbox: any name of its own, and the
 * same one each time, so that the next takes its place. */
static const char *direct_name(struct filter_cmd *filter)
{
	const char *place = t_strdup_printf("%s/%s", filter->device,
					    filter->mailbox == NULL ? "" : filter->mailbox);
	unsigned char digest[MD5_RESULTLEN];

	md5_get_digest(place, strlen(place), digest);
	return t_strconcat("DIRECT-", t_str_ucase(binary_to_hex(digest, 8)), NULL);
}

static void begin_attach(struct tabline_buf *request, struct filter_cmd *filter, const char *name)
{
	registrar_begin(request, "ATTACH", filter->cmd->client->user->username);
	tabline_field(request, "device", filter->device);
	tabline_field(request, "filter", name);
	tabline_field(request, "mailbox", filter->mailbox);
}

static bool direct_set_reply(const struct tabline_field *fields ATTR_UNUSED,
			     size_t count ATTR_UNUSED, string_t *untagged ATTR_UNUSED,
			     void *context)
{
	struct filter_cmd *filter = context;
	struct tabline_buf request;

	begin_attach(&request, filter, direct_name(filter));
	return pushimap_cmd_again(filter->cmd, &request, NULL, NULL);
}

static bool set_direct(struct filter_cmd *filter, const char *criteria)
{
	struct tabline_buf request;

	if (strcasecmp(criteria, "ALL") == 0 || strcasecmp(criteria, "NOT ALL") == 0) {
		begin_attach(&request, filter, strlen(criteria) == 3 ? "ALL" : "NONE");
		return pushimap_cmd_start(filter->cmd, &request, NULL, NULL, NULL);
	}
	begin(&request, filter, "FILTERSET", direct_name(filter));
	pimap_add_criteria(&request, criteria);
	return pushimap_cmd_start(filter->cmd, &request, NULL, direct_set_reply, filter);
}

static bool append_direct(string_t *dest, struct filter_cmd *filter, const char *criteria)
{
	str_printfa(dest, "* %s ", pimap_cmd_family(filter->cmd)->filter);
	pimap_append_mailbox(dest, filter->cmd->client, filter->mailbox);
	str_printfa(dest, " %c ", filter->args.attach.type);
	if (!pimap_append_criteria(dest, criteria))
		return FALSE;
	str_append(dest, "\r\n");
	return TRUE;
}

static bool direct_criteria_item(const struct tabline_field *fields, size_t count,
				 string_t *untagged, void *context)
{
	const char *criteria = tabline_get(fields, count, "criteria");

	return criteria != NULL && append_direct(untagged, context, criteria);
}

/* What is attached to the mailbox itself comes before what is to all. */
static bool direct_item(const struct tabline_field *fields, size_t count,
			string_t *untagged ATTR_UNUSED, void *context)
{
	const char *mailbox = tabline_get(fields, count, "mailbox");
	const char *name = tabline_get(fields, count, "filter");
	struct filter_cmd *filter = context;
	bool here =
		mailbox != NULL && filter->mailbox != NULL && strcmp(mailbox, filter->mailbox) == 0;

	if (name == NULL)
		return FALSE;
	if (here || (mailbox == NULL && !filter->attached_here)) {
		filter->attached = p_strdup(filter->cmd->pool, name);
		filter->attached_here = here;
	}
	return TRUE;
}

static bool direct_get_reply(const struct tabline_field *fields ATTR_UNUSED,
			     size_t count ATTR_UNUSED, string_t *untagged, void *context)
{
	struct filter_cmd *filter = context;
	struct tabline_buf request;

	if (filter->attached == NULL || strcasecmp(filter->attached, "NONE") == 0)
		return append_direct(untagged, filter, "NOT ALL");
	if (strcasecmp(filter->attached, "ALL") == 0)
		return append_direct(untagged, filter, "ALL");
	begin(&request, filter, "FILTERLIST", filter->attached);
	return pushimap_cmd_again(filter->cmd, &request, direct_criteria_item, NULL);
}

static bool get_direct(struct filter_cmd *filter)
{
	struct tabline_buf request;

	registrar_begin(&request, "PROFILE", filter->cmd->client->user->username);
	tabline_field(&request, "device", filter->device);
	return pushimap_cmd_start(filter->cmd, &request, direct_item, direct_get_reply, filter);
}

/* --- the command ----------------------------------------------------------- */

/* Answers go out in it. */
static bool is_utf8(const char *charset)
{
	return charset == NULL || strcasecmp(charset, "UTF-8") == 0 ||
	       strcasecmp(charset, "US-ASCII") == 0;
}

bool cmd_xfilter(struct client_command_context *cmd)
{
	struct filter_cmd *filter;
	struct arg_token *tokens;
	enum webpush_error error;
	const char *text, *criteria = NULL;
	size_t count;
	bool ret;

	if (!pimap_cmd_read(cmd, &tokens, &count, &ret))
		return ret;
	filter = p_new(cmd->pool, struct filter_cmd, 1);
	filter->cmd = cmd;
	error = pimap_filter_parse(tokens, count, &filter->args, &text);
	if (error != WEBPUSH_OK)
		return fail(cmd, error, text);
	filter->device = pushimap_cmd_device(cmd);
	if (filter->device == NULL)
		return TRUE;
	if (!pimap_cmd_mailbox(cmd, filter->args.attach.mailbox, &filter->mailbox))
		return TRUE;
	if (filter->args.criteria_count > 0) {
		error = pimap_criteria_format(cmd->pool, tokens + filter->args.criteria,
					      filter->args.criteria_count, filter->args.charset,
					      &criteria, &text);
		if (error != WEBPUSH_OK)
			return fail(cmd, error, text);
	}

	switch (filter->args.verb) {
	case PIMAP_FILTER_GET:
		if (!is_utf8(filter->args.charset)) {
			client_send_tagline(cmd, "NO [BADCHARSET (UTF-8)] Filters are in UTF-8.");
			return TRUE;
		}
		return get_named(filter);
	case PIMAP_FILTER_SET:
		return set_named(filter, criteria);
	case PIMAP_FILTER_DELETE:
		return drop_named(filter);
	case PIMAP_FILTER_DIRECT_GET:
		if (filter->args.attach.type == 'V') {
			string_t *line = t_str_new(64);

			/* A mailbox shows all that is in it. */
			(void)append_direct(line, filter, "ALL");
			str_truncate(line, str_len(line) - 2);
			client_send_line(cmd->client, str_c(line));
			pimap_cmd_ok(cmd);
			return TRUE;
		}
		return get_direct(filter);
	case PIMAP_FILTER_DIRECT_SET:
		break;
	}
	return !pimap_cmd_check_type(cmd, filter->args.attach.type) || set_direct(filter, criteria);
}
