#include "keyfile.h"

#include <string.h>

G_DEFINE_QUARK(fantail_keyfile_error, keyfile_error)

/* Words longer than this get no suggestion: the table below stays small. */
#define SUGGEST_MAX 63

static void entry_free(gpointer data)
{
	struct keyfile_entry *entry = data;

	g_free(entry->key);
	g_free(entry->value);
	g_free(entry);
}

static void section_free(gpointer data)
{
	struct keyfile_section *section = data;

	g_free(section->name);
	g_hash_table_unref(section->by_key);
	g_ptr_array_unref(section->entries);
	g_free(section);
}

void keyfile_free(struct keyfile *keyfile)
{
	if (keyfile == NULL)
		return;
	g_hash_table_unref(keyfile->by_name);
	g_ptr_array_unref(keyfile->sections);
	g_free(keyfile);
}

const struct keyfile_section *keyfile_find(const struct keyfile *keyfile, const char *section)
{
	return g_hash_table_lookup(keyfile->by_name, section);
}

const struct keyfile_entry *keyfile_section_find(const struct keyfile_section *section,
						 const char *key)
{
	return g_hash_table_lookup(section->by_key, key);
}

G_GNUC_PRINTF(4, 5)
static gboolean fail(GError **error, const char *path, guint line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, KEYFILE_ERROR, KEYFILE_ERROR_SYNTAX, "%s:%u: %s", path, line, text);
	return FALSE;
}

/* Section names and keys are shown in messages and typed by people. */
static gboolean is_name(const char *text, gboolean blanks)
{
	if (*text == '\0')
		return FALSE;
	for (const char *p = text; *p != '\0'; p++) {
		if (!g_ascii_isalnum(*p) && strchr("-_.", *p) == NULL && !(blanks && *p == ' '))
			return FALSE;
	}
	return TRUE;
}

static gboolean parse_section(struct keyfile *keyfile, char *text, guint line, const char *path,
			      GError **error)
{
	char *end = strchr(text, ']');

	if (end == NULL)
		return fail(error, path, line, "section without ']'; write [section]");
	if (end[1] != '\0')
		return fail(error, path, line,
			    "text after ']'; a section has its line to itself, so has a comment");
	*end = '\0';

	const char *name = g_strstrip(text + 1);
	if (!is_name(name, TRUE)) {
		return fail(error, path, line,
			    "bad section name; use letters, digits, '-', '_', '.' and blanks");
	}
	const struct keyfile_section *former = keyfile_find(keyfile, name);
	if (former != NULL) {
		return fail(error, path, line,
			    "[%s] is here a second time, first in line %u; join the two", name,
			    former->line);
	}

	struct keyfile_section *section = g_new0(struct keyfile_section, 1);
	section->name = g_strdup(name);
	section->line = line;
	section->entries = g_ptr_array_new_with_free_func(entry_free);
	section->by_key = g_hash_table_new(g_str_hash, g_str_equal);
	g_ptr_array_add(keyfile->sections, section);
	g_hash_table_insert(keyfile->by_name, section->name, section);
	return TRUE;
}

static gboolean parse_entry(struct keyfile *keyfile, char *text, guint line, const char *path,
			    GError **error)
{
	char *equals = strchr(text, '=');

	if (equals == NULL) {
		return fail(error, path, line,
			    "neither [section], nor key = value, nor a comment; comments begin "
			    "with '#'");
	}
	*equals = '\0';

	const char *key = g_strchomp(text);
	const char *value = g_strchug(equals + 1);
	if (!is_name(key, FALSE)) {
		return fail(error, path, line,
			    "bad key before '='; use letters, digits, '-', '_' and '.'");
	}
	if (keyfile->sections->len == 0) {
		return fail(error, path, line,
			    "%s: comes before any section; put its [section] above it", key);
	}

	struct keyfile_section *section =
		g_ptr_array_index(keyfile->sections, keyfile->sections->len - 1);
	const struct keyfile_entry *former = keyfile_section_find(section, key);
	if (former != NULL) {
		return fail(error, path, line,
			    "[%s] %s: is here a second time, first in line %u; remove one",
			    section->name, key, former->line);
	}

	struct keyfile_entry *entry = g_new0(struct keyfile_entry, 1);
	entry->key = g_strdup(key);
	entry->value = g_strdup(value);
	entry->line = line;
	g_ptr_array_add(section->entries, entry);
	g_hash_table_insert(section->by_key, entry->key, entry);
	return TRUE;
}

