/* The answer to STATUS: how each part is doing, and what an operator should look at. */
#ifndef FANTAIL_CONTROL_STATUS_H
#define FANTAIL_CONTROL_STATUS_H

#include "control.h"

/* One line of JSON. `started` and `now`: unix seconds. New string. */
char *control_status(const struct control_parts *parts, gint64 started, gint64 now);

#endif
