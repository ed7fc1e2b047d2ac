/*
 * One page over HTTP for whoever scrapes: GET /metrics on a loopback port or a
 * Unix socket. No passwords, so nothing but loopback; few connections, short
 * patience, and a request's body is thrown away as it comes.
 */
#ifndef FANTAIL_METRICS_SERVER_H
#define FANTAIL_METRICS_SERVER_H

#include <gio/gio.h>

struct metrics_server;

/* Returns the page; the server frees it. */
typedef GString *(*metrics_server_page)(gpointer data);

/* Serves at `address` (config_value_local_address()) from now on, and no more where it did; NULL:
 * nowhere. A Unix socket gets mode 0666. On failure it stays where it was. */
gboolean metrics_server_move(struct metrics_server **server, const char *address,
			     metrics_server_page page, gpointer data, GError **error);
/* NULL is fine; clears the pointer. */
void metrics_server_free(struct metrics_server **server);

#endif
