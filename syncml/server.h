/*
 * The daemon but for its process: the store, who may log in, worker threads, and each message's
 * way through them.
 *
 *	http.c -> parsed by a worker -> its password checked -> run by a worker -> http.c
 *
 * A message that comes a second time while the first is worked on waits for the same answer.
 */
#ifndef FANTAIL_SYNCML_SERVER_H
#define FANTAIL_SYNCML_SERVER_H

#include <glib.h>

struct server;

/* `fd`: a listening socket from the service manager; -1 = none. Errors of the configuration are
 * CONFIG_ERROR's. */
struct server *server_start(const char *config_path, int fd, GError **error);
/* What cannot change while it runs is logged. */
gboolean server_reload(struct server *server, GError **error);
/* Answers what is under way. NULL is fine; clears the pointer. */
void server_stop(struct server **server);

/* Is the configuration good, and are the files that it names? */
gboolean server_check(const char *config_path, GError **error);

#endif
