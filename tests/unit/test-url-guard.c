#include "limits.h"
#include "public-address.h"
#include "scripted-resolver.h"
#include "url-guard.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include <glib.h>

/* --- addresses ----------------------------------------------------------- */

static const struct address_row {
	const char *address;
	gboolean public;
} address_rows[] = {
	{"0.0.0.0", FALSE},
	{"0.255.255.255", FALSE},
	{"1.0.0.0", TRUE},
	{"9.255.255.255", TRUE},
	{"10.0.0.0", FALSE},
	{"10.255.255.255", FALSE},
	{"11.0.0.0", TRUE},
	{"100.63.255.255", TRUE},
	{"100.64.0.0", FALSE},
	{"100.127.255.255", FALSE},
	{"100.128.0.0", TRUE},
	{"126.255.255.255", TRUE},
	{"127.0.0.1", FALSE},
	{"127.255.255.254", FALSE},
	{"128.0.0.0", TRUE},
	{"169.253.255.255", TRUE},
	{"169.254.169.254", FALSE}, /* cloud metadata */
	{"169.255.0.0", TRUE},
	{"172.15.255.255", TRUE},
	{"172.16.0.0", FALSE},
	{"172.31.255.255", FALSE},
	{"172.32.0.0", TRUE},
	{"192.0.0.1", FALSE},
	{"192.0.1.0", TRUE},
	{"192.0.2.1", FALSE},
	{"192.88.98.255", TRUE},
	{"192.88.99.1", FALSE},
	{"192.167.255.255", TRUE},
	{"192.168.0.1", FALSE},
	{"192.169.0.0", TRUE},
	{"198.17.255.255", TRUE},
	{"198.18.0.0", FALSE},
	{"198.19.255.255", FALSE},
	{"198.20.0.0", TRUE},
	{"198.51.100.7", FALSE},
	{"203.0.113.7", FALSE},
	{"203.0.114.0", TRUE},
	{"223.255.255.255", TRUE},
	{"224.0.0.1", FALSE},
	{"239.255.255.255", FALSE},
	{"240.0.0.1", FALSE},
	{"255.255.255.255", FALSE},
	{"::", FALSE},
	{"::1", FALSE},
	{"::2", FALSE},
	{"::7f00:1", FALSE},         /* compatible 127.0.0.1 */
	{"::808:808", TRUE},         /* compatible 8.8.8.8 */
	{"::ffff:127.0.0.1", FALSE}, /* mapped */
	{"::ffff:10.0.0.1", FALSE},
	{"::ffff:169.254.169.254", FALSE},
	{"::ffff:8.8.8.8", TRUE},
	{"64:ff9b::a00:1", FALSE},  /* NAT64 10.0.0.1 */
	{"64:ff9b::808:808", TRUE}, /* NAT64 8.8.8.8 */
	{"64:ff9b:1::808:808", FALSE},
	{"100::1", FALSE},
	{"2001::1", FALSE}, /* Teredo */
	{"2001:1ff:ffff::1", FALSE},
	{"2001:200::1", TRUE},
	{"2001:db8::1", FALSE},
	{"2001:4860:4860::8888", TRUE},
	{"2002:7f00:1::1", FALSE},   /* 6to4 127.0.0.1 */
	{"2002:c0a8:101::1", FALSE}, /* 6to4 192.168.1.1 */
	{"2002:808:808::1", TRUE},   /* 6to4 8.8.8.8 */
	{"2606:4700::1111", TRUE},
	{"3fff::1", FALSE},
	{"3fff:1000::1", TRUE},
	{"4000::1", FALSE}, /* not global unicast */
	{"5f00::1", FALSE},
	{"fc00::1", FALSE},
	{"fd12:3456::1", FALSE},
	{"fe80::1", FALSE},
	{"febf::1", FALSE},
	{"fec0::1", FALSE},
	{"ff02::1", FALSE},
};

static void test_address(gconstpointer data)
{
	const struct address_row *row = data;
	g_autoptr(GInetAddress) address = g_inet_address_new_from_string(row->address);
	struct url_guard *guard = url_guard_new(NULL, NULL);
	struct url_parts parts = {0};

	g_assert_nonnull(address);
	g_assert_cmpint(public_address_refusal(address) == NULL, ==, row->public);
	g_assert_true(url_guard_parse(guard, "https://push.example.com/", &parts, NULL));
	g_assert_cmpint(url_guard_address_allowed(guard, &parts, address), ==, row->public);
	url_parts_clear(&parts);
	url_guard_unref(guard);
}

