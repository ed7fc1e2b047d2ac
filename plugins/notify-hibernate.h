/*
 * Sleep: a session that only waits is handed to Dovecot's imap-hibernate, and its process
 * ends. Dovecot does that with IDLE; here it is done with NOTIFY in force, in IDLE or in no
 * command at all. imap-hibernate keeps the client's connection, the state (notify-state.h)
 * and, as its notify descriptor, the session's connection to the hub, which was told what
 * exactly to wake for. The client's input, an event, or the end of the hub start a new imap
 * process, which looks at what has changed since.
 *
 * These stay awake: sessions without NOTIFY groups; those that have a
 * mailbox selected whose expunges may not be told of between commands (RFC 5465 section
 * 6.1.2: "selected-delayed" outside IDLE, no "selected" group), since the new process
 * has no message numbers for what is gone; and all while the hub is away.
 */
#ifndef FANTAIL_NOTIFY_HIBERNATE_H
#define FANTAIL_NOTIFY_HIBERNATE_H

#include "notify-session.h"

/* Something has happened in this session: it stays awake for another
 * imap_hibernate_timeout. Cheap. */
void notify_hibernate_postpone(struct notify_session *session);
/* The hub knows the rules. */
void notify_hibernate_ready(struct notify_session *session);
/* About to sleep: the hub is to wake for what was asked for and for nothing else. */
bool notify_hibernate_drowsy(const struct notify_session *session);
/* v.destroy, before super. */
void notify_hibernate_deinit(struct notify_session *session);

/* Who slept in no command wakes with a command that Dovecot made up. TRUE: this IDLE is
 * it, and nothing is to be said. */
bool notify_hibernate_is_made_up(struct notify_session *session);
/* From the import of the state: that command is going to come. */
void notify_hibernate_expect_made_up(struct notify_session *session);

#endif
