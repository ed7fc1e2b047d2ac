#include "answer.h"

#include <string.h>

/* What a phone says may be less than a header takes. */
#define MSG_SIZE_MIN 1000
#define MSG_SIZE_PERCENT 90
/* The status of an Alert 222, with which phones ask on. */
#define STATUS_SIZE 160
/* <Final/>, or a switch of pages and a token. */
#define FINAL_SIZE 8
#define FINAL_SIZE_WBXML 3

static gsize limit_of(const struct session *session)
{
	guint64 said = session->max_msg_size;
	guint percent = session->device == NULL ? 0 : session->device->rules.msg_size_percent;

	if (said == 0 || said > session->service->settings->max_msg_size)
		said = session->service->settings->max_msg_size;
	said = MAX(said, MSG_SIZE_MIN);
	/* "To the byte" is the phone's figure; some count what is around it, too. */
	if (percent == 0)
		percent = MSG_SIZE_PERCENT;
	return (gsize)(said * percent / 100);
}

static void fill_header(struct answer *answer)
{
	const struct session *session = answer->session;
	const struct sml_message *request = session->message;
	struct sml_message *header = answer->message;

	header->version = session->version;
	header->session_id = request->session_id;
	header->msg_id = session->msg_id;
	header->target = request->source;
	header->source = request->target;
	header->resp_uri = session->resp_uri;
	/* Said once; it is valid for the session. */
	if (session->msg_id == 1) {
		header->meta.max_msg_size = session->service->settings->max_msg_size;
		if (session->version != SML_1_0)
			header->meta.max_obj_size = session->service->settings->max_obj_size;
	}
}

static struct sml_command *ask_for_next(struct answer *answer)
{
	struct sml_command *alert = sml_command_new(answer->message, SML_CMD_ALERT);
	struct sml_item *item = sml_item_new(answer->message, alert);

	alert->code = 222;
	item->target = answer->message->target;
	item->source = answer->message->source;
	return alert;
}

/* Of a command that is written next. */
static gsize size_of(struct answer *answer, struct sml_command *command)
{
	struct markup_mark mark = markup_writer_mark(answer->writer);
	gsize before = markup_writer_size(answer->writer), size;

	command->cmd_id = answer->cmd_id + 1;
	sml_write_command(answer->writer, command);
	size = markup_writer_size(answer->writer) - before;
	markup_writer_rewind(answer->writer, mark);
	return size;
}

void answer_begin(struct answer *answer, struct session *session)
{
	struct markup_style style = {
		.encoding = session->encoding,
		.version = session->version,
		.cdata = session->device != NULL && session->device->rules.cdata,
	};

	memset(answer, 0, sizeof(*answer));
	session->msg_id++;
	answer->session = session;
	answer->writer = markup_writer_new(&style);
	answer->message = sml_message_new();
	answer->limit = limit_of(session);
	fill_header(answer);
	sml_write_begin(answer->writer, answer->message);
	answer->base = markup_writer_size(answer->writer);
	/* By then its number may be longer. */
	answer->ask_size = size_of(answer, ask_for_next(answer)) + strlen("9999");
}

/* What has to go in yet after a command: Final, or Alert 222 when there is nothing else. */
static gsize tail_of(const struct answer *answer, enum sml_command_kind kind)
{
	gsize final =
		markup_writer_encoding(answer->writer) == SML_XML ? FINAL_SIZE : FINAL_SIZE_WBXML;
	gboolean silent = answer->commands == 0 && kind == SML_CMD_STATUS;

	return answer->reserved + (silent ? MAX(final, answer->ask_size) : final);
}

gboolean answer_fits(struct answer *answer, struct sml_command *command, gboolean alone)
{
	gsize size = size_of(answer, command) + tail_of(answer, command->kind) +
		     (alone ? answer->base + STATUS_SIZE + answer->open_size
			    : markup_writer_size(answer->writer));

	return size <= answer->limit;
}

