#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "charset-utf8.h"
#include "imap-resp-code.h"
#include "mail-search.h"
#include "str.h"
#include "dovecot-compat.h"

#include "arg-row.h"
#include "clean-text.h"
#include "pimap-cmd.h"
#include "pushimap-plugin.h"
#include "search-criteria.h"

/* A token has an octet and a blank at the least. */
#define MAX_TOKENS (LIMIT_FILTER_CRITERIA / 2 + 16)

bool pimap_cmd_read(struct client_command_context *cmd, struct arg_token **tokens_r,
		    size_t *count_r, bool *ret_r)
{
	const struct pushimap_user *user = pushimap_user_get(cmd->client->user);
	const struct imap_arg *args;
	enum webpush_error error;
	const char *text;

	*ret_r = TRUE;
	if (user == NULL || !user->pimap) {
		client_send_command_error(cmd, "Unknown command.");
		return FALSE;
	}
	if (!client_read_args(cmd, 0, 0, &args)) {
		*ret_r = FALSE;
		return FALSE;
	}
	error = pimap_criteria_read(cmd->pool, args, tokens_r, count_r, &text);
	if (error == WEBPUSH_OK)
		return TRUE;
	pushimap_cmd_fail(cmd, error, text);
	return FALSE;
}

const struct pimap_family *pimap_cmd_family(struct client_command_context *cmd)
{
	const struct pimap_family *family = pimap_family_find(cmd->name);

	i_assert(family != NULL);
	return family;
}

bool pimap_cmd_check_type(struct client_command_context *cmd, char type)
{
	if (type == 'N')
		return TRUE;
	client_send_tagline(cmd, "NO [" IMAP_RESP_CODE_CANNOT
				 "] Filters tell here what is pushed (N), and not what is seen: "
				 "that is what views are for.");
	return FALSE;
}

/* --- mailboxes ------------------------------------------------------------- */

bool pimap_cmd_mailbox(struct client_command_context *cmd, const char *name, const char **mailbox_r)
{
	string_t *utf8;

	*mailbox_r = NULL;
	if (name == NULL)
		return TRUE;
	utf8 = str_new(cmd->pool, 64);
	if (fantail_client_mailbox_to_utf8(cmd->client, name, utf8) < 0 ||
	    !text_is_clean(str_c(utf8))) {
		pushimap_cmd_fail(cmd, WEBPUSH_CANNOT, "Mailbox name is not valid.");
		return FALSE;
	}
	if (str_len(utf8) > LIMIT_MAILBOX) {
		pushimap_cmd_fail(cmd, WEBPUSH_LIMIT, "Mailbox name is too long.");
		return FALSE;
	}
	/* In one spelling, as events have it (RFC 9051 5.1). */
	*mailbox_r = strcasecmp(str_c(utf8), "INBOX") == 0 ? "INBOX" : str_c(utf8);
	return TRUE;
}

void pimap_cmd_ok(struct client_command_context *cmd)
{
	client_send_tagline(cmd, t_strdup_printf("OK %s completed.", t_str_ucase(cmd->name)));
}

void pimap_append_mailbox(string_t *dest, struct client *client, const char *mailbox)
{
	string_t *name;

	if (mailbox == NULL) {
		str_append(dest, "ALL");
		return;
	}
	name = t_str_new(64);
	if (fantail_client_mailbox_from_utf8(client, mailbox, name) < 0)
		str_append(name, "?");
	/* One of that name would be taken for the word. */
	if (strcasecmp(str_c(name), "ALL") == 0)
		str_printfa(dest, "\"%s\"", str_c(name));
	else
		fantail_imap_append_astring(dest, str_c(name));
}

/* --- criteria -------------------------------------------------------------- */

