/*
 * The one interface of all gateways, and the outcomes they share.
 *
 * A gateway turns (device, notification) into a request on a worker thread
 * (prepare: pure but for keys and clock given to it), sends it on the main loop
 * and classifies the reply into one of seven outcomes. It touches neither queue
 * nor registry: the dispatcher acts on the outcome.
 */
#ifndef FANTAIL_GATEWAY_H
#define FANTAIL_GATEWAY_H

#include <gio/gio.h>

#include "device.h"
#include "http-client.h"
#include "notification.h"

enum outcome_kind {
	OUTCOME_ACCEPTED,       /* the gateway took responsibility: done */
	OUTCOME_RETRY,          /* passing fault, device fine: try again with back-off */
	OUTCOME_THROTTLE,       /* slow down: try again at a time, not counted as a failure */
	OUTCOME_GATEWAY_DOWN,   /* connect, TLS, 5xx, stall: the lane backs off */
	OUTCOME_CONFIG_ERROR,   /* our key or setting is wrong: keep it, alarm, try rarely */
	OUTCOME_REJECT_MESSAGE, /* this payload cannot be sent: once more in minimal form, then drop
				 */
	OUTCOME_DEVICE_GONE,    /* the address is dead: drop the registration */
};
#define OUTCOME_COUNT 7

struct outcome {
	enum outcome_kind kind;
	gint64 retry_after_us; /* from Retry-After, capped; -1 = not given */
	guint status;          /* of the reply; 0 = none came */
	char *detail;          /* one printable line for people and logs, no secrets */
};
const char *outcome_name(enum outcome_kind kind); /* "accepted", "retry", ... */
void outcome_clear(struct outcome *outcome);

struct config;
struct vapid;
struct url_guard;

/* What gateways are given; owned by main, lives as long as they. Replaced whole
 * on reload: prepare holds the one it was started with. */
struct gateway_context {
	gatomicrefcount refs;
	const struct config *config; /* see config_ref */
	struct vapid *vapid;         /* thread-safe */
	struct url_guard *url_guard; /* immutable */
	struct http_client *http;    /* main thread only */
};

struct gateway {
	const char *name; /* "webpush": device->gateway, config section, metrics label */
	/* What of this device's may be in flight side by side: its origin. New
	 * string "<name> <origin>", or NULL if the device cannot be served (for
	 * example: a webhook that the config no longer has). */
	char *(*lane)(const struct gateway_context *context, const struct device *device);
	/* Worker thread. `minimal`: the shortest form there is, since the full one
	 * was rejected. A message that takes several requests is a row of them, by
	 * `next`: each goes out when the one before it was accepted, and what becomes of
	 * the last one sent is the outcome of all; a retry begins with the first. NULL with error:
	 * URL_GUARD_ERROR, VAPID_ERROR and G_IO_ERROR_NOT_SUPPORTED are the configuration's fault
	 * and count as CONFIG_ERROR; with any other the notification is dropped with that text. */
	struct http_request *(*prepare)(const struct gateway_context *context,
					const struct device *device,
					const struct notification *notification, gboolean minimal,
					gint64 now_us, GError **error);
	/* Main thread, pure. `reply` NULL when none came, then `error` says why. */
	void (*classify)(const struct device *device, const struct http_reply *reply,
			 const GError *error, gint64 now_us, struct outcome *outcome_r);
	/* Gateways whose devices an operator registers (fantailctl subscribe): how the
	 * addresses of these begin, "sms:", and whether one is an address. NULL: users'
	 * devices register themselves. */
	const char *scheme;
	gboolean (*check)(const struct gateway_context *context, const char *endpoint,
			  GError **error);
	/* Nothing of this one's is sent, for want of a sender: what would be is kept for people
	 * to look at (held-pushes.h). It needs no classify. */
	gboolean held_back;
};

extern const struct gateway gateway_apple;
extern const struct gateway gateway_chatmail;
extern const struct gateway gateway_http;
extern const struct gateway gateway_sms;
extern const struct gateway gateway_webhook;
extern const struct gateway gateway_webpush;

/* One row a gateway; ends with NULL. gateway.c */
extern const struct gateway *const gateways[];
const struct gateway *gateway_find(const char *name);
/* By the scheme that the address begins with; NULL if it is none of a gateway's. */
const struct gateway *gateway_find_scheme(const char *endpoint);

/*
 * Shared by the HTTP gateways' classify; RFC 8030 and RFC 9110. Always fills
 * *outcome_r; what a gateway sees differently it changes afterwards.
 *
 *   2xx                                      ACCEPTED
 *   3xx (never followed), 401, 403           CONFIG_ERROR
 *   404, 410                                 DEVICE_GONE
 *   408, 421, 425, 500 and rarer 5xx         RETRY: this request failed, others may not
 *   429                                      THROTTLE
 *   502, 503, 504; any other number          GATEWAY_DOWN: nobody is served
 *   the other 4xx                            REJECT_MESSAGE
 *   URL guard refuses the addresses          CONFIG_ERROR
 *   connection lost, not sent, cancelled     RETRY
 *   look-up, connect, TLS, time-out, garbage GATEWAY_DOWN
 *
 * Retry-After is taken with RETRY, THROTTLE and GATEWAY_DOWN.
 */
void gateway_classify_http(const struct http_reply *reply, const GError *error, gint64 now_us,
			   struct outcome *outcome_r);

#endif
