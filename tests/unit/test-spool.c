/* What the spool takes, what it puts aside, and that it loses nothing. */
#include "limits.h"
#include "spin.h"
#include "spool.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>

/* --- an intake that does as it is told ------------------------------------- */

struct handed {
	char *lines;
	uid_t peer;
	intake_batch_done done;
	gpointer data;
};

static GPtrArray *handed; /* struct handed *, answered or not */
static guint waiting;     /* of these, not answered */
static guint most_waiting;
static gboolean answer_later;       /* not before answer_all() */
static enum intake_verdict verdict; /* of the next ones */
static guint slow_msecs;            /* that taking one costs */

void intake_batch(struct intake *intake, char *lines, gsize len, uid_t peer, const char *source,
		  intake_batch_done done, gpointer data)
{
	struct handed *one = g_new0(struct handed, 1);

	g_assert_cmpstr(source, ==, "spool");
	g_assert_cmpuint(strlen(lines), ==, len);
	one->lines = g_strdup(lines);
	one->peer = peer;
	one->done = done;
	one->data = data;
	g_ptr_array_add(handed, one);
	g_usleep((gulong)slow_msecs * 1000);
	if (answer_later) {
		waiting++;
		most_waiting = MAX(most_waiting, waiting);
	} else {
		done(verdict, verdict == INTAKE_OK ? NULL : "as the test says", 1, data);
	}
}

static void answer_all(void)
{
	for (guint i = handed->len - waiting; waiting > 0; i++) {
		struct handed *one = g_ptr_array_index(handed, i);

		waiting--;
		one->done(verdict, "as the test says", 1, one->data);
	}
}

static void handed_free(gpointer data)
{
	struct handed *one = data;

	g_free(one->lines);
	g_free(one);
}

/* --- fixture --------------------------------------------------------------- */

struct fixture {
	char *dir, *path;
	struct spool *spool;
};

/* TRUE: so many were handed in, and no more. */
static gboolean until_handed(guint count)
{
	spin_until(handed->len >= count);
	spin(20);
	return handed->len == count;
}

static void open_spool(struct fixture *fixture)
{
	g_autoptr(GError) error = NULL;

	fixture->spool = spool_open(fixture->path, NULL, &error);
	g_assert_no_error(error);
}

static void set_up(struct fixture *fixture)
{
	fixture->dir = g_dir_make_tmp("spool-XXXXXX", NULL);
	fixture->path = g_build_filename(fixture->dir, "s", NULL);
	fixture->spool = NULL;
	g_assert_cmpint(g_mkdir(fixture->path, 0700), ==, 0);
	handed = g_ptr_array_new_with_free_func(handed_free);
	waiting = most_waiting = 0;
	answer_later = FALSE;
	verdict = INTAKE_OK;
	slow_msecs = 0;
}

static char *name_in(const struct fixture *fixture, const char *name)
{
	return g_build_filename(fixture->path, name, NULL);
}

static void tear_down(struct fixture *fixture)
{
	const char *const argv[] = {"rm", "-rf", fixture->dir, NULL};

	spool_free(&fixture->spool);
	answer_all();
	g_ptr_array_unref(handed);
	g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL,
		     NULL);
	g_free(fixture->dir);
	g_free(fixture->path);
}

/* As a writer does it: under a name with a dot, then renamed. */
static void put_n(const struct fixture *fixture, const char *name, const char *text, gsize len)
{
	g_autofree char *from = name_in(fixture, ".writer");
	g_autofree char *to = name_in(fixture, name);

	g_assert_true(g_file_set_contents_full(from, text, (gssize)len, G_FILE_SET_CONTENTS_NONE,
					       0640, NULL));
	g_assert_cmpint(g_rename(from, to), ==, 0);
}

static void put(const struct fixture *fixture, const char *name, const char *text)
{
	put_n(fixture, name, text, strlen(text));
}

static gboolean is_there(const struct fixture *fixture, const char *name)
{
	g_autofree char *path = name_in(fixture, name);
	struct stat st;

	return lstat(path, &st) == 0;
}

static guint count_bad(const struct fixture *fixture)
{
	g_autofree char *bad = name_in(fixture, "bad");
	g_autoptr(GDir) dir = g_dir_open(bad, 0, NULL);
	guint count = 0;

	while (g_dir_read_name(dir) != NULL)
		count++;
	return count;
}

