/* A decoded event encodes, and decodes to the same event again. */
#include "limits.h"
#include "push-event.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct push_event event, again;
	char *line = malloc(size + 1);

	memcpy(line, data, size);
	line[size] = '\0';
	if (push_event_decode(line, size, &event) == PUSH_EVENT_OK) {
		struct tabline_buf buf;

		tabline_buf_init(&buf, LIMIT_BATCH_BYTES);
		if (push_event_encode(&buf, &event)) {
			assert(push_event_decode(buf.data, buf.len - 1, &again) == PUSH_EVENT_OK);
			assert(again.kind == event.kind && again.time_us == event.time_us);
			assert(strcmp(again.user, event.user) == 0);
			if (event.kind == PUSH_EVENT_DATA_CHANGE) {
				assert(again.mailbox == NULL && event.mailbox == NULL);
				assert(strcmp(again.device, event.device) == 0);
				assert(strcmp(again.package, event.package) == 0);
			} else {
				assert(strcmp(again.mailbox, event.mailbox) == 0);
			}
			assert((again.subject == NULL) == (event.subject == NULL));
		}
		tabline_buf_free(&buf);
	}
	free(line);
	return 0;
}
