#include "deliver-script.h"

#include "limits.h"

#include <glib.h>
#include <string.h>

#define MAIL "MAIL FROM:<a@x>\r\n"
#define RCPT "RCPT TO:<b@x>\r\n"
#define HEAD MAIL RCPT "DATA\r\n"
#define SEEN "MAIL FROM:<a@x>|RCPT TO:<b@x>|DATA|"
#define END ".\r\n"
#define SYNTAX WEBPUSH_SYNTAX
#define CANNOT WEBPUSH_CANNOT
#define LIMIT WEBPUSH_LIMIT

/* What came of it: commands with a bar behind, text as it is, URLs in brackets, END. */
static bool on_command(void *context, enum deliver_verb verb, const char *line, const char *address)
{
	g_assert_true((address != NULL) == (verb == DELIVER_MAIL || verb == DELIVER_RCPT));
	g_string_append_printf(context, "%s|", line);
	return true;
}

static bool on_text(void *context, const char *text, size_t size)
{
	g_string_append_len(context, text, (gssize)size);
	return true;
}

static bool on_url(void *context, const char *url)
{
	g_string_append_printf(context, "[%s]", url);
	return true;
}

static bool on_end(void *context)
{
	g_string_append(context, "END|");
	return true;
}

static const struct deliver_receiver receiver = {on_command, on_text, on_url, on_end};

