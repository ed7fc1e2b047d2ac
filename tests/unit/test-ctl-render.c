#include "ctl-render.h"
#include "ctl-table.h"

#include <string.h>

#define NOW 1700000000

static const struct ctl_style plain = {FALSE, 80, NOW};

static JsonObject *parse(const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonNode) node = json_from_string(text, &error);

	g_assert_no_error(error);
	return json_node_dup_object(node);
}

static GPtrArray *parse_rows(const char *const *texts)
{
	GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)json_object_unref);

	for (; *texts != NULL; texts++)
		g_ptr_array_add(rows, parse(*texts));
	return rows;
}

/* No line is longer than the screen, and none ends in blanks. */
static void assert_fits(const char *text, guint width)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line != NULL; line++) {
		g_assert_cmpuint((guint)g_utf8_strlen(*line, -1), <=, width);
		g_assert_false(g_str_has_suffix(*line, " "));
	}
}

static void test_times(void)
{
	static const struct {
		gint64 then;
		const char *text;
	} rows[] = {
		{0, "-"},
		{NOW, "now"},
		{NOW - 1, "1 s ago"},
		{NOW - 119, "119 s ago"},
		{NOW - 120, "2 min ago"},
		{NOW - 7199, "119 min ago"},
		{NOW - 7200, "2 h ago"},
		{NOW - 2 * 86400, "2 d ago"},
		{NOW - 900 * 86400, "900 d ago"},
		{NOW + 300, "in 5 min"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = ctl_relative_time(NOW, rows[i].then);

		g_assert_cmpstr(text, ==, rows[i].text);
	}
	g_autofree char *negative = ctl_duration(-5);
	g_assert_cmpstr(negative, ==, "0 s");
}

static void test_printable(void)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{"", ""},
		{"plain \xc3\xa9 \xe2\x82\xac", "plain \xc3\xa9 \xe2\x82\xac"},
		{"\033[31mred\a\r\n\t", "?[31mred????"},
		{"a\xc2\x9b"
		 "31m",
		 "a?31m"}, /* C1's CSI */
		{"\xe2\x80\xae"
		 "gpj.exe",
		 "?gpj.exe"}, /* right-to-left override */
		{"\xff\xfe"
		 "a\xe2\x82",
		 "??a??"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *shown = ctl_printable(rows[i].text);

		g_assert_cmpstr(shown, ==, rows[i].shown);
	}
}

static const struct ctl_column columns[] = {
	{"NAME", FALSE, 4}, {"N", TRUE, 0}, {"WHAT", FALSE, 5}, {NULL, FALSE, 0}};

static char *table(guint width, gboolean bold)
{
	struct ctl_table *t = ctl_table_new(columns);
	GString *out = g_string_new(NULL);

	ctl_table_add(t, "a");
	ctl_table_add(t, "1");
	ctl_table_add(t, "short");
	ctl_table_add(t, "a longer name");
	ctl_table_add_take(t, g_strdup("12345"));
	ctl_table_add(t, NULL);
	ctl_table_add(t, "日本語");
	ctl_table_add(t, "");
	ctl_table_add(t, "something of length");
	ctl_table_print(t, out, width, bold);
	return g_string_free(out, FALSE);
}

static void test_table(void)
{
	g_autofree char *wide = table(0, FALSE);
	g_assert_cmpstr(wide, ==,
			"NAME               N  WHAT\n"
			"a                  1  short\n"
			"a longer name  12345  -\n"
			"日本語             -  something of length\n");
	g_autofree char *narrow = table(30, FALSE);
	g_assert_cmpstr(narrow, ==,
			"NAME            N  WHAT\n"
			"a               1  short\n"
			"a longer …  12345  -\n"
			"日本語          -  something …\n");
	assert_fits(narrow, 30);
	/* A wide character that does not fit whole goes, and a blank takes its place. */
	g_autofree char *narrower = table(18, FALSE);
	g_assert_cmpstr(narrower, ==,
			"NAME      N  WHAT\n"
			"a         1  short\n"
			"a l…  12345  -\n"
			"日…       -  some…\n");
	/* Further than columns can be cut nothing is cut. */
	g_autofree char *least = table(1, FALSE);
	g_assert_true(g_str_has_prefix(least, "NAME      N  WHAT\n"));
	g_autofree char *bold = table(0, TRUE);
	g_assert_true(g_str_has_prefix(bold, "\033[1mNAME               N  WHAT\033[0m\na  "));
}

