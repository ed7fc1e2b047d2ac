/*
 * The spool folder: batches that mail processes could not hand over. Watched
 * (inotify, and a slow scan besides), drained through intake_batch as soon as a
 * file is there; a file goes only when its batch is on disk in the queue.
 */
#ifndef FANTAIL_SPOOL_H
#define FANTAIL_SPOOL_H

#include "intake.h"

struct spool;

struct spool *spool_open(const char *path, struct intake *intake, GError **error);
guint spool_files(const struct spool *spool); /* seen and not yet done */
void spool_free(struct spool **spool);

#endif
