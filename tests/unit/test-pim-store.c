#include <string.h>

#include <glib/gstdio.h>
#include <sqlite3.h>

#include "limits.h"
#include "scratch.h"
#include "store.h"

#define USER "pat"
#define NOW 1800000000
#define DAY 86400

struct fixture {
	char *dir;
	struct pim_store *store;
};

static void fixture_init(struct fixture *fixture)
{
	g_autoptr(GError) error = NULL;

	fixture->dir = scratch_new();
	fixture->store = pim_store_open(fixture->dir, &error);
	g_assert_no_error(error);
}

static void fixture_clear(struct fixture *fixture)
{
	pim_store_close(&fixture->store);
	scratch_remove(fixture->dir);
}

static struct pim_txn *begin_for(const struct fixture *fixture, const char *user)
{
	g_autoptr(GError) error = NULL;
	struct pim_txn *txn = pim_txn_begin(fixture->store, user, TRUE, &error);

	g_assert_no_error(error);
	return txn;
}

static struct pim_txn *begin(const struct fixture *fixture)
{
	return begin_for(fixture, USER);
}

static void commit(struct pim_txn *txn)
{
	g_autoptr(GError) error = NULL;

	pim_txn_commit(txn, &error);
	g_assert_no_error(error);
}

/* TRUE or a failed test. */
#define OK(call)                                \
	do {                                    \
		g_autoptr(GError) error = NULL; \
		gboolean ok_ = (call);          \
		g_assert_no_error(error);       \
		g_assert_true(ok_);             \
	} while (0)

/* "contact Pat", "event Lunch", "task Shop", "note Milk". */
static struct pim_item *item_of(const char *words)
{
	g_auto(GStrv) parts = g_strsplit(words, " ", 2);
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	enum pim_format format = PIM_ICALENDAR_2_0;
	struct pim_item *item;

	if (strcmp(parts[0], "contact") == 0) {
		format = PIM_VCARD_3_0;
		text = g_strdup_printf("BEGIN:VCARD\r\nVERSION:3.0\r\nN:%s;;;;\r\nFN:%s\r\n"
				       "EMAIL:%s@example.org\r\nEND:VCARD\r\n",
				       parts[1], parts[1], parts[1]);
	} else if (strcmp(parts[0], "note") == 0) {
		format = PIM_PLAIN_TEXT;
		text = g_strdup(parts[1]);
	} else {
		const char *kind = strcmp(parts[0], "task") == 0 ? "VTODO" : "VEVENT";

		text = g_strdup_printf("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:%s\r\nUID:%s\r\n"
				       "DTSTART:20270101T100000Z\r\nSUMMARY:%s\r\nEND:%s\r\n"
				       "END:VCALENDAR\r\n",
				       kind, parts[1], parts[1], kind);
	}
	item = pim_item_parse(format, text, strlen(text), NULL, &error);
	g_assert_no_error(error);
	return item;
}

static gint64 add_at(struct pim_txn *txn, const char *words, gint64 now)
{
	g_autoptr(pim_item_t) item = item_of(words);
	guint64 revision;
	gint64 id;

	OK(pim_txn_add(txn, item, "test", now, &id, &revision, &error));
	return id;
}

static gint64 add(struct pim_txn *txn, const char *words)
{
	return add_at(txn, words, NOW);
}

static void replace_at(struct pim_txn *txn, gint64 id, const char *words, gint64 now)
{
	g_autoptr(pim_item_t) item = item_of(words);
	guint64 revision;

	OK(pim_txn_replace(txn, id, item, "phone", now, &revision, &error));
}

static void delete_at(struct pim_txn *txn, gint64 id, gint64 now)
{
	guint64 revision;

	OK(pim_txn_delete(txn, id, "phone", now, &revision, &error));
}

static void assert_sound(struct pim_txn *txn);

/* --- revisions and changes --------------------------------------------------------------- */

struct change {
	char what; /* '+', '=', '-', and '<' begins what '>' rolls back */
	gint64 id;
	const char *words;
	guint64 revision; /* expected */
};

static void test_revisions(void)
{
	static const struct change rows[] = {
		{'+', 1, "contact Pat", 1},
		{'+', 2, "contact Zoe", 2},
		{'+', 3, "event Lunch", 1}, /* each collection counts for itself */
		{'+', 4, "task Shop", 2},
		{'+', 5, "note Milk", 1},
		{'=', 1, "contact Patty", 3},
		{'-', 2, NULL, 4},
		{'-', 2, NULL, 4}, /* it is gone already */
		{'-', 99, NULL, 0},
		{'=', 2, "contact Zoe", 5}, /* and comes back */
		{'<', 0, NULL, 0},
		{'-', 1, NULL, 6},
		{'>', 0, NULL, 0},
		{'+', 6, "contact Kim", 6}, /* nobody has seen that number */
	};
	struct fixture fixture;
	struct pim_txn *txn;
	struct pim_heads heads;
	guint64 count;

	fixture_init(&fixture);
	txn = begin(&fixture);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct change *row = &rows[i];
		g_autoptr(pim_item_t) item = row->words == NULL ? NULL : item_of(row->words);
		guint64 revision = 0;
		gint64 id = row->id;

		g_test_message("row %u", i);
		if (row->what == '+')
			OK(pim_txn_add(txn, item, "test", NOW, &id, &revision, &error));
		else if (row->what == '=')
			OK(pim_txn_replace(txn, id, item, "test", NOW, &revision, &error));
		else if (row->what == '-')
			OK(pim_txn_delete(txn, id, "test", NOW, &revision, &error));
		else if (row->what == '<')
			OK(pim_txn_savepoint(txn, &error));
		else
			OK(pim_txn_roll_back(txn, &error));
		g_assert_cmpint(id, ==, row->id);
		g_assert_cmpuint(revision, ==, row->revision);
	}
	OK(pim_txn_heads(txn, PIM_CONTACTS, &heads, &error));
	g_assert_cmpuint(heads.head, ==, 6);
	g_assert_cmpuint(heads.oldest, ==, 0);
	OK(pim_txn_count(txn, PIM_CALENDAR, PIM_COMPONENT_BIT(PIM_TASK), &count, &error));
	g_assert_cmpuint(count, ==, 1);
	assert_sound(txn);
	commit(txn);

	/* What is not committed never was. */
	txn = begin(&fixture);
	delete_at(txn, 1, NOW);
	pim_txn_abort(txn);
	txn = begin(&fixture);
	OK(pim_txn_heads(txn, PIM_CONTACTS, &heads, &error));
	g_assert_cmpuint(heads.head, ==, 6);
	pim_txn_abort(txn);
	fixture_clear(&fixture);
}

