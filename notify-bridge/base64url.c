#include "base64url.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *base64url_encode(const void *data, gsize len)
{
	char *text = g_base64_encode(data, len), *end = text;

	for (char *p = text; *p != '\0' && *p != '='; p++) {
		if (*p == '+')
			*p = '-';
		else if (*p == '/')
			*p = '_';
		end = p + 1;
	}
	*end = '\0';
	return text;
}

static int digit(char c)
{
	const char *p = c == '\0' ? NULL : strchr(alphabet, c);

	return p == NULL ? -1 : (int)(p - alphabet);
}

/* GLib's decoder skips what it does not know, so two spellings of a key would be
 * one: keys are compared as text, so there must be one spelling only. */
guint8 *base64url_decode(const char *text, gsize *len_r)
{
	gsize chars = strlen(text), len = 0;
	guint32 bits = 0;
	guint have = 0;
	guint8 *data;

	for (guint padding = 0; padding < 2 && chars > 0 && text[chars - 1] == '='; padding++)
		chars--;
	if (chars % 4 == 1)
		return NULL;
	data = g_malloc(chars / 4 * 3 + 3);
	for (gsize i = 0; i < chars; i++) {
		int value = digit(text[i]);

		if (value < 0) {
			g_free(data);
			return NULL;
		}
		bits = bits << 6 | (guint32)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			data[len++] = (guint8)(bits >> have);
		}
	}
	if ((bits & ((1U << have) - 1)) != 0) {
		g_free(data);
		return NULL;
	}
	*len_r = len;
	return data;
}
