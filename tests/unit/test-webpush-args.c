#include "webpush-args.h"
#include "arg-tokens.h"

#include <glib.h>
#include <string.h>

/* RFC 8291 section 5. */
#define P256DH \
	"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
#define P256DH_PADDED \
	"BCVxsr7N/eNgVRqvHtD0zTZsEc6+VV+JvLexhqUzORcxaOzi6+AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4="
#define AUTH "BTBZMqHH6r4Tts7J_aSIgg"
#define URL "https://push.example/x"
#define KEYS P256DH " " AUTH

/* `line`, and what SUBSCRIBE says about it after its fixed fields; NULL: an error. */
static const struct parse_row {
	const char *name;
	const char *line;
	enum webpush_error error;
	const char *encoded;
} parse_rows[] = {
	{"plain", "phone \"" URL "\" " KEYS, WEBPUSH_OK, ""},
	{"everything an atom", "phone " URL " " KEYS, WEBPUSH_OK, ""},
	{"keys in standard base64",
	 "phone " URL " " P256DH_PADDED " BTBZMqHH6r4Tts7J/aSIgg==", WEBPUSH_OK, ""},
	{"empty options", "phone " URL " " KEYS " ( )", WEBPUSH_OK, ""},
	{"events", "phone " URL " " KEYS " ( EVENTS ( MessageNew FlagsSet ) )", WEBPUSH_OK,
	 "\tevents=FlagsSet MessageNew"},
	{"events without regard to case", "phone " URL " " KEYS " ( events ( MESSAGENEW ) )",
	 WEBPUSH_OK, "\tevents=MessageNew"},
	{"an event twice", "phone " URL " " KEYS " ( EVENTS ( MessageNew MessageNew ) )",
	 WEBPUSH_OK, "\tevents=MessageNew"},
	{"mailboxes", "phone " URL " " KEYS " ( MAILBOXES ( INBOX \"Lists/*\" ) )", WEBPUSH_OK,
	 "\tmailbox=INBOX\tmailbox=Lists/*"},
	{"content", "phone " URL " " KEYS " ( CONTENT )", WEBPUSH_OK, "\tcontent=yes"},
	{"names", "phone " URL " " KEYS " ( CLIENT App DEVICE \"Fair\" )", WEBPUSH_OK,
	 "\tclient=App\tlabel=Fair"},
	{"all options, another order",
	 "phone " URL " " KEYS " ( DEVICE d CONTENT MAILBOXES ( a ) CLIENT c EVENTS ( FlagsSet ) )",
	 WEBPUSH_OK, "\tevents=FlagsSet\tmailbox=a\tcontent=yes\tclient=c\tlabel=d"},

	{"nothing", "", WEBPUSH_SYNTAX, NULL},
	{"id alone", "phone", WEBPUSH_SYNTAX, NULL},
	{"id is NIL", "NIL " URL " " KEYS, WEBPUSH_SYNTAX, NULL},
	{"id is a list", "( phone ) " URL " " KEYS, WEBPUSH_SYNTAX, NULL},
	{"id is empty", "\"\" " URL " " KEYS, WEBPUSH_SYNTAX, NULL},
	{"id with a quote", "pho\"ne " URL " " KEYS, WEBPUSH_CANNOT, NULL},
	{"id with a backslash", "pho\\ne " URL " " KEYS, WEBPUSH_CANNOT, NULL},
	{"id with a control", "pho\001ne " URL " " KEYS, WEBPUSH_CANNOT, NULL},
	{"id with 8 bits", "ph\xc3\xb6ne " URL " " KEYS, WEBPUSH_CANNOT, NULL},
	{"one key", "phone " URL " " P256DH, WEBPUSH_SYNTAX, NULL},
	{"a key is NIL", "phone " URL " " P256DH " NIL", WEBPUSH_SYNTAX, NULL},
	{"endpoint is NIL, keys follow", "phone NIL " KEYS, WEBPUSH_SYNTAX, NULL},
	{"endpoint is the string NIL", "phone \"NIL\"", WEBPUSH_SYNTAX, NULL},
	{"endpoint is a list", "phone ( " URL " ) " KEYS, WEBPUSH_SYNTAX, NULL},
	{"http", "phone http://push.example/x " KEYS, WEBPUSH_CANNOT, NULL},
	{"no scheme", "phone push.example " KEYS, WEBPUSH_CANNOT, NULL},
	{"https and nothing", "phone https:// " KEYS, WEBPUSH_CANNOT, NULL},
	{"scheme without regard to case", "phone HTTPS://push.example/x " KEYS, WEBPUSH_OK, ""},
	{"endpoint with 8 bits", "phone https://p\xc3\xbcsh.example/ " KEYS, WEBPUSH_CANNOT, NULL},
	{"endpoint with a quote", "phone https://push.example/\"x " KEYS, WEBPUSH_CANNOT, NULL},
	{"endpoint with CR", "phone https://push.example/\rx " KEYS, WEBPUSH_CANNOT, NULL},
	{"keys swapped", "phone " URL " " AUTH " " P256DH, WEBPUSH_CANNOT, NULL},
	{"compressed point", "phone " URL " AiVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx " AUTH,
	 WEBPUSH_CANNOT, NULL},
	{"key of another kind",
	 "phone " URL " CCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6"
	 "SRpkNtoIAiw4 " AUTH,
	 WEBPUSH_CANNOT, NULL},
	{"secret too short", "phone " URL " " P256DH " BTBZMqHH6r4Tts7J_aSI", WEBPUSH_CANNOT, NULL},
	{"secret too long", "phone " URL " " P256DH " BTBZMqHH6r4Tts7J_aSIggAA", WEBPUSH_CANNOT,
	 NULL},
	{"options not in a list", "phone " URL " " KEYS " CONTENT", WEBPUSH_SYNTAX, NULL},
	{"something after the options", "phone " URL " " KEYS " ( CONTENT ) x", WEBPUSH_SYNTAX,
	 NULL},
	{"two lists of options", "phone " URL " " KEYS " ( ) ( )", WEBPUSH_SYNTAX, NULL},
	{"unknown option", "phone " URL " " KEYS " ( SOUND )", WEBPUSH_SYNTAX, NULL},
	{"option quoted", "phone " URL " " KEYS " ( \"CONTENT\" )", WEBPUSH_SYNTAX, NULL},
	{"option twice", "phone " URL " " KEYS " ( CONTENT CONTENT )", WEBPUSH_SYNTAX, NULL},
	{"events twice", "phone " URL " " KEYS " ( EVENTS ( FlagsSet ) EVENTS ( MessageNew ) )",
	 WEBPUSH_SYNTAX, NULL},
	{"events without a list", "phone " URL " " KEYS " ( EVENTS MessageNew )", WEBPUSH_SYNTAX,
	 NULL},
	{"no events", "phone " URL " " KEYS " ( EVENTS ( ) )", WEBPUSH_SYNTAX, NULL},
	{"unknown event", "phone " URL " " KEYS " ( EVENTS ( MessageNew Sunrise ) )",
	 WEBPUSH_BADEVENT, NULL},
	{"events in a deeper list", "phone " URL " " KEYS " ( EVENTS ( ( MessageNew ) ) )",
	 WEBPUSH_SYNTAX, NULL},
	{"no mailboxes", "phone " URL " " KEYS " ( MAILBOXES ( ) )", WEBPUSH_SYNTAX, NULL},
	{"mailbox is NIL", "phone " URL " " KEYS " ( MAILBOXES ( NIL ) )", WEBPUSH_SYNTAX, NULL},
	{"client without a name", "phone " URL " " KEYS " ( CLIENT )", WEBPUSH_SYNTAX, NULL},
	{"client with a control", "phone " URL " " KEYS " ( CLIENT a\tb )", WEBPUSH_CANNOT, NULL},
	{"client is not UTF-8", "phone " URL " " KEYS " ( CLIENT a\xff )", WEBPUSH_CANNOT, NULL},
	{"list not closed", "phone " URL " " KEYS " ( CONTENT", WEBPUSH_SYNTAX, NULL},
	{"list not opened", "phone " URL " " KEYS " )", WEBPUSH_SYNTAX, NULL},
};

