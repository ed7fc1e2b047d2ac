#include "vapid.h"

#include "base64url.h"
#include "jwt.h"
#include "limits.h"
#include "vapid-file.h"

#include <string.h>

#include <json-glib/json-glib.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

/* RFC 8292 allows 24 hours. Half of it forgives clocks that differ. */
#define TOKEN_SECS (12 * 3600)
/* A token is renewed once it has less than this left: the push may wait in our
 * connection and in theirs. So each is used for eleven hours; Apple asks for one. */
#define TOKEN_LEFT_SECS 3600

G_DEFINE_QUARK(fantail_vapid_error, vapid_error)

struct vapid_key {
	EVP_PKEY *key;
	char *public_key;
};

struct token {
	char *name; /* "<public key> <origin>" */
	char *header;
	gint64 expires;
};

struct vapid {
	gatomicrefcount refs;
	char *subject; /* or NULL */
	char *public_pem;
	GPtrArray *keys; /* struct vapid_key *; the first is current; never changes */
	GMutex lock;     /* guards what follows */
	GHashTable *tokens;
	GQueue oldest_first; /* the same struct token *, borrowed */
};

static void key_free(gpointer data)
{
	struct vapid_key *key = data;

	EVP_PKEY_free(key->key);
	g_free(key->public_key);
	g_free(key);
}

static void token_free(gpointer data)
{
	struct token *token = data;

	g_free(token->name);
	g_free(token->header);
	g_free(token);
}

/* From the coordinates: a key file may say that its point be written compressed. */
static char *public_point(EVP_PKEY *key)
{
	BIGNUM *x = NULL, *y = NULL;
	guint8 point[65] = {4};
	char *text = NULL;

	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
	    BN_bn2binpad(x, point + 1, 32) == 32 && BN_bn2binpad(y, point + 33, 32) == 32)
		text = base64url_encode(point, sizeof(point));
	BN_free(x);
	BN_free(y);
	ERR_clear_error();
	return text;
}

static char *public_pem(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text = NULL;

	if (bio != NULL && PEM_write_bio_PUBKEY(bio, key) == 1) {
		long len = BIO_get_mem_data(bio, &data);

		text = g_strndup(data, (gsize)len);
	}
	BIO_free(bio);
	ERR_clear_error();
	return text;
}

static gboolean take_keys(struct vapid *vapid, GPtrArray *keys)
{
	for (guint i = 0; i < keys->len; i++) {
		struct vapid_key *key = g_new0(struct vapid_key, 1);

		key->key = g_ptr_array_index(keys, i);
		EVP_PKEY_up_ref(key->key);
		g_ptr_array_add(vapid->keys, key);
		key->public_key = public_point(key->key);
		if (key->public_key == NULL)
			return FALSE;
	}
	vapid->public_pem = public_pem(g_ptr_array_index(keys, 0));
	return vapid->public_pem != NULL;
}

static gboolean subject_ok(const char *subject)
{
	return subject == NULL || (g_str_has_prefix(subject, "mailto:") && subject[7] != '\0') ||
	       (g_str_has_prefix(subject, "https:") && subject[6] != '\0');
}

struct vapid *vapid_open(const char *path, const char *subject, GError **error)
{
	g_autoptr(GPtrArray) keys = NULL;
	struct vapid *vapid;

	if (!subject_ok(subject) || (subject != NULL && !g_utf8_validate(subject, -1, NULL))) {
		g_set_error_literal(error, VAPID_ERROR, VAPID_ERROR_SUBJECT,
				    "the contact must be a mailto: or https: address");
		return NULL;
	}
	if (!vapid_file_exists(path) && !vapid_file_create(path, error))
		return NULL;
	keys = vapid_file_read(path, error);
	if (keys == NULL)
		return NULL;
	vapid = g_new0(struct vapid, 1);
	g_atomic_ref_count_init(&vapid->refs);
	g_mutex_init(&vapid->lock);
	vapid->subject = g_strdup(subject);
	vapid->keys = g_ptr_array_new_with_free_func(key_free);
	vapid->tokens = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, token_free);
	g_queue_init(&vapid->oldest_first);
	if (!take_keys(vapid, keys)) {
		g_set_error(error, VAPID_ERROR, VAPID_ERROR_KEY,
			    "OpenSSL cannot tell the public part of a key in '%s'", path);
		vapid_unref(vapid);
		return NULL;
	}
	return vapid;
}

struct vapid *vapid_ref(struct vapid *vapid)
{
	g_atomic_ref_count_inc(&vapid->refs);
	return vapid;
}

void vapid_unref(struct vapid *vapid)
{
	if (vapid == NULL || !g_atomic_ref_count_dec(&vapid->refs))
		return;
	g_queue_clear(&vapid->oldest_first);
	g_hash_table_unref(vapid->tokens);
	g_ptr_array_unref(vapid->keys);
	g_mutex_clear(&vapid->lock);
	g_free(vapid->public_pem);
	g_free(vapid->subject);
	g_free(vapid);
}

