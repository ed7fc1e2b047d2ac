#include "base64url.h"
#include "limits.h"
#include "webpush-crypto.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

/* RFC 8291, section 5 and appendix A */
#define UA_PUBLIC \
	"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
#define UA_PRIVATE "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
#define AUTH "BTBZMqHH6r4Tts7J_aSIgg"
#define AS_PRIVATE "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
#define SALT "DGv6ra1nlYgDCS1FRnbzlw"
#define PLAINTEXT "When I grow up, I want to be a watermelon"
#define BODY                                                                                       \
	"DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmY" \
	"WAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexS" \
	"gSxsj_Qulcy4a-fN"

#define OVERHEAD (86 + 1 + 16)

static guint8 ua_public[65], auth[16];

static void load_keys(void)
{
	g_autoptr(GError) error = NULL;

	webpush_parse_keys(UA_PUBLIC, AUTH, ua_public, auth, &error);
	g_assert_no_error(error);
}

static void decode(const char *text, guint8 *out, gsize size)
{
	gsize len;
	g_autofree guint8 *data = base64url_decode(text, &len);

	g_assert_nonnull(data);
	g_assert_cmpuint(len, ==, size);
	memcpy(out, data, size);
}

static void test_vector(void)
{
	g_autoptr(GError) error = NULL;
	struct webpush_crypto *crypto = webpush_crypto_new(&error);
	guint8 as_private[32], salt[16];

	g_assert_no_error(error);
	decode(AS_PRIVATE, as_private, sizeof(as_private));
	decode(SALT, salt, sizeof(salt));
	/* Twice: contexts that are used again must not remember. */
	for (guint i = 0; i < 2; i++) {
		g_autoptr(GBytes) body =
			webpush_encrypt_with(crypto, ua_public, auth, as_private, salt, PLAINTEXT,
					     strlen(PLAINTEXT), 0, &error);
		g_autofree char *text = NULL;

		g_assert_no_error(error);
		text = base64url_encode(g_bytes_get_data(body, NULL), g_bytes_get_size(body));
		g_assert_cmpstr(text, ==, BODY);
	}
	webpush_crypto_free(crypto);
}

/* --- the receiving side, through other functions of OpenSSL ----------------- */

static EVP_PKEY *ec_key(const guint8 public_key[65], const guint8 private_key[32])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;
	guint8 native[32];
	OSSL_PARAM params[4];
	guint n = 0;

	params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
						       (char *)"prime256v1", 0);
	params[n++] =
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)public_key, 65);
	if (private_key != NULL) {
		BIGNUM *number = BN_bin2bn(private_key, 32, NULL);

		g_assert_cmpint(BN_bn2nativepad(number, native, 32), ==, 32);
		BN_free(number);
		params[n++] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, 32);
	}
	params[n] = OSSL_PARAM_construct_end();
	g_assert_cmpint(EVP_PKEY_fromdata_init(ctx), ==, 1);
	g_assert_cmpint(
		EVP_PKEY_fromdata(ctx, &key,
				  private_key != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
				  params),
		==, 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void hkdf(const guint8 *salt, gsize salt_len, const guint8 *ikm, gsize ikm_len,
		 const void *info, gsize info_len, guint8 *out, gsize len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);

	g_assert_cmpint(EVP_PKEY_derive_init(ctx), ==, 1);
	g_assert_cmpint(EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()), ==, 1);
	g_assert_cmpint(EVP_PKEY_CTX_set1_hkdf_salt(ctx, salt, (int)salt_len), ==, 1);
	g_assert_cmpint(EVP_PKEY_CTX_set1_hkdf_key(ctx, ikm, (int)ikm_len), ==, 1);
	g_assert_cmpint(EVP_PKEY_CTX_add1_hkdf_info(ctx, info, (int)info_len), ==, 1);
	g_assert_cmpint(EVP_PKEY_derive(ctx, out, &len), ==, 1);
	EVP_PKEY_CTX_free(ctx);
}

