/*
 * Every ceiling of the suite, each with its reason. A stranger can grow
 * nothing in Fantail past a number in this file. Where an operator may choose
 * the number, this is its default or the most that a setting may say.
 */
#ifndef FANTAIL_LIMITS_H
#define FANTAIL_LIMITS_H

/* --- line protocols ----------------------------------------------------- */

/* One line on any of our sockets, in bytes with its LF. Dovecot's dict protocol
 * allows as much; a UID set with 5,000 holes fits. */
#define LIMIT_LINE 65536
/* Fields in one line. An event has some twenty; the rest is room to grow. */
#define LIMIT_LINE_FIELDS 64
/* Events in one batch. A transaction that touches more messages folds them
 * into UID sets first, so this is reached by mailbox storms only; what is over
 * goes into a further batch. */
#define LIMIT_BATCH_EVENTS 1024
/* Bytes of one batch, on the socket and as a spool file. Bounds what one
 * unread connection costs the bridge. */
#define LIMIT_BATCH_BYTES (1024 * 1024)
/* Bytes of a batch id: 128 random bits in hexadecimal. */
#define LIMIT_BATCH_ID 32

/* --- names -------------------------------------------------------------- */

/* User names; RFC 5321 allows 64 + 1 + 255 octets for an address, the rest is
 * for sites with longer schemes. Dovecot refuses longer ones much earlier. */
#define LIMIT_USER 512
/* Mailbox names as the user sees them, UTF-8. Dovecot stops at 4,096 bytes. */
#define LIMIT_MAILBOX 4096
/* Header text carried in an event (subject, from): RFC 5322 line length. Longer
 * is cut at a character, since a push has room for 3,993 bytes in all. */
#define LIMIT_HEADER_TEXT 998
/* Preview text carried in an event, bytes of UTF-8; as RFC 8970's 200
 * characters, at three bytes each. */
#define LIMIT_PREVIEW 600

/* --- hand-over of a batch ------------------------------------------------ */

/* How long a mail process waits for the bridge in one transaction, in ms. */
#define LIMIT_HANDOVER_MSECS 50
/* After a time-out the process goes straight to the spool for this long, so
 * that a stopped bridge delays one delivery per process and second. */
#define LIMIT_HANDOVER_HOLDOFF_MSECS 1000
/* The most an operator can set the deadline to: mail must not wait. */
#define LIMIT_HANDOVER_MSECS_MAX 5000
/* Spool files that a directory scan takes in one go, to bound memory. */
#define LIMIT_SPOOL_SCAN 4096
/* A request of the registration commands may wait this long (ms): it concerns
 * one IMAP session which asked for it. */
#define LIMIT_REGISTRAR_MSECS 5000

/* --- bridge: peers ------------------------------------------------------- */

/* Connections on the mail socket. Each delivery holds one for its commit. */
#define LIMIT_INTAKE_CONNECTIONS 4096
/* A connection that says nothing for this long (s) is closed. */
#define LIMIT_INTAKE_IDLE_SECS 60
/* Connections on the control socket; people type there. */
#define LIMIT_CONTROL_CONNECTIONS 32
/* Batches waiting for the disk, over all connections; more are refused and go
 * to the spool, which the disk bounds. */
#define LIMIT_INTAKE_PENDING 8192
/* Batches that share one commit. 64 and more reach some 160,000 rows/s. */
#define LIMIT_GROUP_COMMIT 512
/* How long (s) a batch id is remembered so that a batch that came by socket
 * and by spool counts once. The spool is drained in seconds; a day is for
 * bridges that were away. */
#define LIMIT_BATCH_MEMORY_SECS 86400

/* --- bridge: registry ---------------------------------------------------- */

/* Devices of one user: a person's phones, tablets, browsers. */
#define LIMIT_DEVICES_PER_USER 20
/* The most a setting may allow: each event costs a notification per device. */
#define LIMIT_DEVICES_PER_USER_MAX 1000
/* Subscription id chosen by the client (COI: 10-36 characters; a UUID fits). */
#define LIMIT_DEVICE_ID 64
/* Client and device labels (COI 3: 128 octets). */
#define LIMIT_DEVICE_LABEL 128
/* Push endpoint URL. UnifiedPush allows 1,000 octets. */
#define LIMIT_ENDPOINT 1000
/* Mailbox names in one registration's filter, and their bytes in all. */
#define LIMIT_FILTER_MAILBOXES 100
#define LIMIT_FILTER_BYTES 8192
/* Confirmation token we push to a new device (random bytes before base64url). */
#define LIMIT_CONFIRM_TOKEN 18
/* Seconds a device has to echo it (COI 5: 5 min recommended). */
#define LIMIT_CONFIRM_SECS 300
/* Wrong echoes before the registration is discarded: guessing is hopeless
 * anyway, this keeps it cheap. */
#define LIMIT_CONFIRM_TRIES 5
/* Registrations and changes of one user per hour: each one makes us send a
 * request to a host of the user's choice. */
#define LIMIT_REGISTRATIONS_PER_HOUR 60

/* --- bridge: gateways ---------------------------------------------------- */

/* Requests in flight to one origin: enough to fill a connection, few enough
 * that a stalled origin holds little. */
#define LIMIT_ORIGIN_PARALLEL 32
/* Connections to one origin over HTTP/1.1, where one carries one request. */
#define LIMIT_ORIGIN_CONNECTIONS 8
/* Requests in flight in all: bounds memory and descriptors. */
#define LIMIT_PARALLEL 512
/* Lanes (origins with work) held in memory at a time. */
#define LIMIT_LANES 4096
/* Seconds for one request from connect to the last byte of the answer. */
#define LIMIT_REQUEST_SECS 30
/* Bytes of an answer's body that are read; push services say little. */
#define LIMIT_RESPONSE_BODY 8192
/* Bytes of an answer's header section. */
#define LIMIT_RESPONSE_HEADERS 16384
/* Seconds an idle HTTP/2 connection is kept. */
#define LIMIT_IDLE_CONNECTION_SECS 90
/* Body of a push message (RFC 8030 7.2: services must take 4,096). */
#define LIMIT_PUSH_BODY 4096
/* What fits in it in the clear (RFC 8291 4: 4,096 - 86 - 16 - 1). */
#define LIMIT_PUSH_PLAINTEXT 3993
/* Retry-After that is believed, seconds: longer would let a push service park
 * our queue. */
#define LIMIT_RETRY_AFTER_SECS 3600
/* Longest pause between two tries, seconds. */
#define LIMIT_BACKOFF_SECS 900

/* --- bridge: operators' side --------------------------------------------- */

/* Bytes of the config file: two hundred webhooks fit. */
#define LIMIT_CONFIG_BYTES (256 * 1024)
/* Webhook sections: each may be asked for each event. */
#define LIMIT_WEBHOOKS 64
/* Bytes of a webhook body template, and of the body made from it. */
#define LIMIT_TEMPLATE 8192
#define LIMIT_WEBHOOK_BODY 65536
/* Rows one control request lists; more are asked for page by page. */
#define LIMIT_CONTROL_ROWS 1000

#endif
