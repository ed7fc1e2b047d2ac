/* Whatever a phone sends, its transcript is text that a terminal may be shown. */
#include "transcript-text.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *title = g_strndup((const char *)data, size);

	transcript_text_add(text, title, data, size);
	assert(g_utf8_validate(text->str, (gssize)text->len, NULL));
	for (const char *p = text->str; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		assert(c == '\n' || c == '\t' || g_unichar_isprint(c));
	}
	return 0;
}
