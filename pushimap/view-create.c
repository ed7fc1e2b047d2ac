#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "imap-resp-code.h"
#include "mail-namespace.h"
#include "mail-search.h"
#include "mail-storage-private.h"
#include "str.h"
#include "dovecot-compat.h"

#include "clean-text.h"
#include "notify-acl.h"
#include "pimap-cmd.h"
#include "pushimap-plugin.h"
#include "view-args.h"
#include "view-create.h"
#include "view-criteria.h"
#include "view-file.h"
#include "view-storage.h"

/* Of several reasons that a client is not to tell from each other. */
#define BAD_BACKING "NO [BADBACKING] There is no such mailbox to be shown."

bool view_create_enabled(struct client_command_context *cmd)
{
	const struct pushimap_user *user = pushimap_user_get(cmd->client->user);

	return user != NULL && user->pimap && user->views;
}

/* False: answered. */
static bool read_program(struct client_command_context *cmd, const struct view_args *args,
			 struct arg_token *tokens, const char **criteria_r)
{
	struct mail_search_args *search;
	enum webpush_error error;
	const char *text;
	bool leaving;

	error = pimap_criteria_format(cmd->pool, tokens + args->program, args->program_count,
				      args->charset, criteria_r, &text);
	if (error != WEBPUSH_OK && error != WEBPUSH_SYNTAX) {
		pushimap_cmd_fail(cmd, error, text);
		return FALSE;
	}
	if (error == WEBPUSH_OK &&
	    view_criteria_parse(*criteria_r, &search, &leaving, &text) == 0) {
		mail_search_args_unref(&search);
		return TRUE;
	}
	client_send_tagline(cmd, t_strdup_printf("NO [BADSEARCH] %s.", t_str_rtrim(text, ".")));
	return FALSE;
}

/* As UTF-8; the selected mailbox if the client did not name one. False: answered. */
static bool find_backing(struct client_command_context *cmd, const char *name, const char **vname_r)
{
	string_t *utf8;

	if (name == NULL) {
		*vname_r = mailbox_get_vname(cmd->client->mailbox);
		return TRUE;
	}
	utf8 = str_new(cmd->pool, 64);
	if (fantail_client_mailbox_to_utf8(cmd->client, name, utf8) < 0 || str_len(utf8) == 0 ||
	    str_len(utf8) > LIMIT_MAILBOX || !text_is_clean(str_c(utf8))) {
		client_send_tagline(cmd, BAD_BACKING);
		return FALSE;
	}
	*vname_r = strcasecmp(str_c(utf8), "INBOX") == 0 ? "INBOX" : str_c(utf8);
	return TRUE;
}

/* Is there, and may be seen and read, which is asked anew. False: answered, and in the same way
 * whatever it was. */
static bool check_backing(struct client_command_context *cmd, const char *vname)
{
	struct mail_namespace *ns = mail_namespace_find(cmd->client->user->namespaces, vname);
	struct mailbox *box = mailbox_alloc(ns->list, vname, MAILBOX_FLAG_READONLY);
	bool readable = notify_acl_access(mailbox_get_namespace(box), mailbox_get_vname(box),
					  TRUE) == NOTIFY_ACCESS_READ;
	bool open = mailbox_open(box) == 0, ok = FALSE;
	enum mail_error error = MAIL_ERROR_NONE;

	if (!open)
		(void)mailbox_get_last_error(box, &error);
	if (error == MAIL_ERROR_TEMP)
		client_send_box_error(cmd, box);
	else if (!readable || !open)
		client_send_tagline(cmd, BAD_BACKING);
	else if (view_storage_depth(box) >= LIMIT_VIEW_DEPTH)
		client_send_tagline(cmd,
				    "NO [" IMAP_RESP_CODE_LIMIT "] Too many views over views.");
	else
		ok = TRUE;
	mailbox_free(&box);
	return ok;
}

/* Dovecot's index of mailboxes may still have one that is gone while there are others below it. */
static bool is_gone(struct mailbox *box)
{
	return !mailbox_is_autocreated(box) && mailbox_open(box) < 0 &&
	       mailbox_get_last_mail_error(box) == MAIL_ERROR_NOTFOUND;
}

/* Where it is to be. False: answered. */
static bool check_place(struct client_command_context *cmd, struct mail_namespace *ns,
			const char *vname)
{
	struct mailbox *box;
	enum mailbox_existence existence;
	bool ok = FALSE;

	if (ns->owner == NULL || ns->owner != ns->user || !view_storage_possible(ns->list)) {
		client_send_tagline(cmd, "NO [" IMAP_RESP_CODE_CANNOT "] No views here.");
		return FALSE;
	}
	box = mailbox_alloc(ns->list, vname, 0);
	if (mailbox_exists(box, TRUE, &existence) < 0)
		client_send_box_error(cmd, box);
	else if (existence == MAILBOX_EXISTENCE_SELECT && !is_gone(box))
		client_send_tagline(cmd, "NO [" IMAP_RESP_CODE_ALREADYEXISTS
					 "] Mailbox already exists.");
	else if (view_storage_count(ns->list) >= LIMIT_VIEWS)
		client_send_tagline(cmd, "NO [" IMAP_RESP_CODE_LIMIT "] Too many views.");
	else
		ok = TRUE;
	mailbox_free(&box);
	return ok;
}

void view_create(struct client_command_context *cmd, const struct view_args *args,
		 struct arg_token *tokens, const char *ok)
{
	struct view_file file = {.guid = NULL};
	const char *name = args->name;
	struct mail_namespace *ns;
	struct mailbox *box;

	if (!read_program(cmd, args, tokens, &file.criteria) ||
	    (ns = client_find_namespace(cmd, &name)) == NULL ||
	    !find_backing(cmd, args->backing, &file.backing) || !check_backing(cmd, file.backing) ||
	    !check_place(cmd, ns, name))
		return;
	box = view_storage_alloc_new(ns->list, name, &file);
	if (mailbox_create(box, NULL, FALSE) < 0)
		client_send_box_error(cmd, box);
	else
		client_send_tagline(cmd, ok);
	mailbox_free(&box);
}