#define LINES "BATCH\t1\nEVENT\n"

/* --- good files ------------------------------------------------------------ */

static void test_there_at_start(void)
{
	struct fixture fixture;

	set_up(&fixture);
	put(&fixture, "a", LINES "END\n");
	open_spool(&fixture);
	g_assert_true(until_handed(1));
	const struct handed *one = g_ptr_array_index(handed, 0);
	g_assert_cmpstr(one->lines, ==, LINES);
	g_assert_cmpuint(one->peer, ==, getuid());
	g_assert_false(is_there(&fixture, "a"));
	g_assert_cmpuint(spool_files(fixture.spool), ==, 0);
	tear_down(&fixture);
}

static void test_comes_later(void)
{
	struct fixture fixture;

	set_up(&fixture);
	open_spool(&fixture);
	spin(30);
	for (guint i = 1; i <= 5; i++) {
		put(&fixture, "a", LINES "END\n");
		/* Long before the slow scan. */
		g_assert_true(until_handed(i));
		g_assert_false(is_there(&fixture, "a"));
	}
	tear_down(&fixture);
}

static void test_owner_speaks(void)
{
	struct fixture fixture;

	if (getuid() != 0) {
		g_test_skip("needs root, to give files away");
		return;
	}
	set_up(&fixture);
	put(&fixture, "a", LINES "END\n");
	g_autofree char *path = name_in(&fixture, "a");
	g_assert_cmpint(chown(path, 65534, 65534), ==, 0);
	open_spool(&fixture);
	g_assert_true(until_handed(1));
	g_assert_cmpuint(((struct handed *)g_ptr_array_index(handed, 0))->peer, ==, 65534);
	tear_down(&fixture);
}

static void test_oldest_first(void)
{
	struct fixture fixture;

	set_up(&fixture);
	for (guint i = 0; i < 50; i++) {
		g_autofree char *name = g_strdup_printf("%u", (i * 37) % 50);
		g_autofree char *text = g_strdup_printf("BATCH\t%u\nEND\n", 49 - i);
		g_autofree char *path = name_in(&fixture, name);
		struct timespec times[2] = {{.tv_sec = 1700000000},
					    {.tv_sec = 1700000000 - (time_t)(i / 2),
					     .tv_nsec = i % 2 == 0 ? 500 : 400}};

		put(&fixture, name, text);
		g_assert_cmpint(utimensat(AT_FDCWD, path, times, 0), ==, 0);
	}
	open_spool(&fixture);
	g_assert_true(until_handed(50));
	for (guint i = 0; i < 50; i++) {
		g_autofree char *text = g_strdup_printf("BATCH\t%u\n", i);

		g_assert_cmpstr(((struct handed *)g_ptr_array_index(handed, i))->lines, ==, text);
	}
	tear_down(&fixture);
}

static void test_largest(void)
{
	g_autofree char *text = g_strnfill(LIMIT_BATCH_BYTES, 'x');
	struct fixture fixture;

	memcpy(text + LIMIT_BATCH_BYTES - 5, "\nEND\n", 5);
	set_up(&fixture);
	put_n(&fixture, "a", text, LIMIT_BATCH_BYTES);
	open_spool(&fixture);
	g_assert_true(until_handed(1));
	g_assert_cmpuint(strlen(((struct handed *)g_ptr_array_index(handed, 0))->lines), ==,
			 LIMIT_BATCH_BYTES - 4);
	tear_down(&fixture);
}

/* More than one scan takes, and never more at once than memory is meant for. */
static void test_many(void)
{
	const guint count = LIMIT_SPOOL_SCAN + 200;
	struct fixture fixture;

	set_up(&fixture);
	for (guint i = 0; i < count; i++) {
		g_autofree char *name = g_strdup_printf("%u", i);
		g_autofree char *path = name_in(&fixture, name);

		g_assert_true(g_file_set_contents_full(path, "END\n", 4, G_FILE_SET_CONTENTS_NONE,
						       0640, NULL));
	}
	answer_later = TRUE;
	open_spool(&fixture);
	for (gint64 end_us = g_get_monotonic_time() + PATIENCE_US;
	     (handed->len < count || waiting > 0) && g_get_monotonic_time() < end_us;) {
		spin(5);
		answer_all();
	}
	spin(50);
	g_assert_cmpuint(handed->len, ==, count);
	g_assert_cmpuint(most_waiting, <=, LIMIT_SPOOL_PENDING);
	g_assert_cmpuint(most_waiting, >, 1); /* they share commits */
	g_assert_cmpuint(spool_files(fixture.spool), ==, 0);
	tear_down(&fixture);
}

