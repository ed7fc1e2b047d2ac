#include "base64url.h"
#include "limits.h"
#include "vapid.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#define NOW 1760000000
#define CONTACT "mailto:postmaster@example.org"

struct fixture {
	char *folder, *path;
};

static void set_up(struct fixture *f, gconstpointer data)
{
	f->folder = g_dir_make_tmp("test-vapid-XXXXXX", NULL);
	f->path = g_build_filename(f->folder, "vapid.pem", NULL);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
	const char *name;
	GDir *dir = g_dir_open(f->folder, 0, NULL);

	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(f->folder, name, NULL);

		g_unlink(path);
	}
	g_dir_close(dir);
	g_assert_cmpint(g_rmdir(f->folder), ==, 0);
	g_free(f->folder);
	g_free(f->path);
}

static struct vapid *open_good(const struct fixture *f)
{
	g_autoptr(GError) error = NULL;
	struct vapid *vapid = vapid_open(f->path, CONTACT, &error);

	g_assert_no_error(error);
	return vapid;
}

static void test_first_start(struct fixture *f, gconstpointer data)
{
	struct vapid *vapid = open_good(f);
	g_autofree char *key = g_strdup(vapid_public_key(vapid));
	g_autofree char *pem = g_strdup(vapid_public_pem(vapid));
	g_autofree guint8 *point = NULL;
	struct stat st, again;
	gsize len;
	GDir *dir;

	point = base64url_decode(key, &len);
	g_assert_cmpuint(len, ==, 65);
	g_assert_cmpuint(strlen(key), ==, 87);
	g_assert_cmpuint(point[0], ==, 4);
	g_assert_true(g_str_has_prefix(pem, "-----BEGIN PUBLIC KEY-----\n"));
	g_assert_cmpint(stat(f->path, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
	vapid_unref(vapid);

	vapid = open_good(f);
	g_assert_cmpstr(vapid_public_key(vapid), ==, key);
	g_assert_cmpstr(vapid_public_pem(vapid), ==, pem);
	g_assert_cmpint(stat(f->path, &again), ==, 0);
	g_assert_cmpuint(again.st_ino, ==, st.st_ino);
	vapid_unref(vapid);

	/* no scratch files stay */
	dir = g_dir_open(f->folder, 0, NULL);
	g_assert_cmpstr(g_dir_read_name(dir), ==, "vapid.pem");
	g_assert_null(g_dir_read_name(dir));
	g_dir_close(dir);
}

static void add_key(const struct fixture *f, const char *curve)
{
	FILE *file = fopen(f->path, "a");
	EVP_PKEY *key = EVP_EC_gen(curve);

	g_assert_nonnull(file);
	g_assert_cmpint(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), ==, 1);
	fclose(file);
	g_chmod(f->path, 0600);
	EVP_PKEY_free(key);
}

/* The parts of "vapid t=<header>.<claims>.<signature>, k=<key>". */
struct parts {
	char *input; /* what is signed */
	char *key;
	guint8 *signature;
	gsize signature_len;
	JsonObject *header, *claims;
};

static JsonObject *parse_json(const char *text64)
{
	gsize len;
	g_autofree guint8 *text = base64url_decode(text64, &len);
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autoptr(GError) error = NULL;

	g_assert_nonnull(text);
	json_parser_load_from_data(parser, (const char *)text, (gssize)len, &error);
	g_assert_no_error(error);
	return json_object_ref(json_node_get_object(json_parser_get_root(parser)));
}

static struct parts take_apart(const char *authorization)
{
	struct parts parts;
	g_autoptr(GRegex) regex = g_regex_new(
		"^vapid t=(([\\w-]+)\\.([\\w-]+))\\.([\\w-]+), k=([\\w-]+)$", 0, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;
	g_autofree char *header = NULL, *claims = NULL, *signature = NULL;

	g_assert_true(g_regex_match(regex, authorization, 0, &match));
	parts.input = g_match_info_fetch(match, 1);
	header = g_match_info_fetch(match, 2);
	claims = g_match_info_fetch(match, 3);
	signature = g_match_info_fetch(match, 4);
	parts.key = g_match_info_fetch(match, 5);
	parts.signature = base64url_decode(signature, &parts.signature_len);
	parts.header = parse_json(header);
	parts.claims = parse_json(claims);
	return parts;
}

static void parts_clear(struct parts *parts)
{
	g_free(parts->input);
	g_free(parts->key);
	g_free(parts->signature);
	json_object_unref(parts->header);
	json_object_unref(parts->claims);
}

static gboolean verify(const struct parts *parts)
{
	gsize len;
	g_autofree guint8 *point = base64url_decode(parts->key, &len);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"prime256v1",
						 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, len),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY *key = NULL;
	ECDSA_SIG *signature = ECDSA_SIG_new();
	guint8 *der = NULL;
	int der_len, result;

	g_assert_cmpuint(parts->signature_len, ==, 64);
	g_assert_cmpint(EVP_PKEY_fromdata_init(ctx), ==, 1);
	g_assert_cmpint(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), ==, 1);
	ECDSA_SIG_set0(signature, BN_bin2bn(parts->signature, 32, NULL),
		       BN_bin2bn(parts->signature + 32, 32, NULL));
	der_len = i2d_ECDSA_SIG(signature, &der);
	g_assert_cmpint(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key), ==, 1);
	result = EVP_DigestVerify(md, der, (gsize)der_len, (const guint8 *)parts->input,
				  strlen(parts->input));
	OPENSSL_free(der);
	ECDSA_SIG_free(signature);
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
	return result == 1;
}

