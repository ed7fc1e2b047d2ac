/* Reading takes any page; what comes out is within its ceiling, and its lines end with CRLF. */
#include "html-text.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Little for what is small, so that the ceiling is met. */
	struct convert_buf out = {.max = size % 7 == 0 ? 64 : 1 << 16};
	bool complete = html_to_text((const char *)data, size, &out);

	assert(out.len <= out.max);
	assert(!(complete && out.full));
	for (size_t i = 0; i < out.len; i++)
		assert(out.data[i] != '\n' || (i > 0 && out.data[i - 1] == '\r'));
	convert_buf_free(&out);
	return 0;
}
