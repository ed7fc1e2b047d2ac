/* Which process may speak for which user (docs/wire-protocols.md, "The mail socket"). */
#ifndef FANTAIL_PEER_RULE_H
#define FANTAIL_PEER_RULE_H

#include <sys/types.h>

#include <glib.h>

/* `mail_uids`: uid_t, those that may speak for every user, besides root. */
gboolean peer_may_speak_for(const GArray *mail_uids, uid_t peer, const char *user);

#endif