/* --- URLs ---------------------------------------------------------------- */

static const struct taken_row {
	const char *name;
	const char *url;
	const char *origin;
	const char *target;
} taken_rows[] = {
	{"plain", "https://push.example.com/a/b?c=d", "https://push.example.com:443", "/a/b?c=d"},
	{"no path", "https://push.example.com", "https://push.example.com:443", "/"},
	{"query only", "https://push.example.com?x", "https://push.example.com:443", "/?x"},
	{"port 443", "https://push.example.com:443/x", "https://push.example.com:443", "/x"},
	{"empty port", "https://push.example.com:/x", "https://push.example.com:443", "/x"},
	{"upper case", "HTTPS://Push.EXAMPLE.com/A", "https://push.example.com:443", "/A"},
	{"last dot", "https://push.example.com./x", "https://push.example.com:443", "/x"},
	{"escapes stay", "https://push.example.com/%2e%2e/%0a", "https://push.example.com:443",
	 "/%2e%2e/%0a"},
	{"dots stay", "https://push.example.com/a/../b", "https://push.example.com:443", "/a/../b"},
	{"IDN",
	 "https://b\xc3\xbc"
	 "cher.example.com/",
	 "https://xn--bcher-kva.example.com:443", "/"},
	{"punycode", "https://xn--bcher-kva.example.com/", "https://xn--bcher-kva.example.com:443",
	 "/"},
	{"numbers in a name", "https://1.2.3.4.example.com/", "https://1.2.3.4.example.com:443",
	 "/"},
	{"at sign in the path", "https://push.example.com/@x", "https://push.example.com:443",
	 "/@x"},
};

