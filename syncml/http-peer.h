/*
 * Who sent a request, and how it came, where a proxy stands in between: X-Forwarded-For,
 * -Proto, -Host and Forwarded (RFC 7239) of proxies that are trusted, and of nobody else. Pure.
 */
#ifndef FANTAIL_SYNCML_HTTP_PEER_H
#define FANTAIL_SYNCML_HTTP_PEER_H

#include <gio/gio.h>

struct trusted_proxies;
/* Addresses and ranges (10.0.0.0/8); NULL = none. Errors say what to write. */
struct trusted_proxies *trusted_proxies_new(const char *const *list, GError **error);
/* NULL is fine. */
void trusted_proxies_free(struct trusted_proxies *proxies);

struct http_peer_headers {
	const char *host;
	const char *forwarded_for, *forwarded_proto, *forwarded_host; /* X-... */
	const char *forwarded;
};
struct http_peer {
	char *address;  /* of the phone; NULL = not known */
	char *host;     /* as the phone called us; NULL = not known */
	gboolean tls;   /* between the phone and the proxy */
	gboolean local; /* it did not leave this machine, as far as can be known */
};
/* `remote`: the other end of the connection; NULL = a Unix socket, whose file mode says who may:
 * it is trusted. */
void http_peer_find(const struct trusted_proxies *proxies, GInetAddress *remote,
		    const struct http_peer_headers *headers, struct http_peer *peer_r);
void http_peer_clear(struct http_peer *peer);

#endif