/* One line, stripped. */
static gboolean parse_line(struct keyfile *keyfile, char *text, guint line, const char *path,
			   GError **error)
{
	if (*text == '\0' || *text == '#')
		return TRUE;
	if (*text == '[')
		return parse_section(keyfile, text, line, path, error);
	return parse_entry(keyfile, text, line, path, error);
}

struct keyfile *keyfile_parse(const char *text, gsize len, const char *path, GError **error)
{
	static const char bom[] = "\xef\xbb\xbf";
	g_autoptr(keyfile_t) keyfile = g_new0(struct keyfile, 1);
	const char *end = text + len;
	guint line = 0;

	keyfile->sections = g_ptr_array_new_with_free_func(section_free);
	keyfile->by_name = g_hash_table_new(g_str_hash, g_str_equal);
	/* Some editors leave one; it means nothing in UTF-8. */
	if (len >= strlen(bom) && memcmp(text, bom, strlen(bom)) == 0)
		text += strlen(bom);
	while (text < end) {
		const char *stop = memchr(text, '\n', (gsize)(end - text));

		if (stop == NULL)
			stop = end;
		line++;
		if (memchr(text, '\0', (gsize)(stop - text)) != NULL) {
			fail(error, path, line, "NUL octet; write plain text");
			return NULL;
		}
		if (!g_utf8_validate(text, stop - text, NULL)) {
			fail(error, path, line, "not UTF-8; save the file in that encoding");
			return NULL;
		}
		g_autofree char *copy = g_strndup(text, (gsize)(stop - text));
		if (!parse_line(keyfile, g_strstrip(copy), line, path, error))
			return NULL;
		text = stop < end ? stop + 1 : end;
	}
	return g_steal_pointer(&keyfile);
}

static char fold(char c)
{
	return c == '_' ? '-' : g_ascii_tolower(c);
}

/* Optimal string alignment: insertions, deletions, changes and swapped neighbours. */
static guint distance(const char *a, const char *b)
{
	guint rows[3][SUGGEST_MAX + 1];
	gsize a_len = strlen(a), b_len = strlen(b);

	for (gsize j = 0; j <= b_len; j++)
		rows[0][j] = (guint)j;
	for (gsize i = 1; i <= a_len; i++) {
		guint *now = rows[i % 3];
		const guint *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		now[0] = (guint)i;
		for (gsize j = 1; j <= b_len; j++) {
			gboolean same = fold(a[i - 1]) == fold(b[j - 1]);
			guint best = last[j - 1] + (same ? 0 : 1);

			best = MIN(best, last[j] + 1);
			best = MIN(best, now[j - 1] + 1);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
			    fold(a[i - 2]) == fold(b[j - 1]))
				best = MIN(best, before[j - 2] + 1);
			now[j] = best;
		}
	}
	return rows[a_len % 3][b_len];
}

const char *keyfile_suggest(const char *word, const char *const *words)
{
	const char *nearest = NULL;
	guint nearest_distance = G_MAXUINT;

	if (strlen(word) > SUGGEST_MAX)
		return NULL;
	for (; *words != NULL; words++) {
		guint allowed = 1 + (guint)strlen(*words) / 4;

		if (strlen(*words) > SUGGEST_MAX)
			continue;
		guint d = distance(word, *words);
		if (d <= allowed && d < nearest_distance) {
			nearest = *words;
			nearest_distance = d;
		}
	}
	return nearest;
}
