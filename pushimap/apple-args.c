#include "apple-args.h"
#include "args-fail.h"
#include "clean-text.h"

#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* What the notifications are for; of others the push service would not know the app. */
#define SUBTOPIC "com.apple.mobilemail"

static enum webpush_error check_version(struct apple_registration *reg, const char *value,
					const char **error_r)
{
	if (strcmp(value, "1") != 0 && strcmp(value, "2") != 0)
		FAIL(WEBPUSH_SYNTAX, "aps-version is neither 1 nor 2.");
	reg->version = (unsigned)(value[0] - '0');
	return WEBPUSH_OK;
}

static enum webpush_error check_account(struct apple_registration *reg, const char *value,
					const char **error_r)
{
	size_t len = strlen(value);

	if (len > LIMIT_APPLE_ACCOUNT)
		FAIL(WEBPUSH_LIMIT, "aps-account-id is too long.");
	if (len == 0 || value[strspn(value, LETTERS DIGITS "-_.")] != '\0')
		FAIL(WEBPUSH_CANNOT, "aps-account-id is not a UUID.");
	reg->account = value;
	return WEBPUSH_OK;
}

static enum webpush_error check_token(struct apple_registration *reg, const char *value,
				      const char **error_r)
{
	size_t len = strlen(value);

	if (len > LIMIT_APPLE_TOKEN)
		FAIL(WEBPUSH_LIMIT, "aps-device-token is too long.");
	/* The registration is named after its first octets. */
	if (len < LIMIT_APPLE_TOKEN_MIN || len % 2 != 0 ||
	    value[strspn(value, DIGITS "abcdefABCDEF")] != '\0')
		FAIL(WEBPUSH_CANNOT, "aps-device-token is not a token.");
	for (size_t i = 0; i <= len; i++)
		reg->token[i] = (char)(value[i] | (value[i] >= 'A' ? 0x20 : 0));
	return WEBPUSH_OK;
}

static enum webpush_error check_subtopic(struct apple_registration *reg, const char *value,
					 const char **error_r)
{
	if (strcmp(value, SUBTOPIC) != 0)
		FAIL(WEBPUSH_CANNOT, "aps-subtopic is not " SUBTOPIC ".");
	reg->subtopic = value;
	return WEBPUSH_OK;
}

static const struct key_row {
	const char *name;
	/* NULL: the list */
	enum webpush_error (*check)(struct apple_registration *reg, const char *value,
				    const char **error_r);
	const char *missing;
} keys[] = {
	{"aps-version", check_version, "aps-version is missing."},
	{"aps-account-id", check_account, "aps-account-id is missing."},
	{"aps-device-token", check_token, "aps-device-token is missing."},
	{"aps-subtopic", check_subtopic, "aps-subtopic is missing."},
	{"mailboxes", NULL, "mailboxes is missing."},
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

/* Takes the list of names whose first token is *next. */
static enum webpush_error take_mailboxes(struct apple_registration *reg,
					 const struct arg_token **next, const struct arg_token *end,
					 const char **error_r)
{
	size_t total = 0;

	if (*next == end || (*next)->type != ARG_TOKEN_OPEN)
		FAIL(WEBPUSH_SYNTAX, "mailboxes needs a list of mailbox names.");
	for (++*next; *next < end && arg_token_is_astring(*next); ++*next) {
		/* Counted as given, whatever becomes of them: an answer that depended on
		 * which there are would tell. */
		total += strlen((*next)->text);
		if (reg->mailbox_count == APPLE_MAX_MAILBOXES)
			FAIL(WEBPUSH_LIMIT, "Too many mailboxes.");
		if (total > LIMIT_FILTER_BYTES)
			FAIL(WEBPUSH_LIMIT, "Mailbox names are too long.");
		reg->mailboxes[reg->mailbox_count++] = (*next)->text;
	}
	if (*next == end || (*next)->type != ARG_TOKEN_CLOSE)
		FAIL(WEBPUSH_SYNTAX, "mailboxes needs a list of mailbox names.");
	++*next;
	return WEBPUSH_OK;
}

static enum webpush_error take_pairs(const struct arg_token *tokens, size_t count,
				     struct apple_registration *reg, unsigned *seen,
				     const char **error_r)
{
	const struct arg_token *next = tokens, *end = tokens + count;

	while (next < end) {
		enum webpush_error error;
		size_t i = 0;

		if (!arg_token_is_astring(next))
			FAIL(WEBPUSH_SYNTAX, "Key expected.");
		while (i < KEY_COUNT && strcasecmp(next->text, keys[i].name) != 0)
			i++;
		if (i == KEY_COUNT)
			FAIL(WEBPUSH_SYNTAX, "Unknown key.");
		if ((*seen & 1u << i) != 0)
			FAIL(WEBPUSH_SYNTAX, "Key given twice.");
		*seen |= 1u << i;
		next++;
		if (keys[i].check == NULL) {
			error = take_mailboxes(reg, &next, end, error_r);
		} else {
			if (next == end || !arg_token_is_astring(next))
				FAIL(WEBPUSH_SYNTAX, "Value expected.");
			error = keys[i].check(reg, next->text, error_r);
			next++;
		}
		if (error != WEBPUSH_OK)
			return error;
	}
	return WEBPUSH_OK;
}

enum webpush_error apple_args_parse(const struct arg_token *tokens, size_t count,
				    struct apple_registration *reg_r, const char **error_r)
{
	struct apple_registration reg = {0};
	enum webpush_error error;
	unsigned seen = 0;

	error = take_pairs(tokens, count, &reg, &seen, error_r);
	if (error != WEBPUSH_OK)
		return error;
	for (size_t i = 0; i < KEY_COUNT; i++) {
		/* Version 1 knows no list. */
		if ((seen & 1u << i) == 0 && (keys[i].check != NULL || reg.version != 1))
			FAIL(WEBPUSH_SYNTAX, keys[i].missing);
	}
	if (reg.version == 1) {
		reg.mailboxes[0] = "INBOX";
		reg.mailbox_count = 1;
	}
	*reg_r = reg;
	return WEBPUSH_OK;
}

bool apple_mailbox_is_plain(const char *name)
{
	/* "*" at the end of a name is a pattern to the bridge. */
	return *name != '\0' && strlen(name) <= LIMIT_MAILBOX && text_is_clean(name) &&
	       strpbrk(name, "*%") == NULL;
}

bool apple_topic_is_valid(const char *topic)
{
	size_t len = strlen(topic);

	return len > 0 && len <= LIMIT_APPLE_TOPIC &&
	       topic[strspn(topic, LETTERS DIGITS "-_.")] == '\0';
}

void apple_registration_encode(struct tabline_buf *buf, const struct apple_registration *reg)
{
	tabline_field(buf, "dialect", "apple");
	tabline_field(buf, "account", reg->account);
	tabline_field(buf, "token", reg->token);
	tabline_field(buf, "subtopic", reg->subtopic);
	for (size_t i = 0; i < reg->mailbox_count; i++)
		tabline_field(buf, "mailbox", reg->mailboxes[i]);
}
