#include "coi-subscription.h"

#include <glib.h>
#include <string.h>

#define P256DH \
	"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
#define AUTH "BTBZMqHH6r4Tts7J_aSIgg"
#define KEYS "\"keys\":{\"p256dh\":\"" P256DH "=\",\"auth\":\"" AUTH "==\"}"
#define RESOURCE "\"resource\":{\"endpoint\":\"https://p.example/1\"," KEYS "}"

static const struct parse_row {
	const char *name;
	const char *json;
	enum webpush_error error;
	const char *client, *label, *msgtype;
} parse_rows[] = {
	{"as the specification shows it",
	 "\n{\n    \"client\": \"My awesome WebPush App\",\n    \"device\": \"My Favorite "
	 "Smartphone\",\n    \"msgtype\": \"chat\",\n    " RESOURCE "\n}\n",
	 WEBPUSH_OK, "My awesome WebPush App", "My Favorite Smartphone", "chat"},
	{"the resource alone", "{" RESOURCE "}", WEBPUSH_OK, NULL, NULL, NULL},
	{"unknown members are dropped",
	 "{\"x\":[1,{\"endpoint\":\"https://"
	 "other\"}],\"created\":\"now\",\"validated\":true," RESOURCE "}",
	 WEBPUSH_OK, NULL, NULL, NULL},
	{"escapes", "{\"client\":\"a\\u00fc\\/\"," RESOURCE "}", WEBPUSH_OK, "a\xc3\xbc/", NULL,
	 NULL},
	{"not an object", "[]", WEBPUSH_CANNOT, NULL, NULL, NULL},
	{"not JSON", "client=x", WEBPUSH_CANNOT, NULL, NULL, NULL},
	{"empty", "", WEBPUSH_CANNOT, NULL, NULL, NULL},
	{"something behind it", "{" RESOURCE "}x", WEBPUSH_CANNOT, NULL, NULL, NULL},
	{"a member twice", "{\"client\":\"a\",\"client\":\"b\"," RESOURCE "}", WEBPUSH_CANNOT, NULL,
	 NULL, NULL},
	{"the resource twice", "{" RESOURCE "," RESOURCE "}", WEBPUSH_CANNOT, NULL, NULL, NULL},
	{"client is a number", "{\"client\":1," RESOURCE "}", WEBPUSH_CANNOT, NULL, NULL, NULL},
	{"client is null", "{\"client\":null," RESOURCE "}", WEBPUSH_CANNOT, NULL, NULL, NULL},
	{"client with a line end", "{\"client\":\"a\\nb\"," RESOURCE "}", WEBPUSH_CANNOT, NULL,
	 NULL, NULL},
	{"msgtype of another kind", "{\"msgtype\":\"news\"," RESOURCE "}", WEBPUSH_CANNOT, NULL,
	 NULL, NULL},
	{"msgtype in capitals", "{\"msgtype\":\"ALL\"," RESOURCE "}", WEBPUSH_CANNOT, NULL, NULL,
	 NULL},
	{"no resource", "{\"client\":\"a\"}", WEBPUSH_CANNOT, NULL, NULL, NULL},
	{"no endpoint", "{\"resource\":{" KEYS "}}", WEBPUSH_CANNOT, NULL, NULL, NULL},
	{"no keys", "{\"resource\":{\"endpoint\":\"https://p.example/1\"}}", WEBPUSH_CANNOT, NULL,
	 NULL, NULL},
	{"resource is a string", "{\"resource\":\"https://p.example/1\"}", WEBPUSH_CANNOT, NULL,
	 NULL, NULL},
	{"http", "{\"resource\":{\"endpoint\":\"http://p.example/1\"," KEYS "}}", WEBPUSH_CANNOT,
	 NULL, NULL, NULL},
	{"bad key",
	 "{\"resource\":{\"endpoint\":\"https://p.example/1\",\"keys\":{\"p256dh\":\"" AUTH
	 "\",\"auth\":\"" AUTH "\"}}}",
	 WEBPUSH_CANNOT, NULL, NULL, NULL},
	{"bad secret",
	 "{\"resource\":{\"endpoint\":\"https://p.example/1\",\"keys\":{\"p256dh\":\"" P256DH
	 "\",\"auth\":\"x\"}}}",
	 WEBPUSH_CANNOT, NULL, NULL, NULL},
};

