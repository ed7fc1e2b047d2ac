/* The tree to content lines. */
#include <string.h>

#include "vobject.h"

#define LINE 75

struct writer {
	GString *text;
	enum vdialect dialect;
	const struct vobject_style *style;
};

static const char *const versions[] = {
	[VCARD_2_1] = "2.1",     [VCARD_3_0] = "3.0",     [VCARD_4_0] = "4.0",
	[VCALENDAR_1_0] = "1.0", [ICALENDAR_2_0] = "2.0", [VNOTE_1_1] = "1.1",
};

/* --- values -------------------------------------------------------------------------------- */

/* As `separators` need it, and all that a value may not have as it is. */
static void append_escaped(const struct writer *writer, GString *line, const char *value,
			   const char *separators)
{
	static const char *const stops[] = {"", ";,", "\\\n", "\\\n;,"};
	gboolean old = vdialect_is_old(writer->dialect);
	const char *stop_at = stops[(old ? 0 : 2) + (*separators == '\0' ? 0 : 1)], *from = value;

	for (;;) {
		gsize plain = strcspn(value, stop_at);

		g_string_append_len(line, value, (gssize)plain);
		value += plain;
		if (*value == '\0')
			return;
		/* After a backslash a comma would be read as one that is escaped. */
		if (!old || strchr(separators, *value) != NULL ||
		    (*value == ',' && value > from && value[-1] == '\\'))
			g_string_append_c(line, '\\');
		g_string_append_c(line, *value == '\n' ? 'n' : *value);
		value++;
	}
}

static const char *separators_of(const struct writer *writer, enum vshape shape)
{
	gboolean old = vdialect_is_old(writer->dialect);

	switch (shape) {
	case VSHAPE_STRUCTURED:
		return old ? ";" : ",;";
	case VSHAPE_LIST:
		/* Read by both, by us and by some devices. */
		return ",;";
	case VSHAPE_TEXT:
		return old ? "" : ",;";
	case VSHAPE_RAW:
	case VSHAPE_BINARY:
		break;
	}
	return "";
}

/* A backslash before it, which old dialects cannot escape, would make text of it. */
static void append_separator(const struct writer *writer, GString *line, char separator)
{
	while (vdialect_is_old(writer->dialect) && line->len > 0 &&
	       line->str[line->len - 1] == '\\')
		g_string_truncate(line, line->len - 1);
	g_string_append_c(line, separator);
}

static char *value_of(const struct writer *writer, const struct vproperty *property)
{
	enum vshape shape = vshape_of(property->name);
	gboolean old = vdialect_is_old(writer->dialect);
	const char *separators = separators_of(writer, shape);
	GString *line = g_string_new(NULL);

	for (guint i = 0; i < property->components->len; i++) {
		const GPtrArray *values = property->components->pdata[i];

		if (i > 0)
			append_separator(writer, line, ';');
		for (guint j = 0; j < values->len; j++) {
			/* A list in a component is text in 2.1. */
			if (j > 0)
				append_separator(writer, line,
						 old && shape == VSHAPE_LIST ? ';' : ',');
			if (shape == VSHAPE_RAW || shape == VSHAPE_BINARY)
				g_string_append(line, values->pdata[j]);
			else
				append_escaped(writer, line, values->pdata[j], separators);
		}
	}
	return g_string_free(line, FALSE);
}

/* --- parameters ------------------------------------------------------------------------------- */

static gboolean needs_quotes(const char *value)
{
	return strpbrk(value, ":;,") != NULL;
}

/* As it would be read: without controls, quotes and blanks around. New. */
static char *param_value(const char *value)
{
	char *clean = g_strdup(value), *to = clean;

	for (const char *from = clean; *from != '\0'; from++) {
		if (((guchar)*from >= 0x20 || *from == '\t') && *from != '"')
			*to++ = *from;
	}
	*to = '\0';
	return g_strstrip(clean);
}