static char *authorize(struct vapid *vapid, const char *key, const char *origin, gint64 now)
{
	g_autoptr(GError) error = NULL;
	char *header = vapid_authorization(vapid, key, origin, now, &error);

	g_assert_no_error(error);
	g_assert_nonnull(header);
	return header;
}

static const struct audience_row {
	const char *origin, *aud;
} audience_rows[] = {
	{"https://push.example.net:443", "https://push.example.net"},
	{"https://push.example.net", "https://push.example.net"},
	{"https://push.example.net:8443", "https://push.example.net:8443"},
	{"https://push.example.net:80", "https://push.example.net:80"},
	{"http://push.example.net:80", "http://push.example.net"},
	{"http://127.0.0.1:443", "http://127.0.0.1:443"},
	{"https://[2001:db8::443]:443", "https://[2001:db8::443]"},
	{"https://[2001:db8::443]", "https://[2001:db8::443]"},
};

static void test_token(struct fixture *f, gconstpointer data)
{
	struct vapid *vapid = open_good(f);

	/* Often: r or s begins with a zero octet in one of 128. */
	for (guint i = 0; i < 400; i++) {
		const struct audience_row *row = &audience_rows[i % G_N_ELEMENTS(audience_rows)];
		gint64 now = NOW + (gint64)i * 100000, exp;
		g_autofree char *header = authorize(vapid, NULL, row->origin, now);
		struct parts parts = take_apart(header);

		g_assert_cmpstr(parts.key, ==, vapid_public_key(vapid));
		g_assert_true(verify(&parts));
		parts.input[strlen(parts.input) - 1] ^= 1;
		g_assert_false(verify(&parts));
		g_assert_cmpstr(json_object_get_string_member(parts.header, "alg"), ==, "ES256");
		g_assert_cmpstr(json_object_get_string_member(parts.header, "typ"), ==, "JWT");
		g_assert_cmpuint(json_object_get_size(parts.claims), ==, 3);
		g_assert_cmpstr(json_object_get_string_member(parts.claims, "aud"), ==, row->aud);
		g_assert_cmpstr(json_object_get_string_member(parts.claims, "sub"), ==, CONTACT);
		exp = json_object_get_int_member(parts.claims, "exp");
		g_assert_cmpint(exp, >, now + 3600);
		g_assert_cmpint(exp, <=, now + 86400);
		parts_clear(&parts);
	}
	vapid_unref(vapid);
}

