/* This file hides the system's <limits.h> from whoever has lib/ in its include
 * path, so it brings that in; before the guard, since GCC's own reads it twice.
 * As a system header, since compilers warn of #include_next. */
#pragma GCC system_header
#include_next <limits.h>

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
/* Fields in one line. An event has some twenty, a SUBSCRIBE fifteen and one for
 * each mailbox (LIMIT_FILTER_MAILBOXES); the rest is room to grow. */
#define LIMIT_LINE_FIELDS 128
/* Events in one batch. A transaction that touches more messages folds them
 * into UID sets first, so this is reached by mailbox storms only; what is over
 * goes into a further batch. */
#define LIMIT_BATCH_EVENTS 1024
/* Bytes of one batch, on the socket and as a spool file. What comes of it is held
 * once for each device (LIMIT_INTAKE_BYTES). */
#define LIMIT_BATCH_BYTES (1024 * 1024)
/* Bytes of a batch id: 128 random bits in hexadecimal. */
#define LIMIT_BATCH_ID 32

/* --- names -------------------------------------------------------------- */

/* User names; RFC 5321 allows 64 + 1 + 255 octets for an address, the rest is
 * for sites with longer schemes. Dovecot refuses longer ones much earlier. */
#define LIMIT_USER 512
/* Mailbox names as the user sees them, UTF-8. Dovecot stops at 4,096 bytes. */
#define LIMIT_MAILBOX 4096
/* Mailbox GUIDs: 128 bits in hexadecimal. */
#define LIMIT_MAILBOX_ID 32
/* Dovecot's session ids: some 16 characters, and a suffix for each proxy and recipient
 * that they went through. */
#define LIMIT_SESSION_ID 256
/* Bytes of all that one session says to the hub about what it watches: what the hub
 * takes (LIMIT_HUB_NAME_BYTES), each octet escaped, and room for the rest of the lines. */
#define LIMIT_HUB_SCRIPT (1536 * 1024)
/* Names of metadata entries in a wake-up, bytes. All fields of a wake-up at their
 * limits, and each octet escaped, fit LIMIT_LINE. */
#define LIMIT_METADATA_ENTRY 1024
/* Header text carried in an event (subject, from): RFC 5322 line length. Longer
 * is cut at a character, since a push has room for 3,993 bytes in all. */
#define LIMIT_HEADER_TEXT 998
/* Preview text carried in an event, bytes of UTF-8; as RFC 8970's 200
 * characters, at three bytes each. */
#define LIMIT_PREVIEW 600
/* Package #0 carried in an event, in base64. OMA DS 1.2's form with its 15 databases, the
 * names of which have 255 octets at the most, has 4,180 octets. */
#define LIMIT_SYNC_PACKAGE_BASE64 5600
/* Names of the databases that it is about. */
#define LIMIT_SYNC_DATABASES 1024

/* --- hand-over of a batch ------------------------------------------------ */

/* How long a mail process waits for the bridge in one transaction, in ms. */
#define LIMIT_HANDOVER_MSECS 50
/* After a time-out, or when its budget of waiting is used up, the process goes
 * straight to the spool for this long, so that a stopped bridge delays one delivery
 * per process and second. */
#define LIMIT_HANDOVER_HOLDOFF_MSECS 1000
/* What a mail process may wait for the bridge in all (ms), and how much of that comes
 * back in a second. A bridge that answers just within the deadline, each time, would
 * else slow down a delivery to a thousand recipients by their number. Ten full
 * deadlines in a row are a busy moment; in the long run a quarter of the time, so that
 * a disk that syncs in some milliseconds carries a busy process by the socket. */
#define LIMIT_WAIT_BUDGET_MSECS 500
#define LIMIT_WAIT_BUDGET_MSECS_PER_SEC 250
/* The most an operator can set the deadline to: mail must not wait. */
#define LIMIT_HANDOVER_MSECS_MAX 5000
/* Spool files that a directory scan takes in one go, to bound memory. */
#define LIMIT_SPOOL_SCAN 4096
/* Spool files handed in and not yet on disk; they share group commits. What they
 * lead to counts in LIMIT_INTAKE_BYTES. */
#define LIMIT_SPOOL_PENDING 64
/* A request of the registration commands may wait this long (ms): it concerns
 * one IMAP session which asked for it. */
#define LIMIT_REGISTRAR_MSECS 5000
/* After such a wait was in vain, requests that hold up the session (METADATA) fail at
 * once for this long (ms): one command may name any number of entries. */
#define LIMIT_REGISTRAR_AWAY_MSECS 5000

/* --- registration over IMAP ----------------------------------------------- */

