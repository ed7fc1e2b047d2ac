/*
 * The mailboxes that a session watches, sorted by name, and what is known of each. There may
 * be thousands, and most never have news: so each is one small piece of memory, and what
 * news need comes with the first. Decides nothing; needs libdovecot, knows no client.
 */
#ifndef FANTAIL_NOTIFY_TABLE_H
#define FANTAIL_NOTIFY_TABLE_H

#include "guid.h"

#include "notify-acl.h"
#include "notify-spec.h"
#include "wake.h"

/* What the client was told last, or would have been. */
struct notify_snapshot {
	uint64_t modseq;
	uint32_t uidvalidity; /* 0 = there is none */
	uint32_t uidnext;     /* 0 = not known, either */
	uint32_t messages;
	uint32_t unseen;
	bool told; /* FALSE: the client has not been told, only would have been */
};

/* Of those that have, or may have, news, and of those outside the personal namespaces.
 * Stays where it is. */
struct watched_more {
	struct watched *box;
	struct watched_more *prev, *next; /* while dirty */
	struct notify_snapshot last;
	guid_128_t id; /* only outside the personal namespaces; else empty */
	wake_kinds dirty;
	unsigned int again; /* how often to look for an expunge yet */
	bool is_dirty;      /* in the list; `dirty` 0 then: find out whether anything changed */
	bool own;           /* as dirty, but what changed is no news */
};

struct watched {
	uint64_t fingerprint;
	struct watched_more *more; /* NULL: nothing of it */
	notify_events events : 8;
	/* NONE: a name that LIST shows for its children's sake, or one that was taken away
	 * from the user and may be given back. */
	enum notify_access access : 2;
	bool told_noaccess : 1; /* the client has been told that it lacks rights */
	bool listed : 1;        /* while all are listed again */
	bool subscribed : 1;
	bool imported : 1; /* it was there when the session fell asleep */
	char vname[];
};

struct notify_table;

struct notify_table *notify_table_new(void);
void notify_table_free(struct notify_table **table);

unsigned int notify_table_count(const struct notify_table *table);
/* NULL: there is none. */
struct watched *notify_table_find(const struct notify_table *table, const char *vname);
struct watched *notify_table_find_id(const struct notify_table *table, const guid_128_t id);

/* All zero but for its name, which is not in the table yet. */
struct watched *notify_table_insert(struct notify_table *table, const char *vname);
/* `box` is gone then: returns what it became. No other one has the new name. */
struct watched *notify_table_rename(struct notify_table *table, struct watched *box,
				    const char *vname);
void notify_table_remove(struct notify_table *table, struct watched *box);

/* Makes it, if there is none yet. */
struct watched_more *notify_watched_more(struct watched *box);
/* All zero while nothing is known. */
const struct notify_snapshot *notify_watched_last(const struct watched *box);
/* Of two with the same GUID the later is found by it. */
void notify_table_set_id(struct notify_table *table, struct watched *box, const guid_128_t id);

/* The first whose name comes after this one, in the table or not, by strcmp(); NULL: the
 * first of all. So a loop that has the name goes on whatever came or went meanwhile. */
struct watched *notify_table_after(const struct notify_table *table, const char *vname);
/* `box` itself must still be there at the end of a turn. */
#define notify_table_foreach(table, box)                             \
	for ((box) = notify_table_after(table, NULL); (box) != NULL; \
	     (box) = notify_table_after(table, (box)->vname))

#endif
