#include "limits.h"
#include "push-event.h"

#include <glib.h>
#include <string.h>

/* RFC 5423 section 4's names and ours, in the order of the enum, which is that of bits
 * in databases. */
static const char *const names[PUSH_EVENT_KIND_COUNT] = {
	"FlagsClear",     "FlagsSet",         "MailboxCreate",      "MailboxDelete",
	"MailboxRename",  "MailboxSubscribe", "MailboxUnsubscribe", "MessageAppend",
	"MessageExpunge", "MessageNew",       "MessageRead",        "MessageTrash",
	"DataChange",
};

static void test_names(void)
{
	for (unsigned kind = 0; kind < PUSH_EVENT_KIND_COUNT; kind++) {
		g_autofree char *lower = g_ascii_strdown(names[kind], -1);
		enum push_event_kind parsed;

		g_assert_cmpstr(push_event_kind_name(kind), ==, names[kind]);
		g_assert_true(push_event_kind_parse(lower, &parsed));
		g_assert_cmpint(parsed, ==, kind);
	}
	enum push_event_kind untouched = PUSH_EVENT_MESSAGE_TRASH;
	g_assert_null(push_event_kind_name(PUSH_EVENT_KIND_COUNT));
	g_assert_false(push_event_kind_parse("MessageNews", &untouched));
	g_assert_cmpint(untouched, ==, PUSH_EVENT_MESSAGE_TRASH);
}

static void test_round_trip(void)
{
	struct push_event event = {
		.kind = PUSH_EVENT_MESSAGE_NEW,
		.time_us = 1700000000123456,
		.sequence = 9,
		.user = "alice@example.org",
		.owner = "bob",
		.mailbox = "Entwürfe\twith\nodd\r\001octets",
		.mailbox_id = "0123456789abcdef0123456789abcdef",
		.old_mailbox = "Old",
		.owner_mailbox = "Entwürfe",
		.old_owner_mailbox = "Older",
		.uidvalidity = 4294967295,
		.uids = "1:3,7,4294967295",
		.messages = 5,
		.exists = 12,
		.modseq = 77,
		.flags = "\\Answered $Forwarded",
		.session = "abc",
		.service = "lmtp",
		.hidden = true,
		.filters = "boss today",
		.from_name = "Zoë",
		.from_address = "zoe@example.org",
		.subject = "a=b",
		.date = "2026-11-22T02:30:00Z",
		.message_id = "<1@x>",
		.keywords = "$Chat",
		.preview = "hello",
	};
	struct push_event back;
	struct tabline_buf buf;

	tabline_buf_init(&buf, LIMIT_BATCH_BYTES);
	g_assert_true(push_event_encode(&buf, &event));
	g_assert_cmpint(push_event_decode(buf.data, buf.len - 1, &back), ==, PUSH_EVENT_OK);
	g_assert_cmpint(back.kind, ==, event.kind);
	g_assert_cmpuint(back.time_us, ==, event.time_us);
	g_assert_cmpuint(back.sequence, ==, event.sequence);
	g_assert_cmpuint(back.uidvalidity, ==, event.uidvalidity);
	g_assert_cmpuint(back.messages, ==, event.messages);
	g_assert_cmpuint(back.exists, ==, event.exists);
	g_assert_cmpuint(back.modseq, ==, event.modseq);
	g_assert_cmpstr(back.user, ==, event.user);
	g_assert_cmpstr(back.owner, ==, event.owner);
	g_assert_cmpstr(back.mailbox, ==, event.mailbox);
	g_assert_cmpstr(back.mailbox_id, ==, event.mailbox_id);
	g_assert_cmpstr(back.old_mailbox, ==, event.old_mailbox);
	g_assert_cmpstr(back.owner_mailbox, ==, event.owner_mailbox);
	g_assert_cmpstr(back.old_owner_mailbox, ==, event.old_owner_mailbox);
	g_assert_cmpstr(back.uids, ==, event.uids);
	g_assert_cmpstr(back.flags, ==, event.flags);
	g_assert_cmpstr(back.session, ==, event.session);
	g_assert_cmpstr(back.service, ==, event.service);
	g_assert_true(back.hidden);
	g_assert_cmpstr(back.filters, ==, event.filters);
	g_assert_cmpstr(back.from_name, ==, event.from_name);
	g_assert_cmpstr(back.from_address, ==, event.from_address);
	g_assert_cmpstr(back.subject, ==, event.subject);
	g_assert_cmpstr(back.date, ==, event.date);
	g_assert_cmpstr(back.message_id, ==, event.message_id);
	g_assert_cmpstr(back.keywords, ==, event.keywords);
	g_assert_cmpstr(back.preview, ==, event.preview);
	tabline_buf_free(&buf);
}

