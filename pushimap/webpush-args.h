/*
 * Arguments of the WEBPUSH family, checked: what a client may say, how long it may
 * be, and the request to the bridge that comes of it. Every octet is hostile.
 *
 * Works on a flat row of tokens (arg-token.h). Grammar and codes are docs/imap-webpush.md,
 * "Commands". Pure.
 */
#ifndef WEBPUSH_ARGS_H
#define WEBPUSH_ARGS_H

#include "arg-token.h"
#include "limits.h"
#include "push-event.h"
#include "tabline.h"
#include "webpush-keys.h"

/* Names one registration can filter by: each is a field of one line, beside at most
 * 16 others. */
#define WEBPUSH_MAX_MAILBOXES                                                     \
	(LIMIT_FILTER_MAILBOXES < LIMIT_LINE_FIELDS - 16 ? LIMIT_FILTER_MAILBOXES \
							 : LIMIT_LINE_FIELDS - 16)
/* Tokens beyond this can only be nonsense: names, event names, options, brackets. */
#define WEBPUSH_MAX_TOKENS (WEBPUSH_MAX_MAILBOXES + PUSH_EVENT_KIND_COUNT + 32)

/* A registration as a client asks for it. Strings are borrowed. */
struct webpush_subscription {
	const char *device;
	const char *endpoint;
	char p256dh[WEBPUSH_P256DH_SIZE];
	char auth[WEBPUSH_AUTH_SIZE];
	push_event_kinds events;                      /* 0 = not said */
	const char *mailboxes[WEBPUSH_MAX_MAILBOXES]; /* as the client spelt them */
	size_t mailbox_count;
	bool content;
	const char *msgtype; /* COI; NULL = not said */
	const char *client;  /* NULL = not said */
	const char *label;   /* likewise */
};

/* How the command ends if it may not go on. */
enum webpush_error {
	WEBPUSH_OK = 0,
	WEBPUSH_SYNTAX,     /* BAD */
	WEBPUSH_CANNOT,     /* NO [CANNOT] */
	WEBPUSH_LIMIT,      /* NO [LIMIT] */
	WEBPUSH_BADEVENT,   /* NO [BADEVENT (names)] */
	WEBPUSH_BADCHARSET, /* NO [BADCHARSET] */
};

/* WEBPUSH id (NIL / endpoint p256dh auth ["(" options ")"]). On success either
 * *remove_r is true and only `device` is set, or all is. `error_r`, set on failure
 * only, is a sentence for the client and holds nothing that the client sent. */
enum webpush_error webpush_args_parse(const struct arg_token *tokens, size_t count,
				      struct webpush_subscription *sub_r, bool *remove_r,
				      const char **error_r);

/* The single arguments, for the other commands and the other dialect. */
enum webpush_error webpush_check_device(const char *device, const char **error_r);
enum webpush_error webpush_check_endpoint(const char *endpoint, const char **error_r);
enum webpush_error webpush_check_label(const char *label, const char **error_r);
enum webpush_error webpush_check_token(const char *token, const char **error_r);
/* The names once they are UTF-8 in `sub`: each a name or a name ending in "*". */
enum webpush_error webpush_check_mailboxes(const struct webpush_subscription *sub,
					   const char **error_r);

/* Appends the fields of SUBSCRIBE to the line under way. */
void webpush_subscription_encode(struct tabline_buf *buf, const struct webpush_subscription *sub,
				 const char *dialect);

/* The names of `kinds` with a blank between them; `out` holds WEBPUSH_KINDS_SIZE. */
#define WEBPUSH_KINDS_SIZE 256
void webpush_kinds_format(push_event_kinds kinds, char out[WEBPUSH_KINDS_SIZE]);

#endif
