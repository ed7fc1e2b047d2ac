/*
 * Key files: [sections] of `key = value` lines, with the line of each so that
 * whoever judges a value can point at it. GKeyFile would do but for that.
 *
 *	# a comment, on a line of its own
 *	[section name]
 *	key = value
 *
 * Blanks around section names, keys and values do not count; there are no quotes,
 * no escapes and no continued lines. A section or a key that comes twice, a NUL
 * and text that is not UTF-8 are errors. Pure.
 */
#ifndef FANTAIL_KEYFILE_H
#define FANTAIL_KEYFILE_H

#include <glib.h>

struct keyfile_entry {
	char *key;
	char *value; /* never NULL; valid UTF-8 */
	guint line;  /* from 1 */
};

struct keyfile_section {
	char *name;
	guint line;
	GPtrArray *entries; /* struct keyfile_entry *, as they come */
	GHashTable *by_key; /* the same */
};

struct keyfile {
	GPtrArray *sections; /* struct keyfile_section *, as they come */
	GHashTable *by_name; /* the same */
};
typedef struct keyfile keyfile_t;

#define KEYFILE_ERROR (keyfile_error_quark())
GQuark keyfile_error_quark(void);
enum keyfile_error {
	KEYFILE_ERROR_SYNTAX,
};

/* `path` is for messages: "<path>:<line>: what is wrong; what to do". */
struct keyfile *keyfile_parse(const char *text, gsize len, const char *path, GError **error);
/* NULL is fine. */
void keyfile_free(struct keyfile *keyfile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(keyfile_t, keyfile_free)

/* NULL if there is none. */
const struct keyfile_section *keyfile_find(const struct keyfile *keyfile, const char *section);
const struct keyfile_entry *keyfile_section_find(const struct keyfile_section *section,
						 const char *key);

/* The one of `words` (ends with NULL) that somebody who wrote `word` may have meant,
 * or NULL if none is near: case and _ for - are forgiven, and one slip in every
 * four characters. */
const char *keyfile_suggest(const char *word, const char *const *words);

#endif
