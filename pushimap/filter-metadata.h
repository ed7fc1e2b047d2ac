/*
 * RFC 5466: a user's named filters as private server metadata, /private/filters/values/NAME and
 * /private/filters/descriptions/NAME. They are the same as XFILTER's, and Dovecot's internal
 * attributes, with what coi-metadata.h says of those.
 */
#ifndef FILTER_METADATA_H
#define FILTER_METADATA_H

/* Both are idempotent. The first user of a process who has filters registers. */
void filter_metadata_register(void);
void filter_metadata_unregister(void);

#endif