static gboolean say_row(const struct pim_row *row, gpointer data)
{
	g_assert_cmpint(row->deleted, ==, row->content == NULL);
	g_string_append_printf(data, "%s%" G_GINT64_FORMAT "%s",
			       ((GString *)data)->len > 0 ? " " : "", row->id,
			       row->deleted ? "-" : "");
	return TRUE;
}

static void test_changes(void)
{
	static const struct {
		enum pim_collection collection;
		pim_components components;
		guint64 after, upto;
		guint limit;
		const char *expected; /* ids; '-' = a tombstone */
	} rows[] = {
		{PIM_CONTACTS, ~0u, 0, 100, 100, "3 1 2-"},
		{PIM_CONTACTS, ~0u, 3, 100, 100, "1 2-"},
		{PIM_CONTACTS, ~0u, 3, 4, 100, "1"},
		{PIM_CONTACTS, ~0u, 5, 100, 100, ""},
		{PIM_CONTACTS, ~0u, 0, 100, 2, "3 1"},
		{PIM_CALENDAR, ~0u, 0, 100, 100, "4 5"},
		{PIM_CALENDAR, PIM_COMPONENT_BIT(PIM_TASK), 0, 100, 100, "5"},
		{PIM_NOTES, ~0u, 0, 100, 100, ""},
	};
	struct fixture fixture;
	struct pim_txn *txn;

	fixture_init(&fixture);
	txn = begin(&fixture);
	add(txn, "contact Pat");
	add(txn, "contact Zoe");
	add(txn, "contact Kim");
	replace_at(txn, 1, "contact Patty", NOW);
	delete_at(txn, 2, NOW);
	add(txn, "event Lunch");
	add(txn, "task Shop");
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GString) got = g_string_new(NULL);

		g_test_message("row %u", i);
		OK(pim_txn_changes(txn, rows[i].collection, rows[i].components, rows[i].after,
				   rows[i].upto, rows[i].limit, say_row, got, &error));
		g_assert_cmpstr(got->str, ==, rows[i].expected);
	}
	commit(txn);
	fixture_clear(&fixture);
}

/* --- what matches --------------------------------------------------------------------------- */

static void map_item(struct pim_txn *txn, gint64 target, gint64 item, const char *luid)
{
	struct pim_map map = {.target = target, .item = item, .luid = luid};

	OK(pim_txn_put_map(txn, &map, &error));
}

static gint64 target_of(struct pim_txn *txn, gint64 peer, const char *name,
			enum pim_collection collection)
{
	struct pim_target target;

	OK(pim_txn_target(txn, peer, name, collection, ~0u, &target, &error));
	return target.id;
}

static gint64 peer_of(struct pim_txn *txn, const char *device, gint64 now)
{
	struct pim_peer peer;

	OK(pim_txn_peer(txn, device, now, &peer, &error));
	return peer.id;
}

static gint64 match(struct pim_txn *txn, char how, gint64 target, const char *words)
{
	g_autoptr(pim_item_t) item = item_of(words);
	g_autoptr(GArray) keys = g_array_new(FALSE, FALSE, sizeof(guint64));
	g_autofree char *part = NULL;
	guint8 hash[16];
	gint64 id = -1;

	pim_item_hash(item, hash);
	pim_item_keys(item, keys);
	switch (how) {
	case 'h':
		OK(pim_txn_find_hash(txn, hash, &id, &error));
		break;
	case 'u':
		OK(pim_txn_find_uid(txn, pim_item_uid(item), &id, &error));
		break;
	case 'H':
		OK(pim_txn_match_hash(txn, target, hash, &id, &error));
		break;
	case 'U':
		OK(pim_txn_match_uid(txn, target, pim_item_uid(item), &id, &error));
		break;
	case 'K':
		OK(pim_txn_match_keys(txn, target, pim_item_component(item), FALSE,
				      (const guint64 *)(gpointer)keys->data, keys->len, &id, &part,
				      &error));
		break;
	}
	return id;
}

static void test_matching(void)
{
	static const struct {
		const char *name;
		char how; /* h, u: any item; H, U, K: one without a map of that target */
		gboolean calendar;
		const char *words;
		gint64 found; /* 0 = none */
	} rows[] = {
		{"the same", 'h', FALSE, "contact Pat", 1},
		{"one that is mapped, too", 'h', FALSE, "contact Zoe", 2},
		{"none like it", 'h', FALSE, "contact Max", 0},
		{"none that is deleted", 'h', FALSE, "contact Kim", 0},
		{"by UID", 'u', TRUE, "event Lunch", 4},
		{"not of a task that was", 'u', TRUE, "task Shop", 0},
		{"the same, not mapped", 'H', FALSE, "contact Pat", 1},
		{"the same, but mapped", 'H', FALSE, "contact Zoe", 0},
		{"of another collection", 'H', TRUE, "contact Pat", 0},
		{"by UID, not mapped", 'U', TRUE, "event Lunch", 4},
		{"by UID, of another collection", 'U', FALSE, "event Lunch", 0},
		{"by a key", 'K', FALSE, "contact Pat", 1},
		{"by a key, but mapped", 'K', FALSE, "contact Zoe", 0},
		{"no key", 'K', FALSE, "contact Max", 0},
		{"a key of what is deleted", 'K', FALSE, "contact Kim", 0},
	};
	struct fixture fixture;
	struct pim_txn *txn;
	gint64 contacts, calendar, peer;

	fixture_init(&fixture);
	txn = begin(&fixture);
	add(txn, "contact Pat");
	add(txn, "contact Zoe");
	add(txn, "contact Kim");
	add(txn, "event Lunch");
	add(txn, "task Shop");
	delete_at(txn, 3, NOW);
	delete_at(txn, 5, NOW);
	peer = peer_of(txn, "IMEI:1", NOW);
	contacts = target_of(txn, peer, "contacts", PIM_CONTACTS);
	calendar = target_of(txn, peer, "calendar", PIM_CALENDAR);
	map_item(txn, contacts, 2, "L2");
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_test_message("%s", rows[i].name);
		g_assert_cmpint(match(txn, rows[i].how, rows[i].calendar ? calendar : contacts,
				      rows[i].words),
				==, rows[i].found);
	}
	commit(txn);
	fixture_clear(&fixture);
}

/* --- history -------------------------------------------------------------- */

