/* Device information that was read comes back the same in both encodings. */
#include "devinf.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct devinf *devinf, enum sml_encoding encoding)
{
	g_autoptr(GBytes) first = devinf_document(devinf, encoding), second = NULL, third = NULL;
	g_autoptr(devinf_t) again = NULL, once_more = NULL;
	g_autoptr(GError) error = NULL;
	gsize len;
	const void *text = g_bytes_get_data(first, &len);

	again = devinf_parse(text, len, &error);
	/* Octets that were no UTF-8 are longer now. */
	if (again == NULL) {
		assert(g_error_matches(error, MARKUP_ERROR, MARKUP_ERROR_LIMIT));
		return;
	}
	/* What no encoding can say is replaced the first time, and sorted elsewhere then. */
	second = devinf_document(again, encoding);
	text = g_bytes_get_data(second, &len);
	once_more = devinf_parse(text, len, NULL);
	assert(once_more != NULL);
	third = devinf_document(once_more, encoding);
	assert(g_bytes_equal(second, third));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(devinf_t) devinf = devinf_parse(data, size, NULL);

	if (devinf != NULL) {
		check(devinf, SML_WBXML);
		check(devinf, SML_XML);
	}
	return 0;
}
