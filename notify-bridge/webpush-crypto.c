/*
 * Curve arithmetic goes through EC_GROUP, EC_POINT and BIGNUM rather than
 * EVP_PKEY: OpenSSL 3.0 builds and tears down a provider-side key object and
 * looks algorithms up under a global lock for each EVP_PKEY, which costs more than
 * the curve itself and keeps threads from scaling. These functions are not
 * deprecated, check points as they decode them, and run in constant time for one
 * scalar.
 */
#include "webpush-crypto.h"

#include "base64url.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#define POINT_LEN 65
#define SCALAR_LEN 32
#define AUTH_LEN 16
#define SALT_LEN 16
#define HASH_LEN 32
#define HASH_BLOCK 64
#define CEK_LEN 16
#define NONCE_LEN 12
#define TAG_LEN 16
/* salt, record size, length of key id, key id */
#define HEADER_LEN (SALT_LEN + 4 + 1 + POINT_LEN)
#define RECORD_SIZE LIMIT_PUSH_BODY
/* Key pairs made at a time. One call of the generator serves all, and the table of
 * multiples of the base point, 150 KiB, is fetched into the cache once. */
#define POOL_SENDERS 16

G_DEFINE_QUARK(fantail_webpush_crypto_error, webpush_crypto_error)

/* What one message is sent with, and no other. */
struct sender {
	guint8 private_key[SCALAR_LEN];
	guint8 public_key[POINT_LEN];
	guint8 salt[SALT_LEN];
};

struct webpush_crypto {
	EC_GROUP *group;
	BN_CTX *bn;
	BIGNUM *scalar, *x;
	EC_POINT *as_public, *ua_public, *shared;
	EVP_MD *hash;
	EVP_MD_CTX *hash_ctx;
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *cipher_ctx;
	struct sender pool[POOL_SENDERS];
	guint pool_left; /* not used yet, at the front; each is wiped as it is used */
};

static const gsize size_classes[] = {128, 512, 1024, 2048, LIMIT_PUSH_PLAINTEXT};

static gboolean set_openssl_error(const char *what, GError **error)
{
	const char *reason = ERR_reason_error_string(ERR_get_error());

	g_set_error(error, WEBPUSH_CRYPTO_ERROR, WEBPUSH_CRYPTO_ERROR_OPENSSL, "%s: %s", what,
		    reason != NULL ? reason : "OpenSSL does not say why");
	ERR_clear_error();
	return FALSE;
}

static gboolean set_key_error(const char *text, GError **error)
{
	ERR_clear_error();
	g_set_error_literal(error, WEBPUSH_CRYPTO_ERROR, WEBPUSH_CRYPTO_ERROR_KEY, text);
	return FALSE;
}

struct webpush_crypto *webpush_crypto_new(GError **error)
{
	struct webpush_crypto *crypto = g_new0(struct webpush_crypto, 1);

	if ((crypto->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)) == NULL ||
	    (crypto->bn = BN_CTX_secure_new()) == NULL ||
	    (crypto->scalar = BN_secure_new()) == NULL || (crypto->x = BN_secure_new()) == NULL ||
	    (crypto->as_public = EC_POINT_new(crypto->group)) == NULL ||
	    (crypto->ua_public = EC_POINT_new(crypto->group)) == NULL ||
	    (crypto->shared = EC_POINT_new(crypto->group)) == NULL ||
	    (crypto->hash = EVP_MD_fetch(NULL, "SHA2-256", NULL)) == NULL ||
	    (crypto->hash_ctx = EVP_MD_CTX_new()) == NULL ||
	    EVP_DigestInit_ex2(crypto->hash_ctx, crypto->hash, NULL) != 1 ||
	    (crypto->cipher = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL)) == NULL ||
	    (crypto->cipher_ctx = EVP_CIPHER_CTX_new()) == NULL ||
	    EVP_EncryptInit_ex2(crypto->cipher_ctx, crypto->cipher, NULL, NULL, NULL) != 1) {
		set_openssl_error("cannot set up Web Push encryption", error);
		webpush_crypto_free(crypto);
		return NULL;
	}
	BN_set_flags(crypto->scalar, BN_FLG_CONSTTIME);
	return crypto;
}