static gboolean say_version(const struct pim_version *version, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(pim_item_t) item =
		pim_item_load(version->component, version->content, version->content_len, &error);
	g_autofree char *title = NULL;

	g_assert_no_error(error);
	title = pim_item_title(item);
	g_string_append_printf(data, "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s by %s: %s\n",
			       version->version, version->item, version->why, version->origin,
			       title);
	return TRUE;
}

static char *history_of(struct pim_txn *txn, gint64 item, guint limit)
{
	GString *text = g_string_new(NULL);

	OK(pim_txn_history(txn, item, limit, say_version, text, &error));
	return g_string_free(text, FALSE);
}

static void assert_title(struct pim_txn *txn, gint64 id, const char *expected)
{
	g_autoptr(pim_item_t) item = NULL;
	g_autofree char *title = NULL;
	struct pim_row row;
	gboolean found;

	OK(pim_txn_get(txn, id, &found, &row, &error));
	g_assert_true(found);
	g_assert_cmpint(row.deleted, ==, expected == NULL);
	if (expected == NULL)
		return;
	item = pim_item_load(row.component, row.content, row.content_len, NULL);
	title = pim_item_title(item);
	g_assert_cmpstr(title, ==, expected);
}

static void test_history(void)
{
	static const struct {
		gint64 item;
		guint limit;
		const char *expected;
	} rows[] = {
		{0, 100,
		 "4 1 deleted by phone: Patricia\n3 2 conflict by phone: Zola\n"
		 "2 1 replaced by phone: Patty\n1 1 replaced by phone: Pat\n"},
		{0, 1, "4 1 deleted by phone: Patricia\n"},
		{2, 100, "3 2 conflict by phone: Zola\n"},
		{3, 100, ""},
	};
	static const struct {
		gint64 version;
		gboolean found;
		gint64 item;
		const char *title;
	} restored[] = {
		{1, TRUE, 1, "Pat"}, /* it was deleted, and is there again */
		{3, TRUE, 2, "Zola"},
		{99, FALSE, 1, "Pat"},
	};
	g_autoptr(pim_item_t) loser = item_of("contact Zola");
	struct fixture fixture;
	struct pim_txn *txn;
	gboolean found;

	fixture_init(&fixture);
	txn = begin(&fixture);
	add(txn, "contact Pat");
	add(txn, "contact Zoe");
	replace_at(txn, 1, "contact Patty", NOW);
	replace_at(txn, 1, "contact Patricia", NOW);
	OK(pim_txn_keep_loser(txn, 2, loser, "phone", NOW, &error));
	delete_at(txn, 1, NOW);
	assert_title(txn, 1, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *got = history_of(txn, rows[i].item, rows[i].limit);

		g_assert_cmpstr(got, ==, rows[i].expected);
	}
	for (guint i = 0; i < G_N_ELEMENTS(restored); i++) {
		OK(pim_txn_restore(txn, restored[i].version, "pat", NOW, &found, &error));
		g_assert_cmpint(found, ==, restored[i].found);
		assert_title(txn, restored[i].item, restored[i].title);
	}
	assert_sound(txn);
	commit(txn);
	fixture_clear(&fixture);
}

/* --- devices -------------------------------------------------------------- */

static gboolean say_peer(const struct pim_peer *peer, gpointer data)
{
	g_string_append_printf(data, "%s %" G_GINT64_FORMAT " %.*s %s %s\n", peer->device,
			       peer->last_seen, (int)peer->state_len,
			       peer->state == NULL ? "" : (const char *)peer->state,
			       peer->secret_user == NULL ? "-" : peer->secret_user,
			       peer->secret == NULL ? "-" : peer->secret);
	return TRUE;
}

static char *peers_of(struct pim_txn *txn)
{
	GString *text = g_string_new(NULL);

	OK(pim_txn_peers(txn, say_peer, text, &error));
	return g_string_free(text, FALSE);
}

static void test_peers(void)
{
	g_autofree char *before = NULL, *after = NULL;
	struct pim_session session = {.key = "k", .session = "1", .expires = NOW};
	struct pim_map map;
	struct fixture fixture;
	struct pim_txn *txn;
	gint64 one, two, target;
	gboolean found;

	fixture_init(&fixture);
	txn = begin(&fixture);
	one = peer_of(txn, "IMEI:1", NOW);
	two = peer_of(txn, "IMEI:2", NOW);
	g_assert_cmpint(peer_of(txn, "IMEI:1", NOW + 5), ==, one);
	OK(pim_txn_set_peer(txn, one, NOW + 1, "state", 5, &error));
	OK(pim_txn_set_secret(txn, two, "patty", "s3cret", &error));
	before = peers_of(txn);
	g_assert_cmpstr(before, ==,
			"IMEI:1 1800000001 state - -\nIMEI:2 1800000000  patty s3cret\n");

	/* With all that is known of it, and nothing of the other. */
	target = target_of(txn, one, "contacts", PIM_CONTACTS);
	add(txn, "contact Pat");
	map_item(txn, target, 1, "L1");
	map_item(txn, target_of(txn, two, "contacts", PIM_CONTACTS), 1, "M1");
	OK(pim_txn_begin_chunk(txn, target, "L2", 10, &error));
	OK(pim_txn_append_chunk(txn, target, "abc", 3, &error));
	session.peer = one;
	OK(pim_txn_put_session(txn, &session, &error));
	OK(pim_txn_forget_peer(txn, one, &error));
	after = peers_of(txn);
	g_assert_cmpstr(after, ==, "IMEI:2 1800000000  patty s3cret\n");
	OK(pim_txn_session(txn, one, "1", &found, &session, &error));
	g_assert_false(found);
	OK(pim_txn_map_by_luid(txn, target, "L1", &found, &map, &error));
	g_assert_false(found);
	OK(pim_txn_map_by_luid(txn, target_of(txn, two, "contacts", PIM_CONTACTS), "M1", &found,
			       &map, &error));
	g_assert_true(found);
	g_assert_cmpint(peer_of(txn, "IMEI:1", NOW), !=, one);
	assert_sound(txn);
	commit(txn);
	fixture_clear(&fixture);
}

static gboolean count_target(const struct pim_target *target, gpointer data)
{
	++*(guint *)data;
	return TRUE;
}

