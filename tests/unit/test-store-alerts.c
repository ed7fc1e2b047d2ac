/* Who is noted to be told of which change, and where that is found again. */
#include "store.h"

#include <sqlite3.h>
#include <string.h>

#include <glib/gstdio.h>

#include "sync-world.h"

struct fixture {
	struct sync_world world;
	gint64 peers[3]; /* phone: contacts; desk: contacts and events; new: never to the end */
};

static struct pim_txn *begin(struct fixture *fixture)
{
	g_autoptr(GError) error = NULL;
	struct pim_txn *txn = pim_txn_begin(fixture->world.store, "pat", TRUE, &error);

	g_assert_no_error(error);
	return txn;
}

static void commit(struct pim_txn *txn)
{
	g_autoptr(GError) error = NULL;

	pim_txn_commit(txn, &error);
	g_assert_no_error(error);
}

static gint64 add_peer(struct pim_txn *txn, const char *device)
{
	struct pim_peer peer;

	g_assert_true(pim_txn_peer(txn, device, 1, &peer, NULL));
	return peer.id;
}

/* Up to that revision it has all. */
static void set_target(struct pim_txn *txn, gint64 peer, const char *name,
		       enum pim_collection collection, pim_components components, guint64 cursor,
		       gint64 last_sync)
{
	struct pim_target target;

	g_assert_true(pim_txn_target(txn, peer, name, collection, components, &target, NULL));
	target.cursor = cursor;
	target.last_sync = last_sync;
	g_assert_true(pim_txn_set_target(txn, &target, NULL));
}

#define CONTACTS PIM_CONTACTS, PIM_COMPONENT_BIT(PIM_CONTACT)
#define EVENTS PIM_CALENDAR, PIM_COMPONENT_BIT(PIM_EVENT)

static void set_up(struct fixture *fixture, gconstpointer data)
{
	static const char *const names[] = {"phone", "desk", "new"};
	struct pim_txn *txn;

	sync_world_init(&fixture->world);
	g_assert_true(pim_alerts_enable(fixture->world.dir, TRUE, NULL));
	txn = begin(fixture);
	for (guint i = 0; i < 3; i++)
		fixture->peers[i] = add_peer(txn, names[i]);
	set_target(txn, fixture->peers[0], "contacts", CONTACTS, 0, 10);
	set_target(txn, fixture->peers[1], "contacts", CONTACTS, 0, 10);
	set_target(txn, fixture->peers[1], "event", EVENTS, 0, 10);
	set_target(txn, fixture->peers[2], "contacts", CONTACTS, 0, 0);
	commit(txn);
}

static void tear_down(struct fixture *fixture, gconstpointer data)
{
	sync_world_clear(&fixture->world);
}

static const char contact[] = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:A;;;;\r\nFN:A\r\nEND:VCARD\r\n";
static const char task[] = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\nUID:1\r\n"
			   "SUMMARY:A\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";

static void add_item(struct pim_txn *txn, const char *text, gint64 now)
{
	const struct pim_style style = {.zone = NULL};
	enum pim_format format = text == contact ? PIM_VCARD_3_0 : PIM_ICALENDAR_2_0;
	g_autoptr(GError) error = NULL;
	g_autoptr(pim_item_t) item = pim_item_parse(format, text, strlen(text), &style, &error);
	guint64 revision;
	gint64 id;

	g_assert_no_error(error);
	g_assert_true(pim_txn_add(txn, item, "test", now, &id, &revision, &error));
}

static gboolean say(const struct pim_alert *alert, gpointer data)
{
	g_string_append_printf(data, "%s%" G_GINT64_FORMAT ":%s@%" G_GUINT64_FORMAT "%s",
			       ((GString *)data)->len > 0 ? " " : "", alert->peer,
			       pim_collection_name(alert->collection), alert->revision,
			       alert->answered ? "!" : "");
	if (alert->tries > 0)
		g_string_append_printf(data, "/%u", alert->tries);
	return TRUE;
}

/* "PEER:COLLECTION@REVISION", '!' if it has it, "/TRIES". */
static void assert_noted(struct fixture *fixture, const char *expected)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(pim_txn_t) txn = begin(fixture);

	g_assert_true(pim_txn_alerts(txn, say, text, NULL));
	g_assert_cmpstr(text->str, ==, expected);
}

static void change(struct fixture *fixture, gint64 author, const char *text, gint64 now)
{
	struct pim_txn *txn = begin(fixture);

	pim_txn_set_author(txn, author);
	add_item(txn, text, now);
	commit(txn);
}

static guint users_noted(struct fixture *fixture)
{
	g_auto(GStrv) users = pim_alerts_users(fixture->world.dir);

	if (users[0] != NULL)
		g_assert_cmpstr(users[0], ==, "pat");
	return g_strv_length(users);
}

static void test_others_are_noted(struct fixture *fixture, gconstpointer data)
{
	g_assert_cmpuint(users_noted(fixture), ==, 0);
	change(fixture, fixture->peers[0], contact, 100);
	assert_noted(fixture, "2:contacts@1");
	g_assert_cmpuint(users_noted(fixture), ==, 1);
	/* Nobody syncs tasks. */
	change(fixture, fixture->peers[0], task, 100);
	assert_noted(fixture, "2:contacts@1");
	/* Nobody's device. */
	change(fixture, 0, contact, 100);
	assert_noted(fixture, "1:contacts@2 2:contacts@2");
}