/* Characters of a P-IMAP device's name in a login: it names a file and is shown in lists. */
#define LIMIT_PIMAP_DEVICE 64
/* Sessions that are kept for one user's devices, and folders of one session: some 200 bytes each
 * in a file to which two are added for each folder that is selected. Of more, those go which were
 * not used for longest, and such a device has to compare. */
#define LIMIT_PIMAP_SESSIONS 32
#define LIMIT_PIMAP_FOLDERS 1000
#define LIMIT_PIMAP_SESSION_FILE 262144
/* EXPUNGE and FETCH lines by which a device is told what it missed in a folder; some 60 bytes
 * each, which wait in memory for the device to read them. Beyond that it has to compare, which
 * costs it no more. */
#define LIMIT_PIMAP_EVENTS 50000
/* Days after which a session that nobody resumed is forgotten. */
#define LIMIT_PIMAP_EXPIRE_DAYS 7
#define LIMIT_PIMAP_EXPIRE_DAYS_MAX 365
/* Octets of a message part that are compressed for a client (XZIP), which takes its session
 * half a second, in which it does nothing else. What comes after them is stored as it is. */
#define LIMIT_XZIP_OCTETS 16777216
/* Compressed octets in one response of the command XZIP: their number comes first, so they wait
 * for one another. Some more could not make the compression better. */
#define LIMIT_XZIP_BLOCK 32768
/* Views in one namespace: a search that is run again for each message that its user looks at. And
 * how many may stand on one another: each opens the one below, with its index. */
#define LIMIT_VIEWS 200
#define LIMIT_VIEW_DEPTH 8

/* --- pushimap: XDELIVER -------------------------------------------------- */

/* Octets of one script. Attachments may be in it, if they are not stored here already; what
 * submission servers take is less. It goes to a temporary file. */
#define LIMIT_DELIVER_SCRIPT 67108864
/* Octets of all messages of a script, with what is included: a temporary file, too. */
#define LIMIT_DELIVER_OCTETS 536870912
/* Octets of a line of the script without its CRLF. RFC 5321 asks for 998; URLs may be longer. */
#define LIMIT_DELIVER_LINE 4096
/* Octets of a command in it: RFC 5321 asks for 510, extensions add some. Each is kept until it
 * was said to the server. */
#define LIMIT_DELIVER_COMMAND 1024
/* Commands in all: each is a round trip, and its answer is kept until the last is here. */
#define LIMIT_DELIVER_COMMANDS 2000
/* Messages, recipients of all of them, and inclusions. */
#define LIMIT_DELIVER_MESSAGES 100
#define LIMIT_DELIVER_RECIPIENTS 1000
#define LIMIT_DELIVER_URLS 500
/* Octets of one reply of the submission server, and of all as the client gets them: what is beyond
 * has no text. */
#define LIMIT_DELIVER_REPLY 16384
#define LIMIT_DELIVER_DIALOGUE 1048576
/* For the whole of it, seconds: less than the half hour after which Dovecot takes a client that
 * says nothing for gone. */
#define LIMIT_DELIVER_SECS 1200
/* For one reply, seconds: RFC 5321 (4.5.3.2) says five minutes for most commands, ten after the
 * last dot. */
#define LIMIT_DELIVER_REPLY_SECS 300
#define LIMIT_DELIVER_REPLY_SECS_MAX 900
/* Conversions of message parts (XCONVERT). Octets of text that is converted, which takes 4 MiB of
 * the worst HTML less than a second; what comes after them is not looked at. */
#define LIMIT_CONVERT_TEXT 4194304
/* Elements of HTML that are open at once: pages have tens. An end tag is looked for among them. */
#define LIMIT_CONVERT_HTML_DEPTH 256
/* Octets of a link's address: longer ones are for counting readers, not for reading. */
#define LIMIT_CONVERT_LINK 1024
/* Octets that a converter is given, and that it may answer: pictures of cameras, and what is left
 * of them. The answer waits in memory. */
#define LIMIT_CONVERT_INPUT 67108864
#define LIMIT_CONVERT_OUTPUT 16777216
/* A converter's time, by clock and by processor, in seconds, and memory. */
#define LIMIT_CONVERT_SECS 20
#define LIMIT_CONVERT_MEMORY 536870912
/* Octets of a type's, a parameter's name or value (RFC 6838: twice 127, in use: half of that), of a
 * part's number, of a charset's name; parameters of a request. */
#define LIMIT_CONVERT_WORD 127
#define LIMIT_CONVERT_SECTION 127
#define LIMIT_CONVERT_CHARSET 40
#define LIMIT_CONVERT_PARAMS 8
/* The operator's table: octets, rows, words of a command, digits of a parameter's number. */
#define LIMIT_CONVERT_TABLE 65536
#define LIMIT_CONVERT_ROWS 128
#define LIMIT_CONVERT_COMMAND 16
#define LIMIT_CONVERT_DIGITS 5
/* Seconds for which a session keeps its last conversion, for a phone that reads it in pieces. */
#define LIMIT_CONVERT_KEEP_SECS 120

