/*
 * Delta Chat's registration (XDELTAPUSH, as chatmail relays have it): the private entry
 * `devicetoken` of INBOX. Each value that is set is one more device's token; the value that
 * is read is all tokens with blanks between. Tokens are opaque, and expire at the bridge when
 * they are not set again.
 */
#ifndef DELTA_METADATA_H
#define DELTA_METADATA_H

/* Both are idempotent. The first user of a process who has this registers. */
void delta_metadata_register(void);
void delta_metadata_unregister(void);

#endif
