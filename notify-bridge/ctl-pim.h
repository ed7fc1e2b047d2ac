/* The subcommands of fantailctl that work on contacts, calendars and notes: directly on the
 * users' files, which the daemon may have open at the same time. */
#ifndef FANTAIL_CTL_PIM_H
#define FANTAIL_CTL_PIM_H

#include <glib.h>

struct ctl_pim {
	const char *dir;   /* of the users' files */
	const char *zone;  /* of times in imported files that name none; NULL = UTC */
	gboolean progress; /* standard error is a terminal */
	/* Says a sentence on standard error. */
	void (*complain)(const char *text);
};

/* Exit codes of sysexits.h; what is wrong was said. Files: "-" or NULL is standard input or
 * output. */
int ctl_pim_import(const struct ctl_pim *pim, const char *user, const char *path);
int ctl_pim_export(const struct ctl_pim *pim, const char *user, const char *collection,
		   const char *path);
/* Appends text for people. */
int ctl_pim_history(const struct ctl_pim *pim, const char *user, guint limit, GString *out);
int ctl_pim_restore(const struct ctl_pim *pim, const char *user, const char *version, GString *out);
int ctl_pim_devices(const struct ctl_pim *pim, const char *user, GString *out);
int ctl_pim_check(const struct ctl_pim *pim, const char *user, GString *out);

#endif
