#include "auth.h"
#include "limits.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#define DIGEST_LEN 16

static const struct {
	const char *type;
	enum auth_scheme scheme;
} schemes[] = {
	{"syncml:auth-basic", AUTH_BASIC},
	{"syncml:auth-md5", AUTH_MD5},
	{"syncml:auth-MAC", AUTH_MAC},
};

GQuark auth_error_quark(void)
{
	return g_quark_from_static_string("fantail-syncml-auth-error");
}

static gboolean malformed(GError **error, const char *what)
{
	g_set_error_literal(error, AUTH_ERROR, AUTH_ERROR_MALFORMED, what);
	return FALSE;
}

static void wipe(char *text)
{
	if (text != NULL)
		OPENSSL_cleanse(text, strlen(text));
	g_free(text);
}

void auth_claim_free(struct auth_claim *claim)
{
	if (claim == NULL)
		return;
	g_free(claim->user);
	wipe(claim->password);
	g_free(claim);
}

/* --- what the client brought ------------------------------------------------------ */

/* NULL: no base64 at all. The terminating NUL is not counted. */
static guchar *decode(const char *base64, gsize len, gsize *len_r)
{
	g_autofree char *text = g_strndup(base64, len);
	g_autofree guchar *decoded = NULL;

	g_strstrip(text);
	if (*text == '\0' || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					  "0123456789+/=\r\n ") != strlen(text)) {
		OPENSSL_cleanse(text, strlen(text));
		return NULL;
	}
	decoded = g_base64_decode(text, len_r);
	OPENSSL_cleanse(text, strlen(text));
	return g_steal_pointer(&decoded);
}

/* Names and passwords go into the protocols of others. */
static gboolean is_clean(const char *text, gsize len)
{
	for (gsize i = 0; i < len; i++) {
		if ((guchar)text[i] < 0x20 || text[i] == 0x7F)
			return FALSE;
	}
	return g_utf8_validate_len(text, len, NULL);
}

static gboolean read_basic(struct auth_claim *claim, const struct sml_cred *cred, GError **error)
{
	gsize len;
	char *plain = (char *)decode(cred->data, cred->data_len, &len), *colon;
	gboolean clean;

	if (plain == NULL)
		return malformed(error, "the Cred is not base64");
	colon = memchr(plain, ':', len);
	clean = colon != NULL && colon > plain && is_clean(plain, len);
	if (clean && (gsize)(colon - plain) <= LIMIT_USER && len <= LIMIT_LOC_URI) {
		claim->user = g_strndup(plain, (gsize)(colon - plain));
		claim->password = g_strndup(colon + 1, len - (gsize)(colon + 1 - plain));
	}
	OPENSSL_cleanse(plain, len);
	g_free(plain);
	return claim->user != NULL || malformed(error, "the Cred is not a name and a password");
}

static gboolean read_digest(struct auth_claim *claim, const char *base64, gsize base64_len,
			    GError **error)
{
	gsize len;
	g_autofree guchar *digest = decode(base64, base64_len, &len);

	if (digest == NULL || len != DIGEST_LEN)
		return malformed(error, "the digest is not 16 octets");
	memcpy(claim->digest, digest, DIGEST_LEN);
	return TRUE;
}

/* WBXML may have it raw. */
static gboolean read_md5(struct auth_claim *claim, const struct sml_message *message,
			 const struct sml_cred *cred, GError **error)
{
	const char *user = message->source_name;

	if (user != NULL && *user != '\0' && strlen(user) <= LIMIT_USER &&
	    is_clean(user, strlen(user)))
		claim->user = g_strdup(user);
	if (cred->data_len == DIGEST_LEN && g_strcmp0(cred->format, "b64") != 0) {
		memcpy(claim->digest, cred->data, DIGEST_LEN);
		return TRUE;
	}
	return read_digest(claim, cred->data, cred->data_len, error);
}

/* The value of name= or name="..."; NULL = it is not there. New. */
static char *parameter(const char *header, const char *name)
{
	g_auto(GStrv) words = g_strsplit(header, ",", 8);

	for (guint i = 0; words[i] != NULL; i++) {
		char *word = g_strstrip(words[i]), *equals = strchr(word, '=');
		gsize len;

		if (equals == NULL)
			continue;
		*equals++ = '\0';
		if (g_ascii_strcasecmp(g_strchomp(word), name) != 0)
			continue;
		g_strstrip(equals);
		len = strlen(equals);
		if (len >= 2 && equals[0] == '"' && equals[len - 1] == '"')
			return g_strndup(equals + 1, len - 2);
		return g_strdup(equals);
	}
	return NULL;
}

static gboolean read_mac(struct auth_claim *claim, const char *header, GError **error)
{
	g_autofree char *algorithm = NULL, *user = NULL, *mac = NULL;

	if (strlen(header) > LIMIT_LOC_URI)
		return malformed(error, "the MAC header is too long");
	algorithm = parameter(header, "algorithm");
	user = parameter(header, "username");
	mac = parameter(header, "mac");
	if (algorithm != NULL && g_ascii_strcasecmp(algorithm, "MD5") != 0)
		return malformed(error, "the MAC header names an algorithm that is not MD5");
	if (user == NULL || mac == NULL || *user == '\0' || strlen(user) > LIMIT_USER ||
	    !is_clean(user, strlen(user)))
		return malformed(error, "the MAC header has no username or no mac");
	claim->user = g_steal_pointer(&user);
	return read_digest(claim, mac, strlen(mac), error);
}

