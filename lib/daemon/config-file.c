#include "config-file.h"
#include "limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

G_DEFINE_QUARK(fantail_config_error, config_error)

gboolean config_fail(GError **error, const struct config_place *place, enum config_error code,
		     const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, CONFIG_ERROR, (gint)code, "%s:%u: [%s]%s%s: %s", place->path,
		    place->line, place->section, place->key != NULL ? " " : "",
		    place->key != NULL ? place->key : "", text);
	return FALSE;
}

struct config_place config_place_of(const struct keyfile *keyfile, const char *path,
				    const char *section, const char *key)
{
	const struct keyfile_section *found = keyfile_find(keyfile, section);
	const struct keyfile_entry *entry = found != NULL ? keyfile_section_find(found, key) : NULL;
	struct config_place place = {path, section, key, 1};

	if (entry != NULL)
		place.line = entry->line;
	else if (found != NULL)
		place.line = found->line;
	return place;
}

struct keyfile *config_keyfile(const char *text, gsize len, const char *path, GError **error)
{
	g_autoptr(GError) syntax = NULL;

	if (len > LIMIT_CONFIG_BYTES) {
		g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_READ,
			    "%s: larger than %d bytes; move templates to files of their own", path,
			    LIMIT_CONFIG_BYTES);
		return NULL;
	}
	struct keyfile *keyfile = keyfile_parse(text, len, path, &syntax);
	if (keyfile == NULL)
		g_set_error_literal(error, CONFIG_ERROR, CONFIG_ERROR_SYNTAX, syntax->message);
	return keyfile;
}

char *config_file_read(const char *path, gsize *len_r, gboolean *readable_by_all_r, GError **error)
{
	struct stat st;
	g_autofree char *text = NULL;
	gsize len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) != 0) {
		int saved = errno;

		if (fd >= 0)
			close(fd);
		g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_READ,
			    "%s: cannot be read (%s); correct the path or its permissions", path,
			    g_strerror(saved));
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_READ,
			    "%s: not a regular file; correct the path", path);
		return NULL;
	}

	/* One more than is allowed tells that there is more. */
	text = g_malloc(LIMIT_CONFIG_BYTES + 2);
	while (len <= LIMIT_CONFIG_BYTES) {
		ssize_t got = read(fd, text + len, LIMIT_CONFIG_BYTES + 1 - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_READ,
				    "%s: cannot be read (%s); try again, or restore it", path,
				    g_strerror(errno));
			close(fd);
			return NULL;
		}
		if (got == 0)
			break;
		len += (gsize)got;
	}
	close(fd);
	text[len] = '\0';
	*len_r = len;
	*readable_by_all_r = (st.st_mode & S_IROTH) != 0;
	return g_steal_pointer(&text);
}
