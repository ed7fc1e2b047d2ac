/* What is said of a mailbox whenever something has happened in it. */
#ifndef FANTAIL_EVENT_BOX_H
#define FANTAIL_EVENT_BOX_H

struct mailbox;
struct mail_user;

/* Its GUID, from the data stack; NULL if it is closed (opening it would be a side
 * effect) or has none. */
const char *event_box_guid(struct mailbox *box);

/* Whose it is, if not the user's own: "" if nobody's, NULL if the user's. */
const char *event_box_owner(struct mailbox *box);

/* A shared mailbox as its owner names it, whose prefix is none of ours; NULL for
 * other mailboxes. */
const char *event_box_owner_name(struct mailbox *box);

/* The session id, or NULL if there is none that readers of our lines would take. */
const char *event_user_session(const struct mail_user *user);

#endif
