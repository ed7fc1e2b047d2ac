#include <stdlib.h>
#include <string.h>

#include "sim-phone.h"
#include "sync-world.h"

static char *card(guint number, const char *phone)
{
	return g_strdup_printf("BEGIN:VCARD\r\nVERSION:3.0\r\nN:%u;Given%u;;;\r\n"
			       "FN:Given%u Family%u\r\nEMAIL:g%u@example.org\r\n"
			       "TEL;TYPE=CELL:%s\r\nEND:VCARD\r\n",
			       number, number, number, number, number, phone);
}

/* Both sides have the same, and another sync moves nothing. */
static void assert_settled(const struct sync_world *world, struct sim_phone *phone)
{
	g_autofree char *server = sync_world_contacts(world), *mine = sim_phone_contacts(phone);

	g_assert_cmpstr(mine, ==, server);
	g_assert_true(sim_phone_sync(phone, 200));
	g_assert_cmpuint(phone->mode, ==, 200);
	g_assert_cmpuint(phone->received, ==, 0);
	sync_world_assert_sound(world);
}

/* --- rows ---------------------------------------------------------------------------------- */

static void test_basic(void)
{
	struct sync_world world;
	struct sim_phone one, two;
	g_autofree char *a = card(1, "111"), *b = card(2, "222"), *changed = card(1, "999");
	const char *luid;

	sync_world_init(&world);
	sim_phone_init(&one, &world.service, "pat", "one");
	sim_phone_init(&two, &world.service, "pat", "two");
	two.encoding = SML_WBXML;
	luid = sim_phone_add(&one, a);
	sim_phone_add(&one, b);

	/* Never synchronised: 200 is refused, and becomes a slow one. */
	g_assert_true(sim_phone_sync(&one, 200));
	g_assert_cmpuint(one.status, ==, 508);
	g_assert_cmpuint(one.mode, ==, 201);
	assert_settled(&world, &one);

	g_assert_true(sim_phone_sync(&two, 201));
	g_assert_cmpuint(two.received, ==, 2);
	assert_settled(&world, &two);

	sim_phone_replace(&one, luid, changed);
	g_assert_true(sim_phone_sync(&one, 200));
	g_assert_cmpuint(one.mode, ==, 200);
	g_assert_true(sim_phone_sync(&two, 200));
	g_assert_cmpuint(two.received, ==, 1);
	assert_settled(&world, &two);

	sim_phone_delete(&one, luid);
	g_assert_true(sim_phone_sync(&one, 200));
	g_assert_true(sim_phone_sync(&two, 200));
	g_assert_cmpuint(g_hash_table_size(two.items), ==, 1);
	assert_settled(&world, &two);
	assert_settled(&world, &one);

	sim_phone_clear(&one);
	sim_phone_clear(&two);
	sync_world_clear(&world);
}

/* --- at random ------------------------------------------------------------------------------- */

#define PHONES 3

struct crowd {
	struct sync_world world;
	struct sim_phone phones[PHONES];
	GRand *random;
	guint next;          /* number of the next card */
	GHashTable *deleted; /* numbers that somebody has deleted */
	guint swept;         /* tombstones */
};

static guint number_of(const char *text)
{
	return (guint)strtoul(strstr(text, "\nN:") + strlen("\nN:"), NULL, 10);
}

static const char *any_luid(struct crowd *crowd, struct sim_phone *phone)
{
	g_autoptr(GList) luids = g_hash_table_get_keys(phone->items);
	guint count = g_hash_table_size(phone->items);

	return count == 0 ? NULL
			  : g_list_nth_data(luids, (guint)g_rand_int_range(crowd->random, 0,
									   (gint32)count));
}

static void edit(struct crowd *crowd, struct sim_phone *phone)
{
	guint what = (guint)g_rand_int_range(crowd->random, 0, 10);
	g_autofree char *number = g_strdup_printf("%u", g_rand_int(crowd->random) % 1000000);
	g_autofree char *luid = g_strdup(any_luid(crowd, phone));
	g_autofree char *text = NULL;

	if (what < 5 || luid == NULL) {
		text = card(crowd->next++, number);
		sim_phone_add(phone, text);
		return;
	}
	what = what < 8 ? 0 : 1;
	text = card(number_of(g_hash_table_lookup(phone->items, luid)), number);
	if (what == 0) {
		sim_phone_replace(phone, luid, text);
	} else {
		g_hash_table_add(crowd->deleted, GUINT_TO_POINTER(number_of(text)));
		sim_phone_delete(phone, luid);
	}
}

