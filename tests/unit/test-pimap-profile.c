/* What preferences of Push-IMAP make of a device. */
#include "pimap-profile.h"

#include <string.h>

static const struct row {
	const char *name;
	const char *channel, *address, *event_filter;
	const char *gateway, *endpoint;
	push_event_kinds events;
} rows[] = {
#define NEW PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_NEW)
#define MAIL PUSH_EVENT_KINDS_MAIL
#define NOBODY "none", "", 0
	{"nothing set", NULL, NULL, NULL, NOBODY},
	{"WAP push", "WAP_PUSH", "13335559999", NULL, "sms", "sms:+13335559999", MAIL},
	{"SMS", "SMS", "+13335559999", "NEW", "sms", "sms:+13335559999", NEW},
	{"as people write it", "SMS", "+1 (333) 555-99.99", NULL, "sms", "sms:+13335559999", MAIL},
	{"port 143", "GSMSMS", "13335559999", NULL, "sms", "sms:+13335559999;port=143", MAIL},
	{"the same for WDP", "WAPWDP", "13335559999", "ALL", "sms", "sms:+13335559999;wdp=143",
	 MAIL},
	{"a subscription", "WEBPUSH", "my-sub", NULL, "webpush", "my-sub", MAIL},
	{"a URL", "HTTP", "https://x.example/p?q", "NEW", "http", "https://x.example/p?q", NEW},
	{"a webhook's name", "HTTP", "relay", NULL, "http", "relay", MAIL},
	{"no subscription", "WEBPUSH", "", NULL, NOBODY},
	{"no events", "SMS", "13335559999", "NONE", "sms", "sms:+13335559999", 0},
	{"no channel", "NONE", "13335559999", NULL, NOBODY},
	{"a channel there is not", "UDP", "13335559999", NULL, NOBODY},
	{"no address", "SMS", NULL, NULL, NOBODY},
	{"an address of mail", "SMS", "joe@foo.com", NULL, NOBODY},
	{"no code of a country", "SMS", "0170 1234567", NULL, NOBODY},
	{"too short", "SMS", "123456", NULL, NOBODY},
	{"the shortest", "SMS", "1234567", NULL, "sms", "sms:+1234567", MAIL},
	{"the longest", "SMS", "123456789012345", NULL, "sms", "sms:+123456789012345", MAIL},
	{"too long", "SMS", "1234567890123456", NULL, NOBODY},
	{"what would be a parameter", "SMS", "13335559999;port=25", NULL, NOBODY},
	{"a header's end", "SMS", "13335559999\r\nx: y", NULL, NOBODY},
	{"two signs", "SMS", "++13335559999", NULL, NOBODY},
};

static void test_apply(gconstpointer data)
{
	const struct row *row = data;
	const struct pimap_profile profile = {
		.values = {
			[PIMAP_PREF_ADDRESS] = (char *)row->address,
			[PIMAP_PREF_CHANNEL] = (char *)row->channel,
			[PIMAP_PREF_EVENT_FILTER] = (char *)row->event_filter,
		}};
	g_autoptr(device_t) device = g_new0(struct device, 1);

	pimap_profile_apply(&profile, device);
	g_assert_cmpstr(device->gateway, ==, row->gateway);
	g_assert_cmpstr(device->endpoint, ==, row->endpoint);
	g_assert_cmpuint(device->events, ==, row->events);
	g_assert_cmpint(device->dialect, ==, DIALECT_EMN);
	/* Set anew, it is the same. */
	pimap_profile_apply(&profile, device);
	g_assert_cmpstr(device->endpoint, ==, row->endpoint);
}

/* A channel that the operator takes away carries nothing more. */
static void test_allowed(void)
{
	static char *both[] = {(char *)"SMS", (char *)"WAP_PUSH", (char *)"WAPWDP", NULL};
	struct config config = {.pimap_channels = both, .sms_url = (char *)"http://x/"};
	struct device device = {.label = (char *)"SMS"};
	g_autofree char *on = pimap_channels(&config), *off = NULL;

	g_assert_cmpstr(on, ==, "WAP_PUSH SMS NONE");
	g_assert_true(pimap_device_allowed(&config, &device));
	config.sms_cdma_smsc = (char *)"cdma";
	g_free(on);
	on = pimap_channels(&config);
	g_assert_cmpstr(on, ==, "WAP_PUSH SMS WAPWDP NONE");
	config.pimap_channels = both + 1;
	g_assert_false(pimap_device_allowed(&config, &device));
	config.pimap_channels = NULL;
	g_assert_false(pimap_device_allowed(&config, &device));
	device.label = NULL;
	g_assert_false(pimap_device_allowed(&config, &device));
	config.pimap_channels = both;
	config.sms_url = NULL;
	off = pimap_channels(&config);
	g_assert_cmpstr(off, ==, "NONE");
}