/* The record in the clear: plaintext, 2, zeros. */
static GByteArray *decrypt(GBytes *message)
{
	gsize len, record_len;
	const guint8 *body = g_bytes_get_data(message, &len);
	guint8 ua_private[32], secret[32], ikm[32], cek[16], nonce[12], info[144];
	GByteArray *record;
	EVP_PKEY *ours, *theirs;
	EVP_PKEY_CTX *ctx;
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	size_t secret_len = sizeof(secret);
	int n;

	g_assert_cmpuint(len, >=, OVERHEAD);
	g_assert_cmpuint(len, <=, LIMIT_PUSH_BODY);
	g_assert_cmpmem(body + 16, 5, "\0\0\x10\0\x41", 5);
	decode(UA_PRIVATE, ua_private, sizeof(ua_private));
	ours = ec_key(ua_public, ua_private);
	theirs = ec_key(body + 21, NULL);
	ctx = EVP_PKEY_CTX_new(ours, NULL);
	g_assert_cmpint(EVP_PKEY_derive_init(ctx), ==, 1);
	g_assert_cmpint(EVP_PKEY_derive_set_peer(ctx, theirs), ==, 1);
	g_assert_cmpint(EVP_PKEY_derive(ctx, secret, &secret_len), ==, 1);
	memcpy(info, "WebPush: info", 14);
	memcpy(info + 14, ua_public, 65);
	memcpy(info + 79, body + 21, 65);
	hkdf(auth, 16, secret, 32, info, sizeof(info), ikm, sizeof(ikm));
	hkdf(body, 16, ikm, 32, "Content-Encoding: aes128gcm", 28, cek, sizeof(cek));
	hkdf(body, 16, ikm, 32, "Content-Encoding: nonce", 24, nonce, sizeof(nonce));
	record_len = len - 86 - 16;
	record = g_byte_array_sized_new((guint)record_len);
	g_byte_array_set_size(record, (guint)record_len);
	g_assert_cmpint(EVP_DecryptInit_ex(cipher, EVP_aes_128_gcm(), NULL, cek, nonce), ==, 1);
	g_assert_cmpint(EVP_DecryptUpdate(cipher, record->data, &n, body + 86, (int)record_len), ==,
			1);
	g_assert_cmpint(
		EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, 16, (void *)(body + len - 16)),
		==, 1);
	g_assert_cmpint(EVP_DecryptFinal_ex(cipher, record->data + record_len, &n), ==, 1);
	EVP_CIPHER_CTX_free(cipher);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	return record;
}

static void check_message(struct webpush_crypto *crypto, const guint8 *plaintext, gsize len,
			  gsize pad_to, gsize padded)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) body =
		webpush_encrypt(crypto, ua_public, auth, plaintext, len, pad_to, &error);
	g_autoptr(GByteArray) record = NULL;

	g_assert_no_error(error);
	g_assert_cmpuint(g_bytes_get_size(body), ==, padded + OVERHEAD);
	record = decrypt(body);
	g_assert_cmpuint(record->len, ==, padded + 1);
	g_assert_cmpmem(record->data, len, plaintext, len);
	g_assert_cmpuint(record->data[len], ==, 2);
	for (gsize i = len + 1; i < record->len; i++)
		g_assert_cmpuint(record->data[i], ==, 0);
}

static void test_sizes(void)
{
	struct webpush_crypto *crypto = webpush_crypto_new(NULL);
	guint8 plaintext[LIMIT_PUSH_PLAINTEXT + 1];
	g_autoptr(GError) error = NULL;

	for (gsize i = 0; i < sizeof(plaintext); i++)
		plaintext[i] = (guint8)(i * 7 + 1);
	for (gsize len = 0; len <= LIMIT_PUSH_PLAINTEXT; len++)
		check_message(crypto, plaintext, len, 0, len);
	g_assert_null(webpush_encrypt(crypto, ua_public, auth, plaintext, LIMIT_PUSH_PLAINTEXT + 1,
				      0, &error));
	g_assert_error(error, WEBPUSH_CRYPTO_ERROR, WEBPUSH_CRYPTO_ERROR_SIZE);
	webpush_crypto_free(crypto);
}

