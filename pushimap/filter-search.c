#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "imap-resp-code.h"
#include "mail-search-build.h"
#include "mail-search-parser.h"
#include "module-context.h"
#include "dovecot-compat.h"

#include "filter-search.h"
#include "limits.h"
#include "pimap-args.h"
#include "pushimap-cmd.h"
#include "pushimap-plugin.h"
#include "search-criteria.h"

#define FILTER_CLIENT_CONTEXT(client) MODULE_CONTEXT(client, filter_client_module)

struct filter_client {
	union imap_module_context module_ctx;
	void (*next_send_tagline)(struct client_command_context *cmd, const char *data);
};

/* One question to the bridge, while a command's arguments are read. All is of its pool. */
struct filter_lookup {
	struct filter_lookup *next; /* asked before it */
	struct client_command_context *cmd;
	const char *name;
	const char *criteria, *charset;
	const char *refused; /* the tagged answer */
};

static MODULE_CONTEXT_DEFINE_INIT(filter_client_module, &imap_module_register);

/* Core builds search arguments without saying for whom. */
static struct client_command_context *current;
/* What `current` has asked for, and how much criteria it has got in all. */
static struct filter_lookup *lookups;
static size_t octets;
/* How `current` has to end instead of with the BAD that core makes of every error there. */
static char *tagline;

/* --- asking ----------------------------------------------------------------- */

static void lookup_item(const struct tabline_field *fields, size_t count, void *context)
{
	struct filter_lookup *lookup = context;

	lookup->criteria = p_strdup(lookup->cmd->pool, tabline_get(fields, count, "criteria"));
	lookup->charset = p_strdup(lookup->cmd->pool, tabline_get(fields, count, "charset"));
}

static void lookup_answered(const struct registrar_answer *answer, void *context)
{
	struct filter_lookup *lookup = context;
	struct pushimap_refusal refusal;

	if (answer->result == REGISTRAR_OK ||
	    (answer->result == REGISTRAR_NO && strcmp(answer->code, "notfound") == 0))
		return;
	pushimap_refusal_get(answer, lookup->cmd->client->event, "SEARCH FILTER", &refusal);
	lookup->refused =
		p_strdup_printf(lookup->cmd->pool, "NO [%s] %s", refusal.resp_code, refusal.text);
}

/* Sets criteria or refused. */
static void look_up(struct filter_lookup *lookup)
{
	const struct pushimap_user *user = pushimap_user_get(lookup->cmd->client->user);
	struct tabline_buf line;

	if (pimap_filter_is_predefined(lookup->name)) {
		lookup->criteria = strcasecmp(lookup->name, "ALL") == 0 ? "ALL" : "NOT ALL";
		return;
	}
	registrar_begin(&line, "FILTERLIST", lookup->cmd->client->user->username);
	tabline_field(&line, "name", lookup->name);
	(void)tabline_end(&line);
	registrar_wait(user->socket_path, &line, lookup_item, lookup_answered, lookup);
	if (lookup->criteria == NULL && lookup->refused == NULL)
		lookup->refused =
			p_strdup_printf(lookup->cmd->pool,
					"NO [UNDEFINED-FILTER %s] No such filter.", lookup->name);
}

/* Each name once, since the session waits for it; and not more of it than a client could have
 * written: a line has room for some thousand names. */
static const struct filter_lookup *find(const char *name)
{
	struct filter_lookup *lookup = lookups;

	while (lookup != NULL && strcmp(lookup->name, name) != 0)
		lookup = lookup->next;
	if (lookup == NULL) {
		lookup = p_new(current->pool, struct filter_lookup, 1);
		lookup->cmd = current;
		lookup->name = p_strdup(current->pool, name);
		look_up(lookup);
		lookup->next = lookups;
		lookups = lookup;
	}
	if (lookup->refused == NULL) {
		octets += strlen(lookup->criteria);
		if (octets > LIMIT_FILTER_SEARCH)
			lookup->refused =
				"NO [" IMAP_RESP_CODE_LIMIT "] Too many filters in one search.";
	}
	return lookup;
}

/* --- the key ---------------------------------------------------------------- */

static struct mail_search_arg *fail(struct mail_search_build_context *ctx, const char *error)
{
	ctx->_error = p_strdup(ctx->pool, error);
	return NULL;
}

static struct mail_search_arg *build_filter(struct mail_search_build_context *ctx)
{
	const struct pushimap_user *user =
		current == NULL ? NULL : pushimap_user_get(current->client->user);
	const struct filter_lookup *lookup;
	char name[LIMIT_FILTER_NAME + 1];
	struct mail_search_args *args;
	struct mail_search_arg *arg;
	const char *text, *error;

	if (user == NULL || !user->pimap)
		return fail(ctx, "Unknown argument FILTER");
	if (mail_search_parse_string(ctx->parser, &text) < 0)
		return NULL;
	if (pimap_filter_name(text, name, &error) != WEBPUSH_OK)
		return fail(ctx, error);
	lookup = find(name);
	if (lookup->refused != NULL) {
		i_free(tagline);
		tagline = i_strdup(lookup->refused);
		return fail(ctx, "No such filter");
	}
	if (search_criteria_parse(lookup->criteria, lookup->charset, &args, &error) < 0)
		return fail(ctx, error);
	arg = mail_search_build_new(ctx, SEARCH_SUB);
	arg->value.subargs = mail_search_arg_dup(ctx->pool, args->args);
	mail_search_args_unref(&args);
	return arg;
}

static const struct mail_search_register_arg filter_key = {"FILTER", build_filter};

/* --- around commands -------------------------------------------------------- */

static void command_pre(struct client_command_context *cmd)
{
	current = cmd;
	lookups = NULL;
	octets = 0;
}

static void command_post(struct client_command_context *cmd ATTR_UNUSED)
{
	current = NULL;
	lookups = NULL;
	i_free(tagline);
}

static void filter_send_tagline(struct client_command_context *cmd, const char *data)
{
	struct filter_client *filter = FILTER_CLIENT_CONTEXT(cmd->client);

	if (cmd == current && tagline != NULL && strncmp(data, "BAD ", 4) == 0) {
		data = tagline;
		/* Core is about to count it among those that are BAD. */
		cmd->client->bad_counter--;
	}
	filter->next_send_tagline(cmd, data);
}

void filter_search_client_created(struct client *client)
{
	struct filter_client *filter = p_new(client->pool, struct filter_client, 1);

	MODULE_CONTEXT_SET(client, filter_client_module, filter);
	filter->next_send_tagline = client->v.send_tagline;
	client->v.send_tagline = filter_send_tagline;
}

void filter_search_init(void)
{
	/* There is no way to take it back; nobody searches after deinit. */
	mail_search_register_add(mail_search_register_get_imap(), &filter_key, 1);
	command_hook_register(command_pre, command_post);
}

void filter_search_deinit(void)
{
	command_hook_unregister(command_pre, command_post);
	i_free(tagline);
}
