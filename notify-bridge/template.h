/*
 * Body templates of webhooks: text with %{name}. Pure.
 *
 *   %{json:name}  escaped for the inside of a JSON string (the quotes are yours)
 *   %{url:name}   percent-encoded as in a URL or a form
 *   %{name}       as it is, control characters replaced by blanks
 *   %%{           the two characters %{; any other % stands for itself
 *
 * docs/webhooks.md lists the names. Values come from mail, so from strangers:
 * where the body is JSON, text must be taken with json:, and template_check
 * insists on it.
 */
#ifndef FANTAIL_TEMPLATE_H
#define FANTAIL_TEMPLATE_H

#include <glib.h>

#define TEMPLATE_ERROR (template_error_quark())
GQuark template_error_quark(void);
enum template_error {
	TEMPLATE_ERROR_SYNTAX, /* a %{ that is not closed, an unknown modifier */
	TEMPLATE_ERROR_NAME,   /* unknown name; the text lists those there are */
	TEMPLATE_ERROR_UNSAFE, /* text without json: in a JSON body */
	TEMPLATE_ERROR_SIZE,   /* template or result is too long */
};

enum template_name {
	TEMPLATE_USER,
	TEMPLATE_MAILBOX,
	TEMPLATE_EVENT,  /* "mail.new", "mail.changed", "mailbox.changed", "data.changed" */
	TEMPLATE_EVENTS, /* RFC 5423 names, or DataChange; blank between */
	TEMPLATE_COUNT,
	TEMPLATE_UIDS,
	TEMPLATE_UIDVALIDITY,
	TEMPLATE_MODSEQ,
	TEMPLATE_TIME, /* RFC 3339, UTC */
	TEMPLATE_WEBHOOK,
	TEMPLATE_FROM, /* the name, else the address */
	TEMPLATE_FROM_NAME,
	TEMPLATE_FROM_ADDRESS,
	TEMPLATE_SUBJECT,
	TEMPLATE_DATE,
	TEMPLATE_MESSAGE_ID,
	TEMPLATE_PREVIEW,
	TEMPLATE_DEVICE,
	TEMPLATE_DATABASES,
	TEMPLATE_PACKAGE_TYPE,
	TEMPLATE_PACKAGE,
};
#define TEMPLATE_NAME_COUNT 21

/* Can it be expanded? `content_type`: of the body that it makes. */
gboolean template_check(const char *text, const char *content_type, GError **error);

/* `values`: by name; NULL stands for the empty string; any octets. The result is
 * UTF-8 of at most LIMIT_WEBHOOK_BODY bytes if the template is UTF-8. */
char *template_expand(const char *text, const char *const values[TEMPLATE_NAME_COUNT],
		      GError **error);

#endif
