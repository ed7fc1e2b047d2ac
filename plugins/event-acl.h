/*
 * Rights (RFC 4314): a wake-up when a transaction that changed some of a mailbox commits.
 *
 * Dovecot's acl plugin tells nobody, but it notes each change as an attribute in a
 * transaction on the mailbox: SETACL and DELETEACL, doveadm acl and dsync alike.
 */
#ifndef FANTAIL_EVENT_ACL_H
#define FANTAIL_EVENT_ACL_H

struct mailbox;

/* In mailbox_allocated. `hub_path` lives as long as the mailbox. */
void event_acl_follow(struct mailbox *box, const char *hub_path);

/* A mailbox was created. The acl plugin gives it its parent's rights after everybody has
 * been told, and says nothing of that; so there is another wake-up when it has. */
void event_acl_created(struct mailbox *box, const char *hub_path);

/* Sends what waits for that. When a user goes, since the process may be about to end. */
void event_acl_finish(void);

#endif
