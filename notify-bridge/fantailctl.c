/* The command that operators type: fantailctl(1). */
#include "ctl-client.h"
#include "ctl-pim.h"
#include "ctl-render.h"
#include "ctl-sweep.h"
#include "ctl-table.h"
#include "ctl-transcript.h"
#include "limits.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

/* Answers that come from memory or the database. */
#define TIMEOUT_SECS 30
/* A push takes LIMIT_REQUEST_SECS at most, and the bridge some seconds more. */
#define TEST_TIMEOUT_SECS (LIMIT_REQUEST_SECS + 30)

static struct {
	char *socket;
	char *store, *zone, *config;
	gboolean json, full, version, remove;
	int limit, hours, mib;
} options = {.limit = 0};

/* state-dir of fantail-syncml unless its configuration says otherwise. */
#define DEFAULT_STORE "/var/lib/fantail-syncml"
/* Versions that `pim history` shows. */
#define HISTORY 100

static struct ctl_client *client;

/* --- output -------------------------------------------------------------------- */

/* In the reader's character set. FALSE if standard output does not take it. */
static gboolean print(const char *text)
{
	g_autofree char *converted = NULL;
	const char *charset;

	if (!g_get_charset(&charset))
		converted =
			g_convert_with_fallback(text, -1, charset, "UTF-8", "?", NULL, NULL, NULL);
	fputs(converted != NULL ? converted : text, stdout);
	return fflush(stdout) == 0;
}

static void complain(const char *text)
{
	g_autofree char *printable = ctl_printable(text);

	g_printerr("fantailctl: %s\n", printable);
}

static struct ctl_style style_now(void)
{
	struct ctl_style style = {.now = g_get_real_time() / G_USEC_PER_SEC};
	const char *no_color = g_getenv("NO_COLOR");
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return style;
	/* https://no-color.org: set and not empty */
	style.color =
		(no_color == NULL || *no_color == '\0') && g_strcmp0(g_getenv("TERM"), "dumb") != 0;
	style.width =
		ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
	return style;
}

static int print_json(JsonNode *node)
{
	g_autofree char *text = json_to_string(node, TRUE);
	g_autofree char *line = g_strconcat(text, "\n", NULL);

	json_node_unref(node);
	return print(line) ? EX_OK : EX_IOERR;
}

static int print_json_object(JsonObject *object)
{
	JsonNode *node = json_node_new(JSON_NODE_OBJECT);

	json_node_set_object(node, object);
	return print_json(node);
}

static int print_json_rows(GPtrArray *rows)
{
	JsonArray *array = json_array_sized_new(rows->len);
	JsonNode *node = json_node_new(JSON_NODE_ARRAY);

	for (guint i = 0; i < rows->len; i++)
		json_array_add_object_element(array, json_object_ref(g_ptr_array_index(rows, i)));
	json_node_take_array(node, array);
	return print_json(node);
}

static int print_text(GString *text)
{
	gboolean ok = print(text->str);

	g_string_free(text, TRUE);
	return ok ? EX_OK : EX_IOERR;
}

/* --- asking ---------------------------------------------------------------------- */

static int exit_code(const GError *error)
{
	switch ((enum ctl_error)error->code) {
	case CTL_ERROR_NOT_RUNNING:
	case CTL_ERROR_UNAVAILABLE:
		return EX_UNAVAILABLE;
	case CTL_ERROR_PERMISSION:
	case CTL_ERROR_DENIED:
	case CTL_ERROR_REFUSED:
		return EX_NOPERM;
	case CTL_ERROR_LOST:
	case CTL_ERROR_BUSY:
	case CTL_ERROR_FULL:
		return EX_TEMPFAIL;
	case CTL_ERROR_NOTFOUND:
		return EX_NOUSER;
	case CTL_ERROR_CONFIG:
		return EX_CONFIG;
	case CTL_ERROR_PROTOCOL:
	case CTL_ERROR_VERSION:
		return EX_PROTOCOL;
	case CTL_ERROR_BAD:
	case CTL_ERROR_LIMIT:
	case CTL_ERROR_OTHER:
		break;
	}
	return EX_SOFTWARE;
}

