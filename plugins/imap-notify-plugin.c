#include "notify-session.h"
#include "array.h"
#include "module-context.h"
#include "str.h"
#include "mail-storage-hooks.h"
#include "mail-storage-private.h"
#include "dovecot-compat.h"

#include "fantail-settings.h"
#include "notify-cmd.h"
#include "notify-hibernate.h"
#include "notify-idle.h"
#include "imap-notify-plugin.h"
#include "notify-selected.h"
#include "notify-state.h"
#include "notify-watch.h"

#define NOTIFY_USER_CONTEXT(user) MODULE_CONTEXT(user, notify_user_module)

struct notify_user {
	union mail_user_module_context module_ctx;
	const struct fantail_settings *settings;
};

static MODULE_CONTEXT_DEFINE_INIT(notify_user_module, &mail_user_module_register);
static imap_client_created_func_t *next_client_created;

/* --- commands ---------------------------------------------------------------- */

/* There is no way to override a command but to take its place. */
struct replaced {
	const char *name;
	command_func_t *func; /* ours */
	struct command stock;
};

static bool cmd_notify_replaced(struct client_command_context *cmd);
static bool cmd_idle_replaced(struct client_command_context *cmd);

static struct replaced replaced[] = {
	{.name = "NOTIFY", .func = cmd_notify_replaced},
	{.name = "IDLE", .func = cmd_idle_replaced},
};

static bool cmd_notify_replaced(struct client_command_context *cmd)
{
	return notify_cmd_notify(cmd, replaced[0].stock.func);
}

static bool cmd_idle_replaced(struct client_command_context *cmd)
{
	return notify_cmd_idle(cmd, replaced[1].stock.func);
}

static void replace_commands(void)
{
	for (unsigned int i = 0; i < N_ELEMENTS(replaced); i++) {
		replaced[i].stock = *command_find(replaced[i].name);
		command_unregister(replaced[i].name);
		command_register(replaced[i].name, replaced[i].func, replaced[i].stock.flags);
	}
}

static void restore_commands(void)
{
	for (unsigned int i = 0; i < N_ELEMENTS(replaced); i++) {
		command_unregister(replaced[i].name);
		command_register(replaced[i].stock.name, replaced[i].stock.func,
				 replaced[i].stock.flags);
	}
}

static void before_command(struct client_command_context *cmd ATTR_UNUSED)
{
}

static void after_command(struct client_command_context *cmd)
{
	struct notify_session *session = notify_session_get(cmd->client);

	if (session == NULL)
		return;
	notify_selected_command(session, cmd);
	/* It may have kept the output to itself while something came. */
	if (session->active) {
		notify_session_flush_soon(session);
		notify_hibernate_postpone(session);
	}
}

/* --- what the session itself changes ----------------------------------------- */

/* The session that has this mailbox open, if it asked for notifications. */
static struct notify_session *session_of(struct mailbox *box)
{
	struct client *client;
	struct notify_session *session;

	for (client = imap_clients; client != NULL; client = client->next) {
		session = notify_session_get(client);
		if (client->user == box->storage->user && session != NULL && session->active &&
		    session->watch != NULL)
			return session;
	}
	return NULL;
}

static void *own_transaction_begin(struct mailbox_transaction_context *t)
{
	return t->box;
}

static void own_transaction_commit(void *txn, struct mail_transaction_commit_changes *changes)
{
	struct mailbox *box = txn;
	struct notify_session *session;

	if (changes->changes_mask == 0)
		return;
	session = session_of(box);
	if (session == NULL)
		return;
	if (box != session->client->mailbox)
		notify_watch_own(session->watch, mailbox_get_vname(box));
	/* Rights are noted as attributes, among others. */
	if ((changes->changes_mask & MAIL_INDEX_TRANSACTION_CHANGE_ATTRIBUTE) != 0)
		(void)notify_watch_rights(session->watch, mailbox_get_vname(box), TRUE);
}

static void own_mailbox_changed(struct mailbox *box)
{
	struct notify_session *session = session_of(box);

	if (session != NULL)
		(void)notify_watch_update(session->watch, mailbox_get_vname(box), FALSE);
}

static void own_delete_commit(void *txn ATTR_UNUSED, struct mailbox *box)
{
	struct notify_session *session = session_of(box);

	if (session != NULL && !notify_watch_update(session->watch, mailbox_get_vname(box), FALSE))
		notify_watch_forget(session->watch, mailbox_get_vname(box));
}

static void own_rename(struct mailbox *src, struct mailbox *dest)
{
	struct notify_session *session = session_of(dest);

	if (session != NULL)
		notify_session_renamed(session, mailbox_get_vname(src), mailbox_get_vname(dest));
}

static void own_subscribed(struct mailbox *box, bool subscribed ATTR_UNUSED)
{
	own_mailbox_changed(box);
}

static const struct notify_vfuncs own_vfuncs = {
	.mail_transaction_begin = own_transaction_begin,
	.mail_transaction_commit = own_transaction_commit,
	.mailbox_create = own_mailbox_changed,
	.mailbox_delete_commit = own_delete_commit,
	.mailbox_rename = own_rename,
	.mailbox_set_subscribed = own_subscribed,
};

static struct notify_context *own_notify;

/* --- users and clients ------------------------------------------------------- */

static void notify_user_created(struct mail_user *user)
{
	struct notify_user *nuser;

	if (user->autocreated)
		return;
	nuser = p_new(user->pool, struct notify_user, 1);
	nuser->settings = fantail_settings_get(user);
	MODULE_CONTEXT_SET(user, notify_user_module, nuser);
}

static struct mail_storage_hooks storage_hooks = {
	.mail_user_created = notify_user_created,
};

static void notify_client_destroy(struct client *client, const char *reason)
{
	struct notify_session *session = notify_session_get(client);
	struct imap_client_vfuncs super = session->module_ctx.super;

	notify_session_destroy(session);
	super.destroy(client, reason);
}

static void notify_client_created(struct client **clientp)
{
	struct client *client = *clientp;
	const struct notify_user *nuser = NOTIFY_USER_CONTEXT(client->user);

	if (nuser != NULL) {
		const char *const *offered =
			t_strsplit_spaces(str_c(client->capability_string), " ");

		notify_session_create(client, nuser->settings);
		client->v.destroy = notify_client_destroy;
		client->v.state_export = notify_state_export;
		client->v.state_import = notify_state_import;
		/* Dovecot offers it with mailbox_list_index only. */
		if (!str_array_icase_find(offered, "NOTIFY"))
			client_add_capability(client, "NOTIFY");
	}
	if (next_client_created != NULL)
		next_client_created(clientp);
}

/* --- the module -------------------------------------------------------------- */

const char *fantail_notify_plugin_version = DOVECOT_ABI_VERSION;
const char *fantail_notify_plugin_dependencies[] = {"notify", "fantail_event", NULL};
const char fantail_notify_plugin_binary_dependency[] = "imap";

void fantail_notify_plugin_init(struct module *module)
{
	mail_storage_hooks_add(module, &storage_hooks);
	replace_commands();
	command_hook_register(before_command, after_command);
	next_client_created = imap_client_created_hook_set(notify_client_created);
	own_notify = notify_register(&own_vfuncs);
	notify_selected_register(module);
}

void fantail_notify_plugin_deinit(void)
{
	notify_selected_unregister();
	fantail_notify_unregister(&own_notify);
	imap_client_created_hook_set(next_client_created);
	command_hook_unregister(before_command, after_command);
	restore_commands();
	mail_storage_hooks_remove(&storage_hooks);
}
