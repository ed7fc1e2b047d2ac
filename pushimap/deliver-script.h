/*
 * XDELIVER's scripts (draft-maes-lemonade-p-imap-12 5.3.6): SMTP commands and messages, as a
 * client would say them to an SMTP server that agrees to everything (batch SMTP, RFC 2442). Octets
 * in, commands and text out, in bounded memory; knows neither Dovecot nor the server.
 *
 * Nothing is passed on but what has one meaning only: lines end with CRLF, and a CR or an LF
 * alone, or a NUL, is refused, since servers differ in what they take for the end of a message.
 *
 *     EHLO HELO MAIL RCPT DATA RSET NOOP QUIT VRFY EXPN HELP
 *
 * In a message a line
 *
 *     URL "..."
 *
 * just like that, in capitals, with one blank and nothing behind it, stands for stored content. The
 * text of such a line is sent by putting a dot before it, which SMTP takes away (RFC 5321 4.5.2).
 */
#ifndef DELIVER_SCRIPT_H
#define DELIVER_SCRIPT_H

#include "webpush-args.h"

#include <stdbool.h>
#include <stddef.h>

enum deliver_verb {
	DELIVER_EHLO,
	DELIVER_HELO,
	DELIVER_MAIL,
	DELIVER_RCPT,
	DELIVER_DATA,
	DELIVER_RSET,
	DELIVER_NOOP,
	DELIVER_QUIT,
	DELIVER_VRFY,
	DELIVER_EXPN,
	DELIVER_HELP,
};

/* What a script is made of, in its order. False: the receiver has failed, and remembers why;
 * nothing more comes. */
struct deliver_receiver {
	/* `line` is the command as the server gets it, without CRLF; SIZE, which is not known to
	 * who writes URLs, is left out. `address` is what MAIL and RCPT have between < and >;
	 * else NULL. */
	bool (*command)(void *context, enum deliver_verb verb, const char *line,
			const char *address);
	/* Of the message that DATA has begun: lines with CRLF, dots taken away. */
	bool (*text)(void *context, const char *text, size_t size);
	/* Content that stands here, without a line's end: that comes as text. */
	bool (*url)(void *context, const char *url);
	/* The message is complete. */
	bool (*end)(void *context);
};

struct deliver_script;

/* NULL: no memory. */
struct deliver_script *deliver_script_new(const struct deliver_receiver *receiver, void *context);
void deliver_script_free(struct deliver_script *script);

/* The script's next octets, cut anywhere. False: it failed; this and whatever comes after is
 * ignored. */
bool deliver_script_feed(struct deliver_script *script, const void *data, size_t size);
/* There are no more. False: it failed, or is not complete. */
bool deliver_script_finish(struct deliver_script *script);
/* Why, for the client, and in which line, counted from 1. WEBPUSH_OK: the receiver has failed. */
enum webpush_error deliver_script_error(const struct deliver_script *script, const char **text_r,
					unsigned int *line_r);

/* --- what is included ------------------------------------------------------- */

/* A URL as RFC 5092 has it from one as the draft has it: "/" before ;SECTION= and ;PARTIAL=, and
 * SECTION=BODY, which is not one of RFC 5092's, is the whole message. `out` has room for
 * twice the URL and a NUL. */
void deliver_url_spell(const char *url, char *out);

/* Line ends of any kind become CRLF. All zero at the beginning. */
struct deliver_newlines {
	bool after_cr;
};
/* `out` has room for twice `size`. Returns how much was written. */
size_t deliver_newlines_convert(struct deliver_newlines *newlines, const void *data, size_t size,
				char *out);

/* --- senders ---------------------------------------------------------------- */

/* `rule` is "any", or addresses with blanks between, "<>" for the empty one. Domains have no case,
 * nor have whole addresses: who owns joe@ owns Joe@. */
bool deliver_sender_allowed(const char *rule, const char *address);

#endif