static void test_targets(void)
{
	struct fixture fixture;
	struct pim_txn *txn;
	struct pim_target target;
	guint64 number;
	gint64 peer;
	guint count = 0;

	fixture_init(&fixture);
	txn = begin(&fixture);
	peer = peer_of(txn, "IMEI:1", NOW);
	OK(pim_txn_target(txn, peer, "contacts", PIM_CONTACTS, 1, &target, &error));
	g_assert_null(target.client_anchor);
	g_assert_cmpuint(target.cursor, ==, 0);
	target.client_anchor = "c2";
	target.server_anchor = "s2";
	target.former_client_anchor = "c1";
	target.former_server_anchor = "s1";
	target.cursor = 7;
	target.former_cursor = 5;
	target.last_sync = NOW;
	target.state = "xyz";
	target.state_len = 3;
	OK(pim_txn_set_target(txn, &target, &error));
	for (guint64 i = 1; i <= 3; i++) {
		OK(pim_txn_next_tmpid(txn, target.id, &number, &error));
		g_assert_cmpuint(number, ==, i);
	}
	commit(txn);

	txn = begin(&fixture);
	memset(&target, 0, sizeof(target));
	OK(pim_txn_target(txn, peer, "contacts", PIM_CONTACTS, 1, &target, &error));
	g_assert_cmpstr(target.client_anchor, ==, "c2");
	g_assert_cmpstr(target.server_anchor, ==, "s2");
	g_assert_cmpstr(target.former_client_anchor, ==, "c1");
	g_assert_cmpstr(target.former_server_anchor, ==, "s1");
	g_assert_cmpuint(target.cursor, ==, 7);
	g_assert_cmpuint(target.former_cursor, ==, 5);
	g_assert_cmpint(target.last_sync, ==, NOW);
	g_assert_cmpmem(target.state, target.state_len, "xyz", 3);
	OK(pim_txn_set_target(txn, &target, &error));
	OK(pim_txn_next_tmpid(txn, target.id, &number, &error));
	g_assert_cmpuint(number, ==, 4);
	OK(pim_txn_target(txn, peer, "notes", PIM_NOTES, ~0u, &target, &error));
	OK(pim_txn_targets(txn, peer, count_target, &count, &error));
	g_assert_cmpuint(count, ==, 2);
	pim_txn_abort(txn);
	fixture_clear(&fixture);
}

/* --- maps ------------------------------------------------------------------------------------ */

static gboolean say_map(const struct pim_map *map, gpointer data)
{
	g_string_append_printf(data, "%s%" G_GINT64_FORMAT "%s%s:%s",
			       ((GString *)data)->len > 0 ? " " : "", map->item,
			       *map->part != '\0' ? "/" : "", map->part,
			       map->luid == NULL ? "?" : map->luid);
	return TRUE;
}

static char *maps_of(struct pim_txn *txn, gint64 target, gint64 after, gboolean pending,
		     guint limit)
{
	GString *text = g_string_new(NULL);

	OK(pim_txn_maps(txn, target, after, pending, limit, say_map, text, &error));
	return g_string_free(text, FALSE);
}

static void test_maps(void)
{
	static const struct {
		gint64 item;
		const char *part, *luid, *tmpid;
		enum pim_pending pending;
		const char *all, *pending_only; /* after it was put */
	} rows[] = {
		{1, "", "L1", NULL, PIM_PENDING_NONE, "1:L1", ""},
		{2, "", NULL, "t2", PIM_PENDING_ADD, "1:L1 2:?", "2:?"},
		{3, "", "L3", NULL, PIM_PENDING_REPLACE, "1:L1 2:? 3:L3", "2:? 3:L3"},
		/* An exception is a row of its own. */
		{3, "20270101", "L4", NULL, PIM_PENDING_NONE, "1:L1 2:? 3:L3 3/20270101:L4",
		 "2:? 3:L3"},
		/* The device gave that LUID to another one: the former row goes. */
		{4, "", "L1", NULL, PIM_PENDING_NONE, "2:? 3:L3 3/20270101:L4 4:L1", "2:? 3:L3"},
		/* And that item has another LUID now. */
		{3, "", "L9", NULL, PIM_PENDING_NONE, "2:? 3/20270101:L4 4:L1 3:L9", "2:?"},
	};
	g_autofree char *page = NULL, *rest = NULL;
	struct fixture fixture;
	struct pim_txn *txn;
	struct pim_map map;
	gint64 target, other;
	gboolean found;

	fixture_init(&fixture);
	txn = begin(&fixture);
	for (guint i = 0; i < 4; i++)
		add(txn, "contact Pat");
	target = target_of(txn, peer_of(txn, "IMEI:1", NOW), "contacts", PIM_CONTACTS);
	other = target_of(txn, peer_of(txn, "IMEI:2", NOW), "contacts", PIM_CONTACTS);
	map_item(txn, other, 1, "L1");
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct pim_map put = {.target = target,
				      .item = rows[i].item,
				      .part = rows[i].part,
				      .luid = rows[i].luid,
				      .tmpid = rows[i].tmpid,
				      .pending = rows[i].pending};
		g_autofree char *all = NULL, *pending = NULL;

		OK(pim_txn_put_map(txn, &put, &error));
		g_assert_cmpint(put.id, !=, 0);
		all = maps_of(txn, target, 0, FALSE, 100);
		g_assert_cmpstr(all, ==, rows[i].all);
		pending = maps_of(txn, target, 0, TRUE, 100);
		g_assert_cmpstr(pending, ==, rows[i].pending_only);
	}
	OK(pim_txn_map_by_tmpid(txn, target, "t2", &found, &map, &error));
	g_assert_true(found);
	g_assert_cmpint(map.item, ==, 2);
	page = maps_of(txn, target, 0, FALSE, 2);
	g_assert_cmpstr(page, ==, "2:? 3/20270101:L4");
	OK(pim_txn_map_by_luid(txn, target, "L4", &found, &map, &error));
	g_assert_cmpstr(map.part, ==, "20270101");
	rest = maps_of(txn, target, map.id, FALSE, 100);
	g_assert_cmpstr(rest, ==, "4:L1 3:L9");
	OK(pim_txn_drop_map(txn, map.id, &error));
	OK(pim_txn_map_by_luid(txn, target, "L4", &found, &map, &error));
	g_assert_false(found);
	OK(pim_txn_clear_maps(txn, target, &error));
	OK(pim_txn_map_by_item(txn, target, 4, "", &found, &map, &error));
	g_assert_false(found);
	OK(pim_txn_map_by_item(txn, other, 1, "", &found, &map, &error));
	g_assert_true(found);
	assert_sound(txn);
	commit(txn);
	fixture_clear(&fixture);
}