/* Strings become UTF-8; atoms, too, since a charset may have other octets for ASCII. */
static enum webpush_error to_utf8(pool_t pool, struct arg_token *tokens, size_t count,
				  const char *charset, const char **error_r)
{
	for (size_t i = 0; i < count; i++) {
		string_t *utf8;
		enum charset_result result;

		if (tokens[i].type != ARG_TOKEN_ATOM && tokens[i].type != ARG_TOKEN_STRING)
			continue;
		utf8 = str_new(pool, 64);
		if (charset_to_utf8_str(charset, NULL, tokens[i].text, utf8, &result) < 0) {
			*error_r = "Unknown charset.";
			return WEBPUSH_BADCHARSET;
		}
		if (result != CHARSET_RET_OK ||
		    memchr(str_data(utf8), '\0', str_len(utf8)) != NULL) {
			*error_r = "Invalid search key.";
			return WEBPUSH_SYNTAX;
		}
		if (strcmp(str_c(utf8), tokens[i].text) != 0)
			tokens[i].type = ARG_TOKEN_STRING;
		tokens[i].text = str_c(utf8);
	}
	return WEBPUSH_OK;
}

enum webpush_error pimap_criteria_format(pool_t pool, struct arg_token *tokens, size_t count,
					 const char *charset, const char **criteria_r,
					 const char **error_r)
{
	char *line = p_malloc(pool, LIMIT_FILTER_CRITERIA + 1);
	struct mail_search_args *args;
	enum webpush_error error;

	error = to_utf8(pool, tokens, count, charset == NULL ? "UTF-8" : charset, error_r);
	if (error == WEBPUSH_OK)
		error = pimap_tokens_format(tokens, count, line, LIMIT_FILTER_CRITERIA + 1,
					    error_r);
	if (error != WEBPUSH_OK)
		return error;
	/* As they will be read when there is a message to judge. */
	if (search_criteria_parse(line, NULL, &args, error_r) < 0)
		return WEBPUSH_SYNTAX;
	mail_search_args_unref(&args);
	*criteria_r = line;
	return WEBPUSH_OK;
}

enum webpush_error pimap_criteria_read(pool_t pool, const struct imap_arg *args,
				       struct arg_token **tokens_r, size_t *count_r,
				       const char **error_r)
{
	return arg_row_read(pool, args, MAX_TOKENS, LIMIT_FILTER_LISTS, tokens_r, count_r, error_r);
}

bool pimap_is_ascii(const char *text)
{
	while ((unsigned char)*text < 0x80 && *text != '\0')
		text++;
	return *text == '\0';
}

void pimap_add_criteria(struct tabline_buf *request, const char *criteria)
{
	tabline_field(request, "criteria", criteria);
	if (!pimap_is_ascii(criteria))
		tabline_field(request, "charset", "UTF-8");
}

bool pimap_append_criteria(string_t *dest, const char *criteria)
{
	while (*criteria != '\0') {
		const char *start = criteria;
		char *value;

		if ((unsigned char)*criteria < ' ' || (unsigned char)*criteria >= 0x7f)
			return FALSE;
		if (*criteria != '"') {
			str_append_c(dest, *criteria++);
			continue;
		}
		value = t_malloc_no0(strlen(criteria) + 1);
		if (!pimap_unquote(&criteria, value) || strpbrk(value, "\r\n") != NULL)
			return FALSE;
		if (pimap_is_ascii(value))
			str_append_data(dest, start, criteria - start);
		else
			str_printfa(dest, "{%zu}\r\n%s", strlen(value), value);
	}
	return TRUE;
}

/* --- preferences ----------------------------------------------------------- */

static bool is_printable(const char *value)
{
	for (; *value != '\0'; value++) {
		if (*value < ' ' || *value >= 0x7f)
			return FALSE;
	}
	return TRUE;
}

void pimap_append_pref(string_t *dest, const struct pimap_family *family, enum pimap_pref pref,
		       const struct tabline_field *fields, size_t count)
{
	const struct pimap_pref_info *info = pimap_pref_info(pref);
	const char *value = tabline_get(fields, count, info->field);

	if (value == NULL)
		value = info->fallback;
	str_printfa(dest, "%s%s ", family->prefix, info->name);
	/* A list of FETCH attributes has brackets and is no string. */
	if (pref == PIMAP_INBAND_NEW_FORMAT && is_printable(value) && *value != '\0')
		str_append(dest, value);
	else
		fantail_imap_append_astring(dest, value);
}
