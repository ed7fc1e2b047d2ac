#include "notify-status.h"
#include "str.h"
#include "mail-namespace.h"
#include "mail-storage.h"

#include "notify-table.h"

enum item {
	ITEM_MESSAGES = 1 << 0,
	ITEM_UIDNEXT = 1 << 1,
	ITEM_UIDVALIDITY = 1 << 2,
	ITEM_UNSEEN = 1 << 3,
	ITEM_MODSEQ = 1 << 4,
};

enum notify_look notify_status_look(struct notify_session *session, const char *vname,
				    struct notify_snapshot *snapshot_r)
{
	struct client *client = session->client;
	struct mailbox_status status;
	struct mailbox *box;
	enum mail_error error;
	enum notify_look result = NOTIFY_LOOK_OK;

	box = mailbox_alloc(notify_session_namespace(session, vname)->list, vname,
			    MAILBOX_FLAG_READONLY);
	(void)mailbox_enable(box, client_enabled_mailbox_features(client));
	/* Not by imap_status_get(), which enables CONDSTORE for HIGHESTMODSEQ. */
	if (mailbox_get_status(box,
			       STATUS_MESSAGES | STATUS_UIDNEXT | STATUS_UIDVALIDITY |
				       STATUS_UNSEEN | STATUS_HIGHESTMODSEQ,
			       &status) == 0) {
		snapshot_r->uidvalidity = status.uidvalidity;
		snapshot_r->uidnext = status.uidnext;
		snapshot_r->messages = status.messages;
		snapshot_r->unseen = status.unseen;
		snapshot_r->modseq = status.highest_modseq;
		snapshot_r->told = FALSE;
	} else {
		(void)mailbox_get_last_error(box, &error);
		result = error == MAIL_ERROR_NOTFOUND ? NOTIFY_LOOK_GONE
			 : error == MAIL_ERROR_PERM   ? NOTIFY_LOOK_DENIED
						      : NOTIFY_LOOK_FAILED;
	}
	mailbox_free(&box);
	return result;
}

notify_items notify_status_indicator(notify_events events)
{
	notify_items what = 0;

	if ((events & NOTIFY_MESSAGE_NEW) != 0)
		what |= ITEM_MESSAGES | ITEM_UIDNEXT | ITEM_UIDVALIDITY | ITEM_UNSEEN;
	if ((events & NOTIFY_MESSAGE_EXPUNGE) != 0)
		what |= ITEM_MESSAGES;
	if ((events & NOTIFY_FLAG_CHANGE) != 0)
		what |= ITEM_UIDVALIDITY | ITEM_MODSEQ;
	return what;
}

notify_items notify_status_news(struct client *client, notify_events events, wake_kinds dirty,
				const struct notify_snapshot *last,
				const struct notify_snapshot *now)
{
	bool condstore = client_has_enabled(client, imap_feature_condstore);
	bool known = last->uidvalidity != 0;
	notify_items what = 0;

	if (known && now->uidvalidity != last->uidvalidity)
		return ITEM_MESSAGES | ITEM_UIDNEXT | ITEM_UIDVALIDITY | ITEM_UNSEEN |
		       (condstore ? ITEM_MODSEQ : 0);
	/* Found by looking, not by being told. */
	if (dirty == 0) {
		if (now->uidnext != last->uidnext)
			dirty |= WAKE_KIND_BIT(WAKE_MESSAGE_NEW);
		if (known && now->messages != last->messages)
			dirty |= WAKE_KIND_BIT(WAKE_MESSAGE_EXPUNGE);
		if (known && (now->modseq != last->modseq || now->unseen != last->unseen))
			dirty |= WAKE_KIND_BIT(WAKE_FLAG_CHANGE);
	}
	/* The look before came between the commit and its wake-up. */
	if (last->told && now->uidnext == last->uidnext && now->messages == last->messages)
		dirty &= ~WAKE_KIND_BIT(WAKE_MESSAGE_NEW);
	if ((events & NOTIFY_MESSAGE_NEW) != 0 &&
	    (dirty & (WAKE_KIND_BIT(WAKE_MESSAGE_NEW) | WAKE_KIND_BIT(WAKE_MESSAGE_EXPUNGE))) != 0)
		what |= ITEM_MESSAGES | ITEM_UIDNEXT | ITEM_UNSEEN |
			(known ? 0 : ITEM_UIDVALIDITY) | (condstore ? ITEM_MODSEQ : 0);
	if ((events & NOTIFY_FLAG_CHANGE) != 0 && (dirty & WAKE_KIND_BIT(WAKE_FLAG_CHANGE)) != 0) {
		if (condstore)
			what |= ITEM_UIDVALIDITY | ITEM_MODSEQ;
		if (known && now->unseen != last->unseen)
			what |= ITEM_UNSEEN;
	}
	return what;
}

bool notify_status_send(struct notify_session *session, const char *vname, notify_items what,
			const struct notify_snapshot *snapshot)
{
	const struct {
		enum item item;
		const char *name;
		uint64_t value;
	} values[] = {
		{ITEM_MESSAGES, "MESSAGES", snapshot->messages},
		{ITEM_UIDNEXT, "UIDNEXT", snapshot->uidnext},
		{ITEM_UIDVALIDITY, "UIDVALIDITY", snapshot->uidvalidity},
		{ITEM_UNSEEN, "UNSEEN", snapshot->unseen},
		{ITEM_MODSEQ, "HIGHESTMODSEQ", snapshot->modseq},
	};
	string_t *line = t_str_new(128);
	const char *blank = "";

	str_append(line, "* STATUS ");
	notify_session_append_name(session, line, vname);
	str_append(line, " (");
	for (unsigned int i = 0; i < N_ELEMENTS(values); i++) {
		if ((what & values[i].item) == 0)
			continue;
		str_printfa(line, "%s%s %" PRIu64, blank, values[i].name, values[i].value);
		blank = " ";
	}
	str_append_c(line, ')');
	return notify_session_send(session, str_c(line));
}
