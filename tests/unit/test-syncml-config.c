#include "syncml-config.h"

#include <string.h>

static struct syncml_config *parse(const char *text, GError **error)
{
	return syncml_config_parse(text, strlen(text), "f", error);
}

static void test_errors(void)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{"[synclm]\n", "f:1: [synclm]: no such section; did you mean [syncml]?"},
		{"[syncml]\n\nlissten = x\n", "f:3: [syncml] lissten: no such key; did you mean "
					      "'listen'?"},
		{"[syncml]\nlisten = 192.0.2.1:80\n",
		 "f:2: [syncml] listen: '192.0.2.1:80' is not a loopback address, and this page "
		 "has "
		 "no password; write 127.0.0.1:PORT, [::1]:PORT or unix:/PATH, and a proxy in "
		 "front "
		 "for others"},
		{"[syncml]\nlisten = none\n",
		 "f:2: [syncml] listen: is none; write 127.0.0.1:PORT, "
		 "[::1]:PORT or unix:/PATH"},
		{"[syncml]\npath = sync\n",
		 "f:2: [syncml] path: 'sync' is no path of a URL; write as /sync"},
		{"[syncml]\npublic-url = https://x/sync\n",
		 "f:2: [syncml] public-url: 'https://x/sync' is no origin; write as "
		 "https://sync.example.org"},
		{"[syncml]\ntrusted-proxies = 127.0.0.1;proxy\n",
		 "f:2: [syncml] trusted-proxies: 'proxy' is neither an address nor a range; write "
		 "as 127.0.0.1 or 10.1.0.0/16"},
		{"[syncml]\nzone = Nowhere/Else\n", "f:2: [syncml] zone: no time zone "
						    "'Nowhere/Else'; write as Europe/Berlin"},
		{"[syncml]\nserver-id = a b\n", "f:2: [syncml] server-id: 'a b' has other than "
						"letters, digits, '-', '_' and '.'"},
		{"[login]\nauth-socket = none\n", "f:2: [login] auth-socket: is none, and so is "
						  "password-file; nobody could log in"},
		{"[login]\nbasic = no\nmd5 = no\nmac = no\n",
		 "f:2: [login] basic: is no, and so are md5 and mac; allow one of them"},
		{"[limits]\nmessage-size = 1K\n",
		 "f:2: [limits] message-size: 1K is out of range; write 3000 to 1048576 bytes"},
		{"[alerts]\nrepeats = 1s;2s;3s;4s;5s;6s;7s;8s;9s\n",
		 "f:2: [alerts] repeats: more than 8; leave some out"},
		{"[sync]\nconflict = me\n", "f:2: [sync] conflict: nobody called 'me'; write "
					    "server, client or duplicate"},
		{"[syncml]\nlisten = unix:/a\nmetrics = unix:/a\n",
		 "f:3: [syncml] metrics: is where phones are listened to; give it an address of "
		 "its own"},
		{"[keep]\ndeletions = 30d\n",
		 "f:2: [keep] deletions: 30d is out of range; write 31d to 3650d"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(syncml_config_t) config = parse(rows[i].text, &error);

		g_assert_null(config);
		g_assert_cmpstr(error->message, ==, rows[i].message);
	}
}

