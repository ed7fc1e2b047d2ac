/* Whatever the text, there is a whole config or an error that names the file, the
 * line and a remedy, in printable UTF-8. */
#include "bridge-config.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(config_t) config = config_parse((const char *)data, size, "fuzz.conf", &error);

	if (config != NULL) {
		assert(error == NULL);
		assert(config->state_dir != NULL && config->socket != NULL);
		assert(config->timeout_secs > 0 && config->parallel > 0);
		for (guint i = 0; i < config->webhooks->len; i++) {
			const struct config_webhook *hook = g_ptr_array_index(config->webhooks, i);

			assert(hook->url != NULL && hook->events != 0);
			assert(config_find_webhook(config, hook->name) == hook);
		}
	} else {
		assert(error != NULL && error->domain == CONFIG_ERROR);
		assert(g_str_has_prefix(error->message, "fuzz.conf:"));
		assert(strchr(error->message, ';') != NULL || strchr(error->message, '?') != NULL);
		assert(g_utf8_validate(error->message, -1, NULL));
		assert(strchr(error->message, '\n') == NULL);
	}
	return 0;
}
