/*
 * NOTIFY without the command: the preferences of a P-IMAP device, which module fantail_imap
 * has, are set by what module fantail_notify does. Neither needs the other to be loaded: the
 * former looks the table up by its name, as notify-acl.c does with the acl plugin's functions.
 */
#ifndef FANTAIL_NOTIFY_INBAND_H
#define FANTAIL_NOTIFY_INBAND_H

#include <stdbool.h>

struct client;

#define FANTAIL_NOTIFY_MODULE "fantail_notify"
#define FANTAIL_NOTIFY_INBAND_SYMBOL "fantail_notify_inband"

struct fantail_notify_inband {
	/* This client's user has the plugin. Else the others do nothing. */
	bool (*available)(struct client *client);
	/* `push`: what happens in the selected mailbox is told as after NOTIFY SET
	 * (selected-delayed (MessageNew MessageExpunge FlagChange)). `items`: FETCH items in
	 * brackets, which follow the EXISTS of new messages, also without `push`; NULL: none.
	 * In force from the next sync on, and until it is set again; may be called from anywhere
	 * once the namespaces are there. A client that has said NOTIFY itself keeps that. -1: such
	 * items cannot be had; *error_r says why, and nothing was changed. */
	int (*set)(struct client *client, bool push, const char *items, const char **error_r);
	/* What happens in the selected mailbox is told at once. */
	bool (*tells)(struct client *client);
};

#endif
