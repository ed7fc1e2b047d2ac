#include "push-event.h"
#include "limits.h"

#include <string.h>
#include <strings.h>

static const char *const kind_names[PUSH_EVENT_KIND_COUNT] = {
	[PUSH_EVENT_FLAGS_CLEAR] = "FlagsClear",
	[PUSH_EVENT_FLAGS_SET] = "FlagsSet",
	[PUSH_EVENT_MAILBOX_CREATE] = "MailboxCreate",
	[PUSH_EVENT_MAILBOX_DELETE] = "MailboxDelete",
	[PUSH_EVENT_MAILBOX_RENAME] = "MailboxRename",
	[PUSH_EVENT_MAILBOX_SUBSCRIBE] = "MailboxSubscribe",
	[PUSH_EVENT_MAILBOX_UNSUBSCRIBE] = "MailboxUnsubscribe",
	[PUSH_EVENT_MESSAGE_APPEND] = "MessageAppend",
	[PUSH_EVENT_MESSAGE_EXPUNGE] = "MessageExpunge",
	[PUSH_EVENT_MESSAGE_NEW] = "MessageNew",
	[PUSH_EVENT_MESSAGE_READ] = "MessageRead",
	[PUSH_EVENT_MESSAGE_TRASH] = "MessageTrash",
	[PUSH_EVENT_DATA_CHANGE] = "DataChange",
};

const char *push_event_kind_name(enum push_event_kind kind)
{
	return (unsigned)kind < PUSH_EVENT_KIND_COUNT ? kind_names[kind] : NULL;
}

bool push_event_kind_parse(const char *name, enum push_event_kind *kind_r)
{
	for (unsigned kind = 0; kind < PUSH_EVENT_KIND_COUNT; kind++) {
		if (strcasecmp(name, kind_names[kind]) == 0) {
			*kind_r = (enum push_event_kind)kind;
			return true;
		}
	}
	return false;
}

/* The text fields: one row each, both directions read it. */
static const struct {
	const char *key;
	size_t offset;
	size_t max; /* bytes */
} text_fields[] = {
	{"user", offsetof(struct push_event, user), LIMIT_USER},
	{"owner", offsetof(struct push_event, owner), LIMIT_USER},
	{"mailbox", offsetof(struct push_event, mailbox), LIMIT_MAILBOX},
	{"mailboxid", offsetof(struct push_event, mailbox_id), LIMIT_MAILBOX_ID},
	{"oldmailbox", offsetof(struct push_event, old_mailbox), LIMIT_MAILBOX},
	{"ownermailbox", offsetof(struct push_event, owner_mailbox), LIMIT_MAILBOX},
	{"oldownermailbox", offsetof(struct push_event, old_owner_mailbox), LIMIT_MAILBOX},
	{"uids", offsetof(struct push_event, uids), LIMIT_LINE},
	{"flags", offsetof(struct push_event, flags), LIMIT_LINE},
	{"session", offsetof(struct push_event, session), LIMIT_SESSION_ID},
	{"service", offsetof(struct push_event, service), 64},
	{"from-name", offsetof(struct push_event, from_name), LIMIT_HEADER_TEXT},
	{"from-address", offsetof(struct push_event, from_address), LIMIT_HEADER_TEXT},
	{"subject", offsetof(struct push_event, subject), LIMIT_HEADER_TEXT},
	{"date", offsetof(struct push_event, date), 64},
	{"message-id", offsetof(struct push_event, message_id), LIMIT_HEADER_TEXT},
	{"keywords", offsetof(struct push_event, keywords), LIMIT_LINE},
	{"preview", offsetof(struct push_event, preview), LIMIT_PREVIEW},
	{"filters", offsetof(struct push_event, filters), LIMIT_FILTER_NAMES},
	{"device", offsetof(struct push_event, device), LIMIT_DEVICE_ID},
	{"databases", offsetof(struct push_event, databases), LIMIT_SYNC_DATABASES},
	{"package", offsetof(struct push_event, package), LIMIT_SYNC_PACKAGE_BASE64},
	{"package-type", offsetof(struct push_event, package_type), 64},
};
#define TEXT_FIELD_COUNT (sizeof(text_fields) / sizeof(text_fields[0]))

static const char **text_slot(struct push_event *event, size_t row)
{
	return (const char **)(void *)((char *)event + text_fields[row].offset);
}

bool push_event_encode(struct tabline_buf *buf, const struct push_event *event)
{
	struct push_event copy = *event;

	tabline_word(buf, "EVENT");
	tabline_field(buf, "name", push_event_kind_name(event->kind));
	tabline_field_u64(buf, "time", event->time_us);
	tabline_field_u64(buf, "seq", event->sequence);
	if (event->uidvalidity != 0)
		tabline_field_u64(buf, "uidvalidity", event->uidvalidity);
	if (event->messages != 0)
		tabline_field_u64(buf, "messages", event->messages);
	if (event->exists != 0)
		tabline_field_u64(buf, "exists", event->exists);
	if (event->modseq != 0)
		tabline_field_u64(buf, "modseq", event->modseq);
	if (event->hidden)
		tabline_field(buf, "hidden", "yes");
	for (size_t row = 0; row < TEXT_FIELD_COUNT; row++)
		tabline_field(buf, text_fields[row].key, *text_slot(&copy, row));
	return tabline_end(buf);
}

bool push_event_uids_valid(const char *uids)
{
	uint64_t value = 0;
	bool digits = false, range = false;

	for (const char *p = uids;; p++) {
		if (*p >= '0' && *p <= '9') {
			if (!digits && *p == '0')
				return false; /* nz-number */
			value = value * 10 + (unsigned)(*p - '0');
			if (value > UINT32_MAX)
				return false;
			digits = true;
			continue;
		}
		if (!digits)
			return false;
		if (*p == '\0')
			return true;
		if (*p == ':' && !range)
			range = true;
		else if (*p == ',')
			range = false;
		else
			return false;
		digits = false;
		value = 0;
	}
}

