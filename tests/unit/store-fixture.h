/* A store in a scratch folder, and waiting for its answers: for the unit tests of
 * what is built on it. */
#ifndef FANTAIL_TESTS_STORE_FIXTURE_H
#define FANTAIL_TESTS_STORE_FIXTURE_H

#include "store.h"

#include <glib/gstdio.h>
#include <string.h>

struct fixture {
	char *folder;
	char *path;
	struct store *store;
};

static inline void fixture_open(struct fixture *fixture, guint64 max_bytes)
{
	g_autoptr(GError) error = NULL;

	if (fixture->folder == NULL) {
		fixture->folder = g_dir_make_tmp("fantail-test-XXXXXX", &error);
		g_assert_no_error(error);
		fixture->path = g_build_filename(fixture->folder, "bridge.db", NULL);
	}
	fixture->store = store_open(fixture->path, max_bytes, &error);
	g_assert_no_error(error);
	g_assert_nonnull(fixture->store);
}

/* Asks SQLite's own full check, on a connection of its own. */
static inline void fixture_check_integrity(const struct fixture *fixture)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;

	g_assert_cmpint(sqlite3_open(fixture->path, &db), ==, SQLITE_OK);
	g_assert_cmpint(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), ==,
			SQLITE_OK);
	g_assert_cmpint(sqlite3_step(stmt), ==, SQLITE_ROW);
	g_assert_cmpstr((const char *)sqlite3_column_text(stmt, 0), ==, "ok");
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

static inline void fixture_clear(struct fixture *fixture)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-reserve"};

	store_close(&fixture->store);
	for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		g_autofree char *path = g_strconcat(fixture->path, suffixes[i], NULL);

		(void)g_unlink(path);
	}
	(void)g_rmdir(fixture->folder);
	g_clear_pointer(&fixture->folder, g_free);
	g_clear_pointer(&fixture->path, g_free);
}

/* How one thing that was asked for ended. */
struct answer {
	gboolean done;
	GError *error;
};

static inline void answer_done(const GError *error, gpointer data)
{
	struct answer *answer = data;

	g_assert_false(answer->done);
	answer->done = TRUE;
	answer->error = error != NULL ? g_error_copy(error) : NULL;
}

static inline void answer_wait(const struct answer *answer)
{
	while (!answer->done)
		g_main_context_iteration(NULL, TRUE);
}

/* Waits; fails unless all went well. */
static inline void answer_expect_ok(struct answer *answer)
{
	answer_wait(answer);
	g_assert_no_error(answer->error);
	answer->done = FALSE;
}

static inline void answer_expect_error(struct answer *answer, int code)
{
	answer_wait(answer);
	g_assert_error(answer->error, STORE_ERROR, code);
	g_clear_error(&answer->error);
	answer->done = FALSE;
}

static inline void pause_msecs(guint msecs)
{
	gint64 until_us = g_get_monotonic_time() + msecs * 1000;

	while (g_get_monotonic_time() < until_us) {
		g_main_context_iteration(NULL, FALSE);
		g_usleep(2000);
	}
}

#endif
