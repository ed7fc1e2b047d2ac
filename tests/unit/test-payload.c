#include "payload.h"

#include "limits.h"

#include <string.h>

#include <json-glib/json-glib.h>

#define K(name) PUSH_EVENT_KIND_BIT(PUSH_EVENT_##name)
#define HEAD "EVENT\tname=MessageNew\ttime=1\tuser=alice\t"
#define CONTENT                                                                                  \
	"from-name=Zo\xc3\xab \"Z\" Doe\tfrom-address=Zoe@Example.ORG\tsubject=Caf\xc3\xa9 \\o/" \
	"\tdate=1994-02-07T21:52:25-08:00\tmessage-id=<B27397@example.org>\tpreview=See you!"

static const struct row {
	const char *name;
	push_event_kinds kinds;
	const char *event;
	gboolean content, minimal;
	const char *gougeon, *coi;
} rows[] = {
	{"new mail", K(MESSAGE_NEW),
	 HEAD "mailbox=INBOX\tuids=42\tuidvalidity=17\tmodseq=99\tmessages=1", FALSE, FALSE,
	 "INBOX STATUS INBOX (UIDNEXT 43 UIDVALIDITY 17 HIGHESTMODSEQ 99)\r\n",
	 "{\"folder\":\"INBOX\",\"uid\":42,\"uidvalidity\":17}"},
	{"number of messages known: EXISTS and its FETCH", K(MESSAGE_NEW),
	 HEAD "mailbox=INBOX\tuids=42\tuidvalidity=17\texists=7", FALSE, FALSE,
	 "INBOX STATUS INBOX (UIDNEXT 43 UIDVALIDITY 17)\r\nINBOX 7 EXISTS\r\n"
	 "INBOX 7 FETCH (UID 42)\r\n",
	 "{\"folder\":\"INBOX\",\"uid\":42,\"uidvalidity\":17}"},
	{"number of messages known, with content", K(MESSAGE_NEW),
	 HEAD "mailbox=New Mail\tuids=42\texists=7\tsubject=hi", TRUE, FALSE,
	 "\"New Mail\" STATUS \"New Mail\" (UIDNEXT 43)\r\n\"New Mail\" 7 EXISTS\r\n"
	 "\"New Mail\" 7 FETCH (UID 42 ENVELOPE (NIL \"hi\" NIL NIL NIL NIL NIL NIL NIL NIL))\r\n",
	 "{\"folder\":\"New Mail\",\"uid\":42,\"subject\":\"hi\"}"},
	{"number of messages known, UIDs not: no EXISTS without a FETCH", K(MESSAGE_NEW),
	 HEAD "mailbox=INBOX\tuidvalidity=17\texists=7", FALSE, FALSE,
	 "INBOX STATUS INBOX (UIDVALIDITY 17)\r\nINBOX SYNC\r\n",
	 "{\"folder\":\"INBOX\",\"uidvalidity\":17}"},
	{"content that was not asked for stays here", K(MESSAGE_NEW),
	 HEAD "mailbox=INBOX\tuids=42\tuidvalidity=17\t" CONTENT, FALSE, FALSE,
	 "INBOX STATUS INBOX (UIDNEXT 43 UIDVALIDITY 17)\r\n",
	 "{\"folder\":\"INBOX\",\"uid\":42,\"uidvalidity\":17}"},
	{"content", K(MESSAGE_NEW), HEAD "mailbox=INBOX\tuids=40:42\tuidvalidity=17\t" CONTENT,
	 TRUE, FALSE,
	 "INBOX STATUS INBOX (UIDNEXT 43 UIDVALIDITY 17)\r\n"
	 "INBOX 42 UIDFETCH (UID 42 ENVELOPE (\"Mon, 07 Feb 1994 21:52:25 -0800\" "
	 "\"Caf\xc3\xa9 \\\\o/\" ((\"Zo\xc3\xab \\\"Z\\\" Doe\" NIL \"Zoe\" \"Example.ORG\")) "
	 "NIL NIL NIL NIL NIL NIL \"<B27397@example.org>\") PREVIEW \"See you!\")\r\n",
	 "{\"folder\":\"INBOX\",\"uid\":42,\"uidvalidity\":17,\"from-email\":\"zoe@example.org\","
	 "\"from-name\":\"Zo\xc3\xab \\\"Z\\\" Doe\",\"subject\":\"Caf\xc3\xa9 \\\\o/\","
	 "\"date\":\"1994-02-07T21:52:25-08:00\",\"msg-id\":\"<B27397@example.org>\","
	 "\"preview\":\"See you!\"}"},
	{"content, minimal", K(MESSAGE_NEW),
	 HEAD "mailbox=INBOX\tuids=40:42\tuidvalidity=17\t" CONTENT, TRUE, TRUE,
	 "INBOX STATUS INBOX (UIDNEXT 43 UIDVALIDITY 17)\r\n",
	 "{\"folder\":\"INBOX\",\"uid\":42,\"uidvalidity\":17}"},
	{"content of which nothing is known", K(MESSAGE_NEW),
	 HEAD "mailbox=INBOX\tuids=5\tuidvalidity=17", TRUE, FALSE,
	 "INBOX STATUS INBOX (UIDNEXT 6 UIDVALIDITY 17)\r\n"
	 "INBOX 5 UIDFETCH (UID 5 ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL))\r\n",
	 "{\"folder\":\"INBOX\",\"uid\":5,\"uidvalidity\":17}"},
	{"address without a domain, no name", K(MESSAGE_NEW),
	 HEAD "mailbox=INBOX\tuids=5\tfrom-address=root\tdate=yesterday", TRUE, FALSE,
	 "INBOX STATUS INBOX (UIDNEXT 6)\r\n"
	 "INBOX 5 UIDFETCH (UID 5 ENVELOPE (NIL NIL ((NIL NIL \"root\" \"\")) NIL NIL NIL NIL NIL "
	 "NIL NIL))\r\n",
	 "{\"folder\":\"INBOX\",\"uid\":5,\"from-email\":\"root\",\"date\":\"yesterday\"}"},
	{"highest of an unsorted set", K(MESSAGE_NEW), HEAD "mailbox=INBOX\tuids=7,90:12,3", FALSE,
	 FALSE, "INBOX STATUS INBOX (UIDNEXT 91)\r\n", "{\"folder\":\"INBOX\",\"uid\":90}"},
	{"last UID there is", K(MESSAGE_NEW),
	 HEAD "mailbox=INBOX\tuids=4294967295\tuidvalidity=4294967295", FALSE, FALSE,
	 "INBOX STATUS INBOX (UIDVALIDITY 4294967295)\r\n",
	 "{\"folder\":\"INBOX\",\"uid\":4294967295,\"uidvalidity\":4294967295}"},
	{"new mail, UIDs not known", K(MESSAGE_NEW), HEAD "mailbox=INBOX\tuidvalidity=17", TRUE,
	 FALSE, "INBOX STATUS INBOX (UIDVALIDITY 17)\r\nINBOX SYNC\r\n",
	 "{\"folder\":\"INBOX\",\"uidvalidity\":17}"},
	{"new mail, nothing known", K(MESSAGE_NEW), HEAD "mailbox=INBOX", FALSE, TRUE,
	 "INBOX SYNC\r\n", "{\"folder\":\"INBOX\"}"},
	{"name with blanks", K(MESSAGE_NEW), HEAD "mailbox=New Messages\tuids=1", FALSE, FALSE,
	 "\"New Messages\" STATUS \"New Messages\" (UIDNEXT 2)\r\n",
	 "{\"folder\":\"New Messages\",\"uid\":1}"},
	{"name with quotes", K(MESSAGE_NEW), HEAD "mailbox=a\"b\\c\tuids=1", FALSE, FALSE,
	 "\"a\\\"b\\\\c\" STATUS \"a\\\"b\\\\c\" (UIDNEXT 2)\r\n",
	 "{\"folder\":\"a\\\"b\\\\c\",\"uid\":1}"},
	{"name in UTF-8", K(MESSAGE_NEW), HEAD "mailbox=Entw\xc3\xbcrfe\tuids=1", FALSE, FALSE,
	 "\"Entw\xc3\xbcrfe\" STATUS \"Entw\xc3\xbcrfe\" (UIDNEXT 2)\r\n",
	 "{\"folder\":\"Entw\xc3\xbcrfe\",\"uid\":1}"},
	{"name not in UTF-8", K(MESSAGE_NEW), HEAD "mailbox=Entw\xfcrfe\tuids=1", FALSE, FALSE,
	 "\"Entw\xef\xbf\xbdrfe\" STATUS \"Entw\xef\xbf\xbdrfe\" (UIDNEXT 2)\r\n", "{\"uid\":1}"},
	{"name with a line feed", K(MESSAGE_NEW), HEAD "mailbox=a\001n^ SYNC\tuids=1", FALSE, FALSE,
	 "\"a ^ SYNC\" STATUS \"a ^ SYNC\" (UIDNEXT 2)\r\n", "{\"folder\":\"a ^ SYNC\",\"uid\":1}"},
	{"name NIL", K(MESSAGE_NEW), HEAD "mailbox=NIL\tuids=1", FALSE, FALSE,
	 "\"NIL\" STATUS \"NIL\" (UIDNEXT 2)\r\n", "{\"folder\":\"NIL\",\"uid\":1}"},
	{"name ^", K(MESSAGE_NEW), HEAD "mailbox=^\tuids=1", FALSE, FALSE,
	 "\"^\" STATUS \"^\" (UIDNEXT 2)\r\n", "{\"folder\":\"^\",\"uid\":1}"},
	{"name of wildcards and brackets", K(MESSAGE_NEW), HEAD "mailbox=(*%{]\tuids=1", FALSE,
	 FALSE, "\"(*%{]\" STATUS \"(*%{]\" (UIDNEXT 2)\r\n", "{\"folder\":\"(*%{]\",\"uid\":1}"},
	{"appended", K(MESSAGE_APPEND),
	 "EVENT\tname=MessageAppend\ttime=1\tuser=a\tmailbox=Sent\tuids=8\tuidvalidity=2", TRUE,
	 FALSE, "Sent STATUS Sent (UIDNEXT 9 UIDVALIDITY 2)\r\n",
	 "{\"folder\":\"Sent\",\"uid\":8,\"uidvalidity\":2,\"events\":[\"MessageAppend\"],"
	 "\"uids\":\"8\"}"},
	{"read", K(MESSAGE_READ),
	 "EVENT\tname=MessageRead\ttime=1\tuser=a\tmailbox=INBOX\tuids=2:3\tuidvalidity=2"
	 "\tmodseq=12",
	 FALSE, FALSE,
	 "INBOX STATUS INBOX (UIDVALIDITY 2 HIGHESTMODSEQ 12)\r\n"
	 "INBOX SYNC FETCH 2:3 +FLAGS (\\Seen)\r\n",
	 "{\"folder\":\"INBOX\",\"uid\":3,\"uidvalidity\":2,\"events\":[\"MessageRead\"],"
	 "\"uids\":\"2:3\"}"},
	{"read, minimal", K(MESSAGE_READ),
	 "EVENT\tname=MessageRead\ttime=1\tuser=a\tmailbox=INBOX\tuids=2:3\tuidvalidity=2", FALSE,
	 TRUE, "INBOX STATUS INBOX (UIDVALIDITY 2)\r\n",
	 "{\"folder\":\"INBOX\",\"uid\":3,\"uidvalidity\":2,\"events\":[\"MessageRead\"]}"},
	{"deleted", K(MESSAGE_TRASH),
	 "EVENT\tname=MessageTrash\ttime=1\tuser=a\tmailbox=INBOX\tuids=2", FALSE, FALSE,
	 "INBOX SYNC FETCH 2 +FLAGS (\\Deleted)\r\n",
	 "{\"folder\":\"INBOX\",\"uid\":2,\"events\":[\"MessageTrash\"],\"uids\":\"2\"}"},
	{"flagged: which flags, only the newest event says", K(FLAGS_SET),
	 "EVENT\tname=FlagsSet\ttime=1\tuser=a\tmailbox=INBOX\tuids=2\tflags=\\Flagged", FALSE,
	 FALSE, "INBOX SYNC FETCH 2\r\n",
	 "{\"folder\":\"INBOX\",\"uid\":2,\"events\":[\"FlagsSet\"],\"uids\":\"2\"}"},
	{"read and deleted: the UIDs are of both", K(MESSAGE_READ) | K(MESSAGE_TRASH),
	 "EVENT\tname=MessageTrash\ttime=1\tuser=a\tmailbox=INBOX\tuids=2:3", FALSE, FALSE,
	 "INBOX SYNC FETCH 2:3\r\n",
	 "{\"folder\":\"INBOX\",\"uid\":3,\"events\":[\"MessageRead\",\"MessageTrash\"],"
	 "\"uids\":\"2:3\"}"},
	{"read, UIDs not known", K(MESSAGE_READ),
	 "EVENT\tname=MessageRead\ttime=1\tuser=a\tmailbox=INBOX", FALSE, FALSE,
	 "INBOX SYNC FETCH\r\n", "{\"folder\":\"INBOX\",\"events\":[\"MessageRead\"]}"},
	{"expunged", K(MESSAGE_EXPUNGE),
	 "EVENT\tname=MessageExpunge\ttime=1\tuser=a\tmailbox=INBOX\tuids=2,9\tmodseq=5", FALSE,
	 FALSE, "INBOX STATUS INBOX (HIGHESTMODSEQ 5)\r\nINBOX VANISHED 2,9\r\n",
	 "{\"folder\":\"INBOX\",\"uid\":9,\"events\":[\"MessageExpunge\"],\"uids\":\"2,9\"}"},
	{"expunged and read: some are gone", K(MESSAGE_EXPUNGE) | K(MESSAGE_READ),
	 "EVENT\tname=MessageExpunge\ttime=1\tuser=a\tmailbox=INBOX\tuids=2,9", FALSE, FALSE,
	 "INBOX SYNC\r\n",
	 "{\"folder\":\"INBOX\",\"uid\":9,\"events\":[\"MessageExpunge\",\"MessageRead\"],"
	 "\"uids\":\"2,9\"}"},
	{"mailbox made and subscribed to", K(MAILBOX_CREATE) | K(MAILBOX_SUBSCRIBE),
	 "EVENT\tname=MailboxSubscribe\ttime=1\tuser=a\tmailbox=Work/New", FALSE, FALSE,
	 "Work/New SYNC LIST\r\nWork/New SYNC LSUB\r\n",
	 "{\"folder\":\"Work/New\",\"events\":[\"MailboxCreate\",\"MailboxSubscribe\"]}"},
	{"mailbox renamed", K(MAILBOX_RENAME),
	 "EVENT\tname=MailboxRename\ttime=1\tuser=a\tmailbox=New\toldmailbox=Old one", FALSE, FALSE,
	 "\"Old one\" SYNC LIST\r\nNew SYNC LIST\r\n",
	 "{\"folder\":\"New\",\"events\":[\"MailboxRename\"]}"},
	{"mailbox unsubscribed from", K(MAILBOX_UNSUBSCRIBE),
	 "EVENT\tname=MailboxUnsubscribe\ttime=1\tuser=a\tmailbox=Old", FALSE, FALSE,
	 "Old SYNC LSUB\r\n", "{\"folder\":\"Old\",\"events\":[\"MailboxUnsubscribe\"]}"},
	{"data change", K(DATA_CHANGE),
	 "EVENT\tname=DataChange\ttime=1\tuser=a\tdevice=phone-1\tdatabases=contacts my\"cal"
	 "\tpackage=AwoAAA==\tpackage-type=application/vnd.syncml.ds.notification",
	 FALSE, FALSE,
	 "^ DATACHANGE (contacts \"my\\\"cal\") application/vnd.syncml.ds.notification "
	 "AwoAAA==\r\n",
	 "{\"events\":[\"DataChange\"],\"databases\":\"contacts my\\\"cal\","
	 "\"package-type\":\"application/vnd.syncml.ds.notification\",\"package\":\"AwoAAA==\"}"},
	{"data change, minimal; content is nothing to it", K(DATA_CHANGE),
	 "EVENT\tname=DataChange\ttime=1\tuser=a\tdevice=phone-1\tdatabases=contacts calendar"
	 "\tpackage=AwoAAA==\tpackage-type=application/vnd.syncml.ds.notification",
	 TRUE, TRUE, "^ DATACHANGE (contacts calendar)\r\n",
	 "{\"events\":[\"DataChange\"],\"databases\":\"contacts calendar\"}"},
	{"data change, whatever the kinds say", K(MESSAGE_NEW) | K(MAILBOX_RENAME),
	 "EVENT\tname=DataChange\ttime=1\tuser=a\tdevice=phone-1\tdatabases=contacts"
	 "\tpackage=AwoAAA==\tpackage-type=application/vnd.syncml+xml",
	 TRUE, FALSE, "^ DATACHANGE (contacts) application/vnd.syncml+xml AwoAAA==\r\n",
	 "{\"events\":[\"DataChange\"],\"databases\":\"contacts\","
	 "\"package-type\":\"application/vnd.syncml+xml\",\"package\":\"AwoAAA==\"}"},
	{"event that cannot be read", K(MESSAGE_NEW), "EVENT\tname=Nonsense", TRUE, FALSE,
	 "^ SYNC\r\n", "{}"},
	{"no event", K(MESSAGE_NEW), NULL, TRUE, FALSE, "^ SYNC\r\n", "{}"},
	{"confirmation", K(MESSAGE_NEW), "CONFIRM\ttoken=Zm9v-_8", TRUE, FALSE,
	 "^ ACKWEBPUSH phone-1 Zm9v-_8\r\n", "{\"validation\":\"Zm9v-_8\"}"},
	{"confirmation, minimal", K(MESSAGE_NEW), "CONFIRM\ttoken=Zm9v-_8", FALSE, TRUE,
	 "^ ACKWEBPUSH phone-1 Zm9v-_8\r\n", "{\"validation\":\"Zm9v-_8\"}"},
};