static void test_several_keys(struct fixture *f, gconstpointer data)
{
	struct vapid *vapid = open_good(f);
	g_autofree char *first = g_strdup(vapid_public_key(vapid)), *second = NULL, *header = NULL;
	g_autofree char *text = NULL, *swapped = NULL;
	g_autoptr(GError) error = NULL;
	struct parts parts;
	char *end;

	vapid_unref(vapid);
	add_key(f, "P-256");
	vapid = open_good(f);
	g_assert_cmpstr(vapid_public_key(vapid), ==, first);
	vapid_unref(vapid);

	/* The operator's rotation: a new key in front. */
	g_file_get_contents(f->path, &text, NULL, NULL);
	end = strstr(text + 1, "-----BEGIN PRIVATE KEY-----");
	swapped = g_strdup_printf("# comment\n%s\n%.*s", end, (int)(end - text), text);
	g_file_set_contents_full(f->path, swapped, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL);
	vapid = open_good(f);
	second = g_strdup(vapid_public_key(vapid));
	g_assert_cmpstr(first, !=, second);
	g_assert_true(vapid_has_key(vapid, first));
	g_assert_true(vapid_has_key(vapid, second));
	g_assert_false(vapid_has_key(vapid, ""));
	g_assert_false(vapid_has_key(vapid, NULL));

	header = authorize(vapid, first, "https://a.example", NOW);
	parts = take_apart(header);
	g_assert_cmpstr(parts.key, ==, first);
	g_assert_true(verify(&parts));
	parts_clear(&parts);
	g_free(header);
	header = authorize(vapid, NULL, "https://a.example", NOW);
	parts = take_apart(header);
	g_assert_cmpstr(parts.key, ==, second);
	g_assert_true(verify(&parts));
	parts_clear(&parts);

	g_assert_null(vapid_authorization(vapid, "BAAA", "https://a.example", NOW, &error));
	g_assert_error(error, VAPID_ERROR, VAPID_ERROR_UNKNOWN);
	vapid_unref(vapid);
}

static void test_reuse(struct fixture *f, gconstpointer data)
{
	struct vapid *vapid = open_good(f);
	g_autofree char *first = authorize(vapid, NULL, "https://a.example:443", NOW);
	g_autofree char *hour = authorize(vapid, NULL, "https://a.example", NOW + 3600);
	g_autofree char *other = authorize(vapid, NULL, "https://b.example", NOW);
	g_autofree char *late = authorize(vapid, NULL, "https://a.example", NOW + 86400);
	g_autofree char *back = authorize(vapid, NULL, "https://a.example", NOW - 86400);

	g_assert_cmpstr(first, ==, hour);
	g_assert_cmpstr(first, !=, other);
	g_assert_cmpstr(first, !=, late);
	/* The clock was set back: a token from the future is of no use. */
	g_assert_cmpstr(late, !=, back);
	vapid_unref(vapid);
}

/* Origins are users' choice. */
static void test_cache_bounded(struct fixture *f, gconstpointer data)
{
	struct vapid *vapid = open_good(f);
	g_autofree char *oldest = authorize(vapid, NULL, "https://host-0.example", NOW);
	g_autofree char *second = authorize(vapid, NULL, "https://host-1.example", NOW);
	g_autofree char *oldest_again = NULL, *second_again = NULL, *last_again = NULL,
			*last = NULL;

	for (guint i = 2; i <= LIMIT_VAPID_TOKENS; i++) {
		g_autofree char *origin = g_strdup_printf("https://host-%u.example", i);

		g_free(last);
		last = authorize(vapid, NULL, origin, NOW);
	}
	/* One more than there is room for: the oldest went, the others stayed. ES256
	 * signatures are random, so a token made anew differs. */
	second_again = authorize(vapid, NULL, "https://host-1.example", NOW);
	g_assert_cmpstr(second_again, ==, second);
	last_again = authorize(vapid, NULL,
			       "https://host-" G_STRINGIFY(LIMIT_VAPID_TOKENS) ".example", NOW);
	g_assert_cmpstr(last_again, ==, last);
	oldest_again = authorize(vapid, NULL, "https://host-0.example", NOW);
	g_assert_cmpstr(oldest_again, !=, oldest);
	vapid_unref(vapid);
}