/* Bytes the bridge's answer to one registration command may have in all. A
 * listing of LIMIT_DEVICES_PER_USER full rows is a quarter of a megabyte; the
 * rest is for sites that raised the number. Bounds the IMAP process. */
#define LIMIT_REGISTRAR_ANSWER (4 * 1024 * 1024)
/* A line for people from the bridge, as far as it is shown in a tagged NO. */
#define LIMIT_REGISTRAR_TEXT 200
/* Confirmation token as a client may send it (COI 3.2: up to 1 kB of text). */
#define LIMIT_TOKEN_ARGUMENT 1024
/* What Apple's mail apps call the account: a UUID. Part of the registration's name,
 * apple:<account>:<16 digits>, which is at most LIMIT_DEVICE_ID. */
#define LIMIT_APPLE_ACCOUNT 36
/* Digits of a push service's token: 64 today, and Apple reserves the right to go up to
 * 100 octets. The first 16 are in the registration's name. */
#define LIMIT_APPLE_TOKEN 200
#define LIMIT_APPLE_TOKEN_MIN 16
/* Delta Chat's tokens are opaque: encrypted ones have some 500 octets. */
#define LIMIT_DELTA_TOKEN 1000
/* A certificate's topic: com.apple.mail.XServer. and a UUID. */
#define LIMIT_APPLE_TOPIC 128
/* A COI subscription's JSON text: the members' ceilings below, twice for
 * escapes, and room for members that we drop. */
#define LIMIT_COI_SUBSCRIPTION 8192
/* COI 3.1: subscription id, endpoint and encoded key. */
#define LIMIT_COI_ID_MIN 10
#define LIMIT_COI_ID_MAX 36
#define LIMIT_COI_ENDPOINT 512
#define LIMIT_COI_KEY 256
/* Nesting of JSON text from clients; a COI subscription has three levels. */
#define LIMIT_JSON_DEPTH 8

/* --- bridge: peers ------------------------------------------------------- */

/* Connections on the mail socket. Each delivery holds one for its commit. */
#define LIMIT_INTAKE_CONNECTIONS 4096
/* Of these, connections of one uid that speaks for one account alone: nobody with a
 * shell takes the socket from the others. More than one account's processes need, each
 * of which holds one for a commit of a few ms. */
#define LIMIT_INTAKE_CONNECTIONS_PER_UID (LIMIT_INTAKE_CONNECTIONS / 16)
/* A connection that says nothing for this long (s) is closed. */
#define LIMIT_INTAKE_IDLE_SECS 60
/* Connections on the control socket; people type there. */
#define LIMIT_CONTROL_CONNECTIONS 32
/* Bytes of unread lines over all connections of a socket: what strangers can make
 * it hold by sending lines and not ending them. 500 of the longest lines. What
 * their whole lines lead to has a ceiling of its own, the next one. */
#define LIMIT_PEERS_INPUT (32 * 1024 * 1024)
/* Bytes of notifications that batches lead to which are not complete or not yet
 * on disk: each event is there once for each device. The largest batch of a user
 * with LIMIT_DEVICES_PER_USER devices fits (some 46 MiB), or all that
 * LIMIT_INTAKE_PENDING allows of the usual kind. */
#define LIMIT_INTAKE_BYTES (64 * 1024 * 1024)
/* Bytes of answers that one peer may leave unread. The list of a user with a
 * thousand devices fits; who reads slower than it asks is cut off. */
#define LIMIT_PEER_OUTPUT (4 * 1024 * 1024)
/* Requests of one peer that wait for their answers: enough to fill group commits
 * (LIMIT_GROUP_COMMIT) one after the other. Who has more to say is not read for
 * the while, which is cheaper for both than to be told that we are busy. */
#define LIMIT_PEER_PENDING 1024
/* The same for a peer whose uid has a share only: all its connections together
 * (LIMIT_INTAKE_CONNECTIONS_PER_UID) fill half of LIMIT_INTAKE_PENDING and leave the
 * rest to the processes of the mail system. */
#define LIMIT_PEER_PENDING_SHARED 16
/* Above this many bytes unread no further request of the peer is looked at. */
#define LIMIT_PEER_OUTPUT_HIGH 65536
/* Batches waiting for the disk, over all connections; more are refused and go
 * to the spool, which the disk bounds. */
#define LIMIT_INTAKE_PENDING 8192
/* Batches that share one commit. 64 and more reach some 160,000 rows/s. */
#define LIMIT_GROUP_COMMIT 512
/* How long (s) a batch id is remembered so that a batch that came by socket
 * and by spool counts once. The spool is drained in seconds; a day is for
 * bridges that were away. */
