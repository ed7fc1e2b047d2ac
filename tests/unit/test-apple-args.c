#include "apple-args.h"
#include "arg-tokens.h"

#include <glib.h>
#include <string.h>

#define ACCOUNT "0715A26B-CA09-4730-A419-793000CA982E"
#define TOKEN "2918390218931890821908309283098109381029309829018310983092892829"
#define VERSION "aps-version 2 "
#define REST "aps-account-id " ACCOUNT " aps-device-token " TOKEN " aps-subtopic " SUBTOPIC
#define SUBTOPIC "com.apple.mobilemail"
#define SAID "dialect=apple\taccount=" ACCOUNT "\ttoken=" TOKEN "\tsubtopic=" SUBTOPIC

/* `line`, and what REGISTER says of it; NULL: an error. */
static const struct parse_row {
	const char *name;
	const char *line;
	enum webpush_error error;
	const char *encoded;
} parse_rows[] = {
	{"as the mail app says it", VERSION REST " mailboxes ( INBOX Notes )", WEBPUSH_OK,
	 SAID "\tmailbox=INBOX\tmailbox=Notes"},
	{"everything quoted",
	 "\"aps-version\" \"2\" \"aps-account-id\" \"" ACCOUNT "\" \"aps-device-token\" \"" TOKEN
	 "\" \"aps-subtopic\" \"" SUBTOPIC "\" \"mailboxes\" ( \"INBOX\" \"Notes\" )",
	 WEBPUSH_OK, SAID "\tmailbox=INBOX\tmailbox=Notes"},
	{"another order", "mailboxes ( a ) " REST " aps-version 2", WEBPUSH_OK, SAID "\tmailbox=a"},
	{"keys without regard to case",
	 "APS-Version 2 APS-ACCOUNT-ID " ACCOUNT " Aps-Device-Token " TOKEN
	 " aps-SUBTOPIC " SUBTOPIC " MAILBOXES ( a )",
	 WEBPUSH_OK, SAID "\tmailbox=a"},
	{"no mailbox", VERSION REST " mailboxes ( )", WEBPUSH_OK, SAID},
	{"the same twice", VERSION REST " mailboxes ( a a )", WEBPUSH_OK,
	 SAID "\tmailbox=a\tmailbox=a"},
	{"version 1", "aps-version 1 " REST, WEBPUSH_OK, SAID "\tmailbox=INBOX"},
	{"version 1 with a list", "aps-version 1 " REST " mailboxes ( a b )", WEBPUSH_OK,
	 SAID "\tmailbox=INBOX"},
	{"version 1, said last", "mailboxes ( a b ) " REST " aps-version 1", WEBPUSH_OK,
	 SAID "\tmailbox=INBOX"},
	{"token in capitals",
	 VERSION "aps-account-id " ACCOUNT
		 " aps-device-token ABCDEF0123456789AF aps-subtopic " SUBTOPIC " mailboxes ( )",
	 WEBPUSH_OK,
	 "dialect=apple\taccount=" ACCOUNT "\ttoken=abcdef0123456789af\tsubtopic=" SUBTOPIC},

	{"nothing", "", WEBPUSH_SYNTAX, NULL},
	{"no version", REST " mailboxes ( a )", WEBPUSH_SYNTAX, NULL},
	{"no account",
	 VERSION "aps-device-token " TOKEN " aps-subtopic " SUBTOPIC " mailboxes ( a )",
	 WEBPUSH_SYNTAX, NULL},
	{"no token", VERSION "aps-account-id " ACCOUNT " aps-subtopic " SUBTOPIC " mailboxes ( a )",
	 WEBPUSH_SYNTAX, NULL},
	{"no subtopic",
	 VERSION "aps-account-id " ACCOUNT " aps-device-token " TOKEN " mailboxes ( a )",
	 WEBPUSH_SYNTAX, NULL},
	{"version 2 without mailboxes", VERSION REST, WEBPUSH_SYNTAX, NULL},
	{"version 0", "aps-version 0 " REST " mailboxes ( a )", WEBPUSH_SYNTAX, NULL},
	{"version 3", "aps-version 3 " REST " mailboxes ( a )", WEBPUSH_SYNTAX, NULL},
	{"version 22", "aps-version 22 " REST " mailboxes ( a )", WEBPUSH_SYNTAX, NULL},
	{"version empty", "aps-version \"\" " REST " mailboxes ( a )", WEBPUSH_SYNTAX, NULL},
	{"version NIL", "aps-version NIL " REST " mailboxes ( a )", WEBPUSH_SYNTAX, NULL},
	{"version a list", "aps-version ( 2 ) " REST " mailboxes ( a )", WEBPUSH_SYNTAX, NULL},
	{"a key without its value", REST " mailboxes ( a ) aps-version", WEBPUSH_SYNTAX, NULL},
	{"a value too many", VERSION REST " mailboxes ( a ) b", WEBPUSH_SYNTAX, NULL},
	{"unknown key", VERSION REST " aps-sound loud mailboxes ( a )", WEBPUSH_SYNTAX, NULL},
	{"a key twice", VERSION VERSION REST " mailboxes ( a )", WEBPUSH_SYNTAX, NULL},
	{"mailboxes twice", VERSION REST " mailboxes ( a ) mailboxes ( b )", WEBPUSH_SYNTAX, NULL},
	{"key NIL", "NIL 2 " REST " mailboxes ( a )", WEBPUSH_SYNTAX, NULL},
	{"key a list", "( aps-version 2 ) " REST " mailboxes ( a )", WEBPUSH_SYNTAX, NULL},
	{"mailboxes not in a list", VERSION REST " mailboxes INBOX", WEBPUSH_SYNTAX, NULL},
	{"mailboxes NIL", VERSION REST " mailboxes NIL", WEBPUSH_SYNTAX, NULL},
	{"mailboxes without anything", VERSION REST " mailboxes", WEBPUSH_SYNTAX, NULL},
	{"a mailbox NIL", VERSION REST " mailboxes ( NIL )", WEBPUSH_SYNTAX, NULL},
	{"a list in the list", VERSION REST " mailboxes ( ( a ) )", WEBPUSH_SYNTAX, NULL},
	{"list not closed", VERSION REST " mailboxes ( a", WEBPUSH_SYNTAX, NULL},
	{"account empty",
	 VERSION "aps-account-id \"\" aps-device-token " TOKEN " aps-subtopic " SUBTOPIC
		 " mailboxes ( a )",
	 WEBPUSH_CANNOT, NULL},
	{"account with a colon",
	 VERSION "aps-account-id a:b aps-device-token " TOKEN " aps-subtopic " SUBTOPIC
		 " mailboxes ( a )",
	 WEBPUSH_CANNOT, NULL},
	{"account with a tab",
	 VERSION "aps-account-id a\tb aps-device-token " TOKEN " aps-subtopic " SUBTOPIC
		 " mailboxes ( a )",
	 WEBPUSH_CANNOT, NULL},
	{"token not hexadecimal",
	 VERSION "aps-account-id " ACCOUNT
		 " aps-device-token 0123456789abcdefgh aps-subtopic " SUBTOPIC " mailboxes ( a )",
	 WEBPUSH_CANNOT, NULL},
	{"token of half octets",
	 VERSION "aps-account-id " ACCOUNT
		 " aps-device-token 0123456789abcdef0 aps-subtopic " SUBTOPIC " mailboxes ( a )",
	 WEBPUSH_CANNOT, NULL},
	{"token too short",
	 VERSION "aps-account-id " ACCOUNT " aps-device-token 0123456789abcd aps-subtopic " SUBTOPIC
		 " mailboxes ( a )",
	 WEBPUSH_CANNOT, NULL},
	{"another app",
	 VERSION "aps-account-id " ACCOUNT " aps-device-token " TOKEN
		 " aps-subtopic com.example.mail mailboxes ( a )",
	 WEBPUSH_CANNOT, NULL},
};

