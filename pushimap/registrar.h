/*
 * Asks the bridge on behalf of one IMAP session: one connection, one request, its answer
 * (docs/wire-protocols.md, "Registration"), never longer than LIMIT_REGISTRAR_MSECS.
 *
 * Runs on the current ioloop. The callback is called exactly once, from that ioloop and
 * never from registrar_start(), unless the request was aborted before.
 */
#ifndef REGISTRAR_H
#define REGISTRAR_H

#include "tabline.h"

enum registrar_result {
	REGISTRAR_OK,
	REGISTRAR_NO,      /* the bridge refused: `code` and `text` */
	REGISTRAR_AWAY,    /* nobody listens, or it went away: `text` */
	REGISTRAR_TIMEOUT, /* no answer in time: `text` */
	REGISTRAR_BROKEN,  /* it said what is not our protocol: `text` */
};

/* Borrowed from the one who calls back. */
struct registrar_answer {
	enum registrar_result result;
	const char *code; /* NO: the word of the protocol; never NULL */
	const char *text; /* NO: for people, may be NULL; the others: for the log */
	const struct tabline_field *fields; /* OK: what follows the id */
	size_t count;
};

typedef void registrar_item_callback_t(const struct tabline_field *fields, size_t count,
				       void *context);
typedef void registrar_callback_t(const struct registrar_answer *answer, void *context);

struct registrar;

/* Starts a request in an empty buffer: handshake, verb, id and user. The caller adds
 * fields and ends the line with tabline_end(). */
void registrar_begin(struct tabline_buf *request, const char *verb, const char *user);

/* Sends the request and takes the buffer's contents over. `item` may be NULL: then ITEM
 * lines break the protocol. */
struct registrar *registrar_start(const char *socket_path, struct tabline_buf *request,
				  registrar_item_callback_t *item, registrar_callback_t *done,
				  void *context);
/* Forgets the request: no further callback. NULL is fine. */
void registrar_abort(struct registrar **registrar);

/* The same for callers that must have the answer before they return: waits in an ioloop
 * of its own. The callback has been called when this returns. */
void registrar_wait(const char *socket_path, struct tabline_buf *request,
		    registrar_item_callback_t *item, registrar_callback_t *done, void *context);

#endif
