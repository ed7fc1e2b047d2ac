#include "config-value.h"

#include <string.h>
#include <unistd.h>

#define MS 1000
#define SEC (1000 * MS)

/* One row a text; `message` NULL means it is fine and `value` is what it means. */
struct row {
	const char *text;
	gint64 value;
	const char *message;
};

static void check(const struct row *row, gboolean ok, gint64 value, GError *error)
{
	if (row->message == NULL) {
		g_assert_no_error(error);
		g_assert_true(ok);
		g_assert_cmpint(value, ==, row->value);
	} else {
		g_assert_false(ok);
		g_assert_error(error, CONFIG_VALUE_ERROR, CONFIG_VALUE_ERROR_BAD);
		g_assert_cmpstr(error->message, ==, row->message);
		g_assert_cmpint(value, ==, -7);
		g_error_free(error);
	}
}

static void test_bool(void)
{
	static const struct row rows[] = {
		{"yes", 1, NULL},
		{"true", 1, NULL},
		{"no", 0, NULL},
		{"false", 0, NULL},
		{"on", 0, "'on' is neither yes nor no; write one of these"},
		{"YES", 0, "'YES' is neither yes nor no; write one of these"},
		{"1", 0, "'1' is neither yes nor no; write one of these"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		gboolean value = -7;
		GError *error = NULL;
		gboolean ok = config_value_bool(rows[i].text, &value, &error);

		check(&rows[i], ok, value, error);
	}
}

static void test_uint(void)
{
	static const struct row rows[] = {
		{"5", 5, NULL},
		{"10", 10, NULL},
		{"0010", 10, NULL},
		{"4", 0, "4 is out of range; write 5 to 10"},
		{"11", 0, "11 is out of range; write 5 to 10"},
		{"-5", 0, "'-5' is not a number; write digits only"},
		{"+5", 0, "'+5' is not a number; write digits only"},
		{"7x", 0, "'7x' is not a number; write digits only"},
		{"0x7", 0, "'0x7' is not a number; write digits only"},
		{"18446744073709551616", 0,
		 "'18446744073709551616' is not a number; write digits only"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		guint64 value = (guint64)-7;
		GError *error = NULL;
		gboolean ok = config_value_uint(rows[i].text, 5, 10, &value, &error);

		check(&rows[i], ok, (gint64)value, error);
	}
}

static void test_duration(void)
{
	static const struct row rows[] = {
		{"500ms", 500 * MS, NULL},
		{"30s", 30 * SEC, NULL},
		{"30 s", 30 * SEC, NULL},
		{"5min", 300 * (gint64)SEC, NULL},
		{"1h", 3600 * (gint64)SEC, NULL},
		{"1d", 86400 * (gint64)SEC, NULL},
		{"0", 0, NULL},
		{"0s", 0, NULL},
		{"86401s", 0, "86401s is out of range; write 0 to 1d"},
		{"9223372036854775807d", 0, "9223372036854775807d is out of range; write 0 to 1d"},
		{"30", 0, "'30' has no unit; write as 500ms, 30s, 5min, 1h or 1d"},
		{"5m", 0, "'5m' has an unknown unit; write as 500ms, 30s, 5min, 1h or 1d"},
		{"5 min 3s", 0,
		 "'5 min 3s' has an unknown unit; write as 500ms, 30s, 5min, 1h or 1d"},
		{"30s # why", 0,
		 "'30s # why' has an unknown unit; write as 500ms, 30s, 5min, 1h or 1d"},
		{"-1s", 0, "'-1s' is not a duration; write as 500ms, 30s, 5min, 1h or 1d"},
		{"s", 0, "'s' is not a duration; write as 500ms, 30s, 5min, 1h or 1d"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		gint64 value = -7;
		GError *error = NULL;
		gboolean ok =
			config_value_duration(rows[i].text, 0, 86400 * (gint64)SEC, &value, &error);

		check(&rows[i], ok, value, error);
	}
}

static void test_duration_text(void)
{
	static const struct row rows[] = {
		{"0", 0, NULL},
		{"500ms", 500 * MS, NULL},
		{"1500ms", 1500 * MS, NULL},
		{"90s", 90 * SEC, NULL},
		{"2min", 120 * (gint64)SEC, NULL},
		{"7us", 7, NULL},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = config_value_duration_text(rows[i].value);

		g_assert_cmpstr(text, ==, rows[i].text);
	}
}

static void test_size(void)
{
	static const struct row rows[] = {
		{"1024", 1024, NULL},
		{"64M", 64 << 20, NULL},
		{"64m", 64 << 20, NULL},
		{"1G", 1 << 30, NULL},
		{"1023", 0, "1023 is out of range; write 1024 to 1073741824 bytes"},
		{"2G", 0, "2G is out of range; write 1024 to 1073741824 bytes"},
		{"18446744073709551615T", 0,
		 "18446744073709551615T is out of range; write 1024 to 1073741824 bytes"},
		{"64MB", 0, "'64MB' has an unknown unit; use K, M, G or T"},
		{"64 M", 0, "'64 M' has an unknown unit; use K, M, G or T"},
		{"M", 0, "'M' is not a size; write as 64M or 2G"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		guint64 value = (guint64)-7;
		GError *error = NULL;
		gboolean ok = config_value_size(rows[i].text, 1024, 1 << 30, &value, &error);

		check(&rows[i], ok, (gint64)value, error);
	}
}

static void test_mode(void)
{
	static const struct row rows[] = {
		{"0660", 0660, NULL},
		{"600", 0600, NULL},
		{"0", 0, NULL},
		{"", 0, "'' is not a file mode; write 0000 to 0777"},
		{"1777", 0, "'1777' is not a file mode; write 0000 to 0777"},
		{"0680", 0, "'0680' is not a file mode; write octal as 0660"},
		{"00660", 0, "'00660' is not a file mode; write octal as 0660"},
		{"rw-rw----", 0, "'rw-rw----' is not a file mode; write octal as 0660"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		mode_t value = (mode_t)-7;
		GError *error = NULL;
		gboolean ok = config_value_mode(rows[i].text, &value, &error);

		check(&rows[i], ok, (gint64)(int)value, error);
	}
}

static void test_path(void)
{
	char *path = NULL;
	g_autoptr(GError) error = NULL;

	g_assert_true(config_value_path("/a/b c", &path, NULL));
	g_assert_cmpstr(path, ==, "/a/b c");
	g_clear_pointer(&path, g_free);

	g_assert_false(config_value_path("run/x", &path, &error));
	g_assert_cmpstr(error->message, ==,
			"'run/x' is not absolute; write the whole path from '/'");
	g_clear_error(&error);
	g_assert_false(config_value_path("/run/../x", &path, &error));
	g_assert_cmpstr(error->message, ==, "'/run/../x' has a '..' in it; write the path without");
	g_clear_error(&error);
	g_assert_false(config_value_path("", &path, &error));
	g_assert_cmpstr(error->message, ==, "empty; write a path or remove the line");
	g_clear_error(&error);

	/* A socket's path has 108 octets with its NUL. */
	g_autofree char *fits = g_strnfill(107, 'a');
	fits[0] = '/';
	g_assert_true(config_value_socket_path(fits, &path, NULL));
	g_clear_pointer(&path, g_free);
	g_autofree char *over = g_strconcat(fits, "a", NULL);
	g_assert_false(config_value_socket_path(over, &path, &error));
	g_assert_cmpstr(error->message, ==,
			"108 bytes are too long for a socket; choose a path of at most 107");
	g_assert_null(path);
}

static void test_list(void)
{
	static const struct {
		const char *text;
		const char *joined;
	} rows[] = {
		{"", NULL},
		{" ; ;", NULL},
		{"a", "a"},
		{"a;b", "a|b"},
		{" a ; b; ", "a|b"},
		{"a\\;b;c", "a;b|c"},
		{"a b;c\\d", "a b|c\\d"},
		{"\\", "\\"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(GStrv) items = config_value_list(rows[i].text);
		g_autofree char *joined = items != NULL ? g_strjoinv("|", items) : NULL;

		g_assert_cmpstr(joined, ==, rows[i].joined);
	}
}

static void test_uids(void)
{
	g_autoptr(GArray) uids = g_array_new(FALSE, FALSE, sizeof(uid_t));
	g_autoptr(GError) error = NULL;

	g_assert_true(config_value_uids("", uids, NULL));
	g_assert_cmpuint(uids->len, ==, 0);
	g_assert_true(config_value_uids("root; 5000;4294967294", uids, NULL));
	g_assert_cmpuint(uids->len, ==, 3);
	g_assert_cmpuint(g_array_index(uids, uid_t, 0), ==, 0);
	g_assert_cmpuint(g_array_index(uids, uid_t, 1), ==, 5000);
	g_assert_cmpuint(g_array_index(uids, uid_t, 2), ==, 4294967294);

	g_assert_false(config_value_uids("root;no-such-user-here", uids, &error));
	g_assert_cmpstr(error->message, ==,
			"no such user 'no-such-user-here' here; create it, or correct the name");
	g_clear_error(&error);
	g_assert_false(config_value_uids("root, mail", uids, &error));
	g_assert_cmpstr(error->message, ==,
			"no such user 'root, mail' here (between names of a list goes ';'); create "
			"it, or correct the name");
	g_clear_error(&error);
	g_assert_false(config_value_uids("4294967295", uids, &error));
	g_assert_cmpstr(error->message, ==, "4294967295 is no uid; write a smaller number");
}

static void test_events(void)
{
	static const struct row rows[] = {
		{"MessageNew", PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_NEW), NULL},
		{"messagenew; FlagsSet",
		 PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_NEW) |
			 PUSH_EVENT_KIND_BIT(PUSH_EVENT_FLAGS_SET),
		 NULL},
		{"all", PUSH_EVENT_KINDS_MAIL, NULL},
		{"DataChange;all", PUSH_EVENT_KINDS_ALL, NULL},
		{";", 0, "empty; name events, or remove the line"},
		{"MesageNew", 0, "no event 'MesageNew'; did you mean MessageNew?"},
		{"MessageNew, MessageRead", 0,
		 "no event 'MessageNew, MessageRead' (between names of a list goes ';'); the names "
		 "are in fantail-bridge.conf(5)"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		push_event_kinds value = (push_event_kinds)-7;
		GError *error = NULL;
		gboolean ok = config_value_events(rows[i].text, &value, &error);

		check(&rows[i], ok, (gint64)(gint32)value, error);
	}
}

static void test_local_address(void)
{
	static const char remedy[] = "write 127.0.0.1:PORT, [::1]:PORT or unix:/PATH";
	static const struct {
		const char *text;
		const char *message; /* "%" stands for the remedy */
	} rows[] = {
		{"127.0.0.1:9110", NULL},
		{"127.0.0.53:1", NULL},
		{"[::1]:65535", NULL},
		{"unix:/run/x.sock", NULL},
		{"unix:x.sock", "'x.sock' is not absolute; write the whole path from '/'"},
		{"9110", "'9110' is not an address with a port; %"},
		{"127.0.0.1:0", "'0' is no port; write 1 to 65535"},
		{"127.0.0.1:65536", "'65536' is no port; write 1 to 65535"},
		{"127.0.0.1:", "'' is no port; write 1 to 65535"},
		{":9110", "':9110' is not an IP address; %"},
		{"localhost:9110", "'localhost:9110' is not an IP address; %"},
		{"::1:9110", "'::1:9110' is not an IP address; %"},
		{"[127.0.0.1]:9110", "'[127.0.0.1]:9110' is not an IP address; %"},
		{"0.0.0.0:9110", "'0.0.0.0:9110' is not a loopback address, and this page has no "
				 "password; %, and a proxy in front for others"},
		{"[::]:9110", "'[::]:9110' is not a loopback address, and this page has no "
			      "password; %, and a proxy in front for others"},
		{"192.0.2.1:9110",
		 "'192.0.2.1:9110' is not a loopback address, and this page has no "
		 "password; %, and a proxy in front for others"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *address = NULL;
		g_autoptr(GError) error = NULL;
		gboolean ok = config_value_local_address(rows[i].text, &address, &error);

		if (rows[i].message == NULL) {
			g_assert_no_error(error);
			g_assert_cmpstr(address, ==, rows[i].text);
			continue;
		}
		g_auto(GStrv) parts = g_strsplit(rows[i].message, "%", -1);
		g_autofree char *message = g_strjoinv(remedy, parts);
		g_assert_false(ok);
		g_assert_cmpstr(error->message, ==, message);
	}
}

static void test_secret(void)
{
	static const char remedy[] = "make one with: echo whsec_$(openssl rand -base64 32)";
	static const struct {
		const char *text;
		const char *message; /* "%" stands for the remedy */
	} rows[] = {
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NULL},
		{"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "does not begin with whsec_; %"},
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "is not base64 after whsec_; %"},
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La LaSw", "is not base64 after whsec_; %"},
		{"whsec_MfKQ9r8G=YqrTwjUPD8ILPZIo2LaLaSw", "is not base64 after whsec_; %"},
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La====", "is not base64 after whsec_; %"},
		{"whsec_", "holds 0 octets, not 24 to 64; %"},
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaQ=", "holds 23 octets, not 24 to 64; %"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) secret = NULL;
		g_autoptr(GError) error = NULL;
		gboolean ok = config_value_secret(rows[i].text, &secret, &error);

		if (rows[i].message == NULL) {
			g_assert_no_error(error);
			g_assert_cmpuint(g_bytes_get_size(secret), ==, 24);
			continue;
		}
		g_auto(GStrv) parts = g_strsplit(rows[i].message, "%", -1);
		g_autofree char *message = g_strjoinv(remedy, parts);
		g_assert_false(ok);
		g_assert_null(secret);
		g_assert_cmpstr(error->message, ==, message);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/config-value/bool", test_bool);
	g_test_add_func("/config-value/uint", test_uint);
	g_test_add_func("/config-value/duration", test_duration);
	g_test_add_func("/config-value/duration-text", test_duration_text);
	g_test_add_func("/config-value/size", test_size);
	g_test_add_func("/config-value/mode", test_mode);
	g_test_add_func("/config-value/path", test_path);
	g_test_add_func("/config-value/list", test_list);
	g_test_add_func("/config-value/uids", test_uids);
	g_test_add_func("/config-value/events", test_events);
	g_test_add_func("/config-value/local-address", test_local_address);
	g_test_add_func("/config-value/secret", test_secret);
	return g_test_run();
}