static enum webpush_error parse(const char *line, struct webpush_subscription *sub_r,
				bool *remove_r, char ***words_r)
{
	struct arg_token tokens[64] = {{0}};
	const char *text = NULL;
	enum webpush_error error;

	*words_r = *line == '\0' ? g_new0(char *, 1) : g_strsplit(line, " ", -1);
	error = webpush_args_parse(tokens, tokenise(*words_r, tokens, G_N_ELEMENTS(tokens)), sub_r,
				   remove_r, &text);
	/* A sentence for the client on failure, untouched else. */
	g_assert_cmpint(error == WEBPUSH_OK, ==, text == NULL);
	return error;
}

static void test_parse(gconstpointer data)
{
	const struct parse_row *row = data;
	struct webpush_subscription sub;
	g_auto(GStrv) words = NULL;
	struct tabline_buf buf;
	bool remove = true;

	memset(&sub, 0xa5, sizeof(sub));
	g_assert_cmpint(parse(row->line, &sub, &remove, &words), ==, row->error);
	if (row->error != WEBPUSH_OK) {
		g_assert_true(remove);
		g_assert_cmpuint(sub.mailbox_count, ==, (size_t)0xa5a5a5a5a5a5a5a5);
		return;
	}
	g_assert_false(remove);
	tabline_buf_init(&buf, LIMIT_LINE);
	tabline_word(&buf, "X");
	webpush_subscription_encode(&buf, &sub, "gougeon");
	g_assert_true(tabline_end(&buf));
	g_autofree char *want =
		g_strdup_printf("X\tdevice=phone\tgateway=webpush\tdialect=gougeon\tendpoint=%s\t"
				"p256dh=" P256DH "\tauth=" AUTH "%s\n",
				sub.endpoint, row->encoded);
	g_autofree char *got = g_strndup(buf.data, buf.len);
	g_assert_cmpstr(got, ==, want);
	tabline_buf_free(&buf);
}

