/* P-IMAP's EXTENDED: what it says, and encrypted to vectors that another implementation made
 * (tests/integration/extended.py). */
#include "extended.h"
#include "limits.h"
#include "payload-pimap.h"

#include <string.h>

#include <openssl/evp.h>

static const guint8 key[EXTENDED_KEY] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const guint8 iv[EXTENDED_IV] = {100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111};

static const struct {
	const char *name;
	struct extended said;
	const char *text;
} text_rows[] = {
	{"nothing about a message",
	 {1, "joe@foo.com", "SYNC", 0, "x", "y", "z"},
	 "1 joe@foo.com SYNC"},
	{"all of it",
	 {G_MAXUINT64, "joe@foo.com", "NEW_MESSAGE", 157, "boss@foo.com",
	  "2026-11-23T05:41:31+01:00", "Hello"},
	 "18446744073709551615 joe@foo.com NEW_MESSAGE "
	 "157,boss@foo.com,2026-11-23,04:41:31Z,Hello"},
	{"what is not said is empty",
	 {2, "joe", "DELETED_MESSAGE", 4294967295, NULL, NULL, NULL},
	 "2 joe DELETED_MESSAGE 4294967295,,,,"},
	{"no date that is one",
	 {2, "j", "NEW_MESSAGE", 1, "", "yesterday", ""},
	 "2 j NEW_MESSAGE 1,,,,"},
	{"what parts fields",
	 {7, "joe doe,%", "NEW_MESSAGE", 1, "a,b c", NULL, "100% \r\n sure\001"},
	 "7 joe%20doe%2C%25 NEW_MESSAGE 1,a%2Cb%20c,,,100%25%20%20%20%20sure%20"},
	{"other scripts as they are",
	 {7, "j", "NEW_MESSAGE", 1, NULL, NULL, "Grüße"},
	 "7 j NEW_MESSAGE 1,,,,Grüße"},
	{"no UTF-8",
	 {7, "j", "NEW_MESSAGE", 1, NULL, NULL, "\xff"},
	 "7 j NEW_MESSAGE 1,,,,\xef\xbf\xbd"},
};

static void test_text(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(text_rows); i++) {
		g_autofree char *text = extended_text(&text_rows[i].said);

		g_test_message("%s", text_rows[i].name);
		g_assert_cmpstr(text, ==, text_rows[i].text);
	}
}

/* A name is not cut, since it would be another; what a stranger wrote is. */
static void test_lengths(void)
{
	g_autofree char *account = g_strnfill(LIMIT_USER, 'a');
	g_autofree char *most = g_strnfill(LIMIT_EXTENDED_TEXT, 's');
	g_autofree char *more = g_strnfill(LIMIT_EXTENDED_TEXT + 1, 's');
	const struct extended said = {1, account, "NEW_MESSAGE", 1, most, NULL, more};
	g_autofree char *text = extended_text(&said);
	g_autofree char *expected =
		g_strdup_printf("1 %s NEW_MESSAGE 1,%s,,,%s…", account, most, most);

	g_assert_cmpstr(text, ==, expected);
}

static void test_seal(void)
{
	static const struct {
		const char *text, *sealed;
	} rows[] = {
		{"1 joe@foo.com SYNC",
		 "_%$P-IMAP$%_ ZGVmZ2hpamtsbW5vK0Ikyr5C3pX0EDR/6+p4tX7LLibi+hSO7CYIpnvWW7THaA=="},
		{"7 joe%20doe@foo.com NEW_MESSAGE "
		 "157,boss@foo.com,2026-11-23,04:41:31Z,Hello%2C%20100%25",
		 "_%$P-IMAP$%_ ZGVmZ2hpamtsbW5vLUIkyr4nisr/UTJQ4KVEwlPnFd/"
		 "c7IoFuSrixP21stOLyWUI6XdU4so+"
		 "SCmj4Stq968tQasrcBnuvDJx/KpfVFWgITz2m9rvS8tR9wCoFEDmgxIqkdcNEXLPs7x9x1KRM198/"
		 "F8e5Q=="},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *sealed = extended_seal(key, iv, rows[i].text, &error);

		g_assert_no_error(error);
		g_assert_cmpstr(sealed, ==, rows[i].sealed);
	}
}

/* --- what notifications become -------------------------------------------------------- */

static char *open_sealed(GBytes *payload)
{
	gsize len, size;
	const char *data = g_bytes_get_data(payload, &size);
	g_autofree char *text = g_strndup(data, size);
	g_autofree guint8 *octets = NULL;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	char *out;
	int n;

	g_assert_true(g_str_has_prefix(text, EXTENDED_TAG " "));
	octets = g_base64_decode(text + strlen(EXTENDED_TAG " "), &len);
	g_assert_cmpuint(len, >, 28);
	out = g_malloc0(len);
	g_assert_cmpint(EVP_DecryptInit_ex2(ctx, EVP_aes_128_gcm(), key, octets, NULL), ==, 1);
	g_assert_cmpint(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, octets + len - 16), ==,
			1);
	EVP_DecryptUpdate(ctx, NULL, &n, (const guint8 *)EXTENDED_TAG, strlen(EXTENDED_TAG));
	EVP_DecryptUpdate(ctx, (guint8 *)out, &n, octets + 12, (int)len - 28);
	g_assert_cmpint(EVP_DecryptFinal_ex(ctx, (guint8 *)out + n, &n), ==, 1);
	EVP_CIPHER_CTX_free(ctx);
	return out;
}

