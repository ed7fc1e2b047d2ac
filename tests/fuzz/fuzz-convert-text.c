/* The first octet is an encoding, then two names of charsets, each with a newline behind it; the
 * rest is text. What comes out is within its ceiling, and what is encoded can go where it says. */
#include "convert-text.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* NULL: there is none. */
static char *take_line(const uint8_t **data, size_t *size)
{
	const uint8_t *end = *size == 0 ? NULL : memchr(*data, '\n', *size);
	char *line;

	if (end == NULL)
		return NULL;
	line = strndup((const char *)*data, (size_t)(end - *data));
	*size -= (size_t)(end + 1 - *data);
	*data = end + 1;
	return line;
}

static void check_encoded(enum convert_encoding encoding, const char *data, size_t len)
{
	struct convert_buf out = {.max = 4 * len + 1024};
	size_t column = 0;

	convert_encode(encoding, data, len, &out);
	assert(!out.full);
	if (encoding == CONVERT_BASE64 || encoding == CONVERT_QUOTED_PRINTABLE) {
		assert(convert_encoding_fits(CONVERT_7BIT, out.data, out.len));
		for (size_t i = 0; i < out.len; i++) {
			column = out.data[i] == '\n' ? 0 : column + 1;
			assert(column <= 77); /* with the CR */
		}
	} else {
		assert(out.len == len && (len == 0 || memcmp(out.data, data, len) == 0));
	}
	convert_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum convert_encoding encoding = CONVERT_7BIT;
	char *from, *to;

	if (size > 0) {
		encoding = (enum convert_encoding)(*data++ % (CONVERT_BASE64 + 1));
		size--;
	}
	from = take_line(&data, &size);
	to = take_line(&data, &size);
	if (from != NULL && to != NULL) {
		/* Little for what is small, so that the ceiling is met. */
		struct convert_buf out = {.max = size % 7 == 0 ? 64 : 1 << 16};
		bool lost = false;
		bool done = convert_text_recode(from, to, (const char *)data, size, &out, &lost);

		assert(done == convert_charset_known(to));
		assert(out.len <= out.max && (done || out.len == 0));
		assert(!out.full || lost);
		if (done) {
			enum convert_encoding chosen = convert_encoding_choose(out.data, out.len);

			assert(convert_encoding_fits(chosen, out.data, out.len));
			check_encoded(chosen, out.data, out.len);
			check_encoded(encoding, out.data, out.len);
		}
		convert_buf_free(&out);
	}
	free(from);
	free(to);
	return 0;
}
