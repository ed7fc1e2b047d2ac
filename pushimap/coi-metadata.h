/*
 * The COI dialect: registration through private server metadata (RFC 5464) below
 * /private/vendor/vendor.dovecot/webpush, as Dovecot's internal attributes.
 *
 * They count as validated, so they work also where imap_metadata is off and no attribute
 * dict is configured; nothing is stored here, and the session waits for the bridge
 * (entry-request.h). Names are case-insensitive (RFC 5464 2), and Dovecot folds them to
 * lower case.
 */
#ifndef COI_METADATA_H
#define COI_METADATA_H

/* Both are idempotent. The first user of a process who has this dialect registers. */
void coi_metadata_register(void);
void coi_metadata_unregister(void);

#endif
