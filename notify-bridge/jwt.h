/*
 * JSON Web Tokens signed with ES256 (RFC 7515, 7518 3.4): what VAPID and other
 * push services' provider tokens are made of. Pure but for the key.
 */
#ifndef FANTAIL_JWT_H
#define FANTAIL_JWT_H

#include <glib.h>
#include <openssl/evp.h>

#define JWT_ERROR (jwt_error_quark())
GQuark jwt_error_quark(void);
enum jwt_error {
	JWT_ERROR_SIGN, /* OpenSSL refused; the text says why */
};

/* "<header>.<claims>.<signature>", each base64url. `header` and `claims` are JSON
 * texts, signed as they are; `key` is a P-256 private key, used by any number
 * of threads at a time. */
char *jwt_sign_es256(EVP_PKEY *key, const char *header, const char *claims, GError **error);

#endif
