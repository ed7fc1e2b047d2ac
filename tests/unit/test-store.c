#include "fault-vfs.h"
#include "limits.h"
#include "store-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- jobs of the tests ----------------------------------------------------- */

static gboolean make_table(struct store *store, gpointer data, GError **error)
{
	return store_step(
		store, store_prepare(store, "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)"),
		error);
}

struct row {
	gint64 id;
	gsize size;
	gboolean fails;  /* after the write, politely */
	gboolean breaks; /* after the write, and takes the transaction with it */
	GMutex *gate;    /* waits for it */
	guint runs;
	struct answer answer;
};

static gboolean insert_row(struct store *store, gpointer data, GError **error)
{
	struct row *row = data;
	sqlite3_stmt *stmt =
		store_prepare(store, "INSERT INTO t (id, text) VALUES (?1, hex(zeroblob(?2)))");

	row->runs++;
	if (row->gate != NULL) {
		g_mutex_lock(row->gate);
		g_mutex_unlock(row->gate);
	}
	sqlite3_bind_int64(stmt, 1, row->id);
	sqlite3_bind_int64(stmt, 2, (gint64)row->size / 2);
	if (!store_step(store, stmt, error))
		return FALSE;
	if (row->breaks)
		g_assert_true(store_step(store, store_prepare(store, "ROLLBACK"), NULL));
	if (row->fails || row->breaks) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_LIMIT, "on purpose");
		return FALSE;
	}
	return TRUE;
}

static void row_done(const GError *error, gpointer data)
{
	struct row *row = data;

	answer_done(error, &row->answer);
}

static gboolean delete_rows(struct store *store, gpointer data, GError **error)
{
	const gint64 *from = data;
	sqlite3_stmt *stmt = store_prepare(store, "DELETE FROM t WHERE id >= ?1");

	sqlite3_bind_int64(stmt, 1, *from);
	return store_step(store, stmt, error);
}

static void write_row(struct store *store, struct row *row)
{
	g_autoptr(GError) error = NULL;
	gboolean taken = store_write(store, insert_row, row_done, row, &error);

	g_assert_no_error(error);
	g_assert_true(taken);
}

static void make(struct fixture *fixture)
{
	struct answer answer = {0};

	g_assert_true(store_write(fixture->store, make_table, answer_done, &answer, NULL));
	answer_expect_ok(&answer);
}

static gint64 read_int(struct store *store, const char *sql)
{
	sqlite3_stmt *stmt = store_prepare(store, sql);
	gint64 value;

	g_assert_true(store_read(store, stmt));
	value = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return value;
}

static gboolean has_row(struct store *store, gint64 id)
{
	sqlite3_stmt *stmt = store_prepare(store, "SELECT 1 FROM t WHERE id = ?1");
	gboolean found;

	sqlite3_bind_int64(stmt, 1, id);
	found = store_read(store, stmt);
	sqlite3_reset(stmt);
	return found;
}

static guint64 file_size(const struct fixture *fixture, const char *suffix)
{
	g_autofree char *path = g_strconcat(fixture->path, suffix, NULL);
	struct stat st;

	return stat(path, &st) == 0 ? (guint64)st.st_size : 0;
}

/* --- groups ------------------------------------------------------------------ */

static gint commits;

static int count_commit(void *data)
{
	g_atomic_int_inc(&commits);
	return 0;
}

static gboolean count_commits(struct store *store, gpointer data, GError **error)
{
	sqlite3 *db = sqlite3_db_handle(store_prepare(store, "SELECT 1"));

	sqlite3_commit_hook(db, count_commit, NULL);
	return TRUE;
}

/* Work that nobody waits for shares commits even if it comes bit by bit. */
static void test_settle_together(void)
{
	struct fixture fixture = {0};
	struct answer answer = {0};
	struct row rows[200] = {0};
	gint64 started_us;

	fixture_open(&fixture, 0);
	make(&fixture);
	g_assert_true(store_write(fixture.store, count_commits, answer_done, &answer, NULL));
	answer_expect_ok(&answer);

	g_atomic_int_set(&commits, 0);
	started_us = g_get_monotonic_time();
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		rows[i].id = i + 1;
		store_settle(fixture.store, insert_row, row_done, &rows[i]);
		g_usleep(300);
	}
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
		answer_expect_ok(&rows[i].answer);
	/* A commit every 5 ms, however slow the machine. */
	g_assert_cmpint(g_atomic_int_get(&commits), <=,
			(g_get_monotonic_time() - started_us) / 5000 + 2);

	fixture_clear(&fixture);
}