/* Batches that take long to route do not keep the main loop from others. */
static void test_slow(void)
{
	struct fixture fixture;
	guint most = 0;

	set_up(&fixture);
	for (guint i = 0; i < 10; i++) {
		g_autofree char *name = g_strdup_printf("%u", i);

		put(&fixture, name, "END\n");
	}
	slow_msecs = 25;
	open_spool(&fixture);
	while (handed->len < 10) {
		guint before = handed->len;

		g_main_context_iteration(NULL, TRUE);
		most = MAX(most, handed->len - before);
	}
	g_assert_cmpuint(most, ==, 1);
	tear_down(&fixture);
}

/* --- files that stay for now ----------------------------------------------- */

static void test_later(void)
{
	struct fixture fixture;

	set_up(&fixture);
	verdict = INTAKE_LATER;
	for (guint i = 0; i < 30; i++) {
		g_autofree char *name = g_strdup_printf("%u", i);

		put(&fixture, name, "END\n");
	}
	g_test_expect_message(NULL, G_LOG_LEVEL_MESSAGE, "the queue does not take spool files*");
	open_spool(&fixture);
	spin_until(handed->len > 0);
	spin(100);
	g_test_assert_expected_messages();
	/* It was asked once, and is left alone for a while. */
	guint first = handed->len;
	g_assert_cmpuint(first, >, 0);
	g_assert_cmpuint(first, <, 30);
	g_assert_true(is_there(&fixture, "0"));
	verdict = INTAKE_OK;
	spin_until(handed->len >= first + 30);
	spin(50);
	g_assert_cmpuint(handed->len, ==, first + 30);
	g_assert_false(is_there(&fixture, "0"));
	tear_down(&fixture);
}

static void test_not_removed_before_done(void)
{
	struct fixture fixture;

	set_up(&fixture);
	answer_later = TRUE;
	put(&fixture, "a", LINES "END\n");
	open_spool(&fixture);
	g_assert_true(until_handed(1));
	g_assert_true(is_there(&fixture, "a"));
	g_assert_cmpuint(spool_files(fixture.spool), ==, 1);
	/* Others come meanwhile; it is not handed in twice. */
	put(&fixture, "b", LINES "END\n");
	spin(100);
	g_assert_cmpuint(handed->len, <=, 2);
	answer_all();
	spin_until(handed->len >= 2);
	answer_all();
	spin(50);
	g_assert_false(is_there(&fixture, "a"));
	g_assert_cmpuint(handed->len, ==, 2);
	g_assert_false(is_there(&fixture, "b"));
	tear_down(&fixture);
}

/* The answer comes when the spool is closed: the file goes all the same. */
static void test_freed_before_done(void)
{
	struct fixture fixture;

	set_up(&fixture);
	answer_later = TRUE;
	put(&fixture, "a", LINES "END\n");
	open_spool(&fixture);
	g_assert_true(until_handed(1));
	spool_free(&fixture.spool);
	g_assert_null(fixture.spool);
	answer_all();
	g_assert_false(is_there(&fixture, "a"));
	tear_down(&fixture);
}

static void test_dot_files_are_not_ours(void)
{
	struct fixture fixture;

	set_up(&fixture);
	g_autofree char *path = name_in(&fixture, ".abc.123");
	g_assert_true(g_file_set_contents(path, "END\n", 4, NULL));
	open_spool(&fixture);
	spin(100);
	g_assert_cmpuint(handed->len, ==, 0);
	g_assert_true(is_there(&fixture, ".abc.123"));
	tear_down(&fixture);
}

/* --- files that never will be --------------------------------------------- */

static void make_symlink(const char *path)
{
	g_assert_cmpint(symlink("/etc/passwd", path), ==, 0);
}

static void make_link(const char *path)
{
	g_autofree char *dir = g_path_get_dirname(path);
	g_autofree char *other = g_build_filename(dir, ".other", NULL);

	g_assert_true(g_file_set_contents(other, LINES "END\n", -1, NULL));
	g_assert_cmpint(link(other, path), ==, 0);
}

