#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "ioloop.h"
#include "istream.h"
#include "mail-storage-private.h"
#include "module-context.h"
#include "ostream.h"
#include "str-sanitize.h"

#include "cmd-xzip.h"
#include "ostream-xzip.h"
#include "pushimap-cmd.h"
#include "pushimap-plugin.h"

#define XZIP_CLIENT(client) MODULE_CONTEXT(client, xzip_module)
#define XZIP_COMMAND(cmd) MODULE_CONTEXT(cmd, xzip_module)

struct xzip_client {
	union imap_module_context module_ctx;
	void (*next_send_tagline)(struct client_command_context *cmd, const char *data);
	void (*next_destroy)(struct client *client, const char *reason);
	struct xzip *xzip;      /* once it was used */
	struct ostream *output; /* the client's own, while compressing */
};

struct xzip_command {
	union imap_module_context module_ctx;
	const char *tag;      /* of XZIP */
	const char *own_tag;  /* of the command in it */
	command_func_t *func; /* once it is known */
	const char *error;    /* or why it is refused */
	bool replied;         /* and XZIP's own reply has to follow */
};

static MODULE_CONTEXT_DEFINE_INIT(xzip_module, &imap_module_register);

/* Commands that write from within their function alone, or from core's sync. Others write from
 * timers and callbacks, replace the output, read what is not on their line, or may not know that
 * the output is not the connection. */
static const char *const allowed[] = {
	"CAPABILITY",  "CHECK",    "COPY",        "EXPUNGE",    "FETCH",
	"GETMETADATA", "LIST",     "LSUB",        "MOVE",       "NAMESPACE",
	"NOOP",        "SEARCH",   "SORT",        "STATUS",     "STORE",
	"THREAD",      "UID COPY", "UID EXPUNGE", "UID FETCH",  "UID MOVE",
	"UID SEARCH",  "UID SORT", "UID STORE",   "UID THREAD", "XLIST",
};

static struct xzip_command *xzip_command(struct client_command_context *cmd)
{
	return array_is_created(&cmd->module_contexts) ? XZIP_COMMAND(cmd) : NULL;
}

/* --- compressing ------------------------------------------------------------ */

/* Only while the command itself writes: other commands may run while it waits for the client to
 * read. */
static void compress_begin(struct client *client)
{
	struct xzip_client *xclient = XZIP_CLIENT(client);

	xclient->output = client->output;
	client->output = xzip_begin(xclient->xzip, xclient->output);
}

static void compress_end(struct client *client)
{
	struct xzip_client *xclient = XZIP_CLIENT(client);

	xzip_end(&client->output);
	client->output = xclient->output;
	xclient->output = NULL;
}

static void send_own_reply(struct client *client, struct xzip_command *xcmd)
{
	xcmd->replied = FALSE;
	client_send_line(client, t_strdup_printf("%s OK XZIP completed.", xcmd->tag));
}

static void xzip_send_tagline(struct client_command_context *cmd, const char *data)
{
	struct client *client = cmd->client;
	struct xzip_client *xclient = XZIP_CLIENT(client);
	struct xzip_command *xcmd = xzip_command(cmd);

	if (xcmd == NULL || xcmd->func == NULL) {
		xclient->next_send_tagline(cmd, data);
	} else if (xclient->output != NULL) {
		xclient->next_send_tagline(cmd, data);
		xcmd->replied = TRUE;
	} else {
		/* After a sync, or when it was cancelled. */
		compress_begin(client);
		xclient->next_send_tagline(cmd, data);
		compress_end(client);
		send_own_reply(client, xcmd);
	}
}

static bool cmd_xzip_run(struct client_command_context *cmd)
{
	struct client *client = cmd->client;
	struct xzip_command *xcmd = xzip_command(cmd);
	bool finished;

	compress_begin(client);
	cmd->func = xcmd->func;
	finished = cmd->func(cmd);
	if (cmd->func != NULL) {
		/* There may be another that goes on with it. */
		xcmd->func = cmd->func;
		cmd->func = cmd_xzip_run;
	}
	compress_end(client);
	if (xcmd->replied)
		send_own_reply(client, xcmd);
	return finished;
}

/* --- the request ------------------------------------------------------------ */

static const struct imap_arg *last_argument(const struct imap_arg *args)
{
	while (!IMAP_ARG_IS_EOL(args) && !IMAP_ARG_IS_EOL(&args[1]))
		args++;
	return args->type == IMAP_ARG_LIST ? last_argument(imap_arg_as_list(args)) : args;
}