/* What has gathered while the writer was busy is one commit: work that nobody waits for
 * with the write that comes behind it, and as much of it as a group holds. */
static void test_settle_along(void)
{
	static struct row rows[LIMIT_GROUP_COMMIT];
	struct fixture fixture = {0};
	struct answer answer = {0};
	struct row busy[2] = {{.id = 10001}, {.id = 10002}}, urgent = {.id = 10003};
	GMutex gate;

	g_mutex_init(&gate);
	fixture_open(&fixture, 0);
	make(&fixture);
	g_assert_true(store_write(fixture.store, count_commits, answer_done, &answer, NULL));
	answer_expect_ok(&answer);
	for (guint round = 0; round < 2; round++) {
		/* Round 0: one, and a write behind it. Round 1: a full group. */
		guint settling = round == 0 ? 1 : LIMIT_GROUP_COMMIT;

		memset(rows, 0, sizeof(rows));
		g_atomic_int_set(&commits, 0);
		g_mutex_lock(&gate);
		busy[round].gate = &gate;
		write_row(fixture.store, &busy[round]);
		while (g_atomic_int_get(&busy[round].runs) == 0)
			g_usleep(1000);
		for (guint i = 0; i < settling; i++) {
			rows[i].id = (round + 1) * 1000 + i;
			store_settle(fixture.store, insert_row, row_done, &rows[i]);
		}
		if (round == 0)
			write_row(fixture.store, &urgent);
		g_mutex_unlock(&gate);
		for (guint i = 0; i < settling; i++)
			answer_expect_ok(&rows[i].answer);
		answer_expect_ok(&busy[round].answer);
		if (round == 0)
			answer_expect_ok(&urgent.answer);
		g_assert_cmpint(g_atomic_int_get(&commits), ==, 2);
	}
	fixture_clear(&fixture);
	g_mutex_clear(&gate);
}

static void test_order(void)
{
	struct fixture fixture = {0};
	struct row rows[100] = {0};

	fixture_open(&fixture, 0);
	make(&fixture);
	/* Reported in the order of the calls, and there when reported. */
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		rows[i].id = i + 1;
		rows[i].size = 10;
		write_row(fixture.store, &rows[i]);
	}
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		for (guint later = i + 1; !rows[i].answer.done && later < G_N_ELEMENTS(rows);
		     later++)
			g_assert_false(rows[later].answer.done);
		answer_expect_ok(&rows[i].answer);
		g_assert_true(has_row(fixture.store, rows[i].id));
	}
	g_assert_cmpuint(store_pending(fixture.store), ==, 0);
	g_assert_cmpint(read_int(fixture.store, "SELECT count(*) FROM t"), ==, 100);
	fixture_clear(&fixture);
}

/* One bad job among good ones, all in one group: the gate keeps the writer busy
 * while they come. */
static void test_one_fails(gconstpointer data)
{
	gboolean breaks = GPOINTER_TO_INT(data);
	struct fixture fixture = {0};
	struct row rows[7] = {0};
	GMutex gate;

	g_mutex_init(&gate);
	fixture_open(&fixture, 0);
	make(&fixture);
	g_mutex_lock(&gate);
	rows[0].gate = &gate;
	rows[3].fails = !breaks;
	rows[3].breaks = breaks;
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		rows[i].id = i;
		write_row(fixture.store, &rows[i]);
	}
	g_mutex_unlock(&gate);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		if (i == 3)
			answer_expect_error(&rows[i].answer, STORE_ERROR_LIMIT);
		else
			answer_expect_ok(&rows[i].answer);
		g_assert_cmpint(has_row(fixture.store, i), ==, i != 3);
	}
	/* They shared a group, or this shows nothing: a go together, one with
	 * savepoints, and a third without the one that broke out of its own. */
	g_assert_cmpuint(rows[2].runs, ==, breaks ? 3 : 2);
	g_assert_cmpuint(rows[3].runs, ==, 2);
	fixture_clear(&fixture);
	g_mutex_clear(&gate);
}