static void test_parse(gconstpointer data)
{
	const struct parse_row *row = data;
	struct arg_token tokens[64] = {{0}};
	struct apple_registration reg;
	g_auto(GStrv) words =
		*row->line == '\0' ? g_new0(char *, 1) : g_strsplit(row->line, " ", -1);
	size_t count = tokenise(words, tokens, G_N_ELEMENTS(tokens));
	const char *text = NULL;
	struct tabline_buf buf;

	memset(&reg, 0xa5, sizeof(reg));
	g_assert_cmpint(apple_args_parse(tokens, count, &reg, &text), ==, row->error);
	/* A sentence for the client on failure, untouched else. */
	g_assert_cmpint(row->error == WEBPUSH_OK, ==, text == NULL);
	if (row->error != WEBPUSH_OK) {
		g_assert_cmpuint(reg.mailbox_count, ==, (size_t)0xa5a5a5a5a5a5a5a5);
		return;
	}
	tabline_buf_init(&buf, LIMIT_LINE);
	tabline_word(&buf, "X");
	apple_registration_encode(&buf, &reg);
	g_assert_true(tabline_end(&buf));
	g_autofree char *want = g_strdup_printf("X\t%s\n", row->encoded);
	g_autofree char *got = g_strndup(buf.data, buf.len);
	g_assert_cmpstr(got, ==, want);
	tabline_buf_free(&buf);
}