void webpush_crypto_free(struct webpush_crypto *crypto)
{
	if (crypto == NULL)
		return;
	EVP_CIPHER_CTX_free(crypto->cipher_ctx);
	EVP_CIPHER_free(crypto->cipher);
	EVP_MD_CTX_free(crypto->hash_ctx);
	EVP_MD_free(crypto->hash);
	EC_POINT_clear_free(crypto->shared);
	EC_POINT_free(crypto->ua_public);
	EC_POINT_free(crypto->as_public);
	BN_clear_free(crypto->x);
	BN_clear_free(crypto->scalar);
	BN_CTX_free(crypto->bn);
	EC_GROUP_free(crypto->group);
	OPENSSL_cleanse(crypto->pool, sizeof(crypto->pool));
	g_free(crypto);
}

/* EC_POINT_oct2point takes compressed, hybrid and infinite points too; RFC 8291
 * 3.2 allows the uncompressed form only. */
static gboolean point_decode(const EC_GROUP *group, EC_POINT *point, const guint8 *octets,
			     BN_CTX *bn, GError **error)
{
	if (octets[0] != POINT_CONVERSION_UNCOMPRESSED)
		return set_key_error("the key is not an uncompressed P-256 point", error);
	if (EC_POINT_oct2point(group, point, octets, POINT_LEN, bn) != 1)
		return set_key_error("the key is not a point of the curve P-256", error);
	return TRUE;
}

static gboolean point_check(const guint8 octets[POINT_LEN], GError **error)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *point = group == NULL ? NULL : EC_POINT_new(group);
	gboolean ok;

	ok = point == NULL ? set_openssl_error("cannot check the key", error)
			   : point_decode(group, point, octets, NULL, error);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	return ok;
}

gboolean webpush_parse_keys(const char *p256dh, const char *auth, guint8 p256dh_r[POINT_LEN],
			    guint8 auth_r[AUTH_LEN], GError **error)
{
	gsize point_len = 0, secret_len = 0;
	g_autofree guint8 *point = base64url_decode(p256dh, &point_len);
	g_autofree guint8 *secret = base64url_decode(auth, &secret_len);

	if (point == NULL)
		return set_key_error("the key is not base64url", error);
	if (point_len != POINT_LEN)
		return set_key_error("the key is not 65 octets long", error);
	if (!point_check(point, error))
		return FALSE;
	if (secret == NULL || secret_len != AUTH_LEN) {
		g_set_error_literal(error, WEBPUSH_CRYPTO_ERROR, WEBPUSH_CRYPTO_ERROR_AUTH,
				    "the authentication secret is not 16 octets of base64url");
		return FALSE;
	}
	memcpy(p256dh_r, point, POINT_LEN);
	memcpy(auth_r, secret, AUTH_LEN);
	return TRUE;
}

/* RFC 2104, for keys of at most one block. By hand because re-keying an EVP_MAC
 * copies digest contexts through the provider, which takes three times as long as
 * the four blocks that are hashed. */
static gboolean hmac(struct webpush_crypto *crypto, const guint8 *key, gsize key_len,
		     const void *data, gsize len, guint8 out[HASH_LEN])
{
	EVP_MD_CTX *ctx = crypto->hash_ctx;
	guint8 inner_pad[HASH_BLOCK], outer_pad[HASH_BLOCK], inner[HASH_LEN];
	gboolean ok;

	g_assert(key_len <= HASH_BLOCK);
	memset(inner_pad, 0x36, sizeof(inner_pad));
	memset(outer_pad, 0x5c, sizeof(outer_pad));
	for (gsize i = 0; i < key_len; i++) {
		inner_pad[i] ^= key[i];
		outer_pad[i] ^= key[i];
	}
	ok = EVP_DigestInit_ex2(ctx, NULL, NULL) == 1 &&
	     EVP_DigestUpdate(ctx, inner_pad, sizeof(inner_pad)) == 1 &&
	     EVP_DigestUpdate(ctx, data, len) == 1 && EVP_DigestFinal_ex(ctx, inner, NULL) == 1 &&
	     EVP_DigestInit_ex2(ctx, NULL, NULL) == 1 &&
	     EVP_DigestUpdate(ctx, outer_pad, sizeof(outer_pad)) == 1 &&
	     EVP_DigestUpdate(ctx, inner, sizeof(inner)) == 1 &&
	     EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	OPENSSL_cleanse(inner_pad, sizeof(inner_pad));
	OPENSSL_cleanse(outer_pad, sizeof(outer_pad));
	return ok;
}

