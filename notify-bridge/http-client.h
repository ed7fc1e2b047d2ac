/*
 * One HTTP request to a push endpoint, by HTTP/2 where the origin speaks it
 * (http2-client.c: libnghttp2 and OpenSSL on the main loop) and by HTTP/1.1
 * where it does not (http1-client.c: libsoup). The caller does not see which.
 *
 * TLS with the system's trust store (and ca_file), host name verified, TLS 1.2
 * or later. Names are resolved through url-guard.h, which hands out allowed
 * addresses only, and the connection goes to exactly these. No redirects, no
 * proxies, no cookies. Keep-alive; bounded parallelism per origin and in all
 * (limits.h): what is over waits its turn, other origins do not wait for it. An
 * origin where a request timed out gets one at a time until it answers.
 */
#ifndef FANTAIL_HTTP_CLIENT_H
#define FANTAIL_HTTP_CLIENT_H

#include <gio/gio.h>

/* Fixed: it says who calls, nothing of the host or its libraries. */
#define HTTP_USER_AGENT "fantail/" FANTAIL_VERSION

struct url_guard;
struct http_client;

struct http_header {
	char *name; /* lower case */
	char *value;
};

struct http_request {
	char *url;          /* absolute; checked with url_guard_parse before */
	GPtrArray *headers; /* struct http_header *, without host and content-length */
	GBytes *body;
	/* Not the client's, which takes requests without: what goes out once this one was
	 * accepted (gateway.h, prepare). Owned. */
	struct http_request *next;
};
struct http_request *http_request_new(const char *url, GBytes *body); /* takes a reference */
void http_request_add_header(struct http_request *request, const char *name, const char *value);
void http_request_free(struct http_request *request);

struct http_reply {
	guint status;
	GPtrArray *headers; /* struct http_header *, names in lower case */
	GBytes *body;       /* at most LIMIT_RESPONSE_BODY, the rest is thrown away */
	gboolean http2;
};
const char *http_reply_header(const struct http_reply *reply,
			      const char *name); /* first, or NULL */

/* Retry-After (RFC 9110 10.2.3: seconds or a date) as microseconds from now, 0
 * to LIMIT_RETRY_AFTER_SECS; -1 when absent or malformed. Pure. */
gint64 http_retry_after_us(const char *value, gint64 now_us);

#define HTTP_ERROR (http_error_quark())
GQuark http_error_quark(void);
enum http_error {
	HTTP_ERROR_REFUSED, /* the URL guard leaves no address */
	HTTP_ERROR_RESOLVE,
	HTTP_ERROR_CONNECT,
	HTTP_ERROR_TLS,      /* certificate, protocol version */
	HTTP_ERROR_TIMEOUT,  /* timeout_secs from getting under way, or as long in line */
	HTTP_ERROR_LOST,     /* the connection went: it may or may not have been processed */
	HTTP_ERROR_NOT_SENT, /* surely not processed (GOAWAY, REFUSED_STREAM); retried inside once
			      */
	HTTP_ERROR_PROTOCOL, /* garbage, headers over the limit */
	HTTP_ERROR_CANCELLED,
};

/* Called once per send, never from inside http_client_send; may send, cancel and
 * free the client. `reply` is NULL with an error; both are borrowed. first_byte_us: monotonic time
 * when the request's first byte was written, 0 if never. */
typedef void (*http_done)(const struct http_reply *reply, const GError *error, gint64 first_byte_us,
			  gpointer data);

struct http_client_settings {
	const char *ca_file; /* NULL = only the system's */
	guint timeout_secs;
	guint parallel_per_origin;
	guint parallel;
};

struct http_client *http_client_new(struct url_guard *guard,
				    const struct http_client_settings *settings, GError **error);
/* Takes the request. `cancellable` may be NULL; it is cancelled in the main thread. */
void http_client_send(struct http_client *client, struct http_request *request,
		      GCancellable *cancellable, http_done done, gpointer data);
/* Requests not done get HTTP_ERROR_CANCELLED, from inside. NULL is fine; clears the
 * pointer. */
void http_client_free(struct http_client **client);
/* Open connections, for metrics. */
guint http_client_connections(const struct http_client *client);

#endif
