/*
 * Keys as they travel over IMAP: base64 text in, base64url text or PEM out.
 *
 * Clients write a browser's base64url and COI's padded base64 alike; the bridge is
 * given one spelling, so that the same key twice is the same key. Whether a point is
 * on its curve is the bridge's question. Pure.
 */
#ifndef WEBPUSH_KEYS_H
#define WEBPUSH_KEYS_H

#include <stdbool.h>
#include <stddef.h>

/* RFC 8291 ua_public: an uncompressed P-256 point; and auth_secret. In octets. */
#define WEBPUSH_P256DH_OCTETS 65
#define WEBPUSH_AUTH_OCTETS 16
/* Their base64url text, with its NUL. */
#define WEBPUSH_P256DH_SIZE 88
#define WEBPUSH_AUTH_SIZE 23
/* A P-256 public key as PEM, with its NUL. */
#define WEBPUSH_PEM_SIZE 178

/* Decodes base64 or base64url, with or without padding. Exactly `octets` must come
 * out; false for anything else, also for bits left over that are not zero. */
bool webpush_base64_decode(const char *text, unsigned char *out, size_t octets);

/* `text` in the one spelling. False, and nothing is written, unless it decodes to
 * the right number of octets and, for p256dh, to an uncompressed point's prefix. */
bool webpush_p256dh_parse(const char *text, char out[WEBPUSH_P256DH_SIZE]);
bool webpush_auth_parse(const char *text, char out[WEBPUSH_AUTH_SIZE]);

/* SubjectPublicKeyInfo of a base64url point as PEM (RFC 7468), lines ended by LF but
 * for the last, as COI 2.1 shows it. False if `key` is not such a point. */
bool webpush_vapid_pem(const char *key, char out[WEBPUSH_PEM_SIZE]);

#endif
