/*
 * Where g_message and its kin go: to the journal if that is what stderr is, else to
 * stderr, one line each. Levels as [bridge] log-level= names them.
 */
#ifndef FANTAIL_LOG_WRITER_H
#define FANTAIL_LOG_WRITER_H

#include <glib.h>

/* Lines begin with the program's name, which is kept. Begins with "info". Once, before
 * any thread. */
void log_writer_install(const char *program);
/* "error", "warning", "info" or "debug"; anything else is as "info". Notices of
 * what the daemon does (g_message) come with "info". */
void log_writer_set_level(const char *name);

#endif