/* All that a map has comes back. */
static void test_map_members(void)
{
	struct pim_map put = {
		.item = 1,
		.part = "20270101T100000Z",
		.luid = "L1",
		.tmpid = "t1",
		.seen = 1,
		.state = PIM_MAP_FILTERED,
		.lossy = TRUE,
		.pending = PIM_PENDING_REPLACE,
		.sent = 1,
		.sent_session = 77,
		.sent_msg = 3,
		.sent_cmd = 9,
		.tries = 2,
	};
	struct fixture fixture;
	struct pim_txn *txn;
	struct pim_map got;
	gboolean found;

	for (guint i = 0; i < PIM_GROUPS; i++) {
		put.device_groups.hash[i] = i + 1;
		put.item_groups.hash[i] = i + 100;
		put.sent_device_groups.hash[i] = i + 200;
		put.sent_item_groups.hash[i] = i + 300;
	}
	fixture_init(&fixture);
	txn = begin(&fixture);
	add(txn, "event Lunch");
	put.target = target_of(txn, peer_of(txn, "IMEI:1", NOW), "calendar", PIM_CALENDAR);
	OK(pim_txn_put_map(txn, &put, &error));
	OK(pim_txn_map_by_command(txn, 77, 3, 9, &found, &got, &error));
	g_assert_true(found);
	g_assert_cmpint(got.id, ==, put.id);
	g_assert_cmpint(got.target, ==, put.target);
	g_assert_cmpint(got.item, ==, put.item);
	g_assert_cmpstr(got.part, ==, put.part);
	g_assert_cmpstr(got.luid, ==, put.luid);
	g_assert_cmpstr(got.tmpid, ==, put.tmpid);
	g_assert_cmpuint(got.seen, ==, put.seen);
	g_assert_cmpuint(got.state, ==, put.state);
	g_assert_cmpint(got.lossy, ==, put.lossy);
	g_assert_cmpuint(got.pending, ==, put.pending);
	g_assert_cmpuint(got.sent, ==, put.sent);
	g_assert_cmpuint(got.tries, ==, put.tries);
	g_assert_cmpmem(&got.device_groups, sizeof(got.device_groups), &put.device_groups,
			sizeof(put.device_groups));
	g_assert_cmpmem(&got.item_groups, sizeof(got.item_groups), &put.item_groups,
			sizeof(put.item_groups));
	g_assert_cmpmem(&got.sent_device_groups, sizeof(got.sent_device_groups),
			&put.sent_device_groups, sizeof(put.sent_device_groups));
	g_assert_cmpmem(&got.sent_item_groups, sizeof(got.sent_item_groups), &put.sent_item_groups,
			sizeof(put.sent_item_groups));
	OK(pim_txn_map_by_command(txn, 77, 3, 8, &found, &got, &error));
	g_assert_false(found);
	/* 0 is no session's. */
	OK(pim_txn_map_by_command(txn, 0, 3, 9, &found, &got, &error));
	g_assert_false(found);
	pim_txn_abort(txn);
	fixture_clear(&fixture);
}

/* --- sessions and pieces -------------------------------------------------- */

static void test_sessions(void)
{
	struct pim_session first = {.key = "k1", .session = "1", .expires = NOW};
	struct pim_session second = {.key = "k2", .session = "2", .expires = NOW + 9};
	struct pim_session other = {.key = "k3", .session = "1", .expires = NOW};
	struct pim_session got;
	struct fixture fixture;
	struct pim_txn *txn;
	gboolean found;

	fixture_init(&fixture);
	txn = begin(&fixture);
	first.peer = second.peer = peer_of(txn, "IMEI:1", NOW);
	other.peer = peer_of(txn, "IMEI:2", NOW);
	OK(pim_txn_put_session(txn, &first, &error));
	OK(pim_txn_put_session(txn, &other, &error));
	OK(pim_txn_put_session(txn, &second, &error)); /* ends the device's first */
	OK(pim_txn_session(txn, first.peer, "1", &found, &got, &error));
	g_assert_false(found);
	OK(pim_txn_session(txn, other.peer, "1", &found, &got, &error));
	g_assert_true(found);

	second.last_msg = 4;
	memset(second.last_hash, 7, sizeof(second.last_hash));
	second.answer = "answer";
	second.answer_len = 6;
	second.state = "state";
	second.state_len = 5;
	second.expires = NOW + 10;
	OK(pim_txn_put_session(txn, &second, &error));
	OK(pim_txn_session(txn, second.peer, "2", &found, &got, &error));
	g_assert_true(found);
	g_assert_cmpint(got.id, ==, second.id);
	g_assert_cmpstr(got.key, ==, "k2");
	g_assert_cmpint(got.expires, ==, NOW + 10);
	g_assert_cmpuint(got.last_msg, ==, 4);
	g_assert_cmpmem(got.last_hash, 32, second.last_hash, 32);
	g_assert_cmpmem(got.answer, got.answer_len, "answer", 6);
	g_assert_cmpmem(got.state, got.state_len, "state", 5);
	OK(pim_txn_end_session(txn, second.id, &error));
	OK(pim_txn_session(txn, second.peer, "2", &found, &got, &error));
	g_assert_false(found);
	commit(txn);
	fixture_clear(&fixture);
}

static void test_chunks(void)
{
	static const struct {
		char what; /* 'b'egin, 'a'ppend, 'd'rop */
		const char *text;
		const char *expected; /* "luid:data"; NULL = none */
	} rows[] = {
		{'b', "L1", "L1:"},        {'a', "abc", "L1:abc"}, {'a', "", "L1:abc"},
		{'a', "def", "L1:abcdef"}, {'b', "L2", "L2:"}, /* another one: the first is given up
								*/
		{'a', "x", "L2:x"},        {'d', NULL, NULL},      {'d', NULL, NULL},
	};
	struct fixture fixture;
	struct pim_txn *txn;
	gint64 target;

	fixture_init(&fixture);
	txn = begin(&fixture);
	target = target_of(txn, peer_of(txn, "IMEI:1", NOW), "contacts", PIM_CONTACTS);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *got = NULL;
		struct pim_chunk chunk;
		gboolean found;

		if (rows[i].what == 'b')
			OK(pim_txn_begin_chunk(txn, target, rows[i].text, 1000, &error));
		else if (rows[i].what == 'a')
			OK(pim_txn_append_chunk(txn, target, rows[i].text, strlen(rows[i].text),
						&error));
		else
			OK(pim_txn_drop_chunk(txn, target, &error));
		OK(pim_txn_chunk(txn, target, &found, &chunk, &error));
		if (found) {
			g_assert_cmpuint(chunk.total, ==, 1000);
			got = g_strdup_printf("%s:%.*s", chunk.luid, (int)chunk.len,
					      (const char *)chunk.data);
		}
		g_assert_cmpstr(got, ==, rows[i].expected);
	}
	commit(txn);
	fixture_clear(&fixture);
}

