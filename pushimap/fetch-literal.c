#include "imap-common.h"
#include "imap-client.h"
#include "imap-fetch.h"
#include "mail-storage-private.h"
#include "ostream.h"
#include "str.h"

#include "fetch-literal.h"

static int literal_continue(struct imap_fetch_context *ctx)
{
	struct imap_fetch_state *state = &ctx->state;
	struct ostream *output = ctx->client->output;
	enum ostream_send_istream_result result;

	o_stream_set_max_buffer_size(output, 0);
	result = o_stream_send_istream(output, state->cur_input);
	o_stream_set_max_buffer_size(output, SIZE_MAX);

	switch (result) {
	case OSTREAM_SEND_ISTREAM_RESULT_WAIT_OUTPUT:
		return 0;
	case OSTREAM_SEND_ISTREAM_RESULT_FINISHED:
		if (state->cur_input->v_offset == state->cur_size)
			return 1;
		/* fall through */
	case OSTREAM_SEND_ISTREAM_RESULT_WAIT_INPUT:
	case OSTREAM_SEND_ISTREAM_RESULT_ERROR_INPUT:
		/* Inside a literal nothing else can be said. */
		mail_set_critical(state->cur_mail, "read(%s) failed: %s (FETCH %s)",
				  i_stream_get_name(state->cur_input),
				  i_stream_get_error(state->cur_input), state->cur_human_name);
		client_disconnect(ctx->client, "FETCH read() failed");
		return -1;
	case OSTREAM_SEND_ISTREAM_RESULT_ERROR_OUTPUT:
		return -1;
	}
	i_unreached();
}

static int send_text(struct imap_fetch_context *ctx, const char *text, const char *end)
{
	string_t *line = t_str_new(128);

	if (!ctx->state.cur_first)
		str_append_c(line, ' ');
	ctx->state.cur_first = FALSE;
	str_append(line, text);
	str_append(line, end);
	return o_stream_send(ctx->client->output, str_data(line), str_len(line)) < 0 ? -1 : 1;
}

int fetch_item_send(struct imap_fetch_context *ctx, const char *item)
{
	return send_text(ctx, item, "");
}

int fetch_literal_send(struct imap_fetch_context *ctx, const char *head, struct istream *input,
		       uoff_t size, const char *what)
{
	struct imap_fetch_state *state = &ctx->state;

	state->cur_input = input;
	state->cur_size = size;
	state->cur_human_name = what;
	state->cur_stats_sizep = NULL;
	if (send_text(ctx, head, "\r\n") < 0)
		return -1;
	state->cont_handler = literal_continue;
	return literal_continue(ctx);
}
