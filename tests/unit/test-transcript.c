#include "transcript.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "limits.h"

#define NOW 1800000000

struct fixture {
	char *dir, *path;
};

static void fixture_init(struct fixture *fixture)
{
	fixture->dir = g_dir_make_tmp("fantail-transcript-XXXXXX", NULL);
	fixture->path = transcript_path(fixture->dir, "pat", "IMEI:1");
}

static void fixture_clear(struct fixture *fixture)
{
	g_autofree char *folder = g_path_get_dirname(fixture->path);

	g_unlink(fixture->path);
	g_rmdir(folder);
	g_rmdir(fixture->dir);
	g_free(fixture->dir);
	g_free(fixture->path);
}

static void on(const struct fixture *fixture, gint64 until, guint64 max_bytes)
{
	g_autoptr(GError) error = NULL;

	transcript_switch_on(fixture->dir, "pat", "IMEI:1", until, max_bytes, &error);
	g_assert_no_error(error);
}

static gboolean add(const struct fixture *fixture, gint64 now, const char *text)
{
	g_autoptr(GError) error = NULL;
	guint64 room;
	int fd = transcript_open(fixture->dir, "pat", "IMEI:1", now, &room);

	if (fd < 0)
		return FALSE;
	g_assert_true(transcript_write(fd, room, text, strlen(text), &error));
	g_assert_no_error(error);
	return TRUE;
}

static char *content(const struct fixture *fixture)
{
	char *text = NULL;

	g_file_get_contents(fixture->path, &text, NULL, NULL);
	return text;
}

static void test_on_and_off(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL, *anew = NULL;
	struct fixture fixture;
	gboolean found;
	GStatBuf st;
	guint64 room;

	fixture_init(&fixture);
	g_assert_false(add(&fixture, NOW, "before"));
	g_assert_true(transcript_switch_off(fixture.dir, "pat", "IMEI:1", NOW, &found, &error));
	g_assert_false(found);
	on(&fixture, NOW + 100, 1000);
	g_assert_cmpint(g_stat(fixture.path, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 07777, ==, 0600);
	g_assert_true(add(&fixture, NOW, "one\n"));
	g_assert_true(add(&fixture, NOW + 99, "two\n"));
	g_assert_false(add(&fixture, NOW + 100, "too late\n"));
	/* Of others nothing. */
	g_assert_cmpint(transcript_open(fixture.dir, "pat", "IMEI:2", NOW, &room), ==, -1);
	g_assert_cmpint(transcript_open(fixture.dir, "max", "IMEI:1", NOW, &room), ==, -1);
	g_assert_true(
		transcript_switch_off(fixture.dir, "pat", "IMEI:1", NOW + 50, &found, &error));
	g_assert_true(found);
	g_assert_false(add(&fixture, NOW + 51, "off\n"));
	text = content(&fixture);
	g_assert_cmpstr(text, ==,
			"fantail transcript 1, until 00000000001800000050, up to "
			"00000000000000001000 bytes\none\ntwo\n");
	on(&fixture, NOW + 200, 1000);
	anew = content(&fixture);
	g_assert_null(strstr(anew, "one"));
	fixture_clear(&fixture);
}

/* What does not fit is cut, and then it is full. */
static void test_size(void)
{
	g_autofree char *text = NULL, *much = g_strnfill(500, 'x');
	struct fixture fixture;

	fixture_init(&fixture);
	on(&fixture, NOW + 100, 200);
	g_assert_true(add(&fixture, NOW, "one\n"));
	g_assert_true(add(&fixture, NOW, much));
	g_assert_false(add(&fixture, NOW, "more"));
	text = content(&fixture);
	g_assert_true(
		g_str_has_suffix(text, "xx\n=== the end: it has as many bytes as it may have\n"));
	g_assert_cmpuint(strlen(text), <, 300);
	fixture_clear(&fixture);
}

/* What somebody put in its place is not written to. */
static void test_not_a_file(void)
{
	g_autofree char *other = NULL, *text = NULL;
	struct fixture fixture;

	fixture_init(&fixture);
	on(&fixture, NOW + 100, 1000);
	other = g_build_filename(fixture.dir, "other", NULL);
	g_assert_cmpint(g_rename(fixture.path, other), ==, 0);
	g_assert_cmpint(symlink(other, fixture.path), ==, 0);
	g_assert_false(add(&fixture, NOW, "one\n"));
	on(&fixture, NOW + 100, 1000);
	g_assert_true(add(&fixture, NOW, "two\n"));
	g_file_get_contents(other, &text, NULL, NULL);
	g_assert_null(strstr(text, "two"));
	g_unlink(other);

	g_assert_true(g_file_set_contents(fixture.path, "rubbish\n", -1, NULL));
	g_assert_false(add(&fixture, NOW, "three\n"));
	fixture_clear(&fixture);
}

static void test_prune(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	transcript_prune(fixture.dir, NOW); /* there is no folder */
	on(&fixture, NOW, 1000);
	transcript_prune(fixture.dir, NOW + LIMIT_TRANSCRIPT_KEEP_SECS);
	g_assert_true(g_file_test(fixture.path, G_FILE_TEST_EXISTS));
	transcript_prune(fixture.dir, NOW + LIMIT_TRANSCRIPT_KEEP_SECS + 1);
	g_assert_false(g_file_test(fixture.path, G_FILE_TEST_EXISTS));
	fixture_clear(&fixture);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/transcript/on-and-off", test_on_and_off);
	g_test_add_func("/transcript/size", test_size);
	g_test_add_func("/transcript/not-a-file", test_not_a_file);
	g_test_add_func("/transcript/prune", test_prune);
	return g_test_run();
}