static void settle_all(struct crowd *crowd)
{
	for (guint round = 0; round < 2; round++) {
		for (guint i = 0; i < PHONES; i++)
			g_assert_true(sim_phone_sync(&crowd->phones[i], 200));
	}
	for (guint i = 0; i < PHONES; i++)
		assert_settled(&crowd->world, &crowd->phones[i]);
}

/* What nobody has deleted is there, once. */
static void assert_complete(struct crowd *crowd)
{
	g_autofree char *state = sync_world_contacts(&crowd->world);
	g_auto(GStrv) lines = g_strsplit(state, " ", -1);
	g_autofree guint *counts = g_new0(guint, crowd->next);

	for (guint i = 0; lines[i] != NULL; i++)
		counts[strtoul(lines[i], NULL, 10)]++;
	for (guint number = 1; number < crowd->next; number++) {
		if (counts[number] == 0 &&
		    !g_hash_table_contains(crowd->deleted, GUINT_TO_POINTER(number)))
			g_error("card %u is lost", number);
		if (counts[number] > 1)
			g_error("card %u is there %u times", number, counts[number]);
	}
}

static void crowd_init(struct crowd *crowd, guint32 seed)
{
	memset(crowd, 0, sizeof(*crowd));
	sync_world_init(&crowd->world);
	crowd->random = g_rand_new_with_seed(seed);
	crowd->deleted = g_hash_table_new(NULL, NULL);
	crowd->next = 1;
	for (guint i = 0; i < PHONES; i++) {
		g_autofree char *name = g_strdup_printf("phone%u", i);

		sim_phone_init(&crowd->phones[i], &crowd->world.service, "pat", name);
	}
	crowd->phones[1].encoding = SML_WBXML;
	crowd->phones[2].max_msg_size = 3000;
}

static void crowd_clear(struct crowd *crowd)
{
	for (guint i = 0; i < PHONES; i++)
		sim_phone_clear(&crowd->phones[i]);
	g_rand_free(crowd->random);
	g_hash_table_unref(crowd->deleted);
	sync_world_clear(&crowd->world);
}

/* What all devices have heard of goes at once; nothing is old. */
static void sweep(struct crowd *crowd)
{
	static const struct pim_keep keep = {G_MAXINT32, G_MAXINT32, G_MAXINT32};
	g_autoptr(GError) error = NULL;
	struct pim_swept swept = {0};

	g_assert_true(pim_sweep_user(crowd->world.store, WORLD_USER, &keep, crowd->phones[0].now,
				     NULL, &swept, &error));
	g_assert_no_error(error);
	crowd->swept += swept.deletions;
	sync_world_assert_sound(&crowd->world);
}

static void run_at_random(guint32 seed, gboolean lose, gboolean die)
{
	struct crowd crowd;

	crowd_init(&crowd, seed);
	for (guint round = 0; round < 40; round++) {
		struct sim_phone *phone = &crowd.phones[g_rand_int_range(crowd.random, 0, PHONES)];
		guint edits = (guint)g_rand_int_range(crowd.random, 0, 6);
		guint code = phone->died && g_rand_boolean(crowd.random) ? 225 : 200;

		while (edits-- > 0)
			edit(&crowd, phone);
		phone->lose = lose ? g_rand_int_range(crowd.random, 0, 4) : -1;
		phone->die = die && g_rand_boolean(crowd.random)
				     ? g_rand_int_range(crowd.random, 0, 6)
				     : -1;
		sim_phone_sync(phone, code);
		phone->lose = phone->die = -1;
		if (g_rand_int_range(crowd.random, 0, 4) == 0)
			sweep(&crowd);
	}
	settle_all(&crowd);
	assert_complete(&crowd);
	sweep(&crowd);
	g_assert_cmpuint(crowd.swept, >, 0);
	for (guint i = 0; i < PHONES; i++)
		assert_settled(&crowd.world, &crowd.phones[i]);
	crowd_clear(&crowd);
}

static void test_random(void)
{
	for (guint32 seed = 1; seed <= 10; seed++)
		run_at_random(seed, FALSE, FALSE);
}

static void test_lost_answers(void)
{
	for (guint32 seed = 1; seed <= 10; seed++)
		run_at_random(seed, TRUE, FALSE);
}

static void test_deaths(void)
{
	for (guint32 seed = 1; seed <= 20; seed++) {
		g_test_message("seed %u", seed);
		run_at_random(seed, TRUE, TRUE);
	}
}