static void count_done(const GError *error, gpointer data)
{
	g_assert_no_error(error);
	(*(guint *)data)++;
}

static gboolean do_nothing(struct store *store, gpointer data, GError **error)
{
	return TRUE;
}

static void test_busy(void)
{
	struct fixture fixture = {0};
	struct row row = {0};
	g_autoptr(GError) error = NULL;
	guint done = 0;
	GMutex gate;

	g_mutex_init(&gate);
	fixture_open(&fixture, 0);
	make(&fixture);
	g_mutex_lock(&gate);
	row.gate = &gate;
	write_row(fixture.store, &row);
	for (guint i = 1; i < LIMIT_INTAKE_PENDING; i++)
		g_assert_true(store_write(fixture.store, do_nothing, count_done, &done, NULL));
	g_assert_cmpuint(store_pending(fixture.store), ==, LIMIT_INTAKE_PENDING);
	g_assert_false(store_write(fixture.store, do_nothing, count_done, &done, &error));
	g_assert_error(error, STORE_ERROR, STORE_ERROR_BUSY);
	store_settle(fixture.store, do_nothing, count_done, &done);
	g_mutex_unlock(&gate);
	answer_expect_ok(&row.answer);
	while (done < LIMIT_INTAKE_PENDING)
		g_main_context_iteration(NULL, TRUE);
	g_assert_true(store_write(fixture.store, do_nothing, count_done, &done, NULL));
	/* Closing runs and reports what waits. */
	store_close(&fixture.store);
	g_assert_cmpuint(done, ==, LIMIT_INTAKE_PENDING + 1);
	fixture_clear(&fixture);
	g_mutex_clear(&gate);
}

static void settle_again(const GError *error, gpointer data)
{
	struct fixture *fixture = data;
	static gboolean again;

	if (again) {
		g_assert_error(error, STORE_ERROR, STORE_ERROR_FAILED);
		return;
	}
	again = TRUE;
	store_settle(fixture->store, do_nothing, settle_again, fixture);
}

static void test_close_from_done(void)
{
	struct fixture fixture = {0};
	struct store *store;

	fixture_open(&fixture, 0);
	store = fixture.store;
	store_settle(store, do_nothing, settle_again, &fixture);
	/* As store_close() would, but keeping the pointer for settle_again. */
	{
		struct store *closing = store;

		store_close(&closing);
		g_assert_null(closing);
	}
	fixture.store = NULL;
	fixture_clear(&fixture);
}

/* --- no room ------------------------------------------------------------------ */

/* Writes rows of 4,000 bytes until one is refused; returns how many were taken. */
static guint fill(struct store *store, gint64 first_id)
{
	for (guint i = 0; i < 100000; i++) {
		struct row row = {.id = first_id + i, .size = 4000};

		write_row(store, &row);
		answer_wait(&row.answer);
		if (row.answer.error != NULL) {
			answer_expect_error(&row.answer, STORE_ERROR_FULL);
			g_assert_false(has_row(store, row.id));
			return i;
		}
		g_assert_true(has_row(store, row.id));
	}
	g_assert_not_reached();
}

struct deletion {
	gint64 from;
	struct answer answer;
};

/* Touches every page, more of them than the cache holds. */
static gboolean change_all(struct store *store, gpointer data, GError **error)
{
	return store_step(store, store_prepare(store, "UPDATE t SET text = 'x' || text"), error);
}

static void deletion_done(const GError *error, gpointer data)
{
	struct deletion *deletion = data;

	answer_done(error, &deletion->answer);
}

static void delete_from(struct store *store, gint64 id)
{
	struct deletion deletion = {.from = id};

	store_settle(store, delete_rows, deletion_done, &deletion);
	answer_expect_ok(&deletion.answer);
}