/* None matched is not the same as not judged. */
static void test_filters(void)
{
	static const char *const values[] = {NULL, "", "one"};

	for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
		struct push_event event = {.kind = PUSH_EVENT_MESSAGE_NEW,
					   .time_us = 1,
					   .user = "a",
					   .mailbox = "INBOX",
					   .filters = values[i]};
		struct push_event back;
		struct tabline_buf buf;

		tabline_buf_init(&buf, LIMIT_LINE);
		g_assert_true(push_event_encode(&buf, &event));
		g_assert_cmpint(push_event_decode(buf.data, buf.len - 1, &back), ==, PUSH_EVENT_OK);
		g_assert_cmpstr(back.filters, ==, values[i]);
		g_assert_false(back.hidden);
		tabline_buf_free(&buf);
	}
}

/* What a SyncML server hands over, there and back. */
static void test_data_change(void)
{
	struct push_event event = {
		.kind = PUSH_EVENT_DATA_CHANGE,
		.time_us = 1700000000123456,
		.sequence = 9,
		.user = "alice@example.org",
		.device = "IMEI:350000123456789",
		.databases = "contacts calendar",
		.package = "AQID/+8=",
		.package_type = PUSH_EVENT_PACKAGE_SAN,
	};
	struct push_event back;
	struct tabline_buf buf;

	tabline_buf_init(&buf, LIMIT_BATCH_BYTES);
	g_assert_true(push_event_encode(&buf, &event));
	g_assert_cmpint(push_event_decode(buf.data, buf.len - 1, &back), ==, PUSH_EVENT_OK);
	g_assert_cmpint(back.kind, ==, event.kind);
	g_assert_cmpuint(back.time_us, ==, event.time_us);
	g_assert_cmpuint(back.sequence, ==, event.sequence);
	g_assert_cmpstr(back.user, ==, event.user);
	g_assert_null(back.owner);
	g_assert_null(back.mailbox);
	g_assert_cmpstr(back.device, ==, event.device);
	g_assert_cmpstr(back.databases, ==, event.databases);
	g_assert_cmpstr(back.package, ==, event.package);
	g_assert_cmpstr(back.package_type, ==, event.package_type);
	tabline_buf_free(&buf);
}

#define GOOD "EVENT\tname=MessageNew\ttime=1\tuser=a\tmailbox=INBOX"

#define DATA "EVENT\tname=DataChange\ttime=1\tuser=a\tdevice=d\tdatabases=contacts"
#define SAN "\tpackage-type=application/vnd.syncml.ds.notification"

static const struct decode_row {
	const char *name;
	const char *line;
	enum push_event_result result;
} decode_rows[] = {
	{"least", GOOD, PUSH_EVENT_OK},
	{"unknown keys are ignored", GOOD "\tnew-thing=1\tword", PUSH_EVENT_OK},
	{"empty owner is a public mailbox", GOOD "\towner=", PUSH_EVENT_OK},
	{"not an event", "BATCH\t1", PUSH_EVENT_NOT_AN_EVENT},
	{"EVENT as a value", "x=EVENT", PUSH_EVENT_NOT_AN_EVENT},
	{"no name", "EVENT\ttime=1\tuser=a\tmailbox=b", PUSH_EVENT_MISSING_FIELD},
	{"unknown name", "EVENT\tname=Login\ttime=1\tuser=a\tmailbox=b", PUSH_EVENT_UNKNOWN_KIND},
	{"no user", "EVENT\tname=MessageNew\ttime=1\tmailbox=b", PUSH_EVENT_MISSING_FIELD},
	{"empty user", "EVENT\tname=MessageNew\ttime=1\tuser=\tmailbox=b",
	 PUSH_EVENT_MISSING_FIELD},
	{"no mailbox", "EVENT\tname=MessageNew\ttime=1\tuser=a", PUSH_EVENT_MISSING_FIELD},
	{"no time", "EVENT\tname=MessageNew\tuser=a\tmailbox=b", PUSH_EVENT_MISSING_FIELD},
	{"bad time", "EVENT\tname=MessageNew\ttime=1x\tuser=a\tmailbox=b", PUSH_EVENT_BAD_NUMBER},
	{"uidvalidity over 32 bits", GOOD "\tuidvalidity=4294967296", PUSH_EVENT_BAD_NUMBER},
	{"bad uids", GOOD "\tuids=1:", PUSH_EVENT_BAD_UIDS},
	{"bad escape", GOOD "\tsubject=\001q", PUSH_EVENT_BAD_LINE},
	{"data change", DATA SAN "\tpackage=AAAA", PUSH_EVENT_OK},
	{"data change, one pad", DATA SAN "\tpackage=+/8=", PUSH_EVENT_OK},
	{"data change, two pads", DATA SAN "\tpackage=AA==", PUSH_EVENT_OK},
	{"data change, as WBXML", DATA "\tpackage-type=application/vnd.syncml+wbxml\tpackage=AAAA",
	 PUSH_EVENT_OK},
	{"data change, as XML", DATA "\tpackage-type=application/vnd.syncml+xml\tpackage=AAAA",
	 PUSH_EVENT_OK},
	{"data change, mailbox and owner are nothing to it",
	 DATA SAN "\tpackage=AAAA\tmailbox=INBOX\toldmailbox=Old\towner=", PUSH_EVENT_OK},
	{"data change of another type", DATA "\tpackage-type=text/plain\tpackage=AAAA",
	 PUSH_EVENT_BAD_PACKAGE},
	{"data change, three pads", DATA SAN "\tpackage=A===", PUSH_EVENT_BAD_PACKAGE},
	{"data change, no pad", DATA SAN "\tpackage=AAA", PUSH_EVENT_BAD_PACKAGE},
	{"data change, a pad within", DATA SAN "\tpackage=AA=A", PUSH_EVENT_BAD_PACKAGE},
	{"data change, base64url", DATA SAN "\tpackage=-_8=", PUSH_EVENT_BAD_PACKAGE},
	{"data change, empty package", DATA SAN "\tpackage=", PUSH_EVENT_BAD_PACKAGE},
	{"data change without package", DATA SAN, PUSH_EVENT_NO_PACKAGE},
	{"data change without type", DATA "\tpackage=AAAA", PUSH_EVENT_NO_PACKAGE},
	{"data change without device",
	 "EVENT\tname=DataChange\ttime=1\tuser=a\tdatabases=x\tpackage=AAAA" SAN,
	 PUSH_EVENT_NO_PACKAGE},
	{"data change of no device",
	 "EVENT\tname=DataChange\ttime=1\tuser=a\tdevice=\tdatabases=x\tpackage=AAAA" SAN,
	 PUSH_EVENT_NO_PACKAGE},
	{"data change without databases",
	 "EVENT\tname=DataChange\ttime=1\tuser=a\tdevice=d\tpackage=AAAA" SAN,
	 PUSH_EVENT_NO_PACKAGE},
	{"GUID too long", GOOD "\tmailboxid=0123456789abcdef0123456789abcdef0",
	 PUSH_EVENT_TOO_LONG},
};