static enum webpush_error parse(const char *json, char *arena, struct webpush_subscription *sub)
{
	const char *text = NULL;
	enum webpush_error error = coi_subscription_parse(json, strlen(json), arena, sub, &text);

	g_assert_cmpint(error == WEBPUSH_OK, ==, text == NULL);
	return error;
}

static void test_parse(gconstpointer data)
{
	const struct parse_row *row = data;
	g_autofree char *arena = g_malloc(strlen(row->json) + 1);
	struct webpush_subscription sub;

	memset(&sub, 0xa5, sizeof(sub));
	g_assert_cmpint(parse(row->json, arena, &sub), ==, row->error);
	if (row->error != WEBPUSH_OK) {
		g_assert_cmpuint(sub.mailbox_count, ==, (size_t)0xa5a5a5a5a5a5a5a5);
		return;
	}
	g_assert_cmpstr(sub.endpoint, ==, "https://p.example/1");
	g_assert_cmpstr(sub.p256dh, ==, P256DH);
	g_assert_cmpstr(sub.auth, ==, AUTH);
	g_assert_cmpstr(sub.client, ==, row->client);
	g_assert_cmpstr(sub.label, ==, row->label);
	g_assert_cmpstr(sub.msgtype, ==, row->msgtype);
	g_assert_true(sub.content);
	g_assert_cmpuint(sub.mailbox_count, ==, 0);
}

/* What reaches a ceiling passes, one past it does not. */
static void test_ceilings(void)
{
	struct webpush_subscription sub;
	char arena[2 * LIMIT_COI_SUBSCRIPTION];

	for (int over = 0; over <= 1; over++) {
		enum webpush_error want = over ? WEBPUSH_LIMIT : WEBPUSH_OK;
		g_autofree char *label = g_strnfill((gsize)(LIMIT_DEVICE_LABEL + over), 'l');
		g_autofree char *client =
			g_strdup_printf("{\"client\":\"%s\"," RESOURCE "}", label);
		g_autofree char *device =
			g_strdup_printf("{\"device\":\"%s\"," RESOURCE "}", label);
		g_autofree char *path = g_strnfill((gsize)(LIMIT_COI_ENDPOINT - 8 + over), 'e');
		g_autofree char *endpoint = g_strdup_printf(
			"{\"resource\":{\"endpoint\":\"https://%s\"," KEYS "}}", path);
		g_autofree char *blanks = g_strnfill(
			(gsize)(LIMIT_COI_SUBSCRIPTION + over) - strlen("{" RESOURCE "}"), ' ');
		g_autofree char *whole = g_strdup_printf("{%s" RESOURCE "}", blanks);

		g_assert_cmpint(parse(client, arena, &sub), ==, want);
		g_assert_cmpint(parse(device, arena, &sub), ==, want);
		g_assert_cmpint(parse(endpoint, arena, &sub), ==, want);
		g_assert_cmpint(parse(whole, arena, &sub), ==, want);
	}
	g_autofree char *key = g_strnfill(LIMIT_COI_KEY + 1, 'A');
	g_autofree char *keys =
		g_strdup_printf("{\"resource\":{\"endpoint\":\"https://"
				"p\",\"keys\":{\"p256dh\":\"%s\",\"auth\":\"" AUTH "\"}}}",
				key);
	g_assert_cmpint(parse(keys, arena, &sub), ==, WEBPUSH_LIMIT);
}

static const struct entry_row {
	const char *path;
	enum coi_entry entry;
	const char *id;
} entry_rows[] = {
	{"vapid", COI_ENTRY_VAPID, ""},
	{"subscriptions", COI_ENTRY_SUBSCRIPTIONS, ""},
	{"subscriptions/31754ee7-d3ee_A", COI_ENTRY_SUBSCRIPTION, "31754ee7-d3ee_A"},
	{"subscriptions/31754ee7/validate", COI_ENTRY_VALIDATE, "31754ee7"},
	{"subscriptions/validate", COI_ENTRY_SUBSCRIPTION, "validate"},
	{"", COI_ENTRY_NONE, ""},
	{"vapid/x", COI_ENTRY_NONE, ""},
	{"subscriptionsx", COI_ENTRY_NONE, ""},
	{"subscriptions/", COI_ENTRY_NONE, ""},
	{"subscriptions//validate", COI_ENTRY_NONE, ""},
	{"subscriptions/a b", COI_ENTRY_NONE, ""},
	{"subscriptions/a/b", COI_ENTRY_NONE, ""},
	{"subscriptions/a/validate/x", COI_ENTRY_NONE, ""},
	{"subscriptions/\xc3\xbc", COI_ENTRY_NONE, ""},
	{"subscriptions/1234567890123456789012345678901234567890123456789012345678901234",
	 COI_ENTRY_SUBSCRIPTION,
	 "1234567890123456789012345678901234567890123456789012345678901234"},
	{"subscriptions/12345678901234567890123456789012345678901234567890123456789012345",
	 COI_ENTRY_NONE, ""},
};

