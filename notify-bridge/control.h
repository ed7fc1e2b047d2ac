/* The control socket: fantailctl's requests (docs/wire-protocols.md). */
#ifndef FANTAIL_CONTROL_H
#define FANTAIL_CONTROL_H

#include "bridge-config.h"
#include "dispatcher.h"
#include "intake.h"
#include "spool.h"
#include "vapid.h"

struct control;

/* Reload is main's work; NULL error = done. */
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

struct control *control_new(const struct control_parts *parts);
gboolean control_listen(struct control *control, int fd, GError **error);
void control_set_context(struct control *control, struct gateway_context *context);
void control_free(struct control **control);

#endif
