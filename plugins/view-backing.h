/*
 * What is behind a view (view-storage.h), for those who watch mailboxes.
 */
#ifndef FANTAIL_VIEW_BACKING_H
#define FANTAIL_VIEW_BACKING_H

struct mailbox;

/* The mailbox whose files and events are those of this open one: behind a view, and behind all
 * views that it stands on; else itself. NULL if there is none. Borrowed. */
struct mailbox *view_backing(struct mailbox *box);

#endif
