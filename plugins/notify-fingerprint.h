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

/* Of many, best those of one list in a row: a path costs the kernel time for each of its
 * folders, so the list's own, all zero at first, is held open until it is closed. */
struct notify_root {
	struct mailbox_list *list;
	char *path;
	size_t len;
	int fd;
};
uint64_t notify_fingerprint_next(struct notify_root *root, struct mailbox_list *list,
				 const char *name);
void notify_root_close(struct notify_root *root);

#endif
