#include "http-peer.h"

#include <string.h>

static void test_rows(void)
{
	static const struct {
		const char *name, *remote; /* NULL = a Unix socket */
		struct http_peer_headers headers;
		const char *address, *host;
		gboolean tls, local;
	} rows[] = {
		{"a phone", "192.0.2.7", {.host = "h"}, "192.0.2.7", "h", FALSE, FALSE},
		{"this machine", "127.0.0.1", {.host = "h"}, "127.0.0.1", "h", FALSE, TRUE},
		{"this machine, IPv6", "::1", {.host = "h"}, "::1", "h", FALSE, TRUE},
		{"a stranger says who it is",
		 "192.0.2.7",
		 {.host = "h",
		  .forwarded_for = "198.51.100.1",
		  .forwarded_proto = "https",
		  .forwarded_host = "evil"},
		 "192.0.2.7",
		 "h",
		 FALSE,
		 FALSE},
		{"a stranger with RFC 7239",
		 "192.0.2.7",
		 {.host = "h", .forwarded = "for=198.51.100.1;proto=https;host=evil"},
		 "192.0.2.7",
		 "h",
		 FALSE,
		 FALSE},
		{"a proxy here that nobody told us of",
		 "127.0.0.1",
		 {.host = "h", .forwarded_for = "198.51.100.1"},
		 "127.0.0.1",
		 "h",
		 FALSE,
		 FALSE},
		{"the proxy",
		 "10.1.2.3",
		 {.host = "h", .forwarded_for = "198.51.100.1", .forwarded_proto = "HTTPS"},
		 "198.51.100.1",
		 "h",
		 TRUE,
		 FALSE},
		{"the proxy without TLS",
		 "10.1.2.3",
		 {.host = "h", .forwarded_for = "198.51.100.1", .forwarded_proto = "http"},
		 "198.51.100.1",
		 "h",
		 FALSE,
		 FALSE},
		{"the first that is no proxy, from the right",
		 "10.1.2.3",
		 {.host = "h", .forwarded_for = "203.0.113.1, 198.51.100.1 ,10.9.9.9"},
		 "198.51.100.1",
		 "h",
		 FALSE,
		 FALSE},
		{"all are proxies",
		 "10.1.2.3",
		 {.host = "h", .forwarded_for = "10.2.2.2, 10.9.9.9"},
		 "10.2.2.2",
		 "h",
		 FALSE,
		 FALSE},
		{"rubbish",
		 "10.1.2.3",
		 {.host = "h", .forwarded_for = "localhost"},
		 NULL,
		 "h",
		 FALSE,
		 FALSE},
		{"with ports",
		 "10.1.2.3",
		 {.host = "h", .forwarded_for = "[2001:db8::1]:80, 10.9.9.9:4711"},
		 "2001:db8::1",
		 "h",
		 FALSE,
		 FALSE},
		{"RFC 7239",
		 "10.1.2.3",
		 {.host = "h",
		  .forwarded = "for=203.0.113.1;proto=http, for=\"[2001:db8::1]:4711\" ; "
			       "Proto=https;host=\"sync.example.org\""},
		 "2001:db8::1",
		 "sync.example.org",
		 TRUE,
		 FALSE},
		{"a Unix socket", NULL, {.host = "h"}, NULL, "h", FALSE, FALSE},
		{"a Unix socket's proxy",
		 NULL,
		 {.host = "h",
		  .forwarded_for = "198.51.100.1",
		  .forwarded_proto = "https",
		  .forwarded_host = "sync.example.org"},
		 "198.51.100.1",
		 "sync.example.org",
		 TRUE,
		 FALSE},
		{"a phone that is on loopback, the proxy says",
		 NULL,
		 {.host = "h", .forwarded_for = "127.0.0.1"},
		 "127.0.0.1",
		 "h",
		 FALSE,
		 FALSE},
	};
	static const char *const list[] = {"10.0.0.0/8", "::2", NULL};
	struct trusted_proxies *proxies = trusted_proxies_new(list, NULL);

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GInetAddress) remote =
			rows[i].remote == NULL ? NULL
					       : g_inet_address_new_from_string(rows[i].remote);
		struct http_peer peer;

		g_test_message("%s", rows[i].name);
		http_peer_find(proxies, remote, &rows[i].headers, &peer);
		g_assert_cmpstr(peer.address, ==, rows[i].address);
		g_assert_cmpstr(peer.host, ==, rows[i].host);
		g_assert_cmpint(peer.tls, ==, rows[i].tls);
		g_assert_cmpint(peer.local, ==, rows[i].local);
		http_peer_clear(&peer);
	}
	trusted_proxies_free(proxies);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/http-peer/rows", test_rows);
	return g_test_run();
}