static gpointer authorize_thread(gpointer data)
{
	struct vapid *vapid = data;

	for (guint i = 0; i < 2000; i++) {
		g_autofree char *origin = g_strdup_printf("https://host-%u.example", i % 7);
		g_autofree char *header = authorize(vapid, NULL, origin, NOW + (i / 100) * 20000);

		g_assert_true(g_str_has_prefix(header, "vapid t="));
	}
	vapid_unref(vapid);
	return NULL;
}

static void test_threads(struct fixture *f, gconstpointer data)
{
	struct vapid *vapid = open_good(f);
	GThread *threads[4];

	for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("vapid", authorize_thread, vapid_ref(vapid));
	vapid_unref(vapid);
	for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
}

static void test_no_contact(struct fixture *f, gconstpointer data)
{
	struct vapid *vapid = vapid_open(f->path, NULL, NULL);
	g_autofree char *header = authorize(vapid, NULL, "https://a.example", NOW);
	struct parts parts = take_apart(header);

	g_assert_false(json_object_has_member(parts.claims, "sub"));
	parts_clear(&parts);
	vapid_unref(vapid);
}

static void test_bad_contact(struct fixture *f, gconstpointer data)
{
	static const char *const contacts[] = {"",       "postmaster@example.org", "mailto:",
					       "https:", "http://example.org/",    "mailto:\xff"};

	for (guint i = 0; i < G_N_ELEMENTS(contacts); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *shown = g_strescape(contacts[i], NULL);

		g_test_message("'%s'", shown);
		g_assert_null(vapid_open(f->path, contacts[i], &error));
		g_assert_error(error, VAPID_ERROR, VAPID_ERROR_SUBJECT);
	}
	g_assert_false(g_file_test(f->path, G_FILE_TEST_EXISTS));
}

static void expect_error(const struct fixture *f, int code, const char *says)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *before = NULL, *after = NULL;

	g_file_get_contents(f->path, &before, NULL, NULL);
	g_assert_null(vapid_open(f->path, CONTACT, &error));
	g_assert_error(error, VAPID_ERROR, code);
	g_test_message("%s", error->message);
	g_assert_nonnull(strstr(error->message, f->path));
	g_assert_nonnull(strstr(error->message, says));
	/* Whatever is wrong with it, the file is the operator's. */
	g_file_get_contents(f->path, &after, NULL, NULL);
	g_assert_cmpstr(before, ==, after);
}

