#include "lib.h"
#include "mail-storage-private.h"
#include "mailbox-list.h"

#include "notify-fingerprint.h"

#include <sys/stat.h>

static void mix(uint64_t *hash, uint64_t value)
{
	*hash = (*hash ^ value) * 0x9E3779B97F4A7C15ULL;
	*hash ^= *hash >> 29;
}

static void mix_file(uint64_t *hash, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return;
	mix(hash, (uint64_t)st.st_ino);
	mix(hash, (uint64_t)st.st_mtim.tv_sec);
	mix(hash, (uint64_t)st.st_mtim.tv_nsec);
	mix(hash, (uint64_t)st.st_size);
}

uint64_t notify_fingerprint(struct mailbox_list *list, const char *name)
{
	static const char *const mail_dirs[] = {"/new", "/cur"};
	const char *path;
	uint64_t hash = 0;

	if (mailbox_list_get_path(list, name, MAILBOX_LIST_PATH_TYPE_INDEX, &path) > 0)
		mix_file(&hash, t_strconcat(path, "/" MAIL_INDEX_PREFIX ".log", NULL));
	if (mailbox_list_get_path(list, name, MAILBOX_LIST_PATH_TYPE_MAILBOX, &path) > 0) {
		mix_file(&hash, path);
		for (unsigned int i = 0; i < N_ELEMENTS(mail_dirs); i++)
			mix_file(&hash, t_strconcat(path, mail_dirs[i], NULL));
	}
	return hash;
}