static const char status_json[] =
	"{\"version\":\"0.1.0\",\"config\":\"/etc/fantail/bridge.conf\",\"started\":1699990000,"
	"\"uptime_seconds\":10000,"
	"\"queue\":{\"pending\":12,\"oldest_seconds\":180,\"bytes\":1200000},"
	"\"devices\":{\"active\":120,\"inactive\":3,\"dead\":1,\"locked\":2},"
	"\"intake\":{\"connections\":4,\"spool_files\":2,\"spool_bad_files\":1},\"in_flight\":5,"
	"\"lanes_with_work\":3,\"lanes\":["
	"{\"lane\":\"webpush https://a-push-service-with-a-long-name.region.example.com:443\","
	"\"in_flight\":5,\"held_until\":null},"
	"{\"lane\":\"webhook https://b.example:443\",\"in_flight\":0,\"held_until\":1700000030}],"
	"\"webpush\":{\"enabled\":true,\"contact\":null,"
	"\"vapid_public_key\":\"BMc-DPQzvZw56FBUSpQK\",\"vapid_key_created\":1699000000},"
	"\"webhooks\":[\"ntfy\",\"gotify\"],"
	"\"counters\":{\"events\":{\"FlagsSet\":0,\"MessageNew\":7,\"MessageRead\":2},"
	"\"batches\":{\"socket\":{\"ok\":9,\"bad\":1},\"spool\":{\"ok\":2}},"
	"\"sends\":{\"webpush\":{\"accepted\":7}},\"dropped\":{\"expired\":1}},"
	"\"warnings\":[\"look \\u001b[2Jhere\"],\"new_member\":{\"of\":\"the future\"}}";

static void test_status(void)
{
	g_autoptr(JsonObject) status = parse(status_json);
	g_autoptr(GString) out = g_string_new(NULL);

	g_setenv("TZ", "UTC", TRUE);
	ctl_render_status(out, status, &plain);
	g_assert_cmpstr(
		out->str, ==,
		"fantail-bridge  0.1.0, up 2 h, since 2023-11-14 19:26:40\n"
		"configuration   /etc/fantail/bridge.conf\n"
		"\n"
		"queue           12 waiting, the oldest for 3 min; 1.2\xc2\xa0MB on disk\n"
		"in flight       5\n"
		"devices         120 active, 3 inactive, 1 dead, 2 locked\n"
		"mail socket     4 connections\n"
		"spool           2 files, 1 bad\n"
		"web push        on, VAPID key BMc-DPQz… made 11 d ago\n"
		"webhooks        ntfy, gotify\n"
		"\n"
		"events in       MessageNew 7, MessageRead 2\n"
		"batches         socket: ok 9, bad 1\n"
		"                spool: ok 2\n"
		"pushes          webpush: accepted 7\n"
		"dropped         expired 1\n"
		"\n"
		"LANE                                                      IN FLIGHT  TRIED AGAIN\n"
		"webpush https://a-push-service-with-a-long-name.region.…          5  -\n"
		"webhook https://b.example:443                                     0  in 30 s\n"
		"and 1 more\n"
		"\n"
		"warning: look ?[2Jhere\n");
	assert_fits(out->str, 80);

	/* What an older or a broken bridge says does not stop us. */
	static const char *const odd[] = {
		"{}",
		"{\"queue\":[],\"devices\":null,\"lanes\":[1,null,[]],\"warnings\":[1],"
		"\"webhooks\":{},\"counters\":{\"events\":[],\"batches\":{\"x\":1}},"
		"\"version\":7,\"started\":\"x\",\"webpush\":{\"enabled\":true}}",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(odd); i++) {
		g_autoptr(JsonObject) object = parse(odd[i]);

		g_string_truncate(out, 0);
		ctl_render_status(out, object, &plain);
		g_assert_nonnull(strstr(out->str, "fantail-bridge  -, up 0 s, since -\n"));
	}
}