/* Asks, connecting first if need be; 0 or an exit code with the reason printed. */
static int ask(const struct ctl_daemon *daemon, const char *verb, const char *const *fields,
	       guint fields_len, guint timeout_secs, GPtrArray *items, JsonObject **result_r)
{
	g_autoptr(GError) error = NULL;

	if (client == NULL)
		client = ctl_client_open(daemon, options.socket, &error);
	if (client != NULL &&
	    ctl_client_ask(client, verb, fields, fields_len, timeout_secs, items, result_r, &error))
		return EX_OK;
	complain(error->message);
	return exit_code(error);
}

static GPtrArray *rows_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)json_object_unref);
}

/* --- subcommands ------------------------------------------------------------------ */

static int run_status(int argc, char **argv)
{
	g_autoptr(JsonObject) status = NULL;
	struct ctl_style style = style_now();
	int code = ask(&ctl_bridge, "STATUS", NULL, 0, TIMEOUT_SECS, NULL, &status);

	if (code != EX_OK)
		return code;
	if (options.json)
		return print_json_object(status);
	GString *text = g_string_new(NULL);
	ctl_render_status(text, status, &style);
	return print_text(text);
}

static int run_queue(int argc, char **argv)
{
	g_autofree char *limit = g_strdup_printf("%d", options.limit > 0 ? options.limit : 100);
	const char *fields[] = {"user", argc > 0 ? argv[0] : NULL, "limit", limit};
	g_autoptr(GPtrArray) rows = rows_new();
	g_autoptr(JsonObject) result = NULL;
	struct ctl_style style = style_now();
	int code = ask(&ctl_bridge, "QUEUE", fields, G_N_ELEMENTS(fields), TIMEOUT_SECS, rows,
		       &result);

	if (code != EX_OK)
		return code;
	if (options.json)
		return print_json_rows(rows);
	GString *text = g_string_new(NULL);
	ctl_render_queue(text, rows, &style);
	return print_text(text);
}

static int run_notifications(int argc, char **argv)
{
	g_autofree char *limit = g_strdup_printf("%d", options.limit > 0 ? options.limit : 100);
	const char *fields[] = {"user", argc > 0 ? argv[0] : NULL,  "limit", limit,
				"full", options.full ? "yes" : NULL};
	g_autoptr(GPtrArray) rows = rows_new();
	g_autoptr(JsonObject) result = NULL;
	struct ctl_style style = style_now();
	int code =
		ask(&ctl_bridge, "HELD", fields, G_N_ELEMENTS(fields), TIMEOUT_SECS, rows, &result);

	if (code != EX_OK)
		return code;
	if (options.json)
		return print_json_rows(rows);
	GString *text = g_string_new(NULL);
	ctl_render_held(text, rows, &style);
	return print_text(text);
}

/* All pages, or as many as --limit asks for. */
static int run_devices_list(int argc, char **argv)
{
	g_autoptr(GPtrArray) rows = rows_new();
	g_autofree char *after = NULL;
	struct ctl_style style = style_now();

	do {
		guint left =
			options.limit > 0 ? (guint)options.limit - rows->len : LIMIT_CONTROL_ROWS;
		g_autofree char *limit =
			g_strdup_printf("%u", MIN(left, (guint)LIMIT_CONTROL_ROWS));
		const char *fields[] = {"user", argc > 0 ? argv[0] : NULL, "limit", limit, "after",
					after};
		g_autoptr(JsonObject) result = NULL;
		guint before = rows->len;
		int code = ask(&ctl_bridge, "DEVICES", fields, G_N_ELEMENTS(fields), TIMEOUT_SECS,
			       rows, &result);

		if (code != EX_OK)
			return code;
		g_clear_pointer(&after, g_free);
		if (json_object_has_member(result, "after") && rows->len > before)
			after = g_strdup_printf("%" G_GINT64_FORMAT,
						json_object_get_int_member(result, "after"));
	} while (after != NULL && (options.limit <= 0 || rows->len < (guint)options.limit));

	if (options.json)
		return print_json_rows(rows);
	GString *text = g_string_new(NULL);
	ctl_render_devices(text, rows, &style);
	return print_text(text);
}

static int run_devices_show(int argc, char **argv)
{
	const char *fields[] = {"user",  argv[0], "device",
				argv[1], "full",  options.full ? "yes" : NULL};
	g_autoptr(JsonObject) device = NULL;
	struct ctl_style style = style_now();
	int code = ask(&ctl_bridge, "DEVICE", fields, G_N_ELEMENTS(fields), TIMEOUT_SECS, NULL,
		       &device);

	if (code != EX_OK)
		return code;
	if (options.json)
		return print_json_object(device);
	GString *text = g_string_new(NULL);
	ctl_render_device(text, device, &style);
	return print_text(text);
}

