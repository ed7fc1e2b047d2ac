/* The first octet says which device and kinds, the rest is an event line: what is
 * pushed fits, is UTF-8, and its lines hold together. */
#include "limits.h"
#include "payload.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-glib/json-glib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(const char *text, gsize len)
{
	assert(len >= 2 && text[len - 2] == '\r' && text[len - 1] == '\n');
	for (gsize i = 0; i < len; i++) {
		if (text[i] == '\r')
			assert(text[i + 1] == '\n');
		else if (text[i] == '\n')
			assert(text[i - 1] == '\r');
		else
			assert((guchar)text[i] >= ' ');
	}
}

static void check_json(const char *text, gsize len)
{
	g_autoptr(JsonParser) parser = json_parser_new();

	assert(json_parser_load_from_data(parser, text, (gssize)len, NULL));
	assert(JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct device device = {.device = (char *)"phone-1"};
	struct notification notification = {0};
	GBytes *payload;
	const char *text;
	gsize len;

	if (size < 2)
		return 0;
	device.dialect = (data[0] & 1) != 0 ? DIALECT_COI : DIALECT_GOUGEON;
	device.content = (data[0] & 2) != 0;
	notification.kinds = ((push_event_kinds)data[0] >> 3 | (push_event_kinds)data[1] << 5) &
			     PUSH_EVENT_KINDS_ALL;
	notification.event = g_strndup((const char *)data + 2, size - 2);
	payload = payload_build(&device, &notification, (data[0] & 4) != 0);
	text = g_bytes_get_data(payload, &len);
	assert(len <= LIMIT_PUSH_PLAINTEXT && g_utf8_validate_len(text, len, NULL));
	if (device.dialect == DIALECT_COI)
		check_json(text, len);
	else
		check_lines(text, len);
	g_bytes_unref(payload);
	g_free(notification.event);
	return 0;
}