static const struct refused_row {
	const char *name;
	const char *url;
	enum url_guard_error error;
} refused_rows[] = {
	{"http", "http://push.example.com/", URL_GUARD_ERROR_SCHEME},
	{"ftp", "ftp://push.example.com/", URL_GUARD_ERROR_SCHEME},
	{"file", "file:///etc/passwd", URL_GUARD_ERROR_SCHEME},
	{"no scheme", "push.example.com/", URL_GUARD_ERROR_SCHEME},
	{"scheme only", "https:", URL_GUARD_ERROR_SCHEME},
	{"one slash", "https:/push.example.com/", URL_GUARD_ERROR_SCHEME},
	{"blank first", " https://push.example.com/", URL_GUARD_ERROR_SCHEME},
	{"empty", "", URL_GUARD_ERROR_SCHEME},

	{"port 80", "https://push.example.com:80/", URL_GUARD_ERROR_PORT},
	{"port 22", "https://push.example.com:22/", URL_GUARD_ERROR_PORT},
	{"port 0", "https://push.example.com:0/", URL_GUARD_ERROR_SYNTAX},
	{"port too large", "https://push.example.com:65979/", URL_GUARD_ERROR_SYNTAX},
	{"port not a number", "https://push.example.com:x/", URL_GUARD_ERROR_SYNTAX},
	{"port with a sign", "https://push.example.com:+443/", URL_GUARD_ERROR_SYNTAX},

	{"no host", "https:///x", URL_GUARD_ERROR_SYNTAX},
	{"user", "https://user@push.example.com/", URL_GUARD_ERROR_SYNTAX},
	{"user and password", "https://u:p@push.example.com/", URL_GUARD_ERROR_SYNTAX},
	{"host for a user", "https://push.example.com@127.0.0.1/", URL_GUARD_ERROR_SYNTAX},
	{"two at signs", "https://a@b@push.example.com/", URL_GUARD_ERROR_SYNTAX},
	{"escaped at sign", "https://a%40push.example.com/", URL_GUARD_ERROR_SYNTAX},
	{"escaped dot in host", "https://push%2eexample.com/", URL_GUARD_ERROR_SYNTAX},
	{"fragment", "https://push.example.com/#x", URL_GUARD_ERROR_SYNTAX},
	{"empty fragment", "https://push.example.com/#", URL_GUARD_ERROR_SYNTAX},
	{"backslash", "https://push.example.com\\@127.0.0.1/", URL_GUARD_ERROR_SYNTAX},
	{"blank", "https://push.example.com/a b", URL_GUARD_ERROR_SYNTAX},
	{"TAB", "https://push.example.com/a\tb", URL_GUARD_ERROR_SYNTAX},
	{"CR LF", "https://push.example.com/a\r\nHost: x", URL_GUARD_ERROR_SYNTAX},
	{"DEL", "https://push.example.com/\x7f", URL_GUARD_ERROR_SYNTAX},
	{"quote", "https://push.example.com/\"", URL_GUARD_ERROR_SYNTAX},
	{"raw UTF-8 in the path", "https://push.example.com/\xc3\xbc", URL_GUARD_ERROR_SYNTAX},
	{"broken UTF-8 in the host",
	 "https://b\xfc"
	 "cher.example.com/",
	 URL_GUARD_ERROR_SYNTAX},
	{"empty label", "https://push..example.com/", URL_GUARD_ERROR_SYNTAX},
	{"two last dots", "https://push.example.com../", URL_GUARD_ERROR_SYNTAX},
	{"hyphen first", "https://-push.example.com/", URL_GUARD_ERROR_SYNTAX},
	{"long label",
	 "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com/",
	 URL_GUARD_ERROR_SYNTAX},

	{"single label", "https://intranet/", URL_GUARD_ERROR_HOST},
	{"single label, last dot", "https://intranet./", URL_GUARD_ERROR_HOST},
	{"localhost", "https://localhost/", URL_GUARD_ERROR_HOST},
	{"below localhost", "https://a.localhost/", URL_GUARD_ERROR_HOST},
	{"local", "https://printer.local/", URL_GUARD_ERROR_HOST},
	{"LOCAL.", "https://printer.LOCAL./", URL_GUARD_ERROR_HOST},
	{"internal", "https://metadata.google.internal/", URL_GUARD_ERROR_HOST},
	{"lan", "https://ntfy.lan/", URL_GUARD_ERROR_HOST},
	{"home.arpa", "https://ntfy.home.arpa/", URL_GUARD_ERROR_HOST},
	{"onion", "https://abc.onion/", URL_GUARD_ERROR_HOST},
	{"IPv4", "https://127.0.0.1/", URL_GUARD_ERROR_HOST},
	{"public IPv4", "https://8.8.8.8/", URL_GUARD_ERROR_HOST},
	{"IPv4, last dot", "https://127.0.0.1./", URL_GUARD_ERROR_HOST},
	{"decimal", "https://2130706433/", URL_GUARD_ERROR_HOST},
	{"octal", "https://0177.0.0.1/", URL_GUARD_ERROR_HOST},
	{"octal in one", "https://017700000001/", URL_GUARD_ERROR_HOST},
	{"hexadecimal", "https://0x7f000001/", URL_GUARD_ERROR_HOST},
	{"hexadecimal parts", "https://0x7f.0x0.0x0.0x1/", URL_GUARD_ERROR_HOST},
	{"short", "https://127.1/", URL_GUARD_ERROR_HOST},
	{"padded", "https://127.000.000.001/", URL_GUARD_ERROR_HOST},
	{"number too large", "https://1.2.3.400/", URL_GUARD_ERROR_HOST},
	{"last label 0x", "https://push.0x/", URL_GUARD_ERROR_HOST},
	{"full-width digits", "https://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/",
	 URL_GUARD_ERROR_HOST},
	{"ideographic full stops",
	 "https://127\xe3\x80\x82"
	 "0\xe3\x80\x82"
	 "0\xe3\x80\x82"
	 "1/",
	 URL_GUARD_ERROR_HOST},
	{"circled digits", "https://\xe2\x91\xa0.\xe2\x91\xa1.\xe2\x91\xa2.\xe2\x91\xa3/",
	 URL_GUARD_ERROR_HOST},
	{"IPv6", "https://[::1]/", URL_GUARD_ERROR_HOST},
	{"public IPv6", "https://[2606:4700::1111]/", URL_GUARD_ERROR_HOST},
	{"mapped", "https://[::ffff:127.0.0.1]/", URL_GUARD_ERROR_HOST},
	{"IPv6 with zone", "https://[fe80::1%25eth0]/", URL_GUARD_ERROR_SYNTAX},
	{"IPv6 with raw zone", "https://[fe80::1%eth0]/", URL_GUARD_ERROR_SYNTAX},
	{"IPv6 without brackets", "https://::1/", URL_GUARD_ERROR_SYNTAX},
	{"open bracket", "https://[::1/", URL_GUARD_ERROR_SYNTAX},
	{"name in brackets", "https://[push.example.com]/", URL_GUARD_ERROR_SYNTAX},
};

