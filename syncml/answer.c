#include "answer.h"

#include <string.h>

/* What a phone says may be less than a header takes. */
#define MSG_SIZE_MIN 1000
#define MSG_SIZE_PERCENT 90
/* Final, the end of a Sync that is open and Alert 222 have to fit, too. */
#define TAIL 220

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
}

gsize answer_room(const struct answer *answer)
{
	gsize size = markup_writer_size(answer->writer) + TAIL;

	return size >= answer->limit ? 0 : answer->limit - size;
}

static gboolean fits(struct answer *answer, struct markup_mark mark, gboolean must)
{
	if (markup_writer_size(answer->writer) + TAIL <= answer->limit || must)
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
	if (!fits(answer, mark, must))
		return FALSE;
	answer->commands += command->kind != SML_CMD_STATUS;
	return TRUE;
}

gboolean answer_open(struct answer *answer, struct sml_command *command)
{
	struct markup_mark mark = markup_writer_mark(answer->writer);

	command->cmd_id = ++answer->cmd_id;
	sml_write_open_command(answer->writer, command);
	if (!fits(answer, mark, FALSE))
		return FALSE;
	answer->commands++;
	return TRUE;
}

void answer_close(struct answer *answer)
{
	markup_close(answer->writer);
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

	/* The first is that of the header, and has to be there. */
	while (count < statuses->len && add_status(answer, statuses->pdata[count], count == 0))
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
