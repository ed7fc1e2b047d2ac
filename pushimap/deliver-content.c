#include "imap-common.h"
#include "imap-client.h"
#include "imap-commands.h"
#include "imap-msgpart-url.h"
#include "imap-resp-code.h"
#include "imap-url.h"
#include "iostream-temp.h"
#include "istream.h"
#include "mail-storage.h"
#include "mail-user.h"
#include "ostream.h"
#include "str.h"

#include "deliver-content.h"
#include "limits.h"
#include "pushimap-cmd.h"

/* Up to this a script with its messages stays in memory. */
#define MEMORY_OCTETS (128 * 1024)
#define PIECE_OCTETS 8192

struct deliver_content {
	struct client *client;
	pool_t pool;
	struct deliver_script *script;
	ARRAY(struct deliver_step) steps;
	unsigned int mail; /* the step with the last sender */
	struct ostream *output;
	uoff_t start; /* of the message in it */
	struct deliver_batch batch;
	const char *failure; /* of the receiver: a tagged answer */
};

static bool fail(struct deliver_content *content, const char *answer)
{
	content->failure = p_strdup(content->pool, answer);
	return FALSE;
}

/* --- what the script says --------------------------------------------------- */

static bool receive_text(void *context, const char *text, size_t size)
{
	struct deliver_content *content = context;

	if (content->output->offset + size > LIMIT_DELIVER_OCTETS)
		return fail(content, "NO [TOOBIG] The messages are too large.");
	/* A full disk is found at the end. */
	o_stream_nsend(content->output, text, size);
	return TRUE;
}

static bool receive_command(void *context, enum deliver_verb verb, const char *line,
			    const char *address)
{
	struct deliver_content *content = context;
	struct deliver_step *step = array_append_space(&content->steps);

	step->verb = verb;
	step->line = p_strdup(content->pool, line);
	step->address = p_strdup(content->pool, address);
	if (verb == DELIVER_MAIL)
		content->mail = array_count(&content->steps) - 1;
	content->start = content->output->offset;
	return TRUE;
}

static bool receive_end(void *context)
{
	struct deliver_content *content = context;
	struct deliver_step *data = array_back_modifiable(&content->steps);
	struct deliver_step *mail = array_idx_modifiable(&content->steps, content->mail);

	data->offset = content->start;
	data->size = content->output->offset - content->start;
	mail->size = data->size;
	return TRUE;
}

/* --- stored content --------------------------------------------------------- */

static bool fail_url(struct deliver_content *content, const char *url, const char *why)
{
	/* The code ends with the first bracket. */
	if (strchr(url, ']') != NULL)
		return fail(content, t_strdup_printf("NO [BADURL] %s", why));
	return fail(content, t_strdup_printf("NO [BADURL %s] %s", url, why));
}

static bool copy_part(struct deliver_content *content, struct istream *input)
{
	struct deliver_newlines newlines = {.after_cr = false};
	char out[2 * PIECE_OCTETS];
	const unsigned char *data;
	size_t size;

	while (i_stream_read_more(input, &data, &size) > 0) {
		size = I_MIN(size, PIECE_OCTETS);
		if (!receive_text(content, out,
				  deliver_newlines_convert(&newlines, data, size, out)))
			return FALSE;
		i_stream_skip(input, size);
	}
	if (input->stream_errno != 0) {
		e_error(content->client->user->event, "fantail: XDELIVER: read(%s) failed: %s",
			i_stream_get_name(input), i_stream_get_error(input));
		return fail(content,
			    "NO [" IMAP_RESP_CODE_SERVERBUG "] Stored content cannot be read.");
	}
	return TRUE;
}

/* As CATENATE does, but for the mailbox: the selected one may be in the middle of something, so
 * it is opened anew. Rights are asked for then. */
