/*
 * The mail event: what changed in whose mailbox, in the vocabulary of RFC 5423
 * (section 4 names the events, section 5 their parameters); and the one event that
 * is not about mail, DataChange, by which a SyncML server has a device alerted.
 * One struct, its one-line form, both directions.
 *
 * The line form is docs/wire-protocols.md, "EVENT". Unknown keys are ignored,
 * so that an older bridge reads a newer plugin. Pure.
 */
#ifndef FANTAIL_PUSH_EVENT_H
#define FANTAIL_PUSH_EVENT_H

#include "tabline.h"

enum push_event_kind {
	PUSH_EVENT_FLAGS_CLEAR,
	PUSH_EVENT_FLAGS_SET,
	PUSH_EVENT_MAILBOX_CREATE,
	PUSH_EVENT_MAILBOX_DELETE,
	PUSH_EVENT_MAILBOX_RENAME,
	PUSH_EVENT_MAILBOX_SUBSCRIBE,
	PUSH_EVENT_MAILBOX_UNSUBSCRIBE,
	PUSH_EVENT_MESSAGE_APPEND,
	PUSH_EVENT_MESSAGE_EXPUNGE,
	PUSH_EVENT_MESSAGE_NEW,
	PUSH_EVENT_MESSAGE_READ,
	PUSH_EVENT_MESSAGE_TRASH,
	/* Not in RFC 5423: a user's contacts or calendars changed, and one of their devices
	 * is to synchronise. The bits of the others are in databases: new ones go here. */
	PUSH_EVENT_DATA_CHANGE,
};
#define PUSH_EVENT_KIND_COUNT 13

/* A set of kinds: bit (1 << kind). */
typedef uint32_t push_event_kinds;
#define PUSH_EVENT_KIND_BIT(kind) ((push_event_kinds)1 << (kind))
#define PUSH_EVENT_KINDS_ALL ((PUSH_EVENT_KIND_BIT(PUSH_EVENT_KIND_COUNT)) - 1)
/* RFC 5423's: what happens in mailboxes. Who asks for "all" asks for these. */
#define PUSH_EVENT_KINDS_MAIL (PUSH_EVENT_KINDS_ALL & ~PUSH_EVENT_KIND_BIT(PUSH_EVENT_DATA_CHANGE))
/* Mail that arrived, as opposed to a change of state. */
#define PUSH_EVENT_KINDS_ARRIVAL PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_NEW)
/* The kinds that concern messages, so carry UIDs. */
#define PUSH_EVENT_KINDS_MESSAGE                                                                   \
	(PUSH_EVENT_KIND_BIT(PUSH_EVENT_FLAGS_CLEAR) | PUSH_EVENT_KIND_BIT(PUSH_EVENT_FLAGS_SET) | \
	 PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_APPEND) |                                          \
	 PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_EXPUNGE) |                                         \
	 PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_NEW) |                                             \
	 PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_READ) |                                            \
	 PUSH_EVENT_KIND_BIT(PUSH_EVENT_MESSAGE_TRASH))

/* RFC 5423 name ("MessageNew"), or "DataChange"; never NULL for a valid kind. */
const char *push_event_kind_name(enum push_event_kind kind);
/* Compared without case, as RFC 5465 compares event names. */
bool push_event_kind_parse(const char *name, enum push_event_kind *kind_r);

/* What `package` is: SyncML's package #0, which alerts a client. */
#define PUSH_EVENT_PACKAGE_SAN "application/vnd.syncml.ds.notification" /* OMA DS 1.2 */
#define PUSH_EVENT_PACKAGE_XML "application/vnd.syncml+xml"             /* 1.0, 1.1 */
#define PUSH_EVENT_PACKAGE_WBXML "application/vnd.syncml+wbxml"

/* Strings are borrowed and may be NULL where marked (optional). */
struct push_event {
	enum push_event_kind kind;
	uint64_t time_us;    /* when it was committed, microseconds since the epoch */
	uint64_t sequence;   /* counts up within one process; gaps mean losses */
	const char *user;    /* who did it: the account that is logged in or delivered to */
	const char *owner;   /* (optional) whose mailbox it is, if not `user`; "" for public ones */
	const char *mailbox; /* name as `user` sees it, UTF-8; DataChange: NULL */
	const char *mailbox_id;  /* (optional) GUID, 32 hexadecimal digits */
	const char *old_mailbox; /* MailboxRename: the former name */
	/* (optional) The same two names as `owner` sees them, if not as `user` does. */
	const char *owner_mailbox;
	const char *old_owner_mailbox;
	uint32_t uidvalidity; /* 0 = not known */
	const char *uids;     /* (optional) IMAP sequence-set of the messages */
	uint32_t messages;    /* how many messages are concerned; 0 for mailbox kinds */
	uint32_t exists;      /* MessageNew, MessageAppend: how many messages the mailbox has
			       * now; 0 = not known */
	uint64_t modseq;      /* HIGHESTMODSEQ after the change; 0 = not known */
	const char *flags;    /* FlagsSet, FlagsClear: names separated by one space */
	const char *session;  /* (optional) Dovecot session id of the origin */
	const char *service;  /* (optional) imap, lmtp, ... */

	/* Content of the newest message, MessageNew only and only if a device of
	 * the user asked for it (WANT). UTF-8, decoded. All optional. */
	const char *from_name;
	const char *from_address;
	const char *subject;
	const char *date; /* RFC 3339 */
	const char *message_id;
	const char *keywords; /* names separated by one space; COI's msgtype looks for $Chat */
	const char *preview;

	/* The user, who is the owner, may not read the mailbox at the moment (RFC 4314): their
	 * devices are not told what happens there. */
	bool hidden;

	/* (optional) Names of the filters that the messages matched, of those that WANT told,
	 * separated by one space; "" = none of them. NULL = nobody judged. */
	const char *filters;

	/* DataChange, which has these, and of the others `user` and the numbers. */
	const char *device;    /* DevID of the one that is to synchronise */
	const char *databases; /* names separated by one space */
	const char *package;   /* base64 */
	const char *package_type;
};

enum push_event_result {
	PUSH_EVENT_OK = 0,
	PUSH_EVENT_BAD_LINE,     /* see tabline.h */
	PUSH_EVENT_NOT_AN_EVENT, /* first word is not EVENT */
	PUSH_EVENT_UNKNOWN_KIND,
	PUSH_EVENT_MISSING_FIELD, /* kind, user, mailbox, time */
	PUSH_EVENT_BAD_NUMBER,
	PUSH_EVENT_BAD_UIDS,
	PUSH_EVENT_NO_PACKAGE,  /* a field of DataChange's own is missing */
	PUSH_EVENT_BAD_PACKAGE, /* not base64, or not of one of the three types */
	PUSH_EVENT_TOO_LONG,    /* a name is over its limit */
};

/* Appends the line to `buf`. False if it does not fit (buf->max, LIMIT_LINE). */
bool push_event_encode(struct tabline_buf *buf, const struct push_event *event);

/* Decodes one line (without LF) in place; room for a NUL at line[len]. Strings
 * of *event_r borrow from `line`; set on PUSH_EVENT_OK only. */
enum push_event_result push_event_decode(char *line, size_t len, struct push_event *event_r);

/* The same from fields that were split already. */
enum push_event_result push_event_from_fields(const struct tabline_field *fields, size_t count,
					      struct push_event *event_r);

/* A sequence-set of UIDs as RFC 3501 writes it, without "*". */
bool push_event_uids_valid(const char *uids);

const char *push_event_strerror(enum push_event_result result);

#endif