static void put(const struct fixture *f, const char *text)
{
	g_assert_true(
		g_file_set_contents_full(f->path, text, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
}

static void test_bad_files(struct fixture *f, gconstpointer data)
{
	g_autofree char *large = g_strnfill(LIMIT_VAPID_FILE + 1, 'x');
	struct vapid *vapid;

	put(f, "");
	expect_error(f, VAPID_ERROR_KEY, "key 1");
	put(f, "hello\n");
	expect_error(f, VAPID_ERROR_KEY, "key 1");
	put(f, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
	expect_error(f, VAPID_ERROR_KEY, "key 1");
	put(f, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	expect_error(f, VAPID_ERROR_KEY, "not a private key");
	put(f, large);
	expect_error(f, VAPID_ERROR_FILE, "more than");
	g_unlink(f->path);
	add_key(f, "P-384");
	expect_error(f, VAPID_ERROR_KEY, "another kind");
	g_unlink(f->path);
	add_key(f, "P-256");
	add_key(f, "secp256k1");
	expect_error(f, VAPID_ERROR_KEY, "key 2");
	g_unlink(f->path);
	for (guint i = 0; i < LIMIT_VAPID_KEYS; i++)
		add_key(f, "P-256");
	vapid = open_good(f);
	vapid_unref(vapid);
	add_key(f, "P-256");
	expect_error(f, VAPID_ERROR_KEY, "more than");
}

/* A key after the first that is cut off must not be taken for the end. */
static void test_cut_off(struct fixture *f, gconstpointer data)
{
	struct stat st;

	add_key(f, "P-256");
	add_key(f, "P-256");
	g_assert_cmpint(stat(f->path, &st), ==, 0);
	g_assert_cmpint(truncate(f->path, st.st_size - 30), ==, 0);
	expect_error(f, VAPID_ERROR_KEY, "key 2");
}

static void test_encrypted(struct fixture *f, gconstpointer data)
{
	FILE *file = fopen(f->path, "w");
	EVP_PKEY *key = EVP_EC_gen("P-256");

	g_assert_cmpint(
		PEM_write_PKCS8PrivateKey(file, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL),
		==, 1);
	fclose(file);
	g_chmod(f->path, 0600);
	EVP_PKEY_free(key);
	expect_error(f, VAPID_ERROR_KEY, "passphrase");
}

/* As `openssl ecparam -genkey` writes it. */
static void test_sec1(struct fixture *f, gconstpointer data)
{
	BIO *bio = BIO_new_file(f->path, "w");
	EVP_PKEY *key = EVP_EC_gen("P-256");

	for (guint i = 0; i < 2; i++) {
		BIO_puts(bio, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
			      "-----END EC PARAMETERS-----\n");
		g_assert_cmpint(
			PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL),
			==, 1);
	}
	BIO_free(bio);
	EVP_PKEY_free(key);
	g_chmod(f->path, 0640);
	vapid_unref(open_good(f));
}

static void test_modes(struct fixture *f, gconstpointer data)
{
	static const struct {
		mode_t mode;
		gboolean ok;
	} rows[] = {{0600, TRUE},  {0400, TRUE},  {0640, TRUE},
		    {0660, FALSE}, {0644, FALSE}, {0602, FALSE}};

	add_key(f, "P-256");
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_test_message("mode %04o", rows[i].mode);
		g_chmod(f->path, (int)rows[i].mode);
		if (rows[i].ok)
			vapid_unref(open_good(f));
		else
			expect_error(f, VAPID_ERROR_FILE, "chmod 0600");
	}
}

static void test_no_folder(struct fixture *f, gconstpointer data)
{
	g_autofree char *path = g_build_filename(f->folder, "none", "vapid.pem", NULL);
	g_autoptr(GError) error = NULL;

	g_assert_null(vapid_open(path, CONTACT, &error));
	g_assert_error(error, VAPID_ERROR, VAPID_ERROR_FILE);
	g_assert_nonnull(strstr(error->message, path));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(struct fixture *, gconstpointer);
	} tests[] = {
		{"first start makes a key", test_first_start},
		{"token", test_token},
		{"several keys, the first is current", test_several_keys},
		{"tokens are reused", test_reuse},
		{"cache is bounded", test_cache_bounded},
		{"threads", test_threads},
		{"no contact", test_no_contact},
		{"bad contacts", test_bad_contact},
		{"bad files", test_bad_files},
		{"second key cut off", test_cut_off},
		{"encrypted key", test_encrypted},
		{"keys with their parameters", test_sec1},
		{"modes", test_modes},
		{"no folder", test_no_folder},
	};

	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(tests); i++) {
		g_autofree char *path = g_strdup_printf("/vapid/%s", tests[i].name);

		g_test_add(path, struct fixture, NULL, set_up, tests[i].run, tear_down);
	}
	return g_test_run();
}
