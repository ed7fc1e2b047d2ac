/*
 * IMAP arguments of a line that no client has just sent: kept criteria, a value, what a session
 * that slept had said.
 */
#ifndef FANTAIL_IMAP_LINE_H
#define FANTAIL_IMAP_LINE_H

struct imap_arg;
struct imap_line;

/* Parses `text`, one line without its end. The line, whose `args_r`, up to IMAP_ARG_EOL, are valid
 * until imap_line_free(); they do not point into `text`. NULL if that is no IMAP syntax, as with a
 * quote or a list that is not closed, or if there is more behind a line end. Literals are taken as
 * they are on the wire. */
struct imap_line *imap_line_parse(const char *text, const struct imap_arg **args_r);

void imap_line_free(struct imap_line **line);

#endif