static void test_entries(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(entry_rows); i++) {
		char id[LIMIT_DEVICE_ID + 1] = "";

		g_test_message("%s", entry_rows[i].path);
		g_assert_cmpint(coi_entry_parse(entry_rows[i].path, id), ==, entry_rows[i].entry);
		g_assert_cmpstr(id, ==, entry_rows[i].id);
	}
}

static void test_ids(void)
{
	const char *text;

	g_assert_cmpint(coi_id_check("123456789", &text), ==, WEBPUSH_CANNOT);
	g_assert_cmpint(coi_id_check("1234567890", &text), ==, WEBPUSH_OK);
	g_assert_cmpint(coi_id_check("31754ee7-d3ee-4226-b112-6895ed26fcf8", &text), ==,
			WEBPUSH_OK);
	g_assert_cmpint(coi_id_check("31754ee7-d3ee-4226-b112-6895ed26fcf8x", &text), ==,
			WEBPUSH_CANNOT);
	g_assert_cmpint(coi_id_check("1234567890/", &text), ==, WEBPUSH_CANNOT);
	g_assert_false(coi_id_has_valid_chars(""));
	g_assert_true(coi_id_has_valid_chars("x"));
	g_assert_false(coi_id_has_valid_chars("x y"));
}

static void test_format(void)
{
	struct coi_listing listing = {
		.created = 1571242457,
		.validated = true,
		.client = "a\"b\\c\n\xc3\xbc\xff",
		.msgtype = "chat",
		.endpoint = "https://p.example/1",
		.p256dh = P256DH,
		.auth = AUTH,
	};
	static const char want[] =
		"{\"created\":\"2019-10-16T16:14:17+00:00\",\"validated\":true,"
		"\"client\":\"a\\\"b\\\\c\\u000a\xc3\xbc\xef\xbf\xbd\",\"msgtype\":\"chat\","
		"\"resource\":{\"endpoint\":\"https://p.example/1\",\"keys\":{\"p256dh\":\"" P256DH
		"\",\"auth\":\"" AUTH "\"}}}";
	char out[1024], small[16];
	struct webpush_subscription sub;
	struct coi_listing empty = {0};

	g_assert_cmpuint(coi_listing_format(&listing, out, sizeof(out)), ==, strlen(want));
	g_assert_cmpstr(out, ==, want);
	g_assert_cmpuint(coi_listing_format(&listing, NULL, 0), ==, strlen(want));
	g_assert_cmpuint(coi_listing_format(&listing, small, sizeof(small)), ==, strlen(want));
	g_assert_cmpstr(small, ==, "{\"created\":\"201");

	/* What is listed can be sent back. */
	listing.client = "a\"b\\c";
	(void)coi_listing_format(&listing, out, sizeof(out));
	g_autofree char *arena = g_malloc(strlen(out) + 1);
	g_assert_cmpint(parse(out, arena, &sub), ==, WEBPUSH_OK);
	g_assert_cmpstr(sub.client, ==, "a\"b\\c");

	(void)coi_listing_format(&empty, out, sizeof(out));
	g_assert_cmpstr(
		out, ==,
		"{\"created\":\"1970-01-01T00:00:00+00:00\",\"validated\":false,"
		"\"resource\":{\"endpoint\":\"\",\"keys\":{\"p256dh\":\"\",\"auth\":\"\"}}}");
	empty.created = UINT64_MAX;
	(void)coi_listing_format(&empty, out, sizeof(out));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(parse_rows); i++) {
		g_autofree char *path =
			g_strdup_printf("/coi-subscription/parse/%s", parse_rows[i].name);
		g_test_add_data_func(path, &parse_rows[i], test_parse);
	}
	g_test_add_func("/coi-subscription/ceilings", test_ceilings);
	g_test_add_func("/coi-subscription/entries", test_entries);
	g_test_add_func("/coi-subscription/ids", test_ids);
	g_test_add_func("/coi-subscription/format", test_format);
	return g_test_run();
}
