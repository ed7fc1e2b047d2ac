/*
 * The device in a P-IMAP login: user#device, user#device@domain. Pure.
 */
#ifndef PIMAP_DEVICE_H
#define PIMAP_DEVICE_H

#include "limits.h"

#include <stdbool.h>

#define PIMAP_DEVICE_SIZE (LIMIT_PIMAP_DEVICE + 1)

/* 1*64 of letters, digits, "-", "_" and ".": the draft leaves that open. It names a file, so it
 * does not begin with a dot. */
bool pimap_device_valid(const char *device);

/* What stands in `login` between its first "#" and the "@" or the end. False: it is no such
 * login, and the session is a regular one. */
bool pimap_device_from_login(const char *login, char device_r[PIMAP_DEVICE_SIZE]);

#endif
