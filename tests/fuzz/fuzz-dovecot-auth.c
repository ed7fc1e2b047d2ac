/* Lines of Dovecot's auth process: whatever it says, a user's name comes with OK only. */
#include "dovecot-auth-line.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autoptr(GError) error = NULL;
	struct dovecot_auth_line line;

	memcpy(text, data, size);
	if (!dovecot_auth_line_parse(text, size, &line, &error)) {
		assert(error != NULL);
		return 0;
	}
	if (line.kind == DOVECOT_AUTH_LINE_ANSWER)
		assert((line.user != NULL) == (line.result == DOVECOT_AUTH_OK));
	return 0;
}
