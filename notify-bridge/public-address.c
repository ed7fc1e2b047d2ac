#include "public-address.h"

#include <string.h>

/* IANA's special-purpose registries (RFC 6890 and successors), multicast, and
 * what is not assigned for the global internet. The first match names it. */
static const struct {
	const char *range;
	const char *what;
} refused[] = {
	{"0.0.0.0/8", "this network"},
	{"10.0.0.0/8", "private"},
	{"100.64.0.0/10", "shared by a provider's customers"},
	{"127.0.0.0/8", "loopback"},
	{"169.254.0.0/16", "link-local"},
	{"172.16.0.0/12", "private"},
	{"192.0.0.0/24", "protocol assignments"},
	{"192.0.2.0/24", "documentation"},
	{"192.88.99.0/24", "6to4 relay"},
	{"192.168.0.0/16", "private"},
	{"198.18.0.0/15", "benchmarking"},
	{"198.51.100.0/24", "documentation"},
	{"203.0.113.0/24", "documentation"},
	{"224.0.0.0/4", "multicast"},
	{"240.0.0.0/4", "reserved"},
	{"::/128", "unspecified"},
	{"::1/128", "loopback"},
	{"64:ff9b:1::/48", "local NAT64"},
	{"100::/64", "discard"},
	{"2001::/23", "protocol assignments"},
	{"2001:db8::/32", "documentation"},
	{"3fff::/20", "documentation"},
	{"fc00::/7", "private"},
	{"fe80::/10", "link-local"},
	{"fec0::/10", "site-local"},
	{"ff00::/8", "multicast"},
};

/* Prefixes whose addresses stand for an IPv4 address, and where it starts. */
static const struct {
	const char *range;
	gsize offset;
} carriers[] = {
	{"::ffff:0:0/96", 12}, /* mapped */
	{"64:ff9b::/96", 12},  /* NAT64 */
	{"2002::/16", 2},      /* 6to4 */
	{"::/96", 12},         /* compatible */
};

/* Of IPv6 only this is handed out as global unicast; the rest is special or
 * waits for a use that nobody knows yet. */
#define GLOBAL_UNICAST "2000::/3"

struct masks {
	GInetAddressMask *refused[G_N_ELEMENTS(refused)];
	GInetAddressMask *carriers[G_N_ELEMENTS(carriers)];
	GInetAddressMask *global_unicast;
};

static GInetAddressMask *mask_new(const char *range)
{
	GInetAddressMask *mask = g_inet_address_mask_new_from_string(range, NULL);

	g_assert(mask != NULL);
	return mask;
}

static const struct masks *masks_get(void)
{
	static struct masks masks;
	static gsize ready;

	if (g_once_init_enter(&ready)) {
		for (gsize i = 0; i < G_N_ELEMENTS(refused); i++)
			masks.refused[i] = mask_new(refused[i].range);
		for (gsize i = 0; i < G_N_ELEMENTS(carriers); i++)
			masks.carriers[i] = mask_new(carriers[i].range);
		masks.global_unicast = mask_new(GLOBAL_UNICAST);
		g_once_init_leave(&ready, 1);
	}
	return &masks;
}

GInetAddress *public_address_embedded(GInetAddress *address)
{
	const struct masks *masks = masks_get();

	if (g_inet_address_get_family(address) != G_SOCKET_FAMILY_IPV6)
		return NULL;
	for (gsize i = 0; i < G_N_ELEMENTS(carriers); i++) {
		if (g_inet_address_mask_matches(masks->carriers[i], address)) {
			return g_inet_address_new_from_bytes(g_inet_address_to_bytes(address) +
								     carriers[i].offset,
							     G_SOCKET_FAMILY_IPV4);
		}
	}
	return NULL;
}

const char *public_address_refusal(GInetAddress *address)
{
	const struct masks *masks = masks_get();
	gboolean ipv6 = g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV6;

	for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
		if (g_inet_address_mask_matches(masks->refused[i], address))
			return refused[i].what;
	}
	if (!ipv6)
		return NULL;

	g_autoptr(GInetAddress) embedded = public_address_embedded(address);
	if (embedded != NULL)
		return public_address_refusal(embedded);
	if (!g_inet_address_mask_matches(masks->global_unicast, address))
		return "not global unicast";
	return NULL;
}
