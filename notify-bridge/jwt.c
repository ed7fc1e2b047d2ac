#include "jwt.h"

#include "base64url.h"

#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>

#define P256_OCTETS 32

G_DEFINE_QUARK(fantail_jwt_error, jwt_error)

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_MD_CTX, EVP_MD_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ECDSA_SIG, ECDSA_SIG_free)

static void set_error(GError **error)
{
	const char *reason = ERR_reason_error_string(ERR_get_error());

	g_set_error(error, JWT_ERROR, JWT_ERROR_SIGN, "cannot sign a token: %s",
		    reason != NULL ? reason : "the key is not an ECDSA P-256 key");
	ERR_clear_error();
}

/* JOSE wants r and s side by side, 32 octets each; OpenSSL makes DER. */
static gboolean signature_to_raw(const guint8 *der, size_t der_len, guint8 raw[2 * P256_OCTETS])
{
	g_autoptr(ECDSA_SIG) signature = d2i_ECDSA_SIG(NULL, &der, (long)der_len);

	return signature != NULL &&
	       BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, P256_OCTETS) == P256_OCTETS &&
	       BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + P256_OCTETS, P256_OCTETS) ==
		       P256_OCTETS;
}

char *jwt_sign_es256(EVP_PKEY *key, const char *header, const char *claims, GError **error)
{
	g_autoptr(EVP_MD_CTX) ctx = EVP_MD_CTX_new();
	g_autofree char *header64 = base64url_encode(header, strlen(header));
	g_autofree char *claims64 = base64url_encode(claims, strlen(claims));
	g_autofree char *input = g_strdup_printf("%s.%s", header64, claims64);
	g_autofree char *signature64 = NULL;
	guint8 der[2 * P256_OCTETS + 16], raw[2 * P256_OCTETS];
	size_t der_len = sizeof(der);

	/* A larger curve's signature would not fit into `der`, which is an error. */
	if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(ctx, der, &der_len, (const guint8 *)input, strlen(input)) != 1 ||
	    !signature_to_raw(der, der_len, raw)) {
		set_error(error);
		return NULL;
	}
	signature64 = base64url_encode(raw, sizeof(raw));
	return g_strdup_printf("%s.%s", input, signature64);
}
