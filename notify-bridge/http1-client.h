/*
 * HTTP/1.1 requests through libsoup 3, for origins that do not speak HTTP/2 and
 * for plain http:// where the operator allowed it.
 *
 * One SoupSession per origin: its connections go to addresses from the URL
 * guard only (guarded-address.h), and origins share nothing. No redirects,
 * proxies, cookies, credentials or decompression. libsoup is kept from
 * HTTP/2, for which http2-client.c is there.
 *
 * Default main context, main thread; nothing here blocks.
 */
#ifndef FANTAIL_HTTP1_CLIENT_H
#define FANTAIL_HTTP1_CLIENT_H

#include "http-client.h"

struct url_parts;
struct http1_client;
struct http1_call;

struct http1_client *http1_client_new(struct url_guard *guard, const char *ca_file, GError **error);
/* Cancels all calls. NULL is fine; clears the pointer. libsoup lets go of what was
 * under way in later turns of the main loop. */
void http1_client_free(struct http1_client **client);

/* POST. At most LIMIT_ORIGIN_CONNECTIONS per origin are under way, more wait within libsoup.
 * `done` is called once, never from inside; errors as in http-client.h but for
 * TIMEOUT, NOT_SENT and CANCELLED. */
struct http1_call *http1_client_send(struct http1_client *client, const struct url_parts *parts,
				     const struct http_request *request, http_done done,
				     gpointer data);
/* Only before `done`, which does not come any more; gives up the connection.
 * Returns first_byte_us. */
gint64 http1_call_cancel(struct http1_call *call);

guint http1_client_connections(const struct http1_client *client);

#endif
