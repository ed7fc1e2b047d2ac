/*
 * The router: events and devices to notifications. Pure; time is an argument.
 *
 * An event concerns the devices of its mailbox's owner, who has another name for
 * it than a guest that changed it: filters see the owner's name and so do readers
 * of the push. A device's filters
 * (events, mailboxes, msgtype) decide; what passes becomes one notification per
 * device, mailbox and class: arrivals are due at once, changes of state after a
 * delay in which more of them fold in. DataChange is about no mailbox but about one
 * device, by its id; it waits as a change of state does, and of several the newest
 * says it all.
 *
 * A wake-up of Push-IMAP, Apple Mail or Delta Chat says nothing but "connect", so there is
 * one for each device, whatever happened and where: new mail takes along what waits of
 * changes of state. In Push-IMAP's format EXTENDED it says what happened if that was one
 * thing, and "synchronise" if while it waited there were more.
 */
#ifndef FANTAIL_ROUTER_H
#define FANTAIL_ROUTER_H

#include "device.h"
#include "notification.h"

struct router_settings {
	gint64 arrival_delay_us;
	gint64 state_delay_us;
	gint64 apple_delay_us; /* of a state, for Apple Mail */
	gint64 arrival_ttl_us;
	gint64 state_ttl_us;
};

/* What events led to so far; members are found by what they fold by. */
struct router_out {
	GPtrArray *list;  /* struct notification *, owned */
	GHashTable *same; /* the same ones, as a set by device, user and key */
	gsize bytes;      /* that they hold */
};

struct router_out *router_out_new(void);
/* NULL is fine. */
void router_out_free(struct router_out *out);
typedef struct router_out router_out_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(router_out_t, router_out_free)

/* Whose devices an event concerns: the owner of the mailbox, else its user;
 * NULL for a public mailbox. Borrowed from the event. */
const char *router_target(const struct push_event *event);

/* The mailbox's name as those see it whom it concerns. Borrowed. */
const char *router_mailbox(const struct push_event *event);

/* What is known of a device of Push-IMAP beside its row. */
struct router_standing {
	const char *filter; /* attached for the event's mailbox; NULL = none */
	gboolean listening; /* a session tells it already */
};

/* Is such a device to hear of an event that it wants? It has a filter attached that
 * the event matched, it does not listen, and no wake-up is outstanding (wake-state.h; of
 * EXTENDED ones, LIMIT_EXTENDED_UNANSWERED). */
gboolean router_wakes(const struct device *device, const struct router_standing *standing,
		      const struct push_event *event, gint64 now_us);

/* For how long (s) such a device is left alone; 0 = it is not. To be asked again when one is
 * sent: another may have been under way when the event came. */
gint64 router_hold_secs(const struct device *device, gint64 now_us);

gboolean router_wants(const struct device *device, const struct push_event *event);

/* Could it want anything of what happens to messages in that mailbox of its user's? */
gboolean router_watches(const struct device *device, const char *mailbox);

/* Adds to `out` what `event` means for `device`, folded into what is there already
 * for this device, user and key.
 * `lane` is the device's (gateway.h). Content is left out unless the device
 * asked for it. */
void router_route(const struct router_settings *settings, const struct device *device,
		  const char *lane, const char *user, const struct push_event *event, gint64 now_us,
		  struct router_out *out);

#endif
