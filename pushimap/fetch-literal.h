/*
 * A FETCH item's value that goes out as a literal: what core has for its own items, and keeps for
 * itself.
 */
#ifndef FETCH_LITERAL_H
#define FETCH_LITERAL_H

#include "istream.h"

struct imap_fetch_context;

/* Sends `size` octets of `input`, which becomes the context's. `head` is everything up to the
 * literal's CRLF, without the blank that another item before it needs. `what` is for the log and
 * has to live as long as the command. Returns what a handler returns. */
int fetch_literal_send(struct imap_fetch_context *ctx, const char *head, struct istream *input,
		       uoff_t size, const char *what);

/* Sends an item without a literal likewise. */
int fetch_item_send(struct imap_fetch_context *ctx, const char *item);

#endif
