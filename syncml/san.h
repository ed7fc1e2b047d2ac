/*
 * Package #0, by which a server asks a device to synchronise: the binary notification of OMA DS
 * 1.2 (OMA-TS-DS_Protocol section "Server Alerted Notification"; its header is that of
 * OMA-TS-DM-Notification section 6.2), and for 1.0 and 1.1 a message (SyncML Sync Protocol 1.1
 * section 8). How it gets to the device is not known here. Pure.
 */
#ifndef FANTAIL_SYNCML_SAN_H
#define FANTAIL_SYNCML_SAN_H

#include "markup.h"

enum san_ui_mode {
	SAN_UI_NOT_SPECIFIED,
	SAN_UI_BACKGROUND,
	SAN_UI_INFORMATIVE,
	SAN_UI_INTERACTION,
};

/* The number of databases has four bits. */
#define SAN_SYNCS_MAX 15
/* Lengths of names have eight. */
#define SAN_NAME_MAX 255

struct san_sync {
	guint code;           /* 206 to 210 */
	guint32 content_type; /* WSP's number, of 24 bits; 0 = not said */
	const char *uri;      /* our database, as the device calls it */
};

struct san {
	enum sml_version version; /* SML_1_1 or SML_1_2 */
	enum san_ui_mode ui_mode;
	gboolean by_server; /* it was not the user who asked for it */
	guint16 session;    /* the same in repeats; 0 = the device takes its own */
	const char *server_id;
	const struct san_sync *syncs;
	guint syncs_len;
	/* B64(MD5(server_id ":" password)), NULL: they have no secret in common, the digest is of
	 * zeros; and the nonce, "" = none. */
	const char *secret, *nonce;

	/* The message alone has these: addresses, of the device and of the server as the device
	 * knows it. */
	const char *device, *server;
};

/* NULL: no notification can say that; a name is too long, or there are too many. */
GBytes *san_notification(const struct san *san);
/* A whole message of 1.0 or 1.1. */
GBytes *san_message(const struct san *san, enum sml_version version, enum sml_encoding encoding);

#endif
