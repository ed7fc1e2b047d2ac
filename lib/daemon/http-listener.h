/*
 * libsoup's server on a local address: a loopback port, a Unix socket, or one that the service
 * manager made. libsoup alone has neither Unix sockets nor a ceiling of connections.
 */
#ifndef FANTAIL_HTTP_LISTENER_H
#define FANTAIL_HTTP_LISTENER_H

#include <gio/gio.h>
#include <libsoup/soup.h>
#include <sys/types.h>

struct http_listener;

struct http_listener_settings {
	const char *address; /* config_value_local_address() */
	int fd;              /* listening, from the service manager; -1 = none */
	mode_t mode;         /* of a Unix socket's file */
	/* Counted where the caller likes: connections outlive a listener. What is above `max`
	 * is closed. */
	guint *connections;
	guint max_connections;
	guint idle_secs; /* without an octet from or to the peer */
};

/* Hands connections to `soup`. Takes `fd` on success. */
struct http_listener *http_listener_new(const struct http_listener_settings *settings,
					SoupServer *soup, GError **error);
/* Takes no more connections. */
void http_listener_stop(struct http_listener *listener);
/* Ends the connection of a message soon, in the middle of whatever it says; callable from the
 * message's own signals. */
void http_listener_drop(SoupServerMessage *message);
/* Removes the socket file that it made; NULL is fine; clears the pointer. */
void http_listener_free(struct http_listener **listener);

/* Did it come through a Unix socket? libsoup gives these connections a made-up address. */
gboolean http_listener_is_unix(const struct http_listener *listener);

#endif