static void test_decode(gconstpointer data)
{
	const struct decode_row *row = data;
	g_autofree char *line = g_strdup(row->line);
	struct push_event event = {.user = "untouched"};

	g_assert_cmpint(push_event_decode(line, strlen(line), &event), ==, row->result);
	if (row->result != PUSH_EVENT_OK) {
		g_assert_cmpstr(event.user, ==, "untouched");
	} else if (event.kind == PUSH_EVENT_DATA_CHANGE) {
		g_assert_null(event.mailbox);
		g_assert_null(event.old_mailbox);
		g_assert_null(event.owner);
	}
}

static const struct {
	const char *uids;
	bool valid;
} uid_rows[] = {
	{"1", true},           {"1,2,3", true}, {"1:2", true},   {"1:2,9:11,20", true},
	{"4294967295", true},  {"", false},     {"0", false},    {"01", false},
	{"1,", false},         {",1", false},   {"1::2", false}, {"1:2:3", false},
	{"1:", false},         {":1", false},   {"*", false},    {"1:*", false},
	{"4294967296", false}, {"1 2", false},  {"-1", false},
};

static void test_uids(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(uid_rows); i++) {
		g_test_message("uids '%s'", uid_rows[i].uids);
		g_assert_cmpint(push_event_uids_valid(uid_rows[i].uids), ==, uid_rows[i].valid);
	}
}

/* Each text field: its limit fits, one byte more does not. */
static void test_limits(void)
{
	static const struct {
		const char *key;
		size_t max;
	} rows[] = {
		{"user", LIMIT_USER},
		{"owner", LIMIT_USER},
		{"mailbox", LIMIT_MAILBOX},
		{"subject", LIMIT_HEADER_TEXT},
		{"preview", LIMIT_PREVIEW},
		{"filters", LIMIT_FILTER_NAMES},
		{"ownermailbox", LIMIT_MAILBOX},
		{"oldownermailbox", LIMIT_MAILBOX},
		{"device", LIMIT_DEVICE_ID},
		{"databases", LIMIT_SYNC_DATABASES},
		{"package", LIMIT_SYNC_PACKAGE_BASE64},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		for (size_t over = 0; over <= 1; over++) {
			g_autofree char *text = g_strnfill(rows[i].max + over, 'x');
			/* First occurrence counts, so the row's field goes first. */
			g_autofree char *line = g_strdup_printf(
				"EVENT\t%s=%s\tname=MessageNew\ttime=1\tuser=a\tmailbox=b",
				rows[i].key, text);
			struct push_event event;

			g_test_message("%s of %zu", rows[i].key, rows[i].max + over);
			g_assert_cmpint(push_event_decode(line, strlen(line), &event), ==,
					over ? PUSH_EVENT_TOO_LONG : PUSH_EVENT_OK);
		}
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/push-event/names", test_names);
	g_test_add_func("/push-event/round-trip", test_round_trip);
	g_test_add_func("/push-event/filters", test_filters);
	g_test_add_func("/push-event/data-change", test_data_change);
	for (size_t i = 0; i < G_N_ELEMENTS(decode_rows); i++) {
		g_autofree char *path =
			g_strdup_printf("/push-event/decode/%s", decode_rows[i].name);
		g_test_add_data_func(path, &decode_rows[i], test_decode);
	}
	g_test_add_func("/push-event/uids", test_uids);
	g_test_add_func("/push-event/limits", test_limits);
	return g_test_run();
}