/* A command with these values; NULL: usual ones. */
static enum webpush_error parse_values(const char *account, const char *token, size_t mailboxes,
				       const char *mailbox)
{
	struct arg_token tokens[WEBPUSH_MAX_TOKENS * 2] = {{0}};
	g_autoptr(GString) line = g_string_new(VERSION "mailboxes ( ");
	struct apple_registration reg;
	const char *text;

	for (size_t i = 0; i < mailboxes; i++)
		g_string_append_printf(line, "%s ", mailbox);
	g_string_append_printf(line,
			       ") aps-account-id %s aps-device-token %s aps-subtopic " SUBTOPIC,
			       account == NULL ? ACCOUNT : account, token == NULL ? TOKEN : token);
	g_auto(GStrv) words = g_strsplit(line->str, " ", -1);
	return apple_args_parse(tokens, tokenise(words, tokens, G_N_ELEMENTS(tokens)), &reg, &text);
}

/* Each ceiling: what reaches it passes, beyond it is a LIMIT. */
static void test_ceilings(void)
{
	g_autofree char *account = g_strnfill(LIMIT_APPLE_ACCOUNT + 1, 'x');
	g_autofree char *token = g_strnfill(LIMIT_APPLE_TOKEN + 2, 'a');
	g_autofree char *name = g_strnfill(LIMIT_FILTER_BYTES / 2 + 1, 'x');
	g_autofree char *longest = g_strnfill(LIMIT_MAILBOX + 1, 'x');
	g_autofree char *topic = g_strnfill(LIMIT_APPLE_TOPIC + 1, 'x');

	g_assert_cmpint(parse_values(account, NULL, 0, ""), ==, WEBPUSH_LIMIT);
	g_assert_cmpint(parse_values(account + 1, NULL, 0, ""), ==, WEBPUSH_OK);
	g_assert_cmpint(parse_values(NULL, token, 0, ""), ==, WEBPUSH_LIMIT);
	g_assert_cmpint(parse_values(NULL, token + 2, 0, ""), ==, WEBPUSH_OK);
	g_assert_cmpint(parse_values(NULL, NULL, APPLE_MAX_MAILBOXES + 1, "x"), ==, WEBPUSH_LIMIT);
	g_assert_cmpint(parse_values(NULL, NULL, APPLE_MAX_MAILBOXES, "x"), ==, WEBPUSH_OK);
	g_assert_cmpint(parse_values(NULL, NULL, 2, name), ==, WEBPUSH_LIMIT);
	g_assert_cmpint(parse_values(NULL, NULL, 2, name + 1), ==, WEBPUSH_OK);
	g_assert_false(apple_mailbox_is_plain(longest));
	g_assert_true(apple_mailbox_is_plain(longest + 1));
	g_assert_false(apple_topic_is_valid(topic));
	g_assert_true(apple_topic_is_valid(topic + 1));
	/* The name of a registration. */
	g_assert_cmpint(strlen("apple::") + LIMIT_APPLE_ACCOUNT + LIMIT_APPLE_TOKEN_MIN, <=,
			LIMIT_DEVICE_ID);
}

static const struct text_row {
	const char *text;
	bool mailbox, topic;
} text_rows[] = {
	{"INBOX", true, true},
	{"", false, false},
	{"Lists/a b", true, false},
	{"Entw\xc3\xbcrfe", true, false},
	{"a\xff", false, false},
	{"a\nb", false, false},
	{"a*", false, false},
	{"*", false, false},
	{"a%b", false, false},
	{"com.apple.mail.XServer.0715A26B-CA09-4730-A419-793000CA982E", true, true},
	{"\"", true, false},
};

static void test_texts(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(text_rows); i++) {
		const struct text_row *row = &text_rows[i];

		g_test_message("%s", row->text);
		g_assert_cmpint(apple_mailbox_is_plain(row->text), ==, row->mailbox);
		g_assert_cmpint(apple_topic_is_valid(row->text), ==, row->topic);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(parse_rows); i++) {
		g_autofree char *path = g_strdup_printf("/apple-args/%s", parse_rows[i].name);

		g_test_add_data_func(path, &parse_rows[i], test_parse);
	}
	g_test_add_func("/apple-args/ceilings", test_ceilings);
	g_test_add_func("/apple-args/texts", test_texts);
	return g_test_run();
}
