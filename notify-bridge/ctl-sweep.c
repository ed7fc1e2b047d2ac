#include "ctl-sweep.h"

#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "config-file.h"
#include "ctl-store.h"
#include "keep.h"

static const struct config_key keys[] = {PIM_KEEP_KEYS(0)};
static const char *const sections[] = {PIM_KEEP_SECTION, NULL};
static const struct config_table table = {
	.keys = keys,
	.count = G_N_ELEMENTS(keys),
	.sections = sections,
	.manual = "fantail-syncml.conf(5)",
};

/* Of the file only what is ours. */
static gboolean read_keep(const char *path, struct pim_keep *keep, GError **error)
{
	gboolean readable_by_all;
	gsize len;
	g_autofree char *text = config_file_read(path, &len, &readable_by_all, error);
	g_autoptr(keyfile_t) file = NULL;

	if (text != NULL)
		file = config_keyfile(text, len, path, error);
	if (file == NULL)
		return FALSE;
	for (guint i = 0; i < file->sections->len; i++) {
		const struct keyfile_section *section = file->sections->pdata[i];

		if (strcmp(section->name, PIM_KEEP_SECTION) == 0 &&
		    !config_table_read(&table, keep, section, path, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean sweep(const struct ctl_pim *pim, struct pim_store *store,
		      const struct pim_keep *keep, const char *user, struct pim_swept *swept)
{
	g_autoptr(GError) error = NULL;
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;

	if (pim_sweep_user(store, user, keep, now, NULL, swept, &error))
		return TRUE;
	pim->complain(error->message);
	return FALSE;
}

static int sweep_store(const struct ctl_pim *pim, struct pim_store *store,
		       const struct pim_keep *keep, const char *user, GString *out)
{
	struct pim_swept swept = {0};
	guint failed = 0, users = 0;

	for (guint part = 0; user == NULL && part < PIM_STORE_PARTS; part++) {
		g_auto(GStrv) some = pim_store_users_of(store, part);

		for (char **name = some; *name != NULL; name++, users++)
			failed += !sweep(pim, store, keep, *name, &swept);
	}
	if (user != NULL)
		failed = !sweep(pim, store, keep, user, &swept);
	if (user == NULL)
		g_string_append_printf(out, "%u users: ", users);
	g_string_append_printf(
		out, "%u old versions, %u deletions, %u devices and %u sessions are gone.\n",
		swept.versions, swept.deletions, swept.devices, swept.sessions);
	return failed > 0 ? EX_IOERR : EX_OK;
}

int ctl_pim_sweep(const struct ctl_pim *pim, const char *config, const char *usual,
		  const char *user, GString *out)
{
	struct pim_keep keep = PIM_KEEP_DEFAULTS;
	const char *path = config;
	g_autoptr(GError) error = NULL;
	struct pim_store *store;
	int code;

	if (path == NULL && access(usual, F_OK) == 0)
		path = usual;
	/* With a wrong idea of what is old, nothing is deleted. */
	if (path != NULL && !read_keep(path, &keep, &error)) {
		pim->complain(error->message);
		return EX_CONFIG;
	}
	store = ctl_store_open(pim->dir, &error);
	if (store == NULL) {
		pim->complain(error->message);
		return EX_IOERR;
	}
	code = sweep_store(pim, store, &keep, user, out);
	ctl_store_close(&store);
	return code;
}