/* Requests whose answer says nothing but that it is done. */
static int run_plain(const char *verb, const char *const *fields, guint fields_len,
		     const char *done)
{
	g_autoptr(JsonObject) result = NULL;
	int code = ask(&ctl_bridge, verb, fields, fields_len, TIMEOUT_SECS, NULL, &result);

	if (code != EX_OK)
		return code;
	if (options.json)
		return print_json_object(result);
	return print(done) ? EX_OK : EX_IOERR;
}

static int run_devices_revoke(int argc, char **argv)
{
	const char *fields[] = {"user", argv[0], "device", argv[1]};

	return run_plain("REVOKE", fields, G_N_ELEMENTS(fields), "Revoked.\n");
}

/* What the bridge has done and, if it can, tells the device. */
static int run_command(const char *verb, char **argv, const char *done)
{
	const char *fields[] = {"user", argv[0], "device", argv[1]};
	g_autoptr(JsonObject) result = NULL;
	int code =
		ask(&ctl_bridge, verb, fields, G_N_ELEMENTS(fields), TIMEOUT_SECS, NULL, &result);
	const char *why;

	if (code != EX_OK)
		return code;
	if (options.json)
		return print_json_object(result);
	why = json_object_get_string_member_with_default(result, "why", NULL);
	GString *text = g_string_new(done);
	if (why != NULL)
		g_string_append_printf(text, " The device is not told: %s.", why);
	g_string_append_c(text, '\n');
	return print_text(text);
}

static int run_devices_lock(int argc, char **argv)
{
	return run_command("LOCK", argv, "Locked.");
}

static int run_devices_unlock(int argc, char **argv)
{
	return run_command("UNLOCK", argv, "Unlocked.");
}

static int run_devices_new_key(int argc, char **argv)
{
	return run_command("NEWKEY", argv, "There is a new key for it to fetch.");
}

static int run_subscribe(int argc, char **argv)
{
	const char *fields[] = {"user", argv[0], "device", argv[1], "endpoint", argv[2]};

	return run_plain("SUBSCRIBE", fields, G_N_ELEMENTS(fields), "Registered.\n");
}

static int run_flush(int argc, char **argv)
{
	const char *fields[] = {"user", argc > 0 ? argv[0] : NULL};

	return run_plain("FLUSH", fields, G_N_ELEMENTS(fields), "All that waits is due now.\n");
}

static int run_reload(int argc, char **argv)
{
	return run_plain("RELOAD", NULL, 0, "Reloaded.\n");
}

/* What `test` makes of outcomes that are not "accepted". */
static int outcome_exit_code(const char *outcome)
{
	static const char *const passing[] = {"retry", "throttle", "gateway-down", "timeout", NULL};

	if (outcome != NULL && g_strv_contains(passing, outcome))
		return EX_TEMPFAIL;
	return g_strcmp0(outcome, "device-gone") == 0 ? EX_NOUSER : EX_PROTOCOL;
}

static int run_test(int argc, char **argv)
{
	const char *fields[] = {"user", argv[0], "device", argc > 1 ? argv[1] : NULL};
	g_autoptr(GPtrArray) rows = rows_new();
	g_autoptr(JsonObject) result = NULL;
	struct ctl_style style = style_now();
	int code = ask(&ctl_bridge, "TEST", fields, G_N_ELEMENTS(fields), TEST_TIMEOUT_SECS, rows,
		       &result);
	int printed;

	if (code != EX_OK)
		return code;
	if (options.json) {
		printed = print_json_rows(rows);
	} else {
		GString *text = g_string_new(NULL);
		ctl_render_test(text, rows, &style);
		printed = print_text(text);
	}
	for (guint i = 0; i < rows->len && code == EX_OK; i++) {
		JsonObject *row = g_ptr_array_index(rows, i);

		if (!json_object_get_boolean_member_with_default(row, "accepted", FALSE))
			code = outcome_exit_code(
				json_object_get_string_member_with_default(row, "outcome", NULL));
	}
	if (rows->len == 0)
		code = EX_PROTOCOL;
	return code != EX_OK ? code : printed;
}

