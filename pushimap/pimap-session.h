/*
 * A P-IMAP session in the imap process: what is said of it at login, what the device comes to
 * know while it goes on, and at SELECT what it has missed.
 */
#ifndef PIMAP_SESSION_H
#define PIMAP_SESSION_H

#include "pimap-args.h"

struct client;

/* From the hook that is called before LOGIN's tagged reply; writes what comes before that. */
void pimap_session_begin(struct client *client, const char *device, unsigned int expire_days);

/* The session's device has set an in-band preference: it is in force at once. */
void pimap_session_prefer(struct client *client, enum pimap_pref pref, const char *value);

void pimap_session_init(void);
void pimap_session_deinit(void);

#endif
