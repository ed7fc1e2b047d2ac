/* What hurts is refused with the right status, or taken without harm: nothing else in the store
 * changes, no file is opened, nobody is called. What it costs is measured by bench-bombs; here is
 * only seen that it costs nothing like what it says it is. */
#include "bombs.h"

#define MUCH_KB (64 * 1024)

static void throw(gconstpointer data)
{
	const struct bomb *bomb = data;
	struct bomb_site site;
	struct bomb_result result;
	g_autofree char *before = NULL, *after = NULL;

	bomb_site_init(&site);
	before = bomb_site_dump(&site);
	g_assert_false(bomb_site_touched(&site));
	bomb_throw(&site, bomb, &result);
	after = bomb_site_dump(&site);
	g_test_message("%.1f ms, %zu kB", result.cpu_ms, result.extra_kb);
	g_assert_cmpstr(result.hears, ==, bomb->hears);
	g_assert_false(bomb_site_touched(&site));
	if (bomb->taken)
		g_assert_cmpstr(before, !=, after);
	else
		g_assert_cmpstr(before, ==, after);
	sync_world_assert_sound(&site.world);
#ifndef __SANITIZE_ADDRESS__
	g_assert_cmpuint(result.extra_kb, <, MUCH_KB);
#endif
	bomb_result_clear(&result);
	bomb_site_clear(&site);
}

/* The watch sees what it should. */
static void test_watch(void)
{
	struct bomb_site site;
	g_autofree char *text = NULL;

	bomb_site_init(&site);
	g_assert_false(bomb_site_touched(&site));
	g_assert_true(g_file_get_contents(site.file, &text, NULL, NULL));
	g_assert_true(bomb_site_touched(&site));
	bomb_site_clear(&site);
}

/* A phone whose messages are small takes few statuses with each answer, and has them wait for
 * each command. The server does not keep as many as it likes. */
static void test_statuses(void)
{
	g_autoptr(GString) commands = g_string_new(NULL);
	struct bomb_site site;
	g_autofree char *before = NULL, *after = NULL;
	guint msg = 1, http;

	for (guint i = 1; i <= 5000; i++)
		g_string_append_printf(commands, "<Alert><CmdID>%u</CmdID><Data>100</Data></Alert>",
				       i);
	bomb_site_init(&site);
	before = bomb_site_dump(&site);
	http = bomb_site_say(&site, 3, msg, BOMB_CRED "<Meta><MaxMsgSize>2000</MaxMsgSize></Meta>",
			     commands->str);
	while (http == 200 && msg < 50)
		http = bomb_site_say(&site, 3, ++msg, "", commands->str);
	g_assert_cmpuint(http, ==, 503);
	g_test_message("refused at message %u", msg);
	after = bomb_site_dump(&site);
	g_assert_cmpstr(before, ==, after);
	sync_world_assert_sound(&site.world);
	/* It may begin anew. */
	g_assert_cmpuint(bomb_site_say(&site, 4, 1, BOMB_CRED, ""), ==, 200);
	bomb_site_clear(&site);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_set_nonfatal_assertions();
	g_test_add_func("/syncml-bombs/watch", test_watch);
	g_test_add_func("/syncml-bombs/statuses-nobody-asks-for", test_statuses);
	for (guint i = 0; i < bombs_count; i++) {
		g_autofree char *name = g_strdup_printf("/syncml-bombs/%s", bombs[i].name);

		g_test_add_data_func(name, &bombs[i], throw);
	}
	return g_test_run();
}
