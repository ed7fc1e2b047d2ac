/*
 * A configuration file as text, and what is said of a bad one:
 * "<file>:<line>: [section] key: what is wrong; what to do".
 */
#ifndef FANTAIL_CONFIG_FILE_H
#define FANTAIL_CONFIG_FILE_H

#include "keyfile.h"

#define CONFIG_ERROR (config_error_quark())
GQuark config_error_quark(void);
enum config_error {
	CONFIG_ERROR_READ,
	CONFIG_ERROR_SYNTAX,
	CONFIG_ERROR_KEY, /* unknown section or key */
	CONFIG_ERROR_VALUE,
};

/* The text, with a NUL after it; new. One byte more than LIMIT_CONFIG_BYTES is read, so that
 * config_keyfile() can tell that there is more. */
char *config_file_read(const char *path, gsize *len_r, gboolean *readable_by_all_r, GError **error);
/* keyfile_parse() with the errors of this file. */
struct keyfile *config_keyfile(const char *text, gsize len, const char *path, GError **error);

struct config_place {
	const char *path;
	const char *section; /* NULL = the whole file */
	const char *key;     /* NULL = the whole section */
	guint line;
};
/* Where the key is, or where it would be. */
struct config_place config_place_of(const struct keyfile *keyfile, const char *path,
				    const char *section, const char *key);
/* Always FALSE, for `return`. */
gboolean config_fail(GError **error, const struct config_place *place, enum config_error code,
		     const char *format, ...) G_GNUC_PRINTF(4, 5);

#endif
