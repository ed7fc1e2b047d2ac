/* Events fold into events: what comes out decodes, fits, and has the newer one's
 * names. The input is two lines. */
#include "limits.h"
#include "notification.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static gboolean decodes(const char *line, struct push_event *event_r, char **storage_r)
{
	*storage_r = g_strdup(line);
	return push_event_decode(*storage_r, strlen(*storage_r), event_r) == PUSH_EVENT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autofree char *newer_storage = NULL, *merged_storage = NULL;
	char *second = strchr(text, '\n');
	struct notification newer = {.event = (char *)""};
	struct push_event newer_event, merged_event;
	g_autoptr(notification_t) older = NULL;
	gboolean is_event;

	if (second == NULL)
		return 0;
	*second++ = '\0';
	newer.event = second;
	newer.messages = size % 3;
	older = notification_copy(&(struct notification){.event = text, .messages = size % 2});
	notification_merge(older, &newer);
	assert(strchr(older->event, '\n') == NULL || strchr(second, '\n') != NULL);
	assert(strlen(older->event) < LIMIT_LINE);
	if (!decodes(second, &newer_event, &newer_storage)) {
		assert(strcmp(older->event, second) == 0);
		return 0;
	}
	is_event = decodes(older->event, &merged_event, &merged_storage);
	assert(is_event);
	assert(merged_event.kind == newer_event.kind);
	assert(g_strcmp0(merged_event.mailbox, newer_event.mailbox) == 0);
	assert(g_strcmp0(merged_event.package, newer_event.package) == 0);
	assert(newer_event.uidvalidity == 0 || merged_event.uidvalidity == newer_event.uidvalidity);
	return 0;
}