#define EVENT(name, mailbox, rest) \
	"EVENT\tname=" name "\ttime=1077259200000000\tuser=joe\tmailbox=" mailbox rest
#define MAIL "\tfrom-address=a@b.c\tsubject=lunch?\tdate=2026-11-23T04:41:31Z"
#define KIND(name) PUSH_EVENT_KIND_BIT(PUSH_EVENT_##name)

static const struct {
	const char *name, *event;
	push_event_kinds kinds;
	guint32 messages;
	gboolean minimal;
	const char *text;
} event_rows[] = {
	{"new", EVENT("MessageNew", "INBOX", "\tuidvalidity=1\tuids=157\tmessages=1" MAIL),
	 KIND(MESSAGE_NEW), 1, FALSE, "NEW_MESSAGE 157,a@b.c,2026-11-23,04:41:31Z,lunch?"},
	{"new, in few words",
	 EVENT("MessageNew", "INBOX", "\tuidvalidity=1\tuids=157\tmessages=1" MAIL),
	 KIND(MESSAGE_NEW), 1, TRUE, "NEW_MESSAGE 157,,,,"},
	{"new, no content", EVENT("MessageNew", "inbox", "\tuidvalidity=1\tuids=9\tmessages=1"),
	 KIND(MESSAGE_NEW), 1, FALSE, "NEW_MESSAGE 9,,,,"},
	{"appended", EVENT("MessageAppend", "INBOX", "\tuidvalidity=1\tuids=9\tmessages=1"),
	 KIND(MESSAGE_APPEND), 1, FALSE, "NEW_MESSAGE 9,,,,"},
	{"deleted", EVENT("MessageExpunge", "INBOX", "\tuidvalidity=1\tuids=9\tmessages=1"),
	 KIND(MESSAGE_EXPUNGE), 1, FALSE, "DELETED_MESSAGE 9,,,,"},
	{"read", EVENT("MessageRead", "INBOX", "\tuidvalidity=1\tuids=9\tmessages=1"),
	 KIND(MESSAGE_READ), 1, FALSE, "CHANGED_MESSAGE 9,,,,"},
	{"several at once", EVENT("FlagsSet", "INBOX", "\tuidvalidity=1\tuids=9:10\tmessages=2"),
	 KIND(FLAGS_SET), 2, FALSE, "SYNC"},
	{"one after the other", EVENT("MessageNew", "INBOX", "\tuidvalidity=1\tuids=9\tmessages=1"),
	 KIND(MESSAGE_NEW), 2, FALSE, "SYNC"},
	{"of two kinds", EVENT("MessageExpunge", "INBOX", "\tuidvalidity=1\tuids=9\tmessages=1"),
	 KIND(MESSAGE_NEW) | KIND(MESSAGE_EXPUNGE), 1, FALSE, "SYNC"},
	{"another folder", EVENT("MessageNew", "Work", "\tuidvalidity=1\tuids=9\tmessages=1" MAIL),
	 KIND(MESSAGE_NEW), 1, FALSE, "SYNC"},
	{"no UID", EVENT("MessageNew", "INBOX", "\tmessages=1"), KIND(MESSAGE_NEW), 1, FALSE,
	 "SYNC"},
	{"a folder", EVENT("MailboxCreate", "INBOX", ""), KIND(MAILBOX_CREATE), 0, FALSE, "SYNC"},
	{"an operator's", "COMMAND\tevent=LOCK_DOWN", 0, 0, FALSE, "LOCK_DOWN"},
};

static void test_events(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(event_rows); i++) {
		struct device device = {.user = (char *)"joe",
					.dialect = DIALECT_EXTENDED,
					.content = TRUE,
					.sequence = 3};
		const struct notification notification = {.kinds = event_rows[i].kinds,
							  .messages = event_rows[i].messages,
							  .event = (char *)event_rows[i].event};
		g_autofree char *expected = g_strdup_printf("3 joe %s", event_rows[i].text);
		g_autofree char *text = NULL;
		g_autoptr(GError) error = NULL;
		g_autoptr(GBytes) payload = NULL, again = NULL;

		g_test_message("%s", event_rows[i].name);
		memcpy(device.key, key, sizeof(key));
		payload = payload_pimap(&device, &notification, event_rows[i].minimal, &error);
		g_assert_no_error(error);
		text = open_sealed(payload);
		g_assert_cmpstr(text, ==, expected);
		/* Another IV each time. */
		again = payload_pimap(&device, &notification, event_rows[i].minimal, &error);
		g_assert_false(g_bytes_equal(payload, again));
	}
}

/* Without a number there is none at all. */
static void test_no_number(void)
{
	const struct device device = {.user = (char *)"joe", .dialect = DIALECT_EXTENDED};
	const struct notification notification = {.event = (char *)""};
	g_autoptr(GError) error = NULL;

	g_assert_null(payload_pimap(&device, &notification, FALSE, &error));
	g_assert_nonnull(error);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/extended/text", test_text);
	g_test_add_func("/extended/lengths", test_lengths);
	g_test_add_func("/extended/seal", test_seal);
	g_test_add_func("/extended/events", test_events);
	g_test_add_func("/extended/no-number", test_no_number);
	return g_test_run();
}
