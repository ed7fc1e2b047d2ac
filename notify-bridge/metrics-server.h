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

/* `address` as the key "metrics" of the config has it. A Unix socket gets mode 0666. */
struct metrics_server *metrics_server_new(const char *address, metrics_server_page page,
					  gpointer data, GError **error);
const char *metrics_server_address(const struct metrics_server *server);
/* NULL is fine; clears the pointer. */
void metrics_server_free(struct metrics_server **server);

#endif