static const struct padding_row {
	const char *name;
	gsize len, pad_to, padded;
} padding_rows[] = {
	{"none", 100, 0, 100},
	{"smallest class", 0, 1, 128},
	{"fills the class", 128, 1, 128},
	{"one more than the class", 129, 1, 512},
	{"second class filled", 512, 1, 512},
	{"third class", 513, 1, 1024},
	{"fourth class", 1025, 1, 2048},
	{"last class", 2049, 1, LIMIT_PUSH_PLAINTEXT},
	{"full", LIMIT_PUSH_PLAINTEXT, 1, LIMIT_PUSH_PLAINTEXT},
	{"at least that much", 5, 129, 512},
	{"exactly a class", 5, 512, 512},
	{"plaintext longer than asked for", 600, 128, 1024},
	{"everything alike", 5, LIMIT_PUSH_PLAINTEXT, LIMIT_PUSH_PLAINTEXT},
	{"more than there is room for", 5, 100000, LIMIT_PUSH_PLAINTEXT},
};

static void test_padding(gconstpointer data)
{
	const struct padding_row *row = data;
	struct webpush_crypto *crypto = webpush_crypto_new(NULL);
	guint8 plaintext[LIMIT_PUSH_PLAINTEXT];

	memset(plaintext, 'x', sizeof(plaintext));
	check_message(crypto, plaintext, row->len, row->pad_to, row->padded);
	webpush_crypto_free(crypto);
}

/* No two messages share a key or a salt, over several refills of the pool. */
static void test_fresh(void)
{
	struct webpush_crypto *crypto = webpush_crypto_new(NULL), *other = webpush_crypto_new(NULL);
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_bytes_hash, g_bytes_equal,
							   (GDestroyNotify)g_bytes_unref, NULL);

	for (guint i = 0; i < 200; i++) {
		g_autoptr(GBytes) body = webpush_encrypt(i % 2 == 0 ? crypto : other, ua_public,
							 auth, "x", 1, 0, NULL);

		g_assert_true(g_hash_table_add(seen, g_bytes_new_from_bytes(body, 0, 16)));
		g_assert_true(g_hash_table_add(seen, g_bytes_new_from_bytes(body, 21, 65)));
	}
	webpush_crypto_free(crypto);
	webpush_crypto_free(other);
}

/* --- keys ------------------------------------------------------------------ */

#define NOT_ON_CURVE \
	"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw8"
/* x = p, y: no field element, though p mod p = 0 */
#define OVER_THE_FIELD \
	"BP____8AAAABAAAAAAAAAAAAAAAA________________ZkhcePoipk3dUkA66xJAe8y0pD2wTOqgnQyn51iuA_Q"

