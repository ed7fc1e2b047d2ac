#include "utf8-text.h"

#include <string.h>

char *utf8_text_clean(const char *text)
{
	g_autofree char *valid = NULL;
	GString *out;

	if (text == NULL)
		return NULL;
	valid = g_utf8_make_valid(text, -1);
	out = g_string_sized_new(strlen(valid));
	for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (g_unichar_iscntrl(c) || c == 0x2028 || c == 0x2029)
			g_string_append_c(out, ' ');
		else
			g_string_append_len(out, p, g_utf8_next_char(p) - p);
	}
	return g_string_free(out, FALSE);
}

char *utf8_text_cut(const char *text, gsize max, const char *ellipsis)
{
	g_autofree char *clean = utf8_text_clean(text);

	if (clean == NULL || strlen(clean) <= max)
		return g_steal_pointer(&clean);
	/* Back to the beginning of the character that does not fit. */
	while (max > 0 && ((guchar)clean[max] & 0xc0) == 0x80)
		max--;
	clean[max] = '\0';
	return g_strconcat(clean, ellipsis, NULL);
}