static void test_max_bytes(void)
{
	const guint64 max = 4 * 1024 * 1024;
	struct fixture fixture = {0};
	struct row group[40] = {0};
	struct row settled = {.id = 2000000, .size = 9000}, more = {.id = 3000000, .size = 9000};
	guint taken, refused = 0;
	GMutex gate;

	g_mutex_init(&gate);
	fixture_open(&fixture, max);
	make(&fixture);
	taken = fill(fixture.store, 1);
	g_assert_cmpuint(taken, >, 500);
	/* A group at the brink: some fit, the rest is told so, nobody is lost. */
	delete_from(fixture.store, taken - 9);
	g_mutex_lock(&gate);
	group[0].gate = &gate;
	for (guint i = 0; i < G_N_ELEMENTS(group); i++) {
		group[i].id = 1000000 + i;
		group[i].size = 4000;
		write_row(fixture.store, &group[i]);
	}
	g_mutex_unlock(&gate);
	for (guint i = 0; i < G_N_ELEMENTS(group); i++) {
		answer_wait(&group[i].answer);
		g_assert_cmpint(has_row(fixture.store, group[i].id), ==,
				group[i].answer.error == NULL);
		if (group[i].answer.error != NULL) {
			refused++;
			answer_expect_error(&group[i].answer, STORE_ERROR_FULL);
		}
	}
	g_assert_cmpuint(refused, >, 0);
	g_assert_cmpuint(refused, <, G_N_ELEMENTS(group));
	/* Work that settles has some pages of its own. */
	store_settle(fixture.store, insert_row, row_done, &settled);
	answer_expect_ok(&settled.answer);
	write_row(fixture.store, &more);
	answer_expect_error(&more.answer, STORE_ERROR_FULL);
	/* A full one still takes rows away, and then takes new ones. */
	delete_from(fixture.store, 2);
	g_assert_cmpint(read_int(fixture.store, "SELECT count(*) FROM t"), ==, 1);
	g_assert_cmpuint(fill(fixture.store, 2), >=, taken - 2);
	store_close(&fixture.store);
	g_assert_cmpuint(file_size(&fixture, ""), <=, max);
	fixture_check_integrity(&fixture);
	/* A larger bound is all it needs. */
	fixture_open(&fixture, max + 1024 * 1024);
	g_assert_cmpuint(fill(fixture.store, 4000000), >, 100);
	fixture_clear(&fixture);
	g_mutex_clear(&gate);
}

static gboolean mount_disk(struct fixture *fixture, guint mebibytes)
{
	g_autofree char *options = g_strdup_printf("size=%um,mode=0700", mebibytes);

	fixture->folder = g_dir_make_tmp("fantail-test-XXXXXX", NULL);
	fixture->path = g_build_filename(fixture->folder, "bridge.db", NULL);
	/* A name space of our own: the mount goes with the process. */
	if (unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("tmpfs", fixture->folder, "tmpfs", 0, options) == 0)
		return TRUE;
	g_test_skip("cannot mount a small tmpfs; this needs root");
	fixture_clear(fixture);
	return FALSE;
}