static bool include(struct deliver_content *content, const char *spelt)
{
	struct client *client = content->client;
	struct imap_msgpart_open_result part;
	struct imap_msgpart_url *mpurl;
	struct imap_url base, *url;
	struct mailbox_status status;
	const char *error;
	bool ok;
	int ret;

	i_zero(&base);
	if (client->mailbox != NULL) {
		mailbox_get_open_status(client->mailbox, STATUS_UIDVALIDITY, &status);
		base.mailbox = mailbox_get_vname(client->mailbox);
		base.uidvalidity = status.uidvalidity;
	}
	/* Relative: to this server and this user. */
	if (imap_url_parse(spelt, &base, IMAP_URL_PARSE_REQUIRE_RELATIVE, &url, &error) < 0)
		return fail_url(content, spelt, t_strdup_printf("Invalid IMAP URL: %s.", error));
	if (url->mailbox == NULL)
		return fail_url(content, spelt, "No mailbox is selected.");
	if (imap_msgpart_url_create(client->user, url, &mpurl, &error) < 0)
		return fail_url(content, spelt, t_strconcat(error, ".", NULL));
	ret = imap_msgpart_url_read_part(mpurl, &part, &error);
	if (ret > 0)
		ok = part.input == NULL || copy_part(content, part.input);
	else if (ret == 0)
		ok = fail_url(content, spelt, t_strconcat(error, ".", NULL));
	else
		ok = fail(content, t_strdup_printf("NO [" IMAP_RESP_CODE_SERVERBUG "] %s", error));
	imap_msgpart_url_free(&mpurl);
	return ok;
}

static bool receive_url(void *context, const char *url)
{
	bool ok;

	T_BEGIN
	{
		char *spelt = t_malloc_no0(2 * strlen(url) + 1);

		deliver_url_spell(url, spelt);
		ok = include(context, spelt);
	}
	T_END;
	return ok;
}

static const struct deliver_receiver receiver = {
	.command = receive_command,
	.text = receive_text,
	.url = receive_url,
	.end = receive_end,
};

/* --- all of it -------------------------------------------------------------- */

struct deliver_content *deliver_content_new(struct client *client)
{
	pool_t pool = pool_alloconly_create("deliver content", 4096);
	struct deliver_content *content = p_new(pool, struct deliver_content, 1);
	string_t *prefix = t_str_new(128);

	content->client = client;
	content->pool = pool;
	i_array_init(&content->steps, 16);
	mail_user_set_get_temp_prefix(prefix, client->user->set);
	content->output = iostream_temp_create_sized(str_c(prefix), 0, "(XDELIVER)", MEMORY_OCTETS);
	content->script = deliver_script_new(&receiver, content);
	if (content->script == NULL)
		i_fatal_status(FATAL_OUTOFMEM, "XDELIVER: out of memory");
	return content;
}

void deliver_content_free(struct deliver_content **_content)
{
	struct deliver_content *content = *_content;

	*_content = NULL;
	if (content == NULL)
		return;
	deliver_script_free(content->script);
	array_free(&content->steps);
	if (content->output != NULL) {
		o_stream_abort(content->output);
		o_stream_destroy(&content->output);
	}
	i_stream_unref(&content->batch.text);
	pool_unref(&content->pool);
}

void deliver_content_feed(struct deliver_content *content, const void *data, size_t size)
{
	(void)deliver_script_feed(content->script, data, size);
}

static void answer_failure(struct deliver_content *content, struct client_command_context *cmd)
{
	const char *text;
	unsigned int line;
	enum webpush_error error = deliver_script_error(content->script, &text, &line);

	if (error == WEBPUSH_OK)
		client_send_tagline(cmd, t_strdup_printf("%s (Line %u of the script.)",
							 content->failure, line));
	else
		pushimap_cmd_fail(cmd, error,
				  t_strdup_printf("Line %u of the script: %s", line, text));
}

const struct deliver_batch *deliver_content_finish(struct deliver_content *content,
						   struct client_command_context *cmd)
{
	struct deliver_batch *batch = &content->batch;

	if (!deliver_script_finish(content->script)) {
		answer_failure(content, cmd);
		return NULL;
	}
	if (o_stream_finish(content->output) < 0) {
		e_error(content->client->user->event, "fantail: XDELIVER: write(%s) failed: %s",
			o_stream_get_name(content->output), o_stream_get_error(content->output));
		client_send_tagline(cmd, "NO [" IMAP_RESP_CODE_SERVERBUG
					 "] There is no room for the script now.");
		return NULL;
	}
	batch->text = iostream_temp_finish(&content->output, IO_BLOCK_SIZE);
	batch->steps = array_get(&content->steps, &batch->count);
	return batch;
}
