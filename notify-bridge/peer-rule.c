#include "peer-rule.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

/* getpwuid may ask LDAP, and the main loop waits for it: answers are kept for a
 * while, and so is that there was none. A machine with more uids that deliver mail than
 * this asks more often. */
#define CACHE_ENTRIES 256
#define CACHE_SECS 60
#define CACHE_FAILED_SECS 5
/* An entry of the password database with its GECOS and paths; more than glibc
 * suggests, since LDAP directories put essays there. */
#define ENTRY_BYTES (64 * 1024)

struct account {
	char *name; /* NULL = no such account */
	gboolean known;
	gint64 until_us; /* then it is asked for again; till it is answered it stays true */
	gint64 used_us;
};

static void account_free(gpointer data)
{
	struct account *account = data;

	g_free(account->name);
	g_free(account);
}

/* FALSE if the password database could not be asked. */
static gboolean ask(uid_t uid, char **name_r)
{
	g_autofree char *buffer = g_malloc(ENTRY_BYTES);
	struct passwd entry, *found = NULL;
	int error;

	do {
		error = getpwuid_r(uid, &entry, buffer, ENTRY_BYTES, &found);
	} while (error == EINTR);
	/* "Not found" has several spellings (getpwnam(3)). */
	if (found == NULL && error != 0 && error != ENOENT && error != ESRCH && error != EBADF &&
	    error != EPERM)
		return FALSE;
	*name_r = found != NULL ? g_strdup(found->pw_name) : NULL;
	return TRUE;
}

static void forget_oldest(GHashTable *cache)
{
	GHashTableIter iter;
	gpointer uid, value, oldest = NULL;
	gint64 oldest_us = G_MAXINT64;

	g_hash_table_iter_init(&iter, cache);
	while (g_hash_table_iter_next(&iter, &uid, &value)) {
		const struct account *account = value;

		if (account->used_us < oldest_us) {
			oldest_us = account->used_us;
			oldest = uid;
		}
	}
	g_hash_table_remove(cache, oldest);
}

static struct account *cached(uid_t uid)
{
	static GHashTable *cache;
	struct account *account;

	if (cache == NULL)
		cache = g_hash_table_new_full(NULL, NULL, NULL, account_free);
	account = g_hash_table_lookup(cache, GUINT_TO_POINTER(uid));
	if (account == NULL) {
		if (g_hash_table_size(cache) >= CACHE_ENTRIES)
			forget_oldest(cache);
		account = g_new0(struct account, 1);
		g_hash_table_insert(cache, GUINT_TO_POINTER(uid), account);
	}
	return account;
}

/* *name_r is NULL if there is no such account. FALSE if it was never answered. */
static gboolean account_name(uid_t uid, const char **name_r)
{
	struct account *account = cached(uid);
	gint64 now_us = g_get_monotonic_time();
	char *name;

	account->used_us = now_us;
	if (account->until_us <= now_us) {
		gboolean answered = ask(uid, &name);

		if (answered) {
			g_free(account->name);
			account->name = name;
			account->known = TRUE;
		}
		account->until_us = g_get_monotonic_time() +
				    (answered ? CACHE_SECS : CACHE_FAILED_SECS) * G_USEC_PER_SEC;
	}
	*name_r = account->name;
	return account->known;
}

gboolean peer_speaks_for_all(const GArray *mail_uids, uid_t peer)
{
	for (guint i = 0; mail_uids != NULL && i < mail_uids->len; i++) {
		if (g_array_index(mail_uids, uid_t, i) == peer)
			return TRUE;
	}
	return peer == 0;
}

enum peer_verdict peer_may_speak_for(const GArray *mail_uids, uid_t peer, const char *user)
{
	const char *name;

	if (user == NULL || *user == '\0')
		return PEER_MAY_NOT;
	if (peer_speaks_for_all(mail_uids, peer))
		return PEER_MAY;
	if (!account_name(peer, &name))
		return PEER_UNKNOWN;
	return name != NULL && strcmp(name, user) == 0 ? PEER_MAY : PEER_MAY_NOT;
}
