#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "mail-storage-hooks.h"
#include "mail-storage-private.h"
#include "module-context.h"
#include "str.h"
#include "str-sanitize.h"
#include "dovecot-compat.h"

#include "cmd-create.h"
#include "cmd-xzip.h"
#include "coi-metadata.h"
#include "deliver-server.h"
#include "delta-metadata.h"
#include "filter-metadata.h"
#include "filter-search.h"
#include "fantail-settings.h"
#include "pimap-device.h"
#include "pimap-session.h"
#include "fetch-xconvert.h"
#include "fetch-xzip.h"
#include "pushimap-cmd.h"
#include "pushimap-plugin.h"
#include "search-criteria.h"
#include "search-days.h"
#include "view-storage.h"

#define EXPORT __attribute__((visibility("default")))

#define CAPABILITY "WEBPUSH"
#define CAPABILITY_APPLE "XAPPLEPUSHSERVICE"
#define CAPABILITY_DELIVER "XDELIVER"
#define CAPABILITY_DELTA "XDELTAPUSH"
#define CAPABILITY_ZIP "XZIP"
#define DIALECT_SETTING "fantail_webpush_dialect"

#define PUSHIMAP_USER_CONTEXT(user) MODULE_CONTEXT(user, pushimap_user_module)

struct pushimap_user_context {
	union mail_user_module_context module_ctx;
	struct pushimap_user user;
};

extern EXPORT const char *fantail_imap_plugin_version;
extern EXPORT const char fantail_imap_plugin_binary_dependency[];

const char *fantail_imap_plugin_version = DOVECOT_ABI_VERSION;
const char fantail_imap_plugin_binary_dependency[] = "imap";

/* The draft has no command that uses sequence numbers or the selected mailbox. */
static const struct command commands[] = {
	{"ACKWEBPUSH", cmd_ackwebpush, 0},
	{"GETVAPID", cmd_getvapid, 0},
	{"LWEBPUSH", cmd_lwebpush, 0},
	{"WEBPUSH", cmd_webpush, 0},
	{"XAPPLEPUSHSERVICE", cmd_xapplepushservice, 0},
	{"XDELIVER", cmd_xdeliver, 0},
	{"XFILTER", cmd_xfilter, 0},
	{"XGETPIMAPPREFS", cmd_xgetpimapprefs, 0},
	{"XPROVISION", cmd_xprovision, 0},
	{"XPSEARCH", cmd_xpsearch, 0},
	{"XSETPIMAPPREF", cmd_xsetpimappref, 0},
	{"XZIP", cmd_xzip, 0},
	/* The same in other drafts (pimap-args.c). */
	{"LEMONADEFILTER", cmd_xfilter, 0},
	{"LEMONADEGETPREFS", cmd_xgetpimapprefs, 0},
	{"LEMONADEPROVISION", cmd_xprovision, 0},
	{"LEMONADESETPREF", cmd_xsetpimappref, 0},
	{"LFILTER", cmd_xfilter, 0},
	{"LGETPREFS", cmd_xgetpimapprefs, 0},
	{"LPROVISION", cmd_xprovision, 0},
	{"LSETPREF", cmd_xsetpimappref, 0},
	{"XGETPIMAPPREF", cmd_xgetpimapprefs, 0},
};

static const char *const pimap_capabilities[] = {"XPROVISION", "XPIMAPPREF", "XFILTER", "FILTERS",
						 "XCONVERT"};

/* Claims all of the draft, which is these together (draft-maes-lemonade-p-imap-12, 5.1.2). */
static const char *const whole_capabilities[] = {"XPIMAPv1r2", "XPIMAPcomplyrev12"};
static const char *const whole_needs[] = {"XPROVISION", "XPIMAPPREF", "XDELIVER", "XZIP",
					  "XCONVERT",   "XVFOLDER",   "BINARY",   "LITERAL+"};

/* What there is if views are, too. */
static const char *const view_capabilities[] = {"XVFOLDER", "XPSEARCH"};

static MODULE_CONTEXT_DEFINE_INIT(pushimap_user_module, &mail_user_module_register);
static imap_client_created_func_t *next_client_created;
static bool dialect_reported;

const struct pushimap_user *pushimap_user_get(struct mail_user *user)
{
	struct pushimap_user_context *context = PUSHIMAP_USER_CONTEXT(user);

	return context == NULL ? NULL : &context->user;
}

static enum pushimap_dialect parse_dialect(struct mail_user *user, const char *value)
{
	if (value == NULL || *value == '\0' || strcasecmp(value, "gougeon") == 0)
		return PUSHIMAP_DIALECT_GOUGEON;
	if (strcasecmp(value, "coi") == 0)
		return PUSHIMAP_DIALECT_COI;
	/* Clients would mistake one dialect for the other, so none is better than a guess. */
	if (!dialect_reported)
		e_error(user->event,
			"fantail: " DIALECT_SETTING " = %s is neither gougeon nor coi; not "
			"offering " CAPABILITY " (set one of them or remove the setting)",
			str_sanitize(value, 64));
	dialect_reported = TRUE;
	return PUSHIMAP_DIALECT_OFF;
}

