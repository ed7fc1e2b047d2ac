/* A session file that is accepted is written again as it would be read: and its folders are
 * such as the proof may work with. */
#include "limits.h"
#include "pimap-state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_same(const struct pimap_session *session, const struct pimap_session *again)
{
	assert(again->id == session->id && again->owner == session->owner);
	assert(again->created == session->created && again->used == session->used);
	assert(again->push == session->push && strcmp(again->format, session->format) == 0);
	assert(strcmp(again->selected, session->selected) == 0);
	assert(again->count == session->count && session->count <= LIMIT_PIMAP_FOLDERS);
	assert(!pimap_session_has_news(again));
	for (size_t i = 0; i < session->count; i++) {
		const struct pimap_folder *folder = &session->folders[i];

		assert(memcmp(folder, &again->folders[i], sizeof(*folder)) == 0);
		assert(folder->messages == 0 || folder->messages < folder->uidnext);
	}
}

/* Spoils `buf`. */
static void read_again(struct tabline_buf *buf, const struct pimap_session *session)
{
	struct pimap_session again;

	assert(pimap_session_decode(buf->data, buf->len, &again));
	expect_same(session, &again);
	pimap_session_free(&again);
}

/* The file and, behind it, what has changed since: another mailbox is selected or none, and the
 * folder that was longest unused is in use. */
static void add_and_read(struct pimap_session *session)
{
	struct tabline_buf buf;

	tabline_buf_init(&buf, 2 * LIMIT_PIMAP_SESSION_FILE);
	assert(pimap_session_encode(session, &buf));
	pimap_session_select(session, *session->selected == '\0' ? "INBOX" : "");
	if (session->count > 0)
		pimap_session_mark(session, session->folders[0].guid, !session->folders[0].unsure);
	assert(pimap_session_encode_changes(session, &buf));
	read_again(&buf, session);
	tabline_buf_free(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pimap_session session;
	struct tabline_buf buf;
	char *text = malloc(size + 1);

	assert(text != NULL);
	memcpy(text, data, size);
	if (pimap_session_decode(text, size, &session)) {
		tabline_buf_init(&buf, LIMIT_PIMAP_SESSION_FILE);
		assert(pimap_session_encode(&session, &buf));
		read_again(&buf, &session);
		tabline_buf_free(&buf);
		add_and_read(&session);
	}
	pimap_session_free(&session);
	free(text);
	return 0;
}
