/*
 * What one peer and a daemon say to each other, in a file that is the switch as well: an operator
 * makes it, with the time and the size at which it ends in its first line, and the daemon looks
 * for it with each message. So nobody has to be told, a restart changes nothing, and it ends by
 * itself. Files are in "transcripts" below the state directory, readable by their owner alone.
 */
#ifndef FANTAIL_TRANSCRIPT_H
#define FANTAIL_TRANSCRIPT_H

#include <gio/gio.h>

/* New; there need not be such a file. */
char *transcript_path(const char *state_dir, const char *user, const char *device);

/* From now until then (unix seconds), or until it has so many bytes. A former one is replaced.
 * The file is owned by the owner of `state_dir`, whoever calls. */
gboolean transcript_switch_on(const char *state_dir, const char *user, const char *device,
			      gint64 until, guint64 max_bytes, GError **error);
/* What is there stays there. found_r FALSE: it was never on. */
gboolean transcript_switch_off(const char *state_dir, const char *user, const char *device,
			       gint64 now, gboolean *found_r, GError **error);

/* A descriptor to be given to transcript_write(), and how many bytes it takes; -1: it is off. */
int transcript_open(const char *state_dir, const char *user, const char *device, gint64 now,
		    guint64 *room_r);
/* In one piece, cut to the room; closes it. */
gboolean transcript_write(int fd, guint64 room, const char *text, gsize len, GError **error);
/* Removes those that ended LIMIT_TRANSCRIPT_KEEP_SECS ago. */
void transcript_prune(const char *state_dir, gint64 now);

#endif
