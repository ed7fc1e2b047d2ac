#include "url-guard.h"

#include "limits.h"
#include "public-address.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#define PORT_HTTPS 443
#define PORT_HTTP 80

/* Longest name in the DNS without its last dot, and longest label. */
#define DNS_NAME_MAX 253
#define DNS_LABEL_MAX 63

struct url_guard {
	gatomicrefcount refs;
	GHashTable *origins; /* char *, normalised */
	GHashTable *hosts;   /* char *, normalised */
	GPtrArray *ranges;   /* GInetAddressMask * */
};

/* Endings of names that mean something inside a network only, or nothing at
 * all. Their addresses would be refused anyhow; refusing the name tells the
 * user at registration, and does not ask the operator's DNS about it. */
static const char *const local_suffixes[] = {
	"local", "localhost", "localdomain", "internal", "intranet", "private", "lan",
	"home",  "corp",      "arpa",        "onion",    "invalid",  "test",    NULL,
};

GQuark url_guard_error_quark(void)
{
	return g_quark_from_static_string("fantail-url-guard-error");
}

void url_parts_clear(struct url_parts *parts)
{
	g_clear_pointer(&parts->origin, g_free);
	g_clear_pointer(&parts->host, g_free);
	g_clear_pointer(&parts->target, g_free);
}

void url_parts_copy(struct url_parts *to, const struct url_parts *from)
{
	to->origin = g_strdup(from->origin);
	to->host = g_strdup(from->host);
	to->port = from->port;
	to->target = g_strdup(from->target);
	to->secure = from->secure;
}

/* --- hosts --------------------------------------------------------------- */

static gboolean refuse(GError **error, enum url_guard_error code, const char *text)
{
	g_set_error_literal(error, URL_GUARD_ERROR, code, text);
	return FALSE;
}

/* "7", "0177", "0x7f": what some resolver might take for part of an IPv4
 * address. A last label like that is no name in the DNS (RFC 1123 2.1), so
 * decimal, octal, hexadecimal and short forms all end here. */
static gboolean label_is_number(const char *label)
{
	if (label[0] == '0' && (label[1] == 'x' || label[1] == 'X'))
		return label[2 + strspn(label + 2, "0123456789abcdefABCDEF")] == '\0';
	return label[strspn(label, "0123456789")] == '\0';
}