static void append_param(const struct writer *writer, GString *line, const struct vparam *param)
{
	gboolean old = vdialect_is_old(writer->dialect);
	g_autofree char *value = param_value(param->value);

	/* 2.1 says types by themselves, and cannot quote. */
	if (old && (needs_quotes(value) || strchr(param->value, '"') != NULL))
		return;
	g_string_append_c(line, ';');
	/* One with '=' would be another parameter. */
	if (!old || strcmp(param->name, "TYPE") != 0 || strchr(value, '=') != NULL) {
		g_string_append(line, param->name);
		g_string_append_c(line, '=');
	}
	if (needs_quotes(value)) {
		g_string_append_c(line, '"');
		g_string_append(line, value);
		g_string_append_c(line, '"');
	} else {
		g_string_append(line, value);
	}
}

static void append_head(const struct writer *writer, GString *line,
			const struct vproperty *property)
{
	if (property->group != NULL) {
		g_string_append(line, property->group);
		g_string_append_c(line, '.');
	}
	g_string_append(line, property->name);
	for (guint i = 0; i < property->params->len; i++)
		append_param(writer, line, property->params->pdata[i]);
}

/* --- lines ---------------------------------------------------------------- */

/* RFC 6350 section 3.2: after 75 octets, not in a character. */
static void append_folded(const struct writer *writer, const char *line)
{
	gsize len = strlen(line), max = LINE;

	if (writer->style != NULL && writer->style->no_fold)
		max = G_MAXSIZE;
	while (len > max) {
		gsize end = max;

		while (end > 1 && ((guchar)line[end] & 0xC0) == 0x80)
			end--;
		g_string_append_len(writer->text, line, (gssize)end);
		g_string_append(writer->text, "\r\n ");
		line += end;
		len -= end;
		max = LINE - 1;
	}
	g_string_append(writer->text, line);
	g_string_append(writer->text, "\r\n");
}

static gboolean is_plain(const char *value)
{
	gsize len = strlen(value);

	for (const char *c = value; *c != '\0'; c++) {
		if ((guchar)*c >= 0x80 || *c == '\n' || *c == '\r')
			return FALSE;
	}
	return len == 0 || (value[0] != ' ' && value[len - 1] != ' ');
}

/* RFC 2045 section 6.7, with CR LF for a line's end. */
static void append_quoted_printable(const struct writer *writer, const char *value, gsize used)
{
	static const char digits[] = "0123456789ABCDEF";
	gboolean fold = writer->style == NULL || !writer->style->no_fold;
	/* As much of a line as is not in the text yet. */
	char line[LINE];
	gsize held = 0;

	for (const char *c = value; *c != '\0'; c++) {
		char octets[] = {'=', digits[(guchar)*c >> 4], digits[*c & 0x0F]};
		const char *piece = octets;
		gsize len = sizeof(octets);

		if (*c == '\n') {
			piece = "=0D=0A";
			len = strlen(piece);
		} else if ((guchar)*c >= 0x20 && (guchar)*c < 0x80 && *c != '=' &&
			   (*c != ' ' || (c[1] != '\0' && c[1] != '\n'))) {
			piece = c;
			len = 1;
		}
		if (used + len > LINE) {
			g_string_append_len(writer->text, line, (gssize)held);
			if (fold)
				g_string_append_len(writer->text, "=\r\n", 3);
			used = held = 0;
		}
		memcpy(line + held, piece, len);
		held += len;
		used += len;
	}
	g_string_append_len(writer->text, line, (gssize)held);
	g_string_append(writer->text, "\r\n");
}

static char *in_charset(const struct writer *writer, const char *value, const char **charset_r)
{
	const char *charset = writer->style == NULL ? NULL : writer->style->charset;
	char *converted = NULL;

	if (charset != NULL && g_ascii_strcasecmp(charset, "UTF-8") != 0)
		converted = g_convert(value, -1, charset, "UTF-8", NULL, NULL, NULL);
	*charset_r = converted == NULL ? "UTF-8" : charset;
	return converted == NULL ? g_strdup(value) : converted;
}

