#include "vapid-file.h"

#include "limits.h"
#include "vapid.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)

static gboolean file_error(GError **error, const char *what, const char *path)
{
	int code = errno;

	g_set_error(error, VAPID_ERROR, VAPID_ERROR_FILE, "cannot %s '%s': %s", what, path,
		    g_strerror(code));
	return FALSE;
}

gboolean vapid_file_exists(const char *path)
{
	/* Anything but a certain "no": a key must never be made over one that
	 * merely cannot be looked at. */
	return access(path, F_OK) == 0 || errno != ENOENT;
}

static char *read_text(const char *path, gsize *len_r, GError **error)
{
	g_autofree char *text = g_malloc(LIMIT_VAPID_FILE + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	gsize len = 0;
	struct stat st;
	ssize_t n = 0;

	if (fd == -1) {
		file_error(error, "open", path);
		return NULL;
	}
	if (fstat(fd, &st) == -1) {
		file_error(error, "look at", path);
		close(fd);
		return NULL;
	}
	if ((st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0) {
		g_set_error(error, VAPID_ERROR, VAPID_ERROR_FILE,
			    "'%s' has mode %04o, so others may read or change our private keys; "
			    "run: chmod 0600 '%s'",
			    path, st.st_mode & 07777, path);
		close(fd);
		return NULL;
	}
	while (len <= LIMIT_VAPID_FILE &&
	       (n = read(fd, text + len, LIMIT_VAPID_FILE + 1 - len)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			break;
		len += (gsize)n;
	}
	if (n == -1) {
		file_error(error, "read", path);
		close(fd);
		return NULL;
	}
	close(fd);
	if (len > LIMIT_VAPID_FILE) {
		g_set_error(error, VAPID_ERROR, VAPID_ERROR_FILE,
			    "'%s' has more than %d bytes; is it the right file?", path,
			    LIMIT_VAPID_FILE);
		return NULL;
	}
	*len_r = len;
	return g_steal_pointer(&text);
}

static gboolean is_p256(EVP_PKEY *key)
{
	char group[64];
	size_t len;

	return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
	       OBJ_txt2nid(group) == NID_X9_62_prime256v1;
}

static gboolean key_error(GError **error, const char *path, guint number, const char *what)
{
	g_set_error(error, VAPID_ERROR, VAPID_ERROR_KEY,
		    "key %u in '%s' %s; each must be a PEM private key on the curve P-256, as "
		    "`openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes it",
		    number, path, what);
	ERR_clear_error();
	return FALSE;
}

static gboolean take_block(const char *name, const char *header, const guint8 *data, long len,
			   const char *path, GPtrArray *keys, GError **error)
{
	guint number = keys->len + 1;
	EVP_PKEY *key;

	/* `openssl ecparam -genkey` writes the curve's name before the key. */
	if (strcmp(name, PEM_STRING_ECPARAMETERS) == 0)
		return TRUE;
	if (strcmp(name, PEM_STRING_PKCS8) == 0 || header[0] != '\0')
		return key_error(error, path, number, "is protected with a passphrase");
	if (strcmp(name, PEM_STRING_PKCS8INF) != 0 && strcmp(name, PEM_STRING_ECPRIVATEKEY) != 0)
		return key_error(error, path, number, "is not a private key");
	if (number > LIMIT_VAPID_KEYS) {
		g_set_error(error, VAPID_ERROR, VAPID_ERROR_KEY,
			    "'%s' holds more than %d keys; remove the oldest, at its end", path,
			    LIMIT_VAPID_KEYS);
		return FALSE;
	}
	key = d2i_AutoPrivateKey(NULL, &data, len);
	if (key == NULL)
		return key_error(error, path, number, "cannot be read");
	g_ptr_array_add(keys, key);
	return is_p256(key) || key_error(error, path, number, "is of another kind");
}

/* Block by block, since PEM_read_bio_PrivateKey() does not tell the end of the
 * file from a key that is cut off. */
static gboolean read_keys(BIO *bio, const char *path, GPtrArray *keys, GError **error)
{
	char *name, *header;
	guint8 *data;
	long len;

	while (PEM_read_bio(bio, &name, &header, &data, &len) == 1) {
		gboolean ok = take_block(name, header, data, len, path, keys, error);

		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(data, (size_t)len);
		if (!ok)
			return FALSE;
	}
	if (keys->len == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return key_error(error, path, keys->len + 1, "cannot be read");
	ERR_clear_error();
	return TRUE;
}

GPtrArray *vapid_file_read(const char *path, GError **error)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func((GDestroyNotify)EVP_PKEY_free);
	gsize len;
	char *text = read_text(path, &len, error);
	gboolean ok;

	if (text == NULL)
		return NULL;
	{
		g_autoptr(BIO) bio = BIO_new_mem_buf(text, (int)len);

		ok = read_keys(bio, path, keys, error);
	}
	OPENSSL_cleanse(text, len);
	g_free(text);
	return ok ? g_steal_pointer(&keys) : NULL;
}

static gboolean write_all(int fd, const char *data, gsize len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return FALSE;
		data += n;
		len -= (gsize)n;
	}
	return TRUE;
}

/* A rename is on disk once its folder is. */
static gboolean sync_folder(const char *path)
{
	g_autofree char *folder = g_path_get_dirname(path);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	gboolean ok = fd != -1 && fsync(fd) == 0;

	if (fd != -1)
		close(fd);
	return ok;
}

static gboolean write_file(const char *path, const char *pem, gsize len, GError **error)
{
	g_autofree char *scratch = g_strdup_printf("%s.XXXXXX", path);
	int fd = mkostemp(scratch, O_CLOEXEC); /* mode 0600 */

	if (fd == -1)
		return file_error(error, "create", scratch);
	if (!write_all(fd, pem, len) || fsync(fd) == -1) {
		file_error(error, "write", scratch);
		close(fd);
		unlink(scratch);
		return FALSE;
	}
	close(fd);
	/* Not plain rename(): a key that appeared meanwhile is somebody's. */
	if (renameat2(AT_FDCWD, scratch, AT_FDCWD, path, RENAME_NOREPLACE) == -1) {
		gboolean there = errno == EEXIST;

		if (!there)
			file_error(error, "rename a new key to", path);
		unlink(scratch);
		return there;
	}
	return sync_folder(path) || file_error(error, "sync the folder of", path);
}

gboolean vapid_file_create(const char *path, GError **error)
{
	g_autoptr(EVP_PKEY) key = EVP_EC_gen("P-256");
	g_autoptr(BIO) bio = BIO_new(BIO_s_secmem());
	char *pem;
	long len;

	if (key == NULL || bio == NULL ||
	    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
		g_set_error(error, VAPID_ERROR, VAPID_ERROR_KEY, "cannot make a VAPID key: %s",
			    ERR_reason_error_string(ERR_get_error()));
		ERR_clear_error();
		return FALSE;
	}
	len = BIO_get_mem_data(bio, &pem);
	return write_file(path, pem, (gsize)len, error);
}
