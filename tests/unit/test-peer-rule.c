#include "peer-rule.h"

#include <errno.h>
#include <pwd.h>

/* The password database, which is away at times. */
static gboolean no_accounts;
static guint asked;
/* The clock of the code under test. */
static gint64 now_us = 1000 * G_USEC_PER_SEC;

gint64 g_get_monotonic_time(void)
{
	return now_us;
}

int getpwuid_r(uid_t uid, struct passwd *entry, char *buffer, size_t size, struct passwd **found_r)
{
	const struct passwd *found = no_accounts ? NULL : getpwuid(uid);

	asked++;
	*found_r = NULL;
	if (found != NULL) {
		*entry = *found;
		*found_r = entry;
	}
	return no_accounts ? EIO : 0;
}

static uid_t uid_of(const char *name)
{
	const struct passwd *entry = getpwnam(name);

	g_assert_nonnull(entry);
	return entry->pw_uid;
}

/* `peer`: an account's name; NULL = a uid that has no account. */
static const struct rule_row {
	const char *name;
	const char *peer;
	const char *user;
	gboolean may;
} rule_rows[] = {
	{"root speaks for all", "root", "alice@example.org", TRUE},
	{"root, but for somebody", "root", "", FALSE},
	{"mail uid speaks for all", "mail", "alice@example.org", TRUE},
	{"mail uid, but for somebody", "mail", "", FALSE},
	{"an account for itself", "nobody", "nobody", TRUE},
	{"an account for another one", "nobody", "daemon", FALSE},
	{"an account for root", "nobody", "root", FALSE},
	{"another case", "nobody", "Nobody", FALSE},
	{"with a domain", "nobody", "nobody@example.org", FALSE},
	{"a longer name", "nobody", "nobody2", FALSE},
	{"a shorter name", "nobody", "nobod", FALSE},
	{"empty", "nobody", "", FALSE},
	{"its uid", "nobody", "65534", FALSE},
	{"no account", NULL, "nobody", FALSE},
	{"no account, no name", NULL, "", FALSE},
	{"another account for itself", "daemon", "daemon", TRUE},
};

static void test_rule(gconstpointer data)
{
	const struct rule_row *row = data;
	uid_t mail = uid_of("mail");
	uid_t peer = row->peer != NULL ? uid_of(row->peer) : 3999999999;
	g_autoptr(GArray) mail_uids = g_array_new(FALSE, FALSE, sizeof(uid_t));

	g_array_append_val(mail_uids, mail);
	/* Twice: the second answer comes from the cache. */
	for (guint i = 0; i < 2; i++)
		g_assert_cmpint(peer_may_speak_for(mail_uids, peer, row->user), ==,
				row->may ? PEER_MAY : PEER_MAY_NOT);
}

static void test_no_mail_uids(void)
{
	g_autoptr(GArray) none = g_array_new(FALSE, FALSE, sizeof(uid_t));

	g_assert_cmpint(peer_may_speak_for(none, uid_of("mail"), "alice"), ==, PEER_MAY_NOT);
	g_assert_cmpint(peer_may_speak_for(NULL, uid_of("mail"), "alice"), ==, PEER_MAY_NOT);
	g_assert_cmpint(peer_may_speak_for(NULL, uid_of("mail"), "mail"), ==, PEER_MAY);
	g_assert_cmpint(peer_may_speak_for(NULL, 0, NULL), ==, PEER_MAY_NOT);
}

/* More uids than the cache holds: all answers are right all the same. */
static void test_many(void)
{
	for (uid_t uid = 3000000000; uid < 3000000600; uid++)
		g_assert_cmpint(peer_may_speak_for(NULL, uid, "nobody"), ==, PEER_MAY_NOT);
	g_assert_cmpint(peer_may_speak_for(NULL, uid_of("nobody"), "nobody"), ==, PEER_MAY);
}