static void test_sync_status(void)
{
	g_autoptr(JsonObject) status = parse(
		"{\"version\":\"0.1.0\",\"config\":\"/etc/fantail/syncml.conf\",\"started\":"
		"1699990000,\"uptime_seconds\":7200,\"sessions\":3,\"users\":2,\"messages\":1}");
	g_autoptr(JsonObject) odd = parse("{\"sessions\":\"x\",\"started\":[]}");
	g_autoptr(GString) out = g_string_new(NULL);

	g_setenv("TZ", "UTC", TRUE);
	ctl_render_sync_status(out, status);
	g_assert_cmpstr(out->str, ==,
			"fantail-syncml  0.1.0, up 2 h, since 2023-11-14 19:26:40\n"
			"configuration   /etc/fantail/syncml.conf\n"
			"sessions        3 of 2 users\n"
			"in work         1 messages\n");
	g_string_truncate(out, 0);
	ctl_render_sync_status(out, odd);
	g_assert_nonnull(strstr(out->str, "sessions        0 of 0 users\n"));
}

static void test_alerted(void)
{
	static const char *const texts[] = {
		"{\"device\":\"IMEI:1\",\"databases\":\"contacts calendar\",\"alerted\":true,"
		"\"registered\":true,\"why\":null}",
		"{\"device\":\"two\",\"databases\":\"notes\",\"alerted\":true,\"registered\":"
		"false}",
		"{\"device\":\"three\",\"databases\":null,\"alerted\":false,\"why\":\"a rule\"}",
		"{}", NULL};
	g_autoptr(GPtrArray) rows = parse_rows(texts);
	g_autoptr(GString) out = g_string_new(NULL);

	ctl_render_alerted(out, rows, &plain);
	g_assert_cmpstr(
		out->str, ==,
		"DEVICE  DATABASES          ALERTED\n"
		"IMEI:1  contacts calendar  yes, by the bridge\n"
		"two     notes              the bridge has it, and knows no way to the device\n"
		"three   -                  no: a rule\n"
		"-       -                  no: -\n");
}

static void test_queue(void)
{
	static const char *const texts[] = {
		"{\"id\":1,\"user\":\"alice@a-rather-long-domain.example.org\","
		"\"device\":\"0f8fad5b-d9cb-469f-a165-70867728950e\",\"mailbox\":\"INBOX/Lists/"
		"dovecot\","
		"\"events\":[\"FlagsSet\",\"MessageRead\"],\"attempts\":3,\"first\":1699999000,"
		"\"due\":1700000060,\"expires\":1700086400}",
		"{\"id\":2,\"user\":\"bob\",\"device\":null,\"mailbox\":\"INBOX\","
		"\"events\":[\"MessageNew\"],\"attempts\":0,\"first\":1699999999,\"due\":"
		"1699999999}",
		NULL};
	g_autoptr(GPtrArray) rows = parse_rows(texts);
	g_autoptr(GString) out = g_string_new(NULL);

	ctl_render_queue(out, rows, &plain);
	g_assert_cmpstr(
		out->str, ==,
		"   AGE   DUE  TRIES  USER           DEVICE         MAILBOX        EVENTS\n"
		"16 min  60 s      3  alice@a-rath…  0f8fad5b-d9c…  INBOX/Lists/…  FlagsSet Mess…\n"
		"   1 s   now      0  bob            -              INBOX          MessageNew\n");
	assert_fits(out->str, 80);
	g_ptr_array_set_size(rows, 0);
	g_string_truncate(out, 0);
	ctl_render_queue(out, rows, &plain);
	g_assert_cmpstr(out->str, ==, "Nothing is waiting.\n");
}

static void test_held(void)
{
	static const char *const texts[] = {
		"{\"time\":1700000000,\"user\":\"alice\",\"device\":\"apple:0715:0123\","
		"\"headers\":{\"apns-topic\":\"com.apple.mail.XServer.1b2f\"},"
		"\"payload\":\"{\\\"aps\\\":{}}\",\"mailbox\":\"Notes\",\"events\":"
		"[\"FlagsSet\",\"MessageNew\"]}",
		"{\"headers\":[],\"events\":7}", NULL};
	g_autoptr(GPtrArray) rows = parse_rows(texts);
	g_autoptr(GString) out = g_string_new(NULL);
	struct ctl_style wide = {FALSE, 0, NOW};

	g_setenv("TZ", "UTC", TRUE);
	ctl_render_held(out, rows, &wide);
	g_assert_cmpstr(
		out->str, ==,
		"TIME                 USER   DEVICE           MAILBOX  EVENTS               "
		"TOPIC                        PAYLOAD\n"
		"2023-11-14 22:13:20  alice  apple:0715:0123  Notes    FlagsSet MessageNew  "
		"com.apple.mail.XServer.1b2f  {\"aps\":{}}\n"
		"-                    -      -                -        -                    "
		"-                            -\n");
	g_ptr_array_set_size(rows, 0);
	g_string_truncate(out, 0);
	ctl_render_held(out, rows, &wide);
	g_assert_cmpstr(out->str, ==, "No push was held back.\n");
}

