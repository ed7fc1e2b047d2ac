#include "wake.h"
#include "clean-text.h"
#include "limits.h"

#include <string.h>

static const char *const kind_names[WAKE_KIND_COUNT] = {
	[WAKE_MESSAGE_NEW] = "MessageNew",
	[WAKE_MESSAGE_EXPUNGE] = "MessageExpunge",
	[WAKE_FLAG_CHANGE] = "FlagChange",
	[WAKE_MAILBOX_CREATE] = "MailboxCreate",
	[WAKE_MAILBOX_DELETE] = "MailboxDelete",
	[WAKE_MAILBOX_RENAME] = "MailboxRename",
	[WAKE_SUBSCRIPTION] = "SubscriptionChange",
	[WAKE_MAILBOX_METADATA] = "MailboxMetadataChange",
	[WAKE_SERVER_METADATA] = "ServerMetadataChange",
	[WAKE_ACL] = "ACL",
};

void wake_kinds_format(wake_kinds kinds, char out[WAKE_KINDS_SIZE])
{
	char *end = out;

	for (unsigned kind = 0; kind < WAKE_KIND_COUNT; kind++) {
		if ((kinds & WAKE_KIND_BIT(kind)) == 0)
			continue;
		if (end > out)
			*end++ = ' ';
		end = stpcpy(end, kind_names[kind]);
	}
	*end = '\0';
}

static wake_kinds parse_kind(const char *name, size_t len)
{
	for (unsigned kind = 0; kind < WAKE_KIND_COUNT; kind++) {
		if (strlen(kind_names[kind]) == len && memcmp(name, kind_names[kind], len) == 0)
			return WAKE_KIND_BIT(kind);
	}
	return 0;
}

wake_kinds wake_kinds_parse(const char *text)
{
	wake_kinds kinds = 0;

	for (;;) {
		size_t len = strcspn(text, " ");

		kinds |= parse_kind(text, len);
		if (text[len] == '\0')
			return kinds;
		text += len + 1;
	}
}

/* The text fields: one row each, both directions read it. */
static const struct {
	const char *key;
	size_t offset;
	size_t max; /* bytes */
} text_fields[] = {
	{"user", offsetof(struct wake, user), LIMIT_USER},
	{"owner", offsetof(struct wake, owner), LIMIT_USER},
	{"mailbox", offsetof(struct wake, mailbox), LIMIT_MAILBOX},
	{"oldmailbox", offsetof(struct wake, old_mailbox), LIMIT_MAILBOX},
	{"separator", offsetof(struct wake, separator), 1},
	{"mailboxid", offsetof(struct wake, mailbox_id), LIMIT_MAILBOX_ID},
	{"session", offsetof(struct wake, session), LIMIT_SESSION_ID},
	{"only", offsetof(struct wake, only), LIMIT_USER},
};
#define TEXT_FIELD_COUNT (sizeof(text_fields) / sizeof(text_fields[0]))

static const char **text_slot(struct wake *wake, size_t row)
{
	return (const char **)(void *)((char *)wake + text_fields[row].offset);
}

/* Who hears of it opens what is named: libdovecot asserts that names are UTF-8, and
 * neither the log nor a client's line has room for controls. C1 is left: a mailbox may be
 * called so. */
static bool is_name(const char *text, size_t max)
{
	size_t left = strlen(text);

	if (left > max)
		return false;
	while (left > 0) {
		size_t len = utf8_sequence(text, left);

		if (len == 0 || (unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
		text += len;
		left -= len;
	}
	return true;
}

bool wake_is_mailbox_id(const char *text)
{
	return strlen(text) == LIMIT_MAILBOX_ID &&
	       strspn(text, "0123456789abcdefABCDEF") == LIMIT_MAILBOX_ID;
}

/* As the reader wants it, so that nothing is written which nobody would read. */
static bool complete(const struct wake *wake)
{
	struct wake copy = *wake;

	if ((wake->kinds & WAKE_KINDS_ALL) == 0 || wake->user == NULL || *wake->user == '\0' ||
	    wake->owner == NULL || wake->mailbox == NULL)
		return false;
	if ((wake->kinds & WAKE_KIND_BIT(WAKE_MAILBOX_RENAME)) != 0 && wake->old_mailbox == NULL)
		return false;
	for (size_t row = 0; row < TEXT_FIELD_COUNT; row++) {
		const char *text = *text_slot(&copy, row);

		if (text != NULL && !is_name(text, text_fields[row].max))
			return false;
	}
	if (wake->mailbox_id != NULL && !wake_is_mailbox_id(wake->mailbox_id))
		return false;
	for (size_t i = 0; i < wake->entry_count; i++) {
		if (!is_name(wake->entries[i], LIMIT_METADATA_ENTRY))
			return false;
	}
	return true;
}

bool wake_encode(struct tabline_buf *buf, const struct wake *wake)
{
	struct wake copy = *wake;
	char kinds[WAKE_KINDS_SIZE];

	if (!complete(wake))
		return false;
	wake_kinds_format(wake->kinds, kinds);
	tabline_word(buf, "WAKE");
	tabline_field(buf, "kinds", kinds);
	for (size_t row = 0; row < TEXT_FIELD_COUNT; row++)
		tabline_field(buf, text_fields[row].key, *text_slot(&copy, row));
	for (size_t i = 0; i < wake->entry_count; i++)
		tabline_field(buf, "entry", wake->entries[i]);
	return tabline_end(buf);
}

/* More than there is room for are none. */
static void decode_entries(const struct tabline_field *fields, size_t count, struct wake *wake)
{
	for (size_t i = 1; i < count; i++) {
		if (fields[i].key == NULL || strcmp(fields[i].key, "entry") != 0)
			continue;
		if (wake->entry_count == WAKE_MAX_ENTRIES) {
			memset(wake->entries, 0, sizeof(wake->entries));
			wake->entry_count = 0;
			return;
		}
		wake->entries[wake->entry_count++] = fields[i].value;
	}
}

bool wake_decode(const struct tabline_field *fields, size_t count, struct wake *wake_r)
{
	struct wake wake = {.kinds = 0};
	const char *kinds;

	if (count == 0 || fields[0].key != NULL || strcmp(fields[0].value, "WAKE") != 0)
		return false;
	kinds = tabline_get(fields, count, "kinds");
	if (kinds == NULL)
		return false;
	wake.kinds = wake_kinds_parse(kinds);
	for (size_t row = 0; row < TEXT_FIELD_COUNT; row++)
		*text_slot(&wake, row) = tabline_get(fields, count, text_fields[row].key);
	decode_entries(fields, count, &wake);
	if (!complete(&wake))
		return false;
	*wake_r = wake;
	return true;
}