static const struct {
	const char *name;
	const char *script;
	const char *seen; /* NULL: it fails */
	enum webpush_error error;
	unsigned int line;
	const char *text;
} rows[] = {
	{"one message", "EHLO phone\r\n" HEAD "Subject: x\r\n\r\nhello\r\n" END "QUIT\r\n",
	 "EHLO phone|" SEEN "Subject: x\r\n\r\nhello\r\nEND|QUIT|", WEBPUSH_OK, 0, NULL},
	{"two", HEAD "1\r\n" END HEAD "2\r\n" END, SEEN "1\r\nEND|" SEEN "2\r\nEND|", WEBPUSH_OK, 0,
	 NULL},
	{"all others",
	 "HELO x\r\nNOOP\r\nNOOP so be it\r\nRSET\r\nVRFY joe\r\nEXPN list\r\nHELP\r\n"
	 "HELP MAIL\r\nquit  \r\n",
	 "HELO x|NOOP|NOOP so be it|RSET|VRFY joe|EXPN list|HELP|HELP MAIL|quit|", WEBPUSH_OK, 0,
	 NULL},
	{"reset", MAIL "RSET\r\n" MAIL RCPT "RSET\r\n",
	 "MAIL FROM:<a@x>|RSET|MAIL FROM:<a@x>|"
	 "RCPT TO:<b@x>|RSET|",
	 WEBPUSH_OK, 0, NULL},
	{"within a message", MAIL "NOOP\r\n" RCPT "VRFY joe\r\nDATA\r\n" END,
	 "MAIL FROM:<a@x>|NOOP|RCPT TO:<b@x>|VRFY joe|DATA|END|", WEBPUSH_OK, 0, NULL},

	/* addresses and parameters */
	{"spelling", "mail from: <a@x>  body=8bitmime   RET=HDRS\r\nrcpt To:<b@x>\r\n",
	 "MAIL FROM:<a@x> body=8bitmime RET=HDRS|RCPT TO:<b@x>|", WEBPUSH_OK, 0, NULL},
	{"size goes", "MAIL FROM:<a@x> SIZE=100 BODY=7BIT size=1\r\n", "MAIL FROM:<a@x> BODY=7BIT|",
	 WEBPUSH_OK, 0, NULL},
	{"no sender", "MAIL FROM:<>\r\n", "MAIL FROM:<>|", WEBPUSH_OK, 0, NULL},
	{"quoted", "MAIL FROM:<\"a> \\\"<b\"@x>\r\n", "MAIL FROM:<\"a> \\\"<b\"@x>|", WEBPUSH_OK, 0,
	 NULL},
	{"literal domain", "MAIL FROM:<a@[IPv6:::1]>\r\n", "MAIL FROM:<a@[IPv6:::1]>|", WEBPUSH_OK,
	 0, NULL},
	{"extensions",
	 "MAIL FROM:<a@x> ENVID=a+20b BY=120;R MT-PRIORITY=3 HOLDFOR=9\r\n"
	 "RCPT TO:<b@x> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@x\r\n",
	 "MAIL FROM:<a@x> ENVID=a+20b BY=120;R MT-PRIORITY=3 HOLDFOR=9|"
	 "RCPT TO:<b@x> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@x|",
	 WEBPUSH_OK, 0, NULL},
	{"utf8", "MAIL FROM:<\xc3\xb6@x> SMTPUTF8\r\nRCPT TO:<\xc3\xa4@x>\r\n",
	 "MAIL FROM:<\xc3\xb6@x> SMTPUTF8|RCPT TO:<\xc3\xa4@x>|", WEBPUSH_OK, 0, NULL},
	{"utf8 unsaid", "MAIL FROM:<\xc3\xb6@x>\r\n", NULL, SYNTAX, 1, "SMTPUTF8"},
	{"utf8 of the message before",
	 "MAIL FROM:<a@x> SMTPUTF8\r\nRSET\r\n" MAIL "RCPT TO:<\xc3\xa4@x>\r\n", NULL, SYNTAX, 4,
	 "SMTPUTF8"},
	{"route", "MAIL FROM:<@h,@i:a@x>\r\n", NULL, SYNTAX, 1, "address"},
	{"one host's route", "MAIL FROM:<@h:a@x>\r\n", NULL, SYNTAX, 1, "address"},
	{"no brackets", "MAIL FROM:a@x\r\n", NULL, SYNTAX, 1, "address"},
	{"open bracket", "MAIL FROM:<a@x\r\n", NULL, SYNTAX, 1, "address"},
	{"open quote", "MAIL FROM:<\"a@x>\r\n", NULL, SYNTAX, 1, "address"},
	{"quote ends with a backslash", "MAIL FROM:<\"a\\\r\n", NULL, SYNTAX, 1, "address"},
	{"second address", "MAIL FROM:<a@x><b@x>\r\n", NULL, SYNTAX, 1, "address"},
	{"blank in it", "MAIL FROM:<a b@x>\r\n", NULL, SYNTAX, 1, "address"},
	{"nobody", MAIL "RCPT TO:<>\r\n", NULL, SYNTAX, 2, "address"},
	{"from whom", "MAIL <a@x>\r\n", NULL, SYNTAX, 1, "FROM:"},
	{"to whom", MAIL "RCPT FROM:<a@x>\r\n", NULL, SYNTAX, 2, "TO:"},
	{"another's identity", "MAIL FROM:<a@x> AUTH=<root>\r\n", NULL, CANNOT, 1, "parameter"},
	{"trusted identity", "MAIL FROM:<a@x> AUTH=root@x\r\n", NULL, CANNOT, 1, "parameter"},
	{"binary", "MAIL FROM:<a@x> BODY=BINARYMIME\r\n", NULL, CANNOT, 1, "parameter"},
	{"body of nothing", "MAIL FROM:<a@x> BODY\r\n", NULL, CANNOT, 1, "parameter"},
	{"unknown", "MAIL FROM:<a@x> XTRA=1\r\n", NULL, CANNOT, 1, "parameter"},
	{"unknown of RCPT", MAIL "RCPT TO:<b@x> RET=FULL\r\n", NULL, CANNOT, 2, "parameter"},
	{"no value", "MAIL FROM:<a@x> RET=\r\n", NULL, SYNTAX, 1, "parameter"},
	{"two equal signs", "MAIL FROM:<a@x> RET=a=b\r\n", NULL, SYNTAX, 1, "parameter"},

	/* order */
	{"recipient first", RCPT, NULL, SYNTAX, 1, "no sender"},
	{"data first", "DATA\r\n", NULL, SYNTAX, 1, "no recipient"},
	{"data without recipient", MAIL "DATA\r\n", NULL, SYNTAX, 2, "no recipient"},
	{"data after reset", MAIL RCPT "RSET\r\nDATA\r\n", NULL, SYNTAX, 4, "no recipient"},
	{"recipient after data", HEAD END RCPT, NULL, SYNTAX, 5, "no sender"},
	{"two senders", MAIL MAIL, NULL, SYNTAX, 2, "sender"},
	{"greeting within", MAIL "EHLO x\r\n", NULL, SYNTAX, 2, "within"},
	{"after the end", "QUIT\r\nNOOP\r\n", NULL, SYNTAX, 2, "after QUIT"},
	{"message without end", HEAD "text\r\n", NULL, SYNTAX, 5, "no end"},
	{"line without end", "NOOP\r\nNOO", NULL, SYNTAX, 2, "CRLF"},
	{"line with half an end", "NOOP\r", NULL, SYNTAX, 1, "CRLF"},
	{"nothing", "", NULL, SYNTAX, 1, "empty"},

	/* commands that are not to be had */
	{"AUTH", "AUTH PLAIN AGEAYg==\r\n", NULL, CANNOT, 1, "command"},
	{"STARTTLS", "NOOP\r\nSTARTTLS\r\n", NULL, CANNOT, 2, "command"},
	{"BDAT", MAIL RCPT "BDAT 3 LAST\r\nabc", NULL, CANNOT, 3, "command"},
	{"BURL", MAIL RCPT "BURL imap://x LAST\r\n", NULL, CANNOT, 3, "command"},
	{"XCLIENT", "XCLIENT ADDR=1.2.3.4\r\n", NULL, CANNOT, 1, "command"},
	{"ETRN", "ETRN x\r\n", NULL, CANNOT, 1, "command"},
	{"LHLO", "LHLO x\r\n", NULL, CANNOT, 1, "command"},
	{"empty line", "\r\n", NULL, CANNOT, 1, "command"},
	{"blanks before", " NOOP\r\n", NULL, CANNOT, 1, "command"},
	{"argument too many", "RSET now\r\n", NULL, SYNTAX, 1, "no argument"},
	{"argument of DATA", MAIL RCPT "DATA x\r\n", NULL, SYNTAX, 3, "no argument"},
	{"argument too few", "VRFY\r\n", NULL, SYNTAX, 1, "needs"},
	{"control character", "NOOP \x01\r\n", NULL, SYNTAX, 1, "control"},
	{"delete", "NOOP \x7f\r\n", NULL, SYNTAX, 1, "control"},
	{"not ASCII", "VRFY \xc3\xb6\r\n", NULL, SYNTAX, 1, "ASCII"},

	/* dots */
	{"dots", HEAD "..\r\n...\r\n.a\r\na.\r\n . \r\n" END,
	 SEEN ".\r\n..\r\na\r\na.\r\n . \r\nEND|", WEBPUSH_OK, 0, NULL},
	{"empty message", HEAD END, SEEN "END|", WEBPUSH_OK, 0, NULL},
	{"a dot and a blank", HEAD ". \r\n" END, SEEN " \r\nEND|", WEBPUSH_OK, 0, NULL},

	/* what one server takes for the end of a message and another does not */
	{"LF . LF", HEAD "a\n.\nMAIL FROM:<evil@x>\r\n" END, NULL, SYNTAX, 4, "LF without"},
	{"LF . CRLF", HEAD "a\n.\r\n" END, NULL, SYNTAX, 4, "LF without"},
	{"CRLF . LF", HEAD "a\r\n.\nMAIL\r\n" END, NULL, SYNTAX, 5, "LF without"},
	{"CR . CR", HEAD "a\r.\rMAIL\r\n" END, NULL, SYNTAX, 4, "CR without"},
	{"CRLF . CR", HEAD "a\r\n.\rMAIL\r\n" END, NULL, SYNTAX, 5, "CR without"},
	{"CR CR LF", HEAD "a\r\r\n" END, NULL, SYNTAX, 4, "CR without"},
	{"LF in a command", "NOOP\nNOOP\r\n", NULL, SYNTAX, 1, "LF without"},
	{"CR in a command", "NOOP\rNOOP\r\n", NULL, SYNTAX, 1, "CR without"},

	/* URLs */
	{"url", HEAD "Subject: x\r\nURL \"/INBOX/;UID=1\"\r\nmore\r\n" END,
	 SEEN "Subject: x\r\n[/INBOX/;UID=1]\r\nmore\r\nEND|", WEBPUSH_OK, 0, NULL},
	{"two urls", HEAD "URL \"a\"\r\nURL \"b\"\r\n" END, SEEN "[a]\r\n[b]\r\nEND|", WEBPUSH_OK,
	 0, NULL},
	{"meant literally", HEAD ".URL \"a\"\r\n..URL \"a\"\r\n" END,
	 SEEN "URL \"a\"\r\n.URL \"a\"\r\nEND|", WEBPUSH_OK, 0, NULL},
	{"not quite",
	 HEAD "url \"a\"\r\nURL  \"a\"\r\nURL \"a\" \r\n URL \"a\"\r\nURL a\r\n"
	      "URL \"a\r\nURL \"a\"b\"\r\nURL \"\"\r\nURL \"\r\nURL \"a b\"\r\n"
	      "URL: \"a\"\r\nURL \"\xc3\xb6\"\r\n" END,
	 SEEN "url \"a\"\r\nURL  \"a\"\r\nURL \"a\" \r\n URL \"a\"\r\nURL a\r\nURL \"a\r\n"
	      "URL \"a\"b\"\r\nURL \"\"\r\nURL \"\r\nURL \"a b\"\r\nURL: \"a\"\r\n"
	      "URL \"\xc3\xb6\"\r\nEND|",
	 WEBPUSH_OK, 0, NULL},
	{"no message", "URL \"a\"\r\n", NULL, CANNOT, 1, "command"},
};

