/*
 * The mail socket: batches, WANT and registration from Dovecot's processes
 * (docs/wire-protocols.md). Judges peers, routes, queues, and answers a batch
 * once it is on disk. The spool (spool.h) hands its files in through
 * intake_batch, so that both roads are one.
 */
#ifndef FANTAIL_INTAKE_H
#define FANTAIL_INTAKE_H

#include "bridge-config.h"
#include "dispatcher.h"
#include "metrics.h"
#include "queue.h"
#include "registry.h"

struct intake;

/* All but `context`, which is referred to, are borrowed and outlive the intake. */
struct intake *intake_new(struct queue *queue, struct registry *registry,
			  struct dispatcher *dispatcher, struct gateway_context *context,
			  struct metrics *metrics);
/* Listens on config->socket, or on `fd` (socket activation) if it is not -1. */
gboolean intake_listen(struct intake *intake, int fd, GError **error);
/* The socket itself stays: its path and mode are those of the start. */
void intake_set_context(struct intake *intake, struct gateway_context *context);
guint intake_connections(const struct intake *intake);
/* Requests that wait for the disk or for a name server. */
guint intake_pending(const struct intake *intake);
/* No new connections; those that wait for an answer still get it. */
void intake_stop(struct intake *intake);
/* What is pending is not answered any more. Clears the pointer; NULL is fine. */
void intake_free(struct intake **intake);

enum intake_verdict {
	INTAKE_OK,
	INTAKE_BAD,    /* does not parse: will never be good */
	INTAKE_DENIED, /* the peer may not speak for that user */
	INTAKE_LATER,  /* busy, disk full, or nobody can tell whether the peer may */
};
/* `text`: one line for people, NULL with INTAKE_OK. */
typedef void (*intake_batch_done)(enum intake_verdict verdict, const char *text, guint queued,
				  gpointer data);
/* `lines`: BATCH and its EVENT lines, NUL-terminated, changed in place; `peer`: who
 * says so; `source`: "spool", for metrics. `done` may be called before it returns. */
void intake_batch(struct intake *intake, char *lines, gsize len, uid_t peer, const char *source,
		  intake_batch_done done, gpointer data);

#endif