static void make_pipe(const char *path)
{
	g_assert_cmpint(mkfifo(path, 0644), ==, 0);
}

static void make_folder(const char *path)
{
	g_assert_cmpint(mkdir(path, 0755), ==, 0);
}

static void make_shared(const char *path)
{
	g_assert_true(g_file_set_contents(path, LINES "END\n", -1, NULL));
	g_assert_cmpint(chmod(path, 0660), ==, 0);
}

static void make_everybodys(const char *path)
{
	g_assert_true(g_file_set_contents(path, LINES "END\n", -1, NULL));
	g_assert_cmpint(chmod(path, 0646), ==, 0);
}

static void make_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	close(fd);
}

static void make_large(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	g_assert_cmpint(ftruncate(fd, LIMIT_BATCH_BYTES + 1), ==, 0);
	close(fd);
}

static void make_empty(const char *path)
{
	g_assert_true(g_file_set_contents(path, "", 0, NULL));
}

static void make_cut(const char *path)
{
	g_assert_true(g_file_set_contents(path, LINES, -1, NULL));
}

static void make_almost(const char *path)
{
	g_assert_true(g_file_set_contents(path, LINES "EVENTxEND\n", -1, NULL));
}

static void test_bad_files(void)
{
	static const struct {
		const char *name;
		void (*make)(const char *path);
		const char *warning;
	} rows[] = {
		{"link", make_link, "*has more than one name; moved to bad/"},
		{"shared", make_shared, "*is writable by others than its owner; moved to bad/"},
		{"everybody's", make_everybodys,
		 "*is writable by others than its owner; moved to bad/"},
		{"large", make_large, "*is larger than a batch; moved to bad/"},
		{"empty", make_empty, "*does not end with END; moved to bad/"},
		{"cut", make_cut, "*does not end with END; moved to bad/"},
		{"almost", make_almost, "*does not end with END; moved to bad/"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *aside = g_strconcat("bad/", rows[i].name, NULL);
		struct fixture fixture;

		g_test_message("%s", rows[i].name);
		set_up(&fixture);
		g_autofree char *path = name_in(&fixture, rows[i].name);
		rows[i].make(path);
		put(&fixture, "good", LINES "END\n");
		g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, rows[i].warning);
		open_spool(&fixture);
		g_assert_true(until_handed(1));
		g_test_assert_expected_messages();
		g_assert_false(is_there(&fixture, rows[i].name));
		g_assert_true(is_there(&fixture, aside));
		tear_down(&fixture);
	}
}

/* Without the folder's group it was made elsewhere, and by whom nobody knows. */
static void test_made_elsewhere(void)
{
	static const struct {
		const char *name;
		mode_t folder;
		gid_t group;
		gboolean taken;
	} rows[] = {
		{"made in the folder", 03733, 12345, TRUE},
		{"moved there", 03733, 12346, FALSE},
		{"a folder that gives no group", 01733, 12346, TRUE},
	};

	if (getuid() != 0) {
		g_test_skip("needs root, to give files away");
		return;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fixture fixture;

		g_test_message("%s", rows[i].name);
		set_up(&fixture);
		g_assert_cmpint(chown(fixture.path, 0, 12345), ==, 0);
		g_assert_cmpint(chmod(fixture.path, rows[i].folder), ==, 0);
		put(&fixture, "a", LINES "END\n");
		g_autofree char *path = name_in(&fixture, "a");
		g_assert_cmpint(chown(path, 65534, rows[i].group), ==, 0);
		if (!rows[i].taken)
			g_test_expect_message(NULL, G_LOG_LEVEL_WARNING,
					      "*was not made in this folder; moved to bad/");
		open_spool(&fixture);
		g_assert_true(until_handed(rows[i].taken));
		spin_until(!is_there(&fixture, "a"));
		g_test_assert_expected_messages();
		g_assert_false(is_there(&fixture, "a"));
		g_assert_cmpint(is_there(&fixture, "bad/a"), ==, !rows[i].taken);
		tear_down(&fixture);
	}
}

