/*
 * Metadata entries (RFC 5464) whose values the bridge has: Dovecot wants a value when it asks
 * for it, so the session, and only it, waits: LIMIT_REGISTRAR_MSECS at most, and not again
 * for a while when that was in vain, since one command names as many entries as it likes.
 */
#ifndef ENTRY_REQUEST_H
#define ENTRY_REQUEST_H

#include "registrar.h"
#include "webpush-args.h"

struct mailbox;
struct mail_attribute_value;

/* One exchange; whoever needs more puts it into a struct of its own that begins with this.
 * Both callbacks get the request and may be NULL. */
struct entry_request {
	struct mailbox *box;
	const char *what; /* for the log */
	bool reads;       /* GETMETADATA */
	bool lacks_is_ok; /* that the bridge has no such thing is no error */
	registrar_item_callback_t *item;
	registrar_item_callback_t *answered; /* by an OK */
	bool ok;
};

/* Ends the line under way and sends it. False: the mailbox's storage has the error. */
bool entry_request_send(struct entry_request *request, struct tabline_buf *line);

/* The value that is to be set, as text on the data stack; NULL: the entry is to go. -1: the
 * mailbox's storage has the error. */
int entry_value_read(struct mailbox *box, const struct mail_attribute_value *value, size_t limit,
		     const char **text_r);

void entry_set_error(struct mailbox *box, enum webpush_error error, const char *text);

#endif