static int fill_disk(const struct fixture *fixture)
{
	g_autofree char *path = g_build_filename(fixture->folder, "filler", NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char block[4096] = {1};

	g_assert_cmpint(fd, >=, 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	g_assert_cmpint(errno, ==, ENOSPC);
	g_assert_cmpint(unlink(path), ==, 0);
	return fd;
}

/* Writes until it is taken; the store looks for room twice a second. */
static void expect_recovery(struct fixture *fixture, gint64 id)
{
	for (guint i = 0; i < 40; i++) {
		struct row row = {.id = id, .size = 100};

		write_row(fixture->store, &row);
		answer_wait(&row.answer);
		if (row.answer.error == NULL)
			return;
		answer_expect_error(&row.answer, STORE_ERROR_FULL);
		pause_msecs(250);
	}
	g_assert_not_reached();
}

/* Somebody else fills the disk, and makes room later. */
static void test_disk_full(void)
{
	struct fixture fixture = {0};
	struct answer changed = {0};
	int filler;

	if (!mount_disk(&fixture, 48))
		return;
	fixture_open(&fixture, 0);
	make(&fixture);
	for (gint64 id = 1; id <= 2400; id++) {
		struct row row = {.id = id, .size = 4000};

		write_row(fixture.store, &row);
		answer_expect_ok(&row.answer);
	}
	filler = fill_disk(&fixture);
	/* What fits into the log that is there still does; then no more. */
	fill(fixture.store, 10000);
	g_assert_cmpuint(file_size(&fixture, "-reserve"), ==, STORE_RESERVE_BYTES);
	store_settle(fixture.store, change_all, answer_done, &changed);
	answer_expect_ok(&changed);
	g_assert_cmpuint(file_size(&fixture, "-reserve"), ==, 0);
	/* One by one, each a commit of its own: more than the log had room for. */
	for (gint64 id = 20000; id > 1; id -= id > 2400 ? 500 : 1)
		delete_from(fixture.store, id);
	g_assert_cmpint(read_int(fixture.store, "SELECT count(*) FROM t"), ==, 1);
	store_close(&fixture.store);
	fixture_check_integrity(&fixture);
	/* A start on the full disk, too. */
	fixture_open(&fixture, 0);
	g_assert_true(has_row(fixture.store, 1));
	delete_from(fixture.store, 1);
	close(filler);
	expect_recovery(&fixture, 50);
	store_close(&fixture.store);
	fixture_check_integrity(&fixture);
	g_assert_cmpint(umount(fixture.folder), ==, 0);
	fixture_clear(&fixture);
}

/* Our own backlog is what fills the disk; once it is gone, the file gives it back,
 * and that is enough. */
static void test_disk_full_of_us(void)
{
	struct fixture fixture = {0};
	guint64 full;
	gint64 last;
	int fillers[2];

	if (!mount_disk(&fixture, 40))
		return;
	fixture_open(&fixture, 0);
	make(&fixture);
	last = fill(fixture.store, 1);
	fillers[0] = fill_disk(&fixture); /* the crumbs */
	full = file_size(&fixture, "");
	g_assert_cmpuint(full, >, 16 * 1024 * 1024);
	/* A commit for each, until the log had no room left. */
	while (file_size(&fixture, "-reserve") > 0 && last > 1)
		delete_from(fixture.store, last--);
	g_assert_cmpuint(file_size(&fixture, "-reserve"), ==, 0);
	fill(fixture.store, 100000);      /* is refused at once now */
	fillers[1] = fill_disk(&fixture); /* nobody gives us anything */
	delete_from(fixture.store, 1);
	expect_recovery(&fixture, 1);
	g_assert_cmpuint(file_size(&fixture, "-reserve"), ==, STORE_RESERVE_BYTES);
	for (guint i = 0; i < 100 && file_size(&fixture, "") > full / 2; i++)
		pause_msecs(100);
	g_assert_cmpuint(file_size(&fixture, ""), <, full / 2);
	store_close(&fixture.store);
	fixture_check_integrity(&fixture);
	close(fillers[0]);
	close(fillers[1]);
	g_assert_cmpint(umount(fixture.folder), ==, 0);
	fixture_clear(&fixture);
}

/* --- faults ---------------------------------------------------------------------- */

/* Three groups of two jobs and one that settles. Every job that was reported done
 * has left its row, every other one has not. */
static void run_scenario(int at, int code, gboolean lasts, int *calls_r)
{
	struct fixture fixture = {0};
	struct row rows[6] = {0};
	struct deletion deletion = {.from = 100};

	fixture_open(&fixture, 0);
	make(&fixture);
	fault_calls = 0;
	fault_code = code;
	fault_lasts = lasts;
	g_atomic_int_set(&fault_at, at);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		rows[i].id = i;
		rows[i].size = 6000;
		write_row(fixture.store, &rows[i]);
		if (i % 2 == 1)
			answer_wait(&rows[i].answer);
	}
	store_settle(fixture.store, delete_rows, deletion_done, &deletion);
	answer_wait(&deletion.answer);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		answer_wait(&rows[i].answer);
		g_assert_cmpint(has_row(fixture.store, i), ==, rows[i].answer.error == NULL);
	}
	*calls_r = fault_calls;
	g_atomic_int_set(&fault_at, 0);
	store_close(&fixture.store);
	fixture_check_integrity(&fixture);
	fixture_open(&fixture, 0);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_assert_cmpint(has_row(fixture.store, i), ==, rows[i].answer.error == NULL);
		if (rows[i].answer.error != NULL) {
			answer_expect_error(&rows[i].answer, STORE_ERROR_FULL);
			expect_recovery(&fixture, i);
		}
	}
	if (!lasts)
		g_assert_no_error(deletion.answer.error);
	g_clear_error(&deletion.answer.error);
	fixture_clear(&fixture);
}