/* RFC 8291 3.4 and RFC 8188 2.2, 2.3: HKDF of one block each. */
static gboolean derive(struct webpush_crypto *crypto, const guint8 secret[SCALAR_LEN],
		       const guint8 auth[AUTH_LEN], const guint8 salt[SALT_LEN],
		       const guint8 ua_public[POINT_LEN], const guint8 as_public[POINT_LEN],
		       guint8 cek[HASH_LEN], guint8 nonce[HASH_LEN])
{
	static const char cek_info[] = "Content-Encoding: aes128gcm\0\1";
	static const char nonce_info[] = "Content-Encoding: nonce\0\1";
	guint8 key_info[14 + 2 * POINT_LEN + 1], prk[HASH_LEN], ikm[HASH_LEN];
	gboolean ok;

	memcpy(key_info, "WebPush: info", 14);
	memcpy(key_info + 14, ua_public, POINT_LEN);
	memcpy(key_info + 14 + POINT_LEN, as_public, POINT_LEN);
	key_info[sizeof(key_info) - 1] = 1;
	ok = hmac(crypto, auth, AUTH_LEN, secret, SCALAR_LEN, prk) &&
	     hmac(crypto, prk, HASH_LEN, key_info, sizeof(key_info), ikm) &&
	     hmac(crypto, salt, SALT_LEN, ikm, HASH_LEN, prk) &&
	     hmac(crypto, prk, HASH_LEN, cek_info, sizeof(cek_info) - 1, cek) &&
	     hmac(crypto, prk, HASH_LEN, nonce_info, sizeof(nonce_info) - 1, nonce);
	OPENSSL_cleanse(prk, sizeof(prk));
	OPENSSL_cleanse(ikm, sizeof(ikm));
	return ok;
}

static gsize padded_len(gsize len, gsize pad_to)
{
	if (pad_to == 0)
		return len;
	for (guint i = 0; i < G_N_ELEMENTS(size_classes); i++) {
		if (size_classes[i] >= len && size_classes[i] >= pad_to)
			return size_classes[i];
	}
	return LIMIT_PUSH_PLAINTEXT;
}

/* One record: plaintext, the delimiter 2 (last record), zeros; then the tag. */
static gboolean seal(struct webpush_crypto *crypto, const guint8 cek[CEK_LEN],
		     const guint8 nonce[NONCE_LEN], const void *plaintext, gsize len, gsize padded,
		     guint8 *out)
{
	static const guint8 delimiter_and_zeros[1 + LIMIT_PUSH_PLAINTEXT] = {2};
	EVP_CIPHER_CTX *ctx = crypto->cipher_ctx;
	int n;

	return EVP_EncryptInit_ex2(ctx, NULL, cek, nonce, NULL) == 1 &&
	       (len == 0 || EVP_EncryptUpdate(ctx, out, &n, plaintext, (int)len) == 1) &&
	       EVP_EncryptUpdate(ctx, out + len, &n, delimiter_and_zeros,
				 (int)(padded - len) + 1) == 1 &&
	       EVP_EncryptFinal_ex(ctx, out + padded + 1, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, out + padded + 1) == 1;
}

/* `private_key` to crypto->scalar; FALSE if it is none. */
static gboolean load_scalar(struct webpush_crypto *crypto, const guint8 private_key[SCALAR_LEN])
{
	return BN_bin2bn(private_key, SCALAR_LEN, crypto->scalar) != NULL &&
	       !BN_is_zero(crypto->scalar) &&
	       BN_cmp(crypto->scalar, EC_GROUP_get0_order(crypto->group)) < 0;
}

static gboolean make_sender(struct webpush_crypto *crypto, const guint8 private_key[SCALAR_LEN],
			    const guint8 salt[SALT_LEN], struct sender *sender_r)
{
	if (!load_scalar(crypto, private_key) ||
	    EC_POINT_mul(crypto->group, crypto->as_public, crypto->scalar, NULL, NULL,
			 crypto->bn) != 1 ||
	    EC_POINT_point2oct(crypto->group, crypto->as_public, POINT_CONVERSION_UNCOMPRESSED,
			       sender_r->public_key, POINT_LEN, crypto->bn) != POINT_LEN)
		return FALSE;
	memcpy(sender_r->private_key, private_key, SCALAR_LEN);
	memcpy(sender_r->salt, salt, SALT_LEN);
	return TRUE;
}

/* One in 2^32 random keys is too large: then there is one sender less. */
static gboolean fill_pool(struct webpush_crypto *crypto)
{
	guint8 random[POOL_SENDERS][SCALAR_LEN + SALT_LEN];

	if (RAND_priv_bytes((guint8 *)random, sizeof(random)) != 1)
		return FALSE;
	for (guint i = 0; i < POOL_SENDERS; i++) {
		if (make_sender(crypto, random[i], random[i] + SCALAR_LEN,
				&crypto->pool[crypto->pool_left]))
			crypto->pool_left++;
	}
	OPENSSL_cleanse(random, sizeof(random));
	return crypto->pool_left > 0;
}

