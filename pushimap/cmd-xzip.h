/*
 * The command XZIP of older P-IMAP drafts: another command, whose answer is compressed.
 * docs/push-imap.md says how we read it.
 */
#ifndef CMD_XZIP_H
#define CMD_XZIP_H

struct client;

/* For each client that may give the command; after the others that look at tagged replies. */
void cmd_xzip_client_created(struct client *client);

#endif