static void test_faults(gconstpointer data)
{
	int code = GPOINTER_TO_INT(data);
	int calls = 0, seen, hit = 0;

	run_scenario(0, code, FALSE, &calls);
	g_assert_cmpint(calls, >, 10);
	for (int at = 1; at <= calls; at++) {
		run_scenario(at, code, FALSE, &seen);
		hit += seen >= at;
		run_scenario(at, code, TRUE, &seen);
	}
	/* How the jobs fall into groups, and so the number of calls, is chance. */
	g_assert_cmpint(hit, >, calls / 2);
}

/* --- the file ---------------------------------------------------------------------- */

static void test_mode(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-reserve"};
	struct fixture fixture = {0};
	mode_t mask = umask(0);

	fixture_open(&fixture, 0);
	make(&fixture);
	for (guint round = 0; round < 2; round++) {
		for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
			g_autofree char *path = g_strconcat(fixture.path, suffixes[i], NULL);
			struct stat st;

			g_assert_cmpint(stat(path, &st), ==, 0);
			g_assert_cmpint(st.st_mode & 0777, ==, 0600);
		}
		/* Somebody's chmod is put right. */
		store_close(&fixture.store);
		g_assert_cmpint(chmod(fixture.path, 0644), ==, 0);
		fixture_open(&fixture, 0);
	}
	umask(mask);
	fixture_clear(&fixture);
}

static void test_in_use(void)
{
	struct fixture fixture = {0};
	g_autoptr(GError) error = NULL;

	fixture_open(&fixture, 0);
	g_assert_null(store_open(fixture.path, 0, &error));
	g_assert_error(error, STORE_ERROR, STORE_ERROR_FAILED);
	g_assert_nonnull(strstr(error->message, "in use by another process"));
	g_assert_nonnull(strstr(error->message, fixture.path));
	fixture_clear(&fixture);
}

static void test_log_is_bounded(void)
{
	struct fixture fixture = {0};
	guint64 most = 0;

	fixture_open(&fixture, 0);
	make(&fixture);
	for (gint64 id = 0; id < 6000; id++) {
		struct row row = {.id = id, .size = 8000};

		write_row(fixture.store, &row);
		answer_expect_ok(&row.answer);
		most = MAX(most, file_size(&fixture, "-wal"));
	}
	g_assert_cmpuint(file_size(&fixture, ""), >, 40 * 1024 * 1024);
	g_assert_cmpuint(most, <, 20 * 1024 * 1024);
	for (guint i = 0; i < 100 && file_size(&fixture, "-wal") > 0; i++)
		pause_msecs(100);
	g_assert_cmpuint(file_size(&fixture, "-wal"), ==, 0);
	fixture_clear(&fixture);
}

static void expect_open_error(const struct fixture *fixture, int code, const char *word)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *before = NULL, *after = NULL;
	gsize before_len, after_len;

	g_assert_true(g_file_get_contents(fixture->path, &before, &before_len, NULL));
	g_assert_null(store_open(fixture->path, 0, &error));
	g_test_message("%s", error->message);
	g_assert_error(error, STORE_ERROR, code);
	g_assert_nonnull(strstr(error->message, fixture->path));
	g_assert_nonnull(strstr(error->message, word));
	g_assert_true(g_file_get_contents(fixture->path, &after, &after_len, NULL));
	g_assert_cmpmem(before, before_len, after, after_len);
}

