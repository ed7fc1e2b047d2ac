/* Stand-ins for the URL guard and the config's look-up, so that the gateways' own
 * rules are what is tested: https and any host but one ending in ".refused". */
#ifndef FANTAIL_TEST_GATEWAY_DOUBLES_H
#define FANTAIL_TEST_GATEWAY_DOUBLES_H

#include "bridge-config.h"
#include "url-guard.h"

#include <string.h>

GQuark url_guard_error_quark(void)
{
	return g_quark_from_static_string("url-guard-error");
}

GQuark config_error_quark(void)
{
	return g_quark_from_static_string("config-error");
}

gboolean url_guard_parse(const struct url_guard *guard, const char *url, struct url_parts *parts_r,
			 GError **error)
{
	g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
	int port;

	if (uri == NULL || strcmp(g_uri_get_scheme(uri), "https") != 0 ||
	    g_str_has_suffix(g_uri_get_host(uri), ".refused")) {
		g_set_error_literal(error, URL_GUARD_ERROR, URL_GUARD_ERROR_HOST, "refused");
		return FALSE;
	}
	port = g_uri_get_port(uri) == -1 ? 443 : g_uri_get_port(uri);
	parts_r->origin = g_strdup_printf("https://%s:%d", g_uri_get_host(uri), port);
	parts_r->host = g_strdup(g_uri_get_host(uri));
	parts_r->port = (guint16)port;
	parts_r->target = g_strdup(g_uri_get_path(uri));
	parts_r->secure = TRUE;
	return TRUE;
}

void url_parts_clear(struct url_parts *parts)
{
	g_free(parts->origin);
	g_free(parts->host);
	g_free(parts->target);
	memset(parts, 0, sizeof(*parts));
}

const struct config_webhook *config_find_webhook(const struct config *config, const char *name)
{
	for (guint i = 0; i < config->webhooks->len; i++) {
		const struct config_webhook *hook = g_ptr_array_index(config->webhooks, i);

		if (strcmp(hook->name, name) == 0)
			return hook;
	}
	return NULL;
}

#endif
