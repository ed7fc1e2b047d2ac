/*
 * Where a message of a maildir lies: what one view of the mailbox knows, for another one.
 */
#ifndef FANTAIL_EVENT_MAILDIR_H
#define FANTAIL_EVENT_MAILDIR_H

#include <stdint.h>

struct mailbox;

/* The file's name and folder, which `from` knows since it has just saved it or has read it: `to`,
 * the same mailbox opened once more, would find neither in what is on disk (flags are in the name,
 * and new/ is not written down), and would lock the maildir and look through all of it. Nothing if
 * it is no maildir, or `from` does not know; and if the file is not there any more, `to` looks for
 * it. */
void event_maildir_tell(struct mailbox *from, struct mailbox *to, uint32_t uid);

#endif
