/* A session file that is accepted is written again as it would be read: and its folders are
 * such as the proof may work with. */
#include "limits.h"
#include "pimap-state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pimap_session session, again;
	struct tabline_buf buf;
	char *text = malloc(size + 1);

	assert(text != NULL);
	memcpy(text, data, size);
	if (pimap_session_decode(text, size, &session)) {
		tabline_buf_init(&buf, LIMIT_PIMAP_SESSION_FILE);
		assert(pimap_session_encode(&session, &buf));
		assert(pimap_session_decode(buf.data, buf.len, &again));
		assert(again.id == session.id && again.owner == session.owner);
		assert(again.created == session.created && again.used == session.used);
		assert(again.push == session.push && strcmp(again.format, session.format) == 0);
		assert(strcmp(again.selected, session.selected) == 0);
		assert(again.count == session.count && session.count <= LIMIT_PIMAP_FOLDERS);
		for (size_t i = 0; i < session.count; i++) {
			const struct pimap_folder *folder = &session.folders[i];

			assert(memcmp(folder, &again.folders[i], sizeof(*folder)) == 0);
			assert(folder->messages == 0 || folder->messages < folder->uidnext);
		}
		pimap_session_free(&again);
		tabline_buf_free(&buf);
	}
	pimap_session_free(&session);
	free(text);
	return 0;
}
