/*
 * What a P-IMAP device is known to know: its session, as it is kept in a file from one
 * connection to the next, and the rules by which the events that it missed can be told. Pure.
 *
 * The file has lines of tabline.h:
 *
 *   fantail-pimap  1
 *   session  id=16 hex  owner=16 hex  created=s  used=s
 *   inband  push=ON|OFF  format=FETCH items     [only if not OFF and NONE]
 *   selected  mailbox=                            [only if one is]
 *   folder  guid=32 hex  index=  uidvalidity=  uidnext=  messages=  modseq=  uids=16 hex unsure=0|1
 *   end
 *
 * Folders stand in the order of their last use, the latest at the end. What has changed since is
 * added in the form of one more session line with `selected`, folders and `end`: these take the
 * place of the former ones.
 */
#ifndef PIMAP_STATE_H
#define PIMAP_STATE_H

#include "limits.h"
#include "tabline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIMAP_GUID_SIZE 16

/* A folder as the device has certainly seen it: at the last tagged reply that the device followed
 * with another command. */
struct pimap_folder {
	unsigned char guid[PIMAP_GUID_SIZE];
	uint32_t index; /* Dovecot's id of the index: a new one counts modseqs anew */
	uint32_t uidvalidity, uidnext, messages;
	uint64_t modseq;
	uint64_t uids; /* pimap_uids_add() of all its messages */
	bool unsure;   /* messages may have been told of since, or that they went; which may have
			* arrived   or not */
};

struct pimap_session {
	uint64_t id;
	uint64_t owner; /* the connection that it belongs to: an older one keeps its hands off */
	uint64_t created, used; /* seconds since 1970 */
	/* The device's in-band preferences, should the bridge not be there to tell them. */
	bool push;
	char format[LIMIT_PIMAP_NEW_FORMAT + 1]; /* empty: none */
	/* The mailbox that was selected when the connection ended; empty: none, or none that can be
	 * selected again without the device's doing. */
	char selected[LIMIT_MAILBOX + 1];
	struct pimap_folder *folders;
	size_t count, alloc;
	size_t changed;  /* so many at the end of `folders` are not in the file, or otherwise */
	bool reselected; /* nor is `selected` */
	bool whole;      /* it is to be written anew: preferences, or it has one that is none now */
};

#define PIMAP_UIDS_NONE UINT64_C(0xcbf29ce484222325)
/* FNV-1a over UIDs in ascending order. */
uint64_t pimap_uids_add(uint64_t uids, uint32_t uid);

void pimap_session_free(struct pimap_session *session);
struct pimap_folder *pimap_session_find(struct pimap_session *session, const unsigned char *guid);
/* Puts it at the end, in place of the one with its GUID; of too many the longest unused goes.
 * False: out of memory. */
bool pimap_session_put(struct pimap_session *session, const struct pimap_folder *folder);
/* As pimap_session_put() of the one that is there, with `unsure` as it is now; if there is one. */
void pimap_session_mark(struct pimap_session *session, const unsigned char *guid, bool unsure);
void pimap_session_drop(struct pimap_session *session, const unsigned char *guid);
/* At most LIMIT_MAILBOX octets, or empty. */
void pimap_session_select(struct pimap_session *session, const char *mailbox);

/* The file; or what is to be added to it, unless it has to be `whole`. False: it does not fit
 * `buf`. */
bool pimap_session_encode(const struct pimap_session *session, struct tabline_buf *buf);
bool pimap_session_encode_changes(const struct pimap_session *session, struct tabline_buf *buf);
/* Is there anything to be written? */
bool pimap_session_has_news(const struct pimap_session *session);
/* The file has all of it. */
void pimap_session_written(struct pimap_session *session);
/* `text` is spoilt; there is room for a NUL at text[len]. False: no such file, or damaged, or out
 * of memory; the session is empty then. To be freed. */
bool pimap_session_decode(char *text, size_t len, struct pimap_session *session_r);

/* The folder as it is now. */
struct pimap_now {
	uint32_t index, uidvalidity, uidnext;
	uint64_t modseq;
	bool permanent;       /* modseqs outlive the session */
	const uint32_t *uids; /* ascending */
	size_t count;
	bool logged; /* `expunged` could be found out */
	/* Ascending: what may have been expunged since known->modseq, all of it and perhaps more.
	 */
	const uint32_t *expunged;
	size_t expunged_count;
};

enum pimap_resume {
	PIMAP_RESUME_PROVEN,
	/* why the device has to compare */
	PIMAP_RESUME_OTHER,   /* another UIDVALIDITY, or a new index */
	PIMAP_RESUME_BACK,    /* modseq or UIDNEXT went back: an old copy */
	PIMAP_RESUME_NO_LOG,  /* nobody knows what was expunged, or modseqs are not permanent */
	PIMAP_RESUME_DIFFERS, /* what is left and what went is not what the device had */
	PIMAP_RESUME_UNSURE,  /* what went, and what came and went, it may have seen or not */
};

/* Proven: seqs_r has the numbers, ascending, that the messages which are gone have with the
 * device; room for known->messages is enough. All other messages below known->uidnext it has,
 * and all changes of them have a modseq above known->modseq. */
enum pimap_resume pimap_resume_prove(const struct pimap_folder *known, const struct pimap_now *now,
				     uint32_t *seqs_r, size_t *count_r);
const char *pimap_resume_reason(enum pimap_resume resume);

#endif
