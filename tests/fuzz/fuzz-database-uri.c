/* An address is itself, and its name is one without options. */
#include "database-uri.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	struct database_uri uri;

	database_uri_parse(text, "/sync", &uri);
	assert(uri.name != NULL);
	assert(strchr(uri.name, '?') == NULL);
	assert(!uri.known || *uri.name != '\0');
	assert(database_uri_equal(text, text, "/sync"));
	database_uri_clear(&uri);
	return 0;
}
