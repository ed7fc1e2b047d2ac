/*
 * VAPID (RFC 8292): the server's signing keys and the tokens made with them.
 * Thread-safe; tokens are cached per key and origin.
 *
 * The key file holds one or more PEM P-256 private keys; the first is current,
 * the others are former ones that devices may still be subscribed under.
 */
#ifndef FANTAIL_VAPID_H
#define FANTAIL_VAPID_H

#include <glib.h>

struct vapid;

#define VAPID_ERROR (vapid_error_quark())
GQuark vapid_error_quark(void);
enum vapid_error {
	VAPID_ERROR_FILE,    /* cannot be read or written, or others may read it */
	VAPID_ERROR_KEY,     /* the file holds something else than P-256 private keys */
	VAPID_ERROR_SUBJECT, /* neither mailto: nor https: */
	VAPID_ERROR_UNKNOWN, /* we do not have the private part of that public key */
	VAPID_ERROR_SIGN,
};

/* Reads `path`; makes a key there (mode 0600, synced, renamed into place) if it
 * does not exist. `subject`: "mailto:" or "https:" contact, or NULL. Error text
 * names the file and the remedy. */
struct vapid *vapid_open(const char *path, const char *subject, GError **error);
struct vapid *vapid_ref(struct vapid *vapid);
void vapid_unref(struct vapid *vapid);

/* Current public key: base64url of the uncompressed point; and as PEM. Borrowed. */
const char *vapid_public_key(const struct vapid *vapid);
const char *vapid_public_pem(const struct vapid *vapid);
/* Is this public key one we can still sign with? */
gboolean vapid_has_key(const struct vapid *vapid, const char *public_key);

/* Value of the Authorization header, "vapid t=…, k=…", signed with the key whose
 * public part is `public_key` (NULL = current). `origin` may name the scheme's
 * default port (as url_parts does); the token does not, since push services
 * compare it with their own origin as text. `now`: unix seconds. VAPID_ERROR_UNKNOWN
 * if we do not have the key. */
char *vapid_authorization(struct vapid *vapid, const char *public_key, const char *origin,
			  gint64 now, GError **error);

#endif