/* --- contacts and calendars ------------------------------------------------------------ */

static struct ctl_pim pim_now(void)
{
	return (struct ctl_pim){
		.dir = options.store != NULL ? options.store : DEFAULT_STORE,
		.zone = options.zone,
		.progress = isatty(STDERR_FILENO),
		.complain = complain,
	};
}

/* The daemon has devices alerted of what we have changed. If it is not there it finds out when it
 * starts. */
static void tell_syncml(const char *user)
{
	const char *fields[] = {"user", user};
	struct ctl_client *syncml = ctl_client_open(&ctl_syncml, options.socket, NULL);
	g_autoptr(JsonObject) result = NULL;

	if (syncml != NULL)
		ctl_client_ask(syncml, "LOOK", fields, G_N_ELEMENTS(fields), TIMEOUT_SECS, NULL,
			       &result, NULL);
	ctl_client_close(&syncml);
}

static int run_pim_import(int argc, char **argv)
{
	struct ctl_pim pim = pim_now();
	int worst = EX_OK;

	for (int i = 1; i < argc; i++) {
		int code = ctl_pim_import(&pim, argv[0], argv[i]);

		worst = code != EX_OK ? code : worst;
	}
	tell_syncml(argv[0]);
	return worst;
}

static int run_pim_export(int argc, char **argv)
{
	struct ctl_pim pim = pim_now();

	return ctl_pim_export(&pim, argv[0], argv[1], argc > 2 ? argv[2] : NULL);
}

static int print_pim(int code, GString *text)
{
	int printed = print_text(text);

	return code != EX_OK ? code : printed;
}

static int run_pim_history(int argc, char **argv)
{
	struct ctl_pim pim = pim_now();
	GString *text = g_string_new(NULL);
	guint limit = options.limit > 0 ? (guint)options.limit : HISTORY;

	return print_pim(ctl_pim_history(&pim, argv[0], limit, text), text);
}

static int run_pim_restore(int argc, char **argv)
{
	struct ctl_pim pim = pim_now();
	GString *text = g_string_new(NULL);

	int code = ctl_pim_restore(&pim, argv[0], argv[1], text);

	if (code == EX_OK)
		tell_syncml(argv[0]);
	return print_pim(code, text);
}

static int run_pim_devices(int argc, char **argv)
{
	struct ctl_pim pim = pim_now();
	GString *text = g_string_new(NULL);

	return print_pim(ctl_pim_devices(&pim, argv[0], text), text);
}

static int run_pim_check(int argc, char **argv)
{
	struct ctl_pim pim = pim_now();
	GString *text = g_string_new(NULL);

	return print_pim(ctl_pim_check(&pim, argv[0], text), text);
}

static int run_pim_sweep(int argc, char **argv)
{
	struct ctl_pim pim = pim_now();
	GString *text = g_string_new(NULL);

	return print_pim(ctl_pim_sweep(&pim, options.config, FANTAIL_SYNCML_CONF,
				       argc > 0 ? argv[0] : NULL, text),
			 text);
}

static int run_transcript(int argc, char **argv)
{
	struct ctl_pim pim = pim_now();
	GString *text = g_string_new(NULL);

	return print_pim(
		ctl_transcript(&pim, argv[0], argv[1], argv[2], options.hours, options.mib, text),
		text);
}

/* --- asking fantail-syncml ------------------------------------------------------------- */

static int run_sync_status(int argc, char **argv)
{
	g_autoptr(JsonObject) status = NULL;
	int code = ask(&ctl_syncml, "STATUS", NULL, 0, TIMEOUT_SECS, NULL, &status);

	if (code != EX_OK)
		return code;
	if (options.json)
		return print_json_object(status);
	GString *text = g_string_new(NULL);
	ctl_render_sync_status(text, status);
	return print_text(text);
}

/* Not alerted is not done; who is not registered with the bridge may be by another way. */
static int run_sync_now(int argc, char **argv)
{
	const char *fields[] = {"user", argv[0], "device", argc > 1 ? argv[1] : NULL};
	g_autoptr(GPtrArray) rows = rows_new();
	g_autoptr(JsonObject) result = NULL;
	struct ctl_style style = style_now();
	int code =
		ask(&ctl_syncml, "SYNC", fields, G_N_ELEMENTS(fields), TIMEOUT_SECS, rows, &result);

	if (code != EX_OK)
		return code;
	if (options.json) {
		code = print_json_rows(rows);
	} else {
		GString *text = g_string_new(NULL);
		ctl_render_alerted(text, rows, &style);
		code = print_text(text);
	}
	for (guint i = 0; i < rows->len && code == EX_OK; i++) {
		if (!json_object_get_boolean_member_with_default(rows->pdata[i], "alerted", FALSE))
			code = EX_TEMPFAIL;
	}
	return code;
}