/* In pieces of `piece` octets. */
static void check_script(const char *name, const char *text, size_t size, size_t piece,
			 const char *seen, enum webpush_error error, unsigned int line,
			 const char *why)
{
	g_autoptr(GString) got = g_string_new(NULL);
	struct deliver_script *script = deliver_script_new(&receiver, got);
	const char *said;
	unsigned int where;
	bool ok;

	for (size_t at = 0; at < size; at += piece)
		(void)deliver_script_feed(script, text + at, MIN(piece, size - at));
	ok = deliver_script_finish(script);
	g_test_message("%s, %zu at a time", name, piece);
	if (seen != NULL) {
		g_assert_cmpstr(got->str, ==, seen);
		g_assert_true(ok);
	} else {
		g_assert_false(ok);
		g_assert_cmpint(deliver_script_error(script, &said, &where), ==, error);
		g_assert_nonnull(strstr(said, why));
		g_assert_cmpuint(where, ==, line);
	}
	deliver_script_free(script);
}

static void test_scripts(void)
{
	static const size_t pieces[] = {1, 2, 7, 100000};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		for (gsize j = 0; j < G_N_ELEMENTS(pieces); j++)
			check_script(rows[i].name, rows[i].script, strlen(rows[i].script),
				     pieces[j], rows[i].seen, rows[i].error, rows[i].line,
				     rows[i].text);
	}
	check_script("NUL", HEAD "a\0b\r\n" END, sizeof(HEAD "a\0b\r\n" END) - 1, 3, NULL, SYNTAX,
		     4, "NUL");
}