void answer_reserve(struct answer *answer, struct sml_command *command)
{
	answer->reserved += size_of(answer, command) + strlen("9999");
}

static gboolean fits(struct answer *answer, struct markup_mark mark, enum sml_command_kind kind,
		     gboolean must)
{
	if (must || markup_writer_size(answer->writer) + tail_of(answer, kind) <= answer->limit)
		return TRUE;
	markup_writer_rewind(answer->writer, mark);
	answer->cmd_id--;
	answer->full = TRUE;
	return FALSE;
}

gboolean answer_add(struct answer *answer, struct sml_command *command, gboolean must)
{
	struct markup_mark mark = markup_writer_mark(answer->writer);

	command->cmd_id = ++answer->cmd_id;
	sml_write_command(answer->writer, command);
	if (!fits(answer, mark, command->kind, must))
		return FALSE;
	answer->commands += command->kind != SML_CMD_STATUS;
	return TRUE;
}

gboolean answer_open(struct answer *answer, struct sml_command *command)
{
	struct markup_mark mark = markup_writer_mark(answer->writer);
	gsize before = markup_writer_size(answer->writer);

	command->cmd_id = ++answer->cmd_id;
	sml_write_open_command(answer->writer, command);
	answer->open_size = markup_writer_size(answer->writer) - before;
	if (!fits(answer, mark, command->kind, FALSE))
		return FALSE;
	answer->commands++;
	return TRUE;
}

void answer_close(struct answer *answer)
{
	markup_close(answer->writer);
}

void answer_ask(struct answer *answer)
{
	answer_add(answer, ask_for_next(answer), TRUE);
}

static void add_ref(GPtrArray **refs, char *ref)
{
	if (ref == NULL)
		return;
	*refs = g_ptr_array_new();
	g_ptr_array_add(*refs, ref);
}

static void add_data(struct answer *answer, struct sml_command *command,
		     const struct status *status)
{
	struct sml_item *item;

	if (status->anchor == NULL && status->data == NULL)
		return;
	item = sml_item_new(answer->message, command);
	item->data_anchor_next = status->anchor;
	if (status->anchor == NULL)
		item->data = g_bytes_new(status->data, strlen(status->data));
}

static gboolean add_status(struct answer *answer, const struct status *status, gboolean must)
{
	const struct device *device = answer->session->device;
	struct sml_command *command = sml_command_new(answer->message, SML_CMD_STATUS);

	command->msg_ref = status->msg;
	command->cmd_ref = status->cmd;
	command->cmd = status->name;
	command->code = status->code;
	add_ref(&command->target_refs, status->target_ref);
	add_ref(&command->source_refs, status->source_ref);
	/* Some phones do not survive an Item in the status of a failure. */
	if (device == NULL || !device->rules.no_item_in_status || status->code < 400)
		add_data(answer, command, status);
	if (status->challenge)
		command->chal = session_challenge(answer->session, answer->message);
	return answer_add(answer, command, must);
}

void answer_statuses(struct answer *answer)
{
	GPtrArray *statuses = answer->session->statuses;
	guint count = 0;

	/* The first is that of the header, and has to be there; addresses that fill a message of
	 * their own it can do without. */
	if (statuses->len > 0 && !add_status(answer, statuses->pdata[0], FALSE)) {
		struct status *header = statuses->pdata[0];

		g_clear_pointer(&header->target_ref, g_free);
		g_clear_pointer(&header->source_ref, g_free);
		answer->full = FALSE;
		add_status(answer, header, TRUE);
	}
	count = MIN(statuses->len, 1);
	answer->base = markup_writer_size(answer->writer);
	while (count < statuses->len && add_status(answer, statuses->pdata[count], FALSE))
		count++;
	if (count > 0)
		g_ptr_array_remove_range(statuses, 0, count);
}

GBytes *answer_end(struct answer *answer, gboolean final)
{
	GBytes *document = sml_write_end(answer->writer, final);

	markup_writer_free(answer->writer);
	sml_message_free(answer->message);
	return document;
}