static gboolean label_is_valid(const char *label)
{
	gsize len = strlen(label);

	return len > 0 && len <= DNS_LABEL_MAX && label[0] != '-' && label[len - 1] != '-' &&
	       label[strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

/* A literal in its usual spelling, or NULL. The stricter look for inet_pton's
 * benefit: some libraries' readers take 010.0.0.1 for 8.0.0.1. */
static GInetAddress *literal_parse(const char *host)
{
	g_autoptr(GInetAddress) address = NULL;

	if (strchr(host, '%') != NULL)
		return NULL;
	address = g_inet_address_new_from_string(host);
	if (address == NULL)
		return NULL;
	if (g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV4) {
		g_autofree char *canonical = g_inet_address_to_string(address);

		if (strcmp(canonical, host) != 0)
			return NULL;
	}
	return g_steal_pointer(&address);
}

/* Lower case, punycode, no last dot; literals in canonical spelling. */
static char *host_normalise(const char *host, GError **error)
{
	g_autoptr(GInetAddress) literal = literal_parse(host);
	if (literal != NULL)
		return g_inet_address_to_string(literal);

	g_autofree char *ascii = g_hostname_to_ascii(host);
	if (ascii == NULL) {
		refuse(error, URL_GUARD_ERROR_SYNTAX, "the host is not a valid name");
		return NULL;
	}
	g_autofree char *name = g_ascii_strdown(ascii, -1);
	gsize len = strlen(name);
	if (len > 0 && name[len - 1] == '.')
		name[--len] = '\0';
	if (len == 0 || len > DNS_NAME_MAX) {
		refuse(error, URL_GUARD_ERROR_SYNTAX, "the host is missing or too long");
		return NULL;
	}
	g_auto(GStrv) labels = g_strsplit(name, ".", -1);
	const char *last = NULL;
	for (char **label = labels; *label != NULL; label++) {
		last = *label;
		if (!label_is_valid(last)) {
			refuse(error, URL_GUARD_ERROR_SYNTAX, "the host is not a valid name");
			return NULL;
		}
	}
	if (label_is_number(last)) {
		refuse(error, URL_GUARD_ERROR_HOST,
		       "the host is an address in disguise, not a name");
		return NULL;
	}
	return g_steal_pointer(&name);
}

static gboolean name_is_local(const char *host)
{
	const char *dot = strrchr(host, '.');

	return dot == NULL || g_strv_contains(local_suffixes, dot + 1);
}

static gboolean in_ranges(const struct url_guard *guard, GInetAddress *address)
{
	for (guint i = 0; i < guard->ranges->len; i++) {
		if (g_inet_address_mask_matches(guard->ranges->pdata[i], address))
			return TRUE;
	}
	return FALSE;
}

/* --- URLs ---------------------------------------------------------------- */

/* RFC 3986's characters, nothing else: what one reader of a URL takes for a
 * blank, a path or an escape, another may not. Letters beyond ASCII may stand
 * in the host, where IDN gives them a meaning. */
static gboolean octets_are_valid(const char *url, const char *authority_end)
{
	for (const char *p = url; *p != '\0'; p++) {
		if (g_ascii_isalnum(*p) || strchr("-._~:/?#[]@!$&'()*+,;=%", *p) != NULL)
			continue;
		if ((guchar)*p < 0x80 || p >= authority_end)
			return FALSE;
	}
	return g_utf8_validate(url, -1, NULL);
}

/* What can be said without knowing what the operator allows. */
static gboolean parts_from_url(const char *url, struct url_parts *parts_r, GError **error)
{
	g_autofree char *host = NULL, *name = NULL;
	gboolean secure;
	int port = -1;

	if (strlen(url) > LIMIT_ENDPOINT)
		return refuse(error, URL_GUARD_ERROR_SYNTAX, "the URL is too long");
	if (g_ascii_strncasecmp(url, "https://", 8) == 0)
		secure = TRUE;
	else if (g_ascii_strncasecmp(url, "http://", 7) == 0)
		secure = FALSE;
	else
		return refuse(error, URL_GUARD_ERROR_SCHEME, "the URL is not https");

	const char *authority = url + (secure ? 8 : 7);
	gsize authority_len = strcspn(authority, "/?#");
	if (!octets_are_valid(url, authority + authority_len)) {
		return refuse(error, URL_GUARD_ERROR_SYNTAX,
			      "the URL has characters that do not belong there");
	}
	/* Looked for by hand: what comes before the last of several '@', or is
	 * percent-encoded, is a matter of taste among readers of URLs. */
	if (memchr(authority, '@', authority_len) != NULL)
		return refuse(error, URL_GUARD_ERROR_SYNTAX, "the URL has a user name");
	if (memchr(authority, '%', authority_len) != NULL)
		return refuse(error, URL_GUARD_ERROR_SYNTAX, "the host has an escape in it");
	if (strchr(url, '#') != NULL)
		return refuse(error, URL_GUARD_ERROR_SYNTAX, "the URL has a fragment");

	if (!g_uri_split_network(url, G_URI_FLAGS_ENCODED, NULL, &host, &port, NULL) ||
	    host == NULL || port == 0) {
		return refuse(error, URL_GUARD_ERROR_SYNTAX, "the URL is malformed");
	}
	name = host_normalise(host, error);
	if (name == NULL)
		return FALSE;

	const char *rest = authority + authority_len;
	gboolean ipv6 = strchr(name, ':') != NULL;
	parts_r->host = g_steal_pointer(&name);
	parts_r->port = port > 0 ? (guint16)port : (secure ? PORT_HTTPS : PORT_HTTP);
	parts_r->secure = secure;
	parts_r->target = rest[0] == '/' ? g_strdup(rest) : g_strconcat("/", rest, NULL);
	parts_r->origin =
		g_strdup_printf("%s://%s%s%s:%u", secure ? "https" : "http", ipv6 ? "[" : "",
				parts_r->host, ipv6 ? "]" : "", parts_r->port);
	return TRUE;
}

static gboolean policy_allows(const struct url_guard *guard, const struct url_parts *parts,
			      GError **error)
{
	if (g_hash_table_contains(guard->origins, parts->origin))
		return TRUE;
	if (!parts->secure)
		return refuse(error, URL_GUARD_ERROR_SCHEME, "the URL is not https");

	g_autoptr(GInetAddress) literal = literal_parse(parts->host);
	if (literal != NULL) {
		if (in_ranges(guard, literal))
			return TRUE;
		return refuse(error, URL_GUARD_ERROR_HOST, "the host is an address, not a name");
	}
	if (!g_hash_table_contains(guard->hosts, parts->host) && name_is_local(parts->host)) {
		return refuse(error, URL_GUARD_ERROR_HOST,
			      "the host is not a name of the public internet");
	}
	if (parts->port != PORT_HTTPS)
		return refuse(error, URL_GUARD_ERROR_PORT, "the port is not 443");
	return TRUE;
}

gboolean url_guard_parse(const struct url_guard *guard, const char *url, struct url_parts *parts_r,
			 GError **error)
{
	struct url_parts parts = {0};

	if (!parts_from_url(url, &parts, error))
		return FALSE;
	if (!policy_allows(guard, &parts, error)) {
		url_parts_clear(&parts);
		return FALSE;
	}
	*parts_r = parts;
	return TRUE;
}

/* --- what the operator allows -------------------------------------------- */

static gboolean add_origin(struct url_guard *guard, const char *entry, GError **error)
{
	struct url_parts parts = {0};

	if (!parts_from_url(entry, &parts, error))
		return FALSE;
	gboolean bare = strcmp(parts.target, "/") == 0;
	if (bare)
		g_hash_table_add(guard->origins, g_steal_pointer(&parts.origin));
	else
		refuse(error, URL_GUARD_ERROR_SYNTAX, "an origin has no path");
	url_parts_clear(&parts);
	return bare;
}

static gboolean add_entry(struct url_guard *guard, const char *entry, GError **error)
{
	if (strstr(entry, "://") != NULL)
		return add_origin(guard, entry, error);
	if (strchr(entry, '/') != NULL || literal_parse(entry) != NULL) {
		GInetAddressMask *mask = g_inet_address_mask_new_from_string(entry, error);

		if (mask != NULL)
			g_ptr_array_add(guard->ranges, mask);
		return mask != NULL;
	}
	char *host = host_normalise(entry, error);
	if (host != NULL)
		g_hash_table_add(guard->hosts, host);
	return host != NULL;
}

struct url_guard *url_guard_new(const char *const *allowed, GError **error)
{
	struct url_guard *guard = g_new0(struct url_guard, 1);

	g_atomic_ref_count_init(&guard->refs);
	guard->origins = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	guard->hosts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	guard->ranges = g_ptr_array_new_with_free_func(g_object_unref);
	for (; allowed != NULL && *allowed != NULL; allowed++) {
		if (!add_entry(guard, *allowed, error)) {
			g_prefix_error(error, "'%s': ", *allowed);
			url_guard_unref(guard);
			return NULL;
		}
	}
	return guard;
}

struct url_guard *url_guard_ref(struct url_guard *guard)
{
	g_atomic_ref_count_inc(&guard->refs);
	return guard;
}

void url_guard_unref(struct url_guard *guard)
{
	if (guard == NULL || !g_atomic_ref_count_dec(&guard->refs))
		return;
	g_hash_table_unref(guard->origins);
	g_hash_table_unref(guard->hosts);
	g_ptr_array_unref(guard->ranges);
	g_free(guard);
}

/* --- addresses ----------------------------------------------------------- */

static gboolean address_is_one_of(GInetAddress *address, const struct ifaddrs *own)
{
	g_autoptr(GInetAddress) embedded = public_address_embedded(address);

	for (; own != NULL; own = own->ifa_next) {
		if (own->ifa_addr == NULL ||
		    (own->ifa_addr->sa_family != AF_INET && own->ifa_addr->sa_family != AF_INET6))
			continue;
		g_autoptr(GSocketAddress) native = g_socket_address_new_from_native(
			own->ifa_addr, own->ifa_addr->sa_family == AF_INET
					       ? sizeof(struct sockaddr_in)
					       : sizeof(struct sockaddr_in6));
		GInetAddress *mine =
			g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(native));
		if (g_inet_address_equal(mine, address) ||
		    (embedded != NULL && g_inet_address_equal(mine, embedded)))
			return TRUE;
	}
	return FALSE;
}

static gboolean address_allowed(const struct url_guard *guard, const struct url_parts *parts,
				GInetAddress *address, const struct ifaddrs *own)
{
	if (g_hash_table_contains(guard->origins, parts->origin))
		return TRUE;
	if (parts->secure && parts->port == PORT_HTTPS &&
	    g_hash_table_contains(guard->hosts, parts->host))
		return TRUE;
	if (in_ranges(guard, address))
		return TRUE;
	/* A host reached by its public address answers as if the caller were
	 * local: firewalls and services that trust "myself" would be open. */
	return public_address_refusal(address) == NULL && !address_is_one_of(address, own);
}

gboolean url_guard_address_allowed(const struct url_guard *guard, const struct url_parts *parts,
				   GInetAddress *address)
{
	struct ifaddrs *own = NULL;

	/* Without the list nothing can be said about the address: refuse it. */
	if (getifaddrs(&own) != 0)
		return FALSE;
	gboolean allowed = address_allowed(guard, parts, address, own);
	freeifaddrs(own);
	return allowed;
}

/* --- look-up ------------------------------------------------------------- */

struct lookup {
	struct url_guard *guard;
	struct url_parts parts;
};

static void lookup_free(gpointer data)
{
	struct lookup *lookup = data;

	url_guard_unref(lookup->guard);
	url_parts_clear(&lookup->parts);
	g_free(lookup);
}

static void addresses_free(gpointer data)
{
	g_resolver_free_addresses(data);
}

/* Takes the list. */
static void lookup_return(GTask *task, GList *found)
{
	struct lookup *lookup = g_task_get_task_data(task);
	struct ifaddrs *own = NULL;
	GList *kept = NULL;

	if (getifaddrs(&own) == 0) {
		for (GList *l = found; l != NULL; l = l->next) {
			if (address_allowed(lookup->guard, &lookup->parts, l->data, own))
				kept = g_list_prepend(kept, g_object_ref(l->data));
		}
		freeifaddrs(own);
	}
	g_resolver_free_addresses(found);
	if (kept != NULL) {
		g_task_return_pointer(task, g_list_reverse(kept), addresses_free);
		return;
	}
	g_task_return_new_error(task, URL_GUARD_ERROR, URL_GUARD_ERROR_ADDRESS,
				"%s has no address that may be connected to", lookup->parts.host);
}

static void lookup_done(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	struct lookup *lookup = g_task_get_task_data(task);
	g_autoptr(GError) error = NULL;
	GList *found = g_resolver_lookup_by_name_finish(G_RESOLVER(source), result, &error);

	if (found != NULL)
		lookup_return(task, found);
	else if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		g_task_return_error(task, g_steal_pointer(&error));
	else
		g_task_return_new_error(task, URL_GUARD_ERROR, URL_GUARD_ERROR_RESOLVE,
					"cannot resolve %s: %s", lookup->parts.host,
					error->message);
}

void url_guard_resolve_async(struct url_guard *guard, const struct url_parts *parts,
			     GResolver *resolver, GCancellable *cancellable,
			     GAsyncReadyCallback callback, gpointer data)
{
	g_autoptr(GTask) task = g_task_new(NULL, cancellable, callback, data);
	g_autoptr(GResolver) resolver_ref = NULL;
	struct lookup *lookup = g_new0(struct lookup, 1);

	g_task_set_source_tag(task, url_guard_resolve_async);
	lookup->guard = url_guard_ref(guard);
	url_parts_copy(&lookup->parts, parts);
	g_task_set_task_data(task, lookup, lookup_free);

	GInetAddress *literal = literal_parse(parts->host);
	if (literal != NULL) {
		lookup_return(task, g_list_prepend(NULL, literal));
		return;
	}
	resolver_ref = resolver != NULL ? g_object_ref(resolver) : g_resolver_get_default();
	g_resolver_lookup_by_name_async(resolver_ref, parts->host, cancellable, lookup_done,
					g_steal_pointer(&task));
}

GList *url_guard_resolve_finish(GAsyncResult *result, GError **error)
{
	g_return_val_if_fail(g_task_is_valid(result, NULL), NULL);
	return g_task_propagate_pointer(G_TASK(result), error);
}