/* What a device hears of, in each kind's words. */
static void test_device_filters(void)
{
	static const struct {
		const char *row, *filters;
	} rows[] = {
		{"{\"kind\":\"webpush\",\"events\":[\"MessageNew\"],\"mailboxes\":null,"
		 "\"msgtype\":\"all\"}",
		 "MessageNew"},
		{"{\"kind\":\"webpush\",\"events\":[\"MessageNew\"],\"mailboxes\":[\"INBOX\"],"
		 "\"msgtype\":\"chat\"}",
		 "MessageNew in INBOX, chat only"},
		{"{\"kind\":\"apple\",\"events\":[1,2,3,4,5,6,7,8,9,10,11,12],\"mailboxes\":"
		 "[\"INBOX\",\"Notes\"],\"msgtype\":\"all\"}",
		 "all in INBOX, Notes"},
		{"{\"kind\":\"sms\",\"events\":[\"DataChange\"],\"mailboxes\":null}", "DataChange"},
		{"{\"kind\":\"pimap\",\"events\":[\"MessageNew\"],\"filters\":[]}", "-"},
		{"{\"kind\":\"pimap\",\"events\":[\"MessageNew\"],\"filters\":[\"a\",\"b in c\"]}",
		 "a, b in c"},
		{"{\"kind\":\"webhook\",\"events\":[]}", "nothing"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const char *const texts[] = {rows[i].row, NULL};
		g_autoptr(GPtrArray) list = parse_rows(texts);
		g_autoptr(GString) out = g_string_new(NULL);
		g_autofree char *cell = g_strdup_printf("  %s  ", rows[i].filters);
		struct ctl_style wide = {FALSE, 0, NOW};

		ctl_render_devices(out, list, &wide);
		g_test_message("%s", out->str);
		g_assert_nonnull(strstr(out->str, cell));
	}
}

static void test_devices(void)
{
	static const char *const texts[] = {
		"{\"user\":\"alice@example.org\",\"device\":\"0f8fad5b-d9cb-469f-a165-"
		"70867728950e\","
		"\"gateway\":\"webpush\",\"state\":\"active\",\"last_ok\":1699999880,"
		"\"endpoint\":\"https://updates.push.services.mozilla.com/wpush/v2…\"}",
		"{\"user\":\"\",\"device\":\"ntfy\",\"kind\":\"webhook\",\"state\":\"active\","
		"\"last_ok\":null,\"endpoint\":\"ntfy\"}",
		"{\"user\":\"bob\",\"device\":\"P1\",\"kind\":\"pimap\",\"gateway\":\"sms\","
		"\"state\":\"active\",\"last_ok\":1699999880,\"endpoint\":\"sms:+1\","
		"\"filters\":[\"today\",\"JOHN in INBOX\"],\"last_outcome\":\"202\","
		"\"expires\":1700864000}",
		NULL};
	g_autoptr(GPtrArray) rows = parse_rows(texts);
	g_autoptr(GString) out = g_string_new(NULL);

	ctl_render_devices(out, rows, &plain);
	g_assert_cmpstr(
		out->str, ==,
		"USER               DEVICE                                STATE   KIND      "
		"FILTERS  LAST PUSH  LAST AN…  EXPIRES\n"
		"alice@example.org  0f8fad5b-d9cb-469f-a165-70867728950e  active  webpush…  "
		"-        2 min ago  -         -\n"
		"-                  ntfy                                  active  webhook   "
		"-        -          -         -\n"
		"bob                P1                                    active  pimap     "
		"today,…  2 min ago  202       in 10 d\n");
	g_string_truncate(out, 0);
	struct ctl_style wide = {FALSE, 0, NOW};
	ctl_render_devices(out, rows, &wide);
	g_assert_nonnull(strstr(out->str, "  webpush updates.push.services.mozilla.com  -  "));
	g_ptr_array_set_size(rows, 0);
	g_string_truncate(out, 0);
	ctl_render_devices(out, rows, &plain);
	g_assert_cmpstr(out->str, ==, "No devices.\n");
}

static void test_device(void)
{
	g_autoptr(JsonObject) device = parse(
		"{\"user\":\"alice\",\"device\":\"phone\",\"gateway\":\"webpush\","
		"\"state\":\"inactive\",\"dialect\":\"coi\",\"endpoint\":\"https://p.example/x\","
		"\"events\":[\"MessageNew\"],\"mailboxes\":[\"INBOX\",\"Lists/*\"],"
		"\"content\":true,\"msgtype\":\"chat\",\"label\":\"My \\u001bphone\","
		"\"client\":null,\"vapid_key\":\"current\",\"created\":1699999880,"
		"\"confirm_by\":1700000180,\"confirmed\":null,\"last_ok\":null,"
		"\"dead_at\":null,\"last_outcome\":null,"
		"\"lane\":\"webpush https://p.example:443\"}");
	g_autoptr(GString) out = g_string_new(NULL);

	g_setenv("TZ", "UTC", TRUE);
	ctl_render_device(out, device, &plain);
	g_assert_cmpstr(out->str, ==,
			"user            alice\n"
			"device          phone\n"
			"label           My ?phone\n"
			"state           inactive\n"
			"gateway         webpush\n"
			"dialect         coi\n"
			"lane            webpush https://p.example:443\n"
			"endpoint        https://p.example/x\n"
			"VAPID key       current\n"
			"events          MessageNew\n"
			"mailboxes       INBOX, Lists/*\n"
			"messages        chat\n"
			"content         yes\n"
			"created         2023-11-14 22:11:20 (2 min ago)\n"
			"confirmed       -\n"
			"confirm by      2023-11-14 22:16:20 (in 3 min)\n"
			"last push       -\n"
			"last outcome    -\n");
}

static void test_test(void)
{
	static const char *const texts[] = {
		"{\"device\":\"phone\",\"state\":\"active\",\"endpoint\":\"https://p.example/x\","
		"\"outcome\":\"accepted\",\"accepted\":true,\"status\":201,\"detail\":\"201 "
		"Created\","
		"\"milliseconds\":84}",
		"{\"device\":\"old\",\"state\":\"inactive\",\"endpoint\":\"https://q.example/x\","
		"\"outcome\":\"device-gone\",\"accepted\":false,\"status\":410,"
		"\"detail\":\"410: <b>\\n\\u001b[31m\",\"milliseconds\":12}",
		NULL};
	g_autoptr(GPtrArray) rows = parse_rows(texts);
	g_autoptr(GString) out = g_string_new(NULL);
	struct ctl_style color = plain;

	ctl_render_test(out, rows, &plain);
	g_assert_cmpstr(out->str, ==,
			"accepted: phone (https://p.example/x), 84 ms\n"
			"  201 Created\n"
			"device-gone: old (https://q.example/x), 12 ms, not active\n"
			"  410: <b>??[31m\n");
	color.color = TRUE;
	g_string_truncate(out, 0);
	ctl_render_test(out, rows, &color);
	g_assert_true(g_str_has_prefix(out->str, "\033[32maccepted\033[0m: phone"));
	g_assert_nonnull(strstr(out->str, "\n\033[31mdevice-gone\033[0m: old"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/ctl-render/times", test_times);
	g_test_add_func("/ctl-render/printable", test_printable);
	g_test_add_func("/ctl-render/table", test_table);
	g_test_add_func("/ctl-render/status", test_status);
	g_test_add_func("/ctl-render/sync-status", test_sync_status);
	g_test_add_func("/ctl-render/alerted", test_alerted);
	g_test_add_func("/ctl-render/queue", test_queue);
	g_test_add_func("/ctl-render/held", test_held);
	g_test_add_func("/ctl-render/device-filters", test_device_filters);
	g_test_add_func("/ctl-render/devices", test_devices);
	g_test_add_func("/ctl-render/device", test_device);
	g_test_add_func("/ctl-render/test", test_test);
	return g_test_run();
}
