/* The control socket: fantailctl's requests (docs/wire-protocols.md, "The control socket of
 * fantail-syncml"). Whoever could open it is an operator. A request is one function and one row of
 * the table in control.c; what it asks about is in server.h. */
#ifndef FANTAIL_SYNCML_CONTROL_H
#define FANTAIL_SYNCML_CONTROL_H

#include "alerts.h"

struct control;

/* Listens on the configuration's control-socket; without one nobody can ask. What it asks is
 * borrowed and outlives it. */
struct control *control_new(struct server *server, struct alerts *alerts, GError **error);
/* NULL is fine; clears the pointer. */
void control_free(struct control **control);

#endif
