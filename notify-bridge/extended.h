/*
 * P-IMAP's EXTENDED notification (draft-maes-lemonade-p-imap-12, B.2), which leaves open how
 * fields are quoted and how it is encrypted: docs/wire-protocols.md, "EXTENDED", has what is done
 * here. Pure; time and randomness are arguments.
 */
#ifndef FANTAIL_EXTENDED_H
#define FANTAIL_EXTENDED_H

#include <glib.h>

#define EXTENDED_TAG "_%$P-IMAP$%_"
#define EXTENDED_KEY 16
#define EXTENDED_IV 12

struct extended {
	guint64 sequence;
	const char *account;
	const char *event; /* "NEW_MESSAGE", ... */
	guint32 uid;       /* 0 = there is nothing about a message */
	/* NULL = not said */
	const char *sender;
	const char *date; /* RFC 3339 */
	const char *subject;
};

/* What is to be encrypted. Texts are cleaned and cut (LIMIT_EXTENDED_TEXT). */
char *extended_text(const struct extended *extended);

/* The tag, a blank, and base64 of IV, ciphertext and MAC: AES-128-GCM, the tag being its
 * additional data. An IV must never be used twice with a key. NULL with error if OpenSSL fails. */
char *extended_seal(const guint8 key[EXTENDED_KEY], const guint8 iv[EXTENDED_IV], const char *text,
		    GError **error);

#endif
