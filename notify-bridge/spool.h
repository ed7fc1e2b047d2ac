/*
 * The spool folder: batches that mail processes could not hand over. Watched
 * (inotify, and a slow scan besides), drained through intake_batch as soon as a
 * file is there; a file goes only when its batch is on disk in the queue.
 *
 * Whoever may write into the folder is a stranger: a file is taken for what its
 * owner says, and only if it is a plain file of one name and of a batch's size, to
 * which nobody else can write, and that was made in the folder (its group shows it).
 * What cannot be taken moves to bad/, with one line in the log; what is no plain file
 * stays, with one line, too. Files whose name begins with a dot belong to their
 * writers and are left alone, but for ".<batch>.<pid>" of more than a day ago: that
 * writer is dead.
 */
#ifndef FANTAIL_SPOOL_H
#define FANTAIL_SPOOL_H

#include "intake.h"

struct spool;

/* Begins at once. Makes the folder, with the mode that wire-protocols.md asks for, if
 * there is none, and bad/ in it. `intake` is borrowed and outlives the spool. */
struct spool *spool_open(const char *path, struct intake *intake, GError **error);
guint spool_files(const struct spool *spool); /* seen and not yet done */
/* Takes no more files; those handed in already may still be done, and then go. */
void spool_stop(struct spool *spool);
/* Clears the pointer; NULL is fine. */
void spool_free(struct spool **spool);

#endif