/* `count` times `what`, and `rest`. */
static char *repeat(const char *before, const char *what, size_t count, const char *rest)
{
	GString *text = g_string_new(before);

	while (count-- > 0)
		g_string_append(text, what);
	g_string_append(text, rest);
	return g_string_free(text, FALSE);
}

/* Each at the limit, and one past it. */
static void test_limits(void)
{
	static const struct {
		const char *name, *before, *what;
		size_t count;
		const char *rest;
		const char *why;
	} limits[] = {
		{"line", HEAD, "x", LIMIT_DELIVER_LINE, "\r\n" END, "line"},
		{"command", "NOOP ", "x", LIMIT_DELIVER_COMMAND - 5, "\r\n", "command"},
		{"commands", "", "NOOP\r\n", LIMIT_DELIVER_COMMANDS, "", "commands"},
		{"messages", "", HEAD END, LIMIT_DELIVER_MESSAGES, "", "messages"},
		{"recipients", MAIL, RCPT, LIMIT_DELIVER_RECIPIENTS, "DATA\r\n" END, "recipients"},
		{"urls", HEAD, "URL \"x\"\r\n", LIMIT_DELIVER_URLS, END, "URLs"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(limits); i++) {
		for (gsize over = 0; over < 2; over++) {
			g_autofree char *text = repeat(limits[i].before, limits[i].what,
						       limits[i].count + over, limits[i].rest);
			g_autoptr(GString) got = g_string_new(NULL);
			struct deliver_script *script = deliver_script_new(&receiver, got);
			const char *said;
			unsigned int where;

			g_test_message("%s + %zu", limits[i].name, over);
			(void)deliver_script_feed(script, text, strlen(text));
			g_assert_cmpint(deliver_script_finish(script), ==, over == 0);
			if (over > 0) {
				g_assert_cmpint(deliver_script_error(script, &said, &where), ==,
						LIMIT);
				g_assert_nonnull(strstr(said, limits[i].why));
			}
			deliver_script_free(script);
		}
	}
}

/* The longest command is as long when it is spelt anew. */
static void test_long_addresses(void)
{
	g_autofree char *address = g_strnfill(LIMIT_DELIVER_COMMAND - 12 - 9, 'a');
	g_autofree char *text = g_strdup_printf("MAIL FROM:<%s> RET=FULL\r\n", address);
	g_autofree char *seen = g_strdup_printf("MAIL FROM:<%s> RET=FULL|", address);

	g_assert_cmpuint(strlen(text), ==, LIMIT_DELIVER_COMMAND + 2);
	check_script("long", text, strlen(text), 100, seen, WEBPUSH_OK, 0, NULL);
}

static bool refuse_text(void *context G_GNUC_UNUSED, const char *text G_GNUC_UNUSED,
			size_t size G_GNUC_UNUSED)
{
	return false;
}

static bool refuse_url(void *context G_GNUC_UNUSED, const char *url G_GNUC_UNUSED)
{
	return false;
}

/* A receiver that fails hears nothing more. */
static void test_receivers(void)
{
	static const struct deliver_receiver refusing[] = {
		{on_command, refuse_text, on_url, on_end},
		{on_command, on_text, refuse_url, on_end},
	};
	static const char text[] = HEAD "URL \"a\"\r\n" END "NOOP\r\n";

	for (gsize i = 0; i < G_N_ELEMENTS(refusing); i++) {
		g_autoptr(GString) got = g_string_new(NULL);
		struct deliver_script *script = deliver_script_new(&refusing[i], got);
		const char *said;
		unsigned int where;

		g_assert_false(deliver_script_feed(script, text, sizeof(text) - 1));
		g_assert_false(deliver_script_finish(script));
		g_assert_cmpint(deliver_script_error(script, &said, &where), ==, WEBPUSH_OK);
		g_assert_cmpuint(where, ==, 4);
		g_assert_null(strstr(got->str, "NOOP"));
		deliver_script_free(script);
	}
}

static void test_urls(void)
{
	static const struct {
		const char *url, *spelt;
	} urls[] = {
		{"/INBOX/;UID=1", "/INBOX/;UID=1"},
		{"/INBOX;UIDVALIDITY=9/;UID=33/;SECTION=1.2",
		 "/INBOX;UIDVALIDITY=9/;UID=33/;SECTION=1.2"},
		{"/Inbox;UIDVALIDITY=9999/;UID=33;Section=BODY", "/Inbox;UIDVALIDITY=9999/;UID=33"},
		{"/a/;UID=3;SECTION=TEXT", "/a/;UID=3/;SECTION=TEXT"},
		{"/a/;UID=3/;section=body", "/a/;UID=3"},
		{"/a/;UID=3;section=body;partial=0.10", "/a/;UID=3/;partial=0.10"},
		{"/a/;UID=3/;SECTION=BODY/;PARTIAL=5", "/a/;UID=3/;PARTIAL=5"},
		{"/a/;UID=3;SECTION=1;PARTIAL=5.6", "/a/;UID=3/;SECTION=1/;PARTIAL=5.6"},
		{"/a/;UID=3/;SECTION=BODYX", "/a/;UID=3/;SECTION=BODYX"},
		{";SECTION=1", ";SECTION=1"},
		{";SECTION=BODY", ""},
		{";SECTION=;SECTION=", ";SECTION=/;SECTION="},
		{"", ""},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(urls); i++) {
		g_autofree char *out = g_malloc(2 * strlen(urls[i].url) + 1);

		deliver_url_spell(urls[i].url, out);
		g_assert_cmpstr(out, ==, urls[i].spelt);
	}
}

static void test_newlines(void)
{
	static const struct {
		const char *in, *out;
	} ends[] = {
		{"a\r\nb", "a\r\nb"},         {"a\nb", "a\r\nb"},     {"a\rb", "a\r\nb"},
		{"\n.\n", "\r\n.\r\n"},       {"\r.\r", "\r\n.\r\n"}, {"\r\n.\n", "\r\n.\r\n"},
		{"\r\r\n\n", "\r\n\r\n\r\n"}, {"\n\r", "\r\n\r\n"},   {"", ""},
		{"\xff\x80", "\xff\x80"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
		size_t size = strlen(ends[i].in);

		/* At once, and cut anywhere. */
		for (size_t cut = 0; cut <= size; cut++) {
			struct deliver_newlines newlines = {.after_cr = false};
			char out[64];
			size_t len = deliver_newlines_convert(&newlines, ends[i].in, cut, out);

			len += deliver_newlines_convert(&newlines, ends[i].in + cut, size - cut,
							out + len);
			out[len] = '\0';
			g_assert_cmpstr(out, ==, ends[i].out);
		}
	}
}

static void test_senders(void)
{
	static const struct {
		const char *rule, *address;
		bool allowed;
	} senders[] = {
		{"any", "x@y", true},      {"any", "", true},
		{"joe@x", "joe@x", true},  {"joe@x", "Joe@X", true},
		{"joe@x", "jo@x", false},  {"joe@x", "joe@x.y", false},
		{"joe@x", "", false},      {"joe@x", "<>", false},
		{"joe@x <>", "", true},    {"a@x, joe@x", "joe@x", true},
		{"a@x  b@x", "b@x", true}, {"a@x b@x", "a@x b@x", false},
		{"", "a@x", false},        {"", "", false},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(senders); i++) {
		g_test_message("%s: <%s>", senders[i].rule, senders[i].address);
		g_assert_cmpint(deliver_sender_allowed(senders[i].rule, senders[i].address), ==,
				senders[i].allowed);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/deliver-script/scripts", test_scripts);
	g_test_add_func("/deliver-script/limits", test_limits);
	g_test_add_func("/deliver-script/long-addresses", test_long_addresses);
	g_test_add_func("/deliver-script/receivers", test_receivers);
	g_test_add_func("/deliver-script/urls", test_urls);
	g_test_add_func("/deliver-script/newlines", test_newlines);
	g_test_add_func("/deliver-script/senders", test_senders);
	return g_test_run();
}
