/*
 * What the control socket says of devices, notifications and outcomes, as JSON
 * objects; fantailctl(1) documents the members. Pure.
 *
 * All text becomes valid UTF-8. Keys, auth secrets and confirmation tokens are
 * never in it; an endpoint, which is a secret of the device's too, is shortened
 * unless it is asked for in full.
 */
#ifndef FANTAIL_CONTROL_JSON_H
#define FANTAIL_CONTROL_JSON_H

#include "control-call.h"
#include "device.h"
#include "gateway.h"
#include "held-pushes.h"
#include "notification.h"

/* "https://host[:port]/" and eight characters more, then "…" if that is not all.
 * What is no URL (a webhook's name) is returned whole. New string. */
char *control_json_endpoint(const char *endpoint);

/* Begins an object and the members of `device`; the caller ends it. `vapid` (may be
 * NULL) tells whether the key it subscribed under is still the current one. */
void control_json_device(JsonBuilder *builder, const struct device *device,
			 const struct vapid *vapid, gboolean full);
/* Its member "filters", of struct registry_attachment *. */
void control_json_filters(JsonBuilder *builder, const GPtrArray *attachments);
/* A whole object. `device` may be NULL: it is gone, or was never there. */
void control_json_notification(JsonBuilder *builder, const struct notification *notification,
			       const struct device *device);
/* A whole object: what would have been sent, to whom and why. The device's token is
 * shortened unless `full`. */
void control_json_held(JsonBuilder *builder, const struct held_push *push, gboolean full);
/* A whole object. `user`: whose mail the push spoke of. `outcome` NULL: none came in
 * time. */
void control_json_outcome(JsonBuilder *builder, const char *user, const struct device *device,
			  const struct outcome *outcome, gint64 took_us);

#endif
