/*
 * What a push to a device of Push-IMAP says, as text: an E-Mail Notification, or EXTENDED.
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

/* `minimal`: nothing that is of the message but its UID. For EXTENDED the device needs its key
 * and a number of its own (device.h). NULL with error if it cannot be encrypted. */
GBytes *payload_pimap(const struct device *device, const struct notification *notification,
		      gboolean minimal, GError **error);
/* Its media type. */
const char *payload_pimap_type(const struct device *device);

#endif