static void test_remove(void)
{
	struct webpush_subscription sub;
	bool remove = false;
	g_auto(GStrv) words = NULL;
	g_auto(GStrv) more = NULL;

	g_assert_cmpint(parse("phone NIL", &sub, &remove, &words), ==, WEBPUSH_OK);
	g_assert_true(remove);
	g_assert_cmpstr(sub.device, ==, "phone");
	g_assert_cmpint(parse("phone NIL ( CONTENT )", &sub, &remove, &more), ==, WEBPUSH_SYNTAX);
}

/* Each ceiling: what reaches it passes, one past it is a LIMIT. */
static void test_ceilings(void)
{
	const char *text;
	g_autofree char *id = g_strnfill(LIMIT_DEVICE_ID + 1, 'x');
	g_autofree char *label = g_strnfill(LIMIT_DEVICE_LABEL + 1, 'x');
	g_autofree char *token = g_strnfill(LIMIT_TOKEN_ARGUMENT + 1, 'x');
	g_autofree char *url = g_strnfill(LIMIT_ENDPOINT + 1, 'x');
	struct webpush_subscription sub = {0};

	memcpy(url, "https://", 8);
	g_assert_cmpint(webpush_check_device(id, &text), ==, WEBPUSH_LIMIT);
	g_assert_cmpint(webpush_check_device(id + 1, &text), ==, WEBPUSH_OK);
	g_assert_cmpint(webpush_check_label(label, &text), ==, WEBPUSH_LIMIT);
	g_assert_cmpint(webpush_check_label(label + 1, &text), ==, WEBPUSH_OK);
	g_assert_cmpint(webpush_check_token(token, &text), ==, WEBPUSH_LIMIT);
	g_assert_cmpint(webpush_check_token(token + 1, &text), ==, WEBPUSH_OK);
	g_assert_cmpint(webpush_check_token("", &text), ==, WEBPUSH_CANNOT);
	g_assert_cmpint(webpush_check_endpoint(url, &text), ==, WEBPUSH_LIMIT);
	url[LIMIT_ENDPOINT] = '\0';
	g_assert_cmpint(webpush_check_endpoint(url, &text), ==, WEBPUSH_OK);

	g_autofree char *name = g_strnfill(LIMIT_MAILBOX + 1, 'x');
	sub.mailboxes[0] = name;
	sub.mailbox_count = 1;
	g_assert_cmpint(webpush_check_mailboxes(&sub, &text), ==, WEBPUSH_LIMIT);
	sub.mailboxes[0] = name + 1;
	g_assert_cmpint(webpush_check_mailboxes(&sub, &text), ==, WEBPUSH_OK);
	g_autofree char *rest = g_strnfill(LIMIT_FILTER_BYTES - LIMIT_MAILBOX + 1, 'y');
	sub.mailboxes[1] = rest + 1;
	sub.mailbox_count = 2;
	g_assert_cmpint(webpush_check_mailboxes(&sub, &text), ==, WEBPUSH_OK);
	sub.mailboxes[1] = rest;
	g_assert_cmpint(webpush_check_mailboxes(&sub, &text), ==, WEBPUSH_LIMIT);
}

