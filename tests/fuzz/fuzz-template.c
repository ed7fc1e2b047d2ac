/* The first line of the input is a template, the rest each value. What passes the
 * check expands, within the ceiling, to UTF-8; and a string made with json: stays
 * one string. */
#include "limits.h"
#include "template.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-glib/json-glib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(const char *const values[TEMPLATE_NAME_COUNT])
{
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autofree char *text = template_expand("[\"%{json:subject}\"]", values, NULL);

	if (text == NULL)
		return;
	assert(json_parser_load_from_data(parser, text, -1, NULL));
	assert(json_array_get_length(json_node_get_array(json_parser_get_root(parser))) == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *values[TEMPLATE_NAME_COUNT];
	char *text = g_strndup((const char *)data, size), *value = text, *line;

	line = strsep(&value, "\n");
	for (guint i = 0; i < TEMPLATE_NAME_COUNT; i++)
		values[i] = value;
	if (template_check(line, "text/plain", NULL)) {
		g_autoptr(GError) error = NULL;
		g_autofree char *result = template_expand(line, values, &error);

		assert(result != NULL || error->code == TEMPLATE_ERROR_SIZE);
		assert(result == NULL ||
		       (strlen(result) <= LIMIT_WEBHOOK_BODY && g_utf8_validate(result, -1, NULL)));
	} else {
		assert(!template_check(line, "application/json", NULL));
	}
	check_json(values);
	g_free(text);
	return 0;
}