#define LIMIT_BATCH_MEMORY_SECS 86400
/* Batch ids remembered at least, should there be more than so many in a day:
 * half an hour at 300 batches/s, and some 15 MiB of disk. While the bridge runs,
 * a spool file is seconds old; while it is away, no ids are added. */
#define LIMIT_BATCH_MEMORY_IDS 500000

/* --- hub ------------------------------------------------------------------ */

/* Connections on the hub's socket: one for each session that watches and for each
 * process that changes mail. An idle one costs some 1 KiB here and 1 KiB of kernel. */
#define LIMIT_HUB_CONNECTIONS 65536
/* The most that a setting may allow, for machines with as many descriptors. */
#define LIMIT_HUB_CONNECTIONS_MAX (1024 * 1024)
/* Of these, connections of one uid that speaks for one account alone: a person's
 * sessions, each of which may watch and change, and room. */
#define LIMIT_HUB_CONNECTIONS_PER_UID 128
/* Rules of one session. NOTIFY's groups are a dozen; long lists of names take several
 * rules each, since a line has LIMIT_LINE_FIELDS. */
#define LIMIT_HUB_RULES 256
/* Names and GUIDs in these, as many as a session watches (LIMIT_NOTIFY_MAILBOXES); and
 * their bytes, some 50 each. People with more mailboxes watch them all by one rule. */
#define LIMIT_HUB_NAMES 10000
#define LIMIT_HUB_NAME_BYTES (512 * 1024)
/* What a name, GUID or rule takes besides, in the hub. */
#define LIMIT_HUB_NAME_COST 200
/* Bytes of rules of one uid that speaks for one account alone: eight sessions that say all
 * they may. LIMIT_HUB_CONNECTIONS_PER_UID of these would be a third of a gigabyte. */
#define LIMIT_HUB_UID_BYTES (8 * (LIMIT_HUB_NAME_BYTES + LIMIT_HUB_NAMES * LIMIT_HUB_NAME_COST))
/* Bytes of wake-ups that one session may leave unread, in the kernel, which counts some
 * 800 for each. After that it is told to look at everything, once. */
#define LIMIT_HUB_UNREAD (64 * 1024)
/* Packets taken from one connection at a turn, so that one that talks all the time
 * does not keep the others waiting. */
#define LIMIT_HUB_PACKETS 32
/* Rules and levels of names looked at for its wake-ups after which its turn ends as well: a
 * packet may concern nobody or all. Some 1 ms, or 10 if each of them is told. */
#define LIMIT_HUB_VISITS 4096
/* Wake-ups of one uid about mailboxes for whose owners it may not speak: so many a minute,
 * and so many at once. Who works in a shared mailbox makes some in a second, and one that
 * is dropped is found by looking. */
#define LIMIT_HUB_GUEST_WAKES_PER_MINUTE 3000
#define LIMIT_HUB_GUEST_WAKES_BURST 500
/* Answers to READY that one connection may leave unread. A session asks once for each
 * change of its rules. */
#define LIMIT_HUB_READYS 64
/* What came for a session that sleeps, and that it cannot find by looking, is kept so long
 * (s): several times what a process needs to start on a machine that has much to do. */
#define LIMIT_HUB_KEPT_SECS 60
/* Bytes of it: some twenty lines. */
#define LIMIT_HUB_KEPT_BYTES 4096
/* Sessions for which something is kept, of which nothing is kept for more. With their
 * rules some 50 MiB, unless they have as many as they may. */
#define LIMIT_HUB_KEPT 4096
/* Uids of which each has a line of its own in the log when it says what it may not; the
 * others share one. */
#define LIMIT_HUB_LOGGED_UIDS 64
/* Uids whose pace is remembered, some 100 bytes each. */
#define LIMIT_HUB_GUESTS 1024

/* --- bridge: registry ---------------------------------------------------- */

/* Devices of one user: a person's phones, tablets, browsers. */
#define LIMIT_DEVICES_PER_USER 20
/* The most a setting may allow: each event costs a notification per device. */
#define LIMIT_DEVICES_PER_USER_MAX 1000
/* Subscription id chosen by the client (COI: 10-36 characters; a UUID fits). */
#define LIMIT_DEVICE_ID 64
/* Client and device labels (COI 3: 128 octets). */
#define LIMIT_DEVICE_LABEL 128
/* Devices of Push-IMAP, Apple Mail and Delta Chat that were not heard of for this long (s)
 * are forgotten: a quarter of a year. Whoever comes back registers with the first login.
 * Apple's do so often enough for other servers to wait a month, and chatmail relays keep
 * a token for 90 days: what a client may rely on elsewhere it has here. */
