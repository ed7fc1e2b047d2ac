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

#include "syncml-config.h"

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

/* The configuration in force; valid until a reload. */
const struct syncml_config *server_config(const struct server *server);

struct server_status {
	const char *config_path;
	gint64 started; /* unix seconds */
	gint64 uptime_secs;
	guint sessions, users; /* sessions under way, and of how many */
	guint messages;        /* that are worked on */
};
void server_get_status(const struct server *server, struct server_status *status_r);

/* Has a worker thread do something that blocks on the disk, with what is in force now; `done` is
 * called by the main loop, before server_stop() returns. */
typedef void server_work(const struct sml_service *service, gpointer data);
typedef void server_done(gpointer data);
void server_run(struct server *server, server_work *function, server_done *done, gpointer data);

/* `noted` is called by the main loop after something was noted to be told to devices of a user. */
void server_watch_alerts(struct server *server, pim_store_alerted *noted, gpointer data);
/* Devices that said something within the last seconds, and have not ended their session. New. */
char **server_devices_in_session(const struct server *server, const char *user, gint64 secs);

#endif