static void test_taken(gconstpointer data)
{
	const struct taken_row *row = data;
	struct url_guard *guard = url_guard_new(NULL, NULL);
	struct url_parts parts = {0};
	g_autoptr(GError) error = NULL;

	url_guard_parse(guard, row->url, &parts, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(parts.origin, ==, row->origin);
	g_assert_cmpstr(parts.target, ==, row->target);
	g_assert_cmpuint(parts.port, ==, 443);
	g_assert_true(parts.secure);
	url_parts_clear(&parts);
	url_guard_unref(guard);
}

static void test_refused(gconstpointer data)
{
	const struct refused_row *row = data;
	struct url_guard *guard = url_guard_new(NULL, NULL);
	struct url_parts parts = {.port = 1};
	g_autoptr(GError) error = NULL;

	g_assert_false(url_guard_parse(guard, row->url, &parts, &error));
	g_assert_error(error, URL_GUARD_ERROR, (gint)row->error);
	g_assert_null(parts.origin);
	g_assert_cmpuint(parts.port, ==, 1);
	url_guard_unref(guard);
}

static void test_length(void)
{
	struct url_guard *guard = url_guard_new(NULL, NULL);
	struct url_parts parts = {0};
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) url = g_string_new("https://push.example.com/");

	while (url->len < LIMIT_ENDPOINT)
		g_string_append_c(url, 'x');
	g_assert_true(url_guard_parse(guard, url->str, &parts, &error));
	url_parts_clear(&parts);
	g_string_append_c(url, 'x');
	g_assert_false(url_guard_parse(guard, url->str, &parts, &error));
	g_assert_error(error, URL_GUARD_ERROR, URL_GUARD_ERROR_SYNTAX);
	url_guard_unref(guard);
}

/* --- what the operator allows -------------------------------------------- */

static const char *const allowed[] = {
	"https://ntfy.example.lan:8443",
	"http://127.0.0.1:8080/",
	"HTTP://Hooks:9000",
	"gotify.lan",
	"10.1.0.0/16",
	"fd00::/8",
	"192.0.2.7",
	"https://[::1]:7443",
	NULL,
};

/* An origin: this one, with any address. A host: https on 443, any address. A
 * range: names may lead there, and literals stand with any port. */
static const struct allowed_row {
	const char *url;
	const char *address; /* may it go there? */
	gboolean allowed;
} allowed_rows[] = {
	{"https://ntfy.example.lan:8443/x", "192.168.1.1", TRUE},
	{"https://NTFY.example.lan.:8443/x", "127.0.0.1", TRUE},
	{"http://127.0.0.1:8080/x", "127.0.0.1", TRUE},
	{"http://hooks:9000/", "10.9.9.9", TRUE},
	{"https://[::1]:7443/", "::1", TRUE},
	{"https://[0:0::1]:7443/", "::1", TRUE},
	{"https://gotify.lan/", "192.168.1.1", TRUE},
	{"https://push.example.com/", "10.1.2.3", TRUE},
	{"https://push.example.com/", "10.2.2.3", FALSE},
	{"https://push.example.com/", "192.0.2.7", TRUE},
	{"https://push.example.com/", "192.0.2.8", FALSE},
	{"https://push.example.com/", "fd00::1", TRUE},
	{"https://push.example.com/", "fc00::1", FALSE},
	{"https://push.example.com/", "::ffff:10.2.0.1", FALSE},
	{"https://10.1.2.3:8443/", "10.1.2.3", TRUE},
	{"https://[fd00::1]/", "fd00::1", TRUE},
};