/* A phone that dies over the first answer begins again under the number of that session, but
 * not with the same message. */
static void test_same_number_again(void)
{
	g_autofree char *text = card(1, "111");
	struct sync_world world;
	struct sim_phone phone;

	sync_world_init(&world);
	sim_phone_init(&phone, &world.service, "pat", "one");
	sim_phone_add(&phone, text);
	phone.die = 0;
	g_assert_false(sim_phone_sync(&phone, 201));
	phone.session--;
	phone.max_msg_size = 20000;
	g_assert_true(sim_phone_sync(&phone, 201));
	assert_settled(&world, &phone);
	sim_phone_clear(&phone);
	sync_world_clear(&world);
}

/* A phone that comes back with the anchor before its last, and with what was deleted since: the
 * tombstone has gone meanwhile, which its last sync did not need any more, but this one does. */
static void test_old_anchor_after_a_sweep(void)
{
	static const struct pim_keep nothing = {-1, -1, G_MAXINT32};
	g_autofree char *text = card(1, "111"), *last = NULL, *luid = NULL, *its_luid = NULL;
	g_autoptr(GError) error = NULL;
	struct pim_swept swept = {0};
	GHashTableIter iter;
	gpointer key;
	struct sync_world world;
	struct sim_phone one, two;

	sync_world_init(&world);
	sim_phone_init(&one, &world.service, WORLD_USER, "one");
	sim_phone_init(&two, &world.service, WORLD_USER, "two");
	luid = g_strdup(sim_phone_add(&one, text));
	g_assert_true(sim_phone_sync(&one, 201));
	g_assert_true(sim_phone_sync(&two, 201));
	g_hash_table_iter_init(&iter, two.items);
	g_assert_true(g_hash_table_iter_next(&iter, &key, NULL));
	its_luid = g_strdup(key);
	sim_phone_delete(&two, its_luid);
	g_assert_true(sim_phone_sync(&two, 200));
	last = g_strdup(one.last);
	g_assert_true(sim_phone_sync(&one, 200));
	g_assert_cmpuint(g_hash_table_size(one.items), ==, 0);

	g_free(one.last);
	one.last = g_steal_pointer(&last);
	g_hash_table_insert(one.items, g_steal_pointer(&luid), g_steal_pointer(&text));
	g_assert_true(
		pim_sweep_user(world.store, WORLD_USER, &nothing, one.now, NULL, &swept, &error));
	g_assert_cmpuint(swept.deletions, ==, 1);
	g_assert_true(sim_phone_sync(&one, 200));
	g_assert_cmpuint(one.status, ==, 508);
	g_assert_cmpuint(one.mode, ==, 201);
	assert_settled(&world, &one);
	sim_phone_clear(&one);
	sim_phone_clear(&two);
	sync_world_clear(&world);
}

/* Deletions beyond half of what there was when the sync began are not believed. */
static void test_guard(void)
{
	static const struct {
		guint had, deleted, left;
	} rows[] = {
		{12, 9, 3}, /* too few to mind */
		{40, 20, 20},
		{20, 20, 10},
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GPtrArray) luids = g_ptr_array_new_with_free_func(g_free);
		g_autoptr(GError) error = NULL;
		struct sync_world world;
		struct sim_phone phone;
		struct pim_txn *txn;
		guint64 count;

		sync_world_init(&world);
		world.settings.guard_percent = 50;
		world.settings.guard_items = 10;
		sim_phone_init(&phone, &world.service, "pat", "one");
		for (guint n = 0; n < rows[i].had; n++) {
			g_autofree char *text = card(n, "111");

			g_ptr_array_add(luids, g_strdup(sim_phone_add(&phone, text)));
		}
		g_assert_true(sim_phone_sync(&phone, 201));
		for (guint n = 0; n < rows[i].deleted; n++)
			sim_phone_delete(&phone, luids->pdata[n]);
		sim_phone_sync(&phone, 200);

		txn = pim_txn_begin(world.store, "pat", TRUE, &error);
		g_assert_no_error(error);
		g_assert_true(pim_txn_count(txn, PIM_CONTACTS, ~0u, &count, &error));
		pim_txn_abort(txn);
		g_assert_cmpuint(count, ==, rows[i].left);
		sim_phone_clear(&phone);
		sync_world_clear(&world);
	}
}

/* --- a filter ------------------------------------------------------------- */

static guint looked_at;

gboolean __real_pim_txn_get(struct pim_txn *txn, gint64 id, gboolean *found_r,
			    struct pim_row *row_r, GError **error);