static char *build(enum device_dialect dialect, const char *event, push_event_kinds kinds,
		   gboolean content, gboolean minimal)
{
	struct device device = {
		.device = (char *)"phone-1", .dialect = dialect, .content = content};
	struct notification notification = {.event = (char *)event, .kinds = kinds};
	g_autoptr(GBytes) payload = payload_build(&device, &notification, minimal);
	gsize len;
	const char *data = g_bytes_get_data(payload, &len);

	g_assert_cmpuint(len, >, 0);
	g_assert_cmpuint(len, <=, LIMIT_PUSH_PLAINTEXT);
	g_assert_true(g_utf8_validate_len(data, len, NULL));
	return g_strndup(data, len);
}

static void test_row(gconstpointer data)
{
	const struct row *row = data;
	g_autofree char *gougeon =
		build(DIALECT_GOUGEON, row->event, row->kinds, row->content, row->minimal);
	g_autofree char *coi =
		build(DIALECT_COI, row->event, row->kinds, row->content, row->minimal);

	g_assert_cmpstr(gougeon, ==, row->gougeon);
	g_assert_cmpstr(coi, ==, row->coi);
}

/* A package for which there is no room, and names for which there is none. */
static void test_large_data_change(void)
{
	g_autofree char *package = g_strnfill(LIMIT_SYNC_PACKAGE_BASE64, 'A');
	g_autofree char *names = g_strnfill(LIMIT_SYNC_DATABASES, '\xff');
	g_autofree char *large = g_strdup_printf(
		"EVENT\tname=DataChange\ttime=1\tuser=a\tdevice=d\tdatabases=contacts\tpackage=%s"
		"\tpackage-type=application/vnd.syncml+xml",
		package);
	g_autofree char *odd = g_strdup_printf(
		"EVENT\tname=DataChange\ttime=1\tuser=a\tdevice=d\tdatabases=%s %s\tpackage=%s"
		"\tpackage-type=application/vnd.syncml+xml",
		names + 513, names + 512, package);
	g_autofree char *lines = build(DIALECT_GOUGEON, large, K(DATA_CHANGE), FALSE, FALSE);
	g_autofree char *json = build(DIALECT_COI, large, K(DATA_CHANGE), FALSE, FALSE);
	g_autofree char *odd_json = build(DIALECT_COI, odd, K(DATA_CHANGE), FALSE, FALSE);

	g_assert_cmpstr(lines, ==, "^ DATACHANGE (contacts)\r\n");
	g_assert_cmpstr(json, ==, "{\"events\":[\"DataChange\"],\"databases\":\"contacts\"}");
	g_assert_cmpstr(odd_json, ==, "{\"events\":[\"DataChange\"]}");
}