static const struct near_miss_row {
	const char *url;
	enum url_guard_error error;
} near_miss_rows[] = {
	{"https://ntfy.example.lan/x", URL_GUARD_ERROR_HOST},
	{"https://ntfy.example.lan:8444/x", URL_GUARD_ERROR_HOST},
	{"http://ntfy.example.lan:8443/x", URL_GUARD_ERROR_SCHEME},
	{"http://127.0.0.1:8081/x", URL_GUARD_ERROR_SCHEME},
	{"https://127.0.0.1:8080/x", URL_GUARD_ERROR_HOST},
	{"http://0x7f.1:8080/x", URL_GUARD_ERROR_HOST},
	{"https://gotify.lan:444/", URL_GUARD_ERROR_PORT},
	{"http://gotify.lan/", URL_GUARD_ERROR_SCHEME},
	{"https://other.lan/", URL_GUARD_ERROR_HOST},
	{"https://10.2.2.3/", URL_GUARD_ERROR_HOST},
	{"http://10.1.2.3/", URL_GUARD_ERROR_SCHEME},
};

static void test_allowed(gconstpointer data)
{
	const struct allowed_row *row = data;
	g_autoptr(GInetAddress) address = g_inet_address_new_from_string(row->address);
	g_autoptr(GError) error = NULL;
	struct url_guard *guard = url_guard_new(allowed, &error);
	struct url_parts parts = {0};

	g_assert_no_error(error);
	url_guard_parse(guard, row->url, &parts, &error);
	g_assert_no_error(error);
	g_assert_cmpint(url_guard_address_allowed(guard, &parts, address), ==, row->allowed);
	url_parts_clear(&parts);
	url_guard_unref(guard);
}

static void test_near_miss(gconstpointer data)
{
	const struct near_miss_row *row = data;
	g_autoptr(GError) error = NULL;
	struct url_guard *guard = url_guard_new(allowed, NULL);
	struct url_parts parts = {0};

	g_assert_false(url_guard_parse(guard, row->url, &parts, &error));
	g_assert_error(error, URL_GUARD_ERROR, (gint)row->error);
	url_guard_unref(guard);
}

static void test_bad_entries(void)
{
	static const char *const entries[] = {
		"https://ntfy.example.com/path",
		"10.1.2.3/16",
		"10.1.0.0/33",
		"fd00::/x",
		"ftp://ntfy.example.com",
		"a b.example.com",
		"",
		"0x7f.1",
		"https://u@ntfy.example.com",
		"-x.example.com",
		"https://a.b:99999",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(entries); i++) {
		const char *list[] = {"gotify.lan", entries[i], NULL};
		g_autoptr(GError) error = NULL;
		g_autofree char *quoted = g_strdup_printf("'%s'", entries[i]);

		g_test_message("entry %s", quoted);
		g_assert_null(url_guard_new(list, &error));
		g_assert_nonnull(error);
		g_assert_nonnull(strstr(error->message, quoted));
	}
}

/* --- the host's own addresses -------------------------------------------- */

static gboolean getifaddrs_fails;

/* In place of libc's: this host has public addresses too. */
int getifaddrs(struct ifaddrs **list_r)
{
	static struct sockaddr_in v4;
	static struct sockaddr_in6 v6;
	static struct ifaddrs list[] = {
		{.ifa_next = &list[1], .ifa_addr = NULL}, /* an interface without one */
		{.ifa_next = &list[2], .ifa_addr = (struct sockaddr *)&v4},
		{.ifa_addr = (struct sockaddr *)&v6},
	};

	v4.sin_family = AF_INET;
	v6.sin6_family = AF_INET6;
	inet_pton(AF_INET, "8.8.4.4", &v4.sin_addr);
	inet_pton(AF_INET6, "2606:4700::9", &v6.sin6_addr);
	*list_r = getifaddrs_fails ? NULL : list;
	return getifaddrs_fails ? -1 : 0;
}

void freeifaddrs(struct ifaddrs *list)
{
}

static const struct own_row {
	const char *address;
	const char *allow;
	gboolean allowed;
} own_rows[] = {
	{"8.8.4.4", NULL, FALSE},
	{"8.8.4.5", NULL, TRUE},
	{"::ffff:8.8.4.4", NULL, FALSE},
	{"64:ff9b::808:404", NULL, FALSE},
	{"2606:4700::9", NULL, FALSE},
	{"2606:4700::a", NULL, TRUE},
	{"8.8.4.4", "8.8.4.0/24", TRUE},
	{"8.8.4.4", "push.example.com", TRUE},
	{"8.8.4.4", "https://push.example.com", TRUE},
	{"8.8.4.4", "https://push.example.com:8443", FALSE},
};

