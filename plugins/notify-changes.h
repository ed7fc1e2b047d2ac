/*
 * Lines about mailboxes, not messages, that wait to be sent: LIST (RFC 5465 sections 5.4
 * and 5.5) and METADATA (5.6, 5.7). A change is kept as a name; attributes are looked up
 * when the line is written, so they are true then, and a name that changed twice is said
 * once.
 */
#ifndef FANTAIL_NOTIFY_CHANGES_H
#define FANTAIL_NOTIFY_CHANGES_H

#include "notify-session.h"

struct notify_changes *notify_changes_new(struct notify_session *session);
void notify_changes_free(struct notify_changes **changes);

/* `vname` is UTF-8, as this user sees it. False: too many wait (overflow). */

/* What LIST says of it now; \NonExistent if nothing. */
bool notify_changes_list(struct notify_changes *changes, const char *vname);
/* It was deleted; said even if it is there again. */
bool notify_changes_deleted(struct notify_changes *changes, const char *vname);
/* The same, and nothing if LIST has nothing: for names the user may never have seen. */
bool notify_changes_list_if_visible(struct notify_changes *changes, const char *vname);
/* The same, with \NoAccess unless it is there again by then: the right l was lost. */
bool notify_changes_noaccess(struct notify_changes *changes, const char *vname);
/* The direct parent, if `vname` has one in its namespace: RFC 5465 section 5.4. */
bool notify_changes_parent(struct notify_changes *changes, const char *vname);
/* With OLDNAME, and without \NonExistent: what became of it since is a change of its own. */
bool notify_changes_rename(struct notify_changes *changes, const char *vname,
			   const char *old_vname);
/* This session renamed it. What waits to be said of it and its children goes by the new
 * name from now on; notify_changes_rename() sees to that itself. */
bool notify_changes_renamed(struct notify_changes *changes, const char *vname,
			    const char *old_vname);
/* `vname` "": of the server. `entries` as wake.h has them. */
bool notify_changes_metadata(struct notify_changes *changes, const char *vname,
			     const char *const *entries, size_t entry_count);

/* Sends what waits, in order. False: the client has to read first. */
bool notify_changes_flush(struct notify_changes *changes);
bool notify_changes_empty(const struct notify_changes *changes);

/* One line "* LIST (...) ..." for a mailbox that may be listed but not opened. */
void notify_changes_send_noaccess(struct notify_session *session, const char *vname);

#endif
