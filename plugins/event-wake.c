#include "lib.h"
#include "mail-storage-private.h"
#include "mail-user.h"

#include "event-box.h"
#include "event-wake.h"
#include "monotonic.h"
#include "trouble.h"
#include "wake-sender.h"

/* The mailbox's name where its owner is who names it. */
static const char *wake_name(struct mailbox *box)
{
	const char *name = event_box_owner_name(box);

	return name != NULL ? name : mailbox_get_vname(box);
}

static void wake_fill(struct wake *wake, struct mailbox *box)
{
	const struct mail_user *user = box->storage->user;

	wake->user = user->username;
	wake->owner = event_box_owner(box);
	if (wake->owner == NULL)
		wake->owner = user->username;
	wake->mailbox = wake_name(box);
	wake->separator = t_strdup_printf("%c", mail_namespace_get_sep(mailbox_get_namespace(box)));
	wake->session = event_user_session(user);
}

void event_wake_init(struct wake *wake_r, struct mailbox *box)
{
	i_zero(wake_r);
	wake_fill(wake_r, box);
}

/* A hub that is away is not news; a wrong path or a missing permission is. */
static void send_wake(struct mailbox *box, const char *hub_path, const struct wake *wake)
{
	static struct trouble trouble_hub;
	unsigned int times;

	if (wake_send(hub_path, wake))
		return;
	errno = wake_sender_error();
	if (errno != 0 && trouble_note(&trouble_hub, monotonic_us(), &times))
		e_error(box->storage->user->event,
			"fantail: connect(%s) failed: %m (%u wake-up(s)); check fantail_hub; "
			"sessions find changes by looking",
			hub_path, times);
}

void event_wake_committed(struct mailbox *box, const char *hub_path, const struct event_wake *done)
{
	struct wake wake = {.kinds = done->kinds | done->own};

	if (wake.kinds == 0)
		return;
	wake_fill(&wake, box);
	wake.mailbox_id = event_box_guid(box);
	if (done->kinds == 0)
		wake.only = wake.user;
	send_wake(box, hub_path, &wake);
}

void event_wake_mailbox(struct mailbox *box, const char *hub_path, enum wake_kind kind,
			struct mailbox *src, const char *mailbox_id)
{
	struct wake wake = {.kinds = WAKE_KIND_BIT(kind), .mailbox_id = mailbox_id};

	wake_fill(&wake, box);
	if (src != NULL)
		wake.old_mailbox = wake_name(src);
	if (kind == WAKE_SUBSCRIPTION)
		wake.only = wake.user;
	send_wake(box, hub_path, &wake);
}

void event_wake_metadata(struct mailbox *box, const char *hub_path, enum wake_kind kind,
			 bool private, const char *const *entries, size_t count)
{
	struct wake wake = {.kinds = WAKE_KIND_BIT(kind), .entry_count = count};

	wake_fill(&wake, box);
	if (kind == WAKE_SERVER_METADATA)
		wake.mailbox = "";
	else
		wake.mailbox_id = event_box_guid(box);
	if (private)
		wake.only = wake.user;
	memcpy(wake.entries, entries, count * sizeof(*entries));
	send_wake(box, hub_path, &wake);
}
