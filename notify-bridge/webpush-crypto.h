/*
 * Web Push message encryption: RFC 8291 over RFC 8188, aes128gcm, one record.
 * Pure but for the randomness of a fresh key pair and salt per message.
 */
#ifndef FANTAIL_WEBPUSH_CRYPTO_H
#define FANTAIL_WEBPUSH_CRYPTO_H

#include <glib.h>

#include "limits.h"

#define WEBPUSH_CRYPTO_ERROR (webpush_crypto_error_quark())
GQuark webpush_crypto_error_quark(void);
enum webpush_crypto_error {
	WEBPUSH_CRYPTO_ERROR_KEY,  /* not 65 octets, not on the curve, not base64url */
	WEBPUSH_CRYPTO_ERROR_AUTH, /* not 16 octets */
	WEBPUSH_CRYPTO_ERROR_SIZE, /* over LIMIT_PUSH_PLAINTEXT */
	WEBPUSH_CRYPTO_ERROR_OPENSSL,
};

/* A thread's contexts, fetched once: OpenSSL 3.0's implicit fetches take a
 * global lock. Use one per thread. */
struct webpush_crypto;
struct webpush_crypto *webpush_crypto_new(GError **error);
void webpush_crypto_free(struct webpush_crypto *crypto);

/* base64url (with or without padding) to checked binary: an uncompressed point on
 * the curve, 16 octets of secret. Outputs are set on success only. */
gboolean webpush_parse_keys(const char *p256dh, const char *auth, guint8 p256dh_r[65],
			    guint8 auth_r[16], GError **error);

/*
 * The body of the push: salt, record size, key and one encrypted record. `len` is
 * at most LIMIT_PUSH_PLAINTEXT.
 *
 * A push service sees how long a message is. `pad_to` hides that: 0 = no padding;
 * else the plaintext is padded with zeros to the smallest of the size classes
 * 128, 512, 1,024, 2,048 and 3,993 octets that holds both the plaintext and
 * pad_to octets. 1 = the smallest class the plaintext fits, LIMIT_PUSH_PLAINTEXT
 * = all pushes look alike.
 */
GBytes *webpush_encrypt(struct webpush_crypto *crypto, const guint8 p256dh[65],
			const guint8 auth[16], const void *plaintext, gsize len, gsize pad_to,
			GError **error);

/* The same with given salt and private key, for test vectors. */
GBytes *webpush_encrypt_with(struct webpush_crypto *crypto, const guint8 p256dh[65],
			     const guint8 auth[16], const guint8 as_private[32],
			     const guint8 salt[16], const void *plaintext, gsize len, gsize pad_to,
			     GError **error);

#endif
