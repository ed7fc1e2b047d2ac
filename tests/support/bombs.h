/*
 * Messages that are meant to hurt: too deep, too many, too long, and lies about sizes and numbers,
 * in XML, WBXML, contacts and calendars and SyncML itself. Each is posted by a phone whose sync is
 * under way, so that nothing but the message is wrong. test-syncml-bombs.c asks what they are
 * answered, bench-bombs.c what they cost.
 */
#ifndef FANTAIL_TEST_BOMBS_H
#define FANTAIL_TEST_BOMBS_H

#include "sync-world.h"

/* What is around the text of a bomb. */
enum bomb_place {
	BOMB_XML,      /* nothing */
	BOMB_BODY,     /* a right message: these are the commands */
	BOMB_FIRST,    /* likewise, the first of another session */
	BOMB_SYNC,     /* a Sync of contacts: these are its commands */
	BOMB_CONTACT,  /* a Sync and an Add: this is the vCard */
	BOMB_CALENDAR, /* likewise, iCalendar */
	BOMB_VCALENDAR,
	BOMB_OTHER_CONTACT, /* and a Replace of the same, in which the count of units goes on */
	BOMB_OTHER_CALENDAR,
	BOMB_WBXML,      /* nothing; in words of hexadecimal digits and 'text' */
	BOMB_WBXML_BODY, /* a right message: these are the commands */
};

/* before, unit count times, after. In the unit, ^ is its number, $DAY the date so many days after
 * the first of 2027. $FILE is a path that nobody may
 * open, $PORT a port of this host that nobody may connect to. */
struct bomb {
	const char *name;
	enum bomb_place place;
	const char *before, *unit, *after; /* NULL = nothing */
	guint count;
	/* Status of HTTP, or the statuses of commands, each kind once: "SyncHdr=200 Add=415". */
	const char *hears;
	gboolean taken; /* it does no harm, and changes what is there */
};
extern const struct bomb bombs[];
extern const guint bombs_count;

/* Cred of the phone's user. */
#define BOMB_CRED                                                                     \
	"<Cred><Meta><Format>b64</Format><Type>syncml:auth-basic</Type></Meta><Data>" \
	"cGF0OnNlY3JldA==</Data></Cred>"

/* A server, and a phone that has begun a sync of contacts and calendar. */
struct bomb_site {
	struct sync_world world;
	char *url;
	char *file;
	guint port;
	int watch, listener;
};
void bomb_site_init(struct bomb_site *site);
void bomb_site_clear(struct bomb_site *site);
/* A message of the phone in XML; `more` is for SyncHdr, `commands` are followed by Final. Status of
 * HTTP. */
guint bomb_site_say(struct bomb_site *site, guint session, guint msg, const char *more,
		    const char *commands);
/* All that is in the user's store but sessions: items, history, maps. New. */
char *bomb_site_dump(const struct bomb_site *site);
/* Has somebody opened the file or connected? */
gboolean bomb_site_touched(const struct bomb_site *site);

struct bomb_result {
	char *hears; /* as in struct bomb */
	double cpu_ms;
	gsize extra_kb; /* the highest that it was above what was there before */
};
void bomb_throw(struct bomb_site *site, const struct bomb *bomb, struct bomb_result *result_r);
void bomb_result_clear(struct bomb_result *result);

#endif