/* As many mailboxes as allowed make a line that the bridge can read. */
static void test_mailbox_count(void)
{
	g_autoptr(GString) line = g_string_new("phone " URL " " KEYS " ( EVENTS ( FlagsSet ) "
					       "CONTENT CLIENT c DEVICE d MAILBOXES ( ");
	struct arg_token tokens[WEBPUSH_MAX_TOKENS + 1] = {{0}};
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	struct webpush_subscription sub;
	struct tabline_buf buf;
	const char *text = NULL;
	size_t fields_count;
	bool remove;

	for (size_t i = 0; i < WEBPUSH_MAX_MAILBOXES; i++)
		g_string_append(line, "m ");
	g_autofree char *one_more = g_strdup_printf("%sm ) )", line->str);
	g_string_append(line, ") )");

	g_auto(GStrv) words = g_strsplit(line->str, " ", -1);
	g_assert_cmpint(webpush_args_parse(tokens, tokenise(words, tokens, WEBPUSH_MAX_TOKENS),
					   &sub, &remove, &text),
			==, WEBPUSH_OK);
	sub.msgtype = "all";
	tabline_buf_init(&buf, LIMIT_LINE);
	tabline_word(&buf, "SUBSCRIBE");
	tabline_word(&buf, "1");
	tabline_field(&buf, "user", "alice");
	webpush_subscription_encode(&buf, &sub, "gougeon");
	g_assert_true(tabline_end(&buf));
	g_assert_cmpint(
		tabline_split(buf.data, buf.len - 1, fields, LIMIT_LINE_FIELDS, &fields_count), ==,
		TABLINE_OK);
	tabline_buf_free(&buf);

	memset(tokens, 0, sizeof(tokens));
	g_auto(GStrv) more = g_strsplit(one_more, " ", -1);
	g_assert_cmpint(webpush_args_parse(tokens, tokenise(more, tokens, WEBPUSH_MAX_TOKENS), &sub,
					   &remove, &text),
			==, WEBPUSH_LIMIT);
}

static const struct mailbox_row {
	const char *name;
	enum webpush_error error;
} mailbox_rows[] = {
	{"INBOX", WEBPUSH_OK},
	{"Lists/*", WEBPUSH_OK},
	{"*", WEBPUSH_OK},
	{"Entw\xc3\xbcrfe", WEBPUSH_OK},
	{"a b\"c\\d", WEBPUSH_OK},
	{"", WEBPUSH_CANNOT},
	{"Lists/*/new", WEBPUSH_CANNOT},
	{"Lists/**", WEBPUSH_CANNOT},
	{"Lists/%", WEBPUSH_CANNOT},
	{"%*", WEBPUSH_CANNOT},
	{"a\nb", WEBPUSH_CANNOT},
	{"a\x7f", WEBPUSH_CANNOT},
	{"a\xc2\x85", WEBPUSH_CANNOT},     /* C1 control */
	{"a\xc0\xaf", WEBPUSH_CANNOT},     /* long form of "/" */
	{"a\xed\xa0\x80", WEBPUSH_CANNOT}, /* surrogate */
	{"a\xf4\x90\x80\x80", WEBPUSH_CANNOT},
	{"a\xe2\x82", WEBPUSH_CANNOT}, /* cut short */
	{"a\xf0\x9f\x93\xab", WEBPUSH_OK},
};

