#include "http-peer.h"

#include <string.h>

#include "config-value.h"

struct trusted_proxies {
	GPtrArray *masks; /* GInetAddressMask * */
};

struct trusted_proxies *trusted_proxies_new(const char *const *list, GError **error)
{
	struct trusted_proxies *proxies = g_new0(struct trusted_proxies, 1);

	proxies->masks = g_ptr_array_new_with_free_func(g_object_unref);
	for (; list != NULL && *list != NULL; list++) {
		GInetAddressMask *mask = g_inet_address_mask_new_from_string(*list, NULL);

		if (mask == NULL) {
			config_value_fail(error,
					  "'%s' is neither an address nor a range; write as "
					  "127.0.0.1 or 10.1.0.0/16",
					  *list);
			trusted_proxies_free(proxies);
			return NULL;
		}
		g_ptr_array_add(proxies->masks, mask);
	}
	return proxies;
}

void trusted_proxies_free(struct trusted_proxies *proxies)
{
	if (proxies == NULL)
		return;
	g_ptr_array_unref(proxies->masks);
	g_free(proxies);
}

static gboolean is_trusted(const struct trusted_proxies *proxies, GInetAddress *address)
{
	for (guint i = 0; i < proxies->masks->len; i++) {
		if (g_inet_address_mask_matches(proxies->masks->pdata[i], address))
			return TRUE;
	}
	return FALSE;
}

/* An address as these headers write it: with a port or not, in brackets or not. NULL = none. */
static GInetAddress *parse_address(const char *text)
{
	g_autofree char *copy = g_strdup(text);
	char *host = g_strstrip(copy), *end;

	if (*host == '"') {
		host++;
		host[strcspn(host, "\"")] = '\0';
	}
	if (*host == '[') {
		host++;
		host[strcspn(host, "]")] = '\0';
	} else if ((end = strchr(host, ':')) != NULL && strchr(end + 1, ':') == NULL) {
		*end = '\0';
	}
	return g_inet_address_new_from_string(host);
}

/* Each proxy appends who spoke to it: from the right, the first that is no proxy of ours is the
 * phone; what is left of it anybody may have written. */
static char *find_client(const struct trusted_proxies *proxies, char **hops)
{
	guint count = g_strv_length(hops);
	g_autoptr(GInetAddress) address = NULL;

	while (count > 0) {
		g_clear_object(&address);
		address = parse_address(hops[--count]);
		if (address == NULL)
			return NULL;
		if (!is_trusted(proxies, address))
			break;
	}
	return address == NULL ? NULL : g_inet_address_to_string(address);
}

/* One parameter of each element of Forwarded. Quotes may hold ',' and ';' but nobody who writes
 * addresses has a use for that. New. */
static char **forwarded_values(const char *forwarded, const char *name)
{
	g_auto(GStrv) elements = g_strsplit(forwarded, ",", -1);
	GPtrArray *values = g_ptr_array_new();

	for (char **element = elements; *element != NULL; element++) {
		g_auto(GStrv) pairs = g_strsplit(*element, ";", -1);

		for (char **pair = pairs; *pair != NULL; pair++) {
			char *equals = strchr(g_strstrip(*pair), '=');

			if (equals == NULL)
				continue;
			*equals = '\0';
			if (g_ascii_strcasecmp(*pair, name) == 0)
				g_ptr_array_add(values, g_strdup(equals + 1));
		}
	}
	g_ptr_array_add(values, NULL);
	return (char **)g_ptr_array_free(values, FALSE);
}

/* The nearest proxy's. */
static char *last_of(const char *forwarded, const char *name)
{
	g_auto(GStrv) values = forwarded_values(forwarded, name);
	guint count = g_strv_length(values);
	char *value;

	if (count == 0)
		return NULL;
	value = values[count - 1];
	if (*value == '"') {
		value++;
		value[strcspn(value, "\"")] = '\0';
	}
	return g_strdup(value);
}

static void believe(const struct trusted_proxies *proxies, const struct http_peer_headers *headers,
		    struct http_peer *peer)
{
	g_auto(GStrv) hops = NULL;
	g_autofree char *proto = NULL, *host = NULL;

	if (headers->forwarded != NULL) {
		hops = forwarded_values(headers->forwarded, "for");
		proto = last_of(headers->forwarded, "proto");
		host = last_of(headers->forwarded, "host");
	}
	if (headers->forwarded_for != NULL) {
		g_strfreev(hops);
		hops = g_strsplit(headers->forwarded_for, ",", -1);
	}
	if (headers->forwarded_proto != NULL) {
		g_free(proto);
		proto = g_strdup(headers->forwarded_proto);
	}
	if (headers->forwarded_host != NULL) {
		g_free(host);
		host = g_strdup(headers->forwarded_host);
	}

	if (hops != NULL && hops[0] != NULL) {
		g_free(peer->address);
		peer->address = find_client(proxies, hops);
		peer->local = FALSE;
	}
	if (proto != NULL)
		peer->tls = g_ascii_strcasecmp(g_strstrip(proto), "https") == 0;
	if (host != NULL) {
		g_free(peer->host);
		peer->host = g_strdup(g_strstrip(host));
	}
}

void http_peer_find(const struct trusted_proxies *proxies, GInetAddress *remote,
		    const struct http_peer_headers *headers, struct http_peer *peer_r)
{
	gboolean forwarded = headers->forwarded != NULL || headers->forwarded_for != NULL ||
			     headers->forwarded_proto != NULL;

	*peer_r = (struct http_peer){
		.address = remote == NULL ? NULL : g_inet_address_to_string(remote),
		.host = g_strdup(headers->host),
		/* A proxy that nobody told us of brings requests from anywhere. */
		.local = !forwarded && remote != NULL && g_inet_address_get_is_loopback(remote),
	};
	if (remote == NULL || is_trusted(proxies, remote))
		believe(proxies, headers, peer_r);
}

void http_peer_clear(struct http_peer *peer)
{
	g_clear_pointer(&peer->address, g_free);
	g_clear_pointer(&peer->host, g_free);
}