#define LIMIT_DEVICE_UNSEEN_SECS (92 * 86400)
#define LIMIT_APPLE_UNSEEN_SECS (30 * 86400)
#define LIMIT_DELTA_UNSEEN_SECS (90 * 86400)
/* Pushes that are held back for want of a sender, some 500 octets each: of one device, of how
 * many devices, and how long they are shown (s), which is how long Apple would keep one. */
#define LIMIT_HELD_PER_DEVICE 10
#define LIMIT_HELD_DEVICES 1000
#define LIMIT_HELD_SECS 86400
/* A token is not worth sending after (s): chatmail relays give up then. */
#define LIMIT_DELTA_PUSH_SECS (5 * 3600)
/* Named filters of one user, each of which a delivery may have to be judged by. */
#define LIMIT_FILTERS_PER_USER 100
/* A filter's name, criteria (the longest command lines of IMAP clients, RFC 7162 section 4),
 * and what people write about it. */
#define LIMIT_FILTER_NAME 64
#define LIMIT_FILTER_CRITERIA 8192
#define LIMIT_FILTER_CHARSET 64
#define LIMIT_FILTER_DESCRIPTION 512
/* Criteria of all filters that one SEARCH names, each as often as it does: what a command line
 * could have without them (imap_max_line_length). Takes some megabytes of memory. */
#define LIMIT_FILTER_SEARCH 65536
/* Names of filters that an event can carry: all of a user, and blanks. */
#define LIMIT_FILTER_NAMES (LIMIT_FILTERS_PER_USER * (LIMIT_FILTER_NAME + 1))
/* Mailboxes of one device with a filter of their own. */
#define LIMIT_ATTACHMENTS_PER_DEVICE 200
/* Preferences of Push-IMAP: a telephone number, a name or a URL (as LIMIT_ENDPOINT), and the
 * FETCH items of in-band pushes. */
#define LIMIT_PIMAP_ADDRESS 1000
#define LIMIT_PIMAP_NEW_FORMAT 1000
/* A session of Push-IMAP says each minute that its device listens; it counts as gone after
 * two that were missed (s). */
#define LIMIT_PRESENCE_SECS 150
#define LIMIT_PRESENCE_SAY_SECS 60
/* Octets of sender and subject each in a notification that has them (EXTENDED): it may have to go
 * by short message. */
#define LIMIT_EXTENDED_TEXT 100
/* Changes of preferences, filters and keys of one user per hour: each one waits for the disk. A
 * device sets some ten when it is provisioned; who sets up 100 filters by a program may. */
#define LIMIT_PIMAP_CHANGES_PER_HOUR 600
/* Octets of what P-IMAP's XPROVISION calls a notification id, and explains no further. */
#define LIMIT_NOTIFICATION_ID 256
/* Of such notifications, so many go out to a device that does not connect; then they are held as
 * wake-ups are. */
#define LIMIT_EXTENDED_UNANSWERED 32
/* An outstanding wake-up is repeated after these (s), the last one again and again: a phone
 * that was in a tunnel, in a meeting, switched off. */
#define LIMIT_WAKE_AGAIN_SECS 3600
#define LIMIT_WAKE_AGAIN_2_SECS (4 * 3600)
#define LIMIT_WAKE_AGAIN_3_SECS 86400
/* Lists in lists in criteria, and their NOTs and ORs: Dovecot's search calls itself for each.
 * Some hundred senders are as many ORs. */
#define LIMIT_FILTER_LISTS 64
#define LIMIT_FILTER_OPERATORS 500
/* What a transaction takes at the most to judge its messages by filters, in ms, of the time it
 * may wait for the bridge: 100 filters take some 2. And the most that an operator may say. */
#define LIMIT_FILTER_BUDGET_MSECS 20
#define LIMIT_FILTER_BUDGET_MSECS_MAX LIMIT_HANDOVER_MSECS_MAX
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
/* Users whose pace of registering is remembered; 100 bytes each and the name. */
#define LIMIT_REGISTRATION_PACES 8192
/* Registrations whose endpoint is being looked up: each holds one of GLib's
 * resolver threads for as long as the name server likes. */
#define LIMIT_REGISTRATIONS_PENDING 64
/* Milliseconds for that look-up: the client waits LIMIT_REGISTRAR_MSECS in all. */
#define LIMIT_REGISTRATION_LOOKUP_MSECS 4000

/* --- bridge: gateways ---------------------------------------------------- */

/* Requests in flight to one origin: enough to fill a connection, few enough
 * that a stalled origin holds little. */
#define LIMIT_ORIGIN_PARALLEL 32
/* Connections to one origin over HTTP/1.1, where one carries one request. */
#define LIMIT_ORIGIN_CONNECTIONS 8
/* Addresses of one name that are tried: a DNS answer is a stranger's too. */
#define LIMIT_CONNECT_ADDRESSES 8
/* Origins whose connections are kept though nothing is under way, the least
 * recently used go first: some 50 KiB and a descriptor each. */