/* The digest is made from the name as the phone says it. */
#define PASSWORD_HELP                                                                              \
	"A phone that insists on md5 (or MAC) cannot log in with the mail password: both sides\n"  \
	"would have to know it, and mail passwords are kept as hashes. This makes a password of\n" \
	"the device's own, prints it once, and keeps what digests need.\n\n"                       \
	"What md5 implies: no password travels, but what is kept is as good as the password for\n" \
	"synchronising as that device, and for nothing else; who hears a login on the way, over\n" \
	"plain HTTP, can try passwords at home, which this one is long enough for, and read the\n" \
	"data all the same. So use TLS if the phone can.\n\n"                                      \
	"In the phone the user name has to be spelled exactly as USER. DEVICE is what the phone\n" \
	"calls itself: fantailctl pim devices USER shows it once it has tried to log in with "     \
	"the\n"                                                                                    \
	"mail password, and the log of fantail-syncml does always; often it is IMEI:NUMBER."

static int run_sync_password(int argc, char **argv)
{
	const char *fields[] = {"user",  argv[0],  "device",
				argv[1], "remove", options.remove ? "yes" : NULL};
	g_autoptr(JsonObject) result = NULL;
	int code = ask(&ctl_syncml, "PASSWORD", fields, G_N_ELEMENTS(fields), TIMEOUT_SECS, NULL,
		       &result);
	const char *password;

	if (code != EX_OK)
		return code;
	if (options.json)
		return print_json_object(result);
	if (options.remove)
		return print("Removed.\n") ? EX_OK : EX_IOERR;
	if (!json_object_get_boolean_member_with_default(result, "known", FALSE))
		complain("this device has never synchronised; its name and the user's have to be "
			 "right");
	password = json_object_get_string_member_with_default(result, "password", "");
	GString *text = g_string_new(password);
	g_string_append_c(text, '\n');
	return print_text(text);
}

/* --- the command line ----------------------------------------------------------------- */

