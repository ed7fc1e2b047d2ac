/*
 * FETCH items of P-IMAP (draft-maes-lemonade-p-imap-12, 5.3.8 to 5.3.11) that give a part of a
 * message in another form: BODY[part.XCONVERT (...)] and the same of BINARY. All other items of
 * these names are core's.
 *
 * HTML and text in other charsets are converted here, all else by the operator's commands, while
 * the session's FETCH waits and its connection is looked after.
 */
#ifndef FETCH_XCONVERT_H
#define FETCH_XCONVERT_H

struct client;

void fetch_xconvert_client_created(struct client *client);

void fetch_xconvert_init(void);
void fetch_xconvert_deinit(void);

#endif