gboolean __wrap_pim_txn_get(struct pim_txn *txn, gint64 id, gboolean *found_r,
			    struct pim_row *row_r, GError **error);

gboolean __wrap_pim_txn_get(struct pim_txn *txn, gint64 id, gboolean *found_r,
			    struct pim_row *row_r, GError **error)
{
	looked_at++;
	return __real_pim_txn_get(txn, id, found_r, row_r, error);
}

/* Only a filter that is new is asked about each item. */
static void test_filter_looks_at_changes(void)
{
	g_autofree char *text = card(1000, "111");
	struct sync_world world;
	struct sim_phone one, two;

	sync_world_init(&world);
	sim_phone_init(&one, &world.service, "pat", "one");
	sim_phone_init(&two, &world.service, "pat", "two");
	g_free(two.database);
	two.database = g_strdup("contacts?/fi(TEL&EQ;111)");
	for (guint i = 0; i < 200; i++) {
		g_autofree char *other = card(i, i % 2 ? "111" : "222");

		sim_phone_add(&one, other);
	}
	g_assert_true(sim_phone_sync(&one, 201));
	g_assert_true(sim_phone_sync(&two, 201));
	g_assert_cmpuint(g_hash_table_size(two.items), ==, 100);

	sim_phone_add(&one, text);
	g_assert_true(sim_phone_sync(&one, 200));
	looked_at = 0;
	g_assert_true(sim_phone_sync(&two, 200));
	g_assert_cmpuint(g_hash_table_size(two.items), ==, 101);
	g_assert_cmpuint(looked_at, <, 10);

	g_free(two.database);
	two.database = g_strdup("contacts?/fi(TEL&EQ;222)");
	looked_at = 0;
	g_assert_true(sim_phone_sync(&two, 200));
	g_assert_cmpuint(g_hash_table_size(two.items), ==, 100);
	g_assert_cmpuint(looked_at, >, 200);
	sim_phone_clear(&one);
	sim_phone_clear(&two);
	sync_world_clear(&world);
}

/* --- short ids ------------------------------------------------------------------------------- */

/* With one character there are 36: more items than that take more than one session. */
static void run_short_ids(guint max_guid_size, guint sessions)
{
	struct sync_world world;
	struct sim_phone one, two;

	sync_world_init(&world);
	sim_phone_init(&one, &world.service, "pat", "one");
	sim_phone_init(&two, &world.service, "pat", "two");
	two.max_guid_size = max_guid_size;
	for (guint i = 0; i < 100; i++) {
		g_autofree char *text = card(i, "111");

		sim_phone_add(&one, text);
	}
	g_assert_true(sim_phone_sync(&one, 201));
	for (guint i = 0; i < sessions; i++) {
		g_assert_cmpuint(g_hash_table_size(two.items), ==, MIN(100, i * 36));
		g_assert_true(sim_phone_sync(&two, i == 0 ? 201 : 200));
	}
	assert_settled(&world, &two);
	sim_phone_clear(&one);
	sim_phone_clear(&two);
	sync_world_clear(&world);
}

static void test_max_guid_size(void)
{
	run_short_ids(4, 1);
	run_short_ids(1, 3);
}

/* --- messages as large as the phone takes --------------------------------- */

#define MAX_MSG_SIZE 3000

/* Of the last answer: how much room it has left, if it is followed by another one. */
struct sizes {
	gboolean more;
	guint left, messages, pieces;
};

/* The octets of the first change in it; 0 = there is none, or it is the piece of an object. */
static guint first_change(const struct sim_phone *phone, const struct sml_message *message)
{
	struct markup_style style = {.encoding = phone->encoding, .version = SML_1_2};
	g_autoptr(markup_writer_t) writer = NULL;

	for (guint i = 0; i < message->commands->len; i++) {
		const struct sml_command *command = message->commands->pdata[i], *change;
		const struct sml_item *item;
		gsize before;

		if (command->kind != SML_CMD_SYNC || command->children->len == 0)
			continue;
		change = command->children->pdata[0];
		item = change->items->pdata[0];
		if (item->more_data)
			return 0;
		writer = markup_writer_new(&style);
		sml_write_begin(writer, message);
		before = (guint)markup_writer_size(writer);
		sml_write_command(writer, change);
		return (guint)(markup_writer_size(writer) - before);
	}
	return 0;
}

