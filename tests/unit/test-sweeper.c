#include "sweeper.h"

#include <string.h>

#include "scratch.h"

#define TEN "abcdefghij"
#define FIFTY TEN TEN TEN TEN TEN

/* Some of whose names make no file names. */
static const char *const users[] = {
	"user0", "user1", "user2", ".user3", FIFTY FIFTY FIFTY FIFTY "@example.org",
};
#define USERS G_N_ELEMENTS(users)
#define MS G_TIME_SPAN_MILLISECOND

struct world {
	char *dir;
	struct pim_store *store;
	GMainLoop *loop;
	GHashTable *swept; /* user -> versions that went */
	guint errors;
};

/* One note of long ago that was deleted then. */
static void add_user(const struct world *world, const char *user)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(pim_item_t) item =
		pim_item_parse(PIM_PLAIN_TEXT, "Milk", strlen("Milk"), NULL, &error);
	struct pim_txn *txn = pim_txn_begin(world->store, user, TRUE, &error);
	guint64 revision;
	gint64 id;

	g_assert_no_error(error);
	g_assert_true(pim_txn_add(txn, item, "test", 1, &id, &revision, &error));
	g_assert_true(pim_txn_delete(txn, id, "test", 1, &revision, &error));
	g_assert_true(pim_txn_commit(txn, &error));
}

static void world_init(struct world *world)
{
	g_autoptr(GError) error = NULL;

	memset(world, 0, sizeof(*world));
	world->dir = scratch_new();
	world->store = pim_store_open(world->dir, &error);
	g_assert_no_error(error);
	world->loop = g_main_loop_new(NULL, FALSE);
	world->swept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; i < USERS; i++)
		add_user(world, users[i]);
}

static void world_clear(struct world *world)
{
	pim_store_close(&world->store);
	scratch_remove(world->dir);
	g_main_loop_unref(world->loop);
	g_hash_table_unref(world->swept);
}

static void on_swept(const char *user, const struct pim_swept *swept, const GError *error,
		     gpointer data)
{
	struct world *world = data;

	if (error != NULL)
		world->errors++;
	else
		g_hash_table_insert(world->swept, g_strdup(user),
				    GUINT_TO_POINTER(swept->versions));
	if (g_hash_table_size(world->swept) + world->errors >= USERS)
		g_main_loop_quit(world->loop);
}

static struct sweeper *start(struct world *world, gint64 first_us)
{
	const struct sweeper_settings settings = {
		.store = world->store,
		.keep = {86400, 86400, 86400},
		.first_us = first_us,
		.period_us = 256 * MS,
		.swept = on_swept,
		.data = world,
	};

	return sweeper_new(&settings);
}

static void test_everybody_has_a_turn(void)
{
	struct world world;
	struct sweeper *sweeper;

	world_init(&world);
	sweeper = start(&world, 0);
	g_main_loop_run(world.loop);
	sweeper_free(&sweeper);
	g_assert_cmpuint(world.errors, ==, 0);
	for (guint i = 0; i < USERS; i++)
		g_assert_cmpint(GPOINTER_TO_INT(g_hash_table_lookup(world.swept, users[i])), ==, 1);
	world_clear(&world);
}

/* One user's damaged file keeps nobody else's from their turns. */
static void test_one_fails(void)
{
	g_autofree char *hex = g_compute_checksum_for_string(G_CHECKSUM_SHA256, "user1", -1);
	g_autofree char *path = NULL, *rubbish = g_strnfill(8192, 'x');
	struct world world;
	struct sweeper *sweeper;
	g_autoptr(GError) error = NULL;

	world_init(&world);
	pim_store_close(&world.store);
	path = g_strdup_printf("%s/%.2s/user1.db", world.dir, hex);
	g_assert_true(g_file_set_contents(path, rubbish, -1, &error));
	world.store = pim_store_open(world.dir, &error);
	sweeper = start(&world, 0);
	g_main_loop_run(world.loop);
	sweeper_free(&sweeper);
	g_assert_cmpuint(world.errors, ==, 1);
	g_assert_cmpuint(g_hash_table_size(world.swept), ==, USERS - 1);
	world_clear(&world);
}

static gboolean quit(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_REMOVE;
}

/* And it can be stopped then. */
static void test_not_at_once(void)
{
	struct world world;
	struct sweeper *sweeper;

	world_init(&world);
	sweeper = start(&world, G_TIME_SPAN_HOUR);
	g_timeout_add(500, quit, world.loop);
	g_main_loop_run(world.loop);
	g_assert_cmpuint(g_hash_table_size(world.swept), ==, 0);
	sweeper_free(&sweeper);
	g_assert_null(sweeper);
	world_clear(&world);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sweeper/everybody-has-a-turn", test_everybody_has_a_turn);
	g_test_add_func("/sweeper/one-fails", test_one_fails);
	g_test_add_func("/sweeper/not-at-once", test_not_at_once);
	return g_test_run();
}
