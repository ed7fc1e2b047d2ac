/*
 * An HTTP/2 server for tls-peer.h that misbehaves on demand. Paths:
 * /ok answers 201, /stall never does, /refuse is REFUSED_STREAM, /slow answers
 * after 100 ms.
 */
#ifndef FANTAIL_TESTS_HTTP2_PEER_H
#define FANTAIL_TESTS_HTTP2_PEER_H

#include <glib.h>
#include <openssl/ssl.h>

struct http2_peer {
	/* Set before the peer is started. */
	gboolean no_settings;    /* says nothing at all */
	gboolean goaway_at_once; /* SETTINGS and GOAWAY, then closes */
	gboolean hang_up;        /* closes right after the handshake */
	gboolean deaf;           /* does not answer PING: reads nothing after SETTINGS */
	guint max_streams;       /* 0 = no limit said */
	/* Counted, atomic. */
	gint requests, goaways, pings, resets;
	gint most; /* streams open at a time */
};

/* For tls_peer_options; data is a struct http2_peer. */
void http2_peer_serve(SSL *ssl, gpointer data);

#endif
