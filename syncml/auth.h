/*
 * Credentials and challenges of SyncML (SyncML Sync Protocol 1.1 section 3; OMA DM Security for
 * the MAC header): what a Cred says, and what digests are. Who checks is not known here.
 * Pure; comparisons take constant time.
 */
#ifndef FANTAIL_SYNCML_AUTH_H
#define FANTAIL_SYNCML_AUTH_H

#include "message.h"

enum auth_scheme {
	AUTH_BASIC,
	AUTH_MD5,
	AUTH_MAC,
	AUTH_UNKNOWN, /* status 406 */
};

/* What the client brought. */
struct auth_claim {
	enum auth_scheme scheme;
	char *user; /* basic: from the Cred; md5: the message's Source/LocName; NULL = not said */
	char *password;    /* basic only; wiped when freed */
	guint8 digest[16]; /* md5, MAC */
};
typedef struct auth_claim auth_claim_t;

#define AUTH_ERROR (auth_error_quark())
GQuark auth_error_quark(void);
enum auth_error {
	AUTH_ERROR_MALFORMED, /* status 401 */
	AUTH_ERROR_LIMIT,
};

/* `mac_header`: the value of x-syncml-hmac, or NULL. NULL with no *error: no credentials at
 * all (status 407). Names and passwords with NUL or controls are malformed. */
struct auth_claim *auth_claim_new(const struct sml_message *message, const struct sml_cred *cred,
				  const char *mac_header, GError **error);
void auth_claim_free(struct auth_claim *claim);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(auth_claim_t, auth_claim_free)

/* B64(MD5(user ":" password)), which is all that is kept of a sync password. New. */
char *auth_secret(const char *user, const char *password);
/* Is it the digest of that secret and nonce? `body`: MAC only. */
gboolean auth_check(const struct auth_claim *claim, const char *secret, const void *nonce,
		    gsize nonce_len, GBytes *body);
/* 16 printable characters without ':' (some phones take it as a C string). New. */
char *auth_nonce_new(void);
/* A sync password, made for a keypad: 18 small letters, none of which looks like another, more than
 * 82 bits. Whoever hears a digest can try passwords as fast as a computer can. New. */
char *auth_password_new(void);
/* The Chal for a scheme; `nonce` as auth_nonce_new(), NULL with basic. Lives as `message`. */
const struct sml_meta *auth_challenge(struct sml_message *message, enum auth_scheme scheme,
				      const char *nonce);

#endif