/* As RFC 4648 section 4 writes it, padded, without line ends. What is left over in the
 * last character need not be 0. */
static bool base64_valid(const char *text)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(text), data = strspn(text, alphabet);

	return len > 0 && len % 4 == 0 && len - data <= 2 && strspn(text + data, "=") == len - data;
}

static enum push_event_result check_data_change(const struct push_event *event)
{
	if (event->device == NULL || *event->device == '\0' || event->databases == NULL ||
	    *event->databases == '\0' || event->package == NULL || event->package_type == NULL)
		return PUSH_EVENT_NO_PACKAGE;
	if (!base64_valid(event->package) ||
	    (strcmp(event->package_type, PUSH_EVENT_PACKAGE_SAN) != 0 &&
	     strcmp(event->package_type, PUSH_EVENT_PACKAGE_XML) != 0 &&
	     strcmp(event->package_type, PUSH_EVENT_PACKAGE_WBXML) != 0))
		return PUSH_EVENT_BAD_PACKAGE;
	return PUSH_EVENT_OK;
}

static bool parse_numbers(const struct tabline_field *fields, size_t count,
			  struct push_event *event)
{
	const char *text;

	if ((text = tabline_get(fields, count, "time")) != NULL &&
	    !tabline_parse_u64(text, &event->time_us))
		return false;
	if ((text = tabline_get(fields, count, "seq")) != NULL &&
	    !tabline_parse_u64(text, &event->sequence))
		return false;
	if ((text = tabline_get(fields, count, "modseq")) != NULL &&
	    !tabline_parse_u64(text, &event->modseq))
		return false;
	if ((text = tabline_get(fields, count, "uidvalidity")) != NULL &&
	    !tabline_parse_u32(text, &event->uidvalidity))
		return false;
	if ((text = tabline_get(fields, count, "messages")) != NULL &&
	    !tabline_parse_u32(text, &event->messages))
		return false;
	if ((text = tabline_get(fields, count, "exists")) != NULL &&
	    !tabline_parse_u32(text, &event->exists))
		return false;
	return true;
}

enum push_event_result push_event_from_fields(const struct tabline_field *fields, size_t count,
					      struct push_event *event_r)
{
	struct push_event event = {.kind = PUSH_EVENT_FLAGS_CLEAR};
	const char *name;

	if (count == 0 || fields[0].key != NULL || strcmp(fields[0].value, "EVENT") != 0)
		return PUSH_EVENT_NOT_AN_EVENT;
	name = tabline_get(fields, count, "name");
	if (name == NULL)
		return PUSH_EVENT_MISSING_FIELD;
	if (!push_event_kind_parse(name, &event.kind))
		return PUSH_EVENT_UNKNOWN_KIND;
	if (!parse_numbers(fields, count, &event))
		return PUSH_EVENT_BAD_NUMBER;
	for (size_t row = 0; row < TEXT_FIELD_COUNT; row++) {
		const char *text = tabline_get(fields, count, text_fields[row].key);

		if (text != NULL && strlen(text) > text_fields[row].max)
			return PUSH_EVENT_TOO_LONG;
		*text_slot(&event, row) = text;
	}
	if (event.user == NULL || *event.user == '\0' || event.time_us == 0)
		return PUSH_EVENT_MISSING_FIELD;
	name = tabline_get(fields, count, "hidden");
	event.hidden = name != NULL && strcmp(name, "yes") == 0;
	if (event.kind == PUSH_EVENT_DATA_CHANGE) {
		enum push_event_result result = check_data_change(&event);

		if (result != PUSH_EVENT_OK)
			return result;
		/* A person's own, in no mailbox: nobody can be told on another's behalf. */
		event.owner = event.mailbox = event.mailbox_id = event.old_mailbox = NULL;
		event.owner_mailbox = event.old_owner_mailbox = NULL;
	} else if (event.mailbox == NULL) {
		return PUSH_EVENT_MISSING_FIELD;
	}
	if (event.uids != NULL && !push_event_uids_valid(event.uids))
		return PUSH_EVENT_BAD_UIDS;
	*event_r = event;
	return PUSH_EVENT_OK;
}

enum push_event_result push_event_decode(char *line, size_t len, struct push_event *event_r)
{
	struct tabline_field fields[LIMIT_LINE_FIELDS];
	size_t count;

	if (tabline_split(line, len, fields, LIMIT_LINE_FIELDS, &count) != TABLINE_OK)
		return PUSH_EVENT_BAD_LINE;
	return push_event_from_fields(fields, count, event_r);
}

const char *push_event_strerror(enum push_event_result result)
{
	switch (result) {
	case PUSH_EVENT_OK:
		return "no error";
	case PUSH_EVENT_BAD_LINE:
		return "not a tab-escaped line";
	case PUSH_EVENT_NOT_AN_EVENT:
		return "not an EVENT line";
	case PUSH_EVENT_UNKNOWN_KIND:
		return "unknown event name";
	case PUSH_EVENT_MISSING_FIELD:
		return "name, time, user or mailbox is missing";
	case PUSH_EVENT_BAD_NUMBER:
		return "a number is malformed or too large";
	case PUSH_EVENT_BAD_UIDS:
		return "uids is not a sequence-set";
	case PUSH_EVENT_NO_PACKAGE:
		return "device, databases, package or package-type is missing";
	case PUSH_EVENT_BAD_PACKAGE:
		return "package is not base64, or package-type none of SyncML's";
	case PUSH_EVENT_TOO_LONG:
		return "a field is over its limit";
	}
	return "unknown error";
}