/* What the client gave as its name, before auth's settings made the user's of it. */
static const char *login_device(struct mail_user *user)
{
	static const char key[] = "auth_user=";
	char device[PIMAP_DEVICE_SIZE];

	for (const char *const *field = user->userdb_fields; field != NULL && *field != NULL;
	     field++) {
		if (strncmp(*field, key, strlen(key)) == 0 &&
		    pimap_device_from_login(*field + strlen(key), device))
			return p_strdup(user->pool, device);
	}
	return NULL;
}

static void pushimap_user_created(struct mail_user *user)
{
	const struct fantail_settings *settings = fantail_settings_get(user);
	struct pushimap_user_context *context = p_new(user->pool, struct pushimap_user_context, 1);

	context->user.socket_path = settings->socket_path;
	context->user.apple = settings->apple;
	context->user.deltapush = settings->deltapush;
	if (context->user.deltapush)
		delta_metadata_register();
	context->user.submission = deliver_server_get(user, &settings->submission);
	context->user.dialect = parse_dialect(user, settings->webpush_dialect);
	context->user.pimap = settings->pimap;
	context->user.views = settings->views;
	context->user.device = login_device(user);
	context->user.expire_days = settings->pimap_expire_days;
	context->user.converters = settings->converters;
	if (context->user.dialect == PUSHIMAP_DIALECT_COI)
		coi_metadata_register();
	if (context->user.pimap)
		filter_metadata_register();
	MODULE_CONTEXT_SET(user, pushimap_user_module, context);
}

static struct mail_storage_hooks storage_hooks = {
	.mail_user_created = pushimap_user_created,
};

/* When all others have been announced. */
static void announce_whole(struct client *client)
{
	const char *const *words = t_strsplit_spaces(str_c(client->capability_string), " ");

	for (unsigned int i = 0; i < N_ELEMENTS(whole_needs); i++) {
		if (!str_array_icase_find(words, whole_needs[i]))
			return;
	}
	for (unsigned int i = 0; i < N_ELEMENTS(whole_capabilities); i++)
		client_add_capability(client, whole_capabilities[i]);
}

static void pushimap_client_created(struct client **clientp)
{
	struct client *client = *clientp;
	const struct pushimap_user *user = pushimap_user_get(client->user);

	if (user != NULL && user->dialect != PUSHIMAP_DIALECT_OFF)
		client_add_capability(client, CAPABILITY);
	if (user != NULL && user->apple)
		client_add_capability(client, CAPABILITY_APPLE);
	if (user != NULL && user->device != NULL)
		pimap_session_begin(client, user->device, user->expire_days);
	if (user != NULL && user->pimap) {
		filter_search_client_created(client);
		fetch_xconvert_client_created(client);
		for (unsigned int i = 0; i < N_ELEMENTS(pimap_capabilities); i++)
			client_add_capability(client, pimap_capabilities[i]);
	}
	if (user != NULL && user->pimap && user->views) {
		for (unsigned int i = 0; i < N_ELEMENTS(view_capabilities); i++)
			client_add_capability(client, view_capabilities[i]);
	}
	if (user != NULL && user->deltapush)
		client_add_capability(client, CAPABILITY_DELTA);
	if (user != NULL && user->submission != NULL)
		client_add_capability(client, CAPABILITY_DELIVER);
	if (user != NULL) {
		/* Around what the others do with a tagged reply. */
		cmd_xzip_client_created(client);
		client_add_capability(client, CAPABILITY_ZIP);
	}
	if (user != NULL && user->pimap)
		announce_whole(client);
	if (next_client_created != NULL)
		next_client_created(clientp);
}

EXPORT void fantail_imap_plugin_init(struct module *module)
{
	mail_storage_hooks_add(module, &storage_hooks);
	command_register_array(commands, N_ELEMENTS(commands));
	search_days_register();
	view_storage_init(module);
	cmd_create_replace();
	pimap_session_init();
	fetch_xzip_register();
	fetch_xconvert_init();
	filter_search_init();
	next_client_created = imap_client_created_hook_set(pushimap_client_created);
}

EXPORT void fantail_imap_plugin_deinit(void)
{
	imap_client_created_hook_set(next_client_created);
	pimap_session_deinit();
	fetch_xconvert_deinit();
	fetch_xzip_unregister();
	command_unregister_array(commands, N_ELEMENTS(commands));
	coi_metadata_unregister();
	delta_metadata_unregister();
	filter_metadata_unregister();
	filter_search_deinit();
	cmd_create_restore();
	view_storage_deinit();
	search_criteria_deinit();
	mail_storage_hooks_remove(&storage_hooks);
}
