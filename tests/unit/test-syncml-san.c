/* Package #0, octet by octet. */
#include "auth.h"
#include "message.h"
#include "san.h"

#include <string.h>

static char *hex_of(GBytes *bytes)
{
	GString *hex = g_string_new(NULL);
	gsize len;
	const guint8 *data = g_bytes_get_data(bytes, &len);

	for (gsize i = 0; i < len; i++)
		g_string_append_printf(hex, "%02x", data[i]);
	return g_string_free(hex, FALSE);
}

#define ZEROS "00000000000000000000000000000000"

static const struct san_sync contacts = {206, 0, "Contacts"}, card = {206, 7, "card"};
static const struct san_sync two[] = {{206, 0, "card"}, {210, 0x0305, "cal"}};

static const struct {
	const char *name;
	const char *password; /* NULL = none */
	const char *nonce;
	struct san san;
	const char *hex;
} rows[] = {
	/* As PC Suite sends it; its password is not known. */
	{"recorded",
	 NULL,
	 NULL,
	 {.version = SML_1_2,
	  .ui_mode = SAN_UI_BACKGROUND,
	  .by_server = TRUE,
	  .session = 0,
	  .server_id = "PC Suite Data Sync",
	  .syncs = &contacts,
	  .syncs_len = 1},
	 ZEROS "0318000000000012"
	       "504320537569746520446174612053796e63"
	       "106000000008436f6e7461637473"},
	{"with a digest",
	 "secret",
	 "Nonce",
	 {.version = SML_1_2,
	  .ui_mode = SAN_UI_BACKGROUND,
	  .by_server = TRUE,
	  .session = 0x1234,
	  .server_id = "example-server",
	  .syncs = &card,
	  .syncs_len = 1},
	 "4ac84348acb64256e743d7100e1e3243"
	 "031800000012340e6578616d706c652d736572766572106000000704"
	 "63617264"},
	{"1.1, of the user's, for all databases",
	 NULL,
	 NULL,
	 {.version = SML_1_1,
	  .ui_mode = SAN_UI_INTERACTION,
	  .by_server = FALSE,
	  .session = 0xffff,
	  .server_id = "s",
	  .syncs = NULL,
	  .syncs_len = 0},
	 ZEROS "02f0000000"
	       "ffff"
	       "0173"
	       "00"},
	{"two databases",
	 NULL,
	 NULL,
	 {.version = SML_1_2,
	  .ui_mode = SAN_UI_NOT_SPECIFIED,
	  .by_server = TRUE,
	  .session = 1,
	  .server_id = "s",
	  .syncs = two,
	  .syncs_len = 2},
	 ZEROS "0308000000000101"
	       "73"
	       "20"
	       "6000000004"
	       "63617264"
	       "a000030503"
	       "63616c"},
};

static void test_notification(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct san san = rows[i].san;
		g_autofree char *secret = rows[i].password == NULL
						  ? NULL
						  : auth_secret(san.server_id, rows[i].password);
		g_autoptr(GBytes) package = NULL;
		g_autofree char *hex = NULL;

		g_test_message("%s", rows[i].name);
		san.secret = secret;
		san.nonce = rows[i].nonce;
		package = san_notification(&san);
		hex = hex_of(package);
		g_assert_cmpstr(hex, ==, rows[i].hex);
	}
}

static void test_limits(void)
{
	g_autofree char *most = g_strnfill(SAN_NAME_MAX, 'x'),
			*more = g_strnfill(SAN_NAME_MAX + 1, 'x');
	struct san_sync syncs[SAN_SYNCS_MAX + 1];
	struct san san = {.version = SML_1_2, .server_id = most, .syncs = syncs};
	g_autoptr(GBytes) package = NULL;

	for (guint i = 0; i < G_N_ELEMENTS(syncs); i++)
		syncs[i] = (struct san_sync){206, 0, most};
	san.syncs_len = SAN_SYNCS_MAX;
	package = san_notification(&san);
	g_assert_cmpuint(g_bytes_get_size(package), ==,
			 16 + 8 + SAN_NAME_MAX + 1 + SAN_SYNCS_MAX * (5 + SAN_NAME_MAX));
	san.syncs_len++;
	g_assert_null(san_notification(&san));
	san.syncs_len = 1;
	syncs[0].uri = more;
	g_assert_null(san_notification(&san));
	syncs[0].uri = most;
	san.server_id = more;
	g_assert_null(san_notification(&san));
}

/* What a phone of 1.0 or 1.1 reads. */
static void test_message(void)
{
	const struct san san = {
		.session = 4711,
		.syncs = two,
		.syncs_len = 2,
		.device = "IMEI:1",
		.server = "http://sync.example.org/sync",
	};

	for (enum sml_version version = SML_1_0; version <= SML_1_1; version++) {
		for (enum sml_encoding encoding = SML_XML; encoding <= SML_WBXML; encoding++) {
			g_autoptr(GBytes) body = san_message(&san, version, encoding);
			g_autoptr(GError) error = NULL;
			gsize len;
			const void *data = g_bytes_get_data(body, &len);
			g_autoptr(sml_message_t) message =
				sml_message_read(encoding, data, len, &error);

			g_assert_no_error(error);
			g_assert_cmpint(message->version, ==, version);
			g_assert_cmpstr(message->session_id, ==, "4711");
			g_assert_cmpuint(message->msg_id, ==, 1);
			g_assert_cmpstr(message->target, ==, "IMEI:1");
			g_assert_cmpstr(message->source, ==, "http://sync.example.org/sync");
			g_assert_true(message->final);
			g_assert_cmpuint(message->commands->len, ==, 2);
			for (guint i = 0; i < 2; i++) {
				const struct sml_command *alert = message->commands->pdata[i];
				const struct sml_item *item = alert->items->pdata[0];

				g_assert_cmpint(alert->kind, ==, SML_CMD_ALERT);
				g_assert_cmpuint(alert->cmd_id, ==, i + 1);
				g_assert_cmpuint(alert->code, ==, two[i].code);
				g_assert_cmpstr(item->source, ==, two[i].uri);
			}
		}
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/syncml-san/notification", test_notification);
	g_test_add_func("/syncml-san/limits", test_limits);
	g_test_add_func("/syncml-san/message", test_message);
	return g_test_run();
}
