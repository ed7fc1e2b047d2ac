/*
 * The submission server that XDELIVER hands mail to, as the settings fantail_submission_* have it.
 */
#ifndef DELIVER_SERVER_H
#define DELIVER_SERVER_H

struct deliver_server;
struct event;
struct fantail_submission;
struct mail_user;
struct smtp_client;
struct smtp_client_connection;

/* NULL: there is none, or none that can be; that is logged, once in a process. From the user's
 * pool; `set` has to be there as long. */
const struct deliver_server *deliver_server_get(struct mail_user *user,
						const struct fantail_submission *set);
const struct fantail_submission *deliver_server_settings(const struct deliver_server *server);

/* A connection that is not connected yet, with what it logs in as for this user. To be closed
 * before *client_r is given up with smtp_client_deinit(). */
struct smtp_client_connection *deliver_server_connection(const struct deliver_server *server,
							 struct mail_user *user,
							 struct event *event,
							 struct smtp_client **client_r);

/* What the server can do for a script, one after the other: "8BITMIME", "SIZE 1000".
 * NULL-terminated, from the data stack. */
const char *const *deliver_server_capabilities(struct smtp_client_connection *conn);

#endif
