/* XPROVISION [device [notification-id]]: what a device can be set to here. */
#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "str.h"
#include "dovecot-compat.h"

#include "pimap-cmd.h"
#include "pimap-inband.h"
#include "search-criteria.h"

#include <ctype.h>

static void append_pref_line(string_t *dest, const struct pimap_family *family,
			     enum pimap_pref pref, const char *values)
{
	str_printfa(dest, "* %s %s %s%s (%s)\r\n", family->provision, family->capability,
		    family->prefix, pimap_pref_info(pref)->name, values);
}

/* Words of the bridge that go out without quotes. */
static const char *get_words(const struct tabline_field *fields, size_t count, const char *key,
			     const char *fallback)
{
	const char *words = tabline_get(fields, count, key);

	for (const char *p = words; p != NULL && *p != '\0'; p++) {
		if (!i_isalnum(*p) && *p != '_' && *p != ' ')
			words = NULL;
		if (words == NULL)
			break;
	}
	return words == NULL || *words == '\0' ? fallback : words;
}

static void append_field_line(string_t *dest, const struct pimap_family *family, const char *name,
			      const struct tabline_field *fields, size_t count, const char *key)
{
	const char *value = tabline_get(fields, count, key);

	if (value == NULL || *value == '\0')
		return;
	str_printfa(dest, "* %s %s%s (", family->provision, family->prefix, name);
	fantail_imap_append_astring(dest, value);
	str_append(dest, ")\r\n");
}

static bool filters_item(const struct tabline_field *fields, size_t count, string_t *untagged,
			 void *context ATTR_UNUSED)
{
	const char *name = tabline_get(fields, count, "name");

	if (name == NULL)
		return FALSE;
	str_append_c(untagged, ' ');
	fantail_imap_append_astring(untagged, name);
	return TRUE;
}

static bool filters_reply(const struct tabline_field *fields ATTR_UNUSED, size_t count ATTR_UNUSED,
			  string_t *untagged, void *context ATTR_UNUSED)
{
	str_append(untagged, ")\r\n");
	return TRUE;
}

static bool provision_item(const struct tabline_field *fields ATTR_UNUSED, size_t count ATTR_UNUSED,
			   string_t *untagged ATTR_UNUSED, void *context ATTR_UNUSED)
{
	return TRUE;
}

/* Of a format, what can be said in a word; lists of FETCH items are without end. */
static const char *inband_values(struct client_command_context *cmd, enum pimap_pref pref)
{
	if (!pimap_inband_available(cmd->client))
		return pimap_pref_info(pref)->fallback;
	return pref == PIMAP_INBAND_PUSH ? pimap_pref_info(pref)->values : "NONE ALL FAST FULL";
}

static bool provision_reply(const struct tabline_field *fields, size_t count, string_t *untagged,
			    void *context)
{
	struct client_command_context *cmd = context;
	const struct pimap_family *family = pimap_cmd_family(cmd);
	struct tabline_buf request;

	str_printfa(untagged, "* %s %s_GET (DESC CRITERIA)\r\n", family->provision, family->filter);
	str_printfa(untagged, "* %s %s_SET (%s)\r\n", family->provision, family->filter,
		    t_strarray_join(search_criteria_keys(), " "));
	append_pref_line(untagged, family, PIMAP_OUTBAND_CHANNEL,
			 get_words(fields, count, "channels", "NONE"));
	append_pref_line(untagged, family, PIMAP_OUTBAND_FORMAT,
			 get_words(fields, count, "formats", "EMN"));
	append_pref_line(untagged, family, PIMAP_INBAND_NEW_FORMAT,
			 inband_values(cmd, PIMAP_INBAND_NEW_FORMAT));
	append_pref_line(untagged, family, PIMAP_INBAND_PUSH,
			 inband_values(cmd, PIMAP_INBAND_PUSH));
	append_pref_line(untagged, family, PIMAP_EVENT_FILTER,
			 pimap_pref_info(PIMAP_EVENT_FILTER)->values);
	append_field_line(untagged, family, "NOTIFICATION ADDRESS", fields, count,
			  "notify-address");
	append_field_line(untagged, family, "NOTIFICATION PORT", fields, count, "notify-port");
	if (fantail_client_has_tls(cmd->client))
		append_field_line(untagged, family, "ENC_KEY", fields, count, "enc-key");
	str_printfa(untagged, "* %s %s %s_TYPE (N)\r\n", family->provision, family->capability,
		    family->filter);
	str_printfa(untagged, "* %s %s %s_NAME (ALL NONE", family->provision, family->capability,
		    family->filter);
	registrar_begin(&request, "FILTERLIST", cmd->client->user->username);
	return pushimap_cmd_again(cmd, &request, filters_item, filters_reply);
}

bool cmd_xprovision(struct client_command_context *cmd)
{
	struct arg_token *tokens;
	struct tabline_buf request;
	enum webpush_error error;
	const char *device, *notification, *text;
	size_t count;
	bool ret;

	if (!pimap_cmd_read(cmd, &tokens, &count, &ret))
		return ret;
	error = pimap_provision_parse(tokens, count, &device, &notification, &text);
	if (error != WEBPUSH_OK) {
		pushimap_cmd_fail(cmd, error, text);
		return TRUE;
	}
	if (device == NULL && (device = pushimap_cmd_device(cmd)) == NULL)
		return TRUE;
	registrar_begin(&request, "PROFILE", cmd->client->user->username);
	tabline_field(&request, "device", device);
	tabline_field(&request, "notification-id", notification);
	/* The draft's 5.3.1: to nobody who listens. */
	if (fantail_client_has_tls(cmd->client))
		tabline_field(&request, "key", "yes");
	return pushimap_cmd_start(cmd, &request, provision_item, provision_reply, cmd);
}
