/*
 * Views (docs/push-imap.md, "Views"): mailboxes that show those messages of another one, the
 * backing mailbox, which a search program finds, under the same UIDs and UIDVALIDITY.
 *
 * A storage class for Dovecot. A view has an index of its own, whose records have the UIDs of
 * the backing mailbox and copies of its flags; sequence numbers, modification sequences and the
 * log of expunges are the index's own and true to it. All that a mail has is asked of the
 * backing mail. What is changed in a view is noted in its index and carried out in the backing
 * mailbox by the next synchronisation, which follows at once; one that is cut short is made up
 * for by the one after. The index can be lost: it is made anew.
 *
 * A mailbox is a view if it has the file of view-file.h.
 */
#ifndef FANTAIL_VIEW_STORAGE_H
#define FANTAIL_VIEW_STORAGE_H

#include <stdbool.h>

struct mailbox;
struct mailbox_list;
struct module;
struct view_file;

/* Each module that has to know views does both; who is first makes the class. */
void view_storage_init(struct module *module);
void view_storage_deinit(void);

bool view_storage_is_view(const struct mailbox *box);

/* Views can be in it: its mailboxes are folders. */
bool view_storage_possible(const struct mailbox_list *list);
/* How many there are. */
unsigned int view_storage_count(struct mailbox_list *list);
/* Of an open mailbox: how many views stand on one another, itself included; 0: it is none. */
unsigned int view_storage_depth(struct mailbox *box);

/* A mailbox that will be this view when it is created; the name is free. Strings are copied, and
 * a GUID is made. Never NULL. */
struct mailbox *view_storage_alloc_new(struct mailbox_list *list, const char *vname,
				       const struct view_file *file);

#endif