static void test_is_confirmation(void)
{
	struct notification notification = {.event = (char *)"CONFIRM\ttoken=x"};

	g_assert_true(payload_is_confirmation(&notification));
	notification.event = (char *)"EVENT\tname=CONFIRM";
	g_assert_false(payload_is_confirmation(&notification));
	notification.event = (char *)"CONFIRMED\ttoken=x";
	g_assert_false(payload_is_confirmation(&notification));
	notification.event = NULL;
	g_assert_false(payload_is_confirmation(&notification));
}

static const char *coi_text(const char *json, const char *member, JsonParser *parser)
{
	JsonObject *object;

	g_assert_true(json_parser_load_from_data(parser, json, -1, NULL));
	object = json_node_get_object(json_parser_get_root(parser));
	return json_object_has_member(object, member)
		       ? json_object_get_string_member(object, member)
		       : NULL;
}

/* 100 bytes and an ellipsis, never a part of a character. */
static void test_coi_cut(void)
{
	static const struct {
		const char *piece;
		guint pieces;
		gsize kept; /* bytes before the ellipsis; 0 = not cut */
	} cuts[] = {
		{"x", 100, 0},
		{"x", 101, 100},
		{"\xc3\xa9", 50, 0},
		{"\xc3\xa9", 51, 100},
		{"\xe2\x82\xac", 33, 0},
		{"\xe2\x82\xac", 34, 99},
		{"\xf0\x9f\x95\x8a", 25, 0},
		{"\xf0\x9f\x95\x8a", 26, 100},
		{"\"", 101, 100},
	};

	for (guint i = 0; i < G_N_ELEMENTS(cuts); i++) {
		g_autoptr(JsonParser) parser = json_parser_new();
		g_autoptr(GString) subject = g_string_new(NULL);
		g_autofree char *event = NULL, *json = NULL, *expected = NULL;
		const char *text;

		for (guint k = 0; k < cuts[i].pieces; k++)
			g_string_append(subject, cuts[i].piece);
		event = g_strdup_printf(HEAD "mailbox=INBOX\tuids=1\tsubject=%s", subject->str);
		json = build(DIALECT_COI, event, K(MESSAGE_NEW), TRUE, FALSE);
		text = coi_text(json, "subject", parser);
		expected = cuts[i].kept == 0
				   ? g_strdup(subject->str)
				   : g_strdup_printf("%.*s…", (int)cuts[i].kept, subject->str);
		g_assert_cmpstr(text, ==, expected);
	}
}