/* Strangers do not make us forget those who come all the time. */
static void test_crowd(void)
{
	const uid_t regular = uid_of("daemon");

	now_us += 600 * G_USEC_PER_SEC;
	g_assert_cmpint(peer_may_speak_for(NULL, regular, "daemon"), ==, PEER_MAY);
	asked = 0;
	for (uid_t uid = 3100000000; uid < 3100000600; uid++) {
		now_us++;
		(void)peer_may_speak_for(NULL, uid, "nobody");
		(void)peer_may_speak_for(NULL, regular, "daemon");
	}
	g_assert_cmpuint(asked, ==, 600);
}

/* A directory that takes seconds to fail is not asked for each packet; what it said
 * before holds meanwhile. */
static void test_failures_are_remembered(void)
{
	const uid_t known = uid_of("backup"), unknown = uid_of("list");

	g_assert_cmpint(peer_may_speak_for(NULL, known, "backup"), ==, PEER_MAY);
	now_us += 120 * G_USEC_PER_SEC;
	no_accounts = TRUE;
	asked = 0;
	for (guint i = 0; i < 10; i++) {
		g_assert_cmpint(peer_may_speak_for(NULL, known, "backup"), ==, PEER_MAY);
		g_assert_cmpint(peer_may_speak_for(NULL, known, "list"), ==, PEER_MAY_NOT);
		g_assert_cmpint(peer_may_speak_for(NULL, unknown, "list"), ==, PEER_UNKNOWN);
	}
	g_assert_cmpuint(asked, ==, 2);
	now_us += 10 * G_USEC_PER_SEC;
	g_assert_cmpint(peer_may_speak_for(NULL, known, "backup"), ==, PEER_MAY);
	g_assert_cmpint(peer_may_speak_for(NULL, unknown, "list"), ==, PEER_UNKNOWN);
	g_assert_cmpuint(asked, ==, 4);
	no_accounts = FALSE;
	now_us += 10 * G_USEC_PER_SEC;
	g_assert_cmpint(peer_may_speak_for(NULL, unknown, "list"), ==, PEER_MAY);
}

/* Nobody is denied for it, and it is not remembered for long. */
static void test_database_away(void)
{
	const uid_t uid = uid_of("games");
	g_autoptr(GArray) mail_uids = g_array_new(FALSE, FALSE, sizeof(uid_t));

	g_array_append_val(mail_uids, uid);
	no_accounts = TRUE;
	g_assert_cmpint(peer_may_speak_for(NULL, uid, "games"), ==, PEER_UNKNOWN);
	g_assert_cmpint(peer_may_speak_for(NULL, uid, "alice"), ==, PEER_UNKNOWN);
	/* These need not be looked up. */
	g_assert_cmpint(peer_may_speak_for(NULL, uid, ""), ==, PEER_MAY_NOT);
	g_assert_cmpint(peer_may_speak_for(NULL, 0, "alice"), ==, PEER_MAY);
	g_assert_cmpint(peer_may_speak_for(mail_uids, uid, "alice"), ==, PEER_MAY);
	no_accounts = FALSE;
	now_us += 10 * G_USEC_PER_SEC;
	g_assert_cmpint(peer_may_speak_for(NULL, uid, "games"), ==, PEER_MAY);
	/* What is remembered is still true. */
	no_accounts = TRUE;
	g_assert_cmpint(peer_may_speak_for(NULL, uid, "games"), ==, PEER_MAY);
	no_accounts = FALSE;
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(rule_rows); i++) {
		g_autofree char *path = g_strdup_printf("/peer-rule/%s", rule_rows[i].name);

		g_test_add_data_func(path, &rule_rows[i], test_rule);
	}
	g_test_add_func("/peer-rule/no-mail-uids", test_no_mail_uids);
	g_test_add_func("/peer-rule/many", test_many);
	g_test_add_func("/peer-rule/crowd", test_crowd);
	g_test_add_func("/peer-rule/database-away", test_database_away);
	g_test_add_func("/peer-rule/failures-are-remembered", test_failures_are_remembered);
	return g_test_run();
}
