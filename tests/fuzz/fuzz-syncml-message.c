/* A message that was read and written reads and writes as itself. */
#include "sml-written.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum sml_encoding encoding = markup_guess(data, size);
	g_autoptr(GError) error = NULL;
	g_autoptr(sml_message_t) message = sml_message_read(encoding, data, size, &error);
	g_autoptr(sml_message_t) again = NULL;
	g_autoptr(GBytes) first = NULL, second = NULL;
	gsize len;
	const void *text;

	assert((message == NULL) == (error != NULL));
	if (message == NULL)
		return 0;
	first = sml_written(message, encoding);
	text = g_bytes_get_data(first, &len);
	again = sml_message_read(encoding, text, len, &error);
	/* Octets that were no UTF-8 are longer now. */
	if (again == NULL) {
		assert(g_error_matches(error, MESSAGE_ERROR, MESSAGE_ERROR_LIMIT) ||
		       g_error_matches(error, MARKUP_ERROR, MARKUP_ERROR_LIMIT));
		return 0;
	}
	second = sml_written(again, encoding);
	assert(g_bytes_equal(first, second));
	return 0;
}
