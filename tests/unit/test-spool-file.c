#include "spool-file.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#define BATCH "0123456789abcdef0123456789abcdef"

static char *scratch_new(void)
{
	g_autoptr(GError) error = NULL;
	char *path = g_dir_make_tmp("spool-XXXXXX", &error);

	g_assert_no_error(error);
	return path;
}

/* Removes the folder; the number of files that were in it. */
static guint scratch_free(const char *path)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;
	guint files = 0;

	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *file = g_build_filename(path, name, NULL);

		files++;
		g_unlink(file);
	}
	g_dir_close(dir);
	g_rmdir(path);
	return files;
}

static bool write_text(const char *folder, const char *batch, const char *a, const char *b,
		       const char **error)
{
	struct iovec pieces[] = {
		{.iov_base = (char *)a, .iov_len = strlen(a)},
		{.iov_base = (char *)b, .iov_len = strlen(b)},
	};

	return spool_file_write(folder, batch, pieces, G_N_ELEMENTS(pieces), error);
}

static void test_write(void)
{
	g_autofree char *folder = scratch_new();
	g_autofree char *path = g_build_filename(folder, BATCH, NULL);
	g_autofree char *text = NULL;
	const char *error = NULL;
	struct stat st;
	mode_t mask = umask(077);

	g_assert_true(write_text(folder, BATCH, "one\n", "END\n", &error));
	umask(mask);
	g_assert_null(error);
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, "one\nEND\n");
	g_assert_cmpint(g_stat(path, &st), ==, 0);
	/* Readable by the group whatever the umask says. */
	g_assert_cmpint(st.st_mode & 07777, ==, 0640);
	/* The same batch again replaces itself. */
	g_assert_true(write_text(folder, BATCH, "one\n", "END\n", &error));
	g_assert_cmpuint(scratch_free(folder), ==, 1);
}

static void test_no_folder(void)
{
	const char *error = NULL;

	g_assert_false(write_text("/nonexistent/spool", BATCH, "", "", &error));
	g_assert_nonnull(strstr(error, "open: "));
	g_assert_false(write_text("/dev/null", BATCH, "", "", &error));
}

/* A disk that fills up half way, by the file size limit: nothing stays behind. */
static void test_full_disk(void)
{
	g_autofree char *folder = scratch_new();
	g_autofree char *big = g_strnfill(100000, 'x');
	struct rlimit limit, old;
	const char *error = NULL;
	bool ok;

	signal(SIGXFSZ, SIG_IGN);
	g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &old), ==, 0);
	limit = old;
	limit.rlim_cur = 50000;
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
	ok = write_text(folder, BATCH, big, "END\n", &error);
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &old), ==, 0);
	g_assert_false(ok);
	g_assert_nonnull(strstr(error, "write: "));
	g_assert_cmpuint(scratch_free(folder), ==, 0);
}

static void test_rename_fails(void)
{
	g_autofree char *folder = scratch_new();
	g_autofree char *path = g_build_filename(folder, BATCH, NULL);
	const char *error = NULL;

	/* A folder of that name is in the way. */
	g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
	g_assert_false(write_text(folder, BATCH, "one\n", "END\n", &error));
	g_assert_nonnull(strstr(error, "rename: "));
	g_assert_cmpint(g_rmdir(path), ==, 0);
	g_assert_cmpuint(scratch_free(folder), ==, 0);
}

static void test_long_id(void)
{
	g_autofree char *folder = scratch_new();
	g_autofree char *batch = g_strnfill(300, 'a');
	const char *error = NULL;

	g_assert_false(write_text(folder, batch, "one\n", "END\n", &error));
	g_assert_nonnull(error);
	g_assert_cmpuint(scratch_free(folder), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/spool-file/write", test_write);
	g_test_add_func("/spool-file/no-folder", test_no_folder);
	g_test_add_func("/spool-file/full-disk", test_full_disk);
	g_test_add_func("/spool-file/rename-fails", test_rename_fails);
	g_test_add_func("/spool-file/long-id", test_long_id);
	return g_test_run();
}