/* ECDH(private_key, crypto->ua_public) */
static gboolean agree(struct webpush_crypto *crypto, const guint8 private_key[SCALAR_LEN],
		      guint8 secret[SCALAR_LEN])
{
	gboolean ok = load_scalar(crypto, private_key) &&
		      EC_POINT_mul(crypto->group, crypto->shared, NULL, crypto->ua_public,
				   crypto->scalar, crypto->bn) == 1 &&
		      EC_POINT_get_affine_coordinates(crypto->group, crypto->shared, crypto->x,
						      NULL, crypto->bn) == 1 &&
		      BN_bn2binpad(crypto->x, secret, SCALAR_LEN) == SCALAR_LEN;

	BN_clear(crypto->scalar);
	BN_clear(crypto->x);
	return ok;
}

static void write_header(guint8 *body, const struct sender *sender)
{
	memcpy(body, sender->salt, SALT_LEN);
	body += SALT_LEN;
	*body++ = RECORD_SIZE >> 24;
	*body++ = (RECORD_SIZE >> 16) & 0xff;
	*body++ = (RECORD_SIZE >> 8) & 0xff;
	*body++ = RECORD_SIZE & 0xff;
	*body++ = POINT_LEN;
	memcpy(body, sender->public_key, POINT_LEN);
}

static GBytes *encrypt(struct webpush_crypto *crypto, const struct sender *sender,
		       const guint8 p256dh[POINT_LEN], const guint8 auth[AUTH_LEN],
		       const void *plaintext, gsize len, gsize pad_to, GError **error)
{
	guint8 secret[SCALAR_LEN], cek[HASH_LEN], nonce[HASH_LEN];
	gsize padded = padded_len(len, pad_to), body_len = HEADER_LEN + padded + 1 + TAG_LEN;
	g_autofree guint8 *body = NULL;
	gboolean ok;

	if (!point_decode(crypto->group, crypto->ua_public, p256dh, crypto->bn, error))
		return NULL;
	body = g_malloc(body_len);
	write_header(body, sender);
	ok = agree(crypto, sender->private_key, secret) &&
	     derive(crypto, secret, auth, sender->salt, p256dh, sender->public_key, cek, nonce) &&
	     seal(crypto, cek, nonce, plaintext, len, padded, body + HEADER_LEN);
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(cek, sizeof(cek));
	if (!ok) {
		set_openssl_error("cannot encrypt the push", error);
		return NULL;
	}
	return g_bytes_new_take(g_steal_pointer(&body), body_len);
}

static gboolean size_ok(gsize len, GError **error)
{
	if (len <= LIMIT_PUSH_PLAINTEXT)
		return TRUE;
	g_set_error(error, WEBPUSH_CRYPTO_ERROR, WEBPUSH_CRYPTO_ERROR_SIZE,
		    "%zu octets do not fit into a push; %d do", len, LIMIT_PUSH_PLAINTEXT);
	return FALSE;
}

GBytes *webpush_encrypt_with(struct webpush_crypto *crypto, const guint8 p256dh[POINT_LEN],
			     const guint8 auth[AUTH_LEN], const guint8 as_private[SCALAR_LEN],
			     const guint8 salt[SALT_LEN], const void *plaintext, gsize len,
			     gsize pad_to, GError **error)
{
	struct sender sender;
	GBytes *body;

	if (!size_ok(len, error))
		return NULL;
	if (!make_sender(crypto, as_private, salt, &sender)) {
		set_key_error("the private key is not a scalar of the curve P-256", error);
		return NULL;
	}
	body = encrypt(crypto, &sender, p256dh, auth, plaintext, len, pad_to, error);
	OPENSSL_cleanse(&sender, sizeof(sender));
	return body;
}

GBytes *webpush_encrypt(struct webpush_crypto *crypto, const guint8 p256dh[POINT_LEN],
			const guint8 auth[AUTH_LEN], const void *plaintext, gsize len, gsize pad_to,
			GError **error)
{
	struct sender *sender;
	GBytes *body;

	if (!size_ok(len, error))
		return NULL;
	if (crypto->pool_left == 0 && !fill_pool(crypto)) {
		set_openssl_error("cannot make a key for the push", error);
		return NULL;
	}
	sender = &crypto->pool[--crypto->pool_left];
	body = encrypt(crypto, sender, p256dh, auth, plaintext, len, pad_to, error);
	OPENSSL_cleanse(sender, sizeof(*sender));
	return body;
}
