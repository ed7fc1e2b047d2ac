/*
 * The hub: takes wake-ups from processes that have committed a change and hands them to
 * the sessions that watch. docs/wire-protocols.md, "The hub socket".
 *
 * Nothing is kept and nothing is waited for: a wake-up that cannot be handed on at once
 * becomes one LOST, later. Who is idle costs memory and no time.
 */
#ifndef FANTAIL_HUB_H
#define FANTAIL_HUB_H

#include <signal.h>

#include <glib.h>

struct hub;

/* Reads the configuration and listens: at its socket, or on `fd` from the service
 * manager if that is not -1. NULL on error: CONFIG_ERROR, or that of the socket. */
struct hub *hub_start(const char *config_path, int fd, GError **error);
/* Closes all connections. NULL is fine. */
void hub_stop(struct hub **hub);

/* On error nothing changes. Connections stay, also those that would not get in now. */
gboolean hub_reload(struct hub *hub, GError **error);

/* Waits until something happens, a signal not in `mask` comes, or `msecs` (-1: for ever)
 * are over, and deals with it. `alive` is called between the pieces of that, each of which
 * takes some ms at most. */
void hub_turn(struct hub *hub, int msecs, const sigset_t *mask, void (*alive)(void));

#endif
