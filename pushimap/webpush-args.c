#include "webpush-args.h"
#include "args-fail.h"
#include "clean-text.h"

#include <string.h>
#include <strings.h>

struct parser {
	const struct arg_token *next, *end;
	struct webpush_subscription *sub;
	unsigned seen; /* options, by row */
};

/* --- single values -------------------------------------------------------- */

enum webpush_error webpush_check_device(const char *device, const char **error_r)
{
	size_t len = strlen(device);

	if (len == 0)
		FAIL(WEBPUSH_SYNTAX, "Subscription id is empty.");
	if (len > LIMIT_DEVICE_ID)
		FAIL(WEBPUSH_LIMIT, "Subscription id is too long.");
	for (; *device != '\0'; device++) {
		/* What an operator can type and read in one piece. */
		if (*device <= ' ' || *device >= 0x7f || *device == '"' || *device == '\\')
			FAIL(WEBPUSH_CANNOT, "Subscription id has characters other than visible "
					     "ASCII without quote and backslash.");
	}
	return WEBPUSH_OK;
}

enum webpush_error webpush_check_endpoint(const char *endpoint, const char **error_r)
{
	static const char scheme[] = "https://";

	if (strlen(endpoint) > LIMIT_ENDPOINT)
		FAIL(WEBPUSH_LIMIT, "Push endpoint is too long.");
	if (strncasecmp(endpoint, scheme, sizeof(scheme) - 1) != 0 ||
	    endpoint[sizeof(scheme) - 1] == '\0')
		FAIL(WEBPUSH_CANNOT, "Push endpoint is not an https URL.");
	for (; *endpoint != '\0'; endpoint++) {
		/* RFC 3986 lets nothing else stand unescaped. */
		if (*endpoint <= ' ' || *endpoint >= 0x7f ||
		    strchr("\"<>\\^`{|}", *endpoint) != NULL)
			FAIL(WEBPUSH_CANNOT, "Push endpoint is not a valid URL.");
	}
	return WEBPUSH_OK;
}

enum webpush_error webpush_check_label(const char *label, const char **error_r)
{
	if (strlen(label) > LIMIT_DEVICE_LABEL)
		FAIL(WEBPUSH_LIMIT, "Client or device name is too long.");
	if (!text_is_clean(label))
		FAIL(WEBPUSH_CANNOT, "Client or device name is not plain UTF-8 text.");
	return WEBPUSH_OK;
}

enum webpush_error webpush_check_token(const char *token, const char **error_r)
{
	if (strlen(token) > LIMIT_TOKEN_ARGUMENT)
		FAIL(WEBPUSH_LIMIT, "Token is too long.");
	if (*token == '\0' || !text_is_clean(token))
		FAIL(WEBPUSH_CANNOT, "Wrong token.");
	return WEBPUSH_OK;
}

enum webpush_error webpush_check_mailboxes(const struct webpush_subscription *sub,
					   const char **error_r)
{
	size_t total = 0;

	for (size_t i = 0; i < sub->mailbox_count; i++) {
		const char *name = sub->mailboxes[i];
		size_t len = strlen(name), plain = strcspn(name, "*%");

		total += len;
		if (len > LIMIT_MAILBOX || total > LIMIT_FILTER_BYTES)
			FAIL(WEBPUSH_LIMIT, "Mailbox names are too long.");
		if (len == 0 || !text_is_clean(name))
			FAIL(WEBPUSH_CANNOT, "Mailbox name is not valid.");
		if (plain < len && !(name[plain] == '*' && plain == len - 1))
			FAIL(WEBPUSH_CANNOT, "Mailbox patterns are a name, or a name and \"*\".");
	}
	return WEBPUSH_OK;
}

/* --- the command line ----------------------------------------------------- */

/* The next token's text if it is an astring. */
static bool take_astring(struct parser *p, const char **text_r)
{
	if (p->next == p->end || !arg_token_is_astring(p->next))
		return false;
	*text_r = p->next++->text;
	return true;
}

static bool take(struct parser *p, enum arg_token_type type)
{
	return arg_token_take(&p->next, p->end, type);
}

static enum webpush_error parse_events(struct parser *p, const char **error_r)
{
	const char *name;

	if (!take(p, ARG_TOKEN_OPEN))
		FAIL(WEBPUSH_SYNTAX, "EVENTS needs a list of event names.");
	while (take_astring(p, &name)) {
		enum push_event_kind kind;

		if (!push_event_kind_parse(name, &kind))
			FAIL(WEBPUSH_BADEVENT, "Unsupported event.");
		p->sub->events |= PUSH_EVENT_KIND_BIT(kind);
	}
	if (!take(p, ARG_TOKEN_CLOSE) || p->sub->events == 0)
		FAIL(WEBPUSH_SYNTAX, "EVENTS needs a list of event names.");
	return WEBPUSH_OK;
}

static enum webpush_error parse_mailboxes(struct parser *p, const char **error_r)
{
	const char *name;

	if (!take(p, ARG_TOKEN_OPEN))
		FAIL(WEBPUSH_SYNTAX, "MAILBOXES needs a list of mailbox names.");
	while (take_astring(p, &name)) {
		if (p->sub->mailbox_count == WEBPUSH_MAX_MAILBOXES)
			FAIL(WEBPUSH_LIMIT, "Too many mailboxes.");
		p->sub->mailboxes[p->sub->mailbox_count++] = name;
	}
	if (!take(p, ARG_TOKEN_CLOSE) || p->sub->mailbox_count == 0)
		FAIL(WEBPUSH_SYNTAX, "MAILBOXES needs a list of mailbox names.");
	return WEBPUSH_OK;
}

