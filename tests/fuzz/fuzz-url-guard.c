/* The first line is what the operator allows (blanks between), the second the URL.
 * What is taken has a shape that can be relied on, and is taken again in its own
 * spelling. */
#include "limits.h"
#include "public-address.h"
#include "url-guard.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parts(const struct url_guard *guard, const struct url_parts *parts)
{
	g_autofree char *again_url = g_strconcat(parts->origin, parts->target, NULL);
	g_autofree char *lower = g_ascii_strdown(parts->host, -1);
	struct url_parts again = {0};

	g_assert(strcmp(lower, parts->host) == 0);
	g_assert(parts->target[0] == '/' && parts->port != 0);
	for (const char *p = again_url; *p != '\0'; p++)
		g_assert(*p > ' ' && *p < 0x7f && *p != '\\' && *p != '#');
	g_assert(strlen(parts->target) <= LIMIT_ENDPOINT + 1);
	if (strlen(again_url) > LIMIT_ENDPOINT) /* the port was added */
		return;
	g_assert(url_guard_parse(guard, again_url, &again, NULL));
	g_assert(strcmp(again.origin, parts->origin) == 0);
	g_assert(strcmp(again.host, parts->host) == 0);
	g_assert(strcmp(again.target, parts->target) == 0);
	url_parts_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	char *url = strchr(text, '\n');
	struct url_parts parts = {0};

	if (url == NULL)
		return 0;
	*url++ = '\0';
	g_auto(GStrv) allowed = g_strsplit(text, " ", 8);
	struct url_guard *guard = url_guard_new((const char *const *)allowed, NULL);
	struct url_guard *strict = url_guard_new(NULL, NULL);
	if (guard != NULL && url_guard_parse(guard, url, &parts, NULL)) {
		check_parts(guard, &parts);
		url_parts_clear(&parts);
	}
	if (url_guard_parse(strict, url, &parts, NULL)) {
		check_parts(strict, &parts);
		/* Nobody allowed anything: a name of the public internet on 443. */
		g_assert(parts.secure && parts.port == 443);
		g_assert(strchr(parts.host, '.') != NULL);
		g_assert(!g_hostname_is_ip_address(parts.host));
		url_parts_clear(&parts);
	}
	url_guard_unref(guard);
	url_guard_unref(strict);
	return 0;
}
