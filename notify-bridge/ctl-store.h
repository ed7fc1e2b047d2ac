/*
 * Users' files as fantailctl opens them: as whom their folder belongs to. Root would otherwise
 * leave files behind that fantail-syncml cannot open.
 */
#ifndef FANTAIL_CTL_STORE_H
#define FANTAIL_CTL_STORE_H

#include <gio/gio.h>

struct pim_store;

/* Root is the folder's owner and group from here to ctl_store_close(), and new files are for them
 * alone: what root alone may read or write is for before and after. Root does not make the folder,
 * since nobody could tell for whom. PIM_STORE_ERROR's. */
struct pim_store *ctl_store_open(const char *dir, GError **error);
/* NULL is fine; clears the pointer. */
void ctl_store_close(struct pim_store **store);

#endif
