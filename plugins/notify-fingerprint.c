#include "lib.h"
#include "mail-namespace.h"
#include "mail-storage-private.h"
#include "mailbox-list.h"

#include "notify-fingerprint.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void mix(uint64_t *hash, uint64_t value)
{
	*hash = (*hash ^ value) * 0x9E3779B97F4A7C15ULL;
	*hash ^= *hash >> 29;
}

static void mix_file(uint64_t *hash, const struct notify_root *root, const char *path)
{
	int dir = AT_FDCWD;
	struct stat st;

	if (root->path != NULL && strncmp(path, root->path, root->len) == 0 &&
	    path[root->len] == '/') {
		dir = root->fd;
		path += root->len + 1;
	}
	if (fstatat(dir, path, &st, 0) < 0)
		return;
	mix(hash, (uint64_t)st.st_ino);
	mix(hash, (uint64_t)st.st_mtim.tv_sec);
	mix(hash, (uint64_t)st.st_mtim.tv_nsec);
	mix(hash, (uint64_t)st.st_size);
}

static uint64_t fingerprint(struct mailbox_list *list, const char *name,
			    const struct notify_root *root)
{
	const struct mail_storage *storage =
		mail_namespace_get_default_storage(mailbox_list_get_namespace(list));
	bool is_file = (storage->class_flags & MAIL_STORAGE_CLASS_FLAG_MAILBOX_IS_FILE) != 0;
	const char *path;
	uint64_t hash = 0;

	if (mailbox_list_get_path(list, name, MAILBOX_LIST_PATH_TYPE_INDEX, &path) > 0)
		mix_file(&hash, root, t_strconcat(path, "/" MAIL_INDEX_PREFIX ".log", NULL));
	/* Other programs put mail into these formats only. */
	if ((!is_file && strcmp(storage->name, "maildir") != 0) ||
	    mailbox_list_get_path(list, name, MAILBOX_LIST_PATH_TYPE_MAILBOX, &path) <= 0)
		return hash;
	if (is_file) {
		mix_file(&hash, root, path);
	} else {
		mix_file(&hash, root, t_strconcat(path, "/new", NULL));
		mix_file(&hash, root, t_strconcat(path, "/cur", NULL));
	}
	return hash;
}

uint64_t notify_fingerprint(struct mailbox_list *list, const char *name)
{
	const struct notify_root nowhere = {.path = NULL};

	return fingerprint(list, name, &nowhere);
}

static void open_root(struct notify_root *root, struct mailbox_list *list)
{
	const char *path;

	root->list = list;
	if (!mailbox_list_get_root_path(list, MAILBOX_LIST_PATH_TYPE_MAILBOX, &path))
		return;
	root->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root->fd == -1)
		return;
	root->path = i_strdup(path);
	root->len = strlen(path);
}

uint64_t notify_fingerprint_next(struct notify_root *root, struct mailbox_list *list,
				 const char *name)
{
	if (root->list != list) {
		notify_root_close(root);
		open_root(root, list);
	}
	return fingerprint(list, name, root);
}

void notify_root_close(struct notify_root *root)
{
	if (root->path != NULL)
		i_close_fd(&root->fd);
	i_free(root->path);
	i_zero(root);
}
