/* The file that VAPID's private keys live in; see vapid.h, whose errors these are. */
#ifndef FANTAIL_VAPID_FILE_H
#define FANTAIL_VAPID_FILE_H

#include <glib.h>
#include <openssl/evp.h>

/* The keys in `path` (EVP_PKEY *, owned, at least one, all P-256), in order. */
GPtrArray *vapid_file_read(const char *path, GError **error);
/* Is there such a file? */
gboolean vapid_file_exists(const char *path);
/* Makes a key and the file that holds it. An existing one is left alone. */
gboolean vapid_file_create(const char *path, GError **error);

#endif