static const GOptionEntry common_entries[] = {
	{"socket", 's', 0, G_OPTION_ARG_FILENAME, &options.socket,
	 "The daemon's control socket (default " CTL_BRIDGE_SOCKET "; with sync: " CTL_SYNCML_SOCKET
	 ")",
	 "PATH"},
	{"json", 'j', 0, G_OPTION_ARG_NONE, &options.json, "Print JSON", NULL},
	{NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};
static const GOptionEntry limit_entries[] = {
	{"limit", 'n', 0, G_OPTION_ARG_INT, &options.limit, "Show at most N", "N"},
	{NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};
static const GOptionEntry full_entries[] = {
	{"full", 'f', 0, G_OPTION_ARG_NONE, &options.full,
	 "Show the whole endpoint, which is a secret of the device's", NULL},
	{NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};
static const GOptionEntry held_entries[] = {
	{"limit", 'n', 0, G_OPTION_ARG_INT, &options.limit, "Show at most N", "N"},
	{"full", 'f', 0, G_OPTION_ARG_NONE, &options.full,
	 "Show the whole token, which is a secret of the device's", NULL},
	{NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

#define STORE_ENTRY                                                                     \
	{                                                                               \
		"store", 'S', 0, G_OPTION_ARG_FILENAME, &options.store,                 \
			"fantail-syncml's state-dir (default " DEFAULT_STORE ")", "DIR" \
	}
static const GOptionEntry pim_entries[] = {
	STORE_ENTRY,
	{NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};
static const GOptionEntry import_entries[] = {
	STORE_ENTRY,
	{"zone", 'z', 0, G_OPTION_ARG_STRING, &options.zone,
	 "Time zone of times that name none (default UTC)", "ZONE"},
	{NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};
static const GOptionEntry sweep_entries[] = {
	STORE_ENTRY,
	{"config", 'c', 0, G_OPTION_ARG_FILENAME, &options.config,
	 "fantail-syncml's configuration, which says what is old (default " FANTAIL_SYNCML_CONF ")",
	 "PATH"},
	{NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};
static const GOptionEntry transcript_entries[] = {
	STORE_ENTRY,
	{"hours", 0, 0, G_OPTION_ARG_INT, &options.hours, "on: ends after so many (default 24)",
	 "N"},
	{"mib", 0, 0, G_OPTION_ARG_INT, &options.mib, "on: ends at that size (default 16)", "N"},
	{NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};
static const GOptionEntry history_entries[] = {
	STORE_ENTRY,
	{"limit", 'n', 0, G_OPTION_ARG_INT, &options.limit, "Show at most N", "N"},
	{NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

static const GOptionEntry password_entries[] = {
	{"remove", 'r', 0, G_OPTION_ARG_NONE, &options.remove, "Take it away again", NULL},
	{NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

static const struct command {
	const char *name, *sub; /* `sub`: second word, or NULL */
	const char *arguments;
	int least, most;
	const GOptionEntry *entries;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{"status", NULL, "", 0, 0, NULL, run_status, "How the bridge is doing"},
	{"queue", NULL, "[USER]", 0, 1, limit_entries, run_queue, "What waits, the oldest first"},
	{"devices", "show", "USER DEVICE", 2, 2, full_entries, run_devices_show,
	 "One device and its last outcome"},
	{"devices", "revoke", "USER DEVICE", 2, 2, NULL, run_devices_revoke,
	 "Forgets a device and what waits for it"},
	{"devices", "lock", "USER DEVICE", 2, 2, NULL, run_devices_lock,
	 "Locks a lost device of Push-IMAP, and tells it"},
	{"devices", "unlock", "USER DEVICE", 2, 2, NULL, run_devices_unlock, "Takes that back"},
	{"devices", "new-key", "USER DEVICE", 2, 2, NULL, run_devices_new_key,
	 "Has it fetch another key"},
	{"devices", "list", "[USER]", 0, 1, limit_entries, run_devices_list,
	 "Registered devices, and webhooks"},
	/* After the ones with a second word: whatever follows is a user. */
	{"devices", NULL, "[USER]", 0, 1, limit_entries, run_devices_list,
	 "The same as devices list"},
	{"notifications", NULL, "[USER]", 0, 1, held_entries, run_notifications,
	 "Pushes that were held back, and what is in them"},
	{"subscribe", NULL, "USER DEVICE sms:+NUMBER", 3, 3, NULL, run_subscribe,
	 "Registers a phone to be told to synchronise"},
	{"test", NULL, "USER [DEVICE]", 1, 2, NULL, run_test,
	 "Sends a push and prints what came of it"},
	{"flush", NULL, "[USER]", 0, 1, NULL, run_flush, "Makes what waits due now"},
	{"reload", NULL, "", 0, 0, NULL, run_reload, "Reads the configuration again"},
	{"pim", "import", "USER FILE...", 2, 1000, import_entries, run_pim_import,
	 "Adds contacts, events ... of .vcf and .ics files"},
	{"pim", "export", "USER WHAT [FILE]", 2, 3, pim_entries, run_pim_export,
	 "Writes contacts, calendar or notes"},
	{"pim", "history", "USER", 1, 1, history_entries, run_pim_history,
	 "Versions that were replaced, deleted or lost"},
	{"pim", "restore", "USER VERSION", 2, 2, pim_entries, run_pim_restore,
	 "Brings one of these back"},
	{"pim", "devices", "USER", 1, 1, pim_entries, run_pim_devices,
	 "Phones that synchronise, and when they did"},
	{"pim", "check", "USER", 1, 1, pim_entries, run_pim_check, "Looks for what cannot be"},
	{"pim", "sweep", "[USER]", 0, 1, sweep_entries, run_pim_sweep,
	 "Forgets what is old now; the daemon does so daily"},
	{"sync-password", NULL, "USER DEVICE", 2, 2, password_entries, run_sync_password,
	 "Gives a phone that needs md5 a password of its own"},
	{"sync", "now", "USER [DEVICE]", 1, 2, NULL, run_sync_now, "Asks phones to synchronise"},
	{"sync", "status", "", 0, 0, NULL, run_sync_status, "How fantail-syncml is doing"},
	{"sync-transcript", NULL, "USER DEVICE on|off|show", 3, 3, transcript_entries,
	 run_transcript, "What a phone and fantail-syncml say"},
};

#define USAGE_COLUMN 27

static char *usage(void)
{
	GString *text = g_string_new("Usage:\n  fantailctl [OPTION...] COMMAND\n\nCommands:\n");

	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
		const struct command *command = &commands[i];
		g_autofree char *words = g_strdup_printf(
			"%s%s%s %s", command->name, command->sub != NULL ? " " : "",
			command->sub != NULL ? command->sub : "", command->arguments);

		/* "devices [USER]" is said by "devices list [USER]". */
		if (strcmp(command->name, "devices") == 0 && command->sub == NULL)
			continue;
		g_string_append_printf(text, "  %-*s", USAGE_COLUMN, words);
		if (strlen(words) > USAGE_COLUMN)
			g_string_append_printf(text, "\n  %*s", USAGE_COLUMN, "");
		g_string_append_printf(text, " %s\n", command->summary);
	}
	g_string_append(text, "\nOptions:\n"
			      "  -s, --socket=PATH           The daemon's control socket (default\n"
			      "                              " CTL_BRIDGE_SOCKET ";\n"
			      "                              with sync: " CTL_SYNCML_SOCKET ")\n"
			      "  -j, --json                  Print JSON\n"
			      "  -h, --help                  After a command: help on it\n"
			      "  -V, --version               Print the version\n");
	return g_string_free(text, FALSE);
}

static int usage_error(const char *text)
{
	complain(text);
	g_printerr("Try fantailctl --help.\n");
	return EX_USAGE;
}

/* Where the command's first word is: options of ours may come before it. */
static int find_command(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-s") == 0 || strcmp(argv[i], "--socket") == 0)
			i++;
		else if (argv[i][0] != '-')
			return i;
	}
	return 0;
}

static int run(const struct command *command, int argc, char **argv)
{
	g_autofree char *name = g_strconcat(command->name, command->sub != NULL ? " " : "",
					    command->sub != NULL ? command->sub : "", NULL);
	g_autofree char *parameters = g_strconcat(name, " ", command->arguments, NULL);
	g_autoptr(GOptionContext) context = g_option_context_new(parameters);
	g_autoptr(GError) error = NULL;
	int skip = command->sub != NULL ? 2 : 1;

	g_option_context_set_summary(context, command->summary);
	if (command->run == run_sync_password)
		g_option_context_set_description(context, PASSWORD_HELP);
	g_option_context_add_main_entries(context, common_entries, NULL);
	if (command->entries != NULL)
		g_option_context_add_main_entries(context, command->entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return usage_error(error->message);
	/* "--" stays where it was; users may be called "-x". */
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			memmove(&argv[i], &argv[i + 1], (gsize)(argc - i) * sizeof(*argv));
			argc--;
			break;
		}
	}
	argc -= 1 + skip;
	argv += 1 + skip;
	if (options.limit < 0)
		return usage_error("--limit: write a number above 0");
	if (argc < command->least || argc > command->most) {
		g_autofree char *text = g_strdup_printf(
			"%s takes %s", name,
			*command->arguments != '\0' ? command->arguments : "no arguments");
		return usage_error(text);
	}
	return command->run(argc, argv);
}

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "");
	g_set_prgname("fantailctl");

	int first = find_command(argc, argv);
	int before = first > 0 ? first : argc;
	for (int i = 1; i < before; i++) {
		if (strcmp(argv[i], "-V") == 0 || strcmp(argv[i], "--version") == 0)
			return print("fantailctl " FANTAIL_VERSION "\n") ? EX_OK : EX_IOERR;
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			g_autofree char *text = usage();
			return print(text) ? EX_OK : EX_IOERR;
		}
	}
	if (first == 0)
		return usage_error("no command");
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
		const struct command *command = &commands[i];

		if (strcmp(argv[first], command->name) != 0 ||
		    (command->sub != NULL &&
		     (first + 1 >= argc || strcmp(argv[first + 1], command->sub) != 0)))
			continue;
		int code = run(command, argc, argv);
		ctl_client_close(&client);
		g_free(options.socket);
		g_free(options.store);
		g_free(options.zone);
		g_free(options.config);
		return code;
	}
	g_autofree char *text = g_strdup_printf("no command '%s'", argv[first]);
	return usage_error(text);
}
