#include "auth.h"
#include "limits.h"

#include <string.h>

/* Computed by hand from the formulas, and equal to the example of the specifications. */
#define USER "Bruce2"
#define PASSWORD "OhBehave"

static struct auth_claim *claim_of(const char *type, const char *data, const char *name,
				   const char *mac, GError **error)
{
	struct sml_message message = {.source_name = name};
	struct sml_cred cred = {.type = type, .data = data, .data_len = data ? strlen(data) : 0};

	return auth_claim_new(&message, type == NULL ? NULL : &cred, mac, error);
}

static void test_digests(void)
{
	static const struct {
		const char *name, *user, *password, *nonce, *digest;
	} rows[] = {
		{"the specification's", USER, PASSWORD, "Nonce", "Zz6EivR3yeaaENcRN6lpAQ=="},
		{"an empty nonce", "test", "secret", "", "MraccrRHny5AADBfmPIGpQ=="},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *secret = auth_secret(rows[i].user, rows[i].password);
		g_autofree char *other = auth_secret(rows[i].user, "x");
		g_autoptr(GError) error = NULL;
		g_autoptr(auth_claim_t) claim =
			claim_of("syncml:auth-md5", rows[i].digest, rows[i].user, NULL, &error);
		gsize len = strlen(rows[i].nonce);

		g_test_message("%s", rows[i].name);
		g_assert_no_error(error);
		g_assert_cmpint(claim->scheme, ==, AUTH_MD5);
		g_assert_cmpstr(claim->user, ==, rows[i].user);
		g_assert_true(auth_check(claim, secret, rows[i].nonce, len, NULL));
		g_assert_false(auth_check(claim, secret, "nonce", 5, NULL));
		g_assert_false(auth_check(claim, other, rows[i].nonce, len, NULL));
	}
}

static void test_mac(void)
{
	g_autoptr(GBytes) body = g_bytes_new_static("<SyncML/>", 9);
	g_autoptr(GBytes) other = g_bytes_new_static("<SyncML />", 10);
	g_autofree char *secret = auth_secret(USER, PASSWORD);
	g_autoptr(GError) error = NULL;
	g_autoptr(auth_claim_t) claim = claim_of(
		NULL, NULL, NULL,
		"algorithm=MD5, username=\"" USER "\", mac=urdCeS3JUmjFgi8SX3webw==", &error);

	g_assert_no_error(error);
	g_assert_cmpint(claim->scheme, ==, AUTH_MAC);
	g_assert_cmpstr(claim->user, ==, USER);
	g_assert_true(auth_check(claim, secret, "Nonce", 5, body));
	g_assert_false(auth_check(claim, secret, "Nonce", 5, other));
}

