/* What the command lines of our daemons have in common, and what each does before it
 * starts its own work. */
#ifndef FANTAIL_DAEMON_MAIN_H
#define FANTAIL_DAEMON_MAIN_H

#include <glib.h>

struct daemon_program {
	const char *name;    /* "fantail-bridge" */
	const char *summary; /* for --help, after the name */
	const char *config;  /* the file that is read unless --config names another */
	/* Is the configuration good? Changes nothing. */
	gboolean (*check)(const char *config_path, GError **error);
	/* The program's work; returns its exit status, of sysexits.h. */
	int (*run)(const char *config_path);
};

/* main() but for its name. */
int daemon_main(int argc, char **argv, const struct daemon_program *program);

#endif
