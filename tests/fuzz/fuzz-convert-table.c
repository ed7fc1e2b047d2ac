/* Reading takes any file; what it accepts has commands with absolute paths, and finds itself. */
#include "convert-table.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *error = NULL;
	struct convert_table *table;

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	table = convert_table_parse("file", text, &error);
	if (table == NULL) {
		assert(error != NULL && strncmp(error, "file line ", 10) == 0);
		assert(strchr(error, '\n') == NULL);
		free(error);
	} else {
		const struct convert_row *row =
			convert_table_find(table, "image/png", "image/jpeg");

		if (row != NULL) {
			assert(*row->argv[0] == '/');
			assert(convert_table_nearest(table, "image/png", "image/x") != NULL);
		}
	}
	convert_table_free(&table);
	free(text);
	return 0;
}
