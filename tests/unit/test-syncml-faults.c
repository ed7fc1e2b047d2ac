/*
 * Every write to the store fails once: each message is sent with its first write failing, with
 * its second, and so on until it goes through. The phone is told 503 each time and sends the same
 * again. In the end both sides have what they have without any of it, and nothing is left to say.
 */
#include <string.h>

#include "sim-phone.h"
#include "store-faults.h"
#include "sync-world.h"

/* --- scenarios ------------------------------------------------------------------------------ */

static const guint modes[] = {200, 201, 202, 203, 204, 205};

static const struct edits {
	const char *name;
	gboolean phone_adds, phone_changes, other_adds, other_changes;
} edits[] = {
	{.name = "the-phone-s", .phone_adds = TRUE, .phone_changes = TRUE},
	{.name = "the-server-s", .other_adds = TRUE, .other_changes = TRUE},
	{.name = "both", .phone_adds = TRUE, .other_adds = TRUE},
	{.name = "conflicts", .phone_changes = TRUE, .other_changes = TRUE},
};

static const struct size {
	const char *name;
	enum sml_encoding encoding;
	guint max_msg_size, count, note_len;
	const char *database; /* NULL = "contacts" */
	guint dies; /* after so many messages, and goes on with what it has begun; 0 = never */
} sizes[] = {
	{"small", SML_XML, 0, 4, 10, NULL, 0},
	{"wbxml", SML_WBXML, 0, 4, 10, NULL, 0},
	{"many-messages", SML_XML, 3000, 9, 200, NULL, 0},
	{"pieces", SML_WBXML, 3000, 4, 4000, NULL, 0},
	{"filtered", SML_XML, 0, 4, 10, "contacts?/fi(TEL&NE;22222)", 0},
	{"resumed", SML_XML, 0, 4, 10, NULL, 2},
	{"resumed-in-pieces", SML_WBXML, 3000, 4, 4000, NULL, 3},
};

struct scenario {
	guint mode;
	const struct edits *edits;
	const struct size *size;
};

static char *card(guint number, const char *phone, guint note_len)
{
	g_autofree char *note = g_strnfill(note_len, 'n');

	return g_strdup_printf("BEGIN:VCARD\r\nVERSION:3.0\r\nN:%u;Given%u;;;\r\nFN:Given%u\r\n"
			       "TEL;TYPE=CELL:%s\r\nNOTE:%s\r\nEND:VCARD\r\n",
			       number, number, number, phone, note);
}

static void add(struct sim_phone *phone, guint first, const struct scenario *scenario)
{
	for (guint i = 0; i < scenario->size->count; i++) {
		g_autofree char *text = card(first + i, "1", scenario->size->note_len);

		sim_phone_add(phone, text);
	}
}

/* One is deleted, another changed; the same ones on both phones. */
static void change(struct sim_phone *phone, const char *number)
{
	GHashTableIter iter;
	gpointer luid, text;
	g_autofree char *changed = card(1, number, 20);
	g_autofree char *deleted_luid = NULL, *changed_luid = NULL;

	g_hash_table_iter_init(&iter, phone->items);
	while (g_hash_table_iter_next(&iter, &luid, &text)) {
		if (strstr(text, "\nN:1;") != NULL)
			changed_luid = g_strdup(luid);
		else if (strstr(text, "\nN:2;") != NULL)
			deleted_luid = g_strdup(luid);
	}
	sim_phone_replace(phone, changed_luid, changed);
	sim_phone_delete(phone, deleted_luid);
}

static void phone_init(struct sim_phone *phone, const struct sync_world *world, const char *id,
		       const struct scenario *scenario)
{
	sim_phone_init(phone, &world->service, WORLD_USER, id);
	phone->encoding = scenario->size->encoding;
	phone->max_msg_size = scenario->size->max_msg_size;
	if (scenario->size->database != NULL && strcmp(id, "phone") == 0) {
		g_free(phone->database);
		phone->database = g_strdup(scenario->size->database);
	}
}

/* What is where in the end. */
static char *play(const struct scenario *scenario, gboolean with_faults)
{
	struct sync_world world;
	struct sim_phone phone, other;
	g_autofree char *server = NULL, *mine = NULL;

	sync_world_init(&world);
	phone_init(&phone, &world, "phone", scenario);
	phone_init(&other, &world, "other", scenario);
	add(&phone, 1, scenario);
	g_assert_true(sim_phone_sync(&phone, 201));
	g_assert_true(sim_phone_sync(&other, 201));
	if (scenario->edits->other_adds)
		add(&other, 100, scenario);
	if (scenario->edits->other_changes)
		change(&other, "22222");
	g_assert_true(sim_phone_sync(&other, 200));
	if (scenario->edits->phone_adds)
		add(&phone, 200, scenario);
	if (scenario->edits->phone_changes)
		change(&phone, "33333");

	store_faults_arm(with_faults);
	if (scenario->size->dies > 0)
		phone.die = (int)scenario->size->dies - 1;
	if (!sim_phone_sync(&phone, scenario->mode))
		g_assert_true(sim_phone_sync(&phone, 225));
	phone.die = -1;
	store_faults_arm(FALSE);
	server = sync_world_contacts(&world);
	mine = sim_phone_contacts(&phone);
	sync_world_assert_sound(&world);

	/* What a one-way sync has left to say, and then nothing. */
	g_assert_true(sim_phone_sync(&phone, 200));
	g_assert_cmpuint(phone.mode, ==, 200);
	g_assert_true(sim_phone_sync(&phone, 200));
	g_assert_cmpuint(phone.received, ==, 0);
	sim_phone_clear(&phone);
	sim_phone_clear(&other);
	sync_world_clear(&world);
	return g_strdup_printf("server: %s; phone: %s", server, mine);
}

static void run(gconstpointer data)
{
	const struct scenario *scenario = data;
	g_autofree char *without = play(scenario, FALSE), *with = NULL;

	with = play(scenario, TRUE);
	g_assert_cmpstr(with, ==, without);
	g_assert_cmpuint(store_faults_count(), >, 10);
	g_test_message("%u writes failed", store_faults_count());
}

int main(int argc, char **argv)
{
	static struct scenario
		scenarios[G_N_ELEMENTS(modes) * G_N_ELEMENTS(edits) * G_N_ELEMENTS(sizes)];

	g_test_init(&argc, &argv, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(scenarios); i++) {
		guint j = i / G_N_ELEMENTS(modes);
		struct scenario *scenario = &scenarios[i];
		g_autofree char *name = NULL;

		scenario->mode = modes[i % G_N_ELEMENTS(modes)];
		scenario->edits = &edits[j % G_N_ELEMENTS(edits)];
		scenario->size = &sizes[j / G_N_ELEMENTS(edits)];
		name = g_strdup_printf("/syncml-faults/%u/%s/%s", scenario->mode,
				       scenario->edits->name, scenario->size->name);
		g_test_add_data_func(name, scenario, run);
	}
	return g_test_run();
}
