/*
 * What a push to a device of Push-IMAP says, as text: an E-Mail Notification. Pure.
 * docs/wire-protocols.md, "What a push says".
 */
#ifndef FANTAIL_PAYLOAD_PIMAP_H
#define FANTAIL_PAYLOAD_PIMAP_H

#include "device.h"
#include "notification.h"

/* The user as a URI's characters, which follow "mailat:". */
char *payload_pimap_account(const struct device *device);
/* When the newest event was committed, unix seconds; 0 = not known. */
gint64 payload_pimap_time(const struct notification *notification);

GBytes *payload_pimap(const struct device *device, const struct notification *notification);
/* Its media type. */
const char *payload_pimap_type(const struct device *device);

#endif
