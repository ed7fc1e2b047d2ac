#include "payload-pimap.h"

#include "emn.h"
#include "payload-private.h"

#include <string.h>

char *payload_pimap_account(const struct device *device)
{
	return g_uri_escape_string(device->user, "@+=", FALSE);
}

gint64 payload_pimap_time(const struct notification *notification)
{
	struct payload_facts facts;
	gint64 seconds;

	payload_facts_init(&facts, notification);
	seconds = facts.has_event ? (gint64)(facts.event.time_us / G_USEC_PER_SEC) : 0;
	payload_facts_clear(&facts);
	return seconds;
}

GBytes *payload_pimap(const struct device *device, const struct notification *notification)
{
	g_autofree char *account = payload_pimap_account(device);
	char *text = emn_text(account, payload_pimap_time(notification));

	/* As GLib does. */
	if (text == NULL)
		g_error("out of memory");
	return g_bytes_new_with_free_func(text, strlen(text), free, text);
}

const char *payload_pimap_type(const struct device *device)
{
	return "text/vnd.wap.emn+xml";
}
