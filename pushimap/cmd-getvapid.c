/* GETVAPID: the public key by which push services know this server. */
#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"

#include "pushimap-cmd.h"

static bool getvapid_reply(const struct tabline_field *fields, size_t count, string_t *untagged,
			   void *context ATTR_UNUSED)
{
	return pushimap_append_vapid(untagged, fields, count);
}

bool cmd_getvapid(struct client_command_context *cmd)
{
	struct tabline_buf request;
	bool ret;

	if (!pushimap_cmd_allowed(cmd))
		return TRUE;
	if (!pushimap_cmd_read_astrings(cmd, 0, NULL, &ret))
		return ret;
	registrar_begin(&request, "VAPID", cmd->client->user->username);
	return pushimap_cmd_start(cmd, &request, NULL, getvapid_reply, NULL);
}
