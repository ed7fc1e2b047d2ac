/*
 * Where pushes of a device of Push-IMAP go. Channel WEBPUSH names a Web Push subscription of
 * the same user's, whose endpoint and keys are looked up each time: it may have been changed,
 * confirmed or removed since.
 */
#ifndef FANTAIL_PIMAP_REACH_H
#define FANTAIL_PIMAP_REACH_H

#include "registry.h"

/* Could a device of that user be put on that subscription? NULL: yes; else why not, for people. */
const char *pimap_reach_check(struct registry *registry, const char *user, const char *name);

/* Completes the device, if it needs that; nothing is done to one of another face or channel, nor
 * twice. NULL: it can be reached, as far as the registry knows; else why not, for people. */
const char *pimap_reach(struct registry *registry, struct device *device);

#endif