static void test_coi_folder(void)
{
	g_autofree char *fits = g_strnfill(200, 'f'), *not = g_strnfill(201, 'f');
	g_autofree char *event = g_strdup_printf(HEAD "mailbox=%s\tuids=1", fits);
	g_autofree char *too_long = g_strdup_printf(HEAD "mailbox=%s\tuids=1", not );
	g_autofree char *json = build(DIALECT_COI, event, K(MESSAGE_NEW), FALSE, FALSE);
	g_autofree char *without = build(DIALECT_COI, too_long, K(MESSAGE_NEW), FALSE, FALSE);
	g_autoptr(JsonParser) parser = json_parser_new();

	g_assert_cmpstr(coi_text(json, "folder", parser), ==, fits);
	g_assert_cmpstr(without, ==, "{\"uid\":1}");
}

static char *repeat(const char *piece, gsize bytes)
{
	GString *out = g_string_new(NULL);

	while (out->len + strlen(piece) <= bytes)
		g_string_append(out, piece);
	return g_string_free(out, FALSE);
}

/* Everything at its limit, and everything in need of quoting. */
static void test_largest(void)
{
	static const char *const pieces[] = {
		"x", "\"", "\\", "\xc3\xa9", "\xff", "\x7f", "\xf0\x9f\x95\x8a"};

	for (guint i = 0; i < G_N_ELEMENTS(pieces); i++) {
		g_autofree char *text = repeat(pieces[i], LIMIT_HEADER_TEXT);
		g_autofree char *preview = repeat(pieces[i], LIMIT_PREVIEW);
		g_autofree char *event = g_strdup_printf(
			HEAD "mailbox=INBOX\tuids=1\tuidvalidity=1\tfrom-name=%s\tfrom-address=%s"
			     "\tsubject=%s\tmessage-id=%s\tpreview=%s",
			text, text, text, text, preview);
		g_autofree char *gougeon =
			build(DIALECT_GOUGEON, event, K(MESSAGE_NEW), TRUE, FALSE);
		g_autofree char *coi = build(DIALECT_COI, event, K(MESSAGE_NEW), TRUE, FALSE);

		/* not given up, cut down */
		g_assert_true(g_str_has_prefix(gougeon, "INBOX STATUS INBOX (UIDNEXT 2 "
							"UIDVALIDITY 1)\r\nINBOX 1 UIDFETCH (UID 1 "
							"ENVELOPE ("));
		g_assert_true(g_str_has_suffix(gougeon, ")\r\n"));
		g_assert_nonnull(strstr(coi, "\"subject\":"));
	}
}

