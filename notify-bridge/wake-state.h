/*
 * When a device of Push-IMAP may be woken again: a wake-up is outstanding until the device
 * has connected, and more of them say nothing new. Pure; time is an argument.
 */
#ifndef FANTAIL_WAKE_STATE_H
#define FANTAIL_WAKE_STATE_H

#include <glib.h>

/* How long (s) it is left alone; 0 = it may be woken now. `wakes`: accepted since it was
 * there, the last one at `last` (unix seconds). A clock that was set back does not make it
 * longer than the back-off is. */
gint64 wake_state_hold_secs(guint wakes, gint64 last, gint64 now);

#endif
