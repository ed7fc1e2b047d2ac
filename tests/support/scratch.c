#include "scratch.h"

#include <glib/gstdio.h>

char *scratch_new(void)
{
	g_autoptr(GError) error = NULL;
	char *path = g_dir_make_tmp("fantail-test-XXXXXX", &error);

	g_assert_no_error(error);
	return path;
}

static void remove_all(const char *path)
{
	g_autoptr(GDir) dir = NULL;
	const char *name;

	if (!g_file_test(path, G_FILE_TEST_IS_SYMLINK))
		dir = g_dir_open(path, 0, NULL);
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *below = g_build_filename(path, name, NULL);

		remove_all(below);
	}
	g_remove(path);
}

void scratch_remove(char *path)
{
	remove_all(path);
	g_free(path);
}
