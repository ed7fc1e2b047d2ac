/* The main loop of a daemon on GLib's: signals, readiness, watchdog. */
#ifndef FANTAIL_DAEMON_LOOP_H
#define FANTAIL_DAEMON_LOOP_H

#include <glib.h>

/* Raises the soft limit of open files to `most`, as far as the hard one allows. */
void daemon_raise_descriptors(guint most);

/* One line for each of these settings (config_table_keep()). */
void daemon_log_restart(const char *const *settings);

/* Says that it is ready, and serves until SIGTERM or SIGINT. `reload` (SIGHUP) returns FALSE
 * when the new configuration is not in force, which is logged. */
void daemon_loop_run(const char *name, const char *config_path,
		     gboolean (*reload)(gpointer data, GError **error), gpointer data);

#endif