/* The rest of the line is not looked at. */
static bool cmd_xzip_refuse(struct client_command_context *cmd)
{
	const char *error = xzip_command(cmd)->error;
	const struct imap_arg *args;

	if (!client_read_args(cmd, 0, IMAP_PARSE_FLAG_LITERAL_SIZE, &args))
		return FALSE;
	args = last_argument(args);
	if (args->type == IMAP_ARG_LITERAL_SIZE_NONSYNC) {
		/* It comes without being asked for, and would be read as commands. */
		client_disconnect_with_error(cmd->client, error);
		return TRUE;
	}
	if (args->type == IMAP_ARG_LITERAL_SIZE) {
		/* The client waits, with nothing left of its line. */
		cmd->client->input_skip_line = FALSE;
	}
	client_send_command_error(cmd, error);
	return TRUE;
}

static bool refuse(struct client_command_context *cmd, const char *error)
{
	xzip_command(cmd)->error = p_strdup(cmd->pool, error);
	cmd->func = cmd_xzip_refuse;
	return cmd_xzip_refuse(cmd);
}

static bool is_allowed(const char *name)
{
	for (unsigned int i = 0; i < N_ELEMENTS(allowed); i++) {
		if (strcasecmp(allowed[i], name) == 0)
			return TRUE;
	}
	return FALSE;
}

/* As if the client had given it now, so that it waits for others as it would have. */
static bool start(struct client_command_context *cmd, const char *name)
{
	struct client *client = cmd->client;
	struct xzip_client *xclient = XZIP_CLIENT(client);
	struct xzip_command *xcmd = xzip_command(cmd);
	const struct command *command = command_find(name);

	if (command == NULL || !is_allowed(name))
		return refuse(cmd, t_strdup_printf("%s is not to be compressed.",
						   str_sanitize(t_str_ucase(name), 32)));
	if (xclient->xzip == NULL)
		xclient->xzip = xzip_create();
	xcmd->func = command->func;
	xcmd->tag = cmd->tag;
	cmd->tag = xcmd->own_tag;
	cmd->name = p_strdup(cmd->pool, name);
	cmd->cmd_flags = command->flags;
	cmd->func = cmd_xzip_run;
	event_add_str(cmd->event, "cmd_name", command->name);

	/* Core finds out whether it has to, and calls us again. */
	i_assert(cmd->state == CLIENT_COMMAND_STATE_WAIT_INPUT);
	client->input_lock = cmd;
	cmd->state = CLIENT_COMMAND_STATE_WAIT_UNAMBIGUITY;
	io_remove(&client->io);
	return FALSE;
}

bool cmd_xzip(struct client_command_context *cmd)
{
	struct xzip_command *xcmd = xzip_command(cmd);
	const char *word;
	int ret;

	if (XZIP_CLIENT(cmd->client) == NULL) {
		client_send_command_error(cmd, "Unknown command.");
		return TRUE;
	}
	if (xcmd == NULL) {
		xcmd = p_new(cmd->pool, struct xzip_command, 1);
		MODULE_CONTEXT_SET(cmd, xzip_module, xcmd);
	}
	if (xcmd->own_tag == NULL) {
		if ((ret = imap_parser_read_tag(cmd->parser, &word)) == 0)
			return FALSE;
		if (ret < 0)
			return refuse(cmd, "Needs a tag and a command.");
		if (strcasecmp(word, "INLINE") == 0)
			return refuse(cmd, "INLINE is not supported.");
		xcmd->own_tag = p_strdup(cmd->pool, word);
	}
	for (;;) {
		if ((ret = imap_parser_read_command_name(cmd->parser, &word)) == 0)
			return FALSE;
		if (ret < 0)
			return refuse(cmd, "Needs a tag and a command.");
		if (cmd->uid)
			return start(cmd, t_strconcat("UID ", word, NULL));
		if (strcasecmp(word, "UID") != 0)
			return start(cmd, word);
		cmd->uid = TRUE;
	}
}

/* --- the client ------------------------------------------------------------- */

static void xzip_destroy(struct client *client, const char *reason)
{
	struct xzip_client *xclient = XZIP_CLIENT(client);
	struct xzip *xzip = xclient->xzip;

	/* Cancels commands, which answer. */
	xclient->next_destroy(client, reason);
	xzip_free(&xzip);
}

void cmd_xzip_client_created(struct client *client)
{
	struct xzip_client *xclient = p_new(client->pool, struct xzip_client, 1);

	MODULE_CONTEXT_SET(client, xzip_module, xclient);
	xclient->next_send_tagline = client->v.send_tagline;
	client->v.send_tagline = xzip_send_tagline;
	xclient->next_destroy = client->v.destroy;
	client->v.destroy = xzip_destroy;
}