static void test_preview_goes_first(void)
{
	g_autofree char *quotes = repeat("\"", LIMIT_HEADER_TEXT);
	g_autofree char *text = repeat("x", 900), *preview = repeat("p", LIMIT_PREVIEW);
	g_autofree char *roomy = g_strdup_printf(
		HEAD "mailbox=INBOX\tuids=1\tsubject=%s\tpreview=%s", text, preview);
	g_autofree char *tight = g_strdup_printf(
		HEAD
		"mailbox=INBOX\tuids=1\tsubject=%s\tfrom-name=%s\tfrom-address=%s@x\tpreview=%s",
		quotes, text, text, preview);
	g_autofree char *with = build(DIALECT_GOUGEON, roomy, K(MESSAGE_NEW), TRUE, FALSE);
	g_autofree char *without = build(DIALECT_GOUGEON, tight, K(MESSAGE_NEW), TRUE, FALSE);

	g_assert_nonnull(strstr(with, text));
	g_assert_nonnull(strstr(with, preview));
	g_assert_nonnull(strstr(without, text));
	g_assert_null(strstr(without, "PREVIEW"));
}

/* A name that is cut would be another mailbox's. */
static void test_long_mailbox(void)
{
	static const struct {
		gsize len;
		const char *ends;
	} names[] = {
		{1900, " (UIDNEXT 2)\r\n"}, {3900, " SYNC\r\n"}, {LIMIT_MAILBOX, "^ SYNC\r\n"}};

	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *name = repeat("m", names[i].len);
		g_autofree char *event = g_strdup_printf(HEAD "mailbox=%s\tuids=1", name);
		g_autofree char *text = build(DIALECT_GOUGEON, event, K(MESSAGE_NEW), TRUE, FALSE);

		g_assert_true(g_str_has_suffix(text, names[i].ends));
		g_assert_true(names[i].len == LIMIT_MAILBOX || g_str_has_prefix(text, name));
	}
}

