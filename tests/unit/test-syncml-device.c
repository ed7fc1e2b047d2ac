/* What is kept of a device, and what versions before us have kept. */
#include "auth.h"
#include "device.h"
#include "sync-world.h"

static struct device *load(struct sync_world *world, struct pim_txn *txn, const char *id)
{
	g_autoptr(GError) error = NULL;
	struct device *device = device_load(txn, world->rules, id, NULL, 1, &error);

	g_assert_no_error(error);
	return device;
}

static struct pim_txn *begin(struct sync_world *world)
{
	g_autoptr(GError) error = NULL;
	struct pim_txn *txn = pim_txn_begin(world->store, "pat", TRUE, &error);

	g_assert_no_error(error);
	return txn;
}

/* What is set is there the next time, and nothing else. */
static void test_round_trip(void)
{
	struct sync_world world;

	sync_world_init(&world);
	g_autoptr(pim_txn_t) txn = begin(&world);
	g_autoptr(device_t) device = load(&world, txn, "dev");

	g_assert_cmpint(device->version, ==, SML_1_2);
	g_assert_cmpint(device->encoding, ==, SML_XML);
	device_set_nonce(device, "one");
	device_set_nonce(device, "two");
	device_set_spoken(device, SML_1_1, SML_WBXML);
	g_assert_true(device->changed);
	g_assert_true(device_save(txn, device, 1, NULL));

	g_autoptr(device_t) again = load(&world, txn, "dev");
	g_assert_cmpstr(again->nonce, ==, "two");
	g_assert_cmpstr(again->former_nonce, ==, "one");
	g_assert_cmpint(again->version, ==, SML_1_1);
	g_assert_cmpint(again->encoding, ==, SML_WBXML);
	g_assert_null(again->user_agent);
	g_assert_null(again->secret);
	g_assert_null(again->notify_secret);
	g_clear_pointer(&txn, pim_txn_abort);
	sync_world_clear(&world);
}

static void test_password(void)
{
	g_autofree char *secret = auth_secret("pat", "secret"),
			*notify = auth_secret("srv", "secret");
	struct sync_world world;

	sync_world_init(&world);
	g_autoptr(pim_txn_t) txn = begin(&world);
	g_assert_true(
		device_set_password(txn, world.rules, "pat", "dev", "srv", "secret", 1, NULL));
	g_autoptr(device_t) device = load(&world, txn, "dev");
	g_assert_cmpstr(device->secret_user, ==, "pat");
	g_assert_cmpstr(device->secret, ==, secret);
	g_assert_cmpstr(device->notify_server, ==, "srv");
	g_assert_cmpstr(device->notify_secret, ==, notify);

	device_set_nonce(device, "one");
	g_assert_true(device_save(txn, device, 1, NULL));
	g_assert_true(device_set_password(txn, world.rules, "pat", "dev", "srv", NULL, 1, NULL));
	g_autoptr(device_t) without = load(&world, txn, "dev");
	g_assert_null(without->secret_user);
	g_assert_null(without->secret);
	g_assert_null(without->notify_secret);
	g_assert_null(without->nonce);
	g_clear_pointer(&txn, pim_txn_abort);
	sync_world_clear(&world);
}

/* States of version 1, and what is none. */
static void test_states(void)
{
	static const struct {
		const char *name;
		gsize cut;
		const char *version;
		const char *nonce;
	} rows[] = {
		{"of version 1", 0, "1", "one"},
		{"of one to come", 0, "9", NULL},
		{"cut off", 3, "1", NULL},
	};
	struct sync_world world;

	sync_world_init(&world);
	g_autoptr(pim_txn_t) txn = begin(&world);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GVariant) state =
			g_variant_ref_sink(g_variant_new("(@aysssss)", g_variant_new_bytestring(""),
							 rows[i].version, "agent", "", "one", ""));
		struct pim_peer peer;

		g_test_message("%s", rows[i].name);
		g_assert_true(pim_txn_peer(txn, rows[i].name, 1, &peer, NULL));
		g_assert_true(pim_txn_set_peer(txn, peer.id, 1, g_variant_get_data(state),
					       g_variant_get_size(state) - rows[i].cut, NULL));
		g_autoptr(device_t) device = load(&world, txn, rows[i].name);
		g_assert_cmpstr(device->nonce, ==, rows[i].nonce);
		g_assert_cmpstr(device->user_agent, ==, rows[i].nonce == NULL ? NULL : "agent");
		g_assert_null(device->sent_devinf);
	}
	g_clear_pointer(&txn, pim_txn_abort);
	sync_world_clear(&world);
}

