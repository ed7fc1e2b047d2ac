/*
 * Message events of mailboxes that are not selected (RFC 5465 sections 5.1-5.3): which
 * mailboxes the client asked about, what each said last, which may have something new.
 *
 * A mailbox that was never reported has no snapshot yet, only a fingerprint of its files:
 * a client with a thousand mailboxes of its own does not make us open a thousand. Those of
 * others are opened once, for the GUIDs by which their owners' wake-ups name them.
 */
#ifndef FANTAIL_NOTIFY_WATCH_H
#define FANTAIL_NOTIFY_WATCH_H

#include "notify-session.h"

/* Lists what `spec` asks for, which will be session->spec before anything else here is
 * called. NULL: more than the ceiling (overflow), or they cannot be listed. */
struct notify_watch *notify_watch_new(struct notify_session *session,
				      const struct notify_spec *spec);
void notify_watch_free(struct notify_watch **watch);

/* RFC 5465 section 3.1: a LIST line with \NoAccess for each that may be listed, not read. */
void notify_watch_send_noaccess(struct notify_watch *watch);
/* STATUS indicator: a STATUS line for each with message events; the selected one left
 * out. */
void notify_watch_send_status(struct notify_watch *watch);

/* The name of the watched mailbox with that GUID, or NULL. Only those outside the personal
 * namespaces are known by it. */
const char *notify_watch_find_id(struct notify_watch *watch, const char *mailbox_id);
/* Is it known to be there for this user? That is, has it been seen by them. */
bool notify_watch_has(struct notify_watch *watch, const char *vname);
/* And may they know what happens in it? */
bool notify_watch_may_read(struct notify_watch *watch, const char *vname);

/* Message kinds happened in it. */
void notify_watch_woken(struct notify_watch *watch, const char *vname, wake_kinds kinds);
/* This session itself changed it: what it says now is no news. */
void notify_watch_own(struct notify_watch *watch, const char *vname);
enum notify_rights_news {
	NOTIFY_RIGHTS_SAME,     /* or nothing that is to be told: r was lost */
	NOTIFY_RIGHTS_LOST,     /* l was */
	NOTIFY_RIGHTS_GAINED,   /* l was, for the first time */
	NOTIFY_RIGHTS_REGAINED, /* what the client was told to lack */
};
/* Rights on it may have changed, and with them whether it is watched: RFC 5465 section
 * 5.9. `anew`: see notify-acl.h. */
enum notify_rights_news notify_watch_rights(struct notify_watch *watch, const char *vname,
					    bool anew);
/* Appends the names of those outside the personal namespaces where rights matter, in the
 * data stack. */
void notify_watch_guarded(struct notify_watch *watch, ARRAY_TYPE(const_string) *names);
/* It came (`created`: with the messages in it, which are news), or was (un)
 * subscribed. FALSE: LIST does not show it. Then nothing has changed here: the
 * client still has to be told that it is gone. */
bool notify_watch_update(struct notify_watch *watch, const char *vname, bool created);
/* The client is told that it is there, with these attributes. */
struct mailbox_info;
void notify_watch_told(struct notify_watch *watch, const struct mailbox_info *info);
/* The client is told that it is gone. */
void notify_watch_forget(struct notify_watch *watch, const char *vname);
typedef bool notify_watch_name(struct notify_session *session, const char *vname);
/* It got another name, and so did its children: what is known of them goes by their new
 * names from now on. `changed` is called for those about which the client, having done the
 * same, is wrong. `own`: this session did it. FALSE: `changed` said so. */
bool notify_watch_rename(struct notify_watch *watch, const char *old_vname, const char *vname,
			 bool own, notify_watch_name *changed);

/* Looks at the files of all; those that changed are dirty. */
void notify_watch_poll(struct notify_watch *watch);
/* Lists all again and calls `changed` for names that were not there, or are not there any
 * more. For what nobody told: a hub that is or was away. FALSE: too many, or `changed`
 * said so. */
bool notify_watch_relist(struct notify_watch *watch, notify_watch_name *changed);
/* What is watched. Borrowed. */
const struct notify_table *notify_watch_table(const struct notify_watch *watch);
/* More than fantail_notify_mailboxes by now. */
bool notify_watch_full(const struct notify_watch *watch);
bool notify_watch_dirty(const struct notify_watch *watch);
/* Sends STATUS for what is dirty. False: the client has to read first. */
bool notify_watch_flush(struct notify_watch *watch);

/* Appends what each mailbox said last, or its fingerprint: some 10 bytes and the name each,
 * 40 with what it said. */
void notify_watch_export(const struct notify_watch *watch, buffer_t *dest);
/* Into a new watch of the same groups: what it said last is what was exported. What came,
 * went or was (un)subscribed since goes to notify_session_missed(); what has changed
 * else is found by notify_watch_poll(). -1: that is no export. */
int notify_watch_import(struct notify_watch *watch, const unsigned char **data,
			const unsigned char *end);

#endif
