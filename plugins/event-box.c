#include "lib.h"
#include "mail-storage-private.h"
#include "mail-user.h"

#include "event-box.h"
#include "limits.h"

const char *event_box_guid(struct mailbox *box)
{
	struct mailbox_metadata metadata;
	const char *guid = NULL;

	if (!box->opened)
		return NULL;
	mail_storage_last_error_push(box->storage);
	if (mailbox_get_metadata(box, MAILBOX_METADATA_GUID, &metadata) == 0)
		guid = guid_128_to_string(metadata.guid);
	mail_storage_last_error_pop(box->storage);
	return guid;
}

const char *event_box_owner(struct mailbox *box)
{
	const struct mail_user *owner = mailbox_get_namespace(box)->owner;

	if (owner == NULL)
		return "";
	return strcmp(owner->username, box->storage->user->username) == 0 ? NULL : owner->username;
}

const char *event_box_owner_name(struct mailbox *box)
{
	const struct mail_namespace *ns = mailbox_get_namespace(box);
	const char *name = mailbox_get_vname(box);

	if (ns->type != MAIL_NAMESPACE_TYPE_SHARED)
		return NULL;
	/* The owner's INBOX may be the prefix itself, without its separator. */
	if (strncmp(name, ns->prefix, ns->prefix_len) != 0)
		return "INBOX";
	name += ns->prefix_len;
	return *name == '\0' ? "INBOX" : name;
}

const char *event_user_session(const struct mail_user *user)
{
	if (user->session_id == NULL || strlen(user->session_id) > LIMIT_SESSION_ID)
		return NULL;
	return user->session_id;
}
