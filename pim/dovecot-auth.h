/*
 * Client of Dovecot's auth socket (auth-client protocol, version 1): is this user's password
 * right, and what is the user's name? One connection, any number of requests; it connects again
 * with back-off when Dovecot reloads. GLib main loop, never blocks.
 */
#ifndef FANTAIL_PIM_DOVECOT_AUTH_H
#define FANTAIL_PIM_DOVECOT_AUTH_H

#include <gio/gio.h>

struct dovecot_auth;

enum dovecot_auth_result {
	DOVECOT_AUTH_OK,
	DOVECOT_AUTH_WRONG,     /* name or password; nobody can tell which */
	DOVECOT_AUTH_FORBIDDEN, /* disabled, expired, not authorised */
	DOVECOT_AUTH_TEMPORARY, /* not an answer: away, too late, temp_fail */
};

/* `user`: the canonical name, on OK; else NULL. */
typedef void dovecot_auth_done(enum dovecot_auth_result result, const char *user, gpointer data);

struct dovecot_auth_request {
	const char *user, *password;                /* without NUL */
	const char *remote_address, *local_address; /* NULL = not known */
	gboolean secured;    /* the password came over TLS all the way to us or our proxy */
	const char *session; /* for Dovecot's log */
};

/* `service`: "syncml", what `protocol syncml { }` in Dovecot's configuration and its log
 * say. Connects at the first request. */
struct dovecot_auth *dovecot_auth_new(const char *socket_path, const char *service);
/* Those that wait are answered as TEMPORARY. */
void dovecot_auth_free(struct dovecot_auth **auth);

/* Answers in LIMIT_AUTH_SECS at the latest, never from within this call. */
void dovecot_auth_verify(struct dovecot_auth *auth, const struct dovecot_auth_request *request,
			 dovecot_auth_done *done, gpointer data);

#endif