#define LIMIT_IDLE_ORIGINS 256
/* Seconds that is remembered of an origin which protocol it speaks. */
#define LIMIT_ORIGIN_MEMORY_SECS 3600
/* Requests in flight in all: bounds memory and descriptors. */
#define LIMIT_PARALLEL 512
/* Lanes (origins with work) held in memory at a time. */
#define LIMIT_LANES 4096
/* Devices whose pace is remembered at a time; some 150 bytes each. A device that
 * is forgotten has its full burst again. */
#define LIMIT_DEVICE_PACES 16384
/* Rows waiting for the pace of their device whose times are remembered, some 70
 * bytes each. A row that is forgotten takes another time if it is merged into. */
#define LIMIT_PACE_SLOTS 65536
/* Outcomes that wait to be written down. While the disk lags this far behind,
 * nothing more is sent: it would be sent again after a crash. */
#define LIMIT_UNRECORDED 4096
/* Headers of one request; a webhook may have some of its own. */
#define LIMIT_REQUEST_HEADERS 64
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
/* A package #0 that is older than this (s) is dropped: a device that is told so late has
 * most likely synchronised by itself, and the server says it again if it has not. */
#define LIMIT_SYNC_ALERT_SECS 3600
/* What fits in it in the clear (RFC 8291 4: 4,096 - 86 - 16 - 1). */
#define LIMIT_PUSH_PLAINTEXT 3993
/* TTL of a push, seconds: four weeks, the most that the large services keep. */
#define LIMIT_PUSH_TTL_SECS 2419200
/* VAPID keys in one file: the current one and former ones that subscriptions
 * were made under. A yearly rotation takes sixteen years to get there. */
#define LIMIT_VAPID_KEYS 16
/* Bytes of that file; a PEM key has some 240. */
#define LIMIT_VAPID_FILE 65536
/* Signed VAPID tokens kept, one per key and origin: users choose the origins.
 * Some 500 bytes each. */
#define LIMIT_VAPID_TOKENS 1024
/* Retry-After that is believed, seconds: longer would let a push service park
 * our queue. */
#define LIMIT_RETRY_AFTER_SECS 3600
/* Short messages that one package #0 may take: each costs what an SMS costs. Some 1,270
 * octets; the form of OMA DS 1.2 has a hundred or two, those of 1.1 several times that. */
#define LIMIT_SMS_PARTS 10
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
/* Bytes after which such a page ends, however few its rows. */
#define LIMIT_CONTROL_PAGE (1024 * 1024)
/* Pushes of one `fantailctl test`: each is a request out of turn. */
#define LIMIT_CONTROL_TEST 100
/* Connections to the metrics page: one scraper, its spare, and curl. */
#define LIMIT_METRICS_CONNECTIONS 16
/* One of these that says nothing for this long (s) is closed. Prometheus keeps
 * its own for the next scrape, which comes in 15 to 60. */
#define LIMIT_METRICS_IDLE_SECS 120

/* --- NOTIFY (RFC 5465) ---------------------------------------------------- */

/* From one burst of notifications to the next, in ms: a mailing list that brings ten
 * messages a second costs one look and one line, not ten. The first goes out at once. */
#define LIMIT_NOTIFY_WINDOW_MSECS 20
#define LIMIT_NOTIFY_WINDOW_MSECS_MAX 10000
/* How often a session looks for what nobody told it, in all that it watches while there is
 * no hub that tells of everything, and in the selected mailbox always. */
#define LIMIT_NOTIFY_POLL_SECS 30
#define LIMIT_NOTIFY_POLL_SECS_MAX 86400
/* So many times rarer in all that it watches while there is one: then it finds but what
 * other programs have dropped into a maildir. 50 mailboxes are half a millisecond of
 * stat() calls; stock Dovecot, which does not see such files, takes 0.07 each 30 s. */
#define LIMIT_NOTIFY_POLL_PATIENCE 10
/* Mailboxes watched by one session, and names in one NOTIFY command: some 50 bytes each, 150
 * with what was told of them. More is NOTIFICATIONOVERFLOW, and the client asks for less.
 * Each is put in its place among those that are there: 14 ms of work for 10,000 in any
 * order, a second for ten times as many. */
#define LIMIT_NOTIFY_MAILBOXES 10000
#define LIMIT_NOTIFY_MAILBOXES_MAX 100000
/* LIST and METADATA lines that wait for a client that does not read; more is
 * NOTIFICATIONOVERFLOW. Message counts need no such room. */
#define LIMIT_NOTIFY_CHANGES 4096
/* How long NOTIFY waits for the hub to know what the session watches, in ms. It takes
 * less than one, unless the hub hangs; the client should not be kept then. */
