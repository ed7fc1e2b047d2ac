#include "wap-push.h"

#include <glib.h>
#include <string.h>

static char *hex(const uint8_t *data, size_t len)
{
	GString *out = g_string_new(NULL);

	for (size_t i = 0; i < len; i++)
		g_string_append_printf(out, "%02x", data[i]);
	return g_string_free(out, FALSE);
}

/* Written by hand from WAP-230-WSP: transaction, Push, length of the headers, content
 * type, X-Wap-Application-Id (2F) push.syncml (05). */
static const struct {
	const char *name;
	uint8_t transaction;
	enum wap_content_type type;
	const char *content, *pdu;
} pdu_rows[] = {
	{"DS 1.2 notification: a Short-integer", 0x05, WAP_SYNCML_DS_NOTIFICATION, "ab",
	 "0506"
	 "03"
	 "ce"
	 "af85"
	 "6162"},
	{"WBXML: a Long-integer in the general form", 0xff, WAP_SYNCML_WBXML, "ab",
	 "ff06"
	 "06"
	 "03020303"
	 "af85"
	 "6162"},
	{"XML", 0x00, WAP_SYNCML_XML, "<",
	 "000606"
	 "03020302af85"
	 "3c"},
	{"EMN: another application", 0x01, WAP_EMN_WBXML, "ab",
	 "010606"
	 "0302030a"
	 "af89"
	 "6162"},
	{"nothing in it", 0x01, WAP_SYNCML_DS_NOTIFICATION, "", "010603ceaf85"},
};

static void test_pdu(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(pdu_rows); i++) {
		size_t content = strlen(pdu_rows[i].content);
		g_autofree uint8_t *pdu = g_malloc(WAP_PUSH_HEADER + content);
		size_t len = wap_push_encode(pdu_rows[i].transaction, pdu_rows[i].type,
					     pdu_rows[i].content, content, pdu);
		g_autofree char *text = hex(pdu, len);

		g_test_message("%s", pdu_rows[i].name);
		g_assert_cmpuint(len, <=, WAP_PUSH_HEADER + content);
		g_assert_cmpstr(text, ==, pdu_rows[i].pdu);
	}
}

#define PORTS "05040b8423f0"

static const struct {
	size_t len, max;
	const char *udh[4]; /* none: does not fit */
	size_t parts[4];
} split_rows[] = {
	{0, 1, {"06" PORTS}, {0}},
	{1, 1, {"06" PORTS}, {1}},
	{133, 1, {"06" PORTS}, {133}},
	{134, 1, {NULL}, {0}},
	{134, 2, {"0b" PORTS "0003a70201", "0b" PORTS "0003a70202"}, {128, 6}},
	{256, 2, {"0b" PORTS "0003a70201", "0b" PORTS "0003a70202"}, {128, 128}},
	{257, 2, {NULL}, {0}},
	{257,
	 4,
	 {"0b" PORTS "0003a70301", "0b" PORTS "0003a70302", "0b" PORTS "0003a70303"},
	 {128, 128, 1}},
};

static void test_split(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(split_rows); i++) {
		g_autofree uint8_t *pdu = g_malloc(split_rows[i].len + 1);
		struct wap_sms parts[4];
		size_t count, at = 0, expected = 0;

		g_test_message("%zu octets", split_rows[i].len);
		while (expected < 4 && split_rows[i].udh[expected] != NULL)
			expected++;
		count = wap_sms_split(pdu, split_rows[i].len, 0xa7, parts, split_rows[i].max);
		g_assert_cmpuint(count, ==, expected);
		for (size_t j = 0; j < count; j++) {
			g_autofree char *udh = hex(parts[j].udh, parts[j].udh_len);

			g_assert_cmpstr(udh, ==, split_rows[i].udh[j]);
			g_assert_cmpuint(parts[j].len, ==, split_rows[i].parts[j]);
			g_assert_true(parts[j].data == pdu + at);
			g_assert_cmpuint(parts[j].udh_len + parts[j].len, <=, WAP_SMS_OCTETS);
			at += parts[j].len;
		}
		if (count > 0)
			g_assert_cmpuint(at, ==, split_rows[i].len);
	}
}

/* Bare octets to port 143, from 143. */
static void test_port(void)
{
	const uint8_t data[200] = {0};
	struct wap_sms parts[2];

	g_assert_cmpuint(wap_sms_split_port(data, 26, 143, 1, parts, 2), ==, 1);
	g_autofree char *udh = hex(parts[0].udh, parts[0].udh_len);
	g_assert_cmpstr(udh, ==, "060504008f008f");
	g_assert_cmpuint(parts[0].len, ==, 26);
	g_assert_cmpuint(wap_sms_split_port(data, 200, 143, 1, parts, 2), ==, 2);
}

/* No user data header: type, segments, number, ports, and no second message. */
static void test_wdp(void)
{
	uint8_t data[WAP_SMS_OCTETS] = {0xaa, 0xbb}, out[WAP_SMS_OCTETS];

	g_assert_cmpuint(wap_wdp_cdma(data, 2, 143, out), ==, 9);
	g_autofree char *text = hex(out, 9);
	g_assert_cmpstr(text, ==, "000100008f008faabb");
	g_assert_cmpuint(wap_wdp_cdma(data, 133, 143, out), ==, WAP_SMS_OCTETS);
	g_assert_cmpuint(wap_wdp_cdma(data, 134, 143, out), ==, 0);
}

/* More than there are numbers for, whatever the caller has room for. */
static void test_too_many(void)
{
	g_autofree uint8_t *pdu = g_malloc0(256 * 128);
	g_autofree struct wap_sms *parts = g_new(struct wap_sms, 300);

	g_assert_cmpuint(wap_sms_split(pdu, 255 * 128, 1, parts, 300), ==, 255);
	g_assert_cmpuint(parts[254].udh[10], ==, 255);
	g_assert_cmpuint(parts[254].udh[11], ==, 255);
	g_assert_cmpuint(wap_sms_split(pdu, 255 * 128 + 1, 1, parts, 300), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/wap-push/pdu", test_pdu);
	g_test_add_func("/wap-push/split", test_split);
	g_test_add_func("/wap-push/port", test_port);
	g_test_add_func("/wap-push/wdp", test_wdp);
	g_test_add_func("/wap-push/too-many", test_too_many);
	return g_test_run();
}
