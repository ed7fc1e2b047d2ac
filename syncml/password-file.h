/*
 * Names and passwords in a file, as Dovecot's passwd-file has them: `name:{SCHEME}password` and
 * whatever follows another ':'. Schemes: PLAIN, and CRYPT and those that are crypt(3)'s by
 * another name (SHA512-CRYPT, BLF-CRYPT ...), which is also what a password without a scheme is.
 */
#ifndef FANTAIL_SYNCML_PASSWORD_FILE_H
#define FANTAIL_SYNCML_PASSWORD_FILE_H

#include <glib.h>

struct password_file; /* immutable, any thread */
typedef struct password_file password_file_t;

/* Errors are CONFIG_ERROR's and name file, line and remedy; no password is repeated. */
struct password_file *password_file_load(const char *path, GError **error);
struct password_file *password_file_parse(const char *text, const char *path, GError **error);
struct password_file *password_file_ref(struct password_file *file);
/* NULL is fine. */
void password_file_unref(struct password_file *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(password_file_t, password_file_unref)

/* Takes as long for a name that is not there. May take a tenth of a second. */
gboolean password_file_check(const struct password_file *file, const char *user,
			     const char *password);

#endif
