#include "limits.h"
#include "wake.h"

#include <glib.h>
#include <string.h>

/* RFC 5465 section 5's names where it has one, in the order of the enum. */
static const char *const names[WAKE_KIND_COUNT] = {
	"MessageNew",           "MessageExpunge",
	"FlagChange",           "MailboxCreate",
	"MailboxDelete",        "MailboxRename",
	"SubscriptionChange",   "MailboxMetadataChange",
	"ServerMetadataChange", "ACL",
};

static void test_kinds(void)
{
	g_autofree char *all = g_strjoin(" ", names[0], names[1], names[2], names[3], names[4],
					 names[5], names[6], names[7], names[8], names[9], NULL);
	char out[WAKE_KINDS_SIZE];

	for (unsigned kind = 0; kind < WAKE_KIND_COUNT; kind++) {
		wake_kinds_format(WAKE_KIND_BIT(kind), out);
		g_assert_cmpstr(out, ==, names[kind]);
		g_assert_cmphex(wake_kinds_parse(names[kind]), ==, WAKE_KIND_BIT(kind));
	}
	wake_kinds_format(WAKE_KINDS_ALL, out);
	g_assert_cmpstr(out, ==, all);
	wake_kinds_format(0, out);
	g_assert_cmpstr(out, ==, "");
}

static const struct {
	const char *text;
	wake_kinds kinds;
} kind_rows[] = {
	{"", 0},
	{" ", 0},
	{"Login", 0},
	{"messagenew", 0},
	{"MessageNews", 0},
	{"MessageNe", 0},
	{"MessageNew MessageNew", WAKE_KIND_BIT(WAKE_MESSAGE_NEW)},
	{"Login MessageNew Logout", WAKE_KIND_BIT(WAKE_MESSAGE_NEW)},
	{"  ACL   FlagChange ", WAKE_KIND_BIT(WAKE_ACL) | WAKE_KIND_BIT(WAKE_FLAG_CHANGE)},
	{"MessageNew,FlagChange", 0},
};

static void test_kinds_parse(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(kind_rows); i++) {
		g_test_message("kinds '%s'", kind_rows[i].text);
		g_assert_cmphex(wake_kinds_parse(kind_rows[i].text), ==, kind_rows[i].kinds);
	}
}

static gboolean decode(char *line, struct wake *wake_r)
{
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	size_t count;

	g_assert_cmpint(tabline_split(line, strlen(line), fields, LIMIT_LINE_FIELDS, &count), ==,
			TABLINE_OK);
	return wake_decode(fields, count, wake_r);
}

static void test_round_trip(void)
{
	struct wake wake = {
		.kinds = WAKE_KIND_BIT(WAKE_MAILBOX_RENAME) | WAKE_KIND_BIT(WAKE_MAILBOX_METADATA),
		.user = "alice@example.org",
		.owner = "bob",
		.mailbox = "Entwürfe=\302\205 \360\237\223\254",
		.old_mailbox = "a=b",
		.separator = "/",
		.mailbox_id = "0123456789abcdef0123456789abcdef",
		.session = "abc",
		.only = "carol",
		.entries = {"/private/comment", "/shared/comment"},
		.entry_count = 2,
	};
	struct wake back;
	struct tabline_buf buf;

	tabline_buf_init(&buf, LIMIT_LINE);
	g_assert_true(wake_encode(&buf, &wake));
	g_assert_cmpint(buf.data[buf.len - 1], ==, '\n');
	buf.data[buf.len - 1] = '\0';
	g_assert_true(decode(buf.data, &back));
	g_assert_cmphex(back.kinds, ==, wake.kinds);
	g_assert_cmpstr(back.user, ==, wake.user);
	g_assert_cmpstr(back.owner, ==, wake.owner);
	g_assert_cmpstr(back.mailbox, ==, wake.mailbox);
	g_assert_cmpstr(back.old_mailbox, ==, wake.old_mailbox);
	g_assert_cmpstr(back.separator, ==, wake.separator);
	g_assert_cmpstr(back.mailbox_id, ==, wake.mailbox_id);
	g_assert_cmpstr(back.session, ==, wake.session);
	g_assert_cmpstr(back.only, ==, wake.only);
	g_assert_cmpuint(back.entry_count, ==, 2);
	g_assert_cmpstr(back.entries[0], ==, wake.entries[0]);
	g_assert_cmpstr(back.entries[1], ==, wake.entries[1]);
	tabline_buf_free(&buf);
}

#define GOOD "WAKE\tkinds=MessageNew\tuser=a\towner=a\tmailbox=INBOX"

