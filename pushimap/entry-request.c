#include "lib.h"
#include "istream.h"
#include "mail-storage-private.h"
#include "mailbox-attribute.h"
#include "str.h"

#include "entry-request.h"
#include "monotonic.h"
#include "pushimap-cmd.h"
#include "pushimap-plugin.h"

/* Until when this process does not ask: the bridge did not answer. One command names as many
 * entries as the client likes, and each is a request that holds up the session, and all others
 * of the process. */
static uint64_t away_until_us;

void entry_set_error(struct mailbox *box, enum webpush_error error, const char *text)
{
	mail_storage_set_error(box->storage,
			       error == WEBPUSH_LIMIT ? MAIL_ERROR_LIMIT : MAIL_ERROR_NOTPOSSIBLE,
			       text);
}

static void answered(const struct registrar_answer *answer, void *context)
{
	struct entry_request *request = context;
	struct pushimap_refusal refusal;

	if (answer->result == REGISTRAR_TIMEOUT)
		away_until_us = monotonic_us() + LIMIT_REGISTRAR_AWAY_MSECS * 1000ULL;
	if (answer->result == REGISTRAR_OK) {
		request->ok = TRUE;
		if (request->answered != NULL)
			request->answered(answer->fields, answer->count, request);
		return;
	}
	if (request->lacks_is_ok && answer->result == REGISTRAR_NO &&
	    strcmp(answer->code, "notfound") == 0) {
		request->ok = TRUE;
		return;
	}
	pushimap_refusal_get(answer, request->box->storage->user->event, request->what, &refusal);
	/* Core takes "not possible", while it lists, for its own way of saying that
	 * attributes are off, and relies on having said it. */
	if (request->reads && refusal.error == MAIL_ERROR_NOTPOSSIBLE)
		refusal.error = MAIL_ERROR_UNAVAILABLE;
	mail_storage_set_error(request->box->storage, refusal.error, refusal.text);
}

/* Without asking, so not the start of another pause. */
static void still_away(struct entry_request *request)
{
	static const struct registrar_answer answer = {
		.result = REGISTRAR_AWAY,
		.text = "it did not answer a moment ago",
	};

	answered(&answer, request);
}

bool entry_request_send(struct entry_request *request, struct tabline_buf *line)
{
	const struct pushimap_user *user = pushimap_user_get(request->box->storage->user);

	if (!tabline_end(line)) {
		tabline_buf_free(line);
		entry_set_error(request->box, WEBPUSH_LIMIT, "Value is too long.");
		return FALSE;
	}
	if (monotonic_us() < away_until_us) {
		tabline_buf_free(line);
		still_away(request);
		return FALSE;
	}
	registrar_wait(user->socket_path, line, request->item, answered, request);
	return request->ok;
}

int entry_value_read(struct mailbox *box, const struct mail_attribute_value *value, size_t limit,
		     const char **text_r)
{
	struct istream *input = value->value_stream;
	const unsigned char *data;
	size_t size;
	string_t *text;

	if (input == NULL) {
		*text_r = value->value;
		return 0;
	}
	text = t_str_new(512);
	i_stream_seek(input, 0);
	while (str_len(text) <= limit && i_stream_read_more(input, &data, &size) > 0) {
		str_append_data(text, data, size);
		i_stream_skip(input, size);
	}
	if (input->stream_errno != 0) {
		mail_storage_set_critical(box->storage, "read(%s) failed: %s",
					  i_stream_get_name(input), i_stream_get_error(input));
		return -1;
	}
	if (str_len(text) > limit) {
		entry_set_error(box, WEBPUSH_LIMIT, "Value is too long.");
		return -1;
	}
	if (memchr(str_data(text), '\0', str_len(text)) != NULL) {
		entry_set_error(box, WEBPUSH_CANNOT, "Value has NULs.");
		return -1;
	}
	*text_r = str_c(text);
	return 0;
}