const char *vapid_public_key(const struct vapid *vapid)
{
	const struct vapid_key *key = g_ptr_array_index(vapid->keys, 0);

	return key->public_key;
}

const char *vapid_public_pem(const struct vapid *vapid)
{
	return vapid->public_pem;
}

static const struct vapid_key *find_key(const struct vapid *vapid, const char *public_key)
{
	for (guint i = 0; i < vapid->keys->len; i++) {
		const struct vapid_key *key = g_ptr_array_index(vapid->keys, i);

		if (public_key == NULL || strcmp(key->public_key, public_key) == 0)
			return key;
	}
	return NULL;
}

gboolean vapid_has_key(const struct vapid *vapid, const char *public_key)
{
	return public_key != NULL && find_key(vapid, public_key) != NULL;
}

/* RFC 6454 6.2: without the scheme's own port. */
static char *serialize_origin(const char *origin)
{
	gsize len = strlen(origin);

	if (g_str_has_prefix(origin, "https://") && g_str_has_suffix(origin, ":443"))
		len -= strlen(":443");
	else if (g_str_has_prefix(origin, "http://") && g_str_has_suffix(origin, ":80"))
		len -= strlen(":80");
	return g_strndup(origin, len);
}

/* A clock that was set back leaves tokens that a push service would refuse. */
static gboolean token_fresh(const struct token *token, gint64 now)
{
	return token->expires - now > TOKEN_LEFT_SECS && token->expires - now <= TOKEN_SECS;
}

static char *cached_header(struct vapid *vapid, const char *name, gint64 now)
{
	const struct token *token;
	char *header = NULL;

	g_mutex_lock(&vapid->lock);
	token = g_hash_table_lookup(vapid->tokens, name);
	if (token != NULL && token_fresh(token, now))
		header = g_strdup(token->header);
	g_mutex_unlock(&vapid->lock);
	return header;
}

/* Users choose the origins, so there may be any number: the oldest token goes. */
static void remember(struct vapid *vapid, const char *name, const char *header, gint64 expires)
{
	struct token *token = g_new(struct token, 1), *old;

	token->name = g_strdup(name);
	token->header = g_strdup(header);
	token->expires = expires;
	g_mutex_lock(&vapid->lock);
	old = g_hash_table_lookup(vapid->tokens, name);
	if (old == NULL && g_hash_table_size(vapid->tokens) >= LIMIT_VAPID_TOKENS)
		old = g_queue_peek_head(&vapid->oldest_first);
	if (old != NULL) {
		g_queue_remove(&vapid->oldest_first, old);
		g_hash_table_remove(vapid->tokens, old->name);
	}
	g_hash_table_insert(vapid->tokens, token->name, token);
	g_queue_push_tail(&vapid->oldest_first, token);
	g_mutex_unlock(&vapid->lock);
}

static char *make_claims(const char *audience, gint64 expires, const char *subject)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonNode) root = NULL;

	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "aud");
	json_builder_add_string_value(builder, audience);
	json_builder_set_member_name(builder, "exp");
	json_builder_add_int_value(builder, expires);
	if (subject != NULL) {
		json_builder_set_member_name(builder, "sub");
		json_builder_add_string_value(builder, subject);
	}
	json_builder_end_object(builder);
	root = json_builder_get_root(builder);
	return json_to_string(root, FALSE);
}

char *vapid_authorization(struct vapid *vapid, const char *public_key, const char *origin,
			  gint64 now, GError **error)
{
	const struct vapid_key *key = find_key(vapid, public_key);
	g_autofree char *audience = NULL, *name = NULL, *claims = NULL, *token = NULL;
	g_autoptr(GError) sign_error = NULL;
	char *header;

	if (key == NULL) {
		g_set_error_literal(error, VAPID_ERROR, VAPID_ERROR_UNKNOWN,
				    "the device subscribed under a VAPID key that is no longer in "
				    "the key file; it must subscribe anew");
		return NULL;
	}
	audience = serialize_origin(origin);
	name = g_strdup_printf("%s %s", key->public_key, audience);
	header = cached_header(vapid, name, now);
	if (header != NULL)
		return header;
	/* Outside the lock: two threads may sign for one origin, which harms nobody,
	 * while a lock would make all wait for each signature. */
	claims = make_claims(audience, now + TOKEN_SECS, vapid->subject);
	token = jwt_sign_es256(key->key, "{\"typ\":\"JWT\",\"alg\":\"ES256\"}", claims,
			       &sign_error);
	if (token == NULL) {
		g_set_error_literal(error, VAPID_ERROR, VAPID_ERROR_SIGN, sign_error->message);
		return NULL;
	}
	header = g_strdup_printf("vapid t=%s, k=%s", token, key->public_key);
	remember(vapid, name, header, now + TOKEN_SECS);
	return header;
}