#define LIMIT_NOTIFY_READY_MSECS 250
/* Bytes of NOTIFY's state that a sleeping session leaves with imap-hibernate: 1,000 mailboxes
 * or more. Who has more stays awake. */
#define LIMIT_NOTIFY_STATE (64 * 1024)
/* For imap-hibernate's answer, in s: it has one thread and many clients. The session can do
 * nothing else meanwhile, but it had nothing to do for a while. */
#define LIMIT_HIBERNATE_SECS 10
/* After a session could not be put to sleep, the next attempt comes no sooner, in ms:
 * most of the reasons last. */
#define LIMIT_HIBERNATE_RETRY_MSECS 60000
/* Words and brackets of one NOTIFY command. Dovecot's imap_max_line_length stops most
 * before that. */
#define LIMIT_NOTIFY_TOKENS 100000
/* SET ( selected ( MessageNew ( BODY.PEEK[HEADER.FIELDS (...)] ) ) ) */
#define LIMIT_NOTIFY_NESTING 5

/* --- SyncML --------------------------------------------------------------- */

/* Body of one request. What we say a client may send (MaxMsgSize, 150,000 bytes) and what some
 * send all the same; twice the largest MaxMsgSize that a setting may say. */
#define LIMIT_SYNCML_BODY (2 * 1024 * 1024)
/* What a body of that size may be when it was compressed: ten times as much is text that
 * somebody wrote for us. */
#define LIMIT_SYNCML_GZIP_RATIO 10
/* The largest object (MaxObjSize), in however many pieces: a contact with a photo. */
#define LIMIT_SYNCML_OBJECT 4000000
/* Nesting, of XML and of WBXML. SyncML needs twelve. */
#define LIMIT_MARKUP_DEPTH 64
/* Elements of a document. A message of 2 MB has some 100,000 when each is a short one. */
#define LIMIT_MARKUP_ELEMENTS 200000
/* Octets of one start tag, DOCTYPE included, and the attributes and namespaces in it. SyncML has
 * one attribute, xmlns; parsers compare each with all others. */
#define LIMIT_MARKUP_TAG 512
#define LIMIT_MARKUP_ATTRIBUTES 8
/* Octets that all references into a string table stand for. Two octets can be one to a megabyte:
 * a message of 2 MB would be a terabyte. */
#define LIMIT_MARKUP_REFERRED (2 * LIMIT_SYNCML_BODY)
/* Octets that a message's commands, items and the like may take in memory, without their
 * text. A message of 150,000 bytes takes 4 MB when it is all deletions, and less when it is not;
 * an empty command in WBXML takes an octet there, and 400 here. */
#define LIMIT_MESSAGE_PARTS (8 * 1024 * 1024)
/* Pieces of objects in one message: who sends a piece has run out of room in it. Each has what
 * came before read. */
#define LIMIT_SYNCML_PIECES 16
/* Device informations in one message: all rules are looked through for each. */
#define LIMIT_SYNCML_DEVINFS 4
/* LocURI, LocName and other short values of a message, bytes. */
#define LIMIT_LOC_URI 1024
/* SessionID. The specification says 4, clients send 10 and more. */
#define LIMIT_SYNCML_SESSION_ID 64
/* Anchors, bytes. */
#define LIMIT_ANCHOR 64
/* Nonces and other values of a challenge, in base64. */
#define LIMIT_NONCE 128
/* Stores, capabilities and properties of a DevInf in all; a rich client has some 200. */
#define LIMIT_DEVINF_PARTS 4096
/* The text of a record filter, and how deep its parentheses go. */
#define LIMIT_FILTER_QUERY 4096
#define LIMIT_FILTER_DEPTH 16
/* A transcript of one phone ends after so many hours and MiB unless the operator says otherwise,
 * and at these at the latest; it stays to be read for a week (s), since it has what is in
 * somebody's address book. */
#define LIMIT_TRANSCRIPT_HOURS 24
#define LIMIT_TRANSCRIPT_HOURS_MAX 168
#define LIMIT_TRANSCRIPT_MIB 16
#define LIMIT_TRANSCRIPT_MIB_MAX 1024
#define LIMIT_TRANSCRIPT_KEEP_SECS (7 * 86400)
/* Each user is swept once a day, and nobody in the first quarter of an hour (s), when all phones
 * may be at the door. */
#define LIMIT_SYNCML_SWEEP_SECS 86400
#define LIMIT_SYNCML_SWEEP_FIRST_SECS 900
/* A phone's session after its last message (s), and of one user, and of one address. */
#define LIMIT_SYNCML_SESSION_SECS 1800
#define LIMIT_SYNCML_SESSIONS_PER_USER 4
#define LIMIT_SYNCML_SESSIONS_PER_ADDRESS 50
/* Wrong passwords tried a minute, of one user and from one address; those that are being checked
 * count until they are known to be right. Behind one address of a mobile network there are many
 * phones. */
