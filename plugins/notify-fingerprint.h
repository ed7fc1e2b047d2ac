/*
 * Has a mailbox changed on disk? Told from its files by some stat() calls; nothing is
 * opened. Changes whenever Dovecot changes the mailbox (its log grows), and when another
 * program drops a file into a maildir.
 */
#ifndef FANTAIL_NOTIFY_FINGERPRINT_H
#define FANTAIL_NOTIFY_FINGERPRINT_H

#include <stdint.h>

struct mailbox_list;

/* `name` is the storage's. Comparable between processes. */
uint64_t notify_fingerprint(struct mailbox_list *list, const char *name);

#endif