/* 2.1, 1.0: what is not plain says its charset and is quoted. */
static void write_old(const struct writer *writer, const struct vproperty *property)
{
	g_autoptr(GString) head = g_string_new(NULL);
	g_autofree char *value = value_of(writer, property);
	g_autofree char *octets = NULL;
	const char *charset;

	append_head(writer, head, property);
	if (is_plain(value)) {
		/* Folding would add blanks to a value that has none. */
		g_string_append_printf(writer->text, "%s:%s\r\n", head->str, value);
		return;
	}
	octets = in_charset(writer, value, &charset);
	g_string_append_printf(head, ";CHARSET=%s;ENCODING=QUOTED-PRINTABLE:", charset);
	g_string_append(writer->text, head->str);
	append_quoted_printable(writer, octets, MIN(head->len, LINE - 10));
}

static void write_new(const struct writer *writer, const struct vproperty *property)
{
	g_autoptr(GString) line = g_string_new(NULL);
	g_autofree char *value = value_of(writer, property);

	append_head(writer, line, property);
	g_string_append_printf(line, ":%s", value);
	append_folded(writer, line->str);
}

static void write_binary(const struct writer *writer, const struct vproperty *property)
{
	gsize len;
	const guchar *octets = g_bytes_get_data(property->binary, &len);
	g_autofree char *base64 =
		g_base64_encode(octets == NULL ? (const guchar *)"" : octets, len);
	g_autoptr(GString) line = g_string_new(NULL);

	append_head(writer, line, property);
	switch (writer->dialect) {
	case VCARD_4_0:
		g_string_append_printf(line, ":data:%s;base64,%s", vproperty_media_type(property),
				       base64);
		append_folded(writer, line->str);
		return;
	case VCARD_3_0:
		g_string_append_printf(line, ";ENCODING=b:%s", base64);
		append_folded(writer, line->str);
		return;
	case ICALENDAR_2_0:
		g_string_append_printf(line, ";ENCODING=BASE64;VALUE=BINARY:%s", base64);
		append_folded(writer, line->str);
		return;
	case VCARD_2_1:
	case VCALENDAR_1_0:
	case VNOTE_1_1:
		break;
	}
	g_string_append_printf(line, ";ENCODING=BASE64:\r\n");
	for (gsize at = 0, end = strlen(base64); at < end; at += 72) {
		g_string_append_c(line, ' ');
		g_string_append_len(line, base64 + at, (gssize)MIN(72, end - at));
		g_string_append(line, "\r\n");
	}
	/* The empty line is its end. */
	g_string_append_printf(writer->text, "%s\r\n", line->str);
}

static void write_object(const struct writer *writer, const struct vobject *object, gboolean root)
{
	g_string_append_printf(writer->text, "BEGIN:%s\r\n", object->name);
	if (root)
		g_string_append_printf(writer->text, "VERSION:%s\r\n", versions[writer->dialect]);
	for (guint i = 0; i < object->properties->len; i++) {
		const struct vproperty *property = object->properties->pdata[i];

		if (property->binary != NULL)
			write_binary(writer, property);
		else if (vdialect_is_old(writer->dialect))
			write_old(writer, property);
		else
			write_new(writer, property);
	}
	for (guint i = 0; i < object->children->len; i++)
		write_object(writer, object->children->pdata[i], FALSE);
	g_string_append_printf(writer->text, "END:%s\r\n", object->name);
}

GString *vobject_write(const struct vobject *object, enum vdialect dialect,
		       const struct vobject_style *style)
{
	struct writer writer = {
		.text = g_string_new(NULL),
		.dialect = dialect,
		.style = style,
	};

	write_object(&writer, object, TRUE);
	return writer.text;
}
