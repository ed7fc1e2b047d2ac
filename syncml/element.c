#include "element.h"

#include <string.h>

static const struct {
	enum sml_element element;
	const char *name;
} elements[] = {
#define X(id, language, page, tag, name) {id, name},
#include "element-table.h"
#undef X
};

/* Tokens are 6 bits, and no language has more than two pages. */
#define PAGES 2
#define TAGS 64

static const char *names[2][PAGES][TAGS];
static GHashTable *by_name[2];

static void fill(void)
{
	static gsize filled;

	if (!g_once_init_enter(&filled))
		return;
	for (guint language = 0; language < G_N_ELEMENTS(by_name); language++)
		by_name[language] = g_hash_table_new(g_str_hash, g_str_equal);
	for (guint i = 0; i < G_N_ELEMENTS(elements); i++) {
		enum sml_element element = elements[i].element;
		guint language = SML_ELEMENT_LANGUAGE(element);

		names[language][SML_ELEMENT_PAGE(element)][SML_ELEMENT_TAG(element)] =
			elements[i].name;
		g_hash_table_insert(by_name[language], (gpointer)elements[i].name,
				    GUINT_TO_POINTER(element));
	}
	g_hash_table_insert(by_name[SML_LANGUAGE_DEVINF], (gpointer) "MaxSize",
			    GUINT_TO_POINTER(DEV_SIZE));
	g_once_init_leave(&filled, 1);
}

const char *sml_element_name(enum sml_element element)
{
	fill();
	return names[SML_ELEMENT_LANGUAGE(element)][SML_ELEMENT_PAGE(element)]
		    [SML_ELEMENT_TAG(element)];
}

enum sml_element sml_element_find(enum sml_language language, const char *name, gsize len)
{
	char key[32];

	if (len >= sizeof(key))
		return SML_NONE;
	memcpy(key, name, len);
	key[len] = '\0';
	fill();
	return GPOINTER_TO_UINT(g_hash_table_lookup(by_name[language], key));
}

enum sml_element sml_element_of_token(enum sml_language language, unsigned int page,
				      unsigned int tag)
{
	fill();
	if (page >= PAGES || tag >= TAGS || names[language][page][tag] == NULL)
		return SML_NONE;
	return SML_ELEMENT(language, page, tag);
}
