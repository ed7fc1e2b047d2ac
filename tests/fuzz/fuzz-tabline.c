/* Splitting never reads past the line, and what it yields survives a round trip. */
#include "limits.h"
#include "tabline.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tabline_field fields[LIMIT_LINE_FIELDS], again[LIMIT_LINE_FIELDS];
	size_t count, count_again;
	char *line = malloc(size + 1);

	memcpy(line, data, size);
	line[size] = '\0';
	if (tabline_split(line, size, fields, LIMIT_LINE_FIELDS, &count) == TABLINE_OK) {
		struct tabline_buf buf;

		tabline_buf_init(&buf, LIMIT_BATCH_BYTES);
		for (size_t i = 0; i < count; i++) {
			/* A key with an escaped '=' cannot be written back as a key. */
			if (fields[i].key != NULL)
				tabline_field(&buf, fields[i].key, fields[i].value);
			else
				tabline_word(&buf, fields[i].value);
		}
		if (tabline_end(&buf) && size > 0) {
			assert(tabline_split(buf.data, buf.len - 1, again, LIMIT_LINE_FIELDS,
					     &count_again) == TABLINE_OK);
		}
		tabline_buf_free(&buf);
	}
	free(line);
	return 0;
}