static enum auth_scheme scheme_of(const char *type)
{
	for (guint i = 0; i < G_N_ELEMENTS(schemes); i++) {
		if (g_ascii_strcasecmp(schemes[i].type, type) == 0)
			return schemes[i].scheme;
	}
	return AUTH_UNKNOWN;
}

static gboolean read_claim(struct auth_claim *claim, const struct sml_message *message,
			   const struct sml_cred *cred, const char *mac_header, GError **error)
{
	switch (claim->scheme) {
	case AUTH_BASIC:
		return read_basic(claim, cred, error);
	case AUTH_MD5:
		return read_md5(claim, message, cred, error);
	case AUTH_MAC:
		return read_mac(claim, mac_header, error);
	case AUTH_UNKNOWN:
		return TRUE;
	}
	return FALSE;
}

struct auth_claim *auth_claim_new(const struct sml_message *message, const struct sml_cred *cred,
				  const char *mac_header, GError **error)
{
	g_autoptr(auth_claim_t) claim = NULL;

	if (cred == NULL && mac_header == NULL)
		return NULL;
	claim = g_new0(struct auth_claim, 1);
	claim->scheme = cred == NULL ? AUTH_MAC : scheme_of(cred->type);
	/* It is not for a Cred (OMA DM Security 5.3). */
	if (cred != NULL && claim->scheme == AUTH_MAC)
		claim->scheme = AUTH_UNKNOWN;
	if (!read_claim(claim, message, cred, mac_header, error))
		return NULL;
	return g_steal_pointer(&claim);
}

/* --- digests ------------------------------------------------------------------------ */

static void md5_of(GChecksum *checksum, guint8 digest_r[DIGEST_LEN])
{
	gsize len = DIGEST_LEN;

	g_checksum_get_digest(checksum, digest_r, &len);
	g_checksum_free(checksum);
}

static void update(GChecksum *checksum, const void *data, gsize len)
{
	g_checksum_update(checksum, data, (gssize)len);
}

char *auth_secret(const char *user, const char *password)
{
	GChecksum *checksum = g_checksum_new(G_CHECKSUM_MD5);
	guint8 digest[DIGEST_LEN];

	update(checksum, user, strlen(user));
	update(checksum, ":", 1);
	update(checksum, password, strlen(password));
	md5_of(checksum, digest);
	return g_base64_encode(digest, sizeof(digest));
}

gboolean auth_check(const struct auth_claim *claim, const char *secret, const void *nonce,
		    gsize nonce_len, GBytes *body)
{
	GChecksum *checksum;
	guint8 digest[DIGEST_LEN], of_body[DIGEST_LEN];
	g_autofree char *body_base64 = NULL;

	if (claim->scheme != AUTH_MD5 && claim->scheme != AUTH_MAC)
		return FALSE;
	checksum = g_checksum_new(G_CHECKSUM_MD5);
	update(checksum, secret, strlen(secret));
	update(checksum, ":", 1);
	update(checksum, nonce, nonce_len);
	if (claim->scheme == AUTH_MAC) {
		GChecksum *inner = g_checksum_new(G_CHECKSUM_MD5);

		update(inner, g_bytes_get_data(body, NULL), g_bytes_get_size(body));
		md5_of(inner, of_body);
		body_base64 = g_base64_encode(of_body, sizeof(of_body));
		update(checksum, ":", 1);
		update(checksum, body_base64, strlen(body_base64));
	}
	md5_of(checksum, digest);
	return CRYPTO_memcmp(digest, claim->digest, sizeof(digest)) == 0;
}

/* --- passwords -------------------------------------------------------------------------- */

char *auth_password_new(void)
{
	static const char alphabet[] = "abcdefghjkmnopqrstuvwxyz";
	const guint letters = sizeof(alphabet) - 1, fair = 256 - 256 % letters;
	char password[19];
	guint len = 0;

	while (len < sizeof(password) - 1) {
		guint8 random;

		if (RAND_bytes(&random, 1) != 1)
			g_error("no random numbers");
		/* Past that some letters would be likelier than others. */
		if (random < fair)
			password[len++] = alphabet[random % letters];
	}
	password[len] = '\0';
	return g_strdup(password);
}

/* --- challenges ------------------------------------------------------------------------ */

char *auth_nonce_new(void)
{
	/* 64 characters, so that each is as likely: 96 bits in all. */
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	guint8 random[16];
	char nonce[sizeof(random) + 1];

	if (RAND_bytes(random, sizeof(random)) != 1)
		g_error("no random numbers");
	for (guint i = 0; i < sizeof(random); i++)
		nonce[i] = alphabet[random[i] % 64];
	nonce[sizeof(random)] = '\0';
	return g_strdup(nonce);
}

const struct sml_meta *auth_challenge(struct sml_message *message, enum auth_scheme scheme,
				      const char *nonce)
{
	struct sml_meta *chal = sml_message_own(message, g_new0(struct sml_meta, 1), g_free);
	g_autofree char *base64 = NULL;

	chal->format = "b64";
	chal->type = schemes[scheme].type;
	if (scheme != AUTH_BASIC) {
		base64 = g_base64_encode((const guchar *)nonce, strlen(nonce));
		chal->next_nonce = sml_message_string(message, base64, -1);
	}
	return chal;
}