/* --- the sweep ------------------------------------------------------------------------------- */

static const struct pim_keep keep = {90 * DAY, 180 * DAY, (gint64)365 * DAY};

static void sweep(const struct fixture *fixture, struct pim_swept *swept_r)
{
	memset(swept_r, 0, sizeof(*swept_r));
	OK(pim_sweep_user(fixture->store, USER, &keep, NOW, NULL, swept_r, &error));
}

/* On the day, and a second later. */
static void test_sweep_by_age(void)
{
	static const struct {
		const char *name;
		gint64 age;
		struct pim_swept expected;
	} rows[] = {
		{"nothing is old, a session in its last second", DAY, {0}},
		{"a session, and history on the day", 90 * DAY, {.sessions = 1}},
		{"history", 90 * DAY + 1, {.sessions = 1, .versions = 2}},
		{"a tombstone, on the day", 180 * DAY, {.sessions = 1, .versions = 2}},
		{"a tombstone", 180 * DAY + 1, {.sessions = 1, .versions = 2, .deletions = 1}},
		{"a device, on the day", 365 * DAY, {.sessions = 1, .versions = 2, .deletions = 1}},
		/* And the session is the device's. */
		{"a device",
		 365 * DAY + 1,
		 {.sessions = 1, .versions = 2, .deletions = 1, .devices = 1}},
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		gint64 then = NOW - rows[i].age;
		struct pim_session session = {.key = "k", .session = "1"};
		struct pim_target target;
		struct pim_heads heads;
		struct pim_swept swept;
		struct fixture fixture;
		struct pim_txn *txn;
		gboolean found;
		struct pim_row row;
		gint64 secret;

		g_test_message("%s", rows[i].name);
		fixture_init(&fixture);
		txn = begin(&fixture);
		session.peer = peer_of(txn, "IMEI:1", then);
		/* Over from the second row on. */
		session.expires = i == 0 ? NOW : NOW - 1;
		OK(pim_txn_put_session(txn, &session, &error));
		OK(pim_txn_target(txn, session.peer, "contacts", PIM_CONTACTS, ~0u, &target,
				  &error));
		target.client_anchor = target.server_anchor = "1";
		OK(pim_txn_set_target(txn, &target, &error));
		/* Somebody's sync password is not ours to forget. */
		secret = peer_of(txn, "IMEI:2", then);
		OK(pim_txn_set_secret(txn, secret, "pat", "s", &error));
		add_at(txn, "contact Pat", then);
		add_at(txn, "contact Zoe", then);
		map_item(txn, target.id, 2, "L2");
		replace_at(txn, 1, "contact Patty", then);
		delete_at(txn, 2, then);
		commit(txn);

		sweep(&fixture, &swept);
		g_assert_cmpuint(swept.sessions, ==, rows[i].expected.sessions);
		g_assert_cmpuint(swept.versions, ==, rows[i].expected.versions);
		g_assert_cmpuint(swept.deletions, ==, rows[i].expected.deletions);
		g_assert_cmpuint(swept.devices, ==, rows[i].expected.devices);
		txn = begin(&fixture);
		OK(pim_txn_get(txn, 2, &found, &row, &error));
		g_assert_cmpint(found, ==, rows[i].expected.deletions == 0);
		OK(pim_txn_heads(txn, PIM_CONTACTS, &heads, &error));
		g_assert_cmpuint(heads.oldest, ==, rows[i].expected.deletions > 0 ? 4 : 0);
		g_assert_cmpuint(heads.head, ==, 4);
		assert_title(txn, 1, "Patty");
		g_assert_cmpint(peer_of(txn, "IMEI:2", NOW), ==, secret);
		assert_sound(txn);
		pim_txn_abort(txn);
		sweep(&fixture, &swept);
		g_assert_cmpuint(swept.sessions + swept.versions + swept.deletions + swept.devices,
				 ==, 0);
		fixture_clear(&fixture);
	}
}

/* A tombstone of today, of revision 2. */
static void test_sweep_once_all_have_heard(void)
{
	static const struct {
		const char *name;
		struct {
			const char *anchor, *former; /* anchor NULL: never synchronised */
			guint64 cursor, former_cursor;
			gboolean mapped;
		} devices[2];
		gboolean goes;
	} rows[] = {
		{"no device has anything", {{0}}, TRUE},
		{"both have heard", {{"1", NULL, 2, 0, FALSE}, {"1", NULL, 5, 0, FALSE}}, TRUE},
		{"one has not", {{"1", NULL, 2, 0, FALSE}, {"1", NULL, 1, 0, FALSE}}, FALSE},
		{"one may go on from an anchor before that",
		 {{"2", "1", 2, 1, FALSE}, {"1", NULL, 2, 0, FALSE}},
		 FALSE},
		{"both anchors are later", {{"2", "1", 5, 2, FALSE}, {0}}, TRUE},
		{"one has not answered the deletion",
		 {{"1", NULL, 2, 0, TRUE}, {"1", NULL, 2, 0, FALSE}},
		 FALSE},
		{"one has never come to an end",
		 {{"1", NULL, 2, 0, FALSE}, {NULL, NULL, 0, 0, FALSE}},
		 TRUE},
		{"nor that one, but it has got it",
		 {{"1", NULL, 2, 0, FALSE}, {NULL, NULL, 0, 0, TRUE}},
		 FALSE},
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct pim_swept swept;
		struct fixture fixture;
		struct pim_txn *txn;

		g_test_message("%s", rows[i].name);
		fixture_init(&fixture);
		txn = begin(&fixture);
		add(txn, "contact Pat");
		delete_at(txn, 1, NOW);
		for (guint j = 3; j <= 5; j++)
			add(txn, "contact Zoe");
		/* A device that has nothing to do with contacts. */
		target_of(txn, peer_of(txn, "IMEI:9", NOW), "notes", PIM_NOTES);
		for (guint j = 0; j < 2; j++) {
			g_autofree char *name = g_strdup_printf("IMEI:%u", j);
			struct pim_target target;

			OK(pim_txn_target(txn, peer_of(txn, name, NOW), "contacts", PIM_CONTACTS,
					  ~0u, &target, &error));
			target.client_anchor = target.server_anchor = rows[i].devices[j].anchor;
			target.former_client_anchor = target.former_server_anchor =
				rows[i].devices[j].former;
			target.cursor = rows[i].devices[j].cursor;
			target.former_cursor = rows[i].devices[j].former_cursor;
			OK(pim_txn_set_target(txn, &target, &error));
			if (rows[i].devices[j].mapped)
				map_item(txn, target.id, 1, "L1");
		}
		commit(txn);
		sweep(&fixture, &swept);
		g_assert_cmpuint(swept.deletions, ==, rows[i].goes);

		/* What was swept can be restored all the same: under another id. */
		txn = begin(&fixture);
		if (rows[i].goes) {
			gboolean found;

			OK(pim_txn_restore(txn, 1, "pat", NOW, &found, &error));
			g_assert_true(found);
			assert_title(txn, 5, "Pat");
		}
		assert_sound(txn);
		pim_txn_abort(txn);
		fixture_clear(&fixture);
	}
}