/* data/syncml.conf has every key, each at its default. */
static void test_example(void)
{
	g_autofree char *path = g_test_build_filename(G_TEST_DIST, "data", "syncml.conf", NULL);
	static const char *const sections[] = {"syncml", "login", "limits",
					       "sync",   "keep",  "alerts"};
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	g_autoptr(GString) active = g_string_new(NULL);
	g_autoptr(syncml_config_t) defaults = parse("", &error);

	g_assert_no_error(error);
	g_file_get_contents(path, &text, NULL, &error);
	g_assert_no_error(error);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line != NULL; line++) {
		if ((*line)[0] == '#' && (*line)[1] != ' ' && (*line)[1] != '\t' && (*line)[1] != 0)
			g_string_append_printf(active, "%s\n", *line + 1);
	}
	for (guint i = 0; i < G_N_ELEMENTS(sections); i++) {
		g_auto(GStrv) names = syncml_config_names(sections[i]);

		for (char **name = names; *name != NULL; name++) {
			g_autofree char *wanted = g_strdup_printf("\n%s = ", *name);

			g_assert_nonnull(strstr(active->str, wanted));
		}
	}
	g_autoptr(syncml_config_t) config = parse(active->str, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(config->listen, ==, defaults->listen);
	g_assert_cmpstr(config->auth_socket, ==, defaults->auth_socket);
	g_assert_cmpstr(config->state_dir, ==, defaults->state_dir);
	g_assert_cmpuint(config->message_size, ==, defaults->message_size);
	g_assert_cmpuint(config->object_size, ==, defaults->object_size);
	g_assert_cmpint(config->session_secs, ==, defaults->session_secs);
	g_assert_cmpint(config->resume_secs, ==, defaults->resume_secs);
	g_assert_cmpuint(config->logins_per_user, ==, defaults->logins_per_user);
	g_assert_cmpuint(config->logins_per_address, ==, defaults->logins_per_address);
	g_assert_cmpuint(config->guard_percent, ==, defaults->guard_percent);
	g_assert_cmpuint(config->guard_items, ==, defaults->guard_items);
	g_assert_cmpint(config->former_anchor, ==, defaults->former_anchor);
	g_assert_null(config->bridge_socket);
	g_assert_cmpint(config->alerts.delay, ==, defaults->alerts.delay);
	g_assert_cmpmem(&config->alerts, sizeof(config->alerts), &defaults->alerts,
			sizeof(defaults->alerts));
	g_assert_null(config->rules);
	g_assert_null(config->public_url);
}

/* What needs a restart is named, and what is in force is said. */
static void test_reload(void)
{
	static const struct {
		const char *was, *is;
		const char *kept; /* names */
	} rows[] = {
		{"", "", ""},
		{"", "[syncml]\npath = /other\nworkers = 9\n[alerts]\nbridge-socket = /b\n", ""},
		{"", "[syncml]\nsocket-mode = 0600\n", "[syncml] socket-mode"},
		{"", "[syncml]\ncontrol-mode = 0660\n", "[syncml] control-mode"},
		{"", "[syncml]\ncontrol-socket = none\n", "[syncml] control-socket"},
		{"[syncml]\ncontrol-socket = none\n", "", "[syncml] control-socket"},
		{"[syncml]\ncontrol-socket = none\n", "[syncml]\ncontrol-socket = none\n", ""},
		{"[syncml]\nlisten = 127.0.0.1:1\n",
		 "[syncml]\nlisten = 127.0.0.1:2\nstate-dir = /other\n",
		 "[syncml] listen, [syncml] state-dir"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(syncml_config_t) was =
			syncml_config_parse(rows[i].was, strlen(rows[i].was), "was", NULL);
		g_autoptr(syncml_config_t) is =
			syncml_config_parse(rows[i].is, strlen(rows[i].is), "is", NULL);
		g_auto(GStrv) kept = syncml_config_keep(was, is);
		g_autofree char *names = g_strjoinv(", ", kept);

		g_test_message("%s -> %s", rows[i].was, rows[i].is);
		g_assert_cmpstr(names, ==, rows[i].kept);
		g_assert_cmpstr(is->listen, ==, was->listen);
		g_assert_cmpuint(is->socket_mode, ==, was->socket_mode);
		g_assert_cmpstr(is->state_dir, ==, was->state_dir);
		g_assert_cmpstr(is->control_socket, ==, was->control_socket);
		g_assert_cmpuint(is->control_mode, ==, was->control_mode);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/syncml-config/errors", test_errors);
	g_test_add_func("/syncml-config/example", test_example);
	g_test_add_func("/syncml-config/reload", test_reload);
	return g_test_run();
}
