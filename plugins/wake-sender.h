/*
 * Sends wake-ups to the hub: one packet, no answer, never a wait. One socket for the
 * whole process, opened at the first wake-up; while the hub is away each attempt is
 * one failed connect, at most once a second. libc and lib/ only.
 */
#ifndef FANTAIL_WAKE_SENDER_H
#define FANTAIL_WAKE_SENDER_H

#include "wake.h"

/* True if the hub has it. What is lost is found by the sessions' own poll. */
bool wake_send(const char *hub_path, const struct wake *wake);

/* After wake_send() was false: errno of the connect() that failed, if an operator should
 * hear of it. 0 for a hub that is away or busy for a while, and if it was not that; but a
 * path where nothing has been for minutes is likely a wrong one (ENOENT). */
int wake_sender_error(void);

/* Closes the socket; at the end of the process. */
void wake_sender_close(void);

#endif