static void test_mailboxes(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(mailbox_rows); i++) {
		struct webpush_subscription sub = {
			.mailboxes = {mailbox_rows[i].name},
			.mailbox_count = 1,
		};
		const char *text;

		g_autofree char *shown = g_strescape(mailbox_rows[i].name, NULL);

		g_test_message("mailbox '%s'", shown);
		g_assert_cmpint(webpush_check_mailboxes(&sub, &text), ==, mailbox_rows[i].error);
	}
}

static const struct key_row {
	const char *name;
	const char *text;
	bool ok;
} key_rows[] = {
	{"no padding", "BTBZMqHH6r4Tts7J_aSIgg", true},
	{"padding", "BTBZMqHH6r4Tts7J_aSIgg==", true},
	{"standard alphabet", "BTBZMqHH6r4Tts7J/aSIgg==", true},
	{"half the padding", "BTBZMqHH6r4Tts7J_aSIgg=", false},
	{"too much padding", "BTBZMqHH6r4Tts7J_aSIgg===", false},
	{"left-over bits", "BTBZMqHH6r4Tts7J_aSIgh", false},
	{"blank inside", "BTBZMqHH 6r4Tts7J_aSIg", false},
	{"other character", "BTBZMqHH.6r4Tts7J_aSIg", false},
	{"8 bits", "BTBZMqHH\xc3\xbc r4Tts7J_aSIg", false},
	{"one short", "BTBZMqHH6r4Tts7J_aSIg", false},
	{"one long", "BTBZMqHH6r4Tts7J_aSIggA", false},
	{"empty", "", false},
	{"padding alone", "==", false},
};

static void test_keys(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(key_rows); i++) {
		char out[WEBPUSH_AUTH_SIZE] = "untouched";

		g_test_message("%s", key_rows[i].name);
		g_assert_cmpint(webpush_auth_parse(key_rows[i].text, out), ==, key_rows[i].ok);
		g_assert_cmpstr(out, ==, key_rows[i].ok ? AUTH : "untouched");
	}
}

/* As `openssl pkey -pubin` reads and writes that key. */
static void test_pem(void)
{
	char pem[WEBPUSH_PEM_SIZE];

	g_assert_true(webpush_vapid_pem(P256DH, pem));
	g_assert_cmpstr(pem, ==,
			"-----BEGIN PUBLIC KEY-----\n"
			"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEJXGyvs3942BVGq8e0PTNNmwRzr5V\n"
			"X4m8t7GGpTM5FzFo7OLr4BhZe9MEebhuPI+OztV3ylkYfpJGmQ22ggCLDg==\n"
			"-----END PUBLIC KEY-----");
	g_assert_cmpuint(strlen(pem) + 1, ==, WEBPUSH_PEM_SIZE);
	g_assert_false(webpush_vapid_pem(AUTH, pem));
	g_assert_false(webpush_vapid_pem("", pem));
}

static void test_kinds(void)
{
	char out[WEBPUSH_KINDS_SIZE];

	webpush_kinds_format(0, out);
	g_assert_cmpstr(out, ==, "");
	webpush_kinds_format(PUSH_EVENT_KINDS_ALL, out);
	g_auto(GStrv) names = g_strsplit(out, " ", -1);
	g_assert_cmpuint(g_strv_length(names), ==, PUSH_EVENT_KIND_COUNT);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(parse_rows); i++) {
		g_autofree char *path =
			g_strdup_printf("/webpush-args/parse/%s", parse_rows[i].name);
		g_test_add_data_func(path, &parse_rows[i], test_parse);
	}
	g_test_add_func("/webpush-args/remove", test_remove);
	g_test_add_func("/webpush-args/ceilings", test_ceilings);
	g_test_add_func("/webpush-args/mailbox-count", test_mailbox_count);
	g_test_add_func("/webpush-args/mailboxes", test_mailboxes);
	g_test_add_func("/webpush-args/keys", test_keys);
	g_test_add_func("/webpush-args/pem", test_pem);
	g_test_add_func("/webpush-args/kinds", test_kinds);
	return g_test_run();
}
