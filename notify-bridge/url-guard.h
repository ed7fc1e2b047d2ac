/*
 * Which URLs and addresses a push endpoint may have. An authenticated user
 * chooses the URL that we POST to; this stands between them and the operator's
 * inner network (server-side request forgery).
 *
 * Checked three times: when a device registers (parse), when a name is resolved
 * (the resolver hands out allowed addresses only, and the connection goes to
 * exactly these, so a name that changes its mind gains nothing), and for
 * literal addresses at connect. docs/threat-model.md has the table of ranges.
 */
#ifndef FANTAIL_URL_GUARD_H
#define FANTAIL_URL_GUARD_H

#include <gio/gio.h>

struct url_guard;

struct url_parts {
	char *origin; /* "https://host:port", lower case, port always there: a lane */
	char *host;   /* lower case, IPv6 without brackets */
	guint16 port;
	char *target;    /* path and query, at least "/" */
	gboolean secure; /* https */
};
void url_parts_copy(struct url_parts *to, const struct url_parts *from);
void url_parts_clear(struct url_parts *parts);

#define URL_GUARD_ERROR (url_guard_error_quark())
GQuark url_guard_error_quark(void);
enum url_guard_error {
	URL_GUARD_ERROR_SYNTAX,  /* not a URL we take: too long, user info, fragment, odd octets */
	URL_GUARD_ERROR_SCHEME,  /* not https */
	URL_GUARD_ERROR_PORT,    /* not 443 */
	URL_GUARD_ERROR_HOST,    /* local names, single labels, address literals */
	URL_GUARD_ERROR_ADDRESS, /* resolves to addresses that are not public */
	URL_GUARD_ERROR_RESOLVE,
};

/* `allowed`: NULL-terminated list of what the operator lets in besides: an origin
 * ("https://ntfy.example.lan:8443", "http://127.0.0.1:8080"), a host name, or an
 * address range ("10.1.0.0/16", "fd00::/8", "127.0.0.1"). An allowed origin may be http and
 * have any port and address; an allowed host may have any address (https, 443); a
 * range lifts the ban on its addresses (and lets literals in it stand as
 * hosts, any port). Error text names the entry at fault. */
struct url_guard *url_guard_new(const char *const *allowed, GError **error);
struct url_guard *url_guard_ref(struct url_guard *guard);
void url_guard_unref(struct url_guard *guard);

/* Syntax, scheme, port, host; no look-up. *parts_r is set on success only. */
gboolean url_guard_parse(const struct url_guard *guard, const char *url, struct url_parts *parts_r,
			 GError **error);

/* May we connect to this address for this origin? */
gboolean url_guard_address_allowed(const struct url_guard *guard, const struct url_parts *parts,
				   GInetAddress *address);

/* Resolves parts->host through `resolver` (NULL = the default one) and keeps the
 * allowed addresses. Finish returns a list of GInetAddress * (free with
 * g_resolver_free_addresses), never empty; URL_GUARD_ERROR_ADDRESS if all were
 * refused. */
void url_guard_resolve_async(struct url_guard *guard, const struct url_parts *parts,
			     GResolver *resolver, GCancellable *cancellable,
			     GAsyncReadyCallback callback, gpointer data);
GList *url_guard_resolve_finish(GAsyncResult *result, GError **error);

#endif
