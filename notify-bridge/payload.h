/*
 * What a push says, in the dialect that the device registered with. Pure.
 * docs/wire-protocols.md, "What a push says", describes both.
 */
#ifndef FANTAIL_PAYLOAD_H
#define FANTAIL_PAYLOAD_H

#include "device.h"
#include "notification.h"

/* UTF-8 text of at most LIMIT_PUSH_PLAINTEXT bytes, cut at characters where it
 * must be. Content only if the device asked for it; `minimal` leaves it out. */
GBytes *payload_build(const struct device *device, const struct notification *notification,
		      gboolean minimal);

/* Is this the push whose token makes the device active? */
gboolean payload_is_confirmation(const struct notification *notification);

#endif
