/*
 * XAPPLEPUSHSERVICE: Apple's mail apps say which mailboxes they want to be woken for.
 *
 * Only the user's own mailboxes are accepted, whose events go to the user's devices, and of
 * these only such as are there and as the user may look up and read; all others are passed
 * over in silence, so that nobody learns which of the reasons it was (CVE-2026-47081). Each
 * name costs the same steps whatever the first of them finds.
 */
#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "mail-namespace.h"
#include "mail-storage.h"
#include "str.h"
#include "dovecot-compat.h"

#include "apple-args.h"
#include "arg-row.h"
#include "notify-acl.h"
#include "pushimap-cmd.h"
#include "pushimap-plugin.h"

struct apple_command {
	unsigned int version;
	const char *accepted; /* untagged lines */
};

/* False: not there, not to be read, somebody else's, or not to be found out, which Dovecot
 * logs. Never opens the mailbox: that is dear, and to a mailbox's owner visible. */
static bool mailbox_is_told(struct client *client, const char *name, const char **vname_r)
{
	struct mail_namespace *ns = mail_namespace_find(client->user->namespaces, name);
	struct mailbox *box = mailbox_alloc(ns->list, name, MAILBOX_FLAG_READONLY);
	enum mailbox_existence existence = MAILBOX_EXISTENCE_NONE;
	enum notify_access access;
	const char *vname = mailbox_get_vname(box);
	bool there, own;

	/* A shared namespace may be another one by now. */
	ns = mailbox_get_namespace(box);
	own = ns->owner == client->user;
	/* Anew, so that what was taken away a moment ago is gone. */
	access = notify_acl_access(ns, vname, TRUE);
	there = mailbox_exists(box, TRUE, &existence) == 0 && existence == MAILBOX_EXISTENCE_SELECT;
	*vname_r = t_strdup(vname);
	mailbox_free(&box);
	return there && own && access == NOTIFY_ACCESS_READ;
}

static bool is_among(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return TRUE;
	}
	return FALSE;
}

/* Leaves the names that can be one, in UTF-8. False: too many octets, counted before
 * anything is known of the mailboxes. */
static bool decode_mailboxes(struct client *client, struct apple_registration *reg)
{
	size_t count = 0, total = 0;

	for (size_t i = 0; i < reg->mailbox_count; i++) {
		string_t *name = t_str_new(64);

		if (fantail_client_mailbox_to_utf8(client, reg->mailboxes[i], name) < 0)
			continue;
		total += str_len(name);
		if (apple_mailbox_is_plain(str_c(name)))
			reg->mailboxes[count++] = str_c(name);
	}
	reg->mailbox_count = count;
	return total <= LIMIT_FILTER_BYTES;
}

/* Leaves the accepted ones, as events have them, and writes untagged lines of them. */
static void accept_mailboxes(struct client *client, struct apple_registration *reg,
			     string_t *untagged)
{
	size_t count = 0;

	for (size_t i = 0; i < reg->mailbox_count; i++) {
		string_t *shown = t_str_new(64);
		const char *vname;

		if (!mailbox_is_told(client, reg->mailboxes[i], &vname) ||
		    is_among(reg->mailboxes, count, vname) ||
		    fantail_client_mailbox_from_utf8(client, vname, shown) < 0)
			continue;
		reg->mailboxes[count++] = vname;
		str_append(untagged, "* XAPPLEPUSHSERVICE \"mailbox\" ");
		fantail_imap_append_astring(untagged, str_c(shown));
		str_append(untagged, "\r\n");
	}
	reg->mailbox_count = count;
}

static bool apple_reply(const struct tabline_field *fields, size_t count, string_t *untagged,
			void *context)
{
	const char *topic = tabline_get(fields, count, "topic");
	const struct apple_command *apple = context;

	if (topic == NULL || !apple_topic_is_valid(topic))
		return FALSE;
	str_append(untagged, apple->accepted);
	str_printfa(untagged, "* XAPPLEPUSHSERVICE \"aps-version\" \"%u\" \"aps-topic\" \"%s\"\r\n",
		    apple->version, topic);
	return TRUE;
}

bool cmd_xapplepushservice(struct client_command_context *cmd)
{
	const struct pushimap_user *user = pushimap_user_get(cmd->client->user);
	struct apple_registration reg;
	const struct imap_arg *args;
	struct apple_command *apple;
	struct tabline_buf request;
	enum webpush_error error;
	struct arg_token *tokens;
	size_t count;
	string_t *accepted;
	const char *text;

	if (user == NULL || !user->apple) {
		client_send_command_error(cmd, "Unknown command.");
		return TRUE;
	}
	if (!client_read_args(cmd, 0, 0, &args))
		return FALSE;

	error = arg_row_read(cmd->pool, args, WEBPUSH_MAX_TOKENS, 1, &tokens, &count, &text);
	if (error == WEBPUSH_OK)
		error = apple_args_parse(tokens, count, &reg, &text);
	if (error == WEBPUSH_OK && !decode_mailboxes(cmd->client, &reg)) {
		error = WEBPUSH_LIMIT;
		text = "Mailbox names are too long.";
	}
	if (error != WEBPUSH_OK) {
		pushimap_cmd_fail(cmd, error, text);
		return TRUE;
	}

	accepted = str_new(cmd->pool, 256);
	accept_mailboxes(cmd->client, &reg, accepted);
	if (reg.mailbox_count == 0) {
		/* To the bridge no name is every mailbox. The same for all reasons, too. */
		pushimap_cmd_fail(cmd, WEBPUSH_CANNOT, "None of these mailboxes is there.");
		return TRUE;
	}
	apple = p_new(cmd->pool, struct apple_command, 1);
	apple->version = reg.version;
	/* The first version's answer has no such lines. */
	apple->accepted = reg.version == 1 ? "" : str_c(accepted);

	registrar_begin(&request, "REGISTER", cmd->client->user->username);
	apple_registration_encode(&request, &reg);
	return pushimap_cmd_start(cmd, &request, NULL, apple_reply, apple);
}
