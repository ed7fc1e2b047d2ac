/*
 * A device: one registration, made by one user for one gateway. What the
 * registry keeps and what the router and the gateways read. Plain data.
 */
#ifndef FANTAIL_DEVICE_H
#define FANTAIL_DEVICE_H

#include <glib.h>

#include "push-event.h"

enum device_state {
	DEVICE_INACTIVE, /* waits for CONFIRM; gets nothing but the confirmation push */
	DEVICE_ACTIVE,
	DEVICE_DEAD,   /* the gateway said it is gone (404, 410); kept a while for operators */
	DEVICE_LOCKED, /* of Push-IMAP, lost: the operator said so, and takes it back */
};

/* What a push says and how (payload.h). */
enum device_dialect {
	DIALECT_GOUGEON, /* draft-gougeon-imap-webpush */
	DIALECT_COI,     /* COI IMAP WebPush v1.0 */
	DIALECT_EMN,     /* Push-IMAP: "there is mail", OMA's E-Mail Notification */
	DIALECT_EXTENDED,
	DIALECT_APPLE,     /* Apple Mail's XAPPLEPUSHSERVICE */
	DIALECT_DELTAPUSH, /* Delta Chat's token, an entry of METADATA */
};

/* By what a device came to be: names of one face are not those of another. */
enum device_face {
	FACE_WEBPUSH, /* SUBSCRIBE, and what operators register */
	FACE_PIMAP,   /* a session of Push-IMAP */
	FACE_APPLE,
	FACE_DELTAPUSH,
};

/* COI 3: which mail a subscription wants. */
enum device_msgtype {
	MSGTYPE_ALL,
	MSGTYPE_CHAT, /* has the $Chat keyword */
	MSGTYPE_MAIL, /* has it not */
};

struct device {
	gint64 id; /* registry's key; 0 = not stored yet */
	char *user;
	char *device;  /* subscription id, chosen by the client; unique per user */
	char *gateway; /* "webpush", "webhook": name of a row in gateway.h's table */
	enum device_dialect dialect;
	enum device_state state;
	char *endpoint;    /* URL; for a webhook: its section's name in the config */
	guint8 p256dh[65]; /* RFC 8291 ua_public, uncompressed point */
	guint8 auth[16];   /* RFC 8291 auth_secret */
	char *vapid_key;   /* public key (base64url) the device subscribed under */
	push_event_kinds events;
	char **mailboxes; /* NULL = every mailbox; else names, or prefixes ending in '*' */
	gboolean content; /* asked for envelope and preview */
	enum device_msgtype msgtype;
	char *client; /* label for people, may be NULL */
	char *label;  /* likewise: the device */
	char *token;  /* confirmation token while DEVICE_INACTIVE, else NULL */
	guint token_tries;
	/* unix seconds; 0 = never */
	gint64 created;
	gint64 confirm_by; /* inactive ones are discarded after it */
	gint64 confirmed;
	gint64 last_ok;
	gint64 dead_at;
	char *last_outcome; /* one line for people, may be NULL */
	/* All but FACE_WEBPUSH: when it last said that it is there; and how many pushes were
	 * accepted since. */
	gint64 seen;
	guint wakes;
	/* FACE_PIMAP by Web Push: the subscription whose endpoint and keys these are; 0 = it is
	 * not known yet (pimap-reach.h). */
	gint64 via;
	/* For one notification in DIALECT_EXTENDED (registry.h, number): the key, and which of the
	 * device's it is, counted from 1. */
	guint8 key[16];
	guint64 sequence;
};
typedef struct device device_t;

struct device *device_copy(const struct device *device);
/* NULL is fine. */
void device_free(struct device *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(device_t, device_free)

/* Is it a subscription id: 1 to LIMIT_DEVICE_ID printable ASCII characters without blanks,
 * since it is an atom of IMAP, a key of ours and part of log lines? NULL is none. */
gboolean device_id_valid(const char *id);
enum device_face device_face(enum device_dialect dialect);
/* For people: "webpush", "sms", "webhook", "pimap", "apple", "deltapush". */
const char *device_kind(const struct device *device);
/* How long (s) it may be silent before it is forgotten; 0 = for ever. */
gint64 device_unseen_secs(enum device_dialect dialect);
/* When it will be forgotten unless it is heard of, unix seconds; 0 = no such time. */
gint64 device_expires(const struct device *device);
/* Has the bridge to see of new mail more than where it is? A filter for chat or mail does:
 * keywords are content; and so do Delta Chat's tokens, which are not told of one's own
 * mail. */
gboolean device_looks_at_content(const struct device *device);
/* The operator's, and of no user (webhook-device.h). */
gboolean device_is_webhook(const struct device *device);

const char *device_state_name(enum device_state state);       /* "inactive", "active", ... */
const char *device_dialect_name(enum device_dialect dialect); /* "gougeon", ... */
const char *device_msgtype_name(enum device_msgtype msgtype); /* "all", "chat", "mail" */
gboolean device_state_parse(const char *name, enum device_state *state_r);
gboolean device_dialect_parse(const char *name, enum device_dialect *dialect_r);
gboolean device_msgtype_parse(const char *name, enum device_msgtype *msgtype_r);

#endif