static void test_claims(void)
{
	g_autofree char *many = g_strnfill(LIMIT_USER + 1, 'u');
	g_autofree char *long_plain = g_strconcat(many, ":x", NULL);
	g_autofree char *long_name =
		g_base64_encode((const guchar *)long_plain, strlen(long_plain));
	g_autofree char *no_utf8 = g_base64_encode((const guchar *)"a\xff:b", 4);
	const struct {
		const char *name, *type, *data, *mac;
		int scheme; /* -1: refused, -2: nothing brought */
		const char *user, *password;
	} rows[] = {
		{"basic", "syncml:auth-basic", "QnJ1Y2UyOk9oQmVoYXZl", NULL, AUTH_BASIC, USER,
		 PASSWORD},
		{"basic, in another case", "SYNCML:AUTH-BASIC", "QnJ1Y2UyOk9oQmVoYXZl", NULL,
		 AUTH_BASIC, USER, PASSWORD},
		{"a password with a colon", "syncml:auth-basic", "YTpiOmM=", NULL, AUTH_BASIC, "a",
		 "b:c"},
		{"an empty password", "syncml:auth-basic", "YTo=", NULL, AUTH_BASIC, "a", ""},
		{"blanks around", "syncml:auth-basic", " YTpi \r\n", NULL, AUTH_BASIC, "a", "b"},
		{"no colon", "syncml:auth-basic", "YQ==", NULL, -1, NULL, NULL},
		{"no name", "syncml:auth-basic", "OmI=", NULL, -1, NULL, NULL},
		{"no base64", "syncml:auth-basic", "a:b", NULL, -1, NULL, NULL},
		{"nothing", "syncml:auth-basic", "", NULL, -1, NULL, NULL},
		{"NUL in the password", "syncml:auth-basic", "YTpiAGM=", NULL, -1, NULL, NULL},
		{"TAB in the name", "syncml:auth-basic", "YQliOmM=", NULL, -1, NULL, NULL},
		{"not UTF-8", "syncml:auth-basic", no_utf8, NULL, -1, NULL, NULL},
		{"a very long name", "syncml:auth-basic", long_name, NULL, -1, NULL, NULL},
		{"md5 of 16 octets", "syncml:auth-md5", "Zz6EivR3yeaaENcRN6lpAQ==", NULL, AUTH_MD5,
		 "pat", NULL},
		{"md5, raw", "syncml:auth-md5", "0123456789abcdef", NULL, AUTH_MD5, "pat", NULL},
		{"md5 of 15", "syncml:auth-md5", "Zz6EivR3yeaaENcRN6lp", NULL, -1, NULL, NULL},
		{"another", "syncml:auth-x509", "eA==", NULL, AUTH_UNKNOWN, NULL, NULL},
		{"MAC in a Cred", "syncml:auth-MAC", "eA==", NULL, AUTH_UNKNOWN, NULL, NULL},
		{"MAC without algorithm", NULL, NULL,
		 "username=\"pat\", mac=urdCeS3JUmjFgi8SX3webw==", AUTH_MAC, "pat", NULL},
		{"MAC of SHA1", NULL, NULL,
		 "algorithm=SHA1, username=\"pat\", mac=urdCeS3JUmjFgi8SX3webw==", -1, NULL, NULL},
		{"MAC without a name", NULL, NULL, "mac=urdCeS3JUmjFgi8SX3webw==", -1, NULL, NULL},
		{"MAC without mac", NULL, NULL, "username=\"pat\"", -1, NULL, NULL},
		{"nothing brought", NULL, NULL, NULL, -2, NULL, NULL},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(auth_claim_t) claim =
			claim_of(rows[i].type, rows[i].data, "pat", rows[i].mac, &error);

		g_test_message("%s", rows[i].name);
		g_assert_cmpint(claim == NULL, ==, rows[i].scheme < 0);
		g_assert_cmpint(error != NULL, ==, rows[i].scheme == -1);
		if (claim == NULL)
			continue;
		g_assert_cmpint(claim->scheme, ==, rows[i].scheme);
		g_assert_cmpstr(claim->user, ==, rows[i].user);
		g_assert_cmpstr(claim->password, ==, rows[i].password);
	}
}

static void test_challenge(void)
{
	g_autoptr(sml_message_t) message = sml_message_new();
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const struct sml_meta *chal = auth_challenge(message, AUTH_MD5, "Nonce");

	g_assert_cmpstr(chal->type, ==, "syncml:auth-md5");
	g_assert_cmpstr(chal->format, ==, "b64");
	g_assert_cmpstr(chal->next_nonce, ==, "Tm9uY2U=");
	chal = auth_challenge(message, AUTH_BASIC, NULL);
	g_assert_cmpstr(chal->type, ==, "syncml:auth-basic");
	g_assert_null(chal->next_nonce);
	for (guint i = 0; i < 1000; i++) {
		char *nonce = auth_nonce_new();

		g_assert_cmpuint(strlen(nonce), ==, 16);
		for (const char *c = nonce; *c != '\0'; c++)
			g_assert_true(g_ascii_isgraph(*c) && *c != ':');
		g_assert_true(g_hash_table_add(seen, nonce));
	}
}

/* Small letters of a keypad, none of which is taken for another; never the same twice. */
static void test_passwords(void)
{
	g_autofree char *one = auth_password_new(), *two = auth_password_new();

	g_assert_cmpuint(strlen(one), ==, 18);
	g_assert_cmpuint(strspn(one, "abcdefghjkmnopqrstuvwxyz"), ==, 18);
	g_assert_cmpstr(one, !=, two);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/syncml-auth/digests", test_digests);
	g_test_add_func("/syncml-auth/mac", test_mac);
	g_test_add_func("/syncml-auth/claims", test_claims);
	g_test_add_func("/syncml-auth/challenge", test_challenge);
	g_test_add_func("/syncml-auth/passwords", test_passwords);
	return g_test_run();
}