static void test_nothing_changed(struct fixture *fixture, gconstpointer data)
{
	struct pim_txn *txn = begin(fixture);

	set_target(txn, fixture->peers[0], "contacts", CONTACTS, 0, 20);
	commit(txn);
	txn = begin(fixture);
	add_item(txn, contact, 100);
	pim_txn_abort(txn);
	assert_noted(fixture, "");
	g_assert_cmpuint(users_noted(fixture), ==, 0);
}

/* A series goes on until the device has what it was told of; the next change begins another. */
static void test_answered(struct fixture *fixture, gconstpointer data)
{
	struct pim_alert alert = {.peer = fixture->peers[1],
				  .collection = PIM_CONTACTS,
				  .session = 7,
				  .tries = 1,
				  .due = 200};
	struct pim_txn *txn;

	change(fixture, fixture->peers[0], contact, 100);
	txn = begin(fixture);
	g_assert_true(pim_txn_set_alert(txn, &alert, NULL));
	commit(txn);
	change(fixture, fixture->peers[0], contact, 110);
	assert_noted(fixture, "2:contacts@2/1");
	txn = begin(fixture);
	set_target(txn, fixture->peers[1], "contacts", CONTACTS, 1, 120);
	commit(txn);
	assert_noted(fixture, "2:contacts@2/1");
	txn = begin(fixture);
	set_target(txn, fixture->peers[1], "contacts", CONTACTS, 2, 130);
	commit(txn);
	assert_noted(fixture, "2:contacts@2!/1");
	change(fixture, fixture->peers[0], contact, 140);
	assert_noted(fixture, "2:contacts@3");
}

static void test_settled(struct fixture *fixture, gconstpointer data)
{
	struct pim_alert alert = {
		.peer = fixture->peers[1], .collection = PIM_CONTACTS, .revision = 1};
	struct pim_txn *txn;

	change(fixture, fixture->peers[0], contact, 100);
	change(fixture, fixture->peers[0], contact, 100);
	/* What was read is not what is noted now. */
	txn = begin(fixture);
	g_assert_true(pim_txn_drop_alert(txn, &alert, NULL));
	g_assert_true(pim_txn_settle_alerts(txn, NULL));
	commit(txn);
	assert_noted(fixture, "2:contacts@2");
	g_assert_cmpuint(users_noted(fixture), ==, 1);
	alert.revision = 2;
	txn = begin(fixture);
	g_assert_true(pim_txn_drop_alert(txn, &alert, NULL));
	g_assert_true(pim_txn_settle_alerts(txn, NULL));
	commit(txn);
	assert_noted(fixture, "");
	g_assert_cmpuint(users_noted(fixture), ==, 0);
}

static void test_forgotten_device(struct fixture *fixture, gconstpointer data)
{
	struct pim_txn *txn;

	change(fixture, fixture->peers[0], contact, 100);
	txn = begin(fixture);
	g_assert_true(pim_txn_forget_peer(txn, fixture->peers[1], NULL));
	commit(txn);
	assert_noted(fixture, "");
}

static void count(const char *user, gpointer data)
{
	g_assert_cmpstr(user, ==, "pat");
	(*(guint *)data)++;
}

static void test_watched(struct fixture *fixture, gconstpointer data)
{
	guint calls = 0;

	pim_store_watch_alerts(fixture->world.store, count, &calls);
	change(fixture, fixture->peers[0], contact, 100);
	g_assert_cmpuint(calls, ==, 1);
	change(fixture, fixture->peers[0], task, 100);
	g_assert_cmpuint(calls, ==, 1);
}

/* Off: nothing is found any more, and no folder is made by a change. */
static void test_off(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *folder = g_build_filename(fixture->world.dir, "alerts", NULL);

	change(fixture, fixture->peers[0], contact, 100);
	g_assert_true(pim_alerts_enable(fixture->world.dir, FALSE, NULL));
	g_assert_false(g_file_test(folder, G_FILE_TEST_EXISTS));
	change(fixture, fixture->peers[0], contact, 100);
	g_assert_cmpuint(users_noted(fixture), ==, 0);
	g_assert_false(g_file_test(folder, G_FILE_TEST_EXISTS));
}

/* A file of the first version. */
static void test_migration(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *hex = g_compute_checksum_for_string(G_CHECKSUM_SHA256, "pat", -1);
	g_autofree char *path = g_strdup_printf("%s/%.2s/pat.db", fixture->world.dir, hex);
	sqlite3 *db;

	pim_store_close(&fixture->world.store);
	g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
	g_assert_cmpint(sqlite3_exec(db,
				     "DROP TABLE alert; DROP TABLE owner; PRAGMA user_version = 1",
				     NULL, NULL, NULL),
			==, SQLITE_OK);
	sqlite3_close(db);
	fixture->world.store = pim_store_open(fixture->world.dir, NULL);
	change(fixture, fixture->peers[0], contact, 100);
	assert_noted(fixture, "2:contacts@1");
}

#define ADD(path, test) g_test_add(path, struct fixture, NULL, set_up, test, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/store-alerts/others-are-noted", test_others_are_noted);
	ADD("/store-alerts/nothing-changed", test_nothing_changed);
	ADD("/store-alerts/answered", test_answered);
	ADD("/store-alerts/settled", test_settled);
	ADD("/store-alerts/forgotten-device", test_forgotten_device);
	ADD("/store-alerts/watched", test_watched);
	ADD("/store-alerts/off", test_off);
	ADD("/store-alerts/migration", test_migration);
	return g_test_run();
}
