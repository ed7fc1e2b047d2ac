#include "imap-common.h"
#include "imap-client.h"
#include "mail-storage-service.h"
#include "module-dir.h"
#include "dovecot-compat.h"

#include "notify-inband.h"
#include "pimap-inband.h"

/* NULL: the module is not loaded, or the user does not have it. Loaded it may be later, for
 * another user of this process. */
static const struct fantail_notify_inband *find(struct client *client)
{
	static const struct fantail_notify_inband *functions;
	struct module *module;

	if (functions == NULL) {
		module = module_dir_find(mail_storage_service_modules, FANTAIL_NOTIFY_MODULE);
		if (module != NULL)
			functions = module_get_symbol(module, FANTAIL_NOTIFY_INBAND_SYMBOL);
	}
	return functions != NULL && functions->available(client) ? functions : NULL;
}

bool pimap_inband_available(struct client *client)
{
	return find(client) != NULL;
}

/* RFC 3501 section 6.4.5. A list can have no macro in it. */
static const char *spell_out(const char *format)
{
	static const struct {
		const char *macro, *items;
	} macros[] = {
		{"ALL", "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"},
		{"FAST", "(FLAGS INTERNALDATE RFC822.SIZE)"},
		{"FULL", "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY)"},
	};

	for (unsigned int i = 0; i < N_ELEMENTS(macros); i++) {
		if (strcmp(format, macros[i].macro) == 0)
			return macros[i].items;
	}
	return format;
}

void pimap_inband_apply(struct client *client, bool push, const char *format)
{
	const struct fantail_notify_inband *notify = find(client);
	const char *error, *items = NULL;

	if (notify == NULL)
		return;
	if (*format != '\0')
		items = spell_out(format);
	/* Items that were known when they were set, and are not any more. */
	if (notify->set(client, push, items, &error) < 0) {
		e_debug(client->event, "fantail: P-IMAP: PIMAP_INBAND_NEW_FORMAT: %s", error);
		(void)notify->set(client, push, NULL, &error);
	}
}

bool pimap_inband_listens(struct client *client)
{
	const struct fantail_notify_inband *notify = find(client);
	const struct client_command_context *cmd;

	if (notify != NULL)
		return notify->tells(client);
	if (client->mailbox == NULL)
		return FALSE;
	for (cmd = client->command_queue; cmd != NULL; cmd = cmd->next) {
		if (cmd->name != NULL && strcasecmp(cmd->name, "IDLE") == 0)
			return TRUE;
	}
	return FALSE;
}
