/*
 * Arguments of XAPPLEPUSHSERVICE, checked: what Apple's mail apps say of themselves, and
 * the request to the bridge that comes of it. Apple never described the command; what is
 * taken here is what either server takes that they are known to talk to. Every octet is
 * hostile.
 *
 * Which mailboxes there are, and who may read them, is not a question for this file. Pure.
 */
#ifndef APPLE_ARGS_H
#define APPLE_ARGS_H

#include "webpush-args.h"

/* As many as fit on one line, as for the other registrations. */
#define APPLE_MAX_MAILBOXES WEBPUSH_MAX_MAILBOXES

/* Strings are borrowed. */
struct apple_registration {
	unsigned version; /* 1 or 2 */
	const char *account;
	char token[LIMIT_APPLE_TOKEN + 1]; /* hexadecimal, in the one spelling */
	const char *subtopic;
	/* Version 2: as the client spelt them, possibly none. Version 1: INBOX. */
	const char *mailboxes[APPLE_MAX_MAILBOXES];
	size_t mailbox_count;
};

/* 1*(key value), keys in any order and without regard to case, each once; `mailboxes` has
 * a list, all others an astring. On failure only `error_r` is set: a sentence for the
 * client that holds nothing it sent. Never WEBPUSH_BADEVENT. */
enum webpush_error apple_args_parse(const struct arg_token *tokens, size_t count,
				    struct apple_registration *reg_r, const char **error_r);

/* A name as UTF-8: can it be said to the bridge, and mean no other mailbox there? */
bool apple_mailbox_is_plain(const char *name);

/* The certificate's: com.apple.mail.XServer.<UUID> and the like. */
bool apple_topic_is_valid(const char *topic);

/* Appends the fields of REGISTER to the line under way. */
void apple_registration_encode(struct tabline_buf *buf, const struct apple_registration *reg);

#endif