static const struct key_row {
	const char *name, *p256dh, *auth;
	int error; /* -1 = good */
} key_rows[] = {
	{"good", UA_PUBLIC, AUTH, -1},
	{"good with padding", UA_PUBLIC "=", AUTH "==", -1},
	{"empty key", "", AUTH, WEBPUSH_CRYPTO_ERROR_KEY},
	{"not base64url", "BCVxsr7N+eNg", AUTH, WEBPUSH_CRYPTO_ERROR_KEY},
	{"one octet short",
	 "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw",
	 AUTH, WEBPUSH_CRYPTO_ERROR_KEY},
	{"one octet long", UA_PUBLIC "AA", AUTH, WEBPUSH_CRYPTO_ERROR_KEY},
	{"not on the curve", NOT_ON_CURVE, AUTH, WEBPUSH_CRYPTO_ERROR_KEY},
	{"coordinate over the field", OVER_THE_FIELD, AUTH, WEBPUSH_CRYPTO_ERROR_KEY},
	{"point at infinity", "AA", AUTH, WEBPUSH_CRYPTO_ERROR_KEY},
	{"65 zeros",
	 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	 AUTH, WEBPUSH_CRYPTO_ERROR_KEY},
	{"uncompressed zero",
	 "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	 AUTH, WEBPUSH_CRYPTO_ERROR_KEY},
	{"compressed form", "AiVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx", AUTH,
	 WEBPUSH_CRYPTO_ERROR_KEY},
	/* The right point, marked as hybrid (06: y is even). */
	{"hybrid form",
	 "BiVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
	 AUTH, WEBPUSH_CRYPTO_ERROR_KEY},
	{"empty secret", UA_PUBLIC, "", WEBPUSH_CRYPTO_ERROR_AUTH},
	{"secret not base64url", UA_PUBLIC, "BTBZMqHH6r4Tts7J/aSIgg", WEBPUSH_CRYPTO_ERROR_AUTH},
	{"secret short", UA_PUBLIC, "BTBZMqHH6r4Tts7J_aSI", WEBPUSH_CRYPTO_ERROR_AUTH},
	{"secret long", UA_PUBLIC, "BTBZMqHH6r4Tts7J_aSIggAA", WEBPUSH_CRYPTO_ERROR_AUTH},
};

static void test_keys(gconstpointer data)
{
	const struct key_row *row = data;
	g_autoptr(GError) error = NULL;
	guint8 point[65] = {9}, secret[16] = {9};

	if (row->error == -1) {
		g_assert_true(webpush_parse_keys(row->p256dh, row->auth, point, secret, &error));
		g_assert_no_error(error);
		g_assert_cmpmem(point, 65, ua_public, 65);
		g_assert_cmpmem(secret, 16, auth, 16);
		return;
	}
	g_assert_false(webpush_parse_keys(row->p256dh, row->auth, point, secret, &error));
	g_assert_error(error, WEBPUSH_CRYPTO_ERROR, row->error);
	g_assert_cmpuint(point[0], ==, 9);
	g_assert_cmpuint(secret[0], ==, 9);
}

/* Encryption checks the point by itself, whatever the registry holds. */
static void test_bad_point_refused(void)
{
	struct webpush_crypto *crypto = webpush_crypto_new(NULL);
	guint8 point[65];

	for (guint i = 0; i < 65; i++) {
		g_autoptr(GError) error = NULL;

		memcpy(point, ua_public, sizeof(point));
		point[i] ^= 1;
		g_assert_null(webpush_encrypt(crypto, point, auth, "x", 1, 0, &error));
		g_assert_error(error, WEBPUSH_CRYPTO_ERROR, WEBPUSH_CRYPTO_ERROR_KEY);
	}
	/* and is none the worse for it */
	check_message(crypto, (const guint8 *)"x", 1, 0, 1);
	webpush_crypto_free(crypto);
}

static void test_private_key_range(void)
{
	static const guint8 order[32] = {0xff, 0xff, 0xff, 0xff, 0,    0,    0,    0,
					 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
					 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
	static const guint8 zero[32], salt[16];
	struct webpush_crypto *crypto = webpush_crypto_new(NULL);
	guint8 last[32];
	GBytes *body;

	g_assert_null(webpush_encrypt_with(crypto, ua_public, auth, zero, salt, "x", 1, 0, NULL));
	g_assert_null(webpush_encrypt_with(crypto, ua_public, auth, order, salt, "x", 1, 0, NULL));
	memcpy(last, order, sizeof(last));
	last[31]--;
	body = webpush_encrypt_with(crypto, ua_public, auth, last, salt, "x", 1, 0, NULL);
	g_assert_nonnull(body);
	g_bytes_unref(body);
	webpush_crypto_free(crypto);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	load_keys();
	g_test_add_func("/webpush-crypto/RFC 8291 vector", test_vector);
	g_test_add_func("/webpush-crypto/all sizes", test_sizes);
	g_test_add_func("/webpush-crypto/fresh keys and salts", test_fresh);
	g_test_add_func("/webpush-crypto/bad points are refused", test_bad_point_refused);
	g_test_add_func("/webpush-crypto/private key range", test_private_key_range);
	for (gsize i = 0; i < G_N_ELEMENTS(padding_rows); i++) {
		g_autofree char *path =
			g_strdup_printf("/webpush-crypto/padding/%s", padding_rows[i].name);

		g_test_add_data_func(path, &padding_rows[i], test_padding);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(key_rows); i++) {
		g_autofree char *path =
			g_strdup_printf("/webpush-crypto/keys/%s", key_rows[i].name);

		g_test_add_data_func(path, &key_rows[i], test_keys);
	}
	return g_test_run();
}