static gboolean has_piece(const struct sml_message *message)
{
	for (guint i = 0; i < message->commands->len; i++) {
		const struct sml_command *command = message->commands->pdata[i];

		for (guint j = 0; command->kind == SML_CMD_SYNC && j < command->children->len;
		     j++) {
			const struct sml_command *change = command->children->pdata[j];

			if (((const struct sml_item *)change->items->pdata[0])->more_data)
				return TRUE;
		}
	}
	return FALSE;
}

/* Final has to have room in each; an escape cannot be cut. */
#define SLACK 16

static void see_size(struct sim_phone *phone, GBytes *answer, const struct sml_message *message)
{
	struct sizes *sizes = phone->heard_data;
	guint size = (guint)g_bytes_get_size(answer), next = first_change(phone, message);

	g_assert_cmpuint(size, <=, MAX_MSG_SIZE);
	/* What comes first in this one had no room in the one before. */
	if (sizes->more && next > 0)
		g_assert_cmpuint(next + SLACK, >, sizes->left);
	sizes->more = !message->final;
	sizes->left = MAX_MSG_SIZE - size;
	sizes->messages++;
	if (has_piece(message)) {
		g_assert_cmpuint(sizes->left, <, SLACK);
		sizes->pieces++;
		sizes->more = FALSE;
	}
}

static struct rules *all_of_the_message(const char *dir)
{
	g_autofree char *path = g_build_filename(dir, "rules", NULL);
	const char *paths[] = {path, NULL};
	g_autoptr(GError) error = NULL;
	struct rules *rules;

	g_assert_true(g_file_set_contents(path, "[all]\nmsg-size-percent = 100\n", -1, &error));
	rules = rules_load(paths, &error);
	g_assert_no_error(error);
	return rules;
}

static void run_sizes(enum sml_encoding encoding)
{
	struct sync_world world;
	struct sim_phone one, two;
	struct sizes sizes = {0};

	sync_world_init(&world);
	rules_unref(world.rules);
	world.service.rules = world.rules = all_of_the_message(world.dir);
	sim_phone_init(&one, &world.service, "pat", "one");
	sim_phone_init(&two, &world.service, "pat", "two");
	for (guint i = 0; i < 60; i++) {
		/* From some octets to three messages, and what has to be escaped. */
		g_autofree char *long_text =
			g_strnfill(i % 10 == 9 ? 7000 : i * 7, i % 3 ? 'n' : '<');
		g_autofree char *text =
			g_strdup_printf("BEGIN:VCARD\r\nVERSION:3.0\r\nN:%u;G;;;\r\nFN:G %u\r\n"
					"TEL;TYPE=CELL:%u\r\nNOTE:%s\r\nEND:VCARD\r\n",
					i, i, i, long_text);

		sim_phone_add(&one, text);
	}
	g_assert_true(sim_phone_sync(&one, 201));
	two.encoding = encoding;
	two.max_msg_size = MAX_MSG_SIZE;
	two.heard = see_size;
	two.heard_data = &sizes;
	g_assert_true(sim_phone_sync(&two, 201));
	g_assert_cmpuint(g_hash_table_size(two.items), ==, 60);
	g_assert_cmpuint(sizes.messages, >, 20);
	g_assert_cmpuint(sizes.pieces, >, 10);
	two.heard = NULL;
	assert_settled(&world, &two);
	sim_phone_clear(&one);
	sim_phone_clear(&two);
	sync_world_clear(&world);
}

static void test_sizes_xml(void)
{
	run_sizes(SML_XML);
}

static void test_sizes_wbxml(void)
{
	run_sizes(SML_WBXML);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/syncml-sync/basic", test_basic);
	g_test_add_func("/syncml-sync/random", test_random);
	g_test_add_func("/syncml-sync/lost-answers", test_lost_answers);
	g_test_add_func("/syncml-sync/deaths", test_deaths);
	g_test_add_func("/syncml-sync/same-number-again", test_same_number_again);
	g_test_add_func("/syncml-sync/old-anchor-after-a-sweep", test_old_anchor_after_a_sweep);
	g_test_add_func("/syncml-sync/guard", test_guard);
	g_test_add_func("/syncml-sync/filter-looks-at-changes", test_filter_looks_at_changes);
	g_test_add_func("/syncml-sync/max-guid-size", test_max_guid_size);
	g_test_add_func("/syncml-sync/max-msg-size-3000/xml", test_sizes_xml);
	g_test_add_func("/syncml-sync/max-msg-size-3000/wbxml", test_sizes_wbxml);
	return g_test_run();
}
