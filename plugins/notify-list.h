/*
 * One mailbox as LIST shows it to this session's user: rights, children and
 * subscription included.
 */
#ifndef FANTAIL_NOTIFY_LIST_H
#define FANTAIL_NOTIFY_LIST_H

#include "notify-session.h"
#include "mailbox-list-iter.h"

/* FALSE: LIST does not show it. Of *info_r vname is the caller's; no special_use. The
 * list index may be behind by what it was never told; if a look at the mailbox itself
 * shows that, it is rebuilt. */
bool notify_list_find(struct notify_session *session, const char *vname,
		      struct mailbox_info *info_r);

/* Gives back what Dovecot keeps of listing, some 300 bytes for each mailbox: it reads its
 * list index anew anyhow after any change of any mailbox. For who will be idle now and has
 * no command under way, which may be a LIST; no cheap call. */
void notify_list_forget(struct notify_session *session);

#endif
