/* Which process may speak for which user (docs/wire-protocols.md, "The mail socket"). */
#ifndef FANTAIL_PEER_RULE_H
#define FANTAIL_PEER_RULE_H

#include <sys/types.h>

#include <glib.h>

/* May it speak for every user? `mail_uids`: uid_t; root may besides. */
gboolean peer_speaks_for_all(const GArray *mail_uids, uid_t peer);

enum peer_verdict {
	PEER_MAY_NOT,
	PEER_MAY,
	PEER_UNKNOWN, /* the password database cannot be asked at the moment */
};

/* `mail_uids`: uid_t, those that may speak for every user, besides root. */
enum peer_verdict peer_may_speak_for(const GArray *mail_uids, uid_t peer, const char *user);

#endif
