/*
 * What an operator tells a device of Push-IMAP, whatever it wants to hear: LOCK_DOWN,
 * NEW_ENC_KEY. Only the format EXTENDED can say it.
 */
#ifndef FANTAIL_PIMAP_COMMAND_H
#define FANTAIL_PIMAP_COMMAND_H

#include "gateway.h"
#include "registry.h"

#define PIMAP_LOCK_DOWN "LOCK_DOWN"
#define PIMAP_NEW_ENC_KEY "NEW_ENC_KEY"

/* To be queued, due at once. NULL: it cannot be told, and why, for people. */
struct notification *pimap_command(const struct gateway_context *context, struct registry *registry,
				   const struct device *device, const char *event, gint64 now_us,
				   const char **why_r);

/* Is that notification a command that the device should not have any more? */
gboolean pimap_command_is_over(const struct device *device,
			       const struct notification *notification);

#endif
