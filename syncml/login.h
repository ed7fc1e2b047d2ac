/*
 * Is this user's password right? Asks Dovecot, or looks into a file: for trying it out without
 * a mail server. GLib main loop, never blocks.
 */
#ifndef FANTAIL_SYNCML_LOGIN_H
#define FANTAIL_SYNCML_LOGIN_H

#include "dovecot-auth.h"
#include "syncml-config.h"

struct login;

struct login *login_new(const struct syncml_config *config, GError **error);
/* Those that wait are answered as TEMPORARY. NULL is fine; clears the pointer. */
void login_free(struct login **login);
/* As dovecot_auth_verify(). */
void login_verify(struct login *login, const struct dovecot_auth_request *request,
		  dovecot_auth_done *done, gpointer data);

#endif
