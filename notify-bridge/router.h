/*
 * The router: events and devices to notifications. Pure; time is an argument.
 *
 * An event concerns the devices of its mailbox's owner. A device's filters
 * (events, mailboxes, msgtype) decide; what passes becomes one notification per
 * device, mailbox and class: arrivals are due at once, changes of state after a
 * delay in which more of them fold in.
 */
#ifndef FANTAIL_ROUTER_H
#define FANTAIL_ROUTER_H

#include "device.h"
#include "notification.h"

struct router_settings {
	gint64 arrival_delay_us;
	gint64 state_delay_us;
	gint64 arrival_ttl_us;
	gint64 state_ttl_us;
};

/* Whose devices an event concerns: the owner of the mailbox, else its user;
 * NULL for a public mailbox. Borrowed from the event. */
const char *router_target(const struct push_event *event);

gboolean router_wants(const struct device *device, const struct push_event *event);

/* Appends to `out` (struct notification *, owned) what `event` means for
 * `device`, folded into one already in `out` if there is one with its key.
 * `lane` is the device's (gateway.h). Content is left out unless the device
 * asked for it. */
void router_route(const struct router_settings *settings, const struct device *device,
		  const char *lane, const char *user, const struct push_event *event, gint64 now_us,
		  GPtrArray *out);

#endif