static void test_damaged(void)
{
	struct fixture fixture = {0};
	char junk[4096];
	int fd;

	fixture_open(&fixture, 0);
	make(&fixture);
	for (gint64 id = 0; id < 400; id++) {
		struct row row = {.id = id, .size = 1000};

		write_row(fixture.store, &row);
		answer_expect_ok(&row.answer);
	}
	store_close(&fixture.store);
	memset(junk, 0xa5, sizeof(junk));
	fd = open(fixture.path, O_RDWR | O_CLOEXEC);
	for (gint64 page = 40; page < 80; page++)
		g_assert_cmpint(pwrite(fd, junk, sizeof(junk), page * 4096), ==, sizeof(junk));
	close(fd);
	expect_open_error(&fixture, STORE_ERROR_CORRUPT, "restore the file from a backup");
	/* Not a database at all. */
	g_assert_true(g_file_set_contents(fixture.path, junk, sizeof(junk), NULL));
	expect_open_error(&fixture, STORE_ERROR_CORRUPT, "move it");
	/* Out of the way, as the message says: a new start. */
	g_assert_cmpint(g_unlink(fixture.path), ==, 0);
	fixture_open(&fixture, 0);
	fixture_clear(&fixture);
}

static void run_sql(const struct fixture *fixture, const char *sql)
{
	sqlite3 *db = NULL;

	g_assert_cmpint(sqlite3_open(fixture->path, &db), ==, SQLITE_OK);
	g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
	g_assert_cmpint(sqlite3_close(db), ==, SQLITE_OK);
}

static void test_versions(void)
{
	struct fixture fixture = {0};
	struct answer answer = {0};

	fixture_open(&fixture, 0);
	g_assert_cmpint(read_int(fixture.store, "PRAGMA user_version"), ==, 3);
	g_assert_true(store_write(fixture.store, make_table, answer_done, &answer, NULL));
	answer_expect_ok(&answer);
	store_close(&fixture.store);
	/* Opening it again changes nothing. */
	fixture_open(&fixture, 0);
	g_assert_cmpint(read_int(fixture.store, "SELECT count(*) FROM t"), ==, 0);
	store_close(&fixture.store);
	run_sql(&fixture, "PRAGMA user_version = 99");
	expect_open_error(&fixture, STORE_ERROR_FAILED, "newer version");
	run_sql(&fixture, "PRAGMA user_version = 1; PRAGMA application_id = 7");
	expect_open_error(&fixture, STORE_ERROR_FAILED, "another program");
	fixture_clear(&fixture);
}

/* A database of the first schema: its devices are still there, and have the new columns. */
static void test_migrate(void)
{
	struct fixture fixture = {0};

	fixture_open(&fixture, 0);
	store_close(&fixture.store);
	run_sql(&fixture, "DROP TRIGGER device_key_removed; DROP TABLE pimap_key; "
			  "DROP TRIGGER device_removed; DROP TABLE filter; DROP TABLE attachment; "
			  "DROP TABLE preference; DROP INDEX device_seen; "
			  "ALTER TABLE device DROP COLUMN seen; ALTER TABLE device DROP COLUMN "
			  "wakes; PRAGMA user_version = 1;"
			  "INSERT INTO device (user, device, gateway, dialect, state, endpoint, "
			  "events, content, msgtype, token_tries, created, changed, confirm_by, "
			  "confirmed, last_ok, dead_at) VALUES ('alice', 'd', 'webpush', 0, 1, "
			  "'x', 1, 0, 0, 0, 1, 1, 1, 1, 1, 0)");
	fixture_open(&fixture, 0);
	g_assert_cmpint(read_int(fixture.store, "PRAGMA user_version"), ==, 3);
	g_assert_cmpint(
		read_int(fixture.store, "SELECT count(*) FROM device WHERE seen = 0 AND wakes = 0"),
		==, 1);
	g_assert_cmpint(read_int(fixture.store, "SELECT count(*) FROM pimap_key"), ==, 0);
	store_close(&fixture.store);
	/* From the second: a key goes with its device. */
	run_sql(&fixture, "DROP TRIGGER device_key_removed; DROP TABLE pimap_key; "
			  "PRAGMA user_version = 2");
	fixture_open(&fixture, 0);
	store_close(&fixture.store);
	run_sql(&fixture, "INSERT INTO pimap_key (device) SELECT id FROM device; "
			  "INSERT INTO pimap_key (device) VALUES (77); DELETE FROM device");
	fixture_open(&fixture, 0);
	g_assert_cmpint(read_int(fixture.store, "SELECT min(device) FROM pimap_key"), ==, 77);
	fixture_check_integrity(&fixture);
	fixture_clear(&fixture);
}