static enum webpush_error parse_content(struct parser *p, const char **error_r)
{
	p->sub->content = true;
	return WEBPUSH_OK;
}

static enum webpush_error parse_client(struct parser *p, const char **error_r)
{
	if (!take_astring(p, &p->sub->client))
		FAIL(WEBPUSH_SYNTAX, "CLIENT needs a name.");
	return webpush_check_label(p->sub->client, error_r);
}

static enum webpush_error parse_device_name(struct parser *p, const char **error_r)
{
	if (!take_astring(p, &p->sub->label))
		FAIL(WEBPUSH_SYNTAX, "DEVICE needs a name.");
	return webpush_check_label(p->sub->label, error_r);
}

static const struct option {
	const char *name;
	enum webpush_error (*parse)(struct parser *p, const char **error_r);
} options[] = {
	{"EVENTS", parse_events}, {"MAILBOXES", parse_mailboxes}, {"CONTENT", parse_content},
	{"CLIENT", parse_client}, {"DEVICE", parse_device_name},
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static enum webpush_error parse_options(struct parser *p, const char **error_r)
{
	while (p->next < p->end && p->next->type == ARG_TOKEN_ATOM) {
		const char *name = p->next++->text;
		enum webpush_error error;
		size_t i = 0;

		while (i < OPTION_COUNT && strcasecmp(name, options[i].name) != 0)
			i++;
		if (i == OPTION_COUNT)
			FAIL(WEBPUSH_SYNTAX, "Unknown option.");
		if ((p->seen & 1u << i) != 0)
			FAIL(WEBPUSH_SYNTAX, "Option given twice.");
		p->seen |= 1u << i;
		error = options[i].parse(p, error_r);
		if (error != WEBPUSH_OK)
			return error;
	}
	if (!take(p, ARG_TOKEN_CLOSE))
		FAIL(WEBPUSH_SYNTAX, "Malformed options.");
	return WEBPUSH_OK;
}

enum webpush_error webpush_args_parse(const struct arg_token *tokens, size_t count,
				      struct webpush_subscription *sub_r, bool *remove_r,
				      const char **error_r)
{
	struct webpush_subscription sub = {0};
	struct parser p = {.next = tokens, .end = tokens + count, .sub = &sub};
	const char *p256dh, *auth;
	enum webpush_error error;
	bool remove;

	if (!take_astring(&p, &sub.device))
		FAIL(WEBPUSH_SYNTAX, "Subscription id missing.");
	error = webpush_check_device(sub.device, error_r);
	if (error != WEBPUSH_OK)
		return error;

	remove = take(&p, ARG_TOKEN_NIL);
	if (!remove) {
		if (!take_astring(&p, &sub.endpoint) || !take_astring(&p, &p256dh) ||
		    !take_astring(&p, &auth))
			FAIL(WEBPUSH_SYNTAX,
			     "Push endpoint, public key and authentication secret needed.");
		error = webpush_check_endpoint(sub.endpoint, error_r);
		if (error != WEBPUSH_OK)
			return error;
		if (!webpush_p256dh_parse(p256dh, sub.p256dh))
			FAIL(WEBPUSH_CANNOT,
			     "Public key is not the base64url of an uncompressed P-256 point.");
		if (!webpush_auth_parse(auth, sub.auth))
			FAIL(WEBPUSH_CANNOT,
			     "Authentication secret is not the base64url of 16 octets.");
		if (take(&p, ARG_TOKEN_OPEN)) {
			error = parse_options(&p, error_r);
			if (error != WEBPUSH_OK)
				return error;
		}
	}
	if (p.next != p.end)
		FAIL(WEBPUSH_SYNTAX, "Too many arguments.");
	*sub_r = sub;
	*remove_r = remove;
	return WEBPUSH_OK;
}

/* --- the request ---------------------------------------------------------- */

void webpush_kinds_format(push_event_kinds kinds, char out[WEBPUSH_KINDS_SIZE])
{
	size_t len = 0;

	for (int kind = 0; kind < PUSH_EVENT_KIND_COUNT; kind++) {
		const char *name = push_event_kind_name((enum push_event_kind)kind);
		size_t add = strlen(name);

		if ((kinds & PUSH_EVENT_KIND_BIT(kind)) == 0 || len + 1 + add >= WEBPUSH_KINDS_SIZE)
			continue;
		if (len > 0)
			out[len++] = ' ';
		memcpy(out + len, name, add);
		len += add;
	}
	out[len] = '\0';
}

void webpush_subscription_encode(struct tabline_buf *buf, const struct webpush_subscription *sub,
				 const char *dialect)
{
	tabline_field(buf, "device", sub->device);
	tabline_field(buf, "gateway", "webpush");
	tabline_field(buf, "dialect", dialect);
	tabline_field(buf, "endpoint", sub->endpoint);
	tabline_field(buf, "p256dh", sub->p256dh);
	tabline_field(buf, "auth", sub->auth);
	if (sub->events != 0) {
		char events[WEBPUSH_KINDS_SIZE];

		webpush_kinds_format(sub->events, events);
		tabline_field(buf, "events", events);
	}
	for (size_t i = 0; i < sub->mailbox_count; i++)
		tabline_field(buf, "mailbox", sub->mailboxes[i]);
	tabline_field(buf, "content", sub->content ? "yes" : NULL);
	tabline_field(buf, "msgtype", sub->msgtype);
	tabline_field(buf, "client", sub->client);
	tabline_field(buf, "label", sub->label);
}