/* What may be set, whichever comes first. */
static const struct pair_row {
	const char *name;
	const char *channel, *address;
	enum pimap_pref pref;
	const char *value, *text; /* NULL: fine */
} pair_rows[] = {
#define ADDRESS PIMAP_PREF_ADDRESS
#define CHANNEL PIMAP_PREF_CHANNEL
#define NUMBERS "the channel takes telephone numbers, with the code of the country"
#define SUBSCRIPTIONS "the channel takes the name of a Web Push subscription of yours"
#define WEB "the channel takes an https URL, or a name that the operator gave out"
#define OTHER                                                                                \
	"the address is none of that channel's; set the channel to NONE, then the address, " \
	"then the channel"
	{"a name, no channel yet", NULL, NULL, ADDRESS, "my-sub", NULL},
	{"a number", "SMS", NULL, ADDRESS, "13335559999", NULL},
	{"a name for a number", "SMS", NULL, ADDRESS, "my-sub", NUMBERS},
	{"taken back", "SMS", "13335559999", ADDRESS, "", NULL},
	{"a subscription", "WEBPUSH", NULL, ADDRESS, "my-sub", NULL},
	{"two words", "WEBPUSH", NULL, ADDRESS, "my sub", SUBSCRIPTIONS},
	{"a URL", "HTTP", NULL, ADDRESS, "https://x.example/p", NULL},
	{"a URL in capitals", "HTTP", NULL, ADDRESS, "HTTPS://x.example/p", NULL},
	{"not safe", "HTTP", NULL, ADDRESS, "http://x.example/p", WEB},
	{"the operator's name", "HTTP", NULL, ADDRESS, "relay", NULL},
	{"a webhook for other things", "HTTP", NULL, ADDRESS, "events", WEB},
	{"nobody's name", "HTTP", NULL, ADDRESS, "none", WEB},
	{"a channel, no address yet", NULL, NULL, CHANNEL, "webpush", NULL},
	{"a channel for the address", NULL, "13335559999", CHANNEL, "SMS", NULL},
	{"a channel for another", NULL, "my-sub", CHANNEL, "SMS", OTHER},
	{"a channel after another", "SMS", "13335559999", CHANNEL, "HTTP", OTHER},
	{"off, whatever the address", "SMS", "13335559999", CHANNEL, "NONE", NULL},
};

static void test_pair(gconstpointer data)
{
	static const char text[] =
		"[http]\nallowed-endpoints = http://127.0.0.1:8080\n[webhook relay]\n"
		"url = http://127.0.0.1:8080/\npimap = yes\n"
		"[webhook events]\nurl = http://127.0.0.1:8080/\n";
	static char *channels[] = {(char *)"SMS", (char *)"WEBPUSH", (char *)"HTTP", NULL};
	const struct pair_row *row = data;
	const struct pimap_profile profile = {.values = {
						      [PIMAP_PREF_ADDRESS] = (char *)row->address,
						      [PIMAP_PREF_CHANNEL] = (char *)row->channel,
					      }};
	g_autoptr(config_t) config = config_parse(text, strlen(text), "t", NULL);
	g_autofree char *canonical = NULL;

	config->pimap_channels = g_strdupv(channels);
	config->sms_url = g_strdup("http://127.0.0.1:8080/");
	g_assert_cmpstr(pimap_pref_check(config, &profile, row->pref, row->value, &canonical), ==,
			row->text);
	g_assert_true((canonical != NULL) == (row->text == NULL));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strdup_printf("/pimap-profile/%s", rows[i].name);

		g_test_add_data_func(path, &rows[i], test_apply);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(pair_rows); i++) {
		g_autofree char *path =
			g_strdup_printf("/pimap-profile/pair/%s", pair_rows[i].name);

		g_test_add_data_func(path, &pair_rows[i], test_pair);
	}
	g_test_add_func("/pimap-profile/allowed", test_allowed);
	return g_test_run();
}