static gboolean may_connect(const struct own_row *row)
{
	const char *list[] = {row->allow, NULL};
	struct url_guard *guard = url_guard_new(list, NULL);
	g_autoptr(GInetAddress) address = g_inet_address_new_from_string(row->address);
	struct url_parts parts = {0};

	g_assert_true(url_guard_parse(guard, "https://push.example.com/", &parts, NULL));
	gboolean allowed_now = url_guard_address_allowed(guard, &parts, address);
	url_parts_clear(&parts);
	url_guard_unref(guard);
	return allowed_now;
}

static void test_own_address(gconstpointer data)
{
	const struct own_row *row = data;

	g_assert_cmpint(may_connect(row), ==, row->allowed);
}

/* Not knowing them is no reason to connect. */
static void test_own_address_unknown(void)
{
	getifaddrs_fails = TRUE;
	g_assert_false(may_connect(&(struct own_row){"8.8.8.8", NULL, FALSE}));
	getifaddrs_fails = FALSE;
	g_assert_true(may_connect(&(struct own_row){"8.8.8.8", NULL, TRUE}));
}

/* --- look-ups ------------------------------------------------------------ */

static const struct lookup_row {
	const char *name;
	const char *script;
	const char *expect[3]; /* addresses kept, look-up by look-up; "!" = refused */
} lookup_rows[] = {
	{"public", "8.8.8.8", {"8.8.8.8"}},
	{"several", "8.8.8.8 2606:4700::1111 9.9.9.9", {"8.8.8.8 2606:4700::1111 9.9.9.9"}},
	{"private", "192.168.1.1", {"!"}},
	{"this host's own", "8.8.4.4", {"!"}},
	{"public first, then loopback", "8.8.8.8/127.0.0.1", {"8.8.8.8", "!", "!"}},
	{"there and back", "8.8.8.8/127.0.0.1/9.9.9.9", {"8.8.8.8", "!", "9.9.9.9"}},
	{"mixed, private first", "127.0.0.1 8.8.8.8", {"8.8.8.8"}},
	{"mixed, private last", "8.8.8.8 10.0.0.1 ::1", {"8.8.8.8"}},
	{"mapped loopback", "::ffff:127.0.0.1", {"!"}},
	{"mixed, then private only", "10.0.0.1 8.8.8.8/10.0.0.1", {"8.8.8.8", "!"}},
};

struct waiting {
	GMainLoop *loop;
	GList *found;
	GError *error;
};

static void resolved(GObject *source, GAsyncResult *result, gpointer data)
{
	struct waiting *waiting = data;

	waiting->found = url_guard_resolve_finish(result, &waiting->error);
	g_main_loop_quit(waiting->loop);
}

/* Addresses with a blank between; "!" for ADDRESS, NULL with *error_r for others. */
static char *resolve(struct url_guard *guard, const char *url, GResolver *resolver,
		     GError **error_r)
{
	struct waiting waiting = {.loop = g_main_loop_new(NULL, FALSE)};
	struct url_parts parts = {0};
	g_autoptr(GString) text = g_string_new(NULL);

	g_assert_true(url_guard_parse(guard, url, &parts, NULL));
	url_guard_resolve_async(guard, &parts, resolver, NULL, resolved, &waiting);
	/* What it needs it has copied. */
	url_parts_clear(&parts);
	g_main_loop_run(waiting.loop);
	g_main_loop_unref(waiting.loop);
	g_assert_true((waiting.found == NULL) == (waiting.error != NULL));
	if (g_error_matches(waiting.error, URL_GUARD_ERROR, URL_GUARD_ERROR_ADDRESS)) {
		g_clear_error(&waiting.error);
		return g_strdup("!");
	}
	if (waiting.error != NULL) {
		g_propagate_error(error_r, waiting.error);
		return NULL;
	}
	for (GList *l = waiting.found; l != NULL; l = l->next) {
		g_autofree char *address = g_inet_address_to_string(l->data);

		g_string_append_printf(text, "%s%s", text->len > 0 ? " " : "", address);
	}
	g_resolver_free_addresses(waiting.found);
	return g_strdup(text->str);
}

