/*
 * One TLS connection to an origin: look-up through the URL guard, TCP to the
 * addresses it hands out and to no others, handshake with ALPN. What is spoken
 * on it is the caller's business.
 *
 * Addresses are tried in order, IPv6 and IPv4 in turn; the next one starts when
 * one fails or has taken 2 s, and the first to finish its handshake wins (a
 * light form of RFC 8305). Everything is asynchronous; there is no time limit
 * over all: the caller cancels.
 */
#ifndef FANTAIL_TLS_CONNECT_H
#define FANTAIL_TLS_CONNECT_H

#include <gio/gio.h>
#include <openssl/ssl.h>

struct url_guard;
struct url_parts;
struct tls_connect;

/* Trust store of the system and `ca_file` (NULL = none), TLS 1.2 or later,
 * certificates verified, ALPN "h2" and "http/1.1". */
SSL_CTX *tls_context_new(const char *ca_file, GError **error);

/* Called once, never from inside tls_connect_start. On success `ssl` and
 * `socket` are the callee's (SSL_free before g_object_unref); on failure they
 * are NULL and `error` (HTTP_ERROR, borrowed) is one of REFUSED, RESOLVE,
 * CONNECT, TLS. */
typedef void (*tls_connected)(SSL *ssl, GSocket *socket, const GError *error, gpointer data);

struct tls_connect *tls_connect_start(SSL_CTX *context, struct url_guard *guard,
				      const struct url_parts *parts, tls_connected connected,
				      gpointer data);
/* The callback does not come any more. Only while it has not come; NULL is
 * fine; clears the pointer. */
void tls_connect_cancel(struct tls_connect **connect);

#endif
