/*
 * Wake-ups: one line that says "something has changed here", from the process that
 * committed the change, through the hub, to the sessions that watch. It names the
 * change; what became of it the session looks up itself. So a wake-up may be lost or
 * come twice, and neither does harm: a session also looks by itself, if rarely.
 *
 * Phone pushes do not go this way (push-event.h). docs/wire-protocols.md, "The hub
 * socket". Pure.
 */
#ifndef FANTAIL_WAKE_H
#define FANTAIL_WAKE_H

#include "tabline.h"

/* RFC 5465 section 5 tells these apart, and RFC 4314 rights besides. */
enum wake_kind {
	WAKE_MESSAGE_NEW, /* MessageNew and MessageAppend */
	WAKE_MESSAGE_EXPUNGE,
	WAKE_FLAG_CHANGE,
	WAKE_MAILBOX_CREATE,
	WAKE_MAILBOX_DELETE,
	WAKE_MAILBOX_RENAME,
	WAKE_SUBSCRIPTION, /* subscribed or unsubscribed */
	WAKE_MAILBOX_METADATA,
	WAKE_SERVER_METADATA,
	WAKE_ACL, /* somebody's rights on the mailbox were changed */
};
#define WAKE_KIND_COUNT 10

/* A set of kinds: bit (1 << kind). */
typedef uint32_t wake_kinds;
#define WAKE_KIND_BIT(kind) ((wake_kinds)1 << (kind))
#define WAKE_KINDS_ALL (WAKE_KIND_BIT(WAKE_KIND_COUNT) - 1)
#define WAKE_KINDS_MESSAGE                                                       \
	(WAKE_KIND_BIT(WAKE_MESSAGE_NEW) | WAKE_KIND_BIT(WAKE_MESSAGE_EXPUNGE) | \
	 WAKE_KIND_BIT(WAKE_FLAG_CHANGE))

/* Names of metadata entries in one wake-up; of more, none is said (entry_count 0). */
#define WAKE_MAX_ENTRIES 16

/* Strings are borrowed, UTF-8 without C0 controls and DEL; NULL where marked
 * (optional). */
struct wake {
	wake_kinds kinds;        /* never 0 */
	const char *user;        /* who did it */
	const char *owner;       /* whose mailbox it is; "" for public ones */
	const char *mailbox;     /* as `owner` names it; of a public one, as `user` does.
				  * SERVER_METADATA: "" */
	const char *old_mailbox; /* MAILBOX_RENAME: the former name, likewise */
	const char *separator;   /* (optional) one octet: what parts the levels of these names */
	const char *mailbox_id;  /* (optional) GUID, 32 hexadecimal digits */
	const char *session;     /* (optional) Dovecot session id of the origin */
	const char *only;        /* (optional) of concern to this user alone: private metadata,
				  * a subscription */
	const char *entries[WAKE_MAX_ENTRIES]; /* metadata: "/private/comment", ... */
	size_t entry_count;
};

/* Appends the line "WAKE <TAB> ..." to `buf`. False, and nothing is appended, if it
 * does not fit there or wake_decode would not take it. */
bool wake_encode(struct tabline_buf *buf, const struct wake *wake);

/* From the fields of a line, its verb included. False: no wake-up, or one with a
 * missing or overlong field, one that is no such text, or an unknown kind only; unknown kinds
 * beside known ones are skipped. Strings borrow from the fields. */
bool wake_decode(const struct tabline_field *fields, size_t count, struct wake *wake_r);

/* A GUID: 32 hexadecimal digits. */
bool wake_is_mailbox_id(const char *text);

/* "MessageNew MessageExpunge ..." and back; `out` holds WAKE_KINDS_SIZE. */
#define WAKE_KINDS_SIZE 256
void wake_kinds_format(wake_kinds kinds, char out[WAKE_KINDS_SIZE]);
/* Unknown names are skipped; 0 if none is known. */
wake_kinds wake_kinds_parse(const char *text);

#endif