static void test_lookup(gconstpointer data)
{
	const struct lookup_row *row = data;
	struct url_guard *guard = url_guard_new(NULL, NULL);
	g_autoptr(GResolver) resolver = scripted_resolver_new(row->script);

	for (guint i = 0; i < G_N_ELEMENTS(row->expect) && row->expect[i] != NULL; i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *got =
			resolve(guard, "https://push.example.com/", resolver, &error);

		g_assert_no_error(error);
		g_assert_cmpstr(got, ==, row->expect[i]);
		g_assert_cmpuint(scripted_resolver_count(resolver), ==, i + 1);
	}
	url_guard_unref(guard);
}

static void test_lookup_fails(void)
{
	struct url_guard *guard = url_guard_new(NULL, NULL);
	g_autoptr(GResolver) resolver = scripted_resolver_new("");
	g_autoptr(GError) error = NULL;

	g_assert_null(resolve(guard, "https://push.example.com/", resolver, &error));
	g_assert_error(error, URL_GUARD_ERROR, URL_GUARD_ERROR_RESOLVE);
	url_guard_unref(guard);
}

/* Literals that the operator let in are not looked up. */
static void test_lookup_literal(void)
{
	struct url_guard *guard = url_guard_new(allowed, NULL);
	g_autoptr(GResolver) resolver = scripted_resolver_new("8.8.8.8");
	g_autoptr(GError) error = NULL;
	g_autofree char *v4 = resolve(guard, "https://10.1.2.3:8443/", resolver, &error);
	g_autofree char *v6 = resolve(guard, "https://[fd00:0::1]/", resolver, &error);

	g_assert_cmpstr(v4, ==, "10.1.2.3");
	g_assert_cmpstr(v6, ==, "fd00::1");
	g_assert_cmpuint(scripted_resolver_count(resolver), ==, 0);
	url_guard_unref(guard);
}

static void add_row(const char *path, const char *name, gconstpointer row, GTestDataFunc test)
{
	g_autoptr(GString) full = g_string_new(path);

	g_string_append(full, name);
	/* Slashes of a URL would make sub-paths. */
	for (gsize i = strlen(path); i < full->len; i++) {
		if (full->str[i] == '/')
			full->str[i] = '|';
	}
	g_test_add_data_func(full->str, row, test);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(address_rows); i++)
		add_row("/url-guard/address/", address_rows[i].address, &address_rows[i],
			test_address);
	for (gsize i = 0; i < G_N_ELEMENTS(taken_rows); i++)
		add_row("/url-guard/taken/", taken_rows[i].name, &taken_rows[i], test_taken);
	for (gsize i = 0; i < G_N_ELEMENTS(refused_rows); i++)
		add_row("/url-guard/refused/", refused_rows[i].name, &refused_rows[i],
			test_refused);
	g_test_add_func("/url-guard/length", test_length);
	for (gsize i = 0; i < G_N_ELEMENTS(allowed_rows); i++) {
		g_autofree char *name =
			g_strdup_printf("%s to %s", allowed_rows[i].url, allowed_rows[i].address);

		add_row("/url-guard/allowed/", name, &allowed_rows[i], test_allowed);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(near_miss_rows); i++)
		add_row("/url-guard/near-miss/", near_miss_rows[i].url, &near_miss_rows[i],
			test_near_miss);
	g_test_add_func("/url-guard/bad-entries", test_bad_entries);
	for (gsize i = 0; i < G_N_ELEMENTS(own_rows); i++) {
		g_autofree char *name =
			g_strdup_printf("%s with %s", own_rows[i].address,
					own_rows[i].allow != NULL ? own_rows[i].allow : "nothing");

		add_row("/url-guard/own-address/", name, &own_rows[i], test_own_address);
	}
	g_test_add_func("/url-guard/own-address-unknown", test_own_address_unknown);
	for (gsize i = 0; i < G_N_ELEMENTS(lookup_rows); i++)
		add_row("/url-guard/lookup/", lookup_rows[i].name, &lookup_rows[i], test_lookup);
	g_test_add_func("/url-guard/lookup-fails", test_lookup_fails);
	g_test_add_func("/url-guard/lookup-literal", test_lookup_literal);
	return g_test_run();
}