/* Each transaction does so much, and the whole is done. */
static void test_sweep_in_steps(void)
{
	struct pim_swept swept = {0}, step = {0};
	struct fixture fixture;
	struct pim_txn *txn;
	guint steps = 0;
	gboolean more = TRUE;

	fixture_init(&fixture);
	txn = begin(&fixture);
	for (guint i = 1; i <= 25; i++) {
		add_at(txn, "note Milk", 1);
		delete_at(txn, i, 1);
		g_autofree char *name = g_strdup_printf("IMEI:%u", i);
		peer_of(txn, name, i <= 3 ? 1 : NOW);
	}
	commit(txn);
	while (more) {
		txn = begin(&fixture);
		memset(&step, 0, sizeof(step));
		OK(pim_txn_sweep(txn, &keep, NOW, 10, &step, &more, &error));
		g_assert_cmpuint(step.versions, <=, 10);
		g_assert_cmpuint(step.deletions, <=, 10);
		g_assert_cmpuint(step.devices, <=, 1);
		swept.versions += step.versions;
		swept.deletions += step.deletions;
		swept.devices += step.devices;
		steps++;
		commit(txn);
	}
	g_assert_cmpuint(steps, ==, 4);
	g_assert_cmpuint(swept.versions, ==, 25);
	g_assert_cmpuint(swept.deletions, ==, 25);
	g_assert_cmpuint(swept.devices, ==, 3);
	fixture_clear(&fixture);
}

static void test_sweep_stopped_and_nobody(void)
{
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	struct pim_swept swept = {0};
	struct fixture fixture;
	struct pim_txn *txn;

	fixture_init(&fixture);
	OK(pim_sweep_user(fixture.store, "nobody", &keep, NOW, NULL, &swept, &error));
	txn = begin(&fixture);
	add_at(txn, "note Milk", 1);
	delete_at(txn, 1, 1);
	commit(txn);
	g_cancellable_cancel(cancellable);
	OK(pim_sweep_user(fixture.store, USER, &keep, NOW, cancellable, &swept, &error));
	g_assert_cmpuint(swept.versions, ==, 0);
	sweep(&fixture, &swept);
	g_assert_cmpuint(swept.versions, ==, 1);
	fixture_clear(&fixture);
}

/* --- what cannot be ------------------------------------------------------- */

static void say_problem(const char *problem, gpointer data)
{
	g_string_append_printf(data, "%s\n", problem);
}

static void assert_sound(struct pim_txn *txn)
{
	g_autoptr(GString) problems = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(pim_txn_check(txn, say_problem, problems, &error), ==, 0);
	g_assert_no_error(error);
	g_assert_cmpstr(problems->str, ==, "");
}

static char *path_of(const struct fixture *fixture, const char *user)
{
	g_autofree char *hex = g_compute_checksum_for_string(G_CHECKSUM_SHA256, user, -1);

	return g_strdup_printf("%s/%.2s/%s.db", fixture->dir, hex, user);
}

/* Of one whose name makes no file name. */
static char *hashed_path_of(const struct fixture *fixture, const char *user)
{
	g_autofree char *hex = g_compute_checksum_for_string(G_CHECKSUM_SHA256, user, -1);

	return g_strdup_printf("%s/%.2s/=%s.db", fixture->dir, hex, hex);
}

static void spoil(const struct fixture *fixture, const char *statement)
{
	g_autofree char *path = path_of(fixture, USER);
	char *message = NULL;
	sqlite3 *db;

	g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
	sqlite3_exec(db, statement, NULL, NULL, &message);
	g_assert_cmpstr(message, ==, NULL);
	sqlite3_close(db);
}

static void test_check(void)
{
	static const struct {
		const char *statement, *problem;
	} rows[] = {
		{"UPDATE map SET item = 99", "map 1 is of an item that does not exist\n"},
		{"UPDATE map SET target = 99", "map 1 is of no device's database\n"},
		{"UPDATE map SET seen = 99", "map 1 has seen a revision that its item never had\n"},
		{"UPDATE collection SET head = 0 WHERE id = 2",
		 "item 2 has a revision that was never given\n"},
		{"UPDATE item SET deleted = 1 WHERE id = 2", "item 2 is half deleted\n"},
		{"UPDATE target SET cursor = 99",
		 "database 1 of a device has seen revisions that were never given\n"},
		{"DELETE FROM peer", "database 1 is of no device\n"},
		{"INSERT INTO item_key VALUES (1, 77, '')",
		 "a key is of item 77, which does not exist\n"},
		{"UPDATE item SET content = 'x' WHERE id = 1", "item 1 cannot be read: "},
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GString) problems = g_string_new(NULL);
		struct fixture fixture;
		struct pim_txn *txn;

		fixture_init(&fixture);
		txn = begin(&fixture);
		add(txn, "contact Pat");
		add(txn, "note Milk");
		map_item(txn, target_of(txn, peer_of(txn, "IMEI:1", NOW), "contacts", PIM_CONTACTS),
			 1, "L1");
		assert_sound(txn);
		commit(txn);
		spoil(&fixture, rows[i].statement);
		txn = begin(&fixture);
		g_assert_cmpint(pim_txn_check(txn, say_problem, problems, NULL), >, 0);
		if (strstr(problems->str, rows[i].problem) == NULL)
			g_assert_cmpstr(problems->str, ==, rows[i].problem);
		pim_txn_abort(txn);
		fixture_clear(&fixture);
	}
}

/* --- files ---------------------------------------------------------------- */

#define TEN "abcdefghij"
#define FIFTY TEN TEN TEN TEN TEN
#define LONG_NAME FIFTY FIFTY FIFTY FIFTY "@example.org"