static void test_verdicts(void)
{
	static const struct {
		enum intake_verdict verdict;
	} rows[] = {{INTAKE_BAD}, {INTAKE_DENIED}};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fixture fixture;

		set_up(&fixture);
		verdict = rows[i].verdict;
		open_spool(&fixture);
		/* Twice the same name: the first is not overwritten. */
		for (guint j = 0; j < 2; j++) {
			put(&fixture, "a", LINES "END\n");
			g_test_expect_message(NULL, G_LOG_LEVEL_WARNING,
					      "spool file */a as the test says; moved to bad/");
			g_assert_true(until_handed(j + 1));
			g_test_assert_expected_messages();
		}
		g_assert_false(is_there(&fixture, "a"));
		g_assert_cmpuint(count_bad(&fixture), ==, 2);
		tear_down(&fixture);
	}
}

/* Nobody puts these there to have them read: one line each, and no more. */
static void test_not_plain(void)
{
	static const struct {
		const char *name;
		void (*make)(const char *path);
	} rows[] = {
		{"symlink", make_symlink},
		{"pipe", make_pipe},
		{"folder", make_folder},
		{"socket", make_socket},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct fixture fixture;

		g_test_message("%s", rows[i].name);
		set_up(&fixture);
		g_autofree char *path = name_in(&fixture, rows[i].name);
		rows[i].make(path);
		g_test_expect_message(NULL, G_LOG_LEVEL_WARNING,
				      "*is not a plain file; left where it is");
		open_spool(&fixture);
		for (guint scans = 1; scans <= 3; scans++) {
			put(&fixture, "good", LINES "END\n");
			g_assert_true(until_handed(scans));
		}
		g_test_assert_expected_messages();
		g_assert_true(is_there(&fixture, rows[i].name));
		tear_down(&fixture);
	}
}

/* More folders than a scan takes that the bridge can neither read nor move. */
static void test_many_folders(void)
{
	const guint folders = LIMIT_SPOOL_SCAN + 100, files = 20;
	struct fixture fixture;

	if (getuid() != 0) {
		g_test_skip("needs root, to become somebody else");
		return;
	}
	set_up(&fixture);
	g_assert_cmpint(chmod(fixture.dir, 0755), ==, 0);
	g_assert_cmpint(chown(fixture.path, 65534, 65534), ==, 0);
	for (guint i = 0; i < folders; i++) {
		g_autofree char *name = g_strdup_printf("folder-%u", i);
		g_autofree char *path = name_in(&fixture, name);

		g_assert_cmpint(mkdir(path, 0700), ==, 0);
	}
	for (guint i = 0; i < files; i++) {
		g_autofree char *name = g_strdup_printf("file-%u", i);
		g_autofree char *path = name_in(&fixture, name);

		put(&fixture, name, "END\n");
		g_assert_cmpint(chown(path, 65534, 65534), ==, 0);
	}
	for (guint i = 0; i < 20; i++)
		g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*left where it is");
	g_assert_cmpint(seteuid(65534), ==, 0);
	open_spool(&fixture);
	g_assert_true(until_handed(files));
	g_test_assert_expected_messages();
	g_assert_cmpint(seteuid(0), ==, 0);
	tear_down(&fixture);
}

static void set_age(const struct fixture *fixture, const char *name, gint64 secs)
{
	g_autofree char *path = name_in(fixture, name);
	const struct timespec times[2] = {{.tv_sec = time(NULL) - secs},
					  {.tv_sec = time(NULL) - secs}};

	g_assert_cmpint(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), ==, 0);
}

/* What a process left that was killed between creating and renaming. */
static void test_stale_writer_files(void)
{
	static const struct {
		const char *name;
		gint64 age_secs;
		void (*make)(const char *path);
		gboolean stays;
	} rows[] = {
#define HEX "0123456789abcdef0123456789abcdef"
		{"." HEX ".1", 2 * 86400, make_cut, FALSE},
		{"." HEX ".4194304", 2 * 86400, make_empty, FALSE},
		{"." HEX ".2", 3600, make_cut, TRUE},
		{"." HEX ".3", 2 * 86400, make_pipe, TRUE},
		{"." HEX ".4", 2 * 86400, make_folder, TRUE},
		{"." HEX ".", 2 * 86400, make_cut, TRUE},
		{"." HEX "..5", 2 * 86400, make_cut, TRUE},
		{"." HEX ".6x", 2 * 86400, make_cut, TRUE},
		{"." HEX "0.7", 2 * 86400, make_cut, TRUE},
		{"." HEX, 2 * 86400, make_cut, TRUE},
		{".0123456789ABCDEF0123456789abcdef.8", 2 * 86400, make_cut, TRUE},
		{".keep", 2 * 86400, make_cut, TRUE},
#undef HEX
	};
	struct fixture fixture;

	set_up(&fixture);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = name_in(&fixture, rows[i].name);

		rows[i].make(path);
		set_age(&fixture, rows[i].name, rows[i].age_secs);
		if (!rows[i].stays)
			g_test_expect_message(NULL, G_LOG_LEVEL_WARNING,
					      "*was never finished; removed");
	}
	open_spool(&fixture);
	spin(50);
	g_test_assert_expected_messages();
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_test_message("%s", rows[i].name);
		g_assert_cmpint(is_there(&fixture, rows[i].name), ==, rows[i].stays);
	}
	tear_down(&fixture);
}

