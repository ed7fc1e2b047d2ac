#include "ctl-sweep.h"

#include <string.h>
#include <sysexits.h>

#include "keep.h" /* pim's store.h: the bridge has one, too */
#include "scratch.h"

#define DAY 86400

static char *complaint;

static void complain(const char *text)
{
	g_free(complaint);
	complaint = g_strdup(text);
}

/* A note that was deleted 100 days ago, and one of 50. */
static void add_user(struct pim_store *store, const char *user)
{
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;
	g_autoptr(GError) error = NULL;
	struct pim_txn *txn = pim_txn_begin(store, user, TRUE, &error);

	for (guint i = 1; i <= 2; i++) {
		g_autoptr(pim_item_t) item =
			pim_item_parse(PIM_PLAIN_TEXT, "Milk", strlen("Milk"), NULL, &error);
		gint64 then = now - (i == 1 ? 100 : 50) * DAY, id;
		guint64 revision;

		g_assert_true(pim_txn_add(txn, item, "test", then, &id, &revision, &error));
		g_assert_true(pim_txn_delete(txn, id, "test", then, &revision, &error));
	}
	g_assert_true(pim_txn_commit(txn, &error));
}

static void test_rows(void)
{
	static const struct {
		const char *name;
		const char *config, *usual; /* text of the file; NULL = there is none */
		const char *user;
		int code;
		const char *out, *complaint;
	} rows[] = {
		{"one user", NULL, NULL, "pat", EX_OK,
		 "1 old versions, 2 deletions, 0 devices and 0 sessions are gone.\n", NULL},
		{"all", NULL, NULL, NULL, EX_OK,
		 "2 users: 2 old versions, 4 deletions, 0 devices and 0 sessions are gone.\n",
		 NULL},
		{"as the daemon's configuration says", NULL,
		 "[syncml]\nlisten = x\n[keep]\nhistory = 40d\n", "pat", EX_OK,
		 "2 old versions, 2 deletions, 0 devices and 0 sessions are gone.\n", NULL},
		{"or another", "[keep]\nhistory = 200d\n", "[keep]\nhistory = 40d\n", "pat", EX_OK,
		 "0 old versions, 2 deletions, 0 devices and 0 sessions are gone.\n", NULL},
		{"which cannot be read", "[keep]\nhistory = soon\n", NULL, "pat", EX_CONFIG, "",
		 ":2: [keep] history: 'soon' is not a duration"},
		{"or the usual one cannot", NULL, "[keep]\nhistori = 1d\n", NULL, EX_CONFIG, "",
		 ":2: [keep] histori: no such key; did you mean 'history'?"},
		{"nobody of that name", NULL, NULL, "max", EX_OK,
		 "0 old versions, 0 deletions, 0 devices and 0 sessions are gone.\n", NULL},
	};
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		char *dir = scratch_new();
		g_autofree char *config = g_build_filename(dir, "config", NULL);
		g_autofree char *usual = g_build_filename(dir, "usual", NULL);
		g_autofree char *state = g_build_filename(dir, "state", NULL);
		const struct ctl_pim pim = {.dir = state, .complain = complain};
		struct pim_store *store = pim_store_open(state, &error);
		g_autoptr(GString) out = g_string_new(NULL);

		g_test_message("%s", rows[i].name);
		add_user(store, "pat");
		add_user(store, "zoe");
		pim_store_close(&store);
		if (rows[i].config != NULL)
			g_assert_true(g_file_set_contents(config, rows[i].config, -1, NULL));
		if (rows[i].usual != NULL)
			g_assert_true(g_file_set_contents(usual, rows[i].usual, -1, NULL));
		g_clear_pointer(&complaint, g_free);
		g_assert_cmpint(ctl_pim_sweep(&pim, rows[i].config != NULL ? config : NULL, usual,
					      rows[i].user, out),
				==, rows[i].code);
		g_assert_cmpstr(out->str, ==, rows[i].out);
		if (rows[i].complaint == NULL)
			g_assert_cmpstr(complaint, ==, NULL);
		else if (strstr(complaint, rows[i].complaint) == NULL)
			g_assert_cmpstr(complaint, ==, rows[i].complaint);
		scratch_remove(dir);
	}
	g_clear_pointer(&complaint, g_free);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/ctl-sweep/rows", test_rows);
	return g_test_run();
}