/* Whatever their names are. */
static void test_users(void)
{
	static const char *const names[] = {
		"Pat",        "a b",
		"alice",      "bob@example.org",
		"../x",       "\xc3\xb6zg\xc3\xbcr",
		"with/slash", ".with a dot",
		LONG_NAME,
	};
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) of_parts = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) users = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	g_assert_null(pim_txn_begin(fixture.store, "alice", FALSE, &error));
	g_assert_no_error(error); /* nobody of that name */
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		struct pim_txn *txn = pim_txn_begin(fixture.store, names[i], TRUE, &error);

		g_assert_no_error(error);
		commit(txn);
	}
	users = pim_store_users(fixture.store, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(g_strv_length(users), ==, G_N_ELEMENTS(names));
	for (guint i = 0; i < G_N_ELEMENTS(names); i++)
		g_assert_true(g_strv_contains((const char *const *)users, names[i]));
	for (guint part = 0; part < PIM_STORE_PARTS; part++) {
		g_autofree char **some = pim_store_users_of(fixture.store, part);

		for (guint i = 0; some[i] != NULL; i++)
			g_ptr_array_add(of_parts, some[i]);
	}
	g_assert_cmpuint(of_parts->len, ==, g_strv_length(users));
	for (guint i = 0; i < of_parts->len; i++)
		g_assert_true(g_strv_contains((const char *const *)users, of_parts->pdata[i]));
	fixture_clear(&fixture);
}

/* A user is renamed by moving the file. */
static void test_moved_file(void)
{
	g_autofree char *from = NULL, *to = NULL;
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) before = NULL;
	g_auto(GStrv) after = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	commit(begin_for(&fixture, LONG_NAME));
	commit(begin_for(&fixture, "." LONG_NAME));
	pim_store_close(&fixture.store);
	from = hashed_path_of(&fixture, LONG_NAME);
	to = hashed_path_of(&fixture, "." LONG_NAME);
	g_assert_cmpint(g_rename(from, to), ==, 0);
	fixture.store = pim_store_open(fixture.dir, NULL);
	/* What it says would lead to another file. */
	before = pim_store_users(fixture.store, &error);
	g_assert_cmpuint(g_strv_length(before), ==, 0);
	commit(begin_for(&fixture, "." LONG_NAME));
	after = pim_store_users(fixture.store, &error);
	g_assert_cmpuint(g_strv_length(after), ==, 1);
	g_assert_cmpstr(after[0], ==, "." LONG_NAME);
	fixture_clear(&fixture);
}

static void test_files_that_are_not_ours(void)
{
	struct fixture fixture;
	g_autofree char *path = NULL, *rubbish = g_strnfill(8192, 'x');
	g_autoptr(GError) newer = NULL, corrupt = NULL;

	fixture_init(&fixture);
	commit(begin(&fixture));
	pim_store_close(&fixture.store);
	spoil(&fixture, "PRAGMA user_version = 99");
	fixture.store = pim_store_open(fixture.dir, NULL);
	g_assert_null(pim_txn_begin(fixture.store, USER, TRUE, &newer));
	g_assert_error(newer, PIM_STORE_ERROR, PIM_STORE_ERROR_FAILED);
	g_assert_nonnull(strstr(newer->message, "a newer version of Fantail wrote it"));

	path = path_of(&fixture, USER);
	g_assert_true(g_file_set_contents(path, rubbish, -1, NULL));
	g_assert_null(pim_txn_begin(fixture.store, USER, TRUE, &corrupt));
	g_assert_error(corrupt, PIM_STORE_ERROR, PIM_STORE_ERROR_CORRUPT);
	g_assert_nonnull(strstr(corrupt->message, path));
	g_assert_nonnull(strstr(corrupt->message, "backup"));
	fixture_clear(&fixture);
}

/* --- threads -------------------------------------------------------------- */

#define THREADS 4
#define EACH 25

static gpointer add_many(gpointer data)
{
	const struct fixture *fixture = data;

	for (guint i = 0; i < EACH; i++) {
		struct pim_txn *txn = begin(fixture);

		add(txn, "note Milk");
		commit(txn);
	}
	return NULL;
}

/* One after the other; nobody's revision is another's. */
static void test_threads(void)
{
	GThread *threads[THREADS];
	struct fixture fixture;
	struct pim_heads heads;
	struct pim_txn *txn;

	fixture_init(&fixture);
	for (guint i = 0; i < THREADS; i++)
		threads[i] = g_thread_new("adds", add_many, &fixture);
	for (guint i = 0; i < THREADS; i++)
		g_thread_join(threads[i]);
	txn = begin(&fixture);
	OK(pim_txn_heads(txn, PIM_NOTES, &heads, &error));
	g_assert_cmpuint(heads.head, ==, THREADS * EACH);
	assert_sound(txn);
	pim_txn_abort(txn);
	fixture_clear(&fixture);
}

/* More users than files may be open. */
static void test_many_users(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	for (guint round = 0; round < 2; round++) {
		for (guint i = 0; i < LIMIT_PIM_OPEN_FILES + 10; i++) {
			g_autofree char *name = g_strdup_printf("user%u", i);
			struct pim_txn *txn = begin_for(&fixture, name);
			guint64 count;

			OK(pim_txn_count(txn, PIM_NOTES, ~0u, &count, &error));
			g_assert_cmpuint(count, ==, round);
			add(txn, "note Milk");
			commit(txn);
		}
	}
	fixture_clear(&fixture);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/pim-store/revisions", test_revisions);
	g_test_add_func("/pim-store/changes", test_changes);
	g_test_add_func("/pim-store/matching", test_matching);
	g_test_add_func("/pim-store/history", test_history);
	g_test_add_func("/pim-store/peers", test_peers);
	g_test_add_func("/pim-store/targets", test_targets);
	g_test_add_func("/pim-store/maps", test_maps);
	g_test_add_func("/pim-store/map-members", test_map_members);
	g_test_add_func("/pim-store/sessions", test_sessions);
	g_test_add_func("/pim-store/chunks", test_chunks);
	g_test_add_func("/pim-store/sweep/by-age", test_sweep_by_age);
	g_test_add_func("/pim-store/sweep/once-all-have-heard", test_sweep_once_all_have_heard);
	g_test_add_func("/pim-store/sweep/in-steps", test_sweep_in_steps);
	g_test_add_func("/pim-store/sweep/stopped-and-nobody", test_sweep_stopped_and_nobody);
	g_test_add_func("/pim-store/check", test_check);
	g_test_add_func("/pim-store/users", test_users);
	g_test_add_func("/pim-store/moved-file", test_moved_file);
	g_test_add_func("/pim-store/files-that-are-not-ours", test_files_that_are_not_ours);
	g_test_add_func("/pim-store/threads", test_threads);
	g_test_add_func("/pim-store/many-users", test_many_users);
	return g_test_run();
}