static void test_long_uid_set(void)
{
	g_autoptr(GString) uids = g_string_new("1");
	g_autofree char *event = NULL, *gougeon = NULL, *coi = NULL;

	for (guint i = 3; uids->len < 16000; i += 2)
		g_string_append_printf(uids, ",%u", i);
	event = g_strdup_printf(
		"EVENT\tname=MessageExpunge\ttime=1\tuser=a\tmailbox=INBOX\tmodseq=5"
		"\tuids=%s",
		uids->str);
	gougeon = build(DIALECT_GOUGEON, event, K(MESSAGE_EXPUNGE), FALSE, FALSE);
	g_assert_cmpstr(gougeon, ==, "INBOX STATUS INBOX (HIGHESTMODSEQ 5)\r\nINBOX SYNC\r\n");
	coi = build(DIALECT_COI, event, K(MESSAGE_EXPUNGE), FALSE, FALSE);
	g_assert_true(g_str_has_prefix(coi, "{\"folder\":\"INBOX\",\"uid\":"));
	g_assert_null(strstr(coi, "uids"));
}

/* Any octets in any field: build() checks size and UTF-8. */
static void test_random(void)
{
	for (guint i = 0; i < 3000; i++) {
		static const char *const keys[] = {"mailbox",   "oldmailbox",   "subject",
						   "from-name", "from-address", "message-id",
						   "date",      "preview"};
		g_autoptr(GString) event =
			g_string_new("EVENT\tname=MessageNew\ttime=1\tuser=a\tuids=1");
		g_autofree char *gougeon = NULL, *coi = NULL;
		push_event_kinds kinds = (push_event_kinds)g_test_rand_int() & PUSH_EVENT_KINDS_ALL;

		for (guint k = 0; k < G_N_ELEMENTS(keys); k++) {
			guint len = (guint)g_test_rand_int_range(1, 500);

			g_string_append_printf(event, "\t%s=", keys[k]);
			while (len-- > 0) {
				int octet = g_test_rand_int_range(2, 256);

				g_string_append_c(
					event, octet == '\t' || octet == '\n' ? '"' : (char)octet);
			}
		}
		gougeon = build(DIALECT_GOUGEON, event->str, kinds, TRUE, i % 5 == 0);
		coi = build(DIALECT_COI, event->str, kinds, TRUE, i % 5 == 0);
		/* lines hold together */
		g_assert_true(g_str_has_suffix(gougeon, "\r\n"));
		for (const char *p = gougeon; *p != '\0'; p++)
			g_assert_true((guchar)*p >= ' ' || (p[0] == '\r' && p[1] == '\n') ||
				      (p[0] == '\n' && p[-1] == '\r'));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strdup_printf("/payload/%s", rows[i].name);

		g_test_add_data_func(path, &rows[i], test_row);
	}
	g_test_add_func("/payload/is confirmation", test_is_confirmation);
	g_test_add_func("/payload/large-data-change", test_large_data_change);
	g_test_add_func("/payload/COI cuts", test_coi_cut);
	g_test_add_func("/payload/COI folder", test_coi_folder);
	g_test_add_func("/payload/largest", test_largest);
	g_test_add_func("/payload/preview goes first", test_preview_goes_first);
	g_test_add_func("/payload/long mailbox", test_long_mailbox);
	g_test_add_func("/payload/long UID set", test_long_uid_set);
	g_test_add_func("/payload/random", test_random);
	return g_test_run();
}