/* A name to which nothing can be added, put aside twice. */
static void test_longest_name(void)
{
	g_autofree char *name = g_strnfill(NAME_MAX, 'n');
	struct fixture fixture;

	set_up(&fixture);
	open_spool(&fixture);
	for (guint i = 0; i < 2; i++) {
		g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*moved to bad/");
		put(&fixture, name, "x");
		spin_until(!is_there(&fixture, name));
		g_test_assert_expected_messages();
		g_assert_false(is_there(&fixture, name));
	}
	tear_down(&fixture);
}

/* A stranger's thousand bad files are a few lines in the log. */
static void test_log_is_bounded(void)
{
	struct fixture fixture;

	set_up(&fixture);
	for (guint i = 0; i < 200; i++) {
		g_autofree char *name = g_strdup_printf("%u", i);

		put(&fixture, name, "x");
	}
	for (guint i = 0; i < 20; i++)
		g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*moved to bad/");
	for (guint i = 20; i < 200; i++)
		g_test_expect_message(NULL, G_LOG_LEVEL_DEBUG, "*moved to bad/");
	open_spool(&fixture);
	spin_until(count_bad(&fixture) == 200);
	g_test_assert_expected_messages();
	tear_down(&fixture);
}

/* --- the folder ------------------------------------------------------------ */

static void test_makes_folder(void)
{
	g_autoptr(GError) error = NULL;
	struct fixture fixture;
	struct stat st;

	set_up(&fixture);
	g_assert_cmpint(g_rmdir(fixture.path), ==, 0);
	mode_t mask = umask(077);
	open_spool(&fixture);
	umask(mask);
	g_assert_cmpint(stat(fixture.path, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 07777, ==, 03733);
	g_autofree char *bad = name_in(&fixture, "bad");
	g_assert_cmpint(stat(bad, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 0777, ==, 0700);
	spool_free(&fixture.spool);

	g_autofree char *file = g_build_filename(fixture.dir, "file", NULL);
	g_assert_true(g_file_set_contents(file, "x", 1, NULL));
	g_assert_null(spool_open(file, NULL, &error));
	g_assert_error(error, G_IO_ERROR, G_IO_ERROR_NOT_DIRECTORY);
	tear_down(&fixture);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/spool/there-at-start", test_there_at_start);
	g_test_add_func("/spool/comes-later", test_comes_later);
	g_test_add_func("/spool/owner-speaks", test_owner_speaks);
	g_test_add_func("/spool/oldest-first", test_oldest_first);
	g_test_add_func("/spool/largest", test_largest);
	g_test_add_func("/spool/many", test_many);
	g_test_add_func("/spool/slow", test_slow);
	g_test_add_func("/spool/later", test_later);
	g_test_add_func("/spool/not-removed-before-done", test_not_removed_before_done);
	g_test_add_func("/spool/freed-before-done", test_freed_before_done);
	g_test_add_func("/spool/dot-files-are-not-ours", test_dot_files_are_not_ours);
	g_test_add_func("/spool/bad-files", test_bad_files);
	g_test_add_func("/spool/made-elsewhere", test_made_elsewhere);
	g_test_add_func("/spool/verdicts", test_verdicts);
	g_test_add_func("/spool/not-plain", test_not_plain);
	g_test_add_func("/spool/many-folders", test_many_folders);
	g_test_add_func("/spool/stale-writer-files", test_stale_writer_files);
	g_test_add_func("/spool/longest-name", test_longest_name);
	g_test_add_func("/spool/log-is-bounded", test_log_is_bounded);
	g_test_add_func("/spool/makes-folder", test_makes_folder);
	return g_test_run();
}