/* What a rule has in place of what a device says of itself is what counts; what it said is kept,
 * since rules are found by that. */
static void test_information(void)
{
	static const char file[] =
		"<DevInf><VerDTD>1.2</VerDTD><Man>Ours</Man><DevID>x</DevID><DevTyp>phone</DevTyp>"
		"<DataStore><SourceRef>./con</SourceRef>"
		"<Rx-Pref><CTType>text/vcard</CTType><VerCT>3.0</VerCT></Rx-Pref>"
		"<Tx-Pref><CTType>text/vcard</CTType><VerCT>3.0</VerCT></Tx-Pref>"
		"<CTCap><CTType>text/vcard</CTType><VerCT>3.0</VerCT>"
		"<Property><PropName>TEL</PropName></Property></CTCap>"
		"<SyncCap><SyncType>1</SyncType></SyncCap></DataStore></DevInf>";
	struct sync_world world;
	g_autoptr(GError) error = NULL;
	g_autofree char *path = NULL, *rules_path = NULL, *rule = NULL;
	const char *paths[] = {NULL, NULL};
	struct content content;

	sync_world_init(&world);
	path = g_build_filename(world.dir, "poor.xml", NULL);
	paths[0] = rules_path = g_build_filename(world.dir, "rules.conf", NULL);
	rule = g_strdup_printf("[poor]\nmodel = Poor\ndevice-information = %s\n", path);
	g_assert_true(g_file_set_contents(path, file, -1, NULL));
	g_assert_true(g_file_set_contents(rules_path, rule, -1, NULL));
	g_autoptr(rules_t) rules = rules_load(paths, &error);
	g_assert_no_error(error);
	g_autoptr(pim_txn_t) txn = begin(&world);
	g_autoptr(device_t) device = device_load(txn, rules, "dev", NULL, 1, &error);
	g_autoptr(devinf_t) said = devinf_new(SML_1_2);

	g_assert_no_error(error);
	said->man = g_strdup("Theirs");
	said->mod = g_strdup("Poor");
	said->dev_id = g_strdup("dev");
	said->utc = TRUE;
	device_set_devinf(device, rules, said);
	g_assert_cmpstr(device->said->man, ==, "Theirs");
	g_assert_cmpstr(device->devinf->man, ==, "Ours");
	g_assert_true(device_save(txn, device, 1, NULL));

	g_autoptr(device_t) again = device_load(txn, rules, "dev", NULL, 1, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(again->said->man, ==, "Theirs");
	g_assert_cmpstr(again->devinf->man, ==, "Ours");
	content_init(&content, again, "./con", PIM_CONTACTS, PIM_COMPONENT_BIT(PIM_CONTACT), NULL);
	g_assert_cmpint(content.format, ==, PIM_VCARD_3_0);
	g_assert_cmpint(content.style.times, ==, PIM_TIMES_LOCAL);
	g_assert_true(g_hash_table_contains(content.capability->properties, "TEL"));
	g_assert_cmpuint(g_hash_table_size(content.capability->properties), ==, 1);
	content_clear(&content);

	/* Without that rule it is what it says. */
	g_autoptr(device_t) plain = load(&world, txn, "dev");
	g_assert_cmpstr(plain->devinf->man, ==, "Theirs");
	g_clear_pointer(&txn, pim_txn_abort);
	sync_world_clear(&world);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/syncml-device/round-trip", test_round_trip);
	g_test_add_func("/syncml-device/password", test_password);
	g_test_add_func("/syncml-device/states", test_states);
	g_test_add_func("/syncml-device/information", test_information);
	return g_test_run();
}