#define LIMIT_SYNCML_LOGINS_PER_USER 30
#define LIMIT_SYNCML_LOGINS_PER_ADDRESS 120
/* Users and addresses whose pace and sessions are remembered, some 200 bytes each. */
#define LIMIT_SYNCML_PACES 8192
#define LIMIT_SYNCML_SESSIONS 16384
/* Messages that are kept in memory until their phone has shown a password, or asks for what came
 * of them: bytes of one (initialisation of some databases with device information takes 8,000), how
 * many, and for how long (s): a user may have to type. */
#define LIMIT_SYNCML_HELD_BYTES 32768
#define LIMIT_SYNCML_HELD 256
#define LIMIT_SYNCML_HELD_SECS 600
/* Connections, a phone's or the proxy's for a phone; one that says nothing for this long (s) is
 * closed, and a request has to be here in whole after so many seconds: a slow network takes half
 * of that for the largest message. */
#define LIMIT_SYNCML_CONNECTIONS 2048
#define LIMIT_SYNCML_IDLE_SECS 60
#define LIMIT_SYNCML_REQUEST_SECS 180
/* Bytes of bodies in the making, of all requests: one of the largest for each worker, and many of
 * the usual size. */
#define LIMIT_SYNCML_BODIES (64 * 1024 * 1024)
/* Messages that are being worked on or wait for it, and seconds after which who came on top of
 * them is told to come again. */
#define LIMIT_SYNCML_PENDING 512
/* Users whose devices wait to be alerted, in memory: some 100 bytes each. Those beyond are found on
 * the disk. */
#define LIMIT_SYNCML_ALERT_USERS 100000
/* The same message again while it is worked on: a phone that hears nothing for a while. */
#define LIMIT_SYNCML_TWINS 8
#define LIMIT_SYNCML_RETRY_SECS 30
/* How long Dovecot may take for a password (s): a wrong one takes 2, and up to 15 when its
 * penalty is at work. */
#define LIMIT_AUTH_SECS 30
/* One line of Dovecot's auth protocol: it reads no longer ones. */
#define LIMIT_AUTH_LINE 16384
/* Passwords that are being checked: each is a phone that waits, for some seconds when it was
 * wrong. */
#define LIMIT_AUTH_PENDING 1024

/* --- contacts and calendars ------------------------------------------------ */

/* Properties of one object, components in it, and how deep they nest. A busy calendar's event
 * with a hundred guests has some 150. */
#define LIMIT_VOBJECT_PROPERTIES 5000
#define LIMIT_VOBJECT_CHILDREN 1000
#define LIMIT_VOBJECT_DEPTH 8
/* Parameters of one property. */
#define LIMIT_VOBJECT_PARAMS 64
/* Values of all properties of one object: the parts of its names and addresses, and the words of
 * its lists, some 400 octets each. */
#define LIMIT_VOBJECT_VALUES 20000
/* Occurrences of one event that differ from its rule: each costs 0.1 ms when it comes from a
 * device that has them as events of their own, and all of a message 50 ms. */
#define LIMIT_EVENT_EXCEPTIONS 300
/* Names and numbers by which an item is found again in a slow sync, each a row of an index. */
#define LIMIT_ITEM_KEYS 64
/* Rows of a kind that one transaction of a sweep deletes: some 10 ms, and whoever waits for that
 * user has its turn. */
#define LIMIT_PIM_SWEEP 500
/* Files of users that stay open for their next message: two descriptors and some 100 kB each. */
#define LIMIT_PIM_OPEN_FILES 64
/* Occurrences that a rule is followed for, to compare or to find its end. */
#define LIMIT_OCCURRENCES 5000
/* Days that are looked at for these: 150 years, some 5 ms. A rule may ask for February 30. */
#define LIMIT_OCCURRENCE_DAYS (150 * 366)
/* Rules of one event, and alarms of a kind: one of each is usual, and each takes its time. */
#define LIMIT_RULES 4
#define LIMIT_ALARMS 32
/* Characters of a rule. All days of a year by number are 1,500. */
#define LIMIT_RRULE 2000
/* Offsets of a time zone that somebody sent, and how many such zones an event may name; those
 * of the database need no sending. libical follows their rules for centuries. */
#define LIMIT_ZONE_OFFSETS 16
/* Such zones that are kept for the next event that has them, and octets of the definition of one:
 * a zone of two offsets is some 400, and 50 kB as libical has it; one of 16 is 400 kB. */
#define LIMIT_ZONES_KEPT 16
#define LIMIT_ZONE_KEPT_SIZE 8192
/* Years for which a device that computes in UTC is told when summer begins and ends. */
#define LIMIT_DAYLIGHT_YEARS 5

#endif
