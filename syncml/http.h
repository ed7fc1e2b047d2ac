/*
 * HTTP to messages and back (SyncML HTTP Binding 1.1, OMA-TS-SyncML_HTTPBinding 1.2): methods,
 * types, sizes, compression, deadlines, and whose request it is. What a message means is not
 * known here.
 */
#ifndef FANTAIL_SYNCML_HTTP_H
#define FANTAIL_SYNCML_HTTP_H

#include "syncml-config.h"

struct http_server;
struct http_exchange;

/* A request that came in whole. Lives as long as the exchange. */
struct http_request {
	GBytes *body; /* unpacked */
	const char *content_type;
	const char *mac;        /* x-syncml-hmac; NULL = none */
	const char *user_agent; /* NULL = none */
	char *session_key;      /* NULL = none */
	char *public_url;
	char *local_address; /* that the phone has connected to; NULL = not known */
	struct http_peer peer;
};

/* To be answered once, now or later. */
typedef void http_handle(struct http_exchange *exchange, const struct http_request *request,
			 gpointer data);

/* `fd`: a listening socket from the service manager; -1 = none. */
struct http_server *http_server_new(const struct syncml_config *config, int fd, http_handle *handle,
				    gpointer data, GError **error);
/* For requests from now on. What it listens on stays. */
void http_server_set_config(struct http_server *server, const struct syncml_config *config);
struct http_counts {
	guint connections;   /* now */
	guint64 large, slow; /* requests that were refused for it */
};
void http_server_counts(const struct http_server *server, struct http_counts *counts_r);
/* Takes no more connections; those that are there go on. */
void http_server_stop_accepting(struct http_server *server);
/* After all exchanges were answered. NULL is fine; clears the pointer. */
void http_server_free(struct http_server **server);

/* Frees the exchange; its phone may be gone, which is no error. `body` NULL: none, and the
 * status is the whole answer; 503 says when to come again. `packed`: as http_pack() made it, or
 * NULL. */
void http_answer(struct http_exchange *exchange, guint status, const char *content_type,
		 GBytes *body, GBytes *packed);
/* Does the phone take gzip? */
gboolean http_takes_gzip(const struct http_exchange *exchange);

#endif
