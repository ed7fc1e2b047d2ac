/* Lines: type, name, MAC header, Cred's data. What is claimed has no controls in it. */
#include "auth.h"
#include "limits.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_clean(const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		assert((guchar)*text >= 0x20 && *text != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = g_strndup((const char *)data, size), *next = text;
	const char *type = strsep(&next, "\n"), *name = strsep(&next, "\n");
	const char *mac = strsep(&next, "\n");
	struct sml_message message = {.source_name = name};
	struct sml_cred cred = {.type = type, .data = next, .data_len = next ? strlen(next) : 0};
	g_autoptr(GError) error = NULL;
	g_autoptr(auth_claim_t) claim =
		auth_claim_new(&message, next == NULL ? NULL : &cred,
			       mac == NULL || *mac == '\0' ? NULL : mac, &error);

	assert(claim == NULL || error == NULL);
	if (claim != NULL) {
		g_autoptr(GBytes) body = g_bytes_new_static("x", 1);

		assert_clean(claim->user);
		assert_clean(claim->password);
		auth_check(claim, "secret", "nonce", 5, body);
	}
	g_free(text);
	return 0;
}
