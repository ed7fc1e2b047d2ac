/*
 * fantailctl's end of the control socket (docs/wire-protocols.md): one request, its
 * answer, in blocking calls with a deadline.
 */
#ifndef FANTAIL_CTL_CLIENT_H
#define FANTAIL_CTL_CLIENT_H

#include <json-glib/json-glib.h>

/* Who can be asked, and where it listens unless its configuration says otherwise. */
struct ctl_daemon {
	const char *name, *socket;
};
#define CTL_BRIDGE_SOCKET "/run/fantail/control.sock"
#define CTL_SYNCML_SOCKET "/run/fantail-syncml/control.sock"
extern const struct ctl_daemon ctl_bridge, ctl_syncml;

struct ctl_client;

#define CTL_ERROR (ctl_error_quark())
GQuark ctl_error_quark(void);
enum ctl_error {
	CTL_ERROR_NOT_RUNNING, /* nobody listens */
	CTL_ERROR_PERMISSION,  /* we may not connect */
	CTL_ERROR_LOST,        /* it hung up, or did not answer in time */
	CTL_ERROR_PROTOCOL,    /* what it said makes no sense to us */
	/* It said NO. One for each code, in the table's order. */
	CTL_ERROR_VERSION,
	CTL_ERROR_BAD,
	CTL_ERROR_DENIED,
	CTL_ERROR_BUSY,
	CTL_ERROR_FULL,
	CTL_ERROR_LIMIT,
	CTL_ERROR_REFUSED,
	CTL_ERROR_NOTFOUND,
	CTL_ERROR_UNAVAILABLE,
	CTL_ERROR_CONFIG,
	CTL_ERROR_OTHER,
};

/* Connects and greets. `path` NULL: where the daemon listens by default. */
struct ctl_client *ctl_client_open(const struct ctl_daemon *daemon, const char *path,
				   GError **error);
/* NULL is fine; clears the pointer. */
void ctl_client_close(struct ctl_client **client);

/* `fields`: key, value, key, value, ..., NULL; a NULL value leaves the key out, so
 * `fields_len` counts. Items, if `items` is not NULL, are added to it as JsonObject *
 * (owned); *result_r is the final answer (owned). */
gboolean ctl_client_ask(struct ctl_client *client, const char *verb, const char *const *fields,
			guint fields_len, guint timeout_secs, GPtrArray *items,
			JsonObject **result_r, GError **error);

#endif
