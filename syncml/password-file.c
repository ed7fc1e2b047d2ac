#include "password-file.h"

#include <crypt.h>
#include <string.h>

#include <openssl/crypto.h>

#include "config-file.h"
#include "limits.h"

struct entry {
	gboolean plain;
	char *secret;
};

struct password_file {
	gatomicrefcount refs;
	GHashTable *entries;     /* name -> struct entry * */
	const struct entry *any; /* for names that are not there; NULL = the file is empty */
};

static void entry_free(gpointer data)
{
	struct entry *entry = data;

	explicit_bzero(entry->secret, strlen(entry->secret));
	g_free(entry->secret);
	g_free(entry);
}

static gboolean fail(GError **error, const char *path, guint line, const char *what)
{
	g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_VALUE, "%s:%u: %s", path, line, what);
	return FALSE;
}

/* "{SCHEME}secret" */
static gboolean parse_secret(const char *text, struct entry *entry, const char **why_r)
{
	const char *end = *text == '{' ? strchr(text, '}') : NULL;
	g_autofree char *scheme =
		end == NULL ? g_strdup("CRYPT") : g_ascii_strup(text + 1, end - text - 1);
	const char *secret = end == NULL ? text : end + 1;

	entry->plain = strcmp(scheme, "PLAIN") == 0;
	if (!entry->plain && !g_str_has_suffix(scheme, "CRYPT")) {
		*why_r = "unknown scheme; make one with doveadm pw -s SHA512-CRYPT";
		return FALSE;
	}
	if (!entry->plain && crypt_checksalt(secret) == CRYPT_SALT_INVALID) {
		*why_r = "not what crypt(3) makes; make one with doveadm pw -s SHA512-CRYPT, or "
			 "write {PLAIN} before it";
		return FALSE;
	}
	entry->secret = g_strdup(secret);
	return TRUE;
}

static gboolean parse_line(struct password_file *file, char *text, const char *path, guint line,
			   GError **error)
{
	const char *why = NULL;
	struct entry *entry;
	char *colon, *end;

	if (*text == '\0' || *text == '#')
		return TRUE;
	colon = strchr(text, ':');
	if (colon == NULL || colon == text)
		return fail(error, path, line, "not a name and a password; write name:{PLAIN}word");
	*colon = '\0';
	end = strchr(colon + 1, ':');
	if (end != NULL)
		*end = '\0';
	if (strlen(text) > LIMIT_USER || !g_utf8_validate(text, -1, NULL))
		return fail(error, path, line, "a bad name; write UTF-8, not that much of it");
	if (g_hash_table_contains(file->entries, text))
		return fail(error, path, line, "that name is here a second time; remove one");
	entry = g_new0(struct entry, 1);
	if (!parse_secret(colon + 1, entry, &why)) {
		g_free(entry);
		return fail(error, path, line, why);
	}
	g_hash_table_insert(file->entries, g_strdup(text), entry);
	if (file->any == NULL || file->any->plain)
		file->any = entry;
	return TRUE;
}

struct password_file *password_file_parse(const char *text, const char *path, GError **error)
{
	g_autoptr(password_file_t) file = g_new0(struct password_file, 1);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	g_atomic_ref_count_init(&file->refs);
	file->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
	for (guint i = 0; lines[i] != NULL; i++) {
		if (!parse_line(file, g_strchomp(lines[i]), path, i + 1, error))
			return NULL;
	}
	return g_steal_pointer(&file);
}

struct password_file *password_file_load(const char *path, GError **error)
{
	gboolean readable_by_all;
	gsize len;
	g_autofree char *text = config_file_read(path, &len, &readable_by_all, error);
	struct password_file *file;

	if (text == NULL)
		return NULL;
	if (readable_by_all) {
		g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_VALUE,
			    "%s: everybody can read the passwords in it; chmod o-r %s", path, path);
		return NULL;
	}
	if (len > LIMIT_CONFIG_BYTES) {
		g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_READ,
			    "%s: larger than %d bytes; use Dovecot for so many users", path,
			    LIMIT_CONFIG_BYTES);
		return NULL;
	}
	file = password_file_parse(text, path, error);
	explicit_bzero(text, len);
	return file;
}

struct password_file *password_file_ref(struct password_file *file)
{
	g_atomic_ref_count_inc(&file->refs);
	return file;
}

void password_file_unref(struct password_file *file)
{
	if (file == NULL || !g_atomic_ref_count_dec(&file->refs))
		return;
	g_hash_table_unref(file->entries);
	g_free(file);
}

static gboolean equal(const char *a, const char *b)
{
	gsize len = strlen(a);

	return len == strlen(b) && CRYPTO_memcmp(a, b, len) == 0;
}

gboolean password_file_check(const struct password_file *file, const char *user,
			     const char *password)
{
	const struct entry *entry = g_hash_table_lookup(file->entries, user);
	const struct entry *judged = entry != NULL ? entry : file->any;
	struct crypt_data *data;
	const char *hash;
	gboolean same;

	if (judged == NULL)
		return FALSE;
	if (judged->plain)
		return equal(judged->secret, password) && entry != NULL;
	data = g_new0(struct crypt_data, 1);
	hash = crypt_r(password, judged->secret, data);
	same = hash != NULL && equal(judged->secret, hash);
	explicit_bzero(data, sizeof(*data));
	g_free(data);
	return same && entry != NULL;
}
