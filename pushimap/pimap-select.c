#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "imap-parser.h"
#include "istream.h"
#include "ostream.h"
#include "dovecot-compat.h"

#include "pimap-select.h"

/* The command reads its arguments itself, from `input` in place of the client's. */
static void run(struct client *client, struct istream *input, size_t len)
{
	const struct command *select = command_find("SELECT");
	struct client_command_context *cmd = client_command_alloc(client);

	cmd->tag = "*";
	cmd->name = "SELECT";
	cmd->parser = fantail_imap_parser_create(input, NULL, len);
	fantail_command_set_internal(cmd);
	client_command_init_finished(cmd);
	(void)select->func(cmd);
	/* Core keeps a command's parser for the next one. */
	imap_parser_unref(&cmd->parser);
	client_command_free(&cmd);
}

bool pimap_select(struct client *client, const char *vname, string_t *said)
{
	struct ostream *output = client->output;
	string_t *line = t_str_new(128), *name = t_str_new(128);
	struct istream *input;

	if (fantail_client_mailbox_from_utf8(client, vname, name) < 0)
		return FALSE;
	fantail_imap_append_astring(line, str_c(name));
	str_append(line, "\r\n");
	input = i_stream_create_from_data(str_data(line), str_len(line));
	(void)i_stream_read(input);
	client->output = o_stream_create_buffer(said);
	/* 2.4 wants one who looks for errors, of which a buffer has none. */
	o_stream_set_no_error_handling(client->output, TRUE);
	run(client, input, str_len(line));
	o_stream_destroy(&client->output);
	client->output = output;
	i_stream_unref(&input);
	return client->mailbox != NULL;
}
