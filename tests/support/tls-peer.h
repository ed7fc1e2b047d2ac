/*
 * A TLS server on a loopback address, in threads of its own, with a certificate
 * made on the spot: the other end for tests of clients.
 */
#ifndef FANTAIL_TESTS_TLS_PEER_H
#define FANTAIL_TESTS_TLS_PEER_H

#include <glib.h>
#include <openssl/ssl.h>

struct tls_peer;

struct tls_peer_options {
	const char *address; /* "127.0.0.1" */
	guint16 port;        /* 0 = any */
	const char *name;    /* in the certificate, "push.example.com" */
	const char *alpn;    /* "h2", "http/1.1"; NULL = none */
	int max_version;     /* TLS1_1_VERSION, ...; 0 = any */
	gboolean silent;     /* never accepts, and its queue is full */
	/* After the handshake, in the connection's thread; returns = closes. NULL: waits for
	 * the client to go. */
	void (*serve)(SSL *ssl, gpointer data);
	gpointer data;
};

struct tls_peer *tls_peer_new(const struct tls_peer_options *options);
void tls_peer_free(struct tls_peer *peer);
guint16 tls_peer_port(const struct tls_peer *peer);
/* The certificate, which is its own CA, as a file. */
const char *tls_peer_ca(const struct tls_peer *peer);
/* TCP connections, and handshakes that succeeded. */
guint tls_peer_accepted(struct tls_peer *peer);
guint tls_peer_handshakes(struct tls_peer *peer);

#endif