static const struct decode_row {
	const char *name;
	const char *line;
	gboolean ok;
} decode_rows[] = {
	{"least", GOOD, TRUE},
	{"unknown keys are ignored", GOOD "\tnew-thing=1\tword", TRUE},
	{"unknown kind beside a known one",
	 "WAKE\tkinds=Login MessageNew\tuser=a\towner=a\tmailbox=b", TRUE},
	{"public mailbox", "WAKE\tkinds=MessageNew\tuser=a\towner=\tmailbox=b", TRUE},
	{"server metadata", "WAKE\tkinds=ServerMetadataChange\tuser=a\towner=a\tmailbox=", TRUE},
	{"rename", "WAKE\tkinds=MailboxRename\tuser=a\towner=a\tmailbox=b\toldmailbox=c", TRUE},
	{"not a wake-up", "EVENT\tkinds=MessageNew\tuser=a\towner=a\tmailbox=b", FALSE},
	{"WAKE as a value", "x=WAKE\tkinds=MessageNew\tuser=a\towner=a\tmailbox=b", FALSE},
	{"no kinds", "WAKE\tuser=a\towner=a\tmailbox=b", FALSE},
	{"empty kinds", "WAKE\tkinds=\tuser=a\towner=a\tmailbox=b", FALSE},
	{"unknown kind only", "WAKE\tkinds=Login\tuser=a\towner=a\tmailbox=b", FALSE},
	{"no user", "WAKE\tkinds=MessageNew\towner=a\tmailbox=b", FALSE},
	{"empty user", "WAKE\tkinds=MessageNew\tuser=\towner=a\tmailbox=b", FALSE},
	{"no owner", "WAKE\tkinds=MessageNew\tuser=a\tmailbox=b", FALSE},
	{"no mailbox", "WAKE\tkinds=MessageNew\tuser=a\towner=a", FALSE},
	{"rename from nowhere", "WAKE\tkinds=MailboxRename\tuser=a\towner=a\tmailbox=b", FALSE},
	{"GUID", GOOD "\tmailboxid=0123456789abcdefABCDEF6789abcdef", TRUE},
	{"GUID too long", GOOD "\tmailboxid=0123456789abcdef0123456789abcdef0", FALSE},
	{"GUID too short", GOOD "\tmailboxid=0123456789abcdef0123456789abcde", FALSE},
	{"GUID of other digits", GOOD "\tmailboxid=0123456789abcdef0123456789abcdeg", FALSE},
	{"empty GUID", GOOD "\tmailboxid=", FALSE},
};

static void test_decode(gconstpointer data)
{
	const struct decode_row *row = data;
	g_autofree char *line = g_strdup(row->line);
	struct wake wake = {.user = "untouched"};

	g_assert_cmpint(decode(line, &wake), ==, row->ok);
	g_assert_cmpstr(wake.user, ==, row->ok ? "a" : "untouched");
}

/* Sessions open what is named here: libdovecot asserts that names are UTF-8, and the log
 * and the client's lines take no controls. */
static const char *const bad_texts[] = {
	"\377",           "a\200", "\303",  "\303(", "\300\257", "\355\240\200", "\364\220\200\200",
	"ok\360\237\223", "\001t", "\001n", "\002",  "\037",     "a\033[1mb",    "\177",
};

static void test_texts(void)
{
	static const char *const keys[] = {"user",    "owner", "mailbox", "oldmailbox",
					   "session", "only",  "entry",   "separator"};

	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
		for (gsize bad = 0; bad < G_N_ELEMENTS(bad_texts); bad++) {
			g_autofree char *line =
				g_strdup_printf("WAKE\t%s=%s\tkinds=MailboxRename\tuser=a\towner=a"
						"\tmailbox=b\toldmailbox=c",
						keys[i], bad_texts[bad]);
			struct wake wake;

			g_test_message("%s, text %zu", keys[i], bad);
			g_assert_false(decode(line, &wake));
		}
	}
}

/* Sixteen entries are said, one more and it is none. */
static void test_entries(void)
{
	g_autoptr(GString) line = g_string_new(GOOD);

	for (guint count = 0; count <= WAKE_MAX_ENTRIES + 1; count++) {
		g_autofree char *copy = g_strdup(line->str);
		struct wake wake;

		g_assert_true(decode(copy, &wake));
		g_assert_cmpuint(wake.entry_count, ==, count <= WAKE_MAX_ENTRIES ? count : 0);
		if (count > 0 && count <= WAKE_MAX_ENTRIES) {
			g_autofree char *last = g_strdup_printf("/shared/%u", count - 1);

			g_assert_cmpstr(wake.entries[count - 1], ==, last);
		}
		g_string_append_printf(line, "\tentry=/shared/%u", count);
	}
}

