/* The control socket: fantailctl's requests (docs/wire-protocols.md, "The control
 * socket"). Whoever could open it is an operator; no request is judged further. */
#ifndef FANTAIL_CONTROL_H
#define FANTAIL_CONTROL_H

#include "bridge-config.h"
#include "dispatcher.h"
#include "intake.h"
#include "spool.h"
#include "vapid.h"

struct control;

/* Reload is main's work: FALSE with the error if the new config is bad and the
 * former one stays. */
typedef gboolean (*control_reload)(gpointer data, GError **error);

struct control_parts {
	struct queue *queue;
	struct registry *registry;
	struct dispatcher *dispatcher;
	struct intake *intake;
	struct spool *spool;
	struct metrics *metrics;
	struct gateway_context *context;
	control_reload reload;
	gpointer reload_data;
};

/* All but `context`, which is referred to, are borrowed and outlive it. */
struct control *control_new(const struct control_parts *parts);
/* Listens on config->control_socket, or on `fd` (socket activation) if it is not -1. */
gboolean control_listen(struct control *control, int fd, GError **error);
/* The socket itself stays: its path and mode are those of the start. May be called
 * from within `reload`. */
void control_set_context(struct control *control, struct gateway_context *context);
/* Tests under way are not answered any more; what waits for the disk still gets
 * there. NULL is fine; clears the pointer. */
void control_free(struct control **control);

#endif
