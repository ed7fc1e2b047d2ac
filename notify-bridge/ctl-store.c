#include "ctl-store.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transfer.h" /* and of pim's store.h: the bridge has one, too */

/* Of us. */
static uid_t own_uid;
static gid_t own_gid;
static mode_t own_mask;

static gboolean fail(GError **error, const char *what, const char *dir)
{
	g_set_error(error, PIM_STORE_ERROR, PIM_STORE_ERROR_FAILED, "%s %s: %s", what, dir,
		    g_strerror(errno));
	return FALSE;
}

static gboolean become_owner(const char *dir, GError **error)
{
	struct stat st;

	if (geteuid() != 0)
		return TRUE;
	if (stat(dir, &st) < 0 && errno == ENOENT) {
		g_set_error(error, PIM_STORE_ERROR, PIM_STORE_ERROR_FAILED,
			    "there is no %s; fantail-syncml makes it when it starts, or give "
			    "--store=DIR",
			    dir);
		return FALSE;
	}
	if (stat(dir, &st) < 0)
		return fail(error, "cannot look at", dir);
	if (setegid(st.st_gid) < 0 || seteuid(st.st_uid) < 0)
		return fail(error, "cannot become the owner of", dir);
	return TRUE;
}

static void become_oneself(void)
{
	/* The user first, who may do the rest. */
	if (seteuid(own_uid) < 0 || setegid(own_gid) < 0)
		g_error("cannot become oneself again: %s", g_strerror(errno));
	umask(own_mask);
}

struct pim_store *ctl_store_open(const char *dir, GError **error)
{
	struct pim_store *store = NULL;

	own_uid = geteuid();
	own_gid = getegid();
	own_mask = umask(077);
	if (become_owner(dir, error))
		store = pim_store_open(dir, error);
	if (store == NULL)
		become_oneself();
	return store;
}

void ctl_store_close(struct pim_store **store)
{
	if (*store == NULL)
		return;
	pim_store_close(store);
	become_oneself();
}
