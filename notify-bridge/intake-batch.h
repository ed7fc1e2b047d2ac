/*
 * One batch under way: judged when it begins, routed event by event, put into
 * the queue when it is complete. Events are not kept, only what they lead to.
 */
#ifndef FANTAIL_INTAKE_BATCH_H
#define FANTAIL_INTAKE_BATCH_H

#include <glib.h>
#include <sys/types.h>

#include "tabline.h"

struct intake;
struct batch;

/* From the fields of a BATCH line. NULL and one line for people: malformed. A peer
 * that may not speak for the user gets a batch all the same: its events have
 * to be read before the answer. `source`: "socket" or "spool", static. */
struct batch *batch_new(struct intake *intake, const struct tabline_field *fields, gsize count,
			uid_t peer, const char *source, const char **error_r);
void batch_free(struct batch *batch);

/* The next EVENT line, of `len` bytes. FALSE: malformed. */
gboolean batch_add(struct batch *batch, const struct tabline_field *fields, gsize count,
		   const char **error_r);
/* Events that are still to come. */
guint batch_missing(const struct batch *batch);

/* `code` NULL: done, on disk or of no concern to anybody; else the code of NO. */
typedef void (*batch_done)(const char *code, const char *text, guint queued, gpointer data);
/* Takes a complete batch. `done` may be called before it returns. */
void batch_put(struct batch *batch, batch_done done, gpointer data);

#endif
