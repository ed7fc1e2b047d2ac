#include "lib.h"
#include "maildir-storage.h"
#include "maildir-uidlist.h"

#include "event-maildir.h"

void event_maildir_tell(struct mailbox *from, struct mailbox *to, uint32_t uid)
{
	enum maildir_uidlist_rec_flag flags, unused;
	struct maildir_mailbox *from_dir = MAILDIR_MAILBOX(from), *to_dir = MAILDIR_MAILBOX(to);
	const char *name, *base;

	if (strcmp(from->storage->name, MAILDIR_STORAGE_NAME) != 0 ||
	    strcmp(to->storage->name, MAILDIR_STORAGE_NAME) != 0 || !from->opened || !to->opened)
		return;
	/* What was only read from the list has no more than `to` will have, too. */
	if (maildir_uidlist_lookup(from_dir->uidlist, uid, &flags, &name) <= 0 ||
	    (flags & MAILDIR_UIDLIST_REC_FLAG_NONSYNCED) != 0 ||
	    maildir_uidlist_lookup(to_dir->uidlist, uid, &unused, &base) <= 0)
		return;
	maildir_uidlist_update_fname(to_dir->uidlist, name);
	/* Then it is looked for there first. */
	if ((flags & MAILDIR_UIDLIST_REC_FLAG_NEW_DIR) != 0)
		maildir_uidlist_add_flags(to_dir->uidlist, base, MAILDIR_UIDLIST_REC_FLAG_NEW_DIR);
}
