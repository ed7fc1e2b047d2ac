/*
 * Which internet addresses are public: the table behind the URL guard
 * (url-guard.h), without names, settings or I/O. docs/threat-model.md shows
 * the same table with its sources.
 */
#ifndef FANTAIL_PUBLIC_ADDRESS_H
#define FANTAIL_PUBLIC_ADDRESS_H

#include <gio/gio.h>

/* What makes this address none that a stranger may send us to ("private",
 * "loopback", ...); NULL if it is public. An IPv6 address that carries an IPv4
 * address (mapped, NAT64, 6to4, compatible) is judged by that one. */
const char *public_address_refusal(GInetAddress *address);

/* The IPv4 address that an IPv6 address carries, or NULL. */
GInetAddress *public_address_embedded(GInetAddress *address);

#endif