/* Each text: its limit fits, one byte more does not, in either direction. */
static const struct {
	const char *key;
	size_t offset;
	gsize limit;
} limit_rows[] = {
	{"user", offsetof(struct wake, user), LIMIT_USER},
	{"owner", offsetof(struct wake, owner), LIMIT_USER},
	{"mailbox", offsetof(struct wake, mailbox), LIMIT_MAILBOX},
	{"oldmailbox", offsetof(struct wake, old_mailbox), LIMIT_MAILBOX},
	{"separator", offsetof(struct wake, separator), 1},
	{"mailboxid", offsetof(struct wake, mailbox_id), LIMIT_MAILBOX_ID},
	{"session", offsetof(struct wake, session), LIMIT_SESSION_ID},
	{"only", offsetof(struct wake, only), LIMIT_USER},
	{"entry", offsetof(struct wake, entries), LIMIT_METADATA_ENTRY},
};

static void test_limits(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(limit_rows); i++) {
		for (gsize over = 0; over <= 1; over++) {
			g_autofree char *text = g_strnfill(limit_rows[i].limit + over, 'a');
			/* The first one counts, so it comes before the good ones. */
			g_autofree char *line =
				g_strdup_printf("WAKE\t%s=%s\tkinds=MessageNew\tuser=a\towner=a"
						"\tmailbox=b",
						limit_rows[i].key, text);
			struct wake wake = {.kinds = WAKE_KIND_BIT(WAKE_MESSAGE_NEW),
					    .user = "a",
					    .owner = "a",
					    .mailbox = "b",
					    .entries = {"e"},
					    .entry_count = 1};
			struct tabline_buf buf;

			g_test_message("%s of %zu bytes", limit_rows[i].key, strlen(text));
			*(const char **)(gpointer)((char *)&wake + limit_rows[i].offset) = text;
			tabline_buf_init(&buf, LIMIT_LINE);
			g_assert_cmpint(wake_encode(&buf, &wake), ==, over == 0);
			if (over != 0)
				g_assert_cmpuint(buf.len, ==, 0);
			tabline_buf_free(&buf);
			g_assert_cmpint(decode(line, &wake), ==, over == 0);
		}
	}
}

/* The longest of all. */
static void test_longest(void)
{
	g_autofree char *mailbox = g_strnfill(LIMIT_MAILBOX, 'x');
	g_autofree char *user = g_strnfill(LIMIT_USER, 'x');
	g_autofree char *entry = g_strnfill(LIMIT_METADATA_ENTRY, 'x');
	g_autofree char *session = g_strnfill(LIMIT_SESSION_ID, 'x');
	struct wake wake = {
		.kinds = WAKE_KINDS_ALL,
		.user = user,
		.owner = user,
		.mailbox = mailbox,
		.old_mailbox = mailbox,
		.separator = "/",
		.mailbox_id = "0123456789abcdef0123456789abcdef",
		.session = session,
		.only = user,
		.entry_count = WAKE_MAX_ENTRIES,
	};
	struct tabline_buf buf;

	for (gsize i = 0; i < WAKE_MAX_ENTRIES; i++)
		wake.entries[i] = entry;
	tabline_buf_init(&buf, LIMIT_LINE);
	g_assert_true(wake_encode(&buf, &wake));
	tabline_buf_free(&buf);
}

/* What would not be read is not written. */
static void test_encode_incomplete(void)
{
	struct wake good = {.kinds = WAKE_KINDS_MESSAGE, .user = "a", .owner = "", .mailbox = "b"};
	struct wake bad[7] = {good, good, good, good, good, good, good};
	struct tabline_buf buf;

	bad[0].kinds = 0;
	bad[1].user = NULL;
	bad[2].owner = NULL;
	bad[3].mailbox = NULL;
	bad[4].kinds = WAKE_KIND_BIT(WAKE_MAILBOX_RENAME);
	bad[5].mailbox = "\377";
	bad[6].mailbox_id = "";
	tabline_buf_init(&buf, LIMIT_LINE);
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_assert_false(wake_encode(&buf, &bad[i]));
		g_assert_cmpuint(buf.len, ==, 0);
	}
	g_assert_true(wake_encode(&buf, &good));
	tabline_buf_free(&buf);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/wake/kinds", test_kinds);
	g_test_add_func("/wake/kinds/parse", test_kinds_parse);
	g_test_add_func("/wake/round-trip", test_round_trip);
	for (gsize i = 0; i < G_N_ELEMENTS(decode_rows); i++) {
		g_autofree char *path = g_strdup_printf("/wake/decode/%s", decode_rows[i].name);

		g_test_add_data_func(path, &decode_rows[i], test_decode);
	}
	g_test_add_func("/wake/texts", test_texts);
	g_test_add_func("/wake/entries", test_entries);
	g_test_add_func("/wake/limits", test_limits);
	g_test_add_func("/wake/longest", test_longest);
	g_test_add_func("/wake/encode/incomplete", test_encode_incomplete);
	return g_test_run();
}
