/*
 * A GSocketConnectable that goes where the URL guard lets it go and nowhere
 * else: GIO and libsoup ask it for addresses for each new connection, and it
 * asks the guard. It is a GNetworkAddress, since TLS takes the name to verify
 * from there.
 */
#ifndef FANTAIL_GUARDED_ADDRESS_H
#define FANTAIL_GUARDED_ADDRESS_H

#include <gio/gio.h>

struct url_guard;
struct url_parts;

GSocketConnectable *guarded_address_new(struct url_guard *guard, const struct url_parts *parts);

#endif