static void test_no_folder(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(store_open("/nonexistent/fantail/bridge.db", 0, &error));
	g_assert_error(error, STORE_ERROR, STORE_ERROR_FAILED);
	g_assert_nonnull(strstr(error->message, "/nonexistent/fantail/bridge.db"));
}

/* --- kill -9 ------------------------------------------------------------------------- */

/* A pipe's writing end, in the child. */
static int report_fd;

static void tell(const GError *error, gpointer data)
{
	struct row *row = data;

	if (error != NULL || write(report_fd, &row->id, sizeof(row->id)) != sizeof(row->id))
		_exit(2);
	g_free(row);
}

/* Writes rows for ever and says which ones are done, until it is killed. */
static void child(const char *path)
{
	struct store *store = store_open(path, 0, NULL);
	gint64 id;

	if (store == NULL)
		_exit(3);
	id = read_int(store, "SELECT coalesce(max(id), 0) FROM t");
	for (;;) {
		while (store_pending(store) < 50) {
			struct row *row = g_new0(struct row, 1);

			row->id = ++id;
			row->size = (gsize)(id % 37) * 100;
			if (!store_write(store, insert_row, tell, row, NULL))
				_exit(4);
		}
		g_main_context_iteration(NULL, TRUE);
	}
}

static void test_kill(void)
{
	struct fixture fixture = {0};
	gint64 id, told = 0;

	fixture_open(&fixture, 0);
	make(&fixture);
	store_close(&fixture.store);
	for (guint round = 0; round < 20; round++) {
		int ends[2], status;
		pid_t pid;

		g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
		pid = fork();
		if (pid == 0) {
			report_fd = ends[1];
			child(fixture.path);
		}
		close(ends[1]);
		/* From the first word on: before it, there is nothing to lose. */
		g_assert_cmpint(read(ends[0], &id, sizeof(id)), ==, sizeof(id));
		g_usleep((gulong)g_test_rand_int_range(0, 40000));
		g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
		g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
		g_assert_true(WIFSIGNALED(status));

		fixture_open(&fixture, 0);
		do {
			g_assert_true(has_row(fixture.store, id));
			told++;
		} while (read(ends[0], &id, sizeof(id)) == sizeof(id));
		store_close(&fixture.store);
		close(ends[0]);
		fixture_check_integrity(&fixture);
	}
	g_test_message("%" G_GINT64_FORMAT " rows were reported done", told);
	fixture_clear(&fixture);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	fault_vfs_install();
	g_test_add_func("/store/order", test_order);
	g_test_add_func("/store/settle-together", test_settle_together);
	g_test_add_func("/store/settle-along", test_settle_along);
	g_test_add_data_func("/store/one-fails/alone", GINT_TO_POINTER(FALSE), test_one_fails);
	g_test_add_data_func("/store/one-fails/with-the-transaction", GINT_TO_POINTER(TRUE),
			     test_one_fails);
	g_test_add_func("/store/busy", test_busy);
	g_test_add_func("/store/close-from-done", test_close_from_done);
	g_test_add_func("/store/max-bytes", test_max_bytes);
	g_test_add_data_func("/store/faults/full", GINT_TO_POINTER(SQLITE_FULL), test_faults);
	g_test_add_data_func("/store/faults/write", GINT_TO_POINTER(SQLITE_IOERR_WRITE),
			     test_faults);
	g_test_add_data_func("/store/faults/sync", GINT_TO_POINTER(SQLITE_IOERR_FSYNC),
			     test_faults);
	g_test_add_func("/store/mode", test_mode);
	g_test_add_func("/store/in-use", test_in_use);
	g_test_add_func("/store/log-is-bounded", test_log_is_bounded);
	g_test_add_func("/store/damaged", test_damaged);
	g_test_add_func("/store/versions", test_versions);
	g_test_add_func("/store/migrate", test_migrate);
	g_test_add_func("/store/no-folder", test_no_folder);
	g_test_add_func("/store/kill", test_kill);
	/* Last: they leave this process in a name space of its own. */
	g_test_add_func("/store/disk-full", test_disk_full);
	g_test_add_func("/store/disk-full-of-us", test_disk_full_of_us);
	return g_test_run();
}
